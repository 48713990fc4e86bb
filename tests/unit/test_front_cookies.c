/* Server cookies: the examples of RFC 9018, appendix A, and what is to be
 * taken for no cookie of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "../../src/front/front.h"
#include "hex.h"

#define SECRET "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define OLD_SECRET "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW_SECRET "445536bcd2513298075a5d379663c962"

static char path[] = "/tmp/mxbound-cookies-XXXXXX", none[] = "";

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

	a.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(a.ss_family, text,
				   a.ss_family == AF_INET6
					   ? (void *)&v6->sin6_addr
					   : (void *)&v4->sin_addr), 1);
	return a;
}

/* NULL: none of the operator's. */
static struct cookies *with_secrets(const char *text)
{
	struct mx_config config = { .cookie_secret_file = text ? path : none };
	struct cookies *cookies;

	if (text) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(text, file);
		fclose(file);
		assert_int_equal(chmod(path, 0600), 0);
	}
	cookies = cookies_new(&config);
	assert_non_null(cookies);
	return cookies;
}

struct look {
	const char *client, *cookie;
	uint32_t now_s;
};

static enum cookie_state look(const struct cookies *cookies, struct look l,
			      uint8_t ret[COOKIE_LEN])
{
	struct sockaddr_storage peer = address(l.client);
	uint8_t cookie[MX_COOKIE_MAX];
	size_t len = hex_read(l.cookie, cookie, sizeof(cookie));

	return cookies_check(cookies, cookie, len, (struct sockaddr *)&peer,
			     l.now_s, ret);
}

static void expect(const struct cookies *cookies, struct look l,
		   enum cookie_state state, const char *reply)
{
	uint8_t got[COOKIE_LEN], want[COOKIE_LEN];

	assert_int_equal(look(cookies, l, got), state);
	assert_int_equal(hex_read(reply, want, sizeof(want)), COOKIE_LEN);
	assert_memory_equal(got, want, COOKIE_LEN);
}

#define CLIENT "2464c4abcf10c957"
#define FIRST CLIENT "010000005cf79f111f8130c3eee29480"
#define RENEWED CLIENT "010000005cf7a871d4a564a1442aca77"

static void learning_a_cookie(void **state)
{
	struct cookies *cookies = with_secrets(SECRET "\n");

	(void)state;
	expect(cookies, (struct look){ "198.51.100.100", CLIENT, 0x5cf79f11 },
	       COOKIE_CLIENT_ONLY, FIRST);
	cookies_free(cookies);
}

static void same_client_later(void **state)
{
	struct cookies *cookies = with_secrets(SECRET "\n");

	(void)state;
	/* Half an hour old it is still good for the reply, then renewed. */
	expect(cookies, (struct look){ "198.51.100.100", FIRST, 0x5cf79f11 + 1800 },
	       COOKIE_GOOD, FIRST);
	expect(cookies, (struct look){ "198.51.100.100", FIRST, 0x5cf7a871 },
	       COOKIE_GOOD, RENEWED);
	cookies_free(cookies);
}

