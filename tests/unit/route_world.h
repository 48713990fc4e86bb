/* route_world.h - a little DNS in text, and routes as text.
 *
 * A world is lines of
 *
 *   NAME TYPE STATE[/TTL] [>ALIAS ...] RDATA; RDATA...     positive
 *   NAME TYPE STATE[/TTL] [>ALIAS ...] -                   NODATA
 *   NAME TYPE STATE[/TTL] [>ALIAS ...] !                   NXDOMAIN
 *   NAME TYPE F                                            no answer
 *
 * NAME without its final dot. STATE is S secure, I insecure, ? indeterminate,
 * B bogus. TTL is 300 unless told. RDATA as in a zone file; in TLSA *N is N
 * octets, in TXT a bar parts strings. What is not in the world is NODATA,
 * secure if "default S" stands in it, else insecure.
 *
 * A route as text:
 *
 *   OUTCOME[:REASON] [implicit] MX-STATE LEAST..MOST [sts=...] [!WARNING...]
 *   | PREFERENCE NAME STATE [LEVEL DANE ADDRESSES [base=NAME n/m]] [!WARNING...]
 */
#ifndef TESTS_ROUTE_WORLD_H
#define TESTS_ROUTE_WORLD_H

#include <arpa/inet.h>

#include "message.h"
#include "mx_ingest.h"
#include "mx_mail.h"
#include "mx_route.h"

#define WORLD_NOW 1000000
#define WORLD_TEXT_MAX 200000

struct world_answer {
	bool failed, bogus;
	char state;
	unsigned ttl;
	struct message m;
	size_t question_len;
};

static inline void world_name(struct mx_out *out, const char *text)
{
	struct mx_name name;

	assert(mx_name_from_text(text, &name) == MX_OK);
	mx_out_octets(out, name.octets, name.len);
}

static inline void world_tlsa(struct mx_out *out, char *text)
{
	char *save, *field = strtok_r(text, " ", &save);
	uint8_t octets[4096];

	for (int i = 0; field != NULL; i++, field = strtok_r(NULL, " ", &save))
		if (field[0] == '*')
			for (int n = atoi(field + 1); n > 0; n--)
				mx_out_u8(out, 0xaa);
		else if (i < 3)
			mx_out_u8(out, (uint8_t)atoi(field));
		else
			mx_out_octets(out, octets, hex_read(field, octets,
							    sizeof octets));
}

static inline void world_rdata(struct mx_out *out, uint16_t type, char *text)
{
	uint8_t octets[16];
	char *end, *save;

	switch (type) {
	case MX_TYPE_A:
	case MX_TYPE_AAAA:
		assert(inet_pton(type == MX_TYPE_A ? AF_INET : AF_INET6, text,
				 octets) == 1);
		mx_out_octets(out, octets, type == MX_TYPE_A ? 4 : 16);
		break;
	case MX_TYPE_MX:
		mx_out_u16(out, (uint16_t)strtoul(text, &end, 10));
		world_name(out, end + 1);
		break;
	case MX_TYPE_CNAME:
		world_name(out, text);
		break;
	case MX_TYPE_TLSA:
		world_tlsa(out, text);
		break;
	case MX_TYPE_TXT:
		for (text = strtok_r(text, "|", &save); text != NULL;
		     text = strtok_r(NULL, "|", &save)) {
			mx_out_u8(out, (uint8_t)strlen(text));
			mx_out_octets(out, text, strlen(text));
		}
		break;
	default:
		abort();
	}
}

static inline void world_rr(struct world_answer *a, const char *owner,
			    uint16_t type, char *rdata)
{
	struct mx_out *out = &a->m.out;

	world_name(out, owner);
	mx_out_u16(out, type);
	mx_out_u16(out, MX_CLASS_IN);
	mx_out_u32(out, a->ttl);
	size_t at = mx_out_len(out);

	mx_out_u16(out, 0);
	world_rdata(out, type, rdata);
	mx_out_patch_u16(out, at, (uint16_t)(mx_out_len(out) - at - 2));
	a->m.counts[0]++;
}

