/* Names: on the wire, compared, and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_wire.h"

/* The name starts at offset `at` of the octets. text NULL: an error. */
static const struct wire_case {
	const char *why, *hex;
	size_t at;
	enum mx_error want;
	const char *text;
	size_t left; /* octets after the name */
} wire_cases[] = {
	{ "root", "00", 0, MX_OK, ".", 0 },
	{ "two labels", "016d 026d78 00 ff", 0, MX_OK, "m.mx.", 1 },
	{ "case is kept", "024d78 00", 0, MX_OK, "Mx.", 0 },
	{ "binary octets", "05 00 2e 5c ff 20 00", 0, MX_OK,
	  "\\000\\.\\\\\\255\\032.", 0 },
	{ "the first and the last that are written as they are",
	  "05 20 21 7e 7f 30 00", 0, MX_OK, "\\032!~\\1270.", 0 },
	{ "63-octet label", "3f {63:61} 00", 0, MX_OK, "{63}.", 0 },
	{ "255 octets", "3f{63:61} 3f{63:61} 3f{63:61} 3d{61:61} 00", 0,
	  MX_OK, "{63}.{63}.{63}.{61}.", 0 },
	{ "256 octets", "3f{63:61} 3f{63:61} 3f{63:61} 3e{62:61} 00", 0,
	  MX_E_NAME_LONG, NULL, 0 },
	{ "256 octets without the root yet",
	  "3f{63:61} 3f{63:61} 3f{63:61} 3f{63:61} 00", 0, MX_E_NAME_LONG,
	  NULL, 0 },
	{ "empty message", "", 0, MX_E_SHORT, NULL, 0 },
	{ "no root label", "016d", 0, MX_E_SHORT, NULL, 0 },
	{ "label longer than the message", "036d78", 0, MX_E_SHORT, NULL, 0 },
	{ "label type 01 (was: bit-string)", "41 00 00", 0, MX_E_LABEL, NULL,
	  0 },
	{ "label type 10", "80 00 00", 0, MX_E_LABEL, NULL, 0 },
	{ "half a pointer", "{12:00} 00 c0", 13, MX_E_SHORT, NULL, 0 },

	{ "pointer", "{12:00} 016d00 c00c ff", 15, MX_OK, "m.", 1 },
	{ "label and pointer", "{12:00} 016d00 0161 c00c ffff", 15, MX_OK,
	  "a.m.", 2 },
	{ "pointer to a root label", "{12:00} 00 c00c", 13, MX_OK, ".", 0 },
	{ "pointer to a pointer", "{12:00} 016d00 c00c c00f", 17, MX_OK, "m.",
	  0 },
	{ "pointer to itself", "{12:00} c00c", 12, MX_E_POINTER, NULL, 0 },
	{ "pointer to the label before it", "{12:00} 016d c00c", 12,
	  MX_E_POINTER, NULL, 0 },
	{ "pointer into the label before it", "{12:00} 0161 c00d", 12,
	  MX_E_POINTER, NULL, 0 },
	{ "pointer forward", "{12:00} c00e 016d00", 12, MX_E_POINTER, NULL,
	  3 },
	{ "pointers to each other", "{12:00} c00e c00c", 14, MX_E_POINTER,
	  NULL, 0 },
	{ "pointer into the header", "{12:00} c00b", 12, MX_E_POINTER, NULL,
	  0 },
	{ "pointer to offset 0", "{12:00} c000", 12, MX_E_POINTER, NULL, 0 },
	{ "pointer beyond the message", "{12:00} ffff", 12, MX_E_POINTER,
	  NULL, 0 },
	{ "label, pointer, the same label again: RFC 9267 section 2",
	  "{12:00} 0161 0162 c00e", 12, MX_E_POINTER, NULL, 0 },
	{ "256 octets, the last of them by pointer",
	  "{12:00} 3f{63:61} 3f{63:61} 00 3f{63:61} 3f{63:61} c00c", 141,
	  MX_E_NAME_LONG, NULL, 0 },
};

