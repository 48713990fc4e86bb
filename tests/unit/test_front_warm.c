/* keep-warm where scenarios end: more questions than are kept, and long runs
 * of random answers. tests/scenario/keep_warm*.txt tell what it does. */
#include <stdio.h>

#include "front_world.h"
#include "front_zone.h"

/* ---- a resolver that answers ---- */

struct asked {
	uint32_t id;
	struct mx_name qname;
	uint16_t qtype;
};

static bool next_question(struct world *w, struct asked *ret)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	world_turn(w);
	if (!world_question(w, 0, &q, buf))
		return false;
	ret->id = q.id;
	ret->qname.len = q.key.qname_len;
	memcpy(ret->qname.octets, q.key.qname, q.key.qname_len);
	ret->qtype = q.key.qtype;
	return true;
}

/* rdata: RDATA in presentation format, one RR each; none: NODATA for ttl_s. */
static void answer(struct world *w, const struct asked *asked,
		   enum mx_validation state, uint32_t ttl_s,
		   char rdata[][80], unsigned count)
{
	char name[MX_NAME_TEXT_MAX], type[16], rr[MX_NAME_TEXT_MAX + 120];
	uint8_t packet[4096];
	struct mx_channel_answer a = { .id = asked->id, .why = "",
				       .state = state, .packet = packet };
	struct mx_out out;

	mx_name_to_text(asked->qname.octets, name);
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u16(&out, 1);
	mx_out_u16(&out, (uint16_t)count);
	mx_out_u16(&out, count == 0);
	mx_out_u16(&out, 0);
	zone_put_name(&out, name);
	mx_out_u16(&out, asked->qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	for (unsigned i = 0; i < count; i++) {
		snprintf(rr, sizeof rr, "%s %u %s %s", name, ttl_s,
			 mx_type_text(asked->qtype, type), rdata[i]);
		assert_true(zone_put_rr(&out, rr));
	}
	if (count == 0) {
		snprintf(rr, sizeof rr, ". %u SOA ns. root. 1 2 3 4 %u", ttl_s,
			 ttl_s);
		assert_true(zone_put_rr(&out, rr));
	}
	assert_false(out.full);
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

static void fail_it(struct world *w, const struct asked *asked)
{
	struct mx_channel_answer a = { .id = asked->id, .why = "",
				       .packet = (const uint8_t *)"",
				       .status = MX_CHANNEL_FAILED };

	world_answer(w, 0, &a);
}

/* More than the options of a test can say. */
static void begin(struct world *w, unsigned domain_count)
{
	struct mx_texts *domains;
	char name[32];

	world_begin(w, NULL, 0);
	domains = &w->config.keep_warm;
	domains->at = calloc(domain_count, sizeof(char *));
	assert_non_null(domains->at);
	for (; domains->count < domain_count; domains->count++) {
		snprintf(name, sizeof name, "d%zu.example", domains->count);
		domains->at[domains->count] = strdup(name);
	}
	world_resolver_comes(w, 0);
}

/* ---- tests ---- */

/* A thousand domains with eight exchanges each, none shared: not all of them
 * are kept, and those that are go on being kept. */
static void bounded_in_all(void **state)
{
	struct world w;
	struct asked asked;
	char mx[8][80], a[1][80] = { "192.0.2.1" };
	unsigned count = 0;

	(void)state;
	begin(&w, 1000);
	while (next_question(&w, &asked)) {
		count++;
		for (unsigned i = 0; i < 8 && asked.qtype == MX_TYPE_MX; i++)
			snprintf(mx[i], sizeof mx[i], "10 x%u-%u.example.",
				 count, i);
		if (asked.qtype == MX_TYPE_MX)
			answer(&w, &asked, MX_INSECURE, 3600, mx, 8);
		else
			answer(&w, &asked, MX_INSECURE, 3600, a,
			       asked.qtype == MX_TYPE_A);
	}
	assert_int_equal(count, WARM_QUESTIONS_MAX);
	assert_int_equal(world_count(&w, "warmed"), count);
	world_end(&w);
}

/* Domains, each with the time it was last asked for. */
#define DOMAINS 40
#define IN_FLIGHT_MAX 8192

struct run {
	struct world w;
	unsigned seed;
	struct asked asked[IN_FLIGHT_MAX];
	unsigned count;
	mx_instant last[DOMAINS];
};

static unsigned draw(struct run *run, unsigned below)
{
	run->seed = run->seed * 1664525u + 1013904223u;
	return (run->seed >> 8) % below;
}

static void take_questions(struct run *run)
{
	struct asked asked;

	while (next_question(&run->w, &asked)) {
		unsigned domain;
		char name[MX_NAME_TEXT_MAX];

		for (unsigned i = 0; i < run->count; i++)
			assert_false(run->asked[i].qtype == asked.qtype &&
				     mx_name_equal(&run->asked[i].qname,
						   &asked.qname));
		assert_true(run->count < IN_FLIGHT_MAX);
		run->asked[run->count++] = asked;
		if (asked.qtype != MX_TYPE_MX)
			continue;
		mx_name_to_text(asked.qname.octets, name);
		assert_int_equal(sscanf(name, "d%u.example.", &domain), 1);
		assert_true(domain < DOMAINS);
		assert_true(mx_clock_now() - run->last[domain] >=
			    WARM_LEAST_MS);
		run->last[domain] = mx_clock_now();
	}
}

static unsigned draw_rdata(struct run *run, uint16_t qtype, char rdata[8][80])
{
	unsigned count = draw(run, 9);

	if (qtype != MX_TYPE_MX)
		count = count > 1;
	for (unsigned i = 0; i < count; i++)
		switch (qtype) {
		case MX_TYPE_MX:
			snprintf(rdata[i], 80, "%u x%u.example.",
				 draw(run, 3), 8 * draw(run, 10) + i);
			break;
		case MX_TYPE_A:
			strcpy(rdata[i], "192.0.2.1");
			break;
		case MX_TYPE_AAAA:
			strcpy(rdata[i], "2001:db8::1");
			break;
		case MX_TYPE_TLSA:
			strcpy(rdata[i], "3 1 1 aabb");
			break;
		default:
			fail_msg("type %u is asked", qtype);
		}
	return count;
}

static void answer_one(struct run *run)
{
	static const enum mx_validation states[] = {
		MX_SECURE, MX_SECURE, MX_SECURE, MX_INSECURE, MX_BOGUS,
	};
	static const uint32_t ttls_s[] = { 0, 1, 5, 60, 600 };
	struct asked asked;
	char rdata[8][80];
	unsigned i;

	if (run->count == 0)
		return;
	i = draw(run, run->count);
	asked = run->asked[i];
	run->asked[i] = run->asked[--run->count];
	if (draw(run, 10) == 0) {
		fail_it(&run->w, &asked);
		return;
	}
	unsigned count = draw_rdata(run, asked.qtype, rdata);
	answer(&run->w, &asked, states[draw(run, 5)], ttls_s[draw(run, 5)],
	       rdata, count);
}

/* Those that nobody has waited for longer than this are given up. */
static void pass(struct run *run, mx_instant ms)
{
	world_pass(&run->w, ms);
	if (ms >= (mx_instant)run->w.config.question_lifetime * 1000)
		run->count = 0;
}

static void step(struct run *run)
{
	switch (draw(run, 40)) {
	case 0:
		world_resolver_dies(&run->w, 0);
		world_resolver_comes(&run->w, 0);
		/* Asked again, however soon; those that it was the third for
		 * are not. */
		run->count = 0;
		memset(run->last, 0, sizeof run->last);
		take_questions(run);
		memset(run->last, 0, sizeof run->last);
		break;
	case 1:
		take_questions(run);
		pass(run, 61000);
		break;
	case 2: case 3: case 4: case 5:
		take_questions(run);
		pass(run, 300 * draw(run, 20));
		break;
	default:
		answer_one(run);
	}
	take_questions(run);
}

/* Whatever is answered in whatever order: no question is in flight twice, nor
 * asked too often, and each domain is asked for again. */
static void random_answers(void **state)
{
	static struct run run;
	const char *seed = getenv("MX_SEED");

	(void)state;
	memset(&run, 0, sizeof run);
	run.seed = seed ? (unsigned)atoi(seed) : (unsigned)time(NULL);
	print_message("MX_SEED=%u\n", run.seed);
	begin(&run.w, DOMAINS);
	for (unsigned i = 0; i < 4000; i++)
		step(&run);
	memset(run.last, 0, sizeof run.last);
	/* The longest that any of them may rest, and wait for its turn. */
	for (unsigned i = 0; i < 30; i++) {
		take_questions(&run);
		pass(&run, 61000);
	}
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_true(run.last[i] > 0);
	world_end(&run.w);
}

/* Nothing is kept: nothing is made, whatever comes and goes. */
static void nothing_to_keep(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	assert_null(w.worker->warm);
	warm_free(NULL);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounded_in_all),
		cmocka_unit_test(random_answers),
		cmocka_unit_test(nothing_to_keep),
	};

	return cmocka_run_group_tests_name("front_warm", tests, NULL, NULL);
}
