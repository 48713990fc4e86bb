/* query.c - what a client may send, RFC 1035 section 4, RFC 6891 and RFC 7873. */
#include "mx_query.h"

#include <string.h>

#include "mx_cold.h"

enum { ANSWER, AUTHORITY, ADDITIONAL };

#define FLAG_QR 0x8000u
#define FLAGS_OPCODE 0x7800u
#define FLAG_RD 0x0100u
#define FLAG_AD 0x0020u
#define FLAG_CD 0x0010u
#define OPT_FLAG_DO 0x8000u

enum { OPTION_NSID = 3, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11 };

struct header {
	uint16_t flags, qdcount, rrs[3];
};

static void read_header(struct mx_in *in, struct header *h, uint16_t *ret_id)
{
	const uint8_t *o = mx_in_fields(in, MX_HEADER_LEN);

	*ret_id = mx_get_u16(o);
	h->flags = mx_get_u16(o + 2);
	h->qdcount = mx_get_u16(o + 4);
	for (int section = ANSWER; section <= ADDITIONAL; section++)
		h->rrs[section] = mx_get_u16(o + 6 + 2 * section);
}

/* Several questions are read too, to find the OPT behind them; none of them
 * is kept, so none can be taken for the one that was meant (RFC 9619). */
static void read_questions(struct mx_in *in, unsigned count,
			   struct mx_query *q)
{
	for (unsigned i = 0; i < count && in->err == MX_OK; i++) {
		const uint8_t *start = in->at;
		size_t left = mx_in_left(in);
		uint8_t qname_len = mx_in_name_span(in);
		const uint8_t *type_class = mx_in_fields(in, 4);

		if (in->err != MX_OK || count != 1)
			continue;
		q->question = start;
		q->question_len = (uint16_t)(left - mx_in_left(in));
		q->qname_len = qname_len;
		q->qtype = mx_get_u16(type_class);
		q->qclass = mx_get_u16(type_class + 2);
	}
}

/* Of several the first counts (RFC 7873 section 5.2). */
static void read_cookie(struct mx_query *q, const uint8_t *data, uint16_t len)
{
	if (q->asks & MX_ASKS_COOKIE)
		return;
	q->asks |= MX_ASKS_COOKIE;
	q->cookie = data;
	q->cookie_len = len > MX_COOKIE_MAX ? UINT8_MAX : (uint8_t)len;
}

static void read_option(struct mx_query *q, uint16_t code, const uint8_t *data,
			uint16_t len)
{
	switch (code) {
	case OPTION_NSID:
		q->asks |= MX_ASKS_NSID;
		break;
	case OPTION_COOKIE:
		read_cookie(q, data, len);
		break;
	case OPTION_KEEPALIVE:
		q->asks |= len == 0 ? MX_ASKS_KEEPALIVE
				    : MX_ASKS_KEEPALIVE_TIMED;
		break;
	}
}

/* {OPTION-CODE, OPTION-LENGTH, OPTION-DATA}* must fill the RDATA. */
static enum mx_error read_options(struct mx_in *rdata, struct mx_query *q)
{
	while (rdata->err == MX_OK && mx_in_left(rdata) > 0) {
		uint16_t code = mx_in_u16(rdata);
		uint16_t len = mx_in_u16(rdata);
		const uint8_t *data = mx_in_octets(rdata, len);

		if (rdata->err == MX_OK)
			read_option(q, code, data, len);
	}
	return mx_in_end(rdata);
}

/* RFC 7873 section 5.2.2: 8 octets, or 16 to 40. */
static bool cookie_fits(const struct mx_query *q)
{
	return !(q->asks & MX_ASKS_COOKIE) ||
	       q->cookie_len == MX_COOKIE_CLIENT_LEN ||
	       (q->cookie_len >= 2 * MX_COOKIE_CLIENT_LEN &&
		q->cookie_len <= MX_COOKIE_MAX);
}

/* Nothing is served of options that could not be read. */
static void forget_options(struct mx_query *q)
{
	q->asks = 0;
	q->cookie = NULL;
	q->cookie_len = 0;
}

/* The owner must be the root, written as one octet: a pointer to some zero
 * octet is no root to anyone else (RFC 6891 section 6.1.2). */
