/* list.c - what lies in the cache, for people. See mx_cache.h.
 *
 * The cursor is shard and bucket: the tables never grow, so a bucket stays
 * where it is. */
#include <string.h>

#include "cache.h"

/* While a shard's lock is held, as in snapshot_write.c. */
#define HOLD_ITEMS MX_CACHE_LIST_MIN
#define HOLD_BUCKETS 512u
/* Empty ones looked at in one call. */
#define CALL_BUCKETS 65536u

static void describe(const struct entry *e, mx_instant now,
		     struct mx_cache_item *ret)
{
	int64_t age_s = entry_age_s(e, now);

	ret->qname.len = e->qname_len;
	memcpy(ret->qname.octets, entry_qname(e), e->qname_len);
	ret->qtype = e->qtype;
	ret->kind = e->kind;
	ret->state = e->state;
	ret->ttl_left_s = (int64_t)e->ttl_s - age_s;
	ret->octets = (uint32_t)entry_octets(e);
	ret->ede = entry_ede(e);
}

static size_t chain_len(const struct entry *e)
{
	size_t len = 0;

	for (; e != NULL; e = e->chain)
		len++;
	return len;
}

/* With the lock, whole chains, so that the cursor need not say more than a
 * bucket; of one that is longer than there is room at all, which only happens
 * where all hash alike, the first. */
static size_t take_some(const struct shard *s, uint32_t *bucket, mx_instant now,
			struct mx_cache_item *ret, size_t room)
{
	uint32_t end = *bucket + HOLD_BUCKETS;
	size_t taken = 0;

	if (end > s->bucket_count)
		end = s->bucket_count;
	for (; *bucket < end; ++*bucket) {
		const struct entry *e = s->buckets[*bucket];

		if (taken > 0 && taken + chain_len(e) > room)
			break;
		for (; e != NULL && taken < room; e = e->chain)
			describe(e, now, &ret[taken++]);
	}
	return taken;
}

size_t mx_cache_list(struct mx_cache *cache, uint64_t *cursor, mx_instant now,
		     struct mx_cache_item *ret, size_t room)
{
	uint64_t shard = *cursor >> 32;
	uint32_t bucket = (uint32_t)*cursor;
	size_t taken = 0, looked = 0;

	while (shard < cache->shard_count && taken + HOLD_ITEMS <= room &&
	       looked < CALL_BUCKETS) {
		struct shard *s = &cache->shards[shard];

		shard_lock(s);
		taken += take_some(s, &bucket, now, ret + taken, HOLD_ITEMS);
		shard_unlock(s);
		looked += HOLD_BUCKETS;
		if (bucket >= s->bucket_count) {
			shard++;
			bucket = 0;
		}
	}
	*cursor = shard < cache->shard_count ? shard << 32 | bucket :
					       MX_CACHE_LIST_END;
	return taken;
}
