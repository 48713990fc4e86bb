/* Who has to go: S3-FIFO, by entry, in caches of one shard that are easily
 * filled; and the queues and ghosts themselves. */
#include "../../cache/evict.h"
#include "cache_answers.h"

#define START 1000000
#define SIZE 65536u
#define LEN 200u
#define LIFE_S 300u

static struct body body;
static uint8_t out[MX_MESSAGE_MAX];

static struct mx_key *numbered(struct test_key *k, char kind, uint32_t number)
{
	char name[32];

	snprintf(name, sizeof name, "%c%u.example", kind, number);
	return key_of(k, name, 1);
}

static void put_for(struct mx_cache *cache, char kind, uint32_t number,
		    size_t len, uint32_t ttl_s, mx_instant now)
{
	struct mx_answer a;
	struct test_key k;

	body_of_len(&body, ttl_s, number, len);
	a = answer_of(&body, NULL, ttl_s);
	assert_true(mx_cache_put(cache, numbered(&k, kind, number), &a, now));
}

static void put(struct mx_cache *cache, char kind, uint32_t number)
{
	put_for(cache, kind, number, LEN, LIFE_S, START);
}

static bool get(struct mx_cache *cache, char kind, uint32_t number)
{
	struct mx_found found;
	struct test_key k;

	return mx_cache_get(cache, numbered(&k, kind, number), START, true, out,
			    sizeof out, &found) == MX_HIT;
}

static uint32_t count_hits(struct mx_cache *cache, char kind, uint32_t upto)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < upto; i++)
		hits += get(cache, kind, i);
	return hits;
}

static struct mx_cache_stats stats_of(struct mx_cache *cache)
{
	struct mx_cache_stats stats;

	mx_cache_stats(cache, &stats);
	return stats;
}

/* Names that are never asked again, until so many entries had to go. */
static void scan(struct mx_cache *cache, uint32_t *next, uint64_t evictions)
{
	uint64_t until = stats_of(cache).evicted + evictions;

	while (stats_of(cache).evicted < until) {
		put(cache, 's', (*next)++);
		assert_sound(cache);
	}
}

/* ---- small and main ---- */

static void what_was_asked_again_outlasts_any_scan(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		put(cache, 'h', i);
	assert_int_equal(count_hits(cache, 'h', 100), 100);
	/* Not asked once while the scan goes on. */
	scan(cache, &next, 5000);
	assert_int_equal(count_hits(cache, 'h', 100), 100);
	cache_done(cache);
}

static void what_was_not_goes_in_the_order_it_came(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0, in;

	(void)state;
	put(cache, 'h', 0);
	assert_true(get(cache, 'h', 0));
	scan(cache, &next, 1);
	in = (uint32_t)stats_of(cache).entries - 1;
	scan(cache, &next, 9);
	assert_int_equal(stats_of(cache).entries, in + 1);
	for (uint32_t i = 0; i < next; i++)
		assert_int_equal(get(cache, 's', i), i >= 10);
	assert_true(get(cache, 'h', 0));
	cache_done(cache);
}

static void a_scan_has_all_that_main_does_not_need(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;
	size_t full;

	(void)state;
	scan(cache, &next, 1);
	full = stats_of(cache).entries;
	scan(cache, &next, 1000);
	assert_in_range(stats_of(cache).entries, full - 1, full + 1);
	cache_done(cache);
}

/* Small is a tenth in octets, so large answers are let in but do not stay
 * long, and what is in main does not have to make room for them. */
static void large_answers_asked_once_leave_main_alone(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		put(cache, 'h', i);
	count_hits(cache, 'h', 100);
	scan(cache, &next, 100);
	for (uint32_t i = 0; i < 200; i++) {
		put_for(cache, 'l', i, 12000, LIFE_S, START);
		assert_sound(cache);
	}
	assert_int_equal(count_hits(cache, 'h', 100), 100);
	cache_done(cache);
}

/* ---- ghosts ---- */

static void who_comes_back_soon_goes_to_main(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	put(cache, 'g', 0);
	scan(cache, &next, 1);
	assert_false(get(cache, 'g', 0));
	put(cache, 'g', 0);
	put(cache, 'n', 0);
	/* More than there are entries: what was in small has all gone. */
	scan(cache, &next, 1000);
	assert_true(get(cache, 'g', 0));
	assert_false(get(cache, 'n', 0));
	cache_done(cache);
}

