/* report.c - what all reports say alike. See bench.h. */
#include <string.h>

#include "bench.h"

const double bench_shares[BENCH_SHARES] = { 0.5, 0.9, 0.99, 0.999 };
const char *const bench_share_texts[BENCH_SHARES] = { "p50", "p90", "p99",
						      "p99.9" };
const double bench_compared[BENCH_COMPARED] = { 0.5, 0.99 };
const char *const bench_compared_texts[BENCH_COMPARED] = { "p50", "p99" };

/* ---- numbers ---- */

/* Three digits, in the unit that suits. */
const char *bench_duration(double ns, char ret[BENCH_DURATION_MAX])
{
	static const struct { double ns; const char *name; } units[] = {
		{ 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" },
	};
	unsigned i = 0;

	/* What would be rounded to 1000 is one of the next unit. */
	while (i < 3 && ns < units[i].ns * 0.9995)
		i++;
	ns /= units[i].ns;
	snprintf(ret, BENCH_DURATION_MAX, "%.*f %s",
		 ns < 9.995 ? 2 : ns < 99.95 ? 1 : 0, ns, units[i].name);
	return ret;
}

const char *bench_percentile(const struct histogram *h, double share,
			     char ret[BENCH_DURATION_MAX])
{
	/* One at least that is slower: else it is the maximum. */
	if ((double)h->count * (1 - share) < 1 - 1e-6)
		return "-";
	return bench_duration((double)histogram_at(h, share), ret);
}

const char *bench_count(uint64_t n, char ret[BENCH_COUNT_MAX])
{
	char digits[BENCH_COUNT_MAX], *to = ret;
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return ret;
}

const char *bench_plan(const struct bench_run *r, char ret[BENCH_PLAN_MAX])
{
	const struct bench_options *o = r->options;
	bool chains = r->workload->domains != NULL;
	char units[BENCH_COUNT_MAX], count[BENCH_COUNT_MAX],
		rate[BENCH_COUNT_MAX];

	snprintf(ret, BENCH_PLAN_MAX,
		 "%s %s (%s of %s), %s a second%s to each of %u server%s%s",
		 bench_count(r->units, units), chains ? "mail chains" : "questions",
		 bench_count(r->workload->count, count), r->workload->what,
		 bench_count(r->rate, rate), r->polite ? ", to be polite," : "",
		 o->target_count, o->target_count == 1 ? "" : "s",
		 o->plain ? ", without EDNS" : o->dnssec ? ", with DO" : "");
	return ret;
}

/* ---- rows ---- */

static void add_row(struct bench_row *rows, unsigned *count,
		    const struct histogram *h, unsigned group, const char *id,
		    const char *text)
{
	struct bench_row *row = &rows[*count];

	if (h->count == 0)
		return;
	*row = (struct bench_row){ .id = id, .histogram = h, .group = group };
	snprintf(row->text, sizeof row->text, "%s", text);
	(*count)++;
}

const char *bench_group_text(unsigned group, char ret[48])
{
	snprintf(ret, 48, "%s%s", group >= RESULTS_ROUTE ? "route known, " : "",
		 seen_class_text(group % SEEN_CLASS_COUNT));
	return ret;
}

unsigned bench_rows(const struct results_server *s,
		    struct bench_row ret[BENCH_ROWS_MAX])
{
	static const char *const ids[RESULTS_GROUPS] = {
		"cold", "warm", "expired", "again", "route_cold", "route_warm",
		"route_expired", "route_again",
	};
	unsigned count = 0;
	char text[48];

	add_row(ret, &count, &s->all, RESULTS_GROUPS, "all", "all questions");
	for (unsigned g = 0; g < RESULTS_GROUPS; g++)
		add_row(ret, &count,
			g < RESULTS_ROUTE ? &s->by_class[g]
					  : &s->route[g - RESULTS_ROUTE],
			g, ids[g], bench_group_text(g, text));
	add_row(ret, &count, &s->chain, RESULTS_GROUPS, "chain", "whole chain");
	return count;
}

unsigned bench_differences(const struct bench_run *r,
			   struct bench_difference ret[BENCH_DIFFERENCES_MAX])
{
	unsigned count = 0;

	for (unsigned s = 1; s < r->results.servers; s++)
		for (unsigned g = 0; g < RESULTS_GROUPS; g++)
			for (unsigned p = 0; p < BENCH_COMPARED; p++) {
				struct bench_difference *d = &ret[count];

				d->server = s;
				d->group = g;
				d->share = p;
				count += compare_servers(&r->results, s, 0, g,
							 bench_compared[p],
							 &d->is);
			}
	return count;
}

const char *bench_verdict(const struct comparison *is)
{
	if (is->low > 1)
		return "slower";
	if (is->high < 1)
		return "faster";
	return "no difference shown";
}

/* ---- trust ---- */

unsigned bench_distrust(const struct bench_run *r,
			char ret[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX])
{
	uint64_t sent = 0, late = 0, unsent = 0;
	unsigned count = 0;

	for (unsigned s = 0; s < r->results.servers; s++) {
		sent += r->results.at[s].counts.sent;
		late += r->results.at[s].counts.sent_late;
		unsent += r->results.at[s].counts.unsent;
	}
	if ((double)late >= BENCH_LATE_SHARE * (double)sent && late > 0)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "%.1f %% of the questions went out late: ask less (--rate), "
			 "or measure on a host that has nothing else to do",
			 100.0 * (double)late / (double)sent);
	if (r->cpu_s > BENCH_CPU_SHARE * r->elapsed_s)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "this program used its processor all the time: ask less (--rate)");
	if (r->waited_s > BENCH_WAITED_SHARE * r->elapsed_s)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "for %.0f %% of the time this program was ready to run and had no processor: "
			 "something else uses this host",
			 100 * r->waited_s / r->elapsed_s);
	if (r->dropped > 0)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "%llu answers arrived and found no room in this program's sockets: ask less (--rate)",
			 (unsigned long long)r->dropped);
	if (unsent > 0)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "%llu questions were not taken by this host's network; they count as lost",
			 (unsigned long long)unsent);
	if (r->generator.not_asked > 0)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "%llu questions or chains were not asked, since too many were open: ask less (--rate), "
			 "or wait less (--timeout)",
			 (unsigned long long)r->generator.not_asked);
	if (r->results.samples_full)
		snprintf(ret[count++], BENCH_DISTRUST_TEXT_MAX,
			 "the run is so long that comparisons are of its beginning alone");
	return count;
}
