/* supervisor.c - bind, start, watch, hand over: the loop. */
#include "mx_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generation.h"
#include "mx_log.h"
#include "mx_privilege.h"
#include "mx_sandbox.h"
#include "takeover.h"

/* How often children are judged. */
#define TICK_MS 50
/* A round that took so much longer than asked for: the machine slept, or we
 * were stopped. */
#define AWAY_MS 1000
#define TAKEOVER_MAX_MS (10000 * MX_SLOWDOWN_START)
#define AFTER_KILL_MS 1000

struct supervisor {
	char **argv;
	struct programs programs;
	int signals;
	int ipv6; /* what a resolver found; -1: nothing yet */
	struct generation *current;
	struct generation *other; /* on its way out; or, while current is
				     STARTING, the one that serves */
	bool takeover_wanted;
	struct check check;
	bool check_passed; /* exec as soon as nothing is on its way to a child,
			      and the snapshot is written */
	unsigned save_number; /* of the last request for a snapshot */
	bool save_awaited;
	mx_instant save_until;
	mx_instant round_at;
	int stopped_by; /* signal; 0: none */
	bool killed;
	mx_instant stop_until, stop_saving_until;
	int exit_status;
};

/* ---- surroundings ---- */

/* A descriptor that we open must never become anybody's standard error. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
}

/* For the front's connections, and for pairs on their way to children, which
 * the kernel counts against this limit too. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int take_signals(void)
{
	static const int taken[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
				     SIGUSR2, SIGCHLD };
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	/* If whoever started us ignored it, children would vanish unseen. */
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- the end ---- */

static void signal_all(struct supervisor *s, int number)
{
	if (s->current)
		generation_signal(s->current, number);
	if (s->other)
		generation_signal(s->other, number);
}

static unsigned running(const struct supervisor *s)
{
	return (s->current ? generation_running(s->current) : 0) +
		(s->other ? generation_running(s->other) : 0);
}

static void begin_stop(struct supervisor *s, int number, mx_instant now)
{
	s->killed = s->stopped_by != 0; /* the second time: at once */
	if (!s->stopped_by)
		s->stopped_by = number;
	s->stop_until = now + (s->killed ? AFTER_KILL_MS : MX_STOP_MAX_MS);
	s->stop_saving_until = now + (s->killed ? 0 : MX_STOP_SAVING_MAX_MS);
	if (s->current)
		s->current->phase = PHASE_ENDING;
	if (s->other)
		s->other->phase = PHASE_ENDING;
	check_end(&s->check);
	signal_all(s, s->killed ? SIGKILL : SIGTERM);
}

static void give_up(struct supervisor *s, const struct child *c, mx_instant now)
{
	char name[CHILD_NAME_MAX];

	child_name(c, name);
	mx_log(MX_LOG_ERROR, "%s failed %u times at its start; giving up", name,
	       c->failed_starts);
	s->exit_status = 1;
	begin_stop(s, SIGTERM, now);
}

static bool saves_last(const struct supervisor *s)
{
	return (s->current && generation_saves_last(s->current)) ||
		(s->other && generation_saves_last(s->other));
}

/* Whether it is time to return. */
static bool stopped(struct supervisor *s, mx_instant now)
{
	if (!s->stopped_by)
		return false;
	if (running(s) == 0)
		return true;
	if (now < s->stop_until ||
	    (saves_last(s) && now < s->stop_saving_until))
		return false;
	if (s->killed)
		return true; /* in the kernel's hands */
	begin_stop(s, s->stopped_by, now);
	return false;
}

/* ---- taking over ---- */

static bool may_take_over(const struct supervisor *s)
{
	return s->current->phase == PHASE_SERVING && !s->other &&
		!s->check.pid && !s->check_passed;
}

static void request_takeover(struct supervisor *s)
{
	if (!may_take_over(s))
		mx_log(MX_LOG_NOTICE,
		       "SIGUSR2: noted; a start is still going on, and comes first");
	s->takeover_wanted = true;
}

/* ---- snapshots ---- */

static void request_snapshot(struct supervisor *s)
{
	if (mx_config_snapshot_file(&s->current->config) == NULL)
		mx_log(MX_LOG_NOTICE,
		       "SIGUSR1: there is no snapshot to write; set snapshot-file or state-dir");
	else if (!generation_save(s->current, ++s->save_number))
		mx_log(MX_LOG_NOTICE,
		       "SIGUSR1: mxbound-front is just being started; no snapshot is written");
}

