/* engine.c - see engine.h. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define IDS 65536u
#define NOBODY 0u		/* in a table of IDs: not in use */
#define GONE UINT32_MAX		/* its question was lost; an answer is late */
#define ID_TRIES 64u
#define NO_CHAIN UINT32_MAX
/* Random bits of nrand48() above the lowest, which are not as good. */
#define ID_SHIFT 11

/* A question that waits: for its turn to be sent, then for an answer. */
struct open {
	TAILQ_ENTRY(open) by_deadline, by_turn;
	bool used, to_send, sent, again; /* again: on its second connection */
	uint8_t server, lane, kind, class;
	uint16_t place, id, len, question_len;
	uint32_t chain, question; /* NO_CHAIN: of a list */
	struct seen_question *seen;
	int64_t due_ns, sent_ns, deadline_ns;
	uint8_t octets[QUERY_MAX];
};
TAILQ_HEAD(opens, open);

struct running {
	bool used, dropped, route_told;
	uint8_t server;
	uint16_t place;
	enum seen_class class; /* of its MX */
	unsigned waiting; /* of its questions are open */
	int64_t due_ns;
	struct chain chain;
};

struct lane {
	uint32_t ids[IDS]; /* index of its open question, plus 1 */
};

struct engine {
	struct engine_options options;
	struct results *results;
	struct engine_generator generator;
	struct seen *seen;
	struct schedule schedule; /* of the units of all servers */
	uint64_t next;
	struct open *open;	 /* open_max */
	struct running *running; /* chains_max */
	uint32_t *free_open, *free_running; /* stacks */
	unsigned free_open_count, free_running_count;
	struct opens by_deadline, by_turn;
	struct lane *lanes[SERVERS_MAX]; /* sockets + 1 each */
	unsigned next_lane[SERVERS_MAX];
	unsigned short random[3];
	struct mx_ingest_room *ingest;
	struct mx_mail_room room;
};

/* ---- set up ---- */

static bool set_up(struct engine *e)
{
	e->seen = seen_new();
	e->open = calloc(e->options.open_max, sizeof *e->open);
	e->running = calloc(e->options.chains_max, sizeof *e->running);
	e->free_open = calloc(e->options.open_max, sizeof *e->free_open);
	e->free_running = calloc(e->options.chains_max,
				 sizeof *e->free_running);
	e->ingest = mx_ingest_room_new();
	if (!e->seen || !e->open || !e->running || !e->free_open ||
	    !e->free_running || !e->ingest)
		return false;
	for (unsigned s = 0; s < e->options.servers; s++) {
		e->lanes[s] = calloc(e->options.sockets + 1,
				     sizeof *e->lanes[s]);
		if (e->lanes[s] == NULL)
			return false;
	}
	while (e->free_open_count < e->options.open_max) {
		e->free_open[e->free_open_count] =
			e->options.open_max - 1 - e->free_open_count;
		e->free_open_count++;
	}
	while (e->free_running_count < e->options.chains_max) {
		e->free_running[e->free_running_count] =
			e->options.chains_max - 1 - e->free_running_count;
		e->free_running_count++;
	}
	return true;
}

struct engine *engine_new(const struct engine_options *options,
			  struct results *results)
{
	struct engine *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->options = *options;
	if (e->options.open_max == 0)
		e->options.open_max = ENGINE_OPEN_MAX;
	if (e->options.chains_max == 0)
		e->options.chains_max = ENGINE_CHAINS_MAX;
	e->results = results;
	e->schedule = (struct schedule){
		.start_ns = options->start_ns,
		.rate = options->rate * options->servers,
		.total = options->units * options->servers,
	};
	e->random[0] = (unsigned short)options->seed;
	e->random[1] = (unsigned short)(options->seed >> 16);
	TAILQ_INIT(&e->by_deadline);
	TAILQ_INIT(&e->by_turn);
	if (set_up(e))
		return e;
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	seen_free(e->seen);
	free(e->open);
	free(e->running);
	free(e->free_open);
	free(e->free_running);
	mx_ingest_room_free(e->ingest);
	for (unsigned s = 0; s < SERVERS_MAX; s++)
		free(e->lanes[s]);
	free(e);
}

/* ---- IDs ---- */

static bool lane_is_tcp(const struct engine *e, unsigned server, unsigned lane)
{
	return e->options.tcp[server] || lane == e->options.sockets;
}

/* An ID that nobody waits with. They are random, so that what is sent to us
 * unasked rarely meets one. */
static bool take_id(struct engine *e, uint32_t *ids, uint16_t *ret)
{
	for (unsigned i = 0; i < ID_TRIES; i++) {
		uint16_t id = (uint16_t)(nrand48(e->random) >> ID_SHIFT);

		if (ids[id] == NOBODY || ids[id] == GONE) {
			*ret = id;
			return true;
		}
	}
	return false;
}

