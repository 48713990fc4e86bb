/* No system call of the front may fail in a way that a client notices as more
 * than SERVFAIL, silence or a closed connection: each kind is made to, in every
 * way it can, the Nth time and the five after it, for each N that a request
 * comes to. After each the same question is answered, and nothing is left. */
#include "policy_scene.h"

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BURST 6
#define SHORT (-1) /* in place of an errno: it does less than it could */

enum kind { RECVMMSG, SENDMMSG, ACCEPT, READV, WRITEV, SEND, RECV, EPOLL_WAIT,
	    EPOLL_CTL, READ };

static struct {
	bool armed, inside; /* only what the worker's loop calls */
	enum kind kind;
	int error;
	unsigned at, last, count;
	bool happened;
} fault;

/* 0: do it. */
static int fails(enum kind kind)
{
	if (!fault.armed || !fault.inside || fault.kind != kind)
		return 0;
	fault.count++;
	if (fault.count < fault.at || fault.count > fault.last)
		return 0;
	fault.happened = true;
	if (fault.error != SHORT)
		errno = fault.error;
	return fault.error;
}

#define NEXT(name) \
	static __typeof__(name) *next_; \
	if (!next_) \
		next_ = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name)

int __real_event_base_loop(struct event_base *base, int flags);
int __wrap_event_base_loop(struct event_base *base, int flags);
int __wrap_event_base_loop(struct event_base *base, int flags)
{
	fault.inside = true;
	int status = __real_event_base_loop(base, flags);
	fault.inside = false;
	return status;
}

int recvmmsg(int fd, struct mmsghdr *m, unsigned count, int flags,
	     struct timespec *timeout)
{
	NEXT(recvmmsg);
	int how = fails(RECVMMSG);

	if (how > 0)
		return -1;
	return next_(fd, m, how ? 1 : count, flags, timeout);
}

int sendmmsg(int fd, struct mmsghdr *m, unsigned count, int flags)
{
	NEXT(sendmmsg);
	int how = fails(SENDMMSG);

	if (how > 0)
		return -1;
	return next_(fd, m, how ? 1 : count, flags);
}

int accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
	NEXT(accept4);

	return fails(ACCEPT) ? -1 : next_(fd, peer, len, flags);
}

/* libevent's, of connections. One octet at a time, when it is short. */
ssize_t readv(int fd, const struct iovec *at, int count)
{
	NEXT(readv);
	int how = fails(READV);
	struct iovec one = { at[0].iov_base, 1 };

	if (how > 0)
		return -1;
	return how ? next_(fd, &one, 1) : next_(fd, at, count);
}

ssize_t writev(int fd, const struct iovec *at, int count)
{
	NEXT(writev);
	int how = fails(WRITEV);
	struct iovec one = { at[0].iov_base, 1 };

	if (how > 0)
		return -1;
	return how ? next_(fd, &one, 1) : next_(fd, at, count);
}

ssize_t send(int fd, const void *octets, size_t len, int flags)
{
	NEXT(send);

	return fails(SEND) ? -1 : next_(fd, octets, len, flags);
}

ssize_t recv(int fd, void *octets, size_t len, int flags)
{
	NEXT(recv);

	return fails(RECV) ? -1 : next_(fd, octets, len, flags);
}

ssize_t read(int fd, void *octets, size_t len)
{
	NEXT(read);

	return fails(READ) ? -1 : next_(fd, octets, len);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	NEXT(epoll_wait);

	return fails(EPOLL_WAIT) ? -1 : next_(fd, events, most, timeout);
}

int epoll_ctl(int fd, int what, int of, struct epoll_event *event)
{
	NEXT(epoll_ctl);

	/* To take one out never fails for want of anything. */
	if (what == EPOLL_CTL_ADD && fails(EPOLL_CTL))
		return -1;
	return next_(fd, what, of, event);
}

/* ---- which, and how ---- */

static const struct way {
	enum kind kind;
	const char *name;
	int errors[12]; /* to the first 0 */
} ways[] = {
	{ RECVMMSG, "recvmmsg", { EINTR, EAGAIN, ENOBUFS, ENOMEM, ECONNREFUSED,
				  EHOSTUNREACH, SHORT } },
	{ SENDMMSG, "sendmmsg", { EINTR, EAGAIN, ENOBUFS, ENOMEM, EPERM,
				  ECONNREFUSED, ENETUNREACH, EINVAL, EMSGSIZE,
				  SHORT } },
	{ ACCEPT, "accept4", { EINTR, EAGAIN, ECONNABORTED, EMFILE, ENFILE,
			       ENOBUFS, ENOMEM, EPERM, EPROTO, ETIMEDOUT } },
	{ READV, "readv", { EINTR, EAGAIN, ECONNRESET, ENOMEM, ETIMEDOUT,
			    SHORT } },
	{ WRITEV, "writev", { EINTR, EAGAIN, EPIPE, ECONNRESET, ENOBUFS,
			      ENOMEM, ETIMEDOUT, SHORT } },
	{ SEND, "send", { EINTR, EAGAIN, ENOBUFS, ENOMEM } },
	{ RECV, "recv", { EINTR, EAGAIN, ENOBUFS, ENOMEM, ECONNRESET } },
	{ READ, "read", { EINTR, EAGAIN } },
	{ EPOLL_WAIT, "epoll_wait", { EINTR } },
	{ EPOLL_CTL, "epoll_ctl", { ENOMEM, ENOSPC } },
};

static void try_one(const struct way *way, int error, unsigned at,
		    void (*request)(struct scene *))
{
	struct scene s;

	begin(&s);
	snprintf(s.what, sizeof s.what, "%s %u: %s: ", way->name, at,
		 error == SHORT ? "short" : strerror(error));
	fault.kind = way->kind;
	fault.error = error;
	fault.at = at;
	fault.last = at + BURST - 1;
	fault.count = 0;
	fault.happened = false;
	fault.armed = true;
	request(&s);
	fault.armed = false;
	recover(&s, request);
	end(&s);
}

static void try_all(void (*request)(struct scene *))
{
	unsigned rounds = 0;

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		for (const int *error = ways[i].errors; *error; error++)
			for (unsigned at = 1;; at++, rounds++) {
				try_one(&ways[i], *error, at, request);
				if (!fault.happened)
					break;
			}
	assert_true(rounds > 10);
	print_message("%u rounds\n", rounds);
}

/* A new pair while calls fail, which only the worker can be asked to take. */
static void replaced(struct scene *s)
{
	ask_udp(s, "a.example.");
	world_resolver_comes(&s->w, 0);
	hear_udp(s, "a.example.");
}

/* Several at once, of which a short call takes one. */
static inline void many(struct scene *s)
{
	uint8_t query[300];
	size_t len = query_of("a.example.", query, sizeof query);

	udp(s);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send(s->udp, query, len, 0), len);
	hear_udp(s, "a.example.");
}

#define REQUEST(name) \
	static void test_##name(void **state) \
	{ \
		(void)state; \
		try_all(name); \
	}
REQUEST(tcp)
REQUEST(replaced)
REQUEST(policy)
#ifndef MX_SANITIZED /* nothing in these that is not in the others */
REQUEST(udp)
REQUEST(many)
REQUEST(route)
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_policy),
#ifndef MX_SANITIZED
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_route),
#endif
	};

#ifdef __SANITIZE_THREAD__
	return 0; /* there is one thread */
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
