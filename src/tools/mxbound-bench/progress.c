/* progress.c - how far it is, on a terminal. See bench.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

#define BAR 20u
#define COLUMNS_USUAL 80u
#define LINE_MAX_OCTETS 512u

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col < LINE_MAX_OCTETS ? size.ws_col
						     : LINE_MAX_OCTETS;
	return COLUMNS_USUAL;
}

static void put(char *line, size_t *at, const char *text)
{
	size_t len = strlen(text);

	if (*at + len >= LINE_MAX_OCTETS)
		len = LINE_MAX_OCTETS - 1 - *at;
	memcpy(line + *at, text, len);
	*at += len;
	line[*at] = '\0';
}

static void put_bar(const struct bench_run *r, double share, double left_s,
		    char *line, size_t *at)
{
	char bar[BAR + 1], text[80];

	for (unsigned i = 0; i < BAR; i++)
		bar[i] = i < (unsigned)(share * BAR) ? '#' : '.';
	bar[BAR] = '\0';
	if (left_s >= 0.5)
		snprintf(text, sizeof text, "%s %3.0f %%, %.0f s left", bar,
			 share * 100, left_s);
	else
		snprintf(text, sizeof text, "%s %3.0f %%, waits for the last",
			 bar, share * 100);
	put(line, at, text);
	(void)r;
}

void progress_show(const struct bench_run *r, const struct engine *e,
		   int64_t start_ns, int64_t now_ns, bool last)
{
	double all_s = (double)r->units / (double)r->rate;
	double passed_s = (double)(now_ns - start_ns) / 1e9;
	char line[LINE_MAX_OCTETS] = "", text[BENCH_LABEL_MAX + 64];
	size_t at = 0;

	if (r->options->quiet || !isatty(STDERR_FILENO))
		return;
	if (last) {
		fputs("\r\033[K", stderr);
		return;
	}
	put_bar(r, (double)engine_units_begun(e) /
			   (double)(r->units * r->options->target_count),
		all_s - passed_s, line, &at);
	for (unsigned s = 0; s < r->results.servers; s++) {
		const struct results_server *server = &r->results.at[s];
		char median[BENCH_DURATION_MAX];

		snprintf(text, sizeof text, " | %s %s",
			 r->options->targets[s].label,
			 bench_percentile(&server->all, 0.5, median));
		put(line, &at, text);
		if (server->counts.lost > 0) {
			snprintf(text, sizeof text, ", %llu lost",
				 (unsigned long long)server->counts.lost);
			put(line, &at, text);
		}
	}
	/* A line that wraps could not be taken back. */
	fprintf(stderr, "\r\033[K%.*s", (int)columns() - 1, line);
	fflush(stderr);
}
