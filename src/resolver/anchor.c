/* anchor.c - the RFC 5011 state file that libunbound keeps.
 *
 * libunbound reads it when a context is made, and replaces it (new file,
 * rename) whenever it has asked the root for its keys, that is when they
 * have expired from its cache: the event API has no timer of its own for it
 * (worker_probe_timer_cb is the daemon's), so main.c asks now and then.
 *
 * libunbound calls exit(1) if it cannot write the file. That is why the
 * folder is tried here first, and why a file of another name is not enough:
 * it writes beside the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver.h"

static enum mx_error wrong(char *error, const char *path, const char *what)
{
	snprintf(error, MX_RESOLVER_ERROR_MAX, "%.300s: %s", path, what);
	return MX_E_CONFIG;
}

/* What an earlier process left when it was killed while writing. */
static void remove_leftovers(const char *path)
{
	char pattern[PATH_MAX];
	glob_t found;
	int n = snprintf(pattern, sizeof pattern, "%s.*-*-*", path);

	if (n < 0 || (size_t)n >= sizeof pattern ||
	    glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

static bool write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	return write(fd, text, len) == (ssize_t)len;
}

/* A new file beside the old one: proves that libunbound can do the same. */
static enum mx_error seed(const char *path, bool keep, char *error)
{
	char beside[PATH_MAX];
	bool ok = true;
	int n = snprintf(beside, sizeof beside, "%s.%d-0-seed", path,
			 (int)getpid());
	int fd;

	if (n < 0 || (size_t)n >= sizeof beside)
		return wrong(error, path, "path too long");
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return wrong(error, beside, strerror(errno));
	for (size_t i = 0; ok && mx_root_anchors[i][0]; i++)
		ok = write_all(fd, mx_root_anchors[i]) && write_all(fd, "\n");
	ok = ok && fsync(fd) == 0;
	if (close(fd) < 0)
		ok = false;
	if (ok)
		ok = keep ? unlink(beside) == 0 : rename(beside, path) == 0;
	if (ok)
		return MX_OK;
	n = errno;
	unlink(beside);
	return wrong(error, path, strerror(n));
}

enum mx_error mx_anchor_prepare(const char *path,
				char error[MX_RESOLVER_ERROR_MAX])
{
	char *text;
	size_t len;
	enum mx_error err;

	remove_leftovers(path);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return seed(path, false, error);
	err = mx_file_read(path, &text, &len, error);
	if (err != MX_OK)
		return err;
	/* All keys revoked: libunbound would then trust nothing and call the
	 * whole DNS insecure (RFC 5011 section 5). */
	if (strstr(text, ";;REVOKED"))
		err = wrong(error, path, "all keys in it are revoked");
	else if (!mx_anchors_present(text, len))
		err = wrong(error, path, "no key in it");
	else
		err = seed(path, true, error);
	free(text);
	return err;
}
