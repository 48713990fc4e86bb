/* sts_world.h - the MTA-STS engine with its resolver, its fetcher and its clock
 * in a test's hand. The lookups are the front's own; fetches.c is replaced. */
#ifndef STS_WORLD_H
#define STS_WORLD_H

#include "front_world.h"
#include "front_zone.h"

#include "../../src/policy/fetches.h"
#include "../../src/policy/sts.h"

/* ---- the fetcher ---- */

struct fetch {
	char domain[MX_NAME_TEXT_MAX];
	struct sockaddr_storage addresses[MX_FETCH_ADDRESSES_MAX];
	unsigned count;
	fetch_done *done;
	void *arg;
	bool live;
};

static struct fetch sts_fetches[2000];
static unsigned sts_fetch_count, sts_fetch_live, sts_fetch_max = FETCHES_MAX;
static bool sts_no_fetcher;

struct fetches {
	int unused;
};

struct fetches *fetches_new(struct event_base *base)
{
	static struct fetches one;

	(void)base;
	return &one;
}

void fetches_free(struct fetches *fetches)
{
	(void)fetches;
	assert_int_equal(sts_fetch_live, 0);
}

void fetches_connect(struct fetches *fetches, int fd)
{
	(void)fetches;
	close(fd);
}

void fetches_set_timeout(struct fetches *fetches, uint64_t timeout_ms)
{
	(void)fetches;
	(void)timeout_ms;
}

bool fetches_room(const struct fetches *fetches)
{
	(void)fetches;
	return sts_fetch_live < sts_fetch_max;
}

struct fetch *fetch_start(struct fetches *fetches, const struct mx_name *domain,
			  const struct sockaddr_storage *addresses,
			  unsigned count, fetch_done *done, void *arg)
{
	struct fetch *f = &sts_fetches[sts_fetch_count];

	if (sts_no_fetcher || !fetches_room(fetches))
		return NULL;
	assert_in_range(count, 1, MX_FETCH_ADDRESSES_MAX);
	mx_name_to_text(domain->octets, f->domain);
	memcpy(f->addresses, addresses, count * sizeof *addresses);
	f->count = count;
	f->done = done;
	f->arg = arg;
	f->live = true;
	sts_fetch_count++;
	sts_fetch_live++;
	return f;
}

void fetch_cancel(struct fetch *fetch)
{
	assert_true(fetch->live);
	fetch->live = false;
	sts_fetch_live--;
}

/* The fetch that was started as number i ends. */
static inline void fetch_ends(unsigned i, enum mx_fetch_result result,
			      const char *text)
{
	static const char detail[] = "what was seen";
	struct fetch *f = &sts_fetches[i];
	const struct mx_fetch_answer answer = {
		.result = result, .detail = detail,
		.detail_len = sizeof detail - 1, .text = text,
		.text_len = text ? (uint32_t)strlen(text) : 0,
	};

	assert_true(i < sts_fetch_count && f->live);
	f->live = false;
	sts_fetch_live--;
	f->done(f->arg, &answer);
}

#define POLICY_OF(mode, age) "version: STSv1\r\nmode: " mode "\r\n" \
	"mx: mx.a.example\r\nmax_age: " age "\r\n"
#define ENFORCE POLICY_OF("enforce", "864000")

/* ---- the resolver ---- */

enum say { SAY_RR, SAY_NXDOMAIN, SAY_FAILED, SAY_BOGUS, SAY_NOTHING };
struct said {
	char name[64];
	uint16_t qtype;
	enum say say;
	const char *rrs[4];
};
static struct said sts_zone[32];
static unsigned sts_zone_count, sts_asked;

static inline struct said *dns_say(const char *name, uint16_t qtype,
				    enum say say, const char *rr)
{
	struct said *s = NULL;

	for (unsigned i = 0; i < sts_zone_count; i++)
		if (strcmp(sts_zone[i].name, name) == 0 &&
		    sts_zone[i].qtype == qtype)
			s = &sts_zone[i];
	if (!s) {
		assert_true(sts_zone_count < 32);
		s = &sts_zone[sts_zone_count++];
	}
	memset(s, 0, sizeof *s);
	snprintf(s->name, sizeof s->name, "%s", name);
	s->qtype = qtype;
	s->say = say;
	s->rrs[0] = rr;
	return s;
}

/* The record of a.example; with its TTL of 10 s a change is seen soon. */
#define RECORD(id) "_mta-sts.a.example. 10 TXT \"v=STSv1;id=" id ";\""
static inline void record_is(const char *rr)
{
	dns_say("_mta-sts.a.example.", MX_TYPE_TXT, SAY_RR, rr);
}

static inline const struct said *dns_find(const char *name, uint16_t qtype)
{
	for (unsigned i = 0; i < sts_zone_count; i++)
		if (strcmp(sts_zone[i].name, name) == 0 &&
		    sts_zone[i].qtype == qtype)
			return &sts_zone[i];
	return NULL;
}

