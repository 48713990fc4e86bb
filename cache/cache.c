/* cache.c - the calls of mx_cache.h: find the shard, lock it, copy. */
#include "mx_cache.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "mx_ede.h"

#define SHARDS_MAX 256u

/* RFC 8767 section 5 recommends it. */
#define STALE_TTL_S 30u
#define SHARD_OCTETS_MIN (1024u * 1024u)

/* RFC 9520 section 3.2 lets no failure last longer than five minutes; the
 * next one within as long again goes on from there. It is not less, because
 * a question to dead servers takes a minute to fail: its back-off would
 * start anew each time. */
#define FAILURE_MEMORY_S 300

/* ---- making ---- */

/* As many as there are MiB, so that a lock is rarely contended for and the
 * quarter of a shard still takes the longest answer. */
static uint32_t shards_for(size_t size_octets)
{
	uint32_t count = 1;

	while (count < SHARDS_MAX && size_octets / SHARD_OCTETS_MIN >= 2 * count)
		count *= 2;
	return count;
}

static size_t shards_len(const struct mx_cache *cache)
{
	return cache->shard_count * sizeof *cache->shards;
}

static size_t fixed_octets(const struct mx_cache *cache)
{
	return sizeof *cache + memory_charge(&cache->memory, shards_len(cache));
}

static enum mx_error shards_new(struct mx_cache *cache, bool will_load)
{
	size_t fixed = fixed_octets(cache);
	enum mx_error err = MX_OK;

	if (fixed > cache->octets_max)
		return MX_E_CONFIG;
	cache->shards = memory_alloc_table(&cache->memory, shards_len(cache));
	if (cache->shards == NULL)
		return MX_E_NO_MEMORY;
	for (uint32_t i = 0; i < cache->shard_count && err == MX_OK; i++)
		err = shard_init(&cache->shards[i], &cache->memory,
				 (cache->octets_max - fixed) / cache->shard_count,
				 will_load);
	return err;
}

enum mx_error mx_cache_new(const struct mx_cache_config *config,
			   struct mx_cache **ret)
{
	struct mx_cache *cache;
	enum mx_error err;

	if (config->size_octets < MX_CACHE_SIZE_MIN)
		return MX_E_CONFIG;
	cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		return MX_E_NO_MEMORY;
	err = memory_init(&cache->memory);
	if (err != MX_OK) {
		free(cache);
		return err;
	}
	cache->octets_max = config->size_octets;
	cache->shard_count = shards_for(config->size_octets);
	cache->failure_min_s = config->failure_ttl_min_s > 0 ?
		config->failure_ttl_min_s : 1;
	cache->failure_max_s = config->failure_ttl_max_s > cache->failure_min_s ?
		config->failure_ttl_max_s : cache->failure_min_s;
	cache->stale_max_s = config->stale_max_s;
	cache->refresh_hits = config->refresh_hits;
	err = hasher_init(&cache->hasher, config->hash_key,
			  config->hash_constant);
	if (err == MX_OK)
		err = shards_new(cache, config->will_load);
	if (err != MX_OK) {
		mx_cache_free(cache);
		return err;
	}
	*ret = cache;
	return MX_OK;
}

void mx_cache_free(struct mx_cache *cache)
{
	if (cache == NULL)
		return;
	if (cache->shards != NULL) {
		for (uint32_t i = 0; i < cache->shard_count; i++)
			shard_clear(&cache->shards[i], &cache->memory);
		memory_free_table(&cache->memory, cache->shards,
				  shards_len(cache));
	}
	memory_clear(&cache->memory);
	free(cache);
}

struct shard *cache_locate(struct mx_cache *cache, const struct mx_key *key,
			   struct place *ret)
{
	hash_place(&cache->hasher, key, ret);
	return &cache->shards[ret->shard & (cache->shard_count - 1)];
}

/* ---- get ---- */

static void describe(const struct entry *e, const struct mx_form *form,
		     bool stale, uint32_t age_s, struct mx_found *ret)
{
	size_t why_len;
	const char *why = entry_why(e, &why_len);

	ret->kind = e->kind;
	ret->state = e->state;
	ret->rcode = e->rcode;
	ret->ede = entry_ede(e);
	memcpy(ret->why, why, why_len);
	ret->why[why_len] = '\0';
	ret->ancount = form->ancount;
	ret->nscount = form->nscount;
	ret->arcount = form->arcount;
	ret->len = form->len;
	ret->expires = e->stored + (mx_instant)e->ttl_s * 1000;
	ret->stale = stale;
	ret->ttl_left_s = stale ? 0 : e->ttl_s - age_s;
	ret->refresh = false;
}

