/* What one program image leaves to the next: round trip and bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/supervisor/state.h"

#define GOOD_HEAD \
	"mxbound-takeover 1\n" \
	"pid 4711\n" \
	"generation 3\n" \
	"ipv6 -1\n" \
	"config 9\n" \
	"folder 5\n" \
	"program front 6\n" \
	"program resolver 7\n"
#define GOOD_SOCKETS \
	"socket udp 12 127.0.0.1@53\n" \
	"socket tcp 13 ::1@53\n"
#define GOOD_CONTROL \
	"control set 14 /run/a folder/m.sock\n"
#define GOOD_POLICY \
	"policy 15 127.0.0.1@8642\n" \
	"policy 16 /run/a folder/p.sock\n" \
	"http 17 127.0.0.1@8053\n"
#define GOOD_CHILDREN \
	"child front 0 100 20 1\n" \
	"child resolver 0 101 21 1\n" \
	"child resolver 1 0 -1 0\n"
#define GOOD_FETCHER \
	"fetcher 102 22 1\n" \
	"fetcher-program 8\n"
#define GOOD GOOD_HEAD GOOD_SOCKETS GOOD_CONTROL GOOD_POLICY GOOD_CHILDREN \
	GOOD_FETCHER "end\n"

static enum mx_error parse(const char *text, struct state *ret, char *error)
{
	return state_read(text, strlen(text), ret, error);
}

static void test_round_trip(void **unused)
{
	struct state state;
	char error[STATE_ERROR_MAX], *text = NULL;
	size_t len = 0;

	(void)unused;
	assert_int_equal(parse(GOOD, &state, error), MX_OK);
	assert_int_equal(state.self, 4711);
	assert_int_equal(state.generation, 3);
	assert_int_equal(state.ipv6, -1);
	assert_int_equal(state.program[ROLE_RESOLVER], 7);
	assert_int_equal(state.listeners.count, 2);
	assert_true(state.listeners.at[1].tcp);
	assert_int_equal(state.listeners.at[1].addr.ss_family, AF_INET6);
	assert_int_equal(state.control.fd, 14);
	assert_false(state.control.by_default);
	assert_string_equal(state.control.path, "/run/a folder/m.sock");
	assert_int_equal(state.services.count, 3);
	assert_int_equal(state.services.at[0].kind, SERVICE_POLICY);
	assert_int_equal(state.services.at[2].kind, SERVICE_HTTP);
	assert_string_equal(state.services.at[2].where, "127.0.0.1@8053");
	assert_int_equal(state.services.at[0].fd, 15);
	assert_string_equal(state.services.at[0].where, "127.0.0.1@8642");
	assert_string_equal(state.services.at[1].where, "/run/a folder/p.sock");
	assert_int_equal(state.child_count, 4);
	assert_int_equal(state.child[1].role, ROLE_RESOLVER);
	assert_int_equal(state.child[2].control, -1);
	assert_false(state.child[2].ready);
	assert_int_equal(state.child[3].role, ROLE_FETCHER);
	assert_int_equal(state.child[3].pid, 102);
	assert_int_equal(state.child[3].control, 22);
	assert_true(state.child[3].ready);
	assert_int_equal(state.program[ROLE_FETCHER], 8);

	FILE *out = open_memstream(&text, &len);
	assert_true(state_write(&state, out));
	fclose(out);
	assert_string_equal(text, GOOD);
	free(text);
	state_free(&state);
}

/* One from before there was a fetcher. */
static void test_without_a_fetcher(void **unused)
{
	struct state state;
	char error[STATE_ERROR_MAX], *text = NULL;
	size_t len = 0;

	(void)unused;
	assert_int_equal(parse(GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "end\n",
			       &state, error), MX_OK);
	assert_int_equal(state.child_count, 3);
	assert_int_equal(state.program[ROLE_FETCHER], -1);

	FILE *out = open_memstream(&text, &len);
	assert_true(state_write(&state, out));
	fclose(out);
	assert_null(strstr(text, "fetcher"));
	free(text);
	state_free(&state);
}

