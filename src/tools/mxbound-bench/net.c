/* net.c - the sockets: a lane of engine.h is one of them. See bench.h.
 *
 * Not libevent: a loop that sends to the microsecond polls with a time-out in
 * ns and takes a batch of datagrams with their stamps at a time, and there are
 * a hundred descriptors at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define RECEIVE_BATCH 32
#define REPLY_MAX 4096u
#define BUFFER_OCTETS (1 << 20)
#define PREFIX 2u /* octets of length before a message over TCP */
#define OUT_MAX (64u * 1024u)
#define LANES_MAX (SERVERS_MAX * ENGINE_LANES_MAX)

struct connection {
	bool connecting;
	size_t in_len, out_len;
	uint8_t in[PREFIX + MX_MESSAGE_MAX], out[OUT_MAX];
};

struct net_lane {
	bool tcp;
	uint32_t dropped; /* as the kernel counts */
	struct connection *connection; /* of a TCP lane, once it was needed */
};

struct net {
	const struct bench_options *options;
	unsigned lanes; /* of each server */
	uint64_t connections[SERVERS_MAX];
	struct net_lane at[LANES_MAX];
	struct pollfd polled[LANES_MAX]; /* fd -1: not open */
};

static unsigned lane_index(const struct net *n, unsigned server, unsigned lane)
{
	return server * n->lanes + lane;
}

/* ---- set up ---- */

static int open_udp(const struct bench_target *t)
{
	int fd = socket(t->address.ss_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1, octets = BUFFER_OCTETS;

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&t->address,
		    t->address_len) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof yes);
	return fd;
}

static bool open_server(struct net *n, unsigned server)
{
	const struct bench_target *t = &n->options->targets[server];

	for (unsigned lane = 0; lane < n->lanes; lane++) {
		unsigned i = lane_index(n, server, lane);

		n->at[i].tcp = t->tcp || lane == n->options->sockets;
		if (n->at[i].tcp)
			continue;
		n->polled[i] = (struct pollfd){ open_udp(t), POLLIN, 0 };
		if (n->polled[i].fd < 0) {
			bench_say("%s: %s; is there a route to it?", t->label,
				  strerror(errno));
			return false;
		}
	}
	return true;
}

struct net *net_open(const struct bench_options *options)
{
	struct net *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	n->options = options;
	n->lanes = (unsigned)options->sockets + 1;
	for (unsigned i = 0; i < LANES_MAX; i++)
		n->polled[i].fd = -1;
	for (unsigned s = 0; s < options->target_count; s++)
		if (!open_server(n, s)) {
			net_close(n);
			return NULL;
		}
	return n;
}

void net_close(struct net *n)
{
	if (n == NULL)
		return;
	for (unsigned i = 0; i < LANES_MAX; i++) {
		if (n->polled[i].fd >= 0)
			close(n->polled[i].fd);
		free(n->at[i].connection);
	}
	free(n);
}

/* ---- TCP ---- */

static void close_lane(struct net *n, unsigned i, struct engine *e)
{
	close(n->polled[i].fd);
	n->polled[i].fd = -1;
	engine_lane_closed(e, i / n->lanes, i % n->lanes,
			   clock_ns(CLOCK_MONOTONIC));
}

static bool open_tcp(struct net *n, unsigned i)
{
	const struct bench_target *t = &n->options->targets[i / n->lanes];
	struct net_lane *lane = &n->at[i];
	int yes = 1, fd;

	if (lane->connection == NULL)
		lane->connection = calloc(1, sizeof *lane->connection);
	fd = socket(t->address.ss_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (lane->connection == NULL || fd < 0) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	lane->connection->in_len = lane->connection->out_len = 0;
	lane->connection->connecting = true;
	n->polled[i] = (struct pollfd){ fd, POLLIN | POLLOUT, 0 };
	n->connections[i / n->lanes]++;
	return connect(fd, (const struct sockaddr *)&t->address,
		       t->address_len) == 0 || errno == EINPROGRESS;
}

/* False: the connection is of no use any more. */
static bool flush(struct net *n, unsigned i)
{
	struct connection *c = n->at[i].connection;

	while (c->out_len > 0) {
		ssize_t sent = send(n->polled[i].fd, c->out, c->out_len,
				    MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno != EAGAIN && errno != EINTR &&
			    errno != ENOTCONN)
				return false;
			break;
		}
		c->out_len -= (size_t)sent;
		memmove(c->out, c->out + sent, c->out_len);
	}
	n->polled[i].events = c->out_len > 0 || c->connecting
				      ? POLLIN | POLLOUT : POLLIN;
	return true;
}

static bool send_tcp(struct net *n, unsigned i, const struct engine_out *out,
		     struct engine *e)
{
	struct connection *c;

