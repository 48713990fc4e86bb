/* hash.c - see hash.h. */
#include "hash.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* Types are spread by multiples of 2^32 divided by the golden ratio, which
 * lie evenly on the circle however many there are. So asking one name with
 * every QTYPE makes no long chain, although this step is not keyed. */
#define GOLDEN 0x9e3779b1u

enum mx_error hasher_init(struct hasher *h, const uint8_t *key, bool constant)
{
	static_assert(sizeof h->key == crypto_shorthash_KEYBYTES, "SipHash key");

	if (sodium_init() < 0)
		return MX_E_SYSTEM;
	if (key != NULL)
		memcpy(h->key, key, sizeof h->key);
	else
		crypto_shorthash_keygen(h->key);
	h->constant = constant;
	return MX_OK;
}

void hash_place(const struct hasher *h, const struct mx_key *key,
		struct place *ret)
{
	uint32_t half[2];

	static_assert(sizeof half == crypto_shorthash_BYTES, "SipHash output");
	if (h->constant) {
		memset(ret, 0, sizeof *ret);
		return;
	}
	crypto_shorthash((uint8_t *)half, key->qname, key->qname_len, h->key);
	ret->shard = half[0];
	ret->spot_nxdomain = half[1] + ((uint32_t)key->qclass << 16) * GOLDEN;
	ret->spot = ret->spot_nxdomain + key->qtype * GOLDEN;
}