/* Of another version of the same format. */
static void test_unknown_lines_are_passed_over(void **unused)
{
	struct state state;
	char error[STATE_ERROR_MAX];

	(void)unused;
	assert_int_equal(parse(GOOD_HEAD "colour 3 blue\n" GOOD_SOCKETS GOOD_CHILDREN "end\n",
			       &state, error), MX_OK);
	state_free(&state);
}

static void test_every_cut_fails(void **unused)
{
	struct state state;
	char error[STATE_ERROR_MAX];
	size_t len = strlen(GOOD);

	(void)unused;
	for (size_t cut = 0; cut < len; cut++) {
		char *part = malloc(cut + 1); /* exact, for the sanitizer */
		memcpy(part, GOOD, cut);
		if (state_read(part, cut, &state, error) == MX_OK)
			fail_msg("cut at %zu was taken", cut);
		free(part);
	}
}

static void test_every_changed_octet_is_survived(void **unused)
{
	static const char values[] = { 0, '\n', ' ', '-', '0', '9', 'x', (char)0xff };
	struct state state;
	char error[STATE_ERROR_MAX], text[] = GOOD;

	(void)unused;
	for (size_t i = 0; i < strlen(GOOD); i++) {
		char kept = text[i];
		for (size_t v = 0; v < sizeof values; v++) {
			text[i] = values[v];
			if (state_read(text, sizeof text - 1, &state, error) == MX_OK)
				state_free(&state);
		}
		text[i] = kept;
	}
}

