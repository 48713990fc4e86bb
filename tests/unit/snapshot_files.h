/* snapshot_files.h - a folder for a test's snapshots, and how to fill, save
 * and load a cache. For tests of the cache, after cache_answers.h. */
#ifndef SNAPSHOT_FILES_H
#define SNAPSHOT_FILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_answers.h"
#include "mx_snapshot.h"

#define NOW 5000000
#define WALL INT64_C(1700000000000) /* at NOW */
#define WALL_S 1700000000u
#define STALE_MAX_S 3600u
#define YEAR_MS (INT64_C(365) * 86400 * 1000)

struct files {
	char folder[64], file[96];
};

static inline void files_begin(struct files *f)
{
	strcpy(f->folder, "/tmp/mxbound-snapshot-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->file, sizeof f->file, "%s/cache.snapshot", f->folder);
}

/* Files in the folder, the snapshot itself not counted. */
static inline unsigned files_others(const struct files *f)
{
	DIR *folder = opendir(f->folder);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		count += entry->d_name[0] != '.' &&
			strcmp(entry->d_name, "cache.snapshot") != 0;
	closedir(folder);
	return count;
}

static inline void files_end(struct files *f)
{
	unlink(f->file);
	assert_int_equal(rmdir(f->folder), 0);
}

static inline uint8_t *file_read(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY);
	uint8_t *octets;
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*ret_len = (size_t)st.st_size;
	octets = malloc(*ret_len + 1);
	assert_non_null(octets);
	assert_int_equal(read(fd, octets, *ret_len), *ret_len);
	close(fd);
	return octets;
}

static inline void file_write(const char *path, const void *octets, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	close(fd);
}

/* ---- caches ---- */

static inline struct mx_cache *cache_to_load(size_t size_octets, bool constant)
{
	const struct mx_cache_config config = {
		.size_octets = size_octets, .hash_constant = constant,
		.failure_ttl_min_s = 1, .failure_ttl_max_s = 300,
		.stale_max_s = STALE_MAX_S, .refresh_hits = 2,
		.will_load = true,
	};
	struct mx_cache *cache = NULL;

	assert_int_equal(mx_cache_new(&config, &cache), MX_OK);
	return cache;
}

/* now: both clocks have gone on since NOW. The boot is the same. */
static inline struct mx_snapshot snapshot_at(const struct files *f,
					     mx_instant now)
{
	return (struct mx_snapshot){ .file = f->file, .realm = "realm",
				     .boot = "boot", .now = now,
				     .wall_ms = WALL + (now - NOW) };
}

static inline size_t save_at(struct mx_cache *cache, const struct files *f,
			     mx_instant now)
{
	struct mx_snapshot snapshot = snapshot_at(f, now);
	struct mx_snapshot_saved saved;
	struct stat st;

	assert_int_equal(mx_snapshot_save(cache, &snapshot, &saved), MX_OK);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_size, saved.octets);
	assert_int_equal(st.st_mode & 0777, 0600);
	return saved.records;
}

static inline struct mx_snapshot_loaded load_at(struct mx_cache *cache,
						const struct files *f,
						mx_instant now)
{
	struct mx_snapshot snapshot = snapshot_at(f, now);
	struct mx_snapshot_loaded loaded;

	assert_int_equal(mx_snapshot_load(cache, &snapshot, &loaded),
			 MX_SNAPSHOT_READ);
	assert_sound(cache);
	return loaded;
}

static inline size_t dropped(const struct mx_snapshot_loaded *l)
{
	size_t sum = 0;

#define X(name, text) sum += l->name;
	MX_SNAPSHOT_FATES(X)
#undef X
	return sum - l->loaded;
}

#endif
