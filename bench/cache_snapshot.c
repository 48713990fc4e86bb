/* cache_snapshot - what a snapshot costs, and whom.
 *
 *   cache_snapshot [ENTRIES [JSON-FILE [FOLDER]]]
 *
 * Fills a cache with ENTRIES (a million if not given) answers, as a mail host
 * has them: MX of a domain, signed and in both forms, and the A of its
 * exchange, in turn. Then, in FOLDER (/tmp):
 *
 *   save, at once     as at the end: nobody rests
 *   save, resting     as every few minutes: after each MiB as long as it took
 *   load              into an empty cache, every answer checked by src/wire
 *
 * A thread asks for random answers all the time, each call timed by itself:
 * while nothing else happens, beside both ways of saving, and beside loading.
 * Percentiles are of those calls, in nanoseconds; the clock's own time, some
 * 25 ns, is in them.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mx_cache.h"
#include "mx_ede.h"
#include "mx_ingest.h"
#include "mx_snapshot.h"

#define TTL_S 3600u
#define WALL_MS INT64_C(1700000000000)
#define CACHE_OCTETS ((size_t)1 << 30)
#define QUIET_S 2.0
/* Calls by their time: 16 steps for each power of two of nanoseconds. */
#define STEPS 16u
#define SLOTS (40u * STEPS)

struct key_room {
	uint8_t qname[40];
	struct mx_key key;
};

struct histogram {
	uint64_t slots[SLOTS], count, max_ns;
};

static uint32_t entries = 1000000;
static char file[4096];
static struct mx_check_room check_room;
static uint64_t part_began_ns;

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

/* By the clock on the wall, and of this thread's work: on a machine that has
 * other things to do they differ. */
struct took {
	double ms, cpu_ms;
};

static struct took took_since(const uint64_t began[2])
{
	return (struct took){
		(double)(read_ns(CLOCK_MONOTONIC) - began[0]) / 1e6,
		(double)(read_ns(CLOCK_THREAD_CPUTIME_ID) - began[1]) / 1e6,
	};
}

/* ---- answers ---- */

static const struct mx_key *key_of(uint32_t i, struct key_room *k)
{
	char label[16];
	bool mx = i % 2 == 0;
	size_t len = (size_t)snprintf(label, sizeof label, "domain%07u", i / 2);
	uint8_t *at = k->qname;

	if (!mx) {
		memcpy(at, "\003mx1", 4);
		at += 4;
	}
	*at++ = (uint8_t)len;
	memcpy(at, label, len);
	at += len;
	memcpy(at, "\007example", 9);
	at += 9;
	k->key = (struct mx_key){ k->qname, (uint8_t)(at - k->qname),
				  mx ? 15 : 1, 1 };
	return &k->key;
}

struct body {
	struct mx_out out;
	uint8_t octets[512];
	uint16_t ttl_at[8];
	struct mx_form form;
};

static void rr(struct body *b, uint16_t type, const void *rdata, size_t len)
{
	mx_out_u16(&b->out, 0xc000 | MX_HEADER_LEN);
	mx_out_u16(&b->out, type);
	mx_out_u16(&b->out, MX_CLASS_IN);
	b->ttl_at[b->form.ttl_count++] = (uint16_t)mx_out_len(&b->out);
	mx_out_u32(&b->out, TTL_S);
	mx_out_u16(&b->out, (uint16_t)len);
	mx_out_octets(&b->out, rdata, len);
	b->form.ancount++;
	b->form.octets = b->octets;
	b->form.ttl_at = b->ttl_at;
	b->form.len = (uint32_t)mx_out_len(&b->out);
}

static void begin(struct body *b)
{
	memset(&b->form, 0, sizeof b->form);
	mx_out_init(&b->out, b->octets, sizeof b->octets);
}

static void rrs(struct body *b, bool mx)
{
	static const char *const exchanges[] = {
		"\0\012\003mx1\xc0\x0c", "\0\024\003mx2\xc0\x0c",
		"\0\036\003mx3\xc0\x0c",
	};

	begin(b);
	for (unsigned i = 0; i < 3 && mx; i++)
		rr(b, 15, exchanges[i], 8);
	b->form.turn_count = mx ? 3 : 0;
	if (!mx)
		rr(b, 1, "\300\0\002\001", 4);
}

/* With an RRSIG by ECDSA. */
static void sign(struct body *b, uint16_t type)
{
	uint8_t rdata[18 + 9 + 64] = { 0, (uint8_t)type, 13, 2 };

	memcpy(rdata + 18, "\007example", 9);
	memset(rdata + 27, 0x5a, 64);
	rr(b, 46, rdata, sizeof rdata);
}

