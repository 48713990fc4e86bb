/* Datagrams between front and resolver, from both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_channel.h"

static void question_round_trip(void **state)
{
	(void)state;
	static const uint8_t qname[] = "\2mx\7example";
	struct mx_channel_question q = {
		.id = 0x89abcdef,
		.key = { qname, sizeof qname, 15, 1 },
	}, again;
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	size_t len = mx_channel_pack_question(&q, buf);

	assert_int_equal(len, 8 + sizeof qname);
	assert_memory_equal(buf, "\x89\xab\xcd\xef\0\x0f\0\1\2mx", 11);
	assert_int_equal(mx_channel_unpack_question(buf, len, &again), MX_OK);
	assert_true(again.id == q.id);
	assert_int_equal(again.key.qtype, 15);
	assert_int_equal(again.key.qclass, 1);
	assert_int_equal(again.key.qname_len, sizeof qname);
	assert_ptr_equal(again.key.qname, buf + 8);
}

static void longest_question(void **state)
{
	(void)state;
	uint8_t qname[MX_NAME_MAX], buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q = { .key = { qname, 255, 1, 1 } }, again;

	memset(qname, 'a', sizeof qname);
	qname[0] = qname[64] = qname[128] = 63;
	qname[192] = 61;
	qname[254] = 0;
	assert_int_equal(mx_channel_pack_question(&q, buf),
			 MX_CHANNEL_QUESTION_MAX);
	assert_int_equal(mx_channel_unpack_question(buf, sizeof buf, &again),
			 MX_OK);
	assert_int_equal(again.key.qname_len, 255);
}

static const struct {
	const char *why, *hex;
	enum mx_error want;
} questions[] = {
	{ "a question", "00000001 000f 0001 026d7800", MX_OK },
	{ "the root", "00000001 000f 0001 00", MX_OK },
	{ "empty", "", MX_E_SHORT },
	{ "no name", "00000001 000f 0001", MX_E_SHORT },
	{ "name without end", "00000001 000f 0001 026d78", MX_E_SHORT },
	{ "octet behind the name", "00000001 000f 0001 026d7800 00",
	  MX_E_TRAILING },
	{ "pointer", "00000001 000f 0001 c000", MX_E_POINTER },
	{ "label type", "00000001 000f 0001 40", MX_E_LABEL },
	{ "name too long", "00000001 000f 0001 3f{63:61} 3f{63:61} 3f{63:61}"
	  "3e{62:61} 00", MX_E_NAME_LONG },
};

static void question_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		uint8_t buf[400];
		size_t len = hex_read(questions[i].hex, buf, sizeof buf);
		struct mx_channel_question q = { .id = 4711 };
		enum mx_error err = mx_channel_unpack_question(buf, len, &q);

		if (err != questions[i].want)
			fail_msg("%s: %s", questions[i].why,
				 mx_error_text(err));
		assert_int_equal(q.id, err == MX_OK ? 1 : 4711);
	}
}

/* id, status, state, why_len, why, packet. States: 0 indeterminate,
 * 1 insecure, 2 bogus, 3 secure. */
static const struct {
	const char *why, *hex;
	enum mx_error want;
} answers[] = {
	{ "secure", "00000001 00 03 0000 ff", MX_OK },
	{ "insecure", "00000001 00 01 0000 ff", MX_OK },
	{ "bogus, and why", "00000001 00 02 0002 6162 ff", MX_OK },
	{ "data of unknown worth", "00000001 00 00 0000 ff",
	  MX_E_MALFORMED },
	{ "a state that is none", "00000001 00 04 0000 ff", MX_E_MALFORMED },
	{ "state 255", "00000001 00 ff 0000 ff", MX_E_MALFORMED },
	{ "an answer without a packet", "00000001 00 03 0000", MX_E_SHORT },
	{ "failed", "00000001 01 00 0003 616263", MX_OK },
	{ "failed, whatever its state", "00000001 01 03 0000", MX_OK },
	{ "failed with a packet", "00000001 01 00 0000 ff", MX_E_TRAILING },
	{ "failed with a state that is none", "00000001 01 04 0000",
	  MX_E_MALFORMED },
	{ "refused", "00000001 02 00 0000", MX_OK },
	{ "refused with a packet", "00000001 02 01 0000 ff", MX_E_TRAILING },
	{ "forgotten", "00000001 03 00 0000", MX_OK },
	{ "forgotten with a packet", "00000001 03 00 0000 ff", MX_E_TRAILING },
	{ "a status that is none", "00000001 04 01 0000", MX_E_MALFORMED },
	{ "empty", "", MX_E_SHORT },
	{ "half a head", "00000001 00 03 00", MX_E_SHORT },
	{ "why longer than the datagram", "00000001 01 00 0003 6162",
	  MX_E_SHORT },
	{ "the longest why", "00000001 01 00 0400 {1024:61}", MX_OK },
	{ "a longer one", "00000001 01 00 0401 {1025:61}", MX_E_TOO_BIG },
	{ "the longest packet", "00000001 00 03 0000 {65535:ff}", MX_OK },
	{ "a longer one", "00000001 00 03 0000 {65536:ff}", MX_E_TOO_BIG },
};

