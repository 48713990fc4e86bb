/* schedule.h - when each query is to be sent, whatever comes back.
 *
 * Query i is due at start + i / rate. Nobody waits for an answer: a server that
 * stalls is sent all that it would have been sent, and each of these waits as
 * long as a client would have (no coordinated omission).
 *
 * Units    ns on whatever clock start_ns is of; rate: queries a second.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

struct schedule {
	int64_t start_ns;
	uint32_t rate; /* at least 1 */
	uint64_t total;
};

/* When query i is due. Exact: no sum of rounded steps. */
int64_t schedule_due(const struct schedule *s, uint64_t i);
/* How many queries are due by now, of all: those before have been, too. */
uint64_t schedule_count(const struct schedule *s, int64_t now_ns);

#endif
