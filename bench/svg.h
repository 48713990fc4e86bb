/* svg.h - a chart of lines, as a file that a browser shows.
 *
 * All series have the same x: spread evenly from x_min to x_max.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdbool.h>
#include <stddef.h>

#define SVG_SERIES_MAX 6

struct svg_series {
	const char *name;
	const double *y; /* NAN: a gap */
	size_t count;
	bool dashed;
};

struct svg_chart {
	const char *title, *note, *x_label, *y_label;
	double x_min, x_max, y_min, y_max;
	const struct svg_series *series;
	size_t series_count; /* at most SVG_SERIES_MAX */
};

/* false: the file could not be written. */
bool svg_write(const struct svg_chart *chart, const char *path);

#endif
