/* mx_clock.h - time as a value that is handed in.
 *
 * Only src/base/clock.c and event loops read the system's clocks; all else
 * is given `now`, so tests move time by hand.
 */
#ifndef MX_CLOCK_H
#define MX_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_BOOTTIME: monotonic, and counts on through suspend,
 * so a laptop's or VM's sleep ages the cache as it ages the world. */
typedef int64_t mx_instant;

mx_instant mx_clock_now(void);

/* The same clock in microseconds, for how long something took: a thousand of
 * it are one of mx_clock_now(). */
int64_t mx_clock_us(void);

/* Milliseconds since 1970, for what must outlive a boot. Never used to
 * decide whether an answer in memory has expired, but for the end of a
 * signature, which is a wall-clock time. */
int64_t mx_clock_wall_ms(void);

#endif