static uint32_t *id_of(struct engine *e, const struct open *o)
{
	return &e->lanes[o->server][o->lane].ids[o->id];
}

/* Into the queue of what is to go out, on that lane. */
static bool put_on_lane(struct engine *e, struct open *o, unsigned lane)
{
	if (!take_id(e, e->lanes[o->server][lane].ids, &o->id))
		return false;
	o->lane = (uint8_t)lane;
	*id_of(e, o) = (uint32_t)(o - e->open) + 1;
	mx_put_u16(o->octets, o->id);
	o->to_send = true;
	TAILQ_INSERT_TAIL(&e->by_turn, o, by_turn);
	return true;
}

/* ---- questions ---- */

static void close_open(struct engine *e, struct open *o, uint32_t id_becomes)
{
	*id_of(e, o) = id_becomes;
	if (o->to_send)
		TAILQ_REMOVE(&e->by_turn, o, by_turn);
	if (o->sent)
		TAILQ_REMOVE(&e->by_deadline, o, by_deadline);
	o->used = false;
	e->free_open[e->free_open_count++] = (uint32_t)(o - e->open);
}

static struct open *new_open(struct engine *e, unsigned server, unsigned place,
			     int64_t due_ns)
{
	struct open *o;

	if (e->free_open_count == 0)
		return NULL;
	o = &e->open[e->free_open[--e->free_open_count]];
	memset(o, 0, offsetof(struct open, octets));
	o->used = true;
	o->server = (uint8_t)server;
	o->place = (uint16_t)place;
	o->due_ns = due_ns;
	o->chain = NO_CHAIN;
	return o;
}

/* Its octets are there: give it an ID and its turn. */
static bool begin_open(struct engine *e, struct open *o)
{
	unsigned lane = e->next_lane[o->server]++ % e->options.sockets;

	if (put_on_lane(e, o, lane))
		return true;
	o->used = false;
	e->free_open[e->free_open_count++] = (uint32_t)(o - e->open);
	return false;
}

static bool ask_listed(struct engine *e, unsigned server, unsigned place,
		       uint64_t unit, int64_t due_ns)
{
	const struct queries *q = e->options.queries;
	size_t which = unit % q->count;
	struct open *o = new_open(e, server, place, due_ns);
	const uint8_t *type;

	if (o == NULL)
		return false;
	o->len = q->list[which].len;
	o->question_len = q->list[which].question_len;
	memcpy(o->octets, queries_octets(q, which), o->len);
	type = o->octets + MX_HEADER_LEN + o->question_len - 4;
	o->kind = (uint8_t)results_kind(e->results, mx_get_u16(type),
					CHAIN_PLAIN);
	return begin_open(e, o);
}

static bool ask_of_chain(struct engine *e, struct running *r, unsigned question,
			 int64_t due_ns)
{
	const struct chain_question *asked = &r->chain.at[question];
	struct open *o = new_open(e, r->server, r->place, due_ns);
	struct query q;

	if (o == NULL)
		return false;
	q = query_put(o->octets, &asked->qname, asked->qtype, &e->options.query);
	o->len = q.len;
	o->question_len = q.question_len;
	o->kind = (uint8_t)results_kind(e->results, asked->qtype,
					asked->purpose);
	o->chain = (uint32_t)(r - e->running);
	o->question = question;
	return begin_open(e, o);
}

/* ---- chains ---- */

static void free_chain(struct engine *e, struct running *r)
{
	r->used = false;
	e->free_running[e->free_running_count++] = (uint32_t)(r - e->running);
}

/* All that it can ask now. One question that cannot be asked spoils it: then
 * it waits for those that were, and says nothing. */
static void ask_next(struct engine *e, struct running *r, int64_t due_ns)
{
	unsigned question;

	while (!r->dropped && chain_next(&r->chain, &question)) {
		if (ask_of_chain(e, r, question, due_ns)) {
			r->waiting++;
			continue;
		}
		e->generator.not_asked++;
		e->generator.dropped++;
		r->dropped = true;
	}
	if (r->waiting == 0)
		free_chain(e, r);
}

static bool begin_chain(struct engine *e, unsigned server, unsigned place,
			uint64_t unit, int64_t due_ns)
{
	const struct mx_name *domain =
		&e->options.domains[unit % e->options.domain_count];
	struct running *r;

	if (e->free_running_count == 0)
		return false;
	r = &e->running[e->free_running[--e->free_running_count]];
	memset(r, 0, offsetof(struct running, chain));
	r->used = true;
	r->server = (uint8_t)server;
	r->place = (uint16_t)place;
	r->due_ns = due_ns;
	chain_begin(&r->chain, domain, &e->options.chain);
	ask_next(e, r, due_ns);
	return true;
}

