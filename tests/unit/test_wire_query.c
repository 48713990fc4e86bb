/* Queries: what is answered, what is refused and how, what is dropped.
 * Numbers in the reasons are RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_query.h"

/* Header with RD: questions, answers, authority, additional. */
#define H(qd, an, ns, ar) "1234 0100 " qd " " an " " ns " " ar " "
#define H1 H("0001", "0000", "0000", "0000")
#define HOPT H("0001", "0000", "0000", "0001")
#define NAME "026d78 00 " /* mx. */
#define MX_IN "000f 0001 "
#define Q NAME MX_IN
#define OPT(rdata) "00 0029 04d0 00000000 " rdata " "
#define NO_OPTIONS "0000"

enum has { NONE = 0, QUESTION = 1, EDNS = 2, BOTH = 3 };

static const struct query_case {
	const char *why, *hex;
	enum mx_query_result want;
	enum mx_error err;
	enum has has;
} cases[] = {
	/* Header. */
	{ "a question", H1 Q, MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "empty datagram", "", MX_QUERY_DROP, MX_E_SHORT, NONE },
	{ "11 octets", "1234 0100 0001 0000 0000 00", MX_QUERY_DROP,
	  MX_E_SHORT, NONE },
	{ "a response is never answered", "1234 8100 0001 0000 0000 0000" Q,
	  MX_QUERY_DROP, MX_E_RESPONSE, NONE },
	{ "a response with another opcode neither",
	  "1234 a900 0000 0000 0000 0000", MX_QUERY_DROP, MX_E_RESPONSE,
	  NONE },
	{ "opcode 1, header only", "1234 0900 0000 0000 0000 0000",
	  MX_QUERY_REFUSE, MX_E_OPCODE, NONE },
	{ "opcode 15, all flags", "1234 7fff 0001 0000 0000 0000" Q,
	  MX_QUERY_REFUSE, MX_E_OPCODE, QUESTION },
	{ "NOTIFY with the new SOA in the answer section, 1996",
	  "1234 2400 0001 0001 0000 0000 " NAME "0006 0001"
	  "c00c 0006 0001 00000000 0000", MX_QUERY_REFUSE, MX_E_OPCODE,
	  QUESTION },
	{ "UPDATE whose body is garbage",
	  "1234 2800 0001 ffff ffff ffff ffffffff", MX_QUERY_REFUSE,
	  MX_E_OPCODE, NONE },
	{ "another opcode with OPT gets OPT, 6891 7",
	  "1234 1000 0001 0000 0000 0001" Q OPT(NO_OPTIONS),
	  MX_QUERY_REFUSE, MX_E_OPCODE, BOTH },
	{ "no question", H("0000", "0000", "0000", "0000"), MX_QUERY_REFUSE,
	  MX_E_QDCOUNT, NONE },
	{ "no question, OPT with a cookie, 7873 5.4",
	  H("0000", "0000", "0000", "0001")
	  OPT("000c 000a 0008 0102030405060708"), MX_QUERY_REFUSE,
	  MX_E_COOKIE_ONLY, EDNS },
	{ "no question, a cookie, and octets behind it",
	  H("0000", "0000", "0000", "0001")
	  OPT("000c 000a 0008 0102030405060708") "00", MX_QUERY_REFUSE,
	  MX_E_QDCOUNT, EDNS },
	{ "no question, half a cookie", H("0000", "0000", "0000", "0001")
	  OPT("0008 000a 0004 01020304"), MX_QUERY_REFUSE, MX_E_QDCOUNT, EDNS },
	{ "two questions, 9619", H("0002", "0000", "0000", "0000") Q Q,
	  MX_QUERY_REFUSE, MX_E_QDCOUNT, NONE },
	{ "two questions and OPT", H("0002", "0000", "0000", "0001") Q Q
	  OPT(NO_OPTIONS), MX_QUERY_REFUSE, MX_E_QDCOUNT, EDNS },
	{ "65535 questions claimed", H("ffff", "0000", "0000", "0000") Q,
	  MX_QUERY_REFUSE, MX_E_QDCOUNT, NONE },
	{ "a record in the answer section",
	  H("0001", "0001", "0000", "0000") Q
	  "c00c 0001 0001 00000000 0004 7f000001", MX_QUERY_REFUSE,
	  MX_E_SECTION, QUESTION },
	{ "a record in the authority section",
	  H("0001", "0000", "0001", "0000") Q
	  "c00c 0001 0001 00000000 0004 7f000001", MX_QUERY_REFUSE,
	  MX_E_SECTION, QUESTION },
	{ "ARCOUNT claims more than there is", HOPT Q, MX_QUERY_REFUSE,
	  MX_E_SHORT, QUESTION },
	{ "Z, TC, AA and RA are ignored", "1234 07c0 0001 0000 0000 0000" Q,
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "an RCODE in a query is ignored", "1234 010f 0001 0000 0000 0000" Q,
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "RD=0", "1234 0000 0001 0000 0000 0000" Q, MX_QUERY_REFUSE,
	  MX_E_NOT_RECURSIVE, QUESTION },

	/* Question. */
	{ "256 octets of name", H1
	  "3f{63:61} 3f{63:61} 3f{63:61} 3e{62:61} 00" MX_IN,
	  MX_QUERY_REFUSE, MX_E_NAME_LONG, NONE },
	{ "255 octets of name", H1
	  "3f{63:61} 3f{63:61} 3f{63:61} 3d{61:61} 00" MX_IN,
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "octets that are not letters, 2181 11", H1 "06 002e5cff2001 00"
	  MX_IN, MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "the root", H1 "00 0002 0001", MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "label type 01", H1 "4100 00" MX_IN, MX_QUERY_REFUSE, MX_E_LABEL,
	  NONE },
	{ "label type 10", H1 "8000 00" MX_IN, MX_QUERY_REFUSE, MX_E_LABEL,
	  NONE },
	{ "pointer to itself", H1 "c00c" MX_IN, MX_QUERY_REFUSE,
	  MX_E_POINTER, NONE },
	{ "pointer forward", H1 "c010" MX_IN "00", MX_QUERY_REFUSE,
	  MX_E_POINTER, NONE },
	{ "pointer into the header", H1 "c000" MX_IN, MX_QUERY_REFUSE,
	  MX_E_POINTER, NONE },
	{ "pointer that would be right", H1 "026d78 c00c" MX_IN,
	  MX_QUERY_REFUSE, MX_E_POINTER, NONE },
	{ "no root label", H1 "026d78", MX_QUERY_REFUSE, MX_E_SHORT, NONE },
	{ "no QTYPE", H1 NAME, MX_QUERY_REFUSE, MX_E_SHORT, NONE },
	{ "no QCLASS", H1 NAME "000f", MX_QUERY_REFUSE, MX_E_SHORT, NONE },
	{ "half a QCLASS", H1 NAME "000f 00", MX_QUERY_REFUSE, MX_E_SHORT,
	  NONE },
	{ "an octet behind the question", H1 Q "00", MX_QUERY_REFUSE,
	  MX_E_TRAILING, QUESTION },
	{ "a second question that is not counted", H1 Q Q, MX_QUERY_REFUSE,
	  MX_E_TRAILING, QUESTION },
	{ "an octet behind the OPT", HOPT Q OPT(NO_OPTIONS) "00",
	  MX_QUERY_REFUSE, MX_E_TRAILING, BOTH },
	{ "class CH", H1 NAME "0010 0003", MX_QUERY_REFUSE, MX_E_QCLASS,
	  QUESTION },
	{ "class HS", H1 NAME "0010 0004", MX_QUERY_REFUSE, MX_E_QCLASS,
	  QUESTION },
	{ "class NONE", H1 NAME "0010 00fe", MX_QUERY_REFUSE, MX_E_QCLASS,
	  QUESTION },
	{ "class ANY", H1 NAME "0010 00ff", MX_QUERY_REFUSE, MX_E_QCLASS,
	  QUESTION },
	{ "class 0", H1 NAME "0010 0000", MX_QUERY_REFUSE, MX_E_QCLASS,
	  QUESTION },
	{ "class CH outranks a QTYPE", H1 NAME "00f9 0003", MX_QUERY_REFUSE,
	  MX_E_QCLASS, QUESTION },
	{ "unknown type 666, 3597", H1 NAME "029a 0001", MX_QUERY_ANSWER,
	  MX_OK, QUESTION },
	{ "unknown type 65280", H1 NAME "ff00 0001", MX_QUERY_ANSWER, MX_OK,
	  QUESTION },
	{ "QTYPE ANY is for the caller", H1 NAME "00ff 0001",
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "QTYPE RRSIG", H1 NAME "002e 0001", MX_QUERY_ANSWER, MX_OK,
	  QUESTION },
	{ "QTYPE 0", H1 NAME "0000 0001", MX_QUERY_REFUSE, MX_E_QTYPE,
	  QUESTION },
	{ "QTYPE OPT", H1 NAME "0029 0001", MX_QUERY_REFUSE, MX_E_QTYPE,
	  QUESTION },
	{ "QTYPE TKEY", H1 NAME "00f9 0001", MX_QUERY_REFUSE, MX_E_QTYPE,
	  QUESTION },
	{ "QTYPE TSIG", H1 NAME "00fa 0001", MX_QUERY_REFUSE, MX_E_QTYPE,
	  QUESTION },
	{ "QTYPE 128, the first that is of no RRset, 6895 3.1",
	  H1 NAME "0080 0001", MX_QUERY_REFUSE, MX_E_QTYPE, QUESTION },
	{ "QTYPE 127", H1 NAME "007f 0001", MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "QTYPE 256", H1 NAME "0100 0001", MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "QTYPE AXFR", H1 NAME "00fc 0001", MX_QUERY_REFUSE, MX_E_TRANSFER,
	  QUESTION },
	{ "QTYPE MAILB", H1 NAME "00fd 0001", MX_QUERY_REFUSE,
	  MX_E_TRANSFER, QUESTION },
	{ "QTYPE MAILA", H1 NAME "00fe 0001", MX_QUERY_REFUSE,
	  MX_E_TRANSFER, QUESTION },
	{ "QTYPE IXFR", H1 NAME "00fb 0001", MX_QUERY_REFUSE, MX_E_TRANSFER,
	  QUESTION },
	{ "IXFR with its SOA, 1995 3", H("0001", "0000", "0001", "0000")
	  NAME "00fb 0001 c00c 0006 0001 00000000 0016 00 00 {20:00}",
	  MX_QUERY_REFUSE, MX_E_TRANSFER, QUESTION },
	{ "IXFR with a record in the answer section",
	  H("0001", "0001", "0000", "0000")
	  NAME "00fb 0001 c00c 0006 0001 00000000 0000", MX_QUERY_REFUSE,
	  MX_E_SECTION, QUESTION },

	/* EDNS. */
	{ "OPT", HOPT Q OPT(NO_OPTIONS), MX_QUERY_ANSWER, MX_OK, BOTH },
	{ "version 1", HOPT Q "00 0029 04d0 00010000 0000", MX_QUERY_REFUSE,
	  MX_E_BADVERS, BOTH },
	{ "version 255 with DO, Z and an unknown option",
	  HOPT Q "00 0029 04d0 00ffffff 0006 fde9 0002 abcd",
	  MX_QUERY_REFUSE, MX_E_BADVERS, BOTH },
	{ "version 1 whose RDATA need not be options",
	  HOPT Q "00 0029 04d0 00010000 0003 000000", MX_QUERY_REFUSE,
	  MX_E_BADVERS, BOTH },
	{ "version outranks QTYPE and RD", "1234 0000 0001 0000 0000 0001"
	  NAME "0000 0001 00 0029 04d0 00010000 0000", MX_QUERY_REFUSE,
	  MX_E_BADVERS, BOTH },
	{ "extended RCODE in a query is ignored",
	  HOPT Q "00 0029 04d0 ff000000 0000", MX_QUERY_ANSWER, MX_OK, BOTH },
	{ "unknown flags are ignored", HOPT Q "00 0029 04d0 00007fff 0000",
	  MX_QUERY_ANSWER, MX_OK, BOTH },
	{ "two OPTs, 6891 6.1.1", H("0001", "0000", "0000", "0002") Q
	  OPT(NO_OPTIONS) OPT(NO_OPTIONS), MX_QUERY_REFUSE, MX_E_OPT, BOTH },
	{ "owner that is not the root", HOPT Q
	  "0161 00 0029 04d0 00000000 0000", MX_QUERY_REFUSE, MX_E_OPT,
	  QUESTION },
	{ "owner that points to a root label", HOPT Q
	  "c00f 0029 04d0 00000000 0000", MX_QUERY_REFUSE, MX_E_OPT,
	  QUESTION },
	{ "OPT in the answer section", H("0001", "0001", "0000", "0000") Q
	  OPT(NO_OPTIONS), MX_QUERY_REFUSE, MX_E_SECTION, QUESTION },
	{ "OPT in the authority section of an IXFR",
	  H("0001", "0000", "0001", "0000") NAME "00fb 0001" OPT(NO_OPTIONS),
	  MX_QUERY_REFUSE, MX_E_OPT, QUESTION },
	{ "OPT behind another record", H("0001", "0000", "0000", "0002") Q
	  "c00c 0001 0001 00000000 0004 7f000001" OPT(NO_OPTIONS),
	  MX_QUERY_ANSWER, MX_OK, BOTH },
	{ "OPT before another record", H("0001", "0000", "0000", "0002") Q
	  OPT(NO_OPTIONS) "c00c 029a 0001 00000000 0000", MX_QUERY_ANSWER,
	  MX_OK, BOTH },
	{ "a record without OPT", HOPT Q "c00c 029a 0001 00000000 0000",
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	/* As long as the usual query, and something else. */
	{ "no root before TYPE OPT", HOPT Q "05 0029 04d0 00000000 0000",
	  MX_QUERY_REFUSE, MX_E_SHORT, QUESTION },
	{ "another type where OPT is usual", HOPT Q "00 0001 0001 00000000 0000",
	  MX_QUERY_ANSWER, MX_OK, QUESTION },
	{ "RDLENGTH where there is nothing", HOPT Q "00 0029 04d0 00000000 0100",
	  MX_QUERY_REFUSE, MX_E_SHORT, QUESTION },
	{ "an OPT behind a question that claims none",
	  H1 Q "00 0029 04d0 00000000 0000", MX_QUERY_REFUSE, MX_E_TRAILING,
	  QUESTION },
	{ "a root label too early", H1 "026d78 00 00" MX_IN, MX_QUERY_REFUSE,
	  MX_E_TRAILING, QUESTION },
	{ "a label over the end of QNAME", H1 "036d78 00" MX_IN,
	  MX_QUERY_REFUSE, MX_E_SHORT, NONE },
	{ "a label of 64", H1 "40 {64:61} 00" MX_IN, MX_QUERY_REFUSE,
	  MX_E_LABEL, NONE },
	{ "a pointer where QNAME is to end", H1 "026d78 c00c" MX_IN,
	  MX_QUERY_REFUSE, MX_E_POINTER, NONE },
	{ "TSIG: there are no keys, 8945 5.2",
	  H("0001", "0000", "0000", "0002") Q OPT(NO_OPTIONS)
	  "016b00 00fa 00ff 00000000 0000", MX_QUERY_REFUSE, MX_E_TSIG,
	  BOTH },
	{ "RDLENGTH beyond the message", HOPT Q OPT("0001"),
	  MX_QUERY_REFUSE, MX_E_SHORT, QUESTION },
	{ "an empty option", HOPT Q OPT("0004 fde9 0000"), MX_QUERY_ANSWER,
	  MX_OK, BOTH },
	{ "an option beyond RDLENGTH", HOPT Q OPT("0004 fde9 0001"),
	  MX_QUERY_REFUSE, MX_E_OPT, QUESTION },
	{ "an option of 65535 octets", HOPT Q OPT("0004 fde9 ffff"),
	  MX_QUERY_REFUSE, MX_E_OPT, QUESTION },
	{ "half an option", HOPT Q OPT("0003 fde9 00"), MX_QUERY_REFUSE,
	  MX_E_OPT, QUESTION },
	{ "an octet behind the last option", HOPT Q
	  OPT("0005 fde9 0000 00"), MX_QUERY_REFUSE, MX_E_OPT, QUESTION },
	{ "an option that hides another: only the outer one counts", HOPT Q
	  OPT("000c fde9 0008 000a 0004 00000000"), MX_QUERY_ANSWER, MX_OK,
	  BOTH },
	{ "cookie, padding, keepalive, ECS, NSID twice", HOPT Q
	  OPT("002a 000a 0008 0102030405060708 000c 0002 0000 000b 0000"
	      "0008 0008 0001 1800 7f0000 00 0003 0000 0003 0000"),
	  MX_QUERY_ANSWER, MX_OK, BOTH },
};

static void check_fields(const struct query_case *c, const struct mx_query *q,
			 const uint8_t *msg)
{
	if ((q->question != NULL) != ((c->has & QUESTION) != 0))
		fail_msg("%s: question", c->why);
	if (q->has_opt != ((c->has & EDNS) != 0))
		fail_msg("%s: OPT", c->why);
	if (q->question != NULL) {
		assert_ptr_equal(q->question, msg + MX_HEADER_LEN);
		assert_int_equal(q->question_len, q->qname_len + 4);
	}
	if (!q->has_opt)
		assert_int_equal(q->udp_size, 512);
	if (c->want != MX_QUERY_DROP)
		assert_int_equal(q->id, 0x1234);
}

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct query_case *c = &cases[i];
		uint8_t msg[600];
		size_t len = hex_read(c->hex, msg, sizeof msg);
		struct mx_query q;
		enum mx_error err;
		enum mx_query_result result = mx_query_read(msg, len, &q, &err);

		if (result != c->want || err != c->err)
			fail_msg("%s: %d, %s", c->why, result,
				 mx_error_text(err));
		check_fields(c, &q, msg);
	}
}

