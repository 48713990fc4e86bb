/* sts_keep.h - keeps the file of MTA-STS policies current with a store.
 *
 * A front that is killed loses what was fetched in the last few seconds.
 *
 * Owns     nothing of the store.
 * Threads  as sts.h; the writing has its own (sts_saver.h).
 */
#ifndef POLICY_STS_KEEP_H
#define POLICY_STS_KEEP_H

#include "sts_store.h"

struct sts_keep;
/* Read the file into the store; what became of it is logged. NULL: no memory. */
struct sts_keep *sts_keep_new(struct event_base *base, const char *file,
			      struct sts_store *store);
/* The store may have changed: write it soon, if so. */
void sts_keep_changed(struct sts_keep *keep); /* NULL is fine, also below */
/* Another front has it from now on: write what has changed, and no more. */
void sts_keep_cease(struct sts_keep *keep);
/* The end of the program: what has changed is written, and the supervisor told
 * that it takes a while; beat is called often meanwhile. */
void sts_keep_finish(struct sts_keep *keep, void (*beat)(void));
/* What has changed is written. */
void sts_keep_free(struct sts_keep *keep);

#endif
