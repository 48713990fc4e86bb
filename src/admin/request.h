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
#include "mx_wire.h"

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
	X(NAME, "name") \
	X(TYPE, "type") \
	X(BUSY, "busy") \
	X(MEMORY, "memory")

enum request_error {
	REQUEST_OK,
#define X(name, word) REQUEST_E_##name,
	REQUEST_ERRORS(X)
#undef X
};
const char *request_error_word(enum request_error err);

/* What can be asked: NAME, word. */
#define REQUEST_COMMANDS(X) \
	X(ROUTE, "route") \
	X(POLICY, "policy") \
	X(STATUS, "status") \
	X(STATS, "stats") \
	X(LOOKUP, "lookup") \
	X(FLUSH, "flush") \
	X(DUMP, "dump")

enum request_command {
#define X(name, word) REQUEST_##name,
	REQUEST_COMMANDS(X)
#undef X
};

struct request {
	json_t *id; /* string or integer; NULL: none */
	enum request_command command;
	/* of route and policy */
	char destination_text[REQUEST_DESTINATION_MAX];
	struct mx_route_destination destination;
	/* of lookup and flush: in lower case; QTYPE 0: all types */
	struct mx_name name;
	uint16_t qtype;
	bool zone; /* of flush: and all below it */
	uint64_t from; /* of dump: where to go on, 0 at first */
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
