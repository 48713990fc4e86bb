/* A file of MTA-STS policies, and what is in a record of one, behind a sum that
 * is right. Claims: no octet too many is read; what is taken is a policy, and
 * comes back from a file of its own. */
#include <sodium.h>
#include <string.h>

#include "../../src/policy/sts_file.h"
#include "check.h"
#include "mx_wire.h"

#define HEAD 36u
#define RECORD_HEAD 16u
#define FILE_MAX 70000u

static const struct sts_time now = { 5000, 1700000000000 };

static void check_store(struct sts_store *store, size_t loaded)
{
	const struct sts_entry *entry = NULL;
	struct sts_store *again = sts_store_new();
	struct sts_file_loaded back;
	size_t len;
	uint8_t *octets = sts_file_make(store, &len);

	CHECK(again != NULL && octets != NULL);
	CHECK(sts_store_policies(store) == loaded);
	while ((entry = sts_store_after(store, entry))) {
		static struct mx_route_policy policy;

		CHECK(sts_policy_read(entry->policy, &policy));
		CHECK(sts_policy_holds(entry->policy, now));
	}
	CHECK(sts_file_take(octets, len, again, now, &back) == STS_FILE_READ);
	CHECK(back.loaded == loaded && back.damaged == 0 && back.refused == 0);
	free(octets);
	sts_store_free(again);
}

static void take(const uint8_t *octets, size_t len)
{
	struct sts_store *store = sts_store_new();
	struct sts_file_loaded loaded;

	CHECK(store != NULL);
	if (sts_file_take(octets, len, store, now, &loaded) != STS_FILE_READ)
		CHECK(loaded.loaded == 0);
	check_store(store, loaded.loaded);
	sts_store_free(store);
}

/* A file of one record with these octets. */
static void take_record(const uint8_t *octets, size_t len)
{
	static uint8_t file[FILE_MAX];
	struct sts_store *none = sts_store_new();
	size_t head_len;
	uint8_t *head = sts_file_make(none, &head_len);

	CHECK(none != NULL && head != NULL && head_len == HEAD);
	if (HEAD + RECORD_HEAD + len <= sizeof(file)) {
		memcpy(file, head, HEAD);
		memcpy(file + HEAD, "STS1", 4);
		mx_put_u32(file + HEAD + 4, (uint32_t)(RECORD_HEAD + len));
		memcpy(file + HEAD + RECORD_HEAD, octets, len);
		crypto_shorthash(file + HEAD + 8, octets, len, head + 12);
		take(file, HEAD + RECORD_HEAD + len);
	}
	free(head);
	sts_store_free(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	take(octets, len);
	take_record(octets, len);
	return 0;
}
