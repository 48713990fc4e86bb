/* mxbound-front - answers clients; started by mxbound, the supervisor.
 *
 * The main thread listens to the supervisor and hands on what it sends; the
 * workers do all else. It never connects to anything: only the resolvers do. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../admin/control.h"
#include "../admin/http.h"
#include "../admin/status.h"
#include "../policy/server.h"
#include "../policy/sts.h"
#include "front.h"
#include "mx_handover.h"
#include "mx_log.h"
#include "mx_privilege.h"
#include "mx_sandbox.h"

#define SERVICE_SILENT_MS 3000

struct front {
	struct mx_config config;
	struct event_base *base;
	struct mx_cache *cache;
	struct mx_limits *limits;
	struct mx_local *local;
	struct cookies *cookies;
	struct snapshot *snapshot;
	/* The last one serves the control socket, policy-listen and
	 * http-listen, if there is any of these. */
	struct worker **workers;
	unsigned worker_count;
	struct route_asks *asks; /* of both; NULL: there is neither */
	struct status *status; /* NULL as asks */
	struct status_worker *status_workers;
	struct commands commands;
	struct control *control; /* NULL: there is none */
	struct policy_server *policy; /* likewise */
	struct http *http; /* likewise */
	struct sts *sts; /* NULL: no mta-sts, or neither of these */
	struct sts_source sts_source;
	/* Of each worker: its beats when last looked at, and when they were
	 * others than before. */
	uint32_t *beats;
	mx_instant *beat_at;
	bool going, draining, failed;
};

/* ---- what the supervisor sends ---- */

/* The folder of a file, in room for it; NULL for none. */
static const char *folder_of(const char *file, char room[PATH_MAX])
{
	const char *slash = file ? strrchr(file, '/') : NULL;
	size_t len = slash ? (size_t)(slash - file) : 0;

	if (!file || len >= PATH_MAX)
		return NULL;
	if (len == 0)
		return slash ? "/" : ".";
	memcpy(room, file, len);
	room[len] = '\0';
	return room;
}

static void enter_sandbox(const struct mx_config *config)
{
	char cache[PATH_MAX], policies[PATH_MAX];

	mx_sandbox_enter(config, &(struct mx_sandbox){
		.role = MX_SANDBOX_FRONT,
		.folders = { folder_of(mx_config_snapshot_file(config), cache),
			     folder_of(mx_config_sts_file(config), policies) } });
}

static enum mx_error configure(struct front *front, int fd)
{
	char error[MX_CONFIG_ERROR_MAX];
	enum mx_error err = mx_config_read(&front->config, fd, error);

	if (err != MX_OK) {
		mx_log(MX_LOG_ERROR, "%s", error);
		return err;
	}
	mx_log_init("mxbound-front",
		    (enum mx_log_level)front->config.log_level);
	front->snapshot = snapshot_new(&front->config);
	front->cookies = cookies_new(&front->config);
	err = mx_drop_privileges(&front->config);
	if (err == MX_OK)
		enter_sandbox(&front->config);
	return err;
}

enum { SERVICE_CONTROL, SERVICE_POLICY, SERVICE_FETCHER, SERVICE_HTTP };

static enum mx_acl_action may_ask(const void *limits,
				  const struct sockaddr *peer)
{
	return limits_acl(limits, peer);
}

/* Whom they ask for MTA-STS policies, or NULL. */
static const struct sts_source *sts_source_of(const struct front *front)
{
	return front->sts ? &front->sts_source : NULL;
}

/* In the services' thread, whose pairs to the resolvers tell how they are. */
static void look(void *arg, struct status_live *ret)
{
	const struct front *front = arg;
	const struct worker *last = front->workers[front->worker_count - 1];
	struct limits_now now = limits_now(front->limits);

	*ret = (struct status_live){
		.waiting = now.waiting, .questions = now.questions,
		.tcp = now.tcp,
		.self_test = status_self_test_words[atomic_load_explicit(
			&front->workers[0]->selftest_says, memory_order_relaxed)],
		.resolver_count = lookups_resolvers(last->lookups),
	};
	for (unsigned i = 0; i < ret->resolver_count; i++) {
		struct lookups_resolver r = lookups_resolver(last->lookups, i);

		ret->resolver[i].up = r.there;
		ret->resolver[i].restarts = r.times > 0 ? r.times - 1 : 0;
	}
}

