/* Who may ask, and that every bound taken is given back. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/front/front.h"

static struct mx_config config;

static struct mx_limits *limits_with(char *const *sets, size_t count)
{
	char error[MX_CONFIG_ERROR_MAX];

	mx_config_clear(&config);
	if (mx_config_load(&config, NULL, sets, count, error) != MX_OK)
		fail_msg("%s", error);

	struct mx_limits *limits = limits_new(&config);
	assert_non_null(limits);
	return limits;
}

static struct sockaddr_storage peer_of(const char *text)
{
	struct sockaddr_storage peer = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(4096);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(4096);
	}
	return peer;
}

static enum mx_acl_action acl(const struct mx_limits *limits, const char *from)
{
	struct sockaddr_storage peer = peer_of(from);

	return limits_acl(limits, (struct sockaddr *)&peer);
}

static uint32_t client(const struct mx_limits *limits, const char *from)
{
	struct sockaddr_storage peer = peer_of(from);

	return limits_client(limits, (struct sockaddr *)&peer);
}

static void acl_by_default(void **state)
{
	struct mx_limits *limits = limits_with(NULL, 0);

	(void)state;
	assert_int_equal(acl(limits, "127.0.0.1"), MX_ACL_ALLOW);
	assert_int_equal(acl(limits, "127.255.255.255"), MX_ACL_ALLOW);
	assert_int_equal(acl(limits, "126.255.255.255"), MX_ACL_REFUSE);
	assert_int_equal(acl(limits, "128.0.0.0"), MX_ACL_REFUSE);
	assert_int_equal(acl(limits, "::1"), MX_ACL_ALLOW);
	assert_int_equal(acl(limits, "::2"), MX_ACL_REFUSE);
	assert_int_equal(acl(limits, "::"), MX_ACL_REFUSE);
	/* On a socket for both families IPv4 comes in this form. */
	assert_int_equal(acl(limits, "::ffff:127.0.0.1"), MX_ACL_ALLOW);
	assert_int_equal(acl(limits, "::ffff:192.0.2.1"), MX_ACL_REFUSE);
	/* The deprecated form is IPv6 like any other. */
	assert_int_equal(acl(limits, "::127.0.0.1"), MX_ACL_REFUSE);
	limits_free(limits);
}

static void longest_prefix_decides(void **state)
{
	/* In the order that would be wrong if the first decided. */
	static char rules[][48] = {
		"access-control=0.0.0.0/0 refuse",
		"access-control=10.0.0.0/8 allow",
		"access-control=10.1.0.0/16 drop",
		"access-control=10.1.2.0/23 allow",
		"access-control=10.1.2.128/25 refuse",
		"access-control=10.1.2.129/32 allow",
		"access-control=::/0 drop",
		"access-control=2001:db8::/33 allow",
		"access-control=2001:db8::1/128 refuse",
	};
	static const struct { const char *from; enum mx_acl_action want; } rows[] = {
		{ "9.255.255.255", MX_ACL_REFUSE },
		{ "10.0.0.0", MX_ACL_ALLOW },
		{ "10.255.255.255", MX_ACL_ALLOW },
		{ "10.1.0.0", MX_ACL_DROP },
		{ "10.1.1.255", MX_ACL_DROP },
		{ "10.1.2.0", MX_ACL_ALLOW },
		{ "10.1.3.255", MX_ACL_ALLOW },
		{ "10.1.4.0", MX_ACL_DROP },
		{ "10.1.2.128", MX_ACL_REFUSE },
		{ "10.1.2.129", MX_ACL_ALLOW },
		{ "10.1.2.127", MX_ACL_ALLOW },
		{ "::ffff:10.1.2.129", MX_ACL_ALLOW },
		{ "::ffff:10.1.2.130", MX_ACL_REFUSE },
		{ "::ffff:9.9.9.9", MX_ACL_REFUSE }, /* not ::/0 */
		{ "2001:db8::2", MX_ACL_ALLOW },
		{ "2001:db8:7fff::", MX_ACL_ALLOW },
		{ "2001:db8:8000::", MX_ACL_DROP },
		{ "2001:db8::1", MX_ACL_REFUSE },
		{ "::1", MX_ACL_DROP },
	};
	char *sets[9];

	(void)state;
	for (size_t i = 0; i < 9; i++)
		sets[i] = rules[i];

	struct mx_limits *limits = limits_with(sets, 9);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (acl(limits, rows[i].from) != rows[i].want)
			fail_msg("%s", rows[i].from);
	limits_free(limits);
}