static void who_comes_back_late_is_a_stranger(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	put(cache, 'g', 0);
	scan(cache, &next, 1);
	assert_false(get(cache, 'g', 0));
	/* Ten times as many as there are ghosts. */
	scan(cache, &next, SIZE / 128 * 10);
	put(cache, 'g', 0);
	scan(cache, &next, 1000);
	assert_false(get(cache, 'g', 0));
	cache_done(cache);
}

static void ghosts_are_few_in_order_and_taken_once(void **state)
{
	_Alignas(64) uint16_t table[GHOSTS_PER_GROUP] = { 0 };
	struct ghosts g;

	(void)state;
	ghosts_init(&g, table, sizeof table);
	assert_int_equal(g.group_count, 1);
	/* 0 is a spot like any other. */
	for (uint32_t i = 0; i < GHOSTS_PER_GROUP + 8; i++)
		ghosts_add(&g, i);
	assert_null(ghosts_check(&g));
	for (uint32_t i = 0; i < 8; i++)
		assert_false(ghosts_take(&g, i));
	/* Known already: it is the latest, and nobody goes. */
	ghosts_add(&g, 8);
	ghosts_add(&g, 100);
	assert_null(ghosts_check(&g));
	assert_false(ghosts_take(&g, 9));
	assert_true(ghosts_take(&g, 8));
	assert_false(ghosts_take(&g, 8));
	for (uint32_t i = 10; i < GHOSTS_PER_GROUP + 8; i++)
		assert_true(ghosts_take(&g, i));
	assert_true(ghosts_take(&g, 100));
	for (unsigned i = 0; i < GHOSTS_PER_GROUP; i++)
		assert_int_equal(table[i], 0);
}

static void a_gap_among_ghosts_is_found(void **state)
{
	_Alignas(64) uint16_t table[2 * GHOSTS_PER_GROUP] = { 0 };
	struct ghosts g;

	(void)state;
	ghosts_init(&g, table, sizeof table);
	assert_null(ghosts_check(&g));
	table[GHOSTS_PER_GROUP + 1] = 7;
	assert_non_null(ghosts_check(&g));
	table[GHOSTS_PER_GROUP] = 7;
	assert_non_null(ghosts_check(&g));
	table[GHOSTS_PER_GROUP] = 8;
	assert_null(ghosts_check(&g));
}

/* ---- put again ---- */

static void a_new_answer_keeps_its_place_in_main(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	put(cache, 'h', 0);
	assert_true(get(cache, 'h', 0));
	scan(cache, &next, 300);
	put(cache, 'h', 0);
	scan(cache, &next, 1000);
	assert_true(get(cache, 'h', 0));
	cache_done(cache);
}

/* Two workers that miss at once both put; that is one question. */
static void the_same_answer_twice_is_not_a_use(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	put(cache, 't', 0);
	put(cache, 't', 0);
	scan(cache, &next, 1000);
	assert_false(get(cache, 't', 0));
	cache_done(cache);
}

static void an_answer_that_ran_out_and_is_asked_again_is_used(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	put_for(cache, 't', 0, LEN, 1, START - 2000);
	put(cache, 't', 0);
	scan(cache, &next, 1000);
	assert_true(get(cache, 't', 0));
	cache_done(cache);
}

/* ---- main's own order, entry by entry ---- */

#define ENTRIES 600u
#define MOVES 256u /* that one call may make */

struct bench {
	struct memory memory;
	struct evict evict;
	struct entry *entries[ENTRIES];
	_Alignas(64) uint16_t table[GHOSTS_PER_GROUP];
	size_t charge;
};

static struct entry *entry_of(struct bench *b, uint32_t number, uint32_t ttl_s)
{
	struct mx_answer a;
	struct test_key k;

	body_of_len(&body, ttl_s, number, LEN);
	a = answer_of(&body, NULL, ttl_s);
	return entry_new(&b->memory, numbered(&k, 'e', number), SLOT_ANSWER,
			 number + 1, &a, START);
}

/* Room for so many entries of this size, a tenth of them in small. */
static void bench_set_up(struct bench *b, uint32_t room)
{
	struct entry *e;

	memset(b, 0, sizeof *b);
	assert_int_equal(memory_init(&b->memory), MX_OK);
	e = entry_of(b, 0, LIFE_S);
	b->charge = memory_charge(&b->memory, entry_octets(e));
	entry_free(&b->memory, e);
	evict_init(&b->evict, SIZE, b->table, sizeof b->table);
	b->evict.answers_max = room * b->charge;
	b->evict.small_max = b->evict.answers_max / 10;
}

