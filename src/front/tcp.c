/* tcp.c - queries over TCP, RFC 7766: pipelined, answered in whatever order
 * the answers come, on connections that clients keep as long as they use them.
 *
 * What bounds a connection:
 *   idle            tcp-idle-timeout, a quarter of it under pressure
 *   a query         must be whole tcp-message-timeout after its first octet,
 *                   however many arrive in between
 *   a reply         must be taken tcp-message-timeout after it was written
 *   in flight       tcp-in-flight-max, then it is read no further
 *   unread replies  OUTPUT_MAX octets, then it is read no further; what it
 *                   waits for may come to more, up to OUTPUT_END, then it is
 *                   closed
 * and all of them: tcp-connections-max, then the one idle longest goes.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front.h"
#include "mx_log.h"

#define LENGTH_LEN 2
#define OUTPUT_MAX (4u * MX_MESSAGE_MAX)
#define OUTPUT_END (4u * OUTPUT_MAX)
#define INPUT_MAX (LENGTH_LEN + MX_MESSAGE_MAX)
/* Queries answered before other connections get their turn. */
#define QUERIES_PER_WAKEUP 64
#define ACCEPTS_PER_WAKEUP 32
/* With no descriptor left, accepting pauses this long rather than spin. */
#define ACCEPT_PAUSE_MS 100
/* A connection that is to end because of a new version gets this long. */
#define DRAIN_IDLE_MS 500

struct tcp_listener {
	struct tcp *tcp;
	int fd;
	struct event *readable, *resume;
	TAILQ_ENTRY(tcp_listener) link;
};

struct tcp {
	struct worker *worker;
	size_t open;
	bool stopped;
	TAILQ_HEAD(, tcp_listener) listeners;
	TAILQ_HEAD(, conn) all;	 /* longest untouched first */
};

struct conn {
	struct tcp *tcp;
	struct bufferevent *bev;
	struct sockaddr_storage peer;
	uint32_t client;
	struct event *timer, *more;
	unsigned in_flight;
	bool broken; /* a reply could not be queued: to be closed */
	bool ended;  /* the peer sends nothing more that we would read */
	mx_instant touched;
	mx_instant partial_since; /* 0: no unfinished query */
	/* Octets ever queued and, as of mark_at, how many of them the peer
	 * must take in time. */
	uint64_t queued, mark;
	mx_instant mark_at;
	TAILQ_HEAD(, tcp_asking) waiting;
	TAILQ_ENTRY(conn) link;
};

struct tcp_asking {
	struct asking asking; /* first: deliver casts back */
	struct conn *conn;
	TAILQ_ENTRY(tcp_asking) link;
};

static struct evbuffer *input(const struct conn *conn)
{
	return bufferevent_get_input(conn->bev);
}

static struct evbuffer *output(const struct conn *conn)
{
	return bufferevent_get_output(conn->bev);
}

static void conn_free(struct conn *conn)
{
	struct tcp_asking *waiting;

	while ((waiting = TAILQ_FIRST(&conn->waiting))) {
		TAILQ_REMOVE(&conn->waiting, waiting, link);
		ask_cancel(&waiting->asking);
		free(waiting);
	}
	TAILQ_REMOVE(&conn->tcp->all, conn, link);
	conn->tcp->open--;
	limits_tcp_end(conn->tcp->worker->limits, conn->client);
	event_free(conn->timer);
	event_free(conn->more);
	bufferevent_free(conn->bev); /* closes the socket */
	free(conn);
}

static void touch(struct conn *conn)
{
	conn->touched = mx_clock_now();
	TAILQ_REMOVE(&conn->tcp->all, conn, link);
	TAILQ_INSERT_TAIL(&conn->tcp->all, conn, link);
}

static bool idle(const struct conn *conn)
{
	return conn->in_flight == 0 && conn->partial_since == 0 &&
	       evbuffer_get_length(output(conn)) == 0;
}

