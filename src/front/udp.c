/* udp.c - datagrams in batches: read up to 64, answer what the cache has,
 * send these in one call. What must wait is sent by itself later.
 *
 * A reply leaves from the address its query came to. A socket bound to one
 * address does that by itself; on a wildcard one the address is read with
 * each datagram and given back with the reply (IP_PKTINFO, RFC 3542). */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "front.h"
#include "mx_log.h"

#define BATCH 64
/* Then the other sockets get their turn. */
#define BATCHES_PER_WAKEUP 4
/* Slots differ by a cache line beyond a power of two, so that they do not all
 * fall into the same lines of the processor's cache. */
#define QUERY_STRIDE (65536 + 64)
#define CONTROL_ROOM (CMSG_SPACE(sizeof(struct in6_pktinfo)))

/* Where a reply goes, and from which address of ours. */
struct udp_path {
	struct sockaddr_storage peer;
	socklen_t peer_len;
	socklen_t control_len; /* 0: the socket knows its address */
	union {
		struct cmsghdr align;
		uint8_t octets[CONTROL_ROOM];
	} control;
};

struct udp_batch {
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	struct udp_path path[BATCH];
	uint8_t origin[BATCH]; /* which query a reply is to */
	uint8_t series[BATCH]; /* how it was answered, for mx_latency.h */
	size_t reply_stride;
	uint8_t *queries, *replies;
	const struct udp *ready_for; /* whose messages in[] is prepared for */
	unsigned used;		     /* and how many of them it had last time */
};

struct udp {
	struct worker *worker;
	int fd;
	bool wildcard;
	struct event *readable;
	TAILQ_HEAD(, udp_asking) waiting;
};

struct udp_asking {
	struct asking asking; /* first: deliver casts back */
	struct udp *udp;
	TAILQ_ENTRY(udp_asking) link;
	bool certain; /* as in struct ask */
	mx_instant since;
	struct udp_path path; /* last: a cmsghdr ends in data */
};

/* What stays as it is, whatever comes. */
static void set_up(struct udp_batch *batch)
{
	for (unsigned i = 0; i < BATCH; i++) {
		batch->in_iov[i] = (struct iovec){
			batch->queries + (size_t)i * QUERY_STRIDE,
			MX_MESSAGE_MAX };
		batch->in[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->path[i].peer,
			.msg_iov = &batch->in_iov[i], .msg_iovlen = 1 };
		batch->out_iov[i].iov_base =
			batch->replies + i * batch->reply_stride;
		batch->out[i].msg_hdr = (struct msghdr){
			.msg_iov = &batch->out_iov[i], .msg_iovlen = 1 };
	}
}

struct udp_batch *udp_batch_new(size_t udp_size_max)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->reply_stride = udp_size_max + 64;
	batch->queries = malloc((size_t)BATCH * QUERY_STRIDE);
	batch->replies = malloc(BATCH * batch->reply_stride);
	if (!batch->queries || !batch->replies) {
		udp_batch_free(batch);
		return NULL;
	}
	set_up(batch);
	return batch;
}

void udp_batch_free(struct udp_batch *batch)
{
	if (!batch)
		return;
	free(batch->queries);
	free(batch->replies);
	free(batch);
}

/* ---- sending ---- */

/* A reply longer than the path takes in one piece is never fragmented
 * (RFC 9715): TC goes instead, and the client comes over TCP. */
static size_t make_truncated(const struct mx_query *q,
			     const struct options *options, uint8_t *reply)
{
	struct reply cut = {
		.rcode = reply[3] & 15, .truncated = true,
		.ede = { { MX_EDE_NONE, "" }, { MX_EDE_NONE, "" } },
	};

	return reply_finish(q, options, &cut, reply,
			    MX_UDP_PLAIN_MAX - (q->asks ? options->len : 0));
}

