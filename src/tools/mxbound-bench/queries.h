/* queries.h - questions from a file, as datagrams that are ready to be sent.
 *
 * One question a line, "NAME TYPE", as dnsperf reads them; empty lines and
 * those that begin with '#' are passed over. Each becomes a query with RD and
 * AD, ID 0, and EDNS (1,232 octets) with or without DO where asked for.
 */
#ifndef QUERIES_H
#define QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mx_wire.h"

struct query {
	size_t at; /* in octets of all */
	uint16_t len, question_len; /* question_len: QNAME, QTYPE, QCLASS */
};

struct queries {
	struct query *list;
	size_t count;
	uint8_t *octets;
};

/* Questions in one file, some 2.5 GB of them; what is more is not read. */
#define QUERIES_MAX 10000000u

struct queries_options {
	size_t skip, most; /* questions passed over, and taken; most 0: all */
	bool edns, dnssec_ok;
};

/* Header, question, OPT. */
#define QUERY_MAX (MX_HEADER_LEN + MX_NAME_MAX + 4 + 11)

/* A query for it into octets, which have room for QUERY_MAX; at is 0. */
struct query query_put(uint8_t *octets, const struct mx_name *name,
		       uint16_t qtype, const struct queries_options *options);

/* Is this a reply to that query, whatever its ID? Its question must be there as
 * it was sent. */
bool query_match(const uint8_t *query, uint16_t question_len,
		 const uint8_t *reply, size_t len);

/* false: said on stderr why, as text that no terminal obeys. To be cleared in either case. */
bool queries_read(const char *path, const struct queries_options *options,
		  struct queries *ret);
void queries_clear(struct queries *q);

static inline const uint8_t *queries_octets(const struct queries *q, size_t i)
{
	return q->octets + q->list[i].at;
}

bool queries_match(const struct queries *q, size_t i, const uint8_t *reply,
		   size_t len);

#endif
