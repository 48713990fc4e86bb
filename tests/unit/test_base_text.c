/* Distance between words, numbers, excerpts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/text.h"

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned want;
	} cases[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "abc", "", 3 },
		{ "listen", "listen", 0 }, { "listen", "LISTEN", 0 },
		{ "cache-szie", "cache-size", 1 }, /* swapped */
		{ "cachesize", "cache-size", 1 },  /* left out */
		{ "cache--size", "cache-size", 1 },
		{ "cache_size", "cache-size", 1 },
		{ "ab", "ba", 1 }, { "abcd", "badc", 2 }, { "kitten", "sitting", 3 },
	};
	char far[66];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(mx_text_distance(cases[i].a, cases[i].b), cases[i].want);
		assert_int_equal(mx_text_distance(cases[i].b, cases[i].a), cases[i].want);
	}
	memset(far, 'x', sizeof(far));
	far[65] = '\0';
	assert_int_equal(mx_text_distance(far, far), MX_TEXT_FAR);
	assert_int_equal(mx_text_distance(far + 1, far + 1), 0);
}

static void numbers(void **state)
{
	static const char *const wrong[] = {
		"", " 1", "1 ", "-1", "+1", "0x1", "1e3", "18446744073709551616",
		"99999999999999999999",
	};
	const char *end;
	uint64_t n;

	(void)state;
	assert_true(mx_text_number("18446744073709551615", &n, NULL));
	assert_true(n == UINT64_MAX);
	assert_true(mx_text_number("007", &n, NULL));
	assert_int_equal(n, 7);
	assert_true(mx_text_number("12k", &n, &end));
	assert_int_equal(n, 12);
	assert_string_equal(end, "k");
	n = 5;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(mx_text_number(wrong[i], &n, NULL));
	assert_int_equal(n, 5);
}

static void cleaning_fits_any_room(void **state)
{
	static const char text[] = "a\xc3\xa9\nb\xff\xe2\x82\xac";
	static const char whole[] = "a\xc3\xa9\\x0ab\\xff\xe2\x82\xac";
	char out[64];

	(void)state;
	for (size_t room = 5; room < sizeof(out); room++) {
		memset(out, 0x5a, sizeof(out));
		size_t len = mx_text_clean(out, room, text, sizeof(text) - 1);
		assert_int_equal(len, strlen(out));
		assert_true(len < room);
		assert_int_equal(out[room], 0x5a);
		/* Cut between characters, never inside one. */
		if (room > sizeof(whole) - 1) {
			assert_string_equal(out, whole);
		} else {
			assert_string_equal(out + len - 3, "...");
			for (size_t i = 0; i < len;) {
				size_t octets = mx_utf8_length(out + i, len - i);
				assert_int_not_equal(octets, 0);
				i += octets;
			}
			assert_memory_equal(out, whole, len - 3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(numbers),
		cmocka_unit_test(cleaning_fits_any_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
