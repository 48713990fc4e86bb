/* address.c - see address.h and mx_config.h. */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "mx_config.h"
#include "text.h"

/* Say what the usual slips are: a port after a colon, a host name. */
static bool not_an_address(const char *host, char why[MX_WHY_TEXT_MAX])
{
	struct mx_excerpt shown = mx_excerpt(host);
	const char *colon = strchr(host, ':');
	struct in_addr v4;
	char before[INET_ADDRSTRLEN];
	uint64_t port;

	if (*host == '\0')
		return mx_why(why, "the address is missing; write one as in 127.0.0.1@5335 or ::1@5335");
	if (colon != NULL && (size_t)(colon - host) < sizeof(before)) {
		memcpy(before, host, (size_t)(colon - host));
		before[colon - host] = '\0';
		if (inet_pton(AF_INET, before, &v4) == 1 &&
		    mx_text_number(colon + 1, &port, NULL))
			return mx_why(why, "\"%s\" is not an address; the port goes after @, as in %s@%u",
				    shown.text, before, (unsigned)port);
	}
	if (strchr(host, '/') != NULL)
		return mx_why(why, "\"%s\" is a network; one address is needed, as in 127.0.0.1", shown.text);
	if (colon != NULL)
		return mx_why(why, "\"%s\" is not an IPv6 address; write one as in ::1 or 2001:db8::1", shown.text);
	if (strspn(host, "0123456789.") == strlen(host))
		return mx_why(why, "\"%s\" is not an IPv4 address; write four numbers from 0 to 255 as in 127.0.0.1",
			    shown.text);
	return mx_why(why, "\"%s\" is not an address, and names are not looked up here; write one as in 127.0.0.1 or ::1",
		    shown.text);
}

/* scope: what stood after '%', or NULL. */
static bool read_scope(const struct in6_addr *addr, const char *scope,
		       uint32_t *ret, char why[MX_WHY_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];
	uint64_t number;

	*ret = 0;
	inet_ntop(AF_INET6, addr, text, sizeof(text));
	if (!IN6_IS_ADDR_LINKLOCAL(addr)) {
		if (scope != NULL)
			return mx_why(why, "%s is not link-local and has no interface; write it without %%%s",
				    text, mx_excerpt(scope).text);
		return true;
	}
	if (scope == NULL || *scope == '\0')
		return mx_why(why, "%s is link-local, which needs its interface; write it as in %s%%eth0",
			    text, text);
	*ret = if_nametoindex(scope);
	if (*ret == 0 && mx_text_number(scope, &number, NULL) &&
	    number > 0 && number <= UINT32_MAX)
		*ret = (uint32_t)number;
	if (*ret == 0)
		return mx_why(why, "there is no network interface \"%s\"; \"ip link\" lists them",
			    mx_excerpt(scope).text);
	return true;
}

static bool read_v6(char *host, struct sockaddr_in6 *ret,
		    char why[MX_WHY_TEXT_MAX])
{
	char *scope = strchr(host, '%');
	char v4[INET_ADDRSTRLEN];

	if (scope != NULL)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, host, &ret->sin6_addr) != 1)
		return not_an_address(host, why);
	if (IN6_IS_ADDR_V4MAPPED(&ret->sin6_addr)) {
		inet_ntop(AF_INET, &ret->sin6_addr.s6_addr[12], v4, sizeof(v4));
		return mx_why(why, "%s is an IPv4 address in IPv6 clothing; write %s", host, v4);
	}
	ret->sin6_family = AF_INET6;
	return read_scope(&ret->sin6_addr, scope, &ret->sin6_scope_id, why);
}

static bool read_port(const char *text, uint16_t *ret,
		      char why[MX_WHY_TEXT_MAX])
{
	uint64_t port;

	if (!mx_text_number(text, &port, NULL) || port < 1 || port > 65535)
		return mx_why(why, "port \"%s\" is not a number from 1 to 65535; write it as in 127.0.0.1@53",
			    mx_excerpt(text).text);
	*ret = (uint16_t)port;
	return true;
}

bool mx_address_read(const char *text, uint16_t default_port,
		     struct sockaddr_storage *ret, socklen_t *ret_len,
		     char why[MX_WHY_TEXT_MAX])
{
	/* The longest: an IPv6 address and an interface in brackets. */
	char buf[INET6_ADDRSTRLEN + IF_NAMESIZE + 4], *host = buf;
	const char *at = strchr(text, '@');
	size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
	uint16_t port = default_port;
	union {
		struct sockaddr_storage any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} addr;

	if (len >= sizeof(buf))
		return not_an_address(text, why);
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (at != NULL && !read_port(at + 1, &port, why))
		return false;

	bool brackets = len >= 2 && buf[0] == '[' && buf[len - 1] == ']';
	if (brackets) {
		buf[len - 1] = '\0';
		host++;
	}
	memset(&addr, 0, sizeof(addr));
	if (!brackets && inet_pton(AF_INET, host, &addr.v4.sin_addr) == 1) {
		addr.v4.sin_family = AF_INET;
		addr.v4.sin_port = htons(port);
		*ret_len = sizeof(addr.v4);
	} else {
		if (!brackets && strchr(host, ':') == NULL)
			return not_an_address(host, why);
		if (!read_v6(host, &addr.v6, why))
			return false;
		addr.v6.sin6_port = htons(port);
		*ret_len = sizeof(addr.v6);
	}
	*ret = addr.any;
	return true;
}

