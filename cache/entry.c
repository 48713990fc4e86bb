/* entry.c - see entry.h for the picture. */
#include "entry.h"

#include <assert.h>
#include <string.h>

#include "mx_ede.h"

static_assert(sizeof(struct entry) == 64, "one cache line");

static size_t even(size_t at)
{
	return (at + 1) & ~(size_t)1;
}

static size_t form_octets(size_t ttl_count, size_t len)
{
	return ttl_count * sizeof(uint16_t) + len;
}

static bool has_full(const struct mx_answer *answer)
{
	return answer->full.octets != answer->plain.octets;
}

static bool has_why(const struct mx_answer *answer)
{
	return answer->ede != MX_EDE_NONE || answer->why[0] != '\0';
}

static size_t why_len(const struct mx_answer *answer)
{
	return strnlen(answer->why, MX_WHY_MAX);
}

/* ---- where things are, from the start of the block ---- */

static size_t plain_at(size_t qname_len)
{
	return even(sizeof(struct entry) + qname_len);
}

static size_t plain_end(const struct entry *e)
{
	return plain_at(e->qname_len) +
		form_octets(e->plain.ttl_count, e->plain.len);
}

static const struct packed_form *full_form(const struct entry *e)
{
	return (const void *)((const uint8_t *)e + even(plain_end(e)));
}

static size_t why_at(const struct entry *e)
{
	const struct packed_form *full;

	if (!e->has_full)
		return plain_end(e);
	full = full_form(e);
	return even(plain_end(e)) + sizeof *full +
		form_octets(full->ttl_count, full->len);
}

static size_t signed_until_at(const struct entry *e)
{
	size_t at = why_at(e);

	return e->has_why ? at + 3 + ((const uint8_t *)e)[at + 2] : at;
}

size_t entry_octets(const struct entry *e)
{
	return signed_until_at(e) +
		(e->has_signed_until ? sizeof(uint32_t) : 0);
}

size_t entry_octets_needed(const struct mx_key *key,
			   const struct mx_answer *answer)
{
	size_t at = plain_at(key->qname_len) +
		form_octets(answer->plain.ttl_count, answer->plain.len);

	if (has_full(answer))
		at = even(at) + sizeof(struct packed_form) +
			form_octets(answer->full.ttl_count, answer->full.len);
	if (has_why(answer))
		at += 3 + why_len(answer);
	return at + (answer->has_signed_until ? sizeof(uint32_t) : 0);
}

/* ---- writing ---- */

static void pack_form(const struct mx_form *form, struct packed_form *ret)
{
	ret->len = (uint16_t)form->len;
	ret->ancount = form->ancount;
	ret->nscount = form->nscount;
	ret->arcount = form->arcount;
	ret->ttl_count = form->ttl_count;
	ret->turn_at = form->turn_at;
	ret->turn_count = form->turn_count;
}

/* memcpy that may be given NULL for nothing. */
static uint8_t *append(uint8_t *at, const void *octets, size_t len)
{
	if (len > 0)
		memcpy(at, octets, len);
	return at + len;
}

static uint8_t *append_form(uint8_t *at, const struct mx_form *form)
{
	at = append(at, form->ttl_at, form->ttl_count * sizeof *form->ttl_at);
	return append(at, form->octets, form->len);
}

static void append_why(uint8_t *at, const struct mx_answer *answer)
{
	uint8_t len = (uint8_t)why_len(answer);

	at = append(at, &answer->ede, sizeof answer->ede);
	*at++ = len;
	append(at, answer->why, len);
}

struct entry *entry_new(const struct memory *m, const struct mx_key *key,
			enum entry_slot slot, uint32_t spot,
			const struct mx_answer *answer, mx_instant now)
{
	struct entry *e = memory_alloc(m, entry_octets_needed(key, answer));
	uint8_t *block = (uint8_t *)e;
	struct packed_form full;

	if (e == NULL)
		return NULL;
	memset(e, 0, sizeof *e);
	e->stored = now;
	e->ttl_s = answer->ttl_s;
	e->spot = spot;
	pack_form(&answer->plain, &e->plain);
	e->qtype = slot == SLOT_NXDOMAIN ? 0 : key->qtype;
	e->qclass = key->qclass;
	e->qname_len = key->qname_len;
	e->rcode = answer->rcode & 15u;
	e->may_stale = answer->may_stale && slot == SLOT_ANSWER &&
		answer->kind == MX_ANSWER_POSITIVE;
	e->has_signed_until = answer->has_signed_until;
	e->awaited = answer->awaited;
	e->slot = slot & 3u;
	e->kind = answer->kind & 3u;
	e->state = answer->state & 3u;
	e->has_full = has_full(answer);
	e->has_why = has_why(answer);

	append(block + sizeof *e, key->qname, key->qname_len);
	append_form(block + plain_at(key->qname_len), &answer->plain);
	if (e->has_full) {
		pack_form(&answer->full, &full);
		append_form(append(block + even(plain_end(e)), &full,
				   sizeof full), &answer->full);
	}
	if (e->has_why)
		append_why(block + why_at(e), answer);
	if (e->has_signed_until)
		append(block + signed_until_at(e), &answer->signed_until,
		       sizeof answer->signed_until);
	return e;
}

