/* The file of MTA-STS policies: what comes back of it, whatever happened to it
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/policy/sts_file.h"

#define WALL 1700000000000ll
#define DAY_MS 86400000ll
#define POLICIES 5u

static struct sts_time at(int64_t ms)
{
	return (struct sts_time){ 5000 + ms, WALL + ms };
}

static void put(struct sts_store *store, unsigned i, bool kept)
{
	char text[300], domain[32];
	struct mx_route_policy policy;
	struct sts_entry *entry;
	struct mx_name n;

	snprintf(text, sizeof text, "version: STSv1\nmode: enforce\n"
		 "mx: mx%u.example\nmx: *.example.net\nmax_age: %u\n", i,
		 86400 * (i + 1));
	snprintf(domain, sizeof domain, "d%u.example", i);
	assert_true(mx_route_policy_read(text, strlen(text), &policy));
	assert_int_equal(mx_name_from_text(domain, &n), MX_OK);
	entry = sts_store_put(store, &n, "20260101", &policy, WALL + i, at(0));
	assert_non_null(entry);
	if (kept)
		sts_store_keep(store, entry);
}

static uint8_t *make(size_t *ret_len)
{
	struct sts_store *store = sts_store_new();
	uint8_t *octets;

	for (unsigned i = 0; i < POLICIES; i++)
		put(store, i, i % 2 == 0);
	octets = sts_file_make(store, ret_len);
	assert_non_null(octets);
	sts_store_free(store);
	return octets;
}

static struct sts_entry *find(struct sts_store *store, unsigned i,
			      struct sts_time time)
{
	char domain[32];
	struct mx_name n;

	snprintf(domain, sizeof domain, "d%u.example", i);
	assert_int_equal(mx_name_from_text(domain, &n), MX_OK);
	return sts_store_find(store, &n, time);
}

static void what_was_made_comes_back(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;
	struct mx_route_policy policy;
	size_t len, again_len;
	uint8_t *octets = make(&len), *again;

	(void)state;
	assert_int_equal(sts_file_take(octets, len, store, at(1000), &loaded),
			 STS_FILE_READ);
	assert_int_equal(loaded.loaded, POLICIES);
	assert_int_equal(loaded.expired + loaded.refused + loaded.damaged, 0);
	for (unsigned i = 0; i < POLICIES; i++) {
		struct sts_entry *e = find(store, i, at(1000));

		assert_non_null(e);
		assert_int_equal(e->policy->fetched_ms, WALL + i);
		assert_int_equal(e->policy->kept, i % 2 == 0);
		assert_false(e->policy->used);
		assert_string_equal(e->policy->id, "20260101");
		assert_true(sts_policy_read(e->policy, &policy));
		assert_int_equal(policy.max_age_s, 86400 * (i + 1));
		assert_int_equal(policy.mx_count, 2);
		assert_int_equal(e->policy->expires_ms,
				 WALL + i + DAY_MS * (i + 1));
	}
	/* Once more: the same, in the same order, under another key. */
	again = sts_file_make(store, &again_len);
	assert_int_equal(again_len, len);
	free(again);
	sts_store_free(store);
	free(octets);
}

static void what_has_run_out_does_not(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;
	size_t len;
	uint8_t *octets = make(&len);

	(void)state;
	assert_int_equal(sts_file_take(octets, len, store, at(2 * DAY_MS + 10),
				       &loaded), STS_FILE_READ);
	assert_int_equal(loaded.expired, 2);
	assert_int_equal(loaded.loaded, POLICIES - 2);
	assert_null(find(store, 1, at(2 * DAY_MS + 10)));
	sts_store_free(store);
	free(octets);
}

/* The clock was set back by a year since: the policies hold, not longer than
 * max_age from now. */
