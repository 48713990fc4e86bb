/* What a mail server asks next: each row an answer and the questions after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "message.h"
#include "mx_ingest.h"
#include "mx_mail.h"

#define NOERROR 0x8180u
#define NXDOMAIN 0x8183u
#define SOA "ns test. 300 SOA nns.test. nroot.test. l1 l2 l3 l4 l60"
#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* With _25._tcp. before it, 255 octets; and one more. */
#define LONG246 LABEL63 "." LABEL63 "." LABEL63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define LONG247 LABEL63 "." LABEL63 "." LABEL63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."

static const struct mx_ingest_limits limits = {
	.ttl_max_s = 86400, .negative_ttl_max_s = 900, .bogus_ttl_max_s = 60,
};
static struct mx_ingest_room *ingest_room;
static struct mx_mail_room room;

/* next: TYPE NAME, parted by blanks; a type in small letters is early. */
static const struct {
	const char *why, *qname;
	uint16_t qtype, flags;
	enum mx_validation state;
	const char *rrs, *next;
} cases[] = {
	{ "insecure: no TLSA until an address is secure", "a.test.", MX_TYPE_MX,
	  NOERROR, MX_INSECURE, "an a.test. 300 MX w10 nmx.a.test.",
	  "A mx.a.test. AAAA mx.a.test." },
	{ "secure: TLSA early", "a.test.", MX_TYPE_MX, NOERROR, MX_SECURE,
	  "an a.test. 300 MX w10 nmx.a.test.",
	  "A mx.a.test. AAAA mx.a.test. tlsa _25._tcp.mx.a.test." },
	{ "not known whether secure", "a.test.", MX_TYPE_MX, NOERROR,
	  MX_INDETERMINATE, "an a.test. 300 MX w10 nmx.a.test.",
	  "A mx.a.test. AAAA mx.a.test." },
	{ "bogus: nothing", "a.test.", MX_TYPE_MX, NOERROR, MX_BOGUS,
	  "an a.test. 300 MX w10 nmx.a.test.", "" },
	{ "by preference", "a.test.", MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an a.test. 300 MX w30 nc.test.; an a.test. 300 MX w10 na.test.; "
	  "an a.test. 300 MX w20 nb.test.",
	  "A a.test. AAAA a.test. A b.test. AAAA b.test. A c.test. AAAA c.test." },
	{ "named twice, in any case: the better preference", "a.test.",
	  MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an a.test. 300 MX w30 nC.test.; an a.test. 300 MX w20 nb.test.; "
	  "an a.test. 300 MX w10 nc.test.",
	  "A c.test. AAAA c.test. A b.test. AAAA b.test." },
	{ "named twice, the worse one last", "a.test.", MX_TYPE_MX, NOERROR,
	  MX_INSECURE, "an a.test. 300 MX w10 nc.test.; "
	  "an a.test. 300 MX w20 nb.test.; an a.test. 300 MX w30 nC.TEST.",
	  "A c.test. AAAA c.test. A b.test. AAAA b.test." },
	{ "in small letters", "a.test.", MX_TYPE_MX, NOERROR, MX_SECURE,
	  "an a.test. 300 MX w10 nMX.Other.Example.",
	  "A mx.other.example. AAAA mx.other.example. "
	  "tlsa _25._tcp.mx.other.example." },
	{ "eight exchanges, the best", "a.test.", MX_TYPE_MX, NOERROR,
	  MX_INSECURE,
	  "an a.test. 300 MX w9 nj.; an a.test. 300 MX w8 ni.; "
	  "an a.test. 300 MX w7 nh.; an a.test. 300 MX w6 ng.; "
	  "an a.test. 300 MX w5 nf.; an a.test. 300 MX w4 ne.; "
	  "an a.test. 300 MX w3 nd.; an a.test. 300 MX w2 nc.; "
	  "an a.test. 300 MX w1 nb.; an a.test. 300 MX w0 na.",
	  "A a. AAAA a. A b. AAAA b. A c. AAAA c. A d. AAAA d. "
	  "A e. AAAA e. A f. AAAA f. A g. AAAA g. A h. AAAA h." },
	{ "the same, best first", "a.test.", MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an a.test. 300 MX w0 na.; an a.test. 300 MX w1 nb.; "
	  "an a.test. 300 MX w2 nc.; an a.test. 300 MX w3 nd.; "
	  "an a.test. 300 MX w4 ne.; an a.test. 300 MX w5 nf.; "
	  "an a.test. 300 MX w6 ng.; an a.test. 300 MX w7 nh.; "
	  "an a.test. 300 MX w8 ni.; an a.test. 300 MX w9 nj.",
	  "A a. AAAA a. A b. AAAA b. A c. AAAA c. A d. AAAA d. "
	  "A e. AAAA e. A f. AAAA f. A g. AAAA g. A h. AAAA h." },
	{ "null MX", "a.test.", MX_TYPE_MX, NOERROR, MX_SECURE,
	  "an a.test. 300 MX w0 n.", "" },
	{ "null MX with another preference", "a.test.", MX_TYPE_MX, NOERROR,
	  MX_SECURE, "an a.test. 300 MX w10 n.", "" },
	{ "null MX among others", "a.test.", MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an a.test. 300 MX w0 n.; an a.test. 300 MX w10 nb.test.",
	  "A b.test. AAAA b.test." },
	{ "an address for an exchange: no DANE", "a.test.", MX_TYPE_MX, NOERROR,
	  MX_SECURE, "an a.test. 300 MX w10 n192.0.2.1.",
	  "A 192.0.2.1. AAAA 192.0.2.1." },
	{ "behind an alias", "a.test.", MX_TYPE_MX, NOERROR, MX_SECURE,
	  "an a.test. 300 CNAME nb.test.; an b.test. 300 CNAME nc.test.; "
	  "an c.test. 300 MX w10 nmx.c.test.",
	  "A mx.c.test. AAAA mx.c.test. tlsa _25._tcp.mx.c.test." },
	{ "behind a DNAME", "a.b.test.", MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an b.test. 300 DNAME nc.test.; an a.b.test. 300 CNAME na.c.test.; "
	  "an a.c.test. 300 MX w10 nmx.c.test.",
	  "A mx.c.test. AAAA mx.c.test." },
	{ "implicit MX", "a.test.", MX_TYPE_MX, NOERROR, MX_INSECURE, SOA,
	  "A a.test. AAAA a.test." },
	{ "implicit MX, secure", "a.test.", MX_TYPE_MX, NOERROR, MX_SECURE, SOA,
	  "A a.test. AAAA a.test. tlsa _25._tcp.a.test." },
	{ "implicit MX behind an alias: by the name the sender has", "a.test.",
	  MX_TYPE_MX, NOERROR, MX_INSECURE,
	  "an a.test. 300 CNAME nb.test.; " SOA, "A a.test. AAAA a.test." },
	{ "NXDOMAIN is final", "a.test.", MX_TYPE_MX, NXDOMAIN, MX_SECURE, SOA,
	  "" },
	{ "NXDOMAIN behind an alias", "a.test.", MX_TYPE_MX, NXDOMAIN,
	  MX_INSECURE, "an a.test. 300 CNAME nb.test.; " SOA, "" },
	{ "a secure address", "mx.test.", MX_TYPE_A, NOERROR, MX_SECURE,
	  "an mx.test. 300 A xc0000201", "TLSA _25._tcp.mx.test." },
	{ "likewise AAAA", "mx.test.", MX_TYPE_AAAA, NOERROR, MX_SECURE,
	  "an mx.test. 300 AAAA x20010db8000000000000000000000001",
	  "TLSA _25._tcp.mx.test." },
	{ "an insecure address", "mx.test.", MX_TYPE_A, NOERROR, MX_INSECURE,
	  "an mx.test. 300 A xc0000201", "" },
	{ "a bogus address", "mx.test.", MX_TYPE_A, NOERROR, MX_BOGUS,
	  "an mx.test. 300 A xc0000201", "" },
	{ "a secure address behind aliases: where they lead, then the exchange",
	  "mx.test.", MX_TYPE_A, NOERROR, MX_SECURE,
	  "an mx.test. 300 CNAME nb.test.; an b.test. 300 CNAME nC.test.; "
	  "an c.test. 300 A xc0000201",
	  "TLSA _25._tcp.c.test. TLSA _25._tcp.mx.test." },
	{ "an insecure address behind an alias: is the alias secure?",
	  "mx.test.", MX_TYPE_A, NOERROR, MX_INSECURE,
	  "an mx.test. 300 CNAME nb.test.; an b.test. 300 A xc0000201",
	  "CNAME mx.test." },
	{ "a secure alias", "mx.test.", MX_TYPE_CNAME, NOERROR, MX_SECURE,
	  "an mx.test. 300 CNAME nb.test.", "TLSA _25._tcp.mx.test." },
	{ "an insecure alias", "mx.test.", MX_TYPE_CNAME, NOERROR, MX_INSECURE,
	  "an mx.test. 300 CNAME nb.test.", "" },
	{ "no such address, secure", "mx.test.", MX_TYPE_AAAA, NOERROR,
	  MX_SECURE, SOA, "" },
	{ "no such exchange", "mx.test.", MX_TYPE_A, NXDOMAIN, MX_SECURE, SOA,
	  "" },
	{ "TLSA is the end", "_25._tcp.mx.test.", MX_TYPE_TLSA, NOERROR,
	  MX_SECURE, "an _25._tcp.mx.test. 300 TLSA x030101aa", "" },
	{ "any other type", "a.test.", MX_TYPE_TXT, NOERROR, MX_SECURE,
	  "an a.test. 300 TXT x0161", "" },
	{ "the longest name with a TLSA", LONG246, MX_TYPE_A, NOERROR,
	  MX_SECURE, "an " LONG246 " 300 A xc0000201",
	  "TLSA _25._tcp." LONG246 },
	{ "one octet longer", LONG247, MX_TYPE_A, NOERROR, MX_SECURE,
	  "an " LONG247 " 300 A xc0000201", "" },
	{ "an MX RRset in the answer to A is nobody's", "mx.test.", MX_TYPE_A,
	  NOERROR, MX_INSECURE,
	  "an mx.test. 300 A xc0000201; an mx.test. 300 MX w10 nx.test.", "" },
};