static inline void world_soa(struct world_answer *a)
{
	char rr[80];

	snprintf(rr, sizeof rr, "ns . %u SOA n. n. l1 l2 l3 l4 l%u", a->ttl,
		 a->ttl);
	message_rr(&a->m, rr);
}

static inline void world_fill(struct world_answer *a, const char *qname,
			      uint16_t qtype, char *rest)
{
	char owner[1100], *save = rest;
	uint16_t flags = MESSAGE_RESPONSE | (a->state == 'S' ? 0x20 : 0);
	char *data = strrchr(rest, '>');

	data = data != NULL ? strchr(data, ' ') + 1 : rest;
	if (strcmp(data, "!") == 0)
		flags |= 3;
	message_begin(&a->m, flags, qname, qtype);
	a->question_len = mx_out_len(&a->m.out);
	snprintf(owner, sizeof owner, "%s", qname);
	while (*save == '>') {
		char *end = strchr(save, ' ');

		*end = '\0';
		world_rr(a, owner, MX_TYPE_CNAME, save + 1);
		snprintf(owner, sizeof owner, "%s", save + 1);
		save = end + 1;
	}
	if (strcmp(data, "-") == 0 || strcmp(data, "!") == 0) {
		world_soa(a);
	} else {
		char *next;

		for (; data != NULL; data = next) {
			next = strstr(data, "; ");
			if (next != NULL) {
				*next = '\0';
				next += 2;
			}
			world_rr(a, owner, qtype, data);
		}
	}
	message_end(&a->m);
}

/* What the world says to a question. */
static inline void world_ask(const char *world, const struct mx_name *qname,
			     uint16_t qtype, struct world_answer *ret)
{
	char name[MX_NAME_TEXT_MAX], type[16], line[20000];
	char *want = NULL, *rest, *save;
	char nothing[] = "-";

	mx_route_name_text(qname, name);
	assert(asprintf(&want, "%s %s ", name, mx_type_text(qtype, type)) > 0);
	ret->failed = ret->bogus = false;
	ret->ttl = 300;
	ret->state = strstr(world, "default S") != NULL ? 'S' : 'I';
	for (const char *at = world; *at != '\0'; at += strcspn(at, "\n"),
	     at += *at == '\n') {
		int len = (int)strcspn(at, "\n");

		if (strncmp(at, want, strlen(want)) != 0)
			continue;
		snprintf(line, sizeof line, "%.*s", len, at);
		char *state = strtok_r(line + strlen(want), " ", &save);

		rest = save;
		ret->state = state[0];
		ret->failed = state[0] == 'F';
		ret->bogus = state[0] == 'B';
		if (state[1] == '/')
			ret->ttl = (unsigned)atoi(state + 2);
		if (ret->failed)
			rest = nothing;
		free(want);
		world_fill(ret, name, qtype, rest);
		return;
	}
	free(want);
	world_fill(ret, name, qtype, nothing);
}

static inline enum mx_validation world_state(const struct world_answer *a)
{
	return a->state == 'S' ? MX_SECURE : a->state == 'B' ? MX_BOGUS :
	       a->state == '?' ? MX_INDETERMINATE : MX_INSECURE;
}

