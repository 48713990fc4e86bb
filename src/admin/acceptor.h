/* acceptor.h - takes connections from listening sockets of a service.
 *
 * A few at a time, so that those who are connected get their turn; and with no
 * descriptor or memory left it pauses rather than spin.
 *
 * Threads  the event loop's only.
 */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/socket.h>

#define ACCEPTOR_SOCKETS_MAX 16u

/* fd, not blocking, is the callee's; peer->sa_family is AF_UNIX where there is
 * no address. */
typedef void acceptor_accepted(void *arg, int fd, const struct sockaddr *peer);

/* what: in messages, the option that the sockets are from; borrowed. NULL for
 * want of memory. */
struct acceptor;
struct acceptor *acceptor_new(struct event_base *base, const char *what,
			      acceptor_accepted *accepted, void *arg);
/* One more socket, which is owned from here on: at an error, which is logged,
 * it is closed. */
void acceptor_listen(struct acceptor *acceptor, int fd);
bool acceptor_listens(const struct acceptor *acceptor);
/* Close them. */
void acceptor_stop(struct acceptor *acceptor);
void acceptor_free(struct acceptor *acceptor);

#endif