/* ---- timeouts: one lazy timer a connection ---- */

static mx_instant idle_timeout(const struct tcp *tcp)
{
	const struct worker *worker = tcp->worker;
	mx_instant timeout = (mx_instant)worker->config->tcp_idle_timeout;

	if (tcp->stopped && timeout > DRAIN_IDLE_MS)
		return DRAIN_IDLE_MS;
	return limits_tcp_pressed(worker->limits) ? timeout / 4 : timeout;
}

/* RFC 7828 section 3.3.2: 0 asks a client to close. */
mx_instant tcp_idle_ms(const struct tcp *tcp)
{
	return tcp->stopped ? 0 : idle_timeout(tcp);
}

/* When this connection has to be closed if nothing changes. */
static mx_instant ends_at(const struct conn *conn)
{
	mx_instant timeout =
		(mx_instant)conn->tcp->worker->config->tcp_message_timeout;
	mx_instant at = INT64_MAX;

	if (idle(conn))
		at = conn->touched + idle_timeout(conn->tcp);
	if (conn->partial_since && conn->partial_since + timeout < at)
		at = conn->partial_since + timeout;
	if (conn->mark_at && conn->mark_at + timeout < at)
		at = conn->mark_at + timeout;
	return at;
}

/* Not at once: a query or an answer is in the middle of its way. */
static void break_off(struct conn *conn)
{
	conn->broken = true;
	event_active(conn->more, 0, 0);
}

/* Look again then, and at least every so often: the timer is not moved at
 * each query or when pressure begins, so it must not sleep through a shorter
 * time-out. */
static void arm(struct conn *conn)
{
	const struct mx_config *config = conn->tcp->worker->config;
	mx_instant wait = ends_at(conn) - mx_clock_now();
	mx_instant most = (mx_instant)(idle(conn) ? config->tcp_idle_timeout
						  : config->tcp_message_timeout) /
				  4 + 1;
	struct timeval tv;

	if (conn->tcp->stopped && most > DRAIN_IDLE_MS)
		most = DRAIN_IDLE_MS;
	if (wait > most)
		wait = most;
	if (wait < 1)
		wait = 1;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = wait % 1000 * 1000;
	if (evtimer_add(conn->timer, &tv) != 0)
		break_off(conn); /* it would stay for ever */
}

/* What was queued when the mark was set must be gone in time, so that a peer
 * that takes an octet now and then does not hold its replies for ever. */
