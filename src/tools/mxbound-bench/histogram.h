/* histogram.h - durations, counted in slots that grow with what they hold.
 *
 *   ns      0 1 2 ... 255 │ 256 258 ... 510 │ 512 516 ... 1020 │ ...
 *   slot    one each      │ two each        │ four each        │ ...
 *
 * A slot is less than 0.8 % of its value wide, from a nanosecond to more than
 * a quarter of an hour; what is longer counts as the longest. Histograms are
 * added up without loss, so runs may be pooled before percentiles are taken.
 *
 * Units    nanoseconds.
 * Threads  none of its own: one histogram, one thread.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 7u /* 128 slots for each doubling */
#define HISTOGRAM_DOUBLINGS 33u
#define HISTOGRAM_SLOTS ((HISTOGRAM_DOUBLINGS + 1u) << HISTOGRAM_BITS)
#define HISTOGRAM_MAX_NS ((1ull << (HISTOGRAM_BITS + HISTOGRAM_DOUBLINGS)) - 1)

struct histogram {
	uint64_t slots[HISTOGRAM_SLOTS];
	uint64_t count, min_ns, max_ns;
	double sum_ns;
};

void histogram_clear(struct histogram *h);
/* What is below 0, as clocks may have it, counts as 0. */
void histogram_add(struct histogram *h, int64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The least duration that a share of all (0 to 1) do not exceed: the end of
 * its slot, but never more than the longest. 0 if there are none. */
uint64_t histogram_at(const struct histogram *h, double share);
double histogram_mean(const struct histogram *h);

/* The slot of a duration, and the longest duration of a slot. */
unsigned histogram_slot(uint64_t ns);
uint64_t histogram_slot_end(unsigned slot);

#endif
