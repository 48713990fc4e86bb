/* The policy for Postfix: each row a little DNS, an MTA-STS policy or none, and
 * what is said, by the number of the rule that it shows (docs/routes.md, and
 * docs/policy.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mx_policy.h"
#include "route_world.h"

#define GOOD "3 1 1 *32"
#define PKIX "1 1 1 *32"
#define HOST(n, tlsa) \
	"mx" n ".test A S 192.0.2." n "\n_25._tcp.mx" n ".test TLSA " tlsa "\n"
#define DANE(n) HOST(n, "S " GOOD)
#define UNUSABLE(n) HOST(n, "S " PKIX)
#define PLAIN(n) HOST(n, "S -")
#define SIGNED_MX "a.test MX S 10 mx1.test; 20 mx2.test\n"
#define UNSIGNED_MX "a.test MX I 10 mx1.test; 20 mx2.test\n"

#define ENFORCE "version: STSv1\nmode: enforce\nmx: mx1.test\nmx: *.Test\nmax_age: 86400\n"
#define TESTING "version: STSv1\nmode: testing\nmx: mx1.test\nmax_age: 86400\n"
#define NO_MODE "version: STSv1\nmode: none\nmax_age: 86400\n"
#define SECURE "secure match=mx1.test:.test servername=hostname (mta-sts)"

struct row {
	const char *why, *to, *world, *sts, *want;
};

static struct mx_route *work_out(const char *to, const char *world)
{
	struct mx_route_destination d;
	struct mx_route_question q[3];
	unsigned count;

	if (!mx_route_destination_read(to, &d))
		fail_msg("%s: no destination", to);
	struct mx_route *route = mx_route_new(&d, NULL);

	assert_non_null(route);
	while ((count = mx_route_next(route, q, 3)) > 0)
		for (unsigned i = 0; i < count; i++)
			world_tell(route, &q[i].qname, q[i].qtype, world);
	return route;
}

/* It is worth waiting for exactly where it changes what is said. */
static void check_need(const char *why, const struct mx_route_result *result)
{
	static struct mx_route_policy sts;

	assert_true(mx_route_policy_read(ENFORCE, strlen(ENFORCE), &sts));
	struct mx_policy with = mx_policy_decide(result, &sts);
	struct mx_policy without = mx_policy_decide(result, NULL);
	bool same = with.verdict == without.verdict &&
		    with.reason == without.reason;

	if (mx_policy_needs_sts(result) == same)
		fail_msg("%s: needs a policy, or does not", why);
}

static void check(const struct row *row)
{
	static char text[MX_POLICY_TEXT_MAX], is[MX_POLICY_TEXT_MAX + 100];
	static struct mx_route_policy sts;
	struct mx_route *route = work_out(row->to, row->world);
	const struct mx_route_result *result = mx_route_result(route);
	const struct mx_route_policy *used = NULL;

	if (row->sts != NULL && mx_route_policy_read(row->sts, strlen(row->sts),
						     &sts))
		used = &sts;
	struct mx_policy policy = mx_policy_decide(result, used);

	check_need(row->why, result);
	mx_policy_text(&policy, result, used, false, text);
	snprintf(is, sizeof is, "%s (%s)",
		 *text ? text : mx_policy_verdict_word(policy.verdict),
		 mx_policy_reason_word(policy.reason));
	if (strcmp(is, row->want) != 0)
		fail_msg("%s:\n  is   %s\n  want %s", row->why, is, row->want);
	mx_route_free(route);
}

#define CHECK_ROWS(rows) \
	do { \
		(void)state; \
		for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
			check(&(rows)[i]); \
	} while (0)

/* ---- 3.1 MX ---- */

