/* What belongs together in a configuration, and what must be on the system.
 *
 * Runs as root and as anybody else; what differs is said where it does. */
#include <sys/stat.h>

#include "config_file.h"

/* Where others can ask, a rule has to say who may. */
#define OTHERS "access-control: 192.0.2.0/24 allow\n"

static void minimum_above_maximum(void **state)
{
	struct mx_config c;

	(void)state;
	expect_error("failure-ttl-min: 31\n", NULL,
		     "t.conf:1: \"failure-ttl-min\" is 31s and \"failure-ttl-max\" only 30s; make the second at least as long");
	expect_error("failure-ttl-min: 2m\n\nfailure-ttl-max: 60\n", NULL,
		     "t.conf:3: \"failure-ttl-min\" is 2m and \"failure-ttl-max\" only 1m; make the second at least as long");
	const char *const set[3] = { "failure-ttl-max=1" };
	expect_error("failure-ttl-min: 5\n", set,
		     "--set failure-ttl-max=1: \"failure-ttl-min\" is 5s...");
	load_ok(&c, "failure-ttl-min: 7\nfailure-ttl-max: 7\n");
	mx_config_clear(&c);
}

static void the_same_address_twice(void **state)
{
	struct mx_config c;

	(void)state;
	expect_error("listen: 192.0.2.1@53\nlisten: ::1\nlisten: 192.0.2.1@53\n", NULL,
		     "t.conf:3: \"192.0.2.1@53\" is already listened on in line 1; leave one of them out");
	/* Written otherwise, meant the same: 5335 is the port if none is told. */
	expect_error("listen: 0:0::1@5335\nlisten: [::1]\n", NULL,
		     "t.conf:2: \"[::1]\" is already listened on in line 1...");
	load_ok(&c, OTHERS "listen: 192.0.2.1@53\nlisten: 192.0.2.1@54\nlisten: ::1@53\nlisten: 0.0.0.0@53\n");
	mx_config_clear(&c);
}

static void two_rules_for_one_network(void **state)
{
	struct mx_config c;

	(void)state;
	expect_error("access-control: 192.0.2.0/24 allow\naccess-control: ::/0 allow\naccess-control: 192.0.2.0/24 drop\n",
		     NULL,
		     "t.conf:3: the network of \"192.0.2.0/24 drop\" already has a rule in line 1; keep one of them");
	expect_error("access-control: 2001:db8:0::/48 allow\naccess-control: 2001:db8::/48 allow\n",
		     NULL, "t.conf:2: the network of...");
	expect_error("access-control: 192.0.2.1 allow\naccess-control: 192.0.2.1/32 drop\n",
		     NULL, "t.conf:2: the network of...");
	load_ok(&c, "access-control: 0.0.0.0/0 drop\naccess-control: ::/0 drop\n"
		    "access-control: 0.0.0.0/8 allow\naccess-control: 10.0.0.0/8 allow\n");
	mx_config_clear(&c);
}

#define ASK_LOOPBACK "resolver-option: do-not-query-localhost: no\n"