bool mx_address_parse(const char *text, uint16_t default_port,
		      struct sockaddr_storage *ret, socklen_t *ret_len)
{
	char why[MX_WHY_TEXT_MAX];

	return mx_address_read(text, default_port, ret, ret_len, why);
}

void mx_address_text(const struct sockaddr *addr, char ret[MX_ADDRESS_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?", scope[IF_NAMESIZE + 1] = "";

	if (addr->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, addr, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		snprintf(ret, MX_ADDRESS_TEXT_MAX, "%s@%u", host,
			 (unsigned)ntohs(v4.sin_port));
	} else if (addr->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, addr, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		/* The index if the interface has gone: it parses as well. */
		if (v6.sin6_scope_id != 0 &&
		    if_indextoname(v6.sin6_scope_id, scope) == NULL)
			snprintf(scope, sizeof(scope), "%u",
				 (unsigned)v6.sin6_scope_id);
		snprintf(ret, MX_ADDRESS_TEXT_MAX, "%s%s%s@%u", host,
			 *scope != '\0' ? "%" : "", scope,
			 (unsigned)ntohs(v6.sin6_port));
	} else {
		snprintf(ret, MX_ADDRESS_TEXT_MAX, "address family %d",
			 (int)addr->sa_family);
	}
}

/* Set the octets after the first `bits` bits to 0; whether any was not. */
static bool mask(uint8_t octets[16], unsigned size, unsigned bits)
{
	bool changed = false;

	for (unsigned i = 0; i < size; i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;
		uint8_t keep = left >= 8 ? 0xff : (uint8_t)(0xff00u >> left);

		changed = changed || (octets[i] & ~keep) != 0;
		octets[i] &= keep;
	}
	return changed;
}

bool mx_network_read(const char *text, struct mx_network *ret,
		     char why[MX_WHY_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct mx_network n = { .family = AF_INET };
	uint64_t bits;

	if (len >= sizeof(host))
		return not_an_address(text, why);
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, n.octets) != 1) {
		n.family = AF_INET6;
		if (inet_pton(AF_INET6, host, n.octets) != 1)
			return not_an_address(host, why);
	}

	unsigned size = n.family == AF_INET ? 4 : 16;
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (size == 16 && memcmp(n.octets, mapped, 12) == 0)
		return mx_why(why, "%s is an IPv4 address in IPv6 clothing; write it as IPv4, as in 192.0.2.0/24",
			    host);
	bits = size * 8;
	if (slash != NULL && (!mx_text_number(slash + 1, &bits, NULL) ||
			      bits > size * 8))
		return mx_why(why, "prefix length \"%s\" is not a number from 0 to %u; write it as in %s",
			    mx_excerpt(slash + 1).text, size * 8,
			    size == 4 ? "192.0.2.0/24" : "2001:db8::/32");
	n.bits = (uint8_t)bits;
	if (mask(n.octets, size, n.bits)) {
		inet_ntop(n.family, n.octets, prefix, sizeof(prefix));
		return mx_why(why, "%s has bits set after its first %u; the network is %s/%u, the address alone %s/%u",
			    mx_excerpt(text).text, (unsigned)n.bits, prefix,
			    (unsigned)n.bits, host, size * 8);
	}
	*ret = n;
	return true;
}

bool mx_network_overlap(const struct mx_network *a, const struct mx_network *b)
{
	uint8_t x[16], y[16];
	unsigned bits = a->bits < b->bits ? a->bits : b->bits;

	if (a->family != b->family)
		return false;
	memcpy(x, a->octets, 16);
	memcpy(y, b->octets, 16);
	mask(x, 16, bits);
	mask(y, 16, bits);
	return memcmp(x, y, 16) == 0;
}

/* The address in one form for both families: 4 or 16 octets. */
static const uint8_t *octets_of(const struct sockaddr_storage *a, size_t *ret)
{
	if (a->ss_family == AF_INET) {
		*ret = 4;
		return (const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr;
	}
	*ret = 16;
	return (const uint8_t *)&((const struct sockaddr_in6 *)a)->sin6_addr;
}

uint16_t mx_address_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET
			     ? ((const struct sockaddr_in *)a)->sin_port
			     : ((const struct sockaddr_in6 *)a)->sin6_port);
}

bool mx_address_equal(const struct sockaddr_storage *a,
		      const struct sockaddr_storage *b)
{
	size_t len;

	if (a->ss_family != b->ss_family ||
	    mx_address_port(a) != mx_address_port(b))
		return false;
	if (a->ss_family == AF_INET6 &&
	    ((const struct sockaddr_in6 *)a)->sin6_scope_id !=
		    ((const struct sockaddr_in6 *)b)->sin6_scope_id)
		return false;
	const uint8_t *octets = octets_of(a, &len);
	return memcmp(octets, octets_of(b, &len), len) == 0;
}

bool mx_address_wildcard(const struct sockaddr_storage *a)
{
	static const uint8_t zero[16];
	size_t len;
	const uint8_t *octets = octets_of(a, &len);

	return memcmp(octets, zero, len) == 0;
}

bool mx_address_loopback(const struct sockaddr_storage *a)
{
	size_t len;
	const uint8_t *octets = octets_of(a, &len);

	return len == 4 ? octets[0] == 127
			: memcmp(octets, &in6addr_loopback, 16) == 0;
}

bool mx_address_multicast(const struct sockaddr_storage *a)
{
	size_t len;
	const uint8_t *octets = octets_of(a, &len);

	return len == 4 ? octets[0] >= 224 /* and class E, and broadcast */
			: octets[0] == 0xff;
}

