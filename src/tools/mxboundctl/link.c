/* link.c - the connection to the daemon. See ctl.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define READ_OCTETS 65536u

bool octets_add(struct octets *to, const char *from, size_t len)
{
	if (to->len + len > to->room) {
		size_t room = 2 * (to->len + len);
		char *more = realloc(to->at, room);

		if (!more)
			return false;
		to->at = more;
		to->room = room;
	}
	memcpy(to->at + to->len, from, len);
	to->len += len;
	return true;
}

void octets_drop(struct octets *from, size_t len)
{
	if (len == 0)
		return;
	from->len -= len;
	memmove(from->at, from->at + len, from->len);
}

/* ---- connecting ---- */

static bool connect_to(struct link *link, const char *path)
{
	struct sockaddr_un addr;
	socklen_t len = mx_control_address(path, &addr);

	snprintf(link->path, sizeof(link->path), "%s", path);
	link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return false;
	/* Blocking: a full backlog is waited for. */
	if (connect(link->fd, (struct sockaddr *)&addr, len) == 0) {
		fcntl(link->fd, F_SETFL, O_NONBLOCK);
		return true;
	}
	int cause = errno;
	close(link->fd);
	link->fd = -1;
	errno = cause;
	return false;
}

static const char *remedy(int cause)
{
	switch (cause) {
	case ENOENT:
	case ECONNREFUSED:
		return "is mxbound running? Start it, or name its control-socket with -s";
	case EACCES:
	case EPERM:
		return "ask as root, or as a member of the group that the socket belongs to";
	default:
		return "name its control-socket with -s";
	}
}

static void explain(struct link *link, int cause, const char *path)
{
	snprintf(link->error, sizeof(link->error),
		 "cannot reach mxbound at %s: %s; %s", path,
		 cause == ECONNREFUSED ? "nobody listens there" :
		 strerror(cause), remedy(cause));
}

/* The first that answers; of the failures the one that says most, which is any
 * but that there is no file. */
static bool connect_to_usual(struct link *link)
{
	char path[MX_CONTROL_PATH_MAX], told[MX_CONTROL_PATH_MAX] = "";
	int cause = ENOENT;

	for (unsigned i = 0; mx_control_path(i, path); i++) {
		if (mx_control_path_trusted(path) && connect_to(link, path))
			return true;
		if (*told == '\0' || (cause == ENOENT && errno != ENOENT)) {
			cause = errno;
			snprintf(told, sizeof(told), "%s", path);
		}
	}
	explain(link, cause, told);
	return false;
}

bool link_connect(struct link *link)
{
	bool done;

	if (!link->socket) {
		done = connect_to_usual(link);
	} else if (strlen(link->socket) >= MX_CONTROL_PATH_MAX) {
		explain(link, ENAMETOOLONG, link->socket);
		return false;
	} else {
		done = connect_to(link, link->socket);
		if (!done)
			explain(link, errno, link->socket);
	}
	link->in.len = link->out.len = link->given = 0;
	return done;
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	free(link->in.at);
	free(link->out.at);
	link->in = link->out = (struct octets){ .at = NULL };
	link->given = 0;
}

/* ---- octets in and out ---- */

static bool broken(struct link *link, const char *why)
{
	snprintf(link->error, sizeof(link->error),
		 "the connection to mxbound at %s is lost: %s", link->path,
		 why);
	return false;
}

bool link_write(struct link *link)
{
	while (link->out.len > 0) {
		ssize_t done = send(link->fd, link->out.at, link->out.len,
				    MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN ? true :
			       broken(link, strerror(errno));
		octets_drop(&link->out, (size_t)done);
	}
	return true;
}

bool link_read(struct link *link)
{
	char octets[READ_OCTETS];
	ssize_t got = recv(link->fd, octets, sizeof(octets), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got < 0)
		return broken(link, strerror(errno));
	if (got == 0)
		return broken(link, "it was closed");
	if (link->in.len + (size_t)got > LINK_REPLY_MAX) {
		link->hopeless = true;
		return broken(link, "what comes is no reply");
	}
	return octets_add(&link->in, octets, (size_t)got) ||
	       broken(link, "out of memory");
}

char *link_line(struct link *link, size_t *ret_len)
{
	char *end;

	octets_drop(&link->in, link->given);
	link->given = 0;
	end = link->in.len > 0 ? memchr(link->in.at, '\n', link->in.len) : NULL;
	if (!end)
		return NULL;
	*ret_len = (size_t)(end - link->in.at);
	link->given = *ret_len + 1;
	*end = '\0';
	return link->in.at;
}
