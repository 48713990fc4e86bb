/* The budget holds whatever comes: eviction in order, what is too large, and
 * no memory at all. */
#include "../../cache/memory.h"
#include "cache_answers.h"

#ifndef MX_SANITIZED
#include <jemalloc/jemalloc.h>
#endif

#define START 1000000

static struct body body, body_full;
static uint8_t out[MX_MESSAGE_MAX];

static bool put_number(struct mx_cache *cache, uint32_t number, size_t len)
{
	char name[32];
	struct mx_answer a;
	struct test_key k;

	snprintf(name, sizeof name, "n%u.example", number);
	body_of_len(&body, 300, number, len);
	a = answer_of(&body, NULL, 300);
	return mx_cache_put(cache, key_of(&k, name, 1), &a, START);
}

static enum mx_hit get_number(struct mx_cache *cache, uint32_t number)
{
	char name[32];
	struct mx_found found;
	struct test_key k;

	snprintf(name, sizeof name, "n%u.example", number);
	return mx_cache_get(cache, key_of(&k, name, 1), START, true, out,
			    sizeof out, &found);
}

static struct mx_cache_stats stats_of(struct mx_cache *cache)
{
	struct mx_cache_stats stats;

	mx_cache_stats(cache, &stats);
	return stats;
}

/* ---- eviction ---- */

static void the_oldest_goes_first(void **state)
{
	struct mx_cache *cache = cache_of(65536); /* one shard */
	uint32_t last = 0;

	(void)state;
	while (stats_of(cache).evicted < 100)
		assert_true(put_number(cache, last++, 200));
	for (uint32_t i = 0; i < last; i++)
		assert_int_equal(get_number(cache, i), i < 100 ? MX_MISS : MX_HIT);
	assert_int_equal(stats_of(cache).entries, last - 100);
	cache_done(cache);
}

/* What was put again is new again. */
static void put_again_is_not_the_oldest(void **state)
{
	struct mx_cache *cache = cache_of(65536);
	uint32_t last = 0;

	(void)state;
	while (last < 50)
		put_number(cache, last++, 200);
	put_number(cache, 0, 200);
	while (stats_of(cache).evicted < 10)
		put_number(cache, last++, 200);
	assert_int_equal(get_number(cache, 0), MX_HIT);
	for (uint32_t i = 1; i <= 10; i++)
		assert_int_equal(get_number(cache, i), MX_MISS);
	assert_int_equal(get_number(cache, 11), MX_HIT);
	cache_done(cache);
}

static void a_large_one_evicts_only_what_it_needs(void **state)
{
	struct mx_cache *cache = cache_of(65536);
	struct mx_cache_stats before, after;
	uint32_t last = 0;

	(void)state;
	while (stats_of(cache).evicted < 1)
		put_number(cache, last++, 200);
	before = stats_of(cache);
	assert_true(put_number(cache, last, 8000));
	after = stats_of(cache);
	assert_int_equal(get_number(cache, last), MX_HIT);
	assert_in_range(after.evicted - before.evicted, 20, 60);
	cache_done(cache);
}

/* ---- what is too large ---- */

static void more_than_a_quarter_of_a_shard_is_not_stored(void **state)
{
	struct mx_cache *cache = cache_of(65536);
	size_t fits = 0;

	(void)state;
	put_number(cache, 1, 200);
	for (size_t len = 12000; len <= 17000; len += 20)
		if (put_number(cache, 2, len)) {
			assert_int_equal(stats_of(cache).refused_too_big, 0);
			fits = len;
		}
	assert_in_range(fits, 12000, 16384);
	assert_true(stats_of(cache).refused_too_big > 0);
	assert_int_equal(get_number(cache, 1), MX_HIT);
	/* What it would have replaced is not true any more either. */
	assert_int_equal(get_number(cache, 2), MX_MISS);
	cache_done(cache);
}

