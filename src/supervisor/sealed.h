/* sealed.h - text in memory that nobody can change any more.
 *
 * What children and the next program image read: they need trust no one else
 * who has the descriptor.
 */
#ifndef SEALED_H
#define SEALED_H

#include <stdbool.h>

/* Close-on-exec, still writable; -1: errno. name is for people. */
int sealed_create(const char *name);
bool sealed_seal(int fd);
bool sealed_is(int fd);

#endif
