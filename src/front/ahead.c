/* ahead.c - asks what a mail server will ask next, before it does.
 *
 *   a client gets MX --> A, AAAA, TLSA of the exchanges --> what these lead to
 *
 * mx_mail says what comes after an answer. What a client asks meanwhile joins
 * the question in flight, or finds the answer in the cache: a mail server that
 * asks one name after another waits for the first, and no more.
 *
 * Neither DNSKEY nor DS is asked ahead: libunbound asks for a zone's keys
 * beside the question itself (prefetch-key), and joins its own questions but
 * not ours, which would go to the name servers a second time.
 *
 * It all rests on a guess, so it is bounded and gives way:
 *   - an answer leads to so many questions, however long it is: see mx_mail.h.
 *     Types lead from MX to addresses, on to CNAME, on to TLSA, and never
 *     back, so there is an end;
 *   - mail-prefetch-rate, over all workers;
 *   - AHEAD_MAX in flight, and none to a resolver that does not keep up;
 *   - none takes a client's place (MX_LOOKUP_BACKGROUND).
 * What does not fit is dropped: by the time there is room for it, the mail
 * server has asked itself. */
#include <stdlib.h>
#include <string.h>

#include "lookups.h"
#include "mx_mail.h"

struct ahead_question {
	TAILQ_ENTRY(ahead_question) by_age;
	struct ahead *ahead;
	mx_instant asked_at;
	struct mx_lookup lookup;
	struct mx_key key; /* points to qname */
	uint8_t qname[];
};

struct ahead {
	struct mx_lookups *lookups;
	unsigned count;
	TAILQ_HEAD(, ahead_question) by_age;
	struct mx_mail_room room;
	uint8_t octets[MX_MESSAGE_MAX]; /* of what the cache has */
};

/* ---- questions in flight ---- */

static void take_out(struct ahead_question *q)
{
	TAILQ_REMOVE(&q->ahead->by_age, q, by_age);
	q->ahead->count--;
}

/* It is out before anything follows, which might want its place. */
static void on_result(void *arg, const struct mx_lookup_result *result)
{
	struct ahead_question *q = arg;

	take_out(q);
	if (result->err == MX_OK)
		ahead_follow(q->ahead, &q->key, result->kind, result->state,
			     result->form);
	free(q);
}

static void give_up(struct ahead_question *q)
{
	struct mx_question *question = q->lookup.question;

	if (question)
		question->ahead_waits = false;
	mx_lookup_cancel(q->ahead->lookups, &q->lookup);
	take_out(q);
	free(q);
}

/* If nobody else waits the question goes too: else those of dead name servers
 * would fill the table. */
static void forget(struct ahead_question *q)
{
	struct mx_lookups *l = q->ahead->lookups;
	struct mx_question *question = q->lookup.question;

	give_up(q);
	if (question && question->background && TAILQ_EMPTY(&question->waiting))
		question_forget(l, question);
}

static bool make_room(struct ahead *ahead, mx_instant now)
{
	struct ahead_question *oldest = TAILQ_FIRST(&ahead->by_age);

	if (ahead->count < AHEAD_MAX)
		return true;
	if (now - oldest->asked_at < AHEAD_SLOW_MS)
		return false;
	forget(oldest);
	return true;
}

static struct ahead_question *add(struct ahead *ahead, const struct mx_key *key,
				  mx_instant now)
{
	struct ahead_question *q = malloc(sizeof(*q) + key->qname_len);

	if (!q)
		return NULL;
	q->ahead = ahead;
	q->asked_at = now;
	memcpy(q->qname, key->qname, key->qname_len);
	q->key = *key;
	q->key.qname = q->qname;
	TAILQ_INSERT_TAIL(&ahead->by_age, q, by_age);
	ahead->count++;
	return q;
}

/* ---- asking ---- */

/* Whether key may be asked now, if it is not in flight; counted if not. */
static bool may_ask(struct ahead *ahead, unsigned resolver, mx_instant now)
{
	struct mx_lookups *l = ahead->lookups;

	if (upstream_full(l->upstream[resolver])) {
		mx_count(l->counters, ahead_no_room, 1);
		return false;
	}
	if (!limits_ahead(l->limits, now)) {
		mx_count(l->counters, ahead_over_rate, 1);
		return false;
	}
	return true;
}

