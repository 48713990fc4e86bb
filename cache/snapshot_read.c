/* snapshot_read.c - a file's answers, put back into the cache.
 *
 * Read through a window with read(2), not mapped: a file that is cut short
 * while it is mapped is a SIGBUS. Where no record starts, or its checksum is
 * wrong, the next one is looked for, octet by octet; how much work goes into
 * records that are none is bounded, so that no file can keep the loader busy
 * for long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot_file.h"
#include "snapshot_record.h"

#define WINDOW (512u * 1024u)
#define GO_ON_OCTETS (1u << 20)
/* Octets summed up in vain, beyond which a file is not worth it. */
#define VAIN_OCTETS_MAX (16u << 20)
/* A clock is set back by so much all the time, to be right. */
#define SLACK_MS 2000
/* Nothing is older when it runs out (ttl-max), so that nothing can be stale
 * which was heard so long before it that no longer is (mx_cache.h). */
#define LIFE_MAX_S 604800u

struct reader {
	struct mx_cache *cache;
	const struct mx_snapshot *snapshot;
	struct mx_snapshot_loaded *loaded;
	struct snapshot_head head;
	int fd;
	uint8_t *window, *record; /* record: aligned to 8 */
	size_t at, end;		  /* in window */
	size_t vain, since_asked;
	size_t prepared, used; /* memory_prepare: octets in all, and of them */
	bool eof, in_damage;
	int64_t wall_minus_now_ms; /* see mx_snapshot.h, Time */
};

const char *mx_snapshot_verdict_text(enum mx_snapshot_verdict verdict)
{
	static const char *const texts[] = {
#define X(name, text) text,
		MX_SNAPSHOT_VERDICTS(X)
#undef X
	};

	return texts[verdict];
}

/* ---- the window ---- */

