/* control.c - serves the control socket. See control.h.
 *
 *   line --> request.c --> command.c --> line */
#include "control.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceptor.h"
#include "mx_control.h"
#include "request.h"
#include "stream.h"

/* A line and the beginning of others. */
#define INPUT_MAX (4u * MX_CONTROL_LINE_MAX)
/* Octets of replies that wait to be taken; then no more requests are read. */
#define OUTPUT_MAX (256u * 1024u)
/* Lines before other connections get their turn. */
#define LINES_PER_WAKEUP 64

struct control {
	struct event_base *base;
	struct commands *commands;
	struct acceptor *acceptor;
	bool stopped;
	size_t open;
	TAILQ_HEAD(, conn) all; /* longest untouched first */
};

struct conn {
	struct control *control;
	struct bufferevent *bev;
	struct event *timer, *more;
	unsigned in_flight;
	bool ended; /* what comes is read no more; it goes when it is idle */
	bool held;  /* so much has come that it is read no further for now */
	mx_instant touched;
	TAILQ_HEAD(, pending) pending;
	TAILQ_ENTRY(conn) link;
};

/* A request that is worked on. */
struct pending {
	struct conn *conn;
	struct command *command;
	struct request request;
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
	request_clear(&pending->request);
	free(pending);
}

static void conn_free(struct conn *conn)
{
	struct pending *pending;

	while ((pending = TAILQ_FIRST(&conn->pending))) {
		command_cancel(pending->command);
		pending_free(pending);
	}
	TAILQ_REMOVE(&conn->control->all, conn, link);
	conn->control->open--;
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
	conn->touched = mx_clock_now();
	TAILQ_REMOVE(&conn->control->all, conn, link);
	TAILQ_INSERT_TAIL(&conn->control->all, conn, link);
}

