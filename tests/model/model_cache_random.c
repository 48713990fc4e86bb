/* The cache against a plain array, by random steps: put, get, failure, flush,
 * a clock that jumps both ways, allocations that fail; what is past its TTL,
 * and who is told to refresh; a snapshot, and a new cache that it is loaded
 * into.
 *
 * Where nothing can have been evicted, get must give exactly what the array
 * says. Where something can, it may also miss, or give what would have been
 * behind that; but never anything that the array does not hold.
 *
 * MX_SEED, MX_STEPS in the environment repeat or prolong a run.
 */
#include "../../cache/memory.h"
#include "../unit/snapshot_files.h"

#define FAILURE_MIN_S 1u
#define FAILURE_MAX_S 300u
#define FAILURE_MEMORY_MS 300000
#undef STALE_MAX_S
#define STALE_MAX_S 400u
#define REFRESH_HITS 2u
#undef WALL_S
#define WALL_S 1700000000 /* when now is 0 */
#define SLACK_MS 2000

static const char *const names[] = {
	"", "org", "a.org", "b.org", "ab.org", "x.a.org", "y.x.a.org", "xa.org",
	"a.net", "net", "mail.example.net", "_25._tcp.mail.example.net",
};
static const uint16_t types[] = { 1, 15, 28, 52 };
#define NAMES (sizeof names / sizeof *names)
#define TYPES (sizeof types / sizeof *types)

/* One thing kept: enough to make its octets again. */
struct kept {
	bool there;
	mx_instant stored;
	uint32_t ttl_s, seed;
	enum mx_answer_kind kind;
	enum mx_validation state;
	bool two_forms, may_stale, has_signed_until, awaited, told_to_refresh;
	uint32_t signed_until;
	unsigned hits;
};

struct model {
	struct mx_cache *cache;
	bool may_evict;
	uint64_t random;
	mx_instant now;
	bool no_memory;
	struct kept answer[NAMES][TYPES], bogus[NAMES][TYPES],
		failure[NAMES][TYPES], nxdomain[NAMES];
	size_t hits, misses, stale_hits, snapshots, evicted;
	struct mx_cache_config config;
	struct files files;
};

static struct model model;
static struct body plain, full;
static uint8_t out[MX_MESSAGE_MAX], expected[MX_MESSAGE_MAX];

static uint32_t below(uint32_t bound)
{
	return random_below(&model.random, bound);
}

/* ---- octets from a seed ---- */

static void make_form(struct body *b, uint64_t *random, bool positive,
		      uint32_t ttl_s)
{
	unsigned before = random_below(random, 3), turning, after;

	body_clear(b);
	turning = positive ? 1 + random_below(random, 4) : 0;
	after = random_below(random, 3);
	for (unsigned i = 0; i < before && positive; i++)
		body_rr(b, true, 5, ttl_s + random_below(random, 100),
			(uint32_t)next_random(random), random_below(random, 30));
	b->form.turn_at = (uint16_t)b->form.len;
	b->form.turn_count = (uint16_t)turning;
	for (unsigned i = 0; i < turning; i++)
		body_rr(b, true, 1, ttl_s, (uint32_t)next_random(random), 4);
	for (unsigned i = 0; i < after; i++)
		body_rr(b, false, 6, ttl_s + random_below(random, 100),
			(uint32_t)next_random(random),
			random_below(random, random_below(random, 40) == 0 ?
				     5000 : 60));
}

static struct mx_answer make_answer(const struct kept *k)
{
	uint64_t random = k->seed;
	bool positive = k->kind == MX_ANSWER_POSITIVE;
	struct mx_answer a;

	make_form(&plain, &random, positive, k->ttl_s);
	make_form(&full, &random, positive, k->ttl_s);
	a = answer_of(&plain, k->two_forms ? &full : NULL, k->ttl_s);
	a.kind = k->kind;
	a.state = k->state;
	a.rcode = k->kind == MX_ANSWER_NXDOMAIN ? 3 : 0;
	a.may_stale = k->may_stale;
	a.has_signed_until = k->has_signed_until;
	a.signed_until = k->signed_until;
	a.awaited = k->awaited;
	if (k->state == MX_BOGUS) {
		a.ede = MX_EDE_BOGUS;
		a.why = "seen by the model";
	}
	return a;
}

