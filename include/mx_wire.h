/* mx_wire.h - DNS wire format with bounds: reader, writer, names.
 *
 * Pure: no I/O, no allocation, no clock. Any thread.
 *
 * The reader remembers its first error and yields zeros afterwards, so code
 * reads like the RFC's list of fields and checks once, with mx_in_end().
 */
#ifndef MX_WIRE_H
#define MX_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mx_answer.h"
#include "mx_error.h"

/* RR types and QTYPEs of the IANA registry, one each: MX_TYPE_<mnemonic>, and
 * the mnemonic of mx_type_text(). A type that is not here is as good as any
 * other (RFC 3597), only without a name. */
#define MX_TYPES(X) \
	X(A, 1) X(NS, 2) X(MD, 3) X(MF, 4) X(CNAME, 5) X(SOA, 6) X(MB, 7) \
	X(MG, 8) X(MR, 9) X(NULL, 10) X(WKS, 11) X(PTR, 12) X(HINFO, 13) \
	X(MINFO, 14) X(MX, 15) X(TXT, 16) X(RP, 17) X(AFSDB, 18) X(X25, 19) \
	X(ISDN, 20) X(RT, 21) X(NSAP, 22) X(SIG, 24) X(KEY, 25) X(PX, 26) \
	X(GPOS, 27) X(AAAA, 28) X(LOC, 29) X(NXT, 30) X(SRV, 33) \
	X(NAPTR, 35) X(KX, 36) X(CERT, 37) X(DNAME, 39) X(OPT, 41) \
	X(APL, 42) X(DS, 43) X(SSHFP, 44) X(IPSECKEY, 45) X(RRSIG, 46) \
	X(NSEC, 47) X(DNSKEY, 48) X(DHCID, 49) X(NSEC3, 50) \
	X(NSEC3PARAM, 51) X(TLSA, 52) X(SMIMEA, 53) X(HIP, 55) X(CDS, 59) \
	X(CDNSKEY, 60) X(OPENPGPKEY, 61) X(CSYNC, 62) X(ZONEMD, 63) \
	X(SVCB, 64) X(HTTPS, 65) X(SPF, 99) X(NID, 104) X(L32, 105) \
	X(L64, 106) X(LP, 107) X(EUI48, 108) X(EUI64, 109) X(TKEY, 249) \
	X(TSIG, 250) X(IXFR, 251) X(AXFR, 252) X(MAILB, 253) X(MAILA, 254) \
	X(ANY, 255) X(URI, 256) X(CAA, 257) X(AVC, 258)

enum mx_type {
#define X(name, number) MX_TYPE_##name = number,
	MX_TYPES(X)
#undef X
};
#define MX_CLASS_IN 1
#define MX_HEADER_LEN 12
#define MX_POINTER_MAX 0x3fffu /* 14 bits, RFC 1035 section 4.1.4 */

/* ---- numbers in network order, where there is room for them ---- */

static inline uint16_t mx_get_u16(const uint8_t *o)
{
	uint16_t v;

	memcpy(&v, o, sizeof v);
	return be16toh(v);
}

static inline uint32_t mx_get_u32(const uint8_t *o)
{
	uint32_t v;

	memcpy(&v, o, sizeof v);
	return be32toh(v);
}

static inline void mx_put_u16(uint8_t *o, uint16_t v)
{
	v = htobe16(v);
	memcpy(o, &v, sizeof v);
}

static inline void mx_put_u32(uint8_t *o, uint32_t v)
{
	v = htobe32(v);
	memcpy(o, &v, sizeof v);
}

/* ---- reading ---- */

struct mx_in {
	const uint8_t *msg; /* start of the message: pointers count from here */
	const uint8_t *at, *end;
	enum mx_error err;
};

void mx_in_init(struct mx_in *in, const uint8_t *msg, size_t len);

/* Those below are here rather than in in.c because every field of every query
 * is read with them. */

/* Set the first error; later ones are ignored. */
static inline void mx_in_fail(struct mx_in *in, enum mx_error err)
{
	if (in->err != MX_OK)
		return;
	in->err = err;
	in->at = in->end;
}

static inline size_t mx_in_left(const struct mx_in *in)
{
	return (size_t)(in->end - in->at);
}

/* MX_OK if nothing failed and nothing is left over (MX_E_TRAILING). */
static inline enum mx_error mx_in_end(const struct mx_in *in)
{
	if (in->err != MX_OK)
		return in->err;
	return mx_in_left(in) == 0 ? MX_OK : MX_E_TRAILING;
}

/* len octets in place, or NULL. */
static inline const uint8_t *mx_in_octets(struct mx_in *in, size_t len)
{
	const uint8_t *octets = in->at;

	if (in->err != MX_OK || mx_in_left(in) < len) {
		mx_in_fail(in, MX_E_SHORT);
		return NULL;
	}
	in->at += len;
	return octets;
}

static inline uint8_t mx_in_u8(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 1);

	return o ? o[0] : 0;
}

static inline uint16_t mx_in_u16(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 2);

	return o ? mx_get_u16(o) : 0;
}

static inline uint32_t mx_in_u32(struct mx_in *in)
{
	const uint8_t *o = mx_in_octets(in, 4);

	return o ? mx_get_u32(o) : 0;
}

/* The next len octets, at most MX_IN_FIELDS_MAX, to be taken apart with
 * mx_get_u16() and mx_get_u32(); zeros after an error. For fields that always
 * come together: one check for all of them. */
