/* cache_lookup - what a hit costs, beside the copy it cannot do without.
 *
 *   cache_lookup [ENTRIES [THREADS]]
 *
 * Puts ENTRIES secure MX answers (both forms), then asks for them in random
 * order, once over all of them and once over the 1,000 that a mail host asks
 * all day. The keys are prepared beforehand. memcpy copies the octets of the
 * same answers, in the same order, from one plain block each. Each figure is
 * the median of 40 batches.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mx_cache.h"
#include "mx_ede.h"

#define BATCHES 40u
#define BATCH 100000u
#define BODY_LEN 61u  /* three exchanges of a domain, pointers for names */
#define FULL_LEN 220u /* with an RRSIG by ECDSA */
#define HOT 1000u

struct name {
	uint8_t octets[32];
	uint8_t len;
};

static struct name *names;
static uint32_t entries = 100000;
static struct mx_cache *cache;
static uint8_t *bodies;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_names(void)
{
	names = calloc(entries, sizeof *names);
	if (names == NULL)
		exit(1);
	for (uint32_t i = 0; i < entries; i++) {
		char label[16];
		int len = snprintf(label, sizeof label, "domain%07u", i);

		names[i].octets[0] = (uint8_t)len;
		memcpy(names[i].octets + 1, label, (size_t)len);
		memcpy(names[i].octets + 1 + len, "\007example", 9);
		names[i].len = (uint8_t)(len + 10);
	}
}

static struct mx_key key_of(uint32_t i)
{
	return (struct mx_key){ names[i].octets, names[i].len, 15, 1 };
}

static void fill(void)
{
	static const uint16_t ttl_at[] = { 6, 27, 46, 70 };
	static uint8_t octets[FULL_LEN], more[FULL_LEN];
	struct mx_answer a = {
		.state = MX_SECURE, .ttl_s = 3600, .ede = MX_EDE_NONE, .why = "",
		.plain = { .octets = octets, .len = BODY_LEN, .ancount = 3,
			   .ttl_count = 3, .ttl_at = ttl_at },
		.full = { .octets = more, .len = FULL_LEN, .ancount = 4,
			  .ttl_count = 4, .ttl_at = ttl_at },
	};
	struct mx_cache_stats stats;

	for (uint32_t i = 0; i < entries; i++) {
		struct mx_key key = key_of(i);

		mx_cache_put(cache, &key, &a, 0);
	}
	mx_cache_stats(cache, &stats);
	printf("%zu entries, %zu octets (%.0f each), %llu evicted\n",
	       stats.entries, stats.octets,
	       (double)stats.octets / (double)stats.entries,
	       (unsigned long long)stats.evicted);
}

static uint32_t next_index(uint64_t *state, uint32_t among)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 32) * among >> 32);
}

static void get_batch(uint32_t among, bool full, mx_instant now,
		      uint64_t *random)
{
	uint8_t out[1232];
	struct mx_found found;
	size_t hits = 0;

	for (uint32_t i = 0; i < BATCH; i++) {
		struct mx_key key = key_of(next_index(random, among));

		hits += mx_cache_get(cache, &key, now, full, out, sizeof out,
				     &found) == MX_HIT;
	}
	if (hits != BATCH)
		fprintf(stderr, "only %zu hits of %u\n", hits, BATCH);
}

static void copy_batch(uint32_t among, bool full, uint64_t *random)
{
	uint8_t out[1232];
	size_t len = full ? FULL_LEN : BODY_LEN;

	for (uint32_t i = 0; i < BATCH; i++) {
		memcpy(out, bodies + (size_t)next_index(random, among) * FULL_LEN,
		       len);
		__asm__ volatile("" : : "r"(out) : "memory");
	}
}

/* The median batch: the worst ones measure what else the machine does. */
static double median(double *ns)
{
	for (unsigned i = 1; i < BATCHES; i++)
		for (unsigned j = i; j > 0 && ns[j] < ns[j - 1]; j--) {
			double swap = ns[j];

			ns[j] = ns[j - 1];
			ns[j - 1] = swap;
		}
	return ns[BATCHES / 2];
}

static double get_ns(uint32_t among, bool full, mx_instant now, uint64_t random)
{
	double ns[BATCHES];

	for (unsigned i = 0; i < BATCHES; i++) {
		uint64_t start = now_ns();

		get_batch(among, full, now, &random);
		ns[i] = (double)(now_ns() - start) / BATCH;
	}
	return median(ns);
}

static double memcpy_ns(uint32_t among, bool full, uint64_t random)
{
	double ns[BATCHES];

	for (unsigned i = 0; i < BATCHES; i++) {
		uint64_t start = now_ns();

		copy_batch(among, full, &random);
		ns[i] = (double)(now_ns() - start) / BATCH;
	}
	return median(ns);
}

static void report(const char *what, uint32_t among)
{
	for (int full = 0; full < 2; full++) {
		double fresh = get_ns(among, full, 0, 1);
		double aged = get_ns(among, full, 5000, 1);
		double copy = memcpy_ns(among, full, 1);

		printf("%-10s %-5s  get %6.1f ns, TTLs lowered %6.1f, memcpy of %3u octets %5.1f\n",
		       what, full ? "full" : "plain", fresh, aged,
		       full ? FULL_LEN : BODY_LEN, copy);
	}
}

static void *one_thread(void *argument)
{
	double *ret_ns = argument;

	*ret_ns = get_ns(entries, false, 5000, (uint64_t)(uintptr_t)argument);
	return NULL;
}

static void report_threads(unsigned count)
{
	pthread_t threads[64];
	double ns[64], sum = 0;

	for (unsigned i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, one_thread, &ns[i]);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		sum += ns[i];
	}
	printf("%u threads: %.1f ns each\n", count, sum / count);
}

int main(int argc, char **argv)
{
	struct mx_cache_config config = { .size_octets = 256u << 20 };
	unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 0;

	if (argc > 1)
		entries = (uint32_t)atoi(argv[1]);
	if (mx_cache_new(&config, &cache) != MX_OK)
		return 1;
	bodies = calloc(entries, FULL_LEN);
	if (bodies == NULL || entries < HOT)
		return 1;
	/* Untouched, it would be one page of zeros. */
	memset(bodies, 1, (size_t)entries * FULL_LEN);
	make_names();
	fill();
	report("all", entries);
	report("hot 1000", HOT);
	for (unsigned n = 1; n <= threads && n <= 64; n *= 2)
		report_threads(n);
	mx_cache_free(cache);
	free(bodies);
	free(names);
	return 0;
}
