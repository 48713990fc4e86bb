/* mx_config.h - the configuration: one table, one parser, one value each.
 *
 * The file has lines `key: value`, as in unbound.conf without sections. '#'
 * starts a comment at the start of a line or after a blank. A value may stand
 * in double quotes, in which \" and \\ stand for " and \. Keys that take
 * several values repeat, and the first one written replaces the default; ""
 * alone makes the list empty. `sets` of such a key replace what the file says.
 *
 * From this table come the struct, the parser, --help, the manual's and the
 * README's tables, and the text that the supervisor hands to its children.
 *
 * Owns     struct mx_config owns all its strings; free with mx_config_clear.
 * Threads  read-only after loading: any.
 * Errors   to a text buffer: "FILE:LINE: what is wrong; what would be right".
 */
#ifndef MX_CONFIG_H
#define MX_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mx_error.h"
#include "mx_log.h"

/* Kinds of values and the member each makes:
 *   BOOL   yes | no                        bool
 *   COUNT  a number                        uint64_t
 *   SIZE   octets, with k, m or g          uint64_t
 *   SECS   seconds, or with s, m, h, d     uint64_t, seconds
 *   MSEC   milliseconds, or with ms, s     uint64_t, milliseconds
 *   CHOICE one of the words in `unit`      unsigned, index of the word
 *   TEXT   a string, path or name          char *, "" if unset
 *   LIST   repeatable, see each key        struct mx_texts
 * Defaults are written as in the file; '|' parts the entries of a LIST. min
 * and max bound the number, of a LIST the number of entries, of a TEXT its
 * octets. Blanks in a LIST entry are made single. A TEXT with unit FILE or
 * FOLDER is made absolute by load.
 *
 *        member              key                  kind   default min max unit, help */
