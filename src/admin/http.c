/* http.c - serves http-listen. See http.h.
 *
 * evhttp knows no bound on connections, nor does it tell when one ends that has
 * asked nothing. So a reference to each one's bufferevent is kept here, and a
 * timer looks which of them evhttp has let go: those have no argument for
 * callbacks any more. */
#include "http.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "metrics.h"
#include "mx_log.h"

#define SOCKETS_MAX 16u
/* How often it is looked which connections are gone. */
#define LOOK_MS 100
/* A request must come, and a reply be taken, within so many seconds without
 * progress; the whole connection has HTTP_CONNECTION_MS. */
#define PROGRESS_S 10

struct http {
	struct event_base *base;
	struct commands *commands;
	const struct mx_config *config;
	struct http_access access;
	struct evhttp *server;
	struct evhttp_bound_socket *bound[SOCKETS_MAX];
	unsigned bound_count, open;
	TAILQ_HEAD(, conn) conns; /* in order of arrival */
	struct event *look;
	TAILQ_HEAD(, asked) asked;
	size_t asked_count;
};

struct conn {
	struct bufferevent *bev; /* a reference */
	mx_instant until;
	TAILQ_ENTRY(conn) link;
};

/* A command that is worked on. */
struct asked {
	struct http *http;
	struct evhttp_request *req;
	struct command *command;
	struct request request;
	TAILQ_ENTRY(asked) link;
};

/* ---- connections ---- */

static void accept_more(struct http *http, bool yes)
{
	for (unsigned i = 0; i < http->bound_count; i++) {
		struct evconnlistener *listener =
			evhttp_bound_socket_get_listener(http->bound[i]);

		if (yes)
			evconnlistener_enable(listener);
		else
			evconnlistener_disable(listener);
	}
}

static bool is_gone(const struct conn *conn)
{
	void *arg = NULL;

	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &arg);
	return arg == NULL;
}

static void conn_free(struct http *http, struct conn *conn)
{
	TAILQ_REMOVE(&http->conns, conn, link);
	if (http->open-- == HTTP_CONNECTIONS_MAX)
		accept_more(http, true);
	bufferevent_decref(conn->bev); /* closes the socket */
	free(conn);
}

static void look_soon(struct http *http)
{
	const struct timeval soon = { .tv_usec = LOOK_MS * 1000 };

	if (!evtimer_pending(http->look, NULL))
		evtimer_add(http->look, &soon);
}

/* Whose time is up, evhttp finds the end of the file, and lets go. */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	struct conn *conn, *next;
	mx_instant now = mx_clock_now();

	(void)fd;
	(void)what;
	for (conn = TAILQ_FIRST(&http->conns); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (is_gone(conn))
			conn_free(http, conn);
		else if (now >= conn->until)
			shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
	}
	if (http->open > 0)
		look_soon(http);
}

/* NULL: evhttp makes one of its own, uncounted; only for want of memory. */
static struct bufferevent *on_conn(struct event_base *base, void *arg)
{
	struct http *http = arg;
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!conn->bev) {
		free(conn);
		return NULL;
	}
	bufferevent_incref(conn->bev);
	conn->until = mx_clock_now() + HTTP_CONNECTION_MS;
	TAILQ_INSERT_TAIL(&http->conns, conn, link);
	if (++http->open == HTTP_CONNECTIONS_MAX)
		accept_more(http, false);
	look_soon(http);
	return conn->bev;
}

/* ---- replies ---- */

static void set_headers(struct evhttp_request *req, const char *type)
{
	static const struct {
		const char *name, *value;
	} all[] = {
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
		{ "Referrer-Policy", "no-referrer" },
	};
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	evhttp_add_header(headers, "Content-Type", type);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		evhttp_add_header(headers, all[i].name, all[i].value);
}

/* body NULL: no memory. It is taken over. */
static void reply(struct evhttp_request *req, int status, const char *type,
		  struct evbuffer *body)
{
	char length[24];

	if (!body) {
		evhttp_send_error(req, 500, NULL);
		return;
	}
	set_headers(req, type);
	/* Of HEAD too, RFC 9110 section 9.3.2. */
	snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
	evhttp_add_header(evhttp_request_get_output_headers(req),
			  "Content-Length", length);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD)
		evbuffer_drain(body, evbuffer_get_length(body));
	evhttp_send_reply(req, status, NULL, body);
	evbuffer_free(body);
}

static void reply_text(struct evhttp_request *req, int status, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body)
		evbuffer_add_printf(body, "%s\n", text);
	reply(req, status, "text/plain; charset=utf-8", body);
}

/* json is taken over. */
static void reply_json(struct evhttp_request *req, int status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_ENSURE_ASCII | JSON_INDENT(1)) :
			    NULL;
	struct evbuffer *body = text ? evbuffer_new() : NULL;

	if (body)
		evbuffer_add_printf(body, "%s\n", text);
	free(text);
	json_decref(json);
	reply(req, status, "application/json", body);
}

