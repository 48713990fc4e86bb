/* lookup.c - who waits for what.
 *
 *   lookup --> question --> resolver hash(last two labels) % R
 *   lookup --^  (identical ones join) */
#include <stdlib.h>
#include <string.h>

#include "lookups.h"

/* A cached answer, copied, until its callback runs. */
struct mx_ready {
	struct mx_found found;
	struct mx_form form;
	uint8_t octets[];
};

static bool in_background(const struct mx_lookup *lookup)
{
	return lookup->client == MX_LOOKUP_BACKGROUND;
}

/* ---- the end of a lookup ---- */

void lookup_stop_awaiting_stale(struct mx_lookups *l, struct mx_lookup *lookup)
{
	if (lookup->awaits_stale)
		TAILQ_REMOVE(&l->by_stale, lookup, by_stale);
	lookup->awaits_stale = false;
}

void lookup_leave(struct mx_lookups *l, struct mx_lookup *lookup)
{
	TAILQ_REMOVE(&lookup->question->waiting, lookup, by_question);
	if (!in_background(lookup))
		TAILQ_REMOVE(&l->by_deadline, lookup, by_deadline);
	lookup_stop_awaiting_stale(l, lookup);
}

void lookup_finish(struct mx_lookups *l, struct mx_lookup *lookup,
		   const struct mx_lookup_result *result)
{
	lookup->waiting = false;
	l->waiting--;
	limits_wait_end(l->limits, lookup->client);
	lookup->done(lookup->arg, result);
}

bool lookup_give_stale(struct mx_lookups *l, struct mx_lookup *lookup)
{
	struct mx_found found;

	if (in_background(lookup) ||
	    !stale_find(l, &lookup->question->key, lookup->full,
			l->stale_octets, &found))
		return false;

	struct mx_form form = form_found(&found, l->stale_octets);
	struct mx_lookup_result result = result_found(&found, &form);

	lookup_leave(l, lookup);
	mx_count(l->counters, stale_after_wait, 1);
	lookup_finish(l, lookup, &result);
	return true;
}

/* ---- lookups ---- */

static struct mx_lookup_result ready_result(const struct mx_lookup *lookup)
{
	const struct mx_ready *ready = lookup->ready;

	if (!ready)
		return result_failed_for(lookup->ready_err);
	return result_found(&ready->found, &ready->form);
}

/* Results that are there at once are delivered from the event loop: a caller
 * never sees its callback run inside mx_lookup(). What a callback adds waits
 * for the next turn. */
void lookups_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct mx_lookups *l = arg;
	struct mx_lookup *lookup;
	size_t count = l->ready_count;

	(void)fd;
	(void)what;
	while (count-- > 0 && (lookup = TAILQ_FIRST(&l->ready))) {
		struct mx_lookup_result result = ready_result(lookup);
		struct mx_ready *ready = lookup->ready;

		TAILQ_REMOVE(&l->ready, lookup, by_deadline);
		l->ready_count--;
		lookup->ready = NULL;
		lookup->waiting = false;
		l->waiting--;
		lookup->done(lookup->arg, &result);
		free(ready);
	}
	if (l->ready_count)
		event_active(l->deliver, 0, 0);
}

static void deliver_soon(struct mx_lookups *l, struct mx_lookup *lookup,
			 enum mx_error err)
{
	lookup->ready_err = err;
	lookup->question = NULL;
	lookup->waiting = true;
	l->waiting++;
	TAILQ_INSERT_TAIL(&l->ready, lookup, by_deadline);
	l->ready_count++;
	event_active(l->deliver, 0, 0);
}

void lookup_put_off(struct mx_lookups *l, struct mx_lookup *lookup)
{
	lookup_leave(l, lookup);
	l->waiting--;
	deliver_soon(l, lookup, MX_E_OVERLOAD);
}

static void prepare(struct mx_lookup *lookup, bool full, uint32_t client,
		    mx_lookup_done *done, void *arg)
{
	memset(lookup, 0, sizeof(*lookup));
	lookup->full = full;
	lookup->client = client;
	lookup->done = done;
	lookup->arg = arg;
}

/* Room for a cached answer; it becomes lookup's with keep_ready. */
static struct mx_ready *ready_new(void)
{
	return malloc(sizeof(struct mx_ready) + MX_MESSAGE_MAX);
}

static void keep_ready(struct mx_lookup *lookup, struct mx_ready *ready)
{
	uint32_t len = ready->found.len;

	lookup->ready = realloc(ready, sizeof(*ready) + len);
	if (!lookup->ready)
		lookup->ready = ready;
	lookup->ready->form = form_found(&lookup->ready->found,
					 lookup->ready->octets);
}

/* Not asked for want of room: still no reason to withhold a stale answer. */
static void turn_away(struct mx_lookups *l, const struct mx_key *key,
		      struct mx_lookup *lookup)
{
	struct mx_ready *ready = in_background(lookup) ? NULL : ready_new();

	if (ready && stale_find(l, key, lookup->full, ready->octets,
				&ready->found)) {
		keep_ready(lookup, ready);
		mx_count(l->counters, stale_after_wait, 1);
	} else {
		free(ready);
	}
	deliver_soon(l, lookup, MX_E_OVERLOAD);
}

