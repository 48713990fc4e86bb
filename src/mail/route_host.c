/* route_host.c - what is to be known of a host. See route.h.
 *
 * TLSA (RFC 7672 section 2.2.2) goes by the addresses that are secure, those
 * of IPv4 first; which says nothing before A is known. */
#include "dane.h"
#include "route.h"

bool host_is_live(const struct mx_route *route, const struct host *host)
{
	return host->verdict == MX_ROUTE_HOST_USABLE &&
	       !(route->has_own &&
		 host->exchange.preference >= route->own_preference);
}

/* By which address RRset TLSA is looked for. */
struct base {
	bool waiting;
	enum dane_base base;
	enum slot slot;
};

static struct base find_base(const struct host *host)
{
	struct base alias = { .base = DANE_BASE_NONE };

	for (enum slot slot = SLOT_A; slot <= SLOT_AAAA; slot++) {
		const struct fact *fact = &host->facts[slot];
		struct base b = { .slot = slot };

		if (!fact->known) {
			b.waiting = true;
			return b;
		}
		if (!fact_positive(fact))
			continue;
		b.base = dane_base(fact->state, fact->alias_count);
		if (b.base == DANE_BASE_FINAL)
			return b;
		if (b.base == DANE_BASE_ALIAS)
			alias = b;
	}
	return alias;
}

static const struct family *base_family(const struct host *host,
					struct base b)
{
	return &host->families[b.slot];
}

static bool final_is_host(const struct host *host, struct base b)
{
	return mx_name_equal(&base_family(host, b)->final,
			     &host->exchange.name);
}

/* Secure or not, there is a TLSA RRset: its security decides. */
static bool tlsa_found(const struct fact *fact)
{
	return fact_positive(fact) && fact->state == MX_SECURE;
}

bool host_question(const struct mx_route *route, const struct host *host,
		   enum slot slot, struct mx_name *ret, uint16_t *ret_qtype)
{
	uint16_t port = route->destination.port;
	struct base b;

	*ret = host->exchange.name;
	switch (slot) {
	case SLOT_A:
		*ret_qtype = MX_TYPE_A;
		return true;
	case SLOT_AAAA:
		*ret_qtype = MX_TYPE_AAAA;
		return true;
	case SLOT_CNAME:
		*ret_qtype = MX_TYPE_CNAME;
		return true;
	case SLOT_TLSA_HOST:
		*ret_qtype = MX_TYPE_TLSA;
		return dane_name(&host->exchange.name, port, ret);
	case SLOT_TLSA_FINAL:
		*ret_qtype = MX_TYPE_TLSA;
		b = find_base(host);
		return !b.waiting && b.base == DANE_BASE_FINAL &&
		       !final_is_host(host, b) &&
		       dane_name(&base_family(host, b)->final, port, ret);
	case SLOTS:
		break;
	}
	return false;
}

static bool has_question(const struct mx_route *route,
			 const struct host *host, enum slot slot)
{
	struct mx_name qname;
	uint16_t qtype;

	return host_question(route, host, slot, &qname, &qtype);
}

/* TLSA at the host's own name: it has no aliases, or there are none at the
 * name that they lead to. */
static bool needs_tlsa_host(const struct mx_route *route,
			    const struct host *host, struct base b)
{
	const struct fact *final = &host->facts[SLOT_TLSA_FINAL];

	switch (b.base) {
	case DANE_BASE_NONE:
		break;
	case DANE_BASE_ALIAS:
		return fact_positive(&host->facts[SLOT_CNAME]) &&
		       host->facts[SLOT_CNAME].state == MX_SECURE;
	case DANE_BASE_FINAL:
		return !has_question(route, host, SLOT_TLSA_FINAL) ||
		       (final->known && !fact_failed(final) &&
			!tlsa_found(final));
	}
	return false;
}

bool host_needs(const struct mx_route *route, const struct host *host,
		enum slot slot)
{
	struct base b;

	if (!host_is_live(route, host))
		return false;
	if (slot <= SLOT_AAAA)
		return true;
	b = find_base(host);
	if (b.waiting || !has_question(route, host, slot))
		return false;
	if (slot == SLOT_CNAME)
		return b.base == DANE_BASE_ALIAS;
	if (slot == SLOT_TLSA_FINAL)
		return true;
	return needs_tlsa_host(route, host, b);
}

