/* Upstream packets: what of them is kept, in which form, for how long.
 *
 * The first table says it for whole answers in text (message.h). An answer is
 * read back through mx_form_write with a question of another case, so a wrong
 * offset, pointer or count anywhere makes the text differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "message.h"
#include "mx_ede.h"
#include "mx_ingest.h"

#define NOERROR 0x8180u
#define NXDOMAIN 0x8183u

static const struct mx_ingest_limits limits = {
	.ttl_max_s = 86400, .negative_ttl_max_s = 900, .bogus_ttl_max_s = 60,
};
static struct mx_ingest_room *room;

/* RDATA of an RRSIG covering type N, without RDLENGTH. */
#define SIG(covered) \
	"RRSIG w" covered " w2050 l300 l2000000000 l1000000000 w4711 " \
	"nexample. xaabb"
#define SOA(minimum) "SOA nns.example. nroot.example. l1 l2 l3 l4 l" minimum

static const struct answer_case {
	const char *why, *qname;
	uint16_t qtype, flags;
	const char *rrs;
	enum mx_answer_kind kind;
	uint32_t ttl_s;
	const char *full;
	const char *plain; /* NULL: the same octets */
} cases[] = {
	{ "MX set", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 na.example.; an @12 300 MX w20 nb@12",
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MX w10 na.EXAMPLE.; "
	  "an EXAMPLE. 300 MX w20 nb.EXAMPLE.", NULL },
	{ "Null MX, 7505", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w0 n.", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MX w0 n.", NULL },
	{ "the least TTL is everyone's, 2181 5.2", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 300 MX w10 na.; an example. 200 MX w20 nb.; "
	  "an example. 250 MX w30 nc.", MX_ANSWER_POSITIVE, 200,
	  "an EXAMPLE. 200 MX w10 na.; an EXAMPLE. 200 MX w20 nb.; "
	  "an EXAMPLE. 200 MX w30 nc.", NULL },
	{ "TTL with the top bit is 0, 2181 8", "example.", MX_TYPE_A,
	  NOERROR, "an example. 2147483648 A x7f000001", MX_ANSWER_POSITIVE,
	  0, "an EXAMPLE. 0 A x7f000001", NULL },
	{ "TTL below the top bit is capped", "example.", MX_TYPE_A, NOERROR,
	  "an example. 2147483647 A x7f000001", MX_ANSWER_POSITIVE, 86400,
	  "an EXAMPLE. 86400 A x7f000001", NULL },
	{ "signed", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nmx.other.; an example. 300 " SIG("15"),
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MX w10 nmx.other.; an EXAMPLE. 300 " SIG("15"),
	  "an EXAMPLE. 300 MX w10 nmx.other." },
	{ "RRSIG before what it covers", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 " SIG("15") "; an example. 300 MX w10 nmx.other.",
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MX w10 nmx.other.; an EXAMPLE. 300 " SIG("15"),
	  "an EXAMPLE. 300 MX w10 nmx.other." },
	{ "RRSIG and what it covers have one TTL", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 300 MX w10 nm.; an example. 100 " SIG("15"),
	  MX_ANSWER_POSITIVE, 100,
	  "an EXAMPLE. 100 MX w10 nm.; an EXAMPLE. 100 " SIG("15"),
	  "an EXAMPLE. 100 MX w10 nm." },
	{ "RRSIG of a type that is not there", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 300 MX w10 nm.; an example. 1 " SIG("16"),
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "RRSIG at another name", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nm.; an x.example. 1 " SIG("15"),
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "RRSIG of another section", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nm.; ns example. 1 " SIG("15"),
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },

	/* What is dropped. */
	{ "another owner in the answer section", "example.", MX_TYPE_MX,
	  NOERROR, "an victim. 1 MX w1 nevil.; an example. 300 MX w10 nm.; "
	  "an x.example. 1 MX w1 nevil.", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "another type in the answer section", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 1 A x7f000001; an example. 300 MX w10 nm.",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "another class", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 1 MX/3 w10 nevil.; an example. 300 MX w10 nm.",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "NS and additional addresses and OPT, CVE-2025-11411", "example.",
	  MX_TYPE_MX, NOERROR, "an example. 300 MX w10 nm.; "
	  "ns example. 1 NS nevil.; ar m. 1 A x7f000001; ar . 0 OPT/1232",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },
	{ "SOA beside a positive answer", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nm.; ns example. 1 " SOA("1"),
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 MX w10 nm.", NULL },

	{ "RRSIG whose owner is spelt otherwise", "www.example.", MX_TYPE_A,
	  NOERROR, "an www.example. 300 CNAME nHost.test.; "
	  "an hoST.test. 300 A x7f000001; an HOST.test. 300 " SIG("1"),
	  MX_ANSWER_POSITIVE, 300, "an WWW.EXAMPLE. 300 CNAME nHost.test.; "
	  "an Host.test. 300 A x7f000001; an Host.test. 300 " SIG("1"),
	  "an WWW.EXAMPLE. 300 CNAME nHost.test.; "
	  "an Host.test. 300 A x7f000001" },
	{ "what is dropped is no RRSIG, whatever its RDATA starts with",
	  "a.example.", MX_TYPE_A, NOERROR, "an a.example. 1 MX w5 nevil.; "
	  "an a.example. 10 CNAME nb.; an b. 20 A x7f000001",
	  MX_ANSWER_POSITIVE, 10,
	  "an A.EXAMPLE. 10 CNAME nb.; an b. 20 A x7f000001", NULL },

	/* Aliases. */
	{ "CNAME", "www.example.", MX_TYPE_A, NOERROR,
	  "an www.example. 300 CNAME nhost.example.; "
	  "an host.example. 200 A x7f000001", MX_ANSWER_POSITIVE, 200,
	  "an WWW.EXAMPLE. 300 CNAME nhost.EXAMPLE.; "
	  "an host.EXAMPLE. 200 A x7f000001", NULL },
	{ "CNAME chain out of order and out of the zone", "a.example.",
	  MX_TYPE_A, NOERROR, "an c.Test. 30 A x7f000001; "
	  "an b.other. 20 CNAME nc.Test.; an a.example. 10 CNAME nb.other.; "
	  "an c.Test. 30 A x7f000002", MX_ANSWER_POSITIVE, 10,
	  "an A.EXAMPLE. 10 CNAME nb.other.; an b.other. 20 CNAME nc.Test.; "
	  "an c.Test. 30 A x7f000001; an c.Test. 30 A x7f000002", NULL },
	{ "CNAME chain, signed", "a.example.", MX_TYPE_A, NOERROR,
	  "an a.example. 10 CNAME nb.other.; an a.example. 10 " SIG("5") "; "
	  "an b.other. 20 A x7f000001; an b.other. 20 " SIG("1"),
	  MX_ANSWER_POSITIVE, 10,
	  "an A.EXAMPLE. 10 CNAME nb.other.; an A.EXAMPLE. 10 " SIG("5") "; "
	  "an b.other. 20 A x7f000001; an b.other. 20 " SIG("1"),
	  "an A.EXAMPLE. 10 CNAME nb.other.; an b.other. 20 A x7f000001" },
	{ "CNAME whose target differs from the next owner in case",
	  "a.example.", MX_TYPE_A, NOERROR,
	  "an a.example. 10 CNAME nB.Other.; an b.oTHER. 20 A x7f000001",
	  MX_ANSWER_POSITIVE, 10,
	  "an A.EXAMPLE. 10 CNAME nB.Other.; an B.Other. 20 A x7f000001",
	  NULL },
	{ "data beside a CNAME at one name, 2181 10.1", "a.example.",
	  MX_TYPE_A, NOERROR, "an a.example. 1 A x0a000001; "
	  "an a.example. 10 CNAME nb.; an b. 20 A x7f000001",
	  MX_ANSWER_POSITIVE, 10,
	  "an A.EXAMPLE. 10 CNAME nb.; an b. 20 A x7f000001", NULL },
	{ "QTYPE CNAME", "a.example.", MX_TYPE_CNAME, NOERROR,
	  "an a.example. 10 CNAME nb.; an b. 20 CNAME nc.",
	  MX_ANSWER_POSITIVE, 10, "an A.EXAMPLE. 10 CNAME nb.", NULL },
	{ "CNAME twice the same", "a.example.", MX_TYPE_A, NOERROR,
	  "an a.example. 10 CNAME nb.; an a.example. 5 CNAME nb.; "
	  "an b. 20 A x7f000001", MX_ANSWER_POSITIVE, 5,
	  "an A.EXAMPLE. 5 CNAME nb.; an b. 20 A x7f000001", NULL },
	{ "DNAME", "a.example.", MX_TYPE_A, NOERROR,
	  "an example. 10 DNAME nother.; an example. 10 " SIG("39") "; "
	  "an a.example. 10 CNAME na.other.; an a.other. 20 A x7f000001",
	  MX_ANSWER_POSITIVE, 10,
	  "an EXAMPLE. 10 DNAME nother.; an EXAMPLE. 10 " SIG("39") "; "
	  "an A.EXAMPLE. 10 CNAME na.other.; an a.other. 20 A x7f000001",
	  "an EXAMPLE. 10 DNAME nother.; an A.EXAMPLE. 10 CNAME na.other.; "
	  "an a.other. 20 A x7f000001" },
	{ "DNAME used twice is written once", "a.b.example.", MX_TYPE_A,
	  NOERROR, "an b.example. 10 DNAME nexample.; "
	  "an a.b.example. 10 CNAME na.example.; "
	  "an a.example. 9 CNAME nc.b.example.; "
	  "an c.b.example. 10 CNAME nc.example.; an c.example. 9 A x7f000001",
	  MX_ANSWER_POSITIVE, 9,
	  "an B.EXAMPLE. 10 DNAME nexample.; "
	  "an A.B.EXAMPLE. 10 CNAME na.EXAMPLE.; "
	  "an a.EXAMPLE. 9 CNAME nc.B.EXAMPLE.; "
	  "an c.B.EXAMPLE. 10 CNAME nc.EXAMPLE.; "
	  "an c.EXAMPLE. 9 A x7f000001", NULL },
	{ "QTYPE CNAME under a DNAME", "a.example.", MX_TYPE_CNAME, NOERROR,
	  "an example. 10 DNAME nother.; an a.example. 10 CNAME na.other.",
	  MX_ANSWER_POSITIVE, 10,
	  "an EXAMPLE. 10 DNAME nother.; an A.EXAMPLE. 10 CNAME na.other.",
	  NULL },
	{ "QTYPE DNAME at the DNAME", "example.", MX_TYPE_DNAME, NOERROR,
	  "an example. 10 DNAME nother.", MX_ANSWER_POSITIVE, 10,
	  "an EXAMPLE. 10 DNAME nother.", NULL },
	{ "QTYPE DNAME, and the chain ends at a DNAME it went through",
	  "a.b.example.", MX_TYPE_DNAME, NOERROR,
	  "an b.example. 10 DNAME nexample.; "
	  "an a.b.example. 10 CNAME na.example.; "
	  "an a.example. 9 CNAME nb.example.", MX_ANSWER_POSITIVE, 9,
	  "an B.EXAMPLE. 10 DNAME nexample.; "
	  "an A.B.EXAMPLE. 10 CNAME na.EXAMPLE.; "
	  "an a.EXAMPLE. 9 CNAME nB.EXAMPLE.", NULL },

	/* Negative answers. */
	{ "NXDOMAIN: SOA TTL is the least of it, MINIMUM and cap, 2308 5",
	  "x.example.", MX_TYPE_MX, NXDOMAIN, "ns example. 300 " SOA("60"),
	  MX_ANSWER_NXDOMAIN, 60, "ns EXAMPLE. 60 SOA nns.EXAMPLE. "
	  "nroot.EXAMPLE. l1 l2 l3 l4 l60", NULL },
	{ "NODATA, its SOA's TTL below MINIMUM", "example.", MX_TYPE_MX,
	  NOERROR, "ns example. 30 " SOA("60"), MX_ANSWER_NODATA, 30,
	  "ns EXAMPLE. 30 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60",
	  NULL },
	{ "NODATA, capped", "example.", MX_TYPE_MX, NOERROR,
	  "ns example. 86400 " SOA("86400"), MX_ANSWER_NODATA, 900,
	  "ns EXAMPLE. 900 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 "
	  "l86400", NULL },
	{ "NXDOMAIN without SOA is for those who wait", "x.example.",
	  MX_TYPE_MX, NXDOMAIN, "", MX_ANSWER_NXDOMAIN, 0, "", NULL },
	{ "NODATA that is a referral", "x.example.", MX_TYPE_MX, NOERROR,
	  "ns example. 300 NS nns.example.", MX_ANSWER_NODATA, 0, "", NULL },
	{ "NS of the authority section are no answer to QTYPE NS", "example.",
	  MX_TYPE_NS, NOERROR, "ns example. 300 NS nns.example.",
	  MX_ANSWER_NODATA, 0, "", NULL },
	{ "RRSIG of an RRset that is not there", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 1 " SIG("15") "; ns example. 60 " SOA("60"),
	  MX_ANSWER_NODATA, 60, "ns EXAMPLE. 60 SOA nns.EXAMPLE. "
	  "nroot.EXAMPLE. l1 l2 l3 l4 l60", NULL },
	{ "SOA of a zone the name is not in", "x.example.", MX_TYPE_MX,
	  NXDOMAIN, "ns other. 300 " SOA("300"), MX_ANSWER_NXDOMAIN, 0, "",
	  NULL },
	{ "SOA of a zone below the name", "example.", MX_TYPE_MX, NOERROR,
	  "ns x.example. 300 " SOA("300"), MX_ANSWER_NODATA, 0, "", NULL },
	{ "the first SOA counts", "x.example.", MX_TYPE_MX, NXDOMAIN,
	  "ns example. 300 " SOA("60") "; ns . 300 " SOA("30"),
	  MX_ANSWER_NXDOMAIN, 60, "ns EXAMPLE. 60 SOA nns.EXAMPLE. "
	  "nroot.EXAMPLE. l1 l2 l3 l4 l60", NULL },
	{ "NXDOMAIN at the end of a CNAME", "a.example.", MX_TYPE_MX,
	  NXDOMAIN, "an a.example. 10 CNAME nb.other.; "
	  "ns other. 300 SOA nns.other. n. l1 l2 l3 l4 l60",
	  MX_ANSWER_NXDOMAIN, 10, "an A.EXAMPLE. 10 CNAME nb.other.; "
	  "ns other. 60 SOA nns.other. n. l1 l2 l3 l4 l60", NULL },
	{ "NODATA at the end of a CNAME, without SOA", "a.example.",
	  MX_TYPE_MX, NOERROR, "an a.example. 10 CNAME nb.other.",
	  MX_ANSWER_NODATA, 0, "an A.EXAMPLE. 10 CNAME nb.other.", NULL },
	{ "signed NXDOMAIN", "x.example.", MX_TYPE_MX, NXDOMAIN,
	  "ns example. 300 " SOA("60") "; ns example. 300 " SIG("6") "; "
	  "ns a.example. 50 NSEC nz.example. x0001; "
	  "ns a.example. 50 " SIG("47") "; "
	  "ns example. 300 NSEC na.example. x0001; "
	  "ns example. 300 " SIG("47"), MX_ANSWER_NXDOMAIN, 50,
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60; "
	  "ns EXAMPLE. 60 " SIG("6") "; "
	  "ns a.EXAMPLE. 50 NSEC nz.example. x0001; "
	  "ns a.EXAMPLE. 50 " SIG("47") "; "
	  "ns EXAMPLE. 300 NSEC na.example. x0001; "
	  "ns EXAMPLE. 300 " SIG("47"),
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60" },
	{ "NSEC3", "x.example.", MX_TYPE_MX, NXDOMAIN,
	  "ns example. 60 " SOA("60") "; "
	  "ns h1.example. 60 NSEC3 x0101000000014100; "
	  "ns h1.example. 60 " SIG("50"), MX_ANSWER_NXDOMAIN, 60,
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60; "
	  "ns h1.EXAMPLE. 60 NSEC3 x0101000000014100; "
	  "ns h1.EXAMPLE. 60 " SIG("50"),
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60" },
	{ "wildcard: positive with a proof", "x.example.", MX_TYPE_MX,
	  NOERROR, "an x.example. 300 MX w1 nm.; "
	  "an x.example. 300 " SIG("15") "; "
	  "ns a.example. 50 NSEC nz.example. x0001; "
	  "ns a.example. 50 " SIG("47"), MX_ANSWER_POSITIVE, 50,
	  "an X.EXAMPLE. 300 MX w1 nm.; an X.EXAMPLE. 300 " SIG("15") "; "
	  "ns a.EXAMPLE. 50 NSEC nz.example. x0001; "
	  "ns a.EXAMPLE. 50 " SIG("47"), "an X.EXAMPLE. 300 MX w1 nm." },
	{ "DS NODATA, from the parent", "sub.example.", MX_TYPE_DS, NOERROR,
	  "ns example. 60 " SOA("60") "; "
	  "ns sub.example. 60 NSEC nz.example. x0001", MX_ANSWER_NODATA, 60,
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60; "
	  "ns SUB.EXAMPLE. 60 NSEC nz.example. x0001",
	  "ns EXAMPLE. 60 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 "
	  "l60" },

	/* DNSSEC types asked for by name, 4035 3.2.1. */
	{ "QTYPE RRSIG", "example.", MX_TYPE_RRSIG, NOERROR,
	  "an example. 300 " SIG("15") "; an example. 300 " SIG("6"),
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 " SIG("15") "; an EXAMPLE. 300 " SIG("6"), NULL },
	{ "QTYPE RRSIG denied: the proof's RRSIGs are not what was asked for",
	  "example.", MX_TYPE_RRSIG, NOERROR,
	  "ns example. 60 SOA n. n. l1 l2 l3 l4 l60; "
	  "ns example. 60 " SIG("6") "; ns example. 60 NSEC nz. x0001; "
	  "ns example. 60 " SIG("47"), MX_ANSWER_NODATA, 60,
	  "ns EXAMPLE. 60 SOA n. n. l1 l2 l3 l4 l60; "
	  "ns EXAMPLE. 60 " SIG("6") "; ns EXAMPLE. 60 NSEC nz. x0001; "
	  "ns EXAMPLE. 60 " SIG("47"),
	  "ns EXAMPLE. 60 SOA n. n. l1 l2 l3 l4 l60" },
	{ "QTYPE NSEC of a wildcard: its proof is not what was asked for",
	  "a.example.", MX_TYPE_NSEC, NOERROR,
	  "an a.example. 300 NSEC nz.example. x0001; "
	  "an a.example. 300 " SIG("47") "; "
	  "ns *.example. 300 NSEC nz.example. x0001",
	  MX_ANSWER_POSITIVE, 300,
	  "an A.EXAMPLE. 300 NSEC nz.example. x0001; "
	  "an A.EXAMPLE. 300 " SIG("47") "; "
	  "ns *.EXAMPLE. 300 NSEC nz.example. x0001",
	  "an A.EXAMPLE. 300 NSEC nz.example. x0001" },
	{ "QTYPE NSEC", "example.", MX_TYPE_NSEC, NOERROR,
	  "an example. 300 NSEC na.example. x0001; "
	  "an example. 300 " SIG("47"), MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 NSEC na.example. x0001; "
	  "an EXAMPLE. 300 " SIG("47"),
	  "an EXAMPLE. 300 NSEC na.example. x0001" },
	{ "QTYPE DNSKEY", "example.", MX_TYPE_DNSKEY, NOERROR,
	  "an example. 300 DNSKEY x010103080102; "
	  "an example. 300 " SIG("48"), MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 DNSKEY x010103080102; "
	  "an EXAMPLE. 300 " SIG("48"),
	  "an EXAMPLE. 300 DNSKEY x010103080102" },
	{ "QTYPE DS", "example.", MX_TYPE_DS, NOERROR,
	  "an example. 300 DS x12340802aabb", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 DS x12340802aabb", NULL },
	{ "QTYPE NSEC3PARAM", "example.", MX_TYPE_NSEC3PARAM, NOERROR,
	  "an example. 300 NSEC3PARAM x0100000000", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 NSEC3PARAM x0100000000", NULL },

	/* RDATA. */
	{ "unknown type, 3597: octets that look like a pointer", "example.",
	  666, NOERROR, "an example. 300 TYPE666 xc00cc000ff",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 TYPE666 xc00cc000ff",
	  NULL },
	{ "unknown type, no RDATA", "example.", 666, NOERROR,
	  "an example. 300 TYPE666", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 TYPE666", NULL },
	{ "types of 3597 4 are expanded, not compressed again", "example.",
	  MX_TYPE_SRV, NOERROR, "an example. 300 SRV w0 w5 w993 nimap@12",
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 SRV w0 w5 w993 nimap.example.", NULL },
	{ "AFSDB", "example.", MX_TYPE_AFSDB, NOERROR,
	  "an example. 300 AFSDB w1 na@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 AFSDB w1 na.example.", NULL },
	{ "PTR", "example.", MX_TYPE_PTR, NOERROR,
	  "an example. 300 PTR na@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 PTR na.EXAMPLE.", NULL },
	{ "NS", "example.", MX_TYPE_NS, NOERROR,
	  "an example. 300 NS na@12; an example. 300 NS nb@12",
	  MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 NS na.EXAMPLE.; an EXAMPLE. 300 NS nb.EXAMPLE.",
	  NULL },
	{ "NAPTR, its strings too", "example.", MX_TYPE_NAPTR, NOERROR,
	  "an example. 300 NAPTR w1 w2 x0173 x00 x026162 na@12",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 NAPTR "
	  "x000100020173000261620161076578616d706c6500", NULL },
	{ "KX", "example.", MX_TYPE_KX, NOERROR,
	  "an example. 300 KX w1 na@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 KX x00010161076578616d706c6500", NULL },
	{ "PX", "example.", MX_TYPE_PX, NOERROR,
	  "an example. 300 PX w1 na@12 n@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 PX x00010161076578616d706c6500"
	  "076578616d706c6500", NULL },
	{ "NXT", "example.", MX_TYPE_NXT, NOERROR,
	  "an example. 300 NXT na@12 xabcd", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 NXT x0161076578616d706c6500abcd", NULL },
	{ "SIG", "example.", MX_TYPE_SIG, NOERROR,
	  "an example. 300 SIG w1 w2 l3 l4 l5 w6 n@12 xab",
	  MX_ANSWER_POSITIVE, 300, "an EXAMPLE. 300 SIG "
	  "x000100020000000300000004000000050006076578616d706c6500ab",
	  NULL },
	{ "RP", "example.", MX_TYPE_RP, NOERROR,
	  "an example. 300 RP na@12 n@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 RP na.example. nexample.", NULL },
	{ "MINFO", "example.", MX_TYPE_MINFO, NOERROR,
	  "an example. 300 MINFO na@12 n@12", MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 MINFO na.EXAMPLE. nEXAMPLE.", NULL },
	{ "SOA asked for", "example.", MX_TYPE_SOA, NOERROR,
	  "an example. 300 " SOA("60"), MX_ANSWER_POSITIVE, 300,
	  "an EXAMPLE. 300 SOA nns.EXAMPLE. nroot.EXAMPLE. l1 l2 l3 l4 l60",
	  NULL },
	{ "the root", ".", MX_TYPE_NS, NOERROR,
	  "an . 300 NS na.; an . 300 NS nb.", MX_ANSWER_POSITIVE, 300,
	  "an . 300 NS na.; an . 300 NS nb.", NULL },
};

/* The client asks in upper case, so that what is a pointer to the question
 * shows, and no name may depend on how it was asked upstream. */
static void upper(struct mx_name *name)
{
	for (unsigned i = 0; i < name->len; i++)
		if (name->octets[i] >= 'a' && name->octets[i] <= 'z')
			name->octets[i] ^= 0x20;
}

struct asked {
	struct message m;
	struct mx_name qname;
	struct mx_key key;
};

static void ask(struct asked *a, const char *qname, uint16_t qtype,
		uint16_t flags)
{
	assert_int_equal(mx_name_from_text(qname, &a->qname), MX_OK);
	mx_name_lower(a->qname.octets, a->qname.len);
	a->key = (struct mx_key){ a->qname.octets, a->qname.len, qtype,
				  MX_CLASS_IN };
	message_begin(&a->m, flags, qname, qtype);
}

static enum mx_error ingest(const struct asked *a, enum mx_validation state,
			    struct mx_answer *ret)
{
	return mx_ingest(a->m.octets, a->m.len, &a->key, state, &limits, room,
			 ret);
}

static void check_form(const char *why, const struct asked *a,
		       const struct mx_form *form, const char *want)
{
	static uint8_t message[MX_MESSAGE_MAX];
	static char text[MESSAGE_TEXT_MAX];
	struct mx_name qname = a->qname;
	size_t len;

	upper(&qname);
	len = message_of_form(form, qname.octets, qname.len, 0, 0, message);
	message_to_text(message, len, text);
	if (strcmp(text, want) != 0)
		fail_msg("%s:\n   is %s\nwant %s", why, text, want);
	assert_int_equal(form->arcount, 0);
	assert_int_equal(form->ttl_count, form->ancount + form->nscount);
}

static void ask_case(struct asked *a, const struct answer_case *c)
{
	ask(a, c->qname, c->qtype, c->flags);
	message_rrs(&a->m, c->rrs);
	message_end(&a->m);
}

static void answers(void **state)
{
	(void)state;
	static struct asked a;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct answer_case *c = &cases[i];
		struct mx_answer answer;
		enum mx_error err;

		ask_case(&a, c);
		err = ingest(&a, MX_SECURE, &answer);
		if (err != MX_OK)
			fail_msg("%s: %s", c->why, mx_error_text(err));
		if (answer.kind != c->kind || answer.ttl_s != c->ttl_s)
			fail_msg("%s: kind %d, ttl %u", c->why, answer.kind,
				 answer.ttl_s);
		check_form(c->why, &a, &answer.full, c->full);
		check_form(c->why, &a, &answer.plain,
			   c->plain ? c->plain : c->full);
		if ((answer.full.octets == answer.plain.octets) !=
		    (c->plain == NULL))
			fail_msg("%s: octets shared or not", c->why);
		assert_int_equal(answer.state, MX_SECURE);
		assert_int_equal(answer.rcode, c->flags & 0xf);
		assert_int_equal(answer.ede, MX_EDE_NONE);
		assert_string_equal(answer.why, "");
	}
}

/* Cut anywhere, no packet is accepted: a count, a length or a field is not
 * met. The copy lets the sanitizer see the first octet read too many. */
static void truncation_ladder(void **state)
{
	(void)state;
	static struct asked a;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ask_case(&a, &cases[i]);
		for (size_t cut = 0; cut < a.m.len; cut++) {
			uint8_t *copy = malloc(cut + 1);
			struct mx_answer answer;

			memcpy(copy, a.m.octets, cut);
			if (mx_ingest(copy, cut, &a.key, MX_SECURE, &limits,
				      room, &answer) != MX_E_MALFORMED)
				fail_msg("%s cut at %zu", cases[i].why, cut);
			free(copy);
		}
		a.m.octets[a.m.len++] = 0; /* and nothing may be left over */
		struct mx_answer answer;
		assert_int_equal(ingest(&a, MX_SECURE, &answer),
				 MX_E_MALFORMED);
	}
}

/* An answer, given out and read in again, is the same answer. */
static void round_trip(void **state)
{
	(void)state;
	static struct asked a;
	static uint8_t message[MX_MESSAGE_MAX], first[MX_MESSAGE_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct answer_case *c = &cases[i];
		struct mx_answer one, two;
		size_t len;
		struct mx_out patch;

		ask_case(&a, c);
		assert_int_equal(ingest(&a, MX_INSECURE, &one), MX_OK);
		len = message_of_form(&one.full, a.qname.octets, a.qname.len,
				      0, 0, message);
		mx_out_init(&patch, message, sizeof message);
		patch.at += 2;
		mx_out_u16(&patch, c->flags);
		patch.at += 8 + a.qname.len;
		mx_out_u16(&patch, c->qtype);
		memcpy(first, one.full.octets, one.full.len);
		assert_int_equal(mx_ingest(message, len, &a.key, MX_INSECURE,
					   &limits, room, &two), MX_OK);
		assert_int_equal(two.kind, c->kind);
		assert_int_equal(two.ttl_s, c->ttl_s);
		assert_int_equal(two.full.len, one.full.len);
		assert_memory_equal(two.full.octets, first, one.full.len);
	}
}

static const struct {
	const char *why, *qname;
	uint16_t qtype, flags;
	const char *rrs;
	enum mx_error want;
} rejects[] = {
	{ "a query", "example.", MX_TYPE_MX, 0x0100, "", MX_E_MISMATCH },
	{ "another opcode", "example.", MX_TYPE_MX, 0xa980, "",
	  MX_E_MISMATCH },
	{ "SERVFAIL", "example.", MX_TYPE_MX, 0x8182, "", MX_E_UPSTREAM },
	{ "REFUSED", "example.", MX_TYPE_MX, 0x8185, "", MX_E_UPSTREAM },
	{ "YXDOMAIN", "example.", MX_TYPE_MX, 0x8186, "", MX_E_UPSTREAM },
	{ "truncated: the rest is not known", "example.", MX_TYPE_MX, 0x8380,
	  "an example. 300 MX w10 nm.", MX_E_MALFORMED },
	{ "another name", "exampla.", MX_TYPE_MX, NOERROR, "",
	  MX_E_MISMATCH },
	{ "a longer name", "a.example.", MX_TYPE_MX, NOERROR, "",
	  MX_E_MISMATCH },
	{ "another type", "example.", MX_TYPE_A, NOERROR, "",
	  MX_E_MISMATCH },
	{ "NXDOMAIN and an RRset all the same", "example.", MX_TYPE_MX,
	  NXDOMAIN, "an example. 300 MX w10 nm.", MX_E_MALFORMED },
	{ "RDLENGTH one too long", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX+1 w10 nm.", MX_E_MALFORMED },
	{ "RDLENGTH one too short: the exchange's root label is outside",
	  "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX-1 w10 nm. x00; ", MX_E_MALFORMED },
	{ "an octet behind the exchange", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nm. x00", MX_E_MALFORMED },
	{ "half a preference", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX x00", MX_E_MALFORMED },
	{ "no RDATA where a name must be", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX", MX_E_MALFORMED },
	{ "exchange that points to itself", "example.", MX_TYPE_MX, NOERROR,
	  "an @12 300 MX w10 n@39", MX_E_MALFORMED },
	{ "owner that points to itself", "example.", MX_TYPE_MX, NOERROR,
	  "an @25 300 MX w10 nm.", MX_E_MALFORMED },
	{ "owner that points into the header", "example.", MX_TYPE_MX,
	  NOERROR, "an @2 300 MX w10 nm.", MX_E_MALFORMED },
	{ "a broken owner among what is dropped", "example.", MX_TYPE_MX,
	  NOERROR, "an @12 300 MX w10 nm.; ar @2 1 A x7f000001",
	  MX_E_MALFORMED },
	{ "a broken A that is dropped: not judged", "example.", MX_TYPE_MX, NOERROR,
	  "an @12 300 MX w10 nm.; an @12 1 A x7f0000", MX_OK },
	{ "CNAME loop of one", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 CNAME nexample.", MX_E_MALFORMED },
	{ "CNAME loop of two", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 CNAME na.; an a. 300 CNAME nexample.",
	  MX_E_MALFORMED },
	{ "two CNAMEs at one name", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 CNAME na.; an example. 300 CNAME nb.",
	  MX_E_MALFORMED },
	{ "two CNAMEs at one name, one asked for", "example.", MX_TYPE_CNAME,
	  NOERROR, "an example. 300 CNAME na.; an example. 300 CNAME nb.",
	  MX_E_MALFORMED },
	{ "CNAME with octets behind its name", "example.", MX_TYPE_MX,
	  NOERROR, "an example. 300 CNAME na. x00", MX_E_MALFORMED },
	{ "DNAME without CNAME: a NODATA here would be a lie", "a.example.",
	  MX_TYPE_MX, NOERROR, "an example. 300 DNAME nother.",
	  MX_E_MALFORMED },
	{ "DNAME and a CNAME that does not follow from it", "a.example.",
	  MX_TYPE_MX, NOERROR, "an example. 300 DNAME nother.; "
	  "an a.example. 300 CNAME na.evil.", MX_E_MALFORMED },
	{ "compressed signer, 4034 3.1.7", "example.", MX_TYPE_MX, NOERROR,
	  "an example. 300 MX w10 nm.; an example. 300 RRSIG w15 w2050 l1 l1 "
	  "l1 w1 n@12 x00", MX_E_MALFORMED },
	{ "compressed next name, 4034 4.1.1", "x.example.", MX_TYPE_MX,
	  NXDOMAIN, "ns example. 300 NSEC na@14 x00", MX_E_MALFORMED },
	{ "SOA short of its MINIMUM", "example.", MX_TYPE_MX, NOERROR,
	  "ns example. 300 SOA na. nb. l1 l2 l3 l4", MX_E_MALFORMED },
	{ "SOA too long", "example.", MX_TYPE_MX, NOERROR,
	  "ns example. 300 SOA na. nb. l1 l2 l3 l4 l5 b0", MX_E_MALFORMED },
	{ "NAPTR whose string is longer than it", "example.", MX_TYPE_NAPTR,
	  NOERROR, "an example. 300 NAPTR w1 w2 x0573", MX_E_MALFORMED },
	{ "QTYPE ANY", "example.", MX_TYPE_ANY, NOERROR,
	  "an example. 300 A x7f000001", MX_E_MISMATCH },
};

static void rejected(void **state)
{
	(void)state;
	static struct asked a;

	for (size_t i = 0; i < sizeof rejects / sizeof *rejects; i++) {
		struct mx_answer answer = { .ttl_s = 4711 };
		struct mx_name qname;
		enum mx_error err;

		ask(&a, rejects[i].qname, rejects[i].qtype, rejects[i].flags);
		message_rrs(&a.m, rejects[i].rrs);
		message_end(&a.m);
		/* The first rows are answers to other questions than asked. */
		if (rejects[i].want == MX_E_MISMATCH &&
		    rejects[i].qtype != MX_TYPE_ANY) {
			mx_name_from_text("example.", &qname);
			a.key.qname = qname.octets;
			a.key.qname_len = qname.len;
			a.key.qtype = MX_TYPE_MX;
		}
		err = ingest(&a, MX_INSECURE, &answer);
		if (err != rejects[i].want)
			fail_msg("%s: %s", rejects[i].why,
				 mx_error_text(err));
		if (err != MX_OK)
			assert_int_equal(answer.ttl_s, 4711);
	}
}

static void wrong_type_lengths_are_rejected(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, "example.", MX_TYPE_A, NOERROR);
	message_rrs(&a.m, "an example. 300 A x7f0000");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MALFORMED);
	ask(&a, "example.", MX_TYPE_AAAA, NOERROR);
	message_rrs(&a.m, "an example. 300 AAAA x7f000001");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MALFORMED);
}

static void questions_that_do_not_match(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, "example.", MX_TYPE_MX, NOERROR);
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	a.m.octets[24] = 3; /* QCLASS CH */
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MISMATCH);
	a.m.octets[24] = 1;
	a.key.qclass = 3;
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MISMATCH);
	a.key.qclass = 1;
	a.m.octets[13] = 'E'; /* case is no difference */
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	for (unsigned qdcount = 0; qdcount < 3; qdcount += 2) {
		a.m.octets[5] = (uint8_t)qdcount;
		assert_int_equal(ingest(&a, MX_INSECURE, &answer),
				 MX_E_MISMATCH);
	}
}

/* Bogus data is for CD=1 alone and asked for again soon; but not at once,
 * even if it has no lifetime of its own (RFC 9520 section 3.2). */
static void bogus_lives_shortly(void **state)
{
	(void)state;
	static struct asked a;
	static const struct {
		const char *rrs;
		uint32_t ttl_s;
		const char *full;
	} rows[] = {
		{ "an example. 300 MX w10 nm.", 60,
		  "an EXAMPLE. 60 MX w10 nm." },
		{ "an example. 30 MX w10 nm.", 30,
		  "an EXAMPLE. 30 MX w10 nm." },
		{ "an example. 0 MX w10 nm.", 1, "an EXAMPLE. 0 MX w10 nm." },
		{ "", 60, "" },
		{ "ns example. 300 SOA n. n. l1 l2 l3 l4 l40", 40,
		  "ns EXAMPLE. 40 SOA n. n. l1 l2 l3 l4 l40" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mx_answer answer;

		ask(&a, "example.", MX_TYPE_MX, NOERROR);
		message_rrs(&a.m, rows[i].rrs);
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_BOGUS, &answer), MX_OK);
		assert_int_equal(answer.state, MX_BOGUS);
		assert_int_equal(answer.ttl_s, rows[i].ttl_s);
		check_form("bogus", &a, &answer.full, rows[i].full);
	}
}

/* A chain of n CNAMEs from n0. and an A at its end. */
static void ask_chain(struct asked *a, unsigned n)
{
	char rr[100];

	ask(a, "n0.", MX_TYPE_TLSA, NOERROR);
	for (unsigned i = 0; i < n; i++) {
		snprintf(rr, sizeof rr, "an n%u. 300 CNAME nn%u.", i, i + 1);
		message_rrs(&a->m, rr);
	}
	snprintf(rr, sizeof rr, "an n%u. 300 TLSA x7f000001", n);
	message_rrs(&a->m, rr);
	message_end(&a->m);
}

static void long_chains(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask_chain(&a, 32);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	assert_int_equal(answer.full.ancount, 33);
	assert_int_equal(answer.kind, MX_ANSWER_POSITIVE);
	ask_chain(&a, 33);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MALFORMED);
	ask_chain(&a, 3000);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_MALFORMED);
	/* 64 aliases are looked at, repeated ones too. */
	for (unsigned repeated = 32; repeated <= 33; repeated++) {
		ask_chain(&a, 32);
		for (unsigned i = 0; i < repeated; i++)
			message_rrs(&a.m, "an n0. 300 CNAME nn1.");
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_INSECURE, &answer),
				 repeated == 32 ? MX_OK : MX_E_MALFORMED);
	}
}

static void mx_set_of_500(void **state)
{
	(void)state;
	static struct asked a;
	static uint8_t message[MX_MESSAGE_MAX];
	static char text[MESSAGE_TEXT_MAX], seen[500];
	struct mx_answer answer;
	size_t len;
	char *rr, *save;

	ask(&a, "example.", MX_TYPE_MX, NOERROR);
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof text, "an @12 %d MX w%d nmx%d.example.",
			 300 + i, i, i);
		message_rrs(&a.m, text);
	}
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	assert_int_equal(answer.full.ancount, 500);
	assert_int_equal(answer.full.turn_at, 0);
	assert_int_equal(answer.full.turn_count, 500);
	/* Exchanges are written against the question. */
	assert_true(answer.full.len <= 500 * (2 + 10 + 2 + 6 + 2));
	len = message_of_form(&answer.full, a.qname.octets, a.qname.len, 100,
			      123456, message);
	message_to_text(message, len, text);
	memset(seen, 0, sizeof seen);
	for (rr = strtok_r(text, ";", &save); rr != NULL;
	     rr = strtok_r(NULL, ";", &save)) {
		int preference, host;

		assert_int_equal(sscanf(rr, " an example. 200 MX w%d nmx%d.",
					&preference, &host), 2);
		assert_int_equal(preference, host);
		assert_int_equal(seen[host]++, 0);
	}
	assert_null(memchr(seen, 0, sizeof seen));
}

