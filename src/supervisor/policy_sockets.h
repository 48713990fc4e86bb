/* policy_sockets.h - the listening sockets of policy-listen.
 *
 * Owns     its descriptors. One made from an older list has duplicates of
 *          those that are still wanted: the same sockets, with whoever waits
 *          in them.
 * File     of a Unix socket: as that of the control socket, but open to every
 *          account, since what it tells is no secret.
 * Errors   as text that names address, cause and remedy.
 */
#ifndef POLICY_SOCKETS_H
#define POLICY_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "control_socket.h"
#include "mx_config.h"

#define POLICY_SOCKETS_MAX 16u
/* "ADDR@PORT", or a path: all of it is one or the other. */
#define POLICY_WHERE_MAX (MX_CONTROL_PATH_MAX > MX_ADDRESS_TEXT_MAX ? \
			  MX_CONTROL_PATH_MAX : MX_ADDRESS_TEXT_MAX)

struct policy_socket {
	int fd;
	char where[POLICY_WHERE_MAX];
};

struct policy_sockets {
	struct policy_socket at[POLICY_SOCKETS_MAX];
	size_t count;
};

/* Make what config says, or take it over from `old` (NULL: none). On error *ret
 * is empty. */
enum mx_error policy_sockets_open(struct policy_sockets *ret,
				  const struct mx_config *config,
				  const struct policy_sockets *old,
				  char error[CONTROL_ERROR_MAX]);

/* Remove the files of those that are ours still, but for those that `kept`
 * (NULL: none) has too: to be called before close. */
void policy_sockets_remove(const struct policy_sockets *sockets,
			   const struct policy_sockets *kept);
void policy_sockets_close(struct policy_sockets *sockets);

/* Whether fd listens there, for what a former program image left. */
bool policy_socket_is(const struct policy_socket *one);

#endif
