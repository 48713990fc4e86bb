/* route_tlsa.c - which TLSA a sender can use. See route.h.
 *
 *   usage     2 DANE-TA, 3 DANE-EE; 0 and 1 are not for SMTP, RFC 7672
 *             section 3.1.3
 *   selector  0 certificate, 1 its key
 *   matching  0 the thing itself, 1 SHA-256, 2 SHA-512
 */
#include <string.h>

#include "route.h"

enum { DER_SEQUENCE = 0x30, DER_BIT_STRING = 0x03 };

/* A DER element of that tag at `in`, of definite and least length (X.690
 * section 10.1); a reader of its contents. */
static struct mx_in der_element(struct mx_in *in, uint8_t tag)
{
	if (mx_in_u8(in) != tag)
		mx_in_fail(in, MX_E_MALFORMED);
	size_t len = mx_in_u8(in), octets = len & 0x7f;

	if (len >= 0x80) {
		if (octets == 0 || octets > 2) /* RDATA is 64 KiB at most */
			mx_in_fail(in, MX_E_MALFORMED);
		len = octets == 1 ? mx_in_u8(in) : mx_in_u16(in);
		if (len < (octets == 1 ? 0x80u : 0x100u))
			mx_in_fail(in, MX_E_MALFORMED);
	}
	return mx_in_sub(in, len);
}

/* Certificate: SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }, RFC 5280 section
 * 4.1; SubjectPublicKeyInfo: SEQUENCE { SEQUENCE, BIT STRING }. More is for the
 * library that does TLS to judge. */
static bool is_der(const uint8_t *data, size_t len, uint8_t selector)
{
	struct mx_in in, inside;

	mx_in_init(&in, data, len);
	inside = der_element(&in, DER_SEQUENCE);
	for (int sequences = selector == 0 ? 2 : 1; sequences > 0; sequences--)
		der_element(&inside, DER_SEQUENCE);
	der_element(&inside, DER_BIT_STRING);
	return mx_in_end(&in) == MX_OK && mx_in_end(&inside) == MX_OK;
}

static enum mx_route_tlsa_reason judge(const struct mx_route_tlsa *tlsa,
				       const uint8_t *data)
{
	if (tlsa->usage == 0 || tlsa->usage == 1)
		return MX_ROUTE_TLSA_PKIX;
	if (tlsa->usage > 3)
		return MX_ROUTE_TLSA_USAGE;
	if (tlsa->selector > 1)
		return MX_ROUTE_TLSA_SELECTOR;
	if (tlsa->matching > 2)
		return MX_ROUTE_TLSA_MATCHING;
	if (tlsa->len == 0)
		return MX_ROUTE_TLSA_EMPTY;
	if ((tlsa->matching == 1 && tlsa->len != 32) ||
	    (tlsa->matching == 2 && tlsa->len != 64))
		return MX_ROUTE_TLSA_LENGTH;
	if (tlsa->matching == 0 && !is_der(data, tlsa->len, tlsa->selector))
		return MX_ROUTE_TLSA_DER;
	return MX_ROUTE_TLSA_USABLE;
}

void tlsa_read(struct mx_in rdata, struct mx_route_tlsa *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->usage = mx_in_u8(&rdata);
	ret->selector = mx_in_u8(&rdata);
	ret->matching = mx_in_u8(&rdata);
	if (rdata.err != MX_OK) {
		ret->reason = MX_ROUTE_TLSA_SHORT;
		return;
	}
	ret->len = (uint16_t)mx_in_left(&rdata);
	const uint8_t *data = mx_in_octets(&rdata, ret->len);

	memcpy(ret->data, data,
	       ret->len < sizeof(ret->data) ? ret->len : sizeof(ret->data));
	ret->reason = judge(ret, data);
}
