/* answer.c - how a question ends: what comes from a resolver is taken apart,
 * kept, and given to all who wait. */
#include <stdlib.h>
#include <string.h>

#include "lookups.h"
#include "mx_log.h"

mx_instant failure_put(struct mx_lookups *l, const struct mx_key *key,
		       uint16_t ede, const char *why, mx_instant now)
{
	uint32_t least_s = stale_there(l, key) ? STALE_RECHECK_S : 0;

	return now + 1000 * (mx_instant)mx_cache_put_failure_least(
				     l->cache, key, ede, why, least_s, now);
}

/* It leaves the tables first, so that a callback may ask the same again; and
 * keeps its list until the last has heard, so that a callback may cancel
 * another lookup. */
void question_end(struct mx_lookups *l, struct mx_question *question,
		  const struct mx_answer *answer,
		  struct mx_lookup_result *result)
{
	struct mx_lookup *lookup;

	question_detach(l, question);
	while ((lookup = TAILQ_FIRST(&question->waiting))) {
		if (!answer && lookup_give_stale(l, lookup))
			continue;
		lookup_leave(l, lookup);
		if (answer)
			result->form = lookup->full ? &answer->full
						    : &answer->plain;
		lookup_finish(l, lookup, result);
	}
	free(question);
}

/* That a question failed which only we wanted, on a guess, is kept for no
 * client: who then asks gets a try of its own, as without asking ahead, and
 * the back-off begins with it. RFC 9520 is kept all the same, since libunbound
 * remembers for five seconds what failed. But where there is a stale answer,
 * to know that no fresh one can be had spares the client the wait. */
static bool failure_kept(struct mx_lookups *l,
			 const struct mx_question *question)
{
	return !question->ahead || !question->background ||
	       stale_there(l, &question->key);
}

static mx_instant took_ms(const struct mx_question *question)
{
	return mx_clock_now() - question->started;
}

void question_fail(struct mx_lookups *l, struct mx_question *question,
		   uint16_t ede, const char *why)
{
	struct mx_lookup_result result = result_failed(MX_E_UPSTREAM, ede, why);

	mx_count(l->counters, upstream_failures, 1);
	troubles_failed(l->troubles, &question->key, ede, why,
			took_ms(question), mx_clock_now());
	if (failure_kept(l, question))
		failure_put(l, &question->key, ede, why, mx_clock_now());
	question_end(l, question, NULL, &result);
}

void failure_log(const struct mx_question *question, const char *what,
		 const char *why)
{
	static struct mx_log_gate gate;
	char name[MX_NAME_TEXT_MAX], type[16];

	if (!mx_log_on(MX_LOG_INFO))
		return;
	mx_name_to_text(question->key.qname, name);
	mx_log_limited(&gate, MX_LOG_INFO, "%s %s: %s%s%s", name,
		       mx_type_text(question->key.qtype, type), what,
		       *why ? ": " : "", why);
}

/* By a client, not by us alone. */
static bool awaited(const struct mx_question *question)
{
	const struct mx_lookup *lookup;

	TAILQ_FOREACH(lookup, &question->waiting, by_question)
		if (lookup->client < MX_LOOKUP_BACKGROUND)
			return true;
	return false;
}

/* An answer that is used: what it is, and whether it was any trouble. */
static void heard(struct mx_lookups *l, const struct mx_question *question,
		  const struct mx_answer *answer, const char *why)
{
	mx_instant now = mx_clock_now();

	switch (answer->state) {
	case MX_SECURE: mx_count(l->counters, upstream_secure, 1); break;
	case MX_BOGUS:
		mx_count(l->counters, upstream_bogus, 1);
		troubles_failed(l->troubles, &question->key, reason_ede(why),
				why, took_ms(question), now);
		return;
	default: mx_count(l->counters, upstream_insecure, 1); break;
	}
	troubles_answered(l->troubles, &question->key, took_ms(question), now);
}

void lookups_answer(struct mx_lookups *l, unsigned resolver,
		    const struct mx_channel_answer *channel)
{
	struct mx_question *question;
	char why[MX_WHY_MAX + 1];
	struct mx_answer answer;

	if (channel->status == MX_CHANNEL_FORGOTTEN) {
		forget_heard(l, resolver, channel->id);
		return;
	}
	question = question_by_id(l, channel->id);
	/* Forgotten meanwhile, or not this resolver's to answer. */
	if (!question || question->resolver != resolver)
		return;
	mx_count(l->counters, upstream_answers, 1);
	reason_text(channel, why);
	if (channel->status == MX_CHANNEL_REFUSED) {
		struct mx_lookup_result result = result_failed_for(MX_E_OVERLOAD);

		/* Not kept: it says nothing about the name. */
		mx_count(l->counters, upstream_failures, 1);
		question_end(l, question, NULL, &result);
		return;
	}
	if (channel->status != MX_CHANNEL_ANSWER) {
		failure_log(question, "no usable answer", why);
		question_fail(l, question, MX_EDE_NO_REACHABLE_AUTHORITY, why);
		return;
	}

	enum mx_error err = mx_ingest(channel->packet, channel->packet_len,
				      &question->key, channel->state,
				      &l->ttl_limits, l->room, &answer);
	if (err == MX_E_UPSTREAM) { /* a failure out of libunbound's cache */
		failure_log(question, "no usable answer", "still");
		question_fail(l, question, MX_EDE_NO_REACHABLE_AUTHORITY,
			      mx_error_text(err));
		return;
	}
	if (err != MX_OK) {
		mx_count(l->counters, upstream_rejected, 1);
		failure_log(question, "answer not used", mx_error_text(err));
		question_fail(l, question, MX_EDE_OTHER, mx_error_text(err));
		return;
	}
	heard(l, question, &answer, why);
	if (answer.state == MX_BOGUS) {
		answer.ede = reason_ede(why);
		answer.why = why;
		failure_log(question, "validation failed", why);
	}
	answer.awaited = awaited(question);
	answer.may_stale = answer.may_stale &&
			   stale_allowed(l->stale, &question->key);
	/* Stored before the replies go out: a waiter's next query may be
	 * there before this loop turns again. */
	mx_instant now = mx_clock_now();
	mx_cache_put(l->cache, &question->key, &answer, now);

	struct mx_lookup_result result = {
		.err = MX_OK, .kind = answer.kind, .state = answer.state,
		.rcode = answer.rcode, .ede = answer.ede, .why = answer.why,
		.expires = now + (mx_instant)answer.ttl_s * 1000,
	};
	if (!answer.awaited || question->key.qtype != MX_TYPE_MX || !l->ahead) {
		question_end(l, question, &answer, &result);
		return;
	}
	/* The client first; then what it will ask next. */
	struct mx_key key = question->key;
	uint8_t qname[MX_NAME_MAX];

	memcpy(qname, key.qname, key.qname_len);
	key.qname = qname;
	question_end(l, question, &answer, &result);
	if (l->ahead) /* a callback may have ended it */
		ahead_follow(l->ahead, &key, answer.kind, answer.state,
			     &answer.plain);
}
