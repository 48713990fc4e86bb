/* The front's end of the pair to mxbound-fetcher; the test is the fetcher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/policy/fetches.h"

static struct event_base *base;
static struct fetches *fetches;
static int fetcher; /* the other end */

static int connect_fetcher(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_NONBLOCK |
					    SOCK_CLOEXEC, 0, pair), 0);
	fetches_connect(fetches, pair[0]);
	return pair[1];
}

static int set_up(void **state)
{
	(void)state;
	base = event_base_new();
	fetches = fetches_new(base);
	assert_non_null(fetches);
	fetcher = connect_fetcher();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fetches_free(fetches);
	event_base_free(base);
	if (fetcher >= 0)
		close(fetcher);
	return 0;
}

/* ---- what a caller hears ---- */

struct heard {
	unsigned times;
	enum mx_fetch_result result;
	char text[100];
	struct heard *then_start;  /* by the callback */
	struct fetch *then_cancel; /* likewise */
};

static struct fetch *start(const char *domain, struct heard *heard);

static void hear(void *arg, const struct mx_fetch_answer *answer)
{
	struct heard *heard = arg;

	heard->times++;
	heard->result = answer->result;
	snprintf(heard->text, sizeof heard->text, "%.*s",
		 (int)answer->text_len, answer->text);
	if (heard->then_cancel)
		fetch_cancel(heard->then_cancel);
	if (heard->then_start) {
		fetcher = connect_fetcher();
		assert_non_null(start("next.lab", heard->then_start));
	}
}

static struct fetch *start(const char *domain, struct heard *heard)
{
	struct sockaddr_storage at[1] = { { .ss_family = AF_INET } };
	struct mx_name name;

	assert_int_equal(mx_name_from_text(domain, &name), MX_OK);
	return fetch_start(fetches, &name, at, 1, hear, heard);
}

static void run(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* ---- what the fetcher does ---- */

static struct mx_fetch_request take(uint8_t buf[MX_FETCH_REQUEST_MAX])
{
	struct mx_fetch_request r;
	ssize_t len = recv(fetcher, buf, MX_FETCH_REQUEST_MAX, 0);

	assert_true(len > 0);
	assert_int_equal(mx_fetch_unpack_request(buf, (size_t)len, &r), MX_OK);
	return r;
}

static uint32_t take_id(void)
{
	uint8_t buf[MX_FETCH_REQUEST_MAX];

	return take(buf).id;
}

static void say(uint32_t id, enum mx_fetch_result result, const char *text)
{
	static uint8_t buf[MX_FETCH_ANSWER_MAX];
	struct mx_fetch_answer a = {
		.result = result, .detail = "because", .detail_len = 7,
		.text = text, .text_len = (uint32_t)strlen(text),
	};
	size_t len = mx_fetch_pack_answer(id, &a, buf);

	assert_int_equal(send(fetcher, buf, len, MSG_NOSIGNAL), len);
}

/* ---- tests ---- */

static void request_and_answer(void **state)
{
	(void)state;
	uint8_t buf[MX_FETCH_REQUEST_MAX];
	struct sockaddr_storage at[3] = { { 0 } };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at[0];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&at[2];
	struct heard heard = { 0 };
	struct mx_name name;

	*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = 25 };
	inet_pton(AF_INET6, "2001:2::1", &v6->sin6_addr);
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, "198.18.0.1", &v4->sin_addr);
	assert_int_equal(mx_name_from_text("Sub.Healthy-1.LAB.", &name), MX_OK);
	assert_non_null(fetch_start(fetches, &name, at, 3, hear, &heard));

	struct mx_fetch_request r = take(buf);

	assert_int_equal(r.domain_len, 17);
	assert_memory_equal(r.domain, "sub.healthy-1.lab", 17);
	assert_int_equal(r.count, 2); /* the one between is no address */
	assert_int_equal(r.address[0].family, 6);
	assert_memory_equal(r.address[0].octets, &v6->sin6_addr, 16);
	assert_int_equal(r.address[1].family, 4);
	assert_memory_equal(r.address[1].octets, &v4->sin_addr, 4);

	say(r.id, MX_FETCH_OK, "version: STSv1");
	assert_int_equal(heard.times, 0);
	run();
	assert_int_equal(heard.times, 1);
	assert_int_equal(heard.result, MX_FETCH_OK);
	assert_string_equal(heard.text, "version: STSv1");
	say(r.id, MX_FETCH_OK, "once more");
	run();
	assert_int_equal(heard.times, 1);
}

static void more_addresses_than_are_used(void **state)
{
	(void)state;
	uint8_t buf[MX_FETCH_REQUEST_MAX];
	struct sockaddr_storage at[20];
	struct heard heard = { 0 };
	struct mx_name name;

	for (unsigned i = 0; i < 20; i++) {
		at[i] = (struct sockaddr_storage){ .ss_family = AF_INET };
		((struct sockaddr_in *)&at[i])->sin_addr.s_addr = htonl(i);
	}
	assert_int_equal(mx_name_from_text("a.lab", &name), MX_OK);
	assert_non_null(fetch_start(fetches, &name, at, 20, hear, &heard));

	struct mx_fetch_request r = take(buf);

	assert_int_equal(r.count, MX_FETCH_ADDRESSES_MAX);
	assert_memory_equal(r.address[7].octets, "\0\0\0\7", 4);
}

