/* mx_privilege.h - becoming the account that `user` names.
 *
 * Called by every process of mxbound: by the children as soon as they have
 * read their configuration, by the supervisor once it has bound its sockets.
 *
 *   started as      user        what happens
 *   not root        unset       nothing
 *   not root        itself      nothing
 *   not root        another     error: only root can become somebody else
 *   root            unset       becomes mxbound, else nobody; stays root
 *                               where neither can be had (a user namespace
 *                               without their ids), and says so
 *   root            root        stays root
 *   root            another     becomes it, or error
 *
 * However it is, a child ends with no capability: none permitted, effective,
 * inheritable, ambient or in the bounding set (the last where CAP_SETPCAP was
 * there to begin with), root's included, and with groups that are the
 * account's. So does a supervisor that is not root, but for
 * CAP_NET_BIND_SERVICE. no-new-privs is set in all of them.
 *
 * Threads  call before the first one is started.
 * Errors   logged here, since only here the reason is known; MX_E_CONFIG for
 *          an account that does not exist or cannot be had, MX_E_SYSTEM for
 *          anything else. The caller must not go on after an error: part of
 *          the change may have been made.
 */
#ifndef MX_PRIVILEGE_H
#define MX_PRIVILEGE_H

#include <sys/types.h>

#include "mx_config.h"
#include "mx_error.h"

/* Become the account for good, and lose all capabilities; a parent death
 * signal that was set stays set (the kernel clears it with the ids). */
enum mx_error mx_drop_privileges(const struct mx_config *config);

/* The same for the supervisor, which keeps CAP_NET_BIND_SERVICE across the
 * change and across execve, so that a later configuration may bind other
 * ports below 1024. Before it execs anything else it calls
 * mx_privilege_forget(), which gives the capability up for good. */
enum mx_error mx_drop_privileges_keep_bind(const struct mx_config *config);
void mx_privilege_forget(void);

/* The ids mx_drop_privileges() would change to; the present ones where it
 * would not change any. Errors as there. */
enum mx_error mx_privilege_ids(const struct mx_config *config, uid_t *ret_uid,
			       gid_t *ret_gid);

/* Whether mxbound becomes an account that was made for it or named by `user`,
 * so that its group means something; not nobody, nor whoever started it. */
bool mx_privilege_own_account(const struct mx_config *config);

#endif