static void next_to_text(const struct mx_mail_question *next, unsigned count,
			 char *to)
{
	char type[16], name[MX_NAME_TEXT_MAX];

	*to = '\0';
	for (unsigned i = 0; i < count; i++) {
		mx_name_to_text(next[i].qname.octets, name);
		snprintf(type, sizeof type, "%s",
			 mx_type_text(next[i].qtype, type));
		for (char *c = type; next[i].early && *c; c++)
			*c |= 0x20;
		to += sprintf(to, "%s%s %s", i ? " " : "", type, name);
	}
}

static void each_answer(void **state)
{
	static struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_mail_question next[MX_MAIL_NEXT_MAX];
		char text[MX_MAIL_NEXT_MAX * (MX_NAME_TEXT_MAX + 8)];
		struct mx_name qname;
		struct mx_answer a;

		assert_int_equal(mx_name_from_text(cases[i].qname, &qname),
				 MX_OK);
		const struct mx_key key = { qname.octets, qname.len,
					    cases[i].qtype, MX_CLASS_IN };

		message_begin(&m, (uint16_t)cases[i].flags, cases[i].qname,
			      cases[i].qtype);
		message_rrs(&m, cases[i].rrs);
		message_end(&m);
		if (mx_ingest(m.octets, m.len, &key, cases[i].state, &limits,
			      ingest_room, &a) != MX_OK)
			fail_msg("%s: not accepted", cases[i].why);
		for (int full = 0; full < 2; full++) {
			const struct mx_mail_answer answer = {
				a.kind, a.state, full ? &a.full : &a.plain,
			};

			next_to_text(next, mx_mail_next(&key, &answer, &room,
							next), text);
			if (strcmp(text, cases[i].next) != 0)
				fail_msg("%s: %s", cases[i].why, text);
		}
	}
}

