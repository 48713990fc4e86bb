/* mx_mail.h - what a mail server asks next, once it has an answer.
 *
 * Pure: an answer goes in, questions come out; somebody else asks them. So
 * whoever asks ahead, keeps a domain warm or works out a route follows the same
 * order, and no test of it needs a resolver.
 *
 *   MX of the domain
 *     positive   A, AAAA of each exchange, those of the least preference
 *                first; and of a secure answer, early, its TLSA
 *     NODATA     the same of the domain itself, its implicit MX (RFC 5321
 *                section 5.1)
 *   A, AAAA of an exchange
 *     secure     TLSA of the name that aliases lead to, then of the exchange
 *                (RFC 7672 section 2.2.2)
 *     insecure, with an alias   CNAME of the exchange, whose own zone may be
 *                signed (the same section)
 *   CNAME of an exchange, secure   TLSA of the exchange
 *
 * Nothing comes after NXDOMAIN, which for MX is final, a failure, a bogus
 * answer, a null MX (RFC 7505), or an answer to any other type. An exchange
 * "." among others is passed over.
 *
 * A mail server wants TLSA only where an address is secure: below an insecure
 * one there are servers that cannot answer for it (RFC 7672 section 2.1.2).
 * When MX has just come that is not known yet, and asking all the same saves
 * a round trip: such a question is `early`. Who is in no hurry leaves it; the
 * addresses bring it up again.
 *
 * Threads  any; one at a time for a room.
 */
#ifndef MX_MAIL_H
#define MX_MAIL_H

#include "mx_wire.h"

#define MX_MAIL_PORT 25u

/* Exchanges asked about: a sender gives up long before it has tried so many,
 * and whoever writes the MX RRset does not get to choose how much we ask. */
#define MX_MAIL_EXCHANGES_MAX 8u
#define MX_MAIL_NEXT_MAX (3 * MX_MAIL_EXCHANGES_MAX)

/* An answer as lookup and cache give it. */
struct mx_mail_answer {
	enum mx_answer_kind kind;
	enum mx_validation state;
	const struct mx_form *form; /* plain or full; only octets, len and
				       ancount are looked at */
};

struct mx_mail_question {
	struct mx_name qname; /* lower case */
	uint16_t qtype;
	bool early;
};

/* Working memory. */
struct mx_mail_room {
	uint8_t msg[MX_MESSAGE_MAX];
};

/* The questions that come after the answer to key, in the order in which they
 * are wanted, none twice; returns how many. For each exchange A comes before
 * AAAA before TLSA. key is MX of a mail domain, or a question that came from
 * here: an address that is no exchange's makes no sense, and is not noticed.
 *
 * RRs whose RDATA is malformed are passed over, and those after one that
 * cannot be read at all. */
unsigned mx_mail_next(const struct mx_key *key,
		      const struct mx_mail_answer *answer,
		      struct mx_mail_room *room,
		      struct mx_mail_question ret[MX_MAIL_NEXT_MAX]);

#endif
