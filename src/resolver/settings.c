/* settings.c - what libunbound is told, and why.
 *
 * Its defaults as a library are for a program that asks now and then, not
 * for a mail host's only resolver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolver.h"

/* A row without value is made from the configuration in mx_setting_value.
 * resolver-option lines are applied after all of these. */
const struct mx_setting mx_settings[] = {
	/* what runs */
	{ "module-config:", "validator iterator",
	  "a build with subnetcache or python would load them: ECS upstream" },
	{ "do-ip4:", NULL, "see ipv6.c" },
	{ "do-ip6:", NULL, "see ipv6.c" },
	{ "do-udp:", "yes", "default, pinned" },
	{ "do-tcp:", "yes", "large signed answers need it" },

	/* how much */
	{ "outgoing-range:", NULL, "16 sockets would queue nearly everything" },
	{ "outgoing-num-tcp:", "64", "2 would make large answers wait" },
	{ "msg-cache-size:", NULL, "1 MiB evicts what was just learnt" },
	{ "rrset-cache-size:", NULL, "the same" },
	{ "key-cache-size:", "8m", "the same, for validated keys" },
	{ "neg-cache-size:", "4m", "the same, for NSEC proofs" },
	{ "infra-cache-numhosts:", "20000", "a mail host meets many servers" },
	{ "msg-cache-slabs:", "1", "one thread: no lock to share" },
	{ "rrset-cache-slabs:", "1", "the same" },
	{ "key-cache-slabs:", "1", "the same" },
	{ "infra-cache-slabs:", "1", "the same" },

	/* lifetimes: the front caps them too, but asks again at expiry, and
	 * must not be given the same old answer */
	{ "cache-max-ttl:", NULL, "ttl-max" },
	{ "cache-max-negative-ttl:", NULL, "negative-ttl-max" },
	{ "cache-min-ttl:", "0", "TTLs are the domain owner's" },
	{ "val-bogus-ttl:", NULL, "bogus-ttl-max" },
	{ "serve-expired:", "no", "the event API does not say that an answer "
				  "is stale, and its code had three CVEs" },
	{ "prefetch:", "no", "the daemon's work, not the library's" },

	/* what is asked */
	{ "minimal-responses:", "yes",
	  "extras are not used; see val-clean-additional" },
	{ "qname-minimisation:", NULL, "costs round trips, see the manual" },
	{ "qname-minimisation-strict:", "no", "breaks on broken servers" },
	{ "aggressive-nsec:", "yes", "RFC 8198: no question for proven nothing" },
	{ "prefetch-key:", "yes",
	  "DNSKEY goes out beside the question at a signed delegation: a "
	  "round trip less, and it is asked anyway" },
	{ "edns-buffer-size:", "1232", "no fragments (RFC 9715)" },
	{ "use-caps-for-id:", "no", "some mail domains' servers break on it" },

	/* servers that fail */
	{ "outbound-msg-retry:", "3",
	  "RFC 9520 section 3.1: three times in all is the most; its own is 5" },
	{ "infra-keep-probing:", "yes",
	  "a server that blipped is asked again at once, not in 15 minutes" },
	{ "infra-host-ttl:", "120", "the same; and its default is 900" },
	{ "infra-cache-max-rtt:", "15000", "no timeout of two minutes" },

	/* what is believed */
	{ "harden-glue:", "yes", "out-of-zone glue is forged easily" },
	{ "harden-dnssec-stripped:", "yes", "or DANE could be turned off" },
	{ "harden-below-nxdomain:", "yes", "RFC 8020, for secure data only" },
	{ "harden-referral-path:", "no", "experimental, many queries more" },
	{ "val-permissive-mode:", "no", "bogus stays bogus" },
	{ "val-nsec3-keysize-iterations:", "1024 50 2048 50 4096 50",
	  "the work that a stranger's zone may ask for; more count as unsigned "
	  "(RFC 9276 section 3.2), as with other validators; its own is 150" },
	{ "val-clean-additional:", "no",
	  "nobody is given extras; to check 100 exchangers' addresses for "
	  "nothing takes it 3.4 s, because it rests between signatures" },
	{ "val-log-level:", "2", "fills why_bogus" },
	{ "val-log-squelch:", "yes", "the front logs and reports it" },
	{ "unwanted-reply-threshold:", "0", "clears caches: CVE-2026-44621" },
	{ "do-not-query-localhost:", "yes",
	  "a server named 127.0.0.1 would make us ask ourselves" },
	{ "do-not-query-address:", "0.0.0.0/8",
	  "this host as well: a query to it arrives at 127.0.0.1" },
	{ "do-not-query-address:", "::/128", "the same" },
	{ "root-key-sentinel:", "yes", "RFC 8509" },
	{ "trust-anchor-signaling:", "yes", "RFC 8145" },

	/* what it must never touch */
	{ "use-syslog:", "no", "its log comes to us" },
	{ "log-queries:", "no", "who is asked stays ours" },
	{ "unblock-lan-zones:", "yes", "see mx_settings_zones" },
};
const size_t mx_setting_count = sizeof mx_settings / sizeof mx_settings[0];

