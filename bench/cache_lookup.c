/* cache_lookup - what a hit costs, beside the copy it cannot do without.
 *
 *   cache_lookup [-j] [ENTRIES [THREADS]]
 *
 * Puts ENTRIES secure MX answers (both forms), then asks for them in random
 * order, once over all of them and once over the 1,000 that a mail host asks
 * all day. The keys are prepared beforehand. memcpy copies the octets of the
 * same answers, in the same order, from one plain block each. Each figure is
 * the median of 40 batches, of 10 for threads: with THREADS the same by 1, 2,
 * 4... threads at once, and how long a lookup waited for its shard's lock. This
 * program is linked with a pthread_mutex_lock() of its own, which looks at the
 * clock when, and only when, the lock is taken. -j: one line of JSON.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mx_cache.h"
#include "mx_ede.h"

#define BATCHES 40u
#define BATCH 100000u
#define THREAD_BATCHES 10u
#define BODY_LEN 61u  /* three exchanges of a domain, pointers for names */
#define FULL_LEN 220u /* with an RRSIG by ECDSA */
#define HOT 1000u
#define THREADS_MAX 64u

struct name {
	uint8_t octets[32];
	uint8_t len;
};

static struct name *names;
static uint32_t entries = 100000;
static struct mx_cache *cache;
static uint8_t *bodies;
static json_t *report; /* NULL: for people */

/* Of this thread, so far. */
static _Thread_local uint64_t lock_waits, lock_wait_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* In place of the C library's, see rules.mk. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	uint64_t start;
	int result;

	if (pthread_mutex_trylock(mutex) == 0)
		return 0;
	start = now_ns();
	result = __real_pthread_mutex_lock(mutex);
	lock_wait_ns += now_ns() - start;
	lock_waits++;
	return result;
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
	if (report)
		json_object_update_new(report, json_pack("{s:I, s:f, s:I}",
			"entries", (json_int_t)stats.entries,
			"octets_each",
			(double)stats.octets / (double)stats.entries,
			"evicted", (json_int_t)stats.evicted));
	else
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
static double median(double *ns, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		for (unsigned j = i; j > 0 && ns[j] < ns[j - 1]; j--) {
			double swap = ns[j];

			ns[j] = ns[j - 1];
			ns[j - 1] = swap;
		}
	return ns[count / 2];
}

static double get_ns(uint32_t among, bool full, mx_instant now, uint64_t random,
		     unsigned batches)
{
	double ns[BATCHES];

	for (unsigned i = 0; i < batches; i++) {
		uint64_t start = now_ns();

		get_batch(among, full, now, &random);
		ns[i] = (double)(now_ns() - start) / BATCH;
	}
	return median(ns, batches);
}

static double memcpy_ns(uint32_t among, bool full, uint64_t random)
{
	double ns[BATCHES];

	for (unsigned i = 0; i < BATCHES; i++) {
		uint64_t start = now_ns();

		copy_batch(among, full, &random);
		ns[i] = (double)(now_ns() - start) / BATCH;
	}
	return median(ns, BATCHES);
}

static void say_one(const char *what, uint32_t among, bool full)
{
	double fresh = get_ns(among, full, 0, 1, BATCHES);
	double aged = get_ns(among, full, 5000, 1, BATCHES);
	double copy = memcpy_ns(among, full, 1);
	unsigned octets = full ? FULL_LEN : BODY_LEN;

	if (report)
		json_array_append_new(json_object_get(report, "lookups"),
			json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f}",
				  "among", what, "form", full ? "full" : "plain",
				  "octets", (int)octets, "get_ns", fresh,
				  "get_aged_ns", aged, "memcpy_ns", copy,
				  "to_memcpy", aged / copy));
	else
		printf("%-10s %-5s  get %6.1f ns, TTLs lowered %6.1f, memcpy of %3u octets %5.1f\n",
		       what, full ? "full" : "plain", fresh, aged, octets,
		       copy);
}

/* ---- the lock ---- */

static double median_pair_ns(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	double ns[BATCHES];

	for (unsigned i = 0; i < BATCHES; i++) {
		uint64_t start = now_ns();

		for (unsigned n = 0; n < BATCH; n++) {
			__real_pthread_mutex_lock(&mutex);
			pthread_mutex_unlock(&mutex);
		}
		ns[i] = (double)(now_ns() - start) / BATCH;
	}
	return median(ns, BATCHES);
}

/* What taking and giving back a lock costs that nobody else wants. */
static void say_pair(void)
{
	double pair = median_pair_ns();

	if (report)
		json_object_set_new(report, "lock_unlock_ns", json_real(pair));
	else
		printf("lock and unlock, nobody waiting: %.1f ns\n", pair);
}

struct thread {
	pthread_t id;
	uint64_t seed, waits, wait_ns;
	double ns;
};

static void *one_thread(void *argument)
{
	struct thread *t = argument;

	t->ns = get_ns(entries, false, 5000, t->seed, THREAD_BATCHES);
	t->waits = lock_waits;
	t->wait_ns = lock_wait_ns;
	return NULL;
}

static void say_threads(unsigned count)
{
	static struct thread threads[THREADS_MAX];
	double ns = 0, waits = 0, wait_ns = 0;
	double lookups = (double)count * THREAD_BATCHES * BATCH;

	for (unsigned i = 0; i < count; i++) {
		threads[i] = (struct thread){ .seed = i + 1 };
		if (pthread_create(&threads[i].id, NULL, one_thread, &threads[i]))
			exit(1);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i].id, NULL);
		ns += threads[i].ns / count;
		waits += (double)threads[i].waits;
		wait_ns += (double)threads[i].wait_ns;
	}
	if (report)
		json_array_append_new(json_object_get(report, "threads"),
			json_pack("{s:i, s:f, s:f, s:f}", "threads", (int)count,
				  "get_ns", ns,
				  "lock_wait_ns", wait_ns / lookups,
				  "lock_taken_share", waits / lookups));
	else
		printf("%2u threads: %6.1f ns each, waiting for a lock %.2f ns on average, %.4f %% had to\n",
		       count, ns, wait_ns / lookups, 100 * waits / lookups);
}

/* ---- all ---- */

static void say_all(unsigned threads)
{
	for (int full = 0; full < 2; full++)
		say_one("all", entries, full);
	for (int full = 0; full < 2; full++)
		say_one("hot 1000", HOT, full);
	say_pair();
	for (unsigned n = 1; n <= threads && n <= THREADS_MAX; n *= 2)
		say_threads(n);
}

int main(int argc, char **argv)
{
	struct mx_cache_config config = { .size_octets = 256u << 20 };
	unsigned threads = 0;
	int option;

	while ((option = getopt(argc, argv, "j")) != -1) {
		if (option != 'j')
			return 2;
		report = json_pack("{s:[], s:[]}", "lookups", "threads");
	}
	if (argc > optind)
		entries = (uint32_t)atoi(argv[optind]);
	if (argc > optind + 1)
		threads = (unsigned)atoi(argv[optind + 1]);
	if (mx_cache_new(&config, &cache) != MX_OK)
		return 1;
	bodies = calloc(entries, FULL_LEN);
	if (bodies == NULL || entries < HOT)
		return 1;
	/* Untouched, it would be one page of zeros. */
	memset(bodies, 1, (size_t)entries * FULL_LEN);
	make_names();
	fill();
	say_all(threads);
	if (report) {
		json_dumpf(report, stdout, JSON_REAL_PRECISION(5));
		putchar('\n');
		json_decref(report);
	}
	mx_cache_free(cache);
	free(bodies);
	free(names);
	return 0;
}
