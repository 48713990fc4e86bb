/* front_zone.h - RRs as people write them, to wire and back.
 *
 *   mail.example. 300 MX 10 mx.example.
 *
 * RDATA of the types in zone_rdata[] is written in their presentation format,
 * with hexadecimal instead of Base64 and numbers instead of dates; of all
 * others as \# LENGTH HEX (RFC 3597 section 5).
 */
#ifndef FRONT_ZONE_H
#define FRONT_ZONE_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "mx_wire.h"

/* Fields: b, w, l number of 1, 2, 4 octets; n name; T type; a IPv4; A IPv6;
 * s one or more quoted strings without blanks; x hexadecimal to the end. */
static const struct { uint16_t type; const char *fields; } zone_rdata[] = {
	{ MX_TYPE_A, "a" },	    { MX_TYPE_AAAA, "A" },
	{ MX_TYPE_NS, "n" },	    { MX_TYPE_CNAME, "n" },
	{ MX_TYPE_PTR, "n" },	    { MX_TYPE_DNAME, "n" },
	{ MX_TYPE_MX, "wn" },	    { MX_TYPE_SOA, "nnlllll" },
	{ MX_TYPE_TXT, "s" },	    { MX_TYPE_HINFO, "s" },
	{ MX_TYPE_TLSA, "bbbx" },   { MX_TYPE_DS, "wbbx" },
	{ MX_TYPE_DNSKEY, "wbbx" }, { MX_TYPE_NSEC, "nx" },
	{ MX_TYPE_RRSIG, "Tbblllwnx" },
};

static inline const char *zone_fields(uint16_t type)
{
	for (size_t i = 0; i < sizeof zone_rdata / sizeof zone_rdata[0]; i++)
		if (zone_rdata[i].type == type)
			return zone_rdata[i].fields;
	return NULL;
}

static inline bool zone_put_name(struct mx_out *out, const char *text)
{
	struct mx_name name;

	if (!text || mx_name_from_text(text, &name) != MX_OK)
		return false;
	mx_out_octets(out, name.octets, name.len);
	return true;
}

static inline bool zone_put_hex(struct mx_out *out, const char *text)
{
	static uint8_t octets[MX_MESSAGE_MAX];

	if (!text)
		return true;
	if (!hex_is_good(text, sizeof octets))
		return false;
	mx_out_octets(out, octets, hex_read(text, octets, sizeof octets));
	return true;
}

static inline bool zone_put_string(struct mx_out *out, const char *text)
{
	size_t len = strlen(text);

	if (len < 2 || text[0] != '"' || text[len - 1] != '"' || len > 257)
		return false;
	mx_out_u8(out, (uint8_t)(len - 2));
	mx_out_octets(out, text + 1, len - 2);
	return true;
}

static inline bool zone_number(const char *text, unsigned long max,
			       unsigned long *ret)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	*ret = strtoul(text, &end, 10);
	return *end == 0 && *ret <= max;
}

static inline bool zone_put_field(struct mx_out *out, char field,
				  const char *text)
{
	unsigned long number = 0;
	uint8_t address[16];
	uint16_t type;

	if (!text)
		return field == 'x';
	switch (field) {
	case 'b':
	case 'w':
	case 'l':
		if (!zone_number(text, field == 'b' ? UINT8_MAX : field == 'w' ?
				 UINT16_MAX : UINT32_MAX, &number))
			return false;
		if (field == 'b')
			mx_out_u8(out, (uint8_t)number);
		else if (field == 'w')
			mx_out_u16(out, (uint16_t)number);
		else
			mx_out_u32(out, (uint32_t)number);
		return true;
	case 'n':
		return zone_put_name(out, text);
	case 'T':
		if (!mx_type_from_text(text, &type))
			return false;
		mx_out_u16(out, type);
		return true;
	case 'a':
	case 'A':
		if (inet_pton(field == 'a' ? AF_INET : AF_INET6, text,
			      address) != 1)
			return false;
		mx_out_octets(out, address, field == 'a' ? 4 : 16);
		return true;
	case 's':
		return zone_put_string(out, text);
	case 'x':
		return zone_put_hex(out, text);
	}
	return false;
}

