/* generation.c - one configuration, with the sockets and children that serve
 * it. */
#include "generation.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mx_log.h"
#include "mx_supervisor.h"
#include "sealed.h"

/* Room for one answer of 64 KiB and many small ones. */
#define CHANNEL_BUFFER (1 << 20)
#define FAILED_STARTS_MAX 5
/* Before a fetcher that does not start is tried once more. */
#define FETCHER_REST_MS 60000
/* So that one child cannot keep us from the others. */
#define MESSAGES_AT_ONCE 100
/* So much that no child can have used more since. */
#define CPU_UNKNOWN (INT64_MAX / 2)

static const char *const program_name[ROLE_COUNT] = {
	"mxbound-front", "mxbound-resolver", "mxbound-fetcher"
};

void child_name(const struct child *c, char ret[CHILD_NAME_MAX])
{
	if (c->role == ROLE_RESOLVER)
		snprintf(ret, CHILD_NAME_MAX, "%s %u", program_name[c->role], c->index);
	else
		snprintf(ret, CHILD_NAME_MAX, "%s", program_name[c->role]);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- outbox ---- */

static void outbox_clear(struct outbox *box)
{
	for (size_t i = box->first; i < box->count; i++)
		if (box->at[i].fd >= 0)
			close(box->at[i].fd);
	free(box->at);
	*box = (struct outbox){ .at = NULL };
}

/* Takes fd (-1: none), also when it fails. */
static bool outbox_put(struct child *c, enum mx_handover_type type, unsigned a,
		       unsigned b, int fd)
{
	struct outbox *box = &c->outbox;

	if (box->count == box->room) {
		size_t room = box->room ? 2 * box->room : 64;
		struct mx_handover *more = realloc(box->at, room * sizeof *more);
		if (!more) {
			close_fd(&fd);
			return false;
		}
		box->at = more;
		box->room = room;
	}
	box->at[box->count++] = (struct mx_handover){ type, a, b, fd };
	return true;
}

static bool outbox_put_copy(struct child *c, enum mx_handover_type type,
			    unsigned a, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy >= 0 && outbox_put(c, type, a, 0, copy);
}

static void outbox_flush(struct child *c)
{
	struct outbox *box = &c->outbox;

	box->blocked = false;
	for (; box->first < box->count; box->first++) {
		struct mx_handover *m = &box->at[box->first];
		if (mx_handover_send(c->control, m) != MX_OK) {
			/* Full: poll tells when it is not. Anything else that
			 * passes (too many descriptors under way, no memory)
			 * is tried again in a moment. A child that is gone is
			 * reaped, and then the box is emptied. */
			box->blocked = errno == EAGAIN;
			return;
		}
		close_fd(&m->fd);
	}
	box->first = box->count = 0;
}

void generation_flush(struct generation *g)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].control >= 0)
			outbox_flush(&g->child[i]);
}

bool generation_outboxes_empty(const struct generation *g)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].outbox.count != 0)
			return false;
	return true;
}

/* ---- making one ---- */

static int config_text(const struct mx_config *config)
{
	int fd = sealed_create("mxbound-config");

	if (fd >= 0 && (mx_config_write(config, fd) != MX_OK || !sealed_seal(fd)))
		close_fd(&fd);
	return fd;
}

static void add_child(struct generation *g, enum role role, unsigned index)
{
	g->child[g->child_count++] = (struct child){
		.role = role, .index = index, .control = -1,
	};
}

static void set_children(struct generation *g, size_t resolvers, bool fetcher)
{
	assert(resolvers >= 1 && resolvers <= RESOLVERS_MAX);
	add_child(g, ROLE_FRONT, 0);
	for (unsigned i = 0; i < resolvers; i++)
		add_child(g, ROLE_RESOLVER, i);
	if (fetcher)
		add_child(g, ROLE_FETCHER, 0);
}

static bool open_program(struct generation *g, const struct programs *programs,
			 enum role role)
{
	g->program[role] = programs_open(programs, program_name[role]);
	if (g->program[role] >= 0)
		return true;
	mx_log(MX_LOG_ERROR,
	       "cannot find %s beside %s, nor in " MX_LIBEXECDIR ": %s",
	       program_name[role], programs->self, strerror(errno));
	return false;
}