/* What is answered must not be when cut; and cutting makes it a format error,
 * never a refusal that a mail server may take as permanent. */
static void truncation_ladder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t msg[600];
		size_t len = hex_read(cases[i].hex, msg, sizeof msg);

		if (cases[i].want != MX_QUERY_ANSWER)
			continue;
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = malloc(cut + 1);
			struct mx_query q;
			enum mx_error err;

			memcpy(copy, msg, cut);
			enum mx_query_result result =
				mx_query_read(copy, cut, &q, &err);
			if (result != (cut < MX_HEADER_LEN ?
					       MX_QUERY_DROP :
					       MX_QUERY_REFUSE))
				fail_msg("%s cut at %zu", cases[i].why, cut);
			assert_int_equal(mx_error_rcode(err),
					 MX_RCODE_FORMERR);
			free(copy);
		}
	}
}

static struct mx_query read_hex(const char *hex, enum mx_error *ret_err)
{
	static uint8_t msg[65535];
	struct mx_query q;

	mx_query_read(msg, hex_read(hex, msg, sizeof msg), &q, ret_err);
	return q;
}

static bool well_formed(enum mx_error err)
{
	return err == MX_OK || err == MX_E_BADVERS || err == MX_E_QCLASS ||
	       err == MX_E_TRANSFER || err == MX_E_QTYPE ||
	       err == MX_E_NOT_RECURSIVE;
}

