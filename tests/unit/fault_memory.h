/* fault_memory.h - the Nth allocation fails, for each N until none is left.
 *
 * Counted are those of our own code (the linker's --wrap, see the Makefile),
 * of libevent and of jansson, while armed. Two ways: only the Nth fails, or it
 * and all after it, until disarmed.
 *
 *   FAULT_EACH(fault) {
 *           ... fault_arm(&fault); ... fault_disarm(); ...
 *   }
 */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <jemalloc/jemalloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault {
	unsigned at; /* counted from 1 */
	bool lasting;
	/* Of the round before: whether there was an Nth at all. */
	bool happened;
	unsigned rounds;
};

static struct {
	bool armed;
	unsigned count;
	struct fault *fault;
} fault_now;

static inline bool fault_next(struct fault *fault)
{
	if (fault->at != 0 && !fault->happened) {
		if (fault->lasting)
			return false;
		fault->lasting = true;
		fault->at = 0;
	}
	fault->at++;
	fault->rounds++;
	fault->happened = false;
	return true;
}
#define FAULT_EACH(fault) while (fault_next(&(fault)))

static inline void fault_arm(struct fault *fault)
{
	fault_now.fault = fault;
	fault_now.armed = true;
	fault_now.count = 0;
}

static inline void fault_disarm(void)
{
	fault_now.armed = false;
}

static bool fault_fails(void)
{
	if (!fault_now.armed)
		return false;
	struct fault *fault = fault_now.fault;
	fault_now.count++;
	bool fails = fault->lasting ? fault_now.count >= fault->at :
				      fault_now.count == fault->at;
	fault->happened |= fails;
	if (fails)
		errno = ENOMEM;
	return fails;
}

#define FAULT_WRAP(result, name, parameters, arguments) \
	result __real_##name parameters; \
	result __wrap_##name parameters; \
	result __wrap_##name parameters \
	{ \
		return fault_fails() ? NULL : __real_##name arguments; \
	}

FAULT_WRAP(void *, malloc, (size_t size), (size))
FAULT_WRAP(void *, calloc, (size_t count, size_t size), (count, size))
FAULT_WRAP(void *, realloc, (void *at, size_t size), (at, size))
FAULT_WRAP(void *, reallocarray, (void *at, size_t count, size_t size),
	   (at, count, size))
FAULT_WRAP(char *, strdup, (const char *text), (text))
FAULT_WRAP(void *, mallocx, (size_t size, int flags), (size, flags))
FAULT_WRAP(FILE *, open_memstream, (char **text, size_t *len), (text, len))

int __real_posix_memalign(void **ret, size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size)
{
	return fault_fails() ? ENOMEM :
			       __real_posix_memalign(ret, alignment, size);
}

int __wrap_asprintf(char **ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list arguments;

	if (fault_fails())
		return -1;
	va_start(arguments, format);
	int len = vasprintf(ret, format, arguments);
	va_end(arguments);
	return len;
}
/* What asprintf() is with _FORTIFY_SOURCE. */
int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	if (fault_fails())
		return -1;
	va_start(arguments, format);
	int len = vasprintf(ret, format, arguments);
	va_end(arguments);
	return len;
}

/* Once, before libevent or jansson have anything. */
static inline void fault_libraries(void)
{
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	json_set_alloc_funcs(__wrap_malloc, free);
}

#endif
