/* cache.h - what the files of the cache share of struct mx_cache. */
#ifndef MX_CACHE_PRIVATE_H
#define MX_CACHE_PRIVATE_H

#include "shard.h"

struct mx_cache {
	struct memory memory;
	struct hasher hasher;
	size_t octets_max;
	uint32_t failure_min_s, failure_max_s;
	uint32_t stale_max_s;
	uint16_t refresh_hits; /* 0: never */
	uint32_t shard_count; /* a power of two */
	struct shard *shards;
};

struct shard *cache_locate(struct mx_cache *cache, const struct mx_key *key,
			   struct place *ret);
/* Which of a key's slots an answer belongs in. */
enum entry_slot cache_slot(const struct mx_answer *answer);
/* Built before the lock is taken: allocating may enter the kernel. NULL, and
 * *ret_refused says which of the shard's counters that goes to. */
struct entry *cache_build(struct mx_cache *cache, struct shard *s,
			  const struct mx_key *key, const struct place *place,
			  const struct mx_answer *answer, mx_instant now,
			  uint64_t **ret_refused);

/* ---- restore.c: answers out of a snapshot ---- */

/* What an entry was, beside its answer. */
struct past {
	mx_instant stored; /* may be before this boot: negative */
	uint16_t turn;
	uint8_t queue, uses;
};

enum restored { RESTORED, RESTORED_KNOWN, RESTORED_NO_ROOM };
/* Put what nothing in the cache contradicts. Records come in the order in
 * which a snapshot has them: what denies or doubts first. */
enum restored cache_restore(struct mx_cache *cache, const struct mx_key *key,
			    const struct mx_answer *answer,
			    const struct past *past, mx_instant now);
/* The last of them has come. */
void cache_restored(struct mx_cache *cache);

#endif
