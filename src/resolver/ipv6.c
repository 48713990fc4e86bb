/* ipv6.c - does IPv6 work upstream?
 *
 * A machine with an IPv6 address and no way out is common, and libunbound
 * then spends seconds on each domain to learn it server by server. So the
 * question is asked once for all: `. NS`, of servers that must know.
 *
 *   probe: try 1 ── response ──► works
 *             │ no route, all refused, or 1 s
 *             ▼
 *          try 2 ── response ──► works
 *             │
 *             ▼
 *        does not work           and again after the interval, give or take
 *                                a tenth, so that hosts do not probe in step
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mx_wire.h"
#include "resolver.h"

#define TARGETS_MAX 3
#define TRIES 2
#define TRY_MS 1000
#define HEADER_LEN 12
#define QUERY_LEN (HEADER_LEN + 5)

struct target {
	struct mx_ipv6 *ipv6;
	struct event *event; /* NULL: not in use */
	int fd;
	uint16_t id;
};

struct mx_ipv6 {
	struct event_base *base;
	struct event *timer; /* end of a try, or start of a probe */
	struct mx_addresses targets;
	struct target target[TARGETS_MAX];
	bool recursive;
	uint64_t interval_ms;
	mx_ipv6_found *found;
	void *arg;
	unsigned tries_left; /* 0: no probe is running */
};

static uint32_t random_below(uint32_t limit)
{
	uint32_t r = 0;

	/* Never blocks after boot; without it the probe still works. */
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
		r = (uint32_t)mx_clock_now();
	return r % limit;
}

static void timer_set(struct mx_ipv6 *ipv6, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
			      (suseconds_t)(ms % 1000 * 1000) };

	event_add(ipv6->timer, &tv);
}

static void target_close(struct target *t)
{
	if (t->event) {
		event_free(t->event);
		close(t->fd);
	}
	t->event = NULL;
}

static void close_all(struct mx_ipv6 *ipv6)
{
	for (unsigned i = 0; i < TARGETS_MAX; i++)
		target_close(&ipv6->target[i]);
}

static bool waiting(const struct mx_ipv6 *ipv6)
{
	for (unsigned i = 0; i < TARGETS_MAX; i++)
		if (ipv6->target[i].event)
			return true;
	return false;
}

static void verdict(struct mx_ipv6 *ipv6, bool works)
{
	uint64_t tenth = ipv6->interval_ms / 10;

	close_all(ipv6);
	ipv6->tries_left = 0;
	timer_set(ipv6, ipv6->interval_ms - tenth +
				random_below((uint32_t)(2 * tenth + 1)));
	ipv6->found(ipv6->arg, works);
}

bool mx_probe_response_ok(const uint8_t *packet, size_t len, uint16_t id)
{
	static const uint8_t question[] = { 0, 0, MX_TYPE_NS, 0, MX_CLASS_IN };
	struct mx_in in;
	uint16_t got_id, flags, qdcount;
	const uint8_t *echoed;

	mx_in_init(&in, packet, len);
	got_id = mx_in_u16(&in);
	flags = mx_in_u16(&in);
	qdcount = mx_in_u16(&in);
	mx_in_octets(&in, 6);
	echoed = mx_in_octets(&in, sizeof question);
	/* QR set, opcode QUERY. Any RCODE will do: packets got through. */
	return echoed && got_id == id && (flags & 0xf800) == 0x8000 &&
	       qdcount == 1 && memcmp(echoed, question, sizeof question) == 0;
}

static void try_over(struct mx_ipv6 *ipv6);

static void response(evutil_socket_t fd, short what, void *arg)
{
	struct target *t = arg;
	struct mx_ipv6 *ipv6 = t->ipv6;
	uint8_t packet[512];
	ssize_t n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* ICMPv6: unreachable, refused */
		target_close(t);
		if (!waiting(ipv6))
			try_over(ipv6);
		return;
	}
	if (mx_probe_response_ok(packet, (size_t)n, t->id))
		verdict(ipv6, true);
}

