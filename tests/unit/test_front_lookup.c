/* What mx_lookup.h promises to callers inside the front, whose callbacks may
 * ask, cancel and free: clients over sockets are in tests/scenario. */
#include "front_world.h"
#include "front_zone.h"

struct call {
	struct mx_lookup lookup;
	struct world *w;
	unsigned heard;
	enum mx_error err;
	enum mx_answer_kind kind;
	enum mx_validation state;
	bool from_cache, stale;
	mx_instant expires;
	uint32_t len;
	/* What the callback does, after it has heard. */
	void (*then)(struct call *);
	struct call *other;
};

static void on_done(void *arg, const struct mx_lookup_result *result)
{
	struct call *call = arg;

	call->heard++;
	call->err = result->err;
	call->kind = result->kind;
	call->state = result->state;
	call->from_cache = result->from_cache;
	call->stale = result->stale;
	call->expires = result->expires;
	call->len = result->form->len;
	assert_non_null(result->why);
	if (call->then)
		call->then(call);
}

static struct mx_key key_of(const char *name, uint16_t qtype,
			    struct mx_name *room)
{
	assert_int_equal(mx_name_from_text(name, room), MX_OK);
	return (struct mx_key){ .qname = room->octets, .qname_len = room->len,
				.qtype = qtype, .qclass = MX_CLASS_IN };
}

static enum mx_lookup_way look_up_as(struct world *w, struct call *call,
				     const char *name, uint32_t client)
{
	struct mx_name room;
	struct mx_key key = key_of(name, MX_TYPE_MX, &room);

	call->w = w;
	return mx_lookup(w->worker->lookups, &key, true, client, &call->lookup,
			 on_done, call);
}

static enum mx_lookup_way look_up(struct world *w, struct call *call,
				  const char *name)
{
	return look_up_as(w, call, name, MX_LOOKUP_INTERNAL);
}

static enum mx_lookup_way look_up_in_background(struct world *w,
						struct call *call,
						const char *name)
{
	return look_up_as(w, call, name, MX_LOOKUP_BACKGROUND);
}

static void begin(struct world *w)
{
	world_begin(w, NULL, 0);
	world_resolver_comes(w, 0);
}

/* The resolver gets this question; its ID. */
static uint32_t expect(struct world *w, const char *name)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	struct mx_name room;
	struct mx_key key = key_of(name, MX_TYPE_MX, &room);

	world_turn(w);
	assert_true(world_question(w, 0, &q, buf));
	assert_int_equal(q.key.qtype, key.qtype);
	assert_int_equal(q.key.qname_len, key.qname_len);
	assert_memory_equal(q.key.qname, key.qname, key.qname_len);
	return q.id;
}

static void expect_nothing(struct world *w)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	world_turn(w);
	assert_false(world_question(w, 0, &q, buf));
}

static void answer_as(struct world *w, unsigned resolver, uint32_t id,
		      const char *name)
{
	uint8_t packet[512];
	char rr[MX_NAME_TEXT_MAX + 40];
	struct mx_channel_answer a = { .id = id, .state = MX_SECURE,
				       .why = "", .packet = packet };
	struct mx_out out;

	mx_out_init(&out, packet, sizeof packet);
	mx_out_u32(&out, 0x8180);
	mx_out_u32(&out, 0x00010001);
	mx_out_u32(&out, 0);
	zone_put_name(&out, name);
	mx_out_u16(&out, MX_TYPE_MX);
	mx_out_u16(&out, MX_CLASS_IN);
	snprintf(rr, sizeof rr, "%s 300 MX 10 mx.example.", name);
	assert_true(zone_put_rr(&out, rr));
	a.packet_len = (uint32_t)mx_out_len(&out);
	world_answer(w, resolver, &a);
}

static void answer(struct world *w, uint32_t id, const char *name)
{
	answer_as(w, 0, id, name);
}

