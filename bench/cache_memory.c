/* cache_memory - what a million plain MX and A answers take in memory.
 *
 *   cache_memory [ANSWERS [CACHE_MIB]]
 *
 * Half MX (two exchanges), half A, each of a name of its own, as
 * cache_memory_peers.py has Unbound learn them. RSS is what the kernel says,
 * before the cache is there and after the last answer. Then ten times as much
 * as fits, in answers of 60 to 65,535 octets, into another cache: RSS may be a
 * quarter above its cap. Results in JSON, one line each.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mx_cache.h"
#include "mx_ede.h"

#define ANSWERS 1000000u
#define MIB (1024.0 * 1024.0)
#define TTL_S 86400u

/* Two RRs: pointer, ten octets, preference, a label of three and a pointer.
 * Or one: pointer, ten octets, an address. */
#define MX_LEN 40u
#define A_LEN 16u

static uint8_t octets[MX_MESSAGE_MAX];

static double rss_octets(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
		exit(1);
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static struct mx_cache *cache_new(size_t size_octets)
{
	const struct mx_cache_config config = { .size_octets = size_octets };
	struct mx_cache *cache;

	if (mx_cache_new(&config, &cache) != MX_OK)
		exit(1);
	return cache;
}

/* "n0000001.mail.test": its length in wire form is returned. */
static size_t name_of(uint8_t *qname, uint32_t number)
{
	snprintf((char *)qname + 1, 9, "n%07u", number);
	qname[0] = 8;
	memcpy(qname + 9, "\004mail\004test", 11);
	return 20;
}

static bool put(struct mx_cache *cache, uint32_t number, uint16_t qtype,
		uint32_t len, uint16_t rrs)
{
	static const uint16_t ttl_at[] = { 6, 26 };
	uint8_t qname[32];
	struct mx_key key = { qname, (uint8_t)name_of(qname, number), qtype, 1 };
	struct mx_answer a = {
		.state = MX_INSECURE, .ttl_s = TTL_S, .ede = MX_EDE_NONE,
		.why = "",
		.plain = { .octets = octets, .len = len, .ancount = rrs,
			   .ttl_count = rrs, .ttl_at = ttl_at },
	};

	a.full = a.plain;
	return mx_cache_put(cache, &key, &a, 0);
}

static void print(json_t *line)
{
	if (line == NULL)
		exit(1);
	json_dumpf(line, stdout, JSON_REAL_PRECISION(5));
	putchar('\n');
	json_decref(line);
}

static void small_answers(uint32_t answers)
{
	double before = rss_octets(), empty, after;
	/* So much that nothing is evicted. */
	struct mx_cache *cache = cache_new((size_t)answers * 160 + (16u << 20));
	struct mx_cache_stats stats;
	double payload = answers * (20.0 + (MX_LEN + A_LEN) / 2.0);

	empty = rss_octets();
	for (uint32_t i = 0; i < answers; i++)
		put(cache, i, i % 2 ? 1 : 15, i % 2 ? A_LEN : MX_LEN, i % 2 ? 1 : 2);
	after = rss_octets();
	mx_cache_stats(cache, &stats);
	print(json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f}",
			"what", "plain MX and A answers",
			"answers", (int)stats.entries,
			"rss_mib", (after - before) / MIB,
			"rss_empty_mib", (empty - before) / MIB,
			"rss_octets_each", (after - before) / (double)stats.entries,
			"counted_octets_each",
			(double)stats.octets / (double)stats.entries,
			"octets_each_beyond_key_and_wire",
			((double)stats.octets - payload) / (double)stats.entries));
	mx_cache_free(cache);
}

static uint32_t random_len(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return (uint32_t)(60 * pow(MX_MESSAGE_MAX / 60.0,
				   (double)(z >> 11) / (double)(1ull << 53)));
}

static void all_sizes(unsigned mib)
{
	double before = rss_octets(), after, highest = 0, sent = 0;
	double cap = mib * MIB;
	struct mx_cache *cache = cache_new((size_t)mib << 20);
	struct mx_cache_stats stats;
	uint64_t random = 1;

	for (uint32_t i = 0; sent < 10 * cap; i++) {
		uint32_t len = random_len(&random);

		put(cache, i, 1, len, 1);
		sent += len;
		if (i % 256 == 0 && rss_octets() > highest)
			highest = rss_octets();
	}
	after = rss_octets();
	mx_cache_stats(cache, &stats);
	print(json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:I, s:I}",
			"what", "ten times as much as fits, 60 to 65,535 octets",
			"cache_mib", (int)mib,
			"rss_base_mib", before / MIB,
			"rss_mib", (after - before) / MIB,
			"rss_highest_mib", (highest - before) / MIB,
			"rss_highest_to_cap", (highest - before) / cap,
			"counted_to_cap", (double)stats.octets / cap,
			"entries", (json_int_t)stats.entries,
			"evicted", (json_int_t)stats.evicted));
	mx_cache_free(cache);
}

int main(int argc, char **argv)
{
	uint32_t answers = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : ANSWERS;
	unsigned mib = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 64;

	if (answers == 0 || mib == 0) {
		fprintf(stderr, "cache_memory [ANSWERS [CACHE_MIB]]\n");
		return 2;
	}
	small_answers(answers);
	all_sizes(mib);
	return 0;
}
