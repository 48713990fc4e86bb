/* policy_sockets.c - the listening sockets of policy-listen. */
#include "policy_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "holder.h"

#define OPTION "policy-listen"
#define BACKLOG 512
#define FILE_MODE 0666

static bool is_path(const struct policy_socket *one)
{
	return one->where[0] == '/';
}

/* ---- over TCP ---- */

static int bind_tcp(const struct sockaddr_storage *addr, socklen_t len)
{
	int fd = socket(addr->ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	/* Connections in TIME-WAIT must not keep us from starting. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (addr->ss_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
	    bind(fd, (const struct sockaddr *)addr, len) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	int cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

static enum mx_error explain(const struct policy_socket *one,
			     const struct sockaddr_storage *addr, char *error)
{
	char holder[HOLDER_TEXT_MAX];
	int cause = errno;

	if (cause == EADDRINUSE &&
	    holder_find((const struct sockaddr *)addr, true, holder))
		snprintf(error, CONTROL_ERROR_MAX,
			 OPTION ": %s: already in use by %s; stop it, or name another port",
			 one->where, holder);
	else
		snprintf(error, CONTROL_ERROR_MAX,
			 OPTION ": %s: %s; name another address or port, or leave the line out",
			 one->where, strerror(cause));
	return MX_E_SYSTEM;
}

/* ---- the list ---- */

static const struct policy_socket *find(const struct policy_sockets *sockets,
					const char *where)
{
	for (size_t i = 0; sockets && i < sockets->count; i++)
		if (strcmp(sockets->at[i].where, where) == 0)
			return &sockets->at[i];
	return NULL;
}

/* A socket of ours whose file, if it has one, is still there. */
static bool usable(const struct policy_socket *one)
{
	return one && (!is_path(one) || control_socket_held(one->where));
}

static enum mx_error open_one(struct policy_socket *one, const char *entry,
			      const struct mx_config *config,
			      const struct policy_sockets *old, char *error)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = 0;
	const char *path;

	/* Checked when it was read. */
	mx_policy_listen_parse(entry, &path, &addr, &len);
	if (path)
		snprintf(one->where, sizeof one->where, "%s", path);
	else
		mx_address_text((const struct sockaddr *)&addr, one->where);
	const struct policy_socket *before = find(old, one->where);

	if (!usable(before) && path)
		return control_socket_make(OPTION, path, FILE_MODE, config,
					   &one->fd, error);
	one->fd = usable(before) ? fcntl(before->fd, F_DUPFD_CLOEXEC, 0) :
				   bind_tcp(&addr, len);
	return one->fd >= 0 ? MX_OK : explain(one, &addr, error);
}

enum mx_error policy_sockets_open(struct policy_sockets *ret,
				  const struct mx_config *config,
				  const struct policy_sockets *old,
				  char error[CONTROL_ERROR_MAX])
{
	struct policy_sockets made = { .count = 0 };
	enum mx_error err = MX_OK;

	*ret = made;
	for (size_t i = 0; err == MX_OK && i < config->policy_listen.count &&
	     i < POLICY_SOCKETS_MAX; i++) {
		err = open_one(&made.at[made.count], config->policy_listen.at[i],
			       config, old, error);
		made.count += err == MX_OK;
	}
	if (err == MX_OK) {
		*ret = made;
	} else {
		policy_sockets_remove(&made, old);
		policy_sockets_close(&made);
	}
	return err;
}

void policy_sockets_remove(const struct policy_sockets *sockets,
			   const struct policy_sockets *kept)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct policy_socket *one = &sockets->at[i];

		if (is_path(one) && !find(kept, one->where) && usable(one))
			unlink(one->where);
	}
}

void policy_sockets_close(struct policy_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		close(sockets->at[i].fd);
	sockets->count = 0;
}

bool policy_socket_is(const struct policy_socket *one)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	const struct sockaddr_un *un = (const void *)&addr;
	socklen_t len = sizeof addr;
	int kind = 0, listens = 0;
	socklen_t size = sizeof kind;
	char where[MX_ADDRESS_TEXT_MAX];

	if (getsockname(one->fd, (struct sockaddr *)&addr, &len) != 0 ||
	    getsockopt(one->fd, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 ||
	    getsockopt(one->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
	    kind != SOCK_STREAM || listens == 0)
		return false;
	if (is_path(one))
		return addr.ss_family == AF_UNIX &&
			strncmp(un->sun_path, one->where, sizeof un->sun_path) == 0;
	if (addr.ss_family != AF_INET && addr.ss_family != AF_INET6)
		return false;
	mx_address_text((const struct sockaddr *)&addr, where);
	return strcmp(where, one->where) == 0;
}