static void never_before_it_returns(void **state)
{
	struct world w;
	struct call first = { 0 }, second = { 0 };

	(void)state;
	begin(&w);
	look_up(&w, &first, "a.example.");
	assert_int_equal(first.heard, 0);
	answer(&w, expect(&w, "a.example."), "a.example.");
	assert_int_equal(first.heard, 0);
	world_turn(&w);
	assert_int_equal(first.heard, 1);
	assert_int_equal(first.err, MX_OK);
	assert_int_equal(first.state, MX_SECURE);
	assert_false(first.from_cache);

	/* Nor when the cache has it. */
	look_up(&w, &second, "a.example.");
	assert_int_equal(second.heard, 0);
	world_turn(&w);
	assert_int_equal(second.heard, 1);
	assert_true(second.from_cache);
	assert_int_equal(second.len, first.len);
	world_turn(&w);
	assert_int_equal(first.heard, 1);
	assert_int_equal(second.heard, 1);
	world_end(&w);
}

static void cancelled_is_never_heard(void **state)
{
	struct world w;
	struct call waits = { 0 }, cached = { 0 }, stays = { 0 };

	(void)state;
	begin(&w);
	look_up(&w, &waits, "a.example.");
	look_up(&w, &stays, "a.example.");
	mx_lookup_cancel(w.worker->lookups, &waits.lookup);
	mx_lookup_cancel(w.worker->lookups, &waits.lookup); /* may be said again */
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_turn(&w);
	assert_int_equal(stays.heard, 1);
	look_up(&w, &cached, "a.example.");
	mx_lookup_cancel(w.worker->lookups, &cached.lookup);
	mx_lookup_cancel(w.worker->lookups, &stays.lookup);
	world_turn(&w);
	assert_int_equal(waits.heard, 0);
	assert_int_equal(cached.heard, 0);
	assert_int_equal(stays.heard, 1);
	world_end(&w);
}

static void cancel_other(struct call *call)
{
	mx_lookup_cancel(call->w->worker->lookups, &call->other->lookup);
}

static void callback_cancels_another_waiter(void **state)
{
	struct world w;
	struct call a = { .then = cancel_other }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&w);
	a.other = &b;
	look_up(&w, &a, "a.example.");
	look_up(&w, &b, "a.example.");
	look_up(&w, &c, "a.example.");
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 1);
	assert_int_equal(b.heard, 0);
	assert_int_equal(c.heard, 1);

	/* The same among results that are there at once. */
	a.heard = 0;
	look_up(&w, &a, "a.example.");
	look_up(&w, &b, "a.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 1);
	assert_int_equal(b.heard, 0);

	/* And among those whose time is over. */
	a.heard = c.heard = 0;
	look_up(&w, &a, "b.example.");
	look_up(&w, &b, "b.example.");
	look_up(&w, &c, "b.example.");
	expect(&w, "b.example.");
	world_pass(&w, 4000);
	assert_int_equal(a.heard, 1);
	assert_int_equal(a.err, MX_E_DEADLINE);
	assert_int_equal(b.heard, 0);
	assert_int_equal(c.heard, 1);
	world_end(&w);
}

static void ask_same(struct call *call)
{
	if (call->heard == 1)
		look_up(call->w, call, "a.example.");
}

/* The struct is free for another lookup once its callback runs. */
static void callback_asks_the_same_again(void **state)
{
	struct world w;
	struct call a = { .then = ask_same };

	(void)state;
	begin(&w);
	look_up(&w, &a, "a.example.");
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 2);
	assert_true(a.from_cache);

	/* After a refusal, which leaves nothing in the cache. */
	struct call b = { .then = ask_same };
	mx_cache_flush(w.cache, (const uint8_t *)"\1a\7example", 11, false);
	look_up(&w, &b, "a.example.");
	struct mx_channel_answer refused = {
		.id = expect(&w, "a.example."), .status = MX_CHANNEL_REFUSED,
		.state = MX_INSECURE, .why = "", .packet = (const uint8_t *)"",
	};
	world_answer(&w, 0, &refused);
	uint32_t again = expect(&w, "a.example.");
	assert_int_not_equal(again, refused.id);
	assert_int_equal(b.heard, 1);
	assert_int_equal(b.err, MX_E_OVERLOAD);
	/* What is said of the first finds nothing. */
	world_answer(&w, 0, &refused);
	world_turn(&w);
	assert_int_equal(b.heard, 1);
	answer(&w, again, "a.example.");
	world_turn(&w);
	assert_int_equal(b.heard, 2);
	assert_int_equal(b.err, MX_OK);
	world_end(&w);
}

