/* Addresses as text and back, and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "mx_config.h"

static void addresses_that_are(void **state)
{
	static const struct {
		const char *text, *again; /* 53 where no port is told */
	} cases[] = {
		{ "127.0.0.1@5335", "127.0.0.1@5335" },
		{ "127.0.0.1", "127.0.0.1@53" },
		{ "::1@1", "::1@1" },
		{ "::1", "::1@53" },
		{ "[::1]@65535", "::1@65535" },
		{ "[::1]", "::1@53" },
		{ "0.0.0.0", "0.0.0.0@53" },
		{ "::@53", "::@53" },
		{ "2001:DB8:0:0::1", "2001:db8::1@53" },
		{ "255.255.255.255@53", "255.255.255.255@53" },
		/* lo is there in every network namespace */
		{ "fe80::1%lo@53", "fe80::1%lo@53" },
		{ "[fe80::1%lo]@53", "fe80::1%lo@53" },
		{ "fe80::1%1", "fe80::1%lo@53" },
		/* an interface that has gone keeps its number */
		{ "fe80::1%54321@53", "fe80::1%54321@53" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[MX_ADDRESS_TEXT_MAX], again[MX_ADDRESS_TEXT_MAX];
		struct sockaddr_storage one, two;
		socklen_t len;

		memset(&one, 0xff, sizeof(one));
		if (!mx_address_parse(cases[i].text, 53, &one, &len))
			fail_msg("refused: %s", cases[i].text);
		assert_int_equal(len, one.ss_family == AF_INET
					      ? sizeof(struct sockaddr_in)
					      : sizeof(struct sockaddr_in6));
		mx_address_text((struct sockaddr *)&one, text);
		assert_string_equal(text, cases[i].again);
		/* What is written reads back as the same octets. */
		assert_true(mx_address_parse(text, 1, &two, &len));
		assert_memory_equal(&one, &two, len);
		mx_address_text((struct sockaddr *)&two, again);
		assert_string_equal(again, text);
	}
}

static void addresses_that_are_not(void **state)
{
	static const char *const cases[] = {
		"", "@", "@53", "127.0.0.1@", "127.0.0.1@0", "127.0.0.1@65536",
		"127.0.0.1@-1", "127.0.0.1@+53", "127.0.0.1@ 53", "127.0.0.1@53 ",
		"127.0.0.1@53x", "127.0.0.1@53@53", "127.0.0.1@18446744073709551669",
		"127.0.0.1:53", "127.1", "127.0.0.256", "127.0.0.1.", " 127.0.0.1",
		"127.0.0.01", "[127.0.0.1]", "[::1", "::1]", "[]", "[::1]:53",
		"[::1]x@53", ":::", "1::2::3", "12345::", "::1%lo", "fe80::1",
		"fe80::1%", "fe80::1%no-such-if", "fe80::1%0", "::ffff:127.0.0.1",
		"localhost", "127.0.0.0/8",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111@53",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sockaddr_storage addr, before;
		socklen_t len = 7;

		memset(&addr, 0x5a, sizeof(addr));
		before = addr;
		if (mx_address_parse(cases[i], 53, &addr, &len))
			fail_msg("taken: %s", cases[i]);
		/* Outputs only on success. */
		assert_memory_equal(&addr, &before, sizeof(addr));
		assert_int_equal(len, 7);
	}
}

static void other_families_have_a_text(void **state)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	char text[MX_ADDRESS_TEXT_MAX];

	(void)state;
	mx_address_text((struct sockaddr *)&addr, text);
	assert_string_equal(text, "address family 1");
}

