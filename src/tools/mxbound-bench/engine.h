/* engine.h - which question goes to which server when, and what its answer is.
 *
 * A unit is a question of a list, or the chain of a domain; each server gets
 * each unit. Unit u of server k is due at start + (u * servers + turn) / (rate *
 * servers), where the turn of k moves on with each unit: nobody is always first.
 * What a chain asks next is due when the answer that called for it arrived.
 * Latency counts from when a question was due, whenever it was really sent.
 *
 * Pure: no I/O, no clock. The caller sends what engine_take() gives, hands in
 * what arrives, and calls engine_expire():
 *
 *     while (!engine_done(e)) {
 *             while (engine_take(e, now(), &out))
 *                     ... send out.octets on lane out.lane of out.server
 *             ... wait until engine_wake(e) or something arrives:
 *             engine_reply(e, server, lane, packet, len, at_ns, now());
 *             engine_expire(e, now());
 *     }
 *
 * A lane is a UDP socket or a TCP connection. Of a server there are `sockets`
 * lanes of its transport and, if that is UDP, one more for TCP.
 *
 * An answer counts if it came on the lane that the question went out on, with
 * its ID and its question, octet by octet. Truncated ones are asked again over
 * TCP; the time goes on.
 *
 * Units    ns on one monotonic clock.
 * Bounds   ENGINE_OPEN_MAX questions and ENGINE_CHAINS_MAX chains open; what
 *          does not fit then is not asked, counts as not_asked, and is the
 *          generator's fault. A chain of which a question was not asked is
 *          dropped, and counts as dropped.
 * Threads  one at a time.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "queries.h"
#include "results.h"
#include "schedule.h"

#define ENGINE_OPEN_MAX 32768u
#define ENGINE_CHAINS_MAX 2048u
#define ENGINE_SOCKETS_MAX 16u
#define ENGINE_LANES_MAX (ENGINE_SOCKETS_MAX + 1u)

struct engine_options {
	unsigned servers; /* 1 to SERVERS_MAX */
	bool tcp[SERVERS_MAX];
	unsigned sockets; /* 1 to ENGINE_SOCKETS_MAX */
	uint32_t rate;	  /* units a second to each server */
	uint64_t units;	  /* to each */
	int64_t start_ns, timeout_ns;
	uint32_t seed; /* of the IDs */
	unsigned open_max, chains_max; /* less than below; 0: that */
	/* Borrowed for the life of the engine. One of the two: */
	const struct queries *queries;
	const struct mx_name *domains;
	size_t domain_count;
	struct queries_options query; /* of chains: EDNS, DO */
	struct chain_options chain;
};

struct engine_out {
	unsigned server, lane;
	bool tcp;
	const uint8_t *octets; /* until the next call */
	uint16_t len;
	uint32_t ticket;
};

/* How the generator itself did. */
struct engine_generator {
	uint64_t not_asked, dropped;
};

struct engine;

/* results: of as many servers; borrowed. NULL: no memory. */
struct engine *engine_new(const struct engine_options *options,
			  struct results *results);
void engine_free(struct engine *e); /* NULL is fine */

/* The next message that is to go out by now. */
bool engine_take(struct engine *e, int64_t now_ns, struct engine_out *ret);
/* The system did not take it: no answer will come, and it waits to be lost. */
void engine_unsent(struct engine *e, const struct engine_out *out);

/* A message of a server, at the time at which it arrived. */
void engine_reply(struct engine *e, unsigned server, unsigned lane,
		  const uint8_t *packet, size_t len, int64_t at_ns);
/* A TCP connection was closed or could not be made: its questions go out once
 * more, on another connection; then they are lost. */
void engine_lane_closed(struct engine *e, unsigned server, unsigned lane,
			int64_t now_ns);
/* What has waited for the timeout is lost. */
void engine_expire(struct engine *e, int64_t now_ns);

/* When there is something to do, if nothing arrives: INT64_MAX for never. */
int64_t engine_wake(const struct engine *e);
/* Begin no more units and forget what is open: it counts as left. */
void engine_stop(struct engine *e);
bool engine_done(const struct engine *e);

uint64_t engine_units_begun(const struct engine *e); /* of all servers */
const struct engine_generator *engine_generator(const struct engine *e);

/* When a question counts as sent late: by more than this, and more than a
 * tenth of what its server takes for its class on average. */
#define ENGINE_LATE_NS 200000

#endif
