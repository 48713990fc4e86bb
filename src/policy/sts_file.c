/* sts_file.c - the MTA-STS policies in a file. See sts_file.h. */
#include "sts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../cache/snapshot_file.h"
#include "mx_sts.h"

static const char head_magic[8] = "mxb.sts\n";

#define VERSION 1u
#define KEY_LEN 16u
#define SUM_LEN 8u
#define HEAD_SUMMED (sizeof(head_magic) + 4 + KEY_LEN)
#define HEAD_LEN (HEAD_SUMMED + SUM_LEN)

#define RECORD_MAGIC 0x53545331u /* "STS1" */
#define RECORD_SUMMED_AT (4 + 4 + SUM_LEN)
#define RECORD_MIN (RECORD_SUMMED_AT + 8 + 1 + 3 + 1 + 1 + 1)
#define RECORD_MAX (RECORD_MIN + MX_NAME_MAX + MX_ROUTE_STS_ID_MAX + STS_TEXT_MAX)
#define FLAG_KEPT 1u

/* Octets summed up in vain, beyond which a file is not worth it. */
#define VAIN_OCTETS_MAX (16u << 20)

/* Of all policies together no more than the store holds; a record's own octets
 * are fewer than what the store counts for it. */
_Static_assert(STS_FILE_MAX >= STS_OCTETS_MAX + HEAD_LEN, "all have room");
_Static_assert(RECORD_MIN + MX_NAME_MAX + MX_ROUTE_STS_ID_MAX <
		       sizeof(struct sts_entry) + sizeof(struct sts_policy),
	       "a record is no longer than its entry");
_Static_assert(SUM_LEN == crypto_shorthash_BYTES &&
		       KEY_LEN == crypto_shorthash_KEYBYTES,
	       "SipHash");

const char *sts_file_verdict_text(enum sts_file_verdict verdict)
{
	static const char *const texts[] = {
#define X(name, text) text,
		STS_FILE_VERDICTS(X)
#undef X
	};

	return texts[verdict];
}

/* ---- making one ---- */

static void out_u64(struct mx_out *out, uint64_t v)
{
	mx_out_u32(out, (uint32_t)(v >> 32));
	mx_out_u32(out, (uint32_t)v);
}

static void out_head(struct mx_out *out, uint8_t key[KEY_LEN])
{
	uint8_t sum[SUM_LEN];

	randombytes_buf(key, KEY_LEN);
	mx_out_octets(out, head_magic, sizeof(head_magic));
	mx_out_u32(out, VERSION);
	mx_out_octets(out, key, KEY_LEN);
	crypto_shorthash(sum, out->msg, HEAD_SUMMED, key);
	mx_out_octets(out, sum, SUM_LEN);
}

static void out_record(struct mx_out *out, const struct sts_entry *entry,
		       const uint8_t key[KEY_LEN])
{
	const struct sts_policy *p = entry->policy;
	size_t id_len = strlen(p->id);
	size_t summed = 8 + 1 + entry->domain.len + 1 + id_len + p->text_len;
	uint8_t *sum, *from;

	mx_out_u32(out, RECORD_MAGIC);
	mx_out_u32(out, (uint32_t)(RECORD_SUMMED_AT + summed));
	sum = mx_out_room(out, SUM_LEN);
	from = out->at;
	out_u64(out, (uint64_t)p->fetched_ms);
	mx_out_u8(out, p->kept ? FLAG_KEPT : 0);
	mx_out_octets(out, entry->domain.octets, entry->domain.len);
	mx_out_u8(out, (uint8_t)id_len);
	mx_out_octets(out, p->id, id_len);
	mx_out_octets(out, p->text, p->text_len);
	if (!out->full)
		crypto_shorthash(sum, from, summed, key);
}

