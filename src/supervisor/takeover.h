/* takeover.h - a new version in the same process.
 *
 * SIGUSR2 makes the supervisor replace its own program, so its process id,
 * its sockets and its children stay. In three steps:
 *   check   the new program is run with --check-config; if that fails or
 *           hangs, nothing has happened
 *   exec    the state is left in a memfd that MXBOUND_TAKEOVER names
 *   adopt   the new program finds it and starts children of its own beside
 *           the old ones (supervisor.c)
 */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "generation.h"

#define CHECK_MAX_MS (5000 * MX_SLOWDOWN_START)
#define CHECK_OUTPUT_MAX 4096

struct check {
	pid_t pid;    /* 0: none is running */
	int program;  /* O_PATH of what is checked, and executed later; -1 */
	int output;   /* read end; -1 */
	mx_instant until;
	bool timed_out;
	char text[CHECK_OUTPUT_MAX];
	size_t len;
};

/* false: not started (logged). */
bool check_start(struct check *check, const struct programs *programs,
		 char *const *argv, mx_instant now);
void check_read(struct check *check);
/* The process has ended; whether the new program may be executed. If not, it
 * has been logged why and the check is over. */
bool check_passed(struct check *check, int status);
void check_end(struct check *check);

/* Become the program; returns only if that failed, with all as before and
 * errno. */
void takeover_exec(const struct generation *g, int ipv6,
		   const struct programs *programs, int program,
		   char *const *argv);

/* What was left for this process. False if nothing was, or if it is not
 * usable, which is logged if `log`. */
bool takeover_find(struct state *ret, bool log);
/* To be called once found or not: nobody else is to find it. */
void takeover_forget(void);

#endif
