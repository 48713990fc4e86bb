/* What a configuration may say, and what is said of one that is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sched.h>

#include "config_file.h"

/* ---- defaults, and the range of each number ---- */

static void defaults(void **state)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;

	(void)state;
	assert_int_equal(mx_config_load(&c, NULL, NULL, 0, error), MX_OK);
	assert_int_equal(c.listen.count, 2);
	assert_string_equal(c.listen.at[0], "127.0.0.1@5335");
	assert_string_equal(c.listen.at[1], "::1@5335");
	assert_int_equal(c.access_control.count, 2);
	assert_string_equal(c.access_control.at[1], "::1/128 allow");
	assert_int_equal(c.cache_size, 64u << 20);
	assert_int_equal(c.ttl_max, 86400);
	assert_int_equal(c.query_deadline, 4000);
	assert_int_equal(c.tcp_idle_timeout, 10000);
	assert_int_equal(c.ipv6_upstream, MX_IPV6_AUTO);
	assert_int_equal(c.log_level, MX_LOG_NOTICE);
	assert_false(c.qname_minimisation);
	assert_int_equal(c.forward_zone.count, 0);
	assert_string_equal(c.user, "");
	mx_config_clear(&c);
}

/* What the table says as a default must be a value that the file takes. */
static void defaults_can_be_written(void **state)
{
	static const struct {
		const char *key, *fallback;
	} rows[] = {
#define X(member, key, kind, def, min, max, unit, help) { key, def },
		MX_OPTIONS(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char line[200], all[1000] = "", *entry, *rest, copy[200];
		struct mx_config c;

		snprintf(copy, sizeof(copy), "%s", rows[i].fallback);
		rest = copy;
		while ((entry = strsep(&rest, "|")) != NULL) {
			snprintf(line, sizeof(line), "%s: \"%s\"\n", rows[i].key,
				 entry);
			strcat(all, line);
		}
		load_ok(&c, all);
		mx_config_clear(&c);
	}
}

static void number_ranges(void **state)
{
	static const struct {
		const char *key, *kind;
		uint64_t min, max;
		size_t offset;
	} rows[] = {
#define X(member, key, kind, def, min, max, unit, help) \
		{ key, #kind, min, max, offsetof(struct mx_config, member) },
		MX_OPTIONS(X)
#undef X
	};
	unsigned checked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char line[200], want[200];
		struct mx_config c;
		uint64_t got;

		if (strcmp(rows[i].kind, "COUNT") != 0 &&
		    strcmp(rows[i].kind, "SIZE") != 0 &&
		    strcmp(rows[i].kind, "SECS") != 0 &&
		    strcmp(rows[i].kind, "MSEC") != 0)
			continue;
		const uint64_t good[] = { rows[i].min, rows[i].max };
		for (unsigned k = 0; k < 2; k++) {
			/* Cross checks are another test's. */
			snprintf(line, sizeof(line), "%s: %llu\n%s", rows[i].key,
				 (unsigned long long)good[k],
				 strcmp(rows[i].key, "failure-ttl-min") == 0
					 ? "failure-ttl-max: 300\n" : "");
			load_ok(&c, line);
			memcpy(&got, (char *)&c + rows[i].offset, sizeof(got));
			assert_int_equal(got, good[k]);
			mx_config_clear(&c);
		}
		snprintf(line, sizeof(line), "%s: %llu\n", rows[i].key,
			 (unsigned long long)rows[i].max + 1);
		snprintf(want, sizeof(want),
			 "t.conf:1: \"%llu\" is too large for \"%s\"; accepted: a number from ...",
			 (unsigned long long)rows[i].max + 1, rows[i].key);
		expect_error(line, NULL, want);
		if (rows[i].min > 0) {
			snprintf(line, sizeof(line), "%s: %llu\n", rows[i].key,
				 (unsigned long long)rows[i].min - 1);
			snprintf(want, sizeof(want),
				 "t.conf:1: \"%llu\" is too small for \"%s\"; accepted: a number from ...",
				 (unsigned long long)rows[i].min - 1, rows[i].key);
			expect_error(line, NULL, want);
		}
		checked++;
	}
	assert_true(checked > 15);
}

static void units(void **state)
{
	static const struct {
		const char *line;
		uint64_t want;
		size_t offset;
	} cases[] = {
#define AT(member) offsetof(struct mx_config, member)
		{ "cache-size: 1048576", 1 << 20, AT(cache_size) },
		{ "cache-size: 2048k", 2 << 20, AT(cache_size) },
		{ "cache-size: 3m", 3 << 20, AT(cache_size) },
		{ "cache-size: 3M", 3 << 20, AT(cache_size) },
		{ "cache-size: 1024g", 1ull << 40, AT(cache_size) },
		{ "ttl-max: 90", 90, AT(ttl_max) },
		{ "ttl-max: 90s", 90, AT(ttl_max) },
		{ "ttl-max: 2m", 120, AT(ttl_max) },
		{ "ttl-max: 3h", 10800, AT(ttl_max) },
		{ "ttl-max: 7d", 604800, AT(ttl_max) },
		{ "query-deadline: 250", 250, AT(query_deadline) },
		{ "query-deadline: 250ms", 250, AT(query_deadline) },
		{ "query-deadline: 2s", 2000, AT(query_deadline) },
		{ "workers: 064", 64, AT(workers) },
#undef AT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mx_config c;
		uint64_t got;

		load_ok(&c, cases[i].line);
		memcpy(&got, (char *)&c + cases[i].offset, sizeof(got));
		assert_int_equal(got, cases[i].want);
		mx_config_clear(&c);
	}
}

/* ---- lines ---- */

/* Ways to write the same; all give cache-size 2m and user "root". */
static void line_forms(void **state)
{
	static const char *const texts[] = {
		"cache-size: 2m\nuser: root\n",
		"cache-size: 2m\nuser: root", /* no end of line */
		"cache-size:2m\nuser:root\n",
		"  cache-size :\t2m  \n\tuser: root\t\n",
		"cache-size: 2m\r\nuser: root\r\n",
		"\357\273\277cache-size: 2m\nuser: root\n", /* BOM */
		"# both\n\n  # indented\ncache-size: 2m # two\nuser: root #\n",
		"cache-size: \"2m\"\nuser: \"root\" # quoted\n",
		"# caf\xe9, in Latin-1\ncache-size: 2m # caf\xe9\nuser: root\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct mx_config c;

		load_ok(&c, texts[i]);
		assert_int_equal(c.cache_size, 2 << 20);
		assert_string_equal(c.user, "root");
		mx_config_clear(&c);
	}
}

static void quotes(void **state)
{
	struct mx_config c;

	(void)state;
	assert_int_equal(mkdir("a # \"b\\", 0700), 0);
	load_ok(&c, "user: root\nstate-dir: \"a # \\\"b\\\\\"\n");
	assert_string_equal(strrchr(c.state_dir, '/'), "/a # \"b\\");
	mx_config_clear(&c);
	/* Only after a blank does # start a comment. */
	assert_int_equal(mkdir("a#b", 0700), 0);
	load_ok(&c, "user: root\nstate-dir: a#b #c\n");
	assert_string_equal(strrchr(c.state_dir, '/'), "/a#b");
	mx_config_clear(&c);
}

static const struct {
	const char *text, *want;
} wrong_lines[] = {
	/* keys */
	{ "#\n\ncache-szie: 1m\n", "t.conf:3: unknown key \"cache-szie\"; did you mean \"cache-size\"?" },
	{ "Cache_Size: 1m\n", "t.conf:1: unknown key \"Cache_Size\"; did you mean \"cache-size\"?" },
	{ "listne: ::1\n", "t.conf:1: unknown key \"listne\"; did you mean \"listen\"?" },
	{ "flurb: 1\n", "t.conf:1: unknown key \"flurb\"; \"mxbound --help\" lists all keys" },
	{ "server:\n", "t.conf:1: unknown key \"server\"; there are no sections here; leave the line out" },
	{ "num-threads: 2\n", "t.conf:1: unknown key \"num-threads\"; write \"workers: NUMBER\"" },
	{ "edns-buffer-size: 1232\n", "t.conf:1: unknown key \"edns-buffer-size\"; as an option of the resolver it is written \"resolver-option: edns-buffer-size: VALUE\"" },
	{ "\x1b[31m: 1\n", "t.conf:1: control character \\x1b in column 1; take it out" },
	/* lines */
	{ "cache-size 1m\n", "t.conf:1: \"cache-size 1m\" is not \"KEY: VALUE\"; write it as in \"cache-size: 64m\"" },
	{ "cache-size=1m\n", "t.conf:1: \"cache-size=1m\" is not \"KEY: VALUE\"; write it as in \"cache-size: 64m\"" },
	{ ": 1m\n", "t.conf:1: \": 1m\" is not \"KEY: VALUE\"..." },
	{ "cache-size:\n", "t.conf:1: \"cache-size\" has no value; write \"cache-size: VALUE\", or \"\" for an empty one" },
	{ "user: # me\n", "t.conf:1: \"user\" has no value..." },
	{ "user: \"root\n", "t.conf:1: the closing \" is missing; put it after the value" },
	{ "user: \"root\" x\n", "t.conf:1: \"x\" follows the quoted value; put the whole value in quotes" },
	{ "user: ro\"ot\"\n", "t.conf:1: quotes must stand around the whole value; write user: \"...\"" },
	{ "user: \"ro\\nt\"\n", "t.conf:1: only \\\" and \\\\ may follow a backslash..." },
	{ "user: \"root\\\n", "t.conf:1: only \\\" and \\\\ may follow a backslash..." },
	{ "user: ro\xe9t\n", "t.conf:1: octet \\xe9 in column 9 is not UTF-8; save the text as UTF-8" },
	{ "user: a\rb\n", "t.conf:1: control character \\x0d in column 8; take it out" },
	/* twice */
	{ "workers: 1\nuser: root\nworkers: 1\n", "t.conf:3: \"workers\" was already set in line 1; keep one of them" },
	/* kinds */
	{ "cache-size: lots\n", "t.conf:1: \"lots\" is no value for \"cache-size\"; accepted: a number from 1m to 1024g (octets, or with k, m or g), default 64m" },
	{ "cache-size: 64 m\n", "t.conf:1: \"64 m\" is no value for \"cache-size\"..." },
	{ "cache-size: 64mb\n", "t.conf:1: \"64mb\" is no value..." },
	{ "cache-size: -1\n", "t.conf:1: \"-1\" is no value..." },
	{ "cache-size: +64m\n", "t.conf:1: \"+64m\" is no value..." },
	{ "cache-size: 0x400000\n", "t.conf:1: \"0x400000\" is no value..." },
	{ "cache-size: 1.5m\n", "t.conf:1: \"1.5m\" is no value..." },
	{ "cache-size: \"\"\n", "t.conf:1: \"\" is no value for \"cache-size\"..." },
	/* 2^64, and what 64 bits lose when multiplied */
	{ "cache-size: 18446744073709551616\n", "t.conf:1: \"18446744073709551616\" is too large for \"cache-size\"..." },
	{ "cache-size: 17179869185g\n", "t.conf:1: \"17179869185g\" is too large for \"cache-size\"..." },
	{ "ttl-max: 1w\n", "t.conf:1: \"1w\" is no value for \"ttl-max\"; accepted: a number from 1s to 7d (seconds, or with s, m, h or d), default 1d" },
	{ "query-deadline: 1m\n", "t.conf:1: \"1m\" is no value for \"query-deadline\"; accepted: a number from 100ms to 4500ms (milliseconds, or with ms or s), default 4s" },
	{ "workers: 2k\n", "t.conf:1: \"2k\" is no value for \"workers\"; accepted: a number from 0 to 64 (threads), default 0" },
	{ "qname-minimisation: true\n", "t.conf:1: \"true\" is no value for \"qname-minimisation\"; accepted: yes or no, default no" },
	{ "log-level: warn\n", "t.conf:1: \"warn\" is no value for \"log-level\"; accepted: error, warning, notice, info or debug, default notice" },
	{ "user: a-name-that-is-longer-than-any-account-can-have\n", "t.conf:1: the value of \"user\" has 47 octets; at most 32 are taken" },
	/* addresses */
	{ "listen: localhost\n", "t.conf:1: \"localhost\" is not an address, and names are not looked up here; write one as in 127.0.0.1 or ::1" },
	{ "listen: 127.0.0.1:53\n", "t.conf:1: \"127.0.0.1:53\" is not an address; the port goes after @, as in 127.0.0.1@53" },
	{ "listen: 127.0.0.1@0\n", "t.conf:1: port \"0\" is not a number from 1 to 65535; write it as in 127.0.0.1@53" },
	{ "listen: 224.0.0.1\n", "t.conf:1: 224.0.0.1 is no address a host can have..." },
	{ "listen: \"\"\n", "t.conf:1: \"listen\" cannot be empty; write ADDR@PORT" },
	{ "access-control: 192.0.2.1/24 allow\n", "t.conf:1: 192.0.2.1/24 has bits set after its first 24; the network is 192.0.2.0/24, the address alone 192.0.2.1/32" },
	{ "access-control: 192.0.2.0/33 allow\n", "t.conf:1: prefix length \"33\" is not a number from 0 to 32..." },
	{ "access-control: 192.0.2.0/24\n", "t.conf:1: what to do is missing; write \"192.0.2.0/24 allow\", refuse or drop" },
	{ "access-control: 192.0.2.0/24 deny\n", "t.conf:1: \"deny\" is nothing to do with a client; write allow, refuse or drop" },
	{ "access-control: 192.0.2.0/24 allow 1\n", "t.conf:1: \"1\" is left over..." },
	/* zones */
	{ "forward-zone: example.com\n", "t.conf:1: no address for the zone \"example.com\"; write \"example.com ADDR[@PORT]...\", as in example.com 192.0.2.1" },
	{ "forward-zone: ex..com 192.0.2.1\n", "t.conf:1: \"ex..com\" is no domain name: a label is empty..." },
	{ "forward-zone: .com 192.0.2.1\n", "t.conf:1: \".com\" is no domain name..." },
	{ "forward-zone: b\xc3\xbc" "cher.de 192.0.2.1\n", "t.conf:1: \"b\xc3\xbc" "cher.de\" is not ASCII; write the domain name in its xn-- form" },
	{ "forward-zone: a\\25.de 192.0.2.1\n", "t.conf:1: \"a\\25.de\" has an unfinished escape..." },
	{ "forward-zone: a\\256.de 192.0.2.1\n", "t.conf:1: \"a\\256.de\" has an unfinished escape..." },
	{ "forward-zone: 0123456789012345678901234567890123456789012345678901234567890123.de 192.0.2.1\n", "t.conf:1: \"0123456789012345678901234567890123456789012345678901234567890123.de\" has a label of more than 63 octets, which DNS does not allow (RFC 1035)" },
	{ "stale-never: a..example\n", "t.conf:1: \"a..example\" is no domain name: a label is empty..." },
	{ "stale-never: a.example b.example\n", "t.conf:1: \"a.example b.example\" is more than one word; write one zone, as in dnsbl.example" },
	{ "keep-warm: a..example\n", "t.conf:1: \"a..example\" is no domain name: a label is empty..." },
	{ "keep-warm: a.example b.example\n", "t.conf:1: \"a.example b.example\" is more than one word; write one domain, and a line for each, as in example.com" },
	{ "\n\nkeep-warm: postmaster@a.example\n", "t.conf:3: \"postmaster@a.example\" has an @; write the domain right of it, as in example.com" },
	{ "keep-warm: .\n", "t.conf:1: \".\" is no domain that gets mail; write one as in example.com" },
	{ "stale-after: 5s\n", "t.conf:1: \"5s\" is too large for \"stale-after\"..." },
	{ "forward-zone: . ns.example.com\n", "t.conf:1: \"ns.example.com\" is not an address, and names..." },
	{ "stub-zone: . 0.0.0.0\n", "t.conf:1: 0.0.0.0 is no address of a name server; write the one it answers on" },
	/* options of the resolver */
	{ "resolver-option: edns-buffer-size 1232\n", "t.conf:1: \"edns-buffer-size 1232\" is not \"KEY: VALUE\"; write it as in edns-buffer-size: 1232" },
	{ "resolver-option: edns-bufer-size: 1232\n", "t.conf:1: \"edns-bufer-size\" is no option of the resolver; did you mean \"edns-buffer-size\"?" },
	{ "resolver-option: flurb: 1\n", "t.conf:1: \"flurb\" is not among the options of the resolver that may be set; \"mxbound --help\" lists them" },
	{ "resolver-option: edns-buffer-size: 511\n", "t.conf:1: \"511\" is no value for the resolver's \"edns-buffer-size\"; accepted: a number from 512 to 4096" },
	{ "resolver-option: msg-cache-size: 1k\n", "t.conf:1: \"1k\" is no value for the resolver's \"msg-cache-size\"; accepted: a number from 64k to 64g" },
	{ "resolver-option: use-caps-for-id: on\n", "t.conf:1: \"on\" is no value for the resolver's \"use-caps-for-id\"; accepted: yes or no" },
	{ "resolver-option: outgoing-port-avoid: 9-8\n", "t.conf:1: \"9-8\" is no value..." },
	{ "resolver-option: tls-cert-bundle: ca.pem\n", "t.conf:1: \"ca.pem\" is no value for the resolver's \"tls-cert-bundle\"; accepted: a path that starts with /" },
	{ "resolver-option: target-fetch-policy: 3 2 x\n", "t.conf:1: \"3 2 x\" is no value..." },
	{ "resolver-option: private-address: 127.0.0.0/8\n", "t.conf:1: 127.0.0.0/8 must not be private: DNS block lists..." },
	{ "resolver-option: private-address: 127.0.0.2\n", "t.conf:1: 127.0.0.2 must not be private..." },
	{ "resolver-option: private-address: 0.0.0.0/0\n", "t.conf:1: 0.0.0.0/0 must not be private..." },
	{ "resolver-option: unwanted-reply-threshold: 10000000\n", "t.conf:1: the resolver's \"unwanted-reply-threshold\" may not be set: anybody could empty the cache with it (CVE-2026-44621)" },
	{ "resolver-option: serve-expired: yes\n", "t.conf:1: the resolver's \"serve-expired\" may not be set: the library does not tell stale from fresh" },
	{ "resolver-option: serve-expired-ttl: 1\n", "t.conf:1: the resolver's \"serve-expired-ttl\" may not be set..." },
	{ "resolver-option: prefetch: yes\n", "t.conf:1: the resolver's \"prefetch\" may not be set..." },
	{ "resolver-option: module-config: \"iterator\"\n", "t.conf:1: quotes must stand around the whole value..." },
	{ "resolver-option: module-config: iterator\n", "t.conf:1: the resolver's \"module-config\" may not be set..." },
	{ "resolver-option: minimal-responses: no\n", "t.conf:1: the resolver's \"minimal-responses\" may not be set..." },
	{ "resolver-option: cache-max-ttl: 60\n", "t.conf:1: the resolver's \"cache-max-ttl\" may not be set: set \"ttl-max\"" },
	{ "resolver-option: val-override-date: -1\n", "t.conf:1: the resolver's \"val-override-date\" may not be set..." },
	{ "resolver-option: val-permissive-mode: yes\n", "t.conf:1: the resolver's \"val-permissive-mode\" may not be set: forged answers would pass" },
	/* lists */
	{ "forward-zone: \"\"\nforward-zone: . 192.0.2.1\n", "t.conf:2: an empty value means no \"forward-zone\" at all, and there is another in line 1; keep one of them" },
	{ "forward-zone: . 192.0.2.1\nforward-zone: \"\"\n", "t.conf:2: an empty value means no \"forward-zone\" at all..." },
};

static void errors_in_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_lines) / sizeof(*wrong_lines); i++)
		expect_error(wrong_lines[i].text, NULL, wrong_lines[i].want);
}

