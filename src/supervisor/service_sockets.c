/* service_sockets.c - the listening sockets of policy-listen and http-listen. */
#include "service_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "holder.h"

#define BACKLOG 512

/* What tells one kind from another. */
static const struct {
	const char *option, *word;
	unsigned file_mode;
} kinds[SERVICE_KINDS] = {
	/* What policies tell is no secret. */
	[SERVICE_POLICY] = { "policy-listen", "policy", 0666 },
	[SERVICE_HTTP] = { "http-listen", "http", 0660 },
};

const char *service_word(enum service_kind kind)
{
	return kinds[kind].word;
}

static const struct mx_texts *entries(const struct mx_config *config,
				      enum service_kind kind)
{
	return kind == SERVICE_HTTP ? &config->http_listen :
				      &config->policy_listen;
}

bool service_parse(enum service_kind kind, const char *text,
		   const char **ret_path, struct sockaddr_storage *ret,
		   socklen_t *ret_len)
{
	return (kind == SERVICE_HTTP ? mx_http_listen_parse :
				       mx_policy_listen_parse)(
		text, ret_path, ret, ret_len);
}

static bool is_path(const struct service_socket *one)
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

static enum mx_error explain(const struct service_socket *one,
			     const struct sockaddr_storage *addr, char *error)
{
	char holder[HOLDER_TEXT_MAX];
	int cause = errno;

	if (cause == EADDRINUSE &&
	    holder_find((const struct sockaddr *)addr, true, holder))
		snprintf(error, CONTROL_ERROR_MAX,
			 "%s: %s: already in use by %s; stop it, or name another port",
			 kinds[one->kind].option, one->where, holder);
	else
		snprintf(error, CONTROL_ERROR_MAX,
			 "%s: %s: %s; name another address or port, or leave the line out",
			 kinds[one->kind].option, one->where, strerror(cause));
	return MX_E_SYSTEM;
}

/* ---- the list ---- */

static const struct service_socket *find(const struct service_sockets *sockets,
					 enum service_kind kind,
					 const char *where)
{
	for (size_t i = 0; sockets && i < sockets->count; i++)
		if (sockets->at[i].kind == kind &&
		    strcmp(sockets->at[i].where, where) == 0)
			return &sockets->at[i];
	return NULL;
}

/* A socket of ours whose file, if it has one, is still there. */
static bool usable(const struct service_socket *one)
{
	return one && (!is_path(one) || control_socket_held(one->where));
}

static enum mx_error open_one(struct service_socket *one, const char *entry,
			      const struct mx_config *config,
			      const struct service_sockets *old, char *error)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = 0;
	const char *path;

	/* Checked when it was read. */
	service_parse(one->kind, entry, &path, &addr, &len);
	if (path)
		snprintf(one->where, sizeof one->where, "%s", path);
	else
		mx_address_text((const struct sockaddr *)&addr, one->where);
	const struct service_socket *before = find(old, one->kind, one->where);

	if (!usable(before) && path)
		return control_socket_make(kinds[one->kind].option, path,
					   kinds[one->kind].file_mode, config,
					   &one->fd, error);
	one->fd = usable(before) ? fcntl(before->fd, F_DUPFD_CLOEXEC, 0) :
				   bind_tcp(&addr, len);
	return one->fd >= 0 ? MX_OK : explain(one, &addr, error);
}

static enum mx_error open_kind(struct service_sockets *made,
			       enum service_kind kind,
			       const struct mx_config *config,
			       const struct service_sockets *old, char *error)
{
	const struct mx_texts *texts = entries(config, kind);

	for (size_t i = 0; i < texts->count; i++) {
		struct service_socket *one = &made->at[made->count];
		enum mx_error err;

		if (made->count == SERVICE_SOCKETS_MAX)
			break;
		one->kind = kind;
		err = open_one(one, texts->at[i], config, old, error);
		if (err != MX_OK)
			return err;
		made->count++;
	}
	return MX_OK;
}

enum mx_error service_sockets_open(struct service_sockets *ret,
				   const struct mx_config *config,
				   const struct service_sockets *old,
				   char error[CONTROL_ERROR_MAX])
{
	struct service_sockets made = { .count = 0 };
	enum mx_error err = MX_OK;

	*ret = made;
	for (int kind = 0; err == MX_OK && kind < SERVICE_KINDS; kind++)
		err = open_kind(&made, (enum service_kind)kind, config, old,
				error);
	if (err == MX_OK) {
		*ret = made;
	} else {
		service_sockets_remove(&made, old);
		service_sockets_close(&made);
	}
	return err;
}

void service_sockets_remove(const struct service_sockets *sockets,
			   const struct service_sockets *kept)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct service_socket *one = &sockets->at[i];

		if (is_path(one) && !find(kept, one->kind, one->where) && usable(one))
			unlink(one->where);
	}
}

void service_sockets_close(struct service_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		close(sockets->at[i].fd);
	sockets->count = 0;
}

bool service_socket_is(const struct service_socket *one)
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
