/* results.c - see results.h. */
#include "results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_FIRST 4096u

static void clear_histograms(struct results_server *s)
{
	histogram_clear(&s->all);
	histogram_clear(&s->from_sending);
	histogram_clear(&s->lag);
	histogram_clear(&s->chain);
	for (unsigned i = 0; i < SEEN_CLASS_COUNT; i++) {
		histogram_clear(&s->by_class[i]);
		histogram_clear(&s->route[i]);
	}
	for (unsigned i = 0; i < RESULTS_KINDS_MAX; i++)
		histogram_clear(&s->by_kind[i]);
	for (unsigned i = 0; i < RESULTS_ENDS; i++)
		histogram_clear(&s->by_end[i]);
}

bool results_init(struct results *r, unsigned servers)
{
	*r = (struct results){ .servers = servers };
	r->at = calloc(servers, sizeof *r->at);
	if (r->at == NULL)
		return false;
	for (unsigned i = 0; i < servers; i++)
		clear_histograms(&r->at[i]);
	return true;
}

void results_clear(struct results *r)
{
	for (unsigned i = 0; r->at != NULL && i < r->servers; i++)
		free(r->at[i].samples);
	free(r->at);
	*r = (struct results){ 0 };
}

/* ---- rows ---- */

unsigned results_kind(struct results *r, uint16_t qtype,
		      enum chain_purpose purpose)
{
	unsigned i;

	for (i = 0; i < r->kind_count && i < RESULTS_KINDS_MAX - 1; i++)
		if (r->kinds[i].qtype == qtype && r->kinds[i].purpose == purpose)
			return i;
	if (i == r->kind_count) {
		r->kinds[i] = (struct results_kind){ qtype, purpose };
		r->kind_count++;
	}
	return i;
}

const char *results_kind_text(const struct results *r, unsigned kind,
			      char ret[RESULTS_KIND_TEXT_MAX])
{
	const struct results_kind *k = &r->kinds[kind];
	const char *purpose = chain_purpose_text(k->purpose);
	char type[16];

	if (kind == RESULTS_KINDS_MAX - 1)
		return "others";
	snprintf(ret, RESULTS_KIND_TEXT_MAX, "%s%s%s", purpose,
		 *purpose != '\0' ? " " : "", mx_type_text(k->qtype, type));
	return ret;
}

const char *results_end_text(unsigned end)
{
	return end == RESULTS_LOST ? "no answer" : rcode_text(end);
}

/* ---- counting ---- */

static void keep_sample(struct results *r, struct results_server *s,
			int64_t latency_ns, unsigned place, unsigned group)
{
	uint64_t ns = latency_ns > 0 ? (uint64_t)latency_ns : 0;

	if (s->sample_count == s->sample_room) {
		size_t room = s->sample_room > 0 ? 2 * s->sample_room
						 : SAMPLES_FIRST;
		struct results_sample *more = NULL;

		if (room <= RESULTS_SAMPLES_MAX)
			more = realloc(s->samples, room * sizeof *more);
		if (more == NULL) {
			r->samples_full = true;
			return;
		}
		s->samples = more;
		s->sample_room = room;
	}
	s->samples[s->sample_count++] = (struct results_sample){
		(uint16_t)histogram_slot(ns), (uint16_t)place, (uint8_t)group
	};
}

static bool same_question(const struct results_worst *w,
			  const struct results_question *q)
{
	return w->kind == q->kind &&
	       memcmp(w->qname.octets, q->question, w->qname.len) == 0;
}

/* Into its place among the slowest, if it has one. */
static void keep_worst(struct results_server *s,
		       const struct results_question *q)
{
	struct results_worst new = { q->latency_ns, q->kind, q->end, q->class,
				     { 0 } };
	unsigned at = 0, last;
	struct mx_in in;

	while (at < s->worst_count && s->worst[at].latency_ns >= q->latency_ns) {
		if (same_question(&s->worst[at], q))
			return;
		at++;
	}
	if (at == RESULTS_WORST_MAX)
		return;
	for (last = at; last < s->worst_count; last++)
		if (same_question(&s->worst[last], q))
			break;
	if (last == s->worst_count) {
		if (s->worst_count < RESULTS_WORST_MAX)
			s->worst_count++;
		last = s->worst_count - 1;
	}
	memmove(&s->worst[at + 1], &s->worst[at],
		(last - at) * sizeof s->worst[0]);
	mx_in_init(&in, q->question, MX_NAME_MAX);
	mx_in_name_plain(&in, &new.qname);
	s->worst[at] = new;
}

void results_question(struct results *r, const struct results_question *q)
{
	struct results_server *s = &r->at[q->server];

	s->counts.answered += q->end != RESULTS_LOST;
	s->counts.lost += q->end == RESULTS_LOST;
	s->counts.secure += q->secure;
	s->counts.malformed += q->malformed;
	histogram_add(&s->all, q->latency_ns);
	histogram_add(&s->from_sending, q->from_sending_ns);
	histogram_add(&s->by_class[q->class], q->latency_ns);
	histogram_add(&s->by_kind[q->kind], q->latency_ns);
	histogram_add(&s->by_end[q->end], q->latency_ns);
	keep_sample(r, s, q->latency_ns, q->place, q->class);
	keep_worst(s, q);
}

void results_route(struct results *r, unsigned server, enum seen_class class,
		   unsigned place, enum chain_outcome outcome,
		   int64_t latency_ns, int64_t timeout_ns)
{
	struct results_server *s = &r->at[server];

	if (outcome == CHAIN_FAILED && latency_ns < timeout_ns)
		latency_ns = timeout_ns;
	s->outcomes[outcome]++;
	histogram_add(&s->route[class], latency_ns);
	keep_sample(r, s, latency_ns, place, RESULTS_ROUTE + class);
}
