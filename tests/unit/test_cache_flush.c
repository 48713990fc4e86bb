/* Flushing a name, alone and with all below it. */
#include "cache_answers.h"

#define START 1000000

static struct body body;
static uint8_t out[MX_MESSAGE_MAX];

static const char *const names[] = {
	"", "org", "example.org", "a.example.org", "b.a.example.org",
	"xexample.org", "example", "org.example", "example.org.net",
	/* Ends in the same octets as example.org, but inside a label. */
	"y\007example.org",
};
#define NAMES (sizeof names / sizeof *names)

static void put(struct mx_cache *cache, const char *name, uint16_t qtype,
		enum mx_answer_kind kind, enum mx_validation validation)
{
	struct mx_answer a;
	struct test_key k;

	body_clear(&body);
	body_rr(&body, kind == MX_ANSWER_POSITIVE, qtype, 60, 1, 20);
	a = answer_of(&body, NULL, 60);
	a.kind = kind;
	a.state = validation;
	assert_true(mx_cache_put(cache, key_of(&k, name, qtype), &a, START));
}

/* The answers of two types, and everything else that can be kept. */
static struct mx_cache *filled(void)
{
	struct mx_cache *cache = cache_of(4 << 20); /* four shards */

	for (size_t i = 0; i < NAMES; i++) {
		struct test_key k;

		put(cache, names[i], 1, MX_ANSWER_POSITIVE, MX_SECURE);
		put(cache, names[i], 15, MX_ANSWER_POSITIVE, MX_SECURE);
		put(cache, names[i], 15, MX_ANSWER_POSITIVE, MX_BOGUS);
		mx_cache_put_failure(cache, key_of(&k, names[i], 16), 0, "", START);
		put(cache, names[i], 28, MX_ANSWER_NXDOMAIN, MX_SECURE);
	}
	return cache;
}

#define KEPT_OF_EACH 5u

static void assert_flushed(const char *name, bool below, const char *const *gone)
{
	struct mx_cache *cache = filled();
	size_t count = 0;
	struct test_key k;

	while (gone[count] != NULL)
		count++;
	key_of(&k, name, 0);
	assert_int_equal(mx_cache_flush(cache, k.qname, k.key.qname_len, below),
			 count * KEPT_OF_EACH);
	assert_sound(cache);
	for (size_t i = 0; i < NAMES; i++) {
		enum mx_hit want = MX_HIT;
		struct mx_found found;

		for (size_t j = 0; j < count; j++)
			if (strcmp(names[i], gone[j]) == 0)
				want = MX_MISS;
		for (uint16_t qtype = 1; qtype <= 28; qtype++)
			assert_int_equal(
				mx_cache_get(cache, key_of(&k, names[i], qtype),
					     START, true, out, sizeof out, &found),
				want);
	}
	key_of(&k, name, 0);
	assert_int_equal(mx_cache_flush(cache, k.qname, k.key.qname_len, below), 0);
	cache_done(cache);
}

static void a_name_goes_with_all_its_types(void **state)
{
	static const char *const gone[] = { "example.org", NULL };

	(void)state;
	assert_flushed("example.org", false, gone);
}

static void below_stops_at_the_label(void **state)
{
	static const char *const gone[] = {
		"example.org", "a.example.org", "b.a.example.org", NULL,
	};

	(void)state;
	assert_flushed("example.org", true, gone);
}

static void a_name_that_is_not_kept_may_have_some_below(void **state)
{
	static const char *const gone[] = { "example.org.net", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	assert_flushed("net", true, gone);
	assert_flushed("net", false, none);
}

static void the_root_alone_and_all_below_it(void **state)
{
	static const char *const root[] = { "", NULL };
	const char *all[NAMES + 1] = { NULL };

	(void)state;
	memcpy(all, names, sizeof names);
	assert_flushed("", false, root);
	assert_flushed("", true, all);
}

/* MX: its answer, the bogus one, and the NXDOMAIN that denies it too. What is
 * known of other types stays. */
static void one_type(void **state)
{
	struct mx_cache *cache = filled();
	struct mx_found found;
	struct test_key k;

	(void)state;
	assert_int_equal(mx_cache_flush_type(cache, key_of(&k, "example.org", 15)), 3);
	assert_sound(cache);
	assert_int_equal(mx_cache_flush_type(cache, key_of(&k, "example.org", 15)), 0);
	assert_int_equal(mx_cache_get(cache, key_of(&k, "example.org", 15), START,
				      true, out, sizeof out, &found), MX_MISS);
	assert_int_equal(mx_cache_get(cache, key_of(&k, "example.org", 1), START,
				      true, out, sizeof out, &found), MX_HIT);
	assert_int_equal(mx_cache_get(cache, key_of(&k, "a.example.org", 15),
				      START, true, out, sizeof out, &found), MX_HIT);
	cache_done(cache);
}

/* All that was put is listed, once, with a room that is far too small for it. */
static void listed(void **state)
{
	enum { EACH = 1000 };
	static struct mx_cache_item item[MX_CACHE_LIST_MIN];
	static bool seen[EACH];
	struct mx_cache *cache = cache_of(4 << 20);
	uint64_t cursor = 0;
	size_t total = 0;
	char name[32];

	(void)state;
	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < EACH; i++) {
		snprintf(name, sizeof name, "%u.example", i);
		put(cache, name, 15, MX_ANSWER_POSITIVE, MX_SECURE);
	}
	while (cursor != MX_CACHE_LIST_END) {
		size_t got = mx_cache_list(cache, &cursor, START + 61000, item,
					   MX_CACHE_LIST_MIN);

		assert_true(got <= MX_CACHE_LIST_MIN);
		for (size_t i = 0; i < got; i++) {
			unsigned number = (unsigned)atoi(
				(const char *)item[i].qname.octets + 1);

			assert_true(number < EACH && !seen[number]);
			seen[number] = true;
			assert_int_equal(item[i].qtype, 15);
			assert_int_equal(item[i].kind, MX_ANSWER_POSITIVE);
			assert_int_equal(item[i].state, MX_SECURE);
			assert_int_equal(item[i].ttl_left_s, -1);
			assert_true(item[i].octets > 20);
		}
		total += got;
	}
	assert_int_equal(total, EACH);
	cache_done(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_goes_with_all_its_types),
		cmocka_unit_test(below_stops_at_the_label),
		cmocka_unit_test(a_name_that_is_not_kept_may_have_some_below),
		cmocka_unit_test(the_root_alone_and_all_below_it),
		cmocka_unit_test(one_type),
		cmocka_unit_test(listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