void entry_free(const struct memory *m, struct entry *e)
{
	memory_free(m, e, entry_octets(e));
}

/* ---- reading ---- */

const uint8_t *entry_qname(const struct entry *e)
{
	return (const uint8_t *)e + sizeof *e;
}

bool entry_is(const struct entry *e, const struct mx_key *key, uint16_t qtype,
	      uint32_t spot)
{
	return e->spot == spot && e->qtype == qtype &&
		e->qclass == key->qclass && e->qname_len == key->qname_len &&
		memcmp(entry_qname(e), key->qname, key->qname_len) == 0;
}

bool entry_under(const struct entry *e, const uint8_t *qname,
		 uint8_t qname_len, bool below)
{
	const uint8_t *at = entry_qname(e);
	size_t left = e->qname_len;

	/* Label by label: a tail of equal octets may begin inside a label. */
	while (below && left > qname_len && *at != 0) {
		left -= 1u + *at;
		at += 1u + *at;
	}
	return left == qname_len && memcmp(at, qname, qname_len) == 0;
}

uint32_t entry_age_s(const struct entry *e, mx_instant now)
{
	uint64_t age_s;

	if (now <= e->stored)
		return 0;
	age_s = ((uint64_t)now - (uint64_t)e->stored) / 1000;
	return age_s > UINT32_MAX ? UINT32_MAX : (uint32_t)age_s;
}

/* entry_age_s() < ttl_s, without dividing: every hit asks. */
bool entry_live(const struct entry *e, mx_instant now)
{
	mx_instant age_ms = now > e->stored ? now - e->stored : 0;

	return age_ms < (mx_instant)e->ttl_s * 1000;
}

uint32_t entry_signed_until(const struct entry *e)
{
	uint32_t until = 0;

	if (e->has_signed_until)
		memcpy(&until, (const uint8_t *)e + signed_until_at(e),
		       sizeof until);
	return until;
}

/* Strictly before the end, compared as RFC 4034 section 3.1.5 has it. Secure
 * data without a signature in sight have no end that could be kept. */
static bool signatures_hold(const struct entry *e, int64_t wall_ms)
{
	if (e->state != MX_SECURE)
		return true;
	return e->has_signed_until &&
		(int32_t)(entry_signed_until(e) - (uint32_t)(wall_ms / 1000)) > 0;
}

bool entry_stale(const struct entry *e, mx_instant now, int64_t wall_ms,
		 uint32_t max_s)
{
	uint32_t age_s = entry_age_s(e, now);

	return e->may_stale && age_s >= e->ttl_s && age_s - e->ttl_s < max_s &&
		signatures_hold(e, wall_ms);
}

static bool form_says(const struct mx_form *a, const struct mx_form *b)
{
	size_t at = 0;

	if (a->len != b->len || a->ttl_count != b->ttl_count ||
	    a->ancount != b->ancount || a->nscount != b->nscount)
		return false;
	for (unsigned i = 0; i < a->ttl_count; i++) {
		if (a->ttl_at[i] != b->ttl_at[i] ||
		    memcmp(a->octets + at, b->octets + at,
			   a->ttl_at[i] - at) != 0)
			return false;
		at = a->ttl_at[i] + sizeof(uint32_t);
	}
	return memcmp(a->octets + at, b->octets + at, a->len - at) == 0;
}

bool entry_says(const struct entry *e, const struct mx_answer *answer)
{
	struct mx_form plain, full;

	if (e->kind != (answer->kind & 3u) || e->state != (answer->state & 3u) ||
	    e->rcode != (answer->rcode & 15u) || answer->plain.len == 0)
		return false;
	entry_form(e, false, &plain);
	entry_form(e, true, &full);
	return form_says(&plain, &answer->plain) &&
		form_says(&full, &answer->full);
}

void entry_form(const struct entry *e, bool full, struct mx_form *ret)
{
	const struct packed_form *p = &e->plain;
	const uint8_t *at = (const uint8_t *)e + plain_at(e->qname_len);

	if (full && e->has_full) {
		p = full_form(e);
		at = (const uint8_t *)(p + 1);
	}
	ret->ttl_at = (const uint16_t *)(const void *)at;
	ret->octets = at + p->ttl_count * sizeof(uint16_t);
	ret->len = p->len;
	ret->ancount = p->ancount;
	ret->nscount = p->nscount;
	ret->arcount = p->arcount;
	ret->ttl_count = p->ttl_count;
	ret->turn_at = p->turn_at;
	ret->turn_count = p->turn_count;
}

uint16_t entry_ede(const struct entry *e)
{
	uint16_t ede = MX_EDE_NONE;

	if (e->has_why)
		memcpy(&ede, (const uint8_t *)e + why_at(e), sizeof ede);
	return ede;
}

const char *entry_why(const struct entry *e, size_t *ret_len)
{
	const uint8_t *at;

	*ret_len = 0;
	if (!e->has_why)
		return "";
	at = (const uint8_t *)e + why_at(e);
	*ret_len = at[2];
	return (const char *)at + 3;
}
