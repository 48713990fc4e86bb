/* evict_fifo.c - first in, first out, behind cache/evict.h: to compare with. */
#define FIFO
#include "evict_lru.c"
