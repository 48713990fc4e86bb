/* Routes, worked out by asking: when callbacks run, what is bounded, what a
 * deadline and a cancelled route leave behind. That routes are right is the
 * engine's matter (test_mail_route.c), and the lab's. */
#include "front_world.h"
#include "front_zone.h"

#include "../../src/admin/route_ask.h"

struct call {
	struct world *w;
	struct route_asks *asks;
	struct route_ask *ask;
	unsigned heard;
	enum mx_error err;
	enum mx_route_outcome outcome;
	enum mx_route_reason reason;
	unsigned hosts;
	struct call *cancels, *starts; /* what the callback does */
};

#define PATIENCE_MS 20000

static void start(struct call *call, const char *destination);

static void on_done(void *arg, enum mx_error err,
		    const struct mx_route_result *result)
{
	struct call *call = arg;

	call->heard++;
	call->ask = NULL;
	call->err = err;
	assert_int_equal(err == MX_OK, result != NULL);
	if (result) {
		call->outcome = result->outcome;
		call->reason = result->reason;
		call->hosts = result->host_count;
	}
	if (call->cancels) {
		route_ask_cancel(call->cancels->ask);
		call->cancels->ask = NULL;
	}
	if (call->starts)
		start(call->starts, "[192.0.2.2]");
}

static void start(struct call *call, const char *destination)
{
	const struct route_ask_options options = { .patience = PATIENCE_MS };
	struct mx_route_destination to;

	assert_true(mx_route_destination_read(destination, &to));
	call->ask = route_ask_start(call->asks, &to, &options, on_done, call);
	assert_non_null(call->ask);
	assert_int_equal(call->heard, 0);
}

static struct route_asks *begin(struct world *w, char *set)
{
	world_begin(w, &set, set ? 1 : 0);
	world_resolver_comes(w, 0);
	struct route_asks *asks = route_asks_new(w->worker->base,
						 w->worker->lookups, &w->config);
	assert_non_null(asks);
	return asks;
}

static void end(struct world *w, struct route_asks *asks)
{
	route_asks_free(asks);
	world_end(w);
}

/* ---- what the resolver says: MX 10 mx.NAME, which has both addresses ---- */

static void answer(struct world *w, const struct mx_channel_question *q)
{
	uint8_t packet[1024];
	char name[MX_NAME_TEXT_MAX], rr[2 * MX_NAME_TEXT_MAX + 40];
	struct mx_channel_answer a = { .id = q->id, .state = MX_INSECURE,
				       .why = "", .packet = packet };
	struct mx_out out;

	mx_name_to_text(q->key.qname, name);
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u32(&out, 0x00010001);
	mx_out_u32(&out, 0);
	zone_put_name(&out, name);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	switch (q->key.qtype) {
	case MX_TYPE_MX:
		snprintf(rr, sizeof rr, "%s 300 MX 10 mx.%s", name, name);
		break;
	case MX_TYPE_A:
		snprintf(rr, sizeof rr, "%s 300 A 192.0.2.1", name);
		break;
	case MX_TYPE_AAAA:
		snprintf(rr, sizeof rr, "%s 300 AAAA 2001:db8::1", name);
		break;
	default:
		fail_msg("%s type %u was asked", name, q->key.qtype);
	}
	assert_true(zone_put_rr(&out, rr));
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

/* Answer all that has been asked; how much it was. */
static unsigned answer_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	unsigned count = 0;

	world_turn(w);
	while (world_question(w, 0, &q, buf)) {
		answer(w, &q);
		count++;
	}
	world_turn(w);
	return count;
}

/* And nothing but count it. */
static unsigned count_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	unsigned count = 0;

	world_turn(w);
	while (world_question(w, 0, &q, buf))
		count++;
	return count;
}

/* ---- tests ---- */

static void one_route(void **state)
{
	struct world w;
	struct call call = { .asks = begin(&w, NULL) };

	(void)state;
	start(&call, "a.example");
	assert_int_equal(answer_all(&w), 1);
	assert_int_equal(call.heard, 0);
	assert_int_equal(answer_all(&w), 2);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.err, MX_OK);
	assert_int_equal(call.outcome, MX_ROUTE_DELIVER);
	assert_int_equal(call.hosts, 1);

	/* From the cache, and still not before start() has returned. */
	struct call again = { .asks = call.asks };
	start(&again, "A.Example");
	assert_int_equal(answer_all(&w), 0);
	assert_int_equal(again.heard, 1);
	assert_int_equal(again.outcome, MX_ROUTE_DELIVER);
	end(&w, call.asks);
}

/* There is nothing to ask. */
static void an_address(void **state)
{
	struct world w;
	struct call call = { .asks = begin(&w, NULL) };

	(void)state;
	start(&call, "[192.0.2.1]");
	world_turn(&w);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.outcome, MX_ROUTE_DELIVER);
	end(&w, call.asks);
}

