/* What each role may do in its sandbox, and what happens to it when it does
 * what it may not: each row is a process that enters it and tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/sandbox/walls.h"
#include "mx_log.h"
#include "mx_sandbox.h"

static char folder[] = "/tmp/mx-sandbox-XXXXXX";
static char inside[64], outside[64], beside[64];
static int listener = -1, port; /* TCP on loopback, made before */
static pid_t parent, gone;

/* ---- what is tried: 0 or an errno ---- */

static int result(long status)
{
	return status < 0 ? errno : 0;
}

static int closed(int fd)
{
	int error = result(fd);

	if (fd >= 0)
		close(fd);
	return error;
}

static int try_execve(void)
{
	char *argv[] = { (char *)"true", NULL };

	return result(execve("/bin/true", argv, NULL));
}

static int try_execveat(void)
{
	char *argv[] = { (char *)"true", NULL };

	return result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result(pid);
}

static int try_vfork(void)
{
	return result(system("true") == 0 ? 0 : -1);
}

static int try_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);

	return error ? error : pthread_join(thread, NULL);
}

static int try_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static int try_read_memory(void)
{
	return result(syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0));
}

static int try_kill(void)
{
	return result(kill(parent, SIGCONT));
}

static int try_kill_group(void)
{
	return result(kill(0, SIGCONT));
}

static int try_tgkill(void)
{
	return result(syscall(SYS_tgkill, parent, parent, SIGCONT));
}

/* Of the writer of a file that was left; it has just gone. */
static int try_look(void)
{
	return kill(gone, 0) != 0 && errno == ESRCH ? 0 : errno;
}

static int try_own_signal(void)
{
	signal(SIGUSR1, SIG_IGN);
	return result(raise(SIGUSR1)) || result(kill(getpid(), SIGUSR1));
}

