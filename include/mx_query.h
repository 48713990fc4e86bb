/* mx_query.h - a client's query, checked (RFC 1035, 6891, 7828, 7873, 8906, 9619).
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

	/* Options for which a reply may have something: MX_ASKS_ bits. cookie
	 * points into the message: 8 octets of the client's, then none or 8 to
	 * 32 of a server's (RFC 7873 section 4). */
	uint8_t asks, cookie_len;
	const uint8_t *cookie;
};

#define MX_ASKS_COOKIE 1u
#define MX_ASKS_NSID 2u		   /* RFC 5001 */
#define MX_ASKS_KEEPALIVE 4u	   /* RFC 7828 */
#define MX_ASKS_KEEPALIVE_TIMED 8u /* the same with a TIMEOUT: an error over
				      TCP, nothing over UDP (section 3.2.1) */

#define MX_COOKIE_CLIENT_LEN 8u
#define MX_COOKIE_MAX 40u

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
 * Of EDNS options only the lengths are checked, against the RDATA, and that of a
 * COOKIE by itself; of several COOKIEs the first counts and the others are not
 * looked at. What is in an option is for who serves it. For an unknown EDNS
 * version not even the lengths: BADVERS tells more.
 *
 * No question but a COOKIE is MX_E_COOKIE_ONLY, whose RCODE is NOERROR (RFC 7873
 * section 5.4). */
enum mx_query_result mx_query_read(const uint8_t *msg, size_t len,
				   struct mx_query *ret,
				   enum mx_error *ret_err);

/* The key to look up: QNAME copied to room in lower case. Only after
 * MX_QUERY_ANSWER. */
struct mx_key mx_query_key(const struct mx_query *q,
			   uint8_t room[MX_NAME_MAX]);

#endif
