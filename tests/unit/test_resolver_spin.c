/* When work without progress counts as a spin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/resolver/resolver.h"

/* Heartbeats every 100 ms for seconds; busy percent of the time. Returns when
 * it was first not alive, in ms, or -1. */
static int64_t run(struct mx_spin *spin, mx_instant *now, int64_t *cpu_ms,
		   unsigned seconds, unsigned percent, uint64_t *progress,
		   unsigned progress_every_s)
{
	mx_instant begin = *now;

	for (unsigned beat = 1; beat <= seconds * 10; beat++) {
		*now += 100;
		*cpu_ms += percent;
		if (progress_every_s && beat % (progress_every_s * 10) == 0)
			++*progress;
		if (!mx_spin_alive(spin, *now, *cpu_ms, *progress))
			return *now - begin;
	}
	return -1;
}

static void spins(void **state)
{
	static const struct {
		const char *why;
		unsigned percent, progress_every_s;
		bool dies;
	} cases[] = {
		{ "idle", 0, 0, false },
		{ "idle, some housekeeping", 20, 0, false },
		{ "busy and useful", 100, 1, false },
		{ "busy, a question in nine seconds", 100, 9, false },
		{ "busy for nothing", 100, 0, true },
		{ "busy for nothing, sharing a core", 85, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_spin spin = { 0 };
		mx_instant now = 123456789;
		int64_t cpu_ms = 5000;
		uint64_t progress = 7;
		int64_t died;

		/* an hour of rest before must not hide it */
		assert_int_equal(run(&spin, &now, &cpu_ms, 3600, 1, &progress,
				     0), -1);
		died = run(&spin, &now, &cpu_ms, 120, cases[i].percent,
			   &progress, cases[i].progress_every_s);
		if ((died >= 0) != cases[i].dies)
			fail_msg("%s: %lld", cases[i].why, (long long)died);
		if (died >= 0)
			assert_in_range(died, 10000, 20100);
		if (died < 0)
			continue;
		/* It stays so until something happens. */
		assert_true(run(&spin, &now, &cpu_ms, 5, 100, &progress, 0) >
			    0);
		progress++;
		assert_true(mx_spin_alive(&spin, now + 100, cpu_ms, progress));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(spins) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
