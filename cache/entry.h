/* entry.h - one answer as it lies in memory.
 *
 * A single block, written once and never changed but for the links and the
 * few counters marked so, which belong to the shard's lock:
 *
 *   0                               64
 *   +-------------------------------+-------+---+--------+--------------+
 *   | struct entry: links, life,    | qname |pad| ttl_at | octets       |
 *   | counts of the plain form      |       |0-1| plain  | plain        |
 *   +-------------------------------+-------+---+--------+--------------+
 *   then, if has_full,                                     if has_why
 *   +---+--------------------+--------+---------------+   +---+---+-----+
 *   |pad| struct packed_form | ttl_at | octets        |   |ede|len| why |
 *   |0-1| of the full form   | full   | full          |   | 2 | 1 |     |
 *   +---+--------------------+--------+---------------+   +---+---+-----+
 *   and last, if has_signed_until, its four octets.
 *
 * The plain form with its offsets is one stretch, so that something that
 * knows no more than this picture can copy it out.
 *
 * Overhead beyond key and wire of an answer without DNSSEC records: 64, two
 * octets an RR, what the allocator rounds up, and the bucket.
 */
#ifndef MX_CACHE_ENTRY_H
#define MX_CACHE_ENTRY_H

#include "memory.h"
#include "mx_answer.h"
#include "mx_clock.h"

/* One name and type may have an answer, a bogus answer and a failure at the
 * same time: what went wrong never pushes out what was right. */
enum entry_slot {
	SLOT_ANSWER,
	SLOT_BOGUS,
	SLOT_FAILURE,
	SLOT_NXDOMAIN, /* of the name, whatever the type: qtype is 0 */
};

/* The numbers of a struct mx_form. */
struct packed_form {
	uint16_t len, ancount, nscount, arcount;
	uint16_t ttl_count, turn_at, turn_count;
};

struct entry {
	struct entry *chain;	      /* shard's lock */
	struct entry *newer, *older;  /* shard's lock */
	mx_instant stored;
	uint32_t ttl_s;
	uint32_t spot;		      /* see hash.h */
	struct packed_form plain;
	uint16_t qtype, qclass;
	uint16_t turn;		      /* shard's lock: hits so far */
	uint8_t qname_len;
	uint8_t rcode : 4, may_stale : 1, has_signed_until : 1, awaited : 1;
	uint8_t marked : 1;	      /* shard's lock: see mx_found.refresh */
	uint8_t slot : 2, kind : 2, state : 2, has_full : 1, has_why : 1;
	uint8_t queue : 2, uses : 2;  /* shard's lock, see evict.h */
	/* and what the picture shows */
};

/* A block with everything but ttl_s of a failure, which the caller may still
 * set. NULL: no memory. spot and slot: as they shall be found. */
struct entry *entry_new(const struct memory *m, const struct mx_key *key,
			enum entry_slot slot, uint32_t spot,
			const struct mx_answer *answer, mx_instant now);
void entry_free(const struct memory *m, struct entry *e);

/* Octets that entry_new would ask for, and did ask for. */
size_t entry_octets_needed(const struct mx_key *key,
			   const struct mx_answer *answer);
size_t entry_octets(const struct entry *e);

bool entry_is(const struct entry *e, const struct mx_key *key, uint16_t qtype,
	      uint32_t spot);
/* e's name is the name given or, with below, under it. */
bool entry_under(const struct entry *e, const uint8_t *qname,
		 uint8_t qname_len, bool below);

/* Whole seconds since it was stored. A clock that went back gives 0. */
uint32_t entry_age_s(const struct entry *e, mx_instant now);
/* Until stored + ttl_s, exclusive. */
bool entry_live(const struct entry *e, mx_instant now);

/* Past its TTL for less than max_s seconds, of the kind that may be given
 * then, and not secure by a signature that has ended. */
bool entry_stale(const struct entry *e, mx_instant now, int64_t wall_ms,
		 uint32_t max_s);
/* The answer has the same RRs, in the same order; TTLs are not compared. */
bool entry_says(const struct entry *e, const struct mx_answer *answer);

/* Views into the block. */
const uint8_t *entry_qname(const struct entry *e);
/* 0 without has_signed_until. */
uint32_t entry_signed_until(const struct entry *e);
void entry_form(const struct entry *e, bool full, struct mx_form *ret);
uint16_t entry_ede(const struct entry *e);
/* Not NUL-terminated. */
const char *entry_why(const struct entry *e, size_t *ret_len);

#endif
