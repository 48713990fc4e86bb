/* route_name.c - names that hosts can have. See route.h. */
#include "dane.h"
#include "route.h"

static bool letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool label_is_good(const uint8_t *label, bool *underscore)
{
	unsigned len = label[0];

	for (unsigned i = 1; i <= len; i++) {
		bool at_edge = i == 1 || i == len;

		if (label[i] == '_')
			*underscore = true;
		else if (!letter_or_digit(label[i]) &&
			 (label[i] != '-' || at_edge))
			return false;
	}
	return true;
}

enum mx_route_host_state host_name_verdict(const struct mx_name *name,
					   bool *ret_underscore)
{
	bool underscore = false;

	if (dane_numeric(name))
		return MX_ROUTE_HOST_LITERAL;
	for (const uint8_t *label = name->octets; label[0] != 0;
	     label += label[0] + 1)
		if (!label_is_good(label, &underscore))
			return MX_ROUTE_HOST_BAD_NAME;
	*ret_underscore = underscore;
	return MX_ROUTE_HOST_USABLE;
}
