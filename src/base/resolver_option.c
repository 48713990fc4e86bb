/* resolver_option.c - the libunbound options that resolver-option may set.
 *
 * Two tables: what may be set, with the form of its value, and what may not,
 * with the reason. Values are checked here since libunbound sees them in
 * another process, too late for a clear word, and takes some of them on
 * trust. An option in neither table does nothing in this program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"
#include "text.h"

enum form {
	YES_NO,
	NUMBER,	 /* within min and max */
	SIZE,	 /* octets with k, m, g; within min and max */
	NETWORK, /* address or CIDR */
	PRIVATE, /* NETWORK outside of 127.0.0.0/8 */
	PORTS,	 /* N or N-M */
	ZONE,
	PATH,
	NUMBERS, /* several, blanks between them, perhaps negative */
};

/*   key, form, min, max, an example of a value, what for */
#define ALLOWED(X) \
	X("aggressive-nsec", YES_NO, 0, 0, "yes", "absence proven once serves for other names (RFC 8198)") \
	X("delay-close", NUMBER, 0, 60000, "1500", "ms that a port stays open for late answers") \
	X("do-ip4", YES_NO, 0, 0, "yes", "ask name servers over IPv4; no on a host with IPv6 alone") \
	X("do-not-query-address", NETWORK, 0, 0, "192.0.2.0/24", "never send a question there") \
	X("do-not-query-localhost", YES_NO, 0, 0, "yes", "no where name servers run on loopback addresses") \
	X("domain-insecure", ZONE, 0, 0, "example.com", "do not validate below this domain") \
	X("edns-buffer-size", NUMBER, 512, 4096, "1232", "longest UDP answer asked for, in octets") \
	X("fast-server-num", NUMBER, 1, 1000, "3", "how many of the fastest servers count as such") \
	X("fast-server-permil", NUMBER, 0, 1000, "900", "how many of 1000 questions go to the fastest servers") \
	X("harden-algo-downgrade", YES_NO, 0, 0, "no", "insist on every algorithm a zone announces") \
	X("harden-below-nxdomain", YES_NO, 0, 0, "yes", "below a name that is not there nothing is (RFC 8020)") \
	X("harden-referral-path", YES_NO, 0, 0, "no", "look up name server data anew to validate it; costs questions") \
	X("infra-cache-max-rtt", NUMBER, 100, 120000, "15000", "ms to wait for a slow server at most") \
	X("infra-cache-min-rtt", NUMBER, 1, 10000, "50", "ms to wait for a fast server at least") \
	X("infra-cache-numhosts", NUMBER, 100, 10000000, "10000", "name servers whose behaviour is remembered") \
	X("infra-host-ttl", NUMBER, 1, 3600, "300", "seconds that a server's behaviour is remembered") \
	X("infra-keep-probing", YES_NO, 0, 0, "yes", "go on trying servers that are down") \
	X("ip-dscp", NUMBER, 0, 63, "0", "DiffServ code point of what is sent") \
	X("key-cache-size", SIZE, 65536, 68719476736, "16m", "memory for validated keys, in each resolver") \
	X("max-reuse-tcp-queries", NUMBER, 1, 100000, "200", "questions over one TCP connection to a server") \
	X("msg-cache-size", SIZE, 65536, 68719476736, "64m", "memory for messages, in each resolver") \
	X("neg-cache-size", SIZE, 65536, 68719476736, "8m", "memory for proofs of absence, in each resolver") \
	X("num-queries-per-thread", NUMBER, 16, 1000000, "8192", "questions a resolver works on at a time") \
	X("outbound-msg-retry", NUMBER, 0, 100, "5", "tries at one server before the next") \
	X("outgoing-interface", NETWORK, 0, 0, "192.0.2.1", "local address to ask from") \
	X("outgoing-num-tcp", NUMBER, 1, 10000, "64", "TCP connections to name servers at a time") \
	X("outgoing-port-avoid", PORTS, 1, 65535, "3000-4000", "local ports not to ask from") \
	X("outgoing-port-permit", PORTS, 1, 65535, "32768-60999", "local ports to ask from") \
	X("outgoing-range", NUMBER, 64, 65000, "4096", "ports open to name servers at a time") \
	X("outgoing-tcp-mss", NUMBER, 88, 65535, "1220", "largest TCP segment to name servers") \
	X("prefer-ip4", YES_NO, 0, 0, "no", "ask over IPv4 where there is a choice") \
	X("prefer-ip6", YES_NO, 0, 0, "no", "ask over IPv6 where there is a choice") \
	X("private-address", PRIVATE, 0, 0, "10.0.0.0/8", "take such addresses out of public answers") \
	X("private-domain", ZONE, 0, 0, "example.com", "private-address does not hold below this domain") \
	X("qname-minimisation-strict", YES_NO, 0, 0, "no", "no fallback for servers that fail at it") \
	X("ratelimit", NUMBER, 0, 1000000, "0", "questions a second to one zone; 0: no limit") \
	X("root-key-sentinel", YES_NO, 0, 0, "yes", "answer RFC 8509 test names") \
	X("rrset-cache-size", SIZE, 65536, 68719476736, "128m", "memory for RRsets, in each resolver") \
	X("target-fetch-policy", NUMBERS, 0, 0, "3 2 1 0 0", "name server addresses fetched ahead, by depth") \
	X("tcp-reuse-timeout", NUMBER, 1, 3600000, "60000", "ms to keep a TCP connection to a server") \
	X("tcp-upstream", YES_NO, 0, 0, "no", "ask over TCP only") \
	X("tls-cert-bundle", PATH, 0, 0, "/etc/ssl/certs/ca-certificates.crt", "who signs the certificates, for tls-upstream") \
	X("tls-upstream", YES_NO, 0, 0, "no", "ask over TLS only; for a forward-zone \".\" with @853") \
	X("trust-anchor-signaling", YES_NO, 0, 0, "yes", "tell the root which anchors are known (RFC 8145)") \
	X("udp-connect", YES_NO, 0, 0, "yes", "connect UDP sockets, so that errors arrive") \
	X("use-caps-for-id", YES_NO, 0, 0, "no", "random case in questions, against forgery") \
	X("val-log-level", NUMBER, 0, 2, "1", "how much to log of failed validation") \
	X("val-max-restart", NUMBER, 0, 100, "5", "tries to validate with other servers") \
	X("val-nsec3-keysize-iterations", NUMBERS, 0, 0, "1024 150 2048 150 4096 150", "NSEC3 iterations up to which it is validated") \
	X("val-sig-skew-max", NUMBER, 0, 604800, "86400", "seconds a signature may be off, most") \
	X("val-sig-skew-min", NUMBER, 0, 604800, "3600", "seconds a signature may be off, least") \
	X("verbosity", NUMBER, 0, 5, "0", "how much libunbound logs")

