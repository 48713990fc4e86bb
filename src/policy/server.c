/* server.c - answers Postfix over socketmap. See server.h. */
#include "server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../admin/acceptor.h"
#include "../admin/stream.h"
#include "mx_policy.h"
#include "socketmap.h"

/* Octets of replies that wait to be taken; then no more requests are read. */
#define OUTPUT_MAX (256u * 1024u)
/* Requests before other connections get their turn. */
#define REQUESTS_PER_WAKEUP 32

struct policy_server {
	struct event_base *base;
	struct route_asks *asks;
	const struct sts_source *sts; /* NULL: mta-sts is off */
	struct policy_access access;
	struct mx_counters *counters;
	struct acceptor *acceptor;
	bool stopped;
	size_t open;
	TAILQ_HEAD(, conn) all; /* longest untouched first */
	char text[MX_POLICY_TEXT_MAX];
	char reply[MX_POLICY_TEXT_MAX + SOCKETMAP_REPLY_OVERHEAD];
};

struct conn {
	struct policy_server *server;
	struct bufferevent *bev;
	struct event *timer, *more;
	unsigned in_flight;
	bool ended;	/* what comes is read no more; it goes when it is idle */
	bool confused;	/* it sends what is no request, */
	bool lingering; /* and has had its last reply */
	bool held; /* so much has come that it is read no further for now */
	bool lost; /* a reply, for want of memory: all later ones go with it */
	mx_instant partial_since; /* 0: no request has only begun */
	TAILQ_HEAD(, pending) pending; /* in order */
	TAILQ_ENTRY(conn) link;
};

/* A request that is not answered. */
struct pending {
	struct conn *conn;
	struct policy_ask *ask; /* NULL: reply is there */
	enum socketmap_map map;
	char *reply;
	TAILQ_ENTRY(pending) link;
};

static struct evbuffer *input(const struct conn *conn)
{
	return bufferevent_get_input(conn->bev);
}