static void chain_heard(struct engine *e, const struct open *o,
			const struct mx_answer *answer, bool secure,
			int64_t at_ns)
{
	struct running *r = &e->running[o->chain];

	r->waiting--;
	if (o->question == 0)
		r->class = o->class;
	if (!r->dropped)
		chain_answer(&r->chain, o->question, answer, secure, &e->room);
	if (!r->dropped && !r->route_told && chain_route_known(&r->chain)) {
		r->route_told = true;
		results_route(e->results, r->server, r->class, r->place,
			      chain_outcome(&r->chain), at_ns - r->due_ns,
			      e->options.timeout_ns);
	}
	if (!r->dropped && chain_done(&r->chain))
		histogram_add(&e->results->at[r->server].chain,
			      at_ns - r->due_ns);
	ask_next(e, r, at_ns);
}

/* ---- sending ---- */

/* Begin all units that are due: their questions queue up behind those that
 * wait already. Bounded by what may be open. */
static void begin_due(struct engine *e, int64_t now_ns)
{
	uint64_t due = schedule_count(&e->schedule, now_ns);

	for (; e->next < due; e->next++) {
		unsigned servers = e->options.servers;
		uint64_t unit = e->next / servers;
		unsigned server = (unsigned)((e->next + unit) % servers);
		unsigned place = (unsigned)(unit * RESULTS_PLACES /
					    e->options.units);
		int64_t due_ns = schedule_due(&e->schedule, e->next);
		bool asked = e->options.queries != NULL
				     ? ask_listed(e, server, place, unit, due_ns)
				     : begin_chain(e, server, place, unit, due_ns);

		if (!asked)
			e->generator.not_asked++;
	}
}

static void first_sent(struct engine *e, struct open *o, int64_t now_ns)
{
	struct results_server *s = &e->results->at[o->server];
	int64_t lag_ns = now_ns - o->due_ns;

	o->sent = true;
	o->sent_ns = now_ns;
	o->deadline_ns = now_ns + e->options.timeout_ns;
	TAILQ_INSERT_TAIL(&e->by_deadline, o, by_deadline);
	o->class = (uint8_t)seen_ask(e->seen, o->server,
				     o->octets + MX_HEADER_LEN, o->question_len,
				     now_ns, &o->seen);
	s->counts.sent++;
	histogram_add(&s->lag, lag_ns);
	if (lag_ns > ENGINE_LATE_NS &&
	    (double)lag_ns > histogram_mean(&s->by_class[o->class]) / 10)
		s->counts.sent_late++;
}

bool engine_take(struct engine *e, int64_t now_ns, struct engine_out *ret)
{
	struct open *o;

	begin_due(e, now_ns);
	o = TAILQ_FIRST(&e->by_turn);
	if (o == NULL)
		return false;
	TAILQ_REMOVE(&e->by_turn, o, by_turn);
	o->to_send = false;
	if (!o->sent)
		first_sent(e, o, now_ns);
	*ret = (struct engine_out){
		.server = o->server, .lane = o->lane,
		.tcp = lane_is_tcp(e, o->server, o->lane),
		.octets = o->octets, .len = o->len,
		.ticket = (uint32_t)(o - e->open),
	};
	return true;
}

void engine_unsent(struct engine *e, const struct engine_out *out)
{
	e->results->at[out->server].counts.unsent++;
}

/* ---- answers ---- */

/* The end of a question, counted. answer is NULL if it is of no use. */
static void end_open(struct engine *e, struct open *o, unsigned end,
		     const struct mx_answer *answer, bool secure,
		     bool malformed, int64_t at_ns)
{
	int64_t timeout_ns = e->options.timeout_ns;
	bool lost = end == RESULTS_LOST;

	results_question(e->results, &(struct results_question){
		.server = o->server, .class = o->class, .kind = o->kind,
		.place = o->place, .end = end, .secure = secure,
		.malformed = malformed,
		.latency_ns = lost ? timeout_ns : at_ns - o->due_ns,
		.from_sending_ns = lost ? timeout_ns : at_ns - o->sent_ns,
		.question = o->octets + MX_HEADER_LEN });
	if (answer != NULL)
		seen_answered(o->seen, o->server, answer->ttl_s, at_ns);
	else
		seen_failed(o->seen, o->server);
	close_open(e, o, lost ? GONE : NOBODY);
	if (o->chain != NO_CHAIN)
		chain_heard(e, o, answer, secure, at_ns);
}

