/* Netstrings, map names, keys and replies of the policy service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/policy/socketmap.h"

static enum socketmap_read read_text(const char *text, size_t len,
				     struct socketmap_request *ret, size_t *used)
{
	return socketmap_read((const uint8_t *)text, len, ret, used);
}

static void requests(void **state)
{
	static const struct {
		const char *why, *text, *map, *key, *rest;
	} rows[] = {
		{ "as Postfix writes it", "17:QUERY example.com,", "QUERY",
		  "example.com", "" },
		{ "the next one behind it", "7:QUERY a,7:QUERY b,", "QUERY",
		  "a", "7:QUERY b," },
		{ "blanks in a key", "9:QUERY a b,", "QUERY", "a b", "" },
		{ "an empty key", "6:QUERY ,", "QUERY", "", "" },
		{ "no key", "5:QUERY,", "QUERY", "", "" },
		{ "nothing", "0:,", "", "", "" },
		{ "no map", "2: a,", "", "a", "" },
		{ "commas and colons inside", "9:QUERY :,:,", "QUERY", ":,:",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct socketmap_request r;
		size_t used, len = strlen(rows[i].text);

		if (read_text(rows[i].text, len, &r, &used) != SOCKETMAP_REQUEST)
			fail_msg("%s", rows[i].why);
		assert_int_equal(r.map_len, strlen(rows[i].map));
		assert_memory_equal(r.map, rows[i].map, r.map_len);
		assert_int_equal(r.key_len, strlen(rows[i].key));
		assert_memory_equal(r.key, rows[i].key, r.key_len);
		assert_string_equal(rows[i].text + used, rows[i].rest);
		/* Cut anywhere, it waits for more. */
		for (size_t cut = 0; cut < used; cut++) {
			/* With nothing readable behind its end. */
			char *exact = malloc(cut > 0 ? cut : 1);

			memcpy(exact, rows[i].text, cut);
			assert_int_equal(read_text(exact, cut, &r, &(size_t){ 0 }),
					 SOCKETMAP_MORE);
			free(exact);
		}
	}
}

static void malformed(void **state)
{
	static const struct {
		const char *why, *text;
	} rows[] = {
		{ "no length", ":QUERY a," },
		{ "no number", "QUERY a\n" },
		{ "a blank before it", " 7:QUERY a," },
		{ "a sign", "-7:QUERY a," },
		{ "another sign", "+7:QUERY a," },
		{ "hexadecimal", "0x7:QUERY a," },
		{ "a leading zero", "07:QUERY a," },
		{ "zeros", "00:," },
		{ "no colon", "7;QUERY a," },
		{ "a newline for a comma", "7:QUERY a\n" },
		{ "longer than it says", "6:QUERY a," },
		{ "one too long", "10001:" },
		{ "five digits, too long", "99999" },
		{ "six digits", "100000" },
		{ "a length that would overflow", "18446744073709551616:" },
		{ "HTTP", "GET / HTTP/1.0\r\n" },
		{ "TLS", "\x16\x03\x01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct socketmap_request r;
		size_t used;

		if (read_text(rows[i].text, strlen(rows[i].text), &r, &used) !=
		    SOCKETMAP_MALFORMED)
			fail_msg("%s", rows[i].why);
	}
}

static void longest_request(void **state)
{
	static char text[SOCKETMAP_INPUT_MAX];
	struct socketmap_request r;
	size_t used;

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "10000:QUERY ", 12);
	assert_int_equal(read_text(text, sizeof text - 1, &r, &used),
			 SOCKETMAP_MORE);
	text[sizeof text - 1] = ',';
	assert_int_equal(read_text(text, sizeof text, &r, &used),
			 SOCKETMAP_REQUEST);
	assert_int_equal(used, sizeof text);
	assert_int_equal(r.key_len, SOCKETMAP_REQUEST_MAX - 6);
	struct mx_route_destination d;

	assert_false(socketmap_key(&r, &d));
}

