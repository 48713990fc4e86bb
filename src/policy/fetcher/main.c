/* main.c - the program mxbound-fetcher: libcurl in a process of its own.
 *
 * Started by mxbound with a control socket as descriptor 3:
 *
 *   CONFIG, [FETCHER], GO  ─►  READY, HEARTBEAT...    FETCHER: a pair to the front
 *
 * All files are read, and all that libraries want to read is asked of them,
 * before the account is changed: from then on none is opened.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetcher.h"
#include "mx_config.h"
#include "mx_handover.h"
#include "mx_log.h"
#include "mx_privilege.h"
#include "mx_sandbox.h"

#define EXIT_CONFIG 2
/* Handshakes and certificates are work that nobody's mail waits for. */
#define NICE 10

struct fetcher {
	struct mx_config config;
	bool has_config;
	struct event_base *base;
	struct event *control, *heartbeat;
	X509_STORE *authorities;
	struct pair *pair;
	int early_fd; /* a pair that came before GO; -1 */
	int status;
};

static bool fail(struct fetcher *f, const char *why)
{
	mx_log(MX_LOG_ERROR, "%s", why);
	f->status = EXIT_CONFIG;
	return false;
}

static void tell(enum mx_handover_type type)
{
	struct mx_handover m = { .type = type, .fd = -1 };

	/* Full: the supervisor is slow, and will see the next one. Gone: the
	 * end of file says so. */
	(void)mx_handover_send(MX_HANDOVER_FD, &m);
}

/* ---- the control socket ---- */

static void on_terminate(int number)
{
	(void)number;
	_exit(0); /* nothing here is worth saving */
}

static bool control_socket_given(void)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(MX_HANDOVER_FD, SOL_SOCKET, SO_TYPE, &type, &len) ==
		       0 &&
	       type == SOCK_SEQPACKET;
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	struct fetcher *f = arg;
	struct mx_handover m;
	int got = mx_handover_receive(fd, &m);

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == EPROTO))
		return;
	if (got <= 0) {
		event_base_loopbreak(f->base);
		return;
	}
	if (m.type == MX_HANDOVER_FETCHER && m.fd >= 0) {
		evutil_make_socket_nonblocking(m.fd);
		pair_connect(f->pair, m.fd);
	} else if (m.fd >= 0) {
		close(m.fd);
	}
}

static void on_heart(evutil_socket_t fd, short what, void *arg)
{
	struct fetcher *f = arg;

	(void)fd;
	(void)what;
	pair_look(f->pair);
	tell(MX_HANDOVER_HEARTBEAT);
}

/* ---- start ---- */

/* No authorities: nobody is believed, which is said, and mail goes on without
 * policies. */
static bool load_authorities(struct fetcher *f)
{
	char error[AUTHORITIES_ERROR_MAX];
	enum mx_error err = authorities_load(f->config.mta_sts_ca_file,
					     &f->authorities, error);

	if (err == MX_E_NO_MEMORY)
		return fail(f, "out of memory");
	if (err != MX_OK)
		mx_log(MX_LOG_ERROR, "no MTA-STS policy can be fetched: %s",
		       error);
	return true;
}

static bool take_config(struct fetcher *f, int fd)
{
	char error[MX_CONFIG_ERROR_MAX];

	if (f->has_config || fd < 0)
		return fail(f, "the configuration must come once, as a file");
	if (mx_config_read(&f->config, fd, error) != MX_OK)
		return fail(f, error);
	f->has_config = true;
	mx_log_init("mxbound-fetcher",
		    (enum mx_log_level)f->config.log_level);
	/* As root, as the operator's own file may need. */
	if (!load_authorities(f))
		return false;
	if (mx_drop_privileges(&f->config) != MX_OK) {
		f->status = EXIT_CONFIG; /* it has said why */
		return false;
	}
	/* From here on no file is opened. */
	mx_sandbox_enter(&f->config, &(struct mx_sandbox){
		.role = MX_SANDBOX_FETCHER });
	return true;
}

/* Everything up to GO. */
static bool set_up(struct fetcher *f)
{
	struct mx_handover m;
	bool ok = true;

	while (ok && mx_handover_wait(&m) == 1) {
		switch (m.type) {
		case MX_HANDOVER_CONFIG:
			ok = take_config(f, m.fd);
			break;
		case MX_HANDOVER_FETCHER:
			if (f->early_fd >= 0)
				close(f->early_fd);
			f->early_fd = m.fd;
			m.fd = -1;
			break;
		case MX_HANDOVER_GO:
			return f->has_config ||
			       fail(f, "told to begin without configuration");
		default:
			break;
		}
		if (m.fd >= 0)
			close(m.fd);
	}
	return false;
}

/* The libraries' own reading: OpenSSL's settings, and whatever else is left for
 * the first use. */
static bool make_libraries(struct fetcher *f)
{
	SSL_CTX *context;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail(f, "libcurl does not start");
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return fail(f, "OpenSSL does not start");
	SSL_CTX_free(context);
	f->base = event_base_new();
	return f->base || fail(f, "libevent does not start");
}

static bool begin(struct fetcher *f)
{
	const struct timeval beat = { 0, MX_HEARTBEAT_MS * 1000 };
	const struct jobs_config jobs = {
		.base = f->base,
		.authorities = f->authorities,
		.timeout_ms = f->config.mta_sts_timeout * 1000,
		.private = f->config.mta_sts_private,
	};

	f->pair = pair_new(&jobs);
	f->control = event_new(f->base, MX_HANDOVER_FD, EV_READ | EV_PERSIST,
			       on_control, f);
	f->heartbeat = event_new(f->base, -1, EV_PERSIST, on_heart, f);
	if (!f->pair || !f->control || !f->heartbeat ||
	    event_add(f->control, NULL) < 0 ||
	    event_add(f->heartbeat, &beat) < 0)
		return fail(f, "out of memory");
	evutil_make_socket_nonblocking(MX_HANDOVER_FD);
	if (f->early_fd >= 0) {
		evutil_make_socket_nonblocking(f->early_fd);
		pair_connect(f->pair, f->early_fd);
		f->early_fd = -1;
	}
	tell(MX_HANDOVER_READY);
	tell(MX_HANDOVER_HEARTBEAT);
	return true;
}

static void tear_down(struct fetcher *f)
{
	pair_free(f->pair);
	if (f->heartbeat)
		event_free(f->heartbeat);
	if (f->control)
		event_free(f->control);
	if (f->base)
		event_base_free(f->base);
	if (f->early_fd >= 0)
		close(f->early_fd);
	X509_STORE_free(f->authorities);
	mx_config_clear(&f->config);
	curl_global_cleanup();
	libevent_global_shutdown();
}

static int print_version(void)
{
	printf("mxbound-fetcher %s\n%s\nlibevent %s\n", MX_VERSION,
	       curl_version(), event_get_version());
	return 0;
}

int main(int argc, char **argv)
{
	static struct fetcher f = { .early_fd = -1 };

	mx_log_init("mxbound-fetcher", MX_LOG_NOTICE);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_version();
	if (argc != 1 || !control_socket_given()) {
		fprintf(stderr,
			"mxbound-fetcher fetches MTA-STS policies for mxbound, "
			"which starts it.\nIt is of no use alone. "
			"--version prints versions.\n");
		return EXIT_CONFIG;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's to handle */
	signal(SIGTERM, on_terminate);
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	if (make_libraries(&f) && set_up(&f) && begin(&f))
		event_base_dispatch(f.base);
	tear_down(&f);
	return f.status;
}
