/* What is given past its TTL, and which hit asks for a refresh. */
#include "cache_answers.h"

#define START 1000000
#define WALL 1700000000000 /* at START */
#define WALL_S 1700000000u
#define MAX_S 3600u

enum { A = 1, MX = 15 };

static struct body body, full;
static uint8_t out[MX_MESSAGE_MAX];

struct room {
	struct mx_cache *cache;
	struct mx_found found;
};

static struct room room_with(uint16_t refresh_hits)
{
	const struct mx_cache_config config = {
		.size_octets = 1 << 20, .failure_ttl_min_s = 1,
		.failure_ttl_max_s = 300, .stale_max_s = MAX_S,
		.refresh_hits = refresh_hits,
	};
	struct room r;

	assert_int_equal(mx_cache_new(&config, &r.cache), MX_OK);
	return r;
}

static struct mx_answer answer(uint32_t ttl_s)
{
	struct mx_answer a;

	body_clear(&body);
	body_rr(&body, true, MX, ttl_s, 1, 20);
	a = answer_of(&body, NULL, ttl_s);
	a.may_stale = true;
	return a;
}

static bool put(struct room *r, const char *name, const struct mx_answer *a,
		mx_instant now)
{
	struct test_key k;
	bool stored = mx_cache_put(r->cache, key_of(&k, name, MX), a, now);

	assert_sound(r->cache);
	return stored;
}

static enum mx_hit get(struct room *r, const char *name, mx_instant now)
{
	struct test_key k;

	return mx_cache_get(r->cache, key_of(&k, name, MX), now, false, out,
			    sizeof out, &r->found);
}

/* Time passes alike on both clocks. */
static enum mx_hit get_stale(struct room *r, const char *name, mx_instant now)
{
	struct test_key k;

	return mx_cache_get_stale(r->cache, key_of(&k, name, MX), now,
				  WALL + (now - START), true, out, sizeof out,
				  &r->found);
}

/* ---- stale ---- */

static void between_ttl_and_stale_max(void **state)
{
	struct room r = room_with(0);
	struct mx_answer a = answer(60);

	(void)state;
	assert_true(put(&r, "a", &a, START));
	assert_int_equal(get_stale(&r, "a", START + 59999), MX_MISS);
	assert_int_equal(get(&r, "a", START + 59999), MX_HIT);
	assert_false(r.found.stale);
	assert_int_equal(get(&r, "a", START + 60000), MX_MISS);
	assert_int_equal(get_stale(&r, "a", START + 60000), MX_HIT);
	assert_true(r.found.stale);
	assert_int_equal(r.found.ttl_left_s, 0);
	assert_int_equal(get_be(out + 6, 4), 30);
	assert_int_equal(get_stale(&r, "a", START + 60000 + 3599999), MX_HIT);
	assert_int_equal(get_stale(&r, "a", START + 60000 + 3600000), MX_MISS);
	assert_int_equal(get_stale(&r, "b", START + 60000), MX_MISS);
	cache_done(r.cache);
}

static void nothing_without_stale_max(void **state)
{
	struct room r = { .cache = cache_of(1 << 20) };
	struct mx_answer a = answer(60);

	(void)state;
	assert_true(put(&r, "a", &a, START));
	assert_int_equal(get_stale(&r, "a", START + 60000), MX_MISS);
	cache_done(r.cache);
}

