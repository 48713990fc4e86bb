/* cookies.c - server cookies: RFC 7873, in the form of RFC 9018 section 4.
 *
 *   |version 1|reserved 3|timestamp 4|hash 8|
 *   hash = SipHash-2-4(client cookie | version | reserved | timestamp |
 *                      client address, secret)
 *
 * Without cookie-secret-file the secret of a day is made, by a hash that nobody
 * can go back, from the day and a number that this front drew when it started.
 * The timestamp in a cookie says which one it was, so there is no time at which
 * a new one comes and the old one has to be kept for a while, and nothing to be
 * told from one worker to the others.
 *
 * That number dies with the front. A file of it, or the supervisor's memory,
 * would be one more place from which it can be had; and a client that comes with
 * a cookie which is not known any more gets its answer, and a new cookie with it,
 * or where cookies are required, BADCOOKIE once, on which it asks again (RFC
 * 7873 section 5.3). Who wants cookies that outlive a front, or are good for
 * several hosts behind one address, has cookie-secret-file for it. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "mx_log.h"

#define VERSION 1
#define HEAD_LEN 8u /* version, reserved, timestamp */
#define HASH_LEN 8u
#define SERVER_LEN (HEAD_LEN + HASH_LEN)
#define ADDRESS_MAX 16u

/* RFC 9018 section 4.3. */
#define OLD_S 3600
#define FUTURE_S 300
#define RENEW_S 1800

/* RFC 9018 section 5: a secret is to be used for so long at most. */
#define SECRET_S 86400u

struct cookies {
	struct mx_cookie_secrets secrets; /* count 0: made from the root */
	uint8_t root[crypto_generichash_KEYBYTES];
};

_Static_assert(MX_COOKIE_SECRET_LEN == crypto_shorthash_KEYBYTES,
	       "a secret is a key of SipHash");

struct cookies *cookies_new(const struct mx_config *config)
{
	struct cookies *cookies = calloc(1, sizeof(*cookies));
	char why[MX_COOKIE_WHY_MAX];

	if (!cookies)
		return NULL;
	if (*config->cookie_secret_file &&
	    !mx_cookie_secrets_read(config->cookie_secret_file,
				    &cookies->secrets, why))
		mx_log(MX_LOG_WARNING,
		       "cookie-secret-file \"%s\" %s; until then a secret of this host's own is used",
		       config->cookie_secret_file, why);
	randombytes_buf(cookies->root, sizeof(cookies->root));
	return cookies;
}

void cookies_free(struct cookies *cookies)
{
	if (cookies)
		sodium_memzero(cookies, sizeof(*cookies));
	free(cookies);
}

/* Secret number i for a cookie of that time; false: there is none. */
static bool secret_of(const struct cookies *cookies, unsigned i, uint32_t time_s,
		      uint8_t ret[MX_COOKIE_SECRET_LEN])
{
	uint32_t day = time_s / SECRET_S;

	if (cookies->secrets.count > 0) {
		if (i < cookies->secrets.count)
			memcpy(ret, cookies->secrets.at[i],
			       MX_COOKIE_SECRET_LEN);
		return i < cookies->secrets.count;
	}
	crypto_generichash(ret, MX_COOKIE_SECRET_LEN, (const uint8_t *)&day,
			   sizeof(day), cookies->root, sizeof(cookies->root));
	return i == 0;
}

static void hash_of(const uint8_t secret[MX_COOKIE_SECRET_LEN],
		    const uint8_t *client_cookie, const uint8_t head[HEAD_LEN],
		    const struct sockaddr *peer, uint8_t ret[HASH_LEN])
{
	uint8_t input[MX_COOKIE_CLIENT_LEN + HEAD_LEN + ADDRESS_MAX];
	size_t len;
	const uint8_t *address = limits_address(peer, &len);

	memcpy(input, client_cookie, MX_COOKIE_CLIENT_LEN);
	memcpy(input + MX_COOKIE_CLIENT_LEN, head, HEAD_LEN);
	memcpy(input + MX_COOKIE_CLIENT_LEN + HEAD_LEN, address, len);
	crypto_shorthash(ret, input, MX_COOKIE_CLIENT_LEN + HEAD_LEN + len,
			 secret);
}

/* Sequence arithmetic (RFC 1982), as the timestamp has 32 bits. */
static int32_t age_of(const uint8_t head[HEAD_LEN], uint32_t now_s)
{
	return (int32_t)(now_s - mx_get_u32(head + 4));
}

/* Reserved octets are hashed as they came: a later version may use them. */
static bool is_good(const struct cookies *cookies, const uint8_t *cookie,
		    size_t len, const struct sockaddr *peer, uint32_t now_s)
{
	const uint8_t *head = cookie + MX_COOKIE_CLIENT_LEN;
	uint8_t secret[MX_COOKIE_SECRET_LEN], hash[HASH_LEN];
	bool good = false;

	if (len != MX_COOKIE_CLIENT_LEN + SERVER_LEN || head[0] != VERSION ||
	    age_of(head, now_s) > OLD_S || age_of(head, now_s) < -FUTURE_S)
		return false;
	for (unsigned i = 0; secret_of(cookies, i, mx_get_u32(head + 4), secret);
	     i++) {
		hash_of(secret, cookie, head, peer, hash);
		good |= sodium_memcmp(hash, head + HEAD_LEN, HASH_LEN) == 0;
	}
	sodium_memzero(secret, sizeof(secret));
	return good;
}

static void make(const struct cookies *cookies, const uint8_t *client_cookie,
		 const struct sockaddr *peer, uint32_t now_s,
		 uint8_t ret[COOKIE_LEN])
{
	uint8_t secret[MX_COOKIE_SECRET_LEN];
	uint8_t *head = ret + MX_COOKIE_CLIENT_LEN;

	memcpy(ret, client_cookie, MX_COOKIE_CLIENT_LEN);
	memset(head, 0, HEAD_LEN);
	head[0] = VERSION;
	mx_put_u32(head + 4, now_s);
	if (!secret_of(cookies, 0, now_s, secret))
		return; /* never: there is always a first one */
	hash_of(secret, client_cookie, head, peer, head + HEAD_LEN);
	sodium_memzero(secret, sizeof(secret));
}

enum cookie_state cookies_check(const struct cookies *cookies,
				const uint8_t *cookie, size_t len,
				const struct sockaddr *peer, uint32_t now_s,
				uint8_t ret[COOKIE_LEN])
{
	bool good = is_good(cookies, cookie, len, peer, now_s);

	if (good && age_of(cookie + MX_COOKIE_CLIENT_LEN, now_s) <= RENEW_S)
		memcpy(ret, cookie, COOKIE_LEN);
	else
		make(cookies, cookie, peer, now_s, ret);
	return good			     ? COOKIE_GOOD
	       : len == MX_COOKIE_CLIENT_LEN ? COOKIE_CLIENT_ONLY
					     : COOKIE_BAD;
}
