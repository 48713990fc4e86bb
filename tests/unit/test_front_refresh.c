/* What is to be asked again, in the order in which it runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/front/front.h"

#define NOW 5000000
#define WALL 1700000000000
#define ROOM 16384u /* of refresh.c */

static struct mx_key key_of(uint8_t qname[6], uint32_t number)
{
	qname[0] = 4;
	memcpy(qname + 1, &number, 4);
	qname[5] = 0;
	return (struct mx_key){ qname, 6, MX_TYPE_MX, MX_CLASS_IN };
}

static bool add(struct refreshes *r, uint32_t number, mx_instant expires)
{
	uint8_t qname[6];
	struct mx_key key = key_of(qname, number);

	return refreshes_add(r, &key, expires, NOW, WALL);
}

static uint32_t number_of(const struct refresh *refresh)
{
	uint32_t number;

	assert_int_equal(refresh->key.qname_len, 6);
	assert_int_equal(refresh->key.qtype, MX_TYPE_MX);
	memcpy(&number, refresh->key.qname + 1, 4);
	return number;
}

/* In the second after the one in which it ran out, by the wall clock. */
static void due_after_the_second(void **state)
{
	static const struct { mx_instant after, from; } cases[] = {
		{ 0, 1000 }, { 1, 1000 }, { 999, 1000 }, { 1000, 2000 },
		{ 60500, 61000 }, { 86400000, 86401000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int tries = 0; tries < 50; tries++) {
			struct refreshes *r = refreshes_new();

			assert_non_null(r);
			assert_true(refreshes_next(r) == INT64_MAX);
			assert_true(add(r, 1, NOW + cases[i].after));
			mx_instant at = refreshes_next(r);
			assert_in_range(at, NOW + cases[i].from,
					NOW + cases[i].from + 300);
			assert_null(refreshes_take(r, at - 1));
			struct refresh *refresh = refreshes_take(r, at);
			assert_non_null(refresh);
			assert_int_equal(number_of(refresh), 1);
			free(refresh);
			assert_null(refreshes_take(r, INT64_MAX - 1));
			refreshes_free(r);
		}
}

static void spread_over_the_second(void **state)
{
	struct refreshes *r = refreshes_new();
	mx_instant first, last = 0;
	struct refresh *refresh;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(add(r, i, NOW));
	first = refreshes_next(r);
	while ((refresh = refreshes_take(r, INT64_MAX - 1))) {
		free(refresh);
		last = refreshes_next(r) < INT64_MAX ? refreshes_next(r) : last;
	}
	assert_true(last - first > 100);
	refreshes_free(r);
}

static void in_order(void **state)
{
	struct refreshes *r = refreshes_new();
	mx_instant before = 0;
	struct refresh *refresh;
	unsigned count = 0, taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		assert_true(add(r, i, NOW + 1000 * (i * 2654435761u % 5000)));
		count++;
		if (i % 7 == 0) {
			refresh = refreshes_take(r, INT64_MAX - 1);
			assert_non_null(refresh);
			free(refresh);
			taken++;
		}
	}
	while (refreshes_next(r) < INT64_MAX) {
		assert_true(refreshes_next(r) >= before);
		before = refreshes_next(r);
		assert_null(refreshes_take(r, before - 1));
		refresh = refreshes_take(r, before);
		assert_non_null(refresh);
		free(refresh);
		taken++;
	}
	assert_int_equal(taken, count);
	refreshes_free(r);
}

/* What runs out soon gets the place of what does not, and not the other way. */
static void bounded(void **state)
{
	struct refreshes *r = refreshes_new();
	struct refresh *refresh;
	unsigned soon = 0, count = 0;

	(void)state;
	for (uint32_t i = 0; i < ROOM; i++)
		assert_true(add(r, i, NOW + 86400000));
	assert_false(add(r, ROOM, NOW + 2 * 86400000));
	for (uint32_t i = 0; i < 1000; i++)
		assert_false(add(r, ROOM + 1 + i, NOW + 60000));
	while ((refresh = refreshes_take(r, NOW + 100000))) {
		assert_true(number_of(refresh) > ROOM);
		free(refresh);
		soon++;
	}
	assert_int_equal(soon, 1000);
	while ((refresh = refreshes_take(r, INT64_MAX - 1))) {
		assert_true(number_of(refresh) < ROOM);
		free(refresh);
		count++;
	}
	assert_int_equal(count, ROOM - 1000);
	refreshes_free(r);
	refreshes_free(NULL);
}

static void freed_with_what_is_in_it(void **state)
{
	struct refreshes *r = refreshes_new();

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_true(add(r, i, NOW + i));
	refreshes_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due_after_the_second),
		cmocka_unit_test(spread_over_the_second),
		cmocka_unit_test(in_order),
		cmocka_unit_test(bounded),
		cmocka_unit_test(freed_with_what_is_in_it),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("front_refresh", tests, NULL, NULL);
}
