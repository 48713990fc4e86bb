/* resolver.h - inside the process mxbound-resolver.
 *
 *   channel ─ question ─► context ─► libunbound ─► name servers
 *      ▲                     │
 *      └────── answer ◄──────┘        ipv6: does IPv6 work? -> new context
 *
 * One thread, one libevent base, one context at a time (and while questions
 * of an earlier one are unanswered, that one too). Nothing here listens.
 *
 * Order of work in the loop: control socket, heartbeat and signals first,
 * libunbound and channels after, in turns bounded by time; so a heartbeat is
 * late only when one single callback takes long.
 */
#ifndef MX_RESOLVER_H
#define MX_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "mx_answer.h"
#include "mx_clock.h"
#include "mx_config.h"
#include "mx_error.h"

struct event_base;

/* Priorities of events; libunbound's own get MX_PRIORITY_WORK, libevent's
 * default with this number of levels. */
#define MX_PRIORITIES 3
#define MX_PRIORITY_CONTROL 0
#define MX_PRIORITY_WORK 1
#define MX_PRIORITY_IDLE 2 /* nothing else is to be done */

#define MX_RESOLVER_ERROR_MAX 512

/* ---- root.c: where the root is, and what to trust there ---- */

/* The 13 root servers in zone file format, NUL-terminated; static. */
const char *mx_root_hints(void);
/* DS records of the root's keys, "" at the end; static. */
extern const char *const mx_root_anchors[];

#define MX_ADDRESSES_MAX 64
struct mx_addresses {
	unsigned count;
	struct sockaddr_storage at[MX_ADDRESSES_MAX];
};

/* The addresses, with port 53, in zone file text (not NUL-terminated).
 * MX_E_CONFIG if there is no NS record or no address: libunbound would
 * quietly take hints of its own. */
enum mx_error mx_hints_read(const char *text, size_t len,
			    struct mx_addresses *ret);
/* Does the text hold a DS or DNSKEY record? Without one libunbound would
 * quietly validate nothing. */
bool mx_anchors_present(const char *text, size_t len);

/* ---- file.c: configuration files, read once before privileges go ---- */

#define MX_FILE_MAX (1u << 20)
/* Whole file, NUL-terminated, malloc'ed. */
enum mx_error mx_file_read(const char *path, char **ret, size_t *ret_len,
			   char error[MX_RESOLVER_ERROR_MAX]);
/* Text as a file without a name; path, under /proc/self/fd, for a library
 * that wants one. The descriptor must stay open as long as path is used. */
#define MX_MEMORY_PATH_MAX 40
struct mx_memory_file {
	int fd; /* -1: none */
	char path[MX_MEMORY_PATH_MAX];
};
enum mx_error mx_memory_file_open(const char *name, const char *text,
				  size_t len, struct mx_memory_file *ret);
void mx_memory_file_close(struct mx_memory_file *file);

/* ---- anchor.c: the root's trust anchor kept current, RFC 5011 ---- */

/* Make sure that path (STATE-DIR/root-anchor-<index>.key) is a state file
 * that libunbound can read and replace; seeds it from mx_root_anchors.
 * On MX_E_CONFIG error says what is wrong; the file is left as it is. */
enum mx_error mx_anchor_prepare(const char *path,
				char error[MX_RESOLVER_ERROR_MAX]);

/* ---- settings.c: what libunbound is told ---- */

/* One option of libunbound. value NULL: made from the configuration. */
struct mx_setting {
	const char *key, *value, *why;
};
extern const struct mx_setting mx_settings[];
extern const size_t mx_setting_count;

struct mx_families {
	bool ip4, ip6;
};

struct mx_settings_input {
	const struct mx_config *config;
	struct mx_families families;
	unsigned outgoing_range; /* what the limit on descriptors allows */
};

/* The value of a setting: its own, or made from the input into buf. */
#define MX_SETTING_VALUE_MAX 32
const char *mx_setting_value(const struct mx_setting *setting,
			     const struct mx_settings_input *input,
			     char buf[MX_SETTING_VALUE_MAX]);

/* A name that libunbound answers itself, to see that a context works. Below
 * invalid. (RFC 6761), which the front never asks a resolver. */
#define MX_READY_NAME "ready.mxbound.invalid."

/* Text for ub_ctx_config: what ub_ctx_set_option cannot say, that is forward
 * and stub zones, and that libunbound's own local zones are off. malloc'ed. */
enum mx_error mx_settings_zones(const struct mx_config *config, char **ret,
				char error[MX_RESOLVER_ERROR_MAX]);

/* ---- context.c: libunbound ---- */

struct mx_context;
struct mx_ask;

/* What all contexts of this process are made from; borrowed for life. */
struct mx_context_plan {
	struct event_base *base;
	const struct mx_config *config;
	unsigned outgoing_range;
	const char *hints_path;	  /* root hints */
	const char *anchors_path; /* operator's trust anchors, or NULL */
	const char *state_path;	  /* RFC 5011 state, or NULL: static anchors */
};

