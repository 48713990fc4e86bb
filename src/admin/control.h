/* control.h - serves the control socket (mx_control.h, docs/control.md).
 *
 * Owns     its listening descriptors and connections; a connection that goes
 *          takes with it what it has asked.
 * Bounds   CONTROL_CONNECTIONS_MAX connections; past it the one idle longest
 *          goes, and if none is idle the new one hears so and is closed. A
 *          line and what is in flight: mx_control.h. A connection whose
 *          replies are not taken is read no further, and closed after
 *          CONTROL_WRITE_MS without progress. One that asks nothing for
 *          CONTROL_IDLE_MS is closed. What is asked for: command.h.
 * Threads  control_new() and control_free() while the loop does not run, all
 *          else in it. These are of the shape of worker_service.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <event2/event.h>
#include <stddef.h>

#include "command.h"

#define CONTROL_CONNECTIONS_MAX 64u
#define CONTROL_IDLE_MS 60000
#define CONTROL_WRITE_MS 10000

struct control;
/* commands belongs to the caller, and outlives it. */
struct control *control_new(struct event_base *base, struct commands *commands);
void control_free(struct control *control); /* NULL is fine */

void control_listen(void *control, int fd);
/* Accept nothing new, finish what is in hand, close. */
void control_stop(void *control);
size_t control_open(const void *control); /* connections */

#endif
