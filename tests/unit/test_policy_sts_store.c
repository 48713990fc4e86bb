/* What is remembered of MTA-STS policies, for how long, and who goes when
 * there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/policy/sts_store.h"
#include "mx_sts.h"

#define WALL 1700000000000ll
#define DAY_MS 86400000ll

static struct sts_time at(int64_t ms)
{
	return (struct sts_time){ 5000 + ms, WALL + ms };
}

static struct mx_name name(const char *text)
{
	struct mx_name ret;

	assert_int_equal(mx_name_from_text(text, &ret), MX_OK);
	return ret;
}

static struct mx_route_policy policy(const char *text)
{
	struct mx_route_policy ret;

	assert_true(mx_route_policy_read(text, strlen(text), &ret));
	return ret;
}

#define ENFORCE "version: STSv1\nmode: enforce\nmx: mx.a.example\n" \
		"mx: *.b.example\nmax_age: 86400\n"

static struct sts_entry *put(struct sts_store *store, const char *domain,
			     struct sts_time time)
{
	struct mx_route_policy p = policy(ENFORCE);
	struct mx_name n = name(domain);

	return sts_store_put(store, &n, "1", &p, time.wall_ms, time);
}

static struct sts_entry *find(struct sts_store *store, const char *domain,
			      struct sts_time time)
{
	struct mx_name n = name(domain);

	return sts_store_find(store, &n, time);
}

static struct sts_entry *put_failure(struct sts_store *store, const char *domain,
			      struct sts_time time)
{
	const struct sts_failure f = { .failure = MX_FETCH_TLS, .count = 1,
				       .detail = (char[]){ "why" },
				       .retry_at = time.now + 1000 };
	struct mx_name n = name(domain);

	return sts_store_fail(store, &n, &f);
}

static void what_is_put_is_found(void **state)
{
	struct sts_store *store = sts_store_new();
	struct mx_route_policy read, want = policy(ENFORCE);
	struct sts_entry *e;

	(void)state;
	assert_non_null(put(store, "a.example", at(0)));
	e = find(store, "a.example", at(1000));
	assert_non_null(e);
	assert_string_equal(e->policy->id, "1");
	assert_true(sts_policy_read(e->policy, &read));
	assert_memory_equal(&read, &want, sizeof want);
	assert_int_equal(e->policy->expires_ms, WALL + DAY_MS);
	assert_null(find(store, "b.example", at(0)));
	/* A policy is not its parent's, nor its child's. */
	assert_null(find(store, "example", at(0)));
	assert_null(find(store, "x.a.example", at(0)));
	sts_store_free(store);
}

static void the_longest_policy_has_room(void **state)
{
	struct sts_store *store = sts_store_new();
	static struct mx_route_policy p = { .mode = MX_ROUTE_MODE_ENFORCE,
					    .max_age_s = 31557600,
					    .mx_count = MX_ROUTE_PATTERNS_MAX };
	static struct mx_route_policy read;
	struct mx_name n = name("a.example");

	(void)state;
	for (unsigned i = 0; i < p.mx_count; i++) {
		uint8_t *o = p.mx[i].name.octets;

		memset(o, 'a', 255);
		o[0] = o[64] = o[128] = 63;
		o[192] = 61;
		o[254] = 0;
		p.mx[i].name.len = 255;
		p.mx[i].wildcard = true;
	}
	struct sts_entry *e = sts_store_put(store, &n, "x", &p, WALL, at(0));
	assert_non_null(e);
	assert_true(sts_policy_read(e->policy, &read));
	assert_memory_equal(&read, &p, sizeof p);
	sts_store_free(store);
}

static void it_holds_for_max_age(void **state)
{
	struct sts_store *store = sts_store_new();
	uint64_t changes;

	(void)state;
	put(store, "a.example", at(0));
	assert_non_null(find(store, "a.example", at(DAY_MS - 1)));
	changes = sts_store_changes(store);
	assert_null(find(store, "a.example", at(DAY_MS)));
	assert_int_equal(sts_store_policies(store), 0);
	assert_int_equal(sts_store_octets(store), 0);
	assert_true(sts_store_changes(store) > changes);
	sts_store_free(store);
}

/* What has run out before it comes, from a file, is not taken. */
static void run_out_is_not_put(void **state)
{
	struct sts_store *store = sts_store_new();
	struct mx_route_policy p = policy(ENFORCE);
	struct mx_name n = name("a.example");

	(void)state;
	assert_null(sts_store_put(store, &n, "1", &p, WALL - DAY_MS, at(0)));
	assert_null(find(store, "a.example", at(0)));
	assert_non_null(sts_store_put(store, &n, "1", &p, WALL - DAY_MS + 1,
				      at(0)));
	sts_store_free(store);
}

