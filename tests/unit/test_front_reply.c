/* The octets around a body: header, question, OPT with its errors, and what
 * goes when there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/front/front.h"
#include "hex.h"

#define NO_EDE { { MX_EDE_NONE, "" }, { MX_EDE_NONE, "" } }

/* Queries; A. MX, and OPT with a size of 4096 and perhaps DO. */
#define QUESTION "01 41 00 000f 0001"
#define PLAIN "0000 0000 0001 0000 0000 0000" QUESTION
#define OPT "00 0029 1000 00 00 0000 0000"
#define OPT_DO "00 0029 1000 00 00 8000 0000"

static const char *row; /* what is tried just now */

static struct mx_query read_query(const char *hex)
{
	static uint8_t octets[4096]; /* the query points into it */
	size_t len = hex_read(hex, octets, sizeof octets);
	struct mx_query q;
	enum mx_error err;

	assert_int_not_equal(mx_query_read(octets, len, &q, &err),
			     MX_QUERY_DROP);
	return q;
}

/* finish writes nothing past the limit, and what it wrote is `want`. */
static void expect(const struct mx_query *q, const struct reply *reply,
		   size_t limit, const char *want)
{
	uint8_t msg[5000], wanted[5000];
	size_t wanted_len = hex_read(want, wanted, sizeof wanted);

	memset(msg, 0xee, sizeof msg);
	if (!reply->truncated && reply->body_len)
		memset(reply_body(q, msg), 0xbb, reply->body_len);

	size_t len = reply_finish(q, NULL, reply, msg, limit);
	assert_true(len <= limit);
	for (size_t i = len; i < sizeof msg; i++)
		if (msg[i] != 0xee && reply->truncated)
			fail_msg("%s: octet %zu written after the end", row,
				 i);
	for (size_t i = 0; i < len && i < wanted_len; i++)
		if (msg[i] != wanted[i])
			fail_msg("%s: octet %zu is %02x, not %02x", row, i,
				 msg[i], wanted[i]);
	assert_int_equal(len, wanted_len);
}

