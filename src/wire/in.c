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

void mx_in_fail(struct mx_in *in, enum mx_error err)
{
	if (in->err != MX_OK)
		return;
	in->err = err;
	in->at = in->end;
}

enum mx_error mx_in_end(const struct mx_in *in)
{
	if (in->err != MX_OK)
		return in->err;
	return mx_in_left(in) == 0 ? MX_OK : MX_E_TRAILING;
}
