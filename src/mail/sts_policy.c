/* sts_policy.c - the policy of MTA-STS, RFC 8461 section 3.2 and 4.1. */
#include <string.h>

#include "mx_route.h"
#include "mx_wire.h"

#define MAX_AGE_MAX_S 31557600u /* RFC 8461 section 3.2 */

struct span {
	const char *at;
	size_t len;
};

/* Which keys have been seen: of a repeated one the first counts. */
struct reading {
	struct mx_route_policy *policy;
	bool version, mode, max_age;
};

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static struct span trim(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct span){ from, (size_t)(to - from) };
}

static bool version_read(struct reading *r, struct span value)
{
	r->version = true;
	return is(value, "STSv1");
}

static bool mode_read(struct reading *r, struct span value)
{
	r->mode = true;
#define X(name, word, text) \
	if (is(value, word)) { \
		r->policy->mode = MX_ROUTE_MODE_##name; \
		return true; \
	}
	MX_ROUTE_STS_MODES(X)
#undef X
	return false;
}

/* 1*10(DIGIT) (erratum 7282); more than the maximum is the maximum. */
static bool max_age_read(struct reading *r, struct span value)
{
	uint64_t seconds = 0;

	r->max_age = true;
	if (value.len == 0 || value.len > 10)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return false;
		seconds = 10 * seconds + (unsigned)(value.at[i] - '0');
	}
	r->policy->max_age_s = seconds < MAX_AGE_MAX_S ? (uint32_t)seconds :
							 MAX_AGE_MAX_S;
	return true;
}

/* Letters, digits, hyphens, dots; an underscore as in names of hosts. */
static bool is_domain(struct span s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '\0' || strchr(allowed, s.at[i]) == NULL)
			return false;
	return s.len > 0 && s.len < MX_NAME_MAX;
}

static bool mx_read(struct reading *r, struct span value)
{
	struct mx_route_policy *policy = r->policy;
	struct mx_route_pattern *mx = &policy->mx[policy->mx_count];
	char text[MX_NAME_MAX + 1];

	if (policy->mx_count == MX_ROUTE_PATTERNS_MAX)
		return false;
	mx->wildcard = value.len > 2 && memcmp(value.at, "*.", 2) == 0;
	if (mx->wildcard) {
		value.at += 2;
		value.len -= 2;
	}
	if (!is_domain(value))
		return false;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	if (mx_name_from_text(text, &mx->name) != MX_OK || mx->name.len == 1)
		return false;
	mx_name_lower(mx->name.octets, mx->name.len);
	policy->mx_count++;
	return true;
}

static bool line_read(struct reading *r, const char *from, const char *to)
{
	if (to > from && to[-1] == '\r')
		to--;
	if (trim(from, to).len == 0)
		return true;
	const char *colon = memchr(from, ':', (size_t)(to - from));

	if (colon == NULL)
		return false;
	struct span key = trim(from, colon), value = trim(colon + 1, to);

	if (is(key, "version"))
		return r->version || version_read(r, value);
	if (is(key, "mode"))
		return r->mode || mode_read(r, value);
	if (is(key, "max_age"))
		return r->max_age || max_age_read(r, value);
	if (is(key, "mx"))
		return mx_read(r, value);
	return true;
}

bool mx_route_policy_read(const char *text, size_t len,
			  struct mx_route_policy *ret)
{
	struct reading r = { .policy = ret };
	const char *at = text, *end = text + len;

	memset(ret, 0, sizeof(*ret));
	if (len > MX_ROUTE_POLICY_TEXT_MAX)
		return false;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		if (!line_read(&r, at, stop))
			return false;
		at = stop < end ? stop + 1 : end;
	}
	return r.version && r.mode && r.max_age &&
	       (ret->mx_count > 0 || ret->mode == MX_ROUTE_MODE_NONE);
}

static bool matches(const struct mx_route_pattern *mx,
		    const struct mx_name *host)
{
	const uint8_t *tail = host->octets;
	size_t len = host->len;

	if (mx->wildcard) {
		/* Exactly one label: not the name itself, not two. */
		tail += tail[0] + 1;
		len -= host->octets[0] + 1u;
		if (host->len == 1)
			return false;
	}
	return len == mx->name.len &&
	       mx_name_below(tail, len, mx->name.octets, mx->name.len);
}

bool mx_route_policy_matches(const struct mx_route_policy *policy,
			     const struct mx_name *host)
{
	for (unsigned i = 0; i < policy->mx_count; i++)
		if (matches(&policy->mx[i], host))
			return true;
	return false;
}
