/* chain.h - from QNAME through CNAME and DNAME to the final name. */
#ifndef WIRE_CHAIN_H
#define WIRE_CHAIN_H

#include "packet.h"

#define CHAIN_MAX 32u
/* CNAME and DNAME RRs a packet may have, one of each for each link. This
 * bounds the search for the next link. */
#define CHAIN_ALIASES_MAX (2 * CHAIN_MAX)

struct alias {
	struct mx_name owner, target;
	uint16_t type;
	uint16_t rr; /* index in the packet */
};

struct link {
	const struct alias *cname;
	const struct alias *dname; /* that the CNAME was made from, or NULL */
};

struct chain {
	unsigned alias_count; /* distinct ones */
	struct alias aliases[CHAIN_ALIASES_MAX];
	unsigned link_count;
	struct link links[CHAIN_MAX];
	/* Where it ends, qname_final: the name the answer proper is at. With
	 * QTYPE CNAME a CNAME is the answer, and final_dname what it was made
	 * from, or NULL. */
	struct mx_name final;
	const struct alias *final_dname;
};

/* MX_E_MALFORMED: a loop or more than CHAIN_MAX names, two CNAMEs at one name
 * (RFC 2181 section 10.1), a DNAME above a name without the CNAME that
 * follows from it (RFC 6672 section 3.1): what such an answer says about the
 * final name cannot be known. */
enum mx_error chain_follow(struct packet *packet, const struct mx_key *key,
			   struct chain *ret);

#endif