/* ---- time ---- */

static uint32_t age_s(const struct kept *k)
{
	return model.now > k->stored ?
		(uint32_t)((model.now - k->stored) / 1000) : 0;
}

static bool live(const struct kept *k)
{
	return k->there && model.now < k->stored + (mx_instant)k->ttl_s * 1000;
}

/* Often the very edge of somebody's life. */
static void move_clock(void)
{
	uint32_t n = below(NAMES), t = below(TYPES);
	const struct kept *k = below(2) ? &model.answer[n][t] : &model.failure[n][t];

	if (below(3) == 0 && k->there)
		model.now = k->stored + (mx_instant)k->ttl_s * 1000 - below(2);
	else if (below(20) == 0)
		model.now -= below(5000);
	else
		model.now += below(below(10) == 0 ? 400000 : 3000);
}

/* ---- steps ---- */

static bool refuse_if_told(size_t octets)
{
	(void)octets;
	return model.no_memory;
}

static void step_put(uint32_t n, uint32_t t)
{
	struct kept k = {
		.stored = model.now, .ttl_s = below(8) ? 1 + below(300) : 0,
		.seed = (uint32_t)next_random(&model.random),
		.kind = below(3), .state = below(4), .two_forms = below(2),
		.may_stale = below(4), .has_signed_until = below(4),
		.signed_until = WALL_S + (uint32_t)(model.now / 1000) +
				below(600),
		.awaited = below(2),
	};
	struct mx_answer a = make_answer(&k);
	struct test_key key;
	bool want;

	model.no_memory = below(20) == 0;
	want = k.ttl_s > 0 && !model.no_memory;
	k.there = mx_cache_put(model.cache, key_of(&key, names[n], types[t]),
			       &a, model.now);
	model.no_memory = false;
	/* In a small cache an answer may be too large to be stored. */
	if (k.there != want)
		assert_true(want && model.may_evict &&
			    a.plain.len + a.full.len > 4000);

	model.failure[n][t].there = false;
	if (k.state == MX_BOGUS) {
		model.bogus[n][t] = k;
		return;
	}
	model.bogus[n][t].there = false;
	model.answer[n][t].there = false;
	model.nxdomain[n].there = false;
	if (k.kind == MX_ANSWER_NXDOMAIN && k.state == MX_SECURE)
		model.nxdomain[n] = k;
	else
		model.answer[n][t] = k;
}

static uint32_t expected_wait_s(const struct kept *last)
{
	mx_instant end = last->stored + (mx_instant)last->ttl_s * 1000;
	uint32_t twice = 2 * last->ttl_s;

	if (!last->there)
		return FAILURE_MIN_S;
	if (model.now < end)
		return last->ttl_s - age_s(last);
	if (model.now >= end + FAILURE_MEMORY_MS)
		return FAILURE_MIN_S;
	return twice < FAILURE_MAX_S ? twice : FAILURE_MAX_S;
}

static void step_failure(uint32_t n, uint32_t t)
{
	struct kept *last = &model.failure[n][t];
	uint32_t want_s = expected_wait_s(last), got_s;
	uint32_t least_s = below(3) ? 0 : 30;
	struct mx_cache_stats before, after;
	struct test_key key;

	mx_cache_stats(model.cache, &before);
	model.no_memory = below(20) == 0;
	if (!live(last) && want_s < least_s)
		want_s = least_s;
	got_s = mx_cache_put_failure_least(model.cache,
					   key_of(&key, names[n], types[t]), 22,
					   "silent", least_s, model.now);
	mx_cache_stats(model.cache, &after);
	/* If it was evicted, it starts anew. */
	if (!(model.may_evict &&
	      got_s == (least_s ? least_s : FAILURE_MIN_S)))
		assert_int_equal(got_s, want_s);
	if (!model.may_evict)
		assert_int_equal(after.stored - before.stored,
				 !live(last) && !model.no_memory);
	if (after.stored > before.stored)
		*last = (struct kept){
			.there = true, .stored = model.now, .ttl_s = got_s,
			.kind = MX_ANSWER_FAILURE,
		};
	model.no_memory = false;
}

