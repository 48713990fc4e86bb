/* cold_zones - signed domains that nobody has asked for: one zone each.
 *
 *   cold_zones COUNT FOLDER
 *   cold_zones -r COUNT FOLDER
 *
 * Writes into FOLDER the zone "cold.", NSEC, whose COUNT children are zones
 * c0000000.cold., c0000001.cold., ... with an MX and an A, and
 *
 *   parent      the zone file of cold.
 *   child/N     those of its children, N from 0
 *   anchor      the DS of cold., to be trusted
 *
 * To answer the MX of a child takes a referral, its DNSKEY and its MX, and
 * three signatures to be checked: cold.'s of the DS, the child's of its DNSKEY
 * and of its MX. All have one key pair, which is made anew each time; nobody
 * who checks a signature can make use of that. Signed as the lab signs, with
 * ECDSA P-256, by the same library, but in one process: one a zone would take
 * minutes.
 *
 * -r: mail routes. A child has three exchangers, mx1 to mx3 in the order of
 * preference, each with A, AAAA and TLSA, and two name servers inside itself,
 * with glue of both families, as all else has: cold. too, and the root that is
 * written as well,
 *
 *   root        the zone file of "."
 *   anchor      the DS of ".", in place of that of cold.
 */
#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TTL_S 3600
#define NEGATIVE_TTL_S 300
#define DAY_S 86400
#define VALID_DAYS 30
/* The two NSDs that cold.py starts. */
#define PARENT_NS "ns0.cold."
#define PARENT_ADDRESS "127.55.0.1"
#define CHILD_NS "ns1.cold."
#define CHILD_ADDRESS "127.55.0.2"
/* With -r: name server i of a zone in network n is at 127.55.n.i and at
 * fd00:55::n:i, where cold_routes.py has them. */
#define SERVERS 2
#define EXCHANGERS 3
enum { NET_ROOT = 1, NET_PARENT, NET_CHILD };

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "cold_zones: %s failed\n", what);
	exit(1);
}

static ldns_key_list *make_key(void)
{
	ldns_key_list *keys = ldns_key_list_new();
	ldns_key *key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 0);
	time_t now = time(NULL);

	need(key != NULL, "making a key");
	ldns_key_set_flags(key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
	ldns_key_set_inception(key, (uint32_t)(now - DAY_S));
	ldns_key_set_expiration(key, (uint32_t)(now + VALID_DAYS * DAY_S));
	ldns_key_list_push_key(keys, key);
	return keys;
}

/* The same key, now of that zone; its DNSKEY. */
static ldns_rr *own_key(ldns_key_list *keys, const ldns_rdf *zone)
{
	ldns_key *key = ldns_key_list_key(keys, 0);
	ldns_rr *dnskey;

	ldns_rdf_deep_free(ldns_key_pubkey_owner(key));
	ldns_key_set_pubkey_owner(key, ldns_rdf_clone(zone));
	dnskey = ldns_key2rr(key);
	need(dnskey != NULL, "the DNSKEY");
	ldns_rr_set_ttl(dnskey, TTL_S);
	ldns_key_set_keytag(key, ldns_calc_keytag(dnskey));
	return dnskey;
}

static void add_rr(ldns_dnssec_zone *zone, ldns_rr *rr)
{
	need(rr != NULL && ldns_dnssec_zone_add_rr(zone, rr) == LDNS_STATUS_OK,
	     "adding an RR");
}

static void add_text(ldns_dnssec_zone *zone, const char *owner, const char *rest)
{
	char text[200];
	ldns_rr *rr;

	snprintf(text, sizeof text, "%s %d IN %s", owner, TTL_S, rest);
	need(ldns_rr_new_frm_str(&rr, text, TTL_S, NULL, NULL) ==
	     LDNS_STATUS_OK, text);
	add_rr(zone, rr);
}

static void add_soa(ldns_dnssec_zone *zone, const char *owner)
{
	char text[100];

	snprintf(text, sizeof text,
		 "SOA %s hostmaster.cold. 1 3600 600 604800 %d", PARENT_NS,
		 NEGATIVE_TTL_S);
	add_text(zone, owner, text);
}

static void add_ns(ldns_dnssec_zone *zone, const char *owner, const char *ns)
{
	char text[100];

	snprintf(text, sizeof text, "NS %s", ns);
	add_text(zone, owner, text);
}

/* NS of owner and their addresses: for its own zone, or as a delegation. */
static void add_servers(ldns_dnssec_zone *zone, const char *owner,
			const char *below, unsigned net)
{
	char ns[64], text[64];

	for (unsigned i = 1; i <= SERVERS; i++) {
		snprintf(ns, sizeof ns, "ns%u.%s", i, below);
		add_ns(zone, owner, ns);
		snprintf(text, sizeof text, "A 127.55.%u.%u", net, i);
		add_text(zone, ns, text);
		snprintf(text, sizeof text, "AAAA fd00:55::%u:%u", net, i);
		add_text(zone, ns, text);
	}
}

static void add_exchangers(ldns_dnssec_zone *zone, const char *name)
{
	char host[64], text[100], digest[65];

	memset(digest, 'a', 64);
	digest[64] = '\0';
	for (unsigned i = 1; i <= EXCHANGERS; i++) {
		snprintf(host, sizeof host, "mx%u.%s", i, name);
		snprintf(text, sizeof text, "MX %u %s", 10 * i, host);
		add_text(zone, name, text);
		snprintf(text, sizeof text, "A 198.18.0.%u", i);
		add_text(zone, host, text);
		snprintf(text, sizeof text, "AAAA 2001:2::%u", i);
		add_text(zone, host, text);
		snprintf(host, sizeof host, "_25._tcp.mx%u.%s", i, name);
		snprintf(text, sizeof text, "TLSA 3 1 1 %s", digest);
		add_text(zone, host, text);
	}
}

