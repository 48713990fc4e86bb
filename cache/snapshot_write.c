/* snapshot_write.c - the cache, copied shard by shard into a file.
 *
 * Twice round: what denies or doubts (NXDOMAIN of a name, bogus answers) first,
 * answers after it, so that when the file is read no answer can be given that
 * what comes behind it forbids.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot_file.h"
#include "snapshot_record.h"

/* While a shard's lock is held: so many entries looked at, buckets, octets
 * copied. Some microseconds, about as long as a lookup of a long answer. */
#define HOLD_ENTRIES 64u
#define HOLD_BUCKETS 512u
#define HOLD_OCTETS 65536u

/* Room for what is copied under one lock, and for it to pile up until a call
 * of write(2) is worth it. */
#define WRITE_OCTETS 131072u
#define ROOM (WRITE_OCTETS + HOLD_OCTETS + RECORD_MAX)
#define GO_ON_OCTETS (1u << 20)

/* Where the walk is: entry number `passed` of a bucket's chain. */
struct walk {
	uint32_t bucket, passed;
};

struct writer {
	struct mx_cache *cache;
	const struct mx_snapshot *snapshot;
	struct snapshot_head head;
	struct snapshot_file file;
	uint8_t *room; /* aligned to 8 */
	size_t used;
	uint64_t asked_at; /* octets when go_on was asked */
	size_t records;
	bool answers; /* the second round */
};

/* What has run out and can neither be given as a stale answer nor keep one
 * from being given need not be read again. */
static bool worth_saving(const struct writer *w, const struct entry *e)
{
	mx_instant now = w->snapshot->now;

	if (e->slot == SLOT_FAILURE || (e->slot == SLOT_ANSWER) != w->answers)
		return false;
	return e->slot != SLOT_ANSWER || entry_live(e, now) ||
		entry_stale(e, now, w->snapshot->wall_ms,
			    w->cache->stale_max_s);
}

/* As much as one hold of the lock may take. Returns false at the shard's end. */
static bool copy_some(struct writer *w, const struct shard *s,
		      struct walk *walk)
{
	int64_t wall_minus_now_ms = w->snapshot->wall_ms - w->snapshot->now;
	size_t from = w->used;
	unsigned entries = 0;
	uint32_t last = walk->bucket + HOLD_BUCKETS;

	for (; walk->bucket < s->bucket_count; walk->bucket++) {
		const struct entry *e = s->buckets[walk->bucket];
		uint32_t passed = 0;

		if (walk->bucket == last)
			return true;
		/* The chain may have changed since; what is there twice is
		 * loaded once. */
		for (; e != NULL && passed < walk->passed; passed++)
			e = e->chain;
		for (; e != NULL; e = e->chain, passed++) {
			if (entries == HOLD_ENTRIES ||
			    w->used - from >= HOLD_OCTETS) {
				walk->passed = passed;
				return true;
			}
			entries++;
			if (!worth_saving(w, e))
				continue;
			record_encode(e, wall_minus_now_ms, w->room + w->used);
			w->used += record_octets(e);
			w->records++;
		}
		walk->passed = 0;
	}
	return false;
}

static void seal_from(struct writer *w, size_t at)
{
	while (at < w->used)
		at += record_seal(&w->head, w->room + at);
}

static bool flush(struct writer *w)
{
	bool ok = snapshot_file_write(&w->file, w->room, w->used);

	w->used = 0;
	if (!ok || w->snapshot->go_on == NULL ||
	    w->file.octets - w->asked_at < GO_ON_OCTETS)
		return ok;
	w->asked_at = w->file.octets;
	if (w->snapshot->go_on(w->snapshot->arg))
		return true;
	errno = ECANCELED;
	return false;
}

static bool write_shard(struct writer *w, struct shard *s)
{
	struct walk walk = { 0 };
	bool more = true;

	while (more) {
		size_t from = w->used;

		shard_lock(s);
		more = copy_some(w, s, &walk);
		shard_unlock(s);
		seal_from(w, from);
		if (w->used >= WRITE_OCTETS && !flush(w))
			return false;
	}
	return true;
}

static bool write_all(struct writer *w)
{
	if (!snapshot_file_begin(&w->file, w->snapshot->file) ||
	    !snapshot_file_write(&w->file, &w->head, sizeof w->head))
		return false;
	for (int round = 0; round < 2; round++) {
		w->answers = round == 1;
		for (uint32_t i = 0; i < w->cache->shard_count; i++)
			if (!write_shard(w, &w->cache->shards[i]))
				return false;
	}
	return flush(w) && snapshot_file_commit(&w->file);
}

enum mx_error mx_snapshot_save(struct mx_cache *cache,
			       const struct mx_snapshot *snapshot,
			       struct mx_snapshot_saved *ret)
{
	struct writer *w = calloc(1, sizeof *w);
	enum mx_error err = MX_E_NO_MEMORY;
	int kept_errno;

	if (w == NULL)
		return err;
	w->cache = cache;
	w->snapshot = snapshot;
	w->room = malloc(ROOM);
	if (w->room != NULL) {
		snapshot_head_make(snapshot, &w->head);
		err = write_all(w) ? MX_OK : MX_E_SYSTEM;
		snapshot_file_end(&w->file);
	}
	if (err == MX_OK)
		*ret = (struct mx_snapshot_saved){ w->records, w->file.octets };
	kept_errno = errno;
	free(w->room);
	free(w);
	errno = kept_errno;
	return err;
}
