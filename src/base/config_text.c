/* config_text.c - the table and the values as text. See mx_config.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_parts.h"

/* ---- values ---- */

static void write_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void write_list(FILE *out, const char *key, const struct mx_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		fprintf(out, "%s: ", key);
		write_quoted(out, texts->at[i]);
		fputc('\n', out);
	}
	if (texts->count == 0)
		fprintf(out, "%s: \"\"\n", key);
}

static void write_option(FILE *out, const struct mx_option *o,
			 const struct mx_config *config)
{
	const void *value = mx_option_value(o, config);
	char number[MX_VALUE_TEXT_MAX];
	const char *word;
	size_t len = 0;

	switch (o->kind) {
	case MX_KIND_LIST:
		write_list(out, o->key, value);
		return;
	case MX_KIND_TEXT:
		fprintf(out, "%s: ", o->key);
		write_quoted(out, *(char *const *)value);
		fputc('\n', out);
		return;
	case MX_KIND_BOOL:
		fprintf(out, "%s: %s\n", o->key,
			*(const bool *)value ? "yes" : "no");
		return;
	case MX_KIND_CHOICE:
		word = mx_value_word(o->unit, *(const unsigned *)value, &len);
		fprintf(out, "%s: %.*s\n", o->key, (int)len, word);
		return;
	default:
		mx_value_number(o->kind, *(const uint64_t *)value, number);
		fprintf(out, "%s: %s\n", o->key, number);
	}
}

/* The lines of one option in memory, malloc'ed; NULL: no memory. */
static char *option_lines(const struct mx_option *o,
			  const struct mx_config *config)
{
	size_t len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	write_option(out, o, config);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static enum mx_error write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, text, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return MX_E_SYSTEM;
		text += done;
		len -= (size_t)done;
	}
	return MX_OK;
}

enum mx_error mx_config_write(const struct mx_config *config, int fd)
{
	enum mx_error err = MX_OK;

	for (unsigned i = 0; i < MX_OPTION_COUNT && err == MX_OK; i++) {
		char *text = option_lines(&mx_options[i], config);

		err = text != NULL ? write_all(fd, text, strlen(text))
				   : MX_E_NO_MEMORY;
		free(text);
	}
	return err;
}

void mx_config_changes(const struct mx_config *config, FILE *out)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config defaults;

	if (mx_config_load(&defaults, NULL, NULL, 0, error) != MX_OK)
		return;
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++) {
		char *now = option_lines(&mx_options[i], config);
		char *before = option_lines(&mx_options[i], &defaults);

		if (now != NULL && before != NULL && strcmp(now, before) != 0)
			fputs(now, out);
		free(now);
		free(before);
	}
	mx_config_clear(&defaults);
}

/* ---- tables ---- */

/* What to write for the value, and what is taken: "NUMBER", "1m to 1024g". */
const char *mx_option_value_name(const struct mx_option *o)
{
	switch (o->kind) {
	case MX_KIND_COUNT:
		return "NUMBER";
	case MX_KIND_SIZE:
		return "SIZE";
	case MX_KIND_SECS:
	case MX_KIND_MSEC:
		return "TIME";
	default:
		return o->unit;
	}
}

static void write_range(FILE *out, const struct mx_option *o)
{
	char least[MX_VALUE_TEXT_MAX], most[MX_VALUE_TEXT_MAX];

	mx_value_number(o->kind, o->min, least);
	mx_value_number(o->kind, o->max, most);
	if (o->kind == MX_KIND_LIST)
		fputs("repeatable", out);
	else if (o->max > 0 && o->kind != MX_KIND_TEXT)
		fprintf(out, "%s to %s", least, most);
}

/* Words of text in lines of at most 79 columns, each indented. */
static void write_wrapped(FILE *out, const char *text, int indent)
{
	char word[128];
	int column = 0;

	while (mx_word_next(&text, word, sizeof(word))) {
		int len = (int)strlen(word);

		if (column > 0 && column + 1 + len > 79) {
			fputc('\n', out);
			column = 0;
		}
		column += column == 0
				  ? fprintf(out, "%*s%s", indent, "", word)
				  : fprintf(out, " %s", word);
	}
	fputc('\n', out);
}

/* The default, entries of a list with ", " between them. */
static void write_default(FILE *out, const struct mx_option *o,
			  const char *quote)
{
	const char *word;
	size_t len;

	for (unsigned i = 0;
	     (word = mx_value_word(o->fallback, i, &len)) != NULL; i++)
		fprintf(out, "%s%s%.*s%s", i > 0 ? ", " : "", quote, (int)len,
			word, quote);
}

void mx_option_facts(const struct mx_option *o, char ret[MX_OPTION_FACTS_MAX])
{
	FILE *memory = fmemopen(ret, MX_OPTION_FACTS_MAX, "w");

	*ret = '\0';
	if (memory == NULL)
		return;
	write_range(memory, o);
	if (*o->fallback != '\0') {
		fputs(ftell(memory) > 0 ? "; default " : "default ", memory);
		write_default(memory, o, "");
	}
	fclose(memory);
}

void mx_config_help(FILE *out)
{
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++) {
		const struct mx_option *o = &mx_options[i];
		char facts[MX_OPTION_FACTS_MAX];

		mx_option_facts(o, facts);
		fprintf(out, "  %s: %s\n", o->key, mx_option_value_name(o));
		write_wrapped(out, o->help, 6);
		if (*facts != '\0')
			write_wrapped(out, facts, 6);
	}
	fputs("\nOptions of the resolver, set as in \"resolver-option: edns-buffer-size: 1232\":\n\n", out);
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option r = mx_resolver_option_row(i);

		fprintf(out, "  %s: %s\n", r.key, r.value_help);
		write_wrapped(out, r.help, 6);
	}
}

/* '|' would end the column of a Markdown table. */
static void write_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

void mx_config_markdown(FILE *out)
{
	fputs("| key | value | default | what it does |\n|---|---|---|---|\n", out);
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++) {
		const struct mx_option *o = &mx_options[i];

		fprintf(out, "| `%s` | ", o->key);
		write_escaped(out, mx_option_value_name(o));
		if (o->kind == MX_KIND_LIST || (o->max > 0 && o->kind != MX_KIND_TEXT)) {
			fputs(", ", out);
			write_range(out, o);
		}
		fputs(" | ", out);
		if (*o->fallback != '\0')
			write_default(out, o, "`");
		fputs(" | ", out);
		write_escaped(out, o->help);
		fputs(" |\n", out);
	}
	fputs("\nWith `resolver-option` these options of libunbound may be set; the others would\nundo what mxbound promises, and each says why when it is tried:\n\n", out);
	fputs("| option | value | what it does |\n|---|---|---|\n", out);
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option r = mx_resolver_option_row(i);

		fprintf(out, "| `%s` | %s, as in `%s` | %s |\n", r.key,
			r.value_help, r.example, r.help);
	}
}
