/* A route as JSON: what docs/route.schema.json says is in it, whatever the
 * network put into names. Python holds real output against the schema; here
 * are the words, which must all be there, and results that no lab makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/admin/route_json.h"
#include "mx_wire.h"

static const struct mx_route_destination domain = { .port = 25 };

static struct mx_name name_of(const char *text)
{
	struct mx_name name;

	assert_int_equal(mx_name_from_text(text, &name), MX_OK);
	return name;
}

static void assert_names_escaped(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);

	assert_non_null(text);
	for (const char *at = text; *at; at++)
		assert_in_range(*at, ' ', '~');
	assert_null(strstr(text, "\\u00"));
	free(text);
}

/* All that has room filled to the brim, with names of every octet. */
static void test_full(void **state)
{
	static struct mx_route_result r;
	static struct mx_route_tlsa tlsa[MX_ROUTE_TLSA_MAX];
	struct mx_name nasty = { .len = 255 };

	(void)state;
	for (unsigned i = 0, at = 0; i < 4; i++) { /* 63 + 63 + 63 + 61 */
		unsigned len = i < 3 ? 63 : 61;
		nasty.octets[at++] = (uint8_t)len;
		for (unsigned k = 0; k < len; k++)
			nasty.octets[at++] = (uint8_t)(64 * i + k);
	}
	for (unsigned i = 0; i < MX_ROUTE_TLSA_MAX; i++) {
		tlsa[i] = (struct mx_route_tlsa){ .usage = 255, .selector = 255,
						  .matching = 255, .len = 65000 };
		memset(tlsa[i].data, 0xfe, sizeof tlsa[i].data);
	}
	r.domain = r.mx_owner = nasty;
	r.port = 65535;
	r.warnings = UINT32_MAX;
	r.host_count = MX_ROUTE_HOSTS_MAX;
	r.expires_ms = 5999;
	for (unsigned i = 0; i < r.host_count; i++) {
		struct mx_route_host *h = &r.hosts[i];
		h->name = h->final = h->tlsa_base = nasty;
		h->preference = 65535;
		h->warnings = UINT32_MAX;
		h->address_count = MX_ROUTE_ADDRESSES_MAX;
		for (unsigned k = 0; k < h->address_count; k++)
			h->addresses[k].is_ipv6 = k % 2;
		h->tlsa_count = h->tlsa_kept = MX_ROUTE_TLSA_MAX;
		h->tlsa = tlsa;
	}
	json_t *route = route_json("x.example", &domain, &r, NULL, (struct json_time){ 1000, 0 });
	assert_non_null(route);
	assert_names_escaped(route);
	assert_int_equal(json_integer_value(json_object_get(route, "holds_s")), 4);
	json_t *hosts = json_object_get(route, "hosts");
	assert_int_equal(json_array_size(hosts), MX_ROUTE_HOSTS_MAX);
	json_t *host = json_array_get(hosts, 9);
	assert_int_equal(json_array_size(json_object_get(host, "addresses")), 16);
	assert_int_equal(json_array_size(json_object_get(host, "warnings")),
			 MX_ROUTE_WARNING_COUNT);
	json_t *last = json_array_get(json_object_get(host, "tlsa"), 31);
	assert_int_equal(json_string_length(json_object_get(last, "data")), 128);
	assert_int_equal(json_integer_value(json_object_get(last, "octets")), 65000);
	/* Some 100 KiB: what control.c reckons with. */
	char *text = json_dumps(route, JSON_COMPACT);
	assert_in_range(strlen(text), 1, 200 * 1024);
	free(text);
	json_decref(route);
}

static const char *text_of(json_t *route, const char *key)
{
	return json_string_value(json_object_get(route, key));
}

static void test_lifetimes(void **state)
{
	struct mx_route_result r = { .expires_ms = 999 };
	json_t *route = route_json("a", &domain, &r, NULL, (struct json_time){ 1000, 0 });

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(route, "holds_s")), 0);
	json_decref(route);
	r.expires_ms = INT64_MAX;
	route = route_json("a", &domain, &r, NULL, (struct json_time){ 1000, 0 });
	assert_true(json_is_null(json_object_get(route, "holds_s")));
	json_decref(route);
}

