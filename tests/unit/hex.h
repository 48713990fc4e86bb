/* hex.h - octets written as text, for tables of vectors. Digits in pairs;
 * blanks between pairs are for the reader; {N:HH} is N times the octet HH. */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* hex_read() can read it into that room: for text that is no table's. */
static inline int hex_is_good(const char *text, size_t room)
{
	size_t len = 0;

	while (*text != '\0') {
		unsigned long times = 1;
		char *after;
		int braces = *text == '{';

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		if (braces) {
			if (!isdigit((unsigned char)text[1]))
				return 0;
			times = strtoul(text + 1, &after, 10);
			if (*after != ':')
				return 0;
			text = after + 1;
		}
		if (!isxdigit((unsigned char)text[0]) ||
		    !isxdigit((unsigned char)text[1]) || times > room - len)
			return 0;
		text += 2;
		if (braces && *text++ != '}')
			return 0;
		len += times;
	}
	return 1;
}

static inline size_t hex_read(const char *text, uint8_t *to, size_t room)
{
	size_t len = 0;

	while (*text != '\0') {
		unsigned long times = 1;
		unsigned octet;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		if (*text == '{') {
			char *after;

			times = strtoul(text + 1, &after, 10);
			assert(*after == ':');
			text = after + 1;
		}
		if (sscanf(text, "%2x", &octet) != 1)
			abort();
		text += 2;
		text += *text == '}';
		assert(len + times <= room);
		memset(to + len, (int)octet, times);
		len += times;
	}
	return len;
}

#endif
