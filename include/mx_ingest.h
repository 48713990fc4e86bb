/* mx_ingest.h - an upstream packet made into an answer fit to keep.
 *
 * Nothing of the packet is trusted: the message is taken apart and written
 * anew. What is kept:
 *   answer      the chain from QNAME through CNAME and DNAME to the RRset of
 *               QTYPE, with the RRSIGs of these; other owners are dropped
 *   authority   SOA of a negative answer; NSEC and NSEC3; RRSIGs of these
 *   additional  nothing
 * Class IN only. TTLs: the top bit set means 0 (RFC 2181 section 8), capped;
 * all RRs of an RRset and its RRSIGs get the least of their TTLs (section
 * 5.2). A negative answer's SOA gets min(its TTL, MINIMUM, cap) (RFC 2308
 * section 5); without SOA it lives 0 s. The SOA must be of a zone that the
 * final name is in. A bogus answer is the exception: every TTL is capped by
 * bogus_ttl_max_s, and it lives that long or as long as its TTLs, SOA or not,
 * but at least 1 s (RFC 9520 section 3.2): it is given for CD=1 alone.
 *
 * A CNAME at a name is followed, whatever else is there (RFC 2181 section
 * 10.1), unless QTYPE is CNAME. The order of RRs in the packet does not
 * matter; the body has the chain in order, each RRset before its RRSIGs.
 *
 * Names in RDATA are read with compression for the types of RFC 1035 and
 * those of RFC 3597 section 4, and written uncompressed, except for the types
 * of RFC 1035 against the question and a few names that never move
 * (mx_answer.h). An answer may so become larger than the packet was, and in
 * the extreme not fit. Case is kept, but where a name ends like the question,
 * the client sees its own.
 *
 * Work is linear in the packet: 32 names of a chain, 64 aliases, 64 RRsets of
 * denial, 127 pointers a name, 8 names to compress against are the bounds.
 *
 * The plain form leaves out RRSIG, NSEC, NSEC3 but in the answer section
 * where QTYPE asks for that type by name (RFC 4035 section 3.2.1); DNSKEY,
 * DS, NSEC3PARAM appear only where asked for anyhow. SOA of a negative answer
 * stays.
 *
 * The earliest end of an RRSIG that is kept goes with the answer: what is
 * given past its TTL may not outlive it.
 *
 * Pure; one thread per room.
 */
#ifndef MX_INGEST_H
#define MX_INGEST_H

#include "mx_wire.h"

struct mx_ingest_limits {
	uint32_t ttl_max_s;	      /* cap on every TTL */
	uint32_t negative_ttl_max_s;  /* cap for NODATA and NXDOMAIN */
	uint32_t bogus_ttl_max_s;     /* cap on the lifetime of a bogus answer */
};

/* Working memory, some hundred KiB: make one per thread and keep it.
 * The answer points into it until the next call. */
struct mx_ingest_room;
struct mx_ingest_room *mx_ingest_room_new(void); /* NULL: no memory */
void mx_ingest_room_free(struct mx_ingest_room *room);

/* state goes into the answer as it is. may_stale says only that the answer is
 * positive and no DNSBL's: those answer with addresses in 127.0.0.0/8 (RFC 5782
 * section 2.1), and a delisted host must not stay listed; the caller may know
 * more against it. ret->ede is MX_EDE_NONE and ret->why
 * "": the caller, who knows why, sets them. limits->ttl_max_s > 0.
 * Kind: NXDOMAIN by RCODE (also at the end of a CNAME chain, then with
 * ancount > 0); else positive if an RR of QTYPE is at the chain's end (or
 * QTYPE is CNAME and there is one); else NODATA.
 * Errors: MX_E_MISMATCH (another question, not a response, QDCOUNT != 1, QTYPE
 * ANY, which is never asked upstream), MX_E_UPSTREAM (RCODE other than NOERROR
 * and NXDOMAIN: so libunbound tells a failure it remembers), MX_E_MALFORMED (any other defect: TC set, an RRset of QTYPE in
 * an NXDOMAIN, a chain of more than 32 names, two CNAMEs at one name, a DNAME
 * without the CNAME that follows from it), MX_E_TOO_BIG. *ret is untouched
 * then. RDATA of RRs that are dropped is not judged. */
enum mx_error mx_ingest(const uint8_t *packet, size_t len,
			const struct mx_key *key, enum mx_validation state,
			const struct mx_ingest_limits *limits,
			struct mx_ingest_room *room, struct mx_answer *ret);

/* Whether an answer that was kept outside of the process may be given: all
 * that mx_form_write trusts, and what a client's parser would stumble over.
 * Lifetime 1 .. ttl_max_s, no TTL above ttl_max_s nor, unless it is bogus,
 * below the lifetime; RCODE as the kind has it; RRs of class IN that fill each
 * form, as many as are counted, with their TTLs where ttl_at says; names in
 * owners and RDATA well-formed, pointers only to labels of such names that
 * never turn. key: a name in lower case; qtype 0 for an NXDOMAIN of all types.
 * MX_E_MALFORMED or MX_E_TOO_BIG. room is for working in: one per thread. */
struct mx_check_room {
	uint8_t tail_len[MX_POINTER_MAX + 1];
};
enum mx_error mx_answer_check(const struct mx_key *key,
			      const struct mx_answer *answer,
			      uint32_t ttl_max_s,
			      struct mx_check_room *room);

#endif
