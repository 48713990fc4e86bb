/* watch.c - when a child is taken for dead, and when another is started. */
#include "watch.h"

#include "mx_supervisor.h"

enum verdict pulse_judge(const struct pulse *pulse, mx_instant now, int64_t cpu)
{
	if (!pulse->ready)
		return now - pulse->started >= MX_START_GRACE_MS ?
			VERDICT_SLOW_START : VERDICT_ALIVE;

	int64_t quiet = now - pulse->last;
	if (quiet >= MX_SILENT_MS)
		return VERDICT_SILENT;
	/* Both: threads that work side by side use up processor time faster
	 * than the clock runs. */
	if (quiet >= MX_SPIN_MS && cpu >= 0 &&
	    cpu - pulse->cpu_at_last >= MX_SPIN_MS)
		return VERDICT_SPINNING;
	return VERDICT_ALIVE;
}

const char *verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ALIVE:
		break;
	case VERDICT_SLOW_START:
		return "was not ready in time";
	case VERDICT_SPINNING:
		return "was spinning";
	case VERDICT_SILENT:
		return "gave no sign of life";
	}
	return "was alive";
}

int64_t backoff_delay(struct backoff *backoff, int64_t lived)
{
	if (lived >= BACKOFF_SOON_MS)
		backoff->streak = 0;
	if (backoff->streak == 0) {
		backoff->streak = 1;
		return 0;
	}

	int64_t delay = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < backoff->streak && delay < BACKOFF_MAX_MS; i++)
		delay *= 2;
	if (delay >= BACKOFF_MAX_MS)
		return BACKOFF_MAX_MS;
	backoff->streak++;
	return delay;
}
