/* library_log.c - libunbound's log, line by line, in ours. */
#include <stdio.h>
#include <string.h>
#include <unbound.h>

#include "library_log.h"
#include "mx_log.h"

static FILE *out;
static char last_error[256];

/* "[1700000000] libunbound[12:0] error: what" without what mx_log adds. */
static const char *message(const char *line)
{
	const char *at = strstr(line, "] libunbound[");

	at = at ? strstr(at + 2, "] ") : NULL;
	return at ? at + 2 : line;
}

static void log_line(const char *line)
{
	static struct mx_log_gate gate;
	const char *text = message(line);

	/* Its errors are mostly a name server's fault and there can be one for
	 * each packet: shown, but not more than one a second. */
	if (strncmp(text, "error: ", 7) == 0 ||
	    strncmp(text, "fatal error: ", 13) == 0) {
		snprintf(last_error, sizeof last_error, "%s",
			 strchr(text, ':') + 2);
		mx_log_limited(&gate, MX_LOG_WARNING, "libunbound: %s", text);
	} else {
		mx_log(MX_LOG_DEBUG, "libunbound: %s", text);
	}
}

/* Called with whole lines as long as they fit into the stream's buffer, and
 * with parts of them else; a part is shown as a line. */
static ssize_t take(void *cookie, const char *octets, size_t len)
{
	char line[1024];

	(void)cookie;
	for (size_t at = 0; at < len;) {
		const char *nl = memchr(octets + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - (octets + at)) : len - at;
		size_t kept = n < sizeof line ? n : sizeof line - 1;

		memcpy(line, octets + at, kept);
		line[kept] = '\0';
		/* What a name server sent must not steer the terminal. */
		for (size_t i = 0; i < kept; i++)
			if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
				line[i] = '?';
		if (kept > 0)
			log_line(line);
		at += n + (nl != NULL);
	}
	return (ssize_t)len;
}

enum mx_error mx_library_log_open(void)
{
	out = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = take });
	if (!out)
		return MX_E_NO_MEMORY;
	setvbuf(out, NULL, _IOLBF, 2048);
	return MX_OK;
}

void mx_library_log_close(void)
{
	if (out)
		fclose(out);
	out = NULL;
}

void mx_library_log_attach(struct ub_ctx *ctx)
{
	ub_ctx_debugout(ctx, out);
	last_error[0] = '\0';
}

const char *mx_library_last_error(void)
{
	return last_error;
}

int mx_library_verbosity(void)
{
	return mx_log_on(MX_LOG_DEBUG) ? 2 : 0;
}
