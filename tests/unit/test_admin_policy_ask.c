/* A route and the MTA-STS policy of its domain, side by side: who waits for
 * whom, and what is left when one is not needed, or is given up. */
#include "front_world.h"
#include "front_zone.h"

#include "../../src/admin/policy_ask.h"
#include "mx_policy.h"

#define PATIENCE_MS 20000
#define STS_PATIENCE_MS 75000

/* ---- whoever knows the policies ---- */

struct sts_ask {
	bool live;
	char domain[MX_NAME_TEXT_MAX];
	mx_instant patience;
	sts_done *done;
	void *arg;
};

static struct sts_ask asked[8];
static unsigned asked_count, cancelled;

static struct sts_ask *fake_ask(void *arg, const struct mx_name *domain,
				mx_instant patience, sts_done *done,
				void *done_arg)
{
	struct sts_ask *ask = &asked[asked_count++];

	assert_ptr_equal(arg, asked);
	mx_name_to_text(domain->octets, ask->domain);
	ask->patience = patience;
	ask->done = done;
	ask->arg = done_arg;
	ask->live = true;
	return ask;
}

static void fake_cancel(struct sts_ask *ask)
{
	assert_true(ask->live);
	ask->live = false;
	cancelled++;
}

static const struct sts_source source = { asked, fake_ask, fake_cancel };

static void sts_comes(unsigned i, const char *policy_text)
{
	static struct mx_route_policy policy;
	char detail[] = "why";
	struct mx_sts_answer answer = { .record = MX_ROUTE_STS_ONE,
					.failure_detail = detail };

	if (policy_text) {
		assert_true(mx_route_policy_read(policy_text,
						 strlen(policy_text), &policy));
		answer.policy = &policy;
		answer.source = MX_STS_FROM_FETCHED;
	}
	assert_true(asked[i].live);
	asked[i].live = false;
	asked[i].done(asked[i].arg, &answer);
	/* All of it was borrowed. */
	memset(&policy, 0xff, sizeof policy);
	memset(detail, 0xff, sizeof detail - 1);
}

#define ENFORCE "version: STSv1\nmode: enforce\nmx: mx.a.example\nmax_age: 9999"

/* ---- who asks ---- */

struct call {
	struct policy_ask *ask;
	unsigned heard;
	enum mx_error err;
	bool has_sts, has_policy;
	enum mx_policy_verdict verdict;
	enum mx_route_match match;
	enum mx_route_sts_record record;
};

static void on_done(void *arg, enum mx_error err,
		    const struct mx_route_result *result,
		    const struct mx_sts_answer *sts)
{
	struct call *call = arg;

	call->heard++;
	call->ask = NULL;
	call->err = err;
	call->has_sts = sts != NULL;
	call->has_policy = sts && sts->policy;
	assert_int_equal(err == MX_OK, result != NULL);
	if (sts)
		assert_string_equal(sts->failure_detail, "why");
	if (!result)
		return;
	assert_int_equal(result->has_policy, call->has_policy);
	call->verdict = mx_policy_decide(result,
					 sts ? sts->policy : NULL).verdict;
	call->record = result->sts_record;
	if (result->host_count > 0)
		call->match = result->hosts[0].sts_match;
}

static struct route_asks *begin(struct world *w)
{
	struct route_asks *asks;

	memset(asked, 0, sizeof asked);
	asked_count = cancelled = 0;
	world_begin(w, NULL, 0);
	world_resolver_comes(w, 0);
	asks = route_asks_new(w->worker->base, w->worker->lookups, &w->config);
	assert_non_null(asks);
	return asks;
}

static void end(struct world *w, struct route_asks *asks)
{
	for (unsigned i = 0; i < asked_count; i++)
		assert_false(asked[i].live);
	route_asks_free(asks);
	world_end(w);
}

static void start(struct route_asks *asks, const struct sts_source *from,
		  struct call *call, const char *destination, bool all)
{
	const struct policy_ask_options options = {
		.all = all, .patience = PATIENCE_MS,
		.sts_patience = STS_PATIENCE_MS,
	};
	struct mx_route_destination to;

	memset(call, 0, sizeof *call);
	assert_true(mx_route_destination_read(destination, &to));
	call->ask = policy_ask_start(asks, from, &to, &options, on_done, call);
	assert_non_null(call->ask);
	assert_int_equal(call->heard, 0);
}

/* ---- DNS: MX 10 mx.NAME, of null.example 0 . ---- */

static void answer(struct world *w, const struct mx_channel_question *q)
{
	uint8_t packet[1024];
	char name[MX_NAME_TEXT_MAX], rr[2 * MX_NAME_TEXT_MAX + 40];
	struct mx_channel_answer a = { .id = q->id, .state = MX_INSECURE,
				       .why = "", .packet = packet };
	struct mx_out out;

	mx_name_to_text(q->key.qname, name);
	if (q->key.qtype == MX_TYPE_TXT)
		snprintf(rr, sizeof rr, "%s 300 TXT \"v=STSv1;id=1;\"", name);
	else if (q->key.qtype == MX_TYPE_A)
		snprintf(rr, sizeof rr, "%s 300 A 192.0.2.1", name);
	else if (q->key.qtype == MX_TYPE_AAAA)
		snprintf(rr, sizeof rr, "%s 300 AAAA 2001:db8::1", name);
	else if (strcmp(name, "null.example.") == 0)
		snprintf(rr, sizeof rr, "%s 300 MX 0 .", name);
	else
		snprintf(rr, sizeof rr, "%s 300 MX 10 mx.%s", name, name);
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u32(&out, 0x00010001);
	mx_out_u32(&out, 0);
	zone_put_name(&out, name);
	mx_out_u16(&out, q->key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	assert_true(zone_put_rr(&out, rr));
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, 0, &a);
}

