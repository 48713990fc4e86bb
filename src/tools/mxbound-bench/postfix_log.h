/* postfix_log.h - the domain that a line of Postfix's log delivered to.
 *
 *   ... postfix/smtp[123]: 4F2A31: to=<bob@example.com>, relay=mx.example.com[192.0.2.1]:25, ...
 *
 * Lines of smtp(8) alone, of any instance (postfix-out/smtp): other programs
 * deliver without asking DNS where to. relay= says to whom; those that went to
 * this host itself, as to a content filter, were not routed by DNS and are
 * passed over. relay=none stays: DNS was asked, or would have been.
 *
 * Pure, any thread.
 */
#ifndef POSTFIX_LOG_H
#define POSTFIX_LOG_H

#include <stdbool.h>

#include "mx_wire.h"

#define POSTFIX_LINE_MAX 8192u
#define POSTFIX_QUEUE_ID_MAX 24u

struct postfix_delivery {
	struct mx_name domain; /* lower case */
	/* Recipients of one message at one domain are several lines. */
	char queue_id[POSTFIX_QUEUE_ID_MAX];
};

/* False: it is no such line; *ret is undefined. */
bool postfix_line_read(const char *line, struct postfix_delivery *ret);

#endif
