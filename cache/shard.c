/* shard.c - see shard.h. */
#include "shard.h"

#include <string.h>

#include "mx_cold.h"

#define OCTETS_PER_BUCKET 128u

static size_t table_len(uint32_t bucket_count)
{
	return (size_t)bucket_count * sizeof(struct entry *);
}

static void free_tables(struct shard *s, const struct memory *m)
{
	memory_free_table(m, s->buckets, table_len(s->bucket_count));
	memory_free_table(m, s->evict_table, s->evict_table_len);
	memory_free_table(m, s->heard, s->heard_len);
	s->buckets = NULL;
	s->evict_table = NULL;
	s->heard = NULL;
}

enum mx_error shard_init(struct shard *s, const struct memory *m,
			 size_t budget_octets, bool will_load)
{
	size_t buckets = budget_octets / OCTETS_PER_BUCKET;
	size_t tables;

	memset(s, 0, sizeof *s);
	s->bucket_count = buckets > UINT32_MAX ? UINT32_MAX : (uint32_t)buckets;
	s->evict_table_len = evict_table_octets(budget_octets);
	s->heard_len = will_load ? s->bucket_count / 8 + 1 : 0;
	tables = shard_tables_octets(s, m);
	if (s->bucket_count == 0 || tables > budget_octets)
		return MX_E_CONFIG;
	s->octets_max = budget_octets - tables;
	s->buckets = memory_alloc_table(m, table_len(s->bucket_count));
	s->evict_table = memory_alloc_table(m, s->evict_table_len);
	if (will_load)
		s->heard = memory_alloc_table(m, s->heard_len);
	if (s->buckets == NULL || s->evict_table == NULL ||
	    (will_load && s->heard == NULL)) {
		free_tables(s, m);
		return MX_E_NO_MEMORY;
	}
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		free_tables(s, m);
		return MX_E_SYSTEM;
	}
	evict_init(&s->evict, s->octets_max, s->evict_table, s->evict_table_len);
	return MX_OK;
}

void shard_clear(struct shard *s, const struct memory *m)
{
	if (s->buckets == NULL)
		return;
	for (uint32_t i = 0; i < s->bucket_count; i++)
		shard_bury(m, s->buckets[i]);
	free_tables(s, m);
	pthread_mutex_destroy(&s->lock);
	memset(s, 0, sizeof *s);
}

size_t shard_tables_octets(const struct shard *s, const struct memory *m)
{
	return memory_charge(m, table_len(s->bucket_count)) +
		memory_charge(m, s->evict_table_len) +
		(s->heard_len > 0 ? memory_charge(m, s->heard_len) : 0);
}

void shard_lock(struct shard *s)
{
	pthread_mutex_lock(&s->lock);
}

void shard_unlock(struct shard *s)
{
	pthread_mutex_unlock(&s->lock);
}

static struct entry **bucket_of(const struct shard *s, uint32_t spot)
{
	return &s->buckets[hash_bucket(spot, s->bucket_count)];
}

void shard_prefetch(const struct shard *s, const struct place *place)
{
	__builtin_prefetch(bucket_of(s, place->spot), 1);
	__builtin_prefetch(bucket_of(s, place->spot_nxdomain));
	__builtin_prefetch(&s->lock, 1);
}

/* ---- looking ---- */

struct entry *shard_find(const struct shard *s, const struct mx_key *key,
			 const struct place *place, enum entry_slot slot)
{
	bool by_name = slot == SLOT_NXDOMAIN;
	uint32_t spot = by_name ? place->spot_nxdomain : place->spot;
	uint16_t qtype = by_name ? 0 : key->qtype;
	struct entry *e = *bucket_of(s, spot);

	while (e != NULL && !(e->slot == slot && entry_is(e, key, qtype, spot)))
		e = e->chain;
	return e;
}

/* Without a live answer of the type. */
static MX_COLD struct entry *lookup_rest(struct shard *s,
					 const struct mx_key *key,
					 const struct place *place,
					 mx_instant now, bool had_answer)
{
	static const enum entry_slot order[] = { SLOT_NXDOMAIN, SLOT_BOGUS,
						 SLOT_FAILURE };
	bool expired = had_answer;

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		struct entry *e = shard_find(s, key, place, order[i]);

		if (e != NULL && entry_live(e, now))
			return e;
		expired = expired || (e != NULL && order[i] == SLOT_NXDOMAIN);
	}
	s->expired += expired;
	return NULL;
}

/* A live answer comes before the NXDOMAIN of its name, even a later one: it
 * may be given until its TTL runs out as any cached answer may, and looking
 * at both would cost every hit a second chain. The same name and type cannot
 * have both, since put clears one for the other. */
struct entry *shard_lookup(struct shard *s, const struct mx_key *key,
			   const struct place *place, mx_instant now)
{
	struct entry *answer = shard_find(s, key, place, SLOT_ANSWER);

	if (answer != NULL && entry_live(answer, now))
		return answer;
	return lookup_rest(s, key, place, now, answer != NULL);
}

/* Whatever puts the answer ends the name's NXDOMAIN and the key's bogus
 * answer: one that is there, live or not, was heard later. */
struct entry *shard_lookup_stale(const struct shard *s,
				 const struct mx_key *key,
				 const struct place *place, mx_instant now,
				 int64_t wall_ms, uint32_t max_s)
{
	struct entry *e = shard_find(s, key, place, SLOT_ANSWER);

	if (e == NULL || !entry_stale(e, now, wall_ms, max_s) ||
	    shard_find(s, key, place, SLOT_NXDOMAIN) != NULL ||
	    shard_find(s, key, place, SLOT_BOGUS) != NULL)
		return NULL;
	return e;
}

