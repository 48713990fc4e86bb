/* mx_query.h - a client's query, checked (RFC 1035, 6891, 8906, 9619).
 *
 * Pure. The result borrows from the message.
 */
#ifndef MX_QUERY_H
#define MX_QUERY_H

#include "mx_wire.h"

#define MX_OPT_LEN 11	       /* OPT RR without options */
#define MX_UDP_PLAIN_MAX 512u  /* without EDNS, and the least with it */

struct mx_query {
	uint16_t id;
	uint8_t opcode;
	bool rd, cd, ad;

	/* Question. question is NULL if none could be read; the reply then
	 * has QDCOUNT 0. It is the octets to be echoed: QNAME as it came,
	 * QTYPE, QCLASS. */
	const uint8_t *question;
	uint16_t question_len;
	uint8_t qname_len;
	uint16_t qtype, qclass;

	/* OPT, RFC 6891 section 6.1.2. has_opt is true as soon as one
	 * well-formed OPT was read, even if the query is refused later:
	 * the reply then carries one too (section 7). */
	bool has_opt, dnssec_ok;
	uint8_t edns_version;
	uint16_t udp_size; /* as sent; MX_UDP_PLAIN_MAX without OPT */
};

enum mx_query_result {
	MX_QUERY_ANSWER,  /* well-formed: look it up */
	MX_QUERY_REFUSE,  /* reply with the RCODE of *ret_err */
	MX_QUERY_DROP,	  /* no reply: shorter than a header, or QR=1 */
};

/* Order of checks: header; opcode (NOTIMP whatever the rest is); QDCOUNT;
 * empty ANCOUNT and NSCOUNT (IXFR may have its SOA); question; additional
 * section with OPT; trailing octets; EDNS version (BADVERS); then QCLASS,
 * QTYPE and RD, which may be refused. *ret is always filled as far as the
 * message could be read, also when an earlier check failed; *ret_err is MX_OK
 * for MX_QUERY_ANSWER. QTYPE ANY is an ANSWER: the caller serves RFC 8482.
 *
 * The additional section: OPT may stand anywhere in it. TSIG is FORMERR: no
 * keys are shared with anyone, an answer without a signature would be thrown
 * away by the client that signed, and NOTAUTH with BADKEY (RFC 8945 section
 * 5.2.1) needs a TSIG in the reply. Other RRs are ignored.
 *
 * Of EDNS options only the lengths are checked, against the RDATA; what is in
 * a COOKIE, KEEPALIVE or PADDING option is for who serves that option. For an
 * unknown EDNS version not even the lengths: BADVERS tells more. */
enum mx_query_result mx_query_read(const uint8_t *msg, size_t len,
				   struct mx_query *ret,
				   enum mx_error *ret_err);

/* The key to look up: QNAME copied to room in lower case. Only after
 * MX_QUERY_ANSWER. */
struct mx_key mx_query_key(const struct mx_query *q,
			   uint8_t room[MX_NAME_MAX]);

#endif
