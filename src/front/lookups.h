/* lookups.h - what the files that make up a worker's lookups share.
 *
 *   lookup.c    who waits for what: mx_lookup()
 *   deadline.c  how long
 *   question.c  the table of questions in flight
 *   answer.c    how a question ends
 *   result.c    what those who waited hear
 *   again.c     what is asked again
 *   forget.c    what resolvers are to forget
 *   ahead.c     what is asked before a mail server asks for it
 *   lookups.c   set up and tear down
 *
 * A function that runs callbacks says so: a callback may look up and cancel
 * whatever it likes, so lists are begun anew after it. */
#ifndef LOOKUPS_H
#define LOOKUPS_H

#include "front.h"
#include "troubles.h"

/* A question in flight. In question.c's tables; `sending` is upstream.c's. */
struct mx_question {
	uint32_t id; /* slot and generation, see question.c */
	unsigned resolver;
	unsigned deaths; /* resolvers that died while they had it */
	mx_instant started, failed_until;
	TAILQ_ENTRY(mx_question) by_age, sending;
	bool refresh;	  /* asked again by again.c */
	bool ahead;	  /* asked by ahead.c */
	bool ahead_waits; /* one lookup of ahead.c, never two, waits */
	bool background;  /* no client has ever waited for it */
	bool queued, queued_late; /* in upstream's lists of what is to be sent */
	TAILQ_HEAD(, mx_lookup) waiting;
	struct mx_key key;		 /* points to octets */
	uint8_t octets[KEY_OCTETS_MAX]; /* qname, qtype, qclass: hash key */
	UT_hash_handle hh;
};

struct mx_lookups {
	struct event_base *base;
	const struct mx_config *config;
	struct mx_cache *cache;
	struct mx_limits *limits;
	const struct mx_local *local;
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
	struct ahead *ahead; /* NULL: nothing is asked ahead */
	struct stale_rules *stale;
	struct troubles *troubles;
	TAILQ_HEAD(, mx_forget) forgets;
	uint8_t stale_octets[MX_MESSAGE_MAX]; /* of the answer being given */
};

/* ---- lookup.c ---- */

/* Out of the lists of those that wait for a question. */
void lookup_leave(struct mx_lookups *l, struct mx_lookup *lookup);
/* It waits on, but not for a stale answer. */
void lookup_stop_awaiting_stale(struct mx_lookups *l, struct mx_lookup *lookup);
/* It has left: the callback runs. */
void lookup_finish(struct mx_lookups *l, struct mx_lookup *lookup,
		   const struct mx_lookup_result *result);
/* To one who waits: what is there past its TTL; the callback runs. False:
 * there is nothing. */
bool lookup_give_stale(struct mx_lookups *l, struct mx_lookup *lookup);
/* In the background, and its question is being forgotten: it hears so soon. */
void lookup_put_off(struct mx_lookups *l, struct mx_lookup *lookup);
/* Event: callbacks of all that is ready run. */
void lookups_deliver(evutil_socket_t fd, short what, void *arg);

/* ---- deadline.c ---- */

/* The timer runs for whatever is due first. */
void deadlines_arm(struct mx_lookups *l, mx_instant now);
/* Event: callbacks of all that is due run. */
void deadlines_due(evutil_socket_t fd, short what, void *arg);

/* ---- question.c ---- */

#define SLOT_BITS 20u
#define SLOTS_MAX (1u << SLOT_BITS)

struct mx_question *question_find(struct mx_lookups *l,
				  const struct mx_key *key);
/* The one with this id, or NULL: it was forgotten. */
struct mx_question *question_by_id(const struct mx_lookups *l, uint32_t id);
/* The resolver in charge of it. */
unsigned question_resolver(const struct mx_lookups *l,
			   const struct mx_key *key);
/* Not sent yet. NULL: there is no room. One in the background takes no other's
 * place. */
struct mx_question *question_new(struct mx_lookups *l,
				 const struct mx_key *key, bool background,
				 mx_instant now);
/* Whoever waits hears MX_E_OVERLOAD, later. */
void question_forget(struct mx_lookups *l, struct mx_question *question);
/* Take a question out of all tables; its lookups and memory are the
 * caller's. */
void question_detach(struct mx_lookups *l, struct mx_question *question);

/* ---- answer.c ---- */

