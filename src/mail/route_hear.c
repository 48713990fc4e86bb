/* route_hear.c - answers made into facts. See route.h. */
#include "route.h"

#include <string.h>

#include "dane.h"
#include "mx_sts.h"
#include "said.h"

/* ---- MX ---- */

/* The hosts by preference; bad are those whose names no host can have: they are
 * shown if there is room. */
struct mx_reading {
	struct mx_route *route;
	bool any;
	struct exchanges good, bad;
};

/* Where among hosts of equal preference: by the seed and the name, so that
 * neither the order of the RRs nor that of answers has a say. FNV-1a, ended as
 * in SplitMix64; whoever picks names for it gains what he could have said by
 * preference. */
static uint64_t rank(uint64_t seed, const struct mx_name *name)
{
	uint64_t hash = seed ^ 0xcbf29ce484222325u;

	for (unsigned i = 0; i < name->len; i++)
		hash = (hash ^ name->octets[i]) * 0x100000001b3u;
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
	return hash ^ hash >> 31;
}

static bool is_own(const struct mx_route *route, const struct mx_name *name)
{
	for (unsigned i = 0; i < route->options.own_count; i++)
		if (mx_name_equal(&route->options.own[i], name))
			return true;
	return false;
}

static void note_own(struct mx_route *route, const struct exchange *exchange)
{
	if (!is_own(route, &exchange->name))
		return;
	if (!route->has_own || exchange->preference < route->own_preference)
		route->own_preference = exchange->preference;
	route->has_own = true;
}

static void note_root(struct mx_route *route, const struct exchange *exchange)
{
	route->roots++;
	route->root_is_null |= exchange->preference == 0;
}

static void hear_exchange(void *arg, struct mx_in rdata)
{
	struct mx_reading *r = arg;
	struct exchange exchange;
	bool underscore;

	if (!exchange_read(rdata, &exchange)) {
		r->route->malformed = true;
		return;
	}
	if (exchange.name.len == 1) {
		note_root(r->route, &exchange);
		return;
	}
	mx_name_lower(exchange.name.octets, exchange.name.len);
	exchange.rank = rank(r->route->options.seed, &exchange.name);
	note_own(r->route, &exchange);
	exchanges_keep(host_name_verdict(&exchange.name, &underscore) ==
		       MX_ROUTE_HOST_USABLE ? &r->good : &r->bad, &exchange);
}

/* In its place by preference. */
void route_add_host(struct mx_route *route, const struct exchange *exchange)
{
	unsigned i = route->host_count;
	struct host *host;

	if (i == MX_ROUTE_HOSTS_MAX)
		return;
	for (; i > 0; i--) {
		const struct exchange *e = &route->hosts[i - 1].exchange;

		if (e->preference < exchange->preference ||
		    (e->preference == exchange->preference &&
		     e->rank <= exchange->rank))
			break;
		route->hosts[i] = route->hosts[i - 1];
	}
	route->host_count++;
	host = &route->hosts[i];
	memset(host, 0, sizeof(*host));
	host->exchange = *exchange;
	host->verdict = host_name_verdict(&exchange->name, &host->underscore);
	for (int f = 0; f < 2; f++)
		host->families[f].final = exchange->name;
}

static void add_hosts(struct mx_route *route, const struct exchanges *from)
{
	for (unsigned i = 0; i < from->count; i++)
		route_add_host(route, &from->at[i]);
}

/* Those left out come after the last that is kept; at or past our own
 * preference nobody misses them. */
static bool misses_some(const struct mx_route *route,
			const struct exchanges *good)
{
	return good->left_out > 0 &&
	       !(route->has_own && route->own_preference <=
				   good->at[good->count - 1].preference);
}

