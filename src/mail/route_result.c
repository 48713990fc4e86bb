/* route_result.c - what the facts amount to. See mx_route.h. */
#include <string.h>

#include "route.h"

/* ---- a host ---- */

#define WARN(name) (1u << MX_ROUTE_WARN_##name)

static uint32_t address_warnings(const struct host *host)
{
	bool any = host->families[0].count + host->families[1].count > 0;
	uint32_t warnings = 0;

	for (enum slot slot = SLOT_A; slot <= SLOT_AAAA; slot++) {
		const struct family *family = &host->families[slot];

		if (host->facts[slot].alias_count > 0)
			warnings |= WARN(ALIAS);
		if (family->private)
			warnings |= WARN(PRIVATE);
		if (family->nowhere > 0)
			warnings |= WARN(NOWHERE);
		if (family->more > 0)
			warnings |= WARN(ADDRESSES);
		if (any && fact_failed(&host->facts[slot]))
			warnings |= WARN(HALF);
	}
	return warnings;
}

static void put_addresses(const struct host *host, struct mx_route_host *ret)
{
	ret->final = host->exchange.name;
	for (enum slot slot = SLOT_A; slot <= SLOT_AAAA; slot++) {
		const struct family *family = &host->families[slot];

		memcpy(&ret->addresses[ret->address_count], family->at,
		       family->count * sizeof(family->at[0]));
		/* That of IPv4, if it has an address; else of IPv6. */
		if (ret->address_count == 0)
			ret->final = family->final;
		ret->address_count += family->count;
	}
}

static void put_tlsa(const struct host_dane *dane, struct mx_route_host *ret)
{
	const struct tlsa_set *set = dane->tlsa;

	ret->tlsa_base = dane->base;
	ret->tlsa_count = set->count;
	ret->tlsa_usable = set->usable;
	ret->tlsa = set->at;
	ret->tlsa_kept = set->kept;
	if (set->usable < set->count)
		ret->warnings |= WARN(TLSA_SOME);
	if (set->kept < set->count)
		ret->warnings |= WARN(TLSA_MANY);
}

/* Secure, but none usable: TLS all the same, never cleartext (RFC 7672 section
 * 2.2). An insecure MX may have named any host: its TLSA are still better than
 * nothing (section 2.2.1). */
static enum mx_route_level level_of(enum mx_route_dane dane, bool mx_secure)
{
	if (dane == MX_ROUTE_DANE_UNUSABLE)
		return MX_ROUTE_LEVEL_ENCRYPT;
	if (dane != MX_ROUTE_DANE_USABLE)
		return MX_ROUTE_LEVEL_MAY;
	return mx_secure ? MX_ROUTE_LEVEL_DANE_ONLY : MX_ROUTE_LEVEL_DANE;
}

static void put_dane(const struct mx_route *route, const struct host *host,
		     struct mx_route_host *ret)
{
	bool mx_secure = route->mx.state == MX_SECURE;
	struct host_dane dane;

	host_dane(route, host, &dane);
	ret->dane = dane.dane;
	if (dane.tlsa != NULL)
		put_tlsa(&dane, ret);
	if (dane.waiting)
		ret->state = MX_ROUTE_HOST_WAITING;
	else if (dane.dane == MX_ROUTE_DANE_FAILED)
		ret->state = dane.bogus ? MX_ROUTE_HOST_TLSA_BOGUS :
					  MX_ROUTE_HOST_TLSA_FAILED;
	ret->level = level_of(dane.dane, mx_secure);
	if (mx_secure && dane.dane == MX_ROUTE_DANE_ADDRESS_INSECURE)
		ret->warnings |= WARN(DANE_OFF);
}

static void put_match(const struct mx_route *route, struct mx_route_host *ret)
{
	if (!route->has_policy)
		return;
	ret->sts_match = mx_route_policy_matches(&route->policy, &ret->name) ?
			 MX_ROUTE_MATCH_YES : MX_ROUTE_MATCH_NO;
	if (ret->sts_match == MX_ROUTE_MATCH_NO &&
	    route->policy.mode != MX_ROUTE_MODE_NONE)
		ret->warnings |= WARN(STS_MX);
}

static void put_host(const struct mx_route *route, const struct host *host,
		     struct mx_route_host *ret)
{
	ret->name = ret->final = host->exchange.name;
	ret->preference = host->exchange.preference;
	put_match(route, ret);
	if (host->underscore)
		ret->warnings |= WARN(UNDERSCORE);
	ret->state = host->verdict;
	if (ret->state != MX_ROUTE_HOST_USABLE)
		return;
	if (!host_is_live(route, host)) {
		ret->state = MX_ROUTE_HOST_OWN;
		return;
	}
	ret->state = host_addresses(host);
	ret->warnings |= address_warnings(host);
	put_addresses(host, ret);
	if (ret->state == MX_ROUTE_HOST_USABLE)
		put_dane(route, host, ret);
}

/* An address for a next hop: nothing to ask, and no DANE. */
static void put_literal(const struct mx_route *route, struct mx_route_host *ret)
{
	ret->name = ret->final = route->destination.name;
	ret->address_count = 1;
	ret->addresses[0] = route->destination.address;
	ret->dane = MX_ROUTE_DANE_NO_NAME;
}

static void put_hosts(const struct mx_route *route, struct mx_route_result *ret)
{
	if (route->destination.is_address) {
		ret->host_count = 1;
		put_literal(route, &ret->hosts[0]);
		return;
	}
	ret->host_count = route->host_count;
	for (unsigned i = 0; i < route->host_count; i++)
		put_host(route, &route->hosts[i], &ret->hosts[i]);
}

/* ---- the domain ---- */

