/* handover.c - see mx_handover.h. */
#include "mx_handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mx_log.h"

/* What travels; the descriptor goes beside it (unix(7), SCM_RIGHTS). */
struct datagram {
	uint32_t type, a, b;
};

/* More than one is malformed, but there must be room to see and close them:
 * SCM_MAX_FD is 253, and what does not fit the kernel drops by itself. */
#define FDS_SEEN_MAX 8

enum mx_error mx_handover_send(int sock, const struct mx_handover *m)
{
	struct datagram d = { m->type, m->a, m->b };
	struct iovec part = { &d, sizeof(d) };
	union {
		struct cmsghdr head; /* for its alignment */
		char octets[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (m->fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.octets);
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}

	ssize_t sent;
	do
		sent = sendmsg(sock, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return MX_E_SYSTEM;
	if (sent != (ssize_t)sizeof(d)) {
		errno = EMSGSIZE; /* not a SOCK_SEQPACKET socket */
		return MX_E_SYSTEM;
	}
	return MX_OK;
}

/* Take the descriptors out of a message: the first is kept, all others are
 * closed. Returns how many there were. */
static unsigned take_fds(struct msghdr *message, int *ret_fd)
{
	unsigned count = 0;

	*ret_fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
	     c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < fds; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (count++ == 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
	return count;
}

int mx_handover_receive(int sock, struct mx_handover *ret)
{
	struct datagram d;
	struct iovec part = { &d, sizeof(d) };
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(FDS_SEEN_MAX * sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.octets),
	};

	ssize_t len;
	do
		len = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -1;

	int fd;
	unsigned fds = take_fds(&message, &fd);
	if (len == 0 && fds == 0)
		return 0;
	if (len != (ssize_t)sizeof(d) || fds > 1 ||
	    (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		if (fd >= 0)
			close(fd);
		errno = EPROTO;
		return -1;
	}
	*ret = (struct mx_handover){ d.type, d.a, d.b, fd };
	return 1;
}

int mx_handover_wait(struct mx_handover *ret)
{
	for (;;) {
		struct pollfd p = { .fd = MX_HANDOVER_FD, .events = POLLIN };
		int got;

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return 0;
		got = mx_handover_receive(MX_HANDOVER_FD, ret);
		if (got >= 0)
			return got;
		if (errno == EPROTO)
			mx_log(MX_LOG_WARNING, "malformed message on the "
					       "control socket dropped");
		else if (errno != EAGAIN && errno != EINTR)
			return 0;
	}
}
