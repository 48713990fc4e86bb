/* Does IPv6 work? Asked of sockets of our own, on ::1. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolver_local.h"

/* 12 octets of header, the question . NS IN */
#define RESPONSE(flags) \
	{ 0x12, 0x34, (flags) >> 8, (flags) & 255, 0, 1, 0, 0, 0, 0, 0, 0, \
	  0, 0, 2, 0, 1 }
#define RESPONSE_LEN 17

static void responses(void **state)
{
	static const struct {
		const char *why;
		uint8_t packet[RESPONSE_LEN];
		bool want;
	} cases[] = {
		{ "answer", RESPONSE(0x8400), true },
		{ "REFUSED: packets got through", RESPONSE(0x8005), true },
		{ "truncated", RESPONSE(0x8600), true },
		{ "a query", RESPONSE(0x0000), false },
		{ "another opcode", RESPONSE(0x9000), false },
		{ "another question",
		  { 0x12, 0x34, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1 },
		  false },
		{ "two questions",
		  { 0x12, 0x34, 0x84, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 },
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (mx_probe_response_ok(cases[i].packet, RESPONSE_LEN,
					 0x1234) != cases[i].want)
			fail_msg("%s", cases[i].why);
		assert_false(mx_probe_response_ok(cases[i].packet,
						  RESPONSE_LEN, 0x1235));
		for (size_t cut = 0; cut < RESPONSE_LEN; cut++) {
			uint8_t *part = malloc(cut ? cut : 1);

			memcpy(part, cases[i].packet, cut);
			assert_false(mx_probe_response_ok(part, cut, 0x1234));
			free(part);
		}
	}
}

/* A server on ::1: what it does with a query. */
enum manner { ANSWERS, SILENT, LIES_THEN_ANSWERS, CLOSED };

struct scene {
	struct event_base *base;
	int server;
	enum manner manner;
	struct event *readable;
	unsigned queries, verdicts;
	bool works, recursive;
};

static void server_readable(evutil_socket_t fd, short what, void *arg)
{
	struct scene *s = arg;
	uint8_t packet[512];
	struct sockaddr_in6 from;
	socklen_t len = sizeof from;
	ssize_t n = recvfrom(fd, packet, sizeof packet, 0, (void *)&from, &len);

	(void)what;
	assert_int_equal(n, RESPONSE_LEN);
	s->queries++;
	s->recursive = packet[2] & 1;
	if (s->manner == SILENT)
		return;
	packet[2] |= 0x80;
	if (s->manner == LIES_THEN_ANSWERS) {
		packet[0] ^= 1;
		sendto(fd, packet, (size_t)n, 0, (void *)&from, len);
		packet[0] ^= 1;
		sendto(fd, packet, 3, 0, (void *)&from, len);
		sendto(fd, packet, 0, 0, (void *)&from, len);
	}
	sendto(fd, packet, (size_t)n, 0, (void *)&from, len);
}

static void found(void *arg, bool works)
{
	struct scene *s = arg;

	s->verdicts++;
	s->works = works;
	event_base_loopbreak(s->base);
}

/* Returns how long the verdict took, in ms. */
static int64_t probe(struct scene *s, enum manner manner, bool recursive)
{
	struct mx_addresses targets = { .count = 1 };
	struct sockaddr_in6 *sa = (void *)&targets.at[0];
	socklen_t len = sizeof *sa;
	struct timeval limit = { 10, 0 };
	struct mx_ipv6 *ipv6;
	mx_instant start;

	*s = (struct scene){ .base = event_base_new(), .manner = manner };
	s->server = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sa->sin6_family = AF_INET6;
	sa->sin6_addr = in6addr_loopback;
	if (s->server < 0 || bind(s->server, (void *)sa, sizeof *sa) < 0)
		return -1;
	assert_int_equal(getsockname(s->server, (void *)sa, &len), 0);
	if (manner == CLOSED)
		close(s->server);
	else {
		s->readable = event_new(s->base, s->server,
					EV_READ | EV_PERSIST, server_readable,
					s);
		event_add(s->readable, NULL);
	}
	ipv6 = mx_ipv6_new(s->base, &targets, recursive, 3600, found, s);
	start = mx_clock_now();
	event_base_loopexit(s->base, &limit);
	event_base_dispatch(s->base);
	start = mx_clock_now() - start;
	mx_ipv6_free(ipv6);
	if (s->readable) {
		event_free(s->readable);
		close(s->server);
	}
	event_base_free(s->base);
	assert_int_equal(s->verdicts, 1);
	return start;
}

static void probes(void **state)
{
	struct scene s;

	(void)state;
	if (probe(&s, ANSWERS, false) < 0)
		skip(); /* no ::1 here */
	assert_true(s.works);
	assert_int_equal(s.queries, 1);
	assert_false(s.recursive);

	assert_true(probe(&s, ANSWERS, true) < 1000);
	assert_true(s.recursive);

	assert_true(probe(&s, LIES_THEN_ANSWERS, false) < 1000);
	assert_true(s.works);
	assert_int_equal(s.queries, 1);

	int64_t took = probe(&s, SILENT, false);
	assert_false(s.works);
	assert_int_equal(s.queries, 2);
	assert_true(took >= 1900 && took < 5000);

	assert_true(probe(&s, CLOSED, false) < 1000);
	assert_false(s.works);
}

static void routes(void **state)
{
	struct mx_addresses all = { .count = 2 };
	struct sockaddr_in *v4 = (void *)&all.at[0];

	(void)state;
	v4->sin_family = AF_INET;
	v4->sin_port = htons(53);
	v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	all.at[1].ss_family = AF_INET6; /* ::, port 0 */
	assert_true(mx_route_exists(&all, AF_INET));
	all.count = 0;
	assert_false(mx_route_exists(&all, AF_INET));
	/* 255.255.255.255 cannot be had without SO_BROADCAST: no route. */
	all.count = 1;
	v4->sin_addr.s_addr = INADDR_BROADCAST;
	assert_false(mx_route_exists(&all, AF_INET));
	assert_false(mx_route_exists(&all, AF_INET6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses),
		cmocka_unit_test(probes),
		cmocka_unit_test(routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
