/* The engine of mxbound-bench, with servers and a clock that are made up: so
 * what its figures should be is known to the nanosecond. */
#include "bench_world.h"

#include <math.h>

#include <jansson.h>

#include "../../src/tools/mxbound-bench/bench.h"

#define MANY 20000u

/* ---- figures ---- */

/* Delays of a server as they are in the world: most within a millisecond, a
 * few of hundreds. In an order that looks random. */
static int64_t *make_delays(unsigned count, double scale)
{
	int64_t *delays = malloc(count * sizeof *delays);

	assert_non_null(delays);
	for (unsigned i = 0; i < count; i++) {
		double share = ((double)((uint64_t)i * 7919 % count) + 0.5) /
			       count;

		delays[i] = (int64_t)(scale * 0.1 * MS /
				      pow(1 - share, 0.8));
	}
	return delays;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void after_its_delay(struct world *w, const struct engine_out *out)
{
	const int64_t **delays = w->arg;
	static uint64_t nth[2];

	if (w->sent == 0)
		memset(nth, 0, sizeof nth);
	world_answer(w, out, 60, delays[out->server][nth[out->server]++]);
}

static void assert_near(double got, double want)
{
	if (fabs(got - want) > 0.02 * want)
		fail_msg("%g is not within 2 %% of %g", got, want);
}

static const double shares[] = { 0.5, 0.9, 0.99, 0.999 };

static void check_json(const struct bench_run *run,
		       int64_t *const sorted[2])
{
	FILE *f = tmpfile();
	json_t *all, *servers;

	assert_non_null(f);
	assert_true(json_report(run, f));
	rewind(f);
	all = json_loadf(f, 0, NULL);
	assert_non_null(all);
	servers = json_object_get(all, "servers");
	for (unsigned s = 0; s < 2; s++) {
		json_t *o = json_object_get(json_array_get(servers, s), "all");

		assert_int_equal(json_integer_value(json_object_get(o, "count")),
				 MANY);
		for (unsigned i = 0; i < 4; i++) {
			char name[16];

			snprintf(name, sizeof name, "%s_ms",
				 bench_share_texts[i]);
			assert_near(json_real_value(json_object_get(o, name)),
				    (double)sorted[s][(unsigned)(shares[i] *
								 MANY) - 1] / MS);
		}
	}
	json_decref(all);
	fclose(f);
}

/* From the schedule through answers, histograms and JSON: percentiles are
 * those of the delays, within 2 %, and the ratio of two servers is theirs. */
static void known_delays(void **state)
{
	int64_t *delays[2] = { make_delays(MANY, 1), make_delays(MANY, 1.5) };
	struct queries q = questions("a.example A\nb.example A\nc.example A\n");
	struct engine_options o = { .servers = 2, .rate = 2000, .units = MANY,
				    .queries = &q };
	static struct bench_options options = { .target_count = 2 };
	struct workload workload = { .count = 3, .what = "x" };
	struct comparison is;
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = after_its_delay;
	w.arg = delays;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.sent, 2 * MANY);
	for (unsigned s = 0; s < 2; s++) {
		qsort(delays[s], MANY, sizeof *delays[s], by_size);
		assert_int_equal(w.results.at[s].counts.answered, MANY);
		assert_int_equal(w.results.at[s].counts.sent_late, 0);
		for (unsigned i = 0; i < 4; i++)
			assert_near(ms_at(&w.results.at[s].all, shares[i]),
				    (double)delays[s][(unsigned)(shares[i] *
								 MANY) - 1] / MS);
	}
	for (unsigned p = 0; p < BENCH_COMPARED; p++) {
		assert_true(compare_servers(&w.results, 1, 0, SEEN_WARM,
					    bench_compared[p], &is));
		assert_near(is.ratio, 1.5);
		assert_true(is.low <= is.ratio && is.ratio <= is.high);
		assert_true(is.low > 1.2 && is.high < 1.9);
	}
	check_json(&(struct bench_run){ .options = &options,
					.workload = &workload, .rate = 2000,
					.units = MANY, .elapsed_s = 10,
					.results = w.results },
		   (int64_t *const *)delays);
	world_end(&w);
	queries_clear(&q);
	free(delays[0]);
	free(delays[1]);
}

/* From the third second to the fourth the server says nothing, then all. */
static void stalls(struct world *w, const struct engine_out *out)
{
	int64_t since = w->now_ns - START_NS;
	int64_t wait = since >= 3 * SECOND_NS && since < 4 * SECOND_NS
			       ? 4 * SECOND_NS - since : 0;

	world_answer(w, out, 60, wait + MS);
}

/* A tenth of all questions fall into the stall and wait for its end, 500 ms
 * on average: whoever waits with sending would have met it once. */
