/* NXDOMAIN by name, bogus answers, failures: what is kept beside what, what
 * ends what, and which of them get gives (RFC 2308 section 5, RFC 9520). */
#include "cache_answers.h"

#define START 1000000

enum { A = 1, MX = 15, TXT = 16 };

static struct body body;
static uint8_t out[MX_MESSAGE_MAX];

struct room {
	struct mx_cache *cache;
	struct mx_found found;
};

static enum mx_hit get(struct room *r, const char *name, uint16_t qtype,
		       mx_instant now)
{
	struct test_key k;

	return mx_cache_get(r->cache, key_of(&k, name, qtype), now, true, out,
			    sizeof out, &r->found);
}

static void assert_gives(struct room *r, const char *name, uint16_t qtype,
			 mx_instant now, enum mx_answer_kind kind, uint32_t len)
{
	assert_int_equal(get(r, name, qtype, now), MX_HIT);
	assert_int_equal(r->found.kind, kind);
	assert_int_equal(r->found.len, len);
}

static void assert_misses(struct room *r, const char *name, uint16_t qtype,
			  mx_instant now)
{
	assert_int_equal(get(r, name, qtype, now), MX_MISS);
}

/* Answers are told apart by their length. */
static void put(struct room *r, const char *name, uint16_t qtype,
		enum mx_answer_kind kind, enum mx_validation state,
		uint32_t ttl_s, size_t len, mx_instant now)
{
	struct mx_answer a;
	struct test_key k;

	body_clear(&body);
	body_rr(&body, kind == MX_ANSWER_POSITIVE, kind == MX_ANSWER_POSITIVE ?
		qtype : 6, ttl_s, 1, len - RR_HEAD);
	a = answer_of(&body, NULL, ttl_s);
	a.kind = kind;
	a.state = state;
	a.rcode = kind == MX_ANSWER_NXDOMAIN ? MX_RCODE_NXDOMAIN : 0;
	assert_true(mx_cache_put(r->cache, key_of(&k, name, qtype), &a, now));
	assert_sound(r->cache);
}

static uint32_t put_failure(struct room *r, const char *name, uint16_t qtype,
			    mx_instant now)
{
	struct test_key k;
	uint32_t ttl_s = mx_cache_put_failure(r->cache, key_of(&k, name, qtype),
					      MX_EDE_NO_REACHABLE_AUTHORITY,
					      "all servers silent", now);

	assert_sound(r->cache);
	return ttl_s;
}

static struct room room(void)
{
	return (struct room){ .cache = cache_of(1 << 20) };
}

/* ---- NXDOMAIN ---- */

static void nxdomain_serves_every_type_of_its_name(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "gone", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
	assert_gives(&r, "gone", MX, START, MX_ANSWER_NXDOMAIN, 70);
	assert_gives(&r, "gone", A, START + 59999, MX_ANSWER_NXDOMAIN, 70);
	assert_int_equal(r.found.rcode, MX_RCODE_NXDOMAIN);
	assert_int_equal(r.found.state, MX_SECURE);
	assert_int_equal(r.found.ttl_left_s, 1);
	assert_int_equal(get_be(out + 6, 4), 1);
	assert_misses(&r, "gone", A, START + 60000);
	assert_misses(&r, "b.gone", A, START);
	assert_misses(&r, "", A, START);
	cache_done(r.cache);
}

