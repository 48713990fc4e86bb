/* rdata.c - what is in the RDATA of types that have names or a fixed length.
 */
#include "rdata.h"

const char *rdata_format(uint16_t type)
{
	switch (type) {
	case MX_TYPE_A:
		return "l";
	case MX_TYPE_AAAA:
		return "llll";
	case MX_TYPE_NS:
	case MX_TYPE_MD:
	case MX_TYPE_MF:
	case MX_TYPE_CNAME:
	case MX_TYPE_MB:
	case MX_TYPE_MG:
	case MX_TYPE_MR:
	case MX_TYPE_PTR:
		return "c";
	case MX_TYPE_SOA:
		return "cclllll";
	case MX_TYPE_MINFO:
		return "cc";
	case MX_TYPE_MX:
		return "wc";
	case MX_TYPE_RP:
		return "dd";
	case MX_TYPE_AFSDB:
	case MX_TYPE_RT:
	case MX_TYPE_KX:
		return "wd";
	case MX_TYPE_PX:
		return "wdd";
	case MX_TYPE_SIG:
		return "wwlllwd*";
	case MX_TYPE_NXT:
		return "d*";
	case MX_TYPE_SRV:
		return "wwwd";
	case MX_TYPE_NAPTR:
		return "wwsssd";
	case MX_TYPE_DNAME:
		return "d";
	case MX_TYPE_RRSIG: /* RFC 4034 section 3.1.7: not compressed */
		return "wwlllwp*";
	case MX_TYPE_NSEC: /* section 4.1.1 */
		return "p*";
	}
	return "*";
}

static void copy_octets(struct mx_in *in, size_t len, struct mx_out *out)
{
	const uint8_t *octets = mx_in_octets(in, len);

	if (octets != NULL)
		mx_out_octets(out, octets, len);
}

static void copy_field(struct mx_in *in, char field, bool keep,
		       struct compress *c, struct mx_out *out)
{
	struct mx_name name;
	uint8_t len;

	switch (field) {
	case 'w':
		copy_octets(in, 2, out);
		break;
	case 'l':
		copy_octets(in, 4, out);
		break;
	case 's':
		len = mx_in_u8(in);
		mx_out_u8(out, len);
		copy_octets(in, len, out);
		break;
	case 'c':
		mx_in_name(in, &name);
		compress_name(c, out, &name, keep);
		break;
	case 'd':
		mx_in_name(in, &name);
		mx_out_octets(out, name.octets, name.len);
		break;
	case 'p':
		mx_in_name_plain(in, &name);
		mx_out_octets(out, name.octets, name.len);
		break;
	case '*':
		copy_octets(in, mx_in_left(in), out);
		break;
	}
}

enum mx_error rdata_copy(struct mx_in rdata, uint16_t type, bool keep,
			 struct compress *c, struct mx_out *out)
{
	for (const char *field = rdata_format(type); *field != '\0'; field++)
		copy_field(&rdata, *field, keep, c, out);
	return mx_in_end(&rdata);
}

uint32_t rdata_soa_minimum(struct mx_in rdata)
{
	struct mx_name name;

	mx_in_name(&rdata, &name); /* MNAME */
	mx_in_name(&rdata, &name); /* RNAME */
	for (int i = 0; i < 4; i++) /* SERIAL REFRESH RETRY EXPIRE */
		mx_in_u32(&rdata);
	return mx_in_u32(&rdata);
}
