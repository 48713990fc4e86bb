/* root.c - the root servers and the root's keys, one row each.
 *
 * Facts of https://www.internic.net/domain/named.root (zone of 2024-04-18)
 * and https://data.iana.org/root-anchors/root-anchors.xml. Tests compare them
 * with the package dns-root-data where it is installed.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "resolver.h"

#define ROOT_SERVERS(X) \
	X("a", "198.41.0.4", "2001:503:ba3e::2:30") \
	X("b", "170.247.170.2", "2801:1b8:10::b") \
	X("c", "192.33.4.12", "2001:500:2::c") \
	X("d", "199.7.91.13", "2001:500:2d::d") \
	X("e", "192.203.230.10", "2001:500:a8::e") \
	X("f", "192.5.5.241", "2001:500:2f::f") \
	X("g", "192.112.36.4", "2001:500:12::d0d") \
	X("h", "198.97.190.53", "2001:500:1::53") \
	X("i", "192.36.148.17", "2001:7fe::53") \
	X("j", "192.58.128.30", "2001:503:c27::2:30") \
	X("k", "193.0.14.129", "2001:7fd::1") \
	X("l", "199.7.83.42", "2001:500:9f::42") \
	X("m", "202.12.27.33", "2001:dc3::35")

/* KSK-2017, and KSK-2024 which signs from October 2026 on. */
const char *const mx_root_anchors[] = {
	". IN DS 20326 8 2 "
	"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 "
	"683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
	"",
};

const char *mx_root_hints(void)
{
	static const char hints[] =
#define X(letter, v4, v6) \
	". 3600000 IN NS " letter ".root-servers.net.\n" \
	letter ".root-servers.net. 3600000 IN A " v4 "\n" \
	letter ".root-servers.net. 3600000 IN AAAA " v6 "\n"
		ROOT_SERVERS(X);
#undef X

	return hints;
}

/* The next word of a line; *at moves past it. Comments end the line. */
static size_t word(const char **at, const char *end, const char **ret)
{
	const char *p = *at;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' ||
			   *p == '(' || *p == ')'))
		p++;
	*ret = p;
	if (p < end && *p == ';')
		p = end;
	else
		while (p < end && !memchr(" \t\r;()", *p, 6))
			p++;
	*at = p;
	return p == end && *ret < end && **ret == ';' ? 0 : (size_t)(p - *ret);
}

static bool word_is(const char *w, size_t len, const char *text)
{
	return len == strlen(text) && strncasecmp(w, text, len) == 0;
}

static void add_address(struct mx_addresses *all, int family, const char *w,
			size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_storage sa = { 0 };
	void *to = family == AF_INET
		? (void *)&((struct sockaddr_in *)&sa)->sin_addr
		: (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr;

	if (len >= sizeof text || all->count == MX_ADDRESSES_MAX)
		return;
	memcpy(text, w, len);
	text[len] = '\0';
	if (inet_pton(family, text, to) != 1)
		return;
	sa.ss_family = (sa_family_t)family;
	/* The port sits at the same place in both. */
	((struct sockaddr_in *)&sa)->sin_port = htons(53);
	all->at[all->count++] = sa;
}

/* This is not a zone file parser, libunbound has one: it only finds what
 * libunbound would silently do without. */
enum mx_error mx_hints_read(const char *text, size_t len,
			    struct mx_addresses *ret)
{
	struct mx_addresses found = { 0 };
	bool has_ns = false;

	for (const char *at = text, *end = text + len; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = nl ? nl : end;
		const char *w;
		size_t n;
		int family = 0;

		while ((n = word(&at, line_end, &w)) > 0) {
			if (family) {
				add_address(&found, family, w, n);
				break;
			}
			if (word_is(w, n, "NS"))
				has_ns = true;
			else if (word_is(w, n, "A"))
				family = AF_INET;
			else if (word_is(w, n, "AAAA"))
				family = AF_INET6;
		}
		at = nl ? nl + 1 : end;
	}
	if (!has_ns || found.count == 0)
		return MX_E_CONFIG;
	*ret = found;
	return MX_OK;
}

bool mx_anchors_present(const char *text, size_t len)
{
	for (const char *at = text, *end = text + len; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = nl ? nl : end;
		const char *w;
		size_t n;

		while ((n = word(&at, line_end, &w)) > 0)
			if (word_is(w, n, "DS") || word_is(w, n, "DNSKEY"))
				return true;
		at = nl ? nl + 1 : end;
	}
	return false;
}