static size_t unread(const struct conn *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

/* ---- the end of a connection ---- */

static void pending_free(struct pending *pending)
{
	TAILQ_REMOVE(&pending->conn->pending, pending, link);
	pending->conn->in_flight--;
	free(pending->reply);
	free(pending);
}

static void conn_free(struct conn *conn)
{
	struct pending *pending;

	while ((pending = TAILQ_FIRST(&conn->pending))) {
		if (pending->ask)
			policy_ask_cancel(pending->ask);
		pending_free(pending);
	}
	TAILQ_REMOVE(&conn->server->all, conn, link);
	conn->server->open--;
	event_free(conn->timer);
	event_free(conn->more);
	bufferevent_free(conn->bev); /* closes the socket */
	free(conn);
}

static bool idle(const struct conn *conn)
{
	return conn->in_flight == 0 && unread(conn) == 0;
}

/* Something asked or answered. */
static void touch(struct conn *conn)
{
	TAILQ_REMOVE(&conn->server->all, conn, link);
	TAILQ_INSERT_TAIL(&conn->server->all, conn, link);
}

static void arm(struct conn *conn, mx_instant wait_ms)
{
	struct timeval tv = { .tv_sec = wait_ms / 1000,
			      .tv_usec = wait_ms % 1000 * 1000 };

	evtimer_add(conn->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	mx_instant waited = mx_clock_now() - conn->partial_since;

	(void)fd;
	(void)what;
	if (conn->lingering)
		conn_free(conn);
	else if (conn->partial_since == 0)
		return;
	else if (waited >= POLICY_REQUEST_MS)
		conn_free(conn);
	else
		arm(conn, POLICY_REQUEST_MS - waited);
}

/* A close with something unread takes the last reply along (RFC 2525 section
 * 2.17), so it is read on for a while. */
static void linger(struct conn *conn)
{
	conn->lingering = true;
	shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
	arm(conn, POLICY_LINGER_MS);
}

/* Nothing more is to come from it, and all is answered. May free conn. */
static void end_if_idle(struct conn *conn)
{
	if (!conn->ended || conn->lingering || !idle(conn))
		return;
	if (conn->confused && !conn->server->stopped)
		linger(conn);
	else
		conn_free(conn);
}

/* ---- replies ---- */

/* Those that are ready and have none before them that is not. */
static void flush(struct conn *conn)
{
	struct pending *first;

	while ((first = TAILQ_FIRST(&conn->pending)) && !first->ask) {
		/* The next would be taken for the reply to this. */
		if (conn->lost || !first->reply ||
		    bufferevent_write(conn->bev, first->reply,
				      strlen(first->reply)) != 0) {
			bufferevent_disable(conn->bev, EV_READ);
			evbuffer_drain(input(conn),
				       evbuffer_get_length(input(conn)));
			conn->ended = conn->lost = true;
		}
		pending_free(first);
	}
	touch(conn);
	event_active(conn->more, 0, 0);
}

static void reply(struct pending *pending, enum socketmap_reply word,
		  const char *text)
{
	struct policy_server *server = pending->conn->server;

	socketmap_write(word, text, server->reply, sizeof(server->reply));
	pending->ask = NULL;
	pending->reply = strdup(server->reply);
	if (word == SOCKETMAP_TEMP)
		mx_count(server->counters, policies_failed, 1);
}

/* Postfix logs it: which host, and what is wrong with it. */
static const char *why(struct policy_server *server,
		       const struct mx_policy *policy,
		       const struct mx_route_result *result)
{
	const char *text = mx_policy_reason_text(policy->reason);
	char name[MX_ROUTE_NAME_TEXT_MAX];

	for (unsigned i = 0; i < result->host_count; i++) {
		const struct mx_route_host *host = &result->hosts[i];

		if (mx_route_host_state_class(host->state) !=
		    MX_ROUTE_TEMPORARY)
			continue;
		snprintf(server->text, sizeof(server->text), "%s: %s: %s", text,
			 mx_route_name_text(&host->name, name),
			 mx_route_host_state_text(host->state));
		return server->text;
	}
	return text;
}

static void reply_policy(struct pending *pending,
			 const struct mx_route_result *result,
			 const struct mx_route_policy *sts)
{
	struct policy_server *server = pending->conn->server;
	struct mx_policy policy = mx_policy_decide(result, sts);

	if (policy.verdict == MX_POLICY_NONE) {
		reply(pending, SOCKETMAP_NOTFOUND, "");
	} else if (policy.verdict == MX_POLICY_TEMP) {
		reply(pending, SOCKETMAP_TEMP, why(server, &policy, result));
	} else {
		mx_policy_text(&policy, result, sts,
			       pending->map == SOCKETMAP_QUERY_TLSRPT,
			       server->text);
		reply(pending, SOCKETMAP_OK, server->text);
		mx_count(server->counters, policies_found, 1);
	}
}

static void on_answer(void *arg, enum mx_error err,
		      const struct mx_route_result *result,
		      const struct mx_sts_answer *sts)
{
	struct pending *pending = arg;

	if (err == MX_OK)
		reply_policy(pending, result, sts ? sts->policy : NULL);
	else
		reply(pending, SOCKETMAP_TEMP, mx_error_text(err));
	flush(pending->conn);
}

/* ---- requests ---- */

static struct pending *pending_new(struct conn *conn)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending) {
		conn->ended = true;
		bufferevent_disable(conn->bev, EV_READ);
		return NULL;
	}
	pending->conn = conn;
	TAILQ_INSERT_TAIL(&conn->pending, pending, link);
	conn->in_flight++;
	return pending;
}

/* What comes after it is not looked at. */
static void give_up(struct conn *conn, enum socketmap_reply word,
		    const char *text)
{
	struct pending *pending = pending_new(conn);

	conn->ended = conn->confused = true;
	evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
	if (!pending)
		return;
	reply(pending, word, text);
	flush(conn);
}

