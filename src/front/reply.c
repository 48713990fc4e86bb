/* reply.c - the octets of a reply: header, question, body, OPT.
 *
 *   |header 12|question as asked|body from cache or answer|OPT [EDE]|
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
static void put_ede(struct mx_out *out, const struct reply_ede *ede)
{
	size_t left = (size_t)(out->end - out->at);

	if (ede->code == MX_EDE_NONE || left < OPTION_HEAD + EDE_CODE)
		return;

	size_t text = strlen(ede->text);

	if (left < OPTION_HEAD + EDE_CODE + text)
		text = 0;
	mx_out_u16(out, OPTION_EDE);
	mx_out_u16(out, (uint16_t)(EDE_CODE + text));
	mx_out_u16(out, ede->code);
	mx_out_octets(out, ede->text, text);
}

/* The OPT RR, RFC 6891 section 6.1.2: DO is copied (RFC 3225), all other
 * flags are zero, the version is ours. */
static void put_opt(struct mx_out *out, const struct mx_query *q,
		    const struct reply *reply)
{
	uint8_t *o = mx_out_room(out, MX_OPT_LEN);

	if (!o)
		return;
	o[0] = 0;
	mx_put_u16(o + 1, MX_TYPE_OPT);
	mx_put_u16(o + 3, ADVERTISED_UDP_SIZE);
	o[5] = (uint8_t)(reply->rcode >> 4);
	o[6] = 0;
	mx_put_u16(o + 7, q->dnssec_ok ? 0x8000 : 0);
	for (size_t i = 0; i < 2; i++)
		put_ede(out, &reply->ede[i]);
	mx_put_u16(o + 9, (uint16_t)(out->at - (o + MX_OPT_LEN)));
}

size_t reply_finish(const struct mx_query *q, const struct reply *reply,
		    uint8_t *msg, size_t limit)
{
	struct mx_out out;
	bool empty = reply->truncated;

	mx_out_init(&out, msg, limit);
	uint8_t *h = mx_out_room(&out, MX_HEADER_LEN);
	if (!h)
		return 0;
	mx_put_u16(h, q->id);
	mx_put_u16(h + 2, (uint16_t)(QR | (q->opcode & 15) << 11 |
				     (reply->truncated ? TC : 0) |
				     (q->rd ? RD : 0) | RA |
				     (reply->ad && !empty ? AD : 0) |
				     (q->cd ? CD : 0) | (reply->rcode & 15)));
	mx_put_u16(h + 4, q->question ? 1 : 0);
	mx_put_u16(h + 6, empty ? 0 : reply->ancount);
	mx_put_u16(h + 8, empty ? 0 : reply->nscount);
	mx_put_u16(h + 10, (uint16_t)((empty ? 0 : reply->arcount) +
				      (q->has_opt ? 1 : 0)));
	if (q->question)
		mx_out_octets(&out, q->question, q->question_len);
	if (!empty)
		out.at += reply->body_len;
	if (q->has_opt)
		put_opt(&out, q, reply);
	return mx_out_len(&out);
}
