/* out.c - the bounded writer. */
#include "mx_wire.h"

#include <string.h>

void mx_out_init(struct mx_out *out, uint8_t *msg, size_t room)
{
	*out = (struct mx_out){ .msg = msg, .at = msg, .end = msg + room };
}

void mx_out_octets(struct mx_out *out, const void *octets, size_t len)
{
	if (out->full || (size_t)(out->end - out->at) < len) {
		out->full = true;
		return;
	}
	if (len == 0)
		return;
	memcpy(out->at, octets, len);
	out->at += len;
}

void mx_out_u8(struct mx_out *out, uint8_t v)
{
	mx_out_octets(out, &v, 1);
}

void mx_out_u16(struct mx_out *out, uint16_t v)
{
	uint8_t o[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	mx_out_octets(out, o, sizeof o);
}

void mx_out_u32(struct mx_out *out, uint32_t v)
{
	uint8_t o[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 8), (uint8_t)v };

	mx_out_octets(out, o, sizeof o);
}

void mx_out_patch_u16(struct mx_out *out, size_t offset, uint16_t v)
{
	if (out->full || offset + 2 > mx_out_len(out))
		return;
	out->msg[offset] = (uint8_t)(v >> 8);
	out->msg[offset + 1] = (uint8_t)v;
}

size_t mx_out_len(const struct mx_out *out)
{
	return (size_t)(out->at - out->msg);
}