static void reserved_octets_are_hashed_as_they_came(void **state)
{
	struct cookies *cookies = with_secrets(SECRET "\n");

	(void)state;
	expect(cookies, (struct look){ "203.0.113.203",
		"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 0x5cf78f71 + 1000 },
	       COOKIE_GOOD, "fc93fc62807ddb86" "01abcdef5cf78f71a314227b6679ebf5");
	expect(cookies, (struct look){ "203.0.113.203",
		"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 0x5cf7a9ac },
	       COOKIE_BAD, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
	cookies_free(cookies);
}

static void ipv6_with_a_secret_rolled_over(void **state)
{
	struct cookies *cookies =
		with_secrets("# new, old\n" NEW_SECRET "\n\n " OLD_SECRET " \n");

	(void)state;
	expect(cookies, (struct look){ "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8", 0x5cf7c609 },
	       COOKIE_GOOD, "22681ab97d52c298010000005cf7c57926556bd0934c72f8");
	expect(cookies, (struct look){ "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298", 0x5cf7c609 },
	       COOKIE_CLIENT_ONLY, "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
	cookies_free(cookies);
}

static void not_good(void **state)
{
	static const struct {
		const char *why, *client, *cookie;
		int32_t later_s;
		enum cookie_state want;
	} rows[] = {
		{ "an hour old", "198.51.100.100", FIRST, 3600, COOKIE_GOOD },
		{ "older", "198.51.100.100", FIRST, 3601, COOKIE_BAD },
		{ "five minutes ahead", "198.51.100.100", FIRST, -300, COOKIE_GOOD },
		{ "further ahead", "198.51.100.100", FIRST, -301, COOKIE_BAD },
		{ "another's address", "198.51.100.101", FIRST, 0, COOKIE_BAD },
		{ "the same as IPv6", "::ffff:198.51.100.100", FIRST, 0, COOKIE_GOOD },
		{ "another client cookie", "198.51.100.100",
		  "2464c4abcf10c956010000005cf79f111f8130c3eee29480", 0, COOKIE_BAD },
		{ "version 2", "198.51.100.100",
		  CLIENT "020000005cf79f111f8130c3eee29480", 0, COOKIE_BAD },
		{ "another time", "198.51.100.100",
		  CLIENT "010000005cf79f121f8130c3eee29480", 0, COOKIE_BAD },
		{ "another hash", "198.51.100.100",
		  CLIENT "010000005cf79f111f8130c3eee29481", 0, COOKIE_BAD },
		{ "of another length", "198.51.100.100",
		  FIRST "00", 0, COOKIE_BAD },
		{ "a short one", "198.51.100.100",
		  CLIENT "010000005cf79f11", 0, COOKIE_BAD },
	};
	struct cookies *cookies = with_secrets(SECRET "\n");
	uint8_t got[COOKIE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct look l = { rows[i].client, rows[i].cookie,
				  0x5cf79f11 + (uint32_t)rows[i].later_s };

		if (look(cookies, l, got) != rows[i].want)
			fail_msg("%s", rows[i].why);
		assert_memory_equal(got, "\x24\x64\xc4\xab\xcf\x10\xc9", 7);
	}
	cookies_free(cookies);
}

/* Secrets change at midnight UTC, and nobody notices. */
static void days_of_secrets(void **state)
{
	struct cookies *cookies = with_secrets(NULL), *other = with_secrets(NULL);
	uint32_t midnight = 18000u * 86400u;
	struct sockaddr_storage peer = address("192.0.2.1");
	const struct sockaddr *p = (struct sockaddr *)&peer;
	uint8_t before[COOKIE_LEN], after[COOKIE_LEN], back[COOKIE_LEN];

	(void)state;
	assert_int_equal(cookies_check(cookies, (const uint8_t *)"client01", 8, p,
				       midnight - 10, before), COOKIE_CLIENT_ONLY);
	assert_int_equal(cookies_check(cookies, before, COOKIE_LEN, p,
				       midnight + 3000, after), COOKIE_GOOD);
	assert_memory_not_equal(before, after, COOKIE_LEN); /* renewed */
	assert_int_equal(cookies_check(cookies, after, COOKIE_LEN, p,
				       midnight + 3001, back), COOKIE_GOOD);
	assert_memory_equal(after, back, COOKIE_LEN);
	/* Another front's are its own. */
	assert_int_equal(cookies_check(other, before, COOKIE_LEN, p, midnight,
				       back), COOKIE_BAD);
	cookies_free(cookies);
	cookies_free(other);
}

/* The timestamp has 32 bits; an age goes across their end. */
static void end_of_time(void **state)
{
	struct cookies *cookies = with_secrets(SECRET "\n");
	struct sockaddr_storage peer = address("192.0.2.1");
	const struct sockaddr *p = (struct sockaddr *)&peer;
	uint8_t cookie[COOKIE_LEN], again[COOKIE_LEN];

	(void)state;
	cookies_check(cookies, (const uint8_t *)"client01", 8, p, UINT32_MAX - 5,
		      cookie);
	assert_int_equal(cookies_check(cookies, cookie, COOKIE_LEN, p, 100, again),
			 COOKIE_GOOD);
	cookies_free(cookies);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learning_a_cookie),
		cmocka_unit_test(same_client_later),
		cmocka_unit_test(reserved_octets_are_hashed_as_they_came),
		cmocka_unit_test(ipv6_with_a_secret_rolled_over),
		cmocka_unit_test(not_good),
		cmocka_unit_test(days_of_secrets),
		cmocka_unit_test(end_of_time),
	};
	int fd = mkstemp(path);

	if (fd < 0 || close(fd) != 0 || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, remove_file);
}
