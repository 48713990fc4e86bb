/* snapshot_record.c - see snapshot_record.h. */
#include "snapshot_record.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "mx_ede.h"

static const uint8_t head_magic[8] = "mxb.snap";

static_assert(sizeof(struct snapshot_head) == 104, "no octet without a name");
static_assert(sizeof(struct record) == 80, "no octet without a name");
static_assert(sizeof(((struct snapshot_head *)0)->key) ==
	      crypto_shorthash_KEYBYTES, "SipHash key");

/* ---- the file's head ---- */

static uint64_t sum_of(const uint8_t key[16], const void *octets, size_t len)
{
	uint64_t sum;

	static_assert(sizeof sum == crypto_shorthash_BYTES, "SipHash output");
	crypto_shorthash((uint8_t *)&sum, octets, len, key);
	return sum;
}

static uint64_t head_sum(const struct snapshot_head *head)
{
	return sum_of(head->key, head, offsetof(struct snapshot_head, sum));
}

void snapshot_head_seal(struct snapshot_head *head)
{
	head->sum = head_sum(head);
}

void snapshot_head_make(const struct mx_snapshot *snapshot,
			struct snapshot_head *ret)
{
	memcpy(ret->magic, head_magic, sizeof ret->magic);
	ret->order = SNAPSHOT_ORDER;
	ret->version = SNAPSHOT_VERSION;
	ret->now = snapshot->now;
	ret->wall_ms = snapshot->wall_ms;
	memcpy(ret->boot, snapshot->boot, sizeof ret->boot);
	memcpy(ret->realm, snapshot->realm, sizeof ret->realm);
	/* Whoever has an answer of his in the cache knows most of its record.
	 * He must not be able to put another one into it. */
	randombytes_buf(ret->key, sizeof ret->key);
	snapshot_head_seal(ret);
}

enum mx_snapshot_verdict snapshot_head_check(const struct snapshot_head *head,
					     const struct mx_snapshot *snapshot)
{
	if (memcmp(head->magic, head_magic, sizeof head->magic) != 0)
		return MX_SNAPSHOT_FOREIGN;
	if (head->order != SNAPSHOT_ORDER || head->version != SNAPSHOT_VERSION)
		return MX_SNAPSHOT_VERSION;
	if (head->sum != head_sum(head) || head->now < 0 || head->wall_ms < 0)
		return MX_SNAPSHOT_FOREIGN;
	if (memcmp(head->realm, snapshot->realm, sizeof head->realm) != 0)
		return MX_SNAPSHOT_REALM;
	return MX_SNAPSHOT_READ;
}

/* ---- writing ---- */

static size_t octets_for(const struct packed_form *plain,
			 const struct packed_form *full, size_t qname_len,
			 size_t why_len)
{
	size_t len = sizeof(struct record) + qname_len + why_len +
		(size_t)plain->len + full->len +
		((size_t)plain->ttl_count + full->ttl_count) * sizeof(uint16_t);

	return (len + 7) & ~(size_t)7;
}

static void pack(const struct mx_form *form, struct packed_form *ret)
{
	*ret = (struct packed_form){
		.len = (uint16_t)form->len, .ancount = form->ancount,
		.nscount = form->nscount, .arcount = form->arcount,
		.ttl_count = form->ttl_count, .turn_at = form->turn_at,
		.turn_count = form->turn_count,
	};
}

static const struct packed_form no_form;

size_t record_octets(const struct entry *e)
{
	struct packed_form full = no_form;
	struct mx_form form;
	size_t why_len;

	(void)entry_why(e, &why_len);
	if (e->has_full) {
		entry_form(e, true, &form);
		pack(&form, &full);
	}
	return octets_for(&e->plain, &full, e->qname_len, why_len);
}

static uint8_t *append(uint8_t *at, const void *octets, size_t len)
{
	if (len > 0)
		memcpy(at, octets, len);
	return at + len;
}

static uint8_t *append_ttl_at(uint8_t *at, const struct mx_form *form)
{
	return append(at, form->ttl_at, form->ttl_count * sizeof *form->ttl_at);
}

void record_encode(const struct entry *e, int64_t wall_minus_now_ms,
		   uint8_t *out)
{
	struct mx_form plain, full = { .len = 0 };
	size_t why_len, len = record_octets(e);
	const char *why = entry_why(e, &why_len);
	uint8_t *at = out + sizeof(struct record);
	struct record r = {
		.magic = RECORD_MAGIC, .len = (uint32_t)len,
		.stored_wall_ms = e->stored + wall_minus_now_ms,
		.ttl_s = e->ttl_s, .signed_until = entry_signed_until(e),
		.plain = e->plain,
		.qtype = e->qtype, .qclass = e->qclass, .ede = entry_ede(e),
		.turn = e->turn, .qname_len = e->qname_len,
		.why_len = (uint8_t)why_len, .rcode = e->rcode,
		.kind = e->kind, .state = e->state, .queue = e->queue,
		.uses = e->uses,
		.flags = (uint8_t)((e->has_full ? RECORD_FULL : 0) |
				   (e->has_signed_until ? RECORD_SIGNED_UNTIL : 0) |
				   (e->may_stale ? RECORD_MAY_STALE : 0) |
				   (e->awaited ? RECORD_AWAITED : 0)),
	};

	entry_form(e, false, &plain);
	if (e->has_full)
		entry_form(e, true, &full);
	pack(&full, &r.full);
	memcpy(out, &r, sizeof r);
	at = append_ttl_at(at, &plain);
	at = append_ttl_at(at, &full);
	at = append(at, entry_qname(e), e->qname_len);
	at = append(at, plain.octets, plain.len);
	at = append(at, full.octets, full.len);
	at = append(at, why, why_len);
	memset(at, 0, len - (size_t)(at - out));
}

