/* query.c - one query, from its octets to its reply.
 *
 *   ACL -> mx_query_read -> options -> answer rate -> cache, ANY, special
 *   names -> reply
 *                                 miss -> ask_wait -> lookup -> reply
 */
#include <string.h>

#include "front.h"

static uint32_t turn_of(const struct mx_query *q)
{
	return q->id; /* as good as random, and costs nothing */
}

static void count_truncated(struct worker *worker, const struct reply *reply)
{
	if (reply->truncated)
		mx_count(&worker->counters, truncated, 1);
}

static MX_COLD size_t reply_error(struct ask *ask, enum mx_rcode rcode, uint16_t ede,
			  const char *why, uint8_t *msg)
{
	struct reply reply = { .rcode = rcode,
			       .ede = { { ede, why }, { MX_EDE_NONE, "" } } };

	return reply_finish(&ask->q, &ask->options, &reply, msg, ask->limit);
}

/* The EDE for what a query was refused for; none for malformed ones, whose
 * RCODE says it. */
static uint16_t refusal_ede(enum mx_error err)
{
	switch (err) {
	case MX_E_ACL: return MX_EDE_PROHIBITED;
	case MX_E_NOT_RECURSIVE: return MX_EDE_NOT_AUTHORITATIVE;
	case MX_E_QCLASS:
	case MX_E_TRANSFER:
	case MX_E_OPCODE: return MX_EDE_NOT_SUPPORTED;
	default: return MX_EDE_NONE;
	}
}

/* AD says "validated" to those who asked to know: DO or AD in the query,
 * RFC 6840 sections 5.7 and 5.8. */
static bool may_say_secure(const struct mx_query *q, enum mx_validation state)
{
	return state == MX_SECURE && (q->dnssec_ok || q->ad);
}

/* ---- answers that need no lookup ---- */

/* RFC 8482 section 4.2: one synthesized HINFO, never cached under anything. */
static MX_COLD size_t reply_any(struct ask *ask, uint8_t *msg)
{
	static const uint8_t rr[] = {
		0xc0, 12,			   /* owner: the question */
		0, MX_TYPE_HINFO, 0, MX_CLASS_IN,
		0, 0, 0x0e, 0x10,		   /* TTL 3600 */
		0, 9, 7, 'R', 'F', 'C', '8', '4', '8', '2', 0,
	};
	struct reply reply = { .ancount = 1, .body_len = sizeof(rr),
			       .ede = { { MX_EDE_NONE, "" },
					{ MX_EDE_NONE, "" } } };

	if (sizeof(rr) <= reply_body_room(&ask->q, ask->limit))
		memcpy(reply_body(&ask->q, msg), rr, sizeof(rr));
	else
		reply.truncated = true;
	return reply_finish(&ask->q, &ask->options, &reply, msg, ask->limit);
}

static MX_COLD bool reply_local(struct worker *worker, struct ask *ask, uint8_t *msg,
			size_t *ret_len)
{
	struct local_room room;
	struct mx_answer answer;

	if (!local_answer(worker->local, &ask->key, &room, &answer))
		return false;

	struct reply reply = {
		.rcode = answer.rcode, .ancount = answer.plain.ancount,
		.nscount = answer.plain.nscount, .body_len = answer.plain.len,
		.ede = { { MX_EDE_NONE, "" }, { MX_EDE_NONE, "" } },
	};
	if (answer.plain.len <= reply_body_room(&ask->q, ask->limit))
		mx_form_write(&answer.plain, 0, 0, reply_body(&ask->q, msg));
	else
		reply.truncated = true;
	count_truncated(worker, &reply);
	*ret_len = reply_finish(&ask->q, &ask->options, &reply, msg, ask->limit);
	return true;
}

static MX_COLD enum ask_outcome reply_failure(struct worker *worker,
					      struct ask *ask,
					      const struct mx_found *found,
					      uint8_t *msg, size_t *ret_len)
{
	struct reply reply = {
		.rcode = MX_RCODE_SERVFAIL,
		.ede = { { MX_EDE_CACHED_ERROR, "" },
			 { found->ede, found->why } },
	};

	mx_count(&worker->counters, hits_failure, 1);
	mx_ede_count(&worker->edes, MX_EDE_CACHED_ERROR);
	mx_ede_count(&worker->edes, found->ede);
	*ret_len = reply_finish(&ask->q, &ask->options, &reply, msg,
				ask->limit);
	return ASK_FAILED;
}