/* 30 s, or the RR's own TTL; in the form that was asked for. */
static void ttls(void **state)
{
	struct room r = room_with(0);
	struct test_key k;
	struct mx_answer a;

	(void)state;
	body_clear(&body);
	body_rr(&body, true, MX, 20, 1, 20);
	body_clear(&full);
	body_rr(&full, true, MX, 20, 1, 20);
	body_rr(&full, true, 46, 31, 1, 20);
	body_rr(&full, true, 46, 4000000000u, 1, 20);
	a = answer_of(&body, &full, 20);
	a.may_stale = true;
	assert_true(put(&r, "a", &a, START));
	assert_int_equal(get_stale(&r, "a", START + 25000), MX_HIT);
	assert_int_equal(r.found.len, full.form.len);
	assert_int_equal(get_be(out + 6, 4), 20);
	assert_int_equal(get_be(out + 32 + 6, 4), 30);
	assert_int_equal(get_be(out + 64 + 6, 4), 30);
	put_be(full.octets + 32 + 6, 30, 4);
	put_be(full.octets + 64 + 6, 30, 4);
	assert_memory_equal(out, full.octets, full.form.len);
	assert_int_equal(mx_cache_get_stale(r.cache, key_of(&k, "a", MX),
					    START + 25000, WALL, false, out, 31,
					    &r.found), MX_HIT);
	assert_int_equal(r.found.len, 32);
	assert_false(r.found.copied);
	cache_done(r.cache);
}

