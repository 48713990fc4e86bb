/* run.c - the loop, and how much of what it does. See bench.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "bench.h"

#define START_AFTER_NS (20 * 1000000ll)
#define SEND_BATCH 32
/* So often somebody looks at the time left and at signals. */
#define LOOK_NS (250 * 1000000ll)

/* Units a second to each server where nobody says: to others' servers no more
 * than a small mail host sends, a chain being some 12 questions. */
#define RATE_LOOPBACK 1000u
#define RATE_POLITE 25u
#define RATE_CHAINS_LOOPBACK 20u
#define RATE_CHAINS_POLITE 2u

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* The second one ends the program as ever. */
static void catch_interrupt(void)
{
	struct sigaction on = { .sa_handler = on_interrupt,
				.sa_flags = (int)SA_RESETHAND };

	interrupted = 0;
	sigaction(SIGINT, &on, NULL);
	sigaction(SIGTERM, &on, NULL);
}

void run_plan(struct bench_run *r)
{
	const struct bench_options *o = r->options;
	bool chains = r->workload->domains != NULL, all_loopback = true;
	uint64_t in_time;

	for (unsigned i = 0; i < o->target_count; i++)
		all_loopback = all_loopback && o->targets[i].loopback;
	r->polite = o->rate == 0 && !all_loopback;
	r->rate = o->rate;
	if (r->rate == 0 && chains)
		r->rate = all_loopback ? RATE_CHAINS_LOOPBACK
				       : RATE_CHAINS_POLITE;
	else if (r->rate == 0)
		r->rate = all_loopback ? RATE_LOOPBACK : RATE_POLITE;
	r->units = r->workload->count * o->passes;
	in_time = r->rate * o->seconds;
	if (r->units > in_time)
		r->units = in_time;
	if (o->count > 0 && r->units > o->count)
		r->units = o->count;
}

static void send_due(struct net *n, struct engine *e)
{
	struct engine_out out;

	for (int i = 0; i < SEND_BATCH; i++) {
		if (!engine_take(e, clock_ns(CLOCK_MONOTONIC), &out))
			return;
		if (!net_send(n, &out, e))
			engine_unsent(e, &out);
	}
}

static void loop(struct bench_run *r, struct net *n, struct engine *e,
		 int64_t start_ns)
{
	int64_t look_ns = start_ns;

	while (!engine_done(e)) {
		int64_t wake = engine_wake(e), now_ns;

		net_wait(n, wake < look_ns ? wake : look_ns, e);
		send_due(n, e);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		engine_expire(e, now_ns);
		if (now_ns >= look_ns) {
			progress_show(r, e, start_ns, now_ns, false);
			look_ns = now_ns + LOOK_NS;
		}
		if (interrupted) {
			r->interrupted = true;
			engine_stop(e);
		}
	}
}

static struct engine *make_engine(struct bench_run *r, int64_t start_ns)
{
	const struct bench_options *o = r->options;
	struct engine_options options = {
		.servers = o->target_count,
		.sockets = (unsigned)o->sockets,
		.rate = (uint32_t)r->rate,
		.units = r->units,
		.start_ns = start_ns,
		.timeout_ns = (int64_t)o->timeout_ms * 1000000,
		.query = { .edns = !o->plain, .dnssec_ok = o->dnssec },
		.chain = o->chain,
	};

	for (unsigned i = 0; i < o->target_count; i++)
		options.tcp[i] = o->targets[i].tcp;
	if (r->workload->domains != NULL) {
		options.domains = r->workload->domains;
		options.domain_count = r->workload->count;
	} else {
		options.queries = &r->workload->queries;
	}
	if (getrandom(&options.seed, sizeof options.seed, 0) < 0)
		options.seed = (uint32_t)start_ns;
	return engine_new(&options, &r->results);
}

static void measure(struct bench_run *r, struct net *n, struct engine *e,
		    int64_t start_ns)
{
	double cpu_s = cpu_used_s(), waited_s = cpu_waited_s();

	catch_interrupt();
	/* Timers may be 50 us late by default, to save power. */
	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	loop(r, n, e, start_ns);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	r->elapsed_s = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e9;
	r->cpu_s = cpu_used_s() - cpu_s;
	r->waited_s = cpu_waited_s() - waited_s;
	r->dropped = net_dropped(n);
	r->units_begun = engine_units_begun(e);
	r->generator = *engine_generator(e);
	for (unsigned s = 0; s < r->results.servers; s++)
		r->results.at[s].counts.connections = net_connections(n, s);
	progress_show(r, e, start_ns, clock_ns(CLOCK_MONOTONIC), true);
}

bool run(struct bench_run *r)
{
	int64_t start_ns = clock_ns(CLOCK_MONOTONIC) + START_AFTER_NS;
	struct net *n = net_open(r->options);
	struct engine *e = NULL;
	bool good = n != NULL &&
		    results_init(&r->results, r->options->target_count) &&
		    (e = make_engine(r, start_ns)) != NULL;

	r->began_ns = clock_ns(CLOCK_REALTIME);
	if (good)
		measure(r, n, e, start_ns);
	else if (n != NULL)
		bench_say("no memory");
	engine_free(e);
	net_close(n);
	return good;
}
