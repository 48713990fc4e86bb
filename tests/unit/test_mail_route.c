/* Routes: each row a little DNS and the route through it, by the number of
 * the rule that it shows; the numbers are those of docs/routes.md. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route_world.h"

#define A(host, address) host " A S " address "\n"
#define GOOD_TLSA "3 1 1 *32"

struct row {
	const char *why, *to, *world, *want;
	const char *asked; /* questions, in order, or NULL */
};

static struct mx_name own_names[2];

static struct mx_route *start(const char *to, const struct mx_route_options *o)
{
	struct mx_route_destination d;
	struct mx_route *route;

	if (!mx_route_destination_read(to, &d))
		fail_msg("%s: no destination", to);
	route = mx_route_new(&d, o);
	assert_non_null(route);
	return route;
}

static char *add_asked(char *to, const struct mx_route_question *q)
{
	char name[MX_ROUTE_NAME_TEXT_MAX], type[16];

	return to + sprintf(to, "%s%s %s", *to ? " " : "",
			    mx_type_text(q->qtype, type),
			    mx_route_name_text(&q->qname, name));
}

/* Ask and tell until it is done; what was asked goes to asked. */
static bool run(struct mx_route *route, const char *world, bool packets,
		char *asked)
{
	struct mx_route_question q[3]; /* few at a time */
	unsigned count, total = 0;
	bool same = true;
	char *to = asked;

	*to = '\0';
	while ((count = mx_route_next(route, q, 3)) > 0) {
		assert_true((total += count) <= MX_ROUTE_QUESTIONS_MAX);
		for (unsigned i = 0; i < count; i++) {
			to += to > asked ? sprintf(to, " ") : 0;
			to = add_asked(to, &q[i]);
			if (packets)
				same &= world_tell_packet(route, &q[i], world);
			else
				world_tell(route, &q[i].qname, q[i].qtype,
					   world);
		}
	}
	assert_true(mx_route_done(route));
	return same;
}

static void check(const struct row *row, const struct mx_route_options *o,
		  bool packets)
{
	static char text[WORLD_TEXT_MAX], asked[WORLD_TEXT_MAX];
	struct mx_route *route = start(row->to, o);
	bool same = run(route, row->world, packets, asked);

	route_text(mx_route_result(route), text);
	if (same && strcmp(text, row->want) != 0)
		fail_msg("%s:\n  is   %s\n  want %s\n  asked %s", row->why, text,
			 row->want, asked);
	if (row->asked != NULL && strcmp(asked, row->asked) != 0)
		fail_msg("%s: asked %s", row->why, asked);
	mx_route_free(route);
}

