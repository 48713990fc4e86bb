/* metrics.c - all that is counted, for Prometheus. See metrics.h. */
#include "metrics.h"

#include <inttypes.h>

/* A bucket for each doubling from 8 us to 8 s: slots end where it says. */
#define BUCKET_FIRST 3u
#define BUCKET_LAST (MX_LATENCY_BITS + MX_LATENCY_DOUBLINGS)

struct page {
	struct evbuffer *out;
	bool failed;
};

#define PUT(page, ...) \
	((page)->failed |= evbuffer_add_printf((page)->out, __VA_ARGS__) < 0)

static void head(struct page *page, const char *name, const char *kind,
		 const char *help)
{
	PUT(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void gauge(struct page *page, const char *name, const char *help,
		  double value)
{
	head(page, name, "gauge", help);
	PUT(page, "%s %.17g\n", name, value);
}

static void counter(struct page *page, const char *name, const char *help,
		    uint64_t value)
{
	head(page, name, "counter", help);
	PUT(page, "%s %" PRIu64 "\n", name, value);
}

/* ---- the table of counters ---- */

static void put_counters(struct page *page, const struct mx_counters *sum)
{
	char name[80];

	for (unsigned i = 0; i < mx_counter_row_count; i++) {
		const struct mx_counter_row *row = &mx_counter_rows[i];
		const _Atomic uint64_t *value =
			(const void *)((const char *)sum + row->offset);

		snprintf(name, sizeof(name), "mxbound_%s_total", row->name);
		counter(page, name, row->help, *value);
	}
}

static void put_transports(struct page *page, const struct mx_counters *sum)
{
	uint64_t tcp = sum->queries_tcp;

	head(page, "mxbound_transport_queries_total", "counter",
	     "queries received, by transport");
	PUT(page, "mxbound_transport_queries_total{transport=\"udp\"} %" PRIu64 "\n",
	    sum->queries > tcp ? sum->queries - tcp : 0);
	PUT(page, "mxbound_transport_queries_total{transport=\"tcp\"} %" PRIu64 "\n",
	    tcp);
}

static void put_validation(struct page *page, const struct mx_counters *sum)
{
	const struct {
		const char *state;
		uint64_t count;
	} states[] = { { "secure", sum->upstream_secure },
		       { "insecure", sum->upstream_insecure },
		       { "bogus", sum->upstream_bogus } };

	head(page, "mxbound_validations_total", "counter",
	     "answers that came from a resolver, by what validation says of them");
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		PUT(page, "mxbound_validations_total{state=\"%s\"} %" PRIu64 "\n",
		    states[i].state, states[i].count);
}

static void put_edes(struct page *page, const struct status *status)
{
	head(page, "mxbound_ede_sent_total", "counter",
	     "Extended DNS Errors in replies, by INFO-CODE (RFC 8914)");
	for (unsigned i = 0; i < MX_EDE_ROWS; i++)
		PUT(page, "mxbound_ede_sent_total{code=\"%u\",name=\"%s\"} %" PRIu64 "\n",
		    mx_ede_codes[i], mx_ede_text(mx_ede_codes[i]),
		    status_ede(status, i));
}

/* ---- latencies ---- */

static void put_series(struct page *page, const char *class, const char *type,
		       const struct mx_latency_sum *sum)
{
	static const char name[] = "mxbound_answer_duration_seconds";

	for (unsigned bits = BUCKET_FIRST; bits < BUCKET_LAST; bits++) {
		uint64_t us = UINT64_C(1) << bits;

		PUT(page, "%s_bucket{class=\"%s\",type=\"%s\",le=\"%.9g\"} %" PRIu64 "\n",
		    name, class, type, (double)us / 1e6,
		    mx_latency_within(sum, mx_latency_slot(us - 1)));
	}
	PUT(page, "%s_bucket{class=\"%s\",type=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
	    name, class, type, sum->count);
	PUT(page, "%s_sum{class=\"%s\",type=\"%s\"} %.9g\n", name, class, type,
	    mx_latency_total_s(sum));
	PUT(page, "%s_count{class=\"%s\",type=\"%s\"} %" PRIu64 "\n", name, class,
	    type, sum->count);
}

/* Only series that have something in them: most never have. */
static void put_latencies(struct page *page, const struct status *status)
{
	struct mx_latency_sum sum;

	head(page, "mxbound_answer_duration_seconds", "histogram",
	     "from when a query was read until its reply was given to the kernel, by how it was answered and QTYPE; the sum is right within a sixteenth");
	for (unsigned c = 0; c < MX_LATENCY_CLASS_COUNT; c++)
		for (unsigned g = 0; g < MX_LATENCY_GROUP_COUNT; g++) {
			status_latency(status, (enum mx_latency_class)c,
				       (enum mx_latency_group)g, &sum);
			if (sum.count > 0)
				put_series(page, mx_latency_class_names[c],
					   mx_latency_group_names[g], &sum);
		}
}

/* ---- what there is now ---- */

static void put_cache(struct page *page, const struct status *status)
{
	struct mx_cache_stats c;

	mx_cache_stats(status_sources(status)->cache, &c);
	gauge(page, "mxbound_cache_bytes", "octets that the cache takes, all counted",
	      (double)c.octets);
	gauge(page, "mxbound_cache_limit_bytes", "cache-size: octets that it may take",
	      (double)c.octets_max);
	gauge(page, "mxbound_cache_entries", "answers, denials and failures kept",
	      (double)c.entries);
	counter(page, "mxbound_cache_stored_total", "entries stored", c.stored);
	counter(page, "mxbound_cache_replaced_total",
		"entries ended by a later answer or failure", c.replaced);
	counter(page, "mxbound_cache_evictions_total",
		"entries that had to go for want of room", c.evicted);
	counter(page, "mxbound_cache_expired_total",
		"misses where an answer was kept, but too old", c.expired);
	counter(page, "mxbound_cache_refused_total",
		"answers not stored: too big, or no memory",
		c.refused_too_big + c.refused_no_memory);
}

static void put_live(struct page *page, const struct status *status)
{
	struct status_live live;

	status_look(status, &live);
	gauge(page, "mxbound_questions_in_flight", "questions that resolvers work on",
	      live.questions);
	gauge(page, "mxbound_lookups_waiting", "lookups that wait for an answer",
	      live.waiting);
	gauge(page, "mxbound_tcp_connections", "TCP connections of clients",
	      live.tcp);
	head(page, "mxbound_resolver_up", "gauge", "whether a resolver process is there");
	for (unsigned i = 0; i < live.resolver_count; i++)
		PUT(page, "mxbound_resolver_up{resolver=\"%u\"} %d\n", i,
		    live.resolver[i].up);
	head(page, "mxbound_resolver_restarts_total", "counter",
	     "times that a resolver process was started again");
	for (unsigned i = 0; i < live.resolver_count; i++)
		PUT(page, "mxbound_resolver_restarts_total{resolver=\"%u\"} %u\n",
		    i, live.resolver[i].restarts);
	head(page, "mxbound_self_test", "gauge",
	     "1 for what the self-test of DNSSEC has found, 0 for the others");
	for (const char *const *word = status_self_test_words; *word; word++)
		PUT(page, "mxbound_self_test{result=\"%s\"} %d\n", *word,
		    *word == live.self_test);
}

bool metrics_write(const struct status *status, struct evbuffer *out)
{
	struct page page = { .out = out };
	struct mx_counters sum;

	status_counters(status, &sum);
	head(&page, "mxbound_build_info", "gauge", "the version");
	PUT(&page, "mxbound_build_info{version=\"%s\"} 1\n", MX_VERSION);
	gauge(&page, "mxbound_up_seconds", "since the front has begun",
	      (double)status_up_ms(status) / 1000);
	gauge(&page, "mxbound_ready", "1 if clients are served",
	      status_ready(status));
	put_counters(&page, &sum);
	put_transports(&page, &sum);
	put_validation(&page, &sum);
	put_edes(&page, status);
	put_latencies(&page, status);
	put_cache(&page, status);
	put_live(&page, status);
	return !page.failed;
}