static void hear_mx(struct mx_route *route, const struct mx_key *key,
		    const struct mx_route_answer *answer, struct mx_in *in)
{
	struct mx_reading r = { .route = route, .good.max = MX_ROUTE_HOSTS_MAX,
				.bad.max = MX_ROUTE_HOSTS_MAX };
	struct said said;

	said_read(key, in, answer->form->ancount, hear_exchange, &r, &said);
	route->mx.alias_count = said.alias_count;
	route->mx_owner = said.final;
	mx_name_lower(route->mx_owner.octets, route->mx_owner.len);
	if (answer->kind == MX_ANSWER_NODATA) {
		struct exchange itself = { .name = route->destination.name };

		note_own(route, &itself);
		route_add_host(route, &itself);
		return;
	}
	add_hosts(route, &r.good);
	add_hosts(route, &r.bad);
	route->hosts_left_out = misses_some(route, &r.good);
}

/* ---- addresses ---- */

struct address_reading {
	struct family *family;
	bool is_ipv6;
	bool given; /* the host is the configuration's: a filter on this host,
		       say */
	enum mx_validation state;
};

static void hear_address(void *arg, struct mx_in rdata)
{
	struct address_reading *r = arg;
	struct family *family = r->family;
	struct mx_route_address address = { .is_ipv6 = r->is_ipv6,
					    .state = r->state };
	size_t len = r->is_ipv6 ? 16 : 4;
	const uint8_t *octets = mx_in_octets(&rdata, len);

	if (mx_in_end(&rdata) != MX_OK)
		return;
	memcpy(address.octets, octets, len);
	enum address_scope scope = address_scope(&address);

	if (scope == ADDRESS_NOWHERE && !r->given) {
		family->nowhere++;
	} else if (family->count == MX_ROUTE_FAMILY_MAX) {
		family->more++;
	} else {
		family->private |= scope == ADDRESS_PRIVATE;
		family->at[family->count++] = address;
	}
}

/* ---- TLSA ---- */

static void hear_tlsa(void *arg, struct mx_in rdata)
{
	struct tlsa_set *set = arg;
	struct mx_route_tlsa tlsa;

	tlsa_read(rdata, &tlsa);
	set->count++;
	set->usable += tlsa.reason == MX_ROUTE_TLSA_USABLE;
	if (set->kept < MX_ROUTE_TLSA_MAX)
		set->at[set->kept++] = tlsa;
}

static void hear_addresses(struct host *host, enum slot slot, bool given,
			   const struct mx_key *key,
			   const struct mx_route_answer *answer,
			   struct mx_in *in)
{
	struct family *family = &host->families[slot];
	struct fact *fact = &host->facts[slot];
	struct address_reading r = { family, slot == SLOT_AAAA, given,
				     answer->state };
	struct said said;

	said_read(key, in, answer->form->ancount, hear_address, &r, &said);
	fact->alias_count = said.alias_count;
	family->final = said.final;
	mx_name_lower(family->final.octets, family->final.len);
	/* Positive, and nothing that can be read: that says no more than a
	 * failure, least of all that there is nothing. */
	if (family->count + family->nowhere + family->more == 0)
		fact->kind = MX_ANSWER_FAILURE;
}

static void hear_host(struct host *host, enum slot slot, bool given,
		      const struct mx_key *key,
		      const struct mx_route_answer *answer, struct mx_in *in)
{
	struct tlsa_set *set;
	struct said said;

	if (slot <= SLOT_AAAA) {
		hear_addresses(host, slot, given, key, answer, in);
	} else if (slot >= SLOT_TLSA_FINAL) {
		set = &host->tlsa[slot - SLOT_TLSA_FINAL];
		said_read(key, in, answer->form->ancount, hear_tlsa, set,
			  &said);
		if (set->count == 0)
			host->facts[slot].kind = MX_ANSWER_FAILURE;
	}
}

/* ---- which question it is ---- */

static bool same_key(const struct mx_key *key, const struct mx_name *qname,
		     uint16_t qtype)
{
	return key->qtype == qtype && key->qclass == MX_CLASS_IN &&
	       key->qname_len == qname->len &&
	       memcmp(key->qname, qname->octets, qname->len) == 0;
}

static bool asks_mx(const struct mx_route *route)
{
	return !route->destination.is_host;
}

static bool is_mx(const struct mx_route *route, const struct mx_key *key)
{
	return asks_mx(route) &&
	       same_key(key, &route->destination.name, MX_TYPE_MX);
}