static MX_COLD void send_later(struct udp_asking *waiting, const uint8_t *reply,
			       size_t len)
{
	struct udp *udp = waiting->udp;
	struct udp_path *path = &waiting->path;
	struct iovec iov = { (void *)(uintptr_t)reply, len };
	struct msghdr msg = {
		.msg_name = &path->peer, .msg_namelen = path->peer_len,
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = path->control_len ? path->control.octets : NULL,
		.msg_controllen = path->control_len,
	};

	if (sendmsg(udp->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return;
	if (errno == EMSGSIZE && len > MX_UDP_PLAIN_MAX) {
		uint8_t cut[MX_UDP_PLAIN_MAX];

		memcpy(cut, reply, MX_HEADER_LEN);
		iov.iov_base = cut;
		iov.iov_len = make_truncated(&waiting->asking.q,
					     &waiting->asking.options, cut);
		if (sendmsg(udp->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			mx_count(&udp->worker->counters, truncated, 1);
			return;
		}
	}
	mx_count(&udp->worker->counters, send_errors, 1);
}

/* The query of a reply in the batch is still there: read it once more. */
static MX_COLD bool truncate_in_batch(const struct worker *worker,
				      struct udp_batch *batch, unsigned reply)
{
	struct mmsghdr *in = &batch->in[batch->origin[reply]];
	struct iovec *out = batch->out[reply].msg_hdr.msg_iov;
	struct mx_query q;
	struct options options;
	enum mx_error err;

	if (out->iov_len <= MX_UDP_PLAIN_MAX ||
	    mx_query_read(in->msg_hdr.msg_iov->iov_base, in->msg_len, &q,
			  &err) == MX_QUERY_DROP)
		return false;
	if (q.asks)
		options_serve(worker, &q, in->msg_hdr.msg_name, false, &options);
	out->iov_len = make_truncated(&q, &options, out->iov_base);
	return true;
}

/* One message that cannot go must not hold up those behind it. */
static void send_batch(struct udp *udp, struct udp_batch *batch, unsigned count)
{
	unsigned sent = 0;

	while (sent < count) {
		int n = sendmmsg(udp->fd, batch->out + sent, count - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EMSGSIZE &&
		    truncate_in_batch(udp->worker, batch, sent)) {
			mx_count(&udp->worker->counters, truncated, 1);
			continue;
		}
		mx_count(&udp->worker->counters, send_errors, 1);
		sent++;
	}
}

/* ---- waiting ---- */

/* Questions that are sent one by one and made to wait, to be answered all at
 * once, are a way to hit somebody whose address they bear (DNSBomb). */
static bool too_late(const struct udp_asking *waiting)
{
	mx_instant most =
		(mx_instant)waiting->udp->worker->config->discard_timeout;

	return !waiting->certain && most > 0 &&
	       mx_clock_now() - waiting->since > most;
}

static void on_reply(struct asking *asking, const uint8_t *reply, size_t len)
{
	struct udp_asking *waiting = (struct udp_asking *)asking;

	if (too_late(waiting))
		mx_count(&asking->worker->counters, discarded, 1);
	else
		send_later(waiting, reply, len);
	TAILQ_REMOVE(&waiting->udp->waiting, waiting, link);
	free(waiting);
}

static MX_COLD void wait_for(struct udp *udp, const struct ask *ask,
		     const struct udp_path *path, mx_instant now)
{
	struct udp_asking *waiting = malloc(sizeof(*waiting));

	if (!waiting) { /* the client asks again; nothing else is to be done */
		mx_count(&udp->worker->counters, overloads, 1);
		return;
	}
	waiting->udp = udp;
	waiting->path = *path;
	waiting->certain = ask->certain;
	waiting->since = now;
	TAILQ_INSERT_TAIL(&udp->waiting, waiting, link);
	ask_wait(udp->worker, ask, &waiting->asking, on_reply);
}

/* ---- receiving ---- */

/* Turn the destination that came with a datagram into the source of its
 * reply. */
static void set_path(const struct udp *udp, struct msghdr *in,
		     struct udp_path *path)
{
	path->peer_len = in->msg_namelen;
	if (!udp->wildcard) /* prepare_all() has set the rest */
		return;
	path->control_len = 0;

	struct cmsghdr *c = CMSG_FIRSTHDR(in);
	for (; c; c = CMSG_NXTHDR(in, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			/* ipi_spec_dst is already the local address to use;
			 * the route decides the interface. */
			info.ipi_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof(info));
			path->control_len = CMSG_SPACE(sizeof(info));
			return;
		}
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				info.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof(info));
			path->control_len = CMSG_SPACE(sizeof(info));
			return;
		}
	}
}

/* All messages for a socket that the last ones were not for. */
static MX_COLD void prepare_all(struct udp *udp, struct udp_batch *batch)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *in = &batch->in[i].msg_hdr;
		struct msghdr *out = &batch->out[i].msg_hdr;

		in->msg_namelen = sizeof(batch->path[i].peer);
		in->msg_control = udp->wildcard ? batch->path[i].control.octets
						: NULL;
		in->msg_controllen = udp->wildcard ? CONTROL_ROOM : 0;
		out->msg_control = NULL;
		out->msg_controllen = 0;
		batch->path[i].control_len = 0;
	}
	batch->ready_for = udp;
}

