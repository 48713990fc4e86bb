/* front.h - a worker of the front in the hands of a fuzz target, with the
 * resolver's end of its only pair. Made once, used for all inputs. */
#ifndef TESTS_FUZZ_FRONT_H
#define TESTS_FUZZ_FRONT_H

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/front/front.h"
#include "check.h"
#include "mx_log.h"

struct fuzz_front {
	struct mx_config config;
	struct mx_cache *cache;
	struct mx_limits *limits;
	struct mx_local *local;
	struct worker *worker;
	int resolver;
};

static inline void fuzz_tell(struct fuzz_front *f, enum worker_verb verb, int fd)
{
	struct worker_command command = { .verb = verb, .fd = fd };

	worker_tell(f->worker, &command);
}

static inline void fuzz_turn(struct fuzz_front *f)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(f->worker->base, EVLOOP_NONBLOCK);
}

static inline void fuzz_begin(struct fuzz_front *f, char *const *sets,
			      size_t count)
{
	char error[MX_CONFIG_ERROR_MAX];
	struct mx_cache_config cache = { .size_octets = 1 << 20,
					 .failure_ttl_min_s = 1,
					 .failure_ttl_max_s = 1 };
	int pair[2];

	signal(SIGPIPE, SIG_IGN);
	mx_log_init("fuzz", MX_LOG_ERROR);
	CHECK(sodium_init() >= 0);
	CHECK(mx_config_load(&f->config, NULL, sets, count, error) == MX_OK);
	CHECK(mx_cache_new(&cache, &f->cache) == MX_OK);
	CHECK((f->limits = limits_new(&f->config)));
	CHECK((f->local = local_new(&f->config)));
	CHECK((f->worker = worker_new(0, &f->config, f->cache, f->limits,
				      f->local)));
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
	f->resolver = pair[0];
	fuzz_tell(f, WORKER_CHANNEL, pair[1]);
	fuzz_turn(f);
}

static inline uint64_t fuzz_classes(const struct fuzz_front *f)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mx_counter_row_count; i++)
		if (mx_counter_rows[i].is_class)
			sum += *(const _Atomic uint64_t
					 *)((const char *)&f->worker->counters +
					    mx_counter_rows[i].offset);
	return sum;
}

#endif
