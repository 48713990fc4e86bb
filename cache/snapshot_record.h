/* snapshot_record.h - what a snapshot looks like. Pure: octets in and out.
 *
 *   file     head, then records until the end
 *   record   | struct record | ttl_at plain | ttl_at full | qname |
 *            | octets plain | octets full | why | zeros to the next 8 |
 *
 * Numbers are in the machine's own order: a file is for the machine that
 * wrote it, and its head says so. What has changed here has another version.
 */
#ifndef MX_CACHE_SNAPSHOT_RECORD_H
#define MX_CACHE_SNAPSHOT_RECORD_H

#include "cache.h"
#include "mx_snapshot.h"

#define SNAPSHOT_VERSION 1u
#define SNAPSHOT_ORDER 0x01020304u

struct snapshot_head {
	uint8_t magic[8];
	uint32_t order, version;
	int64_t now, wall_ms; /* when it was begun */
	uint8_t boot[MX_SNAPSHOT_BOOT_LEN], realm[MX_SNAPSHOT_REALM_LEN];
	uint8_t key[16]; /* of all checksums; new for each file */
	uint64_t sum;	 /* of what is before it */
};

#define RECORD_MAGIC 0x7262786du /* mxbr */

/* flags */
enum { RECORD_FULL = 1, RECORD_SIGNED_UNTIL = 2, RECORD_MAY_STALE = 4,
       RECORD_AWAITED = 8, RECORD_FLAGS = 15 };

struct record {
	uint32_t magic, len; /* all of it, a multiple of 8 */
	uint64_t sum;	     /* of what is behind it */
	int64_t stored_wall_ms;
	uint32_t ttl_s, signed_until;
	struct packed_form plain, full;
	uint16_t qtype, qclass, ede, turn;
	uint8_t qname_len, why_len, rcode, kind, state, queue, uses, flags;
	uint32_t zero;
};

/* The longest of both forms, and all else. */
#define RECORD_MAX (sizeof(struct record) + 2u * (MX_MESSAGE_MAX + 2u * \
		    (MX_MESSAGE_MAX / 11u)) + MX_NAME_MAX + MX_WHY_MAX + 8u)

void snapshot_head_make(const struct mx_snapshot *snapshot,
			struct snapshot_head *ret);
/* Set the checksum; the last thing that make does. */
void snapshot_head_seal(struct snapshot_head *head);
/* MX_SNAPSHOT_READ: it may be read on. */
enum mx_snapshot_verdict snapshot_head_check(const struct snapshot_head *head,
					     const struct mx_snapshot *snapshot);

size_t record_octets(const struct entry *e);
/* All but the checksum, which is for when the lock is gone. wall_minus_now_ms
 * is what a clock says more than the other. out: record_octets(e), aligned
 * to 8. */
void record_encode(const struct entry *e, int64_t wall_minus_now_ms,
		   uint8_t *out);
/* Octets of the record there, which now has its checksum. */
size_t record_seal(const struct snapshot_head *head, uint8_t *at);

/* Whether a record may start at `at`, with left octets from there on. Its
 * length, or 0. */
size_t record_begins(const uint8_t *at, size_t left);
bool record_holds(const struct snapshot_head *head, const uint8_t *at,
		  size_t len);

/* A record read: views into its octets, which are aligned to 8. */
struct record_read {
	struct mx_key key;
	struct mx_answer answer;
	struct past past; /* stored: by the wall clock, as it is in the file */
	int64_t stored_wall_ms;
	char why[MX_WHY_MAX + 1];
};
/* False: a number, length or name is out of its range. */
bool record_decode(const uint8_t *at, size_t len, struct record_read *ret);

#endif