static void only_what_may_be(void **state)
{
	static const struct {
		const char *why;
		bool may_stale;
		enum mx_answer_kind kind;
		enum mx_validation state;
		enum mx_hit want;
	} cases[] = {
		{ "insecure", true, MX_ANSWER_POSITIVE, MX_INSECURE, MX_HIT },
		{ "not allowed", false, MX_ANSWER_POSITIVE, MX_INSECURE, MX_MISS },
		{ "indeterminate", true, MX_ANSWER_POSITIVE, MX_INDETERMINATE, MX_HIT },
		{ "secure, without RRSIG", true, MX_ANSWER_POSITIVE, MX_SECURE, MX_MISS },
		{ "bogus", true, MX_ANSWER_POSITIVE, MX_BOGUS, MX_MISS },
		{ "NODATA", true, MX_ANSWER_NODATA, MX_INSECURE, MX_MISS },
		{ "NXDOMAIN", true, MX_ANSWER_NXDOMAIN, MX_INSECURE, MX_MISS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct room r = room_with(0);
		struct mx_answer a = answer(60);

		a.may_stale = cases[i].may_stale;
		a.kind = cases[i].kind;
		a.state = cases[i].state;
		assert_true(put(&r, "a", &a, START));
		if (get_stale(&r, "a", START + 60000) != cases[i].want)
			fail_msg("%s", cases[i].why);
		cache_done(r.cache);
	}
}

static void secure_until_the_signatures_end(void **state)
{
	static const struct { uint32_t until; int64_t wall_ms; enum mx_hit want; }
	cases[] = {
		{ WALL_S + 1, WALL, MX_HIT },
		{ WALL_S + 1, WALL + 999, MX_HIT },
		{ WALL_S + 1, WALL + 1000, MX_MISS },
		{ WALL_S, WALL, MX_MISS },
		{ WALL_S + 0x7fffffffu, WALL, MX_HIT },
		{ WALL_S + 0x80000000u, WALL, MX_MISS },
		/* Past 2106 the field starts anew. */
		{ 10, 4294967290000, MX_HIT },
		{ 10, 4294967296000 + 9999, MX_HIT },
		{ 10, 4294967296000 + 10000, MX_MISS },
		{ 4294967290u, 4294967296000, MX_MISS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct room r = room_with(0);
		struct mx_answer a = answer(60);
		struct test_key k;

		a.state = MX_SECURE;
		a.has_signed_until = true;
		a.signed_until = cases[i].until;
		/* Beside all else that may stand in the block. */
		a.ede = MX_EDE_OTHER;
		a.why = i % 2 ? "a reason" : "";
		assert_true(put(&r, "a", &a, START));
		if (mx_cache_get_stale(r.cache, key_of(&k, "a", MX),
				       START + 60000, cases[i].wall_ms, false,
				       out, sizeof out, &r.found) !=
		    cases[i].want)
			fail_msg("case %zu", i);
		if (cases[i].want == MX_HIT) {
			assert_int_equal(r.found.state, MX_SECURE);
			assert_string_equal(r.found.why, a.why);
		}
		/* Of insecure data it is nobody's business. */
		a.state = MX_INSECURE;
		assert_true(put(&r, "a", &a, START));
		assert_int_equal(mx_cache_get_stale(
					 r.cache, &k.key, START + 60000,
					 cases[i].wall_ms, false, out,
					 sizeof out, &r.found), MX_HIT);
		cache_done(r.cache);
	}
}

/* Live or not, whatever was heard later and says otherwise. */
static void not_against_later_word(void **state)
{
	struct room r = room_with(0);
	struct mx_answer a = answer(60), denied, bogus;
	struct test_key k;

	(void)state;
	assert_true(put(&r, "a", &a, START));
	body_clear(&full);
	body_rr(&full, false, 6, 10, 1, 20);
	denied = nxdomain_of(&full, 10);
	denied.state = MX_SECURE;
	mx_cache_put(r.cache, key_of(&k, "a", A), &denied, START + 70000);
	assert_int_equal(get_stale(&r, "a", START + 75000), MX_MISS);
	assert_int_equal(get_stale(&r, "a", START + 85000), MX_MISS);
	assert_true(put(&r, "a", &a, START + 90000));
	assert_int_equal(get_stale(&r, "a", START + 150000), MX_HIT);
	bogus = a;
	bogus.state = MX_BOGUS;
	bogus.ttl_s = 1;
	assert_true(put(&r, "a", &bogus, START + 150000));
	assert_int_equal(get_stale(&r, "a", START + 160000), MX_MISS);
	assert_true(put(&r, "a", &a, START + 160000));
	assert_int_equal(get_stale(&r, "a", START + 220000), MX_HIT);
	a.kind = MX_ANSWER_NODATA;
	assert_true(put(&r, "a", &a, START + 220000));
	assert_int_equal(get_stale(&r, "a", START + 290000), MX_MISS);
	cache_done(r.cache);
}

static void a_failure_leaves_it(void **state)
{
	struct room r = room_with(0);
	struct mx_answer a = answer(60);
	struct test_key k;

	(void)state;
	assert_true(put(&r, "a", &a, START));
	assert_int_equal(mx_cache_put_failure_least(
				 r.cache, key_of(&k, "a", MX), 22, "", 30,
				 START + 60000), 30);
	assert_int_equal(get(&r, "a", START + 89999), MX_HIT);
	assert_int_equal(r.found.kind, MX_ANSWER_FAILURE);
	assert_int_equal(get_stale(&r, "a", START + 89999), MX_HIT);
	assert_int_equal(get(&r, "a", START + 90000), MX_MISS);
	/* Its back-off is longer by then. */
	assert_int_equal(mx_cache_put_failure_least(r.cache, &k.key, 22, "", 30,
						    START + 90000), 60);
	cache_done(r.cache);
}

static void with_ttl_0_the_same_is_no_news(void **state)
{
	struct room r = room_with(0);
	struct mx_answer a = answer(60), echo;
	struct test_key k;

	(void)state;
	assert_true(put(&r, "a", &a, START));
	mx_cache_put_failure(r.cache, key_of(&k, "a", MX), 22, "", START);
	echo = answer(0);
	assert_false(put(&r, "a", &echo, START + 60000));
	assert_int_equal(get(&r, "a", START + 60000), MX_MISS);
	assert_int_equal(get_stale(&r, "a", START + 60000), MX_HIT);
	/* Its time past the TTL counts from the first. */
	assert_int_equal(get_stale(&r, "a", START + 60000 + 3600000), MX_MISS);

	for (int i = 0; i < 4; i++) {
		a = answer(60);
		assert_true(put(&r, "a", &a, START));
		echo = answer(0);
		if (i == 0)
			body.octets[body.form.len - 1] ^= 1;
		else if (i == 1)
			echo.state = MX_SECURE;
		else if (i == 2)
			body.octets[0] ^= 1;
		else
			echo.kind = MX_ANSWER_NODATA;
		assert_false(put(&r, "a", &echo, START + 60000));
		assert_int_equal(get_stale(&r, "a", START + 60000), MX_MISS);
	}
	cache_done(r.cache);
}

/* ---- refresh ---- */

static void the_second_hit_of_each(void **state)
{
	struct room r = room_with(2);
	struct mx_answer a = answer(60);
	struct test_key k;

	(void)state;
	for (int awaited = 0; awaited < 2; awaited++) {
		a.awaited = awaited;
		assert_true(put(&r, "a", &a, START));
		for (int hit = 1 + awaited; hit < 10; hit++) {
			assert_int_equal(get(&r, "a", START + 1000), MX_HIT);
			assert_int_equal(r.found.refresh, hit == 2);
			assert_int_equal(r.found.expires, START + 60000);
		}
	}
	assert_true(mx_cache_has(r.cache, key_of(&k, "a", MX), START + 59999));
	assert_false(mx_cache_has(r.cache, &k.key, START + 60000));
	assert_int_equal(get_stale(&r, "a", START + 60000), MX_HIT);
	assert_false(r.found.refresh);
	cache_done(r.cache);
}

/* peek gives what get would, however often, and is no use of it: the RRset is
 * not turned, and no hit less is needed for a refresh. */
static void a_look_is_no_hit(void **state)
{
	struct room r = room_with(2);
	struct mx_answer a = answer(60);
	struct mx_found found;
	struct test_key k;
	static uint8_t seen[MX_MESSAGE_MAX];

	(void)state;
	assert_true(put(&r, "a", &a, START));
	key_of(&k, "a", MX);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(mx_cache_peek(r.cache, &k.key, START + 7000,
					       false, seen, sizeof seen, &found),
				 MX_HIT);
		assert_false(found.refresh);
		assert_true(found.copied);
		assert_int_equal(found.ttl_left_s, 53);
		assert_int_equal(found.state, a.state);
		assert_int_equal(found.ancount, a.plain.ancount);
	}
	for (int hit = 1; hit < 4; hit++) {
		assert_int_equal(get(&r, "a", START + 7000), MX_HIT);
		assert_int_equal(r.found.refresh, hit == 2);
		if (hit == 1) {
			assert_int_equal(r.found.len, found.len);
			assert_memory_equal(out, seen, found.len);
		}
	}
	assert_int_equal(mx_cache_peek(r.cache, &k.key, START + 7000, false,
				       seen, 1, &found), MX_HIT);
	assert_false(found.copied);
	assert_int_equal(mx_cache_peek(r.cache, &k.key, START + 60000, false,
				       seen, sizeof seen, &found), MX_MISS);
	cache_done(r.cache);
}

static void not_of_what_went_wrong(void **state)
{
	struct room r = room_with(1);
	struct mx_answer a = answer(60);
	struct test_key k;

	(void)state;
	a.state = MX_BOGUS;
	assert_true(put(&r, "a", &a, START));
	mx_cache_put_failure(r.cache, key_of(&k, "b", MX), 22, "", START);
	for (int hit = 0; hit < 5; hit++) {
		assert_int_equal(get(&r, "a", START), MX_HIT);
		assert_false(r.found.refresh);
		assert_int_equal(get(&r, "b", START), MX_HIT);
		assert_false(r.found.refresh);
	}
	cache_done(r.cache);
}

static void never_if_off(void **state)
{
	struct room r = room_with(0);
	struct mx_answer a = answer(60);

	(void)state;
	assert_true(put(&r, "a", &a, START));
	for (int hit = 0; hit < 5; hit++) {
		assert_int_equal(get(&r, "a", START), MX_HIT);
		assert_false(r.found.refresh);
	}
	cache_done(r.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_ttl_and_stale_max),
		cmocka_unit_test(nothing_without_stale_max),
		cmocka_unit_test(ttls),
		cmocka_unit_test(only_what_may_be),
		cmocka_unit_test(secure_until_the_signatures_end),
		cmocka_unit_test(not_against_later_word),
		cmocka_unit_test(a_failure_leaves_it),
		cmocka_unit_test(with_ttl_0_the_same_is_no_news),
		cmocka_unit_test(the_second_hit_of_each),
		cmocka_unit_test(a_look_is_no_hit),
		cmocka_unit_test(not_of_what_went_wrong),
		cmocka_unit_test(never_if_off),
	};

	return cmocka_run_group_tests_name("cache_stale", tests, NULL, NULL);
}
