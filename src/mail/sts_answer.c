/* sts_answer.c - answers about MTA-STS, read. See mx_sts.h. */
#include <string.h>

#include "mx_sts.h"
#include "route.h"
#include "said.h"

/* ---- words ---- */

#define WORD(name, word, text) word,
#define TEXT(name, word, text) text,
static const char *const source_words[] = { MX_STS_SOURCES(WORD) };
static const char *const source_texts[] = { MX_STS_SOURCES(TEXT) };
static const char *const failure_words[] = { MX_STS_FAILURES(WORD) };
static const char *const failure_texts[] = { MX_STS_FAILURES(TEXT) };

#define SOURCES (sizeof(source_words) / sizeof(*source_words))
#define FAILURES (sizeof(failure_words) / sizeof(*failure_words))

const char *mx_sts_source_word(enum mx_sts_source source)
{
	return source < SOURCES ? source_words[source] : "";
}

const char *mx_sts_source_text(enum mx_sts_source source)
{
	return source < SOURCES ? source_texts[source] : "";
}

/* Its number among ours, or one that is none. */
static unsigned own(unsigned failure)
{
	return failure > MX_STS_FAILURE_BASE ? failure - MX_STS_FAILURE_BASE - 1
					     : FAILURES;
}

const char *mx_sts_failure_word(unsigned failure)
{
	if (own(failure) < FAILURES)
		return failure_words[own(failure)];
	return mx_fetch_result_word((enum mx_fetch_result)failure);
}

const char *mx_sts_failure_text(unsigned failure)
{
	if (own(failure) < FAILURES)
		return failure_texts[own(failure)];
	return mx_fetch_result_text((enum mx_fetch_result)failure);
}

/* ---- names ---- */

static bool below(const char *label, const struct mx_name *domain,
		  struct mx_name *ret)
{
	size_t len = strlen(label);

	if (len + domain->len > MX_NAME_MAX)
		return false;
	memcpy(ret->octets, label, len);
	memcpy(ret->octets + len, domain->octets, domain->len);
	ret->len = (uint8_t)(len + domain->len);
	return true;
}

bool mx_sts_record_name(const struct mx_name *domain, struct mx_name *ret)
{
	return below("\10_mta-sts", domain, ret);
}

bool mx_sts_host_name(const struct mx_name *domain, struct mx_name *ret)
{
	return below("\7mta-sts", domain, ret);
}

bool mx_sts_domain_is(const struct mx_name *domain)
{
	char text[MX_NAME_TEXT_MAX];
	struct mx_name host;
	size_t len;

	if (domain->len <= 1 || !mx_sts_host_name(domain, &host))
		return false;
	mx_name_to_text(domain->octets, text);
	len = strlen(text) - 1; /* the final dot */
	return mx_fetch_domain_is(text, len);
}

/* ---- the record ---- */

struct records {
	unsigned count;
	enum mx_route_sts_record record;
	char id[MX_ROUTE_STS_ID_MAX + 1];
};

/* Other TXT beside it are not looked at (RFC 8461 section 3.1). */
static void hear_txt(void *arg, struct mx_in rdata)
{
	struct records *r = arg;
	enum mx_route_sts_record record = sts_record_read(rdata, r->id);

	if (record == MX_ROUTE_STS_NONE)
		return;
	r->count++;
	r->record = record;
}

enum mx_route_sts_record
mx_sts_record_read(const struct mx_key *key, const struct mx_mail_answer *answer,
		   struct mx_mail_room *room,
		   char ret_id[MX_ROUTE_STS_ID_MAX + 1])
{
	struct records r = { .record = MX_ROUTE_STS_NONE };
	struct said said;
	struct mx_in in;

	ret_id[0] = '\0';
	if (answer->kind == MX_ANSWER_FAILURE || answer->state == MX_BOGUS)
		return MX_ROUTE_STS_FAILED;
	if (answer->kind != MX_ANSWER_POSITIVE || answer->form == NULL ||
	    !said_open(key, answer->form, room, &in))
		return MX_ROUTE_STS_NONE;
	said_read(key, &in, answer->form->ancount, hear_txt, &r, &said);
	if (r.count > 1)
		return MX_ROUTE_STS_SEVERAL;
	if (r.record == MX_ROUTE_STS_ONE)
		memcpy(ret_id, r.id, sizeof(r.id));
	return r.record;
}

/* ---- addresses ---- */

struct addresses {
	bool is_ipv6;
	enum mx_validation state;
	unsigned count, max;
	struct mx_route_address *at;
};

static void hear_address(void *arg, struct mx_in rdata)
{
	struct addresses *a = arg;
	struct mx_route_address address = { .is_ipv6 = a->is_ipv6,
					    .state = a->state };
	size_t len = a->is_ipv6 ? 16 : 4;
	const uint8_t *octets = mx_in_octets(&rdata, len);

	if (mx_in_end(&rdata) != MX_OK || a->count == a->max)
		return;
	memcpy(address.octets, octets, len);
	a->at[a->count++] = address;
}

unsigned mx_sts_addresses_read(const struct mx_key *key,
			       const struct mx_mail_answer *answer,
			       struct mx_mail_room *room, unsigned max,
			       struct mx_route_address *ret)
{
	struct addresses a = { .is_ipv6 = key->qtype == MX_TYPE_AAAA,
			       .state = answer->state, .max = max, .at = ret };
	struct said said;
	struct mx_in in;

	if (answer->kind != MX_ANSWER_POSITIVE || answer->state == MX_BOGUS ||
	    answer->form == NULL || !said_open(key, answer->form, room, &in))
		return 0;
	said_read(key, &in, answer->form->ancount, hear_address, &a, &said);
	return a.count;
}
