/* policy_scene.h - a worker of the front with all its services, clients of each,
 * and a resolver that knows every name. For tests in which something fails:
 * whoever asks may hear the right answer, SERVFAIL or its like, or nothing,
 * and whatever else fails the test. */
#ifndef POLICY_SCENE_H
#define POLICY_SCENE_H

#include "front_world.h"
#include "front_zone.h"

#include <sys/un.h>

#include "../../src/admin/control.h"
#include "../../src/policy/server.h"

enum { MAIL = MX_TYPE_MX, ID = 0x1234 };

/* A Unix socket without a name of its own. */
struct unix_end {
	struct sockaddr_un at;
	socklen_t len;
};

/* A worker with all services, and clients of each. */
struct scene {
	struct world w;
	struct route_asks *asks;
	struct commands commands;
	struct control *control;
	struct policy_server *policy;
	struct unix_end ctl_at, map_at;
	int udp, tcp, ctl, map;
	unsigned answered, failed; /* replies so far */
	char what[80];		   /* that failed, for messages */
};

static inline enum mx_acl_action anybody(const void *arg, const struct sockaddr *peer)
{
	(void)arg;
	(void)peer;
	return MX_ACL_ALLOW;
}

static inline void services_free(struct scene *s)
{
	control_free(s->control);
	policy_server_free(s->policy);
	route_asks_free(s->asks);
	s->control = NULL;
	s->policy = NULL;
	s->asks = NULL;
}

static inline bool services_make(struct scene *s)
{
	const struct policy_access access = { anybody, NULL };
	struct worker *worker = s->w.worker;

	s->asks = route_asks_new(worker->base, worker->lookups, &s->w.config);
	if (s->asks) {
		s->commands = (struct commands){
			.base = worker->base, .asks = s->asks,
			.lookups = worker->lookups,
		};
		s->control = control_new(worker->base, &s->commands);
		s->policy = policy_server_new(worker->base, s->asks,
					      NULL, &access,
					      &worker->counters);
	}
	return s->asks && s->control && s->policy;
}

static inline void listen_unix(struct unix_end *end, void (*serve)(void *, int),
			void *service)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	end->at.sun_family = AF_UNIX;
	end->len = sizeof end->at;
	assert_int_equal(bind(fd, (struct sockaddr *)&end->at,
			      sizeof end->at.sun_family), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&end->at, &end->len),
			 0);
	serve(service, fd);
}

static inline int connect_unix(const struct unix_end *end)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&end->at,
				 end->len), 0);
	return fd;
}

static inline void begin(struct scene *s)
{
	static char ahead[] = "mail-prefetch=yes", text[] = "refresh=yes";
	char *sets[] = { ahead, text };

	memset(s, 0, sizeof *s);
	world_begin(&s->w, sets, 2);
	world_resolver_comes(&s->w, 0);
	assert_true(services_make(s));
	listen_unix(&s->ctl_at, control_listen, s->control);
	listen_unix(&s->map_at, policy_server_listen, s->policy);
	s->udp = s->tcp = s->ctl = s->map = -1;
}

static inline void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void end(struct scene *s)
{
	drop(&s->udp);
	drop(&s->tcp);
	drop(&s->ctl);
	drop(&s->map);
	world_turn(&s->w);
	services_free(s);
	world_end(&s->w);
}

/* ---- the resolver ---- */

/* RDATA of everything, so that any answer can be told from a wrong one. */
static inline bool rr_of(uint16_t type, const char *name, char *rr, size_t room)
{
	switch (type) {
	case MX_TYPE_MX:
		snprintf(rr, room, "%s 300 MX 10 mx.%s", name, name);
		return true;
	case MX_TYPE_A:
		snprintf(rr, room, "%s 300 A 192.0.2.1", name);
		return true;
	case MX_TYPE_AAAA:
		snprintf(rr, room, "%s 300 AAAA 2001:db8::1", name);
		return true;
	case MX_TYPE_TLSA:
		snprintf(rr, room, "%s 300 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000001",
			 name);
		return true;
	default:
		return false;
	}
}