static void nxdomain_is_of_its_class(void **state)
{
	struct room r = room();
	struct test_key k;

	(void)state;
	put(&r, "gone", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
	key_of(&k, "gone", MX)->qclass = 3;
	assert_int_equal(mx_cache_get(r.cache, &k.key, START, true, out,
				      sizeof out, &r.found), MX_MISS);
	cache_done(r.cache);
}

static void nxdomain_is_found_in_one_chain_too(void **state)
{
	const struct mx_cache_config config = {
		.size_octets = 1 << 20, .hash_constant = true,
	};
	struct room r;

	(void)state;
	assert_int_equal(mx_cache_new(&config, &r.cache), MX_OK);
	put(&r, "gone", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
	put(&r, "here", MX, MX_ANSWER_POSITIVE, MX_SECURE, 60, 80, START);
	put(&r, "bad", MX, MX_ANSWER_NXDOMAIN, MX_BOGUS, 60, 90, START);
	assert_gives(&r, "gone", 0, START, MX_ANSWER_NXDOMAIN, 70);
	assert_gives(&r, "gone", A, START, MX_ANSWER_NXDOMAIN, 70);
	assert_gives(&r, "here", MX, START, MX_ANSWER_POSITIVE, 80);
	assert_misses(&r, "here", 0, START);
	assert_misses(&r, "bad", 0, START);
	cache_done(r.cache);
}

/* The alias exists: only what it points at does not. */
static void nxdomain_behind_an_alias_is_of_its_type(void **state)
{
	struct room r = room();
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_clear(&body);
	body_rr(&body, true, 5, 60, 1, 10);
	body_rr(&body, false, 6, 60, 1, 30);
	a = nxdomain_of(&body, 60);
	assert_true(mx_cache_put(r.cache, key_of(&k, "alias", MX), &a, START));
	assert_gives(&r, "alias", MX, START, MX_ANSWER_NXDOMAIN, body.form.len);
	assert_misses(&r, "alias", A, START);
	cache_done(r.cache);
}

static void bogus_nxdomain_is_of_its_type(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "forged", MX, MX_ANSWER_NXDOMAIN, MX_BOGUS, 60, 70, START);
	assert_gives(&r, "forged", MX, START, MX_ANSWER_NXDOMAIN, 70);
	assert_int_equal(r.found.state, MX_BOGUS);
	assert_misses(&r, "forged", A, START);
	cache_done(r.cache);
}

/* A server that denies the name because the type is missing must not make its
 * other types unreachable: only what is validated speaks for all. */
static void insecure_nxdomain_is_of_its_type(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "broken", 28, MX_ANSWER_NXDOMAIN, MX_INSECURE, 60, 70, START);
	assert_gives(&r, "broken", 28, START, MX_ANSWER_NXDOMAIN, 70);
	assert_misses(&r, "broken", A, START);
	put(&r, "broken", A, MX_ANSWER_POSITIVE, MX_INSECURE, 60, 80, START);
	assert_gives(&r, "broken", 28, START, MX_ANSWER_NXDOMAIN, 70);
	assert_gives(&r, "broken", A, START, MX_ANSWER_POSITIVE, 80);
	cache_done(r.cache);
}

static void an_answer_of_the_name_ends_nxdomain(void **state)
{
	static const enum mx_answer_kind kinds[] = {
		MX_ANSWER_POSITIVE, MX_ANSWER_NODATA,
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct room r = room();

		put(&r, "back", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
		put(&r, "back", A, kinds[i], MX_SECURE, 60, 80, START);
		assert_gives(&r, "back", A, START, kinds[i], 80);
		assert_misses(&r, "back", MX, START);
		assert_misses(&r, "back", TXT, START);
		cache_done(r.cache);
	}
}

static void nxdomain_ends_the_answer_of_its_type_only(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "going", MX, MX_ANSWER_POSITIVE, MX_SECURE, 600, 70, START);
	put(&r, "going", A, MX_ANSWER_POSITIVE, MX_SECURE, 30, 80, START);
	put(&r, "going", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 90, START);
	assert_gives(&r, "going", MX, START, MX_ANSWER_NXDOMAIN, 90);
	assert_gives(&r, "going", A, START + 29999, MX_ANSWER_POSITIVE, 80);
	assert_gives(&r, "going", A, START + 30000, MX_ANSWER_NXDOMAIN, 90);
	assert_gives(&r, "going", TXT, START, MX_ANSWER_NXDOMAIN, 90);
	/* Neither is there anything when all have run out. */
	assert_misses(&r, "going", MX, START + 60000);
	cache_done(r.cache);
}

static void nodata_is_of_its_type(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "nodata", MX, MX_ANSWER_NODATA, MX_SECURE, 60, 70, START);
	assert_gives(&r, "nodata", MX, START, MX_ANSWER_NODATA, 70);
	assert_misses(&r, "nodata", A, START);
	cache_done(r.cache);
}

/* ---- bogus ---- */

static void a_bogus_answer_does_not_push_out_a_good_one(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "spoofed", MX, MX_ANSWER_POSITIVE, MX_SECURE, 100, 70, START);
	put(&r, "spoofed", MX, MX_ANSWER_POSITIVE, MX_BOGUS, 60, 80, START + 50000);
	assert_gives(&r, "spoofed", MX, START + 50000, MX_ANSWER_POSITIVE, 70);
	assert_int_equal(r.found.state, MX_SECURE);
	/* Once the good one has run out, the bogus one is what is known. */
	assert_gives(&r, "spoofed", MX, START + 100000, MX_ANSWER_POSITIVE, 80);
	assert_int_equal(r.found.state, MX_BOGUS);
	assert_misses(&r, "spoofed", MX, START + 110000);
	cache_done(r.cache);
}