static void arm(struct conn *conn, mx_instant now)
{
	mx_instant wait = conn->touched + CONTROL_IDLE_MS - now;
	struct timeval tv = { .tv_sec = wait / 1000 + 1 };

	evtimer_add(conn->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	mx_instant now = mx_clock_now();

	(void)fd;
	(void)what;
	if (!idle(conn))
		touch(conn);
	if (now - conn->touched >= CONTROL_IDLE_MS)
		conn_free(conn);
	else
		arm(conn, now);
}

/* ---- replies ---- */

/* Takes the line over; NULL: there was no memory for it, and who waits for it
 * must not wait for ever. */
static void write_line(struct conn *conn, char *line)
{
	if (!line || bufferevent_write(conn->bev, line, strlen(line)) != 0) {
		bufferevent_disable(conn->bev, EV_READ);
		conn->ended = true;
	}
	free(line);
}

static void read_more_soon(struct conn *conn)
{
	event_active(conn->more, 0, 0);
}

static void on_done(void *arg, enum request_error err, const char *why,
		    json_t *result)
{
	struct pending *pending = arg;
	struct conn *conn = pending->conn;
	json_t *id = pending->request.id;
	char *line = err == REQUEST_OK ? reply_result(id, result) :
					 reply_error(id, err, why);

	pending_free(pending);
	touch(conn);
	write_line(conn, line);
	read_more_soon(conn);
}

/* ---- requests ---- */

/* Takes the request over. */
static void begin(struct conn *conn, struct request *request)
{
	struct commands *commands = conn->control->commands;
	struct pending *pending;
	json_t *result;

	if (command_at_once(commands, request, &result)) {
		write_line(conn, reply_result(request->id, result));
		request_clear(request);
		return;
	}
	pending = calloc(1, sizeof(*pending));
	if (pending) {
		pending->conn = conn;
		pending->request = *request;
		pending->command = command_begin(commands, &pending->request,
						 on_done, pending);
	}
	if (!pending || !pending->command) {
		write_line(conn, reply_error(request->id, REQUEST_E_MEMORY,
					     "out of memory"));
		free(pending);
		request_clear(request);
		return;
	}
	TAILQ_INSERT_TAIL(&conn->pending, pending, link);
	conn->in_flight++;
}

static void take_line(struct conn *conn, const char *line, size_t len)
{
	struct request request;
	char why[REQUEST_WHY_MAX];
	enum request_error err;

	if (request_is_blank(line, len))
		return;
	touch(conn);
	err = request_read(line, len, &request, why);
	if (err == REQUEST_OK) {
		begin(conn, &request);
		return;
	}
	write_line(conn, reply_error(request.id, err, why));
	request_clear(&request);
}

/* What comes after it cannot be told from the rest of it. */
static void refuse_long_line(struct conn *conn)
{
	char why[64];

	snprintf(why, sizeof(why), "a line of more than %u octets",
		 MX_CONTROL_LINE_MAX);
	write_line(conn, reply_error(NULL, REQUEST_E_TOO_LONG, why));
	bufferevent_disable(conn->bev, EV_READ);
	evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
	conn->ended = true;
}

/* The next line is in line, which has room for it; false: there is none yet. */
static bool next_line(struct conn *conn, char *line, size_t *ret_len)
{
	struct evbuffer *in = input(conn);
	size_t have = evbuffer_get_length(in), eol_len = 0;
	struct evbuffer_ptr eol = evbuffer_search_eol(in, NULL, &eol_len,
						      EVBUFFER_EOL_LF);
	size_t len = eol.pos >= 0 ? (size_t)eol.pos : have;

	if (len > MX_CONTROL_LINE_MAX) {
		refuse_long_line(conn);
		return false;
	}
	/* The last line may lack its newline. */
	if (eol.pos < 0 && (have == 0 || !conn->ended))
		return false;
	evbuffer_remove(in, line, len);
	evbuffer_drain(in, eol_len);
	*ret_len = len;
	return true;
}

/* So far as bounds allow. May free conn. */
static void read_lines(struct conn *conn)
{
	char line[MX_CONTROL_LINE_MAX];
	size_t len;
	int lines = 0;

	while (conn->in_flight < MX_CONTROL_IN_FLIGHT_MAX &&
	       unread(conn) < OUTPUT_MAX && lines < LINES_PER_WAKEUP &&
	       next_line(conn, line, &len)) {
		take_line(conn, line, len);
		lines++;
	}
	stream_hold_back(conn->bev, INPUT_MAX, !conn->ended,
			 &conn->held);
	if (lines == LINES_PER_WAKEUP)
		read_more_soon(conn);
	else if (conn->ended && idle(conn) &&
		 evbuffer_get_length(input(conn)) == 0)
		conn_free(conn);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_lines(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	read_lines(arg);
}

/* ---- connections ---- */

/* Its end: of a peer that is gone altogether, or of what it sends. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) == 0 || stream_peer_is_gone(conn->bev)) {
		conn_free(conn);
		return;
	}
	conn->ended = true;
	read_lines(conn);
}

static void on_accepted(struct control *control, int fd)
{
	struct timeval patience = { .tv_sec = CONTROL_WRITE_MS / 1000 };
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		goto fail;
	conn->control = control;
	TAILQ_INIT(&conn->pending);
	conn->timer = evtimer_new(control->base, on_timer, conn);
	conn->more = event_new(control->base, -1, 0, on_more, conn);
	conn->bev = bufferevent_socket_new(control->base, fd,
					   BEV_OPT_CLOSE_ON_FREE);
	if (!conn->timer || !conn->more || !conn->bev)
		goto fail;
	bufferevent_setcb(conn->bev, on_read, on_read, on_event, conn);
	bufferevent_set_timeouts(conn->bev, NULL, &patience);
	TAILQ_INSERT_TAIL(&control->all, conn, link);
	control->open++;
	touch(conn);
	arm(conn, conn->touched);
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
static bool make_room(struct control *control)
{
	struct conn *conn;

	if (control->open < CONTROL_CONNECTIONS_MAX)
		return true;
	TAILQ_FOREACH(conn, &control->all, link) {
		if (idle(conn)) {
			conn_free(conn);
			return true;
		}
	}
	return false;
}

/* In one write, which an empty socket takes. */
static void refuse(int fd)
{
	char *line = reply_error(NULL, REQUEST_E_BUSY,
				 "too many connections; try again later");

	if (line && send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) {
		/* It learns from the end of file. */
	}
	free(line);
	close(fd);
}

static void admit(void *arg, int fd, const struct sockaddr *peer)
{
	struct control *control = arg;

	(void)peer; /* the file's mode has decided */
	if (make_room(control))
		on_accepted(control, fd);
	else
		refuse(fd);
}

/* ---- begin and end ---- */

void control_listen(void *arg, int fd)
{
	struct control *control = arg;

	if (acceptor_listens(control->acceptor) || control->stopped)
		close(fd);
	else
		acceptor_listen(control->acceptor, fd);
}

void control_stop(void *arg)
{
	struct control *control = arg;
	struct conn *conn, *next;

	control->stopped = true;
	acceptor_stop(control->acceptor);
	for (conn = TAILQ_FIRST(&control->all); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		/* What is not begun is for the next front, which the client
		 * reaches on the same path. */
		bufferevent_disable(conn->bev, EV_READ);
		evbuffer_drain(input(conn), evbuffer_get_length(input(conn)));
		conn->ended = true;
		if (idle(conn))
			conn_free(conn);
	}
}

size_t control_open(const void *arg)
{
	const struct control *control = arg;

	return control->open;
}

struct control *control_new(struct event_base *base, struct commands *commands)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->base = base;
	/* Left alone it would open /dev/urandom, which this process may not,
	 * and then make do with the time. */
	json_object_seed(randombytes_random() | 1);
	TAILQ_INIT(&control->all);
	control->commands = commands;
	control->acceptor = acceptor_new(base, "control-socket", admit, control);
	if (!control->acceptor) {
		free(control);
		return NULL;
	}
	return control;
}

void control_free(struct control *control)
{
	struct conn *conn;

	if (!control)
		return;
	while ((conn = TAILQ_FIRST(&control->all)))
		conn_free(conn);
	acceptor_free(control->acceptor);
	free(control);
}
