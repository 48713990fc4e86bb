/* lookup_json.h - the answer to one question as JSON. docs/control.md has its
 * members. */
#ifndef LOOKUP_JSON_H
#define LOOKUP_JSON_H

#include <jansson.h>

#include "mx_lookup.h"

/* secure, insecure, bogus, indeterminate. */
const char *validation_word(enum mx_validation state);
/* NULL: no memory. */
json_t *lookup_json(const struct mx_key *key,
		    const struct mx_lookup_result *result, mx_instant now);

#endif
