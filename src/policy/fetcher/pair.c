/* pair.c - requests of the front, and answers to them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetcher.h"
#include "mx_log.h"

#define REQUESTS_PER_TURN 16

struct waiting {
	STAILQ_ENTRY(waiting) next;
	size_t len;
	uint8_t octets[];
};

/* As long as an answer waits for the socket no request is read, so no more wait
 * than there can be jobs. */
struct pair {
	struct event_base *base;
	struct jobs *jobs;
	int fd; /* -1: no front */
	struct event *readable, *writable;
	STAILQ_HEAD(, waiting) queue;
	uint8_t buf[MX_FETCH_ANSWER_MAX];
};

static void disconnect(struct pair *pair)
{
	struct waiting *w;

	jobs_clear(pair->jobs);
	while ((w = STAILQ_FIRST(&pair->queue))) {
		STAILQ_REMOVE_HEAD(&pair->queue, next);
		free(w);
	}
	if (pair->readable)
		event_free(pair->readable);
	if (pair->writable)
		event_free(pair->writable);
	pair->readable = pair->writable = NULL;
	if (pair->fd >= 0)
		close(pair->fd);
	pair->fd = -1;
}

/* ---- answers ---- */

static bool send_octets(struct pair *pair, const uint8_t *octets, size_t len)
{
	ssize_t sent;

	do
		sent = send(pair->fd, octets, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	/* If the front is gone, reading finds that. */
	return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void queue(struct pair *pair, size_t len)
{
	struct waiting *w = malloc(sizeof *w + len);

	if (!w) {
		mx_log(MX_LOG_ERROR, "out of memory: an answer is lost");
		return;
	}
	w->len = len;
	memcpy(w->octets, pair->buf, len);
	if (STAILQ_EMPTY(&pair->queue)) {
		event_add(pair->writable, NULL);
		event_del(pair->readable);
	}
	STAILQ_INSERT_TAIL(&pair->queue, w, next);
}

static void on_answer(void *arg, uint32_t id, const struct mx_fetch_answer *a)
{
	struct pair *pair = arg;
	size_t len = mx_fetch_pack_answer(id, a, pair->buf);

	mx_log(MX_LOG_DEBUG, "%s: %.*s", mx_fetch_result_text(a->result),
	       (int)a->detail_len, a->detail);
	if (!STAILQ_EMPTY(&pair->queue) ||
	    !send_octets(pair, pair->buf, len))
		queue(pair, len);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct pair *pair = arg;
	struct waiting *w;

	(void)fd;
	(void)what;
	while ((w = STAILQ_FIRST(&pair->queue))) {
		if (!send_octets(pair, w->octets, w->len))
			return;
		STAILQ_REMOVE_HEAD(&pair->queue, next);
		free(w);
	}
	event_del(pair->writable);
	event_add(pair->readable, NULL);
}

/* ---- requests ---- */

static void take_request(struct pair *pair, const uint8_t *octets, size_t len)
{
	static struct mx_log_gate gate;
	struct mx_fetch_request request;
	enum mx_error err = mx_fetch_unpack_request(octets, len, &request);

	if (err == MX_OK)
		jobs_start(pair->jobs, &request);
	else
		mx_log_limited(&gate, MX_LOG_WARNING,
			       "the front sent what is no request: %s",
			       mx_error_text(err));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pair *pair = arg;
	uint8_t buf[MX_FETCH_REQUEST_MAX + 1]; /* what is longer shows */

	(void)what;
	for (unsigned i = 0;
	     i < REQUESTS_PER_TURN && STAILQ_EMPTY(&pair->queue); i++) {
		ssize_t got = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			disconnect(pair);
			return;
		}
		take_request(pair, buf, (size_t)got);
	}
}

/* ---- life ---- */

struct pair *pair_new(const struct jobs_config *config)
{
	struct pair *pair = calloc(1, sizeof *pair);
	struct jobs_config ours = *config;

	if (!pair)
		return NULL;
	ours.answer = on_answer;
	ours.arg = pair;
	pair->base = config->base;
	pair->fd = -1;
	STAILQ_INIT(&pair->queue);
	pair->jobs = jobs_new(&ours);
	if (!pair->jobs) {
		free(pair);
		return NULL;
	}
	return pair;
}

void pair_free(struct pair *pair)
{
	if (!pair)
		return;
	disconnect(pair);
	jobs_free(pair->jobs);
	free(pair);
}

void pair_connect(struct pair *pair, int fd)
{
	disconnect(pair);
	pair->fd = fd;
	pair->readable = event_new(pair->base, fd, EV_READ | EV_PERSIST,
				   on_readable, pair);
	pair->writable = event_new(pair->base, fd, EV_WRITE | EV_PERSIST,
				   on_writable, pair);
	if (!pair->readable || !pair->writable ||
	    event_add(pair->readable, NULL) != 0) {
		mx_log(MX_LOG_ERROR, "cannot watch the pair to the front");
		disconnect(pair);
	}
}

void pair_look(struct pair *pair)
{
	jobs_look(pair->jobs);
}