static void expect_file_error(const void *octets, size_t len, const char *want)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;

	file_write("t.conf", octets, len);
	assert_int_equal(mx_config_load(&c, "t.conf", NULL, 0, error),
			 MX_E_CONFIG);
	assert_string_equal(error, want);
}

static void odd_files(void **state)
{
	static const char utf16[] = "u\0s\0e\0r\0:\0 \0x\0\n\0";
	char error[MX_CONFIG_ERROR_MAX], *million;
	struct mx_config c;

	(void)state;
	expect_file_error("user: ro\0ot\n", 12,
			  "t.conf:1: NUL octet in column 9; the file must be plain text in UTF-8");
	expect_file_error("# \0\n", 4,
			  "t.conf:1: NUL octet in column 3; the file must be plain text in UTF-8");
	expect_file_error(utf16, sizeof(utf16) - 1,
			  "t.conf:1: NUL octet in column 2; the file must be plain text in UTF-8");

	million = malloc(1 << 20);
	assert_non_null(million);
	memset(million, 'x', 1 << 20);
	memcpy(million, "\nuser: ", 7);
	expect_file_error(million, 1 << 20,
			  "t.conf:2: the line has 1048575 octets; at most 8192 are taken");
	free(million);

	million = malloc((16 << 20) + 1);
	assert_non_null(million);
	memset(million, '\n', (16 << 20) + 1);
	expect_file_error(million, (16 << 20) + 1,
			  "t.conf: longer than 16777216 octets; this is not a configuration file");
	free(million);

	file_write("t.conf", "", 0); /* an empty file is all defaults */
	assert_int_equal(mx_config_load(&c, "t.conf", NULL, 0, error), MX_OK);
	mx_config_clear(&c);

	assert_int_equal(mx_config_load(&c, "none.conf", NULL, 0, error),
			 MX_E_CONFIG);
	assert_string_equal(error, "none.conf: cannot open the file: No such file or directory; check the path");
	assert_int_equal(mx_config_load(&c, ".", NULL, 0, error), MX_E_CONFIG);
	assert_string_equal(error, ".: cannot read the file: Is a directory; name a file in it");
	assert_int_equal(mx_config_load(&c, "a\nb\x1b[2J", NULL, 0, error),
			 MX_E_CONFIG);
	assert_string_equal(error, "a\\x0ab\\x1b[2J: cannot open the file: No such file or directory; check the path");
}

