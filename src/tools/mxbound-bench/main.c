/* mxbound-bench - measures DNS latency for mail. This file: from the command
 * line to the reports. See bench.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../base/text.h"
#include "bench.h"

/* Opened before the run: a file that cannot be written is worth knowing before
 * ten minutes have passed. What is in it stays until there is something new. */
struct files {
	FILE *json, *html;
};

static bool open_file(const char *path, FILE **ret)
{
	int fd;

	*ret = NULL;
	if (path == NULL)
		return true;
	if (strcmp(path, "-") == 0) {
		*ret = stdout;
		return true;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0)
		*ret = fdopen(fd, "w");
	if (*ret == NULL)
		bench_say("%s: %s", mx_excerpt(path).text, strerror(errno));
	return *ret != NULL;
}

/* Fails for what is no file and has nothing to be cut off, as a pipe. */
static void empty_file(FILE *f)
{
	if (f != stdout && ftruncate(fileno(f), 0) != 0)
		errno = 0;
}

static bool close_file(FILE *f, const char *path, bool good)
{
	if (f == NULL)
		return true;
	good = good && ferror(f) == 0;
	good = (f == stdout ? fflush(f) : fclose(f)) == 0 && good;
	if (!good)
		bench_say("%s: cannot be written", mx_excerpt(path).text);
	return good;
}

static bool has_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') &&
	       term != NULL && strcmp(term, "dumb") != 0;
}

static bool report(const struct bench_run *r, const struct files *files)
{
	bool good = true;

	if (files->json != stdout && files->html != stdout) {
		text_report(r, stdout, has_colour());
		good = close_file(stdout, "standard output", true);
	}
	if (files->json != NULL) {
		empty_file(files->json);
		good = close_file(files->json, r->options->json,
				  json_report(r, files->json)) && good;
	}
	if (files->html != NULL) {
		empty_file(files->html);
		good = close_file(files->html, r->options->html,
				  html_report(r, files->html)) && good;
	}
	return good;
}

static enum bench_status status_of(const struct bench_run *r)
{
	char why[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX];

	if (r->interrupted)
		return BENCH_INTERRUPTED;
	for (unsigned s = 0; s < r->results.servers; s++)
		if (r->results.at[s].counts.answered == 0)
			return BENCH_NO_ANSWER;
	return bench_distrust(r, why) > 0 ? BENCH_NO_TRUST : BENCH_OK;
}

static int measure(const struct bench_options *options,
		   const struct workload *workload)
{
	struct bench_run r = { .options = options, .workload = workload };
	struct files files;
	int status = BENCH_FAILED;

	if (!open_file(options->json, &files.json) ||
	    !open_file(options->html, &files.html))
		return BENCH_FAILED;
	if (!probe_all(options))
		return BENCH_NO_ANSWER;
	run_plan(&r);
	if (run(&r)) {
		status = (int)status_of(&r);
		if (!report(&r, &files))
			status = BENCH_FAILED;
	}
	results_clear(&r.results);
	return status;
}

int main(int argc, char **argv)
{
	static struct bench_options options;
	struct workload workload;
	int status = bench_options_read(argc, argv, &options);

	if (status >= 0)
		return status;
	status = BENCH_FAILED;
	if (workload_read(&options, &workload))
		status = measure(&options, &workload);
	workload_clear(&workload);
	return status;
}
