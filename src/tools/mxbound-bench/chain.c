/* chain.c - see chain.h. */
#include "chain.h"

#include <stdio.h>

const char *chain_purpose_text(enum chain_purpose purpose)
{
	static const char *const texts[] = {
#define X(name, text) [CHAIN_##name] = text,
		CHAIN_PURPOSES(X)
#undef X
	};

	return texts[purpose];
}

const char *chain_outcome_text(enum chain_outcome outcome)
{
	static const char *const texts[] = {
#define X(name, text) [CHAIN_##name] = text,
		CHAIN_OUTCOMES(X)
#undef X
	};

	return texts[outcome];
}

/* ---- questions ---- */

static bool asked(const struct chain *c, const struct mx_name *qname,
		  uint16_t qtype)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->at[i].qtype == qtype &&
		    mx_name_equal(&c->at[i].qname, qname))
			return true;
	return false;
}

static void ask(struct chain *c, const struct mx_name *qname, uint16_t qtype,
		enum chain_purpose purpose, bool first)
{
	struct chain_question *q = &c->at[c->count];

	if (c->count == CHAIN_QUESTIONS_MAX || asked(c, qname, qtype))
		return;
	q->qname = *qname;
	mx_name_lower(q->qname.octets, q->qname.len);
	q->qtype = qtype;
	q->purpose = purpose;
	q->first = first;
	c->count++;
	c->open++;
	c->open_first += first;
}

/* label.name, where there is room for it. */
static void ask_below(struct chain *c, const char *label,
		      const struct mx_name *name, uint16_t qtype,
		      enum chain_purpose purpose)
{
	size_t len = strlen(label);
	struct mx_name qname;

	if (name->len + len + 1 > MX_NAME_MAX)
		return;
	qname.octets[0] = (uint8_t)len;
	memcpy(qname.octets + 1, label, len);
	memcpy(qname.octets + 1 + len, name->octets, name->len);
	qname.len = (uint8_t)(name->len + len + 1);
	ask(c, &qname, qtype, purpose, false);
}

/* An address from its end, octet by octet or, of IPv6, four bits by four bits
 * (RFC 1035 section 3.5, RFC 3596 section 2.5, RFC 5782 section 2.4). */
static void ask_reverse(struct chain *c, const struct mx_name *zone,
			uint16_t qtype, enum chain_purpose purpose)
{
	char text[2 * 2 * sizeof c->address + 1], *at = text;
	struct mx_name labels, qname;

	for (unsigned i = c->address_len; i-- > 0;) {
		if (c->address_len == 4)
			at += sprintf(at, "%u.", c->address[i]);
		else
			at += sprintf(at, "%x.%x.", c->address[i] & 15u,
				      c->address[i] >> 4);
	}
	if (mx_name_from_text(text, &labels) != MX_OK ||
	    labels.len - 1u + zone->len > MX_NAME_MAX)
		return;
	memcpy(qname.octets, labels.octets, labels.len - 1u);
	memcpy(qname.octets + labels.len - 1, zone->octets, zone->len);
	qname.len = (uint8_t)(labels.len - 1 + zone->len);
	ask(c, &qname, qtype, purpose, false);
}

static void ask_receiving(struct chain *c)
{
	struct mx_name arpa;

	ask(c, &c->domain, MX_TYPE_TXT, CHAIN_SPF, false);
	ask_below(c, "_dmarc", &c->domain, MX_TYPE_TXT, CHAIN_DMARC);
	if (c->address_len == 0)
		return;
	mx_name_from_text(c->address_len == 4 ? "in-addr.arpa" : "ip6.arpa",
			  &arpa);
	ask_reverse(c, &arpa, MX_TYPE_PTR, CHAIN_PLAIN);
	for (unsigned i = 0; i < c->options->dnsbl_count; i++)
		ask_reverse(c, &c->options->dnsbls[i], MX_TYPE_A, CHAIN_DNSBL);
}

/* A phase without a question is over at once. */
static void go_on(struct chain *c)
{
	while (c->open == 0 && c->phase != CHAIN_OVER) {
		c->phase++;
		if (c->phase == CHAIN_POLICY)
			ask_below(c, "_mta-sts", &c->domain, MX_TYPE_TXT,
				  CHAIN_STS);
		else if (c->phase == CHAIN_RECEIVING && c->options->receiving)
			ask_receiving(c);
	}
}

