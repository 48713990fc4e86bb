/* html.c - the report as one page. See bench.h.
 *
 * Nothing is fetched, there are no scripts, and a policy in the page forbids
 * both, so that even a name that got past html_text() could do nothing. Light
 * or dark as the reader's system is; tables have all that is in the plots.
 */
#include <string.h>
#include <time.h>

#include "bench.h"

/* To be told apart with any kind of colour vision, on white and on black. */
static const char style[] =
	":root{color-scheme:light dark;--ink:#1c1e21;--soft:#5d646d;--page:#fff;"
	"--card:#f5f6f8;--rule:#d9dde2;--warn:#8a4b00;--warnbg:#fff3dc;"
	"--s0:#0067b1;--s1:#c44e00;--s2:#00805c;--s3:#9b3f8b;--s4:#5f6570;"
	"--s5:#8a6d00;--s6:#b3202c;--s7:#3b3fa0}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e7e9ec;--soft:#a2a9b3;"
	"--page:#15171a;--card:#1f2226;--rule:#383d44;--warn:#ffcf80;"
	"--warnbg:#3a2c10;--s0:#62b5f5;--s1:#ff9a57;--s2:#4fd1a5;--s3:#e695d8;"
	"--s4:#b4bac4;--s5:#e6c34d;--s6:#ff8088;--s7:#a5a8ff}}\n"
	"body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);"
	"background:var(--page);max-width:62rem;margin:0 auto;padding:1.5rem}\n"
	"h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.2rem 0 .6rem}"
	"h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0}\n"
	".soft{color:var(--soft)}.wide{overflow-x:auto}\n"
	".warn{color:var(--warn);background:var(--warnbg);border-left:4px solid;"
	"padding:.6rem 1rem;margin:1rem 0}.warn ul{margin:.2rem 0;padding-left:1.2rem}\n"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}\n"
	"th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--rule);"
	"white-space:nowrap}th{font-weight:600}"
	"th:first-child,td:first-child{text-align:left}"
	"td.name{white-space:normal;overflow-wrap:anywhere;text-align:left}"
	"thead th{color:var(--soft)}tbody th{font-weight:400;text-align:left}"
	"th.of{padding-top:.9rem;font-weight:600}\n"
	"figure{margin:0 0 1rem;background:var(--card);padding:.8rem;border-radius:.5rem;overflow-x:auto}"
	"figcaption{font-weight:600}\n"
	".legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;"
	"padding:0;margin:.2rem 0 .6rem}\n"
	"svg{max-width:100%;height:auto;font:12px system-ui,sans-serif}"
	"svg[role]{width:100%;min-width:34rem}"
	"svg text{fill:var(--soft)}.grid{stroke:var(--rule)}.minor{opacity:.5}\n"
	".line{fill:none;stroke-width:2.5;stroke-linejoin:round}"
	".mark{stroke:var(--card);stroke-width:1.5}\n"
	".s0{--c:var(--s0)}.s1{--c:var(--s1);stroke-dasharray:7 3}"
	".s2{--c:var(--s2);stroke-dasharray:2 3}.s3{--c:var(--s3);stroke-dasharray:10 3 2 3}"
	".s4{--c:var(--s4);stroke-dasharray:4 4}.s5{--c:var(--s5);stroke-dasharray:12 4}"
	".s6{--c:var(--s6);stroke-dasharray:3 2 8 2}.s7{--c:var(--s7);stroke-dasharray:1 2}\n"
	".line{stroke:var(--c)}.mark{fill:var(--c);stroke-dasharray:none}\n"
	"details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}\n"
	"@media print{body{max-width:none}figure,table{break-inside:avoid}}\n";

static void head(FILE *f, const struct bench_run *r)
{
	time_t began = (time_t)(r->began_ns / SECOND_NS);
	char date[48], plan[BENCH_PLAN_MAX];
	struct tm utc;

	strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC",
		 gmtime_r(&began, &utc));
	fprintf(f, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
		"<meta name='viewport' content='width=device-width,initial-scale=1'>\n"
		"<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		"<meta name='referrer' content='no-referrer'>\n"
		"<title>DNS latency for mail, %s</title>\n<style>\n%s</style>\n"
		"</head>\n<body>\n<header>\n<h1>DNS latency for mail</h1>\n<p>", date,
		style);
	html_text(f, bench_plan(r, plan));
	fprintf(f, ".</p>\n<p class='soft'>%s, %.1f seconds%s, mxbound-bench "
		MX_VERSION "</p>\n</header>\n<main>\n", date, r->elapsed_s,
		r->interrupted ? ", interrupted: this is what there was" : "");
}

