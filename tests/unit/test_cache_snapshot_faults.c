/* Killed, or refused by the system, at every step of writing a snapshot: there
 * is the old file or the new one, whole, and nothing beside it. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../cache/snapshot_file.h"
#include "snapshot_files.h"

enum { MX = 15 };

#define OLD 40u
#define NEW 3000u

static struct body plain;

/* What happens at which step; in memory that a child shares. */
static struct plan {
	unsigned at;   /* counted from 0; UINT_MAX: never */
	unsigned step; /* so far */
	int error;     /* 0: kill */
	bool once, cut_short;
} *plan;

static int fault(enum snapshot_step step, size_t *len)
{
	unsigned now = plan->step++;

	if (step == STEP_WRITE && plan->cut_short)
		*len = *len / 3 + 1;
	if (now < plan->at || (now > plan->at && plan->once))
		return 0;
	if (plan->error == 0)
		kill(getpid(), SIGKILL);
	return plan->error;
}

static void fill(struct mx_cache *cache, unsigned count, uint32_t seed)
{
	for (unsigned i = 0; i < count; i++) {
		struct mx_answer a;
		struct test_key k;
		char name[32];

		body_clear(&plain);
		body_rr(&plain, true, MX, 300, seed, 100);
		a = answer_of(&plain, NULL, 300);
		snprintf(name, sizeof name, "n%u", i);
		mx_cache_put(cache, key_of(&k, name, MX), &a, NOW);
	}
}

/* The seed of all answers in the file, which are so many, or a failure. */
static unsigned whole_file(const struct files *f)
{
	struct mx_cache *cache = cache_to_load(4 << 20, false);
	struct mx_snapshot_loaded loaded = load_at(cache, f, NOW);
	struct mx_found found;
	struct test_key k;
	uint8_t out[500];
	unsigned count = 0;

	assert_int_equal(dropped(&loaded), 0);
	for (unsigned i = 0; i < NEW; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%u", i);
		if (mx_cache_get(cache, key_of(&k, name, MX), NOW, false, out,
				 sizeof out, &found) == MX_MISS)
			break;
		body_clear(&plain);
		body_rr(&plain, true, MX, 300, loaded.loaded, 100);
		assert_memory_equal(out, plain.octets, found.len);
		count++;
	}
	assert_int_equal(count, loaded.loaded);
	assert_true(count == OLD || count == NEW);
	cache_done(cache);
	return count;
}

struct room {
	struct files files;
	struct mx_cache *old, *new;
};

static struct room room(void)
{
	struct room r;

	files_begin(&r.files);
	r.old = cache_to_load(4 << 20, false);
	r.new = cache_to_load(4 << 20, false);
	fill(r.old, OLD, OLD);
	fill(r.new, NEW, NEW);
	*plan = (struct plan){ .at = UINT_MAX };
	snapshot_test_step = NULL;
	save_at(r.old, &r.files, NOW);
	return r;
}

static void done(struct room *r)
{
	snapshot_test_step = NULL;
	cache_done(r->old);
	cache_done(r->new);
	files_end(&r->files);
}

/* How many steps a save has that nothing disturbs. */
static unsigned steps_of(struct room *r)
{
	struct mx_snapshot s = snapshot_at(&r->files, NOW);
	struct mx_snapshot_saved saved;

	*plan = (struct plan){ .at = UINT_MAX };
	snapshot_test_step = fault;
	assert_int_equal(mx_snapshot_save(r->new, &s, &saved), MX_OK);
	snapshot_test_step = NULL;
	assert_int_equal(whole_file(&r->files), NEW);
	save_at(r->old, &r->files, NOW);
	return plan->step;
}

static void killed_at_every_step(void **state)
{
	struct room r = room();
	unsigned steps = steps_of(&r), old = 0;

	(void)state;
	assert_in_range(steps, 8, 100);
	for (unsigned at = 0; at <= steps; at++) {
		struct mx_snapshot s = snapshot_at(&r.files, NOW);
		struct mx_snapshot_saved saved;
		int status;
		pid_t child;

		*plan = (struct plan){ .at = at };
		child = fork();
		if (child == 0) {
			snapshot_test_step = fault;
			(void)mx_snapshot_save(r.new, &s, &saved);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WIFSIGNALED(status), at < steps);
		old += whole_file(&r.files) == OLD;
		/* What it left is there until the next one starts. */
		assert_in_range(files_others(&r.files), 0, 1);
		mx_snapshot_clean(r.files.file);
		assert_int_equal(files_others(&r.files), 0);
		save_at(r.old, &r.files, NOW);
	}
	/* The rename is the last but one, syncing the folder the last. */
	assert_int_equal(old, steps - 1);
	done(&r);
}