uint8_t *sts_file_make(const struct sts_store *store, size_t *ret_len)
{
	size_t room = HEAD_LEN + sts_store_octets(store);
	uint8_t *octets = malloc(room), key[KEY_LEN];
	const struct sts_entry *entry = NULL;
	struct mx_out out;

	if (!octets)
		return NULL;
	mx_out_init(&out, octets, room);
	out_head(&out, key);
	while ((entry = sts_store_after(store, entry)))
		out_record(&out, entry, key);
	*ret_len = mx_out_len(&out);
	return octets;
}

/* ---- taking one apart ---- */

struct reader {
	const uint8_t *at, *end;
	uint8_t key[KEY_LEN];
	struct sts_store *store;
	struct sts_time time;
	struct sts_file_loaded *loaded;
	size_t vain;
	bool in_damage;
};

static bool holds(const uint8_t *sum, const uint8_t *octets, size_t len,
		  const uint8_t key[KEY_LEN])
{
	uint8_t right[SUM_LEN];

	crypto_shorthash(right, octets, len, key);
	return memcmp(sum, right, SUM_LEN) == 0;
}

static enum sts_file_verdict take_head(struct reader *r)
{
	const uint8_t *head = r->at;

	if (r->end - r->at < (ptrdiff_t)HEAD_LEN ||
	    memcmp(head, head_magic, sizeof(head_magic)) != 0)
		return STS_FILE_FOREIGN;
	if (mx_get_u32(head + sizeof(head_magic)) != VERSION)
		return STS_FILE_VERSION;
	memcpy(r->key, head + HEAD_SUMMED - KEY_LEN, KEY_LEN);
	if (!holds(head + HEAD_SUMMED, head, HEAD_SUMMED, r->key))
		return STS_FILE_FOREIGN;
	r->at += HEAD_LEN;
	return STS_FILE_READ;
}

static bool id_is(const uint8_t *id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((id[i] >= '0' && id[i] <= '9') ||
		      (id[i] >= 'A' && id[i] <= 'Z') ||
		      (id[i] >= 'a' && id[i] <= 'z')))
			return false;
	return len > 0 && len <= MX_ROUTE_STS_ID_MAX;
}

static uint64_t in_u64(struct mx_in *in)
{
	uint64_t high = mx_in_u32(in);

	return high << 32 | mx_in_u32(in);
}

/* What is behind the sum. Whether it is a policy of a domain; it may have run
 * out. */
static bool take_policy(struct reader *r, struct mx_in in)
{
	char id[MX_ROUTE_STS_ID_MAX + 1] = "";
	struct mx_route_policy policy;
	struct mx_name domain;
	struct sts_entry *entry;
	uint64_t fetched_ms = in_u64(&in);
	uint8_t flags = mx_in_u8(&in);

	mx_in_name_plain(&in, &domain);
	size_t id_len = mx_in_u8(&in);
	const uint8_t *id_at = mx_in_octets(&in, id_len);
	size_t text_len = mx_in_left(&in);
	const uint8_t *text = mx_in_octets(&in, text_len);

	if (in.err != MX_OK || !id_is(id_at, id_len) ||
	    fetched_ms > INT64_MAX / 2 || flags > FLAG_KEPT ||
	    !mx_route_policy_read((const char *)text, text_len, &policy))
		return false;
	mx_name_lower(domain.octets, domain.len);
	if (!mx_sts_domain_is(&domain))
		return false;
	memcpy(id, id_at, id_len);
	entry = sts_store_find(r->store, &domain, r->time);
	if (entry && entry->policy)
		return true;
	entry = sts_store_put(r->store, &domain, id, &policy,
			      (int64_t)fetched_ms, r->time);
	if (entry && (flags & FLAG_KEPT))
		sts_store_keep(r->store, entry);
	if (entry)
		r->loaded->loaded++;
	else
		r->loaded->expired++;
	return true;
}

/* The octets of the record that begins here by its first fields, or 0. */
static size_t record_begins(const struct reader *r)
{
	size_t left = (size_t)(r->end - r->at), len;

	if (left < RECORD_MIN || mx_get_u32(r->at) != RECORD_MAGIC)
		return 0;
	len = mx_get_u32(r->at + 4);
	return len >= RECORD_MIN && len <= RECORD_MAX && len <= left ? len : 0;
}

