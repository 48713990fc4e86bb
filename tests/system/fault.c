/* fault.c - preloaded into mxbound's processes by test_faults.py: one call of
 * one program fails, once.
 *
 *   MX_FAULT=PROGRAM CALL N COUNT ERRNO FILE
 *
 * The Nth of CALL and COUNT - 1 after it fail with ERRNO, in the first process
 * of PROGRAM alone: it makes FILE, and those that find it do nothing. PROGRAM is
 * cut at 15 octets, as the kernel does. CALL is "memory" for all that
 * allocates. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	bool on;
	char call[32];
	unsigned at, count;
	int error;
	_Atomic unsigned seen;
} fault;

static bool fails(const char *call)
{
	if (!fault.on || strcmp(call, fault.call) != 0)
		return false;
	unsigned number = ++fault.seen;
	if (number < fault.at || number >= fault.at + fault.count)
		return false;
	errno = fault.error;
	return true;
}

__attribute__((constructor)) static void prepare(void)
{
	const char *text = getenv("MX_FAULT");
	char program[32], file[256];

	if (!text || sscanf(text, "%31s %31s %u %u %d %255s", program, fault.call,
			    &fault.at, &fault.count, &fault.error, file) != 6)
		return;
	/* Of fork()'s child nothing is wanted: it is the parent still. */
	if (strncmp(program, program_invocation_short_name, 15) != 0)
		return;
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	fault.on = true;
}

#define NEXT(name) \
	static __typeof__(name) *next_; \
	if (!next_) \
		next_ = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name)

/* ---- memory ---- */

/* dlsym() allocates before it has found anything. */
static char early[4096];
static size_t early_used;
static __thread bool finding;

static void *take_early(size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (early_used + size > sizeof early)
		_exit(99);
	early_used += size;
	return early + early_used - size;
}

static bool is_early(const void *at)
{
	return (const char *)at >= early && (const char *)at < early + sizeof early;
}

#define FIND(name) \
	static __typeof__(name) *next_; \
	if (!next_ && !finding) { \
		finding = true; \
		next_ = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name); \
		finding = false; \
	}

void *malloc(size_t size)
{
	FIND(malloc);
	if (!next_)
		return take_early(size);
	return fails("memory") ? NULL : next_(size);
}

void *calloc(size_t count, size_t size)
{
	FIND(calloc);
	if (!next_)
		return take_early(count * size);
	return fails("memory") ? NULL : next_(count, size);
}

void *realloc(void *at, size_t size)
{
	FIND(realloc);
	return fails("memory") ? NULL : next_(at, size);
}

void free(void *at)
{
	FIND(free);
	if (!is_early(at) && next_)
		next_(at);
}

/* ---- system calls ---- */

pid_t fork(void)
{
	NEXT(fork);
	return fails("fork") ? -1 : next_();
}

int socketpair(int family, int type, int protocol, int pair[2])
{
	NEXT(socketpair);
	return fails("socketpair") ? -1 : next_(family, type, protocol, pair);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	NEXT(sendmsg);
	return fails("sendmsg") ? -1 : next_(fd, m, flags);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	NEXT(recvmsg);
	return fails("recvmsg") ? -1 : next_(fd, m, flags);
}

int memfd_create(const char *name, unsigned flags)
{
	NEXT(memfd_create);
	return fails("memfd_create") ? -1 : next_(name, flags);
}

int poll(struct pollfd *at, nfds_t count, int timeout)
{
	NEXT(poll);
	return fails("poll") ? -1 : next_(at, count, timeout);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	NEXT(epoll_wait);
	return fails("epoll_wait") ? -1 : next_(fd, events, most, timeout);
}

int epoll_create1(int flags)
{
	NEXT(epoll_create1);
	return fails("epoll_create1") ? -1 : next_(flags);
}

int pipe2(int ends[2], int flags)
{
	NEXT(pipe2);
	return fails("pipe2") ? -1 : next_(ends, flags);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
	NEXT(signalfd);
	return fails("signalfd") ? -1 : next_(fd, set, flags);
}

int listen(int fd, int backlog)
{
	NEXT(listen);
	return fails("listen") ? -1 : next_(fd, backlog);
}

/* The supervisor's, in the child: a program that cannot be started. */
int execv(const char *path, char *const argv[])
{
	NEXT(execv);
	return fails("execv") ? -1 : next_(path, argv);
}

int socket(int family, int type, int protocol)
{
	NEXT(socket);
	return fails("socket") ? -1 : next_(family, type, protocol);
}

int bind(int fd, const struct sockaddr *at, socklen_t len)
{
	NEXT(bind);
	return fails("bind") ? -1 : next_(fd, at, len);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	NEXT(connect);
	return fails("connect") ? -1 : next_(fd, to, len);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
		   void *(*start)(void *), void *arg)
{
	NEXT(pthread_create);
	return fails("pthread_create") ? fault.error :
					 next_(thread, attributes, start, arg);
}
