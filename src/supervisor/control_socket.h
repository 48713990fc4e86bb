/* control_socket.h - the listening end of the control socket, and its file.
 *
 * Owns     its descriptor. One made from an older one has a duplicate: the
 *          same socket, at the same path.
 * File     it belongs to the account that mxbound works as, mode 0660, if that
 *          is an account of its own: then its group may use mxboundctl; else
 *          0600. As root it is made with that account's rights, so that no
 *          file of another is touched on its account. A file that nobody
 *          listens at is replaced; one that somebody does is not.
 * Errors   as text that names path, cause and remedy.
 */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include <stdbool.h>

#include "mx_config.h"
#include "mx_control.h"
#include "mx_error.h"

#define CONTROL_ERROR_MAX 512

struct control_socket {
	int fd; /* -1: there is none */
	bool by_default; /* nobody wrote the path */
	const char *option; /* that names it, for errors; static */
	char path[MX_CONTROL_PATH_MAX];
};

/* Make what config says, or take over `old` (NULL: none) if it is that. Where
 * the default cannot be had that is logged as a warning, and *ret is none.
 * On error *ret is none. */
enum mx_error control_socket_open(struct control_socket *ret,
				  const struct mx_config *config,
				  const struct control_socket *old,
				  char error[CONTROL_ERROR_MAX]);

/* Remove its file, if it is ours still: to be called before close. */
void control_socket_remove(const struct control_socket *control);
void control_socket_close(struct control_socket *control);

/* The same for another option's path: make a socket there. *ret_fd is written
 * only on success. */
enum mx_error control_socket_make(const char *option, const char *path,
				  unsigned mode, const struct mx_config *config,
				  int *ret_fd, char error[CONTROL_ERROR_MAX]);
/* Whether a socket of this process is what listens at path. */
bool control_socket_held(const char *path);

/* Whether fd listens at that path, for what a former program image left. */
bool control_socket_is(const struct control_socket *control);

#endif
