/* mx_handover.h - what the supervisor and its children say to each other.
 *
 * One SOCK_SEQPACKET pair per child, which the child finds as descriptor
 * MX_HANDOVER_FD. A message is one datagram of fixed size, with at most one
 * descriptor. Single-threaded on both sides.
 *
 * A child sends HEARTBEAT every MX_HEARTBEAT_MS while it makes progress and
 * READY once when it can work. End of file on the descriptor means that the
 * other side is gone; a child then exits.
 */
#ifndef MX_HANDOVER_H
#define MX_HANDOVER_H

#include <stdint.h>

#include "mx_error.h"

#define MX_HANDOVER_FD 3
#define MX_HEARTBEAT_MS 100

/* A new version takes over with the old one's children still there, so a number
 * stays what it is, and new ones come last.
 *
 *   message, direction, a, b, descriptor */
enum mx_handover_type {
	MX_HANDOVER_CONFIG = 1, /* to child: memfd of "key: value" lines */
	MX_HANDOVER_UDP,	/* to front: a = worker, a bound socket */
	MX_HANDOVER_TCP,	/* to front: a = worker, a listening socket */
	MX_HANDOVER_CHANNEL,	/* to both: a = worker, or after the last the
				   thread of the control socket, b = resolver;
				   an end of their pair, replacing an earlier
				   one */
	MX_HANDOVER_GO,		/* to child: all is handed over, begin */
	MX_HANDOVER_DRAIN,	/* to front: take nothing new, finish, exit */
	MX_HANDOVER_READY,	/* from child */
	MX_HANDOVER_HEARTBEAT,	/* from child */
	MX_HANDOVER_IPV6,	/* from resolver: a = 1 works, 0 does not; to
				   resolver at start: what the last one found */
	MX_HANDOVER_SAVE,	/* to front: write the snapshot; a = number of
				   this request */
	MX_HANDOVER_SAVED,	/* from front, for each SAVE: a as there;
				   b = 1 written, 0 not */
	MX_HANDOVER_SAVING,	/* from front: told to end, it writes the
				   snapshot first, so it takes longer */
	MX_HANDOVER_CONTROL,	/* to front: the listening control socket */
	MX_HANDOVER_POLICY,	/* to front: a listening socket of policy-listen */
	MX_HANDOVER_FETCHER,	/* to front and fetcher: an end of their pair,
				   replacing an earlier one */
	MX_HANDOVER_HTTP,	/* to front: a listening socket of http-listen */
};

struct mx_handover {
	uint32_t type, a, b;
	int fd; /* -1: none. Sent: stays the caller's. Received: the caller's. */
};

/* Blocking on a blocking socket. EAGAIN counts as MX_E_SYSTEM with errno. */
enum mx_error mx_handover_send(int sock, const struct mx_handover *m);
/* 1: *ret filled; 0: end of file; -1: errno set (EAGAIN if nothing is there;
 * EPROTO for a message of wrong shape, which was consumed). Received
 * descriptors are close-on-exec. */
int mx_handover_receive(int sock, struct mx_handover *ret);
/* The next message of MX_HANDOVER_FD, waited for, whether that blocks or not;
 * malformed ones are logged and passed over. 1: *ret filled; 0: the supervisor
 * is gone. */
int mx_handover_wait(struct mx_handover *ret);

#endif
