/* text.c - see text.h. */
#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t mx_utf8_length(const char *text, size_t len)
{
	const unsigned char *t = (const unsigned char *)text;

	if (len == 0)
		return 0;
	if (t[0] < 0x80)
		return 1;

	/* The second octet's range depends on the first: RFC 3629 section 4. */
	unsigned char low = 0x80, high = 0xbf;
	size_t need;
	if (t[0] >= 0xc2 && t[0] <= 0xdf) {
		need = 2;
	} else if (t[0] >= 0xe0 && t[0] <= 0xef) {
		need = 3;
		low = t[0] == 0xe0 ? 0xa0 : low;
		high = t[0] == 0xed ? 0x9f : high;
	} else if (t[0] >= 0xf0 && t[0] <= 0xf4) {
		need = 4;
		low = t[0] == 0xf0 ? 0x90 : low;
		high = t[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (len < need || t[1] < low || t[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (t[i] < 0x80 || t[i] > 0xbf)
			return 0;
	return need;
}

/* C0, DEL, and C1 (U+0080..U+009F), which holds a one-character CSI. */
static bool is_control(const char *text, size_t len)
{
	const unsigned char *t = (const unsigned char *)text;

	if (len == 1)
		return t[0] < 0x20 || t[0] == 0x7f;
	return len == 2 && t[0] == 0xc2 && t[1] < 0xa0;
}

size_t mx_text_clean(char *out, size_t room, const char *text, size_t len)
{
	size_t at = 0, last_fit = 0; /* last_fit: "..." still fits there */

	for (size_t i = 0; i < len;) {
		char piece[4 * 4 + 1];
		size_t octets = mx_utf8_length(text + i, len - i);
		size_t piece_len = octets;

		if (octets == 0 || is_control(text + i, octets)) {
			octets = octets == 0 ? 1 : octets;
			piece_len = 4 * octets;
			for (size_t k = 0; k < octets; k++)
				snprintf(piece + 4 * k, 5, "\\x%02x",
					 (unsigned)(unsigned char)text[i + k]);
		} else {
			memcpy(piece, text + i, octets);
		}
		if (at + piece_len >= room) {
			memcpy(out + last_fit, "...", 4);
			return last_fit + 3;
		}
		memcpy(out + at, piece, piece_len);
		at += piece_len;
		i += octets;
		if (at + 3 < room)
			last_fit = at;
	}
	out[at] = '\0';
	return at;
}

struct mx_excerpt mx_excerpt(const char *text)
{
	struct mx_excerpt e;

	mx_text_clean(e.text, sizeof(e.text), text, strlen(text));
	return e;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned mx_text_distance(const char *a, const char *b)
{
	enum { MOST = 64 };
	/* Three rows of the table: the one before last serves the swaps. */
	unsigned rows[3][MOST + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > MOST || b_len > MOST)
		return MX_TEXT_FAR;
	for (unsigned j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			row[j] = least(above[j - 1] + (x != y),
				       least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 &&
			    x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

bool mx_text_number(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (at == text || (ret_end == NULL && *at != '\0'))
		return false;
	*ret = value;
	if (ret_end != NULL)
		*ret_end = at;
	return true;
}

bool mx_why(char why[MX_WHY_TEXT_MAX], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why, MX_WHY_TEXT_MAX, format, list);
	va_end(list);
	return false;
}
