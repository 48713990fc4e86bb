/* in.c - the bounded reader: with mx_wire.h, the only code that moves through
 * a message. */
#include "mx_wire.h"

const uint8_t mx_in_zeros[MX_IN_FIELDS_MAX];

void mx_in_init(struct mx_in *in, const uint8_t *msg, size_t len)
{
	static const uint8_t nothing[1];

	if (len == 0) /* msg may be NULL, and NULL + 0 is not C */
		msg = nothing;
	*in = (struct mx_in){ .msg = msg, .at = msg, .end = msg + len };
}
