/* hash.h - where a question's entries are to be found. Pure.
 *
 * One SipHash of the name places all that is known about a name in one shard,
 * so an answer, the NXDOMAIN of its name and its failure are looked up under
 * one lock. The type only moves the spot within the shard.
 */
#ifndef MX_CACHE_HASH_H
#define MX_CACHE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "mx_answer.h"
#include "mx_error.h"

struct hasher {
	uint8_t key[16];
	bool constant;
};

struct place {
	uint32_t shard; /* to be masked by the number of shards */
	uint32_t spot;	/* of type and class; scaled to the number of buckets */
	uint32_t spot_nxdomain;
};

/* key: 16 octets, or NULL for a random one. MX_E_SYSTEM without a source of
 * randomness. */
enum mx_error hasher_init(struct hasher *h, const uint8_t *key, bool constant);
void hash_place(const struct hasher *h, const struct mx_key *key,
		struct place *ret);

/* The bucket of a spot, by multiplication: any number of buckets will do. */
static inline uint32_t hash_bucket(uint32_t spot, uint32_t buckets)
{
	return (uint32_t)((uint64_t)spot * buckets >> 32);
}

#endif