/* Of this host's own addresses some may be kept out. */
static void parts_of_loopback(void **state)
{
	static const struct {
		const char *rules[3];
		const char *from;
		enum mx_acl_action want;
	} rows[] = {
		{ { "127.0.0.0/8 refuse" }, "127.0.0.1", MX_ACL_REFUSE },
		{ { "127.0.0.0/8 allow", "127.5.0.0/16 drop", "::1 allow" },
		  "127.5.0.1", MX_ACL_DROP },
		{ { "127.0.0.0/8 allow", "127.5.0.0/16 drop", "::1 allow" },
		  "127.6.0.1", MX_ACL_ALLOW },
		{ { "0.0.0.0/0 allow", "::/0 allow" }, "127.0.0.1", MX_ACL_ALLOW },
		{ { "0.0.0.0/0 allow", "::/0 allow" }, "::1", MX_ACL_ALLOW },
		{ { "0.0.0.0/0 allow", "::/0 allow", "126.0.0.0/7 refuse" },
		  "127.0.0.1", MX_ACL_REFUSE },
		{ { "0.0.0.0/0 allow", "::/0 allow", "::1 drop" }, "::1",
		  MX_ACL_DROP },
		{ { "0.0.0.0/0 refuse", "127.0.0.1 allow", "::1 allow" },
		  "127.0.0.2", MX_ACL_REFUSE },
		{ { "127.0.0.1 allow", "127.0.0.2 refuse", "0.0.0.0/0 allow" },
		  "127.0.0.2", MX_ACL_REFUSE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[3][64], *sets[3];
		size_t count = 0;

		for (; count < 3 && rows[i].rules[count]; count++) {
			snprintf(text[count], sizeof text[count],
				 "access-control=%s", rows[i].rules[count]);
			sets[count] = text[count];
		}
		struct mx_limits *limits = limits_with(sets, count);
		if (acl(limits, rows[i].from) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].from);
		limits_free(limits);
	}
}

/* A client is an address: no port, and the same in both of IPv4's forms. */
static void clients(void **state)
{
	struct mx_limits *limits = limits_with(NULL, 0);
	struct sockaddr_storage other_port = peer_of("192.0.2.1");
	unsigned same = 0;

	(void)state;
	((struct sockaddr_in *)&other_port)->sin_port = htons(5);
	assert_int_equal(client(limits, "192.0.2.1"),
			 limits_client(limits, (struct sockaddr *)&other_port));
	assert_int_equal(client(limits, "192.0.2.1"),
			 client(limits, "::ffff:192.0.2.1"));
	/* Spread over the slots: of 256 pairs hardly one is the same. */
	for (int i = 0; i < 256; i++) {
		char a[32], b[32];

		snprintf(a, sizeof a, "198.51.100.%d", i);
		snprintf(b, sizeof b, "2001:db8::%x", i);
		assert_in_range(client(limits, a), 0, MX_LIMITS_SLOTS - 1);
		same += client(limits, a) == client(limits, b);
	}
	assert_in_range(same, 0, 8);
	limits_free(limits);
}

static char total[] = "in-flight-max=16", each[] = "in-flight-client-max=3";
static char tcp_total[] = "tcp-connections-max=8",
	    tcp_each[] = "tcp-connections-client-max=3";

static void waiting(void **state)
{
	char *sets[] = { total, each };
	struct mx_limits *limits = limits_with(sets, 2);
	uint32_t a = 7, b = 8;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(limits_wait(limits, a));
	assert_false(limits_wait(limits, a));
	/* What was refused took nothing: 13 are left. */
	for (int i = 0; i < 3; i++)
		assert_true(limits_wait(limits, b));
	for (int i = 0; i < 10; i++)
		assert_true(limits_wait(limits, MX_LOOKUP_INTERNAL));
	assert_false(limits_wait(limits, MX_LOOKUP_INTERNAL));
	assert_false(limits_wait(limits, 9));
	limits_wait_end(limits, a);
	assert_true(limits_wait(limits, 9));
	assert_false(limits_wait(limits, 9));
	limits_wait_end(limits, 9);
	/* The client that was refused for the total alone has its own left. */
	assert_true(limits_wait(limits, a));
	assert_false(limits_wait(limits, a));
	limits_free(limits);
}

