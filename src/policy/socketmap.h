/* socketmap.h - Postfix's socketmap protocol (socketmap_table(5)): requests and
 * replies as netstrings, keys taken apart. Pure.
 *
 *   17:QUERY example.com,   -->   12:OK dane-only,
 *
 * Bounds   SOCKETMAP_REQUEST_MAX octets in a request, as Postfix; so no length
 *          has more digits than that, and what is to be kept of a stream is
 *          never more than SOCKETMAP_INPUT_MAX.
 * Threads  any.
 */
#ifndef SOCKETMAP_H
#define SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mx_route.h"

#define SOCKETMAP_REQUEST_MAX 10000u
#define SOCKETMAP_LENGTH_DIGITS 5u
#define SOCKETMAP_INPUT_MAX \
	(SOCKETMAP_LENGTH_DIGITS + 2u + SOCKETMAP_REQUEST_MAX)

/* ---- netstrings ---- */

enum socketmap_read {
	SOCKETMAP_MORE,	   /* the beginning of one */
	SOCKETMAP_REQUEST, /* *ret, and *ret_used octets that it took */
	SOCKETMAP_MALFORMED, /* where the next begins cannot be told */
};

/* Borrowed from the octets that were read. */
struct socketmap_request {
	const char *map; /* up to the first blank */
	size_t map_len;
	const char *key; /* after it; empty if there is none */
	size_t key_len;
};

enum socketmap_read socketmap_read(const uint8_t *octets, size_t len,
				   struct socketmap_request *ret,
				   size_t *ret_used);

/* ---- map names ---- */

enum socketmap_map {
	SOCKETMAP_QUERY,
	SOCKETMAP_QUERY_TLSRPT,
	SOCKETMAP_UNKNOWN,
};
enum socketmap_map socketmap_map(const struct socketmap_request *request);

/* ---- keys ---- */

/* A next hop as Postfix writes it, in any case. False: it can have no policy,
 * and there is nothing to ask: not a next hop; an address; or with a leading
 * dot, which Postfix tries for the parents of a domain that has none. A service
 * may stand for its port (host:submission). */
bool socketmap_key(const struct socketmap_request *request,
		   struct mx_route_destination *ret);

/* ---- replies ---- */

#define SOCKETMAP_REPLIES(X) \
	X(OK, "OK") \
	X(NOTFOUND, "NOTFOUND") \
	X(TEMP, "TEMP") \
	X(PERM, "PERM")
enum socketmap_reply {
#define X(name, word) SOCKETMAP_##name,
	SOCKETMAP_REPLIES(X)
#undef X
};

/* "WORD TEXT" as a netstring. text has no control characters; what is more
 * than fits is cut off. Returns the length; 0: room is less than
 * SOCKETMAP_REPLY_OVERHEAD. */
#define SOCKETMAP_REPLY_OVERHEAD 32u
size_t socketmap_write(enum socketmap_reply reply, const char *text, char *ret,
		       size_t room);

#endif
