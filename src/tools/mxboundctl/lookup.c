/* lookup.c - the command lookup. See ctl.h.
 *
 *   healthy.lab. MX: NOERROR, secure, from the cache, for another 59 minutes
 *   healthy.lab. 3541 IN MX 10 mx1.healthy.lab.
 *   ... */
#include <string.h>

#include "ctl.h"

static const char *colour_of(const char *validation)
{
	if (strcmp(validation, "secure") == 0)
		return "\033[32m";
	return strcmp(validation, "bogus") == 0 ? "\033[31m" : "";
}

static void print_rrs(FILE *out, const char *before, json_t *rrs)
{
	json_t *rr;
	size_t i;

	json_array_foreach(rrs, i, rr) {
		fputs(before, out);
		ctl_print(out, json_string_value(rr) ? json_string_value(rr) : "");
		fputc('\n', out);
	}
}

static void print_head(FILE *out, json_t *result, bool colour)
{
	const char *validation = json_text(result, "validation");
	bool cached = json_is_true(json_object_get(result, "from_cache"));

	ctl_print(out, json_text(result, "name"));
	fputc(' ', out);
	ctl_print(out, json_text(result, "type"));
	fputs(": ", out);
	ctl_print(out, json_text(result, "rcode"));
	if (*validation) {
		fprintf(out, ", %s", colour ? colour_of(validation) : "");
		ctl_print(out, validation);
		fputs(colour ? "\033[0m" : "", out);
	}
	fputs(cached ? ", from the cache" : ", asked now", out);
	if (json_is_true(json_object_get(result, "stale")))
		fputs(", past its TTL", out);
	if (json_is_integer(json_object_get(result, "ttl_s"))) {
		fputs(", for another ", out);
		ctl_print_span(out, json_number(result, "ttl_s"));
	}
	fputc('\n', out);
}

static int print_lookup(FILE *out, json_t *result, bool colour)
{
	json_int_t status = json_number(result, "status");

	print_head(out, result, colour);
	if (json_is_integer(json_object_get(result, "ede"))) {
		fprintf(out, "; EDE %lld ", (long long)json_number(result, "ede"));
		ctl_print(out, json_text(result, "ede_text"));
		if (*json_text(result, "why")) {
			fputs(": ", out);
			ctl_print(out, json_text(result, "why"));
		}
		fputc('\n', out);
	}
	if (strcmp(json_text(result, "validation"), "bogus") == 0)
		fputs("; no client hears this, unless it sets CD\n", out);
	print_rrs(out, "", json_object_get(result, "answer"));
	/* What denies it. */
	if (json_array_size(json_object_get(result, "answer")) == 0)
		print_rrs(out, "; ", json_object_get(result, "authority"));
	return status == 0 || status == 1 ? (int)status : CTL_TEMPORARY;
}

int lookup_run(const struct ctl_command *command,
	       const struct ctl_options *options, char **arguments)
{
	(void)command;
	return ctl_ask_and_print(
		options, json_pack("{s:s, s:s, s:s}", "command", "lookup",
				   "name", arguments[0], "type",
				   arguments[1] ? arguments[1] : "A"),
		print_lookup);
}
