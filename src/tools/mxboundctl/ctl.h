/* ctl.h - what the parts of mxboundctl share.
 *
 *   main.c        the command line
 *   commands.c    the table of commands: help, completion, who runs them
 *   ask.c         one request, one reply
 *   link.c        the connection to the daemon, lines in and out
 *   input.c       destinations, from arguments or standard input
 *   route.c       the commands route and policy: asks, waits, keeps the order
 *   route_text.c  a route as a person reads it
 *   policy_text.c the same of a policy
 *   json.c        members of a reply, of which all that is missing is empty
 *   status.c      the commands status and stats
 *   lookup.c      the command lookup
 *   cache.c       the commands flush, dump and load
 *
 * All that is known of routes is in the JSON that the daemon sends. What comes
 * from there, or from input, is printed as ASCII without control characters:
 * a terminal obeys. Single-threaded. */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mx_control.h"

/* Exit statuses; a worse one is the greater number. */
enum ctl_status {
	CTL_DELIVERABLE = 0,
	CTL_PERMANENT = 1,
	CTL_TEMPORARY = 2, /* also: the daemon cannot be asked */
	CTL_USAGE = 64,	   /* sysexits(3): EX_USAGE */
};

/* Something for standard error, after "mxboundctl: ", made safe. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print text so that nobody obeys it. Returns the columns it takes. */
int ctl_print(FILE *out, const char *text);
int ctl_columns(const char *text);

/* ---- link.c ---- */

/* A reply is some KiB; more than this is no reply of ours. */
#define LINK_REPLY_MAX (4u << 20)
#define LINK_ERROR_MAX 512

struct octets {
	char *at;
	size_t len, room;
};
bool octets_add(struct octets *to, const char *from, size_t len);
void octets_drop(struct octets *from, size_t len);

struct link {
	const char *socket; /* what -s says, or NULL: the usual places */
	int fd;		    /* -1: not connected */
	char path[MX_CONTROL_PATH_MAX];
	struct octets in, out;
	size_t given; /* of in: the line given last */
	bool hopeless; /* it is no daemon of ours, or it hangs */
	char error[LINK_ERROR_MAX]; /* of the last failure, as a sentence */
};

/* False: error says why, and what to do. */
bool link_connect(struct link *link);
void link_close(struct link *link);
/* Write what the socket takes; false: it is broken. */
bool link_write(struct link *link);
/* Read what is there; false: it has ended or is broken. Lines that came before
 * that are there. */
bool link_read(struct link *link);
/* The next whole line, without its newline, or NULL; until the next call. */
char *link_line(struct link *link, size_t *ret_len);

/* ---- commands.c ---- */

struct ctl_options {
	const char *socket; /* NULL: the usual places */
	bool json, zone;
};

/* One row a command. */
struct ctl_command {
	const char *name, *arguments;
	const char *help; /* lines for --help */
	const char *examples; /* a command line each */
	unsigned least, most; /* arguments */
	const char *options; /* that it takes, of "jz" */
	int (*run)(const struct ctl_command *command,
		   const struct ctl_options *options, char **arguments);
};
/* NULL: there is none. */
const struct ctl_command *ctl_command_find(const char *name);
/* All of them, NULL at the end. */
const struct ctl_command *ctl_command_at(unsigned i);
/* "route, policy, ..." */
void ctl_command_names(FILE *out, const char *separator);

/* The script for a shell to complete with; false: it is not known. */
bool ctl_print_completion(FILE *out, const char *shell);

/* ---- ask.c ---- */

/* Ask the daemon, and wait for the reply: its result, or NULL, and an error is
 * said. The request is taken over; it gets its id. link is connected if it is
 * not yet. *ret_code: "" or the daemon's word for the error. */
json_t *ctl_ask(struct link *link, json_t *request, const char **ret_code);
/* All of a command that asks once and prints: result is borrowed. */
int ctl_ask_and_print(const struct ctl_options *options, json_t *request,
		      int (*print)(FILE *out, json_t *result, bool colour));
bool ctl_colours_wanted(void);
/* What was printed is out; else it is said. */
bool ctl_flush(void);

/* ---- json.c ---- */

const char *json_text(json_t *object, const char *key);
json_int_t json_number(json_t *object, const char *key);
double json_share(json_t *object, const char *key); /* below 0: none */
/* "3 days 4 hours", the two largest units. */
void ctl_print_span(FILE *out, json_int_t seconds);

/* ---- status.c, lookup.c, cache.c: see commands.c ---- */

typedef int ctl_run(const struct ctl_command *command,
		    const struct ctl_options *options, char **arguments);
ctl_run status_run, stats_run, lookup_run, flush_run, dump_run, load_run;

/* ---- input.c ---- */

struct input {
	char **arguments; /* and then NULL; or NULL: standard input */
	unsigned long line; /* of standard input, of what was read last */
	struct octets text;
	size_t taken; /* of text: the line given last */
	bool ended, cutting;
};

enum input_got { INPUT_LINE, INPUT_NOT_YET, INPUT_END };
/* The next destination; blank lines and those that begin with '#' are passed
 * over, blanks around it taken off. *ret is borrowed until the next call. A
 * line too long for any destination is cut. */
enum input_got input_next(struct input *input, const char **ret);
/* It reads standard input, which input_fill() may do once it is readable. */
bool input_waits(const struct input *input);
void input_fill(struct input *input);
void input_free(struct input *input);

/* ---- route.c ---- */

struct route_command {
	bool policy; /* asked for policies, not routes */
	const char *socket;
	bool json;
	char **destinations; /* NULL at the end; none: standard input */
};
int route_run(const struct route_command *command);

/* ---- route_text.c ---- */

/* Many lines, for a terminal with colours if so. */
void route_print_long(FILE *out, json_t *route, bool colour);
/* One line. */
void route_print_short(FILE *out, json_t *route);

/* ---- policy_text.c ---- */

void policy_print_long(FILE *out, json_t *policy, bool colour);
void policy_print_short(FILE *out, json_t *policy);

#endif