static void ask(struct ahead *ahead, const struct mx_key *key)
{
	struct mx_lookups *l = ahead->lookups;
	mx_instant now = mx_clock_now();
	struct mx_question *question = question_find(l, key);
	struct ahead_question *q;

	/* In flight, and whatever comes after it is seen to. */
	if (question && (question->ahead_waits || key->qtype == MX_TYPE_TLSA))
		return;
	if (!question && !may_ask(ahead, question_resolver(l, key), now))
		return;
	q = make_room(ahead, now) ? add(ahead, key, now) : NULL;
	if (!q) {
		mx_count(l->counters, ahead_no_room, 1);
		return;
	}
	switch (mx_lookup_missed(l, key, false, MX_LOOKUP_BACKGROUND,
				 &q->lookup, on_result, q)) {
	case MX_LOOKUP_ASKED:
		q->lookup.question->ahead = true;
		q->lookup.question->ahead_waits = true;
		mx_count(l->counters, ahead, 1);
		break;
	case MX_LOOKUP_JOINED:
		q->lookup.question->ahead_waits = true;
		break;
	case MX_LOOKUP_TURNED_AWAY:
		mx_count(l->counters, ahead_no_room, 1);
		break;
	case MX_LOOKUP_READY: break; /* the cache was asked before */
	}
}

/* What the cache or this host has is not asked; but something may come after
 * it. True: there is an answer, of the kind in *ret. */
static bool known(struct ahead *ahead, const struct mx_key *key,
		  enum mx_answer_kind *ret)
{
	struct mx_lookups *l = ahead->lookups;
	struct local_room room;
	struct mx_answer answer;
	struct mx_found found;
	struct mx_form form;

	if (local_answer(l->local, key, &room, &answer)) {
		*ret = answer.kind;
		return true;
	}
	if (mx_cache_peek(l->cache, key, mx_clock_now(), false, ahead->octets,
			  sizeof(ahead->octets), &found) != MX_HIT)
		return false;
	*ret = found.kind;
	if (found.kind != MX_ANSWER_POSITIVE || !found.copied)
		return true;
	form = form_found(&found, ahead->octets);
	ahead_follow(ahead, key, found.kind, found.state, &form);
	return true;
}

void ahead_follow(struct ahead *ahead, const struct mx_key *after,
		  enum mx_answer_kind kind, enum mx_validation state,
		  const struct mx_form *form)
{
	const struct mx_mail_answer answer = { kind, state, form };
	struct mx_mail_question asks[MX_MAIL_NEXT_MAX];
	unsigned count = mx_mail_next(after, &answer, &ahead->room, asks);
	bool address_known = false;

	for (unsigned i = 0; i < count; i++) {
		const struct mx_key key = { asks[i].qname.octets,
					    asks[i].qname.len, asks[i].qtype,
					    MX_CLASS_IN };
		enum mx_answer_kind has = MX_ANSWER_FAILURE;

		if (key.qtype == MX_TYPE_A)
			address_known = false;
		/* An address that is known has said whether TLSA makes sense,
		 * better than MX does. */
		if (asks[i].early && address_known)
			continue;
		if (!known(ahead, &key, &has))
			ask(ahead, &key);
		else if (has == MX_ANSWER_POSITIVE)
			address_known = true;
	}
}

/* ---- begin and end ---- */

struct ahead *ahead_new(struct mx_lookups *l)
{
	struct ahead *ahead = calloc(1, sizeof(*ahead));

	if (!ahead)
		return NULL;
	ahead->lookups = l;
	TAILQ_INIT(&ahead->by_age);
	return ahead;
}

void ahead_free(struct ahead *ahead)
{
	struct ahead_question *q;

	if (!ahead)
		return;
	while ((q = TAILQ_FIRST(&ahead->by_age)))
		give_up(q);
	free(ahead);
}
