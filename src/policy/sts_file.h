/* sts_file.h - the MTA-STS policies in a file, so that they outlive a restart.
 *
 * Why      RFC 8461 section 3.3 has a policy hold for its max_age, weeks as a
 *          rule. Who forgot it whenever he is started again could be kept from
 *          fetching it, and then send in the clear.
 * File     written beside FILE and moved there when it is whole and on the
 *          disk, mode 0600 (cache/snapshot_file.h).
 *
 *            head    "mxb.sts\n" | u32 version | key 16 | sum of these 8
 *            policy  u32 "STS1" | u32 octets, all of them | sum of what follows 8
 *                    | u64 fetched, ms since 1970 | u8 flags | domain | u8 id_len
 *                    | id | the policy, as it is published
 *
 *          Sums are SipHash under the file's key, which is random, so that no
 *          policy can be made to look like a record. Numbers in network order.
 * Trust    none in what is read: every length is checked, each policy goes
 *          through the parser that one from the network goes through. A file
 *          that is somebody else's, or that others may write, is not read.
 * Damage   costs the policies it is in.
 * Time     by the wall clock. A policy fetched in what is now the future, since
 *          the clock was set back, holds, and as sts_store.h says not longer
 *          than max_age from now.
 * Memory   the file's octets, at most STS_FILE_MAX.
 * Threads  any; one at a time for a store.
 */
#ifndef POLICY_STS_FILE_H
#define POLICY_STS_FILE_H

#include "sts_store.h"

#define STS_FILE_MAX (STS_OCTETS_MAX + (8u << 20))

#define STS_FILE_VERDICTS(X) \
	X(READ, "was read") \
	X(MISSING, "is not there") \
	X(UNREADABLE, "cannot be read") \
	X(OWNER, "belongs to another account, or others may write it") \
	X(FOREIGN, "holds no MTA-STS policies, or its first octets are damaged") \
	X(VERSION, "is of another version") \
	X(TOO_LONG, "is longer than any that was written")

#define X(name, text) STS_FILE_##name,
enum sts_file_verdict { STS_FILE_VERDICTS(X) };
#undef X
const char *sts_file_verdict_text(enum sts_file_verdict verdict);

struct sts_file_loaded {
	size_t loaded, expired;
	size_t refused; /* whole, and yet no policy */
	size_t damaged; /* stretches of octets that are no record */
	int error;	/* errno of UNREADABLE */
};

/* All policies of the store, as octets for malloc's free(). NULL: no memory. */
uint8_t *sts_file_make(const struct sts_store *store, size_t *ret_len);
/* The reverse. Of what is in the store already the store's is kept. *ret is
 * filled with any verdict. */
enum sts_file_verdict sts_file_take(const uint8_t *octets, size_t len,
				    struct sts_store *store,
				    struct sts_time time,
				    struct sts_file_loaded *ret);

enum sts_file_verdict sts_file_read(const char *path, struct sts_store *store,
				    struct sts_time time,
				    struct sts_file_loaded *ret);
/* 0, or errno: then the old file is as it was. */
int sts_file_write(const char *path, const uint8_t *octets, size_t len);

#endif