void chain_begin(struct chain *c, const struct mx_name *domain,
		 const struct chain_options *options)
{
	memset(c, 0, offsetof(struct chain, at));
	c->options = options;
	c->domain = *domain;
	ask(c, domain, MX_TYPE_MX, CHAIN_PLAIN, true);
}

bool chain_next(struct chain *c, unsigned *ret_question)
{
	if (c->taken == c->count)
		return false;
	*ret_question = c->taken++;
	return true;
}

/* ---- answers ---- */

/* RRs of the type in the answer section, the first of them kept: a body's RRs
 * begin where the question ends, and nothing in an owner need be followed. */
static void keep_address(struct chain *c, const struct chain_question *q,
			 const struct mx_answer *answer)
{
	struct mx_in in;

	mx_in_init(&in, answer->plain.octets, answer->plain.len);
	for (unsigned i = 0; i < answer->plain.ancount; i++) {
		const uint8_t *fields;
		struct mx_in rdata;
		size_t len;

		/* Not mx_in_name_skip(): pointers lead before the body. */
		while (mx_in_left(&in) > 0 && *in.at != 0 && *in.at < 0xc0)
			mx_in_octets(&in, 1u + *in.at);
		mx_in_octets(&in, mx_in_left(&in) > 0 && *in.at >= 0xc0 ? 2 : 1);
		fields = mx_in_fields(&in, 10);
		rdata = mx_in_sub(&in, mx_get_u16(fields + 8));
		len = mx_in_left(&rdata);
		if (in.err != MX_OK)
			return;
		if (mx_get_u16(fields) == q->qtype &&
		    (len == 4 || len == sizeof c->address)) {
			memcpy(c->address, rdata.at, len);
			c->address_len = (uint8_t)len;
			c->address_first = q->first;
			return;
		}
	}
}

/* Of the first exchange before others, of IPv4 before IPv6, whichever answer
 * comes first: all servers are to be asked for the same PTR. */
static bool is_better(const struct chain *c, const struct chain_question *q)
{
	if (c->address_len == 0)
		return true;
	if (q->first != c->address_first)
		return q->first;
	return q->qtype == MX_TYPE_A && c->address_len != 4;
}

static void ask_hosts(struct chain *c, const struct mx_mail_question *next,
		      unsigned count)
{
	unsigned hosts = 0;

	for (unsigned i = 0; i < count; i++) {
		if (next[i].early)
			continue;
		/* A is the first question about each. */
		hosts += next[i].qtype == MX_TYPE_A;
		if (hosts > c->options->hosts)
			return;
		ask(c, &next[i].qname, next[i].qtype, CHAIN_PLAIN, hosts == 1);
	}
}

static void after(struct chain *c, const struct chain_question *q,
		  const struct mx_answer *answer, bool secure,
		  struct mx_mail_room *room)
{
	struct mx_mail_question next[MX_MAIL_NEXT_MAX];
	const struct mx_key key = { q->qname.octets, q->qname.len, q->qtype,
				    MX_CLASS_IN };
	const struct mx_mail_answer said = {
		answer->kind, secure ? MX_SECURE : MX_INSECURE, &answer->plain
	};
	unsigned count = mx_mail_next(&key, &said, room, next);

	if (q->qtype == MX_TYPE_MX) {
		ask_hosts(c, next, count);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		ask(c, &next[i].qname, next[i].qtype, CHAIN_PLAIN, q->first);
}

void chain_answer(struct chain *c, unsigned question,
		  const struct mx_answer *answer, bool secure,
		  struct mx_mail_room *room)
{
	const struct chain_question *q = &c->at[question];

	c->open--;
	c->open_first -= q->first;
	if (answer == NULL) {
		c->failed |= c->phase == CHAIN_ROUTE;
	} else if (c->phase == CHAIN_ROUTE) {
		if (answer->kind == MX_ANSWER_POSITIVE &&
		    (q->qtype == MX_TYPE_A || q->qtype == MX_TYPE_AAAA)) {
			if (is_better(c, q))
				keep_address(c, q, answer);
			c->found = true;
			c->found_first |= q->first;
		}
		after(c, q, answer, secure, room);
	}
	go_on(c);
}

bool chain_route_known(const struct chain *c)
{
	return c->phase != CHAIN_ROUTE || (c->found_first && c->open_first == 0);
}

enum chain_outcome chain_outcome(const struct chain *c)
{
	if (c->found)
		return CHAIN_ROUTED;
	return c->failed ? CHAIN_FAILED : CHAIN_NO_MAIL;
}

bool chain_done(const struct chain *c)
{
	return c->phase == CHAIN_OVER;
}
