/* tls_policy.c - which TLS Postfix must have. See mx_policy.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mx_policy.h"
#include "mx_wire.h"

/* ---- words ---- */

static const char *pick(const char *const *texts, size_t count, unsigned value)
{
	return value < count ? texts[value] : "";
}

#define WORDS(table, type, noun) \
	const char *mx_policy_##noun##_word(type value) \
	{ \
		static const char *const words[] = { table(WORD) }; \
		return pick(words, sizeof(words) / sizeof(words[0]), value); \
	} \
	const char *mx_policy_##noun##_text(type value) \
	{ \
		static const char *const texts[] = { table(TEXT) }; \
		return pick(texts, sizeof(texts) / sizeof(texts[0]), value); \
	}
#define WORD(name, word, text) word,
#define TEXT(name, word, text) text,
WORDS(MX_POLICY_VERDICTS, enum mx_policy_verdict, verdict)
WORDS(MX_POLICY_REASONS, enum mx_policy_reason, reason)

/* ---- the decision ---- */

#define SAY(verdict, reason) \
	(struct mx_policy){ MX_POLICY_##verdict, MX_POLICY_WHY_##reason }

/* A host that takes mail as far as we know, but not with which TLS. One
 * without an address that can be had is not of these: nobody can use it. */
static bool tlsa_unknown(const struct mx_route_result *r)
{
	for (unsigned i = 0; i < r->host_count; i++)
		switch (r->hosts[i].state) {
		case MX_ROUTE_HOST_WAITING:
		case MX_ROUTE_HOST_TLSA_FAILED:
		case MX_ROUTE_HOST_TLSA_BOGUS:
			return true;
		default:
			break;
		}
	return false;
}

/* RFC 8461 section 2: MTA-STS must not override DANE that fails, and DANE that
 * is not known may be about to. Below an insecure MX DANE is optional (RFC 7672
 * section 2.2.1) and whoever forges MX leaves it out; MTA-STS he cannot. */
static struct mx_policy decide_sts(const struct mx_route_result *r)
{
	if (r->mx_state == MX_SECURE && (tlsa_unknown(r) || r->hosts_left_out))
		return SAY(TEMP, STS_TLSA_UNKNOWN);
	return SAY(SECURE, STS);
}

static struct mx_policy decide_hosts(const struct mx_route_result *r,
				     bool enforce)
{
	if (r->level_least == MX_ROUTE_LEVEL_DANE_ONLY)
		return SAY(DANE_ONLY, TLSA_ALL);
	/* `dane` would let hosts without TLSA have mail in the clear, which the
	 * domain forbids, and `secure` would let those with TLSA do without
	 * DANE: of all levels only this one keeps both promises. */
	if (r->level_most == MX_ROUTE_LEVEL_DANE_ONLY && enforce)
		return SAY(DANE_ONLY, STS_TLSA_SOME);
	if (r->level_most == MX_ROUTE_LEVEL_DANE_ONLY)
		return r->hosts_left_out ? SAY(DANE, TOO_MANY) :
					   SAY(DANE, TLSA_SOME);
	if (enforce)
		return decide_sts(r);
	if (r->level_most == MX_ROUTE_LEVEL_DANE)
		return SAY(DANE, MX_INSECURE);
	/* From here on no host is known to have usable TLSA; one that is not
	 * known may, and at level dane Postfix skips it (RFC 7672 section
	 * 2.1.2). */
	if (r->level_least == MX_ROUTE_LEVEL_ENCRYPT && !tlsa_unknown(r))
		return SAY(ENCRYPT, TLSA_UNUSABLE);
	if (r->level_most == MX_ROUTE_LEVEL_ENCRYPT)
		return SAY(DANE, TLSA_SOME);
	if (tlsa_unknown(r))
		return SAY(DANE, TLSA_UNKNOWN);
	if (r->hosts_left_out && r->mx_state == MX_SECURE)
		return SAY(DANE, TOO_MANY);
	return SAY(NONE, NO_TLSA);
}

static struct mx_policy decide_later(const struct mx_route_result *r,
				     bool enforce)
{
	switch (r->reason) {
	case MX_ROUTE_WHY_TOO_MANY:
		/* Postfix goes on where we stop, and must not for ever wait
		 * for us. */
		return enforce ? decide_sts(r) : SAY(DANE, TOO_MANY);
	case MX_ROUTE_WHY_HOST:
	case MX_ROUTE_WHY_OWN_NEXT:
		return SAY(TEMP, HOSTS_FAILED);
	default:
		return SAY(TEMP, MX_FAILED);
	}
}

static struct mx_policy decide(const struct mx_route_result *result,
			       bool enforce)
{
	if (result->domain.len <= 1)
		return SAY(NONE, ADDRESS);
	switch (result->outcome) {
	case MX_ROUTE_DELIVER:
		return decide_hosts(result, enforce);
	case MX_ROUTE_NO_DOMAIN:
		return SAY(NONE, NO_DOMAIN);
	case MX_ROUTE_NULL_MX:
		return SAY(NONE, NULL_MX);
	case MX_ROUTE_NO_HOST:
	case MX_ROUTE_LOOP:
		/* Postfix takes some hosts that we pass over: addresses in
		 * place of names, for one. */
		return enforce ? SAY(SECURE, STS) : SAY(NONE, NO_HOST);
	case MX_ROUTE_TRY_AGAIN:
		break;
	}
	return decide_later(result, enforce);
}

struct mx_policy mx_policy_decide(const struct mx_route_result *result,
				  const struct mx_route_policy *sts)
{
	return decide(result, sts != NULL &&
				      sts->mode == MX_ROUTE_MODE_ENFORCE &&
				      sts->mx_count > 0);
}

bool mx_policy_needs_sts(const struct mx_route_result *result)
{
	struct mx_policy with = decide(result, true);
	struct mx_policy without = decide(result, false);

	return with.verdict != without.verdict || with.reason != without.reason;
}

/* ---- in Postfix's words ---- */

struct text {
	char *at;
	size_t len;
};

/* Of a pattern at most a match, an mx_host_pattern and a policy_string. */
_Static_assert(MX_ROUTE_PATTERNS_MAX *
			       (3 * MX_NAME_MAX + sizeof(":. mx_host_pattern=*."
							 " { policy_string = mx: *. }")) +
			       3 * MX_NAME_MAX + 512 <
		       MX_POLICY_TEXT_MAX,
	       "no policy is cut off");

static void add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
	size_t room = MX_POLICY_TEXT_MAX - text->len;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text->at + text->len, room, format, args);
	va_end(args);
	if (len > 0)
		text->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* What is in patterns is letters, digits, hyphens, dots and underscores
 * (mx_route_policy_read()), so none needs Postfix's quotes. */
