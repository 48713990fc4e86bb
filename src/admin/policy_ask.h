/* policy_ask.h - a route and the MTA-STS policy of its domain, asked side by
 * side: what a TLS policy is made of.
 *
 *   route_ask ---> route -----+--> both there ---> done
 *   sts_source --> policy ----+
 *
 * A fetch may take a minute, and a route in hand is large; so a route that is
 * there long before the policy is let go, and worked out again, from the cache,
 * once the policy is there.
 *
 * Owns     what it asks; of a caller's nothing.
 * Promise  the callback runs exactly once, never before policy_ask_start() has
 *          returned, and at the latest sts_patience and twice patience after.
 * Bounds   those of route_ask.h and of the source; some 2 KiB each, and 17 KiB
 *          more between the policy's coming and the route's.
 * Units    ms.
 * Threads  as route_ask.h.
 */
#ifndef POLICY_ASK_H
#define POLICY_ASK_H

#include "route_ask.h"
#include "sts_source.h"

struct policy_ask;
struct policy_ask_options {
	bool all; /* wait for the policy even where it changes nothing; and the
		     record is the route's too */
	mx_instant patience, sts_patience;
};

/* As route_ask_done(). sts: NULL if it was not asked: there is no source, the
 * destination is no domain, or nothing depends on it. */
typedef void policy_ask_done(void *arg, enum mx_error err,
			     const struct mx_route_result *result,
			     const struct mx_sts_answer *sts);

/* destination is copied; sts may be NULL: mta-sts is off. NULL: no memory. */
struct policy_ask *
policy_ask_start(struct route_asks *asks, const struct sts_source *sts,
		 const struct mx_route_destination *destination,
		 const struct policy_ask_options *options,
		 policy_ask_done *done, void *arg);
/* Forget one whose callback has not run; it will not run. */
void policy_ask_cancel(struct policy_ask *ask);

#endif
