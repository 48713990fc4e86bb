/* fetcher.c - stands for mxbound-fetcher. Replies "PID TEXT" to a message over
 * its pair to the front. Some texts do more: what fake_obey() knows. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
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

static void serve(void)
{
	char text[512], reply[600];
	ssize_t len = recv(fake.pair, text, sizeof text - 1, MSG_DONTWAIT);

	if (len <= 0) {
		if (len == 0) {
			close(fake.pair);
			fake.pair = -1;
		}
		return;
	}
	text[len] = '\0';
	snprintf(reply, sizeof reply, "%d %s", (int)getpid(), text);
	send(fake.pair, reply, strlen(reply), MSG_NOSIGNAL);
	(void)fake_obey(&fake, text);
}

int main(void)
{
	signal(SIGTERM, on_term);
	fake_begin(&fake, "fetcher");
	for (;;) {
		struct pollfd at[2] = {
			{ .fd = fake.control, .events = POLLIN },
			{ .fd = fake.pair, .events = POLLIN },
		};

		fake_tick(&fake);
		if (poll(at, 2, 20) <= 0)
			continue;
		if (at[1].revents)
			serve();
		fake_control(&fake);
	}
}
