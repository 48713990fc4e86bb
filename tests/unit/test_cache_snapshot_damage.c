/* Snapshots that are cut short, changed, or made by somebody else: they cost
 * records. Never is there an answer that was not put. */
#include "../../cache/snapshot_record.h"
#include "snapshot_files.h"

enum { MX = 15 };

#define NAMES 6u

static struct body plain, full;
static uint8_t out[MX_MESSAGE_MAX];

static const char *name_of(unsigned i)
{
	static const char *const names[NAMES] = {
		"a", "b.example", "c.example", "gone.example", "bogus.example",
		"d.e.f.example",
	};

	return names[i];
}

static struct mx_answer make(unsigned i)
{
	struct mx_answer a;

	body_clear(&plain);
	body_rr(&plain, true, MX, 300 + i, i, 5 + i);
	body_rr(&plain, true, MX, 300 + i, 100 + i, 7);
	plain.form.turn_count = i % 2 ? 2 : 0;
	body_clear(&full);
	body_rr(&full, true, MX, 300 + i, i, 30);
	a = answer_of(&plain, i % 2 ? &full : NULL, 300 + i);
	if (i == 3) {
		body_clear(&plain);
		a = nxdomain_of(&plain, 300);
		a.state = MX_SECURE;
	}
	if (i == 4) {
		a.state = MX_BOGUS;
		a.ede = MX_EDE_BOGUS;
		a.why = "signature of another";
	}
	return a;
}

static size_t fill(struct mx_cache *cache)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct mx_answer a = make(i);
		struct test_key k;

		assert_true(mx_cache_put(cache, key_of(&k, name_of(i), MX), &a,
					 NOW));
	}
	return NAMES;
}

/* Whatever is there is what was put. Returns how much. */
static unsigned assert_only_what_was_put(struct mx_cache *cache, mx_instant now)
{
	struct mx_cache_stats stats;
	unsigned there = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		struct mx_answer a = make(i);
		uint8_t expected[500];
		struct mx_found found;
		struct test_key k;

		if (mx_cache_get(cache, key_of(&k, name_of(i), MX), now, true,
				 out, sizeof out, &found) == MX_MISS)
			continue;
		there++;
		assert_int_equal(found.kind, a.kind);
		assert_int_equal(found.state, a.state);
		assert_int_equal(found.rcode, a.rcode);
		assert_int_equal(found.ede, a.ede);
		assert_string_equal(found.why, a.why);
		assert_int_equal(found.ancount, a.full.ancount);
		assert_int_equal(found.len, a.full.len);
		assert_int_equal(found.ttl_left_s, a.ttl_s - (now - NOW) / 1000);
		body_expect(&a.full, (uint32_t)((now - NOW) / 1000), 0, expected);
		assert_memory_equal(out, expected, found.len);
	}
	mx_cache_stats(cache, &stats);
	assert_int_equal(stats.entries, there);
	return there;
}

/* Returns how many answers survive. */
static unsigned try_octets(const struct files *f, const uint8_t *octets,
			   size_t len, struct mx_snapshot_loaded *ret)
{
	struct mx_snapshot s = snapshot_at(f, NOW + 7000);
	struct mx_cache *cache = cache_to_load(64 << 10, false);
	unsigned there;

	file_write(f->file, octets, len);
	(void)mx_snapshot_load(cache, &s, ret);
	there = assert_only_what_was_put(cache, NOW + 7000);
	assert_int_equal(there, ret->loaded);
	cache_done(cache);
	return there;
}

struct small {
	struct files files;
	uint8_t *octets;
	size_t len;
};

static void small_begin(struct small *s)
{
	struct mx_cache *cache = cache_to_load(64 << 10, false);

	files_begin(&s->files);
	assert_int_equal(fill(cache), NAMES);
	assert_int_equal(save_at(cache, &s->files, NOW + 1000), NAMES);
	s->octets = file_read(s->files.file, &s->len);
	cache_done(cache);
}

static void small_end(struct small *s)
{
	free(s->octets);
	files_end(&s->files);
}

static void cut_at_every_octet(void **state)
{
	struct mx_snapshot_loaded loaded;
	unsigned before = 0;
	struct small s;

	(void)state;
	small_begin(&s);
	for (size_t len = 0; len <= s.len; len++) {
		unsigned there = try_octets(&s.files, s.octets, len, &loaded);

		assert_in_range(there, before, NAMES);
		assert_in_range(loaded.damaged, 0, 1);
		before = there;
	}
	assert_int_equal(before, NAMES);
	small_end(&s);
}