static void fill(struct mx_cache *cache)
{
	static struct body plain[2], full[2];
	struct mx_cache_stats stats;
	struct key_room k;

	for (unsigned kind = 0; kind < 2; kind++) {
		rrs(&plain[kind], kind == 0);
		rrs(&full[kind], kind == 0);
		sign(&full[kind], kind == 0 ? 15 : 1);
	}
	for (uint32_t i = 0; i < entries; i++) {
		struct mx_answer a = {
			.state = MX_SECURE, .ttl_s = TTL_S, .ede = MX_EDE_NONE,
			.why = "", .has_signed_until = true,
			.signed_until = (uint32_t)(WALL_MS / 1000) + 864000,
			.may_stale = true, .awaited = true,
			.plain = plain[i % 2].form, .full = full[i % 2].form,
		};

		mx_cache_put(cache, key_of(i, &k), &a, 0);
	}
	mx_cache_stats(cache, &stats);
	if (stats.entries != entries)
		fprintf(stderr, "only %zu of %u entries fit\n", stats.entries,
			entries);
}

/* ---- who asks ---- */

struct asker {
	struct mx_cache *cache;
	struct histogram h;
	pthread_t thread;
	_Atomic bool going;
	uint64_t hits;
};

static unsigned slot_of(uint64_t ns)
{
	unsigned power = 63u - (unsigned)__builtin_clzll(ns | STEPS);
	unsigned step = (unsigned)(ns >> (power - 4)) & (STEPS - 1);
	unsigned slot = (power - 4) * STEPS + step;

	return slot < SLOTS ? slot : SLOTS - 1;
}

/* The upper end of a slot. */
static double slot_ns(unsigned slot)
{
	return (double)((uint64_t)(STEPS + slot % STEPS + 1) << (slot / STEPS));
}

static double percentile(const struct histogram *h, double part)
{
	uint64_t wanted = (uint64_t)((double)h->count * part), seen = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		seen += h->slots[i];
		if (seen > wanted)
			return slot_ns(i);
	}
	return (double)h->max_ns;
}

static void *ask(void *argument)
{
	struct asker *a = argument;
	uint64_t random = 1;
	uint8_t out[1232];
	struct mx_found found;
	struct key_room k;

	while (atomic_load_explicit(&a->going, memory_order_relaxed)) {
		const struct mx_key *key;
		uint64_t began, ns;

		random = random * 6364136223846793005u + 1442695040888963407u;
		key = key_of((uint32_t)((random >> 32) * entries >> 32), &k);
		began = now_ns();
		a->hits += mx_cache_get(a->cache, key, 5000, true, out,
					sizeof out, &found) == MX_HIT;
		ns = now_ns() - began;
		a->h.slots[slot_of(ns)]++;
		a->h.count++;
		if (ns > a->h.max_ns)
			a->h.max_ns = ns;
	}
	return NULL;
}

static void asker_start(struct asker *a, struct mx_cache *cache)
{
	memset(a, 0, sizeof *a);
	a->cache = cache;
	atomic_store(&a->going, true);
	if (pthread_create(&a->thread, NULL, ask, a) != 0)
		exit(1);
}

static void asker_stop(struct asker *a)
{
	atomic_store(&a->going, false);
	pthread_join(a->thread, NULL);
}

/* ---- what is measured ---- */

static bool check(void *arg, const struct mx_key *key, struct mx_answer *answer)
{
	(void)arg;
	return mx_answer_check(key, answer, 86400, &check_room) == MX_OK;
}

static bool rest(void *arg)
{
	uint64_t ns = now_ns() - part_began_ns;
	struct timespec pause = { (time_t)(ns / 1000000000u),
				  (long)(ns % 1000000000u) };

	(void)arg;
	nanosleep(&pause, NULL);
	part_began_ns = now_ns();
	return true;
}

static struct mx_snapshot snapshot(void)
{
	return (struct mx_snapshot){
		.file = file, .realm = "bench", .boot = "bench",
		.now = 5000, .wall_ms = WALL_MS, .check = check,
	};
}

struct result {
	const char *what;
	struct took took; /* zeros: nothing was done */
	struct histogram h;
};

static struct took save(struct mx_cache *cache, bool rests,
		   struct mx_snapshot_saved *ret)
{
	struct mx_snapshot s = snapshot();
	uint64_t began[] = { now_ns(), read_ns(CLOCK_THREAD_CPUTIME_ID) };

	part_began_ns = began[0];
	s.go_on = rests ? rest : NULL;
	if (mx_snapshot_save(cache, &s, ret) != MX_OK) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		exit(1);
	}
	return took_since(began);
}

static struct took load(struct mx_cache *cache, struct mx_snapshot_loaded *ret)
{
	struct mx_snapshot s = snapshot();
	uint64_t began[] = { now_ns(), read_ns(CLOCK_THREAD_CPUTIME_ID) };

