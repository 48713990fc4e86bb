/* ede.c - names of the Extended DNS Errors. */
#include "mx_ede.h"

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
