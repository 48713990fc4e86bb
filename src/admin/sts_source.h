/* sts_source.h - whoever knows which MTA-STS policy holds for a domain: for
 * those who ask it, src/policy/sts.c.
 *
 * Promise  a callback runs exactly once, never before ask() has returned, and
 *          soon after `patience` ms at the latest, with what is known by then.
 * Threads  all of it in the loop of the thread that answers policies.
 */
#ifndef STS_SOURCE_H
#define STS_SOURCE_H

#include "mx_clock.h"
#include "mx_sts.h"

struct sts_ask;
/* answer is borrowed until the callback returns. */
typedef void sts_done(void *arg, const struct mx_sts_answer *answer);

struct sts_source {
	void *arg;
	/* NULL: no memory. The ask is gone once the callback has run. */
	struct sts_ask *(*ask)(void *arg, const struct mx_name *domain,
			       mx_instant patience, sts_done *done,
			       void *done_arg);
	/* Forget one whose callback has not run; it will not run. */
	void (*cancel)(struct sts_ask *ask);
};

#endif
