/* Special names: what is answered here, and what is left to resolvers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/front/front.h"
#include "front_zone.h"

static struct mx_config config;

static struct mx_local *local_with(char *const *sets, size_t count)
{
	char error[MX_CONFIG_ERROR_MAX];

	mx_config_clear(&config);
	if (mx_config_load(&config, NULL, sets, count, error) != MX_OK)
		fail_msg("%s", error);

	struct mx_local *local = local_new(&config);
	assert_non_null(local);
	return local;
}

/* The reply that a client would get, as text: "RCODE; RR" or "-" where it is
 * not answered locally. Every RR must be readable, with its TTL where ttl_at
 * says, and its owner the question's name or an ancestor. */
static const char *ask(const struct mx_local *local, const char *name,
		       uint16_t qtype)
{
	static char text[3000];
	uint8_t message[600];
	struct mx_name qname;
	struct local_room room;
	struct mx_answer answer;
	struct mx_out out;
	struct mx_in in;

	assert_int_equal(mx_name_from_text(name, &qname), MX_OK);
	struct mx_key key = { qname.octets, qname.len, qtype, MX_CLASS_IN };
	if (!local_answer(local, &key, &room, &answer))
		return "-";
	assert_int_equal(answer.state, MX_INSECURE);
	assert_int_equal(answer.ede, MX_EDE_NONE);
	assert_string_equal(answer.why, "");
	assert_ptr_equal(answer.full.octets, answer.plain.octets);
	assert_int_equal(answer.plain.ancount + answer.plain.nscount, 1);
	assert_int_equal(answer.plain.ttl_count, 1);

	mx_out_init(&out, message, sizeof message);
	mx_out_octets(&out, (const uint8_t[12]){ 0xff }, 12);
	mx_out_octets(&out, qname.octets, qname.len);
	mx_out_u16(&out, qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	size_t body_at = mx_out_len(&out);
	mx_out_octets(&out, answer.plain.octets, answer.plain.len);
	mx_in_init(&in, message, mx_out_len(&out));
	mx_in_octets(&in, body_at);

	struct mx_in owner_in = in;
	struct mx_name owner;
	mx_in_name(&owner_in, &owner);
	assert_true(mx_name_below(qname.octets, qname.len, owner.octets,
				  owner.len));
	assert_memory_equal(answer.plain.octets + answer.plain.ttl_at[0],
			    ((const uint8_t[]){ 0, 0, 0x2a, 0x30 }), 4);

	char rr[2600];
	uint16_t type;
	assert_true(zone_read_rr(&in, &type, rr, sizeof rr));
	assert_int_equal(mx_in_end(&in), MX_OK);

	const char *kind = "NOERROR";
	if (answer.kind == MX_ANSWER_NXDOMAIN)
		kind = "NXDOMAIN";
	else if (answer.kind == MX_ANSWER_NODATA)
		kind = "NODATA";
	assert_int_equal(answer.rcode, answer.kind == MX_ANSWER_NXDOMAIN
					       ? MX_RCODE_NXDOMAIN
					       : MX_RCODE_NOERROR);
	assert_int_equal(answer.plain.ancount,
			 answer.kind == MX_ANSWER_POSITIVE);
	snprintf(text, sizeof text, "%s; %s", kind, rr);
	return text;
}

#define SOA(zone) zone " 10800 SOA " zone " nobody.invalid. 1 3600 1200 604800 10800"

static const struct { const char *name; uint16_t type; const char *want; } rows[] = {
	/* RFC 6761 section 6.3 */
	{ "localhost.", MX_TYPE_A, "NOERROR; localhost. 10800 A 127.0.0.1" },
	{ "localhost.", MX_TYPE_AAAA, "NOERROR; localhost. 10800 AAAA ::1" },
	{ "localhost.", MX_TYPE_MX, "NODATA; " SOA("localhost.") },
	{ "localhost.", MX_TYPE_SOA, "NOERROR; " SOA("localhost.") },
	{ "localhost.", MX_TYPE_NS, "NOERROR; localhost. 10800 NS localhost." },
	{ "a.b.localhost.", MX_TYPE_A, "NOERROR; a.b.localhost. 10800 A 127.0.0.1" },
	{ "a.b.localhost.", MX_TYPE_SOA, "NODATA; " SOA("localhost.") },
	{ "localhost.example.", MX_TYPE_A, "-" },
	{ "notlocalhost.", MX_TYPE_A, "-" },
	{ "1.0.0.127.in-addr.arpa.", MX_TYPE_PTR,
	  "NOERROR; 1.0.0.127.in-addr.arpa. 10800 PTR localhost." },
	{ "1.0.0.127.in-addr.arpa.", MX_TYPE_A, "NODATA; " SOA("127.in-addr.arpa.") },
	/* Empty non-terminals exist, RFC 8020 section 2. */
	{ "0.127.in-addr.arpa.", MX_TYPE_PTR, "NODATA; " SOA("127.in-addr.arpa.") },
	{ "0.0.127.in-addr.arpa.", MX_TYPE_NS, "NODATA; " SOA("127.in-addr.arpa.") },
	{ "2.0.0.127.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("127.in-addr.arpa.") },
	{ "9.1.0.0.127.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("127.in-addr.arpa.") },
	{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", MX_TYPE_PTR,
	  "NOERROR; 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 10800 PTR localhost." },
	/* RFC 6761, 7686, 9476, 8375 */
	{ "test.", MX_TYPE_SOA, "NOERROR; " SOA("test.") },
	{ "test.", MX_TYPE_MX, "NODATA; " SOA("test.") },
	{ "mx.test.", MX_TYPE_A, "NXDOMAIN; " SOA("test.") },
	{ "x.invalid.", MX_TYPE_A, "NXDOMAIN; " SOA("invalid.") },
	{ "abc.onion.", MX_TYPE_AAAA, "NXDOMAIN; " SOA("onion.") },
	{ "x.alt.", MX_TYPE_A, "NXDOMAIN; " SOA("alt.") },
	{ "pc.home.arpa.", MX_TYPE_A, "NXDOMAIN; " SOA("home.arpa.") },
	/* RFC 6303 */
	{ "10.in-addr.arpa.", MX_TYPE_NS, "NOERROR; 10.in-addr.arpa. 10800 NS 10.in-addr.arpa." },
	{ "3.2.1.10.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("10.in-addr.arpa.") },
	{ "1.15.172.in-addr.arpa.", MX_TYPE_PTR, "-" },
	{ "1.16.172.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("16.172.in-addr.arpa.") },
	{ "1.31.172.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("31.172.in-addr.arpa.") },
	{ "1.32.172.in-addr.arpa.", MX_TYPE_PTR, "-" },
	{ "1.168.192.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("168.192.in-addr.arpa.") },
	{ "1.169.192.in-addr.arpa.", MX_TYPE_PTR, "-" },
	{ "255.255.255.255.in-addr.arpa.", MX_TYPE_PTR, "NODATA; " SOA("255.255.255.255.in-addr.arpa.") },
	{ "254.255.255.255.in-addr.arpa.", MX_TYPE_PTR, "-" },
	{ "1.d.f.ip6.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("d.f.ip6.arpa.") },
	{ "1.c.f.ip6.arpa.", MX_TYPE_PTR, "-" },
	{ "b.e.f.ip6.arpa.", MX_TYPE_SOA, "NOERROR; " SOA("b.e.f.ip6.arpa.") },
	{ "c.e.f.ip6.arpa.", MX_TYPE_SOA, "-" },
	/* RFC 7793: 100.64.0.0/10 */
	{ "1.63.100.in-addr.arpa.", MX_TYPE_PTR, "-" },
	{ "1.64.100.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("64.100.in-addr.arpa.") },
	{ "1.127.100.in-addr.arpa.", MX_TYPE_PTR, "NXDOMAIN; " SOA("127.100.in-addr.arpa.") },
	{ "1.128.100.in-addr.arpa.", MX_TYPE_PTR, "-" },
	/* Not special: DNSBLs answer there, and everybody's names. */
	{ "2.0.0.127.zen.example.", MX_TYPE_A, "-" },
	{ ".", MX_TYPE_NS, "-" },
	{ "arpa.", MX_TYPE_NS, "-" },
	{ "in-addr.arpa.", MX_TYPE_NS, "-" },
	{ "127.in-addr.arpa.example.", MX_TYPE_PTR, "-" },
	{ "example.com.", MX_TYPE_A, "-" },
};

static void every_row(void **state)
{
	struct mx_local *local = local_with(NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = ask(local, rows[i].name, rows[i].type);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s %u: %s\nexpected %s", rows[i].name,
				 rows[i].type, got, rows[i].want);
	}
	local_free(local);
}

/* The zone's name is found in the question wherever it starts: the longest
 * names there are have it past offset 255. */
static void longest_names(void **state)
{
	struct mx_local *local = local_with(NULL, 0);
	char name[300], sixty[61];

	(void)state;
	memset(sixty, 'a', 60);
	sixty[60] = 0;
	for (int len = 1; len <= 63; len++) {
		char last[64];

		memset(last, 'b', (size_t)len);
		last[len] = 0;
		snprintf(name, sizeof name, "%s.%s.%s.%s.alt.", sixty, sixty,
			 sixty, last);
		if (strlen(name) > 254)
			break;
		assert_string_equal(ask(local, name, MX_TYPE_A),
				    "NXDOMAIN; " SOA("alt."));
	}
	for (int len = 1; len <= 63; len++) {
		char last[64];

		memset(last, 'b', (size_t)len);
		last[len] = 0;
		snprintf(name, sizeof name, "%s.%s.%s.%s.test.", sixty, sixty,
			 sixty, last);
		if (strlen(name) > 254)
			break;
		assert_string_equal(ask(local, name, MX_TYPE_A),
				    "NXDOMAIN; " SOA("test."));
	}
	local_free(local);
}

/* A forward- or stub-zone at or below a special zone takes its names out; one
 * above does not, lest `forward-zone: .` leak them all. */
static void served_elsewhere(void **state)
{
	static char forward_all[] = "forward-zone=. 192.0.2.1";
	static char forward_site[] = "forward-zone=10.in-addr.arpa 192.0.2.1";
	static char stub_site[] = "stub-zone=lab.home.arpa. 192.0.2.1@5300";
	char *sets[] = { forward_all, forward_site, stub_site };
	struct mx_local *local = local_with(sets, 3);

	(void)state;
	assert_string_equal(ask(local, "1.2.3.10.in-addr.arpa.", MX_TYPE_PTR), "-");
	assert_string_equal(ask(local, "10.in-addr.arpa.", MX_TYPE_SOA), "-");
	assert_string_equal(ask(local, "lab.home.arpa.", MX_TYPE_A), "-");
	assert_string_equal(ask(local, "mx.lab.home.arpa.", MX_TYPE_A), "-");
	assert_string_equal(ask(local, "other.home.arpa.", MX_TYPE_A),
			    "NXDOMAIN; " SOA("home.arpa."));
	assert_string_equal(ask(local, "localhost.", MX_TYPE_A),
			    "NOERROR; localhost. 10800 A 127.0.0.1");
	assert_string_equal(ask(local, "x.onion.", MX_TYPE_A),
			    "NXDOMAIN; " SOA("onion."));
	assert_string_equal(ask(local, "1.0.0.127.in-addr.arpa.", MX_TYPE_PTR),
			    "NOERROR; 1.0.0.127.in-addr.arpa. 10800 PTR localhost.");
	local_free(local);
}

static int done(void **state)
{
	(void)state;
	mx_config_clear(&config);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(longest_names),
		cmocka_unit_test(served_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
