/* sts.c - which MTA-STS policy holds for a domain now. See sts.h.
 *
 * A domain that is being worked on is a struct work, from its record to the
 * end of its fetch; who asks for it meanwhile waits there. What is known when
 * nothing is worked on is in the store. */
#include "sts.h"

#include <stdlib.h>
#include <string.h>

#include "fetches.h"
#include "mx_log.h"
#include "sts_keep.h"

enum step {
	STEP_RECORD,
	STEP_ADDRESSES,
	STEP_ROOM, /* waits for a fetch to become free */
	STEP_FETCH,
	STEP_OVER, /* callbacks run */
};

struct address_lookup {
	struct work *work;
	struct mx_lookup lookup;
	struct mx_name qname;
	uint16_t qtype;
	bool waits, failed;
	unsigned count;
	struct mx_route_address at[MX_FETCH_ADDRESSES_MAX];
};

struct work {
	struct sts *sts;
	struct mx_name domain; /* lower case; hash key */
	enum step step;
	bool refresh; /* nobody asked for it, at its beginning */
	bool again;   /* a fetcher has died with it */
	enum mx_route_sts_record record;
	char id[MX_ROUTE_STS_ID_MAX + 1];
	struct mx_name record_name;
	struct mx_lookup record_lookup;
	struct address_lookup addresses[2];
	struct fetch *fetch;
	mx_instant room_until;
	TAILQ_ENTRY(work) by_room;
	TAILQ_HEAD(, sts_ask) asks;
	UT_hash_handle hh;
};

struct sts_ask {
	struct sts *sts;
	struct work *work; /* NULL: there is nothing to wait for */
	struct mx_name domain;
	sts_done *done;
	void *arg;
	struct event *timer;
	mx_instant until;
	TAILQ_ENTRY(sts_ask) link;
};

struct sts {
	struct event_base *base;
	struct mx_lookups *lookups;
	struct mx_counters *counters;
	struct fetches *fetches;
	struct sts_store *store;
	struct sts_keep *keep; /* NULL: no file */
	struct work *works;    /* uthash, by domain */
	unsigned work_count, refreshing;
	TAILQ_HEAD(, work) rooms; /* at STEP_ROOM, longest first */
	TAILQ_HEAD(, sts_ask) ready; /* without work */
	struct event *look, *room_timer;
	bool stopped;
	/* Log lines in the minute that began then. */
	mx_instant log_began;
	unsigned logged, unlogged;
	struct mx_mail_room room;
	struct mx_route_policy policy; /* of the answer being given */
};

/* ---- what is said ---- */

static void tell_failure(const struct sts_failure *failure,
			 struct mx_sts_answer *ret)
{
	ret->failure = failure->failure;
	if (failure->detail)
		ret->failure_detail = failure->detail;
	ret->failed_ms = failure->wall_ms;
	ret->retry_ms = mx_clock_wall_ms() + failure->retry_at - mx_clock_now();
}

/* What the store has of a domain; work may be NULL: nothing was looked up. */
static void make_answer(struct sts *sts, const struct work *work,
			const struct mx_name *domain, enum mx_sts_source source,
			struct mx_sts_answer *ret)
{
	struct sts_time time = sts_time_now();
	struct sts_entry *entry = sts_store_find(sts->store, domain, time);

	*ret = (struct mx_sts_answer){ .record = MX_ROUTE_STS_NOT_ASKED,
				       .failure_detail = "" };
	if (work) {
		ret->record = work->step == STEP_RECORD ? MX_ROUTE_STS_FAILED
							: work->record;
		memcpy(ret->record_id, work->id, sizeof(work->id));
		ret->fetching = work->step > STEP_RECORD &&
				work->step < STEP_OVER;
	}
	if (!entry)
		return;
	if (entry->policy && sts_policy_read(entry->policy, &sts->policy)) {
		sts_store_use(sts->store, entry, time);
		ret->policy = &sts->policy;
		ret->source = source;
		memcpy(ret->policy_id, entry->policy->id, sizeof(ret->policy_id));
		ret->fetched_ms = entry->policy->fetched_ms;
		ret->expires_ms = entry->policy->expires_ms;
	}
	if (entry->failure.failure != 0)
		tell_failure(&entry->failure, ret);
}

