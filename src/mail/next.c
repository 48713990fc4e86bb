/* next.c - what a mail server asks next. See mx_mail.h. */
#include <string.h>

#include "mx_mail.h"

/* Aliases followed in one answer, as mx_ingest bounds them. */
#define ALIASES_MAX 32u

struct exchange {
	uint16_t preference;
	struct mx_name name;
};

/* The exchanges that are kept, by preference. */
struct exchanges {
	unsigned count;
	struct exchange at[MX_MAIL_EXCHANGES_MAX];
};

struct questions {
	unsigned count;
	struct mx_mail_question *at; /* MX_MAIL_NEXT_MAX */
};

/* ---- questions ---- */

static bool asked(const struct questions *q, const struct mx_name *qname,
		  uint16_t qtype)
{
	for (unsigned i = 0; i < q->count; i++)
		if (q->at[i].qtype == qtype &&
		    mx_name_equal(&q->at[i].qname, qname))
			return true;
	return false;
}

static void ask(struct questions *q, const struct mx_name *qname,
		uint16_t qtype, bool early)
{
	struct mx_mail_question *question = &q->at[q->count];

	if (q->count == MX_MAIL_NEXT_MAX || asked(q, qname, qtype))
		return;
	question->qname = *qname;
	mx_name_lower(question->qname.octets, question->qname.len);
	question->qtype = qtype;
	question->early = early;
	q->count++;
}

/* An address written where a name should be, as in 192.0.2.1.: no TLD is all
 * digits, and DANE is not for addresses (RFC 7672 section 2.2). */
static bool numeric(const struct mx_name *name)
{
	const uint8_t *tld = mx_name_tail(name->octets, 1);

	for (unsigned i = 1; i <= *tld; i++)
		if (tld[i] < '0' || tld[i] > '9')
			return false;
	return true; /* the root too */
}

/* TLSA of the SMTP port (RFC 6698 section 3), where the name leaves room. */
static void ask_tlsa(struct questions *q, const struct mx_name *base,
		     bool early)
{
	static const uint8_t port[] = "\3_25\4_tcp"; /* MX_MAIL_PORT */
	const size_t len = sizeof(port) - 1;
	struct mx_name qname;

	if (numeric(base) || len + base->len > MX_NAME_MAX)
		return;
	memcpy(qname.octets, port, len);
	memcpy(qname.octets + len, base->octets, base->len);
	qname.len = (uint8_t)(len + base->len);
	ask(q, &qname, MX_TYPE_TLSA, early);
}

static void ask_about_host(struct questions *q, const struct mx_name *host,
			   bool mx_secure)
{
	ask(q, host, MX_TYPE_A, false);
	ask(q, host, MX_TYPE_AAAA, false);
	if (mx_secure)
		ask_tlsa(q, host, true);
}

/* ---- exchanges ---- */

/* Into its place by preference; past the bound the last one goes. */
static void keep(struct exchanges *e, const struct exchange *exchange)
{
	unsigned i;

	for (i = 0; i < e->count; i++)
		if (mx_name_equal(&e->at[i].name, &exchange->name)) {
			if (e->at[i].preference <= exchange->preference)
				return;
			/* Named twice: the better preference holds. */
			memmove(&e->at[i], &e->at[i + 1],
				(--e->count - i) * sizeof(e->at[0]));
			break;
		}
	for (i = 0; i < e->count; i++)
		if (e->at[i].preference > exchange->preference)
			break;
	if (i == MX_MAIL_EXCHANGES_MAX)
		return;
	e->count -= e->count == MX_MAIL_EXCHANGES_MAX;
	memmove(&e->at[i + 1], &e->at[i], (e->count - i) * sizeof(e->at[0]));
	e->at[i] = *exchange;
	e->count++;
}

static void keep_mx(struct exchanges *e, struct mx_in rdata)
{
	struct exchange exchange;

	exchange.preference = mx_in_u16(&rdata);
	mx_in_name(&rdata, &exchange.name);
	if (mx_in_end(&rdata) == MX_OK && exchange.name.len > 1)
		keep(e, &exchange);
}

/* ---- the answer ---- */

/* A body's pointers count from the start of a message, and lead into its
 * question. False: there is no such message. */
static bool open_answer(const struct mx_key *key, const struct mx_form *form,
			struct mx_mail_room *room, struct mx_in *ret)
{
	struct mx_out out;