/* In brackets there is no MX, and an address has no name. */
static void test_what_is_not_there_is_null(void **state)
{
	struct mx_route_destination to = { .is_host = true, .is_address = true };
	struct mx_route_result r = { .domain = { .len = 1 }, .host_count = 1,
				     .mx_state = MX_SECURE };
	json_t *route = route_json("[192.0.2.1]", &to, &r, NULL, (struct json_time){ 0, 0 });
	json_t *host = json_array_get(json_object_get(route, "hosts"), 0);

	(void)state;
	assert_true(json_is_null(json_object_get(route, "domain")));
	assert_true(json_is_null(json_object_get(route, "mx_owner")));
	assert_true(json_is_null(json_object_get(route, "mx_validation")));
	assert_true(json_is_null(json_object_get(host, "name")));
	assert_true(json_is_null(json_object_get(host, "tlsa_base")));
	json_decref(route);

	r.domain = name_of("a.example");
	route = route_json("a.example", &domain, &r, NULL, (struct json_time){ 0, 0 });
	assert_string_equal(text_of(route, "domain"), "a.example");
	assert_string_equal(text_of(route, "mx_validation"), "secure");
	json_decref(route);
}

static void test_classes(void **state)
{
	static const struct {
		enum mx_route_outcome outcome;
		const char *class;
		int status;
	} cases[] = {
		{ MX_ROUTE_DELIVER, "deliverable", 0 },
		{ MX_ROUTE_NULL_MX, "permanent", 1 },
		{ MX_ROUTE_TRY_AGAIN, "temporary", 2 },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct mx_route_result r = { .outcome = cases[i].outcome };
		json_t *route = route_json("a", &domain, &r, NULL, (struct json_time){ 0, 0 });
		assert_string_equal(text_of(route, "class"), cases[i].class);
		assert_int_equal(json_integer_value(json_object_get(route, "status")),
				 cases[i].status);
		json_decref(route);
	}
}

/* ---- the schema has all words of the tables, and no others ---- */

static json_t *property(json_t *definition, const char *name)
{
	json_t *found = json_object_get(json_object_get(definition, "properties"),
					name);

	assert_non_null(found);
	return found;
}

