/* A client's TCP stream, cut into segments anywhere, into the real tcp.c over
 * a real connection; a resolver that answers in whatever order.
 *
 *   input   {1..127, that many octets} a segment
 *           {128..255} the resolver answers what it has: bits 0 and 1 how,
 *           bit 2 the oldest or the latest first
 *
 * Claims: each query in a frame of its own is read, once, up to the first
 * impossible length; each that is to be answered is, once, with its ID,
 * though the client half-closes at once; then the connection is closed and
 * nothing waits. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "front.h"
#include "mx_wire.h"

#define QUESTIONS_MAX 64

static struct fuzz_front front;
static struct sockaddr_in at;

static void begin(void)
{
	static char sets[][32] = { "workers=1", "resolvers=1",
				   "tcp-in-flight-max=4", "in-flight-max=16" };
	char *all[] = { sets[0], sets[1], sets[2], sets[3] };
	socklen_t len = sizeof at;
	int fd;

	fuzz_begin(&front, all, 4);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	at = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
	CHECK(listen(fd, 16) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	fuzz_tell(&front, WORKER_TCP, fd);
	fuzz_turn(&front);
}

static int client_new(void)
{
	/* Each from another address: one has not ports enough for all that
	 * are in TIME-WAIT. */
	static uint32_t inputs;
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++inputs % 65536),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		/* libFuzzer's alarm; connecting goes on. */
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		CHECK(errno == EINTR);
		while (poll(&p, 1, -1) < 0)
			CHECK(errno == EINTR);
		CHECK(p.revents == POLLOUT);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* ---- the resolver ---- */

struct held {
	uint8_t octets[MX_CHANNEL_QUESTION_MAX];
	size_t len;
};
static struct held held[QUESTIONS_MAX];
static unsigned held_count;

static void answer(const struct held *h, unsigned how)
{
	uint8_t buf[MX_CHANNEL_LEN + 8 + 12 + MX_NAME_MAX + 4];
	struct mx_channel_question q;
	struct mx_out out;

	CHECK(mx_channel_unpack_question(h->octets, h->len, &q) == MX_OK);
	mx_out_init(&out, buf, sizeof buf);
	mx_out_u32(&out, 0); /* the length, once it is known */
	mx_out_u32(&out, q.id);
	/* NODATA, NXDOMAIN, failed, refused */
	mx_out_u8(&out, how < 2 ? MX_CHANNEL_ANSWER : (uint8_t)(how - 1));
	mx_out_u8(&out, MX_INSECURE);
	mx_out_u16(&out, 0);
	if (how < 2) {
		mx_out_u16(&out, 0);
		mx_out_u16(&out, how == 0 ? 0x8180 : 0x8183);
		mx_out_u16(&out, 1);
		mx_out_u16(&out, 0);
		mx_out_u32(&out, 0);
		mx_out_octets(&out, q.key.qname, q.key.qname_len);
		mx_out_u16(&out, q.key.qtype);
		mx_out_u16(&out, q.key.qclass);
	}
	mx_channel_pack_len(mx_out_len(&out) - MX_CHANNEL_LEN, buf);
	CHECK(send(front.resolver, buf, mx_out_len(&out), MSG_NOSIGNAL) > 0);
}

static void answer_all(unsigned how)
{
	fuzz_turn(&front);
	while (held_count < QUESTIONS_MAX) {
		struct held *h = &held[held_count];
		ssize_t got = recv(front.resolver, h->octets, sizeof h->octets,
				   MSG_DONTWAIT);

		if (got <= 0)
			break;
		h->len = (size_t)got;
		held_count++;
	}
	for (unsigned i = 0; i < held_count; i++)
		answer(&held[how & 4 ? held_count - 1 - i : i], how & 3);
	held_count = 0;
	fuzz_turn(&front);
}

/* ---- the client ---- */

/* What the stream holds, found in another way than tcp.c does. */
struct expected {
	unsigned frames, replies;
	uint8_t id_count[65536 / 16][16]; /* replies to come, by ID */
};

static void expect(struct expected *e, const uint8_t *stream, size_t len)
{
	size_t from = 0;

	while (len - from >= 2) {
		size_t frame = (size_t)stream[from] << 8 | stream[from + 1];
		struct mx_query q;
		enum mx_error err;

		if (frame < MX_HEADER_LEN || len - from - 2 < frame)
			return;
		e->frames++;
		if (mx_query_read(stream + from + 2, frame, &q, &err) !=
		    MX_QUERY_DROP) {
			e->replies++;
			e->id_count[q.id / 16][q.id % 16]++;
		}
		from += 2 + frame;
	}
}

/* Read what is there; true at the end of the stream. */
static bool hear(int fd, struct expected *e)
{
	static uint8_t in[2 + MX_MESSAGE_MAX];
	static size_t have;

	for (;;) {
		size_t want = have < 2 ? 2 : 2 + (size_t)(in[0] << 8 | in[1]);

		if (have >= 2 && have == want) {
			unsigned id = (unsigned)in[2] << 8 | in[3];

			CHECK(have >= 2 + MX_HEADER_LEN);
			CHECK(in[4] & 0x80);
			CHECK(e->id_count[id / 16][id % 16] > 0);
			e->id_count[id / 16][id % 16]--;
			e->replies--;
			have = 0;
			continue;
		}
		ssize_t got = recv(fd, in + have, want - have, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return false;
		CHECK(got >= 0 || errno == ECONNRESET);
		if (got <= 0) {
			CHECK(have == 0);
			return true;
		}
		have += (size_t)got;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t stream[70000];
	static struct expected e;
	size_t stream_len = 0;
	unsigned how = 0;
	bool closed = false;

	if (!front.worker)
		begin();
	if (len > 8192)
		return 0;
	memset(&e, 0, sizeof e);
	for (size_t i = 0; i < len;) {
		size_t n = octets[i++];

		if (n >= 128)
			continue;
		n = n < len - i ? n : len - i;
		memcpy(stream + stream_len, octets + i, n);
		stream_len += n;
		i += n;
	}
	expect(&e, stream, stream_len);

	uint64_t before = front.worker->counters.queries_tcp;
	int client = client_new();
	for (size_t i = 0; i < len && !closed;) {
		size_t n = octets[i++];

		if (n >= 128) {
			how = n;
			answer_all(how);
			closed = hear(client, &e);
			continue;
		}
		n = n < len - i ? n : len - i;
		/* It may have been closed because of an impossible length. */
		if (n > 0 && send(client, octets + i, n, MSG_NOSIGNAL) < 0)
			break;
		i += n;
		fuzz_turn(&front);
		closed = hear(client, &e);
	}
	shutdown(client, SHUT_WR);
	for (int i = 0; i < 100000 && !closed; i++) {
		answer_all(how);
		closed = hear(client, &e);
	}
	CHECK(closed);
	CHECK(front.worker->counters.queries_tcp - before == e.frames);
	CHECK(e.replies == 0);
	CHECK(tcp_open(front.worker->tcp) == 0);
	CHECK(lookups_waiting(front.worker->lookups) == 0);
	CHECK(fuzz_classes(&front) == front.worker->counters.queries);
	close(client);
	return 0;
}
