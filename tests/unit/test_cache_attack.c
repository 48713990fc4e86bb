/* What an attacker who fills the cache takes from those who use it
 * (CacheFlush): one query in ten is the attacker's, each for a name never
 * asked before, with an answer of 4 KiB. The others ask for a hot set that
 * takes a fifth of the cache. */
#include "cache_answers.h"

#define SIZE (4u << 20)
#define HOT 2000u
#define HOT_OCTETS 200u
#define FILLER_OCTETS 4096u
#define STEPS 200000u
#define WARM_STEPS 20000u
#define TTL_S 3600u
#define LOST_MAX 0.05

struct attack {
	struct mx_cache *cache;
	uint64_t random;
	struct body body;
	uint8_t out[MX_MESSAGE_MAX];
	unsigned times; /* that the attacker asks for each of its names */
	uint32_t fillers;
};

/* Whether it was there; afterwards it is. */
static bool ask(struct attack *a, const char *name, uint32_t seed, size_t octets,
		mx_instant now)
{
	struct mx_answer answer;
	struct mx_found found;
	struct test_key k;

	key_of(&k, name, 1);
	if (mx_cache_get(a->cache, &k.key, now, false, a->out, sizeof a->out,
			 &found) == MX_HIT)
		return true;
	body_of_len(&a->body, TTL_S, seed, octets);
	answer = answer_of(&a->body, NULL, TTL_S);
	mx_cache_put(a->cache, &k.key, &answer, now);
	return false;
}

static bool ask_hot(struct attack *a, mx_instant now)
{
	uint32_t n = random_below(&a->random, HOT);
	char name[32];

	snprintf(name, sizeof name, "h%u.example", n);
	return ask(a, name, n, HOT_OCTETS, now);
}

static void fill(struct attack *a, mx_instant now)
{
	char name[32];

	snprintf(name, sizeof name, "x%u.attacker.example", a->fillers++);
	for (unsigned i = 0; i < a->times; i++)
		ask(a, name, a->fillers, FILLER_OCTETS, now);
}

/* The part of the hot set's queries that are hits, times: 0, no attack. */
static double hit_ratio(unsigned times)
{
	static struct attack a;
	size_t hits = 0, asked = 0;

	memset(&a, 0, sizeof a);
	a.times = times;
	a.cache = cache_of(SIZE);
	for (uint32_t step = 0; step < STEPS; step++) {
		mx_instant now = 1000000 + step;
		bool hit;

		if (random_below(&a.random, 10) == 0) {
			fill(&a, now);
			continue;
		}
		hit = ask_hot(&a, now);
		if (step < WARM_STEPS)
			continue;
		asked++;
		hits += hit;
		if (step % 1000 == 0)
			assert_sound(a.cache);
	}
	cache_done(a.cache);
	return (double)hits / (double)asked;
}

static void by_names_asked(unsigned times)
{
	double without = hit_ratio(0), with = hit_ratio(times);

	print_message("hits of the hot set: %.2f %%, beside the attacker %.2f %%\n",
		      100 * without, 100 * with);
	assert_true(without > 0.99);
	assert_true(without - with < LOST_MAX);
}

static void by_names_asked_once(void **state)
{
	(void)state;
	by_names_asked(1);
}

/* Three times the traffic, to look like something that is used. */
static void by_names_asked_thrice(void **state)
{
	(void)state;
	by_names_asked(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_names_asked_once),
		cmocka_unit_test(by_names_asked_thrice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
