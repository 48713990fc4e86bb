/* Snapshots written and loaded while others put, get and flush. Every body
 * carries its key and a checksum, so an answer that is torn, or another key's,
 * shows; the sanitizers see the rest. */
#include <pthread.h>
#include <stdatomic.h>

#include "snapshot_files.h"

#define THREADS 3
#define NAMES 60u
#define TYPES 3u

struct worker {
	struct mx_cache *cache;
	uint64_t random;
	struct body plain, full;
	uint8_t out[MX_MESSAGE_MAX];
	size_t hits, bad;
};

static _Atomic bool going;
static _Atomic mx_instant clock_ms;

static uint32_t checksum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ octets[i]) * 16777619u;
	return sum;
}

/* One RR whose RDATA is: number of the key, checksum of the rest, the rest. */
static void sealed_body(struct worker *w, struct body *b, uint32_t number)
{
	size_t rest = random_below(&w->random, random_below(&w->random, 50) == 0 ?
				   20000 : 300);
	uint8_t *rdata = b->octets + RR_HEAD;

	body_clear(b);
	body_rr(b, true, 16, 3600, (uint32_t)next_random(&w->random), rest + 8);
	put_be(rdata, number, 4);
	put_be(rdata + 4, checksum(rdata + 8, rest), 4);
}

static bool seal_holds(const uint8_t *octets, uint32_t len, uint32_t number)
{
	const uint8_t *rdata = octets + RR_HEAD;

	return len >= RR_HEAD + 8 && get_be(octets + 10, 2) == len - RR_HEAD &&
		get_be(rdata, 4) == number && get_be(octets + 6, 4) <= 3600 &&
		get_be(rdata + 4, 4) == checksum(rdata + 8, len - RR_HEAD - 8);
}

static void name_number(struct test_key *k, uint32_t number)
{
	char name[32];

	snprintf(name, sizeof name, "n%u.example", number / TYPES);
	key_of(k, name, (uint16_t)(1 + number % TYPES));
}

static void put(struct worker *w, uint32_t number, mx_instant now)
{
	struct mx_answer a;
	struct test_key k;

	name_number(&k, number);
	sealed_body(w, &w->plain, number);
	sealed_body(w, &w->full, number);
	a = answer_of(&w->plain, random_below(&w->random, 2) ? &w->full : NULL,
		      1 + random_below(&w->random, 300));
	a.state = random_below(&w->random, 4);
	a.may_stale = true;
	a.why = a.state == MX_BOGUS ? "for some reason" : "";
	mx_cache_put(w->cache, &k.key, &a, now);
}

static void get(struct worker *w, uint32_t number, mx_instant now)
{
	struct mx_found found;
	struct test_key k;

	name_number(&k, number);
	if (mx_cache_get(w->cache, &k.key, now, random_below(&w->random, 2),
			 w->out, sizeof w->out, &found) == MX_MISS)
		return;
	w->hits++;
	if (found.kind == MX_ANSWER_POSITIVE)
		w->bad += !seal_holds(w->out, found.len, number) ||
			(found.state == MX_BOGUS) != (found.why[0] != '\0');
	else
		w->bad += found.kind != MX_ANSWER_FAILURE;
}

static void step(struct worker *w)
{
	uint32_t number = random_below(&w->random, NAMES * TYPES);
	mx_instant now = atomic_load(&clock_ms);
	uint32_t dice = random_below(&w->random, 1000);
	struct test_key k;

	name_number(&k, number);
	if (dice < 600)
		get(w, number, now);
	else if (dice < 960)
		put(w, number, now);
	else if (dice < 980)
		mx_cache_put_failure(w->cache, &k.key, 22, "silent", now);
	else if (dice < 990)
		atomic_fetch_add(&clock_ms, random_below(&w->random, 100));
	else if (dice < 999)
		mx_cache_flush(w->cache, k.qname, k.key.qname_len, false);
	else
		w->bad += mx_cache_check(w->cache) != NULL;
}

static void *work(void *argument)
{
	struct worker *w = argument;

	while (atomic_load(&going))
		step(w);
	return NULL;
}

static void all_hold(struct mx_cache *cache, struct worker *w)
{
	w->cache = cache;
	for (uint32_t number = 0; number < NAMES * TYPES; number++)
		get(w, number, atomic_load(&clock_ms));
	assert_int_equal(w->bad, 0);
}

/* Save the cache that all use; load into another, and into one that all use
 * meanwhile. */
static void round_of_snapshots(const struct files *f, struct mx_cache *busy,
			       bool constant, struct worker *w)
{
	struct mx_cache *quiet = cache_to_load(2 << 20, constant);
	struct mx_snapshot s = snapshot_at(f, atomic_load(&clock_ms));
	struct mx_snapshot_loaded loaded;
	struct mx_snapshot_saved saved;

	assert_int_equal(mx_snapshot_save(busy, &s, &saved), MX_OK);
	s = snapshot_at(f, atomic_load(&clock_ms));
	assert_int_equal(mx_snapshot_load(quiet, &s, &loaded), MX_SNAPSHOT_READ);
	assert_int_equal(loaded.damaged + loaded.refused + loaded.no_room, 0);
	assert_int_equal(loaded.loaded + dropped(&loaded), saved.records);
	all_hold(quiet, w);
	cache_done(quiet);
}

static void run(bool constant, size_t size_octets)
{
	uint64_t rounds = env_number("MX_STEPS", 10);
	struct worker *workers = calloc(THREADS + 1, sizeof *workers);
	pthread_t threads[THREADS];
	struct files files;
	size_t hits = 0;

	assert_non_null(workers);
	files_begin(&files);
	atomic_store(&clock_ms, NOW);
	for (uint64_t round = 0; round < rounds; round++) {
		struct mx_cache *busy = cache_to_load(size_octets, constant);
		struct mx_snapshot s;
		struct mx_snapshot_loaded loaded;

		atomic_store(&going, true);
		for (unsigned i = 0; i < THREADS; i++) {
			workers[i].cache = busy;
			workers[i].random += i + 1;
			assert_int_equal(pthread_create(&threads[i], NULL, work,
							&workers[i]), 0);
		}
		s = snapshot_at(&files, atomic_load(&clock_ms));
		(void)mx_snapshot_load(busy, &s, &loaded);
		for (unsigned i = 0; i < 4; i++)
			round_of_snapshots(&files, busy, constant,
					   &workers[THREADS]);
		atomic_store(&going, false);
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_join(threads[i], NULL);
			assert_int_equal(workers[i].bad, 0);
			hits += workers[i].hits;
		}
		cache_done(busy);
	}
	assert_true(hits > 0);
	files_end(&files);
	free(workers);
}

static void beside_others(void **state)
{
	(void)state;
	run(false, 2 << 20);
}

static void beside_others_that_evict(void **state)
{
	(void)state;
	run(false, 64 << 10);
}

static void in_one_chain(void **state)
{
	(void)state;
	run(true, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_others),
		cmocka_unit_test(beside_others_that_evict),
		cmocka_unit_test(in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
