/* mx_wire.h - DNS wire format with bounds: reader, writer, names.
 *
 * Pure: no I/O, no allocation, no clock. Any thread.
 *
 * The reader remembers its first error and yields zeros afterwards, so code
 * reads like the RFC's list of fields and checks once, with mx_in_end().
 */
#ifndef MX_WIRE_H
#define MX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mx_answer.h"
#include "mx_error.h"

/* RR types this program treats in some way of its own. */
enum mx_type {
	MX_TYPE_A = 1, MX_TYPE_NS = 2, MX_TYPE_MD = 3, MX_TYPE_MF = 4,
	MX_TYPE_CNAME = 5, MX_TYPE_SOA = 6, MX_TYPE_MB = 7, MX_TYPE_MG = 8,
	MX_TYPE_MR = 9, MX_TYPE_PTR = 12, MX_TYPE_HINFO = 13,
	MX_TYPE_MINFO = 14, MX_TYPE_MX = 15, MX_TYPE_TXT = 16,
	MX_TYPE_RP = 17, MX_TYPE_AFSDB = 18, MX_TYPE_RT = 21,
	MX_TYPE_SIG = 24, MX_TYPE_PX = 26, MX_TYPE_AAAA = 28,
	MX_TYPE_NXT = 30, MX_TYPE_SRV = 33, MX_TYPE_NAPTR = 35,
	MX_TYPE_KX = 36, MX_TYPE_DNAME = 39, MX_TYPE_OPT = 41,
	MX_TYPE_DS = 43, MX_TYPE_RRSIG = 46, MX_TYPE_NSEC = 47,
	MX_TYPE_DNSKEY = 48, MX_TYPE_NSEC3 = 50, MX_TYPE_NSEC3PARAM = 51,
	MX_TYPE_TLSA = 52, MX_TYPE_TKEY = 249, MX_TYPE_TSIG = 250,
	MX_TYPE_IXFR = 251, MX_TYPE_AXFR = 252, MX_TYPE_MAILB = 253,
	MX_TYPE_MAILA = 254, MX_TYPE_ANY = 255,
};
#define MX_CLASS_IN 1

/* ---- reading ---- */

struct mx_in {
	const uint8_t *msg; /* start of the message: pointers count from here */
	const uint8_t *at, *end;
	enum mx_error err;
};

void mx_in_init(struct mx_in *in, const uint8_t *msg, size_t len);
uint8_t mx_in_u8(struct mx_in *in);
uint16_t mx_in_u16(struct mx_in *in);
uint32_t mx_in_u32(struct mx_in *in);
/* len octets in place, or NULL. */
const uint8_t *mx_in_octets(struct mx_in *in, size_t len);
size_t mx_in_left(const struct mx_in *in);
/* A reader of the next len octets, after which in goes on. Compression in it
 * still reaches back to msg. After an error in `in` the result is in error. */
struct mx_in mx_in_sub(struct mx_in *in, size_t len);
/* Set the first error; later ones are ignored. */
void mx_in_fail(struct mx_in *in, enum mx_error err);
/* MX_OK if nothing failed and nothing is left over (MX_E_TRAILING). */
enum mx_error mx_in_end(const struct mx_in *in);

/* ---- names, RFC 1035 section 3.1 and 4.1.4 ---- */

/* Uncompressed wire format with the root label; len 1..255. Case is kept. */
struct mx_name {
	uint8_t len;
	uint8_t octets[MX_NAME_MAX];
};

/* Read a name, following pointers, each of which must point before the start
 * of the labels it follows (so the work is bounded). On error *ret is the
 * root name. */
void mx_in_name(struct mx_in *in, struct mx_name *ret);
/* The same where no pointer may occur: RFC 3597 types, QNAME. */
void mx_in_name_plain(struct mx_in *in, struct mx_name *ret);

/* ASCII lower case, length octets included (they are below 64: untouched). */
void mx_name_lower(uint8_t *octets, size_t len);
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
 * or MX_E_SHORT (empty text, empty label, unfinished escape). */
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
void mx_out_u8(struct mx_out *out, uint8_t v);
void mx_out_u16(struct mx_out *out, uint16_t v);
void mx_out_u32(struct mx_out *out, uint32_t v);
void mx_out_octets(struct mx_out *out, const void *octets, size_t len);
size_t mx_out_len(const struct mx_out *out);

#endif
