/* MTA-STS: records, policies and what matches them; the numbers of the rules
 * are those of docs/routes.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route_world.h"

#define A20 "aaaaaaaaaaaaaaaaaaaa"
#define STS "_mta-sts.a.test TXT I "

static void rule_31_records(void **state)
{
	static const struct { const char *why, *txt, *want; } cases[] = {
		{ "one", "v=STSv1; id=20260101T000000;", "one:20260101T000000" },
		{ "without blank or last semicolon", "v=STSv1;id=1", "one:1" },
		{ "blanks", "v=STSv1 ;\t id=1 \t;", "one:1" },
		{ "strings are joined", "v=ST|Sv1; i|d=1|2", "one:12" },
		{ "fields of the future", "v=STSv1; x=y; id=1; z", "one:1" },
		{ "32 characters", "v=STSv1; id=" A20 "abcdefghij12",
		  "one:" A20 "abcdefghij12" },
		{ "33 characters", "v=STSv1; id=" A20 "abcdefghij123",
		  "malformed" },
		{ "empty", "v=STSv1; id=", "malformed" },
		{ "a hyphen", "v=STSv1; id=2026-01", "malformed" },
		{ "a blank inside", "v=STSv1; id=1 2", "malformed" },
		{ "no id", "v=STSv1;", "malformed" },
		{ "the first id counts", "v=STSv1; id=1; id=2", "one:1" },
		{ "no semicolon after the version", "v=STSv1", "none" },
		{ "another version", "v=STSv10; id=1", "none" },
		{ "case counts", "v=stsv1; id=1", "none" },
		{ "something before it", " v=STSv1; id=1", "none" },
	};
	static const struct { const char *why, *world, *want; } sets[] = {
		{ "no such name", STS "!", "none" },
		{ "no TXT", STS "-", "none" },
		{ "not to be had", "_mta-sts.a.test TXT F", "failed" },
		{ "bogus", "_mta-sts.a.test TXT B v=STSv1;id=1", "failed" },
		{ "by an alias", STS ">p.test v=STSv1;id=1", "one:1" },
		{ "other TXT beside it", STS "v=spf1 -all; v=STSv1;id=1", "one:1" },
		{ "two", STS "v=STSv1;id=1; v=STSv1;id=2", "several" },
		{ "two, one of them malformed", STS "v=STSv1;id=-; v=STSv1;id=2",
		  "several" },
	};
	const struct mx_route_options options = { .want_sts = true };
	struct mx_route_destination d;

	(void)state;
	assert_true(mx_route_destination_read("a.test", &d));
	for (size_t i = 0; i < sizeof cases / sizeof *cases +
				sizeof sets / sizeof *sets; i++) {
		bool set = i >= sizeof cases / sizeof *cases;
		size_t k = i - sizeof cases / sizeof *cases;
		const char *want = set ? sets[k].want : cases[i].want;
		char world[600], text[200];
		struct mx_route *route = mx_route_new(&d, &options);
		struct mx_route_question q[2];

		/* In a set "; " parts RRs; one RR may have it inside. */
		snprintf(world, sizeof world, "a.test MX I 0 .\n%s%s\n",
			 set ? "" : STS, set ? sets[k].world : cases[i].txt);
		if (!set)
			for (char *c = world; (c = strstr(c, "; ")) != NULL; c++)
				c[1] = '\t';
		assert_int_equal(mx_route_next(route, q, 2), 2);
		world_tell(route, &q[0].qname, q[0].qtype, world);
		assert_false(mx_route_done(route));
		world_tell(route, &q[1].qname, q[1].qtype, world);
		assert_true(mx_route_done(route));
		const struct mx_route_result *r = mx_route_result(route);

		snprintf(text, sizeof text, "%s%s%s",
			 mx_route_sts_record_word(r->sts_record),
			 r->sts_id[0] ? ":" : "", r->sts_id);
		if (strcmp(text, want) != 0)
			fail_msg("%s: %s", set ? sets[k].why : cases[i].why, text);
		/* Whatever it says, mail goes where it goes (rule 37). */
		assert_int_equal(r->outcome, MX_ROUTE_NULL_MX);
		mx_route_free(route);
	}
}

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 86400\n"

