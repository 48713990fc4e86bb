/* memory.c - see memory.h. */
#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64u

bool (*memory_test_refuse)(size_t octets);

static bool refused(size_t octets)
{
	return memory_test_refuse != NULL && memory_test_refuse(octets);
}

#ifdef MX_SANITIZED

enum mx_error memory_init(struct memory *m)
{
	memset(m, 0, sizeof *m);
	return refused(0) ? MX_E_NO_MEMORY : MX_OK;
}

void memory_clear(struct memory *m)
{
	(void)m;
}

/* Near enough to jemalloc's classes for the tests of the budget. */
size_t memory_charge(const struct memory *m, size_t octets)
{
	(void)m;
	return (octets + 15) & ~(size_t)15;
}

void *memory_alloc(const struct memory *m, size_t octets)
{
	(void)m;
	return refused(octets) ? NULL : malloc(octets);
}

void memory_prepare(const struct memory *m)
{
	(void)m;
}

void *memory_alloc_table(const struct memory *m, size_t octets)
{
	void *table = NULL;

	(void)m;
	if (refused(octets) || posix_memalign(&table, CACHE_LINE, octets) != 0)
		return NULL;
	memset(table, 0, octets);
	return table;
}

void memory_free(const struct memory *m, void *block, size_t octets)
{
	(void)m;
	(void)octets;
	free(block);
}

void memory_free_table(const struct memory *m, void *table, size_t octets)
{
	memory_free(m, table, octets);
}

#else

#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

/* Linux 5.14; the C library may be older than the kernel. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* jemalloc's first class that is made of whole pages. */
#define LARGE_MIN 16384u
#define PAGE 4096u
#define TABLE_FLAGS MALLOCX_ALIGN(CACHE_LINE)

static void arena_set(unsigned arena, const char *what, ssize_t value)
{
	char name[64];

	snprintf(name, sizeof name, "arena.%u.%s", arena, what);
	/* A jemalloc without the setting keeps its default: more pages stay
	 * for a while, nothing is wrong. */
	(void)mallctl(name, NULL, NULL, &value, sizeof value);
}

enum mx_error memory_init(struct memory *m)
{
	size_t len = sizeof m->arena;
	bool oblivious = true;
	size_t oblivious_len = sizeof oblivious;

	if (refused(0) || mallctl("arenas.create", &m->arena, &len, NULL, 0) != 0)
		return MX_E_NO_MEMORY;
	/* No thread cache: what a thread keeps back is charged to nobody. */
	m->flags = MALLOCX_ARENA(m->arena) | MALLOCX_TCACHE_NONE;
	arena_set(m->arena, "dirty_decay_ms", 1000);
	arena_set(m->arena, "muzzy_decay_ms", 0);
	(void)mallctl("opt.cache_oblivious", &oblivious, &oblivious_len, NULL, 0);
	m->page_extra = oblivious ? PAGE : 0;
	return MX_OK;
}

void memory_clear(struct memory *m)
{
	char name[64];

	snprintf(name, sizeof name, "arena.%u.destroy", m->arena);
	(void)mallctl(name, NULL, NULL, NULL, 0);
}

/* nallocx knows the classes, but not the page by which jemalloc moves large
 * blocks about so that they do not all start in the same cache set. */
size_t memory_charge(const struct memory *m, size_t octets)
{
	size_t charge = nallocx(octets, 0);

	return charge >= LARGE_MIN ? charge + m->page_extra : charge;
}

void *memory_alloc(const struct memory *m, size_t octets)
{
	return refused(octets) ? NULL : mallocx(octets, m->flags);
}

/* What is freed jemalloc hands out before it asks the system for more. Not too
 * large a block, or it is kept whole for a while (lg_extent_max_active_fit). */
void memory_prepare(const struct memory *m)
{
	void *block = mallocx(MEMORY_PREPARED, m->flags | MALLOCX_ALIGN(PAGE));

	if (block == NULL)
		return;
	(void)madvise(block, MEMORY_PREPARED, MADV_POPULATE_WRITE);
	sdallocx(block, MEMORY_PREPARED, m->flags | MALLOCX_ALIGN(PAGE));
}

void *memory_alloc_table(const struct memory *m, size_t octets)
{
	return refused(octets) ? NULL :
		mallocx(octets, m->flags | TABLE_FLAGS | MALLOCX_ZERO);
}

void memory_free(const struct memory *m, void *block, size_t octets)
{
	if (block != NULL)
		sdallocx(block, octets, m->flags);
}

void memory_free_table(const struct memory *m, void *table, size_t octets)
{
	if (table != NULL)
		sdallocx(table, octets, m->flags | TABLE_FLAGS);
}

#endif
