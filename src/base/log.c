/* log.c - see mx_log.h. */
#include "mx_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_clock.h"
#include "text.h"

#define LINE_MAX_OCTETS 2000

static const struct {
	const char *text;
	int priority; /* syslog(3) */
} levels[] = {
#define X(name, text, priority) { text, priority },
	MX_LOG_LEVELS(X)
#undef X
};

static struct {
	const char *program;
	_Atomic int level; /* atomic: threads log while a reload sets it */
	bool journal, colour;
} state = { .program = "mxbound", .level = MX_LOG_NOTICE };

/* sd-daemon(3): JOURNAL_STREAM names the device and inode of the journal's
 * stream; a redirected standard error is another file and gets no prefix. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return text != NULL && fstat(STDERR_FILENO, &st) == 0 &&
	       sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       st.st_dev == device && st.st_ino == inode;
}

void mx_log_init(const char *program, enum mx_log_level level)
{
	const char *no_colour = getenv("NO_COLOR");

	state.program = program;
	state.journal = stderr_is_journal();
	state.colour = isatty(STDERR_FILENO) &&
		       (no_colour == NULL || *no_colour == '\0');
	state.level = (int)level;
}

bool mx_log_on(enum mx_log_level level)
{
	return (int)level <= atomic_load_explicit(&state.level,
						  memory_order_relaxed);
}

static void write_line(enum mx_log_level level, const char *text)
{
	/* The colours are ours, so they go around the cleaned text. */
	const char *colour = "", *plain = "";
	char head[64], line[LINE_MAX_OCTETS + 1];

	if (state.journal)
		snprintf(head, sizeof(head), "<%d>", levels[level].priority);
	else
		head[0] = '\0';
	if (state.colour && level <= MX_LOG_WARNING) {
		colour = level == MX_LOG_ERROR ? "\033[31m" : "\033[33m";
		plain = "\033[0m";
	}

	int len = snprintf(line, sizeof(line), "%s%s%.32s: %s%s", head, colour,
			   state.program,
			   level == MX_LOG_NOTICE || level == MX_LOG_INFO
				   ? "" : levels[level].text,
			   level == MX_LOG_NOTICE || level == MX_LOG_INFO
				   ? "" : ": ");
	size_t at = (size_t)len, tail = strlen(plain) + 1;

	at += mx_text_clean(line + at, sizeof(line) - at - tail, text,
			    strlen(text));
	at += (size_t)snprintf(line + at, sizeof(line) - at, "%s\n", plain);

	ssize_t done;
	do
		done = write(STDERR_FILENO, line, at);
	while (done < 0 && errno == EINTR);
}

static void log_list(enum mx_log_level level, unsigned left_out,
		     const char *format, va_list list)
	__attribute__((format(printf, 3, 0)));
static void log_list(enum mx_log_level level, unsigned left_out,
		     const char *format, va_list list)
{
	int kept_errno = errno;
	char text[LINE_MAX_OCTETS], note[64] = "";

	if (left_out > 0)
		snprintf(note, sizeof(note), " (and %u more like it)", left_out);
	size_t room = sizeof(text) - strlen(note);
	int len = vsnprintf(text, room, format, list);
	if (len < 0)
		snprintf(text, room, "%s", format);
	strcat(text, note);
	write_line(level, text);
	errno = kept_errno;
}

void mx_log(enum mx_log_level level, const char *format, ...)
{
	va_list list;

	if (!mx_log_on(level))
		return;
	va_start(list, format);
	log_list(level, 0, format, list);
	va_end(list);
}

void mx_log_limited(struct mx_log_gate *gate, enum mx_log_level level,
		    const char *format, ...)
{
	va_list list;

	if (!mx_log_on(level))
		return;

	int64_t now = mx_clock_now(), next = atomic_load(&gate->next_ms);
	/* Of threads that arrive together the exchange lets one through. */
	if (now < next || !atomic_compare_exchange_strong(
				  &gate->next_ms, &next, now + 1000)) {
		atomic_fetch_add(&gate->left_out, 1);
		return;
	}
	va_start(list, format);
	log_list(level, atomic_exchange(&gate->left_out, 0), format, list);
	va_end(list);
}
