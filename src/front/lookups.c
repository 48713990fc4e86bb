/* lookups.c - a worker's questions in flight and lookups: set up, tear down. */
#include <stdlib.h>

#include "lookups.h"
#include "mx_log.h"

void lookups_channel(struct mx_lookups *l, unsigned resolver, int fd)
{
	if (resolver < l->resolver_count)
		upstream_connect(l->upstream[resolver], fd);
	else
		mx_log(MX_LOG_ERROR, "pair to an unknown resolver %u", resolver);
}

void lookups_beat(struct mx_lookups *l)
{
	for (unsigned i = 0; i < l->resolver_count; i++)
		upstream_beat(l->upstream[i]);
	if (!event_pending(l->timer, EV_TIMEOUT, NULL))
		deadlines_arm(l, mx_clock_now());
	if (!event_pending(l->refresh_timer, EV_TIMEOUT, NULL))
		lookups_refresh_arm(l, mx_clock_now());
}

struct mx_lookups *lookups_new(struct event_base *base,
			       const struct mx_config *config,
			       struct mx_cache *cache, struct mx_limits *limits,
			       const struct mx_local *local,
			       struct mx_counters *counters)
{
	struct mx_lookups *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->base = base;
	l->config = config;
	l->cache = cache;
	l->limits = limits;
	l->local = local;
	l->counters = counters;
	TAILQ_INIT(&l->by_age);
	TAILQ_INIT(&l->by_deadline);
	TAILQ_INIT(&l->by_stale);
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->forgets);
	l->resolver_count = mx_config_resolvers(config);
	l->slot_count = config->in_flight_max < SLOTS_MAX
				? (uint32_t)config->in_flight_max
				: SLOTS_MAX;
	l->ttl_limits = (struct mx_ingest_limits){
		.ttl_max_s = (uint32_t)config->ttl_max,
		.negative_ttl_max_s = (uint32_t)config->negative_ttl_max,
		.bogus_ttl_max_s = (uint32_t)config->bogus_ttl_max,
	};
	l->by_slot = calloc(l->slot_count, sizeof(*l->by_slot));
	l->upstream = calloc(l->resolver_count, sizeof(struct upstream *));
	l->room = mx_ingest_room_new();
	l->stale = stale_rules_new(config);
	l->refreshes = refreshes_new();
	l->troubles = troubles_new();
	l->ahead = config->mail_prefetch ? ahead_new(l) : NULL;
	l->refresh_timer = evtimer_new(base, lookups_refresh_due, l);
	l->timer = evtimer_new(base, deadlines_due, l);
	l->deliver = event_new(base, -1, 0, lookups_deliver, l);
	if (!l->by_slot || !l->upstream || !l->room || !l->stale || !l->timer ||
	    !l->deliver || !l->troubles || !l->refreshes || !l->refresh_timer ||
	    (config->mail_prefetch && !l->ahead))
		goto fail;
	for (unsigned i = 0; i < l->resolver_count; i++)
		if (!(l->upstream[i] = upstream_new(l, base, i)))
			goto fail;
	return l;
fail:
	lookups_free(l);
	return NULL;
}

struct troubles *lookups_troubles(const struct mx_lookups *l)
{
	return l->troubles;
}

unsigned lookups_resolvers(const struct mx_lookups *l)
{
	return l->resolver_count;
}

struct lookups_resolver lookups_resolver(const struct mx_lookups *l,
					 unsigned resolver)
{
	return (struct lookups_resolver){
		.there = upstream_there(l->upstream[resolver]),
		.times = upstream_times(l->upstream[resolver]),
	};
}

void lookups_stop_ahead(struct mx_lookups *l)
{
	ahead_free(l->ahead);
	l->ahead = NULL;
}

void lookups_free(struct mx_lookups *l)
{
	if (!l)
		return;
	struct mx_question *question;
	struct mx_lookup *lookup;

	ahead_free(l->ahead);
	while (!TAILQ_EMPTY(&l->forgets))
		mx_forget_cancel(TAILQ_FIRST(&l->forgets));
	while ((question = TAILQ_FIRST(&l->by_age))) {
		question_detach(l, question);
		free(question);
	}
	TAILQ_FOREACH(lookup, &l->ready, by_deadline) {
		free(lookup->ready);
		lookup->ready = NULL;
	}
	for (unsigned i = 0; l->upstream && i < l->resolver_count; i++)
		upstream_free(l->upstream[i]);
	if (l->timer)
		event_free(l->timer);
	if (l->deliver)
		event_free(l->deliver);
	mx_ingest_room_free(l->room);
	stale_rules_free(l->stale);
	if (l->refresh_timer)
		event_free(l->refresh_timer);
	refreshes_free(l->refreshes);
	troubles_free(l->troubles);
	free(l->upstream);
	free(l->by_slot);
	free(l);
}
