/* mx_sandbox.h - what a process may still do once it has what it needs.
 *
 * Three walls, each for when another has a hole: the account and no
 * capabilities (mx_privilege.h), a seccomp filter of the system calls of the
 * process's role, and Landlock, which leaves a child no file but those below
 * its folder, no TCP port to bind, and no process outside to signal or trace.
 *
 *   what is asked for                     what happens
 *   what the role needs                   it is done
 *   what only somebody else's code would  the process ends by SIGSYS, with a
 *   ask for: execve, ptrace, mount, ...   line that names the system call
 *   another file                          EACCES
 *   any other system call                 ENOSYS
 *
 * ENOSYS, since libraries fall back from calls that an older kernel does not
 * know, so that a new libc loses no mail.
 *
 * Neither wall can be taken down again, by whoever; both hold for all that the
 * process starts. So the supervisor, whose successor and children are not
 * known yet, is forbidden just what none of them will ever need, and no file.
 *
 * Threads  call before the first one is started.
 * Errors   none. What the kernel cannot do is said, and the process goes on:
 *          mail is not to stop for want of a second wall.
 */
#ifndef MX_SANDBOX_H
#define MX_SANDBOX_H

#include "mx_config.h"

enum mx_sandbox_role {
	MX_SANDBOX_SUPERVISOR,
	MX_SANDBOX_FRONT,    /* may not connect, bind, listen or start anything */
	MX_SANDBOX_RESOLVER, /* may connect, but not listen, accept or start */
	MX_SANDBOX_FETCHER,  /* may connect, TCP to port 443 alone; no file */
};

struct mx_sandbox {
	enum mx_sandbox_role role;
	/* Their files may be read, made, renamed and removed. None (NULL): no
	 * file may be opened for writing. They must be there already: a folder
	 * that is made or replaced later is another one. */
	const char *folders[2];
	/* May be read. NULL: none. */
	const char *file;
};

/* Does nothing with `sandbox: no`. */
void mx_sandbox_enter(const struct mx_config *config,
		      const struct mx_sandbox *sandbox);

#endif