static void from_the_future(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;
	struct sts_time now = { 5000, WALL - 365 * DAY_MS };
	size_t len;
	uint8_t *octets = make(&len);

	(void)state;
	assert_int_equal(sts_file_take(octets, len, store, now, &loaded),
			 STS_FILE_READ);
	assert_int_equal(loaded.loaded, POLICIES);
	now.now += DAY_MS - 1;
	now.wall_ms += DAY_MS - 1;
	assert_non_null(find(store, 0, now));
	now.now++;
	assert_null(find(store, 0, now));
	/* It is put right again. */
	assert_non_null(find(store, 1, now));
	now.wall_ms = WALL + 3 * DAY_MS;
	assert_null(find(store, 1, now));
	sts_store_free(store);
	free(octets);
}

/* What is known already is newer. */
static void the_store_goes_first(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;
	struct mx_route_policy policy;
	struct mx_name n;
	size_t len;
	uint8_t *octets = make(&len);
	static const char text[] = "version: STSv1\nmode: none\nmax_age: 99999";

	(void)state;
	assert_true(mx_route_policy_read(text, strlen(text), &policy));
	assert_int_equal(mx_name_from_text("d1.example", &n), MX_OK);
	assert_non_null(sts_store_put(store, &n, "new", &policy, WALL + 9,
				      at(10)));
	assert_int_equal(sts_file_take(octets, len, store, at(20), &loaded),
			 STS_FILE_READ);
	assert_int_equal(loaded.loaded, POLICIES - 1);
	assert_string_equal(find(store, 1, at(20))->policy->id, "new");
	sts_store_free(store);
	free(octets);
}

/* Cut at every octet: what is whole before it comes back. */
static void cut_anywhere(void **state)
{
	size_t len;
	uint8_t *octets = make(&len);
	size_t most = 0;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		struct sts_store *store = sts_store_new();
		struct sts_file_loaded loaded;
		uint8_t *part = malloc(cut + 1); /* for the address sanitizer */
		enum sts_file_verdict verdict;

		memcpy(part, octets, cut);
		verdict = sts_file_take(part, cut, store, at(0), &loaded);
		assert_int_equal(verdict, cut < 36 ? STS_FILE_FOREIGN :
						     STS_FILE_READ);
		assert_in_range(loaded.loaded, most, POLICIES - 1);
		assert_in_range(loaded.damaged, 0, 1);
		assert_int_equal(loaded.refused, 0);
		most = loaded.loaded;
		sts_store_free(store);
		free(part);
	}
	assert_int_equal(most, POLICIES - 1);
	free(octets);
}

/* One octet wrong, anywhere behind the head: one policy is lost, or the octet
 * was in the head: none is believed. */
static void any_octet_wrong(void **state)
{
	size_t len;
	uint8_t *octets = make(&len);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		struct sts_store *store = sts_store_new();
		struct sts_file_loaded loaded;
		enum sts_file_verdict verdict;

		octets[i] ^= 0x41;
		verdict = sts_file_take(octets, len, store, at(0), &loaded);
		if (i < 36)
			assert_true(verdict == STS_FILE_FOREIGN ||
				    verdict == STS_FILE_VERSION);
		else
			assert_int_equal(verdict, STS_FILE_READ);
		assert_int_equal(loaded.loaded, i < 36 ? 0 : POLICIES - 1);
		assert_int_equal(loaded.damaged, i < 36 ? 0 : 1);
		octets[i] ^= 0x41;
		sts_store_free(store);
	}
	free(octets);
}

static void octets_in_between(void **state)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;
	size_t len;
	uint8_t *octets = make(&len), *longer = malloc(len + 7);

	(void)state;
	memcpy(longer, octets, 36);
	memcpy(longer + 36, "STS1\0\0\1", 7);
	memcpy(longer + 43, octets + 36, len - 36);
	assert_int_equal(sts_file_take(longer, len + 7, store, at(0), &loaded),
			 STS_FILE_READ);
	assert_int_equal(loaded.loaded, POLICIES);
	assert_int_equal(loaded.damaged, 1);
	sts_store_free(store);
	free(longer);
	free(octets);
}

