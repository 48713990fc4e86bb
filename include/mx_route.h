/* mx_route.h - how to deliver mail to a domain, worked out from DNS answers.
 *
 * Pure: no I/O, no clock, no resolver. Answers and the time go in; out come
 * the questions that are open and, in the end, the route. Somebody else asks:
 *
 *     route = mx_route_new(&destination, &options);
 *     while (!mx_route_done(route)) {
 *             count = mx_route_next(route, questions, max);
 *             ... ask them; as each answer comes, in any order:
 *             mx_route_response(route, packet, len, trust_ad, now_ms);
 *             ... or, if none comes: mx_route_failed(route, &question, ...);
 *     }
 *     result = mx_route_result(route);
 *
 * Rules    MX and implicit MX: RFC 5321 section 5.1, null MX: RFC 7505, DANE:
 *          RFC 7672, 7671 and 6698, MTA-STS: RFC 8461.
 * Order    the result does not depend on the order in which answers came. A
 *          second answer to a question, one to a question that this route
 *          does not have, and one after the end change nothing.
 * Shuffle  hosts of equal preference are in an order that follows from
 *          options.seed and their names alone: random for who gives a random
 *          seed, the same again for who gives the same.
 * Failure  is an answer too: SERVFAIL, a time-out, bogus data are all
 *          "temporary", and temporary outranks absent: a retry can be undone,
 *          a bounce cannot. What concerns one host spoils that host alone.
 * Units    TTL: seconds. now_ms and expires_ms: milliseconds of whatever
 *          clock the caller has.
 * Bounds   the constants below. What is past them is counted, and never makes
 *          a permanent failure: what was not looked at is not known.
 * Memory   mx_route_new() allocates one block, of some 100 KiB;
 *          mx_route_response() another at its first call, of some 400 KiB.
 * Threads  any; one at a time for a route.
 */
#ifndef MX_ROUTE_H
#define MX_ROUTE_H

#include "mx_answer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MX_ROUTE_PORT 25u
#define MX_ROUTE_HOSTS_MAX 10u
#define MX_ROUTE_FAMILY_MAX 8u /* addresses of a host and family */
#define MX_ROUTE_ADDRESSES_MAX (2u * MX_ROUTE_FAMILY_MAX)
#define MX_ROUTE_TLSA_MAX 32u	   /* RRs kept of a TLSA RRset; all are judged */
#define MX_ROUTE_TLSA_DATA_MAX 64u /* octets kept of one: any digest fits */
/* MX, TXT, and of each host A, AAAA, CNAME, TLSA at two names. */
#define MX_ROUTE_QUESTIONS_MAX (2u + 5u * MX_ROUTE_HOSTS_MAX)
#define MX_ROUTE_STS_ID_MAX 32u	     /* RFC 8461 section 3.1 */
#define MX_ROUTE_PATTERNS_MAX 64u    /* mx lines of a policy */
#define MX_ROUTE_POLICY_TEXT_MAX 65536u /* RFC 8461 section 3.3 */
#define MX_ROUTE_QUERY_MAX 300u	     /* octets of a query, with EDNS */

/* ---- tables: NAME, name for programs, ..., sentence for people ---- */

/* What a result means for mail; the numbers are exit statuses. */
enum mx_route_class {
	MX_ROUTE_DELIVERABLE = 0,
	MX_ROUTE_PERMANENT = 1,
	MX_ROUTE_TEMPORARY = 2,
};

/* The precedence: of all that could be said the highest is. Absent is lowest,
 * since it is what is left when nothing else is known; a failure outranks
 * every kind of "no"; and one host that takes mail outranks all failures. */
#define MX_ROUTE_OUTCOMES(X) \
	X(NO_HOST, "no-mail-host", PERMANENT, \
	  "none of the domain's mail hosts has an address that mail can go to") \
	X(LOOP, "loop", PERMANENT, \
	  "this host is itself the best mail host of the domain") \
	X(NULL_MX, "null-mx", PERMANENT, \
	  "the domain says that it takes no mail (null MX)") \
	X(NO_DOMAIN, "no-such-domain", PERMANENT, \
	  "there is no such domain") \
	X(TRY_AGAIN, "try-again", TEMPORARY, \
	  "not known for now; try again later") \
	X(DELIVER, "deliver", DELIVERABLE, \
	  "mail can be delivered")