static void update_mark(struct conn *conn)
{
	size_t left = evbuffer_get_length(output(conn));

	if (left == 0) {
		conn->mark_at = 0;
	} else if (!conn->mark_at || conn->queued - left >= conn->mark) {
		conn->mark = conn->queued;
		conn->mark_at = mx_clock_now();
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;
	update_mark(conn);
	if (ends_at(conn) > mx_clock_now()) {
		arm(conn);
		return;
	}
	if (!idle(conn))
		mx_count(&conn->tcp->worker->counters, tcp_timeouts, 1);
	conn_free(conn);
}

/* ---- replies ---- */

static void put_reply(struct conn *conn, const uint8_t *reply, size_t len)
{
	struct evbuffer_iovec room;

	/* Length and message in one piece: they leave together (RFC 7766
	 * section 8), and there is never one without the other. */
	if (conn->broken)
		return;
	if (evbuffer_get_length(output(conn)) + len > OUTPUT_END) {
		mx_count(&conn->tcp->worker->counters, tcp_timeouts, 1);
		break_off(conn);
		return;
	}
	if (evbuffer_reserve_space(output(conn), (ev_ssize_t)(LENGTH_LEN + len),
				   &room, 1) != 1) {
		break_off(conn);
		return;
	}

	uint8_t *at = room.iov_base;
	at[0] = (uint8_t)(len >> 8);
	at[1] = (uint8_t)len;
	memcpy(at + LENGTH_LEN, reply, len);
	room.iov_len = LENGTH_LEN + len;
	evbuffer_commit_space(output(conn), &room, 1);
	conn->queued += LENGTH_LEN + len;
	update_mark(conn);
}

static void on_reply(struct asking *asking, const uint8_t *reply, size_t len)
{
	struct tcp_asking *waiting = (struct tcp_asking *)asking;
	struct conn *conn = waiting->conn;

	TAILQ_REMOVE(&conn->waiting, waiting, link);
	conn->in_flight--;
	free(waiting);
	put_reply(conn, reply, len);
	touch(conn);
	/* Reading may go on now; not here, where the lookup is still busy. */
	event_active(conn->more, 0, 0);
}

static bool wait_for(struct conn *conn, const struct ask *ask)
{
	struct tcp_asking *waiting = malloc(sizeof(*waiting));

	if (!waiting) {
		mx_count(&conn->tcp->worker->counters, overloads, 1);
		return false;
	}
	waiting->conn = conn;
	TAILQ_INSERT_TAIL(&conn->waiting, waiting, link);
	conn->in_flight++;
	ask_wait(conn->tcp->worker, ask, &waiting->asking, on_reply);
	return true;
}

/* ---- queries ---- */

enum step { STEP_TOOK, STEP_NEED_MORE, STEP_CLOSE };

/* Take one whole query from the input. */
static enum step take_query(struct conn *conn)
{
	struct worker *worker = conn->tcp->worker;
	struct evbuffer *in = input(conn);
	uint8_t length[LENGTH_LEN];
	struct ask ask;
	size_t reply_len;

	if (evbuffer_copyout(in, length, LENGTH_LEN) < LENGTH_LEN)
		return STEP_NEED_MORE;
	size_t len = (size_t)length[0] << 8 | length[1];
	if (len < MX_HEADER_LEN)
		return STEP_CLOSE; /* no telling where the next one starts */
	if (evbuffer_get_length(in) < LENGTH_LEN + len)
		return STEP_NEED_MORE;

	const uint8_t *msg = evbuffer_pullup(in, (ssize_t)(LENGTH_LEN + len));
	if (!msg)
		return STEP_CLOSE;
	int64_t taken_us = worker->taken_us = mx_clock_us();
	enum ask_outcome outcome = ask_begin(
		worker, msg + LENGTH_LEN, len, (struct sockaddr *)&conn->peer,
		true, taken_us / 1000, &ask, worker->scratch, &reply_len);
	enum step step = STEP_TOOK;
	if (outcome <= ASK_REPLY) {
		uint8_t series = (uint8_t)mx_latency_series(outcome,
							    ask.key.qtype);

		put_reply(conn, worker->scratch, reply_len);
		mx_latency_add_all(&worker->latency, &series, 1,
				   mx_clock_us() - taken_us);
	} else if (outcome == ASK_WAIT && !wait_for(conn, &ask))
		step = STEP_CLOSE;
	evbuffer_drain(in, LENGTH_LEN + len);
	conn->partial_since = 0;
	return step;
}

static bool full(const struct conn *conn)
{
	return conn->in_flight >=
		       conn->tcp->worker->config->tcp_in_flight_max ||
	       evbuffer_get_length(output(conn)) >= OUTPUT_MAX;
}

/* Read no further while full: the peer's window closes, and its queries wait
 * on its side. So they do while a longest query is there, which is a whole one;
 * libevent's own mark for that, bufferevent_setwatermark(), crashes where it
 * gets no memory. */
static void set_reading(struct conn *conn)
{
	if (full(conn) || conn->ended ||
	    evbuffer_get_length(input(conn)) >= INPUT_MAX)
		bufferevent_disable(conn->bev, EV_READ);
	else if (bufferevent_enable(conn->bev, EV_READ) != 0)
		break_off(conn);
}

static void serve(struct conn *conn)
{
	enum step step = STEP_NEED_MORE;
	int taken = 0;

	while (!full(conn)) {
		if (taken == QUERIES_PER_WAKEUP) {
			event_active(conn->more, 0, 0);
			break;
		}
		step = take_query(conn);
		if (step != STEP_TOOK)
			break;
		taken++;
	}
	if (taken)
		touch(conn);
	if (step == STEP_CLOSE) { /* what was asked before is still answered */
		evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
		conn->partial_since = 0;
		conn->ended = true;
	}
	if (step == STEP_NEED_MORE && evbuffer_get_length(input(conn)) > 0 &&
	    !conn->partial_since && !full(conn))
		conn->partial_since = mx_clock_now();
	/* Half-closed by the peer: what it asked is still answered. */
	if (conn->ended && conn->in_flight == 0 && taken < QUERIES_PER_WAKEUP &&
	    evbuffer_get_length(output(conn)) == 0) {
		conn_free(conn);
		return;
	}
	set_reading(conn);
	arm(conn);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->broken)
		conn_free(conn);
	else
		serve(conn);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	serve(arg);
}

