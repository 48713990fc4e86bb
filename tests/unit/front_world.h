/* front_world.h - a worker of the front with its clients, its resolvers and
 * its clock in a test's hand.
 *
 * Real: udp.c, tcp.c, query.c, the lookups, upstream.c, worker.c, the cache, the
 * sockets of clients and the pair to each resolver. The test plays the
 * clients, the resolvers and the supervisor, and turns the event loop itself,
 * so nothing happens between two of its steps that it did not ask for.
 *
 * Time: mx_clock_now() is defined here, so clock.o is not linked. Timers of
 * the event loop run on real time; world_pass() therefore wakes them all,
 * which they must bear anyhow: each looks at the clock before it acts.
 */
#ifndef FRONT_WORLD_H
#define FRONT_WORLD_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/front/front.h"
#include "mx_log.h"

#define WORLD_WALL_MS 1700000000000 /* at the beginning of each world */

static mx_instant world_now = 1000000;
static int64_t world_wall_ahead_ms = WORLD_WALL_MS;

mx_instant mx_clock_now(void)
{
	return world_now;
}

int64_t mx_clock_us(void)
{
	return world_now * 1000;
}

int64_t mx_clock_wall_ms(void)
{
	return world_now + world_wall_ahead_ms;
}

#define WORLD_RESOLVERS 4

struct world {
	struct mx_config config;
	struct mx_cache *cache;
	struct mx_limits *limits;
	struct mx_local *local;
	struct worker *worker;
	struct sockaddr_in udp, tcp;
	int resolver[WORLD_RESOLVERS]; /* our end of each pair; -1: dead */
	int channel_octets;	       /* SO_SNDBUF of the front's end, or 0 */
	bool ended;		       /* the worker's loop was left */
};

/* ---- the loop ---- */

static inline void world_turn(struct world *w)
{
	/* What one callback sets off, others see in the next rounds; the
	 * longest way (accept, read, answer, written) takes four. */
	for (int i = 0; i < 8 && !w->ended; i++) {
		event_base_loop(w->worker->base, EVLOOP_NONBLOCK);
		w->ended = event_base_got_break(w->worker->base);
	}
}

/* Turn until fd is readable; false after ten seconds, so never in a test that
 * passes. */
static inline bool world_readable(struct world *w, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	time_t end = time(NULL) + 10;

	do {
		world_turn(w);
		if (poll(&p, 1, 0) == 1)
			return true;
	} while (time(NULL) < end);
	return false;
}

static inline uint64_t world_count(const struct world *w, const char *name)
{
	for (unsigned i = 0; i < mx_counter_row_count; i++)
		if (strcmp(mx_counter_rows[i].name, name) == 0)
			return *(const _Atomic uint64_t
					 *)((const char *)&w->worker->counters +
					    mx_counter_rows[i].offset);
	fail_msg("no counter %s", name);
	return 0;
}

static inline bool world_counts(struct world *w, const char *name,
				uint64_t least)
{
	time_t end = time(NULL) + 10;

	do {
		world_turn(w);
		if (world_count(w, name) >= least)
			return true;
	} while (time(NULL) < end);
	return false;
}

/* ---- time ---- */

struct world_timers {
	struct event *at[4096];
	unsigned count;
};

static inline int world_collect(const struct event_base *base,
				const struct event *event, void *arg)
{
	struct world_timers *timers = arg;

	(void)base;
	if (event_get_fd(event) == -1 && timers->count < 4096 &&
	    event_pending(event, EV_TIMEOUT, NULL))
		timers->at[timers->count++] = (struct event *)(uintptr_t)event;
	return 0;
}

static inline void world_pass(struct world *w, mx_instant ms)
{
	struct world_timers timers = { .count = 0 };

	world_turn(w);
	world_now += ms;
	event_base_foreach_event(w->worker->base, world_collect, &timers);
	for (unsigned i = 0; i < timers.count; i++)
		event_active(timers.at[i], EV_TIMEOUT, 0);
	world_turn(w);
}

/* ---- resolvers ---- */