static const struct allowed {
	const char *key;
	enum form form;
	uint64_t min, max;
	const char *example, *help;
} allowed[] = {
#define X(key, form, min, max, example, help) \
	{ key, form, min, max, example, help },
	ALLOWED(X)
#undef X
};

#define ALLOWED_COUNT (sizeof(allowed) / sizeof(*allowed))

/* A key that ends in '*' stands for all that begin so. */
static const struct {
	const char *key, *reason;
} forbidden[] = {
	{ "access-control*", "it is mxbound's own \"access-control\"" },
	{ "auto-trust-anchor-file", "set \"trust-anchor-file\" and \"state-dir\"" },
	{ "cache-max-negative-ttl", "set \"negative-ttl-max\"" },
	{ "cache-max-ttl", "set \"ttl-max\"" },
	{ "cache-min-negative-ttl", "a longer life than its zone gave makes an answer wrong" },
	{ "cache-min-ttl", "a longer life than its zone gave makes an answer wrong" },
	{ "chroot", "the resolver process is sandboxed already" },
	{ "client-subnet-*", "a client's network is never shown to name servers" },
	{ "disable-dnssec-lame-check", "it would take answers without signatures" },
	{ "directory", "the resolver process reads no file after its start" },
	{ "do-daemonize", "mxbound works in the foreground" },
	{ "do-ip6", "set \"ipv6-upstream\"" },
	{ "do-tcp", "truncated answers and large keys need TCP" },
	{ "do-udp", "set \"tcp-upstream\" instead" },
	{ "forward-*", "set \"forward-zone\"" },
	{ "harden-dnssec-stripped", "without it an attacker takes DNSSEC away; set \"domain-insecure\" for one domain" },
	{ "harden-glue", "without it anybody's name servers could be forged" },
	{ "ignore-cd-flag", "mxbound treats the CD flag itself" },
	{ "interface*", "the resolver process never listens; set \"listen\"" },
	{ "ip-ratelimit*", "clients are limited by \"in-flight-client-max\"" },
	{ "jostle-timeout", "the library has no jostle list; see \"in-flight-max\"" },
	{ "local-*", "local answers would bypass validation; set \"stub-zone\" to ask a server of your own" },
	{ "logfile", "logs go to standard error" },
	{ "max-udp-size", "set \"udp-size-max\"" },
	{ "minimal-responses", "additional data costs signature checks and is not used" },
	{ "module-config", "other modules send clients' addresses or skip validation" },
	{ "num-threads", "set \"resolvers\"" },
	{ "port", "the resolver process never listens; set \"listen\"" },
	{ "prefetch*", "the library cannot; mxbound refreshes its own cache" },
	{ "qname-minimisation", "it is mxbound's own \"qname-minimisation\"" },
	{ "root-hints", "it is mxbound's own \"root-hints\"" },
	{ "rrset-roundrobin", "mxbound turns RRsets itself" },
	{ "send-client-subnet", "a client's network is never shown to name servers" },
	{ "serve-expired*", "the library does not tell stale from fresh" },
	{ "stub-*", "set \"stub-zone\"" },
	{ "tls-win-cert", "that is for Windows" },
	{ "trust-anchor", "set \"trust-anchor-file\"" },
	{ "trust-anchor-file", "it is mxbound's own \"trust-anchor-file\"" },
	{ "trusted-keys-file", "set \"trust-anchor-file\"" },
	{ "unwanted-reply-threshold", "anybody could empty the cache with it (CVE-2026-44621)" },
	{ "use-syslog", "logs go to standard error" },
	{ "username", "set \"user\"" },
	{ "val-bogus-ttl", "set \"bogus-ttl-max\"" },
	{ "val-clean-additional", "additional data is not used" },
	{ "val-override-date", "signatures would be checked against a time that is not now" },
	{ "val-permissive-mode", "forged answers would pass" },
};