static void rules_of_mx(void **state)
{
	static const struct row rows[] = {
		{ "1: no MX, insecure: no DANE without TLSA", "a.test",
		  "a.test A I 192.0.2.1\n", NULL, "none (no-tlsa)" },
		{ "2: no such domain", "a.test", "a.test MX S !\n", NULL,
		  "none (no-such-domain)" },
		{ "2: nor with a policy", "a.test", "a.test MX I !\n", ENFORCE,
		  "none (no-such-domain)" },
		{ "3: MX cannot be had", "a.test", "a.test MX F\n", NULL,
		  "temp (mx-failed)" },
		{ "3: MX is bogus", "a.test",
		  "a.test MX B 10 mx1.test\n" DANE("1"), NULL,
		  "temp (mx-failed)" },
		{ "4: dead MX hosts, and the domain has TLSA itself", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A S !\nmx1.test AAAA S !\n"
		  "a.test A S 192.0.2.1\n_25._tcp.a.test TLSA S " GOOD "\n",
		  NULL, "none (no-mail-host)" },
		{ "5: the preference does not count", "a.test",
		  SIGNED_MX PLAIN("1") DANE("2"), NULL, "dane (tlsa-some)" },
		{ "6: the domain is an alias, all secure", "a.test",
		  "a.test MX S >b.test 10 mx1.test\n" DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
		{ "6: the same, not secure", "a.test",
		  "a.test MX I >b.test 10 mx1.test\n" DANE("1"), NULL,
		  "dane (mx-insecure)" },
		{ "7: the host is an alias", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A S >b.test 192.0.2.1\n"
		  "_25._tcp.b.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "8: an address for a host", "a.test",
		  "a.test MX S 10 192.0.2.1\n", NULL, "none (no-mail-host)" },
		{ "8: and a policy, which Postfix, who takes it, must keep",
		  "a.test", "a.test MX S 10 192.0.2.1\n", ENFORCE, SECURE },
		{ "8: an address among hosts is not used by dane-only", "a.test",
		  "a.test MX S 10 192.0.2.1; 20 mx1.test\n" DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
		{ "9: null MX", "a.test", "a.test MX S 0 .\n", NULL,
		  "none (null-mx)" },
		{ "9: and a policy", "a.test", "a.test MX S 0 .\n", ENFORCE,
		  "none (null-mx)" },
		{ "10: null MX among others", "a.test",
		  "a.test MX S 0 .; 10 mx1.test\n" DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
		{ "10: with another preference", "a.test",
		  "a.test MX S 10 .\n", NULL, "none (no-mail-host)" },
		{ "11: loopback", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A S 127.0.0.1\n", NULL,
		  "none (no-mail-host)" },
		{ "12: a host that is not there spoils nothing", "a.test",
		  SIGNED_MX "mx1.test A S !\nmx1.test AAAA S !\n" DANE("2"),
		  NULL, "dane-only (tlsa-all)" },
		{ "12: nor does one without an address", "a.test",
		  SIGNED_MX "mx1.test A S -\nmx1.test AAAA S -\n" DANE("2"),
		  NULL, "dane-only (tlsa-all)" },
		{ "12: nor one whose address cannot be had", "a.test",
		  SIGNED_MX "mx1.test A F\nmx1.test AAAA F\n" DANE("2"), NULL,
		  "dane-only (tlsa-all)" },
		{ "12: nor does it where no host has TLSA", "a.test",
		  SIGNED_MX "mx1.test A F\nmx1.test AAAA F\n" PLAIN("2"), NULL,
		  "none (no-tlsa)" },
		{ "12: but all of them do", "a.test",
		  SIGNED_MX "mx1.test A F\nmx2.test A B 192.0.2.2\n"
		  "mx1.test AAAA F\nmx2.test AAAA F\n", NULL,
		  "temp (hosts-failed)" },
		{ "14: one family fails, the other is secure", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test AAAA F\n" DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
		{ "14: IPv6 alone is secure", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A I 192.0.2.1\n"
		  "mx1.test AAAA S 2001:db8::1\n"
		  "_25._tcp.mx1.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "15: any case", "A.Test",
		  "a.test MX S 10 mx1.test\n" DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
	};

	CHECK_ROWS(rows);
}

/* More hosts than a route has. */
#define ELEVEN "a.test MX S 10 mx1.test; 10 mx2.test; 10 mx3.test; 10 mx4.test;" \
	       " 10 mx5.test; 10 mx6.test; 10 mx7.test; 10 mx8.test;" \
	       " 10 mx9.test; 10 mx10.test; 10 mx11.test\n"
#define TEN(what) what("1") what("2") what("3") what("4") what("5") what("6") \
		  what("7") what("8") what("9") what("10") what("11")

static void rule_13_many_hosts(void **state)
{
	static const struct row rows[] = {
		{ "all seen have TLSA: Postfix looks at the others", "a.test",
		  ELEVEN TEN(DANE), NULL, "dane (too-many-hosts)" },
		{ "none seen has", "a.test", ELEVEN TEN(PLAIN), NULL,
		  "dane (too-many-hosts)" },
		{ "none seen has, and MX is not secure", "a.test",
		  "a.test MX I 10 mx1.test; 10 mx2.test; 10 mx3.test;"
		  " 10 mx4.test; 10 mx5.test; 10 mx6.test; 10 mx7.test;"
		  " 10 mx8.test; 10 mx9.test; 10 mx10.test; 10 mx11.test\n"
		  TEN(PLAIN), NULL, "none (no-tlsa)" },
		{ "none seen can be used: Postfix may find one", "a.test",
		  ELEVEN, NULL, "dane (too-many-hosts)" },
		{ "and a policy", "a.test", ELEVEN TEN(PLAIN), ENFORCE,
		  "temp (mta-sts-tlsa-unknown)" },
	};

	CHECK_ROWS(rows);
}

/* ---- 3.2 DANE ---- */

static void rules_of_dane(void **state)
{
	static const struct row rows[] = {
		{ "20: TLSA fail: the host is skipped, not the domain", "a.test",
		  SIGNED_MX DANE("1") HOST("2", "F"), NULL,
		  "dane-only (tlsa-all)" },
		{ "20: bogus TLSA: the same", "a.test",
		  SIGNED_MX DANE("1") HOST("2", "B " GOOD), NULL,
		  "dane-only (tlsa-all)" },
		{ "20: and others have none: Postfix skips it", "a.test",
		  SIGNED_MX PLAIN("1") HOST("2", "F"), NULL,
		  "dane (tlsa-unknown)" },
		{ "20: and others' are unusable: not encrypt, which would use it",
		  "a.test", SIGNED_MX UNUSABLE("1") HOST("2", "F"), NULL,
		  "dane (tlsa-some)" },
		{ "20: no host is left", "a.test",
		  SIGNED_MX HOST("1", "F") HOST("2", "B " GOOD), NULL,
		  "temp (hosts-failed)" },
		{ "20: no answer to the only one's TLSA, MX insecure", "a.test",
		  "a.test MX I 10 mx1.test\n" HOST("1", "F"), NULL,
		  "temp (hosts-failed)" },
		{ "20: indeterminate is no failure", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "? " GOOD), NULL,
		  "none (no-tlsa)" },
		{ "21: secure MX", "a.test", SIGNED_MX DANE("1") DANE("2"),
		  NULL, "dane-only (tlsa-all)" },
		{ "21: insecure MX", "a.test", UNSIGNED_MX DANE("1") DANE("2"),
		  NULL, "dane (mx-insecure)" },
		{ "21: insecure MX, one host", "a.test",
		  UNSIGNED_MX PLAIN("1") DANE("2"), NULL, "dane (mx-insecure)" },
		{ "21: insecure MX, none", "a.test",
		  UNSIGNED_MX PLAIN("1") PLAIN("2"), NULL, "none (no-tlsa)" },
		{ "22: insecure address", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A I 192.0.2.1\n"
		  "_25._tcp.mx1.test TLSA F\n", NULL, "none (no-tlsa)" },
		{ "22: at one of two hosts", "a.test",
		  SIGNED_MX DANE("1") "mx2.test A I 192.0.2.2\n"
		  "_25._tcp.mx2.test TLSA F\n", NULL, "dane (tlsa-some)" },
		{ "23: alias into an unsigned zone, own TLSA", "a.test",
		  "a.test MX S 10 mx1.test\nmx1.test A I >b.test 192.0.2.1\n"
		  "mx1.test CNAME S b.test\n"
		  "_25._tcp.mx1.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "24: the TLSA name is an alias, secure", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "S >b.test " GOOD),
		  NULL, "dane-only (tlsa-all)" },
		{ "24: not secure", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "I >b.test " GOOD),
		  NULL, "none (no-tlsa)" },
		{ "24: another port", "a.test:587",
		  "a.test MX S 10 mx1.test\n" PLAIN("1")
		  "_587._tcp.mx1.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "25: secure denial of MX", "a.test",
		  "a.test MX S -\na.test A S 192.0.2.1\n"
		  "_25._tcp.a.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "25: insecure denial of MX", "a.test",
		  "a.test MX I -\na.test A S 192.0.2.1\n"
		  "_25._tcp.a.test TLSA S " GOOD "\n", NULL,
		  "dane (mx-insecure)" },
		{ "26: none usable: never in the clear", "a.test",
		  SIGNED_MX UNUSABLE("1") UNUSABLE("2"), NULL,
		  "encrypt (tlsa-unusable)" },
		{ "26: none usable, MX not secure", "a.test",
		  UNSIGNED_MX UNUSABLE("1") UNUSABLE("2"), NULL,
		  "encrypt (tlsa-unusable)" },
		{ "26: unusable beside usable: dane-only would not use it",
		  "a.test", SIGNED_MX DANE("1") UNUSABLE("2"), NULL,
		  "dane (tlsa-some)" },
		{ "26: unusable beside none: encrypt would bind both", "a.test",
		  SIGNED_MX PLAIN("1") UNUSABLE("2"), NULL, "dane (tlsa-some)" },
		{ "26: one usable in the set", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "S " PKIX "; " GOOD),
		  NULL, "dane-only (tlsa-all)" },
		{ "27: secure NXDOMAIN", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "S !"), NULL,
		  "none (no-tlsa)" },
		{ "27: insecure NXDOMAIN (opt-out)", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "I !"), NULL,
		  "none (no-tlsa)" },
		{ "27: bogus NXDOMAIN", "a.test",
		  "a.test MX S 10 mx1.test\n" HOST("1", "B !"), NULL,
		  "temp (hosts-failed)" },
		{ "30: an address", "[192.0.2.1]", "", NULL, "none (address)" },
		{ "30: an address, and a policy", "[192.0.2.1]", "", ENFORCE,
		  "none (address)" },
		{ "30: a host", "[mx1.test]", DANE("1"), NULL,
		  "dane-only (tlsa-all)" },
		{ "30: a host with its port", "[mx1.test]:587",
		  PLAIN("1") "_587._tcp.mx1.test TLSA S " GOOD "\n", NULL,
		  "dane-only (tlsa-all)" },
		{ "30: a host without", "[mx1.test]", PLAIN("1"), NULL,
		  "none (no-tlsa)" },
		{ "30: a host that is not there", "[mx1.test]",
		  "mx1.test A S !\nmx1.test AAAA S !\n", NULL,
		  "none (no-mail-host)" },
	};

	CHECK_ROWS(rows);
}

