/* What comes back out of a snapshot: the same answers, as old as they are. */
#include "snapshot_files.h"

enum { A = 1, MX = 15, TLSA = 52 };

struct room {
	struct files files;
	struct mx_cache *from, *to;
	struct mx_found found;
};

static struct body plain, full;
static uint8_t out[MX_MESSAGE_MAX], before[MX_MESSAGE_MAX];

static struct room room(void)
{
	struct room r;

	files_begin(&r.files);
	r.from = cache_to_load(4 << 20, false);
	r.to = cache_to_load(4 << 20, false);
	return r;
}

static void done(struct room *r)
{
	cache_done(r->from);
	cache_done(r->to);
	files_end(&r->files);
}

static struct mx_answer answer(uint32_t ttl_s)
{
	struct mx_answer a;

	body_clear(&plain);
	body_rr(&plain, true, MX, ttl_s, 1, 20);
	body_rr(&plain, true, MX, ttl_s, 2, 20);
	body_rr(&plain, true, MX, ttl_s, 3, 20);
	plain.form.turn_count = 3;
	a = answer_of(&plain, NULL, ttl_s);
	a.may_stale = true;
	return a;
}

static void put(struct mx_cache *cache, const char *name,
		const struct mx_answer *a, mx_instant now)
{
	struct test_key k;

	assert_true(mx_cache_put(cache, key_of(&k, name, MX), a, now));
}

static enum mx_hit get(struct mx_cache *cache, const char *name, mx_instant now,
		       struct mx_found *ret)
{
	struct test_key k;

	return mx_cache_get(cache, key_of(&k, name, MX), now, true, out,
			    sizeof out, ret);
}

static enum mx_hit get_stale(struct mx_cache *cache, const char *name,
			     mx_instant now, struct mx_found *ret)
{
	struct test_key k;

	return mx_cache_get_stale(cache, key_of(&k, name, MX), now,
				  WALL + (now - NOW), true, out, sizeof out, ret);
}

/* ---- the same comes back ---- */

static void assert_same(struct mx_cache *from, struct mx_cache *to,
			const struct mx_key *key, bool with_full, mx_instant now)
{
	struct mx_found a, b;

	memset(out, 0, sizeof out);
	memset(before, 0, sizeof before);
	assert_int_equal(mx_cache_get(from, key, now, with_full, before,
				      sizeof before, &a), MX_HIT);
	assert_int_equal(mx_cache_get(to, key, now, with_full, out, sizeof out,
				      &b), MX_HIT);
	assert_int_equal(a.kind, b.kind);
	assert_int_equal(a.state, b.state);
	assert_int_equal(a.rcode, b.rcode);
	assert_int_equal(a.ede, b.ede);
	assert_string_equal(a.why, b.why);
	assert_int_equal(a.ancount, b.ancount);
	assert_int_equal(a.nscount, b.nscount);
	assert_int_equal(a.arcount, b.arcount);
	assert_int_equal(a.len, b.len);
	assert_int_equal(a.ttl_left_s, b.ttl_left_s);
	assert_int_equal(a.expires, b.expires);
	assert_memory_equal(before, out, a.len);
}

/* Every kind, state and form there is, with and without all that is optional. */
static void every_kind_of_answer(void **state)
{
	struct room r = room();
	struct test_key k;
	unsigned count = 0;

	(void)state;
	for (unsigned variant = 0; variant < 3 * 4 * 16; variant++) {
		struct mx_answer a = answer(300);
		char name[32];

		a.kind = variant % 3;
		a.state = variant / 3 % 4;
		a.rcode = a.kind == MX_ANSWER_NXDOMAIN ? 3 : 0;
		if (a.kind != MX_ANSWER_POSITIVE) {
			body_clear(&plain);
			if (variant & 16)
				body_rr(&plain, false, 6, 300, variant, 40);
			a.plain = a.full = plain.form;
		}
		if (variant / 12 & 1) {
			body_clear(&full);
			body_rr(&full, a.kind == MX_ANSWER_POSITIVE, 46, 300,
				variant, 101);
			a.full = full.form;
		}
		a.has_signed_until = variant / 12 & 2;
		a.signed_until = WALL_S + 9999;
		if (variant / 12 & 4) {
			a.ede = 9;
			a.why = variant & 1 ? "" : "no key that fits";
		}
		a.awaited = variant / 12 & 8;
		snprintf(name, sizeof name, "v%u.example", variant);
		put(r.from, name, &a, NOW);
		count++;
	}
	assert_int_equal(save_at(r.from, &r.files, NOW + 1500), count);
	assert_int_equal(load_at(r.to, &r.files, NOW + 2500).loaded, count);
	for (unsigned variant = 0; variant < count; variant++) {
		char name[32];

		snprintf(name, sizeof name, "v%u.example", variant);
		key_of(&k, name, MX);
		assert_same(r.from, r.to, &k.key, variant & 1, NOW + 3700);
		assert_same(r.from, r.to, &k.key, variant & 2, NOW + 3700);
	}
	done(&r);
}