/* ---- asks ---- */

static void ask_free(struct sts_ask *ask)
{
	if (ask->work)
		TAILQ_REMOVE(&ask->work->asks, ask, link);
	else
		TAILQ_REMOVE(&ask->sts->ready, ask, link);
	event_free(ask->timer);
	free(ask);
}

/* The callback runs. */
static void ask_finish(struct sts_ask *ask, const struct mx_sts_answer *answer)
{
	sts_done *done = ask->done;
	void *arg = ask->arg;

	if (answer->source == MX_STS_FROM_CACHE)
		mx_count(ask->sts->counters, sts_cached, 1);
	ask_free(ask);
	done(arg, answer);
}

/* Nothing to wait for, or not any longer. */
static void on_ask_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sts_ask *ask = arg;
	struct mx_sts_answer answer;
	mx_instant now = mx_clock_now();

	(void)fd;
	(void)what;
	if (now < ask->until) {
		timer_start(ask->timer, ask->until - now);
		return;
	}
	make_answer(ask->sts, ask->work, &ask->domain, MX_STS_FROM_CACHE,
		    &answer);
	ask_finish(ask, &answer);
}

/* ---- the end of a domain's work ---- */

static void stop_lookups(struct work *work)
{
	struct mx_lookups *lookups = work->sts->lookups;

	if (work->step == STEP_RECORD)
		mx_lookup_cancel(lookups, &work->record_lookup);
	for (int i = 0; i < 2; i++)
		if (work->addresses[i].waits)
			mx_lookup_cancel(lookups, &work->addresses[i].lookup);
}

/* Its asks are the caller's to have ended. */
static void work_free(struct work *work)
{
	struct sts *sts = work->sts;

	stop_lookups(work);
	if (work->step == STEP_ROOM)
		TAILQ_REMOVE(&sts->rooms, work, by_room);
	if (work->fetch)
		fetch_cancel(work->fetch);
	sts->refreshing -= work->refresh;
	sts->work_count--;
	HASH_DEL(sts->works, work);
	free(work);
}

/* All who ask hear it. Who asks anew from a callback does not wait here. */
static void finish(struct work *work, enum mx_sts_source source)
{
	struct sts *sts = work->sts;
	struct mx_sts_answer answer;
	struct sts_ask *ask;

	work->step = STEP_OVER;
	if (!TAILQ_EMPTY(&work->asks))
		make_answer(sts, work, &work->domain, source, &answer);
	/* Out of the table, and yet there for those who cancel. */
	HASH_DEL(sts->works, work);
	while ((ask = TAILQ_FIRST(&work->asks)))
		ask_finish(ask, &answer);
	sts->refreshing -= work->refresh;
	sts->work_count--;
	free(work);
	sts_keep_changed(sts->keep);
}

/* ---- failures ---- */

#define LOG_LINES_MAX 20u
#define LOG_MINUTE_MS 60000

static bool may_log(struct sts *sts)
{
	mx_instant now = mx_clock_now();

	if (now - sts->log_began >= LOG_MINUTE_MS) {
		if (sts->unlogged > 0)
			mx_log(MX_LOG_NOTICE,
			       "MTA-STS: %u more fetches failed that are not logged",
			       sts->unlogged);
		sts->log_began = now;
		sts->logged = sts->unlogged = 0;
	}
	if (sts->logged == LOG_LINES_MAX) {
		sts->unlogged++;
		return false;
	}
	sts->logged++;
	return true;
}

