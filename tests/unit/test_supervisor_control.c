/* The control socket's file: made, kept, replaced, left alone. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/supervisor/control_socket.h"
#include "mx_log.h"

static char folder[] = "/tmp/mx-control-XXXXXX";
static char path[64];

static int begin(void **state)
{
	(void)state;
	mx_log_init("test", MX_LOG_ERROR);
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	snprintf(path, sizeof path, "%s/m.sock", mkdtemp(folder) ? folder : "");
	return path[0] == '/' ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void load(struct mx_config *config, const char *where)
{
	char set[128], error[MX_CONFIG_ERROR_MAX];
	char *sets[] = { set };

	snprintf(set, sizeof set, "control-socket=%s", where);
	if (mx_config_load(config, NULL, sets, 1, error) != MX_OK)
		fail_msg("%s", error);
	/* Root would become another, who has no right to this folder. */
	free(config->user);
	config->user = strdup(geteuid() == 0 ? "root" : "");
}

static enum mx_error open_at(const char *where, struct control_socket *ret,
			     const struct control_socket *old,
			     char error[CONTROL_ERROR_MAX])
{
	struct mx_config config;

	load(&config, where);
	enum mx_error err = control_socket_open(ret, &config, old, error);
	mx_config_clear(&config);
	return err;
}

static struct control_socket good_at(const char *where,
				     const struct control_socket *old)
{
	struct control_socket control;
	char error[CONTROL_ERROR_MAX];

	if (open_at(where, &control, old, error) != MX_OK)
		fail_msg("%s", error);
	return control;
}

static void expect_error(const char *where, const char *words)
{
	struct control_socket control;
	char error[CONTROL_ERROR_MAX];

	assert_int_not_equal(open_at(where, &control, NULL, error), MX_OK);
	assert_int_equal(control.fd, -1);
	if (!strstr(error, words))
		fail_msg("%s", error);
	assert_non_null(strstr(error, where));
}

static ino_t inode(void)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
}

static bool answers(void)
{
	struct sockaddr_un addr;
	socklen_t len = mx_control_address(path, &addr);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool done = connect(fd, (struct sockaddr *)&addr, len) == 0;

	close(fd);
	return done;
}