static void enter(struct bench *b, uint32_t number, bool to_main, uint32_t ttl_s)
{
	struct entry *e = b->entries[number] = entry_of(b, number, ttl_s);

	if (to_main)
		ghosts_add(&b->evict.ghosts, e->spot);
	evict_enter(&b->evict, e, b->charge);
	assert_int_equal(e->queue, to_main ? QUEUE_MAIN : QUEUE_SMALL);
	assert_null(evict_check(&b->evict, &b->memory));
}

static void use(struct bench *b, uint32_t number, unsigned times)
{
	while (times-- > 0)
		evict_touch(&b->evict, b->entries[number]);
}

/* The number of who goes next, if another one wants to come in. */
static uint32_t next_out(struct bench *b, mx_instant now)
{
	struct entry *e = evict_next(&b->evict, &b->memory, b->entries[0],
				     b->charge, now);
	uint32_t number = 0;

	assert_non_null(e);
	while (b->entries[number] != e)
		number++;
	evict_leave(&b->evict, e, b->charge);
	assert_null(evict_check(&b->evict, &b->memory));
	assert_null(evict_next(&b->evict, &b->memory, e, b->charge, now));
	/* The next one's place is taken, so that again one has to go. */
	b->evict.answers_max -= b->charge;
	return number;
}

static void bench_done(struct bench *b)
{
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (b->entries[i] != NULL)
			entry_free(&b->memory, b->entries[i]);
	memory_clear(&b->memory);
}

static void uses_are_rounds_and_count_up_to_three(void **state)
{
	static const uint32_t order[] = { 1, 4, 6, 7, 2, 5, 3, 0 };
	static const unsigned uses[] = { 100, 0, 1, 2, 0, 1, 0, 0 };
	struct bench b;

	(void)state;
	bench_set_up(&b, 16);
	for (uint32_t i = 0; i < 16; i++) {
		enter(&b, i, true, LIFE_S);
		use(&b, i, i < 8 ? uses[i] : 100);
	}
	assert_int_equal(b.entries[0]->uses, USES_MAX);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(next_out(&b, START), order[i]);
	bench_done(&b);
}

static void small_gives_way_first_and_the_used_rise_unused(void **state)
{
	struct bench b;

	(void)state;
	bench_set_up(&b, 20);
	for (uint32_t i = 0; i < 10; i++)
		enter(&b, i, true, LIFE_S);
	for (uint32_t i = 10; i < 20; i++)
		enter(&b, i, false, LIFE_S);
	use(&b, 10, 3);
	use(&b, 12, 1);
	assert_int_equal(next_out(&b, START), 11);
	assert_int_equal(b.entries[10]->queue, QUEUE_MAIN);
	assert_int_equal(b.entries[10]->uses, 0);
	assert_int_equal(next_out(&b, START), 13);
	assert_int_equal(b.entries[12]->queue, QUEUE_MAIN);
	/* Those that rose are remembered by nobody, those that went are. */
	assert_false(ghosts_take(&b.evict.ghosts, b.entries[10]->spot));
	assert_true(ghosts_take(&b.evict.ghosts, b.entries[11]->spot));
	bench_done(&b);
}

static void at_a_tenth_small_stays_and_main_gives_way(void **state)
{
	struct bench b;

	(void)state;
	bench_set_up(&b, 20);
	for (uint32_t i = 0; i < 18; i++)
		enter(&b, i, true, LIFE_S);
	for (uint32_t i = 18; i < 20; i++)
		enter(&b, i, false, LIFE_S);
	assert_int_equal(next_out(&b, START), 0);
	/* Who leaves main is not remembered: it had its chances. */
	assert_false(ghosts_take(&b.evict.ghosts, b.entries[0]->spot));
	bench_done(&b);
}

