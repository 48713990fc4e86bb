/* latency.c - the tables of mx_latency.h as data, and what is read from them. */
#include "mx_latency.h"

const char *const mx_latency_class_names[MX_LATENCY_CLASS_COUNT] = {
#define X(name, help) #name,
	MX_LATENCY_CLASSES(X)
#undef X
};

const char *const mx_latency_class_helps[MX_LATENCY_CLASS_COUNT] = {
#define X(name, help) help,
	MX_LATENCY_CLASSES(X)
#undef X
};

const char *const mx_latency_group_names[MX_LATENCY_GROUP_COUNT] = {
#define X(name, type) #name,
	MX_LATENCY_GROUPS(X)
#undef X
};

/* What is not named here is 0, which is the first group. */
const uint8_t mx_latency_groups[MX_LATENCY_TYPES] = {
#define X(name, type) [type] = MX_LATENCY_GROUP_##name,
	MX_LATENCY_GROUPS(X)
#undef X
};

uint64_t mx_latency_slot_end(unsigned slot)
{
	unsigned half = 1u << MX_LATENCY_BITS, shift;

	if (slot < 2 * half)
		return slot;
	shift = slot / half - 1;
	return ((uint64_t)(slot % half + half + 1) << shift) - 1;
}

void mx_latency_collect(struct mx_latency_sum *sum,
			const struct mx_latency *add, unsigned series)
{
	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++) {
		uint64_t n = atomic_load_explicit(&add->count[i][series],
						  memory_order_relaxed);

		sum->slots[i] += n;
		sum->count += n;
	}
}

void mx_latency_sum_add(struct mx_latency_sum *sum,
			const struct mx_latency_sum *add)
{
	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++)
		sum->slots[i] += add->slots[i];
	sum->count += add->count;
}

void mx_latency_sum_subtract(struct mx_latency_sum *sum,
			     const struct mx_latency_sum *before)
{
	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++)
		sum->slots[i] -= before->slots[i];
	sum->count -= before->count;
}

uint64_t mx_latency_at(const struct mx_latency_sum *sum, double share)
{
	/* One of ten at 0.1, not two, though 10 * 0.1 may be more than 1. */
	double want = share * (double)sum->count - 1e-6;
	uint64_t passed = 0;

	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++) {
		passed += sum->slots[i];
		if (passed > 0 && (double)passed >= want)
			return mx_latency_slot_end(i);
	}
	return 0;
}

double mx_latency_total_s(const struct mx_latency_sum *sum)
{
	double us = 0;

	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++) {
		uint64_t first = i > 0 ? mx_latency_slot_end(i - 1) + 1 : 0;

		us += (double)sum->slots[i] *
		      (double)(first + mx_latency_slot_end(i)) / 2;
	}
	return us / 1e6;
}

uint64_t mx_latency_within(const struct mx_latency_sum *sum, unsigned slot)
{
	uint64_t passed = 0;

	for (unsigned i = 0; i <= slot && i < MX_LATENCY_SLOTS; i++)
		passed += sum->slots[i];
	return passed;
}