static void headers(void **state)
{
	static const struct {
		const char *why, *query;
		struct reply reply;
		const char *want;
	} rows[] = {
		{ "the least there is", "1234 0000 0001 0000 0000 0000" QUESTION,
		  { .ede = NO_EDE }, "1234 8080 0001 0000 0000 0000" QUESTION },
		{ "RD and CD are copied",
		  "1234 0110 0001 0000 0000 0000" QUESTION, { .ede = NO_EDE },
		  "1234 8190 0001 0000 0000 0000" QUESTION },
		{ "AA, TC, RA, Z, AD and RCODE of the query are not",
		  "1234 06ef 0001 0000 0000 0000" QUESTION, { .ede = NO_EDE },
		  "1234 8080 0001 0000 0000 0000" QUESTION },
		{ "AD is the reply's", PLAIN, { .ad = true, .ede = NO_EDE },
		  "0000 80a0 0001 0000 0000 0000" QUESTION },
		{ "the opcode is echoed",
		  "1234 7900 0001 0000 0000 0000" QUESTION,
		  { .rcode = MX_RCODE_NOTIMP, .ede = NO_EDE },
		  "1234 f984 0001 0000 0000 0000" QUESTION },
		{ "the question is echoed octet for octet",
		  "0000 0000 0001 0000 0000 0000 03 614d00 00 0041 0001",
		  { .rcode = MX_RCODE_SERVFAIL, .ede = NO_EDE },
		  "0000 8082 0001 0000 0000 0000 03 614d00 00 0041 0001" },
		{ "no question could be read",
		  "0007 0100 0001 0000 0000 0000 4000",
		  { .rcode = MX_RCODE_FORMERR, .ede = NO_EDE },
		  "0007 8181 0000 0000 0000 0000" },
		{ "two questions: none of them",
		  "0007 0100 0002 0000 0000 0000" QUESTION QUESTION,
		  { .rcode = MX_RCODE_FORMERR, .ede = NO_EDE },
		  "0007 8181 0000 0000 0000 0000" },
		{ "counts are the body's", PLAIN,
		  { .ancount = 0x102, .nscount = 0x304, .arcount = 0x506,
		    .body_len = 3, .ede = NO_EDE },
		  "0000 8080 0001 0102 0304 0506" QUESTION "bbbbbb" },
		{ "with OPT: one more", "0000 0000 0001 0000 0000 0001" QUESTION OPT,
		  { .ancount = 1, .arcount = 2, .body_len = 3, .ede = NO_EDE },
		  "0000 8080 0001 0001 0000 0003" QUESTION
		  "bbbbbb 00 0029 04d0 00 00 0000 0000" },
		{ "DO is copied, the version is ours",
		  "0000 0000 0001 0000 0000 0001" QUESTION OPT_DO,
		  { .ede = NO_EDE },
		  "0000 8080 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 00 00 8000 0000" },
		{ "other EDNS flags are not",
		  "0000 0000 0001 0000 0000 0001" QUESTION
		  "00 0029 1000 00 00 7fff 0000", { .ede = NO_EDE },
		  "0000 8080 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 00 00 0000 0000" },
		{ "BADVERS has its upper bits in OPT",
		  "0000 0000 0001 0000 0000 0001" QUESTION
		  "00 0029 1000 00 01 8000 0000",
		  { .rcode = MX_RCODE_BADVERS, .ede = NO_EDE },
		  "0000 8080 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 01 00 8000 0000" },
		{ "OPT of a refused query, without its question",
		  "0000 0000 0000 0000 0000 0001" OPT,
		  { .rcode = MX_RCODE_FORMERR, .ede = NO_EDE },
		  "0000 8081 0000 0000 0000 0001 00 0029 04d0 00 00 0000 0000" },
		{ "truncated: no body, no AD, no counts",
		  "0000 0100 0001 0000 0000 0001" QUESTION OPT,
		  { .rcode = MX_RCODE_NXDOMAIN, .ad = true, .ancount = 3,
		    .nscount = 4, .arcount = 5, .body_len = 5000,
		    .truncated = true, .ede = NO_EDE },
		  "0000 8383 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 00 00 0000 0000" },
		{ "EDE goes only to who has EDNS", PLAIN,
		  { .rcode = MX_RCODE_SERVFAIL, .ede = { { 6, "x" }, { 13, "" } } },
		  "0000 8082 0001 0000 0000 0000" QUESTION },
		{ "two EDEs, one with text",
		  "0000 0000 0001 0000 0000 0001" QUESTION OPT,
		  { .rcode = MX_RCODE_SERVFAIL, .ede = { { 13, "" }, { 22, "why" } } },
		  "0000 8082 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 00 00 0000 000f 000f 0002 000d 000f 0005 0016 776879" },
		{ "EDE 0 is one too",
		  "0000 0000 0001 0000 0000 0001" QUESTION OPT,
		  { .rcode = MX_RCODE_SERVFAIL,
		    .ede = { { 0, "" }, { MX_EDE_NONE, "unsaid" } } },
		  "0000 8082 0001 0000 0000 0001" QUESTION
		  "00 0029 04d0 00 00 0000 0006 000f 0002 0000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct mx_query q = read_query(rows[i].query);

		row = rows[i].why;
		expect(&q, &rows[i].reply, 4096, rows[i].want);
	}
}

/* As room shrinks: first the second text goes, then the second EDE, the first
 * text, the first EDE; the OPT itself always has its place. */
static void ede_gives_way(void **state)
{
	struct mx_query q = read_query("0000 0000 0001 0000 0000 0001" QUESTION
				       OPT);
	struct reply reply = { .ancount = 1, .body_len = 100,
			       .ede = { { 7, "abcdef" }, { 22, "ghi" } } };
	size_t bare = 12 + 7 + 100 + MX_OPT_LEN, before = SIZE_MAX;

	(void)state;
	for (size_t limit = bare + 40; limit >= bare; limit--) {
		uint8_t msg[1000];
		size_t len, want = bare;

		memset(msg, 0xee, sizeof msg);
		memset(reply_body(&q, msg), 0xbb, 100);
		len = reply_finish(&q, NULL, &reply, msg, limit);
		if (limit >= want + 12)
			want += 12; /* 4 + 2 + 6 */
		else if (limit >= want + 6)
			want += 6;
		if (limit >= want + 9)
			want += 9;
		else if (limit >= want + 6)
			want += 6;
		assert_int_equal(len, want);
		assert_true(len <= before);
		before = len;
		/* The body is whole, RDLENGTH is what is there. */
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(msg[12 + 7 + i], 0xbb);
		assert_int_equal(msg[bare - 2] << 8 | msg[bare - 1], len - bare);
		for (size_t i = len; i < sizeof msg; i++)
			assert_int_equal(msg[i], 0xee);
		assert_true(len == bare ||
			    (msg[bare + 4] == 0 && msg[bare + 5] == 7));
	}
}

static void limits(void **state)
{
	static const struct { uint16_t size; size_t udp_size_max, want; } rows[] = {
		{ 0, 1232, 512 },	 { 1, 1232, 512 },
		{ 511, 1232, 512 },	 { 512, 1232, 512 },
		{ 513, 1232, 513 },	 { 1231, 1232, 1231 },
		{ 1232, 1232, 1232 },	 { 1233, 1232, 1232 },
		{ 4096, 1232, 1232 },	 { 65535, 1232, 1232 },
		{ 65535, 4096, 4096 },	 { 1400, 512, 512 },
	};
	struct mx_query q = read_query(PLAIN);

	(void)state;
	assert_int_equal(reply_limit(&q, false, 1232), 512);
	assert_int_equal(reply_limit(&q, true, 1232), 65535);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		q.has_opt = true;
		q.udp_size = rows[i].size;
		assert_int_equal(reply_limit(&q, false, rows[i].udp_size_max),
				 rows[i].want);
		assert_int_equal(reply_limit(&q, true, rows[i].udp_size_max),
				 65535);
	}
}