/* All output has gone. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	update_mark(conn);
	touch(conn);
	serve(conn);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if (what & BEV_EVENT_EOF && !(what & BEV_EVENT_WRITING)) {
		conn->ended = true;
		serve(conn);
		return;
	}
	conn_free(conn);
}

/* ---- connections ---- */

/* Close the connection that has been idle longest, of this client or, with
 * NULL, of all; false if none is idle. */
static bool evict_idle(struct tcp *tcp, const uint32_t *client)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &tcp->all, link)
		if (idle(conn) && (!client || conn->client == *client)) {
			conn_free(conn);
			return true;
		}
	return false;
}

/* A place for one more connection of this client, making one if need be.
 * The kernel deals connections out to workers, and one cannot close another's:
 * so each may always hold its share, lest whoever fills one worker's list with
 * idle connections shut out the clients of the rest. */
static bool admit(struct tcp *tcp, uint32_t client)
{
	struct mx_limits *limits = tcp->worker->limits;

	switch (limits_tcp(limits, client)) {
	case LIMITS_TCP_OK:
		return true;
	case LIMITS_TCP_CLIENT:
		return evict_idle(tcp, &client) &&
		       limits_tcp(limits, client) == LIMITS_TCP_OK;
	case LIMITS_TCP_TOTAL:
		break;
	}
	return (evict_idle(tcp, NULL) || tcp->open < limits_tcp_share(limits)) &&
	       limits_tcp_past_total(limits, client);
}