#define MX_OPTIONS(X) \
	X(listen, "listen", LIST, "127.0.0.1@5335|::1@5335", 1, 64, "ADDR@PORT", \
	  "address to answer DNS on, UDP and TCP") \
	X(access_control, "access-control", LIST, "127.0.0.0/8 allow|::1/128 allow", 1, 1000, "CIDR allow|refuse|drop", \
	  "who may ask; the longest prefix decides; all others are refused") \
	X(workers, "workers", COUNT, "0", 0, 64, "threads", \
	  "threads that answer clients; 0: one per core") \
	X(resolvers, "resolvers", COUNT, "0", 0, 16, "processes", \
	  "processes that resolve and validate; 0: one for two cores") \
	X(cache_size, "cache-size", SIZE, "64m", 1048576, 1099511627776, "octets", \
	  "memory for answers, all counted; more is never used for them") \
	X(ttl_max, "ttl-max", SECS, "1d", 1, 604800, "s", \
	  "no answer is kept longer") \
	X(negative_ttl_max, "negative-ttl-max", SECS, "15m", 0, 10800, "s", \
	  "no NODATA or NXDOMAIN is kept longer, so that a new MX is seen soon") \
	X(bogus_ttl_max, "bogus-ttl-max", SECS, "1m", 1, 300, "s", \
	  "an answer that failed validation is asked again after this") \
	X(failure_ttl_min, "failure-ttl-min", SECS, "1s", 1, 300, "s", \
	  "a question that failed is not asked again for this long") \
	X(failure_ttl_max, "failure-ttl-max", SECS, "30s", 1, 300, "s", \
	  "the wait doubles with each further failure, up to this") \
	X(serve_stale, "serve-stale", BOOL, "yes", 0, 0, "yes|no", \
	  "give an answer past its TTL where no other can be had (RFC 8767); never a denial, TLSA, DS, DNSKEY, or what is below _mta-sts") \
	X(stale_max, "stale-max", SECS, "1d", 1, 604800, "s", \
	  "no answer is given longer past its TTL; a secure one not past its signatures' end either") \
	X(stale_after, "stale-after", MSEC, "1800ms", 0, 4500, "ms", \
	  "a client waits this long for a fresh answer before it gets a stale one") \
	X(stale_never, "stale-never", LIST, "", 0, 1000, "ZONE", \
	  "nothing at and below ZONE is given past its TTL; answers of addresses in 127.0.0.0/8, as DNSBLs give, never are") \
	X(refresh, "refresh", BOOL, "yes", 0, 0, "yes|no", \
	  "what was asked for at least twice is asked again as soon as its TTL has run out") \
	X(keep_warm, "keep-warm", LIST, "", 0, 1000, "DOMAIN", \
	  "mail domain whose MX, addresses and TLSA are asked again as soon as their TTL has run out, whether asked for or not") \
	X(mail_prefetch, "mail-prefetch", BOOL, "yes", 0, 0, "yes|no", \
	  "once a client has heard where a domain's mail goes, the addresses and TLSA that its mail server asks for next are asked at once") \
	X(mail_prefetch_rate, "mail-prefetch-rate", COUNT, "1000", 1, 1000000, "questions/s", \
	  "no more of these questions are asked in a second, over all workers; others are left to the mail server") \
	X(query_deadline, "query-deadline", MSEC, "4s", 100, 4500, "ms", \
	  "a client hears SERVFAIL after this; the work goes on") \
	X(question_lifetime, "question-lifetime", SECS, "1m", 5, 600, "s", \
	  "work on a question is given up after this") \
	X(in_flight_max, "in-flight-max", COUNT, "8192", 16, 1000000, "questions", \
	  "questions in flight and clients waiting for them, in total") \
	X(in_flight_client_max, "in-flight-client-max", COUNT, "2048", 1, 1000000, "questions", \
	  "the same, for one client address") \
	X(udp_size_max, "udp-size-max", COUNT, "1232", 512, 4096, "octets", \
	  "longest UDP reply; what is longer goes over TCP (RFC 9715)") \
	X(tcp_connections_max, "tcp-connections-max", COUNT, "1024", 8, 100000, "connections", \
	  "TCP connections at the same time; past it the one idle longest goes") \
	X(tcp_connections_client_max, "tcp-connections-client-max", COUNT, "256", 1, 100000, "connections", \
	  "the same, for one client address") \
	X(tcp_in_flight_max, "tcp-in-flight-max", COUNT, "64", 1, 10000, "questions", \
	  "questions in flight on one connection; then it is read no further") \
	X(tcp_idle_timeout, "tcp-idle-timeout", MSEC, "10s", 100, 600000, "ms", \
	  "a connection with nothing asked and nothing to answer is closed") \
	X(tcp_message_timeout, "tcp-message-timeout", MSEC, "5s", 100, 600000, "ms", \
	  "a query must arrive, and a reply be taken, within this") \
	X(rate_limit, "rate-limit", COUNT, "10000", 0, 1000000, "replies/s", \
	  "replies over UDP to one network, /24 or /56, of other hosts, whose addresses may be forged; a valid cookie is exempt; 0: no bound") \
	X(rate_limit_slip, "rate-limit-slip", COUNT, "2", 0, 1000, "queries", \
	  "past rate-limit each so manieth query is told to come over TCP, the others get nothing; 0: none is told") \
	X(discard_timeout, "discard-timeout", MSEC, "1900ms", 0, 4500, "ms", \
	  "a reply over UDP to another host that took longer is not sent, only kept, lest many are held back to be sent at once; a valid cookie is exempt; 0: all are sent") \
	X(cookie_required, "cookie-required", BOOL, "no", 0, 0, "yes|no", \
	  "over UDP other hosts must have a valid cookie (RFC 7873): BADCOOKIE for a wrong one, TC for none") \
	X(cookie_secret_file, "cookie-secret-file", TEXT, "", 0, 4095, "FILE", \
	  "secrets for cookies that several hosts share, 32 hexadecimal digits a line, the first makes them; unset: one of this host's own for each day") \
	X(nsid, "nsid", TEXT, "", 0, 64, "NAME", \
	  "told to those who ask which server this is (RFC 5001); unset: nobody is told") \
	X(root_hints, "root-hints", TEXT, "", 0, 4095, "FILE", \
	  "name servers of the root in zone file format; built in if unset") \
	X(trust_anchor_file, "trust-anchor-file", TEXT, "", 0, 4095, "FILE", \
	  "DS or DNSKEY records to trust, in zone file format; the root's are built in if unset") \
	X(state_dir, "state-dir", TEXT, "", 0, 4095, "FOLDER", \
	  "keeps the root's trust anchor current (RFC 5011) across restarts") \
	X(snapshot_file, "snapshot-file", TEXT, "", 0, 4095, "FILE", \
	  "keeps the cache across restarts; if unset, cache.snapshot in state-dir if that is set; none: no file at all") \
	X(snapshot_interval, "snapshot-interval", SECS, "5m", 0, 86400, "s", \
	  "how often the cache is written to it; 0: only at the end and on SIGUSR1") \
	X(forward_zone, "forward-zone", LIST, "", 0, 1000, "ZONE ADDR[@PORT]...", \
	  "ask these recursive resolvers for names at and below ZONE") \
	X(stub_zone, "stub-zone", LIST, "", 0, 1000, "ZONE ADDR[@PORT]...", \
	  "ask these authoritative servers for names at and below ZONE") \
	X(qname_minimisation, "qname-minimisation", BOOL, "no", 0, 0, "yes|no", \
	  "show name servers no more of a name than they need (RFC 9156), at the price of round trips") \
	X(ipv6_upstream, "ipv6-upstream", CHOICE, "auto", 0, 0, "auto|yes|no", \
	  "ask name servers over IPv6; auto: when a root or forward server answers over it") \
	X(ipv6_probe_interval, "ipv6-probe-interval", SECS, "1m", 1, 86400, "s", \
	  "how often auto looks again") \
	X(resolver_option, "resolver-option", LIST, "", 0, 1000, "KEY: VALUE", \
	  "a libunbound option; \"mxbound --help\" lists those that may be set") \
	X(control_socket, "control-socket", TEXT, "auto", 0, 4095, "auto|no|FILE", \
	  "socket for mxboundctl; auto: /run/mxbound/control.sock, not as root in $XDG_RUNTIME_DIR, else below /tmp") \
	X(policy_listen, "policy-listen", LIST, "", 0, 16, "ADDR@PORT|FILE", \
	  "address or Unix socket where smtp_tls_policy_maps of Postfix asks, as in 127.0.0.1@8642; who may ask over an address: access-control") \
	X(http_listen, "http-listen", LIST, "", 0, 16, "ADDR@PORT|FILE", \
	  "address or Unix socket that answers over HTTP: /metrics for Prometheus, /healthz, /readyz, /route/DOMAIN, /policy/DOMAIN; who may ask over an address: access-control") \
	X(http_host, "http-host", LIST, "", 0, 64, "NAME", \
	  "name by which browsers and Prometheus may ask http-listen, beside localhost and addresses") \
	X(mta_sts, "mta-sts", BOOL, "yes", 0, 0, "yes|no", \
	  "use domains' MTA-STS policies (RFC 8461) for what policy-listen and mxboundctl say; mxbound-fetcher fetches them over HTTPS") \
	X(mta_sts_timeout, "mta-sts-timeout", SECS, "1m", 1, 60, "s", \
	  "a policy must be fetched within this") \
	X(mta_sts_ca_file, "mta-sts-ca-file", TEXT, "", 0, 4095, "FILE", \
	  "certificates (PEM) of the authorities that policy hosts are believed by; the system's if unset") \
	X(mta_sts_private, "mta-sts-private", BOOL, "no", 0, 0, "yes|no", \
	  "fetch policies also from this host's own addresses and from networks that are not public; who writes DNS then decides where in them mxbound connects to, port 443") \
	X(mta_sts_file, "mta-sts-file", TEXT, "", 0, 4095, "FILE", \
	  "keeps these policies across restarts, for as long as they hold; if unset, mta-sts.cache in state-dir if that is set; none: no file at all") \
	X(user, "user", TEXT, "", 0, 32, "NAME", \
	  "account to work as when started as root; unset: mxbound if there is such an account, else nobody") \
	X(sandbox, "sandbox", BOOL, "yes", 0, 0, "yes|no", \
	  "each process may do what it needs and no more (seccomp, Landlock); no: for debuggers") \
	X(log_level, "log-level", CHOICE, "notice", 0, 0, "error|warning|notice|info|debug", \
	  "least important lines to log")

