/* mx_cache.h - answers that may be given again until their TTL runs out.
 *
 * Owns     every octet stored: put copies in, get copies out; nobody holds a
 *          pointer into the cache, so eviction needs no permission.
 * Units    TTL: seconds. mx_instant: ms, passed in, so tests move time.
 * Threads  any function but new and free, any thread. One shard lock at a
 *          time, never held across a callback or system call.
 * Errors   a miss is a result, not an error. put stores or it does not: no
 *          caller can do anything about it, so it only says so.
 * Memory   size_octets bounds everything: entries as the allocator rounds
 *          them, tables, shards. An answer larger than a quarter of a shard
 *          (there is one for each MiB, at most 256) is not stored.
 *          When there is no room, what was asked for only once goes first
 *          (S3-FIFO, cache/evict.h). Failures have a 64th of their own: no
 *          failure makes an answer go, nor an answer a failure.
 *
 * Keys are lower-cased wire QNAME, type, class, compared whole: the hash
 * (SipHash, random key per process) only finds the chain. DO, CD, AD, case,
 * EDNS and transport are not in the key: an entry serves them all.
 *
 * A secure NXDOMAIN without an alias is kept under its name and class and
 * serves every QTYPE (RFC 2308 section 5); any other serves its QTYPE only,
 * since there are servers that deny the name where only the type is missing
 * (RFC 4074 section 4.2). It does not cut off answers of other types that are
 * still live: they may be given until their own TTL ends. A positive or NODATA
 * answer of the name ends it.
 *
 * A failure and a bogus answer are kept beside the answer of the same key and
 * never push it out (RFC 9520 section 3.2). What get gives is, of those that
 * are live, the first of: answer of the type, NXDOMAIN of the name, bogus
 * answer, failure. What is no longer live stays until it is replaced or
 * evicted, but is not given, except by get_stale, after RFC 8767.
 */
#ifndef MX_CACHE_H
#define MX_CACHE_H

#include "mx_answer.h"
#include "mx_clock.h"
#include "mx_error.h"

struct mx_cache;

#define MX_CACHE_SIZE_MIN 16384u

struct mx_cache_config {
	size_t size_octets; /* at least MX_CACHE_SIZE_MIN */
	uint32_t failure_ttl_min_s, failure_ttl_max_s; /* RFC 9520: 1 .. 300 */
	uint32_t stale_max_s;  /* get_stale gives nothing older past its TTL */
	uint16_t refresh_hits; /* see mx_found.refresh; 0: never */
	const uint8_t *hash_key; /* 16 octets, or NULL: random */
	bool hash_constant;	 /* tests: every key in one chain */
	/* A snapshot is to be loaded (mx_snapshot.h): remember until then which
	 * names are heard of, so that nothing of the file contradicts it. */
	bool will_load;
};

/* MX_E_CONFIG (size), MX_E_NO_MEMORY, MX_E_SYSTEM (no randomness); *ret is
 * untouched then. */
enum mx_error mx_cache_new(const struct mx_cache_config *config,
			   struct mx_cache **ret);
void mx_cache_free(struct mx_cache *cache);

enum mx_hit { MX_MISS, MX_HIT };

/* What get found, without the octets. */
struct mx_found {
	enum mx_answer_kind kind;
	enum mx_validation state;
	uint8_t rcode;
	uint16_t ede;
	char why[MX_WHY_MAX + 1];
	uint16_t ancount, nscount, arcount;
	uint32_t len;	    /* octets of the form wanted */
	bool copied;	    /* false: len > room, nothing was written */
	uint32_t ttl_left_s; /* until it expires, rounded up: at least 1; of
				a stale answer 0 */
	mx_instant expires;
	bool stale;
	/* True for one hit of each answer that is asked for refresh_hits times
	 * or more, the one it was awaited for included: whoever got it sees to it that the question
	 * is asked again when it has expired. */
	bool refresh;
};

/* The form wanted (full or plain) of the answer to key, TTLs reduced by the
 * whole seconds spent here, is copied to out if it fits in room octets. Each
 * copy turns the RRset at turn_at by one more. An answer put with ttl_s T is
 * given strictly before T seconds have passed; a clock that goes back counts
 * as no time. With full
 * false and state bogus the octets are copied all the same: it is the
 * caller's to give them only for CD=1. A cached failure is a hit of kind
 * MX_ANSWER_FAILURE with len 0, only if no live answer exists.
 * On MX_MISS *ret is untouched. */
enum mx_hit mx_cache_get(struct mx_cache *cache, const struct mx_key *key,
			 mx_instant now, bool full, uint8_t *out, size_t room,
			 struct mx_found *ret);

