/* request.c - a line from the control socket, read. See request.h. */
#include "request.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const error_words[] = {
	"",
#define X(name, word) word,
	REQUEST_ERRORS(X)
#undef X
};

const char *request_error_word(enum request_error err)
{
	return error_words[err];
}

bool request_is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r", line[i]) || line[i] == '\0')
			return false;
	return true;
}

/* What is wrong, and with what: foreign text is made ASCII without control
 * characters. */
static enum request_error wrong(enum request_error err,
				char why[REQUEST_WHY_MAX], const char *format,
				...) __attribute__((format(printf, 3, 4)));
static enum request_error wrong(enum request_error err,
				char why[REQUEST_WHY_MAX], const char *format,
				...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, REQUEST_WHY_MAX, format, args);
	va_end(args);
	for (char *at = why; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = '?';
	return err;
}

/* How deep brackets nest, outside of strings. Of what is no JSON it may be
 * anything. */
static size_t depth_of(const char *line, size_t len)
{
	size_t depth = 0, most = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			in_string = !in_string;
		else if (!in_string && (line[i] == '[' || line[i] == '{'))
			most = ++depth > most ? depth : most;
		else if (!in_string && (line[i] == ']' || line[i] == '}'))
			depth -= depth > 0;
	}
	return most;
}

/* It comes back, and is printed: no control characters, DEL included, which
 * JSON lets pass. */
static bool good_id(json_t *id)
{
	const char *text = json_string_value(id);

	if (!text)
		return json_is_integer(id);
	for (const char *at = text; *at; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return strlen(text) <= REQUEST_ID_MAX;
}

static enum request_error read_id(json_t *object, struct request *ret,
				  char why[REQUEST_WHY_MAX])
{
	json_t *id = json_object_get(object, "id");

	if (!id || json_is_null(id))
		return REQUEST_OK;
	if (!good_id(id))
		return wrong(REQUEST_E_REQUEST, why,
			     "\"id\" must be a whole number, or a string of at most %u printable ASCII characters",
			     REQUEST_ID_MAX);
	ret->id = json_incref(id);
	return REQUEST_OK;
}

/* A misspelt member must not be passed over in silence. */
static enum request_error check_members(json_t *object,
					const char *const *known,
					char why[REQUEST_WHY_MAX])
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		bool found = false;

		for (size_t i = 0; known[i]; i++)
			found = found || strcmp(known[i], key) == 0;
		if (!found)
			return wrong(REQUEST_E_REQUEST, why,
				     "there is no member \"%.60s\" in this request",
				     key);
	}
	return REQUEST_OK;
}

static enum request_error read_destination(json_t *object, struct request *ret,
				     char why[REQUEST_WHY_MAX])
{
	static const char *const known[] = { "id", "command", "destination",
					     NULL };
	json_t *destination = json_object_get(object, "destination");
	enum request_error err = check_members(object, known, why);
	const char *text;

	if (err != REQUEST_OK)
		return err;
	if (!json_is_string(destination))
		return wrong(REQUEST_E_REQUEST, why,
			     "\"destination\" must be there, a string such as \"example.com\"");
	text = json_string_value(destination);
	if (strlen(text) >= sizeof(ret->destination_text) ||
	    !mx_route_destination_read(text, &ret->destination))
		return wrong(REQUEST_E_DESTINATION, why,
			     "\"%.100s\" is no destination; such are example.com, example.com:587, [mx.example.com], [192.0.2.1]; names with other letters are written in their xn-- form",
			     text);
	strcpy(ret->destination_text, text);
	return REQUEST_OK;
}

/* ---- names and types ---- */

static enum request_error read_name(json_t *object, struct request *ret,
				    char why[REQUEST_WHY_MAX])
{
	json_t *name = json_object_get(object, "name");
	const char *text = json_string_value(name);

	if (!text)
		return wrong(REQUEST_E_REQUEST, why,
			     "\"name\" must be there, a string such as \"example.com\"");
	for (const char *at = text; *at; at++)
		if (*at < '!' || *at > '~')
			return wrong(REQUEST_E_NAME, why,
				     "\"%.100s\" is no name; names with other letters are written in their xn-- form",
				     text);
	if (mx_name_from_text(text, &ret->name) != MX_OK)
		return wrong(REQUEST_E_NAME, why,
			     "\"%.100s\" is no name: labels have 1 to 63 octets, names up to 255",
			     text);
	mx_name_lower(ret->name.octets, ret->name.len);
	return REQUEST_OK;
}

/* Those that no answer is kept under cannot be asked for here. */
static enum request_error read_type(json_t *object, struct request *ret,
				    char why[REQUEST_WHY_MAX])
{
	json_t *type = json_object_get(object, "type");
	const char *text = json_string_value(type);

	if (!type)
		return REQUEST_OK;
	if (!text || !mx_type_from_text(text, &ret->qtype) || ret->qtype == 0 ||
	    ret->qtype == MX_TYPE_OPT ||
	    (ret->qtype >= 128 && ret->qtype <= 255))
		return wrong(REQUEST_E_TYPE, why,
			     "\"%.40s\" is no type of RRs; such are MX, TLSA, TYPE65280",
			     text ? text : "");
	return REQUEST_OK;
}

static enum request_error read_lookup(json_t *object, struct request *ret,
				      char why[REQUEST_WHY_MAX])
{
	static const char *const known[] = { "id", "command", "name", "type",
					     NULL };
	enum request_error err = check_members(object, known, why);

	if (err == REQUEST_OK)
		err = read_name(object, ret, why);
	if (err == REQUEST_OK)
		err = read_type(object, ret, why);
	if (err == REQUEST_OK && ret->qtype == 0)
		err = wrong(REQUEST_E_REQUEST, why,
			    "\"type\" must be there, a string such as \"MX\"");
	return err;
}