/* Mail without MTA-STS is better than none. */
static bool find_fetcher(struct generation *g, const struct programs *programs)
{
	if (!mx_config_fetcher(&g->config))
		return false;
	if (open_program(g, programs, ROLE_FETCHER))
		return true;
	mx_log(MX_LOG_ERROR, "going on without MTA-STS");
	return false;
}

static struct generation *empty(void)
{
	struct generation *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->config_fd = -1;
	g->control.fd = -1;
	for (int role = 0; role < ROLE_COUNT; role++)
		g->program[role] = -1;
	return g;
}

/* What children are told is what there is. */
static bool open_control(struct generation *g, const struct generation *old)
{
	char error[CONTROL_ERROR_MAX] = "out of memory";
	enum mx_error err = control_socket_open(&g->control, &g->config,
						old ? &old->control : NULL, error);
	char *path = err == MX_OK ?
		strdup(g->control.fd >= 0 ? g->control.path : "no") : NULL;

	if (!path) {
		mx_log(MX_LOG_ERROR, "%s", error);
		return false;
	}
	free(g->config.control_socket);
	g->config.control_socket = path;
	if (g->control.fd >= 0)
		mx_log(MX_LOG_INFO, "control socket: %s", path);
	return true;
}

static bool open_services(struct generation *g, const struct generation *old)
{
	char error[CONTROL_ERROR_MAX];

	if (service_sockets_open(&g->services, &g->config,
				old ? &old->services : NULL, error) == MX_OK)
		return true;
	mx_log(MX_LOG_ERROR, "%s", error);
	return false;
}

struct generation *generation_new(struct mx_config *config,
				  const struct programs *programs,
				  const struct generation *old)
{
	char error[LISTENERS_ERROR_MAX];
	struct generation *g = empty();

	if (!g) {
		mx_config_clear(config);
		mx_log(MX_LOG_ERROR, "out of memory");
		return NULL;
	}
	g->config = *config;
	memset(config, 0, sizeof *config);
	/* By the number of cores, unless it is set: a child that counted for
	 * itself might find another number. */
	g->workers = mx_config_workers(&g->config);
	g->config.workers = g->workers;
	g->config.resolvers = mx_config_resolvers(&g->config);
	g->number = old ? old->number + 1 : 1;

	if (!open_program(g, programs, ROLE_FRONT) ||
	    !open_program(g, programs, ROLE_RESOLVER))
		goto fail;
	if (listeners_bind(&g->listeners, &g->config,
			   old ? &old->listeners : NULL, error) != MX_OK) {
		mx_log(MX_LOG_ERROR, "%s", error);
		goto fail;
	}
	listeners_prune(&g->listeners, &g->config);
	if (!open_control(g, old) || !open_services(g, old))
		goto fail;
	set_children(g, g->config.resolvers, find_fetcher(g, programs));
	g->config_fd = config_text(&g->config);
	if (g->config_fd < 0) {
		mx_log(MX_LOG_ERROR, "cannot write the configuration for children: %s",
		       strerror(errno));
		goto fail;
	}
	return g;
fail:
	generation_free(g);
	return NULL;
}

void generation_free(struct generation *g)
{
	if (!g)
		return;
	generation_signal(g, SIGKILL);
	for (size_t i = 0; i < g->child_count; i++) {
		outbox_clear(&g->child[i].outbox);
		close_fd(&g->child[i].control);
	}
	listeners_clear(&g->listeners);
	control_socket_close(&g->control);
	service_sockets_close(&g->services);
	for (int role = 0; role < ROLE_COUNT; role++)
		close_fd(&g->program[role]);
	close_fd(&g->config_fd);
	mx_config_clear(&g->config);
	free(g);
}

/* ---- adopting one ---- */

