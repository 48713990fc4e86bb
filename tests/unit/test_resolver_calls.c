/* A channel outlives every system call that fails for a while: whatever was
 * lost meanwhile, the next question is answered. Nobody would make another pair
 * as long as both processes live. */
#include "channel_scene.h"

#include <dlfcn.h>
#include <sys/epoll.h>

#define BURST 3

enum kind { RECV, SENDMSG, EPOLL_CTL };

static struct {
	bool armed;
	enum kind kind;
	int error;
	unsigned at, count;
	bool happened;
} fault;

static bool fails(enum kind kind)
{
	if (!fault.armed || fault.kind != kind)
		return false;
	fault.count++;
	if (fault.count < fault.at || fault.count >= fault.at + BURST)
		return false;
	fault.happened = true;
	errno = fault.error;
	return true;
}

#define NEXT(name) \
	static __typeof__(name) *next_; \
	if (!next_) \
		next_ = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name)

ssize_t recv(int fd, void *octets, size_t len, int flags)
{
	NEXT(recv);

	return fails(RECV) ? -1 : next_(fd, octets, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	NEXT(sendmsg);

	return fails(SENDMSG) ? -1 : next_(fd, m, flags);
}

int epoll_ctl(int fd, int what, int of, struct epoll_event *event)
{
	NEXT(epoll_ctl);

	if (what != EPOLL_CTL_DEL && fails(EPOLL_CTL))
		return -1;
	return next_(fd, what, of, event);
}

/* Events that could not be watched are watched in a later turn. */
static void turns(struct scene *s)
{
	for (int i = 0; i < 20; i++)
		turn(s);
}

static unsigned hear_all(struct scene *s)
{
	struct mx_channel_answer a;
	unsigned count = 0;

	while (receive(s->front, &a))
		count++;
	return count;
}

static void try_one(enum kind kind, int error, unsigned at)
{
	struct scene s;

	begin(&s, 100);
	fault.kind = kind;
	fault.error = error;
	fault.at = at;
	fault.count = 0;
	fault.happened = false;
	for (uint32_t i = 0; i < 5; i++)
		assert_true(send_question(s.front, i, MX_TYPE_MX, MX_CLASS_IN));
	fault.armed = true;
	turns(&s);
	fault.armed = false;
	turns(&s);
	hear_all(&s);
	if (!send_question(s.front, 9, MX_TYPE_A, MX_CLASS_IN))
		fail_msg("%d %u: %s: the channel is closed", kind, at,
			 strerror(error));
	turns(&s);
	if (hear_all(&s) == 0)
		fail_msg("%d %u: %s: no answer any more", kind, at,
			 strerror(error));
	end(&s);
}

static void test_calls(void **state)
{
	static const struct {
		enum kind kind;
		int errors[8];
	} ways[] = {
		{ RECV, { EINTR, EAGAIN, ENOBUFS, ENOMEM } },
		{ SENDMSG, { EINTR, EAGAIN, ENOBUFS, ENOMEM } },
		/* While what is sent has to be queued, too: see below. */
		{ EPOLL_CTL, { ENOMEM, ENOSPC } },
	};
	unsigned happened = 0;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		for (const int *error = ways[i].errors; *error; error++)
			for (unsigned at = 1;; at++) {
				try_one(ways[i].kind, *error, at);
				happened += fault.happened;
				if (!fault.happened)
					break;
			}
	assert_true(happened > 10);
}

/* The front reads nothing, so answers are queued, and neither can be watched. */
static void test_full(void **state)
{
	for (unsigned at = 1; at < 20; at++) {
		struct scene s;
		uint32_t asked = 0;

		(void)state;
		begin(&s, 10000);
		fault.kind = EPOLL_CTL;
		fault.error = ENOMEM;
		fault.at = at;
		fault.count = 0;
		fault.armed = true;
		while (asked < 5000 &&
		       send_question(s.front, asked, MX_TYPE_MX, MX_CLASS_IN)) {
			asked++;
			if (asked % 50 == 0)
				turn(&s);
		}
		turns(&s);
		for (int i = 0; i < 20; i++) {
			hear_all(&s);
			turns(&s);
		}
		fault.armed = false;
		for (int i = 0; i < 20; i++) {
			hear_all(&s);
			turns(&s);
		}
		assert_true(send_question(s.front, 9, MX_TYPE_A, MX_CLASS_IN));
		turns(&s);
		if (hear_all(&s) == 0)
			fail_msg("%u: no answer any more", at);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
