/* said.h - the answer section of an answer, read in order.
 *
 * It is in order: aliases come before what they lead to (mx_ingest.h). RRs
 * whose RDATA is malformed are passed over by whoever reads them, and those
 * after one that cannot be read at all are not seen. */
#ifndef MAIL_SAID_H
#define MAIL_SAID_H

#include "mx_mail.h"

/* Aliases followed in one answer, as mx_ingest bounds them. */
#define SAID_ALIASES_MAX 32u

struct said {
	struct mx_name final; /* where aliases end; QNAME if there are none */
	unsigned alias_count;
};

/* One RR of QTYPE at the final name; the reader covers its RDATA. */
typedef void said_rr(void *arg, struct mx_in rdata);

/* A body's pointers count from the start of a message, and lead into its
 * question: put it behind both, in room. False: there is no such message, and
 * *ret is what it was. */
bool said_open(const struct mx_key *key, const struct mx_form *form,
	       struct mx_mail_room *room, struct mx_in *ret);

/* Read ancount RRs at `in`. With QTYPE CNAME an alias is the answer, and is
 * not followed. */
void said_read(const struct mx_key *key, struct mx_in *in, uint16_t ancount,
	       said_rr *each, void *arg, struct said *ret);

#endif