static bool found_is(const struct mx_found *found, const struct kept *k,
		     bool with_dnssec)
{
	struct mx_answer a;
	const struct mx_form *form;

	if (!live(k) || found->kind != k->kind ||
	    found->ttl_left_s != k->ttl_s - age_s(k))
		return false;
	if (k->kind == MX_ANSWER_FAILURE)
		return found->len == 0 && found->rcode == MX_RCODE_SERVFAIL &&
			strcmp(found->why, "silent") == 0 && found->ede == 22;
	a = make_answer(k);
	form = with_dnssec ? &a.full : &a.plain;
	if (found->state != a.state || found->rcode != a.rcode ||
	    found->ede != a.ede || strcmp(found->why, a.why) != 0 ||
	    found->len != form->len || found->ancount != form->ancount ||
	    found->nscount != form->nscount || !found->copied)
		return false;
	for (unsigned turn = 0; turn == 0 || turn < form->turn_count; turn++) {
		body_expect(form, age_s(k), turn, expected);
		if (memcmp(out, expected, form->len) == 0)
			return true;
	}
	return false;
}

/* One hit of each answer, if it has so many. */
static void check_refresh(const struct mx_found *found, struct kept *k)
{
	bool want = k->state != MX_BOGUS && k->kind != MX_ANSWER_FAILURE &&
		!k->told_to_refresh;

	if (found->len > 0) /* what is empty does not turn */
		k->hits++;
	want = want && k->hits + k->awaited >= REFRESH_HITS;
	assert_int_equal(found->refresh, want);
	k->told_to_refresh = k->told_to_refresh || want;
}

static void step_get(uint32_t n, uint32_t t)
{
	const struct kept *in_order[] = {
		&model.answer[n][t], &model.nxdomain[n], &model.bogus[n][t],
		&model.failure[n][t], NULL,
	};
	const struct kept **k = in_order;
	bool with_dnssec = below(2);
	struct mx_found found;
	struct test_key key;
	enum mx_hit hit;

	memset(out, 0xee, 64);
	hit = mx_cache_get(model.cache, key_of(&key, names[n], types[t]),
			   model.now, with_dnssec, out, sizeof out, &found);
	while (*k != NULL && !live(*k))
		k++;
	if (hit == MX_MISS) {
		model.misses++;
		assert_true(*k == NULL || model.may_evict);
		return;
	}
	model.hits++;
	while (model.may_evict && *k != NULL &&
	       !found_is(&found, *k, with_dnssec))
		k++;
	assert_non_null(*k);
	assert_true(found_is(&found, *k, with_dnssec));
	assert_false(found.stale);
	check_refresh(&found, (struct kept *)(uintptr_t)*k);
}

static bool signatures_hold(const struct kept *k)
{
	return k->state != MX_SECURE ||
		(k->has_signed_until &&
		 model.now / 1000 + WALL_S < (int64_t)k->signed_until);
}

static void step_get_stale(uint32_t n, uint32_t t)
{
	const struct kept *k = &model.answer[n][t];
	bool with_dnssec = below(2), want;
	const struct mx_form *form;
	struct mx_found found;
	struct mx_answer a;
	struct test_key key;
	enum mx_hit hit;

	hit = mx_cache_get_stale(model.cache, key_of(&key, names[n], types[t]),
				 model.now, WALL_S * INT64_C(1000) + model.now,
				 with_dnssec, out, sizeof out, &found);
	want = k->there && !live(k) && k->may_stale &&
		k->kind == MX_ANSWER_POSITIVE && signatures_hold(k) &&
		age_s(k) - k->ttl_s < STALE_MAX_S;
	/* That somebody said otherwise may be evicted sooner. */
	if (model.nxdomain[n].there || model.bogus[n][t].there)
		want = want && model.may_evict && hit == MX_HIT;
	if (hit == MX_MISS) {
		assert_true(!want || model.may_evict);
		return;
	}
	assert_true(want);
	model.stale_hits++;
	a = make_answer(k);
	form = with_dnssec ? &a.full : &a.plain;
	assert_true(found.stale && found.copied && !found.refresh);
	assert_int_equal(found.state, k->state);
	assert_int_equal(found.len, form->len);
	memcpy(expected, form->octets, form->len);
	for (unsigned i = 0; i < form->ttl_count; i++)
		if (get_be(expected + form->ttl_at[i], 4) > 30)
			put_be(expected + form->ttl_at[i], 30, 4);
	assert_memory_equal(out, expected, form->len);
}

