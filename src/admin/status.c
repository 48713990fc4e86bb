/* status.c - how the daemon does. See status.h. */
#include "status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mx_clock.h"
#include "mx_wire.h"

#define MINUTE_SAMPLES (60000 / STATUS_SAMPLE_MS)
#define SAMPLES (5 * MINUTE_SAMPLES + 1)

struct sample {
	struct mx_counters counters;
	struct mx_latency_sum latency[MX_LATENCY_CLASS_COUNT];
};

struct status {
	struct status_sources sources;
	struct event *timer;
	mx_instant began;
	int64_t began_wall_ms;
	unsigned count, next; /* of sample: a ring */
	struct sample sample[SAMPLES];
};

/* In the order of enum selftest_verdict. */
const char *const status_self_test_words[] = {
	"unknown", "secure", "not-secure", "silent", NULL,
};

/* ---- sums ---- */

const struct status_sources *status_sources(const struct status *status)
{
	return &status->sources;
}

void status_look(const struct status *status, struct status_live *ret)
{
	status->sources.look(status->sources.arg, ret);
}

mx_instant status_up_ms(const struct status *status)
{
	return mx_clock_now() - status->began;
}

void status_counters(const struct status *status, struct mx_counters *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < status->sources.worker_count; i++)
		mx_counters_add(ret, status->sources.workers[i].counters);
}

uint64_t status_ede(const struct status *status, unsigned row)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < status->sources.worker_count; i++)
		sum += atomic_load_explicit(
			&status->sources.workers[i].edes->sent[row],
			memory_order_relaxed);
	return sum;
}

void status_latency(const struct status *status, enum mx_latency_class class,
		    enum mx_latency_group group, struct mx_latency_sum *ret)
{
	unsigned series = (unsigned)class * MX_LATENCY_GROUP_COUNT +
			  (unsigned)group;

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < status->sources.worker_count; i++)
		mx_latency_collect(ret, status->sources.workers[i].latency,
				   series);
}

static void latency_of_class(const struct status *status,
			     enum mx_latency_class class,
			     struct mx_latency_sum *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned group = 0; group < MX_LATENCY_GROUP_COUNT; group++) {
		struct mx_latency_sum one;

		status_latency(status, class, (enum mx_latency_group)group,
			       &one);
		mx_latency_sum_add(ret, &one);
	}
}

bool status_ready(const struct status *status)
{
	struct mx_cache_stats cache;
	struct status_live live;

	status_look(status, &live);
	for (unsigned i = 0; i < live.resolver_count; i++)
		if (live.resolver[i].up)
			return true;
	mx_cache_stats(status->sources.cache, &cache);
	return cache.entries > 0;
}

/* ---- samples ---- */

static void take_sample(struct status *status)
{
	struct sample *sample = &status->sample[status->next];

	status_counters(status, &sample->counters);
	for (unsigned i = 0; i < MX_LATENCY_CLASS_COUNT; i++)
		latency_of_class(status, (enum mx_latency_class)i,
				 &sample->latency[i]);
	status->next = (status->next + 1) % SAMPLES;
	if (status->count < SAMPLES)
		status->count++;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_sample(arg);
}

/* The one so many samples ago, or the first if that is later. */
static const struct sample *ago(const struct status *status, unsigned samples)
{
	unsigned back = samples < status->count ? samples : status->count;

	return &status->sample[(status->next + SAMPLES - back) % SAMPLES];
}

/* ---- status ---- */

/* Of what was looked up the share that the cache had; null if that is none. */
static json_t *hit_ratio(const struct mx_counters *now,
			 const struct mx_counters *before)
{
#define SINCE(name) ((double)(now->name - before->name))
	double had = SINCE(hits) + SINCE(hits_stale) + SINCE(hits_failure);
	double all = had + SINCE(joined) + SINCE(misses) + SINCE(overloads);
#undef SINCE

	return all > 0 ? json_real(had / all) : json_null();
}

static json_t *ratios(const struct status *status,
		      const struct mx_counters *now)
{
	static const struct mx_counters nothing;

	return json_pack("{s:o, s:o, s:o}",
			 "start", hit_ratio(now, &nothing),
			 "minute", hit_ratio(now, &ago(status, MINUTE_SAMPLES)->counters),
			 "five_minutes", hit_ratio(now, &ago(status, 5 * MINUTE_SAMPLES)->counters));
}

