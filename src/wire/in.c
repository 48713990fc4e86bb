/* in.c - the bounded reader: the only code that moves through a message. */
#include "mx_wire.h"

void mx_in_init(struct mx_in *in, const uint8_t *msg, size_t len)
{
	static const uint8_t nothing[1];

	if (len == 0) /* msg may be NULL, and NULL + 0 is not C */
		msg = nothing;
	*in = (struct mx_in){ .msg = msg, .at = msg, .end = msg + len };
}

void mx_in_fail(struct mx_in *in, enum mx_error err)
{
	if (in->err != MX_OK)
		return;
	in->err = err;
	in->at = in->end;
}

const uint8_t *mx_in_octets(struct mx_in *in, size_t len)
{
	const uint8_t *octets = in->at;

	if (in->err != MX_OK || mx_in_left(in) < len) {
		mx_in_fail(in, MX_E_SHORT);
		return NULL;
	}
	in->at += len;
	return octets;
}

uint8_t mx_in_u8(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 1);

	return o ? o[0] : 0;
}

uint16_t mx_in_u16(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 2);

	return o ? (uint16_t)(o[0] << 8 | o[1]) : 0;
}

uint32_t mx_in_u32(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 4);

	return o ? (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 |
			   (uint32_t)o[2] << 8 | o[3] : 0;
}

size_t mx_in_left(const struct mx_in *in)
{
	return (size_t)(in->end - in->at);
}

struct mx_in mx_in_sub(struct mx_in *in, size_t len)
{
	struct mx_in sub = *in;

	if (mx_in_octets(in, len) == NULL) {
		mx_in_fail(&sub, in->err);
		return sub;
	}
	sub.end = in->at;
	return sub;
}

enum mx_error mx_in_end(const struct mx_in *in)
{
	if (in->err != MX_OK)
		return in->err;
	return mx_in_left(in) == 0 ? MX_OK : MX_E_TRAILING;
}