/* As many RRs as a message has room for, of the least size, and more TTLs
 * than anything else could have. */
static void smallest_rrs(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, ".", 666, NOERROR);
	while (mx_out_len(&a.m.out) + 11 <= MX_MESSAGE_MAX) {
		mx_out_u8(&a.m.out, 0);
		mx_out_u32(&a.m.out, 666 << 16 | 1);
		mx_out_u32(&a.m.out, 300);
		mx_out_u16(&a.m.out, 0);
		a.m.counts[0]++;
	}
	message_end(&a.m);
	assert_int_equal(a.m.counts[0], 5956);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	assert_int_equal(answer.full.ancount, 5956);
	assert_int_equal(answer.full.turn_count, 0); /* root owners */
}

/* The whole message has 65,535 octets: fits. One more: no message. */
static void largest_answer(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	for (unsigned more = 0; more < 2; more++) {
		ask(&a, "example.", MX_TYPE_TXT, NOERROR);
		message_rrs(&a.m, "an @12 300 TXT");
		size_t rdlength = MX_MESSAGE_MAX + more - mx_out_len(&a.m.out);

		mx_out_patch_u16(&a.m.out, mx_out_len(&a.m.out) - 2,
				 (uint16_t)rdlength);
		for (size_t i = 0; i < rdlength; i++)
			mx_out_u8(&a.m.out, (uint8_t)i);
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_INSECURE, &answer),
				 more ? MX_E_MALFORMED : MX_OK);
	}
	assert_int_equal(answer.full.len, MX_MESSAGE_MAX - 12 - 13);
}