/* fd is the connection's from here on, whatever happens. */
static bool conn_new(struct tcp *tcp, int fd,
		     const struct sockaddr_storage *peer, uint32_t client)
{
	struct event_base *base = tcp->worker->base;
	struct conn *conn = calloc(1, sizeof(*conn));
	int on = 1;

	if (!conn || !(conn->timer = evtimer_new(base, on_timer, conn)) ||
	    !(conn->more = event_new(base, -1, 0, on_more, conn)) ||
	    !(conn->bev = bufferevent_socket_new(base, fd,
						 BEV_OPT_CLOSE_ON_FREE))) {
		if (conn && conn->timer)
			event_free(conn->timer);
		if (conn && conn->more)
			event_free(conn->more);
		free(conn);
		close(fd);
		return false;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->tcp = tcp;
	conn->peer = *peer;
	conn->client = client;
	conn->touched = mx_clock_now();
	TAILQ_INIT(&conn->waiting);
	TAILQ_INSERT_TAIL(&tcp->all, conn, link);
	tcp->open++;
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	if (bufferevent_enable(conn->bev, EV_READ | EV_WRITE) != 0)
		break_off(conn);
	arm(conn);
	return true;
}

static void welcome(struct tcp *tcp, int fd,
		    const struct sockaddr_storage *peer)
{
	struct worker *worker = tcp->worker;
	const struct sockaddr *address = (const struct sockaddr *)peer;
	uint32_t client = limits_client(worker->limits, address);

	if (limits_acl(worker->limits, address) == MX_ACL_DROP ||
	    !admit(tcp, client)) {
		mx_count(&worker->counters, tcp_refused, 1);
		close(fd);
		return;
	}
	mx_count(&worker->counters, tcp_accepted, 1);
	if (!conn_new(tcp, fd, peer, client))
		limits_tcp_end(worker->limits, client);
}

static void pause_accepting(struct tcp_listener *listener)
{
	static struct mx_log_gate gate;
	struct timeval tv = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	mx_log_limited(&gate, MX_LOG_WARNING,
		       "cannot accept TCP connections for now: %s; raise the limit on open files or lower tcp-connections-max",
		       strerror(errno));
	/* Rather spin than never accept again. */
	if (evtimer_add(listener->resume, &tv) == 0)
		event_del(listener->readable);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_listener *listener = arg;

	(void)fd;
	(void)what;
	if (!listener->tcp->stopped && event_add(listener->readable, NULL) != 0)
		timer_start(listener->resume, ACCEPT_PAUSE_MS);
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_listener *listener = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int accepted = accept4(fd, (struct sockaddr *)&peer, &len,
				       SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (accepted >= 0) {
			welcome(listener->tcp, accepted, &peer);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			/* One for one that waits: only the first call of
			 * a wakeup is sure that there is one (without a
			 * descriptor accept does not even look), and a closed
			 * connection's descriptor is free once the loop has
			 * turned. */
			if (i == 0 && !evict_idle(listener->tcp, NULL))
				pause_accepting(listener);
			return;
		default: /* the connection, not the listener, is at fault */
			break;
		}
	}
}

/* ---- set up and tear down ---- */

struct tcp *tcp_new(struct worker *worker)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));

	if (!tcp)
		return NULL;
	tcp->worker = worker;
	TAILQ_INIT(&tcp->listeners);
	TAILQ_INIT(&tcp->all);
	return tcp;
}

static void listener_free(struct tcp_listener *listener)
{
	if (listener->readable)
		event_free(listener->readable);
	if (listener->resume)
		event_free(listener->resume);
	free(listener);
}

bool tcp_listen(struct tcp *tcp, int fd)
{
	struct tcp_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return false;
	listener->tcp = tcp;
	listener->fd = fd;
	listener->readable = event_new(tcp->worker->base, fd,
				       EV_READ | EV_PERSIST, on_connection,
				       listener);
	listener->resume = evtimer_new(tcp->worker->base, on_resume, listener);
	if (!listener->readable || !listener->resume ||
	    event_add(listener->readable, NULL) != 0) {
		listener_free(listener);
		return false;
	}
	TAILQ_INSERT_TAIL(&tcp->listeners, listener, link);
	return true;
}

void tcp_stop(struct tcp *tcp)
{
	struct tcp_listener *listener;
	struct conn *conn, *next;

	tcp->stopped = true;
	TAILQ_FOREACH(listener, &tcp->listeners, link)
		event_del(listener->readable);
	for (conn = TAILQ_FIRST(&tcp->all); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		arm(conn); /* the idle time-out is shorter now */
	}
}

size_t tcp_open(const struct tcp *tcp)
{
	return tcp->open;
}

void tcp_free(struct tcp *tcp)
{
	struct tcp_listener *listener;

	if (!tcp)
		return;
	while (!TAILQ_EMPTY(&tcp->all))
		conn_free(TAILQ_FIRST(&tcp->all));
	while ((listener = TAILQ_FIRST(&tcp->listeners))) {
		TAILQ_REMOVE(&tcp->listeners, listener, link);
		close(listener->fd);
		listener_free(listener);
	}
	free(tcp);
}
