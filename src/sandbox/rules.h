/* rules.h - which system calls a role may make: the tables of rules.c. */
#ifndef SANDBOX_RULES_H
#define SANDBOX_RULES_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

#include "mx_sandbox.h"

#define ROLE(role) (1u << (role))

/* An argument's bits under mask must be value; mask 0: any will do. */
struct allowed {
	int call;
	unsigned roles;
	unsigned arg;
	uint64_t mask, value;
};

struct forbidden {
	int call;
	const char *name;
	unsigned roles;
};

extern const struct allowed allowed[];
extern const size_t allowed_count;
/* Of a process that has a folder, and of one that may open for reading. */
extern const int writing[], reading[];
extern const size_t writing_count, reading_count;
extern const struct forbidden forbidden[];
extern const size_t forbidden_count;
/* Of the supervisor: ENOSYS, as for children by default. */
extern const int unknown_to_all[];
extern const size_t unknown_count;

#endif