/* Names that were small as pointers: what they grow to must not be written
 * past the end. */
static void expanded_beyond_a_message(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer = { .ttl_s = 4711 };
	char rr[700];

	ask(&a, "example.", MX_TYPE_SRV, NOERROR);
	snprintf(rr, sizeof rr, "an @12 300 SRV w0 w0 w0 n%.60s.%.60s.%.60s.",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
		 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
	message_rrs(&a.m, rr);
	for (int i = 0; i < 2000; i++) {
		snprintf(rr, sizeof rr, "an @12 300 SRV w0 w0 w%d n@43", i);
		message_rrs(&a.m, rr);
	}
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_E_TOO_BIG);
	assert_int_equal(answer.ttl_s, 4711);
}

/* Grown to just what a message holds with this question, 65,510 octets, and to
 * one more: 300 RRs of 218 octets and the last of 110. */
static void expanded_to_a_whole_message(void **state)
{
	(void)state;
	static struct asked a;
	char rr[700], octets[256];

	memset(octets, 'a', sizeof octets);
	for (int more = 0; more < 2; more++) {
		struct mx_answer answer;

		ask(&a, "example.", MX_TYPE_SRV, NOERROR);
		snprintf(rr, sizeof rr, "an @12 300 SRV w0 w0 w0 "
			 "n%.63s.%.63s.%.63s.%.6s.", octets, octets, octets,
			 octets);
		message_rrs(&a.m, rr);
		for (int i = 1; i < 300; i++) {
			snprintf(rr, sizeof rr,
				 "an @12 300 SRV w0 w0 w%d n@43", i);
			message_rrs(&a.m, rr);
		}
		snprintf(rr, sizeof rr, "an @12 300 SRV w0 w0 w0 n%.63s.%.*s.",
			 octets, 26 + more, octets);
		message_rrs(&a.m, rr);
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_INSECURE, &answer),
				 more ? MX_E_TOO_BIG : MX_OK);
		if (!more)
			assert_int_equal(answer.full.len, 65510);
	}
}