/* Every octet at every place of a line: no crash, and errors without control
 * characters. The sanitizers look at the rest. */
static void any_octet_anywhere(void **state)
{
	static const char line[] = "forward-zone: \"a\\\\b. 192.0.2.1@53\" # x\n";

	(void)state;
	for (size_t at = 0; at < sizeof(line) - 1; at++) {
		for (unsigned octet = 0; octet < 256; octet++) {
			char text[sizeof(line)], error[MX_CONFIG_ERROR_MAX];
			struct mx_config c;

			memcpy(text, line, sizeof(line));
			text[at] = (char)octet;
			file_write("t.conf", text, sizeof(line) - 1);
			enum mx_error err = mx_config_load(&c, "t.conf", NULL,
							   0, error);
			assert_true(err == MX_OK || err == MX_E_CONFIG);
			assert_true((err == MX_OK) == (error[0] == '\0'));
			for (const char *e = error; *e != '\0'; e++)
				assert_true((unsigned char)*e >= 0x20 && *e != 0x7f);
			mx_config_clear(&c);
		}
	}
}

/* ---- lists and sets ---- */

static void lists(void **state)
{
	struct mx_config c;

	(void)state;
	/* The first one written replaces the default; order is kept. */
	load_ok(&c, "listen: 192.0.2.1@53\nlisten: [2001:db8::1]@53\nlisten: 192.0.2.2\n"
		"access-control: 192.0.2.0/24 allow\n");
	assert_int_equal(c.listen.count, 3);
	assert_string_equal(c.listen.at[0], "192.0.2.1@53");
	assert_string_equal(c.listen.at[2], "192.0.2.2");
	mx_config_clear(&c);

	load_ok(&c, "forward-zone:  example.com \t 192.0.2.1   192.0.2.2@54 \n");
	assert_string_equal(c.forward_zone.at[0], "example.com 192.0.2.1 192.0.2.2@54");
	mx_config_clear(&c);

	load_ok(&c, "resolver-option: edns-buffer-size: 1400\nresolver-option: \"target-fetch-policy: -1 0 2\"\n");
	assert_int_equal(c.resolver_option.count, 2);
	assert_string_equal(c.resolver_option.at[1], "target-fetch-policy: -1 0 2");
	mx_config_clear(&c);
}

