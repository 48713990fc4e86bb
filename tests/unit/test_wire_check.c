/* Answers that come from outside of the process: what mx_ingest could have
 * made passes, cut or changed it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_ede.h"
#include "mx_ingest.h"

#define TTL_MAX_S 86400u
#define QNAME "046d61696c 076578616d706c65 00" /* mail.example., at 12 */
#define BODY_AT 30u

/* Pieces of bodies; TTL 300. */
#define A1 "c00c 0001 0001 0000012c 0004 c0000201 "
#define MX(pref, name, len) "c00c 000f 0001 0000012c " len pref " " name " "
#define MX1 MX("000a", "026d31 c00c", "0007 ")
#define MX2 MX("0014", "026d32 c00c", "0007 ")
#define MX3 MX("001e", "026d33 c011", "0007 ")
#define SIG "c00c 002e 0001 0000012c 0020 000f 0d 02 0000012c 77359400 " \
	"713fb300 1267 076578616d706c6500 aabbccddee "

static struct mx_check_room room;

struct vector {
	const char *why;
	enum mx_answer_kind kind;
	enum mx_validation state;
	uint32_t ttl_s;
	uint16_t ancount, nscount, turn_at, turn_count;
	const char *octets;
	enum mx_error want;
};

#define POS MX_ANSWER_POSITIVE
#define OK MX_OK
#define BAD MX_E_MALFORMED