/* A DNAME can make the longest name there is (RFC 6672 section 2.2). */
static void dname_to_the_longest_name(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;
	char rrs[2000], octets[64];

	memset(octets, 'a', sizeof octets);
	ask(&a, "x.example.", MX_TYPE_A, NOERROR);
	snprintf(rrs, sizeof rrs,
		 "an example. 300 DNAME n%.63s.%.63s.%.63s.%.59s.; "
		 "an x.example. 300 CNAME nx.%.63s.%.63s.%.63s.%.59s.",
		 octets, octets, octets, octets, octets, octets, octets,
		 octets);
	message_rrs(&a.m, rrs);
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	assert_int_equal(answer.full.ancount, 2);
}

/* More NSEC RRsets than any proof has: the search for an RRset is bounded. */
static void too_many_denials(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	for (unsigned sets = 64; sets <= 65; sets++) {
		char rr[100];

		ask(&a, "x.example.", MX_TYPE_MX, NXDOMAIN);
		for (unsigned i = 0; i < 2 * sets; i++) {
			snprintf(rr, sizeof rr,
				 "ns n%u.example. 300 NSEC nz%u. x00",
				 i % sets, i);
			message_rrs(&a.m, rr);
		}
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_SECURE, &answer),
				 sets == 64 ? MX_OK : MX_E_MALFORMED);
		/* Two RRs each, and none of them turns. */
		if (sets == 64)
			assert_int_equal(answer.full.turn_count, 0);
	}
}