/* Answer all that is asked; how much it was. */
static unsigned answer_all(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	unsigned count = 0, before;

	do {
		before = count;
		world_turn(w);
		while (world_question(w, 0, &q, buf)) {
			answer(w, &q);
			count++;
		}
	} while (count > before);
	return count;
}

/* ---- tests ---- */

/* The route is there long before; it is worked out again, from the cache. */
static void the_policy_comes_last(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w);
	struct call call;

	(void)state;
	start(asks, &source, &call, "A.Example:587", false);
	assert_int_equal(asked_count, 1);
	assert_string_equal(asked[0].domain, "a.example.");
	assert_int_equal(asked[0].patience, STS_PATIENCE_MS);
	assert_int_equal(answer_all(&w), 3);
	assert_int_equal(call.heard, 0);
	/* A minute later, and no route is held meanwhile. */
	world_pass(&w, 60000);
	assert_int_equal(call.heard, 0);
	sts_comes(0, ENFORCE);
	assert_int_equal(call.heard, 0);
	assert_int_equal(answer_all(&w), 0);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.err, MX_OK);
	assert_int_equal(call.verdict, MX_POLICY_SECURE);
	assert_int_equal(call.match, MX_ROUTE_MATCH_YES);
	assert_int_equal(asked_count, 1);
	end(&w, asks);
}

static void the_route_comes_last(void **state)
{
	static const char *const policies[] = { ENFORCE, NULL };
	static const enum mx_policy_verdict want[] = { MX_POLICY_SECURE,
						       MX_POLICY_NONE };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world w;
		struct route_asks *asks = begin(&w);
		struct call call;

		start(asks, &source, &call, "b.example", false);
		world_turn(&w);
		sts_comes(0, policies[i]);
		assert_int_equal(call.heard, 0);
		assert_int_equal(answer_all(&w), 3);
		assert_int_equal(call.heard, 1);
		assert_true(call.has_sts);
		assert_int_equal(call.verdict, want[i]);
		assert_int_equal(call.match, i == 0 ? MX_ROUTE_MATCH_NO :
						      MX_ROUTE_MATCH_UNKNOWN);
		end(&w, asks);
	}
}

/* No mail goes there: which policy there would be is not waited for. */
static void a_policy_that_changes_nothing(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w);
	struct call call;

	(void)state;
	start(asks, &source, &call, "null.example", false);
	assert_int_equal(answer_all(&w), 1);
	assert_int_equal(call.heard, 1);
	assert_false(call.has_sts);
	assert_int_equal(cancelled, 1);
	/* But by who wants to see it all; and the record is asked too. */
	start(asks, &source, &call, "null.example", true);
	assert_int_equal(answer_all(&w), 1);
	assert_int_equal(call.heard, 0);
	sts_comes(1, ENFORCE);
	assert_int_equal(answer_all(&w), 0);
	assert_int_equal(call.heard, 1);
	assert_true(call.has_policy);
	assert_int_equal(call.record, MX_ROUTE_STS_ONE);
	assert_int_equal(call.verdict, MX_POLICY_NONE);
	end(&w, asks);
}

static void what_has_no_policy(void **state)
{
	static const char *const destinations[] = { "[mx.example]",
						    "[192.0.2.1]" };
	struct world w;
	struct route_asks *asks = begin(&w);
	struct call call;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(asks, &source, &call, destinations[i], true);
		answer_all(&w);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.err, MX_OK);
		assert_false(call.has_sts);
	}
	/* And mta-sts may be off. */
	start(asks, NULL, &call, "a.example", true);
	answer_all(&w);
	assert_int_equal(call.heard, 1);
	assert_false(call.has_sts);
	assert_int_equal(asked_count, 0);
	end(&w, asks);
}

static void silence_is_temporary(void **state)
{
	struct world w;
	struct route_asks *asks = begin(&w);
	struct call call;

	(void)state;
	start(asks, &source, &call, "a.example", false);
	world_turn(&w);
	world_pass(&w, PATIENCE_MS);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.verdict, MX_POLICY_TEMP);
	assert_int_equal(cancelled, 1);
	end(&w, asks);
}

/* Before anything, while the policy is waited for, and in the second route. */
static void cancelled_anywhere(void **state)
{
	(void)state;
	for (int step = 0; step < 4; step++) {
		struct world w;
		struct route_asks *asks = begin(&w);
		struct call call;

		start(asks, &source, &call, "a.example", false);
		if (step == 1)
			world_turn(&w);
		if (step >= 2)
			answer_all(&w);
		if (step == 3)
			sts_comes(0, ENFORCE);
		policy_ask_cancel(call.ask);
		assert_int_equal(cancelled, step < 3);
		world_pass(&w, STS_PATIENCE_MS + PATIENCE_MS);
		assert_int_equal(call.heard, 0);
		end(&w, asks);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policy_comes_last),
		cmocka_unit_test(the_route_comes_last),
		cmocka_unit_test(a_policy_that_changes_nothing),
		cmocka_unit_test(what_has_no_policy),
		cmocka_unit_test(silence_is_temporary),
		cmocka_unit_test(cancelled_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
