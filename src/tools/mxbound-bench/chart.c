/* chart.c - a percentile plot with two logarithmic axes. See bench.h.
 *
 *   latency │                        ___/      x: the slowest 100 %, 10 %, 1 %
 *           │            ___________/             ... of all, that is the 0th,
 *           │   ________/                         90th, 99th ... percentile
 *           └──────────────────────────
 *             100 %     10 %      1 %
 *
 * A line goes as far as there are samples. Colours are in the page's style, so
 * that light and dark have their own; each line has its dashes too.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

#define WIDTH 760
#define HEIGHT 380
#define LEFT 64
#define RIGHT 20
#define TOP 14
#define BOTTOM 52
#define STEPS 40 /* of a line, a decade */
#define DECADES_MIN 2
#define DECADES_MAX 5

struct axes {
	double decades;	    /* of x */
	double low, high;   /* of y: powers of ten, in ns */
};

void html_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~' || strchr("<>&\"'", c) != NULL)
			fprintf(out, "&#%u;", c < ' ' || c > '~' ? '?' : c);
		else
			fputc(c, out);
	}
}

/* slower: the share of all that is slower. */
static double x_of(const struct axes *a, double slower)
{
	double share = -log10(slower) / a->decades;

	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct axes *a, double ns)
{
	double share = (log10(ns < 1 ? 1 : ns) - a->low) / (a->high - a->low);

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static struct axes make_axes(const struct histogram *const *series,
			     unsigned count)
{
	struct axes a = { .decades = DECADES_MIN, .low = 12, .high = 0 };

	for (unsigned i = 0; i < count; i++) {
		double decades, low, high;

		if (series[i] == NULL)
			continue;
		decades = ceil(log10((double)series[i]->count) - 1e-9);
		low = floor(log10((double)series[i]->min_ns + 1));
		high = ceil(log10((double)series[i]->max_ns + 1));
		a.decades = decades > a.decades ? decades : a.decades;
		a.low = low < a.low ? low : a.low;
		a.high = high > a.high ? high : a.high;
	}
	a.decades = a.decades > DECADES_MAX ? DECADES_MAX : a.decades;
	if (a.high <= a.low)
		a.high = a.low + 1;
	return a;
}

static void text(FILE *f, double x, double y, const char *anchor,
		 const char *words)
{
	fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='%s'>", x, y, anchor);
	html_text(f, words);
	fputs("</text>\n", f);
}

/* A tenth of these were slower, and so on: what the axis means, twice. */
static void x_ticks(FILE *f, const struct axes *a)
{
	static const struct { double slower; const char *share, *percentile; } ticks[] = {
		{ 1, "all", "" }, { 0.5, "50 %", "p50" },
		{ 0.1, "10 %", "p90" }, { 0.01, "1 %", "p99" },
		{ 0.001, "0.1 %", "p99.9" }, { 0.0001, "0.01 %", "p99.99" },
		{ 0.00001, "0.001 %", "p99.999" },
	};

	for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
		double x = x_of(a, ticks[i].slower);

		if (x > WIDTH - RIGHT + 0.5)
			continue;
		fprintf(f, "<line class='grid' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/>\n",
			x, TOP, x, HEIGHT - BOTTOM);
		/* The last one's middle would be half outside. */
		text(f, x, HEIGHT - BOTTOM + 16,
		     x > WIDTH - RIGHT - 20 ? "end" : "middle", ticks[i].share);
		text(f, x, HEIGHT - BOTTOM + 31,
		     x > WIDTH - RIGHT - 20 ? "end" : "middle",
		     ticks[i].percentile);
	}
	text(f, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6, "middle",
	     "this share of answers took longer");
}

/* Round numbers need no digits behind the point. */
static void tick_text(double ns, char ret[BENCH_DURATION_MAX])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned i = 0;

	for (; i < 3 && ns > 999.5; i++)
		ns /= 1000;
	snprintf(ret, BENCH_DURATION_MAX, "%.0f %s", ns, units[i]);
}

static void y_ticks(FILE *f, const struct axes *a)
{
	static const double within[] = { 1, 2, 5 };
	bool all = a->high - a->low <= 3;

	for (double power = a->low; power <= a->high; power++)
		for (unsigned i = 0; i < 3; i++) {
			double ns = pow(10, power) * within[i];
			char words[BENCH_DURATION_MAX];
			double y = y_of(a, ns);

			if (log10(ns) > a->high + 1e-9)
				continue;
			fprintf(f, "<line class='%s' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n",
				i == 0 ? "grid" : "grid minor", LEFT, y,
				WIDTH - RIGHT, y);
			if (i > 0 && !all)
				continue;
			tick_text(ns, words);
			text(f, LEFT - 8, y + 4, "end", words);
		}
}

static void line(FILE *f, const struct axes *a, const struct histogram *h,
		 unsigned which)
{
	double end = log10((double)h->count);
	int last = (int)((end < a->decades ? end : a->decades) * STEPS + 1e-6);

	fprintf(f, "<polyline class='line s%u' points='", which);
	for (int i = 0; i <= last; i++) {
		double slower = pow(10, -(double)i / STEPS);

		fprintf(f, "%.1f,%.1f ", x_of(a, slower),
			y_of(a, (double)histogram_at(h, 1 - slower)));
	}
	/* The slowest of all ends it: one that was lost must be seen. */
	fprintf(f, "%.1f,%.1f '/>\n",
		x_of(a, pow(10, -(end < a->decades ? end : a->decades))),
		y_of(a, end < a->decades ? (double)h->max_ns
			 : (double)histogram_at(h, 1 - pow(10, -a->decades))));
}

/* What is under the pointer, in words. */
static void marks(FILE *f, const struct axes *a, const struct histogram *h,
		  unsigned which, const char *label)
{
	for (unsigned i = 0; i < BENCH_SHARES; i++) {
		double slower = 1 - bench_shares[i];
		char figure[BENCH_DURATION_MAX];

		if ((double)h->count * slower < 1 - 1e-6)
			continue;
		fprintf(f, "<circle class='mark s%u' r='4' cx='%.1f' cy='%.1f'><title>",
			which, x_of(a, slower),
			y_of(a, (double)histogram_at(h, bench_shares[i])));
		html_text(f, label);
		fprintf(f, ": %s is %s; %g %% took longer</title></circle>\n",
			bench_share_texts[i],
			bench_percentile(h, bench_shares[i], figure),
			100 * slower);
	}
}

static void legend(FILE *f, const struct histogram *const *series,
		   const struct bench_target *targets, unsigned count)
{
	fputs("<ul class='legend'>\n", f);
	for (unsigned i = 0; i < count; i++) {
		if (series[i] == NULL)
			continue;
		fprintf(f, "<li><svg width='34' height='10' aria-hidden='true'>"
			"<line class='line s%u' x1='0' y1='5' x2='34' y2='5'/></svg> ", i);
		html_text(f, targets[i].label);
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
}

void chart_write(FILE *out, const struct histogram *const *series,
		 const struct bench_target *targets, unsigned count,
		 const char *title)
{
	struct axes a = make_axes(series, count);

	legend(out, series, targets, count);
	fprintf(out, "<svg viewBox='0 0 %d %d' role='img' aria-label='Percentile plot: ",
		WIDTH, HEIGHT);
	html_text(out, title);
	fputs(". The tables below have its figures.'>\n", out);
	x_ticks(out, &a);
	y_ticks(out, &a);
	for (unsigned i = 0; i < count; i++)
		if (series[i] != NULL) {
			line(out, &a, series[i], i);
			marks(out, &a, series[i], i, targets[i].label);
		}
	fputs("</svg>\n", out);
}