/* Why it is to be tried again. */
#define MX_ROUTE_REASONS(X) \
	X(NONE, "", "") \
	X(HOST, "host", \
	  "what is known of the mail hosts rests on lookups that failed") \
	X(TOO_MANY, "too-many-hosts", \
	  "no mail host of the first few can be used, and there are more") \
	X(OWN_NEXT, "own-next", \
	  "the mail hosts before this one have no address; it would go to itself") \
	X(MX_FAILED, "mx-failed", "the lookup of MX failed") \
	X(MX_BOGUS, "mx-bogus", "MX is bogus: DNSSEC validation failed") \
	X(UNANSWERED, "unanswered", "MX has not been answered yet")

/* A host may be used, or why it may not. */
#define MX_ROUTE_HOST_STATES(X) \
	X(USABLE, "usable", DELIVERABLE, \
	  "takes mail") \
	X(WAITING, "waiting", TEMPORARY, \
	  "questions about it are not answered yet") \
	X(ADDRESS_FAILED, "address-failed", TEMPORARY, \
	  "the lookup of its addresses failed") \
	X(ADDRESS_BOGUS, "address-bogus", TEMPORARY, \
	  "its addresses are bogus: DNSSEC validation failed") \
	X(TLSA_FAILED, "tlsa-failed", TEMPORARY, \
	  "the lookup of its TLSA failed, so which TLS it must have is not known") \
	X(TLSA_BOGUS, "tlsa-bogus", TEMPORARY, \
	  "its TLSA are bogus: DNSSEC validation failed") \
	X(NO_SUCH_HOST, "no-such-host", PERMANENT, \
	  "does not exist") \
	X(NO_ADDRESS, "no-address", PERMANENT, \
	  "has no address") \
	X(LOOPBACK, "loopback", PERMANENT, \
	  "has only addresses that lead nowhere but to the sender itself") \
	X(LITERAL, "address-literal", PERMANENT, \
	  "is an address where a name must be (RFC 5321 section 5.1)") \
	X(BAD_NAME, "bad-name", PERMANENT, \
	  "is a name that no host can have") \
	X(OWN, "own", PERMANENT, \
	  "is this host, or comes no sooner than it: mail would loop")

/* Least to most. */
#define MX_ROUTE_LEVELS(X) \
	X(MAY, "may", "TLS if the host offers it; DANE says nothing") \
	X(ENCRYPT, "encrypt", \
	  "TLS is a must, though whom to trust cannot be told: no TLSA is usable") \
	X(DANE, "dane", \
	  "TLS is a must, with a certificate that matches TLSA; but the host's " \
	  "name comes from an MX that is not secure") \
	X(DANE_ONLY, "dane-only", \
	  "TLS is a must, with a certificate that matches TLSA")

/* Why DANE is as it is for a host. */
#define MX_ROUTE_DANES(X) \
	X(NONE, "", "not looked at") \
	X(USABLE, "usable", "TLSA are secure, and some are usable") \
	X(UNUSABLE, "unusable", "TLSA are secure, but none is usable") \
	X(ABSENT, "absent", "there are no TLSA") \
	X(TLSA_INSECURE, "tlsa-insecure", "what is said of TLSA is not secure") \
	X(ADDRESS_INSECURE, "address-insecure", \
	  "the addresses are not secure (RFC 7672 section 2.2.2)") \
	X(NO_NAME, "no-name", "no TLSA can be asked for by this name") \
	X(FAILED, "failed", "the lookup of TLSA failed")

/* What an administrator should see, of a domain or of a host; and what to do
 * about it. */