static void the_longest_and_the_shortest(void **state)
{
	struct room r = room();
	struct test_key k;
	struct mx_answer a;
	char why[MX_WHY_MAX + 1], name[300];
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 127; i++)
		at += (size_t)snprintf(name + at, sizeof name - at, "%sx",
				       i ? "." : "");
	body_of_len(&plain, 300, 1, MX_MESSAGE_MAX - 300);
	body_of_len(&full, 300, 2, MX_MESSAGE_MAX - 280);
	a = answer_of(&plain, &full, 300);
	memset(why, 'y', MX_WHY_MAX);
	why[MX_WHY_MAX] = '\0';
	a.why = why;
	a.state = MX_BOGUS;
	put(r.from, name, &a, NOW);
	a.state = MX_INSECURE;
	put(r.from, "", &a, NOW);
	body_clear(&plain);
	a = answer_of(&plain, NULL, 1);
	a.kind = MX_ANSWER_NODATA;
	put(r.from, "a", &a, NOW);
	assert_int_equal(save_at(r.from, &r.files, NOW), 3);
	assert_int_equal(load_at(r.to, &r.files, NOW).loaded, 3);
	assert_same(r.from, r.to, key_of(&k, name, MX), true, NOW);
	assert_same(r.from, r.to, key_of(&k, "", MX), true, NOW);
	assert_same(r.from, r.to, key_of(&k, "a", MX), true, NOW);
	done(&r);
}

static void no_failures(void **state)
{
	struct room r = room();
	struct test_key k;

	(void)state;
	mx_cache_put_failure(r.from, key_of(&k, "f", MX), 22, "silent", NOW);
	assert_int_equal(save_at(r.from, &r.files, NOW), 0);
	assert_int_equal(load_at(r.to, &r.files, NOW).loaded, 0);
	assert_int_equal(get(r.to, "f", NOW, &r.found), MX_MISS);
	done(&r);
}

/* One that was asked for more than once is asked again when it runs out. */
static void hits_and_turns_go_on(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300);

	(void)state;
	put(r.from, "often", &a, NOW);
	put(r.from, "once", &a, NOW);
	put(r.from, "never", &a, NOW);
	assert_int_equal(get(r.from, "often", NOW, &r.found), MX_HIT);
	assert_int_equal(get(r.from, "often", NOW, &r.found), MX_HIT);
	assert_true(r.found.refresh);
	assert_int_equal(get(r.from, "once", NOW, &r.found), MX_HIT);
	assert_int_equal(save_at(r.from, &r.files, NOW), 3);
	assert_int_equal(load_at(r.to, &r.files, NOW).loaded, 3);
	assert_int_equal(get(r.to, "often", NOW, &r.found), MX_HIT);
	assert_true(r.found.refresh);
	body_expect(&a.plain, 0, 2, before);
	assert_memory_equal(out, before, r.found.len);
	assert_int_equal(get(r.to, "once", NOW, &r.found), MX_HIT);
	assert_true(r.found.refresh);
	assert_int_equal(get(r.to, "never", NOW, &r.found), MX_HIT);
	assert_false(r.found.refresh);
	done(&r);
}

/* What was asked for often is not pushed out by what is new, any more than
 * before. */