/* {N} in text stands for N times "a". */
static void expand(const char *text, char *to)
{
	while (*text != '\0') {
		if (*text == '{') {
			char *after;
			unsigned long n = strtoul(text + 1, &after, 10);

			memset(to, 'a', n);
			to += n;
			text = after + 1;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static void check_wire(const struct wire_case *c, const uint8_t *msg,
		       size_t len)
{
	struct mx_in in;
	struct mx_name name;
	char text[MX_NAME_TEXT_MAX], want[MX_NAME_TEXT_MAX];

	mx_in_init(&in, msg, len);
	mx_in_octets(&in, c->at);
	mx_in_name(&in, &name);
	if (in.err != c->want)
		fail_msg("%s: %s", c->why, mx_error_text(in.err));
	if (c->want != MX_OK) {
		assert_int_equal(name.len, 1);
		assert_int_equal(name.octets[0], 0);
		return;
	}
	expand(c->text, want);
	mx_name_to_text(name.octets, text);
	assert_string_equal(text, want);
	if (mx_in_left(&in) != c->left)
		fail_msg("%s: %zu octets left", c->why, mx_in_left(&in));
}

static void wire_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wire_cases / sizeof *wire_cases; i++) {
		uint8_t msg[600];

		check_wire(&wire_cases[i], msg,
			   hex_read(wire_cases[i].hex, msg, sizeof msg));
	}
}

/* Each accepted name, cut at each octet it needs, must be refused. The copy
 * has just the octets, so that the sanitizer sees the first one too many. */
static void truncation_ladder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wire_cases / sizeof *wire_cases; i++) {
		const struct wire_case *c = &wire_cases[i];
		uint8_t msg[600];
		size_t len = hex_read(c->hex, msg, sizeof msg);

		if (c->want != MX_OK)
			continue;
		for (size_t cut = c->at; cut < len - c->left; cut++) {
			uint8_t *copy = malloc(cut + 1);
			struct mx_in in;
			struct mx_name name;

			memcpy(copy, msg, cut);
			mx_in_init(&in, copy, cut);
			mx_in_octets(&in, c->at);
			mx_in_name(&in, &name);
			if (in.err != MX_E_SHORT)
				fail_msg("%s cut at %zu", c->why, cut);
			free(copy);
		}
	}
}

static void no_pointer_in_a_plain_name(void **state)
{
	(void)state;
	uint8_t msg[32];
	size_t len = hex_read("{12:00} 016d00 0161c00c", msg, sizeof msg);
	struct mx_in in;
	struct mx_name name;

	mx_in_init(&in, msg, len);
	mx_in_octets(&in, 15);
	mx_in_name_plain(&in, &name);
	assert_int_equal(in.err, MX_E_POINTER);
	mx_in_init(&in, msg, len);
	mx_in_octets(&in, 12);
	mx_in_name_plain(&in, &name);
	assert_int_equal(in.err, MX_OK);
	assert_int_equal(name.len, 3);
	assert_int_equal(mx_in_left(&in), 4);
}

/* Read in place, a name is judged as it is when copied: from every octet of
 * the table's messages on. */
static void span_is_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wire_cases / sizeof *wire_cases; i++) {
		uint8_t msg[600];
		size_t len = hex_read(wire_cases[i].hex, msg, sizeof msg);

		for (size_t from = 0; from < len; from++) {
			struct mx_in copied, span;
			struct mx_name name;

			mx_in_init(&copied, msg + from, len - from);
			span = copied;
			mx_in_name_plain(&copied, &name);
			uint8_t octets = mx_in_name_span(&span);

			assert_int_equal(span.err, copied.err);
			assert_ptr_equal(span.at, copied.at);
			assert_int_equal(octets, span.err ? 0 : name.len);
		}
	}
}