#define MX_ROUTE_WARNINGS(X) \
	X(NULL_MIXED, "null-mx-mixed", \
	  "a null MX among others (RFC 7505 section 3 forbids); passed over", \
	  "remove the null MX, or all others") \
	X(ROOT_PREFERENCE, "root-preference", \
	  "an exchange \".\" with a preference other than 0 is no null MX", \
	  "write a null MX as 0 . or remove it") \
	X(TOO_MANY, "too-many-hosts", \
	  "more mail hosts than are looked at", \
	  "list fewer; senders try the first few only") \
	X(MALFORMED, "malformed", \
	  "RRs that cannot be read", \
	  "look in the zone for data that is cut off or garbled") \
	X(STS_SEVERAL, "sts-several", \
	  "several MTA-STS records, so none counts (RFC 8461 section 3.1)", \
	  "keep one TXT record that begins v=STSv1;") \
	X(STS_MALFORMED, "sts-malformed", \
	  "the MTA-STS record has no well-formed id", \
	  "give it an id of letters and digits, as in v=STSv1; id=20260101;") \
	X(ALIAS, "mx-alias", \
	  "the mail host is an alias (RFC 2181 section 10.3 forbids)", \
	  "name in MX the host that the alias leads to") \
	X(UNDERSCORE, "underscore", \
	  "an underscore is not allowed in the name of a host", \
	  "give the host a name of letters, digits and hyphens") \
	X(PRIVATE, "private-address", \
	  "an address that is not reachable from everywhere", \
	  "leave it out of the public DNS") \
	X(NOWHERE, "nowhere-address", \
	  "an address that no mail can be sent to; left out", \
	  "remove the address") \
	X(HALF, "one-family-failed", \
	  "the lookup of one address family failed, the other is used", \
	  "mend the name servers: they must answer for A and for AAAA") \
	X(ADDRESSES, "too-many-addresses", \
	  "more addresses than are kept", \
	  "give the host fewer") \
	X(TLSA_SOME, "tlsa-unusable", \
	  "some TLSA are unusable", \
	  "publish usage 3 or 2, selector 0 or 1, matching type 1 or 2, and remove the others") \
	X(TLSA_MANY, "too-many-tlsa", \
	  "more TLSA than are kept", \
	  "remove those of certificates that are no longer in use") \
	X(STS_MX, "sts-mx", \
	  "no mx of the MTA-STS policy matches the host (RFC 8461 section 4.1)", \
	  "add the host to the policy, then give the record another id") \
	X(DANE_OFF, "dane-off", \
	  "MX is secure, but DANE is off since the host's addresses are not", \
	  "sign the zone that the host's addresses are in")

#define MX_ROUTE_TLSA_REASONS(X) \
	X(USABLE, "usable", "usable") \
	X(SHORT, "short", "without all of its fields") \
	X(PKIX, "pkix", "usage 0 or 1 is not for SMTP (RFC 7672 section 3.1.3)") \
	X(USAGE, "usage", "a usage nobody knows") \
	X(SELECTOR, "selector", "a selector nobody knows") \
	X(MATCHING, "matching", "a matching type nobody knows") \
	X(EMPTY, "empty", "without data") \
	X(LENGTH, "length", "the data is no digest of that type") \
	X(DER, "der", "the data is no certificate or key")

#define MX_ROUTE_STS_RECORDS(X) \
	X(NOT_ASKED, "", "not asked for") \
	X(NONE, "none", "there is no MTA-STS record") \
	X(FAILED, "failed", "the lookup of the MTA-STS record failed") \
	X(SEVERAL, "several", "there are several MTA-STS records: none counts") \
	X(MALFORMED, "malformed", "the MTA-STS record is malformed") \
	X(ONE, "one", "there is an MTA-STS record")

#define MX_ROUTE_STS_MODES(X) \
	X(NONE, "none", "the domain has no policy, or no longer") \
	X(TESTING, "testing", "deliver, and report what would have failed") \
	X(ENFORCE, "enforce", "deliver only to hosts that match, over valid TLS")

#define MX_ROUTE_MATCHES(X) \
	X(UNKNOWN, "", "no policy is known") \
	X(NO, "no", "no mx of the policy matches") \
	X(YES, "yes", "an mx of the policy matches")

