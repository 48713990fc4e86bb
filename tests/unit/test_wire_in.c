/* The cursor: what is read, and that nothing beyond its end ever is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hex.h"
#include "mx_wire.h"

static void fields_in_network_order(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct mx_in in;

	mx_in_init(&in, msg, sizeof msg);
	assert_int_equal(mx_in_u8(&in), 1);
	assert_int_equal(mx_in_u16(&in), 0x0203);
	assert_int_equal(mx_in_u32(&in), 0x04050607);
	assert_ptr_equal(mx_in_octets(&in, 2), msg + 7);
	assert_int_equal(mx_in_left(&in), 0);
	assert_int_equal(mx_in_end(&in), MX_OK);
}

static void top_bits_survive(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0 };
	struct mx_in in;

	mx_in_init(&in, msg, sizeof msg);
	assert_true(mx_in_u32(&in) == UINT32_MAX);
	assert_true(mx_in_u32(&in) == 0x80000000u);
}

static void first_error_stays_and_zeros_follow(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 0xaa, 0xbb, 0xcc };
	struct mx_in in;

	mx_in_init(&in, msg, sizeof msg);
	assert_int_equal(mx_in_u32(&in), 0);
	assert_int_equal(in.err, MX_E_SHORT);
	/* Three octets were left, but nothing is read after an error. */
	assert_int_equal(mx_in_u8(&in), 0);
	assert_int_equal(mx_in_u16(&in), 0);
	assert_null(mx_in_octets(&in, 0));
	assert_int_equal(mx_in_left(&in), 0);
	mx_in_fail(&in, MX_E_POINTER);
	assert_int_equal(mx_in_end(&in), MX_E_SHORT);
}

static void octets_left_over_are_an_error(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 1, 2 };
	struct mx_in in;

	mx_in_init(&in, msg, sizeof msg);
	mx_in_u8(&in);
	assert_int_equal(mx_in_end(&in), MX_E_TRAILING);
}

static void nothing_to_read(void **state)
{
	(void)state;
	struct mx_in in;

	mx_in_init(&in, NULL, 0);
	assert_int_equal(mx_in_end(&in), MX_OK);
	assert_int_equal(mx_in_u8(&in), 0);
	assert_int_equal(mx_in_end(&in), MX_E_SHORT);
}

static void lengths_near_the_top_do_not_wrap(void **state)
{
	(void)state;
	static const uint8_t msg[4];
	struct mx_in in;

	mx_in_init(&in, msg, sizeof msg);
	mx_in_u8(&in);
	assert_null(mx_in_octets(&in, SIZE_MAX));
	assert_int_equal(in.err, MX_E_SHORT);
}

static void sub_covers_its_octets_alone(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 1, 2, 3, 4, 5 };
	struct mx_in in, sub;

	mx_in_init(&in, msg, sizeof msg);
	mx_in_u8(&in);
	sub = mx_in_sub(&in, 2);
	assert_ptr_equal(sub.msg, msg);
	assert_int_equal(mx_in_left(&sub), 2);
	assert_int_equal(mx_in_u32(&sub), 0);
	assert_int_equal(sub.err, MX_E_SHORT);
	/* What happens in it does not hurt what follows. */
	assert_int_equal(mx_in_u16(&in), 0x0405);
	assert_int_equal(mx_in_end(&in), MX_OK);
}

static void sub_longer_than_what_is_left(void **state)
{
	(void)state;
	static const uint8_t msg[] = { 1, 2, 3 };
	struct mx_in in, sub;

	mx_in_init(&in, msg, sizeof msg);
	sub = mx_in_sub(&in, 4);
	assert_int_equal(in.err, MX_E_SHORT);
	assert_int_equal(sub.err, MX_E_SHORT);
	assert_int_equal(mx_in_left(&sub), 0);
	sub = mx_in_sub(&in, 0);
	assert_int_equal(mx_in_end(&sub), MX_E_SHORT);
}

static void writer_stops_at_its_end(void **state)
{
	(void)state;
	uint8_t buf[9] = { [8] = 0x77 };
	struct mx_out out;

	mx_out_init(&out, buf, 8);
	mx_out_u8(&out, 1);
	mx_out_u16(&out, 0x0203);
	mx_out_u32(&out, 0x04050607);
	assert_int_equal(mx_out_len(&out), 7);
	mx_out_patch_u16(&out, 6, 0xffff); /* only one octet is there */
	assert_false(out.full);
	mx_out_u16(&out, 0x0809);
	assert_true(out.full);
	mx_out_u8(&out, 8); /* would fit, but a message with a hole is none */
	assert_int_equal(mx_out_len(&out), 7);
	mx_out_patch_u16(&out, 0, 0xffff);
	assert_memory_equal(buf, "\1\2\3\4\5\6\7\0\x77", 9);
}

static void writer_patches(void **state)
{
	(void)state;
	uint8_t buf[4];
	struct mx_out out;

	mx_out_init(&out, buf, sizeof buf);
	mx_out_u16(&out, 0);
	mx_out_octets(&out, "ab", 2);
	mx_out_octets(&out, NULL, 0);
	mx_out_patch_u16(&out, 0, 0x0102);
	assert_false(out.full);
	assert_memory_equal(buf, "\1\2ab", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_in_network_order),
		cmocka_unit_test(top_bits_survive),
		cmocka_unit_test(first_error_stays_and_zeros_follow),
		cmocka_unit_test(octets_left_over_are_an_error),
		cmocka_unit_test(nothing_to_read),
		cmocka_unit_test(lengths_near_the_top_do_not_wrap),
		cmocka_unit_test(sub_covers_its_octets_alone),
		cmocka_unit_test(sub_longer_than_what_is_left),
		cmocka_unit_test(writer_stops_at_its_end),
		cmocka_unit_test(writer_patches),
	};

	return cmocka_run_group_tests_name("wire_in", tests, NULL, NULL);
}
