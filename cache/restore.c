/* restore.c - answers out of a snapshot, put where nothing contradicts them.
 *
 * Whatever was put since the cache was made is later than the file, so its
 * name is left alone (shard_heard). What remains are the file's own records
 * about one name. They were not all written at the same moment: a name's
 * NXDOMAIN may have been ended by an answer before that answer was written, and
 * then the file has both. Of two that cannot both be true the later one
 * stays, as it would have in the cache. */
#include "cache.h"

/* old makes way for what is later; else both stay, as they do in the cache
 * when NXDOMAIN or a bogus answer comes last. */
static void end_older(struct mx_cache *cache, struct shard *s,
		      struct entry *old, mx_instant stored,
		      struct entry **dead)
{
	if (old != NULL && old->stored < stored)
		shard_remove(s, &cache->memory, old, dead);
}

static bool contradicted(const struct shard *s, const struct mx_key *key,
			 const struct place *place, const struct entry *e)
{
	const struct entry *answer;

	if (shard_heard(s, place) || shard_find(s, key, place, e->slot) != NULL)
		return true;
	if (e->slot == SLOT_ANSWER)
		return false;
	answer = shard_find(s, key, place, SLOT_ANSWER);
	return answer != NULL && answer->stored > e->stored;
}

static void insert(struct mx_cache *cache, struct shard *s,
		   const struct mx_key *key, const struct place *place,
		   struct entry *e, mx_instant now, struct entry **dead)
{
	if (e->slot == SLOT_ANSWER) {
		end_older(cache, s, shard_find(s, key, place, SLOT_NXDOMAIN),
			  e->stored, dead);
		end_older(cache, s, shard_find(s, key, place, SLOT_BOGUS),
			  e->stored, dead);
	}
	shard_insert(s, &cache->memory, e, now, dead);
}

enum restored cache_restore(struct mx_cache *cache, const struct mx_key *key,
			    const struct mx_answer *answer,
			    const struct past *past, mx_instant now)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *dead = NULL, *e;
	uint64_t *refused;
	bool known;

	shard_prefetch(s, &place);
	e = cache_build(cache, s, key, &place, answer, past->stored, &refused);
	if (e == NULL)
		return RESTORED_NO_ROOM;
	e->turn = past->turn;
	e->queue = past->queue & 3u;
	e->uses = past->uses & 3u;
	shard_lock(s);
	known = contradicted(s, key, &place, e);
	if (!known)
		insert(cache, s, key, &place, e, now, &dead);
	shard_unlock(s);
	if (known)
		entry_free(&cache->memory, e);
	shard_bury(&cache->memory, dead);
	return known ? RESTORED_KNOWN : RESTORED;
}

void cache_restored(struct mx_cache *cache)
{
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *s = &cache->shards[i];
		uint8_t *heard;
		size_t len;

		shard_lock(s);
		heard = shard_forget_heard(s, &len);
		shard_unlock(s);
		memory_free_table(&cache->memory, heard, len);
	}
}
