/* Eviction against a plain model, by random steps: entries of all sizes come,
 * are used, run out, are put again and leave.
 *
 * The model knows only what S3-FIFO is: each entry has the number of its turn,
 * the oldest of a queue is the one with the least, and the ghosts are the last
 * 32 that small let go. Who goes, and in which order, must be the same.
 *
 * MX_SEED, MX_STEPS in the environment repeat or prolong a run.
 */
#include "../../cache/evict.h"
#include "../unit/cache_answers.h"

#define NAMES 120u
#define OCTETS 40000u
#define LIFE_MS_MAX 20000u

struct kept {
	struct entry *e; /* NULL: not in */
	enum queue_name queue;
	unsigned uses;
	uint64_t turn;
	size_t charge;
	mx_instant end;
};

struct model {
	struct memory memory;
	struct evict evict;
	_Alignas(64) uint16_t table[GHOSTS_PER_GROUP];
	struct kept kept[NAMES];
	uint32_t ghosts[GHOSTS_PER_GROUP]; /* the latest first; names + 1 */
	uint64_t random, turns;
	mx_instant now;
	size_t evicted[QUEUES], from_ghost, rounds;
};

static struct model model;
static struct body body;

static uint32_t below(uint32_t bound)
{
	return random_below(&model.random, bound);
}

/* ---- what S3-FIFO is ---- */

static size_t octets_in(enum queue_name queue)
{
	size_t octets = 0;

	for (uint32_t i = 0; i < NAMES; i++)
		if (model.kept[i].e != NULL && model.kept[i].queue == queue)
			octets += model.kept[i].charge;
	return octets;
}

static struct kept *oldest_in(enum queue_name queue)
{
	struct kept *oldest = NULL;

	for (uint32_t i = 0; i < NAMES; i++) {
		struct kept *k = &model.kept[i];

		if (k->e != NULL && k->queue == queue &&
		    (oldest == NULL || k->turn < oldest->turn))
			oldest = k;
	}
	return oldest;
}

static bool model_ghost_take(uint32_t name)
{
	uint32_t at = 0;

	while (at < GHOSTS_PER_GROUP && model.ghosts[at] != name + 1)
		at++;
	if (at == GHOSTS_PER_GROUP)
		return false;
	for (; at + 1 < GHOSTS_PER_GROUP; at++)
		model.ghosts[at] = model.ghosts[at + 1];
	model.ghosts[at] = 0;
	return true;
}

static void model_ghost_add(uint32_t name)
{
	model_ghost_take(name);
	for (uint32_t at = GHOSTS_PER_GROUP - 1; at > 0; at--)
		model.ghosts[at] = model.ghosts[at - 1];
	model.ghosts[0] = name + 1;
}

static void to_main(struct kept *k, unsigned uses)
{
	k->queue = QUEUE_MAIN;
	k->uses = uses;
	k->turn = model.turns++;
	model.rounds++;
}

static struct kept *expected_out(void)
{
	for (;;) {
		struct kept *small = oldest_in(QUEUE_SMALL);
		struct kept *main = oldest_in(QUEUE_MAIN);

		if (main != NULL && main->end <= model.now)
			return main;
		if (main == NULL ||
		    octets_in(QUEUE_SMALL) > model.evict.small_max) {
			if (small->uses == 0 || small->end <= model.now) {
				model_ghost_add((uint32_t)(small - model.kept));
				return small;
			}
			to_main(small, 0);
		} else if (main->uses == 0) {
			return main;
		} else {
			to_main(main, main->uses - 1);
		}
	}
}

/* ---- steps ---- */

static void forget(struct kept *k)
{
	evict_leave(&model.evict, k->e, k->charge);
	entry_free(&model.memory, k->e);
	k->e = NULL;
}

static struct entry *make(uint32_t name, uint32_t ttl_s)
{
	static const size_t lens[] = { 30, 100, 300, 1000, 4000 };
	char text[32];
	struct mx_answer a;
	struct test_key k;

