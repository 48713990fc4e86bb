/* route_address.c - which addresses mail can be sent to. See route.h. */
#include <arpa/inet.h>
#include <string.h>

#include "route.h"

struct prefix {
	enum address_scope scope;
	uint8_t octets[16];
	uint8_t bits;
};

/* From the IANA registries of special-purpose addresses, what changes the
 * verdict; networks for documentation and benchmarks are as good as any. The
 * first that fits counts. */
static const struct prefix ipv4[] = {
	{ ADDRESS_NOWHERE, { 0 }, 8 },		 /* RFC 1122 3.2.1.3 */
	{ ADDRESS_NOWHERE, { 127 }, 8 },	 /* the same */
	{ ADDRESS_NOWHERE, { 224 }, 4 },	 /* multicast, RFC 5771 */
	{ ADDRESS_NOWHERE, { 255, 255, 255, 255 }, 32 },
	{ ADDRESS_PRIVATE, { 10 }, 8 },		 /* RFC 1918 */
	{ ADDRESS_PRIVATE, { 172, 16 }, 12 },
	{ ADDRESS_PRIVATE, { 192, 168 }, 16 },
	{ ADDRESS_PRIVATE, { 100, 64 }, 10 },	 /* RFC 6598 */
	{ ADDRESS_PRIVATE, { 169, 254 }, 16 },	 /* RFC 3927 */
	{ ADDRESS_PRIVATE, { 240 }, 4 },	 /* RFC 1112 section 4 */
};
static const struct prefix ipv6[] = {
	{ ADDRESS_NOWHERE, { 0 }, 128 },		/* RFC 4291 2.5.2 */
	{ ADDRESS_NOWHERE, { [15] = 1 }, 128 },		/* 2.5.3 */
	{ ADDRESS_NOWHERE, { 0xff }, 8 },		/* multicast */
	{ ADDRESS_PRIVATE, { 0xfe, 0x80 }, 10 },	/* link-local */
	{ ADDRESS_PRIVATE, { 0xfc }, 7 },		/* RFC 4193 */
	{ ADDRESS_PRIVATE, { 0xfe, 0xc0 }, 10 },	/* RFC 3879 */
};
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool inside(const uint8_t *octets, const struct prefix *prefix)
{
	unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(octets, prefix->octets, whole) == 0 &&
	       (rest == 0 ||
		((octets[whole] ^ prefix->octets[whole]) & mask) == 0);
}

static enum address_scope scope_among(const uint8_t *octets,
				      const struct prefix *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (inside(octets, &table[i]))
			return table[i].scope;
	return ADDRESS_GLOBAL;
}

static enum address_scope scope_ipv4(const uint8_t *octets)
{
	return scope_among(octets, ipv4, sizeof(ipv4) / sizeof(ipv4[0]));
}

enum address_scope address_scope(const struct mx_route_address *address)
{
	const uint8_t *octets = address->octets;

	if (!address->is_ipv6)
		return scope_ipv4(octets);
	if (memcmp(octets, mapped, sizeof(mapped)) == 0)
		return scope_ipv4(octets + sizeof(mapped));
	return scope_among(octets, ipv6, sizeof(ipv6) / sizeof(ipv6[0]));
}

const char *mx_route_address_text(const struct mx_route_address *address,
				  char ret[MX_ROUTE_ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->octets,
		       ret, MX_ROUTE_ADDRESS_TEXT_MAX))
		ret[0] = '\0';
	return ret;
}