static void ask_other(struct call *call)
{
	look_up(call->w, call->other, "b.example.");
}

/* A question that callbacks add while a dead resolver's are asked again was
 * not with the dead one: it goes out once. */
static void callback_asks_while_a_resolver_is_replaced(void **state)
{
	struct world w;
	struct call a = { .then = ask_other }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&w);
	a.other = &b;
	look_up(&w, &a, "a.example.");
	expect(&w, "a.example.");
	for (int i = 0; i < 2; i++) {
		world_resolver_dies(&w, 0);
		world_resolver_comes(&w, 0);
		expect(&w, "a.example.");
	}
	look_up(&w, &c, "c.example.");
	expect(&w, "c.example.");
	world_resolver_dies(&w, 0);
	world_resolver_comes(&w, 0);
	assert_int_equal(a.heard, 1);
	assert_int_equal(a.err, MX_E_UPSTREAM);

	uint32_t id_b = 0, id_c = 0;
	for (int i = 0; i < 2; i++) {
		uint8_t buf[MX_CHANNEL_QUESTION_MAX];
		struct mx_channel_question q;

		world_turn(&w);
		assert_true(world_question(&w, 0, &q, buf));
		*(q.key.qname[1] == 'b' ? &id_b : &id_c) = q.id;
	}
	expect_nothing(&w);
	answer(&w, id_b, "b.example.");
	answer(&w, id_c, "c.example.");
	world_turn(&w);
	assert_int_equal(b.heard, 1);
	assert_int_equal(c.heard, 1);
	assert_int_equal(world_count(&w, "resent"), 3);
	world_end(&w);
}

static void ask_two(struct call *call)
{
	look_up(call->w, call->other, "x.example.");
	look_up(call->w, call->other + 1, "y.example.");
}

/* Callbacks may make the walk's next question be forgotten for want of room. */
static void callback_makes_the_next_forgotten(void **state)
{
	static char few[] = "in-flight-max=16";
	char *sets[] = { few }, name[32];
	struct call a = { .then = ask_two }, fresh[2] = { 0 }, gone[15] = { 0 };
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	struct world w;

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	a.other = fresh;
	look_up(&w, &a, "a.example.");
	for (int i = 0; i < 2; i++) {
		expect(&w, "a.example.");
		world_resolver_dies(&w, 0);
		world_resolver_comes(&w, 0);
	}
	expect(&w, "a.example.");
	for (int i = 0; i < 15; i++) {
		snprintf(name, sizeof name, "n%d.example.", i);
		look_up(&w, &gone[i], name);
		expect(&w, name);
		mx_lookup_cancel(w.worker->lookups, &gone[i].lookup);
	}
	world_resolver_dies(&w, 0);
	world_resolver_comes(&w, 0);
	assert_int_equal(a.heard, 1);
	int asked = 0;
	for (world_turn(&w); world_question(&w, 0, &q, buf); asked++) {
		name[0] = (char)q.key.qname[1];
		assert_true(memcmp(q.key.qname, "\2n0", 3) != 0);
		if (name[0] == 'x' || name[0] == 'y') {
			snprintf(name + 1, sizeof name - 1, ".example.");
			answer(&w, q.id, name);
		}
	}
	assert_int_equal(asked, 16);
	world_turn(&w);
	assert_int_equal(fresh[0].heard, 1);
	assert_int_equal(fresh[1].heard, 1);
	assert_int_equal(fresh[1].err, MX_OK);
	world_end(&w);
}

static void ask_until_other_heard(struct call *call)
{
	if (!call->other->heard)
		look_up(call->w, call, "a.example.");
}

/* Who asks again from its callback what the cache has takes turns with the
 * rest of the loop. */
static void callback_asks_over_and_over(void **state)
{
	struct world w;
	struct call a = { 0 }, b = { 0 };

	(void)state;
	begin(&w);
	look_up(&w, &a, "a.example.");
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_turn(&w);
	a.then = ask_until_other_heard;
	a.other = &b;
	look_up(&w, &b, "c.example.");
	uint32_t id = expect(&w, "c.example.");
	look_up(&w, &a, "a.example.");
	answer(&w, id, "c.example.");
	world_turn(&w);
	assert_true(a.heard > 1);
	assert_int_equal(b.heard, 1);
	world_end(&w);
}

