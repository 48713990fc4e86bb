/* No allocation may fail in a way that a client notices as more than SERVFAIL or
 * silence: every one is made to, at the start and in each kind of request.
 * After each: no wrong answer was given, the same question asked again is
 * answered, nothing waits for ever, no place in a bound is lost; and, under the
 * address sanitizer, nothing has leaked. */
#include "front_world.h"
#include "front_zone.h"

#include <sys/un.h>

#include "../../src/admin/control.h"
#include "../../src/policy/server.h"
#include "fault_memory.h"

enum { MAIL = MX_TYPE_MX, ID = 0x1234 };

/* A Unix socket without a name of its own. */
struct unix_end {
	struct sockaddr_un at;
	socklen_t len;
};

/* A worker with all services, and clients of each. */
struct scene {
	struct world w;
	struct route_asks *asks;
	struct control *control;
	struct policy_server *policy;
	struct unix_end ctl_at, map_at;
	int udp, tcp, ctl, map;
	unsigned answered, failed; /* replies so far */
};

static enum mx_acl_action anybody(const void *arg, const struct sockaddr *peer)
{
	(void)arg;
	(void)peer;
	return MX_ACL_ALLOW;
}

static void services_free(struct scene *s)
{
	control_free(s->control);
	policy_server_free(s->policy);
	route_asks_free(s->asks);
	s->control = NULL;
	s->policy = NULL;
	s->asks = NULL;
}

static bool services_make(struct scene *s)
{
	const struct policy_access access = { anybody, NULL };
	struct worker *worker = s->w.worker;

	s->asks = route_asks_new(worker->base, worker->lookups, &s->w.config);
	if (s->asks) {
		s->control = control_new(worker->base, s->asks);
		s->policy = policy_server_new(worker->base, s->asks, &access,
					      &worker->counters);
	}
	return s->asks && s->control && s->policy;
}

static void listen_unix(struct unix_end *end, void (*serve)(void *, int),
			void *service)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	end->at.sun_family = AF_UNIX;
	end->len = sizeof end->at;
	assert_int_equal(bind(fd, (struct sockaddr *)&end->at,
			      sizeof end->at.sun_family), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&end->at, &end->len),
			 0);
	serve(service, fd);
}

static int connect_unix(const struct unix_end *end)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&end->at,
				 end->len), 0);
	return fd;
}