static enum mx_error add_status(struct front *front, struct worker *last)
{
	struct status_sources sources = {
		.config = &front->config, .cache = front->cache,
		.worker_count = front->worker_count, .look = look, .arg = front,
	};

	front->status_workers = calloc(front->worker_count,
				       sizeof(*front->status_workers));
	if (!front->status_workers)
		return MX_E_NO_MEMORY;
	for (unsigned i = 0; i < front->worker_count; i++) {
		struct worker *worker = front->workers[i];

		front->status_workers[i] = (struct status_worker){
			.counters = &worker->counters,
			.latency = &worker->latency, .edes = &worker->edes,
			.troubles = lookups_troubles(worker->lookups),
		};
	}
	sources.workers = front->status_workers;
	front->status = status_new(last->base, &sources);
	front->commands = (struct commands){
		.base = last->base, .asks = front->asks,
		.sts = sts_source_of(front),
		.lookups = last->lookups, .status = front->status,
	};
	return front->status ? MX_OK : MX_E_NO_MEMORY;
}

static enum mx_error add_sts(struct front *front, struct worker *worker)
{
	front->sts = sts_new(worker->base, worker->lookups, &front->config,
			     &worker->counters);
	if (!front->sts)
		return MX_E_NO_MEMORY;
	front->sts_source = sts_source(front->sts);
	worker->services[SERVICE_FETCHER] = (struct worker_service){
		.arg = front->sts, .listen = sts_connect, .stop = sts_stop,
		.open = sts_open,
	};
	return MX_OK;
}

static enum mx_error add_control(struct front *front, struct worker *worker)
{
	front->control = control_new(worker->base, &front->commands);
	worker->services[SERVICE_CONTROL] = (struct worker_service){
		.arg = front->control, .listen = control_listen,
		.stop = control_stop, .open = control_open,
	};
	return front->control ? MX_OK : MX_E_NO_MEMORY;
}

static enum mx_error add_policy(struct front *front, struct worker *worker)
{
	const struct policy_access access = { may_ask, front->limits };

	front->policy = policy_server_new(worker->base, front->asks,
					  sts_source_of(front), &access,
					  &worker->counters);
	worker->services[SERVICE_POLICY] = (struct worker_service){
		.arg = front->policy, .listen = policy_server_listen,
		.stop = policy_server_stop, .open = policy_server_open,
	};
	return front->policy ? MX_OK : MX_E_NO_MEMORY;
}

static enum mx_error add_http(struct front *front, struct worker *worker)
{
	const struct http_access access = { may_ask, front->limits };

	front->http = http_new(worker->base, &front->commands, &front->config,
			       &access);
	worker->services[SERVICE_HTTP] = (struct worker_service){
		.arg = front->http, .listen = http_listen, .stop = http_stop,
		.open = http_open,
	};
	return front->http ? MX_OK : MX_E_NO_MEMORY;
}

/* They have a thread of their own, so that nothing that is asked there delays a
 * client. */
static enum mx_error add_services(struct front *front)
{
	struct worker *last = front->workers[front->worker_count - 1];
	bool control = mx_config_control_socket(&front->config) != NULL;
	bool policy = front->config.policy_listen.count > 0;
	bool http = front->config.http_listen.count > 0;
	enum mx_error err = MX_OK;

	if (!control && !policy && !http)
		return MX_OK;
	front->asks = route_asks_new(last->base, last->lookups, &front->config);
	if (!front->asks)
		return MX_E_NO_MEMORY;
	if (mx_config_fetcher(&front->config))
		err = add_sts(front, last);
	if (err == MX_OK)
		err = add_status(front, last);
	if (control && err == MX_OK)
		err = add_control(front, last);
	if (policy && err == MX_OK)
		err = add_policy(front, last);
	if (http && err == MX_OK)
		err = add_http(front, last);
	return err;
}

static void free_services(struct front *front)
{
	control_free(front->control);
	policy_server_free(front->policy);
	http_free(front->http);
	route_asks_free(front->asks);
	status_free(front->status);
	free(front->status_workers);
	front->status = NULL;
	front->status_workers = NULL;
	sts_free(front->sts);
	front->sts = NULL;
	front->control = NULL;
	front->policy = NULL;
	front->http = NULL;
	front->asks = NULL;
}