static int try_mount(void)
{
	return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int try_chroot(void)
{
	return result(chroot("/"));
}

static int try_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_module(void)
{
	return result(syscall(SYS_init_module, NULL, 0, ""));
}

static int try_keys(void)
{
	return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int try_perf(void)
{
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int try_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_clock(void)
{
	return result(syscall(SYS_clock_settime, CLOCK_REALTIME, NULL));
}

static int try_setuid(void)
{
	return result(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
}

static int try_unknown(void)
{
	return result(syscall(1000));
}

/* Another ABI's numbers, which no rule of ours is about. */
#ifdef __x86_64__
static int try_x32(void)
{
	return result(syscall(0x40000000 + SYS_getpid));
}
#endif

static int try_executable_memory(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int try_make_executable(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int try_memory(void)
{
	void *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	memset(at, 1, 1 << 20);
	return result(madvise(at, 1 << 20, MADV_DONTNEED)) ||
	       result(munmap(at, 1 << 20));
}

static int try_limit(void)
{
	struct rlimit limit = { 10, 10 };

	return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_look_limit(void)
{
	struct rlimit limit;

	return result(getrlimit(RLIMIT_NOFILE, &limit));
}

/* ---- sockets ---- */

static int try_socket(void) { return closed(socket(AF_INET, SOCK_DGRAM, 0)); }
static int try_socket6(void) { return closed(socket(AF_INET6, SOCK_STREAM, 0)); }
static int try_unix(void) { return closed(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int try_netlink(void) { return closed(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int try_packet(void) { return closed(socket(AF_PACKET, SOCK_RAW, 0)); }
static int try_vsock(void) { return closed(socket(AF_VSOCK, SOCK_STREAM, 0)); }
static int try_alg(void) { return closed(socket(AF_ALG, SOCK_SEQPACKET, 0)); }

static struct sockaddr_in loopback(int at)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)at),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int connect_to(int type)
{
	struct sockaddr_in to = loopback(port);
	int fd = socket(AF_INET, type, 0);
	int error = fd < 0 ? errno :
		result(connect(fd, (struct sockaddr *)&to, sizeof to));

	if (fd >= 0)
		close(fd);
	return error;
}

static int try_connect_tcp(void) { return connect_to(SOCK_STREAM); }
static int try_connect_udp(void) { return connect_to(SOCK_DGRAM); }

/* With a descriptor that it has, whatever that is. */
static int try_connect(void)
{
	struct sockaddr_in to = loopback(port);

	return result(connect(listener, (struct sockaddr *)&to, sizeof to));
}

static int bind_one(int type, int at)
{
	struct sockaddr_in to = loopback(at);
	int fd = socket(AF_INET, type, 0);
	int error = fd < 0 ? errno :
		result(bind(fd, (struct sockaddr *)&to, sizeof to));

	if (fd >= 0)
		close(fd);
	return error;
}

static int try_bind_udp(void) { return bind_one(SOCK_DGRAM, 0); }
static int try_bind_tcp(void) { return bind_one(SOCK_STREAM, 0); }
/* One that nobody has: the listener was there, and is this process's own. */
static int try_bind_tcp_port(void) { return bind_one(SOCK_STREAM, port ^ 1); }

static int try_bind(void)
{
	struct sockaddr_in to = loopback(0);

	return result(bind(listener, (struct sockaddr *)&to, sizeof to));
}

static int try_listen(void) { return result(listen(listener, 1)); }

static int try_accept(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	return fd < 0 && errno == EAGAIN ? 0 : closed(fd);
}

static int try_datagrams(void)
{
	int pair[2];
	struct mmsghdr m[2] = { { .msg_len = 0 } };

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
		return errno;
	if (sendmmsg(pair[0], m, 2, 0) != 2 ||
	    recvmmsg(pair[1], m, 2, MSG_DONTWAIT, NULL) != 2)
		return errno;
	return 0;
}

/* ---- files ---- */

static int try_read_inside(void) { return closed(open(inside, O_RDONLY)); }
static int try_read_outside(void) { return closed(open("/etc/passwd", O_RDONLY)); }
static int try_read_memory_file(void)
{
	char path[64];
	int fd = memfd_create("x", MFD_CLOEXEC);

	if (fd < 0)
		return errno;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return closed(open(path, O_RDONLY));
}

static int try_parents_memory(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/mem", (int)parent);
	return closed(open(path, O_RDWR));
}

static int try_make_outside(void)
{
	return closed(open(outside, O_WRONLY | O_CREAT, 0600));
}

/* Made, written, renamed, listed and removed, as a snapshot or an anchor is. */
static int try_replace_inside(void)
{
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error;

	if (fd < 0)
		return errno;
	error = write(fd, "x", 1) == 1 ? 0 : errno;
	error = error ? error : result(fsync(fd));
	close(fd);
	error = error ? error : result(rename(beside, inside));
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	error = error ? error : result(fd);
	return error ? error : result(close(fd));
}

static int try_remove_outside(void) { return result(unlink("/etc/none")); }
static int try_mkdir(void) { return result(mkdir(beside, 0700)); }
static int try_symlink(void) { return result(symlink("/", beside)); }
static int try_mknod(void) { return result(mknod(beside, S_IFCHR, 0)); }

/* ---- waiting, time, chance ---- */

static int try_events(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ends[2], fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || pipe(ends) != 0 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event) != 0 ||
	    write(ends[1], "x", 1) != 1 || epoll_wait(fd, &event, 1, 0) != 1)
		return errno;
	return 0;
}

static int try_time(void)
{
	struct timespec t;

	return result(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t)) ||
	       result(nanosleep(&(struct timespec){ 0, 1 }, NULL));
}

static int try_chance(void)
{
	char octets[16];

	return getrandom(octets, sizeof octets, 0) == sizeof octets ? 0 : errno;
}

/* ---- the table ---- */

enum fate { WORKS, KILLED, DENIED };

#define S (1u << MX_SANDBOX_SUPERVISOR)
#define F (1u << MX_SANDBOX_FRONT)
#define R (1u << MX_SANDBOX_RESOLVER)
#define E (1u << MX_SANDBOX_FETCHER)
/* Where only Landlock can tell: skipped without. */
enum needs { SECCOMP, LANDLOCK_1 = 1, LANDLOCK_4 = 4 };

#define ROW(what, try, works, killed, denied) \
	{ what, try, works, killed, denied, SECCOMP, false }
#define BY_LANDLOCK(what, try, works, killed, denied, needs) \
	{ what, try, works, killed, denied, needs, false }
#define BARE(what, try, works, killed, denied, needs) \
	{ what, try, works, killed, denied, needs, true }

static const struct row {
	const char *what;
	int (*try)(void);
	unsigned works, killed, denied; /* which roles */
	enum needs needs; /* of denied */
	bool no_folder; /* with neither folder nor file */
} rows[] = {
	ROW("execve", try_execve, S, F | R | E, 0),
	ROW("execveat", try_execveat, S, F | R | E, 0),
	ROW("fork", try_fork, S, F | R | E, 0),
	ROW("posix_spawn", try_vfork, S, F | R | E, 0),
	ROW("a user namespace", try_namespace, 0, S | F | R | E, 0),
	ROW("a thread", try_thread, S | F, 0, R | E),
	ROW("ptrace", try_ptrace, 0, S | F | R | E, 0),
	ROW("another's memory", try_read_memory, 0, S | F | R | E, 0),
	ROW("kill another", try_kill, S, F | R | E, 0),
	ROW("kill the group", try_kill_group, S, F | R | E, 0),
	ROW("tgkill another", try_tgkill, S, 0, F | R | E),
	ROW("look for the dead", try_look, S | F, 0, R | E),
	ROW("signal itself", try_own_signal, S | F | R | E, 0, 0),
	ROW("mount", try_mount, 0, S | F | R | E, 0),
	ROW("chroot", try_chroot, 0, S | F | R | E, 0),
	ROW("bpf", try_bpf, 0, S | F | R | E, 0),
	ROW("a kernel module", try_module, 0, S | F | R | E, 0),
	ROW("keyctl", try_keys, 0, S | F | R | E, 0),
	ROW("perf_event_open", try_perf, 0, S | F | R | E, 0),
	ROW("io_uring", try_uring, 0, 0, S | F | R | E),
	ROW("set the clock", try_clock, 0, S | F | R | E, 0),
	ROW("setresuid", try_setuid, S, F | R | E, 0),
	ROW("a call of next year", try_unknown, 0, 0, S | F | R | E),
#ifdef __x86_64__
	ROW("a call of the x32 ABI", try_x32, 0, S | F | R | E, 0),
#endif
	ROW("memory to execute", try_executable_memory, S, 0, F | R | E),
	ROW("memory made executable", try_make_executable, S, 0, F | R | E),
	ROW("memory", try_memory, S | F | R | E, 0, 0),
	ROW("another limit", try_limit, S, 0, F | R | E),
	ROW("a look at limits", try_look_limit, S | F | R | E, 0, 0),

	ROW("an IPv4 socket", try_socket, S | R | E, 0, F),
	ROW("an IPv6 socket", try_socket6, S | R | E, 0, F),
	ROW("a Unix socket", try_unix, S, 0, F | R | E),
	ROW("a netlink socket", try_netlink, S, 0, F | R | E),
	ROW("a packet socket", try_packet, 0, 0, F | R | E),
	ROW("a vsock socket", try_vsock, 0, 0, F | R | E),
	ROW("an AF_ALG socket", try_alg, 0, 0, F | R | E),
	BY_LANDLOCK("connect, TCP", try_connect_tcp, S | R, 0, F | E, LANDLOCK_4),
	ROW("connect, UDP", try_connect_udp, S | R | E, 0, F),
	ROW("connect what is there", try_connect, 0, F, 0),
	ROW("bind, UDP", try_bind_udp, S | R, 0, F | E),
	ROW("bind, TCP, any port", try_bind_tcp, S | R, 0, F | E),
	BY_LANDLOCK("bind, TCP, this port", try_bind_tcp_port, S, 0, F | R | E, LANDLOCK_4),
	ROW("bind what is there", try_bind, 0, F, 0),
	ROW("listen", try_listen, S, F | R | E, 0),
	ROW("accept", try_accept, S | F, R | E, 0),
	ROW("many datagrams", try_datagrams, S | F, 0, R | E),

	ROW("read its own file", try_read_inside, S | F | R | E, 0, 0),
	BY_LANDLOCK("read another file", try_read_outside, S, 0, F | R | E, LANDLOCK_1),
	ROW("read what is in memory", try_read_memory_file, S | R, 0, F | E),
	BY_LANDLOCK("another's memory as a file", try_parents_memory, 0, 0, F | R | E, LANDLOCK_1),
	BY_LANDLOCK("make another file", try_make_outside, S, 0, F | R | E, LANDLOCK_1),
	ROW("replace its own file", try_replace_inside, S | F | R | E, 0, 0),
	ROW("remove another file", try_remove_outside, 0, 0, F | R | E),
	ROW("make a folder", try_mkdir, S, 0, F | R | E),
	ROW("make a link", try_symlink, S, 0, F | R | E),
	ROW("make a device", try_mknod, 0, S | F | R | E, 0),

	BARE("no folder: read", try_read_inside, 0, 0, F | E, SECCOMP),
	BARE("no folder: read", try_read_inside, 0, 0, R, LANDLOCK_1),
	BARE("no folder: what is in memory", try_read_memory_file, R, 0, F | E, SECCOMP),
	BARE("no folder: make", try_make_outside, 0, 0, F | R | E, SECCOMP),
	BARE("no folder: replace", try_replace_inside, 0, 0, F | R | E, SECCOMP),
	BARE("no folder: remove", try_remove_outside, 0, 0, F | R | E, SECCOMP),

	ROW("events", try_events, S | F | R | E, 0, 0),
	ROW("time", try_time, S | F | R | E, 0, 0),
	ROW("random numbers", try_chance, S | F | R | E, 0, 0),
};


#define ROW_COUNT (sizeof rows / sizeof *rows)

static const char *const role_names[] = { "supervisor", "front", "resolver",
					 "fetcher" };

/* In a child: enter, try, and tell by the status. */
static void enter_and_try(const struct row *row, enum mx_sandbox_role role)
{
	const struct mx_config config = { .sandbox = true };
	const struct mx_sandbox sandbox = {
		.role = role,
		.folders[0] = row->no_folder ? NULL : folder,
	};

	/* What is forbidden is said, and not to whoever looks at the tests. */
	if (!freopen("/dev/null", "w", stderr))
		_exit(99);
	mx_sandbox_enter(&config, &sandbox);
	_exit(row->try() != 0);
}

static enum fate fate_of(const struct row *row, enum mx_sandbox_role role)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		enter_and_try(row, role);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(beside);
	rmdir(beside);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		fail_msg("%s, %s: status %x", role_names[role], row->what, status);
	return WEXITSTATUS(status) == 0 ? WORKS : DENIED;
}

static bool expected(const struct row *row, unsigned role, enum fate *ret)
{
	unsigned bit = 1u << role;

	*ret = row->killed & bit ? KILLED : row->denied & bit ? DENIED : WORKS;
	if (*ret == DENIED && landlock_abi() < (int)row->needs)
		return false;
	return (row->works | row->killed | row->denied) & bit;
}

static void test_roles(void **state)
{
	static const char *const texts[] = { "works", "is killed", "is denied" };
	unsigned wrong = 0;

	(void)state;
#ifdef MX_SANITIZED
	skip(); /* another filter: rules.c says which */
#endif
	for (size_t i = 0; i < ROW_COUNT; i++)
		for (unsigned role = 0; role < 4; role++) {
			enum fate want, got;

			if (!expected(&rows[i], role, &want))
				continue;
			got = fate_of(&rows[i], (enum mx_sandbox_role)role);
			if (got == want)
				continue;
			wrong++;
			print_error("%s, %s: %s, not: %s\n", role_names[role],
				    rows[i].what, texts[got], texts[want]);
		}
	assert_int_equal(wrong, 0);
}

/* The line that tells an operator what happened. */
static void test_says_which(void **state)
{
	const struct mx_config config = { .sandbox = true };
	const struct mx_sandbox sandbox = { .role = MX_SANDBOX_FRONT };
	char text[1000] = "";
	int ends[2], status;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 2);
		mx_log_init("mxbound-front", MX_LOG_NOTICE);
		mx_sandbox_enter(&config, &sandbox);
		_exit(try_mount());
	}
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof text - 1) > 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_non_null(strstr(text, "mxbound-front: error: sandbox: system call mount ("));
	assert_non_null(strstr(text, "sandbox: no"));
}

/* A thread of its own that blocks all signals cannot hide what it does. */
static void *forbidden_thread(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	try_mount();
	return arg;
}

static int try_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, forbidden_thread, NULL) != 0)
		return 1;
	return pthread_join(thread, NULL);
}

