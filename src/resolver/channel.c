/* channel.c - questions of the front's workers, and answers to them.
 *
 *            receive (bounded per turn)         answered / too old
 *   socket ──────────────────────────► question ──────────► held ──────► socket
 *                                          │          full: queued, and no more
 *                                          ▼          is read until it drains
 *                                      libunbound
 *
 * Answers are held until nothing else is to be done, and go out in one
 * datagram: validating takes so long that a busy resolver has several by then,
 * and to wake the front costs more than to handle one. HELD_MS is the longest
 * that one is held, and then the callback that just runs.
 *
 * A question belongs to the process, not to its channel: when the channel
 * goes, the question goes on with nobody to hear (libunbound's cache learns,
 * and the front will ask again). One that outlives question-lifetime is
 * answered "failed" and forgotten.
 *
 * Bounds: outstanding_max questions; per channel QUEUE_OCTETS_MAX of answers
 * waiting for the socket, past which an answer shrinks to a failure.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mx_channel.h"
#include "mx_log.h"
#include "mx_wire.h"
#include "resolver.h"

#define RECEIVE_PER_TURN 32
#define QUEUE_OCTETS_MAX (16u << 20)
#define TICK_MS 250 /* how late a question may be given up */
#define HELD_MAX 16 /* answers */
#define HELD_OCTETS_MAX 16384u
#define HELD_MS 1

struct question {
	struct mx_ask ask; /* first: the callback gets its address */
	TAILQ_ENTRY(question) by_age, in_channel;
	struct mx_channels *channels;
	struct channel *channel; /* NULL: gone */
	mx_instant asked;
	uint32_t id;
	bool asking; /* inside mx_context_ask */
	bool ended;
};
TAILQ_HEAD(questions, question);

struct waiting {
	TAILQ_ENTRY(waiting) next;
	size_t len;
	uint8_t octets[];
};

struct channel {
	LIST_ENTRY(channel) next;
	struct mx_channels *channels;
	struct event *readable, *writable;
	struct event *idle, *late; /* what is held goes by the first of them */
	struct questions questions;
	TAILQ_HEAD(, waiting) queue;
	size_t queue_octets;
	unsigned held_count;
	size_t held_len;
	mx_instant held_since;
	uint8_t held[HELD_OCTETS_MAX];
	bool forgetting;
	uint32_t forget_id; /* of the last request */
	unsigned worker;
	int fd;
};

struct mx_channels {
	struct mx_channels_config config;
	LIST_HEAD(, channel) list;
	struct questions by_age; /* oldest first */
	struct mx_context *context;
	struct event *tick;
	unsigned outstanding;
	uint64_t begun, ended, garbage;
};

/* ---- answers ---- */

static void channel_close(struct channel *channel);

static bool queue_datagram(struct channel *channel, const struct iovec part[2])
{
	size_t len = part[0].iov_len + part[1].iov_len;
	struct waiting *w = malloc(sizeof *w + len);

	if (!w)
		return false;
	memcpy(w->octets, part[0].iov_base, part[0].iov_len);
	if (part[1].iov_len > 0)
		memcpy(w->octets + part[0].iov_len, part[1].iov_base,
		       part[1].iov_len);
	w->len = len;
	if (TAILQ_EMPTY(&channel->queue)) {
		if (event_add(channel->writable, NULL) != 0) {
			free(w); /* nobody would ever send it */
			return false;
		}
		event_del(channel->readable);
	}
	TAILQ_INSERT_TAIL(&channel->queue, w, next);
	channel->queue_octets += len;
	return true;
}

/* It passes, while the pair lasts as long as both processes do. */
static bool would_block(int error)
{
	/* Memory is short for a datagram of 64 KiB just now. */
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS ||
	       error == ENOMEM;
}