static enum mx_error build(struct front *front)
{
	struct mx_cache_config cache = {
		.size_octets = front->config.cache_size,
		.failure_ttl_min_s = (uint32_t)front->config.failure_ttl_min,
		.failure_ttl_max_s = (uint32_t)front->config.failure_ttl_max,
		.stale_max_s = stale_max_s(&front->config),
		.refresh_hits = front->config.refresh ? REFRESH_HITS : 0,
		.will_load = front->snapshot != NULL,
	};
	unsigned count = mx_config_threads(&front->config);
	enum mx_error err = mx_cache_new(&cache, &front->cache);

	if (err != MX_OK)
		return err;
	snapshot_start(front->snapshot, front->cache);
	front->limits = limits_new(&front->config);
	front->local = local_new(&front->config);
	front->workers = calloc(count, sizeof(struct worker *));
	front->beats = calloc(count, sizeof(*front->beats));
	front->beat_at = calloc(count, sizeof(*front->beat_at));
	if (!front->limits || !front->local || !front->workers ||
	    !front->beats || !front->beat_at)
		return MX_E_NO_MEMORY;
	for (unsigned i = 0; i < count; i++) {
		front->workers[i] = worker_new(i, &front->config, front->cache,
					       front->limits, front->local);
		if (!front->workers[i])
			return MX_E_NO_MEMORY;
		front->workers[i]->cookies = front->cookies;
		front->worker_count++;
	}
	return add_services(front);
}

static void tell_worker(struct front *front, unsigned index,
			enum worker_verb verb, unsigned which, int fd)
{
	struct worker_command command = { .verb = verb, .index = which,
					  .fd = fd };

	if (index < front->worker_count) {
		worker_tell(front->workers[index], &command);
		return;
	}
	mx_log(MX_LOG_ERROR, "descriptor for an unknown worker %u", index);
	if (fd >= 0)
		close(fd);
}

static void tell_all(struct front *front, enum worker_verb verb)
{
	for (unsigned i = 0; i < front->worker_count; i++)
		tell_worker(front, i, verb, 0, -1);
}

static enum mx_error go(struct front *front)
{
	struct mx_handover ready = { .type = MX_HANDOVER_READY, .fd = -1 };

	unsigned count = front->worker_count;

	front->going = true;
	for (unsigned i = 0; i < count; i++) {
		if (worker_start(front->workers[i]))
			continue;
		front->worker_count = i; /* those to be joined */
		free_services(front); /* they are the last one's */
		for (unsigned j = i; j < count; j++)
			worker_free(front->workers[j]);
		return MX_E_SYSTEM;
	}
	tell_worker(front, 0, WORKER_SELFTEST, 0, -1);
	return mx_handover_send(MX_HANDOVER_FD, &ready);
}

/* Addresses that the line names; a host with more knows what it listens on. */
#define TOLD_MAX 6

/* What the operator wants to know first: it runs, and how to ask it. */
static void say_ready(const struct front *front)
{
	const struct mx_texts *listen = &front->config.listen;
	char all[TOLD_MAX * (MX_ADDRESS_TEXT_MAX + 2) + 32] = "";
	char ask[MX_ADDRESS_TEXT_MAX + 8] = "";
	unsigned workers = mx_config_workers(&front->config);
	size_t used = 0;

	for (size_t i = 0; i < listen->count && i < TOLD_MAX; i++) {
		struct sockaddr_storage address;
		socklen_t len;
		char text[MX_ADDRESS_TEXT_MAX], *at;

		if (!mx_address_parse(listen->at[i], 53, &address, &len))
			continue;
		mx_address_text((struct sockaddr *)&address, text);
		used += (size_t)snprintf(all + used, sizeof(all) - used,
					 "%s%s", used ? ", " : "", text);
		at = strrchr(text, '@');
		if (*ask || !at)
			continue;
		*at++ = '\0';
		snprintf(ask, sizeof(ask), strcmp(at, "53") ? "%s -p %s" : "%s",
			 text, at);
	}
	if (listen->count > TOLD_MAX)
		snprintf(all + used, sizeof(all) - used, " and %zu more",
			 listen->count - TOLD_MAX);
	mx_log(MX_LOG_NOTICE,
	       "ready on %s with %u worker%s; ask it: dig @%s +dnssec example.com MX",
	       all, workers, workers == 1 ? "" : "s", ask);
}

