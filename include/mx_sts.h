/* mx_sts.h - the MTA-STS policy of a mail domain (RFC 8461): what DNS says of
 * it, and what is said to who asks for it.
 *
 * Pure: see mx_route.h for the record's and the policy's own readers.
 * Threads  any; one at a time for a room.
 */
#ifndef MX_STS_H
#define MX_STS_H

#include "mx_fetch.h"
#include "mx_mail.h"
#include "mx_route.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- read out of answers ---- */

/* _mta-sts.<domain>, where the record is, and mta-sts.<domain>, whom the policy
 * is fetched from (section 3.2 and 3.3). False: the name would be too long. */
bool mx_sts_record_name(const struct mx_name *domain, struct mx_name *ret);
bool mx_sts_host_name(const struct mx_name *domain, struct mx_name *ret);

/* Can this domain have a policy at all? That is: a certificate for its policy
 * host. */
bool mx_sts_domain_is(const struct mx_name *domain);

/* What the answer to TXT of the record's name says; aliases are followed. Of
 * ONE *ret_id is its id, else "". Bogus is FAILED. */
enum mx_route_sts_record
mx_sts_record_read(const struct mx_key *key, const struct mx_mail_answer *answer,
		   struct mx_mail_room *room,
		   char ret_id[MX_ROUTE_STS_ID_MAX + 1]);

/* The addresses in an answer to A or AAAA, whatever aliases they are behind.
 * Which of them may be connected to is the fetcher's to say. Returns how many,
 * at most max; none if the answer is no positive one, or bogus. */
unsigned mx_sts_addresses_read(const struct mx_key *key,
			       const struct mx_mail_answer *answer,
			       struct mx_mail_room *room, unsigned max,
			       struct mx_route_address *ret);

/* ---- what is known of a domain's policy ---- */

#define MX_STS_SOURCES(X) \
	X(NONE, "none", "there is no policy") \
	X(CACHE, "cache", "the policy that was fetched earlier holds") \
	X(FETCHED, "fetched", "the policy has just been fetched")

/* Why there is no newer policy: what fetches end with (mx_fetch.h), and these,
 * numbered on from there. */
#define MX_STS_FAILURES(X) \
	X(ADDRESS, "address-failed", \
	  "the lookup of the policy host's addresses failed") \
	X(INVALID, "invalid-policy", "what was fetched is no valid policy") \
	X(RECORD, "record-failed", \
	  "the record could not be seen when the policy was to be refreshed") \
	X(NO_FETCHER, "no-fetcher", \
	  "nothing can be fetched now: there is no process for it, or no room")

#define X(name, word, text) MX_STS_FROM_##name,
enum mx_sts_source { MX_STS_SOURCES(X) };
#undef X
enum {
	MX_STS_FAILURE_BASE = 64,
#define X(name, word, text) MX_STS_FAILED_##name,
	MX_STS_FAILURES(X)
#undef X
};

const char *mx_sts_source_word(enum mx_sts_source source);
const char *mx_sts_source_text(enum mx_sts_source source);
/* Of enum mx_fetch_result and of the failures above. */
const char *mx_sts_failure_word(unsigned failure);
const char *mx_sts_failure_text(unsigned failure);

/* Wall-clock times in ms. All that is pointed to is borrowed. */
struct mx_sts_answer {
	/* NOT_ASKED: the domain can have no policy, or mta-sts is off. */
	enum mx_route_sts_record record;
	char record_id[MX_ROUTE_STS_ID_MAX + 1];
	/* The policy that holds, whatever its mode; NULL: none. And the id of
	 * the record by which it was fetched. */
	enum mx_sts_source source;
	const struct mx_route_policy *policy;
	char policy_id[MX_ROUTE_STS_ID_MAX + 1];
	int64_t fetched_ms, expires_ms;
	bool fetching; /* a newer one, or the first, is under way */
	/* Why the last fetch failed, unless one has succeeded since, or 0; at
	 * that time, and when the next may be. */
	unsigned failure;
	const char *failure_detail; /* printable ASCII, never NULL */
	int64_t failed_ms, retry_ms;
};

#ifdef __cplusplus
}
#endif

#endif