/* Costs one record, or all if it is in the head. */
static void every_octet_changed(void **state)
{
	struct mx_snapshot_loaded loaded;
	struct small s;

	(void)state;
	small_begin(&s);
	for (size_t at = 0; at < s.len; at++) {
		uint8_t was = s.octets[at];

		s.octets[at] ^= (uint8_t)(1u << at % 8);
		assert_int_equal(try_octets(&s.files, s.octets, s.len, &loaded),
				 at < sizeof(struct snapshot_head) ?
				 0 : NAMES - 1);
		s.octets[at] = was;
	}
	small_end(&s);
}

/* A page that was never written; octets put in and taken out. */
static void holes_and_shifts(void **state)
{
	struct mx_snapshot_loaded loaded;
	uint8_t *changed;
	struct small s;

	(void)state;
	small_begin(&s);
	changed = malloc(s.len + 100);
	assert_non_null(changed);
	for (size_t at = sizeof(struct snapshot_head); at + 64 < s.len; at += 13) {
		unsigned there;

		memcpy(changed, s.octets, s.len);
		memset(changed + at, 0, 64);
		there = try_octets(&s.files, changed, s.len, &loaded);
		assert_in_range(there, NAMES - 2, NAMES - 1);
		for (size_t shift = 1; shift < 12; shift += 5) {
			memcpy(changed, s.octets, at);
			memset(changed + at, 0xa5, shift);
			memcpy(changed + at + shift, s.octets + at, s.len - at);
			there = try_octets(&s.files, changed, s.len + shift,
					   &loaded);
			assert_in_range(there, NAMES - 1, NAMES);
			memcpy(changed + at, s.octets + at + shift,
			       s.len - at - shift);
			there = try_octets(&s.files, changed, s.len - shift,
					   &loaded);
			assert_in_range(there, NAMES - 2, NAMES);
		}
	}
	free(changed);
	small_end(&s);
}

/* Each record twice, and in the other order: still only what was put. */
static void records_twice_and_backwards(void **state)
{
	struct mx_snapshot_loaded loaded;
	size_t at[NAMES + 1], count = 0, used;
	uint8_t *changed;
	struct small s;

	(void)state;
	small_begin(&s);
	at[0] = sizeof(struct snapshot_head);
	while (at[count] < s.len) {
		at[count + 1] = at[count] + record_begins(s.octets + at[count],
							  s.len - at[count]);
		count++;
	}
	assert_int_equal(count, NAMES);
	changed = malloc(2 * s.len);
	assert_non_null(changed);
	memcpy(changed, s.octets, s.len);
	used = s.len;
	while (count-- > 0) {
		memcpy(changed + used, s.octets + at[count],
		       at[count + 1] - at[count]);
		used += at[count + 1] - at[count];
	}
	assert_int_equal(try_octets(&s.files, changed, used, &loaded), NAMES);
	assert_int_equal(loaded.known, NAMES);
	memmove(changed + at[0], changed + s.len, used - s.len);
	assert_int_equal(try_octets(&s.files, changed, s.len, &loaded), NAMES);
	free(changed);
	small_end(&s);
}

/* Of another file of the same cache, with the same head but for the key. */
static void records_of_another_file(void **state)
{
	struct mx_snapshot_loaded loaded;
	struct small s, t;

	(void)state;
	small_begin(&s);
	small_begin(&t);
	assert_int_equal(s.len, t.len);
	assert_memory_not_equal(s.octets, t.octets, sizeof(struct snapshot_head));
	memcpy(t.octets, s.octets, sizeof(struct snapshot_head));
	assert_int_equal(try_octets(&s.files, t.octets, t.len, &loaded), 0);
	assert_int_equal(loaded.damaged, 1);
	small_end(&t);
	small_end(&s);
}

/* ---- sealed, and wrong all the same ---- */

static void reseal(const struct snapshot_head *head, uint8_t *record)
{
	(void)record_seal(head, record);
}

/* Whoever can write the file can seal what he writes. Each field of a record
 * set to its extremes: no crash, no broken cache. */
