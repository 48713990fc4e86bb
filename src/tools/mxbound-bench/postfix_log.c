/* postfix_log.c - see postfix_log.h. */
#include "postfix_log.h"

#include <stdio.h>
#include <string.h>

/* What follows "postfix.../smtp[PID]: ", or NULL. */
static const char *after_program(const char *line)
{
	const char *program = strstr(line, "/smtp["), *end;

	if (program == NULL)
		return NULL;
	end = program + strlen("/smtp[");
	end += strspn(end, "0123456789");
	if (strncmp(end, "]: ", 3) != 0)
		return NULL;
	while (program > line && program[-1] != ' ')
		program--;
	return strncmp(program, "postfix", 7) == 0 ? end + 3 : NULL;
}

/* example.com of bob@example.com> or "a@b"@example.com>. */
static bool read_domain(const char *address, struct mx_name *ret)
{
	size_t len = strcspn(address, ">");
	char text[256];
	const char *at;

	if (address[len] != '>' || address[len + 1] != ',')
		return false;
	at = memrchr(address, '@', len);
	if (at == NULL)
		return false;
	len -= (size_t)(at + 1 - address);
	if (len == 0 || len >= sizeof text ||
	    memchr(at, '\\', len) != NULL || at[1] == '[')
		return false;
	memcpy(text, at + 1, len);
	text[len] = '\0';
	if (mx_name_from_text(text, ret) != MX_OK || ret->len <= 1)
		return false;
	mx_name_lower(ret->octets, ret->len);
	return true;
}

/* relay=HOST[ADDRESS]:PORT */
static bool is_routed(const char *rest)
{
	const char *relay = strstr(rest, ", relay="), *address;
	size_t len;

	if (relay == NULL)
		return false;
	relay += strlen(", relay=");
	len = strcspn(relay, ",");
	address = memchr(relay, '[', len);
	if (address == NULL)
		return len == 4 && strncmp(relay, "none", 4) == 0;
	return strncmp(address, "[127.", 5) != 0 &&
	       strncmp(address, "[::1]", 5) != 0;
}

bool postfix_line_read(const char *line, struct postfix_delivery *ret)
{
	const char *at = after_program(line);
	size_t id;

	if (at == NULL)
		return false;
	id = strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz");
	if (id == 0 || id >= sizeof ret->queue_id ||
	    strncmp(at + id, ": to=<", 6) != 0)
		return false;
	snprintf(ret->queue_id, sizeof ret->queue_id, "%.*s", (int)id, at);
	at += id + 6;
	return read_domain(at, &ret->domain) && is_routed(at);
}
