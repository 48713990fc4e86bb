/* control_socket.c - the listening end of the control socket. */
#include "control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holder.h"
#include "mx_log.h"
#include "mx_privilege.h"

/* They wait here while a front is started again. */
#define BACKLOG 512
#define OPTION "control-socket"
#define GROUP_MODE 0660
#define OWNER_MODE 0600

/* ---- who listens at a path ---- */

enum held {
	HELD_BY_NONE, /* there is no file */
	HELD_DEAD,    /* a file that nobody listens at */
	HELD_BY_US,
	HELD_BY_OTHER,
	HELD_BY_FILE, /* no socket */
	HELD_UNKNOWN, /* errno */
};

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static enum held ask_peer(int fd, char holder[HOLDER_TEXT_MAX])
{
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof peer;

	/* Of whoever called listen(); that stays so across exec. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    peer.pid == getpid())
		return HELD_BY_US;
	holder_name(peer.pid, holder);
	return HELD_BY_OTHER;
}

static enum held probe(const char *path, char holder[HOLDER_TEXT_MAX])
{
	struct sockaddr_un addr;
	socklen_t len = mx_control_address(path, &addr);
	enum held held = HELD_UNKNOWN;
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? HELD_BY_NONE : HELD_UNKNOWN;
	if (!S_ISSOCK(st.st_mode))
		return HELD_BY_FILE;
	int fd = new_socket();
	if (fd < 0)
		return HELD_UNKNOWN;
	if (connect(fd, (struct sockaddr *)&addr, len) == 0) {
		held = ask_peer(fd, holder);
	} else if (errno == ECONNREFUSED) {
		held = HELD_DEAD;
	} else if (errno == EAGAIN) { /* its backlog is full */
		snprintf(holder, HOLDER_TEXT_MAX, "another process");
		held = HELD_BY_OTHER;
	}
	int cause = errno;
	close(fd);
	errno = cause;
	return held;
}

/* ---- its folder ---- */

static bool folder_of(const char *path, char ret[MX_CONTROL_PATH_MAX])
{
	const char *end = strrchr(path, '/');

	if (end == path)
		return false; /* the root is there */
	snprintf(ret, MX_CONTROL_PATH_MAX, "%.*s", (int)(end - path), path);
	return true;
}

/* Made if it is missing, and given to the account; so is the default one, which
 * may be left from a start as another account. False: errno. */
static bool prepare_folder(const struct control_socket *control, uid_t uid,
			   gid_t gid)
{
	char folder[MX_CONTROL_PATH_MAX];
	struct stat st;

	if (!folder_of(control->path, folder))
		return true;
	/* Below /run others are let in, by the mode of the socket; a folder
	 * of somebody's own is nobody else's. */
	bool private = geteuid() != 0 && control->by_default;
	bool made = mkdir(folder, 0700) == 0;
	if (!made && errno != EEXIST)
		return false;
	if (!mx_control_path_trusted(control->path)) {
		errno = EPERM;
		return false;
	}
	if (!made && !(geteuid() == 0 && control->by_default))
		return true;

	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fstat(fd, &st) == 0 && (!made || st.st_uid == geteuid());
	if (ok && made && !private)
		ok = fchmod(fd, 0755) == 0;
	/* Where there is no such account (a user namespace) mxbound stays what
	 * it is, and the folder too. */
	if (ok && uid != geteuid() && fchown(fd, uid, gid) != 0)
		ok = errno == EINVAL;
	int cause = errno;
	close(fd);
	errno = cause;
	return ok;
}

/* ---- making it ---- */

static int bind_at(const char *path, mode_t mode)
{
	struct sockaddr_un addr;
	socklen_t len = mx_control_address(path, &addr);
	int fd = new_socket();

	if (fd < 0)
		return -1;
	/* The mode is right from the first moment on. */
	mode_t before = umask(0777 & ~mode);
	bool ok = bind(fd, (struct sockaddr *)&addr, len) == 0;
	int cause = errno;
	umask(before);
	if (ok && listen(fd, BACKLOG) != 0) {
		cause = errno;
		unlink(path);
		ok = false;
	}
	if (!ok) {
		close(fd);
		errno = cause;
		return -1;
	}
	return fd;
}

static enum mx_error explain(const struct control_socket *control,
			     const char *what, const char *remedy,
			     char error[CONTROL_ERROR_MAX])
{
	snprintf(error, CONTROL_ERROR_MAX, "%s: %s: %s; %s", control->option,
		 control->path, what, remedy);
	return MX_E_SYSTEM;
}

static enum mx_error explain_errno(const struct control_socket *control,
				   char error[CONTROL_ERROR_MAX])
{
	int cause = errno;

	return explain(control, strerror(cause),
		       cause == EACCES || cause == EPERM ?
		       "its folder must belong to the account that mxbound works as, and to nobody else" :
		       strcmp(control->option, OPTION) == 0 ?
		       "name another file, or \"control-socket: no\" for none" :
		       "name another file", error);
}

