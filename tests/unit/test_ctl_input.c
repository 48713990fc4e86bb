/* Destinations from arguments and from standard input, which here is a pipe
 * that the test holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/tools/mxboundctl/ctl.h"

static int writing;

static void begin(struct input *input)
{
	int ends[2];

	*input = (struct input){ .line = 0 };
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	writing = ends[1];
}

static void give(struct input *input, const char *text, size_t len)
{
	assert_int_equal(write(writing, text, len), len);
	assert_true(input_waits(input));
	input_fill(input);
}

#define GIVE(input, text) give(input, text, sizeof(text) - 1)

static void expect(struct input *input, const char *want, unsigned long line)
{
	const char *text;

	assert_int_equal(input_next(input, &text), INPUT_LINE);
	assert_string_equal(text, want);
	assert_int_equal(input->line, line);
}

static void expect_no(struct input *input, enum input_got want)
{
	const char *text;

	assert_int_equal(input_next(input, &text), want);
}

static void end(struct input *input)
{
	close(writing);
	input_fill(input);
	expect_no(input, INPUT_END);
	assert_false(input_waits(input));
	input_free(input);
}

static void test_lines(void **state)
{
	struct input input;

	(void)state;
	begin(&input);
	expect_no(&input, INPUT_NOT_YET);
	GIVE(&input, "a.example\n\n # no\n  b.example \t\r\nc.ex");
	expect(&input, "a.example", 1);
	expect(&input, "b.example", 4);
	expect_no(&input, INPUT_NOT_YET);
	GIVE(&input, "ample\nd\0e\n");
	expect(&input, "c.example", 5);
	expect(&input, "d\1e", 6);
	expect_no(&input, INPUT_NOT_YET);
	end(&input);
}

static void test_last_line_without_its_end(void **state)
{
	struct input input;

	(void)state;
	begin(&input);
	GIVE(&input, "a\nb");
	expect(&input, "a", 1);
	expect_no(&input, INPUT_NOT_YET);
	close(writing);
	input_fill(&input);
	expect(&input, "b", 2);
	end(&input);
}

/* Given once, cut, and the next is found. */
static void test_long_lines(void **state)
{
	static char text[30000];
	const char *got;

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t len = 8188; len <= 8196; len++) {
		struct input input;

		begin(&input);
		give(&input, text, len);
		if (len < 8192)
			expect_no(&input, INPUT_NOT_YET);
		GIVE(&input, "\na\n");
		assert_int_equal(input_next(&input, &got), INPUT_LINE);
		assert_in_range(strlen(got), 8188, 8191);
		expect(&input, "a", 2);
		end(&input);
	}
	struct input input;

	begin(&input);
	give(&input, text, sizeof text);
	assert_int_equal(input_next(&input, &got), INPUT_LINE);
	expect_no(&input, INPUT_NOT_YET);
	give(&input, text, sizeof text);
	expect_no(&input, INPUT_NOT_YET);
	assert_true(input.text.len <= sizeof text);
	GIVE(&input, "\nb\n");
	expect(&input, "b", 2);
	end(&input);
}

static void test_nothing(void **state)
{
	struct input input;

	(void)state;
	begin(&input);
	end(&input);
}

static void test_arguments(void **state)
{
	char *arguments[] = { (char[]){ "a" }, (char[]){ "" },
			      (char[]){ "# b" }, NULL };
	struct input input = { .arguments = arguments };

	(void)state;
	expect(&input, "a", 0);
	expect(&input, "", 0);
	expect(&input, "# b", 0);
	expect_no(&input, INPUT_END);
	expect_no(&input, INPUT_END);
	assert_false(input_waits(&input));
	input_free(&input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_last_line_without_its_end),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests_name("ctl_input", tests, NULL, NULL);
}
