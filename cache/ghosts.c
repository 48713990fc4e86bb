/* ghosts.c - see ghosts.h. */
#include "ghosts.h"

#include <string.h>

#include "hash.h"

size_t ghosts_octets(size_t count)
{
	size_t groups = count / GHOSTS_PER_GROUP;

	return (groups > 0 ? groups : 1) * GHOSTS_PER_GROUP * sizeof(uint16_t);
}

void ghosts_init(struct ghosts *g, void *table, size_t octets)
{
	g->groups = table;
	g->group_count = (uint32_t)(octets / sizeof *g->groups);
}

/* The group comes from the spot's upper bits, the mark from its lower ones:
 * together they tell more names apart than either. */
static uint16_t *group_of(const struct ghosts *g, uint32_t spot)
{
	return g->groups[hash_bucket(spot, g->group_count)];
}

static uint16_t mark_of(uint32_t spot)
{
	uint16_t mark = (uint16_t)spot;

	return mark != 0 ? mark : 1;
}

/* As the latest, in place of the one at `at`. */
static void push(uint16_t *group, unsigned at, uint16_t mark)
{
	memmove(group + 1, group, at * sizeof *group);
	group[0] = mark;
}

static unsigned find(const uint16_t *group, uint16_t mark)
{
	unsigned at = 0;

	while (at < GHOSTS_PER_GROUP && group[at] != mark)
		at++;
	return at;
}

void ghosts_add(struct ghosts *g, uint32_t spot)
{
	uint16_t *group = group_of(g, spot);
	uint16_t mark = mark_of(spot);
	unsigned at = find(group, mark);

	/* Known already: it is the latest again, and nobody goes for it. */
	push(group, at < GHOSTS_PER_GROUP ? at : GHOSTS_PER_GROUP - 1, mark);
}

bool ghosts_take(struct ghosts *g, uint32_t spot)
{
	uint16_t *group = group_of(g, spot);
	unsigned at = find(group, mark_of(spot));

	if (at == GHOSTS_PER_GROUP)
		return false;
	memmove(group + at, group + at + 1,
		(GHOSTS_PER_GROUP - 1 - at) * sizeof *group);
	group[GHOSTS_PER_GROUP - 1] = 0;
	return true;
}

static bool group_sound(const uint16_t *group)
{
	unsigned count = find(group, 0);

	for (unsigned i = 0; i < GHOSTS_PER_GROUP; i++) {
		if ((group[i] != 0) != (i < count))
			return false;
		if (i < count && find(group, group[i]) != i)
			return false;
	}
	return true;
}

const char *ghosts_check(const struct ghosts *g)
{
	for (uint32_t i = 0; i < g->group_count; i++)
		if (!group_sound(g->groups[i]))
			return "ghosts: a gap, or one ghost twice";
	return NULL;
}