static void a_bogus_answer_does_not_end_nxdomain(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "gone", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
	put(&r, "gone", A, MX_ANSWER_POSITIVE, MX_BOGUS, 60, 80, START);
	assert_gives(&r, "gone", MX, START, MX_ANSWER_NXDOMAIN, 70);
	assert_int_equal(r.found.state, MX_SECURE);
	cache_done(r.cache);
}

static void a_good_answer_ends_a_bogus_one(void **state)
{
	struct room r = room();

	(void)state;
	put(&r, "mended", MX, MX_ANSWER_POSITIVE, MX_BOGUS, 60, 70, START);
	put(&r, "mended", MX, MX_ANSWER_POSITIVE, MX_SECURE, 5, 80, START);
	assert_gives(&r, "mended", MX, START, MX_ANSWER_POSITIVE, 80);
	assert_misses(&r, "mended", MX, START + 5000);
	put(&r, "mended", MX, MX_ANSWER_POSITIVE, MX_BOGUS, 60, 90, START);
	put(&r, "mended", MX, MX_ANSWER_NXDOMAIN, MX_SECURE, 5, 100, START);
	assert_misses(&r, "mended", MX, START + 5000);
	cache_done(r.cache);
}

static void the_state_at_put_stays(void **state)
{
	static const enum mx_validation states[] = {
		MX_INDETERMINATE, MX_INSECURE, MX_BOGUS, MX_SECURE,
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct room r = room();

		put(&r, "state", MX, MX_ANSWER_POSITIVE, states[i], 60, 70, START);
		for (int hit = 0; hit < 3; hit++) {
			assert_gives(&r, "state", MX, START + hit * 10000,
				     MX_ANSWER_POSITIVE, 70);
			assert_int_equal(r.found.state, states[i]);
		}
		cache_done(r.cache);
	}
}

/* ---- failures ---- */

static void a_failure_is_given_with_its_reason(void **state)
{
	struct room r = room();

	(void)state;
	assert_int_equal(put_failure(&r, "dead", MX, START), 1);
	assert_gives(&r, "dead", MX, START + 999, MX_ANSWER_FAILURE, 0);
	assert_int_equal(r.found.rcode, MX_RCODE_SERVFAIL);
	assert_int_equal(r.found.state, MX_INDETERMINATE);
	assert_int_equal(r.found.ede, MX_EDE_NO_REACHABLE_AUTHORITY);
	assert_string_equal(r.found.why, "all servers silent");
	assert_int_equal(r.found.ttl_left_s, 1);
	assert_true(r.found.copied);
	assert_misses(&r, "dead", MX, START + 1000);
	assert_misses(&r, "dead", A, START);
	cache_done(r.cache);
}

static void a_failure_lasts_twice_as_long_each_time(void **state)
{
	static const uint32_t want_s[] = {
		1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300,
	};
	struct room r = room();
	mx_instant now = START;

	(void)state;
	for (size_t i = 0; i < sizeof want_s / sizeof *want_s; i++) {
		assert_int_equal(put_failure(&r, "dead", MX, now), want_s[i]);
		/* The other worker's report of it counts for nothing. */
		assert_int_equal(put_failure(&r, "dead", MX, now), want_s[i]);
		now += (mx_instant)want_s[i] * 1000;
		assert_gives(&r, "dead", MX, now - 1, MX_ANSWER_FAILURE, 0);
		assert_int_equal(put_failure(&r, "dead", MX, now - 1), 1);
		assert_misses(&r, "dead", MX, now);
	}
	cache_done(r.cache);
}

static void back_off_is_forgotten_after_five_minutes(void **state)
{
	struct room r = room();

	(void)state;
	assert_int_equal(put_failure(&r, "weak", MX, START), 1);
	assert_int_equal(put_failure(&r, "weak", MX, START + 1000), 2);
	assert_int_equal(put_failure(&r, "weak", MX, START + 302999), 4);
	assert_int_equal(put_failure(&r, "weak", MX, START + 606999), 1);
	/* A clock that went back: it still lasts, as if just stored. */
	assert_int_equal(put_failure(&r, "weak", MX, START), 1);
	cache_done(r.cache);
}

