/* Root hints and trust anchors: ours, and what is found in the operator's. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "../../src/resolver/resolver.h"

static unsigned count(const struct mx_addresses *all, int family)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->count; i++)
		n += all->at[i].ss_family == family;
	return n;
}

static bool holds(const struct mx_addresses *all,
		  const struct sockaddr_storage *sa)
{
	for (unsigned i = 0; i < all->count; i++)
		if (memcmp(&all->at[i], sa, sizeof *sa) == 0)
			return true;
	return false;
}

static void built_in_hints(void **state)
{
	struct mx_addresses all;
	const char *text = mx_root_hints();

	(void)state;
	assert_int_equal(mx_hints_read(text, strlen(text), &all), MX_OK);
	assert_int_equal(count(&all, AF_INET), 13);
	assert_int_equal(count(&all, AF_INET6), 13);
	for (unsigned i = 0; i < all.count; i++) {
		const struct sockaddr_in *sa = (void *)&all.at[i];

		assert_int_equal(ntohs(sa->sin_port), 53);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(&all.at[i], &all.at[j],
						sizeof all.at[i]);
	}
}

/* Debian's package dns-root-data, kept current by others. */
static void same_as_dns_root_data(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX], *text;
	struct mx_addresses ours, theirs;
	size_t len;

	(void)state;
	if (mx_file_read("/usr/share/dns/root.hints", &text, &len, error) !=
	    MX_OK)
		skip();
	assert_int_equal(mx_hints_read(text, len, &theirs), MX_OK);
	free(text);
	text = (char *)mx_root_hints();
	assert_int_equal(mx_hints_read(text, strlen(text), &ours), MX_OK);
	assert_int_equal(ours.count, theirs.count);
	for (unsigned i = 0; i < ours.count; i++)
		assert_true(holds(&theirs, &ours.at[i]));

	assert_int_equal(mx_file_read("/usr/share/dns/root.ds", &text, &len,
				      error), MX_OK);
	for (size_t i = 0; mx_root_anchors[i][0]; i++)
		assert_non_null(strstr(text, mx_root_anchors[i]));
	free(text);
}

static const struct {
	const char *why, *text;
	enum mx_error want;
	unsigned v4, v6;
} hints[] = {
	{ "as InterNIC writes it",
	  "; comment\n.  3600000      NS    A.ROOT-SERVERS.NET.\n"
	  "A.ROOT-SERVERS.NET.      3600000      A     198.41.0.4\n"
	  "A.ROOT-SERVERS.NET.      3600000      AAAA  2001:503:ba3e::2:30\n",
	  MX_OK, 1, 1 },
	{ "class, tabs, CRLF, no newline at the end",
	  ".\tIN\tNS\ta.\r\na.\tIN\taaaa\tfd00::1", MX_OK, 0, 1 },
	{ "nothing", "", MX_E_CONFIG, 0, 0 },
	{ "addresses without NS", "a. A 192.0.2.1\n", MX_E_CONFIG, 0, 0 },
	{ "NS without addresses", ". NS a.\n", MX_E_CONFIG, 0, 0 },
	{ "all commented out", ";. NS a.\n; a. A 192.0.2.1\n", MX_E_CONFIG,
	  0, 0 },
	{ "address in a comment", ". NS a.\na. A ; 192.0.2.1\n", MX_E_CONFIG,
	  0, 0 },
	{ "no address where one belongs", ". NS a.\na. A nonsense\n",
	  MX_E_CONFIG, 0, 0 },
	{ "something else altogether", "<html>\n</html>\n", MX_E_CONFIG, 0,
	  0 },
};

static void hints_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct mx_addresses all = { 0 };
		size_t len = strlen(hints[i].text);
		enum mx_error err = mx_hints_read(hints[i].text, len, &all);

		if (err != hints[i].want || count(&all, AF_INET) != hints[i].v4 ||
		    count(&all, AF_INET6) != hints[i].v6)
			fail_msg("%s: %s", hints[i].why, mx_error_text(err));
		/* Cut anywhere: no read outside (address sanitizer). */
		for (size_t cut = 0; cut < len; cut++) {
			char *exact = malloc(cut ? cut : 1);

			memcpy(exact, hints[i].text, cut);
			(void)mx_hints_read(exact, cut, &all);
			free(exact);
		}
	}
}

static void more_addresses_than_there_is_room(void **state)
{
	enum { LINES = MX_ADDRESSES_MAX * 2 };
	char *text = calloc(LINES + 1, 32);
	struct mx_addresses all;

	(void)state;
	strcpy(text, ". NS a.\n");
	for (int i = 0; i < LINES; i++)
		sprintf(text + strlen(text), "a. A 192.0.2.%d\n", i);
	assert_int_equal(mx_hints_read(text, strlen(text), &all), MX_OK);
	assert_int_equal(all.count, MX_ADDRESSES_MAX);
	free(text);
}

static void anchors(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{ ". IN DS 20326 8 2 E06D\n", true },
		{ ".\t172800\tIN\tDNSKEY\t257 3 8 AwEAA\n", true },
		{ "; . IN DS 20326 8 2 E06D\n", false },
		{ "", false },
		{ "example.com. IN DSX 1\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(mx_anchors_present(cases[i].text,
						    strlen(cases[i].text)),
				 cases[i].want);
	assert_string_equal(mx_root_anchors[2], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_hints),
		cmocka_unit_test(same_as_dns_root_data),
		cmocka_unit_test(hints_table),
		cmocka_unit_test(more_addresses_than_there_is_room),
		cmocka_unit_test(anchors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
