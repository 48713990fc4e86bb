/* http.h - serves http-listen, by libevent's evhttp: what programs and people
 * may read, and nothing that changes anything.
 *
 *   /metrics           for Prometheus
 *   /healthz /readyz   it lives; clients are served, else 503
 *   /status            as the control socket has it
 *   /route/DOMAIN /policy/DOMAIN   the same, of one destination
 *
 * Access   over an address: access-control; a Unix socket: its file's mode. GET
 *          and HEAD alone. The Host must be an address, localhost or of
 *          http-host, so that no web page can make a browser ask in its name
 *          (DNS rebinding), and what a browser says is for another site is
 *          refused. Names from the network are in JSON alone, escaped, and sent as
 *          such.
 * Bounds   HTTP_CONNECTIONS_MAX connections; then none is accepted until one
 *          goes. HTTP_HEADERS_MAX octets of a request, no body to speak of,
 *          HTTP_CONNECTION_MS for a connection in all. Routes: command.h.
 * Threads  in the loop it was made for; of the shape of worker_service.
 */
#ifndef HTTP_H
#define HTTP_H

#include <event2/event.h>
#include <stddef.h>
#include <sys/socket.h>

#include "command.h"

#define HTTP_CONNECTIONS_MAX 64u
#define HTTP_HEADERS_MAX 8192
#define HTTP_CONNECTION_MS 60000

/* Who may ask, by address. */
struct http_access {
	enum mx_acl_action (*may_ask)(const void *arg,
				      const struct sockaddr *peer);
	const void *arg;
};

struct http;
/* commands and config belong to the caller, and outlive it. NULL: no memory. */
struct http *http_new(struct event_base *base, struct commands *commands,
		      const struct mx_config *config,
		      const struct http_access *access);
void http_free(struct http *http); /* NULL is fine */

void http_listen(void *http, int fd);
/* Accept nothing new. */
void http_stop(void *http);
size_t http_open(const void *http); /* requests that are worked on */

#endif
