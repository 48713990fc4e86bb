/* An upstream packet, as the front hands it to mx_ingest. The first octet
 * chooses the validation state and limits; the question asked is the packet's
 * own, so that the fuzzer gets past it.
 *
 * The heaviest claim: an answer given to a client, whatever its age and turn,
 * and read in again is the same answer, octet for octet. A wrong pointer,
 * offset, count or length anywhere breaks it. */
#include <string.h>

#include "check.h"
#include "mx_ingest.h"

struct asked {
	struct mx_name qname;
	struct mx_key key;
	enum mx_validation state;
	struct mx_ingest_limits limits;
};

static void ask(struct asked *a, uint8_t choice, const uint8_t *packet,
		size_t len)
{
	struct mx_in in;

	mx_in_init(&in, packet, len);
	mx_in_octets(&in, MX_HEADER_LEN);
	mx_in_name_plain(&in, &a->qname);
	mx_name_lower(a->qname.octets, a->qname.len);
	a->key.qname = a->qname.octets;
	a->key.qname_len = a->qname.len;
	a->key.qtype = mx_in_u16(&in);
	a->key.qclass = mx_in_u16(&in);
	a->state = (enum mx_validation)(choice & 3);
	a->limits = (struct mx_ingest_limits){
		.ttl_max_s = choice & 4 ? 86400 : 100,
		.negative_ttl_max_s = choice & 8 ? 900 : 0,
		.bogus_ttl_max_s = choice & 16 ? 60 : 1,
	};
}

/* The message a client gets, RCODE included. Returns its length. */
static size_t message(const struct asked *a, const struct mx_answer *answer,
		      const struct mx_form *form, uint32_t age_s,
		      uint32_t turn, uint8_t out[MX_MESSAGE_MAX])
{
	struct mx_out o;

	mx_out_init(&o, out, MX_MESSAGE_MAX);
	mx_out_u32(&o, 0x8180u | answer->rcode);
	mx_out_u16(&o, 1);
	mx_out_u16(&o, form->ancount);
	mx_out_u16(&o, form->nscount);
	mx_out_u16(&o, form->arcount);
	mx_out_octets(&o, a->key.qname, a->key.qname_len);
	mx_out_u16(&o, a->key.qtype);
	mx_out_u16(&o, a->key.qclass);
	CHECK(!o.full && mx_out_len(&o) + form->len <= MX_MESSAGE_MAX);
	mx_form_write(form, age_s, turn, o.at);
	return mx_out_len(&o) + form->len;
}

/* Walk the RRs: they are where ttl_at says, and fill the message. */
static void check_rrs(const struct asked *a, const struct mx_answer *answer,
		      const struct mx_form *form)
{
	static uint8_t msg[MX_MESSAGE_MAX];
	size_t len = message(a, answer, form, 0, 0, msg), body;
	bool plain = form == &answer->plain;
	struct mx_in in;

	mx_in_init(&in, msg, len);
	mx_in_octets(&in, MX_HEADER_LEN + (size_t)a->key.qname_len + 4);
	body = mx_in_left(&in);
	CHECK(form->arcount == 0);
	CHECK(form->ttl_count == form->ancount + form->nscount);
	for (unsigned i = 0; i < form->ttl_count; i++) {
		struct mx_name owner;

		if (form->turn_count > 1 &&
		    body - mx_in_left(&in) == form->turn_at)
			CHECK(i + form->turn_count <= form->ancount);
		mx_in_name(&in, &owner);
		uint16_t type = mx_in_u16(&in);
		CHECK(mx_in_u16(&in) == MX_CLASS_IN);
		CHECK(form->ttl_at[i] == body - mx_in_left(&in));
		uint32_t ttl_s = mx_in_u32(&in);
		CHECK(ttl_s <= a->limits.ttl_max_s);
		CHECK(answer->ttl_s <= ttl_s || answer->state == MX_BOGUS);
		mx_in_octets(&in, mx_in_u16(&in));
		CHECK(!plain || type == a->key.qtype ||
		      (type != MX_TYPE_RRSIG && type != MX_TYPE_NSEC &&
		       type != MX_TYPE_NSEC3));
		CHECK(type != MX_TYPE_NS || a->key.qtype == MX_TYPE_NS);
	}
	CHECK(mx_in_end(&in) == MX_OK);
}

