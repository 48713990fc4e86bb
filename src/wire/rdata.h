/* rdata.h - RDATA with names in it, copied out of a packet. */
#ifndef WIRE_RDATA_H
#define WIRE_RDATA_H

#include "compress.h"

/* The fields of a type's RDATA, one letter each:
 *   w l   two and four octets
 *   s     character-string
 *   c     name, may be compressed when read, is when written
 *   d     name, may be compressed when read, never is when written
 *   p     name, plain
 *   *     what is left */
const char *rdata_format(uint16_t type);

/* Copy the RDATA that `rdata` covers to out. Compressed names are expanded
 * for the types of RFC 1035 and RFC 3597 section 4, and compressed again for
 * those of RFC 1035 alone; with keep they stay where they are written
 * (compress.h). All other types are octets (RFC 3597 section 3). An error is
 * the reader's: RDATA too short or long for its type, a bad name. */
enum mx_error rdata_copy(struct mx_in rdata, uint16_t type, bool keep,
			 struct compress *c, struct mx_out *out);

/* MINIMUM of an SOA, 0 if malformed. */
uint32_t rdata_soa_minimum(struct mx_in rdata);

#endif