static void reply_json_error(struct evhttp_request *req,
			     enum request_error err, const char *why)
{
	int status = err == REQUEST_E_DESTINATION ? 400 :
		     err == REQUEST_E_BUSY ? 503 : 500;

	reply_json(req, status, json_pack("{s:{s:s, s:s}}", "error", "code",
					  request_error_word(err), "text", why));
}

/* ---- who may ask ---- */

static bool has_right(const struct http *http, struct evhttp_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	const struct sockaddr *peer = conn ? evhttp_connection_get_addr(conn) :
					     NULL;
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	/* evhttp forgets the address of connections it has accepted. */
	if (conn && !peer &&
	    getpeername(bufferevent_getfd(evhttp_connection_get_bufferevent(conn)),
			(struct sockaddr *)&addr, &len) == 0)
		peer = (const struct sockaddr *)&addr;
	if (!peer)
		return false;
	if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
		return true; /* the file's mode has decided */
	return http->access.may_ask(http->access.arg, peer) == MX_ACL_ALLOW;
}

static bool is_address(const char *host)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, host, &addr) == 1 ||
	       inet_pton(AF_INET6, host, &addr) == 1;
}

/* Of "NAME:PORT", "[v6]:PORT", or without a port. */
static bool host_of(const char *text, char *ret, size_t room)
{
	const char *end;
	size_t len;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end)
			return false;
	} else {
		end = text + strcspn(text, ":");
	}
	len = (size_t)(end - text);
	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len >= room)
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

/* An address cannot be made to mean another host; a name can. */
static bool good_host(const struct http *http, struct evhttp_request *req)
{
	const char *header = evhttp_find_header(
		evhttp_request_get_input_headers(req), "Host");
	const struct mx_texts *names = &http->config->http_host;
	char host[256];

	if (!header || !host_of(header, host, sizeof(host)))
		return false;
	if (is_address(host) || strcasecmp(host, "localhost") == 0)
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (strcasecmp(names->at[i], host) == 0)
			return true;
	return false;
}

/* What browsers say of themselves (Fetch Metadata); others say nothing. */
static bool from_other_site(struct evhttp_request *req)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
	const char *site = evhttp_find_header(headers, "Sec-Fetch-Site");
	const char *mode = evhttp_find_header(headers, "Sec-Fetch-Mode");

	return site && strcmp(site, "same-origin") != 0 &&
	       strcmp(site, "none") != 0 &&
	       !(mode && strcmp(mode, "navigate") == 0);
}

/* ---- routes and policies ---- */

static void asked_free(struct asked *asked)
{
	TAILQ_REMOVE(&asked->http->asked, asked, link);
	asked->http->asked_count--;
	request_clear(&asked->request);
	free(asked);
}

/* The client is gone, and the request with it. */
static void on_gone(struct evhttp_connection *conn, void *arg)
{
	struct asked *asked = arg;

	(void)conn;
	command_cancel(asked->command);
	asked_free(asked);
}

static void on_done(void *arg, enum request_error err, const char *why,
		    json_t *result)
{
	struct asked *asked = arg;
	struct evhttp_request *req = asked->req;

	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL,
				      NULL);
	asked_free(asked);
	if (err == REQUEST_OK)
		reply_json(req, 200, result);
	else
		reply_json_error(req, err, why);
}

/* Read as the same request over the control socket would be. */
static enum request_error read_destination(const char *command,
					   const char *text,
					   struct request *ret,
					   char why[REQUEST_WHY_MAX])
{
	json_t *object = json_pack("{s:s, s:s}", "command", command,
				   "destination", text);
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
	enum request_error err = REQUEST_E_DESTINATION;

	/* What is no UTF-8 is no JSON, and no destination either. */
	snprintf(why, REQUEST_WHY_MAX, "no destination; such are example.com, example.com:587, [mx.example.com]");
	memset(ret, 0, sizeof(*ret));
	if (line)
		err = request_read(line, strlen(line), ret, why);
	free(line);
	json_decref(object);
	return err;
}

static void begin(struct http *http, struct evhttp_request *req,
		  const char *command, const char *destination)
{
	char why[REQUEST_WHY_MAX];
	struct asked *asked = calloc(1, sizeof(*asked));
	enum request_error err;

	if (!asked) {
		evhttp_send_error(req, 500, NULL);
		return;
	}
	err = read_destination(command, destination, &asked->request, why);
	asked->http = http;
	asked->req = req;
	if (err == REQUEST_OK)
		asked->command = command_begin(http->commands, &asked->request,
					       on_done, asked);
	if (!asked->command) {
		reply_json_error(req, err == REQUEST_OK ? REQUEST_E_MEMORY : err,
				 err == REQUEST_OK ? "out of memory" : why);
		request_clear(&asked->request);
		free(asked);
		return;
	}
	TAILQ_INSERT_TAIL(&http->asked, asked, link);
	http->asked_count++;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req),
				      on_gone, asked);
}

