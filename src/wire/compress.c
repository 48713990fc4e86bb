/* compress.c - write names as pointers to a few names that stay put. */
#include "compress.h"

#include <string.h>

static void anchor_set(struct anchor *a, const struct mx_name *name,
		       size_t at, size_t literal)
{
	a->name = *name;
	a->at = (uint16_t)at;
	a->literal = (uint8_t)literal;
	memset(a->label_start, 0, sizeof a->label_start);
	for (size_t i = 0; i < literal; i += name->octets[i] + 1u)
		a->label_start[i] = true;
}

void compress_init(struct compress *c, const struct mx_key *question)
{
	struct mx_name qname = { .len = question->qname_len };

	memcpy(qname.octets, question->qname, question->qname_len);
	anchor_set(&c->anchors[0], &qname, MX_HEADER_LEN, qname.len - 1u);
	c->body_at = (uint16_t)(MX_HEADER_LEN + qname.len + 4);
	c->count = 1;
	c->replaced = 0;
}

static size_t common_tail(const struct mx_name *a, const struct mx_name *b)
{
	size_t max = a->len < b->len ? a->len : b->len, n = 0;

	while (n < max && a->octets[a->len - 1 - n] == b->octets[b->len - 1 - n])
		n++;
	return n;
}

/* The longest end of name that starts a label both in it and in the anchor.
 * Returns its place in name, or the root's if there is none. */
static size_t match(const struct anchor *a, const struct mx_name *name,
		    size_t *ret_target)
{
	size_t common = common_tail(&a->name, name), at = 0;

	for (; name->octets[at] != 0; at += name->octets[at] + 1u) {
		size_t tail = name->len - at;

		if (tail > common)
			continue;

		size_t in_anchor = a->name.len - tail;

		if (in_anchor < a->literal && a->label_start[in_anchor] &&
		    a->at + in_anchor <= MX_POINTER_MAX) {
			*ret_target = a->at + in_anchor;
			break;
		}
	}
	return at;
}

/* The end that name has in common with the question becomes lower case, for
 * that is what a pointer makes of it anyhow: whatever case each client has.
 * Thus a.Example and a.example are one name beside the question example. */
static size_t match_all(const struct compress *c, struct mx_name *name,
			size_t *ret_target)
{
	struct mx_name folded = *name;
	size_t best;

	mx_name_lower(folded.octets, folded.len);
	best = match(&c->anchors[0], &folded, ret_target);
	mx_name_lower(name->octets + best, name->len - best);
	for (unsigned i = 1; i < c->count && best > 0; i++) {
		size_t target = 0, at = match(&c->anchors[i], name, &target);

		if (at < best) {
			best = at;
			*ret_target = target;
		}
	}
	return best;
}

/* When all places are taken the oldest goes, but never the question. */
static struct anchor *new_anchor(struct compress *c)
{
	if (c->count < COMPRESS_ANCHORS_MAX)
		return &c->anchors[c->count++];
	return &c->anchors[1 + c->replaced++ % (COMPRESS_ANCHORS_MAX - 1)];
}

void compress_name(struct compress *c, struct mx_out *out,
		   const struct mx_name *name, bool keep)
{
	size_t target = 0, at = c->body_at + mx_out_len(out);
	struct mx_name normal = *name;
	size_t literal = match_all(c, &normal, &target);

	mx_out_octets(out, normal.octets, literal);
	if (target != 0)
		mx_out_u16(out, (uint16_t)(0xc000 | target));
	else
		mx_out_u8(out, 0);
	if (keep && literal > 0 && at <= MX_POINTER_MAX)
		anchor_set(new_anchor(c), &normal, at, literal);
}
