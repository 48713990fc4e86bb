/* resolver_local.h - a context that answers every name itself (REFUSED), so
 * that tests of the boundary to libunbound send nothing. */
#ifndef RESOLVER_LOCAL_H
#define RESOLVER_LOCAL_H

#include <event2/event.h>
#include <string.h>

#include "../../src/resolver/library_log.h"
#include "../../src/resolver/resolver.h"

struct local {
	struct mx_config config;
	struct mx_memory_file hints;
	struct mx_context_plan plan;
	char *option[1];
};

static inline void local_start(struct local *l, const char *option)
{
	char error[MX_CONFIG_ERROR_MAX];

	*l = (struct local){ .hints = { .fd = -1 } };
	assert_int_equal(mx_library_log_open(), MX_OK);
	assert_int_equal(mx_config_load(&l->config, NULL, NULL, 0, error),
			 MX_OK);
	mx_memory_file_open("hints", mx_root_hints(), strlen(mx_root_hints()),
			    &l->hints);
	l->plan.base = event_base_new();
	l->plan.config = &l->config;
	l->plan.outgoing_range = 64;
	l->plan.hints_path = l->hints.path;
	if (option) {
		l->option[0] = (char *)option;
		l->config.resolver_option.at = l->option;
		l->config.resolver_option.count = 1;
	}
}

static inline void local_end(struct local *l)
{
	if (l->config.resolver_option.at == l->option)
		l->config.resolver_option = (struct mx_texts){ 0 };
	mx_config_clear(&l->config);
	mx_memory_file_close(&l->hints);
	event_base_free(l->plan.base);
	mx_library_log_close();
	libevent_global_shutdown();
}

#endif
