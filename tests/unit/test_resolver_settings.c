/* What libunbound is told: that it takes it, and does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolver_local.h"

static const struct mx_families both = { true, true };

/* Each row of such an option is one value more. */
static bool adds(const struct mx_setting *s)
{
	return strcmp(s->key, "do-not-query-address:") == 0;
}

static void table_is_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < mx_setting_count; i++) {
		const struct mx_setting *s = &mx_settings[i];

		assert_int_equal(s->key[strlen(s->key) - 1], ':');
		assert_true(strlen(s->why) > 5);
		for (size_t j = 0; j < i; j++)
			assert_true(strcmp(s->key, mx_settings[j].key) != 0 ||
				    adds(s));
	}
}

/* Set, then read back. Sizes are read back in octets. */
static void library_takes_each(void **state)
{
	struct local l;

	(void)state;
	local_start(&l, NULL);
	struct ub_ctx *ctx = ub_ctx_create_event(l.plan.base);
	struct mx_settings_input input = { &l.config, both, 4096 };

	assert_non_null(ctx);
	for (size_t i = 0; i < mx_setting_count; i++) {
		const struct mx_setting *s = &mx_settings[i];
		char buf[MX_SETTING_VALUE_MAX], key[64], *got = NULL;
		const char *value = mx_setting_value(s, &input, buf);
		size_t n = strlen(value);

		if (ub_ctx_set_option(ctx, s->key, value) != 0)
			fail_msg("%s %s", s->key, value);
		snprintf(key, sizeof key, "%.*s", (int)strlen(s->key) - 1,
			 s->key);
		if (strcmp(key, "val-log-squelch") == 0)
			continue; /* no getter for it */
		if (ub_ctx_get_option(ctx, key, &got) != 0)
			fail_msg("cannot read back %s", s->key);
		if (n > 1 && value[n - 1] == 'm')
			assert_int_equal(strtoull(got, NULL, 10),
					 strtoull(value, NULL, 10) << 20);
		else if (adds(s) ? !strstr(got, value) : strcmp(got, value) != 0)
			fail_msg("%s %s: read back as %s", s->key, value, got);
		free(got);
	}
	ub_ctx_delete(ctx);
	local_end(&l);
}