#define MX_IN_FIELDS_MAX 16
extern const uint8_t mx_in_zeros[MX_IN_FIELDS_MAX];
static inline const uint8_t *mx_in_fields(struct mx_in *in, size_t len)
{
	const uint8_t *o = mx_in_octets(in, len);

	return o ? o : mx_in_zeros;
}

/* A reader of the next len octets, after which in goes on. Compression in it
 * still reaches back to msg. After an error in `in` the result is in error. */
static inline struct mx_in mx_in_sub(struct mx_in *in, size_t len)
{
	struct mx_in sub = *in;

	if (mx_in_octets(in, len) == NULL) {
		mx_in_fail(&sub, in->err);
		return sub;
	}
	sub.end = in->at;
	return sub;
}

/* ---- names, RFC 1035 section 3.1 and 4.1.4 ---- */

/* struct mx_name is in mx_answer.h. */

/* Read a name, following pointers, each of which must point before the start
 * of the labels it follows, and not into the header. At most
 * MX_NAME_POINTERS_MAX are followed, as many as the longest name can use:
 * the work for one name is bounded whatever the message. On error *ret is
 * the root name. */
#define MX_NAME_POINTERS_MAX 127u
void mx_in_name(struct mx_in *in, struct mx_name *ret);
/* The same where no pointer may occur: RFC 3597 types, QNAME. */
void mx_in_name_plain(struct mx_in *in, struct mx_name *ret);
/* The same, read in place: its octets, 1..255, or 0 on error. */
uint8_t mx_in_name_span(struct mx_in *in);

/* Move past a name that nobody wants to know: a pointer ends it, must point
 * back, and is not followed. */
void mx_in_name_skip(struct mx_in *in);

/* ASCII lower case, length octets included (they are below 64: untouched). */
void mx_name_lower(uint8_t *octets, size_t len);
/* The same into ret, which is octets or does not overlap it. */
void mx_name_lower_to(const uint8_t *octets, size_t len, uint8_t *ret);
/* Case ignored (RFC 4343). */
bool mx_name_equal(const struct mx_name *a, const struct mx_name *b);
/* name is ancestor or below it (case ignored). Both uncompressed wire. */
bool mx_name_below(const uint8_t *name, size_t name_len,
		   const uint8_t *ancestor, size_t ancestor_len);
/* Number of labels without the root. */
unsigned mx_name_labels(const uint8_t *name);
/* Octets of the last `labels` labels (with root) of name; the whole name if
 * it has fewer. Points into name. */
const uint8_t *mx_name_tail(const uint8_t *name, unsigned labels);

/* Presentation format, RFC 4343 section 2.1: '.' and '\\' inside labels are
 * escaped as \. and \\, octets outside 0x21..0x7e as \DDD, likewise the
 * other characters that are special in zone files ( " ( ) ; @ $ ). Always
 * with the final dot. ret has room for MX_NAME_TEXT_MAX. */
#define MX_NAME_TEXT_MAX 1021 /* 4 x 253, root dot, NUL and some */
void mx_name_to_text(const uint8_t *name, char *ret);
/* The reverse; a missing final dot is supplied. MX_E_LABEL, MX_E_NAME_LONG
 * or MX_E_SHORT (empty text, empty label, unfinished escape); MX_E_LABEL is a
 * label over 63 octets or an escape over 255. *ret is untouched then. */
enum mx_error mx_name_from_text(const char *text, struct mx_name *ret);

/* Mnemonic of a type ("MX"), else "TYPE666" (RFC 3597) in buf. */
const char *mx_type_text(uint16_t type, char buf[16]);
/* The reverse, case ignored; false if unknown. */
bool mx_type_from_text(const char *text, uint16_t *ret);

/* ---- writing ---- */

/* Remembers overflow; the writer never writes past end. */
struct mx_out {
	uint8_t *msg, *at, *end;
	bool full;
};
void mx_out_init(struct mx_out *out, uint8_t *msg, size_t room);
void mx_out_octets(struct mx_out *out, const void *octets, size_t len);

/* In place for len octets, or NULL: full. Here, with those that use it,
 * because every field of every reply is written with them. */
static inline uint8_t *mx_out_room(struct mx_out *out, size_t len)
{
	uint8_t *octets = out->at;

	if (out->full || (size_t)(out->end - out->at) < len) {
		out->full = true;
		return NULL;
	}
	out->at += len;
	return octets;
}

static inline void mx_out_u8(struct mx_out *out, uint8_t v)
{
	uint8_t *o = mx_out_room(out, 1);

	if (o)
		o[0] = v;
}

static inline void mx_out_u16(struct mx_out *out, uint16_t v)
{
	uint8_t *o = mx_out_room(out, 2);

	if (o)
		mx_put_u16(o, v);
}

static inline void mx_out_u32(struct mx_out *out, uint32_t v)
{
	uint8_t *o = mx_out_room(out, 4);

	if (o)
		mx_put_u32(o, v);
}

/* Overwrite two octets written earlier, at this offset from msg: RDLENGTH is
 * known only once the RDATA is there. Nothing happens if full. */
void mx_out_patch_u16(struct mx_out *out, size_t offset, uint16_t v);
static inline size_t mx_out_len(const struct mx_out *out)
{
	return (size_t)(out->at - out->msg);
}

#endif