static enum request_error read_flush(json_t *object, struct request *ret,
				     char why[REQUEST_WHY_MAX])
{
	static const char *const known[] = { "id", "command", "name", "type",
					     "zone", NULL };
	json_t *zone = json_object_get(object, "zone");
	enum request_error err = check_members(object, known, why);

	if (err == REQUEST_OK)
		err = read_name(object, ret, why);
	if (err == REQUEST_OK)
		err = read_type(object, ret, why);
	if (err != REQUEST_OK)
		return err;
	if (zone && !json_is_boolean(zone))
		return wrong(REQUEST_E_REQUEST, why,
			     "\"zone\" must be true or false");
	ret->zone = json_is_true(zone);
	if (ret->zone && ret->qtype)
		return wrong(REQUEST_E_REQUEST, why,
			     "a zone is flushed with all its types: \"type\" does not go with it");
	return REQUEST_OK;
}

static enum request_error read_dump(json_t *object, struct request *ret,
				    char why[REQUEST_WHY_MAX])
{
	static const char *const known[] = { "id", "command", "from", NULL };
	json_t *from = json_object_get(object, "from");
	enum request_error err = check_members(object, known, why);

	if (err != REQUEST_OK)
		return err;
	if (from && (!json_is_integer(from) || json_integer_value(from) < 0))
		return wrong(REQUEST_E_REQUEST, why,
			     "\"from\" must be the number that was \"next\" before");
	ret->from = (uint64_t)json_integer_value(from);
	return REQUEST_OK;
}

static enum request_error read_nothing(json_t *object, struct request *ret,
				       char why[REQUEST_WHY_MAX])
{
	static const char *const known[] = { "id", "command", NULL };

	(void)ret;
	return check_members(object, known, why);
}

/* ---- commands ---- */

static const char *const command_words[] = {
#define X(name, word) word,
	REQUEST_COMMANDS(X)
#undef X
};
#define COMMAND_COUNT (sizeof(command_words) / sizeof(*command_words))

static enum request_error read_arguments(json_t *object, struct request *ret,
					 char why[REQUEST_WHY_MAX])
{
	switch (ret->command) {
	case REQUEST_ROUTE:
	case REQUEST_POLICY:
		return read_destination(object, ret, why);
	case REQUEST_LOOKUP:
		return read_lookup(object, ret, why);
	case REQUEST_FLUSH:
		return read_flush(object, ret, why);
	case REQUEST_DUMP:
		return read_dump(object, ret, why);
	case REQUEST_STATUS:
	case REQUEST_STATS:
		break;
	}
	return read_nothing(object, ret, why);
}

static enum request_error no_such_command(const char *name,
					  char why[REQUEST_WHY_MAX])
{
	char all[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < COMMAND_COUNT && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
					 i > 0 ? ", " : "", command_words[i]);
	return wrong(REQUEST_E_COMMAND, why,
		     "there is no command \"%.60s\"; there are: %s", name, all);
}

static enum request_error read_object(json_t *object, struct request *ret,
				      char why[REQUEST_WHY_MAX])
{
	const char *name = json_string_value(json_object_get(object, "command"));
	enum request_error err = read_id(object, ret, why);

	if (err != REQUEST_OK)
		return err;
	if (!name)
		return wrong(REQUEST_E_REQUEST, why,
			     "\"command\" must be there, a string such as \"route\"");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(command_words[i], name) != 0)
			continue;
		ret->command = (enum request_command)i;
		return read_arguments(object, ret, why);
	}
	return no_such_command(name, why);
}

enum request_error request_read(const char *line, size_t len,
				struct request *ret, char why[REQUEST_WHY_MAX])
{
	json_error_t error;
	enum request_error err;
	json_t *object;

	memset(ret, 0, sizeof(*ret));
	if (depth_of(line, len) > REQUEST_DEPTH_MAX)
		return wrong(REQUEST_E_TOO_DEEP, why,
			     "nested deeper than %u", REQUEST_DEPTH_MAX);
	object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!object && json_error_code(&error) == json_error_out_of_memory)
		return wrong(REQUEST_E_MEMORY, why, "out of memory");
	if (!object)
		return wrong(REQUEST_E_JSON, why, "no JSON: %.120s, at octet %d",
			     error.text, error.position);
	if (json_is_object(object))
		err = read_object(object, ret, why);
	else
		err = wrong(REQUEST_E_REQUEST, why,
			    "a request is an object, as in {\"id\": 1, \"command\": \"route\", \"destination\": \"example.com\"}");
	json_decref(object);
	return err;
}

void request_clear(struct request *request)
{
	json_decref(request->id);
	request->id = NULL;
}

/* ---- replies ---- */

/* reply is taken over. */
static char *line_of(json_t *reply)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT | JSON_ENSURE_ASCII)
			   : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	json_decref(reply);
	if (line)
		strcpy(line + len, "\n");
	else
		free(text);
	return line;
}

static json_t *id_or_null(json_t *id)
{
	return id ? json_incref(id) : json_null();
}

char *reply_result(json_t *id, json_t *result)
{
	return line_of(json_pack("{s:o, s:o}", "id", id_or_null(id), "result",
				 result));
}

char *reply_error(json_t *id, enum request_error err, const char *why)
{
	return line_of(json_pack("{s:o, s:{s:s, s:s}}", "id", id_or_null(id),
				 "error", "code", request_error_word(err),
				 "text", why));
}