/* The same once more with TTL 0 leaves what may be stale alone. */
static void step_echo(uint32_t n, uint32_t t)
{
	const struct kept *k = &model.answer[n][t];
	struct mx_answer a = make_answer(k);
	struct test_key key;

	if (!k->there || k->state == MX_BOGUS)
		return;
	a.ttl_s = 0;
	assert_false(mx_cache_put(model.cache,
				  key_of(&key, names[n], types[t]), &a,
				  model.now));
	model.failure[n][t].there = false;
	model.bogus[n][t].there = false;
	model.nxdomain[n].there = false;
	model.answer[n][t].there = k->may_stale &&
				   k->kind == MX_ANSWER_POSITIVE;
}

static bool is_below(const char *name, const char *ancestor)
{
	size_t len = strlen(name), tail = strlen(ancestor);

	return tail == 0 || strcmp(name, ancestor) == 0 ||
		(len > tail && name[len - tail - 1] == '.' &&
		 strcmp(name + len - tail, ancestor) == 0);
}

static size_t forget(struct kept *k)
{
	size_t was = k->there;

	k->there = false;
	return was;
}

static void step_flush(uint32_t n)
{
	bool with_below = below(2);
	size_t want = 0, got;
	struct test_key key;

	key_of(&key, names[n], 0);
	got = mx_cache_flush(model.cache, key.qname, key.key.qname_len, with_below);
	for (uint32_t i = 0; i < NAMES; i++) {
		if (i != n && !(with_below && is_below(names[i], names[n])))
			continue;
		want += forget(&model.nxdomain[i]);
		for (uint32_t t = 0; t < TYPES; t++)
			want += forget(&model.answer[i][t]) +
				forget(&model.bogus[i][t]) +
				forget(&model.failure[i][t]);
	}
	if (model.may_evict)
		assert_in_range(got, 0, want);
	else
		assert_int_equal(got, want);
}

/* ---- a new process ---- */

static bool ends_with_signatures(const struct kept *k)
{
	return k->state == MX_SECURE && k->has_signed_until &&
		model.now / 1000 + WALL_S >= (int64_t)k->signed_until;
}

/* What of an answer there is after saving and loading. */
static void restart_answer(struct kept *k)
{
	bool stale = k->may_stale && k->kind == MX_ANSWER_POSITIVE &&
		signatures_hold(k) && age_s(k) - k->ttl_s < STALE_MAX_S;

	k->there = k->there && k->stored <= model.now + SLACK_MS &&
		(live(k) ? !ends_with_signatures(k) : stale);
}

/* What denies or doubts keeps stale answers back when it has run out. */
static void restart_denial(struct kept *k, bool of_name)
{
	if (k->stored > model.now + SLACK_MS)
		k->there = false;
	if (!k->there || !of_name || !ends_with_signatures(k))
		return;
	if (age_s(k) == 0)
		k->there = false;
	else if (age_s(k) < k->ttl_s)
		k->ttl_s = age_s(k);
}

static void restart_common(struct kept *k)
{
	k->told_to_refresh = false;
	if (k->stored > model.now)
		k->stored = model.now;
}

/* A later answer ends it; which of two is later, the file only knows by their
 * times. */
static void end_older(struct kept *k, const struct kept *answer)
{
	if (answer->there && answer->stored > k->stored)
		k->there = false;
}

static void restart_model(void)
{
	for (uint32_t n = 0; n < NAMES; n++) {
		restart_denial(&model.nxdomain[n], true);
		restart_common(&model.nxdomain[n]);
		for (uint32_t t = 0; t < TYPES; t++) {
			struct kept *answer = &model.answer[n][t];
			struct kept *bogus = &model.bogus[n][t];

			restart_denial(bogus, false);
			restart_common(bogus);
			restart_answer(answer);
			restart_common(answer);
			end_older(bogus, answer);
			end_older(&model.nxdomain[n], answer);
			model.failure[n][t].there = false;
		}
	}
}

