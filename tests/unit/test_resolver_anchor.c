/* The RFC 5011 state file: seeded, kept, or refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/resolver/resolver.h"

static char folder[] = "/tmp/mx-anchor-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	snprintf(path, sizeof path, "%s/root-anchor-0.key", mkdtemp(folder));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails if anything was left behind */
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void content_is(const char *want)
{
	char error[MX_RESOLVER_ERROR_MAX], *text;
	size_t len;

	assert_int_equal(mx_file_read(path, &text, &len, error), MX_OK);
	assert_string_equal(text, want);
	free(text);
}

static void seeds_what_is_not_there(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX], want[512];

	(void)state;
	assert_int_equal(mx_anchor_prepare(path, error), MX_OK);
	snprintf(want, sizeof want, "%s\n%s\n", mx_root_anchors[0],
		 mx_root_anchors[1]);
	content_is(want);
}

static void keeps_what_is_there(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX], leftover[128];
	const char *text = "; autotrust trust anchor file\n"
			   ". 86400 IN DNSKEY 257 3 8 AwEAA ;;state=2\n";

	(void)state;
	put(path, text);
	snprintf(leftover, sizeof leftover, "%s.123-0-5589aa", path);
	put(leftover, "half");
	assert_int_equal(mx_anchor_prepare(path, error), MX_OK);
	content_is(text);
	assert_int_not_equal(access(leftover, F_OK), 0);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "no key" },
		{ "nonsense\n", "no key" },
		{ ";;REVOKED\n. IN DNSKEY 257 3 8 AwEAA\n", "revoked" },
	};
	char error[MX_RESOLVER_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put(path, cases[i].text);
		assert_int_equal(mx_anchor_prepare(path, error), MX_E_CONFIG);
		assert_non_null(strstr(error, cases[i].want));
		assert_non_null(strstr(error, path));
		content_is(cases[i].text);
	}
}

static void folder_that_is_not_there(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX] = "";

	(void)state;
	assert_int_equal(mx_anchor_prepare("/nonexistent/root-anchor-0.key",
					   error), MX_E_CONFIG);
	assert_non_null(strstr(error, "No such file"));
	assert_int_equal(mx_anchor_prepare("/proc/root-anchor-0.key", error),
			 MX_E_CONFIG);
}

static void files(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX], *text;
	struct mx_memory_file file;
	size_t len;

	(void)state;
	assert_int_equal(mx_file_read("/nonexistent", &text, &len, error),
			 MX_E_CONFIG);
	assert_int_equal(mx_file_read(folder, &text, &len, error),
			 MX_E_CONFIG);
	assert_non_null(strstr(error, "not a regular file"));
	assert_int_equal(mx_file_read("/dev/zero", &text, &len, error),
			 MX_E_CONFIG);

	assert_int_equal(mx_memory_file_open("x", "abc", 3, &file), MX_OK);
	/* Through its path it can be read again and again. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mx_file_read(file.path, &text, &len, error),
				 MX_OK);
		assert_int_equal(len, 3);
		assert_string_equal(text, "abc");
		free(text);
	}
	assert_true(write(file.fd, "d", 1) < 0); /* sealed */
	mx_memory_file_close(&file);
	mx_memory_file_close(&file);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(seeds_what_is_not_there), T(keeps_what_is_there),
		T(says_what_is_wrong),	    T(folder_that_is_not_there),
		T(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
