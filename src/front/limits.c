/* limits.c - who may ask, and how much.
 *
 * All counts are over all workers, so they are atomics; they are touched only
 * by what waits or connects, never by a hit for this host itself. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

/* An address as two numbers, octets in the order of memory; of an IPv4 address
 * only the first four are not zero. */
struct bits {
	uint64_t at[2];
};

/* Every query is held against these: a prefix is two masks. */
struct rule {
	int family;
	enum mx_acl_action action;
	struct bits mask, prefix;
};

struct mx_limits {
	struct rule *rules; /* longest prefix first */
	size_t rule_count;
	bool loopback_allowed; /* all of it: no need to look at rules */
	uint32_t in_flight_max, client_max, tcp_max, tcp_client_max;
	uint32_t question_share, tcp_share; /* of one worker */
	_Atomic uint32_t waiting, questions, tcp;
	int64_t ahead_ns;	/* what one question asked ahead takes */
	_Atomic int64_t ahead_from; /* see bucket_take, ns */
	int64_t rate_ns;	/* what one reply takes; 0: no bound */
	uint32_t rate_slip;
	_Atomic uint32_t rate_over; /* replies past it, to let some slip */
	_Atomic int64_t rate_from[MX_LIMITS_SLOTS]; /* of networks */
	_Atomic uint32_t client_waiting[MX_LIMITS_SLOTS];
	_Atomic uint32_t client_tcp[MX_LIMITS_SLOTS];
};

#define SECOND_NS 1000000000

uint8_t front_hash_key[crypto_shorthash_KEYBYTES];

static int longer_prefix_first(const void *a, const void *b)
{
	const struct mx_acl_rule *x = a, *y = b;

	return (int)y->prefix_bits - (int)x->prefix_bits;
}

static struct rule rule_of(const struct mx_acl_rule *from)
{
	struct rule rule = { .family = from->family, .action = from->action };
	uint8_t mask[sizeof(rule.mask)] = { 0 };

	for (unsigned i = 0; i < from->prefix_bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(&rule.mask, mask, sizeof(mask));
	memcpy(&rule.prefix, from->prefix,
	       from->family == AF_INET6 ? 16 : 4);
	for (int i = 0; i < 2; i++)
		rule.prefix.at[i] &= rule.mask.at[i];
	return rule;
}

static struct bits bits_of(const uint8_t *octets, size_t len)
{
	struct bits bits = { { 0, 0 } };