static void what_ran_out_gets_no_round_more(void **state)
{
	struct bench b;

	(void)state;
	bench_set_up(&b, 20);
	for (uint32_t i = 0; i < 10; i++)
		enter(&b, i, true, i < 2 ? 10 : LIFE_S);
	for (uint32_t i = 10; i < 20; i++)
		enter(&b, i, false, i == 10 ? 10 : LIFE_S);
	for (uint32_t i = 0; i < 20; i++)
		use(&b, i, i <= 10 ? 3 : 0);
	/* Main's oldest before small's, however often they were used. */
	assert_int_equal(next_out(&b, START + 10000), 0);
	assert_int_equal(next_out(&b, START + 10000), 1);
	assert_int_equal(next_out(&b, START + 10000), 10);
	assert_int_equal(next_out(&b, START + 10000), 11);
	bench_done(&b);
}

static void however_many_were_used_the_work_is_bounded(void **state)
{
	struct bench b;
	uint32_t moved = 0;

	(void)state;
	bench_set_up(&b, ENTRIES);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		enter(&b, i, true, LIFE_S);
		use(&b, i, USES_MAX);
	}
	assert_int_equal(next_out(&b, START), MOVES);
	for (uint32_t i = 0; i < ENTRIES; i++)
		moved += b.entries[i]->uses < USES_MAX;
	assert_int_equal(moved, MOVES);
	bench_done(&b);
}

/* ---- failures ---- */

static void fail_number(struct mx_cache *cache, uint32_t number)
{
	struct test_key k;

	mx_cache_put_failure(cache, numbered(&k, 'f', number), MX_EDE_NONE,
			     "nobody there", START);
}

static void failures_push_out_only_failures(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0, failing = 0;

	(void)state;
	scan(cache, &next, 1);
	for (; stats_of(cache).evicted < 500; failing++) {
		fail_number(cache, failing);
		assert_sound(cache);
	}
	assert_int_equal(count_hits(cache, 's', next), next - 1);
	for (uint32_t i = 0; i < failing; i++)
		assert_int_equal(get(cache, 'f', i), i >= 499);
	cache_done(cache);
}

static void answers_push_out_no_failure(void **state)
{
	struct mx_cache *cache = cache_of(SIZE);
	uint32_t next = 0;

	(void)state;
	fail_number(cache, 0);
	scan(cache, &next, 1000);
	assert_true(get(cache, 'f', 0));
	cache_done(cache);
}

static void the_longest_failure_fits_the_smallest_cache(void **state)
{
	struct mx_cache *cache = cache_of(MX_CACHE_SIZE_MIN);
	uint8_t qname[MX_NAME_MAX];
	char why[MX_WHY_MAX + 1];
	struct mx_key key = { qname, MX_NAME_MAX, 1, 1 };
	struct mx_found found;

	(void)state;
	for (unsigned at = 0; at < MX_NAME_MAX - 1; at += 2)
		memcpy(qname + at, "\001x", 2);
	qname[MX_NAME_MAX - 1] = 0;
	memset(why, 'y', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	mx_cache_put_failure(cache, &key, MX_EDE_NONE, why, START);
	assert_int_equal(mx_cache_get(cache, &key, START, true, out, sizeof out,
				      &found), MX_HIT);
	assert_string_equal(found.why, why);
	cache_done(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_again_outlasts_any_scan),
		cmocka_unit_test(what_was_not_goes_in_the_order_it_came),
		cmocka_unit_test(a_scan_has_all_that_main_does_not_need),
		cmocka_unit_test(large_answers_asked_once_leave_main_alone),
		cmocka_unit_test(who_comes_back_soon_goes_to_main),
		cmocka_unit_test(who_comes_back_late_is_a_stranger),
		cmocka_unit_test(ghosts_are_few_in_order_and_taken_once),
		cmocka_unit_test(a_gap_among_ghosts_is_found),
		cmocka_unit_test(a_new_answer_keeps_its_place_in_main),
		cmocka_unit_test(the_same_answer_twice_is_not_a_use),
		cmocka_unit_test(an_answer_that_ran_out_and_is_asked_again_is_used),
		cmocka_unit_test(uses_are_rounds_and_count_up_to_three),
		cmocka_unit_test(small_gives_way_first_and_the_used_rise_unused),
		cmocka_unit_test(at_a_tenth_small_stays_and_main_gives_way),
		cmocka_unit_test(what_ran_out_gets_no_round_more),
		cmocka_unit_test(however_many_were_used_the_work_is_bounded),
		cmocka_unit_test(failures_push_out_only_failures),
		cmocka_unit_test(answers_push_out_no_failure),
		cmocka_unit_test(the_longest_failure_fits_the_smallest_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