/* ---- pages ---- */

static void page_metrics(struct http *http, struct evhttp_request *req)
{
	struct evbuffer *body = evbuffer_new();

	if (body && !metrics_write(http->commands->status, body)) {
		evbuffer_free(body);
		body = NULL;
	}
	reply(req, 200, METRICS_CONTENT_TYPE, body);
}

static void page_health(struct http *http, struct evhttp_request *req)
{
	(void)http;
	reply_text(req, 200, "ok");
}

static void page_ready(struct http *http, struct evhttp_request *req)
{
	bool ready = status_ready(http->commands->status);

	reply_text(req, ready ? 200 : 503, ready ? "ready" : "not ready");
}

static void page_status(struct http *http, struct evhttp_request *req)
{
	reply_json(req, 200, status_json(http->commands->status));
}

/* One row a page. */
static const struct {
	const char *path;
	void (*page)(struct http *http, struct evhttp_request *req);
} pages[] = {
	{ "/metrics", page_metrics },
	{ "/healthz", page_health },
	{ "/readyz", page_ready },
	{ "/status", page_status },
};

static const char *const commands[] = { "route", "policy" };

/* Of "/route/DOMAIN" what is behind the last slash, decoded; to be freed. NULL:
 * it is no such path. */
static char *argument_of(const char *path, const char *command)
{
	size_t len = strlen(command);

	if (path[0] != '/' || strncmp(path + 1, command, len) != 0 ||
	    path[1 + len] != '/')
		return NULL;
	return evhttp_uridecode(path + len + 2, 0, NULL);
}

static void find_page(struct http *http, struct evhttp_request *req,
		      const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		if (strcmp(pages[i].path, path) == 0) {
			pages[i].page(http, req);
			return;
		}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		char *argument = argument_of(path, commands[i]);

		if (!argument)
			continue;
		begin(http, req, commands[i], argument);
		free(argument);
		return;
	}
	reply_text(req, 404, "there are: /metrics /healthz /readyz /status /route/DOMAIN /policy/DOMAIN");
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct http *http = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	if (!has_right(http, req))
		reply_text(req, 403, "not from there; see access-control");
	else if (!good_host(http, req))
		reply_text(req, 421, "no host of that name here; see http-host");
	else if (from_other_site(req))
		reply_text(req, 403, "not for other sites");
	else
		find_page(http, req, path && *path ? path : "/");
}

/* ---- begin and end ---- */

void http_listen(void *arg, int fd)
{
	struct http *http = arg;
	struct evhttp_bound_socket *bound = NULL;

	if (http->bound_count < SOCKETS_MAX)
		bound = evhttp_accept_socket_with_handle(http->server, fd);
	if (!bound) {
		mx_log(MX_LOG_ERROR, "http-listen: cannot serve one more socket");
		evutil_closesocket(fd);
		return;
	}
	http->bound[http->bound_count++] = bound;
	if (http->open >= HTTP_CONNECTIONS_MAX)
		accept_more(http, false);
}

void http_stop(void *arg)
{
	struct http *http = arg;

	while (http->bound_count > 0)
		evhttp_del_accept_socket(http->server,
					 http->bound[--http->bound_count]);
}

size_t http_open(const void *arg)
{
	const struct http *http = arg;

	return http->asked_count;
}

struct http *http_new(struct event_base *base, struct commands *cmds,
		      const struct mx_config *config,
		      const struct http_access *access)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->base = base;
	http->commands = cmds;
	http->config = config;
	http->access = *access;
	TAILQ_INIT(&http->conns);
	TAILQ_INIT(&http->asked);
	http->look = evtimer_new(base, on_look, http);
	http->server = evhttp_new(base);
	if (!http->look || !http->server) {
		if (http->look)
			event_free(http->look);
		if (http->server)
			evhttp_free(http->server);
		free(http);
		return NULL;
	}
	evhttp_set_allowed_methods(http->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http->server, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(http->server, 0);
	evhttp_set_timeout(http->server, PROGRESS_S);
	evhttp_set_bevcb(http->server, on_conn, http);
	evhttp_set_gencb(http->server, on_request, http);
	return http;
}

void http_free(struct http *http)
{
	struct asked *asked;
	struct conn *conn;

	if (!http)
		return;
	while ((asked = TAILQ_FIRST(&http->asked))) {
		evhttp_connection_set_closecb(
			evhttp_request_get_connection(asked->req), NULL, NULL);
		command_cancel(asked->command);
		asked_free(asked);
	}
	http_stop(http);
	evhttp_free(http->server);
	while ((conn = TAILQ_FIRST(&http->conns)))
		conn_free(http, conn);
	event_free(http->look);
	free(http);
}
