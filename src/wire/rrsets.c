/* rrsets.c - sort an answer's RRs into RRsets; what fits nowhere is dropped.
 *
 * One pass over the RRs for the RRsets, a second for the RRSIGs, so that the
 * order in the packet does not matter. RRs are compared with the RRsets kept,
 * whose number is bounded, and never with each other: linear.
 */
#include "rrsets.h"

#include <string.h>

/* Folding owner once and memcmp, not mx_name_equal: a packet can be made of
 * thousands of RRs whose owner differs from each RRset's in its last octets
 * only. */
static struct rrset *find(struct rrsets *sets, bool authority, uint16_t type,
			  const struct mx_name *owner)
{
	struct mx_name folded = *owner;

	mx_name_lower(folded.octets, folded.len);
	for (unsigned i = 0; i < sets->count; i++) {
		struct rrset *set = &sets->sets[i];

		if (set->type == type && set->authority == authority &&
		    set->folded.len == folded.len &&
		    memcmp(set->folded.octets, folded.octets, folded.len) == 0)
			return set;
	}
	return NULL;
}

static struct rrset *make(struct rrsets *sets, bool authority, uint16_t type,
			  const struct mx_name *owner)
{
	struct rrset *set = &sets->sets[sets->count++];

	set->owner = set->folded = *owner;
	mx_name_lower(set->folded.octets, set->folded.len);
	set->type = type;
	set->authority = authority;
	set->ttl_s = UINT32_MAX;
	set->rrs = (struct rr_list){ PACKET_NONE, PACKET_NONE, 0 };
	set->sigs = set->rrs;
	return set;
}

static struct rrset *find_or_make(struct rrsets *sets, uint16_t type,
				  const struct mx_name *owner)
{
	struct rrset *set = find(sets, false, type, owner);

	return set != NULL ? set : make(sets, false, type, owner);
}

/* An RR that is taken already is in an RRset of its own type and owner: it
 * must not be linked into a second list. */
static void append(struct packet *packet, struct rrset *set,
		   struct rr_list *list, uint16_t index)
{
	struct packet_rr *rr = &packet->rrs[index];

	if (rr->taken)
		return;
	rr->taken = true;
	if (list->count++ == 0)
		list->first = index;
	else
		packet->rrs[list->last].next = index;
	list->last = index;
	if (rr->ttl_s < set->ttl_s)
		set->ttl_s = rr->ttl_s;
}

static void gather_alias(struct packet *packet, struct rrsets *sets,
			 const struct alias *alias)
{
	struct rrset *set;

	if (alias == NULL)
		return;
	set = find_or_make(sets, alias->type, &alias->owner);
	append(packet, set, &set->rrs, alias->rr);
}

/* The whole of the final RRset. It may have been made for a DNAME of the
 * chain already; an empty one is nobody's final RRset. */
static void gather_final(struct packet *packet, struct rrsets *sets,
			 const struct mx_name *final, uint16_t qtype)
{
	struct rrset *set = find_or_make(sets, qtype, final);

	for (unsigned i = 0; i < packet->answer_count; i++) {
		struct mx_name owner;

		if (packet->rrs[i].type != qtype)
			continue;
		packet_owner(packet, &packet->rrs[i], &owner);
		if (mx_name_equal(&owner, final))
			append(packet, set, &set->rrs, (uint16_t)i);
	}
	if (set->rrs.count > 0)
		sets->final = set;
}

/* Of a zone that can deny the final name, and one RR (RFC 2181 section 6.1
 * has no zone with two). */
static void gather_soa(struct packet *packet, struct rrsets *sets,
		       const struct mx_name *final,
		       const struct mx_name *owner, uint16_t index)
{
	if (sets->soa != NULL ||
	    !mx_name_below(final->octets, final->len, owner->octets,
			   owner->len))
		return;
	sets->soa = make(sets, true, MX_TYPE_SOA, owner);
	append(packet, sets->soa, &sets->soa->rrs, index);
}

static enum mx_error gather_denial(struct packet *packet, struct rrsets *sets,
				   const struct mx_name *owner, uint16_t index)
{
	uint16_t type = packet->rrs[index].type;
	struct rrset *set = find(sets, true, type, owner);

	if (set == NULL) {
		if (sets->denial_count++ == RRSETS_DENIAL_MAX)
			return MX_E_MALFORMED;
		set = make(sets, true, type, owner);
	}
	append(packet, set, &set->rrs, index);
	return MX_OK;
}

static enum mx_error gather_authority(struct packet *packet,
				      struct rrsets *sets,
				      const struct mx_name *final)
{
	for (unsigned i = packet->answer_count; i < packet->rr_count; i++) {
		uint16_t type = packet->rrs[i].type;
		struct mx_name owner;

		if (type != MX_TYPE_SOA && type != MX_TYPE_NSEC &&
		    type != MX_TYPE_NSEC3)
			continue;
		packet_owner(packet, &packet->rrs[i], &owner);
		if (type == MX_TYPE_SOA)
			gather_soa(packet, sets, final, &owner, (uint16_t)i);
		else if (gather_denial(packet, sets, &owner, (uint16_t)i) !=
			 MX_OK)
			return MX_E_MALFORMED;
	}
	return MX_OK;
}

static void gather_sigs(struct packet *packet, struct rrsets *sets)
{
	for (unsigned i = 0; i < packet->rr_count; i++) {
		struct packet_rr *rr = &packet->rrs[i];
		bool authority = i >= packet->answer_count;
		struct mx_name owner;

		if (rr->type != MX_TYPE_RRSIG || rr->taken)
			continue;

		struct mx_in rdata = packet_rdata(packet, rr);
		uint16_t covered = mx_in_u16(&rdata);

		packet_owner(packet, rr, &owner);
		struct rrset *set = find(sets, authority, covered, &owner);

		if (set != NULL)
			append(packet, set, &set->sigs, (uint16_t)i);
	}
}

enum mx_error rrsets_gather(struct packet *packet, const struct chain *chain,
			    uint16_t qtype, struct rrsets *ret)
{
	ret->count = ret->denial_count = 0;
	ret->final = ret->soa = NULL;
	for (unsigned i = 0; i < chain->link_count; i++) {
		gather_alias(packet, ret, chain->links[i].dname);
		gather_alias(packet, ret, chain->links[i].cname);
	}
	gather_alias(packet, ret, chain->final_dname);
	gather_final(packet, ret, &chain->final, qtype);
	if (gather_authority(packet, ret, &chain->final) != MX_OK)
		return MX_E_MALFORMED;
	gather_sigs(packet, ret);
	return MX_OK;
}
