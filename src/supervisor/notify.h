/* notify.h - what an init system hears, by the protocol of sd_notify(3).
 *
 * A datagram a message, to the Unix socket that NOTIFY_SOCKET names; nothing
 * happens where it is not set. libsystemd could do it, and would bring seven
 * libraries into the one process that is root: the protocol is stable and
 * small, and its manual page says to speak it directly.
 *
 * Units    microseconds in WATCHDOG_USEC, mx_instant elsewhere
 * Errors   none: the service goes on whoever listens. A socket that is full
 *          loses the message; the watchdog's comes again in time
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>

#include "mx_clock.h"

struct notify {
	int fd;			 /* -1: nobody listens */
	mx_instant watchdog;	 /* between two signs of life, 0: none wanted */
	mx_instant next_watchdog;
};

/* From the environment, which stays: the next program image reads it again. */
void notify_init(struct notify *ret);
void notify_clear(struct notify *n);

/* All children work, at the first start or after a reload. */
void notify_ready(struct notify *n);
/* A new version or configuration is being put in place; ends by ready. */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/* From the loop, each round: says so twice in the time allowed. */
void notify_alive(struct notify *n, mx_instant now);

#endif
