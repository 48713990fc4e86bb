/* out.c - the bounded writer. */
#include "mx_wire.h"

#include <string.h>

void mx_out_init(struct mx_out *out, uint8_t *msg, size_t room)
{
	*out = (struct mx_out){ .msg = msg, .at = msg, .end = msg + room };
}

void mx_out_octets(struct mx_out *out, const void *octets, size_t len)
{
	uint8_t *o = mx_out_room(out, len);

	if (o && len > 0)
		memcpy(o, octets, len);
}

void mx_out_patch_u16(struct mx_out *out, size_t offset, uint16_t v)
{
	if (out->full || offset + 2 > mx_out_len(out))
		return;
	out->msg[offset] = (uint8_t)(v >> 8);
	out->msg[offset + 1] = (uint8_t)v;
}