static void values_follow_the_configuration(void **state)
{
	struct mx_config config = {
		.cache_size = 1u << 30, .resolvers = 2, .ttl_max = 1234,
		.negative_ttl_max = 56, .bogus_ttl_max = 7,
		.qname_minimisation = true,
	};
	struct mx_settings_input input = { &config, { true, false }, 99 };
	static const struct {
		const char *key, *want;
	} cases[] = {
		{ "cache-max-ttl:", "1234" },
		{ "cache-max-negative-ttl:", "56" },
		{ "val-bogus-ttl:", "7" },
		{ "qname-minimisation:", "yes" },
		{ "do-ip4:", "yes" },
		{ "do-ip6:", "no" },
		{ "outgoing-range:", "99" },
		{ "rrset-cache-size:", "268435456" },
		{ "msg-cache-size:", "67108864" },
		{ "serve-expired:", "no" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t found = 0;

		for (size_t j = 0; j < mx_setting_count; j++) {
			char buf[MX_SETTING_VALUE_MAX];

			if (strcmp(mx_settings[j].key, cases[i].key) != 0)
				continue;
			found++;
			assert_string_equal(mx_setting_value(&mx_settings[j],
							     &input, buf),
					    cases[i].want);
		}
		assert_int_equal(found, 1);
	}
}

/* Everything an operator may set is taken by the library that is installed. */
static void library_takes_resolver_options(void **state)
{
	(void)state;
	for (unsigned i = 0; i < mx_resolver_option_count(); i++) {
		struct mx_resolver_option row = mx_resolver_option_row(i);
		struct mx_context *context = NULL;
		char line[256], error[MX_RESOLVER_ERROR_MAX];
		struct local l;

		snprintf(line, sizeof line, "%s: %s", row.key, row.example);
		local_start(&l, line);
		/* Debian builds libunbound with nettle, which has no TLS. */
		if (mx_context_new(&l.plan, both, &context, error) != MX_OK &&
		    strncmp(row.key, "tls-", 4) != 0)
			fail_msg("%s: %s", line, error);
		mx_context_free(context);
		local_end(&l);
	}
}

static void refused_options_are_named(void **state)
{
	static const char *const lines[] = {
		"no-such-option: 1", "edns-buffer-size: many", "no colon",
		"domain-insecure: \"quoted\"", ": x",
	};

	(void)state;
	/* libunbound's own complaints about its configuration text. */
	int saved = dup(2);
	assert_non_null(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct mx_context *context = NULL;
		char error[MX_RESOLVER_ERROR_MAX] = "";
		struct local l;

		local_start(&l, lines[i]);
		assert_int_equal(mx_context_new(&l.plan, both, &context, error),
				 MX_E_CONFIG);
		assert_null(context);
		assert_non_null(strstr(error, lines[i]));
		assert_non_null(strstr(error, "resolver-option"));
		local_end(&l);
	}
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
}

/* Lines of ub_ctx_print_local_zones. */
static char printed[65536];
static size_t printed_len;

static ssize_t collect(void *cookie, const char *octets, size_t len)
{
	(void)cookie;
	if (len > sizeof printed - 1 - printed_len)
		len = sizeof printed - 1 - printed_len;
	memcpy(printed + printed_len, octets, len);
	printed_len += len;
	return (ssize_t)len;
}

/* None of its built-in local zones is left: the front answers those names,
 * and an operator's forward-zone for one of them must be asked. */
static void no_local_zone_but_ours(void **state)
{
	char error[MX_RESOLVER_ERROR_MAX], path[64], *text;
	FILE *out = fopencookie(NULL, "w",
				(cookie_io_functions_t){ .write = collect });
	struct mx_memory_file file;
	struct local l;
	unsigned zones = 0;

	(void)state;
	local_start(&l, NULL);
	struct ub_ctx *ctx = ub_ctx_create_event(l.plan.base);
	assert_int_equal(mx_settings_zones(&l.config, &text, error), MX_OK);
	assert_int_equal(mx_memory_file_open("zones", text, strlen(text),
					     &file), MX_OK);
	snprintf(path, sizeof path, "%s", file.path);
	ub_ctx_debugout(ctx, out);
	assert_int_equal(ub_ctx_set_option(ctx, "unblock-lan-zones:", "yes"),
			 0);
	assert_int_equal(ub_ctx_set_option(ctx, "module-config:", "iterator"),
			 0);
	assert_int_equal(ub_ctx_config(ctx, path), 0);
	ub_ctx_debuglevel(ctx, 1);
	assert_int_equal(ub_ctx_print_local_zones(ctx), 0);
	fflush(out);
	printed[printed_len] = '\0';
	for (char *line = strtok(printed, "\n"); line;
	     line = strtok(NULL, "\n")) {
		char *zone = strstr(line, " zone ");

		if (!zone)
			continue;
		zones++;
		if (!strstr(zone, MX_READY_NAME))
			fail_msg("%s", zone);
	}
	assert_int_equal(zones, 1);
	ub_ctx_delete(ctx);
	fclose(out);
	mx_memory_file_close(&file);
	free(text);
	local_end(&l);
}

/* Why they are turned off in text: set_option takes this and does nothing.
 * When this fails, the text is no longer needed. */
static void set_option_nodefault_does_nothing(void **state)
{
	FILE *out = fopencookie(NULL, "w",
				(cookie_io_functions_t){ .write = collect });
	struct local l;

	(void)state;
	local_start(&l, NULL);
	struct ub_ctx *ctx = ub_ctx_create_event(l.plan.base);
	printed_len = 0;
	ub_ctx_debugout(ctx, out);
	assert_int_equal(ub_ctx_set_option(ctx, "module-config:", "iterator"),
			 0);
	assert_int_equal(ub_ctx_set_option(ctx, "local-zone:",
					   "onion. nodefault"), 0);
	ub_ctx_debuglevel(ctx, 1);
	assert_int_equal(ub_ctx_print_local_zones(ctx), 0);
	fflush(out);
	printed[printed_len] = '\0';
	if (strcmp(ub_version(), "1.17.1") == 0)
		assert_non_null(strstr(printed, "onion."));
	ub_ctx_delete(ctx);
	fclose(out);
	local_end(&l);
}

static void zones_text(void **state)
{
	static const char *forward[] = { "corp. 192.0.2.1 2001:db8::1@5353",
				   ". 192.0.2.2" };
	static const char *stub[] = { "10.in-addr.arpa. 192.0.2.3@53" };
	static const char *bad[] = { "x\". 192.0.2.1" };
	struct mx_config config = { .forward_zone = { (char **)forward, 2 },
				    .stub_zone = { (char **)stub, 1 } };
	char error[MX_RESOLVER_ERROR_MAX], *text;

	(void)state;
	assert_int_equal(mx_settings_zones(&config, &text, error), MX_OK);
	assert_non_null(strstr(text,
			       "forward-zone:\n  name: \"corp.\"\n"
			       "  forward-addr: 192.0.2.1@53\n"
			       "  forward-addr: 2001:db8::1@5353\n"
			       "forward-zone:\n  name: \".\"\n"
			       "  forward-addr: 192.0.2.2@53\n"
			       "stub-zone:\n  name: \"10.in-addr.arpa.\"\n"
			       "  stub-addr: 192.0.2.3@53\n"));
	free(text);
	config.forward_zone = (struct mx_texts){ (char **)bad, 1 };
	assert_int_equal(mx_settings_zones(&config, &text, error),
			 MX_E_CONFIG);
	assert_non_null(strstr(error, "forward-zone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_well_formed),
		cmocka_unit_test(library_takes_each),
		cmocka_unit_test(values_follow_the_configuration),
		cmocka_unit_test(library_takes_resolver_options),
		cmocka_unit_test(refused_options_are_named),
		cmocka_unit_test(no_local_zone_but_ours),
		cmocka_unit_test(set_option_nodefault_does_nothing),
		cmocka_unit_test(zones_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
