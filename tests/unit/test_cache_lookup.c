/* What get gives back of what put was given: keys, forms, lifetimes. */
#include "cache_answers.h"

#define START 1000000 /* any instant */

static struct body plain, full;
static uint8_t out[MX_MESSAGE_MAX], expected[MX_MESSAGE_MAX];

static void assert_octets(const struct mx_form *form, uint32_t age_s,
			  unsigned turn)
{
	body_expect(form, age_s, turn, expected);
	assert_memory_equal(out, expected, form->len);
}

static enum mx_hit get(struct mx_cache *cache, const struct mx_key *key,
		       mx_instant now, bool with_dnssec, struct mx_found *ret)
{
	memset(out, 0xee, sizeof out);
	return mx_cache_get(cache, key, now, with_dnssec, out, sizeof out, ret);
}

static void an_empty_cache_misses_and_leaves_the_result(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found, before;
	struct test_key k;

	(void)state;
	memset(&found, 0x5a, sizeof found);
	before = found;
	assert_int_equal(get(cache, key_of(&k, "example", 15), START, true,
			     &found), MX_MISS);
	assert_memory_equal(&found, &before, sizeof found);
	assert_int_equal(out[0], 0xee);
	cache_done(cache);
}

static void what_was_put_is_given(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_clear(&plain);
	body_rr(&plain, true, 15, 300, 1, 9);
	body_rr(&plain, false, 2, 300, 2, 20);
	a = answer_of(&plain, NULL, 300);
	a.state = MX_SECURE;
	assert_true(mx_cache_put(cache, key_of(&k, "example", 15), &a, START));
	assert_int_equal(get(cache, &k.key, START, false, &found), MX_HIT);
	assert_octets(&plain.form, 0, 0);
	assert_int_equal(out[plain.form.len], 0xee);
	assert_int_equal(found.kind, MX_ANSWER_POSITIVE);
	assert_int_equal(found.state, MX_SECURE);
	assert_int_equal(found.rcode, MX_RCODE_NOERROR);
	assert_int_equal(found.ede, MX_EDE_NONE);
	assert_string_equal(found.why, "");
	assert_int_equal(found.ancount, 1);
	assert_int_equal(found.nscount, 1);
	assert_int_equal(found.arcount, 0);
	assert_int_equal(found.len, plain.form.len);
	assert_true(found.copied);
	assert_int_equal(found.ttl_left_s, 300);
	cache_done(cache);
}

/* The key is name, type and class, whole: neighbours that share most of it,
 * or (with the constant hash) their chain, are other keys. */
static void keys_are_compared_whole(void **state)
{
	static const struct { const char *name; uint16_t qtype, qclass; } keys[] = {
		{ "", 2, 1 }, { "example", 2, 1 }, { "example", 15, 1 },
		{ "example", 15, 3 }, { "examplf", 15, 1 },
		{ "a.example", 15, 1 }, { "aa.example", 15, 1 },
		{ "a.a.example", 15, 1 }, { "example.a", 15, 1 },
		{ "example", 15 + 256, 1 }, { "example", 15, 257 },
	};
	const size_t count = sizeof keys / sizeof *keys;

	(void)state;
	for (int constant = 0; constant < 2; constant++) {
		const struct mx_cache_config config = {
			.size_octets = 1 << 22, .hash_constant = constant,
		};
		struct mx_cache *cache;
		struct mx_found found;
		struct test_key k;

		assert_int_equal(mx_cache_new(&config, &cache), MX_OK);
		for (size_t i = 0; i < count; i++) {
			struct mx_answer a;

			key_of(&k, keys[i].name, keys[i].qtype);
			k.key.qclass = keys[i].qclass;
			assert_int_equal(get(cache, &k.key, START, false,
					     &found), MX_MISS);
			body_of_len(&plain, 60, (uint32_t)i, 50 + i);
			a = answer_of(&plain, NULL, 60);
			assert_true(mx_cache_put(cache, &k.key, &a, START));
		}
		for (size_t i = 0; i < count; i++) {
			key_of(&k, keys[i].name, keys[i].qtype);
			k.key.qclass = keys[i].qclass;
			assert_int_equal(get(cache, &k.key, START, false,
					     &found), MX_HIT);
			assert_int_equal(found.len, 50 + i);
			body_of_len(&plain, 60, (uint32_t)i, 50 + i);
			assert_octets(&plain.form, 0, 0);
		}
		cache_done(cache);
	}
}

