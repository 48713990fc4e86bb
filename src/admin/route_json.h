/* route_json.h - a route as JSON, made here and nowhere else. What is in it:
 * docs/route.schema.json, and in words docs/control.md.
 *
 * Names are as mx_route_name_text() writes them: ASCII without control
 * characters, whatever came from the network. Pure, but for memory. */
#ifndef ROUTE_JSON_H
#define ROUTE_JSON_H

#include <jansson.h>

#include "mx_clock.h"
#include "mx_sts.h"

/* The same moment by both clocks. */
struct json_time {
	mx_instant now;
	int64_t wall_ms;
};

/* destination_text: as it was asked for. sts: as sts_json(). NULL: no memory. The
 * caller's. */
json_t *route_json(const char *destination_text,
		   const struct mx_route_destination *destination,
		   const struct mx_route_result *result,
		   const struct mx_sts_answer *sts, struct json_time time);

#endif