/* The socket says that it is broken to whoever uses it first. If that is a
 * question, the answers that are still in it must not be lost. */
static void last_answers_before_a_failed_send(void **state)
{
	struct world w;
	struct call a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	begin(&w);
	look_up(&w, &a, "a.example.");
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_resolver_dies(&w, 0);
	look_up(&w, &b, "b.example.");
	look_up(&w, &c, "c.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 1);
	assert_int_equal(a.err, MX_OK);
	assert_int_equal(b.heard, 0);
	world_resolver_comes(&w, 0);
	answer(&w, expect(&w, "b.example."), "b.example.");
	answer(&w, expect(&w, "c.example."), "c.example.");
	expect_nothing(&w);
	assert_int_equal(b.heard, 1);
	assert_int_equal(c.heard, 1);
	assert_int_equal(world_count(&w, "resent"), 0);
	world_end(&w);
}

/* An answer is taken only from the resolver that was asked. */
static void answer_of_another_resolver(void **state)
{
	static char two[] = "resolvers=2";
	char *sets[] = { two };
	struct world w;
	struct call a = { 0 };
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	world_resolver_comes(&w, 1);
	look_up(&w, &a, "a.example.");
	world_turn(&w);
	unsigned asked = world_question(&w, 0, &q, buf) ? 0 : 1;
	assert_true(asked == 0 || world_question(&w, 1, &q, buf));
	answer_as(&w, 1 - asked, q.id, "a.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 0);
	answer_as(&w, asked, q.id, "a.example.");
	world_turn(&w);
	assert_int_equal(a.heard, 1);
	world_end(&w);
}

/* Names of one registered domain go to one resolver, whatever their case or
 * depth, so that a zone is learnt once. */
static void zone_goes_to_one_resolver(void **state)
{
	static char four[] = "resolvers=4";
	static const char *const names[] = { "example.org.", "mx.example.org.",
					     "a.b.c.example.org.",
					     "_25._tcp.mx.example.org." };
	char *sets[] = { four };
	struct world w;
	struct call call[4] = { 0 };
	int all = -1;

	(void)state;
	world_begin(&w, sets, 1);
	for (unsigned i = 0; i < 4; i++)
		world_resolver_comes(&w, i);
	for (int i = 0; i < 4; i++) {
		uint8_t buf[MX_CHANNEL_QUESTION_MAX];
		struct mx_channel_question q;

		look_up(&w, &call[i], names[i]);
		world_turn(&w);
		for (int r = 0; r < 4; r++)
			if (world_question(&w, (unsigned)r, &q, buf)) {
				assert_true(all == -1 || all == r);
				all = r;
				answer_as(&w, (unsigned)r, q.id, names[i]);
			}
		world_turn(&w);
		assert_int_equal(call[i].heard, 1);
	}
	world_end(&w);
}

/* IDs come back only in another generation, however many are used. */
static void ids_do_not_come_back(void **state)
{
	static char few[] = "in-flight-max=16";
	char *sets[] = { few };
	uint32_t ids[200];
	struct world w;

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	for (int i = 0; i < 200; i++) {
		struct call call = { 0 };
		char name[40];

		snprintf(name, sizeof name, "n%d.example.", i);
		look_up(&w, &call, name);
		ids[i] = expect(&w, name);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
		answer(&w, ids[i], name);
		world_turn(&w);
		assert_int_equal(call.heard, 1);
	}
	world_end(&w);
}

/* Another worker has all places: this one may have its share, and who is
 * turned away past that leaves nothing behind. */
static void share_of_a_worker(void **state)
{
	static char few[] = "in-flight-max=16", two[] = "workers=2";
	char *sets[] = { few, two };
	struct call call[9] = { 0 };
	struct world w;
	char name[9][32];

	(void)state;
	world_begin(&w, sets, 2);
	world_resolver_comes(&w, 0);
	for (int i = 0; i < 16; i++)
		assert_true(limits_question(w.limits));
	for (int i = 0; i < 9; i++) {
		snprintf(name[i], sizeof name[i], "n%d.example.", i);
		look_up(&w, &call[i], name[i]);
	}
	world_turn(&w);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(call[i].heard, 0);
		answer(&w, expect(&w, name[i]), name[i]);
	}
	expect_nothing(&w);
	for (int i = 0; i < 9; i++) {
		assert_int_equal(call[i].heard, 1);
		assert_int_equal(call[i].err, i < 8 ? MX_OK : MX_E_OVERLOAD);
	}
	for (int i = 0; i < 16; i++)
		limits_question_end(w.limits);
	world_end(&w);
}

/* ---- in the background ---- */

/* Those of one question are put off together, and do not hear of it inside the
 * call that needed the place; one is cancelled before it can. */
static void background_gives_way(void **state)
{
	static char few[] = "in-flight-max=16";
	char *sets[] = { few };
	struct call first = { 0 }, second = { 0 }, third = { 0 };
	struct call call[16] = { 0 }, late = { 0 };
	struct world w;
	char name[16][32];

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	assert_int_equal(look_up_in_background(&w, &first, "bg.example."),
			 MX_LOOKUP_ASKED);
	assert_int_equal(look_up_in_background(&w, &second, "bg.example."),
			 MX_LOOKUP_JOINED);
	look_up_in_background(&w, &third, "bg.example.");
	expect(&w, "bg.example.");
	/* As many as may wait: those in the background are not counted. */
	for (int i = 0; i < 16; i++) {
		snprintf(name[i], sizeof name[i], "n%d.example.", i);
		assert_int_equal(look_up(&w, &call[i], name[i]),
				 MX_LOOKUP_ASKED);
	}
	assert_int_equal(first.heard + second.heard + third.heard, 0);
	mx_lookup_cancel(w.worker->lookups, &second.lookup);
	world_turn(&w);
	assert_int_equal(first.heard, 1);
	assert_int_equal(first.err, MX_E_OVERLOAD);
	assert_int_equal(second.heard, 0);
	assert_int_equal(third.heard, 1);
	/* And no room is made for one. */
	assert_int_equal(look_up_in_background(&w, &late, "late.example."),
			 MX_LOOKUP_TURNED_AWAY);
	assert_int_equal(late.heard, 0);
	world_turn(&w);
	assert_int_equal(late.err, MX_E_OVERLOAD);
	for (int i = 0; i < 16; i++)
		answer(&w, expect(&w, name[i]), name[i]);
	expect_nothing(&w);
	for (int i = 0; i < 16; i++)
		assert_int_equal(call[i].err, MX_OK);
	world_end(&w);
}

/* A client came to the same question: its place is not given up. */
static void background_and_a_client(void **state)
{
	static char few[] = "in-flight-max=16";
	char *sets[] = { few };
	struct call background = { 0 }, client = { 0 }, call[15] = { 0 };
	struct call more = { 0 };
	struct world w;
	char name[15][32];

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	look_up_in_background(&w, &background, "bg.example.");
	assert_int_equal(look_up(&w, &client, "bg.example."), MX_LOOKUP_JOINED);
	for (int i = 0; i < 15; i++) {
		snprintf(name[i], sizeof name[i], "n%d.example.", i);
		look_up(&w, &call[i], name[i]);
	}
	assert_int_equal(look_up(&w, &more, "more.example."),
			 MX_LOOKUP_TURNED_AWAY);
	answer(&w, expect(&w, "bg.example."), "bg.example.");
	world_turn(&w);
	assert_int_equal(background.err, MX_OK);
	assert_int_equal(background.heard, 1);
	assert_int_equal(client.heard, 1);
	for (int i = 0; i < 15; i++)
		answer(&w, expect(&w, name[i]), name[i]);
	world_end(&w);
}

/* No deadline before question-lifetime, no stale answer, and no word to those
 * that come later that nothing came in time. */
static void background_is_patient(void **state)
{
	struct call first = { 0 }, second = { 0 }, third = { 0 };
	struct world w;
	mx_instant start;

	(void)state;
	begin(&w);
	start = mx_clock_now();
	look_up_in_background(&w, &first, "a.example.");
	uint32_t id = expect(&w, "a.example.");
	world_pass(&w, 50000);
	assert_int_equal(first.heard, 0);
	assert_int_equal(world_count(&w, "deadlines"), 0);
	answer(&w, id, "a.example.");
	world_turn(&w);
	assert_int_equal(first.heard, 1);
	assert_int_equal(first.err, MX_OK);
	assert_true(first.expires == start + 50000 + 300000);

	world_pass(&w, 400000);
	look_up_in_background(&w, &second, "a.example.");
	expect(&w, "a.example.");
	world_pass(&w, 59999);
	assert_int_equal(second.heard, 0);
	world_pass(&w, 1);
	assert_int_equal(second.heard, 1);
	assert_int_equal(second.err, MX_E_UPSTREAM);
	/* The failure is cached. */
	assert_int_equal(look_up_in_background(&w, &third, "a.example."),
			 MX_LOOKUP_READY);
	world_turn(&w);
	assert_int_equal(third.err, MX_E_UPSTREAM);
	assert_false(second.stale || third.stale);
	assert_int_equal(world_count(&w, "stale_after_wait"), 0);
	world_end(&w);
}

/* ---- special names ---- */

static void special_names_are_not_asked(void **state)
{
	static const struct {
		const char *name;
		enum mx_answer_kind kind;
	} names[] = {
		{ "localhost.", MX_ANSWER_NODATA },
		{ "mx.localhost.", MX_ANSWER_NODATA },
		{ "x.onion.", MX_ANSWER_NXDOMAIN },
		{ "a.b.invalid.", MX_ANSWER_NXDOMAIN },
		{ "1.0.168.192.in-addr.arpa.", MX_ANSWER_NXDOMAIN },
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct call call = { 0 };

		assert_int_equal(look_up(&w, &call, names[i].name),
				 MX_LOOKUP_READY);
		assert_int_equal(call.heard, 0);
		expect_nothing(&w);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.err, MX_OK);
		assert_int_equal(call.kind, names[i].kind);
		assert_int_equal(call.state, MX_INSECURE);
		assert_true(call.len > 0);
		assert_true(call.expires > mx_clock_now());
	}
	world_end(&w);
}

