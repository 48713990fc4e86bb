/* policy_text.c - a policy for Postfix as a person reads it. See ctl.h.
 *
 *   healthy.lab: dane-only
 *     DANE at every host; one without usable TLSA is not used
 *     since MX is secure, and every mail host that can be used has usable TLSA
 *
 *   and then the route */
#include "ctl.h"

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void policy_print_long(FILE *out, json_t *policy, bool colour)
{
	ctl_print(out, text_of(policy, "destination"));
	fputs(": ", out);
	fputs(colour ? "\033[1m" : "", out);
	ctl_print(out, text_of(policy, "policy"));
	fputs(colour ? "\033[0m" : "", out);
	fputs("\n  ", out);
	ctl_print(out, text_of(policy, "text"));
	fputs("\n  since ", out);
	ctl_print(out, text_of(policy, "reason_text"));
	fputs("\n\n", out);
	route_print_long(out, json_object_get(policy, "route"), colour);
}

void policy_print_short(FILE *out, json_t *policy)
{
	ctl_print(out, text_of(policy, "destination"));
	fputs(" ", out);
	ctl_print(out, text_of(policy, "policy"));
	fputs(" ", out);
	ctl_print(out, text_of(policy, "reason"));
	fputs("\n", out);
}
