/* text.c - the table, for people. See bench.h. */
#include <string.h>

#include "bench.h"

#define NAME_COLUMN 26
#define COLUMN 10
#define SLOWEST 5u

struct page {
	FILE *out;
	bool colour;
};

static const char *bold(const struct page *p)
{
	return p->colour ? "\033[1m" : "";
}

static const char *warning(const struct page *p)
{
	return p->colour ? "\033[33m" : "";
}

static const char *plain(const struct page *p)
{
	return p->colour ? "\033[0m" : "";
}

static void head(const struct page *p, const char *what)
{
	fprintf(p->out, "%s%-*s%*s", bold(p), NAME_COLUMN, what, COLUMN,
		"count");
	for (unsigned i = 0; i < BENCH_SHARES; i++)
		fprintf(p->out, "%*s", COLUMN, bench_share_texts[i]);
	fprintf(p->out, "%*s%s\n", COLUMN, "max", plain(p));
}

static void row(const struct page *p, const char *text,
		const struct histogram *h)
{
	char count[BENCH_COUNT_MAX], figure[BENCH_DURATION_MAX];

	fprintf(p->out, "  %-*s%*s", NAME_COLUMN - 2, text, COLUMN,
		bench_count(h->count, count));
	for (unsigned i = 0; i < BENCH_SHARES; i++)
		fprintf(p->out, "%*s", COLUMN,
			bench_percentile(h, bench_shares[i], figure));
	fprintf(p->out, "%*s\n", COLUMN,
		bench_duration((double)h->max_ns, figure));
}

/* ---- a server ---- */

static void rows_of(const struct page *p, const struct bench_run *r, unsigned s)
{
	const struct results_server *server = &r->results.at[s];
	struct bench_row rows[BENCH_ROWS_MAX];
	unsigned count = bench_rows(server, rows);

	head(p, r->options->targets[s].label);
	for (unsigned i = 0; i < count; i++)
		row(p, rows[i].text, rows[i].histogram);
	for (unsigned i = 0; i < r->results.kind_count; i++) {
		char text[RESULTS_KIND_TEXT_MAX];

		if (server->by_kind[i].count > 0 && r->results.kind_count > 1)
			row(p, results_kind_text(&r->results, i, text),
			    &server->by_kind[i]);
	}
	for (unsigned i = 0; i < RESULTS_ENDS; i++)
		if (server->by_end[i].count > 0 &&
		    server->by_end[i].count < server->all.count)
			row(p, results_end_text(i), &server->by_end[i]);
}

/* What is not as it should be, in one line. */
static void note_oddities(const struct page *p, const struct results_counts *c)
{
	const struct { uint64_t count; const char *text; } odd[] = {
		{ c->late, "came after the timeout" },
		{ c->truncated, "truncated, asked again over TCP" },
		{ c->strange, "that answer nothing (ID, question or length)" },
		{ c->malformed, "malformed" },
		{ c->broken, "TCP connections broken" },
		{ c->left, "open when it was ended" },
	};
	const char *before = "  ";
	char count[BENCH_COUNT_MAX];

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		if (odd[i].count == 0)
			continue;
		fprintf(p->out, "%s%s %s", before,
			bench_count(odd[i].count, count), odd[i].text);
		before = ", ";
	}
	if (*before == ',')
		fputc('\n', p->out);
}

static void note_outcomes(const struct page *p, const struct results_server *s)
{
	const char *before = "  routes: ";
	char count[BENCH_COUNT_MAX];

	for (unsigned i = 0; i < CHAIN_OUTCOME_COUNT; i++) {
		if (s->outcomes[i] == 0)
			continue;
		fprintf(p->out, "%s%s %s", before,
			bench_count(s->outcomes[i], count),
			chain_outcome_text(i));
		before = ", ";
	}
	if (*before == ',')
		fputc('\n', p->out);
}

static void slowest(const struct page *p, const struct bench_run *r, unsigned s)
{
	const struct results_server *server = &r->results.at[s];

	if (server->worst_count > 0)
		fputs("  slowest:\n", p->out);
	for (unsigned i = 0; i < server->worst_count && i < SLOWEST; i++) {
		const struct results_worst *w = &server->worst[i];
		char name[MX_NAME_TEXT_MAX], type[RESULTS_KIND_TEXT_MAX],
			figure[BENCH_DURATION_MAX];

		mx_name_to_text(w->qname.octets, name);
		fprintf(p->out, "  %*s  %s %s (%s, %s)\n", COLUMN,
			bench_duration((double)w->latency_ns, figure), name,
			results_kind_text(&r->results, w->kind, type),
			seen_class_text(w->class), results_end_text(w->end));
	}
}

/* ---- comparison ---- */

static void differences(const struct page *p, const struct bench_run *r)
{
	static struct bench_difference list[BENCH_DIFFERENCES_MAX];
	unsigned count = bench_differences(r, list);
	char text[48];

	if (r->results.servers < 2)
		return;
	fprintf(p->out, "\n%sCompared with %s: times its latency (95 %% interval)%s\n",
		bold(p), r->options->targets[0].label, plain(p));
	if (count == 0)
		fputs("  too few answers to say: ask more (--passes, --count)\n",
		      p->out);
	for (unsigned i = 0; i < count; i++) {
		const struct bench_difference *d = &list[i];

		if (i == 0 || d->server != list[i - 1].server)
			fprintf(p->out, "%s\n",
				r->options->targets[d->server].label);
		fprintf(p->out, "  %-*s%*s%8.3g  (%.3g to %.3g)  %s\n",
			NAME_COLUMN - 2, bench_group_text(d->group, text), 5,
			bench_compared_texts[d->share], d->is.ratio, d->is.low,
			d->is.high, bench_verdict(&d->is));
	}
}

/* ---- the generator ---- */

static void generator(const struct page *p, const struct bench_run *r)
{
	char why[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX];
	unsigned count = bench_distrust(r, why);

	fprintf(p->out, "\n%s%.1f s, this program busy %.0f %% of it; ",
		count > 0 ? warning(p) : "", r->elapsed_s,
		r->elapsed_s > 0 ? 100 * r->cpu_s / r->elapsed_s : 0);
	if (count == 0)
		fputs("it kept to its schedule.", p->out);
	else
		fputs("DO NOT TRUST these figures:", p->out);
	for (unsigned i = 0; i < count; i++)
		fprintf(p->out, "\n  %s", why[i]);
	fprintf(p->out, "%s\n", count > 0 ? plain(p) : "");
}

void text_report(const struct bench_run *r, FILE *out, bool colour)
{
	const struct page p = { out, colour };
	char plan[BENCH_PLAN_MAX];
	char why[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX];

	fprintf(out, "%s%s\n", bench_plan(r, plan),
		r->interrupted ? "; interrupted, so this is what there is" : "");
	if (bench_distrust(r, why) > 0)
		fprintf(out, "%sNot to be trusted; the end says why.%s\n",
			warning(&p), plain(&p));
	for (unsigned s = 0; s < r->results.servers; s++) {
		fputc('\n', out);
		rows_of(&p, r, s);
		note_outcomes(&p, &r->results.at[s]);
		note_oddities(&p, &r->results.at[s].counts);
		slowest(&p, r, s);
	}
	differences(&p, r);
	generator(&p, r);
}
