/* stream.h - what the connections of the control socket and of policy-listen
 * have in common.
 *
 * Threads  the event loop's only.
 */
#ifndef STREAM_H
#define STREAM_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stddef.h>

/* After an end of file: the peer is gone altogether, not only done with
 * sending. */
bool stream_peer_is_gone(struct bufferevent *bev);

/* What is not looked at yet waits on the client's side, once it is `most`
 * octets or more: *held, which begins as false. Reading goes on when it is
 * less, unless nothing more is to come. */
void stream_hold_back(struct bufferevent *bev, size_t most, bool may_come,
		      bool *held);

#endif