/* So that the new version starts with all that the old one knows. */
static void save_before_exec(struct supervisor *s, mx_instant now)
{
	s->save_awaited = generation_save(s->current, ++s->save_number);
	s->save_until = now + MX_TAKEOVER_SAVE_MAX_MS;
}

static bool waits_for_snapshot(struct supervisor *s, mx_instant now)
{
	if (!s->save_awaited)
		return false;
	if (generation_saves(s->current) && now < s->save_until) {
		/* The check's own time is for what comes after. */
		s->check.until = now + CHECK_MAX_MS;
		return true;
	}
	if (now >= s->save_until)
		mx_log(MX_LOG_NOTICE, "the snapshot is not written within %d s; taking over with the one before",
		       MX_TAKEOVER_SAVE_MAX_MS / 1000);
	s->save_awaited = false;
	return false;
}

/* Not before all has been handed over to a child that is being started: the
 * next program would not know what is missing. */
static void try_exec(struct supervisor *s, mx_instant now)
{
	if (waits_for_snapshot(s, now))
		return;
	if (!generation_outboxes_empty(s->current)) {
		if (now < s->check.until)
			return;
		mx_log(MX_LOG_ERROR, "not taken over: a child does not take what it is given; going on as before");
	} else {
		takeover_exec(s->current, s->ipv6, &s->programs,
			      s->check.program, s->argv);
		mx_log(MX_LOG_ERROR, "not taken over: cannot execute %s: %s; going on as before",
		       s->programs.self, strerror(errno));
	}
	s->check_passed = false;
	check_end(&s->check);
}

static void watch_check(struct supervisor *s, mx_instant now)
{
	if (s->takeover_wanted && may_take_over(s)) {
		s->takeover_wanted = false;
		mx_log(MX_LOG_NOTICE, "SIGUSR2: checking %s", s->programs.self);
		(void)check_start(&s->check, &s->programs, s->argv, now);
	} else if (s->check_passed) {
		try_exec(s, now);
	} else if (s->check.pid && now >= s->check.until && !s->check.timed_out) {
		s->check.timed_out = true;
		kill(s->check.pid, SIGKILL);
	}
}

/* The new children did not come up: those that serve go on serving. */
static void fall_back(struct supervisor *s, mx_instant now)
{
	struct generation *failed = s->current;

	mx_log(MX_LOG_ERROR, "not taken over: the new version's processes do not get ready; going on with the old ones");
	s->current = s->other;
	s->other = failed;
	failed->phase = PHASE_ENDING;
	failed->phase_until = now;
	generation_signal(failed, SIGKILL);
	/* More workers were wanted: the sockets that were added have queries
	 * by now. The front gets its sockets at its start, so it is started
	 * again; until then they wait. */
	if (listeners_take_shared(&s->current->listeners, &failed->listeners) > 0)
		generation_drain(s->current);
}

static void end_generation(struct generation *g, mx_instant now)
{
	g->phase = PHASE_ENDING;
	g->phase_until = now + MX_STOP_MAX_MS;
	generation_signal(g, SIGTERM);
}

/* ---- rounds ---- */

static void advance_current(struct supervisor *s, mx_instant now)
{
	struct generation *g = s->current;

	if (g->phase != PHASE_STARTING)
		return;
	const struct child *hopeless = generation_hopeless(g);
	if (generation_ready(g)) {
		g->phase = PHASE_SERVING;
		if (!s->other)
			return;
		mx_log(MX_LOG_NOTICE, "taken over by mxbound %s", MX_VERSION);
		s->other->phase = PHASE_DRAINING;
		s->other->phase_until = now + MX_DRAIN_MAX_MS;
		generation_drain(s->other);
	} else if (s->other && (hopeless || now >= g->phase_until)) {
		fall_back(s, now);
	} else if (hopeless) {
		give_up(s, hopeless, now);
	}
}

