/* cache_traces - what eviction keeps: S3-FIFO beside LRU and FIFO.
 *
 *   cache_traces [-o DIRECTORY] [-s SEED]
 *
 * Runs cache_replay, once linked with each policy, all on the same traces
 * (trace.h) in caches of the same size. "no limit" is a cache that holds all
 * of the trace: what it misses is asked for the first time. The table goes to
 * stdout; cache_traces.json and a plot of each trace to DIRECTORY (build/bench).
 */
#include <jansson.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "svg.h"

#define POINTS 100u
#define NO_LIMIT_MIB 1024

static const struct policy {
	const char *label, *program;
} policies[] = {
	{ "S3-FIFO", "s3fifo" }, { "LRU", "lru" }, { "FIFO", "fifo" },
	{ "no limit", "s3fifo" },
};
#define POLICIES (sizeof policies / sizeof *policies)
#define LIMITED (POLICIES - 1)

static const struct run {
	const char *trace;
	int mib;
	const char *what, *note;
} runs[] = {
	{ "mail", 24, "20,000 mail domains",
	  "MX, A, AAAA, TLSA; a million DNSBL names go by" },
	{ "mail", 28, "20,000 mail domains",
	  "MX, A, AAAA, TLSA; a million DNSBL names go by" },
	{ "start", 32, "20,000 mail domains, unknown at first",
	  "two million DNSBL names go by" },
	{ "zipf", 8, "400,000 names by Zipf's law", "answers of 60 to 65,535 octets" },
	{ "zipf", 32, "400,000 names by Zipf's law", "answers of 60 to 65,535 octets" },
	{ "shift", 8, "popularity that shifts", "400,000 names, each replaced once" },
	{ "shift", 32, "popularity that shifts", "400,000 names, each replaced once" },
};
#define RUNS (sizeof runs / sizeof *runs)

/* ---- running ---- */

static FILE *start(const char *folder, size_t which, const char *seed)
{
	const struct policy *p = &policies[which];
	char command[1000];
	size_t used = (size_t)snprintf(command, sizeof command,
				       "'%s/cache_replay_%s' '%s' %s", folder,
				       p->program, p->label, seed);

	for (size_t i = 0; i < RUNS && used < sizeof command; i++)
		if (which < LIMITED)
			used += (size_t)snprintf(command + used,
				sizeof command - used, " %s:%d", runs[i].trace,
				runs[i].mib);
		else if (i == 0 || strcmp(runs[i].trace, runs[i - 1].trace) != 0)
			used += (size_t)snprintf(command + used,
				sizeof command - used, " %s:%d", runs[i].trace,
				NO_LIMIT_MIB);
	return used < sizeof command ? popen(command, "r") : NULL;
}

static bool collect(FILE *from, json_t *into)
{
	json_t *line;

	while ((line = json_loadf(from, JSON_DISABLE_EOF_CHECK, NULL)) != NULL)
		json_array_append_new(into, line);
	return pclose(from) == 0;
}

/* All at once: each needs one processor, and little memory. */
static json_t *run_all(const char *folder, const char *seed)
{
	FILE *running[POLICIES];
	json_t *results = json_array();
	bool good = true;

	for (size_t i = 0; i < POLICIES; i++)
		running[i] = start(folder, i, seed);
	for (size_t i = 0; i < POLICIES; i++)
		good = running[i] != NULL && collect(running[i], results) && good;
	if (good)
		return results;
	json_decref(results);
	return NULL;
}

/* ---- what came out ---- */

static const json_t *result(const json_t *results, size_t policy,
			    const struct run *r)
{
	int mib = policy < LIMITED ? r->mib : NO_LIMIT_MIB;

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *one = json_array_get(results, i);

		if (!strcmp(json_string_value(json_object_get(one, "policy")),
			    policies[policy].label) &&
		    !strcmp(json_string_value(json_object_get(one, "trace")),
			    r->trace) &&
		    json_integer_value(json_object_get(one, "cache_mib")) == mib)
			return one;
	}
	return NULL;
}

static double number(const json_t *one, const char *name)
{
	return json_number_value(json_object_get(one, name));
}

static void print_table(const json_t *results)
{
	printf("Hits in %% of the questions for names that are asked again\n\n");
	printf("| trace | cache |");
	for (size_t p = 0; p < POLICIES; p++)
		printf(" %8s |", policies[p].label);
	printf("\n|---|---|");
	for (size_t p = 0; p < POLICIES; p++)
		printf("---|");
	for (size_t i = 0; i < RUNS; i++) {
		printf("\n| %-5s | %2d MiB |", runs[i].trace, runs[i].mib);
		for (size_t p = 0; p < POLICIES; p++) {
			const json_t *one = result(results, p, &runs[i]);

			printf(" %8.2f |", 100 * number(one, "kept_hits") /
			       number(one, "kept_questions"));
		}
	}
	printf("\n");
}

static bool write_json(const json_t *results, const char *folder)
{
	char path[500];

	snprintf(path, sizeof path, "%s/cache_traces.json", folder);
	return json_dump_file(results, path, JSON_INDENT(1) |
			      JSON_REAL_PRECISION(5)) == 0;
}

static size_t series_of(const json_t *one, double *ret)
{
	const json_t *list = json_object_get(one, "series");
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count && i < POINTS; i++) {
		double share = json_number_value(json_array_get(list, i));

		ret[i] = share < 0 ? NAN : 100 * share;
	}
	return count < POINTS ? count : POINTS;
}

static bool write_plot(const json_t *results, const struct run *r,
		       const char *folder)
{
	static double points[POLICIES][POINTS];
	struct svg_series series[POLICIES];
	char path[500], title[200];
	struct svg_chart chart = {
		.title = title, .note = r->note,
		.x_label = "% of the trace", .y_label = "hits, %",
		.x_max = 100, .y_max = 100,
		.series = series, .series_count = POLICIES,
	};

	for (size_t p = 0; p < POLICIES; p++)
		series[p] = (struct svg_series){
			.name = policies[p].label, .y = points[p],
			.count = series_of(result(results, p, r), points[p]),
			.dashed = p >= LIMITED,
		};
	snprintf(title, sizeof title, "%s, cache of %d MiB", r->what, r->mib);
	snprintf(path, sizeof path, "%s/cache_%s_%d.svg", folder, r->trace, r->mib);
	return svg_write(&chart, path);
}

static bool complete(const json_t *results)
{
	for (size_t i = 0; i < RUNS; i++)
		for (size_t p = 0; p < POLICIES; p++)
			if (result(results, p, &runs[i]) == NULL)
				return false;
	return true;
}

static int report(const json_t *results, const char *folder)
{
	bool written = write_json(results, folder);

	print_table(results);
	for (size_t i = 0; i < RUNS; i++)
		written = write_plot(results, &runs[i], folder) && written;
	if (!written)
		fprintf(stderr, "cache_traces: cannot write to %s\n", folder);
	return written ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *folder = "build/bench", *seed = "1";
	json_t *results;
	int option, status;

	while ((option = getopt(argc, argv, "o:s:")) != -1)
		switch (option) {
		case 'o':
			folder = optarg;
			break;
		case 's':
			seed = optarg;
			break;
		default:
			fprintf(stderr, "cache_traces [-o DIRECTORY] [-s SEED]\n");
			return 2;
		}
	printf("cache_traces: seed %s\n\n", seed);
	fflush(stdout);
	results = run_all(dirname(argv[0]), seed);
	if (results == NULL || !complete(results)) {
		fprintf(stderr, "cache_traces: a run failed\n");
		return 1;
	}
	status = report(results, folder);
	json_decref(results);
	return status;
}
