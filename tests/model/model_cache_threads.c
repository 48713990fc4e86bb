/* The cache with several threads against a record of all that was put: puts,
 * gets, stale gets, failures, flushes, a clock that moves, claims to refresh,
 * snapshots written and loaded meanwhile; round after round a new cache, of
 * another size, that starts with the snapshot of the one before.
 *
 * Every key has one thread that puts it, so its answers have an order, and
 * every answer says in its octets whose it is, with a checksum. Whoever gets
 * one looks it up: it must have been put under that key, be whole, be within
 * its lifetime and say how much of that is left, and not be one that was
 * superseded or flushed before the get began. Of each answer at most one get
 * is told to refresh it.
 *
 * MX_SEED, MX_STEPS (of a thread, in a round) repeat or prolong a run; which
 * thread comes when is not repeated.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../unit/snapshot_files.h"

#define THREADS 3u
#define KEYS 40u /* of each thread */
#define ROUNDS 6u
#ifdef MX_SANITIZED
#define STEPS 1500
#else
#define STEPS 6000
#endif
#define FAILURE_MAX_S 300u
#define QTYPE 15u
#define SEAL 20u /* octets of RDATA before those that are summed */

/* What was put. Written before put; who gets it from the cache sees that. */
struct record {
	uint32_t key;
	mx_instant stored;
	uint32_t ttl_s, rr_ttl_s, signed_until;
	enum mx_answer_kind kind;
	enum mx_validation state;
	bool may_stale, has_signed_until;
	_Atomic uint32_t refreshed_in; /* round; 0: in none */
};

/* Versions below these are gone when they have been read. */
struct floors {
	_Atomic uint32_t answer, bogus, failure;
};

struct worker {
	unsigned number;
	struct mx_cache *cache;
	uint64_t random, steps;
	uint32_t round;
	struct record *records; /* by version; 0 is none */
	uint32_t last, most;
	struct floors floors[KEYS];
	struct body plain, full;
	uint8_t out[MX_MESSAGE_MAX];
	size_t hits, stale, failures, refreshes;
	const char *wrong; /* the first */
};

static struct worker workers[THREADS + 1]; /* the last is who saves and loads */
static _Atomic mx_instant clock_ms;
static _Atomic unsigned busy;

static uint32_t below(struct worker *w, uint32_t bound)
{
	return random_below(&w->random, bound);
}

static void wrong(struct worker *w, const char *what)
{
	if (w->wrong == NULL)
		w->wrong = what;
}

/* ---- names: kN.gOWNER.example ---- */

static struct mx_key *name_key(struct test_key *k, unsigned owner, uint32_t n)
{
	char name[40];

	snprintf(name, sizeof name, "k%u.g%u.example", n, owner);
	return key_of(k, name, QTYPE);
}

/* ---- octets that say whose they are ---- */

static uint32_t checksum(const uint8_t *octets, size_t len)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ octets[i]) * 16777619u;
	return sum;
}

static void seal(struct worker *w, struct body *b, uint32_t version, bool full)
{
	const struct record *r = &w->records[version];
	size_t rest = below(w, below(w, 30) == 0 ? 6000 : 200);
	uint8_t *rdata = b->octets + RR_HEAD;

	body_clear(b);
	body_rr(b, r->kind == MX_ANSWER_POSITIVE, 16, r->rr_ttl_s,
		(uint32_t)next_random(&w->random), SEAL + rest);
	put_be(rdata, w->number, 4);
	put_be(rdata + 4, r->key, 4);
	put_be(rdata + 8, version, 4);
	put_be(rdata + 12, full, 4);
	put_be(rdata + 16, checksum(rdata + SEAL, rest), 4);
}

/* The version, or 0 if these are not the octets of an answer to the key. */
static uint32_t seal_opened(const uint8_t *octets, uint32_t len, unsigned owner,
			    uint32_t n)
{
	const uint8_t *rdata = octets + RR_HEAD;

	if (len < RR_HEAD + SEAL || get_be(octets + 10, 2) != len - RR_HEAD ||
	    get_be(rdata, 4) != owner || get_be(rdata + 4, 4) != n ||
	    get_be(rdata + 16, 4) !=
		    checksum(rdata + SEAL, len - RR_HEAD - SEAL))
		return 0;
	return get_be(rdata + 8, 4);
}

/* ---- what the owner of a key does to it ---- */

static uint32_t new_version(struct worker *w, uint32_t n, mx_instant now)
{
	struct record *r = &w->records[++w->last];

	r->key = n;
	r->stored = now;
	return w->last;
}