static void warn(FILE *f, const struct bench_run *r)
{
	char why[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX];
	unsigned count = bench_distrust(r, why);

	if (count == 0)
		return;
	fputs("<div class='warn' role='note'><strong>Do not trust these figures:"
	      "</strong> this host was the limit.<ul>\n", f);
	for (unsigned i = 0; i < count; i++) {
		fputs("<li>", f);
		html_text(f, why[i]);
		fputs("</li>\n", f);
	}
	fputs("</ul></div>\n", f);
}

/* ---- in words ---- */

static void in_short(FILE *f, const struct bench_run *r)
{
	fputs("<ul>\n", f);
	for (unsigned s = 0; s < r->results.servers; s++) {
		const struct results_server *server = &r->results.at[s];
		char p50[BENCH_DURATION_MAX], p99[BENCH_DURATION_MAX],
			count[BENCH_COUNT_MAX], lost[BENCH_COUNT_MAX];

		fputs("<li><strong>", f);
		html_text(f, r->options->targets[s].label);
		fprintf(f, "</strong>: of %s questions half were answered within %s",
			bench_count(server->all.count, count),
			bench_percentile(&server->all, 0.5, p50));
		if (server->all.count >= 100)
			fprintf(f, ", 99 %% within %s",
				bench_percentile(&server->all, 0.99, p99));
		fprintf(f, "; %s %s lost.</li>\n",
			server->counts.lost == 0
				? "none" : bench_count(server->counts.lost, lost),
			server->counts.lost == 1 ? "was" : "were");
	}
	fputs("</ul>\n", f);
}

/* ---- plots ---- */

#define CHART_MIN 20u /* fewer are no curve */

static const struct histogram *group_of(const struct results_server *s,
					unsigned group)
{
	return group < RESULTS_ROUTE ? &s->by_class[group]
				     : &s->route[group - RESULTS_ROUTE];
}

static void plot(FILE *f, const struct bench_run *r, unsigned group)
{
	const struct histogram *series[SERVERS_MAX] = { NULL };
	char text[48];
	bool any = false;

	for (unsigned s = 0; s < r->results.servers; s++) {
		const struct histogram *h = group_of(&r->results.at[s], group);

		if (h->count >= CHART_MIN) {
			series[s] = h;
			any = true;
		}
	}
	if (!any)
		return;
	bench_group_text(group, text);
	fputs("<figure tabindex='0'><figcaption>", f);
	html_text(f, text);
	fputs("</figcaption>\n", f);
	chart_write(f, series, r->options->targets, r->results.servers, text);
	fputs("</figure>\n", f);
}

static void plots(FILE *f, const struct bench_run *r)
{
	fputs("<h2>Percentiles</h2>\n<p class='soft'>Latency against the share of "
	      "answers that took longer, both logarithmic: what is to the right is "
	      "what people complain about. Lost questions are in it as long as the "
	      "timeout.</p>\n", f);
	for (unsigned g = 0; g < RESULTS_GROUPS; g++)
		plot(f, r, g);
}

/* ---- tables ---- */

static void table_head(FILE *f, const char *first)
{
	fprintf(f, "<div class='wide' tabindex='0'><table>\n<thead><tr><th scope='col'>%s</th>"
		"<th scope='col'>count</th>", first);
	for (unsigned i = 0; i < BENCH_SHARES; i++)
		fprintf(f, "<th scope='col'>%s</th>", bench_share_texts[i]);
	fputs("<th scope='col'>max</th></tr></thead>\n<tbody>\n", f);
}

static void row(FILE *f, const char *text, const struct histogram *h)
{
	char count[BENCH_COUNT_MAX], figure[BENCH_DURATION_MAX];

	fputs("<tr><th scope='row'>", f);
	html_text(f, text);
	fprintf(f, "</th><td>%s</td>", bench_count(h->count, count));
	for (unsigned i = 0; i < BENCH_SHARES; i++)
		fprintf(f, "<td>%s</td>",
			bench_percentile(h, bench_shares[i], figure));
	fprintf(f, "<td>%s</td></tr>\n",
		bench_duration((double)h->max_ns, figure));
}

