/* cookie_secret.c - the file of cookie-secret-file, see mx_cookie.h. */
#include "mx_cookie.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longer than any line of use; what is longer is no secret. */
#define LINE_MAX_OCTETS 128

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_secret(const char *text, uint8_t ret[MX_COOKIE_SECRET_LEN])
{
	for (unsigned i = 0; i < MX_COOKIE_SECRET_LEN; i++) {
		int high = digit(text[2 * i]);
		int low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * MX_COOKIE_SECRET_LEN] == '\0';
}

/* Blanks at both ends are no part of it. */
static char *trimmed(char *line)
{
	static const char blanks[] = " \t\r\n";
	size_t len;

	line += strspn(line, blanks);
	len = strlen(line);
	while (len > 0 && strchr(blanks, line[len - 1]))
		line[--len] = '\0';
	return line;
}

static bool read_lines(FILE *file, struct mx_cookie_secrets *secrets, char *why)
{
	char line[LINE_MAX_OCTETS];

	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		char *text = trimmed(line);

		if (*text == '\0' || *text == '#')
			continue;
		if (secrets->count == MX_COOKIE_SECRETS_MAX) {
			snprintf(why, MX_COOKIE_WHY_MAX,
				 "line %u is one secret too many; %u may be there",
				 number, MX_COOKIE_SECRETS_MAX);
			return false;
		}
		if (!read_secret(text, secrets->at[secrets->count])) {
			snprintf(why, MX_COOKIE_WHY_MAX,
				 "line %u is no secret; one is 32 hexadecimal digits, as \"openssl rand -hex 16\" makes them",
				 number);
			return false;
		}
		secrets->count++;
	}
	if (secrets->count == 0)
		snprintf(why, MX_COOKIE_WHY_MAX,
			 "it has no secret; make one with \"openssl rand -hex 16\"");
	return secrets->count > 0;
}

bool mx_cookie_secrets_read(const char *path, struct mx_cookie_secrets *ret,
			    char why[MX_COOKIE_WHY_MAX])
{
	struct mx_cookie_secrets secrets = { 0 };
	/* A FIFO must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *file;
	bool ok;

	if (fd < 0 || fstat(fd, &st) != 0 || !(file = fdopen(fd, "r"))) {
		snprintf(why, MX_COOKIE_WHY_MAX, "cannot be read: %s",
			 strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, MX_COOKIE_WHY_MAX, "is no regular file");
		ok = false;
	} else if (st.st_mode & S_IROTH) {
		snprintf(why, MX_COOKIE_WHY_MAX,
			 "can be read by everybody; chmod 640 it");
		ok = false;
	} else {
		ok = read_lines(file, &secrets, why);
	}
	fclose(file);
	if (ok)
		*ret = secrets;
	explicit_bzero(&secrets, sizeof(secrets));
	return ok;
}