static void assert_words(json_t *where, const char *const *words, size_t count)
{
	json_t *listed = json_object_get(where, "enum");

	assert_int_equal(json_array_size(listed), count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(json_string_value(json_array_get(listed, i)),
				    words[i]);
}

#define WORD(name, word, ...) word,
#define ASSERT_WORDS(where, table) \
	do { \
		static const char *const words[] = { table(WORD) }; \
		assert_words(where, words, sizeof words / sizeof *words); \
	} while (0)

/* Two tables, without the success of the first. */
static void assert_failures(json_t *schema)
{
	static const char *const words[] = {
#define X(name, word, text) word,
		MX_FETCH_RESULTS(X)
		MX_STS_FAILURES(X)
#undef X
	};
	json_t *list = json_object_get(schema, "enum");

	assert_string_equal(words[0], "ok");
	for (size_t i = 1; i < sizeof words / sizeof *words; i++)
		assert_string_equal(words[i], json_string_value(
					    json_array_get(list, i - 1)));
	assert_int_equal(json_array_size(list),
			 sizeof words / sizeof *words - 1);
}

/* What is known of a policy, all of it. */
static void test_policy(void **state)
{
	static struct mx_route_policy policy = {
		.mode = MX_ROUTE_MODE_ENFORCE, .max_age_s = 86400, .mx_count = 2,
	};
	struct mx_route_result r = { .sts_record = MX_ROUTE_STS_ONE,
				     .sts_id = "2", .host_count = 1 };
	const struct mx_sts_answer sts = {
		.record = MX_ROUTE_STS_ONE, .record_id = "2",
		.source = MX_STS_FROM_CACHE, .policy = &policy,
		.policy_id = "1", .fetched_ms = 100000,
		.expires_ms = 86500000, .fetching = true,
		.failure = MX_FETCH_CERTIFICATE, .failure_detail = "expired",
		.failed_ms = 190000, .retry_ms = 490000,
	};
	json_t *route, *json, *part;

	(void)state;
	policy.mx[0].name = name_of("mx.a.example");
	policy.mx[1].name = name_of("b.example");
	policy.mx[1].wildcard = true;
	r.hosts[0].sts_match = MX_ROUTE_MATCH_NO;
	route = route_json("a", &domain, &r, &sts,
			   (struct json_time){ 0, 200000 });
	assert_string_equal(text_of(json_array_get(json_object_get(route,
				"hosts"), 0), "mta_sts_match"), "no");
	json = json_object_get(route, "mta_sts");
	assert_string_equal(text_of(json, "record"), "one");
	assert_string_equal(text_of(json, "id"), "2");
	assert_true(json_is_true(json_object_get(json, "fetching")));
	part = json_object_get(json, "policy");
	assert_string_equal(text_of(part, "mode"), "enforce");
	assert_string_equal(text_of(part, "id"), "1");
	assert_string_equal(text_of(part, "source"), "cache");
	assert_int_equal(json_integer_value(json_object_get(part, "fetched_s")), 100);
	assert_int_equal(json_integer_value(json_object_get(part, "expires_s")), 86300);
	assert_string_equal(json_string_value(json_array_get(json_object_get(
				part, "mx"), 1)), "*.b.example");
	part = json_object_get(json, "failure");
	assert_string_equal(text_of(part, "code"), "certificate");
	assert_string_equal(text_of(part, "detail"), "expired");
	assert_int_equal(json_integer_value(json_object_get(part, "ago_s")), 10);
	assert_int_equal(json_integer_value(json_object_get(part, "retry_s")), 290);
	json_decref(route);
	/* A clock that was set back. */
	route = route_json("a", &domain, &r, &sts, (struct json_time){ 0, 0 });
	part = json_object_get(json_object_get(route, "mta_sts"), "policy");
	assert_int_equal(json_integer_value(json_object_get(part, "fetched_s")), 0);
	json_decref(route);
	/* mta-sts is off: only the record. */
	route = route_json("a", &domain, &r, NULL, (struct json_time){ 0, 0 });
	json = json_object_get(route, "mta_sts");
	assert_true(json_is_null(json_object_get(json, "policy")));
	assert_true(json_is_null(json_object_get(json, "failure")));
	json_decref(route);
}

static void test_schema(void **state)
{
	json_t *schema = json_load_file("docs/route.schema.json",
					JSON_REJECT_DUPLICATES, NULL);
	json_t *all = json_object_get(schema, "definitions");
	json_t *route = json_object_get(all, "route");
	json_t *host = json_object_get(all, "host");
	json_t *tlsa = json_object_get(all, "tlsa");

	(void)state;
	assert_non_null(schema);
	ASSERT_WORDS(property(route, "outcome"), MX_ROUTE_OUTCOMES);
	ASSERT_WORDS(property(route, "reason"), MX_ROUTE_REASONS);
	ASSERT_WORDS(property(host, "state"), MX_ROUTE_HOST_STATES);
	ASSERT_WORDS(property(host, "dane"), MX_ROUTE_DANES);
	ASSERT_WORDS(json_object_get(all, "level"), MX_ROUTE_LEVELS);
	ASSERT_WORDS(property(tlsa, "reason"), MX_ROUTE_TLSA_REASONS);
	ASSERT_WORDS(property(json_object_get(all, "warning"), "code"),
		     MX_ROUTE_WARNINGS);
	ASSERT_WORDS(property(host, "mta_sts_match"), MX_ROUTE_MATCHES);
	json_t *sts = json_object_get(all, "mta_sts");
	ASSERT_WORDS(property(sts, "record"), MX_ROUTE_STS_RECORDS);
	ASSERT_WORDS(property(property(sts, "policy"), "mode"),
		     MX_ROUTE_STS_MODES);
	assert_failures(property(property(sts, "failure"), "code"));

	/* And all members, in the order in which they are written. */
	struct mx_route_result r = { .host_count = 1 };
	json_t *made = route_json("a", &domain, &r, NULL, (struct json_time){ 0, 0 });
	json_t *required = json_object_get(route, "required");
	const char *key;
	json_t *value;
	size_t i = 0;
	json_object_foreach(made, key, value)
		assert_string_equal(key, json_string_value(json_array_get(required, i++)));
	assert_int_equal(i, json_array_size(required));
	json_decref(made);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_what_is_not_there_is_null),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests_name("admin_route_json", tests, NULL, NULL);
}
