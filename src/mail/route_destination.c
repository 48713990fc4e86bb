/* route_destination.c - a next hop as text. See mx_route.h.
 *
 *   domain[:port]   [host][:port]   [address][:port]   [IPv6:address][:port]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mx_route.h"
#include "mx_wire.h"

#define NAME_TEXT_MAX 1020 /* what mx_name_to_text() may write */

/* ":25", or nothing, which leaves *port. */
static bool port_read(const char *text, uint16_t *port)
{
	unsigned value = 0;

	if (*text == '\0')
		return true;
	if (*text++ != ':' || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = 10 * value + (unsigned)(*text - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*port = (uint16_t)value;
	return value > 0;
}

static bool name_read(const char *text, struct mx_name *ret)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return false; /* IDN is for the caller to convert */
	if (mx_name_from_text(text, ret) != MX_OK || ret->len == 1)
		return false;
	mx_name_lower(ret->octets, ret->len);
	return true;
}

/* As in RFC 5321 section 4.1.3, or without its "IPv6:". */
static bool address_read(const char *text, struct mx_route_address *ret)
{
	struct mx_route_address address = { .state = MX_SECURE };

	if (inet_pton(AF_INET, text, address.octets) != 1) {
		address.is_ipv6 = true;
		if (strncasecmp(text, "IPv6:", 5) == 0)
			text += 5;
		if (inet_pton(AF_INET6, text, address.octets) != 1)
			return false;
	}
	*ret = address;
	return true;
}

/* text without its last characters; false: too long. */
static bool cut(const char *text, size_t len, char ret[NAME_TEXT_MAX + 1])
{
	if (len > NAME_TEXT_MAX)
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

static bool bracketed(const char *text, struct mx_route_destination *d)
{
	const char *end = strrchr(text, ']');
	char inside[NAME_TEXT_MAX + 1];

	if (end == NULL || !cut(text + 1, (size_t)(end - text - 1), inside) ||
	    !port_read(end + 1, &d->port))
		return false;
	d->is_host = true;
	d->is_address = address_read(inside, &d->address);
	return d->is_address || name_read(inside, &d->name);
}

bool mx_route_destination_read(const char *text,
			       struct mx_route_destination *ret)
{
	struct mx_route_destination d = { .name = { .len = 1 },
					  .port = MX_ROUTE_PORT };
	char name[NAME_TEXT_MAX + 1];
	bool good;

	if (text[0] == '[') {
		good = bracketed(text, &d);
	} else {
		size_t len = strcspn(text, ":");

		good = cut(text, len, name) && name_read(name, &d.name) &&
		       port_read(text + len, &d.port);
	}
	if (good)
		*ret = d;
	return good;
}
