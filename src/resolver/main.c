/* main.c - the program mxbound-resolver: libunbound in a process of its own.
 *
 * Started by mxbound with a control socket as descriptor 3:
 *
 *   CONFIG, [IPV6], CHANNEL..., GO  ─►  context ─► READY, HEARTBEAT...
 *
 * Files are read, then privileges dropped, then libunbound is started. What
 * cannot work (an option that libunbound refuses, hints without a server)
 * ends the process with status 2 and one line that says why.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unbound.h>
#include <unistd.h>

#include "library_log.h"
#include "mx_handover.h"
#include "mx_log.h"
#include "mx_privilege.h"
#include "mx_sandbox.h"
#include "mx_wire.h"
#include "resolver.h"

#define EXIT_CONFIG 2

/* Checking signatures must not keep the front from its hits where both want the
 * same processor: with nice 0 one hit in twenty waited for over a millisecond
 * beside 1,200 cold signed names a second, with this less than one in a
 * hundred (make bench-latency). */
#define NICE 10

/* Questions the front has given up may still be worked on here, and its
 * prefetches come on top: room beyond its own bound. */
#define OUTSTANDING_SLACK 1024
/* libunbound's sockets upstream, each with a random port. */
#define OUTGOING_RANGE 4096
#define OUTGOING_RANGE_MIN 64
#define DESCRIPTORS_OTHER 256 /* TCP upstream, channels, files */
#define DESCRIPTORS_MAX (1u << 17)
#define REAP_MS 500
#define REFRESH_S 3600
/* Turns of the loop, before control events are looked at again. */
#define TURN_US 10000
#define TURN_CALLBACKS 32

struct resolver {
	struct mx_config config;
	struct event_base *base;
	struct event *control, *heartbeat, *reap, *refresh;

	struct mx_memory_file hints, anchors;
	struct mx_addresses root, targets; /* targets: asked whether IPv6 works */
	bool forwarding; /* everything goes to forwarders */
	char state_path[4096];
	struct mx_context_plan plan;

	struct mx_channels *channels;
	struct mx_context *context, *retired;
	struct mx_ask refreshing;
	struct mx_ipv6 *ipv6;
	bool ipv6_known, ipv6_works, ipv6_reported;
	bool forget_wanted; /* once no retired context is in the way */

	struct mx_spin spin;
	unsigned index;
	bool has_config, has_index;
	int status;
};

/* ---- which families, and contexts coming and going ---- */

static struct mx_families families(const struct resolver *r)
{
	bool auto_mode = r->config.ipv6_upstream == MX_IPV6_AUTO;
	struct mx_families f;

	f.ip6 = r->config.ipv6_upstream == MX_IPV6_YES ||
		(auto_mode && r->ipv6_works);
	/* libunbound would try each IPv4 address in vain on a host that has
	 * IPv6 only. Said only where it is looked at again at every probe. */
	f.ip4 = !auto_mode || !f.ip6 || mx_route_exists(&r->root, AF_INET) ||
		mx_route_exists(&r->targets, AF_INET);
	return f;
}

static void refreshed(struct mx_ask *ask, const struct mx_result *result)
{
	(void)ask;
	if (result->state == MX_BOGUS)
		mx_log(MX_LOG_ERROR,
		       "the root's keys do not validate: %s; check the "
		       "clock and the trust anchor", result->why);
}

/* The root's keys: the first question need not wait for them, and with a
 * state folder libunbound looks at them for RFC 5011 only when it asks. */
static void refresh(evutil_socket_t fd, short what, void *arg)
{
	static const uint8_t root_name[] = { 0 };
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	mx_context_forget(&r->refreshing);
	(void)mx_context_ask(r->context, root_name, MX_TYPE_DNSKEY,
			     MX_CLASS_IN, refreshed, &r->refreshing);
}

static void use_context(struct resolver *r, struct mx_context *context)
{
	struct timeval soon = { 0, REAP_MS * 1000 };

	mx_context_forget(&r->refreshing);
	r->retired = r->context;
	r->context = context;
	mx_channels_use(r->channels, context);
	if (r->retired)
		event_add(r->reap, &soon);
}

/* A context's options are fixed: other families need another context. The
 * old one stays until its questions are answered or too old. */
