/* An answer's octets, as they lie in the cache, to what a mail server asks
 * next.
 *
 *   input   octet 0: bits 0 to 2 the type asked for, 3 and 4 the state, 5 kind
 *           octet 1: ancount
 *           the rest: QNAME, which ends where it cannot be read, then the body
 *
 * Claims: what is to be asked is well formed and in small letters, none is
 * there twice, all within the bound; TLSA is asked only of what is secure,
 * and nothing of what is bogus. */
#include <string.h>

#include "check.h"
#include "mx_mail.h"

static const uint16_t types[8] = {
	MX_TYPE_MX, MX_TYPE_A, MX_TYPE_AAAA, MX_TYPE_CNAME,
	MX_TYPE_TLSA, MX_TYPE_MX, MX_TYPE_MX, MX_TYPE_TXT,
};

static void check_question(const struct mx_mail_question *q,
			   enum mx_validation state)
{
	struct mx_name lower = q->qname, again;
	struct mx_in in;

	mx_in_init(&in, q->qname.octets, q->qname.len);
	mx_in_name_plain(&in, &again);
	CHECK(mx_in_end(&in) == MX_OK);
	mx_name_lower(lower.octets, lower.len);
	CHECK(memcmp(lower.octets, q->qname.octets, lower.len) == 0);
	CHECK(q->qtype == MX_TYPE_A || q->qtype == MX_TYPE_AAAA ||
	      q->qtype == MX_TYPE_CNAME || q->qtype == MX_TYPE_TLSA);
	CHECK(state != MX_BOGUS);
	CHECK(q->qtype != MX_TYPE_TLSA || state == MX_SECURE);
	CHECK(!q->early || q->qtype == MX_TYPE_TLSA);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct mx_mail_room room;
	struct mx_mail_question next[MX_MAIL_NEXT_MAX];
	struct mx_name qname;
	struct mx_in in;

	if (len < 2 || len > MX_MESSAGE_MAX)
		return 0;
	mx_in_init(&in, octets + 2, len - 2);
	mx_in_name_plain(&in, &qname);
	mx_name_lower(qname.octets, qname.len);

	const struct mx_key key = { qname.octets, qname.len,
				    types[octets[0] & 7], MX_CLASS_IN };
	const struct mx_form form = { .octets = in.at,
				      .len = (uint32_t)mx_in_left(&in),
				      .ancount = octets[1] };
	const struct mx_mail_answer answer = {
		octets[0] & 32 ? MX_ANSWER_NODATA : MX_ANSWER_POSITIVE,
		(enum mx_validation)(octets[0] >> 3 & 3), &form,
	};
	unsigned count = mx_mail_next(&key, &answer, &room, next);

	CHECK(count <= MX_MAIL_NEXT_MAX);
	for (unsigned i = 0; i < count; i++) {
		check_question(&next[i], answer.state);
		for (unsigned k = 0; k < i; k++)
			CHECK(next[k].qtype != next[i].qtype ||
			      !mx_name_equal(&next[k].qname, &next[i].qname));
	}
	return 0;
}