/* As mx_ingest would never write them. */
static const struct { const char *why, *rrs, *next; } broken[] = {
	{ "without its name", "an a.test. 300 MX w10; "
	  "an a.test. 300 MX w10 nb.test.", "A b.test. AAAA b.test." },
	{ "without anything", "an a.test. 300 MX; "
	  "an a.test. 300 MX w10 nb.test.", "A b.test. AAAA b.test." },
	{ "something behind its name", "an a.test. 300 MX w10 nb.test. x00; "
	  "an a.test. 300 MX w10 nc.test.", "A c.test. AAAA c.test." },
	{ "a pointer forwards", "an a.test. 300 MX w10 n@4000; "
	  "an a.test. 300 MX w10 nc.test.", "A c.test. AAAA c.test." },
	{ "a length past the end", "an a.test. 300 MX w10 nb.test.; "
	  "an a.test. 300 MX+9 w10 nc.test.", "A b.test. AAAA b.test." },
	{ "another class", "an a.test. 300 MX/3 w10 nb.test.", "" },
	{ "another owner", "an b.test. 300 MX w10 nb.test.", "" },
	{ "an alias without a target", "an a.test. 300 CNAME; "
	  "an a.test. 300 MX w10 nc.test.", "A c.test. AAAA c.test." },
	{ "an alias of itself", "an a.test. 300 CNAME na.test.; "
	  "an a.test. 300 MX w10 nc.test.", "A c.test. AAAA c.test." },
	{ "the wrong way round", "an b.test. 300 MX w10 nc.test.; "
	  "an a.test. 300 CNAME nb.test.", "" },
	{ "into the question", "an @12 300 MX w10 nmx@12",
	  "A mx.a.test. AAAA mx.a.test." },
};

