/* cache.c - the commands flush, dump and load. See ctl.h.
 *
 * A dump is a line for each entry, as a zone file begins one:
 *
 *   healthy.lab. 3541 IN MX positive secure 307
 *
 * load does not take answers from it, which nobody could vouch for: it has the
 * daemon look up each name and type. So a dump of one host warms another. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define SILENCE_MS 60000

/* ---- flush ---- */

static int print_flush(FILE *out, json_t *result, bool colour)
{
	bool zone = json_is_true(json_object_get(result, "zone"));
	json_int_t left = json_number(result, "resolvers_left");

	(void)colour;
	ctl_print(out, json_text(result, "name"));
	fprintf(out, "%s: %lld entries flushed, %lld resolvers have forgotten what they knew\n",
		zone ? " and all below it" : "",
		(long long)json_number(result, "flushed"),
		(long long)json_number(result, "resolvers_forgot"));
	if (left > 0)
		ctl_say("%lld resolvers have not forgotten yet, since they still work on what was asked before an earlier flush; they will within a minute: then flush again",
			(long long)left);
	return left > 0 ? CTL_TEMPORARY : 0;
}

int flush_run(const struct ctl_command *command,
	      const struct ctl_options *options, char **arguments)
{
	json_t *request = json_pack("{s:s, s:s, s:b}", "command", "flush",
				    "name", arguments[0], "zone",
				    options->zone);

	(void)command;
	if (arguments[1])
		json_object_set_new(request, "type", json_string(arguments[1]));
	return ctl_ask_and_print(options, request, print_flush);
}

/* ---- dump ---- */

static void print_entry(json_t *entry)
{
	json_t *at[6];

	for (size_t i = 0; i < 6; i++)
		at[i] = json_array_get(entry, i);
	for (size_t i = 0; i < 6; i++) {
		if (i == 2)
			fputs("IN ", stdout);
		if (json_is_string(at[i]))
			ctl_print(stdout, json_string_value(at[i]));
		else
			printf("%lld", (long long)json_integer_value(at[i]));
		putchar(i < 5 ? ' ' : '\n');
	}
}

static void print_page(const struct ctl_options *options, json_t *entries)
{
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry) {
		if (!options->json) {
			print_entry(entry);
			continue;
		}
		json_dumpf(entry, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	}
}

/* Page after page: neither end holds more than one. */
int dump_run(const struct ctl_command *command,
	     const struct ctl_options *options, char **arguments)
{
	struct link link = { .socket = options->socket, .fd = -1 };
	json_t *from = json_integer(0);
	bool ok = true;

	(void)command;
	(void)arguments;
	while (ok && json_is_integer(from)) {
		const char *code;
		json_t *page = ctl_ask(&link, json_pack("{s:s, s:o}", "command",
							"dump", "from", from),
				       &code);

		ok = page != NULL;
		print_page(options, json_object_get(page, "entries"));
		from = json_incref(json_object_get(page, "next"));
		json_decref(page);
		ok = ok && !ferror(stdout);
	}
	json_decref(from);
	link_close(&link);
	return ctl_flush() && ok ? 0 : CTL_TEMPORARY;
}

/* ---- load ---- */

struct load {
	struct link link;
	struct input input;
	unsigned in_flight;
	unsigned long asked, failed, refused;
	bool input_ended, no_memory;
};

/* "NAME TYPE", or a line of a dump: the type is the fourth word there. */
static json_t *request_of(char *line)
{
	char *save, *word[5] = { NULL };
	unsigned count = 0;

	for (char *at = strtok_r(line, " \t", &save); at && count < 5;
	     at = strtok_r(NULL, " \t", &save))
		word[count++] = at;
	if (count < 2)
		return NULL;
	const char *type = count < 4 ? word[1] : word[3];

	return json_pack("{s:s, s:s, s:s}", "command", "lookup", "name",
			 word[0], "type", strcmp(type, "*") ? type : "A");
}

static void send_line(struct load *load, const char *text)
{
	char *line = strdup(text);
	json_t *request = line ? request_of(line) : NULL;
	char *octets = request ? json_dumps(request, JSON_COMPACT) : NULL;

	load->no_memory = load->no_memory || !line;
	if (!octets) {
		ctl_say("line %lu is neither NAME TYPE nor of a dump",
			load->input.line);
		load->refused++;
	} else if (octets_add(&load->link.out, octets, strlen(octets)) &&
		   octets_add(&load->link.out, "\n", 1)) {
		load->in_flight++;
	} else {
		load->no_memory = true;
	}
	free(octets);
	free(line);
	json_decref(request);
}

static void take_input(struct load *load)
{
	const char *text;

	while (!load->input_ended &&
	       load->in_flight < MX_CONTROL_IN_FLIGHT_MAX) {
		switch (input_next(&load->input, &text)) {
		case INPUT_LINE:
			send_line(load, text);
			break;
		case INPUT_NOT_YET:
			return;
		case INPUT_END:
			load->input_ended = true;
		}
	}
}

static void take_reply(struct load *load, const char *line, size_t len)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	json_t *result = json_object_get(reply, "result");
	const char *why = json_text(json_object_get(reply, "error"), "text");

	load->asked++;
	load->in_flight -= load->in_flight > 0;
	if (!result) {
		load->refused++;
		ctl_say("%s", *why ? why : "what is no reply");
	} else if (json_number(result, "status") == CTL_TEMPORARY) {
		load->failed++;
	}
	json_decref(reply);
}

static bool take_replies(struct load *load)
{
	bool open = link_read(&load->link);
	char *line;
	size_t len;

	while ((line = link_line(&load->link, &len)))
		take_reply(load, line, len);
	return open || (load->input_ended && load->in_flight == 0);
}

/* False: the connection is broken, or the daemon silent. */
static bool wait_round(struct load *load)
{
	struct pollfd at[2] = {
		{ .fd = load->link.fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	int got;

	if (load->link.out.len > 0)
		at[0].events |= POLLOUT;
	if (load->in_flight < MX_CONTROL_IN_FLIGHT_MAX &&
	    input_waits(&load->input))
		at[1].fd = STDIN_FILENO;
	got = poll(at, 2, at[1].fd < 0 ? SILENCE_MS : -1);
	if (got < 0)
		return errno == EINTR;
	if (got == 0) {
		snprintf(load->link.error, sizeof(load->link.error),
			 "mxbound at %s does not answer", load->link.path);
		return false;
	}
	if (at[1].revents)
		input_fill(&load->input);
	if ((at[0].revents & POLLOUT) && !link_write(&load->link))
		return false;
	return !(at[0].revents & ~POLLOUT) || take_replies(load);
}

static bool work(struct load *load)
{
	for (;;) {
		take_input(load);
		if (load->no_memory) {
			snprintf(load->link.error, sizeof(load->link.error),
				 "out of memory");
			return false;
		}
		if (load->input_ended && load->in_flight == 0)
			return true;
		if (!wait_round(load))
			return false;
	}
}

int load_run(const struct ctl_command *command,
	     const struct ctl_options *options, char **arguments)
{
	struct load load = { .link = { .socket = options->socket, .fd = -1 } };
	bool ok;

	(void)command;
	(void)arguments;
	ok = link_connect(&load.link) && work(&load);
	if (!ok)
		ctl_say("%s", load.link.error);
	printf("%lu looked up, %lu of them without an answer, %lu lines not taken\n",
	       load.asked, load.failed, load.refused);
	link_close(&load.link);
	input_free(&load.input);
	if (!ctl_flush() || !ok)
		return CTL_TEMPORARY;
	return load.refused > 0 ? CTL_USAGE : 0;
}