/* RFC 8461 section 3.3: the administrator is told, unless the mode is none. */
static void log_failure(struct sts *sts, const struct sts_entry *entry,
			const struct sts_failure *f, mx_instant wait_ms)
{
	char domain[MX_ROUTE_NAME_TEXT_MAX];
	bool holds = entry && entry->policy;
	bool detail = f->detail && *f->detail;

	if ((holds && entry->policy->mode == MX_ROUTE_MODE_NONE) ||
	    !may_log(sts))
		return;
	mx_log(holds ? MX_LOG_WARNING : MX_LOG_NOTICE,
	       "MTA-STS: no new policy of %s: %s%s%s%s; %s; tried again in %d s or later",
	       entry ? mx_route_name_text(&entry->domain, domain) : "a domain",
	       mx_sts_failure_text(f->failure), detail ? " (" : "",
	       detail ? f->detail : "", detail ? ")" : "",
	       holds ? "the one from before holds" : "it counts as none",
	       (int)(wait_ms / 1000));
}

/* Nobody's but ours: it says nothing of the domain. */
static bool is_ours(unsigned failure)
{
	return failure == MX_STS_FAILED_NO_FETCHER ||
	       failure == MX_FETCH_OVERLOAD || failure == MX_FETCH_FETCHER_GONE;
}

/* How long its host, or whoever it was that failed, is left alone. */
static mx_instant wait_after(unsigned failure, unsigned count)
{
	mx_instant wait = STS_RETRY_FIRST_MS, most = STS_RETRY_MOST_MS;

	if (is_ours(failure)) {
		wait = STS_SOON_MS;
		most = STS_SOON_MOST_MS;
	} else if (failure == MX_STS_FAILED_ADDRESS) {
		wait = STS_RETRY_ADDRESS_MS;
	}
	while (--count > 0 && wait < most)
		wait *= 2;
	return wait < most ? wait : most;
}

/* How often in a row it is now. */
static unsigned count_with(const struct sts_failure *before, unsigned failure,
			   mx_instant now)
{
	bool in_a_row = before->failure != 0 &&
			is_ours(before->failure) == is_ours(failure) &&
			now - before->retry_at < STS_FORGET_MS;

	return in_a_row ? before->count + 1 : 1;
}

/* What fails is remembered, and the store's policy, if there is one, said. */
static void fail(struct work *work, unsigned failure, const char *detail,
		 size_t detail_len)
{
	struct sts *sts = work->sts;
	struct sts_time time = sts_time_now();
	struct sts_entry *entry = sts_store_find(sts->store, &work->domain,
						 time);
	char text[MX_FETCH_DETAIL_MAX + 1];
	struct sts_failure f = { .failure = failure, .detail = text,
				 .wall_ms = time.wall_ms, .at = time.now };
	mx_instant wait;

	snprintf(text, sizeof(text), "%.*s", (int)detail_len, detail);
	f.count = entry ? count_with(&entry->failure, failure, time.now) : 1;
	wait = wait_after(failure, f.count);
	f.retry_at = time.now + wait;
	/* "" where the record failed: then no fetch is to wait. */
	memcpy(f.id, work->id, sizeof(f.id));
	entry = sts_store_fail(sts->store, &work->domain, &f);
	log_failure(sts, entry, &f, wait);
	mx_count(sts->counters, sts_failed, 1);
	finish(work, MX_STS_FROM_CACHE);
}

/* ---- the fetch ---- */

static void take_turns(struct sts *sts);

static void wait_for_room(struct work *work)
{
	struct sts *sts = work->sts;

	work->step = STEP_ROOM;
	work->room_until = mx_clock_now() + STS_ROOM_WAIT_MS;
	TAILQ_INSERT_TAIL(&sts->rooms, work, by_room);
	if (!evtimer_pending(sts->room_timer, NULL))
		timer_start(sts->room_timer, STS_ROOM_LOOK_MS);
}

