/* input.c - destinations, from arguments or standard input. See ctl.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

/* Room for any destination with blanks around it, and more than a daemon
 * takes, so that what is cut is refused. */
#define LINE_MAX_OCTETS (2u * MX_CONTROL_LINE_MAX)
#define READ_OCTETS 65536u

bool input_waits(const struct input *input)
{
	return !input->arguments && !input->ended;
}

void input_fill(struct input *input)
{
	char octets[READ_OCTETS];
	ssize_t got = read(STDIN_FILENO, octets, sizeof(octets));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got < 0)
		ctl_say("standard input: %s", strerror(errno));
	if (got <= 0 || !octets_add(&input->text, octets, (size_t)got))
		input->ended = true;
}

/* One line taken out of text, of `len` octets: as a string in its place, of
 * which a NUL that came with it is no end. */
static char *cut_line(struct input *input, size_t len, bool has_newline)
{
	char *line = input->text.at;

	for (size_t i = 0; i < len; i++)
		if (line[i] == '\0')
			line[i] = '\1';
	input->taken = len + has_newline;
	if (len >= LINE_MAX_OCTETS)
		len = LINE_MAX_OCTETS - 1;
	line[len] = '\0';
	input->line++;
	return line;
}

static char *trim(char *line)
{
	size_t len = strlen(line);

	while (len > 0 && strchr(" \t\r", line[len - 1]))
		line[--len] = '\0';
	return line + strspn(line, " \t");
}

/* A line of standard input, or NULL. */
static char *next_line(struct input *input)
{
	struct octets *text = &input->text;

	octets_drop(text, input->taken);
	input->taken = 0;
	char *end = text->len > 0 ? memchr(text->at, '\n', text->len) : NULL;

	if (input->cutting) { /* the rest of a line that was cut */
		input->taken = end ? (size_t)(end - text->at) + 1 : text->len;
		input->cutting = !end;
		return end ? next_line(input) : NULL;
	}
	if (end)
		return cut_line(input, (size_t)(end - text->at), true);
	if (text->len >= LINE_MAX_OCTETS) {
		input->cutting = true;
		return cut_line(input, LINE_MAX_OCTETS, false);
	}
	if (!input->ended || text->len == 0 || !octets_add(text, "", 1))
		return NULL;
	text->len--; /* the octet is there for the end of the string */
	return cut_line(input, text->len, false);
}

enum input_got input_next(struct input *input, const char **ret)
{
	char *line;

	if (input->arguments) {
		*ret = *input->arguments;
		if (*ret)
			input->arguments++;
		return *ret ? INPUT_LINE : INPUT_END;
	}
	while ((line = next_line(input))) {
		line = trim(line);
		*ret = line;
		if (*line != '\0' && *line != '#')
			return INPUT_LINE;
	}
	return input->ended && input->text.len == input->taken ? INPUT_END
							       : INPUT_NOT_YET;
}

void input_free(struct input *input)
{
	free(input->text.at);
}
