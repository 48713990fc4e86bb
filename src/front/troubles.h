/* troubles.h - questions that failed or were slow lately: a short list of the
 * worst, for an operator.
 *
 * Bounds   TROUBLES_MAX questions a worker. Each has a score: one for a failure
 *          and one for each second that an answer took, halved for every
 *          TROUBLES_HALF_MS since. Where there is no room, the least score goes:
 *          so a flood of names that fail once does not push out one that fails
 *          all day.
 * Threads  its worker adds, anyone reads: one lock each, taken where a
 *          question ends badly or late, never for a hit.
 */
#ifndef TROUBLES_H
#define TROUBLES_H

#include <stddef.h>

#include "mx_answer.h"
#include "mx_clock.h"

#define TROUBLES_MAX 128u
#define TROUBLES_HALF_MS 300000
#define TROUBLE_SLOW_MS 1000 /* from then on an answer counts as slow */

struct trouble {
	struct mx_name qname; /* lower case */
	uint16_t qtype;
	uint16_t ede; /* of the last failure, or MX_EDE_NONE */
	char why[MX_WHY_MAX + 1];
	uint64_t failures, slow;
	uint32_t worst_ms; /* the longest that an answer, or a failure, took */
	mx_instant last;
	double score; /* as of last; read: as of now */
};

struct troubles;
struct troubles *troubles_new(void);
void troubles_free(struct troubles *troubles);
/* took_ms after it was asked; key is copied. */
void troubles_failed(struct troubles *troubles, const struct mx_key *key,
		     uint16_t ede, const char *why, mx_instant took_ms,
		     mx_instant now);
/* An answer came; it is passed over if that was no trouble. */
void troubles_answered(struct troubles *troubles, const struct mx_key *key,
		       mx_instant took_ms, mx_instant now);
/* The worst of all lists, worst first; the same question of several workers
 * becomes one. Returns how many, up to room. NULL in lists is passed over. */
size_t troubles_worst(struct troubles *const *lists, size_t count,
		      mx_instant now, struct trouble *ret, size_t room);

#endif
