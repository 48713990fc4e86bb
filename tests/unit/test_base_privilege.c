/* Becoming the account of `user`: what is left afterwards, as the kernel says
 * it. Each case in a process of its own; they need root, and ids that are not
 * root's, and are skipped elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mx_privilege.h"

#define BIND (1ull << CAP_NET_BIND_SERVICE)

/* A field of /proc/self/status, in hexadecimal or a list of ids. */
static const char *status(const char *field)
{
	static char line[1024];
	FILE *in = fopen("/proc/self/status", "re");
	size_t len = strlen(field);
	const char *found = NULL;

	while (in && !found && fgets(line, sizeof line, in))
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			found = line + len + 1;
	if (in)
		fclose(in);
	return found ? found : "";
}

static unsigned long long set(const char *field)
{
	return strtoull(status(field), NULL, 16);
}

/* Text of what is wrong, or NULL. */
static const char *check_sets(unsigned long long held)
{
	if (set("CapPrm") != held || set("CapEff") != held ||
	    set("CapInh") != held || set("CapAmb") != held)
		return "a capability too many or too few";
	if (set("CapBnd") != 0)
		return "capabilities could be had again by execve";
	if (strtol(status("NoNewPrivs"), NULL, 10) != 1)
		return "no no-new-privs";
	return NULL;
}

static const char *check_account(const char *name)
{
	const struct passwd *account = getpwnam(name);
	gid_t have[64], want[64];
	int have_count = getgroups(64, have), want_count = 64;
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (!account || getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0)
		return "who are we?";
	if (r != account->pw_uid || e != r || s != r)
		return "another user id";
	if (rg != account->pw_gid || eg != rg || sg != rg)
		return "another group id";
	getgrouplist(name, account->pw_gid, want, &want_count);
	if (have_count != want_count)
		return "other supplementary groups";
	for (int i = 0; i < want_count; i++)
		if (have[i] != want[i])
			return "a supplementary group that is not the account's";
	if (setuid(0) == 0 || seteuid(0) == 0 || setgroups(0, NULL) == 0)
		return "could become root again";
	return NULL;
}

static bool can_bind(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool can = false;

	/* One that is taken says nothing. */
	for (uint16_t port = 1; port < 1024 && !can; port++) {
		struct sockaddr_in at = { .sin_family = AF_INET,
					  .sin_port = htons(port),
					  .sin_addr.s_addr = htonl(0x7f000001) };
		can = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
		if (!can && errno == EACCES)
			break;
	}
	close(fd);
	return can;
}

/* ---- cases, each in a child ---- */

static const char *child_changes(struct mx_config *config)
{
	config->user = strdup("nobody");
	if (mx_drop_privileges(config) != MX_OK)
		return "an error";
	const char *wrong = check_sets(0);
	if (!wrong)
		wrong = check_account("nobody");
	if (!wrong && can_bind())
		wrong = "could bind a port below 1024";
	return wrong;
}

static const char *supervisor_changes(struct mx_config *config)
{
	config->user = strdup("nobody");
	if (mx_drop_privileges_keep_bind(config) != MX_OK)
		return "an error";
	const char *wrong = check_sets(BIND);
	if (!wrong)
		wrong = check_account("nobody");
	if (!wrong && !can_bind())
		wrong = "cannot bind";
	if (wrong)
		return wrong;
	/* In its child, before another program is executed. */
	mx_privilege_forget();
	return check_sets(0);
}

static const char *death_signal_stays(struct mx_config *config)
{
	int number = 0;

	config->user = strdup("nobody");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mx_drop_privileges(config) != MX_OK)
		return "an error";
	prctl(PR_GET_PDEATHSIG, &number);
	return number == SIGKILL ? NULL : "no signal when the parent dies";
}

static const char *child_stays_root(struct mx_config *config)
{
	config->user = strdup("root");
	if (mx_drop_privileges(config) != MX_OK)
		return "an error";
	return geteuid() == 0 ? check_sets(0) : "not root any more";
}

static const char *supervisor_stays_root(struct mx_config *config)
{
	unsigned long long before = set("CapPrm");

	config->user = strdup("root");
	if (mx_drop_privileges_keep_bind(config) != MX_OK)
		return "an error";
	if (set("CapPrm") != before)
		return "it could not bind for a later configuration";
	mx_privilege_forget();
	return set("CapPrm") == before ? NULL :
		"its children could not change their account";
}

/* ---- */

static bool can_change(void)
{
	const struct passwd *nobody = getpwnam("nobody");
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(!(nobody && geteuid() == 0 && setgroups(0, NULL) == 0 &&
			setuid(nobody->pw_uid) == 0));
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void run(const char *(*body)(struct mx_config *))
{
	static const gid_t strangers[] = { 4, 24, 1234 };
	int end[2], status;
	char wrong[200] = "";

	if (!can_change())
		skip();
	assert_int_equal(pipe(end), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct mx_config config = { .log_level = MX_LOG_ERROR };
		const char *text = "cannot take groups";

		if (setgroups(3, strangers) == 0)
			text = body(&config);
		if (text && write(end[1], text, strlen(text)) < 0)
			_exit(2);
		_exit(text != NULL);
	}
	close(end[1]);
	if (read(end[0], wrong, sizeof wrong - 1) < 0)
		wrong[0] = '?';
	close(end[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(wrong, "");
	assert_int_equal(status, 0);
}

#define CASE(name) \
	static void test_##name(void **state) \
	{ \
		(void)state; \
		run(name); \
	}
CASE(child_changes)
CASE(supervisor_changes)
CASE(death_signal_stays)
CASE(child_stays_root)
CASE(supervisor_stays_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_changes),
		cmocka_unit_test(test_supervisor_changes),
		cmocka_unit_test(test_death_signal_stays),
		cmocka_unit_test(test_child_stays_root),
		cmocka_unit_test(test_supervisor_stays_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
