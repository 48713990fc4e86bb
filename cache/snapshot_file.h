/* snapshot_file.h - a file that is replaced whole or not at all.
 *
 * Errors   false, and errno is the first thing that went wrong. After that
 *          writing does nothing; nothing but the old file is left once
 *          snapshot_file_end() was called, whatever happened before.
 */
#ifndef MX_CACHE_SNAPSHOT_FILE_H
#define MX_CACHE_SNAPSHOT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct snapshot_file {
	int folder, fd;		  /* -1: not open */
	const char *name;	  /* of the file in its folder; in path */
	char path[PATH_MAX], temporary[NAME_MAX + 1];
	uint64_t octets;
	int error;		  /* errno */
};

/* To be ended even if it fails. */
bool snapshot_file_begin(struct snapshot_file *f, const char *path);
bool snapshot_file_write(struct snapshot_file *f, const void *octets,
			 size_t len);
/* On the disk, and in the place of the old one. */
bool snapshot_file_commit(struct snapshot_file *f);
void snapshot_file_end(struct snapshot_file *f);

/* Of a file that is to be read: it is a file, ours or root's, and nobody else may
 * write it. Whoever can write it could have us believe anything. */
bool snapshot_file_is_ours(const struct stat *st);

/* For tests only: called before each system call that could fail; returns 0,
 * or the errno it fails with. May make *len of a write smaller. */
enum snapshot_step { STEP_FOLDER, STEP_OPEN, STEP_WRITE, STEP_SYNC,
		     STEP_RENAME, STEP_SYNC_FOLDER };
extern int (*snapshot_test_step)(enum snapshot_step step, size_t *len);

#endif