static void the_hot_set_stays_hot(void **state)
{
	struct files files;
	struct mx_cache *from = cache_to_load(256 << 10, false);
	struct mx_cache *to = cache_to_load(256 << 10, false);
	struct mx_answer a = answer(300);
	struct mx_found found;
	unsigned there = 0;
	char name[32];

	(void)state;
	files_begin(&files);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "cold%u", i);
		put(from, name, &a, NOW);
		for (unsigned hot = 0; hot < 100; hot++) {
			snprintf(name, sizeof name, "hot%u", hot);
			if (get(from, name, NOW, &found) == MX_MISS)
				put(from, name, &a, NOW);
		}
	}
	save_at(from, &files, NOW);
	load_at(to, &files, NOW);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "new%u", i);
		put(to, name, &a, NOW);
	}
	for (unsigned hot = 0; hot < 100; hot++) {
		snprintf(name, sizeof name, "hot%u", hot);
		there += get(to, name, NOW, &found) == MX_HIT;
	}
	assert_in_range(there, 95, 100);
	cache_done(from);
	cache_done(to);
	files_end(&files);
}

static void a_smaller_cache(void **state)
{
	struct files files;
	struct mx_cache *from = cache_to_load(4 << 20, false);
	struct mx_cache *to = cache_to_load(64 << 10, false);
	struct mx_snapshot_loaded loaded;
	struct mx_answer a;
	struct mx_cache_stats stats;
	char name[32];

	(void)state;
	files_begin(&files);
	for (unsigned i = 0; i < 3000; i++) {
		a = answer(300);
		snprintf(name, sizeof name, "n%u", i);
		put(from, name, &a, NOW);
	}
	body_of_len(&plain, 300, 1, 60000);
	a = answer_of(&plain, NULL, 300);
	put(from, "large", &a, NOW);
	assert_int_equal(save_at(from, &files, NOW), 3001);
	loaded = load_at(to, &files, NOW);
	assert_int_equal(loaded.no_room, 1);
	assert_int_equal(loaded.loaded, 3000);
	mx_cache_stats(to, &stats);
	assert_in_range(stats.entries, 50, 600);
	cache_done(from);
	cache_done(to);
	files_end(&files);
}

/* Of many windows; what is damaged in two places costs two answers. */
static void a_large_file(void **state)
{
	struct files files;
	struct mx_cache *from = cache_to_load(64 << 20, false);
	struct mx_cache *to = cache_to_load(64 << 20, false);
	struct mx_snapshot_loaded loaded;
	struct mx_answer a, denial;
	struct test_key k;
	uint8_t *octets;
	char name[32];
	size_t len;

	(void)state;
	files_begin(&files);
	body_of_len(&plain, 300, 1, 3000);
	body_clear(&full);
	for (unsigned i = 0; i < 4000; i++) {
		a = answer_of(&plain, NULL, 300);
		snprintf(name, sizeof name, "n%u", i);
		put(from, name, &a, NOW);
		denial = nxdomain_of(&full, 300);
		denial.state = MX_SECURE;
		snprintf(name, sizeof name, "gone%u", i);
		put(from, name, &denial, NOW);
	}
	assert_int_equal(save_at(from, &files, NOW), 8000);
	assert_int_equal(load_at(to, &files, NOW).loaded, 8000);
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof name, "n%u", i);
		assert_same(from, to, key_of(&k, name, MX), true, NOW);
		snprintf(name, sizeof name, "gone%u", i);
		assert_same(from, to, key_of(&k, name, MX), true, NOW);
	}
	cache_done(to);

	octets = file_read(files.file, &len);
	assert_in_range(len, 12 << 20, 14 << 20);
	octets[len / 3]++;
	octets[len / 7 * 6]++;
	file_write(files.file, octets, len);
	free(octets);
	to = cache_to_load(64 << 20, false);
	loaded = load_at(to, &files, NOW);
	assert_int_equal(loaded.loaded, 7998);
	assert_int_equal(loaded.damaged, 2);
	cache_done(from);
	cache_done(to);
	files_end(&files);
}

static void all_in_one_chain(void **state)
{
	struct files files;
	struct mx_cache *from = cache_to_load(1 << 20, true);
	struct mx_cache *to = cache_to_load(1 << 20, true);
	struct mx_answer a = answer(300);
	struct test_key k;
	char name[32];

	(void)state;
	files_begin(&files);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "n%u", i);
		put(from, name, &a, NOW);
	}
	assert_int_equal(save_at(from, &files, NOW), 500);
	assert_int_equal(load_at(to, &files, NOW).loaded, 500);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "n%u", i);
		assert_same(from, to, key_of(&k, name, MX), true, NOW);
	}
	cache_done(from);
	cache_done(to);
	files_end(&files);
}

