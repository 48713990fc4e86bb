/* mx_fetch.h - what the front and mxbound-fetcher say to each other.
 *
 * One SOCK_SEQPACKET pair. One message is one datagram; both sides check every
 * length, and neither trusts the other.
 *
 *   request  u32 id | u8 domain_len | domain | u8 count | count * address
 *   address  u8 family (4 or 6) | 4 or 16 octets
 *   answer   u32 id | u8 result | u16 detail_len | detail | text
 *
 * domain is a host name in lower case letters, digits, "-" and ".", without
 * final dot, of the mail domain whose policy is wanted; the fetcher asks
 * mta-sts.DOMAIN. detail is for the log: printable ASCII. text comes with OK
 * alone. Numbers are in network order. The codecs are in
 * src/wire/fetch_message.c, since both ends use them.
 */
#ifndef MX_FETCH_H
#define MX_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mx_error.h"

#define MX_FETCH_DOMAIN_MAX 245u /* with "mta-sts." before it, 253 */
#define MX_FETCH_ADDRESSES_MAX 8u
#define MX_FETCH_DETAIL_MAX 512u
#define MX_FETCH_TEXT_MAX 65536u /* RFC 8461 section 3.3 */

/* What became of a fetch. The word is for JSON and counters, the text for
 * people. */
#define MX_FETCH_RESULTS(X) \
	X(OK, "ok", "the policy was fetched") \
	X(NO_ADDRESS, "no-address", "the policy host has no address that may be asked") \
	X(CONNECT, "connect", "the policy host cannot be reached") \
	X(TLS, "tls", "no TLS with the policy host") \
	X(CERTIFICATE, "certificate", \
	  "the policy host's certificate is not valid for its name") \
	X(STATUS, "http-status", "the policy host's HTTP status is not 200") \
	X(REDIRECT, "redirect", "the policy host redirects, which counts as failure") \
	X(TYPE, "content-type", "the policy is not text/plain") \
	X(TOO_BIG, "too-big", "the policy is longer than 64 KiB") \
	X(TIMEOUT, "timeout", "the policy did not come in time") \
	X(BROKEN, "broken", "the policy host's answer broke off, or is no HTTP") \
	X(OVERLOAD, "overload", "too many fetches at the same time") \
	X(FETCHER_GONE, "fetcher-gone", "the process that fetches was replaced")

#define X(name, word, text) MX_FETCH_##name,
enum mx_fetch_result { MX_FETCH_RESULTS(X) };
#undef X

/* The last of the table is what the front says of a fetcher that is gone; no
 * fetcher says it of itself. */

/* Where more is asked than goes on at a time, a fetch that has gone on for that
 * long makes way, the oldest first, or else a few dozen hosts that send nothing
 * would keep all others waiting for the whole timeout. The front asks later
 * than the fetcher would, so that neither has to know the other's clock. */
#define MX_FETCH_YOUNG_MS(timeout_ms) ((timeout_ms) / 10) /* the fetcher's */
#define MX_FETCH_OLD_MS(timeout_ms) ((timeout_ms) / 8)	  /* the front's */

struct mx_fetch_address {
	uint8_t family;	    /* 4 or 6 */
	uint8_t octets[16]; /* in network order; 4 of them for IPv4 */
};

struct mx_fetch_request {
	uint32_t id;
	const char *domain; /* not terminated */
	uint8_t domain_len; /* 1..MX_FETCH_DOMAIN_MAX */
	uint8_t count;
	struct mx_fetch_address address[MX_FETCH_ADDRESSES_MAX];
};

struct mx_fetch_answer {
	enum mx_fetch_result result;
	const char *detail; /* not terminated */
	uint16_t detail_len;
	const char *text; /* of OK; not terminated, may hold any octet */
	uint32_t text_len;
};

#define MX_FETCH_REQUEST_MAX \
	(4 + 1 + MX_FETCH_DOMAIN_MAX + 1 + MX_FETCH_ADDRESSES_MAX * 17)
#define MX_FETCH_ANSWER_MAX (4 + 1 + 2 + MX_FETCH_DETAIL_MAX + MX_FETCH_TEXT_MAX)

/* Pure codecs. pack returns the length; buf has room for the _MAX above. Of a
 * detail what is no printable ASCII becomes "?", and what is longer is cut;
 * a text is packed with OK alone, and cut where it is too long.
 * unpack borrows from buf; outputs are untouched on error: MX_E_SHORT,
 * MX_E_TRAILING; MX_E_TOO_BIG for a domain, a number of addresses, a detail or
 * a text over its bound; MX_E_MALFORMED for what is no host name, no address
 * family, no result that a fetcher may send, no printable ASCII. */
size_t mx_fetch_pack_request(const struct mx_fetch_request *r, uint8_t *buf);
enum mx_error mx_fetch_unpack_request(const uint8_t *buf, size_t len,
				      struct mx_fetch_request *ret);
size_t mx_fetch_pack_answer(uint32_t id, const struct mx_fetch_answer *a,
			    uint8_t *buf);
enum mx_error mx_fetch_unpack_answer(const uint8_t *buf, size_t len,
				     uint32_t *ret_id,
				     struct mx_fetch_answer *ret);

/* Labels of lower case letters, digits and inner "-", parted by dots, 1 to
 * MX_FETCH_DOMAIN_MAX octets in all: what can stand in a certificate. */
bool mx_fetch_domain_is(const char *domain, size_t len);

/* Static text, never NULL; result may be any value. */
const char *mx_fetch_result_word(enum mx_fetch_result result);
const char *mx_fetch_result_text(enum mx_fetch_result result);

#endif