static void add_one_host(ldns_dnssec_zone *zone, const char *name)
{
	char exchange[40], mx[64];

	snprintf(exchange, sizeof exchange, "mx.%s", name);
	snprintf(mx, sizeof mx, "MX 10 %s", exchange);
	add_text(zone, name, mx);
	add_text(zone, exchange, "A 198.18.0.1");
}

static void sign_and_write(ldns_dnssec_zone *zone, ldns_key_list *keys,
			   const char *path)
{
	ldns_rr_list *made = ldns_rr_list_new();
	FILE *f = fopen(path, "w");

	need(f != NULL, path);
	need(ldns_dnssec_zone_sign(zone, made, keys,
				   ldns_dnssec_default_replace_signatures,
				   NULL) == LDNS_STATUS_OK, "signing");
	ldns_dnssec_zone_print(f, zone);
	need(fclose(f) == 0, path);
	ldns_rr_list_free(made); /* the zone has what is in it */
}

/* Writes the child's zone; its delegation goes into the parent's. */
static void child(unsigned number, bool routes, ldns_key_list *keys,
		  const char *folder, ldns_dnssec_zone *parent)
{
	char name[32], path[500];
	ldns_dnssec_zone *zone = ldns_dnssec_zone_new();
	ldns_rdf *owner;
	ldns_rr *dnskey;

	snprintf(name, sizeof name, "c%07u.cold.", number);
	owner = ldns_dname_new_frm_str(name);
	add_soa(zone, name);
	if (routes) {
		add_servers(zone, name, name, NET_CHILD);
		add_servers(parent, name, name, NET_CHILD);
		add_exchangers(zone, name);
	} else {
		add_ns(zone, name, CHILD_NS);
		add_ns(parent, name, CHILD_NS);
		add_one_host(zone, name);
	}
	dnskey = own_key(keys, owner);
	add_rr(parent, ldns_key_rr2ds(dnskey, LDNS_SHA256));
	add_rr(zone, dnskey);
	snprintf(path, sizeof path, "%s/child/%u", folder, number);
	sign_and_write(zone, keys, path);
	ldns_rdf_deep_free(owner);
	ldns_dnssec_zone_deep_free(zone);
}

static void write_anchor(const ldns_rr *ds, const char *folder)
{
	char path[500];
	FILE *f;

	snprintf(path, sizeof path, "%s/anchor", folder);
	f = fopen(path, "w");
	need(f != NULL && ds != NULL, path);
	ldns_rr_print(f, ds);
	need(fclose(f) == 0, path);
}

/* Gives the zone its key, writes it, and returns its DNSKEY's DS. */
static ldns_rr *finish(ldns_dnssec_zone *zone, const char *name,
		       ldns_key_list *keys, const char *folder,
		       const char *file)
{
	ldns_rdf *apex = ldns_dname_new_frm_str(name);
	ldns_rr *dnskey = own_key(keys, apex);
	ldns_rr *ds = ldns_key_rr2ds(dnskey, LDNS_SHA256);
	char path[500];

	add_rr(zone, dnskey);
	snprintf(path, sizeof path, "%s/%s", folder, file);
	sign_and_write(zone, keys, path);
	ldns_rdf_deep_free(apex);
	ldns_dnssec_zone_deep_free(zone);
	return ds;
}

/* Returns the DS of the root; ds, that of cold., becomes the zone's. */
static ldns_rr *root(ldns_rr *ds, ldns_key_list *keys, const char *folder)
{
	ldns_dnssec_zone *zone = ldns_dnssec_zone_new();

	add_soa(zone, ".");
	add_servers(zone, ".", "root.", NET_ROOT);
	add_servers(zone, "cold.", "nic.cold.", NET_PARENT);
	add_rr(zone, ds);
	return finish(zone, ".", keys, folder, "root");
}

static void all(unsigned count, bool routes, const char *folder)
{
	ldns_key_list *keys = make_key();
	ldns_dnssec_zone *parent = ldns_dnssec_zone_new();
	ldns_rr *anchor;

	add_soa(parent, "cold.");
	if (routes) {
		add_servers(parent, "cold.", "nic.cold.", NET_PARENT);
	} else {
		add_ns(parent, "cold.", PARENT_NS);
		add_text(parent, PARENT_NS, "A " PARENT_ADDRESS);
		add_text(parent, CHILD_NS, "A " CHILD_ADDRESS);
	}
	for (unsigned i = 0; i < count; i++)
		child(i, routes, keys, folder, parent);
	anchor = finish(parent, "cold.", keys, folder, "parent");
	if (routes)
		anchor = root(anchor, keys, folder);
	write_anchor(anchor, folder);
	ldns_rr_free(anchor);
	ldns_key_list_free(keys);
}

int main(int argc, char **argv)
{
	bool routes = argc > 1 && strcmp(argv[1], "-r") == 0;
	char **arg = argv + 1 + routes;
	unsigned count = argc == 3 + routes ? (unsigned)strtoul(arg[0], NULL, 10) : 0;
	char path[500];

	if (count < 1 || count > 1000000) {
		fprintf(stderr, "usage: cold_zones [-r] COUNT FOLDER\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/child", arg[1]);
	mkdir(arg[1], 0777);
	mkdir(path, 0777);
	all(count, routes, arg[1]);
	return 0;
}