static inline void world_tell(struct world *w, enum worker_verb verb,
			      unsigned resolver, int fd)
{
	struct worker_command command = { .verb = verb, .index = resolver,
					  .fd = fd };

	worker_tell(w->worker, &command);
	world_turn(w);
}

static inline void world_resolver_dies(struct world *w, unsigned i)
{
	assert_true(w->resolver[i] >= 0);
	close(w->resolver[i]);
	w->resolver[i] = -1;
}

/* A new pair, as the supervisor hands it over: the old one, if there still is
 * one, is replaced. */
static inline void world_resolver_comes(struct world *w, unsigned i)
{
	int pair[2], old = w->resolver[i];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	if (w->channel_octets)
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &w->channel_octets,
			   sizeof w->channel_octets);
	w->resolver[i] = pair[0];
	world_tell(w, WORKER_CHANNEL, i, pair[1]);
	if (old >= 0)
		close(old);
}

/* The next question that the front has sent; false: none is there. qname in
 * *q points into buf. */
static inline bool world_question(struct world *w, unsigned resolver,
				  struct mx_channel_question *q,
				  uint8_t buf[MX_CHANNEL_QUESTION_MAX])
{
	ssize_t got = recv(w->resolver[resolver], buf, MX_CHANNEL_QUESTION_MAX,
			   MSG_DONTWAIT);

	if (got <= 0)
		return false;
	assert_int_equal(mx_channel_unpack_question(buf, (size_t)got, q),
			 MX_OK);
	return true;
}

static inline void world_send(struct world *w, unsigned resolver,
			      const void *octets, size_t len)
{
	assert_int_equal(send(w->resolver[resolver], octets, len, MSG_NOSIGNAL),
			 len);
}

static inline void world_answer(struct world *w, unsigned resolver,
				struct mx_channel_answer *a)
{
	static uint8_t buf[MX_CHANNEL_DATAGRAM_MAX];
	size_t len = mx_channel_pack_answer_head(a, buf + MX_CHANNEL_LEN);

	mx_channel_pack_len(len + a->packet_len, buf);
	len += MX_CHANNEL_LEN;
	memcpy(buf + len, a->packet, a->packet_len);
	world_send(w, resolver, buf, len + a->packet_len);
}

/* ---- clients ---- */

/* Client n has address 127.0.0.n. */
static inline int world_client(struct world *w, unsigned n, bool tcp)
{
	int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + n),
	};
	struct sockaddr_in to = tcp ? w->tcp : w->udp;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	/* What a test sends is to be there, not to wait for an ACK. */
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
			   sizeof(int));
	return fd;
}

static inline struct sockaddr_in world_listen(struct world *w, bool tcp)
{
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) |
					 SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof at;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	if (tcp)
		assert_int_equal(listen(fd, 64), 0);
	world_tell(w, tcp ? WORKER_TCP : WORKER_UDP, 0, fd);
	return at;
}

/* ---- begin and end ---- */

/* Whether one of sets is about the same key. */
static inline bool world_sets(char *const *sets, size_t count, const char *set)
{
	size_t len = strcspn(set, "=") + 1;

	for (size_t i = 0; i < count; i++)
		if (strncmp(sets[i], set, len) == 0)
			return true;
	return false;
}

/* sets: "key=value" of the configuration. Nothing is asked ahead unless they
 * say so: else most worlds would have to expect what is none of their matter. */
