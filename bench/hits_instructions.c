/* hits_instructions - a worker of the front that answers from a warm cache,
 * for callgrind to count.
 *
 *   hits_instructions BATCH DO
 *
 * The worker is the real one with its event loop and a UDP socket on loopback;
 * only the clock stands still. BATCH queries lie in the socket each time the
 * loop is turned, MX and A in turn, all with EDNS, with DO if DO is 1. What
 * happens in answer() is counted:
 *
 *   valgrind --tool=callgrind --collect-atstart=no --toggle-collect=answer \
 *	hits_instructions 64 1
 *
 * says "Collected : N"; by the answers, which this program prints, that is
 * instructions in user space an answer.
 */
#include <stdio.h>

#include "../tests/unit/front_world.h"

#define NAMES 4000u
#define ANSWERS 51200u
#define WARM 8192u

static unsigned put_name(struct mx_out *out, char kind, uint32_t i)
{
	char label[16];
	uint8_t len = (uint8_t)snprintf(label, sizeof label, "d%u", i);
	uint8_t *start = out->at;

	if (kind == 'A')
		mx_out_octets(out, "\2mx", 3);
	mx_out_u8(out, len);
	mx_out_octets(out, label, len);
	mx_out_octets(out, "\3lab", 5);
	return (unsigned)(out->at - start);
}

/* Even numbers are MX of a domain, odd ones A of its host. */
static uint16_t put_question(struct mx_out *out, uint32_t number,
			     struct mx_key *ret_key, uint8_t *room)
{
	char kind = number % 2 ? 'A' : 'M';
	uint16_t qtype = kind == 'A' ? MX_TYPE_A : MX_TYPE_MX;
	uint8_t *at = out->at;
	unsigned len = put_name(out, kind, number / 2);

	memcpy(room, at, len);
	*ret_key = (struct mx_key){ room, (uint8_t)len, qtype, MX_CLASS_IN };
	mx_out_u16(out, qtype);
	mx_out_u16(out, MX_CLASS_IN);
	return qtype;
}

static void put_header(struct mx_out *out, uint16_t id, uint16_t flags,
		       uint16_t ancount, uint16_t arcount)
{
	mx_out_u16(out, id);
	mx_out_u16(out, flags);
	mx_out_u16(out, 1);
	mx_out_u16(out, ancount);
	mx_out_u16(out, 0);
	mx_out_u16(out, arcount);
}

static void put_rr_head(struct mx_out *out, uint16_t type, uint16_t len)
{
	mx_out_u16(out, 0xc00c);
	mx_out_u16(out, type);
	mx_out_u16(out, MX_CLASS_IN);
	mx_out_u32(out, 3600);
	mx_out_u16(out, len);
}

/* Two MX or one A, and a signature as long as one by ECDSA. */
static void put_answer(struct mx_out *out, uint16_t qtype)
{
	static const uint8_t signature[64];

	if (qtype == MX_TYPE_A) {
		put_rr_head(out, MX_TYPE_A, 4);
		mx_out_u32(out, 0xc6120001);
	}
	for (uint8_t i = 0; qtype == MX_TYPE_MX && i < 2; i++) {
		put_rr_head(out, MX_TYPE_MX, 7);
		mx_out_u16(out, (uint16_t)(10 * (i + 1)));
		mx_out_u8(out, 2);
		mx_out_u8(out, 'm');
		mx_out_u8(out, (uint8_t)('x' + i));
		mx_out_u16(out, 0xc00c);
	}
	put_rr_head(out, MX_TYPE_RRSIG, 18 + 5 + sizeof signature);
	mx_out_u16(out, qtype);
	mx_out_u8(out, 13);
	mx_out_u8(out, 2);
	mx_out_u32(out, 3600);
	mx_out_u32(out, 1900000000);
	mx_out_u32(out, 1600000000);
	mx_out_u16(out, 12345);
	mx_out_octets(out, "\3lab", 5);
	mx_out_octets(out, signature, sizeof signature);
}

static void fill(struct world *w)
{
	static const struct mx_ingest_limits limits = { 86400, 900, 60 };
	struct mx_ingest_room *room = mx_ingest_room_new();

	for (uint32_t i = 0; i < NAMES; i++) {
		uint8_t packet[512], qname[MX_NAME_MAX];
		struct mx_out out;
		struct mx_key key;
		struct mx_answer answer;

		mx_out_init(&out, packet, sizeof packet);
		put_header(&out, 0, 0x8180, i % 2 ? 2 : 3, 0);
		put_answer(&out, put_question(&out, i, &key, qname));
		assert_int_equal(mx_ingest(packet, mx_out_len(&out), &key,
					   MX_SECURE, &limits, room, &answer),
				 MX_OK);
		assert_true(mx_cache_put(w->cache, &key, &answer, world_now));
	}
	mx_ingest_room_free(room);
	world_now += 5000; /* so that TTLs have to be lowered */
}

static void ask(int client, uint32_t number, bool dnssec_ok)
{
	uint8_t query[512], qname[MX_NAME_MAX];
	struct mx_out out;
	struct mx_key key;

	mx_out_init(&out, query, sizeof query);
	put_header(&out, (uint16_t)number, 0x0100, 0, 1);
	put_question(&out, number % NAMES, &key, qname);
	mx_out_u8(&out, 0);
	mx_out_u16(&out, MX_TYPE_OPT);
	mx_out_u16(&out, 1232);
	mx_out_u32(&out, dnssec_ok ? 0x8000 : 0);
	mx_out_u16(&out, 0);
	assert_int_equal(send(client, query, mx_out_len(&out), 0),
			 mx_out_len(&out));
}

static void hear(int client, uint32_t number)
{
	uint8_t reply[1232];
	ssize_t got = recv(client, reply, sizeof reply, MSG_DONTWAIT);

	assert_true(got > MX_HEADER_LEN);
	assert_int_equal(reply[0] << 8 | reply[1], (uint16_t)number);
	assert_int_equal(reply[3] & 15, MX_RCODE_NOERROR);
	assert_true(reply[7] > 0); /* ANCOUNT */
}

/* What callgrind counts. */
__attribute__((noipa)) static void answer(struct world *w)
{
	event_base_loop(w->worker->base, EVLOOP_NONBLOCK);
}

__attribute__((noipa)) static void warm(struct world *w)
{
	event_base_loop(w->worker->base, EVLOOP_NONBLOCK);
}

int main(int argc, char **argv)
{
	static char sizes[] = "cache-size=64m";
	static char *const sets[] = { sizes };
	unsigned batch = argc > 1 ? (unsigned)atoi(argv[1]) : 64;
	bool dnssec_ok = argc > 2 && atoi(argv[2]) == 1;
	struct world w;

	if (batch < 1 || batch > 64) {
		fprintf(stderr, "usage: hits_instructions BATCH DO\n");
		return 2;
	}
	world_begin(&w, sets, 1);
	fill(&w);
	int client = world_client(&w, 1, false);
	for (uint32_t n = 0; n < WARM + ANSWERS; n += batch) {
		for (unsigned i = 0; i < batch; i++)
			ask(client, n + i, dnssec_ok);
		(n < WARM ? warm : answer)(&w);
		for (unsigned i = 0; i < batch; i++)
			hear(client, n + i);
	}
	close(client);
	printf("%u answers, %u at a time, DO=%d\n", ANSWERS, batch, dnssec_ok);
	world_free(&w);
	return 0;
}