static void sealed_nonsense(void **state)
{
	static const uint8_t values[] = { 0, 0x7f, 0xff };
	struct mx_snapshot s;
	struct mx_snapshot_loaded loaded;
	struct snapshot_head head;
	struct small small;
	size_t first = sizeof head, len;

	(void)state;
	small_begin(&small);
	memcpy(&head, small.octets, sizeof head);
	s = snapshot_at(&small.files, NOW + 7000);
	while (first < small.len) {
		uint8_t *record = small.octets + first, was[1000];

		len = record_begins(record, small.len - first);
		assert_in_range(len, sizeof(struct record), sizeof was);
		memcpy(was, record, len);
		for (size_t at = 16; at < len;
		     at += at < sizeof(struct record) ? 1 : 5) {
			for (unsigned v = 0; v < sizeof values; v++) {
				struct mx_cache *cache =
					cache_to_load(64 << 10, false);
				struct mx_found found;
				struct test_key k;

				record[at] = values[v];
				reseal(&head, record);
				file_write(small.files.file, small.octets,
					   small.len);
				assert_int_equal(mx_snapshot_load(cache, &s, &loaded),
						 MX_SNAPSHOT_READ);
				assert_int_equal(loaded.loaded + dropped(&loaded),
						 NAMES);
				for (unsigned i = 0; i < NAMES; i++)
					mx_cache_get(cache, key_of(&k, name_of(i), MX),
						     NOW + 7000, true, out,
						     sizeof out, &found);
				cache_done(cache);
				memcpy(record, was, len);
			}
		}
		first += len;
	}
	small_end(&small);
}

static void heads_that_are_none_of_ours(void **state)
{
	struct mx_cache *cache;
	struct mx_snapshot s;
	struct mx_snapshot_loaded loaded;
	struct snapshot_head head, was;
	struct small small;
	static const struct {
		const char *why;
		size_t at;
		enum mx_snapshot_verdict verdict;
	} cases[] = {
		{ "magic", offsetof(struct snapshot_head, magic), MX_SNAPSHOT_FOREIGN },
		{ "order", offsetof(struct snapshot_head, order), MX_SNAPSHOT_VERSION },
		{ "version", offsetof(struct snapshot_head, version), MX_SNAPSHOT_VERSION },
		{ "time", offsetof(struct snapshot_head, wall_ms) + 7, MX_SNAPSHOT_FUTURE },
		{ "realm", offsetof(struct snapshot_head, realm), MX_SNAPSHOT_REALM },
	};

	(void)state;
	small_begin(&small);
	memcpy(&was, small.octets, sizeof was);
	s = snapshot_at(&small.files, NOW + 7000);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *octets = (uint8_t *)&head;

		head = was;
		octets[cases[i].at] ^= 0x20;
		/* Resealed, so that not the checksum is what tells. */
		snapshot_head_seal(&head);
		memcpy(small.octets, &head, sizeof head);
		file_write(small.files.file, small.octets, small.len);
		cache = cache_to_load(64 << 10, false);
		assert_int_equal(mx_snapshot_load(cache, &s, &loaded),
				 cases[i].verdict);
		assert_int_equal(assert_only_what_was_put(cache, NOW + 7000), 0);
		cache_done(cache);
	}
	small_end(&small);
}

/* What could be a record at every fourth octet, each as long as can be. The
 * sums are bounded, whatever the file's length. */
static void made_to_keep_us_busy(void **state)
{
	const uint32_t candidate[2] = { RECORD_MAGIC, RECORD_MAX & ~7u };
	size_t len = 24u << 20;
	struct mx_snapshot s;
	struct mx_snapshot_loaded loaded;
	struct mx_cache *cache;
	struct small small;
	uint8_t *octets;

	(void)state;
	small_begin(&small);
	octets = malloc(len);
	assert_non_null(octets);
	for (size_t at = 0; at < len; at += sizeof candidate)
		memcpy(octets + at, candidate, sizeof candidate);
	memcpy(octets, small.octets, small.len & ~(size_t)7);
	file_write(small.files.file, octets, len);
	s = snapshot_at(&small.files, NOW + 7000);
	cache = cache_to_load(64 << 10, false);
	assert_int_equal(mx_snapshot_load(cache, &s, &loaded),
			 MX_SNAPSHOT_GIVEN_UP);
	assert_int_equal(loaded.loaded, NAMES);
	assert_int_equal(loaded.damaged, 1);
	cache_done(cache);
	/* Nothing at all, for long. */
	memset(octets + small.len, 'm', len - small.len);
	file_write(small.files.file, octets, len);
	cache = cache_to_load(64 << 10, false);
	assert_int_equal(mx_snapshot_load(cache, &s, &loaded), MX_SNAPSHOT_READ);
	assert_int_equal(loaded.loaded, NAMES);
	cache_done(cache);
	free(octets);
	small_end(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_octet),
		cmocka_unit_test(every_octet_changed),
		cmocka_unit_test(holes_and_shifts),
		cmocka_unit_test(records_twice_and_backwards),
		cmocka_unit_test(records_of_another_file),
		cmocka_unit_test(sealed_nonsense),
		cmocka_unit_test(heads_that_are_none_of_ours),
		cmocka_unit_test(made_to_keep_us_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
