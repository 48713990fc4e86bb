/* ask.c - one request, one reply. See ctl.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

/* A daemon that is there answers anything within half a minute. */
#define SILENCE_MS 60000

bool ctl_colours_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (!no || *no == '\0') &&
	       (!term || strcmp(term, "dumb") != 0);
}

bool ctl_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	ctl_say("standard output: %s", strerror(errno));
	return false;
}

static bool queue(struct link *link, json_t *request)
{
	static json_int_t id;
	char *text;
	bool ok;

	if (!request || json_object_set_new(request, "id", json_integer(++id)))
		return false;
	text = json_dumps(request, JSON_COMPACT);
	ok = text && octets_add(&link->out, text, strlen(text)) &&
	     octets_add(&link->out, "\n", 1);
	free(text);
	return ok;
}

/* The next line, or NULL: the link's error says why. */
static char *wait_line(struct link *link, size_t *ret_len)
{
	char *line;

	while (!(line = link_line(link, ret_len))) {
		struct pollfd p = { .fd = link->fd, .events = POLLIN };
		int got;

		if (link->out.len > 0)
			p.events |= POLLOUT;
		got = poll(&p, 1, SILENCE_MS);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			snprintf(link->error, sizeof(link->error),
				 "mxbound at %s does not answer", link->path);
			return NULL;
		}
		if ((p.revents & POLLOUT) && !link_write(link))
			return NULL;
		if ((p.revents & ~POLLOUT) && !link_read(link))
			return link_line(link, ret_len);
	}
	return line;
}

/* The words that an exit status depends on. */
static const char *code_of(json_t *error)
{
	static const char *const words[] = { "name", "type", "destination",
					     "command", "busy" };
	const char *code = json_text(error, "code");

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i], code) == 0)
			return words[i];
	return "other";
}

static json_t *take(struct link *link, const char *line, size_t len,
		    const char **ret_code)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	json_t *result = json_incref(json_object_get(reply, "result"));
	json_t *error = json_object_get(reply, "error");

	if (!result && json_is_object(error)) {
		*ret_code = code_of(error);
		ctl_say("%s", json_text(error, "text"));
	} else if (!result) {
		ctl_say("mxbound at %s says what is no reply to any question",
			link->path);
	}
	json_decref(reply);
	return result;
}

json_t *ctl_ask(struct link *link, json_t *request, const char **ret_code)
{
	json_t *result = NULL;
	char *line = NULL;
	size_t len;

	*ret_code = "";
	if (link->fd < 0 && !link_connect(link))
		ctl_say("%s", link->error);
	else if (!queue(link, request))
		ctl_say("out of memory");
	else if (!(line = wait_line(link, &len)))
		ctl_say("%s", link->error);
	else
		result = take(link, line, len, ret_code);
	json_decref(request);
	return result;
}

static void print_json(json_t *result)
{
	if (json_dumpf(result, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
		putchar('\n');
}

int ctl_ask_and_print(const struct ctl_options *options, json_t *request,
		      int (*print)(FILE *out, json_t *result, bool colour))
{
	struct link link = { .socket = options->socket, .fd = -1 };
	const char *code;
	json_t *result = ctl_ask(&link, request, &code);
	int status = CTL_TEMPORARY;

	if (result) {
		FILE *null = options->json ? fopen("/dev/null", "w") : NULL;

		/* The exit status is the text's to know. */
		status = print(null ? null : stdout, result,
			       !null && ctl_colours_wanted());
		if (options->json)
			print_json(result);
		if (null)
			fclose(null);
	} else if (strcmp(code, "name") == 0 || strcmp(code, "type") == 0) {
		status = CTL_USAGE;
	}
	json_decref(result);
	link_close(&link);
	return ctl_flush() ? status : CTL_TEMPORARY;
}
