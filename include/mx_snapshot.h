/* mx_snapshot.h - the cache in a file, so that it survives a restart.
 *
 * Saved    answers, bogus answers and the NXDOMAIN of a name, with their place
 *          in the queues. Of what has run out, that which may still be given
 *          as a stale answer, or keeps one from being given. No failures.
 * File     written beside FILE as FILE.PID.tmp (mode 0600) and moved there when
 *          it is whole and on the disk: whoever dies on the way leaves the old
 *          one. A record has a checksum under a key made for each file: what
 *          an answer holds cannot be made to look like a record. A damaged
 *          one costs itself and no other.
 * Trust    none in what is read. Lengths, numbers and names are checked here,
 *          the body by `check`. A file that belongs to somebody else, or that
 *          others may write, is not read, nor one of another realm.
 * Time     what is read is as old as the wall clock says and, in the same
 *          boot, at least as old as the clock that no one sets says. A file
 *          written later than now, by the wall clock, is not read. So a clock
 *          that was set costs answers, and makes none younger.
 * Order    what was put since the cache was made wins, whatever the file
 *          says of its name.
 * Memory   some hundred KiB while a call lasts, however large the cache.
 * Threads  a thread of its own beside any that use the cache. One shard lock
 *          at a time: for some 64 entries when saving, for one when loading.
 *          A lock is never held across a callback or system call.
 * Errors   save: errno tells. load has no errors, only verdicts: nothing in a
 *          file is a reason not to start.
 */
#ifndef MX_SNAPSHOT_H
#define MX_SNAPSHOT_H

#include "mx_answer.h"
#include "mx_clock.h"
#include "mx_error.h"

struct mx_cache;

#define MX_SNAPSHOT_REALM_LEN 32u
#define MX_SNAPSHOT_BOOT_LEN 16u

/* Borrowed for the call. */
struct mx_snapshot {
	const char *file;
	/* What decides which answers are true: trust anchors, forwarders. */
	uint8_t realm[MX_SNAPSHOT_REALM_LEN];
	/* The same moment by both clocks, and which boot `now` counts from. */
	mx_instant now;
	int64_t wall_ms;
	uint8_t boot[MX_SNAPSHOT_BOOT_LEN];
	/* Called after each MiB; may wait. False: give up. NULL: go on. */
	bool (*go_on)(void *arg);
	/* load: whether an answer may be used. May take may_stale away. qtype
	 * is 0 for the NXDOMAIN of a name, which answers all types. */
	bool (*check)(void *arg, const struct mx_key *key,
		      struct mx_answer *answer);
	void *arg;
};

struct mx_snapshot_saved {
	size_t records;
	uint64_t octets;
};

/* MX_E_SYSTEM with errno (ECANCELED: go_on said so) or MX_E_NO_MEMORY; the old
 * file is as it was then, and nothing else is left. The only exception is a
 * folder that cannot be synced: the new file is in place, but may be lost with
 * the power. */
enum mx_error mx_snapshot_save(struct mx_cache *cache,
			       const struct mx_snapshot *snapshot,
			       struct mx_snapshot_saved *ret);

/* What became of a file, and of each record in it. */
#define MX_SNAPSHOT_VERDICTS(X) \
	X(READ, "was read") \
	X(MISSING, "is not there") \
	X(UNREADABLE, "cannot be read") \
	X(OWNER, "belongs to another account, or others may write it") \
	X(FOREIGN, "is no snapshot, or its first octets are damaged") \
	X(VERSION, "is of another version or kind of machine") \
	X(REALM, "was made with other trust anchors, root hints, forward-zone, stub-zone or resolver-option") \
	X(FUTURE, "was written later than the clock says it is now") \
	X(GIVEN_UP, "was not read to its end")

#define MX_SNAPSHOT_FATES(X) \
	X(loaded, "loaded") \
	X(expired, "run out") \
	X(future, "from the future") \
	X(unsigned_now, "past their signatures' end") \
	X(known, "heard anew") \
	X(refused, "not acceptable") \
	X(no_room, "without room") \
	X(damaged, "damaged")

enum mx_snapshot_verdict {
#define X(name, text) MX_SNAPSHOT_##name,
	MX_SNAPSHOT_VERDICTS(X)
#undef X
};
const char *mx_snapshot_verdict_text(enum mx_snapshot_verdict verdict);

struct mx_snapshot_loaded {
	/* How many records had which fate. damaged: stretches of octets that
	 * are no record. */
#define X(name, text) size_t name;
	MX_SNAPSHOT_FATES(X)
#undef X
	int error; /* errno of MX_SNAPSHOT_UNREADABLE */
};

/* Once for a cache that was made with will_load, which it then is no longer,
 * whatever the verdict. *ret is filled with any. */
enum mx_snapshot_verdict mx_snapshot_load(struct mx_cache *cache,
					  const struct mx_snapshot *snapshot,
					  struct mx_snapshot_loaded *ret);

/* Remove what writers of this file that are dead have left. To be called
 * before this process saves anything. */
void mx_snapshot_clean(const char *file);

#endif
