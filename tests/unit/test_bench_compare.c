/* Comparisons: ratio and interval of samples whose truth is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/compare.h"

#define PER_BLOCK 40u

static double uniform(unsigned short seed[3])
{
	return erand48(seed);
}

/* Latencies of some 1 ms, skewed as latencies are; scale times that. */
static int64_t latency(unsigned short seed[3], double scale)
{
	return (int64_t)(1e6 * scale * -log(1 - uniform(seed)) + 2e5 * scale);
}

static void add(struct results *r, unsigned server, unsigned block, int64_t ns)
{
	static const uint8_t question[MX_NAME_MAX + 4] = "\1a";

	results_question(r, &(struct results_question){
		.server = server, .class = SEEN_WARM, .place = 7 * block,
		.latency_ns = ns, .from_sending_ns = ns,
		.question = question });
}

/* Each block has weather of its own, which is both servers'. */
static void fill(struct results *r, double ratio, unsigned blocks,
		 unsigned per_block, unsigned short seed[3])
{
	assert_true(results_init(r, 2));
	results_kind(r, 1, CHAIN_PLAIN);
	for (unsigned b = 0; b < blocks; b++) {
		double weather = 0.5 + 2 * uniform(seed);

		for (unsigned i = 0; i < per_block; i++) {
			add(r, 0, b, latency(seed, weather));
			add(r, 1, b, latency(seed, weather * ratio));
		}
	}
}

/* Intervals of 95 % have the truth in them nearly as often as they say; and
 * blocks that were slow for both do not make them wide. */
static void intervals_hold_the_truth(void **state)
{
	static const double truths[] = { 1, 1.2, 3 };
	unsigned held = 0, all = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		unsigned short seed[3] = { (unsigned short)i, 77, 5 };
		double truth = truths[i % 3];
		struct comparison is;
		struct results r;

		fill(&r, truth, COMPARE_BLOCKS, PER_BLOCK, seed);
		assert_true(compare_servers(&r, 1, 0, SEEN_WARM, 0.5, &is));
		assert_true(is.low <= is.ratio && is.ratio <= is.high);
		assert_true(is.high / is.low < 1.5);
		held += is.low <= truth && truth <= is.high;
		all++;
		results_clear(&r);
	}
	assert_in_range(held, 54, all);
}

static void same_again(void **state)
{
	unsigned short seed[3] = { 1, 1, 1 };
	struct comparison a, b;
	struct results r;

	(void)state;
	fill(&r, 2, COMPARE_BLOCKS, PER_BLOCK, seed);
	assert_true(compare_servers(&r, 1, 0, SEEN_WARM, 0.99, &a));
	assert_true(compare_servers(&r, 1, 0, SEEN_WARM, 0.99, &b));
	assert_true(a.ratio == b.ratio && a.low == b.low && a.high == b.high);
	/* The other way round it is the other way round. */
	assert_true(compare_servers(&r, 0, 1, SEEN_WARM, 0.99, &b));
	assert_true(fabs(a.ratio * b.ratio - 1) < 1e-9);
	results_clear(&r);
}

static void too_little(void **state)
{
	unsigned short seed[3] = { 1, 1, 1 };
	struct comparison is;
	struct results r;

	(void)state;
	fill(&r, 1, COMPARE_BLOCKS_MIN - 1, 1000, seed);
	assert_false(compare_servers(&r, 1, 0, SEEN_WARM, 0.5, &is));
	results_clear(&r);
	fill(&r, 1, COMPARE_BLOCKS_MIN, 60, seed); /* 480: not yet 5 of 500 */
	assert_true(compare_servers(&r, 1, 0, SEEN_WARM, 0.5, &is));
	assert_false(compare_servers(&r, 1, 0, SEEN_WARM, 0.99, &is));
	assert_false(compare_servers(&r, 1, 0, SEEN_COLD, 0.5, &is));
	results_clear(&r);
	assert_true(compare_enough(500, 0.99));
	assert_false(compare_enough(499, 0.99));
}

/* The slowest questions, each once, slowest first. */
static void slowest(void **state)
{
	struct results r;

	(void)state;
	assert_true(results_init(&r, 1));
	results_kind(&r, 1, CHAIN_PLAIN);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t question[MX_NAME_MAX + 4] = { 1, (uint8_t)('a' + i % 20) };

		results_question(&r, &(struct results_question){
			.class = SEEN_COLD, .question = question,
			.latency_ns = (int64_t)(i * 7919 % 1000) });
	}
	assert_int_equal(r.at[0].worst_count, RESULTS_WORST_MAX);
	for (unsigned i = 0; i < RESULTS_WORST_MAX; i++) {
		const struct results_worst *w = &r.at[0].worst[i];
		int64_t worst = 0;

		/* 7919 * i modulo 20 and 1000: each name's own largest. */
		for (unsigned k = 0; k < 1000; k++)
			if ('a' + k % 20 == w->qname.octets[1] &&
			    (int64_t)(k * 7919 % 1000) > worst)
				worst = (int64_t)(k * 7919 % 1000);
		assert_int_equal(w->latency_ns, worst);
		assert_int_equal(w->latency_ns, 999 - i);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(r.at[0].worst[k].qname.octets[1],
					     w->qname.octets[1]);
	}
	results_clear(&r);
}

/* Rows for more types than there are rows: the last is for all others. */
static void many_types(void **state)
{
	char text[RESULTS_KIND_TEXT_MAX];
	struct results r;

	(void)state;
	assert_true(results_init(&r, 1));
	for (unsigned i = 0; i < 100; i++) {
		unsigned row = results_kind(&r, (uint16_t)(1000 + i), CHAIN_PLAIN);

		assert_int_equal(row, i < RESULTS_KINDS_MAX - 1
					      ? i : RESULTS_KINDS_MAX - 1);
	}
	assert_int_equal(results_kind(&r, 1003, CHAIN_PLAIN), 3);
	assert_string_equal(results_kind_text(&r, 3, text), "TYPE1003");
	assert_string_equal(results_kind_text(&r, RESULTS_KINDS_MAX - 1, text),
			    "others");
	results_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(same_again),
		cmocka_unit_test(too_little),
		cmocka_unit_test(slowest),
		cmocka_unit_test(many_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