static void on_fetched(void *arg, const struct mx_fetch_answer *answer)
{
	struct work *work = arg;
	struct sts *sts = work->sts;
	struct sts_time time = sts_time_now();

	work->fetch = NULL;
	if (answer->result == MX_FETCH_FETCHER_GONE && !work->again) {
		/* It may not have been this fetch that it died of. */
		work->again = true;
		wait_for_room(work);
	} else if (answer->result != MX_FETCH_OK) {
		fail(work, answer->result, answer->detail, answer->detail_len);
	} else if (!mx_route_policy_read(answer->text, answer->text_len,
					 &sts->policy)) {
		fail(work, MX_STS_FAILED_INVALID, "", 0);
	} else if (!sts_store_put(sts->store, &work->domain, work->id,
				  &sts->policy, time.wall_ms, time)) {
		static const char why[] = "out of memory";

		fail(work, MX_STS_FAILED_NO_FETCHER, why, sizeof(why) - 1);
	} else {
		mx_count(sts->counters, sts_fetched, 1);
		finish(work, MX_STS_FROM_FETCHED);
	}
	take_turns(sts);
}

static void socket_address(const struct mx_route_address *address,
			   struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->is_ipv6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, address->octets, 16);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, address->octets, 4);
	}
}

/* IPv4 and IPv6 in turn, so that a dead one of them does not take all. */
static unsigned gather(const struct work *work,
		       struct sockaddr_storage ret[MX_FETCH_ADDRESSES_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < MX_FETCH_ADDRESSES_MAX; i++)
		for (int family = 0; family < 2; family++) {
			const struct address_lookup *a = &work->addresses[family];

			if (i < a->count && count < MX_FETCH_ADDRESSES_MAX)
				socket_address(&a->at[i], &ret[count++]);
		}
	return count;
}

static void start_fetch(struct work *work)
{
	struct sockaddr_storage addresses[MX_FETCH_ADDRESSES_MAX];
	unsigned count = gather(work, addresses);
	struct sts *sts = work->sts;

	work->step = STEP_FETCH;
	work->fetch = fetch_start(sts->fetches, &work->domain, addresses, count,
				  on_fetched, work);
	if (!work->fetch)
		fail(work, MX_STS_FAILED_NO_FETCHER, "", 0);
}

static void leave_room(struct work *work)
{
	TAILQ_REMOVE(&work->sts->rooms, work, by_room);
	work->step = STEP_FETCH;
}

/* A fetch has ended, or one may make way: whoever waits longest has its place. */
static void take_turns(struct sts *sts)
{
	struct work *work;

	while ((work = TAILQ_FIRST(&sts->rooms)) &&
	       fetches_room(sts->fetches)) {
		leave_room(work);
		start_fetch(work);
	}
}

static void on_room_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sts *sts = arg;
	mx_instant now = mx_clock_now();
	struct work *work;

	(void)fd;
	(void)what;
	take_turns(sts);
	while ((work = TAILQ_FIRST(&sts->rooms)) && work->room_until <= now) {
		leave_room(work);
		fail(work, MX_STS_FAILED_NO_FETCHER, "", 0);
	}
	if (work)
		timer_start(sts->room_timer, STS_ROOM_LOOK_MS);
}

/* ---- the policy host's addresses ---- */

static void have_addresses(struct work *work)
{
	const struct address_lookup *a = work->addresses;
	struct sts *sts = work->sts;

	if (a[0].count + a[1].count == 0)
		fail(work, a[0].failed || a[1].failed ? MX_STS_FAILED_ADDRESS :
							MX_FETCH_NO_ADDRESS,
		     "", 0);
	else if (TAILQ_EMPTY(&sts->rooms) && fetches_room(sts->fetches))
		start_fetch(work);
	else
		wait_for_room(work);
}