/* From upstream.c: callbacks run. */
void lookups_answer(struct mx_lookups *lookups, unsigned resolver,
		    const struct mx_channel_answer *answer);
/* It is freed; everyone who waits hears the result, or that resolution failed,
 * which is kept: callbacks run. */
void question_end(struct mx_lookups *l, struct mx_question *question,
		  const struct mx_answer *answer,
		  struct mx_lookup_result *result);
void question_fail(struct mx_lookups *l, struct mx_question *question,
		   uint16_t ede, const char *why);
/* Keep that a question failed; for longer where a stale answer bridges it.
 * Until when. */
mx_instant failure_put(struct mx_lookups *l, const struct mx_key *key,
		       uint16_t ede, const char *why, mx_instant now);
void failure_log(const struct mx_question *question, const char *what,
		 const char *why);

/* ---- result.c ---- */

struct mx_lookup_result result_failed(enum mx_error err, uint16_t ede,
				      const char *why);
/* In words that go with the error. */
struct mx_lookup_result result_failed_for(enum mx_error err);
/* What the cache has; found and form are borrowed. */
struct mx_lookup_result result_found(const struct mx_found *found,
				     const struct mx_form *form);
/* The form copied to octets. */
struct mx_form form_found(const struct mx_found *found, const uint8_t *octets);
/* Is there a stale answer? Nothing is copied. */
bool stale_there(struct mx_lookups *l, const struct mx_key *key);
/* And with its octets, which has room for MX_MESSAGE_MAX. */
bool stale_find(struct mx_lookups *l, const struct mx_key *key, bool full,
		uint8_t *octets, struct mx_found *ret);

/* ---- again.c ---- */

/* A new resolver comes: ask again what its predecessor was sent. */
void lookups_ask_again(struct mx_lookups *lookups, unsigned resolver);
/* Event: what has run out is asked again, so many at a time. */
void lookups_refresh_due(evutil_socket_t fd, short what, void *arg);
void lookups_refresh_arm(struct mx_lookups *l, mx_instant now);

/* ---- forget.c ---- */

/* It says that it has forgotten, as it was asked to under this id. */
void forget_heard(struct mx_lookups *l, unsigned resolver, uint32_t id);
/* Another one is there. */
void forget_resolver_came(struct mx_lookups *l, unsigned resolver);

/* ---- ahead.c ---- */

/* Questions that a worker has in flight because it asked ahead. One that is
 * slow is forgotten when its place is needed, so that dead name servers do not
 * keep those of others from being asked ahead. */
#define AHEAD_MAX 256u
#define AHEAD_SLOW_MS 2000

struct ahead *ahead_new(struct mx_lookups *l);
void ahead_free(struct ahead *ahead);
/* A client has its answer, to key: ask what its mail server will ask next. The
 * form is borrowed. */
void ahead_follow(struct ahead *ahead, const struct mx_key *key,
		  enum mx_answer_kind kind, enum mx_validation state,
		  const struct mx_form *form);

/* ---- upstream.c: the front's end of the pair to one resolver ---- */

struct upstream;
struct upstream *upstream_new(struct mx_lookups *owner,
			      struct event_base *base, unsigned resolver);
void upstream_free(struct upstream *up);
/* Take a new descriptor in place of the old one, whose last answers are read
 * first. */
void upstream_connect(struct upstream *up, int fd);
/* Now and then: what there was no memory for is tried again. */
void upstream_beat(struct upstream *up);
/* Whether there is a resolver, as far as is known. */
bool upstream_there(const struct upstream *up);
/* How many there have been. */
unsigned upstream_times(const struct upstream *up);
/* Whether it takes no more for now, or is not there. */
bool upstream_full(const struct upstream *up);
/* Send, or queue until the socket takes it or a new one comes: those of
 * clients before those in the background. Runs no callback of a lookup. */
void upstream_ask(struct upstream *up, struct mx_question *question);
/* It is asked once to forget what it knows; lost if it takes nothing now. */
void upstream_ask_to_forget(struct upstream *up, uint32_t id);
/* A client waits for it now: if it is queued it goes with those of clients. */
void upstream_hurry(struct upstream *up, struct mx_question *question);
/* The question ends: it is not sent if it still waits for that. */
void upstream_forget(struct upstream *up, struct mx_question *question);

#endif