static void map_names(void **state)
{
	static const struct {
		const char *name;
		enum socketmap_map map;
	} rows[] = {
		{ "QUERY", SOCKETMAP_QUERY },
		{ "QUERYwithTLSRPT", SOCKETMAP_QUERY_TLSRPT },
		{ "query", SOCKETMAP_UNKNOWN },
		{ "QUER", SOCKETMAP_UNKNOWN },
		{ "QUERYw", SOCKETMAP_UNKNOWN },
		{ "", SOCKETMAP_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct socketmap_request r = { .map = rows[i].name,
					       .map_len = strlen(rows[i].name) };

		assert_int_equal(socketmap_map(&r), rows[i].map);
	}
}

static bool key(const char *text, size_t len, struct mx_route_destination *ret)
{
	struct socketmap_request r = { .key = text, .key_len = len };

	return socketmap_key(&r, ret);
}

static void keys(void **state)
{
	static const struct {
		const char *key, *name;
		unsigned port;
		bool is_host;
	} rows[] = {
		{ "example.com", "example.com", 25, false },
		{ "EXAMPLE.Com", "example.com", 25, false },
		{ "example.com.", "example.com", 25, false },
		{ "example.com:587", "example.com", 587, false },
		{ "[mx.example.com]", "mx.example.com", 25, true },
		{ "[MX.example.com]:2525", "mx.example.com", 2525, true },
		{ "[mx.example.com]:submission", "mx.example.com", 587, true },
		{ "example.com:SMTP", "example.com", 25, false },
		{ "example.com:smtps", "example.com", 465, false },
		{ "localhost", "localhost", 25, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mx_route_destination d;
		char name[MX_ROUTE_NAME_TEXT_MAX];

		if (!key(rows[i].key, strlen(rows[i].key), &d))
			fail_msg("%s", rows[i].key);
		assert_string_equal(mx_route_name_text(&d.name, name),
				    rows[i].name);
		assert_int_equal(d.port, rows[i].port);
		assert_int_equal(d.is_host, rows[i].is_host);
	}
}

static void keys_without_policy(void **state)
{
	static const char *const rows[] = {
		"", ".", ".example.com", ".com", "192.0.2.1", "192.0.2.1:25",
		"[192.0.2.1]", "[192.0.2.1]:25", "2001:db8::1",
		"[2001:db8::1]", "[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]:25",
		"::1", "a b", "a..b", "[a", "[]", "[]:25", ":25", "a:",
		"a:0", "a:65536", "a:nosuch", "unix:/run/x", "\x80.com",
		"inet:[127.0.0.1]:25",
	};
	struct mx_route_destination d;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (key(rows[i], strlen(rows[i]), &d))
			fail_msg("%s", rows[i]);
	assert_false(key("example.com\0.b", 14, &d));
}

static void replies(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(socketmap_write(SOCKETMAP_OK, "dane-only", text,
					 sizeof text), 16);
	assert_string_equal(text, "12:OK dane-only,");
	socketmap_write(SOCKETMAP_NOTFOUND, "", text, sizeof text);
	assert_string_equal(text, "9:NOTFOUND ,");
	socketmap_write(SOCKETMAP_TEMP, "later", text, sizeof text);
	assert_string_equal(text, "10:TEMP later,");
	socketmap_write(SOCKETMAP_PERM, "no", text, sizeof text);
	assert_string_equal(text, "7:PERM no,");
	/* Cut, but whole as a netstring. */
	assert_int_equal(socketmap_write(SOCKETMAP_TEMP, "abc", text, 34), 10);
	assert_string_equal(text, "7:TEMP ab,");
	assert_int_equal(socketmap_write(SOCKETMAP_OK, "a", text, 31), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(malformed),
		cmocka_unit_test(longest_request),
		cmocka_unit_test(map_names),
		cmocka_unit_test(keys),
		cmocka_unit_test(keys_without_policy),
		cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
