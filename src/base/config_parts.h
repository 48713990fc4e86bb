/* config_parts.h - what the files config*.c share.
 *
 *   config.c         the table; files, lines and --set; loading
 *   config_value.c   one value: text to member and back
 *   config_list.c    one entry of a LIST
 *   config_check.c   what belongs together, and what must be on the system
 *   config_text.c    the table and the values as text, for people and children
 *   config_man.c     the table for the manual page
 */
#ifndef MX_BASE_CONFIG_PARTS_H
#define MX_BASE_CONFIG_PARTS_H

#include "address.h"
#include "mx_config.h"

enum mx_option_kind {
	MX_KIND_BOOL,
	MX_KIND_COUNT,
	MX_KIND_SIZE,
	MX_KIND_SECS,
	MX_KIND_MSEC,
	MX_KIND_CHOICE,
	MX_KIND_TEXT,
	MX_KIND_LIST,
};

enum mx_option_index {
#define X(member, key, kind, def, min, max, unit, help) MX_OPTION_##member,
	MX_OPTIONS(X)
#undef X
	MX_OPTION_COUNT
};

struct mx_option {
	const char *key, *fallback, *unit, *help;
	enum mx_option_kind kind;
	uint64_t min, max;
	size_t offset; /* of the member in struct mx_config */
};
extern const struct mx_option mx_options[MX_OPTION_COUNT];

/* The member of an option, whatever its type. */
void *mx_option_member(const struct mx_option *o, struct mx_config *config);
const void *mx_option_value(const struct mx_option *o,
			    const struct mx_config *config);

/* ---- config_text.c ---- */

/* What to write for the value: "NUMBER", "yes|no". */
const char *mx_option_value_name(const struct mx_option *o);
/* "1m to 1024g; default 64m", or "". */
#define MX_OPTION_FACTS_MAX 256
void mx_option_facts(const struct mx_option *o, char ret[MX_OPTION_FACTS_MAX]);

/* ---- config_value.c ---- */

/* Read text into the member (of any kind but LIST; a TEXT is allocated and
 * replaces the old one). MX_E_CONFIG: why is filled; MX_E_NO_MEMORY. */
enum mx_error mx_value_read(const struct mx_option *o, const char *text,
			    void *member, char why[MX_WHY_TEXT_MAX]);
/* "a number from 0 to 64 (threads), default 0" */
void mx_value_accepted(const struct mx_option *o, char out[MX_WHY_TEXT_MAX]);
/* A number of the option's kind in its shortest exact form, as in 64m. */
#define MX_VALUE_TEXT_MAX 24
void mx_value_number(enum mx_option_kind kind, uint64_t number,
		     char out[MX_VALUE_TEXT_MAX]);
/* "64m" with the suffixes of a kind; also for libunbound's sizes. */
bool mx_value_number_read(enum mx_option_kind kind, const char *text,
			  uint64_t *ret);
/* The i-th word of "a|b|c" and its length, or NULL. */
const char *mx_value_word(const char *words, unsigned i, size_t *ret_len);

/* ---- config_list.c ---- */

/* Check an entry, its blanks already single. */
bool mx_list_entry_check(enum mx_option_index option, const char *text,
			 char why[MX_WHY_TEXT_MAX]);
bool mx_acl_rule_read(const char *text, struct mx_acl_rule *ret,
		      char why[MX_WHY_TEXT_MAX]);
bool mx_zone_rule_read(const char *text, struct mx_zone_rule *ret,
		       char why[MX_WHY_TEXT_MAX]);
/* resolver_option.c */
bool mx_resolver_option_check(const char *text, char why[MX_WHY_TEXT_MAX]);

/* Move *text behind its next word, which is copied to out; false if there is
 * none. A word of room octets or more is cut. */
bool mx_word_next(const char **text, char *out, size_t room);
/* A domain name in presentation format; *ret is malloc'ed, absolute. */
bool mx_zone_name_read(const char *text, char **ret, char why[MX_WHY_TEXT_MAX]);

/* ---- loading ---- */

/* Where a value was written: a line of the file, a --set, or nowhere. */
struct mx_place {
	unsigned line;
	const char *set;
};

struct mx_places {
	struct mx_place *at; /* of a LIST, one for each entry */
	size_t count;
};

struct mx_load {
	struct mx_config *config;
	const char *file;
	char *error; /* MX_CONFIG_ERROR_MAX */
	struct mx_places places[MX_OPTION_COUNT];
};

/* Fill error with the place and what is wrong there; gives MX_E_CONFIG. */
enum mx_error mx_load_fail(struct mx_load *load, struct mx_place place,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum mx_error mx_load_no_memory(struct mx_load *load);
/* The place of a scalar, or of entry i of a list. */
struct mx_place mx_load_place(const struct mx_load *load,
			      enum mx_option_index option, size_t i);
/* "in line 3", "by --set workers=2", "by default" */
void mx_place_text(struct mx_place place, char out[80]);

/* Checks that need several values or the system; makes paths absolute. */
enum mx_error mx_load_check(struct mx_load *load);

#endif
