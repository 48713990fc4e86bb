/* mx_counters.h - what is counted, one row each.
 *
 * Threads  one struct per worker, written by that worker alone with relaxed
 *          stores; anyone may read and sum. No lock on the hot path.
 *
 * The classes partition the queries: `queries` is always the sum of the rows
 * marked MX_CLASS once nothing is in flight, and tests assert it.
 */
#ifndef MX_COUNTERS_H
#define MX_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/*        name                 a query falls into exactly one such class */
#define MX_COUNTERS(X) \
	X(queries, 0, "queries received, any transport") \
	X(queries_tcp, 0, "of these, over TCP") \
	X(hits, 1, "answered from the cache within the TTL") \
	X(hits_stale, 1, "answered from the cache past the TTL: a question that failed is not asked again yet") \
	X(hits_failure, 1, "answered SERVFAIL from a cached failure") \
	X(local, 1, "answered locally: special names, ANY, and who asked only for a cookie") \
	X(joined, 1, "waited on an identical question in flight") \
	X(misses, 1, "sent to a resolver") \
	X(rejected, 1, "answered FORMERR, NOTIMP, BADVERS, BADCOOKIE or REFUSED before lookup, or TC for want of a cookie") \
	X(dropped, 1, "not answered: not a query, or the client may not ask") \
	X(rate_limited, 1, "not answered, or with TC alone, because of rate-limit") \
	X(overloads, 1, "not asked because a bound on questions in flight was reached: SERVFAIL, or a stale answer") \
	X(stale_after_wait, 0, "answered past the TTL because no answer came, or none in time") \
	X(deadlines, 0, "answered SERVFAIL because no answer came in time") \
	X(bogus, 0, "answered SERVFAIL because validation failed") \
	X(truncated, 0, "replies sent with TC because they did not fit") \
	X(send_errors, 0, "replies the socket did not take") \
	X(discarded, 0, "replies not sent because of discard-timeout") \
	X(cookies_good, 0, "queries with a server cookie of ours") \
	X(cookies_bad, 0, "queries with one that is not, or no longer, good") \
	X(refreshes, 0, "questions asked again because their answers, asked for often, ran out") \
	X(refreshes_dropped, 0, "of those that were to be asked again, not asked for want of room") \
	X(warmed, 0, "questions asked to keep the domains of keep-warm fresh") \
	X(ahead, 0, "questions asked ahead of the mail server, after an MX answer") \
	X(ahead_joined, 0, "of these, in flight when a client came to ask the same") \
	X(ahead_over_rate, 0, "questions not asked ahead because of mail-prefetch-rate") \
	X(ahead_no_room, 0, "questions not asked ahead because too many are in flight, or a resolver does not keep up") \
	X(upstream_answers, 0, "answers that came back from a resolver") \
	X(upstream_secure, 0, "of these, validated: secure") \
	X(upstream_insecure, 0, "of these, not signed all the way: insecure") \
	X(upstream_bogus, 0, "of these, whose validation failed: bogus") \
	X(upstream_failures, 0, "of these, without usable data") \
	X(upstream_rejected, 0, "of these, malformed or to another question") \
	X(resent, 0, "questions asked again because their resolver died") \
	X(policies, 0, "TLS policies asked for over policy-listen") \
	X(policies_found, 0, "of these, answered OK") \
	X(policies_failed, 0, "of these, answered TEMP") \
	X(sts_fetched, 0, "MTA-STS policies fetched") \
	X(sts_failed, 0, "MTA-STS policies that were to be fetched and could not be") \
	X(sts_cached, 0, "MTA-STS policies given from the store") \
	X(tcp_accepted, 0, "TCP connections accepted") \
	X(tcp_refused, 0, "TCP connections closed at once because of a bound") \
	X(tcp_timeouts, 0, "TCP connections closed because the peer was too slow")

struct mx_counters {
#define X(name, class, help) _Atomic uint64_t name;
	MX_COUNTERS(X)
#undef X
};

/* Add n to a counter owned by the calling thread: a plain add, no locked
 * instruction, since nobody else writes it. */
#define mx_count(counters, name, n) \
	atomic_store_explicit(&(counters)->name, \
		atomic_load_explicit(&(counters)->name, memory_order_relaxed) + (n), \
		memory_order_relaxed)

/* One row of the table, for printing. */
struct mx_counter_row {
	const char *name, *help;
	int is_class;
	uint16_t offset; /* into struct mx_counters */
};
extern const struct mx_counter_row mx_counter_rows[];
extern const unsigned mx_counter_row_count;

/* *sum += *add, row by row. */
void mx_counters_add(struct mx_counters *sum, const struct mx_counters *add);

#endif