static void sets(void **state)
{
	static const char file[] = "cache-size: 2m\nlisten: 192.0.2.1\nlisten: 192.0.2.2\n"
				   "forward-zone: . 192.0.2.9\n"
				   "access-control: 192.0.2.0/24 allow\n";
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;

	(void)state;
	const char *const one[3] = { "cache-size=3m", "listen=192.0.2.3" };
	assert_int_equal(load_with(&c, file, one, error), MX_OK);
	assert_int_equal(c.cache_size, 3 << 20);
	assert_int_equal(c.listen.count, 1);
	assert_string_equal(c.listen.at[0], "192.0.2.3");
	assert_int_equal(c.forward_zone.count, 1);
	mx_config_clear(&c);

	const char *const two[3] = { "listen=192.0.2.3", "forward-zone=", "listen = 192.0.2.4 " };
	expect_error(file, two, "--set listen = 192.0.2.4 : unknown key \"listen \"; did you mean \"listen\"?");

	const char *const three[3] = { "listen=192.0.2.3", "forward-zone=", "listen= 192.0.2.4 " };
	assert_int_equal(load_with(&c, file, three, error), MX_OK);
	assert_int_equal(c.listen.count, 2);
	assert_string_equal(c.listen.at[1], "192.0.2.4");
	assert_int_equal(c.forward_zone.count, 0);
	mx_config_clear(&c);
}

