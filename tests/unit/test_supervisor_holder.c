/* Who holds an address: the kernel's tables, and this very process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/supervisor/holder.h"
#include "mx_config.h"

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 "

static const char v4[] = HEAD
	"   1: 0100007F:14D7 00000000:0000 07" REST "501 2 0000000000000000 0\n"
	"   2: 00000000:0035 00000000:0000 07" REST "502 2 0000000000000000 0\n"
	"   3: 0200007F:14D8 0100007F:9999 01" REST "503 1 0000000000000000 20\n"
	"   4: 0200007F:14D8 00000000:0000 0A" REST "504 1 0000000000000000 20\n"
	"this is not a line of the table\n"
	"   5: 0100007F:14D9 00000000:0000 07" REST "0 2 0000000000000000 0\n";
static const char v6[] = HEAD
	"   1: 00000000000000000000000001000000:14D7 00000000000000000000000000000000:0000 07" REST "601 2 0 0\n"
	"   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 07" REST "602 2 0 0\n"
	"   3: B80D0120000000000000000001000000:14DA 00000000000000000000000000000000:0000 07" REST "603 2 0 0\n";

static void test_tables(void **state)
{
	static const struct {
		const char *address;
		bool tcp;
		uint64_t in_v4, in_v6;
	} cases[] = {
		{ "127.0.0.1@5335", false, 501, 0 },
		{ "127.0.0.2@5335", false, 0, 0 },
		{ "0.0.0.0@5335", false, 501, 0 },	/* any of its addresses */
		{ "127.0.0.1@53", false, 502, 0 },	/* held for all */
		{ "::1@53", false, 0, 0 },		/* but not for IPv6 */
		{ "127.0.0.2@5336", true, 504, 0 },	/* not the connection */
		{ "127.0.0.1@5337", false, 0, 0 },	/* inode 0 says nothing */
		{ "::1@5335", false, 0, 601 },
		{ "::@5335", false, 0, 601 },
		{ "::1@80", false, 0, 602 },
		{ "127.0.0.1@80", false, 0, 602 },	/* [::] takes IPv4 too */
		{ "2001:db8::1@5338", false, 0, 603 },
		{ "2001:db8::2@5338", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sockaddr_storage addr;
		socklen_t len;
		assert_true(mx_address_parse(cases[i].address, 0, &addr, &len));

		FILE *table = fmemopen((char *)(uintptr_t)v4, sizeof v4 - 1, "r");
		uint64_t got = holder_inode(table, AF_INET, cases[i].tcp, (struct sockaddr *)&addr);
		if (got != cases[i].in_v4)
			fail_msg("%s: %d in the table of IPv4", cases[i].address, (int)got);
		fclose(table);

		table = fmemopen((char *)(uintptr_t)v6, sizeof v6 - 1, "r");
		got = holder_inode(table, AF_INET6, cases[i].tcp, (struct sockaddr *)&addr);
		if (got != cases[i].in_v6)
			fail_msg("%s: %d in the table of IPv6", cases[i].address, (int)got);
		fclose(table);
	}
}

static void test_this_process(void **state)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof addr;
	char who[HOLDER_TEXT_MAX], want[64];

	(void)state;
	for (int tcp = 0; tcp <= 1; tcp++) {
		int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
		addr = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
		if (tcp)
			assert_int_equal(listen(fd, 1), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
		assert_true(holder_find((struct sockaddr *)&addr, tcp, who));
		snprintf(want, sizeof want, "(pid %d)", (int)getpid());
		assert_non_null(strstr(who, want));
		assert_non_null(strstr(who, "test_supervisor"));
		close(fd);
		assert_false(holder_find((struct sockaddr *)&addr, tcp, who));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_this_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