static void look_up(struct pending *pending,
		    const struct mx_route_destination *destination)
{
	static const struct policy_ask_options options = {
		.patience = POLICY_ROUTE_MS, .sts_patience = POLICY_STS_MS,
	};
	struct conn *conn = pending->conn;

	pending->ask = policy_ask_start(conn->server->asks, conn->server->sts,
					destination, &options, on_answer,
					pending);
	if (pending->ask)
		return;
	reply(pending, SOCKETMAP_TEMP, mx_error_text(MX_E_NO_MEMORY));
	flush(conn);
}

static void take_request(struct conn *conn,
			 const struct socketmap_request *request)
{
	struct mx_route_destination destination;
	enum socketmap_map map = socketmap_map(request);
	struct pending *pending;

	if (map == SOCKETMAP_UNKNOWN) {
		give_up(conn, SOCKETMAP_PERM,
			"no such map; there are QUERY and QUERYwithTLSRPT");
		return;
	}
	touch(conn);
	mx_count(conn->server->counters, policies, 1);
	pending = pending_new(conn);
	if (!pending)
		return;
	pending->map = map;
	if (socketmap_key(request, &destination)) {
		look_up(pending, &destination);
	} else {
		reply(pending, SOCKETMAP_NOTFOUND, "");
		flush(conn);
	}
}

static void note_partial(struct conn *conn, bool partial)
{
	if (!partial) {
		conn->partial_since = 0;
	} else if (conn->partial_since == 0) {
		conn->partial_since = mx_clock_now();
		arm(conn, POLICY_REQUEST_MS);
	}
}

/* The next request, if it is there whole, and nothing if it is not. */
static bool next_request(struct conn *conn)
{
	struct evbuffer *in = input(conn);
	size_t have = evbuffer_get_length(in), used = 0;
	size_t look = have < SOCKETMAP_INPUT_MAX ? have : SOCKETMAP_INPUT_MAX;
	struct socketmap_request request;
	uint8_t octets[SOCKETMAP_INPUT_MAX];

	if (have == 0) {
		note_partial(conn, false);
		return false;
	}
	evbuffer_copyout(in, octets, look);
	switch (socketmap_read(octets, look, &request, &used)) {
	case SOCKETMAP_MORE:
		note_partial(conn, true);
		break;
	case SOCKETMAP_MALFORMED:
		give_up(conn, SOCKETMAP_TEMP, "not a request");
		break;
	case SOCKETMAP_REQUEST:
		note_partial(conn, false);
		evbuffer_drain(in, used);
		take_request(conn, &request);
		return true;
	}
	return false;
}

/* Of who is not understood, only to be thrown away (linger()). */
static bool may_come(const struct conn *conn)
{
	return !conn->lost && (!conn->ended || conn->confused);
}

/* So far as bounds allow. May free conn. */
static void read_requests(struct conn *conn)
{
	int taken = 0;

	while (!conn->confused && conn->in_flight < POLICY_IN_FLIGHT &&
	       unread(conn) < OUTPUT_MAX && taken < REQUESTS_PER_WAKEUP &&
	       next_request(conn))
		taken++;
	if (conn->confused)
		evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
	stream_hold_back(conn->bev, 2 * SOCKETMAP_INPUT_MAX, may_come(conn),
			 &conn->held);
	if (taken == REQUESTS_PER_WAKEUP)
		event_active(conn->more, 0, 0);
	else
		end_if_idle(conn);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_requests(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	read_requests(arg);
}

/* ---- connections ---- */

/* Its end: of a peer that is gone altogether, or of what it sends. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) == 0 || conn->lingering ||
	    stream_peer_is_gone(conn->bev)) {
		conn_free(conn);
		return;
	}
	conn->ended = true;
	conn->confused = false; /* it has sent its last */
	read_requests(conn);
}

