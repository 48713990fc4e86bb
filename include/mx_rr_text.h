/* mx_rr_text.h - RRs as people write them: RFC 1035 section 5.1, and for types
 * that are not known here RFC 3597 section 5.
 *
 * Pure; any thread. What comes from the network is printable ASCII afterwards:
 * all else is escaped, and what is longer than there is room ends in "...".
 */
#ifndef MX_RR_TEXT_H
#define MX_RR_TEXT_H

#include "mx_wire.h"

#define MX_RR_TEXT_MAX 4096u

/* The next RR of a message, "OWNER TTL IN TYPE RDATA", which is written whole to
 * ret or cut. False: in is at its end, or has failed. RDATA that is not what its
 * type says is written as octets. */
bool mx_rr_to_text(struct mx_in *in, char ret[MX_RR_TEXT_MAX]);

#endif
