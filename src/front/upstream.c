/* upstream.c - the front's end of the pair to one resolver.
 *
 * The resolver may be gone at any time: then questions wait here until the
 * supervisor has sent a new pair, and those that the dead one had are asked
 * again (again.c decides which). */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lookups.h"
#include "mx_log.h"

/* Answers taken in one go, so that a flood of them does not keep the worker
 * from its clients. */
#define ANSWERS_PER_WAKEUP 32

struct upstream {
	struct mx_lookups *owner;
	struct event_base *base;
	unsigned resolver;
	int fd; /* -1: no resolver now */
	int unwatched; /* an end that there was no memory to watch; or -1 */
	unsigned times; /* that one came */
	struct event *readable, *writable;
	/* A client's question does not wait behind those nobody waits for. */
	TAILQ_HEAD(unsent, mx_question) unsent, unsent_late;
	uint8_t buf[MX_CHANNEL_DATAGRAM_MAX + 1];
};

static void disconnect(struct upstream *up)
{
	if (up->readable)
		event_free(up->readable);
	if (up->writable)
		event_free(up->writable);
	up->readable = up->writable = NULL;
	if (up->fd >= 0)
		close(up->fd);
	if (up->unwatched >= 0)
		close(up->unwatched);
	up->fd = up->unwatched = -1;
}

static void say_malformed(size_t len, enum mx_error err)
{
	static struct mx_log_gate gate;

	mx_log_limited(&gate, MX_LOG_WARNING,
		       "dropped %zu octets from a resolver, a malformed message: %s",
		       len, mx_error_text(err));
}

/* Returns how many answers were in the datagram. Callbacks run. */
static int read_datagram(struct upstream *up, size_t len)
{
	const uint8_t *rest = up->buf, *octets;
	size_t octets_len;
	int count = 0;

	for (; mx_channel_split(&rest, &len, &octets, &octets_len); count++) {
		struct mx_channel_answer answer;
		enum mx_error err = mx_channel_unpack_answer(
			octets, octets_len, &answer);

		if (err == MX_OK)
			lookups_answer(up->owner, up->resolver, &answer);
		else
			say_malformed(octets_len, err);
	}
	if (len > 0)
		say_malformed(len, MX_E_SHORT);
	return count;
}

static void read_answers(struct upstream *up, int limit)
{
	int fd = up->fd;

	while (limit > 0) {
		ssize_t got = recv(fd, up->buf, sizeof(up->buf), 0);

		/* Nothing is there, or cannot be taken now: it stays. */
		if (got < 0 && (errno == EAGAIN || errno == ENOBUFS ||
				errno == ENOMEM))
			return;
		limit--;
		/* A resolver that died with questions unread: said once, and
		 * before its last answers are given out. */
		if (got < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (got <= 0) {
			disconnect(up);
			return;
		}
		limit -= read_datagram(up, (size_t)got);
		if (up->fd != fd) /* a callback found it broken */
			return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_answers(arg, ANSWERS_PER_WAKEUP);
}

enum sent { SENT, SENT_LATER, SENT_LOST };

static enum sent send_one(struct upstream *up, struct mx_question *question)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q = { .id = question->id,
					 .key = question->key };
	size_t len = mx_channel_pack_question(&q, buf);

	if (send(up->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return SENT;
	/* Nothing is lost by trying again later. */
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS ||
	    errno == ENOMEM)
		return SENT_LATER;
	return SENT_LOST;
}

static struct unsent *list_of(struct upstream *up,
			      const struct mx_question *question)
{
	return question->queued_late ? &up->unsent_late : &up->unsent;
}

static void enqueue(struct upstream *up, struct mx_question *question)
{
	question->queued = true;
	question->queued_late = question->background;
	TAILQ_INSERT_TAIL(list_of(up, question), question, sending);
}

static struct mx_question *first_unsent(const struct upstream *up)
{
	struct mx_question *question = TAILQ_FIRST(&up->unsent);

	return question ? question : TAILQ_FIRST(&up->unsent_late);
}

static void send_unsent(struct upstream *up)
{
	struct mx_question *question;

	while (up->fd >= 0 && (question = first_unsent(up))) {
		switch (send_one(up, question)) {
		case SENT:
			upstream_forget(up, question);
			break;
		case SENT_LATER:
			event_add(up->writable, NULL);
			return;
		case SENT_LOST:
			/* Whoever closed may have answered before: reading
			 * finds the end after that. */
			return;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_unsent(arg);
}

struct upstream *upstream_new(struct mx_lookups *owner, struct event_base *base,
			      unsigned resolver)
{
	struct upstream *up = calloc(1, sizeof(*up));

	if (!up)
		return NULL;
	up->owner = owner;
	up->base = base;
	up->resolver = resolver;
	up->fd = up->unwatched = -1;
	TAILQ_INIT(&up->unsent);
	TAILQ_INIT(&up->unsent_late);
	return up;
}

void upstream_free(struct upstream *up)
{
	if (!up)
		return;
	disconnect(up);
	free(up);
}

/* If there is no memory for it, again at the next beat: nobody sends another
 * pair as long as both processes live. */
static void watch(struct upstream *up, int fd)
{
	static struct mx_log_gate gate;

	up->fd = fd;
	up->readable = event_new(up->base, fd, EV_READ | EV_PERSIST,
				 on_readable, up);
	up->writable = event_new(up->base, fd, EV_WRITE, on_writable, up);
	if (up->readable && up->writable &&
	    event_add(up->readable, NULL) == 0) {
		send_unsent(up);
		return;
	}
	mx_log_limited(&gate, MX_LOG_ERROR,
		       "cannot watch the pair to a resolver; trying again");
	up->fd = -1;
	disconnect(up);
	up->unwatched = fd;
}

void upstream_connect(struct upstream *up, int fd)
{
	if (up->fd >= 0)
		read_answers(up, INT_MAX);
	disconnect(up);
	/* While nothing can be sent: what is asked again, and what callbacks
	 * add to it, is queued, and thus seen to have been dealt with. */
	lookups_ask_again(up->owner, up->resolver);
	forget_resolver_came(up->owner, up->resolver);
	up->times++;
	watch(up, fd);
}

void upstream_beat(struct upstream *up)
{
	int fd = up->unwatched;

	up->unwatched = -1;
	if (fd >= 0)
		watch(up, fd);
	else if (up->fd >= 0 && first_unsent(up) &&
		 !event_pending(up->writable, EV_WRITE, NULL))
		send_unsent(up);
}

bool upstream_there(const struct upstream *up)
{
	return up->fd >= 0;
}

unsigned upstream_times(const struct upstream *up)
{
	return up->times;
}

void upstream_ask(struct upstream *up, struct mx_question *question)
{
	if (question->queued)
		return;

	bool first = !first_unsent(up);

	enqueue(up, question);
	if (first) /* else the socket is waited for */
		send_unsent(up);
}

void upstream_ask_to_forget(struct upstream *up, uint32_t id)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	size_t len = mx_channel_pack_forget(id, buf);

	/* Whoever waits for it does so for a bounded time. */
	if (send(up->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

bool upstream_full(const struct upstream *up)
{
	return up->fd < 0 || first_unsent(up) != NULL;
}

void upstream_hurry(struct upstream *up, struct mx_question *question)
{
	if (!question->queued || !question->queued_late)
		return;
	upstream_forget(up, question);
	enqueue(up, question);
}

void upstream_forget(struct upstream *up, struct mx_question *question)
{
	if (!question->queued)
		return;
	TAILQ_REMOVE(list_of(up, question), question, sending);
	question->queued = question->queued_late = false;
}
