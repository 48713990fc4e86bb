/* Datagrams of the channel, read as either end does: the front believes no
 * resolver. What is accepted, packed again, is the same datagram; and one that
 * is taken apart has its answers in it one after another. */
#include <string.h>

#include "check.h"
#include "mx_channel.h"

static void check_split(const uint8_t *octets, size_t len)
{
	const uint8_t *rest = octets, *answer, *end = octets;
	size_t answer_len, left = len;

	while (mx_channel_split(&rest, &left, &answer, &answer_len)) {
		CHECK(answer == end + MX_CHANNEL_LEN);
		end = answer + answer_len;
		CHECK(rest == end && end + left == octets + len);
	}
	CHECK(rest == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t again[MX_CHANNEL_ANSWER_MAX];
	struct mx_channel_question q;
	struct mx_channel_answer a;

	check_split(octets, len);
	if (mx_channel_unpack_question(octets, len, &q) == MX_OK) {
		CHECK(mx_channel_pack_question(&q, again) == len);
		CHECK(memcmp(again, octets, len) == 0);
	}
	if (mx_channel_unpack_answer(octets, len, &a) == MX_OK) {
		size_t head = mx_channel_pack_answer_head(&a, again);

		CHECK(a.why_len <= MX_CHANNEL_WHY_MAX);
		CHECK(a.packet_len <= MX_MESSAGE_MAX);
		CHECK(head + a.packet_len == len);
		CHECK(memcmp(again, octets, head) == 0);
		CHECK(a.packet == octets + head);
		CHECK(a.status != MX_CHANNEL_ANSWER ||
		      (a.packet_len > 0 && a.state != MX_INDETERMINATE));
	}
	return 0;
}
