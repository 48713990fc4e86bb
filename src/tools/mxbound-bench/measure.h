/* measure.h - clocks, the time of arrival, and what this process used.
 *
 * Units    nanoseconds, and seconds where the name says so.
 * Threads  any.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define SECOND_NS 1000000000ll
#define RCODES 16u

int64_t clock_ns(clockid_t clock);

/* When the kernel took the datagram, on the clock of now_ns: how long it lay in
 * the socket while this program had no processor is not the server's time.
 * Needs SO_TIMESTAMPNS; its stamps are of the wall clock, which may be set, so
 * only the difference to wall_ns, which is now, is used. now_ns if there is no
 * stamp. */
int64_t arrival_ns(struct msghdr *m, int64_t wall_ns, int64_t now_ns);

/* Processor time that this process has used. */
double cpu_used_s(void);
/* For how long it was ready to run and had no processor; 0 if the kernel does
 * not say. */
double cpu_waited_s(void);

const char *rcode_text(unsigned rcode); /* < RCODES */

#endif