static void on_address(void *arg, const struct mx_lookup_result *result)
{
	struct address_lookup *a = arg;
	struct work *work = a->work;
	const struct mx_key key = { a->qname.octets, a->qname.len, a->qtype,
				    MX_CLASS_IN };
	const struct mx_mail_answer answer = { .kind = result->kind,
					       .state = result->state,
					       .form = result->form };

	a->waits = false;
	a->failed = result->err != MX_OK || result->state == MX_BOGUS ||
		    result->kind == MX_ANSWER_FAILURE;
	if (!a->failed)
		a->count = mx_sts_addresses_read(&key, &answer,
						 &work->sts->room,
						 MX_FETCH_ADDRESSES_MAX, a->at);
	if (!work->addresses[0].waits && !work->addresses[1].waits)
		have_addresses(work);
}

static uint32_t client(const struct work *work)
{
	return work->refresh ? MX_LOOKUP_BACKGROUND : MX_LOOKUP_INTERNAL;
}

static void ask_addresses(struct work *work)
{
	static const uint16_t types[2] = { MX_TYPE_A, MX_TYPE_AAAA };

	work->step = STEP_ADDRESSES;
	for (int i = 0; i < 2; i++) {
		struct address_lookup *a = &work->addresses[i];

		a->work = work;
		a->qtype = types[i];
		mx_sts_host_name(&work->domain, &a->qname);
		a->waits = true;
	}
	for (int i = 0; i < 2; i++) {
		struct address_lookup *a = &work->addresses[i];
		const struct mx_key key = { a->qname.octets, a->qname.len,
					    a->qtype, MX_CLASS_IN };

		mx_lookup(work->sts->lookups, &key, false, client(work),
			  &a->lookup, on_address, a);
	}
}

/* ---- the record ---- */

/* Whether this id may be fetched now. */
static bool may_fetch(const struct work *work, const struct sts_entry *entry,
		      mx_instant now)
{
	const struct sts_failure *f;

	if (!entry)
		return true;
	f = &entry->failure;
	if (entry->policy && now - entry->policy->put < STS_SOON_MS)
		return false;
	if (f->failure == 0)
		return true;
	/* RFC 8461 section 3.3 has the wait for each id, and whoever has
	 * mended his policy gives it a new one. */
	return now >= (strcmp(f->id, work->id) == 0 ? f->retry_at :
						       f->at + STS_SOON_MS);
}

/* Without a record there is no refresh, and the policy runs out by itself. */
static void miss_record(struct work *work, struct sts_entry *entry,
			mx_instant now)
{
	if (work->record == MX_ROUTE_STS_FAILED) {
		fail(work, MX_STS_FAILED_RECORD, "", 0);
		return;
	}
	entry->policy->refresh_at = now + STS_REFRESH_AGAIN_MS;
	finish(work, MX_STS_FROM_CACHE);
}

static void go_on(struct work *work)
{
	struct sts *sts = work->sts;
	struct sts_time time = sts_time_now();
	struct sts_entry *entry = sts_store_find(sts->store, &work->domain,
						 time);
	const struct sts_policy *policy = entry ? entry->policy : NULL;
	bool current = policy && strcmp(policy->id, work->id) == 0;

	if (work->record == MX_ROUTE_STS_ONE && !(current && !work->refresh) &&
	    may_fetch(work, entry, time.now))
		ask_addresses(work);
	else if (work->record != MX_ROUTE_STS_ONE && work->refresh && policy)
		miss_record(work, entry, time.now);
	else
		finish(work, MX_STS_FROM_CACHE);
}

static void on_record(void *arg, const struct mx_lookup_result *result)
{
	struct work *work = arg;
	const struct mx_key key = { work->record_name.octets,
				    work->record_name.len, MX_TYPE_TXT,
				    MX_CLASS_IN };
	const struct mx_mail_answer answer = {
		.kind = result->err == MX_OK ? result->kind : MX_ANSWER_FAILURE,
		.state = result->state, .form = result->form,
	};

	work->record = mx_sts_record_read(&key, &answer, &work->sts->room,
					  work->id);
	work->step = STEP_OVER; /* for now */
	go_on(work);
}

