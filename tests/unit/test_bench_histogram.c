/* The histogram: how exact it is, and that pooling loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/histogram.h"

/* Around each power of two, where slots change their width. */
static void a_slot_holds_its_values(void **state)
{
	(void)state;
	for (unsigned power = 0; power < 40; power++)
		for (int off = -2; off <= 2; off++) {
			uint64_t ns = (1ull << power) + (uint64_t)off;
			unsigned slot;

			if (ns > HISTOGRAM_MAX_NS)
				continue;
			slot = histogram_slot(ns);
			assert_true(slot < HISTOGRAM_SLOTS);
			assert_true(ns <= histogram_slot_end(slot));
			if (slot > 0)
				assert_true(ns > histogram_slot_end(slot - 1));
		}
}

static void slots_are_narrow(void **state)
{
	(void)state;
	for (unsigned slot = 1; slot < HISTOGRAM_SLOTS; slot++) {
		uint64_t first = histogram_slot_end(slot - 1) + 1;
		uint64_t last = histogram_slot_end(slot);

		assert_true(first <= last);
		assert_int_equal(histogram_slot(first), slot);
		assert_int_equal(histogram_slot(last), slot);
		/* Less than 0.8 %. */
		assert_true((last - first) * 125 < first);
	}
	assert_int_equal(histogram_slot_end(HISTOGRAM_SLOTS - 1),
			 HISTOGRAM_MAX_NS);
}

static void percentiles(void **state)
{
	static struct histogram h;
	static const struct {
		double share;
		uint64_t ns;
	} want[] = { { 0, 1 }, { 0.001, 1 }, { 0.5, 100 }, { 0.505, 101 },
		     { 0.99, 198 }, { 0.995, 199 }, { 1, 200 } };

	(void)state;
	histogram_clear(&h);
	assert_int_equal(histogram_at(&h, 0.5), 0);
	for (int64_t ns = 200; ns >= 1; ns--)
		histogram_add(&h, ns);
	for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
		assert_int_equal(histogram_at(&h, want[i].share), want[i].ns);
	assert_int_equal(h.min_ns, 1);
	assert_int_equal(h.max_ns, 200);
	assert_true(histogram_mean(&h) == 100.5);
}

/* The end of the slot would be more than there ever was. */
static void no_percentile_beyond_the_longest(void **state)
{
	static struct histogram h;

	(void)state;
	histogram_clear(&h);
	histogram_add(&h, 1000001);
	assert_int_equal(histogram_at(&h, 0.5), 1000001);
	assert_int_equal(histogram_at(&h, 1), 1000001);
}

static void out_of_range(void **state)
{
	static struct histogram h;

	(void)state;
	histogram_clear(&h);
	histogram_add(&h, -5);
	assert_int_equal(histogram_at(&h, 1), 0);
	histogram_add(&h, INT64_MAX);
	assert_int_equal(histogram_at(&h, 1), HISTOGRAM_MAX_NS);
	assert_int_equal(h.count, 2);
}

/* Two halves are as good as the whole, whatever is in which. */
static void merged(void **state)
{
	static struct histogram all, part[2];

	(void)state;
	histogram_clear(&all);
	histogram_clear(&part[0]);
	histogram_clear(&part[1]);
	for (int64_t i = 0; i < 1000; i++) {
		histogram_add(&all, i * i * 17);
		histogram_add(&part[i % 3 == 0], i * i * 17);
	}
	histogram_merge(&part[0], &part[1]);
	assert_memory_equal(part[0].slots, all.slots, sizeof all.slots);
	assert_int_equal(part[0].count, all.count);
	assert_int_equal(part[0].min_ns, all.min_ns);
	assert_int_equal(part[0].max_ns, all.max_ns);
	assert_true(part[0].sum_ns == all.sum_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_holds_its_values),
		cmocka_unit_test(slots_are_narrow),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(no_percentile_beyond_the_longest),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