static void test_refused(void **unused)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "nothing", "" },
		{ "another format", "mxbound-takeover 2\nend\n" },
		{ "nothing after the format", "mxbound-takeover 1\nend\n" },
		{ "something after the end", GOOD "pid 4711\n" },
		{ "said twice", GOOD_HEAD "pid 1\n" GOOD_SOCKETS GOOD_CHILDREN "end\n" },
		{ "a program twice", GOOD_HEAD "program front 8\n" GOOD_SOCKETS GOOD_CHILDREN "end\n" },
		{ "a descriptor twice", GOOD_HEAD GOOD_SOCKETS "socket udp 9 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "a socket twice", GOOD_HEAD GOOD_SOCKETS "socket udp 12 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "standard output", GOOD_HEAD "socket udp 1 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "negative descriptor", GOOD_HEAD "socket udp -1 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "huge descriptor", GOOD_HEAD "socket udp 9999999 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "more than a number", GOOD_HEAD "socket udp 99999999999999999999 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "not an address", GOOD_HEAD "socket udp 12 localhost@53\n" GOOD_CHILDREN "end\n" },
		{ "no address", GOOD_HEAD "socket udp 12\n" GOOD_CHILDREN "end\n" },
		{ "another protocol", GOOD_HEAD "socket sctp 12 127.0.0.1@53\n" GOOD_CHILDREN "end\n" },
		{ "one word more", GOOD_HEAD "socket udp 12 127.0.0.1@53 x\n" GOOD_CHILDREN "end\n" },
		{ "no sockets", GOOD_HEAD GOOD_CHILDREN "end\n" },
		{ "no children", GOOD_HEAD GOOD_SOCKETS "end\n" },
		{ "no front", GOOD_HEAD GOOD_SOCKETS "child resolver 0 101 21 1\nchild resolver 1 102 22 1\nend\n" },
		{ "two fronts", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "child front 0 103 23 1\nend\n" },
		{ "no resolver", GOOD_HEAD GOOD_SOCKETS "child front 0 100 20 1\nend\n" },
		{ "a resolver left out", GOOD_HEAD GOOD_SOCKETS "child front 0 100 20 1\nchild resolver 1 101 21 1\nend\n" },
		{ "a resolver twice", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "child resolver 1 104 24 1\nend\n" },
		{ "a process twice", GOOD_HEAD GOOD_SOCKETS "child front 0 101 20 1\nchild resolver 0 101 21 1\nend\n" },
		{ "init as a child", GOOD_HEAD GOOD_SOCKETS "child front 0 1 20 1\nchild resolver 0 101 21 1\nend\n" },
		{ "a process group as a child", GOOD_HEAD GOOD_SOCKETS "child front 0 -1 20 1\nchild resolver 0 101 21 1\nend\n" },
		{ "too many resolvers", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "child resolver 16 104 24 1\nend\n" },
		{ "another role", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "child fetcher 0 104 24 1\nend\n" },
		{ "two fetchers", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN GOOD_FETCHER "fetcher 105 25 1\nend\n" },
		{ "a fetcher without program", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "fetcher 102 22 1\nend\n" },
		{ "its program twice", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN GOOD_FETCHER "fetcher-program 9\nend\n" },
		{ "its program a descriptor of another", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "fetcher 102 22 1\nfetcher-program 7\nend\n" },
		{ "the fetcher a process of another", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "fetcher 101 22 1\nfetcher-program 8\nend\n" },
		{ "as many resolvers as there are children, one left out", GOOD_HEAD GOOD_SOCKETS "child front 0 100 20 1\nchild resolver 1 101 21 1\n" GOOD_FETCHER "end\n" },
		{ "standard error as a control socket", GOOD_HEAD GOOD_SOCKETS "child front 0 100 2 1\nchild resolver 0 101 21 1\nend\n" },
		{ "the control socket twice", GOOD_HEAD GOOD_SOCKETS GOOD_CONTROL "control set 15 /a\n" GOOD_CHILDREN "end\n" },
		{ "its descriptor twice", GOOD_HEAD GOOD_SOCKETS "control set 12 /a\n" GOOD_CHILDREN "end\n" },
		{ "without its path", GOOD_HEAD GOOD_SOCKETS "control set 14\n" GOOD_CHILDREN "end\n" },
		{ "at no absolute path", GOOD_HEAD GOOD_SOCKETS "control set 14 a\n" GOOD_CHILDREN "end\n" },
		{ "neither auto nor set", GOOD_HEAD GOOD_SOCKETS "control yes 14 /a\n" GOOD_CHILDREN "end\n" },
		{ "a descriptor of policy-listen twice", GOOD_HEAD GOOD_SOCKETS GOOD_CONTROL "policy 14 ::1@8642\n" GOOD_CHILDREN "end\n" },
		{ "policy-listen nowhere", GOOD_HEAD GOOD_SOCKETS "policy 15\n" GOOD_CHILDREN "end\n" },
		{ "policy-listen at no address", GOOD_HEAD GOOD_SOCKETS "policy 15 localhost@8642\n" GOOD_CHILDREN "end\n" },
		{ "a line without end", GOOD_HEAD GOOD_SOCKETS GOOD_CHILDREN "end" },
	};
	struct state state;
	char error[STATE_ERROR_MAX];

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		error[0] = '\0';
		if (parse(cases[i].text, &state, error) == MX_OK)
			fail_msg("taken: %s", cases[i].why);
		if (error[0] == '\0')
			fail_msg("no reason given: %s", cases[i].why);
	}
}

static void test_long_line(void **unused)
{
	struct state state;
	char error[STATE_ERROR_MAX], *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)unused;
	fprintf(out, GOOD_HEAD "x%0100000d\n" GOOD_SOCKETS GOOD_CHILDREN "end\n", 1);
	fclose(out);
	assert_int_equal(state_read(text, len, &state, error), MX_E_CONFIG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_without_a_fetcher),
		cmocka_unit_test(test_unknown_lines_are_passed_over),
		cmocka_unit_test(test_every_cut_fails),
		cmocka_unit_test(test_every_changed_octet_is_survived),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