static inline void dns_answer(struct world *w,
			       const struct mx_channel_question *q)
{
	uint8_t packet[2048];
	char name[MX_NAME_TEXT_MAX];
	struct mx_channel_answer a = { .id = q->id, .state = MX_INSECURE,
				       .why = "", .packet = (const uint8_t *)"" };
	struct mx_out out;
	unsigned count = 0;

	mx_name_to_text(q->key.qname, name);
	const struct said *s = dns_find(name, q->key.qtype);
	enum say say = s ? s->say : SAY_NXDOMAIN;

	sts_asked++;
	if (say == SAY_NOTHING)
		return;
	if (say == SAY_FAILED) {
		a.status = MX_CHANNEL_FAILED;
		world_answer(w, 0, &a);
		return;
	}
	if (say == SAY_BOGUS)
		a.state = MX_BOGUS;
	while (s && count < 4 && s->rrs[count])
		count++;
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u16(&out, 0);
	mx_out_u16(&out, say == SAY_NXDOMAIN ? 0x8183 : 0x8180);
	mx_out_u16(&out, 1);
	mx_out_u16(&out, (uint16_t)count);
	mx_out_u32(&out, 0);
	zone_put_name(&out, name);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	for (unsigned i = 0; i < count; i++) {
		char rr[512]; /* it is taken apart */

		snprintf(rr, sizeof rr, "%s", s->rrs[i]);
		assert_true(zone_put_rr(&out, rr));
	}
	a.packet = packet;
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

/* Answer all that is asked, and what is asked then. */
static inline void dns_answers(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	bool any = true;

	world_turn(w);
	while (any) {
		any = false;
		while (world_question(w, 0, &q, buf)) {
			dns_answer(w, &q);
			any = true;
		}
		world_turn(w);
	}
}

/* ---- who asks ---- */

struct call {
	struct sts_ask *ask;
	unsigned heard;
	struct mx_sts_answer answer; /* pointers are not kept */
	bool has_policy;
	enum mx_route_sts_mode mode;
	char mx[MX_ROUTE_NAME_TEXT_MAX], detail[MX_FETCH_DETAIL_MAX + 1];
	/* What the callback does. */
	struct call *cancels, *starts;
	struct sts_source *source;
};

struct sts_world {
	struct world w;
	struct sts *sts;
	struct sts_source source;
};

static inline void call_start(struct sts_source *source, struct call *call,
			      const char *domain, mx_instant patience);

static inline void on_sts(void *arg, const struct mx_sts_answer *answer)
{
	struct call *call = arg;

	call->heard++;
	call->ask = NULL;
	call->answer = *answer;
	call->has_policy = answer->policy != NULL;
	assert_int_equal(answer->source != MX_STS_FROM_NONE, call->has_policy);
	if (answer->policy) {
		call->mode = answer->policy->mode;
		if (answer->policy->mx_count > 0)
			mx_route_name_text(&answer->policy->mx[0].name, call->mx);
	}
	snprintf(call->detail, sizeof call->detail, "%s",
		 answer->failure_detail);
	if (call->cancels && call->cancels->ask) {
		call->source->cancel(call->cancels->ask);
		call->cancels->ask = NULL;
	}
	if (call->starts)
		call_start(call->source, call->starts, "a.example", 90000);
}

static inline void call_start(struct sts_source *source, struct call *call,
			      const char *domain, mx_instant patience)
{
	struct mx_name name;

	assert_int_equal(mx_name_from_text(domain, &name), MX_OK);
	call->heard = 0;
	call->source = source;
	call->ask = source->ask(source->arg, &name, patience, on_sts, call);
	assert_non_null(call->ask);
	assert_int_equal(call->heard, 0);
}

static inline void sts_world_restart(struct sts_world *s, const char *file)
{
	free(s->w.config.mta_sts_file);
	s->w.config.mta_sts_file = strdup(file ? file : "none");
	s->sts = sts_new(s->w.worker->base, s->w.worker->lookups, &s->w.config,
			 &s->w.worker->counters);
	assert_non_null(s->sts);
	s->source = sts_source(s->sts);
}

static inline void sts_world_begin(struct sts_world *s, const char *file)
{
	char *set = (char[]){ "serve-stale=no" };

	world_begin(&s->w, &set, 1);
	world_resolver_comes(&s->w, 0);
	memset(sts_fetches, 0, sizeof sts_fetches);
	sts_fetch_count = sts_fetch_live = sts_zone_count = sts_asked = 0;
	sts_fetch_max = FETCHES_MAX;
	sts_no_fetcher = false;
	dns_say("mta-sts.a.example.", MX_TYPE_A, SAY_RR,
		 "mta-sts.a.example. 10 A 198.18.0.9");
	record_is(RECORD("1"));
	sts_world_restart(s, file);
}

static inline void sts_world_end(struct sts_world *s)
{
	sts_free(s->sts);
	world_end(&s->w);
}

/* Ask, and let DNS answer. */
static inline void call_ask(struct sts_world *s, struct call *call)
{
	memset(call, 0, sizeof *call);
	call_start(&s->source, call, "a.example", 90000);
	dns_answers(&s->w);
}

/* The same, and what is fetched then, if anything is. */
static inline void call_fetch(struct sts_world *s, struct call *call,
			      enum mx_fetch_result result, const char *text)
{
	call_ask(s, call);
	assert_int_equal(sts_fetch_live, 1);
	fetch_ends(sts_fetch_count - 1, result, text);
	assert_int_equal(call->heard, 1);
}

#endif
