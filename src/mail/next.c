/* next.c - what a mail server asks next. See mx_mail.h. */
#include <string.h>

#include "dane.h"
#include "exchanges.h"
#include "said.h"

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

/* TLSA of the SMTP port, where there can be one. */
static void ask_tlsa(struct questions *q, const struct mx_name *base,
		     bool early)
{
	struct mx_name qname;

	if (dane_name(base, MX_MAIL_PORT, &qname))
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

/* ---- one type each ---- */

static void keep_mx(void *arg, struct mx_in rdata)
{
	struct exchange exchange;

	if (exchange_read(rdata, &exchange) && exchange.name.len > 1)
		exchanges_keep(arg, &exchange);
}

static void after_mx(const struct mx_name *domain,
		     const struct mx_mail_answer *answer,
		     const struct exchanges *exchanges, struct questions *q)
{
	bool secure = answer->state == MX_SECURE;

	/* A sender asks for the addresses by the name it has; TLSA goes by
	 * what they lead to, which they say better than this answer. */
	if (answer->kind == MX_ANSWER_NODATA)
		ask_about_host(q, domain, secure);
	for (unsigned i = 0; i < exchanges->count; i++)
		ask_about_host(q, &exchanges->at[i].name, secure);
}

static void after_address(const struct mx_name *host,
			  const struct mx_mail_answer *answer,
			  const struct said *said, struct questions *q)
{
	if (answer->kind != MX_ANSWER_POSITIVE)
		return;
	switch (dane_base(answer->state, said->alias_count)) {
	case DANE_BASE_NONE:
		break;
	case DANE_BASE_ALIAS:
		ask(q, host, MX_TYPE_CNAME, false);
		break;
	case DANE_BASE_FINAL:
		ask_tlsa(q, &said->final, false);
		ask_tlsa(q, host, false);
		break;
	}
}

static void after_cname(const struct mx_name *host,
			const struct mx_mail_answer *answer,
			struct questions *q)
{
	if (answer->kind == MX_ANSWER_POSITIVE && answer->state == MX_SECURE)
		ask_tlsa(q, host, false);
}

static void pass_over(void *arg, struct mx_in rdata)
{
	(void)arg;
	(void)rdata;
}

unsigned mx_mail_next(const struct mx_key *key,
		      const struct mx_mail_answer *answer,
		      struct mx_mail_room *room,
		      struct mx_mail_question ret[MX_MAIL_NEXT_MAX])
{
	struct questions q = { .at = ret };
	struct exchanges exchanges = { .max = MX_MAIL_EXCHANGES_MAX };
	struct mx_name qname;
	struct said said;
	struct mx_in in;

	if ((answer->kind != MX_ANSWER_POSITIVE &&
	     answer->kind != MX_ANSWER_NODATA) ||
	    answer->state == MX_BOGUS || key->qclass != MX_CLASS_IN ||
	    !said_open(key, answer->form, room, &in))
		return 0;
	said_read(key, &in, answer->form->ancount,
		  key->qtype == MX_TYPE_MX ? keep_mx : pass_over, &exchanges,
		  &said);
	qname.len = key->qname_len;
	memcpy(qname.octets, key->qname, key->qname_len);
	switch (key->qtype) {
	case MX_TYPE_MX:
		after_mx(&qname, answer, &exchanges, &q);
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
