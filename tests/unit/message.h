/* message.h - responses written as text, and answers read back as text.
 *
 * A response is a list of RRs, each ended by a semicolon:
 *
 *   SECTION OWNER TTL TYPE RDATA...
 *   an example. 300 MX w10 nmx.example.; ns example. 60 SOA na. nb. l1 ...
 *
 * SECTION is an, ns or ar. OWNER is a name, or @N, a pointer to offset N; or
 * NAME@N, labels and a pointer. RDATA is any of wN and lN (two and four
 * octets), bN (one), nNAME (as OWNER), xHEX. TYPE/CLASS sets another class,
 * TYPE+N or TYPE-N makes RDLENGTH lie by N.
 *
 * An answer reads `an OWNER TTL TYPE RDATA; ...`, RDATA in the same language
 * with its names expanded.
 */
#ifndef TESTS_MESSAGE_H
#define TESTS_MESSAGE_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "mx_wire.h"

#define MESSAGE_RESPONSE 0x8180u /* QR RD RA */
#define MESSAGE_TEXT_MAX 400000

struct message {
	uint8_t octets[70000];
	size_t len;
	uint16_t counts[3];
	struct mx_out out;
};

static inline void message_name(struct mx_out *out, const char *text)
{
	const char *at = strchr(text, '@');
	struct mx_name name = { .len = 1 };
	char labels[1100];

	snprintf(labels, sizeof labels, "%.*s",
		 at ? (int)(at - text) : (int)strlen(text), text);
	if (labels[0] != '\0')
		assert(mx_name_from_text(labels, &name) == MX_OK);
	mx_out_octets(out, name.octets, at ? name.len - 1u : name.len);
	if (at != NULL)
		mx_out_u16(out, (uint16_t)(0xc000 | atoi(at + 1)));
}

static inline void message_begin(struct message *m, uint16_t flags,
				 const char *qname, uint16_t qtype)
{
	memset(m->counts, 0, sizeof m->counts);
	mx_out_init(&m->out, m->octets, sizeof m->octets);
	mx_out_u16(&m->out, 0);
	mx_out_u16(&m->out, flags);
	mx_out_u16(&m->out, 1);
	for (int i = 0; i < 3; i++)
		mx_out_u16(&m->out, 0);
	message_name(&m->out, qname);
	mx_out_u16(&m->out, qtype);
	mx_out_u16(&m->out, MX_CLASS_IN);
}

static inline void message_rdata(struct mx_out *out, const char *field)
{
	uint8_t octets[4096];
	unsigned long value = strtoul(field + 1, NULL, 10);

	switch (field[0]) {
	case 'b':
		mx_out_u8(out, (uint8_t)value);
		break;
	case 'w':
		mx_out_u16(out, (uint16_t)value);
		break;
	case 'l':
		mx_out_u32(out, (uint32_t)value);
		break;
	case 'n':
		message_name(out, field + 1);
		break;
	case 'x':
		mx_out_octets(out, octets,
			      hex_read(field + 1, octets, sizeof octets));
		break;
	default:
		abort();
	}
}

static inline void message_rr(struct message *m, char *rr)
{
	char *save, *section = strtok_r(rr, " ", &save);
	char *owner = strtok_r(NULL, " ", &save);
	char *ttl = strtok_r(NULL, " ", &save);
	char *type = strtok_r(NULL, " ", &save), *field;
	char *lie = strpbrk(type, "+-"), *class = strchr(type, '/');
	int lied = lie != NULL ? atoi(lie) : 0;
	int class_value = class != NULL ? atoi(class + 1) : MX_CLASS_IN;
	uint16_t type_value;
	struct mx_out *out = &m->out;

	if (lie != NULL)
		*lie = '\0';
	if (class != NULL)
		*class = '\0';
	assert(mx_type_from_text(type, &type_value));
	m->counts[strcmp(section, "an") == 0 ? 0 :
		  strcmp(section, "ns") == 0 ? 1 : 2]++;
	message_name(out, owner);
	mx_out_u16(out, type_value);
	mx_out_u16(out, (uint16_t)class_value);
	mx_out_u32(out, (uint32_t)strtoul(ttl, NULL, 10));
	size_t rdlength_at = mx_out_len(out);

	mx_out_u16(out, 0);
	while ((field = strtok_r(NULL, " ", &save)) != NULL)
		message_rdata(out, field);
	mx_out_patch_u16(out, rdlength_at,
			 (uint16_t)((int)(mx_out_len(out) - rdlength_at - 2) +
				    lied));
}

static inline void message_rrs(struct message *m, const char *rrs)
{
	char *text = strdup(rrs), *save, *rr;

	for (rr = strtok_r(text, ";", &save); rr != NULL;
	     rr = strtok_r(NULL, ";", &save))
		if (strspn(rr, " ") != strlen(rr))
			message_rr(m, rr);
	free(text);
}

