/* Lines from the control socket, read; and the lines that go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/admin/request.h"
#include "mx_control.h"

static enum request_error read_line(const char *line, struct request *ret,
				    char why[REQUEST_WHY_MAX])
{
	return request_read(line, strlen(line), ret, why);
}

static void test_good_requests(void **state)
{
	static const struct {
		const char *line, *destination;
		uint16_t port;
		bool is_host, is_address;
	} cases[] = {
		{ "{\"command\":\"route\",\"destination\":\"Example.COM\"}",
		  "Example.COM", 25, false, false },
		{ " { \"destination\" : \"a.example:587\", \"id\":1, \"command\":\"route\"}\r",
		  "a.example:587", 587, false, false },
		{ "{\"id\":null,\"command\":\"route\",\"destination\":\"[mx.example]\"}",
		  "[mx.example]", 25, true, false },
		{ "{\"command\":\"route\",\"destination\":\"[IPv6:2001:db8::1]:26\"}",
		  "[IPv6:2001:db8::1]:26", 26, true, true },
		{ "{\"command\":\"route\",\"destination\":\"\\u0061.example\"}",
		  "a.example", 25, false, false },
	};
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(read_line(cases[i].line, &r, why), REQUEST_OK);
		assert_int_equal(r.command, REQUEST_ROUTE);
		assert_string_equal(r.destination_text, cases[i].destination);
		assert_int_equal(r.destination.port, cases[i].port);
		assert_int_equal(r.destination.is_host, cases[i].is_host);
		assert_int_equal(r.destination.is_address, cases[i].is_address);
		request_clear(&r);
	}
}

static void test_commands(void **state)
{
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	assert_int_equal(read_line("{\"command\":\"policy\",\"destination\":\"a.example:587\"}",
				   &r, why), REQUEST_OK);
	assert_int_equal(r.command, REQUEST_POLICY);
	assert_int_equal(r.destination.port, 587);
	request_clear(&r);
	assert_int_equal(read_line("{\"command\":\"policy\"}", &r, why),
			 REQUEST_E_REQUEST);
	request_clear(&r);
}

static void test_names_and_types(void **state)
{
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	assert_int_equal(read_line("{\"command\":\"lookup\",\"name\":\"A.Example.\",\"type\":\"tlsa\"}",
				   &r, why), REQUEST_OK);
	assert_int_equal(r.command, REQUEST_LOOKUP);
	assert_int_equal(r.qtype, MX_TYPE_TLSA);
	assert_memory_equal(r.name.octets, "\1a\7example", 11);
	assert_int_equal(read_line("{\"command\":\"flush\",\"name\":\".\",\"zone\":true}",
				   &r, why), REQUEST_OK);
	assert_true(r.zone && r.qtype == 0 && r.name.len == 1);
	assert_int_equal(read_line("{\"command\":\"dump\",\"from\":4294967296}",
				   &r, why), REQUEST_OK);
	assert_true(r.from == 4294967296);
	assert_int_equal(read_line("{\"command\":\"status\"}", &r, why),
			 REQUEST_OK);
	assert_int_equal(r.command, REQUEST_STATUS);
}

static void test_bad_names_and_types(void **state)
{
	static const struct {
		const char *line;
		enum request_error err;
	} cases[] = {
		{ "{\"command\":\"status\",\"name\":\"a\"}", REQUEST_E_REQUEST },
		{ "{\"command\":\"lookup\",\"name\":\"a\"}", REQUEST_E_REQUEST },
		{ "{\"command\":\"lookup\",\"type\":\"MX\"}", REQUEST_E_REQUEST },
		{ "{\"command\":\"lookup\",\"name\":\"\",\"type\":\"MX\"}", REQUEST_E_NAME },
		{ "{\"command\":\"lookup\",\"name\":\"a..b\",\"type\":\"MX\"}", REQUEST_E_NAME },
		{ "{\"command\":\"lookup\",\"name\":\"a b\",\"type\":\"MX\"}", REQUEST_E_NAME },
		{ "{\"command\":\"lookup\",\"name\":\"\xc3\xa9\",\"type\":\"MX\"}", REQUEST_E_NAME },
		{ "{\"command\":\"lookup\",\"name\":\"a\",\"type\":\"ANY\"}", REQUEST_E_TYPE },
		{ "{\"command\":\"lookup\",\"name\":\"a\",\"type\":\"TYPE0\"}", REQUEST_E_TYPE },
		{ "{\"command\":\"lookup\",\"name\":\"a\",\"type\":\"OPT\"}", REQUEST_E_TYPE },
		{ "{\"command\":\"lookup\",\"name\":\"a\",\"type\":15}", REQUEST_E_TYPE },
		{ "{\"command\":\"flush\",\"name\":\"a\",\"type\":\"MX\",\"zone\":true}", REQUEST_E_REQUEST },
		{ "{\"command\":\"flush\",\"name\":\"a\",\"zone\":1}", REQUEST_E_REQUEST },
		{ "{\"command\":\"dump\",\"from\":-1}", REQUEST_E_REQUEST },
		{ "{\"command\":\"dump\",\"from\":\"1\"}", REQUEST_E_REQUEST },
	};
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (read_line(cases[i].line, &r, why) != cases[i].err || !*why)
			fail_msg("%s: %s", cases[i].line, why);
}

#define ROUTE(id) \
	"{\"id\":" id ",\"command\":\"route\",\"destination\":\"a.example\"}"

static void test_ids_come_back(void **state)
{
	static const char *const ids[] = {
		"1", "-9223372036854775808", "9223372036854775807", "\"\"",
		"\"a \\\"b\\\\~\"",
	};
	struct request r;
	char line[200], why[REQUEST_WHY_MAX], want[200];

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		snprintf(line, sizeof line, ROUTE("%s"), ids[i]);
		assert_int_equal(read_line(line, &r, why), REQUEST_OK);
		char *reply = reply_result(r.id, json_string("x"));
		snprintf(want, sizeof want, "{\"id\":%s,\"result\":\"x\"}\n",
			 ids[i]);
		assert_string_equal(reply, want);
		free(reply);
		request_clear(&r);
	}
	char *reply = reply_error(NULL, REQUEST_E_BUSY, "later");
	assert_string_equal(reply, "{\"id\":null,\"error\":{\"code\":\"busy\",\"text\":\"later\"}}\n");
	free(reply);
	assert_null(reply_result(NULL, NULL));
}

/* What is wrong, and a part of what is said of it. */
static void test_bad_requests(void **state)
{
	static const struct {
		const char *line;
		enum request_error err;
		const char *said;
		bool has_id;
	} cases[] = {
		{ "garbage", REQUEST_E_JSON, "octet", false },
		{ "", REQUEST_E_JSON, "", false },
		{ "{\"id\":1", REQUEST_E_JSON, "", false },
		{ "{\"id\":1}x", REQUEST_E_JSON, "", false },
		{ "{\"id\":1,\"id\":1}", REQUEST_E_JSON, "uplicate", false },
		{ "{\"id\":99999999999999999999}", REQUEST_E_JSON, "", false },
		{ "\xff", REQUEST_E_JSON, "", false },
		{ "{\"command\":\"route\",\"destination\":\"a\\u0000b\"}",
		  REQUEST_E_JSON, "", false },
		{ "[]", REQUEST_E_REQUEST, "object", false },
		{ "7", REQUEST_E_JSON, "", false },
		{ "{}", REQUEST_E_REQUEST, "\"command\" must be there", false },
		{ "{\"id\":1.5,\"command\":\"route\"}", REQUEST_E_REQUEST,
		  "\"id\" must be", false },
		{ "{\"id\":\"a\\u001b\",\"command\":\"route\"}",
		  REQUEST_E_REQUEST, "\"id\" must be", false },
		{ "{\"id\":\"\x7f\",\"command\":\"route\"}",
		  REQUEST_E_REQUEST, "\"id\" must be", false },
		{ "{\"id\":4,\"command\":\"root\"}", REQUEST_E_COMMAND,
		  "\"root\"; there are: route, policy", true },
		{ "{\"id\":4,\"command\":\"route\"}", REQUEST_E_REQUEST,
		  "\"destination\" must be there", true },
		{ "{\"id\":4,\"command\":\"route\",\"destination\":4}",
		  REQUEST_E_REQUEST, "\"destination\" must be there", true },
		{ "{\"id\":4,\"command\":\"route\",\"destination\":\"a.example\",\"sts\":true}",
		  REQUEST_E_REQUEST, "no member \"sts\"", true },
		{ "{\"id\":4,\"command\":\"route\",\"destination\":\"a b\"}",
		  REQUEST_E_DESTINATION, "\"a b\" is no destination", true },
		{ "{\"id\":4,\"command\":\"route\",\"destination\":\"\xc3\xa9.example\"}",
		  REQUEST_E_DESTINATION, "\"??.example\"", true },
		{ "{\"id\":4,\"command\":\"\\u001b[2J\"}", REQUEST_E_COMMAND,
		  "\"?[2J\"", true },
	};
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (read_line(cases[i].line, &r, why) != cases[i].err ||
		    !strstr(why, cases[i].said) ||
		    (r.id != NULL) != cases[i].has_id)
			fail_msg("%s: %s", cases[i].line, why);
		for (const char *at = why; *at; at++)
			assert_in_range(*at, ' ', '~');
		request_clear(&r);
	}
}

