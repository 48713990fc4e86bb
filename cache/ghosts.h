/* ghosts.h - names that were here not long ago, by 16 bits of their hash.
 *
 * Groups of one cache line, 32 ghosts each, the latest first: a new one
 * pushes the group's last one out. So it is first in, first out to within
 * what a hash scatters, costs a line each time, and needs no links.
 *
 * A stranger is taken for a ghost once in 2,000 times. The hash is keyed, so
 * nobody can choose the strangers.
 *
 * Threads  with the shard's lock.
 */
#ifndef MX_CACHE_GHOSTS_H
#define MX_CACHE_GHOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GHOSTS_PER_GROUP 32u

struct ghosts {
	uint16_t (*groups)[GHOSTS_PER_GROUP]; /* borrowed; 0: nobody */
	uint32_t group_count;
};

/* Octets of the table for about so many, at least one group. */
size_t ghosts_octets(size_t count);
/* table: zeroed, so many octets, stays the caller's. */
void ghosts_init(struct ghosts *g, void *table, size_t octets);

void ghosts_add(struct ghosts *g, uint32_t spot);
/* Whether it was among them; it no longer is. */
bool ghosts_take(struct ghosts *g, uint32_t spot);

/* NULL, or static text naming what is broken. */
const char *ghosts_check(const struct ghosts *g);

#endif