/* In place of a cached failure: what ran out not long ago. */
static MX_COLD bool stale_for_failure(struct worker *worker, struct ask *ask,
				      mx_instant now, uint8_t *msg,
				      struct mx_found *found)
{
	const struct mx_query *q = &ask->q;

	if (mx_cache_get_stale(worker->cache, &ask->key, now,
			       mx_clock_wall_ms(), q->dnssec_ok,
			       reply_body(q, msg),
			       reply_body_room(q, ask->limit),
			       found) != MX_HIT)
		return false;
	found->ede = MX_EDE_STALE;
	mx_ede_count(&worker->edes, MX_EDE_STALE);
	mx_count(&worker->counters, hits_stale, 1);
	return true;
}

/* A bogus answer, to one who does not want such. */
static MX_COLD enum ask_outcome reply_bogus(struct worker *worker,
					    struct ask *ask,
					    const struct mx_found *found,
					    uint8_t *msg, size_t *ret_len)
{
	mx_count(&worker->counters, bogus, 1);
	mx_ede_count(&worker->edes, found->ede);
	*ret_len = reply_error(ask, MX_RCODE_SERVFAIL, found->ede, found->why,
			       msg);
	return ASK_FAILED;
}

/* The heart of the program: a live answer goes from the cache straight into
 * the reply. ASK_WAIT: there is none. */
static enum ask_outcome reply_cached(struct worker *worker, struct ask *ask,
				     mx_instant now, uint8_t *msg,
				     size_t *ret_len)
{
	struct mx_found found;
	const struct mx_query *q = &ask->q;

	if (mx_cache_get(worker->cache, &ask->key, now, q->dnssec_ok,
			 reply_body(q, msg), reply_body_room(q, ask->limit),
			 &found) != MX_HIT)
		return ASK_WAIT;

	if (found.kind == MX_ANSWER_FAILURE &&
	    !stale_for_failure(worker, ask, now, msg, &found))
		return reply_failure(worker, ask, &found, msg, ret_len);
	if (!found.stale)
		mx_count(&worker->counters, hits, 1);
	if (found.refresh)
		lookups_refresh(worker->lookups, &ask->key, &found, now);
	if (found.state == MX_BOGUS && !q->cd)
		return reply_bogus(worker, ask, &found, msg, ret_len);

	struct reply reply = {
		.rcode = found.rcode, .ad = may_say_secure(q, found.state),
		.ancount = found.ancount, .nscount = found.nscount,
		.arcount = found.arcount, .body_len = found.len,
		.truncated = !found.copied,
		.ede = { { found.ede, found.why }, { MX_EDE_NONE, "" } },
	};
	count_truncated(worker, &reply);
	*ret_len = reply_finish(q, &ask->options, &reply, msg, ask->limit);
	return found.stale ? ASK_STALE : ASK_HIT;
}

/* ---- a query arrives ---- */

/* Ports that answer whatever they get: a reply there makes a loop. */
static bool echo_port(const struct sockaddr *peer)
{
	uint16_t port = ntohs(
		peer->sa_family == AF_INET6
			? ((const struct sockaddr_in6 *)peer)->sin6_port
			: ((const struct sockaddr_in *)peer)->sin_port);

	return port <= 19 && (port == 0 || port == 7 || port == 19);
}

/* What a reply that says no more than TC is made of. */
static size_t reply_truncated(struct worker *worker, struct ask *ask,
			      uint8_t *msg)
{
	struct reply reply = { .truncated = true,
			       .ede = { { MX_EDE_NONE, "" },
					{ MX_EDE_NONE, "" } } };

	count_truncated(worker, &reply);
	return reply_finish(&ask->q, &ask->options, &reply, msg, ask->limit);
}

/* How far a query has come. */
struct progress {
	enum mx_acl_action action;
	enum mx_query_result result;
	enum mx_error err; /* of MX_QUERY_REFUSE */
};

static void refuse(struct progress *p, enum mx_error err)
{
	p->result = MX_QUERY_REFUSE;
	p->err = err;
}

/* It would be answered, or at least told a cookie. */
static bool accepted(const struct progress *p)
{
	return p->result == MX_QUERY_ANSWER || p->err == MX_E_COOKIE_ONLY;
}

static enum cookie_state serve_options(struct worker *worker, struct ask *ask,
				       const struct sockaddr *peer, bool tcp,
				       struct progress *p)
{
	enum cookie_state state =
		options_serve(worker, &ask->q, peer, tcp, &ask->options);

