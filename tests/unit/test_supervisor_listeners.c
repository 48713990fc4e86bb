/* The listening sockets: bound, taken over, dealt to workers. On loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/supervisor/listeners.h"

/* Below the ports that clients get, and another for each process. */
static unsigned port(void)
{
	return 20000 + (unsigned)getpid() % 6000 * 2;
}

static void load(struct mx_config *config, unsigned workers, const char *first,
		 const char *second)
{
	static char others[] = "access-control=192.0.2.0/24 allow";
	char listen[2][80], count[32], error[MX_CONFIG_ERROR_MAX];
	char *sets[4] = { others, count, listen[0], listen[1] };

	snprintf(count, sizeof count, "workers=%u", workers);
	snprintf(listen[0], sizeof listen[0], "listen=%s@%u", first, port());
	snprintf(listen[1], sizeof listen[1], "listen=%s@%u", second ? second : "", port());
	if (mx_config_load(config, NULL, sets, second ? 4 : 3, error) != MX_OK)
		fail_msg("%s", error);
}

static struct listeners bind_all(unsigned workers, const char *first,
				 const char *second, const struct listeners *old)
{
	struct mx_config config;
	struct listeners made = { .at = NULL };
	char error[LISTENERS_ERROR_MAX];

	load(&config, workers, first, second);
	if (listeners_bind(&made, &config, old, error) != MX_OK)
		fail_msg("%s", error);
	mx_config_clear(&config);
	return made;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static ino_t inode(int fd)
{
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	return info.st_ino;
}

static void test_sockets_are_as_promised(void **state)
{
	struct listeners all = bind_all(3, "127.0.0.1", "0.0.0.0", NULL);

	(void)state;
	assert_int_equal(all.count, 12);
	for (size_t i = 0; i < all.count; i++) {
		struct listener *one = &all.at[i];
		bool wildcard = i >= 6;
		assert_int_equal(listeners_worker(&all, i, 3), i % 3);
		assert_int_equal(option(one->fd, SOL_SOCKET, SO_REUSEPORT), 1);
		assert_int_equal(option(one->fd, SOL_SOCKET, SO_ACCEPTCONN), one->tcp);
		if (one->tcp)
			continue;
		assert_int_equal(option(one->fd, IPPROTO_IP, IP_PKTINFO), wildcard);
		assert_int_equal(option(one->fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
	}
	listeners_clear(&all);
	listeners_clear(&all); /* twice is as good */
}

static void test_old_sockets_are_taken_over(void **state)
{
	struct listeners old = bind_all(3, "127.0.0.1", NULL, NULL);
	struct listeners fewer = bind_all(2, "127.0.0.1", NULL, &old);
	struct listeners more = bind_all(4, "127.0.0.1", NULL, &fewer);

	(void)state;
	assert_int_equal(fewer.count, 6); /* none is dropped */
	assert_int_equal(more.count, 8);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(inode(fewer.at[i].fd), inode(old.at[i].fd));
		assert_int_not_equal(fewer.at[i].fd, old.at[i].fd);
		assert_int_equal(inode(more.at[i].fd), inode(old.at[i].fd));
	}
	assert_int_equal(listeners_worker(&fewer, 2, 2), 0);
	listeners_clear(&old);
	listeners_clear(&fewer);
	listeners_clear(&more);
}

static void test_sockets_added_in_vain_are_taken_back(void **state)
{
	struct listeners old = bind_all(1, "127.0.0.1", NULL, NULL);
	struct listeners failed = bind_all(3, "127.0.0.1", "127.0.0.2", &old);

	(void)state;
	assert_int_equal(failed.count, 12);
	/* Two of each transport; not those of an address that is not ours. */
	assert_int_equal(listeners_take_shared(&old, &failed), 4);
	assert_int_equal(old.count, 6);
	assert_int_equal(listeners_take_shared(&old, &failed), 0);
	listeners_clear(&failed);
	for (size_t i = 0; i < old.count; i++)
		assert_int_equal(option(old.at[i].fd, SOL_SOCKET, SO_REUSEPORT), 1);
	listeners_clear(&old);
}

static void test_prune(void **state)
{
	struct listeners all = bind_all(1, "127.0.0.1", NULL, NULL);
	struct mx_config config;
	char want[80];

	(void)state;
	load(&config, 1, "127.0.0.9", "127.0.0.1");
	listeners_prune(&all, &config);
	snprintf(want, sizeof want, "127.0.0.1@%u", port());
	assert_int_equal(config.listen.count, 1);
	assert_string_equal(config.listen.at[0], want);
	mx_config_clear(&config);
	listeners_clear(&all);
}

static void test_in_use(void **state)
{
	struct listeners all = bind_all(1, "127.0.0.1", NULL, NULL), again;
	struct mx_config config;
	char error[LISTENERS_ERROR_MAX] = "", want[64];

	(void)state;
	load(&config, 1, "127.0.0.1", NULL);
	assert_int_equal(listeners_bind(&again, &config, NULL, error), MX_E_SYSTEM);
	snprintf(want, sizeof want, "already in use (UDP) by test_supervisor");
	if (!strstr(error, want))
		fail_msg("%s", error);
	mx_config_clear(&config);
	listeners_clear(&all);
}

/* How many of `asked` datagrams from one socket each UDP socket got. */
static void count_datagrams(const struct listeners *all, unsigned asked,
			    unsigned *ret, size_t room)
{
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	size_t udp = 0;

	assert_int_equal(connect(client, (struct sockaddr *)&all->at[0].addr,
				 sizeof(struct sockaddr_in)), 0);
	memset(ret, 0, room * sizeof *ret);
	for (unsigned i = 0; i < asked; i++)
		assert_int_equal(send(client, "x", 1, 0), 1);
	for (size_t i = 0; i < all->count; i++) {
		char octet;

		if (all->at[i].tcp)
			continue;
		assert_true(udp < room);
		while (recv(all->at[i].fd, &octet, 1, MSG_DONTWAIT) == 1)
			ret[udp]++;
		udp++;
	}
	close(client);
}

/* Chance would leave a socket below half of its share once in 10^9 runs. */
static void test_one_client_socket_asks_all_workers(void **state)
{
	struct listeners old = bind_all(3, "127.0.0.1", NULL, NULL);
	struct listeners more = bind_all(5, "127.0.0.1", NULL, &old);
	unsigned got[5], sum = 0;

	(void)state;
	count_datagrams(&more, 600, got, 5);
	for (int i = 0; i < 5; i++) {
		assert_in_range(got[i], 60, 600);
		sum += got[i];
	}
	assert_int_equal(sum, 600);
	listeners_clear(&more);

	/* Two sockets less than the program thinks: nothing is lost. */
	count_datagrams(&old, 600, got, 5);
	assert_int_equal(got[0] + got[1] + got[2], 600);
	listeners_clear(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_are_as_promised),
		cmocka_unit_test(test_old_sockets_are_taken_over),
		cmocka_unit_test(test_sockets_added_in_vain_are_taken_back),
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_one_client_socket_asks_all_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