static void answer_table(void **state)
{
	(void)state;
	static uint8_t buf[70000];

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		size_t len = hex_read(answers[i].hex, buf, sizeof buf);
		struct mx_channel_answer a = { .id = 4711 };
		enum mx_error err = mx_channel_unpack_answer(buf, len, &a);

		if (err != answers[i].want)
			fail_msg("%s: %s", answers[i].why,
				 mx_error_text(err));
		assert_int_equal(a.id, err == MX_OK ? 1 : 4711);
		if (err != MX_OK)
			continue;
		assert_int_equal(a.status, buf[4]);
		assert_int_equal(a.state, buf[5]);
		assert_int_equal(8 + a.why_len + a.packet_len, len);
		assert_ptr_equal(a.why, buf + 8);
		assert_ptr_equal(a.packet, buf + 8 + a.why_len);
	}
}

static void answer_round_trip(void **state)
{
	(void)state;
	static uint8_t buf[MX_CHANNEL_ANSWER_MAX];
	struct mx_channel_answer a = {
		.id = 0xfedcba98, .status = MX_CHANNEL_ANSWER,
		.state = MX_BOGUS, .why = "no DNSKEY", .why_len = 9,
	}, again;
	size_t head = mx_channel_pack_answer_head(&a, buf);

	assert_int_equal(head, 17);
	memcpy(buf + head, "packet", 6);
	assert_int_equal(mx_channel_unpack_answer(buf, head + 6, &again),
			 MX_OK);
	assert_true(again.id == a.id);
	assert_int_equal(again.status, MX_CHANNEL_ANSWER);
	assert_int_equal(again.state, MX_BOGUS);
	assert_int_equal(again.why_len, 9);
	assert_memory_equal(again.why, "no DNSKEY", 9);
	assert_int_equal(again.packet_len, 6);
	assert_memory_equal(again.packet, "packet", 6);
}

/* What libunbound says in why has no bound: what is sent has. */
static void long_why_is_cut(void **state)
{
	(void)state;
	static uint8_t buf[MX_CHANNEL_ANSWER_MAX];
	static char why[UINT16_MAX];
	struct mx_channel_answer a = {
		.id = 1, .status = MX_CHANNEL_FAILED,
		.why = memset(why, 'w', sizeof why), .why_len = sizeof why,
	}, again;
	size_t len = mx_channel_pack_answer_head(&a, buf);

	assert_int_equal(len, 8 + MX_CHANNEL_WHY_MAX);
	assert_int_equal(mx_channel_unpack_answer(buf, len, &again), MX_OK);
	assert_int_equal(again.why_len, MX_CHANNEL_WHY_MAX);
}

/* A datagram: the answers in it, by their first octet, and what is left. */
static const struct { const char *what, *octets, *answers; size_t left; } split_table[] = {
	{ "nothing", "", "", 0 },
	{ "one", "00000002 1122", "1", 0 },
	{ "two", "00000001 11 00000003 223344", "12", 0 },
	{ "an empty one between", "00000001 11 00000000 00000001 22", "1-2", 0 },
	{ "no whole length", "00000001 11 000000", "1", 3 },
	{ "a length one too long", "00000001 11 00000003 2233", "1", 6 },
	{ "the longest length", "ffffffff 11", "", 5 },
};

static void split_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof split_table / sizeof *split_table; i++) {
		uint8_t buf[64];
		size_t len = hex_read(split_table[i].octets, buf, sizeof buf);
		const uint8_t *rest = buf, *answer;
		const char *wanted = split_table[i].answers;
		size_t answer_len;

		print_message("%s\n", split_table[i].what);
		while (mx_channel_split(&rest, &len, &answer, &answer_len)) {
			assert_true(*wanted != '\0');
			if (*wanted == '-')
				assert_int_equal(answer_len, 0);
			else
				assert_int_equal(answer[0] >> 4, *wanted - '0');
			wanted++;
		}
		assert_int_equal(*wanted, '\0');
		assert_int_equal(len, split_table[i].left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_rows),
		cmocka_unit_test(question_round_trip),
		cmocka_unit_test(longest_question),
		cmocka_unit_test(question_table),
		cmocka_unit_test(answer_table),
		cmocka_unit_test(answer_round_trip),
		cmocka_unit_test(long_why_is_cut),
	};

	return cmocka_run_group_tests_name("wire_channel", tests, NULL, NULL);
}