static void the_longest_name_and_every_type(void **state)
{
	struct mx_cache *cache = cache_of(1 << 24);
	char name[MX_NAME_MAX] = "";
	struct mx_found found;
	struct test_key k;

	(void)state;
	for (unsigned i = 0; i < 127; i++) /* 127 labels of one octet */
		strcat(name, i == 0 ? "x" : ".x");
	key_of(&k, name, 0);
	assert_int_equal(k.key.qname_len, 255);
	for (unsigned t = 0; t < 65536; t += 257) {
		struct mx_answer a;

		k.key.qtype = (uint16_t)t;
		body_of_len(&plain, 60, t, 40 + t % 100);
		a = answer_of(&plain, NULL, 60);
		assert_true(mx_cache_put(cache, &k.key, &a, START));
	}
	for (unsigned t = 0; t < 65536; t += 257) {
		k.key.qtype = (uint16_t)t;
		assert_int_equal(get(cache, &k.key, START, true, &found), MX_HIT);
		body_of_len(&plain, 60, t, 40 + t % 100);
		assert_int_equal(found.len, plain.form.len);
		assert_octets(&plain.form, 0, 0);
	}
	cache_done(cache);
}

static void both_forms_of_one_answer(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	/* Every parity of name, plain and full: the offset tables lie aligned. */
	for (unsigned odd = 0; odd < 8; odd++) {
		body_clear(&plain);
		body_rr(&plain, true, 1, 300, odd, 4 + (odd & 1));
		body_clear(&full);
		body_rr(&full, true, 1, 300, odd, 4 + (odd & 1));
		body_rr(&full, true, 46, 300, odd + 50, 90 + (odd >> 1 & 1));
		body_rr(&full, false, 47, 300, odd + 60, 30);
		a = answer_of(&plain, &full, 300);
		a.state = MX_BOGUS;
		a.ede = MX_EDE_BOGUS;
		a.why = "signature expired";
		assert_true(mx_cache_put(cache, key_of(&k, odd & 4 ? "a" : "ab", 1),
					 &a, START));
		assert_int_equal(get(cache, &k.key, START + 7000, false, &found),
				 MX_HIT);
		assert_int_equal(found.len, plain.form.len);
		assert_int_equal(found.ancount, 1);
		assert_int_equal(found.nscount, 0);
		assert_octets(&plain.form, 7, 0);
		assert_int_equal(get(cache, &k.key, START + 9000, true, &found),
				 MX_HIT);
		assert_int_equal(found.len, full.form.len);
		assert_int_equal(found.ancount, 2);
		assert_int_equal(found.nscount, 1);
		assert_octets(&full.form, 9, 0);
		assert_int_equal(found.state, MX_BOGUS);
		assert_int_equal(found.ede, MX_EDE_BOGUS);
		assert_string_equal(found.why, "signature expired");
		assert_sound(cache);
	}
	cache_done(cache);
}

/* A secure NODATA without its proofs is just the SOA; a full form alone, with
 * nothing in the plain one, is possible too (QTYPE of a stripped type). */
static void a_form_may_be_empty(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_clear(&plain);
	body_of_len(&full, 300, 1, 77);
	a = answer_of(&plain, &full, 300);
	a.kind = MX_ANSWER_NODATA;
	assert_true(mx_cache_put(cache, key_of(&k, "empty", 1), &a, START));
	assert_int_equal(get(cache, &k.key, START, true, &found), MX_HIT);
	assert_octets(&full.form, 0, 0);
	assert_int_equal(mx_cache_get(cache, &k.key, START, false, NULL, 0,
				      &found), MX_HIT);
	assert_int_equal(found.kind, MX_ANSWER_NODATA);
	assert_int_equal(found.len, 0);
	assert_true(found.copied);
	a.full = a.plain = (struct mx_form){ 0 };
	assert_true(mx_cache_put(cache, &k.key, &a, START));
	assert_int_equal(mx_cache_get(cache, &k.key, START, true, NULL, 0,
				      &found), MX_HIT);
	assert_int_equal(found.len, 0);
	cache_done(cache);
}

static void why_is_cut_at_its_limit(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	char why[MX_WHY_MAX + 100];
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	memset(why, 'y', sizeof why);
	why[sizeof why - 1] = '\0';
	body_of_len(&plain, 60, 1, 20);
	a = answer_of(&plain, NULL, 60);
	a.why = why;
	assert_true(mx_cache_put(cache, key_of(&k, "why", 1), &a, START));
	assert_int_equal(get(cache, &k.key, START, true, &found), MX_HIT);
	assert_int_equal(strlen(found.why), MX_WHY_MAX);
	assert_int_equal(found.ede, MX_EDE_NONE);
	assert_octets(&plain.form, 0, 0);
	cache_done(cache);
}