	if (mx_snapshot_load(cache, &s, ret) != MX_SNAPSHOT_READ ||
	    ret->loaded != entries) {
		fprintf(stderr, "%zu of %u loaded\n", ret->loaded, entries);
		exit(1);
	}
	return took_since(began);
}

static struct mx_cache *new_cache(void)
{
	const struct mx_cache_config config = {
		.size_octets = CACHE_OCTETS, .will_load = true,
		.stale_max_s = 86400, .refresh_hits = 2,
	};
	struct mx_cache *cache;

	if (mx_cache_new(&config, &cache) != MX_OK)
		exit(1);
	return cache;
}

static void quiet(struct mx_cache *cache, struct result *ret)
{
	struct timespec pause = { (time_t)QUIET_S, 0 };
	struct asker a;

	asker_start(&a, cache);
	nanosleep(&pause, NULL);
	asker_stop(&a);
	*ret = (struct result){ .what = "quiet", .h = a.h };
}

static void saving(struct mx_cache *cache, bool rests, struct result *ret)
{
	struct mx_snapshot_saved saved;
	struct asker a;
	struct took took;

	asker_start(&a, cache);
	took = save(cache, rests, &saved);
	asker_stop(&a);
	*ret = (struct result){ rests ? "save, resting" : "save, at once",
				took, a.h };
}

static void loading(struct mx_cache *asked, struct result *ret)
{
	struct mx_cache *cache = new_cache();
	struct mx_snapshot_loaded loaded;
	struct asker a;
	struct took took;

	/* Hits of the cache that is loaded would be few at first. */
	(void)asked;
	asker_start(&a, cache);
	took = load(cache, &loaded);
	asker_stop(&a);
	*ret = (struct result){ "load", took, a.h };
	mx_cache_free(cache);
}

/* ---- what is said ---- */

static void print(const struct result *r)
{
	printf("%-14s %6.0f ms, cpu %6.0f  p50 %6.0f  p99 %7.0f  p99.9 %8.0f  most %10.0f ns, %" PRIu64 " calls\n",
	       r->what, r->took.ms, r->took.cpu_ms, percentile(&r->h, 0.5), percentile(&r->h, 0.99),
	       percentile(&r->h, 0.999), (double)r->h.max_ns, r->h.count);
}

static json_t *json_of(const struct result *r)
{
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "what", r->what,
			 "ms", r->took.ms, "cpu_ms", r->took.cpu_ms, "p50_ns", percentile(&r->h, 0.5),
			 "p99_ns", percentile(&r->h, 0.99), "p999_ns",
			 percentile(&r->h, 0.999), "max_ns",
			 (double)r->h.max_ns, "calls", (json_int_t)r->h.count);
}

int main(int argc, char **argv)
{
	struct mx_snapshot_saved saved;
	struct mx_snapshot_loaded loaded;
	static struct result results[4];
	struct mx_cache *cache, *other;
	struct took saves, loads;

	if (argc > 1)
		entries = (uint32_t)strtoul(argv[1], NULL, 10);
	snprintf(file, sizeof file, "%s/mxbound-bench.%d.snapshot",
		 argc > 3 ? argv[3] : "/tmp", (int)getpid());
	if (entries == 0)
		return 1;
	cache = new_cache();
	fill(cache);
	saves = save(cache, false, &saved);
	other = new_cache();
	loads = load(other, &loaded);
	mx_cache_free(other);
	printf("%zu answers, %" PRIu64 " octets (%.0f each): save %.0f ms (cpu %.0f), load %.0f ms (cpu %.0f)\n",
	       saved.records, saved.octets,
	       (double)saved.octets / (double)saved.records, saves.ms, saves.cpu_ms, loads.ms,
	       loads.cpu_ms);
	quiet(cache, &results[0]);
	saving(cache, false, &results[1]);
	saving(cache, true, &results[2]);
	loading(cache, &results[3]);
	unlink(file);
	mx_cache_free(cache);

	json_t *all = json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:[o, o, o, o]}",
				"answers", (json_int_t)saved.records, "octets",
				(json_int_t)saved.octets, "save_ms", saves.ms,
				"save_cpu_ms", saves.cpu_ms, "load_ms",
				loads.ms, "load_cpu_ms", loads.cpu_ms, "hits",
				json_of(&results[0]), json_of(&results[1]),
				json_of(&results[2]), json_of(&results[3]));

	for (unsigned i = 0; i < 4; i++)
		print(&results[i]);
	if (argc > 2 && json_dump_file(all, argv[2], JSON_INDENT(1)) != 0) {
		fprintf(stderr, "cannot write %s\n", argv[2]);
		return 1;
	}
	json_decref(all);
	return 0;
}
