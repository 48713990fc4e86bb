/* again.c - what is asked again: questions that a resolver died with, and
 * those whose answers, asked for often, have run out. */
#include <stdlib.h>

#include "lookups.h"

/* A question that was with this many resolvers when they died is not given to
 * another: it may be what kills them. */
#define DEATHS_MAX 3

/* Questions that a worker asks again at the same time with nobody waiting, and
 * how soon it looks whether there is room for more. */
#define REFRESHING_MAX 64
#define REFRESHING_FULL_MS 50

/* ---- a resolver died ---- */

void lookups_ask_again(struct mx_lookups *l, unsigned resolver)
{
	struct mx_question *question, *next;

	for (question = TAILQ_FIRST(&l->by_age); question; question = next) {
		next = TAILQ_NEXT(question, by_age);
		if (question->resolver != resolver || question->queued)
			continue;
		if (++question->deaths >= DEATHS_MAX) {
			failure_log(question, "given up",
				    "the resolver died over and over with it");
			question->ahead = false; /* to be remembered anyway */
			question_fail(l, question, MX_EDE_OTHER,
				      "resolver failed");
			/* A callback may have asked or cancelled anything:
			 * begin again; what was done is queued now. */
			next = TAILQ_FIRST(&l->by_age);
			continue;
		}
		mx_count(l->counters, resent, 1);
		upstream_ask(l->upstream[resolver], question);
	}
}

/* ---- an answer ran out ---- */

/* Nobody waits for it, so it is the first to be forgotten when a client's
 * question needs the room. */
static void ask_again(struct mx_lookups *l, const struct mx_key *key,
		      mx_instant now)
{
	struct mx_question *question;

	/* A client came before, or failed to get it. */
	if (question_find(l, key) || mx_cache_has(l->cache, key, now))
		return;
	question = question_new(l, key, true, now);
	if (!question) {
		mx_count(l->counters, refreshes_dropped, 1);
		return;
	}
	question->refresh = true;
	l->refreshing++;
	mx_count(l->counters, refreshes, 1);
	upstream_ask(l->upstream[question->resolver], question);
	if (TAILQ_FIRST(&l->by_age) == question)
		deadlines_arm(l, now);
}

void lookups_refresh_arm(struct mx_lookups *l, mx_instant now)
{
	mx_instant at = refreshes_next(l->refreshes);

	if (at == INT64_MAX)
		return;

	mx_instant least = l->refreshing < REFRESHING_MAX ? 0
							  : REFRESHING_FULL_MS;
	mx_instant wait = at - now > least ? at - now : least;
	timer_start(l->refresh_timer, wait);
}

void lookups_refresh_due(evutil_socket_t fd, short what, void *arg)
{
	struct mx_lookups *l = arg;
	mx_instant now = mx_clock_now();
	struct refresh *refresh;

	(void)fd;
	(void)what;
	while (l->refreshing < REFRESHING_MAX &&
	       (refresh = refreshes_take(l->refreshes, now))) {
		ask_again(l, &refresh->key, now);
		free(refresh);
	}
	lookups_refresh_arm(l, now);
}

void lookups_refresh(struct mx_lookups *l, const struct mx_key *key,
		     const struct mx_found *found, mx_instant now)
{
	mx_instant first = refreshes_next(l->refreshes);

	if (!refreshes_add(l->refreshes, key, found->expires, now,
			   mx_clock_wall_ms()))
		mx_count(l->counters, refreshes_dropped, 1);
	if (refreshes_next(l->refreshes) < first)
		lookups_refresh_arm(l, now);
}