static void questions_are_bounded(void **state)
{
	static struct call calls[50];
	struct world w;
	struct route_asks *asks = begin(&w, (char[]){ "in-flight-max=16" });
	unsigned sum = 0, round;
	char name[32];

	(void)state;
	memset(calls, 0, sizeof calls);
	for (unsigned i = 0; i < 50; i++) {
		calls[i].asks = asks;
		snprintf(name, sizeof name, "d%u.example", i);
		start(&calls[i], name);
	}
	while ((round = answer_all(&w)) > 0) {
		assert_in_range(round, 1, 4);
		sum += round;
	}
	assert_int_equal(sum, 150);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(calls[i].heard, 1);
		assert_int_equal(calls[i].outcome, MX_ROUTE_DELIVER);
	}
	end(&w, asks);
}

#define MANY (ROUTE_ASKS_MAX + 20)

static struct call *start_many(struct route_asks *asks)
{
	static struct call calls[MANY];
	char name[32];

	memset(calls, 0, sizeof calls);
	for (unsigned i = 0; i < MANY; i++) {
		calls[i].asks = asks;
		snprintf(name, sizeof name, "d%u.example", i);
		start(&calls[i], name);
	}
	return calls;
}

static void routes_are_bounded_and_cancelled(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w, NULL);
	struct call *calls = start_many(asks);

	(void)state;
	assert_int_equal(count_all(&w), ROUTE_ASKS_MAX);
	/* One that waits and one that is asked; the next has its place. */
	route_ask_cancel(calls[MANY - 1].ask);
	assert_int_equal(count_all(&w), 0);
	route_ask_cancel(calls[0].ask);
	assert_int_equal(count_all(&w), 1);
	for (unsigned i = 1; i < MANY - 1; i++)
		route_ask_cancel(calls[i].ask);
	assert_int_equal(lookups_waiting(w.worker->lookups), 0);
	world_pass(&w, PATIENCE_MS + 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(calls[i].heard, 0);
	end(&w, asks);
}

/* Lookups end by themselves after query-deadline: that is a failure, not the
 * end of what may be asked about other hosts. */
static void silence_is_temporary(void **state)
{
	struct world w;
	struct call call = { .asks = begin(&w, NULL) };

	(void)state;
	start(&call, "a.example");
	assert_int_equal(count_all(&w), 1);
	world_pass(&w, (mx_instant)w.config.query_deadline + 1);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.err, MX_OK);
	assert_int_equal(call.outcome, MX_ROUTE_TRY_AGAIN);
	assert_int_equal(call.reason, MX_ROUTE_WHY_MX_FAILED);
	end(&w, call.asks);
}

/* Timers that fire early (a test's way to move time) do no harm; at the
 * deadline there is an answer, whatever is in flight. */
static void the_deadline(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w, (char[]){ "query-deadline=4500ms" });
	struct call *calls = start_many(asks);

	(void)state;
	world_pass(&w, 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(calls[i].heard, 0);
	/* So far that routes and lookups are late together: whichever timer
	 * comes first, all have heard, once. */
	world_pass(&w, PATIENCE_MS);
	unsigned overload = 0;
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(calls[i].heard, 1);
		overload += calls[i].err == MX_E_OVERLOAD;
		if (calls[i].err == MX_OK)
			assert_int_equal(calls[i].outcome, MX_ROUTE_TRY_AGAIN);
	}
	assert_in_range(overload, 0, MANY - ROUTE_ASKS_MAX);
	assert_int_equal(lookups_waiting(w.worker->lookups), 0);
	end(&w, asks);
}

static void callbacks_may_start_and_cancel(void **state)
{
	struct world w;
	struct call first = { .asks = begin(&w, NULL) };
	struct call other = { .asks = first.asks }, next = { .asks = first.asks };

	(void)state;
	first.cancels = &other;
	first.starts = &next;
	start(&first, "a.example");
	start(&other, "b.example");
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	world_turn(&w);
	assert_true(world_question(&w, 0, &q, buf));
	answer(&w, &q);
	world_turn(&w);
	while (world_question(&w, 0, &q, buf))
		if (q.key.qname[0] == 2) /* mx.a.example */
			answer(&w, &q);
	world_turn(&w);
	assert_int_equal(first.heard, 1);
	assert_int_equal(other.heard, 0);
	assert_int_equal(next.heard, 1);
	end(&w, first.asks);
}

static void freed_with_all_that_is_in_it(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w, NULL);
	struct call *calls = start_many(asks);

	(void)state;
	assert_int_equal(count_all(&w), ROUTE_ASKS_MAX);
	end(&w, asks);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(calls[i].heard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_route),
		cmocka_unit_test(an_address),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(routes_are_bounded_and_cancelled),
		cmocka_unit_test(silence_is_temporary),
		cmocka_unit_test(the_deadline),
		cmocka_unit_test(callbacks_may_start_and_cancel),
		cmocka_unit_test(freed_with_all_that_is_in_it),
	};

	return cmocka_run_group_tests_name("admin_route_ask", tests, NULL, NULL);
}