static void no_coordinated_omission(void **state)
{
	struct queries q = questions("a.example A\n");
	struct engine_options o = { .servers = 1, .rate = 1000, .units = 10000,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = stalls;
	world_run(&w, INT64_MAX);
	assert_near(ms_at(&w.results.at[0].all, 0.5), 1);
	assert_near(ms_at(&w.results.at[0].all, 0.95), 501);
	assert_near(ms_at(&w.results.at[0].all, 0.99), 901);
	world_end(&w);
	queries_clear(&q);
}

static void at_once(struct world *w, const struct engine_out *out)
{
	world_answer(w, out, 60, MS);
}

/* A generator that comes 5 ms too late has that in its figures, and says so. */
static void late_generator(void **state)
{
	struct queries q = questions("a.example A\n");
	struct engine_options o = { .servers = 1, .rate = 100, .units = 100,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = at_once;
	w.late_ns = 5 * MS;
	world_run(&w, INT64_MAX);
	assert_near(ms_at(&w.results.at[0].all, 0.5), 6);
	assert_near(ms_at(&w.results.at[0].from_sending, 0.5), 1);
	assert_near(ms_at(&w.results.at[0].lag, 0.5), 5);
	assert_int_equal(w.results.at[0].counts.sent_late, 100);
	world_end(&w);
	queries_clear(&q);
}

/* ---- who is asked what, when ---- */

struct note {
	unsigned server;
	int64_t at_ns;
	uint8_t first; /* octet of the name */
};

static void take_note(struct world *w, const struct engine_out *out)
{
	struct note *notes = w->arg;

	notes[w->sent] = (struct note){ out->server, w->now_ns - START_NS,
					out->octets[MX_HEADER_LEN + 1] };
	world_answer(w, out, 60, MS);
}

static void servers_take_turns(void **state)
{
	struct queries q = questions("a.x A\nb.x A\nc.x A\n");
	struct engine_options o = { .servers = 3, .rate = 10, .units = 30,
				    .queries = &q };
	struct note notes[90];
	unsigned first[3] = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = take_note;
	w.arg = notes;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.sent, 90);
	for (unsigned i = 0; i < 90; i++) {
		assert_int_equal(notes[i].at_ns, i * SECOND_NS / 30);
		assert_int_equal(notes[i].first, 'a' + i / 3 % 3);
		first[notes[i].server] += i % 3 == 0;
	}
	for (unsigned s = 0; s < 3; s++) {
		assert_int_equal(w.results.at[s].counts.sent, 30);
		assert_int_equal(first[s], 10);
	}
	world_end(&w);
	queries_clear(&q);
}

/* A cache that keeps its one answer for 2.5 seconds, and counts down in whole
 * ones. */
static void counts_down(struct world *w, const struct engine_out *out)
{
	int64_t *expires = w->arg;

	if (w->now_ns >= *expires)
		*expires = w->now_ns + 5 * SECOND_NS / 2;
	world_answer(w, out, (uint32_t)((*expires - w->now_ns) / SECOND_NS), MS);
}

static void cold_warm_expired(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 1, .units = 12,
				    .queries = &q };
	int64_t expires = 0;
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = counts_down;
	w.arg = &expires;
	world_run(&w, INT64_MAX);
	/* At 0 s cold; at 3, 6 and 9 s expired; between them warm. */
	assert_int_equal(w.results.at[0].by_class[SEEN_COLD].count, 1);
	assert_int_equal(w.results.at[0].by_class[SEEN_EXPIRED].count, 3);
	assert_int_equal(w.results.at[0].by_class[SEEN_WARM].count, 8);
	world_end(&w);
	queries_clear(&q);
}

/* ---- what goes wrong ---- */

static void says_nothing(struct world *w, const struct engine_out *out)
{
	(void)w;
	(void)out;
}

static void lost_counts_as_the_timeout(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 10, .units = 20,
				    .timeout_ns = 2 * SECOND_NS, .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = says_nothing;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.results.at[0].counts.lost, 20);
	assert_int_equal(w.results.at[0].counts.answered, 0);
	assert_int_equal(w.results.at[0].by_end[RESULTS_LOST].count, 20);
	assert_near(ms_at(&w.results.at[0].all, 0.5), 2000);
	world_end(&w);
	queries_clear(&q);
}

static void too_late(struct world *w, const struct engine_out *out)
{
	world_answer(w, out, 60, 3 * SECOND_NS);
}

static void late_answers(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 1, .units = 10,
				    .timeout_ns = 2 * SECOND_NS, .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = too_late;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.results.at[0].counts.lost, 10);
	/* The last one comes when all is over. */
	assert_in_range(w.results.at[0].counts.late, 8, 10);
	assert_int_equal(w.results.at[0].counts.strange, 0);
	world_end(&w);
	queries_clear(&q);
}

/* All that is no answer, then the answer. */
static void garbage_first(struct world *w, const struct engine_out *out)
{
	uint8_t octets[WORLD_PACKET_MAX];
	struct engine_out elsewhere = *out;
	size_t len = answer_head(out, octets, 0, 1);

	len = answer_rr(octets, len, 60, "\300\0\2\1", 4);
	octets[1] ^= 1; /* another ID */
	world_put(w, out, octets, len, MS);
	octets[1] ^= 1;
	octets[MX_HEADER_LEN + 1] ^= 0x20; /* another case is another question */
	world_put(w, out, octets, len, MS);
	octets[MX_HEADER_LEN + 1] ^= 0x20;
	octets[2] &= 0x7f; /* a query */
	world_put(w, out, octets, len, MS);
	octets[2] |= 0x80;
	world_put(w, out, octets, 11, MS); /* half a header */
	elsewhere.lane = (out->lane + 1) % 4; /* to another port */
	world_put(w, &elsewhere, octets, len, MS);
	world_put(w, out, octets, len, 2 * MS);
	world_put(w, out, octets, len, 3 * MS); /* and once more */
}

