/* The schedule: every query has one time, and all have it in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/schedule.h"

#define SECOND_NS 1000000000ll

static const uint32_t rates[] = { 1, 3, 7, 1000, 1200, 99991, 1000000 };
#define RATES (sizeof rates / sizeof *rates)

/* After a long time as at the start: nothing adds up. */
static void no_drift(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RATES; i++) {
		struct schedule s = { 5, rates[i], UINT64_MAX };

		assert_int_equal(schedule_due(&s, 0), 5);
		assert_int_equal(schedule_due(&s, rates[i]), 5 + SECOND_NS);
		assert_int_equal(schedule_due(&s, 86400ull * rates[i]),
				 5 + 86400 * SECOND_NS);
	}
}

/* When a query is due it counts, and a nanosecond before it does not. */
static void count_agrees_with_due(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RATES; i++) {
		struct schedule s = { 12345, rates[i], 20000 };

		for (uint64_t q = 0; q < s.total; q++) {
			int64_t due = schedule_due(&s, q);

			assert_int_equal(schedule_count(&s, due), q + 1);
			assert_int_equal(schedule_count(&s, due - 1), q);
		}
	}
}

static void no_more_than_all(void **state)
{
	struct schedule s = { 100, 1000, 10 };

	(void)state;
	assert_int_equal(schedule_count(&s, INT64_MIN), 0);
	assert_int_equal(schedule_count(&s, 99), 0);
	assert_int_equal(schedule_count(&s, 100), 1);
	/* Late by an hour: all that should have been sent are due at once. */
	assert_int_equal(schedule_count(&s, 3600 * SECOND_NS), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_drift),
		cmocka_unit_test(count_agrees_with_due),
		cmocka_unit_test(no_more_than_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