static void advance_other(struct supervisor *s, mx_instant now)
{
	struct generation *g = s->other;

	if (!g || g->phase < PHASE_DRAINING)
		return;
	if (g->phase == PHASE_DRAINING) {
		if (g->child[0].pid != 0 && now < g->phase_until)
			return;
		if (g->child[0].pid != 0)
			mx_log(MX_LOG_WARNING, "the old mxbound-front did not finish within %d s",
			       MX_DRAIN_MAX_MS / 1000);
		end_generation(g, now);
	}
	if (generation_running(g) == 0) {
		if (strcmp(g->control.path, s->current->control.path) != 0)
			control_socket_remove(&g->control);
		service_sockets_remove(&g->services, &s->current->services);
		generation_free(g);
		s->other = NULL;
		mx_log(MX_LOG_INFO, "the last process of the other version is gone");
	} else if (now >= g->phase_until && !s->stopped_by) {
		generation_signal(g, SIGKILL);
	}
}

static void watch_generation(struct supervisor *s, struct generation *g, mx_instant now)
{
	if (!g || g->phase == PHASE_ENDING)
		return;
	if (g->phase <= PHASE_SERVING)
		generation_start_due(g, s->ipv6, now);
	generation_judge(g, now);
	generation_flush(g);
}

static void after_check(struct supervisor *s, bool passed, mx_instant now)
{
	s->check_passed = passed;
	if (passed)
		save_before_exec(s, now);
}

static void reap(struct supervisor *s, mx_instant now)
{
	int status;

	for (;;) {
		pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
		if (pid <= 0)
			return;
		if (generation_reaped(s->current, pid, status, now) ||
		    (s->other && generation_reaped(s->other, pid, status, now)))
			continue;
		if (pid == s->check.pid && !WIFSTOPPED(status))
			after_check(s, check_passed(&s->check, status), now);
	}
}

static void take_signal(struct supervisor *s, const struct signalfd_siginfo *info,
			mx_instant now)
{
	int number = (int)info->ssi_signo;

	switch (number) {
	case SIGTERM:
	case SIGINT:
		begin_stop(s, number, now);
		break;
	case SIGUSR1:
		if (!s->stopped_by)
			request_snapshot(s);
		break;
	case SIGUSR2:
		if (!s->stopped_by)
			request_takeover(s);
		break;
	case SIGHUP:
		/* The terminal is gone, not somebody's wish for a reload. */
		if (info->ssi_code == SI_KERNEL)
			begin_stop(s, number, now);
		else
			mx_log(MX_LOG_NOTICE,
			       "SIGHUP: ignored; SIGUSR2 reads the configuration anew, without a query lost");
		break;
	default: /* SIGCHLD: reap() looks for itself */
		break;
	}
}

static void read_signals(struct supervisor *s, mx_instant now)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
		take_signal(s, &info, now);
}

/* What poll waits for, and for whom. */
struct waits {
	struct pollfd at[2 + 2 * CHILDREN_MAX];
	struct child *child[2 + 2 * CHILDREN_MAX];
	nfds_t count;
};

static void wait_for(struct waits *w, int fd, short events, struct child *c)
{
	if (fd < 0)
		return;
	w->at[w->count] = (struct pollfd){ .fd = fd, .events = events };
	w->child[w->count++] = c;
}

static void wait_for_children(struct waits *w, struct generation *g)
{
	for (size_t i = 0; g && i < g->child_count; i++) {
		struct child *c = &g->child[i];
		wait_for(w, c->control,
			 (short)(POLLIN | (c->outbox.blocked ? POLLOUT : 0)), c);
	}
}

static int timeout(const struct supervisor *s, mx_instant now)
{
	mx_instant next = now + TICK_MS;
	const struct generation *both[] = { s->current, s->other };

	for (int i = 0; i < 2; i++) {
		if (!both[i] || both[i]->phase > PHASE_SERVING)
			continue;
		mx_instant start = generation_next_start(both[i]);
		if (start < next)
			next = start;
	}
	return next > now ? (int)(next - now) : 0;
}

static void wait_round(struct supervisor *s)
{
	struct waits w = { .count = 0 };

	wait_for(&w, s->signals, POLLIN, NULL);
	wait_for(&w, s->check.output, POLLIN, NULL);
	wait_for_children(&w, s->current);
	wait_for_children(&w, s->other);
	if (poll(w.at, w.count, timeout(s, mx_clock_now())) < 0)
		return;

	mx_instant now = mx_clock_now();
	for (nfds_t i = 0; i < w.count; i++) {
		if (!w.at[i].revents)
			continue;
		if (w.child[i])
			generation_receive(w.child[i], &s->ipv6, now);
		else if (w.at[i].fd == s->check.output)
			check_read(&s->check);
	}
	/* After the messages: a child's last words come before its death. */
	read_signals(s, now);
	reap(s, now);
}

