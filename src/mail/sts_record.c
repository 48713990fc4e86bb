/* sts_record.c - the TXT record of MTA-STS, RFC 8461 section 3.1. */
#include <string.h>

#include "route.h"

/* A record is an id of at most 32 characters and whatever fields the future
 * brings: a longer one is not read to its end. */
#define RECORD_MAX 2048u

static const char version[] = "v=STSv1";

/* The strings joined (RFC 8461 section 3.1). False: malformed or too long,
 * and text is what was before that. */
static bool join(struct mx_in *rdata, char *text, size_t *ret_len)
{
	*ret_len = 0;
	while (rdata->err == MX_OK && mx_in_left(rdata) > 0) {
		size_t len = mx_in_u8(rdata);
		const uint8_t *octets = mx_in_octets(rdata, len);

		if (octets == NULL || *ret_len + len > RECORD_MAX)
			return false;
		memcpy(text + *ret_len, octets, len);
		*ret_len += len;
	}
	return rdata->err == MX_OK;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* What is from `at` up to the next semicolon, without blanks around it; at
 * moves past the semicolon. */
static size_t field(const char **at, const char *end, const char **ret)
{
	const char *stop = memchr(*at, ';', (size_t)(end - *at));
	const char *from = *at, *to = stop != NULL ? stop : end;

	*at = stop != NULL ? stop + 1 : end;
	while (from < to && blank(*from))
		from++;
	while (to > from && blank(to[-1]))
		to--;
	*ret = from;
	return (size_t)(to - from);
}

/* 1*32(ALPHA / DIGIT) */
static bool id_read(const char *value, size_t len, char *ret)
{
	if (len == 0 || len > MX_ROUTE_STS_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!letter_or_digit(value[i]))
			return false;
	memcpy(ret, value, len);
	ret[len] = '\0';
	return true;
}

/* The version, then a semicolon, which blanks may stand before. */
static bool is_record(const char *text, size_t len)
{
	size_t at = sizeof(version) - 1;

	if (len <= at || memcmp(text, version, at) != 0)
		return false;
	while (at < len && blank(text[at]))
		at++;
	return at < len && text[at] == ';';
}

enum mx_route_sts_record sts_record_read(struct mx_in rdata,
					 char ret_id[MX_ROUTE_STS_ID_MAX + 1])
{
	char text[RECORD_MAX];
	size_t len;
	bool whole = join(&rdata, text, &len);
	const char *at = text, *end = text + len, *value;

	if (!is_record(text, len))
		return MX_ROUTE_STS_NONE;
	while (whole && at < end) {
		size_t field_len = field(&at, end, &value);

		if (field_len >= 3 && memcmp(value, "id=", 3) == 0)
			return id_read(value + 3, field_len - 3, ret_id) ?
			       MX_ROUTE_STS_ONE : MX_ROUTE_STS_MALFORMED;
	}
	return MX_ROUTE_STS_MALFORMED;
}
