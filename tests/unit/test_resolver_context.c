/* The boundary to libunbound: names, callbacks, contexts that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mx_wire.h"
#include "resolver_local.h"

static const struct mx_families both = { true, true };

struct asked {
	struct mx_ask ask;
	unsigned answers;
	bool failed;
	struct mx_name qname;
	uint16_t qtype;
	unsigned rcode;
};

static void answered(struct mx_ask *ask, const struct mx_result *result)
{
	struct asked *a = (struct asked *)ask;
	struct mx_in in;

	a->answers++;
	a->failed = result->failed;
	if (result->failed)
		return;
	mx_in_init(&in, result->packet, result->packet_len);
	mx_in_u16(&in);
	a->rcode = mx_in_u16(&in) & 15;
	mx_in_octets(&in, 8);
	mx_in_name_plain(&in, &a->qname);
	a->qtype = mx_in_u16(&in);
	assert_int_equal(in.err, MX_OK);
}

static void check_name(struct mx_context *context, const struct mx_name *name)
{
	struct asked a = { 0 };

	assert_int_equal(mx_context_ask(context, name->octets, MX_TYPE_MX,
					MX_CLASS_IN, answered, &a.ask), MX_OK);
	/* Local data: answered before the call returns. */
	assert_int_equal(a.answers, 1);
	assert_null(a.ask.context);
	assert_false(a.failed);
	assert_int_equal(a.rcode, MX_RCODE_REFUSED);
	assert_int_equal(a.qtype, MX_TYPE_MX);
	assert_int_equal(a.qname.len, name->len);
	assert_memory_equal(a.qname.octets, name->octets, name->len);
}

/* Every name goes in through text and must come back the same. */
static void names_round_trip(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX];
	struct mx_context *context;
	struct mx_name name;
	unsigned seed = 20260801;
	struct local l;

	(void)state;
	local_start(&l, "local-zone: . refuse");
	assert_int_equal(mx_context_new(&l.plan, both, &context, error),
			 MX_OK);

	name = (struct mx_name){ .len = 1 };
	check_name(context, &name);
	/* every octet alone, and before and after a digit */
	for (unsigned o = 0; o < 256; o++) {
		const uint8_t wire[] = { 1, (uint8_t)o, 3, '1', (uint8_t)o,
					 '2', 0 };

		name.len = sizeof wire;
		memcpy(name.octets, wire, sizeof wire);
		check_name(context, &name);
	}
	/* the longest: 255 octets, each written with four characters */
	static const uint8_t lengths[] = { 63, 63, 63, 61 };
	name.len = 0;
	for (unsigned i = 0; i < 4; i++) {
		name.octets[name.len++] = lengths[i];
		memset(name.octets + name.len, 0xff, lengths[i]);
		name.len = (uint8_t)(name.len + lengths[i]);
	}
	name.octets[name.len++] = 0;
	assert_int_equal(name.len, 255);
	check_name(context, &name);
	/* the most labels: 127 */
	name.len = 0;
	while (name.len < 254) {
		name.octets[name.len++] = 1;
		name.octets[name.len++] = '.';
	}
	name.octets[name.len++] = 0;
	check_name(context, &name);

	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned at = 0, labels = (unsigned)rand() % 8;

		for (unsigned n = 0; n < labels; n++) {
			unsigned len = 1 + (unsigned)rand() % 31;

			if (at + len + 2 > MX_NAME_MAX)
				break;
			name.octets[at++] = (uint8_t)len;
			while (len--)
				name.octets[at++] = (uint8_t)rand();
		}
		name.octets[at++] = 0;
		name.len = (uint8_t)at;
		check_name(context, &name);
	}
	mx_context_free(context);
	local_end(&l);
}

static void what_cannot_start(void **state)
{
	static const struct {
		const char *why, *hints, *anchors;
	} cases[] = {
		{ "trust anchor that is none", NULL, ". IN DS nonsense\n" },
		{ "hints that are no zone file", ". NS a.\na. A nonsense\n",
		  NULL },
		{ "hints that are not there", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mx_memory_file hints = { .fd = -1 },
				      anchors = { .fd = -1 };
		struct mx_context *context = NULL;
		char error[MX_RESOLVER_ERROR_MAX] = "";
		struct local l;

		local_start(&l, NULL);
		if (cases[i].hints && cases[i].hints[0]) {
			mx_memory_file_open("hints", cases[i].hints,
					    strlen(cases[i].hints), &hints);
			l.plan.hints_path = hints.path;
		} else if (cases[i].hints) {
			l.plan.hints_path = "/nonexistent/hints";
		}
		if (cases[i].anchors) {
			mx_memory_file_open("anchors", cases[i].anchors,
					    strlen(cases[i].anchors),
					    &anchors);
			l.plan.anchors_path = anchors.path;
		}
		if (mx_context_new(&l.plan, both, &context, error) !=
		    MX_E_CONFIG)
			fail_msg("%s", cases[i].why);
		assert_null(context);
		assert_non_null(strstr(error, "did not start"));
		mx_memory_file_close(&hints);
		mx_memory_file_close(&anchors);
		local_end(&l);
	}
}

/* Two at a time, as when IPv6 comes or goes; the log stays with the living. */
static void contexts_replace_each_other(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX];
	struct mx_context *now = NULL, *next;
	struct mx_name root = { .len = 1 };
	struct local l;

	(void)state;
	local_start(&l, "local-zone: . refuse");
	for (int i = 0; i < 6; i++) {
		struct mx_families f = { true, i % 2 == 0 };

		assert_int_equal(mx_context_new(&l.plan, f, &next, error),
				 MX_OK);
		assert_int_equal(mx_context_families(next).ip6, f.ip6);
		if (now)
			check_name(now, &root);
		check_name(next, &root);
		assert_true(mx_context_idle(next));
		mx_context_free(now);
		now = next;
		check_name(now, &root);
	}
	mx_context_free(now);
	mx_context_free(NULL);
	local_end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(what_cannot_start),
		cmocka_unit_test(contexts_replace_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
