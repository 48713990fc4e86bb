/* The policy server and a client that sends more than is read. */
#include "policy_scene.h"

#include "../../src/policy/socketmap.h"

#define REQUEST "15:QUERY a.example,"
#define REPLY "12:OK dane-only,"
/* More than a connection's socket and buffers take at a time. */
#define SENT (8 * SOCKETMAP_INPUT_MAX)

static void send_many(struct scene *s)
{
	static char octets[SENT];
	size_t len = 0;

	while (len + sizeof REQUEST <= sizeof octets) {
		memcpy(octets + len, REQUEST, sizeof REQUEST - 1);
		len += sizeof REQUEST - 1;
	}
	s->map = connect_unix(&s->map_at);
	assert_int_equal(send(s->map, octets, len, MSG_DONTWAIT), len);
	world_turn(&s->w);
}

/* All replies until the connection's end, or until nothing comes. */
static size_t hear_replies(struct scene *s)
{
	size_t len = 0, idle = 0;

	while (s->map >= 0 && idle < 20) {
		const char *text = hear_text(s, &s->map);

		idle = text ? 0 : idle + 1;
		len += text ? strlen(text) : 0;
	}
	assert_int_equal(len % (sizeof REPLY - 1), 0);
	return len / (sizeof REPLY - 1);
}

static void all_are_answered(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	send_many(&s);
	assert_int_equal(hear_replies(&s), (SENT - 1) / (sizeof REQUEST - 1));
	assert_true(s.map >= 0);
	end(&s);
}

/* What has come is answered, and no more is read: the next front has the rest,
 * and this one comes to its end. */
static void nothing_is_read_once_stopped(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	send_many(&s);
	policy_server_stop(s.policy);
	assert_in_range(hear_replies(&s), 1,
			(SENT - 1) / (sizeof REQUEST - 1) / 2 + 1);
	assert_int_equal(s.map, -1);
	assert_int_equal(policy_server_open(s.policy), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_answered),
		cmocka_unit_test(nothing_is_read_once_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