static bool is_socket(const struct listener *one)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof addr;
	int kind = 0, listens = 0;
	socklen_t size = sizeof kind;
	char told[MX_ADDRESS_TEXT_MAX], found[MX_ADDRESS_TEXT_MAX];

	if (getsockname(one->fd, (struct sockaddr *)&addr, &len) != 0 ||
	    getsockopt(one->fd, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 ||
	    getsockopt(one->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
		return false;
	if (addr.ss_family != one->addr.ss_family)
		return false;
	mx_address_text((const struct sockaddr *)&one->addr, told);
	mx_address_text((const struct sockaddr *)&addr, found);
	return strcmp(told, found) == 0 &&
		kind == (one->tcp ? SOCK_STREAM : SOCK_DGRAM) &&
		(listens != 0) == one->tcp;
}

static bool is_seqpacket(int fd)
{
	int kind = 0;
	socklen_t size = sizeof kind;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 &&
		kind == SOCK_SEQPACKET;
}

/* Of ours, alive or to be reaped. */
static bool is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info,
		      WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) == 0;
}

static bool is_file(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

static const char *verify(const struct state *state)
{
	for (size_t i = 0; i < state->listeners.count; i++)
		if (!is_socket(&state->listeners.at[i]))
			return "a socket is not what it is said to be";
	if (state->control.fd >= 0 && !control_socket_is(&state->control))
		return "the control socket is not what it is said to be";
	for (size_t i = 0; i < state->services.count; i++)
		if (!service_socket_is(&state->services.at[i]))
			return "a socket of policy-listen or http-listen is not what it is said to be";
	for (size_t i = 0; i < state->child_count; i++) {
		const struct state_child *c = &state->child[i];
		if (c->pid != 0 && !is_child(c->pid))
			return "a child is none of this process";
		if (c->control >= 0 && !is_seqpacket(c->control))
			return "a control socket is none";
	}
	if (!sealed_is(state->config) || !is_file(state->program[ROLE_FRONT]) ||
	    !is_file(state->program[ROLE_RESOLVER]) ||
	    (state->program[ROLE_FETCHER] >= 0 &&
	     !is_file(state->program[ROLE_FETCHER])))
		return "a file is none";
	return NULL;
}

static void own(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static struct child *find_child(struct generation *g, enum role role,
				unsigned index)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].role == role && g->child[i].index == index)
			return &g->child[i];
	return NULL;
}

static void adopt_child(struct child *c, const struct state_child *from, mx_instant now)
{
	c->pid = from->pid;
	c->control = from->control;
	c->pulse = (struct pulse){ .ready = from->ready, .started = now,
				   .last = now, .cpu_at_last = CPU_UNKNOWN };
	if (c->control >= 0)
		own(c->control);
}

struct generation *generation_adopt(const struct state *state, mx_instant now)
{
	char error[MX_CONFIG_ERROR_MAX];
	const char *wrong = verify(state);
	struct generation *g = wrong ? NULL : empty();
	size_t resolvers = 0;

	if (!g) {
		mx_log(MX_LOG_ERROR, "cannot take over: %s",
		       wrong ? wrong : "out of memory");
		return NULL;
	}
	if (mx_config_read(&g->config, state->config, error) != MX_OK) {
		mx_log(MX_LOG_ERROR, "cannot take over: former configuration: %s", error);
		generation_free(g);
		return NULL;
	}
	for (size_t i = 0; i < state->listeners.count; i++) {
		if (!listeners_add(&g->listeners, &state->listeners.at[i])) {
			mx_log(MX_LOG_ERROR, "cannot take over: out of memory");
			g->listeners.count = 0;
			generation_free(g);
			return NULL;
		}
		own(state->listeners.at[i].fd);
	}
	g->control = state->control;
	if (g->control.fd >= 0)
		own(g->control.fd);
	g->services = state->services;
	for (size_t i = 0; i < g->services.count; i++)
		own(g->services.at[i].fd);
	for (size_t i = 0; i < state->child_count; i++)
		resolvers += state->child[i].role == ROLE_RESOLVER;
	g->number = state->generation;
	g->phase = PHASE_SERVING;
	g->workers = mx_config_workers(&g->config);
	g->config_fd = state->config;
	own(g->config_fd);
	for (int role = 0; role < ROLE_COUNT; role++) {
		g->program[role] = state->program[role];
		if (g->program[role] >= 0)
			own(g->program[role]);
	}
	set_children(g, resolvers, resolvers + 1 < state->child_count);
	for (size_t i = 0; i < state->child_count; i++) {
		const struct state_child *from = &state->child[i];
		adopt_child(find_child(g, from->role, from->index), from, now);
	}
	return g;
}

