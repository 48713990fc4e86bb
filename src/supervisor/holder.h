/* holder.h - which process holds an address that cannot be bound.
 *
 * Reads /proc; sees only what this account may see there.
 */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#define HOLDER_TEXT_MAX 96

/* "unbound (pid 812)", or false. */
bool holder_find(const struct sockaddr *addr, bool tcp,
		 char ret[HOLDER_TEXT_MAX]);

/* "unbound (pid 812)" for a process that is known. */
void holder_name(pid_t pid, char ret[HOLDER_TEXT_MAX]);

/* One table of /proc/net (family is that of its addresses): the inode of the
 * first socket that stands in the way of addr, or 0. Pure but for reading. */
uint64_t holder_inode(FILE *table, int family, bool tcp,
		      const struct sockaddr *addr);

#endif
