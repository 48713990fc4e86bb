/* library_log.h - libunbound's log, line by line, in ours.
 *
 * libunbound's log is global to the process, and ub_ctx_delete of any context
 * turns it off for all: attach the living one again afterwards.
 */
#ifndef MX_LIBRARY_LOG_H
#define MX_LIBRARY_LOG_H

#include "mx_error.h"

struct ub_ctx;

/* Once per process, before the first context. */
enum mx_error mx_library_log_open(void);
/* After the last context. */
void mx_library_log_close(void);
void mx_library_log_attach(struct ub_ctx *ctx);
/* The last error it has logged since attach, "" for none; static. */
const char *mx_library_last_error(void);
/* For ub_ctx_debuglevel, by our log-level. */
int mx_library_verbosity(void);

#endif