static void domains_that_cannot_be_asked(void **state)
{
	static const char *const names[] = {
		".", "a\\.b.lab", "_x.lab", "a b.lab", "\\000.lab", "-a.lab",
		"*.lab",
	};
	struct heard heard = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (start(names[i], &heard))
			fail_msg("%s", names[i]);
	assert_true(fetches_room(fetches));
	run();
	assert_int_equal(heard.times, 0);
}

static void answers_in_any_order(void **state)
{
	(void)state;
	struct heard a = { 0 }, b = { 0 };

	start("a.lab", &a);
	start("b.lab", &b);

	uint32_t first = take_id(), second = take_id();

	assert_true(first != second);
	say(second, MX_FETCH_STATUS, "");
	run();
	assert_int_equal(a.times, 0);
	assert_int_equal(b.times, 1);
	assert_int_equal(b.result, MX_FETCH_STATUS);
	say(first, MX_FETCH_OK, "text");
	run();
	assert_int_equal(a.times, 1);
}

static void no_more_than_so_many(void **state)
{
	(void)state;
	struct heard heard = { 0 };

	for (unsigned i = 0; i < FETCHES_MAX; i++) {
		assert_true(fetches_room(fetches));
		assert_non_null(start("a.lab", &heard));
	}
	assert_false(fetches_room(fetches));
	assert_null(start("a.lab", &heard));
	say(take_id(), MX_FETCH_OK, "");
	run();
	assert_true(fetches_room(fetches));
	assert_non_null(start("a.lab", &heard));
	assert_int_equal(heard.times, 1);
}

/* One that takes long makes way: the fetcher ends it, and until that is heard it
 * is one more. */
static void old_ones_make_way(void **state)
{
	(void)state;
	struct heard old = { 0 }, young = { 0 };
	uint32_t oldest;

	for (unsigned i = 0; i < FETCHES_MAX; i++)
		assert_non_null(start("a.lab", &old));
	assert_false(fetches_room(fetches));
	fetches_set_timeout(fetches, 0); /* so they are old at once */
	assert_non_null(start("b.lab", &young));
	oldest = take_id();
	for (unsigned i = 0; i < FETCHES_MAX - 1; i++)
		take_id();
	say(oldest, MX_FETCH_TIMEOUT, "");
	say(take_id(), MX_FETCH_OK, "");
	run();
	assert_int_equal(old.times, 1);
	assert_int_equal(young.times, 1);
	/* A fetcher that never says so does not have us ask for ever. */
	for (unsigned i = 0; i < FETCHES_MAX + 1; i++)
		assert_non_null(start("c.lab", &young));
	assert_false(fetches_room(fetches));
	assert_null(start("c.lab", &young));
}

/* The fetcher goes on with it, so its place is not free yet. */
static void cancelled(void **state)
{
	(void)state;
	struct heard heard = { 0 }, other = { 0 };
	struct fetch *fetch = start("a.lab", &heard);

	for (unsigned i = 1; i < FETCHES_MAX; i++)
		start("b.lab", &other);
	fetch_cancel(fetch);
	assert_false(fetches_room(fetches));
	say(take_id(), MX_FETCH_OK, "");
	run();
	assert_true(fetches_room(fetches));
	assert_int_equal(heard.times, 0);
	assert_int_equal(other.times, 0);
}

static void fetcher_ends(void **state)
{
	(void)state;
	struct heard a = { 0 }, b = { 0 }, c = { 0 };

	start("a.lab", &a);
	start("b.lab", &b);
	fetch_cancel(start("c.lab", &c));
	say(take_id(), MX_FETCH_OK, "last words");
	close(fetcher);
	fetcher = -1;
	run();
	assert_int_equal(a.times, 1);
	assert_int_equal(a.result, MX_FETCH_OK);
	assert_int_equal(b.times, 1);
	assert_int_equal(b.result, MX_FETCH_FETCHER_GONE);
	assert_int_equal(c.times, 0);
	assert_false(fetches_room(fetches));
	assert_null(start("a.lab", &a));

	fetcher = connect_fetcher();
	assert_non_null(start("a.lab", &a));
	say(take_id(), MX_FETCH_OK, "");
	run();
	assert_int_equal(a.times, 2);
}

/* It is gone, but nobody has read that yet. */
static void start_after_its_end(void **state)
{
	(void)state;
	struct heard before = { 0 }, after = { 0 };

	start("a.lab", &before);
	close(fetcher);
	fetcher = -1;
	assert_null(start("a.lab", &after));
	assert_int_equal(before.times, 0);
	run();
	assert_int_equal(before.times, 1);
	assert_int_equal(before.result, MX_FETCH_FETCHER_GONE);
	assert_int_equal(after.times, 0);
}

