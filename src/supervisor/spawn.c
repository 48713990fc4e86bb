/* spawn.c - start a program, with nothing of ours but what it is given. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_handover.h"
#include "mx_log.h"
#include "mx_privilege.h"

/* ---- where programs are ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool programs_init(struct programs *ret)
{
	static const char gone[] = " (deleted)";
	char folder[PATH_MAX];
	struct stat info;

	ssize_t len = readlink("/proc/self/exe", ret->self, sizeof ret->self - 1);
	if (len <= 0)
		return false;
	ret->self[len] = '\0';
	/* Replaced while it was being started. */
	size_t cut = (size_t)len - (sizeof gone - 1);
	if ((size_t)len > sizeof gone && strcmp(ret->self + cut, gone) == 0 &&
	    stat(ret->self, &info) != 0)
		ret->self[cut] = '\0';

	int folder_len = (int)(base_name(ret->self) - ret->self);
	snprintf(folder, sizeof folder, "%.*s", folder_len, ret->self);
	ret->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return true;
}

void programs_clear(struct programs *programs)
{
	if (programs->folder >= 0)
		close(programs->folder);
	programs->folder = -1;
}

/* By path first: the folder may have been replaced as a whole since. */
static int open_beside(const struct programs *programs, const char *name)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "%.*s%s",
		 (int)(base_name(programs->self) - programs->self),
		 programs->self, name);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 && programs->folder >= 0)
		fd = openat(programs->folder, name, O_PATH | O_CLOEXEC);
	return fd;
}

/* Where `make install` puts them, whatever its PREFIX. Only if mxbound lies in
 * a folder of programs: what is beside any other may be anybody's. */
static int open_libexec(const struct programs *programs, const char *name)
{
	static const char *const folders[] = { "/sbin/", "/bin/" };
	int len = (int)(base_name(programs->self) - programs->self);
	char path[PATH_MAX + 64];

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		int end = (int)strlen(folders[i]);
		if (len < end || strncmp(programs->self + len - end, folders[i],
					 (size_t)end) != 0)
			continue;
		snprintf(path, sizeof path, "%.*s/libexec/mxbound/%s",
			 len - end, programs->self, name);
		return open(path, O_PATH | O_CLOEXEC);
	}
	errno = ENOENT;
	return -1;
}

int programs_open(const struct programs *programs, const char *name)
{
	char path[PATH_MAX];
	int fd = open_beside(programs, name);

	if (fd < 0 && errno == ENOENT)
		fd = open_libexec(programs, name);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(path, sizeof path, "%s/%s", MX_LIBEXECDIR, name);
	return open(path, O_PATH | O_CLOEXEC);
}

int programs_open_self(const struct programs *programs)
{
	return open_beside(programs, base_name(programs->self));
}

/* ---- exec ---- */

void exec_program(int program, char *const *argv)
{
	char link[64], path[PATH_MAX];
	struct stat held, there;

	snprintf(link, sizeof link, "/proc/self/fd/%d", program);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len > 0) {
		path[len] = '\0';
		if (fstat(program, &held) == 0 && stat(path, &there) == 0 &&
		    held.st_dev == there.st_dev && held.st_ino == there.st_ino)
			execv(path, argv);
	}
	execveat(program, "", argv, environ, AT_EMPTY_PATH);
}

static void reset_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGTSTP,
				       SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* two cannot be set: no matter */
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* dup2 onto itself would leave the descriptor close-on-exec. */
static bool place(int fd, int target)
{
	if (fd == target)
		return fcntl(fd, F_SETFD, 0) == 0;
	return dup2(fd, target) == target;
}

static void become_child(const struct spawn *s, pid_t parent)
{
	reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	mx_privilege_forget();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	/* The program's descriptor may be the very number that is needed. */
	int program = fcntl(s->program, F_DUPFD_CLOEXEC, MX_HANDOVER_FD + 1);
	bool ok = program >= 0;
	if (ok && s->output >= 0)
		ok = dup2(s->output, 1) == 1 && dup2(s->output, 2) == 2;
	if (ok && s->control >= 0)
		ok = place(s->control, MX_HANDOVER_FD);
	/* All of ours are close-on-exec; whoever started us may have left
	 * others open. */
	unsigned first = MX_HANDOVER_FD + (s->control >= 0);
	(void)close_range(first, ~0u, CLOSE_RANGE_CLOEXEC);
	if (ok)
		exec_program(program, s->argv);
	mx_log(MX_LOG_ERROR, "cannot execute %s: %s", s->argv[0],
	       strerror(errno));
	_exit(127);
}

pid_t spawn(const struct spawn *s)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become_child(s, parent);
	return pid;
}