static void test_mode(void **state)
{
	mode_t before = umask(0);
	struct control_socket control = good_at(path, NULL);
	struct stat st;

	(void)state;
	assert_int_equal(umask(before), 0); /* as it was */
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(control.by_default);
	assert_true(control_socket_is(&control));
	assert_true(fcntl(control.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(answers());
	control_socket_remove(&control);
	control_socket_close(&control);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_folder_is_made(void **state)
{
	char deeper[80], gone[80];

	(void)state;
	snprintf(deeper, sizeof deeper, "%s/d/m.sock", folder);
	snprintf(gone, sizeof gone, "%s/e/f/m.sock", folder);
	struct control_socket control = good_at(deeper, NULL);
	control_socket_remove(&control);
	control_socket_close(&control);
	*strrchr(deeper, '/') = '\0';
	struct stat st;
	assert_int_equal(stat(deeper, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(rmdir(deeper), 0);
	expect_error(gone, "No such file"); /* but no more than one */
}

static void test_left_over_is_replaced(void **state)
{
	struct control_socket dead = good_at(path, NULL);
	ino_t before = inode();

	(void)state;
	control_socket_close(&dead); /* without its file */
	int kept = open(path, O_PATH); /* so that its number is not used again */
	assert_false(answers());
	struct control_socket control = good_at(path, NULL);
	assert_int_not_equal(inode(), before);
	assert_true(answers());
	control_socket_close(&control);
	close(kept);
}

/* By its name and number; a full backlog is no death. */
static void test_living_one_stays(void **state)
{
	int ready[2], fds[64];
	char octet;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct sockaddr_un addr;
		socklen_t len = mx_control_address(path, &addr);
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&addr, len) != 0 ||
		    listen(fd, 1) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &octet, 1), 1);
	char words[64];
	snprintf(words, sizeof words, "(pid %d); stop it", (int)child);
	expect_error(path, words);

	struct sockaddr_un addr;
	socklen_t len = mx_control_address(path, &addr);
	for (int i = 0; i < 64; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&addr, len);
	}
	expect_error(path, "in use by");
	for (int i = 0; i < 64; i++)
		close(fds[i]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	struct control_socket control = good_at(path, NULL);
	control_socket_close(&control);
}

static void test_other_files_stay(void **state)
{
	(void)state;
	close(open(path, O_CREAT | O_WRONLY, 0600));
	expect_error(path, "no socket");
	assert_int_equal(unlink(path), 0);
	/* Nor is what a link names. */
	assert_int_equal(symlink("/dev/null", path), 0);
	expect_error(path, "no socket");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	expect_error(path, "no socket");
}

static void test_taken_over(void **state)
{
	struct control_socket old = good_at(path, NULL);
	ino_t before = inode();
	struct control_socket new = good_at(path, &old);

	(void)state;
	assert_int_equal(inode(), before);
	assert_int_not_equal(new.fd, old.fd);
	control_socket_close(&old);
	assert_true(answers());
	control_socket_remove(&new);
	control_socket_close(&new);
}

static void test_removed_file_is_made_anew(void **state)
{
	struct control_socket old = good_at(path, NULL);

	(void)state;
	assert_int_equal(unlink(path), 0);
	struct control_socket new = good_at(path, &old);
	assert_true(answers());
	control_socket_close(&old);
	assert_true(answers());
	control_socket_close(&new);
}

/* What another has put there since is not removed at the end. */
static void test_not_ours_any_more(void **state)
{
	struct control_socket old = good_at(path, NULL);

	(void)state;
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	control_socket_remove(&old);
	assert_int_equal(access(path, F_OK), 0);
	control_socket_close(&old);
}

static void test_none(void **state)
{
	struct control_socket control = good_at("no", NULL);

	(void)state;
	assert_int_equal(control.fd, -1);
	control_socket_remove(&control);
	control_socket_close(&control);
	control = good_at("", NULL);
	assert_int_equal(control.fd, -1);
}

/* ---- where it is by default ---- */

static void test_places(void **state)
{
	char got[MX_CONTROL_PATH_MAX], want[MX_CONTROL_PATH_MAX], lengthy[200];
	unsigned i = 0;

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	if (geteuid() != 0) {
		assert_true(mx_control_path(i++, got));
		assert_string_equal(got, "/run/user/1/mxbound/control.sock");
		assert_true(mx_control_path(i++, got));
		snprintf(want, sizeof want, "/tmp/mxbound-%u/control.sock",
			 (unsigned)geteuid());
		assert_string_equal(got, want);
	}
	assert_true(mx_control_path(i++, got));
	assert_string_equal(got, "/run/mxbound/control.sock");
	assert_false(mx_control_path(i, got));

	memset(lengthy, 'x', sizeof lengthy - 1);
	lengthy[0] = '/';
	lengthy[sizeof lengthy - 1] = '\0';
	setenv("XDG_RUNTIME_DIR", lengthy, 1);
	assert_false(mx_control_path(i - (geteuid() != 0), got));
	unsetenv("XDG_RUNTIME_DIR");
}

/* Below /tmp anybody can make a folder by that name. */
static void test_trust(void **state)
{
	char own[64], file[80];

	(void)state;
	assert_true(mx_control_path_trusted("/run/mxbound/control.sock"));
	snprintf(own, sizeof own, "/tmp/mxbound-%u", (unsigned)geteuid());
	snprintf(file, sizeof file, "%s/control.sock", own);
	if (mkdir(own, 0700) != 0)
		skip(); /* a daemon of ours is there */
	assert_true(mx_control_path_trusted(file));
	assert_int_equal(chmod(own, 0770), 0);
	assert_false(mx_control_path_trusted(file));
	assert_int_equal(rmdir(own), 0);
	assert_false(mx_control_path_trusted(file));
	assert_int_equal(symlink("/tmp", own), 0);
	assert_false(mx_control_path_trusted(file));
	assert_int_equal(unlink(own), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_mode),
		TEST(test_folder_is_made),
		TEST(test_left_over_is_replaced),
		TEST(test_living_one_stays),
		TEST(test_other_files_stay),
		TEST(test_taken_over),
		TEST(test_removed_file_is_made_anew),
		TEST(test_not_ours_any_more),
		TEST(test_none),
		TEST(test_places),
		TEST(test_trust),
	};

	return cmocka_run_group_tests_name("supervisor_control", tests, NULL, NULL);
}
