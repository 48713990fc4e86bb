/* result.c - what a lookup hears: a failure in words, what the cache has, or
 * what it had. */
#include "lookups.h"

static const struct mx_form no_form;

struct mx_lookup_result result_failed(enum mx_error err, uint16_t ede,
				      const char *why)
{
	return (struct mx_lookup_result){
		.err = err, .kind = MX_ANSWER_FAILURE,
		.rcode = MX_RCODE_SERVFAIL, .ede = ede, .why = why,
		.form = &no_form,
	};
}

struct mx_lookup_result result_failed_for(enum mx_error err)
{
	switch (err) {
	case MX_E_DEADLINE:
		return result_failed(err, MX_EDE_NO_REACHABLE_AUTHORITY,
				     "no answer in time, still asking");
	case MX_E_OVERLOAD:
		return result_failed(err, MX_EDE_NOT_READY, mx_error_text(err));
	case MX_E_NOT_READY:
		return result_failed(err, MX_EDE_NOT_READY,
				     "resolver is being restarted");
	default:
		return result_failed(err, MX_EDE_OTHER, mx_error_text(err));
	}
}

struct mx_lookup_result result_found(const struct mx_found *found,
				     const struct mx_form *form)
{
	return (struct mx_lookup_result){
		.err = found->kind == MX_ANSWER_FAILURE ? MX_E_UPSTREAM
							: MX_OK,
		.kind = found->kind, .state = found->state,
		.rcode = found->rcode, .from_cache = true,
		.expires = found->expires, .stale = found->stale,
		.ede = found->stale ? MX_EDE_STALE : found->ede,
		.why = found->why, .form = form,
	};
}

struct mx_form form_found(const struct mx_found *found, const uint8_t *octets)
{
	return (struct mx_form){
		.octets = octets, .len = found->len, .ancount = found->ancount,
		.nscount = found->nscount, .arcount = found->arcount,
	};
}

bool stale_there(struct mx_lookups *l, const struct mx_key *key)
{
	struct mx_found found;

	return mx_cache_get_stale(l->cache, key, mx_clock_now(),
				  mx_clock_wall_ms(), false, NULL, 0,
				  &found) == MX_HIT;
}

bool stale_find(struct mx_lookups *l, const struct mx_key *key, bool full,
		uint8_t *octets, struct mx_found *ret)
{
	return mx_cache_get_stale(l->cache, key, mx_clock_now(),
				  mx_clock_wall_ms(), full, octets,
				  MX_MESSAGE_MAX, ret) == MX_HIT;
}
