/* An answer's octets to what they say of MTA-STS: the record's id, and the
 * policy host's addresses.
 *
 *   input   octet 0: bit 0 AAAA rather than A, bits 3 and 4 the state, 5 kind
 *           octet 1: ancount
 *           the rest: QNAME, which ends where it cannot be read, then the body
 *
 * Claims: of one record there is an id of 1 to 32 letters and digits, of
 * anything else none; no more addresses than wanted, each of the family asked
 * for; nothing comes of what is bogus. */
#include <ctype.h>
#include <string.h>

#include "check.h"
#include "mx_sts.h"

static void check_record(const struct mx_key *key,
			 const struct mx_mail_answer *answer,
			 struct mx_mail_room *room)
{
	char id[MX_ROUTE_STS_ID_MAX + 1];
	enum mx_route_sts_record record =
		mx_sts_record_read(key, answer, room, id);
	size_t len = strnlen(id, sizeof id);

	CHECK(len <= MX_ROUTE_STS_ID_MAX);
	CHECK((record == MX_ROUTE_STS_ONE) == (len > 0));
	for (size_t i = 0; i < len; i++)
		CHECK(isalnum((unsigned char)id[i]));
	CHECK(answer->state != MX_BOGUS || record == MX_ROUTE_STS_FAILED);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct mx_mail_room room;
	struct mx_route_address addresses[MX_FETCH_ADDRESSES_MAX];
	struct mx_name qname;
	struct mx_in in;

	if (len < 2 || len > MX_MESSAGE_MAX)
		return 0;
	mx_in_init(&in, octets + 2, len - 2);
	mx_in_name_plain(&in, &qname);
	mx_name_lower(qname.octets, qname.len);

	struct mx_key key = { qname.octets, qname.len, MX_TYPE_TXT, MX_CLASS_IN };
	const struct mx_form form = { .octets = in.at,
				      .len = (uint32_t)mx_in_left(&in),
				      .ancount = octets[1] };
	const struct mx_mail_answer answer = {
		octets[0] & 32 ? MX_ANSWER_NODATA : MX_ANSWER_POSITIVE,
		(enum mx_validation)(octets[0] >> 3 & 3), &form,
	};

	check_record(&key, &answer, &room);
	key.qtype = octets[0] & 1 ? MX_TYPE_AAAA : MX_TYPE_A;
	unsigned count = mx_sts_addresses_read(
		&key, &answer, &room, MX_FETCH_ADDRESSES_MAX, addresses);
	CHECK(count <= MX_FETCH_ADDRESSES_MAX);
	CHECK(count == 0 || (answer.state != MX_BOGUS &&
			     answer.kind == MX_ANSWER_POSITIVE));
	for (unsigned i = 0; i < count; i++)
		CHECK(addresses[i].is_ipv6 == (key.qtype == MX_TYPE_AAAA));
	return 0;
}