static bool target_send(struct target *t, const struct sockaddr_storage *to,
			bool recursive)
{
	uint8_t query[QUERY_LEN];
	struct mx_out out;

	t->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return false;
	t->id = (uint16_t)random_below(65536);
	mx_out_init(&out, query, sizeof query);
	mx_out_u16(&out, t->id);
	mx_out_u16(&out, recursive ? 0x0100 : 0);
	mx_out_u16(&out, 1);
	mx_out_octets(&out, "\0\0\0\0\0\0", 6);
	mx_out_octets(&out, "\0\0\2\0\1", 5); /* . NS IN */
	if (connect(t->fd, (const struct sockaddr *)to,
		    sizeof(struct sockaddr_in6)) < 0 ||
	    send(t->fd, query, mx_out_len(&out), MSG_NOSIGNAL) < 0 ||
	    !(t->event = event_new(t->ipv6->base, t->fd, EV_READ | EV_PERSIST,
				   response, t))) {
		close(t->fd);
		return false;
	}
	event_add(t->event, NULL);
	return true;
}

/* Returns whether anything was sent. */
static bool send_some(struct mx_ipv6 *ipv6)
{
	struct mx_addresses *all = &ipv6->targets;
	unsigned sent = 0;

	/* Draw without putting back: a new three for each try. */
	for (unsigned i = 0; i < all->count && sent < TARGETS_MAX; i++) {
		unsigned pick = i + random_below(all->count - i);
		struct sockaddr_storage swap = all->at[i];

		all->at[i] = all->at[pick];
		all->at[pick] = swap;
		if (target_send(&ipv6->target[sent], &all->at[i],
				ipv6->recursive))
			sent++;
		else if (errno == ENETUNREACH || errno == EADDRNOTAVAIL ||
			 errno == EAFNOSUPPORT)
			break; /* no route: the others will not have one */
	}
	return sent > 0;
}

static void try_over(struct mx_ipv6 *ipv6)
{
	close_all(ipv6);
	if (ipv6->tries_left == 0 || !send_some(ipv6)) {
		verdict(ipv6, false);
		return;
	}
	ipv6->tries_left--;
	timer_set(ipv6, TRY_MS);
}

static void timeout(evutil_socket_t fd, short what, void *arg)
{
	struct mx_ipv6 *ipv6 = arg;

	(void)fd;
	(void)what;
	if (!waiting(ipv6) && ipv6->tries_left == 0)
		ipv6->tries_left = TRIES;
	try_over(ipv6);
}

struct mx_ipv6 *mx_ipv6_new(struct event_base *base,
			    const struct mx_addresses *targets, bool recursive,
			    uint64_t interval_s, mx_ipv6_found *found,
			    void *arg)
{
	struct mx_ipv6 *ipv6 = calloc(1, sizeof *ipv6);

	if (!ipv6)
		return NULL;
	ipv6->base = base;
	ipv6->recursive = recursive;
	ipv6->interval_ms = interval_s * 1000;
	ipv6->found = found;
	ipv6->arg = arg;
	for (unsigned i = 0; i < targets->count; i++)
		if (targets->at[i].ss_family == AF_INET6)
			ipv6->targets.at[ipv6->targets.count++] =
				targets->at[i];
	for (unsigned i = 0; i < TARGETS_MAX; i++)
		ipv6->target[i].ipv6 = ipv6;
	ipv6->timer = event_new(base, -1, 0, timeout, ipv6);
	if (!ipv6->timer) {
		free(ipv6);
		return NULL;
	}
	timer_set(ipv6, 0);
	return ipv6;
}

void mx_ipv6_free(struct mx_ipv6 *ipv6)
{
	if (!ipv6)
		return;
	close_all(ipv6);
	event_free(ipv6->timer);
	free(ipv6);
}

bool mx_route_exists(const struct mx_addresses *addresses, int family)
{
	bool found = false;

	for (unsigned i = 0; i < addresses->count && !found; i++) {
		const struct sockaddr_storage *sa = &addresses->at[i];
		int fd;

		if (sa->ss_family != family)
			continue;
		/* Connecting a datagram socket looks the route up. */
		fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		found = connect(fd, (const struct sockaddr *)sa,
				family == AF_INET
					? sizeof(struct sockaddr_in)
					: sizeof(struct sockaddr_in6)) == 0;
		close(fd);
	}
	return found;
}
