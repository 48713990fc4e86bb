/* mx_control.h - the control socket, as both of its ends know it.
 *
 * A Unix stream socket. A line in is a request, a line out is a reply, each
 * one JSON object; docs/control.md has the protocol. The supervisor binds it,
 * the front serves it (src/admin), mxboundctl and whoever likes ask.
 *
 * Threads  any.
 */
#ifndef MX_CONTROL_H
#define MX_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Octets of a path, with its NUL: what the kernel has room for. */
#define MX_CONTROL_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

/* Octets of a request without its newline. */
#define MX_CONTROL_LINE_MAX 4096u
/* Requests of one connection that are worked on; then it is read no further. */
#define MX_CONTROL_IN_FLIGHT_MAX 64u

/* Where the control socket is if nobody says: the i-th place to look at, in
 * order; false: there is no such. A daemon makes the first.
 *
 *   root, or who owns /run/mxbound (systemd's RuntimeDirectory):
 *            /run/mxbound/control.sock
 *   others   $XDG_RUNTIME_DIR/mxbound/control.sock, if that is set and not
 *            too long; /tmp/mxbound-UID/control.sock; and the first of root's,
 *            which is for those whom its mode lets in */
bool mx_control_path(unsigned i, char ret[MX_CONTROL_PATH_MAX]);

/* Whether the folder of a path of ours below /tmp, which anybody can make, is
 * ours and nobody else's to change; true for any other path. */
bool mx_control_path_trusted(const char *path);

/* The address of a path, which fits. */
socklen_t mx_control_address(const char *path, struct sockaddr_un *ret);

#endif
