/* stale.c - what is never given past its TTL, whatever RFC 8767 allows.
 *
 * A stale MX or address lets mail go out while a domain's name servers are
 * away. A stale word on who may be trusted does not get to stand in for a
 * fresh one:
 *   TLSA, DS, DNSKEY    a key that was replaced, perhaps since it was stolen
 *   below _mta-sts      tells that the policy has changed (RFC 8461 section 3.1)
 *   DNSBLs              whoever was delisted would stay listed; recognised by
 *                       what they answer (mx_ingest.h), or named in stale-never
 * Without these a mail server gets SERVFAIL, and tries again later. Denials are
 * not the cache's to give (mx_cache.h): NXDOMAIN bounces mail. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

struct stale_rules {
	size_t never_count;
	struct mx_name never[];
};

struct stale_rules *stale_rules_new(const struct mx_config *config)
{
	const struct mx_texts *zones = &config->stale_never;
	struct stale_rules *rules = calloc(
		1, sizeof(*rules) + zones->count * sizeof(rules->never[0]));

	for (size_t i = 0; rules && i < zones->count; i++) {
		char *zone = mx_zone_parse(zones->at[i]);

		if (zone && mx_name_from_text(
				    zone, &rules->never[rules->never_count]) ==
				    MX_OK)
			rules->never_count++;
		free(zone);
	}
	return rules;
}

void stale_rules_free(struct stale_rules *rules)
{
	free(rules);
}

static bool below_mta_sts(const struct mx_key *key)
{
	static const uint8_t label[] = "\10_mta-sts";

	for (const uint8_t *at = key->qname; *at; at += *at + 1)
		if (*at == label[0] && memcmp(at, label, *at + 1u) == 0)
			return true;
	return false;
}

bool stale_allowed(const struct stale_rules *rules, const struct mx_key *key)
{
	if (key->qtype == MX_TYPE_TLSA || key->qtype == MX_TYPE_DS ||
	    key->qtype == MX_TYPE_DNSKEY || below_mta_sts(key))
		return false;
	for (size_t i = 0; i < rules->never_count; i++)
		if (mx_name_below(key->qname, key->qname_len,
				  rules->never[i].octets, rules->never[i].len))
			return false;
	return true;
}

uint32_t stale_max_s(const struct mx_config *config)
{
	return config->serve_stale ? (uint32_t)config->stale_max : 0;
}
