/* netstring_echo - the floor of a policy service: what its sockets alone cost.
 *
 *   netstring_echo PORT
 *
 * One thread on 127.0.0.1 that answers whatever arrives with NOTFOUND. It looks
 * no further than at the last octet, a request's comma; nothing here is less
 * than a server needs.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define OCTETS 4096

static const char reply[] = "9:NOTFOUND ,";

static int listen_on(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(fd, SOMAXCONN) != 0) {
		perror("netstring_echo");
		exit(1);
	}
	return fd;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void take_connection(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), yes = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	watch(epoll, fd);
}

static void answer(int fd)
{
	char octets[OCTETS];
	ssize_t got = recv(fd, octets, sizeof octets, 0);

	if (got <= 0)
		close(fd);
	else if (octets[got - 1] == ',' &&
		 send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0)
		close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: netstring_echo PORT\n");
		return 2;
	}
	int listener = listen_on((uint16_t)atoi(argv[1]));
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	watch(epoll, listener);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				take_connection(epoll, listener);
			else
				answer(events[i].data.fd);
		}
	}
}
