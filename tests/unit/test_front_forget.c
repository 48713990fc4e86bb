/* Resolvers are told to forget, and whoever asked hears how it went. */
#include "front_world.h"

struct heard {
	unsigned calls, forgotten, left;
};

static void on_done(void *arg, unsigned forgotten, unsigned left)
{
	struct heard *heard = arg;

	heard->calls++;
	heard->forgotten = forgotten;
	heard->left = left;
}

static struct mx_key key_of(const char *text, struct mx_name *room)
{
	assert_int_equal(mx_name_from_text(text, room), MX_OK);
	return (struct mx_key){ room->octets, room->len, 0, MX_CLASS_IN };
}

/* The id of what the resolver was told; false: it was told nothing. */
static bool told(struct world *w, unsigned resolver, uint32_t *ret_id)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	if (!world_question(w, resolver, &q, buf))
		return false;
	assert_true(mx_channel_is_forget(&q));
	*ret_id = q.id;
	return true;
}

static void has_forgotten(struct world *w, unsigned resolver, uint32_t id)
{
	struct mx_channel_answer a = {
		.id = id, .status = MX_CHANNEL_FORGOTTEN, .why = "",
		.packet = (const uint8_t *)"",
	};

	world_answer(w, resolver, &a);
	world_turn(w);
}

static void begin(struct world *w)
{
	static char two[] = "resolvers=2";
	static char *const sets[] = { two };

	world_begin(w, sets, 1);
	world_resolver_comes(w, 0);
	world_resolver_comes(w, 1);
}

/* A name is one resolver's matter, a top-level domain everybody's. */
static void who_is_told(void **state)
{
	struct mx_forget f;
	struct heard heard = { 0 };
	struct mx_name room;
	struct mx_key key = key_of("mx.example.lab.", &room);
	uint32_t id[2];
	struct world w;

	(void)state;
	begin(&w);
	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &f,
				   on_done, &heard));
	world_turn(&w);
	bool first = told(&w, 0, &id[0]), second = told(&w, 1, &id[1]);
	assert_true(first != second);
	assert_int_equal(heard.calls, 0);
	has_forgotten(&w, second, id[second] + 1); /* another's */
	assert_int_equal(heard.calls, 0);
	has_forgotten(&w, first, id[second]); /* another */
	assert_int_equal(heard.calls, 0);
	has_forgotten(&w, second, id[second]);
	assert_true(heard.calls == 1 && heard.forgotten == 1 && heard.left == 0);

	key = key_of("lab.", &room);
	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &f,
				   on_done, &heard));
	assert_true(told(&w, 0, &id[0]) && told(&w, 1, &id[1]));
	has_forgotten(&w, 0, id[0]);
	assert_int_equal(heard.calls, 1);
	world_resolver_dies(&w, 1);
	world_turn(&w);
	world_resolver_comes(&w, 1); /* which knows nothing */
	world_turn(&w);
	assert_true(heard.calls == 2 && heard.forgotten == 2 && heard.left == 0);
	world_end(&w);
}

static void nobody_there_and_nobody_answers(void **state)
{
	struct mx_forget f, g;
	struct heard heard = { 0 };
	struct mx_name room;
	struct mx_key key = key_of("lab.", &room);
	struct world w;

	(void)state;
	begin(&w);
	world_resolver_dies(&w, 0);
	world_turn(&w);
	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &f,
				   on_done, &heard));
	assert_int_equal(heard.calls, 0);
	world_pass(&w, 5000);
	assert_true(heard.calls == 1 && heard.forgotten == 0 && heard.left == 1);

	world_resolver_dies(&w, 1);
	world_turn(&w);
	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &f,
				   on_done, &heard));
	assert_int_equal(heard.calls, 1);
	world_turn(&w);
	assert_true(heard.calls == 2 && heard.forgotten == 0 && heard.left == 0);

	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &f,
				   on_done, &heard));
	mx_forget_cancel(&f);
	assert_true(mx_forget_begin(w.worker->lookups, &key, true, 5000, &g,
				   on_done, &heard));
	world_free(&w); /* with one that still waits */
	assert_int_equal(heard.calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told),
		cmocka_unit_test(nobody_there_and_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
