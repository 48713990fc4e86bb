/* Lines of a Postfix log, as they are in the world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/tools/mxbound-bench/postfix_log.h"

#define SENT ", delay=0.5, delays=0.1/0/0.2/0.2, dsn=2.0.0, status=sent (250 ok)"
#define OLD "Nov 24 10:00:00 mail "

static const struct {
	const char *why, *line, *domain; /* NULL: no delivery by DNS */
} cases[] = {
	{ "as ever", OLD "postfix/smtp[123]: 4F2A31: to=<bob@Example.com>, relay=mx.example.com[192.0.2.1]:25" SENT,
	  "example.com." },
	{ "the date of RFC 3339, a long queue ID, orig_to",
	  "2026-11-24T10:00:00.123+01:00 mail postfix/smtp[1]: 4bQx2z3Yk1zS5k: to=<a@b.example>, orig_to=<x@y>, relay=m.b.example[2001:db8::1]:25" SENT,
	  "b.example." },
	{ "another instance", OLD "postfix-out/smtp[123]: 4F2A31: to=<a@b.example>, relay=m[192.0.2.1]:25" SENT,
	  "b.example." },
	{ "nobody was reached", OLD "postfix/smtp[123]: 4F2A31: to=<a@b.example>, relay=none" SENT,
	  "b.example." },
	{ "an @ in quotes", OLD "postfix/smtp[1]: 4F2A31: to=<\"a@c\"@b.example>, relay=none" SENT,
	  "b.example." },
	{ "another program", OLD "postfix/local[1]: 4F2A31: to=<a@b.example>, relay=local" SENT, NULL },
	{ "smtpd", OLD "postfix/smtpd[1]: 4F2A31: client=x[192.0.2.1]", NULL },
	{ "not Postfix", OLD "exim/smtp[1]: 4F2A31: to=<a@b.example>, relay=none" SENT, NULL },
	{ "a content filter", OLD "postfix/smtp[1]: 4F2A31: to=<a@b.example>, relay=127.0.0.1[127.0.0.1]:10024" SENT, NULL },
	{ "the same over IPv6", OLD "postfix/smtp[1]: 4F2A31: to=<a@b.example>, relay=localhost[::1]:10024" SENT, NULL },
	{ "an address literal", OLD "postfix/smtp[1]: 4F2A31: to=<a@[192.0.2.1]>, relay=none" SENT, NULL },
	{ "no domain", OLD "postfix/smtp[1]: 4F2A31: to=<root>, relay=none" SENT, NULL },
	{ "an empty domain", OLD "postfix/smtp[1]: 4F2A31: to=<a@>, relay=none" SENT, NULL },
	{ "no relay", OLD "postfix/smtp[1]: 4F2A31: to=<a@b.example>, status=sent", NULL },
	{ "an empty relay", OLD "postfix/smtp[1]: 4F2A31: to=<a@b.example>, relay=, x", NULL },
	{ "nothing closes the address", OLD "postfix/smtp[1]: 4F2A31: to=<a@b.example", NULL },
	{ "no queue ID", OLD "postfix/smtp[1]: to=<a@b.example>, relay=none" SENT, NULL },
	{ "a queue ID without end", OLD "postfix/smtp[1]: 0123456789012345678901234: to=<a@b.example>, relay=none" SENT, NULL },
	{ "an empty label", OLD "postfix/smtp[1]: 4F2A31: to=<a@b..example>, relay=none" SENT, NULL },
	{ "another message", OLD "postfix/smtp[1]: connect to x[192.0.2.1]:25: timed out", NULL },
	{ "nothing", "", NULL },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct postfix_delivery d;
		char text[MX_NAME_TEXT_MAX];
		bool found = postfix_line_read(cases[i].line, &d);

		if (found != (cases[i].domain != NULL))
			fail_msg("%s: %s", cases[i].why,
				 found ? "taken" : "not taken");
		if (!found)
			continue;
		mx_name_to_text(d.domain.octets, text);
		assert_string_equal(text, cases[i].domain);
	}
}

/* Every cut of a line is a line, or none; nothing is read past its end. */
static void cuts(void **state)
{
	const char *line = cases[0].line;
	size_t len = strlen(line), found = 0;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		char *part = strndup(line, cut);
		struct postfix_delivery d;

		assert_non_null(part);
		found += postfix_line_read(part, &d);
		free(part);
	}
	assert_true(found > 0 && found < len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