/* ---- the beginning ---- */

static struct work *work_new(struct sts *sts, const struct mx_name *domain,
			     bool refresh)
{
	struct work *work;

	if (sts->work_count == STS_DOMAINS_MAX)
		return NULL;
	work = calloc(1, sizeof(*work));
	if (!work)
		return NULL;
	work->sts = sts;
	work->domain.len = domain->len;
	memcpy(work->domain.octets, domain->octets, domain->len);
	work->refresh = refresh;
	TAILQ_INIT(&work->asks);
	HASH_ADD_KEYPTR(hh, sts->works, work->domain.octets, work->domain.len,
			work);
	if (!work->hh.tbl || !mx_sts_record_name(domain, &work->record_name)) {
		if (work->hh.tbl)
			HASH_DEL(sts->works, work);
		free(work);
		return NULL;
	}
	sts->work_count++;
	sts->refreshing += refresh;

	const struct mx_key key = { work->record_name.octets,
				    work->record_name.len, MX_TYPE_TXT,
				    MX_CLASS_IN };

	mx_lookup(sts->lookups, &key, false, client(work),
		  &work->record_lookup, on_record, work);
	return work;
}

static struct work *work_of(struct sts *sts, const struct mx_name *domain)
{
	struct work *work;

	if (!mx_sts_domain_is(domain))
		return NULL;
	HASH_FIND(hh, sts->works, domain->octets, domain->len, work);
	return work ? work : work_new(sts, domain, false);
}

/* Who has a policy need not wait for a newer one. */
static mx_instant patience_for(struct sts *sts, const struct mx_name *domain,
			       mx_instant patience)
{
	const struct sts_entry *entry = sts_store_find(sts->store, domain,
						       sts_time_now());
	mx_instant most = entry && entry->policy ? STS_REFETCH_WAIT_MS :
						   STS_WAIT_MS;

	return patience < most ? patience : most;
}

static struct sts_ask *ask_start(void *arg, const struct mx_name *domain,
				 mx_instant patience, sts_done *done,
				 void *done_arg)
{
	struct sts *sts = arg;
	struct sts_ask *ask = calloc(1, sizeof(*ask));

	if (ask)
		ask->timer = evtimer_new(sts->base, on_ask_timer, ask);
	if (!ask || !ask->timer) {
		free(ask);
		return NULL;
	}
	ask->sts = sts;
	ask->done = done;
	ask->arg = done_arg;
	ask->domain = *domain;
	ask->work = work_of(sts, domain);
	if (ask->work) {
		patience = patience_for(sts, domain, patience);
		TAILQ_INSERT_TAIL(&ask->work->asks, ask, link);
	} else {
		patience = 0;
		TAILQ_INSERT_TAIL(&sts->ready, ask, link);
	}
	ask->until = mx_clock_now() + patience;
	timer_start(ask->timer, patience);
	return ask;
}

static void forget_ask(struct sts_ask *ask)
{
	ask_free(ask);
}

struct sts_source sts_source(struct sts *sts)
{
	return (struct sts_source){ sts, ask_start, forget_ask };
}

/* ---- refresh ---- */

static bool is_due(const struct sts_policy *policy, struct sts_time time)
{
	int64_t age_ms = time.wall_ms - policy->fetched_ms;
	int64_t half_ms = (policy->expires_ms - policy->fetched_ms) / 2;
	int64_t after_ms = half_ms < STS_REFRESH_MS ? half_ms : STS_REFRESH_MS;

	if (after_ms < STS_REFRESH_LEAST_MS)
		after_ms = STS_REFRESH_LEAST_MS;
	/* A negative age is that of a clock that was set back. */
	return policy->used && time.now >= policy->refresh_at &&
	       (age_ms >= after_ms || age_ms < 0);
}