/* Two spellings of a name that ends like the question: both end in the
 * client's own, so the second can be a pointer to the first. */
static void spellings_of_the_question_are_one(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, "b.example.", MX_TYPE_A, NOERROR);
	message_rrs(&a.m, "an b.example. 300 CNAME na.example.; "
			  "an a.examPle. 300 CNAME nc.; an c. 300 A x7f000001");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
	check_form("spellings", &a, &answer.full,
		   "an B.EXAMPLE. 300 CNAME na.EXAMPLE.; "
		   "an a.EXAMPLE. 300 CNAME nc.; an c. 300 A x7f000001");
	assert_int_equal(answer.full.len, (12 + 4) + (12 + 3) + (12 + 4));
}

/* The octets of a name can occur in the middle of a label. A pointer there
 * would be read as that name, but is none to who checks. Asked once before
 * with a question whose label does start there. */
static void no_pointer_into_a_label(void **state)
{
	(void)state;
	static struct asked a;
	static const char *const qnames[] = { "ab.example.",
					      "ab\\007example." };
	static const size_t exchange_len[] = { 2 + 2, 2 + 9 };

	for (int i = 0; i < 2; i++) {
		struct mx_answer answer;

		ask(&a, qnames[i], MX_TYPE_MX, NOERROR);
		message_rrs(&a.m, "an @12 300 MX w1 nz.example.");
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_INSECURE, &answer), MX_OK);
		assert_int_equal(answer.full.len, 12 + 2 + exchange_len[i]);
	}
}

