/* deadline.c - how long a lookup waits, and a question lives.
 *
 * One timer for all, since lists in order of arrival are in order of time. */
#include "lookups.h"

void deadlines_arm(struct mx_lookups *l, mx_instant now)
{
	struct mx_lookup *lookup = TAILQ_FIRST(&l->by_deadline);
	struct mx_lookup *stale = TAILQ_FIRST(&l->by_stale);
	struct mx_question *oldest = TAILQ_FIRST(&l->by_age);
	mx_instant at = INT64_MAX;

	if (lookup)
		at = lookup->deadline;
	if (stale && stale->stale_at < at)
		at = stale->stale_at;
	if (oldest) {
		mx_instant end = oldest->started +
				 (mx_instant)l->config->question_lifetime * 1000;
		at = end < at ? end : at;
	}
	if (at == INT64_MAX)
		return;

	mx_instant wait = at > now ? at - now : 0;
	timer_start(l->timer, wait);
}

static struct mx_lookup_result late_result(const struct mx_lookups *l,
					   const struct mx_question *question)
{
	return result_failed_for(upstream_there(l->upstream[question->resolver])
					 ? MX_E_DEADLINE
					 : MX_E_NOT_READY);
}

/* The question lives on, and the failure is cached so that the next to ask,
 * until the back-off is over, need not wait as long (RFC 9520 section 3.2: a
 * time-out is a resolution failure). Once for all who waited. */
static void remember_late(struct mx_lookups *l, struct mx_question *question,
			  mx_instant now)
{
	struct mx_lookup_result result = late_result(l, question);

	if (question->failed_until > now)
		return;
	failure_log(question, "no answer in time", "");
	troubles_failed(l->troubles, &question->key, result.ede, result.why,
			now - question->started, now);
	question->failed_until = failure_put(l, &question->key, result.ede,
					     result.why, now);
}

/* A client has waited long enough. */
static void on_deadline(struct mx_lookups *l, struct mx_lookup *lookup,
			mx_instant now)
{
	struct mx_lookup_result result = late_result(l, lookup->question);

	remember_late(l, lookup->question, now);
	if (lookup_give_stale(l, lookup))
		return;
	lookup_leave(l, lookup);
	mx_count(l->counters, deadlines, 1);
	lookup_finish(l, lookup, &result);
}

/* A client has waited long enough if there is a stale answer; else it waits
 * on for its deadline. */
static void on_stale_at(struct mx_lookups *l, struct mx_lookup *lookup,
			mx_instant now)
{
	struct mx_question *question = lookup->question;

	lookup_stop_awaiting_stale(l, lookup);
	if (!stale_there(l, &question->key))
		return;
	remember_late(l, question, now);
	lookup_give_stale(l, lookup);
}

void deadlines_due(evutil_socket_t fd, short what, void *arg)
{
	struct mx_lookups *l = arg;
	mx_instant now = mx_clock_now();
	struct mx_lookup *lookup;
	struct mx_question *question;

	(void)fd;
	(void)what;
	while ((lookup = TAILQ_FIRST(&l->by_stale)) && lookup->stale_at <= now)
		on_stale_at(l, lookup, now);
	while ((lookup = TAILQ_FIRST(&l->by_deadline)) &&
	       lookup->deadline <= now)
		on_deadline(l, lookup, now);
	while ((question = TAILQ_FIRST(&l->by_age)) &&
	       question->started +
			       (mx_instant)l->config->question_lifetime * 1000 <=
		       now)
		question_fail(l, question, MX_EDE_NO_REACHABLE_AUTHORITY,
			      "given up");
	deadlines_arm(l, now);
}