static void too_little_room_writes_nothing(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_of_len(&plain, 60, 1, 100);
	body_of_len(&full, 60, 1, 200);
	a = answer_of(&plain, &full, 60);
	mx_cache_put(cache, key_of(&k, "room", 1), &a, START);
	memset(out, 0xee, sizeof out);
	assert_int_equal(mx_cache_get(cache, &k.key, START, true, out, 199,
				      &found), MX_HIT);
	assert_false(found.copied);
	assert_int_equal(found.len, 200);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(mx_cache_get(cache, &k.key, START, true, out, 200,
				      &found), MX_HIT);
	assert_true(found.copied);
	assert_int_equal(out[200], 0xee);
	assert_int_equal(mx_cache_get(cache, &k.key, START, false, out, 199,
				      &found), MX_HIT);
	assert_true(found.copied);
	cache_done(cache);
}

static void the_largest_message(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_of_len(&plain, 60, 1, MX_MESSAGE_MAX - 1);
	body_of_len(&full, 60, 2, MX_MESSAGE_MAX);
	a = answer_of(&plain, &full, 60);
	assert_true(mx_cache_put(cache, key_of(&k, "large", 1), &a, START));
	assert_int_equal(get(cache, &k.key, START + 1000, true, &found), MX_HIT);
	assert_octets(&full.form, 1, 0);
	assert_int_equal(get(cache, &k.key, START + 1000, false, &found), MX_HIT);
	assert_octets(&plain.form, 1, 0);
	cache_done(cache);
}

/* Each RR counts down on its own, and stays at 0. */
static void ttls_count_down_rr_by_rr(void **state)
{
	static const uint32_t ages_s[] = { 0, 1, 59, 60, 61, 299, 300, 86399 };
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_clear(&plain);
	body_rr(&plain, true, 5, 60, 1, 10);
	body_rr(&plain, true, 1, 300, 2, 4);
	body_rr(&plain, true, 1, UINT32_MAX, 3, 4);
	body_rr(&plain, true, 1, 0, 3, 4);
	a = answer_of(&plain, NULL, 86400);
	mx_cache_put(cache, key_of(&k, "ttl", 1), &a, START);
	for (size_t i = 0; i < sizeof ages_s / sizeof *ages_s; i++) {
		/* The last millisecond of that second too. */
		for (int ms = 0; ms < 1000; ms += 999) {
			assert_int_equal(get(cache, &k.key, START +
					     (mx_instant)ages_s[i] * 1000 + ms,
					     false, &found), MX_HIT);
			assert_octets(&plain.form, ages_s[i], 0);
			assert_int_equal(found.ttl_left_s, 86400 - ages_s[i]);
		}
	}
	cache_done(cache);
}

static void an_answer_lives_until_its_ttl_and_not_longer(void **state)
{
	static const uint32_t ttls_s[] = { 1, 2, 300, 86400, 1u << 31, UINT32_MAX };
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_cache_stats stats;
	struct mx_found found;
	struct test_key k;

	(void)state;
	key_of(&k, "expires", 1);
	for (size_t i = 0; i < sizeof ttls_s / sizeof *ttls_s; i++) {
		mx_instant end = START + (mx_instant)ttls_s[i] * 1000;
		struct mx_answer a;

		body_of_len(&plain, ttls_s[i], 1, 40);
		a = answer_of(&plain, NULL, ttls_s[i]);
		assert_true(mx_cache_put(cache, &k.key, &a, START));
		assert_int_equal(get(cache, &k.key, end - 1, true, &found), MX_HIT);
		assert_int_equal(found.ttl_left_s, 1);
		assert_int_equal(get(cache, &k.key, end, true, &found), MX_MISS);
		assert_int_equal(get(cache, &k.key, INT64_MAX, true, &found),
				 MX_MISS);
		/* It is kept, though: what is asked for is the time. */
		assert_int_equal(get(cache, &k.key, end - 1, true, &found), MX_HIT);
	}
	mx_cache_stats(cache, &stats);
	assert_int_equal(stats.entries, 1);
	assert_int_equal(stats.expired, 2 * sizeof ttls_s / sizeof *ttls_s);
	cache_done(cache);
}