static void forwarding_to_ourselves(void **state)
{
	/* Each wrong line is the second one. */
	static const char *const loops[] = {
		"listen: 127.0.0.1@53\nforward-zone: . 127.0.0.1\n" ASK_LOOPBACK,
		"listen: 127.0.0.1@53\nforward-zone: . 192.0.2.1 127.0.0.1@53\n" ASK_LOOPBACK,
		"listen: 127.0.0.1@53\nstub-zone: example.com 127.0.0.1\n" ASK_LOOPBACK,
		"listen: ::1@5300\nforward-zone: . [::1]@5300\n" ASK_LOOPBACK,
		"listen: 0.0.0.0@53\nforward-zone: . 127.0.0.1\n" ASK_LOOPBACK,
		"listen: 0.0.0.0@53\nforward-zone: . 127.9.8.7\n" ASK_LOOPBACK,
		"listen: ::@53\nforward-zone: . ::1\n" ASK_LOOPBACK,
		"listen: 192.0.2.1@53\nforward-zone: . 192.0.2.1\n",
	};
	static const char *const right[] = {
		"listen: 127.0.0.1@53\nforward-zone: . 127.0.0.1@54\n" ASK_LOOPBACK,
		"listen: 127.0.0.1@53\nforward-zone: . 127.0.0.2\n" ASK_LOOPBACK,
		"listen: 0.0.0.0@53\nforward-zone: . 192.0.2.77\n" OTHERS,
		"listen: 0.0.0.0@53\nforward-zone: . ::1\n" OTHERS ASK_LOOPBACK,
		"listen: 0.0.0.0@5335\nforward-zone: . 127.0.0.1@53\n" OTHERS ASK_LOOPBACK,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
		char error[MX_CONFIG_ERROR_MAX];
		struct mx_config c;

		if (load_with(&c, loops[i], NULL, error) == MX_OK)
			fail_msg("accepted: %s", loops[i]);
		assert_ptr_equal(strstr(error, "t.conf:2: "), error);
		assert_non_null(strstr(error, "is where mxbound itself listens"));
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		struct mx_config c;

		load_ok(&c, right[i]);
		mx_config_clear(&c);
	}
	/* The default listeners count too. */
	expect_error("forward-zone: . 127.0.0.1@5335\n" ASK_LOOPBACK, NULL,
		     "t.conf:1: 127.0.0.1@5335 is where mxbound itself listens (listen: 127.0.0.1@5335), so questions would go round in circles; name another server");
}

static void loopback_servers(void **state)
{
	static const char want[] =
		"t.conf:1: 127.0.0.1@53 is a loopback address, which the resolver asks only with \"resolver-option: do-not-query-localhost: no\"; add that line";

	(void)state;
	expect_error("forward-zone: . 127.0.0.1\n", NULL, want);
	expect_error("stub-zone: . 127.0.0.1\n"
		     "resolver-option: do-not-query-localhost: yes\n", NULL, want);
}

static void zones_twice(void **state)
{
	(void)state;
	expect_error("forward-zone: example.com 192.0.2.1\nforward-zone: Example.COM. 192.0.2.2\n",
		     NULL,
		     "t.conf:2: the zone \"Example.COM.\" was already given in line 1; write all its addresses in one line");
	expect_error("stub-zone: . 192.0.2.2\nforward-zone: . 192.0.2.1\n",
		     NULL, "t.conf:1: the zone \".\" was already given in line 2...");
}

static void open_to_others(void **state)
{
	static const char *const refused[] = {
		"listen: 192.0.2.1\n",
		"listen: 0.0.0.0@53\n",
		"listen: ::@53\n",
		"listen: 2001:db8::1@53\n",
		"listen: 192.0.2.1\naccess-control: 127.0.0.0/8 allow\n",
		"listen: 192.0.2.1\naccess-control: 127.0.0.1/32 refuse\naccess-control: ::1/128 allow\n",
	};
	static const char *const right[] = {
		"listen: 127.0.0.2@53\nlisten: ::1@53\n",
		("listen: 192.0.2.1\n" OTHERS),
		"listen: 0.0.0.0@53\naccess-control: 0.0.0.0/0 refuse\n",
	};
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		if (load_with(&c, refused[i], NULL, error) == MX_OK)
			fail_msg("accepted: %s", refused[i]);
		assert_ptr_equal(strstr(error, "t.conf:1: other hosts can reach"), error);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		load_ok(&c, right[i]);
		mx_config_clear(&c);
	}
}