static void garbage_is_no_answer(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 100, .units = 50,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = garbage_first;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.results.at[0].counts.answered, 50);
	/* The second copy of the last answer comes when all is over. */
	assert_int_equal(w.results.at[0].counts.strange, 50 * 6 - 1);
	assert_near(ms_at(&w.results.at[0].all, 1), 2);
	world_end(&w);
	queries_clear(&q);
}

static void cut_off(struct world *w, const struct engine_out *out)
{
	uint8_t octets[WORLD_PACKET_MAX];
	size_t len = answer_head(out, octets, 0, 1);

	world_put(w, out, octets, len, MS);
}

/* It answers the question, so it is an answer; what it says cannot be read. */
static void malformed_answers(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 100, .units = 10,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = cut_off;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.results.at[0].counts.answered, 10);
	assert_int_equal(w.results.at[0].counts.malformed, 10);
	assert_int_equal(w.results.at[0].by_class[SEEN_AGAIN].count, 9);
	world_end(&w);
	queries_clear(&q);
}

static void truncates(struct world *w, const struct engine_out *out)
{
	uint8_t octets[WORLD_PACKET_MAX];
	size_t len = answer_head(out, octets, 0, 0);

	if (out->tcp) {
		assert_int_equal(out->lane, 4);
		world_answer(w, out, 60, 20 * MS);
		return;
	}
	octets[2] |= 2;
	world_put(w, out, octets, len, 10 * MS);
}

static void truncated_over_tcp(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 100, .units = 10,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = truncates;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.sent, 20);
	assert_int_equal(w.results.at[0].counts.sent, 10);
	assert_int_equal(w.results.at[0].counts.truncated, 10);
	assert_int_equal(w.results.at[0].counts.answered, 10);
	assert_near(ms_at(&w.results.at[0].all, 0.5), 30);
	world_end(&w);
	queries_clear(&q);
}

/* A connection that ends: once more on the next, and then it is lost. */
static void closed_connections(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .tcp = { true }, .rate = 100,
				    .units = 4, .sockets = 1, .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = says_nothing;
	world_run(&w, START_NS + SECOND_NS);
	assert_int_equal(w.sent, 4);
	engine_lane_closed(w.engine, 0, 0, w.now_ns);
	send_all(&w);
	assert_int_equal(w.sent, 8);
	assert_int_equal(w.results.at[0].counts.sent, 4);
	assert_int_equal(w.results.at[0].counts.lost, 0);
	engine_lane_closed(w.engine, 0, 0, w.now_ns);
	assert_int_equal(w.results.at[0].counts.lost, 4);
	assert_int_equal(w.results.at[0].counts.broken, 2);
	assert_true(engine_done(w.engine));
	world_end(&w);
	queries_clear(&q);
}

static void stopped_in_the_middle(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 2, .rate = 10, .units = 1000,
				    .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = says_nothing;
	world_run(&w, START_NS + SECOND_NS);
	engine_stop(w.engine);
	assert_true(engine_done(w.engine));
	for (unsigned s = 0; s < 2; s++) {
		assert_int_equal(w.results.at[s].counts.lost, 0);
		assert_int_equal(w.results.at[s].counts.left,
				 w.results.at[s].counts.sent);
	}
	assert_int_equal(w.sent, w.results.at[0].counts.left +
					 w.results.at[1].counts.left);
	world_end(&w);
	queries_clear(&q);
}

/* More than may be open: not asked, and counted as the generator's fault. */
static void too_many_open(void **state)
{
	struct queries q = questions("a.x A\n");
	struct engine_options o = { .servers = 1, .rate = 100000,
				    .units = ENGINE_OPEN_MAX + 1000,
				    .sockets = 16, .queries = &q };
	struct world w;

	(void)state;
	world_begin(&w, &o);
	w.server = says_nothing;
	world_run(&w, INT64_MAX);
	assert_int_equal(w.results.at[0].counts.lost, ENGINE_OPEN_MAX);
	assert_int_equal(engine_generator(w.engine)->not_asked, 1000);
	world_end(&w);
	queries_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_delays),
		cmocka_unit_test(no_coordinated_omission),
		cmocka_unit_test(late_generator),
		cmocka_unit_test(servers_take_turns),
		cmocka_unit_test(cold_warm_expired),
		cmocka_unit_test(lost_counts_as_the_timeout),
		cmocka_unit_test(late_answers),
		cmocka_unit_test(garbage_is_no_answer),
		cmocka_unit_test(malformed_answers),
		cmocka_unit_test(truncated_over_tcp),
		cmocka_unit_test(closed_connections),
		cmocka_unit_test(stopped_in_the_middle),
		cmocka_unit_test(too_many_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
