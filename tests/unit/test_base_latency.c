/* The slots of latencies, and what is read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mx_latency.h"

/* Every duration is in a slot that ends at it or later, and no earlier slot
 * does; slots are no wider than an eighth. */
static void slots(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++) {
		uint64_t end = mx_latency_slot_end(i);
		uint64_t first = i == 0 ? 0 : before + 1;

		assert_int_equal(mx_latency_slot(end), i);
		assert_int_equal(mx_latency_slot(first), i);
		assert_true(end - first <= first / 8);
		before = end;
	}
	assert_int_equal(before, MX_LATENCY_MAX_US);
	assert_int_equal(mx_latency_slot(UINT64_MAX), MX_LATENCY_SLOTS - 1);
}

static void groups(void **state)
{
	(void)state;
	assert_int_equal(mx_latency_series(MX_LATENCY_hit, 15),
			 MX_LATENCY_GROUP_MX);
	assert_int_equal(mx_latency_series(MX_LATENCY_failed, 52),
			 MX_LATENCY_failed * MX_LATENCY_GROUP_COUNT +
				 MX_LATENCY_GROUP_TLSA);
	for (unsigned type = 64; type <= 65535; type += 61)
		assert_int_equal(mx_latency_series(MX_LATENCY_hit,
						   (uint16_t)type),
				 MX_LATENCY_GROUP_other);
	assert_int_equal(mx_latency_series(MX_LATENCY_hit, 2),
			 MX_LATENCY_GROUP_other);
}

static void percentiles(void **state)
{
	struct mx_latency *latency = calloc(1, sizeof(*latency));
	uint8_t mx = (uint8_t)mx_latency_series(MX_LATENCY_miss, 15);
	uint8_t none[2] = { MX_LATENCY_SERIES, mx };
	struct mx_latency_sum sum = { .count = 0 }, later = { .count = 0 };

	(void)state;
	assert_non_null(latency);
	assert_int_equal(mx_latency_at(&sum, 0.5), 0);
	for (int64_t us = 1; us <= 100; us++)
		mx_latency_add_all(latency, &mx, 1, us * 1000);
	mx_latency_collect(&sum, latency, mx);
	assert_int_equal(sum.count, 100);
	assert_true(mx_latency_total_s(&sum) > 5.05 * 15 / 16 &&
		    mx_latency_total_s(&sum) < 5.05 * 17 / 16);
	for (unsigned p = 1; p <= 100; p++) {
		uint64_t at = mx_latency_at(&sum, p / 100.0);

		assert_true(at >= p * 1000 && at < p * 1125);
	}
	assert_int_equal(mx_latency_within(&sum, mx_latency_slot(0)), 0);
	assert_int_equal(mx_latency_within(&sum, MX_LATENCY_SLOTS - 1), 100);

	/* What is not measured is seen by nobody. */
	mx_latency_add_all(latency, none, 2, 5);
	mx_latency_collect(&later, latency, mx);
	assert_int_equal(later.count, 101);
	mx_latency_sum_subtract(&later, &sum);
	assert_int_equal(later.count, 1);
	assert_true(mx_latency_total_s(&later) == 5e-6);
	assert_int_equal(mx_latency_at(&later, 0.99), 5);
	mx_latency_sum_add(&later, &sum);
	assert_int_equal(later.count, 101);
	free(latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots),
		cmocka_unit_test(groups),
		cmocka_unit_test(percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
