/* said.c - the answer section of an answer. See said.h. */
#include "said.h"

#include <string.h>

bool said_open(const struct mx_key *key, const struct mx_form *form,
	       struct mx_mail_room *room, struct mx_in *ret)
{
	struct mx_out out;

	mx_out_init(&out, room->msg, sizeof(room->msg));
	memset(room->msg, 0, MX_HEADER_LEN);
	mx_out_room(&out, MX_HEADER_LEN);
	mx_out_octets(&out, key->qname, key->qname_len);
	mx_out_u16(&out, key->qtype);
	mx_out_u16(&out, key->qclass);

	size_t body_at = mx_out_len(&out);

	mx_out_octets(&out, form->octets, form->len);
	if (out.full)
		return false;
	mx_in_init(ret, room->msg, mx_out_len(&out));
	mx_in_octets(ret, body_at);
	return true;
}

static void follow(struct said *said, struct mx_in rdata)
{
	struct mx_name target;

	mx_in_name(&rdata, &target);
	if (mx_in_end(&rdata) != MX_OK ||
	    said->alias_count == SAID_ALIASES_MAX)
		return;
	said->final = target;
	said->alias_count++;
}

void said_read(const struct mx_key *key, struct mx_in *in, uint16_t ancount,
	       said_rr *each, void *arg, struct said *ret)
{
	ret->final.len = key->qname_len;
	memcpy(ret->final.octets, key->qname, key->qname_len);
	ret->alias_count = 0;
	for (unsigned i = 0; i < ancount && in->err == MX_OK; i++) {
		struct mx_name owner;

		mx_in_name(in, &owner);
		uint16_t type = mx_in_u16(in);
		uint16_t class = mx_in_u16(in);
		mx_in_u32(in); /* TTL */
		struct mx_in rdata = mx_in_sub(in, mx_in_u16(in));

		if (in->err != MX_OK || class != MX_CLASS_IN ||
		    !mx_name_equal(&owner, &ret->final))
			continue;
		if (type == key->qtype)
			each(arg, rdata);
		else if (type == MX_TYPE_CNAME)
			follow(ret, rdata);
	}
}
