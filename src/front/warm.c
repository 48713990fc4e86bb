/* warm.c - keeps what mail to the domains of keep-warm needs fresh.
 *
 *   MX of each domain --> A, AAAA of its exchanges --> TLSA
 *
 * mx_mail says what comes after an answer. A question is there once, whoever
 * wants it: keep-warm, or the answers to other questions; and it goes when
 * the last of these no longer names it. An answer that is no answer (a
 * failure, a bogus one) changes nothing: what was named goes on being kept.
 *
 * Each question has a timer of its own, and not a place in refresh.c's heap:
 * it is to be found, moved and taken out again, and none may be dropped. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "mx_log.h"
#include "mx_mail.h"

enum warm_state {
	WARM_RESTING, /* until its timer runs out */
	WARM_DUE,     /* in the list of those to be asked */
	WARM_ASKED,
	WARM_SLOW, /* asked so long ago that others are let past */
};

struct warm_question {
	UT_hash_handle hh;
	TAILQ_ENTRY(warm_question) due;
	struct warm *warm;
	enum warm_state state;
	unsigned wanted; /* by so many of keep-warm and of `next` */
	unsigned next_count;
	struct warm_question **next; /* what its last answer named; owned */
	struct event *timer;
	mx_instant at, asked_at;
	mx_instant failed_ms; /* how long it waits after a failure; 0: none */
	struct mx_lookup lookup;
	struct mx_key key; /* points to octets */
	uint8_t octets[KEY_OCTETS_MAX]; /* qname, qtype, qclass: hash key */
};

struct warm {
	struct worker *worker;
	struct warm_question *by_key; /* uthash */
	TAILQ_HEAD(, warm_question) due;
	unsigned asking;
	struct mx_mail_room room;
};

static void ask_due(struct warm *warm);

/* ---- time ---- */

static void arm(struct warm_question *q, mx_instant now)
{
	mx_instant wait = q->at > now ? q->at - now : 0;

	timer_start(q->timer, wait);
}