/* ---- time ---- */

/* From a boot that began an hour ago into one that began a moment ago: what
 * was stored before this boot has a time below zero. */
static void a_new_boot(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300);
	struct mx_snapshot s;
	struct mx_snapshot_loaded loaded;

	(void)state;
	put(r.from, "a", &a, NOW);
	save_at(r.from, &r.files, NOW + 10000);
	s = snapshot_at(&r.files, NOW + 100000);
	s.now = 2000;
	memcpy(s.boot, "another", 8);
	assert_int_equal(mx_snapshot_load(r.to, &s, &loaded), MX_SNAPSHOT_READ);
	assert_int_equal(loaded.loaded, 1);
	assert_int_equal(get(r.to, "a", 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.ttl_left_s, 200);
	assert_int_equal(get_be(out + 6, 4), 200);
	assert_int_equal(get(r.to, "a", 2000 + 199999, &r.found), MX_HIT);
	assert_int_equal(r.found.ttl_left_s, 1);
	assert_int_equal(get(r.to, "a", 2000 + 200000, &r.found), MX_MISS);
	assert_int_equal(get_stale(r.to, "a", 2000 + 200000, &r.found), MX_HIT);
	done(&r);
}

/* The wall clock, since the file was written, and in which boot. Age: the
 * true one is ten seconds. */