/* ---- heard of ---- */

/* By name and class alone: what is heard of one type may end all others. */
static uint32_t heard_bit(const struct shard *s, const struct place *place)
{
	return hash_bucket(place->spot_nxdomain, s->bucket_count);
}

void shard_hear(struct shard *s, const struct place *place)
{
	uint32_t bit;

	if (s->heard == NULL)
		return;
	bit = heard_bit(s, place);
	s->heard[bit / 8] |= (uint8_t)(1u << bit % 8);
}

void shard_hear_all(struct shard *s)
{
	if (s->heard != NULL)
		memset(s->heard, 0xff, s->heard_len);
}

bool shard_heard(const struct shard *s, const struct place *place)
{
	uint32_t bit = heard_bit(s, place);

	return s->heard == NULL || (s->heard[bit / 8] >> bit % 8 & 1) != 0;
}

uint8_t *shard_forget_heard(struct shard *s, size_t *ret_len)
{
	uint8_t *heard = s->heard;

	*ret_len = s->heard_len;
	s->heard = NULL;
	s->heard_len = 0;
	return heard;
}

/* ---- changing ---- */

bool shard_fits(const struct shard *s, enum entry_slot slot, size_t charge)
{
	return evict_fits(&s->evict, slot, charge);
}

void shard_remove(struct shard *s, const struct memory *m, struct entry *e,
		  struct entry **dead)
{
	struct entry **link = bucket_of(s, e->spot);
	size_t charge = memory_charge(m, entry_octets(e));

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	evict_leave(&s->evict, e, charge);
	s->octets -= charge;
	s->entries--;
	e->chain = *dead;
	*dead = e;
}

void shard_insert(struct shard *s, const struct memory *m, struct entry *e,
		  mx_instant now, struct entry **dead)
{
	size_t charge = memory_charge(m, entry_octets(e));
	struct entry **bucket = bucket_of(s, e->spot);
	struct entry *out;

	while ((out = evict_next(&s->evict, m, e, charge, now)) != NULL) {
		shard_remove(s, m, out, dead);
		s->evicted++;
	}
	e->chain = *bucket;
	*bucket = e;
	evict_enter(&s->evict, e, charge);
	s->octets += charge;
	s->entries++;
}

/* Walks the whole shard: types of a name are scattered over the buckets. An
 * operator's command may cost that. */
size_t shard_flush(struct shard *s, const struct memory *m,
		   const uint8_t *qname, uint8_t qname_len, bool below,
		   struct entry **dead)
{
	size_t flushed = 0;

	for (uint32_t i = 0; i < s->bucket_count; i++) {
		struct entry *e = s->buckets[i], *next;

		for (; e != NULL; e = next) {
			next = e->chain;
			if (!entry_under(e, qname, qname_len, below))
				continue;
			shard_remove(s, m, e, dead);
			flushed++;
		}
	}
	return flushed;
}

void shard_bury(const struct memory *m, struct entry *dead)
{
	while (dead != NULL) {
		struct entry *next = dead->chain;

		entry_free(m, dead);
		dead = next;
	}
}

/* ---- checking ---- */

/* Two entries in one slot of a key would make an answer depend on their
 * order. */
static bool doubled(const struct entry *e)
{
	const struct mx_key key = {
		(const uint8_t *)e + sizeof *e, e->qname_len,
		e->qtype, e->qclass,
	};

	for (const struct entry *o = e->chain; o != NULL; o = o->chain)
		if (o->slot == e->slot && entry_is(o, &key, e->qtype, e->spot))
			return true;
	return false;
}

static const char *check_entry(const struct entry *e)
{
	if ((e->slot == SLOT_FAILURE) != (e->kind == MX_ANSWER_FAILURE))
		return "entry: a failure in the wrong slot";
	if (e->slot != SLOT_FAILURE &&
	    (e->slot == SLOT_BOGUS) != (e->state == MX_BOGUS))
		return "entry: a bogus answer in the wrong slot";
	if (e->slot == SLOT_NXDOMAIN && e->kind != MX_ANSWER_NXDOMAIN)
		return "entry: no NXDOMAIN in the slot of NXDOMAIN";
	if (doubled(e))
		return "chain: two entries for one slot of a key";
	return NULL;
}

const char *shard_check(const struct shard *s, const struct memory *m)
{
	size_t entries = 0, octets = 0, queued = 0;
	const char *broken = NULL;

	for (uint32_t i = 0; i < s->bucket_count && broken == NULL; i++) {
		const struct entry *e = s->buckets[i];

		for (; e != NULL && broken == NULL; e = e->chain) {
			if (++entries > s->entries)
				return "chains: more entries than counted";
			if (bucket_of(s, e->spot) != &s->buckets[i])
				return "chain: an entry in the wrong bucket";
			octets += memory_charge(m, entry_octets(e));
			broken = check_entry(e);
		}
	}
	if (broken == NULL)
		broken = evict_check(&s->evict, m);
	if (broken != NULL)
		return broken;
	for (int i = 0; i < QUEUES; i++)
		queued += s->evict.queues[i].entries;
	if (entries != s->entries || entries != queued)
		return "chains: fewer entries than counted";
	if (octets != s->octets)
		return "budget: octets are not the sum of the entries";
	return octets <= s->octets_max ? NULL : "budget: exceeded";
}