static void rest_until(struct warm_question *q, mx_instant at, mx_instant now)
{
	mx_instant least = q->asked_at + WARM_LEAST_MS;

	q->state = WARM_RESTING;
	q->at = at > least ? at : least;
	arm(q, now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct warm_question *q = arg;
	mx_instant now = mx_clock_now();

	(void)fd;
	(void)what;
	if (now < q->at) {
		arm(q, now);
		return;
	}
	if (q->state == WARM_RESTING) {
		q->state = WARM_DUE;
		TAILQ_INSERT_TAIL(&q->warm->due, q, due);
	} else if (q->state == WARM_ASKED) {
		q->state = WARM_SLOW;
		q->warm->asking--;
	}
	ask_due(q->warm);
}

/* ---- questions ---- */

static void question_free(struct warm_question *q)
{
	if (q->timer)
		event_free(q->timer);
	free(q->next);
	free(q);
}

static struct warm_question *question_add(struct warm *warm,
					  const struct mx_key *key)
{
	struct warm_question *q = calloc(1, sizeof(*q));
	unsigned len;

	if (!q)
		return NULL;
	len = key_octets(key, q->octets);
	q->warm = warm;
	q->key = *key;
	q->key.qname = q->octets;
	q->timer = evtimer_new(warm->worker->base, on_timer, q);
	if (q->timer)
		HASH_ADD_KEYPTR(hh, warm->by_key, q->octets, len, q);
	if (!q->timer || !q->hh.tbl) {
		question_free(q);
		return NULL;
	}
	q->state = WARM_DUE;
	TAILQ_INSERT_TAIL(&warm->due, q, due);
	return q;
}

static void say_full(const struct mx_name *qname)
{
	static struct mx_log_gate gate;
	char name[MX_NAME_TEXT_MAX];

	mx_name_to_text(qname->octets, name);
	mx_log_limited(&gate, MX_LOG_WARNING,
		       "keep-warm: %u questions are kept, and no more: not %s; list fewer domains",
		       WARM_QUESTIONS_MAX, name);
}

/* One more wants it; NULL: there is no room. */
static struct warm_question *want(struct warm *warm,
				  const struct mx_name *qname, uint16_t qtype)
{
	const struct mx_key key = { qname->octets, qname->len, qtype,
				    MX_CLASS_IN };
	uint8_t octets[KEY_OCTETS_MAX];
	unsigned len = key_octets(&key, octets);
	struct warm_question *q;

	HASH_FIND(hh, warm->by_key, octets, len, q);
	if (!q && HASH_COUNT(warm->by_key) >= WARM_QUESTIONS_MAX) {
		say_full(qname);
		return NULL;
	}
	if (!q)
		q = question_add(warm, &key);
	if (q)
		q->wanted++;
	return q;
}

/* One less; the last takes it out, and what only its answer named. Types lead
 * from MX to addresses, on to CNAME, on to TLSA, and never back: so deep does
 * this go, and there are no circles. */
static void unwant(struct warm *warm, struct warm_question *q)
{
	if (--q->wanted > 0)
		return;
	for (unsigned i = 0; i < q->next_count; i++)
		unwant(warm, q->next[i]);
	if (q->state == WARM_DUE)
		TAILQ_REMOVE(&warm->due, q, due);
	if (q->state == WARM_ASKED)
		warm->asking--;
	mx_lookup_cancel(warm->worker->lookups, &q->lookup);
	HASH_DEL(warm->by_key, q);
	question_free(q);
}

/* ---- answers ---- */

/* What comes after this answer takes the place of what came after the last. */
static void follow(struct warm_question *q,
		   const struct mx_lookup_result *result)
{
	struct warm *warm = q->warm;
	const struct mx_mail_answer answer = { result->kind, result->state,
					       result->form };
	struct mx_mail_question asks[MX_MAIL_NEXT_MAX];
	unsigned count = mx_mail_next(&q->key, &answer, &warm->room, asks);
	struct warm_question **next = calloc(count + 1,
					     sizeof(struct warm_question *));
	struct warm_question **before = q->next;
	unsigned before_count = q->next_count;

	if (!next)
		return;
	q->next = next;
	q->next_count = 0;
	for (unsigned i = 0; i < count; i++)
		if (!asks[i].early &&
		    (next[q->next_count] = want(warm, &asks[i].qname,
						asks[i].qtype)))
			q->next_count++;
	for (unsigned i = 0; i < before_count; i++)
		unwant(warm, before[i]);
	free(before);
}

/* Twice as long each time, so that a dead domain costs little. */
static mx_instant wait_after_failure(struct warm_question *q)
{
	q->failed_ms = q->failed_ms == 0 ? WARM_FAILED_FIRST_MS
					 : 2 * q->failed_ms;
	if (q->failed_ms > WARM_FAILED_MOST_MS)
		q->failed_ms = WARM_FAILED_MOST_MS;
	return q->failed_ms;
}

static void on_result(void *arg, const struct mx_lookup_result *result)
{
	struct warm_question *q = arg;
	struct warm *warm = q->warm;
	mx_instant now = mx_clock_now();

	if (q->state == WARM_ASKED)
		warm->asking--;
	if (result->err == MX_OK && result->state != MX_BOGUS) {
		q->failed_ms = 0;
		rest_until(q, refresh_when(result->expires, now,
					   mx_clock_wall_ms()), now);
		follow(q, result);
	} else if (result->err == MX_E_OVERLOAD) { /* says nothing of it */
		rest_until(q, now, now);
	} else {
		rest_until(q, now + wait_after_failure(q), now);
	}
	ask_due(warm);
}

static void ask(struct warm_question *q)
{
	struct worker *worker = q->warm->worker;

	q->state = WARM_ASKED;
	q->warm->asking++;
	q->asked_at = mx_clock_now();
	q->at = q->asked_at + WARM_SLOW_MS;
	arm(q, q->asked_at);
	if (mx_lookup(worker->lookups, &q->key, false, MX_LOOKUP_BACKGROUND,
		      &q->lookup, on_result, q) == MX_LOOKUP_ASKED)
		mx_count(&worker->counters, warmed, 1);
}

static void ask_due(struct warm *warm)
{
	struct warm_question *q;

	while (warm->asking < WARM_ASKING_MAX &&
	       (q = TAILQ_FIRST(&warm->due))) {
		TAILQ_REMOVE(&warm->due, q, due);
		ask(q);
	}
}

/* ---- begin and end ---- */

static void want_domain(struct warm *warm, const char *text)
{
	char *domain = mx_zone_parse(text);
	struct mx_name qname;

	if (domain && mx_name_from_text(domain, &qname) == MX_OK) {
		mx_name_lower(qname.octets, qname.len);
		want(warm, &qname, MX_TYPE_MX);
	}
	free(domain);
}

struct warm *warm_start(struct worker *worker)
{
	const struct mx_texts *domains = &worker->config->keep_warm;
	struct warm *warm = domains->count ? calloc(1, sizeof(*warm)) : NULL;

	if (!warm)
		return NULL;
	warm->worker = worker;
	TAILQ_INIT(&warm->due);
	for (size_t i = 0; i < domains->count; i++)
		want_domain(warm, domains->at[i]);
	ask_due(warm);
	return warm;
}

void warm_free(struct warm *warm)
{
	struct warm_question *q, *next;

	if (!warm)
		return;
	HASH_ITER(hh, warm->by_key, q, next) {
		mx_lookup_cancel(warm->worker->lookups, &q->lookup);
		HASH_DEL(warm->by_key, q);
		question_free(q);
	}
	free(warm);
}