static void read_opt(struct mx_in *in, size_t owner_octets, uint16_t size,
		     uint32_t ttl, struct mx_in *rdata, struct mx_query *q)
{
	uint8_t version = (uint8_t)(ttl >> 16);

	/* What the RDATA of a later version looks like is not known: it gets
	 * BADVERS, which tells the client more than FORMERR. */
	if (q->has_opt || owner_octets != 1 ||
	    (version == 0 && read_options(rdata, q) != MX_OK)) {
		forget_options(q);
		mx_in_fail(in, MX_E_OPT);
		return;
	}
	if (!cookie_fits(q)) {
		forget_options(q);
		mx_in_fail(in, MX_E_COOKIE);
	}
	q->has_opt = true;
	q->edns_version = version;
	q->dnssec_ok = (ttl & OPT_FLAG_DO) != 0;
	q->udp_size = size;
}

/* Owners are skipped: following the pointers of 5,000 RRs is work a client
 * could have for nothing. */
static void read_rr(struct mx_in *in, int section, struct mx_query *q)
{
	size_t left = mx_in_left(in);

	mx_in_name_skip(in);
	size_t owner_octets = left - mx_in_left(in);
	/* TYPE, CLASS, TTL, RDLENGTH */
	const uint8_t *o = mx_in_fields(in, 10);
	uint16_t type = mx_get_u16(o), class = mx_get_u16(o + 2);
	uint32_t ttl = mx_get_u32(o + 4);
	struct mx_in rdata = mx_in_sub(in, mx_get_u16(o + 8));

	if (in->err != MX_OK)
		return;
	if (type == MX_TYPE_OPT && section != ADDITIONAL)
		mx_in_fail(in, MX_E_OPT);
	else if (type == MX_TYPE_OPT)
		read_opt(in, owner_octets, class, ttl, &rdata, q);
	else if (type == MX_TYPE_TSIG)
		mx_in_fail(in, MX_E_TSIG);
}

/* Form alone: nothing here depends on what the question means, but that an
 * IXFR query carries the SOA it has (RFC 1995 section 3), and is to hear that
 * there are no transfers rather than that it is malformed. */
static enum mx_error read_sections(struct mx_in *in, const struct header *h,
				   struct mx_query *q)
{
	read_questions(in, h->qdcount, q);
	for (int section = ANSWER; section <= ADDITIONAL; section++)
		for (unsigned i = 0; i < h->rrs[section]; i++) {
			if (in->err != MX_OK)
				break;
			read_rr(in, section, q);
		}
	if (h->qdcount == 0 && h->rrs[ANSWER] == 0 && h->rrs[AUTHORITY] == 0 &&
	    mx_in_end(in) == MX_OK && q->asks & MX_ASKS_COOKIE)
		return MX_E_COOKIE_ONLY;
	if (h->qdcount != 1)
		return MX_E_QDCOUNT;
	if (h->rrs[ANSWER] != 0 ||
	    (h->rrs[AUTHORITY] != 0 && q->qtype != MX_TYPE_IXFR))
		return MX_E_SECTION;
	return mx_in_end(in);
}

static enum mx_error check_qtype(uint16_t qtype)
{
	if (qtype > 0 && qtype < MX_TYPE_OPT) /* as most are */
		return MX_OK;
	switch (qtype) {
	case MX_TYPE_IXFR:
	case MX_TYPE_AXFR:
	case MX_TYPE_MAILB:
	case MX_TYPE_MAILA:
		return MX_E_TRANSFER;
	case MX_TYPE_ANY:
		return MX_OK;
	case 0: /* reserved */
	case MX_TYPE_OPT:
		return MX_E_QTYPE;
	}
	/* TKEY, TSIG and what else is of no RRset: RFC 6895 section 3.1. */
	return qtype >= 128 && qtype <= 255 ? MX_E_QTYPE : MX_OK;
}

/* What is well-formed and still not answered. */
static enum mx_error check_meaning(const struct mx_query *q)
{
	if (q->edns_version != 0)
		return MX_E_BADVERS;
	if (q->qclass != MX_CLASS_IN)
		return MX_E_QCLASS;

	enum mx_error err = check_qtype(q->qtype);

	if (err == MX_OK && !q->rd)
		err = MX_E_NOT_RECURSIVE;
	return err;
}

static enum mx_query_result judge(const struct mx_query *q, enum mx_error err,
				  enum mx_error *ret_err)
{
	if (err == MX_OK)
		err = check_meaning(q);
	*ret_err = err;
	return err == MX_OK ? MX_QUERY_ANSWER : MX_QUERY_REFUSE;
}