static void on_accepted(struct policy_server *server, int fd)
{
	struct timeval patience = { .tv_sec = POLICY_WRITE_MS / 1000 };
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		goto fail;
	conn->server = server;
	TAILQ_INIT(&conn->pending);
	conn->timer = evtimer_new(server->base, on_timer, conn);
	conn->more = event_new(server->base, -1, 0, on_more, conn);
	conn->bev = bufferevent_socket_new(server->base, fd,
					   BEV_OPT_CLOSE_ON_FREE);
	if (!conn->timer || !conn->more || !conn->bev)
		goto fail;
	bufferevent_setcb(conn->bev, on_read, on_read, on_event, conn);
	bufferevent_set_timeouts(conn->bev, NULL, &patience);
	TAILQ_INSERT_TAIL(&server->all, conn, link);
	server->open++;
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	return;
fail:
	if (conn && conn->timer)
		event_free(conn->timer);
	if (conn && conn->more)
		event_free(conn->more);
	if (conn && conn->bev)
		bufferevent_free(conn->bev);
	else
		close(fd);
	free(conn);
}

/* Room for one more connection, if need be that of another. */
static bool make_room(struct policy_server *server)
{
	struct conn *conn;

	if (server->open < POLICY_CONNECTIONS_MAX)
		return true;
	TAILQ_FOREACH(conn, &server->all, link) {
		if (idle(conn)) {
			conn_free(conn);
			return true;
		}
	}
	return false;
}

/* In one write, which an empty socket takes. */
static void refuse(int fd, enum socketmap_reply word, const char *text)
{
	char octets[128];
	size_t len = socketmap_write(word, text, octets, sizeof(octets));

	if (send(fd, octets, len, MSG_NOSIGNAL) < 0) {
		/* It learns from the end of file. */
	}
	close(fd);
}

static void admit(void *arg, int fd, const struct sockaddr *peer)
{
	struct policy_server *server = arg;
	enum mx_acl_action action =
		peer->sa_family == AF_UNIX ?
			MX_ACL_ALLOW :
			server->access.action(server->access.arg, peer);

	if (action == MX_ACL_DROP)
		close(fd);
	else if (action == MX_ACL_REFUSE)
		refuse(fd, SOCKETMAP_PERM,
		       "access-control of mxbound does not allow this address");
	else if (make_room(server))
		on_accepted(server, fd);
	else
		refuse(fd, SOCKETMAP_TEMP, "too many connections");
}

/* ---- begin and end ---- */

void policy_server_listen(void *arg, int fd)
{
	struct policy_server *server = arg;

	if (server->stopped)
		close(fd);
	else
		acceptor_listen(server->acceptor, fd);
}

/* What has come so far is answered; the next front, which the client reaches
 * at the same address, has the rest. */
static void stop_conn(struct conn *conn)
{
	evbuffer_unfreeze(input(conn), 0); /* libevent keeps it for itself */
	if (!conn->ended)
		evbuffer_read(input(conn), bufferevent_getfd(conn->bev),
			      (int)SOCKETMAP_INPUT_MAX);
	bufferevent_disable(conn->bev, EV_READ);
	conn->ended = true;
	if (conn->lingering)
		conn_free(conn);
	else
		read_requests(conn);
}

void policy_server_stop(void *arg)
{
	struct policy_server *server = arg;
	struct conn *conn, *next;

	server->stopped = true;
	acceptor_stop(server->acceptor);
	/* One that is touched comes again at the end, and has ended by then. */
	for (conn = TAILQ_FIRST(&server->all); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (!conn->ended || conn->lingering)
			stop_conn(conn);
	}
}

size_t policy_server_open(const void *arg)
{
	const struct policy_server *server = arg;

	return server->open;
}

struct policy_server *policy_server_new(struct event_base *base,
					struct route_asks *asks,
					const struct sts_source *sts,
					const struct policy_access *access,
					struct mx_counters *counters)
{
	struct policy_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->base = base;
	server->asks = asks;
	server->sts = sts;
	server->access = *access;
	server->counters = counters;
	TAILQ_INIT(&server->all);
	server->acceptor = acceptor_new(base, "policy-listen", admit, server);
	if (!server->acceptor) {
		free(server);
		return NULL;
	}
	return server;
}

void policy_server_free(struct policy_server *server)
{
	struct conn *conn;

	if (!server)
		return;
	while ((conn = TAILQ_FIRST(&server->all)))
		conn_free(conn);
	acceptor_free(server->acceptor);
	free(server);
}
