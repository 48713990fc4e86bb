/* worker.c - one thread, one event loop, its own sockets and questions.
 *
 * Workers share the cache and the limits and nothing else. The main thread
 * hands a worker what the supervisor sends, through a pipe of its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "front.h"
#include "mx_handover.h"
#include "mx_log.h"

#define UDP_MAX (sizeof(((struct worker *)0)->udp) / sizeof(struct udp *))
/* A worker that is to end because a new version has taken over finishes what
 * it has; after this it ends anyway. */
#define DRAIN_MS 10000
#define DRAIN_LOOK_MS 20

#define TURN_NS 100000u
#define SERVICE_NICE 10

/* Commands and the heart come before clients; clients before nothing. */
enum { PRIORITY_FIRST, PRIORITY_CLIENTS, PRIORITIES };

static void on_heart(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	lookups_beat(worker->lookups);
	atomic_fetch_add_explicit(&worker->beats, 1, memory_order_relaxed);
}

bool worker_serves(const struct worker *worker)
{
	for (unsigned i = 0; i < WORKER_SERVICES; i++)
		if (worker->services[i].arg)
			return true;
	return false;
}

static size_t services_open(const struct worker *worker)
{
	size_t open = 0;

	for (unsigned i = 0; i < WORKER_SERVICES; i++)
		if (worker->services[i].arg)
			open += worker->services[i].open(worker->services[i].arg);
	return open;
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	if ((lookups_waiting(worker->lookups) == 0 &&
	     tcp_open(worker->tcp) == 0 && services_open(worker) == 0) ||
	    mx_clock_now() >= worker->drain_until)
		event_base_loopbreak(worker->base);
}

static void drain(struct worker *worker)
{
	struct timeval tv = { .tv_usec = DRAIN_LOOK_MS * 1000 };

	if (worker->draining)
		return;
	worker->draining = true;
	worker->drain_until = mx_clock_now() + DRAIN_MS;
	warm_free(worker->warm);
	worker->warm = NULL;
	lookups_stop_ahead(worker->lookups);
	for (unsigned i = 0; i < worker->udp_count; i++)
		udp_stop(worker->udp[i]);
	tcp_stop(worker->tcp);
	for (unsigned i = 0; i < WORKER_SERVICES; i++)
		if (worker->services[i].arg)
			worker->services[i].stop(worker->services[i].arg);
	event_add(worker->drain, &tv);
}

/* Clients would wait at it in vain, so the front is started anew. */
static void cannot_serve(struct worker *worker, const char *what, int fd)
{
	mx_log(MX_LOG_ERROR, "worker %u cannot serve one more %s socket",
	       worker->index, what);
	close(fd);
	atomic_store(&worker->failed, true);
}

static void add_udp(struct worker *worker, int fd)
{
	struct udp *udp = worker->udp_count < UDP_MAX ? udp_new(worker, fd)
						      : NULL;

	if (udp) {
		worker->udp[worker->udp_count++] = udp;
		return;
	}
	cannot_serve(worker, "UDP", fd);
}

/* From the first resolver on, by one worker for all. */
static void keep_warm(struct worker *worker)
{
	if (worker->index == 0 && !worker->warm && !worker->draining)
		worker->warm = warm_start(worker);
}

static void serve(struct worker *worker, const struct worker_service *service,
		  int fd)
{
	if (service->arg && !worker->draining)
		service->listen(service->arg, fd);
	else
		close(fd);
}

static void obey(struct worker *worker, const struct worker_command *command)
{
	switch (command->verb) {
	case WORKER_UDP:
		add_udp(worker, command->fd);
		break;
	case WORKER_TCP:
		if (!tcp_listen(worker->tcp, command->fd))
			cannot_serve(worker, "TCP", command->fd);
		break;
	case WORKER_SERVICE:
		serve(worker, &worker->services[command->index], command->fd);
		break;
	case WORKER_CHANNEL:
		lookups_channel(worker->lookups, command->index,
				command->fd);
		keep_warm(worker);
		break;
	case WORKER_SELFTEST:
		if (!worker->selftest)
			worker->selftest = selftest_start(worker);
		break;
	case WORKER_DRAIN:
		drain(worker);
		break;
	case WORKER_STOP:
		event_base_loopbreak(worker->base);
		break;
	}
}

static void on_command(evutil_socket_t fd, short what, void *arg)
{
	struct worker_command command;

	(void)what;
	if (read(fd, &command, sizeof(command)) == (ssize_t)sizeof(command))
		obey(arg, &command);
}

