/* An answer out of a snapshot, as the front hands it to mx_answer_check. What
 * it lets pass is given to clients: written in every way, it stays in its
 * bounds (the sanitizers see that) and is a message that a packet's reader
 * takes, with the same RRs.
 *
 *   octets   choice, ancount, nscount, turn_at (2), turn_count, wrong (2),
 *            QNAME length, QNAME, QTYPE (2), body
 *
 * Offsets of TTLs are found as a careless writer would; the one that `wrong`
 * names is moved if the choice says so. */
#include <string.h>

#include "check.h"
#include "mx_ede.h"
#include "mx_ingest.h"

#define TTL_MAX_S 86400u

static uint16_t ttl_at[65536];

static void find_ttls(struct mx_form *form, uint8_t *msg, size_t body_at)
{
	struct mx_in in;

	mx_in_init(&in, msg, body_at + form->len);
	mx_in_octets(&in, body_at);
	while (in.err == MX_OK && mx_in_left(&in) > 0 &&
	       form->ttl_count < form->ancount + form->nscount) {
		mx_in_name_skip(&in);
		mx_in_u32(&in);
		ttl_at[form->ttl_count++] =
			(uint16_t)((size_t)(in.at - msg) - body_at);
		mx_in_u32(&in);
		mx_in_octets(&in, mx_in_u16(&in));
	}
}

/* Owners, RDATA and all. Returns the sum of the TTLs. */
static uint64_t read_back(const struct mx_form *form, const uint8_t *msg,
			  size_t body_at)
{
	uint64_t sum = 0;
	struct mx_in in;

	mx_in_init(&in, msg, body_at + form->len);
	mx_in_octets(&in, body_at);
	for (unsigned i = 0; i < form->ttl_count; i++) {
		struct mx_name owner;

		mx_in_name(&in, &owner);
		mx_in_u16(&in);
		CHECK(mx_in_u16(&in) == MX_CLASS_IN);
		sum += mx_in_u32(&in);
		mx_in_octets(&in, mx_in_u16(&in));
	}
	CHECK(mx_in_end(&in) == MX_OK);
	return sum;
}

static void give(const struct mx_answer *a, uint8_t *msg, size_t body_at)
{
	const struct mx_form *form = &a->plain;
	uint64_t fresh = 0;

	for (uint32_t turn = 0; turn < 3; turn++) {
		mx_form_write(form, 0, turn, msg + body_at);
		uint64_t sum = read_back(form, msg, body_at);

		CHECK(turn == 0 || sum == fresh);
		fresh = sum;
		mx_form_write(form, a->ttl_s / 2, turn, msg + body_at);
		CHECK(read_back(form, msg, body_at) <= fresh);
	}
	mx_form_write_stale(form, 30, msg + body_at);
	CHECK(read_back(form, msg, body_at) <= 30u * form->ttl_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct mx_check_room room;
	static uint8_t msg[2 * MX_MESSAGE_MAX];
	struct mx_answer a = { .ede = MX_EDE_NONE, .why = "" };
	struct mx_key key = { .qclass = MX_CLASS_IN };
	struct mx_in in;

	mx_in_init(&in, octets, len);
	uint8_t choice = mx_in_u8(&in);
	a.kind = (enum mx_answer_kind)(choice & 3);
	a.state = (enum mx_validation)(choice >> 2 & 3);
	a.rcode = a.kind == MX_ANSWER_NXDOMAIN ? MX_RCODE_NXDOMAIN : 0;
	a.ttl_s = choice & 16 ? 1 : 60;
	a.plain.ancount = mx_in_u8(&in);
	a.plain.nscount = mx_in_u8(&in);
	a.plain.turn_at = mx_in_u16(&in);
	a.plain.turn_count = mx_in_u8(&in);
	uint16_t wrong = mx_in_u16(&in);
	key.qname_len = mx_in_u8(&in);
	key.qname = mx_in_octets(&in, key.qname_len);
	key.qtype = mx_in_u16(&in);
	if (in.err != MX_OK || mx_in_left(&in) > MX_MESSAGE_MAX)
		return 0;
	a.plain.octets = in.at;
	a.plain.len = (uint32_t)mx_in_left(&in);
	a.plain.ttl_at = ttl_at;

	size_t body_at = MX_HEADER_LEN + (size_t)key.qname_len + 4;

	memset(msg, 0, body_at);
	memcpy(msg + MX_HEADER_LEN, key.qname, key.qname_len);
	memcpy(msg + body_at, a.plain.octets, a.plain.len);
	find_ttls(&a.plain, msg, body_at);
	if (choice & 32 && a.plain.ttl_count > 0)
		ttl_at[wrong % a.plain.ttl_count] ^= (uint16_t)(1 + wrong / 256);
	a.full = a.plain;
	if (mx_answer_check(&key, &a, TTL_MAX_S, &room) == MX_OK)
		give(&a, msg, body_at);
	return 0;
}
