/* results.h - what came of the questions, counted.
 *
 * Every question ends in one of three ways: answered, lost (no answer within
 * the timeout), or left when the run was ended early, which counts nowhere but
 * in `left`. A lost question is in every percentile, as if it had been answered
 * at the timeout: a server that drops what is slow gains nothing.
 *
 * Samples beside the histograms: one for each question and each route, with
 * the place in the run that it belongs to, for intervals (compare.h): from 0
 * for the first unit to almost RESULTS_PLACES for the last that is planned.
 * Every server is sent the same at the same place.
 *
 * Units    nanoseconds. latency counts from when a question was to be sent.
 * Memory   some 2 MB a server, and 6 octets a sample, RESULTS_SAMPLES_MAX of
 *          them at most; past that samples_full is set and histograms go on.
 * Threads  one at a time.
 */
#ifndef RESULTS_H
#define RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"
#include "histogram.h"
#include "measure.h"
#include "seen.h"

#define RESULTS_SAMPLES_MAX 20000000u
#define RESULTS_PLACES 65536u
#define RESULTS_KINDS_MAX 24u
#define RESULTS_WORST_MAX 10u
/* In place of an RCODE. */
#define RESULTS_LOST RCODES
#define RESULTS_ENDS (RCODES + 1u)

/* What is compared: questions by class, then routes by the class of their MX. */
#define RESULTS_ROUTE SEEN_CLASS_COUNT
#define RESULTS_GROUPS (2u * SEEN_CLASS_COUNT)

#define RESULTS_COUNTS(X) \
	X(sent, "questions sent, those asked again over TCP or another connection once") \
	X(answered, "answered within the timeout") \
	X(lost, "not answered within the timeout") \
	X(left, "still open when the run was ended early") \
	X(late, "answers after the timeout") \
	X(strange, "datagrams that answer nothing: another ID or question, cut off, no answer") \
	X(malformed, "answers that answer the question but cannot be read further") \
	X(truncated, "answers with TC, asked again over TCP") \
	X(secure, "answers with AD") \
	X(connections, "TCP connections made") \
	X(broken, "TCP connections that ended with questions open, or were not to be had") \
	X(unsent, "questions that the system did not take") \
	X(sent_late, "questions sent later than they should have been, see generator")

struct results_counts {
#define X(name, text) uint64_t name;
	RESULTS_COUNTS(X)
#undef X
};

/* A row of the table by type. */
struct results_kind {
	uint16_t qtype;
	enum chain_purpose purpose;
};

struct results_sample {
	uint16_t slot; /* of the histogram */
	uint16_t place;
	uint8_t group;
};

struct results_question {
	unsigned server;
	enum seen_class class;
	unsigned kind;	/* of results_kind() */
	unsigned place; /* < RESULTS_PLACES */
	unsigned end;	/* an RCODE, or RESULTS_LOST */
	bool secure, malformed;
	int64_t latency_ns, from_sending_ns; /* lost: the timeout */
	const uint8_t *question; /* as in a message */
};

struct results_worst {
	int64_t latency_ns;
	unsigned kind, end;
	enum seen_class class;
	struct mx_name qname;
};

struct results_server {
	struct results_counts counts;
	struct histogram all, from_sending, lag;
	struct histogram by_class[SEEN_CLASS_COUNT];
	struct histogram by_kind[RESULTS_KINDS_MAX];
	struct histogram by_end[RESULTS_ENDS];
	struct histogram route[SEEN_CLASS_COUNT]; /* until it is known */
	struct histogram chain; /* until all is */
	uint64_t outcomes[CHAIN_OUTCOME_COUNT];
	struct results_sample *samples;
	size_t sample_count, sample_room;
	/* The slowest, slowest first; of one question the slowest ask. */
	struct results_worst worst[RESULTS_WORST_MAX];
	unsigned worst_count;
};

struct results {
	unsigned servers;
	struct results_kind kinds[RESULTS_KINDS_MAX]; /* the last: all others */
	unsigned kind_count;
	bool samples_full;
	struct results_server *at; /* servers of them */
};

bool results_init(struct results *r, unsigned servers); /* false: no memory */
void results_clear(struct results *r);

/* The row of a type and what it is for; rows are made as they come. */
unsigned results_kind(struct results *r, uint16_t qtype,
		      enum chain_purpose purpose);
#define RESULTS_KIND_TEXT_MAX 32
const char *results_kind_text(const struct results *r, unsigned kind,
			      char ret[RESULTS_KIND_TEXT_MAX]);
/* "NOERROR", ..., "no answer" */
const char *results_end_text(unsigned end);

void results_question(struct results *r, const struct results_question *q);

/* How a route came out and how long it took; one that failed counts as no less
 * than the timeout, since a quick SERVFAIL delivers no mail. */
void results_route(struct results *r, unsigned server, enum seen_class class,
		   unsigned place, enum chain_outcome outcome,
		   int64_t latency_ns, int64_t timeout_ns);

#endif