static void a_form_longer_than_a_message_is_not_stored(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_of_len(&body, 60, 1, 100);
	a = answer_of(&body, NULL, 60);
	a.plain.len = a.full.len = MX_MESSAGE_MAX + 1;
	assert_false(mx_cache_put(cache, key_of(&k, "long", 1), &a, START));
	assert_int_equal(stats_of(cache).refused_too_big, 1);
	cache_done(cache);
}

static void sizes_that_make_no_cache(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, MX_CACHE_SIZE_MIN - 1 };
	struct mx_cache *cache = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		const struct mx_cache_config config = { .size_octets = sizes[i] };

		assert_int_equal(mx_cache_new(&config, &cache), MX_E_CONFIG);
		assert_null(cache);
	}
	mx_cache_free(NULL);
	cache = cache_of(MX_CACHE_SIZE_MIN);
	assert_true(put_number(cache, 1, 200));
	assert_int_equal(get_number(cache, 1), MX_HIT);
	cache_done(cache);
}

/* ---- the cap ---- */

#ifndef MX_SANITIZED
static size_t jemalloc_says(const char *what)
{
	uint64_t epoch = 1;
	size_t value = 0, len = sizeof value;

	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof epoch), 0);
	assert_int_equal(mallctl(what, &value, &len, NULL, 0), 0);
	return value;
}
#else
static size_t jemalloc_says(const char *what)
{
	(void)what;
	return 0;
}
#endif

/* Mostly small, as answers are, but every size up to the largest message. */
static size_t random_len(uint64_t *random)
{
	uint32_t bits = 6 + random_below(random, 11);
	size_t len = 60 + random_below(random, (1u << bits) - 1);

	return len > MX_MESSAGE_MAX ? MX_MESSAGE_MAX : len;
}

static void put_random(struct mx_cache *cache, uint64_t *random, uint32_t number,
		       size_t *sent)
{
	bool two_forms = random_below(random, 3) == 0;
	char name[32];
	struct mx_answer a;
	struct test_key k;

	body_of_len(&body, 300, number, random_len(random));
	if (two_forms)
		body_of_len(&body_full, 300, number, random_len(random));
	a = answer_of(&body, two_forms ? &body_full : NULL, 300);
	snprintf(name, sizeof name, "n%u.example", number);
	assert_true(mx_cache_put(cache, key_of(&k, name, 1), &a, START));
	*sent += a.plain.len + (two_forms ? a.full.len : 0);
}

static void fill_ten_times(size_t cap)
{
	size_t allocated = jemalloc_says("stats.allocated");
	size_t resident = jemalloc_says("stats.resident");
	struct mx_cache *cache = cache_of(cap);
	uint64_t random = 1;
	size_t sent = 0;

	for (uint32_t number = 0; sent < 10 * cap; number++) {
		put_random(cache, &random, number, &sent);
		if (number % 64 == 0)
			assert_in_range(stats_of(cache).octets, 1, cap);
	}
	assert_sound(cache);
	assert_true(stats_of(cache).evicted > 0);
	/* Full means full: the cap is not kept by storing little. */
	assert_in_range(stats_of(cache).octets, cap - cap / 8, cap);
#ifndef MX_SANITIZED
	/* What jemalloc counts by itself, and what it holds in pages. */
	allocated = jemalloc_says("stats.allocated") - allocated;
	resident = jemalloc_says("stats.resident") - resident;
	print_message("cap %zu, counted %zu, allocated %zu, resident %zu\n", cap,
		      stats_of(cache).octets, allocated, resident);
	assert_in_range(allocated, 1, cap);
	assert_in_range(resident, 1, cap + cap / 4 + (1 << 20));
#else
	(void)allocated;
	(void)resident;
#endif
	cache_done(cache);
}

static void the_cap_holds_for_any_sizes(void **state)
{
	(void)state;
	fill_ten_times(1 << 20);
	fill_ten_times(16 << 20);
#ifndef MX_SANITIZED
	fill_ten_times(64 << 20);
#endif
}

