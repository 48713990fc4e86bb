/* rules.c - which system calls a role may make, and which end it.
 *
 * What a row of `allowed` lacks fails with ENOSYS, and whoever asked can say so
 * or do without. `forbidden` are those that no library will ever ask for in
 * such a process, so whoever does has taken it over. When in doubt, a call is
 * in neither table.
 */
#include "rules.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define S ROLE(MX_SANDBOX_SUPERVISOR)
#define F ROLE(MX_SANDBOX_FRONT)
#define R ROLE(MX_SANDBOX_RESOLVER)
#define E ROLE(MX_SANDBOX_FETCHER)
#define CHILD (F | R | E)
#define ALL (S | CHILD)

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define CALL(name, roles) { SCMP_SYS(name), roles, 0, 0, 0 }
#define CALL_IF(name, roles, arg, mask, value) \
	{ SCMP_SYS(name), roles, arg, mask, value }
/* An argument of type int: what is above it may be anything. */
#define INT 0xffffffffu

const struct allowed allowed[] = {
	/* Memory; none that could be executed. */
	CALL(brk, CHILD),
	CALL_IF(mmap, CHILD, 2, PROT_EXEC, 0),
	CALL_IF(mmap2, CHILD, 2, PROT_EXEC, 0),
	CALL_IF(mprotect, CHILD, 2, PROT_EXEC, 0),
	CALL(munmap, CHILD),
	CALL(mremap, CHILD),
	CALL(madvise, CHILD),
	CALL(memfd_create, R), /* files for libunbound */

	/* Descriptors that are there. */
	CALL(read, CHILD),
	CALL(readv, CHILD),
	CALL(pread64, CHILD),
	CALL(write, CHILD),
	CALL(writev, CHILD),
	CALL(pwrite64, CHILD),
	CALL(close, CHILD),
	CALL(fcntl, CHILD),
	CALL(fcntl64, CHILD),
	CALL(ioctl, CHILD), /* FIONREAD; other devices: Landlock */
	CALL(lseek, CHILD),
	CALL(_llseek, CHILD),
	CALL(fstat, CHILD),
	CALL(fstat64, CHILD),
	CALL(newfstatat, CHILD),
	CALL(fstatat64, CHILD),
	CALL(statx, CHILD),
	CALL(stat, CHILD),
	CALL(lstat, CHILD),
	CALL(fsync, CHILD),
	CALL(fdatasync, CHILD),
	CALL(ftruncate, CHILD),
	CALL(getdents64, CHILD),

	/* Waiting. */
	CALL(epoll_create1, CHILD),
	CALL(epoll_create, CHILD),
	CALL(epoll_ctl, CHILD),
	CALL(epoll_wait, CHILD),
	CALL(epoll_pwait, CHILD),
	CALL(epoll_pwait2, CHILD),
	CALL(poll, CHILD),
	CALL(ppoll, CHILD),
	CALL(select, CHILD),
	CALL(pselect6, CHILD),
	CALL(eventfd2, CHILD),
	CALL(timerfd_create, CHILD),
	CALL(timerfd_settime, CHILD),
	CALL(pipe2, CHILD),
	CALL(pipe, CHILD),
	CALL_IF(socketpair, CHILD, 0, INT, AF_UNIX), /* some libevents' signals */
	CALL(futex, CHILD),
	CALL(nanosleep, CHILD),
	CALL(clock_nanosleep, CHILD),
	CALL(sched_yield, CHILD),
	CALL(restart_syscall, CHILD),

	/* Sockets that are there, and those for what is asked outside. */
	CALL(sendmsg, CHILD),
	CALL(sendto, CHILD),
	CALL(send, CHILD),
	CALL(recvmsg, CHILD),
	CALL(recvfrom, CHILD),
	CALL(recv, CHILD),
	CALL(shutdown, CHILD),
	CALL(getsockopt, CHILD),
	CALL(setsockopt, CHILD),
	CALL(getsockname, CHILD),
	CALL(getpeername, CHILD),
	CALL(sendmmsg, F),
	CALL(recvmmsg, F),
	CALL(accept4, F),
	CALL(accept, F),
	CALL_IF(socket, R | E, 0, INT, AF_INET),
	CALL_IF(socket, R | E, 0, INT, AF_INET6),
	CALL(connect, R | E),
	CALL(bind, R), /* each question from a random UDP port */

	/* Threads, and what a thread asks about itself. clone3() keeps its
	 * flags where no filter can see them: libc falls back. */
	CALL_IF(clone, F, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM),
	CALL(set_robust_list, CHILD),
	CALL(rseq, CHILD),
	CALL(membarrier, CHILD),
	CALL(sched_getaffinity, CHILD),
	CALL(sched_getattr, F),
	CALL(sched_setattr, F),
	CALL(setpriority, F), /* services, the snapshot: lower */
	CALL(getpriority, F),
	CALL_IF(prctl, CHILD, 0, INT, PR_SET_NAME),
	CALL(gettid, CHILD),
	CALL(exit, CHILD),
	CALL(exit_group, CHILD),

	CALL(rt_sigaction, CHILD),
	CALL(rt_sigprocmask, CHILD),
	CALL(rt_sigreturn, CHILD),
	CALL(sigaltstack, CHILD),
	CALL_IF(kill, F, 1, INT, 0), /* is the writer of a left file alive? */

	/* Time, chance, who and where we are. */
	CALL(clock_gettime, CHILD),
	CALL(clock_gettime64, CHILD),
	CALL(clock_getres, CHILD),
	CALL(gettimeofday, CHILD),
	CALL(time, CHILD),
	CALL(getrandom, CHILD),
	CALL(getpid, CHILD),
	CALL(getppid, CHILD),
	CALL(getuid, CHILD),
	CALL(geteuid, CHILD),
	CALL(getgid, CHILD),
	CALL(getegid, CHILD),
	CALL(getrusage, CHILD),
	CALL_IF(prlimit64, CHILD, 2, UINT64_MAX, 0), /* looks, sets nothing */
	CALL(getrlimit, CHILD),
	CALL(ugetrlimit, CHILD),
	CALL(sysinfo, CHILD),
	CALL(uname, CHILD),
	CALL(getcpu, CHILD),
};
const size_t allowed_count = COUNT(allowed);

