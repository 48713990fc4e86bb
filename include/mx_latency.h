/* mx_latency.h - how long clients wait, counted where they are answered.
 *
 * What is measured, and what is not: a query over UDP counts from when its
 * batch of datagrams has been read until its reply has been given to the
 * kernel, together with all others of the batch. So a hit counts with the time
 * of the whole batch that it leaves with, and one clock reading serves up to 64
 * of them. Over TCP: from when the whole query is there until its reply is in
 * the connection's buffer. What a query waits in a socket's buffer before it is
 * read, and what it spends in the kernel and on the way, is not in it; a client
 * sees that, and a bench shows it. Special names, and what is refused or dropped,
 * are not measured; nor is what this host asks for itself.
 *
 *   us     0 1 2 ... 15 │ 16 18 ... 30 │ 32 36 ... 60 │ ... │ 4 s to 8 s, and more
 *   slot   one each     │ two each     │ four each    │
 *
 * Units    microseconds. A slot is at most an eighth of its value wide; what is
 *          longer than the last one counts there.
 * Threads  one struct per worker, written by that worker alone with relaxed
 *          stores; anyone may read and sum, as with mx_counters.h. No lock, and
 *          no cache line that two workers write.
 * Memory   56 KiB.
 */
#ifndef MX_LATENCY_H
#define MX_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

/*        name, how a query was answered */
#define MX_LATENCY_CLASSES(X) \
	X(hit, "from the cache, within the TTL") \
	X(stale, "with an answer past its TTL, at once or after waiting") \
	X(joined, "after waiting for a question that was in flight") \
	X(miss, "after a question to a resolver") \
	X(failed, "with SERVFAIL, out of the cache or not")

/*        name, QTYPE as IANA numbers it; the first, 0: all others */
#define MX_LATENCY_GROUPS(X) \
	X(other, 0) \
	X(A, 1) X(AAAA, 28) X(MX, 15) X(TXT, 16) X(TLSA, 52) X(PTR, 12)

enum mx_latency_class {
#define X(name, help) MX_LATENCY_##name,
	MX_LATENCY_CLASSES(X)
#undef X
	MX_LATENCY_CLASS_COUNT
};
enum mx_latency_group {
#define X(name, type) MX_LATENCY_GROUP_##name,
	MX_LATENCY_GROUPS(X)
#undef X
	MX_LATENCY_GROUP_COUNT
};
extern const char *const mx_latency_class_names[MX_LATENCY_CLASS_COUNT];
extern const char *const mx_latency_class_helps[MX_LATENCY_CLASS_COUNT];
extern const char *const mx_latency_group_names[MX_LATENCY_GROUP_COUNT];

/* A class and a group make a series. There is room for one class more, which
 * nobody reads: for what is not measured, so that nobody on the hot path has to
 * ask whether it is. */
#define MX_LATENCY_SERIES (MX_LATENCY_CLASS_COUNT * MX_LATENCY_GROUP_COUNT)
#define MX_LATENCY_ROOM (MX_LATENCY_SERIES + MX_LATENCY_GROUP_COUNT)

#define MX_LATENCY_BITS 3u /* 8 slots for each doubling */
#define MX_LATENCY_DOUBLINGS 20u
#define MX_LATENCY_SLOTS ((MX_LATENCY_DOUBLINGS + 1u) << MX_LATENCY_BITS)
#define MX_LATENCY_MAX_US \
	((UINT64_C(1) << (MX_LATENCY_BITS + MX_LATENCY_DOUBLINGS)) - 1)

struct mx_latency {
	/* Slots are outside: what is answered together lies together. */
	_Atomic uint64_t count[MX_LATENCY_SLOTS][MX_LATENCY_ROOM];
};

#define MX_LATENCY_TYPES 64u
extern const uint8_t mx_latency_groups[MX_LATENCY_TYPES];

static inline unsigned mx_latency_series(unsigned class, uint16_t qtype)
{
	unsigned group = qtype < MX_LATENCY_TYPES ? mx_latency_groups[qtype]
						  : MX_LATENCY_GROUP_other;

	return class * MX_LATENCY_GROUP_COUNT + group;
}

/* The slot of a duration, and the longest duration of a slot. */
static inline unsigned mx_latency_slot(uint64_t us)
{
	unsigned shift;

	if (us > MX_LATENCY_MAX_US)
		us = MX_LATENCY_MAX_US;
	if (us < 2u << MX_LATENCY_BITS)
		return (unsigned)us;
	shift = 63u - (unsigned)__builtin_clzll(us) - MX_LATENCY_BITS;
	return (shift << MX_LATENCY_BITS) + (unsigned)(us >> shift);
}
uint64_t mx_latency_slot_end(unsigned slot);

/* One more in what the calling thread owns. */
static inline void mx_latency_bump(_Atomic uint64_t *to)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* Several that took the same time: their slot is found once. */
static inline void mx_latency_add_all(struct mx_latency *latency,
				      const uint8_t *series, unsigned n,
				      int64_t us)
{
	_Atomic uint64_t *slot = latency->count[
		mx_latency_slot(us > 0 ? (uint64_t)us : 0)];

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		mx_latency_bump(&slot[series[i]]);
}

/* ---- reading ---- */

/* One class of one group, or several of them added up. */
struct mx_latency_sum {
	uint64_t slots[MX_LATENCY_SLOTS];
	uint64_t count;
};

/* *sum += one series of *add. */
void mx_latency_collect(struct mx_latency_sum *sum,
			const struct mx_latency *add, unsigned series);
/* *sum += *add; and the other way, where add was in it. */
void mx_latency_sum_add(struct mx_latency_sum *sum,
			const struct mx_latency_sum *add);
void mx_latency_sum_subtract(struct mx_latency_sum *sum,
			     const struct mx_latency_sum *before);
/* The duration that a share of all (0 to 1) do not exceed: the end of its
 * slot. 0 if there are none. */
uint64_t mx_latency_at(const struct mx_latency_sum *sum, double share);
/* All of it in seconds, as if each had taken the middle of its slot: within a
 * sixteenth of the truth. To keep the sum would cost a hit more than its count. */
double mx_latency_total_s(const struct mx_latency_sum *sum);
/* How many took no longer than the slot's end: what Prometheus calls le. */
uint64_t mx_latency_within(const struct mx_latency_sum *sum, unsigned slot);

#endif