static const struct allowed *find(const char *key)
{
	for (size_t i = 0; i < ALLOWED_COUNT; i++)
		if (strcmp(allowed[i].key, key) == 0)
			return &allowed[i];
	return NULL;
}

static bool not_allowed(const char *key, char why[MX_WHY_TEXT_MAX])
{
	struct mx_excerpt shown = mx_excerpt(key);
	const struct allowed *near = NULL;
	unsigned near_distance = (unsigned)(strlen(key) / 3) + 1;

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		size_t len = strlen(forbidden[i].key);
		bool many = forbidden[i].key[len - 1] == '*';

		if (many ? strncmp(key, forbidden[i].key, len - 1) == 0
			 : strcmp(key, forbidden[i].key) == 0)
			return mx_why(why, "the resolver's \"%s\" may not be set: %s",
				    shown.text, forbidden[i].reason);
	}
	for (size_t i = 0; i < ALLOWED_COUNT; i++) {
		unsigned d = mx_text_distance(key, allowed[i].key);
		if (d < near_distance) {
			near_distance = d;
			near = &allowed[i];
		}
	}
	if (near != NULL)
		return mx_why(why, "\"%s\" is no option of the resolver; did you mean \"%s\"?",
			    shown.text, near->key);
	return mx_why(why, "\"%s\" is not among the options of the resolver that may be set; \"mxbound --help\" lists them",
		    shown.text);
}

/* ---- values ---- */

static const char *form_text(const struct allowed *a, char out[80])
{
	enum mx_option_kind kind = a->form == SIZE ? MX_KIND_SIZE : MX_KIND_COUNT;
	char least[MX_VALUE_TEXT_MAX], most[MX_VALUE_TEXT_MAX];

	mx_value_number(kind, a->min, least);
	mx_value_number(kind, a->max, most);
	switch (a->form) {
	case YES_NO:
		return "yes or no";
	case NUMBER:
	case SIZE:
		snprintf(out, 80, "a number from %s to %s", least, most);
		return out;
	case NETWORK:
	case PRIVATE:
		return "an address or a network as in 192.0.2.0/24";
	case PORTS:
		return "a port or a range of ports";
	case ZONE:
		return "a domain name";
	case PATH:
		return "a path that starts with /";
	case NUMBERS:
		return "numbers with blanks between them";
	}
	return "";
}

static bool number_ok(const struct allowed *a, const char *text)
{
	enum mx_option_kind kind = a->form == SIZE ? MX_KIND_SIZE : MX_KIND_COUNT;
	uint64_t number;

	return mx_value_number_read(kind, text, &number) &&
	       number >= a->min && number <= a->max;
}

