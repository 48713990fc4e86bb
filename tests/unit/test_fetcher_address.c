/* Where a policy may be fetched from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "../../src/policy/fetcher/fetcher.h"

static struct mx_fetch_address address(const char *text)
{
	struct mx_fetch_address a = { .family = strchr(text, ':') ? 6 : 4 };

	if (inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, a.octets) != 1)
		fail_msg("%s", text);
	return a;
}

/* The first and last of each network, and their neighbours. */
static const char *const refused[] = {
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255",
	"100.64.0.0", "100.127.255.255", "127.0.0.0", "127.0.0.1",
	"127.255.255.255", "169.254.0.0", "169.254.169.254",
	"169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0",
	"192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0",
	"192.88.99.255", "192.168.0.0", "192.168.255.255", "198.18.0.0",
	"198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0",
	"203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
	"255.255.255.255",
	"::", "::1", "::ffff:192.0.43.8", "::ffff:127.0.0.1", "::7f00:1",
	"64:ff9b::127.0.0.1", "64:ff9b::10.1.2.3", "64:ff9b:1::1", "100::1",
	"1fff:ffff::1", "2001::1", "2001:2::1", "2001:1ff:ffff::1",
	"2001:db8::1", "2001:db8:ffff:ffff::1", "2002:7f00:1::1",
	"2002:808:808::1", "3fff::1", "3fff:fff:ffff::1", "4000::1",
	"fc00::1", "fd00:53::1", "fdff:ffff::1", "fe80::1", "febf::1",
	"fec0::1", "ff02::1", "ffff:ffff::1",
};
static const char *const taken[] = {
	"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255",
	"100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
	"169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
	"192.0.1.0", "192.0.1.255", "192.0.3.0", "192.88.98.255",
	"192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
	"198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
	"203.0.114.0", "223.255.255.255",
	"64:ff9b::8.8.8.8", "2000::1", "2000:ffff::1", "2001:200::1",
	"2001:db7:ffff::1", "2001:db9::1", "2003::1", "2a00:1450:4001::1",
	"3ffe:ffff::1", "3fff:1000::1",
};

static void only_the_public_internet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct mx_fetch_address a = address(refused[i]);

		if (!address_not_public(&a))
			fail_msg("taken: %s", refused[i]);
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		struct mx_fetch_address a = address(taken[i]);

		if (address_not_public(&a))
			fail_msg("refused: %s", taken[i]);
	}
}

static void texts(void **state)
{
	static const char *const all[] = {
		"198.18.0.1", "255.255.255.255", "2001:2::1",
		"2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct mx_fetch_address a = address(all[i]);
		char text[ADDRESS_TEXT_MAX];

		address_text(&a, text);
		assert_string_equal(text, all[i]);
	}
}

static void sockets(void **state)
{
	struct mx_fetch_address v4 = address("198.18.0.1");
	struct mx_fetch_address v6 = address("2001:2::1");
	struct sockaddr_storage at;
	const struct sockaddr_in *in = (const void *)&at;
	const struct sockaddr_in6 *in6 = (const void *)&at;

	(void)state;
	assert_int_equal(address_socket(&v4, 443, &at), sizeof *in);
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohs(in->sin_port), 443);
	assert_memory_equal(&in->sin_addr, v4.octets, 4);
	assert_int_equal(address_socket(&v6, 443, &at), sizeof *in6);
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6->sin6_port), 443);
	assert_memory_equal(&in6->sin6_addr, v6.octets, 16);
	assert_int_equal(in6->sin6_scope_id, 0);
}

static void addresses_of_this_host(void **state)
{
	struct mx_fetch_address own = address("127.0.0.1");
	struct mx_fetch_address other = address("192.0.2.1");

	(void)state;
	assert_true(address_is_ours(&own));
	assert_false(address_is_ours(&other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_public_internet),
		cmocka_unit_test(texts),
		cmocka_unit_test(sockets),
		cmocka_unit_test(addresses_of_this_host),
	};

	return cmocka_run_group_tests_name("fetcher_address", tests, NULL,
					   NULL);
}
