/* status.c - the commands status and stats. See ctl.h.
 *
 *   mxbound 0.1.0, up for 3 hours 12 minutes: serving
 *     Self-test  secure: DNSSEC works
 *     Resolvers  2 of 2 up, 0 restarts
 *     Cache      5.5 of 64.0 MiB, 20 entries, 0 evicted
 *     Hit ratio  58.3 % since the start, 91.0 % last 5 min, 93.1 % last minute
 *     ... */
#include <string.h>

#include "ctl.h"

#define MIB (1024.0 * 1024.0)

static void fact(FILE *out, const char *name)
{
	fprintf(out, "  %-11s", name);
}

static const char *self_test_text(const char *word)
{
	if (strcmp(word, "secure") == 0)
		return "secure: DNSSEC works";
	if (strcmp(word, "not-secure") == 0)
		return "not secure: answers come, but the root does not validate; see the log, and the clock";
	if (strcmp(word, "silent") == 0)
		return "no answer from the root: is there a way out on port 53?";
	return "not known yet";
}

static void print_resolvers(FILE *out, json_t *resolvers)
{
	json_t *one;
	size_t i, up = 0;
	json_int_t restarts = 0;

	json_array_foreach(resolvers, i, one) {
		up += json_is_true(json_object_get(one, "up"));
		restarts += json_number(one, "restarts");
	}
	fact(out, "Resolvers");
	fprintf(out, "%zu of %zu up, %lld restart%s\n", up,
		json_array_size(resolvers), (long long)restarts,
		restarts == 1 ? "" : "s");
}

static void print_cache(FILE *out, json_t *cache)
{
	fact(out, "Cache");
	fprintf(out, "%.1f of %.1f MiB, %lld entries, %lld evicted\n",
		(double)json_number(cache, "octets") / MIB,
		(double)json_number(cache, "octets_max") / MIB,
		(long long)json_number(cache, "entries"),
		(long long)json_number(cache, "evicted"));
}

static void print_share(FILE *out, json_t *ratio, const char *key,
			const char *when)
{
	double share = json_share(ratio, key);

	if (share < 0)
		fprintf(out, "- %s", when);
	else
		fprintf(out, "%.1f %% %s", 100 * share, when);
}

static void print_ratio(FILE *out, json_t *ratio)
{
	fact(out, "Hit ratio");
	print_share(out, ratio, "start", "since the start, ");
	print_share(out, ratio, "five_minutes", "in the last 5 min, ");
	print_share(out, ratio, "minute", "in the last minute\n");
}

/* Three digits, in a unit that fits. */
static void print_us(FILE *out, json_int_t us)
{
	if (us < 1000)
		fprintf(out, "%7lld us", (long long)us);
	else if (us < 1000000)
		fprintf(out, "%7.*f ms", us < 10000 ? 2 : us < 100000 ? 1 : 0,
			(double)us / 1e3);
	else
		fprintf(out, "%7.2f s ", (double)us / 1e6);
}

static void print_latency(FILE *out, json_t *classes, const char *when)
{
	static const char *const shares[] = { "p50_us", "p90_us", "p99_us",
					      "p999_us" };
	json_t *one;
	size_t i;

	fprintf(out, "\n  %-13s %10s %10s %10s %10s %10s\n", when, "count",
		"50 %", "90 %", "99 %", "99.9 %");
	json_array_foreach(classes, i, one) {
		if (json_number(one, "count") == 0)
			continue;
		fputs("    ", out);
		fprintf(out, "%*s", 11 - ctl_print(out, json_text(one, "class")),
			"");
		fprintf(out, " %10lld", (long long)json_number(one, "count"));
		for (size_t k = 0; k < 4; k++) {
			fputc(' ', out);
			print_us(out, json_number(one, shares[k]));
		}
		fputc('\n', out);
	}
}