static void bogus_obeys_the_other_cap_too(void **state)
{
	(void)state;
	static struct asked a;
	static const struct mx_ingest_limits low = {
		.ttl_max_s = 10, .negative_ttl_max_s = 10,
		.bogus_ttl_max_s = 60,
	};
	struct mx_answer answer;

	ask(&a, "example.", MX_TYPE_MX, NOERROR);
	message_rrs(&a.m, "an example. 300 MX w10 nm.");
	message_end(&a.m);
	assert_int_equal(mx_ingest(a.m.octets, a.m.len, &a.key, MX_BOGUS,
				   &low, room, &answer), MX_OK);
	assert_int_equal(answer.ttl_s, 10);
}

/* ---- turning ---- */

static void turned_text(const struct asked *a, const struct mx_form *form,
			uint32_t age_s, uint32_t turn, char *text)
{
	static uint8_t message[MX_MESSAGE_MAX];
	size_t len = message_of_form(form, a->qname.octets, a->qname.len,
				     age_s, turn, message);

	message_to_text(message, len, text);
}

/* RRs of different lengths behind a chain, with RRSIGs and a proof behind
 * them that must neither move nor be pointed into. */
static void turn_moves_the_last_rrset_alone(void **state)
{
	(void)state;
	static struct asked a;
	static char text[MESSAGE_TEXT_MAX], want[2000];
	struct mx_answer answer;
	static const char *const rrs[] = {
		"an host.other. 200 MX w1 na.host.other.",
		"an host.other. 200 MX w2 nlonger.other.",
		"an host.other. 200 MX w3 nwww.example.",
	};
	const char *before = "an www.example. 300 CNAME nhost.other.; "
			     "an www.example. 300 " SIG("5");
	const char *after = "an host.other. 200 " SIG("15") "; "
			    "ns a.other. 300 NSEC nb.other. x00";

	ask(&a, "www.example.", MX_TYPE_MX, NOERROR);
	message_rrs(&a.m, before);
	for (int i = 0; i < 3; i++)
		message_rrs(&a.m, rrs[i]);
	message_rrs(&a.m, after);
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	assert_int_equal(answer.full.turn_count, 3);
	for (uint32_t turn = 0; turn < 7; turn++) {
		snprintf(want, sizeof want, "%s; %s; %s; %s; %s", before,
			 rrs[turn % 3], rrs[(turn + 1) % 3],
			 rrs[(turn + 2) % 3], after);
		turned_text(&a, &answer.full, 0, turn, text);
		assert_string_equal(text, want);
	}
	/* The same in the plain form, one octet range shorter. */
	assert_int_equal(answer.plain.turn_count, 3);
	turned_text(&a, &answer.plain, 0, UINT32_MAX, text);
	snprintf(want, sizeof want, "an www.example. 300 CNAME nhost.other.; "
		 "%s; %s; %s", rrs[UINT32_MAX % 3], rrs[1], rrs[2]);
	assert_string_equal(text, want);
}