static void cookie_secrets(void **state)
{
	static const struct { const char *file, *want; } rows[] = {
		{ "", "it has no secret..." },
		{ "# none\n\n", "it has no secret..." },
		{ "e5e973e5a6b2a43f48e7dc849e37bfc\n", "line 1 is no secret..." },
		{ "e5e973e5a6b2a43f48e7dc849e37bfcf0\n", "line 1 is no secret..." },
		{ "\ne5e973e5a6b2a43f48e7dc849e37bfcg\n", "line 2 is no secret..." },
	};
	struct mx_config c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char folder[4096], want[5000];

		file_write("cookies", rows[i].file, strlen(rows[i].file));
		assert_int_equal(chmod("cookies", 0600), 0);
		assert_non_null(getcwd(folder, sizeof(folder)));
		snprintf(want, sizeof(want), "t.conf:1: \"%s/cookies\" for \"cookie-secret-file\": %s",
			 folder, rows[i].want);
		expect_error("cookie-secret-file: cookies\n", NULL, want);
	}
	file_write("cookies", "E5e973e5a6b2a43f48e7dc849e37bfcf\n", 33);
	load_ok(&c, "cookie-secret-file: cookies\n");
	mx_config_clear(&c);
	/* Who may read it may forge cookies. */
	assert_int_equal(chmod("cookies", 0644), 0);
	char error[MX_CONFIG_ERROR_MAX];
	assert_int_equal(load_with(&c, "cookie-secret-file: cookies\n", NULL, error),
			 MX_E_CONFIG);
	assert_non_null(strstr(error, "can be read by everybody"));
	assert_int_equal(remove("cookies"), 0);
	assert_int_equal(load_with(&c, "cookie-secret-file: cookies\n", NULL, error),
			 MX_E_CONFIG);
	assert_non_null(strstr(error, "cannot be read: No such file"));
}

static void accounts(void **state)
{
	struct mx_config c;

	(void)state;
	load_ok(&c, "user: root\n");
	mx_config_clear(&c);
	expect_error("\nuser: no-such-account\n", NULL,
		     "t.conf:2: there is no account \"no-such-account\"; make it with \"adduser --system --group\", or leave \"user\" out");
}

static void text_file(const char *name, const char *text)
{
	file_write(name, text, strlen(text));
}

static void root_hints(void **state)
{
	struct mx_config c;

	(void)state;
	text_file("hints", "; the root\n.  3600000  NS  A.ROOT.\nA.ROOT. 3600000 IN A 198.51.100.1\n");
	load_ok(&c, "root-hints: hints\n");
	/* Made absolute: children have other working folders. */
	assert_ptr_equal(strstr(c.root_hints, config_folder), c.root_hints);
	assert_string_equal(strrchr(c.root_hints, '/'), "/hints");
	mx_config_clear(&c);
	text_file("hints", "$TTL 1d\n. IN NS a.root.\na.root. AAAA 2001:db8::1\n");
	load_ok(&c, "root-hints: hints\n");
	mx_config_clear(&c);

	expect_error("root-hints: none\n", NULL, "t.conf:1: cannot open \"/...");
	expect_error("root-hints: .\n", NULL, "t.conf:1: \"/...");
	text_file("hints", "");
	expect_error("root-hints: \"hints\"\n", NULL, "t.conf:1: \"/...");

	static const struct {
		const char *text, *want;
	} wrong[] = {
		{ "", "has no NS record; root hints are lines as in" },
		{ "; . NS a.root.\na.root. A 198.51.100.1\n", "has no NS record" },
		{ ". 3600 NS a.root.\n", "has no address record" },
		{ ". NS\na.root. A 198.51.100.1\n", "has no NS record" },
		{ "NS NS\nA A\n", "has no NS record" },
		{ "user: root\n", "has no NS record" },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char error[MX_CONFIG_ERROR_MAX];

		text_file("hints", wrong[i].text);
		assert_int_equal(load_with(&c, "root-hints: hints\n", NULL, error),
				 MX_E_CONFIG);
		if (strstr(error, wrong[i].want) == NULL)
			fail_msg("%s", error);
	}
}