static inline void answer(struct world *w, const struct mx_channel_question *q)
{
	static uint8_t packet[1024];
	char name[MX_NAME_TEXT_MAX], rr[2 * MX_NAME_TEXT_MAX + 100];
	struct mx_channel_answer a = { .id = q->id, .state = MX_SECURE,
				       .why = "", .packet = packet };
	struct mx_out out;

	mx_name_to_text(q->key.qname, name);
	bool has = rr_of(q->key.qtype, name, rr, sizeof rr);
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u32(&out, has ? 0x00010001 : 0x00010000);
	mx_out_u32(&out, has ? 0 : 0x00010000);
	zone_put_name(&out, name);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	if (!has)
		snprintf(rr, sizeof rr, "%s 300 SOA ns. root. 1 2 3 4 300", name);
	assert_true(zone_put_rr(&out, rr));
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

static inline void answer_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	bool any = true;

	while (any) {
		any = false;
		world_turn(w);
		while (world_question(w, 0, &q, buf)) {
			answer(w, &q);
			any = true;
		}
	}
}

/* ---- DNS clients ---- */

static inline size_t query_of(const char *name, uint8_t *ret, size_t room)
{
	struct mx_out out;

	mx_out_init(&out, ret, room);
	mx_out_u16(&out, ID);
	mx_out_u16(&out, 0x0100);
	mx_out_u32(&out, 0x00010000);
	mx_out_u32(&out, 0x00000001);
	zone_put_name(&out, name);
	mx_out_u16(&out, MAIL);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_octets(&out, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11); /* OPT, DO */
	return mx_out_len(&out);
}

/* Right, or SERVFAIL; anything else fails the test. */
static inline void judge(struct scene *s, const char *name, const uint8_t *reply,
		  size_t len)
{
	static const uint8_t exchange[] = { 0, 10, 2, 'm', 'x' };
	uint8_t query[300];
	size_t query_len = query_of(name, query, sizeof query) - 11;

	assert_true(len >= query_len);
	assert_int_equal(reply[0] << 8 | reply[1], ID);
	assert_memory_equal(reply + 12, query + 12, query_len - 12);
	if ((reply[3] & 15) == 2) {
		assert_int_equal(reply[7], 0);
		s->failed++;
		return;
	}
	assert_int_equal(reply[3] & 15, 0);
	assert_int_equal(reply[7], 1);
	assert_non_null(memmem(reply, len, exchange, sizeof exchange));
	s->answered++;
}

static inline void ask_udp(struct scene *s, const char *name)
{
	uint8_t query[300];

	if (s->udp < 0)
		s->udp = world_client(&s->w, 3, false);
	assert_true(send(s->udp, query, query_of(name, query, sizeof query), 0) > 0);
	world_turn(&s->w);
}

static inline void hear_udp(struct scene *s, const char *name)
{
	uint8_t reply[4096];
	ssize_t got;

	answer_all(&s->w);
	while ((got = recv(s->udp, reply, sizeof reply, MSG_DONTWAIT)) > 0)
		judge(s, name, reply, (size_t)got);
}

/* False: it was closed, or nothing comes. */
static inline bool take(int fd, void *octets, size_t len)
{
	return recv(fd, octets, len, MSG_DONTWAIT) == (ssize_t)len;
}

static inline void ask_tcp(struct scene *s, const char *name)
{
	uint8_t query[300];
	size_t len = query_of(name, query + 2, sizeof query - 2);

	query[0] = 0;
	query[1] = (uint8_t)len;
	if (s->tcp < 0)
		s->tcp = world_client(&s->w, 4, true);
	if (send(s->tcp, query, len + 2, MSG_NOSIGNAL) < 0)
		drop(&s->tcp);
	world_turn(&s->w);
}

static inline void hear_tcp(struct scene *s, const char *name)
{
	uint8_t head[2], reply[4096];

	answer_all(&s->w);
	while (s->tcp >= 0 && take(s->tcp, head, 2)) {
		size_t len = (size_t)(head[0] << 8 | head[1]);

		assert_true(len <= sizeof reply);
		if (!take(s->tcp, reply, len))
			break;
		judge(s, name, reply, len);
	}
	/* A failure may have cost the connection. */
	if (s->tcp >= 0 && recv(s->tcp, head, 1, MSG_DONTWAIT) == 0)
		drop(&s->tcp);
}

