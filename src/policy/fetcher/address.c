/* address.c - where it may be connected to.
 *
 * Whoever writes a domain's DNS says where its policy host is. Without this he
 * could have us knock at doors that are open to this host only. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetcher.h"

struct network {
	uint8_t prefix[16];
	unsigned bits;
	const char *what;
};

static const struct network networks4[] = {
	{ { 0 }, 8, "\"this network\"" },
	{ { 10 }, 8, "a private network" },
	{ { 100, 64 }, 10, "a provider's private network" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" },
	{ { 172, 16 }, 12, "a private network" },
	{ { 192, 0, 0 }, 24, "for protocols" },
	{ { 192, 0, 2 }, 24, "for documentation" },
	{ { 192, 88, 99 }, 24, "a 6to4 relay" },
	{ { 192, 168 }, 16, "a private network" },
	{ { 198, 18 }, 15, "for benchmarks" },
	{ { 198, 51, 100 }, 24, "for documentation" },
	{ { 203, 0, 113 }, 24, "for documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* Within 2000::/3, which is all there is of public IPv6. */
static const struct network networks6[] = {
	{ { 0x20, 0x01 }, 23, "for protocols" }, /* Teredo, benchmarks, ... */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "for documentation" },
	{ { 0x20, 0x02 }, 16, "6to4, which leads to an IPv4 address" },
	{ { 0x3f, 0xff }, 20, "for documentation" },
};

static const struct network global6 = { { 0x20 }, 3, NULL };
/* What a NAT64 makes of an IPv4 address (RFC 6052): on hosts that have IPv6
 * alone DNS64 gives these. */
static const struct network nat64 = { { 0, 0x64, 0xff, 0x9b }, 96, NULL };

static bool within(const uint8_t *octets, const struct network *network)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return memcmp(octets, network->prefix, whole) == 0 &&
	       (rest == 0 ||
		((octets[whole] ^ network->prefix[whole]) & mask) == 0);
}

static const char *find(const uint8_t *octets, const struct network *networks,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (within(octets, &networks[i]))
			return networks[i].what;
	return NULL;
}

static const char *not_public4(const uint8_t *octets)
{
	return find(octets, networks4, sizeof networks4 / sizeof *networks4);
}

const char *address_not_public(const struct mx_fetch_address *address)
{
	const uint8_t *octets = address->octets;

	if (address->family == 4)
		return not_public4(octets);
	if (within(octets, &nat64))
		return not_public4(octets + 12);
	if (!within(octets, &global6))
		return "not of the public Internet";
	return find(octets, networks6, sizeof networks6 / sizeof *networks6);
}

void address_text(const struct mx_fetch_address *address,
		  char ret[ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(address->family == 4 ? AF_INET : AF_INET6,
		       address->octets, ret, ADDRESS_TEXT_MAX))
		ret[0] = '\0';
}

socklen_t address_socket(const struct mx_fetch_address *address, uint16_t port,
			 struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof *ret);
	if (address->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, address->octets, 4);
		return sizeof *v4;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, address->octets, 16);
	return sizeof *v6;
}

/* What the kernel would send from to reach it: to reach itself, itself. Nothing
 * is sent. */
bool address_is_ours(const struct mx_fetch_address *address)
{
	struct sockaddr_storage to, from = { .ss_family = AF_UNSPEC };
	socklen_t len = address_socket(address, 443, &to);
	socklen_t from_len = sizeof from;
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ours = false;

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from, &from_len) == 0 &&
	    from.ss_family == to.ss_family)
		ours = to.ss_family == AF_INET ?
			memcmp(&((struct sockaddr_in *)&from)->sin_addr,
			       address->octets, 4) == 0 :
			memcmp(&((struct sockaddr_in6 *)&from)->sin6_addr,
			       address->octets, 16) == 0;
	close(fd);
	return ours;
}