/* An RR more, which is ignored, keeps a query from the short way: the long one
 * must say the same of it. */
static void long_way_says_the_same(void **state)
{
	static const uint8_t rr[] = { 0, 0, MX_TYPE_A, 0, 1, 0, 0, 0, 0, 0, 0 };
	unsigned compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t msg[1024];
		size_t len = hex_read(cases[i].hex, msg, sizeof msg - sizeof rr);
		struct mx_query q, again;
		enum mx_error err, again_err;
		enum mx_query_result result = mx_query_read(msg, len, &q, &err);

		if (!well_formed(err))
			continue;
		memcpy(msg + len, rr, sizeof rr);
		msg[11]++;
		if (mx_query_read(msg, len + sizeof rr, &again, &again_err) !=
			    result || again_err != err)
			fail_msg("%s", cases[i].why);
		check_fields(&cases[i], &again, msg);
		assert_int_equal(again.qtype, q.qtype);
		assert_int_equal(again.udp_size, q.udp_size);
		assert_int_equal(again.dnssec_ok, q.dnssec_ok);
		compared++;
	}
	assert_in_range(compared, 20, 1000);
}

static void flags_and_edns_fields(void **state)
{
	(void)state;
	enum mx_error err;
	struct mx_query q = read_hex("abcd 0100 0001 0000 0000 0000" Q, &err);

	assert_int_equal(q.id, 0xabcd);
	assert_true(q.rd && !q.ad && !q.cd && !q.dnssec_ok);
	assert_int_equal(q.qname_len, 4);
	assert_int_equal(q.qtype, MX_TYPE_MX);
	assert_int_equal(q.qclass, MX_CLASS_IN);

	q = read_hex("abcd 0020 0001 0000 0000 0000" Q, &err);
	assert_true(!q.rd && q.ad && !q.cd);
	q = read_hex("abcd 0010 0001 0000 0000 0000" Q, &err);
	assert_true(!q.rd && !q.ad && q.cd);
	q = read_hex("abcd 2800 0001 0000 0000 0000" Q, &err);
	assert_int_equal(q.opcode, 5);

	q = read_hex(HOPT Q "00 0029 1000 00008000 0000", &err);
	assert_int_equal(err, MX_OK);
	assert_true(q.dnssec_ok);
	assert_int_equal(q.udp_size, 4096);
	assert_int_equal(q.edns_version, 0);
	q = read_hex(HOPT Q "00 0029 0001 00007fff 0000", &err);
	assert_false(q.dnssec_ok);
	assert_int_equal(q.udp_size, 1); /* as sent: the front knows better */
	q = read_hex(HOPT Q "00 0029 ffff 00a30000 0000", &err);
	assert_int_equal(q.edns_version, 0xa3);
}

