/* dane.c - names for TLSA. See dane.h. */
#include "dane.h"

#include <stdio.h>
#include <string.h>

enum dane_base dane_base(enum mx_validation state, unsigned alias_count)
{
	if (state == MX_BOGUS)
		return DANE_BASE_NONE;
	if (state == MX_SECURE)
		return DANE_BASE_FINAL;
	return alias_count > 0 ? DANE_BASE_ALIAS : DANE_BASE_NONE;
}

bool dane_numeric(const struct mx_name *name)
{
	const uint8_t *tld = mx_name_tail(name->octets, 1);

	for (unsigned i = 1; i <= *tld; i++)
		if (tld[i] < '0' || tld[i] > '9')
			return false;
	return true;
}

bool dane_name(const struct mx_name *base, uint16_t port, struct mx_name *ret)
{
	char label[8];
	struct mx_out out;

	if (dane_numeric(base))
		return false;
	int len = snprintf(label, sizeof(label), "_%u", port);

	mx_out_init(&out, ret->octets, sizeof(ret->octets));
	mx_out_u8(&out, (uint8_t)len);
	mx_out_octets(&out, label, (size_t)len);
	mx_out_octets(&out, "\4_tcp", 5);
	mx_out_octets(&out, base->octets, base->len);
	ret->len = (uint8_t)mx_out_len(&out);
	return !out.full;
}
