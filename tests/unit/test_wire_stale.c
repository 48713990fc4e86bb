/* What an answer says about being given past its TTL: the earliest end of its
 * signatures, and whether it is of a kind that may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "message.h"
#include "mx_ingest.h"

#define NOERROR 0x8180u
#define NXDOMAIN 0x8183u
#define SIG(covered, end) \
	"RRSIG w" covered " w2050 l300 l" end " l1000000000 w4711 " \
	"nexample. xaabb"
#define SOA "SOA nns.example. nroot.example. l1 l2 l3 l4 l60"
#define MX1 "an example. 300 MX w10 nmx.example.; "

static const struct mx_ingest_limits limits = {
	.ttl_max_s = 86400, .negative_ttl_max_s = 900, .bogus_ttl_max_s = 60,
};

static const struct {
	const char *why;
	uint16_t qtype, flags;
	const char *rrs;
	bool has_end, may_stale;
	uint32_t end;
} cases[] = {
	{ "unsigned", MX_TYPE_MX, NOERROR, MX1, false, true, 0 },
	{ "signed", MX_TYPE_MX, NOERROR,
	  MX1 "an example. 300 " SIG("15", "2000000000"), true, true,
	  2000000000 },
	{ "the earliest of two", MX_TYPE_MX, NOERROR,
	  MX1 "an example. 300 " SIG("15", "2000000000") "; an example. 300 "
	  SIG("15", "1999999999"), true, true, 1999999999 },
	{ "the earliest of two, first", MX_TYPE_MX, NOERROR,
	  MX1 "an example. 300 " SIG("15", "1999999999") "; an example. 300 "
	  SIG("15", "2000000000"), true, true, 1999999999 },
	{ "serial numbers: 2106 comes before what is behind it", MX_TYPE_MX,
	  NOERROR, MX1 "an example. 300 " SIG("15", "100")
	  "; an example. 300 " SIG("15", "4294967290"), true, true,
	  4294967290u },
	{ "an alias' signature", MX_TYPE_A, NOERROR,
	  "an example. 300 CNAME na.example.; an example. 300 "
	  SIG("5", "1500000000") "; an a.example. 300 A xc0000201; "
	  "an a.example. 300 " SIG("1", "1600000000"), true, true, 1500000000 },
	{ "the proof of a wildcard", MX_TYPE_MX, NOERROR,
	  MX1 "an example. 300 " SIG("15", "2000000000") "; "
	  "ns a.example. 300 NSEC nb.example. x000100; ns a.example. 300 "
	  SIG("47", "1500000000"), true, true, 1500000000 },
	{ "not what is dropped: other owners, other types", MX_TYPE_MX, NOERROR,
	  MX1 "an example. 300 " SIG("15", "2000000000") "; an example. 300 "
	  SIG("16", "1") "; an x.example. 300 " SIG("15", "1") "; "
	  "ns example. 300 " SOA "; ns example. 300 " SIG("6", "1"), true, true,
	  2000000000 },
	{ "NODATA", MX_TYPE_MX, NOERROR, "ns example. 300 " SOA
	  "; ns example. 300 " SIG("6", "2000000000"), true, false,
	  2000000000 },
	{ "NXDOMAIN", MX_TYPE_MX, NXDOMAIN, "ns example. 300 " SOA, false,
	  false, 0 },
	{ "as a DNSBL answers", MX_TYPE_A, NOERROR,
	  "an example. 300 A x7f000002; an example. 300 A x7fffffff", false,
	  false, 0 },
	{ "one address beside, first", MX_TYPE_A, NOERROR,
	  "an example. 300 A x80000002; an example. 300 A x7f000002", false,
	  true, 0 },
	{ "one address beside, last", MX_TYPE_A, NOERROR,
	  "an example. 300 A x7f000002; an example. 300 A x7e000002", false,
	  true, 0 },
	{ "a DNSBL behind an alias", MX_TYPE_A, NOERROR,
	  "an example. 300 CNAME na.example.; an a.example. 300 A x7f000002",
	  false, false, 0 },
	{ "127 as another type's first octet", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w32512 nmx.", false, true, 0 },
};

static void told_with_the_answer(void **state)
{
	struct mx_ingest_room *room = mx_ingest_room_new();
	static struct message m;
	struct mx_name qname;
	struct mx_answer a;

	(void)state;
	assert_non_null(room);
	assert_int_equal(mx_name_from_text("example.", &qname), MX_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct mx_key key = { qname.octets, qname.len,
					    cases[i].qtype, MX_CLASS_IN };

		message_begin(&m, cases[i].flags, "example.", cases[i].qtype);
		message_rrs(&m, cases[i].rrs);
		message_end(&m);
		if (mx_ingest(m.octets, m.len, &key, MX_SECURE, &limits, room,
			      &a) != MX_OK)
			fail_msg("%s: not accepted", cases[i].why);
		if (a.has_signed_until != cases[i].has_end ||
		    a.may_stale != cases[i].may_stale ||
		    (a.has_signed_until && a.signed_until != cases[i].end))
			fail_msg("%s: end %d %u, may be stale %d", cases[i].why,
				 a.has_signed_until, a.signed_until,
				 a.may_stale);
		assert_false(a.awaited);
	}
	mx_ingest_room_free(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_with_the_answer),
	};

	return cmocka_run_group_tests_name("wire_stale", tests, NULL, NULL);
}
