/* realm.c - a name for all that decides which answers are true.
 *
 * An answer that was validated with other trust anchors, or came from another
 * forwarder, is not one to go on giving after a restart with new settings.
 * What only decides how an answer is asked for, kept or given is left out. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "front.h"
#include "mx_log.h"

/* Each part after its length, so that no two lists of parts look alike. */
static void add(crypto_generichash_state *state, const void *octets, size_t len)
{
	uint64_t prefix = len;

	crypto_generichash_update(state, (const uint8_t *)&prefix,
				  sizeof(prefix));
	crypto_generichash_update(state, octets, len);
}

static void add_list(crypto_generichash_state *state, const char *key,
		     const struct mx_texts *texts)
{
	add(state, key, strlen(key));
	add(state, &texts->count, sizeof(texts->count));
	for (size_t i = 0; i < texts->count; i++)
		add(state, texts->at[i], strlen(texts->at[i]));
}

/* A hash of what fd has; errno if it cannot be read. */
static bool hash_file(int fd, uint8_t ret[MX_SNAPSHOT_REALM_LEN])
{
	crypto_generichash_state state;
	uint8_t part[4096];
	ssize_t got;

	crypto_generichash_init(&state, NULL, 0, MX_SNAPSHOT_REALM_LEN);
	while ((got = read(fd, part, sizeof(part))) != 0) {
		if (got < 0 && errno != EINTR)
			return false;
		if (got > 0)
			crypto_generichash_update(&state, part, (size_t)got);
	}
	crypto_generichash_final(&state, ret, MX_SNAPSHOT_REALM_LEN);
	return true;
}

/* By content: the same path may hold other anchors now. */
static bool add_file(crypto_generichash_state *state, const char *key,
		     const char *path)
{
	uint8_t hash[MX_SNAPSHOT_REALM_LEN];

	add(state, key, strlen(key));
	if (*path == '\0')
		return true; /* built in */

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok = fd >= 0 && hash_file(fd, hash);

	if (!ok)
		mx_log(MX_LOG_WARNING,
		       "snapshot: none is kept, since %s \"%s\" cannot be read: %s; let mxbound read it",
		       key, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	add(state, hash, ok ? sizeof(hash) : 0);
	return ok;
}

bool realm_of(const struct mx_config *config, uint8_t ret[MX_SNAPSHOT_REALM_LEN])
{
	crypto_generichash_state state;
	bool ok;

	crypto_generichash_init(&state, NULL, 0, MX_SNAPSHOT_REALM_LEN);
	ok = add_file(&state, "trust-anchor-file", config->trust_anchor_file) &&
	     add_file(&state, "root-hints", config->root_hints);
	add_list(&state, "forward-zone", &config->forward_zone);
	add_list(&state, "stub-zone", &config->stub_zone);
	add_list(&state, "resolver-option", &config->resolver_option);
	crypto_generichash_final(&state, ret, MX_SNAPSHOT_REALM_LEN);
	return ok;
}