/* ---- 3.3 MTA-STS ---- */

static void rules_of_sts(void **state)
{
	static const struct row rows[] = {
		{ "36: enforce", "a.test", UNSIGNED_MX PLAIN("1") PLAIN("2"),
		  ENFORCE, SECURE },
		{ "36: testing", "a.test", UNSIGNED_MX PLAIN("1") PLAIN("2"),
		  TESTING, "none (no-tlsa)" },
		{ "36: mode none", "a.test", UNSIGNED_MX PLAIN("1") PLAIN("2"),
		  NO_MODE, "none (no-tlsa)" },
		{ "32, 33: no policy that can be read", "a.test",
		  UNSIGNED_MX PLAIN("1") PLAIN("2"), "version: STSv2\n",
		  "none (no-tlsa)" },
		{ "36: secure MX without TLSA", "a.test",
		  SIGNED_MX PLAIN("1") PLAIN("2"), ENFORCE, SECURE },
		{ "36: DANE comes first", "a.test",
		  SIGNED_MX DANE("1") DANE("2"), ENFORCE,
		  "dane-only (tlsa-all)" },
		{ "36: DANE at some: neither promise is broken", "a.test",
		  SIGNED_MX DANE("1") PLAIN("2"), ENFORCE,
		  "dane-only (mta-sts-tlsa-some)" },
		{ "36: testing leaves it as it is", "a.test",
		  SIGNED_MX DANE("1") PLAIN("2"), TESTING, "dane (tlsa-some)" },
		{ "36: insecure MX: the stronger of the two", "a.test",
		  UNSIGNED_MX DANE("1") DANE("2"), ENFORCE, SECURE },
		{ "36: unusable TLSA ask for TLS, and get more", "a.test",
		  SIGNED_MX UNUSABLE("1") UNUSABLE("2"), ENFORCE, SECURE },
		{ "36: DANE fails for now: never MTA-STS in its place", "a.test",
		  SIGNED_MX HOST("1", "F") HOST("2", "F"), ENFORCE,
		  "temp (hosts-failed)" },
		{ "36: DANE fails for now at one host", "a.test",
		  SIGNED_MX PLAIN("1") HOST("2", "F"), ENFORCE,
		  "temp (mta-sts-tlsa-unknown)" },
		{ "36: what one host says of it is bogus", "a.test",
		  SIGNED_MX PLAIN("1") HOST("2", "B " GOOD), ENFORCE,
		  "temp (mta-sts-tlsa-unknown)" },
		{ "21: bogus, and no policy: Postfix skips that host", "a.test",
		  SIGNED_MX PLAIN("1") HOST("2", "B " GOOD), NULL,
		  "dane (tlsa-unknown)" },
		{ "36: and MX is not secure", "a.test",
		  UNSIGNED_MX PLAIN("1") HOST("2", "F"), ENFORCE, SECURE },
		{ "36: MX fails", "a.test", "a.test MX F\n", ENFORCE,
		  "temp (mx-failed)" },
	};

	CHECK_ROWS(rows);
}