static void errors_in_sets(void **state)
{
	static const struct {
		const char *set, *want;
	} cases[] = {
		{ "cache-size", "--set cache-size: not KEY=VALUE; write it as in --set cache-size=64m" },
		{ "=1", "--set =1: not KEY=VALUE; write it as in --set cache-size=64m" },
		{ "cache-szie=1m", "--set cache-szie=1m: unknown key \"cache-szie\"; did you mean \"cache-size\"?" },
		{ "cache-size=1", "--set cache-size=1: \"1\" is too small for \"cache-size\"..." },
		{ "cache-size=", "--set cache-size=: \"\" is no value for \"cache-size\"..." },
		{ "listen=", "--set listen=: \"listen\" cannot be empty; write ADDR@PORT" },
		/* Nothing may smuggle a line into what is handed to children. */
		{ "user=root\ncache-size: 1m", "--set user=root\\x0acache-size: 1m: control character \\x0a in column 10; take it out" },
		{ "user=\xff", "--set user=\\xff: octet \\xff in column 6 is not UTF-8..." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *const set[3] = { cases[i].set };
		expect_error("", set, cases[i].want);
	}
	const char *const twice[3] = { "workers=1", "workers=2" };
	expect_error("workers: 3\n", twice, "--set workers=2: \"workers\" was already set by --set workers=1; keep one of them");
	/* A wrong line is told even where --set replaces it. */
	const char *const good[3] = { "workers=1" };
	expect_error("workers: x\n", good, "t.conf:1: \"x\" is no value for \"workers\"...");
}

static void too_many_entries(void **state)
{
	char text[65 * 24] = "", line[24];

	(void)state;
	for (unsigned i = 0; i < 65; i++) {
		snprintf(line, sizeof(line), "listen: 192.0.2.%u\n", i);
		strcat(text, line);
	}
	expect_error(text, NULL, "t.conf:65: more than 64 lines \"listen\"; that is the most");
}

/* ---- write and read ---- */

static char *written(const struct mx_config *c, int fd)
{
	static char text[1 << 16];

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(mx_config_write(c, fd), MX_OK);
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	return text;
}

static void round_trip(const char *text)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config first, second;
	int fd = memfd_create("config", MFD_CLOEXEC);

	assert_true(fd >= 0);
	load_ok(&first, text);
	char *one = strdup(written(&first, fd));
	/* Read leaves the offset alone, and does not care where it is. */
	if (mx_config_read(&second, fd, error) != MX_OK)
		fail_msg("%s", error);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), (long)strlen(one));

	/* All members, not only their text. */
