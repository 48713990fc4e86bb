/* options.c - the EDNS options of a query that a reply has something for.
 *
 * Hardly any query has one: what asks here is a dig or another resolver. */
#include <string.h>

#include "front.h"

enum { OPTION_NSID = 3, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11 };

static void put_head(struct mx_out *out, uint16_t code, size_t len)
{
	mx_out_u16(out, code);
	mx_out_u16(out, (uint16_t)len);
}

static enum cookie_state put_cookie(const struct worker *worker,
				    const struct mx_query *q,
				    const struct sockaddr *peer,
				    struct mx_out *out)
{
	uint32_t now_s = (uint32_t)(mx_clock_wall_ms() / 1000);
	uint8_t cookie[COOKIE_LEN];
	enum cookie_state state;

	if (!(q->asks & MX_ASKS_COOKIE) || !worker->cookies)
		return COOKIE_NONE;
	state = cookies_check(worker->cookies, q->cookie, q->cookie_len, peer,
			      now_s, cookie);
	put_head(out, OPTION_COOKIE, sizeof(cookie));
	mx_out_octets(out, cookie, sizeof(cookie));
	return state;
}

enum cookie_state options_serve(const struct worker *worker,
				const struct mx_query *q,
				const struct sockaddr *peer, bool tcp,
				struct options *ret)
{
	struct mx_out out;
	enum cookie_state state;

	*ret = (struct options){ .nsid = q->asks & MX_ASKS_NSID
						 ? worker->config->nsid
						 : "" };
	mx_out_init(&out, ret->octets, sizeof(ret->octets));
	state = put_cookie(worker, q, peer, &out);
	if (tcp && q->asks & MX_ASKS_KEEPALIVE) {
		put_head(&out, OPTION_KEEPALIVE, 2);
		mx_out_u16(&out,
			   (uint16_t)(tcp_idle_ms(worker->tcp) /
				      KEEPALIVE_UNIT_MS));
	}
	ret->len = (uint8_t)mx_out_len(&out);
	return state;
}

void options_put(const struct options *options, struct mx_out *out)
{
	size_t nsid = strlen(options->nsid);

	mx_out_octets(out, options->octets, options->len);
	if (nsid == 0 || (size_t)(out->end - out->at) < 4 + nsid)
		return;
	put_head(out, OPTION_NSID, nsid);
	mx_out_octets(out, options->nsid, nsid);
}
