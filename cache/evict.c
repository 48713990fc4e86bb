/* evict.c - see evict.h. */
#include "evict.h"

#include <stddef.h>

void evict_enter(struct evict *v, struct entry *e)
{
	e->newer = NULL;
	e->older = v->newest;
	if (v->newest != NULL)
		v->newest->newer = e;
	else
		v->oldest = e;
	v->newest = e;
	v->entries++;
}

void evict_touch(struct evict *v, struct entry *e)
{
	(void)v;
	(void)e;
}

void evict_leave(struct evict *v, struct entry *e)
{
	*(e->older != NULL ? &e->older->newer : &v->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &v->newest) = e->older;
	v->entries--;
}

struct entry *evict_next(struct evict *v)
{
	return v->oldest;
}

const char *evict_check(const struct evict *v)
{
	const struct entry *older = NULL;
	size_t entries = 0;

	for (const struct entry *e = v->oldest; e != NULL; e = e->newer) {
		if (e->older != older)
			return "eviction list: a link back is wrong";
		if (++entries > v->entries)
			return "eviction list: longer than its count";
		older = e;
	}
	if (v->newest != older)
		return "eviction list: does not end with the newest";
	return entries == v->entries ? NULL :
		"eviction list: shorter than its count";
}