#define SAME_BOOL(m) assert_int_equal(first.m, second.m)
#define SAME_COUNT(m) SAME_BOOL(m)
#define SAME_SIZE(m) SAME_BOOL(m)
#define SAME_SECS(m) SAME_BOOL(m)
#define SAME_MSEC(m) SAME_BOOL(m)
#define SAME_CHOICE(m) SAME_BOOL(m)
#define SAME_TEXT(m) assert_string_equal(first.m, second.m)
#define SAME_LIST(m) \
	do { \
		assert_int_equal(first.m.count, second.m.count); \
		for (size_t i = 0; i < first.m.count; i++) \
			assert_string_equal(first.m.at[i], second.m.at[i]); \
	} while (0)
#define X(member, key, kind, def, min, max, unit, help) SAME_##kind(member);
	MX_OPTIONS(X)
#undef X
	assert_string_equal(written(&second, fd), one);
	free(one);
	close(fd);
	mx_config_clear(&first);
	mx_config_clear(&second);
}

static void round_trips(void **state)
{
	(void)state;
	round_trip("");
	assert_int_equal(mkdir("x \"\\ # y", 0700), 0);
	round_trip("user: root\nstate-dir: \"x \\\"\\\\ # y\"\n");
	round_trip("forward-zone: a\\032b\\\\.com 192.0.2.1 2001:db8::1@54\n"
		   "stub-zone: example.org 192.0.2.7\n"
		   "resolver-option: target-fetch-policy: -1 2\n"
		   "access-control: 0.0.0.0/0 drop\naccess-control: ::/0 refuse\n"
		   "qname-minimisation: yes\nipv6-upstream: no\nlog-level: debug\n"
		   "user: root\nlisten: 192.0.2.1\n");
}