/* What is asked twice the front answers. The resolvers' caches are for what was
 * needed to find and prove an answer: delegations, addresses, keys. Half of
 * the front's for RRsets and an eighth for messages, over all resolvers, keep
 * that for the zones asked about lately; with as much as the front has, most
 * of it would be the same answers once more. */
static uint64_t cache_share(const struct mx_config *config, unsigned divisor)
{
	uint64_t share =
		config->cache_size / mx_config_resolvers(config) / divisor;
	uint64_t least = 8u << 20, most = 1u << 30;

	return share < least ? least : share > most ? most : share;
}

static uint64_t number(const char *key, const struct mx_settings_input *input)
{
	const struct mx_config *config = input->config;

	if (strcmp(key, "outgoing-range:") == 0)
		return input->outgoing_range;
	if (strcmp(key, "rrset-cache-size:") == 0)
		return cache_share(config, 2);
	if (strcmp(key, "msg-cache-size:") == 0)
		return cache_share(config, 8);
	if (strcmp(key, "cache-max-ttl:") == 0)
		return config->ttl_max;
	if (strcmp(key, "cache-max-negative-ttl:") == 0)
		return config->negative_ttl_max;
	return config->bogus_ttl_max;
}

const char *mx_setting_value(const struct mx_setting *setting,
			     const struct mx_settings_input *input,
			     char buf[MX_SETTING_VALUE_MAX])
{
	if (setting->value)
		return setting->value;
	if (strcmp(setting->key, "do-ip4:") == 0)
		return input->families.ip4 ? "yes" : "no";
	if (strcmp(setting->key, "do-ip6:") == 0)
		return input->families.ip6 ? "yes" : "no";
	if (strcmp(setting->key, "qname-minimisation:") == 0)
		return input->config->qname_minimisation ? "yes" : "no";
	snprintf(buf, MX_SETTING_VALUE_MAX, "%llu",
		 (unsigned long long)number(setting->key, input));
	return buf;
}

/* libunbound answers these names itself (unblock-lan-zones turns off the
 * others). The front does that, and does it after forward-zone and stub-zone:
 * an operator's zone for one of them must be asked. They are turned off in
 * the file because `local-zone: NAME nodefault` through ub_ctx_set_option is
 * accepted and does nothing in 1.17.1: the type becomes part of the name. */
static const char *const local_zones[] = {
	"localhost.", "127.in-addr.arpa.",
	("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	 ".ip6.arpa."),
	"home.arpa.", "onion.", "test.", "invalid.",
	/* of later releases */
	"resolver.arpa.", "service.arpa.", "alt.",
};

static bool print_zones(FILE *out, const struct mx_texts *texts,
			const char *kind, const char *address_key,
			char *error)
{
	for (size_t i = 0; i < texts->count; i++) {
		struct mx_zone_rule rule;

		/* A quote would end the name's in the text made below. */
		if (strpbrk(texts->at[i], "\"\r\n") ||
		    !mx_zone_rule_parse(texts->at[i], &rule)) {
			snprintf(error, MX_RESOLVER_ERROR_MAX,
				 "%s: %.300s: not ZONE ADDR[@PORT]...", kind,
				 texts->at[i]);
			return false;
		}
		fprintf(out, "%s:\n  name: \"%s\"\n", kind, rule.zone);
		for (unsigned a = 0; a < rule.address_count; a++) {
			char text[MX_ADDRESS_TEXT_MAX];

			mx_address_text(
				(const struct sockaddr *)&rule.address[a],
				text);
			fprintf(out, "  %s: %s\n", address_key, text);
		}
		mx_zone_rule_clear(&rule);
	}
	return true;
}

enum mx_error mx_settings_zones(const struct mx_config *config, char **ret,
				char error[MX_RESOLVER_ERROR_MAX])
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool ok;

	if (!out)
		return MX_E_NO_MEMORY;
	fprintf(out, "server:\n  local-zone: \"%s\" static\n", MX_READY_NAME);
	for (size_t i = 0; i < sizeof local_zones / sizeof *local_zones; i++)
		fprintf(out, "  local-zone: \"%s\" nodefault\n",
			local_zones[i]);
	ok = print_zones(out, &config->forward_zone, "forward-zone",
			 "forward-addr", error) &&
	     print_zones(out, &config->stub_zone, "stub-zone", "stub-addr",
			 error);
	if (fclose(out) != 0) {
		free(text);
		return MX_E_NO_MEMORY;
	}
	if (!ok) {
		free(text);
		return MX_E_CONFIG;
	}
	*ret = text;
	return MX_OK;
}