/* The hits so far are what turned it. */
static bool mark(const struct mx_cache *cache, struct entry *e)
{
	if (e->marked || cache->refresh_hits == 0 ||
	    e->turn + e->awaited < cache->refresh_hits ||
	    (e->slot != SLOT_ANSWER && e->slot != SLOT_NXDOMAIN))
		return false;
	e->marked = 1;
	return true;
}

/* stale: it is no longer live. */
static void give(const struct mx_cache *cache, struct shard *s,
		 struct entry *e, mx_instant now, bool stale, bool full,
		 uint8_t *out, size_t room, struct mx_found *ret)
{
	uint32_t age_s = entry_age_s(e, now);
	struct mx_form form;

	entry_form(e, full, &form);
	describe(e, &form, stale, age_s, ret);
	ret->copied = form.len <= room;
	if (stale) {
		if (ret->copied)
			mx_form_write_stale(&form, STALE_TTL_S, out);
	} else {
		if (ret->copied && form.len > 0)
			mx_form_write(&form, age_s, e->turn++, out);
		ret->refresh = mark(cache, e);
	}
	evict_touch(&s->evict, e);
}

enum mx_hit mx_cache_get(struct mx_cache *cache, const struct mx_key *key,
			 mx_instant now, bool full, uint8_t *out, size_t room,
			 struct mx_found *ret)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *e;

	shard_lock(s);
	e = shard_lookup(s, key, &place, now);
	if (e != NULL)
		give(cache, s, e, now, false, full, out, room, ret);
	shard_unlock(s);
	return e != NULL ? MX_HIT : MX_MISS;
}

enum mx_hit mx_cache_get_stale(struct mx_cache *cache, const struct mx_key *key,
			       mx_instant now, int64_t wall_ms, bool full,
			       uint8_t *out, size_t room, struct mx_found *ret)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *e;

	shard_lock(s);
	e = shard_lookup_stale(s, key, &place, now, wall_ms,
			       cache->stale_max_s);
	if (e != NULL)
		give(cache, s, e, now, true, full, out, room, ret);
	shard_unlock(s);
	return e != NULL ? MX_HIT : MX_MISS;
}

enum mx_hit mx_cache_peek(struct mx_cache *cache, const struct mx_key *key,
			  mx_instant now, bool full, uint8_t *out, size_t room,
			  struct mx_found *ret)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct mx_form form;
	struct entry *e;

	shard_lock(s);
	e = shard_lookup(s, key, &place, now);
	if (e != NULL) {
		entry_form(e, full, &form);
		describe(e, &form, false, entry_age_s(e, now), ret);
		ret->copied = form.len <= room;
		if (ret->copied && form.len > 0)
			mx_form_write(&form, entry_age_s(e, now), e->turn, out);
	}
	shard_unlock(s);
	return e != NULL ? MX_HIT : MX_MISS;
}

bool mx_cache_has(struct mx_cache *cache, const struct mx_key *key,
		  mx_instant now)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	bool has;

	shard_lock(s);
	has = shard_lookup(s, key, &place, now) != NULL;
	shard_unlock(s);
	return has;
}

/* ---- put ---- */

/* An NXDOMAIN with an alias before it speaks of the alias's target, not of
 * the QNAME. And only a validated one is believed for types that were not
 * asked: servers exist that deny the name where only the type is missing (RFC
 * 4074 section 4.2), and an A denied because AAAA was bounces mail. */
enum entry_slot cache_slot(const struct mx_answer *answer)
{
	if (answer->kind == MX_ANSWER_FAILURE)
		return SLOT_FAILURE;
	if (answer->state == MX_BOGUS)
		return SLOT_BOGUS;
	if (answer->kind == MX_ANSWER_NXDOMAIN &&
	    answer->state == MX_SECURE && answer->full.ancount == 0)
		return SLOT_NXDOMAIN;
	return SLOT_ANSWER;
}