static enum mx_error obey(struct front *front, struct mx_handover *m)
{
	switch (m->type) {
	case MX_HANDOVER_CONFIG: {
		enum mx_error err = configure(front, m->fd);

		close(m->fd);
		return err != MX_OK ? err : build(front);
	}
	case MX_HANDOVER_UDP:
		tell_worker(front, m->a, WORKER_UDP, 0, m->fd);
		return MX_OK;
	case MX_HANDOVER_TCP:
		tell_worker(front, m->a, WORKER_TCP, 0, m->fd);
		return MX_OK;
	case MX_HANDOVER_CHANNEL:
		tell_worker(front, m->a, WORKER_CHANNEL, m->b, m->fd);
		return MX_OK;
	case MX_HANDOVER_CONTROL:
		tell_worker(front, front->worker_count - 1, WORKER_SERVICE,
			    SERVICE_CONTROL, m->fd);
		return MX_OK;
	case MX_HANDOVER_POLICY:
		tell_worker(front, front->worker_count - 1, WORKER_SERVICE,
			    SERVICE_POLICY, m->fd);
		return MX_OK;
	case MX_HANDOVER_HTTP:
		tell_worker(front, front->worker_count - 1, WORKER_SERVICE,
			    SERVICE_HTTP, m->fd);
		return MX_OK;
	case MX_HANDOVER_FETCHER:
		tell_worker(front, front->worker_count - 1, WORKER_SERVICE,
			    SERVICE_FETCHER, m->fd);
		return MX_OK;
	case MX_HANDOVER_GO:
		return go(front);
	case MX_HANDOVER_SAVE:
		snapshot_save(front->snapshot, m->a);
		return MX_OK;
	case MX_HANDOVER_DRAIN:
		front->draining = true;
		snapshot_cease(front->snapshot);
		tell_all(front, WORKER_DRAIN);
		return MX_OK;
	default:
		mx_log(MX_LOG_ERROR, "message %u from the supervisor not known",
		       m->type);
		if (m->fd >= 0)
			close(m->fd);
		return MX_OK;
	}
}

/* ---- the main thread's loop ---- */

static void on_supervisor(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;
	struct mx_handover m;

	(void)what;
	int got = mx_handover_receive(fd, &m);
	if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == EPROTO))
		return;
	if (got <= 0 || obey(front, &m) != MX_OK)
		event_base_loopbreak(front->base);
}

static bool all_ended(const struct front *front)
{
	for (unsigned i = 0; i < front->worker_count; i++)
		if (!atomic_load(&front->workers[i]->ended))
			return false;
	return true;
}

static bool any_failed(const struct front *front)
{
	for (unsigned i = 0; i < front->worker_count; i++)
		if (atomic_load(&front->workers[i]->failed))
			return true;
	return false;
}

/* A service that gives way to all others may get no turn for a while on a busy
 * machine, on which the workers use a lot of time: that is no spin. */
static mx_instant silence_allowed(const struct worker *worker)
{
	return worker_serves(worker) ? SERVICE_SILENT_MS : 0;
}

/* One stuck worker is enough for the supervisor to know. */
static bool all_alive(struct front *front)
{
	mx_instant now = mx_clock_now();
	bool alive = true;

	for (unsigned i = 0; i < front->worker_count; i++) {
		struct worker *worker = front->workers[i];
		uint32_t beats = atomic_load_explicit(&worker->beats,
						      memory_order_relaxed);

		if (beats != front->beats[i] || atomic_load(&worker->ended)) {
			front->beats[i] = beats;
			front->beat_at[i] = now;
		} else if (now - front->beat_at[i] >= silence_allowed(worker)) {
			alive = false;
		}
	}
	return alive;
}

static void beat(void)
{
	struct mx_handover m = { .type = MX_HANDOVER_HEARTBEAT, .fd = -1 };

	mx_handover_send(MX_HANDOVER_FD, &m);
}

static void on_heart(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;

	(void)fd;
	(void)what;
	if (front->draining && all_ended(front)) {
		event_base_loopbreak(front->base);
		return;
	}
	if (any_failed(front)) {
		front->failed = true;
		event_base_loopbreak(front->base);
		return;
	}
	if (all_alive(front))
		beat();
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(front->base);
}

/* ---- set up and tear down ---- */

