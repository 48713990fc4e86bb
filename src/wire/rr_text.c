/* rr_text.c - RRs as text. See mx_rr_text.h. */
#include "mx_rr_text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

struct text {
	char *at, *end; /* end: where "..." and NUL still have room */
	bool cut;
};

static void put(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
	else
		t->cut = true;
}

static void put_text(struct text *t, const char *text)
{
	while (*text)
		put(t, *text++);
}

static void put_format(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void put_format(struct text *t, const char *format, ...)
{
	char buf[64];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof buf, format, args);
	va_end(args);
	put_text(t, buf);
}

/* ---- fields ---- */

static void put_hex(struct text *t, struct mx_in *in)
{
	size_t len = mx_in_left(in);
	const uint8_t *octets = mx_in_octets(in, len);

	if (len == 0)
		put(t, '-');
	for (size_t i = 0; octets && i < len && !t->cut; i++)
		put_format(t, "%02x", octets[i]);
}

static void put_base64(struct text *t, struct mx_in *in)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = mx_in_left(in);
	const uint8_t *o = mx_in_octets(in, len);

	for (size_t i = 0; o && i < len && !t->cut; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)o[i] << 16 |
				(have > 1 ? (uint32_t)o[i + 1] << 8 : 0) |
				(have > 2 ? o[i + 2] : 0);

		put(t, digits[bits >> 18]);
		put(t, digits[bits >> 12 & 63]);
		put(t, have > 1 ? digits[bits >> 6 & 63] : '=');
		put(t, have > 2 ? digits[bits & 63] : '=');
	}
}

static void put_quoted(struct text *t, struct mx_in *in, size_t len)
{
	const uint8_t *octets = mx_in_octets(in, len);

	put(t, '"');
	for (size_t i = 0; octets && i < len && !t->cut; i++) {
		if (octets[i] == '"' || octets[i] == '\\')
			put(t, '\\');
		if (octets[i] >= ' ' && octets[i] <= '~')
			put(t, (char)octets[i]);
		else
			put_format(t, "\\%03u", octets[i]);
	}
	put(t, '"');
}

static void put_strings(struct text *t, struct mx_in *in)
{
	bool first = true;

	while (in->err == MX_OK && mx_in_left(in) > 0 && !t->cut) {
		if (!first)
			put(t, ' ');
		first = false;
		put_quoted(t, in, mx_in_u8(in));
	}
	if (first)
		mx_in_fail(in, MX_E_SHORT);
}

static void put_name(struct text *t, struct mx_in *in)
{
	char text[MX_NAME_TEXT_MAX];
	struct mx_name name;

	mx_in_name(in, &name);
	mx_name_to_text(name.octets, text);
	put_text(t, text);
}

static void put_address(struct text *t, struct mx_in *in, int family, size_t len)
{
	const uint8_t *octets = mx_in_octets(in, len);
	char text[INET6_ADDRSTRLEN];

	if (octets && inet_ntop(family, octets, text, sizeof text))
		put_text(t, text);
}

static void put_type(struct text *t, uint16_t type)
{
	char buf[16];

	put_text(t, mx_type_text(type, buf));
}

/* YYYYMMDDHHmmSS, RFC 4034 section 3.2: of this turn of 2^32 seconds. */
static void put_time(struct text *t, uint32_t seconds)
{
	time_t when = seconds;
	struct tm tm;
	char text[32];

	gmtime_r(&when, &tm);
	strftime(text, sizeof text, "%Y%m%d%H%M%S", &tm);
	put_text(t, text);
}

/* RFC 4034 section 4.1.2. */
static void put_types(struct text *t, struct mx_in *in)
{
	bool first = true;

	while (in->err == MX_OK && mx_in_left(in) > 0) {
		unsigned window = mx_in_u8(in), len = mx_in_u8(in);
		const uint8_t *bits = mx_in_octets(in, len);

		for (unsigned i = 0; bits && i < len * 8; i++) {
			if (!(bits[i / 8] & 0x80 >> i % 8))
				continue;
			if (!first)
				put(t, ' ');
			first = false;
			put_type(t, (uint16_t)(window * 256 + i));
		}
	}
}

/* ---- RDATA ---- */