static void row_head(FILE *f, const char *label)
{
	fputs("<tr><th scope='rowgroup' class='of' colspan='7'>", f);
	html_text(f, label);
	fputs("</th></tr>\n", f);
}

static void by_class(FILE *f, const struct bench_run *r)
{
	fputs("<h2>Cold, warm, expired</h2>\n", f);
	table_head(f, "server");
	for (unsigned s = 0; s < r->results.servers; s++) {
		struct bench_row rows[BENCH_ROWS_MAX];
		unsigned count = bench_rows(&r->results.at[s], rows);

		row_head(f, r->options->targets[s].label);
		for (unsigned i = 0; i < count; i++)
			row(f, rows[i].text, rows[i].histogram);
	}
	fputs("</tbody></table></div>\n", f);
}

static void by_kind(FILE *f, const struct bench_run *r)
{
	fputs("<h2>By type</h2>\n", f);
	table_head(f, "type");
	for (unsigned k = 0; k < r->results.kind_count; k++) {
		char text[RESULTS_KIND_TEXT_MAX];

		row_head(f, results_kind_text(&r->results, k, text));
		for (unsigned s = 0; s < r->results.servers; s++)
			if (r->results.at[s].by_kind[k].count > 0)
				row(f, r->options->targets[s].label,
				    &r->results.at[s].by_kind[k]);
	}
	fputs("</tbody></table></div>\n", f);
}

static void by_end(FILE *f, const struct bench_run *r)
{
	fputs("<h2>By RCODE</h2>\n", f);
	table_head(f, "RCODE");
	for (unsigned e = 0; e < RESULTS_ENDS; e++) {
		bool first = true;

		for (unsigned s = 0; s < r->results.servers; s++) {
			if (r->results.at[s].by_end[e].count == 0)
				continue;
			if (first)
				row_head(f, results_end_text(e));
			first = false;
			row(f, r->options->targets[s].label,
			    &r->results.at[s].by_end[e]);
		}
	}
	fputs("</tbody></table></div>\n", f);
}

static void comparisons(FILE *f, const struct bench_run *r)
{
	static struct bench_difference list[BENCH_DIFFERENCES_MAX];
	unsigned count = bench_differences(r, list);
	char text[48];

	if (r->results.servers < 2)
		return;
	fputs("<h2>Compared with ", f);
	html_text(f, r->options->targets[0].label);
	fputs("</h2>\n", f);
	if (count == 0) {
		fputs("<p>Too few answers to say; ask more (<code>--passes</code>, "
		      "<code>--count</code>).</p>\n", f);
		return;
	}
	fputs("<div class='wide' tabindex='0'><table>\n<thead><tr><th scope='col'>server</th>"
	      "<th scope='col'>percentile</th><th scope='col'>times the latency</th>"
	      "<th scope='col'>95 % interval</th><th scope='col'></th></tr></thead>\n<tbody>\n", f);
	for (unsigned i = 0; i < count; i++) {
		const struct bench_difference *d = &list[i];

		if (i == 0 || d->server != list[i - 1].server)
			row_head(f, r->options->targets[d->server].label);
		fprintf(f, "<tr><th scope='row'>%s</th><td>%s</td><td>%.3g</td>"
			"<td>%.3g to %.3g</td><td>%s</td></tr>\n",
			bench_group_text(d->group, text),
			bench_compared_texts[d->share], d->is.ratio, d->is.low,
			d->is.high, bench_verdict(&d->is));
	}
	fputs("</tbody></table></div>\n", f);
}

