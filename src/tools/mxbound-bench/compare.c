/* compare.c - see compare.h. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#define BEYOND 5.0 /* samples past a percentile that make it one */
#define OUTSIDE 0.025 /* of the draws, at each end */

/* One server's samples of a group: of each slot that is in use how many there
 * are in each block. */
struct side {
	unsigned *slots, count_slots; /* which, ascending */
	uint32_t (*samples)[COMPARE_BLOCKS]; /* as many rows */
	uint64_t in_block[COMPARE_BLOCKS], count;
};

bool compare_enough(uint64_t samples, double share)
{
	return (double)samples * (1 - share) >= BEYOND - 1e-6;
}

/* The block of each place. False: too few places. */
static bool cut_run(const struct results_server *a,
		    const struct results_server *b, unsigned group,
		    uint8_t ret_blocks[RESULTS_PLACES])
{
	const struct results_server *const sides[] = { a, b };
	unsigned used = 0, seen = 0;

	memset(ret_blocks, 0, RESULTS_PLACES);
	for (unsigned s = 0; s < 2; s++)
		for (size_t i = 0; i < sides[s]->sample_count; i++)
			if (sides[s]->samples[i].group == group)
				ret_blocks[sides[s]->samples[i].place] = 1;
	for (unsigned i = 0; i < RESULTS_PLACES; i++)
		used += ret_blocks[i];
	for (unsigned i = 0; i < RESULTS_PLACES; i++)
		if (ret_blocks[i] != 0)
			ret_blocks[i] = (uint8_t)(seen++ * COMPARE_BLOCKS / used);
	return used >= COMPARE_BLOCKS_MIN;
}

static void side_free(struct side *s)
{
	free(s->slots);
	free(s->samples);
}

/* Row of each slot that is in use; row 0 is of the first. */
static void side_rows(const struct results_server *s, unsigned group,
		      struct side *side, unsigned rows[HISTOGRAM_SLOTS])
{
	memset(rows, 0, HISTOGRAM_SLOTS * sizeof *rows);
	for (size_t i = 0; i < s->sample_count; i++)
		if (s->samples[i].group == group)
			rows[s->samples[i].slot] = 1;
	for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++)
		if (rows[slot] == 1) {
			side->slots[side->count_slots] = slot;
			rows[slot] = side->count_slots++;
		}
}

static bool side_make(const struct results_server *s, unsigned group,
		      const uint8_t blocks[RESULTS_PLACES], struct side *ret)
{
	static unsigned rows[HISTOGRAM_SLOTS];

	*ret = (struct side){ 0 };
	ret->slots = calloc(HISTOGRAM_SLOTS, sizeof *ret->slots);
	ret->samples = calloc(HISTOGRAM_SLOTS, sizeof *ret->samples);
	if (ret->slots == NULL || ret->samples == NULL)
		return false;
	side_rows(s, group, ret, rows);
	for (size_t i = 0; i < s->sample_count; i++) {
		const struct results_sample *sample = &s->samples[i];
		unsigned block = blocks[sample->place];

		if (sample->group != group)
			continue;
		ret->samples[rows[sample->slot]][block]++;
		ret->in_block[block]++;
		ret->count++;
	}
	return ret->count > 0;
}

/* The percentile of the blocks, each as often as times says; ns. */
static double side_at(const struct side *s, const unsigned *times, double share)
{
	uint64_t count = 0, passed = 0;
	double want;

	for (unsigned b = 0; b < COMPARE_BLOCKS; b++)
		count += times[b] * s->in_block[b];
	want = share * (double)count - 1e-6;
	for (unsigned i = 0; i < s->count_slots; i++) {
		for (unsigned b = 0; b < COMPARE_BLOCKS; b++)
			passed += (uint64_t)times[b] * s->samples[i][b];
		if (passed > 0 && (double)passed >= want)
			return (double)histogram_slot_end(s->slots[i]) + 1;
	}
	return 1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void draw(const unsigned *blocks, unsigned count, unsigned short seed[3],
		 unsigned ret_times[COMPARE_BLOCKS])
{
	memset(ret_times, 0, COMPARE_BLOCKS * sizeof *ret_times);
	for (unsigned i = 0; i < count; i++)
		ret_times[blocks[(unsigned)nrand48(seed) % count]]++;
}

static void bootstrap(const struct side *side, const struct side *base,
		      const unsigned *blocks, unsigned count, double share,
		      struct comparison *ret)
{
	static double ratios[COMPARE_DRAWS];
	unsigned short seed[3] = { 1, 2, 3 };
	unsigned times[COMPARE_BLOCKS] = { 0 };

	for (unsigned i = 0; i < count; i++)
		times[blocks[i]] = 1;
	ret->ratio = side_at(side, times, share) / side_at(base, times, share);
	for (unsigned i = 0; i < COMPARE_DRAWS; i++) {
		draw(blocks, count, seed, times);
		ratios[i] = side_at(side, times, share) /
			    side_at(base, times, share);
	}
	qsort(ratios, COMPARE_DRAWS, sizeof *ratios, by_value);
	ret->low = ratios[(unsigned)(OUTSIDE * COMPARE_DRAWS)];
	ret->high = ratios[COMPARE_DRAWS - 1 -
			   (unsigned)(OUTSIDE * COMPARE_DRAWS)];
}

bool compare_servers(const struct results *r, unsigned server, unsigned base,
		     unsigned group, double share, struct comparison *ret)
{
	static uint8_t block_of[RESULTS_PLACES];
	unsigned blocks[COMPARE_BLOCKS], count = 0;
	struct side one = { 0 }, other = { 0 };
	bool enough = cut_run(&r->at[server], &r->at[base], group, block_of) &&
		      side_make(&r->at[server], group, block_of, &one) &&
		      side_make(&r->at[base], group, block_of, &other) &&
		      compare_enough(one.count, share) &&
		      compare_enough(other.count, share);

	for (unsigned b = 0; enough && b < COMPARE_BLOCKS; b++)
		if (one.in_block[b] > 0 && other.in_block[b] > 0)
			blocks[count++] = b;
	enough = enough && count >= COMPARE_BLOCKS_MIN;
	if (enough)
		bootstrap(&one, &other, blocks, count, share, ret);
	side_free(&one);
	side_free(&other);
	return enough;
}
