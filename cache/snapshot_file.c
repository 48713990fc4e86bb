/* snapshot_file.c - see snapshot_file.h. */
#include "snapshot_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "mx_snapshot.h"

int (*snapshot_test_step)(enum snapshot_step step, size_t *len);

/* Whether the step may be made; else errno says why not. */
static bool may(enum snapshot_step step, size_t *len)
{
	int error = snapshot_test_step != NULL ?
		snapshot_test_step(step, len) : 0;

	if (error != 0)
		errno = error;
	return error == 0;
}

static bool fail(struct snapshot_file *f)
{
	if (f->error == 0)
		f->error = errno;
	errno = f->error;
	return false;
}

/* ---- where it is ---- */

/* The folder, open, and the name in it. path has room for PATH_MAX. */
static int open_folder(const char *file, char *path, const char **ret_name)
{
	char *slash;
	int fd;

	if (strlen(file) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(path, file);
	slash = strrchr(path, '/');
	*ret_name = slash != NULL ? slash + 1 : path;
	do {
		if (slash == NULL)
			fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		else if (slash == path)
			fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		else {
			*slash = '\0';
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static bool name_temporary(struct snapshot_file *f)
{
	int len = snprintf(f->temporary, sizeof f->temporary, "%s.%d.tmp",
			   f->name, (int)getpid());

	if (len > 0 && (size_t)len < sizeof f->temporary && *f->name != '\0')
		return true;
	f->temporary[0] = '\0';
	errno = *f->name != '\0' ? ENAMETOOLONG : EISDIR;
	return false;
}

bool snapshot_file_begin(struct snapshot_file *f, const char *path)
{
	*f = (struct snapshot_file){ .folder = -1, .fd = -1 };
	if (!may(STEP_FOLDER, NULL))
		return fail(f);
	f->folder = open_folder(path, f->path, &f->name);
	if (f->folder < 0 || !name_temporary(f))
		return fail(f);
	do {
		if (may(STEP_OPEN, NULL))
			f->fd = openat(f->folder, f->temporary,
				       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
				       O_NOFOLLOW, 0600);
	} while (f->fd < 0 && errno == EINTR);
	return f->fd >= 0 || fail(f);
}

/* ---- writing ---- */

bool snapshot_file_write(struct snapshot_file *f, const void *octets,
			 size_t len)
{
	const uint8_t *at = octets;

	while (f->error == 0 && len > 0) {
		size_t part = len;
		ssize_t wrote = may(STEP_WRITE, &part) ?
			write(f->fd, at, part) : -1;

		if (wrote > 0) {
			at += wrote;
			len -= (size_t)wrote;
			f->octets += (size_t)wrote;
		} else if (wrote == 0) {
			errno = EIO; /* a disk that takes nothing */
			return fail(f);
		} else if (errno != EINTR) {
			return fail(f);
		}
	}
	return f->error == 0;
}

static bool sync_fd(enum snapshot_step step, int fd)
{
	int status = -1;

	do {
		if (may(step, NULL))
			status = fsync(fd);
	} while (status != 0 && errno == EINTR);
	return status == 0;
}

static bool move(struct snapshot_file *f)
{
	int status = -1;

	do {
		if (may(STEP_RENAME, NULL))
			status = renameat(f->folder, f->temporary, f->folder,
					  f->name);
	} while (status != 0 && errno == EINTR);
	return status == 0;
}

bool snapshot_file_commit(struct snapshot_file *f)
{
	if (f->error != 0 || !sync_fd(STEP_SYNC, f->fd) || !move(f))
		return fail(f);
	f->temporary[0] = '\0';
	/* Some file systems cannot sync a folder, and say so. */
	if (!sync_fd(STEP_SYNC_FOLDER, f->folder) && errno != EINVAL)
		return fail(f);
	return true;
}

void snapshot_file_end(struct snapshot_file *f)
{
	int kept_errno = errno;

	if (f->fd >= 0) {
		if (f->temporary[0] != '\0')
			(void)unlinkat(f->folder, f->temporary, 0);
		close(f->fd);
	}
	if (f->folder >= 0)
		close(f->folder);
	f->fd = f->folder = -1;
	errno = kept_errno;
}

bool snapshot_file_is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) &&
		(st->st_uid == geteuid() || st->st_uid == 0) &&
		(st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* ---- what the dead have left ---- */

/* Of "NAME.PID.tmp" the PID, or 0. */
static pid_t writer_of(const char *entry, const char *name)
{
	size_t len = strlen(name), digits;
	long pid;

	if (strncmp(entry, name, len) != 0 || entry[len] != '.')
		return 0;
	entry += len + 1;
	digits = strspn(entry, "0123456789");
	if (digits == 0 || digits > 9 || strcmp(entry + digits, ".tmp") != 0)
		return 0;
	pid = strtol(entry, NULL, 10);
	return (pid_t)pid;
}

/* Ours too: it is another's, who had the number before us. */
static bool is_dead(pid_t pid)
{
	return pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH);
}

void mx_snapshot_clean(const char *file)
{
	char path[PATH_MAX];
	const char *name;
	int fd = open_folder(file, path, &name);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (folder == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(folder)) != NULL) {
		pid_t pid = writer_of(entry->d_name, name);

		if (pid > 0 && is_dead(pid))
			(void)unlinkat(fd, entry->d_name, 0);
	}
	closedir(folder);
}