static void refused_at_every_step(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EDQUOT, EROFS };
	struct room r = room();
	unsigned steps = steps_of(&r);

	(void)state;
	for (unsigned at = 0; at < steps; at++) {
		for (unsigned e = 0; e < sizeof errors / sizeof *errors; e++) {
			struct mx_snapshot s = snapshot_at(&r.files, NOW);
			struct mx_snapshot_saved saved = { 0 };

			*plan = (struct plan){ .at = at, .error = errors[e],
					       .once = e % 2,
					       .cut_short = e / 2 };
			snapshot_test_step = fault;
			assert_int_equal(mx_snapshot_save(r.new, &s, &saved),
					 MX_E_SYSTEM);
			assert_int_equal(errno, errors[e]);
			snapshot_test_step = NULL;
			assert_int_equal(saved.records, 0);
			assert_int_equal(files_others(&r.files), 0);
			if (whole_file(&r.files) == NEW)
				assert_int_equal(at, steps - 1);
			save_at(r.old, &r.files, NOW);
		}
	}
	done(&r);
}

/* Interrupted, or only in part: that is no error. */
static void interrupted_at_every_step(void **state)
{
	struct room r = room();
	unsigned steps = steps_of(&r);

	(void)state;
	for (unsigned at = 0; at < steps; at++) {
		struct mx_snapshot s = snapshot_at(&r.files, NOW);
		struct mx_snapshot_saved saved;

		if (at == 0)
			continue; /* open_folder asks again by itself */
		*plan = (struct plan){ .at = at, .error = EINTR, .once = true,
				       .cut_short = true };
		snapshot_test_step = fault;
		assert_int_equal(mx_snapshot_save(r.new, &s, &saved), MX_OK);
		snapshot_test_step = NULL;
		assert_int_equal(saved.records, NEW);
		assert_int_equal(whole_file(&r.files), NEW);
		assert_int_equal(files_others(&r.files), 0);
		save_at(r.old, &r.files, NOW);
	}
	done(&r);
}

/* Some file systems cannot sync a folder. */
static void folder_that_cannot_be_synced(void **state)
{
	struct room r = room();
	unsigned steps = steps_of(&r);
	struct mx_snapshot s = snapshot_at(&r.files, NOW);
	struct mx_snapshot_saved saved;

	(void)state;
	*plan = (struct plan){ .at = steps - 1, .error = EINVAL };
	snapshot_test_step = fault;
	assert_int_equal(mx_snapshot_save(r.new, &s, &saved), MX_OK);
	assert_int_equal(whole_file(&r.files), NEW);
	done(&r);
}

static void places_that_are_none(void **state)
{
	static const struct {
		const char *file;
		int error;
	} cases[] = {
		{ "/nonexistent/file", ENOENT },
		{ "/dev/null/file", ENOTDIR },
		{ "/tmp/", EISDIR },
		{ "", EISDIR },
		{ "/proc/self/file", ENOENT },
	};
	struct room r = room();

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_snapshot s = { .file = cases[i].file };
		struct mx_snapshot_saved saved;

		assert_int_equal(mx_snapshot_save(r.new, &s, &saved), MX_E_SYSTEM);
		assert_int_equal(errno, cases[i].error);
		mx_snapshot_clean(cases[i].file);
	}
	done(&r);
}

/* Only names that we make, of processes that are gone. */
static void only_what_the_dead_left(void **state)
{
	static const struct {
		const char *name;
		bool goes;
	} cases[] = {
		{ "cache.snapshot.999999999.tmp", true },
		{ "cache.snapshot.1.tmp", false },
		{ "cache.snapshot..tmp", false },
		{ "cache.snapshot.9x.tmp", false },
		{ "cache.snapshot.99999999999999999999.tmp", false },
		{ "cache.snapshot.999999999.tmp2", false },
		{ "cache.snapshot2.999999999.tmp", false },
		{ "xcache.snapshot.999999999.tmp", false },
	};
	struct room r = room();
	char path[200];

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(path, sizeof path, "%s/%s", r.files.folder,
			 cases[i].name);
		file_write(path, "half", 4);
	}
	snprintf(path, sizeof path, "%s.%d.tmp", r.files.file, (int)getpid());
	file_write(path, "half", 4);
	mx_snapshot_clean(r.files.file);
	assert_int_equal(access(path, F_OK), -1);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(path, sizeof path, "%s/%s", r.files.folder,
			 cases[i].name);
		assert_int_equal(unlink(path), cases[i].goes ? -1 : 0);
	}
	assert_int_equal(whole_file(&r.files), OLD);
	done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_step),
		cmocka_unit_test(refused_at_every_step),
		cmocka_unit_test(interrupted_at_every_step),
		cmocka_unit_test(folder_that_cannot_be_synced),
		cmocka_unit_test(places_that_are_none),
		cmocka_unit_test(only_what_the_dead_left),
	};

	plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (plan == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
