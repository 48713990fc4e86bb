/* config_man.c - the table as a part of mxbound.conf(5). See mx_config.h. */
#include <stdio.h>
#include <string.h>

#include "config_parts.h"

/* Text as it is: a backslash, a hyphen that may be typed after the reader (not
 * a typographic one), and what would be a request at the start of a line. */
static void write_man(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

/* In lines of 79 columns at most, as hand-written pages are. */
static void write_filled(FILE *out, const char *text)
{
	char word[128];
	size_t column = 0;

	while (mx_word_next(&text, word, sizeof(word))) {
		size_t len = strlen(word);

		if (column > 0 && column + 1 + len > 79) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			fputc(' ', out);
		write_man(out, word);
		column += len + (column > 0);
	}
}

static void write_entry(FILE *out, const char *key, const char *value,
			const char *help)
{
	fputs(".TP\n.BI \"", out);
	write_man(out, key);
	fputs(": \" \"", out);
	write_man(out, value);
	fputs("\"\n", out);
	write_filled(out, help);
	fputs(".\n", out);
}

static void write_option(FILE *out, const struct mx_option *o)
{
	char facts[MX_OPTION_FACTS_MAX];

	write_entry(out, o->key, mx_option_value_name(o), o->help);
	mx_option_facts(o, facts);
	if (*facts != '\0') {
		fputs(".br\n", out);
		write_filled(out, facts);
		fputs(".\n", out);
	}
}

void mx_config_man(FILE *out)
{
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++)
		write_option(out, &mx_options[i]);
	fputs(".SH RESOLVER OPTIONS\n"
	      "With\n.I resolver\\-option\n"
	      "these options of libunbound may be set; the others would undo what mxbound\n"
	      "promises, and each says why when it is tried.\n", out);
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option r = mx_resolver_option_row(i);

		write_entry(out, r.key, r.value_help, r.help);
	}
}