	ask->limit -= ask->options.len;
	if (state == COOKIE_GOOD)
		mx_count(&worker->counters, cookies_good, 1);
	if (state == COOKIE_BAD)
		mx_count(&worker->counters, cookies_bad, 1);
	if (accepted(p) && tcp && ask->q.asks & MX_ASKS_KEEPALIVE_TIMED)
		refuse(p, MX_E_KEEPALIVE);
	/* RFC 7873 section 5.4: asking for nothing else, it hears if what it
	 * has is of no use. */
	else if (p->err == MX_E_COOKIE_ONLY && state == COOKIE_BAD)
		refuse(p, MX_E_BADCOOKIE);
	return state;
}

/* Over UDP an address may be forged, and a reply then hits somebody who has
 * not asked. ASK_WAIT: the query goes on its way. */
static enum ask_outcome doubt(struct worker *worker, struct ask *ask,
			      const struct sockaddr *peer,
			      enum cookie_state cookie, mx_instant now,
			      struct progress *p, uint8_t *msg, size_t *ret_len)
{
	enum limits_rate rate = limits_rate(worker->limits, peer, now);

	if (rate != LIMITS_RATE_OK) {
		mx_count(&worker->counters, rate_limited, 1);
		if (rate == LIMITS_RATE_DROP)
			return ASK_DROP;
		*ret_len = reply_truncated(worker, ask, msg);
		return ASK_REPLY;
	}
	if (!worker->config->cookie_required || !accepted(p))
		return ASK_WAIT;
	if (cookie != COOKIE_NONE) {
		if (p->result == MX_QUERY_ANSWER)
			refuse(p, MX_E_BADCOOKIE);
		return ASK_WAIT;
	}
	mx_count(&worker->counters, rejected, 1);
	*ret_len = reply_truncated(worker, ask, msg);
	return ASK_REPLY;
}

static size_t reply_refused(struct worker *worker, struct ask *ask,
			    const struct progress *p, uint8_t *msg)
{
	if (p->err == MX_E_COOKIE_ONLY)
		mx_count(&worker->counters, local, 1);
	else
		mx_count(&worker->counters, rejected, 1);
	mx_ede_count(&worker->edes, refusal_ede(p->err));
	return reply_error(ask, mx_error_rcode(p->err), refusal_ede(p->err), "",
			   msg);
}

/* What hardly any query of this host's own needs: it is to be refused, has
 * options, or comes from elsewhere. As doubt(). */
static __attribute__((noinline)) enum ask_outcome
look_closer(struct worker *worker, struct ask *ask,
	    const struct sockaddr *peer, bool tcp, mx_instant now,
	    struct progress p, uint8_t *msg, size_t *ret_len)
{
	enum cookie_state cookie = COOKIE_NONE;
	enum ask_outcome outcome = ASK_WAIT;

	if (p.result == MX_QUERY_DROP) {
		mx_count(&worker->counters, dropped, 1);
		return ASK_DROP;
	}
	ask->key.qtype = 0; /* of what is refused it is not known */
	ask->limit = reply_limit(&ask->q, tcp, worker->config->udp_size_max);
	if (p.action == MX_ACL_REFUSE && accepted(&p))
		refuse(&p, MX_E_ACL);
	if (ask->q.asks != 0)
		cookie = serve_options(worker, ask, peer, tcp, &p);
	ask->certain = tcp || cookie == COOKIE_GOOD || limits_loopback(peer);
	if (!ask->certain)
		outcome = doubt(worker, ask, peer, cookie, now, &p, msg,
				ret_len);
	if (outcome == ASK_WAIT && p.result == MX_QUERY_REFUSE) {
		*ret_len = reply_refused(worker, ask, &p, msg);
		outcome = ASK_REPLY;
	}
	return outcome;
}

