/* Records of a snapshot, behind a head that is right and each with a checksum
 * that is right. Claims: the cache is sound with whatever is taken from them;
 * no more is in it than was counted; and written and read again, nothing of it
 * is found to be damaged. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../cache/snapshot_record.h"
#include "check.h"
#include "mx_cache.h"

#define FILE_MAX 140000u
#define SIZE (1u << 20)

/* In memory: a writer waits for the disk. */
static char path[] = "/dev/shm/fuzz-snapshot-XXXXXX";
static _Alignas(8) uint8_t file[FILE_MAX];

static bool take_it(void *arg, const struct mx_key *key, struct mx_answer *a)
{
	(void)arg;
	CHECK(key->qname_len > 0 && key->qname[key->qname_len - 1] == 0);
	CHECK(strlen(a->why) <= MX_WHY_MAX);
	return true;
}

static const struct mx_snapshot snapshot = {
	.file = path,
	.now = 5000,
	.wall_ms = 1700000000000,
	.check = take_it,
};

static void remove_file(void)
{
	unlink(path);
}

static struct mx_cache *cache_new(void)
{
	static const uint8_t key[16];
	const struct mx_cache_config config = {
		.size_octets = SIZE, .failure_ttl_min_s = 1,
		.failure_ttl_max_s = 30, .stale_max_s = 86400,
		.refresh_hits = 2, .hash_key = key, .will_load = true,
	};
	struct mx_cache *cache;

	CHECK(mx_cache_new(&config, &cache) == MX_OK);
	return cache;
}

/* As if a writer had made them. */
static size_t seal(const struct snapshot_head *head, size_t len)
{
	size_t at = sizeof *head, record;

	while (at < len) {
		record = record_begins(file + at, len - at);
		if (record > 0)
			record_seal(head, file + at);
		at += record > 0 ? record : 8;
	}
	return len;
}

static void write_file(size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, file, len) == (ssize_t)len);
	close(fd);
}

static size_t load(struct mx_cache *cache, struct mx_snapshot_loaded *ret)
{
	struct mx_cache_stats stats;

	CHECK(mx_snapshot_load(cache, &snapshot, ret) == MX_SNAPSHOT_READ);
	CHECK(mx_cache_check(cache) == NULL);
	mx_cache_stats(cache, &stats);
	CHECK(stats.entries <= ret->loaded);
	CHECK(stats.octets <= stats.octets_max);
	return stats.entries;
}

static void check_again(struct mx_cache *cache)
{
	struct mx_cache *again = cache_new();
	struct mx_snapshot_saved saved;
	struct mx_snapshot_loaded back;

	CHECK(mx_snapshot_save(cache, &snapshot, &saved) == MX_OK);
	load(again, &back);
	CHECK(back.damaged == 0 && back.loaded <= saved.records);
	mx_cache_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct mx_snapshot_loaded loaded;
	struct snapshot_head head;
	struct mx_cache *cache;
	static bool begun;

	if (!begun) {
		begun = true;
		close(mkstemp(path));
		atexit(remove_file);
	}
	if (len > FILE_MAX - sizeof head)
		return 0;
	snapshot_head_make(&snapshot, &head);
	snapshot_head_seal(&head);
	memcpy(file, &head, sizeof head);
	memcpy(file + sizeof head, octets, len);
	write_file(seal(&head, sizeof head + len));
	cache = cache_new();
	load(cache, &loaded);
	check_again(cache);
	mx_cache_free(cache);
	return 0;
}
