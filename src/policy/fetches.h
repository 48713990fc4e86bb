/* fetches.h - the front's end of the pair to mxbound-fetcher, which fetches
 * MTA-STS policies over HTTPS (RFC 8461 section 3.3).
 *
 *   sts.c --> fetches.c --> SOCK_SEQPACKET pair --> mxbound-fetcher --> HTTPS
 *
 * The fetcher is not trusted: an answer is to a fetch in flight, its result is
 * one of the table's, its text no longer than MX_FETCH_TEXT_MAX, or it counts
 * as FETCHER_GONE. What the text says is the caller's to judge.
 *
 * Owns     its descriptor; of callers nothing: what it is given is copied.
 * Promise  a callback runs exactly once, never before fetch_start() has
 *          returned, and within FETCH_MS and little more, whatever the fetcher
 *          does. When the fetcher dies all in flight end as FETCHER_GONE.
 * Bounds   FETCHES_MAX at a time; MX_FETCH_ADDRESSES_MAX addresses each.
 * Threads  all of it in the loop of the thread that answers policies.
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
bool fetches_room(const struct fetches *fetches);

struct fetch;
/* answer is borrowed until the callback returns. */
typedef void fetch_done(void *arg, const struct mx_fetch_answer *answer);
/* Fetch https://mta-sts.DOMAIN/.well-known/mta-sts.txt from one of these
 * addresses (ports are not looked at), which are those of mta-sts.DOMAIN, in
 * that order. NULL: no memory, no room, or no fetcher. */
struct fetch *fetch_start(struct fetches *fetches, const struct mx_name *domain,
			  const struct sockaddr_storage *addresses,
			  unsigned count, fetch_done *done, void *arg);
/* Forget one whose callback has not run; it will not run. */
void fetch_cancel(struct fetch *fetch);

#endif
