/* front.h - what the parts of the front share. Private to src/front. */
#ifndef FRONT_H
#define FRONT_H

#include <event2/event.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "mx_cache.h"
#include "mx_channel.h"
#include "mx_cold.h"
#include "mx_config.h"
#include "mx_cookie.h"
#include "mx_counters.h"
#include "mx_ede.h"
#include "mx_ingest.h"
#include "mx_latency.h"
#include "mx_lookup.h"
#include "mx_query.h"
#include "mx_snapshot.h"

/* Clients choose the keys of every table here, so they are hashed with
 * SipHash and a key nobody knows; and a table that cannot grow for lack of
 * memory is a failed insertion, not an exit. */
extern uint8_t front_hash_key[crypto_shorthash_KEYBYTES];
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(keyptr, keylen, hashv) \
	do { \
		uint64_t siphash_; \
		crypto_shorthash((uint8_t *)&siphash_, \
				 (const uint8_t *)(keyptr), (keylen), \
				 front_hash_key); \
		(hashv) = (unsigned)siphash_; \
	} while (0)
#include <uthash.h>

/* The timer fires after wait_ms, not negative; it forgets what it was set to. */
static inline void timer_start(struct event *timer, mx_instant wait_ms)
{
	struct timeval tv = { .tv_sec = wait_ms / 1000,
			      .tv_usec = wait_ms % 1000 * 1000 };

	evtimer_add(timer, &tv);
}

/* ---- limits.c: who may ask, and how much; shared by all workers ---- */

struct mx_limits;
struct troubles;
struct mx_limits *limits_new(const struct mx_config *config);
void limits_free(struct mx_limits *limits);
enum mx_acl_action limits_acl(const struct mx_limits *limits,
			      const struct sockaddr *peer);
/* Its address as it counts everywhere here: an IPv4-mapped one is IPv4. */
const uint8_t *limits_address(const struct sockaddr *peer, size_t *ret_len);
/* This host: nobody else can say that a datagram comes from there. */
static inline bool limits_loopback(const struct sockaddr *peer)
{
	if (peer->sa_family == AF_INET)
		return *(const uint8_t *)&((const struct sockaddr_in *)peer)
				->sin_addr == 127;
	return IN6_IS_ADDR_LOOPBACK(
		&((const struct sockaddr_in6 *)peer)->sin6_addr);
}
/* A reply over UDP to a client that may not be who it says: may it go? */
enum limits_rate { LIMITS_RATE_OK, LIMITS_RATE_TRUNCATE, LIMITS_RATE_DROP };
enum limits_rate limits_rate(struct mx_limits *limits,
			     const struct sockaddr *peer, mx_instant now);
/* A client's slot: address only, without port. Clients whose addresses hash
 * to the same slot share its bounds; there are MX_LIMITS_SLOTS of them. */
#define MX_LIMITS_SLOTS 65536
uint32_t limits_client(const struct mx_limits *limits,
		       const struct sockaddr *peer);
/* One more waiting lookup; false past a bound. And one less. */
bool limits_wait(struct mx_limits *limits, uint32_t client);
void limits_wait_end(struct mx_limits *limits, uint32_t client);
/* One more question in flight; false past the bound. And one less. */
bool limits_question(struct mx_limits *limits);
void limits_question_end(struct mx_limits *limits);
/* A worker's share of these, at least one; and a question in it or in place of
 * another: all workers together have less than twice the bound. */
uint32_t limits_question_share(const struct mx_limits *limits);
void limits_question_past_total(struct mx_limits *limits);
/* One more question asked ahead; false past mail-prefetch-rate. After a quiet
 * second as many as that at once. */
bool limits_ahead(struct mx_limits *limits, mx_instant now);
/* One more TCP connection. */
enum limits_tcp { LIMITS_TCP_OK, LIMITS_TCP_TOTAL, LIMITS_TCP_CLIENT };
enum limits_tcp limits_tcp(struct mx_limits *limits, uint32_t client);
/* A worker's share of the total, at least one; and a connection in it or in
 * place of another, bounded only for its client: all workers together hold
 * less than twice the total. */
