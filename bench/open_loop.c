/* open_loop - what clients feel: latency under a load that waits for nobody.
 *
 *   open_loop [options] ADDRESS PORT FILE
 *
 *   -r RATE     queries a second (1000)
 *   -l SECONDS  how long to send (5); with -1 until the file is through
 *   -1          each question once, in order (cold names), else round and round
 *   -k SKIP     pass over the first SKIP questions of the file
 *   -n COUNT    and take COUNT of those after
 *   -s SOCKETS  source ports (8)
 *   -e, -D      with EDNS; with EDNS and DO
 *   -w SECONDS  wait so long for the last answers (3)
 *   -b US       be awake so long before each query is due (0): timers of a
 *               virtual machine are late by as much
 *   -H          the histograms too, to be pooled
 *
 * Query i is sent at start + i / RATE (schedule.h), and its latency counts from
 * there to when the kernel took the reply: neither a slow server nor a slow
 * generator makes it look better. When the generator was late is told beside
 * it, and with it whose fault a long latency is. FILE is as in queries.h.
 * What came out is one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../src/tools/mxbound-bench/histogram.h"
#include "../src/tools/mxbound-bench/measure.h"
#include "../src/tools/mxbound-bench/queries.h"
#include "../src/tools/mxbound-bench/schedule.h"
#include "mx_wire.h"

#define SOCKETS_MAX 64u
#define IDS 65536u
#define REPLY_MAX 4096u
#define RECEIVE_BATCH 32
#define SEND_BATCH 32u
#define BUFFER_OCTETS (1 << 20)
#define START_AFTER_NS (20 * 1000000ll)
/* More than a timer and a turn of the loop take where there is a processor. */
#define LATE_NS (200 * 1000ll)
/* An ID must not come back before its answer may have been late. */
#define RATE_OF_SOCKET_MAX (IDS / 6)

/* One query that waits, found by socket and ID. */
struct waiting {
	uint64_t number; /* of the query, from 1; 0: nobody waits */
	int64_t sent_ns;
};

struct tally {
	uint64_t sent, answered, late, unsent, strange, secure, truncated;
	uint64_t rcodes[RCODES];
	uint64_t in_time; /* answered before the last was to be sent */
};

struct load {
	struct queries queries;
	struct schedule schedule;
	struct sockaddr_storage to;
	socklen_t to_len;
	unsigned sockets;
	struct pollfd polled[SOCKETS_MAX];
	struct waiting (*waiting)[IDS]; /* for each socket */
	int64_t wait_ns, awake_ns;
	bool once;

	struct tally tally;
	struct histogram latency, from_sending, lag;
};

/* ---- sending ---- */

static void send_one(struct load *l, uint64_t i)
{
	size_t which = i % l->queries.count;
	unsigned s = (unsigned)(i % l->sockets);
	uint16_t id = (uint16_t)(i / l->sockets);
	struct waiting *w = &l->waiting[s][id];
	uint8_t octets[MX_HEADER_LEN + MX_NAME_MAX + 32];
	uint16_t len = l->queries.list[which].len;
	int64_t lag;

	memcpy(octets, queries_octets(&l->queries, which), len);
	mx_put_u16(octets, id);
	w->number = i + 1;
	w->sent_ns = clock_ns(CLOCK_MONOTONIC);
	lag = w->sent_ns - schedule_due(&l->schedule, i);
	histogram_add(&l->lag, lag);
	l->tally.late += lag > LATE_NS;
	l->tally.sent++;
	/* A query that the kernel does not take is one that gets no answer. */
	if (send(l->polled[s].fd, octets, len, MSG_DONTWAIT) < 0)
		l->tally.unsent++;
}

/* All that is due, a batch at most: answers are read in between. */
static uint64_t send_due(struct load *l, uint64_t next)
{
	uint64_t due = schedule_count(&l->schedule, clock_ns(CLOCK_MONOTONIC));

	if (due > next + SEND_BATCH)
		due = next + SEND_BATCH;
	for (; next < due; next++)
		send_one(l, next);
	return next;
}

/* ---- answers ---- */

