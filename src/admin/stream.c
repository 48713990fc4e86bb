/* stream.c - what connections of both services have in common. See stream.h. */
#include "stream.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <poll.h>

bool stream_peer_is_gone(struct bufferevent *bev)
{
	struct pollfd p = { .fd = bufferevent_getfd(bev) };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* By hand: bufferevent_setwatermark() crashes where it gets no memory. */
void stream_hold_back(struct bufferevent *bev, size_t most, bool may_come,
		      bool *held)
{
	bool full = evbuffer_get_length(bufferevent_get_input(bev)) >= most;

	if (full && !*held) {
		bufferevent_disable(bev, EV_READ);
		*held = true;
	} else if (!full && *held && may_come) {
		*held = bufferevent_enable(bev, EV_READ) != 0;
	}
}
