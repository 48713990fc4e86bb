/* route_ask.c - routes, worked out by asking. See route_ask.h.
 *
 *   waiting --> active: open questions --> lookups --> answers --> ... --> done
 *                              ^ hungry: no question may be asked just now */
#include "route_ask.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "mx_mail.h"
#include "mx_wire.h"

struct route_question {
	struct mx_lookup lookup;
	struct route_ask *ask;
	struct mx_route_question asked;
	TAILQ_ENTRY(route_question) link;
};

struct route_ask {
	struct route_asks *asks;
	struct mx_route_destination destination;
	struct route_ask_options options;
	route_ask_done *done;
	void *arg;
	struct mx_route *route; /* NULL: it waits for its turn */
	bool hungry;
	struct event *timer;
	mx_instant deadline;
	TAILQ_HEAD(, route_question) questions; /* in flight */
	TAILQ_ENTRY(route_ask) link, by_hunger;
};

struct route_asks {
	struct event_base *base;
	struct mx_lookups *lookups;
	mx_instant retry_ms;
	unsigned active_count, question_count, question_max;
	TAILQ_HEAD(, route_ask) waiting, active, hungry;
	struct event *turn;
	struct mx_mail_room room;
};

/* ---- the end of one ---- */

static void forget_question(struct route_question *question)
{
	struct route_ask *ask = question->ask;

	TAILQ_REMOVE(&ask->questions, question, link);
	ask->asks->question_count--;
	free(question);
}

static void be_hungry(struct route_ask *ask, bool hungry)
{
	if (ask->hungry == hungry)
		return;
	ask->hungry = hungry;
	if (hungry)
		TAILQ_INSERT_TAIL(&ask->asks->hungry, ask, by_hunger);
	else
		TAILQ_REMOVE(&ask->asks->hungry, ask, by_hunger);
}

/* Out of all lists, with nothing more to come; others may have its place. */
static void detach(struct route_ask *ask)
{
	struct route_asks *asks = ask->asks;
	struct route_question *question;

	while ((question = TAILQ_FIRST(&ask->questions))) {
		mx_lookup_cancel(asks->lookups, &question->lookup);
		forget_question(question);
	}
	be_hungry(ask, false);
	if (ask->route) {
		TAILQ_REMOVE(&asks->active, ask, link);
		asks->active_count--;
	} else {
		TAILQ_REMOVE(&asks->waiting, ask, link);
	}
	event_free(ask->timer);
	event_active(asks->turn, 0, 0);
}

static void release(struct route_ask *ask)
{
	mx_route_free(ask->route);
	free(ask);
}

static void finish(struct route_ask *ask, enum mx_error err)
{
	detach(ask);
	if (err == MX_OK && ask->options.policy && *ask->options.policy)
		mx_route_set_policy(ask->route, *ask->options.policy);
	ask->done(ask->arg, err,
		  err == MX_OK ? mx_route_result(ask->route) : NULL);
	release(ask);
}

void route_ask_cancel(struct route_ask *ask)
{
	detach(ask);
	release(ask);
}

static bool arm(struct route_ask *ask, mx_instant now)
{
	mx_instant wait = ask->deadline - now;
	struct timeval tv = { .tv_sec = wait / 1000,
			      .tv_usec = wait % 1000 * 1000 };

	return evtimer_add(ask->timer, &tv) == 0;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct route_ask *ask = arg;
	mx_instant now = mx_clock_now();

	(void)fd;
	(void)what;
	if (now < ask->deadline && arm(ask, now))
		return;
	/* What is not known counts as a failure: try again. */
	finish(ask, ask->route ? MX_OK : MX_E_OVERLOAD);
}

/* ---- questions and answers ---- */

static void on_answer(void *arg, const struct mx_lookup_result *result);

static void ask_one(struct route_ask *ask, const struct mx_route_question *q)
{
	struct route_asks *asks = ask->asks;
	struct route_question *question = malloc(sizeof(*question));

	if (!question) {
		mx_route_failed(ask->route, q,
				mx_clock_now() + asks->retry_ms);
		return;
	}
	question->ask = ask;
	question->asked = *q;
	TAILQ_INSERT_TAIL(&ask->questions, question, link);
	asks->question_count++;

	const struct mx_key key = { question->asked.qname.octets,
				    question->asked.qname.len,
				    question->asked.qtype, MX_CLASS_IN };

	mx_lookup(asks->lookups, &key, false, MX_LOOKUP_INTERNAL,
		  &question->lookup, on_answer, question);
}