enum ask_outcome ask_begin(struct worker *worker, const uint8_t *msg,
			   size_t len, const struct sockaddr *peer, bool tcp,
			   mx_instant now, struct ask *ask, uint8_t *reply,
			   size_t *ret_len)
{
	struct progress p = { .action = limits_acl(worker->limits, peer) };

	mx_count(&worker->counters, queries, 1);
	if (tcp)
		mx_count(&worker->counters, queries_tcp, 1);
	p.result = p.action == MX_ACL_DROP || (!tcp && echo_port(peer))
			   ? MX_QUERY_DROP
			   : mx_query_read(msg, len, &ask->q, &p.err);
	if (p.result != MX_QUERY_ANSWER || p.action != MX_ACL_ALLOW ||
	    ask->q.asks != 0 || !(tcp || limits_loopback(peer))) {
		enum ask_outcome outcome = look_closer(
			worker, ask, peer, tcp, now, p, reply, ret_len);

		if (outcome != ASK_WAIT)
			return outcome;
	} else {
		ask->limit = reply_limit(&ask->q, tcp,
					 worker->config->udp_size_max);
		ask->certain = true;
	}

	ask->key = mx_query_key(&ask->q, ask->qname);
	enum ask_outcome outcome = reply_cached(worker, ask, now, reply,
						ret_len);
	if (outcome != ASK_WAIT)
		return outcome;
	if (ask->q.qtype == MX_TYPE_ANY) {
		mx_count(&worker->counters, local, 1);
		*ret_len = reply_any(ask, reply);
		return ASK_REPLY;
	}
	if (reply_local(worker, ask, reply, ret_len)) {
		mx_count(&worker->counters, local, 1);
		return ASK_REPLY;
	}
	ask->client = limits_client(worker->limits, peer);
	return ASK_WAIT;
}

/* ---- a query that waits ---- */

static uint8_t waited_as(const struct asking *asking,
			 const struct mx_lookup_result *result,
			 enum mx_rcode rcode)
{
	enum mx_latency_class class = result->stale ? MX_LATENCY_stale :
				      rcode == MX_RCODE_SERVFAIL ?
				      MX_LATENCY_failed : asking->waits_as;

	return (uint8_t)mx_latency_series(class, asking->q.qtype);
}

static void on_result(void *arg, const struct mx_lookup_result *result)
{
	struct asking *asking = arg;
	struct worker *worker = asking->worker;
	const struct mx_query *q = &asking->q;
	uint8_t *msg = worker->scratch;
	struct reply reply = {
		.rcode = result->rcode,
		.ede = { { result->ede, result->why }, { MX_EDE_NONE, "" } },
	};

	mx_ede_count(&worker->edes, result->ede);
	if (result->err != MX_OK) {
		reply.rcode = mx_error_rcode(result->err);
	} else if (result->state == MX_BOGUS && !q->cd) {
		mx_count(&worker->counters, bogus, 1);
		reply.rcode = mx_error_rcode(MX_E_BOGUS);
	} else {
		const struct mx_form *form = result->form;

		reply.ad = may_say_secure(q, result->state);
		reply.ancount = form->ancount;
		reply.nscount = form->nscount;
		reply.arcount = form->arcount;
		reply.body_len = form->len;
		reply.truncated = form->len > reply_body_room(q, asking->limit);
		if (!reply.truncated)
			mx_form_write(form, 0, turn_of(q), reply_body(q, msg));
		count_truncated(worker, &reply);
	}
	size_t len = reply_finish(q, &asking->options, &reply, msg,
				  asking->limit);
	uint8_t series = waited_as(asking, result, reply.rcode);
	int64_t taken_us = asking->taken_us;

	asking->deliver(asking, msg, len); /* asking is gone */
	mx_latency_add_all(&worker->latency, &series, 1,
			   mx_clock_us() - taken_us);
}

void ask_wait(struct worker *worker, const struct ask *ask,
	      struct asking *asking,
	      void (*deliver)(struct asking *, const uint8_t *, size_t))
{
	asking->worker = worker;
	asking->q = ask->q;
	memcpy(asking->question, ask->q.question, ask->q.question_len);
	asking->q.question = asking->question;
	asking->q.cookie = NULL;
	if (ask->q.asks)
		asking->options = ask->options;
	asking->limit = ask->limit;
	asking->deliver = deliver;
	asking->taken_us = worker->taken_us;
	asking->waits_as = MX_LATENCY_miss;

	switch (mx_lookup_missed(worker->lookups, &ask->key, ask->q.dnssec_ok,
				 ask->client, &asking->lookup, on_result,
				 asking)) {
	case MX_LOOKUP_READY: break; /* the cache was asked before */
	case MX_LOOKUP_JOINED:
		asking->waits_as = MX_LATENCY_joined;
		mx_count(&worker->counters, joined, 1);
		break;
	case MX_LOOKUP_ASKED: mx_count(&worker->counters, misses, 1); break;
	case MX_LOOKUP_TURNED_AWAY:
		mx_count(&worker->counters, overloads, 1);
		break;
	}
}

void ask_cancel(struct asking *asking)
{
	mx_lookup_cancel(asking->worker->lookups, &asking->lookup);
}
