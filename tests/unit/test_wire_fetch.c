/* Datagrams between front and fetcher, from both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_fetch.h"

static const struct {
	const char *why, *hex;
	enum mx_error want;
} requests[] = {
	{ "no address", "00000001 01 61 00", MX_OK },
	{ "IPv4 and IPv6", "00000001 03 612e62 02 04 c6120001"
	  "06 20010002{12:00}", MX_OK },
	{ "eight addresses", "00000001 01 61 08 {40:04}", MX_OK },
	{ "nine addresses", "00000001 01 61 09 {45:04}", MX_E_TOO_BIG },
	{ "the longest domain", "00000001 f5 {63:61} 2e {63:61} 2e {63:61} 2e"
	  "{53:61} 00", MX_OK },
	{ "a longer one", "00000001 f6 {63:61} 2e {63:61} 2e {63:61} 2e"
	  "{54:61} 00", MX_E_TOO_BIG },
	{ "the longest label", "00000001 3f {63:61} 00", MX_OK },
	{ "a longer one", "00000001 40 {64:61} 00", MX_E_MALFORMED },
	{ "no domain", "00000001 00 00", MX_E_MALFORMED },
	{ "upper case", "00000001 01 41 00", MX_E_MALFORMED },
	{ "underscore", "00000001 01 5f 00", MX_E_MALFORMED },
	{ "a slash", "00000001 03 612f62 00", MX_E_MALFORMED },
	{ "NUL", "00000001 03 610062 00", MX_E_MALFORMED },
	{ "8 bits", "00000001 02 c3a4 00", MX_E_MALFORMED },
	{ "final dot", "00000001 02 612e 00", MX_E_MALFORMED },
	{ "first dot", "00000001 02 2e61 00", MX_E_MALFORMED },
	{ "two dots", "00000001 04 612e2e62 00", MX_E_MALFORMED },
	{ "hyphen inside", "00000001 03 612d62 00", MX_OK },
	{ "hyphen first", "00000001 02 2d61 00", MX_E_MALFORMED },
	{ "hyphen last in a label", "00000001 04 612d2e62 00",
	  MX_E_MALFORMED },
	{ "family 5", "00000001 01 61 01 05 01020304", MX_E_MALFORMED },
	{ "family 0", "00000001 01 61 01 00 01020304", MX_E_MALFORMED },
	{ "half an address", "00000001 01 61 01 04 010203", MX_E_SHORT },
	{ "IPv6 of four octets", "00000001 01 61 01 06 01020304", MX_E_SHORT },
	{ "fewer addresses than said", "00000001 01 61 02 04 01020304",
	  MX_E_SHORT },
	{ "more than said", "00000001 01 61 00 04 01020304", MX_E_TRAILING },
	{ "domain longer than the datagram", "00000001 02 61", MX_E_SHORT },
	{ "empty", "", MX_E_SHORT },
};

static void request_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		uint8_t buf[400], again[MX_FETCH_REQUEST_MAX];
		size_t len = hex_read(requests[i].hex, buf, sizeof buf);
		struct mx_fetch_request r = { .id = 4711 };
		enum mx_error err = mx_fetch_unpack_request(buf, len, &r);

		if (err != requests[i].want)
			fail_msg("%s: %s", requests[i].why, mx_error_text(err));
		assert_int_equal(r.id, err == MX_OK ? 1 : 4711);
		if (err != MX_OK)
			continue;
		assert_int_equal(mx_fetch_pack_request(&r, again), len);
		assert_memory_equal(again, buf, len);
		for (size_t cut = 0; cut < len; cut++)
			if (mx_fetch_unpack_request(buf, cut, &r) == MX_OK)
				fail_msg("%s: cut at %zu", requests[i].why,
					 cut);
	}
}

static void request_fields(void **state)
{
	(void)state;
	struct mx_fetch_request r = {
		.id = 0x89abcdef, .domain = "ab.c", .domain_len = 4,
		.count = 2,
		.address = { { 4, { 198, 18, 0, 1 } }, { 6, { 0x20, 1 } } },
	}, again;
	uint8_t buf[MX_FETCH_REQUEST_MAX];
	size_t len = mx_fetch_pack_request(&r, buf);

	assert_int_equal(len, 4 + 1 + 4 + 1 + 5 + 17);
	assert_memory_equal(buf, "\x89\xab\xcd\xef\4ab.c\2\4\xc6\x12\0\1\6\x20",
			    17);
	assert_int_equal(mx_fetch_unpack_request(buf, len, &again), MX_OK);
	assert_true(again.id == r.id);
	assert_int_equal(again.domain_len, 4);
	assert_ptr_equal(again.domain, buf + 5);
	assert_int_equal(again.count, 2);
	assert_memory_equal(again.address, r.address, sizeof r.address);
}

/* id, result, length of detail, detail, text. Results: 0 ok, 5 status,
 * 11 overload, 12 gone. */
