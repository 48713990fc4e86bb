/* Lines on standard error: what they look like, and what never gets there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_log.h"

/* Standard error is a pipe while lines are written. One write(2) a line, so
 * what one read(2) gives after one call is one line. */
static int ends[2] = { -1, -1 }, saved = -1;
static char line[4096];

static void capture(void)
{
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
}

static void release(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

/* What has been written since the last call; "" for nothing. */
static const char *written(void)
{
	ssize_t len = read(ends[0], line, sizeof(line) - 1);

	line[len > 0 ? len : 0] = '\0';
	return line;
}

static int setup(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture();
	mx_log_init("prog", MX_LOG_INFO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	release();
	return 0;
}

static void levels(void **state)
{
	(void)state;
	mx_log(MX_LOG_ERROR, "%d", 1);
	assert_string_equal(written(), "prog: error: 1\n");
	mx_log(MX_LOG_WARNING, "%s", "two");
	assert_string_equal(written(), "prog: warning: two\n");
	mx_log(MX_LOG_NOTICE, "three");
	assert_string_equal(written(), "prog: three\n");
	mx_log(MX_LOG_INFO, "four");
	assert_string_equal(written(), "prog: four\n");
	mx_log(MX_LOG_DEBUG, "five");
	assert_string_equal(written(), "");
	assert_true(mx_log_on(MX_LOG_INFO));
	assert_false(mx_log_on(MX_LOG_DEBUG));
	mx_log_init("prog", MX_LOG_ERROR);
	mx_log(MX_LOG_WARNING, "six");
	assert_string_equal(written(), "");
	mx_log_init("prog", MX_LOG_DEBUG);
	mx_log(MX_LOG_DEBUG, "seven");
	assert_string_equal(written(), "prog: debug: seven\n");
}

static void control_characters(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "a\nprog: error: forged", "prog: a\\x0aprog: error: forged\n" },
		{ "\x1b[2J\x07\x7f\t", "prog: \\x1b[2J\\x07\\x7f\\x09\n" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7", "prog: caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7\n" },
		{ "\xc2\x9b" "2J", "prog: \\xc2\\x9b2J\n" },      /* C1: CSI */
		{ "\xe9t\xe9", "prog: \\xe9t\\xe9\n" },		     /* Latin-1 */
		{ "\xc0\x8a", "prog: \\xc0\\x8a\n" },		     /* overlong */
		{ "\xe0\x80\x8a", "prog: \\xe0\\x80\\x8a\n" },
		{ "\xed\xa0\x80", "prog: \\xed\\xa0\\x80\n" },	     /* surrogate */
		{ "\xf4\x90\x80\x80", "prog: \\xf4\\x90\\x80\\x80\n" }, /* too high */
		{ "\xe2\x82", "prog: \\xe2\\x82\n" },		     /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		mx_log(MX_LOG_NOTICE, "%s", cases[i].in);
		assert_string_equal(written(), cases[i].want);
	}
}

static void long_lines(void **state)
{
	static char text[3000];

	(void)state;
	/* Whatever the length and the width of characters, a line ends whole. */
	static const char *const units[] = { "x", "\x01", "\xc3\xa9", "\xf0\x9f\x93\xa7" };
	for (unsigned u = 0; u < 4; u++) {
		size_t width = strlen(units[u]);
		for (size_t len = 1900; len < 2100; len++) {
			text[0] = '\0';
			for (size_t at = 0; at + width <= len; at += width)
				memcpy(text + at, units[u], width + 1);
			mx_log(MX_LOG_WARNING, "%s", text);
			size_t got = strlen(written());
			assert_true(got <= 2000);
			assert_int_equal(line[got - 1], '\n');
			assert_null(strstr(line, "\\xc3"));
			assert_null(strstr(line, "\\xf0"));
			bool whole = strlen("prog: warning: \n") +
				     len / width * (u == 1 ? 4 : width) <= 2000;
			assert_int_equal(strstr(line, "...\n") == NULL, whole);
		}
	}
}

static void errno_is_kept(void **state)
{
	(void)state;
	errno = ENOENT;
	mx_log(MX_LOG_ERROR, "%m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(written(), "prog: error: No such file or directory\n");
	/* Even if the line cannot be written. */
	close(STDERR_FILENO);
	mx_log(MX_LOG_ERROR, "lost");
	assert_int_equal(errno, ENOENT);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
}

static void journal_prefix(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	mx_log_init("prog", MX_LOG_DEBUG);
	mx_log(MX_LOG_ERROR, "x");
	assert_string_equal(written(), "<3>prog: error: x\n");
	mx_log(MX_LOG_DEBUG, "x");
	assert_string_equal(written(), "<7>prog: debug: x\n");
	/* Redirected since: the journal does not read this. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	mx_log_init("prog", MX_LOG_INFO);
	mx_log(MX_LOG_ERROR, "x");
	assert_string_equal(written(), "prog: error: x\n");
	/* Another stream on the same device. */
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	mx_log_init("prog", MX_LOG_INFO);
	mx_log(MX_LOG_ERROR, "x");
	assert_string_equal(written(), "prog: error: x\n");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	mx_log_init("prog", MX_LOG_INFO);
	mx_log(MX_LOG_ERROR, "x");
	assert_string_equal(written(), "prog: error: x\n");
}

/* The gate's time is set by hand, so that no test waits. */
static void limited(void **state)
{
	struct mx_log_gate gate = { 0 };

	(void)state;
	mx_log_limited(&gate, MX_LOG_WARNING, "name %d", 1);
	assert_string_equal(written(), "prog: warning: name 1\n");
	gate.next_ms = INT64_MAX; /* the second is not over */
	for (int i = 0; i < 3; i++)
		mx_log_limited(&gate, MX_LOG_WARNING, "name %d", i);
	assert_string_equal(written(), "");
	assert_int_equal(gate.left_out, 3);
	gate.next_ms = 0; /* it is */
	mx_log_limited(&gate, MX_LOG_WARNING, "name %d", 9);
	assert_string_equal(written(), "prog: warning: name 9 (and 3 more like it)\n");
	assert_int_equal(gate.left_out, 0);
	/* What is not logged at all is not counted either. */
	mx_log_limited(&gate, MX_LOG_DEBUG, "name");
	assert_int_equal(gate.left_out, 0);
}

static struct mx_log_gate shared_gate;

static void *log_once(void *unused)
{
	mx_log_limited(&shared_gate, MX_LOG_WARNING, "from a thread");
	return unused;
}

/* Of many threads each line is either written or counted. */
static void limited_among_threads(void **state)
{
	pthread_t threads[32];
	unsigned lines = 0, told = 0;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_once, NULL), 0);
	for (unsigned i = 0; i < 32; i++)
		pthread_join(threads[i], NULL);
	for (char *at = (char *)(uintptr_t)written(); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	for (char *at = line; (at = strstr(at, "(and ")) != NULL; at++)
		told += (unsigned)atoi(at + 5);
	assert_true(lines >= 1);
	assert_int_equal(lines + told + shared_gate.left_out, 32);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(levels),
		T(control_characters),
		T(long_lines),
		T(errno_is_kept),
		T(journal_prefix),
		T(limited),
		T(limited_among_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
