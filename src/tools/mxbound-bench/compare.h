/* compare.h - how much slower one server is than another, and how sure that is.
 *
 * The figure is the ratio of a percentile of both. The interval is a block
 * bootstrap, 95 %. The places of the run at which there is a sample of the group
 * are cut into COMPARE_BLOCKS stretches with as many places each; in a block both
 * servers were sent the same questions at the same time. Blocks are drawn with
 * replacement, as many as there are; from what they hold the ratio is made anew,
 * COMPARE_DRAWS times; the interval is from the 2.5th to the 97.5th percentile of
 * these. A block is
 * drawn for both servers alike, so what the network or the machine did to both
 * cancels out, and answers that were slow together count as one event, not as
 * many. The draws follow from a fixed seed: the same run gives the same
 * interval.
 *
 * It says how much the figure would vary if the same run was made again under
 * the same conditions; it knows nothing of other times, places or names.
 *
 * Bounds   fewer than COMPARE_BLOCKS_MIN blocks in which both have samples, or
 *          fewer samples than the percentile needs, 5 beyond it: no figure.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>

#include "results.h"

#define COMPARE_DRAWS 1000u
#define COMPARE_BLOCKS 32u
#define COMPARE_BLOCKS_MIN 8u

struct comparison {
	double ratio, low, high;
};

/* Of group (results.h), server by base. share: of the percentile, 0 to 1. False:
 * too little is there, *ret is untouched. */
bool compare_servers(const struct results *r, unsigned server, unsigned base,
		     unsigned group, double share, struct comparison *ret);

/* Whether so many samples say something of the percentile. */
bool compare_enough(uint64_t samples, double share);

#endif
