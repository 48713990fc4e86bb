/* front.c - stands for mxbound-front. To a datagram "ID TEXT", or a line of
 * it over TCP, it replies "ID PID TEXT". Some texts do more:
 *   what fake_obey() knows
 *   ask R TEXT      asks resolver R over worker 0's channel, replies as it does
 *   fetch TEXT      asks the fetcher
 *   counts          "workers W resolvers R udp N tcp N channels N control N"
 *   listen          how many of its sockets have SO_REUSEPORT set
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"

#define TEXT_MAX 512
#define CONNECTIONS_MAX 512

static struct fake fake;
static int connection[CONNECTIONS_MAX];
static unsigned connections;

static void on_term(int number)
{
	(void)number;
	_exit(0);
}

static void ask_over(int fd, const char *text, char *ret)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	snprintf(ret, TEXT_MAX, "no answer");
	if (fd < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ||
	    poll(&wait, 1, 300) <= 0)
		return;
	ssize_t len = recv(fd, ret, TEXT_MAX - 1, 0);
	if (len > 0)
		ret[len] = '\0';
}

static void ask(const char *text, char *ret)
{
	unsigned resolver = (unsigned)strtoul(text, NULL, 10);

	text += strcspn(text, " ");
	ask_over(fake.channel[resolver], text + 1, ret);
}

static void counts(char *ret)
{
	unsigned channels = 0;

	for (int i = 0; i < FAKE_CHANNELS_MAX; i++)
		channels += fake.channel[i] >= 0;
	snprintf(ret, TEXT_MAX, "workers %u resolvers %u udp %u tcp %u channels %u control %u",
		 mx_config_workers(&fake.config), mx_config_resolvers(&fake.config),
		 fake.udp_count, fake.tcp_count, channels, fake.listens_control);
}

/* "ID TEXT" to "ID PID TEXT". */
static void reply_to(char *query, char *ret, size_t room)
{
	char *text = strchr(query, ' ');
	char said[TEXT_MAX];

	if (!text)
		text = strchr(query, '\0');
	else
		*text++ = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "ask ", 4) == 0)
		ask(text + 4, said);
	else if (strncmp(text, "fetch ", 6) == 0)
		ask_over(fake.pair, text + 6, said);
	else if (strcmp(text, "counts") == 0)
		counts(said);
	else
		snprintf(said, sizeof said, "%.400s", text);
	snprintf(ret, room, "%s %d %s", query, (int)getpid(), said);
	(void)fake_obey(&fake, text);
}

static void serve_udp(int fd)
{
	char query[TEXT_MAX], reply[2 * TEXT_MAX];
	struct sockaddr_storage from;
	socklen_t len = sizeof from;

	for (;;) {
		ssize_t got = recvfrom(fd, query, sizeof query - 1, 0,
				       (struct sockaddr *)&from, &len);
		if (got < 0)
			return;
		query[got] = '\0';
		reply_to(query, reply, sizeof reply);
		sendto(fd, reply, strlen(reply), MSG_NOSIGNAL,
		       (struct sockaddr *)&from, len);
	}
}

static void serve_tcp(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (connections == CONNECTIONS_MAX)
			close(fd);
		else
			connection[connections++] = fd;
	}
}

static void serve_connection(unsigned i)
{
	char query[TEXT_MAX], reply[2 * TEXT_MAX];
	ssize_t got = recv(connection[i], query, sizeof query - 1, 0);

	if (got > 0) {
		query[got] = '\0';
		reply_to(query, reply, sizeof reply);
		send(connection[i], reply, strlen(reply), MSG_NOSIGNAL);
		return;
	}
	close(connection[i]);
	connection[i] = connection[--connections];
}

static void round_of_work(void)
{
	static struct pollfd at[1 + 1024 + CONNECTIONS_MAX];
	nfds_t count = 0;
	bool serving = fake.ready && !fake.drain;

	at[count++] = (struct pollfd){ .fd = fake.control, .events = POLLIN };
	for (unsigned i = 0; i < fake.udp_count && serving; i++)
		at[count++] = (struct pollfd){ .fd = fake.udp[i], .events = POLLIN };
	for (unsigned i = 0; i < fake.tcp_count && serving; i++)
		at[count++] = (struct pollfd){ .fd = fake.tcp[i], .events = POLLIN };
	for (unsigned i = 0; i < connections; i++)
		at[count++] = (struct pollfd){ .fd = connection[i], .events = POLLIN };
	if (poll(at, count, 20) <= 0)
		return;
	for (nfds_t i = count; i-- > 1;) {
		if (!at[i].revents)
			continue;
		nfds_t udp = serving ? fake.udp_count : 0;
		nfds_t tcp = serving ? fake.tcp_count : 0;
		if (i <= udp)
			serve_udp(at[i].fd);
		else if (i <= udp + tcp)
			serve_tcp(at[i].fd);
		else
			serve_connection((unsigned)(i - 1 - udp - tcp));
	}
	fake_control(&fake);
}

int main(void)
{
	signal(SIGTERM, on_term);
	fake_begin(&fake, "front");
	for (;;) {
		fake_tick(&fake);
		round_of_work();
		if (fake.drain && connections == 0)
			return 0;
	}
}
