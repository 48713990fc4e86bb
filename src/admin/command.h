/* command.h - what is asked for, done: the same for the control socket and for
 * whoever else asks.
 *
 * Owns     what is under way; the result goes to the caller.
 * Promise  the callback runs exactly once, never before command_begin() has
 *          returned, and within COMMAND_STS_MS, twice COMMAND_MS and a
 *          little more.
 * Bounds   routes: route_ask.h; COMMAND_LOOKUPS_MAX lookups at a time, after
 *          which REQUEST_E_BUSY; how many commands at a time is for the caller.
 *          A page of dump has up to COMMAND_PAGE entries.
 * Threads  all of it in the loop of the worker that the lookups are of.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "policy_ask.h"
#include "request.h"
#include "status.h"

#define COMMAND_MS 30000
/* For an MTA-STS policy to be fetched, before that. */
#define COMMAND_STS_MS 10000
#define COMMAND_LOOKUPS_MAX 256u
#define COMMAND_PAGE 512u
/* For resolvers to forget what they know. */
#define COMMAND_FLUSH_MS 5000

/* What commands work on; all borrowed. */
struct commands {
	struct event_base *base;
	struct route_asks *asks;
	const struct sts_source *sts; /* NULL: mta-sts is off */
	struct mx_lookups *lookups;
	struct status *status;
	unsigned lookups_now;
};

struct command;
/* REQUEST_OK: result, the receiver's from here on; NULL: no memory. Else why. */
typedef void command_done(void *arg, enum request_error err, const char *why,
			  json_t *result);

/* The answer is there at once: true, and *ret_result, which is NULL for want of
 * memory. False: command_begin() is to be called. */
bool command_at_once(struct commands *commands, const struct request *request,
		     json_t **ret_result);
/* NULL: no memory. The request is borrowed until the callback has run. */
struct command *command_begin(struct commands *commands,
			      const struct request *request, command_done *done,
			      void *arg);
/* Forget one whose callback has not run; it will not run. */
void command_cancel(struct command *command);

#endif