static void tlsrpt_attributes(void **state)
{
	static char text[MX_POLICY_TEXT_MAX];
	static struct mx_route_policy sts;
	struct mx_route *route =
		work_out("A.test", UNSIGNED_MX PLAIN("1") PLAIN("2"));
	const struct mx_route_result *result = mx_route_result(route);

	(void)state;
	assert_true(mx_route_policy_read(ENFORCE, strlen(ENFORCE), &sts));
	struct mx_policy policy = mx_policy_decide(result, &sts);
	size_t len = mx_policy_text(&policy, result, &sts, true, text);

	assert_int_equal(len, strlen(text));
	assert_string_equal(
		text, "secure match=mx1.test:.test servername=hostname"
		      " policy_type=sts policy_domain=a.test"
		      " mx_host_pattern=mx1.test mx_host_pattern=*.test"
		      " { policy_string = version: STSv1 }"
		      " { policy_string = mode: enforce }"
		      " { policy_string = mx: mx1.test }"
		      " { policy_string = mx: *.test }"
		      " { policy_string = max_age: 86400 }");
	policy = mx_policy_decide(result, NULL);
	assert_int_equal(mx_policy_text(&policy, result, NULL, true, text), 0);
	assert_string_equal(text, "");
	mx_route_free(route);
}

