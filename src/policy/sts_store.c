/* sts_store.c - the MTA-STS policies that are remembered. See sts_store.h.
 *
 *   by_domain (uthash) ---> entry -+-> lists[ONCE]    policies asked for once
 *                                  +-> lists[KEPT]    asked for again
 *                                  +-> lists[FAILED]  nothing but a failure */
#include "sts_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mx_fetch.h"
#include "mx_wire.h"

enum list { ONCE, KEPT, FAILED, LISTS };
TAILQ_HEAD(entries, sts_entry);

struct sts_store {
	struct sts_entry *by_domain;
	struct entries lists[LISTS];
	size_t counts[LISTS], octets[LISTS]; /* octets: of policies */
	uint64_t changes;
	struct sts_entry *cursor; /* of sts_store_next(); NULL: the beginning */
};

struct sts_time sts_time_now(void)
{
	return (struct sts_time){ mx_clock_now(), mx_clock_wall_ms() };
}

/* ---- policies as text ---- */

static void add(char *text, size_t *len, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void add(char *text, size_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int more = vsnprintf(text + *len, STS_TEXT_MAX - *len, format, args);
	va_end(args);
	if (more > 0 && *len + (size_t)more < STS_TEXT_MAX)
		*len += (size_t)more;
}

static size_t write_policy(const struct mx_route_policy *policy,
			   char ret[STS_TEXT_MAX])
{
	char name[MX_ROUTE_NAME_TEXT_MAX];
	size_t len = 0;

	add(ret, &len, "version: STSv1\nmode: %s\nmax_age: %u\n",
	    mx_route_sts_mode_word(policy->mode), policy->max_age_s);
	for (unsigned i = 0; i < policy->mx_count; i++)
		add(ret, &len, "mx: %s%s\n", policy->mx[i].wildcard ? "*." : "",
		    mx_route_name_text(&policy->mx[i].name, name));
	return len;
}

bool sts_policy_read(const struct sts_policy *policy,
		     struct mx_route_policy *ret)
{
	return mx_route_policy_read(policy->text, policy->text_len, ret);
}

static struct sts_policy *policy_new(const char *id,
				     const struct mx_route_policy *policy,
				     int64_t fetched_ms, struct sts_time time)
{
	char text[STS_TEXT_MAX];
	size_t len = write_policy(policy, text);
	struct sts_policy *p = malloc(sizeof(*p) + len);
	int64_t life_ms = (policy->max_age_s > STS_LEAST_S ?
				   policy->max_age_s : STS_LEAST_S) * 1000ll;

	if (!p)
		return NULL;
	*p = (struct sts_policy){
		.fetched_ms = fetched_ms, .expires_ms = fetched_ms + life_ms,
		.put = time.now, .ends = time.now + life_ms,
		.mode = policy->mode, .text_len = (uint16_t)len,
	};
	snprintf(p->id, sizeof(p->id), "%s", id);
	memcpy(p->text, text, len);
	return p;
}

bool sts_policy_holds(const struct sts_policy *policy, struct sts_time time)
{
	return time.wall_ms < policy->expires_ms && time.now < policy->ends;
}

static size_t octets_of(const struct sts_policy *policy)
{
	return sizeof(struct sts_entry) + sizeof(*policy) + policy->text_len;
}

/* ---- entries ---- */

static enum list list_of(const struct sts_entry *entry)
{
	if (!entry->policy)
		return FAILED;
	return entry->policy->kept ? KEPT : ONCE;
}

static void enlist(struct sts_store *store, struct sts_entry *entry)
{
	enum list list = list_of(entry);

	TAILQ_INSERT_TAIL(&store->lists[list], entry, link);
	store->counts[list]++;
	if (entry->policy)
		store->octets[list] += octets_of(entry->policy);
}

static void delist(struct sts_store *store, struct sts_entry *entry)
{
	enum list list = list_of(entry);

	TAILQ_REMOVE(&store->lists[list], entry, link);
	store->counts[list]--;
	if (entry->policy)
		store->octets[list] -= octets_of(entry->policy);
}

/* It is in no list. */
static void entry_free(struct sts_store *store, struct sts_entry *entry)
{
	if (store->cursor == entry)
		store->cursor = entry->hh.next;
	HASH_DEL(store->by_domain, entry);
	free(entry->policy);
	free(entry->failure.detail);
	free(entry);
}

static void drop(struct sts_store *store, struct sts_entry *entry)
{
	delist(store, entry);
	store->changes += entry->policy != NULL;
	entry_free(store, entry);
}

/* The policy goes; a failure that is remembered stays. Whether the entry does. */
static bool drop_policy(struct sts_store *store, struct sts_entry *entry)
{
	if (entry->failure.failure == 0) {
		drop(store, entry);
		return false;
	}
	delist(store, entry);
	free(entry->policy);
	entry->policy = NULL;
	store->changes++;
	enlist(store, entry);
	return true;
}

/* An entry in no list, made if need be. */
static struct sts_entry *obtain(struct sts_store *store,
				const struct mx_name *domain)
{
	struct sts_entry *entry;

	HASH_FIND(hh, store->by_domain, domain->octets, domain->len, entry);
	if (entry) {
		delist(store, entry);
		return entry;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->domain.len = domain->len;
	memcpy(entry->domain.octets, domain->octets, domain->len);
	HASH_ADD_KEYPTR(hh, store->by_domain, entry->domain.octets,
			entry->domain.len, entry);
	if (entry->hh.tbl)
		return entry;
	free(entry); /* no memory for the table */
	return NULL;
}

/* Not the newest, which is at a list's end: none has room for one only. */
static void make_room(struct sts_store *store)
{
	while (store->counts[FAILED] > STS_FAILURES_MAX)
		drop(store, TAILQ_FIRST(&store->lists[FAILED]));
	while (store->counts[ONCE] + store->counts[KEPT] > STS_POLICIES_MAX ||
	       sts_store_octets(store) > STS_OCTETS_MAX) {
		bool once = store->counts[ONCE] > STS_POLICIES_MAX / 10 ||
			    store->octets[ONCE] > STS_OCTETS_MAX / 10 ||
			    store->counts[KEPT] == 0;

		drop(store, TAILQ_FIRST(&store->lists[once ? ONCE : KEPT]));
	}
}

struct sts_entry *sts_store_find(struct sts_store *store,
				 const struct mx_name *domain,
				 struct sts_time time)
{
	struct sts_entry *entry;

	HASH_FIND(hh, store->by_domain, domain->octets, domain->len, entry);
	if (entry && entry->policy && !sts_policy_holds(entry->policy, time) &&
	    !drop_policy(store, entry))
		return NULL;
	return entry;
}

void sts_store_use(struct sts_store *store, struct sts_entry *entry,
		   struct sts_time time)
{
	struct sts_policy *policy = entry->policy;

	if (!policy)
		return;
	delist(store, entry);
	policy->used = true;
	policy->kept |= time.now - policy->put >= STS_AGAIN_MS;
	enlist(store, entry);
}

void sts_store_keep(struct sts_store *store, struct sts_entry *entry)
{
	if (!entry->policy)
		return;
	delist(store, entry);
	entry->policy->kept = true;
	enlist(store, entry);
}

static void clear_failure(struct sts_entry *entry)
{
	free(entry->failure.detail);
	entry->failure = (struct sts_failure){ 0 };
}

struct sts_entry *sts_store_put(struct sts_store *store,
				const struct mx_name *domain, const char *id,
				const struct mx_route_policy *policy,
				int64_t fetched_ms, struct sts_time time)
{
	struct sts_policy *p = policy_new(id, policy, fetched_ms, time);
	struct sts_entry *entry;

	if (!p || !sts_policy_holds(p, time) ||
	    !(entry = obtain(store, domain))) {
		free(p);
		return NULL;
	}
	p->kept = entry->policy && entry->policy->kept;
	free(entry->policy);
	entry->policy = p;
	clear_failure(entry);
	enlist(store, entry);
	store->changes++;
	make_room(store);
	return entry;
}

struct sts_entry *sts_store_fail(struct sts_store *store,
				 const struct mx_name *domain,
				 const struct sts_failure *failure)
{
	struct sts_entry *entry = obtain(store, domain);

	if (!entry)
		return NULL;
	free(entry->failure.detail);
	entry->failure = *failure;
	if (failure->detail)
		entry->failure.detail = strdup(failure->detail);
	enlist(store, entry);
	make_room(store);
	return entry;
}

/* ---- all of them ---- */

struct sts_entry *sts_store_next(struct sts_store *store)
{
	struct sts_entry *entry = store->cursor ? store->cursor
						: store->by_domain;

	store->cursor = entry ? entry->hh.next : NULL;
	return entry;
}

const struct sts_entry *sts_store_after(const struct sts_store *store,
					const struct sts_entry *entry)
{
	const struct sts_entry *next;

	if (!entry)
		next = TAILQ_FIRST(&store->lists[ONCE]);
	else
		next = TAILQ_NEXT(entry, link);
	if (!next && (!entry || !entry->policy->kept))
		next = TAILQ_FIRST(&store->lists[KEPT]);
	return next;
}

size_t sts_store_policies(const struct sts_store *store)
{
	return store->counts[ONCE] + store->counts[KEPT];
}

size_t sts_store_octets(const struct sts_store *store)
{
	return store->octets[ONCE] + store->octets[KEPT];
}

size_t sts_store_failures(const struct sts_store *store)
{
	return store->counts[FAILED];
}

uint64_t sts_store_changes(const struct sts_store *store)
{
	return store->changes;
}

struct sts_store *sts_store_new(void)
{
	struct sts_store *store = calloc(1, sizeof(*store));

	for (int i = 0; store && i < LISTS; i++)
		TAILQ_INIT(&store->lists[i]);
	return store;
}

void sts_store_free(struct sts_store *store)
{
	if (!store)
		return;
	for (int i = 0; i < LISTS; i++)
		while (!TAILQ_EMPTY(&store->lists[i]))
			drop(store, TAILQ_FIRST(&store->lists[i]));
	free(store);
}
