/* A configuration, as a child reads it from its supervisor: the same parser as
 * the file's. Claims: what is wrong is said in one line of printable text; what
 * is taken, written and read again is the same, octet for octet. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "mx_config.h"

#define TEXT_MAX (1u << 20)

static char first[TEXT_MAX], second[TEXT_MAX];

static int file_of(const void *octets, size_t len)
{
	int fd = memfd_create("config", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, octets, len) == (ssize_t)len);
	return fd;
}

/* What mx_config_write makes of it. */
static size_t written(const struct mx_config *config, char text[TEXT_MAX])
{
	int fd = file_of("", 0);
	ssize_t len;

	CHECK(mx_config_write(config, fd) == MX_OK);
	len = pread(fd, text, TEXT_MAX, 0);
	CHECK(len > 0 && len < (ssize_t)TEXT_MAX);
	close(fd);
	return (size_t)len;
}

static void check_error(const char error[MX_CONFIG_ERROR_MAX])
{
	size_t len = strnlen(error, MX_CONFIG_ERROR_MAX);

	CHECK(len > 0 && len < MX_CONFIG_ERROR_MAX);
	for (size_t i = 0; i < len; i++)
		CHECK((unsigned char)error[i] >= ' ' && error[i] != 127);
}

static void check_again(const struct mx_config *config)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config again = { 0 };
	size_t len = written(config, first);
	int fd = file_of(first, len);

	CHECK(mx_config_read(&again, fd, error) == MX_OK);
	CHECK(written(&again, second) == len);
	CHECK(memcmp(first, second, len) == 0);
	mx_config_clear(&again);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config config = { 0 };
	int fd = file_of(octets, len);

	if (mx_config_read(&config, fd, error) == MX_OK) {
		CHECK(error[0] == '\0');
		check_again(&config);
	} else {
		check_error(error);
	}
	mx_config_clear(&config);
	close(fd);
	return 0;
}
