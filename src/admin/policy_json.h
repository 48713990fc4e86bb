/* policy_json.h - a policy for Postfix as JSON, with the route it is from:
 * docs/control.md. Pure, but for memory. */
#ifndef POLICY_JSON_H
#define POLICY_JSON_H

#include <jansson.h>

#include "route_json.h"

/* As route_json(). */
json_t *policy_json(const char *destination_text,
		    const struct mx_route_destination *destination,
		    const struct mx_route_result *result,
		    const struct mx_sts_answer *sts, struct json_time time);

#endif
