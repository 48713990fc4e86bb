/* fetches.h - the front's end of the pair to mxbound-fetcher, which fetches
 * MTA-STS policies over HTTPS (RFC 8461 section 3.3).
 *
 *   sts.c --> fetches.c --> SOCK_SEQPACKET pair --> mxbound-fetcher --> HTTPS
 *
 * The fetcher is not trusted: what is no message of mx_fetch.h ends all that is
 * in flight as FETCHER_GONE, since nobody knows what it was to be; an answer to
 * what is not in flight (any more) is dropped. What the text says is the
 * caller's to judge.
 *
 * Owns     its descriptor; of callers nothing: what it is given is copied.
 * Promise  a callback runs exactly once, never before fetch_start() has
 *          returned, and within the timeout and little more, whatever the
 *          fetcher does. When the fetcher dies, or another takes its place,
 *          all in flight end as FETCHER_GONE. Callbacks may start and cancel
 *          fetches, but not free the whole.
 * Bounds   FETCHES_MAX at a time, cancelled ones included until the fetcher is
 *          done with them, and as many again whose end, which makes way for
 *          others (MX_FETCH_OLD_MS), is still to be heard; of addresses
 *          MX_FETCH_ADDRESSES_MAX are used.
 * Threads  all of it in the loop of the thread that answers policies;
 *          fetches_new() and fetches_free() while the loop does not run.
 */
#ifndef POLICY_FETCHES_H
#define POLICY_FETCHES_H

#include <event2/event.h>
#include <sys/socket.h>

#include "mx_fetch.h"
#include "mx_wire.h"

#define FETCHES_MAX 64u
#define FETCH_MS 60000 /* RFC 8461 section 3.3 */

struct fetches;
struct fetches *fetches_new(struct event_base *base);
void fetches_free(struct fetches *fetches); /* NULL is fine; callbacks of what
					       is in flight are not run */
/* A pair to a fetcher, in place of the one before. fd is ours from now on. */
void fetches_connect(struct fetches *fetches, int fd);
/* How long a fetch may take, by default FETCH_MS: what the fetcher was told. */
void fetches_set_timeout(struct fetches *fetches, uint64_t timeout_ms);
/* For one more; time alone may make it (MX_FETCH_OLD_MS). */
bool fetches_room(const struct fetches *fetches);

struct fetch;
/* answer is borrowed until the callback returns. */
typedef void fetch_done(void *arg, const struct mx_fetch_answer *answer);
/* Fetch https://mta-sts.DOMAIN/.well-known/mta-sts.txt from one of these
 * addresses (ports are not looked at), which are those of mta-sts.DOMAIN, in
 * that order. NULL: no memory, no room, no fetcher, or a domain that no
 * certificate can name (mx_fetch_domain_is()). */
struct fetch *fetch_start(struct fetches *fetches, const struct mx_name *domain,
			  const struct sockaddr_storage *addresses,
			  unsigned count, fetch_done *done, void *arg);
/* Forget one whose callback has not run; it will not run. */
void fetch_cancel(struct fetch *fetch);

#endif
