/* Names: the first octet says where in the rest one starts; then the rest is
 * taken for text. */
#include <string.h>

#include "check.h"
#include "mx_wire.h"

static void check_name(const struct mx_name *name)
{
	char text[MX_NAME_TEXT_MAX];
	struct mx_name again, plain;
	struct mx_in in;
	unsigned labels = mx_name_labels(name->octets);

	CHECK(name->len >= 1 && name->octets[name->len - 1] == 0);
	CHECK(labels <= 127);
	mx_name_to_text(name->octets, text);
	CHECK(strlen(text) < sizeof text);
	CHECK(mx_name_from_text(text, &again) == MX_OK);
	CHECK(again.len == name->len);
	CHECK(memcmp(again.octets, name->octets, name->len) == 0);

	mx_in_init(&in, name->octets, name->len);
	mx_in_name_plain(&in, &plain);
	CHECK(mx_in_end(&in) == MX_OK);
	CHECK(mx_name_equal(&plain, name));
	mx_name_lower(plain.octets, plain.len);
	CHECK(mx_name_equal(&plain, name));
	for (unsigned keep = 0; keep <= labels; keep++) {
		const uint8_t *tail = mx_name_tail(name->octets, keep);

		CHECK(mx_name_labels(tail) == keep);
		CHECK(mx_name_below(plain.octets, plain.len, tail,
				    (size_t)(name->octets + name->len -
					     tail)));
	}
}

static void try_wire(const uint8_t *octets, size_t len, size_t at)
{
	struct mx_in in, skip, plain, span;
	struct mx_name name;

	mx_in_init(&in, octets, len);
	mx_in_octets(&in, at);
	skip = plain = span = in;
	mx_in_name_plain(&plain, &name);
	CHECK(mx_in_name_span(&span) == (plain.err == MX_OK ? name.len : 0));
	CHECK(span.err == plain.err && span.at == plain.at);
	mx_in_name(&in, &name);
	mx_in_name_skip(&skip);
	CHECK(in.err != MX_OK || (skip.err == MX_OK && skip.at == in.at));
	if (in.err == MX_OK)
		check_name(&name);
	else
		CHECK(name.len == 1 && name.octets[0] == 0);
}

static void try_text(const uint8_t *octets, size_t len)
{
	char *text = malloc(len + 1), buf[16];
	struct mx_name name;
	uint16_t type, again;

	if (text == NULL)
		return;
	memcpy(text, octets, len);
	text[len] = '\0';
	if (mx_name_from_text(text, &name) == MX_OK)
		check_name(&name);
	if (mx_type_from_text(text, &type)) {
		CHECK(mx_type_from_text(mx_type_text(type, buf), &again));
		CHECK(again == type);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	if (len == 0)
		return 0;
	try_wire(octets + 1, len - 1, octets[0]);
	try_text(octets + 1, len - 1);
	return 0;
}
