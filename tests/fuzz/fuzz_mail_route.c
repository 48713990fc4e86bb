/* Any DNS, in any order, to a route.
 *
 *   input   octet 0: options; octets 1 and 2: the order of the answers
 *           the rest: what DNS says. Each question gets its answer from a
 *           place in it that its name and type choose.
 *
 * Claims: it ends, with a bounded number of questions, none asked twice;
 * nothing is past its bound; the outcome is the highest of what the hosts say;
 * no host is USABLE whose TLSA failed; and the order of the answers, early
 * questions and answers that nobody asked for do not change the result. */
#include <string.h>

#include "check.h"
#include "mx_mail.h"
#include "mx_route.h"

struct dns {
	const uint8_t *octets;
	size_t len;
};

/* A few names, so that hosts and aliases meet. */
static const char *const names[16] = {
	"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test",
	"h.test", "i.test", "j.test", "k.test", "l.test", "192.0.2.1",
	"under_score.test", "bad\\032name.test", ".",
};

static size_t place(const struct dns *dns, const struct mx_route_question *q)
{
	uint32_t hash = q->qtype;

	for (unsigned i = 0; i < q->qname.len; i++)
		hash = hash * 16777619u ^ q->qname.octets[i];
	return hash % dns->len;
}

static uint8_t octet(const struct dns *dns, size_t at)
{
	return dns->octets[at % dns->len];
}

static void put_name(struct mx_out *out, uint8_t which)
{
	struct mx_name name;

	CHECK(mx_name_from_text(names[which & 15], &name) == MX_OK);
	mx_out_octets(out, name.octets, name.len);
}

static void put_rdata(struct mx_out *out, const struct dns *dns, size_t at,
		      uint16_t type)
{
	static const uint8_t record[] = "\15v=STSv1; id=1";
	unsigned len = octet(dns, at + 1) & 1 ? 35 : octet(dns, at + 1) >> 2;

	switch (type) {
	case MX_TYPE_MX:
		mx_out_u16(out, octet(dns, at) & 3);
		put_name(out, octet(dns, at + 1));
		break;
	case MX_TYPE_CNAME:
		put_name(out, octet(dns, at));
		break;
	case MX_TYPE_TXT:
		mx_out_octets(out, record, sizeof record - 1);
		break;
	case MX_TYPE_TLSA:
		for (unsigned i = 0; i < len; i++)
			mx_out_u8(out, i < 3 ? octet(dns, at + i) & 3 :
					       octet(dns, at + i));
		break;
	default:
		for (unsigned i = 0; i < (type == MX_TYPE_A ? 4 : 16); i++)
			mx_out_u8(out, octet(dns, at + i));
	}
}

/* An RR at the name of which this is the wire format. */
static void put_rr(struct mx_out *out, const struct mx_name *owner,
		   uint16_t type, const struct dns *dns, size_t at)
{
	mx_out_octets(out, owner->octets, owner->len);
	mx_out_u16(out, type);
	mx_out_u16(out, MX_CLASS_IN);
	mx_out_u32(out, 60);
	size_t rdlength_at = mx_out_len(out);

	mx_out_u16(out, 0);
	put_rdata(out, dns, at, type);
	mx_out_patch_u16(out, rdlength_at,
			 (uint16_t)(mx_out_len(out) - rdlength_at - 2));
}

static uint16_t put_body(struct mx_out *out, const struct dns *dns,
			 const struct mx_route_question *q, size_t at)
{
	struct mx_name owner = q->qname;
	uint16_t count = 0, rrs = octet(dns, at + 1) & 15;

	if (octet(dns, at + 1) & 16 && q->qtype != MX_TYPE_CNAME) {
		put_rr(out, &owner, MX_TYPE_CNAME, dns, at + 2);
		CHECK(mx_name_from_text(names[octet(dns, at + 2) & 15],
					&owner) == MX_OK);
		count++;
	}
	for (unsigned i = 0; i < rrs; i++, count++)
		put_rr(out, &owner, q->qtype, dns, at + 3 + 2 * i);
	return count;
}

