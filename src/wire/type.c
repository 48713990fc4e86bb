/* type.c - RR types by mnemonic, and as TYPE666 (RFC 3597 section 5). */
#include "mx_wire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *mnemonic;
	uint16_t type;
} types[] = {
#define X(name, number) { #name, number },
	MX_TYPES(X)
#undef X
};

const char *mx_type_text(uint16_t type, char buf[16])
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].type == type)
			return types[i].mnemonic;
	snprintf(buf, 16, "TYPE%u", type);
	return buf;
}

static bool number_from_text(const char *text, uint16_t *ret)
{
	unsigned value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*ret = (uint16_t)value;
	return true;
}

bool mx_type_from_text(const char *text, uint16_t *ret)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (strcasecmp(types[i].mnemonic, text) == 0) {
			*ret = types[i].type;
			return true;
		}
	}
	return strncasecmp(text, "TYPE", 4) == 0 &&
	       number_from_text(text + 4, ret);
}
