/* check.h - what a fuzz target claims. Unlike assert it cannot be compiled
 * out, and abort() is what libFuzzer and the replay both notice. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(claim) \
	((claim) ? (void)0 : check_failed(__FILE__, __LINE__, #claim))

static inline void check_failed(const char *file, int line, const char *claim)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, claim);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);

#endif
