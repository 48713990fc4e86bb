/* cache_answers.h - answers for the cache's tests, made from a number.
 *
 * The RRs are well-formed: each starts with a pointer to the question. Two
 * answers of different seeds differ in every RR, so a mix-up shows.
 */
#ifndef CACHE_ANSWERS_H
#define CACHE_ANSWERS_H

#include <assert.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mx_cache.h"
#include "mx_ede.h"

#define RR_HEAD 12u /* pointer, TYPE, CLASS, TTL, RDLENGTH */
#define RRS_MAX 512u

/* ---- keys ---- */

struct test_key {
	uint8_t qname[MX_NAME_MAX];
	struct mx_key key;
};

/* "mail.example" as lower-cased wire; "" is the root. */
static inline struct mx_key *key_of(struct test_key *k, const char *name,
				    uint16_t qtype)
{
	size_t at = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		assert_in_range(at + len + 2, 1, MX_NAME_MAX);
		k->qname[at] = (uint8_t)len;
		memcpy(k->qname + at + 1, name, len);
		at += len + 1;
		name += name[len] == '.' ? len + 1 : len;
	}
	k->qname[at] = 0;
	k->key = (struct mx_key){ k->qname, (uint8_t)(at + 1), qtype, 1 };
	return &k->key;
}

/* ---- bodies ---- */

struct body {
	uint8_t octets[MX_MESSAGE_MAX];
	uint16_t ttl_at[RRS_MAX];
	struct mx_form form;
};

static inline void body_clear(struct body *b)
{
	memset(&b->form, 0, sizeof b->form);
	b->form.octets = b->octets;
	b->form.ttl_at = b->ttl_at;
}

static inline void put_be(uint8_t *at, uint32_t v, unsigned octets)
{
	while (octets-- > 0) {
		at[octets] = (uint8_t)v;
		v >>= 8;
	}
}

static inline uint32_t get_be(const uint8_t *at, unsigned octets)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < octets; i++)
		v = v << 8 | at[i];
	return v;
}

/* Append an RR whose RDATA is len octets made from seed. */
static inline void body_rr(struct body *b, bool answer, uint16_t type,
			   uint32_t ttl_s, uint32_t seed, size_t len)
{
	uint8_t *rr = b->octets + b->form.len;

	assert_true(b->form.len + RR_HEAD + len <= sizeof b->octets);
	assert_true(b->form.ttl_count < RRS_MAX);
	put_be(rr, 0xc00c, 2);
	put_be(rr + 2, type, 2);
	put_be(rr + 4, 1, 2);
	put_be(rr + 6, ttl_s, 4);
	put_be(rr + 10, (uint32_t)len, 2);
	for (size_t i = 0; i < len; i++)
		rr[RR_HEAD + i] = (uint8_t)((seed + i) * 2654435761u >> 24);
	b->ttl_at[b->form.ttl_count++] = (uint16_t)(b->form.len + 6);
	b->form.len += (uint32_t)(RR_HEAD + len);
	if (answer)
		b->form.ancount++;
	else
		b->form.nscount++;
}

/* One RR, total octets in all. */
static inline void body_of_len(struct body *b, uint32_t ttl_s, uint32_t seed,
			       size_t total)
{
	body_clear(b);
	body_rr(b, true, 16, ttl_s, seed, total - RR_HEAD);
}

/* What a body must look like after age_s seconds, turned by `turn`: worked
 * out RR by RR, in another way than mx_form_write does it. */
static inline void body_expect(const struct mx_form *f, uint32_t age_s,
			       unsigned turn, uint8_t *ret)
{
	unsigned first = 0;
	size_t at = 0;

	while (f->turn_count > 1 && f->ttl_at[first] - 6u != f->turn_at)
		first++;
	for (unsigned i = 0; i < f->ttl_count; i++) {
		bool turns = f->turn_count > 1 && i >= first &&
			i < first + f->turn_count;
		unsigned from = turns ?
			first + (i - first + turn) % f->turn_count : i;
		const uint8_t *rr = f->octets + f->ttl_at[from] - 6;
		size_t len = RR_HEAD + get_be(rr + 10, 2);
		uint32_t ttl_s = get_be(rr + 6, 4);

		memcpy(ret + at, rr, len);
		put_be(ret + at + 6, ttl_s > age_s ? ttl_s - age_s : 0, 4);
		at += len;
	}
	assert_int_equal(at, f->len);
}

/* ---- answers ---- */

static inline struct mx_answer answer_of(const struct body *plain,
					 const struct body *full,
					 uint32_t ttl_s)
{
	return (struct mx_answer){
		.kind = MX_ANSWER_POSITIVE, .state = MX_INSECURE,
		.ttl_s = ttl_s, .ede = MX_EDE_NONE, .why = "",
		.plain = plain->form,
		.full = full != NULL ? full->form : plain->form,
	};
}

static inline struct mx_answer nxdomain_of(const struct body *plain,
					   uint32_t ttl_s)
{
	struct mx_answer a = answer_of(plain, NULL, ttl_s);

	a.kind = MX_ANSWER_NXDOMAIN;
	a.rcode = MX_RCODE_NXDOMAIN;
	return a;
}

/* ---- caches ---- */

static const uint8_t test_hash_key[16] = "not a secret key";

static inline struct mx_cache *cache_of(size_t size_octets)
{
	const struct mx_cache_config config = {
		.size_octets = size_octets,
		.failure_ttl_min_s = 1, .failure_ttl_max_s = 300,
		.hash_key = test_hash_key,
	};
	struct mx_cache *cache = NULL;

	assert_int_equal(mx_cache_new(&config, &cache), MX_OK);
	return cache;
}

static inline void assert_sound(struct mx_cache *cache)
{
	const char *broken = mx_cache_check(cache);
	struct mx_cache_stats stats;

	if (broken != NULL)
		fail_msg("%s", broken);
	mx_cache_stats(cache, &stats);
	assert_in_range(stats.octets, 1, stats.octets_max);
}

static inline void cache_done(struct mx_cache *cache)
{
	assert_sound(cache);
	mx_cache_free(cache);
}

/* ---- numbers that look random, the same everywhere ---- */

static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint32_t random_below(uint64_t *state, uint32_t bound)
{
	return (uint32_t)(next_random(state) % bound);
}

static inline uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

#endif