/* A body as long as reply_body_room() says fits with its OPT to the octet,
 * whatever the question. */
static void body_room(void **state)
{
	static const char *const queries[] = {
		"0000 0000 0001 0000 0000 0000 00 0002 0001",
		"0000 0000 0001 0000 0000 0001 00 0002 0001" OPT,
		PLAIN,
		"0000 0000 0001 0000 0000 0001" QUESTION OPT,
		"0000 0000 0001 0000 0000 0001 3f{63:61} 3f{63:62} 3f{63:63} 3d{61:64} 00 000f 0001" OPT,
		"0000 0000 0001 0000 0000 0000 3f{63:61} 3f{63:62} 3f{63:63} 3d{61:64} 00 000f 0001",
	};
	static const size_t sizes[] = { 512, 1232, 4096, 65535 };
	static uint8_t msg[65535 + 8];

	(void)state;
	for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
		for (size_t j = 0; j < 4; j++) {
			struct mx_query q = read_query(queries[i]);
			struct reply reply = {
				.ede = { { 22, "text" }, { MX_EDE_NONE, "" } },
				.ancount = 1,
				.body_len = (uint32_t)reply_body_room(&q, sizes[j]),
			};

			memset(msg, 0xee, sizeof msg);
			assert_in_range(reply.body_len, 1, sizes[j]);
			assert_int_equal(reply_finish(&q, NULL, &reply, msg, sizes[j]),
					 sizes[j]);
			for (size_t k = sizes[j]; k < sizeof msg; k++)
				assert_int_equal(msg[k], 0xee);
		}
}

/* The longest reasons there can be, on every size. */
static void longest_why(void **state)
{
	static char why[MX_WHY_MAX + 1];
	struct mx_query q = read_query("0000 0000 0001 0000 0000 0001" QUESTION
				       OPT);
	struct reply reply = { .rcode = MX_RCODE_SERVFAIL,
			       .ede = { { 6, why }, { 22, why } } };
	uint8_t msg[1232];

	(void)state;
	memset(why, 'w', MX_WHY_MAX);
	assert_int_equal(reply_finish(&q, NULL, &reply, msg, 1232),
			 12 + 7 + 11 + 2 * (6 + 255));
	assert_int_equal(reply_finish(&q, NULL, &reply, msg, 512),
			 12 + 7 + 11 + 6 + 255 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(ede_gives_way),
		cmocka_unit_test(limits),
		cmocka_unit_test(body_room),
		cmocka_unit_test(longest_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
