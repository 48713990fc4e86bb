/* local.c - names that never leave this host.
 *
 * Each special zone is empty but for its apex, as RFC 6303 section 3 shows:
 * an SOA and an NS that name the zone itself. What lies below does not exist.
 * A forward-zone or stub-zone at or below a special zone takes its names out:
 * that is how a site's own 10.in-addr.arpa or home.arpa is served. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

#define LOCAL_TTL 10800 /* RFC 6303 section 3 */

/*      zone, where it comes from */
#define SPECIAL_ZONES(X) \
	X("localhost.", "RFC 6761 section 6.3") \
	X("invalid.", "RFC 6761 section 6.4") \
	X("test.", "RFC 6761 section 6.2") \
	X("onion.", "RFC 7686 section 2") \
	X("alt.", "RFC 9476 section 3") \
	X("home.arpa.", "RFC 8375 section 4") \
	X("10.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("16.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("17.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("18.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("19.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("20.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("21.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("22.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("23.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("24.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("25.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("26.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("27.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("28.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("29.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("30.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("31.172.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("168.192.in-addr.arpa.", "RFC 6303 section 4.1") \
	X("0.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("127.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("254.169.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("2.0.192.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("100.51.198.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("113.0.203.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("255.255.255.255.in-addr.arpa.", "RFC 6303 section 4.2") \
	X("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", "RFC 6303 section 4.3") \
	X("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", "RFC 6303 section 4.3") \
	X("d.f.ip6.arpa.", "RFC 6303 section 4.4") \
	X("8.e.f.ip6.arpa.", "RFC 6303 section 4.5") \
	X("9.e.f.ip6.arpa.", "RFC 6303 section 4.5") \
	X("a.e.f.ip6.arpa.", "RFC 6303 section 4.5") \
	X("b.e.f.ip6.arpa.", "RFC 6303 section 4.5") \
	X("8.b.d.0.1.0.0.2.ip6.arpa.", "RFC 6303 section 4.6")

static const char *const special_zones[] = {
#define X(zone, rfc) zone,
	SPECIAL_ZONES(X)
#undef X
};
#define SPECIAL_COUNT (sizeof(special_zones) / sizeof(special_zones[0]))

/* 100.64.0.0/10 has 64 zones in in-addr.arpa, RFC 7793: made at start. */
#define SHARED_FIRST 64
#define SHARED_COUNT 64

struct mx_local {
	struct mx_name special[SPECIAL_COUNT + SHARED_COUNT];
	size_t special_count;
	struct mx_name *elsewhere; /* forward- and stub-zones */
	size_t elsewhere_count;
	struct mx_name localhost, loopback4, loopback6;
};

static void add_elsewhere(struct mx_local *local, const struct mx_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		struct mx_zone_rule rule;

		if (!mx_zone_rule_parse(texts->at[i], &rule))
			continue;
		if (mx_name_from_text(rule.zone,
				      &local->elsewhere[local->elsewhere_count]) ==
		    MX_OK)
			local->elsewhere_count++;
		mx_zone_rule_clear(&rule);
	}
}

struct mx_local *local_new(const struct mx_config *config)
{
	struct mx_local *local = calloc(1, sizeof(*local));

	if (!local)
		return NULL;
	local->elsewhere = calloc(
		config->forward_zone.count + config->stub_zone.count + 1,
		sizeof(*local->elsewhere));
	if (!local->elsewhere) {
		free(local);
		return NULL;
	}
	for (size_t i = 0; i < SPECIAL_COUNT; i++)
		mx_name_from_text(special_zones[i],
				  &local->special[local->special_count++]);
	for (unsigned i = 0; i < SHARED_COUNT; i++) {
		char zone[sizeof("127.100.in-addr.arpa.")];

		snprintf(zone, sizeof(zone), "%u.100.in-addr.arpa.",
			 (SHARED_FIRST + i) & 127);
		mx_name_from_text(zone,
				  &local->special[local->special_count++]);
	}
	mx_name_from_text("localhost.", &local->localhost);
	mx_name_from_text("1.0.0.127.in-addr.arpa.", &local->loopback4);
	mx_name_from_text("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
			  &local->loopback6);
	add_elsewhere(local, &config->forward_zone);
	add_elsewhere(local, &config->stub_zone);
	return local;
}

void local_free(struct mx_local *local)
{
	if (local)
		free(local->elsewhere);
	free(local);
}

static bool below(const struct mx_key *key, const struct mx_name *zone)
{
	return mx_name_below(key->qname, key->qname_len, zone->octets,
			     zone->len);
}

/* key is name, or an empty non-terminal above it. */
static bool leads_to(const struct mx_key *key, const struct mx_name *name)
{
	return mx_name_below(name->octets, name->len, key->qname,
			     key->qname_len);
}

static bool served_elsewhere(const struct mx_local *local,
			     const struct mx_key *key,
			     const struct mx_name *special)
{
	for (size_t i = 0; i < local->elsewhere_count; i++) {
		const struct mx_name *zone = &local->elsewhere[i];

		if (below(key, zone) &&
		    mx_name_below(zone->octets, zone->len, special->octets,
				  special->len))
			return true;
	}
	return false;
}

static const struct mx_name *special_zone(const struct mx_local *local,
					  const struct mx_key *key)
{
	for (size_t i = 0; i < local->special_count; i++)
		if (below(key, &local->special[i]))
			return served_elsewhere(local, key, &local->special[i])
				       ? NULL
				       : &local->special[i];
	return NULL;
}

/* ---- bodies ---- */

struct body {
	struct mx_out out;
	struct local_room *room;
	uint16_t rr_count;
	uint16_t zone_at; /* offset of the zone's name in the message */
};

static void put_pointer(struct body *body, unsigned at)
{
	mx_out_u16(&body->out, (uint16_t)(0xc000 | at));
}

/* Owner, type, class, TTL; returns where RDLENGTH goes. */
static uint8_t *rr_begin(struct body *body, unsigned owner_at, uint16_t type)
{
	put_pointer(body, owner_at);
	mx_out_u16(&body->out, type);
	mx_out_u16(&body->out, MX_CLASS_IN);
	body->room->ttl_at[body->rr_count++] = (uint16_t)mx_out_len(&body->out);
	mx_out_u32(&body->out, LOCAL_TTL);
	mx_out_u16(&body->out, 0);
	return body->out.at - 2;
}

static void rr_end(struct body *body, uint8_t *rdlength)
{
	size_t len = (size_t)(body->out.at - rdlength) - 2;

	rdlength[0] = (uint8_t)(len >> 8);
	rdlength[1] = (uint8_t)len;
}

static void put_soa(struct body *body)
{
	static const uint8_t rname[] = "\6nobody\7invalid"; /* and the root */
	uint8_t *rdlength = rr_begin(body, body->zone_at, MX_TYPE_SOA);

	put_pointer(body, body->zone_at);
	mx_out_octets(&body->out, rname, sizeof(rname));
	mx_out_u32(&body->out, 1);
	mx_out_u32(&body->out, 3600);
	mx_out_u32(&body->out, 1200);
	mx_out_u32(&body->out, 604800);
	mx_out_u32(&body->out, LOCAL_TTL);
	rr_end(body, rdlength);
}

static void put_ns(struct body *body)
{
	uint8_t *rdlength = rr_begin(body, body->zone_at, MX_TYPE_NS);

	put_pointer(body, body->zone_at);
	rr_end(body, rdlength);
}

static void put_octets(struct body *body, uint16_t type, const void *octets,
		       size_t len)
{
	uint8_t *rdlength = rr_begin(body, MX_HEADER_LEN, type);

	mx_out_octets(&body->out, octets, len);
	rr_end(body, rdlength);
}

/* The one RR that is there, if any; false: NODATA or NXDOMAIN. */
static bool put_answer(const struct mx_local *local, const struct mx_key *key,
		       bool apex, struct body *body)
{
	static const uint8_t v4[] = { 127, 0, 0, 1 };
	static const uint8_t v6[16] = { [15] = 1 };
	bool loopback =
		(below(key, &local->loopback4) &&
		 key->qname_len == local->loopback4.len) ||
		(below(key, &local->loopback6) &&
		 key->qname_len == local->loopback6.len);

	if (below(key, &local->localhost)) {
		if (key->qtype == MX_TYPE_A)
			put_octets(body, MX_TYPE_A, v4, sizeof(v4));
		else if (key->qtype == MX_TYPE_AAAA)
			put_octets(body, MX_TYPE_AAAA, v6, sizeof(v6));
	} else if (loopback && key->qtype == MX_TYPE_PTR) {
		put_octets(body, MX_TYPE_PTR, local->localhost.octets,
			   local->localhost.len);
	}
	if (apex && key->qtype == MX_TYPE_SOA)
		put_soa(body);
	else if (apex && key->qtype == MX_TYPE_NS)
		put_ns(body);
	return body->rr_count > 0;
}

bool local_answer(const struct mx_local *local, const struct mx_key *key,
		  struct local_room *room, struct mx_answer *ret)
{
	const struct mx_name *zone = special_zone(local, key);
	struct body body = { .room = room };

	if (!zone)
		return false;

	bool apex = key->qname_len == zone->len;
	bool exists = apex || below(key, &local->localhost) ||
		      leads_to(key, &local->loopback4) ||
		      leads_to(key, &local->loopback6);

	mx_out_init(&body.out, room->octets, sizeof(room->octets));
	body.zone_at = (uint16_t)(MX_HEADER_LEN + key->qname_len - zone->len);
	memset(ret, 0, sizeof(*ret));
	ret->state = MX_INSECURE;
	ret->ede = MX_EDE_NONE;
	ret->why = "";
	if (put_answer(local, key, apex, &body)) {
		ret->kind = MX_ANSWER_POSITIVE;
		ret->plain.ancount = body.rr_count;
	} else {
		ret->kind = exists ? MX_ANSWER_NODATA : MX_ANSWER_NXDOMAIN;
		ret->rcode = exists ? MX_RCODE_NOERROR : MX_RCODE_NXDOMAIN;
		put_soa(&body);
		ret->plain.nscount = 1;
	}
	ret->plain.octets = room->octets;
	ret->plain.len = (uint32_t)mx_out_len(&body.out);
	ret->plain.ttl_at = room->ttl_at;
	ret->plain.ttl_count = body.rr_count;
	ret->full = ret->plain;
	ret->ttl_s = LOCAL_TTL;
	return true;
}