/* What can be made of it; NULL for a failure. */
static const struct mx_answer *read_answer(struct engine *e,
					   const struct open *o,
					   const uint8_t *packet, size_t len,
					   struct mx_answer *answer,
					   bool *ret_malformed)
{
	static const struct mx_ingest_limits limits = { INT32_MAX, INT32_MAX, 1 };
	uint8_t qname[MX_NAME_MAX];
	uint8_t qname_len = (uint8_t)(o->question_len - 4);
	const uint8_t *type = o->octets + MX_HEADER_LEN + qname_len;
	enum mx_error err;

	mx_name_lower_to(o->octets + MX_HEADER_LEN, qname_len, qname);
	err = mx_ingest(packet, len,
			&(struct mx_key){ qname, qname_len, mx_get_u16(type),
					  mx_get_u16(type + 2) },
			MX_INSECURE, &limits, e->ingest, answer);
	*ret_malformed = err == MX_E_MALFORMED;
	return err == MX_OK ? answer : NULL;
}

/* Over TCP, if there is a place for it; else it will be lost. */
static bool ask_over_tcp(struct engine *e, struct open *o)
{
	uint32_t *id_before = id_of(e, o);

	if (!put_on_lane(e, o, e->options.sockets))
		return false;
	*id_before = NOBODY;
	return true;
}

static void heard(struct engine *e, struct open *o, const uint8_t *packet,
		  size_t len, int64_t at_ns)
{
	const struct mx_answer *use;
	struct mx_answer answer;
	bool malformed, secure = (packet[3] & 0x20) != 0;

	if ((packet[2] & 2) != 0 && !lane_is_tcp(e, o->server, o->lane)) {
		e->results->at[o->server].counts.truncated++;
		if (!ask_over_tcp(e, o))
			engine_unsent(e, &(struct engine_out){
						.server = o->server });
		return;
	}
	use = read_answer(e, o, packet, len, &answer, &malformed);
	end_open(e, o, packet[3] & 15, use, secure, malformed, at_ns);
}

void engine_reply(struct engine *e, unsigned server, unsigned lane,
		  const uint8_t *packet, size_t len, int64_t at_ns)
{
	struct results_counts *counts = &e->results->at[server].counts;
	uint32_t ticket;
	struct open *o;

	if (len < MX_HEADER_LEN) {
		counts->strange++;
		return;
	}
	ticket = e->lanes[server][lane].ids[mx_get_u16(packet)];
	if (ticket == GONE) {
		counts->late++;
		e->lanes[server][lane].ids[mx_get_u16(packet)] = NOBODY;
		return;
	}
	o = ticket == NOBODY ? NULL : &e->open[ticket - 1];
	if (o == NULL || o->to_send ||
	    !query_match(o->octets, o->question_len, packet, len)) {
		counts->strange++;
		return;
	}
	heard(e, o, packet, len, at_ns);
}

void engine_lane_closed(struct engine *e, unsigned server, unsigned lane,
			int64_t now_ns)
{
	uint32_t *ids = e->lanes[server][lane].ids;
	bool any = false;

	for (unsigned id = 0; id < IDS; id++) {
		struct open *o;

		if (ids[id] == NOBODY || ids[id] == GONE) {
			ids[id] = NOBODY;
			continue;
		}
		o = &e->open[ids[id] - 1];
		any = true;
		if (o->to_send)
			continue;
		if (o->again) {
			end_open(e, o, RESULTS_LOST, NULL, false, false, now_ns);
			continue;
		}
		o->again = true;
		o->to_send = true;
		TAILQ_INSERT_TAIL(&e->by_turn, o, by_turn);
	}
	e->results->at[server].counts.broken += any;
}

void engine_expire(struct engine *e, int64_t now_ns)
{
	struct open *o;

	while ((o = TAILQ_FIRST(&e->by_deadline)) != NULL &&
	       o->deadline_ns <= now_ns)
		end_open(e, o, RESULTS_LOST, NULL, false, false,
			 o->deadline_ns);
}

/* ---- the run ---- */

int64_t engine_wake(const struct engine *e)
{
	const struct open *o = TAILQ_FIRST(&e->by_deadline);
	int64_t wake = o != NULL ? o->deadline_ns : INT64_MAX;

	if (!TAILQ_EMPTY(&e->by_turn))
		return INT64_MIN;
	if (e->next < e->schedule.total &&
	    schedule_due(&e->schedule, e->next) < wake)
		wake = schedule_due(&e->schedule, e->next);
	return wake;
}

void engine_stop(struct engine *e)
{
	e->schedule.total = e->next;
	for (unsigned i = 0; i < e->options.open_max; i++)
		if (e->open[i].used) {
			e->results->at[e->open[i].server].counts.left +=
				e->open[i].sent;
			close_open(e, &e->open[i], NOBODY);
		}
}

bool engine_done(const struct engine *e)
{
	return e->next == e->schedule.total &&
	       e->free_open_count == e->options.open_max;
}

uint64_t engine_units_begun(const struct engine *e)
{
	return e->next;
}

const struct engine_generator *engine_generator(const struct engine *e)
{
	return &e->generator;
}
