/* spin.c - is all this work for something? Pure: times are handed in.
 *
 * A loop that turns is not yet one that works: libevent has been seen to spin
 * on a descriptor that libunbound does not handle. The heartbeat comes first
 * in our loop and would go on; so it is held back when a whole window passed
 * nearly all on the processor and no question began or ended.
 *
 * Validation that takes longer than a window for a single question, with no
 * other question coming or going, looks the same, and is worth the same.
 */
#include "resolver.h"

#define WINDOW_MS 10000
#define CPU_PERCENT 80

bool mx_spin_alive(struct mx_spin *spin, mx_instant now, int64_t cpu_ms,
		   uint64_t progress)
{
	int64_t window = now - spin->start;

	if (progress != spin->progress)
		spin->spinning = false;
	if (spin->started && window < WINDOW_MS)
		return !spin->spinning;
	if (spin->started && progress == spin->progress &&
	    (cpu_ms - spin->cpu_ms) * 100 > window * CPU_PERCENT)
		spin->spinning = true;
	spin->started = true;
	spin->start = now;
	spin->cpu_ms = cpu_ms;
	spin->progress = progress;
	return !spin->spinning;
}