#define MX_CONFIG_ERROR_MAX 1024

struct mx_texts {
	char **at;
	size_t count;
};

struct mx_config {
#define MX_MEMBER_BOOL bool
#define MX_MEMBER_COUNT uint64_t
#define MX_MEMBER_SIZE uint64_t
#define MX_MEMBER_SECS uint64_t
#define MX_MEMBER_MSEC uint64_t
#define MX_MEMBER_CHOICE unsigned
#define MX_MEMBER_TEXT char *
#define MX_MEMBER_LIST struct mx_texts
#define X(member, key, kind, def, min, max, unit, help) MX_MEMBER_##kind member;
	MX_OPTIONS(X)
#undef X
};

enum mx_ipv6_upstream { MX_IPV6_AUTO, MX_IPV6_YES, MX_IPV6_NO };

/* All members NULL or zero: the state that clear leaves. */
void mx_config_clear(struct mx_config *config);

/* Load defaults, then the file (NULL: none), then `sets`, each "KEY=VALUE",
 * which come from the command line and replace what the file says. Checks
 * each value, then what belongs together (forward addresses that are our
 * own, minimum above maximum, ...) and that files, folders and accounts are
 * there. On error *ret is cleared and error says where and why, in one line
 * without control characters; error is "" on success. */
enum mx_error mx_config_load(struct mx_config *ret, const char *file,
			     char *const *sets, size_t set_count,
			     char error[MX_CONFIG_ERROR_MAX]);