static void adapt(struct resolver *r)
{
	struct mx_families want = families(r);
	struct mx_families have = mx_context_families(r->context);
	struct mx_context *context;
	char error[MX_RESOLVER_ERROR_MAX];

	if (want.ip4 == have.ip4 && want.ip6 == have.ip6)
		return;
	/* One retired context at a time bounds memory; reap() comes back. */
	if (r->retired)
		return;
	if (mx_context_new(&r->plan, want, &context, error) != MX_OK) {
		mx_log(MX_LOG_ERROR, "no new context, the old one stays: %s",
		       error);
		return;
	}
	use_context(r, context);
	refresh(-1, 0, r);
	/* What the first probe finds is no change worth a notice. */
	mx_log(r->ipv6_reported ? MX_LOG_NOTICE : MX_LOG_INFO,
	       "asking name servers over %s",
	       want.ip4 && want.ip6 ? "IPv4 and IPv6"
	       : want.ip6	    ? "IPv6 alone: there is no IPv4 route"
				    : "IPv4 alone: IPv6 does not work");
}

/* libunbound's interface has no call to forget a name, so another context takes
 * the place of the one that knows. Again one retired at a time: a second wish
 * waits until what was asked before the first is answered or too old. */
static void forget(void *arg)
{
	struct resolver *r = arg;
	struct mx_context *context;
	char error[MX_RESOLVER_ERROR_MAX];

	r->forget_wanted = r->retired != NULL;
	if (r->forget_wanted)
		return;
	if (mx_context_new(&r->plan, families(r), &context, error) != MX_OK) {
		mx_log(MX_LOG_ERROR, "nothing is forgotten, there is no new context: %s",
		       error);
		return;
	}
	use_context(r, context);
	refresh(-1, 0, r);
	mx_channels_forgotten(r->channels);
}

static void reap(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct timeval soon = { 0, REAP_MS * 1000 };

	(void)fd;
	(void)what;
	if (r->retired && !mx_context_idle(r->retired)) {
		event_add(r->reap, &soon);
		return;
	}
	mx_context_free(r->retired);
	r->retired = NULL;
	if (r->forget_wanted)
		forget(r);
	adapt(r);
}

static void tell(struct resolver *r, enum mx_handover_type type, uint32_t a)
{
	struct mx_handover m = { .type = type, .a = a, .b = r->index,
				 .fd = -1 };

	/* Full: the supervisor is slow, and will see the next one. Gone: the
	 * end of file says so. */
	(void)mx_handover_send(MX_HANDOVER_FD, &m);
}

static void ipv6_found(void *arg, bool works)
{
	struct resolver *r = arg;

	if (!r->ipv6_known || r->ipv6_works != works)
		tell(r, MX_HANDOVER_IPV6, works);
	r->ipv6_known = true;
	r->ipv6_works = works;
	adapt(r);
	r->ipv6_reported = true;
}

/* ---- heartbeat ---- */

static int64_t cpu_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		return 0;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool alive(struct resolver *r)
{
	bool was = r->spin.spinning;
	bool is = mx_spin_alive(&r->spin, mx_clock_now(), cpu_ms(),
				mx_channels_progress(r->channels));

	if (!is && !was)
		mx_log(MX_LOG_ERROR,
		       "busy without progress, %u questions outstanding: no "
		       "more heartbeats",
		       mx_channels_outstanding(r->channels));
	return is;
}

static void heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	if (alive(r))
		tell(r, MX_HANDOVER_HEARTBEAT, 0);
}

/* ---- the control socket ---- */

static void on_terminate(int number)
{
	(void)number;
	/* At once, even if libunbound never returns: nothing here is worth
	 * saving, and its state file is replaced by rename. */
	_exit(0);
}

static bool control_socket_given(void)
{
	int type = 0, family = 0;
	socklen_t len = sizeof type;

	return getsockopt(MX_HANDOVER_FD, SOL_SOCKET, SO_TYPE, &type, &len) ==
		       0 &&
	       type == SOCK_SEQPACKET &&
	       getsockopt(MX_HANDOVER_FD, SOL_SOCKET, SO_DOMAIN, &family,
			  &len) == 0 &&
	       family == AF_UNIX;
}

static void take_channel(struct resolver *r, struct mx_handover *m)
{
	if (m->fd < 0)
		return;
	if (!r->has_index)
		r->index = m->b;
	r->has_index = true;
	if (m->b != r->index) {
		mx_log(MX_LOG_WARNING, "channel of resolver %u, we are %u",
		       m->b, r->index);
		return;
	}
	mx_channels_set(r->channels, m->a, m->fd);
	m->fd = -1;
}

