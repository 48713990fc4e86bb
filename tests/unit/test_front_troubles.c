/* The list of the worst questions: who is in it, who has to go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../src/front/troubles.h"
#include "mx_ede.h"
#include "mx_wire.h"

static struct mx_key key_of(const char *text, struct mx_name *room)
{
	assert_int_equal(mx_name_from_text(text, room), MX_OK);
	return (struct mx_key){ room->octets, room->len, MX_TYPE_MX,
				MX_CLASS_IN };
}

static void failed(struct troubles *list, const char *name, mx_instant now)
{
	struct mx_name room;
	struct mx_key key = key_of(name, &room);

	troubles_failed(list, &key, MX_EDE_NO_REACHABLE_AUTHORITY, "silent",
			2500, now);
}

static void in_order(void **state)
{
	struct troubles *lists[3] = { troubles_new(), NULL, troubles_new() };
	struct trouble worst[4];
	struct mx_name room;
	struct mx_key key = key_of("slow.lab.", &room);

	(void)state;
	for (int i = 0; i < 3; i++)
		failed(lists[i == 2 ? 2 : 0], "bad.lab.", 1000);
	failed(lists[0], "once.lab.", 1000);
	troubles_answered(lists[2], &key, TROUBLE_SLOW_MS - 1, 1000);
	assert_int_equal(troubles_worst(lists, 3, 1000, worst, 4), 2);
	troubles_answered(lists[2], &key, 1900, 1000);
	assert_int_equal(troubles_worst(lists, 3, 1000, worst, 4), 3);

	assert_memory_equal(worst[0].qname.octets, "\3bad\3lab", 9);
	assert_int_equal(worst[0].failures, 3);
	assert_int_equal(worst[0].worst_ms, 2500);
	assert_int_equal(worst[0].ede, MX_EDE_NO_REACHABLE_AUTHORITY);
	assert_string_equal(worst[0].why, "silent");
	assert_memory_equal(worst[1].qname.octets, "\4slow\3lab", 10);
	assert_int_equal(worst[1].slow, 1);
	assert_int_equal(worst[1].failures, 0);
	assert_int_equal(worst[1].ede, MX_EDE_NONE);
	assert_memory_equal(worst[2].qname.octets, "\4once\3lab", 10);
	assert_int_equal(troubles_worst(lists, 3, 1000, worst, 1), 1);
	troubles_free(lists[0]);
	troubles_free(lists[2]);
}

/* A thousand names that fail once do not push out what fails again and again;
 * but it is forgotten in time. */
static void flood(void **state)
{
	struct troubles *list = troubles_new();
	struct trouble worst[TROUBLES_MAX];
	char name[32];

	(void)state;
	for (int i = 0; i < 5; i++)
		failed(list, "bad.lab.", 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "n%d.lab.", i);
		failed(list, name, 1000 + i);
	}
	assert_int_equal(troubles_worst(&list, 1, 2000, worst, TROUBLES_MAX),
			 TROUBLES_MAX);
	assert_memory_equal(worst[0].qname.octets, "\3bad\3lab", 9);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "n%d.lab.", i);
		failed(list, name, 1000 + 10 * TROUBLES_HALF_MS);
	}
	troubles_worst(&list, 1, 1000 + 10 * TROUBLES_HALF_MS, worst,
		       TROUBLES_MAX);
	for (size_t i = 0; i < TROUBLES_MAX; i++)
		assert_int_equal(worst[i].qname.octets[1], 'n');
	troubles_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