static void questions(void **state)
{
	char *sets[] = { total };
	struct mx_limits *limits = limits_with(sets, 1);

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 16; i++)
			assert_true(limits_question(limits));
		for (int i = 0; i < 5; i++)
			assert_false(limits_question(limits));
		for (int i = 0; i < 16; i++)
			limits_question_end(limits);
	}
	limits_free(limits);
}

static void connections(void **state)
{
	char *sets[] = { tcp_total, tcp_each };
	struct mx_limits *limits = limits_with(sets, 2);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(limits_tcp(limits, 1), LIMITS_TCP_OK);
	assert_int_equal(limits_tcp(limits, 1), LIMITS_TCP_CLIENT);
	assert_false(limits_tcp_pressed(limits));
	for (uint32_t i = 2; i < 7; i++) {
		assert_int_equal(limits_tcp(limits, i), LIMITS_TCP_OK);
		assert_int_equal(limits_tcp_pressed(limits), i > 2);
	}
	/* What was refused took nothing. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(limits_tcp(limits, 9), LIMITS_TCP_TOTAL);
	assert_int_equal(limits_tcp(limits, 1), LIMITS_TCP_CLIENT);
	/* In place of another or in a worker's share: the client's own bound
	 * still holds. */
	assert_false(limits_tcp_past_total(limits, 1));
	assert_true(limits_tcp_past_total(limits, 9));
	limits_tcp_end(limits, 9);
	limits_tcp_end(limits, 1);
	assert_int_equal(limits_tcp(limits, 9), LIMITS_TCP_OK);
	assert_int_equal(limits_tcp(limits, 9), LIMITS_TCP_TOTAL);
	limits_tcp_end(limits, 9);
	assert_int_equal(limits_tcp(limits, 1), LIMITS_TCP_OK);
	limits_free(limits);
}

/* The thread of the control socket asks as workers do, but takes no
 * connections of clients. */
static void shares(void **state)
{
	char *sets[] = { (char[]){ "workers=3" }, (char[]){ "in-flight-max=120" },
			 (char[]){ "tcp-connections-max=120" },
			 (char[]){ "control-socket=/none" } };

	(void)state;
	for (size_t count = 3; count <= 4; count++) {
		struct mx_limits *limits = limits_with(sets, count);
		assert_int_equal(limits_question_share(limits), 120 / count);
		assert_int_equal(limits_tcp_share(limits), 40);
		limits_free(limits);
	}
}

/* Any order of taking and giving leaves nothing behind, from many threads. */
#define THREADS 4
static struct mx_limits *shared;

static void *churn(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < 20000; i++) {
		bool w = limits_wait(shared, i % 2 ? me : 1);
		bool q = limits_question(shared);
		bool t = limits_tcp(shared, i % 2 ? me : 1) == LIMITS_TCP_OK;

		if (w)
			limits_wait_end(shared, i % 2 ? me : 1);
		if (q)
			limits_question_end(shared);
		if (t)
			limits_tcp_end(shared, i % 2 ? me : 1);
	}
	return NULL;
}

static void threads(void **state)
{
	char *sets[] = { total, each, tcp_total, tcp_each };
	pthread_t thread[THREADS];

	(void)state;
	shared = limits_with(sets, 4);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churn,
						(void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 16; i++) {
		assert_true(limits_question(shared));
		assert_true(limits_wait(shared, MX_LOOKUP_INTERNAL));
	}
	assert_false(limits_wait(shared, MX_LOOKUP_INTERNAL));
	assert_false(limits_question(shared));
	for (uint32_t i = 1; i <= 2; i++) {
		for (int j = 0; j < 3; j++)
			assert_int_equal(limits_tcp(shared, i), LIMITS_TCP_OK);
		assert_int_equal(limits_tcp(shared, i), LIMITS_TCP_CLIENT);
	}
	limits_free(shared);
}