static const struct vector vectors[] = {
	{ "an address", POS, MX_INSECURE, 300, 1, 0, 0, 0, A1, OK },
	{ "three exchanges that turn, signed", POS, MX_SECURE, 300, 4, 0, 0, 3,
	  MX1 MX2 MX3 SIG, OK },
	{ "an alias and what it points to", POS, MX_INSECURE, 300, 2, 0, 0, 0,
	  "c00c 0005 0001 0000012c 0006 0377 7777 c011 "
	  "c02a 0001 0001 0000012c 0004 c0000201", OK },
	{ "a denial", MX_ANSWER_NXDOMAIN, MX_SECURE, 300, 0, 1, 0, 0,
	  "c011 0006 0001 0000012c 0020 026e73c011 04686f7374c011 "
	  "00000001 00000002 00000003 00000004 00000005", OK },
	{ "nothing", MX_ANSWER_NODATA, MX_INSECURE, 60, 0, 0, 0, 0, "", OK },
	{ "bogus, with TTL 0", POS, MX_BOGUS, 1, 1, 0, 0, 0,
	  "c00c 0001 0001 00000000 0004 c0000201", OK },
	{ "a type that nobody knows", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c ff00 0001 0000012c 0003 c00c05", OK },
	{ "an owner in full", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "0161 00 0001 0001 0000012c 0004 c0000201", OK },

	{ "lives longer than its RRs", POS, MX_INSECURE, 301, 1, 0, 0, 0, A1, BAD },
	{ "lives for ever", POS, MX_BOGUS, TTL_MAX_S + 1, 1, 0, 0, 0, A1, BAD },
	{ "lives not at all", POS, MX_INSECURE, 0, 1, 0, 0, 0, A1, BAD },
	{ "TTL past the cap", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c 0001 0001 00015181 0004 c0000201", BAD },
	{ "class CH", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c 0001 0003 0000012c 0004 c0000201", BAD },
	{ "positive without an answer", POS, MX_INSECURE, 300, 0, 1, 0, 0, A1, BAD },
	{ "a failure", MX_ANSWER_FAILURE, MX_INSECURE, 300, 1, 0, 0, 0, A1, BAD },
	{ "an address of five octets", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c 0001 0001 0000012c 0005 c000020101", BAD },
	{ "an exchange and an octet", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c 000f 0001 0000012c 0005 000a c00c 00", BAD },
	{ "a pointer to itself", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c01e 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer ahead", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c020 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer into the header", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c004 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer into a label", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00d 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer to QTYPE", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c01a 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer to a TTL", POS, MX_INSECURE, 300, 2, 0, 0, 0,
	  A1 "c024 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer where RRSIG has none", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "c00c 002e 0001 0000012c 0014 000f 0d 02 0000012c 77359400 713fb300 "
	  "1267 c00c", BAD },
	{ "a label of a reserved type", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "4161 00 0001 0001 0000012c 0004 c0000201", BAD },
	{ "a name of 256 octets", POS, MX_INSECURE, 300, 1, 0, 0, 0,
	  "3f {63:61} 3f {63:61} 3f {63:61} 31 {49:61} c00c "
	  "0001 0001 0000012c 0004 c0000201", BAD },
	{ "a pointer to what turns", POS, MX_INSECURE, 300, 3, 0, 0, 2,
	  MX1 MX2 "c02c 0001 0001 0000012c 0004 c0000201", BAD },
	{ "the same, which does not turn", POS, MX_INSECURE, 300, 3, 0, 0, 0,
	  MX1 MX2 "c02c 0001 0001 0000012c 0004 c0000201", OK },
	{ "turns that point to each other", POS, MX_INSECURE, 300, 2, 0, 0, 2,
	  MX1 MX("0014", "c02c", "0004"), BAD },
	{ "turns more than there are", POS, MX_INSECURE, 300, 2, 0, 0, 3, MX1 MX2, BAD },
	{ "turns from the middle of one", POS, MX_INSECURE, 300, 3, 0, 1, 2,
	  MX1 MX2 MX3, BAD },
	{ "turns past the end", POS, MX_INSECURE, 300, 3, 0, 999, 2, MX1 MX2 MX3, BAD },
	{ "turns into the authority section", POS, MX_INSECURE, 300, 1, 1, 0, 2,
	  MX1 MX2, BAD },
	{ "turns with an owner in full", POS, MX_INSECURE, 300, 2, 0, 0, 2,
	  "00 000f 0001 0000012c 0004 000a c00c 00 000f 0001 0000012c 0004 0014 c00c",
	  BAD },
	{ "one RR less", POS, MX_INSECURE, 300, 1, 0, 0, 0, MX1 MX2, BAD },
	{ "one RR more", POS, MX_INSECURE, 300, 3, 0, 0, 0, MX1 MX2, BAD },
	{ "TTLs where there are no RRs", POS, MX_INSECURE, 300, 1, 0, 0, 0, "", BAD },
};

struct made {
	uint8_t qname[MX_NAME_MAX], octets[2000];
	uint16_t ttl_at[16];
	struct mx_key key;
	struct mx_answer answer;
};

/* Where the TTLs are, as far as RRs can be told from each other. */
static void find_ttls(struct made *m)
{
	struct mx_form *form = &m->answer.plain;
	size_t at = 0;

	while (form->ttl_count < form->ancount + form->nscount) {
		while (at < form->len && m->octets[at] > 0 && m->octets[at] < 64)
			at += m->octets[at] + 1u;
		if (at < form->len && (m->octets[at] == 0 || m->octets[at] >= 0xc0))
			at += m->octets[at] == 0 ? 1 : 2;
		m->ttl_at[form->ttl_count++] = (uint16_t)(at + 4);
		at += 10;
		if (at <= form->len)
			at += (size_t)m->octets[at - 2] << 8 | m->octets[at - 1];
	}
}

static void make(struct made *m, const struct vector *v)
{
	struct mx_answer *a = &m->answer;

	memset(m, 0, sizeof *m);
	m->key = (struct mx_key){ m->qname, 0, MX_TYPE_MX, MX_CLASS_IN };
	m->key.qname_len = (uint8_t)hex_read(QNAME, m->qname, sizeof m->qname);
	*a = (struct mx_answer){
		.kind = v->kind, .state = v->state, .ttl_s = v->ttl_s,
		.rcode = v->kind == MX_ANSWER_NXDOMAIN ? MX_RCODE_NXDOMAIN : 0,
		.ede = MX_EDE_NONE, .why = "",
	};
	a->plain = (struct mx_form){
		.octets = m->octets, .ttl_at = m->ttl_at,
		.len = (uint32_t)hex_read(v->octets, m->octets, sizeof m->octets),
		.ancount = v->ancount, .nscount = v->nscount,
		.turn_at = v->turn_at, .turn_count = v->turn_count,
	};
	find_ttls(m);
	a->full = a->plain;
}

static enum mx_error check(const struct made *m)
{
	return mx_answer_check(&m->key, &m->answer, TTL_MAX_S, &room);
}

static void each(void **state)
{
	struct made m;

	(void)state;
	for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		make(&m, &vectors[i]);
		if (check(&m) != vectors[i].want)
			fail_msg("%s: %s", vectors[i].why,
				 mx_error_text(check(&m)));
	}
}

/* What passes, cut at each octet, does not; nor with an octet more. */
static void truncation_ladder(void **state)
{
	struct made m;

	(void)state;
	for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		if (vectors[i].want != OK)
			continue;
		make(&m, &vectors[i]);
		uint32_t len = m.answer.plain.len;
		/* In a block of its own, so that a sanitizer sees the end. */
		for (uint32_t cut = 0; cut < len; cut++) {
			uint8_t *block = malloc(cut + 1);

			memcpy(block, m.octets, cut);
			m.answer.plain.octets = block;
			m.answer.plain.len = cut;
			m.answer.full = m.answer.plain;
			assert_int_equal(check(&m), BAD);
			free(block);
		}
		m.answer.plain.octets = m.octets;
		m.answer.plain.len = len + 1;
		m.answer.full = m.answer.plain;
		assert_int_equal(check(&m), BAD);
	}
}

static void offsets_of_ttls(void **state)
{
	struct made m;

	(void)state;
	for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		if (vectors[i].want != OK)
			continue;
		make(&m, &vectors[i]);
		for (unsigned rr = 0; rr < m.answer.plain.ttl_count; rr++) {
			for (unsigned bit = 0; bit < 16; bit++) {
				m.ttl_at[rr] ^= (uint16_t)(1u << bit);
				assert_int_equal(check(&m), BAD);
				m.ttl_at[rr] ^= (uint16_t)(1u << bit);
			}
		}
		assert_int_equal(check(&m), OK);
		m.answer.plain.arcount = 1;
		assert_int_equal(check(&m), BAD);
	}
}

static void keys(void **state)
{
	static const struct {
		const char *why, *qname;
		uint16_t qclass;
		enum mx_error want;
	} cases[] = {
		{ "as it should be", QNAME, 1, OK },
		{ "the root", "00", 1, BAD }, /* what A1 points to is no name then */
		{ "upper case", "044d61696c 076578616d706c65 00", 1, BAD },
		{ "class CH", QNAME, 3, BAD },
		{ "no end", "046d61696c", 1, BAD },
		{ "two ends", QNAME "00", 1, BAD },
		{ "a pointer", "046d61696c c00c", 1, BAD },
		{ "nothing", "", 1, BAD },
	};
	struct made m;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		make(&m, &vectors[1]);
		m.key.qname_len = (uint8_t)hex_read(cases[i].qname, m.qname,
						    sizeof m.qname);
		m.key.qclass = cases[i].qclass;
		assert_int_equal(check(&m), cases[i].want);
	}
}

static void both_forms(void **state)
{
	struct made m, full;

	(void)state;
	make(&m, &vectors[0]);
	make(&full, &vectors[1]);
	m.answer.full = full.answer.plain;
	assert_int_equal(check(&m), OK);
	full.octets[2] ^= 0xff; /* a type: its RDATA may be anything */
	full.octets[5] ^= 2;	/* but its class not */
	assert_int_equal(check(&m), BAD);
	make(&m, &vectors[0]);
	m.answer.rcode = MX_RCODE_NXDOMAIN;
	assert_int_equal(check(&m), BAD);
	m.answer.plain.len = MX_MESSAGE_MAX - BODY_AT + 1;
	m.answer.rcode = 0;
	assert_int_equal(check(&m), MX_E_TOO_BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(truncation_ladder),
		cmocka_unit_test(offsets_of_ttls),
		cmocka_unit_test(keys),
		cmocka_unit_test(both_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