static void replaced(void **state)
{
	(void)state;
	struct heard a = { 0 }, b = { 0 };
	int old = fetcher;

	start("a.lab", &a);
	start("b.lab", &b);
	say(take_id(), MX_FETCH_OK, "in time");
	fetcher = connect_fetcher();
	assert_int_equal(a.times, 1);
	assert_int_equal(a.result, MX_FETCH_OK);
	assert_int_equal(b.times, 1);
	assert_int_equal(b.result, MX_FETCH_FETCHER_GONE);
	close(old);
	run();
	assert_true(fetches_room(fetches));
}

static void garbage(void **state)
{
	static const char *const messages[] = {
		"x", "\0\0\0\0\x63\0\0", "\0\0\0\0\1\0\1\n",
	};
	static const size_t len[] = { 1, 7, 8 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct heard heard = { 0 };

		start("a.lab", &heard);
		take_id();
		send(fetcher, messages[i], len[i], MSG_NOSIGNAL);
		run();
		assert_int_equal(heard.times, 1);
		assert_int_equal(heard.result, MX_FETCH_FETCHER_GONE);
		/* The next message may be a good one. */
		assert_non_null(start("a.lab", &heard));
		say(take_id(), MX_FETCH_OK, "");
		run();
		assert_int_equal(heard.times, 2);
		assert_int_equal(heard.result, MX_FETCH_OK);
	}
}

static void longer_than_any_answer(void **state)
{
	(void)state;
	static uint8_t octets[MX_FETCH_ANSWER_MAX + 100];
	struct heard heard = { 0 };

	start("a.lab", &heard);
	octets[3] = (uint8_t)take_id();
	send(fetcher, octets, sizeof octets, MSG_NOSIGNAL);
	run();
	assert_int_equal(heard.times, 1);
	assert_int_equal(heard.result, MX_FETCH_FETCHER_GONE);
}

static void answer_to_nothing(void **state)
{
	(void)state;
	struct heard heard = { 0 };

	start("a.lab", &heard);
	say(take_id() + 1, MX_FETCH_OK, "");
	run();
	assert_int_equal(heard.times, 0);
}

static void run_until_heard(const struct heard *heard)
{
	while (heard->times == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

static void silent_fetcher(void **state)
{
	(void)state;
	struct heard heard = { 0 };

	/* Beside a cancelled one, whose place is free again then. */
	fetches_set_timeout(fetches, 0);
	fetch_cancel(start("b.lab", &heard));
	start("a.lab", &heard);
	run_until_heard(&heard);
	assert_int_equal(heard.times, 1);
	assert_int_equal(heard.result, MX_FETCH_TIMEOUT);
	take_id();
	say(take_id(), MX_FETCH_OK, "too late");
	run();
	assert_int_equal(heard.times, 1);
}

/* A fetcher that does not read: what it cannot take is not started. */
static void full_pair(void **state)
{
	struct heard heard = { 0 };
	int small = 1;
	int pair[2];
	unsigned started = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	fetches_connect(fetches, pair[0]);
	close(fetcher);
	fetcher = pair[1];
	while (start("a.lab", &heard))
		started++;
	assert_true(started < FETCHES_MAX);
	assert_true(fetches_room(fetches));
	for (unsigned i = 0; i < started; i++)
		say(take_id(), MX_FETCH_OK, "");
	while (heard.times < started)
		run();
	assert_non_null(start("a.lab", &heard));
}

static void callbacks_that_start_and_cancel(void **state)
{
	(void)state;
	struct heard next = { 0 }, b = { 0 }, a = { .then_start = &next };
	int old = fetcher;

	start("a.lab", &a);
	a.then_cancel = start("b.lab", &b);
	close(old);
	run();
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 0);
	assert_int_equal(next.times, 0);
	say(take_id(), MX_FETCH_OK, "");
	run();
	assert_int_equal(next.times, 1);
	assert_int_equal(next.result, MX_FETCH_OK);
}

static void freed_with_some_in_flight(void **state)
{
	(void)state;
	struct heard heard = { 0 };

	start("a.lab", &heard);
	fetches_free(fetches);
	assert_int_equal(heard.times, 0);
	fetches = NULL;
	fetches_free(fetches);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_and_answer),
		TEST(more_addresses_than_are_used),
		TEST(domains_that_cannot_be_asked),
		TEST(answers_in_any_order),
		TEST(no_more_than_so_many),
		TEST(old_ones_make_way),
		TEST(cancelled),
		TEST(fetcher_ends),
		TEST(start_after_its_end),
		TEST(replaced),
		TEST(garbage),
		TEST(longer_than_any_answer),
		TEST(answer_to_nothing),
		TEST(silent_fetcher),
		TEST(full_pair),
		TEST(callbacks_that_start_and_cancel),
		TEST(freed_with_some_in_flight),
	};

	return cmocka_run_group_tests_name("policy_fetches", tests, NULL,
					   NULL);
}
