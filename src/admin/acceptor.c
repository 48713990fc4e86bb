/* acceptor.c - takes connections. See acceptor.h. */
#include "acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mx_error.h"
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
	for (unsigned i = 0; i < acceptor->count; i++)
		event_del(acceptor->readable[i]);
	evtimer_add(acceptor->resume, &tv);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *acceptor = arg;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < acceptor->count; i++)
		event_add(acceptor->readable[i], NULL);
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
	struct event *readable =
		acceptor->count < ACCEPTOR_SOCKETS_MAX ?
			event_new(acceptor->base, fd, EV_READ | EV_PERSIST,
				  on_readable, acceptor) :
			NULL;

	if (readable && event_add(readable, NULL) == 0) {
		acceptor->readable[acceptor->count++] = readable;
		return;
	}
	mx_log(MX_LOG_ERROR, "%s: a socket cannot be served: %s",
	       acceptor->what, mx_error_text(MX_E_NO_MEMORY));
	if (readable)
		event_free(readable);
	close(fd);
}

bool acceptor_listens(const struct acceptor *acceptor)
{
	return acceptor->count > 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
	for (unsigned i = 0; i < acceptor->count; i++) {
		int fd = event_get_fd(acceptor->readable[i]);

		event_free(acceptor->readable[i]);
		close(fd);
	}
	acceptor->count = 0;
	event_del(acceptor->resume);
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
	if (!acceptor->resume) {
		free(acceptor);
		return NULL;
	}
	return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
	acceptor_stop(acceptor);
	event_free(acceptor->resume);
	free(acceptor);
}