static void take(struct load *l, unsigned s, const uint8_t *reply, size_t len,
		 int64_t at_ns)
{
	struct tally *t = &l->tally;
	struct waiting *w;
	uint64_t i;

	if (len < MX_HEADER_LEN) {
		t->strange++;
		return;
	}
	w = &l->waiting[s][reply[0] << 8 | reply[1]];
	i = w->number - 1;
	if (w->number == 0 ||
	    !queries_match(&l->queries, i % l->queries.count, reply, len)) {
		t->strange++;
		return;
	}
	histogram_add(&l->latency, at_ns - schedule_due(&l->schedule, i));
	histogram_add(&l->from_sending, at_ns - w->sent_ns);
	w->number = 0;
	t->answered++;
	t->in_time += at_ns <= schedule_due(&l->schedule, l->schedule.total);
	t->rcodes[reply[3] & 15]++;
	t->truncated += (reply[2] & 2) != 0;
	t->secure += (reply[3] & 0x20) != 0;
}

static void receive(struct load *l, unsigned s)
{
	static uint8_t octets[RECEIVE_BATCH][REPLY_MAX];
	static uint8_t control[RECEIVE_BATCH][CMSG_SPACE(sizeof(struct timespec))];
	struct mmsghdr m[RECEIVE_BATCH];
	struct iovec iov[RECEIVE_BATCH];
	int64_t wall_ns, now_ns;
	int got;

	for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
		iov[i] = (struct iovec){ octets[i], REPLY_MAX };
		m[i].msg_hdr = (struct msghdr){
			.msg_iov = &iov[i], .msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof control[i] };
	}
	got = recvmmsg(l->polled[s].fd, m, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	wall_ns = clock_ns(CLOCK_REALTIME);
	now_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < got; i++)
		take(l, s, octets[i], m[i].msg_len,
		     arrival_ns(&m[i].msg_hdr, wall_ns, now_ns));
}

/* ---- the run ---- */

static void wait_until(struct load *l, int64_t until_ns)
{
	int64_t ns = until_ns - clock_ns(CLOCK_MONOTONIC);
	struct timespec t = { 0 };

	if (ns > 0)
		t = (struct timespec){ ns / SECOND_NS, ns % SECOND_NS };
	if (ppoll(l->polled, l->sockets, &t, NULL) <= 0)
		return;
	for (unsigned s = 0; s < l->sockets; s++)
		if (l->polled[s].revents != 0)
			receive(l, s);
}

static void run(struct load *l)
{
	uint64_t next = 0;
	int64_t end_ns;

	while (next < l->schedule.total) {
		/* In the past, once it is time to be awake: a look, no wait. */
		wait_until(l, schedule_due(&l->schedule, next) - l->awake_ns);
		next = send_due(l, next);
	}
	end_ns = clock_ns(CLOCK_MONOTONIC) + l->wait_ns;
	while (l->tally.answered < l->tally.sent &&
	       clock_ns(CLOCK_MONOTONIC) < end_ns)
		wait_until(l, end_ns);
}

/* ---- what came out ---- */

static json_t *rcodes(const struct tally *t)
{
	json_t *found = json_object();

	for (unsigned i = 0; i < RCODES; i++)
		if (t->rcodes[i] > 0)
			json_object_set_new(found, rcode_text(i),
				json_integer((json_int_t)t->rcodes[i]));
	return found;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static json_t *percentiles(const struct histogram *h)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
			 "p50", us(histogram_at(h, 0.5)),
			 "p90", us(histogram_at(h, 0.9)),
			 "p95", us(histogram_at(h, 0.95)),
			 "p99", us(histogram_at(h, 0.99)),
			 "p99.9", us(histogram_at(h, 0.999)),
			 "mean", histogram_mean(h) / 1000,
			 "max", us(h->max_ns));
}

/* Pairs of the longest duration of a slot, in ns, and how many it holds. */
static json_t *slots(const struct histogram *h)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++)
		if (h->slots[i] > 0)
			json_array_append_new(list, json_pack("[I, I]",
				(json_int_t)histogram_slot_end(i),
				(json_int_t)h->slots[i]));
	return list;
}

static int report(const struct load *l, bool histograms)
{
	const struct tally *t = &l->tally;
	double seconds = (double)l->schedule.total / l->schedule.rate;
	json_t *line = json_pack(
		"{s:i, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:f, s:f, s:o, s:o, s:o}",
		"rate", (int)l->schedule.rate,
		"seconds", seconds,
		"sent", (json_int_t)t->sent,
		"answered", (json_int_t)t->answered,
		"lost", (json_int_t)(t->sent - t->answered),
		"unsent", (json_int_t)t->unsent,
		"strange", (json_int_t)t->strange,
		"secure", (json_int_t)t->secure,
		"truncated", (json_int_t)t->truncated,
		"rcodes", rcodes(t),
		"late", (json_int_t)t->late,
		/* While it was asked: a backlog at the end is none of it. */
		"answers_s", (double)t->in_time / seconds,
		"cpu_s", cpu_used_s(),
		"latency_us", percentiles(&l->latency),
		"from_sending_us", percentiles(&l->from_sending),
		"lag_us", percentiles(&l->lag));

	if (line == NULL)
		return 1;
	if (histograms) {
		json_object_set_new(line, "latency_ns", slots(&l->latency));
		json_object_set_new(line, "from_sending_ns",
				    slots(&l->from_sending));
		json_object_set_new(line, "lag_ns", slots(&l->lag));
	}
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
	putchar('\n');
	json_decref(line);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- set up ---- */

static bool parse_address(const char *address, unsigned port, struct load *l)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&l->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&l->to;

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		l->to_len = sizeof *v4;
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		l->to_len = sizeof *v6;
	}
	return l->to_len > 0 && port > 0 && port < 65536;
}

