/* route_ask.c - a route from beginning to end, and its questions. See
 * mx_route.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mx_sts.h"
#include "route.h"
#include "route_packet.h"

static void give(struct mx_route *route)
{
	struct exchange host = { .name = route->destination.name };

	/* The name is the configuration's, so it is as good as secure. */
	route->mx.known = true;
	route->mx.state = MX_SECURE;
	route->mx.expires_ms = INT64_MAX;
	if (!route->destination.is_address)
		route_add_host(route, &host);
}

struct mx_route *mx_route_new(const struct mx_route_destination *destination,
			      const struct mx_route_options *options)
{
	struct mx_route *route = malloc(sizeof(*route));

	if (route == NULL)
		return NULL;
	memset(route, 0, offsetof(struct mx_route, hosts));
	route->destination = *destination;
	if (options != NULL)
		route->options = *options;
	route->mx_owner = destination->name;
	if (destination->is_host)
		give(route);
	return route;
}

void mx_route_free(struct mx_route *route)
{
	if (route == NULL)
		return;
	route_room_free(route->room);
	free(route);
}

/* ---- questions ---- */

struct asking {
	struct mx_route *route;
	struct mx_route_question *at;
	unsigned count, max;
};

/* Hosts may share a TLSA name: one question fills all their slots. */
static bool handed_before(const struct mx_route *route,
			  const struct mx_name *qname)
{
	struct mx_name other;
	uint16_t qtype;

	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = SLOT_TLSA_FINAL; slot < SLOTS; slot++) {
			const struct host *host = &route->hosts[i];

			if (host->facts[slot].handed &&
			    host_question(route, host, slot, &other, &qtype) &&
			    mx_name_equal(&other, qname))
				return true;
		}
	return false;
}

static void hand(struct asking *a, struct fact *fact,
		 const struct mx_name *qname, uint16_t qtype, bool early)
{
	struct mx_route_question *q;

	if (fact->known || fact->handed)
		return;
	if (qtype != MX_TYPE_TLSA || !handed_before(a->route, qname)) {
		if (a->count == a->max)
			return;
		q = &a->at[a->count++];
		q->qname = *qname;
		q->qtype = qtype;
		q->early = early;
		a->route->questions++;
	}
	fact->handed = true;
}

static void hand_slots(struct asking *a, bool early)
{
	struct mx_route *route = a->route;

	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = 0; slot < SLOTS; slot++) {
			struct host *host = &route->hosts[i];
			struct mx_name qname;
			uint16_t qtype;

			if ((early ? host_may_need : host_needs)(route, host,
								 slot) &&
			    host_question(route, host, slot, &qname, &qtype))
				hand(a, &host->facts[slot], &qname, qtype,
				     early);
		}
}

/* A host comes to need what another has asked: it need not wait, nor ask
 * again. */
static bool share(const struct mx_route *route, struct host *to,
		  enum slot to_slot)
{
	struct mx_name want, have;
	uint16_t qtype;

	if (!host_question(route, to, to_slot, &want, &qtype))
		return false;
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = SLOT_TLSA_FINAL; slot < SLOTS; slot++) {
			const struct host *from = &route->hosts[i];

			if (!from->facts[slot].known ||
			    !host_question(route, from, slot, &have, &qtype) ||
			    !mx_name_equal(&want, &have))
				continue;
			to->facts[to_slot] = from->facts[slot];
			to->tlsa[to_slot - SLOT_TLSA_FINAL] =
				from->tlsa[slot - SLOT_TLSA_FINAL];
			return true;
		}
	return false;
}

void route_settle(struct mx_route *route)
{
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = SLOT_TLSA_FINAL; slot < SLOTS; slot++) {
			struct host *host = &route->hosts[i];

			if (!host->facts[slot].known &&
			    host_needs(route, host, slot))
				share(route, host, slot);
		}
}

static bool wants_sts(const struct mx_route *route, struct mx_name *ret)
{
	return route->options.want_sts && !route->destination.is_host &&
	       mx_sts_record_name(&route->destination.name, ret);
}

unsigned mx_route_next(struct mx_route *route,
		       struct mx_route_question *ret, unsigned max)
{
	struct asking a = { .route = route, .at = ret, .max = max };
	struct mx_name name;

	hand(&a, &route->mx, &route->destination.name, MX_TYPE_MX, false);
	hand_slots(&a, false);
	if (wants_sts(route, &name))
		hand(&a, &route->sts, &name, MX_TYPE_TXT, false);
	if (route->options.ask_early)
		hand_slots(&a, true);
	return a.count;
}

bool mx_route_done(const struct mx_route *route)
{
	struct mx_name name;

	if (!route->mx.known || (!route->sts.known && wants_sts(route, &name)))
		return false;
	for (unsigned i = 0; i < route->host_count; i++)
		for (enum slot slot = 0; slot < SLOTS; slot++)
			if (!route->hosts[i].facts[slot].known &&
			    host_needs(route, &route->hosts[i], slot))
				return false;
	return true;
}

void mx_route_failed(struct mx_route *route,
		     const struct mx_route_question *question,
		     int64_t retry_ms)
{
	const struct mx_key key = { question->qname.octets,
				    question->qname.len, question->qtype,
				    MX_CLASS_IN };
	const struct mx_route_answer failure = {
		.kind = MX_ANSWER_FAILURE, .expires_ms = retry_ms,
	};

	route_hear(route, &key, &failure, NULL);
}

void mx_route_set_policy(struct mx_route *route,
			 const struct mx_route_policy *policy)
{
	route->has_policy = policy != NULL;
	if (policy != NULL)
		route->policy = *policy;
}