/* ---- starting ---- */

/* A descriptor of its own for each child: they share no file offset. */
static int config_copy(const struct generation *g)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", g->config_fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : fcntl(g->config_fd, F_DUPFD_CLOEXEC, 0);
}

static void condemn(struct child *c, const char *why)
{
	if (c->pid == 0 || c->condemned)
		return;
	c->condemned = why;
	kill(c->pid, SIGKILL);
}

static void postpone(struct child *c, mx_instant now, int64_t lived)
{
	c->start_at = now + backoff_delay(&c->backoff, lived);
	if (c->role != ROLE_FETCHER || c->failed_starts < FAILED_STARTS_MAX)
		return;
	if (c->failed_starts == FAILED_STARTS_MAX)
		mx_log(MX_LOG_ERROR, "mxbound-fetcher failed %u times at its start; no MTA-STS policies are fetched until it starts, which is tried every %d s",
		       c->failed_starts, FETCHER_REST_MS / 1000);
	c->start_at = now + FETCHER_REST_MS;
}

static bool start_process(struct generation *g, struct child *c)
{
	char name[CHILD_NAME_MAX];
	char *argv[] = { name, NULL };
	int pair[2];

	snprintf(name, sizeof name, "%s", program_name[c->role]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	(void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
	c->pid = spawn(&(struct spawn){ .program = g->program[c->role],
					.argv = argv, .control = pair[1],
					.output = -1 });
	int cause = errno;
	close(pair[1]);
	if (c->pid < 0) {
		c->pid = 0;
		close(pair[0]);
		errno = cause;
		return false;
	}
	c->control = pair[0];
	return true;
}

static void start_child(struct generation *g, struct child *c, int ipv6, mx_instant now)
{
	char name[CHILD_NAME_MAX];

	c->condemned = NULL;
	c->saving = c->save_owed = false;
	c->pulse = (struct pulse){ .started = now };
	if (!start_process(g, c)) {
		child_name(c, name);
		c->failed_starts++;
		mx_log(MX_LOG_ERROR, "cannot start %s: %s", name, strerror(errno));
		postpone(c, now, 0);
		return;
	}
	c->fresh = true;
	bool ok = outbox_put(c, MX_HANDOVER_CONFIG, 0, 0, config_copy(g));
	if (c->role == ROLE_RESOLVER && ipv6 >= 0)
		ok = ok && outbox_put(c, MX_HANDOVER_IPV6, (unsigned)ipv6, 0, -1);
	if (c->role == ROLE_FRONT)
		for (size_t i = 0; ok && i < g->listeners.count; i++)
			ok = outbox_put_copy(c,
				g->listeners.at[i].tcp ? MX_HANDOVER_TCP : MX_HANDOVER_UDP,
				listeners_worker(&g->listeners, i, g->workers),
				g->listeners.at[i].fd);
	if (c->role == ROLE_FRONT && g->control.fd >= 0)
		ok = ok && outbox_put_copy(c, MX_HANDOVER_CONTROL, 0, g->control.fd);
	if (c->role == ROLE_FRONT)
		for (size_t i = 0; ok && i < g->services.count; i++)
			ok = outbox_put_copy(c,
				g->services.at[i].kind == SERVICE_HTTP ?
					MX_HANDOVER_HTTP : MX_HANDOVER_POLICY,
				0, g->services.at[i].fd);
	if (!ok)
		condemn(c, "could not be handed its sockets");
}

static bool connect_pair(struct child *front, struct child *other,
			 enum mx_handover_type type, unsigned worker)
{
	int pair[2], size = CHANNEL_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
			(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	bool ok = outbox_put(front, type, worker, other->index, pair[0]);
	return outbox_put(other, type, worker, other->index, pair[1]) && ok;
}

/* All the pairs between two children, of which one is new. */
static bool connect_pairs(const struct generation *g, struct child *front,
			  struct child *other)
{
	if (other->role == ROLE_FETCHER)
		return connect_pair(front, other, MX_HANDOVER_FETCHER, 0);
	for (unsigned w = 0; w < mx_config_threads(&g->config); w++)
		if (!connect_pair(front, other, MX_HANDOVER_CHANNEL, w))
			return false;
	return true;
}

void generation_start_due(struct generation *g, int ipv6, mx_instant now)
{
	struct child *front = &g->child[0];

	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].pid == 0 && g->child[i].start_at <= now)
			start_child(g, &g->child[i], ipv6, now);

	/* A pair for each thread that asks wherever one of the two is new. */
	for (size_t i = 1; i < g->child_count; i++) {
		struct child *other = &g->child[i];
		if (front->pid != 0 && other->pid != 0 &&
		    (front->fresh || other->fresh) &&
		    !connect_pairs(g, front, other))
			condemn(other->fresh ? other : front,
				"could not be handed its channels");
	}

	for (size_t i = 0; i < g->child_count; i++) {
		struct child *c = &g->child[i];
		if (c->fresh && !outbox_put(c, MX_HANDOVER_GO, 0, 0, -1))
			condemn(c, "could not be told to begin");
		c->fresh = false;
	}
	generation_flush(g);
}

/* ---- watching ---- */

static int64_t cpu_used(pid_t pid)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return -1;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void beat(struct child *c, mx_instant now)
{
	int64_t cpu = cpu_used(c->pid);

	c->pulse.last = now;
	c->pulse.cpu_at_last = cpu >= 0 ? cpu : CPU_UNKNOWN;
}

void generation_judge(struct generation *g, mx_instant now)
{
	for (size_t i = 0; i < g->child_count; i++) {
		struct child *c = &g->child[i];
		if (c->pid == 0 || c->condemned)
			continue;
		/* Ask for the processor time only if it may matter. */
		int64_t cpu = now - c->pulse.last >= MX_SPIN_MS ? cpu_used(c->pid) : -1;
		enum verdict verdict = pulse_judge(&c->pulse, now, cpu);
		if (verdict != VERDICT_ALIVE)
			condemn(c, verdict_text(verdict));
	}
}

void generation_excuse(struct generation *g, mx_instant now)
{
	for (size_t i = 0; i < g->child_count; i++) {
		struct child *c = &g->child[i];
		if (c->pid == 0)
			continue;
		if (c->pulse.ready)
			beat(c, now);
		else
			c->pulse.started = now;
	}
}

static void got_ready(struct child *c, mx_instant now)
{
	char name[CHILD_NAME_MAX];

	if (c->pulse.ready)
		return;
	child_name(c, name);
	c->pulse.ready = true;
	c->failed_starts = 0;
	if (c->died_at)
		mx_log(MX_LOG_NOTICE, "%s is back after %d ms (pid %d)", name,
		       (int)(now - c->died_at), (int)c->pid);
	else
		mx_log(MX_LOG_INFO, "%s is ready after %d ms (pid %d)", name,
		       (int)(now - c->pulse.started), (int)c->pid);
}

static void message(struct child *c, const struct mx_handover *m, int *ipv6, mx_instant now)
{
	switch (m->type) {
	case MX_HANDOVER_READY:
		got_ready(c, now);
		beat(c, now);
		break;
	case MX_HANDOVER_HEARTBEAT:
		beat(c, now);
		break;
	case MX_HANDOVER_SAVED:
		if (m->a == c->save_number)
			c->save_owed = false;
		break;
	case MX_HANDOVER_SAVING:
		c->saving = true;
		break;
	case MX_HANDOVER_IPV6:
		if (c->role == ROLE_RESOLVER)
			*ipv6 = m->a != 0;
		break;
	default: /* nothing else comes from a child */
		break;
	}
}

void generation_receive(struct child *c, int *ipv6, mx_instant now)
{
	struct mx_handover m;

	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		int got = mx_handover_receive(c->control, &m);
		if (got > 0) {
			if (m.fd >= 0)
				close(m.fd);
			message(c, &m, ipv6, now);
			continue;
		}
		if (got < 0 && (errno == EAGAIN || errno == EPROTO))
			return;
		/* It is exiting, or will be killed for its silence. */
		close_fd(&c->control);
		outbox_clear(&c->outbox);
		return;
	}
}