static void rule_32_policies(void **state)
{
	static const struct {
		const char *why, *text;
		bool good;
		enum mx_route_sts_mode mode;
		uint32_t max_age_s;
		unsigned mx_count;
	} cases[] = {
		{ "LF", HEAD "mx: mx.a.test\nmx: *.b.test\n", true,
		  MX_ROUTE_MODE_ENFORCE, 86400, 2 },
		{ "CRLF", "version: STSv1\r\nmode: testing\r\nmx: a.test\r\n"
		  "max_age: 1\r\n", true, MX_ROUTE_MODE_TESTING, 1, 1 },
		{ "no end of line", HEAD "mx: mx.a.test", true,
		  MX_ROUTE_MODE_ENFORCE, 86400, 1 },
		{ "blanks", HEAD "mx \t:\t mx.a.test  \n\n", true,
		  MX_ROUTE_MODE_ENFORCE, 86400, 1 },
		{ "none needs no mx", "version: STSv1\nmode: none\nmax_age: 60\n",
		  true, MX_ROUTE_MODE_NONE, 60, 0 },
		{ "unknown keys", HEAD "x-new: y: z\nmx: a.test\n", true,
		  MX_ROUTE_MODE_ENFORCE, 86400, 1 },
		{ "the first of a key counts", HEAD "mode: none\nmax_age: 1\n"
		  "version: 9\nmx: a.test\n", true, MX_ROUTE_MODE_ENFORCE, 86400,
		  1 },
		{ "ten digits are capped", "version: STSv1\nmode: none\n"
		  "max_age: 9999999999\n", true, MX_ROUTE_MODE_NONE, 31557600, 0 },
		{ "eleven digits", "version: STSv1\nmode: none\n"
		  "max_age: 00000000001\n", false, 0, 0, 0 },
		{ "no number", "version: STSv1\nmode: none\nmax_age: 1d\n", false,
		  0, 0, 0 },
		{ "enforce without mx", HEAD, false, 0, 0, 0 },
		{ "no version", "mode: none\nmax_age: 60\n", false, 0, 0, 0 },
		{ "another version", "version: STSv2\nmode: none\nmax_age: 60\n",
		  false, 0, 0, 0 },
		{ "no mode", "version: STSv1\nmax_age: 60\n", false, 0, 0, 0 },
		{ "no such mode", "version: STSv1\nmode: Enforce\nmax_age: 60\n"
		  "mx: a.test\n", false, 0, 0, 0 },
		{ "no max_age", "version: STSv1\nmode: none\n", false, 0, 0, 0 },
		{ "a page of an error", "<html>\n", false, 0, 0, 0 },
		{ "a wildcard within", HEAD "mx: a.*.test\n", false, 0, 0, 0 },
		{ "a wildcard alone", HEAD "mx: *.\n", false, 0, 0, 0 },
		{ "two wildcards", HEAD "mx: *.*.test\n", false, 0, 0, 0 },
		{ "an address", HEAD "mx: [192.0.2.1]\n", false, 0, 0, 0 },
		{ "an empty label", HEAD "mx: a..test\n", false, 0, 0, 0 },
		{ "nothing for mx", HEAD "mx:\n", false, 0, 0, 0 },
		{ "nothing", "", false, 0, 0, 0 },
	};
	static struct mx_route_policy p;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool good = mx_route_policy_read(cases[i].text,
						 strlen(cases[i].text), &p);

		if (good != cases[i].good ||
		    (good && (p.mode != cases[i].mode ||
			      p.max_age_s != cases[i].max_age_s ||
			      p.mx_count != cases[i].mx_count)))
			fail_msg("%s", cases[i].why);
	}
}

static void rule_32_bounds(void **state)
{
	static char text[MX_ROUTE_POLICY_TEXT_MAX + 2];
	static struct mx_route_policy p;
	char *to = text + sprintf(text, HEAD);

	(void)state;
	for (unsigned i = 0; i < MX_ROUTE_PATTERNS_MAX; i++)
		to += sprintf(to, "mx: mx%u.test\n", i);
	assert_true(mx_route_policy_read(text, strlen(text), &p));
	assert_int_equal(p.mx_count, MX_ROUTE_PATTERNS_MAX);
	sprintf(to, "mx: more.test\n");
	assert_false(mx_route_policy_read(text, strlen(text), &p));
	memset(to, '\n', sizeof text - (size_t)(to - text));
	assert_true(mx_route_policy_read(text, MX_ROUTE_POLICY_TEXT_MAX, &p));
	assert_false(mx_route_policy_read(text, MX_ROUTE_POLICY_TEXT_MAX + 1,
					  &p));
}

/* Cut anywhere, in memory of that size: no octet too many is read, and what
 * is left is a policy only once everything that must be is there. */
static void rule_32_cut_anywhere(void **state)
{
	static const char text[] = HEAD "mx: mx.a.test\n";
	static struct mx_route_policy p;

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++) {
		char *copy = malloc(cut + 1);

		memcpy(copy, text, cut);
		bool good = mx_route_policy_read(copy, cut, &p);

		assert_true(!good || cut > sizeof HEAD + 3);
		free(copy);
	}
}

