/* queries.h - questions from a file, as datagrams that are ready to be sent.
 *
 * One question a line, "NAME TYPE", as dnsperf reads them; empty lines and
 * those that begin with '#' are passed over. Each becomes a query with RD and
 * AD, ID 0, and EDNS (1,232 octets) with or without DO where asked for.
 */
#ifndef BENCH_QUERIES_H
#define BENCH_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query {
	size_t at; /* in octets of all */
	uint16_t len, question_len; /* question_len: QNAME, QTYPE, QCLASS */
};

struct queries {
	struct query *list;
	size_t count;
	uint8_t *octets;
};

struct queries_options {
	size_t skip, most; /* questions passed over, and taken; most 0: all */
	bool edns, dnssec_ok;
};

/* false: said on stderr why. To be cleared in either case. */
bool queries_read(const char *path, const struct queries_options *options,
		  struct queries *ret);
void queries_clear(struct queries *q);

static inline const uint8_t *queries_octets(const struct queries *q, size_t i)
{
	return q->octets + q->list[i].at;
}

/* Is this a reply to query i, whatever its ID? Its question must be there as
 * it was sent. */
bool queries_match(const struct queries *q, size_t i, const uint8_t *reply,
		   size_t len);

#endif