static void trust_anchor(void **state)
{
	static const char *const right[] = {
		". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
		". 172800 IN DNSKEY 257 3 8 ( AwEAAa\n  bcd ) ;{id = 20326}\n",
		"example.com. DS 1 13 2 00\n",
	};
	static const char *const wrong[] = {
		"", "; . IN DS 20326 8 2 E06D\n", "E06D44B8\n", ". IN NS a.root.\n", ". IN DS\n",
	};
	struct mx_config c;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		text_file("anchor", right[i]);
		load_ok(&c, "trust-anchor-file: anchor\n");
		mx_config_clear(&c);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char error[MX_CONFIG_ERROR_MAX];

		text_file("anchor", wrong[i]);
		assert_int_equal(load_with(&c, "\ntrust-anchor-file: anchor\n",
					   NULL, error), MX_E_CONFIG);
		assert_ptr_equal(strstr(error, "t.conf:2: "), error);
		assert_non_null(strstr(error, "has no DS or DNSKEY record"));
	}
	const char *const set[3] = { "trust-anchor-file=/none" };
	expect_error("", set,
		     "--set trust-anchor-file=/none: cannot open \"/none\" for \"trust-anchor-file\": No such file or directory; name a file that can be read");
}

static void authorities(void **state)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----\nMIIB\n"
				    "-----END CERTIFICATE-----\n";
	static const char *const wrong[] = {
		"", "MIIB\n", "-----BEGIN PUBLIC KEY-----\n",
		" -----BEGIN CERTIFICATE-----\n",
	};
	struct mx_config c;

	(void)state;
	text_file("ca.pem", begin);
	load_ok(&c, "mta-sts-ca-file: ca.pem\n");
	assert_int_equal(c.mta_sts_ca_file[0], '/');
	mx_config_clear(&c);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char error[MX_CONFIG_ERROR_MAX];

		text_file("ca.pem", wrong[i]);
		assert_int_equal(load_with(&c, "\nmta-sts-ca-file: ca.pem\n",
					   NULL, error), MX_E_CONFIG);
		assert_ptr_equal(strstr(error, "t.conf:2: "), error);
		assert_non_null(strstr(error, "BEGIN CERTIFICATE"));
	}
	expect_error("mta-sts-ca-file: /none\n", NULL,
		     "t.conf:1: cannot open \"/none\" for \"mta-sts-ca-file\": No such file or directory; name a file that can be read");
	expect_error("mta-sts-timeout: 61\n", NULL, "t.conf:1: ...");
}

