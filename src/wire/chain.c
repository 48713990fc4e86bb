/* chain.c - follow the aliases of an answer, in whatever order they came. */
#include "chain.h"

#include <string.h>

static const struct alias *find(const struct chain *chain, uint16_t type,
				const struct mx_name *owner)
{
	for (unsigned i = 0; i < chain->alias_count; i++)
		if (chain->aliases[i].type == type &&
		    mx_name_equal(&chain->aliases[i].owner, owner))
			return &chain->aliases[i];
	return NULL;
}

/* The same alias twice is harmless, and one is left out; two different ones
 * at one name are not. */
static enum mx_error add(struct chain *chain, struct packet *packet,
			 const struct alias *alias)
{
	const struct alias *have = find(chain, alias->type, &alias->owner);

	if (have != NULL) {
		struct packet_rr *first = &packet->rrs[have->rr];
		uint32_t ttl_s = packet->rrs[alias->rr].ttl_s;

		if (!mx_name_equal(&have->target, &alias->target))
			return MX_E_MALFORMED;
		if (ttl_s < first->ttl_s)
			first->ttl_s = ttl_s;
		return MX_OK;
	}
	chain->aliases[chain->alias_count++] = *alias;
	return MX_OK;
}

static enum mx_error collect(struct packet *packet, struct chain *chain)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < packet->answer_count; i++) {
		const struct packet_rr *rr = &packet->rrs[i];
		struct alias alias = { .type = rr->type, .rr = (uint16_t)i };

		if (rr->type != MX_TYPE_CNAME && rr->type != MX_TYPE_DNAME)
			continue;
		if (seen++ == CHAIN_ALIASES_MAX)
			return MX_E_MALFORMED;

		struct mx_in rdata = packet_rdata(packet, rr);

		packet_owner(packet, rr, &alias.owner);
		mx_in_name(&rdata, &alias.target);
		if (mx_in_end(&rdata) != MX_OK ||
		    add(chain, packet, &alias) != MX_OK)
			return MX_E_MALFORMED;
	}
	return MX_OK;
}

static bool above(const struct alias *dname, const struct mx_name *name)
{
	return dname->type == MX_TYPE_DNAME &&
	       dname->owner.len < name->len &&
	       mx_name_below(name->octets, name->len, dname->owner.octets,
			     dname->owner.len);
}

/* Is target what dname makes of name (RFC 6672 section 2.2)? */
static bool substitutes(const struct alias *dname, const struct mx_name *name,
			const struct mx_name *target)
{
	size_t prefix = (size_t)(name->len - dname->owner.len);
	struct mx_name made;

	if (prefix + dname->target.len > MX_NAME_MAX)
		return false;
	made.len = (uint8_t)(prefix + dname->target.len);
	memcpy(made.octets, name->octets, prefix);
	memcpy(made.octets + prefix, dname->target.octets, dname->target.len);
	return mx_name_equal(&made, target);
}

/* The aliases at name; ret->cname is NULL where the chain ends. */
static enum mx_error next(const struct chain *chain,
			  const struct mx_name *name, struct link *ret)
{
	bool below_dname = false;

	ret->cname = find(chain, MX_TYPE_CNAME, name);
	ret->dname = NULL;
	for (unsigned i = 0; i < chain->alias_count; i++) {
		const struct alias *a = &chain->aliases[i];

		if (!above(a, name))
			continue;
		below_dname = true;
		if (ret->cname != NULL &&
		    substitutes(a, name, &ret->cname->target))
			ret->dname = a;
	}
	return below_dname && ret->dname == NULL ? MX_E_MALFORMED : MX_OK;
}

enum mx_error chain_follow(struct packet *packet, const struct mx_key *key,
			   struct chain *ret)
{
	ret->alias_count = 0;
	ret->link_count = 0;
	ret->final.len = key->qname_len;
	memcpy(ret->final.octets, key->qname, key->qname_len);
	if (collect(packet, ret) != MX_OK)
		return MX_E_MALFORMED;
	for (;;) {
		struct link link;

		if (next(ret, &ret->final, &link) != MX_OK)
			return MX_E_MALFORMED;
		ret->final_dname = link.dname;
		if (link.cname == NULL || key->qtype == MX_TYPE_CNAME)
			return MX_OK;
		if (ret->link_count == CHAIN_MAX) /* or a loop */
			return MX_E_MALFORMED;
		ret->links[ret->link_count++] = link;
		ret->final = link.cname->target;
	}
}
