/* trace.c - see trace.h. */
#include "trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOMAINS 20000u
#define DELIVERIES 250000u
#define ROUNDS 2u	/* of all domains, before */
#define TYPES 4u
#define LISTS 4u	/* DNSBL names a delivery asks for */
#define DELIVERY_QUESTIONS ((uint64_t)(TYPES + LISTS))

#define EXPONENT 0.9 /* of Zipf's law */
#define NAMES 400000u
#define QUESTIONS 1500000u
#define SHIFT_EVERY 75000u
#define SHIFT_SHARE 20u

#define SIGNATURE 107u /* an RRSIG by ECDSA */

enum { TYPE_A = 1, TYPE_MX = 15, TYPE_AAAA = 28, TYPE_TLSA = 52 };

struct trace {
	void (*make)(struct trace *t, struct trace_question *ret);
	uint64_t length, before, at, random;
	double *up_to;	/* of each rank, the share of all up to it */
	uint32_t ranks;
	uint64_t domain, once; /* mail: what the delivery is to, DNSBL names */
};

/* ---- numbers ---- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t next(struct trace *t)
{
	return mix(t->random += 0x9e3779b97f4a7c15u);
}

static double share(uint64_t random)
{
	return (double)(random >> 11) / (double)(1ull << 53);
}

/* ---- popularity ---- */

static bool zipf_init(struct trace *t, uint32_t ranks, double exponent)
{
	double sum = 0;

	t->ranks = ranks;
	t->up_to = calloc(ranks, sizeof *t->up_to);
	if (t->up_to == NULL)
		return false;
	for (uint32_t i = 0; i < ranks; i++)
		t->up_to[i] = sum += pow(i + 1.0, -exponent);
	for (uint32_t i = 0; i < ranks; i++)
		t->up_to[i] /= sum;
	return true;
}

static uint32_t zipf_rank(struct trace *t)
{
	double want = share(next(t));
	uint32_t low = 0, high = t->ranks - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (t->up_to[middle] < want)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- mail ---- */

/* Numbers of one kind of name must not meet those of another. */
static uint64_t name_number(unsigned kind, uint64_t number)
{
	return (uint64_t)kind << 48 | number;
}

/* Answers of a domain always have the same lengths. Half of all are signed. */
static void size_mail(struct trace_question *q)
{
	uint64_t h = mix(q->name * 64 + q->qtype);
	uint32_t sets = 1 + h % 3;

	switch (q->qtype) {
	case TYPE_MX:
		q->len_plain = sets * 20;
		break;
	case TYPE_A:
		q->len_plain = sets * 16;
		break;
	case TYPE_AAAA:
		q->len_plain = sets * 28;
		break;
	default:
		q->len_plain = sets * 47;
	}
	q->len_full = q->len_plain + (mix(q->name) % 2 ? SIGNATURE : 0);
}

static void make_domain(uint64_t domain, unsigned type,
			struct trace_question *ret)
{
	static const uint16_t types[TYPES] = {
		TYPE_MX, TYPE_A, TYPE_AAAA, TYPE_TLSA,
	};

	ret->name = name_number(1, domain);
	ret->qtype = types[type];
	ret->once = false;
	size_mail(ret);
}

/* Most are not listed: NXDOMAIN with the list's SOA. */
static void make_dnsbl(uint64_t number, struct trace_question *ret)
{
	ret->name = name_number(2, number);
	ret->qtype = TYPE_A;
	ret->once = true;
	ret->len_plain = ret->len_full = mix(ret->name) % 5 == 0 ? 16 : 75;
}

static void make_delivery(struct trace *t, struct trace_question *ret)
{
	unsigned step = t->at % DELIVERY_QUESTIONS;

	if (step == 0)
		t->domain = zipf_rank(t);
	if (step < TYPES)
		make_domain(t->domain, step, ret);
	else
		make_dnsbl(t->once++, ret);
}

static void make_mail(struct trace *t, struct trace_question *ret)
{
	if (t->at < t->before)
		make_domain(t->at / TYPES % DOMAINS, t->at % TYPES, ret);
	else
		make_delivery(t, ret);
}

/* ---- zipf and shift ---- */

/* Nine in ten below 200 octets, one in a thousand up to the largest. */
static uint32_t any_size(uint64_t name)
{
	static const struct { double upto; double least, most; } parts[] = {
		{ 0.9, 60, 200 }, { 0.99, 200, 1500 },
		{ 0.999, 1500, 8000 }, { 1, 8000, 65535 },
	};
	uint64_t h = mix(name);
	double where = share(h), within = share(mix(h));
	unsigned i = 0;

	while (where >= parts[i].upto && i < 3)
		i++;
	return (uint32_t)(parts[i].least *
			  pow(parts[i].most / parts[i].least, within));
}

static void make_named(uint64_t name, struct trace_question *ret)
{
	ret->name = name;
	ret->qtype = TYPE_A;
	ret->once = false;
	ret->len_plain = ret->len_full = any_size(name);
}

static void make_zipf(struct trace *t, struct trace_question *ret)
{
	make_named(name_number(3, zipf_rank(t)), ret);
}

static void make_shift(struct trace *t, struct trace_question *ret)
{
	uint32_t rank = zipf_rank(t);
	uint64_t epoch = t->at / SHIFT_EVERY;
	uint64_t holder = (epoch + rank % SHIFT_SHARE) / SHIFT_SHARE;

	make_named(name_number(4, holder * NAMES + rank), ret);
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	void (*make)(struct trace *t, struct trace_question *ret);
	uint64_t before, counted;
	uint32_t ranks;
} kinds[] = {
	{ "mail", make_mail, ROUNDS * DOMAINS * TYPES,
	  DELIVERIES * DELIVERY_QUESTIONS, DOMAINS },
	{ "start", make_delivery, DELIVERIES * DELIVERY_QUESTIONS,
	  DELIVERIES * DELIVERY_QUESTIONS, DOMAINS },
	{ "zipf", make_zipf, QUESTIONS / 2, QUESTIONS / 2, NAMES },
	{ "shift", make_shift, QUESTIONS / 2, QUESTIONS / 2, NAMES },
};

struct trace *trace_new(const char *name, uint64_t seed)
{
	struct trace *t;
	unsigned i = 0;

	while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].name, name))
		i++;
	if (i == sizeof kinds / sizeof *kinds)
		return NULL;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->make = kinds[i].make;
	t->before = kinds[i].before;
	t->length = t->before + kinds[i].counted;
	t->random = seed;
	if (!zipf_init(t, kinds[i].ranks, EXPONENT)) {
		trace_free(t);
		return NULL;
	}
	return t;
}

void trace_free(struct trace *t)
{
	if (t == NULL)
		return;
	free(t->up_to);
	free(t);
}

uint64_t trace_length(const struct trace *t)
{
	return t->length;
}

bool trace_next(struct trace *t, struct trace_question *ret)
{
	if (t->at == t->length)
		return false;
	t->make(t, ret);
	ret->counted = t->at >= t->before;
	t->at++;
	return true;
}
