/* socketmap.c - Postfix's socketmap protocol. See socketmap.h. */
#include "socketmap.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- netstrings ---- */

static bool is_digit(uint8_t octet)
{
	return octet >= '0' && octet <= '9';
}

static void take_apart(const char *text, size_t len,
		       struct socketmap_request *ret)
{
	const char *blank = memchr(text, ' ', len);

	ret->map = text;
	ret->map_len = blank ? (size_t)(blank - text) : len;
	ret->key = blank ? blank + 1 : text + len;
	ret->key_len = (size_t)(text + len - ret->key);
}

enum socketmap_read socketmap_read(const uint8_t *octets, size_t len,
				   struct socketmap_request *ret,
				   size_t *ret_used)
{
	size_t at = 0, want = 0;

	for (; at < len && is_digit(octets[at]); at++) {
		/* "00:," and "07:..." are not how a length is written. */
		if (at == SOCKETMAP_LENGTH_DIGITS ||
		    (at == 1 && octets[0] == '0'))
			return SOCKETMAP_MALFORMED;
		want = 10 * want + (size_t)(octets[at] - '0');
	}
	if (want > SOCKETMAP_REQUEST_MAX)
		return SOCKETMAP_MALFORMED;
	if (at == len)
		return SOCKETMAP_MORE;
	if (at == 0 || octets[at] != ':')
		return SOCKETMAP_MALFORMED;
	at++;
	if (len - at <= want)
		return SOCKETMAP_MORE;
	if (octets[at + want] != ',')
		return SOCKETMAP_MALFORMED;
	take_apart((const char *)octets + at, want, ret);
	*ret_used = at + want + 1;
	return SOCKETMAP_REQUEST;
}

/* ---- map names ---- */

enum socketmap_map socketmap_map(const struct socketmap_request *request)
{
	static const struct {
		const char *name;
		enum socketmap_map map;
	} maps[] = {
		{ "QUERY", SOCKETMAP_QUERY },
		{ "QUERYwithTLSRPT", SOCKETMAP_QUERY_TLSRPT },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		if (strlen(maps[i].name) == request->map_len &&
		    memcmp(maps[i].name, request->map, request->map_len) == 0)
			return maps[i].map;
	return SOCKETMAP_UNKNOWN;
}

/* ---- keys ---- */

/* A name with all octets escaped, brackets, a port. */
#define KEY_MAX (MX_ROUTE_NAME_TEXT_MAX + 32)

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Postfix looks services up; these are those that a mail server may mean, by
 * the names of RFC 6335's registry. */
static void service_to_port(char key[KEY_MAX])
{
	static const struct {
		const char *name, *port;
	} services[] = {
		{ "smtp", "25" },	 { "submission", "587" },
		{ "submissions", "465" }, { "smtps", "465" },
	};
	char *colon = strrchr(key, ':');

	for (size_t i = 0; colon && i < sizeof(services) / sizeof(*services); i++)
		if (strcmp(colon + 1, services[i].name) == 0) {
			strcpy(colon + 1, services[i].port);
			return;
		}
}

/* An address in place of a name, without the brackets that it needs. */
static bool is_address(const struct mx_route_destination *destination)
{
	char text[MX_ROUTE_NAME_TEXT_MAX];
	uint8_t octets[4];

	return destination->is_address ||
	       inet_pton(AF_INET,
			 mx_route_name_text(&destination->name, text),
			 octets) == 1;
}

bool socketmap_key(const struct socketmap_request *request,
		   struct mx_route_destination *ret)
{
	struct mx_route_destination destination;
	char key[KEY_MAX];

	if (request->key_len == 0 || request->key_len >= sizeof(key) ||
	    request->key[0] == '.' ||
	    memchr(request->key, '\0', request->key_len))
		return false;
	for (size_t i = 0; i < request->key_len; i++)
		key[i] = to_lower(request->key[i]);
	key[request->key_len] = '\0';
	service_to_port(key);
	if (!mx_route_destination_read(key, &destination) ||
	    is_address(&destination))
		return false;
	*ret = destination;
	return true;
}

/* ---- replies ---- */

size_t socketmap_write(enum socketmap_reply reply, const char *text, char *ret,
		       size_t room)
{
	static const char *const words[] = {
#define X(name, word) word,
		SOCKETMAP_REPLIES(X)
#undef X
	};
	const char *word = words[reply];
	size_t text_len = strlen(text);

	if (room < SOCKETMAP_REPLY_OVERHEAD)
		return 0;
	if (text_len > room - SOCKETMAP_REPLY_OVERHEAD)
		text_len = room - SOCKETMAP_REPLY_OVERHEAD;
	/* The blank is there even if nothing follows, as the manual has it. */
	return (size_t)snprintf(ret, room, "%zu:%s %.*s,",
				strlen(word) + 1 + text_len, word,
				(int)text_len, text);
}
