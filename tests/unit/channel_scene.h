/* channel_scene.h - a resolver's channels, with the front's end of one in the
 * test's hand, and a libunbound that refuses whatever it is asked. */
#ifndef CHANNEL_SCENE_H
#define CHANNEL_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "mx_channel.h"
#include "mx_wire.h"
#include "resolver_local.h"

struct scene {
	struct local l;
	struct mx_context *context;
	struct mx_channels *channels;
	int front;
};

static inline void attach(struct scene *s, unsigned worker)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	s->front = pair[0];
	mx_channels_set(s->channels, worker, pair[1]);
}

static inline void begin(struct scene *s, unsigned outstanding_max)
{
	struct mx_channels_config config;
	char error[MX_RESOLVER_ERROR_MAX];

	local_start(&s->l, "local-zone: . refuse");
	event_base_priority_init(s->l.plan.base, MX_PRIORITIES);
	config = (struct mx_channels_config){ s->l.plan.base, outstanding_max,
					      1000, NULL, NULL };
	s->channels = mx_channels_new(&config);
	assert_int_equal(mx_context_new(&s->l.plan,
					(struct mx_families){ true, false },
					&s->context, error), MX_OK);
	mx_channels_use(s->channels, s->context);
	attach(s, 0);
}

static inline void end(struct scene *s)
{
	mx_channels_free(s->channels);
	mx_context_free(s->context);
	close(s->front);
	local_end(&s->l);
}

static inline void turn(struct scene *s)
{
	event_base_loop(s->l.plan.base, EVLOOP_NONBLOCK);
}

static inline bool send_question(int fd, uint32_t id, uint16_t qtype, uint16_t qclass)
{
	static const uint8_t qname[] = "\3abc";
	struct mx_channel_question q = { id, { qname, 5, qtype, qclass } };
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];

	return send(fd, buf, mx_channel_pack_question(&q, buf), 0) > 0;
}

static inline bool receive(int fd, struct mx_channel_answer *ret)
{
	static uint8_t buf[MX_CHANNEL_DATAGRAM_MAX];
	static const uint8_t *rest;
	static size_t rest_len; /* of the last datagram */
	const uint8_t *octets;
	size_t len;

	if (rest_len == 0) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);

		if (n <= 0)
			return false;
		rest = buf;
		rest_len = (size_t)n;
	}
	assert_true(mx_channel_split(&rest, &rest_len, &octets, &len));
	assert_int_equal(mx_channel_unpack_answer(octets, len, ret), MX_OK);
	return true;
}

#endif
