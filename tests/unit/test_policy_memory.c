/* No allocation may fail in a way that a client notices as more than SERVFAIL or
 * silence: every one is made to, at the start and in each kind of request.
 * After each: no wrong answer was given, the same question asked again is
 * answered, nothing waits for ever, no place in a bound is lost; and, under the
 * address sanitizer, nothing has leaked. */
#include "policy_scene.h"

#include "fault_memory.h"

static void try_request(void (*before)(struct scene *),
			void (*request)(struct scene *))
{
	struct fault fault = { 0 };
	unsigned failed = 0;

	FAULT_EACH(fault) {
		struct scene s;

		begin(&s);
		if (before)
			before(&s);
		fault_arm(&fault);
		request(&s);
		fault_disarm();
		failed += s.failed;
		recover(&s, request);
		end(&s);
	}
	/* The last of each way has none that fails. */
	assert_true(fault.rounds > 2);
	print_message("%u rounds, SERVFAIL or its like %u times\n",
		      fault.rounds, failed);
}

#define REQUEST(name, before, request) \
	static void name(void **state) \
	{ \
		(void)state; \
		try_request(before, request); \
	}
REQUEST(udp_miss, NULL, udp)
REQUEST(tcp_miss, NULL, tcp)
REQUEST(tcp_hit, udp, tcp)
REQUEST(resolver_replaced, NULL, udp_resent)
REQUEST(refresh, NULL, udp_refreshed)
REQUEST(control_route, NULL, route)
#ifndef MX_SANITIZED
REQUEST(control_policy, NULL, policy_of)
#endif
REQUEST(policy_service, NULL, policy)

/* Nobody is left waiting: the resolver says nothing, the client hears all the
 * same, unless its query found no place at all. */
static void deadline(void **state)
{
	struct fault fault = { 0 };
	unsigned dropped = 0;

	(void)state;
	FAULT_EACH(fault) {
		struct scene s;
		uint8_t reply[512];

		begin(&s);
		s.udp = world_client(&s.w, 3, false);
		fault_arm(&fault);
		ask_udp(&s, "a.example.");
		/* Timers that could not be set are found by the heart. */
		world_pass(&s.w, 100);
		fault_disarm();
		world_pass(&s.w, 100);
		world_pass(&s.w, (mx_instant)s.w.config.query_deadline);
		ssize_t got = recv(s.udp, reply, sizeof reply, MSG_DONTWAIT);
		if (got > 0)
			judge(&s, "a.example.", reply, (size_t)got);
		dropped += got <= 0;
		if (got <= 0 && world_count(&s.w, "overloads") +
					world_count(&s.w, "dropped") == 0)
			fail_msg("allocation %u: waits for ever", fault.at);
		recover(&s, udp);
		end(&s);
	}
	print_message("%u rounds, no place %u times\n", fault.rounds, dropped);
}

/* A hit over UDP takes no memory at all. */
static void udp_hit(void **state)
{
	struct fault fault = { .at = 1, .lasting = true };
	struct scene s;

	(void)state;
	begin(&s);
	udp(&s);
	udp(&s); /* twice: it is noted for refresh */
	fault_arm(&fault);
	udp(&s);
	fault_disarm();
	assert_false(fault.happened);
	assert_int_equal(s.answered, 3);
	end(&s);
}

/* ---- the start ---- */

static bool start(struct scene *s, struct mx_config *config)
{
	const struct mx_cache_config cache = { .size_octets = 1 << 20,
					       .failure_ttl_min_s = 1,
					       .failure_ttl_max_s = 30 };
	struct world *w = &s->w;

	w->config = *config;
	if (mx_cache_new(&cache, &w->cache) != MX_OK) {
		w->cache = NULL;
		return false;
	}
	w->limits = limits_new(&w->config);
	w->local = local_new(&w->config);
	if (!w->limits || !w->local)
		return false;
	w->worker = worker_new(0, &w->config, w->cache, w->limits, w->local);
	return w->worker && services_make(s);
}

static void stop(struct scene *s)
{
	services_free(s);
	worker_free(s->w.worker);
	local_free(s->w.local);
	limits_free(s->w.limits);
	mx_cache_free(s->w.cache);
}

static int served[2]; /* UDP, TCP: ports */

static void give_sockets(struct worker *worker)
{
	for (int tcp = 0; tcp < 2; tcp++) {
		struct sockaddr_in at = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof at;
		int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) |
					 SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct worker_command command = {
			.verb = tcp ? WORKER_TCP : WORKER_UDP, .fd = fd };

		if (bind(fd, (struct sockaddr *)&at, len) != 0 ||
		    getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
		    (tcp && listen(fd, 5) != 0))
			fail_msg("no socket: %s", strerror(errno));
		served[tcp] = at.sin_port;
		worker_tell(worker, &command);
		for (int i = 0; i < 4; i++)
			event_base_loop(worker->base, EVLOOP_NONBLOCK);
	}
}

static void check_served(struct world *w)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = (in_port_t)served[0],
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	w->udp = to;
	w->tcp = to;
	w->tcp.sin_port = (in_port_t)served[1];
	close(world_client(w, 3, true));
	assert_true(world_counts(w, "tcp_accepted", 1));
	int fd = world_client(w, 3, false);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_true(world_counts(w, "queries", 1));
	close(fd);
}

