/* mx_answer.h - what an answer is, between wire, cache and front.
 *
 * An answer is kept as a body: the octets that follow the question section of
 * a response, without OPT. The question is echoed from each client's query;
 * its QNAME has the same length whatever its case, so compression pointers
 * into the question (offset 12 and on) hold for every client.
 *
 * Compression in a body points only at the question or at names that never
 * move, so that the last answer RRset can be turned (see turn_at) without
 * touching a pointer.
 */
#ifndef MX_ANSWER_H
#define MX_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MX_MESSAGE_MAX 65535u
#define MX_NAME_MAX 255u
#define MX_WHY_MAX 255u /* octets of EXTRA-TEXT kept with an answer */

enum mx_validation { MX_INDETERMINATE, MX_INSECURE, MX_BOGUS, MX_SECURE };

enum mx_answer_kind {
	MX_ANSWER_POSITIVE,
	MX_ANSWER_NODATA,
	MX_ANSWER_NXDOMAIN,
	MX_ANSWER_FAILURE, /* no body: resolution failed, RFC 9520 */
};

/* A name in wire format, uncompressed, with the root label; len 1..255. Case is
 * kept. */
struct mx_name {
	uint8_t len;
	uint8_t octets[MX_NAME_MAX];
};

/* What is asked. qname is in wire format, uncompressed, lower-cased, with
 * the root label. Borrowed wherever it is passed. */
struct mx_key {
	const uint8_t *qname;
	uint8_t qname_len;
	uint16_t qtype, qclass;
};

/* One form of a body.
 *
 *   octets  |RR|RR|RR| ...                    len octets
 *   ttl_at  offset of each RR's TTL field in octets, ascending
 *   turn_at offset of the first of turn_count RRs which all start with a
 *           two-octet pointer and may be rotated; turn_count 0 or 1: none.
 *           A and AAAA are not: a host's addresses keep their order, RFC
 *           5321 section 5.1
 */
struct mx_form {
	const uint8_t *octets;
	uint32_t len;
	uint16_t ancount, nscount, arcount;
	uint16_t ttl_count;
	const uint16_t *ttl_at;
	uint16_t turn_at, turn_count;
};

struct mx_answer {
	enum mx_answer_kind kind;
	enum mx_validation state;
	uint8_t rcode;	  /* NOERROR or NXDOMAIN; SERVFAIL for a failure */
	uint32_t ttl_s;	  /* lifetime: least TTL of all RRs, negative TTLs after
			     RFC 2308 section 5; 0: only for those waiting now */
	uint16_t ede;	  /* INFO-CODE for a bogus answer or failure, or
			     MX_EDE_NONE */
	const char *why;  /* EXTRA-TEXT, NUL-terminated, at most MX_WHY_MAX;
			     never NULL, "" for none */
	/* Set by mx_ingest where the answer has RRSIGs: the earliest end of
	 * one, as in RRSIG RDATA: seconds since 1970 modulo 2^32, compared
	 * by serial number arithmetic (RFC 4034 section 3.1.5). */
	bool has_signed_until;
	uint32_t signed_until;
	bool may_stale; /* it may be given past its TTL */
	bool awaited;	/* a client waits for it: its first hit, so to speak */
	struct mx_form plain; /* without DNSSEC RRs, except those asked for */
	struct mx_form full;  /* with them; full.octets == plain.octets where
				 both are the same */
};

/* Copy a form to out, which has room for form->len octets: TTLs lowered by
 * age_s (never below 0), the turnable RRset rotated by turn % turn_count whole
 * RRs. Pure, and trusting: the form was made by mx_ingest, and what came from
 * anywhere else since (a snapshot) was checked as a packet is. */
void mx_form_write(const struct mx_form *form, uint32_t age_s, uint32_t turn,
		   uint8_t *out);

/* The same of a form whose TTLs have run out: each RR gets ttl_max_s, or its
 * own TTL if that was less. Nothing is turned. */
void mx_form_write_stale(const struct mx_form *form, uint32_t ttl_max_s,
			 uint8_t *out);

#endif