/* Of a secure MX only: its hosts are the ones that likely have TLSA, and others
 * may have servers that cannot answer for it (RFC 7672 section 2.1.2). */
bool host_may_need(const struct mx_route *route, const struct host *host,
		   enum slot slot)
{
	struct base b = find_base(host);

	return slot == SLOT_TLSA_HOST && host_is_live(route, host) &&
	       route->mx.known && route->mx.state == MX_SECURE &&
	       (b.waiting || b.base == DANE_BASE_FINAL) &&
	       has_question(route, host, slot);
}

/* ---- what TLSA say ---- */

static void dane_found(const struct host *host, enum slot slot,
		       struct host_dane *ret)
{
	ret->tlsa = &host->tlsa[slot - SLOT_TLSA_FINAL];
	ret->dane = ret->tlsa->usable > 0 ? MX_ROUTE_DANE_USABLE :
					    MX_ROUTE_DANE_UNUSABLE;
	ret->base = slot == SLOT_TLSA_HOST ? host->exchange.name :
		    base_family(host, find_base(host))->final;
}

/* Answered, but by no secure TLSA; false: this ends the search. */
static bool dane_goes_on(const struct fact *fact, struct host_dane *ret)
{
	ret->waiting = !fact->known;
	if (fact_failed(fact)) {
		ret->dane = MX_ROUTE_DANE_FAILED;
		ret->bogus = fact->state == MX_BOGUS;
	} else if (fact->known && fact->state != MX_SECURE) {
		ret->dane = MX_ROUTE_DANE_TLSA_INSECURE;
	} else if (fact->known && ret->dane == MX_ROUTE_DANE_NO_NAME) {
		ret->dane = MX_ROUTE_DANE_ABSENT;
	}
	return !ret->waiting && ret->dane != MX_ROUTE_DANE_FAILED;
}

void host_dane(const struct mx_route *route, const struct host *host,
	       struct host_dane *ret)
{
	static const enum slot tlsa[] = { SLOT_TLSA_FINAL, SLOT_TLSA_HOST };
	struct base b = find_base(host);

	*ret = (struct host_dane){ .waiting = b.waiting };
	if (b.waiting)
		return;
	ret->dane = b.base == DANE_BASE_FINAL ? MX_ROUTE_DANE_NO_NAME :
						MX_ROUTE_DANE_ADDRESS_INSECURE;
	/* Whether the alias is secure is not known: nor is what TLS there must
	 * be. */
	if (b.base == DANE_BASE_ALIAS &&
	    (!host->facts[SLOT_CNAME].known ||
	     fact_failed(&host->facts[SLOT_CNAME]))) {
		dane_goes_on(&host->facts[SLOT_CNAME], ret);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct fact *fact = &host->facts[tlsa[i]];

		if (!host_needs(route, host, tlsa[i]))
			continue;
		if (tlsa_found(fact)) {
			dane_found(host, tlsa[i], ret);
			return;
		}
		if (b.base == DANE_BASE_ALIAS)
			ret->dane = MX_ROUTE_DANE_NO_NAME;
		if (!dane_goes_on(fact, ret))
			return;
	}
}

/* ---- addresses ---- */

enum mx_route_host_state host_addresses(const struct host *host)
{
	bool failed = false, bogus = false, nowhere = false, none = true;

	for (enum slot slot = SLOT_A; slot <= SLOT_AAAA; slot++)
		if (host->families[slot].count > 0)
			return MX_ROUTE_HOST_USABLE;
	for (enum slot slot = SLOT_A; slot <= SLOT_AAAA; slot++) {
		const struct fact *fact = &host->facts[slot];

		if (!fact->known)
			return MX_ROUTE_HOST_WAITING;
		failed |= fact_failed(fact);
		bogus |= fact->state == MX_BOGUS;
		nowhere |= host->families[slot].nowhere > 0;
		none &= fact->kind == MX_ANSWER_NXDOMAIN;
	}
	if (failed)
		return bogus ? MX_ROUTE_HOST_ADDRESS_BOGUS :
			       MX_ROUTE_HOST_ADDRESS_FAILED;
	if (nowhere)
		return MX_ROUTE_HOST_LOOPBACK;
	return none ? MX_ROUTE_HOST_NO_SUCH_HOST : MX_ROUTE_HOST_NO_ADDRESS;
}
