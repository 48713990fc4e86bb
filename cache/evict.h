/* evict.h - who has to go when room is needed: S3-FIFO.
 *
 *                    asked for while it was in small
 *   new ----> small --------------------------------> main <--+ a round more
 *               |                                      ^ |    | for each use
 *               | else: gone, but                      | +----+
 *               v                                      | | else: gone
 *             ghosts ------- put again soon -----------+ v
 *
 * What is asked for once, as DNSBL names are, passes through small and leaves
 * main alone. A hit moves nothing, it only counts up to USES_MAX. Small is a
 * tenth of the octets; it may have more while main does not need them.
 *
 * Failures have a queue and octets of their own. So no failure, however many
 * there are, pushes out an answer, and no answer a failure that still says
 * "not now" (RFC 9520 section 3.2).
 *
 * An entry whose lifetime is over gets no round more, and the oldest of main
 * goes before anybody else if it is one.
 *
 * Units    octets: as charged (memory.h), because answers differ a
 *          thousandfold in size.
 * Threads  all with the shard's lock.
 * Work     bounded: a call moves at most some hundred entries, in the long run
 *          one for each hit.
 */
#ifndef MX_CACHE_EVICT_H
#define MX_CACHE_EVICT_H

#include "entry.h"
#include "ghosts.h"

#define USES_MAX 3u

enum queue_name { QUEUE_SMALL, QUEUE_MAIN, QUEUE_FAILED, QUEUES };

struct queue {
	struct entry *oldest, *newest;
	size_t entries, octets;
};

struct evict {
	struct queue queues[QUEUES];
	struct ghosts ghosts;
	size_t answers_max, small_max, failed_max; /* octets */
};

/* Octets of the table that evict_init wants for a shard of so many octets. */
size_t evict_table_octets(size_t budget_octets);
/* octets_max: of all entries. table: zeroed, stays the caller's. */
void evict_init(struct evict *v, size_t octets_max, void *table,
		size_t table_octets);

/* Whether an entry of so many octets may come in at all: one answer may not
 * empty a shard. */
bool evict_fits(const struct evict *v, enum entry_slot slot, size_t charge);
/* Who has to leave before e may enter; NULL: there is room. To be called
 * until then. e must fit. */
struct entry *evict_next(struct evict *v, const struct memory *m,
			 const struct entry *e, size_t charge, mx_instant now);
/* There must be room. */
void evict_enter(struct evict *v, struct entry *e, size_t charge);
/* An entry goes, for whatever reason. */
void evict_leave(struct evict *v, struct entry *e, size_t charge);
/* e, which is not in yet, takes the place of old, which is about to leave: a
 * new answer to the same question is no stranger. */
void evict_inherit(struct entry *e, const struct entry *old, mx_instant now);
/* An entry was given to a client. */
void evict_touch(struct evict *v, struct entry *e);
/* NULL, or static text naming what is broken. */
const char *evict_check(const struct evict *v, const struct memory *m);

#endif