	if (len == 4)
		memcpy(&bits, octets, 4);
	else
		memcpy(&bits, octets, 16);
	return bits;
}

static bool in_prefix(const struct bits *address, const struct rule *rule)
{
	return (address->at[0] & rule->mask.at[0]) == rule->prefix.at[0] &&
	       (address->at[1] & rule->mask.at[1]) == rule->prefix.at[1];
}

/* Most of what asks comes from 127.0.0.0/8 and ::1. */
static bool loopback_allowed(const struct mx_acl_rule *longest_first,
			     size_t count)
{
	bool v4 = false, v6 = false, v4_known = false, v6_known = false;

	for (size_t i = 0; i < count; i++) {
		const struct mx_acl_rule *rule = &longest_first[i];
		bool allow = rule->action == MX_ACL_ALLOW;

		if (rule->family == AF_INET && !v4_known) {
			uint8_t bits = rule->prefix_bits;
			unsigned mask = bits < 8 ? 0xff00u >> bits & 0xff : 0xff;

			if ((rule->prefix[0] & mask) != (127 & mask))
				continue;
			/* A part of it, refused, or the first that is about
			 * all of it. */
			v4 = allow;
			v4_known = bits <= 8 || !allow;
		} else if (rule->family == AF_INET6 && !v6_known) {
			struct rule whole = rule_of(rule);
			struct bits one = bits_of(in6addr_loopback.s6_addr, 16);

			v6_known = in_prefix(&one, &whole);
			v6 = v6_known && allow;
		}
	}
	return v4 && v4_known && v6;
}

static bool read_rules(struct mx_limits *limits, const struct mx_texts *texts)
{
	struct mx_acl_rule *read = calloc(texts->count + 1, sizeof(*read));
	size_t count = 0;

	limits->rules = calloc(texts->count + 1, sizeof(*limits->rules));
	if (!read || !limits->rules) {
		free(read);
		free(limits->rules);
		return false;
	}
	for (size_t i = 0; i < texts->count; i++)
		if (mx_acl_rule_parse(texts->at[i], &read[count]))
			count++;
	qsort(read, count, sizeof(*read), longer_prefix_first);
	for (size_t i = 0; i < count; i++)
		limits->rules[i] = rule_of(&read[i]);
	limits->rule_count = count;
	limits->loopback_allowed = loopback_allowed(read, count);
	free(read);
	return true;
}

static uint32_t share(uint32_t total, unsigned threads)
{
	uint32_t part = total / threads;

	return part ? part : 1;
}

struct mx_limits *limits_new(const struct mx_config *config)
{
	struct mx_limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return NULL;
	limits->in_flight_max = (uint32_t)config->in_flight_max;
	limits->client_max = (uint32_t)config->in_flight_client_max;
	limits->tcp_max = (uint32_t)config->tcp_connections_max;
	limits->tcp_client_max = (uint32_t)config->tcp_connections_client_max;
	limits->ahead_ns = SECOND_NS / (int64_t)config->mail_prefetch_rate;
	if (config->rate_limit > 0)
		limits->rate_ns = SECOND_NS / (int64_t)config->rate_limit;
	limits->rate_slip = (uint32_t)config->rate_limit_slip;
	/* All who ask have a share of the questions, but only workers take
	 * connections. */
	limits->question_share = share(limits->in_flight_max,
				       mx_config_threads(config));
	limits->tcp_share = share(limits->tcp_max, mx_config_workers(config));
	if (!read_rules(limits, &config->access_control)) {
		free(limits);
		return NULL;
	}
	return limits;
}

void limits_free(struct mx_limits *limits)
{
	if (limits)
		free(limits->rules);
	free(limits);
}

/* The address octets of a peer; an IPv4-mapped IPv6 address counts as IPv4,
 * so that a rule cannot be walked around. */
static const uint8_t *address_octets(const struct sockaddr *peer, int *family,
				     size_t *len)
{
	if (peer->sa_family == AF_INET6) {
		const struct in6_addr *a =
			&((const struct sockaddr_in6 *)peer)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(a)) {
			*family = AF_INET;
			*len = 4;
			return a->s6_addr + 12;
		}
		*family = AF_INET6;
		*len = 16;
		return a->s6_addr;
	}
	*family = AF_INET;
	*len = 4;
	return (const uint8_t *)&((const struct sockaddr_in *)peer)->sin_addr;
}

enum mx_acl_action limits_acl(const struct mx_limits *limits,
			      const struct sockaddr *peer)
{
	int family;
	size_t len;

	if (limits->loopback_allowed && limits_loopback(peer))
		return MX_ACL_ALLOW;

	const uint8_t *octets = address_octets(peer, &family, &len);
	struct bits address = bits_of(octets, len);

	for (size_t i = 0; i < limits->rule_count; i++)
		if (limits->rules[i].family == family &&
		    in_prefix(&address, &limits->rules[i]))
			return limits->rules[i].action;
	return MX_ACL_REFUSE;
}

const uint8_t *limits_address(const struct sockaddr *peer, size_t *ret_len)
{
	int family;

	return address_octets(peer, &family, ret_len);
}

uint32_t limits_client(const struct mx_limits *limits,
		       const struct sockaddr *peer)
{
	int family;
	size_t len;
	const uint8_t *address = address_octets(peer, &family, &len);
	uint64_t hash;

	(void)limits;
	crypto_shorthash((uint8_t *)&hash, address, len, front_hash_key);
	return (uint32_t)(hash % MX_LIMITS_SLOTS);
}

static bool take(_Atomic uint32_t *count, uint32_t max)
{
	if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < max)
		return true;
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
	return false;
}

static void give(_Atomic uint32_t *count)
{
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
}

bool limits_wait(struct mx_limits *limits, uint32_t client)
{
	if (client == MX_LOOKUP_BACKGROUND)
		return true;
	if (!take(&limits->waiting, limits->in_flight_max))
		return false;
	if (client == MX_LOOKUP_INTERNAL)
		return true;
	if (take(&limits->client_waiting[client], limits->client_max))
		return true;
	give(&limits->waiting);
	return false;
}

