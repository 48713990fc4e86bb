/* request.h - a line from the control socket, read. docs/control.md tells the
 * protocol.
 *
 * Owns     struct request owns its id; free with request_clear().
 * Bounds   the caller's on the length of a line; REQUEST_DEPTH_MAX on nesting,
 *          looked at before the JSON reader, which recurses, sees the line;
 *          REQUEST_ID_MAX characters of an id.
 * Threads  any.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "mx_route.h"

#define REQUEST_DEPTH_MAX 8u
#define REQUEST_ID_MAX 64u
/* A name with all octets escaped, brackets, a port. */
#define REQUEST_DESTINATION_MAX (MX_ROUTE_NAME_TEXT_MAX + 16)

/* Why there is an error in place of a result: NAME, word for programs. */
#define REQUEST_ERRORS(X) \
	X(JSON, "json") \
	X(TOO_LONG, "too-long") \
	X(TOO_DEEP, "too-deep") \
	X(REQUEST, "request") \
	X(COMMAND, "command") \
	X(DESTINATION, "destination") \
	X(BUSY, "busy") \
	X(MEMORY, "memory")

enum request_error {
	REQUEST_OK,
#define X(name, word) REQUEST_E_##name,
	REQUEST_ERRORS(X)
#undef X
};
const char *request_error_word(enum request_error err);

enum request_command { REQUEST_ROUTE, REQUEST_POLICY };

struct request {
	json_t *id; /* string or integer; NULL: none */
	enum request_command command;
	/* of both */
	char destination_text[REQUEST_DESTINATION_MAX];
	struct mx_route_destination destination;
};

/* Read a line, its newline gone. On error why says what is wrong, in ASCII
 * without control characters, and ret->id is there all the same if it could be
 * read. ret is to be cleared either way. */
#define REQUEST_WHY_MAX 256
enum request_error request_read(const char *line, size_t len,
				struct request *ret,
				char why[REQUEST_WHY_MAX]);
void request_clear(struct request *request);

/* A line of nothing but blanks is no request. */
bool request_is_blank(const char *line, size_t len);

/* Replies, as lines with their newline; malloc'ed, NULL: no memory. id may be
 * NULL; result is taken over, and may be NULL, which gives NULL. */
char *reply_result(json_t *id, json_t *result);
char *reply_error(json_t *id, enum request_error err, const char *why);

#endif