static void step_put(struct worker *w, mx_instant now)
{
	uint32_t n = below(w, KEYS), version = new_version(w, n, now);
	struct record *r = &w->records[version];
	struct floors *f = &w->floors[n];
	struct mx_answer a;
	struct test_key k;

	r->ttl_s = 1 + below(w, below(w, 2) ? 300 : 5);
	r->rr_ttl_s = r->ttl_s + below(w, 100);
	r->kind = below(w, 4) ? MX_ANSWER_POSITIVE : below(w, 3);
	r->state = below(w, 4);
	r->may_stale = below(w, 4);
	r->has_signed_until = below(w, 4);
	r->signed_until = WALL_S + (uint32_t)((now - NOW) / 1000) +
			  r->ttl_s + below(w, 400);
	seal(w, &w->plain, version, false);
	seal(w, &w->full, version, true);
	a = answer_of(&w->plain, &w->full, r->ttl_s);
	a.kind = r->kind;
	a.state = r->state;
	a.rcode = r->kind == MX_ANSWER_NXDOMAIN ? MX_RCODE_NXDOMAIN : 0;
	a.may_stale = r->may_stale;
	a.has_signed_until = r->has_signed_until;
	a.signed_until = r->signed_until;
	a.awaited = below(w, 2);
	a.why = r->state == MX_BOGUS ? "for a reason" : "";
	mx_cache_put(w->cache, name_key(&k, w->number, n), &a, now);
	if (r->state != MX_BOGUS)
		atomic_store(&f->answer, version);
	atomic_store(&f->bogus, version);
	atomic_store(&f->failure, version);
}

static void step_failure(struct worker *w, mx_instant now)
{
	uint32_t n = below(w, KEYS), version = new_version(w, n, now);
	struct test_key k;
	char why[16];

	w->records[version].kind = MX_ANSWER_FAILURE;
	snprintf(why, sizeof why, "%u", version);
	mx_cache_put_failure(w->cache, name_key(&k, w->number, n), 22, why,
			     now);
}

static void floor_all(struct worker *w, uint32_t n, uint32_t version)
{
	atomic_store(&w->floors[n].answer, version);
	atomic_store(&w->floors[n].bogus, version);
	atomic_store(&w->floors[n].failure, version);
}

static void step_flush(struct worker *w)
{
	uint32_t n = below(w, KEYS), next = w->last + 1;
	bool all = below(w, 10) == 0;
	struct test_key k;
	char group[32];

	snprintf(group, sizeof group, "g%u.example", w->number);
	if (all)
		key_of(&k, group, QTYPE);
	else
		name_key(&k, w->number, n);
	mx_cache_flush(w->cache, k.qname, k.key.qname_len, all);
	for (uint32_t i = all ? 0 : n; i < (all ? KEYS : n + 1); i++)
		floor_all(w, i, next);
}

/* ---- what anybody may do ---- */

struct seen {
	uint32_t answer, bogus, failure;
};

static struct seen see(unsigned owner, uint32_t n)
{
	struct floors *f = &workers[owner].floors[n];

	return (struct seen){ atomic_load(&f->answer), atomic_load(&f->bogus),
			      atomic_load(&f->failure) };
}

static uint32_t age_s(const struct record *r, mx_instant now)
{
	return now > r->stored ? (uint32_t)((now - r->stored) / 1000) : 0;
}

static mx_instant end_of(const struct record *r)
{
	return r->stored + (mx_instant)r->ttl_s * 1000;
}

static void check_failure(struct worker *w, const struct mx_found *found,
			  unsigned owner, uint32_t n, mx_instant now,
			  struct seen before)
{
	unsigned long version = strtoul(found->why, NULL, 10);
	const struct record *r;

	w->failures++;
	if (version == 0 || version >= workers[owner].most ||
	    found->len != 0 || found->refresh)
		return wrong(w, "a failure nobody put");
	r = &workers[owner].records[version];
	if (r->kind != MX_ANSWER_FAILURE || r->key != n)
		wrong(w, "another key's failure");
	else if (version < before.failure)
		wrong(w, "a failure that an answer had ended");
	else if (now >= r->stored + (mx_instant)FAILURE_MAX_S * 1000)
		wrong(w, "a failure past its lifetime");
}

static void check_lifetime(struct worker *w, const struct mx_found *found,
			   const struct record *r, mx_instant now)
{
	uint32_t left_s = r->ttl_s - age_s(r, now);

	if (now >= end_of(r))
		wrong(w, "an answer past its lifetime");
	else if (found->ttl_left_s == 0 || found->ttl_left_s > left_s)
		wrong(w, "more lifetime than is left");
	else if (get_be(w->out + 6, 4) > r->rr_ttl_s - age_s(r, now))
		wrong(w, "a TTL longer than is left");
}