static void skip_damage(struct reader *r)
{
	uint8_t magic[4];
	const uint8_t *next;

	mx_put_u32(magic, RECORD_MAGIC);
	if (!r->in_damage)
		r->loaded->damaged++;
	r->in_damage = true;
	next = memmem(r->at + 1, (size_t)(r->end - r->at) - 1, magic,
		      sizeof(magic));
	r->at = next ? next : r->end;
}

static void take_record(struct reader *r)
{
	size_t len = record_begins(r);
	struct mx_in in;

	if (len == 0) {
		skip_damage(r);
		return;
	}
	if (!holds(r->at + 8, r->at + RECORD_SUMMED_AT, len - RECORD_SUMMED_AT,
		   r->key)) {
		r->vain += len;
		skip_damage(r);
		return;
	}
	r->in_damage = false;
	mx_in_init(&in, r->at, len);
	mx_in_octets(&in, RECORD_SUMMED_AT);
	if (!take_policy(r, in))
		r->loaded->refused++;
	r->at += len;
}

enum sts_file_verdict sts_file_take(const uint8_t *octets, size_t len,
				    struct sts_store *store,
				    struct sts_time time,
				    struct sts_file_loaded *ret)
{
	struct reader r = { .at = octets, .end = octets + len, .store = store,
			    .time = time, .loaded = ret };
	enum sts_file_verdict verdict;

	*ret = (struct sts_file_loaded){ 0 };
	verdict = take_head(&r);
	while (verdict == STS_FILE_READ && r.at < r.end &&
	       r.vain <= VAIN_OCTETS_MAX)
		take_record(&r);
	return verdict;
}

/* ---- on the disk ---- */

/* len octets, or as many as there are. False: errno. */
static bool read_all(int fd, uint8_t *octets, size_t *len)
{
	size_t have = 0;

	while (have < *len) {
		ssize_t got = read(fd, octets + have, *len - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	*len = have;
	return true;
}

static enum sts_file_verdict read_open(int fd, uint8_t **ret, size_t *ret_len,
				       int *ret_error)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		*ret_error = errno;
		return STS_FILE_UNREADABLE;
	}
	if (!snapshot_file_is_ours(&st))
		return STS_FILE_OWNER;
	if (st.st_size > (off_t)STS_FILE_MAX)
		return STS_FILE_TOO_LONG;
	*ret_len = (size_t)st.st_size;
	*ret = malloc(*ret_len + 1);
	if (!*ret || !read_all(fd, *ret, ret_len)) {
		*ret_error = *ret ? errno : ENOMEM;
		return STS_FILE_UNREADABLE;
	}
	return STS_FILE_READ;
}

enum sts_file_verdict sts_file_read(const char *path, struct sts_store *store,
				    struct sts_time time,
				    struct sts_file_loaded *ret)
{
	/* A FIFO must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum sts_file_verdict verdict;
	uint8_t *octets = NULL;
	size_t len = 0;
	int error = 0;

	*ret = (struct sts_file_loaded){ .error = fd < 0 ? errno : 0 };
	if (fd < 0)
		return ret->error == ENOENT ? STS_FILE_MISSING :
					      STS_FILE_UNREADABLE;
	verdict = read_open(fd, &octets, &len, &error);
	if (verdict == STS_FILE_READ)
		verdict = sts_file_take(octets, len, store, time, ret);
	ret->error = error;
	free(octets);
	close(fd);
	return verdict;
}

int sts_file_write(const char *path, const uint8_t *octets, size_t len)
{
	struct snapshot_file file;
	int error = 0;

	if (!snapshot_file_begin(&file, path) ||
	    !snapshot_file_write(&file, octets, len) ||
	    !snapshot_file_commit(&file))
		error = errno;
	snapshot_file_end(&file);
	return error;
}