/* The text that load reads back as the same configuration; every key. Write
 * to fd. And read it from fd (offset 0 on), in a child: values are checked
 * again, but not what load has seen on the system, since a child may have
 * less of it in sight. */
enum mx_error mx_config_write(const struct mx_config *config, int fd);
enum mx_error mx_config_read(struct mx_config *ret, int fd,
			     char error[MX_CONFIG_ERROR_MAX]);

/* Tables for people: --help's part on options, and the README's. */
#include <stdio.h>
void mx_config_help(FILE *out);
void mx_config_markdown(FILE *out);
/* The lines of the settings that are not the default. */
void mx_config_changes(const struct mx_config *config, FILE *out);

/* ---- parsed forms of LIST entries; load has checked them already ---- */

/* "ADDR@PORT", "ADDR" (default_port), "[v6]@PORT" too. Scope ids are kept.
 * Never port 0, IPv4-mapped IPv6, or link-local without its interface. */
bool mx_address_parse(const char *text, uint16_t default_port,
		      struct sockaddr_storage *ret, socklen_t *ret_len);
/* "127.0.0.1@53", "::1@53". */
#define MX_ADDRESS_TEXT_MAX 80
void mx_address_text(const struct sockaddr *addr,
		     char ret[MX_ADDRESS_TEXT_MAX]);

enum mx_acl_action { MX_ACL_ALLOW, MX_ACL_REFUSE, MX_ACL_DROP };
struct mx_acl_rule {
	int family;
	uint8_t prefix[16]; /* 4 octets for AF_INET */
	uint8_t prefix_bits;
	enum mx_acl_action action;
};
bool mx_acl_rule_parse(const char *text, struct mx_acl_rule *ret);

/* An entry of policy-listen: "ADDR@PORT", "ADDR", "/PATH" or "unix:/PATH". Of a
 * path *ret_path points into text, else it is NULL and the address is there. */
bool mx_policy_listen_parse(const char *text, const char **ret_path,
			    struct sockaddr_storage *ret, socklen_t *ret_len);

/* The same of http-listen. */
bool mx_http_listen_parse(const char *text, const char **ret_path,
			  struct sockaddr_storage *ret, socklen_t *ret_len);

/* "ZONE ADDR[@PORT]...": the zone in presentation format, then up to
 * MX_ZONE_ADDRESSES_MAX addresses. ret_zone points to malloc'ed memory. */
#define MX_ZONE_ADDRESSES_MAX 16
struct mx_zone_rule {
	char *zone; /* absolute, with final dot; owned */
	unsigned address_count;
	struct sockaddr_storage address[MX_ZONE_ADDRESSES_MAX];
};
bool mx_zone_rule_parse(const char *text, struct mx_zone_rule *ret);
void mx_zone_rule_clear(struct mx_zone_rule *rule);
/* "ZONE": absolute, with final dot; malloc'ed, or NULL. */
char *mx_zone_parse(const char *text);

/* libunbound options an operator may set with resolver-option; the others
 * would undo what this program promises. The table is in resolver_option.c;
 * each row has a value that the library takes, for tests. */
struct mx_resolver_option {
	const char *key, *value_help, *example, *help;
};
unsigned mx_resolver_option_count(void);
struct mx_resolver_option mx_resolver_option_row(unsigned i);
bool mx_resolver_option_allowed(const char *key);
/* "KEY: VALUE" taken apart. *ret_value points into text. */
#define MX_RESOLVER_OPTION_KEY_MAX 64
bool mx_resolver_option_parse(const char *text,
			      char ret_key[MX_RESOLVER_OPTION_KEY_MAX],
			      const char **ret_value);

/* Resolved counts: 0 in the file means "by the number of cores". */
unsigned mx_config_workers(const struct mx_config *config);
unsigned mx_config_resolvers(const struct mx_config *config);

/* Where the control socket is to be: an absolute path, or NULL: nowhere, or
 * still "auto", which the supervisor replaces by what it has found. */
const char *mx_config_control_socket(const struct mx_config *config);
/* Threads of the front that ask resolvers, each over pairs of its own: the
 * workers and, last, one for the control socket, policy-listen and http-listen
 * if there is any of these. */
unsigned mx_config_threads(const struct mx_config *config);

/* Whether there is to be a process that fetches MTA-STS policies: mta-sts, and
 * that last thread. */
bool mx_config_fetcher(const struct mx_config *config);

/* Where the cache is kept, or NULL: nowhere. */
const char *mx_config_snapshot_file(const struct mx_config *config);
/* The same of MTA-STS policies. */
const char *mx_config_sts_file(const struct mx_config *config);

#endif
