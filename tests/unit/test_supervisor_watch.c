/* When a child is taken for dead, and how long another one waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/supervisor/watch.h"
#include "mx_supervisor.h"

static void test_judge(void **state)
{
	static const struct {
		const char *why;
		bool ready;
		int64_t quiet, cpu;
		enum verdict want;
	} cases[] = {
		{ "just started", false, 0, 0, VERDICT_ALIVE },
		{ "busy at its start", false, MX_START_GRACE_MS - 1, MX_START_GRACE_MS, VERDICT_ALIVE },
		{ "too long at its start", false, MX_START_GRACE_MS, 0, VERDICT_SLOW_START },
		{ "just heard of", true, 0, 0, VERDICT_ALIVE },
		{ "starved: no time to run in", true, MX_SILENT_MS - 1, 0, VERDICT_ALIVE },
		{ "starved, a little", true, MX_SILENT_MS - 1, MX_SPIN_MS - 1, VERDICT_ALIVE },
		{ "one long signature check", true, MX_SPIN_MS - 1, MX_SPIN_MS - 1, VERDICT_ALIVE },
		{ "spinning", true, MX_SPIN_MS, MX_SPIN_MS, VERDICT_SPINNING },
		{ "many threads at work", true, MX_SPIN_MS / 2, 8 * MX_SPIN_MS, VERDICT_ALIVE },
		{ "nothing known of its time", true, MX_SPIN_MS, -1, VERDICT_ALIVE },
		{ "waiting for ever", true, MX_SILENT_MS, 0, VERDICT_SILENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pulse pulse = { .ready = cases[i].ready, .started = 5000,
				       .last = 5000, .cpu_at_last = 77 };
		enum verdict got = pulse_judge(&pulse, 5000 + cases[i].quiet,
			cases[i].cpu < 0 ? -1 : 77 + cases[i].cpu);
		if (got != cases[i].want)
			fail_msg("%s: %s", cases[i].why, verdict_text(got));
	}
}

static void test_verdict_texts_differ(void **state)
{
	(void)state;
	for (int a = VERDICT_ALIVE; a <= VERDICT_SILENT; a++)
		for (int b = VERDICT_ALIVE; b < a; b++)
			assert_string_not_equal(verdict_text(a), verdict_text(b));
}

static void test_backoff_doubles_to_its_bound(void **state)
{
	static const int64_t want[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct backoff backoff = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_int_equal(backoff_delay(&backoff, BACKOFF_SOON_MS - 1), want[i]);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(backoff_delay(&backoff, 0), BACKOFF_MAX_MS);
}

static void test_backoff_forgets_after_a_long_life(void **state)
{
	struct backoff backoff = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		backoff_delay(&backoff, 0);
	assert_int_equal(backoff_delay(&backoff, BACKOFF_SOON_MS), 0);
	assert_int_equal(backoff_delay(&backoff, 0), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_verdict_texts_differ),
		cmocka_unit_test(test_backoff_doubles_to_its_bound),
		cmocka_unit_test(test_backoff_forgets_after_a_long_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
