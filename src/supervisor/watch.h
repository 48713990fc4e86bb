/* watch.h - when a child is taken for dead, and when another is started.
 *
 * Pure: times are handed in. Units: ms.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "mx_clock.h"

/* Signs of life of one child. */
struct pulse {
	bool ready;
	mx_instant started;
	mx_instant last;    /* last heartbeat */
	int64_t cpu_at_last; /* processor time used until then */
};

enum verdict { VERDICT_ALIVE, VERDICT_SLOW_START, VERDICT_SPINNING, VERDICT_SILENT };

/* cpu: processor time the child has used; negative if it cannot be told. */
enum verdict pulse_judge(const struct pulse *pulse, mx_instant now, int64_t cpu);
const char *verdict_text(enum verdict verdict); /* "was spinning", ... */

/* Deaths soon after the start, in a row. */
struct backoff {
	unsigned streak;
};

#define BACKOFF_SOON_MS 10000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

/* A child died after lived ms: how long to wait before the next start. */
int64_t backoff_delay(struct backoff *backoff, int64_t lived);

#endif
