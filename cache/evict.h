/* evict.h - who has to go when room is needed.
 *
 * First in, first out. The shard knows no more than these calls, so another
 * order needs only another evict.c. All under the shard's lock.
 */
#ifndef MX_CACHE_EVICT_H
#define MX_CACHE_EVICT_H

#include "entry.h"

struct evict {
	struct entry *oldest, *newest;
	size_t entries;
};

/* An entry comes in as the newest. */
void evict_enter(struct evict *v, struct entry *e);
/* An entry was given to a client. */
void evict_touch(struct evict *v, struct entry *e);
/* An entry goes, for whatever reason. */
void evict_leave(struct evict *v, struct entry *e);
/* Who goes next; it still has to leave. NULL: nobody is in. */
struct entry *evict_next(struct evict *v);
/* NULL, or static text naming what is broken. */
const char *evict_check(const struct evict *v);

#endif
