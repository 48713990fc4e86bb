/* UDP as sockets have it: batches, and from which address a reply leaves. What
 * is in replies is in tests/scenario. */
#include <arpa/inet.h>

#include "front_world.h"

static const uint8_t local_query[] = { /* localhost. A */
	0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o',
	's', 't', 0, 0, 1, 0, 1 };
static const uint8_t far_query[] = { /* a. A */
	0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1 };

/* Read all that the resolver was asked and say that it failed. */
static void fail_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	while (world_question(w, 0, &q, buf)) {
		struct mx_channel_answer a = {
			.id = q.id, .status = MX_CHANNEL_FAILED,
			.state = MX_INSECURE, .why = "",
			.packet = (const uint8_t *)"",
		};

		world_answer(w, 0, &a);
	}
	world_turn(w);
}

/* More than a batch, some at once and some later, all of them answered. */
static void batches(void **state)
{
	enum { EACH = 100 };
	struct world w;
	uint8_t query[sizeof local_query], reply[512];
	bool heard[2 * EACH] = { false };

	(void)state;
	world_begin(&w, NULL, 0);
	world_resolver_comes(&w, 0);
	int client = world_client(&w, 1, false);
	for (unsigned i = 0; i < 2 * EACH; i++) {
		bool local = i % 2;
		size_t len = local ? sizeof local_query : sizeof far_query;

		memcpy(query, local ? local_query : far_query, len);
		query[1] = (uint8_t)i;
		if (!local)
			query[13] = (uint8_t)('0' + i / 2 % 10);
		assert_int_equal(send(client, query, len, 0), len);
	}
	world_turn(&w);
	fail_all(&w);
	for (unsigned i = 0; i < 2 * EACH; i++) {
		assert_true(world_readable(&w, client));
		assert_true(recv(client, reply, sizeof reply, 0) > 12);
		assert_false(heard[reply[1]]);
		assert_int_equal(reply[3] & 15, reply[1] % 2
							? MX_RCODE_NOERROR
							: MX_RCODE_SERVFAIL);
		heard[reply[1]] = true;
	}
	assert_true(recv(client, reply, sizeof reply, MSG_DONTWAIT) < 0);
	assert_int_equal(world_count(&w, "misses"), 10);
	assert_int_equal(world_count(&w, "joined"), EACH - 10);
	close(client);
	world_end(&w);
}

/* There are containers without it. */
static void no_ipv6(struct world *w)
{
	world_free(w);
	skip();
}

/* As the supervisor makes it for a wildcard address. */
static struct sockaddr_storage listen_everywhere(struct world *w, int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage at = { .ss_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6);
	int on = 1;

	if (fd < 0)
		no_ipv6(w);
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	}
	if (bind(fd, (struct sockaddr *)&at, len) != 0) {
		close(fd);
		no_ipv6(w);
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	world_tell(w, WORKER_UDP, 0, fd);
	return at;
}

/* A connected socket hears only from the address it asked. */
static void ask_at(struct world *w, const struct sockaddr *to, socklen_t len)
{
	uint8_t reply[512];
	int client = socket(to->sa_family, SOCK_DGRAM, 0);

	if (connect(client, to, len) != 0) {
		close(client);
		no_ipv6(w);
	}
	assert_int_equal(send(client, local_query, sizeof local_query, 0),
			 sizeof local_query);
	assert_true(world_readable(w, client));
	assert_true(recv(client, reply, sizeof reply, 0) > 12);
	assert_int_equal(send(client, far_query, sizeof far_query, 0),
			 sizeof far_query);
	assert_true(world_readable(w, w->resolver[0]));
	fail_all(w);
	assert_true(world_readable(w, client));
	assert_true(recv(client, reply, sizeof reply, 0) > 12);
	world_pass(w, 1000); /* the failure */
	close(client);
}

static void replies_from_where_it_was_asked(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.5",
						 "127.9.9.9" };
	struct world w;

	(void)state;
	world_begin(&w, NULL, 0);
	world_resolver_comes(&w, 0);
	struct sockaddr_storage at = listen_everywhere(&w, AF_INET);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(inet_pton(AF_INET, addresses[i],
				&((struct sockaddr_in *)&at)->sin_addr), 1);
		ask_at(&w, (struct sockaddr *)&at, sizeof(struct sockaddr_in));
		world_pass(&w, 30000);
		/* The next one shares its buffers, and is bound to one. */
		ask_at(&w, (struct sockaddr *)&w.udp, sizeof w.udp);
		world_pass(&w, 30000);
	}
	assert_int_equal(world_count(&w, "send_errors"), 0);
	world_end(&w);
}

static void replies_over_ipv6(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, NULL, 0);
	world_resolver_comes(&w, 0);
	struct sockaddr_storage at = listen_everywhere(&w, AF_INET6);
	((struct sockaddr_in6 *)&at)->sin6_addr = in6addr_loopback;
	ask_at(&w, (struct sockaddr *)&at, sizeof(struct sockaddr_in6));
	assert_int_equal(world_count(&w, "send_errors"), 0);
	world_end(&w);
}

/* A client that sends from port 7 or 19 answers whatever it gets: a reply
 * would begin a loop. (Such a port needs a privilege, hence the address.) */
static void echo_ports(void **state)
{
	static const struct { uint16_t port; bool tcp; enum ask_outcome want; } rows[] = {
		{ 0, false, ASK_DROP },	 { 7, false, ASK_DROP },
		{ 19, false, ASK_DROP }, { 53, false, ASK_REPLY },
		{ 7, true, ASK_REPLY },	 { 65535, false, ASK_REPLY },
	};
	struct world w;
	uint8_t reply[MX_MESSAGE_MAX];
	struct ask ask;
	size_t len;

	(void)state;
	world_begin(&w, NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockaddr_in v4 = {
			.sin_family = AF_INET, .sin_port = htons(rows[i].port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		struct sockaddr_in6 v6 = {
			.sin6_family = AF_INET6, .sin6_port = htons(rows[i].port),
			.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		};

		assert_int_equal(ask_begin(w.worker, local_query,
					   sizeof local_query,
					   (struct sockaddr *)&v4, rows[i].tcp,
					   world_now, &ask, reply, &len),
				 rows[i].want);
		assert_int_equal(ask_begin(w.worker, local_query,
					   sizeof local_query,
					   (struct sockaddr *)&v6, rows[i].tcp,
					   world_now, &ask, reply, &len),
				 rows[i].want);
	}
	assert_int_equal(world_count(&w, "dropped"), 6);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches),
		cmocka_unit_test(replies_from_where_it_was_asked),
		cmocka_unit_test(replies_over_ipv6),
		cmocka_unit_test(echo_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