static json_t *percentiles(const char *class, const struct mx_latency_sum *sum)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "class", class,
			 "count", (json_int_t)sum->count,
			 "p50_us", (json_int_t)mx_latency_at(sum, 0.5),
			 "p90_us", (json_int_t)mx_latency_at(sum, 0.9),
			 "p99_us", (json_int_t)mx_latency_at(sum, 0.99),
			 "p999_us", (json_int_t)mx_latency_at(sum, 0.999));
}

/* since NULL: the start. */
static json_t *latencies(const struct status *status,
			 const struct sample *since)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < MX_LATENCY_CLASS_COUNT; i++) {
		struct mx_latency_sum sum;

		latency_of_class(status, (enum mx_latency_class)i, &sum);
		if (since)
			mx_latency_sum_subtract(&sum, &since->latency[i]);
		json_array_append_new(all, percentiles(mx_latency_class_names[i],
						       &sum));
	}
	return all;
}

static json_t *trouble_json(const struct trouble *trouble, mx_instant now)
{
	char name[MX_NAME_TEXT_MAX], type[16], why[MX_WHY_MAX + 1];
	bool has_ede = trouble->ede != MX_EDE_NONE;
	size_t i;

	/* libunbound's words: made ASCII by reason.c, but JSON is strict. */
	for (i = 0; trouble->why[i]; i++)
		why[i] = trouble->why[i] >= ' ' && trouble->why[i] <= '~' ?
				 trouble->why[i] : '?';
	why[i] = '\0';
	mx_name_to_text(trouble->qname.octets, name);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:s, s:s}",
			 "name", name,
			 "type", mx_type_text(trouble->qtype, type),
			 "failures", (json_int_t)trouble->failures,
			 "slow", (json_int_t)trouble->slow,
			 "worst_ms", (json_int_t)trouble->worst_ms,
			 "last_s", (json_int_t)((now - trouble->last) / 1000),
			 "ede", has_ede ? json_integer(trouble->ede) : json_null(),
			 "ede_text", has_ede ? mx_ede_text(trouble->ede) : "",
			 "why", why);
}

static json_t *worst(const struct status *status)
{
	unsigned count = status->sources.worker_count;
	struct troubles **lists = calloc(count + 1, sizeof(*lists));
	struct trouble *found = calloc(STATUS_WORST, sizeof(*found));
	json_t *all = json_array();
	mx_instant now = mx_clock_now();
	size_t got = 0;

	for (unsigned i = 0; lists && i < count; i++)
		lists[i] = status->sources.workers[i].troubles;
	if (lists && found)
		got = troubles_worst(lists, count, now, found, STATUS_WORST);
	for (size_t i = 0; i < got; i++)
		json_array_append_new(all, trouble_json(&found[i], now));
	free(lists);
	free(found);
	return all;
}

static json_t *resolvers_json(const struct status_live *live)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < live->resolver_count; i++)
		json_array_append_new(all, json_pack(
			"{s:b, s:i}", "up", live->resolver[i].up,
			"restarts", (int)live->resolver[i].restarts));
	return all;
}

static json_t *cache_json(const struct status *status)
{
	struct mx_cache_stats c;

	mx_cache_stats(status->sources.cache, &c);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "octets", (json_int_t)c.octets,
			 "octets_max", (json_int_t)c.octets_max,
			 "entries", (json_int_t)c.entries,
			 "stored", (json_int_t)c.stored,
			 "replaced", (json_int_t)c.replaced,
			 "evicted", (json_int_t)c.evicted,
			 "expired", (json_int_t)c.expired,
			 "refused", (json_int_t)(c.refused_too_big +
						 c.refused_no_memory));
}

