/* fetches.c - the front's end of the pair to mxbound-fetcher. */
#include "fetches.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "mx_clock.h"
#include "mx_log.h"

/* So that a flood of them does not keep the thread from all else. */
#define ANSWERS_PER_WAKEUP 8
/* For the fetcher, which keeps the same time, to say itself what it waited
 * for. */
#define SLACK_MS 1000

struct fetch {
	TAILQ_ENTRY(fetch) next;
	struct fetches *owner;
	uint32_t id;
	mx_instant started;
	/* NULL: cancelled. It stays until it ends, since the fetcher goes on
	 * with it and has no more room than we count. */
	fetch_done *done;
	void *arg;
	struct event *deadline;
};
TAILQ_HEAD(fetch_list, fetch);

struct fetches {
	struct event_base *base;
	uint64_t timeout_ms;
	int fd; /* -1: no fetcher */
	struct event *readable;
	struct fetch_list flight; /* oldest first */
	unsigned count;
	uint32_t next_id;
	uint8_t buf[MX_FETCH_ANSWER_MAX + 1]; /* what is longer is seen as such */
};

/* ---- the end of one ---- */

static void fetch_free(struct fetch *fetch)
{
	if (fetch->deadline)
		event_free(fetch->deadline);
	free(fetch);
}

/* It is in no list. */
static void finish(struct fetch *fetch, const struct mx_fetch_answer *answer)
{
	fetch_done *done = fetch->done;
	void *arg = fetch->arg;

	fetch_free(fetch);
	if (done)
		done(arg, answer);
}

static void take_out(struct fetch *fetch)
{
	TAILQ_REMOVE(&fetch->owner->flight, fetch, next);
	fetch->owner->count--;
}

static void finish_without(struct fetch *fetch, enum mx_fetch_result result,
			   const char *detail)
{
	const struct mx_fetch_answer answer = {
		.result = result,
		.detail = detail,
		.detail_len = (uint16_t)strlen(detail),
		.text = "",
	};

	finish(fetch, &answer);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *fetch = arg;

	(void)fd;
	(void)what;
	take_out(fetch);
	finish_without(fetch, MX_FETCH_TIMEOUT, "no answer from mxbound-fetcher");
}

/* Callbacks may start others, over a new pair, or cancel those that are still
 * to hear. */
static void finish_all(struct fetches *fetches, const char *why)
{
	struct fetch_list ending = TAILQ_HEAD_INITIALIZER(ending);
	struct fetch *fetch;

	TAILQ_CONCAT(&ending, &fetches->flight, next);
	fetches->count = 0;
	TAILQ_FOREACH(fetch, &ending, next)
		event_del(fetch->deadline);
	while ((fetch = TAILQ_FIRST(&ending))) {
		TAILQ_REMOVE(&ending, fetch, next);
		finish_without(fetch, MX_FETCH_FETCHER_GONE, why);
	}
}

/* ---- the pair ---- */

static void disconnect(struct fetches *fetches)
{
	if (fetches->readable)
		event_free(fetches->readable);
	fetches->readable = NULL;
	if (fetches->fd >= 0)
		close(fetches->fd);
	fetches->fd = -1;
}

static struct fetch *find(struct fetches *fetches, uint32_t id)
{
	struct fetch *fetch;

	TAILQ_FOREACH(fetch, &fetches->flight, next)
		if (fetch->id == id)
			return fetch;
	return NULL;
}

/* Nobody knows what it was to be an answer to. */
static void garbage(struct fetches *fetches, size_t len, enum mx_error err)
{
	static struct mx_log_gate gate;

	mx_log_limited(&gate, MX_LOG_WARNING,
		       "dropped %zu octets from mxbound-fetcher, a malformed message: %s",
		       len, mx_error_text(err));
	finish_all(fetches, "mxbound-fetcher sent a malformed message");
}

static void read_answer(struct fetches *fetches, size_t len)
{
	struct mx_fetch_answer answer;
	struct fetch *fetch;
	uint32_t id;
	enum mx_error err =
		mx_fetch_unpack_answer(fetches->buf, len, &id, &answer);

	if (err != MX_OK) {
		garbage(fetches, len, err);
		return;
	}
	fetch = find(fetches, id);
	if (!fetch) /* too late */
		return;
	take_out(fetch);
	finish(fetch, &answer);
}