#define SUMMED_AT offsetof(struct record, stored_wall_ms)

size_t record_seal(const struct snapshot_head *head, uint8_t *at)
{
	struct record *r = (void *)at;

	r->sum = sum_of(head->key, at + SUMMED_AT, r->len - SUMMED_AT);
	return r->len;
}

/* ---- reading ---- */

size_t record_begins(const uint8_t *at, size_t left)
{
	uint32_t magic, len;

	if (left < sizeof(struct record))
		return 0;
	memcpy(&magic, at, sizeof magic);
	memcpy(&len, at + sizeof magic, sizeof len);
	if (magic != RECORD_MAGIC || len < sizeof(struct record) ||
	    len > RECORD_MAX || len > left || len % 8 != 0)
		return 0;
	return len;
}

bool record_holds(const struct snapshot_head *head, const uint8_t *at,
		  size_t len)
{
	uint64_t sum;

	memcpy(&sum, at + offsetof(struct record, sum), sizeof sum);
	return sum == sum_of(head->key, at + SUMMED_AT, len - SUMMED_AT);
}

/* Labels to the root's, in lower case. */
static bool name_sound(const uint8_t *qname, size_t len)
{
	size_t at = 0;

	while (at < len && qname[at] != 0) {
		size_t end = at + 1 + qname[at];

		if (qname[at] > 63 || end >= len)
			return false;
		while (++at < end)
			if (qname[at] >= 'A' && qname[at] <= 'Z')
				return false;
	}
	return len > 0 && at == len - 1;
}

/* What reading the form relies on, whatever the octets are: each TTL field
 * with the RDLENGTH behind it is inside, and they do not overlap. */
static bool form_sound(const struct mx_form *f)
{
	uint32_t from = 0;

	for (unsigned i = 0; i < f->ttl_count; i++) {
		if (f->ttl_at[i] < from || f->ttl_at[i] + 6u > f->len)
			return false;
		from = f->ttl_at[i] + 6u;
	}
	return f->turn_count <= f->ttl_count && f->turn_at <= f->len;
}

static bool numbers_sound(const struct record *r)
{
	bool full = (r->flags & RECORD_FULL) != 0;

	return r->kind < MX_ANSWER_FAILURE && r->state <= MX_SECURE &&
		r->rcode <= 15 && r->queue <= QUEUE_MAIN &&
		r->uses <= USES_MAX && r->ttl_s > 0 &&
		(r->flags & ~RECORD_FLAGS) == 0 && r->zero == 0 &&
		r->stored_wall_ms >= 0 &&
		(full || memcmp(&r->full, &no_form, sizeof no_form) == 0) &&
		((r->flags & RECORD_SIGNED_UNTIL) != 0 || r->signed_until == 0);
}

/* Moves *at, and the place of its offsets, behind the form. That both forms
 * are the same is told by their octets: an empty one is nowhere, lest it seem
 * to be where the other begins. */
static void form_of(const struct packed_form *p, const uint8_t **ttl_at,
		    const uint8_t **at, struct mx_form *ret)
{
	*ret = (struct mx_form){
		.octets = p->len > 0 ? *at : NULL, .len = p->len,
		.ancount = p->ancount,
		.nscount = p->nscount, .arcount = p->arcount,
		.ttl_count = p->ttl_count,
		.ttl_at = (const uint16_t *)(const void *)*ttl_at,
		.turn_at = p->turn_at, .turn_count = p->turn_count,
	};
	*ttl_at += p->ttl_count * sizeof(uint16_t);
	*at += p->len;
}

static void answer_of(const struct record *r, const uint8_t *octets,
		      struct record_read *ret)
{
	struct mx_answer *a = &ret->answer;
	const uint8_t *ttl_at = octets + sizeof *r;
	const uint8_t *at = ttl_at + ((size_t)r->plain.ttl_count +
				      r->full.ttl_count) * sizeof(uint16_t);

	*a = (struct mx_answer){
		.kind = r->kind, .state = r->state, .rcode = r->rcode,
		.ttl_s = r->ttl_s, .ede = r->ede, .why = ret->why,
		.has_signed_until = (r->flags & RECORD_SIGNED_UNTIL) != 0,
		.signed_until = r->signed_until,
		.may_stale = (r->flags & RECORD_MAY_STALE) != 0,
		.awaited = (r->flags & RECORD_AWAITED) != 0,
	};
	ret->key = (struct mx_key){ at, r->qname_len, r->qtype, r->qclass };
	at += r->qname_len;
	form_of(&r->plain, &ttl_at, &at, &a->plain);
	a->full = a->plain;
	if (r->flags & RECORD_FULL)
		form_of(&r->full, &ttl_at, &at, &a->full);
	memcpy(ret->why, at, r->why_len);
	ret->why[r->why_len] = '\0';
}

bool record_decode(const uint8_t *at, size_t len, struct record_read *ret)
{
	struct record r;

	memcpy(&r, at, sizeof r);
	if (!numbers_sound(&r) ||
	    octets_for(&r.plain, &r.full, r.qname_len, r.why_len) != len)
		return false;
	answer_of(&r, at, ret);
	ret->stored_wall_ms = r.stored_wall_ms;
	ret->past = (struct past){ .turn = r.turn, .queue = r.queue,
				   .uses = r.uses };
	return name_sound(ret->key.qname, ret->key.qname_len) &&
		form_sound(&ret->answer.plain) && form_sound(&ret->answer.full) &&
		strlen(ret->why) == r.why_len &&
		(cache_slot(&ret->answer) != SLOT_NXDOMAIN || r.qtype == 0);
}
