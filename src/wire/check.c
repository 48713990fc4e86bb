/* check.c - is an answer from a file one that mx_ingest could have made?
 *
 * No pointer is followed. Of each place where a label of a name begins, the
 * room has the length of the name from there on; a pointer must go to such a
 * place, and its name is as long as its labels and that. What was read is so
 * well-formed by itself, and stays it when TTLs change: no name goes through
 * anything but names. The labels of RRs that turn are never places to point
 * to. */
#include "mx_ingest.h"

#include <string.h>

#include "rdata.h"

struct form_check {
	const struct mx_form *form;
	uint32_t ttl_min_s, ttl_max_s;
	size_t body_at; /* of the body in a message */
	struct mx_check_room *room;
	struct mx_in in;
	unsigned turned; /* RRs of those that turn, so far */
};

static size_t offset(const struct form_check *c)
{
	return (size_t)(c->in.at - c->form->octets);
}

/* ---- names ---- */

/* Labels from `first` on, a place in the message, may be pointed to. */
static void open_up(struct mx_check_room *room, size_t first,
		    const uint8_t *name, size_t labels_len, size_t len)
{
	for (size_t at = 0; at < labels_len && first + at <= MX_POINTER_MAX;
	     at += name[at] + 1u)
		room->tail_len[first + at] = (uint8_t)(len - at);
}

/* Octets from a pointer's target to the end of its name; 0: none starts
 * there. Places ahead are not open yet. */
static size_t pointed_to(struct form_check *c, struct mx_in *in, uint8_t high)
{
	size_t target = (size_t)(high & 0x3f) << 8 | mx_in_u8(in);

	return c->room->tail_len[target];
}

static void read_name(struct form_check *c, struct mx_in *in, bool may_point,
		      bool stays)
{
	const uint8_t *start = in->at;
	size_t labels_len = 0, tail = 0;

	while (in->err == MX_OK && tail == 0) {
		uint8_t len = mx_in_u8(in);

		if (len >= 0xc0 && may_point) {
			tail = pointed_to(c, in, len);
			if (tail == 0)
				mx_in_fail(in, MX_E_POINTER);
		} else if (len >= 0x40) {
			mx_in_fail(in, MX_E_LABEL);
		} else if (len == 0) {
			tail = 1;
		} else {
			mx_in_octets(in, len);
			labels_len += len + 1u;
		}
		if (labels_len + tail > MX_NAME_MAX)
			mx_in_fail(in, MX_E_NAME_LONG);
	}
	if (in->err == MX_OK && stays)
		open_up(c->room, c->body_at + (size_t)(start - c->form->octets),
			start, labels_len, labels_len + tail);
}

/* ---- RRs ---- */

static void read_field(struct form_check *c, struct mx_in *in, char field,
		       bool stays)
{
	switch (field) {
	case 'w':
		mx_in_octets(in, 2);
		break;
	case 'l':
		mx_in_octets(in, 4);
		break;
	case 's':
		mx_in_octets(in, mx_in_u8(in));
		break;
	case 'c':
		read_name(c, in, true, stays);
		break;
	case 'd': /* they are written in full */
	case 'p':
		read_name(c, in, false, stays);
		break;
	case '*':
		mx_in_octets(in, mx_in_left(in));
		break;
	}
}

static bool rdata_sound(struct form_check *c, struct mx_in rdata,
			uint16_t type, bool stays)
{
	for (const char *field = rdata_format(type); *field != '\0'; field++)
		read_field(c, &rdata, *field, stays);
	return mx_in_end(&rdata) == MX_OK;
}

/* The RRs that turn are one after the other, from turn_at on. */
static bool turns(const struct form_check *c, size_t start)
{
	return c->form->turn_count > 1 && start >= c->form->turn_at &&
	       c->turned < c->form->turn_count;
}

