/* route_text.c - the tables of mx_route.h as words and sentences. */
#include <string.h>

#include "mx_route.h"
#include "mx_wire.h"

/* Two functions for a table whose rows are NAME, WORD, ..., TEXT. */
#define WORDS(table, type, noun) \
	const char *mx_route_##noun##_word(type value) \
	{ \
		static const char *const words[] = { table(WORD) }; \
		return pick(words, sizeof(words) / sizeof(words[0]), value); \
	} \
	const char *mx_route_##noun##_text(type value) \
	{ \
		static const char *const texts[] = { table(TEXT) }; \
		return pick(texts, sizeof(texts) / sizeof(texts[0]), value); \
	}
/* And one more for those with a class. */
#define CLASSES(table, type, noun) \
	enum mx_route_class mx_route_##noun##_class(type value) \
	{ \
		static const enum mx_route_class classes[] = { table(CLASS) }; \
		return (size_t)value < sizeof(classes) / sizeof(classes[0]) ? \
		       classes[value] : MX_ROUTE_TEMPORARY; \
	}

static const char *pick(const char *const *texts, size_t count, unsigned value)
{
	return value < count ? texts[value] : "";
}

#define WORD(name, word, class, text) word,
#define TEXT(name, word, class, text) text,
#define CLASS(name, word, class, text) MX_ROUTE_##class,
WORDS(MX_ROUTE_OUTCOMES, enum mx_route_outcome, outcome)
CLASSES(MX_ROUTE_OUTCOMES, enum mx_route_outcome, outcome)
WORDS(MX_ROUTE_HOST_STATES, enum mx_route_host_state, host_state)
CLASSES(MX_ROUTE_HOST_STATES, enum mx_route_host_state, host_state)
#undef WORD
#undef TEXT

#define WORD(name, word, text) word,
#define TEXT(name, word, text) text,
WORDS(MX_ROUTE_REASONS, enum mx_route_reason, reason)
WORDS(MX_ROUTE_LEVELS, enum mx_route_level, level)
WORDS(MX_ROUTE_DANES, enum mx_route_dane, dane)
WORDS(MX_ROUTE_TLSA_REASONS, enum mx_route_tlsa_reason, tlsa_reason)
WORDS(MX_ROUTE_STS_RECORDS, enum mx_route_sts_record, sts_record)
WORDS(MX_ROUTE_STS_MODES, enum mx_route_sts_mode, sts_mode)
WORDS(MX_ROUTE_MATCHES, enum mx_route_match, match)

#undef WORD
#undef TEXT

#define WORD(name, word, text, fix) word,
#define TEXT(name, word, text, fix) text,
#define FIX(name, word, text, fix) fix,
WORDS(MX_ROUTE_WARNINGS, enum mx_route_warning, warning)

const char *mx_route_warning_fix(enum mx_route_warning warning)
{
	static const char *const fixes[] = { MX_ROUTE_WARNINGS(FIX) };

	return pick(fixes, sizeof(fixes) / sizeof(fixes[0]), warning);
}

const char *mx_route_validation_word(enum mx_validation state)
{
	switch (state) {
	case MX_SECURE:
		return "secure";
	case MX_INSECURE:
		return "insecure";
	case MX_BOGUS:
		return "bogus";
	case MX_INDETERMINATE:
		break;
	}
	return "indeterminate";
}

const char *mx_route_name_text(const struct mx_name *name,
			       char ret[MX_ROUTE_NAME_TEXT_MAX])
{
	mx_name_to_text(name->octets, ret);
	if (name->len > 1)
		ret[strlen(ret) - 1] = '\0';
	return ret;
}