static void age_lowers_every_ttl_turned_or_not(void **state)
{
	(void)state;
	static struct asked a;
	static char text[MESSAGE_TEXT_MAX];
	struct mx_answer answer;

	ask(&a, "www.example.", MX_TYPE_TLSA, NOERROR);
	message_rrs(&a.m, "an www.example. 300 CNAME nh.; "
			  "an h. 20 TLSA x01010101; an h. 20 TLSA x02020202; "
			  "ns a. 100 NSEC nb. x00");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	for (uint32_t turn = 0; turn < 2; turn++) {
		turned_text(&a, &answer.full, 50, turn, text);
		assert_string_equal(text, turn == 0 ?
			"an www.example. 250 CNAME nh.; an h. 0 TLSA x01010101; "
			"an h. 0 TLSA x02020202; ns a. 50 NSEC nb. x00" :
			"an www.example. 250 CNAME nh.; an h. 0 TLSA x02020202; "
			"an h. 0 TLSA x01010101; ns a. 50 NSEC nb. x00");
	}
}

/* RFC 5321 section 5.1: a host's addresses are tried in the order they come. */
static void addresses_keep_their_order(void **state)
{
	static const uint16_t types[] = { MX_TYPE_A, MX_TYPE_AAAA };
	static const char *const rrs[] = {
		"an h. 20 A x01010101; an h. 20 A x02020202",
		"an h. 20 AAAA x20010002000000000000000000000001; "
		"an h. 20 AAAA x20010002000000000000000000000002",
	};
	static struct asked a;
	struct mx_answer answer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		ask(&a, "h.", types[i], NOERROR);
		message_rrs(&a.m, rrs[i]);
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
		assert_true(answer.full.turn_count < 2);
	}
}

