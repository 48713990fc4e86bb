/* mx_form_write on bodies made by hand: it must not need a parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_answer.h"

/* A, three RRs that turn (B C D, of different lengths), E with a long owner.
 * TTLs are 100, 200, 200, 200 and 300. */
#define RR_A "c00c 0005 0001 00000064 0002 aaaa"
#define RR_B "c01c 000f 0001 000000c8 0001 bb"
#define RR_C "c01c 000f 0001 000000c8 0003 cccccc"
#define RR_D "c01c 000f 0001 000000c8 0000"
#define RR_E "03 656565 00 0006 0001 0000012c 0002 eeee"

static const uint16_t ttl_at[] = { 6, 20, 33, 48, 63 };

static struct mx_form form_of(const char *hex, uint8_t *octets, size_t room)
{
	return (struct mx_form){
		.octets = octets,
		.len = (uint32_t)hex_read(hex, octets, room),
		.ancount = 4, .nscount = 1,
		.ttl_count = 5, .ttl_at = ttl_at,
		.turn_at = 14, .turn_count = 3,
	};
}

static void check(const struct mx_form *form, uint32_t age_s, uint32_t turn,
		  const char *hex)
{
	uint8_t out[200], want[200];
	size_t len = hex_read(hex, want, sizeof want);

	memset(out, 0x55, sizeof out);
	mx_form_write(form, age_s, turn, out);
	assert_int_equal(form->len, len);
	assert_memory_equal(out, want, len);
	assert_int_equal(out[len], 0x55);
}

static void turns_whole_rrs(void **state)
{
	(void)state;
	uint8_t octets[200];
	struct mx_form form = form_of(RR_A RR_B RR_C RR_D RR_E, octets, 200);

	check(&form, 0, 0, RR_A RR_B RR_C RR_D RR_E);
	check(&form, 0, 1, RR_A RR_C RR_D RR_B RR_E);
	check(&form, 0, 2, RR_A RR_D RR_B RR_C RR_E);
	check(&form, 0, 3, RR_A RR_B RR_C RR_D RR_E);
	/* 2^32 - 1 is a multiple of three. */
	check(&form, 0, UINT32_MAX, RR_A RR_B RR_C RR_D RR_E);
	check(&form, 0, UINT32_MAX - 1, RR_A RR_D RR_B RR_C RR_E);
}

static void nothing_behind_what_turns(void **state)
{
	(void)state;
	uint8_t octets[200];
	struct mx_form form = form_of(RR_A RR_B RR_C RR_D, octets, 200);

	form.ttl_count = 4;
	check(&form, 0, 2, RR_A RR_D RR_B RR_C);
	form = form_of(RR_B RR_C, octets, 200);
	form.ttl_at = (const uint16_t[]){ 6, 19 };
	form.ttl_count = form.turn_count = 2;
	form.turn_at = 0;
	check(&form, 0, 1, RR_C RR_B);
}

static void ages_each_ttl_where_it_went(void **state)
{
	(void)state;
	uint8_t octets[200];
	struct mx_form form = form_of(RR_A RR_B RR_C RR_D RR_E, octets, 200);

	check(&form, 150, 1,
	      "c00c 0005 0001 00000000 0002 aaaa"
	      "c01c 000f 0001 00000032 0003 cccccc"
	      "c01c 000f 0001 00000032 0000"
	      "c01c 000f 0001 00000032 0001 bb"
	      "03 656565 00 0006 0001 00000096 0002 eeee");
	check(&form, 150, 0,
	      "c00c 0005 0001 00000000 0002 aaaa"
	      "c01c 000f 0001 00000032 0001 bb"
	      "c01c 000f 0001 00000032 0003 cccccc"
	      "c01c 000f 0001 00000032 0000"
	      "03 656565 00 0006 0001 00000096 0002 eeee");
	/* Never below 0. */
	check(&form, UINT32_MAX, 2,
	      "c00c 0005 0001 00000000 0002 aaaa"
	      "c01c 000f 0001 00000000 0000"
	      "c01c 000f 0001 00000000 0001 bb"
	      "c01c 000f 0001 00000000 0003 cccccc"
	      "03 656565 00 0006 0001 00000000 0002 eeee");
}

static void all_octets_of_a_ttl_count(void **state)
{
	(void)state;
	uint8_t octets[20];
	struct mx_form form = {
		.octets = octets, .ttl_count = 1,
		.ttl_at = (const uint16_t[]){ 6 }, .turn_count = 1,
	};

	form.len = (uint32_t)hex_read("c00c 0001 0001 01020304 0000", octets,
				      sizeof octets);
	check(&form, 5, 3, "c00c 0001 0001 010202ff 0000");
	check(&form, 1, 0, "c00c 0001 0001 01020303 0000");
	check(&form, 0x01020303, 0, "c00c 0001 0001 00000001 0000");
	check(&form, 0x01020304, 0, "c00c 0001 0001 00000000 0000");
}

static void stale_ttls_are_no_longer_than_their_own(void **state)
{
	(void)state;
	static const struct { uint32_t most; const char *hex; } cases[] = {
		{ 100, "c00c 0005 0001 00000064 0002 aaaa"
		       "c01c 000f 0001 00000064 0001 bb"
		       "c01c 000f 0001 00000064 0003 cccccc"
		       "c01c 000f 0001 00000064 0000"
		       "03 656565 00 0006 0001 00000064 0002 eeee" },
		{ 201, "c00c 0005 0001 00000064 0002 aaaa"
		       "c01c 000f 0001 000000c8 0001 bb"
		       "c01c 000f 0001 000000c8 0003 cccccc"
		       "c01c 000f 0001 000000c8 0000"
		       "03 656565 00 0006 0001 000000c9 0002 eeee" },
	};
	uint8_t octets[200], out[200], want[200];
	struct mx_form form = form_of(RR_A RR_B RR_C RR_D RR_E, octets, 200);

	for (unsigned i = 0; i < 2; i++) {
		size_t len = hex_read(cases[i].hex, want, sizeof want);

		assert_int_equal(len, form.len);
		mx_form_write_stale(&form, cases[i].most, out);
		assert_memory_equal(out, want, len);
	}
}

static void empty_body(void **state)
{
	(void)state;
	uint8_t out = 0x55;

	mx_form_write(&(struct mx_form){ 0 }, 7, 9, &out);
	mx_form_write_stale(&(struct mx_form){ 0 }, 30, &out);
	assert_int_equal(out, 0x55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_whole_rrs),
		cmocka_unit_test(nothing_behind_what_turns),
		cmocka_unit_test(ages_each_ttl_where_it_went),
		cmocka_unit_test(all_octets_of_a_ttl_count),
		cmocka_unit_test(stale_ttls_are_no_longer_than_their_own),
		cmocka_unit_test(empty_body),
	};

	return cmocka_run_group_tests_name("base_form", tests, NULL, NULL);
}