/* A TCP message full of options: 16,373 of them, each read once. */
static void many_empty_options(void **state)
{
	(void)state;
	static uint8_t msg[65535];
	struct mx_out out;
	struct mx_query q;
	enum mx_error err;
	size_t rdlength_at;

	mx_out_init(&out, msg, sizeof msg);
	out.at += hex_read(HOPT Q "00 0029 04d0 00000000", msg, sizeof msg);
	rdlength_at = mx_out_len(&out);
	mx_out_u16(&out, 0);
	while (mx_out_len(&out) + 4 <= sizeof msg)
		mx_out_u32(&out, 0xfde90000);
	mx_out_patch_u16(&out, rdlength_at,
			 (uint16_t)(mx_out_len(&out) - rdlength_at - 2));
	assert_int_equal(mx_query_read(msg, mx_out_len(&out), &q, &err),
			 MX_QUERY_ANSWER);
	assert_true(q.has_opt);
}

static void key_is_lower_case(void **state)
{
	(void)state;
	enum mx_error err;
	uint8_t room[MX_NAME_MAX];
	struct mx_query q = read_hex(H1 "03 4d5b7a 02 585f 00 0034 0001",
				     &err);
	struct mx_key key = mx_query_key(&q, room);

	assert_int_equal(err, MX_OK);
	assert_ptr_equal(key.qname, room);
	assert_int_equal(key.qname_len, 8);
	assert_memory_equal(key.qname, "\3m[z\2x_\0", 8);
	assert_memory_equal(q.question, "\3M[z\2X_\0\0\x34\0\1", 12);
	assert_int_equal(key.qtype, MX_TYPE_TLSA);
	assert_int_equal(key.qclass, MX_CLASS_IN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(truncation_ladder),
		cmocka_unit_test(long_way_says_the_same),
		cmocka_unit_test(flags_and_edns_fields),
		cmocka_unit_test(many_empty_options),
		cmocka_unit_test(key_is_lower_case),
	};

	return cmocka_run_group_tests_name("wire_query", tests, NULL, NULL);
}