const int writing[] = {
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat),
};
const size_t writing_count = COUNT(writing);

/* For reading too, or else they would fail with ENOSYS. */
const int reading[] = {
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};
const size_t reading_count = COUNT(reading);

#define END(name, roles) { SCMP_SYS(name), #name, roles }

/* What sanitizers do at the end of a program to look for leaks, and to print a
 * stack: the only place where they differ, but for Landlock's. */
#ifdef MX_SANITIZED
#define NOT_SANITIZED 0u
#else
#define NOT_SANITIZED ALL
#endif

const struct forbidden forbidden[] = {
	/* Start another program or process (and see filter.c: clone). */
	END(execve, CHILD & NOT_SANITIZED),
	END(execveat, CHILD & NOT_SANITIZED),
	END(fork, CHILD & NOT_SANITIZED),
	END(vfork, CHILD & NOT_SANITIZED),

	/* The other side of the network. */
	END(connect, F),
	END(bind, F),
	END(listen, CHILD),
	END(accept, R | E),
	END(accept4, R | E),

	/* Other processes. */
	END(ptrace, ALL & NOT_SANITIZED),
	END(process_vm_readv, ALL),
	END(process_vm_writev, ALL),
	END(process_madvise, ALL),
	END(pidfd_getfd, ALL),
	END(kcmp, ALL),
	END(perf_event_open, ALL),

	/* Other rights. */
	END(setuid, CHILD),
	END(setgid, CHILD),
	END(setreuid, CHILD),
	END(setregid, CHILD),
	END(setresuid, CHILD),
	END(setresgid, CHILD),
	END(setfsuid, CHILD),
	END(setfsgid, CHILD),
	END(setgroups, CHILD),
	END(capset, CHILD),
	END(unshare, ALL),
	END(setns, ALL),

	/* The file system as a whole. */
	END(mount, ALL),
	END(umount2, ALL),
	END(pivot_root, ALL),
	END(chroot, ALL),
	END(open_tree, ALL),
	END(move_mount, ALL),
	END(fsopen, ALL),
	END(fsconfig, ALL),
	END(fsmount, ALL),
	END(fspick, ALL),
	END(mount_setattr, ALL),
	END(open_by_handle_at, ALL),
	END(swapon, ALL),
	END(swapoff, ALL),
	END(quotactl, ALL),
	END(mknod, ALL),
	END(mknodat, ALL),

	/* The kernel. */
	END(bpf, ALL),
	END(init_module, ALL),
	END(finit_module, ALL),
	END(delete_module, ALL),
	END(kexec_load, ALL),
	END(kexec_file_load, ALL),
	END(reboot, ALL),
	END(add_key, ALL),
	END(request_key, ALL),
	END(keyctl, ALL),
	END(userfaultfd, ALL),
	END(acct, ALL),
	END(syslog, ALL),
	END(settimeofday, ALL),
	END(clock_settime, ALL),
	END(clock_adjtime, ALL),
	END(adjtimex, ALL),
	END(sethostname, ALL),
	END(setdomainname, ALL),
	END(iopl, ALL),
	END(ioperm, ALL),
	END(modify_ldt, ALL),
	END(vhangup, ALL),
};
const size_t forbidden_count = COUNT(forbidden);

/* Its operations would go past the filter. A library that tries it does
 * without, so it is no reason to end. */
const int unknown_to_all[] = {
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
};
const size_t unknown_count = COUNT(unknown_to_all);
