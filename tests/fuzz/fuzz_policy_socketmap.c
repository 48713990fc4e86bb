/* A stream of requests as server.c gets it. Whatever comes, what is taken for a
 * request is one, written again it reads the same, and is no request before its
 * last octet is there; and a reply is a netstring of what was to be said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/policy/socketmap.h"
#include "check.h"

static void check_cut(const uint8_t *octets, size_t used)
{
	struct socketmap_request r;
	size_t cut_used;
	uint8_t *cut = malloc(used);

	memcpy(cut, octets, used - 1);
	CHECK(socketmap_read(cut, used - 1, &r, &cut_used) == SOCKETMAP_MORE);
	free(cut);
}

static void check_key(const struct socketmap_request *r)
{
	struct mx_route_destination d;

	if (!socketmap_key(r, &d))
		return;
	CHECK(r->key_len > 0 && r->key[0] != '.');
	CHECK(!d.is_address && d.name.len > 1 && d.port != 0);
	for (size_t i = 0; i < d.name.len; i++)
		CHECK(d.name.octets[i] < 'A' || d.name.octets[i] > 'Z');
}

/* Replies have the form of requests. */
static void check_reply(const struct socketmap_request *r)
{
	char text[300], reply[200];
	struct socketmap_request again;
	size_t used;

	snprintf(text, sizeof text, "%.*s", (int)r->key_len, r->key);
	size_t len = socketmap_write(SOCKETMAP_TEMP, text, reply, sizeof reply);

	CHECK(len > 0 && len < sizeof reply && len == strlen(reply));
	CHECK(socketmap_read((uint8_t *)reply, len, &again, &used) ==
	      SOCKETMAP_REQUEST);
	CHECK(used == len && again.map_len == 4 &&
	      memcmp(again.map, "TEMP", 4) == 0);
	CHECK(again.key_len <= strlen(text) &&
	      memcmp(again.key, text, again.key_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct socketmap_request r;
	size_t used;

	while (socketmap_read(octets, len, &r, &used) == SOCKETMAP_REQUEST) {
		CHECK(used <= len && used <= SOCKETMAP_INPUT_MAX);
		CHECK(r.map >= (const char *)octets &&
		      r.key + r.key_len + 1 == (const char *)octets + used);
		CHECK(r.map_len + r.key_len <= SOCKETMAP_REQUEST_MAX);
		check_cut(octets, used);
		check_key(&r);
		check_reply(&r);
		octets += used;
		len -= used;
	}
	/* Never waits for what cannot be a request. */
	if (len >= SOCKETMAP_INPUT_MAX)
		CHECK(socketmap_read(octets, len, &r, &used) ==
		      SOCKETMAP_MALFORMED);
	return 0;
}
