/* RRs as text: each type that has a form of its own, and what is malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_rr_text.h"

/* "a." TYPE, class IN, TTL 60, and RDATA. */
static const struct {
	uint16_t type;
	const char *rdata, *want;
} cases[] = {
	{ 1, "c0000201", "A 192.0.2.1" },
	{ 28, "20010db8 {11:00} 01", "AAAA 2001:db8::1" },
	{ 5, "0162 00", "CNAME b." },
	{ 6, "016e00 017200 00000001 00000002 00000003 00000004 00000005",
	  "SOA n. r. 1 2 3 4 5" },
	{ 15, "000a 026d78 00", "MX 10 mx." },
	{ 15, "0000 00", "MX 0 ." },
	{ 16, "0161 03622263 00", "TXT \"a\" \"b\\\"c\" \"\"" },
	{ 16, "04 1b5b324a", "TXT \"\\027[2J\"" },
	{ 52, "030101 abcd", "TLSA 3 1 1 abcd" },
	{ 43, "3039 0d 02 ff", "DS 12345 13 2 ff" },
	{ 48, "0101 03 0d 616263", "DNSKEY 257 3 13 YWJj" },
	{ 48, "0101 03 0d 61", "DNSKEY 257 3 13 YQ==" },
	{ 46, "000f 0d 02 0000003c 5e0be100 5e0be100 0001 0161 00 6162",
	  "RRSIG MX 13 2 60 20200101000000 20200101000000 1 a. YWI=" },
	{ 47, "0162 00 0006 400100000003", "NSEC b. A MX RRSIG NSEC" },
	{ 257, "00 05 6973737565 61", "CAA 0 \"issue\" \"a\"" },
	{ 33, "0001 0002 0019 0162 00", "SRV 1 2 25 b." },
	{ 99, "0161", "SPF \"a\"" },
	{ 65280, "0102", "TYPE65280 \\# 2 0102" },
	{ 65280, "", "TYPE65280 \\# 0" },
	/* Not what their type says. */
	{ 1, "c00002", "A \\# 3 c00002" },
	{ 1, "c000020101", "A \\# 5 c000020101" },
	{ 15, "000a", "MX \\# 2 000a" },
	{ 16, "", "TXT \\# 0" },
	{ 16, "0561", "TXT \\# 2 0561" },
	{ 47, "0162 00 0020 40", "NSEC \\# 6 016200002040" },
	{ 52, "0301", "TLSA \\# 2 0301" },
};

static size_t rr_of(uint8_t *msg, size_t room, uint16_t type, const char *rdata)
{
	uint8_t octets[1024];
	size_t len = hex_read(rdata, octets, sizeof octets);
	struct mx_out out;

	mx_out_init(&out, msg, room);
	mx_out_octets(&out, "\1a", 3);
	mx_out_u16(&out, type);
	mx_out_u16(&out, 1);
	mx_out_u32(&out, 60);
	mx_out_u16(&out, (uint16_t)len);
	mx_out_octets(&out, octets, len);
	return mx_out_len(&out);
}

static void types(void **state)
{
	char text[MX_RR_TEXT_MAX], want[256];
	uint8_t msg[2048];
	struct mx_in in;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = rr_of(msg, sizeof msg, cases[i].type,
				   cases[i].rdata);

		mx_in_init(&in, msg, len);
		assert_true(mx_rr_to_text(&in, text));
		snprintf(want, sizeof want, "a. 60 IN %s", cases[i].want);
		assert_string_equal(text, want);
		assert_false(mx_rr_to_text(&in, text));
		/* Cut anywhere it is no RR, and nothing is read beyond. */
		for (size_t cut = 0; cut < len; cut++) {
			mx_in_init(&in, msg, cut);
			assert_false(mx_rr_to_text(&in, text));
		}
	}
}

static void too_long(void **state)
{
	static uint8_t msg[65535];
	char text[MX_RR_TEXT_MAX];
	struct mx_out out;
	struct mx_in in;

	(void)state;
	mx_out_init(&out, msg, sizeof msg);
	mx_out_octets(&out, "\1a\0\0\20\0\1\0\0\0\74\xea\x60", 13);
	for (unsigned i = 0; i < 60000; i++)
		mx_out_u8(&out, 1);
	mx_in_init(&in, msg, mx_out_len(&out));
	assert_true(mx_rr_to_text(&in, text));
	assert_int_equal(strlen(text), MX_RR_TEXT_MAX - 1);
	assert_string_equal(text + MX_RR_TEXT_MAX - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