void limits_wait_end(struct mx_limits *limits, uint32_t client)
{
	if (client == MX_LOOKUP_BACKGROUND)
		return;
	give(&limits->waiting);
	if (client != MX_LOOKUP_INTERNAL)
		give(&limits->client_waiting[client]);
}

bool limits_question(struct mx_limits *limits)
{
	return take(&limits->questions, limits->in_flight_max);
}

uint32_t limits_question_share(const struct mx_limits *limits)
{
	return limits->question_share;
}

void limits_question_past_total(struct mx_limits *limits)
{
	atomic_fetch_add_explicit(&limits->questions, 1, memory_order_relaxed);
}

void limits_question_end(struct mx_limits *limits)
{
	give(&limits->questions);
}

/* A bucket as one number, which a worker needs no lock for: the time at which
 * it is full again. It is empty when that is a second away. */
static bool bucket_take(_Atomic int64_t *bucket, int64_t cost_ns,
			mx_instant now)
{
	int64_t now_ns = now * (SECOND_NS / 1000);
	int64_t from = atomic_load_explicit(bucket, memory_order_relaxed);
	int64_t to;

	do {
		to = (from > now_ns ? from : now_ns) + cost_ns;
		if (to > now_ns + SECOND_NS)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		bucket, &from, to, memory_order_relaxed,
		memory_order_relaxed));
	return true;
}

bool limits_ahead(struct mx_limits *limits, mx_instant now)
{
	return bucket_take(&limits->ahead_from, limits->ahead_ns, now);
}

/* The slot of a client's network: who forges one address forges its
 * neighbours too. */
static uint32_t network_slot(const struct sockaddr *peer)
{
	size_t len;
	const uint8_t *address = limits_address(peer, &len);
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, address, len == 4 ? 3 : 7,
			 front_hash_key);
	return (uint32_t)(hash % MX_LIMITS_SLOTS);
}

enum limits_rate limits_rate(struct mx_limits *limits,
			     const struct sockaddr *peer, mx_instant now)
{
	if (limits->rate_ns == 0 ||
	    bucket_take(&limits->rate_from[network_slot(peer)],
			limits->rate_ns, now))
		return LIMITS_RATE_OK;

	uint32_t over = atomic_fetch_add_explicit(&limits->rate_over, 1,
						  memory_order_relaxed);
	return limits->rate_slip > 0 && over % limits->rate_slip == 0
		       ? LIMITS_RATE_TRUNCATE
		       : LIMITS_RATE_DROP;
}

enum limits_tcp limits_tcp(struct mx_limits *limits, uint32_t client)
{
	if (!take(&limits->client_tcp[client], limits->tcp_client_max))
		return LIMITS_TCP_CLIENT;
	if (take(&limits->tcp, limits->tcp_max))
		return LIMITS_TCP_OK;
	give(&limits->client_tcp[client]);
	return LIMITS_TCP_TOTAL;
}

uint32_t limits_tcp_share(const struct mx_limits *limits)
{
	return limits->tcp_share;
}

bool limits_tcp_past_total(struct mx_limits *limits, uint32_t client)
{
	if (!take(&limits->client_tcp[client], limits->tcp_client_max))
		return false;
	atomic_fetch_add_explicit(&limits->tcp, 1, memory_order_relaxed);
	return true;
}

void limits_tcp_end(struct mx_limits *limits, uint32_t client)
{
	give(&limits->client_tcp[client]);
	give(&limits->tcp);
}

bool limits_tcp_pressed(const struct mx_limits *limits)
{
	return atomic_load_explicit(&limits->tcp, memory_order_relaxed) >
	       limits->tcp_max / 2;
}

struct limits_now limits_now(const struct mx_limits *limits)
{
	return (struct limits_now){
		.waiting = atomic_load_explicit(&limits->waiting,
						memory_order_relaxed),
		.questions = atomic_load_explicit(&limits->questions,
						  memory_order_relaxed),
		.tcp = atomic_load_explicit(&limits->tcp, memory_order_relaxed),
	};
}