static const uint8_t a_test[] = "\1a\4test"; /* and the root */
static const struct mx_key a_test_mx = { a_test, sizeof a_test, MX_TYPE_MX,
					 MX_CLASS_IN };

/* The RRs of m as a form: what follows its question. */
static struct mx_form form_of(const struct message *m)
{
	size_t body_at = MX_HEADER_LEN + sizeof a_test + 4;

	return (struct mx_form){ .octets = m->octets + body_at,
				 .len = (uint32_t)(m->len - body_at),
				 .ancount = m->counts[0] };
}

static void malformed(void **state)
{
	static struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct mx_mail_question next[MX_MAIL_NEXT_MAX];
		char text[MX_MAIL_NEXT_MAX * (MX_NAME_TEXT_MAX + 8)];

		message_begin(&m, NOERROR, "a.test.", MX_TYPE_MX);
		message_rrs(&m, broken[i].rrs);
		message_end(&m);
		const struct mx_form form = form_of(&m);
		const struct mx_mail_answer answer = { MX_ANSWER_POSITIVE,
						       MX_INSECURE, &form };

		next_to_text(next, mx_mail_next(&a_test_mx, &answer, &room,
						next), text);
		if (strcmp(text, broken[i].next) != 0)
			fail_msg("%s: %s", broken[i].why, text);
	}
}

/* Cut after every octet: an RR counts when all of it is there. */
static void cut_anywhere(void **state)
{
	static struct message m;
	struct mx_mail_question next[MX_MAIL_NEXT_MAX];

	(void)state;
	message_begin(&m, NOERROR, "a.test.", MX_TYPE_MX);
	message_rrs(&m, "an a.test. 300 MX w10 nb.test.; "
			"an a.test. 300 MX w20 nc.test.");
	message_end(&m);
	struct mx_form form = form_of(&m);
	const struct mx_mail_answer answer = { MX_ANSWER_POSITIVE, MX_SECURE,
					       &form };
	uint32_t len = form.len;

	for (uint32_t cut = 0; cut <= len; cut++) {
		/* In memory of that size, for the sanitizer to watch. */
		uint8_t *octets = malloc(cut + (cut == 0));

		assert_non_null(octets);
		memcpy(octets, m.octets + (m.len - len), cut);
		form.octets = octets;
		form.len = cut;
		assert_int_equal(mx_mail_next(&a_test_mx, &answer, &room, next),
				 3 * (cut / (len / 2)));
		free(octets);
	}
}

static void no_such_message(void **state)
{
	static uint8_t octets[MX_MESSAGE_MAX];
	struct mx_mail_question next[MX_MAIL_NEXT_MAX];
	struct mx_form form = { .octets = octets, .len = sizeof octets,
				.ancount = 65535 };
	struct mx_mail_answer answer = { MX_ANSWER_POSITIVE, MX_SECURE, &form };
	struct mx_key key = a_test_mx;

	(void)state;
	assert_int_equal(mx_mail_next(&key, &answer, &room, next), 0);
	form.len = 100; /* root names, types and classes of 0 */
	assert_int_equal(mx_mail_next(&key, &answer, &room, next), 0);
	answer.kind = MX_ANSWER_NODATA;
	assert_int_equal(mx_mail_next(&key, &answer, &room, next), 3);
	key.qclass = 3;
	assert_int_equal(mx_mail_next(&key, &answer, &room, next), 0);
	key = a_test_mx;
	answer.kind = MX_ANSWER_FAILURE;
	assert_int_equal(mx_mail_next(&key, &answer, &room, next), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer),
		cmocka_unit_test(malformed),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(no_such_message),
	};

	ingest_room = mx_ingest_room_new();
	int failed = cmocka_run_group_tests_name("mail_next", tests, NULL, NULL);
	mx_ingest_room_free(ingest_room);
	return failed;
}