static void control_readable(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct mx_handover m;
	int n = mx_handover_receive(fd, &m);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && errno == EPROTO) {
		mx_log(MX_LOG_WARNING,
		       "malformed message on the control socket dropped");
		return;
	}
	if (n <= 0) {
		event_base_loopbreak(r->base);
		return;
	}
	if (m.type == MX_HANDOVER_CHANNEL)
		take_channel(r, &m);
	if (m.fd >= 0)
		close(m.fd);
}

/* ---- start ---- */

static bool fail(struct resolver *r, const char *why)
{
	mx_log(MX_LOG_ERROR, "%s", why);
	r->status = EXIT_CONFIG;
	return false;
}

static bool load_hints(struct resolver *r)
{
	const char *path = r->config.root_hints;
	char error[MX_RESOLVER_ERROR_MAX], *loaded = NULL;
	const char *text = mx_root_hints();
	size_t len = strlen(text);
	bool ok;

	if (path && path[0]) {
		if (mx_file_read(path, &loaded, &len, error) != MX_OK)
			return fail(r, error);
		text = loaded;
	}
	ok = mx_hints_read(text, len, &r->root) == MX_OK;
	if (!ok) {
		snprintf(error, sizeof error,
			 "root-hints: %.300s: no name server with an address",
			 path);
		fail(r, error);
	} else if (mx_memory_file_open("root-hints", text, len, &r->hints) !=
		   MX_OK) {
		ok = fail(r, "memfd_create failed");
	}
	free(loaded);
	return ok;
}

static bool load_anchors(struct resolver *r)
{
	const char *path = r->config.trust_anchor_file;
	char error[MX_RESOLVER_ERROR_MAX], *text;
	size_t len;
	bool ok = true;

	if (!path || !path[0])
		return true;
	if (mx_file_read(path, &text, &len, error) != MX_OK)
		return fail(r, error);
	if (!mx_anchors_present(text, len)) {
		snprintf(error, sizeof error,
			 "trust-anchor-file: %.300s: no DS or DNSKEY record",
			 path);
		ok = fail(r, error);
	} else if (mx_memory_file_open("trust-anchors", text, len,
				       &r->anchors) != MX_OK) {
		ok = fail(r, "memfd_create failed");
	}
	free(text);
	return ok;
}

/* Who is asked whether IPv6 works: the forwarders of everything, if there are
 * such, else the root servers. */
static void find_targets(struct resolver *r)
{
	const struct mx_texts *rules[] = { &r->config.forward_zone,
					   &r->config.stub_zone };

	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < rules[k]->count; i++) {
			struct mx_zone_rule rule;

			if (!mx_zone_rule_parse(rules[k]->at[i], &rule))
				continue;
			if (strcmp(rule.zone, ".") == 0) {
				r->forwarding |= k == 0;
				for (unsigned a = 0;
				     a < rule.address_count &&
				     r->targets.count < MX_ADDRESSES_MAX;
				     a++)
					r->targets.at[r->targets.count++] =
						rule.address[a];
			}
			mx_zone_rule_clear(&rule);
		}
	if (r->targets.count == 0)
		r->targets = r->root;
}

/* Sockets upstream take descriptors, twice when a context replaces another. */
static unsigned outgoing_range(void)
{
	struct rlimit limit;
	rlim_t want = 2 * OUTGOING_RANGE + DESCRIPTORS_OTHER, room;
	/* A resolver-option may ask for more than we do. */
	rlim_t most = DESCRIPTORS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return OUTGOING_RANGE_MIN;
	limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= want)
		return OUTGOING_RANGE;
	mx_log(MX_LOG_WARNING,
	       "only %llu descriptors allowed, %llu wanted: fewer questions "
	       "upstream at a time (raise LimitNOFILE or ulimit -n)",
	       (unsigned long long)limit.rlim_cur, (unsigned long long)want);
	room = limit.rlim_cur < DESCRIPTORS_OTHER
		       ? 0
		       : (limit.rlim_cur - DESCRIPTORS_OTHER) / 2;
	return room < OUTGOING_RANGE_MIN ? OUTGOING_RANGE_MIN : (unsigned)room;
}

/* libunbound reads it itself, when its first context is made. */
static const char *certificates(const struct mx_config *config)
{
	for (size_t i = 0; i < config->resolver_option.count; i++) {
		char key[MX_RESOLVER_OPTION_KEY_MAX];
		const char *value;

		if (mx_resolver_option_parse(config->resolver_option.at[i], key,
					     &value) &&
		    strcmp(key, "tls-cert-bundle") == 0)
			return value;
	}
	return NULL;
}