static void begin(struct scene *s)
{
	static char ahead[] = "mail-prefetch=yes", text[] = "refresh=yes";
	char *sets[] = { ahead, text };

	memset(s, 0, sizeof *s);
	world_begin(&s->w, sets, 2);
	world_resolver_comes(&s->w, 0);
	assert_true(services_make(s));
	listen_unix(&s->ctl_at, control_listen, s->control);
	listen_unix(&s->map_at, policy_server_listen, s->policy);
	s->udp = s->tcp = s->ctl = s->map = -1;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end(struct scene *s)
{
	drop(&s->udp);
	drop(&s->tcp);
	drop(&s->ctl);
	drop(&s->map);
	world_turn(&s->w);
	services_free(s);
	world_end(&s->w);
}

/* ---- the resolver ---- */

/* RDATA of everything, so that any answer can be told from a wrong one. */
static bool rr_of(uint16_t type, const char *name, char *rr, size_t room)
{
	switch (type) {
	case MX_TYPE_MX:
		snprintf(rr, room, "%s 300 MX 10 mx.%s", name, name);
		return true;
	case MX_TYPE_A:
		snprintf(rr, room, "%s 300 A 192.0.2.1", name);
		return true;
	case MX_TYPE_AAAA:
		snprintf(rr, room, "%s 300 AAAA 2001:db8::1", name);
		return true;
	case MX_TYPE_TLSA:
		snprintf(rr, room, "%s 300 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000001",
			 name);
		return true;
	default:
		return false;
	}
}

static void answer(struct world *w, const struct mx_channel_question *q)
{
	static uint8_t packet[1024];
	char name[MX_NAME_TEXT_MAX], rr[2 * MX_NAME_TEXT_MAX + 100];
	struct mx_channel_answer a = { .id = q->id, .state = MX_SECURE,
				       .why = "", .packet = packet };
	struct mx_out out;

	mx_name_to_text(q->key.qname, name);
	bool has = rr_of(q->key.qtype, name, rr, sizeof rr);
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u32(&out, has ? 0x00010001 : 0x00010000);
	mx_out_u32(&out, has ? 0 : 0x00010000);
	zone_put_name(&out, name);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	if (!has)
		snprintf(rr, sizeof rr, "%s 300 SOA ns. root. 1 2 3 4 300", name);
	assert_true(zone_put_rr(&out, rr));
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

static void answer_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	bool any = true;

	while (any) {
		any = false;
		world_turn(w);
		while (world_question(w, 0, &q, buf)) {
			answer(w, &q);
			any = true;
		}
	}
}

/* ---- DNS clients ---- */

static size_t query_of(const char *name, uint8_t *ret, size_t room)
{
	struct mx_out out;

	mx_out_init(&out, ret, room);
	mx_out_u16(&out, ID);
	mx_out_u16(&out, 0x0100);
	mx_out_u32(&out, 0x00010000);
	mx_out_u32(&out, 0x00000001);
	zone_put_name(&out, name);
	mx_out_u16(&out, MAIL);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_octets(&out, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11); /* OPT, DO */
	return mx_out_len(&out);
}

/* Right, or SERVFAIL; anything else fails the test. */
static void judge(struct scene *s, const char *name, const uint8_t *reply,
		  size_t len)
{
	static const uint8_t exchange[] = { 0, 10, 2, 'm', 'x' };
	uint8_t query[300];
	size_t query_len = query_of(name, query, sizeof query) - 11;

	assert_true(len >= query_len);
	assert_int_equal(reply[0] << 8 | reply[1], ID);
	assert_memory_equal(reply + 12, query + 12, query_len - 12);
	if ((reply[3] & 15) == 2) {
		assert_int_equal(reply[7], 0);
		s->failed++;
		return;
	}
	assert_int_equal(reply[3] & 15, 0);
	assert_int_equal(reply[7], 1);
	assert_non_null(memmem(reply, len, exchange, sizeof exchange));
	s->answered++;
}

static void ask_udp(struct scene *s, const char *name)
{
	uint8_t query[300];

	if (s->udp < 0)
		s->udp = world_client(&s->w, 3, false);
	assert_true(send(s->udp, query, query_of(name, query, sizeof query), 0) > 0);
	world_turn(&s->w);
}

static void hear_udp(struct scene *s, const char *name)
{
	uint8_t reply[4096];
	ssize_t got;

	answer_all(&s->w);
	while ((got = recv(s->udp, reply, sizeof reply, MSG_DONTWAIT)) > 0)
		judge(s, name, reply, (size_t)got);
}

/* False: it was closed, or nothing comes. */
static bool take(int fd, void *octets, size_t len)
{
	return recv(fd, octets, len, MSG_DONTWAIT) == (ssize_t)len;
}

static void ask_tcp(struct scene *s, const char *name)
{
	uint8_t query[300];
	size_t len = query_of(name, query + 2, sizeof query - 2);

	query[0] = 0;
	query[1] = (uint8_t)len;
	if (s->tcp < 0)
		s->tcp = world_client(&s->w, 4, true);
	if (send(s->tcp, query, len + 2, MSG_NOSIGNAL) < 0)
		drop(&s->tcp);
	world_turn(&s->w);
}

static void hear_tcp(struct scene *s, const char *name)
{
	uint8_t head[2], reply[4096];

	answer_all(&s->w);
	while (s->tcp >= 0 && take(s->tcp, head, 2)) {
		size_t len = (size_t)(head[0] << 8 | head[1]);

		assert_true(len <= sizeof reply);
		if (!take(s->tcp, reply, len))
			break;
		judge(s, name, reply, len);
	}
	/* A failure may have cost the connection. */
	if (s->tcp >= 0 && recv(s->tcp, head, 1, MSG_DONTWAIT) == 0)
		drop(&s->tcp);
}

/* ---- clients of the services ---- */

/* What has come; NULL: nothing, or it was closed. */
static const char *hear_text(struct scene *s, int *fd)
{
	static char text[65536];

	/* A route takes as many turns as it has steps, and TLSA come last. */
	for (int i = 0; i < 4; i++)
		answer_all(&s->w);
	ssize_t got = *fd >= 0 ? recv(*fd, text, sizeof text - 1, MSG_DONTWAIT) : 0;
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop(fd);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

static void say(struct scene *s, int *fd, const char *text)
{
	if (*fd >= 0 && send(*fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		drop(fd);
	world_turn(&s->w);
}

static void ask_control(struct scene *s, const char *command)
{
	char line[200];

	if (s->ctl < 0)
		s->ctl = connect_unix(&s->ctl_at);
	snprintf(line, sizeof line,
		 "{\"id\":1,\"command\":\"%s\",\"destination\":\"a.example\"}\n",
		 command);
	say(s, &s->ctl, line);
}

static void hear_control(struct scene *s, const char *right)
{
	const char *text = hear_text(s, &s->ctl);

	if (!text)
		return;
	if (strstr(text, right))
		s->answered++;
	else if (strstr(text, "\"error\"") || strstr(text, "try-again") ||
		 strstr(text, "\"temporary\""))
		s->failed++;
	else
		fail_msg("%s", text);
}

static void ask_policy(struct scene *s)
{
	if (s->map < 0)
		s->map = connect_unix(&s->map_at);
	say(s, &s->map, "15:QUERY a.example,");
}

static void hear_policy(struct scene *s)
{
	const char *text = hear_text(s, &s->map);

	if (!text)
		return;
	/* Never NOTFOUND: the domain has DANE. */
	if (strstr(text, ":OK dane-only"))
		s->answered++;
	else if (strstr(text, ":TEMP "))
		s->failed++;
	else
		fail_msg("%s", text);
}

/* ---- kinds of requests ---- */

static void udp(struct scene *s)
{
	ask_udp(s, "a.example.");
	hear_udp(s, "a.example.");
}

static void tcp(struct scene *s)
{
	ask_tcp(s, "a.example.");
	hear_tcp(s, "a.example.");
}

static void route(struct scene *s)
{
	ask_control(s, "route");
	hear_control(s, "\"outcome\":\"deliver\"");
}

static void policy_of(struct scene *s)
{
	ask_control(s, "policy");
	hear_control(s, "dane-only");
}

static void policy(struct scene *s)
{
	ask_policy(s);
	hear_policy(s);
}

/* Two clients, and a resolver that is replaced meanwhile. */
static void udp_resent(struct scene *s)
{
	ask_udp(s, "a.example.");
	ask_udp(s, "a.example.");
	world_resolver_dies(&s->w, 0);
	world_turn(&s->w);
	world_resolver_comes(&s->w, 0);
	hear_udp(s, "a.example.");
}

/* The answer is there; it is refreshed after it has run out. */
static void udp_refreshed(struct scene *s)
{
	udp(s);
	udp(s);
	world_pass(&s->w, 302000);
	answer_all(&s->w);
	udp(s);
}

/* The front may close what it cannot serve; then the client comes again. */
static void recover(struct scene *s, void (*request)(struct scene *))
{
	unsigned before;

	/* Failures are kept for 30 s at most, and waits end by then. */
	for (int i = 0; i < 12; i++) {
		world_pass(&s->w, 5000);
		answer_all(&s->w);
	}
	/* Whatever came late is no answer to what comes now. */
	if (s->udp >= 0)
		hear_udp(s, "a.example.");
	drop(&s->tcp);
	drop(&s->ctl);
	drop(&s->map);
	world_turn(&s->w);
	before = s->answered;
	request(s);
	if (s->answered == before)
		fail_msg("not answered after memory was there again");
}

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
REQUEST(control_policy, NULL, policy_of)
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
		cmocka_unit_test(control_policy),
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
