/* cache_replay - traces through the cache, with whatever evict.c is linked.
 *
 *   cache_replay POLICY SEED TRACE:MIB[,MIB...]...
 *
 * Each question is looked up and, if missed, put. POLICY is only a label.
 * Lifetimes outlast the trace, so that a miss is always eviction's, or the
 * first question for a name. One line of JSON for each run:
 *
 *   hits, questions          of all that is counted
 *   kept_hits, kept_questions   without the names that are asked once
 *   series                   hits of the latter in each 100th of the trace,
 *                            from its beginning, as a share; -1: none asked
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mx_cache.h"
#include "mx_ede.h"
#include "trace.h"

#define TTL_S 604800u
#define POINTS 100u
#define DIGITS 13

struct tally {
	uint64_t hits, questions;
};

struct run {
	struct mx_cache *cache;
	struct tally all, kept, points[POINTS];
};

static uint8_t octets[2][MX_MESSAGE_MAX], out[MX_MESSAGE_MAX];

/* ---- one question ---- */

struct name {
	uint8_t octets[32];
	struct mx_key key;
};

/* The number in hexadecimal, below "example". */
static const struct mx_key *key_of(struct name *n,
				   const struct trace_question *q)
{
	uint64_t number = q->name;

	n->octets[0] = DIGITS;
	for (unsigned i = DIGITS; i > 0; i--, number >>= 4)
		n->octets[i] = (uint8_t)"0123456789abcdef"[number & 15];
	memcpy(n->octets + 1 + DIGITS, "\007example", 9);
	n->key = (struct mx_key){ n->octets, DIGITS + 10, q->qtype, 1 };
	return &n->key;
}

static void put(struct run *r, const struct mx_key *key,
		const struct trace_question *q, mx_instant now)
{
	static const uint16_t ttl_at[] = { 6 };
	struct mx_answer a = {
		.state = MX_INSECURE, .ttl_s = TTL_S, .ede = MX_EDE_NONE,
		.why = "",
		.plain = { .octets = octets[0], .len = q->len_plain,
			   .ancount = 1, .ttl_count = 1, .ttl_at = ttl_at },
	};

	a.full = a.plain;
	if (q->len_full != q->len_plain) {
		a.state = MX_SECURE;
		a.full.octets = octets[1];
		a.full.len = q->len_full;
	}
	mx_cache_put(r->cache, key, &a, now);
}

static void count(struct tally *t, bool hit)
{
	t->hits += hit;
	t->questions++;
}

static void ask(struct run *r, const struct trace_question *q, uint64_t at,
		uint64_t length)
{
	mx_instant now = (mx_instant)at;
	struct mx_found found;
	struct name name;
	const struct mx_key *key = key_of(&name, q);
	bool hit = mx_cache_get(r->cache, key, now, false, out, sizeof out,
				&found) == MX_HIT;

	if (!hit)
		put(r, key, q, now);
	if (!q->once)
		count(&r->points[at * POINTS / length], hit);
	if (q->counted)
		count(&r->all, hit);
	if (q->counted && !q->once)
		count(&r->kept, hit);
}

/* ---- a run ---- */

static json_t *series(const struct run *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < POINTS; i++) {
		const struct tally *t = &r->points[i];

		json_array_append_new(list, json_real(t->questions == 0 ? -1 :
			(double)t->hits / (double)t->questions));
	}
	return list;
}

static void report(const struct run *r, const char *policy, uint64_t seed,
		   const char *trace, unsigned mib, double seconds)
{
	struct mx_cache_stats stats;
	json_t *line;

	mx_cache_stats(r->cache, &stats);
	line = json_pack("{s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o}",
			 "policy", policy, "trace", trace,
			 "seed", (json_int_t)seed, "cache_mib", (int)mib,
			 "hits", (json_int_t)r->all.hits,
			 "questions", (json_int_t)r->all.questions,
			 "kept_hits", (json_int_t)r->kept.hits,
			 "kept_questions", (json_int_t)r->kept.questions,
			 "entries", (json_int_t)stats.entries,
			 "octets", (json_int_t)stats.octets,
			 "evicted", (json_int_t)stats.evicted,
			 "seconds", seconds, "series", series(r));
	if (line == NULL)
		exit(1);
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(5));
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool replay(const char *policy, uint64_t seed, const char *name,
		   unsigned mib)
{
	/* The same key each time: the same names share a bucket. */
	const struct mx_cache_config config = {
		.size_octets = (size_t)mib << 20,
		.hash_key = (const uint8_t *)"for every policy",
	};
	struct trace *trace = trace_new(name, seed);
	struct run r = { 0 };
	struct trace_question q;
	double start = now_s();
	const char *broken;

	if (trace == NULL || mx_cache_new(&config, &r.cache) != MX_OK) {
		fprintf(stderr, "cache_replay: cannot run %s in %u MiB\n", name, mib);
		trace_free(trace);
		return false;
	}
	for (uint64_t at = 0; trace_next(trace, &q); at++)
		ask(&r, &q, at, trace_length(trace));
	broken = mx_cache_check(r.cache);
	if (broken != NULL)
		fprintf(stderr, "cache_replay: %s: %s\n", name, broken);
	else
		report(&r, policy, seed, name, mib, now_s() - start);
	trace_free(trace);
	mx_cache_free(r.cache);
	return broken == NULL;
}

int main(int argc, char **argv)
{
	for (int i = 3; i < argc; i++) {
		char *sizes = strchr(argv[i], ':'), *size;

		if (sizes == NULL)
			return 2;
		*sizes++ = '\0';
		while ((size = strsep(&sizes, ",")) != NULL)
			if (!replay(argv[1], strtoull(argv[2], NULL, 0), argv[i],
				    (unsigned)strtoul(size, NULL, 10)))
				return 1;
	}
	return argc > 3 ? 0 : 2;
}
