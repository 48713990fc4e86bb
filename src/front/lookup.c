/* lookup.c - questions in flight and who waits for them.
 *
 *   lookup --> question --> resolver hash(last two labels) % R
 *   lookup --^  (identical ones join)
 *
 * A question has an id for the resolver: its slot in the table below and a
 * generation, so that an answer to a forgotten question finds nothing. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "mx_log.h"

#define SLOT_BITS 20u
#define SLOTS_MAX (1u << SLOT_BITS)

/* A question that was with this many resolvers when they died is not given to
 * another: it may be what kills them. */
#define DEATHS_MAX 3

/* Questions that a worker asks again at the same time with nobody waiting, and
 * how soon it looks whether there is room for more. */
#define REFRESHING_MAX 64
#define REFRESHING_FULL_MS 50

/* A cached answer, copied, until its callback runs. */
struct mx_ready {
	struct mx_found found;
	struct mx_form form;
	uint8_t octets[];
};

struct mx_lookups {
	struct event_base *base;
	const struct mx_config *config;
	struct mx_cache *cache;
	struct mx_limits *limits;
	struct mx_counters *counters;

	unsigned resolver_count;
	struct upstream **upstream; /* one a resolver */

	struct mx_question *by_key;  /* uthash */
	struct mx_question **by_slot; /* slot_count, NULL: free */
	uint32_t slot_count, slots_used, next_slot, generation;
	TAILQ_HEAD(, mx_question) by_age;

	TAILQ_HEAD(, mx_lookup) by_deadline; /* all deadlines are equal, so
						this is order of arrival */
	TAILQ_HEAD(, mx_lookup) ready;
	TAILQ_HEAD(, mx_lookup) by_stale; /* likewise in order of arrival */
	size_t waiting, ready_count;
	struct event *timer, *deliver;

	struct mx_ingest_room *room;
	struct mx_ingest_limits ttl_limits;
	struct refreshes *refreshes;
	struct event *refresh_timer;
	unsigned refreshing;
	struct stale_rules *stale;
	uint8_t stale_octets[MX_MESSAGE_MAX]; /* of the answer being given */
};

static const struct mx_form no_form;

/* ---- the end of a lookup ---- */

static void stop_awaiting_stale(struct mx_lookups *l, struct mx_lookup *lookup)
{
	if (lookup->awaits_stale)
		TAILQ_REMOVE(&l->by_stale, lookup, by_stale);
	lookup->awaits_stale = false;
}

/* Out of the lists of those that wait for a question. */
static void leave(struct mx_lookups *l, struct mx_lookup *lookup)
{
	TAILQ_REMOVE(&lookup->question->waiting, lookup, by_question);
	TAILQ_REMOVE(&l->by_deadline, lookup, by_deadline);
	stop_awaiting_stale(l, lookup);
}

static void finish(struct mx_lookups *l, struct mx_lookup *lookup,
		   const struct mx_lookup_result *result)
{
	lookup->waiting = false;
	l->waiting--;
	limits_wait_end(l->limits, lookup->client);
	lookup->done(lookup->arg, result);
}

static struct mx_lookup_result failed(enum mx_error err, uint16_t ede,
				      const char *why)
{
	return (struct mx_lookup_result){
		.err = err, .kind = MX_ANSWER_FAILURE,
		.rcode = MX_RCODE_SERVFAIL, .ede = ede, .why = why,
		.form = &no_form,
	};
}

static struct mx_lookup_result failed_for(enum mx_error err)
{
	switch (err) {
	case MX_E_DEADLINE:
		return failed(err, MX_EDE_NO_REACHABLE_AUTHORITY,
			      "no answer in time, still asking");
	case MX_E_OVERLOAD:
		return failed(err, MX_EDE_NOT_READY, mx_error_text(err));
	case MX_E_NOT_READY:
		return failed(err, MX_EDE_NOT_READY,
			      "resolver is being restarted");
	default:
		return failed(err, MX_EDE_OTHER, mx_error_text(err));
	}
}

/* ---- stale answers ---- */

