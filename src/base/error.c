/* error.c - the table of mx_error.h as text and as RCODE. */
#include "mx_error.h"

const char *mx_error_text(enum mx_error err)
{
	switch (err) {
	case MX_OK:
		return "no error";
#define X(name, rcode, text) \
	case MX_E_##name: \
		return text;
	MX_ERRORS(X)
#undef X
	case MX_ERROR_COUNT:
		break;
	}
	return "unknown error";
}

enum mx_rcode mx_error_rcode(enum mx_error err)
{
	switch (err) {
	case MX_OK:
		return MX_RCODE_NOERROR;
#define X(name, rcode, text) \
	case MX_E_##name: \
		return MX_RCODE_##rcode;
	MX_ERRORS(X)
#undef X
	case MX_ERROR_COUNT:
		break;
	}
	return MX_RCODE_SERVFAIL;
}