/* by: what comes in its stead, or NULL. */
static void drop(struct mx_cache *cache, struct shard *s,
		 const struct mx_key *key, const struct place *place,
		 enum entry_slot slot, struct entry *by, mx_instant now,
		 struct entry **dead)
{
	struct entry *e = shard_find(s, key, place, slot);

	if (e == NULL)
		return;
	if (by != NULL)
		evict_inherit(by, e, now);
	shard_remove(s, &cache->memory, e, dead);
	s->replaced++;
}

/* What a new answer makes untrue, whether or not there is room for it. A
 * bogus one makes nothing untrue but what else went wrong. */
static void drop_superseded(struct mx_cache *cache, struct shard *s,
			    const struct mx_key *key, const struct place *place,
			    enum entry_slot slot, struct entry *by,
			    mx_instant now, struct entry **dead)
{
	drop(cache, s, key, place, SLOT_BOGUS, by, now, dead);
	drop(cache, s, key, place, SLOT_FAILURE, by, now, dead);
	if (slot == SLOT_BOGUS)
		return;
	drop(cache, s, key, place, SLOT_ANSWER, by, now, dead);
	drop(cache, s, key, place, SLOT_NXDOMAIN, by, now, dead);
}

/* libunbound counts in whole seconds: in the second in which an answer runs
 * out it gives it once more, with TTL 0. That is the old answer's own echo,
 * and would otherwise end it just before it may be needed as a stale one. */
static bool is_echo(const struct shard *s, const struct mx_key *key,
		    const struct place *place, const struct mx_answer *answer)
{
	const struct entry *e;

	if (answer->ttl_s > 0 || cache_slot(answer) != SLOT_ANSWER)
		return false;
	e = shard_find(s, key, place, SLOT_ANSWER);
	return e != NULL && e->may_stale && entry_says(e, answer);
}

static bool sane(const struct mx_key *key, const struct mx_answer *answer)
{
	return key->qname_len > 0 && answer->plain.len <= MX_MESSAGE_MAX &&
		answer->full.len <= MX_MESSAGE_MAX;
}

struct entry *cache_build(struct mx_cache *cache, struct shard *s,
			  const struct mx_key *key, const struct place *place,
			  const struct mx_answer *answer, mx_instant now,
			  uint64_t **ret_refused)
{
	enum entry_slot slot = cache_slot(answer);
	struct entry *e;

	*ret_refused = &s->refused_too_big;
	if (!sane(key, answer) ||
	    !shard_fits(s, slot, memory_charge(&cache->memory,
					       entry_octets_needed(key, answer))))
		return NULL;
	e = entry_new(&cache->memory, key, slot,
		      slot == SLOT_NXDOMAIN ? place->spot_nxdomain : place->spot,
		      answer, now);
	*ret_refused = e == NULL ? &s->refused_no_memory : NULL;
	return e;
}

bool mx_cache_put(struct mx_cache *cache, const struct mx_key *key,
		  const struct mx_answer *answer, mx_instant now)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *e = NULL, *dead = NULL;
	uint64_t *refused = NULL;

	if (answer->kind == MX_ANSWER_FAILURE)
		return false;
	if (answer->ttl_s > 0)
		e = cache_build(cache, s, key, &place, answer, now, &refused);
	shard_lock(s);
	shard_hear(s, &place);
	if (is_echo(s, key, &place, answer)) {
		drop(cache, s, key, &place, SLOT_BOGUS, NULL, now, &dead);
		drop(cache, s, key, &place, SLOT_FAILURE, NULL, now, &dead);
		drop(cache, s, key, &place, SLOT_NXDOMAIN, NULL, now, &dead);
	} else {
		drop_superseded(cache, s, key, &place, cache_slot(answer), e,
				now, &dead);
	}
	if (e != NULL) {
		shard_insert(s, &cache->memory, e, now, &dead);
		s->stored++;
	} else if (refused != NULL) {
		++*refused;
	}
	shard_unlock(s);
	shard_bury(&cache->memory, dead);
	return e != NULL;
}

/* ---- failures ---- */

/* Seconds that a failure now lasts, after the last one, if any. */
static uint32_t back_off(const struct mx_cache *cache, const struct entry *last,
			 mx_instant now)
{
	uint32_t longer;

	if (last == NULL ||
	    entry_age_s(last, now) >= (uint64_t)last->ttl_s + FAILURE_MEMORY_S)
		return cache->failure_min_s;
	longer = last->ttl_s > cache->failure_max_s / 2 ?
		cache->failure_max_s : last->ttl_s * 2;
	return longer > cache->failure_min_s ? longer : cache->failure_min_s;
}