static void a_clock_set_back_prolongs_nothing(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_time t = at(DAY_MS - 1);

	(void)state;
	put(store, "a.example", at(0));
	t.wall_ms = WALL - 30 * DAY_MS;
	assert_non_null(find(store, "a.example", t));
	t.now++;
	assert_null(find(store, "a.example", t));
	/* And one set forward ends it. */
	put(store, "a.example", at(0));
	t = at(1000);
	t.wall_ms += DAY_MS;
	assert_null(find(store, "a.example", t));
	sts_store_free(store);
}

static void max_age_has_a_least(void **state)
{
	struct sts_store *store = sts_store_new();
	struct mx_route_policy p = policy("version: STSv1\nmode: none\n"
					  "max_age: 0\n");
	struct mx_name n = name("a.example");

	(void)state;
	assert_non_null(sts_store_put(store, &n, "1", &p, WALL, at(0)));
	assert_non_null(find(store, "a.example", at(STS_LEAST_S * 1000 - 1)));
	assert_null(find(store, "a.example", at(STS_LEAST_S * 1000)));
	sts_store_free(store);
}

static void a_failure_leaves_the_policy(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_entry *e;

	(void)state;
	put(store, "a.example", at(0));
	e = put_failure(store, "a.example", at(1000));
	assert_non_null(e);
	assert_non_null(e->policy);
	assert_int_equal(e->failure.failure, MX_FETCH_TLS);
	assert_string_equal(e->failure.detail, "why");
	assert_int_equal(sts_store_failures(store), 0);
	/* The policy runs out, the failure is remembered. */
	e = find(store, "a.example", at(DAY_MS));
	assert_non_null(e);
	assert_null(e->policy);
	assert_int_equal(sts_store_failures(store), 1);
	/* And a policy ends it. */
	e = put(store, "a.example", at(DAY_MS));
	assert_int_equal(e->failure.failure, 0);
	assert_int_equal(sts_store_failures(store), 0);
	assert_int_equal(sts_store_policies(store), 1);
	sts_store_free(store);
}

static void number(char *text, size_t room, const char *what, unsigned i)
{
	snprintf(text, room, "%s%u.example", what, i);
}

/* Those that mail goes to stay, whoever else is asked about. */
static void a_flood_pushes_out_no_used_policy(void **state)
{
	struct sts_store *store = sts_store_new();
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		number(text, sizeof text, "used", i);
		struct sts_entry *e = put(store, text, at(0));

		sts_store_use(store, e, at(STS_AGAIN_MS));
		assert_true(e->policy->kept);
	}
	for (unsigned i = 0; i < 3 * STS_POLICIES_MAX; i++) {
		number(text, sizeof text, "flood", i);
		struct sts_entry *e = put(store, text, at(STS_AGAIN_MS));

		/* It comes straight back: that is no use. */
		assert_non_null(e);
		sts_store_use(store, e, at(STS_AGAIN_MS + 1000));
		number(text, sizeof text, "none", i);
		assert_non_null(put_failure(store, text, at(0)));
	}
	assert_int_equal(sts_store_policies(store), STS_POLICIES_MAX);
	assert_int_equal(sts_store_failures(store), STS_FAILURES_MAX);
	for (unsigned i = 0; i < 100; i++) {
		number(text, sizeof text, "used", i);
		assert_non_null(find(store, text, at(STS_AGAIN_MS)));
	}
	assert_null(find(store, "flood0.example", at(STS_AGAIN_MS)));
	sts_store_free(store);
}

/* A newer policy of a domain that mail goes to all the time is that, too. */
static void a_new_policy_stays_kept(void **state)
{
	struct sts_store *store = sts_store_new();

	(void)state;
	sts_store_use(store, put(store, "a.example", at(0)), at(STS_AGAIN_MS));
	assert_true(put(store, "a.example", at(STS_AGAIN_MS))->policy->kept);
	sts_store_free(store);
}

