/* transfers.c - libcurl's multi interface on libevent.
 *
 * libcurl's rules: it says which sockets to wait for (on_socket) and for how
 * long (on_timer), is told what happened (curl_multi_socket_action), and what has
 * ended is asked for after that. Its callbacks must not call it. */
#include <stdlib.h>

#include "fetcher.h"

struct transfers {
	struct event_base *base;
	transfer_done *done;
	CURLM *multi;
	struct event *timer;
};

/* ---- what has ended ---- */

static void take_ended(struct transfers *transfers)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transfers->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode error = message->data.result;
		char *arg = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
		curl_multi_remove_handle(transfers->multi, easy);
		transfers->done(arg, easy, error);
	}
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct transfers *transfers = arg;
	int running, flags = (what & EV_READ ? CURL_CSELECT_IN : 0) |
			     (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(transfers->multi, fd, flags, &running);
	take_ended(transfers);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct transfers *transfers = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0,
				 &running);
	take_ended(transfers);
}

/* ---- what to wait for ----
 *
 * Where there is no memory to wait with, the transfer stands still until its
 * owner removes it: to tell libcurl would end all transfers, for good. */

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct transfers *transfers = arg;
	struct timeval when = { ms / 1000, ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		evtimer_del(transfers->timer);
	else
		evtimer_add(transfers->timer, &when);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		     void *socket_arg)
{
	struct transfers *transfers = arg;
	struct event *event = socket_arg;
	short wanted = EV_PERSIST;

	(void)easy;
	if (event)
		event_free(event);
	event = NULL;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		wanted |= EV_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		wanted |= EV_WRITE;
	if (what != CURL_POLL_REMOVE)
		event = event_new(transfers->base, fd, wanted, on_ready,
				  transfers);
	if (event)
		event_add(event, NULL);
	curl_multi_assign(transfers->multi, fd, event);
	return 0;
}

/* ---- life ---- */

struct transfers *transfers_new(struct event_base *base, transfer_done *done)
{
	struct transfers *transfers = calloc(1, sizeof *transfers);

	if (!transfers)
		return NULL;
	transfers->base = base;
	transfers->done = done;
	transfers->timer = evtimer_new(base, on_time, transfers);
	transfers->multi = curl_multi_init();
	if (!transfers->timer || !transfers->multi) {
		transfers_free(transfers);
		return NULL;
	}
	curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
	curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
	curl_multi_setopt(transfers->multi, CURLMOPT_PIPELINING,
			  CURLPIPE_NOTHING);
	return transfers;
}

void transfers_free(struct transfers *transfers)
{
	if (!transfers)
		return;
	if (transfers->multi)
		curl_multi_cleanup(transfers->multi);
	if (transfers->timer)
		event_free(transfers->timer);
	free(transfers);
}

bool transfers_add(struct transfers *transfers, CURL *easy)
{
	return curl_multi_add_handle(transfers->multi, easy) == CURLM_OK;
}

void transfers_remove(struct transfers *transfers, CURL *easy)
{
	curl_multi_remove_handle(transfers->multi, easy);
}
