/* verify_cost - one ECDSA P-256 signature checked by nettle and by OpenSSL.
 *
 *   verify_cost
 *
 * Both ways as Unbound goes them for a signature of algorithm 13: the key made
 * from the 64 octets of a DNSKEY, SHA-256 over what is signed (here as much as
 * a small RRset), the signature checked. libunbound in Debian is linked with
 * nettle, the daemon with OpenSSL. Batches of both alternate; the figure is the
 * median batch's, in processor time. One line of JSON.
 */
#include <gmp.h>
#include <jansson.h>
#include <nettle/bignum.h>
#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <nettle/sha2.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES 41u
#define BATCH 50u
#define HALF 32u
#define SIGNED_OCTETS 120u

static struct {
	uint8_t text[SIGNED_OCTETS];
	uint8_t key[2 * HALF]; /* as in a DNSKEY: x, y */
	uint8_t signature[2 * HALF]; /* as in an RRSIG: r, s */
} sample;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "verify_cost: %s failed\n", what);
	exit(1);
}

static void make_sample(void)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t point[1 + 2 * HALF], der[80];
	const uint8_t *at = der;
	size_t len = sizeof der, point_len;
	ECDSA_SIG *sig;

	memset(sample.text, 'x', sizeof sample.text);
	need(pair != NULL && md != NULL &&
	     EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY,
					     point, sizeof point, &point_len) &&
	     point_len == sizeof point, "making a key");
	memcpy(sample.key, point + 1, sizeof sample.key);
	need(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, pair) == 1 &&
	     EVP_DigestSign(md, der, &len, sample.text, SIGNED_OCTETS) == 1,
	     "signing");
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	need(sig != NULL, "the signature");
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), sample.signature, HALF);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), sample.signature + HALF, HALF);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pair);
}

static bool by_nettle(void)
{
	struct sha256_ctx hash;
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct ecc_point key;
	struct dsa_signature sig;
	mpz_t x, y;
	bool good;

	sha256_init(&hash);
	sha256_update(&hash, SIGNED_OCTETS, sample.text);
	sha256_digest(&hash, sizeof digest, digest);
	nettle_mpz_init_set_str_256_u(x, HALF, sample.key);
	nettle_mpz_init_set_str_256_u(y, HALF, sample.key + HALF);
	dsa_signature_init(&sig);
	nettle_mpz_set_str_256_u(sig.r, HALF, sample.signature);
	nettle_mpz_set_str_256_u(sig.s, HALF, sample.signature + HALF);
	ecc_point_init(&key, nettle_get_secp_256r1());
	good = ecc_point_set(&key, x, y) &&
	       ecdsa_verify(&key, sizeof digest, digest, &sig);
	ecc_point_clear(&key);
	dsa_signature_clear(&sig);
	mpz_clear(x);
	mpz_clear(y);
	return good;
}

static EVP_PKEY *openssl_key(void)
{
	uint8_t point[1 + 2 * HALF] = { 4 };
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	memcpy(point + 1, sample.key, sizeof sample.key);
	OSSL_PARAM_BLD_push_utf8_string(build, "group", "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(build, "pub", point, sizeof point);
	params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_fromdata_init(ctx);
	EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool by_openssl(void)
{
	EVP_PKEY *key = openssl_key();
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ECDSA_SIG *sig = ECDSA_SIG_new();
	uint8_t *der = NULL;
	int len;
	bool good;

	ECDSA_SIG_set0(sig, BN_bin2bn(sample.signature, HALF, NULL),
		       BN_bin2bn(sample.signature + HALF, HALF, NULL));
	len = i2d_ECDSA_SIG(sig, &der);
	good = key != NULL && len > 0 &&
	       EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestVerify(md, der, (size_t)len, sample.text,
				SIGNED_OCTETS) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return good;
}

static double batch_us(bool (*verify)(void))
{
	struct timespec from, to;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < BATCH; i++)
		need(verify(), "a signature");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e6 +
		(double)(to.tv_nsec - from.tv_nsec) / 1e3) / BATCH;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	double nettle[BATCHES], openssl[BATCHES];
	json_t *line;

	make_sample();
	for (unsigned i = 0; i < BATCHES; i++) {
		nettle[i] = batch_us(by_nettle);
		openssl[i] = batch_us(by_openssl);
	}
	qsort(nettle, BATCHES, sizeof *nettle, compare);
	qsort(openssl, BATCHES, sizeof *openssl, compare);
	line = json_pack("{s:f, s:f}", "nettle_us", nettle[BATCHES / 2],
			 "openssl_us", openssl[BATCHES / 2]);
	json_dumpf(line, stdout, JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(line);
	return 0;
}