enum mx_route_outcome {
#define X(name, word, class, text) MX_ROUTE_##name,
	MX_ROUTE_OUTCOMES(X)
#undef X
};
enum mx_route_host_state {
#define X(name, word, class, text) MX_ROUTE_HOST_##name,
	MX_ROUTE_HOST_STATES(X)
#undef X
};
#define X(name, word, text) MX_ROUTE_WHY_##name,
enum mx_route_reason { MX_ROUTE_REASONS(X) };
#undef X
#define X(name, word, text) MX_ROUTE_LEVEL_##name,
enum mx_route_level { MX_ROUTE_LEVELS(X) };
#undef X
#define X(name, word, text) MX_ROUTE_DANE_##name,
enum mx_route_dane { MX_ROUTE_DANES(X) };
#undef X
/* Bits 1u << MX_ROUTE_WARN_<name> of `warnings`. */
#define X(name, word, text, fix) MX_ROUTE_WARN_##name,
enum mx_route_warning { MX_ROUTE_WARNINGS(X) MX_ROUTE_WARNING_COUNT };
#undef X
#define X(name, word, text) MX_ROUTE_TLSA_##name,
enum mx_route_tlsa_reason { MX_ROUTE_TLSA_REASONS(X) };
#undef X
#define X(name, word, text) MX_ROUTE_STS_##name,
enum mx_route_sts_record { MX_ROUTE_STS_RECORDS(X) };
#undef X
#define X(name, word, text) MX_ROUTE_MODE_##name,
enum mx_route_sts_mode { MX_ROUTE_STS_MODES(X) };
#undef X
#define X(name, word, text) MX_ROUTE_MATCH_##name,
enum mx_route_match { MX_ROUTE_MATCHES(X) };
#undef X

/* The word for programs ("no-mail-host") and the sentence for people; static,
 * never NULL, "" for a value that is none. */
const char *mx_route_outcome_word(enum mx_route_outcome outcome);
const char *mx_route_outcome_text(enum mx_route_outcome outcome);
enum mx_route_class mx_route_outcome_class(enum mx_route_outcome outcome);
const char *mx_route_host_state_word(enum mx_route_host_state state);
const char *mx_route_host_state_text(enum mx_route_host_state state);
enum mx_route_class mx_route_host_state_class(enum mx_route_host_state state);
const char *mx_route_reason_word(enum mx_route_reason reason);
const char *mx_route_reason_text(enum mx_route_reason reason);
const char *mx_route_level_word(enum mx_route_level level);
const char *mx_route_level_text(enum mx_route_level level);
const char *mx_route_dane_word(enum mx_route_dane dane);
const char *mx_route_dane_text(enum mx_route_dane dane);
const char *mx_route_warning_word(enum mx_route_warning warning);
const char *mx_route_warning_text(enum mx_route_warning warning);
const char *mx_route_warning_fix(enum mx_route_warning warning);
const char *mx_route_tlsa_reason_word(enum mx_route_tlsa_reason reason);
const char *mx_route_tlsa_reason_text(enum mx_route_tlsa_reason reason);
const char *mx_route_sts_record_word(enum mx_route_sts_record record);
const char *mx_route_sts_record_text(enum mx_route_sts_record record);
const char *mx_route_sts_mode_word(enum mx_route_sts_mode mode);
const char *mx_route_sts_mode_text(enum mx_route_sts_mode mode);
const char *mx_route_match_word(enum mx_route_match match);
const char *mx_route_match_text(enum mx_route_match match);
/* "secure", "insecure", "bogus", "indeterminate". */
const char *mx_route_validation_word(enum mx_validation state);

/* A name as text without the final dot, the root as "."; characters that are
 * special in zone files are escaped. Returns ret. */
#define MX_ROUTE_NAME_TEXT_MAX 1021
const char *mx_route_name_text(const struct mx_name *name,
			       char ret[MX_ROUTE_NAME_TEXT_MAX]);

/* ---- where mail is to go ---- */

struct mx_route_address {
	uint8_t octets[16]; /* the first four, if it is IPv4 */
	bool is_ipv6;
	enum mx_validation state; /* of the RRset it is from */
};