static void step_restart(void)
{
	struct mx_snapshot s = {
		.file = model.files.file, .now = model.now,
		.wall_ms = WALL_S * INT64_C(1000) + model.now,
	};
	struct mx_snapshot_saved saved;
	struct mx_snapshot_loaded loaded;
	struct mx_cache_stats stats;

	assert_int_equal(mx_snapshot_save(model.cache, &s, &saved), MX_OK);
	mx_cache_stats(model.cache, &stats);
	model.evicted += stats.evicted;
	cache_done(model.cache);
	model.cache = NULL;
	assert_int_equal(mx_cache_new(&model.config, &model.cache), MX_OK);
	assert_int_equal(mx_snapshot_load(model.cache, &s, &loaded),
			 MX_SNAPSHOT_READ);
	assert_int_equal(loaded.damaged + loaded.refused + loaded.known, 0);
	assert_int_equal(loaded.loaded + dropped(&loaded), saved.records);
	restart_model();
	model.snapshots++;
}

static size_t count_kept(void)
{
	size_t count = 0;

	for (uint32_t n = 0; n < NAMES; n++) {
		count += model.nxdomain[n].there;
		for (uint32_t t = 0; t < TYPES; t++)
			count += model.answer[n][t].there +
				(size_t)model.bogus[n][t].there +
				(size_t)model.failure[n][t].there;
	}
	return count;
}

static void check(void)
{
	struct mx_cache_stats stats;

	assert_sound(model.cache);
	mx_cache_stats(model.cache, &stats);
	if (model.may_evict) {
		assert_in_range(stats.entries, 0, count_kept());
	} else {
		assert_int_equal(stats.entries, count_kept());
		assert_int_equal(stats.evicted, 0);
	}
}

static void step(void)
{
	uint32_t n = below(NAMES), t = below(TYPES), dice = below(100);

	if (below(300) == 0)
		step_restart();
	else if (dice < 35)
		step_get(n, t);
	else if (dice < 45)
		step_get_stale(n, t);
	else if (dice < 46)
		step_echo(n, t);
	else if (dice < 75)
		step_put(n, t);
	else if (dice < 85)
		step_failure(n, t);
	else if (dice < 98)
		move_clock();
	else if (below(4) == 0)
		step_flush(n);
}

/* ---- runs ---- */

static void run(const char *what, size_t size_octets, bool constant)
{
	const struct mx_cache_config config = {
		.size_octets = size_octets, .hash_constant = constant,
		.failure_ttl_min_s = FAILURE_MIN_S,
		.failure_ttl_max_s = FAILURE_MAX_S,
		.stale_max_s = STALE_MAX_S, .refresh_hits = REFRESH_HITS,
		.will_load = true,
	};
	uint64_t seed = env_number("MX_SEED", 20240611);
	uint64_t steps = env_number("MX_STEPS", 40000);
	struct mx_cache_stats stats;

	print_message("%s: MX_SEED=%llu MX_STEPS=%llu\n", what,
		      (unsigned long long)seed, (unsigned long long)steps);
	memset(&model, 0, sizeof model);
	model.random = seed;
	model.now = 5000000;
	model.may_evict = size_octets < 4 << 20;
	model.config = config;
	files_begin(&model.files);
	assert_int_equal(mx_cache_new(&config, &model.cache), MX_OK);
	memory_test_refuse = refuse_if_told;
	for (uint64_t i = 0; i < steps; i++) {
		step();
		/* A large one takes long to walk. */
		if (model.may_evict || i % 8 == 0)
			check();
	}
	memory_test_refuse = NULL;
	assert_true(model.hits > steps / 20);
	assert_true(model.misses > 0);
	assert_true(model.stale_hits > 0);
	assert_true(model.snapshots > steps / 1000);
	mx_cache_stats(model.cache, &stats);
	model.evicted += stats.evicted;
	assert_int_equal(model.evicted > 0, model.may_evict);
	cache_done(model.cache);
	files_end(&model.files);
}

static void with_room_for_all(void **state)
{
	(void)state;
	run("room for all", 16 << 20, false);
}

static void with_room_for_all_in_one_chain(void **state)
{
	(void)state;
	run("one chain", 4 << 20, true);
}

static void with_room_for_few(void **state)
{
	(void)state;
	run("room for few", 24 << 10, false);
}

static void with_room_for_few_in_one_chain(void **state)
{
	(void)state;
	run("room for few, one chain", 24 << 10, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_room_for_all),
		cmocka_unit_test(with_room_for_all_in_one_chain),
		cmocka_unit_test(with_room_for_few),
		cmocka_unit_test(with_room_for_few_in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