static void print_trouble(FILE *out, json_t *one)
{
	int columns;

	fputs("    ", out);
	columns = ctl_print(out, json_text(one, "name"));
	fputc(' ', out);
	columns += 1 + ctl_print(out, json_text(one, "type"));
	fprintf(out, "%*s", columns < 34 ? 34 - columns : 1, "");
	if (json_number(one, "failures") > 0)
		fprintf(out, " failed %lld", (long long)json_number(one, "failures"));
	if (json_number(one, "slow") > 0)
		fprintf(out, " slow %lld", (long long)json_number(one, "slow"));
	fprintf(out, ", up to %.1f s, last ", (double)json_number(one, "worst_ms") / 1e3);
	ctl_print_span(out, json_number(one, "last_s"));
	fputs(" ago", out);
	if (json_is_integer(json_object_get(one, "ede"))) {
		fprintf(out, ": EDE %lld ", (long long)json_number(one, "ede"));
		ctl_print(out, json_text(one, "ede_text"));
	}
	if (*json_text(one, "why")) {
		fputs(": ", out);
		ctl_print(out, json_text(one, "why"));
	}
	fputc('\n', out);
}

static void print_worst(FILE *out, json_t *worst)
{
	json_t *one;
	size_t i;

	if (json_array_size(worst) == 0)
		return;
	fputs("\n  What failed or was slow lately, the worst first\n", out);
	json_array_foreach(worst, i, one)
		print_trouble(out, one);
}

static int print_status(FILE *out, json_t *status, bool colour)
{
	bool ready = json_is_true(json_object_get(status, "ready"));
	json_t *flight = json_object_get(status, "in_flight");

	fputs("mxbound ", out);
	ctl_print(out, json_text(status, "version"));
	fputs(", up for ", out);
	ctl_print_span(out, json_number(status, "up_s"));
	fprintf(out, ": %s%s%s\n", colour ? ready ? "\033[32m" : "\033[31m" : "",
		ready ? "serving" : "not ready", colour ? "\033[0m" : "");
	fact(out, "Since");
	ctl_print(out, json_text(status, "up_since"));
	fputc('\n', out);
	fact(out, "Self-test");
	fprintf(out, "%s\n", self_test_text(json_text(status, "self_test")));
	print_resolvers(out, json_object_get(status, "resolvers"));
	print_cache(out, json_object_get(status, "cache"));
	fact(out, "Queries");
	fprintf(out, "%lld\n", (long long)json_number(status, "queries"));
	print_ratio(out, json_object_get(status, "hit_ratio"));
	fact(out, "In flight");
	fprintf(out, "%lld questions, %lld waiting, %lld TCP connections\n",
		(long long)json_number(flight, "questions"),
		(long long)json_number(flight, "waiting"),
		(long long)json_number(flight, "tcp_connections"));
	print_latency(out, json_object_get(status, "latency_five_minutes"),
		      "Last 5 min");
	print_latency(out, json_object_get(status, "latency"), "Since start");
	print_worst(out, json_object_get(status, "worst"));
	return ready ? 0 : CTL_TEMPORARY;
}

int status_run(const struct ctl_command *command,
	       const struct ctl_options *options, char **arguments)
{
	(void)command;
	(void)arguments;
	return ctl_ask_and_print(options, json_pack("{s:s}", "command", "status"),
				 print_status);
}

/* ---- stats: name and number a line, for grep and scripts ---- */

static void print_numbers(FILE *out, const char *prefix, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		fputs(prefix, out);
		ctl_print(out, key);
		fprintf(out, " %lld\n", (long long)json_integer_value(value));
	}
}

static int print_stats(FILE *out, json_t *stats, bool colour)
{
	static const char *const members[] = { "count", "p50_us", "p90_us",
					       "p99_us", "p999_us" };
	json_t *one;
	size_t i;

	(void)colour;
	fprintf(out, "up_s %lld\n", (long long)json_number(stats, "up_s"));
	print_numbers(out, "", json_object_get(stats, "counters"));
	print_numbers(out, "cache_", json_object_get(stats, "cache"));
	print_numbers(out, "ede_", json_object_get(stats, "ede"));
	json_array_foreach(json_object_get(stats, "latency"), i, one)
		for (size_t k = 0; k < sizeof(members) / sizeof(*members); k++) {
			fputs("latency_", out);
			ctl_print(out, json_text(one, "class"));
			fputc('_', out);
			ctl_print(out, json_text(one, "type"));
			fprintf(out, "_%s %lld\n", members[k],
				(long long)json_number(one, members[k]));
		}
	return 0;
}

int stats_run(const struct ctl_command *command,
	      const struct ctl_options *options, char **arguments)
{
	(void)command;
	(void)arguments;
	return ctl_ask_and_print(options, json_pack("{s:s}", "command", "stats"),
				 print_stats);
}