static void test_long_values(void **state)
{
	char line[MX_CONTROL_LINE_MAX], name[2000], why[REQUEST_WHY_MAX];
	struct request r;

	(void)state;
	memset(name, 'x', sizeof name);
	for (size_t len = REQUEST_DESTINATION_MAX - 3;
	     len < REQUEST_DESTINATION_MAX + 3; len++) {
		snprintf(line, sizeof line,
			 "{\"command\":\"route\",\"destination\":\"%.*s\"}",
			 (int)len, name);
		assert_int_equal(read_line(line, &r, why),
				 REQUEST_E_DESTINATION);
		request_clear(&r);
	}
	for (size_t len = REQUEST_ID_MAX - 1; len <= REQUEST_ID_MAX + 1; len++) {
		snprintf(line, sizeof line, ROUTE("\"%.*s\""), (int)len, name);
		assert_int_equal(read_line(line, &r, why),
				 len <= REQUEST_ID_MAX ? REQUEST_OK
						       : REQUEST_E_REQUEST);
		request_clear(&r);
	}
}

/* Brackets in strings do not count; those outside do, closed or not. */
static void test_depth(void **state)
{
	static const struct {
		const char *line;
		bool deep;
	} cases[] = {
		{ "[[[[[[[[1]]]]]]]]", false }, /* 8 */
		{ "[[[[[[[[[1]]]]]]]]]", true },
		{ "[{\"a\":[{\"a\":[{\"a\":[{\"a\":[]}]}]}]}]", true },
		{ "{\"[[[[[[[[[[\":\"\\\"[[[[[[[[[[[\"}", false },
		{ "\"\\\\\"[[[[[[[[[", true },
		{ "]]]]]]]]]]]]]]][[[[[[[[[", true },
	};
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum request_error err = read_line(cases[i].line, &r, why);
		if ((err == REQUEST_E_TOO_DEEP) != cases[i].deep)
			fail_msg("%s: %s", cases[i].line, why);
		request_clear(&r);
	}
}

static void test_every_cut_fails(void **state)
{
	const char *line = ROUTE("\"x\"");
	struct request r;
	char why[REQUEST_WHY_MAX];

	(void)state;
	for (size_t len = 0; len < strlen(line); len++) {
		char *cut = malloc(len + (len == 0));
		memcpy(cut, line, len);
		assert_int_equal(request_read(cut, len, &r, why),
				 REQUEST_E_JSON);
		assert_null(r.id);
		free(cut);
	}
}

static void test_blank(void **state)
{
	(void)state;
	assert_true(request_is_blank("", 0));
	assert_true(request_is_blank(" \t\r", 3));
	assert_false(request_is_blank(" \0 ", 3));
	assert_false(request_is_blank("  x", 3));
	assert_true(request_is_blank("  x", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_names_and_types),
		cmocka_unit_test(test_bad_names_and_types),
		cmocka_unit_test(test_ids_come_back),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_every_cut_fails),
		cmocka_unit_test(test_blank),
	};

	return cmocka_run_group_tests_name("admin_request", tests, NULL, NULL);
}
