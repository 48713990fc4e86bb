/* bench.h - what the parts of mxbound-bench share.
 *
 *   main.c       sets up, runs, reports
 *   options.c    the command line, one table
 *   workload.c   what is asked: lists, domains, a Postfix log, built in
 *   probe.c      does each server answer at all?
 *   net.c        sockets, for engine.c
 *   run.c        the loop
 *   progress.c   a line on a terminal
 *   report.c     what all reports say alike
 *   text.c       the table
 *   json.c       for programs
 *   html.c       the report, and chart.c its plots
 *
 *   pure, tested without a socket: histogram, schedule, queries, chain, seen,
 *   engine, results, compare, postfix_log
 *
 * Names from outside are printed as ASCII without control characters, and
 * escaped in HTML. Single-threaded.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <sys/socket.h>

#include "compare.h"
#include "engine.h"

enum bench_status {
	BENCH_OK = 0,
	BENCH_NO_ANSWER = 1, /* a server does not answer */
	BENCH_FAILED = 2,    /* a file or a socket is not to be had */
	BENCH_NO_TRUST = 3,  /* it ran, but the generator was the limit */
	BENCH_USAGE = 64,    /* sysexits(3): EX_USAGE */
	BENCH_INTERRUPTED = 130, /* by SIGINT: what there was, was told */
};

/* Something for standard error, after "mxbound-bench: ". What comes from
 * outside must have been made safe (mx_excerpt). */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- options.c ---- */

#define BENCH_LABEL_MAX 64u
#define BENCH_PORT 53u

struct bench_target {
	char label[BENCH_LABEL_MAX]; /* safe to print */
	struct sockaddr_storage address;
	socklen_t address_len;
	bool tcp, loopback;
};

struct bench_options {
	struct bench_target targets[SERVERS_MAX];
	unsigned target_count;
	const char *names, *domains, *log, *json, *html; /* files, or NULL */
	uint64_t rate, count, passes; /* rate, count 0: not given */
	uint64_t seconds, timeout_ms, sockets, hosts;
	bool no_receiving, dnssec, plain, quiet;
	struct chain_options chain;
};

/* -1: go on; else the exit status: help was printed, or what is wrong said. */
int bench_options_read(int argc, char **argv, struct bench_options *ret);

/* ---- workload.c ---- */

#define WORKLOAD_DOMAINS_MAX 100000u
#define WORKLOAD_WHAT_MAX 160u

struct workload {
	struct queries queries; /* of a list */
	struct mx_name *domains; /* else; may be there several times */
	size_t count; /* of either */
	char what[WORKLOAD_WHAT_MAX]; /* "the mail chains of 50 domains" */
};
/* false: said why. To be cleared in either case. */
bool workload_read(const struct bench_options *options, struct workload *ret);
void workload_clear(struct workload *w);
extern const char *const workload_domains[]; /* built in; ends with NULL */

/* ---- probe.c ---- */

/* Ask each server one question, . NS. False: said which does not answer, and
 * what to do. */
bool probe_all(const struct bench_options *options);

/* ---- net.c ---- */

struct net;
struct net *net_open(const struct bench_options *options); /* NULL: said why */
void net_close(struct net *n);
/* Hand it over; false: the system does not take it. */
bool net_send(struct net *n, const struct engine_out *out, struct engine *e);
/* Wait until then, but no longer than it takes for something to arrive, which
 * goes to e. */
void net_wait(struct net *n, int64_t until_ns, struct engine *e);
/* Datagrams that arrived and found no room in our sockets. */
uint64_t net_dropped(const struct net *n);
uint64_t net_connections(const struct net *n, unsigned server);

/* ---- run.c ---- */

struct bench_run {
	const struct bench_options *options;
	const struct workload *workload;
	uint64_t rate, units; /* of each server */
	bool polite;	      /* the rate is the default for servers elsewhere */
	int64_t began_ns;     /* wall clock */
	bool interrupted;
	struct results results;
	/* The generator. */
	double elapsed_s, cpu_s, waited_s;
	uint64_t dropped, units_begun;
	struct engine_generator generator;
};

