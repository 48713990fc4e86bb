/* TCP when the system refuses: no descriptors, no memory. What peers do is in
 * tests/scenario. */
#include <sys/resource.h>

#include "front_world.h"
#include "front_zone.h"

/* libevent's memory comes from here; from fail_from octets on there is none. */
static size_t fail_from = SIZE_MAX;

static void *test_alloc(size_t len)
{
	return len >= fail_from ? NULL : malloc(len);
}

static void *test_resize(void *old, size_t len)
{
	return len >= fail_from ? NULL : realloc(old, len);
}

/* What the kernel has accepted for the listener is in the front's hands only
 * when the loop turns. */
static void no_descriptors(void **state)
{
	enum { IDLE = 40 };
	struct rlimit before, now;
	struct world w;
	int idle[IDLE], late[2];

	(void)state;
	world_begin(&w, NULL, 0);
	for (int i = 0; i < IDLE; i++) {
		idle[i] = world_client(&w, 1, true);
		world_turn(&w);
	}
	assert_int_equal(tcp_open(w.worker->tcp), IDLE);
	for (int i = 0; i < 2; i++)
		late[i] = world_client(&w, 2, true);

	int next = dup(late[0]); /* the lowest free number */
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	world_turn(&w);
	world_turn(&w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	/* One idle connection went for each that came, and no more. */
	assert_int_equal(tcp_open(w.worker->tcp), IDLE);
	assert_int_equal(world_count(&w, "tcp_accepted"), IDLE + 2);
	for (int i = 0; i < IDLE; i++) {
		char octet;
		ssize_t got = recv(idle[i], &octet, 1, MSG_DONTWAIT);

		assert_int_equal(got, i < 2 ? 0 : -1);
		close(idle[i]);
	}
	close(late[0]);
	close(late[1]);
	world_end(&w);
}

/* No descriptors and nobody to throw out: accepting pauses rather than spins,
 * and goes on. */
static void no_descriptors_nobody_idle(void **state)
{
	struct rlimit before, now;
	struct world w;

	(void)state;
	world_begin(&w, NULL, 0);
	int late = world_client(&w, 1, true);
	int next = dup(late);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	mx_log_init("test", MX_LOG_ERROR);
	world_turn(&w);
	assert_int_equal(tcp_open(w.worker->tcp), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	world_turn(&w); /* paused */
	assert_int_equal(tcp_open(w.worker->tcp), 0);
	world_pass(&w, 100);
	assert_int_equal(tcp_open(w.worker->tcp), 1);
	close(late);
	world_end(&w);
}

/* More in one segment than is served in one go. */
static void many_in_one_segment(void **state)
{
	enum { MANY = 300 };
	static const uint8_t query[] = { 0, 27, 0, 7, 1, 0, 0, 1, 0, 0, 0, 0,
					 0, 0, 9, 'l', 'o', 'c', 'a', 'l', 'h',
					 'o', 's', 't', 0, 0, 1, 0, 1 };
	static uint8_t all[MANY * sizeof query];
	struct world w;
	uint8_t reply[2 + 27 + 16];

	(void)state;
	world_begin(&w, NULL, 0);
	int client = world_client(&w, 1, true);
	for (size_t i = 0; i < MANY; i++) {
		memcpy(all + i * sizeof query, query, sizeof query);
		all[i * sizeof query + 2] = (uint8_t)(i >> 8);
		all[i * sizeof query + 3] = (uint8_t)i;
	}
	assert_int_equal(send(client, all, sizeof all, 0), sizeof all);
	shutdown(client, SHUT_WR);
	/* All are there at once: in the order in which they were asked. */
	for (size_t i = 0; i < MANY; i++) {
		assert_true(world_readable(&w, client));
		assert_int_equal(recv(client, reply, sizeof reply, MSG_WAITALL),
				 sizeof reply);
		assert_int_equal(reply[2] << 8 | reply[3], i);
	}
	assert_true(world_readable(&w, client));
	assert_int_equal(recv(client, reply, 1, 0), 0);
	close(client);
	assert_int_equal(world_count(&w, "local"), MANY);
	world_end(&w);
}

static void put_answer(struct world *w)
{
	static uint8_t octets[12 + 20000] = { 0xc0, 12, 2, 0x9a, 0, 1,
					      0, 0, 1, 0, 78, 32 };
	static const uint16_t ttl_at = 6;
	struct mx_answer answer = {
		.kind = MX_ANSWER_POSITIVE, .state = MX_INSECURE, .ttl_s = 256,
		.ede = MX_EDE_NONE, .why = "",
		.plain = { .octets = octets, .len = sizeof octets, .ancount = 1,
			   .ttl_at = &ttl_at, .ttl_count = 1 },
	};
	struct mx_key key = { (const uint8_t *)"\1a", 3, 666, 1 };

	answer.full = answer.plain;
	assert_true(mx_cache_put(w->cache, &key, &answer, mx_clock_now()));
}

/* A reply there is no memory for takes its connection with it: half of one
 * would be taken for the length of the next. */
static void no_memory_for_a_reply(void **state)
{
	static const uint8_t query[] = { 0, 19, 0, 7, 1, 0, 0, 1, 0, 0, 0, 0,
					 0, 0, 1, 'a', 0, 2, 0x9a, 0, 1 };
	struct world w;
	uint8_t octet;

	(void)state;
	world_begin(&w, NULL, 0);
	put_answer(&w);
	int client = world_client(&w, 1, true), other = world_client(&w, 2, true);
	world_turn(&w);
	assert_int_equal(tcp_open(w.worker->tcp), 2);
	fail_from = 8000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(client, query, sizeof query, 0),
				 sizeof query);
	world_turn(&w);
	fail_from = SIZE_MAX;
	assert_int_equal(tcp_open(w.worker->tcp), 1);
	assert_true(recv(client, &octet, 1, MSG_DONTWAIT) <= 0);
	assert_int_equal(send(other, query, sizeof query, 0), sizeof query);
	assert_true(world_readable(&w, other));
	close(client);
	close(other);
	world_turn(&w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(no_descriptors_nobody_idle),
		cmocka_unit_test(many_in_one_segment),
		cmocka_unit_test(no_memory_for_a_reply),
	};

	event_set_mem_functions(test_alloc, test_resize, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