static bool rr_sound(struct form_check *c, unsigned index)
{
	struct mx_in *in = &c->in;
	size_t start = offset(c);
	bool moves = turns(c, start);

	if (moves && c->turned++ == 0 && start != c->form->turn_at)
		return false;
	read_name(c, in, true, !moves);
	/* mx_form_write finds their starts by this, and answers alone turn. */
	if (moves && (offset(c) != start + 2 || in->err != MX_OK ||
		      c->form->octets[start] < 0xc0 ||
		      index >= c->form->ancount))
		return false;

	uint16_t type = mx_in_u16(in), class = mx_in_u16(in);
	size_t ttl_at = offset(c);
	uint32_t ttl_s = mx_in_u32(in);
	struct mx_in rdata = mx_in_sub(in, mx_in_u16(in));

	return class == MX_CLASS_IN && ttl_at == c->form->ttl_at[index] &&
	       ttl_s >= c->ttl_min_s && ttl_s <= c->ttl_max_s &&
	       rdata_sound(c, rdata, type, !moves);
}

static void open_question(struct form_check *c, const struct mx_key *key)
{
	size_t used = c->body_at + c->form->len;

	memset(c->room->tail_len, 0,
	       used < sizeof c->room->tail_len ? used :
						 sizeof c->room->tail_len);
	open_up(c->room, MX_HEADER_LEN, key->qname, key->qname_len,
		key->qname_len);
}

static enum mx_error check_form(const struct mx_key *key,
				const struct mx_form *form, uint32_t ttl_min_s,
				uint32_t ttl_max_s, struct mx_check_room *room)
{
	struct form_check c = {
		.form = form, .ttl_min_s = ttl_min_s, .ttl_max_s = ttl_max_s,
		.body_at = MX_HEADER_LEN + key->qname_len + 4u, .room = room,
	};

	if (form->len > MX_MESSAGE_MAX - c.body_at)
		return MX_E_TOO_BIG;
	if (form->arcount != 0 ||
	    form->ttl_count != (unsigned)form->ancount + form->nscount)
		return MX_E_MALFORMED;
	if (form->len == 0) /* octets may be NULL */
		return form->ttl_count == 0 && form->turn_count < 2 ?
			MX_OK : MX_E_MALFORMED;
	open_question(&c, key);
	mx_in_init(&c.in, form->octets, form->len);
	for (unsigned i = 0; i < form->ttl_count; i++)
		if (!rr_sound(&c, i))
			return MX_E_MALFORMED;
	if (form->turn_count > 1 && c.turned != form->turn_count)
		return MX_E_MALFORMED;
	return mx_in_end(&c.in) == MX_OK ? MX_OK : MX_E_MALFORMED;
}

/* ---- the answer ---- */

static bool key_sound(const struct mx_key *key)
{
	uint8_t lower[MX_NAME_MAX];
	struct mx_in in;

	mx_in_init(&in, key->qname, key->qname_len);
	if (key->qclass != MX_CLASS_IN ||
	    mx_in_name_span(&in) != key->qname_len || mx_in_end(&in) != MX_OK)
		return false;
	memcpy(lower, key->qname, key->qname_len);
	mx_name_lower(lower, key->qname_len);
	return memcmp(lower, key->qname, key->qname_len) == 0;
}

static bool kind_sound(const struct mx_answer *a)
{
	switch (a->kind) {
	case MX_ANSWER_POSITIVE:
		return a->rcode == MX_RCODE_NOERROR && a->plain.ancount > 0;
	case MX_ANSWER_NODATA:
		return a->rcode == MX_RCODE_NOERROR;
	case MX_ANSWER_NXDOMAIN:
		return a->rcode == MX_RCODE_NXDOMAIN;
	case MX_ANSWER_FAILURE:
		break;
	}
	return false;
}

enum mx_error mx_answer_check(const struct mx_key *key,
			      const struct mx_answer *answer,
			      uint32_t ttl_max_s, struct mx_check_room *room)
{
	/* A bogus answer may live a second where its TTLs are 0. */
	uint32_t ttl_min_s = answer->state == MX_BOGUS ? 0 : answer->ttl_s;
	enum mx_error err;

	if (!key_sound(key) || !kind_sound(answer) || answer->ttl_s == 0 ||
	    answer->ttl_s > ttl_max_s)
		return MX_E_MALFORMED;
	err = check_form(key, &answer->plain, ttl_min_s, ttl_max_s, room);
	if (err == MX_OK && answer->full.octets != answer->plain.octets)
		err = check_form(key, &answer->full, ttl_min_s, ttl_max_s,
				 room);
	return err;
}