static void acl_rules(void **state)
{
	static const struct {
		const char *text, *prefix;
		unsigned bits;
		enum mx_acl_action action;
	} cases[] = {
		{ "0.0.0.0/0 drop", "0.0.0.0", 0, MX_ACL_DROP },
		{ "10.0.0.0/8 allow", "10.0.0.0", 8, MX_ACL_ALLOW },
		{ "192.0.2.128/25 refuse", "192.0.2.128", 25, MX_ACL_REFUSE },
		{ "192.0.2.7/32 allow", "192.0.2.7", 32, MX_ACL_ALLOW },
		{ "192.0.2.7 allow", "192.0.2.7", 32, MX_ACL_ALLOW },
		{ "::/0 allow", "::", 0, MX_ACL_ALLOW },
		{ "2001:db8:8000::/33 drop", "2001:db8:8000::", 33, MX_ACL_DROP },
		{ "::1 allow", "::1", 128, MX_ACL_ALLOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mx_acl_rule rule;
		uint8_t want[16] = { 0 };
		int family = strchr(cases[i].prefix, ':') ? AF_INET6 : AF_INET;

		if (!mx_acl_rule_parse(cases[i].text, &rule))
			fail_msg("refused: %s", cases[i].text);
		inet_pton(family, cases[i].prefix, want);
		assert_int_equal(rule.family, family);
		assert_memory_equal(rule.prefix, want, 16);
		assert_int_equal(rule.prefix_bits, cases[i].bits);
		assert_int_equal(rule.action, cases[i].action);
	}
}

static void acl_rules_that_are_not(void **state)
{
	static const char *const cases[] = {
		"", "allow", "10.0.0.0/8", "10.0.0.0/8 Allow", "10.0.0.0/8 allow x",
		"10.0.0.1/8 allow", "192.0.2.128/24 allow", "10.0.0.0/ allow",
		"10.0.0.0/-1 allow", "10.0.0.0/33 allow", "2001:db8::/129 allow",
		"2001:db8::1/64 allow", "::ffff:10.0.0.0/104 allow", "10/8 allow",
		"10.0.0.0/255.0.0.0 allow", "example.com allow",
		"10.0.0.0/8 allowallowallowallow",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mx_acl_rule rule;

		if (mx_acl_rule_parse(cases[i], &rule))
			fail_msg("taken: %s", cases[i]);
	}
}

static void zone_rules(void **state)
{
	static const struct {
		const char *text, *zone;
		unsigned addresses;
	} cases[] = {
		{ ". 192.0.2.1", ".", 1 },
		{ "example.com 192.0.2.1 2001:db8::1@5353", "example.com.", 2 },
		{ "example.com. 192.0.2.1", "example.com.", 1 },
		{ "a\\.b.example 192.0.2.1", "a\\.b.example.", 1 },
		{ "a\\. 192.0.2.1", "a\\..", 1 }, /* an escaped dot ends nothing */
		{ "a\\\\. 192.0.2.1", "a\\\\.", 1 },
		{ "\\000\\255 192.0.2.1", "\\000\\255.", 1 },
		{ "_tcp.example 192.0.2.1", "_tcp.example.", 1 },
	};
	char text[400] = "example.com";

	(void)state;
	struct mx_zone_rule rule;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!mx_zone_rule_parse(cases[i].text, &rule))
			fail_msg("refused: %s", cases[i].text);
		assert_string_equal(rule.zone, cases[i].zone);
		assert_int_equal(rule.address_count, cases[i].addresses);
		char address[MX_ADDRESS_TEXT_MAX];
		mx_address_text((struct sockaddr *)&rule.address[0], address);
		assert_string_equal(address, "192.0.2.1@53");
		mx_zone_rule_clear(&rule);
		mx_zone_rule_clear(&rule); /* leaves something to clear again */
	}
	for (unsigned i = 0; i < MX_ZONE_ADDRESSES_MAX; i++)
		strcat(text, " 192.0.2.1");
	assert_true(mx_zone_rule_parse(text, &rule));
	mx_zone_rule_clear(&rule);
	strcat(text, " 192.0.2.1");
	assert_false(mx_zone_rule_parse(text, &rule));
}

/* 63 octets make a label and 255 a name, escapes count as one. */
static void zone_name_limits(void **state)
{
	static const struct {
		unsigned labels, last;
		const char *character;
		bool want;
	} cases[] = {
		{ 0, 63, "x", true }, { 0, 64, "x", false },
		{ 0, 63, "\\120", true }, { 0, 64, "\\120", false },
		/* three labels of 63 are 192 octets, the root is 1 */
		{ 3, 61, "x", true }, { 3, 62, "x", false },
		{ 3, 61, "\\120", true }, { 3, 62, "\\120", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mx_zone_rule rule;
		char text[1200] = "";

		for (unsigned l = 0; l <= cases[i].labels; l++) {
			unsigned octets = l < cases[i].labels ? 63 : cases[i].last;
			for (unsigned k = 0; k < octets; k++)
				strcat(text, cases[i].character);
			strcat(text, l < cases[i].labels ? "." : " 192.0.2.1");
		}
		bool taken = mx_zone_rule_parse(text, &rule);
		if (taken != cases[i].want)
			fail_msg("case %zu", i);
		if (taken)
			mx_zone_rule_clear(&rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_that_are),
		cmocka_unit_test(addresses_that_are_not),
		cmocka_unit_test(other_families_have_a_text),
		cmocka_unit_test(acl_rules),
		cmocka_unit_test(acl_rules_that_are_not),
		cmocka_unit_test(zone_rules),
		cmocka_unit_test(zone_name_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