/* "192.0.2.1" or "2001:db8::1". Returns ret. */
#define MX_ROUTE_ADDRESS_TEXT_MAX 46
const char *mx_route_address_text(const struct mx_route_address *address,
				  char ret[MX_ROUTE_ADDRESS_TEXT_MAX]);

/* A next hop, as Postfix has it. */
struct mx_route_destination {
	struct mx_name name; /* lower case; the root for an address */
	uint16_t port;
	bool is_host;	     /* in brackets: MX is not looked at */
	bool is_address;     /* then there is nothing to ask, and no DANE */
	struct mx_route_address address;
};

/* "example.com", "example.com:587", "[mx.example.com]", "[192.0.2.1]:587",
 * "[IPv6:2001:db8::1]" or "[2001:db8::1]". IDN as A-labels only. False if it
 * is none of these; *ret is untouched then. */
bool mx_route_destination_read(const char *text,
			       struct mx_route_destination *ret);

/* ---- MTA-STS, RFC 8461 ---- */

struct mx_route_policy {
	enum mx_route_sts_mode mode;
	uint32_t max_age_s; /* at most 31557600 */
	unsigned mx_count;
	struct mx_route_pattern {
		bool wildcard; /* "*." stood before it */
		struct mx_name name; /* lower case */
	} mx[MX_ROUTE_PATTERNS_MAX];
};

/* Read a policy (section 3.2), text as it was fetched. Lines end in CRLF or
 * LF; unknown keys are passed over; the first of a repeated key counts, but
 * for mx. False: there is no valid policy in it, *ret is undefined. */
bool mx_route_policy_read(const char *text, size_t len,
			  struct mx_route_policy *ret);

/* Does an mx of the policy match that host (section 4.1)? A wildcard stands
 * for exactly one label. To be given the name of the MX host, never what its
 * aliases lead to. */
bool mx_route_policy_matches(const struct mx_route_policy *policy,
			     const struct mx_name *host);

/* ---- results ---- */

struct mx_route_tlsa {
	uint8_t usage, selector, matching;
	enum mx_route_tlsa_reason reason; /* usable, or why not */
	uint16_t len; /* of the data */
	uint8_t data[MX_ROUTE_TLSA_DATA_MAX]; /* its beginning */
};

struct mx_route_host {
	struct mx_name name; /* lower case */
	uint16_t preference;
	enum mx_route_host_state state;
	uint32_t warnings;
	struct mx_name final; /* where its aliases lead; else its name */
	/* IPv4 before IPv6, each in the order of the answer (RFC 5321 section
	 * 5.1). Those that lead nowhere are left out. */
	unsigned address_count;
	struct mx_route_address addresses[MX_ROUTE_ADDRESSES_MAX];
	enum mx_route_dane dane;
	enum mx_route_level level;
	struct mx_name tlsa_base; /* RFC 7672 section 2.2.2; len 0: none. The
				     certificate may be for it or the domain */
	unsigned tlsa_count, tlsa_usable; /* of all, kept or not */
	const struct mx_route_tlsa *tlsa; /* the first tlsa_kept of them */
	unsigned tlsa_kept;
	enum mx_route_match sts_match;
};

struct mx_route_result {
	struct mx_name domain; /* lower case */
	uint16_t port;
	enum mx_route_outcome outcome;
	enum mx_route_reason reason; /* of TRY_AGAIN */
	uint32_t warnings;
	bool implicit_mx; /* there is no MX: the domain is its own host */
	enum mx_validation mx_state; /* of the answer to MX. Of a destination
					in brackets, secure: the name is given */
	struct mx_name mx_owner; /* where aliases of the domain lead */
	/* Ascending preference; those that cannot be used among them. */
	unsigned host_count, hosts_usable;
	struct mx_route_host hosts[MX_ROUTE_HOSTS_MAX];
	bool hosts_left_out; /* there are more */
	/* Over the hosts that can be used: what mail is sure to get, and the
	 * most that it gets from some. All that is left out may be MAY. */
	enum mx_route_level level_least, level_most;
	enum mx_route_sts_record sts_record;
	char sts_id[MX_ROUTE_STS_ID_MAX + 1]; /* "" without a record */
	bool has_policy;
	enum mx_route_sts_mode sts_mode; /* of that policy */
	uint64_t questions; /* how many were handed out */
	/* The first of all answers that this rests on to run out; INT64_MAX
	 * if it rests on none. */
	int64_t expires_ms;
};