	mx_out_init(&out, room->msg, sizeof(room->msg));
	memset(room->msg, 0, MX_HEADER_LEN);
	mx_out_room(&out, MX_HEADER_LEN);
	mx_out_octets(&out, key->qname, key->qname_len);
	mx_out_u16(&out, key->qtype);
	mx_out_u16(&out, key->qclass);

	size_t body_at = mx_out_len(&out);

	mx_out_octets(&out, form->octets, form->len);
	if (out.full)
		return false;
	mx_in_init(ret, room->msg, mx_out_len(&out));
	mx_in_octets(ret, body_at);
	return true;
}

/* What the answer section says: the name at which aliases end, and the
 * exchanges there. It is in order: aliases come before what they lead to. */
struct said {
	struct mx_name final;
	unsigned alias_count;
	struct exchanges exchanges;
};

static void follow(struct said *said, struct mx_in rdata)
{
	struct mx_name target;

	mx_in_name(&rdata, &target);
	if (mx_in_end(&rdata) != MX_OK || said->alias_count == ALIASES_MAX)
		return;
	said->final = target;
	said->alias_count++;
}

static void hear(const struct mx_key *key, struct mx_in *in, uint16_t ancount,
		 struct said *ret)
{
	ret->final.len = key->qname_len;
	memcpy(ret->final.octets, key->qname, key->qname_len);
	ret->alias_count = 0;
	ret->exchanges.count = 0;
	for (unsigned i = 0; i < ancount && in->err == MX_OK; i++) {
		struct mx_name owner;

		mx_in_name(in, &owner);
		uint16_t type = mx_in_u16(in);
		uint16_t class = mx_in_u16(in);
		mx_in_u32(in); /* TTL */
		struct mx_in rdata = mx_in_sub(in, mx_in_u16(in));

		if (in->err != MX_OK || class != MX_CLASS_IN ||
		    !mx_name_equal(&owner, &ret->final))
			continue;
		if (type == MX_TYPE_CNAME && key->qtype != MX_TYPE_CNAME)
			follow(ret, rdata);
		else if (type == MX_TYPE_MX && key->qtype == MX_TYPE_MX)
			keep_mx(&ret->exchanges, rdata);
	}
}

/* ---- one type each ---- */

static void after_mx(const struct mx_name *domain,
		     const struct mx_mail_answer *answer,
		     const struct said *said, struct questions *q)
{
	bool secure = answer->state == MX_SECURE;

	/* A sender asks for the addresses by the name it has; TLSA goes by
	 * what they lead to, which they say better than this answer. */
	if (answer->kind == MX_ANSWER_NODATA)
		ask_about_host(q, domain, secure);
	for (unsigned i = 0; i < said->exchanges.count; i++)
		ask_about_host(q, &said->exchanges.at[i].name, secure);
}

static void after_address(const struct mx_name *host,
			  const struct mx_mail_answer *answer,
			  const struct said *said, struct questions *q)
{
	if (answer->kind != MX_ANSWER_POSITIVE)
		return;
	if (answer->state != MX_SECURE) {
		if (said->alias_count > 0)
			ask(q, host, MX_TYPE_CNAME, false);
		return;
	}
	ask_tlsa(q, &said->final, false);
	ask_tlsa(q, host, false);
}

static void after_cname(const struct mx_name *host,
			const struct mx_mail_answer *answer,
			struct questions *q)
{
	if (answer->kind == MX_ANSWER_POSITIVE && answer->state == MX_SECURE)
		ask_tlsa(q, host, false);
}

unsigned mx_mail_next(const struct mx_key *key,
		      const struct mx_mail_answer *answer,
		      struct mx_mail_room *room,
		      struct mx_mail_question ret[MX_MAIL_NEXT_MAX])
{
	struct questions q = { .at = ret };
	struct mx_name qname;
	struct said said;
	struct mx_in in;

	if ((answer->kind != MX_ANSWER_POSITIVE &&
	     answer->kind != MX_ANSWER_NODATA) ||
	    answer->state == MX_BOGUS || key->qclass != MX_CLASS_IN ||
	    !open_answer(key, answer->form, room, &in))
		return 0;
	hear(key, &in, answer->form->ancount, &said);
	qname.len = key->qname_len;
	memcpy(qname.octets, key->qname, key->qname_len);
	switch (key->qtype) {
	case MX_TYPE_MX:
		after_mx(&qname, answer, &said, &q);
		break;
	case MX_TYPE_A:
	case MX_TYPE_AAAA:
		after_address(&qname, answer, &said, &q);
		break;
	case MX_TYPE_CNAME:
		after_cname(&qname, answer, &q);
		break;
	}
	return q.count;
}