static void back_off_keeps_to_its_bounds(void **state)
{
	static const struct { uint32_t min_s, max_s, want_s[4]; } cases[] = {
		{ 0, 0, { 1, 1, 1, 1 } }, { 5, 3, { 5, 5, 5, 5 } },
		{ 3, 7, { 3, 6, 7, 7 } }, { 200, 300, { 200, 300, 300, 300 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct mx_cache_config config = {
			.size_octets = 1 << 20,
			.failure_ttl_min_s = cases[i].min_s,
			.failure_ttl_max_s = cases[i].max_s,
		};
		mx_instant now = START;
		struct room r;

		assert_int_equal(mx_cache_new(&config, &r.cache), MX_OK);
		for (int j = 0; j < 4; j++) {
			assert_int_equal(put_failure(&r, "dead", MX, now),
					 cases[i].want_s[j]);
			now += (mx_instant)cases[i].want_s[j] * 1000;
		}
		cache_done(r.cache);
	}
}

static void an_answer_ends_a_failure_and_its_back_off(void **state)
{
	static const enum mx_answer_kind kinds[] = {
		MX_ANSWER_POSITIVE, MX_ANSWER_NODATA, MX_ANSWER_NXDOMAIN,
	};
	struct room r = room();

	(void)state;
	for (int i = 0; i < 3; i++) {
		mx_instant now = START + i * 1000000;

		assert_int_equal(put_failure(&r, "weak", MX, now), 1);
		assert_int_equal(put_failure(&r, "weak", MX, now + 1000), 2);
		put(&r, "weak", MX, kinds[i], MX_SECURE, 1, 70, now + 1500);
		assert_misses(&r, "weak", MX, now + 2500);
		assert_int_equal(put_failure(&r, "weak", MX, now + 2500), 1);
	}
	cache_done(r.cache);
}

static void a_failure_never_pushes_out_an_answer(void **state)
{
	struct mx_cache_stats stats;
	struct room r = room();

	(void)state;
	put(&r, "shaky", MX, MX_ANSWER_POSITIVE, MX_SECURE, 60, 70, START);
	assert_int_equal(put_failure(&r, "shaky", MX, START + 59500), 1);
	assert_gives(&r, "shaky", MX, START + 59999, MX_ANSWER_POSITIVE, 70);
	assert_gives(&r, "shaky", MX, START + 60000, MX_ANSWER_FAILURE, 0);
	assert_int_equal(put_failure(&r, "shaky", MX, START + 61000), 2);
	/* The answer that has run out is still there, for serving stale. */
	mx_cache_stats(r.cache, &stats);
	assert_int_equal(stats.entries, 2);
	assert_gives(&r, "shaky", MX, START + 59999, MX_ANSWER_POSITIVE, 70);
	cache_done(r.cache);
}

static void nxdomain_comes_before_a_failure(void **state)
{
	struct room r = room();

	(void)state;
	put_failure(&r, "gone", MX, START);
	put(&r, "gone", A, MX_ANSWER_NXDOMAIN, MX_SECURE, 60, 70, START);
	assert_gives(&r, "gone", MX, START, MX_ANSWER_NXDOMAIN, 70);
	put_failure(&r, "gone", MX, START);
	assert_gives(&r, "gone", MX, START, MX_ANSWER_NXDOMAIN, 70);
	cache_done(r.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nxdomain_serves_every_type_of_its_name),
		cmocka_unit_test(insecure_nxdomain_is_of_its_type),
		cmocka_unit_test(nxdomain_is_of_its_class),
		cmocka_unit_test(nxdomain_is_found_in_one_chain_too),
		cmocka_unit_test(nxdomain_behind_an_alias_is_of_its_type),
		cmocka_unit_test(bogus_nxdomain_is_of_its_type),
		cmocka_unit_test(an_answer_of_the_name_ends_nxdomain),
		cmocka_unit_test(nxdomain_ends_the_answer_of_its_type_only),
		cmocka_unit_test(nodata_is_of_its_type),
		cmocka_unit_test(a_bogus_answer_does_not_push_out_a_good_one),
		cmocka_unit_test(a_bogus_answer_does_not_end_nxdomain),
		cmocka_unit_test(a_good_answer_ends_a_bogus_one),
		cmocka_unit_test(the_state_at_put_stays),
		cmocka_unit_test(a_failure_is_given_with_its_reason),
		cmocka_unit_test(a_failure_lasts_twice_as_long_each_time),
		cmocka_unit_test(back_off_is_forgotten_after_five_minutes),
		cmocka_unit_test(back_off_keeps_to_its_bounds),
		cmocka_unit_test(an_answer_ends_a_failure_and_its_back_off),
		cmocka_unit_test(a_failure_never_pushes_out_an_answer),
		cmocka_unit_test(nxdomain_comes_before_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