uint32_t limits_tcp_share(const struct mx_limits *limits);
bool limits_tcp_past_total(struct mx_limits *limits, uint32_t client);
void limits_tcp_end(struct mx_limits *limits, uint32_t client);
/* How much of all that there is now, over all workers; for any thread. */
struct limits_now {
	uint32_t waiting, questions, tcp;
};
struct limits_now limits_now(const struct mx_limits *limits);
bool limits_tcp_pressed(const struct mx_limits *limits); /* over half full */

/* ---- local.c: special names, RFC 6761 and others ---- */

struct mx_local;
/* Names at or below a forward- or stub-zone are not answered locally. */
struct mx_local *local_new(const struct mx_config *config);
void local_free(struct mx_local *local);
/* Room for the body of a local answer. */
struct local_room {
	uint8_t octets[512];
	uint16_t ttl_at[2];
};
/* True: *ret is the answer (points into room and key). */
bool local_answer(const struct mx_local *local, const struct mx_key *key,
		  struct local_room *room, struct mx_answer *ret);

/* ---- stale.c: what may be given past its TTL ---- */

/* RFC 8767 section 5: a question that failed, and has a stale answer, is not
 * asked again for this long. */
#define STALE_RECHECK_S 30u

struct stale_rules;
struct stale_rules *stale_rules_new(const struct mx_config *config);
void stale_rules_free(struct stale_rules *rules);
/* Whether the rules for mail, and the operator's, let key's answers be given
 * past their TTL. */
bool stale_allowed(const struct stale_rules *rules, const struct mx_key *key);
/* 0 without serve-stale. */
uint32_t stale_max_s(const struct mx_config *config);

/* ---- refresh.c: what is to be asked again when its TTL has run out ---- */

/* Hits in its lifetime that make an answer worth it. */
#define REFRESH_HITS 2

/* When to ask again what runs out at `expires`: soon after that, and not with
 * all others at the same time. wall_ms is the wall clock's now. */
mx_instant refresh_when(mx_instant expires, mx_instant now, int64_t wall_ms);

struct refreshes;
struct refreshes *refreshes_new(void);
void refreshes_free(struct refreshes *refreshes);
/* To be asked again when refresh_when() says. A worker keeps so many in mind, and
 * rather those that run out soon: false if this or another was dropped. */
bool refreshes_add(struct refreshes *refreshes, const struct mx_key *key,
		   mx_instant expires, mx_instant now, int64_t wall_ms);
/* When the first is due; INT64_MAX: there is none. */
mx_instant refreshes_next(const struct refreshes *refreshes);
/* The next that is due, to be freed by the caller, or NULL. */
struct refresh {
	struct mx_key key; /* points to qname */
	uint8_t qname[];
};
struct refresh *refreshes_take(struct refreshes *refreshes, mx_instant now);

/* ---- cookies.c: server cookies, RFC 7873 and 9018 ---- */

#define COOKIE_LEN 24u /* client's and server's */

/* What a client has shown with its query. NONE: no COOKIE option at all. */
enum cookie_state { COOKIE_NONE, COOKIE_CLIENT_ONLY, COOKIE_BAD, COOKIE_GOOD };

/* Reads cookie-secret-file, so to be called before privileges are dropped. Used
 * by all workers, which only read. NULL: no memory. */
struct cookies;
struct cookies *cookies_new(const struct mx_config *config);
void cookies_free(struct cookies *cookies);
/* cookie: MX_COOKIE_CLIENT_LEN to MX_COOKIE_MAX octets of an option. now_s: the
 * wall clock's, as RFC 9018 has it in the cookie. ret: for the reply. */
enum cookie_state cookies_check(const struct cookies *cookies,
				const uint8_t *cookie, size_t len,
				const struct sockaddr *peer, uint32_t now_s,
				uint8_t ret[COOKIE_LEN]);

/* ---- options.c: EDNS options that are served ---- */

#define KEEPALIVE_UNIT_MS 100 /* RFC 7828 section 3.1 */