static void describe(const struct child *c, int status, char *ret, size_t room)
{
	if (c->condemned)
		snprintf(ret, room, "%s and was killed", c->condemned);
	else if (WIFEXITED(status))
		snprintf(ret, room, "exited with status %d", WEXITSTATUS(status));
	else
		snprintf(ret, room, "died of SIG%s%s",
			 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?",
			 WCOREDUMP(status) ? " (core dumped)" : "");
}

static void log_death(const struct generation *g, const struct child *c,
		      pid_t pid, int status, int64_t delay)
{
	char name[CHILD_NAME_MAX], how[96], then[48] = "";
	bool wanted = g->phase == PHASE_ENDING ||
		(g->phase == PHASE_DRAINING && c->role == ROLE_FRONT && status == 0);

	child_name(c, name);
	describe(c, status, how, sizeof how);
	if (g->phase <= PHASE_SERVING) {
		if (delay)
			snprintf(then, sizeof then, "; starting another in %d ms", (int)delay);
		else
			snprintf(then, sizeof then, "; starting another");
	}
	mx_log(wanted ? MX_LOG_DEBUG : MX_LOG_WARNING, "%s (pid %d) %s%s", name,
	       (int)pid, how, then);
}

bool generation_reaped(struct generation *g, pid_t pid, int status, mx_instant now)
{
	struct child *c = NULL;

	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].pid == pid)
			c = &g->child[i];
	if (!c)
		return false;
	if (WIFSTOPPED(status)) {
		/* It would answer nothing, and nobody would know why. */
		condemn(c, "was stopped");
		return true;
	}
	if (!WIFEXITED(status) && !WIFSIGNALED(status))
		return true;

	c->pid = 0;
	close_fd(&c->control);
	outbox_clear(&c->outbox);
	if (!c->pulse.ready)
		c->failed_starts++;
	c->died_at = now;
	postpone(c, now, now - c->pulse.started);
	log_death(g, c, pid, status, c->start_at - now);
	return true;
}

