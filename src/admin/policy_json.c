/* policy_json.c - a policy for Postfix as JSON. See policy_json.h. */
#include "policy_json.h"

#include <stdlib.h>

#include "mx_policy.h"

static json_t *postfix_json(const struct mx_policy *policy,
			    const struct mx_route_result *result,
			    const struct mx_route_policy *sts)
{
	char *text = malloc(MX_POLICY_TEXT_MAX);
	json_t *json = NULL;

	if (text)
		json = mx_policy_text(policy, result, sts, false, text) > 0 ?
			       json_string(text) : json_null();
	free(text);
	return json;
}

json_t *policy_json(const char *destination_text,
		    const struct mx_route_destination *destination,
		    const struct mx_route_result *result,
		    const struct mx_sts_answer *sts, struct json_time time)
{
	const struct mx_route_policy *held = sts ? sts->policy : NULL;
	struct mx_policy policy = mx_policy_decide(result, held);

	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:i, s:o}",
			 "destination", destination_text,
			 "policy", mx_policy_verdict_word(policy.verdict),
			 "text", mx_policy_verdict_text(policy.verdict),
			 "postfix", postfix_json(&policy, result, held),
			 "reason", mx_policy_reason_word(policy.reason),
			 "reason_text", mx_policy_reason_text(policy.reason),
			 "status", policy.verdict == MX_POLICY_TEMP ?
					   MX_ROUTE_TEMPORARY :
					   MX_ROUTE_DELIVERABLE,
			 "route", route_json(destination_text, destination,
					     result, sts, time));
}
