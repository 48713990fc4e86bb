/* spawn.h - start a program, with nothing of ours but what it is given.
 *
 * Programs are held as O_PATH descriptors: a child that is started again
 * after an upgrade is of the same build as those it talks to, and a folder
 * that the present account may not enter is no obstacle.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#ifndef MX_LIBEXECDIR
#define MX_LIBEXECDIR "/usr/libexec/mxbound"
#endif

/* Where programs are looked for. */
struct programs {
	char self[PATH_MAX]; /* of mxbound, as it was when it started */
	int folder;	     /* the one it lies in; owned */
};

/* false: errno. */
bool programs_init(struct programs *ret);
void programs_clear(struct programs *programs);
/* "mxbound-front" beside mxbound; if that lies in a folder sbin or bin, in
 * ../libexec/mxbound; else in MX_LIBEXECDIR. -1: errno. */
int programs_open(const struct programs *programs, const char *name);
/* mxbound as it is on disk now; -1: errno. */
int programs_open_self(const struct programs *programs);

struct spawn {
	int program; /* O_PATH */
	char *const *argv;
	int control; /* becomes MX_HANDOVER_FD; -1: none */
	int output;  /* becomes standard output and error; -1: as ours */
};

/* The state that mx_supervisor.h promises to children. Returns the process
 * id; -1: errno. A program that cannot be executed exits with 127, after
 * saying why on its standard error. */
pid_t spawn(const struct spawn *spawn);

/* Replace this process, or return with errno. By path where that is still
 * the same file, so that ps shows the name. */
void exec_program(int program, char *const *argv);

#endif