static bool open_socket(struct load *l, unsigned s)
{
	int fd = socket(l->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int yes = 1, octets = BUFFER_OCTETS;

	if (fd < 0 || connect(fd, (struct sockaddr *)&l->to, l->to_len) != 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
	l->polled[s] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return true;
}

static bool set_up(struct load *l)
{
	l->waiting = calloc(l->sockets, sizeof *l->waiting);
	if (l->waiting == NULL)
		return false;
	for (unsigned s = 0; s < l->sockets; s++)
		if (!open_socket(l, s)) {
			perror("open_loop");
			return false;
		}
	histogram_clear(&l->latency);
	histogram_clear(&l->from_sending);
	histogram_clear(&l->lag);
	/* Timers may be 50 us late by default, to save power. */
	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	l->schedule.start_ns = clock_ns(CLOCK_MONOTONIC) + START_AFTER_NS;
	return true;
}

static void tear_down(struct load *l)
{
	for (unsigned s = 0; s < l->sockets; s++)
		if (l->polled[s].fd > 0)
			close(l->polled[s].fd);
	free(l->waiting);
	queries_clear(&l->queries);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: open_loop [-r RATE] [-l SECONDS] [-1] [-k SKIP] [-n COUNT] [-s SOCKETS]\n"
		"                 [-e] [-D] [-w SECONDS] [-b US] [-H] ADDRESS PORT FILE\n");
	return 2;
}

struct arguments {
	struct queries_options queries;
	double seconds;
	bool histograms;
};

static bool parse(int argc, char **argv, struct load *l, struct arguments *a)
{
	int option;

	while ((option = getopt(argc, argv, "r:l:1k:n:s:eDw:b:H")) != -1)
		switch (option) {
		case 'r': l->schedule.rate = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'l': a->seconds = strtod(optarg, NULL); break;
		case '1': l->once = true; break;
		case 'k': a->queries.skip = strtoul(optarg, NULL, 10); break;
		case 'n': a->queries.most = strtoul(optarg, NULL, 10); break;
		case 's': l->sockets = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'e': a->queries.edns = true; break;
		case 'D': a->queries.dnssec_ok = true; break;
		case 'w': l->wait_ns = (int64_t)(strtod(optarg, NULL) * SECOND_NS); break;
		case 'b': l->awake_ns = (int64_t)(strtod(optarg, NULL) * 1000); break;
		case 'H': a->histograms = true; break;
		default: return false;
		}
	return argc - optind == 3 && l->sockets >= 1 &&
	       l->sockets <= SOCKETS_MAX && l->schedule.rate >= 1 &&
	       l->schedule.rate <= SECOND_NS && a->seconds > 0 &&
	       parse_address(argv[optind],
			     (unsigned)strtoul(argv[optind + 1], NULL, 10), l);
}

int main(int argc, char **argv)
{
	static struct load l = { .schedule = { .rate = 1000 }, .sockets = 8,
				 .wait_ns = 3 * SECOND_NS };
	struct arguments a = { .seconds = 5 };
	int status = 1;

	if (!parse(argc, argv, &l, &a))
		return usage();
	if (l.schedule.rate > l.sockets * RATE_OF_SOCKET_MAX) {
		fprintf(stderr, "open_loop: at most %u/s from one socket, see -s\n",
			RATE_OF_SOCKET_MAX);
		return 2;
	}
	if (queries_read(argv[optind + 2], &a.queries, &l.queries)) {
		l.schedule.total = (uint64_t)(a.seconds * l.schedule.rate);
		if (l.once && l.schedule.total > l.queries.count)
			l.schedule.total = l.queries.count;
		if (set_up(&l)) {
			run(&l);
			status = report(&l, a.histograms);
		}
	}
	tear_down(&l);
	return status;
}