/* Tell the route what the world says, as the front does. */
static inline void world_tell(struct mx_route *route,
			      const struct mx_name *qname, uint16_t qtype,
			      const char *world)
{
	static const struct mx_ingest_limits limits = {
		.ttl_max_s = 86400, .negative_ttl_max_s = 900,
		.bogus_ttl_max_s = 60,
	};
	static struct world_answer a;
	static struct mx_mail_room room;
	struct mx_ingest_room *ingest = mx_ingest_room_new();
	const struct mx_key key = { qname->octets, qname->len, qtype,
				    MX_CLASS_IN };
	struct mx_route_answer answer = { .kind = MX_ANSWER_FAILURE,
					  .expires_ms = WORLD_NOW + 5000 };
	struct mx_answer kept;

	world_ask(world, qname, qtype, &a);
	if (!a.failed) {
		assert(mx_ingest(a.m.octets, a.m.len, &key, world_state(&a),
				 &limits, ingest, &kept) == MX_OK);
		answer.kind = kept.kind;
		answer.state = kept.state;
		answer.form = &kept.full;
		answer.expires_ms = WORLD_NOW + (int64_t)kept.ttl_s * 1000;
	}
	mx_route_answer(route, &key, &answer, &room);
	mx_ingest_room_free(ingest);
}

/* The same as a packet, as who asks a server does: false where that cannot say
 * it, since states other than secure look alike there. */
static inline bool world_tell_packet(struct mx_route *route,
				     const struct mx_route_question *q,
				     const char *world)
{
	static struct world_answer a;

	world_ask(world, &q->qname, q->qtype, &a);
	if (a.failed)
		a.m.octets[3] = 0x82; /* SERVFAIL */
	assert(mx_route_response(route, a.m.octets, a.m.len, true, WORLD_NOW) ==
	       MX_ROUTE_HEARD);
	return !a.bogus;
}

/* ---- routes as text ---- */

static inline char *text_warnings(char *to, uint32_t warnings)
{
	*to = '\0';
	for (unsigned i = 0; i < MX_ROUTE_WARNING_COUNT; i++)
		if (warnings & 1u << i)
			to += sprintf(to, " !%s", mx_route_warning_word(i));
	return to;
}

static inline char *text_host(char *to, const struct mx_route_host *h)
{
	char name[MX_ROUTE_NAME_TEXT_MAX];
	char address[MX_ROUTE_ADDRESS_TEXT_MAX];

	to += sprintf(to, " | %u %s %s", h->preference,
		      mx_route_name_text(&h->name, name),
		      mx_route_host_state_word(h->state));
	if (h->state == MX_ROUTE_HOST_USABLE) {
		to += sprintf(to, " %s %s ", mx_route_level_word(h->level),
			      mx_route_dane_word(h->dane));
		for (unsigned i = 0; i < h->address_count; i++)
			to += sprintf(to, "%s%s", i > 0 ? "," : "",
				      mx_route_address_text(&h->addresses[i],
							    address));
	}
	if (h->tlsa_base.len > 0)
		to += sprintf(to, " base=%s %u/%u",
			      mx_route_name_text(&h->tlsa_base, name),
			      h->tlsa_usable, h->tlsa_count);
	if (h->sts_match != MX_ROUTE_MATCH_UNKNOWN)
		to += sprintf(to, " match=%s",
			      mx_route_match_word(h->sts_match));
	return text_warnings(to, h->warnings);
}

static inline void route_text(const struct mx_route_result *r, char *to)
{
	to += sprintf(to, "%s", mx_route_outcome_word(r->outcome));
	if (r->reason != MX_ROUTE_WHY_NONE)
		to += sprintf(to, ":%s", mx_route_reason_word(r->reason));
	to += sprintf(to, "%s %s %s..%s", r->implicit_mx ? " implicit" : "",
		      mx_route_validation_word(r->mx_state),
		      mx_route_level_word(r->level_least),
		      mx_route_level_word(r->level_most));
	if (r->sts_record != MX_ROUTE_STS_NOT_ASKED)
		to += sprintf(to, " sts=%s%s%s",
			      mx_route_sts_record_word(r->sts_record),
			      r->sts_id[0] ? ":" : "", r->sts_id);
	to = text_warnings(to, r->warnings);
	for (unsigned i = 0; i < r->host_count; i++)
		to = text_host(to, &r->hosts[i]);
}

#endif