/* The fields, one letter each:
 *   b w l     numbers of one, two, four octets
 *   n         a name
 *   s S       a character-string; all that are left
 *   q         what is left, in quotes
 *   4 6       addresses
 *   T t M     a type, a time, a bitmap of types
 *   h B       what is left, in hexadecimal or base 64 */
static const char *format_of(uint16_t type)
{
	switch (type) {
	case MX_TYPE_A: return "4";
	case MX_TYPE_AAAA: return "6";
	case MX_TYPE_NS:
	case MX_TYPE_CNAME:
	case MX_TYPE_PTR:
	case MX_TYPE_DNAME: return "n";
	case MX_TYPE_SOA: return "nnlllll";
	case MX_TYPE_MX: return "wn";
	case MX_TYPE_TXT:
	case MX_TYPE_SPF: return "S";
	case MX_TYPE_HINFO: return "ss";
	case MX_TYPE_RP: return "nn";
	case MX_TYPE_SRV: return "wwwn";
	case MX_TYPE_NAPTR: return "wwsssn";
	case MX_TYPE_CAA: return "bsq";
	case MX_TYPE_TLSA:
	case MX_TYPE_SMIMEA: return "bbbh";
	case MX_TYPE_SSHFP: return "bbh";
	case MX_TYPE_OPENPGPKEY: return "B";
	case MX_TYPE_DS:
	case MX_TYPE_CDS: return "wbbh";
	case MX_TYPE_DNSKEY:
	case MX_TYPE_CDNSKEY: return "wbbB";
	case MX_TYPE_RRSIG: return "TbblttwnB";
	case MX_TYPE_NSEC: return "nM";
	}
	return NULL;
}

static void put_field(struct text *t, struct mx_in *in, char field)
{
	switch (field) {
	case 'b': put_format(t, "%u", mx_in_u8(in)); break;
	case 'w': put_format(t, "%u", mx_in_u16(in)); break;
	case 'l': put_format(t, "%u", mx_in_u32(in)); break;
	case 'n': put_name(t, in); break;
	case 's': put_quoted(t, in, mx_in_u8(in)); break;
	case 'S': put_strings(t, in); break;
	case 'q': put_quoted(t, in, mx_in_left(in)); break;
	case '4': put_address(t, in, AF_INET, 4); break;
	case '6': put_address(t, in, AF_INET6, 16); break;
	case 'T': put_type(t, mx_in_u16(in)); break;
	case 't': put_time(t, mx_in_u32(in)); break;
	case 'M': put_types(t, in); break;
	case 'h': put_hex(t, in); break;
	case 'B': put_base64(t, in); break;
	}
}

static void put_unknown(struct text *t, struct mx_in in)
{
	put_format(t, "\\# %zu", mx_in_left(&in));
	if (mx_in_left(&in) > 0) {
		put(t, ' ');
		put_hex(t, &in);
	}
}

static void put_rdata(struct text *t, struct mx_in in, uint16_t type)
{
	const char *format = format_of(type);
	struct mx_in fields = in;
	struct text before = *t;

	for (const char *f = format; f && *f && !t->cut; f++) {
		if (f != format)
			put(t, ' ');
		put_field(t, &fields, *f);
	}
	if (format && (t->cut || mx_in_end(&fields) == MX_OK))
		return;
	*t = before;
	put_unknown(t, in);
}

bool mx_rr_to_text(struct mx_in *in, char ret[MX_RR_TEXT_MAX])
{
	struct text t = { ret, ret + MX_RR_TEXT_MAX - 4, false };

	if (in->err != MX_OK || mx_in_left(in) == 0)
		return false;
	put_name(&t, in);
	uint16_t type = mx_in_u16(in), class = mx_in_u16(in);
	uint32_t ttl_s = mx_in_u32(in);
	struct mx_in rdata = mx_in_sub(in, mx_in_u16(in));

	if (in->err != MX_OK)
		return false;
	put_format(&t, " %u ", ttl_s);
	if (class == MX_CLASS_IN)
		put_text(&t, "IN ");
	else
		put_format(&t, "CLASS%u ", class);
	put_type(&t, type);
	put(&t, ' ');
	put_rdata(&t, rdata, type);
	if (t.cut) {
		memcpy(t.at, "...", 3);
		t.at += 3;
	}
	*t.at = '\0';
	return true;
}
