/* fetch_message.c - the datagrams between front and fetcher. */
#include "mx_fetch.h"

#include "mx_wire.h"

#define ADDRESS_OCTETS(family) ((family) == 4 ? 4u : 16u)

static const char *const words[] = {
#define X(name, word, text) [MX_FETCH_##name] = word,
	MX_FETCH_RESULTS(X)
#undef X
};
static const char *const texts[] = {
#define X(name, word, text) [MX_FETCH_##name] = text,
	MX_FETCH_RESULTS(X)
#undef X
};
#define RESULT_COUNT (sizeof(words) / sizeof(*words))

const char *mx_fetch_result_word(enum mx_fetch_result result)
{
	return (unsigned)result < RESULT_COUNT ? words[result] : "unknown";
}

const char *mx_fetch_result_text(enum mx_fetch_result result)
{
	return (unsigned)result < RESULT_COUNT ? texts[result] :
						 "no result that is known";
}

/* ---- what may stand in a message ---- */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_label(const char *label, size_t len)
{
	if (len == 0 || len > 63 || !is_letter_or_digit(label[0]) ||
	    !is_letter_or_digit(label[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter_or_digit(label[i]) && label[i] != '-')
			return false;
	return true;
}

bool mx_fetch_domain_is(const char *domain, size_t len)
{
	size_t start = 0;

	if (len == 0 || len > MX_FETCH_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && domain[i] != '.')
			continue;
		if (!is_label(domain + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

static bool is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool is_printable_all(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_printable(text[i]))
			return false;
	return true;
}

/* ---- requests ---- */

size_t mx_fetch_pack_request(const struct mx_fetch_request *r, uint8_t *buf)
{
	struct mx_out out;

	mx_out_init(&out, buf, MX_FETCH_REQUEST_MAX);
	mx_out_u32(&out, r->id);
	mx_out_u8(&out, r->domain_len);
	mx_out_octets(&out, r->domain, r->domain_len);
	mx_out_u8(&out, r->count);
	for (unsigned i = 0; i < r->count; i++) {
		mx_out_u8(&out, r->address[i].family);
		mx_out_octets(&out, r->address[i].octets,
			      ADDRESS_OCTETS(r->address[i].family));
	}
	return mx_out_len(&out);
}

static void read_address(struct mx_in *in, struct mx_fetch_address *ret)
{
	const uint8_t *octets;

	*ret = (struct mx_fetch_address){ .family = mx_in_u8(in) };
	if (in->err == MX_OK && ret->family != 4 && ret->family != 6)
		mx_in_fail(in, MX_E_MALFORMED);
	octets = mx_in_octets(in, ADDRESS_OCTETS(ret->family));
	if (octets)
		memcpy(ret->octets, octets, ADDRESS_OCTETS(ret->family));
}

enum mx_error mx_fetch_unpack_request(const uint8_t *buf, size_t len,
				      struct mx_fetch_request *ret)
{
	struct mx_fetch_request r = { 0 };
	struct mx_in in;

	mx_in_init(&in, buf, len);
	r.id = mx_in_u32(&in);
	r.domain_len = mx_in_u8(&in);
	if (r.domain_len > MX_FETCH_DOMAIN_MAX)
		mx_in_fail(&in, MX_E_TOO_BIG);
	r.domain = (const char *)mx_in_octets(&in, r.domain_len);
	if (in.err == MX_OK && !mx_fetch_domain_is(r.domain, r.domain_len))
		mx_in_fail(&in, MX_E_MALFORMED);
	r.count = mx_in_u8(&in);
	if (r.count > MX_FETCH_ADDRESSES_MAX)
		mx_in_fail(&in, MX_E_TOO_BIG);
	for (unsigned i = 0; i < r.count && in.err == MX_OK; i++)
		read_address(&in, &r.address[i]);

	enum mx_error err = mx_in_end(&in);

	if (err == MX_OK)
		*ret = r;
	return err;
}

/* ---- answers ---- */

static size_t at_most(size_t len, size_t most)
{
	return len < most ? len : most;
}

size_t mx_fetch_pack_answer(uint32_t id, const struct mx_fetch_answer *a,
			    uint8_t *buf)
{
	size_t detail_len = at_most(a->detail_len, MX_FETCH_DETAIL_MAX);
	struct mx_out out;

	mx_out_init(&out, buf, MX_FETCH_ANSWER_MAX);
	mx_out_u32(&out, id);
	mx_out_u8(&out, (uint8_t)a->result);
	mx_out_u16(&out, (uint16_t)detail_len);
	for (size_t i = 0; i < detail_len; i++)
		mx_out_u8(&out, (uint8_t)(is_printable(a->detail[i]) ?
					  a->detail[i] : '?'));
	if (a->result == MX_FETCH_OK)
		mx_out_octets(&out, a->text,
			      at_most(a->text_len, MX_FETCH_TEXT_MAX));
	return mx_out_len(&out);
}

static enum mx_error check_answer(const struct mx_fetch_answer *a,
				  unsigned result, size_t text_len)
{
	if (result >= RESULT_COUNT || result == MX_FETCH_FETCHER_GONE ||
	    !is_printable_all(a->detail, a->detail_len))
		return MX_E_MALFORMED;
	if (text_len > MX_FETCH_TEXT_MAX)
		return MX_E_TOO_BIG;
	return result == MX_FETCH_OK || text_len == 0 ? MX_OK : MX_E_TRAILING;
}

enum mx_error mx_fetch_unpack_answer(const uint8_t *buf, size_t len,
				     uint32_t *ret_id,
				     struct mx_fetch_answer *ret)
{
	struct mx_fetch_answer a = { 0 };
	struct mx_in in;
	unsigned result;

	mx_in_init(&in, buf, len);
	uint32_t id = mx_in_u32(&in);
	result = mx_in_u8(&in);
	a.detail_len = mx_in_u16(&in);
	if (a.detail_len > MX_FETCH_DETAIL_MAX)
		mx_in_fail(&in, MX_E_TOO_BIG);
	a.detail = (const char *)mx_in_octets(&in, a.detail_len);
	size_t text_len = mx_in_left(&in);
	a.text = (const char *)mx_in_octets(&in, text_len);
	if (in.err != MX_OK)
		return in.err;

	enum mx_error err = check_answer(&a, result, text_len);

	if (err != MX_OK)
		return err;
	a.result = (enum mx_fetch_result)result;
	a.text_len = (uint32_t)text_len;
	*ret_id = id;
	*ret = a;
	return MX_OK;
}