static void read_answers(struct fetches *fetches, unsigned limit)
{
	int fd = fetches->fd;

	for (; limit > 0; limit--) {
		ssize_t got = recv(fd, fetches->buf, sizeof fetches->buf,
				   MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN)
			return;
		/* A fetcher that died with requests unread: said once, and
		 * before its last answers are given out. */
		if (got < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (got <= 0) {
			disconnect(fetches);
			finish_all(fetches, "mxbound-fetcher has ended");
			return;
		}
		read_answer(fetches, (size_t)got);
		if (fetches->fd != fd) /* a callback has connected another */
			return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_answers(arg, ANSWERS_PER_WAKEUP);
}

void fetches_connect(struct fetches *fetches, int fd)
{
	/* What has been answered is not lost with the old pair. */
	if (fetches->fd >= 0)
		read_answers(fetches, FETCHES_MAX);
	disconnect(fetches);
	fetches->fd = fd;
	fetches->readable = event_new(fetches->base, fd, EV_READ | EV_PERSIST,
				      on_readable, fetches);
	if (!fetches->readable || event_add(fetches->readable, NULL) != 0) {
		mx_log(MX_LOG_ERROR, "cannot watch the pair to mxbound-fetcher");
		disconnect(fetches);
	}
	finish_all(fetches, "mxbound-fetcher was replaced");
}

struct fetches *fetches_new(struct event_base *base)
{
	struct fetches *fetches = calloc(1, sizeof *fetches);

	if (!fetches)
		return NULL;
	fetches->base = base;
	fetches->fd = -1;
	fetches->timeout_ms = FETCH_MS;
	TAILQ_INIT(&fetches->flight);
	return fetches;
}

void fetches_free(struct fetches *fetches)
{
	struct fetch *fetch;

	if (!fetches)
		return;
	disconnect(fetches);
	while ((fetch = TAILQ_FIRST(&fetches->flight))) {
		take_out(fetch);
		fetch_free(fetch);
	}
	free(fetches);
}

void fetches_set_timeout(struct fetches *fetches, uint64_t timeout_ms)
{
	fetches->timeout_ms = timeout_ms;
}

/* Whether the one that the fetcher would end for another is old enough. Those
 * before it have made way already. */
static bool oldest_makes_way(const struct fetches *fetches)
{
	unsigned ending = fetches->count - FETCHES_MAX;
	const struct fetch *fetch = TAILQ_FIRST(&fetches->flight);

	if (ending == FETCHES_MAX)
		return false;
	while (ending-- > 0)
		fetch = TAILQ_NEXT(fetch, next);
	return mx_clock_now() - fetch->started >=
	       (mx_instant)MX_FETCH_OLD_MS(fetches->timeout_ms);
}

bool fetches_room(const struct fetches *fetches)
{
	return fetches->fd >= 0 && (fetches->count < FETCHES_MAX ||
				    oldest_makes_way(fetches));
}

/* ---- one fetch ---- */

/* Lower case, without the final dot. False: nothing that can have a
 * certificate. */
static bool domain_text(const struct mx_name *domain,
			char ret[MX_NAME_TEXT_MAX], uint8_t *ret_len)
{
	struct mx_name lower = *domain;
	size_t len;

	mx_name_lower(lower.octets, lower.len);
	mx_name_to_text(lower.octets, ret);
	len = strlen(ret);
	if (len < 2 || !mx_fetch_domain_is(ret, len - 1))
		return false;
	*ret_len = (uint8_t)(len - 1);
	return true;
}

static void add_address(struct mx_fetch_request *request,
			const struct sockaddr_storage *from)
{
	struct mx_fetch_address *to = &request->address[request->count];

	if (from->ss_family == AF_INET) {
		to->family = 4;
		memcpy(to->octets,
		       &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		to->family = 6;
		memcpy(to->octets,
		       &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	} else {
		return;
	}
	request->count++;
}

static bool send_request(struct fetches *fetches,
			 const struct mx_fetch_request *request)
{
	uint8_t buf[MX_FETCH_REQUEST_MAX];
	size_t len = mx_fetch_pack_request(request, buf);
	ssize_t sent;

	do
		sent = send(fetches->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	/* If it is gone, reading will find that, after what it said last. */
	return sent >= 0;
}

static struct fetch *add(struct fetches *fetches, fetch_done *done, void *arg)
{
	const uint64_t ms = fetches->timeout_ms + SLACK_MS;
	const struct timeval most = { (time_t)(ms / 1000),
				      (suseconds_t)(ms % 1000 * 1000) };
	struct fetch *fetch = calloc(1, sizeof *fetch);

	if (!fetch)
		return NULL;
	fetch->deadline = evtimer_new(fetches->base, on_deadline, fetch);
	if (!fetch->deadline || evtimer_add(fetch->deadline, &most) != 0) {
		fetch_free(fetch);
		return NULL;
	}
	fetch->owner = fetches;
	fetch->started = mx_clock_now();
	fetch->done = done;
	fetch->arg = arg;
	TAILQ_INSERT_TAIL(&fetches->flight, fetch, next);
	fetches->count++;
	return fetch;
}

struct fetch *fetch_start(struct fetches *fetches, const struct mx_name *domain,
			  const struct sockaddr_storage *addresses,
			  unsigned count, fetch_done *done, void *arg)
{
	char text[MX_NAME_TEXT_MAX];
	struct mx_fetch_request request = { .domain = text };
	struct fetch *fetch;

	if (!fetches_room(fetches) ||
	    !domain_text(domain, text, &request.domain_len))
		return NULL;
	for (unsigned i = 0;
	     i < count && request.count < MX_FETCH_ADDRESSES_MAX; i++)
		add_address(&request, &addresses[i]);
	request.id = fetches->next_id++;
	fetch = add(fetches, done, arg);
	if (!fetch)
		return NULL;
	fetch->id = request.id;
	if (send_request(fetches, &request))
		return fetch;
	take_out(fetch);
	fetch_free(fetch);
	return NULL;
}

void fetch_cancel(struct fetch *fetch)
{
	fetch->done = NULL;
}