/* All that may be asked now; ends it if nothing is left to ask. */
static void go_on(struct route_ask *ask)
{
	struct route_asks *asks = ask->asks;
	struct mx_route_question q;
	bool more = true;

	while (more && asks->question_count < asks->question_max &&
	       !mx_route_done(ask->route)) {
		more = mx_route_next(ask->route, &q, 1) == 1;
		if (more)
			ask_one(ask, &q);
	}
	be_hungry(ask, more && !mx_route_done(ask->route));
	if (mx_route_done(ask->route))
		finish(ask, MX_OK);
}

static void hear(struct route_ask *ask, const struct mx_route_question *q,
		 const struct mx_lookup_result *result)
{
	struct route_asks *asks = ask->asks;
	const struct mx_key key = { q->qname.octets, q->qname.len, q->qtype,
				    MX_CLASS_IN };
	const struct mx_route_answer answer = {
		.kind = result->kind, .state = result->state,
		.form = result->form, .expires_ms = result->expires,
	};

	if (result->err == MX_OK)
		mx_route_answer(ask->route, &key, &answer, &asks->room);
	else
		mx_route_failed(ask->route, q,
				mx_clock_now() + asks->retry_ms);
}

static void on_answer(void *arg, const struct mx_lookup_result *result)
{
	struct route_question *question = arg;
	struct route_ask *ask = question->ask;
	struct route_asks *asks = ask->asks;

	hear(ask, &question->asked, result);
	forget_question(question);
	go_on(ask);
	if (!TAILQ_EMPTY(&asks->hungry))
		event_active(asks->turn, 0, 0);
}

/* ---- the beginning ---- */

static void begin(struct route_ask *ask)
{
	struct route_asks *asks = ask->asks;
	struct mx_route_options options = {
		.want_sts = ask->options.want_sts,
		.ask_early = ask->options.ask_early,
	};

	randombytes_buf(&options.seed, sizeof(options.seed));
	ask->route = mx_route_new(&ask->destination, &options);
	if (!ask->route) {
		finish(ask, MX_E_NO_MEMORY);
		return;
	}
	TAILQ_REMOVE(&asks->waiting, ask, link);
	TAILQ_INSERT_TAIL(&asks->active, ask, link);
	asks->active_count++;
	go_on(ask);
}

/* A question or a place has become free. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct route_asks *asks = arg;
	struct route_ask *ask;

	(void)fd;
	(void)what;
	while (asks->question_count < asks->question_max &&
	       (ask = TAILQ_FIRST(&asks->hungry)))
		go_on(ask);
	while (asks->question_count < asks->question_max &&
	       asks->active_count < ROUTE_ASKS_MAX &&
	       (ask = TAILQ_FIRST(&asks->waiting)))
		begin(ask);
}

struct route_ask *route_ask_start(struct route_asks *asks,
				  const struct mx_route_destination *destination,
				  const struct route_ask_options *options,
				  route_ask_done *done, void *arg)
{
	struct route_ask *ask = calloc(1, sizeof(*ask));
	mx_instant now = mx_clock_now();

	if (!ask)
		return NULL;
	ask->asks = asks;
	ask->destination = *destination;
	ask->options = *options;
	ask->done = done;
	ask->arg = arg;
	ask->deadline = now + options->patience;
	TAILQ_INIT(&ask->questions);
	ask->timer = evtimer_new(asks->base, on_deadline, ask);
	if (!ask->timer || !arm(ask, now)) {
		if (ask->timer)
			event_free(ask->timer);
		free(ask);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&asks->waiting, ask, link);
	event_active(asks->turn, 0, 0);
	return ask;
}

struct route_asks *route_asks_new(struct event_base *base,
				  struct mx_lookups *lookups,
				  const struct mx_config *config)
{
	struct route_asks *asks = calloc(1, sizeof(*asks));
	uint64_t quarter = config->in_flight_max / 4;

	if (!asks)
		return NULL;
	asks->base = base;
	asks->lookups = lookups;
	asks->retry_ms = (mx_instant)config->failure_ttl_min * 1000;
	asks->question_max = quarter < ROUTE_QUESTIONS_MAX ? (unsigned)quarter
							   : ROUTE_QUESTIONS_MAX;
	TAILQ_INIT(&asks->waiting);
	TAILQ_INIT(&asks->active);
	TAILQ_INIT(&asks->hungry);
	asks->turn = event_new(base, -1, 0, on_turn, asks);
	if (!asks->turn) {
		free(asks);
		return NULL;
	}
	return asks;
}

void route_asks_free(struct route_asks *asks)
{
	struct route_ask *ask;

	if (!asks)
		return;
	while ((ask = TAILQ_FIRST(&asks->active)))
		route_ask_cancel(ask);
	while ((ask = TAILQ_FIRST(&asks->waiting)))
		route_ask_cancel(ask);
	event_free(asks->turn);
	free(asks);
}
