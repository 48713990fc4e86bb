/* metrics.h - all that is counted, for Prometheus: its text format 0.0.4.
 *
 * Names    mxbound_ROW_total for each row of mx_counters.h, with its help; what
 *          else there is stands in metrics.c. No label has a value from the
 *          network: a name that somebody asks for makes no series.
 * Threads  those of status.h.
 */
#ifndef METRICS_H
#define METRICS_H

#include <event2/buffer.h>

#include "status.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* False: no memory. */
bool metrics_write(const struct status *status, struct evbuffer *out);

#endif
