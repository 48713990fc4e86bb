/* lookup_json.c - the answer to one question as JSON. See lookup_json.h. */
#include "lookup_json.h"

#include <stdlib.h>

#include "mx_ede.h"
#include "mx_rr_text.h"

/* Exit statuses of mxboundctl: there is data; there is none; not known now. */
enum { STATUS_DATA = 0, STATUS_NONE = 1, STATUS_FAILED = 2 };

const char *validation_word(enum mx_validation state)
{
	switch (state) {
	case MX_SECURE: return "secure";
	case MX_INSECURE: return "insecure";
	case MX_BOGUS: return "bogus";
	case MX_INDETERMINATE: break;
	}
	return "indeterminate";
}

/* The body is written as it stands in a message: behind header and question,
 * into which names in it may point. */
static uint8_t *message_of(const struct mx_key *key,
			   const struct mx_form *form, size_t *ret_body,
			   size_t *ret_len)
{
	size_t body = MX_HEADER_LEN + key->qname_len + 4u;
	uint8_t *msg = calloc(1, body + form->len);

	if (!msg)
		return NULL;
	memcpy(msg + MX_HEADER_LEN, key->qname, key->qname_len);
	if (form->len > 0)
		mx_form_write(form, 0, 0, msg + body);
	*ret_body = body;
	*ret_len = body + form->len;
	return msg;
}

static json_t *rrs_json(struct mx_in *in, unsigned count)
{
	json_t *all = json_array();
	char text[MX_RR_TEXT_MAX];

	while (count-- > 0 && mx_rr_to_text(in, text))
		json_array_append_new(all, json_string(text));
	return all;
}

static const char *rcode_word(const struct mx_lookup_result *result)
{
	if (result->err != MX_OK || result->state == MX_BOGUS)
		return "SERVFAIL";
	return result->rcode == MX_RCODE_NXDOMAIN ? "NXDOMAIN" : "NOERROR";
}

static int status_of(const struct mx_lookup_result *result)
{
	if (result->err != MX_OK || result->state == MX_BOGUS)
		return STATUS_FAILED;
	return result->kind == MX_ANSWER_POSITIVE ? STATUS_DATA : STATUS_NONE;
}

static json_t *text_json(const char *why)
{
	char text[MX_WHY_MAX + 1];
	size_t i;

	for (i = 0; i < MX_WHY_MAX && why[i]; i++)
		text[i] = why[i] >= ' ' && why[i] <= '~' ? why[i] : '?';
	text[i] = '\0';
	return json_string(text);
}

json_t *lookup_json(const struct mx_key *key,
		    const struct mx_lookup_result *result, mx_instant now)
{
	char name[MX_NAME_TEXT_MAX], type[16];
	const struct mx_form *form = result->form;
	bool ok = result->err == MX_OK, has_ede = result->ede != MX_EDE_NONE;
	size_t body, len;
	uint8_t *msg = message_of(key, form, &body, &len);
	json_t *answer, *authority, *json;
	struct mx_in in;

	if (!msg)
		return NULL;
	mx_in_init(&in, msg, len);
	mx_in_octets(&in, body);
	answer = rrs_json(&in, form->ancount);
	authority = rrs_json(&in, form->nscount);
	free(msg);
	mx_name_to_text(key->qname, name);
	json = json_pack(
		"{s:s, s:s, s:i, s:s, s:o, s:b, s:b, s:o, s:o, s:s, s:o, s:o, s:o}",
		"name", name, "type", mx_type_text(key->qtype, type),
		"status", status_of(result), "rcode", rcode_word(result),
		"validation", ok ? json_string(validation_word(result->state)) :
				   json_null(),
		"from_cache", result->from_cache, "stale", result->stale,
		"ttl_s", ok && !result->stale ?
			json_integer((result->expires - now + 999) / 1000) :
			json_null(),
		"ede", has_ede ? json_integer(result->ede) : json_null(),
		"ede_text", has_ede ? mx_ede_text(result->ede) : "",
		"why", text_json(result->why),
		"answer", answer, "authority", authority);
	return json;
}