/* Give it out turned, read it in: only the turn may show. */
static void check_again(const struct asked *a, const struct mx_answer *answer,
			const struct mx_form *form, uint32_t turn,
			struct mx_ingest_room *room)
{
	static uint8_t msg[MX_MESSAGE_MAX];
	size_t len = message(a, answer, form, 0, turn, msg);
	struct mx_answer again;

	CHECK(mx_ingest(msg, len, &a->key, a->state, &a->limits, room,
			&again) == MX_OK);
	CHECK(again.kind == answer->kind && again.rcode == answer->rcode);
	CHECK(again.full.len == form->len);
	CHECK(again.full.ancount == form->ancount);
	CHECK(again.full.turn_count == form->turn_count);
	CHECK(again.full.turn_at == form->turn_at);
	CHECK(form->len == 0 ||
	      memcmp(again.full.octets, msg + len - form->len, form->len) ==
		      0);
}

/* What the TTLs of a message add up to; with older_s, if each were lowered by
 * that much. */
static uint64_t ttl_sum(const struct asked *a, const uint8_t *msg, size_t len,
			uint32_t older_s)
{
	struct mx_in in;
	uint64_t sum = 0;

	mx_in_init(&in, msg, len);
	mx_in_octets(&in, MX_HEADER_LEN + (size_t)a->key.qname_len + 4);
	while (mx_in_left(&in) > 0) {
		mx_in_name_skip(&in);
		mx_in_u32(&in);
		uint32_t ttl_s = mx_in_u32(&in);
		sum += ttl_s > older_s ? ttl_s - older_s : 0;
		mx_in_octets(&in, mx_in_u16(&in));
	}
	CHECK(mx_in_end(&in) == MX_OK);
	return sum;
}

/* Ageing touches the TTLs, wherever a turn put them, and nothing else. */
static void check_age(const struct asked *a, const struct mx_answer *answer,
		      uint32_t age_s, uint32_t turn)
{
	static uint8_t young[MX_MESSAGE_MAX], old[MX_MESSAGE_MAX];
	size_t len = message(a, answer, &answer->full, 0, turn, young);
	size_t differ = 0;

	CHECK(message(a, answer, &answer->full, age_s, turn, old) == len);
	CHECK(ttl_sum(a, old, len, 0) == ttl_sum(a, young, len, age_s));
	for (size_t i = 0; i < len; i++)
		differ += young[i] != old[i];
	CHECK(differ <= 4u * answer->full.ttl_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct mx_ingest_room *room, *second;
	static struct mx_check_room check_room;
	struct asked a;
	struct mx_answer answer;

	if (len == 0)
		return 0;
	if (room == NULL) {
		room = mx_ingest_room_new();
		second = mx_ingest_room_new();
	}
	CHECK(room != NULL && second != NULL);
	ask(&a, octets[0], octets + 1, len - 1);
	if (mx_ingest(octets + 1, len - 1, &a.key, a.state, &a.limits, room,
		      &answer) != MX_OK)
		return 0;
	CHECK(answer.state == a.state);
	CHECK(answer.ttl_s <= a.limits.ttl_max_s);
	CHECK(answer.state != MX_BOGUS ||
	      (answer.ttl_s >= 1 && answer.ttl_s <= a.limits.bogus_ttl_max_s));
	CHECK(answer.kind == MX_ANSWER_NXDOMAIN ||
	      answer.rcode == MX_RCODE_NOERROR);
	CHECK(answer.kind != MX_ANSWER_POSITIVE || answer.plain.ancount > 0);
	CHECK(answer.plain.len <= answer.full.len);
	CHECK((answer.plain.octets == answer.full.octets) ==
	      (answer.plain.ttl_count == answer.full.ttl_count));
	/* What is kept can be taken out of a snapshot again. */
	CHECK(answer.ttl_s == 0 || a.key.qclass != MX_CLASS_IN ||
	      mx_answer_check(&a.key, &answer, a.limits.ttl_max_s,
			      &check_room) == MX_OK);
	check_rrs(&a, &answer, &answer.full);
	check_rrs(&a, &answer, &answer.plain);
	for (uint32_t turn = 0; turn < 3; turn++) {
		check_again(&a, &answer, &answer.full, turn, second);
		check_again(&a, &answer, &answer.plain, turn, second);
	}
	for (uint32_t turn = 0; turn < 3; turn++)
		check_age(&a, &answer, octets[0], turn);
	return 0;
}
