/* Anything that a resolver may send in answer to a question in flight, through
 * channel, ingest, cache and reply to a client, and to the next one from the
 * cache.
 *
 *   input   octet 0: which question is asked, and how
 *           the rest: the message, after the question's ID
 *
 * Claims: the reply can be read to its last octet and fits its client; bogus
 * data is never given to CD=0, nor AD said of what is not secure; the second
 * client hears the same from the cache; nothing waits in the end. */
#include <arpa/inet.h>

#include "front.h"

static struct fuzz_front front;

static const struct { const char *qname; uint8_t len; uint16_t qtype; } questions[] = {
#define X(qname, qtype) { qname, sizeof qname, qtype },
	X("\1a", MX_TYPE_MX)
	X("\4mail\7example\3org", MX_TYPE_A)
	X("\7example\3org", MX_TYPE_TXT)
	X("\3_25\4_tcp\1m\7example\3org", MX_TYPE_TLSA)
	X("", MX_TYPE_NS)
	X("\1a\1b\1c\1d", MX_TYPE_CNAME)
	X("\7example\3org", MX_TYPE_SOA)
	X("\1a", 65280)
#undef X
};

struct heard {
	struct asking asking;
	uint8_t reply[MX_MESSAGE_MAX];
	size_t len;
	unsigned times;
};

static void on_reply(struct asking *asking, const uint8_t *reply, size_t len)
{
	struct heard *heard = (struct heard *)asking;

	CHECK(len <= sizeof heard->reply);
	memcpy(heard->reply, reply, len);
	heard->len = len;
	heard->times++;
}

/* Ask; whether there was an answer at once. */
static bool ask(unsigned how, struct heard *heard, struct ask *ret_ask)
{
	const struct sockaddr_in peer = {
		.sin_family = AF_INET, .sin_port = htons(4096),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static uint8_t query[12 + MX_NAME_MAX + 4 + 11];
	struct mx_out out;

	mx_out_init(&out, query, sizeof query);
	mx_out_u16(&out, 0x1234);
	mx_out_u16(&out, how & 8 ? 0x0110 : 0x0100);
	mx_out_u16(&out, 1);
	mx_out_u32(&out, 0);
	mx_out_u16(&out, 1);
	mx_out_octets(&out, questions[how & 7].qname, questions[how & 7].len);
	mx_out_u16(&out, questions[how & 7].qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_u8(&out, 0);
	mx_out_u16(&out, MX_TYPE_OPT);
	mx_out_u16(&out, 1232);
	mx_out_u32(&out, how & 16 ? 0x8000 : 0);
	mx_out_u16(&out, 0);

	enum ask_outcome outcome = ask_begin(
		front.worker, query, mx_out_len(&out), (struct sockaddr *)&peer,
		how & 32, mx_clock_now(), ret_ask, heard->reply, &heard->len);
	CHECK(outcome != ASK_DROP);
	if (outcome == ASK_WAIT)
		ask_wait(front.worker, ret_ask, &heard->asking, on_reply);
	return outcome <= ASK_REPLY;
}

static void check_reply(const struct heard *heard, const struct ask *a,
			unsigned how, enum mx_validation state)
{
	struct mx_in in;
	uint16_t counts[4];

	CHECK(heard->len <= a->limit);
	mx_in_init(&in, heard->reply, heard->len);
	CHECK(mx_in_u16(&in) == 0x1234);

	uint16_t flags = mx_in_u16(&in);
	CHECK((flags & 0xfd50) == (0x8100 | (how & 8 ? 0x10 : 0)));
	for (int i = 0; i < 4; i++)
		counts[i] = mx_in_u16(&in);
	CHECK(counts[0] == 1);
	mx_in_octets(&in, a->q.question_len);
	for (int section = 1; section < 4; section++)
		for (unsigned i = 0; i < counts[section]; i++) {
			struct mx_name owner;

			mx_in_name(&in, &owner);
			uint16_t type = mx_in_u16(&in);
			uint16_t class = mx_in_u16(&in);
			mx_in_u32(&in);
			mx_in_octets(&in, mx_in_u16(&in));
			CHECK(in.err == MX_OK);
			CHECK(type == MX_TYPE_OPT || class == MX_CLASS_IN);
			CHECK(type != MX_TYPE_OPT ||
			      (section == 3 && i + 1u == counts[3]));
		}
	CHECK(mx_in_end(&in) == MX_OK);
	CHECK(!(flags & 0x20) || (state == MX_SECURE && (how & 16)));
	if (state == MX_BOGUS && !(how & 8))
		CHECK((flags & 15) == MX_RCODE_SERVFAIL &&
		      counts[1] + counts[2] == 0);
	/* TC only where there is a bound below what a message may have. */
	if (flags & 0x200)
		CHECK(counts[1] + counts[2] == 0);
}

static void respond(uint32_t id, const uint8_t *octets, size_t len)
{
	static uint8_t buf[MX_CHANNEL_DATAGRAM_MAX];
	struct mx_out out;

	if (len > sizeof buf - MX_CHANNEL_LEN - 4)
		len = sizeof buf - MX_CHANNEL_LEN - 4;
	mx_out_init(&out, buf, sizeof buf);
	mx_out_u32(&out, (uint32_t)len + 4);
	mx_out_u32(&out, id);
	mx_out_octets(&out, octets, len);
	len = mx_out_len(&out);
	CHECK(send(front.resolver, buf, len, MSG_NOSIGNAL) == (ssize_t)len);
	fuzz_turn(&front);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static char sets[][32] = { "workers=1", "resolvers=1",
				   "mail-prefetch=no" };
	static const uint8_t failed[4] = { MX_CHANNEL_FAILED };
	static struct heard first, second;
	char *all[] = { sets[0], sets[1], sets[2] };
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	struct ask a, b;

	if (len < 1)
		return 0;
	if (!front.worker)
		fuzz_begin(&front, all, 3);

	unsigned how = octets[0];
	enum mx_validation state = len > 2 ? (enum mx_validation)octets[2]
					   : MX_INDETERMINATE;
	first.times = second.times = 0;
	CHECK(!ask(how, &first, &a));
	fuzz_turn(&front);
	ssize_t got = recv(front.resolver, buf, sizeof buf, MSG_DONTWAIT);
	CHECK(got > 0);
	CHECK(mx_channel_unpack_question(buf, (size_t)got, &q) == MX_OK);
	respond(q.id, octets + 1, len - 1);
	if (first.times == 0) /* no message at all: the question goes on */
		respond(q.id, failed, sizeof failed);
	CHECK(first.times == 1);
	check_reply(&first, &a, how, state);

	if (ask(how, &second, &b)) {
		check_reply(&second, &b, how, state);
		/* A cached error says so, in an option more. */
		CHECK((second.reply[3] & 15) == (first.reply[3] & 15));
		CHECK((first.reply[3] & 15) == MX_RCODE_SERVFAIL ||
		      second.len == first.len);
		CHECK(memcmp(first.reply + 4, second.reply + 4, 8) == 0);
	} else { /* TTL 0, refused or too large to keep */
		fuzz_turn(&front);
		got = recv(front.resolver, buf, sizeof buf, MSG_DONTWAIT);
		CHECK(got > 0);
		CHECK(mx_channel_unpack_question(buf, (size_t)got, &q) == MX_OK);
		respond(q.id, failed, sizeof failed);
		CHECK(second.times == 1);
	}
	mx_cache_flush(front.cache, q.key.qname, q.key.qname_len, false);
	CHECK(lookups_waiting(front.worker->lookups) == 0);
	CHECK(fuzz_classes(&front) == front.worker->counters.queries);
	return 0;
}
