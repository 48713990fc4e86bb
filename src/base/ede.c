/* ede.c - names of the Extended DNS Errors. */
#include "mx_ede.h"

const uint16_t mx_ede_codes[MX_EDE_ROWS] = {
#define X(name, number, text) number,
	MX_EDES(X)
#undef X
};

void mx_ede_count(struct mx_ede_counts *counts, uint16_t code)
{
	for (unsigned i = 0; i < MX_EDE_ROWS; i++)
		if (mx_ede_codes[i] == code)
			atomic_store_explicit(
				&counts->sent[i],
				atomic_load_explicit(&counts->sent[i],
						     memory_order_relaxed) + 1,
				memory_order_relaxed);
}

const char *mx_ede_text(uint16_t code)
{
	switch (code) {
#define X(name, number, text) \
	case number: \
		return text;
	MX_EDES(X)
#undef X
	}
	return "Unknown";
}