/* Where all are in use, new ones have a tenth of the room and no more. */
static void a_flood_has_a_tenth(void **state)
{
	struct sts_store *store = sts_store_new();
	unsigned left = 0;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < STS_POLICIES_MAX; i++) {
		number(text, sizeof text, "used", i);
		sts_store_use(store, put(store, text, at(0)), at(STS_AGAIN_MS));
	}
	for (unsigned i = 0; i < 5000; i++) {
		number(text, sizeof text, "flood", i);
		assert_non_null(put(store, text, at(STS_AGAIN_MS)));
	}
	for (unsigned i = 0; i < STS_POLICIES_MAX; i++) {
		number(text, sizeof text, "used", i);
		left += find(store, text, at(STS_AGAIN_MS)) != NULL;
	}
	assert_in_range(left, STS_POLICIES_MAX - STS_POLICIES_MAX / 10 - 1,
			STS_POLICIES_MAX);
	sts_store_free(store);
}

static void octets_are_bounded(void **state)
{
	struct sts_store *store = sts_store_new();
	static struct mx_route_policy p;
	char text[64];

	(void)state;
	p = policy(ENFORCE);
	while (p.mx_count < MX_ROUTE_PATTERNS_MAX)
		p.mx[p.mx_count++] = p.mx[0];
	put(store, "used.example", at(0));
	sts_store_use(store, find(store, "used.example", at(0)),
		      at(STS_AGAIN_MS));
	for (unsigned i = 0; i < MX_ROUTE_PATTERNS_MAX; i++) {
		memset(p.mx[i].name.octets, 'a', 255);
		p.mx[i].name.octets[0] = p.mx[i].name.octets[64] =
			p.mx[i].name.octets[128] = 63;
		p.mx[i].name.octets[192] = 61;
		p.mx[i].name.octets[254] = 0;
		p.mx[i].name.len = 255;
	}
	for (unsigned i = 0; i < 1500; i++) {
		struct mx_name n;

		number(text, sizeof text, "big", i);
		n = name(text);
		assert_non_null(sts_store_put(store, &n, "1", &p, WALL, at(0)));
		assert_true(sts_store_octets(store) <= STS_OCTETS_MAX);
	}
	assert_true(sts_store_octets(store) > STS_OCTETS_MAX / 2);
	assert_non_null(find(store, "used.example", at(0)));
	sts_store_free(store);
}

static void all_are_walked_while_some_go(void **state)
{
	struct sts_store *store = sts_store_new();
	bool seen[10] = { false };
	char text[64];

	(void)state;
	assert_null(sts_store_next(store));
	for (unsigned i = 0; i < 10; i++) {
		number(text, sizeof text, "d", i);
		put(store, text, at(i == 4 ? -DAY_MS + 5 : 0));
	}
	for (unsigned i = 0; i < 10; i++) {
		struct sts_entry *e = sts_store_next(store);

		assert_non_null(e);
		seen[e->domain.octets[2] - '0'] = true;
		if (i == 3) /* the one that is next goes */
			assert_null(find(store, "d4.example", at(10)));
	}
	for (unsigned i = 0; i < 10; i++)
		assert_true(seen[i] == (i != 4));
	assert_int_equal(sts_store_policies(store), 9);
	sts_store_free(store);
}

/* As in a file: the one that goes first comes first. */
static void the_order_is_that_of_use(void **state)
{
	struct sts_store *store = sts_store_new();
	static const char *const want[] = { "b", "c", "a" };
	const struct sts_entry *e = NULL;

	(void)state;
	put(store, "a", at(0));
	put(store, "b", at(0));
	put(store, "c", at(0));
	put_failure(store, "d", at(0));
	sts_store_use(store, find(store, "a", at(0)), at(STS_AGAIN_MS));
	for (unsigned i = 0; i < 3; i++) {
		e = sts_store_after(store, e);
		assert_non_null(e);
		assert_int_equal(e->domain.octets[1], want[i][0]);
	}
	assert_null(sts_store_after(store, e));
	sts_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found),
		cmocka_unit_test(the_longest_policy_has_room),
		cmocka_unit_test(it_holds_for_max_age),
		cmocka_unit_test(run_out_is_not_put),
		cmocka_unit_test(a_clock_set_back_prolongs_nothing),
		cmocka_unit_test(max_age_has_a_least),
		cmocka_unit_test(a_failure_leaves_the_policy),
		cmocka_unit_test(a_flood_pushes_out_no_used_policy),
		cmocka_unit_test(a_new_policy_stays_kept),
		cmocka_unit_test(a_flood_has_a_tenth),
		cmocka_unit_test(octets_are_bounded),
		cmocka_unit_test(all_are_walked_while_some_go),
		cmocka_unit_test(the_order_is_that_of_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