/* Have a whole record in it, if the file has one. False: errno. */
static bool fill(struct reader *r)
{
	if (r->end - r->at >= RECORD_MAX || r->eof)
		return true;
	memmove(r->window, r->window + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	while (r->end < WINDOW && !r->eof) {
		ssize_t got = read(r->fd, r->window + r->end, WINDOW - r->end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		r->eof = got == 0;
		r->end += (size_t)got;
	}
	return true;
}

static void pass(struct reader *r, size_t octets)
{
	r->at += octets;
	r->since_asked += octets;
}

/* From here to where the next record may start. */
static void skip_damage(struct reader *r)
{
	static const uint32_t magic = RECORD_MAGIC;
	const uint8_t *from = r->window + r->at, *next;

	if (!r->in_damage)
		r->loaded->damaged++;
	r->in_damage = true;
	next = memmem(from + 1, r->end - r->at - 1, &magic, sizeof magic);
	if (next != NULL)
		pass(r, (size_t)(next - from));
	else if (r->eof || r->end - r->at < sizeof magic)
		pass(r, r->end - r->at);
	else /* half of one may be at the window's end */
		pass(r, r->end - r->at - (sizeof magic - 1));
}

/* ---- one record ---- */

enum fate {
#define X(name, text) FATE_##name,
	MX_SNAPSHOT_FATES(X)
#undef X
};

static void count(struct reader *r, enum fate fate)
{
	switch (fate) {
#define X(name, text) case FATE_##name: r->loaded->name++; break;
	MX_SNAPSHOT_FATES(X)
#undef X
	}
}

/* Seconds past its TTL; negative: it lives. */
static int64_t past_ttl_s(const struct record_read *a, mx_instant now)
{
	return (now - a->past.stored) / 1000 - (int64_t)a->answer.ttl_s;
}

static bool signature_ended(const struct mx_answer *a, int64_t wall_ms)
{
	return a->state == MX_SECURE && a->has_signed_until &&
		(int32_t)(a->signed_until - (uint32_t)(wall_ms / 1000)) <= 0;
}

/* The NXDOMAIN of a name is given no more when its signature has ended, but
 * goes on keeping older answers from being given: it has just run out. */
static bool end_now(const struct reader *r, struct record_read *a)
{
	int64_t age_s = (r->snapshot->now - a->past.stored) / 1000;

	if (cache_slot(&a->answer) != SLOT_NXDOMAIN || age_s == 0)
		return false;
	if (age_s < a->answer.ttl_s)
		a->answer.ttl_s = (uint32_t)age_s;
	return true;
}

/* What has run out is loaded if it may be given all the same, or keeps an
 * older answer from being given. */
static bool run_out(const struct reader *r, const struct record_read *a)
{
	int64_t past_s = past_ttl_s(a, r->snapshot->now);
	int64_t stale_s = r->cache->stale_max_s;

	if (past_s < 0)
		return false;
	if (cache_slot(&a->answer) != SLOT_ANSWER)
		return stale_s == 0 || past_s >= stale_s + LIFE_MAX_S;
	return !(a->answer.may_stale && past_s < stale_s &&
		 a->answer.kind == MX_ANSWER_POSITIVE);
}

static void set_age(const struct reader *r, struct record_read *a)
{
	mx_instant stored = a->stored_wall_ms - r->wall_minus_now_ms;

	a->past.stored = stored < r->snapshot->now ? stored : r->snapshot->now;
}

/* An entry is about as long as its record. A full cache frees as much as it
 * takes. */
static void prepare(struct reader *r, size_t octets)
{
	r->used += octets;
	if (r->used + MEMORY_PREPARED / 8 < r->prepared ||
	    r->prepared >= r->cache->octets_max)
		return;
	memory_prepare(&r->cache->memory);
	r->prepared += MEMORY_PREPARED;
}

static enum fate restore(struct reader *r, struct record_read *a, size_t len)
{
	const struct mx_snapshot *snapshot = r->snapshot;

	if (a->stored_wall_ms > snapshot->wall_ms + SLACK_MS)
		return FATE_future;
	set_age(r, a);
	if (run_out(r, a))
		return FATE_expired;
	if (signature_ended(&a->answer, snapshot->wall_ms) && !end_now(r, a))
		return FATE_unsigned_now;
	if (snapshot->check != NULL &&
	    !snapshot->check(snapshot->arg, &a->key, &a->answer))
		return FATE_refused;
	if (run_out(r, a)) /* it may have lost may_stale */
		return FATE_expired;
	prepare(r, len);
	switch (cache_restore(r->cache, &a->key, &a->answer, &a->past,
			      snapshot->now)) {
	case RESTORED:
		return FATE_loaded;
	case RESTORED_KNOWN:
		return FATE_known;
	case RESTORED_NO_ROOM:
		break;
	}
	return FATE_no_room;
}

/* The record at `at`, of len octets, if its checksum is right. */
static void take(struct reader *r, size_t len)
{
	const uint8_t *at = r->window + r->at;
	struct record_read a;

	if (!record_holds(&r->head, at, len)) {
		r->vain += len;
		skip_damage(r);
		return;
	}
	r->in_damage = false;
	/* Records are aligned, but for those behind octets that came in
	 * between or are gone. */
	if ((uintptr_t)at % 8 != 0)
		at = memcpy(r->record, at, len);
	count(r, record_decode(at, len, &a) ? restore(r, &a, len) :
						FATE_refused);
	pass(r, len);
}

static bool go_on(struct reader *r)
{
	if (r->since_asked < GO_ON_OCTETS)
		return true;
	r->since_asked = 0;
	return r->snapshot->go_on == NULL ||
		r->snapshot->go_on(r->snapshot->arg);
}

static enum mx_snapshot_verdict read_records(struct reader *r)
{
	for (;;) {
		size_t len;

		if (!fill(r)) {
			r->loaded->error = errno;
			return MX_SNAPSHOT_UNREADABLE;
		}
		if (r->at == r->end)
			return MX_SNAPSHOT_READ;
		if (!go_on(r) || r->vain > VAIN_OCTETS_MAX)
			return MX_SNAPSHOT_GIVEN_UP;
		len = record_begins(r->window + r->at, r->end - r->at);
		if (len > 0)
			take(r, len);
		else
			skip_damage(r);
	}
}

/* ---- the file ---- */

/* In the same boot the clock that nobody sets tells the age too: the greater
 * one is believed. */
static void set_clock(struct reader *r)
{
	const struct mx_snapshot *snapshot = r->snapshot;
	int64_t by_boot = r->head.wall_ms - r->head.now;

	r->wall_minus_now_ms = snapshot->wall_ms - snapshot->now;
	if (memcmp(r->head.boot, snapshot->boot, sizeof r->head.boot) == 0 &&
	    by_boot > r->wall_minus_now_ms)
		r->wall_minus_now_ms = by_boot;
}

static enum mx_snapshot_verdict read_head(struct reader *r)
{
	enum mx_snapshot_verdict verdict;

	if (!fill(r)) {
		r->loaded->error = errno;
		return MX_SNAPSHOT_UNREADABLE;
	}
	if (r->end < sizeof r->head)
		return MX_SNAPSHOT_FOREIGN;
	memcpy(&r->head, r->window, sizeof r->head);
	r->at = sizeof r->head;
	verdict = snapshot_head_check(&r->head, r->snapshot);
	if (verdict != MX_SNAPSHOT_READ)
		return verdict;
	if (r->head.wall_ms > r->snapshot->wall_ms + SLACK_MS)
		return MX_SNAPSHOT_FUTURE;
	set_clock(r);
	return MX_SNAPSHOT_READ;
}

static enum mx_snapshot_verdict open_file(struct reader *r)
{
	struct stat st;

	/* A FIFO must not hang us. */
	r->fd = open(r->snapshot->file,
		     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 && errno == ENOENT)
		return MX_SNAPSHOT_MISSING;
	if (r->fd < 0 || fstat(r->fd, &st) != 0) {
		r->loaded->error = errno;
		return MX_SNAPSHOT_UNREADABLE;
	}
	return snapshot_file_is_ours(&st) ? MX_SNAPSHOT_READ : MX_SNAPSHOT_OWNER;
}

static enum mx_snapshot_verdict load(struct reader *r)
{
	enum mx_snapshot_verdict verdict = open_file(r);

	r->window = malloc(WINDOW);
	r->record = malloc(RECORD_MAX);
	if (r->window == NULL || r->record == NULL) {
		r->loaded->error = ENOMEM;
		verdict = MX_SNAPSHOT_UNREADABLE;
	}
	if (verdict == MX_SNAPSHOT_READ)
		verdict = read_head(r);
	if (verdict == MX_SNAPSHOT_READ)
		verdict = read_records(r);
	free(r->record);
	free(r->window);
	if (r->fd >= 0)
		close(r->fd);
	return verdict;
}

enum mx_snapshot_verdict mx_snapshot_load(struct mx_cache *cache,
					  const struct mx_snapshot *snapshot,
					  struct mx_snapshot_loaded *ret)
{
	struct reader r = { .cache = cache, .snapshot = snapshot,
			    .loaded = ret, .fd = -1 };
	enum mx_snapshot_verdict verdict;

	*ret = (struct mx_snapshot_loaded){ 0 };
	verdict = load(&r);
	cache_restored(cache);
	return verdict;
}