/* As many and as long patterns as can be: nothing is cut off. */
static void longest_policy(void **state)
{
	static char text[MX_POLICY_TEXT_MAX], lines[MX_ROUTE_POLICY_TEXT_MAX];
	static struct mx_route_policy sts;
	char label[64], *to = lines;
	struct mx_route *route =
		work_out("a.test", UNSIGNED_MX PLAIN("1") PLAIN("2"));
	const struct mx_route_result *result = mx_route_result(route);

	(void)state;
	memset(label, 'a', 63);
	label[63] = '\0';
	to += sprintf(to, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (unsigned i = 0; i < MX_ROUTE_PATTERNS_MAX; i++)
		to += sprintf(to, "mx: *.%s.%s.%s.%.61s\n", label, label, label,
			      label);
	assert_true(mx_route_policy_read(lines, (size_t)(to - lines), &sts));
	struct mx_policy policy = mx_policy_decide(result, &sts);
	size_t len = mx_policy_text(&policy, result, &sts, true, text);

	assert_true(len > 3 * 253 * MX_ROUTE_PATTERNS_MAX);
	assert_string_equal(text + len - strlen(" { policy_string = max_age: 1 }"),
			    " { policy_string = max_age: 1 }");
	mx_route_free(route);
}

/* Time is up before anything is known. */
static void nothing_known_yet(void **state)
{
	struct mx_route_destination d;
	struct mx_route_question q;

	(void)state;
	assert_true(mx_route_destination_read("a.test", &d));
	struct mx_route *route = mx_route_new(&d, NULL);

	assert_int_equal(mx_policy_decide(mx_route_result(route), NULL).verdict,
			 MX_POLICY_TEMP);
	assert_int_equal(mx_route_next(route, &q, 1), 1);
	world_tell(route, &q.qname, q.qtype, SIGNED_MX);
	struct mx_policy policy = mx_policy_decide(mx_route_result(route), NULL);

	assert_int_equal(policy.verdict, MX_POLICY_TEMP);
	assert_int_equal(policy.reason, MX_POLICY_WHY_HOSTS_FAILED);
	mx_route_free(route);
}

/* Time is up when all is known but the TLSA of one host: no MTA-STS policy in
 * their place (RFC 8461 section 2), and nothing in the clear. */
static void tlsa_not_known_yet(void **state)
{
	static const char *world = SIGNED_MX PLAIN("1") PLAIN("2");
	static struct mx_route_policy sts;
	struct mx_route_destination d;
	struct mx_route_question q[8];
	struct mx_name last;
	unsigned count;
	bool left = false;

	(void)state;
	assert_true(mx_route_policy_read(ENFORCE, strlen(ENFORCE), &sts));
	assert_int_equal(mx_name_from_text("_25._tcp.mx2.test", &last), MX_OK);
	assert_true(mx_route_destination_read("a.test", &d));
	struct mx_route *route = mx_route_new(&d, NULL);

	while ((count = mx_route_next(route, q, 8)) > 0)
		for (unsigned i = 0; i < count; i++) {
			if (mx_name_equal(&q[i].qname, &last))
				left = true;
			else
				world_tell(route, &q[i].qname, q[i].qtype,
					   world);
		}
	assert_true(left);
	struct mx_policy policy = mx_policy_decide(mx_route_result(route), &sts);

	assert_int_equal(policy.verdict, MX_POLICY_TEMP);
	assert_int_equal(policy.reason, MX_POLICY_WHY_STS_TLSA_UNKNOWN);
	policy = mx_policy_decide(mx_route_result(route), NULL);
	assert_int_equal(policy.verdict, MX_POLICY_DANE);
	assert_int_equal(policy.reason, MX_POLICY_WHY_TLSA_UNKNOWN);
	mx_route_free(route);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_mx),
		cmocka_unit_test(rule_13_many_hosts),
		cmocka_unit_test(rules_of_dane),
		cmocka_unit_test(rules_of_sts),
		cmocka_unit_test(tlsrpt_attributes),
		cmocka_unit_test(longest_policy),
		cmocka_unit_test(nothing_known_yet),
		cmocka_unit_test(tlsa_not_known_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