/* What a reply's OPT begins with. len octets have their place reserved, nsid
 * (borrowed from the configuration, "" for none) goes if there is room. */
#define OPTIONS_MAX (4 + COOKIE_LEN + 4 + 2)
struct options {
	uint8_t len;
	uint8_t octets[OPTIONS_MAX];
	const char *nsid;
};
struct worker;
/* For a query with asks. */
enum cookie_state options_serve(const struct worker *worker,
				const struct mx_query *q,
				const struct sockaddr *peer, bool tcp,
				struct options *ret);
void options_put(const struct options *options, struct mx_out *out);

/* ---- reply.c: the octets of a reply ---- */

struct reply_ede {
	uint16_t code; /* MX_EDE_NONE: not there */
	const char *text;
};
struct reply {
	enum mx_rcode rcode;
	bool ad;
	uint16_t ancount, nscount, arcount;
	uint32_t body_len; /* already in place, see reply_body() */
	bool truncated;	   /* body did not fit: TC, empty sections */
	struct reply_ede ede[2];
};
/* The longest reply to q that its client takes. */
size_t reply_limit(const struct mx_query *q, bool tcp, size_t udp_size_max);
/* Where the body goes, and how long it may be under limit. */
uint8_t *reply_body(const struct mx_query *q, uint8_t *msg);
size_t reply_body_room(const struct mx_query *q, size_t limit);
/* Write header, question and OPT around the body; returns the length. EDE
 * that does not fit is left out, its text first. options: only looked at if the
 * query asks; their len is not in the limit, which is that of all else. */
size_t reply_finish(const struct mx_query *q, const struct options *options,
		    const struct reply *reply, uint8_t *msg, size_t limit);

/* ---- realm.c: what decides which answers are true ---- */

/* False, and logged, if a file that the settings name cannot be read. To be
 * called before privileges are dropped, as the resolvers read them. */
bool realm_of(const struct mx_config *config, uint8_t ret[MX_SNAPSHOT_REALM_LEN]);

/* ---- snapshot.c: the cache's file, in a thread of its own ---- */

/* All calls from the main thread. NULL, which all of them take, if there is to
 * be no file, or for want of memory (logged). See realm_of for when. */
struct snapshot;
struct snapshot *snapshot_new(const struct mx_config *config);
/* Load the file into the cache, then keep the file current. */
void snapshot_start(struct snapshot *snapshot, struct mx_cache *cache);
/* Write it now; the supervisor is told when that is done. */
void snapshot_save(struct snapshot *snapshot, uint32_t number);
/* Write it never again: another front does. */
void snapshot_cease(struct snapshot *snapshot);
/* The end: nobody uses the cache any more. Write it once more, if it was
 * loaded and never ceased; beat is called often while that lasts. */
void snapshot_finish(struct snapshot *snapshot, void (*beat)(void));
void snapshot_free(struct snapshot *snapshot);
/* What to do about a file that cannot be written, for errno. */
const char *snapshot_remedy(int error);

/* ---- reason.c: what a resolver says of an answer that is no good ---- */

/* The INFO-CODE for libunbound's words about a bogus answer. */
uint16_t reason_ede(const char *why);
/* Its words, fit to be sent to a client. */
void reason_text(const struct mx_channel_answer *answer,
		 char ret[MX_WHY_MAX + 1]);

/* ---- lookups.c: a worker's lookups (mx_lookup.h), seen from outside ---- */

struct mx_lookups *lookups_new(struct event_base *base,
			       const struct mx_config *config,
			       struct mx_cache *cache, struct mx_limits *limits,
			       const struct mx_local *local,
			       struct mx_counters *counters);
/* Callbacks of what still waits are not run. */
void lookups_free(struct mx_lookups *lookups);
/* A new pair to a resolver: what was in flight there is asked again. The
 * descriptor is owned from here on. */
void lookups_channel(struct mx_lookups *lookups, unsigned resolver, int fd);
/* Several times a second: timers and pairs for which there was no memory are
 * seen to again, so that no deadline is missed for long and no resolver lost. */
