/* schedule.c - see schedule.h. */
#include "schedule.h"

#define SECOND_NS 1000000000u

int64_t schedule_due(const struct schedule *s, uint64_t i)
{
	uint64_t whole = i / s->rate, part = i % s->rate;

	return s->start_ns + (int64_t)(whole * SECOND_NS +
				       part * SECOND_NS / s->rate);
}

uint64_t schedule_count(const struct schedule *s, int64_t now_ns)
{
	uint64_t since, count;

	if (now_ns < s->start_ns)
		return 0;
	since = (uint64_t)(now_ns - s->start_ns);
	count = since / SECOND_NS * s->rate +
		since % SECOND_NS * s->rate / SECOND_NS + 1;
	/* Due times are rounded down, so one more may be due already. */
	if (schedule_due(s, count) <= now_ns)
		count++;
	return count < s->total ? count : s->total;
}