/* Begin to fetch it again if it is time. */
static bool refresh(struct sts *sts, struct sts_entry *entry,
		    struct sts_time time)
{
	struct work *work;

	if (!entry->policy || !is_due(entry->policy, time) ||
	    time.now < entry->failure.retry_at)
		return false;
	HASH_FIND(hh, sts->works, entry->domain.octets, entry->domain.len, work);
	return !work && work_new(sts, &entry->domain, true);
}

static void look(struct sts *sts)
{
	struct sts_time time = sts_time_now();
	size_t most = sts_store_policies(sts->store) +
		      sts_store_failures(sts->store);

	if (most > STS_LOOK_ENTRIES)
		most = STS_LOOK_ENTRIES;
	for (size_t i = 0; i < most; i++) {
		struct sts_entry *entry = sts_store_next(sts->store);
		struct mx_name domain = entry->domain;

		/* What has run out goes. */
		entry = sts_store_find(sts->store, &domain, time);
		if (entry && sts->refreshing < STS_REFRESHES_MAX &&
		    fetches_room(sts->fetches) && refresh(sts, entry, time))
			break;
	}
	sts_keep_changed(sts->keep);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct sts *sts = arg;

	(void)fd;
	(void)what;
	if (!sts->stopped)
		look(sts);
}

/* ---- begin and end ---- */

void sts_connect(void *arg, int fd)
{
	struct sts *sts = arg;

	fetches_connect(sts->fetches, fd);
	take_turns(sts);
}

void sts_stop(void *arg)
{
	struct sts *sts = arg;

	sts->stopped = true;
	sts_keep_cease(sts->keep);
}

/* What is asked is counted by who asks. */
size_t sts_open(const void *arg)
{
	(void)arg;
	return 0;
}

struct sts *sts_new(struct event_base *base, struct mx_lookups *lookups,
		    const struct mx_config *config,
		    struct mx_counters *counters)
{
	const char *file = mx_config_sts_file(config);
	const struct timeval interval = { .tv_sec = STS_LOOK_MS / 1000 };
	struct sts *sts = calloc(1, sizeof(*sts));

	if (!sts)
		return NULL;
	sts->base = base;
	sts->lookups = lookups;
	sts->counters = counters;
	sts->log_began = mx_clock_now();
	TAILQ_INIT(&sts->rooms);
	TAILQ_INIT(&sts->ready);
	sts->fetches = fetches_new(base);
	sts->store = sts_store_new();
	sts->look = event_new(base, -1, EV_PERSIST, on_look, sts);
	sts->room_timer = evtimer_new(base, on_room_timer, sts);
	if (!sts->fetches || !sts->store || !sts->look || !sts->room_timer ||
	    event_add(sts->look, &interval) != 0)
		goto fail;
	fetches_set_timeout(sts->fetches, config->mta_sts_timeout * 1000);
	if (file && !(sts->keep = sts_keep_new(base, file, sts->store)))
		goto fail;
	return sts;
fail:
	sts_free(sts);
	return NULL;
}

void sts_finish(struct sts *sts, void (*beat)(void))
{
	if (sts)
		sts_keep_finish(sts->keep, beat);
}

static void work_drop(struct work *work)
{
	struct sts_ask *ask;

	while ((ask = TAILQ_FIRST(&work->asks)))
		ask_free(ask);
	work_free(work);
}

void sts_free(struct sts *sts)
{
	struct sts_ask *ask;

	if (!sts)
		return;
	while (sts->works)
		work_drop(sts->works);
	while ((ask = TAILQ_FIRST(&sts->ready)))
		ask_free(ask);
	sts_keep_free(sts->keep);
	if (sts->look)
		event_free(sts->look);
	if (sts->room_timer)
		event_free(sts->room_timer);
	fetches_free(sts->fetches);
	sts_store_free(sts->store);
	free(sts);
}