static void load(struct mx_config *ret)
{
	static char forward[] = "forward-zone=corp.example 192.0.2.1",
		    warm[] = "keep-warm=example.com";
	char *sets[] = { forward, warm };
	char error[MX_CONFIG_ERROR_MAX];

	if (mx_config_load(ret, NULL, sets, 2, error) != MX_OK)
		fail_msg("%s", error);
}

static void starting(void **state)
{
	struct fault fault = { 0 };
	struct mx_config config;

	(void)state;
	load(&config);
	FAULT_EACH(fault) {
		struct scene s = { .answered = 0 };

		fault_arm(&fault);
		bool ok = start(&s, &config);
		if (ok)
			give_sockets(s.w.worker);
		fault_disarm();
		if (!fault.happened)
			assert_true(ok && !s.w.worker->failed);
		/* Served, or the supervisor hears of it. */
		if (ok && !s.w.worker->failed)
			check_served(&s.w);
		stop(&s);
	}
	mx_config_clear(&config);
}

static void configuration(void **state)
{
	struct fault fault = { 0 };

	(void)state;
	FAULT_EACH(fault) {
		static char forward[] = "forward-zone=corp.example 192.0.2.1",
			    warm[] = "keep-warm=example.com",
			    option[] = "resolver-option=verbosity: 1";
		char *sets[] = { forward, warm, option };
		char error[MX_CONFIG_ERROR_MAX] = "";
		struct mx_config config;

		fault_arm(&fault);
		enum mx_error err = mx_config_load(&config, NULL, sets, 3, error);
		fault_disarm();
		if (fault.happened)
			assert_true(err == MX_OK || error[0] != '\0');
		else
			assert_int_equal(err, MX_OK);
		mx_config_clear(&config);
	}
}

/* ---- the snapshot ---- */

static bool check_any(void *arg, const struct mx_key *key,
		      struct mx_answer *answer)
{
	(void)arg;
	(void)key;
	(void)answer;
	return true;
}

static struct mx_snapshot snapshot_at(const char *file)
{
	return (struct mx_snapshot){ .file = file, .check = check_any,
				     .now = world_now,
				     .wall_ms = mx_clock_wall_ms() };
}

static bool has(struct mx_cache *cache, const char *name)
{
	struct mx_name room;

	assert_int_equal(mx_name_from_text(name, &room), MX_OK);
	const struct mx_key key = { .qname = room.octets, .qname_len = room.len,
				    .qtype = MAIL, .qclass = MX_CLASS_IN };
	return mx_cache_has(cache, &key, world_now);
}

/* The old file stays, or there is a new one that is whole. */
static void saving(void **state)
{
	char folder[] = "/tmp/mx-memory-XXXXXX", file[64];
	struct fault fault = { 0 };
	struct scene s;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/cache", folder);
	begin(&s);
	udp(&s);
	FAULT_EACH(fault) {
		struct mx_snapshot snapshot = snapshot_at(file);
		struct mx_snapshot_saved saved;

		fault_arm(&fault);
		enum mx_error err = mx_snapshot_save(s.w.cache, &snapshot, &saved);
		fault_disarm();
		if (fault.happened)
			assert_int_equal(err, MX_E_NO_MEMORY);
		else
			assert_int_equal(err, MX_OK);
	}
	unlink(file);
	assert_int_equal(rmdir(folder), 0);
	end(&s);
}

/* What was loaded is right, what was not is asked for anew. */
static void loading(void **state)
{
	const struct mx_cache_config config = { .size_octets = 1 << 20,
						.will_load = true };
	char folder[] = "/tmp/mx-memory-XXXXXX", file[64];
	struct fault fault = { 0 };
	struct mx_snapshot_saved saved;
	struct scene s;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/cache", folder);
	struct mx_snapshot snapshot = snapshot_at(file);
	begin(&s);
	udp(&s);
	snapshot = snapshot_at(file);
	assert_int_equal(mx_snapshot_save(s.w.cache, &snapshot, &saved), MX_OK);
	assert_true(saved.records > 2);
	FAULT_EACH(fault) {
		struct mx_snapshot_loaded loaded;
		struct mx_cache *cache;

		assert_int_equal(mx_cache_new(&config, &cache), MX_OK);
		fault_arm(&fault);
		enum mx_snapshot_verdict verdict =
			mx_snapshot_load(cache, &snapshot, &loaded);
		fault_disarm();
		if (!fault.happened) {
			assert_int_equal(verdict, MX_SNAPSHOT_READ);
			assert_int_equal(loaded.loaded, saved.records);
			assert_true(has(cache, "a.example."));
		}
		assert_null(mx_cache_check(cache));
		mx_cache_free(cache);
	}
	unlink(file);
	assert_int_equal(rmdir(folder), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_hit),
		cmocka_unit_test(udp_miss),
		cmocka_unit_test(deadline),
		cmocka_unit_test(tcp_miss),
		cmocka_unit_test(tcp_hit),
		cmocka_unit_test(resolver_replaced),
		cmocka_unit_test(refresh),
		cmocka_unit_test(control_route),
#ifndef MX_SANITIZED /* on the way a route goes, it takes long */
		cmocka_unit_test(control_policy),
#endif
		cmocka_unit_test(policy_service),
		cmocka_unit_test(starting),
		cmocka_unit_test(configuration),
		cmocka_unit_test(saving),
		cmocka_unit_test(loading),
	};

#ifdef __SANITIZE_THREAD__
	return 0; /* there is one thread */
#endif
	fault_libraries();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
