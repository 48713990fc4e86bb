/* json.c - all figures, for programs. See bench.h; docs/mxbound-bench.1 says
 * what the members are. */
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "mx_config.h"

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *ms(double ns)
{
	return json_real(ns / 1e6);
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

/* All percentiles that there are samples enough for; of none the count. */
static json_t *figures(const struct histogram *h, bool histograms)
{
	json_t *o = json_pack("{s:o}", "count", integer(h->count));
	char name[16];

	if (h->count == 0)
		return o;
	json_object_set_new(o, "min_ms", ms((double)h->min_ns));
	json_object_set_new(o, "mean_ms", ms(histogram_mean(h)));
	for (unsigned i = 0; i < BENCH_SHARES; i++) {
		if ((double)h->count * (1 - bench_shares[i]) < 1 - 1e-6)
			continue;
		snprintf(name, sizeof name, "%s_ms", bench_share_texts[i]);
		json_object_set_new(o, name,
				    ms((double)histogram_at(h, bench_shares[i])));
	}
	json_object_set_new(o, "max_ms", ms((double)h->max_ns));
	if (histograms)
		json_object_set_new(o, "histogram_ns", slots(h));
	return o;
}

/* ---- a server ---- */

static json_t *counts(const struct results_counts *c)
{
	json_t *o = json_object();

#define X(name, text) json_object_set_new(o, #name, integer(c->name));
	RESULTS_COUNTS(X)
#undef X
	return o;
}

static json_t *types(const struct results *r, const struct results_server *s)
{
	json_t *o = json_object();
	char text[RESULTS_KIND_TEXT_MAX];

	for (unsigned i = 0; i < r->kind_count; i++)
		if (s->by_kind[i].count > 0)
			json_object_set_new(o, results_kind_text(r, i, text),
					    figures(&s->by_kind[i], false));
	return o;
}

static json_t *rcodes(const struct results_server *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < RESULTS_ENDS; i++)
		if (s->by_end[i].count > 0)
			json_object_set_new(o, results_end_text(i),
					    figures(&s->by_end[i], false));
	return o;
}

static json_t *outcomes(const struct results_server *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < CHAIN_OUTCOME_COUNT; i++)
		json_object_set_new(o, chain_outcome_text(i),
				    integer(s->outcomes[i]));
	return o;
}

static json_t *slowest(const struct results *r, const struct results_server *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->worst_count; i++) {
		const struct results_worst *w = &s->worst[i];
		char name[MX_NAME_TEXT_MAX], type[RESULTS_KIND_TEXT_MAX];

		mx_name_to_text(w->qname.octets, name);
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:s, s:o}", "name", name,
			"type", results_kind_text(r, w->kind, type),
			"class", seen_class_text(w->class),
			"end", results_end_text(w->end),
			"ms", ms((double)w->latency_ns)));
	}
	return list;
}

static json_t *server(const struct bench_run *r, unsigned i)
{
	const struct bench_target *t = &r->options->targets[i];
	const struct results_server *s = &r->results.at[i];
	struct bench_row rows[BENCH_ROWS_MAX];
	unsigned count = bench_rows(s, rows);
	char address[MX_ADDRESS_TEXT_MAX];
	json_t *o;

	mx_address_text((const struct sockaddr *)&t->address, address);
	o = json_pack("{s:s, s:s, s:s, s:o}", "name", t->label, "address",
		      address, "transport", t->tcp ? "tcp" : "udp", "counts",
		      counts(&s->counts));
	for (unsigned k = 0; k < count; k++)
		json_object_set_new(o, rows[k].id,
				    figures(rows[k].histogram, true));
	json_object_set_new(o, "from_sending", figures(&s->from_sending, true));
	json_object_set_new(o, "lag", figures(&s->lag, true));
	json_object_set_new(o, "types", types(&r->results, s));
	json_object_set_new(o, "rcodes", rcodes(s));
	if (r->workload->domains != NULL)
		json_object_set_new(o, "routes", outcomes(s));
	json_object_set_new(o, "slowest", slowest(&r->results, s));
	return o;
}

/* ---- the run ---- */

static json_t *comparisons(const struct bench_run *r)
{
	static struct bench_difference list[BENCH_DIFFERENCES_MAX];
	unsigned count = bench_differences(r, list);
	json_t *array = json_array();
	char text[48];

	for (unsigned i = 0; i < count; i++) {
		const struct bench_difference *d = &list[i];

		json_array_append_new(array, json_pack(
			"{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:s}",
			"server", r->options->targets[d->server].label,
			"base", r->options->targets[0].label,
			"what", bench_group_text(d->group, text),
			"percentile", bench_compared_texts[d->share],
			"ratio", d->is.ratio, "low", d->is.low, "high",
			d->is.high, "verdict", bench_verdict(&d->is)));
	}
	return array;
}

static json_t *plan(const struct bench_run *r)
{
	char text[BENCH_PLAN_MAX];

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:b}",
		"text", bench_plan(r, text),
		"workload", r->workload->domains != NULL ? "chains" : "names",
		"units", integer(r->units), "rate", integer(r->rate),
		"timeout_ms", integer(r->options->timeout_ms),
		"polite", (int)r->polite);
}

static json_t *generator(const struct bench_run *r)
{
	return json_pack("{s:f, s:f, s:f, s:o, s:o, s:o}",
			 "elapsed_s", r->elapsed_s, "cpu_s", r->cpu_s,
			 "waited_s", r->waited_s,
			 "dropped", integer(r->dropped),
			 "not_asked", integer(r->generator.not_asked),
			 "chains_dropped", integer(r->generator.dropped));
}

static json_t *distrust(const struct bench_run *r)
{
	char why[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX];
	unsigned count = bench_distrust(r, why);
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(why[i]));
	return list;
}

bool json_report(const struct bench_run *r, FILE *out)
{
	time_t began = (time_t)(r->began_ns / SECOND_NS);
	json_t *o, *servers = json_array(), *reasons = distrust(r);
	struct tm utc;
	char date[32];
	bool good;

	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ",
		 gmtime_r(&began, &utc));
	for (unsigned i = 0; i < r->results.servers; i++)
		json_array_append_new(servers, server(r, i));
	o = json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o}",
		      "program", "mxbound-bench", "version", MX_VERSION,
		      "began", date, "interrupted", (int)r->interrupted,
		      "trusted", json_array_size(reasons) == 0, "distrust",
		      reasons, "plan", plan(r), "generator", generator(r),
		      "servers", servers, "comparisons", comparisons(r));
	good = o != NULL &&
	       json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0;
	fputc('\n', out);
	json_decref(o);
	return good;
}
