/* resolver.c - stands for mxbound-resolver. Replies "PID TEXT" to a message
 * over a channel. Some texts do more:
 *   what fake_obey() knows
 *   ipv6 0 | 1   tells the supervisor that
 *   told         replies "PID N" with what the supervisor said of IPv6, or -1
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"

static struct fake fake;

static void on_term(int number)
{
	(void)number;
	_exit(0);
}

static void serve(int *channel)
{
	char text[512], reply[600];
	ssize_t len = recv(*channel, text, sizeof text - 1, MSG_DONTWAIT);

	if (len <= 0) {
		if (len == 0) {
			close(*channel);
			*channel = -1;
		}
		return;
	}
	text[len] = '\0';
	snprintf(reply, sizeof reply, "%d %s", (int)getpid(), text);
	if (strncmp(text, "ipv6 ", 5) == 0)
		fake_say_ipv6(&fake, text[5] == '1');
	else if (strcmp(text, "told") == 0)
		snprintf(reply, sizeof reply, "%d %d", (int)getpid(), fake.ipv6);
	send(*channel, reply, strlen(reply), MSG_NOSIGNAL);
	(void)fake_obey(&fake, text);
}

static void round_of_work(void)
{
	static struct pollfd at[1 + FAKE_CHANNELS_MAX];
	static int number[1 + FAKE_CHANNELS_MAX];
	nfds_t count = 0;

	at[count++] = (struct pollfd){ .fd = fake.control, .events = POLLIN };
	for (int i = 0; i < FAKE_CHANNELS_MAX; i++) {
		if (fake.channel[i] < 0)
			continue;
		number[count] = i;
		at[count++] = (struct pollfd){ .fd = fake.channel[i], .events = POLLIN };
	}
	if (poll(at, count, 20) <= 0)
		return;
	for (nfds_t i = 1; i < count; i++)
		if (at[i].revents)
			serve(&fake.channel[number[i]]);
	fake_control(&fake);
}

int main(void)
{
	signal(SIGTERM, on_term);
	fake_begin(&fake, "resolver");
	for (;;) {
		fake_tick(&fake);
		round_of_work();
	}
}
