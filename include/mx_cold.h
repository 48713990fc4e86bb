/* mx_cold.h - what an answer from the cache does not go through.
 *
 * All that it does go through is one function when the front is linked
 * (src/front/udp.c). What is marked here stays out of it, and so keeps it
 * short enough for the processor's cache of instructions.
 */
#ifndef MX_COLD_H
#define MX_COLD_H

#define MX_COLD __attribute__((cold, noinline))

#endif