static void one_rr_does_not_turn(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, "example.", MX_TYPE_MX, NOERROR);
	message_rrs(&a.m, "an example. 300 MX w1 na.");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	assert_true(answer.full.turn_count < 2);
}

/* The final owner lies beyond 16 KiB, where no pointer reaches: it is written
 * out each time, and the RRset stays as it is. */
static void owner_out_of_reach_of_pointers(void **state)
{
	(void)state;
	static struct asked a;
	static char text[MESSAGE_TEXT_MAX], octets[40000];
	struct mx_answer answer;

	memset(octets, 'f', 34000);
	ask(&a, "a.", MX_TYPE_TLSA, NOERROR);
	snprintf(text, sizeof text, "an a. 300 CNAME nb.");
	message_rrs(&a.m, text);
	for (int i = 0; i < 9; i++) {
		snprintf(text, sizeof text, "an a. 300 RRSIG w5 w0 l1 l1 l1 "
			 "w%d na. x%.*s", i, 3800, octets);
		message_rrs(&a.m, text);
	}
	message_rrs(&a.m, "an b. 300 CNAME nfar.away.; "
			  "an far.away. 300 TLSA x01010101; "
			  "an far.away. 300 TLSA x02020202");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	assert_true(answer.full.len > 16384);
	assert_int_equal(answer.full.turn_count, 0);
	assert_int_equal(answer.plain.turn_count, 2);
	turned_text(&a, &answer.full, 0, 1, text);
	assert_non_null(strstr(text, "an b. 300 CNAME nfar.away.; "
			       "an far.away. 300 TLSA x01010101; "
			       "an far.away. 300 TLSA x02020202"));
}

/* The final owner at each offset around 16,383: with a pointer as long as one
 * reaches it, and never with one that does not. */
static void pointers_near_their_limit(void **state)
{
	(void)state;
	static struct asked a;
	static char text[MESSAGE_TEXT_MAX], octets[70000];
	struct mx_answer answer;
	bool seen[2] = { false, false };

	memset(octets, 'f', sizeof octets);
	for (int padding = 16080; padding < 16220; padding++) {
		ask(&a, "a.", MX_TYPE_TLSA, NOERROR);
		message_rrs(&a.m, "an a. 300 CNAME nb.");
		for (int left = padding; left > 0; left -= 4000) {
			snprintf(text, sizeof text, "an a. 300 RRSIG w5 w0 "
				 "l1 l1 l1 w1 na. x%.*s",
				 2 * (left < 4000 ? left : 4000), octets);
			message_rrs(&a.m, text);
		}
		message_rrs(&a.m, "an b. 300 CNAME nfar.away.test.; "
				  "an far.away.test. 300 TLSA x01010101; "
				  "an far.away.test. 300 TLSA x02020202; "
				  "ns away.test. 300 NSEC na. x00; "
				  "ns test. 300 NSEC na. x00");
		message_end(&a.m);
		assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
		seen[answer.full.turn_count == 2] = true;
		turned_text(&a, &answer.full, 0, 1, text);
		assert_non_null(strstr(text, "an b. 300 CNAME "
				       "nfar.away.test.; an far.away.test."));
		assert_non_null(strstr(text, "; ns away.test. 300 NSEC na. "
				       "x00; ns test. 300 NSEC na. x00"));
	}
	assert_true(seen[false] && seen[true]);
}

/* Nothing of an answer is left in the room for the next one. */
static void room_keeps_nothing(void **state)
{
	(void)state;
	static struct asked a;
	struct mx_answer answer;

	ask(&a, "a.example.", MX_TYPE_A, NOERROR);
	message_rrs(&a.m, "an example. 300 DNAME n.; "
			  "an a.example. 300 CNAME nb.; an b. 300 A x7f000001");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_E_MALFORMED);
	ask(&a, "b.example.", MX_TYPE_A, NOERROR);
	message_rrs(&a.m, "ns example. 300 " SOA("60") ";"
			  "ns a.example. 300 NSEC nb. x00");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	ask(&a, "a.example.", MX_TYPE_A, NOERROR);
	message_rrs(&a.m, "an a.example. 300 A x7f000001");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	check_form("room", &a, &answer.full,
		   "an A.EXAMPLE. 300 A x7f000001");
}

/* A chain longer than there are places to remember names in. */
static void long_chain_keeps_its_names(void **state)
{
	(void)state;
	static struct asked a;
	static char text[MESSAGE_TEXT_MAX];
	struct mx_answer answer;

	ask_chain(&a, 20);
	message_rrs(&a.m, "an n20. 300 TLSA x7f000002");
	message_end(&a.m);
	assert_int_equal(ingest(&a, MX_SECURE, &answer), MX_OK);
	assert_int_equal(answer.full.turn_count, 2);
	turned_text(&a, &answer.full, 0, 1, text);
	assert_non_null(strstr(text, "an n7. 300 CNAME nn8.; "
			       "an n8. 300 CNAME nn9."));
	assert_non_null(strstr(text, "an n20. 300 TLSA x7f000002; "
			       "an n20. 300 TLSA x7f000001"));
}

static int room_new(void **state)
{
	(void)state;
	room = mx_ingest_room_new();
	mx_ingest_room_free(NULL);
	return room == NULL;
}

static int room_free(void **state)
{
	(void)state;
	mx_ingest_room_free(room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(truncation_ladder),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(rejected),
		cmocka_unit_test(wrong_type_lengths_are_rejected),
		cmocka_unit_test(questions_that_do_not_match),
		cmocka_unit_test(bogus_lives_shortly),
		cmocka_unit_test(long_chains),
		cmocka_unit_test(mx_set_of_500),
		cmocka_unit_test(smallest_rrs),
		cmocka_unit_test(largest_answer),
		cmocka_unit_test(expanded_beyond_a_message),
		cmocka_unit_test(expanded_to_a_whole_message),
		cmocka_unit_test(dname_to_the_longest_name),
		cmocka_unit_test(too_many_denials),
		cmocka_unit_test(spellings_of_the_question_are_one),
		cmocka_unit_test(no_pointer_into_a_label),
		cmocka_unit_test(bogus_obeys_the_other_cap_too),
		cmocka_unit_test(turn_moves_the_last_rrset_alone),
		cmocka_unit_test(age_lowers_every_ttl_turned_or_not),
		cmocka_unit_test(addresses_keep_their_order),
		cmocka_unit_test(one_rr_does_not_turn),
		cmocka_unit_test(owner_out_of_reach_of_pointers),
		cmocka_unit_test(pointers_near_their_limit),
		cmocka_unit_test(room_keeps_nothing),
		cmocka_unit_test(long_chain_keeps_its_names),
	};

	return cmocka_run_group_tests_name("wire_ingest", tests, room_new,
					   room_free);
}
