/* trace.h - questions as a mail host asks them, made from a seed.
 *
 *   mail   250,000 deliveries to and from 20,000 domains, Zipf-popular: MX,
 *          A, AAAA and TLSA of one, then four DNSBL names that are never
 *          asked again. Before that each domain was asked for twice. What
 *          the cache holds of the domains is 19.6 MiB.
 *   start  the same on a host that knows no domain yet: as many deliveries
 *          go before those that are counted. Many domains are so rare that
 *          they are asked for the first time late, or never again.
 *   zipf   400,000 names, Zipf-popular, answers of 60 to 65,535 octets
 *   shift  the same, but every 75,000 questions each twentieth rank passes
 *          to a new name: at the end nobody is who he was
 *
 * What goes before fills the cache and is not counted.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct trace;

struct trace_question {
	uint64_t name;	/* a number for it */
	uint16_t qtype;
	uint32_t len_plain, len_full; /* of the answer's forms */
	bool once;	/* a DNSBL name */
	bool counted;	/* not what goes before */
};

/* NULL: no trace of that name. */
struct trace *trace_new(const char *name, uint64_t seed);
void trace_free(struct trace *t);
/* How many questions there are in all. */
uint64_t trace_length(const struct trace *t);
/* false: that was the last one. */
bool trace_next(struct trace *t, struct trace_question *ret);

#endif
