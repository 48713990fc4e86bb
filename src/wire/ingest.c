/* ingest.c - an upstream packet becomes an answer.
 *
 *   packet -> RRs -> chain of aliases -> RRsets -> body, in two forms
 */
#include "mx_ingest.h"

#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "mx_ede.h"
#include "rdata.h"

struct mx_ingest_room {
	struct packet packet;
	struct chain chain;
	struct rrsets sets;
	struct compress compress;
	struct body full, plain;
};

struct mx_ingest_room *mx_ingest_room_new(void)
{
	return malloc(sizeof(struct mx_ingest_room));
}

void mx_ingest_room_free(struct mx_ingest_room *room)
{
	free(room);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static enum mx_error find_kind(const struct mx_ingest_room *room,
			       enum mx_answer_kind *ret)
{
	bool final = room->sets.final != NULL;

	/* A name that does not exist and has an RRset: whichever is wrong,
	 * the one is a bounce and the other a delivery. */
	if (room->packet.rcode == MX_RCODE_NXDOMAIN && final)
		return MX_E_MALFORMED;
	if (room->packet.rcode == MX_RCODE_NXDOMAIN)
		*ret = MX_ANSWER_NXDOMAIN;
	else
		*ret = final ? MX_ANSWER_POSITIVE : MX_ANSWER_NODATA;
	return MX_OK;
}

/* RFC 2308 section 5. */
static void limit_soa(struct mx_ingest_room *room, uint32_t negative_ttl_max_s)
{
	struct rrset *soa = room->sets.soa;
	const struct packet_rr *rr = &room->packet.rrs[soa->rrs.first];
	uint32_t minimum = rdata_soa_minimum(packet_rdata(&room->packet, rr));

	soa->ttl_s = least(soa->ttl_s, least(minimum, negative_ttl_max_s));
}

/* Nothing is kept longer than any of its parts. */
static uint32_t lifetime(const struct rrsets *sets,
			 const struct rrset *without, uint32_t ttl_max_s)
{
	uint32_t ttl_s = ttl_max_s;

	for (unsigned i = 0; i < sets->count; i++)
		if (&sets->sets[i] != without && sets->sets[i].rrs.count > 0)
			ttl_s = least(ttl_s, sets->sets[i].ttl_s);
	return ttl_s;
}

/* Are there RRs that the plain form leaves out? */
static bool forms_differ(const struct rrsets *sets,
			 const struct rrset *without, uint16_t qtype)
{
	for (unsigned i = 0; i < sets->count; i++) {
		const struct rrset *set = &sets->sets[i];

		if (set == without || set->rrs.count == 0)
			continue;
		if (body_plain_omits(set->type, set->authority, qtype))
			return true;
		if (set->sigs.count > 0 &&
		    body_plain_omits(MX_TYPE_RRSIG, set->authority,
				     qtype))
			return true;
	}
	return false;
}

static enum mx_error write_forms(struct mx_ingest_room *room,
				 const struct mx_key *key,
				 const struct rrset *without,
				 struct mx_answer *answer)
{
	enum mx_error err = body_write(&room->packet, &room->sets, without,
				       key, BODY_FULL, &room->compress,
				       &room->full, &answer->full);

	if (err != MX_OK)
		return err;
	answer->plain = answer->full;
	if (!forms_differ(&room->sets, without, key->qtype))
		return MX_OK;
	return body_write(&room->packet, &room->sets, without, key, BODY_PLAIN,
			  &room->compress, &room->plain, &answer->plain);
}

static void least_end(const struct packet *packet, const struct rr_list *sigs,
		      struct mx_answer *answer)
{
	for (uint16_t i = sigs->first; i != PACKET_NONE;
	     i = packet->rrs[i].next) {
		struct mx_in rdata = packet_rdata(packet, &packet->rrs[i]);
		uint32_t end;

		mx_in_u32(&rdata); /* type covered, algorithm, labels */
		mx_in_u32(&rdata); /* original TTL */
		end = mx_in_u32(&rdata);
		if (!answer->has_signed_until ||
		    (int32_t)(end - answer->signed_until) < 0)
			answer->signed_until = end;
		answer->has_signed_until = true;
	}
}

/* Of all RRSIGs that are kept, whatever they cover: the proof that a wildcard
 * was right to answer ends with its own. */
static void find_signed_until(const struct mx_ingest_room *room,
			      const struct rrset *without,
			      struct mx_answer *answer)
{
	const struct rrsets *sets = &room->sets;

	for (unsigned i = 0; i < sets->count; i++)
		if (&sets->sets[i] != without && sets->sets[i].rrs.count > 0)
			least_end(&room->packet, &sets->sets[i].sigs, answer);
}

/* Every address is in 127.0.0.0/8. */
static bool only_loopback(const struct packet *packet, const struct rrset *set)
{
	if (set->type != MX_TYPE_A)
		return false;
	for (uint16_t i = set->rrs.first; i != PACKET_NONE;
	     i = packet->rrs[i].next) {
		struct mx_in rdata = packet_rdata(packet, &packet->rrs[i]);

		if (mx_in_u8(&rdata) != 127)
			return false;
	}
	return true;
}

static enum mx_error take_apart(const uint8_t *packet, size_t len,
				const struct mx_key *key, uint32_t ttl_max_s,
				struct mx_ingest_room *room)
{
	enum mx_error err;

	if (key->qtype == MX_TYPE_ANY) /* never asked: RFC 8482 */
		return MX_E_MISMATCH;
	err = packet_scan(packet, len, key, ttl_max_s, &room->packet);
	if (err == MX_OK)
		err = chain_follow(&room->packet, key, &room->chain);
	if (err == MX_OK)
		err = rrsets_gather(&room->packet, &room->chain, key->qtype,
				    &room->sets);
	return err;
}

enum mx_error mx_ingest(const uint8_t *packet, size_t len,
			const struct mx_key *key, enum mx_validation state,
			const struct mx_ingest_limits *limits,
			struct mx_ingest_room *room, struct mx_answer *ret)
{
	struct mx_answer answer = { .state = state, .ede = MX_EDE_NONE,
				    .why = "" };
	bool bogus = state == MX_BOGUS;
	uint32_t ttl_max_s = bogus ? least(limits->ttl_max_s,
					   limits->bogus_ttl_max_s) :
				     limits->ttl_max_s;
	enum mx_error err = take_apart(packet, len, key, ttl_max_s, room);

	if (err == MX_OK)
		err = find_kind(room, &answer.kind);
	if (err != MX_OK)
		return err;

	bool positive = answer.kind == MX_ANSWER_POSITIVE;
	struct rrset *soa = room->sets.soa;
	const struct rrset *without = positive ? soa : NULL;

	if (!positive && soa != NULL)
		limit_soa(room, limits->negative_ttl_max_s);
	answer.rcode = room->packet.rcode;
	answer.ttl_s = lifetime(&room->sets, without, ttl_max_s);
	if (!positive && soa == NULL && !bogus)
		answer.ttl_s = 0;
	if (bogus && answer.ttl_s == 0)
		answer.ttl_s = 1;
	find_signed_until(room, without, &answer);
	answer.may_stale = positive &&
			   !only_loopback(&room->packet, room->sets.final);
	err = write_forms(room, key, without, &answer);
	if (err == MX_OK)
		*ret = answer;
	return err;
}