/* A name in RDATA must end in the RDATA, but may point out of it. */
static void names_in_a_sub(void **state)
{
	(void)state;
	uint8_t msg[40];
	size_t len = hex_read("{12:00} 016d00 0161c00c 0162 00", msg,
			      sizeof msg);
	struct mx_in in, sub;
	struct mx_name name;

	mx_in_init(&in, msg, len);
	mx_in_octets(&in, 15);
	sub = mx_in_sub(&in, 4);
	mx_in_name(&sub, &name);
	assert_int_equal(mx_in_end(&sub), MX_OK);
	assert_int_equal(name.len, 5);
	sub = mx_in_sub(&in, 2); /* the root label is the neighbour's */
	mx_in_name(&sub, &name);
	assert_int_equal(sub.err, MX_E_SHORT);
}

/* Skipping ends where reading ends, and refuses what needs no second look. */
static void skipped_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wire_cases / sizeof *wire_cases; i++) {
		const struct wire_case *c = &wire_cases[i];
		uint8_t msg[600];
		size_t len = hex_read(c->hex, msg, sizeof msg);
		struct mx_in in;

		mx_in_init(&in, msg, len);
		mx_in_octets(&in, c->at);
		mx_in_name_skip(&in);
		if (c->want == MX_OK && (in.err != MX_OK ||
					 mx_in_left(&in) != c->left))
			fail_msg("%s: %s, %zu left", c->why,
				 mx_error_text(in.err), mx_in_left(&in));
		/* What is wrong only behind a pointer is not seen. */
		if (c->want != MX_OK && in.err != c->want &&
		    strstr(c->why, "by pointer") == NULL &&
		    strstr(c->why, "each other") == NULL)
			fail_msg("%s: %s", c->why, mx_error_text(in.err));
	}
}

/* 16 KiB of pointers, each to the one before: a bounded number is followed,
 * so a packet full of them costs its length and not its square. */
static void chain_of_pointers_is_bounded(void **state)
{
	(void)state;
	uint8_t msg[16384];
	struct mx_in in;
	struct mx_name name;
	struct mx_out out;

	mx_out_init(&out, msg, sizeof msg);
	for (int i = 0; i < 12; i++)
		mx_out_u8(&out, 0);
	mx_out_u16(&out, 0); /* root, and an octet to stay even */
	mx_out_u16(&out, 0xc00c);
	while (mx_out_len(&out) < sizeof msg)
		mx_out_u16(&out, (uint16_t)(0xc000 | (mx_out_len(&out) - 2)));
	for (size_t n = 1; n < (sizeof msg - 14) / 2; n++) {
		mx_in_init(&in, msg, sizeof msg);
		mx_in_octets(&in, 12 + 2 * n);
		mx_in_name(&in, &name);
		assert_int_equal(in.err, n <= MX_NAME_POINTERS_MAX ?
						 MX_OK : MX_E_POINTER);
	}
}

/* 127 labels, each written by a pointer of its own: the longest there is. */
static void every_label_by_pointer(void **state)
{
	(void)state;
	uint8_t msg[600];
	struct mx_in in;
	struct mx_name name;
	struct mx_out out;
	size_t before = 0, at = 12;

	mx_out_init(&out, msg, sizeof msg);
	for (int i = 0; i < 12; i++)
		mx_out_u8(&out, 0);
	mx_out_u8(&out, 0);
	before = 12;
	for (int i = 0; i < 127; i++) {
		at = mx_out_len(&out);
		mx_out_u16(&out, 0x0161);
		mx_out_u16(&out, (uint16_t)(0xc000 | before));
		before = at;
	}
	mx_in_init(&in, msg, mx_out_len(&out));
	mx_in_octets(&in, at);
	mx_in_name(&in, &name);
	assert_int_equal(mx_in_end(&in), MX_OK);
	assert_int_equal(name.len, 255);
	assert_int_equal(mx_name_labels(name.octets), 127);
}

static struct mx_name named(const char *text)
{
	struct mx_name name;

	assert_int_equal(mx_name_from_text(text, &name), MX_OK);
	return name;
}

