/* config_file.h - loading a configuration out of a test, in a folder of its
 * own, so that errors name the file "t.conf" wherever the test runs. */
#ifndef TESTS_CONFIG_FILE_H
#define TESTS_CONFIG_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mx_config.h"

static char config_folder[] = "/tmp/mxbound-config-XXXXXX";

static int config_folder_make(void **state)
{
	(void)state;
	return mkdtemp(config_folder) != NULL && chdir(config_folder) == 0 ? 0 : -1;
}

static int config_folder_remove(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", config_folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void file_write(const char *name, const void *octets, size_t len)
{
	FILE *out = fopen(name, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(octets, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* Load text as t.conf, with up to three sets. */
static inline enum mx_error load_with(struct mx_config *c, const char *text,
				      const char *const sets[3], char *error)
{
	char *argument[3];
	size_t count = 0;

	for (; sets != NULL && count < 3 && sets[count] != NULL; count++)
		argument[count] = (char *)(uintptr_t)sets[count];
	file_write("t.conf", text, strlen(text));
	return mx_config_load(c, "t.conf", argument, count, error);
}

static inline void load_ok(struct mx_config *c, const char *text)
{
	char error[MX_CONFIG_ERROR_MAX];

	if (load_with(c, text, NULL, error) != MX_OK)
		fail_msg("%s\n-> %s", text, error);
	assert_string_equal(error, "");
}

/* The whole error, or where want ends in "..." its beginning. */
static inline void expect_error(const char *text, const char *const sets[3],
				const char *want)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_config c;
	size_t len = strlen(want);

	if (load_with(&c, text, sets, error) != MX_E_CONFIG)
		fail_msg("accepted: %s", text);
	if (len > 3 && strcmp(want + len - 3, "...") == 0)
		error[len - 3 < strlen(error) ? len - 3 : strlen(error)] = '\0',
		len -= 3;
	if (strlen(error) != len || strncmp(error, want, len) != 0)
		fail_msg("%.200s\n got: %s\nwant: %s", text, error, want);
	/* On error the configuration is left cleared. */
	struct mx_config cleared = { 0 };
	assert_memory_equal(&c, &cleared, sizeof(c));
}

#endif
