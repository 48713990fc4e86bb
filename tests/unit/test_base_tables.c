/* Errors, EDEs and counters: what the tables say is what callers get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mx_clock.h"
#include "mx_counters.h"
#include "mx_ede.h"
#include "mx_error.h"

static void errors(void **state)
{
	(void)state;
	assert_int_equal(mx_error_rcode(MX_OK), MX_RCODE_NOERROR);
	assert_int_equal(mx_error_rcode(MX_E_SHORT), MX_RCODE_FORMERR);
	assert_int_equal(mx_error_rcode(MX_E_OPCODE), MX_RCODE_NOTIMP);
	assert_int_equal(mx_error_rcode(MX_E_BADVERS), MX_RCODE_BADVERS);
	assert_int_equal(mx_error_rcode(MX_E_ACL), MX_RCODE_REFUSED);
	assert_int_equal(mx_error_rcode(MX_E_CONFIG), MX_RCODE_SERVFAIL);
	assert_int_equal(mx_error_rcode((enum mx_error)9999),
			 MX_RCODE_SERVFAIL);
	for (int err = -1; err <= MX_ERROR_COUNT + 1; err++)
		assert_true(strlen(mx_error_text((enum mx_error)err)) > 0);
}

/* Some mail servers take REFUSED and NOTIMP as permanent: nothing that goes
 * wrong behind us may become either. */
static void upstream_trouble_is_servfail(void **state)
{
	(void)state;
	for (int err = MX_E_RESPONSE; err < MX_ERROR_COUNT; err++)
		assert_int_equal(mx_error_rcode((enum mx_error)err),
				 MX_RCODE_SERVFAIL);
}

static void edes(void **state)
{
	(void)state;
	assert_string_equal(mx_ede_text(MX_EDE_BOGUS), "DNSSEC Bogus");
	assert_string_equal(mx_ede_text(22), "No Reachable Authority");
	assert_string_equal(mx_ede_text(MX_EDE_NONE), "Unknown");
}

static void counters(void **state)
{
	(void)state;
	static struct mx_counters a, b;
	const char *base = (const char *)&a;

	mx_count(&a, queries, 3);
	mx_count(&a, tcp_timeouts, 1);
	mx_count(&b, queries, 4);
	mx_counters_add(&a, &b);
	assert_int_equal(a.queries, 7);
	assert_int_equal(a.tcp_timeouts, 1);
	assert_int_equal(b.queries, 4);
	assert_int_equal(mx_counter_row_count,
			 sizeof a / sizeof(uint64_t));
	for (unsigned i = 0; i < mx_counter_row_count; i++) {
		const struct mx_counter_row *row = &mx_counter_rows[i];
		uint64_t value;

		assert_int_equal(row->offset, i * sizeof value);
		memcpy(&value, base + row->offset, sizeof value);
		assert_int_equal(value, strcmp(row->name, "queries") == 0 ? 7 :
				 strcmp(row->name, "tcp_timeouts") == 0);
	}
}

/* Not how fast: only that the one goes forward and the other knows the
 * century. */
static void clocks(void **state)
{
	(void)state;
	mx_instant before = mx_clock_now();

	assert_true(before > 0);
	assert_true(mx_clock_now() >= before);
	assert_true(mx_clock_wall_ms() > INT64_C(1600000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(upstream_trouble_is_servfail),
		cmocka_unit_test(edes),
		cmocka_unit_test(counters),
		cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests_name("base_tables", tests, NULL, NULL);
}
