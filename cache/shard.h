/* shard.h - one of the cache's parts: a hash table, a budget, a lock.
 *
 * Threads  all but init, clear, lock and unlock only with the lock held.
 * Memory   nothing is allocated or freed under the lock: what leaves is put
 *          on the caller's list of the dead, linked by chain, for
 *          shard_bury() once the lock is gone.
 *
 * The table is as large as it will ever be from the start, one bucket for
 * 128 octets of budget: hardly an entry is smaller, so chains stay short, and
 * there is no growing, which would hold the lock for milliseconds or fail.
 * The table of those that were evicted is of a fixed size too (evict.h).
 */
#ifndef MX_CACHE_SHARD_H
#define MX_CACHE_SHARD_H

#include <pthread.h>
#include <stdalign.h>

#include "entry.h"
#include "evict.h"
#include "hash.h"
#include "mx_cache.h"

struct shard {
	alignas(64) pthread_mutex_t lock;
	struct entry **buckets;
	uint32_t bucket_count;
	struct evict evict;
	void *evict_table;
	size_t evict_table_len;
	uint8_t *heard; /* until a snapshot is loaded, else NULL: see below */
	size_t heard_len;
	size_t octets, octets_max; /* of entries alone, as charged */
	size_t entries;
	uint64_t stored, replaced, evicted, expired, refused_too_big,
		refused_no_memory;
};

/* budget_octets: for tables and entries. On error nothing is held. */
enum mx_error shard_init(struct shard *s, const struct memory *m,
			 size_t budget_octets, bool will_load);
/* A zeroed shard is allowed. */
void shard_clear(struct shard *s, const struct memory *m);
/* What the tables take of the budget. */
size_t shard_tables_octets(const struct shard *s, const struct memory *m);

/* Without the lock: what will be looked at is on its way from memory while
 * the caller does something else. */
void shard_prefetch(const struct shard *s, const struct place *place);

void shard_lock(struct shard *s);
void shard_unlock(struct shard *s);

/* What a client gets at `now`, or NULL. In this order: an answer of the
 * type; NXDOMAIN of the name; a bogus answer; a failure. Counts what was
 * found too late. */
struct entry *shard_lookup(struct shard *s, const struct mx_key *key,
			   const struct place *place, mx_instant now);
/* What may be given in place of a failure, or NULL: the type's own answer,
 * past its TTL, if nothing was heard since that says otherwise. */
struct entry *shard_lookup_stale(const struct shard *s,
				 const struct mx_key *key,
				 const struct place *place, mx_instant now,
				 int64_t wall_ms, uint32_t max_s);
/* Live or not; NULL if the slot is empty. */
struct entry *shard_find(const struct shard *s, const struct mx_key *key,
			 const struct place *place, enum entry_slot slot);

/* ---- which names were heard of, one bit for as many as share a bucket ----
 *
 * A snapshot's answer for a name that was heard of since the start is dropped.
 * That it is dropped for a neighbour's sake too costs a question, no more. */

void shard_hear(struct shard *s, const struct place *place);
/* Of no one knows whom: of all. */
void shard_hear_all(struct shard *s);
bool shard_heard(const struct shard *s, const struct place *place);
/* Nothing will be loaded any more. The caller frees what is returned, which
 * is *ret_len octets long, without the lock: memory_free_table. */
uint8_t *shard_forget_heard(struct shard *s, size_t *ret_len);

/* A larger entry is not for this shard. */
bool shard_fits(const struct shard *s, enum entry_slot slot, size_t charge);
/* Evicts until there is room. e must fit, and its slot must be empty. */
void shard_insert(struct shard *s, const struct memory *m, struct entry *e,
		  mx_instant now, struct entry **dead);
void shard_remove(struct shard *s, const struct memory *m, struct entry *e,
		  struct entry **dead);
/* Remove all entries at or below a name, see entry_under. How many. */
size_t shard_flush(struct shard *s, const struct memory *m,
		   const uint8_t *qname, uint8_t qname_len, bool below,
		   struct entry **dead);
/* Free a list of the dead, without the lock. */
void shard_bury(const struct memory *m, struct entry *dead);

/* See mx_cache_check. */
const char *shard_check(const struct shard *s, const struct memory *m);

#endif