/* The lookup waits for its question. */
static void wait_for(struct mx_lookups *l, struct mx_question *question,
		     struct mx_lookup *lookup, mx_instant now)
{
	lookup->question = question;
	lookup->waiting = true;
	l->waiting++;
	TAILQ_INSERT_TAIL(&question->waiting, lookup, by_question);
	if (in_background(lookup))
		return;
	lookup->deadline = now + (mx_instant)l->config->query_deadline;
	TAILQ_INSERT_TAIL(&l->by_deadline, lookup, by_deadline);
	if (!l->config->serve_stale)
		return;
	lookup->stale_at = now + (mx_instant)l->config->stale_after;
	lookup->awaits_stale = true;
	TAILQ_INSERT_TAIL(&l->by_stale, lookup, by_stale);
}

/* A client waits for what was asked without one. */
static void join_background(struct mx_lookups *l, struct mx_question *question)
{
	question->background = false;
	upstream_hurry(l->upstream[question->resolver], question);
	if (question->ahead)
		mx_count(l->counters, ahead_joined, 1);
}

enum mx_lookup_way mx_lookup_missed(struct mx_lookups *l,
				    const struct mx_key *key, bool full,
				    uint32_t client, struct mx_lookup *lookup,
				    mx_lookup_done *done, void *arg)
{
	mx_instant now = mx_clock_now();

	prepare(lookup, full, client, done, arg);
	if (!limits_wait(l->limits, client)) {
		turn_away(l, key, lookup);
		return MX_LOOKUP_TURNED_AWAY;
	}

	struct mx_question *question = question_find(l, key);
	enum mx_lookup_way way = question ? MX_LOOKUP_JOINED : MX_LOOKUP_ASKED;
	if (!question)
		question = question_new(l, key, in_background(lookup), now);
	if (!question) {
		limits_wait_end(l->limits, client);
		turn_away(l, key, lookup);
		return MX_LOOKUP_TURNED_AWAY;
	}

	wait_for(l, question, lookup, now);
	if (question->background && !in_background(lookup))
		join_background(l, question);
	if (way == MX_LOOKUP_ASKED)
		upstream_ask(l->upstream[question->resolver], question);
	if (TAILQ_FIRST(&l->by_deadline) == lookup ||
	    TAILQ_FIRST(&l->by_stale) == lookup ||
	    (in_background(lookup) && TAILQ_FIRST(&l->by_age) == question))
		deadlines_arm(l, now); /* else the timer runs for an earlier one */
	return way;
}

/* Copy what the cache has, with a stale answer before a failure; false on a
 * miss. */
static bool take_from_cache(struct mx_lookups *l, const struct mx_key *key,
			    struct mx_lookup *lookup)
{
	struct mx_ready *ready = ready_new();

	if (!ready)
		return false;
	if (mx_cache_get(l->cache, key, mx_clock_now(), lookup->full,
			 ready->octets, MX_MESSAGE_MAX,
			 &ready->found) != MX_HIT) {
		free(ready);
		return false;
	}
	if (ready->found.kind == MX_ANSWER_FAILURE && !in_background(lookup))
		stale_find(l, key, lookup->full, ready->octets, &ready->found);
	keep_ready(lookup, ready);
	if (lookup->ready->found.refresh)
		lookups_refresh(l, key, &lookup->ready->found, mx_clock_now());
	return true;
}

/* A special name is not for any name server to hear of. True: it is one, with
 * its answer, or with none for want of memory. */
static bool take_local(struct mx_lookups *l, const struct mx_key *key,
		       struct mx_lookup *lookup)
{
	struct local_room room;
	struct mx_answer answer;
	struct mx_ready *ready;

	if (!local_answer(l->local, key, &room, &answer))
		return false;
	ready = malloc(sizeof(*ready) + answer.plain.len);
	if (!ready)
		return true;
	ready->found = (struct mx_found){
		.kind = answer.kind, .state = answer.state,
		.rcode = answer.rcode, .ede = answer.ede,
		.ancount = answer.plain.ancount,
		.nscount = answer.plain.nscount, .len = answer.plain.len,
		.expires = mx_clock_now() + (mx_instant)answer.ttl_s * 1000,
	};
	memcpy(ready->octets, answer.plain.octets, answer.plain.len);
	ready->form = form_found(&ready->found, ready->octets);
	lookup->ready = ready;
	return true;
}

enum mx_lookup_way mx_lookup(struct mx_lookups *l, const struct mx_key *key,
			     bool full, uint32_t client,
			     struct mx_lookup *lookup, mx_lookup_done *done,
			     void *arg)
{
	prepare(lookup, full, client, done, arg);
	if (!take_from_cache(l, key, lookup) && !take_local(l, key, lookup))
		return mx_lookup_missed(l, key, full, client, lookup, done,
					arg);
	deliver_soon(l, lookup, MX_E_NO_MEMORY); /* if there is no copy */
	return MX_LOOKUP_READY;
}

void mx_lookup_cancel(struct mx_lookups *l, struct mx_lookup *lookup)
{
	if (!lookup->waiting)
		return;
	lookup->waiting = false;
	l->waiting--;
	if (lookup->question) {
		lookup_leave(l, lookup);
		limits_wait_end(l->limits, lookup->client);
		return;
	}
	TAILQ_REMOVE(&l->ready, lookup, by_deadline);
	l->ready_count--;
	free(lookup->ready);
	lookup->ready = NULL;
}

size_t lookups_waiting(const struct mx_lookups *l)
{
	return l->waiting;
}
