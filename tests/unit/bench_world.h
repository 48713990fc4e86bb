/* bench_world.h - servers and a clock that are only made up, for the engine of
 * mxbound-bench: what is sent at which moment is answered after a delay that
 * the test chooses, and nothing else takes any time. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/engine.h"

#define MS 1000000ll
#define START_NS (1000 * SECOND_NS)
#define WORLD_PACKETS 65536u
#define WORLD_PACKET_MAX 600u

struct world_packet {
	bool used;
	unsigned server, lane;
	int64_t at_ns;
	size_t len;
	uint8_t octets[WORLD_PACKET_MAX];
};

struct world {
	struct results results;
	struct engine *engine;
	int64_t now_ns;
	int64_t late_ns; /* the generator comes so much too late */
	uint64_t sent;
	/* What a server does with a question: it puts answers on the way. */
	void (*server)(struct world *w, const struct engine_out *out);
	const int64_t *delays; /* of the n-th question of all, if it uses them */
	void *arg;
	struct world_packet *packets; /* WORLD_PACKETS, on the way */
	unsigned on_the_way, highest;
};

/* ---- answers ---- */

static inline size_t answer_head(const struct engine_out *out, uint8_t *ret,
				 unsigned rcode, unsigned answers)
{
	size_t at = MX_HEADER_LEN;

	while (out->octets[at] != 0)
		at += 1u + out->octets[at];
	at += 5;
	memcpy(ret, out->octets, at);
	ret[2] = (uint8_t)(ret[2] | 0x80);
	ret[3] = (uint8_t)(0x80 | rcode);
	mx_put_u16(ret + 4, 1);
	mx_put_u16(ret + 6, (uint16_t)answers);
	memset(ret + 8, 0, 4);
	return at;
}

/* An RR of QNAME and QTYPE after what is there. */
static inline size_t answer_rr(uint8_t *ret, size_t at, uint32_t ttl_s,
			       const void *rdata, size_t len)
{
	size_t type = MX_HEADER_LEN;

	while (ret[type] != 0)
		type += 1u + ret[type];
	mx_put_u16(ret + at, 0xc00c);
	memcpy(ret + at + 2, ret + type + 1, 4);
	mx_put_u32(ret + at + 6, ttl_s);
	mx_put_u16(ret + at + 10, (uint16_t)len);
	memcpy(ret + at + 12, rdata, len);
	return at + 12 + len;
}

static inline void world_put(struct world *w, const struct engine_out *out,
			     const uint8_t *octets, size_t len, int64_t delay_ns)
{
	for (unsigned i = 0; i < WORLD_PACKETS; i++) {
		struct world_packet *p = &w->packets[i];

		if (p->used)
			continue;
		*p = (struct world_packet){ true, out->server, out->lane,
					    w->now_ns + delay_ns, len, { 0 } };
		memcpy(p->octets, octets, len);
		w->on_the_way++;
		w->highest = i + 1 > w->highest ? i + 1 : w->highest;
		return;
	}
	fail_msg("too many packets on the way");
}

/* One address, after so long. */
static inline void world_answer(struct world *w, const struct engine_out *out,
				uint32_t ttl_s, int64_t delay_ns)
{
	uint8_t octets[WORLD_PACKET_MAX];
	size_t at = answer_head(out, octets, 0, 1);

	at = answer_rr(octets, at, ttl_s, "\300\0\2\1", 4);
	world_put(w, out, octets, at, delay_ns);
}

/* ---- time ---- */

static inline struct world_packet *next_packet(struct world *w)
{
	struct world_packet *first = NULL;

	for (unsigned i = 0; i < w->highest; i++)
		if (w->packets[i].used &&
		    (first == NULL || w->packets[i].at_ns < first->at_ns))
			first = &w->packets[i];
	return first;
}

static inline void send_all(struct world *w)
{
	struct engine_out out;

	while (engine_take(w->engine, w->now_ns, &out)) {
		w->server(w, &out);
		w->sent++;
	}
}

/* Until all is over, or that time. */
static inline void world_run(struct world *w, int64_t until_ns)
{
	while (!engine_done(w->engine)) {
		struct world_packet *p = next_packet(w);
		int64_t wake = engine_wake(w->engine);

		if (wake != INT64_MAX && wake > w->now_ns)
			wake += w->late_ns;
		if (p != NULL && p->at_ns <= wake) {
			w->now_ns = p->at_ns > w->now_ns ? p->at_ns : w->now_ns;
			engine_reply(w->engine, p->server, p->lane, p->octets,
				     p->len, p->at_ns);
			p->used = false;
			w->on_the_way--;
		} else {
			if (wake > until_ns)
				return;
			w->now_ns = wake > w->now_ns ? wake : w->now_ns;
		}
		engine_expire(w->engine, w->now_ns);
		send_all(w);
	}
}

/* ---- set up ---- */

static inline void world_begin(struct world *w, struct engine_options *o)
{
	memset(w, 0, sizeof *w);
	w->packets = calloc(WORLD_PACKETS, sizeof *w->packets);
	assert_non_null(w->packets);
	assert_true(results_init(&w->results, o->servers));
	o->start_ns = START_NS;
	w->now_ns = START_NS - 1;
	if (o->timeout_ns == 0)
		o->timeout_ns = 5 * SECOND_NS;
	if (o->sockets == 0)
		o->sockets = 4;
	w->engine = engine_new(o, &w->results);
	assert_non_null(w->engine);
}

static inline void world_end(struct world *w)
{
	engine_free(w->engine);
	results_clear(&w->results);
	free(w->packets);
}

/* Questions from text, "NAME TYPE" a line. */
static inline struct queries questions(const char *text)
{
	char path[] = "/tmp/test-bench-XXXXXX";
	struct queries_options options = { .edns = true };
	struct queries q;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_true(queries_read(path, &options, &q));
	unlink(path);
	return q;
}

static inline double ms_at(const struct histogram *h, double share)
{
	return (double)histogram_at(h, share) / (double)MS;
}

#endif
