/* sts.h - which MTA-STS policy holds for a domain now (RFC 8461).
 *
 *   ask --> TXT _mta-sts.D --+-- its id is that of the policy in the store,
 *            (lookups)       |   or there is no record -----------------> done
 *                            |
 *                            +-- another id, or no policy:
 *                                A, AAAA of mta-sts.D --> fetch --> store --> done
 *                                 (lookups)             (fetches.h)
 *
 * Precedence  A policy in the store that has not run out holds whatever fails
 *          (section 3.3 and 5.1): the record, its lookup, the policy host's
 *          addresses, the fetch, or what was fetched. Only a valid policy takes
 *          its place. Without one, a failure is as if there were no policy.
 * New id   The record is asked for each time, as often as its TTL has it asked
 *          again, so that a new id is seen before mail is turned away for
 *          what the old policy says (section 5.1). Who has a policy waits
 *          STS_REFETCH_WAIT_MS for the new one, which goes on without him.
 * Dying    A fetch that a fetcher died with is begun once more with the next.
 * Joining  Of a domain one thing is done at a time, for all who ask.
 * Failure  is remembered: five minutes until that id is fetched again (section
 *          3.3), twice as long each time, an hour at most; if it was not its
 *          fault, STS_SOON_MS, up to STS_SOON_MOST_MS.
 * Refresh  A policy that was asked for since it was fetched is fetched again
 *          once a day, and after half of its max_age, whichever is sooner: one
 *          in STS_LOOK_MS, and STS_REFRESHES_MAX at a time.
 * Bounds   STS_DOMAINS_MAX domains at a time; past that, and where no fetch
 *          becomes free in STS_ROOM_WAIT_MS, it is what is in the store or
 *          nothing. How many may ask is for the callers to bound.
 * Owns     store, file and fetches; of callers nothing.
 * Threads  sts_new() and sts_free() while the loop does not run, all else in
 *          it. These are of the shape of worker_service and sts_source.
 */
#ifndef POLICY_STS_H
#define POLICY_STS_H

#include "../admin/sts_source.h"
#include "../front/front.h"
#include "sts_store.h"

#define STS_DOMAINS_MAX 512u
/* Record 4.5 s, addresses as long, room, and the fetch. Postfix waits 100 s for
 * this and the route. */
#define STS_WAIT_MS 75000
#define STS_REFETCH_WAIT_MS 3000
/* Longer than it takes until what goes on makes way (MX_FETCH_OLD_MS). */
#define STS_ROOM_WAIT_MS 10000
#define STS_ROOM_LOOK_MS 500

#define STS_RETRY_FIRST_MS 300000 /* RFC 8461 section 3.3 */
#define STS_RETRY_MOST_MS 3600000
#define STS_RETRY_ADDRESS_MS 60000
#define STS_SOON_MS 5000 /* also between fetches for ids that change */
#define STS_SOON_MOST_MS 60000
#define STS_FORGET_MS 86400000 /* then failures are counted anew */

#define STS_LOOK_MS 1000
#define STS_LOOK_ENTRIES 256u
#define STS_REFRESHES_MAX 8u
#define STS_REFRESH_MS 86400000
#define STS_REFRESH_LEAST_MS 60000
#define STS_REFRESH_AGAIN_MS 3600000 /* there was no record to go by */

#define STS_SAVE_SOON_MS 1000
#define STS_SAVE_AGAIN_MS 5000

struct sts;
/* config has to outlive it. The file is read now. NULL: no memory. */
struct sts *sts_new(struct event_base *base, struct mx_lookups *lookups,
		    const struct mx_config *config,
		    struct mx_counters *counters);
/* The loop is over, and so is the program soon: the file is written, with beat
 * called often meanwhile. */
void sts_finish(struct sts *sts, void (*beat)(void)); /* NULL is fine */
/* Callbacks of what is still asked are not run. The file is written. */
void sts_free(struct sts *sts); /* NULL is fine */

struct sts_source sts_source(struct sts *sts);

/* A pair to a fetcher, in place of the one before. fd is ours from now on. */
void sts_connect(void *sts, int fd);
/* Another front has the file from now on: it is written once more. What is asked
 * is answered, nothing is refreshed. */
void sts_stop(void *sts);
size_t sts_open(const void *sts);

#endif