void lookups_beat(struct mx_lookups *lookups);
/* A hit with mx_found.refresh. */
void lookups_refresh(struct mx_lookups *lookups, const struct mx_key *key,
		     const struct mx_found *found, mx_instant now);
/* From now on nothing is asked ahead, and what was is given up: the worker is
 * to end. */
void lookups_stop_ahead(struct mx_lookups *lookups);
/* What went wrong lately (troubles.h); for any thread. */
struct troubles *lookups_troubles(const struct mx_lookups *lookups);
/* The resolvers as this worker knows them; from its own thread. */
struct lookups_resolver {
	bool there;
	unsigned times; /* how many there have been so far */
};
unsigned lookups_resolvers(const struct mx_lookups *lookups);
struct lookups_resolver lookups_resolver(const struct mx_lookups *lookups,
					 unsigned resolver);
/* Lookups that wait for an answer now. */
size_t lookups_waiting(const struct mx_lookups *lookups);

/* A key as octets to be hashed: qname, qtype, qclass. Returns how many. */
#define KEY_OCTETS_MAX (MX_NAME_MAX + 4)
unsigned key_octets(const struct mx_key *key, uint8_t room[KEY_OCTETS_MAX]);

/* ---- query.c: one query, whatever its transport ---- */

struct ask {
	struct mx_query q;
	struct options options; /* unset unless q.asks */
	struct mx_key key; /* points to qname */
	uint8_t qname[MX_NAME_MAX];
	size_t limit;
	uint32_t client;
	bool certain; /* the client is where its address says */
};
/* How a query was answered, as mx_latency.h counts it: those up to ASK_REPLY
 * are replies. */
enum ask_outcome {
	ASK_HIT = MX_LATENCY_hit,
	ASK_STALE = MX_LATENCY_stale,
	ASK_FAILED = MX_LATENCY_failed,
	ASK_REPLY = MX_LATENCY_CLASS_COUNT, /* not measured */
	ASK_DROP,
	ASK_WAIT,
};
/* Read a query and answer it at once if that is possible: *ret_len octets in
 * reply, which has room for 65,535 over TCP, udp-size-max over UDP. ASK_WAIT:
 * give *ask to ask_wait(). */
enum ask_outcome ask_begin(struct worker *worker, const uint8_t *msg,
			   size_t len, const struct sockaddr *peer, bool tcp,
			   mx_instant now, struct ask *ask, uint8_t *reply,
			   size_t *ret_len);

/* A query that waits for its answer; embedded in the transport's struct. */
struct asking {
	struct mx_lookup lookup;
	struct worker *worker;
	struct mx_query q; /* question points to the copy; no cookie */
	struct options options;
	uint8_t question[MX_NAME_MAX + 4];
	size_t limit;
	int64_t taken_us; /* see struct worker */
	uint8_t waits_as; /* enum mx_latency_class, if it is answered in time */
	/* Called once with the reply, which is borrowed. */
	void (*deliver)(struct asking *asking, const uint8_t *reply, size_t len);
};
void ask_wait(struct worker *worker, const struct ask *ask,
	      struct asking *asking,
	      void (*deliver)(struct asking *, const uint8_t *, size_t));
void ask_cancel(struct asking *asking);

/* ---- udp.c, tcp.c: the transports ---- */

struct udp;
struct udp *udp_new(struct worker *worker, int fd); /* fd stays open on error */
void udp_stop(struct udp *udp);			    /* take nothing new */
void udp_free(struct udp *udp);

struct tcp;
struct tcp *tcp_new(struct worker *worker);
bool tcp_listen(struct tcp *tcp, int fd);
void tcp_stop(struct tcp *tcp); /* accept nothing new, close what is idle */
size_t tcp_open(const struct tcp *tcp);
/* How long a connection may be idle just now; 0 once it was stopped. */
mx_instant tcp_idle_ms(const struct tcp *tcp);
void tcp_free(struct tcp *tcp);

/* ---- worker.c ---- */