static void clock_steps(void **state)
{
	static const struct {
		const char *why;
		int64_t step_ms;
		bool same_boot;
		enum mx_snapshot_verdict verdict;
		uint32_t left_s; /* 0: not loaded, or run out */
	} cases[] = {
		{ "right", 0, true, MX_SNAPSHOT_READ, 290 },
		{ "right, new boot", 0, false, MX_SNAPSHOT_READ, 290 },
		{ "a year ahead", YEAR_MS, true, MX_SNAPSHOT_READ, 0 },
		{ "a year ahead, new boot", YEAR_MS, false, MX_SNAPSHOT_READ, 0 },
		{ "a year back", -YEAR_MS, true, MX_SNAPSHOT_FUTURE, 0 },
		{ "a year back, new boot", -YEAR_MS, false, MX_SNAPSHOT_FUTURE, 0 },
		{ "a minute ahead", 60000, true, MX_SNAPSHOT_READ, 230 },
		{ "as much back as went by", -10000, true, MX_SNAPSHOT_READ, 290 },
		{ "as much back, new boot", -10000, false, MX_SNAPSHOT_READ, 300 },
		{ "a little more back", -11000, false, MX_SNAPSHOT_READ, 300 },
		{ "too much back", -13000, false, MX_SNAPSHOT_FUTURE, 0 },
		{ "to 1970", -WALL, false, MX_SNAPSHOT_FUTURE, 0 },
		{ "before 1970", -WALL - YEAR_MS, true, MX_SNAPSHOT_FUTURE, 0 },
		{ "to the year 292277026596", INT64_MAX - 2 * WALL, true,
		  MX_SNAPSHOT_READ, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct room r = room();
		struct mx_answer a = answer(300);
		struct mx_snapshot s;
		struct mx_snapshot_loaded loaded;

		a.may_stale = false;
		put(r.from, "a", &a, NOW);
		save_at(r.from, &r.files, NOW);
		s = snapshot_at(&r.files, NOW + 10000);
		s.wall_ms += cases[i].step_ms;
		if (!cases[i].same_boot)
			s.boot[0]++;
		assert_int_equal(mx_snapshot_load(r.to, &s, &loaded),
				 cases[i].verdict);
		assert_int_equal(loaded.loaded, cases[i].left_s > 0);
		assert_int_equal(get(r.to, "a", NOW + 10000, &r.found),
				 cases[i].left_s > 0 ? MX_HIT : MX_MISS);
		if (cases[i].left_s > 0) {
			assert_int_equal(r.found.ttl_left_s, cases[i].left_s);
			assert_int_equal(get_be(out + 6, 4), cases[i].left_s);
		}
		done(&r);
	}
}

/* Put while the file was being written: later than its head. */
static void later_than_the_head(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300);
	struct mx_snapshot_loaded loaded;

	(void)state;
	put(r.from, "soon", &a, NOW + 3000);
	put(r.from, "far", &a, NOW + 30000);
	save_at(r.from, &r.files, NOW);
	loaded = load_at(r.to, &r.files, NOW + 2000);
	assert_int_equal(loaded.loaded, 1);
	assert_int_equal(loaded.future, 1);
	assert_int_equal(get(r.to, "soon", NOW + 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.ttl_left_s, 300);
	assert_int_equal(get(r.to, "soon", NOW + 302000, &r.found), MX_MISS);
	done(&r);
}

static void signatures_end_by_the_wall_clock(void **state)
{
	static const struct {
		const char *why;
		enum mx_validation state;
		uint32_t until;
		bool loaded;
	} cases[] = {
		{ "ends later", MX_SECURE, WALL_S + 11, true },
		{ "ends now", MX_SECURE, WALL_S + 10, false },
		{ "has ended", MX_SECURE, WALL_S, false },
		{ "past 2106, as a serial number", MX_SECURE,
		  WALL_S + 0x70000000u, true },
		{ "insecure all the same", MX_INSECURE, WALL_S, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct room r = room();
		struct mx_answer a = answer(300);
		struct mx_snapshot_loaded loaded;

		a.state = cases[i].state;
		a.has_signed_until = true;
		a.signed_until = cases[i].until;
		put(r.from, "a", &a, NOW);
		save_at(r.from, &r.files, NOW);
		loaded = load_at(r.to, &r.files, NOW + 10000);
		assert_int_equal(loaded.loaded, cases[i].loaded);
		assert_int_equal(loaded.unsigned_now, !cases[i].loaded);
		done(&r);
	}
}

/* ---- stale ---- */

static void what_has_run_out(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(60), never = answer(60);
	struct mx_snapshot_loaded loaded;

	(void)state;
	never.may_stale = false;
	put(r.from, "stale", &a, NOW);
	put(r.from, "too-old", &a, NOW - 3600000);
	put(r.from, "never", &never, NOW);
	put(r.from, "long-gone", &a, NOW - 3700000);
	assert_int_equal(save_at(r.from, &r.files, NOW + 50000), 3);
	loaded = load_at(r.to, &r.files, NOW + 70000);
	assert_int_equal(loaded.loaded, 1);
	assert_int_equal(loaded.expired, 2);
	assert_int_equal(get(r.to, "stale", NOW + 70000, &r.found), MX_MISS);
	assert_int_equal(get_stale(r.to, "stale", NOW + 70000, &r.found), MX_HIT);
	assert_int_equal(get_stale(r.to, "never", NOW + 70000, &r.found), MX_MISS);
	done(&r);
}

/* A bogus answer, or a validated NXDOMAIN, that was heard later keeps the
 * older answer from being given, also when it has itself run out. */
static void what_keeps_stale_answers_back(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(60), other;
	struct test_key k;

	(void)state;
	put(r.from, "bogus", &a, NOW);
	put(r.from, "gone", &a, NOW);
	other = answer(1);
	other.state = MX_BOGUS;
	put(r.from, "bogus", &other, NOW + 60000);
	body_clear(&plain);
	other = nxdomain_of(&plain, 1);
	other.state = MX_SECURE;
	assert_true(mx_cache_put(r.from, key_of(&k, "gone", TLSA), &other,
				 NOW + 60000));
	assert_int_equal(save_at(r.from, &r.files, NOW + 70000), 4);
	assert_int_equal(load_at(r.to, &r.files, NOW + 80000).loaded, 4);
	assert_int_equal(get_stale(r.to, "bogus", NOW + 80000, &r.found), MX_MISS);
	assert_int_equal(get_stale(r.to, "gone", NOW + 80000, &r.found), MX_MISS);
	done(&r);
}

static bool take_stale_away(void *arg, const struct mx_key *key,
			    struct mx_answer *a)
{
	(void)arg;
	if (memcmp(key->qname, "\4none", 5) == 0)
		return false;
	if (memcmp(key->qname, "\5never", 6) == 0)
		a->may_stale = false;
	return true;
}

static void whoever_checks_decides(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(60), fresh = answer(600);
	struct mx_snapshot s;
	struct mx_snapshot_loaded loaded;

	(void)state;
	put(r.from, "none", &a, NOW);
	put(r.from, "never.stale", &a, NOW);
	put(r.from, "never.fresh", &fresh, NOW);
	put(r.from, "other", &a, NOW);
	save_at(r.from, &r.files, NOW);
	s = snapshot_at(&r.files, NOW + 70000);
	s.check = take_stale_away;
	assert_int_equal(mx_snapshot_load(r.to, &s, &loaded), MX_SNAPSHOT_READ);
	assert_int_equal(loaded.loaded, 2);
	assert_int_equal(loaded.refused, 1);
	assert_int_equal(loaded.expired, 1);
	assert_int_equal(get_stale(r.to, "never.fresh", NOW + 700000, &r.found),
			 MX_MISS);
	assert_int_equal(get_stale(r.to, "other", NOW + 70000, &r.found), MX_HIT);
	done(&r);
}

/* ---- what was put since ---- */

static void what_is_there_wins(void **state)
{
	struct room r = room();
	struct mx_answer old = answer(300), new, gone;
	struct mx_snapshot_loaded loaded;
	struct test_key k;

	(void)state;
	body_clear(&full);
	gone = nxdomain_of(&full, 300);
	gone.state = MX_SECURE;
	put(r.from, "a", &old, NOW);
	put(r.from, "other-type", &old, NOW);
	put(r.from, "denied", &old, NOW);
	put(r.from, "back", &gone, NOW);
	put(r.from, "doubted", &old, NOW);
	put(r.from, "ttl0", &old, NOW);
	put(r.from, "failed", &old, NOW);
	put(r.from, "left-alone", &old, NOW);
	save_at(r.from, &r.files, NOW);

	body_clear(&plain);
	body_rr(&plain, true, MX, 100, 9, 20);
	new = answer_of(&plain, NULL, 100);
	put(r.to, "a", &new, NOW + 1000);
	mx_cache_put(r.to, key_of(&k, "other-type", A), &new, NOW + 1000);
	put(r.to, "denied", &gone, NOW + 1000);
	mx_cache_put(r.to, key_of(&k, "back", A), &new, NOW + 1000);
	new.state = MX_BOGUS;
	put(r.to, "doubted", &new, NOW + 1000);
	new.ttl_s = 0;
	new.state = MX_INSECURE;
	assert_false(mx_cache_put(r.to, key_of(&k, "ttl0", MX), &new, NOW + 1000));
	mx_cache_put_failure(r.to, key_of(&k, "failed", MX), 22, "", NOW + 1000);

	loaded = load_at(r.to, &r.files, NOW + 2000);
	assert_int_equal(loaded.known, 6);
	assert_int_equal(loaded.loaded, 2);
	assert_int_equal(get(r.to, "a", NOW + 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.ancount, 1);
	assert_int_equal(get(r.to, "denied", NOW + 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.kind, MX_ANSWER_NXDOMAIN);
	assert_int_equal(get(r.to, "back", NOW + 2000, &r.found), MX_MISS);
	assert_int_equal(get(r.to, "doubted", NOW + 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.state, MX_BOGUS);
	assert_int_equal(get(r.to, "ttl0", NOW + 2000, &r.found), MX_MISS);
	/* A failure says nothing against an answer. */
	assert_int_equal(get(r.to, "failed", NOW + 2000, &r.found), MX_HIT);
	assert_int_equal(r.found.kind, MX_ANSWER_POSITIVE);
	assert_int_equal(get(r.to, "left-alone", NOW + 2000, &r.found), MX_HIT);
	done(&r);
}

static void what_was_flushed_does_not_come_back(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300);
	struct test_key k;

	(void)state;
	put(r.from, "a.example", &a, NOW);
	save_at(r.from, &r.files, NOW);
	key_of(&k, "example", 0);
	mx_cache_flush(r.to, k.qname, k.key.qname_len, true);
	assert_int_equal(load_at(r.to, &r.files, NOW).known, 1);
	assert_int_equal(get(r.to, "a.example", NOW, &r.found), MX_MISS);
	done(&r);
}

/* The file's own: an answer after the NXDOMAIN of its name was written has
 * ended it; one that is older lives on beside it, as in the cache. */
static void denied_and_back(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300), gone;
	struct test_key k;

	(void)state;
	body_clear(&full);
	gone = nxdomain_of(&full, 300);
	gone.state = MX_SECURE;
	put(r.from, "older", &a, NOW);
	assert_true(mx_cache_put(r.from, key_of(&k, "older", A), &gone, NOW + 1));
	assert_int_equal(save_at(r.from, &r.files, NOW + 1), 2);
	assert_int_equal(load_at(r.to, &r.files, NOW + 1).loaded, 2);
	assert_int_equal(get(r.to, "older", NOW + 1, &r.found), MX_HIT);
	assert_int_equal(r.found.kind, MX_ANSWER_POSITIVE);
	assert_int_equal(mx_cache_get(r.to, key_of(&k, "older", TLSA), NOW + 1,
				      true, out, sizeof out, &r.found), MX_HIT);
	assert_int_equal(r.found.kind, MX_ANSWER_NXDOMAIN);
	done(&r);
}

/* ---- which file ---- */

static void other_files(void **state)
{
	struct room r = room();
	struct mx_answer a = answer(300);
	struct mx_snapshot s = snapshot_at(&r.files, NOW);
	struct mx_snapshot_loaded loaded;
	struct mx_cache *to;

	(void)state;
	assert_int_equal(mx_snapshot_load(r.to, &s, &loaded), MX_SNAPSHOT_MISSING);
	put(r.from, "a", &a, NOW);
	save_at(r.from, &r.files, NOW);
	to = cache_to_load(1 << 20, false);
	s.realm[31]++;
	assert_int_equal(mx_snapshot_load(to, &s, &loaded), MX_SNAPSHOT_REALM);
	assert_int_equal(get(to, "a", NOW, &r.found), MX_MISS);
	s.realm[31]--;
	cache_done(to);
	to = cache_to_load(1 << 20, false);
	assert_int_equal(chmod(r.files.file, 0620), 0);
	assert_int_equal(mx_snapshot_load(to, &s, &loaded), MX_SNAPSHOT_OWNER);
	cache_done(to);
	to = cache_to_load(1 << 20, false);
	s.file = "/proc/self/mem";
	assert_int_not_equal(mx_snapshot_load(to, &s, &loaded), MX_SNAPSHOT_READ);
	s.file = "/nonexistent/file";
	cache_done(to);
	done(&r);
}

/* Given up half-way, what was loaded until then stays. */
static bool stop_after(void *arg)
{
	unsigned *left = arg;

	return (*left)-- > 0;
}

static void given_up(void **state)
{
	struct room r = room();
	struct mx_snapshot s = snapshot_at(&r.files, NOW);
	struct mx_snapshot_loaded loaded;
	struct mx_snapshot_saved saved = { 0 };
	struct mx_answer a;
	unsigned left = 1;
	char name[32];

	(void)state;
	body_of_len(&plain, 300, 1, 30000);
	a = answer_of(&plain, NULL, 300);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "n%u", i);
		put(r.from, name, &a, NOW);
	}
	s.go_on = stop_after;
	s.arg = &left;
	assert_int_equal(mx_snapshot_save(r.from, &s, &saved), MX_E_SYSTEM);
	assert_int_equal(errno, ECANCELED);
	assert_int_equal(access(r.files.file, F_OK), -1);
	assert_int_equal(files_others(&r.files), 0);
	save_at(r.from, &r.files, NOW);
	left = 1;
	assert_int_equal(mx_snapshot_load(r.to, &s, &loaded), MX_SNAPSHOT_GIVEN_UP);
	assert_in_range(loaded.loaded, 20, 99);
	done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_answer),
		cmocka_unit_test(the_longest_and_the_shortest),
		cmocka_unit_test(no_failures),
		cmocka_unit_test(hits_and_turns_go_on),
		cmocka_unit_test(the_hot_set_stays_hot),
		cmocka_unit_test(a_smaller_cache),
		cmocka_unit_test(a_large_file),
		cmocka_unit_test(all_in_one_chain),
		cmocka_unit_test(a_new_boot),
		cmocka_unit_test(clock_steps),
		cmocka_unit_test(later_than_the_head),
		cmocka_unit_test(signatures_end_by_the_wall_clock),
		cmocka_unit_test(what_has_run_out),
		cmocka_unit_test(what_keeps_stale_answers_back),
		cmocka_unit_test(whoever_checks_decides),
		cmocka_unit_test(what_is_there_wins),
		cmocka_unit_test(what_was_flushed_does_not_come_back),
		cmocka_unit_test(denied_and_back),
		cmocka_unit_test(other_files),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