static bool is_sts(const struct mx_route *route, const struct mx_key *key)
{
	struct mx_name qname;

	return asks_mx(route) && route->options.want_sts &&
	       mx_sts_record_name(&route->destination.name, &qname) &&
	       same_key(key, &qname, MX_TYPE_TXT);
}

static bool is_slot(const struct mx_route *route, const struct host *host,
		    enum slot slot, const struct mx_key *key)
{
	struct mx_name qname;
	uint16_t qtype;

	return host_is_live(route, host) &&
	       host_question(route, host, slot, &qname, &qtype) &&
	       same_key(key, &qname, qtype);
}

bool route_has(const struct mx_route *route, const struct mx_key *key)
{
	if (is_mx(route, key) || is_sts(route, key))
		return true;
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = 0; slot < SLOTS; slot++)
			if (is_slot(route, &route->hosts[i], slot, key))
				return true;
	return false;
}

/* ---- take it ---- */

/* As of addresses: positive, and nothing that can be read. */
static bool says_nothing(const struct mx_route *route)
{
	return route->mx.kind == MX_ANSWER_POSITIVE &&
	       route->host_count == 0 && route->roots == 0;
}

static void note(struct fact *fact, const struct mx_route_answer *answer)
{
	fact->known = true;
	fact->kind = answer->kind;
	fact->state = answer->state;
	fact->expires_ms = answer->expires_ms;
}

static bool opened(const struct mx_key *key,
		   const struct mx_route_answer *answer,
		   struct mx_mail_room *room, struct mx_in *ret)
{
	return answer->kind != MX_ANSWER_FAILURE &&
	       answer->state != MX_BOGUS && answer->form != NULL &&
	       said_open(key, answer->form, room, ret);
}

static void take_mx(struct mx_route *route, const struct mx_key *key,
		    const struct mx_route_answer *answer,
		    struct mx_mail_room *room)
{
	struct mx_in in;

	note(&route->mx, answer);
	if (opened(key, answer, room, &in) &&
	    answer->kind != MX_ANSWER_NXDOMAIN)
		hear_mx(route, key, answer, &in);
	if (says_nothing(route) && answer->state != MX_BOGUS)
		route->mx.kind = MX_ANSWER_FAILURE;
}

static void take_sts(struct mx_route *route, const struct mx_key *key,
		     const struct mx_route_answer *answer,
		     struct mx_mail_room *room)
{
	const struct mx_mail_answer said = { .kind = answer->kind,
					     .state = answer->state,
					     .form = answer->form };

	note(&route->sts, answer);
	route->sts_record = mx_sts_record_read(key, &said, room, route->sts_id);
}

static void take_host(struct host *host, enum slot slot, bool given,
		      const struct mx_key *key,
		      const struct mx_route_answer *answer,
		      struct mx_mail_room *room)
{
	struct mx_in in;

	note(&host->facts[slot], answer);
	if (answer->kind == MX_ANSWER_POSITIVE &&
	    opened(key, answer, room, &in))
		hear_host(host, slot, given, key, answer, &in);
}

void route_hear(struct mx_route *route, const struct mx_key *key,
		const struct mx_route_answer *answer,
		struct mx_mail_room *room)
{
	if (is_mx(route, key)) {
		if (!route->mx.known)
			take_mx(route, key, answer, room);
		return;
	}
	if (is_sts(route, key)) {
		if (!route->sts.known)
			take_sts(route, key, answer, room);
		return;
	}
	/* Hosts may share a TLSA name. */
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = 0; slot < SLOTS; slot++) {
			struct host *host = &route->hosts[i];

			if (!host->facts[slot].known &&
			    is_slot(route, host, slot, key))
				take_host(host, slot,
					  route->destination.is_host, key,
					  answer, room);
		}
	route_settle(route);
}

void mx_route_answer(struct mx_route *route, const struct mx_key *key,
		     const struct mx_route_answer *answer,
		     struct mx_mail_room *room)
{
	route_hear(route, key, answer, room);
}