static bool ports_ok(const struct allowed *a, const char *text)
{
	uint64_t first, last;
	const char *rest;

	if (!mx_text_number(text, &first, &rest))
		return false;
	last = first;
	if (*rest == '-' && !mx_text_number(rest + 1, &last, NULL))
		return false;
	return (*rest == '-' || *rest == '\0') && first >= a->min &&
	       first <= last && last <= a->max;
}

static bool numbers_ok(const char *text)
{
	char word[16];
	uint64_t number;
	unsigned count = 0;

	for (; mx_word_next(&text, word, sizeof(word)); count++)
		if (!mx_text_number(word + (*word == '-'), &number, NULL) ||
		    number > 100000)
			return false;
	return count > 0 && count <= 20;
}

static bool network_ok(const struct allowed *a, const char *text,
		       char why[MX_WHY_TEXT_MAX])
{
	static const struct mx_network loopback = {
		.family = AF_INET, .octets = { 127 }, .bits = 8
	};
	struct mx_network network;

	if (!mx_network_read(text, &network, why))
		return false;
	if (a->form == PRIVATE && mx_network_overlap(&network, &loopback))
		return mx_why(why, "%s must not be private: DNS block lists answer with 127.0.0.0/8, and their answers would vanish; leave it out",
			    mx_excerpt(text).text);
	return true;
}

static bool value_ok(const struct allowed *a, const char *text,
		     char why[MX_WHY_TEXT_MAX])
{
	char *zone, accepted[80];
	bool ok = false;

	switch (a->form) {
	case YES_NO:
		ok = strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
		break;
	case NUMBER:
	case SIZE:
		ok = number_ok(a, text);
		break;
	case NETWORK:
	case PRIVATE:
		return network_ok(a, text, why);
	case PORTS:
		ok = ports_ok(a, text);
		break;
	case ZONE:
		if (!mx_zone_name_read(text, &zone, why))
			return false;
		free(zone);
		return true;
	case PATH:
		ok = *text == '/';
		break;
	case NUMBERS:
		ok = numbers_ok(text);
		break;
	}
	return ok || mx_why(why, "\"%s\" is no value for the resolver's \"%s\"; accepted: %s",
			  mx_excerpt(text).text, a->key,
			  form_text(a, accepted));
}

/* ---- the whole entry ---- */

bool mx_resolver_option_parse(const char *text,
			      char ret_key[MX_RESOLVER_OPTION_KEY_MAX],
			      const char **ret_value)
{
	size_t len = strcspn(text, ": ");
	const char *colon = text + len + strspn(text + len, " ");

	if (len == 0 || len >= MX_RESOLVER_OPTION_KEY_MAX || *colon != ':')
		return false;
	memcpy(ret_key, text, len);
	ret_key[len] = '\0';
	*ret_value = colon + 1 + strspn(colon + 1, " ");
	return true;
}

bool mx_resolver_option_check(const char *text, char why[MX_WHY_TEXT_MAX])
{
	char key[MX_RESOLVER_OPTION_KEY_MAX];
	const char *value;

	if (!mx_resolver_option_parse(text, key, &value))
		return mx_why(why, "\"%s\" is not \"KEY: VALUE\"; write it as in edns-buffer-size: 1232",
			    mx_excerpt(text).text);
	const struct allowed *a = find(key);
	if (a == NULL)
		return not_allowed(key, why);
	/* libunbound would take quotes for a part of the value. */
	if (strchr(value, '"') != NULL)
		return mx_why(why, "quotes inside the value of \"%s\"; leave them out",
			    key);
	return value_ok(a, value, why);
}

bool mx_resolver_option_allowed(const char *key)
{
	return find(key) != NULL;
}

unsigned mx_resolver_option_count(void)
{
	return ALLOWED_COUNT;
}

struct mx_resolver_option mx_resolver_option_row(unsigned i)
{
	static const char *const forms[] = {
		[YES_NO] = "yes or no", [NUMBER] = "number", [SIZE] = "size",
		[NETWORK] = "address or network",
		[PRIVATE] = "address or network", [PORTS] = "port or range",
		[ZONE] = "domain", [PATH] = "path", [NUMBERS] = "numbers",
	};

	return (struct mx_resolver_option){ allowed[i].key,
					    forms[allowed[i].form],
					    allowed[i].example,
					    allowed[i].help };
}
