/* body.c - write RRsets, and note where their TTLs are. */
#include "body.h"

#include "rdata.h"

struct writer {
	const struct packet *packet;
	struct compress *compress;
	struct mx_out out;
	struct body *body;
	struct mx_form form;
	enum mx_error err;
};

bool body_plain_omits(uint16_t type, bool authority, uint16_t qtype)
{
	return (authority || type != qtype) &&
	       (type == MX_TYPE_RRSIG || type == MX_TYPE_NSEC ||
		type == MX_TYPE_NSEC3);
}

/* Returns how many octets the owner took. With keep nothing of the RR will
 * ever move. */
static size_t write_rr(struct writer *w, const struct packet_rr *rr,
		       const struct rrset *set, bool keep)
{
	struct mx_out *out = &w->out;
	size_t start = mx_out_len(out), owner_octets, rdata_at;

	compress_name(w->compress, out, &set->owner, keep);
	owner_octets = mx_out_len(out) - start;
	mx_out_u16(out, rr->type);
	mx_out_u16(out, MX_CLASS_IN);
	w->body->ttl_at[w->form.ttl_count++] = (uint16_t)mx_out_len(out);
	mx_out_u32(out, set->ttl_s);
	mx_out_u16(out, 0);
	rdata_at = mx_out_len(out);
	if (rdata_copy(packet_rdata(w->packet, rr), rr->type,
		       keep && rr->type == MX_TYPE_CNAME, w->compress,
		       out) != MX_OK)
		w->err = MX_E_MALFORMED;
	mx_out_patch_u16(out, rdata_at - 2,
			 (uint16_t)(mx_out_len(out) - rdata_at));
	if (set->authority)
		w->form.nscount++;
	else
		w->form.ancount++;
	return owner_octets;
}

static void write_list(struct writer *w, const struct rr_list *list,
		       const struct rrset *set, bool turns)
{
	size_t start = mx_out_len(&w->out);
	unsigned pointers = 0;

	for (uint16_t i = list->first;
	     i != PACKET_NONE && w->err == MX_OK && !w->out.full;
	     i = w->packet->rrs[i].next)
		pointers += write_rr(w, &w->packet->rrs[i], set, !turns) == 2;
	/* Where RRs begin is known to mx_form_write only if each owner is a
	 * pointer. It is not where the owner is the root, or so far back that
	 * no pointer reaches it. */
	if (turns && pointers == list->count) {
		w->form.turn_at = (uint16_t)start;
		w->form.turn_count = (uint16_t)list->count;
	}
}

static void write_set(struct writer *w, const struct rrset *set, bool is_final,
		      uint16_t qtype, enum body_content content)
{
	/* The addresses of one host keep the order they came in: whoever sends
	 * mail is to try them in that order (RFC 5321 section 5.1). */
	bool turns = is_final && set->rrs.count > 1 &&
		     set->type != MX_TYPE_A && set->type != MX_TYPE_AAAA;

	if (content == BODY_FULL ||
	    !body_plain_omits(set->type, set->authority, qtype))
		write_list(w, &set->rrs, set, turns);
	if (content == BODY_FULL ||
	    !body_plain_omits(MX_TYPE_RRSIG, set->authority, qtype))
		write_list(w, &set->sigs, set, false);
}

enum mx_error body_write(const struct packet *packet,
			 const struct rrsets *sets, const struct rrset *without,
			 const struct mx_key *key, enum body_content content,
			 struct compress *compress, struct body *body,
			 struct mx_form *ret)
{
	struct writer w = { .packet = packet, .compress = compress,
			    .body = body };

	compress_init(compress, key);
	mx_out_init(&w.out, body->octets,
		    MX_MESSAGE_MAX - compress->body_at);
	for (unsigned i = 0; i < sets->count; i++) {
		const struct rrset *set = &sets->sets[i];

		if (set != without && set->rrs.count > 0)
			write_set(&w, set, set == sets->final, key->qtype,
				  content);
	}
	if (w.err != MX_OK)
		return w.err;
	if (w.out.full)
		return MX_E_TOO_BIG;
	w.form.octets = body->octets;
	w.form.len = (uint32_t)mx_out_len(&w.out);
	w.form.ttl_at = body->ttl_at;
	*ret = w.form;
	return MX_OK;
}