static const struct {
	const char *why, *hex;
	enum mx_error want;
} answers[] = {
	{ "a policy", "00000001 00 0000 76", MX_OK },
	{ "an empty one", "00000001 00 0000", MX_OK },
	{ "of any octets", "00000001 00 0000 00ff0a", MX_OK },
	{ "with a detail", "00000001 00 0002 6162 76", MX_OK },
	{ "the longest", "00000001 00 0000 {65536:76}", MX_OK },
	{ "a longer one", "00000001 00 0000 {65537:76}", MX_E_TOO_BIG },
	{ "failed", "00000001 05 0003 343034", MX_OK },
	{ "failed, without detail", "00000001 05 0000", MX_OK },
	{ "failed, and a text", "00000001 05 0000 76", MX_E_TRAILING },
	{ "failed, and one that is too long", "00000001 05 0000 {65537:76}",
	  MX_E_TOO_BIG },
	{ "overload", "00000001 0b 0000", MX_OK },
	{ "gone, says itself", "00000001 0c 0000", MX_E_MALFORMED },
	{ "a result that is none", "00000001 0d 0000", MX_E_MALFORMED },
	{ "result 255", "00000001 ff 0000", MX_E_MALFORMED },
	{ "the longest detail", "00000001 05 0200 {512:7e}", MX_OK },
	{ "a longer one", "00000001 05 0201 {513:7e}", MX_E_TOO_BIG },
	{ "detail with a newline", "00000001 05 0001 0a", MX_E_MALFORMED },
	{ "detail with DEL", "00000001 05 0001 7f", MX_E_MALFORMED },
	{ "detail with 8 bits", "00000001 05 0001 80", MX_E_MALFORMED },
	{ "detail longer than the datagram", "00000001 05 0003 6162",
	  MX_E_SHORT },
	{ "half a head", "00000001 05 00", MX_E_SHORT },
	{ "empty", "", MX_E_SHORT },
};

static void answer_table(void **state)
{
	(void)state;
	static uint8_t buf[70000], again[MX_FETCH_ANSWER_MAX];

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		size_t len = hex_read(answers[i].hex, buf, sizeof buf);
		struct mx_fetch_answer a = { .text_len = 4711 };
		uint32_t id = 4711;
		enum mx_error err = mx_fetch_unpack_answer(buf, len, &id, &a);

		if (err != answers[i].want)
			fail_msg("%s: %s", answers[i].why, mx_error_text(err));
		assert_int_equal(id, err == MX_OK ? 1 : 4711);
		if (err != MX_OK) {
			assert_int_equal(a.text_len, 4711);
			continue;
		}
		assert_int_equal(a.result, buf[4]);
		assert_int_equal(7 + a.detail_len + a.text_len, len);
		assert_ptr_equal(a.detail, buf + 7);
		assert_ptr_equal(a.text, buf + 7 + a.detail_len);
		assert_int_equal(mx_fetch_pack_answer(id, &a, again), len);
		assert_memory_equal(again, buf, len);
	}
}

static void every_cut_of_a_head_fails(void **state)
{
	(void)state;
	static const uint8_t head[] = "\0\0\0\1\5\0\3abc";
	struct mx_fetch_answer a;
	uint32_t id;

	for (size_t cut = 0; cut < sizeof head - 1; cut++)
		assert_int_not_equal(
			mx_fetch_unpack_answer(head, cut, &id, &a), MX_OK);
}

/* What libraries say has no bound and no alphabet: what is sent has. */
static void what_is_sent_can_be_read(void **state)
{
	(void)state;
	static uint8_t buf[MX_FETCH_ANSWER_MAX];
	static char detail[2000], text[MX_FETCH_TEXT_MAX + 1];
	struct mx_fetch_answer a = {
		.result = MX_FETCH_OK,
		.detail = memset(detail, '\n', sizeof detail),
		.detail_len = sizeof detail,
		.text = memset(text, 't', sizeof text),
		.text_len = sizeof text,
	}, again;
	uint32_t id;
	size_t len = mx_fetch_pack_answer(7, &a, buf);

	assert_int_equal(len, MX_FETCH_ANSWER_MAX);
	assert_int_equal(mx_fetch_unpack_answer(buf, len, &id, &again), MX_OK);
	assert_int_equal(id, 7);
	assert_int_equal(again.detail_len, MX_FETCH_DETAIL_MAX);
	assert_int_equal(again.detail[0], '?');
	assert_int_equal(again.text_len, MX_FETCH_TEXT_MAX);

	a.result = MX_FETCH_BROKEN;
	a.detail_len = 0;
	assert_int_equal(mx_fetch_pack_answer(7, &a, buf), 7);
}

static void every_result_has_its_words(void **state)
{
	(void)state;
	for (int r = MX_FETCH_OK; r <= MX_FETCH_FETCHER_GONE; r++) {
		assert_true(mx_fetch_result_word(r)[0] != '\0');
		assert_true(mx_fetch_result_text(r)[0] != '\0');
	}
	assert_string_equal(mx_fetch_result_word(MX_FETCH_REDIRECT),
			    "redirect");
	assert_string_equal(mx_fetch_result_word(99), "unknown");
	assert_string_equal(mx_fetch_result_text(99),
			    "no result that is known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_table),
		cmocka_unit_test(request_fields),
		cmocka_unit_test(answer_table),
		cmocka_unit_test(every_cut_of_a_head_fails),
		cmocka_unit_test(what_is_sent_can_be_read),
		cmocka_unit_test(every_result_has_its_words),
	};

	return cmocka_run_group_tests_name("wire_fetch", tests, NULL, NULL);
}