/* Numbers drawn at random within their ranges; the seed is in the message. */
static void round_trips_random(void **state)
{
	static const struct {
		const char *key, *kind;
		uint64_t min, max;
	} rows[] = {
#define X(member, key, kind, def, min, max, unit, help) { key, #kind, min, max },
		MX_OPTIONS(X)
#undef X
	};

	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		char text[4096] = "", line[100];

		srandom(seed);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			if (strcmp(rows[i].kind, "BOOL") == 0) {
				snprintf(line, sizeof(line), "%s: %s\n", rows[i].key,
					 random() % 2 ? "yes" : "no");
			} else if (strcmp(rows[i].kind, "CHOICE") == 0 ||
				   strcmp(rows[i].kind, "TEXT") == 0 ||
				   strcmp(rows[i].kind, "LIST") == 0 ||
				   strncmp(rows[i].key, "failure-ttl", 11) == 0) {
				continue;
			} else {
				uint64_t span = rows[i].max - rows[i].min + 1;
				uint64_t n = (uint64_t)random() << 31 ^ (uint64_t)random();
				snprintf(line, sizeof(line), "%s: %llu\n", rows[i].key,
					 (unsigned long long)(rows[i].min + n % span));
			}
			strcat(text, line);
		}
		print_message(seed == 1 ? "seeds 1 to 200\n" : "");
		round_trip(text);
	}
}

