/* control.h - serves the control socket (mx_control.h, docs/control.md).
 *
 * Owns     its listening descriptors and connections; a connection that goes
 *          takes with it what it has asked.
 * Bounds   CONTROL_CONNECTIONS_MAX connections; past it the one idle longest
 *          goes, and if none is idle the new one hears so and is closed. A
 *          line and what is in flight: mx_control.h. A connection whose
 *          replies are not taken is read no further, and closed after
 *          CONTROL_WRITE_MS without progress. One that asks nothing for
 *          CONTROL_IDLE_MS is closed. A route has CONTROL_ROUTE_MS; where its
 *          MTA-STS policy has to be fetched, CONTROL_STS_MS before that.
 * Threads  control_new() and control_free() while the loop does not run, all
 *          else in it. These are of the shape of worker_service.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <event2/event.h>
#include <stddef.h>

#include "policy_ask.h"

#define CONTROL_CONNECTIONS_MAX 64u
#define CONTROL_IDLE_MS 60000
#define CONTROL_WRITE_MS 10000
#define CONTROL_ROUTE_MS 30000
#define CONTROL_STS_MS 10000

struct control;
/* asks and sts belong to the caller, and outlive it. sts may be NULL: mta-sts is
 * off. */
struct control *control_new(struct event_base *base, struct route_asks *asks,
			    const struct sts_source *sts);
void control_free(struct control *control); /* NULL is fine */

void control_listen(void *control, int fd);
/* Accept nothing new, finish what is in hand, close. */
void control_stop(void *control);
size_t control_open(const void *control); /* connections */

#endif
