/* channel_message.c - the datagrams between front and resolver. */
#include "mx_channel.h"

#include "mx_wire.h"

size_t mx_channel_pack_question(const struct mx_channel_question *q,
				uint8_t *buf)
{
	struct mx_out out;

	mx_out_init(&out, buf, MX_CHANNEL_QUESTION_MAX);
	mx_out_u32(&out, q->id);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, q->key.qclass);
	mx_out_octets(&out, q->key.qname, q->key.qname_len);
	return mx_out_len(&out);
}

size_t mx_channel_pack_forget(uint32_t id, uint8_t *buf)
{
	static const uint8_t root[] = { 0 };
	const struct mx_channel_question q = {
		.id = id, .key = { .qname = root, .qname_len = 1 },
	};

	return mx_channel_pack_question(&q, buf);
}

bool mx_channel_is_forget(const struct mx_channel_question *q)
{
	return q->key.qtype == 0 && q->key.qclass == 0 &&
	       q->key.qname_len == 1;
}

enum mx_error mx_channel_unpack_question(const uint8_t *buf, size_t len,
					 struct mx_channel_question *ret)
{
	struct mx_in in;
	struct mx_name qname;
	struct mx_channel_question q;

	mx_in_init(&in, buf, len);
	q.id = mx_in_u32(&in);
	q.key.qtype = mx_in_u16(&in);
	q.key.qclass = mx_in_u16(&in);
	q.key.qname = in.at;
	mx_in_name_plain(&in, &qname);
	q.key.qname_len = qname.len;

	enum mx_error err = mx_in_end(&in);

	if (err == MX_OK)
		*ret = q;
	return err;
}

size_t mx_channel_pack_answer_head(const struct mx_channel_answer *a,
				   uint8_t *buf)
{
	uint16_t why_len = a->why_len < MX_CHANNEL_WHY_MAX ?
			   a->why_len : MX_CHANNEL_WHY_MAX;
	struct mx_out out;

	mx_out_init(&out, buf, 8 + MX_CHANNEL_WHY_MAX);
	mx_out_u32(&out, a->id);
	mx_out_u8(&out, (uint8_t)a->status);
	mx_out_u8(&out, (uint8_t)a->state);
	mx_out_u16(&out, why_len);
	mx_out_octets(&out, a->why, why_len);
	return mx_out_len(&out);
}

void mx_channel_pack_len(size_t answer_len, uint8_t buf[MX_CHANNEL_LEN])
{
	struct mx_out out;

	mx_out_init(&out, buf, MX_CHANNEL_LEN);
	mx_out_u32(&out, (uint32_t)answer_len);
}

bool mx_channel_split(const uint8_t **rest, size_t *rest_len,
		      const uint8_t **answer, size_t *answer_len)
{
	struct mx_in in;

	mx_in_init(&in, *rest, *rest_len);
	size_t len = mx_in_u32(&in);
	const uint8_t *at = mx_in_octets(&in, len);

	if (in.err != MX_OK)
		return false;
	*answer = at;
	*answer_len = len;
	*rest += MX_CHANNEL_LEN + len;
	*rest_len -= MX_CHANNEL_LEN + len;
	return true;
}

static enum mx_error check_answer(const struct mx_channel_answer *a,
				  unsigned status, unsigned state)
{
	if (a->why_len > MX_CHANNEL_WHY_MAX)
		return MX_E_TOO_BIG;
	switch (status) {
	case MX_CHANNEL_ANSWER:
		if (a->packet_len == 0)
			return MX_E_SHORT;
		/* Data of which nobody says how good they are must not be
		 * taken for good. */
		return state == MX_INSECURE || state == MX_BOGUS ||
		       state == MX_SECURE ? MX_OK : MX_E_MALFORMED;
	case MX_CHANNEL_FAILED:
	case MX_CHANNEL_REFUSED:
	case MX_CHANNEL_FORGOTTEN:
		if (a->packet_len != 0)
			return MX_E_TRAILING;
		return state <= MX_SECURE ? MX_OK : MX_E_MALFORMED;
	}
	return MX_E_MALFORMED;
}

enum mx_error mx_channel_unpack_answer(const uint8_t *buf, size_t len,
				       struct mx_channel_answer *ret)
{
	struct mx_in in;
	struct mx_channel_answer a;

	mx_in_init(&in, buf, len);
	a.id = mx_in_u32(&in);
	unsigned status = mx_in_u8(&in), state = mx_in_u8(&in);
	a.why_len = mx_in_u16(&in);
	a.why = (const char *)mx_in_octets(&in, a.why_len);
	size_t packet_len = mx_in_left(&in);
	a.packet = mx_in_octets(&in, packet_len);
	if (in.err != MX_OK)
		return in.err;
	if (packet_len > MX_MESSAGE_MAX)
		return MX_E_TOO_BIG;
	a.packet_len = (uint32_t)packet_len;

	enum mx_error err = check_answer(&a, status, state);

	if (err != MX_OK)
		return err;
	a.status = (enum mx_channel_status)status;
	a.state = (enum mx_validation)state;
	*ret = a;
	return MX_OK;
}
