/* mx_policy.h - which TLS Postfix must have for a destination, from its route.
 *
 * Pure: a route goes in, a decision and the words for it come out. The words
 * are those of smtp_tls_policy_maps (postconf(5)).
 *
 * Rules    DANE: RFC 7672; MTA-STS: RFC 8461. docs/policy.md tells the reasons.
 *          A decision is for a next hop, and Postfix then picks a host: so it
 *          must hold for every host that Postfix may use, seen here or not.
 * Failure  is never "no policy": what is not known is either left to Postfix,
 *          which looks at each host itself at level dane, or is TEMP. Nothing
 *          that failed makes mail go in the clear.
 * Threads  any.
 */
#ifndef MX_POLICY_H
#define MX_POLICY_H

#include "mx_route.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is said. The words of those between NONE and TEMP are Postfix's. */
#define MX_POLICY_VERDICTS(X) \
	X(NONE, "none", \
	  "no policy: the mail server's own smtp_tls_security_level holds") \
	X(DANE, "dane", \
	  "DANE at every host that has TLSA, what the host offers at others") \
	X(DANE_ONLY, "dane-only", \
	  "DANE at every host; one without usable TLSA is not used") \
	X(ENCRYPT, "encrypt", \
	  "TLS at every host, whoever it is") \
	X(SECURE, "secure", \
	  "TLS at every host, with a certificate for a name of the MTA-STS policy") \
	X(TEMP, "temp", \
	  "not known for now: mail waits")

#define MX_POLICY_REASONS(X) \
	X(ADDRESS, "address", "an address has no policy") \
	X(NO_DOMAIN, "no-such-domain", "there is no such domain") \
	X(NULL_MX, "null-mx", "the domain takes no mail") \
	X(NO_HOST, "no-mail-host", "no mail host can be used") \
	X(NO_TLSA, "no-tlsa", "no mail host has TLSA that count") \
	X(TLSA_ALL, "tlsa-all", \
	  "MX is secure, and every mail host that can be used has usable TLSA") \
	X(TLSA_SOME, "tlsa-some", \
	  "some mail hosts have TLSA, others none that are usable") \
	X(TLSA_UNUSABLE, "tlsa-unusable", \
	  "every mail host that can be used has TLSA, but none is usable") \
	X(TLSA_UNKNOWN, "tlsa-unknown", \
	  "the TLSA of a mail host cannot be had, and others have none") \
	X(MX_INSECURE, "mx-insecure", \
	  "mail hosts have TLSA, but MX is not secure") \
	X(TOO_MANY, "too-many-hosts", \
	  "there are more mail hosts than are looked at") \
	X(STS, "mta-sts", "the domain's MTA-STS policy is enforced") \
	X(STS_TLSA_SOME, "mta-sts-tlsa-some", \
	  "an MTA-STS policy forbids cleartext, and some mail hosts have TLSA") \
	X(STS_TLSA_UNKNOWN, "mta-sts-tlsa-unknown", \
	  "an MTA-STS policy must not take the place of TLSA that are not known") \
	X(MX_FAILED, "mx-failed", "MX cannot be had, or is bogus") \
	X(HOSTS_FAILED, "hosts-failed", \
	  "what is known of the mail hosts rests on lookups that failed")

#define X(name, word, text) MX_POLICY_##name,
enum mx_policy_verdict { MX_POLICY_VERDICTS(X) };
#undef X
#define X(name, word, text) MX_POLICY_WHY_##name,
enum mx_policy_reason { MX_POLICY_REASONS(X) };
#undef X

const char *mx_policy_verdict_word(enum mx_policy_verdict verdict);
const char *mx_policy_verdict_text(enum mx_policy_verdict verdict);
const char *mx_policy_reason_word(enum mx_policy_reason reason);
const char *mx_policy_reason_text(enum mx_policy_reason reason);

struct mx_policy {
	enum mx_policy_verdict verdict;
	enum mx_policy_reason reason;
};

/* sts: the MTA-STS policy that holds for the domain now; NULL: there is none,
 * it is not known, or cannot be had, which are the same (RFC 8461 section
 * 3.3). Modes other than enforce change nothing (section 5). */
struct mx_policy mx_policy_decide(const struct mx_route_result *result,
				  const struct mx_route_policy *sts);

/* Whether an MTA-STS policy could change the decision: if not nobody need wait
 * for it. */
bool mx_policy_needs_sts(const struct mx_route_result *result);

/* The right-hand side in a policy table: a level and its attributes; "" for
 * NONE and TEMP. sts and result as in the decision. tlsrpt: with what Postfix
 * 3.10 and later want for RFC 8460 reports, which earlier ones take for an
 * error. Of DANE Postfix reports by itself. Returns its length. */
#define MX_POLICY_TEXT_MAX 65536u
size_t mx_policy_text(const struct mx_policy *policy,
		      const struct mx_route_result *result,
		      const struct mx_route_policy *sts, bool tlsrpt,
		      char ret[MX_POLICY_TEXT_MAX]);

#ifdef __cplusplus
}
#endif

#endif
