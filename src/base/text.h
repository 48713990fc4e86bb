/* text.h - foreign text made fit for people.
 *
 * Pure, any thread. What comes from a file, the command line or the network
 * is shown with control characters and octets that are not UTF-8 written as
 * \xNN, so that no terminal obeys it and no log line can be forged.
 */
#ifndef MX_BASE_TEXT_H
#define MX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets (1..4) of the UTF-8 sequence at the start of text, or 0 if there is
 * none (RFC 3629: no surrogates, nothing overlong). */
size_t mx_utf8_length(const char *text, size_t len);

/* Write text into out (room > 4 octets, NUL included); what does not fit is
 * cut between characters and replaced by "...". Returns the length. */
size_t mx_text_clean(char *out, size_t room, const char *text, size_t len);

/* The same as a value, for use as an argument: mx_excerpt(text).text */
struct mx_excerpt {
	char text[68];
};
struct mx_excerpt mx_excerpt(const char *text);

/* Changes that make a from b: a character put in, left out or replaced, or
 * two neighbours swapped. Case is ignored. Texts of more than 64 octets are
 * far from everything. */
#define MX_TEXT_FAR 1000u
unsigned mx_text_distance(const char *a, const char *b);

/* Say "what is wrong; what would be right". Returns false, which is what the
 * caller is about to return. */
#define MX_WHY_TEXT_MAX 512
bool mx_why(char why[MX_WHY_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A whole number without sign or blanks; false for anything else and for
 * what does not fit. *ret_end is the first octet after it, if ret_end is not
 * NULL; otherwise nothing may follow. */
bool mx_text_number(const char *text, uint64_t *ret, const char **ret_end);

#endif