static void rule_35_matches(void **state)
{
	static const struct { const char *mx, *host; bool want; } cases[] = {
		{ "mx.a.test", "mx.a.test", true },
		{ "MX.a.test", "mx.A.TEST", true },
		{ "mx.a.test", "mx.a.test.", true },
		{ "mx.a.test.", "mx.a.test", true },
		{ "mx.a.test", "mx2.a.test", false },
		{ "a.test", "mx.a.test", false },
		{ "*.a.test", "mx.a.test", true },
		{ "*.a.test", "a.test", false },
		{ "*.a.test", "x.mx.a.test", false },
		{ "*.a.test", "mxa.test", false },
		{ "*.a.test", "mx.b.test", false },
	};
	static struct mx_route_policy p;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200];
		struct mx_name host;

		snprintf(text, sizeof text, HEAD "mx: other.test\nmx: %s\n",
			 cases[i].mx);
		assert_true(mx_route_policy_read(text, strlen(text), &p));
		assert_int_equal(mx_name_from_text(cases[i].host, &host), MX_OK);
		if (mx_route_policy_matches(&p, &host) != cases[i].want)
			fail_msg("%s, %s", cases[i].mx, cases[i].host);
	}
}

/* By the name in MX, not by what its aliases lead to; and DANE stays what it
 * is (RFC 8461 section 2). */
static void rule_35_in_a_route(void **state)
{
	static const char world[] = "default S\na.test MX S 1 x.a.test; 2 y.test\n"
		"x.a.test A S >h.test 192.0.2.1\nx.a.test AAAA S >h.test -\n"
		"y.test A S >y.a.test 192.0.2.2\ny.test AAAA S >y.a.test -\n"
		"_25._tcp.h.test TLSA F\n_mta-sts.a.test TXT S v=STSv1;id=7\n";
	static const char policy_text[] = HEAD "mx: *.a.test\n";
	static struct mx_route_policy policy;
	static char text[4000];
	const struct mx_route_options options = { .want_sts = true };
	struct mx_route_destination d;
	struct mx_route_question q;

	(void)state;
	assert_true(mx_route_destination_read("a.test", &d));
	struct mx_route *route = mx_route_new(&d, &options);

	assert_true(mx_route_policy_read(policy_text, strlen(policy_text),
					 &policy));
	mx_route_set_policy(route, &policy);
	while (mx_route_next(route, &q, 1) == 1)
		world_tell(route, &q.qname, q.qtype, world);
	const struct mx_route_result *r = mx_route_result(route);

	assert_true(r->has_policy);
	assert_int_equal(r->sts_mode, MX_ROUTE_MODE_ENFORCE);
	route_text(r, text);
	assert_string_equal(text, "deliver secure may..may sts=one:7"
		" | 1 x.a.test tlsa-failed match=yes !mx-alias"
		" | 2 y.test usable may absent 192.0.2.2 match=no !mx-alias !sts-mx");
	mx_route_free(route);
}

/* The parent's policy is none of a subdomain's; nor is there one of a host in
 * brackets (RFC 8461 section 3.4). */
static void rule_35_whose_policy(void **state)
{
	const struct mx_route_options options = { .want_sts = true };
	char name[MX_ROUTE_NAME_TEXT_MAX];
	struct mx_route_destination d;
	struct mx_route_question q[4];

	(void)state;
	assert_true(mx_route_destination_read("sub.a.test", &d));
	struct mx_route *route = mx_route_new(&d, &options);

	assert_int_equal(mx_route_next(route, q, 4), 2);
	assert_string_equal(mx_route_name_text(&q[1].qname, name),
			    "_mta-sts.sub.a.test");
	mx_route_free(route);
	assert_true(mx_route_destination_read("[mx.a.test]", &d));
	route = mx_route_new(&d, &options);
	assert_int_equal(mx_route_next(route, q, 4), 2);
	assert_int_equal(q[1].qtype, MX_TYPE_AAAA);
	mx_route_free(route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_31_records),
		cmocka_unit_test(rule_32_policies),
		cmocka_unit_test(rule_32_bounds),
		cmocka_unit_test(rule_32_cut_anywhere),
		cmocka_unit_test(rule_35_matches),
		cmocka_unit_test(rule_35_in_a_route),
		cmocka_unit_test(rule_35_whose_policy),
	};

	return cmocka_run_group_tests_name("mail_sts", tests, NULL, NULL);
}