static ssize_t send_parts(int fd, const struct iovec *part, size_t count)
{
	struct msghdr m = {
		.msg_iov = (struct iovec *)part,
		.msg_iovlen = count,
	};
	ssize_t n;

	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The socket may close under this; that is found by reading, so that nothing
 * is freed while libunbound is calling us. */
static void send_datagram(struct channel *channel, const struct iovec part[2])
{
	static struct mx_log_gate gate;

	if (TAILQ_EMPTY(&channel->queue) &&
	    (send_parts(channel->fd, part, 2) >= 0 || !would_block(errno)))
		return;
	/* The front gives the questions up by itself. */
	if (!queue_datagram(channel, part))
		mx_log_limited(&gate, MX_LOG_ERROR,
			       "out of memory: answers are lost");
}

static void send_held(struct channel *channel)
{
	const struct iovec part[2] = {
		{ channel->held, channel->held_len }, { NULL, 0 },
	};

	if (channel->held_count == 0)
		return;
	send_datagram(channel, part);
	channel->held_count = 0;
	channel->held_len = 0;
	event_del(channel->idle);
	event_del(channel->late);
}

static void on_held(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_held(arg);
}

static void hold(struct channel *channel, const struct iovec part[2])
{
	uint8_t *end = channel->held + channel->held_len;

	memcpy(end, part[0].iov_base, part[0].iov_len);
	if (part[1].iov_len > 0)
		memcpy(end + part[0].iov_len, part[1].iov_base,
		       part[1].iov_len);
	channel->held_len += part[0].iov_len + part[1].iov_len;
	if (channel->held_count++ == 0) {
		static const struct timeval most = { 0, HELD_MS * 1000 };

		channel->held_since = mx_clock_now();
		event_active(channel->idle, 0, 0);
		event_add(channel->late, &most); /* never idle, perhaps */
	}
	if (channel->held_count == HELD_MAX ||
	    mx_clock_now() - channel->held_since >= HELD_MS)
		send_held(channel);
}

static void answer(struct channel *channel, struct mx_channel_answer *a)
{
	uint8_t head[MX_CHANNEL_LEN + 8 + MX_CHANNEL_WHY_MAX];
	struct iovec part[2];
	size_t head_len, len;

	if (channel->queue_octets + a->packet_len > QUEUE_OCTETS_MAX) {
		a->status = MX_CHANNEL_FAILED;
		a->state = MX_INDETERMINATE;
		a->packet = NULL;
		a->packet_len = 0;
		a->why = "the channel is congested";
		a->why_len = (uint16_t)strlen(a->why);
	}
	head_len = mx_channel_pack_answer_head(a, head + MX_CHANNEL_LEN);
	mx_channel_pack_len(head_len + a->packet_len, head);
	part[0].iov_base = head;
	part[0].iov_len = MX_CHANNEL_LEN + head_len;
	part[1].iov_base = (void *)a->packet;
	part[1].iov_len = a->packet_len;
	len = part[0].iov_len + part[1].iov_len;
	if (channel->held_len + len > HELD_OCTETS_MAX)
		send_held(channel);
	if (len > HELD_OCTETS_MAX)
		send_datagram(channel, part);
	else
		hold(channel, part);
}

static void answer_without_packet(struct channel *channel, uint32_t id,
				  enum mx_channel_status status,
				  const char *why)
{
	struct mx_channel_answer a = {
		.id = id,
		.status = status,
		.state = MX_INDETERMINATE,
		.why = why,
		.why_len = (uint16_t)strlen(why),
	};

	answer(channel, &a);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;
	struct waiting *w;

	(void)what;
	while ((w = TAILQ_FIRST(&channel->queue))) {
		struct iovec part = { w->octets, w->len };

		if (send_parts(fd, &part, 1) < 0 && would_block(errno))
			return;
		TAILQ_REMOVE(&channel->queue, w, next);
		channel->queue_octets -= w->len;
		free(w);
	}
	/* It is called again at once if nothing could be read any more. */
	if (event_add(channel->readable, NULL) == 0)
		event_del(channel->writable);
}

/* ---- questions ---- */

static void question_end(struct question *q)
{
	struct mx_channels *channels = q->channels;

	if (q->channel)
		TAILQ_REMOVE(&q->channel->questions, q, in_channel);
	TAILQ_REMOVE(&channels->by_age, q, by_age);
	channels->outstanding--;
	channels->ended++;
	q->ended = true;
	if (!q->asking)
		free(q);
}

static void answered(struct mx_ask *ask, const struct mx_result *result)
{
	struct question *q = (struct question *)ask;
	size_t why_len = strlen(result->why);
	struct mx_channel_answer a = {
		.id = q->id,
		.status = result->failed ? MX_CHANNEL_FAILED
					 : MX_CHANNEL_ANSWER,
		.state = result->state,
		.why = result->why,
		.why_len = (uint16_t)(why_len < MX_CHANNEL_WHY_MAX
					      ? why_len
					      : MX_CHANNEL_WHY_MAX),
		.packet = result->packet,
		.packet_len = (uint32_t)result->packet_len,
	};

	if (result->packet_len > MX_MESSAGE_MAX) {
		a.status = MX_CHANNEL_FAILED;
		a.packet = NULL;
		a.packet_len = 0;
	}
	if (q->channel)
		answer(q->channel, &a);
	question_end(q);
}

/* Types that are no RR type: OPT, QTYPEs and meta types (RFC 6895 section
 * 3.1). libunbound would ask some of them upstream. */
static bool type_can_be_asked(uint16_t type)
{
	return type != 0 && type != MX_TYPE_OPT && (type < 128 || type > 255);
}

static void ask(struct channel *channel,
		const struct mx_channel_question *asked)
{
	struct mx_channels *channels = channel->channels;
	struct question *q = NULL;
	const char *why = NULL;

	if (asked->key.qclass != MX_CLASS_IN ||
	    !type_can_be_asked(asked->key.qtype))
		why = "this type or class cannot be asked";
	else if (!channels->context)
		why = "the resolver is not ready";
	else if (channels->outstanding >= channels->config.outstanding_max)
		why = "too many questions in the resolver";
	else if (!(q = calloc(1, sizeof *q)))
		why = "out of memory";
	if (why) {
		answer_without_packet(channel, asked->id, MX_CHANNEL_REFUSED,
				      why);
		return;
	}
	q->channels = channels;
	q->channel = channel;
	q->id = asked->id;
	q->asked = mx_clock_now();
	TAILQ_INSERT_TAIL(&channel->questions, q, in_channel);
	TAILQ_INSERT_TAIL(&channels->by_age, q, by_age);
	channels->outstanding++;
	channels->begun++;
	q->asking = true;
	if (mx_context_ask(channels->context, asked->key.qname,
			   asked->key.qtype, asked->key.qclass, answered,
			   &q->ask) != MX_OK) {
		answer_without_packet(channel, q->id, MX_CHANNEL_REFUSED,
				      "libunbound did not take the question");
		question_end(q);
	}
	q->asking = false;
	if (q->ended)
		free(q);
}

/* Of one channel the last request alone is answered: the front asks one at a
 * time, or gives the former up. */
static void forget(struct channel *channel, uint32_t id)
{
	const struct mx_channels_config *config = &channel->channels->config;

	if (!config->forget)
		return;
	channel->forgetting = true;
	channel->forget_id = id;
	config->forget(config->arg);
}

void mx_channels_forgotten(struct mx_channels *channels)
{
	struct channel *channel;

	LIST_FOREACH(channel, &channels->list, next) {
		if (channel->forgetting)
			answer_without_packet(channel, channel->forget_id,
					      MX_CHANNEL_FORGOTTEN, "");
		channel->forgetting = false;
	}
}

static void give_up_old(evutil_socket_t fd, short what, void *arg)
{
	struct mx_channels *channels = arg;
	mx_instant oldest = mx_clock_now() -
			    (mx_instant)channels->config.lifetime_ms;
	struct question *q;

	(void)fd;
	(void)what;
	while ((q = TAILQ_FIRST(&channels->by_age)) && q->asked <= oldest) {
		mx_context_forget(&q->ask);
		if (q->channel)
			answer_without_packet(q->channel, q->id,
					      MX_CHANNEL_FAILED, "gave up");
		question_end(q);
	}
}

/* ---- channels ---- */

static void garbage(struct channel *channel, const char *what)
{
	static struct mx_log_gate gate;

	mx_log_limited(&gate, MX_LOG_WARNING,
		       "worker %u sent what is no question: %s "
		       "(%llu such so far)",
		       channel->worker, what,
		       (unsigned long long)++channel->channels->garbage);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;
	/* One octet more, so that a longer datagram is seen as such. */
	uint8_t buf[MX_CHANNEL_QUESTION_MAX + 1];

	(void)what;
	/* Stop when an answer had to be queued: what is not read now stays in
	 * the socket, and the front sees it fill. */
	for (int i = 0; i < RECEIVE_PER_TURN && TAILQ_EMPTY(&channel->queue);
	     i++) {
		ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		struct mx_channel_question q;
		enum mx_error err;

		if (n < 0 && (errno == EINTR || would_block(errno)))
			return;
		/* An empty datagram looks like the end of file; nobody sends
		 * one, and a front that does gets a closed channel. */
		if (n <= 0) {
			channel_close(channel);
			return;
		}
		err = mx_channel_unpack_question(buf, (size_t)n, &q);
		if (err == MX_OK && mx_channel_is_forget(&q))
			forget(channel, q.id);
		else if (err == MX_OK)
			ask(channel, &q);
		else
			garbage(channel, mx_error_text(err));
	}
}

static void channel_close(struct channel *channel)
{
	struct question *q;
	struct waiting *w;

	send_held(channel); /* the front reads to the end */
	while ((q = TAILQ_FIRST(&channel->questions))) {
		TAILQ_REMOVE(&channel->questions, q, in_channel);
		q->channel = NULL;
	}
	while ((w = TAILQ_FIRST(&channel->queue))) {
		TAILQ_REMOVE(&channel->queue, w, next);
		free(w);
	}
	LIST_REMOVE(channel, next);
	if (channel->readable)
		event_free(channel->readable);
	if (channel->writable)
		event_free(channel->writable);
	if (channel->idle)
		event_free(channel->idle);
	if (channel->late)
		event_free(channel->late);
	close(channel->fd);
	free(channel);
}

void mx_channels_set(struct mx_channels *channels, unsigned worker, int fd)
{
	struct channel *channel, *old;

	LIST_FOREACH(old, &channels->list, next)
		if (old->worker == worker) {
			channel_close(old);
			break;
		}
	channel = calloc(1, sizeof *channel);
	if (!channel) {
		mx_log(MX_LOG_ERROR, "out of memory: no channel for worker %u",
		       worker);
		close(fd);
		return;
	}
	channel->channels = channels;
	channel->worker = worker;
	channel->fd = fd;
	TAILQ_INIT(&channel->questions);
	TAILQ_INIT(&channel->queue);
	LIST_INSERT_HEAD(&channels->list, channel, next);
	evutil_make_socket_nonblocking(fd);
	channel->readable = event_new(channels->config.base, fd,
				      EV_READ | EV_PERSIST, readable, channel);
	channel->writable = event_new(channels->config.base, fd,
				      EV_WRITE | EV_PERSIST, writable,
				      channel);
	channel->idle = event_new(channels->config.base, -1, 0, on_held,
				  channel);
	channel->late = evtimer_new(channels->config.base, on_held, channel);
	if (!channel->readable || !channel->writable || !channel->idle ||
	    !channel->late ||
	    event_priority_set(channel->idle, MX_PRIORITY_IDLE) < 0 ||
	    event_add(channel->readable, NULL) < 0) {
		mx_log(MX_LOG_ERROR, "no channel for worker %u", worker);
		channel_close(channel);
	}
}

struct mx_channels *mx_channels_new(const struct mx_channels_config *config)
{
	struct mx_channels *channels = calloc(1, sizeof *channels);
	struct timeval tick = { 0, TICK_MS * 1000 };

	if (!channels)
		return NULL;
	channels->config = *config;
	LIST_INIT(&channels->list);
	TAILQ_INIT(&channels->by_age);
	channels->tick = event_new(config->base, -1, EV_PERSIST, give_up_old,
				   channels);
	if (!channels->tick || event_add(channels->tick, &tick) < 0) {
		mx_channels_free(channels);
		return NULL;
	}
	return channels;
}

void mx_channels_free(struct mx_channels *channels)
{
	struct question *q;
	struct channel *channel;

	if (!channels)
		return;
	while ((q = TAILQ_FIRST(&channels->by_age))) {
		mx_context_forget(&q->ask);
		question_end(q);
	}
	while ((channel = LIST_FIRST(&channels->list)))
		channel_close(channel);
	if (channels->tick)
		event_free(channels->tick);
	free(channels);
}

void mx_channels_use(struct mx_channels *channels, struct mx_context *context)
{
	channels->context = context;
}

uint64_t mx_channels_progress(const struct mx_channels *channels)
{
	return channels->begun + channels->ended;
}

unsigned mx_channels_outstanding(const struct mx_channels *channels)
{
	return channels->outstanding;
}