/* ---- what nearly every query is ---- */

/* QNAME fills its octets: labels that end in a root label just there. */
static bool is_name(const uint8_t *octets, size_t len)
{
	size_t at = 0;

	while (at < len - 1) {
		if (octets[at] == 0 || octets[at] > 63)
			return false;
		at += 1u + octets[at];
	}
	return at == len - 1 && octets[at] == 0;
}

/* One question, and behind it nothing, or an OPT without options: then all
 * fields are where the length says, and one look at each is enough. False:
 * anything else, malformed or not, and *ret is unchanged. A cursor reads the
 * same from it (the fuzzer has both read), at three times the price, and this is
 * a fifth of the work that a hit is. */
static bool read_usual(const uint8_t *msg, size_t len, struct mx_query *ret)
{
	size_t opt_len, qname_len;
	uint16_t flags;

	if (len < MX_HEADER_LEN + 1 + 4)
		return false;
	flags = mx_get_u16(msg + 2);
	if ((flags & (FLAG_QR | FLAGS_OPCODE)) != 0 ||
	    mx_get_u32(msg + 4) != 0x00010000 || mx_get_u32(msg + 8) > 1)
		return false;
	opt_len = msg[11] == 1 ? MX_OPT_LEN : 0;
	qname_len = len - MX_HEADER_LEN - 4 - opt_len;
	if (qname_len < 1 || qname_len > MX_NAME_MAX ||
	    !is_name(msg + MX_HEADER_LEN, qname_len))
		return false;

	const uint8_t *type = msg + MX_HEADER_LEN + qname_len;
	const uint8_t *opt = type + 4;
	bool has_opt = opt_len > 0;

	if (has_opt && (opt[0] != 0 || mx_get_u16(opt + 1) != MX_TYPE_OPT ||
			mx_get_u16(opt + 9) != 0))
		return false;
	*ret = (struct mx_query){
		.id = mx_get_u16(msg),
		.rd = (flags & FLAG_RD) != 0,
		.ad = (flags & FLAG_AD) != 0,
		.cd = (flags & FLAG_CD) != 0,
		.question = msg + MX_HEADER_LEN,
		.question_len = (uint16_t)(qname_len + 4),
		.qname_len = (uint8_t)qname_len,
		.qtype = mx_get_u16(type),
		.qclass = mx_get_u16(type + 2),
		.has_opt = has_opt,
		.udp_size = has_opt ? mx_get_u16(opt + 3) : MX_UDP_PLAIN_MAX,
		.edns_version = has_opt ? opt[6] : 0,
		.dnssec_ok = has_opt && (opt[7] & 0x80) != 0,
	};
	return true;
}

static MX_COLD enum mx_query_result read_any(const uint8_t *msg, size_t len,
					     struct mx_query *ret,
					     enum mx_error *ret_err)
{
	struct mx_in in;
	struct header h;

	*ret = (struct mx_query){ .udp_size = MX_UDP_PLAIN_MAX };
	mx_in_init(&in, msg, len);
	read_header(&in, &h, &ret->id);
	if (in.err != MX_OK || (h.flags & FLAG_QR)) {
		*ret_err = in.err != MX_OK ? MX_E_SHORT : MX_E_RESPONSE;
		return MX_QUERY_DROP;
	}
	ret->opcode = h.flags >> 11 & 0xf;
	ret->rd = (h.flags & FLAG_RD) != 0;
	ret->ad = (h.flags & FLAG_AD) != 0;
	ret->cd = (h.flags & FLAG_CD) != 0;

	enum mx_error err = read_sections(&in, &h, ret);

	/* Read all the same: question and OPT go into the reply. */
	if (ret->opcode != 0)
		err = MX_E_OPCODE;
	return judge(ret, err, ret_err);
}

enum mx_query_result mx_query_read(const uint8_t *msg, size_t len,
				   struct mx_query *ret,
				   enum mx_error *ret_err)
{
	if (read_usual(msg, len, ret))
		return judge(ret, MX_OK, ret_err);
	return read_any(msg, len, ret, ret_err);
}

struct mx_key mx_query_key(const struct mx_query *q, uint8_t room[MX_NAME_MAX])
{
	mx_name_lower_to(q->question, q->qname_len, room);
	return (struct mx_key){ .qname = room, .qname_len = q->qname_len,
				.qtype = q->qtype, .qclass = q->qclass };
}