/* A process for policies, if anybody may ask for them. */
static void fetcher(void **state)
{
	static const struct {
		const char *text;
		bool wanted;
	} rows[] = {
		{ "control-socket: no\n", false },
		{ "control-socket: /run/m.sock\n", true },
		{ "control-socket: no\npolicy-listen: 127.0.0.1@8642\n", true },
		{ "mta-sts: no\npolicy-listen: 127.0.0.1@8642\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mx_config c;

		load_ok(&c, rows[i].text);
		if (mx_config_fetcher(&c) != rows[i].wanted)
			fail_msg("%s", rows[i].text);
		mx_config_clear(&c);
	}
}

static void state_folder(void **state)
{
	struct mx_config c;

	(void)state;
	assert_int_equal(mkdir("state", 0700), 0);
	/* Whoever runs this owns it; as root, user says who will use it. */
	load_ok(&c, "user: root\nstate-dir: state\n");
	mx_config_clear(&c);
	expect_error("state-dir: /none/such\n", NULL,
		     "t.conf:1: cannot use \"/none/such\" as \"state-dir\": No such file or directory; make the folder first");
	expect_error("state-dir: t.conf\n", NULL, "t.conf:1: \"/...");
	/* /proc takes no new file from anybody, root included. */
	expect_error("user: root\nstate-dir: /proc/self\n", NULL, "t.conf:2: the account that mxbound works as...");
}

typedef const char *file_of(const struct mx_config *config);

static void assert_file_ends(file_of *of, const char *lines, const char *end)
{
	struct mx_config c;
	const char *file;

	load_ok(&c, lines);
	file = of(&c);
	if (end == NULL) {
		assert_null(file);
	} else {
		assert_non_null(file);
		assert_int_equal(file[0], '/');
		assert_string_equal(file + strlen(file) - strlen(end), end);
	}
	mx_config_clear(&c);
}

static void assert_snapshot_ends(const char *lines, const char *end)
{
	assert_file_ends(mx_config_snapshot_file, lines, end);
}

/* Whether it can be written is not looked at: it is no reason not to start. */
static void snapshot_file(void **state)
{
	(void)state;
	assert_snapshot_ends("", NULL);
	assert_int_equal(mkdir("for-snapshot", 0700), 0);
	assert_snapshot_ends("user: root\nstate-dir: for-snapshot\n",
			     "/for-snapshot/cache.snapshot");
	assert_snapshot_ends("user: root\nstate-dir: for-snapshot\nsnapshot-file: here\n",
			     "/here");
	assert_snapshot_ends("user: root\nstate-dir: for-snapshot\nsnapshot-file: none\n",
			     NULL);
	assert_snapshot_ends("snapshot-file: none\n", NULL);
	assert_snapshot_ends("snapshot-file: /none/such/file\n", "/none/such/file");
}

static void mta_sts_file(void **state)
{
	(void)state;
	assert_file_ends(mx_config_sts_file, "", NULL);
	assert_int_equal(mkdir("for-policies", 0700), 0);
	assert_file_ends(mx_config_sts_file,
			 "user: root\nstate-dir: for-policies\n",
			 "/for-policies/mta-sts.cache");
	assert_file_ends(mx_config_sts_file,
			 "user: root\nstate-dir: for-policies\nmta-sts-file: here\n",
			 "/here");
	assert_file_ends(mx_config_sts_file,
			 "user: root\nstate-dir: for-policies\nmta-sts-file: none\n",
			 NULL);
}

static void assert_control_ends(const char *lines, const char *end,
				unsigned threads)
{
	struct mx_config c;
	const char *path;

	load_ok(&c, lines);
	path = mx_config_control_socket(&c);
	if (end == NULL) {
		assert_null(path);
	} else {
		assert_non_null(path);
		assert_int_equal(path[0], '/');
		assert_string_equal(path + strlen(path) - strlen(end), end);
	}
	assert_int_equal(mx_config_threads(&c), threads);
	mx_config_clear(&c);
}

/* Whether it can be made shows when it is. */
static void control_socket(void **state)
{
	char lengthy[200] = "control-socket: /";

	(void)state;
	/* "auto": the supervisor knows where, once it has looked. */
	assert_control_ends("workers: 2\n", NULL, 2);
	assert_control_ends("workers: 2\ncontrol-socket: no\n", NULL, 2);
	assert_control_ends("workers: 2\ncontrol-socket: \"\"\n", NULL, 2);
	assert_control_ends("workers: 2\ncontrol-socket: m.sock\n", "/m.sock", 3);
	assert_control_ends("workers: 2\ncontrol-socket: \"/none/a b\"\n",
			    "/none/a b", 3);
	expect_error("control-socket: yes\n", NULL,
		     "t.conf:1: \"yes\" for \"control-socket\" says not where; write \"auto\", or a path");
	memset(lengthy + strlen(lengthy), 'x', 107);
	expect_error(lengthy, NULL, "t.conf:1: \"/xxx...");
	strcpy(strchr(lengthy, '/') + 107, "\n");
	assert_control_ends(lengthy, "xxxx", mx_config_workers(&(struct mx_config){ 0 }) + 1);
	const char *const set[3] = { "control-socket=/a\nb" };
	expect_error("", set, "--set control-socket=/a...");
}

static void policy_listen(void **state)
{
	struct mx_config c;
	char lengthy[200] = "policy-listen: unix:/";

	(void)state;
	load_ok(&c, "workers: 2\n");
	assert_int_equal(c.policy_listen.count, 0);
	assert_int_equal(mx_config_threads(&c), 2);
	mx_config_clear(&c);
	load_ok(&c, "workers: 2\npolicy-listen: 127.0.0.1@8642\n"
		    "policy-listen: ::1\npolicy-listen: /run/a b\n"
		    "policy-listen: unix:/run/c\n");
	assert_int_equal(c.policy_listen.count, 4);
	/* One thread for it and the control socket. */
	assert_int_equal(mx_config_threads(&c), 3);
	mx_config_clear(&c);
	load_ok(&c, "workers: 2\npolicy-listen: ::1\ncontrol-socket: /m\n");
	assert_int_equal(mx_config_threads(&c), 3);
	mx_config_clear(&c);
	expect_error("policy-listen: unix:run/p.sock\n", NULL,
		     "t.conf:1: \"run/p.sock\" is no absolute path; write one as in unix:/run/mxbound/policy.sock");
	expect_error("policy-listen: 127.0.0.1:8642\n", NULL,
		     "t.conf:1: \"127.0.0.1:8642\" is not an address; the port goes after @...");
	expect_error("policy-listen: ff02::1@8642\n", NULL,
		     "t.conf:1: ff02::1@8642 is no address a host can have...");
	expect_error("policy-listen: ::1\npolicy-listen: ::1@8642\n", NULL,
		     "t.conf:2: \"::1@8642\" for \"policy-listen\" is there twice; leave one of them out");
	expect_error("policy-listen: /a\npolicy-listen: unix:/a\n", NULL,
		     "t.conf:2: \"unix:/a\" for \"policy-listen\" is there twice...");
	memset(lengthy + strlen(lengthy), 'x', 107);
	expect_error(lengthy, NULL, "t.conf:1: \"/xxx...");
	strcpy(strchr(lengthy, '/') + 107, "\n");
	load_ok(&c, lengthy);
	mx_config_clear(&c);
}

/* Root may do all, but mxbound will be another by then. */
static void state_folder_of_the_account(void **state)
{
	struct mx_config c;

	(void)state;
	assert_int_equal(mkdir("of-root", 0755), 0);
	if (chown("of-root", 65534, 65534) != 0)
		skip(); /* not root, or root of a namespace without that id */
	assert_int_equal(chown("of-root", 0, 0), 0);
	expect_error("user: nobody\nstate-dir: of-root\n", NULL,
		     "t.conf:2: the account that mxbound works as (uid 65534) cannot make files in...");
	assert_int_equal(chmod("of-root", 0777), 0);
	load_ok(&c, "user: nobody\nstate-dir: of-root\n");
	mx_config_clear(&c);
	assert_int_equal(chmod("of-root", 0700), 0);
	assert_int_equal(chown("of-root", 65534, 65534), 0);
	load_ok(&c, "user: nobody\nstate-dir: of-root\n");
	mx_config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimum_above_maximum),
		cmocka_unit_test(the_same_address_twice),
		cmocka_unit_test(two_rules_for_one_network),
		cmocka_unit_test(forwarding_to_ourselves),
		cmocka_unit_test(loopback_servers),
		cmocka_unit_test(zones_twice),
		cmocka_unit_test(open_to_others),
		cmocka_unit_test(cookie_secrets),
		cmocka_unit_test(accounts),
		cmocka_unit_test(root_hints),
		cmocka_unit_test(trust_anchor),
		cmocka_unit_test(authorities),
		cmocka_unit_test(fetcher),
		cmocka_unit_test(state_folder),
		cmocka_unit_test(snapshot_file),
		cmocka_unit_test(mta_sts_file),
		cmocka_unit_test(control_socket),
		cmocka_unit_test(policy_listen),
		cmocka_unit_test(state_folder_of_the_account),
	};

	return cmocka_run_group_tests(tests, config_folder_make,
				      config_folder_remove);
}
