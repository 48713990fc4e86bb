/* packet.h - a response taken apart, private to ingest.
 *
 * Only where things are: owners and RDATA stay in the packet until they are
 * wanted, so 6,000 RRs cost 6,000 rows and no names. */
#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include "mx_wire.h"

/* The smallest RR: root owner, TYPE, CLASS, TTL, RDLENGTH. */
#define PACKET_RR_MIN 11
#define PACKET_RRS_MAX ((MX_MESSAGE_MAX - MX_HEADER_LEN) / PACKET_RR_MIN + 1)
#define PACKET_NONE 0xffff /* no RR: ends a list */

/* An RR of class IN in the answer or authority section. */
struct packet_rr {
	uint16_t owner_at, type, rdata_at, rdlength;
	uint32_t ttl_s;	   /* capped, RFC 2181 section 8 */
	uint16_t next;	   /* in an RRset's list, see rrsets.h */
	bool taken;	   /* is in such a list: it is in no other */
};

struct packet {
	const uint8_t *octets;
	size_t len;
	uint8_t rcode;
	unsigned answer_count; /* rrs before this are the answer section's */
	unsigned rr_count;
	struct packet_rr rrs[PACKET_RRS_MAX];
};

/* MX_E_MISMATCH: not the answer to key. MX_E_UPSTREAM: an RCODE that is none.
 * MX_E_MALFORMED: the rest. */
enum mx_error packet_scan(const uint8_t *octets, size_t len,
			  const struct mx_key *key, uint32_t ttl_max_s,
			  struct packet *ret);

void packet_owner(const struct packet *packet, const struct packet_rr *rr,
		  struct mx_name *ret);
/* Covers the RDATA; compression reaches back into the packet. */
struct mx_in packet_rdata(const struct packet *packet,
			  const struct packet_rr *rr);

#endif
