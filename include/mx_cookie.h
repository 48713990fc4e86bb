/* mx_cookie.h - secrets for DNS cookies that several hosts share (RFC 7873,
 * RFC 9018 section 5), read from the file of cookie-secret-file.
 *
 * A line is a secret: 32 hexadecimal digits. The first makes cookies, all of
 * them prove cookies; so a new one is put last on all hosts, then first on all
 * of them, and a day later the old one is taken out. Blank lines and those
 * that begin with '#' are passed over.
 *
 * Threads  any.
 * Errors   to a text, which never quotes what the file has.
 */
#ifndef MX_COOKIE_H
#define MX_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#define MX_COOKIE_SECRET_LEN 16u
#define MX_COOKIE_SECRETS_MAX 8u
#define MX_COOKIE_WHY_MAX 200u

struct mx_cookie_secrets {
	unsigned count;
	uint8_t at[MX_COOKIE_SECRETS_MAX][MX_COOKIE_SECRET_LEN];
};

/* False: why says what is wrong with the file, and what would be right. A file
 * that everybody may read is refused: who knows a secret can forge cookies. */
bool mx_cookie_secrets_read(const char *path, struct mx_cookie_secrets *ret,
			    char why[MX_COOKIE_WHY_MAX]);

#endif