/* Whole, and yet nothing that any record or domain can say. */
static void whole_and_no_policy(void **state)
{
	static const struct {
		const char *domain, *id;
		size_t loaded;
	} cases[] = {
		{ "d.example", "20260101", 1 },
		{ "d.example", "2026 0101", 0 },
		{ "d.example", "2026;0101", 0 },
		{ "d.example", "", 0 },
		{ "_d.example", "20260101", 0 },
		{ ".", "20260101", 0 },
	};
	struct mx_route_policy policy;
	struct mx_name n;
	static const char text[] = "version: STSv1\nmode: enforce\n"
				   "mx: mx.example\nmax_age: 86400\n";

	(void)state;
	assert_true(mx_route_policy_read(text, strlen(text), &policy));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sts_store *from = sts_store_new(), *to = sts_store_new();
		struct sts_file_loaded loaded;
		uint8_t *octets;
		size_t len;

		assert_int_equal(mx_name_from_text(cases[i].domain, &n), MX_OK);
		assert_non_null(sts_store_put(from, &n, cases[i].id, &policy,
					      WALL, at(0)));
		octets = sts_file_make(from, &len);
		assert_int_equal(sts_file_take(octets, len, to, at(0), &loaded),
				 STS_FILE_READ);
		assert_int_equal(loaded.loaded, cases[i].loaded);
		assert_int_equal(loaded.refused, 1 - cases[i].loaded);
		free(octets);
		sts_store_free(from);
		sts_store_free(to);
	}
}

/* ---- on the disk ---- */

static char folder[] = "/tmp/mxbound-sts-XXXXXX";
static char path[64];

static int folder_begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/sts", folder);
	return 0;
}

static int folder_end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static enum sts_file_verdict read_file(struct sts_file_loaded *loaded)
{
	struct sts_store *store = sts_store_new();
	enum sts_file_verdict v = sts_file_read(path, store, at(0), loaded);

	assert_int_equal(sts_store_policies(store), loaded->loaded);
	sts_store_free(store);
	return v;
}

static void written_and_read(void **state)
{
	struct sts_file_loaded loaded;
	struct stat st;
	size_t len;
	uint8_t *octets = make(&len);

	(void)state;
	assert_int_equal(read_file(&loaded), STS_FILE_MISSING);
	assert_int_equal(sts_file_write(path, octets, len), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, len);
	assert_int_equal(read_file(&loaded), STS_FILE_READ);
	assert_int_equal(loaded.loaded, POLICIES);
	/* Who else may write it could say anything. */
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(read_file(&loaded), STS_FILE_OWNER);
	assert_int_equal(loaded.loaded, 0);
	free(octets);
}

static void no_file_of_ours(void **state)
{
	struct sts_file_loaded loaded;
	uint8_t text[100] = "smtp_tls_security_level = dane";

	(void)state;
	assert_int_equal(sts_file_write(path, text, 0), 0);
	assert_int_equal(read_file(&loaded), STS_FILE_FOREIGN);
	assert_int_equal(sts_file_write(path, text, sizeof text), 0);
	assert_int_equal(read_file(&loaded), STS_FILE_FOREIGN);
	assert_int_equal(truncate(path, STS_FILE_MAX + 1ll), 0);
	assert_int_equal(read_file(&loaded), STS_FILE_TOO_LONG);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_file(&loaded), STS_FILE_OWNER);
	assert_int_equal(loaded.damaged, 0);
	unlink(path);
	assert_int_not_equal(sts_file_write("/proc/no/such", text, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_comes_back),
		cmocka_unit_test(what_has_run_out_does_not),
		cmocka_unit_test(from_the_future),
		cmocka_unit_test(the_store_goes_first),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(any_octet_wrong),
		cmocka_unit_test(whole_and_no_policy),
		cmocka_unit_test(octets_in_between),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(no_file_of_ours),
	};

	return cmocka_run_group_tests(tests, folder_begin, folder_end);
}
