/* sts_json.h - what is known of a domain's MTA-STS policy as JSON:
 * docs/control.md. Pure, but for memory. */
#ifndef STS_JSON_H
#define STS_JSON_H

#include <jansson.h>

#include "mx_sts.h"

/* sts may be NULL: nobody was asked, and there is the record only, as the route
 * has it. wall_ms: now. NULL: no memory. */
json_t *sts_json(const struct mx_route_result *result,
		 const struct mx_sts_answer *sts, int64_t wall_ms);

#endif