static void compare(void **state)
{
	(void)state;
	static const struct {
		const char *name, *ancestor;
		bool below, equal;
	} cases[] = {
		{ "example.", "example.", true, true },
		{ "EXAMPLE.", "example.", true, true },
		{ "mx.Example.", "eXample.", true, false },
		{ "example.", "mx.example.", false, false },
		{ "notexample.", "example.", false, false },
		{ "a.example.", "b.example.", false, false },
		{ "example.", ".", true, false },
		{ ".", ".", true, true },
		{ ".", "example.", false, false },
		{ "\\[.", "{.", false, false }, /* 0x5b and 0x7b: no letters */
		{ "\\064.", "`.", false, false },
		/* They differ in their first octet alone. */
		{ "a\\001b.", "a.b.", false, false },
		/* The tail octets of the name are the ancestor's, but there a
		 * label is only in the middle of another. */
		{ "x\\007example.", "example.", false, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_name a = named(cases[i].name);
		struct mx_name b = named(cases[i].ancestor);

		if (mx_name_below(a.octets, a.len, b.octets, b.len) !=
			    cases[i].below ||
		    mx_name_equal(&a, &b) != cases[i].equal)
			fail_msg("%s and %s", cases[i].name,
				 cases[i].ancestor);
	}
}

static void lower_case_is_ascii(void **state)
{
	(void)state;
	uint8_t all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	mx_name_lower(all, sizeof all);
	for (int i = 0; i < 256; i++)
		assert_int_equal(all[i], i >= 'A' && i <= 'Z' ? i + 32 : i);
}

/* Whatever the length, all of it and nothing behind it. */
static void lower_case_of_any_length(void **state)
{
	(void)state;
	for (size_t len = 0; len < 40; len++) {
		uint8_t octets[40];

		memset(octets, 'Q', sizeof octets);
		mx_name_lower(octets, len);
		for (size_t i = 0; i < sizeof octets; i++)
			assert_int_equal(octets[i], i < len ? 'q' : 'Q');
	}
}

static void tails(void **state)
{
	(void)state;
	struct mx_name name = named("a.b.example.");
	const uint8_t *o = name.octets;

	assert_int_equal(mx_name_labels(o), 3);
	assert_ptr_equal(mx_name_tail(o, 0), o + 12);
	assert_ptr_equal(mx_name_tail(o, 1), o + 4);
	assert_ptr_equal(mx_name_tail(o, 2), o + 2);
	assert_ptr_equal(mx_name_tail(o, 3), o);
	assert_ptr_equal(mx_name_tail(o, 100), o);
	assert_int_equal(mx_name_labels((const uint8_t *)""), 0);
}

static void from_text_table(void **state)
{
	(void)state;
	static const struct {
		const char *why, *text;
		enum mx_error want;
		const char *hex;
	} cases[] = {
		{ "root", ".", MX_OK, "00" },
		{ "with dot", "mx.", MX_OK, "026d7800" },
		{ "without", "mx", MX_OK, "026d7800" },
		{ "digits", "\\000\\255.", MX_OK, "02 00ff 00" },
		{ "escaped dot", "a\\.b", MX_OK, "03 612e62 00" },
		{ "escaped backslash", "\\\\", MX_OK, "01 5c 00" },
		{ "underscores and a slash", "_25._tcp.0/25", MX_OK,
		  "03 5f3235 04 5f746370 04 302f3235 00" },
		{ "63 octets", "{63}", MX_OK, "3f{63:61} 00" },
		{ "64 octets", "{64}", MX_E_LABEL, NULL },
		{ "255 octets", "{63}.{63}.{63}.{61}", MX_OK,
		  "3f{63:61} 3f{63:61} 3f{63:61} 3d{61:61} 00" },
		{ "256 octets", "{63}.{63}.{63}.{62}", MX_E_NAME_LONG, NULL },
		{ "empty", "", MX_E_SHORT, NULL },
		{ "empty label", "a..b", MX_E_SHORT, NULL },
		{ "two dots", "..", MX_E_SHORT, NULL },
		{ "dot first", ".a", MX_E_SHORT, NULL },
		{ "nothing escaped", "a\\", MX_E_SHORT, NULL },
		{ "two digits", "\\25", MX_E_SHORT, NULL },
		{ "two digits, then a letter", "\\25a", MX_E_SHORT, NULL },
		{ "a letter between digits", "\\2a5", MX_E_SHORT, NULL },
		{ "over 255", "\\256", MX_E_LABEL, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_name name = { .len = 77 };
		char text[MX_NAME_TEXT_MAX];
		uint8_t want[300];
		enum mx_error err;

		expand(cases[i].text, text);
		err = mx_name_from_text(text, &name);
		if (err != cases[i].want)
			fail_msg("%s: %s", cases[i].why, mx_error_text(err));
		if (err != MX_OK) {
			assert_int_equal(name.len, 77);
			continue;
		}
		assert_int_equal(name.len,
				 hex_read(cases[i].hex, want, sizeof want));
		assert_memory_equal(name.octets, want, name.len);
	}
}

/* wire -> text -> wire for every octet there is, each in turn at each end of
 * a label and filling the longest name. */
static void text_round_trip(void **state)
{
	(void)state;
	for (int octet = 0; octet < 256; octet++) {
		struct mx_name name = { .len = 255 }, again;
		char text[MX_NAME_TEXT_MAX];

		memset(name.octets, octet, sizeof name.octets);
		name.octets[0] = name.octets[64] = name.octets[128] = 63;
		name.octets[192] = 61;
		name.octets[254] = 0;
		mx_name_to_text(name.octets, text);
		assert_true(strlen(text) < MX_NAME_TEXT_MAX);
		for (const char *c = text; *c != '\0'; c++)
			assert_true(*c > 0x20 && *c < 0x7f &&
				    strchr("\"();@$", *c) == NULL);
		assert_int_equal(mx_name_from_text(text, &again), MX_OK);
		assert_int_equal(again.len, 255);
		assert_memory_equal(again.octets, name.octets, 255);
	}
}

static void types(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool known;
		uint16_t type;
	} cases[] = {
		{ "MX", true, 15 },	 { "mx", true, 15 },
		{ "TLSA", true, 52 },	 { "TYPE666", true, 666 },
		{ "type15", true, 15 },	 { "TYPE65535", true, 65535 },
		{ "TYPE0", true, 0 },	 { "TYPE65536", false, 0 },
		{ "TYPE", false, 0 },	 { "TYPE-1", false, 0 },
		{ "TYPE1x", false, 0 },	 { "", false, 0 },
		{ "M", false, 0 },	 { "MXX", false, 0 },
		{ "TYPE99999999999999999999", false, 0 },
	};
	char buf[16];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint16_t type = 4711;

		if (mx_type_from_text(cases[i].text, &type) != cases[i].known)
			fail_msg("%s", cases[i].text);
		assert_int_equal(type, cases[i].known ? cases[i].type : 4711);
	}
	assert_string_equal(mx_type_text(15, buf), "MX");
	assert_string_equal(mx_type_text(65535, buf), "TYPE65535");
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		uint16_t again;

		assert_true(mx_type_from_text(
			mx_type_text((uint16_t)type, buf), &again));
		assert_int_equal(again, type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_table),
		cmocka_unit_test(truncation_ladder),
		cmocka_unit_test(no_pointer_in_a_plain_name),
		cmocka_unit_test(span_is_plain),
		cmocka_unit_test(names_in_a_sub),
		cmocka_unit_test(skipped_names),
		cmocka_unit_test(chain_of_pointers_is_bounded),
		cmocka_unit_test(every_label_by_pointer),
		cmocka_unit_test(compare),
		cmocka_unit_test(lower_case_is_ascii),
		cmocka_unit_test(lower_case_of_any_length),
		cmocka_unit_test(tails),
		cmocka_unit_test(from_text_table),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(types),
	};

	return cmocka_run_group_tests_name("wire_name", tests, NULL, NULL);
}
