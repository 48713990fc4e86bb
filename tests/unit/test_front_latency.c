/* Which class and type a query's time is counted under, over UDP and TCP. How
 * long it was is for bench/ to say. */
#include "front_world.h"

enum { ID = 7 };

static size_t query_of(uint8_t buf[512], const char *name, uint16_t qtype,
		       uint16_t flags)
{
	struct mx_out out;
	struct mx_name qname;

	assert_int_equal(mx_name_from_text(name, &qname), MX_OK);
	mx_out_init(&out, buf, 512);
	mx_out_u16(&out, ID);
	mx_out_u16(&out, flags);
	mx_out_u16(&out, 1);
	mx_out_octets(&out, "\0\0\0\0\0\0", 6);
	mx_out_octets(&out, qname.octets, qname.len);
	mx_out_u16(&out, qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	return mx_out_len(&out);
}

struct client {
	int fd;
	bool tcp;
};

static void ask(struct world *w, struct client client, const char *name,
		uint16_t qtype)
{
	uint8_t buf[2 + 512];
	size_t len = query_of(buf + 2, name, qtype, 0x0100);

	mx_put_u16(buf, (uint16_t)len);
	if (client.tcp)
		assert_int_equal(send(client.fd, buf, 2 + len, 0), 2 + len);
	else
		assert_int_equal(send(client.fd, buf + 2, len, 0), len);
	world_turn(w);
}

static unsigned hear(struct world *w, struct client client)
{
	uint8_t reply[2 + 1232];
	size_t head = client.tcp ? 2 : 0;

	assert_true(world_readable(w, client.fd));
	if (client.tcp)
		assert_int_equal(recv(client.fd, reply, 2, 0), 2);
	assert_true(recv(client.fd, reply + head,
			 client.tcp ? mx_get_u16(reply) : 1232, 0) >=
		    MX_HEADER_LEN);
	return reply[head + 3] & 15;
}

/* The resolver says: no such type. */
static void answer_nodata(struct world *w, enum mx_validation state)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX], packet[512];
	struct mx_channel_question q;
	struct mx_out out;

	assert_true(world_question(w, 0, &q, buf));
	mx_out_init(&out, packet, sizeof packet);
	mx_out_u16(&out, 0);
	mx_out_u16(&out, 0x8180);
	mx_out_octets(&out, "\0\1\0\0\0\1\0\0", 8);
	mx_out_octets(&out, q.key.qname, q.key.qname_len);
	mx_out_u16(&out, q.key.qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_u8(&out, 0); /* . SOA */
	mx_out_u16(&out, MX_TYPE_SOA);
	mx_out_u16(&out, MX_CLASS_IN);
	mx_out_u32(&out, 600);
	mx_out_u16(&out, 22);
	mx_out_u16(&out, 0);
	for (int i = 0; i < 5; i++)
		mx_out_u32(&out, 600);

	struct mx_channel_answer a = {
		.id = q.id, .status = MX_CHANNEL_ANSWER, .state = state,
		.why = "", .packet = packet,
		.packet_len = (uint32_t)mx_out_len(&out),
	};
	world_answer(w, 0, &a);
	world_turn(w);
}

static uint64_t counted(const struct world *w, enum mx_latency_class class,
			uint16_t qtype)
{
	struct mx_latency_sum sum = { .count = 0 };

	mx_latency_collect(&sum, &w->worker->latency,
			   mx_latency_series(class, qtype));
	return sum.count;
}

static uint64_t counted_in_all(const struct world *w)
{
	struct mx_latency_sum sum = { .count = 0 };

	for (unsigned i = 0; i < MX_LATENCY_SERIES; i++)
		mx_latency_collect(&sum, &w->worker->latency, i);
	return sum.count;
}

static void over(bool tcp)
{
	struct world w;

	world_begin(&w, NULL, 0);
	world_resolver_comes(&w, 0);
	struct client client = { world_client(&w, 1, tcp), tcp };

	ask(&w, client, "a.example.", MX_TYPE_MX);
	ask(&w, client, "a.example.", MX_TYPE_MX);
	assert_int_equal(counted_in_all(&w), 0);
	answer_nodata(&w, MX_SECURE);
	assert_int_equal(hear(&w, client), MX_RCODE_NOERROR);
	assert_int_equal(hear(&w, client), MX_RCODE_NOERROR);
	assert_int_equal(counted(&w, MX_LATENCY_miss, MX_TYPE_MX), 1);
	assert_int_equal(counted(&w, MX_LATENCY_joined, MX_TYPE_MX), 1);

	ask(&w, client, "a.example.", MX_TYPE_MX);
	hear(&w, client);
	assert_int_equal(counted(&w, MX_LATENCY_hit, MX_TYPE_MX), 1);

	/* Bogus: failed, both for who waits and out of the cache. */
	ask(&w, client, "bad.example.", MX_TYPE_TLSA);
	answer_nodata(&w, MX_BOGUS);
	assert_int_equal(hear(&w, client), MX_RCODE_SERVFAIL);
	assert_int_equal(counted(&w, MX_LATENCY_failed, MX_TYPE_TLSA), 1);
	ask(&w, client, "bad.example.", MX_TYPE_TLSA);
	assert_int_equal(hear(&w, client), MX_RCODE_SERVFAIL);
	assert_int_equal(counted(&w, MX_LATENCY_failed, MX_TYPE_TLSA), 2);
	assert_int_equal(counted_in_all(&w), 5);

	/* Special names and refusals are no measure of anything. */
	ask(&w, client, "localhost.", MX_TYPE_A);
	hear(&w, client);
	ask(&w, client, "a.example.", 252);
	hear(&w, client);
	assert_int_equal(counted_in_all(&w), 5);
	close(client.fd);
	world_end(&w);
}

static void udp(void **state)
{
	(void)state;
	over(false);
}

static void tcp(void **state)
{
	(void)state;
	over(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp),
		cmocka_unit_test(tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
