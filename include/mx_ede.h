/* mx_ede.h - Extended DNS Errors (RFC 8914) we send, one row each. */
#ifndef MX_EDE_H
#define MX_EDE_H

#include <stdatomic.h>
#include <stdint.h>

#define MX_EDES(X) \
	X(OTHER, 0, "Other Error") \
	X(STALE, 3, "Stale Answer") \
	X(BOGUS, 6, "DNSSEC Bogus") \
	X(SIGNATURE_EXPIRED, 7, "Signature Expired") \
	X(SIGNATURE_NOT_YET, 8, "Signature Not Yet Valid") \
	X(DNSKEY_MISSING, 9, "DNSKEY Missing") \
	X(RRSIGS_MISSING, 10, "RRSIGs Missing") \
	X(NSEC_MISSING, 12, "NSEC Missing") \
	X(CACHED_ERROR, 13, "Cached Error") \
	X(NOT_READY, 14, "Not Ready") \
	X(PROHIBITED, 18, "Prohibited") \
	X(NOT_AUTHORITATIVE, 20, "Not Authoritative") \
	X(NOT_SUPPORTED, 21, "Not Supported") \
	X(NO_REACHABLE_AUTHORITY, 22, "No Reachable Authority") \
	X(NETWORK_ERROR, 23, "Network Error")

enum mx_ede {
#define X(name, code, text) MX_EDE_##name = code,
	MX_EDES(X)
#undef X
	MX_EDE_NONE = 0xffff
};

/* Name in the IANA registry, or "Unknown". */
const char *mx_ede_text(uint16_t code);

/* How often each was sent: one struct per worker, see mx_counters.h. */
enum {
#define X(name, code, text) MX_EDE_ROW_##name,
	MX_EDES(X)
#undef X
	MX_EDE_ROWS
};
struct mx_ede_counts {
	_Atomic uint64_t sent[MX_EDE_ROWS];
};
/* The code of a row. */
extern const uint16_t mx_ede_codes[MX_EDE_ROWS];
/* One more of code; of MX_EDE_NONE, or what is no row, none. */
void mx_ede_count(struct mx_ede_counts *counts, uint16_t code);

#endif
