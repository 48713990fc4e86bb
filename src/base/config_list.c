/* config_list.c - one entry of a LIST. See config_parts.h and mx_config.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"
#include "mx_control.h"
#include "text.h"

#define DNS_PORT 53
#define LISTEN_PORT 5335
#define POLICY_PORT 8642
#define HTTP_PORT 8053

bool mx_word_next(const char **text, char *out, size_t room)
{
	const char *word = *text + strspn(*text, " \t");
	size_t len = strcspn(word, " \t");

	*text = word + len;
	if (len == 0)
		return false;
	snprintf(out, room, "%.*s", (int)len, word);
	return true;
}

/* ---- listen ---- */

static bool check_listen(const char *text, char why[MX_WHY_TEXT_MAX])
{
	struct sockaddr_storage addr;
	socklen_t len;

	if (!mx_address_read(text, LISTEN_PORT, &addr, &len, why))
		return false;
	if (mx_address_multicast(&addr))
		return mx_why(why, "%s is no address a host can have; write one as in 127.0.0.1@5335",
			    mx_excerpt(text).text);
	return true;
}

/* ---- policy-listen, http-listen ---- */

static const char *socket_path(const char *text)
{
	if (strncmp(text, "unix:", 5) == 0)
		return text + 5;
	return *text == '/' ? text : NULL;
}

bool mx_policy_listen_parse(const char *text, const char **ret_path,
			    struct sockaddr_storage *ret, socklen_t *ret_len)
{
	*ret_path = socket_path(text);
	return *ret_path || mx_address_parse(text, POLICY_PORT, ret, ret_len);
}

bool mx_http_listen_parse(const char *text, const char **ret_path,
			  struct sockaddr_storage *ret, socklen_t *ret_len)
{
	*ret_path = socket_path(text);
	return *ret_path || mx_address_parse(text, HTTP_PORT, ret, ret_len);
}

static bool check_socket_path(const char *path, char why[MX_WHY_TEXT_MAX])
{
	if (*path != '/')
		return mx_why(why, "\"%s\" is no absolute path; write one as in unix:/run/mxbound/policy.sock",
			    mx_excerpt(path).text);
	if (strlen(path) >= MX_CONTROL_PATH_MAX)
		return mx_why(why, "\"%s\" is longer than the %zu octets that a socket's path may have; choose a shorter one",
			    mx_excerpt(path).text, MX_CONTROL_PATH_MAX - 1);
	for (const char *at = path; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return mx_why(why, "a control character in \"%s\"; choose another path",
				    mx_excerpt(path).text);
	return true;
}

static bool check_service_listen(const char *text, uint16_t port,
				 char why[MX_WHY_TEXT_MAX])
{
	const char *path = socket_path(text);
	struct sockaddr_storage addr;
	socklen_t len;

	if (path)
		return check_socket_path(path, why);
	if (!mx_address_read(text, port, &addr, &len, why))
		return false;
	if (mx_address_multicast(&addr))
		return mx_why(why, "%s is no address a host can have; write one as in 127.0.0.1@%u",
			    mx_excerpt(text).text, port);
	return true;
}

/* As it stands in a Host header. */
static bool check_http_host(const char *text, char why[MX_WHY_TEXT_MAX])
{
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.' &&
		    *at != '_')
			return mx_why(why, "\"%s\" is no name of a host; write one as in mail.example.com",
				    mx_excerpt(text).text);
	return true;
}

/* ---- access-control ---- */

bool mx_acl_rule_read(const char *text, struct mx_acl_rule *ret,
		      char why[MX_WHY_TEXT_MAX])
{
	/* In the order of enum mx_acl_action. */
	static const char *const actions[] = { "allow", "refuse", "drop" };
	char network_text[80], action[16], more[16];
	struct mx_network network;

	if (!mx_word_next(&text, network_text, sizeof(network_text)))
		return mx_why(why, "the network is missing; write \"CIDR allow\", refuse or drop, as in 192.0.2.0/24 allow");
	if (!mx_network_read(network_text, &network, why))
		return false;
	if (!mx_word_next(&text, action, sizeof(action)))
		return mx_why(why, "what to do is missing; write \"%s allow\", refuse or drop",
			    network_text);
	if (mx_word_next(&text, more, sizeof(more)))
		return mx_why(why, "\"%s\" is left over; write one network and one of allow, refuse, drop",
			    mx_excerpt(more).text);
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(action, actions[i]) != 0)
			continue;
		ret->family = network.family;
		memcpy(ret->prefix, network.octets, sizeof(ret->prefix));
		ret->prefix_bits = network.bits;
		ret->action = (enum mx_acl_action)i;
		return true;
	}
	return mx_why(why, "\"%s\" is nothing to do with a client; write allow, refuse or drop",
		    mx_excerpt(action).text);
}