static void slowest(FILE *f, const struct bench_run *r)
{
	fputs("<h2>Slowest</h2>\n<div class='wide' tabindex='0'><table>\n<thead><tr><th scope='col'>name</th>"
	      "<th scope='col'>type</th><th scope='col'>class</th><th scope='col'>RCODE</th>"
	      "<th scope='col'>latency</th></tr></thead>\n<tbody>\n", f);
	for (unsigned s = 0; s < r->results.servers; s++) {
		const struct results_server *server = &r->results.at[s];

		row_head(f, r->options->targets[s].label);
		for (unsigned i = 0; i < server->worst_count; i++) {
			const struct results_worst *w = &server->worst[i];
			char name[MX_NAME_TEXT_MAX], type[RESULTS_KIND_TEXT_MAX],
				figure[BENCH_DURATION_MAX];

			mx_name_to_text(w->qname.octets, name);
			fputs("<tr><td class='name'>", f);
			html_text(f, name);
			fputs("</td><td>", f);
			html_text(f, results_kind_text(&r->results, w->kind, type));
			fprintf(f, "</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
				seen_class_text(w->class),
				results_end_text(w->end),
				bench_duration((double)w->latency_ns, figure));
		}
	}
	fputs("</tbody></table></div>\n", f);
}

static void counts(FILE *f, const struct bench_run *r)
{
	char text[BENCH_COUNT_MAX];

	fputs("<h2>Counted</h2>\n<div class='wide' tabindex='0'><table>\n<thead><tr><th scope='col'></th>", f);
	for (unsigned s = 0; s < r->results.servers; s++) {
		fputs("<th scope='col'>", f);
		html_text(f, r->options->targets[s].label);
		fputs("</th>", f);
	}
	fputs("</tr></thead>\n<tbody>\n", f);
#define X(name, words) \
	fputs("<tr><th scope='row'>" words "</th>", f); \
	for (unsigned s = 0; s < r->results.servers; s++) \
		fprintf(f, "<td>%s</td>", \
			bench_count(r->results.at[s].counts.name, text)); \
	fputs("</tr>\n", f);
	RESULTS_COUNTS(X)
#undef X
	for (unsigned o = 0; r->workload->domains != NULL &&
			     o < CHAIN_OUTCOME_COUNT; o++) {
		fprintf(f, "<tr><th scope='row'>domains: %s</th>",
			chain_outcome_text(o));
		for (unsigned s = 0; s < r->results.servers; s++)
			fprintf(f, "<td>%s</td>",
				bench_count(r->results.at[s].outcomes[o], text));
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}

static void method(FILE *f, const struct bench_run *r)
{
	fprintf(f, "<details><summary>How this was measured</summary>\n"
		"<p>Every question has a time at which it is to be sent, whatever "
		"comes back, and its latency counts from there to when the kernel "
		"took the answer: a server that stalls is charged for all that it "
		"kept waiting. What one answer calls for in a chain is due when "
		"that answer arrives. A question without an answer within %llu ms "
		"is lost, and counts as that long.</p>\n"
		"<p><em>Cold</em>: asked of this server for the first time in this "
		"run. <em>Warm</em>: again, within the TTL that it gave last. "
		"<em>Expired</em>: again, after that. <em>Again</em>: after a "
		"failure. A server may have had "
		"the answer for somebody else, so cold is at most as cold as it "
		"says.</p>\n"
		"<p><em>Route known</em>: from the beginning of a chain until the "
		"mail host of the least preference has an address and, where DNSSEC "
		"secures it, its TLSA are known; or until it is known that there is "
		"no mail host. A route that failed counts as the timeout at "
		"least.</p>\n"
		"<p>All servers were asked the same at the same time, in turns. "
		"Intervals are a bootstrap over %u blocks of the run, %u draws, "
		"95 %%. A dash is where too few answers were slower to say.</p>\n"
		"<p>This program: busy %.0f %% of the time, without a processor "
		"though ready for %.1f %%, %llu answers dropped by its sockets.</p>\n"
		"</details>\n",
		(unsigned long long)r->options->timeout_ms, COMPARE_BLOCKS,
		COMPARE_DRAWS, 100 * r->cpu_s / r->elapsed_s,
		100 * r->waited_s / r->elapsed_s,
		(unsigned long long)r->dropped);
}

bool html_report(const struct bench_run *r, FILE *out)
{
	head(out, r);
	warn(out, r);
	in_short(out, r);
	comparisons(out, r);
	plots(out, r);
	by_class(out, r);
	by_kind(out, r);
	by_end(out, r);
	slowest(out, r);
	counts(out, r);
	method(out, r);
	fputs("</main>\n</body>\n</html>\n", out);
	return ferror(out) == 0;
}