/* The overhead that is promised: key and wire taken off, at most 96 octets. */
static void an_entry_costs_little_beyond_key_and_wire(void **state)
{
	struct mx_cache *cache = cache_of(32 << 20);
	size_t fixed = stats_of(cache).octets, payload = 0, cost;
	uint32_t count = 20000;
	uint64_t random = 1;

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		size_t len = 28 + random_below(&random, 100);

		assert_true(put_number(cache, i, len));
		payload += len + strlen("n.example") + 2 +
			(i < 10 ? 1 : i < 100 ? 2 : i < 1000 ? 3 : i < 10000 ? 4 : 5);
	}
	assert_int_equal(stats_of(cache).entries, count);
	cost = (stats_of(cache).octets - fixed - payload) / count;
	print_message("octets beyond key and wire, without bucket: %zu\n", cost);
	assert_in_range(cost, 64, 96 - 8);
	cache_done(cache);
}

/* ---- no memory ---- */

static unsigned allocations_left;

static bool refuse_when_used_up(size_t octets)
{
	(void)octets;
	if (allocations_left == 0)
		return true;
	allocations_left--;
	return false;
}

static bool refuse_all(size_t octets)
{
	(void)octets;
	return true;
}

static int allow_again(void **state)
{
	(void)state;
	memory_test_refuse = NULL;
	return 0;
}

static void without_memory_there_is_no_cache_and_no_leak(void **state)
{
	const struct mx_cache_config config = { .size_octets = 4 << 20 };
	enum mx_error err = MX_E_NO_MEMORY;
	struct mx_cache *cache = NULL;
	unsigned allowed = 0;

	(void)state;
	memory_test_refuse = refuse_when_used_up;
	while (err == MX_E_NO_MEMORY) {
		allocations_left = allowed++;
		assert_null(cache);
		err = mx_cache_new(&config, &cache);
	}
	assert_int_equal(err, MX_OK);
	assert_in_range(allowed, 3, 20);
	cache_done(cache);
}

static void without_memory_nothing_is_stored_and_nothing_breaks(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct test_key k;

	(void)state;
	assert_true(put_number(cache, 1, 100));
	assert_true(put_number(cache, 2, 100));
	key_of(&k, "dead", 1);
	assert_int_equal(mx_cache_put_failure(cache, &k.key, 0, "", START), 1);

	memory_test_refuse = refuse_all;
	assert_false(put_number(cache, 2, 100));
	assert_false(put_number(cache, 3, 100));
	/* The caller hears how long to wait, though it is not kept. */
	assert_int_equal(mx_cache_put_failure(cache, &k.key, 0, "",
					      START + 1000), 2);
	assert_int_equal(mx_cache_get(cache, &k.key, START + 1000, true, out,
				      sizeof out, &found), MX_MISS);
	memory_test_refuse = NULL;

	assert_sound(cache);
	assert_int_equal(stats_of(cache).refused_no_memory, 3);
	assert_int_equal(get_number(cache, 1), MX_HIT);
	assert_int_equal(get_number(cache, 2), MX_MISS);
	assert_int_equal(get_number(cache, 3), MX_MISS);
	assert_int_equal(mx_cache_put_failure(cache, &k.key, 0, "",
					      START + 1000), 2);
	assert_true(put_number(cache, 2, 100));
	cache_done(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_goes_first),
		cmocka_unit_test(put_again_is_not_the_oldest),
		cmocka_unit_test(a_large_one_evicts_only_what_it_needs),
		cmocka_unit_test(more_than_a_quarter_of_a_shard_is_not_stored),
		cmocka_unit_test(a_form_longer_than_a_message_is_not_stored),
		cmocka_unit_test(sizes_that_make_no_cache),
		cmocka_unit_test(the_cap_holds_for_any_sizes),
		cmocka_unit_test(an_entry_costs_little_beyond_key_and_wire),
		cmocka_unit_test_teardown(
			without_memory_there_is_no_cache_and_no_leak, allow_again),
		cmocka_unit_test_teardown(
			without_memory_nothing_is_stored_and_nothing_breaks,
			allow_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