bool mx_acl_rule_parse(const char *text, struct mx_acl_rule *ret)
{
	char why[MX_WHY_TEXT_MAX];

	return mx_acl_rule_read(text, ret, why);
}

static bool check_access_control(const char *text, char why[MX_WHY_TEXT_MAX])
{
	struct mx_acl_rule rule;

	return mx_acl_rule_read(text, &rule, why);
}

/* ---- forward-zone, stub-zone ---- */

/* Octets of one character of a label as written: "x", "\x" or "\DDD". */
static size_t label_character(const char *at)
{
	if (*at != '\\')
		return 1;
	if (at[1] < '0' || at[1] > '9')
		return at[1] == '\0' ? 0 : 2;
	if (strspn(at + 1, "0123456789") < 3)
		return 0;
	return (at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0') <= 255
		       ? 4 : 0;
}

bool mx_zone_name_read(const char *text, char **ret, char why[MX_WHY_TEXT_MAX])
{
	struct mx_excerpt shown = mx_excerpt(text);
	size_t wire = 1, label = 0; /* octets of the name and of this label */
	const char *at = text;

	if (strcmp(text, ".") != 0 && *text == '.')
		return mx_why(why, "\"%s\" is no domain name: a label is empty; write it as in example.com",
			    shown.text);
	for (; *at != '\0' && strcmp(text, ".") != 0;) {
		if (*at == '.') {
			if (label == 0)
				return mx_why(why, "\"%s\" is no domain name: a label is empty; write it as in example.com",
					    shown.text);
			label = 0;
			at++;
			continue;
		}
		if ((unsigned char)*at >= 0x80)
			return mx_why(why, "\"%s\" is not ASCII; write the domain name in its xn-- form",
				    shown.text);
		size_t octets = label_character(at);
		if (octets == 0)
			return mx_why(why, "\"%s\" has an unfinished escape; write \\DDD with three digits up to 255, or \\ and a character",
				    shown.text);
		at += octets;
		wire += label++ == 0 ? 2 : 1;
		if (label > 63)
			return mx_why(why, "\"%s\" has a label of more than 63 octets, which DNS does not allow (RFC 1035)",
				    shown.text);
		if (wire > 255)
			return mx_why(why, "\"%s\" is longer than 255 octets, which DNS does not allow (RFC 1035)",
				    shown.text);
	}
	if (*text == '\0')
		return mx_why(why, "the domain name is missing; write one as in example.com, or . for all names");
	/* label is 0 after a final dot, and for the root. */
	bool absolute = label == 0;
	if (asprintf(ret, "%s%s", text, absolute ? "" : ".") < 0)
		return mx_why(why, "out of memory");
	return true;
}

/* An address that a resolver can send questions to. */
static bool server_read(const char *text, struct sockaddr_storage *ret,
			char why[MX_WHY_TEXT_MAX])
{
	socklen_t len;

	if (!mx_address_read(text, DNS_PORT, ret, &len, why))
		return false;
	if (mx_address_wildcard(ret) || mx_address_multicast(ret))
		return mx_why(why, "%s is no address of a name server; write the one it answers on",
			    mx_excerpt(text).text);
	return true;
}

bool mx_zone_rule_read(const char *text, struct mx_zone_rule *ret,
		       char why[MX_WHY_TEXT_MAX])
{
	/* Escaped, a name of 255 octets takes up to 1,021 characters. */
	char zone[1100], word[160];
	struct mx_zone_rule rule = { 0 };

	if (!mx_word_next(&text, zone, sizeof(zone)))
		return mx_why(why, "the zone is missing; write \"ZONE ADDR[@PORT]...\", as in example.com 192.0.2.1");
	if (!mx_zone_name_read(zone, &rule.zone, why))
		return false;
	while (mx_word_next(&text, word, sizeof(word))) {
		if (rule.address_count == MX_ZONE_ADDRESSES_MAX) {
			mx_why(why, "more than %u addresses for one zone; leave out some",
			     (unsigned)MX_ZONE_ADDRESSES_MAX);
			goto out;
		}
		if (!server_read(word, &rule.address[rule.address_count], why))
			goto out;
		rule.address_count++;
	}
	if (rule.address_count > 0) {
		*ret = rule;
		return true;
	}
	mx_why(why, "no address for the zone \"%s\"; write \"%s ADDR[@PORT]...\", as in %s 192.0.2.1",
	     mx_excerpt(zone).text, mx_excerpt(zone).text, mx_excerpt(zone).text);
out:
	mx_zone_rule_clear(&rule);
	return false;
}

bool mx_zone_rule_parse(const char *text, struct mx_zone_rule *ret)
{
	char why[MX_WHY_TEXT_MAX];

	return mx_zone_rule_read(text, ret, why);
}

void mx_zone_rule_clear(struct mx_zone_rule *rule)
{
	free(rule->zone);
	*rule = (struct mx_zone_rule){ 0 };
}

static bool check_zone(const char *text, char why[MX_WHY_TEXT_MAX])
{
	struct mx_zone_rule rule;

	if (!mx_zone_rule_read(text, &rule, why))
		return false;
	mx_zone_rule_clear(&rule);
	return true;
}

/* ---- stale-never ---- */

static bool check_zone_name(const char *text, char why[MX_WHY_TEXT_MAX])
{
	char *zone;

	if (strpbrk(text, " \t") != NULL)
		return mx_why(why, "\"%s\" is more than one word; write one zone, as in dnsbl.example",
			    mx_excerpt(text).text);
	if (!mx_zone_name_read(text, &zone, why))
		return false;
	free(zone);
	return true;
}

char *mx_zone_parse(const char *text)
{
	char why[MX_WHY_TEXT_MAX], *zone;

	return mx_zone_name_read(text, &zone, why) ? zone : NULL;
}

/* ---- keep-warm ---- */

static bool check_mail_domain(const char *text, char why[MX_WHY_TEXT_MAX])
{
	char *domain;

	if (strpbrk(text, " \t") != NULL)
		return mx_why(why, "\"%s\" is more than one word; write one domain, and a line for each, as in example.com",
			    mx_excerpt(text).text);
	if (strchr(text, '@') != NULL)
		return mx_why(why, "\"%s\" has an @; write the domain right of it, as in example.com",
			    mx_excerpt(text).text);
	if (!mx_zone_name_read(text, &domain, why))
		return false;
	bool root = strcmp(domain, ".") == 0;
	free(domain);
	if (root)
		return mx_why(why, "\".\" is no domain that gets mail; write one as in example.com");
	return true;
}

/* ---- which checker ---- */

bool mx_list_entry_check(enum mx_option_index option, const char *text,
			 char why[MX_WHY_TEXT_MAX])
{
	switch (option) {
	case MX_OPTION_listen:
		return check_listen(text, why);
	case MX_OPTION_policy_listen:
		return check_service_listen(text, POLICY_PORT, why);
	case MX_OPTION_http_listen:
		return check_service_listen(text, HTTP_PORT, why);
	case MX_OPTION_http_host:
		return check_http_host(text, why);
	case MX_OPTION_access_control:
		return check_access_control(text, why);
	case MX_OPTION_forward_zone:
	case MX_OPTION_stub_zone:
		return check_zone(text, why);
	case MX_OPTION_stale_never:
		return check_zone_name(text, why);
	case MX_OPTION_keep_warm:
		return check_mail_domain(text, why);
	case MX_OPTION_resolver_option:
		return mx_resolver_option_check(text, why);
	default:
		return mx_why(why, "\"%s\" has no checker", mx_options[option].key);
	}
}
