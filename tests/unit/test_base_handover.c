/* Messages with a descriptor between supervisor and child; malformed ones,
 * and that no descriptor is left open by any of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_handover.h"

struct pair {
	int near, far;
};

static int setup(void **state)
{
	static struct pair p;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	p = (struct pair){ fds[0], fds[1] };
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	close(p->near);
	if (p->far >= 0)
		close(p->far);
	return 0;
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Send octets with `fds` copies of descriptor 0. */
static void send_raw(int sock, const void *octets, size_t len, unsigned fds)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(64 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)octets, len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	int zero = 0;

	assert_true(fds <= 64);
	if (fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &zero, sizeof(zero));
	}
	assert_int_equal(sendmsg(sock, &m, 0), len);
}

static void message_without_descriptor(void **state)
{
	struct pair *p = *state;
	struct mx_handover in = { MX_HANDOVER_IPV6, 1, 0xfffffffeu, -1 }, out;

	assert_int_equal(mx_handover_send(p->near, &in), MX_OK);
	memset(&out, 0x5a, sizeof(out));
	assert_int_equal(mx_handover_receive(p->far, &out), 1);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void message_with_descriptor(void **state)
{
	struct pair *p = *state;
	struct mx_handover in = { MX_HANDOVER_UDP, 3, 0, -1 }, out;
	struct stat sent, got;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	in.fd = ends[0];
	assert_int_equal(mx_handover_send(p->near, &in), MX_OK);
	assert_int_equal(mx_handover_receive(p->far, &out), 1);
	assert_int_equal(out.type, MX_HANDOVER_UDP);
	assert_int_equal(out.a, 3);
	/* A descriptor of its own for the same pipe, and the sender's open. */
	assert_true(out.fd >= 0 && out.fd != in.fd);
	assert_int_equal(fstat(in.fd, &sent), 0);
	assert_int_equal(fstat(out.fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	assert_true(fcntl(out.fd, F_GETFD) & FD_CLOEXEC);
	close(out.fd);
	close(ends[0]);
	close(ends[1]);
}

static void messages_keep_their_order_and_bounds(void **state)
{
	struct pair *p = *state;

	for (uint32_t i = 0; i < 50; i++) {
		struct mx_handover in = { MX_HANDOVER_TCP, i, i * 7, i % 2 ? 0 : -1 };
		assert_int_equal(mx_handover_send(p->near, &in), MX_OK);
	}
	for (uint32_t i = 0; i < 50; i++) {
		struct mx_handover out;
		assert_int_equal(mx_handover_receive(p->far, &out), 1);
		assert_int_equal(out.a, i);
		assert_int_equal(out.b, i * 7);
		assert_int_equal(out.fd >= 0, i % 2);
		if (out.fd >= 0)
			close(out.fd);
	}
}

static void the_other_side_is_gone(void **state)
{
	struct pair *p = *state;
	struct mx_handover in = { MX_HANDOVER_GO, 0, 0, -1 }, out;

	assert_int_equal(mx_handover_send(p->near, &in), MX_OK);
	close(p->near);
	/* What it said before is still heard. */
	assert_int_equal(mx_handover_receive(p->far, &out), 1);
	assert_int_equal(mx_handover_receive(p->far, &out), 0);
	assert_int_equal(mx_handover_receive(p->far, &out), 0);
	/* SIGPIPE would end this program here. */
	assert_int_equal(mx_handover_send(p->far, &in), MX_E_SYSTEM);
	assert_int_equal(errno, EPIPE);
	p->near = p->far;
	p->far = -1;
}

static void nothing_there(void **state)
{
	struct pair *p = *state;
	struct mx_handover m = { MX_HANDOVER_HEARTBEAT, 0, 0, -1 };
	unsigned sent = 0;

	assert_int_equal(fcntl(p->near, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(p->far, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(mx_handover_receive(p->far, &m), -1);
	assert_int_equal(errno, EAGAIN);
	while (mx_handover_send(p->near, &m) == MX_OK)
		assert_true(++sent < 1000000);
	assert_int_equal(errno, EAGAIN);
}

static void malformed_messages(void **state)
{
	static const struct {
		const char *why;
		size_t len;
		unsigned fds;
	} cases[] = {
		{ "one octet short", 11, 0 },
		{ "one octet short, with a descriptor", 11, 1 },
		{ "one octet long", 13, 0 },
		{ "one octet long, with a descriptor", 13, 1 },
		{ "far too long", 4000, 1 },
		{ "two descriptors", 12, 2 },
		{ "more descriptors than there is room for", 12, 64 },
		{ "nothing but a descriptor", 0, 1 },
	};
	static const uint8_t octets[4000] = { 1 };
	struct pair *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mx_handover good = { MX_HANDOVER_GO, 9, 8, -1 }, out, before;
		unsigned descriptors = open_descriptors();

		print_message("%s\n", cases[i].why);
		memset(&out, 0x5a, sizeof(out));
		before = out;
		send_raw(p->near, octets, cases[i].len, cases[i].fds);
		assert_int_equal(mx_handover_receive(p->far, &out), -1);
		assert_int_equal(errno, EPROTO);
		assert_memory_equal(&out, &before, sizeof(out));
		assert_int_equal(open_descriptors(), descriptors);
		/* It was consumed: the next one is heard. */
		assert_int_equal(mx_handover_send(p->near, &good), MX_OK);
		assert_int_equal(mx_handover_receive(p->far, &out), 1);
		assert_int_equal(out.a, 9);
	}
}

/* A message whose descriptor cannot be had is not one without it. */
static void no_descriptor_left(void **state)
{
	struct pair *p = *state;
	struct mx_handover m = { MX_HANDOVER_UDP, 0, 0, 0 }, out;
	struct rlimit before, none;

	assert_int_equal(mx_handover_send(p->near, &m), MX_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 3, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int got = mx_handover_receive(p->far, &out);
	int got_errno = errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(got, -1);
	assert_int_equal(got_errno, EPROTO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(message_without_descriptor),
		T(message_with_descriptor),
		T(messages_keep_their_order_and_bounds),
		T(the_other_side_is_gone),
		T(nothing_there),
		T(malformed_messages),
		T(no_descriptor_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
