/* walls.h - the two walls of mx_sandbox_enter(). */
#ifndef SANDBOX_WALLS_H
#define SANDBOX_WALLS_H

#include <stdbool.h>

#include "mx_sandbox.h"

/* False: errno says why there is none; nothing has changed. */
bool filter_enter(const struct mx_sandbox *sandbox);

/* Of a child. Its ABI, 1 at least; 0: errno says why there is none. A folder or
 * file that is not there is left out, with a line. */
int landlock_enter(const struct mx_sandbox *sandbox);
/* What the kernel has, 0: nothing. */
int landlock_abi(void);

#endif