/* Served elsewhere, so asked. */
static void special_names_of_a_site(void **state)
{
	static char stub[] = "stub-zone=home.arpa 192.0.2.1";
	char *sets[] = { stub };
	struct call call = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, sets, 1);
	world_resolver_comes(&w, 0);
	assert_int_equal(look_up(&w, &call, "home.arpa."), MX_LOOKUP_ASKED);
	answer(&w, expect(&w, "home.arpa."), "home.arpa.");
	world_turn(&w);
	assert_int_equal(call.kind, MX_ANSWER_POSITIVE);
	world_end(&w);
}

/* Freed while lookups wait, as after a drain that took too long. */
static void freed_while_lookups_wait(void **state)
{
	struct world w;
	struct call waits = { 0 }, ready = { 0 }, first = { 0 };

	(void)state;
	begin(&w);
	look_up(&w, &first, "a.example.");
	answer(&w, expect(&w, "a.example."), "a.example.");
	world_turn(&w);
	look_up(&w, &waits, "b.example.");
	look_up(&w, &ready, "a.example.");
	world_free(&w);
	assert_int_equal(waits.heard, 0);
	assert_int_equal(ready.heard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_before_it_returns),
		cmocka_unit_test(cancelled_is_never_heard),
		cmocka_unit_test(callback_cancels_another_waiter),
		cmocka_unit_test(callback_asks_the_same_again),
		cmocka_unit_test(callback_asks_while_a_resolver_is_replaced),
		cmocka_unit_test(callback_makes_the_next_forgotten),
		cmocka_unit_test(callback_asks_over_and_over),
		cmocka_unit_test(last_answers_before_a_failed_send),
		cmocka_unit_test(answer_of_another_resolver),
		cmocka_unit_test(zone_goes_to_one_resolver),
		cmocka_unit_test(ids_do_not_come_back),
		cmocka_unit_test(share_of_a_worker),
		cmocka_unit_test(background_gives_way),
		cmocka_unit_test(background_and_a_client),
		cmocka_unit_test(background_is_patient),
		cmocka_unit_test(special_names_are_not_asked),
		cmocka_unit_test(special_names_of_a_site),
		cmocka_unit_test(freed_while_lookups_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
