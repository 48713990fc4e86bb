/* The sockets of policy-listen and http-listen: made, taken over, removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/supervisor/service_sockets.h"
#include "mx_log.h"

static char folder[] = "/tmp/mx-policy-XXXXXX";
static char path[64], other_path[64];

static int begin(void **state)
{
	(void)state;
	mx_log_init("test", MX_LOG_ERROR);
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/p.sock", folder);
	snprintf(other_path, sizeof other_path, "%s/q.sock", folder);
	return 0;
}

/* What a test leaves there is a failure of it. */
static int end(void **state)
{
	(void)state;
	return rmdir(folder);
}

static enum mx_error open_at(const char *a, const char *b,
			     struct service_sockets *ret,
			     const struct service_sockets *old,
			     char error[CONTROL_ERROR_MAX])
{
	char set[2][128], why[MX_CONFIG_ERROR_MAX];
	char *sets[] = { set[0], set[1] };
	struct mx_config config;

	snprintf(set[0], sizeof set[0], "policy-listen=%s", a);
	snprintf(set[1], sizeof set[1], "policy-listen=%s", b ? b : "");
	if (mx_config_load(&config, NULL, sets, b ? 2 : 1, why) != MX_OK)
		fail_msg("%s", why);
	/* Root would become another, who has no right to this folder. */
	free(config.user);
	config.user = strdup(geteuid() == 0 ? "root" : "");
	enum mx_error err = service_sockets_open(ret, &config, old, error);
	mx_config_clear(&config);
	return err;
}

static struct service_sockets good_at(const char *a, const char *b,
				     const struct service_sockets *old)
{
	struct service_sockets sockets;
	char error[CONTROL_ERROR_MAX];

	if (open_at(a, b, &sockets, old, error) != MX_OK)
		fail_msg("%s", error);
	return sockets;
}

static void finish(struct service_sockets *sockets)
{
	service_sockets_remove(sockets, NULL);
	service_sockets_close(sockets);
}

/* With a port that nobody had a moment ago. */
static void free_address(char ret[MX_ADDRESS_TEXT_MAX])
{
	struct sockaddr_storage addr;
	socklen_t len;
	const char *unused;

	assert_true(mx_policy_listen_parse("127.0.0.1@1", &unused, &addr, &len));
	memset((char *)&addr + 2, 0, 2); /* sin_port */
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	mx_address_text((struct sockaddr *)&addr, ret);
	close(fd);
}

static ino_t socket_of(const struct service_sockets *sockets, size_t i)
{
	struct stat st;

	assert_int_equal(fstat(sockets->at[i].fd, &st), 0);
	return st.st_ino;
}

static void test_none(void **state)
{
	struct service_sockets sockets = good_at("", NULL, NULL);

	(void)state;
	assert_int_equal(sockets.count, 0);
	finish(&sockets);
}

static void test_both_kinds(void **state)
{
	char address[MX_ADDRESS_TEXT_MAX], with_unix[80];
	struct stat st;

	(void)state;
	free_address(address);
	snprintf(with_unix, sizeof with_unix, "unix:%s", path);
	struct service_sockets sockets = good_at(address, with_unix, NULL);

	assert_int_equal(sockets.count, 2);
	assert_string_equal(sockets.at[0].where, address);
	assert_string_equal(sockets.at[1].where, path);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	for (size_t i = 0; i < 2; i++)
		assert_true(service_socket_is(&sockets.at[i]));
	struct service_socket wrong = sockets.at[0];

	strcpy(wrong.where, path);
	assert_false(service_socket_is(&wrong));
	wrong = sockets.at[1];
	strcpy(wrong.where, address);
	assert_false(service_socket_is(&wrong));
	wrong.fd = 0;
	assert_false(service_socket_is(&wrong));
	finish(&sockets);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_taken_over(void **state)
{
	char address[MX_ADDRESS_TEXT_MAX];

	(void)state;
	free_address(address);
	struct service_sockets old = good_at(address, path, NULL);
	/* In another order, as the file may be edited. */
	struct service_sockets new = good_at(path, address, &old);

	assert_int_equal(socket_of(&new, 0), socket_of(&old, 1));
	assert_int_equal(socket_of(&new, 1), socket_of(&old, 0));
	service_sockets_remove(&old, &new);
	service_sockets_close(&old);
	assert_int_equal(access(path, F_OK), 0);
	assert_true(service_socket_is(&new.at[0]));
	finish(&new);
}

static void test_moved(void **state)
{
	(void)state;
	struct service_sockets old = good_at(path, NULL, NULL);
	struct service_sockets new = good_at(other_path, NULL, &old);

	service_sockets_remove(&old, &new);
	service_sockets_close(&old);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(access(other_path, F_OK), 0);
	finish(&new);
}

/* Somebody has removed the file: a socket that nobody finds is no use. */
static void test_file_gone(void **state)
{
	(void)state;
	struct service_sockets old = good_at(path, NULL, NULL);

	assert_int_equal(unlink(path), 0);
	struct service_sockets new = good_at(path, NULL, &old);

	assert_int_not_equal(socket_of(&new, 0), socket_of(&old, 0));
	service_sockets_close(&old);
	assert_int_equal(access(path, F_OK), 0);
	finish(&new);
}

/* Nothing is left of what was made before the one that failed. */
static void test_in_use(void **state)
{
	char address[MX_ADDRESS_TEXT_MAX], error[CONTROL_ERROR_MAX], words[160];
	struct service_sockets second;

	(void)state;
	free_address(address);
	struct service_sockets first = good_at(address, NULL, NULL);

	assert_int_equal(open_at(path, address, &second, NULL, error),
			 MX_E_SYSTEM);
	snprintf(words, sizeof words, "policy-listen: %s: ", address);
	assert_memory_equal(error, words, strlen(words));
	assert_non_null(strstr(error, " in use"));
	assert_int_equal(second.count, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	finish(&first);
}

/* A file that is no socket is nobody's to remove. */
static void test_other_file(void **state)
{
	char error[CONTROL_ERROR_MAX];
	struct service_sockets sockets;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fclose(file);
	assert_int_equal(open_at(path, NULL, &sockets, NULL, error), MX_E_SYSTEM);
	assert_non_null(strstr(error, "policy-listen: "));
	assert_non_null(strstr(error, "no socket"));
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_both_kinds),
		TEST(test_taken_over),
		TEST(test_moved),
		TEST(test_file_gone),
		TEST(test_in_use),
		TEST(test_other_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
