/* evict.c - see evict.h. */
#include "evict.h"

#include <assert.h>
#include <stddef.h>

/* A ghost for so many octets of a shard, as there is a bucket: about as many
 * as there are entries. */
#define OCTETS_PER_GHOST 128u

/* All entries may have been used, and moving one is work under the lock. After
 * so many, some tens of microseconds, the next one goes, used or not: one in
 * 257 of a hot set at worst, once, and a ghost soon brings it back. */
#define MOVES_MAX 256u

/* Uses in small that make an entry one for main. */
#define USES_FOR_MAIN 1u

/* The share of failures: a shard of 1 MiB remembers a hundred or more, and
 * the least shard has room for one with the longest name and text. */
#define FAILED_SHARE 64u
#define FAILED_OCTETS_MIN 1024u

size_t evict_table_octets(size_t budget_octets)
{
	return ghosts_octets(budget_octets / OCTETS_PER_GHOST);
}

void evict_init(struct evict *v, size_t octets_max, void *table,
		size_t table_octets)
{
	*v = (struct evict){ 0 };
	ghosts_init(&v->ghosts, table, table_octets);
	v->failed_max = octets_max / FAILED_SHARE;
	if (v->failed_max < FAILED_OCTETS_MIN)
		v->failed_max = FAILED_OCTETS_MIN;
	v->answers_max = octets_max - v->failed_max;
	v->small_max = v->answers_max / 10;
}

bool evict_fits(const struct evict *v, enum entry_slot slot, size_t charge)
{
	return charge <= (slot == SLOT_FAILURE ? v->failed_max :
					       v->answers_max / 4);
}

/* ---- the queues ---- */

static void append(struct evict *v, enum queue_name which, struct entry *e,
		   size_t charge)
{
	struct queue *q = &v->queues[which];

	e->queue = which & 3u;
	e->newer = NULL;
	e->older = q->newest;
	*(q->newest != NULL ? &q->newest->newer : &q->oldest) = e;
	q->newest = e;
	q->entries++;
	q->octets += charge;
}

static void take_out(struct evict *v, struct entry *e, size_t charge)
{
	struct queue *q = &v->queues[e->queue];

	*(e->older != NULL ? &e->older->newer : &q->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &q->newest) = e->older;
	q->entries--;
	q->octets -= charge;
}

static void move_to_main(struct evict *v, const struct memory *m,
			 struct entry *e)
{
	size_t charge = memory_charge(m, entry_octets(e));

	take_out(v, e, charge);
	append(v, QUEUE_MAIN, e, charge);
}

/* ---- coming, being used, going ---- */

void evict_enter(struct evict *v, struct entry *e, size_t charge)
{
	if (e->slot == SLOT_FAILURE)
		append(v, QUEUE_FAILED, e, charge);
	else if (e->queue == QUEUE_MAIN || ghosts_take(&v->ghosts, e->spot))
		append(v, QUEUE_MAIN, e, charge);
	else
		append(v, QUEUE_SMALL, e, charge);
}

void evict_leave(struct evict *v, struct entry *e, size_t charge)
{
	take_out(v, e, charge);
}

void evict_touch(struct evict *v, struct entry *e)
{
	(void)v;
	if (e->uses < USES_MAX)
		e->uses++;
}

void evict_inherit(struct entry *e, const struct entry *old, mx_instant now)
{
	if (old->queue == QUEUE_FAILED)
		return;
	if (old->queue == QUEUE_MAIN)
		e->queue = QUEUE_MAIN;
	if (e->uses < old->uses)
		e->uses = old->uses;
	/* That it ran out and was asked for again is a use; that two workers
	 * asked at once is not. */
	if (!entry_live(old, now))
		evict_touch(NULL, e);
}

/* ---- who goes ---- */

/* Small's oldest goes to main if it was used: its uses are paid for. */
static bool rises(struct evict *v, const struct memory *m, struct entry *e)
{
	if (e->uses < USES_FOR_MAIN)
		return false;
	e->uses = 0;
	move_to_main(v, m, e);
	return true;
}

/* Main's oldest gets another round for one of its uses. */
static bool stays(struct evict *v, const struct memory *m, struct entry *e)
{
	if (e->uses == 0)
		return false;
	e->uses--;
	move_to_main(v, m, e);
	return true;
}

static struct entry *next_answer(struct evict *v, const struct memory *m,
				 mx_instant now)
{
	struct queue *small = &v->queues[QUEUE_SMALL];
	struct queue *main = &v->queues[QUEUE_MAIN];
	struct entry *e;

	for (unsigned moves = 0;; moves++) {
		bool may_move = moves < MOVES_MAX;

		e = main->oldest;
		if (e != NULL && !entry_live(e, now))
			return e;
		if (e == NULL || small->octets > v->small_max) {
			e = small->oldest;
			if (entry_live(e, now) && may_move && rises(v, m, e))
				continue;
			ghosts_add(&v->ghosts, e->spot);
			return e;
		}
		if (!(may_move && stays(v, m, e)))
			return e;
	}
}

struct entry *evict_next(struct evict *v, const struct memory *m,
			 const struct entry *e, size_t charge, mx_instant now)
{
	const struct queue *q = v->queues;

	assert(evict_fits(v, e->slot, charge));
	if (e->slot == SLOT_FAILURE)
		return q[QUEUE_FAILED].octets + charge > v->failed_max ?
			q[QUEUE_FAILED].oldest : NULL;
	if (q[QUEUE_SMALL].octets + q[QUEUE_MAIN].octets + charge <=
	    v->answers_max)
		return NULL;
	return next_answer(v, m, now);
}

/* ---- checking ---- */

static const char *check_queue(const struct queue *q, const struct memory *m,
			       enum queue_name which)
{
	const struct entry *older = NULL;
	size_t entries = 0, octets = 0;

	for (const struct entry *e = q->oldest; e != NULL; e = e->newer) {
		if (e->older != older)
			return "queue: a link back is wrong";
		if (++entries > q->entries)
			return "queue: longer than its count";
		if (e->queue != which)
			return "queue: an entry that says it is in another";
		if ((e->slot == SLOT_FAILURE) != (which == QUEUE_FAILED))
			return "queue: a failure among answers, or an answer among failures";
		octets += memory_charge(m, entry_octets(e));
		older = e;
	}
	if (q->newest != older)
		return "queue: does not end with the newest";
	if (octets != q->octets)
		return "queue: octets are not the sum of its entries";
	return entries == q->entries ? NULL : "queue: shorter than its count";
}

const char *evict_check(const struct evict *v, const struct memory *m)
{
	const struct queue *q = v->queues;
	const char *broken = ghosts_check(&v->ghosts);

	for (int i = 0; i < QUEUES && broken == NULL; i++)
		broken = check_queue(&q[i], m, i);
	if (broken != NULL)
		return broken;
	if (q[QUEUE_SMALL].octets + q[QUEUE_MAIN].octets > v->answers_max)
		return "budget: answers have more than their octets";
	return q[QUEUE_FAILED].octets <= v->failed_max ? NULL :
		"budget: failures have more than their octets";
}
