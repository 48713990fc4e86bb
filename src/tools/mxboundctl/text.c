/* text.c - foreign text on standard output and error. See ctl.h. */
#include <stdarg.h>
#include <stdlib.h>

#include "ctl.h"

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

int ctl_print(FILE *out, const char *text)
{
	for (const char *at = text; *at; at++)
		if (is_plain((unsigned char)*at))
			fputc(*at, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*at);
	return ctl_columns(text);
}

int ctl_columns(const char *text)
{
	int columns = 0;

	for (; *text; text++)
		columns += is_plain((unsigned char)*text) ? 1 : 4;
	return columns;
}

void ctl_say(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	fputs("mxboundctl: ", stderr);
	ctl_print(stderr, text ? text : "out of memory");
	fputc('\n', stderr);
	free(text);
}
