/* Mail chains: which questions come after which answers, and when the route is
 * known, with a little DNS in text and made-up time. */
#include "bench_world.h"

/* One RRset: MX, A, AAAA, TLSA, or a type with no RDATA at all. */
struct zone_row {
	const char *qname, *type, *rdata; /* "" is NODATA; NULL is SERVFAIL */
	bool secure;
	int64_t delay_ms; /* 0: 10 */
};

#define ASKED_MAX 64u
struct story {
	const struct zone_row *zone; /* what is not there is NXDOMAIN */
	char asked[ASKED_MAX][120];
	unsigned count;
};

static size_t put_mx(uint8_t *rdata, const char *text)
{
	struct mx_name exchange;
	char name[100];
	unsigned preference;

	assert_int_equal(sscanf(text, "%u %99s", &preference, name), 2);
	if (strcmp(name, ".") == 0) {
		exchange.len = 1;
		exchange.octets[0] = 0;
	} else {
		assert_int_equal(mx_name_from_text(name, &exchange), MX_OK);
	}
	mx_put_u16(rdata, (uint16_t)preference);
	memcpy(rdata + 2, exchange.octets, exchange.len);
	return 2u + exchange.len;
}

static size_t put_rdata(uint8_t *rdata, const char *type, const char *text)
{
	if (strcmp(type, "MX") == 0)
		return put_mx(rdata, text);
	if (strcmp(type, "A") == 0) {
		memcpy(rdata, "\306\022\001\002", 4);
		return 4;
	}
	if (strcmp(type, "AAAA") == 0) {
		memset(rdata, 0x20, 16);
		return 16;
	}
	if (strcmp(type, "TXT") == 0) {
		memcpy(rdata, "\1x", 2);
		return 2;
	}
	memcpy(rdata, "\3\1\1", 3); /* TLSA, and what is as good as it */
	memset(rdata + 3, 7, 32);
	return 35;
}

static const struct zone_row *find(const struct story *s, const char *qname,
				   const char *type)
{
	for (const struct zone_row *row = s->zone; row->qname; row++)
		if (strcmp(row->qname, qname) == 0 &&
		    strcmp(row->type, type) == 0)
			return row;
	return NULL;
}

/* RRs are apart by ", ". */
static size_t put_rrs(uint8_t *octets, size_t at, const struct zone_row *row)
{
	char text[200], *rest, *one;
	unsigned count = 0;

	snprintf(text, sizeof text, "%s", row->rdata);
	for (one = strtok_r(text, ",", &rest); one != NULL;
	     one = strtok_r(NULL, ",", &rest)) {
		uint8_t rdata[200];
		size_t len = put_rdata(rdata, row->type, one);

		at = answer_rr(octets, at, 300, rdata, len);
		count++;
	}
	mx_put_u16(octets + 6, (uint16_t)count);
	return at;
}

static void from_the_zone(struct world *w, const struct engine_out *out)
{
	struct story *s = w->arg;
	char qname[MX_NAME_TEXT_MAX], type_buf[16];
	uint8_t octets[WORLD_PACKET_MAX];
	size_t len = answer_head(out, octets, 0, 0);
	const char *type = mx_type_text(mx_get_u16(octets + len - 4), type_buf);
	const struct zone_row *row;

	mx_name_to_text(out->octets + MX_HEADER_LEN, qname);
	assert_true(s->count < ASKED_MAX);
	snprintf(s->asked[s->count++], sizeof s->asked[0], "%.90s %s", qname,
		 type);
	row = find(s, qname, type);
	if (row == NULL)
		octets[3] |= 3;
	else if (row->rdata == NULL)
		octets[3] |= 2;
	else
		len = put_rrs(octets, len, row);
	if (row != NULL && row->secure)
		octets[3] |= 0x20;
	world_put(w, out, octets, len,
		  (row != NULL && row->delay_ms > 0 ? row->delay_ms : 10) * MS);
}

struct outcome {
	enum chain_outcome outcome;
	double route_ms, chain_ms;
};

static void play(const struct zone_row *zone, const struct chain_options *chain,
		 const char *const *asked, const struct outcome *want)
{
	struct story s = { .zone = zone };
	struct mx_name domain;
	struct engine_options o = { .servers = 1, .rate = 1, .units = 1,
				    .domains = &domain, .domain_count = 1,
				    .chain = *chain };
	struct results_server *r;
	struct world w;
	unsigned i;

	assert_int_equal(mx_name_from_text("d.x", &domain), MX_OK);
	world_begin(&w, &o);
	w.server = from_the_zone;
	w.arg = &s;
	world_run(&w, INT64_MAX);
	for (i = 0; asked[i] != NULL; i++) {
		assert_true(i < s.count);
		assert_string_equal(s.asked[i], asked[i]);
	}
	assert_int_equal(s.count, i);
	r = &w.results.at[0];
	assert_int_equal(r->outcomes[want->outcome], 1);
	assert_int_equal(r->route[SEEN_COLD].count, 1);
	assert_true(r->route[SEEN_COLD].max_ns == (uint64_t)(want->route_ms * MS));
	assert_true(r->chain.max_ns == (uint64_t)(want->chain_ms * MS));
	assert_false(r->counts.malformed);
	world_end(&w);
}

