/* svg.c - see svg.h. */
#include "svg.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 760
#define HEIGHT 400
#define LEFT 70
#define RIGHT 120
#define TOP 60
#define BOTTOM 60
#define TICKS 5

/* To be told apart with any kind of colour vision. */
static const char *const colours[SVG_SERIES_MAX] = {
	"#0072b2", "#d55e00", "#009e73", "#777777", "#cc79a7", "#e69f00",
};

static double x_of(const struct svg_chart *c, double share)
{
	(void)c;
	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct svg_chart *c, double y)
{
	double share = (y - c->y_min) / (c->y_max - c->y_min);

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static void text(FILE *f, double x, double y, const char *anchor,
		 const char *style, const char *words)
{
	fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='%s' %s>", x, y, anchor,
		style);
	for (; *words != '\0'; words++)
		switch (*words) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		default: putc(*words, f);
		}
	fputs("</text>\n", f);
}

static void number(FILE *f, double x, double y, const char *anchor, double n)
{
	char words[32];

	snprintf(words, sizeof words, "%.6g", n);
	text(f, x, y, anchor, "fill='#555'", words);
}

static void frame(FILE *f, const struct svg_chart *c)
{
	for (int i = 0; i <= TICKS; i++) {
		double share = (double)i / TICKS;
		double y = c->y_min + share * (c->y_max - c->y_min);

		fprintf(f, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n",
			LEFT, y_of(c, y), WIDTH - RIGHT, y_of(c, y));
		number(f, LEFT - 8, y_of(c, y) + 4, "end", y);
		number(f, x_of(c, share), HEIGHT - BOTTOM + 18, "middle",
		       c->x_min + share * (c->x_max - c->x_min));
	}
	text(f, LEFT, 24, "start", "font-size='16' fill='#111'", c->title);
	text(f, LEFT, 44, "start", "fill='#555'", c->note);
	text(f, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 16, "middle",
	     "fill='#333'", c->x_label);
	fprintf(f, "<g transform='translate(20,%d) rotate(-90)'>",
		(TOP + HEIGHT - BOTTOM) / 2);
	text(f, 0, 0, "middle", "fill='#333'", c->y_label);
	fputs("</g>\n", f);
}

static void line(FILE *f, const struct svg_chart *c,
		 const struct svg_series *s, const char *colour)
{
	bool pen_down = false;

	fprintf(f, "<path fill='none' stroke='%s' stroke-width='2'%s d='", colour,
		s->dashed ? " stroke-dasharray='6 4'" : "");
	for (size_t i = 0; i < s->count; i++) {
		if (isnan(s->y[i])) {
			pen_down = false;
			continue;
		}
		fprintf(f, "%c%.1f %.1f ", pen_down ? 'L' : 'M',
			x_of(c, s->count > 1 ? (double)i / (double)(s->count - 1) : 0),
			y_of(c, s->y[i]));
		pen_down = true;
	}
	fputs("'/>\n", f);
}

static void legend(FILE *f, const struct svg_series *s, size_t at,
		   const char *colour)
{
	double y = TOP + 20.0 * (double)at;

	fprintf(f, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='%s' stroke-width='3'%s/>\n",
		WIDTH - RIGHT + 12, y, WIDTH - RIGHT + 34, y, colour,
		s->dashed ? " stroke-dasharray='6 4'" : "");
	text(f, WIDTH - RIGHT + 40, y + 4, "start", "fill='#111'", s->name);
}

bool svg_write(const struct svg_chart *chart, const char *path)
{
	FILE *f = fopen(path, "w");
	bool failed;

	if (f == NULL)
		return false;
	fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='%d' height='%d' fill='white'/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	frame(f, chart);
	for (size_t i = 0; i < chart->series_count && i < SVG_SERIES_MAX; i++) {
		line(f, chart, &chart->series[i], colours[i]);
		legend(f, &chart->series[i], i, colours[i]);
	}
	fputs("</svg>\n", f);
	failed = ferror(f);
	return fclose(f) == 0 && !failed;
}
