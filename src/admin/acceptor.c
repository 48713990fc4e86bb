/* acceptor.c - takes connections. See acceptor.h. */
#include "acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mx_log.h"

#define ACCEPTS_PER_WAKEUP 16
#define PAUSE_MS 100

struct acceptor {
	struct event_base *base;
	const char *what;
	acceptor_accepted *accepted;
	void *arg;
	struct event *readable[ACCEPTOR_SOCKETS_MAX]; /* each with its fd */
	unsigned count;
	struct event *resume;
	struct mx_log_gate gate;
};

static void pause_accepting(struct acceptor *acceptor)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };

	mx_log_limited(&acceptor->gate, MX_LOG_WARNING, "%s: accept: %s",
		       acceptor->what, strerror(errno));
	/* Rather spin than never accept again. */
	if (evtimer_add(acceptor->resume, &tv) != 0)
		return;
	for (unsigned i = 0; i < acceptor->count; i++)
		event_del(acceptor->readable[i]);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };
	struct acceptor *acceptor = arg;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < acceptor->count; i++)
		if (event_add(acceptor->readable[i], NULL) != 0)
			evtimer_add(acceptor->resume, &tv);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *acceptor = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
		struct sockaddr_storage peer = { .ss_family = AF_UNIX };
		socklen_t len = sizeof(peer);
		int one = accept4(fd, (struct sockaddr *)&peer, &len,
				  SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (one >= 0) {
			acceptor->accepted(acceptor->arg, one,
					   (struct sockaddr *)&peer);
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(acceptor);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return; /* EAGAIN: no more for now */
		}
	}
}

void acceptor_listen(struct acceptor *acceptor, int fd)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };
	struct event *readable;

	if (acceptor->count == ACCEPTOR_SOCKETS_MAX) {
		mx_log(MX_LOG_ERROR, "%s: one socket too many", acceptor->what);
		close(fd);
		return;
	}
	readable = acceptor->readable[acceptor->count++];
	event_assign(readable, acceptor->base, fd, EV_READ | EV_PERSIST,
		     on_readable, acceptor);
	/* Clients wait at it, whether it is served or not. */
	if (event_add(readable, NULL) != 0)
		evtimer_add(acceptor->resume, &tv);
}

bool acceptor_listens(const struct acceptor *acceptor)
{
	return acceptor->count > 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
	for (unsigned i = 0; i < acceptor->count; i++) {
		event_del(acceptor->readable[i]);
		close(event_get_fd(acceptor->readable[i]));
	}
	acceptor->count = 0;
	event_del(acceptor->resume);
}

static void free_events(struct acceptor *acceptor)
{
	for (unsigned i = 0; i < ACCEPTOR_SOCKETS_MAX; i++)
		if (acceptor->readable[i])
			event_free(acceptor->readable[i]);
	if (acceptor->resume)
		event_free(acceptor->resume);
}

struct acceptor *acceptor_new(struct event_base *base, const char *what,
			      acceptor_accepted *accepted, void *arg)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (!acceptor)
		return NULL;
	acceptor->base = base;
	acceptor->what = what;
	acceptor->accepted = accepted;
	acceptor->arg = arg;
	acceptor->resume = evtimer_new(base, on_resume, acceptor);
	/* All now, so that none is missing when a socket comes. */
	bool ok = acceptor->resume != NULL;
	for (unsigned i = 0; ok && i < ACCEPTOR_SOCKETS_MAX; i++) {
		acceptor->readable[i] = event_new(base, -1, 0, on_readable,
						  acceptor);
		ok = acceptor->readable[i] != NULL;
	}
	if (!ok) {
		free_events(acceptor);
		free(acceptor);
		return NULL;
	}
	return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
	acceptor_stop(acceptor);
	free_events(acceptor);
	free(acceptor);
}