struct mx_result {
	bool failed;		  /* nothing usable came back; see why */
	enum mx_validation state; /* insecure, bogus or secure */
	const char *why;	  /* never NULL */
	const uint8_t *packet;	  /* borrowed until the callback returns */
	size_t packet_len;
};
/* Runs at most once for an ask; may run before mx_context_ask returns, and
 * must then leave ask in memory until it has. */
typedef void mx_context_answered(struct mx_ask *ask,
				 const struct mx_result *result);

/* One question in libunbound. The caller embeds it, and owns it again when
 * the callback runs or mx_context_forget returns. */
struct mx_ask {
	TAILQ_ENTRY(mx_ask) in_context;
	struct mx_context *context; /* NULL: not outstanding */
	int async_id;		    /* libunbound's, for ub_cancel */
	mx_context_answered *answered;
};

/* A context that has proven that it works: options, zones, hints and anchors
 * are read by libunbound only when the first question comes, so one that is
 * answered locally is asked. */
enum mx_error mx_context_new(const struct mx_context_plan *plan,
			     struct mx_families families,
			     struct mx_context **ret,
			     char error[MX_RESOLVER_ERROR_MAX]);
/* Not from inside a callback of this context. Outstanding asks are forgotten
 * without their callbacks. NULL is accepted. */
void mx_context_free(struct mx_context *context);
bool mx_context_idle(const struct mx_context *context);
struct mx_families mx_context_families(const struct mx_context *context);

/* qname: uncompressed wire format, checked. MX_E_UPSTREAM if libunbound took
 * no question; the callback does not run then. */
enum mx_error mx_context_ask(struct mx_context *context, const uint8_t *qname,
			     uint16_t qtype, uint16_t qclass,
			     mx_context_answered *answered, struct mx_ask *ask);
/* The callback will not run. libunbound goes on, and its cache learns. */
void mx_context_forget(struct mx_ask *ask);

/* ---- ipv6.c: does IPv6 work upstream? ---- */

struct mx_ipv6;
typedef void mx_ipv6_found(void *arg, bool works);

/* Asks `. NS` of up to three of the targets at a time, twice, one second
 * each; a valid DNS response from one is enough. Tells found() after every
 * probe. recursive: the targets are forwarders, so RD is set. Starts with a
 * probe from the event loop. targets are copied. */
struct mx_ipv6 *mx_ipv6_new(struct event_base *base,
			    const struct mx_addresses *targets, bool recursive,
			    uint64_t interval_s, mx_ipv6_found *found,
			    void *arg);
void mx_ipv6_free(struct mx_ipv6 *ipv6);

/* Would a packet to one of these addresses of this family leave the machine?
 * Asks the kernel, sends nothing. */
bool mx_route_exists(const struct mx_addresses *addresses, int family);

/* Is it a response to the `. NS` query with this id? Pure. */
bool mx_probe_response_ok(const uint8_t *packet, size_t len, uint16_t id);

/* ---- spin.c: is there progress? ---- */

struct mx_spin {
	bool started, spinning;
	mx_instant start; /* of the window that is measured */
	int64_t cpu_ms;
	uint64_t progress;
};
/* cpu_ms: processor time used so far; progress: grows with each step done.
 * A zeroed struct starts with the first call. */
bool mx_spin_alive(struct mx_spin *spin, mx_instant now, int64_t cpu_ms,
		   uint64_t progress);

/* ---- channel.c: questions of the front, and answers to it ---- */

struct mx_channels;

struct mx_channels_config {
	struct event_base *base;
	unsigned outstanding_max; /* questions in libunbound, all channels */
	uint64_t lifetime_ms;	  /* then a question is answered "failed" */
	/* The front wants all forgotten that is known: mx_channels_forgotten()
	 * is to be called once that is so, perhaps at once. NULL: it cannot. */
	void (*forget)(void *arg);
	void *arg;
};

struct mx_channels *mx_channels_new(const struct mx_channels_config *config);
/* Before the contexts are freed. */
void mx_channels_free(struct mx_channels *channels);
/* Where questions go from now on. NULL: refused. */
void mx_channels_use(struct mx_channels *channels, struct mx_context *context);
/* Takes fd over. The earlier channel of this worker is closed; its questions
 * go on in libunbound, but nobody hears. */
void mx_channels_set(struct mx_channels *channels, unsigned worker, int fd);
/* Whoever wanted so hears that all was forgotten. */
void mx_channels_forgotten(struct mx_channels *channels);
/* Questions begun and ended since the start: grows while there is progress. */
uint64_t mx_channels_progress(const struct mx_channels *channels);
unsigned mx_channels_outstanding(const struct mx_channels *channels);

#endif