/* ---- clients of the services ---- */

/* What has come; NULL: nothing, or it was closed. */
static inline const char *hear_text(struct scene *s, int *fd)
{
	static char text[65536];

	/* A route takes as many turns as it has steps, and TLSA come last. */
	for (int i = 0; i < 4; i++)
		answer_all(&s->w);
	ssize_t got = *fd >= 0 ? recv(*fd, text, sizeof text - 1, MSG_DONTWAIT) : 0;
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop(fd);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

static inline void say(struct scene *s, int *fd, const char *text)
{
	if (*fd >= 0 && send(*fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		drop(fd);
	world_turn(&s->w);
}

static inline void ask_control(struct scene *s, const char *command)
{
	char line[200];

	if (s->ctl < 0)
		s->ctl = connect_unix(&s->ctl_at);
	snprintf(line, sizeof line,
		 "{\"id\":1,\"command\":\"%s\",\"destination\":\"a.example\"}\n",
		 command);
	say(s, &s->ctl, line);
}

static inline void hear_control(struct scene *s, const char *right)
{
	const char *text = hear_text(s, &s->ctl);

	if (!text)
		return;
	if (strstr(text, right))
		s->answered++;
	else if (strstr(text, "\"error\"") || strstr(text, "try-again") ||
		 strstr(text, "\"temporary\""))
		s->failed++;
	else
		fail_msg("%s", text);
}

static inline void ask_policy(struct scene *s)
{
	if (s->map < 0)
		s->map = connect_unix(&s->map_at);
	say(s, &s->map, "15:QUERY a.example,");
}

static inline void hear_policy(struct scene *s)
{
	const char *text = hear_text(s, &s->map);

	if (!text)
		return;
	/* Never NOTFOUND: the domain has DANE. */
	if (strstr(text, ":OK dane-only"))
		s->answered++;
	else if (strstr(text, ":TEMP "))
		s->failed++;
	else
		fail_msg("%s", text);
}

/* ---- kinds of requests ---- */

static inline void udp(struct scene *s)
{
	ask_udp(s, "a.example.");
	hear_udp(s, "a.example.");
}

static inline void tcp(struct scene *s)
{
	ask_tcp(s, "a.example.");
	hear_tcp(s, "a.example.");
}

static inline void route(struct scene *s)
{
	ask_control(s, "route");
	hear_control(s, "\"outcome\":\"deliver\"");
}

static inline void policy_of(struct scene *s)
{
	ask_control(s, "policy");
	hear_control(s, "dane-only");
}

static inline void policy(struct scene *s)
{
	ask_policy(s);
	hear_policy(s);
}

/* Two clients, and a resolver that is replaced meanwhile. */
static inline void udp_resent(struct scene *s)
{
	ask_udp(s, "a.example.");
	ask_udp(s, "a.example.");
	world_resolver_dies(&s->w, 0);
	world_turn(&s->w);
	world_resolver_comes(&s->w, 0);
	hear_udp(s, "a.example.");
}

/* The answer is there; it is refreshed after it has run out. */
static inline void udp_refreshed(struct scene *s)
{
	udp(s);
	udp(s);
	world_pass(&s->w, 302000);
	answer_all(&s->w);
	udp(s);
}

/* The front may close what it cannot serve; then the client comes again. */
static inline void recover(struct scene *s, void (*request)(struct scene *))
{
	unsigned before;

	/* Failures are kept for 30 s at most, and waits end by then. */
	for (int i = 0; i < 12; i++) {
		world_pass(&s->w, 5000);
		answer_all(&s->w);
	}
	/* Whatever came late is no answer to what comes now. */
	if (s->udp >= 0)
		hear_udp(s, "a.example.");
	drop(&s->tcp);
	drop(&s->ctl);
	drop(&s->map);
	world_turn(&s->w);
	before = s->answered;
	request(s);
	if (s->answered == before)
		fail_msg("%snot answered once nothing failed any more", s->what);
}

#endif
