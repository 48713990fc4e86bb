/* route_ask.h - routes, worked out by asking: the engine of mx_route.h on one
 * side, a worker's lookups on the other.
 *
 * Owns     the routes and lookups that it began; of a caller's nothing.
 * Promise  the callback of a route runs exactly once, never before
 *          route_ask_start() has returned, and soon after its deadline at
 *          the latest, with what is known by then.
 * Bounds   ROUTE_ASKS_MAX routes at a time, some 100 KiB each, and a quarter of
 *          in-flight-max questions, at most ROUTE_QUESTIONS_MAX: clients
 *          find room whatever is asked here. Routes past that wait in order of
 *          arrival; how many may wait is for the callers to bound.
 * Units    ms of mx_clock_now().
 * Threads  all of it in the loop of the worker that the lookups are of.
 */
#ifndef ROUTE_ASK_H
#define ROUTE_ASK_H

#include <event2/event.h>

#include "mx_config.h"
#include "mx_lookup.h"
#include "mx_route.h"

#define ROUTE_ASKS_MAX 128u
#define ROUTE_QUESTIONS_MAX 512u

struct route_asks;
struct route_asks *route_asks_new(struct event_base *base,
				  struct mx_lookups *lookups,
				  const struct mx_config *config);
/* Callbacks of what is still asked are not run. NULL is fine. */
void route_asks_free(struct route_asks *asks);

struct route_ask;
struct route_ask_options {
	bool want_sts;	     /* the MTA-STS record too */
	bool ask_early;	     /* see mx_route_options */
	mx_instant patience; /* from now until the deadline */
	/* Where by the end of the route the domain's MTA-STS policy is, or
	 * NULL; borrowed until then. NULL: nobody knows. */
	struct mx_route_policy *const *policy;
};

/* MX_OK: result, borrowed until the callback returns. MX_E_OVERLOAD: it did not
 * get its turn in time, MX_E_NO_MEMORY: result is NULL. */
typedef void route_ask_done(void *arg, enum mx_error err,
			    const struct mx_route_result *result);

/* Work out the route to a destination, which is copied. NULL: no memory. It is
 * gone once the callback has run. */
struct route_ask *route_ask_start(struct route_asks *asks,
				  const struct mx_route_destination *destination,
				  const struct route_ask_options *options,
				  route_ask_done *done, void *arg);
/* Forget one whose callback has not run; it will not run. What was asked stays
 * in flight and fills the cache. */
void route_ask_cancel(struct route_ask *ask);

#endif
