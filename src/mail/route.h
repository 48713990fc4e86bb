/* route.h - the inside of a route, shared by the files route_*.c.
 *
 * What was heard is kept as facts, and everything else is worked out from
 * them anew: which questions are open (route_ask.c) and what the route is
 * (route_result.c). So the order in which answers come cannot matter. */
#ifndef MAIL_ROUTE_H
#define MAIL_ROUTE_H

#include "exchanges.h"
#include "mx_ingest.h"
#include "mx_mail.h"
#include "mx_route.h"

/* What is known of one question. */
struct fact {
	bool handed, known;
	enum mx_answer_kind kind;
	enum mx_validation state;
	unsigned alias_count;
	int64_t expires_ms;
};

enum slot {
	SLOT_A,
	SLOT_AAAA,
	SLOT_CNAME,
	SLOT_TLSA_FINAL, /* at the name that aliases lead to */
	SLOT_TLSA_HOST,	 /* at the host's own */
	SLOTS
};

/* A and AAAA; slots 0 and 1. */
struct family {
	struct mx_name final;
	unsigned count;	  /* kept; those that lead nowhere are not */
	unsigned nowhere, more;
	bool private;
	struct mx_route_address at[MX_ROUTE_FAMILY_MAX];
};

struct tlsa_set {
	unsigned count, usable; /* of all */
	unsigned kept;
	struct mx_route_tlsa at[MX_ROUTE_TLSA_MAX];
};

struct host {
	struct exchange exchange;
	/* USABLE: nothing is wrong with its name. */
	enum mx_route_host_state verdict;
	bool underscore;
	struct fact facts[SLOTS];
	struct family families[2];
	struct tlsa_set tlsa[2]; /* of SLOT_TLSA_FINAL and SLOT_TLSA_HOST */
};

struct mx_route {
	struct mx_route_destination destination;
	struct mx_route_options options;
	struct fact mx, sts;
	struct mx_name mx_owner;
	unsigned roots;	       /* exchanges "." */
	bool root_is_null;     /* one of them with preference 0 */
	bool malformed;
	bool hosts_left_out;
	bool has_own;	       /* a name of ours is among the exchanges */
	uint16_t own_preference;
	unsigned host_count;
	enum mx_route_sts_record sts_record;
	char sts_id[MX_ROUTE_STS_ID_MAX + 1];
	bool has_policy;
	uint64_t questions;
	struct route_room *room; /* of mx_route_response(), or NULL */
	/* From here on nothing is written before it is needed: these are many
	 * pages, and to clear them took longer than the route. */
	struct host hosts[MX_ROUTE_HOSTS_MAX];
	struct mx_route_policy policy; /* if has_policy */
	struct mx_route_result result;
};

/* A failure, however it came about. */
static inline bool fact_failed(const struct fact *fact)
{
	return fact->known && (fact->kind == MX_ANSWER_FAILURE ||
			       fact->state == MX_BOGUS);
}

static inline bool fact_positive(const struct fact *fact)
{
	return fact->known && fact->kind == MX_ANSWER_POSITIVE &&
	       fact->state != MX_BOGUS;
}

/* ---- route_host.c: what is to be known of a host ---- */

/* Its own, and none of our names, nor past them (RFC 5321 section 5.1). */
bool host_is_live(const struct mx_route *route, const struct host *host);

/* The question of a slot; false if there is none by what is known now. */
bool host_question(const struct mx_route *route, const struct host *host,
		   enum slot slot, struct mx_name *ret, uint16_t *ret_qtype);

/* Its answer is needed, whether it is there or not. */
bool host_needs(const struct mx_route *route, const struct host *host,
		enum slot slot);
/* It may be needed later. */
bool host_may_need(const struct mx_route *route, const struct host *host,
		   enum slot slot);

/* What TLSA say, in so far as they are asked for. */
struct host_dane {
	enum mx_route_dane dane;
	bool waiting, bogus; /* bogus: with FAILED */
	const struct tlsa_set *tlsa; /* with USABLE and UNUSABLE */
	struct mx_name base;
};
void host_dane(const struct mx_route *route, const struct host *host,
	       struct host_dane *ret);

/* Addresses, and whether they can be had. */
enum mx_route_host_state host_addresses(const struct host *host);

/* ---- route_ask.c ---- */

/* Let hosts that have come to need the same TLSA have it. */
void route_settle(struct mx_route *route);

/* ---- route_hear.c ---- */

/* Take an answer as mx_route_answer() does. */
void route_hear(struct mx_route *route, const struct mx_key *key,
		const struct mx_route_answer *answer,
		struct mx_mail_room *room);

/* Is it a question that this route has, answered or not? */
bool route_has(const struct mx_route *route, const struct mx_key *key);

/* The only host, where MX is not asked or denied. */
void route_add_host(struct mx_route *route, const struct exchange *exchange);

/* ---- route_name.c: names that hosts can have ---- */

/* USABLE, LITERAL or BAD_NAME. Letters, digits and hyphens inside labels (RFC
 * 1123 section 2.1); an underscore is let pass, since there are such hosts and
 * senders deliver to them. */
enum mx_route_host_state host_name_verdict(const struct mx_name *name,
					   bool *ret_underscore);

/* ---- route_address.c ---- */

enum address_scope {
	ADDRESS_GLOBAL,
	ADDRESS_PRIVATE, /* reachable from some places */
	ADDRESS_NOWHERE, /* loopback, unspecified, multicast: not for SMTP */
};
enum address_scope address_scope(const struct mx_route_address *address);

/* ---- route_tlsa.c ---- */

/* RFC 7672 section 3.1 and 7671; the reader covers RDATA. */
void tlsa_read(struct mx_in rdata, struct mx_route_tlsa *ret);

/* ---- sts_record.c ---- */

/* TXT RDATA at _mta-sts (RFC 8461 section 3.1). OK: *ret_id is its id; NONE:
 * no MTA-STS record; MALFORMED: one, without a well-formed id. */
enum mx_route_sts_record sts_record_read(struct mx_in rdata,
					 char ret_id[MX_ROUTE_STS_ID_MAX + 1]);

#endif
