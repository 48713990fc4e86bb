/* body.h - the octets of an answer, written from its RRsets. */
#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include "compress.h"
#include "rrsets.h"

struct body {
	uint8_t octets[MX_MESSAGE_MAX];
	uint16_t ttl_at[PACKET_RRS_MAX];
};

enum body_content {
	BODY_PLAIN, /* without RRSIG, NSEC and NSEC3, but in the answer section
		       where QTYPE is that */
	BODY_FULL,
};

/* Does BODY_PLAIN leave out RRs of this type, in that section? */
bool body_plain_omits(uint16_t type, bool authority, uint16_t qtype);

/* Write the RRsets of sets but the one that is `without` (may be NULL). *ret
 * points into body. MX_E_MALFORMED for RDATA that is not what its type says;
 * MX_E_TOO_BIG where header, question and body exceed a message. */
enum mx_error body_write(const struct packet *packet,
			 const struct rrsets *sets, const struct rrset *without,
			 const struct mx_key *key, enum body_content content,
			 struct compress *compress, struct body *body,
			 struct mx_form *ret);

#endif