/* How much is asked, and how fast. */
void run_plan(struct bench_run *r);
/* false: said why. */
bool run(struct bench_run *r);

/* ---- trust: what the generator did to the figures ---- */

#define BENCH_LATE_SHARE 0.01
#define BENCH_CPU_SHARE 0.9
#define BENCH_WAITED_SHARE 0.05
#define BENCH_DISTRUST_MAX 8u
#define BENCH_DISTRUST_TEXT_MAX 200u

/* Why the figures are not to be trusted, as sentences; 0: they are. */
unsigned bench_distrust(const struct bench_run *r,
			char ret[BENCH_DISTRUST_MAX][BENCH_DISTRUST_TEXT_MAX]);

/* ---- progress.c ---- */

void progress_show(const struct bench_run *r, const struct engine *e,
		   int64_t start_ns, int64_t now_ns, bool last);

/* ---- reports ---- */

/* A duration as people read it: "1.23 ms". */
#define BENCH_DURATION_MAX 24u
const char *bench_duration(double ns, char ret[BENCH_DURATION_MAX]);
/* The same of a percentile; "-" if there are too few to say. */
const char *bench_percentile(const struct histogram *h, double share,
			     char ret[BENCH_DURATION_MAX]);
#define BENCH_COUNT_MAX 32u
const char *bench_count(uint64_t n, char ret[BENCH_COUNT_MAX]); /* "1,234" */
/* What was done: "2,000 questions of FILE, ..., 25 a second to each". */
#define BENCH_PLAN_MAX 400u
const char *bench_plan(const struct bench_run *r, char ret[BENCH_PLAN_MAX]);

/* What is told of each server, row by row: all questions, each class that
 * there is, routes, whole chains. */
struct bench_row {
	const char *id; /* for programs */
	char text[48];	/* for people */
	const struct histogram *histogram;
	unsigned group; /* to compare; RESULTS_GROUPS: not compared */
};
#define BENCH_ROWS_MAX (2u + 2u * SEEN_CLASS_COUNT)
unsigned bench_rows(const struct results_server *s,
		    struct bench_row ret[BENCH_ROWS_MAX]);

/* The columns of percentiles. */
#define BENCH_SHARES 4u
extern const double bench_shares[BENCH_SHARES];
extern const char *const bench_share_texts[BENCH_SHARES];

/* One figure of a comparison with the first server, for all reports. */
struct bench_difference {
	unsigned server, group;
	unsigned share; /* of bench_compared */
	struct comparison is;
};
#define BENCH_COMPARED 2u
extern const double bench_compared[BENCH_COMPARED];
extern const char *const bench_compared_texts[BENCH_COMPARED];
#define BENCH_DIFFERENCES_MAX (SERVERS_MAX * RESULTS_GROUPS * BENCH_COMPARED)
unsigned bench_differences(const struct bench_run *r,
			   struct bench_difference ret[BENCH_DIFFERENCES_MAX]);
/* "slower", "faster", or "no difference that this run can show". */
const char *bench_verdict(const struct comparison *is);
const char *bench_group_text(unsigned group, char ret[48]);

void text_report(const struct bench_run *r, FILE *out, bool colour);
bool json_report(const struct bench_run *r, FILE *out);
bool html_report(const struct bench_run *r, FILE *out);

/* ---- chart.c ---- */

/* Percentiles, both axes logarithmic: the slowest 100 % to 0.01 %, and their
 * latency. A line for each server; NULL: it has none. */
void chart_write(FILE *out, const struct histogram *const *series,
		 const struct bench_target *targets, unsigned count,
		 const char *title);
/* Text in HTML: all that means something there, and what is no plain ASCII. */
void html_text(FILE *out, const char *text);

#endif
