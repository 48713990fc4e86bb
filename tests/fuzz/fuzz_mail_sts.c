/* A policy as it was fetched, and a host. Claims: no octet too many is read;
 * what is taken is within its bounds and matches what it says. */
#include <string.h>

#include "check.h"
#include "mx_route.h"
#include "mx_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct mx_route_policy policy;

	if (!mx_route_policy_read((const char *)octets, len, &policy))
		return 0;
	CHECK(policy.mx_count <= MX_ROUTE_PATTERNS_MAX);
	CHECK(policy.max_age_s <= 31557600);
	CHECK(policy.mx_count > 0 || policy.mode == MX_ROUTE_MODE_NONE);
	for (unsigned i = 0; i < policy.mx_count; i++) {
		struct mx_name host = policy.mx[i].name;

		if (!policy.mx[i].wildcard) {
			CHECK(mx_route_policy_matches(&policy, &host));
		} else if (host.len + 2u <= MX_NAME_MAX) {
			memmove(host.octets + 2, host.octets, host.len);
			memcpy(host.octets, "\1x", 2);
			host.len = (uint8_t)(host.len + 2);
			CHECK(mx_route_policy_matches(&policy, &host));
		}
	}
	return 0;
}