	snprintf(text, sizeof text, "n%u.example", name);
	body_of_len(&body, ttl_s, name,
		    60 + below((uint32_t)lens[below(5)]));
	a = answer_of(&body, NULL, ttl_s);
	return entry_new(&model.memory, key_of(&k, text, 1), SLOT_ANSWER,
			 name + 1, &a, model.now);
}

static void make_room(const struct entry *e, size_t charge)
{
	struct entry *out;

	while ((out = evict_next(&model.evict, &model.memory, e, charge,
				 model.now)) != NULL) {
		struct kept *want = expected_out();

		assert_ptr_equal(out, want->e);
		assert_int_equal(out->queue, want->queue);
		model.evicted[want->queue]++;
		forget(want);
	}
	assert_true(octets_in(QUEUE_SMALL) + octets_in(QUEUE_MAIN) + charge <=
		    model.evict.answers_max);
}

static void step_put(uint32_t name)
{
	struct kept *k = &model.kept[name], old = *k;
	uint32_t ttl_s = 1 + below(LIFE_MS_MAX / 1000);
	struct entry *e = make(name, ttl_s);
	size_t charge = memory_charge(&model.memory, entry_octets(e));
	bool to_main = false;
	unsigned uses = 0;

	if (old.e != NULL) {
		to_main = old.queue == QUEUE_MAIN;
		uses = old.uses;
		if (old.end <= model.now && uses < USES_MAX)
			uses++;
		evict_inherit(e, old.e, model.now);
		forget(k);
	}
	make_room(e, charge);
	if (!to_main && model_ghost_take(name)) {
		to_main = true;
		model.from_ghost++;
	}
	evict_enter(&model.evict, e, charge);
	*k = (struct kept){
		.e = e, .queue = to_main ? QUEUE_MAIN : QUEUE_SMALL,
		.uses = uses, .turn = model.turns++, .charge = charge,
		.end = model.now + (mx_instant)ttl_s * 1000,
	};
}

static void step_use(struct kept *k)
{
	if (k->e == NULL)
		return;
	evict_touch(&model.evict, k->e);
	if (k->uses < USES_MAX)
		k->uses++;
}

static void check(void)
{
	const char *broken = evict_check(&model.evict, &model.memory);

	if (broken != NULL)
		fail_msg("%s", broken);
	for (uint32_t i = 0; i < NAMES; i++) {
		const struct kept *k = &model.kept[i];

		if (k->e == NULL)
			continue;
		assert_int_equal(k->e->queue, k->queue);
		assert_int_equal(k->e->uses, k->uses);
	}
	for (int q = 0; q < QUEUES; q++)
		assert_int_equal(model.evict.queues[q].octets, octets_in(q));
	for (uint32_t i = 0; i < GHOSTS_PER_GROUP; i++)
		assert_int_equal(model.table[i], model.ghosts[i]);
}

static void step(void)
{
	/* Some names are asked for much more often than others. */
	uint32_t name = below(1 + below(NAMES)), dice = below(100);

	if (dice < 45)
		step_use(&model.kept[name]);
	else if (dice < 90)
		step_put(name);
	else if (dice < 95)
		model.now += below(1000);
	else if (model.kept[name].e != NULL)
		forget(&model.kept[name]);
}

static void random_steps(void **state)
{
	uint64_t seed = env_number("MX_SEED", 20240611);
	uint64_t steps = env_number("MX_STEPS", 40000);

	(void)state;
	print_message("MX_SEED=%llu MX_STEPS=%llu\n", (unsigned long long)seed,
		      (unsigned long long)steps);
	model.random = seed;
	model.now = 5000000;
	assert_int_equal(memory_init(&model.memory), MX_OK);
	evict_init(&model.evict, OCTETS, model.table, sizeof model.table);
	for (uint64_t i = 0; i < steps; i++) {
		step();
		check();
	}
	/* Nothing of all this was left out. */
	assert_true(model.evicted[QUEUE_SMALL] > steps / 100);
	assert_true(model.evicted[QUEUE_MAIN] > steps / 100);
	assert_true(model.from_ghost > steps / 1000);
	assert_true(model.rounds > steps / 100);
	for (uint32_t i = 0; i < NAMES; i++)
		if (model.kept[i].e != NULL)
			forget(&model.kept[i]);
	memory_clear(&model.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