/* The file's place is free, or made so; then a socket is there. */
static enum mx_error claim(struct control_socket *control, mode_t mode,
			   char error[CONTROL_ERROR_MAX])
{
	char holder[HOLDER_TEXT_MAX], what[HOLDER_TEXT_MAX + 32];
	const char *path = control->path;

	switch (probe(path, holder)) {
	case HELD_BY_OTHER:
		snprintf(what, sizeof what, "in use by %s", holder);
		return explain(control, what, "stop it, or name another file", error);
	case HELD_BY_FILE:
		return explain(control, "there is a file that is no socket",
			       "name another", error);
	case HELD_UNKNOWN:
		return explain_errno(control, error);
	case HELD_DEAD:
	case HELD_BY_US: /* nobody else's, in any case */
		if (unlink(path) != 0)
			return explain_errno(control, error);
		break;
	case HELD_BY_NONE:
		break;
	}
	control->fd = bind_at(path, mode);
	return control->fd >= 0 ? MX_OK : explain_errno(control, error);
}

static enum mx_error make(struct control_socket *control, mode_t mode,
			  const struct mx_config *config,
			  char error[CONTROL_ERROR_MAX])
{
	uid_t uid;
	gid_t gid;

	if (mx_privilege_ids(config, &uid, &gid) != MX_OK) {
		snprintf(error, CONTROL_ERROR_MAX, "%s: no account to give it to",
			 control->option);
		return MX_E_CONFIG;
	}
	if (!prepare_folder(control, uid, gid))
		return explain_errno(control, error);
	setfsgid(gid);
	setfsuid(uid);
	enum mx_error err = claim(control, mode, error);
	setfsuid(geteuid());
	setfsgid(getegid());
	return err;
}

/* A socket of ours whose file is still there. */
static bool still_there(const struct control_socket *control)
{
	return control->fd >= 0 && control_socket_held(control->path);
}

static enum mx_error take(struct control_socket *to,
			  const struct control_socket *old,
			  char error[CONTROL_ERROR_MAX])
{
	to->fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 0);
	return to->fd >= 0 ? MX_OK : explain_errno(to, error);
}

enum mx_error control_socket_open(struct control_socket *ret,
				  const struct mx_config *config,
				  const struct control_socket *old,
				  char error[CONTROL_ERROR_MAX])
{
	struct control_socket control = { .fd = -1, .option = OPTION };
	mode_t mode = mx_privilege_own_account(config) ? GROUP_MODE : OWNER_MODE;
	const char *wanted = config->control_socket;
	enum mx_error err;

	*ret = control;
	control.by_default = strcmp(wanted, "auto") == 0;
	if (!control.by_default && mx_config_control_socket(config) == NULL)
		return MX_OK;
	if (!control.by_default)
		snprintf(control.path, sizeof control.path, "%s", wanted);
	else if (old && old->fd >= 0 && old->by_default)
		/* Made as root, which we may be no longer. */
		strcpy(control.path, old->path);
	else if (!mx_control_path(0, control.path))
		return MX_OK;

	if (old && strcmp(old->path, control.path) == 0 && still_there(old))
		err = take(&control, old, error);
	else
		err = make(&control, mode, config, error);
	if (err == MX_OK) {
		*ret = control;
	} else if (control.by_default) {
		mx_log(MX_LOG_WARNING, "%s; going on without it", error);
		err = MX_OK;
	}
	return err;
}

enum mx_error control_socket_make(const char *option, const char *path,
				  unsigned mode, const struct mx_config *config,
				  int *ret_fd, char error[CONTROL_ERROR_MAX])
{
	struct control_socket control = { .fd = -1, .option = option };

	snprintf(control.path, sizeof control.path, "%s", path);
	enum mx_error err = make(&control, mode, config, error);
	if (err == MX_OK)
		*ret_fd = control.fd;
	return err;
}

bool control_socket_held(const char *path)
{
	char holder[HOLDER_TEXT_MAX];

	return probe(path, holder) == HELD_BY_US;
}

void control_socket_remove(const struct control_socket *control)
{
	if (still_there(control))
		unlink(control->path);
}

void control_socket_close(struct control_socket *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
}

bool control_socket_is(const struct control_socket *control)
{
	struct sockaddr_un addr = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof addr;
	int kind = 0, listens = 0;
	socklen_t size = sizeof kind;

	return getsockname(control->fd, (struct sockaddr *)&addr, &len) == 0 &&
		addr.sun_family == AF_UNIX &&
		strncmp(addr.sun_path, control->path, sizeof addr.sun_path) == 0 &&
		getsockopt(control->fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 &&
		getsockopt(control->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
		kind == SOCK_STREAM && listens != 0;
}
