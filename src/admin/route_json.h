/* route_json.h - a route as JSON, made here and nowhere else. What is in it:
 * docs/route.schema.json, and in words docs/control.md.
 *
 * Names are as mx_route_name_text() writes them: ASCII without control
 * characters, whatever came from the network. Pure, but for memory. */
#ifndef ROUTE_JSON_H
#define ROUTE_JSON_H

#include <jansson.h>

#include "mx_clock.h"
#include "mx_route.h"

/* destination_text: as it was asked for. NULL: no memory. The caller's. */
json_t *route_json(const char *destination_text,
		   const struct mx_route_destination *destination,
		   const struct mx_route_result *result, mx_instant now);

#endif
