/* file.c - files read whole, and text handed over as a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver.h"

enum mx_error mx_file_read(const char *path, char **ret, size_t *ret_len,
			   char error[MX_RESOLVER_ERROR_MAX])
{
	enum mx_error err = MX_E_CONFIG;
	/* A FIFO or a terminal in the operator's file must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t len = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(error, MX_RESOLVER_ERROR_MAX, "%.300s: %s", path,
			 strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > MX_FILE_MAX) {
		snprintf(error, MX_RESOLVER_ERROR_MAX, "%.300s: %s", path,
			 S_ISREG(st.st_mode) ? "longer than 1 MiB"
					     : "not a regular file");
		goto out;
	}
	text = malloc(MX_FILE_MAX + 1);
	if (!text) {
		snprintf(error, MX_RESOLVER_ERROR_MAX, "out of memory");
		err = MX_E_NO_MEMORY;
		goto out;
	}
	while (len < MX_FILE_MAX) {
		ssize_t n = read(fd, text + len, MX_FILE_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			snprintf(error, MX_RESOLVER_ERROR_MAX, "%.300s: %s",
				 path, strerror(errno));
			goto out;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	text = NULL;
	err = MX_OK;
out:
	free(text);
	if (fd >= 0)
		close(fd);
	return err;
}

enum mx_error mx_memory_file_open(const char *name, const char *text,
				  size_t len, struct mx_memory_file *ret)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return MX_E_SYSTEM;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return MX_E_SYSTEM;
		}
		done += (size_t)n;
	}
	/* Read again for every new context: it must say the same. */
	(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	ret->fd = fd;
	snprintf(ret->path, sizeof ret->path, "/proc/self/fd/%d", fd);
	return MX_OK;
}

void mx_memory_file_close(struct mx_memory_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
