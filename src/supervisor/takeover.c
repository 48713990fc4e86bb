/* takeover.c - a new version in the same process. */
#include "takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_log.h"
#include "mx_supervisor.h"
#include "sealed.h"

#define ENVIRONMENT "MXBOUND_TAKEOVER"

/* ---- check ---- */

static char **check_arguments(char *const *argv)
{
	size_t count = 0;

	while (argv[count])
		count++;
	char **all = calloc(count + 3, sizeof *all);
	if (!all)
		return NULL;
	all[0] = argv[0];
	for (size_t i = 1; i < count; i++)
		all[i + 1] = argv[i];
	return all;
}

void check_end(struct check *check)
{
	if (check->pid > 0)
		kill(check->pid, SIGKILL);
	if (check->program >= 0)
		close(check->program);
	if (check->output >= 0)
		close(check->output);
	*check = (struct check){ .program = -1, .output = -1 };
}

bool check_start(struct check *check, const struct programs *programs,
		 char *const *argv, mx_instant now)
{
	static char option[] = "--check-config";
	int ends[2] = { -1, -1 };
	char **all = check_arguments(argv);

	*check = (struct check){ .program = programs_open_self(programs),
				 .output = -1, .until = now + CHECK_MAX_MS };
	if (all && check->program >= 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
		all[1] = option;
		check->output = ends[0];
		check->pid = spawn(&(struct spawn){ .program = check->program,
						    .argv = all, .control = -1,
						    .output = ends[1] });
		int cause = errno;
		close(ends[1]);
		errno = cause;
	}
	free(all);
	if (check->pid > 0)
		return true;
	check->pid = 0;
	mx_log(MX_LOG_ERROR, "not taken over: cannot run %s: %s%s; going on as before",
	       programs->self, strerror(errno),
	       errno == EACCES ? " for the account this works as (restart it instead)" : "");
	check_end(check);
	return false;
}

void check_read(struct check *check)
{
	char rest[512];

	for (;;) {
		bool full = check->len == sizeof check->text - 1;
		ssize_t got = full ? read(check->output, rest, sizeof rest) :
			read(check->output, check->text + check->len,
			     sizeof check->text - 1 - check->len);
		if (got <= 0) {
			if (got == 0 || errno != EAGAIN) {
				close(check->output);
				check->output = -1;
			}
			return;
		}
		if (!full)
			check->len += (size_t)got;
	}
}