static inline void message_end(struct message *m)
{
	for (size_t i = 0; i < 3; i++)
		mx_out_patch_u16(&m->out, 6 + 2 * i, m->counts[i]);
	assert(!m->out.full);
	m->len = mx_out_len(&m->out);
}

/* ---- reading back ---- */

/* Which fields a type's RDATA has, told here once more so that a mistake in
 * src/wire/rdata.c is not repeated by what checks it. */
static inline const char *text_fields(uint16_t type)
{
	switch (type) {
	case MX_TYPE_CNAME:
	case MX_TYPE_DNAME:
	case MX_TYPE_NS:
	case MX_TYPE_PTR:
		return "n";
	case MX_TYPE_MX:
	case MX_TYPE_AFSDB:
		return "wn";
	case MX_TYPE_SRV:
		return "wwwn";
	case MX_TYPE_SOA:
		return "nnlllll";
	case MX_TYPE_RP:
	case MX_TYPE_MINFO:
		return "nn";
	case MX_TYPE_RRSIG:
		return "wwlllwnx";
	case MX_TYPE_NSEC:
		return "nx";
	}
	return "x";
}

static inline char *text_name(struct mx_in *in, char *to)
{
	struct mx_name name;
	char text[MX_NAME_TEXT_MAX];

	mx_in_name(in, &name);
	mx_name_to_text(name.octets, text);
	return to + sprintf(to, "%s", text);
}

static inline char *text_rdata(struct mx_in *rdata, uint16_t type, char *to)
{
	for (const char *f = text_fields(type); *f != '\0'; f++) {
		if (*f == 'x' && mx_in_left(rdata) == 0)
			break;
		to += sprintf(to, " %c", *f);
		if (*f == 'w')
			to += sprintf(to, "%u", mx_in_u16(rdata));
		if (*f == 'l')
			to += sprintf(to, "%u", mx_in_u32(rdata));
		if (*f == 'n')
			to = text_name(rdata, to);
		while (*f == 'x' && mx_in_left(rdata) > 0)
			to += sprintf(to, "%02x", mx_in_u8(rdata));
	}
	return to;
}

/* The RRs that follow the question of a message, as text; "broken" where it
 * cannot be read. */
static inline void message_to_text(const uint8_t *octets, size_t len,
				   char *text)
{
	static const char *const sections[] = { "an", "ns", "ar" };
	struct mx_in in;
	struct mx_name qname;
	uint16_t counts[3];
	char buf[16], *to = text;

	mx_in_init(&in, octets, len);
	mx_in_octets(&in, 6);
	for (int s = 0; s < 3; s++)
		counts[s] = mx_in_u16(&in);
	mx_in_name_plain(&in, &qname);
	mx_in_u32(&in);
	*to = '\0';
	for (int s = 0; s < 3; s++) {
		for (unsigned i = 0; i < counts[s] && in.err == MX_OK; i++) {
			to += sprintf(to, "%s%s ", to == text ? "" : "; ",
				      sections[s]);
			to = text_name(&in, to);
			uint16_t type = mx_in_u16(&in);
			if (mx_in_u16(&in) != MX_CLASS_IN)
				to += sprintf(to, " class");
			uint32_t ttl_s = mx_in_u32(&in);
			to += sprintf(to, " %u %s", ttl_s,
				      mx_type_text(type, buf));
			struct mx_in rdata = mx_in_sub(&in, mx_in_u16(&in));
			to = text_rdata(&rdata, type, to);
			if (mx_in_end(&rdata) != MX_OK)
				mx_in_fail(&in, MX_E_MALFORMED);
		}
	}
	if (mx_in_end(&in) != MX_OK)
		strcpy(text, "broken");
}

/* A client's response made of a form, as the front does it. Returns its
 * length. qname is the client's own, of the length the form was made for. */
static inline size_t message_of_form(const struct mx_form *form,
				     const uint8_t *qname, size_t qname_len,
				     uint32_t age_s, uint32_t turn,
				     uint8_t out[MX_MESSAGE_MAX])
{
	struct mx_out o;

	mx_out_init(&o, out, MX_MESSAGE_MAX);
	mx_out_u32(&o, MESSAGE_RESPONSE);
	mx_out_u16(&o, 1);
	mx_out_u16(&o, form->ancount);
	mx_out_u16(&o, form->nscount);
	mx_out_u16(&o, form->arcount);
	mx_out_octets(&o, qname, qname_len);
	mx_out_u32(&o, MX_TYPE_A << 16 | MX_CLASS_IN);
	assert(!o.full && mx_out_len(&o) + form->len <= MX_MESSAGE_MAX);
	mx_form_write(form, age_s, turn, o.at);
	return mx_out_len(&o) + form->len;
}

#endif
