/* mx_error.h - every way a call can fail, one row each.
 *
 * The first column makes MX_E_<NAME>; the second is the RCODE a client sees
 * when the failure was found in its query or in the answer to it; the third
 * is the text for logs.
 *
 * Upstream trouble is SERVFAIL and nothing else: some mail servers read
 * REFUSED and NOTIMP as permanent and destroy mail.
 */
#ifndef MX_ERROR_H
#define MX_ERROR_H

#include <stdint.h>

/* RCODEs, RFC 1035 section 4.1.1 and RFC 6891 section 9. */
enum mx_rcode {
	MX_RCODE_NOERROR = 0,
	MX_RCODE_FORMERR = 1,
	MX_RCODE_SERVFAIL = 2,
	MX_RCODE_NXDOMAIN = 3,
	MX_RCODE_NOTIMP = 4,
	MX_RCODE_REFUSED = 5,
	MX_RCODE_BADVERS = 16, /* upper eight bits go into the OPT RR */
	MX_RCODE_BADCOOKIE = 23, /* RFC 7873 section 8 */
};

#define MX_ERRORS(X) \
	X(SHORT, FORMERR, "message ends before its fields do") \
	X(TRAILING, FORMERR, "octets left over after the last field") \
	X(LABEL, FORMERR, "label of a reserved type") \
	X(NAME_LONG, FORMERR, "name longer than 255 octets") \
	X(POINTER, FORMERR, "compression pointer that is not allowed here") \
	X(QDCOUNT, FORMERR, "not exactly one question") \
	X(SECTION, FORMERR, "records in a section that must be empty in a query") \
	X(QTYPE, FORMERR, "QTYPE that cannot be asked") \
	X(OPT, FORMERR, "malformed or repeated OPT record") \
	X(COOKIE, FORMERR, "malformed COOKIE option") \
	X(KEEPALIVE, FORMERR, "time-out in a query's KEEPALIVE option") \
	X(TSIG, FORMERR, "signed with TSIG, but no keys are shared with anyone") \
	X(OPCODE, NOTIMP, "opcode other than QUERY") \
	X(BADVERS, BADVERS, "EDNS version other than 0") \
	X(COOKIE_ONLY, NOERROR, "no question, only a cookie asked for") \
	X(BADCOOKIE, BADCOOKIE, "server cookie missing, wrong or too old") \
	X(QCLASS, REFUSED, "class other than IN") \
	X(TRANSFER, REFUSED, "zone transfer or obsolete mail QTYPE") \
	X(NOT_RECURSIVE, REFUSED, "recursion not desired") \
	X(ACL, REFUSED, "client not allowed by access-control") \
	X(RESPONSE, SERVFAIL, "a response where a query was expected") \
	X(MISMATCH, SERVFAIL, "answer to another question") \
	X(MALFORMED, SERVFAIL, "malformed upstream answer") \
	X(TOO_BIG, SERVFAIL, "does not fit") \
	X(BOGUS, SERVFAIL, "DNSSEC validation failed") \
	X(UPSTREAM, SERVFAIL, "no usable answer from any name server") \
	X(DEADLINE, SERVFAIL, "no answer in time") \
	X(OVERLOAD, SERVFAIL, "too many questions in flight") \
	X(NOT_READY, SERVFAIL, "resolver not ready") \
	X(NO_MEMORY, SERVFAIL, "out of memory") \
	X(SYSTEM, SERVFAIL, "system call failed, see errno") \
	X(CONFIG, SERVFAIL, "configuration error")

enum mx_error {
	MX_OK = 0,
#define X(name, rcode, text) MX_E_##name,
	MX_ERRORS(X)
#undef X
	MX_ERROR_COUNT
};

/* Static text, never NULL; err may be any value. */
const char *mx_error_text(enum mx_error err);

/* RCODE for a client; MX_OK gives NOERROR. */
enum mx_rcode mx_error_rcode(enum mx_error err);

#endif