uint32_t mx_cache_put_failure(struct mx_cache *cache, const struct mx_key *key,
			      uint16_t ede, const char *why, mx_instant now)
{
	return mx_cache_put_failure_least(cache, key, ede, why, 0, now);
}

uint32_t mx_cache_put_failure_least(struct mx_cache *cache,
				    const struct mx_key *key, uint16_t ede,
				    const char *why, uint32_t least_s,
				    mx_instant now)
{
	const struct mx_answer failure = {
		.kind = MX_ANSWER_FAILURE, .state = MX_INDETERMINATE,
		.rcode = MX_RCODE_SERVFAIL, .ede = ede, .why = why,
	};
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *dead = NULL, *last, *e;
	uint64_t *refused;
	uint32_t ttl_s;

	e = cache_build(cache, s, key, &place, &failure, now, &refused);
	shard_lock(s);
	last = shard_find(s, key, &place, SLOT_FAILURE);
	if (last != NULL && entry_live(last, now)) {
		/* Another worker's word of the same outage. */
		ttl_s = last->ttl_s - entry_age_s(last, now);
		if (e != NULL) {
			e->chain = dead;
			dead = e;
		}
	} else {
		ttl_s = back_off(cache, last, now);
		ttl_s = ttl_s > least_s ? ttl_s : least_s;
		if (e != NULL) {
			e->ttl_s = ttl_s;
			drop(cache, s, key, &place, SLOT_FAILURE, e, now, &dead);
			shard_insert(s, &cache->memory, e, now, &dead);
			s->stored++;
		} else if (refused != NULL) {
			++*refused;
		}
	}
	shard_unlock(s);
	shard_bury(&cache->memory, dead);
	return ttl_s;
}

/* ---- the rest ---- */

size_t mx_cache_flush(struct mx_cache *cache, const uint8_t *qname,
		      uint8_t qname_len, bool below)
{
	const struct mx_key key = { .qname = qname, .qname_len = qname_len };
	struct place place;
	const struct shard *only = below ? NULL : cache_locate(cache, &key, &place);
	size_t flushed = 0;

	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *s = &cache->shards[i];
		struct entry *dead = NULL;

		if (only != NULL && s != only)
			continue;
		shard_lock(s);
		/* What is flushed must not come back out of a file. */
		shard_hear_all(s);
		flushed += shard_flush(s, &cache->memory, qname, qname_len,
				       below, &dead);
		shard_unlock(s);
		shard_bury(&cache->memory, dead);
	}
	return flushed;
}

size_t mx_cache_flush_type(struct mx_cache *cache, const struct mx_key *key)
{
	struct place place;
	struct shard *s = cache_locate(cache, key, &place);
	struct entry *dead = NULL, *e;
	size_t flushed = 0;

	shard_lock(s);
	shard_hear_all(s);
	for (int slot = SLOT_ANSWER; slot <= SLOT_NXDOMAIN; slot++) {
		e = shard_find(s, key, &place, (enum entry_slot)slot);
		if (e == NULL)
			continue;
		shard_remove(s, &cache->memory, e, &dead);
		flushed++;
	}
	shard_unlock(s);
	shard_bury(&cache->memory, dead);
	return flushed;
}

void mx_cache_stats(struct mx_cache *cache, struct mx_cache_stats *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->octets_max = cache->octets_max;
	ret->octets = fixed_octets(cache);
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *s = &cache->shards[i];

		shard_lock(s);
		ret->octets += s->octets + shard_tables_octets(s, &cache->memory);
		ret->entries += s->entries;
		ret->stored += s->stored;
		ret->replaced += s->replaced;
		ret->evicted += s->evicted;
		ret->expired += s->expired;
		ret->refused_too_big += s->refused_too_big;
		ret->refused_no_memory += s->refused_no_memory;
		shard_unlock(s);
	}
}

const char *mx_cache_check(struct mx_cache *cache)
{
	const char *broken = NULL;

	for (uint32_t i = 0; i < cache->shard_count && broken == NULL; i++) {
		shard_lock(&cache->shards[i]);
		broken = shard_check(&cache->shards[i], &cache->memory);
		shard_unlock(&cache->shards[i]);
	}
	return broken;
}
