/* sts_store.h - the MTA-STS policies that are remembered, and which domains'
 * policies could not be had, by domain.
 *
 * A policy holds until its max_age has passed since it was fetched, whatever
 * fails meanwhile (RFC 8461 section 3.3). That is told by the wall clock, as it
 * must be across restarts; a clock that was set back prolongs nothing beyond
 * max_age from when the policy came into this store.
 *
 * Room     STS_POLICIES_MAX policies and STS_OCTETS_MAX octets of them; and
 *          STS_FAILURES_MAX domains that have none, of which a failure is
 *          remembered. Policies asked for once only are a tenth at most when
 *          it gets tight, and go first, the one longest unused before others:
 *          whoever has us look at ten thousand domains of his does not push
 *          out those that mail goes to all the time.
 * Owns     its entries; one is there until the next call that is given a
 *          store which is not const.
 * Units    mx_instant: ms. wall_ms: ms since 1970.
 * Threads  one.
 */
#ifndef POLICY_STS_STORE_H
#define POLICY_STS_STORE_H

#include "../front/front.h"
#include "mx_route.h"

#define STS_POLICIES_MAX 10000u
#define STS_OCTETS_MAX (16u << 20)
#define STS_FAILURES_MAX 10000u
/* A policy asked for again after this has been asked for twice; before, it may
 * be the same mail. */
#define STS_AGAIN_MS 60000
/* max_age below this counts as this much: it must outlive the mail that it was
 * fetched for, and not be fetched for each. */
#define STS_LEAST_S 5u
/* The longest that a policy takes as text; of names in it none is quoted. */
#define STS_TEXT_MAX (MX_ROUTE_PATTERNS_MAX * (MX_NAME_MAX + 8u) + 128u)

/* The same moment by both clocks. */
struct sts_time {
	mx_instant now;
	int64_t wall_ms;
};
struct sts_time sts_time_now(void);

struct sts_failure {
	unsigned failure; /* mx_sts.h; 0: there is none */
	char *detail; /* NULL: none */
	int64_t wall_ms;
	mx_instant at, retry_at; /* when a fetch may be tried again */
	unsigned count; /* in a row */
	char id[MX_ROUTE_STS_ID_MAX + 1]; /* that it was fetched for */
};

struct sts_policy {
	char id[MX_ROUTE_STS_ID_MAX + 1];
	int64_t fetched_ms, expires_ms; /* wall clock */
	mx_instant put, ends;
	mx_instant refresh_at; /* not before this */
	bool kept; /* asked for more than once */
	bool used; /* asked for since it was put */
	enum mx_route_sts_mode mode;
	uint16_t text_len;
	char text[]; /* as a policy is published, without what nobody reads */
};

struct sts_entry {
	struct mx_name domain; /* lower case; hash key */
	struct sts_policy *policy; /* NULL: none */
	struct sts_failure failure;
	TAILQ_ENTRY(sts_entry) link; /* of those of its kind, longest unused
					first */
	UT_hash_handle hh;
};

struct sts_store;
struct sts_store *sts_store_new(void);
void sts_store_free(struct sts_store *store); /* NULL is fine */

/* The entry of a domain, or NULL. A policy that holds no longer is dropped
 * before. */
struct sts_entry *sts_store_find(struct sts_store *store,
				 const struct mx_name *domain,
				 struct sts_time time);
/* Its policy was asked for. */
void sts_store_use(struct sts_store *store, struct sts_entry *entry,
		   struct sts_time time);
/* It was asked for more than once, in another life. */
void sts_store_keep(struct sts_store *store, struct sts_entry *entry);
bool sts_policy_holds(const struct sts_policy *policy, struct sts_time time);
/* The policy itself; false never, of one that was put. */
bool sts_policy_read(const struct sts_policy *policy,
		     struct mx_route_policy *ret);

/* A policy, fetched at that time, in place of what was known of the domain; a
 * failure is forgotten. NULL: no memory, or it holds no longer; what was known
 * is as it was. */
struct sts_entry *sts_store_put(struct sts_store *store,
				const struct mx_name *domain, const char *id,
				const struct mx_route_policy *policy,
				int64_t fetched_ms, struct sts_time time);
/* A fetch failed; copied, with its detail. NULL: no memory, and it is not
 * remembered. */
struct sts_entry *sts_store_fail(struct sts_store *store,
				 const struct mx_name *domain,
				 const struct sts_failure *failure);

/* All entries in turn, for ever; NULL: there is none. One a call. */
struct sts_entry *sts_store_next(struct sts_store *store);
/* Those with policies, longest unused first, those asked for once before the
 * others; NULL: the first, of the last there is none. */
const struct sts_entry *sts_store_after(const struct sts_store *store,
					const struct sts_entry *entry);
size_t sts_store_policies(const struct sts_store *store);
size_t sts_store_octets(const struct sts_store *store);
size_t sts_store_failures(const struct sts_store *store);
/* Grows with each policy that is put or dropped. */
uint64_t sts_store_changes(const struct sts_store *store);

#endif
