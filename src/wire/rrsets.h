/* rrsets.h - the RRsets of an answer that are kept, each with its RRSIGs. */
#ifndef WIRE_RRSETS_H
#define WIRE_RRSETS_H

#include "chain.h"

/* NSEC and NSEC3 RRsets: three prove an NXDOMAIN, one more each wildcard or
 * opt-out on the way. The bound is on the search for an RR's RRset. */
#define RRSETS_DENIAL_MAX 64u
/* A CNAME and DNAME for each link, the final RRset and the DNAME it may be
 * made from, SOA, denial. */
#define RRSETS_MAX (2 * CHAIN_MAX + 3 + RRSETS_DENIAL_MAX)

/* A list of RRs in the packet, linked by packet_rr.next. */
struct rr_list {
	uint16_t first, last;
	unsigned count;
};

struct rrset {
	struct mx_name owner;
	struct mx_name folded; /* owner in lower case, to compare */
	uint16_t type;
	bool authority; /* else it is of the answer section */
	uint32_t ttl_s; /* least of all its RRs and RRSIGs */
	struct rr_list rrs, sigs;
};

/* In the order in which they are to be written. */
struct rrsets {
	unsigned count, denial_count;
	struct rrset sets[RRSETS_MAX];
	struct rrset *final; /* of QTYPE at qname_final: NULL if there is none */
	struct rrset *soa;   /* of the authority section, or NULL */
};

enum mx_error rrsets_gather(struct packet *packet, const struct chain *chain,
			    uint16_t qtype, struct rrsets *ret);

#endif
