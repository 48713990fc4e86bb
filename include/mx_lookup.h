/* mx_lookup.h - the one way to an answer: cache, else join what is in flight,
 * else ask a resolver.
 *
 * Threads  a struct mx_lookups belongs to one worker and is used only from
 *          that worker's event loop. The cache behind it is shared.
 * Promise  the callback of a lookup runs exactly once, never before
 *          mx_lookup() has returned, and at the latest query-deadline after
 *          it, whatever happens upstream. The question itself stays in flight
 *          up to question-lifetime, so that a late answer fills the cache.
 *          Special names (RFC 6761) are answered here and never asked.
 * Bounds   in-flight-max questions and as many waiting lookups, over all
 *          workers; in-flight-client-max for one client. Past a bound the
 *          result is MX_E_OVERLOAD. Before a new question is turned away, the
 *          oldest of this worker that nobody waits for is forgotten; and its
 *          share of the questions a worker may have whatever others have.
 *
 * Where there would be no answer, or none after stale-after, a stale one is
 * given if there is one that may be.
 *
 * After an MX answer that a client waited for, what its mail server asks next
 * is asked in the background, as far as mail-prefetch says.
 *
 * RFC 9520 (failures are cached, with back-off) and RFC 5452 section 9.1
 * (only an answer to the question asked is used) are kept here.
 */
#ifndef MX_LOOKUP_H
#define MX_LOOKUP_H

#include <sys/queue.h>

#include "mx_answer.h"
#include "mx_clock.h"
#include "mx_error.h"

struct mx_lookups;

struct mx_lookup_result {
	/* MX_OK: kind, state, rcode and form are the answer, bogus or not; the
	 * caller must not give bogus data away for CD=0.
	 * MX_E_UPSTREAM, MX_E_DEADLINE, MX_E_OVERLOAD, MX_E_NOT_READY,
	 * MX_E_NO_MEMORY: there is none; all of them are SERVFAIL. */
	enum mx_error err;
	enum mx_answer_kind kind;
	enum mx_validation state;
	uint8_t rcode;
	bool from_cache; /* or a special name's: it was there at once */
	mx_instant expires; /* when the answer runs out, of MX_OK; by then if
			       its TTL is 0 */
	bool stale; /* past its TTL, in place of an error: RFC 8767 */
	uint16_t ede;	 /* or MX_EDE_NONE */
	const char *why; /* "" for none */
	/* Borrowed until the callback returns; to be written with
	 * mx_form_write(form, 0, 0, ...). */
	const struct mx_form *form;
};

typedef void mx_lookup_done(void *arg, const struct mx_lookup_result *result);

/* A waiting lookup. The caller provides the memory, which must live until the
 * callback has run or mx_lookup_cancel() was called; all members are private. */
struct mx_question;
struct event;
struct mx_lookup {
	TAILQ_ENTRY(mx_lookup) by_question, by_deadline, by_stale;
	struct mx_question *question; /* NULL: result is ready to deliver */
	mx_instant deadline, stale_at;
	mx_lookup_done *done;
	void *arg;
	uint32_t client; /* slot of its client in the limits */
	bool full, waiting, awaits_stale;
	enum mx_error ready_err;
	struct mx_ready *ready; /* copy of a cached answer */
};

/* Look key up. full: the form with DNSSEC records is wanted. client: a number
 * from limits_client(), or MX_LOOKUP_INTERNAL for our own questions, which
 * count only in the total, or MX_LOOKUP_BACKGROUND for those that nobody is
 * in need of now:
 *   - it takes no client's place, neither among those that wait nor among the
 *     questions; and if a client needs its question's place, it hears
 *     MX_E_OVERLOAD. How many there are is for the caller to bound;
 *   - nobody's patience ends: there is no deadline before question-lifetime,
 *     and no stale answer in place of a failure.
 * Returns how it waits, for the counters. */
#define MX_LOOKUP_INTERNAL UINT32_MAX
#define MX_LOOKUP_BACKGROUND (UINT32_MAX - 1)
enum mx_lookup_way {
	MX_LOOKUP_READY, /* for the callback: found, or a special name */
	MX_LOOKUP_JOINED,
	MX_LOOKUP_ASKED,
	MX_LOOKUP_TURNED_AWAY,
};
enum mx_lookup_way mx_lookup(struct mx_lookups *lookups,
			     const struct mx_key *key, bool full,
			     uint32_t client, struct mx_lookup *lookup,
			     mx_lookup_done *done, void *arg);

/* The same for a caller that has just missed in the cache itself, and knows
 * that the name is not special: neither is looked at again. */
enum mx_lookup_way mx_lookup_missed(struct mx_lookups *lookups,
				    const struct mx_key *key, bool full,
				    uint32_t client, struct mx_lookup *lookup,
				    mx_lookup_done *done, void *arg);

/* Forget a lookup whose callback has not run; it will not run. */
void mx_lookup_cancel(struct mx_lookups *lookups, struct mx_lookup *lookup);

/* Tell the resolvers that may know of key (below: or of names under it) to
 * forget all that they know; libunbound cannot forget a single name. done runs
 * once, never before this has returned, and after `patience` at the latest:
 * with how many have forgotten, and how many have not. A resolver that is gone
 * meanwhile has forgotten. False: no memory. f is the caller's, and must live
 * until done has run or it was cancelled. */
typedef void mx_forget_done(void *arg, unsigned forgotten, unsigned left);
struct mx_forget {
	TAILQ_ENTRY(mx_forget) link;
	struct mx_lookups *lookups;
	struct event *timer; /* NULL: it is over */
	uint32_t id, waits;  /* waits: a bit for each resolver */
	unsigned asked;
	mx_forget_done *done;
	void *arg;
};
bool mx_forget_begin(struct mx_lookups *lookups, const struct mx_key *key,
		    bool below, mx_instant patience, struct mx_forget *f,
		    mx_forget_done *done, void *arg);
void mx_forget_cancel(struct mx_forget *f);

#endif