static struct mx_lookup_result found_result(const struct mx_found *found,
					    const struct mx_form *form)
{
	return (struct mx_lookup_result){
		.err = found->kind == MX_ANSWER_FAILURE ? MX_E_UPSTREAM
							: MX_OK,
		.kind = found->kind, .state = found->state,
		.rcode = found->rcode, .from_cache = true,
		.stale = found->stale,
		.ede = found->stale ? MX_EDE_STALE : found->ede,
		.why = found->why, .form = form,
	};
}

/* The form copied to octets. */
static struct mx_form found_form(const struct mx_found *found,
				 const uint8_t *octets)
{
	return (struct mx_form){
		.octets = octets, .len = found->len, .ancount = found->ancount,
		.nscount = found->nscount, .arcount = found->arcount,
	};
}

/* Is there one? Nothing is copied. */
static bool has_stale(struct mx_lookups *l, const struct mx_key *key)
{
	struct mx_found found;

	return mx_cache_get_stale(l->cache, key, mx_clock_now(),
				  mx_clock_wall_ms(), false, NULL, 0,
				  &found) == MX_HIT;
}

static bool find_stale(struct mx_lookups *l, const struct mx_key *key,
		       bool full, uint8_t *octets, struct mx_found *ret)
{
	return mx_cache_get_stale(l->cache, key, mx_clock_now(),
				  mx_clock_wall_ms(), full, octets,
				  MX_MESSAGE_MAX, ret) == MX_HIT;
}

/* To one who waits: what is there past its TTL. False: there is nothing. */
static bool give_stale(struct mx_lookups *l, struct mx_lookup *lookup)
{
	struct mx_found found;

	if (!find_stale(l, &lookup->question->key, lookup->full,
			l->stale_octets, &found))
		return false;

	struct mx_form form = found_form(&found, l->stale_octets);
	struct mx_lookup_result result = found_result(&found, &form);

	leave(l, lookup);
	mx_count(l->counters, stale_after_wait, 1);
	finish(l, lookup, &result);
	return true;
}

/* Keep that a question failed; for longer where a stale answer bridges it.
 * Until when. */
static mx_instant put_failure(struct mx_lookups *l, const struct mx_key *key,
			      uint16_t ede, const char *why, mx_instant now)
{
	uint32_t least_s = has_stale(l, key) ? STALE_RECHECK_S : 0;

	return now + 1000 * (mx_instant)mx_cache_put_failure_least(
				     l->cache, key, ede, why, least_s, now);
}

/* ---- questions ---- */

/* The zone a question is about decides where it goes, so that delegation,
 * keys and addresses are learnt once: two labels are the registered domain
 * for most, and any split is correct. */
static unsigned resolver_for(const struct mx_lookups *l,
			     const struct mx_key *key)
{
	const uint8_t *tail = mx_name_tail(key->qname, 2);
	uint64_t hash;

	if (l->resolver_count == 1)
		return 0;
	crypto_shorthash((uint8_t *)&hash, tail,
			 (size_t)(key->qname + key->qname_len - tail),
			 front_hash_key);
	return (unsigned)(hash % l->resolver_count);
}

static bool slot_take(struct mx_lookups *l, struct mx_question *question)
{
	if (l->slots_used == l->slot_count)
		return false;
	while (l->by_slot[l->next_slot])
		if (++l->next_slot == l->slot_count) {
			l->next_slot = 0;
			l->generation++;
		}
	question->id = l->generation << SLOT_BITS | l->next_slot;
	l->by_slot[l->next_slot] = question;
	l->slots_used++;
	return true;
}

static void slot_give(struct mx_lookups *l, struct mx_question *question)
{
	uint32_t slot = question->id & (SLOTS_MAX - 1);

	l->by_slot[slot] = NULL;
	l->slots_used--;
	/* Go on behind it, so that an id comes back only after a turn of the
	 * whole table, and then in another generation. */
	if (l->next_slot == slot && ++l->next_slot == l->slot_count) {
		l->next_slot = 0;
		l->generation++;
	}
}

static struct mx_question *question_by_id(const struct mx_lookups *l,
					  uint32_t id)
{
	uint32_t slot = id & (SLOTS_MAX - 1);

	if (slot >= l->slot_count || !l->by_slot[slot] ||
	    l->by_slot[slot]->id != id)
		return NULL;
	return l->by_slot[slot];
}

