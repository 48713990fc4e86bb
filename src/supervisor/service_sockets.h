/* service_sockets.h - the listening sockets of policy-listen and http-listen.
 *
 * Owns     its descriptors. One made from an older list has duplicates of
 *          those that are still wanted: the same sockets, with whoever waits
 *          in them.
 * File     of a Unix socket: as that of the control socket; of policy-listen open
 *          to every account, since what that tells is no secret.
 * Errors   as text that names address, cause and remedy.
 */
#ifndef SERVICE_SOCKETS_H
#define SERVICE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "control_socket.h"
#include "mx_config.h"

#define SERVICE_SOCKETS_MAX 32u
/* "ADDR@PORT", or a path: all of it is one or the other. */
#define SERVICE_WHERE_MAX (MX_CONTROL_PATH_MAX > MX_ADDRESS_TEXT_MAX ? \
			  MX_CONTROL_PATH_MAX : MX_ADDRESS_TEXT_MAX)

enum service_kind { SERVICE_POLICY, SERVICE_HTTP, SERVICE_KINDS };

struct service_socket {
	enum service_kind kind;
	int fd;
	char where[SERVICE_WHERE_MAX];
};

struct service_sockets {
	struct service_socket at[SERVICE_SOCKETS_MAX];
	size_t count;
};

/* Make what config says, or take it over from `old` (NULL: none). On error *ret
 * is empty. */
enum mx_error service_sockets_open(struct service_sockets *ret,
				  const struct mx_config *config,
				  const struct service_sockets *old,
				  char error[CONTROL_ERROR_MAX]);

/* Remove the files of those that are ours still, but for those that `kept`
 * (NULL: none) has too: to be called before close. */
void service_sockets_remove(const struct service_sockets *sockets,
			   const struct service_sockets *kept);
void service_sockets_close(struct service_sockets *sockets);

/* A word for the kind, and an entry of its option taken apart. */
const char *service_word(enum service_kind kind);
bool service_parse(enum service_kind kind, const char *text,
		   const char **ret_path, struct sockaddr_storage *ret,
		   socklen_t *ret_len);

/* Whether fd listens there, for what a former program image left. */
bool service_socket_is(const struct service_socket *one);

#endif
