/* Questions from a file, as they are sent, and what is a reply to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/queries.h"

static bool read_text(const char *text, const struct queries_options *options,
		      struct queries *ret)
{
	char path[] = "/tmp/test-queries-XXXXXX";
	int fd = mkstemp(path);
	bool good;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	good = queries_read(path, options, ret);
	unlink(path);
	return good;
}

static void octets_of_a_query(void **state)
{
	static const uint8_t plain[] =
		"\0\0\1\040\0\1\0\0\0\0\0\0\1d\3lab\0\0\017\0\1";
	static const uint8_t with_do[] =
		"\0\0\1\040\0\1\0\0\0\0\0\1\1d\3lab\0\0\017\0\1"
		"\0\0\051\4\320\0\0\200\0\0\0";
	struct queries q;
	struct queries_options options = { 0 };

	(void)state;
	assert_true(read_text("d.lab MX\n", &options, &q));
	assert_int_equal(q.list[0].len, sizeof plain - 1);
	assert_memory_equal(queries_octets(&q, 0), plain, sizeof plain - 1);
	queries_clear(&q);
	options.dnssec_ok = true;
	assert_true(read_text("d.lab. mx\n", &options, &q));
	assert_int_equal(q.list[0].len, sizeof with_do - 1);
	assert_memory_equal(queries_octets(&q, 0), with_do, sizeof with_do - 1);
	queries_clear(&q);
}

static void a_part_of_the_file(void **state)
{
	static const char text[] = "# names\n\na.lab A\nb.lab A\n  c.lab\tA  \nd.lab A\n";
	struct queries_options options = { .skip = 1, .most = 2 };
	struct queries q;

	(void)state;
	assert_true(read_text(text, &options, &q));
	assert_int_equal(q.count, 2);
	assert_int_equal(queries_octets(&q, 0)[13], 'b');
	assert_int_equal(queries_octets(&q, 1)[13], 'c');
	queries_clear(&q);
	options = (struct queries_options){ .skip = 3 };
	assert_true(read_text(text, &options, &q));
	assert_int_equal(q.count, 1);
	queries_clear(&q);
}

static void what_is_no_question(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "a.lab\n",
					     "a.lab NOSUCHTYPE\n", "a..lab A\n" };
	struct queries_options options = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct queries q;

		assert_false(read_text(texts[i], &options, &q));
		queries_clear(&q);
	}
}

/* Another name, a query, half a question: none of these is a reply. */
static void replies(void **state)
{
	struct queries_options options = { 0 };
	struct queries q;
	uint8_t reply[64];
	size_t len;

	(void)state;
	assert_true(read_text("a.lab A\nb.lab A\n", &options, &q));
	len = q.list[0].len;
	memcpy(reply, queries_octets(&q, 0), len);
	assert_false(queries_match(&q, 0, reply, len));
	reply[2] |= 0x80;
	assert_true(queries_match(&q, 0, reply, len));
	assert_false(queries_match(&q, 1, reply, len));
	for (size_t cut = 0; cut < len; cut++)
		assert_false(queries_match(&q, 0, reply, cut));
	queries_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_of_a_query),
		cmocka_unit_test(a_part_of_the_file),
		cmocka_unit_test(what_is_no_question),
		cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
