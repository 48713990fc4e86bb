/* listeners.h - the listening sockets: every address, both transports, one
 * socket for each worker.
 *
 * Owns     a list owns its descriptors. A list made from an older one has
 *          duplicates of them: the socket itself, with what is queued in it,
 *          lives on until the last of them is closed.
 * Errors   as text that names address, port, cause and remedy.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "mx_config.h"
#include "mx_error.h"

#define LISTENERS_ERROR_MAX 512

struct listener {
	int fd;
	bool tcp;
	struct sockaddr_storage addr;
};

struct listeners {
	struct listener *at;
	size_t count;
};

/* Bind what config says. UDP queries are spread over the sockets of their
 * address by chance, TCP connections by the client's address and port. Sockets of `old` (NULL: none) are taken over where
 * their address is still wanted, all of them, however few workers there are
 * now: each may have queries queued. */
enum mx_error listeners_bind(struct listeners *ret,
			     const struct mx_config *config,
			     const struct listeners *old,
			     char error[LISTENERS_ERROR_MAX]);
void listeners_clear(struct listeners *listeners);

/* Which worker a socket goes to: sockets of one address and transport are
 * dealt round. */
unsigned listeners_worker(const struct listeners *listeners, size_t at,
			  unsigned workers);

/* Give the sockets to an account: only sockets of the same one may share a
 * port, and later versions add some. Not possible everywhere; then more
 * workers need a restart. */
void listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid);

/* Drop from config what could not be bound and need not be, so that nobody
 * tells clients to ask there. */
void listeners_prune(const struct listeners *listeners, struct mx_config *config);

/* Take from another list the sockets that share an address with some of
 * ours: they get a part of the queries, which must not wait for ever. Returns
 * how many. */
size_t listeners_take_shared(struct listeners *to, struct listeners *from);

bool listeners_add(struct listeners *listeners, const struct listener *one);

#endif
