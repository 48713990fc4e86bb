/* clock.c - the system's clocks, read here and nowhere else. */
#include "mx_clock.h"

#include <time.h>

/* clock_gettime fails only for a clock the kernel does not have, and Linux
 * has both since 2.6.39. */
static int64_t read_ms(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

mx_instant mx_clock_now(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t mx_clock_us(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t mx_clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}
