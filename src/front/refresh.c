/* refresh.c - what is to be asked again once its TTL has run out, and when.
 *
 * A binary heap by time, of bounded size. Whatever is in it was asked for
 * twice while it lived, so an entry costs one insertion in its lifetime and
 * hits beyond that cost nothing. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

/* Names that a worker has in mind; an entry is some 100 octets. */
#define REFRESHES_MAX 16384u

/* After an answer ran out, libunbound still gives it with TTL 0 to the end of
 * that second by the wall clock, for it counts in whole seconds; so asking
 * makes sense after that. A bit later: it may read its clock a bit late. */
#define SECOND_MS 1000
#define SLACK_MS 20

/* Many run out in the same second, and are to be asked over some of it. Not
 * over all: whoever comes before the new answer is there has to wait for it. */
#define JITTER_MS 250

struct due {
	mx_instant at;
	struct refresh *refresh; /* owned */
};

struct refreshes {
	unsigned count, room;
	struct due *heap; /* the parent of i is (i - 1) / 2, and not later */
};

struct refreshes *refreshes_new(void)
{
	return calloc(1, sizeof(struct refreshes));
}

void refreshes_free(struct refreshes *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->count; i++)
		free(r->heap[i].refresh);
	free(r->heap);
	free(r);
}

static void rise(struct refreshes *r, unsigned i)
{
	struct due due = r->heap[i];

	for (; i > 0 && r->heap[(i - 1) / 2].at > due.at; i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = due;
}

static void sink(struct refreshes *r, unsigned i)
{
	struct due due = r->heap[i];

	for (;;) {
		unsigned child = 2 * i + 1;

		if (child + 1 < r->count &&
		    r->heap[child + 1].at < r->heap[child].at)
			child++;
		if (child >= r->count || r->heap[child].at >= due.at)
			break;
		r->heap[i] = r->heap[child];
		i = child;
	}
	r->heap[i] = due;
}

/* Where one more goes, or NULL; in *ret_all whether all others are still in.
 * In a full heap one that is due later than the new one makes room, so that a
 * lot of names with long TTLs cannot shut out those that run out soon. It is
 * looked for in one of the leaves: late ones are there, and to find the latest
 * would take looking at all. */
static struct due *place_for(struct refreshes *r, mx_instant at, bool *ret_all)
{
	*ret_all = true;
	if (r->count == r->room && r->room < REFRESHES_MAX) {
		unsigned room = r->room ? 2 * r->room : 64;
		struct due *heap = realloc(r->heap, room * sizeof(*heap));

		if (heap) {
			r->heap = heap;
			r->room = room;
		}
	}
	if (r->count < r->room)
		return &r->heap[r->count++];
	if (r->count == 0)
		return NULL;

	unsigned leaf = r->count / 2 +
			randombytes_uniform(r->count - r->count / 2);
	if (r->heap[leaf].at <= at)
		return NULL;
	*ret_all = false;
	free(r->heap[leaf].refresh);
	return &r->heap[leaf];
}

mx_instant refresh_when(mx_instant expires, mx_instant now, int64_t wall_ms)
{
	int64_t wall_then_ms = wall_ms + (expires - now);

	return expires + SECOND_MS - wall_then_ms % SECOND_MS + SLACK_MS +
	       randombytes_uniform(JITTER_MS);
}

bool refreshes_add(struct refreshes *r, const struct mx_key *key,
		   mx_instant expires, mx_instant now, int64_t wall_ms)
{
	struct refresh *refresh = malloc(sizeof(*refresh) + key->qname_len);
	mx_instant at = refresh_when(expires, now, wall_ms);
	bool all;
	struct due *place = refresh ? place_for(r, at, &all) : NULL;

	if (!place) {
		free(refresh);
		return false;
	}
	memcpy(refresh->qname, key->qname, key->qname_len);
	refresh->key = *key;
	refresh->key.qname = refresh->qname;
	*place = (struct due){ .at = at, .refresh = refresh };
	rise(r, (unsigned)(place - r->heap));
	return all;
}

mx_instant refreshes_next(const struct refreshes *r)
{
	return r->count ? r->heap[0].at : INT64_MAX;
}

struct refresh *refreshes_take(struct refreshes *r, mx_instant now)
{
	struct refresh *refresh;

	if (refreshes_next(r) > now)
		return NULL;
	refresh = r->heap[0].refresh;
	r->heap[0] = r->heap[--r->count];
	if (r->count)
		sink(r, 0);
	return refresh;
}