void worker_tell(struct worker *worker, const struct worker_command *command)
{
	ssize_t wrote;

	/* Far below PIPE_BUF, so it is written whole. The pipe is blocking:
	 * a worker that hangs is a matter for the heartbeat. */
	do
		wrote = write(worker->command_out, command, sizeof(*command));
	while (wrote < 0 && errno == EINTR);
}

/* The first version of the kernel's struct sched_attr; glibc has none yet. */
struct turns {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* A hit takes microseconds, and must not wait until a resolver that checks a
 * signature has had its three milliseconds. Since Linux 6.12 who asks for
 * shorter turns than another gets the processor from it at once, and no more
 * of it in all; an older kernel pays no heed. */
static void ask_for_short_turns(void)
{
	struct turns turns = { 0 };

	if (syscall(SYS_sched_getattr, 0, &turns, sizeof(turns), 0) != 0 ||
	    turns.policy != SCHED_OTHER)
		return;
	turns.runtime_ns = TURN_NS;
	(void)syscall(SYS_sched_setattr, 0, &turns, 0);
}

/* Nor for what is no hit: it has the resolvers' niceness. A thread has its own
 * on Linux, which setpriority(2) calls a bug. */
static void give_way(void)
{
	(void)setpriority(PRIO_PROCESS, 0, SERVICE_NICE);
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	if (worker_serves(worker))
		give_way();
	else
		ask_for_short_turns();
	if (event_base_dispatch(worker->base) != 0)
		atomic_store(&worker->failed, true);
	atomic_store(&worker->ended, true);
	return NULL;
}

bool worker_start(struct worker *worker)
{
	return pthread_create(&worker->thread, NULL, run, worker) == 0;
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;
	struct timeval most = { .tv_usec = 20000 };

	if (!config)
		return NULL;
	/* One thread uses a base: no locks. And a crowd of clients does not
	 * keep the heart from beating. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_max_dispatch_interval(config, &most, 64,
					       PRIORITY_CLIENTS);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (base && event_base_priority_init(base, PRIORITIES) != 0) {
		event_base_free(base);
		return NULL;
	}
	return base;
}

static bool add_events(struct worker *worker)
{
	struct timeval beat = { .tv_usec = MX_HEARTBEAT_MS * 1000 / 2 };

	worker->commands = event_new(worker->base, worker->command_in,
				     EV_READ | EV_PERSIST, on_command, worker);
	worker->heart = event_new(worker->base, -1, EV_PERSIST, on_heart,
				  worker);
	worker->drain = event_new(worker->base, -1, EV_PERSIST, on_drain,
				  worker);
	if (!worker->commands || !worker->heart || !worker->drain)
		return false;
	event_priority_set(worker->commands, PRIORITY_FIRST);
	event_priority_set(worker->heart, PRIORITY_FIRST);
	return event_add(worker->commands, NULL) == 0 &&
	       event_add(worker->heart, &beat) == 0;
}

struct worker *worker_new(unsigned index, const struct mx_config *config,
			  struct mx_cache *cache, struct mx_limits *limits,
			  const struct mx_local *local)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int ends[2];

	if (!worker)
		return NULL;
	worker->index = index;
	worker->config = config;
	worker->cache = cache;
	worker->limits = limits;
	worker->local = local;
	worker->command_in = worker->command_out = -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		goto fail;
	worker->command_in = ends[0];
	worker->command_out = ends[1];
	worker->base = new_base();
	worker->scratch = malloc(MX_MESSAGE_MAX);
	worker->batch = udp_batch_new(config->udp_size_max);
	if (!worker->base || !worker->scratch || !worker->batch ||
	    !add_events(worker) || !(worker->tcp = tcp_new(worker)))
		goto fail;
	worker->lookups = lookups_new(worker->base, config, cache, limits, local,
				      &worker->counters);
	if (!worker->lookups)
		goto fail;
	return worker;
fail:
	worker_free(worker);
	return NULL;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	selftest_free(worker->selftest);
	warm_free(worker->warm);
	for (unsigned i = 0; i < worker->udp_count; i++)
		udp_free(worker->udp[i]);
	tcp_free(worker->tcp);
	lookups_free(worker->lookups);
	if (worker->commands)
		event_free(worker->commands);
	if (worker->heart)
		event_free(worker->heart);
	if (worker->drain)
		event_free(worker->drain);
	if (worker->base)
		event_base_free(worker->base);
	udp_batch_free(worker->batch);
	free(worker->scratch);
	if (worker->command_in >= 0)
		close(worker->command_in);
	if (worker->command_out >= 0)
		close(worker->command_out);
	free(worker);
}