/* ---- questions and orders ---- */

static bool needed(const struct child *c)
{
	return c->role != ROLE_FETCHER;
}

bool generation_ready(const struct generation *g)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (needed(&g->child[i]) &&
		    (g->child[i].pid == 0 || !g->child[i].pulse.ready))
			return false;
	return true;
}

const struct child *generation_hopeless(const struct generation *g)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (needed(&g->child[i]) &&
		    g->child[i].failed_starts >= FAILED_STARTS_MAX)
			return &g->child[i];
	return NULL;
}

unsigned generation_running(const struct generation *g)
{
	unsigned running = 0;

	for (size_t i = 0; i < g->child_count; i++)
		running += g->child[i].pid != 0;
	return running;
}

mx_instant generation_next_start(const struct generation *g)
{
	mx_instant next = INT64_MAX;

	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].pid == 0 && g->child[i].start_at < next)
			next = g->child[i].start_at;
	return next;
}

void generation_signal(struct generation *g, int number)
{
	for (size_t i = 0; i < g->child_count; i++)
		if (g->child[i].pid != 0)
			kill(g->child[i].pid, number);
}

void generation_drain(struct generation *g)
{
	struct child *front = &g->child[0];

	if (front->pid != 0 && !outbox_put(front, MX_HANDOVER_DRAIN, 0, 0, -1))
		condemn(front, "could not be told to finish");
	generation_flush(g);
}

bool generation_save(struct generation *g, unsigned number)
{
	struct child *front = &g->child[0];

	if (mx_config_snapshot_file(&g->config) == NULL || front->pid == 0 ||
	    front->control < 0 ||
	    !outbox_put(front, MX_HANDOVER_SAVE, number, 0, -1))
		return false;
	front->save_owed = true;
	front->save_number = number;
	generation_flush(g);
	return true;
}

bool generation_saves(const struct generation *g)
{
	return g->child[0].pid != 0 && g->child[0].save_owed;
}

bool generation_saves_last(const struct generation *g)
{
	return g->child[0].pid != 0 && g->child[0].saving;
}
