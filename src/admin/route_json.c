/* route_json.c - a route as JSON. See route_json.h.
 *
 * json_pack() gives NULL, and frees what it was given with "o", where anything
 * in it is NULL: so want of memory anywhere is NULL in the end. */
#include "route_json.h"

#include "sts_json.h"

static json_t *name_json(const struct mx_name *name)
{
	char text[MX_ROUTE_NAME_TEXT_MAX];

	return name->len > 1 ? json_string(mx_route_name_text(name, text))
			     : json_null();
}

/* Append what may be NULL. False: no memory, and list is gone. */
static bool append(json_t **list, json_t *item)
{
	if (item && json_array_append_new(*list, item) == 0)
		return true;
	json_decref(*list);
	*list = NULL;
	return false;
}

static json_t *warnings_json(uint32_t warnings)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < MX_ROUTE_WARNING_COUNT; i++) {
		enum mx_route_warning warning = (enum mx_route_warning)i;

		if ((warnings & 1u << i) == 0)
			continue;
		append(&list, json_pack("{s:s, s:s, s:s}", "code",
					mx_route_warning_word(warning), "text",
					mx_route_warning_text(warning), "fix",
					mx_route_warning_fix(warning)));
	}
	return list;
}

static json_t *addresses_json(const struct mx_route_host *host)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < host->address_count; i++) {
		const struct mx_route_address *a = &host->addresses[i];
		char text[MX_ROUTE_ADDRESS_TEXT_MAX];

		append(&list, json_pack("{s:s, s:s}", "address",
					mx_route_address_text(a, text),
					"validation",
					mx_route_validation_word(a->state)));
	}
	return list;
}

static json_t *one_tlsa_json(const struct mx_route_tlsa *tlsa)
{
	char data[2 * MX_ROUTE_TLSA_DATA_MAX + 1] = "";
	unsigned kept = tlsa->len < MX_ROUTE_TLSA_DATA_MAX
				? tlsa->len
				: MX_ROUTE_TLSA_DATA_MAX;

	for (unsigned i = 0; i < kept; i++)
		snprintf(data + 2 * i, 3, "%02x", tlsa->data[i]);
	return json_pack("{s:i, s:i, s:i, s:s, s:i, s:b, s:s, s:s}", "usage",
			 tlsa->usage, "selector", tlsa->selector, "matching",
			 tlsa->matching, "data", data, "octets", tlsa->len,
			 "usable", tlsa->reason == MX_ROUTE_TLSA_USABLE,
			 "reason", mx_route_tlsa_reason_word(tlsa->reason),
			 "text", mx_route_tlsa_reason_text(tlsa->reason));
}

static json_t *tlsa_json(const struct mx_route_host *host)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < host->tlsa_kept; i++)
		append(&list, one_tlsa_json(&host->tlsa[i]));
	return list;
}

static json_t *host_json(const struct mx_route_host *host)
{
	return json_pack(
		"{s:o, s:i, s:s, s:b, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:o, s:s, s:o}",
		"name", name_json(&host->name),
		"preference", host->preference,
		"state", mx_route_host_state_word(host->state),
		"usable", host->state == MX_ROUTE_HOST_USABLE,
		"text", mx_route_host_state_text(host->state),
		"leads_to", name_json(&host->final),
		"addresses", addresses_json(host),
		"tls", mx_route_level_word(host->level),
		"tls_text", mx_route_level_text(host->level),
		"dane", mx_route_dane_word(host->dane),
		"dane_text", mx_route_dane_text(host->dane),
		"tlsa_base", name_json(&host->tlsa_base),
		"tlsa_count", host->tlsa_count,
		"tlsa_usable", host->tlsa_usable,
		"tlsa", tlsa_json(host),
		"mta_sts_match", mx_route_match_word(host->sts_match),
		"warnings", warnings_json(host->warnings));
}

static json_t *hosts_json(const struct mx_route_result *result)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < result->host_count; i++)
		append(&list, host_json(&result->hosts[i]));
	return list;
}

static const char *class_word(enum mx_route_class class)
{
	switch (class) {
	case MX_ROUTE_DELIVERABLE:
		return "deliverable";
	case MX_ROUTE_PERMANENT:
		return "permanent";
	case MX_ROUTE_TEMPORARY:
		break;
	}
	return "temporary";
}

static json_t *holds_json(int64_t expires_ms, mx_instant now)
{
	if (expires_ms == INT64_MAX)
		return json_null();
	return json_integer(expires_ms > now ? (expires_ms - now) / 1000 : 0);
}

/* In brackets there is no MX to be validated. */
static json_t *mx_validation_json(const struct mx_route_destination *destination,
				  const struct mx_route_result *result)
{
	if (destination->is_host)
		return json_null();
	return json_string(mx_route_validation_word(result->mx_state));
}

json_t *route_json(const char *destination_text,
		   const struct mx_route_destination *destination,
		   const struct mx_route_result *result,
		   const struct mx_sts_answer *sts, struct json_time time)
{
	enum mx_route_class class = mx_route_outcome_class(result->outcome);

	return json_pack(
		"{s:s, s:o, s:i, s:s, s:s, s:i, s:s, s:s, s:s, s:b, s:o, s:o, s:s, s:s, s:i, s:b, s:o, s:o, s:o, s:I, s:o}",
		"destination", destination_text,
		"domain", name_json(&result->domain),
		"port", result->port,
		"outcome", mx_route_outcome_word(result->outcome),
		"class", class_word(class),
		"status", (int)class,
		"text", mx_route_outcome_text(result->outcome),
		"reason", mx_route_reason_word(result->reason),
		"reason_text", mx_route_reason_text(result->reason),
		"implicit_mx", result->implicit_mx,
		"mx_validation", mx_validation_json(destination, result),
		"mx_owner", name_json(&result->mx_owner),
		"tls_least", mx_route_level_word(result->level_least),
		"tls_most", mx_route_level_word(result->level_most),
		"hosts_usable", result->hosts_usable,
		"hosts_left_out", result->hosts_left_out,
		"hosts", hosts_json(result),
		"mta_sts", sts_json(result, sts, time.wall_ms),
		"warnings", warnings_json(result->warnings),
		"questions", (json_int_t)result->questions,
		"holds_s", holds_json(result->expires_ms, time.now));
}