/* In place of a failure: the answer to key that was put with may_stale and
 * ran out less than stale_max_s ago, with TTLs of 30 s or, if less, their own
 * (RFC 8767 section 5). Only of kind MX_ANSWER_POSITIVE; of a secure one only
 * while all its signatures hold by wall_ms (mx_clock_wall_ms), so that its state may
 * still be told; and none if the name's NXDOMAIN, or a bogus answer to key,
 * was heard later, however long ago. */
enum mx_hit mx_cache_get_stale(struct mx_cache *cache, const struct mx_key *key,
			       mx_instant now, int64_t wall_ms, bool full,
			       uint8_t *out, size_t room, struct mx_found *ret);

/* What get would give, but for whoever only wants to know: it counts as no use
 * and turns nothing. */
enum mx_hit mx_cache_peek(struct mx_cache *cache, const struct mx_key *key,
			  mx_instant now, bool full, uint8_t *out, size_t room,
			  struct mx_found *ret);

/* Whether get would be a hit. Does not count as one. */
bool mx_cache_has(struct mx_cache *cache, const struct mx_key *key,
		  mx_instant now);

/* Keep an answer; ttl_s 0 is not kept, nor is kind MX_ANSWER_FAILURE (see
 * put_failure). Whether or not it is stored, it ends what it supersedes: the
 * key's answer, bogus answer, failure and the name's NXDOMAIN; a bogus answer
 * only the key's bogus answer and failure. With ttl_s 0 it leaves an answer
 * alone that says the same. Returns whether it was stored. */
bool mx_cache_put(struct mx_cache *cache, const struct mx_key *key,
		  const struct mx_answer *answer, mx_instant now);

/* Keep that resolution failed, for failure_ttl_min_s, and twice as long as
 * the last time for each failure that comes within five minutes after the
 * last one ran out, up to failure_ttl_max_s. A failure while one still lasts
 * changes nothing: it is another worker's word of the same outage. An answer
 * put in between starts anew. Returns the seconds until it ends. */
uint32_t mx_cache_put_failure(struct mx_cache *cache, const struct mx_key *key,
			      uint16_t ede, const char *why, mx_instant now);

/* The same for least_s at least: while there is a stale answer to give. */
uint32_t mx_cache_put_failure_least(struct mx_cache *cache,
				    const struct mx_key *key, uint16_t ede,
				    const char *why, uint32_t least_s,
				    mx_instant now);

/* qname as in mx_key. Drop every entry of a name (all types, NXDOMAIN, failures); with below,
 * of all names below it too. Returns how many. */
size_t mx_cache_flush(struct mx_cache *cache, const uint8_t *qname,
		      uint8_t qname_len, bool below);

/* The same of one type: its answer, bogus answer and failure, and the NXDOMAIN
 * of the name, which is an answer to it too. */
size_t mx_cache_flush_type(struct mx_cache *cache, const struct mx_key *key);

/* What lies in the cache, some of it at a time, for people: no use is counted
 * and nothing moves. */
struct mx_cache_item {
	struct mx_name qname;
	uint16_t qtype; /* 0: NXDOMAIN of a name, whatever the type */
	enum mx_answer_kind kind;
	enum mx_validation state;
	int64_t ttl_left_s; /* below 0: run out so long ago */
	uint32_t octets;    /* of the entry */
	uint16_t ede;
};
/* Up to room items, at least MX_CACHE_LIST_MIN, from *cursor on, which begins as
 * 0 and moves; at the end it is MX_CACHE_LIST_END. Returns how many, perhaps
 * none before the end. What is put or goes meanwhile may be there or not, all
 * else is there once. One shard lock for some 64 items at a time. */
#define MX_CACHE_LIST_MIN 64u
#define MX_CACHE_LIST_END UINT64_MAX
size_t mx_cache_list(struct mx_cache *cache, uint64_t *cursor, mx_instant now,
		     struct mx_cache_item *ret, size_t room);

struct mx_cache_stats {
	size_t octets, octets_max; /* in use, and size_octets */
	size_t entries;
	uint64_t stored;   /* answers and failures */
	uint64_t replaced; /* ended by a later answer or failure */
	uint64_t evicted;  /* had to go for want of room */
	uint64_t expired;  /* misses where an answer was kept, but too old */
	uint64_t refused_too_big, refused_no_memory; /* not stored */
};
/* Shard after shard: a sum of what was true at slightly different times. */
void mx_cache_stats(struct mx_cache *cache, struct mx_cache_stats *ret);

/* For tests: walk every shard, check lists, chains and accounting; returns
 * NULL, or static text naming what is broken. */
const char *mx_cache_check(struct mx_cache *cache);

#endif
