/* memory.h - where the cache's octets come from, and what each really costs.
 *
 * All of it comes from a jemalloc arena of its own, so nothing else in the
 * process can fragment it, and the budget is charged what the allocator hands
 * out rather than what was asked for. Under a sanitizer it is plain malloc
 * with the same accounting, so that overflows are seen.
 *
 * Threads  alloc and free: any. init and clear: one, with nobody else inside.
 */
#ifndef MX_CACHE_MEMORY_H
#define MX_CACHE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "mx_error.h"

struct memory {
	int flags;	/* for mallocx: the arena, no thread cache */
	unsigned arena;
	size_t page_extra; /* see memory_charge */
};

/* MX_E_NO_MEMORY if there is no arena to be had. */
enum mx_error memory_init(struct memory *m);
/* After everything has been freed. */
void memory_clear(struct memory *m);

/* What a block of so many octets takes from the budget; octets > 0. */
size_t memory_charge(const struct memory *m, size_t octets);

/* NULL: none left. */
void *memory_alloc(const struct memory *m, size_t octets);
/* The next MEMORY_PREPARED octets or so can be had without page faults. Those
 * cost more than all else where much is put at once. A hint: may do nothing. */
#define MEMORY_PREPARED (256u * 1024u)
void memory_prepare(const struct memory *m);
/* Zeroed, and on a cache line of its own. */
void *memory_alloc_table(const struct memory *m, size_t octets);
/* octets: as asked for. NULL is allowed. */
void memory_free(const struct memory *m, void *block, size_t octets);
void memory_free_table(const struct memory *m, void *table, size_t octets);

/* For tests only: if set and true, the allocation of so many octets fails. */
extern bool (*memory_test_refuse)(size_t octets);

#endif
