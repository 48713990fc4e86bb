/* packet.c - find the RRs of an upstream packet. */
#include "packet.h"

#include <string.h>

#define FLAG_QR 0x8000u
#define FLAG_TC 0x0200u
#define FLAG_OPCODE 0x7800u
#define FLAG_RCODE 0x000fu
#define TTL_TOP_BIT 0x80000000u

struct counts {
	uint16_t questions, rrs[3];
};

static enum mx_error scan_header(struct mx_in *in, struct packet *packet,
				 struct counts *ret)
{
	mx_in_u16(in); /* ID: the channel has its own */
	uint16_t flags = mx_in_u16(in);

	ret->questions = mx_in_u16(in);
	for (int section = 0; section < 3; section++)
		ret->rrs[section] = mx_in_u16(in);
	packet->rcode = flags & FLAG_RCODE;
	if (in->err != MX_OK)
		return MX_E_MALFORMED;
	if (!(flags & FLAG_QR) || (flags & FLAG_OPCODE) ||
	    ret->questions != 1)
		return MX_E_MISMATCH;
	if (packet->rcode != MX_RCODE_NOERROR &&
	    packet->rcode != MX_RCODE_NXDOMAIN)
		return MX_E_UPSTREAM;
	/* Part of an answer must not be kept for the whole of it. */
	return flags & FLAG_TC ? MX_E_MALFORMED : MX_OK;
}

static enum mx_error scan_question(struct mx_in *in, const struct mx_key *key)
{
	struct mx_name qname;

	mx_in_name_plain(in, &qname);
	uint16_t qtype = mx_in_u16(in), qclass = mx_in_u16(in);

	if (in->err != MX_OK)
		return MX_E_MALFORMED;
	mx_name_lower(qname.octets, qname.len);
	return qname.len == key->qname_len &&
	       memcmp(qname.octets, key->qname, qname.len) == 0 &&
	       qtype == key->qtype && qclass == key->qclass ?
	       MX_OK : MX_E_MISMATCH;
}

static uint16_t offset(const struct packet *packet, const struct mx_in *in)
{
	return (uint16_t)(packet->len - mx_in_left(in));
}

/* The RR at `in`, kept if keep says so and it is of class IN. */
static void scan_rr(struct mx_in *in, bool keep, uint32_t ttl_max_s,
		    struct packet *packet)
{
	struct packet_rr rr = { .owner_at = offset(packet, in),
				.next = PACKET_NONE };
	struct mx_name owner;

	mx_in_name(in, &owner);
	rr.type = mx_in_u16(in);
	uint16_t class = mx_in_u16(in);
	uint32_t ttl_s = mx_in_u32(in);

	rr.rdlength = mx_in_u16(in);
	rr.rdata_at = offset(packet, in);
	mx_in_octets(in, rr.rdlength);
	if (ttl_s & TTL_TOP_BIT)
		ttl_s = 0;
	rr.ttl_s = ttl_s < ttl_max_s ? ttl_s : ttl_max_s;
	if (in->err == MX_OK && keep && class == MX_CLASS_IN)
		packet->rrs[packet->rr_count++] = rr;
}

enum mx_error packet_scan(const uint8_t *octets, size_t len,
			  const struct mx_key *key, uint32_t ttl_max_s,
			  struct packet *ret)
{
	struct mx_in in;
	struct counts counts;

	if (len > MX_MESSAGE_MAX)
		return MX_E_MALFORMED;
	ret->octets = octets;
	ret->len = len;
	ret->rr_count = 0;
	mx_in_init(&in, octets, len);

	enum mx_error err = scan_header(&in, ret, &counts);

	if (err == MX_OK)
		err = scan_question(&in, key);
	if (err != MX_OK)
		return err;
	for (int section = 0; section < 3; section++) {
		for (unsigned i = 0; i < counts.rrs[section]; i++) {
			if (in.err != MX_OK)
				return MX_E_MALFORMED;
			scan_rr(&in, section < 2, ttl_max_s, ret);
		}
		if (section == 0)
			ret->answer_count = ret->rr_count;
	}
	return mx_in_end(&in) == MX_OK ? MX_OK : MX_E_MALFORMED;
}

static struct mx_in reader_at(const struct packet *packet, uint16_t at)
{
	struct mx_in in;

	mx_in_init(&in, packet->octets, packet->len);
	mx_in_octets(&in, at);
	return in;
}

void packet_owner(const struct packet *packet, const struct packet_rr *rr,
		  struct mx_name *ret)
{
	struct mx_in in = reader_at(packet, rr->owner_at);

	mx_in_name(&in, ret);
}

struct mx_in packet_rdata(const struct packet *packet,
			  const struct packet_rr *rr)
{
	struct mx_in in = reader_at(packet, rr->rdata_at);

	return mx_in_sub(&in, rr->rdlength);
}