static void enter_sandbox(const struct resolver *r)
{
	const struct mx_config *c = &r->config;

	mx_sandbox_enter(c, &(struct mx_sandbox){
		.role = MX_SANDBOX_RESOLVER,
		/* Of no use beside an anchor of the operator's. */
		.folders[0] = c->state_dir && c->state_dir[0] && r->anchors.fd < 0 ?
			c->state_dir : NULL,
		.file = certificates(c) });
}

static bool take_config(struct resolver *r, int fd)
{
	char error[MX_CONFIG_ERROR_MAX];

	if (r->has_config || fd < 0)
		return fail(r, "the configuration must come once, as a file");
	if (mx_config_read(&r->config, fd, error) != MX_OK)
		return fail(r, error);
	r->has_config = true;
	mx_log_init("mxbound-resolver",
		    (enum mx_log_level)r->config.log_level);
	r->plan.outgoing_range = outgoing_range();
	/* As root, as the operator's own files may need. */
	if (!load_hints(r) || !load_anchors(r))
		return false;
	if (mx_drop_privileges(&r->config) != MX_OK) {
		r->status = EXIT_CONFIG; /* it has said why */
		return false;
	}
	enter_sandbox(r);
	return true;
}

static bool make_loop(struct resolver *r)
{
	struct event_config *c = event_config_new();
	struct timeval turn = { 0, TURN_US };

	if (c) {
		event_config_set_max_dispatch_interval(
			c, &turn, TURN_CALLBACKS, MX_PRIORITY_WORK);
		r->base = event_base_new_with_config(c);
		event_config_free(c);
	}
	if (!r->base ||
	    event_base_priority_init(r->base, MX_PRIORITIES) < 0)
		return fail(r, "libevent does not start");
	return true;
}

static bool make_channels(struct resolver *r)
{
	struct mx_channels_config c = {
		.base = r->base,
		.outstanding_max = (unsigned)r->config.in_flight_max +
				   OUTSTANDING_SLACK,
		.lifetime_ms = r->config.question_lifetime * 1000,
		.forget = forget, .arg = r,
	};

	r->channels = mx_channels_new(&c);
	return r->channels || fail(r, "out of memory");
}

/* Everything up to GO. */
static bool set_up(struct resolver *r)
{
	struct mx_handover m;
	bool ok = true;

	while (ok && mx_handover_wait(&m) == 1) {
		switch (m.type) {
		case MX_HANDOVER_CONFIG:
			ok = take_config(r, m.fd) && make_channels(r);
			break;
		case MX_HANDOVER_IPV6:
			r->ipv6_known = true;
			r->ipv6_works = m.a == 1;
			break;
		case MX_HANDOVER_CHANNEL:
			if (r->channels)
				take_channel(r, &m);
			break;
		case MX_HANDOVER_GO:
			return r->has_config ||
			       fail(r, "told to begin without configuration");
		default:
			break;
		}
		if (m.fd >= 0)
			close(m.fd);
	}
	return false;
}

/* The state file where it can be kept; else, with a warning, static anchors:
 * a full disk must not stop the mail. */
static void prepare_state(struct resolver *r)
{
	char error[MX_RESOLVER_ERROR_MAX];
	const char *folder = r->config.state_dir;
	int n;

	if (!folder || !folder[0])
		return;
	if (r->plan.anchors_path) {
		mx_log(MX_LOG_INFO, "trust-anchor-file is used as it is: no "
				    "trust anchor is kept in state-dir");
		return;
	}
	n = snprintf(r->state_path, sizeof r->state_path,
		     "%s/root-anchor-%u.key", folder, r->index);
	if (n < 0 || (size_t)n >= sizeof r->state_path)
		mx_log(MX_LOG_WARNING, "state-dir: path too long");
	else if (mx_anchor_prepare(r->state_path, error) != MX_OK)
		mx_log(MX_LOG_WARNING,
		       "state-dir: %s; using the built-in trust anchors",
		       error);
	else
		r->plan.state_path = r->state_path;
}