static const struct chain_options all = { .hosts = 2, .receiving = true };
static const struct chain_options sending = { .hosts = 2 };

static void secure(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "20 b.x,10 a.x,30 c.x", true, 0 },
		{ "a.x.", "A", "1", true, 0 },
		{ "a.x.", "AAAA", "1", true, 0 },
		{ "b.x.", "A", "1", false, 0 },
		{ "b.x.", "AAAA", "", false, 50 },
		{ "_25._tcp.a.x.", "TLSA", "1", true, 0 },
		{ "_mta-sts.d.x.", "TXT", "1", true, 0 },
		{ "d.x.", "TXT", "1", true, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "a.x. A", "a.x. AAAA", "b.x. A", "b.x. AAAA",
		"_25._tcp.a.x. TLSA", "_mta-sts.d.x. TXT", "d.x. TXT",
		"_dmarc.d.x. TXT", "2.1.18.198.in-addr.arpa. PTR", NULL,
	};

	(void)state;
	/* MX, addresses, TLSA of the first: 30 ms. The second's AAAA comes at
	 * 60, then the policy, then the rest. */
	play(zone, &all, asked, &(struct outcome){ CHAIN_ROUTED, 30, 80 });
}

static void insecure(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "10 a.x", false, 0 },
		{ "a.x.", "A", "1", false, 0 },
		{ "a.x.", "AAAA", "", false, 30 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "a.x. A", "a.x. AAAA", "_mta-sts.d.x. TXT", NULL,
	};

	(void)state;
	/* No TLSA; both families are waited for. */
	play(zone, &sending, asked, &(struct outcome){ CHAIN_ROUTED, 40, 50 });
}

static void implicit_mx(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "", false, 0 },
		{ "d.x.", "AAAA", "1", false, 0 },
		{ "d.x.", "A", "", false, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "d.x. A", "d.x. AAAA", "_mta-sts.d.x. TXT",
		"d.x. TXT", "_dmarc.d.x. TXT",
		"0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.0.2.ip6.arpa. PTR",
		NULL,
	};

	(void)state;
	play(zone, &all, asked, &(struct outcome){ CHAIN_ROUTED, 20, 40 });
}

/* The first exchange has no address: the second's are waited for. */
static void first_without_address(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "10 a.x,20 b.x", false, 0 },
		{ "b.x.", "A", "1", false, 100 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "a.x. A", "a.x. AAAA", "b.x. A", "b.x. AAAA",
		"_mta-sts.d.x. TXT", NULL,
	};

	(void)state;
	play(zone, &sending, asked, &(struct outcome){ CHAIN_ROUTED, 110, 120 });
}

static void takes_no_mail(void **state)
{
	static const struct zone_row null_mx[] = {
		{ "d.x.", "MX", "0 .", false, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = { "d.x. MX", "_mta-sts.d.x. TXT",
					     NULL };

	(void)state;
	play(null_mx, &sending, asked, &(struct outcome){ CHAIN_NO_MAIL, 10, 20 });
	play(null_mx + 1, &sending, asked,
	     &(struct outcome){ CHAIN_NO_MAIL, 10, 20 });
}

/* It delivers no mail, however quick it is: as long as the timeout. */
static void failed(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", NULL, false, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = { "d.x. MX", "_mta-sts.d.x. TXT",
					     NULL };

	(void)state;
	play(zone, &sending, asked, &(struct outcome){ CHAIN_FAILED, 5000, 20 });
}

/* An exchange that cannot be looked up is nothing where another is good. */
static void one_fails(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "10 a.x,20 b.x", false, 0 },
		{ "a.x.", "A", NULL, false, 0 },
		{ "a.x.", "AAAA", NULL, false, 0 },
		{ "b.x.", "A", "1", false, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "a.x. A", "a.x. AAAA", "b.x. A", "b.x. AAAA",
		"_mta-sts.d.x. TXT", NULL,
	};

	(void)state;
	play(zone, &sending, asked, &(struct outcome){ CHAIN_ROUTED, 20, 30 });
}

static void blocklists(void **state)
{
	static const struct zone_row zone[] = {
		{ "d.x.", "MX", "10 a.x", false, 0 },
		{ "a.x.", "A", "1", false, 0 },
		{ NULL, NULL, NULL, false, 0 },
	};
	static const char *const asked[] = {
		"d.x. MX", "a.x. A", "a.x. AAAA", "_mta-sts.d.x. TXT",
		"d.x. TXT", "_dmarc.d.x. TXT", "2.1.18.198.in-addr.arpa. PTR",
		"2.1.18.198.bl.x. A", NULL,
	};
	struct chain_options options = all;

	(void)state;
	options.dnsbl_count = 1;
	assert_int_equal(mx_name_from_text("bl.x", &options.dnsbls[0]), MX_OK);
	play(zone, &options, asked, &(struct outcome){ CHAIN_ROUTED, 20, 40 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secure),
		cmocka_unit_test(insecure),
		cmocka_unit_test(implicit_mx),
		cmocka_unit_test(first_without_address),
		cmocka_unit_test(takes_no_mail),
		cmocka_unit_test(failed),
		cmocka_unit_test(one_fails),
		cmocka_unit_test(blocklists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