static void check_stale(struct worker *w, const struct record *r,
			mx_instant now)
{
	int64_t wall_s = (int64_t)WALL_S + (now - NOW) / 1000;

	w->stale++;
	if (r->kind != MX_ANSWER_POSITIVE || !r->may_stale ||
	    r->state == MX_BOGUS)
		wrong(w, "stale, which it may not be");
	else if (now >= end_of(r) + (mx_instant)STALE_MAX_S * 1000)
		wrong(w, "stale for too long");
	else if (r->state == MX_SECURE &&
		 (!r->has_signed_until || wall_s >= (int64_t)r->signed_until))
		wrong(w, "stale past its signatures' end");
	else if (get_be(w->out + 6, 4) > 30)
		wrong(w, "stale with a TTL above 30");
}

static void check_answer(struct worker *w, const struct mx_found *found,
			 bool full, unsigned owner, uint32_t n, mx_instant now,
			 struct seen before)
{
	uint32_t version = seal_opened(w->out, found->len, owner, n);
	struct record *r;

	w->hits++;
	if (version == 0 || version >= workers[owner].most)
		return wrong(w, "octets nobody put under that key");
	r = &workers[owner].records[version];
	if (r->key != n || found->kind != r->kind || found->state != r->state ||
	    get_be(w->out + RR_HEAD + 12, 4) != (uint32_t)full)
		return wrong(w, "not what was put");
	if (version < (r->state == MX_BOGUS ? before.bogus : before.answer))
		return wrong(w, "an answer that was superseded or flushed");
	if (found->stale)
		check_stale(w, r, now);
	else
		check_lifetime(w, found, r, now);
	if (!found->refresh)
		return;
	w->refreshes++;
	if (found->stale || r->state == MX_BOGUS ||
	    atomic_exchange(&r->refreshed_in, w->round) == w->round)
		wrong(w, "told to refresh again, or what must not be");
}

enum way { GET, PEEK, GET_STALE };

static void look(struct worker *w, enum way way, unsigned owner, uint32_t n,
		 struct seen before)
{
	mx_instant now = atomic_load(&clock_ms);
	bool full = below(w, 2);
	struct mx_found found;
	struct test_key k;
	enum mx_hit hit;

	name_key(&k, owner, n);
	switch (way) {
	case GET:
		hit = mx_cache_get(w->cache, &k.key, now, full, w->out,
				   sizeof w->out, &found);
		break;
	case PEEK:
		hit = mx_cache_peek(w->cache, &k.key, now, full, w->out,
				    sizeof w->out, &found);
		break;
	default:
		hit = mx_cache_get_stale(w->cache, &k.key, now,
					 WALL + (now - NOW), full, w->out,
					 sizeof w->out, &found);
		break;
	}
	if (hit == MX_MISS)
		return;
	if (found.kind == MX_ANSWER_FAILURE)
		check_failure(w, &found, owner, n, now, before);
	else
		check_answer(w, &found, full, owner, n, now, before);
}

static void step_look(struct worker *w, enum way way)
{
	unsigned owner = below(w, THREADS);
	uint32_t n = below(w, KEYS);

	look(w, way, owner, n, see(owner, n));
}

static void step_check(struct worker *w)
{
	const char *broken = mx_cache_check(w->cache);
	struct mx_cache_stats stats;

	if (broken != NULL)
		wrong(w, broken);
	mx_cache_stats(w->cache, &stats);
	if (stats.octets > stats.octets_max)
		wrong(w, "more memory than the budget");
}

static void step(struct worker *w)
{
	mx_instant now = atomic_load(&clock_ms);
	uint32_t dice = below(w, 1000);

	if (dice < 550)
		step_look(w, GET);
	else if (dice < 600)
		step_look(w, PEEK);
	else if (dice < 700)
		step_look(w, GET_STALE);
	else if (dice < 920)
		step_put(w, now);
	else if (dice < 960)
		step_failure(w, now);
	else if (dice < 990)
		atomic_fetch_add(&clock_ms,
				 below(w, below(w, 100) ? 500 : 900000));
	else if (dice < 998)
		step_flush(w);
	else
		step_check(w);
}

static void *work(void *argument)
{
	struct worker *w = argument;

	for (uint64_t i = 0; i < w->steps && w->wrong == NULL; i++)
		step(w);
	atomic_fetch_sub(&busy, 1);
	return NULL;
}

/* ---- snapshots meanwhile ---- */

/* Save the cache that all use, load it into one of another size: of that too
 * each answer is one that was put, and none that was gone before the save. */
static void save_and_load(const struct files *f, struct worker *w,
			  struct mx_cache *shared, size_t size_octets)
{
	struct seen before[THREADS][KEYS];
	struct mx_snapshot s;
	struct mx_snapshot_saved saved;
	struct mx_snapshot_loaded loaded;