/* RFC 3339. */
static json_t *time_json(int64_t wall_ms)
{
	time_t when = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *status_json(const struct status *status)
{
	struct mx_counters counters;
	struct status_live live;

	status_counters(status, &counters);
	status_look(status, &live);
	return json_pack(
		"{s:s, s:o, s:I, s:i, s:s, s:b, s:o, s:o, s:I, s:o, s:{s:i, s:i, s:i}, s:o, s:o, s:o}",
		"version", MX_VERSION,
		"up_since", time_json(status->began_wall_ms),
		"up_s", (json_int_t)(status_up_ms(status) / 1000),
		"workers", (int)mx_config_workers(status->sources.config),
		"self_test", live.self_test,
		"ready", status_ready(status),
		"resolvers", resolvers_json(&live),
		"cache", cache_json(status),
		"queries", (json_int_t)counters.queries,
		"hit_ratio", ratios(status, &counters),
		"in_flight", "waiting", (int)live.waiting,
		"questions", (int)live.questions,
		"tcp_connections", (int)live.tcp,
		"latency", latencies(status, NULL),
		"latency_five_minutes",
		latencies(status, ago(status, 5 * MINUTE_SAMPLES)),
		"worst", worst(status));
}

/* ---- stats ---- */

static json_t *counters_json(const struct status *status)
{
	struct mx_counters sum;
	json_t *all = json_object();

	status_counters(status, &sum);
	for (unsigned i = 0; i < mx_counter_row_count; i++) {
		const struct mx_counter_row *row = &mx_counter_rows[i];
		const _Atomic uint64_t *value =
			(const void *)((const char *)&sum + row->offset);

		json_object_set_new(all, row->name,
				    json_integer((json_int_t)*value));
	}
	return all;
}

static json_t *edes_json(const struct status *status)
{
	json_t *all = json_object();
	char code[8];

	for (unsigned i = 0; i < MX_EDE_ROWS; i++) {
		uint64_t sent = status_ede(status, i);

		snprintf(code, sizeof(code), "%u", mx_ede_codes[i]);
		if (sent > 0)
			json_object_set_new(all, code,
					    json_integer((json_int_t)sent));
	}
	return all;
}

/* Slots that hold something, as pairs: the longest duration in it, how many. */
static json_t *slots_json(const struct mx_latency_sum *sum)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < MX_LATENCY_SLOTS; i++)
		if (sum->slots[i] > 0)
			json_array_append_new(all, json_pack(
				"[I, I]", (json_int_t)mx_latency_slot_end(i),
				(json_int_t)sum->slots[i]));
	return all;
}

static json_t *histograms_json(const struct status *status)
{
	json_t *all = json_array();
	struct mx_latency_sum sum;

	for (unsigned c = 0; c < MX_LATENCY_CLASS_COUNT; c++)
		for (unsigned g = 0; g < MX_LATENCY_GROUP_COUNT; g++) {
			status_latency(status, (enum mx_latency_class)c,
				       (enum mx_latency_group)g, &sum);
			if (sum.count == 0)
				continue;
			json_t *one = percentiles(mx_latency_class_names[c],
						  &sum);
			json_object_set_new(one, "type",
					    json_string(mx_latency_group_names[g]));
			json_object_set_new(one, "total_s",
					    json_real(mx_latency_total_s(&sum)));
			json_object_set_new(one, "slots_us", slots_json(&sum));
			json_array_append_new(all, one);
		}
	return all;
}

json_t *status_stats_json(const struct status *status)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o}",
			 "up_s", (json_int_t)(status_up_ms(status) / 1000),
			 "counters", counters_json(status),
			 "cache", cache_json(status),
			 "ede", edes_json(status),
			 "latency", histograms_json(status));
}

/* ---- begin and end ---- */

struct status *status_new(struct event_base *base,
			  const struct status_sources *sources)
{
	const struct timeval interval = { .tv_sec = STATUS_SAMPLE_MS / 1000 };
	struct status *status = calloc(1, sizeof(*status));

	if (!status)
		return NULL;
	status->sources = *sources;
	status->began = mx_clock_now();
	status->began_wall_ms = mx_clock_wall_ms();
	status->timer = event_new(base, -1, EV_PERSIST, on_timer, status);
	if (!status->timer || event_add(status->timer, &interval) != 0) {
		status_free(status);
		return NULL;
	}
	take_sample(status);
	return status;
}

void status_free(struct status *status)
{
	if (status && status->timer)
		event_free(status->timer);
	free(status);
}
