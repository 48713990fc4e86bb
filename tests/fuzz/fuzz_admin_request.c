/* Lines from the control socket, as control.c hands them over. Whatever comes,
 * the reply is one line of ASCII that any JSON reader takes, with the id that
 * the request had; and what is taken for a request is one. */
#include <string.h>

#include "../../src/admin/request.h"
#include "check.h"
#include "mx_control.h"

static void check_reply(char *reply, json_t *id, const char *member)
{
	CHECK(reply != NULL);

	size_t len = strlen(reply);

	CHECK(len > 1 && reply[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		CHECK(reply[i] >= ' ' && reply[i] <= '~');

	json_t *read = json_loadb(reply, len, JSON_REJECT_DUPLICATES, NULL);

	CHECK(json_object_size(read) == 2);
	CHECK(json_object_get(read, member) != NULL);
	CHECK(id ? json_equal(json_object_get(read, "id"), id)
		 : json_is_null(json_object_get(read, "id")));
	json_decref(read);
	free(reply);
}

static void check_good(struct request *r)
{
	struct mx_route_destination again;

	CHECK(r->command == REQUEST_ROUTE || r->command == REQUEST_POLICY);
	CHECK(mx_route_destination_read(r->destination_text, &again));
	CHECK(memcmp(&again.name, &r->destination.name, again.name.len + 1) == 0);
	CHECK(again.port == r->destination.port && again.port != 0);
	for (const char *at = r->destination_text; *at; at++)
		CHECK(*at > ' ' && *at <= '~');
	check_reply(reply_result(r->id, json_string(r->destination_text)),
		    r->id, "result");
}

static void check_line(const char *line, size_t len)
{
	struct request r;
	char why[REQUEST_WHY_MAX] = "";

	if (request_is_blank(line, len))
		return;

	enum request_error err = request_read(line, len, &r, why);

	if (err == REQUEST_OK) {
		check_good(&r);
	} else {
		CHECK(*why != '\0' && *request_error_word(err) != '\0');
		check_reply(reply_error(r.id, err, why), r.id, "error");
	}
	request_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	const char *at = (const char *)octets, *end = at + len;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = (size_t)((eol ? eol : end) - at);

		if (line_len > MX_CONTROL_LINE_MAX)
			return 0;
		/* In a block of its own, so that an octet too many shows. */
		char *line = malloc(line_len + (line_len == 0));

		memcpy(line, at, line_len);
		check_line(line, line_len);
		free(line);
		at += line_len + 1;
	}
	return 0;
}