static unsigned hash_octets(const struct mx_key *key,
			    uint8_t room[MX_NAME_MAX + 4])
{
	struct mx_out out;

	mx_out_init(&out, room, MX_NAME_MAX + 4);
	mx_out_octets(&out, key->qname, key->qname_len);
	mx_out_u16(&out, key->qtype);
	mx_out_u16(&out, key->qclass);
	return (unsigned)mx_out_len(&out);
}

/* Take a question out of all tables; its lookups and memory are the
 * caller's. */
static void question_detach(struct mx_lookups *l, struct mx_question *question)
{
	HASH_DEL(l->by_key, question);
	slot_give(l, question);
	TAILQ_REMOVE(&l->by_age, question, by_age);
	upstream_forget(l->upstream[question->resolver], question);
	limits_question_end(l->limits);
	l->refreshing -= question->refresh;
}

/* Make room by forgetting the oldest question that nobody waits for. The
 * search is bounded: in a crowd of awaited questions it is given up. */
static bool forget_one(struct mx_lookups *l)
{
	struct mx_question *question;
	int looked = 0;

	TAILQ_FOREACH(question, &l->by_age, by_age) {
		if (TAILQ_EMPTY(&question->waiting)) {
			question_detach(l, question);
			free(question);
			return true;
		}
		if (++looked == 64)
			break;
	}
	return false;
}

/* A place for one more. One worker cannot forget another's questions, so each
 * may always have its share in flight: else those that one worker keeps, and
 * nobody waits for, would shut out the clients of the rest. */
static bool make_room(struct mx_lookups *l)
{
	if (limits_question(l->limits))
		return true;
	if (!forget_one(l) && l->slots_used >= limits_question_share(l->limits))
		return false;
	limits_question_past_total(l->limits);
	return true;
}

/* A question for a refresh takes no other's place. */
static struct mx_question *question_new(struct mx_lookups *l,
					const struct mx_key *key, bool refresh,
					mx_instant now)
{
	struct mx_question *question;
	unsigned len;

	if (refresh ? !limits_question(l->limits) : !make_room(l))
		return NULL;
	question = calloc(1, sizeof(*question));
	if (!question || !slot_take(l, question)) {
		free(question);
		limits_question_end(l->limits);
		return NULL;
	}
	TAILQ_INIT(&question->waiting);
	question->started = now;
	question->resolver = resolver_for(l, key);
	len = hash_octets(key, question->octets);
	question->key = *key;
	question->key.qname = question->octets;
	HASH_ADD_KEYPTR(hh, l->by_key, question->octets, len, question);
	if (!question->hh.tbl) { /* uthash had no memory */
		slot_give(l, question);
		limits_question_end(l->limits);
		free(question);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&l->by_age, question, by_age);
	question->refresh = refresh;
	l->refreshing += refresh;
	return question;
}

static struct mx_question *question_find(struct mx_lookups *l,
					 const struct mx_key *key)
{
	uint8_t octets[MX_NAME_MAX + 4];
	unsigned len = hash_octets(key, octets);
	struct mx_question *question;

	HASH_FIND(hh, l->by_key, octets, len, question);
	return question;
}

/* End a question: everyone who waits hears the result. It leaves the tables
 * first, so that a callback may ask the same again; and keeps its list until
 * the last has heard, so that a callback may cancel another lookup. */
static void question_end(struct mx_lookups *l, struct mx_question *question,
			 const struct mx_answer *answer,
			 struct mx_lookup_result *result)
{
	struct mx_lookup *lookup;

	question_detach(l, question);
	while ((lookup = TAILQ_FIRST(&question->waiting))) {
		if (!answer && give_stale(l, lookup))
			continue;
		leave(l, lookup);
		if (answer)
			result->form = lookup->full ? &answer->full
						    : &answer->plain;
		finish(l, lookup, result);
	}
	free(question);
}

