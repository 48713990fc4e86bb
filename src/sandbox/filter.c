/* filter.c - the tables of rules.c as a seccomp filter. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "mx_log.h"
#include "rules.h"
#include "walls.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

/* The kernel has not done it. Whoever runs in this process could take this
 * handler away; the call would not be done all the same. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
	const char *name = "?";

	(void)context;
	if (info->si_code != SYS_SECCOMP)
		return;
	for (size_t i = 0; i < forbidden_count; i++)
		if (forbidden[i].call == info->si_syscall)
			name = forbidden[i].name;
	if (info->si_syscall == SCMP_SYS(clone))
		name = "clone";
	if (info->si_syscall == SCMP_SYS(kill))
		name = "kill";
	mx_log(MX_LOG_ERROR,
	       "sandbox: system call %s (%d) is forbidden here: a fault, or somebody who has broken in; this process ends. Please report it; \"sandbox: no\" would allow it",
	       name, info->si_syscall);
	signal(number, SIG_DFL);
	raise(number);
}

static bool catch_forbidden(void)
{
	struct sigaction action = { .sa_sigaction = on_forbidden,
				    .sa_flags = SA_SIGINFO | SA_NODEFER };

	return sigaction(SIGSYS, &action, NULL) == 0;
}

/* ---- rules ---- */

struct build {
	scmp_filter_ctx filter;
	int error; /* the first, as errno */
};

static void add(struct build *b, uint32_t action, int call, unsigned count,
		const struct scmp_arg_cmp *args)
{
	int status = seccomp_rule_add_array(b->filter, action, call, count, args);

	/* -EDOM: a call that this architecture does not have. */
	if (status < 0 && status != -EDOM && b->error == 0)
		b->error = -status;
}

static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){ .arg = arg, .op = SCMP_CMP_MASKED_EQ,
				      .datum_a = mask, .datum_b = value };
}

static void add_if(struct build *b, uint32_t action, int call, unsigned arg,
		   uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp condition = masked(arg, mask, value);

	add(b, action, call, mask != 0, &condition);
}

static void add_forbidden(struct build *b, enum mx_sandbox_role role)
{
	for (size_t i = 0; i < forbidden_count; i++)
		if (forbidden[i].roles & ROLE(role))
			add(b, SCMP_ACT_TRAP, forbidden[i].call, 0, NULL);
}

/* To others no signal, to itself any: abort() is one. */
static void add_signals(struct build *b)
{
	uint64_t self = (uint64_t)getpid();
	struct scmp_arg_cmp other[] = {
		{ .arg = 0, .op = SCMP_CMP_NE, .datum_a = self },
		{ .arg = 1, .op = SCMP_CMP_NE, .datum_a = 0 },
	};

	add(b, SCMP_ACT_TRAP, SCMP_SYS(kill), 2, other);
	add_if(b, SCMP_ACT_ALLOW, SCMP_SYS(kill), 0, UINT64_MAX, self);
	add_if(b, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, UINT64_MAX, self);
}

/* Which files is Landlock's matter. */
static void add_files(struct build *b, const struct mx_sandbox *sandbox)
{
	/* libunbound reads what is in memory, by its name below /proc. */
	bool writes_some = sandbox->folders[0] || sandbox->folders[1];
	bool reads = writes_some || sandbox->file ||
		sandbox->role == MX_SANDBOX_RESOLVER;
	uint32_t read = reads ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES);
	uint32_t write = writes_some ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES);
	const uint64_t writes = O_ACCMODE | O_CREAT | O_TRUNC;

	for (size_t i = 0; i < reading_count; i++)
		add(b, read, reading[i], 0, NULL);
	for (size_t i = 0; i < writing_count; i++)
		add(b, write, writing[i], 0, NULL);
	if (writes_some || !reads) {
		add(b, write, SCMP_SYS(openat), 0, NULL);
		add(b, write, SCMP_SYS(open), 0, NULL);
	} else {
		add_if(b, SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, writes, O_RDONLY);
		add_if(b, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, writes, O_RDONLY);
	}
}

static void add_allowed(struct build *b, const struct mx_sandbox *sandbox)
{
	for (size_t i = 0; i < allowed_count; i++)
		if (allowed[i].roles & ROLE(sandbox->role))
			add_if(b, SCMP_ACT_ALLOW, allowed[i].call, allowed[i].arg,
			       allowed[i].mask, allowed[i].value);
	add_signals(b);
	add_files(b, sandbox);
	/* A process rather than a thread. */
	add_if(b, SCMP_ACT_TRAP, SCMP_SYS(clone), 0, CLONE_THREAD, 0);
}

/* Sanitizers make too many calls of their own. */
static bool is_open(enum mx_sandbox_role role)
{
#ifdef MX_SANITIZED
	(void)role;
	return true;
#else
	return role == MX_SANDBOX_SUPERVISOR;
#endif
}

static void build(struct build *b, const struct mx_sandbox *sandbox)
{
	/* One that goes past all others' numbers, such as 32-bit calls. */
	(void)seccomp_attr_set(b->filter, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_KILL_PROCESS);
	/* We run nobody's program, so no slower branches for us. */
	(void)seccomp_attr_set(b->filter, SCMP_FLTATR_CTL_SSB, 1);
	/* Where the kernel has no cache of its answers: a tree, no list. */
	(void)seccomp_attr_set(b->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	add_forbidden(b, sandbox->role);
	if (is_open(sandbox->role))
		for (size_t i = 0; i < unknown_count; i++)
			add(b, SCMP_ACT_ERRNO(ENOSYS), unknown_to_all[i], 0, NULL);
	else
		add_allowed(b, sandbox);
}

bool filter_enter(const struct mx_sandbox *sandbox)
{
	struct build b = { .filter = seccomp_init(is_open(sandbox->role) ?
							  SCMP_ACT_ALLOW :
							  SCMP_ACT_ERRNO(ENOSYS)) };

	if (!b.filter) {
		errno = ENOMEM;
		return false;
	}
	build(&b, sandbox);
	if (b.error == 0 && !catch_forbidden())
		b.error = errno;
	if (b.error == 0) {
		int status = seccomp_load(b.filter); /* no-new-privs with it */

		b.error = status < 0 ? -status : 0;
	}
	seccomp_release(b.filter);
	errno = b.error;
	return b.error == 0;
}
