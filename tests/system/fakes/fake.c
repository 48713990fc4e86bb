/* fake.c - what all fake children share. */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mx_privilege.h"

static void say(const struct fake *f, const char *what)
{
	dprintf(2, "fake %s (pid %d): %s\n", f->role, (int)getpid(), what);
}

static void read_mode(const struct fake *f, char mode[32])
{
	char path[512];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 32);

	snprintf(mode, 32, "ok");
	if (len <= 0)
		return;
	path[len] = '\0';
	snprintf(strrchr(path, '/') + 1, 32, "%s.mode", f->role);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, mode, 31);
	mode[len > 0 ? len : 0] = '\0';
	mode[strcspn(mode, "\n")] = '\0';
	close(fd);
}

void fake_begin(struct fake *f, const char *role)
{
	char mode[32];

	*f = (struct fake){ .role = role, .control = MX_HANDOVER_FD, .ipv6 = -1,
			    .pair = -1 };
	f->started = mx_clock_now();
	for (int i = 0; i < FAKE_CHANNELS_MAX; i++)
		f->channel[i] = -1;
	fcntl(f->control, F_SETFL, O_NONBLOCK);
	mx_log_init("fake", MX_LOG_NOTICE);
	read_mode(f, mode);
	if (strcmp(mode, "crash") == 0)
		abort();
	f->quiet = strcmp(mode, "mute") == 0;
	if (strcmp(mode, "late") == 0)
		f->started += 1000;
	/* What the supervisor promises: nothing but 0 to 3. */
	for (int fd = 4; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(2, "fake %s: descriptor %d was left open\n", role, fd);
}

static void add(int **list, unsigned *count, int fd)
{
	*list = realloc(*list, (*count + 1) * sizeof **list);
	if (!*list)
		abort();
	(*list)[(*count)++] = fd;
}

static void read_config(struct fake *f, int fd)
{
	char error[MX_CONFIG_ERROR_MAX];

	if (mx_config_read(&f->config, fd, error) != MX_OK ||
	    mx_drop_privileges(&f->config) != MX_OK) {
		say(f, "bad configuration");
		exit(2);
	}
	close(fd);
}

static void send_out(struct fake *f, enum mx_handover_type type, unsigned a)
{
	(void)mx_handover_send(f->control, &(struct mx_handover){ type, a, 0, -1 });
}

static void message(struct fake *f, const struct mx_handover *m)
{
	switch (m->type) {
	case MX_HANDOVER_CONFIG:
		read_config(f, m->fd);
		break;
	case MX_HANDOVER_UDP:
		add(&f->udp, &f->udp_count, m->fd);
		break;
	case MX_HANDOVER_TCP:
		add(&f->tcp, &f->tcp_count, m->fd);
		break;
	case MX_HANDOVER_CHANNEL: {
		int *place = &f->channel[m->a * 16 + m->b];
		if (*place >= 0)
			close(*place);
		*place = m->fd;
		break;
	}
	case MX_HANDOVER_GO:
		f->go = true;
		break;
	case MX_HANDOVER_DRAIN:
		f->drain = true;
		break;
	case MX_HANDOVER_SAVE:
		say(f, "asked for a snapshot");
		if (!f->slow)
			send_out(f, MX_HANDOVER_SAVED, m->a);
		break;
	case MX_HANDOVER_IPV6:
		f->ipv6 = (int)m->a;
		break;
	case MX_HANDOVER_FETCHER:
		if (f->pair >= 0)
			close(f->pair);
		f->pair = m->fd;
		break;
	case MX_HANDOVER_POLICY:
		close(m->fd);
		break;
	case MX_HANDOVER_CONTROL:
		f->listens_control = true;
		close(m->fd);
		break;
	default:
		say(f, "unknown message");
	}
}

void fake_control(struct fake *f)
{
	struct mx_handover m;

	for (;;) {
		int got = mx_handover_receive(f->control, &m);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			exit(0);
		if (got < 0)
			return;
		message(f, &m);
	}
}

void fake_tick(struct fake *f)
{
	mx_instant now = mx_clock_now();

	if (f->quiet || !f->go || now < f->started)
		return;
	if (!f->ready) {
		f->ready = true;
		send_out(f, MX_HANDOVER_READY, 0);
	}
	if (now >= f->beat_at) {
		f->beat_at = now + MX_HEARTBEAT_MS;
		send_out(f, MX_HANDOVER_HEARTBEAT, 0);
	}
}

void fake_say_ipv6(struct fake *f, bool works)
{
	send_out(f, MX_HANDOVER_IPV6, works);
}

bool fake_obey(struct fake *f, const char *word)
{
	if (strncmp(word, "exit ", 5) == 0)
		exit(atoi(word + 5));
	if (strcmp(word, "stop") == 0)
		raise(SIGSTOP);
	else if (strcmp(word, "spin") == 0)
		for (volatile unsigned long i = 0;; i++)
			;
	else if (strcmp(word, "hang") == 0)
		for (;;)
			pause();
	else if (strcmp(word, "deaf") == 0)
		signal(SIGTERM, SIG_IGN);
	else if (strcmp(word, "segv") == 0) {
		signal(SIGSEGV, SIG_DFL); /* a sanitizer would explain it */
		raise(SIGSEGV);
	}
	else if (strcmp(word, "quiet") == 0)
		f->quiet = true;
	else if (strcmp(word, "slow") == 0)
		f->slow = true;
	else if (strcmp(word, "saving") == 0)
		send_out(f, MX_HANDOVER_SAVING, 0);
	else
		return false;
	return true;
}