static inline void world_begin(struct world *w, char *const *sets,
			       size_t set_count)
{
	static char small[4][20] = { "workers=1", "resolvers=1",
				     "cache-size=1m", "mail-prefetch=no" };
	char error[MX_CONFIG_ERROR_MAX];
	char *all[64];
	size_t count = 0;

	assert_true(set_count < 60);
	for (size_t i = 0; i < 4; i++)
		if (!world_sets(sets, set_count, small[i]))
			all[count++] = small[i];
	for (size_t i = 0; i < set_count; i++)
		all[count++] = sets[i];
	memset(w, 0, sizeof *w);
	world_wall_ahead_ms = WORLD_WALL_MS - world_now;
	mx_log_init("test", MX_LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	assert_true(sodium_init() >= 0);
	if (mx_config_load(&w->config, NULL, all, count, error) != MX_OK)
		fail_msg("%s", error);

	struct mx_cache_config cache = {
		.size_octets = w->config.cache_size,
		.failure_ttl_min_s = (uint32_t)w->config.failure_ttl_min,
		.failure_ttl_max_s = (uint32_t)w->config.failure_ttl_max,
		.stale_max_s = stale_max_s(&w->config),
		.refresh_hits = w->config.refresh ? REFRESH_HITS : 0,
	};
	assert_int_equal(mx_cache_new(&cache, &w->cache), MX_OK);
	assert_non_null(w->limits = limits_new(&w->config));
	assert_non_null(w->local = local_new(&w->config));
	assert_non_null(w->worker = worker_new(0, &w->config, w->cache,
					       w->limits, w->local));
	w->udp = world_listen(w, false);
	w->tcp = world_listen(w, true);
	for (unsigned i = 0; i < WORLD_RESOLVERS; i++)
		w->resolver[i] = -1;
}

/* A bound that is whole again takes exactly as many as it says. */
static inline void world_check_limits(struct world *w)
{
	uint32_t count = 0;

	while (limits_wait(w->limits, MX_LOOKUP_INTERNAL))
		count++;
	assert_int_equal(count, w->config.in_flight_max);
	while (count-- > 0)
		limits_wait_end(w->limits, MX_LOOKUP_INTERNAL);
	for (count = 0; limits_question(w->limits);)
		count++;
	assert_int_equal(count, w->config.in_flight_max);
	while (count-- > 0)
		limits_question_end(w->limits);
	for (unsigned n = 1; n < 32; n++) {
		struct sockaddr_in from = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + n),
		};
		uint32_t client = limits_client(w->limits,
						(struct sockaddr *)&from);
		uint64_t most = w->config.in_flight_client_max;

		for (count = 0; limits_wait(w->limits, client);)
			count++;
		assert_int_equal(count, most < w->config.in_flight_max
						? most
						: w->config.in_flight_max);
		while (count-- > 0)
			limits_wait_end(w->limits, client);
		most = w->config.tcp_connections_client_max;
		for (count = 0; limits_tcp(w->limits, client) == LIMITS_TCP_OK;)
			count++;
		assert_int_equal(count, most < w->config.tcp_connections_max
						? most
						: w->config.tcp_connections_max);
		while (count-- > 0)
			limits_tcp_end(w->limits, client);
	}
}

static inline void world_check_counters(const struct world *w)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mx_counter_row_count; i++)
		if (mx_counter_rows[i].is_class)
			sum += world_count(w, mx_counter_rows[i].name);
	assert_int_equal(sum, world_count(w, "queries"));
}

static inline void world_free(struct world *w)
{
	for (unsigned i = 0; i < WORLD_RESOLVERS; i++)
		if (w->resolver[i] >= 0)
			close(w->resolver[i]);
	worker_free(w->worker);
	local_free(w->local);
	limits_free(w->limits);
	mx_cache_free(w->cache);
	mx_config_clear(&w->config);
}

/* All clients are gone and nobody waits: then nothing may be left. */
static inline void world_end(struct world *w)
{
	/* It would go on for ever. */
	warm_free(w->worker->warm);
	w->worker->warm = NULL;
	world_turn(w);
	assert_int_equal(lookups_waiting(w->worker->lookups), 0);
	world_check_counters(w);
	if (w->ended) {
		worker_free(w->worker);
		w->worker = NULL;
	} else {
		uint64_t refreshes;

		/* What is due by now is asked again, and ends in its turn. */
		do {
			refreshes = world_count(w, "refreshes");
			world_pass(w, (mx_instant)w->config.question_lifetime *
					      1000);
			world_pass(w, (mx_instant)w->config.tcp_idle_timeout + 1);
		} while (world_count(w, "refreshes") != refreshes);
		assert_int_equal(tcp_open(w->worker->tcp), 0);
		assert_int_equal(lookups_waiting(w->worker->lookups), 0);
		world_check_counters(w);
	}
	world_check_limits(w);
	const char *broken = mx_cache_check(w->cache);
	if (broken)
		fail_msg("cache: %s", broken);
	world_free(w);
}

#endif