static void a_clock_that_goes_back_makes_nothing_older(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_of_len(&plain, 60, 1, 40);
	a = answer_of(&plain, NULL, 60);
	mx_cache_put(cache, key_of(&k, "clock", 1), &a, START);
	assert_int_equal(get(cache, &k.key, START - 1, true, &found), MX_HIT);
	assert_octets(&plain.form, 0, 0);
	assert_int_equal(found.ttl_left_s, 60);
	assert_int_equal(get(cache, &k.key, INT64_MIN, true, &found), MX_HIT);
	assert_octets(&plain.form, 0, 0);
	cache_done(cache);
}

static void ttl_0_is_not_kept_but_ends_what_was(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_cache_stats stats;
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_of_len(&plain, 60, 1, 40);
	a = answer_of(&plain, NULL, 60);
	assert_true(mx_cache_put(cache, key_of(&k, "zero", 1), &a, START));
	a.ttl_s = 0;
	assert_false(mx_cache_put(cache, &k.key, &a, START));
	assert_int_equal(get(cache, &k.key, START, true, &found), MX_MISS);
	mx_cache_stats(cache, &stats);
	assert_int_equal(stats.entries, 0);
	assert_int_equal(stats.replaced, 1);
	assert_int_equal(stats.refused_too_big, 0);
	cache_done(cache);
}

static void a_later_answer_replaces_an_earlier(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_cache_stats stats;
	struct mx_found found;
	struct test_key k;

	(void)state;
	key_of(&k, "again", 1);
	for (uint32_t i = 0; i < 10; i++) {
		struct mx_answer a;

		body_of_len(&plain, 60, i, 40 + 100 * (i % 3));
		a = answer_of(&plain, NULL, 60);
		mx_cache_put(cache, &k.key, &a, START + i * 50000);
		assert_int_equal(get(cache, &k.key, START + i * 50000 + 20000,
				     true, &found), MX_HIT);
		assert_octets(&plain.form, 20, 0);
	}
	mx_cache_stats(cache, &stats);
	assert_int_equal(stats.entries, 1);
	assert_int_equal(stats.stored, 10);
	assert_int_equal(stats.replaced, 9);
	assert_int_equal(stats.evicted, 0);
	cache_done(cache);
}

/* Successive clients get the RRset in turn; what does not turn stays. */
static void an_rrset_turns_from_hit_to_hit(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_found found;
	struct mx_answer a;
	struct test_key k;

	(void)state;
	body_clear(&plain);
	body_rr(&plain, true, 5, 90, 1, 10);
	plain.form.turn_at = (uint16_t)plain.form.len;
	plain.form.turn_count = 3;
	body_rr(&plain, true, 1, 80, 2, 4);
	body_rr(&plain, true, 1, 80, 3, 4);
	body_rr(&plain, true, 1, 80, 4, 4);
	body_rr(&plain, false, 2, 70, 5, 12);
	a = answer_of(&plain, NULL, 70);
	mx_cache_put(cache, key_of(&k, "turns", 1), &a, START);
	for (unsigned turn = 0; turn < 7; turn++) {
		assert_int_equal(get(cache, &k.key, START + turn * 1000, true,
				     &found), MX_HIT);
		assert_octets(&plain.form, turn, turn);
	}
	cache_done(cache);
}

static void a_failure_is_no_answer_to_put(void **state)
{
	struct mx_cache *cache = cache_of(1 << 20);
	struct mx_answer a = { .kind = MX_ANSWER_FAILURE, .ttl_s = 5, .why = "" };
	struct mx_found found;
	struct test_key k;

	(void)state;
	assert_false(mx_cache_put(cache, key_of(&k, "wrong", 1), &a, START));
	assert_int_equal(get(cache, &k.key, START, true, &found), MX_MISS);
	cache_done(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_cache_misses_and_leaves_the_result),
		cmocka_unit_test(what_was_put_is_given),
		cmocka_unit_test(keys_are_compared_whole),
		cmocka_unit_test(the_longest_name_and_every_type),
		cmocka_unit_test(both_forms_of_one_answer),
		cmocka_unit_test(a_form_may_be_empty),
		cmocka_unit_test(why_is_cut_at_its_limit),
		cmocka_unit_test(too_little_room_writes_nothing),
		cmocka_unit_test(the_largest_message),
		cmocka_unit_test(ttls_count_down_rr_by_rr),
		cmocka_unit_test(an_answer_lives_until_its_ttl_and_not_longer),
		cmocka_unit_test(a_clock_that_goes_back_makes_nothing_older),
		cmocka_unit_test(ttl_0_is_not_kept_but_ends_what_was),
		cmocka_unit_test(a_later_answer_replaces_an_earlier),
		cmocka_unit_test(an_rrset_turns_from_hit_to_hit),
		cmocka_unit_test(a_failure_is_no_answer_to_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
