/* troubles.c - see troubles.h. */
#include "troubles.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mx_ede.h"

struct troubles {
	pthread_mutex_t lock;
	size_t count;
	struct trouble at[TROUBLES_MAX];
};

struct troubles *troubles_new(void)
{
	struct troubles *troubles = calloc(1, sizeof(*troubles));

	if (troubles)
		pthread_mutex_init(&troubles->lock, NULL);
	return troubles;
}

void troubles_free(struct troubles *troubles)
{
	if (troubles)
		pthread_mutex_destroy(&troubles->lock);
	free(troubles);
}

static double score_at(const struct trouble *trouble, mx_instant now)
{
	mx_instant age = now > trouble->last ? now - trouble->last : 0;

	return trouble->score * exp2(-(double)age / TROUBLES_HALF_MS);
}

static bool is_about(const struct trouble *trouble, uint16_t qtype,
		     const uint8_t *qname, size_t qname_len)
{
	return trouble->qtype == qtype && trouble->qname.len == qname_len &&
	       memcmp(trouble->qname.octets, qname, qname_len) == 0;
}

/* Where the least score is, which is there if there is any. */
static struct trouble *least(struct trouble *at, size_t count, mx_instant now)
{
	struct trouble *found = at;

	for (size_t i = 1; i < count; i++)
		if (score_at(&at[i], now) < score_at(found, now))
			found = &at[i];
	return found;
}

static struct trouble *find(struct trouble *at, size_t count, uint16_t qtype,
			    const uint8_t *qname, size_t qname_len)
{
	for (size_t i = 0; i < count; i++)
		if (is_about(&at[i], qtype, qname, qname_len))
			return &at[i];
	return NULL;
}

/* With the lock. */
static struct trouble *place(struct troubles *troubles,
			     const struct mx_key *key, mx_instant now)
{
	struct trouble *trouble = find(troubles->at, troubles->count,
				       key->qtype, key->qname, key->qname_len);

	if (trouble)
		return trouble;
	trouble = troubles->count < TROUBLES_MAX ?
			  &troubles->at[troubles->count++] :
			  least(troubles->at, TROUBLES_MAX, now);
	*trouble = (struct trouble){ .qtype = key->qtype, .ede = MX_EDE_NONE,
				     .last = now };
	trouble->qname.len = key->qname_len;
	memcpy(trouble->qname.octets, key->qname, key->qname_len);
	return trouble;
}

static void add(struct trouble *trouble, double score, mx_instant took_ms,
		mx_instant now)
{
	trouble->score = score_at(trouble, now) + score;
	trouble->last = now;
	if (took_ms > (mx_instant)trouble->worst_ms)
		trouble->worst_ms = took_ms < UINT32_MAX ? (uint32_t)took_ms :
							   UINT32_MAX;
}

void troubles_failed(struct troubles *troubles, const struct mx_key *key,
		     uint16_t ede, const char *why, mx_instant took_ms,
		     mx_instant now)
{
	struct trouble *trouble;
	size_t len = strnlen(why, MX_WHY_MAX);

	pthread_mutex_lock(&troubles->lock);
	trouble = place(troubles, key, now);
	trouble->failures++;
	trouble->ede = ede;
	memcpy(trouble->why, why, len);
	trouble->why[len] = '\0';
	add(trouble, 1, took_ms, now);
	pthread_mutex_unlock(&troubles->lock);
}

void troubles_answered(struct troubles *troubles, const struct mx_key *key,
		       mx_instant took_ms, mx_instant now)
{
	struct trouble *trouble;

	if (took_ms < TROUBLE_SLOW_MS)
		return;
	pthread_mutex_lock(&troubles->lock);
	trouble = place(troubles, key, now);
	trouble->slow++;
	add(trouble, (double)took_ms / 1000, took_ms, now);
	pthread_mutex_unlock(&troubles->lock);
}

/* ---- reading ---- */

static void merge(struct trouble *into, const struct trouble *from)
{
	into->failures += from->failures;
	into->slow += from->slow;
	into->score += from->score;
	if (from->worst_ms > into->worst_ms)
		into->worst_ms = from->worst_ms;
	if (from->last <= into->last)
		return;
	into->last = from->last;
	if (from->failures > 0) {
		into->ede = from->ede;
		strcpy(into->why, from->why);
	}
}

static int worse_first(const void *a, const void *b)
{
	const struct trouble *x = a, *y = b;

	return (x->score < y->score) - (x->score > y->score);
}

static size_t take(struct troubles *list, mx_instant now, struct trouble *to,
		   size_t count)
{
	pthread_mutex_lock(&list->lock);
	for (size_t i = 0; i < list->count; i++) {
		struct trouble one = list->at[i], *same;

		one.score = score_at(&one, now);
		same = find(to, count, one.qtype, one.qname.octets,
			    one.qname.len);
		if (same)
			merge(same, &one);
		else
			to[count++] = one;
	}
	pthread_mutex_unlock(&list->lock);
	return count;
}

size_t troubles_worst(struct troubles *const *lists, size_t count,
		      mx_instant now, struct trouble *ret, size_t room)
{
	struct trouble *all = calloc(count * TROUBLES_MAX + 1, sizeof(*all));
	size_t found = 0;

	if (!all)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (lists[i])
			found = take(lists[i], now, all, found);
	qsort(all, found, sizeof(*all), worse_first);
	if (found > room)
		found = room;
	memcpy(ret, all, found * sizeof(*all));
	free(all);
	return found;
}
