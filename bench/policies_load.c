/* policies_load - a Postfix that does nothing but ask for TLS policies.
 *
 *   policies_load PORT MAP CONNECTIONS SECONDS FILE
 *
 * So many connections to 127.0.0.1, each with one request on the way, as
 * smtp(8) has it: the next is sent when the reply is there. Keys are the lines
 * of FILE, round and round. The latency is from sending a request to having its
 * whole reply. What came out is one line of JSON; "replies" is by first word.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../src/tools/mxbound-bench/histogram.h"

#define CONNECTIONS_MAX 1024u
#define KEYS_MAX 100000u
#define REPLY_MAX 4096u
#define REQUEST_MAX 512u
#define EVENTS 64
#define WAIT_MS 5000 /* for a reply; then the server is taken for dead */
#define WORDS(X) X(OK) X(NOTFOUND) X(TEMP) X(TIMEOUT) X(PERM)

#define X(word) WORD_##word,
enum word { WORDS(X) WORD_OTHER, WORD_COUNT };
#undef X
#define X(word) #word,
static const char *const words[] = { WORDS(X) "other" };
#undef X

struct request {
	char octets[REQUEST_MAX];
	size_t len;
};

struct connection {
	int fd;
	int64_t sent_ns;
	char reply[REPLY_MAX];
	size_t have;
};

struct load {
	struct request *requests;
	size_t count, next;
	struct connection *connections;
	unsigned connection_count;
	int epoll;
	struct histogram latency;
	uint64_t replies[WORD_COUNT];
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void give_up(const char *why)
{
	fprintf(stderr, "policies_load: %s\n", why);
	exit(1);
}

static void read_keys(struct load *l, const char *map, const char *path)
{
	char key[256], text[REQUEST_MAX - 16];
	FILE *file = fopen(path, "r");

	l->requests = calloc(KEYS_MAX, sizeof *l->requests);
	if (!file || !l->requests)
		give_up("cannot read the keys");
	while (l->count < KEYS_MAX && fscanf(file, "%255s", key) == 1) {
		struct request *r = &l->requests[l->count++];
		int len = snprintf(text, sizeof text, "%s %s", map, key);

		r->len = (size_t)snprintf(r->octets, sizeof r->octets,
					  "%d:%s,", len, text);
	}
	fclose(file);
	if (l->count == 0)
		give_up("there are no keys");
}

static void send_next(struct load *l, struct connection *c)
{
	const struct request *r = &l->requests[l->next++ % l->count];

	c->have = 0;
	c->sent_ns = now_ns();
	if (send(c->fd, r->octets, r->len, MSG_NOSIGNAL) != (ssize_t)r->len)
		give_up("the server takes no request");
}

/* Is there a whole reply? ret_text is behind its length. */
static bool is_whole(const struct connection *c, const char **ret_text)
{
	const char *colon = memchr(c->reply, ':', c->have);
	size_t len = strtoul(c->reply, NULL, 10);

	if (!colon)
		return false;
	*ret_text = colon + 1;
	return c->have == (size_t)(colon + 1 - c->reply) + len + 1 &&
	       c->reply[c->have - 1] == ',';
}

static enum word word_of(const char *text)
{
	size_t len = strcspn(text, " ,");

	for (unsigned i = 0; i < WORD_OTHER; i++)
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return i;
	return WORD_OTHER;
}

static void receive(struct load *l, struct connection *c, bool more)
{
	const char *text;
	ssize_t got = recv(c->fd, c->reply + c->have,
			   sizeof c->reply - 1 - c->have, 0);

	if (got <= 0)
		give_up("the server has closed a connection");
	c->have += (size_t)got;
	c->reply[c->have] = '\0';
	if (!is_whole(c, &text)) {
		if (c->have == sizeof c->reply - 1)
			give_up("a reply is too long");
		return;
	}
	histogram_add(&l->latency, now_ns() - c->sent_ns);
	l->replies[word_of(text)]++;
	if (more)
		send_next(l, c);
}

static void open_connections(struct load *l, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int yes = 1;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->connections = calloc(l->connection_count, sizeof *l->connections);
	if (l->epoll < 0 || !l->connections)
		give_up("no memory");
	for (unsigned i = 0; i < l->connection_count; i++) {
		struct connection *c = &l->connections[i];
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0)
			give_up("cannot connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event);
	}
}

/* Seconds that it took. */
static double run(struct load *l, double seconds)
{
	int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9);

	for (unsigned i = 0; i < l->connection_count; i++)
		send_next(l, &l->connections[i]);
	while (now_ns() < end) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(l->epoll, events, EVENTS, WAIT_MS);

		if (count <= 0)
			give_up("no reply");
		for (int i = 0; i < count; i++)
			receive(l, events[i].data.ptr, now_ns() < end);
	}
	return (double)(now_ns() - start) / 1e9;
}

static void print(const struct load *l, double seconds)
{
	json_t *replies = json_object();

	for (unsigned i = 0; i < WORD_COUNT; i++)
		if (l->replies[i])
			json_object_set_new(replies, words[i],
				json_integer((json_int_t)l->replies[i]));
	json_t *line = json_pack("{s:I, s:f, s:f, s:f, s:o}",
		"answers", (json_int_t)l->latency.count, "seconds", seconds,
		"p50_us", (double)histogram_at(&l->latency, 0.5) / 1000,
		"p99_us", (double)histogram_at(&l->latency, 0.99) / 1000,
		"replies", replies);

	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
	puts("");
	json_decref(line);
}

int main(int argc, char **argv)
{
	static struct load l;

	if (argc != 6) {
		fprintf(stderr, "usage: policies_load PORT MAP CONNECTIONS SECONDS FILE\n");
		return 2;
	}
	l.connection_count = (unsigned)strtoul(argv[3], NULL, 10);
	if (l.connection_count < 1 || l.connection_count > CONNECTIONS_MAX)
		give_up("1 to 1024 connections");
	histogram_clear(&l.latency);
	read_keys(&l, argv[2], argv[5]);
	open_connections(&l, (uint16_t)strtoul(argv[1], NULL, 10));
	double seconds = run(&l, strtod(argv[4], NULL));

	print(&l, seconds);
	for (unsigned i = 0; i < l.connection_count; i++)
		close(l.connections[i].fd);
	close(l.epoll);
	free(l.connections);
	free(l.requests);
	return 0;
}