/* ---- the engine ---- */

struct mx_route;

struct mx_route_options {
	uint64_t seed; /* of the shuffle */
	bool want_sts; /* ask for _mta-sts too */
	bool ask_early; /* ask for TLSA before addresses are known to be secure,
			   which saves a round trip. Only for who asks a
			   resolver that can bear questions for nothing. */
	/* Names of this host, for RFC 5321 section 5.1: MX at or past its own
	 * preference are dropped. Borrowed for the life of the route. */
	const struct mx_name *own;
	unsigned own_count;
};

struct mx_route_question {
	struct mx_name qname; /* lower case */
	uint16_t qtype;
	bool early; /* the route may turn out not to need it */
};

/* NULL: no memory. destination is copied; options may be NULL: none. */
struct mx_route *mx_route_new(const struct mx_route_destination *destination,
			      const struct mx_route_options *options);
void mx_route_free(struct mx_route *route); /* NULL is fine */

/* The questions that are open and have not been handed out before, at most
 * max, in order of need; returns how many. */
unsigned mx_route_next(struct mx_route *route,
		       struct mx_route_question *ret, unsigned max);

/* Everything that the route rests on is known. */
bool mx_route_done(const struct mx_route *route);

/* A query for it: RD, AD (RFC 6840 section 5.7) and EDNS, no DO. Returns its
 * length. */
size_t mx_route_query(const struct mx_route_question *question, uint16_t id,
		      uint8_t ret[MX_ROUTE_QUERY_MAX]);

/* Take a response of a resolver. The ID is not looked at: that it answers
 * what was asked, from where it was asked, is for the caller to see to.
 * trust_ad: AD in it may be believed: it validates, and nobody is between
 * (RFC 7672 section 2.1; a resolver on this host). Without it everything is
 * insecure, and there is no DANE.
 * RCODEs other than NOERROR and NXDOMAIN, referrals, and what is malformed are
 * failures of the question they repeat. */
enum mx_route_heard {
	MX_ROUTE_HEARD, /* an answer, also one that changed nothing */
	MX_ROUTE_TRUNCATED, /* TC: ask again over TCP; nothing was taken */
	MX_ROUTE_NOT_HEARD, /* not a response, or to no question of this route:
			       wait on */
	MX_ROUTE_NO_MEMORY,
};
enum mx_route_heard mx_route_response(struct mx_route *route,
				      const uint8_t *packet, size_t len,
				      bool trust_ad, int64_t now_ms);

/* There is no answer to it: a time-out, a socket that fails. retry_ms: when
 * to try again, if the caller knows, for expires_ms. */
void mx_route_failed(struct mx_route *route,
		     const struct mx_route_question *question,
		     int64_t retry_ms);

/* The same for who has answers taken apart already, as mx_ingest.h leaves
 * them; room is of mx_mail.h. */
struct mx_mail_room;
struct mx_route_answer {
	enum mx_answer_kind kind;
	enum mx_validation state;
	const struct mx_form *form; /* plain or full; NULL of a failure */
	int64_t expires_ms;
};
void mx_route_answer(struct mx_route *route, const struct mx_key *key,
		     const struct mx_route_answer *answer,
		     struct mx_mail_room *room);

/* The policy that was fetched, or is still remembered, for the domain; NULL:
 * none. Copied in. */
void mx_route_set_policy(struct mx_route *route,
			 const struct mx_route_policy *policy);

/* What can be said now. Before mx_route_done() what is not known counts as a
 * failure, so a caller whose time is up may take it as it is. Belongs to the
 * route; the next call of any function but those on results changes it. */
const struct mx_route_result *mx_route_result(struct mx_route *route);

#ifdef __cplusplus
}
#endif

#endif