/* A child reads what it is given without looking at the system again. */
static void read_skips_the_system(void **state)
{
	static const char text[] = "user: nobody-has-this-account\nroot-hints: /none\n";
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;
	int fd = memfd_create("config", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(mx_config_read(&c, fd, error), MX_OK);
	assert_string_equal(c.root_hints, "/none");
	mx_config_clear(&c);
	assert_int_equal(pwrite(fd, "USER", 4, 0), 4);
	assert_int_equal(mx_config_read(&c, fd, error), MX_E_CONFIG);
	assert_string_equal(error, "configuration handed over:1: unknown key \"USER\"; did you mean \"user\"?");
	close(fd);
	assert_int_equal(mx_config_read(&c, -1, error), MX_E_CONFIG);
}

static void write_errors_are_told(void **state)
{
	struct mx_config c;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	load_ok(&c, "");
	assert_int_equal(mx_config_write(&c, full), MX_E_SYSTEM);
	assert_int_equal(errno, ENOSPC);
	close(full);
	mx_config_clear(&c);
}

static void changes_only(void **state)
{
	struct mx_config c;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	load_ok(&c, "cache-size: 65536k\nttl-max: 3600\nlisten: 127.0.0.3\n");
	mx_config_changes(&c, out);
	fclose(out);
	/* 65536k is the default, written otherwise. */
	assert_string_equal(text, "listen: \"127.0.0.3\"\nttl-max: 1h\n");
	free(text);
	mx_config_clear(&c);
}

/* ---- the rest ---- */

static void help_fits_the_screen(void **state)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);
	char *rest, *line;

	(void)state;
	mx_config_help(out);
	fclose(out);
#define X(member, key, kind, def, min, max, unit, help) \
	assert_non_null(strstr(text, "  " key ": "));
	MX_OPTIONS(X)
#undef X
	assert_non_null(strstr(text, "  edns-buffer-size: number"));
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL)
		assert_true(strlen(line) <= 80);
	free(text);
}

static void markdown_has_every_key(void **state)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	mx_config_markdown(out);
	fclose(out);
#define X(member, key, kind, def, min, max, unit, help) \
	assert_non_null(strstr(text, "| `" key "` | "));
	MX_OPTIONS(X)
#undef X
	/* A bar in a cell would make columns of it. */
	assert_non_null(strstr(text, "| auto\\|yes\\|no | `auto` |"));
	free(text);
}

static void counts(void **state)
{
	cpu_set_t all, one;
	struct mx_config c;

	(void)state;
	load_ok(&c, "workers: 3\nresolvers: 5\n");
	assert_int_equal(mx_config_workers(&c), 3);
	assert_int_equal(mx_config_resolvers(&c), 5);
	mx_config_clear(&c);

	load_ok(&c, "");
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	unsigned cores = (unsigned)CPU_COUNT(&all);
	if (cores <= 32) {
		assert_int_equal(mx_config_workers(&c), cores);
		assert_int_equal(mx_config_resolvers(&c), (cores + 1) / 2);
	}
	/* What the process may use counts, not what the machine has. */
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(mx_config_workers(&c), 1);
	assert_int_equal(mx_config_resolvers(&c), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	mx_config_clear(&c);
}

static void resolver_option_rows(void **state)
{
	char key[MX_RESOLVER_OPTION_KEY_MAX], line[300];
	const char *value;
	struct mx_config c;

	(void)state;
	assert_true(mx_resolver_option_count() > 40);
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option r = mx_resolver_option_row(i);

		assert_true(mx_resolver_option_allowed(r.key));
		snprintf(line, sizeof(line), "resolver-option: %s: %s\n", r.key,
			 r.example);
		load_ok(&c, line);
		assert_true(mx_resolver_option_parse(c.resolver_option.at[0],
						     key, &value));
		assert_string_equal(key, r.key);
		assert_string_equal(value, r.example);
		mx_config_clear(&c);
	}
	assert_false(mx_resolver_option_allowed("module-config"));
	assert_false(mx_resolver_option_allowed(""));
	assert_false(mx_resolver_option_parse("no colon", key, &value));
	assert_false(mx_resolver_option_parse(": x", key, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(defaults_can_be_written),
		cmocka_unit_test(number_ranges),
		cmocka_unit_test(units),
		cmocka_unit_test(line_forms),
		cmocka_unit_test(quotes),
		cmocka_unit_test(errors_in_lines),
		cmocka_unit_test(odd_files),
		cmocka_unit_test(any_octet_anywhere),
		cmocka_unit_test(lists),
		cmocka_unit_test(sets),
		cmocka_unit_test(errors_in_sets),
		cmocka_unit_test(too_many_entries),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(round_trips_random),
		cmocka_unit_test(read_skips_the_system),
		cmocka_unit_test(write_errors_are_told),
		cmocka_unit_test(changes_only),
		cmocka_unit_test(help_fits_the_screen),
		cmocka_unit_test(markdown_has_every_key),
		cmocka_unit_test(counts),
		cmocka_unit_test(resolver_option_rows),
	};

	return cmocka_run_group_tests(tests, config_folder_make,
				      config_folder_remove);
}
