/* mx_log.h - lines for the operator, on standard error.
 *
 * Threads  any. One write(2) a line, so lines of several processes that share
 *          standard error do not mix.
 * Limits   a line is cut at 1,000 octets. Control characters and octets that
 *          are not UTF-8 are written as \xNN: names come from the network,
 *          and a terminal obeys. mx_log_limited() writes at most one line a
 *          second per struct mx_log_gate and says how many it left out.
 * Errors   a line that standard error does not take is lost. errno is kept.
 *
 * Under systemd (JOURNAL_STREAM set) a line starts with its "<priority>".
 * On a terminal warnings and errors are coloured, unless NO_COLOR is set.
 */
#ifndef MX_LOG_H
#define MX_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MX_LOG_LEVELS(X) \
	X(ERROR, "error", 3) \
	X(WARNING, "warning", 4) \
	X(NOTICE, "notice", 5) \
	X(INFO, "info", 6) \
	X(DEBUG, "debug", 7)

enum mx_log_level {
#define X(name, text, priority) MX_LOG_##name,
	MX_LOG_LEVELS(X)
#undef X
};

/* program: shown before each line, static or never freed. */
void mx_log_init(const char *program, enum mx_log_level level);
bool mx_log_on(enum mx_log_level level);
void mx_log(enum mx_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct mx_log_gate {
	_Atomic int64_t next_ms;
	_Atomic unsigned left_out;
};
void mx_log_limited(struct mx_log_gate *gate, enum mx_log_level level,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