/* The answer to a question is the same whenever it is asked. */
static void tell(struct mx_route *route, const struct dns *dns,
		 const struct mx_route_question *q)
{
	static uint8_t body[MX_MESSAGE_MAX];
	static struct mx_mail_room room;
	size_t at = place(dns, q);
	struct mx_form form = { .octets = body };
	const struct mx_key key = { q->qname.octets, q->qname.len, q->qtype,
				    MX_CLASS_IN };
	struct mx_out out;

	mx_out_init(&out, body, sizeof body);
	form.ancount = put_body(&out, dns, q, at);
	form.len = (uint32_t)mx_out_len(&out);
	const struct mx_route_answer answer = {
		.kind = (enum mx_answer_kind)(octet(dns, at) & 3) == 0 ||
			octet(dns, at) & 32 ? MX_ANSWER_POSITIVE :
			(enum mx_answer_kind)(octet(dns, at) & 3),
		.state = octet(dns, at) & 64 ? MX_SECURE :
			 (enum mx_validation)(octet(dns, at) >> 2 & 3),
		.form = &form, .expires_ms = octet(dns, at) * 1000,
	};

	mx_route_answer(route, &key, &answer, &room);
}

/* ---- claims ---- */

static void check_host(const struct mx_route_host *h)
{
	CHECK(h->address_count <= MX_ROUTE_ADDRESSES_MAX);
	CHECK(h->tlsa_kept <= MX_ROUTE_TLSA_MAX);
	CHECK(h->tlsa_kept <= h->tlsa_count && h->tlsa_usable <= h->tlsa_count);
	CHECK(h->state != MX_ROUTE_HOST_WAITING);
	if (h->state == MX_ROUTE_HOST_USABLE) {
		CHECK(h->address_count > 0);
		CHECK(h->dane != MX_ROUTE_DANE_FAILED &&
		      h->dane != MX_ROUTE_DANE_NONE);
	}
	CHECK((h->level > MX_ROUTE_LEVEL_MAY) ==
	      (h->dane == MX_ROUTE_DANE_USABLE ||
	       h->dane == MX_ROUTE_DANE_UNUSABLE));
	CHECK((h->tlsa_base.len > 0) == (h->tlsa_count > 0));
}

static void check_result(const struct mx_route_result *r)
{
	unsigned usable = 0, temporary = 0;

	CHECK(r->host_count <= MX_ROUTE_HOSTS_MAX);
	for (unsigned i = 0; i < r->host_count; i++) {
		const struct mx_route_host *h = &r->hosts[i];

		check_host(h);
		CHECK(i == 0 || h[-1].preference <= h->preference);
		usable += h->state == MX_ROUTE_HOST_USABLE;
		temporary += mx_route_host_state_class(h->state) ==
			     MX_ROUTE_TEMPORARY;
	}
	CHECK(usable == r->hosts_usable);
	CHECK((usable > 0) == (r->outcome == MX_ROUTE_DELIVER));
	CHECK(usable > 0 || temporary == 0 ||
	      r->outcome == MX_ROUTE_TRY_AGAIN);
	CHECK((r->reason != MX_ROUTE_WHY_NONE) ==
	      (r->outcome == MX_ROUTE_TRY_AGAIN));
	CHECK(r->level_least <= r->level_most);
}

/* ---- in an order ---- */

struct open_questions {
	unsigned count, total;
	struct mx_route_question at[MX_ROUTE_QUESTIONS_MAX];
	struct mx_route_question all[MX_ROUTE_QUESTIONS_MAX];
};

