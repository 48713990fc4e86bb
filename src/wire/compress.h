/* compress.h - name compression that survives turning an RRset.
 *
 * Names are written against anchors only: the question, and a few names
 * written earlier at places that never move. The search is bounded by the
 * number of anchors (CVE-2024-8508 is what happens otherwise).
 */
#ifndef WIRE_COMPRESS_H
#define WIRE_COMPRESS_H

#include "mx_wire.h"

#define COMPRESS_ANCHORS_MAX 8u

struct anchor {
	struct mx_name name;
	uint16_t at;	      /* in the message */
	uint8_t literal;      /* octets of name at `at`; a pointer follows */
	bool label_start[MX_NAME_MAX]; /* in literal: a pointer may aim here */
};

struct compress {
	uint16_t body_at; /* in the message */
	unsigned count, replaced;
	struct anchor anchors[COMPRESS_ANCHORS_MAX]; /* first: the question */
};

void compress_init(struct compress *c, const struct mx_key *question);

/* Write name at the end of out, which holds the body. With keep, the caller
 * promises that it stays there, and later names may point at it.
 *
 * Against the question case is ignored: each client has its own there. Else
 * it must be the same, since the case of a name written is kept. */
void compress_name(struct compress *c, struct mx_out *out,
		   const struct mx_name *name, bool keep);

#endif
