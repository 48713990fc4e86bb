/* server.h - answers smtp_tls_policy_maps of Postfix over socketmap
 * (socketmap.h, docs/policy.md).
 *
 *   request --> socketmap.c --> policy_ask.c --> mx_policy.h --> reply
 *
 * Owns     its listening descriptors and connections; a connection that goes
 *          takes with it what it has asked.
 * Promise  requests of a connection are answered in their order, each within
 *          POLICY_ROUTE_MS of its turn, or where an MTA-STS policy has to be
 *          fetched first within POLICY_STS_MS and POLICY_ROUTE_MS: below the
 *          100 s that Postfix waits. A connection that is idle stays: Postfix closes it, and
 *          counts it as a failed lookup if we do.
 * Bounds   POLICY_CONNECTIONS_MAX connections; past it the one idle longest
 *          goes, and if none is idle the new one is closed. POLICY_IN_FLIGHT
 *          requests of a connection, then it is read no further. A request
 *          that is not there whole POLICY_REQUEST_MS after it began, and a
 *          reply that is not taken for POLICY_WRITE_MS, end the connection.
 * Access   over a Unix socket who its file lets in; else who access-control
 *          allows.
 * Threads  policy_server_new() and policy_server_free() while the loop does
 *          not run, all else in it. These are of the shape of worker_service.
 */
#ifndef POLICY_SERVER_H
#define POLICY_SERVER_H

#include <event2/event.h>
#include <stddef.h>

#include "../admin/policy_ask.h"
#include "mx_config.h"
#include "mx_counters.h"

#define POLICY_CONNECTIONS_MAX 512u
#define POLICY_IN_FLIGHT 16u
#define POLICY_ROUTE_MS 20000
#define POLICY_STS_MS 75000
#define POLICY_REQUEST_MS 10000
#define POLICY_WRITE_MS 10000
/* After the last reply to who is not understood, for it to be read. */
#define POLICY_LINGER_MS 2000

/* Who may ask. */
struct policy_access {
	enum mx_acl_action (*action)(const void *arg,
				     const struct sockaddr *peer);
	const void *arg;
};

struct policy_server;
/* asks, sts and counters belong to the caller, and outlive it. sts may be NULL:
 * mta-sts is off. */
struct policy_server *policy_server_new(struct event_base *base,
					struct route_asks *asks,
					const struct sts_source *sts,
					const struct policy_access *access,
					struct mx_counters *counters);
void policy_server_free(struct policy_server *server); /* NULL is fine */

void policy_server_listen(void *server, int fd);
/* Accept nothing new, finish what is in hand, close. */
void policy_server_stop(void *server);
size_t policy_server_open(const void *server); /* connections */

#endif