	for (unsigned owner = 0; owner < THREADS; owner++)
		for (uint32_t n = 0; n < KEYS; n++)
			before[owner][n] = see(owner, n);
	s = snapshot_at(f, atomic_load(&clock_ms));
	assert_int_equal(mx_snapshot_save(shared, &s, &saved), MX_OK);
	w->cache = cache_to_load(size_octets, false);
	s = snapshot_at(f, atomic_load(&clock_ms));
	assert_int_equal(mx_snapshot_load(w->cache, &s, &loaded),
			 MX_SNAPSHOT_READ);
	assert_int_equal(loaded.damaged + loaded.refused, 0);
	for (unsigned owner = 0; owner < THREADS; owner++)
		for (uint32_t n = 0; n < KEYS; n++) {
			look(w, PEEK, owner, n, before[owner][n]);
			look(w, GET_STALE, owner, n, before[owner][n]);
		}
	cache_done(w->cache);
}

/* ---- rounds ---- */

static void begin_thread(pthread_t *thread, struct worker *w,
			 struct mx_cache *cache, uint32_t round)
{
	w->cache = cache;
	w->round = round;
	assert_int_equal(pthread_create(thread, NULL, work, w), 0);
}

static void no_wrong(void)
{
	for (unsigned i = 0; i <= THREADS; i++)
		if (workers[i].wrong != NULL)
			fail_msg("thread %u: %s", i, workers[i].wrong);
}

static void run_round(const struct files *f, uint32_t round,
		      const size_t sizes[2], bool constant)
{
	struct mx_cache *shared = cache_to_load(sizes[round % 2], constant);
	struct mx_snapshot s = snapshot_at(f, atomic_load(&clock_ms));
	struct mx_snapshot_saved saved;
	struct mx_snapshot_loaded loaded;
	pthread_t threads[THREADS];

	atomic_store(&busy, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		begin_thread(&threads[i], &workers[i], shared, round);
	assert_int_equal(mx_snapshot_load(shared, &s, &loaded),
			 round > 1 ? MX_SNAPSHOT_READ : MX_SNAPSHOT_MISSING);
	do
		save_and_load(f, &workers[THREADS], shared,
			      sizes[(round + 1) % 2]);
	while (atomic_load(&busy) > 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	no_wrong();
	/* What the next round begins with is what this one ended with. */
	s = snapshot_at(f, atomic_load(&clock_ms));
	assert_int_equal(mx_snapshot_save(shared, &s, &saved), MX_OK);
	cache_done(shared);
}

static void begin_worker(unsigned i, uint64_t seed, uint64_t steps)
{
	struct worker *w = &workers[i];

	memset(w, 0, sizeof *w);
	w->number = i;
	w->random = seed + i;
	w->steps = steps;
	w->most = (uint32_t)(steps * ROUNDS + 1);
	if (i < THREADS) {
		w->records = calloc(w->most + 1, sizeof *w->records);
		assert_non_null(w->records);
	}
}

static void run(const char *what, size_t size_octets, size_t other_octets,
		bool constant)
{
	const size_t sizes[2] = { size_octets, other_octets };
	uint64_t seed = env_number("MX_SEED", 20250301);
	uint64_t steps = env_number("MX_STEPS", STEPS);
	size_t hits = 0, stale = 0, failures = 0, refreshes = 0;
	struct files files;

	print_message("%s: MX_SEED=%llu MX_STEPS=%llu\n", what,
		      (unsigned long long)seed, (unsigned long long)steps);
	files_begin(&files);
	atomic_store(&clock_ms, NOW);
	for (unsigned i = 0; i <= THREADS; i++)
		begin_worker(i, seed, steps);
	for (uint32_t round = 1; round <= ROUNDS; round++)
		run_round(&files, round, sizes, constant);
	for (unsigned i = 0; i <= THREADS; i++) {
		hits += workers[i].hits;
		stale += workers[i].stale;
		failures += workers[i].failures;
		refreshes += workers[i].refreshes;
		free(workers[i].records);
	}
	assert_true(hits > steps / 10);
	assert_true(stale > 0 && failures > 0 && refreshes > 0);
	files_end(&files);
}

static void with_room_for_all(void **state)
{
	(void)state;
	run("room for all", 4 << 20, 8 << 20, false);
}

static void with_room_for_few(void **state)
{
	(void)state;
	run("room for few", 48 << 10, 24 << 10, false);
}

static void with_a_budget_that_changes(void **state)
{
	(void)state;
	run("room for all, then for few", 2 << 20, 32 << 10, false);
}

static void in_one_chain(void **state)
{
	(void)state;
	run("one chain", 1 << 20, 64 << 10, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_room_for_all),
		cmocka_unit_test(with_room_for_few),
		cmocka_unit_test(with_a_budget_that_changes),
		cmocka_unit_test(in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