bool check_passed(struct check *check, int status)
{
	if (check->output >= 0)
		check_read(check);
	check->text[check->len] = '\0';
	check->pid = 0;
	if (!check->timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;

	for (char *rest = NULL, *line = strtok_r(check->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		mx_log(MX_LOG_ERROR, "new version says: %s", line);
	if (check->timed_out)
		mx_log(MX_LOG_ERROR, "not taken over: --check-config did not end within %d s; going on as before",
		       CHECK_MAX_MS / 1000);
	else if (WIFEXITED(status))
		mx_log(MX_LOG_ERROR, "not taken over: --check-config failed with status %d; going on as before",
		       WEXITSTATUS(status));
	else
		mx_log(MX_LOG_ERROR, "not taken over: --check-config died of SIG%s; going on as before",
		       sigabbrev_np(WTERMSIG(status)));
	check_end(check);
	return false;
}

/* ---- exec ---- */

static void describe(struct state *ret, const struct generation *g, int ipv6,
		     const struct programs *programs)
{
	*ret = (struct state){
		.self = getpid(),
		.generation = g->number,
		.ipv6 = ipv6,
		.config = g->config_fd,
		.folder = programs->folder,
		.listeners = g->listeners, /* borrowed */
		.control = g->control, /* likewise */
		.services = g->services, /* likewise */
		.child_count = g->child_count,
	};
	for (int role = 0; role < ROLE_COUNT; role++)
		ret->program[role] = g->program[role];
	for (size_t i = 0; i < g->child_count; i++)
		ret->child[i] = (struct state_child){
			.role = g->child[i].role,
			.index = g->child[i].index,
			.pid = g->child[i].pid,
			.control = g->child[i].control,
			.ready = g->child[i].pulse.ready,
		};
}

static int save(const struct state *state)
{
	int fd = sealed_create("mxbound-takeover");
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;
	bool ok = out && state_write(state, out);

	if (out)
		ok = fclose(out) == 0 && ok;
	else if (copy >= 0)
		close(copy);
	if (ok && sealed_seal(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void pass_on(int fd, bool on)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
}

static void pass_on_all(const struct state *state, bool on)
{
	pass_on(state->config, on);
	pass_on(state->folder, on);
	for (int role = 0; role < ROLE_COUNT; role++)
		pass_on(state->program[role], on);
	for (size_t i = 0; i < state->listeners.count; i++)
		pass_on(state->listeners.at[i].fd, on);
	pass_on(state->control.fd, on);
	for (size_t i = 0; i < state->services.count; i++)
		pass_on(state->services.at[i].fd, on);
	for (size_t i = 0; i < state->child_count; i++)
		pass_on(state->child[i].control, on);
}

void takeover_exec(const struct generation *g, int ipv6,
		   const struct programs *programs, int program,
		   char *const *argv)
{
	struct state state;
	char number[16];

	describe(&state, g, ipv6, programs);
	int fd = save(&state);
	if (fd < 0)
		return;
	snprintf(number, sizeof number, "%d", fd);
	if (setenv(ENVIRONMENT, number, 1) == 0) {
		pass_on(fd, true);
		pass_on_all(&state, true);
		exec_program(program, argv);
	}
	int cause = errno;
	pass_on_all(&state, false);
	unsetenv(ENVIRONMENT);
	close(fd);
	errno = cause;
}

/* ---- adopt ---- */

/* The descriptor that the environment names, if it can be one of ours. */
static int named_descriptor(void)
{
	const char *text = getenv(ENVIRONMENT);
	struct stat info;

	if (!text)
		return -1;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 7 || text[digits] != '\0')
		return -1;
	int fd = atoi(text);
	if (fd < 3 || !sealed_is(fd) || fstat(fd, &info) != 0 ||
	    info.st_size <= 0 || info.st_size > (off_t)STATE_OCTETS_MAX)
		return -1;
	return fd;
}

static bool load(int fd, struct state *ret, char error[STATE_ERROR_MAX])
{
	struct stat info;
	char *text = NULL;
	bool ok = false;

	snprintf(error, STATE_ERROR_MAX, "cannot be read");
	if (fstat(fd, &info) == 0)
		text = malloc((size_t)info.st_size);
	if (text && pread(fd, text, (size_t)info.st_size, 0) == info.st_size)
		ok = state_read(text, (size_t)info.st_size, ret, error) == MX_OK;
	free(text);
	if (ok && ret->self != getpid()) {
		snprintf(error, STATE_ERROR_MAX, "it is another process's");
		state_free(ret);
		ok = false;
	}
	return ok;
}

bool takeover_find(struct state *ret, bool log)
{
	char error[STATE_ERROR_MAX] = "no such descriptor";
	int fd = named_descriptor();

	if (!getenv(ENVIRONMENT))
		return false;
	if (fd >= 0 && load(fd, ret, error))
		return true;
	if (log)
		mx_log(MX_LOG_ERROR, "cannot take over what " ENVIRONMENT " names: %s",
		       error);
	return false;
}

void takeover_forget(void)
{
	int fd = named_descriptor();

	if (fd >= 0)
		close(fd);
	unsetenv(ENVIRONMENT);
}

bool mx_supervisor_takeover_pending(void)
{
	struct state state;
	bool pending = takeover_find(&state, false);

	if (pending)
		state_free(&state);
	return pending;
}

enum mx_error mx_supervisor_old_config(struct mx_config *ret,
				       char error[MX_CONFIG_ERROR_MAX])
{
	struct state state;

	if (!takeover_find(&state, false)) {
		snprintf(error, MX_CONFIG_ERROR_MAX, "there is no former configuration");
		return MX_E_CONFIG;
	}
	enum mx_error err = mx_config_read(ret, state.config, error);
	state_free(&state);
	return err;
}
