/* A client's datagram, as the listeners hand it to mx_query_read. */
#include <string.h>

#include "check.h"
#include "mx_query.h"

static void check_question(const struct mx_query *q, const uint8_t *msg,
			   size_t len)
{
	CHECK(q->question == msg + MX_HEADER_LEN);
	CHECK(q->question_len == q->qname_len + 4);
	CHECK(MX_HEADER_LEN + (size_t)q->question_len <= len);
	CHECK(q->qname_len >= 1 && q->question[q->qname_len - 1] == 0);
}

/* The name must reach libunbound, which takes text, as it is. */
static void check_key(const struct mx_query *q)
{
	uint8_t room[MX_NAME_MAX];
	struct mx_key key = mx_query_key(q, room);
	char text[MX_NAME_TEXT_MAX];
	struct mx_name again;

	mx_name_to_text(key.qname, text);
	CHECK(strlen(text) < sizeof text);
	CHECK(mx_name_from_text(text, &again) == MX_OK);
	CHECK(again.len == key.qname_len);
	CHECK(memcmp(again.octets, key.qname, again.len) == 0);
	CHECK(key.qclass == MX_CLASS_IN);
}

/* What the query says, said in the fewest octets, is the same query. */
static void check_round_trip(const struct mx_query *q)
{
	uint8_t msg[MX_HEADER_LEN + MX_NAME_MAX + 4 + MX_OPT_LEN];
	struct mx_query again;
	enum mx_error err;
	struct mx_out out;

	mx_out_init(&out, msg, sizeof msg);
	mx_out_u16(&out, q->id);
	mx_out_u16(&out, (uint16_t)(q->opcode << 11 | q->rd << 8 |
				    q->ad << 5 | q->cd << 4));
	mx_out_u32(&out, 0x00010000);
	mx_out_u32(&out, q->has_opt);
	mx_out_octets(&out, q->question, q->question_len);
	if (q->has_opt) {
		mx_out_u8(&out, 0);
		mx_out_u16(&out, MX_TYPE_OPT);
		mx_out_u16(&out, q->udp_size);
		mx_out_u32(&out, q->dnssec_ok ? 0x8000 : 0);
		mx_out_u16(&out, 0);
	}
	CHECK(!out.full);
	CHECK(mx_query_read(msg, mx_out_len(&out), &again, &err) ==
	      MX_QUERY_ANSWER);
	CHECK(again.id == q->id && again.opcode == q->opcode);
	CHECK(again.rd == q->rd && again.ad == q->ad && again.cd == q->cd);
	CHECK(again.qname_len == q->qname_len && again.qtype == q->qtype);
	CHECK(again.has_opt == q->has_opt);
	CHECK(again.dnssec_ok == q->dnssec_ok);
	CHECK(again.udp_size == q->udp_size);
	CHECK(memcmp(again.question, q->question, q->question_len) == 0);
}

/* An RR more, which is ignored, keeps mx_query_read from taking the short way:
 * the long one must read the same. */
static void check_long_way(const uint8_t *octets, size_t len,
			   const struct mx_query *q)
{
	static const uint8_t rr[] = { 0, 0, MX_TYPE_A, 0, 1, 0, 0, 0, 0, 0, 0 };
	static uint8_t msg[MX_MESSAGE_MAX + sizeof rr];
	struct mx_query again;
	enum mx_error err;
	uint16_t arcount = mx_get_u16(octets + 10);

	if (len > MX_MESSAGE_MAX || arcount == UINT16_MAX)
		return;
	memcpy(msg, octets, len);
	memcpy(msg + len, rr, sizeof rr);
	mx_put_u16(msg + 10, (uint16_t)(arcount + 1));
	CHECK(mx_query_read(msg, len + sizeof rr, &again, &err) ==
	      MX_QUERY_ANSWER);
	CHECK(err == MX_OK && again.id == q->id && again.opcode == q->opcode);
	CHECK(again.rd == q->rd && again.ad == q->ad && again.cd == q->cd);
	CHECK(again.question == msg + (q->question - octets));
	CHECK(again.question_len == q->question_len);
	CHECK(again.qname_len == q->qname_len && again.qtype == q->qtype);
	CHECK(again.qclass == q->qclass && again.has_opt == q->has_opt);
	CHECK(again.dnssec_ok == q->dnssec_ok);
	CHECK(again.edns_version == q->edns_version);
	CHECK(again.udp_size == q->udp_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct mx_query q, cut;
	enum mx_error err, cut_err;
	enum mx_query_result result = mx_query_read(octets, len, &q, &err);
	enum mx_rcode rcode = mx_error_rcode(err);

	if (q.question != NULL)
		check_question(&q, octets, len);
	CHECK(q.has_opt || (q.udp_size == MX_UDP_PLAIN_MAX && !q.dnssec_ok));
	switch (result) {
	case MX_QUERY_DROP:
		CHECK(len < MX_HEADER_LEN || octets[2] & 0x80);
		break;
	case MX_QUERY_REFUSE:
		CHECK(rcode == MX_RCODE_FORMERR || rcode == MX_RCODE_NOTIMP ||
		      rcode == MX_RCODE_REFUSED || rcode == MX_RCODE_BADVERS ||
		      (err == MX_E_COOKIE_ONLY && q.asks & MX_ASKS_COOKIE));
		break;
	case MX_QUERY_ANSWER:
		CHECK(err == MX_OK && q.question != NULL && q.rd);
		check_key(&q);
		check_round_trip(&q);
		check_long_way(octets, len, &q);
		CHECK(mx_query_read(octets, len - 1, &cut, &cut_err) !=
		      MX_QUERY_ANSWER);
		break;
	}
	return 0;
}