/* What a worker does beside DNS, or in place of it: made by main() before the
 * thread starts, called in the thread only, freed by main() once it is over. */
struct worker_service {
	void *arg;
	void (*listen)(void *arg, int fd); /* fd is the service's */
	void (*stop)(void *arg);	   /* take nothing new */
	size_t (*open)(const void *arg);   /* how much is still in hand */
};

#define WORKER_SERVICES 4u

struct udp_batch;
struct udp_batch *udp_batch_new(size_t udp_size_max);
void udp_batch_free(struct udp_batch *batch);

struct worker {
	unsigned index;
	pthread_t thread;
	const struct mx_config *config;
	struct event_base *base;
	struct mx_cache *cache;
	struct mx_limits *limits;
	const struct mx_local *local;
	const struct cookies *cookies; /* set after new; NULL: none are made */
	struct mx_lookups *lookups;
	struct udp_batch *batch; /* one for all its UDP sockets */
	struct tcp *tcp;
	struct udp *udp[64];
	unsigned udp_count;
	uint8_t *scratch; /* 65,535 octets for a reply being made */
	struct event *commands, *heart, *drain;
	int command_in, command_out;
	_Atomic uint32_t beats;
	_Atomic bool ended;
	_Atomic bool failed; /* a socket that it was given is not served */
	bool draining;
	mx_instant drain_until;
	struct selftest *selftest;
	_Atomic int selftest_says; /* enum selftest_verdict */
	struct warm *warm; /* NULL: not this worker's, or nothing to keep */
	struct worker_service services[WORKER_SERVICES]; /* arg NULL: none */
	/* When what is being worked on was read from its socket, by
	 * mx_clock_us(); whoever reads sets it. */
	int64_t taken_us;
	struct mx_counters counters;
	struct mx_latency latency;
	struct mx_ede_counts edes; /* in replies */
};

enum worker_verb { WORKER_UDP, WORKER_TCP, WORKER_SERVICE, WORKER_CHANNEL,
		   WORKER_SELFTEST, WORKER_DRAIN, WORKER_STOP };
struct worker_command {
	enum worker_verb verb;
	unsigned index; /* of CHANNEL the resolver, of SERVICE the service */
	int fd;
};
struct worker *worker_new(unsigned index, const struct mx_config *config,
			  struct mx_cache *cache, struct mx_limits *limits,
			  const struct mx_local *local);
bool worker_start(struct worker *worker);
/* It has a service, and so gives way to the others. */
bool worker_serves(const struct worker *worker);
/* From the main thread. Descriptors are the worker's from here on. */
void worker_tell(struct worker *worker, const struct worker_command *command);
void worker_join(struct worker *worker);
void worker_free(struct worker *worker);

/* ---- selftest.c: is `. NS` there, and secure? ---- */

enum selftest_verdict { SELFTEST_UNKNOWN, SELFTEST_SECURE, SELFTEST_NOT_SECURE,
			SELFTEST_SILENT };
struct selftest;
struct selftest *selftest_start(struct worker *worker);
void selftest_free(struct selftest *selftest);

/* ---- warm.c: what mail to the domains of keep-warm needs ---- */

/* Questions that are looked up at the same time. One that is slow no longer
 * counts after a while, so that dead domains do not hold up the others. */
#define WARM_ASKING_MAX 16
#define WARM_SLOW_MS 2000

/* Questions in all, some 400 octets each. A domain has three and up to four
 * for each of up to MX_MAIL_EXCHANGES_MAX exchanges, and more with aliases;
 * what domains share is there once. */
#define WARM_QUESTIONS_MAX 16384u

/* No question more often than this, whatever its TTL; and after a failure
 * later and later. */
#define WARM_LEAST_MS 5000
#define WARM_FAILED_FIRST_MS 30000
#define WARM_FAILED_MOST_MS 300000

struct warm;
/* Begin to ask; NULL: there is nothing to keep warm, or no memory. */
struct warm *warm_start(struct worker *worker);
void warm_free(struct warm *warm);

#endif
