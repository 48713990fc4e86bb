/* What servers answer, to mxbound-bench: a chain is begun, and each of its
 * questions gets the next answer of the input.
 *
 *   input   answers, each: two octets of flags, eight of counts, one that says
 *           how long the rest is, in pairs of octets, the rest. ID and question
 *           are put before it as they must be
 *
 * Claims: however a chain goes, its questions are within their bound, every one
 * that was sent is answered or lost in the end, and nothing stays open. */
#include <stdlib.h>
#include <string.h>

#include "../../src/tools/mxbound-bench/engine.h"
#include "check.h"

#define HEAD 11u
#define REST_MAX 510u
/* To make an engine takes long, so many inputs have one. */
#define INPUTS_MAX 1024u
#define STEP_NS (SECOND_NS / 100)
#define STEPS_MAX 99u

struct input {
	const uint8_t *at;
	size_t left;
};

static struct results results;
static struct engine *engine;
static int64_t now_ns; /* each input has a second of its own */
static unsigned used;

static void begin(void)
{
	static struct mx_name domain;
	struct engine_options o = {
		.servers = 1, .sockets = 1, .rate = 1, .units = INPUTS_MAX,
		.open_max = 2 * CHAIN_QUESTIONS_MAX, .chains_max = 1,
		.timeout_ns = STEP_NS, .domains = &domain,
		.domain_count = 1, .query = { .edns = true },
		.chain = { .hosts = CHAIN_HOSTS_MAX, .receiving = true },
	};

	CHECK(mx_name_from_text("d.example", &domain) == MX_OK);
	CHECK(results_init(&results, 1));
	engine = engine_new(&o, &results);
	CHECK(engine != NULL);
	used = 0;
	now_ns = 0;
}

static void end(void)
{
	CHECK(engine_done(engine));
	engine_free(engine);
	results_clear(&results);
	engine = NULL;
}

/* The next answer, as one to what went out. */
static size_t make_reply(struct input *in, const struct engine_out *out,
			 uint8_t *ret)
{
	size_t question = MX_HEADER_LEN, rest;

	if (in->left < HEAD)
		return 0;
	while (out->octets[question] != 0)
		question += 1u + out->octets[question];
	question += 5;
	rest = 2u * in->at[10];
	if (rest > in->left - HEAD)
		rest = in->left - HEAD;
	memcpy(ret, out->octets, question);
	memcpy(ret + 2, in->at, 10);
	ret[2] |= 0x80;
	mx_put_u16(ret + 4, 1);
	memcpy(ret + question, in->at + HEAD, rest);
	in->at += HEAD + rest;
	in->left -= HEAD + rest;
	return question + rest;
}

/* All that is to be asked by now, and what is answered. Returns how many. */
static unsigned ask(struct input *in)
{
	uint8_t reply[QUERY_MAX + REST_MAX];
	struct engine_out out;
	unsigned sent = 0;

	while (engine_take(engine, now_ns, &out)) {
		size_t len = make_reply(in, &out, reply);

		if (len > 0)
			engine_reply(engine, 0, out.lane, reply, len, now_ns);
		sent++;
	}
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = { octets, len };
	const struct results_counts *counts;
	uint64_t before;
	unsigned sent = 0;

	if (engine == NULL)
		begin();
	counts = &results.at[0].counts;
	before = counts->sent;
	now_ns = used++ * SECOND_NS;
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		sent += ask(&in);
		now_ns += STEP_NS;
		engine_expire(engine, now_ns);
	}
	/* Twice: truncated ones go out again. */
	CHECK(sent <= 2 * CHAIN_QUESTIONS_MAX);
	CHECK(counts->sent - before <= CHAIN_QUESTIONS_MAX);
	CHECK(counts->sent == counts->answered + counts->lost);
	if (used == INPUTS_MAX)
		end();
	return 0;
}
