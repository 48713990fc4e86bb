/* evict_lru.c - least recently used, behind cache/evict.h: to compare with.
 *
 * Linked before libcache.a it stands in for cache/evict.c; with FIFO defined
 * a use changes nothing and it is first in, first out. Failures are entries
 * like others.
 */
#include "../cache/evict.h"

#define NO_TABLE 64u /* octets; there is no table of none */

size_t evict_table_octets(size_t budget_octets)
{
	(void)budget_octets;
	return NO_TABLE;
}

void evict_init(struct evict *v, size_t octets_max, void *table,
		size_t table_octets)
{
	(void)table;
	(void)table_octets;
	*v = (struct evict){ .answers_max = octets_max };
}

bool evict_fits(const struct evict *v, enum entry_slot slot, size_t charge)
{
	(void)slot;
	return charge <= v->answers_max / 4;
}

static void append(struct queue *q, struct entry *e)
{
	e->newer = NULL;
	e->older = q->newest;
	*(q->newest != NULL ? &q->newest->newer : &q->oldest) = e;
	q->newest = e;
}

static void take_out(struct queue *q, struct entry *e)
{
	*(e->older != NULL ? &e->older->newer : &q->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &q->newest) = e->older;
}

void evict_enter(struct evict *v, struct entry *e, size_t charge)
{
	append(&v->queues[0], e);
	v->queues[0].entries++;
	v->queues[0].octets += charge;
}

void evict_leave(struct evict *v, struct entry *e, size_t charge)
{
	take_out(&v->queues[0], e);
	v->queues[0].entries--;
	v->queues[0].octets -= charge;
}

void evict_inherit(struct entry *e, const struct entry *old, mx_instant now)
{
	(void)e;
	(void)old;
	(void)now;
}

void evict_touch(struct evict *v, struct entry *e)
{
#ifndef FIFO
	take_out(&v->queues[0], e);
	append(&v->queues[0], e);
#else
	(void)v;
	(void)e;
#endif
}

struct entry *evict_next(struct evict *v, const struct memory *m,
			 const struct entry *e, size_t charge, mx_instant now)
{
	(void)m;
	(void)e;
	(void)now;
	return v->queues[0].octets + charge > v->answers_max ?
		v->queues[0].oldest : NULL;
}

const char *evict_check(const struct evict *v, const struct memory *m)
{
	(void)v;
	(void)m;
	return NULL;
}
