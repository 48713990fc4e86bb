/* Every option that resolver-option may set is one that the library takes:
 * the table lives in base, which does not know the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <unbound.h>

#include "mx_config.h"

static void the_library_takes_all(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option r = mx_resolver_option_row(i);
		char key[MX_RESOLVER_OPTION_KEY_MAX + 1];
		/* One each, so that no option depends on another. */
		struct ub_ctx *ctx = ub_ctx_create();

		assert_non_null(ctx);
		snprintf(key, sizeof(key), "%s:", r.key);
		int err = ub_ctx_set_option(ctx, key, r.example);
		if (err != 0) {
			print_error("%s %s: %s\n", key, r.example, ub_strerror(err));
			refused++;
		}
		ub_ctx_delete(ctx);
	}
	assert_int_equal(refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_takes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