static const char *pattern_name(const struct mx_route_pattern *mx,
				char ret[MX_ROUTE_NAME_TEXT_MAX])
{
	return mx_route_name_text(&mx->name, ret);
}

/* ".example.com" is how Postfix writes "*.example.com". SNI is the name of the
 * host (RFC 8461 section 4). */
static void add_match(struct text *text, const struct mx_route_policy *sts)
{
	char name[MX_ROUTE_NAME_TEXT_MAX];

	for (unsigned i = 0; i < sts->mx_count; i++)
		add(text, "%s%s%s", i == 0 ? " match=" : ":",
		    sts->mx[i].wildcard ? "." : "",
		    pattern_name(&sts->mx[i], name));
	add(text, " servername=hostname");
}

/* The policy as it was published, line by line (RFC 8460 section 4.4). */
static void add_tlsrpt(struct text *text, const struct mx_route_result *result,
		       const struct mx_route_policy *sts)
{
	char name[MX_ROUTE_NAME_TEXT_MAX];

	add(text, " policy_type=sts policy_domain=%s",
	    mx_route_name_text(&result->domain, name));
	for (unsigned i = 0; i < sts->mx_count; i++)
		add(text, " mx_host_pattern=%s%s",
		    sts->mx[i].wildcard ? "*." : "",
		    pattern_name(&sts->mx[i], name));
	add(text, " { policy_string = version: STSv1 }");
	add(text, " { policy_string = mode: %s }",
	    mx_route_sts_mode_word(sts->mode));
	for (unsigned i = 0; i < sts->mx_count; i++)
		add(text, " { policy_string = mx: %s%s }",
		    sts->mx[i].wildcard ? "*." : "",
		    pattern_name(&sts->mx[i], name));
	add(text, " { policy_string = max_age: %u }", sts->max_age_s);
}

size_t mx_policy_text(const struct mx_policy *policy,
		      const struct mx_route_result *result,
		      const struct mx_route_policy *sts, bool tlsrpt,
		      char ret[MX_POLICY_TEXT_MAX])
{
	struct text text = { .at = ret };

	*ret = '\0';
	if (policy->verdict == MX_POLICY_NONE ||
	    policy->verdict == MX_POLICY_TEMP)
		return 0;
	add(&text, "%s", mx_policy_verdict_word(policy->verdict));
	if (policy->verdict == MX_POLICY_SECURE) {
		add_match(&text, sts);
		if (tlsrpt)
			add_tlsrpt(&text, result, sts);
	}
	return text.len;
}
