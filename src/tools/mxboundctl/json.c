/* json.c - members of a reply, of which all that is missing is empty. */
#include "ctl.h"

const char *json_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t json_number(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double json_share(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : -1;
}

void ctl_print_span(FILE *out, json_int_t seconds)
{
	static const struct {
		json_int_t of;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" },
		      { 1, "second" } };
	int said = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units) && said < 2; i++) {
		json_int_t count = seconds / units[i].of;

		seconds %= units[i].of;
		if (count == 0 && (said > 0 || units[i].of > 1))
			continue;
		fprintf(out, "%s%lld %s%s", said > 0 ? " " : "",
			(long long)count, units[i].name, count == 1 ? "" : "s");
		said++;
	}
}
