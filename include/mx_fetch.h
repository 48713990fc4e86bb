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
 * mta-sts.DOMAIN. detail is for the log: printable ASCII. Numbers are in
 * network order. The codecs are in src/wire/fetch_message.c.
 */
#ifndef MX_FETCH_H
#define MX_FETCH_H

#include <stdint.h>
#include <sys/socket.h>

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
	X(TIMEOUT, "timeout", "the policy did not come within a minute") \
	X(BROKEN, "broken", "the policy host's answer broke off, or is no HTTP") \
	X(OVERLOAD, "overload", "too many fetches at the same time") \
	X(FETCHER_GONE, "fetcher-gone", "the process that fetches was replaced")

#define X(name, word, text) MX_FETCH_##name,
enum mx_fetch_result { MX_FETCH_RESULTS(X) };
#undef X

struct mx_fetch_answer {
	enum mx_fetch_result result;
	const char *detail; /* not terminated */
	uint16_t detail_len;
	const char *text; /* of OK; not terminated, may hold any octet */
	uint32_t text_len;
};

const char *mx_fetch_result_word(enum mx_fetch_result result);
const char *mx_fetch_result_text(enum mx_fetch_result result);

#endif
