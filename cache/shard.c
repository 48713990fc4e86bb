/* shard.c - see shard.h. */
#include "shard.h"

#include <assert.h>
#include <string.h>

#define OCTETS_PER_BUCKET 128u

static size_t table_len(uint32_t bucket_count)
{
	return (size_t)bucket_count * sizeof(struct entry *);
}

enum mx_error shard_init(struct shard *s, const struct memory *m,
			 size_t budget_octets)
{
	size_t buckets = budget_octets / OCTETS_PER_BUCKET;
	size_t table;

	memset(s, 0, sizeof *s);
	s->bucket_count = buckets > UINT32_MAX ? UINT32_MAX : (uint32_t)buckets;
	table = shard_table_octets(s, m);
	if (s->bucket_count == 0 || table > budget_octets)
		return MX_E_CONFIG;
	s->octets_max = budget_octets - table;
	s->buckets = memory_alloc_table(m, table_len(s->bucket_count));
	if (s->buckets == NULL)
		return MX_E_NO_MEMORY;
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		memory_free_table(m, s->buckets, table_len(s->bucket_count));
		s->buckets = NULL;
		return MX_E_SYSTEM;
	}
	return MX_OK;
}

void shard_clear(struct shard *s, const struct memory *m)
{
	if (s->buckets == NULL)
		return;
	for (uint32_t i = 0; i < s->bucket_count; i++)
		shard_bury(m, s->buckets[i]);
	memory_free_table(m, s->buckets, table_len(s->bucket_count));
	pthread_mutex_destroy(&s->lock);
	memset(s, 0, sizeof *s);
}

size_t shard_table_octets(const struct shard *s, const struct memory *m)
{
	return memory_charge(m, table_len(s->bucket_count));
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

/* A live answer comes before the NXDOMAIN of its name, even a later one: it
 * may be given until its TTL runs out as any cached answer may, and looking
 * at both would cost every hit a second chain. The same name and type cannot
 * have both, since put clears one for the other. */
struct entry *shard_lookup(struct shard *s, const struct mx_key *key,
			   const struct place *place, mx_instant now)
{
	struct entry *by_slot[SLOT_NXDOMAIN + 1] = { NULL };
	struct entry *e;

	for (e = *bucket_of(s, place->spot); e != NULL; e = e->chain) {
		if (!entry_is(e, key, key->qtype, place->spot) ||
		    e->slot == SLOT_NXDOMAIN)
			continue;
		if (e->slot == SLOT_ANSWER && entry_live(e, now))
			return e;
		by_slot[e->slot] = e;
	}
	e = by_slot[SLOT_NXDOMAIN] = shard_find(s, key, place, SLOT_NXDOMAIN);
	if (e != NULL && entry_live(e, now))
		return e;
	e = by_slot[SLOT_BOGUS];
	if (e != NULL && entry_live(e, now))
		return e;
	e = by_slot[SLOT_FAILURE];
	if (e != NULL && entry_live(e, now))
		return e;
	if (by_slot[SLOT_ANSWER] != NULL || by_slot[SLOT_NXDOMAIN] != NULL)
		s->expired++;
	return NULL;
}

/* ---- changing ---- */

/* One answer may not empty a shard. */
bool shard_fits(const struct shard *s, size_t charge)
{
	return charge <= s->octets_max / 4;
}

void shard_remove(struct shard *s, const struct memory *m, struct entry *e,
		  struct entry **dead)
{
	struct entry **link = bucket_of(s, e->spot);

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	evict_leave(&s->evict, e);
	s->octets -= memory_charge(m, entry_octets(e));
	s->entries--;
	e->chain = *dead;
	*dead = e;
}

void shard_insert(struct shard *s, const struct memory *m, struct entry *e,
		  struct entry **dead)
{
	size_t charge = memory_charge(m, entry_octets(e));
	struct entry **bucket = bucket_of(s, e->spot);

	assert(shard_fits(s, charge));
	while (s->octets + charge > s->octets_max) {
		shard_remove(s, m, evict_next(&s->evict), dead);
		s->evicted++;
	}
	e->chain = *bucket;
	*bucket = e;
	evict_enter(&s->evict, e);
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
	size_t entries = 0, octets = 0;
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
		broken = evict_check(&s->evict);
	if (broken != NULL)
		return broken;
	if (entries != s->entries || entries != s->evict.entries)
		return "chains: fewer entries than counted";
	if (octets != s->octets)
		return "budget: octets are not the sum of the entries";
	return octets <= s->octets_max ? NULL : "budget: exceeded";
}
