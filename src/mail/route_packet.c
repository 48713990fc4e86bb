/* route_packet.c - queries and responses of a route. See mx_route.h. */
#include "route_packet.h"

#include <stdlib.h>

#include "route.h"

#define FLAG_QR 0x8000u
#define FLAG_AA 0x0400u
#define FLAG_TC 0x0200u
#define FLAG_RD 0x0100u
#define FLAG_RA 0x0080u
#define FLAG_AD 0x0020u
#define EDNS_SIZE 1232u /* RFC 9715 section 3.1 */

/* A failure may be asked for again after so long, RFC 9520 section 3.2: not
 * less than 1 s, and a mail queue is in no hurry. */
#define FAILURE_MS 5000

static const struct mx_ingest_limits limits = {
	.ttl_max_s = 86400, .negative_ttl_max_s = 10800, .bogus_ttl_max_s = 5,
};

struct route_room {
	struct mx_mail_room mail;
	struct mx_ingest_room *ingest;
};

void route_room_free(struct route_room *room)
{
	if (room != NULL)
		mx_ingest_room_free(room->ingest);
	free(room);
}

static struct route_room *room_new(void)
{
	struct route_room *room = calloc(1, sizeof(*room));

	if (room != NULL && (room->ingest = mx_ingest_room_new()) == NULL) {
		free(room);
		room = NULL;
	}
	return room;
}

size_t mx_route_query(const struct mx_route_question *question, uint16_t id,
		      uint8_t ret[MX_ROUTE_QUERY_MAX])
{
	struct mx_out out;

	mx_out_init(&out, ret, MX_ROUTE_QUERY_MAX);
	mx_out_u16(&out, id);
	mx_out_u16(&out, FLAG_RD | FLAG_AD);
	mx_out_u16(&out, 1); /* QDCOUNT */
	mx_out_u32(&out, 0); /* ANCOUNT, NSCOUNT */
	mx_out_u16(&out, 1); /* ARCOUNT */
	mx_out_octets(&out, question->qname.octets, question->qname.len);
	mx_out_u16(&out, question->qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_u8(&out, 0); /* the root: OPT, RFC 6891 section 6.1.2 */
	mx_out_u16(&out, MX_TYPE_OPT);
	mx_out_u16(&out, EDNS_SIZE);
	mx_out_u32(&out, 0);
	mx_out_u16(&out, 0);
	return mx_out_len(&out);
}

/* The question that the response repeats; false: it is none. */
static bool read_question(const uint8_t *packet, size_t len,
			  struct mx_name *qname, struct mx_key *ret,
			  uint16_t *ret_flags)
{
	struct mx_in in;

	mx_in_init(&in, packet, len);
	mx_in_u16(&in); /* ID */
	*ret_flags = mx_in_u16(&in);
	uint16_t questions = mx_in_u16(&in);

	mx_in_octets(&in, 6);
	mx_in_name_plain(&in, qname);
	ret->qtype = mx_in_u16(&in);
	ret->qclass = mx_in_u16(&in);
	mx_name_lower(qname->octets, qname->len);
	ret->qname = qname->octets;
	ret->qname_len = qname->len;
	return in.err == MX_OK && questions == 1 && (*ret_flags & FLAG_QR);
}

/* A server that does not recurse has only sent us on to others: that is not
 * NODATA, from which an implicit MX would follow. */
static bool is_referral(const struct mx_answer *answer, uint16_t flags)
{
	return answer->kind == MX_ANSWER_NODATA &&
	       !(flags & (FLAG_AA | FLAG_RA));
}

static void hear(struct mx_route *route, const struct mx_key *key,
		 const uint8_t *packet, size_t len, bool secure, uint16_t flags,
		 int64_t now_ms)
{
	struct mx_route_answer failure = { .kind = MX_ANSWER_FAILURE,
					   .expires_ms = now_ms + FAILURE_MS };
	struct mx_answer answer;
	enum mx_error err = mx_ingest(packet, len, key,
				      secure ? MX_SECURE : MX_INSECURE,
				      &limits, route->room->ingest, &answer);

	if (err != MX_OK || is_referral(&answer, flags)) {
		route_hear(route, key, &failure, NULL);
		return;
	}
	const struct mx_route_answer taken = {
		.kind = answer.kind, .state = answer.state,
		.form = &answer.plain,
		.expires_ms = now_ms + (int64_t)answer.ttl_s * 1000,
	};

	route_hear(route, key, &taken, &route->room->mail);
}

enum mx_route_heard mx_route_response(struct mx_route *route,
				      const uint8_t *packet, size_t len,
				      bool trust_ad, int64_t now_ms)
{
	struct mx_name qname;
	struct mx_key key;
	uint16_t flags;

	if (!read_question(packet, len, &qname, &key, &flags) ||
	    !route_has(route, &key))
		return MX_ROUTE_NOT_HEARD;
	if (flags & FLAG_TC)
		return MX_ROUTE_TRUNCATED;
	if (route->room == NULL && (route->room = room_new()) == NULL)
		return MX_ROUTE_NO_MEMORY;
	hear(route, &key, packet, len, trust_ad && (flags & FLAG_AD), flags,
	     now_ms);
	return MX_ROUTE_HEARD;
}
