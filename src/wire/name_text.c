/* name_text.c - names as people and libunbound write them. */
#include "mx_wire.h"

#include <string.h>

/* Special to zone files, or to those who paste a name into one. */
static bool needs_digits(uint8_t c)
{
	return c < 0x21 || c > 0x7e || strchr("\"();@$", c) != NULL;
}

static char *octet_to_text(uint8_t c, char *to)
{
	if (needs_digits(c)) {
		*to++ = '\\';
		*to++ = (char)('0' + c / 100);
		*to++ = (char)('0' + c / 10 % 10);
		*to++ = (char)('0' + c % 10);
		return to;
	}
	if (c == '.' || c == '\\')
		*to++ = '\\';
	*to++ = (char)c;
	return to;
}

void mx_name_to_text(const uint8_t *name, char *ret)
{
	char *to = ret;

	if (name[0] == 0)
		*to++ = '.';
	while (name[0] != 0) {
		for (unsigned i = 1; i <= name[0]; i++)
			to = octet_to_text(name[i], to);
		*to++ = '.';
		name += name[0] + 1;
	}
	*to = '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What follows a backslash: three digits, or a character that stands for
 * itself. */
static enum mx_error escape_read(const char **text, uint8_t *ret)
{
	const char *t = *text;

	if (t[0] == '\0')
		return MX_E_SHORT;
	if (!is_digit(t[0])) {
		*ret = (uint8_t)t[0];
		*text = t + 1;
		return MX_OK;
	}
	if (!is_digit(t[1]) || !is_digit(t[2]))
		return MX_E_SHORT;

	int value = (t[0] - '0') * 100 + (t[1] - '0') * 10 + (t[2] - '0');

	if (value > 255)
		return MX_E_LABEL;
	*ret = (uint8_t)value;
	*text = t + 3;
	return MX_OK;
}

/* One label up to its dot or the end of the text; the dot is consumed. */
static enum mx_error label_read(const char **text, uint8_t label[64])
{
	uint8_t len = 0;

	while (**text != '\0' && **text != '.') {
		uint8_t c = (uint8_t)*(*text)++;

		if (c == '\\') {
			enum mx_error err = escape_read(text, &c);

			if (err != MX_OK)
				return err;
		}
		if (len == 63)
			return MX_E_LABEL;
		label[++len] = c;
	}
	if (len == 0)
		return MX_E_SHORT;
	if (**text == '.')
		++*text;
	label[0] = len;
	return MX_OK;
}

enum mx_error mx_name_from_text(const char *text, struct mx_name *ret)
{
	struct mx_name name = { .len = 0 };

	if (strcmp(text, ".") == 0)
		text++;
	else if (*text == '\0')
		return MX_E_SHORT;
	while (*text != '\0') {
		uint8_t label[64];
		enum mx_error err = label_read(&text, label);

		if (err != MX_OK)
			return err;
		if (name.len + label[0] + 2u > MX_NAME_MAX)
			return MX_E_NAME_LONG;
		memcpy(name.octets + name.len, label, label[0] + 1u);
		name.len = (uint8_t)(name.len + label[0] + 1);
	}
	name.octets[name.len++] = 0;
	*ret = name;
	return MX_OK;
}
