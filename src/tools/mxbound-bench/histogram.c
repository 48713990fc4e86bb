/* histogram.c - see histogram.h. */
#include "histogram.h"

#include <string.h>

#define HALF (1u << HISTOGRAM_BITS)

void histogram_clear(struct histogram *h)
{
	memset(h, 0, sizeof *h);
	h->min_ns = UINT64_MAX;
}

/* The first two rows, up to 2 * HALF, have slots of one; each row after that
 * is a doubling, whose slots are twice as wide as those before. */
unsigned histogram_slot(uint64_t ns)
{
	unsigned top, shift;

	if (ns > HISTOGRAM_MAX_NS)
		ns = HISTOGRAM_MAX_NS;
	if (ns < 2 * HALF)
		return (unsigned)ns;
	top = 63u - (unsigned)__builtin_clzll(ns);
	shift = top - HISTOGRAM_BITS;
	return shift * HALF + (unsigned)(ns >> shift);
}

uint64_t histogram_slot_end(unsigned slot)
{
	unsigned shift;

	if (slot < 2 * HALF)
		return slot;
	shift = slot / HALF - 1;
	return ((uint64_t)(slot % HALF + HALF + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;

	h->slots[histogram_slot(value)]++;
	h->count++;
	h->sum_ns += (double)value;
	if (value < h->min_ns)
		h->min_ns = value;
	if (value > h->max_ns)
		h->max_ns = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++)
		into->slots[i] += from->slots[i];
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->min_ns < into->min_ns)
		into->min_ns = from->min_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
	/* One of ten at 0.1, not two, though 10 * 0.1 may be more than 1. */
	double want = share * (double)h->count - 1e-6;
	uint64_t passed = 0;

	if (h->count == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
		uint64_t end = histogram_slot_end(i);

		passed += h->slots[i];
		if (passed > 0 && (double)passed >= want)
			return end < h->max_ns ? end : h->max_ns;
	}
	return h->max_ns;
}

double histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : h->sum_ns / (double)h->count;
}