/* As many as the rate at once, then one each time as much time has passed; a
 * quiet hour saves up no more. */
static void asked_ahead(void **state)
{
	char ten[] = "mail-prefetch-rate=10", most[] = "mail-prefetch-rate=1000000";
	char *sets[] = { ten };
	struct mx_limits *limits = limits_with(sets, 1);
	mx_instant now = 5;

	(void)state;
	for (int turn = 0; turn < 3; turn++, now += 3600000) {
		for (int i = 0; i < 10; i++)
			assert_true(limits_ahead(limits, now));
		assert_false(limits_ahead(limits, now));
		assert_false(limits_ahead(limits, now + 99));
		assert_true(limits_ahead(limits, now + 100));
		assert_false(limits_ahead(limits, now + 199));
		assert_true(limits_ahead(limits, now + 200));
		/* A clock that went back gives nothing. */
		assert_false(limits_ahead(limits, now));
	}
	limits_free(limits);

	sets[0] = most;
	limits = limits_with(sets, 1);
	for (int i = 0; i < 1000000; i++)
		assert_true(limits_ahead(limits, now));
	assert_false(limits_ahead(limits, now));
	for (int i = 0; i < 1000; i++)
		assert_true(limits_ahead(limits, now + 1));
	assert_false(limits_ahead(limits, now + 1));
	limits_free(limits);
}

/* Of a network, not of an address; past it some are told to use TCP. */
static void answer_rate(void **state)
{
	char rate[] = "rate-limit=10", slip[] = "rate-limit-slip=3";
	char none[] = "rate-limit=0";
	char *sets[] = { rate, slip };
	struct mx_limits *limits = limits_with(sets, 2);
	static const char *const same[] = { "192.0.2.1", "192.0.2.254" };
	struct sockaddr_storage other = peer_of("192.0.3.1"), peer;
	const struct sockaddr *p = (struct sockaddr *)&peer;
	unsigned count[3] = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++) {
		peer = peer_of(same[i % 2]);
		count[limits_rate(limits, p, 5)]++;
	}
	assert_int_equal(count[LIMITS_RATE_OK], 10);
	assert_int_equal(count[LIMITS_RATE_TRUNCATE], 10);
	assert_int_equal(count[LIMITS_RATE_DROP], 20);
	assert_int_equal(limits_rate(limits, (struct sockaddr *)&other, 5),
			 LIMITS_RATE_OK);
	assert_int_equal(limits_rate(limits, p, 5 + 100), LIMITS_RATE_OK);
	assert_int_not_equal(limits_rate(limits, p, 5 + 100), LIMITS_RATE_OK);
	limits_free(limits);

	sets[0] = none;
	limits = limits_with(sets, 1);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(limits_rate(limits, p, 5), LIMITS_RATE_OK);
	limits_free(limits);
}

static _Atomic unsigned budget;

static void *ask_ahead(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++)
		budget += limits_ahead(shared, 1000);
	return NULL;
}

/* The budget is one for all workers. */
static void asked_ahead_by_all(void **state)
{
	char rate[] = "mail-prefetch-rate=7000";
	char *sets[] = { rate };
	pthread_t thread[THREADS];

	(void)state;
	shared = limits_with(sets, 1);
	budget = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask_ahead,
						NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	/* A second's worth, but for what the nanoseconds of one are rounded by. */
	assert_in_range(budget, 7000, 7001);
	limits_free(shared);
}

static int done(void **state)
{
	(void)state;
	mx_config_clear(&config);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acl_by_default),
		cmocka_unit_test(longest_prefix_decides),
		cmocka_unit_test(parts_of_loopback),
		cmocka_unit_test(clients),
		cmocka_unit_test(waiting),
		cmocka_unit_test(questions),
		cmocka_unit_test(connections),
		cmocka_unit_test(shares),
		cmocka_unit_test(threads),
		cmocka_unit_test(asked_ahead),
		cmocka_unit_test(answer_rate),
		cmocka_unit_test(asked_ahead_by_all),
	};

	if (sodium_init() < 0)
		return 1;
	crypto_shorthash_keygen(front_hash_key);
	return cmocka_run_group_tests(tests, NULL, done);
}