/* The highest of what the hosts and what was left out say. */
static enum mx_route_outcome sum_up(const struct mx_route_result *r)
{
	enum mx_route_outcome outcome = MX_ROUTE_NO_HOST;

	for (unsigned i = 0; i < r->host_count; i++)
		switch (mx_route_host_state_class(r->hosts[i].state)) {
		case MX_ROUTE_DELIVERABLE:
			return MX_ROUTE_DELIVER;
		case MX_ROUTE_TEMPORARY:
			outcome = MX_ROUTE_TRY_AGAIN;
			break;
		case MX_ROUTE_PERMANENT:
			break;
		}
	return outcome;
}

static bool comes_before_own(const struct mx_route *route)
{
	return route->host_count > 0 &&
	       route->hosts[0].exchange.preference < route->own_preference;
}

static void judge_hosts(const struct mx_route *route,
			struct mx_route_result *ret)
{
	ret->outcome = sum_up(ret);
	if (ret->outcome == MX_ROUTE_TRY_AGAIN)
		ret->reason = MX_ROUTE_WHY_HOST;
	if (ret->outcome != MX_ROUTE_NO_HOST)
		return;
	if (route->hosts_left_out) {
		ret->outcome = MX_ROUTE_TRY_AGAIN;
		ret->reason = MX_ROUTE_WHY_TOO_MANY;
	} else if (route->has_own && !comes_before_own(route)) {
		ret->outcome = MX_ROUTE_LOOP;
	} else if (route->has_own) {
		ret->outcome = MX_ROUTE_TRY_AGAIN;
		ret->reason = MX_ROUTE_WHY_OWN_NEXT;
	}
}

/* RFC 7505 section 3: "." with preference 0, and nothing else. */
static bool is_null(const struct mx_route *route)
{
	return route->host_count == 0 && route->root_is_null;
}

static void judge(const struct mx_route *route, struct mx_route_result *ret)
{
	const struct fact *mx = &route->mx;

	if (!mx->known || fact_failed(mx)) {
		ret->outcome = MX_ROUTE_TRY_AGAIN;
		ret->reason = !mx->known ? MX_ROUTE_WHY_UNANSWERED :
			      mx->state == MX_BOGUS ? MX_ROUTE_WHY_MX_BOGUS :
						      MX_ROUTE_WHY_MX_FAILED;
	} else if (mx->kind == MX_ANSWER_NXDOMAIN) {
		ret->outcome = MX_ROUTE_NO_DOMAIN;
	} else if (is_null(route)) {
		ret->outcome = MX_ROUTE_NULL_MX;
	} else {
		judge_hosts(route, ret);
	}
}

static uint32_t domain_warnings(const struct mx_route *route)
{
	uint32_t warnings = 0;

	if (route->roots > 0 && route->host_count > 0)
		warnings |= WARN(NULL_MIXED);
	else if (route->roots > 0 && !route->root_is_null)
		warnings |= WARN(ROOT_PREFERENCE);
	if (route->hosts_left_out)
		warnings |= WARN(TOO_MANY);
	if (route->malformed)
		warnings |= WARN(MALFORMED);
	if (route->sts_record == MX_ROUTE_STS_SEVERAL)
		warnings |= WARN(STS_SEVERAL);
	if (route->sts_record == MX_ROUTE_STS_MALFORMED)
		warnings |= WARN(STS_MALFORMED);
	return warnings;
}

static void put_levels(const struct mx_route *route, struct mx_route_result *ret)
{
	ret->level_least = MX_ROUTE_LEVEL_DANE_ONLY;
	for (unsigned i = 0; i < ret->host_count; i++) {
		const struct mx_route_host *host = &ret->hosts[i];

		if (host->state != MX_ROUTE_HOST_USABLE)
			continue;
		ret->hosts_usable++;
		if (host->level < ret->level_least)
			ret->level_least = host->level;
		if (host->level > ret->level_most)
			ret->level_most = host->level;
	}
	if (ret->hosts_usable == 0 || route->hosts_left_out)
		ret->level_least = MX_ROUTE_LEVEL_MAY;
}

static void put_expiry(const struct mx_route *route, struct mx_route_result *ret)
{
	ret->expires_ms = INT64_MAX;
#define SOONER(fact) \
	if ((fact)->known && (fact)->expires_ms < ret->expires_ms) \
		ret->expires_ms = (fact)->expires_ms
	SOONER(&route->mx);
	SOONER(&route->sts);
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = 0; slot < SLOTS; slot++)
			if (host_needs(route, &route->hosts[i], slot))
				SOONER(&route->hosts[i].facts[slot]);
#undef SOONER
}

const struct mx_route_result *mx_route_result(struct mx_route *route)
{
	struct mx_route_result *ret = &route->result;

	memset(ret, 0, sizeof(*ret));
	ret->domain = route->destination.name;
	ret->port = route->destination.port;
	ret->implicit_mx = route->mx.known && !route->destination.is_host &&
			   route->mx.kind == MX_ANSWER_NODATA &&
			   !fact_failed(&route->mx);
	ret->mx_state = route->mx.state;
	ret->mx_owner = route->mx_owner;
	ret->hosts_left_out = route->hosts_left_out;
	ret->warnings = domain_warnings(route);
	ret->sts_record = route->sts_record;
	memcpy(ret->sts_id, route->sts_id, sizeof(ret->sts_id));
	ret->has_policy = route->has_policy;
	if (route->has_policy)
		ret->sts_mode = route->policy.mode;
	ret->questions = route->questions;
	put_hosts(route, ret);
	put_levels(route, ret);
	put_expiry(route, ret);
	judge(route, ret);
	return ret;
}