static void excuse_absence(struct supervisor *s, mx_instant now)
{
	if (s->round_at && now - s->round_at > AWAY_MS) {
		generation_excuse(s->current, now);
		if (s->other)
			generation_excuse(s->other, now);
	}
	s->round_at = now;
}

static void serve(struct supervisor *s)
{
	for (;;) {
		mx_instant now = mx_clock_now();

		excuse_absence(s, now);
		if (stopped(s, now))
			return;
		if (!s->stopped_by) {
			watch_generation(s, s->current, now);
			watch_generation(s, s->other, now);
			advance_current(s, now);
			advance_other(s, now);
			watch_check(s, now);
		}
		wait_round(s);
	}
}

/* ---- the beginning ---- */

static bool settle(struct generation *g)
{
	uid_t uid;
	gid_t gid;

	if (mx_privilege_ids(&g->config, &uid, &gid) != MX_OK)
		return false;
	if (uid != geteuid())
		listeners_give(&g->listeners, uid, gid);
	return mx_drop_privileges_keep_bind(&g->config) == MX_OK;
}

static struct generation *prepare(struct mx_config *config,
				  const struct programs *programs,
				  const struct generation *old)
{
	struct generation *g = generation_new(config, programs, old);

	if (g && !settle(g)) {
		generation_free(g);
		g = NULL;
	}
	return g;
}

/* The generation that a former program image left, or NULL. */
static struct generation *adopt(struct supervisor *s)
{
	struct generation *g = NULL;
	struct state state;

	if (takeover_find(&state, true)) {
		g = generation_adopt(&state, mx_clock_now());
		if (g) {
			s->ipv6 = state.ipv6;
			if (state.folder >= 0) {
				(void)fcntl(state.folder, F_SETFD, FD_CLOEXEC);
				programs_clear(&s->programs);
				s->programs.folder = state.folder;
			}
		}
		state_free(&state);
	}
	takeover_forget();
	return g;
}

static bool begin(struct supervisor *s, struct mx_config *config)
{
	if (!programs_init(&s->programs)) {
		mx_log(MX_LOG_ERROR, "cannot find out where mxbound is: /proc/self/exe: %s",
		       strerror(errno));
		return false;
	}
	struct generation *old = adopt(s);

	s->current = prepare(config, &s->programs, old);
	if (s->current) {
		mx_sandbox_enter(&s->current->config, &(struct mx_sandbox){
			.role = MX_SANDBOX_SUPERVISOR });
		s->other = old;
		if (old)
			s->current->phase_until = mx_clock_now() + TAKEOVER_MAX_MS;
	} else if (old) {
		mx_log(MX_LOG_ERROR, "not taken over; going on with the old processes and their configuration");
		s->current = old;
	}
	return s->current != NULL;
}

int mx_supervisor_run(struct mx_config *config, int argc, char **argv)
{
	struct supervisor s = {
		.argv = argv,
		.programs = { .folder = -1 },
		.ipv6 = -1,
		.check = { .program = -1, .output = -1 },
		/* What was asked for before an exec has another one. */
		.save_number = (unsigned)mx_clock_now(),
	};

	(void)argc;
	fill_standard_descriptors();
	raise_descriptor_limit();
	s.signals = take_signals();
	if (s.signals < 0) {
		mx_log(MX_LOG_ERROR, "signalfd: %s", strerror(errno));
		mx_config_clear(config);
		return 1;
	}
	if (begin(&s, config))
		serve(&s);
	else
		s.exit_status = 1;
	if (s.stopped_by && s.exit_status == 0)
		mx_log(MX_LOG_NOTICE, "stopped by SIG%s", sigabbrev_np(s.stopped_by));

	check_end(&s.check);
	if (s.current) {
		control_socket_remove(&s.current->control);
		service_sockets_remove(&s.current->services, NULL);
	}
	if (s.other) {
		control_socket_remove(&s.other->control);
		service_sockets_remove(&s.other->services, NULL);
	}
	generation_free(s.current);
	generation_free(s.other);
	programs_clear(&s.programs);
	mx_config_clear(config);
	close(s.signals);
	return s.exit_status;
}
