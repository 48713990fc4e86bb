/* status.h - how the daemon does: what its workers count, summed up when
 * somebody asks, and what of it was so a minute and five minutes ago.
 *
 * Owns     samples: one of all counters every STATUS_SAMPLE_MS, for five
 *          minutes, some 250 KiB.
 * Threads  in the loop it was made for. What workers write is read as they
 *          write it, so numbers among each other may be a query apart.
 */
#ifndef STATUS_H
#define STATUS_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>

#include "../front/troubles.h"
#include "mx_cache.h"
#include "mx_config.h"
#include "mx_counters.h"
#include "mx_ede.h"
#include "mx_latency.h"

#define STATUS_SAMPLE_MS 10000
#define STATUS_RESOLVERS_MAX 16u /* as many as `resolvers` allows */
#define STATUS_WORST 20u

/* Of each worker; all borrowed for life. */
struct status_worker {
	const struct mx_counters *counters;
	const struct mx_latency *latency;
	const struct mx_ede_counts *edes;
	struct troubles *troubles;
};

/* What a self-test may have found, NULL at the end. */
extern const char *const status_self_test_words[];

/* What there is now. */
struct status_live {
	uint32_t waiting, questions, tcp; /* lookups, in flight, connections */
	const char *self_test; /* one of the words */
	unsigned resolver_count;
	struct {
		bool up;
		unsigned restarts; /* since this front has begun */
	} resolver[STATUS_RESOLVERS_MAX];
};

struct status_sources {
	const struct mx_config *config;
	struct mx_cache *cache;
	unsigned worker_count;
	const struct status_worker *workers;
	void (*look)(void *arg, struct status_live *ret);
	void *arg;
};

struct status;
/* NULL: no memory. */
struct status *status_new(struct event_base *base,
			  const struct status_sources *sources);
void status_free(struct status *status); /* NULL is fine */

const struct status_sources *status_sources(const struct status *status);
void status_look(const struct status *status, struct status_live *ret);
/* Clients get answers: a resolver is there, or the cache has something. */
bool status_ready(const struct status *status);
mx_instant status_up_ms(const struct status *status);

/* Over all workers. */
void status_counters(const struct status *status, struct mx_counters *ret);
uint64_t status_ede(const struct status *status, unsigned row);
void status_latency(const struct status *status, enum mx_latency_class class,
		    enum mx_latency_group group, struct mx_latency_sum *ret);

/* As docs/control.md has them; NULL: no memory. */
json_t *status_json(const struct status *status);
json_t *status_stats_json(const struct status *status);

#endif