/* Each TCP connection is a descriptor; the soft limit is often 1,024. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool started_by_supervisor(void)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(MX_HANDOVER_FD, SOL_SOCKET, SO_TYPE, &type, &len) ==
		       0 &&
	       type == SOCK_SEQPACKET;
}

/* All that is handed over before GO; the loop takes what comes after. */
static enum mx_error receive_until_go(struct front *front)
{
	while (!front->going) {
		struct mx_handover m;
		int got = mx_handover_receive(MX_HANDOVER_FD, &m);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return MX_E_SYSTEM;
		if (m.type != MX_HANDOVER_CONFIG && !front->cache) {
			mx_log(MX_LOG_ERROR,
			       "the supervisor sent no configuration");
			return MX_E_CONFIG;
		}

		enum mx_error err = obey(front, &m);
		if (err != MX_OK) {
			mx_log(MX_LOG_ERROR, "cannot start: %s",
			       mx_error_text(err));
			return err;
		}
	}
	return MX_OK;
}

static void serve(struct front *front)
{
	struct timeval interval = { .tv_usec = MX_HEARTBEAT_MS * 1000 };
	struct event *supervisor = event_new(front->base, MX_HANDOVER_FD,
					     EV_READ | EV_PERSIST,
					     on_supervisor, front);
	struct event *heart = event_new(front->base, -1, EV_PERSIST, on_heart,
					front);
	struct event *terminate = evsignal_new(front->base, SIGTERM,
					       on_terminate, front);

	if (supervisor && heart && terminate &&
	    event_add(supervisor, NULL) == 0 && event_add(heart, &interval) == 0 &&
	    event_add(terminate, NULL) == 0)
		event_base_dispatch(front->base);
	if (supervisor)
		event_free(supervisor);
	if (heart)
		event_free(heart);
	if (terminate)
		event_free(terminate);
}

/* The last words: what was counted, in one line for people and scripts. */
static void say_counters(const struct front *front)
{
	struct mx_counters sum = { 0 };
	struct mx_cache_stats cache;
	char line[2000] = "";
	size_t used = 0;

	for (unsigned i = 0; i < front->worker_count; i++)
		mx_counters_add(&sum, &front->workers[i]->counters);
	mx_cache_stats(front->cache, &cache);
	for (unsigned i = 0; i < mx_counter_row_count; i++) {
		const struct mx_counter_row *row = &mx_counter_rows[i];
		const _Atomic uint64_t *value =
			(const void *)((const char *)&sum + row->offset);

		if (used < sizeof(line))
			used += (size_t)snprintf(
				line + used, sizeof(line) - used, " %s=%llu",
				row->name, (unsigned long long)*value);
	}
	mx_log(MX_LOG_INFO, "counters:%s cache_entries=%zu cache_octets=%zu",
	       line, cache.entries, cache.octets);
}

static void tear_down(struct front *front)
{
	if (front->going) {
		tell_all(front, WORKER_STOP);
		for (unsigned i = 0; i < front->worker_count; i++)
			worker_join(front->workers[i]);
		say_counters(front);
	}
	sts_finish(front->sts, beat);
	if (!front->going)
		snapshot_cease(front->snapshot);
	snapshot_finish(front->snapshot, beat);
	snapshot_free(front->snapshot);
	free_services(front);
	for (unsigned i = 0; i < front->worker_count; i++)
		worker_free(front->workers[i]);
	free(front->workers);
	free(front->beats);
	free(front->beat_at);
	local_free(front->local);
	cookies_free(front->cookies);
	limits_free(front->limits);
	mx_cache_free(front->cache);
	if (front->base)
		event_base_free(front->base);
	mx_config_clear(&front->config);
}

int main(int argc, char **argv)
{
	struct front front = { 0 };
	int status = EXIT_FAILURE;

	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("mxbound-front " MX_VERSION " (libevent %s, libsodium %s)\n",
		       event_get_version(), sodium_version_string());
		return EXIT_SUCCESS;
	}
	if (!started_by_supervisor()) {
		fprintf(stderr,
			"mxbound-front answers clients for mxbound, which starts it; run mxbound instead\n");
		return 2;
	}
	mx_log_init("mxbound-front", MX_LOG_NOTICE);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	raise_descriptor_limit();
	if (sodium_init() < 0) {
		mx_log(MX_LOG_ERROR, "no random numbers from the system");
		return EXIT_FAILURE;
	}
	crypto_shorthash_keygen(front_hash_key);
	front.base = event_base_new();
	if (front.base && receive_until_go(&front) == MX_OK) {
		say_ready(&front);
		serve(&front);
		status = front.failed ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	tear_down(&front);
	return status;
}