static void test_thread_is_killed(void **state)
{
	static const struct row row = { "a thread's mount", try_in_thread,
					0, F, 0, SECCOMP, false };

	(void)state;
	assert_int_equal(fate_of(&row, MX_SANDBOX_FRONT), KILLED);
}

static void test_off(void **state)
{
	const struct mx_config config = { .sandbox = false };
	const struct mx_sandbox sandbox = { .role = MX_SANDBOX_FRONT };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		mx_log_init("test", MX_LOG_ERROR);
		mx_sandbox_enter(&config, &sandbox);
		try_execve();
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A filter within a filter, as after each takeover and in every child. */
static void test_many_times(void **state)
{
	const struct mx_config config = { .sandbox = true };
	const struct mx_sandbox supervisor = { .role = MX_SANDBOX_SUPERVISOR };
	const struct mx_sandbox front = { .role = MX_SANDBOX_FRONT,
					  .folders[1] = folder };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		for (int i = 0; i < 50; i++)
			mx_sandbox_enter(&config, &supervisor);
		mx_sandbox_enter(&config, &front);
		_exit(try_events() || try_replace_inside() || try_accept());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int begin(void **state)
{
	struct sockaddr_in at = loopback(0);
	socklen_t len = sizeof at;

	(void)state;
	mx_log_init("test", MX_LOG_WARNING);
	if (!mkdtemp(folder))
		return -1;
	snprintf(inside, sizeof inside, "%s/inside", folder);
	snprintf(beside, sizeof beside, "%s/beside", folder);
	snprintf(outside, sizeof outside, "%s-outside", folder);
	parent = getpid();
	gone = fork();
	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(listener, 1000) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		return -1;
	port = ntohs(at.sin_port);
	return closed(open(inside, O_WRONLY | O_CREAT, 0600));
}

static int end(void **state)
{
	(void)state;
	close(listener);
	unlink(inside);
	unlink(outside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_says_which),
		cmocka_unit_test(test_thread_is_killed),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_many_times),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
