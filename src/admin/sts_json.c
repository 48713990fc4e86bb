/* sts_json.c - a domain's MTA-STS policy as JSON. See sts_json.h. */
#include "sts_json.h"

/* From one time to another, if that is later. */
static json_int_t seconds(int64_t from_ms, int64_t to_ms)
{
	return to_ms > from_ms ? (to_ms - from_ms) / 1000 : 0;
}

static json_t *mx_json(const struct mx_route_policy *policy)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < policy->mx_count; i++) {
		char name[MX_ROUTE_NAME_TEXT_MAX];
		json_t *mx = json_sprintf(
			"%s%s", policy->mx[i].wildcard ? "*." : "",
			mx_route_name_text(&policy->mx[i].name, name));

		if (mx && json_array_append_new(list, mx) == 0)
			continue;
		json_decref(list);
		list = NULL;
	}
	return list;
}

static json_t *policy_object(const struct mx_sts_answer *sts, int64_t wall_ms)
{
	const struct mx_route_policy *policy = sts->policy;

	if (!policy)
		return json_null();
	return json_pack(
		"{s:s, s:s, s:o, s:I, s:s, s:s, s:s, s:I, s:I}",
		"mode", mx_route_sts_mode_word(policy->mode),
		"mode_text", mx_route_sts_mode_text(policy->mode),
		"mx", mx_json(policy),
		"max_age_s", (json_int_t)policy->max_age_s,
		"id", sts->policy_id,
		"source", mx_sts_source_word(sts->source),
		"source_text", mx_sts_source_text(sts->source),
		"fetched_s", seconds(sts->fetched_ms, wall_ms),
		"expires_s", seconds(wall_ms, sts->expires_ms));
}

static json_t *failure_object(const struct mx_sts_answer *sts, int64_t wall_ms)
{
	if (sts->failure == 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "code",
			 mx_sts_failure_word(sts->failure), "text",
			 mx_sts_failure_text(sts->failure), "detail",
			 sts->failure_detail, "ago_s",
			 seconds(sts->failed_ms, wall_ms), "retry_s",
			 seconds(wall_ms, sts->retry_ms));
}

json_t *sts_json(const struct mx_route_result *result,
		 const struct mx_sts_answer *sts, int64_t wall_ms)
{
	const struct mx_sts_answer nothing = { 0 };

	if (!sts)
		sts = &nothing;
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "record",
			 mx_route_sts_record_word(result->sts_record), "text",
			 mx_route_sts_record_text(result->sts_record), "id",
			 result->sts_id, "policy", policy_object(sts, wall_ms),
			 "fetching", sts->fetching, "failure",
			 failure_object(sts, wall_ms));
}
