/* reply.c - the octets of a reply: header, question, body, OPT.
 *
 *   |header 12|question as asked|body from cache or answer|
 *   |OPT [COOKIE] [KEEPALIVE] [NSID] [EDE]|
 */
#include <string.h>

#include "front.h"

/* Header flags, RFC 1035 section 4.1.1 and RFC 4035 section 3.2. */
enum { QR = 0x8000, TC = 0x0200, RD = 0x0100, RA = 0x0080, AD = 0x0020,
       CD = 0x0010 };
enum { OPTION_EDE = 15, OPTION_HEAD = 4, EDE_CODE = 2 };

/* What we say we can take ourselves: RFC 9715 and the flag day's figure. */
#define ADVERTISED_UDP_SIZE 1232

size_t reply_limit(const struct mx_query *q, bool tcp, size_t udp_size_max)
{
	if (tcp)
		return MX_MESSAGE_MAX;

	size_t client = q->udp_size < MX_UDP_PLAIN_MAX ? MX_UDP_PLAIN_MAX
						       : q->udp_size;
	return client < udp_size_max ? client : udp_size_max;
}

uint8_t *reply_body(const struct mx_query *q, uint8_t *msg)
{
	return msg + MX_HEADER_LEN + q->question_len;
}

size_t reply_body_room(const struct mx_query *q, size_t limit)
{
	return limit - MX_HEADER_LEN - q->question_len -
	       (q->has_opt ? MX_OPT_LEN : 0);
}

/* One EDE option, RFC 8914 section 2: without its text if that does not fit,
 * or not at all. Extra text is a help, the answer is not to suffer for it. */
static void put_ede(struct mx_out *out, struct reply_ede ede)
{
	size_t left = (size_t)(out->end - out->at);

	if (ede.code == MX_EDE_NONE || left < OPTION_HEAD + EDE_CODE)
		return;

	size_t text = strlen(ede.text);

	if (left < OPTION_HEAD + EDE_CODE + text)
		text = 0;
	mx_out_u16(out, OPTION_EDE);
	mx_out_u16(out, (uint16_t)(EDE_CODE + text));
	mx_out_u16(out, ede.code);
	mx_out_octets(out, ede.text, text);
}

/* Options behind the OPT RR at opt, as far as there is room; returns their
 * octets. */
static MX_COLD size_t put_options(uint8_t *opt, size_t room,
				  const struct options *options,
				  struct reply_ede first,
				  struct reply_ede second)
{
	struct mx_out out;

	mx_out_init(&out, opt + MX_OPT_LEN,
		    room + (options ? options->len : 0));
	if (options)
		options_put(options, &out);
	put_ede(&out, first);
	put_ede(&out, second);
	mx_put_u16(opt + 9, (uint16_t)mx_out_len(&out));
	return mx_out_len(&out);
}

/* The OPT RR, RFC 6891 section 6.1.2: DO is copied (RFC 3225), all other
 * flags are zero, the version is ours. room: behind it. */
static size_t put_opt(uint8_t *opt, size_t room, const struct mx_query *q,
		      const struct options *options,
		      const struct reply *reply)
{
	static const uint8_t empty[MX_OPT_LEN] = {
		0, 0, MX_TYPE_OPT,
		ADVERTISED_UDP_SIZE >> 8, ADVERTISED_UDP_SIZE & 0xff,
	};

	memcpy(opt, empty, MX_OPT_LEN);
	opt[5] = (uint8_t)(reply->rcode >> 4);
	opt[7] = (uint8_t)(q->dnssec_ok * 0x80);
	if (reply->ede[0].code == MX_EDE_NONE &&
	    reply->ede[1].code == MX_EDE_NONE && q->asks == 0)
		return MX_OPT_LEN;
	return MX_OPT_LEN + put_options(opt, room, q->asks ? options : NULL,
					reply->ede[0], reply->ede[1]);
}

/* Flags are multiplied rather than chosen: this is done for every reply. */
static void put_header(uint8_t *h, const struct mx_query *q,
		       const struct reply *reply)
{
	unsigned full = !reply->truncated;

	mx_put_u16(h, q->id);
	mx_put_u16(h + 2, (uint16_t)(QR | RA | (q->opcode & 15u) << 11 |
				     (1 - full) * TC | q->rd * RD |
				     (reply->ad & full) * AD | q->cd * CD |
				     (reply->rcode & 15u)));
	mx_put_u16(h + 4, q->question != NULL);
	mx_put_u16(h + 6, (uint16_t)(full * reply->ancount));
	mx_put_u16(h + 8, (uint16_t)(full * reply->nscount));
	mx_put_u16(h + 10, (uint16_t)(full * reply->arcount + q->has_opt));
}

size_t reply_finish(const struct mx_query *q, const struct options *options,
		    const struct reply *reply, uint8_t *msg, size_t limit)
{
	size_t len = MX_HEADER_LEN + q->question_len +
		     (reply->truncated ? 0 : reply->body_len);

	if (len + (q->has_opt ? MX_OPT_LEN : 0) > limit)
		return 0;
	put_header(msg, q, reply);
	if (q->question)
		memcpy(msg + MX_HEADER_LEN, q->question, q->question_len);
	if (q->has_opt)
		len += put_opt(msg + len, limit - len - MX_OPT_LEN, q, options,
			       reply);
	return len;
}
