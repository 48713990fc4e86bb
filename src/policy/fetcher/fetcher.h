/* fetcher.h - inside the process mxbound-fetcher.
 *
 *   pair ── request ──► job ── one address after another ──► transfers
 *     ▲                  │                                   libcurl, OpenSSL
 *     └───── answer ─────┘                                       │
 *                                                       HTTPS to port 443
 *
 * One thread, one libevent base. It connects to the addresses that it is given
 * and to nothing else: it resolves no names, uses no proxy, follows no redirect,
 * and reads no file once it has become the account.
 *
 * Memory: JOBS_MAX times what one may hold, MX_FETCH_TEXT_MAX for the text and
 * what libcurl and OpenSSL need for a connection.
 */
#ifndef FETCHER_H
#define FETCHER_H

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mx_clock.h"
#include "mx_error.h"
#include "mx_fetch.h"

/* ---- address.c: where it may be connected to ---- */

/* Why not, in a few words, or NULL: the address is one of the public Internet
 * (the special-purpose registries of IANA, RFC 6890). Pure. */
const char *address_not_public(const struct mx_fetch_address *address);
/* It is an address of this host. */
bool address_is_ours(const struct mx_fetch_address *address);

#define ADDRESS_TEXT_MAX 48
void address_text(const struct mx_fetch_address *address,
		  char ret[ADDRESS_TEXT_MAX]);
/* With that port. Returns its length. */
socklen_t address_socket(const struct mx_fetch_address *address, uint16_t port,
			 struct sockaddr_storage *ret);

/* ---- authorities.c: which certificates are believed ---- */

#define AUTHORITIES_ERROR_MAX 512
/* Read the file, or the system's where path is "". MX_E_CONFIG: why is in
 * error. The caller's, to be freed with X509_STORE_free(). */
enum mx_error authorities_load(const char *path, X509_STORE **ret,
			       char error[AUTHORITIES_ERROR_MAX]);

/* ---- transfers.c: libcurl's multi interface on libevent ---- */

struct transfers;
/* It has been removed, and is the caller's; error is what libcurl says. Never
 * called from within a function of transfers or libcurl. That a transfer ends in
 * its time is not promised. */
typedef void transfer_done(void *arg, CURL *easy, CURLcode error);
struct transfers *transfers_new(struct event_base *base, transfer_done *done);
void transfers_free(struct transfers *transfers); /* NULL is fine */
/* arg is easy's CURLOPT_PRIVATE. */
bool transfers_add(struct transfers *transfers, CURL *easy);
void transfers_remove(struct transfers *transfers, CURL *easy);

/* ---- jobs.c: fetches ---- */

/* At a time; what is older than MX_FETCH_YOUNG_MS makes way for more. */
#define JOBS_MAX 64u

struct jobs_config {
	struct event_base *base;
	X509_STORE *authorities; /* the caller's, and outlives the jobs */
	uint64_t timeout_ms;	 /* for all of a fetch */
	bool private;		 /* any address may be asked */
	/* One answer for each request, perhaps before jobs_start() returns. */
	void (*answer)(void *arg, uint32_t id,
		       const struct mx_fetch_answer *answer);
	void *arg;
};

struct jobs;
struct jobs *jobs_new(const struct jobs_config *config);
void jobs_free(struct jobs *jobs); /* NULL is fine */
void jobs_start(struct jobs *jobs, const struct mx_fetch_request *request);
/* Forget all: nobody waits for the answers. */
void jobs_clear(struct jobs *jobs);
/* To be called now and then: ends those that get too many octets in ways that
 * libcurl does not count, or are past their time for whatever reason. */
void jobs_look(struct jobs *jobs);

/* ---- pair.c: the pair to the front ---- */

struct pair;
struct pair *pair_new(const struct jobs_config *config);
void pair_free(struct pair *pair); /* NULL is fine */
/* fd is ours from now on, and what was to be answered over the one before is
 * forgotten. */
void pair_connect(struct pair *pair, int fd);
void pair_look(struct pair *pair); /* jobs_look() */

#endif