/* OWNER TTL TYPE RDATA; text is taken apart in place. False: not an RR. */
static inline bool zone_put_rr(struct mx_out *out, char *text)
{
	char *save, *owner = strtok_r(text, " \t", &save);
	char *ttl = strtok_r(NULL, " \t", &save);
	char *type_text = strtok_r(NULL, " \t", &save);
	unsigned long ttl_s;
	uint16_t type;

	if (!type_text || !mx_type_from_text(type_text, &type) ||
	    !zone_number(ttl, UINT32_MAX, &ttl_s) || !zone_put_name(out, owner))
		return false;
	mx_out_u16(out, type);
	mx_out_u16(out, MX_CLASS_IN);
	mx_out_u32(out, (uint32_t)ttl_s);

	size_t rdlength_at = mx_out_len(out);
	const char *fields = zone_fields(type);
	char *word = strtok_r(NULL, " \t", &save);

	mx_out_u16(out, 0);
	if (!fields || (word && strcmp(word, "\\#") == 0)) {
		strtok_r(NULL, " \t", &save); /* length: told by the octets */
		if (!zone_put_hex(out, strtok_r(NULL, " \t", &save)) ||
		    strtok_r(NULL, " \t", &save))
			return false;
	} else {
		for (; *fields; fields++, word = strtok_r(NULL, " \t", &save))
			if (!zone_put_field(out, *fields, word))
				return false;
		for (; word; word = strtok_r(NULL, " \t", &save))
			if (!zone_put_string(out, word))
				return false;
	}
	mx_out_patch_u16(out, rdlength_at,
			 (uint16_t)(mx_out_len(out) - rdlength_at - 2));
	return !out->full;
}

/* ---- and back ---- */

struct zone_text {
	char *at;
	size_t left;
};

static inline void zone_say(struct zone_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void zone_say(struct zone_text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(t->at, t->left, format, ap);
	va_end(ap);
	size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
	t->at += used;
	t->left -= used;
}

static inline void zone_say_hex(struct zone_text *t, struct mx_in *in)
{
	zone_say(t, mx_in_left(in) ? " " : "");
	while (mx_in_left(in))
		zone_say(t, "%02x", mx_in_u8(in));
}

static inline void zone_say_strings(struct zone_text *t, struct mx_in *in)
{
	while (in->err == MX_OK && mx_in_left(in)) {
		uint8_t len = mx_in_u8(in);
		const uint8_t *octets = mx_in_octets(in, len);

		zone_say(t, " \"%.*s\"", octets ? (int)len : 0,
			 octets ? (const char *)octets : "");
	}
}

static inline void zone_say_field(struct zone_text *t, char field,
				  struct mx_in *in)
{
	char text[MX_NAME_TEXT_MAX], type[16];
	struct mx_name name;
	const uint8_t *octets;

	switch (field) {
	case 'b':
		zone_say(t, " %u", mx_in_u8(in));
		break;
	case 'w':
		zone_say(t, " %u", mx_in_u16(in));
		break;
	case 'l':
		zone_say(t, " %u", mx_in_u32(in));
		break;
	case 'n':
		mx_in_name(in, &name);
		mx_name_to_text(name.octets, text);
		zone_say(t, " %s", text);
		break;
	case 'T':
		zone_say(t, " %s", mx_type_text(mx_in_u16(in), type));
		break;
	case 'a':
	case 'A':
		octets = mx_in_octets(in, field == 'a' ? 4 : 16);
		if (octets && inet_ntop(field == 'a' ? AF_INET : AF_INET6,
					octets, text, sizeof text))
			zone_say(t, " %s", text);
		break;
	case 's':
		zone_say_strings(t, in);
		break;
	case 'x':
		zone_say_hex(t, in);
		break;
	}
}

/* The next RR of in, with its type, as text. False: malformed. */
static inline bool zone_read_rr(struct mx_in *in, uint16_t *ret_type,
				char *ret, size_t room)
{
	struct zone_text t = { ret, room };
	char name_text[MX_NAME_TEXT_MAX], type_text[16];
	struct mx_name owner;

	mx_in_name(in, &owner);
	*ret_type = mx_in_u16(in);
	uint16_t class = mx_in_u16(in);
	uint32_t ttl_s = mx_in_u32(in);
	struct mx_in rdata = mx_in_sub(in, mx_in_u16(in));
	const char *fields = zone_fields(*ret_type);

	mx_name_to_text(owner.octets, name_text);
	zone_say(&t, "%s %u %s", name_text, ttl_s,
		 mx_type_text(*ret_type, type_text));
	if (*ret_type == MX_TYPE_OPT) {
		zone_say_hex(&t, &rdata);
		return in->err == MX_OK;
	}
	if (class != MX_CLASS_IN)
		zone_say(&t, " CLASS%u", class);
	if (!fields) {
		zone_say(&t, " \\# %zu", mx_in_left(&rdata));
		zone_say_hex(&t, &rdata);
	} else {
		for (; *fields; fields++)
			zone_say_field(&t, *fields, &rdata);
	}
	return in->err == MX_OK && mx_in_end(&rdata) == MX_OK;
}

#endif
