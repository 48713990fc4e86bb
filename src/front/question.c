/* question.c - the table of questions in flight: by key, by id, by age.
 *
 * A question has an id for the resolver: its slot in the table and a
 * generation, so that an answer to a forgotten question finds nothing. */
#include <stdlib.h>

#include "lookups.h"

/* The zone a question is about decides where it goes, so that delegation,
 * keys and addresses are learnt once: two labels are the registered domain
 * for most, and any split is correct. */
unsigned question_resolver(const struct mx_lookups *l,
			   const struct mx_key *key)
{
	const uint8_t *tail = mx_name_tail(key->qname, 2);
	uint64_t hash;

	if (l->resolver_count == 1)
		return 0;
	crypto_shorthash((uint8_t *)&hash, tail,
			 (size_t)(key->qname + key->qname_len - tail),
			 front_hash_key);
	return (unsigned)(hash % l->resolver_count);
}

static bool slot_take(struct mx_lookups *l, struct mx_question *question)
{
	if (l->slots_used == l->slot_count)
		return false;
	while (l->by_slot[l->next_slot])
		if (++l->next_slot == l->slot_count) {
			l->next_slot = 0;
			l->generation++;
		}
	question->id = l->generation << SLOT_BITS | l->next_slot;
	l->by_slot[l->next_slot] = question;
	l->slots_used++;
	return true;
}

static void slot_give(struct mx_lookups *l, struct mx_question *question)
{
	uint32_t slot = question->id & (SLOTS_MAX - 1);

	l->by_slot[slot] = NULL;
	l->slots_used--;
	/* Go on behind it, so that an id comes back only after a turn of the
	 * whole table, and then in another generation. */
	if (l->next_slot == slot && ++l->next_slot == l->slot_count) {
		l->next_slot = 0;
		l->generation++;
	}
}

struct mx_question *question_by_id(const struct mx_lookups *l, uint32_t id)
{
	uint32_t slot = id & (SLOTS_MAX - 1);

	if (slot >= l->slot_count || !l->by_slot[slot] ||
	    l->by_slot[slot]->id != id)
		return NULL;
	return l->by_slot[slot];
}

unsigned key_octets(const struct mx_key *key, uint8_t room[KEY_OCTETS_MAX])
{
	struct mx_out out;

	mx_out_init(&out, room, KEY_OCTETS_MAX);
	mx_out_octets(&out, key->qname, key->qname_len);
	mx_out_u16(&out, key->qtype);
	mx_out_u16(&out, key->qclass);
	return (unsigned)mx_out_len(&out);
}

void question_detach(struct mx_lookups *l, struct mx_question *question)
{
	HASH_DEL(l->by_key, question);
	slot_give(l, question);
	TAILQ_REMOVE(&l->by_age, question, by_age);
	upstream_forget(l->upstream[question->resolver], question);
	limits_question_end(l->limits);
	l->refreshing -= question->refresh;
}

/* By nobody, but perhaps in the background. */
static bool unawaited(const struct mx_question *question)
{
	const struct mx_lookup *lookup;

	TAILQ_FOREACH(lookup, &question->waiting, by_question)
		if (lookup->client != MX_LOOKUP_BACKGROUND)
			return false;
	return true;
}

void question_forget(struct mx_lookups *l, struct mx_question *question)
{
	struct mx_lookup *lookup;

	while ((lookup = TAILQ_FIRST(&question->waiting)))
		lookup_put_off(l, lookup);
	question_detach(l, question);
	free(question);
}

/* Make room by forgetting the oldest question that nobody waits for. The
 * search is bounded: in a crowd of awaited questions it is given up. */
static bool forget_one(struct mx_lookups *l)
{
	struct mx_question *question;
	int looked = 0;

	TAILQ_FOREACH(question, &l->by_age, by_age) {
		if (unawaited(question)) {
			question_forget(l, question);
			return true;
		}
		if (++looked == 64)
			break;
	}
	return false;
}

/* A place for one more. One worker cannot forget another's questions, so each
 * may always have its share in flight: else those that one worker keeps, and
 * nobody waits for, would shut out the clients of the rest. */
static bool make_room(struct mx_lookups *l)
{
	if (limits_question(l->limits))
		return true;
	if (!forget_one(l) && l->slots_used >= limits_question_share(l->limits))
		return false;
	limits_question_past_total(l->limits);
	return true;
}

struct mx_question *question_new(struct mx_lookups *l,
				 const struct mx_key *key, bool background,
				 mx_instant now)
{
	struct mx_question *question;
	unsigned len;

	if (background ? !limits_question(l->limits) : !make_room(l))
		return NULL;
	question = calloc(1, sizeof(*question));
	if (!question || !slot_take(l, question)) {
		free(question);
		limits_question_end(l->limits);
		return NULL;
	}
	TAILQ_INIT(&question->waiting);
	question->started = now;
	question->resolver = question_resolver(l, key);
	len = key_octets(key, question->octets);
	question->key = *key;
	question->key.qname = question->octets;
	HASH_ADD_KEYPTR(hh, l->by_key, question->octets, len, question);
	if (!question->hh.tbl) { /* uthash had no memory */
		slot_give(l, question);
		limits_question_end(l->limits);
		free(question);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&l->by_age, question, by_age);
	question->background = background;
	return question;
}

struct mx_question *question_find(struct mx_lookups *l,
				  const struct mx_key *key)
{
	uint8_t octets[KEY_OCTETS_MAX];
	unsigned len = key_octets(key, octets);
	struct mx_question *question;

	HASH_FIND(hh, l->by_key, octets, len, question);
	return question;
}