	if (n->polled[i].fd < 0 && !open_tcp(n, i)) {
		if (n->polled[i].fd >= 0)
			close_lane(n, i, e);
		return false;
	}
	c = n->at[i].connection;
	if (c->out_len + PREFIX + out->len > OUT_MAX)
		return false;
	mx_put_u16(c->out + c->out_len, out->len);
	memcpy(c->out + c->out_len + PREFIX, out->octets, out->len);
	c->out_len += PREFIX + out->len;
	if (!c->connecting && !flush(n, i))
		close_lane(n, i, e);
	return true;
}

/* All whole messages of what has come. */
static void read_messages(struct net *n, unsigned i, int64_t now_ns,
			  struct engine *e)
{
	struct connection *c = n->at[i].connection;
	size_t at = 0;

	while (c->in_len - at >= PREFIX) {
		size_t len = mx_get_u16(c->in + at);

		if (c->in_len - at < PREFIX + len)
			break;
		engine_reply(e, i / n->lanes, i % n->lanes, c->in + at + PREFIX,
			     len, now_ns);
		at += PREFIX + len;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
}

static void receive_tcp(struct net *n, unsigned i, struct engine *e)
{
	struct connection *c = n->at[i].connection;
	ssize_t got = recv(n->polled[i].fd, c->in + c->in_len,
			   sizeof c->in - c->in_len, 0);

	if (got > 0) {
		c->in_len += (size_t)got;
		read_messages(n, i, clock_ns(CLOCK_MONOTONIC), e);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_lane(n, i, e);
	}
}

static void look_at_tcp(struct net *n, unsigned i, struct engine *e)
{
	struct connection *c = n->at[i].connection;
	short events = n->polled[i].revents;

	if (c->connecting && (events & (POLLOUT | POLLERR | POLLHUP)) != 0) {
		int error = 0;
		socklen_t len = sizeof error;

		getsockopt(n->polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0) {
			close_lane(n, i, e);
			return;
		}
		c->connecting = false;
	}
	if ((events & POLLOUT) != 0 && !flush(n, i)) {
		close_lane(n, i, e);
		return;
	}
	if ((events & (POLLIN | POLLERR | POLLHUP)) != 0)
		receive_tcp(n, i, e);
}

/* ---- UDP ---- */

bool net_send(struct net *n, const struct engine_out *out, struct engine *e)
{
	unsigned i = lane_index(n, out->server, out->lane);

	if (out->tcp)
		return send_tcp(n, i, out, e);
	/* An ICMP error of an earlier question is told once, and in place of
	 * sending this one. */
	for (int tries = 0; tries < 2; tries++)
		if (send(n->polled[i].fd, out->octets, out->len, 0) >= 0)
			return true;
		else if (errno != ECONNREFUSED && errno != EINTR)
			break;
	return false;
}

static void note_dropped(struct net_lane *lane, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(&lane->dropped, CMSG_DATA(c),
			       sizeof lane->dropped);
}

static void receive_udp(struct net *n, unsigned i, struct engine *e)
{
	static uint8_t octets[RECEIVE_BATCH][REPLY_MAX];
	static uint8_t control[RECEIVE_BATCH]
			      [CMSG_SPACE(sizeof(struct timespec)) +
			       CMSG_SPACE(sizeof(uint32_t))];
	struct mmsghdr m[RECEIVE_BATCH];
	struct iovec iov[RECEIVE_BATCH];
	int64_t wall_ns, now_ns;
	int got;

	for (unsigned k = 0; k < RECEIVE_BATCH; k++) {
		iov[k] = (struct iovec){ octets[k], REPLY_MAX };
		m[k].msg_hdr = (struct msghdr){
			.msg_iov = &iov[k], .msg_iovlen = 1,
			.msg_control = control[k],
			.msg_controllen = sizeof control[k] };
	}
	got = recvmmsg(n->polled[i].fd, m, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	wall_ns = clock_ns(CLOCK_REALTIME);
	now_ns = clock_ns(CLOCK_MONOTONIC);
	for (int k = 0; k < got; k++) {
		note_dropped(&n->at[i], &m[k].msg_hdr);
		engine_reply(e, i / n->lanes, i % n->lanes, octets[k],
			     m[k].msg_len,
			     arrival_ns(&m[k].msg_hdr, wall_ns, now_ns));
	}
}

/* ---- both ---- */

void net_wait(struct net *n, int64_t until_ns, struct engine *e)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	unsigned count = n->lanes * n->options->target_count;
	struct timespec t = { 0 };

	if (until_ns > now_ns)
		t = (struct timespec){ (until_ns - now_ns) / SECOND_NS,
				       (until_ns - now_ns) % SECOND_NS };
	if (ppoll(n->polled, count, &t, NULL) <= 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (n->polled[i].revents == 0 || n->polled[i].fd < 0)
			continue;
		if (n->at[i].tcp)
			look_at_tcp(n, i, e);
		else
			receive_udp(n, i, e);
	}
}

uint64_t net_dropped(const struct net *n)
{
	uint64_t dropped = 0;

	for (unsigned i = 0; i < LANES_MAX; i++)
		dropped += n->at[i].dropped;
	return dropped;
}

uint64_t net_connections(const struct net *n, unsigned server)
{
	return n->connections[server];
}
