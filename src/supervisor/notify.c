/* notify.c - what an init system hears. */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WATCHDOG_MAX_US UINT64_C(86400000000)

/* A path, or an abstract name written with '@' for its first octet. */
static int connected(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof addr.sun_path)
		return -1;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool number(const char *name, uint64_t max, uint64_t *ret)
{
	const char *text = getenv(name);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > max)
		return false;
	*ret = value;
	return true;
}

/* Meant for us: a parent's would be answered by the wrong one. */
static mx_instant watchdog_wanted(void)
{
	uint64_t us, pid;

	if (!number("WATCHDOG_USEC", WATCHDOG_MAX_US, &us))
		return 0;
	if (getenv("WATCHDOG_PID") &&
	    (!number("WATCHDOG_PID", INT32_MAX, &pid) || (pid_t)pid != getpid()))
		return 0;
	return (mx_instant)(us / 1000 / 2);
}

void notify_init(struct notify *ret)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*ret = (struct notify){ .fd = name ? connected(name) : -1 };
	if (ret->fd >= 0)
		ret->watchdog = watchdog_wanted();
}

void notify_clear(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static void say(const struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_ready(struct notify *n)
{
	say(n, "READY=1\nSTATUS=mxbound " MX_VERSION " answers");
}

void notify_reloading(struct notify *n)
{
	struct timespec now;
	char text[96];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)now.tv_sec * 1000000 +
			 (unsigned long long)now.tv_nsec / 1000);
	say(n, text);
}

void notify_stopping(struct notify *n)
{
	say(n, "STOPPING=1\nSTATUS=stopping");
}

void notify_alive(struct notify *n, mx_instant now)
{
	if (n->fd < 0 || n->watchdog == 0 || now < n->next_watchdog)
		return;
	n->next_watchdog = now + n->watchdog;
	say(n, "WATCHDOG=1");
}