static void question_fail(struct mx_lookups *l, struct mx_question *question,
			  uint16_t ede, const char *why)
{
	struct mx_lookup_result result = failed(MX_E_UPSTREAM, ede, why);

	mx_count(l->counters, upstream_failures, 1);
	put_failure(l, &question->key, ede, why, mx_clock_now());
	question_end(l, question, NULL, &result);
}

/* ---- answers ---- */

static void log_failure(const struct mx_question *question, const char *what,
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
		if (lookup->client != MX_LOOKUP_INTERNAL)
			return true;
	return false;
}

void lookups_answer(struct mx_lookups *l, unsigned resolver,
		    const struct mx_channel_answer *channel)
{
	struct mx_question *question = question_by_id(l, channel->id);
	char why[MX_WHY_MAX + 1];
	struct mx_answer answer;

	/* Forgotten meanwhile, or not this resolver's to answer. */
	if (!question || question->resolver != resolver)
		return;
	mx_count(l->counters, upstream_answers, 1);
	reason_text(channel, why);
	if (channel->status == MX_CHANNEL_REFUSED) {
		struct mx_lookup_result result = failed_for(MX_E_OVERLOAD);

		/* Not kept: it says nothing about the name. */
		mx_count(l->counters, upstream_failures, 1);
		question_end(l, question, NULL, &result);
		return;
	}
	if (channel->status != MX_CHANNEL_ANSWER) {
		log_failure(question, "no usable answer", why);
		question_fail(l, question, MX_EDE_NO_REACHABLE_AUTHORITY, why);
		return;
	}

	enum mx_error err = mx_ingest(channel->packet, channel->packet_len,
				      &question->key, channel->state,
				      &l->ttl_limits, l->room, &answer);
	if (err == MX_E_UPSTREAM) { /* a failure out of libunbound's cache */
		log_failure(question, "no usable answer", "still");
		question_fail(l, question, MX_EDE_NO_REACHABLE_AUTHORITY,
			      mx_error_text(err));
		return;
	}
	if (err != MX_OK) {
		mx_count(l->counters, upstream_rejected, 1);
		log_failure(question, "answer not used", mx_error_text(err));
		question_fail(l, question, MX_EDE_OTHER, mx_error_text(err));
		return;
	}
	if (answer.state == MX_BOGUS) {
		answer.ede = reason_ede(why);
		answer.why = why;
		log_failure(question, "validation failed", why);
	}
	answer.awaited = awaited(question);
	answer.may_stale = answer.may_stale &&
			   stale_allowed(l->stale, &question->key);
	/* Stored before the replies go out: a waiter's next query may be
	 * there before this loop turns again. */
	mx_cache_put(l->cache, &question->key, &answer, mx_clock_now());

	struct mx_lookup_result result = {
		.err = MX_OK, .kind = answer.kind, .state = answer.state,
		.rcode = answer.rcode, .ede = answer.ede, .why = answer.why,
	};
	question_end(l, question, &answer, &result);
}

