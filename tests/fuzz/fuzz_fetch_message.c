/* Datagrams between front and fetcher, read as either end does: neither
 * believes the other. What is accepted, packed again, is the same datagram. */
#include <string.h>

#include "check.h"
#include "mx_fetch.h"

static void check_request(const uint8_t *octets, size_t len)
{
	uint8_t again[MX_FETCH_REQUEST_MAX];
	struct mx_fetch_request r;

	if (mx_fetch_unpack_request(octets, len, &r) != MX_OK)
		return;
	CHECK(mx_fetch_domain_is(r.domain, r.domain_len));
	CHECK(r.count <= MX_FETCH_ADDRESSES_MAX);
	for (unsigned i = 0; i < r.count; i++)
		CHECK(r.address[i].family == 4 || r.address[i].family == 6);
	CHECK(mx_fetch_pack_request(&r, again) == len);
	CHECK(memcmp(again, octets, len) == 0);
}

static void check_answer(const uint8_t *octets, size_t len)
{
	static uint8_t again[MX_FETCH_ANSWER_MAX];
	struct mx_fetch_answer a;
	uint32_t id;

	if (mx_fetch_unpack_answer(octets, len, &id, &a) != MX_OK)
		return;
	CHECK(a.result != MX_FETCH_FETCHER_GONE);
	CHECK(a.detail_len <= MX_FETCH_DETAIL_MAX);
	CHECK(a.text_len <= MX_FETCH_TEXT_MAX);
	CHECK(a.result == MX_FETCH_OK || a.text_len == 0);
	CHECK(mx_fetch_pack_answer(id, &a, again) == len);
	CHECK(memcmp(again, octets, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	check_request(octets, len);
	check_answer(octets, len);
	return 0;
}