static bool first_context(struct resolver *r)
{
	char error[MX_RESOLVER_ERROR_MAX];
	struct mx_context *context = NULL;
	struct mx_families f;
	enum mx_error err;

	r->plan.base = r->base;
	r->plan.config = &r->config;
	r->plan.hints_path = r->hints.path;
	r->plan.anchors_path = r->anchors.fd >= 0 ? r->anchors.path : NULL;
	prepare_state(r);
	find_targets(r);
	/* Until the first probe says otherwise: IPv4, unless only IPv6 has a
	 * way out. */
	if (!r->ipv6_known)
		r->ipv6_works = !mx_route_exists(&r->root, AF_INET) &&
				mx_route_exists(&r->targets, AF_INET6);
	f = families(r);
	err = mx_context_new(&r->plan, f, &context, error);
	if (err != MX_OK && r->plan.state_path) {
		mx_log(MX_LOG_WARNING,
		       "state-dir: %s is not usable; using the built-in trust "
		       "anchors", r->state_path);
		r->plan.state_path = NULL;
		err = mx_context_new(&r->plan, f, &context, error);
	}
	if (err != MX_OK)
		return fail(r, error);
	use_context(r, context);
	return true;
}

static struct event *add_event(struct resolver *r, int fd, short what,
			       event_callback_fn call, int priority)
{
	struct event *e = event_new(r->base, fd, what, call, r);

	if (e)
		event_priority_set(e, priority);
	return e;
}

static bool add_events(struct resolver *r)
{
	struct timeval beat = { 0, MX_HEARTBEAT_MS * 1000 };
	struct timeval hourly = { REFRESH_S, 0 };

	r->control = add_event(r, MX_HANDOVER_FD, EV_READ | EV_PERSIST,
			       control_readable, MX_PRIORITY_CONTROL);
	r->heartbeat = add_event(r, -1, EV_PERSIST, heartbeat,
				 MX_PRIORITY_CONTROL);
	r->reap = add_event(r, -1, 0, reap, MX_PRIORITY_WORK);
	r->refresh = add_event(r, -1, EV_PERSIST, refresh, MX_PRIORITY_WORK);
	if (!r->control || !r->heartbeat || !r->reap || !r->refresh ||
	    event_add(r->control, NULL) < 0 ||
	    event_add(r->heartbeat, &beat) < 0 ||
	    event_add(r->refresh, &hourly) < 0)
		return fail(r, "libevent takes no events");
	return true;
}

static bool begin(struct resolver *r)
{
	if (!add_events(r) || !first_context(r))
		return false;
	evutil_make_socket_nonblocking(MX_HANDOVER_FD);
	if (r->config.ipv6_upstream == MX_IPV6_AUTO) {
		r->ipv6 = mx_ipv6_new(r->base, &r->targets, r->forwarding,
				      r->config.ipv6_probe_interval,
				      ipv6_found, r);
		if (!r->ipv6)
			return fail(r, "out of memory");
	}
	tell(r, MX_HANDOVER_READY, 0);
	tell(r, MX_HANDOVER_HEARTBEAT, 0);
	refresh(-1, 0, r);
	return true;
}

static void tear_down(struct resolver *r)
{
	mx_ipv6_free(r->ipv6);
	mx_channels_free(r->channels);
	mx_context_free(r->retired);
	mx_context_free(r->context);
	if (r->refresh)
		event_free(r->refresh);
	if (r->reap)
		event_free(r->reap);
	if (r->heartbeat)
		event_free(r->heartbeat);
	if (r->control)
		event_free(r->control);
	if (r->base)
		event_base_free(r->base);
	mx_memory_file_close(&r->hints);
	mx_memory_file_close(&r->anchors);
	mx_config_clear(&r->config);
	mx_library_log_close();
	libevent_global_shutdown();
}

static int print_version(void)
{
	printf("mxbound-resolver %s\nlibunbound %s\nlibevent %s\n", MX_VERSION,
	       ub_version(), event_get_version());
	return 0;
}

int main(int argc, char **argv)
{
	static struct resolver r = {
		.hints = { .fd = -1 },
		.anchors = { .fd = -1 },
	};

	mx_log_init("mxbound-resolver", MX_LOG_NOTICE);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_version();
	if (argc != 1 || !control_socket_given()) {
		fprintf(stderr,
			"mxbound-resolver asks name servers and validates, for "
			"mxbound, which starts it.\nIt is of no use alone. "
			"--version prints versions.\n");
		return EXIT_CONFIG;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's to handle */
	signal(SIGTERM, on_terminate);
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	if (make_loop(&r) && mx_library_log_open() == MX_OK && set_up(&r) &&
	    begin(&r))
		event_base_dispatch(r.base);
	tear_down(&r);
	return r.status;
}
