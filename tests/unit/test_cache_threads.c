/* Many threads put, get, fail, flush and look at the same few keys. Every
 * body carries its key and a checksum, so an answer that is torn, or another
 * key's, shows; the sanitizers see the rest. */
#include <pthread.h>
#include <stdatomic.h>

#include "cache_answers.h"

#define THREADS 4
#define NAMES 40u
#define TYPES 3u
#define STEPS 20000u

struct worker {
	struct mx_cache *cache;
	uint64_t random;
	struct body plain, full;
	uint8_t out[MX_MESSAGE_MAX];
	size_t hits, bad;
};

static _Atomic mx_instant clock_ms = 1000000;

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
		get_be(rdata, 4) == number &&
		get_be(octets + 6, 4) <= 3600 &&
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
		      1 + random_below(&w->random, 30));
	a.state = random_below(&w->random, 4);
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
	if (found.kind == MX_ANSWER_FAILURE)
		w->bad += found.len != 0 || found.rcode != MX_RCODE_SERVFAIL;
	else if (found.kind == MX_ANSWER_POSITIVE)
		w->bad += !seal_holds(w->out, found.len, number) ||
			(found.state == MX_BOGUS) != (found.why[0] != '\0');
	else
		w->bad++;
}

static void step(struct worker *w)
{
	uint32_t number = random_below(&w->random, NAMES * TYPES);
	mx_instant now = atomic_load(&clock_ms);
	uint32_t dice = random_below(&w->random, 1000);
	struct mx_cache_stats stats;
	struct test_key k;

	name_number(&k, number);
	if (dice < 700) {
		get(w, number, now);
	} else if (dice < 940) {
		put(w, number, now);
	} else if (dice < 980) {
		mx_cache_put_failure(w->cache, &k.key, 22, "silent", now);
	} else if (dice < 990) {
		atomic_fetch_add(&clock_ms, random_below(&w->random, 2000));
	} else if (dice < 996) {
		mx_cache_flush(w->cache, k.qname, k.key.qname_len, false);
	} else if (dice < 997) {
		key_of(&k, "example", 0);
		mx_cache_flush(w->cache, k.qname, k.key.qname_len, true);
	} else if (dice < 999) {
		mx_cache_stats(w->cache, &stats);
		w->bad += stats.octets > stats.octets_max;
	} else {
		w->bad += mx_cache_check(w->cache) != NULL;
	}
}

static void *work(void *argument)
{
	struct worker *w = argument;

	for (unsigned i = 0; i < STEPS; i++)
		step(w);
	return NULL;
}

static void run(bool constant, size_t size_octets)
{
	const struct mx_cache_config config = {
		.size_octets = size_octets, .hash_key = test_hash_key,
		.hash_constant = constant, .failure_ttl_max_s = 300,
	};
	struct mx_cache *cache;
	struct worker *workers = calloc(THREADS, sizeof *workers);
	pthread_t threads[THREADS];
	size_t hits = 0;

	assert_non_null(workers);
	assert_int_equal(mx_cache_new(&config, &cache), MX_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].cache = cache;
		workers[i].random = i;
		assert_int_equal(pthread_create(&threads[i], NULL, work,
						&workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].bad, 0);
		hits += workers[i].hits;
	}
	assert_true(hits > 0);
	free(workers);
	cache_done(cache);
}

static void nothing_is_torn(void **state)
{
	(void)state;
	run(false, 4 << 20);
}

static void nothing_is_torn_while_it_evicts(void **state)
{
	(void)state;
	run(false, 128 << 10);
}

static void nothing_is_torn_in_one_chain(void **state)
{
	(void)state;
	run(true, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_torn),
		cmocka_unit_test(nothing_is_torn_while_it_evicts),
		cmocka_unit_test(nothing_is_torn_in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
