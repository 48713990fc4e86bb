/* cold_zones - signed domains that nobody has asked for: one zone each.
 *
 *   cold_zones COUNT FOLDER
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
 */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
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

static void add_apex(ldns_dnssec_zone *zone, const char *owner, const char *ns)
{
	char text[100];

	snprintf(text, sizeof text,
		 "SOA %s hostmaster.cold. 1 3600 600 604800 %d", ns,
		 NEGATIVE_TTL_S);
	add_text(zone, owner, text);
	snprintf(text, sizeof text, "NS %s", ns);
	add_text(zone, owner, text);
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
static void child(unsigned number, ldns_key_list *keys, const char *folder,
		  ldns_dnssec_zone *parent)
{
	char name[32], exchange[40], mx[64], path[500];
	ldns_dnssec_zone *zone = ldns_dnssec_zone_new();
	ldns_rdf *owner;
	ldns_rr *dnskey;

	snprintf(name, sizeof name, "c%07u.cold.", number);
	snprintf(exchange, sizeof exchange, "mx.%s", name);
	snprintf(mx, sizeof mx, "MX 10 %s", exchange);
	owner = ldns_dname_new_frm_str(name);
	add_apex(zone, name, CHILD_NS);
	dnskey = own_key(keys, owner);
	add_text(parent, name, "NS " CHILD_NS);
	add_rr(parent, ldns_key_rr2ds(dnskey, LDNS_SHA256));
	add_rr(zone, dnskey);
	add_text(zone, name, mx);
	add_text(zone, exchange, "A 198.18.0.1");
	snprintf(path, sizeof path, "%s/child/%u", folder, number);
	sign_and_write(zone, keys, path);
	ldns_rdf_deep_free(owner);
	ldns_dnssec_zone_deep_free(zone);
}

static void write_anchor(const ldns_rr *dnskey, const char *folder)
{
	ldns_rr *ds = ldns_key_rr2ds(dnskey, LDNS_SHA256);
	char path[500];
	FILE *f;

	snprintf(path, sizeof path, "%s/anchor", folder);
	f = fopen(path, "w");
	need(f != NULL && ds != NULL, path);
	ldns_rr_print(f, ds);
	need(fclose(f) == 0, path);
	ldns_rr_free(ds);
}

static void all(unsigned count, const char *folder)
{
	ldns_key_list *keys = make_key();
	ldns_dnssec_zone *parent = ldns_dnssec_zone_new();
	ldns_rdf *apex = ldns_dname_new_frm_str("cold.");
	char path[500];
	ldns_rr *dnskey;

	add_apex(parent, "cold.", PARENT_NS);
	add_text(parent, PARENT_NS, "A " PARENT_ADDRESS);
	add_text(parent, CHILD_NS, "A " CHILD_ADDRESS);
	for (unsigned i = 0; i < count; i++)
		child(i, keys, folder, parent);
	dnskey = own_key(keys, apex);
	write_anchor(dnskey, folder);
	add_rr(parent, dnskey);
	snprintf(path, sizeof path, "%s/parent", folder);
	sign_and_write(parent, keys, path);
	ldns_dnssec_zone_deep_free(parent);
	ldns_rdf_deep_free(apex);
	ldns_key_list_free(keys);
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	char path[500];

	if (count < 1 || count > 1000000) {
		fprintf(stderr, "usage: cold_zones COUNT FOLDER\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/child", argv[2]);
	mkdir(argv[2], 0777);
	mkdir(path, 0777);
	all(count, argv[2]);
	return 0;
}