static void check_rows(const struct row *rows, size_t count)
{
	mx_name_from_text("me.test", &own_names[0]);
	mx_name_from_text("also.me.test", &own_names[1]);
	const struct mx_route_options options = { .own = own_names,
						  .own_count = 2 };

	for (size_t i = 0; i < count; i++) {
		check(&rows[i], &options, false);
		/* "?" and what is malformed cannot be told in a packet. */
		if (strstr(rows[i].world, " ? ") == NULL)
			check(&rows[i], &options, true);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- 3.1 MX ---- */

static void rule_01_implicit_mx(void **state)
{
	static const struct row rows[] = {
		{ "no MX: the domain itself", "a.test",
		  "a.test MX I -\na.test A I 192.0.2.1\n",
		  "deliver implicit insecure may..may"
		  " | 0 a.test usable may address-insecure 192.0.2.1",
		  "MX a.test A a.test AAAA a.test" },
		{ "IPv6 alone", "a.test", "a.test MX I -\na.test AAAA I 2001:db8::1\n",
		  "deliver implicit insecure may..may"
		  " | 0 a.test usable may address-insecure 2001:db8::1", NULL },
		{ "neither MX nor address", "a.test", "a.test MX I -\n",
		  "no-mail-host implicit insecure may..may"
		  " | 0 a.test no-address", NULL },
		{ "no MX behind an alias: by the name that mail is for", "a.test",
		  "a.test MX I >b.test -\na.test A I >b.test 192.0.2.1\n",
		  "deliver implicit insecure may..may"
		  " | 0 a.test usable may address-insecure 192.0.2.1 !mx-alias",
		  "MX a.test A a.test AAAA a.test CNAME a.test" },
		{ "no MX, and the address cannot be had", "a.test",
		  "a.test MX I -\na.test A F\n",
		  "try-again:host implicit insecure may..may"
		  " | 0 a.test address-failed", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_02_nxdomain_is_final(void **state)
{
	static const struct row rows[] = {
		{ "no such domain", "a.test", "a.test MX S !\na.test A S 192.0.2.1\n",
		  "no-such-domain secure may..may", "MX a.test" },
		{ "not even an insecure one", "a.test", "a.test MX I !\n",
		  "no-such-domain insecure may..may", "MX a.test" },
		{ "behind an alias", "a.test", "a.test MX I >b.test !\n",
		  "no-such-domain insecure may..may", "MX a.test" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_03_failure_is_temporary(void **state)
{
	static const struct row rows[] = {
		{ "no answer: never on to A", "a.test",
		  "a.test MX F\na.test A S 192.0.2.1\n",
		  "try-again:mx-failed indeterminate may..may", "MX a.test" },
		{ "bogus", "a.test",
		  "a.test MX B 10 mx.a.test\nmx.a.test A S 192.0.2.1\n",
		  "try-again:mx-bogus bogus may..may", NULL },
		{ "a bogus denial", "a.test", "a.test MX B -\na.test A S 192.0.2.1\n",
		  "try-again:mx-bogus bogus may..may", NULL },
		{ "a bogus NXDOMAIN", "a.test", "a.test MX B !\n",
		  "try-again:mx-bogus bogus may..may", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_04_mx_excludes_own_address(void **state)
{
	static const struct row rows[] = {
		{ "dead MX hosts, and the domain has an address", "a.test",
		  "a.test MX I 10 mx.a.test\nmx.a.test A I !\n"
		  "mx.a.test AAAA I !\na.test A I 192.0.2.1\n",
		  "no-mail-host insecure may..may | 10 mx.a.test no-such-host",
		  "MX a.test A mx.a.test AAAA mx.a.test" },
		{ "the domain is its own MX", "a.test",
		  "a.test MX I 10 a.test\na.test A I 192.0.2.1\n",
		  "deliver insecure may..may"
		  " | 10 a.test usable may address-insecure 192.0.2.1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_05_order(void **state)
{
	static const struct row rows[] = {
		{ "ascending", "a.test",
		  "a.test MX I 30 c.test; 10 a.test; 20 b.test\n"
		  "a.test A I 192.0.2.1\nb.test A I 192.0.2.2\n"
		  "c.test A I 192.0.2.3\n",
		  "deliver insecure may..may"
		  " | 10 a.test usable may address-insecure 192.0.2.1"
		  " | 20 b.test usable may address-insecure 192.0.2.2"
		  " | 30 c.test usable may address-insecure 192.0.2.3", NULL },
		{ "addresses keep their order", "a.test",
		  "a.test MX I 10 mx.test\n"
		  "mx.test A I 192.0.2.9; 192.0.2.1; 192.0.2.5\n"
		  "mx.test AAAA I 2001:db8::9; 2001:db8::1\n",
		  "deliver insecure may..may | 10 mx.test usable may"
		  " address-insecure 192.0.2.9,192.0.2.1,192.0.2.5,"
		  "2001:db8::9,2001:db8::1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* Which of four hosts of equal preference is first, for a seed. */
static int first_of_four(uint64_t seed, const char *world)
{
	static char asked[WORLD_TEXT_MAX];
	const struct mx_route_options options = { .seed = seed };
	struct mx_route *route = start("a.test", &options);

	run(route, world, false, asked);
	int first = mx_route_result(route)->hosts[0].name.octets[1] - 'a';

	mx_route_free(route);
	return first;
}

static void rule_05_equals_are_shuffled(void **state)
{
	unsigned seen[4] = { 0 };

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		int first = first_of_four(seed, "a.test MX I 5 a.test; 5 b.test;"
						" 5 c.test; 5 d.test\n");

		assert_in_range(first, 0, 3);
		seen[first]++;
		/* The cache turns the RRset; that has no say. */
		assert_int_equal(first, first_of_four(seed,
			"a.test MX I 5 c.test; 5 d.test; 5 a.test; 5 b.test\n"));
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(seen[i], 60, 140);
}

static void rule_06_domain_is_an_alias(void **state)
{
	static const struct row rows[] = {
		{ "MX of what it leads to", "a.test",
		  "a.test MX S >b.test >c.test 10 mx.c.test\n"
		  "mx.c.test A S 192.0.2.1\n_25._tcp.mx.c.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 mx.c.test usable"
		  " dane-only usable 192.0.2.1 base=mx.c.test 1/1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* RRs as a server that is not ours might send them. */
static void rule_06_chains_without_end(void **state)
{
	static const struct { const char *why, *rrs; } cases[] = {
		{ "a loop", "an a.test. 9 CNAME nb.test.; an b.test. 9 CNAME na.test." },
		{ "itself", "an a.test. 9 CNAME na.test." },
		{ "two at one name", "an a.test. 9 CNAME nb.test.; "
		  "an a.test. 9 CNAME nc.test.; an b.test. 9 MX w1 nmx.b.test." },
		{ "a DNAME without its CNAME", "an test. 9 DNAME nexample." },
	};
	static struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_route *route = start("a.test", NULL);

		message_begin(&m, MESSAGE_RESPONSE, "a.test", MX_TYPE_MX);
		message_rrs(&m, cases[i].rrs);
		message_end(&m);
		assert_int_equal(mx_route_response(route, m.octets, m.len, true,
						   0), MX_ROUTE_HEARD);
		if (mx_route_result(route)->reason != MX_ROUTE_WHY_MX_FAILED)
			fail_msg("%s", cases[i].why);
		mx_route_free(route);
	}
}

static void rule_07_host_is_an_alias(void **state)
{
	static const struct row rows[] = {
		{ "outside the standard, and common", "a.test",
		  "a.test MX I 10 mx.a.test\n"
		  "mx.a.test A I >h.a.test 192.0.2.1\n"
		  "mx.a.test AAAA I >h.a.test -\n",
		  "deliver insecure may..may | 10 mx.a.test usable may"
		  " address-insecure 192.0.2.1 !mx-alias", NULL },
		{ "to nowhere", "a.test",
		  "a.test MX I 10 mx.a.test\n"
		  "mx.a.test A I >h.a.test !\nmx.a.test AAAA I >h.a.test !\n",
		  "no-mail-host insecure may..may"
		  " | 10 mx.a.test no-such-host", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_08_address_for_a_name(void **state)
{
	static const struct row rows[] = {
		{ "alone: asked for nothing", "a.test", "a.test MX S 10 192.0.2.1\n",
		  "no-mail-host secure may..may | 10 192.0.2.1 address-literal",
		  "MX a.test" },
		{ "among others", "a.test",
		  "a.test MX I 10 192.0.2.1; 20 mx.a.test\nmx.a.test A I 192.0.2.2\n",
		  "deliver insecure may..may | 10 192.0.2.1 address-literal"
		  " | 20 mx.a.test usable may address-insecure 192.0.2.2", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_09_null_mx(void **state)
{
	static const struct row rows[] = {
		{ "alone", "a.test", "a.test MX S 0 .\na.test A S 192.0.2.1\n",
		  "null-mx secure may..may", "MX a.test" },
		{ "behind an alias", "a.test", "a.test MX I >b.test 0 .\n",
		  "null-mx insecure may..may", "MX a.test" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_10_null_mx_mixed(void **state)
{
	static const struct row rows[] = {
		{ "among others: these are used", "a.test",
		  "a.test MX I 0 .; 10 mx.a.test\nmx.a.test A I 192.0.2.1\n",
		  "deliver insecure may..may !null-mx-mixed | 10 mx.a.test"
		  " usable may address-insecure 192.0.2.1", NULL },
		{ "among others that are dead: no host, not null MX", "a.test",
		  "a.test MX I 0 .; 10 mx.a.test\n",
		  "no-mail-host insecure may..may !null-mx-mixed"
		  " | 10 mx.a.test no-address", NULL },
		{ "another preference: no null MX", "a.test", "a.test MX S 10 .\n",
		  "no-mail-host secure may..may !root-preference", "MX a.test" },
		{ "both", "a.test", "a.test MX S 10 .; 0 .\n",
		  "null-mx secure may..may", "MX a.test" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_11_loops(void **state)
{
	static const struct row rows[] = {
		{ "this host is the best", "a.test",
		  "a.test MX I 10 me.test; 20 mx.a.test\n",
		  "loop insecure may..may | 10 me.test own | 20 mx.a.test own",
		  "MX a.test" },
		{ "this host is a backup: only those before it", "a.test",
		  "a.test MX I 10 mx.a.test; 20 ME.test; 30 late.a.test\n"
		  "mx.a.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 10 mx.a.test usable may"
		  " address-insecure 192.0.2.1 | 20 me.test own"
		  " | 30 late.a.test own",
		  "MX a.test A mx.a.test AAAA mx.a.test" },
		{ "those before it have no address: not yet to bounce", "a.test",
		  "a.test MX I 10 mx.a.test; 20 me.test\n",
		  "try-again:own-next insecure may..may"
		  " | 10 mx.a.test no-address | 20 me.test own", NULL },
		{ "an implicit MX that is this host", "me.test", "me.test MX I -\n",
		  "loop implicit insecure may..may | 0 me.test own", "MX me.test" },
		{ "addresses that lead nowhere", "a.test",
		  "a.test MX I 10 localhost; 20 lo6.test; 30 zero.test; 40 m.test\n"
		  "localhost A I 127.0.0.1\nlo6.test AAAA I ::1\n"
		  "zero.test A I 0.0.0.0\nm.test AAAA I ::ffff:127.0.0.1\n",
		  "no-mail-host insecure may..may"
		  " | 10 localhost loopback !nowhere-address"
		  " | 20 lo6.test loopback !nowhere-address"
		  " | 30 zero.test loopback !nowhere-address"
		  " | 40 m.test loopback !nowhere-address", NULL },
		{ "one of two addresses leads nowhere", "a.test",
		  "a.test MX I 10 mx.test\nmx.test A I 127.0.0.1; 192.0.2.1\n",
		  "deliver insecure may..may | 10 mx.test usable may"
		  " address-insecure 192.0.2.1 !nowhere-address", NULL },
		{ "a private address may be right", "a.test",
		  "a.test MX I 10 mx.test\nmx.test A I 10.1.2.3\n",
		  "deliver insecure may..may | 10 mx.test usable may"
		  " address-insecure 10.1.2.3 !private-address", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* As good as this host, and in whichever order the seed has them: dropped. */
static void rule_11_equal_to_own(void **state)
{
	static char asked[WORLD_TEXT_MAX];

	(void)state;
	mx_name_from_text("me.test", &own_names[0]);
	for (uint64_t seed = 0; seed < 8; seed++) {
		const struct mx_route_options options = {
			.seed = seed, .own = own_names, .own_count = 1,
		};
		struct mx_route *route = start("a.test", &options);

		run(route, "a.test MX I 10 me.test; 10 x.test\n", false, asked);
		assert_int_equal(mx_route_result(route)->outcome,
				 MX_ROUTE_LOOP);
		assert_string_equal(asked, "MX a.test");
		mx_route_free(route);
	}
}

static void rule_12_host_without_address(void **state)
{
	static const struct row rows[] = {
		{ "passed over", "a.test",
		  "a.test MX I 10 empty.test; 20 mx.test\nmx.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 10 empty.test no-address"
		  " | 20 mx.test usable may address-insecure 192.0.2.1", NULL },
		{ "all of them: permanent", "a.test",
		  "a.test MX I 10 x.test; 20 y.test\nx.test A I !\n"
		  "x.test AAAA I !\n",
		  "no-mail-host insecure may..may | 10 x.test no-such-host"
		  " | 20 y.test no-address", NULL },
		{ "one is absent, one not known: temporary outranks absent",
		  "a.test", "a.test MX I 10 x.test; 20 y.test\ny.test A F\n",
		  "try-again:host insecure may..may | 10 x.test no-address"
		  " | 20 y.test address-failed", NULL },
		{ "one is not known, one takes mail", "a.test",
		  "a.test MX I 10 x.test; 20 y.test\nx.test A F\n"
		  "y.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 10 x.test address-failed"
		  " | 20 y.test usable may address-insecure 192.0.2.1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* n hosts; only the last has an address, or all. */
static struct mx_route *farm(unsigned n, bool all, unsigned *ret_questions)
{
	static char world[400000], asked[WORLD_TEXT_MAX];
	char *to = world + sprintf(world, "a.test MX I 0 h0.test");

	for (unsigned i = 1; i < n; i++)
		to += sprintf(to, "; %u h%u.test", i, i);
	to += sprintf(to, "\n");
	for (unsigned i = all ? 0 : n - 1; i < n; i++)
		to += sprintf(to, "h%u.test A I 192.0.2.%u\n", i, i % 250 + 1);
	struct mx_route *route = start("a.test", NULL);

	run(route, world, false, asked);
	*ret_questions = (unsigned)mx_route_result(route)->questions;
	return route;
}

static void rule_13_many_hosts(void **state)
{
	static const struct { unsigned n; bool all; enum mx_route_outcome want; }
	cases[] = {
		{ 50, true, MX_ROUTE_DELIVER },
		{ 500, true, MX_ROUTE_DELIVER },
		{ 10, false, MX_ROUTE_DELIVER },
		/* Nobody looked at the last one: no reason to bounce. */
		{ 11, false, MX_ROUTE_TRY_AGAIN },
		{ 500, false, MX_ROUTE_TRY_AGAIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned questions;
		struct mx_route *route = farm(cases[i].n, cases[i].all,
					      &questions);
		const struct mx_route_result *r = mx_route_result(route);

		assert_int_equal(r->outcome, cases[i].want);
		assert_int_equal(r->host_count, MX_ROUTE_HOSTS_MAX);
		assert_int_equal(r->hosts_left_out, cases[i].n > 10);
		assert_int_equal(questions, 21);
		mx_route_free(route);
	}
}

static void rule_13_many_addresses(void **state)
{
	static char world[20000], asked[WORLD_TEXT_MAX];
	char *to = world + sprintf(world, "a.test MX I 1 mx.test; 2 MX.test\n"
					  "mx.test A I 192.0.2.0");

	(void)state;
	for (unsigned i = 1; i < 300; i++)
		to += sprintf(to, "; 192.0.%u.%u", 2 + i / 256, i % 256);
	sprintf(to, "\n");
	struct mx_route *route = start("a.test", NULL);

	run(route, world, false, asked);
	const struct mx_route_result *r = mx_route_result(route);

	/* Named twice, it is one. */
	assert_int_equal(r->host_count, 1);
	assert_int_equal(r->hosts[0].address_count, MX_ROUTE_FAMILY_MAX);
	assert_true(r->hosts[0].warnings & 1u << MX_ROUTE_WARN_ADDRESSES);
	mx_route_free(route);
}

static void rule_14_address_families(void **state)
{
	static const struct row rows[] = {
		{ "AAAA fails, A is fine", "a.test",
		  "a.test MX I 1 mx.test\nmx.test A I 192.0.2.1\nmx.test AAAA F\n",
		  "deliver insecure may..may | 1 mx.test usable may"
		  " address-insecure 192.0.2.1 !one-family-failed", NULL },
		{ "A fails, AAAA is fine", "a.test",
		  "a.test MX I 1 mx.test\nmx.test AAAA I 2001:db8::1\nmx.test A F\n",
		  "deliver insecure may..may | 1 mx.test usable may"
		  " address-insecure 2001:db8::1 !one-family-failed", NULL },
		{ "a bogus denial of AAAA: DANE by A", "a.test",
		  "a.test MX S 1 mx.test\nmx.test A S 192.0.2.1\n"
		  "mx.test AAAA B -\n_25._tcp.mx.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 1 mx.test usable"
		  " dane-only usable 192.0.2.1 base=mx.test 1/1"
		  " !one-family-failed", NULL },
		{ "no A, AAAA fails: not known", "a.test",
		  "a.test MX I 1 mx.test\nmx.test AAAA F\n",
		  "try-again:host insecure may..may | 1 mx.test address-failed",
		  NULL },
		{ "bogus addresses", "a.test",
		  "a.test MX S 1 mx.test\nmx.test A B 192.0.2.1\nmx.test AAAA S -\n",
		  "try-again:host secure may..may | 1 mx.test address-bogus",
		  NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_15_names(void **state)
{
	static const struct row rows[] = {
		{ "in any case, with a final dot", "A.tESt.",
		  "a.test MX I 1 MX.Test\nmx.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 1 mx.test usable may"
		  " address-insecure 192.0.2.1",
		  "MX a.test A mx.test AAAA mx.test" },
		{ "an A-label", "xn--mller-kva.test",
		  "xn--mller-kva.test MX I 1 xn--mlhost-yxa.test\n"
		  "xn--mlhost-yxa.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 1 xn--mlhost-yxa.test usable may"
		  " address-insecure 192.0.2.1", NULL },
		{ "exchanges that are no hosts, and one that is", "a.test",
		  "a.test MX I 1 with\\032space.test; 2 dot\\.ted.test; 3 -x.test;"
		  " 4 x-.test; 5 \\200.test; 6 mx.test\nmx.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 1 with\\032space.test bad-name"
		  " | 2 dot\\.ted.test bad-name | 3 -x.test bad-name"
		  " | 4 x-.test bad-name | 5 \\200.test bad-name"
		  " | 6 mx.test usable may address-insecure 192.0.2.1",
		  "MX a.test A mx.test AAAA mx.test" },
		{ "none that is a host: permanent", "a.test",
		  "a.test MX I 1 a\\@b.test\n",
		  "no-mail-host insecure may..may | 1 a\\064b.test bad-name",
		  "MX a.test" },
		{ "an underscore is wrong, and works", "a.test",
		  "a.test MX I 1 m_x.test\nm_x.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 1 m_x.test usable may"
		  " address-insecure 192.0.2.1 !underscore", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* Ten bad names before the good one do not take its place. */
static void rule_15_bad_names_give_way(void **state)
{
	static char world[2000], asked[WORLD_TEXT_MAX];
	char *to = world + sprintf(world, "a.test MX I 0 -x.test");

	(void)state;
	for (unsigned i = 1; i < 12; i++)
		to += sprintf(to, "; %u -x%u.test", i, i);
	sprintf(to, "; 99 mx.test\nmx.test A I 192.0.2.1\n");
	struct mx_route *route = start("a.test", NULL);

	run(route, world, false, asked);
	const struct mx_route_result *r = mx_route_result(route);

	assert_int_equal(r->outcome, MX_ROUTE_DELIVER);
	assert_int_equal(r->host_count, MX_ROUTE_HOSTS_MAX);
	assert_int_equal(r->hosts[9].preference, 99);
	assert_false(r->hosts_left_out);
	mx_route_free(route);
}

static void rule_15b_rcodes(void **state)
{
	static struct message m;

	(void)state;
	/* All but NOERROR and NXDOMAIN, those nobody knows too. */
	for (unsigned rcode = 1; rcode < 16; rcode++) {
		struct mx_route *route = start("a.test", NULL);

		message_begin(&m, (uint16_t)(MESSAGE_RESPONSE | rcode), "a.test",
			      MX_TYPE_MX);
		message_end(&m);
		assert_int_equal(mx_route_response(route, m.octets, m.len,
						   false, 0), MX_ROUTE_HEARD);
		assert_true(mx_route_done(route));
		assert_int_equal(mx_route_outcome_class(
			mx_route_result(route)->outcome),
			rcode == 3 ? MX_ROUTE_PERMANENT : MX_ROUTE_TEMPORARY);
		mx_route_free(route);
	}
}

/* A server that knows of the domain only who else does. */
static void rule_16_referral_is_no_denial(void **state)
{
	static struct message m;
	struct mx_route *route = start("a.test", NULL);

	(void)state;
	message_begin(&m, 0x8100, "a.test", MX_TYPE_MX);
	message_rrs(&m, "ns test. 60 NS nns.test.");
	message_end(&m);
	mx_route_response(route, m.octets, m.len, false, 0);
	assert_int_equal(mx_route_result(route)->reason,
			 MX_ROUTE_WHY_MX_FAILED);
	mx_route_free(route);
}

static void rule_17_lifetimes(void **state)
{
	static const struct {
		const char *why, *world;
		int64_t ttl_s;
	} cases[] = {
		{ "the least of all", "a.test MX I/300 1 mx.test\n"
		  "mx.test A I/60 192.0.2.1\nmx.test AAAA I/90 -\n", 60 },
		{ "MX too", "a.test MX I/30 1 mx.test\n"
		  "mx.test A I/60 192.0.2.1\n", 30 },
		{ "a denial", "a.test MX I/300 1 mx.test\n"
		  "mx.test A I/300 192.0.2.1\nmx.test AAAA I/7 -\n", 7 },
		{ "zero", "a.test MX I/0 1 mx.test\nmx.test A I 192.0.2.1\n", 0 },
		{ "2^31 is zero", "a.test MX I/2147483648 1 mx.test\n"
		  "mx.test A I 192.0.2.1\n", 0 },
		{ "no such domain", "a.test MX I/20 !\n", 20 },
		{ "a failure", "a.test MX F\n", 5 },
		{ "an answer that the route does not rest on",
		  "a.test MX S/300 1 mx.test\nmx.test A I/200 192.0.2.1\n"
		  "mx.test AAAA I/200 -\n_25._tcp.mx.test TLSA I/3 -\n", 200 },
	};
	static char asked[WORLD_TEXT_MAX];
	const struct mx_route_options options = { .ask_early = true };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_route *route = start("a.test", &options);

		run(route, cases[i].world, false, asked);
		int64_t expires_ms = mx_route_result(route)->expires_ms;

		if (expires_ms != WORLD_NOW + cases[i].ttl_s * 1000)
			fail_msg("%s: %d ms", cases[i].why,
				 (int)(expires_ms - WORLD_NOW));
		mx_route_free(route);
	}
}

/* ---- 3.2 DANE ---- */

static void rule_20_tlsa_failure_skips_the_host(void **state)
{
	static const struct row rows[] = {
		{ "one of two", "a.test",
		  "default S\na.test MX S 10 x.test; 20 y.test\n"
		  A("x.test", "192.0.2.1") A("y.test", "192.0.2.2")
		  "_25._tcp.x.test TLSA F\n_25._tcp.y.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test tlsa-failed"
		  " | 20 y.test usable dane-only usable 192.0.2.2 base=y.test 1/1",
		  NULL },
		{ "bogus is the same", "a.test",
		  "default S\na.test MX S 10 x.test; 20 y.test\n"
		  A("x.test", "192.0.2.1") A("y.test", "192.0.2.2")
		  "_25._tcp.x.test TLSA B " GOOD_TLSA "\n",
		  "deliver secure may..may | 10 x.test tlsa-bogus"
		  " | 20 y.test usable may absent 192.0.2.2", NULL },
		{ "all: defer, never without TLS", "a.test",
		  "default S\na.test MX S 10 x.test; 20 y.test\n"
		  A("x.test", "192.0.2.1") A("y.test", "192.0.2.2")
		  "_25._tcp.x.test TLSA F\n_25._tcp.y.test TLSA F\n",
		  "try-again:host secure may..may | 10 x.test tlsa-failed"
		  " | 20 y.test tlsa-failed", NULL },
		{ "insecure is no failure", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA I " GOOD_TLSA "\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " tlsa-insecure 192.0.2.1", NULL },
		{ "nor is indeterminate, which is nobody's word", "a.test",
		  "a.test MX ? 10 x.test\nx.test A ? 192.0.2.1\n",
		  "deliver indeterminate may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_21_insecure_mx(void **state)
{
	static const struct row rows[] = {
		{ "TLSA of its host hold, but it is not proven to be the host",
		  "a.test", "a.test MX I 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver insecure dane..dane | 10 x.test usable dane usable"
		  " 192.0.2.1 base=x.test 1/1", NULL },
		{ "an insecure alias to a secure MX", "a.test",
		  "a.test MX I >b.test 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver insecure dane..dane | 10 x.test usable dane usable"
		  " 192.0.2.1 base=x.test 1/1", NULL },
		{ "some hosts have it", "a.test",
		  "default S\na.test MX S 10 x.test; 20 y.test\n"
		  A("x.test", "192.0.2.1") A("y.test", "192.0.2.2")
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure may..dane-only | 10 x.test usable dane-only"
		  " usable 192.0.2.1 base=x.test 1/1"
		  " | 20 y.test usable may absent 192.0.2.2", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_22_addresses_first(void **state)
{
	static const struct row rows[] = {
		{ "insecure addresses: TLSA are not asked for", "a.test",
		  "a.test MX S 10 x.test\nx.test A I 192.0.2.1\n"
		  "_25._tcp.x.test TLSA F\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1 !dane-off",
		  "MX a.test A x.test AAAA x.test" },
		{ "IPv6 alone is secure: enough", "a.test",
		  "a.test MX S 10 x.test\nx.test A I 192.0.2.1\n"
		  "x.test AAAA S 2001:db8::1\n"
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1,2001:db8::1 base=x.test 1/1",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.x.test" },
		{ "no address: TLSA are not asked for", "a.test",
		  "default S\na.test MX S 10 x.test\n",
		  "no-mail-host secure may..may | 10 x.test no-address",
		  "MX a.test A x.test AAAA x.test" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

#define ALIASED "default S\na.test MX S 10 x.test\n" \
	"x.test A S >y.test 192.0.2.1\nx.test AAAA S >y.test -\n"
#define TAIL "default S\na.test MX S 10 x.test\n" \
	"x.test A I >y.test 192.0.2.1\nx.test AAAA I >y.test -\n"

static void rule_23_aliased_host(void **state)
{
	static const struct row rows[] = {
		{ "all secure: where it leads", "a.test", ALIASED
		  "_25._tcp.y.test TLSA S " GOOD_TLSA "\n"
		  "_25._tcp.x.test TLSA F\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=y.test 1/1 !mx-alias",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.y.test" },
		{ "none there: then the host's own", "a.test", ALIASED
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1 !mx-alias",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.y.test"
		  " TLSA _25._tcp.x.test" },
		{ "insecure there: then the host's own", "a.test", ALIASED
		  "_25._tcp.y.test TLSA I " GOOD_TLSA "\n"
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1 !mx-alias", NULL },
		{ "failed there: not known, never the next", "a.test", ALIASED
		  "_25._tcp.y.test TLSA F\n"
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "try-again:host secure may..may"
		  " | 10 x.test tlsa-failed !mx-alias",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.y.test" },
		{ "none at both", "a.test", ALIASED,
		  "deliver secure may..may | 10 x.test usable may absent"
		  " 192.0.2.1 !mx-alias", NULL },
		{ "unusable there are still there", "a.test", ALIASED
		  "_25._tcp.y.test TLSA S 1 1 1 *32\n"
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure encrypt..encrypt | 10 x.test usable encrypt"
		  " unusable 192.0.2.1 base=y.test 0/1 !mx-alias !tlsa-unusable",
		  NULL },
		{ "insecure tail, secure head: the host's own", "a.test", TAIL
		  "x.test CNAME S y.test\n_25._tcp.y.test TLSA S " GOOD_TLSA "\n"
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1 !mx-alias",
		  "MX a.test A x.test AAAA x.test CNAME x.test"
		  " TLSA _25._tcp.x.test" },
		{ "insecure head: no DANE", "a.test", TAIL
		  "x.test CNAME I y.test\n_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1 !mx-alias !dane-off",
		  "MX a.test A x.test AAAA x.test CNAME x.test" },
		{ "whether the head is secure cannot be had", "a.test", TAIL
		  "x.test CNAME F\n_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "try-again:host secure may..may"
		  " | 10 x.test tlsa-failed !mx-alias", NULL },
		{ "the head is gone meanwhile", "a.test", TAIL "x.test CNAME S -\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1 !mx-alias !dane-off", NULL },
		{ "a secure head whose TLSA fail", "a.test", TAIL
		  "x.test CNAME S y.test\n_25._tcp.x.test TLSA F\n",
		  "try-again:host secure may..may"
		  " | 10 x.test tlsa-failed !mx-alias", NULL },
		{ "two hosts with the same base ask once", "a.test",
		  "default S\na.test MX S 10 y.test; 20 x.test\n"
		  "x.test A S >y.test 192.0.2.1\n" A("y.test", "192.0.2.1")
		  "_25._tcp.y.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only"
		  " | 10 y.test usable dane-only usable 192.0.2.1 base=y.test 1/1"
		  " | 20 x.test usable dane-only usable 192.0.2.1 base=y.test 1/1"
		  " !mx-alias",
		  "MX a.test A y.test AAAA y.test A x.test"
		  " TLSA _25._tcp.y.test AAAA x.test" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_24_tlsa_name(void **state)
{
	static const struct row rows[] = {
		{ "an alias of TLSA: the base stays", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S >t.test " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1", NULL },
		{ "an insecure alias of TLSA: as if there were none", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA I >t.test " GOOD_TLSA "\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " tlsa-insecure 192.0.2.1", NULL },
		{ "another port", "a.test:587",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_587._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_25_implicit_mx(void **state)
{
	static const struct row rows[] = {
		{ "the denial of MX is secure: the domain is a secure host",
		  "a.test", "default S\na.test MX S -\n" A("a.test", "192.0.2.1")
		  "_25._tcp.a.test TLSA S " GOOD_TLSA "\n",
		  "deliver implicit secure dane-only..dane-only | 0 a.test"
		  " usable dane-only usable 192.0.2.1 base=a.test 1/1", NULL },
		{ "it is not: as good as an insecure MX", "a.test",
		  "default S\na.test MX I -\n" A("a.test", "192.0.2.1")
		  "_25._tcp.a.test TLSA S " GOOD_TLSA "\n",
		  "deliver implicit insecure dane..dane | 0 a.test usable dane"
		  " usable 192.0.2.1 base=a.test 1/1", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_26_usable_tlsa(void **state)
{
	static const struct {
		const char *why, *tlsa;
		enum mx_route_tlsa_reason want;
	} cases[] = {
		{ "EE, key, SHA-256", "3 1 1 *32", MX_ROUTE_TLSA_USABLE },
		{ "EE, certificate, SHA-512", "3 0 2 *64", MX_ROUTE_TLSA_USABLE },
		{ "TA, certificate, SHA-256", "2 0 1 *32", MX_ROUTE_TLSA_USABLE },
		{ "PKIX-TA", "0 0 1 *32", MX_ROUTE_TLSA_PKIX },
		{ "PKIX-EE", "1 1 1 *32", MX_ROUTE_TLSA_PKIX },
		{ "usage 4", "4 1 1 *32", MX_ROUTE_TLSA_USAGE },
		{ "PrivCert", "255 1 1 *32", MX_ROUTE_TLSA_USAGE },
		{ "selector 2", "3 2 1 *32", MX_ROUTE_TLSA_SELECTOR },
		{ "matching type 3", "3 1 3 *32", MX_ROUTE_TLSA_MATCHING },
		{ "matching type 255", "3 1 255 *1", MX_ROUTE_TLSA_MATCHING },
		{ "31 octets", "3 1 1 *31", MX_ROUTE_TLSA_LENGTH },
		{ "33 octets", "3 1 1 *33", MX_ROUTE_TLSA_LENGTH },
		{ "SHA-256 said to be SHA-512", "3 1 2 *32", MX_ROUTE_TLSA_LENGTH },
		{ "three octets", "3 1 1", MX_ROUTE_TLSA_EMPTY },
		{ "two octets", "3 1", MX_ROUTE_TLSA_SHORT },
		{ "nothing", "", MX_ROUTE_TLSA_SHORT },
		{ "a key", "3 1 0 30063000 03020000", MX_ROUTE_TLSA_USABLE },
		{ "a certificate", "3 0 0 30083000 3000 03020000",
		  MX_ROUTE_TLSA_USABLE },
		{ "a key for a certificate", "3 0 0 30063000 03020000",
		  MX_ROUTE_TLSA_DER },
		{ "a certificate for a key", "3 1 0 30083000 3000 03020000",
		  MX_ROUTE_TLSA_DER },
		{ "noise", "3 1 0 *32", MX_ROUTE_TLSA_DER },
		{ "cut short", "3 1 0 30063000 030200", MX_ROUTE_TLSA_DER },
		{ "an octet too many", "3 1 0 30063000 03020000 00",
		  MX_ROUTE_TLSA_DER },
		{ "a length that is not the least", "3 1 0 3081063000 03020000",
		  MX_ROUTE_TLSA_DER },
		{ "no definite length", "3 1 0 30803000 03020000 0000",
		  MX_ROUTE_TLSA_DER },
		{ "no data, matching type 0", "3 1 0", MX_ROUTE_TLSA_EMPTY },
	};
	static char world[8000], asked[WORLD_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_route *route = start("a.test", NULL);
		bool usable = cases[i].want == MX_ROUTE_TLSA_USABLE;

		snprintf(world, sizeof world,
			 "default S\na.test MX S 1 x.test\n"
			 "x.test A S 192.0.2.1\n_25._tcp.x.test TLSA S %s\n",
			 cases[i].tlsa);
		run(route, world, false, asked);
		const struct mx_route_host *h = mx_route_result(route)->hosts;

		if (h->tlsa_count != 1 || h->tlsa[0].reason != cases[i].want ||
		    /* Never in the clear (RFC 7672 section 2.2). */
		    h->level != (usable ? MX_ROUTE_LEVEL_DANE_ONLY :
					  MX_ROUTE_LEVEL_ENCRYPT))
			fail_msg("%s: %s, %s", cases[i].why,
				 mx_route_tlsa_reason_word(h->tlsa[0].reason),
				 mx_route_level_word(h->level));
		mx_route_free(route);
	}
}

static void rule_27_denied_tlsa(void **state)
{
	static const struct row rows[] = {
		{ "a secure NXDOMAIN", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S !\n",
		  "deliver secure may..may | 10 x.test usable may absent 192.0.2.1",
		  NULL },
		{ "in an opt-out span: insecure", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA I !\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " tlsa-insecure 192.0.2.1", NULL },
		{ "a wildcard alias to a name without TLSA", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S >w.test -\n",
		  "deliver secure may..may | 10 x.test usable may absent 192.0.2.1",
		  NULL },
		{ "a bogus denial", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA B !\n",
		  "try-again:host secure may..may | 10 x.test tlsa-bogus", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* AD counts only if the caller trusts where it comes from. */
static void rule_28_ad(void **state)
{
	static const char world[] = "default S\na.test MX S 1 x.test\n"
		"x.test A S 192.0.2.1\n_25._tcp.x.test TLSA S " GOOD_TLSA "\n";
	static struct world_answer a;

	(void)state;
	for (int trust = 0; trust < 2; trust++) {
		struct mx_route *route = start("a.test", NULL);
		struct mx_route_question q;

		while (mx_route_next(route, &q, 1) == 1) {
			world_ask(world, &q.qname, q.qtype, &a);
			mx_route_response(route, a.m.octets, a.m.len,
					  trust == 1, 0);
		}
		assert_true(mx_route_done(route));
		assert_int_equal(mx_route_result(route)->level_least,
				 trust ? MX_ROUTE_LEVEL_DANE_ONLY :
					 MX_ROUTE_LEVEL_MAY);
		mx_route_free(route);
	}
}

static void rule_29_many_tlsa(void **state)
{
	static char world[20000], asked[WORLD_TEXT_MAX];
	char *to = world + sprintf(world, "default S\na.test MX S 1 x.test\n"
				   "x.test A S 192.0.2.1\n_25._tcp.x.test TLSA S ");

	(void)state;
	for (int i = 0; i < 60; i++)
		to += sprintf(to, "1 1 1 %02x *31; ", i);
	sprintf(to, GOOD_TLSA "\n");
	struct mx_route *route = start("a.test", NULL);

	run(route, world, false, asked);
	const struct mx_route_host *h = mx_route_result(route)->hosts;

	/* The last is not kept, and yet it is what counts. */
	assert_int_equal(h->tlsa_count, 61);
	assert_int_equal(h->tlsa_kept, MX_ROUTE_TLSA_MAX);
	assert_int_equal(h->tlsa_usable, 1);
	assert_int_equal(h->level, MX_ROUTE_LEVEL_DANE_ONLY);
	mx_route_free(route);
}

static void rule_30_next_hops(void **state)
{
	static const struct row rows[] = {
		{ "a host: no MX", "[x.test]:587",
		  "default S\n" A("x.test", "192.0.2.1")
		  "_587._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 0 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1",
		  "A x.test AAAA x.test TLSA _587._tcp.x.test" },
		{ "a host that is not there", "[x.test]",
		  "x.test A I !\nx.test AAAA I !\n",
		  "no-mail-host secure may..may | 0 x.test no-such-host", NULL },
		{ "a filter on this host", "[localhost]:10025",
		  "localhost A I 127.0.0.1\n",
		  "deliver secure may..may | 0 localhost usable may"
		  " address-insecure 127.0.0.1 !dane-off", NULL },
		{ "an address", "[192.0.2.1]", "",
		  "deliver secure may..may | 0 . usable may no-name 192.0.2.1",
		  "" },
		{ "an address of IPv6", "[IPv6:2001:db8::1]:26", "",
		  "deliver secure may..may | 0 . usable may no-name 2001:db8::1",
		  "" },
		{ "our own name: it is the administrator's word", "[me.test]",
		  "me.test A I 192.0.2.1\n",
		  "deliver secure may..may | 0 me.test usable may"
		  " address-insecure 192.0.2.1 !dane-off", NULL },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void rule_30_destinations(void **state)
{
	static const struct { const char *text; bool good, host, address; uint16_t port; }
	cases[] = {
		{ "example.com", true, false, false, 25 },
		{ "Example.COM.", true, false, false, 25 },
		{ "example.com:587", true, false, false, 587 },
		{ "[example.com]", true, true, false, 25 },
		{ "[example.com]:465", true, true, false, 465 },
		{ "[192.0.2.1]:26", true, true, true, 26 },
		{ "[2001:db8::1]", true, true, true, 25 },
		{ "[ipv6:2001:db8::1]:65535", true, true, true, 65535 },
		{ "", false, false, false, 0 }, { ".", false, false, false, 0 },
		{ "[]", false, false, false, 0 }, { "[.]", false, false, false, 0 },
		{ ".example.com", false, false, false, 0 },
		{ "example..com", false, false, false, 0 },
		{ "exam ple.com", false, false, false, 0 },
		{ "m\303\274ller.test", false, false, false, 0 },
		{ "example.com:", false, false, false, 0 },
		{ "example.com:0", false, false, false, 0 },
		{ "example.com:65536", false, false, false, 0 },
		{ "example.com:1x", false, false, false, 0 },
		{ "[example.com", false, false, false, 0 },
		{ "[example.com]x", false, false, false, 0 },
		{ "2001:db8::1", false, false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_route_destination d = { .port = 0 };

		if (mx_route_destination_read(cases[i].text, &d) !=
		    cases[i].good || d.port != cases[i].port ||
		    d.is_host != cases[i].host ||
		    d.is_address != cases[i].address)
			fail_msg("%s", cases[i].text);
	}
}

/* ---- the engine ---- */

static void early_questions(void **state)
{
	static const struct row rows[] = {
		{ "a secure MX: TLSA with the addresses", "a.test",
		  "default S\na.test MX S 10 x.test\n" A("x.test", "192.0.2.1")
		  "_25._tcp.x.test TLSA S " GOOD_TLSA "\n",
		  "deliver secure dane-only..dane-only | 10 x.test usable"
		  " dane-only usable 192.0.2.1 base=x.test 1/1",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.x.test" },
		{ "for nothing, and without harm", "a.test",
		  "default S\na.test MX S 10 x.test\nx.test A I 192.0.2.1\n"
		  "_25._tcp.x.test TLSA F\n",
		  "deliver secure may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1 !dane-off",
		  "MX a.test A x.test AAAA x.test TLSA _25._tcp.x.test" },
		{ "an insecure MX: not early", "a.test",
		  "a.test MX I 10 x.test\nx.test A I 192.0.2.1\n",
		  "deliver insecure may..may | 10 x.test usable may"
		  " address-insecure 192.0.2.1",
		  "MX a.test A x.test AAAA x.test" },
	};
	const struct mx_route_options options = { .ask_early = true };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(&rows[i], &options, false);
}

static void out_of_turn(void **state)
{
	static const char world[] = "default S\na.test MX S 1 x.test\n"
		"x.test A S 192.0.2.1\n_25._tcp.x.test TLSA S " GOOD_TLSA "\n"
		"b.test MX S 1 evil.test\n";
	static const char other[] = "a.test MX S !\nx.test A S !\n";
	static char before[4000], after[4000], asked[4000];
	struct mx_route *route = start("a.test", NULL);
	struct mx_route_question q;
	struct mx_name name;

	(void)state;
	/* Before anything was asked for. */
	mx_name_from_text("x.test", &name);
	world_tell(route, &name, MX_TYPE_A, other);
	mx_name_from_text("b.test", &name);
	world_tell(route, &name, MX_TYPE_MX, world);
	assert_false(mx_route_done(route));
	assert_int_equal(mx_route_result(route)->reason,
			 MX_ROUTE_WHY_UNANSWERED);
	assert_int_equal(mx_route_next(route, &q, 1), 1);
	assert_int_equal(mx_route_next(route, &q, 1), 0);
	mx_name_from_text("a.test", &name);
	world_tell(route, &name, MX_TYPE_MX, world);
	run(route, world, false, asked);
	route_text(mx_route_result(route), before);
	/* Again, with other news. */
	world_tell(route, &name, MX_TYPE_MX, other);
	mx_name_from_text("x.test", &name);
	world_tell(route, &name, MX_TYPE_A, other);
	assert_true(mx_route_done(route));
	route_text(mx_route_result(route), after);
	assert_string_equal(before, after);
	mx_route_free(route);
}

/* Time is up: what is not known counts as a failure. */
static void unfinished(void **state)
{
	static const char world[] = "a.test MX I 1 x.test; 2 y.test\n";
	static char text[4000];
	struct mx_route *route = start("a.test", NULL);
	struct mx_route_question q[8];
	struct mx_name name;

	(void)state;
	mx_name_from_text("a.test", &name);
	world_tell(route, &name, MX_TYPE_MX, world);
	assert_int_equal(mx_route_next(route, q, 8), 4);
	for (int i = 0; i < 3; i++)
		world_tell(route, &q[i].qname, q[i].qtype, world);
	route_text(mx_route_result(route), text);
	assert_string_equal(text, "try-again:host insecure may..may"
				  " | 1 x.test no-address | 2 y.test waiting");
	mx_route_failed(route, &q[3], 77);
	assert_true(mx_route_done(route));
	assert_int_equal(mx_route_result(route)->expires_ms, 77);
	mx_route_free(route);
}

static void packets(void **state)
{
	static struct message m;
	struct mx_route *route = start("a.test", NULL);
	uint8_t query[MX_ROUTE_QUERY_MAX];
	struct mx_route_question q;

	(void)state;
	assert_int_equal(mx_route_next(route, &q, 1), 1);
	size_t len = mx_route_query(&q, 0xabcd, query);

	assert_int_equal(len, 12 + 8 + 4 + 11);
	assert_int_equal(mx_get_u16(query), 0xabcd);
	/* A query is no response. */
	assert_int_equal(mx_route_response(route, query, len, true, 0),
			 MX_ROUTE_NOT_HEARD);
	for (size_t cut = 0; cut < 24; cut++)
		assert_int_equal(mx_route_response(route, query, cut, true, 0),
				 MX_ROUTE_NOT_HEARD);
	message_begin(&m, MESSAGE_RESPONSE | 0x200, "a.test", MX_TYPE_MX);
	message_end(&m);
	assert_int_equal(mx_route_response(route, m.octets, m.len, true, 0),
			 MX_ROUTE_TRUNCATED);
	message_begin(&m, MESSAGE_RESPONSE, "b.test", MX_TYPE_MX);
	message_end(&m);
	assert_int_equal(mx_route_response(route, m.octets, m.len, true, 0),
			 MX_ROUTE_NOT_HEARD);
	assert_false(mx_route_done(route));
	mx_route_free(route);
	mx_route_free(NULL);
}

static void words(void **state)
{
	(void)state;
	assert_string_equal(mx_route_outcome_word(MX_ROUTE_NULL_MX), "null-mx");
	assert_int_equal(mx_route_outcome_class(MX_ROUTE_DELIVER), 0);
	assert_int_equal(mx_route_outcome_class(MX_ROUTE_LOOP), 1);
	assert_int_equal(mx_route_outcome_class(MX_ROUTE_TRY_AGAIN), 2);
	assert_string_equal(mx_route_outcome_word(99), "");
	assert_int_equal(mx_route_outcome_class(99), MX_ROUTE_TEMPORARY);
	assert_string_equal(mx_route_level_word(MX_ROUTE_LEVEL_DANE_ONLY),
			    "dane-only");
	assert_string_equal(mx_route_validation_word(MX_SECURE), "secure");
	/* The written precedence. */
	assert_true(MX_ROUTE_NO_HOST < MX_ROUTE_NULL_MX &&
		    MX_ROUTE_NULL_MX < MX_ROUTE_NO_DOMAIN &&
		    MX_ROUTE_NO_DOMAIN < MX_ROUTE_TRY_AGAIN &&
		    MX_ROUTE_TRY_AGAIN < MX_ROUTE_DELIVER);
}

int main(void)
{
	/* What is not written is not read: new memory is full of this. */
	mallopt(M_PERTURB, 0xa5);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_01_implicit_mx),
		cmocka_unit_test(rule_02_nxdomain_is_final),
		cmocka_unit_test(rule_03_failure_is_temporary),
		cmocka_unit_test(rule_04_mx_excludes_own_address),
		cmocka_unit_test(rule_05_order),
		cmocka_unit_test(rule_05_equals_are_shuffled),
		cmocka_unit_test(rule_06_domain_is_an_alias),
		cmocka_unit_test(rule_06_chains_without_end),
		cmocka_unit_test(rule_07_host_is_an_alias),
		cmocka_unit_test(rule_08_address_for_a_name),
		cmocka_unit_test(rule_09_null_mx),
		cmocka_unit_test(rule_10_null_mx_mixed),
		cmocka_unit_test(rule_11_loops),
		cmocka_unit_test(rule_11_equal_to_own),
		cmocka_unit_test(rule_12_host_without_address),
		cmocka_unit_test(rule_13_many_hosts),
		cmocka_unit_test(rule_13_many_addresses),
		cmocka_unit_test(rule_14_address_families),
		cmocka_unit_test(rule_15_names),
		cmocka_unit_test(rule_15_bad_names_give_way),
		cmocka_unit_test(rule_15b_rcodes),
		cmocka_unit_test(rule_16_referral_is_no_denial),
		cmocka_unit_test(rule_17_lifetimes),
		cmocka_unit_test(rule_20_tlsa_failure_skips_the_host),
		cmocka_unit_test(rule_21_insecure_mx),
		cmocka_unit_test(rule_22_addresses_first),
		cmocka_unit_test(rule_23_aliased_host),
		cmocka_unit_test(rule_24_tlsa_name),
		cmocka_unit_test(rule_25_implicit_mx),
		cmocka_unit_test(rule_26_usable_tlsa),
		cmocka_unit_test(rule_27_denied_tlsa),
		cmocka_unit_test(rule_28_ad),
		cmocka_unit_test(rule_29_many_tlsa),
		cmocka_unit_test(rule_30_next_hops),
		cmocka_unit_test(rule_30_destinations),
		cmocka_unit_test(early_questions),
		cmocka_unit_test(out_of_turn),
		cmocka_unit_test(unfinished),
		cmocka_unit_test(packets),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("mail_route", tests, NULL, NULL);
}