/* The kernel has written over the lengths of the messages that came last time;
 * the others are ready still. */
static void prepare(struct udp *udp, struct udp_batch *batch)
{
	if (batch->ready_for != udp)
		prepare_all(udp, batch);
	for (unsigned i = 0; i < batch->used; i++)
		batch->in[i].msg_hdr.msg_namelen = sizeof(batch->path[i].peer);
	for (unsigned i = 0; udp->wildcard && i < batch->used; i++)
		batch->in[i].msg_hdr.msg_controllen = CONTROL_ROOM;
	batch->used = 0;
}

/* Answer message i at once if possible; the reply becomes number `count` of
 * those to send. */
static bool take(struct udp *udp, struct udp_batch *batch, unsigned i,
		 unsigned count, mx_instant now)
{
	struct msghdr *in = &batch->in[i].msg_hdr;
	struct msghdr *out = &batch->out[count].msg_hdr;
	struct udp_path *path = &batch->path[i];
	struct ask ask;

	set_path(udp, in, path);
	enum ask_outcome outcome = ask_begin(
		udp->worker, in->msg_iov->iov_base, batch->in[i].msg_len,
		(struct sockaddr *)&path->peer, false, now, &ask,
		out->msg_iov->iov_base, &out->msg_iov->iov_len);
	if (outcome == ASK_WAIT)
		wait_for(udp, &ask, path, now);
	if (outcome > ASK_REPLY)
		return false;
	batch->series[count] = (uint8_t)mx_latency_series(outcome,
							  ask.key.qtype);
	batch->origin[count] = (uint8_t)i;
	out->msg_name = &path->peer;
	out->msg_namelen = path->peer_len;
	if (udp->wildcard) {
		out->msg_control = path->control_len ? path->control.octets
						     : NULL;
		out->msg_controllen = path->control_len;
	}
	return true;
}

/* Not inlined, so that it takes no register from the way of an answer. */
__attribute__((noinline)) static void record(struct worker *worker,
					     const struct udp_batch *batch,
					     unsigned count, int64_t taken_us)
{
	mx_latency_add_all(&worker->latency, batch->series, count,
			   mx_clock_us() - taken_us);
}

__attribute__((flatten)) static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp *udp = arg;
	struct udp_batch *batch = udp->worker->batch;

	(void)what;
	for (int round = 0; round < BATCHES_PER_WAKEUP; round++) {
		prepare(udp, batch);
		int got = recvmmsg(fd, batch->in, BATCH, MSG_DONTWAIT, NULL);
		if (got <= 0)
			return; /* EAGAIN, or an error of an earlier send */
		batch->used = (unsigned)got;

		int64_t taken_us = mx_clock_us();
		mx_instant now = taken_us / 1000;
		unsigned count = 0;
		udp->worker->taken_us = taken_us;
		for (int i = 0; i < got; i++)
			if (take(udp, batch, (unsigned)i, count, now))
				count++;
		send_batch(udp, batch, count);
		if (count > 0)
			record(udp->worker, batch, count, taken_us);
		if (got < BATCH)
			return;
	}
}

/* ---- set up and tear down ---- */

static bool is_wildcard(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return false;
	if (a.ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(
			&((struct sockaddr_in6 *)&a)->sin6_addr);
	return ((struct sockaddr_in *)&a)->sin_addr.s_addr == INADDR_ANY;
}

struct udp *udp_new(struct worker *worker, int fd)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return NULL;
	udp->worker = worker;
	udp->fd = fd;
	udp->wildcard = is_wildcard(fd);
	worker->batch->ready_for = NULL;
	TAILQ_INIT(&udp->waiting);
	udp->readable = event_new(worker->base, fd, EV_READ | EV_PERSIST,
				  on_readable, udp);
	if (!udp->readable || event_add(udp->readable, NULL) != 0) {
		if (udp->readable)
			event_free(udp->readable);
		free(udp);
		return NULL;
	}
	return udp;
}

void udp_stop(struct udp *udp)
{
	event_del(udp->readable);
}

void udp_free(struct udp *udp)
{
	struct udp_asking *waiting;

	if (!udp)
		return;
	while ((waiting = TAILQ_FIRST(&udp->waiting))) {
		TAILQ_REMOVE(&udp->waiting, waiting, link);
		ask_cancel(&waiting->asking);
		free(waiting);
	}
	event_free(udp->readable);
	evutil_closesocket(udp->fd);
	free(udp);
}
