/* probe.c - does each server answer at all? See bench.h.
 *
 * Better said before a run of minutes than after it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../base/address.h"
#include "bench.h"
#include "mx_config.h"

#define TRIES 3
#define TRY_MS 1000
#define FLAG_RA 0x80
#define RCODE_REFUSED 5

struct probe {
	uint8_t octets[QUERY_MAX];
	struct query query;
	uint8_t reply[MX_MESSAGE_MAX];
	size_t reply_len;
};

static bool is_reply(const struct probe *p)
{
	return p->reply_len >= MX_HEADER_LEN &&
	       memcmp(p->reply, p->octets, 2) == 0 &&
	       query_match(p->octets, p->query.question_len, p->reply,
			   p->reply_len);
}

/* 0: there is a reply; else an errno. */
static int ask_udp(int fd, struct probe *p)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct pollfd polled = { fd, POLLIN, 0 };
		ssize_t got;

		if (send(fd, p->octets, p->query.len, 0) < 0)
			return errno;
		/* What is no reply costs a try: there is no end of it else. */
		if (poll(&polled, 1, TRY_MS) <= 0)
			continue;
		got = recv(fd, p->reply, sizeof p->reply, MSG_DONTWAIT);
		if (got < 0 && errno == ECONNREFUSED)
			return errno;
		p->reply_len = got > 0 ? (size_t)got : 0;
		if (is_reply(p))
			return 0;
	}
	return ETIMEDOUT;
}

static bool receive_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t got = recv(fd, to, len, 0);

		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

static int ask_tcp(int fd, struct probe *p)
{
	uint8_t framed[2 + QUERY_MAX], prefix[2];

	mx_put_u16(framed, p->query.len);
	memcpy(framed + 2, p->octets, p->query.len);
	if (send(fd, framed, p->query.len + 2u, MSG_NOSIGNAL) < 0)
		return errno;
	if (!receive_all(fd, prefix, sizeof prefix))
		return ETIMEDOUT;
	p->reply_len = mx_get_u16(prefix);
	if (!receive_all(fd, p->reply, p->reply_len) || !is_reply(p))
		return ETIMEDOUT;
	return 0;
}

static int ask(const struct bench_target *t, struct probe *p)
{
	struct timeval wait = { TRIES * TRY_MS / 1000, 0 };
	int fd = socket(t->address.ss_family,
			(t->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	if (connect(fd, (const struct sockaddr *)&t->address,
		    t->address_len) != 0)
		/* A connect that takes too long says EINPROGRESS. */
		error = errno == EINPROGRESS ? ETIMEDOUT : errno;
	else
		error = t->tcp ? ask_tcp(fd, p) : ask_udp(fd, p);
	close(fd);
	return error;
}

static void say_why(const struct bench_target *t, int error)
{
	bool usual = mx_address_port(&t->address) == BENCH_PORT && t->loopback;
	char address[MX_ADDRESS_TEXT_MAX], *at;

	mx_address_text((const struct sockaddr *)&t->address, address);
	at = strrchr(address, '@');
	*at = '\0';
	switch (error) {
	case ECONNREFUSED:
		bench_say("%s: nothing listens on port %s of %s: is the server running?%s%s%s",
			  t->label, at + 1, address, usual ? " mxbound listens on "
			  "port 5335 unless told otherwise: " : "",
			  usual ? address : "", usual ? "@5335" : "");
		break;
	case ETIMEDOUT:
		bench_say("%s: no answer to . NS within %d s: is it up, may this host ask it, "
			  "does a firewall let port %s pass? To look: dig @%s -p %s%s . NS",
			  t->label, TRIES * TRY_MS / 1000, at + 1, address,
			  at + 1, t->tcp ? " +tcp" : "");
		break;
	default:
		bench_say("%s: %s: is there a route to %s? To look: ip route get %s",
			  t->label, strerror(error), address, address);
	}
}

static void warn(const struct bench_target *t, const struct probe *p)
{
	unsigned rcode = p->reply[3] & 15u;

	if (rcode == RCODE_REFUSED)
		bench_say("%s: says REFUSED to . NS: it seems not to serve this host; allow it there "
			  "(access-control of mxbound and Unbound)", t->label);
	else if (rcode != 0)
		bench_say("%s: says %s to . NS: can it reach the Internet?",
			  t->label, rcode_text(rcode));
	else if ((p->reply[3] & FLAG_RA) == 0)
		bench_say("%s: offers no recursion: it will know its own zones only",
			  t->label);
}

bool probe_all(const struct bench_options *o)
{
	static struct probe p;
	const struct queries_options options = { .edns = !o->plain };
	const struct mx_name root = { .len = 1 };
	bool all = true;

	for (unsigned i = 0; i < o->target_count; i++) {
		int error;

		p.query = query_put(p.octets, &root, MX_TYPE_NS, &options);
		if (getrandom(p.octets, 2, 0) < 0)
			mx_put_u16(p.octets, (uint16_t)getpid());
		error = ask(&o->targets[i], &p);
		if (error != 0)
			say_why(&o->targets[i], error);
		else
			warn(&o->targets[i], &p);
		all = all && error == 0;
	}
	return all;
}