void lookups_ask_again(struct mx_lookups *l, unsigned resolver)
{
	struct mx_question *question, *next;

	for (question = TAILQ_FIRST(&l->by_age); question; question = next) {
		next = TAILQ_NEXT(question, by_age);
		if (question->resolver != resolver || question->queued)
			continue;
		if (++question->deaths >= DEATHS_MAX) {
			log_failure(question, "given up",
				    "the resolver died over and over with it");
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

/* ---- time ---- */

static void arm(struct mx_lookups *l, mx_instant now)
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
	struct timeval tv = { .tv_sec = wait / 1000,
			      .tv_usec = wait % 1000 * 1000 };
	evtimer_add(l->timer, &tv);
}

static struct mx_lookup_result late_result(const struct mx_lookups *l,
					   const struct mx_question *question)
{
	return failed_for(upstream_there(l->upstream[question->resolver])
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
	log_failure(question, "no answer in time", "");
	question->failed_until = put_failure(l, &question->key, result.ede,
					     result.why, now);
}

/* A client has waited long enough. */
static void on_deadline(struct mx_lookups *l, struct mx_lookup *lookup,
			mx_instant now)
{
	struct mx_lookup_result result = late_result(l, lookup->question);

	remember_late(l, lookup->question, now);
	if (give_stale(l, lookup))
		return;
	leave(l, lookup);
	mx_count(l->counters, deadlines, 1);
	finish(l, lookup, &result);
}

/* A client has waited long enough if there is a stale answer; else it waits
 * on for its deadline. */
static void on_stale_at(struct mx_lookups *l, struct mx_lookup *lookup,
			mx_instant now)
{
	struct mx_question *question = lookup->question;

	stop_awaiting_stale(l, lookup);
	if (!has_stale(l, &question->key))
		return;
	remember_late(l, question, now);
	give_stale(l, lookup);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
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
	arm(l, now);
}

/* ---- lookups ---- */

static struct mx_lookup_result ready_result(const struct mx_lookup *lookup)
{
	const struct mx_ready *ready = lookup->ready;

	if (!ready)
		return failed_for(lookup->ready_err);
	return found_result(&ready->found, &ready->form);
}

/* Results that are there at once are delivered from the event loop: a caller
 * never sees its callback run inside mx_lookup(). What a callback adds waits
 * for the next turn. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
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
	lookup->ready->form = found_form(&lookup->ready->found,
					 lookup->ready->octets);
}

/* Not asked for want of room: still no reason to withhold a stale answer. */
static void turn_away(struct mx_lookups *l, const struct mx_key *key,
		      struct mx_lookup *lookup)
{
	struct mx_ready *ready = ready_new();

	if (ready && find_stale(l, key, lookup->full, ready->octets,
				&ready->found)) {
		keep_ready(lookup, ready);
		mx_count(l->counters, stale_after_wait, 1);
	} else {
		free(ready);
	}
	deliver_soon(l, lookup, MX_E_OVERLOAD);
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
		question = question_new(l, key, false, now);
	if (!question) {
		limits_wait_end(l->limits, client);
		turn_away(l, key, lookup);
		return MX_LOOKUP_TURNED_AWAY;
	}

	lookup->question = question;
	lookup->deadline = now + (mx_instant)l->config->query_deadline;
	lookup->waiting = true;
	l->waiting++;
	TAILQ_INSERT_TAIL(&question->waiting, lookup, by_question);
	TAILQ_INSERT_TAIL(&l->by_deadline, lookup, by_deadline);
	if (l->config->serve_stale) {
		lookup->stale_at = now + (mx_instant)l->config->stale_after;
		lookup->awaits_stale = true;
		TAILQ_INSERT_TAIL(&l->by_stale, lookup, by_stale);
	}
	if (way == MX_LOOKUP_ASKED)
		upstream_ask(l->upstream[question->resolver], question);
	if (TAILQ_FIRST(&l->by_deadline) == lookup ||
	    TAILQ_FIRST(&l->by_stale) == lookup)
		arm(l, now); /* else the timer runs for an earlier one */
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
	if (ready->found.kind == MX_ANSWER_FAILURE)
		find_stale(l, key, lookup->full, ready->octets, &ready->found);
	keep_ready(lookup, ready);
	if (lookup->ready->found.refresh)
		lookups_refresh(l, key, &lookup->ready->found, mx_clock_now());
	return true;
}

void mx_lookup(struct mx_lookups *l, const struct mx_key *key, bool full,
	       uint32_t client, struct mx_lookup *lookup, mx_lookup_done *done,
	       void *arg)
{
	prepare(lookup, full, client, done, arg);
	if (take_from_cache(l, key, lookup))
		deliver_soon(l, lookup, MX_OK);
	else
		mx_lookup_missed(l, key, full, client, lookup, done, arg);
}

void mx_lookup_cancel(struct mx_lookups *l, struct mx_lookup *lookup)
{
	if (!lookup->waiting)
		return;
	lookup->waiting = false;
	l->waiting--;
	if (lookup->question) {
		leave(l, lookup);
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

/* ---- asking again ---- */

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
	mx_count(l->counters, refreshes, 1);
	upstream_ask(l->upstream[question->resolver], question);
	if (TAILQ_FIRST(&l->by_age) == question)
		arm(l, now);
}

static void arm_refresh(struct mx_lookups *l, mx_instant now)
{
	mx_instant at = refreshes_next(l->refreshes);

	if (at == INT64_MAX)
		return;

	mx_instant least = l->refreshing < REFRESHING_MAX ? 0
							  : REFRESHING_FULL_MS;
	mx_instant wait = at - now > least ? at - now : least;
	struct timeval tv = { .tv_sec = wait / 1000,
			      .tv_usec = wait % 1000 * 1000 };
	evtimer_add(l->refresh_timer, &tv);
}

static void on_refresh(evutil_socket_t fd, short what, void *arg)
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
	arm_refresh(l, now);
}

void lookups_refresh(struct mx_lookups *l, const struct mx_key *key,
		     const struct mx_found *found, mx_instant now)
{
	mx_instant first = refreshes_next(l->refreshes);

	if (!refreshes_add(l->refreshes, key, found->expires, now,
			   mx_clock_wall_ms()))
		mx_count(l->counters, refreshes_dropped, 1);
	if (refreshes_next(l->refreshes) < first)
		arm_refresh(l, now);
}

/* ---- set up and tear down ---- */

void lookups_channel(struct mx_lookups *l, unsigned resolver, int fd)
{
	if (resolver < l->resolver_count)
		upstream_connect(l->upstream[resolver], fd);
	else
		mx_log(MX_LOG_ERROR, "pair to an unknown resolver %u", resolver);
}

struct mx_lookups *lookups_new(struct event_base *base,
			       const struct mx_config *config,
			       struct mx_cache *cache, struct mx_limits *limits,
			       struct mx_counters *counters)
{
	struct mx_lookups *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->base = base;
	l->config = config;
	l->cache = cache;
	l->limits = limits;
	l->counters = counters;
	TAILQ_INIT(&l->by_age);
	TAILQ_INIT(&l->by_deadline);
	TAILQ_INIT(&l->by_stale);
	TAILQ_INIT(&l->ready);
	l->resolver_count = mx_config_resolvers(config);
	l->slot_count = config->in_flight_max < SLOTS_MAX
				? (uint32_t)config->in_flight_max
				: SLOTS_MAX;
	l->ttl_limits = (struct mx_ingest_limits){
		.ttl_max_s = (uint32_t)config->ttl_max,
		.negative_ttl_max_s = (uint32_t)config->negative_ttl_max,
		.bogus_ttl_max_s = (uint32_t)config->bogus_ttl_max,
	};
	l->by_slot = calloc(l->slot_count, sizeof(*l->by_slot));
	l->upstream = calloc(l->resolver_count, sizeof(struct upstream *));
	l->room = mx_ingest_room_new();
	l->stale = stale_rules_new(config);
	l->refreshes = refreshes_new();
	l->refresh_timer = evtimer_new(base, on_refresh, l);
	l->timer = evtimer_new(base, on_timer, l);
	l->deliver = event_new(base, -1, 0, on_deliver, l);
	if (!l->by_slot || !l->upstream || !l->room || !l->stale || !l->timer ||
	    !l->deliver || !l->refreshes || !l->refresh_timer)
		goto fail;
	for (unsigned i = 0; i < l->resolver_count; i++)
		if (!(l->upstream[i] = upstream_new(l, base, i)))
			goto fail;
	return l;
fail:
	lookups_free(l);
	return NULL;
}

void lookups_free(struct mx_lookups *l)
{
	if (!l)
		return;
	struct mx_question *question;
	struct mx_lookup *lookup;

	while ((question = TAILQ_FIRST(&l->by_age))) {
		question_detach(l, question);
		free(question);
	}
	TAILQ_FOREACH(lookup, &l->ready, by_deadline) {
		free(lookup->ready);
		lookup->ready = NULL;
	}
	for (unsigned i = 0; l->upstream && i < l->resolver_count; i++)
		upstream_free(l->upstream[i]);
	if (l->timer)
		event_free(l->timer);
	if (l->deliver)
		event_free(l->deliver);
	mx_ingest_room_free(l->room);
	stale_rules_free(l->stale);
	if (l->refresh_timer)
		event_free(l->refresh_timer);
	refreshes_free(l->refreshes);
	free(l->upstream);
	free(l->by_slot);
	free(l);
}