static void take(struct mx_route *route, struct open_questions *open)
{
	struct mx_route_question *new = &open->at[open->count];
	unsigned count = mx_route_next(route, new, 7);

	open->count += count;
	CHECK(open->total + count <= MX_ROUTE_QUESTIONS_MAX);
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < open->total; k++)
			CHECK(open->all[k].qtype != new[i].qtype ||
			      !mx_name_equal(&open->all[k].qname,
					     &new[i].qname));
		open->all[open->total++] = new[i];
	}
}

/* Told before it was asked, which must not matter: a type of any name. */
static void tell_unasked(struct mx_route *route, const struct dns *dns,
			 uint32_t random)
{
	static const uint16_t types[4] = { MX_TYPE_A, MX_TYPE_AAAA,
					   MX_TYPE_MX, MX_TYPE_CNAME };
	struct mx_route_question q = { .qtype = types[random >> 4 & 3] };

	CHECK(mx_name_from_text(names[random & 15], &q.qname) == MX_OK);
	tell(route, dns, &q);
}

static struct mx_route *run(const struct mx_route_options *options,
			    const struct dns *dns, uint32_t order)
{
	static struct open_questions open;
	struct mx_route_destination d;
	struct mx_route *route;

	CHECK(mx_route_destination_read("a.test", &d));
	route = mx_route_new(&d, options);
	CHECK(route != NULL);
	open.count = open.total = 0;
	for (take(route, &open); open.count > 0; take(route, &open)) {
		order = order * 1103515245u + 12345u;
		unsigned i = (order >> 8) % open.count;
		const struct mx_route_question q = open.at[i];

		if (order >> 16 & 1)
			tell_unasked(route, dns, order >> 17);
		open.at[i] = open.at[--open.count];
		tell(route, dns, &q);
		if (order >> 30 & 1)
			tell(route, dns, &q);
	}
	CHECK(mx_route_done(route));
	return route;
}

static void clear_tail(struct mx_name *name)
{
	memset(name->octets + name->len, 0, sizeof(name->octets) - name->len);
}

/* What may differ goes: pointers, the count of questions, octets past the end
 * of a name. */
static void reduce(struct mx_route_result *r)
{
	r->questions = 0;
	clear_tail(&r->domain);
	clear_tail(&r->mx_owner);
	for (unsigned i = 0; i < r->host_count; i++) {
		struct mx_route_host *h = &r->hosts[i];

		h->tlsa = NULL;
		clear_tail(&h->name);
		clear_tail(&h->final);
		clear_tail(&h->tlsa_base);
	}
}

static void check_same(const struct mx_route_result *a,
		       const struct mx_route_result *b)
{
	static struct mx_route_result x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	CHECK(x.host_count == y.host_count);
	for (unsigned i = 0; i < x.host_count; i++) {
		unsigned kept = x.hosts[i].tlsa_kept;

		CHECK(kept == y.hosts[i].tlsa_kept);
		if (kept > 0)
			CHECK(memcmp(x.hosts[i].tlsa, y.hosts[i].tlsa,
				     kept * sizeof(*x.hosts[i].tlsa)) == 0);
	}
	reduce(&x);
	reduce(&y);
	CHECK(memcmp(&x, &y, sizeof x) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	if (len < 4 || len > 5000)
		return 0;
	const struct dns dns = { octets + 3, len - 3 };
	struct mx_name own;

	CHECK(mx_name_from_text("l.test", &own) == MX_OK);
	struct mx_route_options options = {
		.seed = octets[0] >> 3, .want_sts = octets[0] & 1,
		.ask_early = octets[0] & 2, .own = &own,
		.own_count = octets[0] >> 2 & 1,
	};
	struct mx_route *a = run(&options, &dns, octets[1]);

	options.ask_early = octets[2] & 1;
	struct mx_route *b = run(&options, &dns, 0x10001u * octets[2]);

	check_result(mx_route_result(a));
	check_same(mx_route_result(a), mx_route_result(b));
	mx_route_free(a);
	mx_route_free(b);
	return 0;
}
