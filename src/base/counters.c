/* counters.c - the table of mx_counters.h as data. */
#include "mx_counters.h"

#include <stddef.h>

const struct mx_counter_row mx_counter_rows[] = {
#define X(name, class, help) \
	{ #name, help, class, (uint16_t)offsetof(struct mx_counters, name) },
	MX_COUNTERS(X)
#undef X
};
const unsigned mx_counter_row_count =
	sizeof mx_counter_rows / sizeof mx_counter_rows[0];

void mx_counters_add(struct mx_counters *sum, const struct mx_counters *add)
{
	/* The worker that owns `add` goes on counting meanwhile: each row is
	 * right, the rows among each other may be a query apart. */
#define X(name, class, help) \
	mx_count(sum, name, \
		 atomic_load_explicit(&add->name, memory_order_relaxed));
	MX_COUNTERS(X)
#undef X
}
