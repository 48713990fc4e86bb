/* config_check.c - what belongs together, and what must be on the system.
 *
 * All of it is looked at before anything starts, so that a mistake is a line
 * on the screen and not a resolver that answers SERVFAIL.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_parts.h"
#include "mx_control.h"
#include "mx_cookie.h"
#include "mx_privilege.h"
#include "text.h"

/* ---- failure-ttl-min, failure-ttl-max ---- */

static enum mx_error check_failure_ttl(struct mx_load *load)
{
	const struct mx_config *c = load->config;
	struct mx_place min = mx_load_place(load, MX_OPTION_failure_ttl_min, 0);
	struct mx_place max = mx_load_place(load, MX_OPTION_failure_ttl_max, 0);
	bool max_written = max.line > 0 || max.set != NULL;
	char min_text[MX_VALUE_TEXT_MAX], max_text[MX_VALUE_TEXT_MAX];

	if (c->failure_ttl_min <= c->failure_ttl_max)
		return MX_OK;
	mx_value_number(MX_KIND_SECS, c->failure_ttl_min, min_text);
	mx_value_number(MX_KIND_SECS, c->failure_ttl_max, max_text);
	return mx_load_fail(load, max_written ? max : min,
			    "\"failure-ttl-min\" is %s and \"failure-ttl-max\" only %s; make the second at least as long",
			    min_text, max_text);
}

/* ---- listen ---- */

static struct sockaddr_storage listen_address(const struct mx_config *c, size_t i)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len;

	/* Checked when it was read. */
	mx_address_parse(c->listen.at[i], 5335, &addr, &len);
	return addr;
}

static enum mx_error check_listen(struct mx_load *load)
{
	const struct mx_config *c = load->config;
	char before[80];

	for (size_t i = 1; i < c->listen.count; i++) {
		struct sockaddr_storage a = listen_address(c, i);
		for (size_t k = 0; k < i; k++) {
			struct sockaddr_storage b = listen_address(c, k);
			if (!mx_address_equal(&a, &b))
				continue;
			mx_place_text(mx_load_place(load, MX_OPTION_listen, k),
				      before);
			return mx_load_fail(load,
					    mx_load_place(load, MX_OPTION_listen, i),
					    "\"%s\" is already listened on %s; leave one of them out",
					    mx_excerpt(c->listen.at[i]).text,
					    before);
		}
	}
	return MX_OK;
}

/* ---- policy-listen, http-listen ---- */

static bool same_service(const char *a, const char *b)
{
	const char *path_a, *path_b;
	struct sockaddr_storage addr_a = { 0 }, addr_b = { 0 };
	socklen_t len;

	/* Checked when they were read; both options know the same forms. */
	mx_policy_listen_parse(a, &path_a, &addr_a, &len);
	mx_policy_listen_parse(b, &path_b, &addr_b, &len);
	if (path_a || path_b)
		return path_a && path_b && strcmp(path_a, path_b) == 0;
	return mx_address_equal(&addr_a, &addr_b);
}

static enum mx_error check_twice(struct mx_load *load, unsigned option,
				 const struct mx_texts *texts)
{
	for (size_t i = 1; i < texts->count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_service(texts->at[i], texts->at[k]))
				return mx_load_fail(load,
						    mx_load_place(load, option, i),
						    "\"%s\" for \"%s\" is there twice; leave one of them out",
						    mx_excerpt(texts->at[i]).text,
						    mx_options[option].key);
	return MX_OK;
}

static enum mx_error check_policy_listen(struct mx_load *load)
{
	return check_twice(load, MX_OPTION_policy_listen,
			   &load->config->policy_listen);
}

/* One address cannot be both. */
static enum mx_error check_http_listen(struct mx_load *load)
{
	const struct mx_texts *http = &load->config->http_listen;
	const struct mx_texts *policy = &load->config->policy_listen;
	enum mx_error err = check_twice(load, MX_OPTION_http_listen, http);

	for (size_t i = 0; err == MX_OK && i < http->count; i++)
		for (size_t k = 0; k < policy->count; k++)
			if (strcmp(http->at[i], policy->at[k]) == 0)
				return mx_load_fail(load,
						    mx_load_place(load, MX_OPTION_http_listen, i),
						    "\"%s\" for \"http-listen\" is that of policy-listen; choose another",
						    mx_excerpt(http->at[i]).text);
	return err;
}

/* ---- access-control ---- */

static int acl_order(const void *a, const void *b)
{
	const struct mx_acl_rule *x = *(struct mx_acl_rule *const *)a;
	const struct mx_acl_rule *y = *(struct mx_acl_rule *const *)b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->prefix_bits != y->prefix_bits)
		return x->prefix_bits < y->prefix_bits ? -1 : 1;
	int order = memcmp(x->prefix, y->prefix, sizeof(x->prefix));
	/* Equal rules in the order they were written. */
	return order != 0 ? order : x < y ? -1 : x > y;
}

/* The longest prefix decides, so two rules for one network decide nothing. */
static enum mx_error check_access_control(struct mx_load *load)
{
	const struct mx_texts *texts = &load->config->access_control;
	struct mx_acl_rule *rules = calloc(texts->count, sizeof(*rules));
	struct mx_acl_rule **order = calloc(texts->count, sizeof(*order));
	enum mx_error err = MX_OK;
	char before[80];

	if (rules == NULL || order == NULL) {
		err = mx_load_no_memory(load);
		goto out;
	}
	for (size_t i = 0; i < texts->count; i++) {
		mx_acl_rule_parse(texts->at[i], &rules[i]);
		order[i] = &rules[i];
	}
	qsort(order, texts->count, sizeof(*order), acl_order);
	for (size_t i = 1; i < texts->count && err == MX_OK; i++) {
		const struct mx_acl_rule *a = order[i - 1], *b = order[i];

		if (a->family != b->family || a->prefix_bits != b->prefix_bits ||
		    memcmp(a->prefix, b->prefix, sizeof(a->prefix)) != 0)
			continue;
		size_t first = (size_t)(a - rules), second = (size_t)(b - rules);
		mx_place_text(mx_load_place(load, MX_OPTION_access_control,
					    first), before);
		err = mx_load_fail(load,
				   mx_load_place(load, MX_OPTION_access_control,
						 second),
				   "the network of \"%s\" already has a rule %s; keep one of them",
				   mx_excerpt(texts->at[second]).text, before);
	}
out:
	free(order);
	free(rules);
	return err;
}

static bool only_loopback(const struct mx_acl_rule *rule)
{
	if (rule->family == AF_INET)
		return rule->prefix[0] == 127 && rule->prefix_bits >= 8;
	return rule->prefix_bits == 128 &&
	       memcmp(rule->prefix, &in6addr_loopback, 16) == 0;
}

/* A resolver for everyone is a weapon, and one that refuses everyone is of no
 * use: who listens where others can ask says who they are. A rule that refuses
 * them is an answer too. */
static enum mx_error check_open(struct mx_load *load)
{
	const struct mx_config *c = load->config;
	struct mx_acl_rule rule;

	for (size_t i = 0; i < c->access_control.count; i++)
		if (mx_acl_rule_parse(c->access_control.at[i], &rule) &&
		    !only_loopback(&rule))
			return MX_OK;
	for (size_t i = 0; i < c->listen.count; i++) {
		struct sockaddr_storage addr = listen_address(c, i);

		if (mx_address_loopback(&addr))
			continue;
		return mx_load_fail(load,
				    mx_load_place(load, MX_OPTION_listen, i),
				    "other hosts can reach \"%s\", and no rule says which of them may ask; add those that may, as in \"access-control: 192.0.2.0/24 allow\", beside \"127.0.0.0/8 allow\" and \"::1/128 allow\"",
				    mx_excerpt(c->listen.at[i]).text);
	}
	return MX_OK;
}

/* ---- forward-zone, stub-zone ---- */

/* Whether the address is one of this machine, so that a wildcard listener
 * gets what is sent to it. */
static bool is_local(const struct sockaddr_storage *addr)
{
	struct ifaddrs *all, *i;
	bool found = mx_address_loopback(addr);

	if (found || getifaddrs(&all) != 0)
		return found;
	for (i = all; i != NULL && !found; i = i->ifa_next) {
		struct sockaddr_storage own = { 0 };

		if (i->ifa_addr == NULL ||
		    i->ifa_addr->sa_family != addr->ss_family)
			continue;
		/* Without their ports, and whatever the scope. */
		if (addr->ss_family == AF_INET) {
			struct sockaddr_in *v4 = (struct sockaddr_in *)&own;
			memcpy(v4, i->ifa_addr, sizeof(*v4));
			v4->sin_port = htons(mx_address_port(addr));
		} else {
			struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&own;
			memcpy(v6, i->ifa_addr, sizeof(*v6));
			v6->sin6_port = htons(mx_address_port(addr));
			v6->sin6_scope_id =
				((const struct sockaddr_in6 *)addr)->sin6_scope_id;
		}
		found = mx_address_equal(&own, addr);
	}
	freeifaddrs(all);
	return found;
}

/* The listen entry that would receive what is sent to addr, or -1. */
static int own_listener(const struct mx_config *c,
			const struct sockaddr_storage *addr)
{
	for (size_t i = 0; i < c->listen.count; i++) {
		struct sockaddr_storage own = listen_address(c, i);

		if (mx_address_equal(&own, addr))
			return (int)i;
		if (own.ss_family == addr->ss_family &&
		    mx_address_port(&own) == mx_address_port(addr) &&
		    mx_address_wildcard(&own) && is_local(addr))
			return (int)i;
	}
	return -1;
}

/* libunbound asks no loopback address unless told so, and then fails without
 * a word. The last one written holds. */
static bool loopback_may_be_asked(const struct mx_config *c)
{
	char key[MX_RESOLVER_OPTION_KEY_MAX];
	const char *value;
	bool may = false;

	for (size_t i = 0; i < c->resolver_option.count; i++)
		if (mx_resolver_option_parse(c->resolver_option.at[i], key,
					     &value) &&
		    strcmp(key, "do-not-query-localhost") == 0)
			may = strcmp(value, "no") == 0;
	return may;
}

static enum mx_error check_server(struct mx_load *load, struct mx_place place,
				  const struct sockaddr_storage *addr)
{
	const struct mx_config *c = load->config;
	int own = own_listener(c, addr);
	char text[MX_ADDRESS_TEXT_MAX];

	mx_address_text((const struct sockaddr *)addr, text);
	if (own >= 0)
		return mx_load_fail(load, place,
				    "%s is where mxbound itself listens (listen: %s), so questions would go round in circles; name another server",
				    text, c->listen.at[own]);
	if (mx_address_loopback(addr) && !loopback_may_be_asked(c))
		return mx_load_fail(load, place,
				    "%s is a loopback address, which the resolver asks only with \"resolver-option: do-not-query-localhost: no\"; add that line",
				    text);
	return MX_OK;
}

static enum mx_error check_zone(struct mx_load *load, struct mx_place place,
				const char *entry, char **ret_zone)
{
	struct mx_zone_rule rule;
	enum mx_error err = MX_OK;

	if (!mx_zone_rule_parse(entry, &rule))
		return mx_load_no_memory(load); /* it was right before */
	for (unsigned i = 0; i < rule.address_count && err == MX_OK; i++)
		err = check_server(load, place, &rule.address[i]);
	*ret_zone = rule.zone;
	rule.zone = NULL;
	mx_zone_rule_clear(&rule);
	return err;
}

/* Both lists together: a zone can be forwarded or a stub, and once only. */
static enum mx_error check_zones(struct mx_load *load)
{
	static const enum mx_option_index options[] = {
		MX_OPTION_forward_zone, MX_OPTION_stub_zone
	};
	const struct mx_texts *lists[] = { &load->config->forward_zone,
					   &load->config->stub_zone };
	size_t room = lists[0]->count + lists[1]->count, count = 0;
	struct seen {
		char *zone;
		struct mx_place place;
	} *seen = calloc(room + 1, sizeof(*seen));
	enum mx_error err = seen != NULL ? MX_OK : mx_load_no_memory(load);
	char before[80];

	for (size_t l = 0; l < 2; l++) {
		for (size_t i = 0; i < lists[l]->count && err == MX_OK; i++) {
			struct seen *s = &seen[count];

			s->place = mx_load_place(load, options[l], i);
			err = check_zone(load, s->place, lists[l]->at[i],
					 &s->zone);
			count += s->zone != NULL;
			for (size_t k = 0; k + 1 < count && err == MX_OK; k++) {
				if (strcasecmp(seen[k].zone, s->zone) != 0)
					continue;
				mx_place_text(seen[k].place, before);
				err = mx_load_fail(load, s->place,
						   "the zone \"%s\" was already given %s; write all its addresses in one line",
						   mx_excerpt(s->zone).text,
						   before);
			}
		}
	}
	for (size_t i = 0; i < count; i++)
		free(seen[i].zone);
	free(seen);
	return err;
}

/* ---- files and folders ---- */

/* Children have other working folders, so a path is made absolute. */
static enum mx_error make_absolute(struct mx_load *load, char **path)
{
	char folder[4096], *absolute;

	if (**path == '\0' || **path == '/')
		return MX_OK;
	if (getcwd(folder, sizeof(folder)) == NULL)
		return mx_load_fail(load, (struct mx_place){ 0 },
				    "the working folder has no path: %s; write absolute paths",
				    strerror(errno));
	if (asprintf(&absolute, "%s/%s", folder, *path) < 0)
		return mx_load_no_memory(load);
	free(*path);
	*path = absolute;
	return MX_OK;
}

/* Nothing is checked: a file that cannot be written costs what is kept in it at
 * the next start, and is no reason not to serve now. */
static enum mx_error place_kept(struct mx_load *load, char **path,
				const char *name)
{
	const char *folder = load->config->state_dir;
	char *file;

	if (**path != '\0' || *folder == '\0')
		return strcmp(*path, "none") == 0 ? MX_OK :
						    make_absolute(load, path);
	if (asprintf(&file, "%s/%s", folder, name) < 0)
		return mx_load_no_memory(load);
	free(*path);
	*path = file;
	return MX_OK;
}

static enum mx_error place_snapshot(struct mx_load *load)
{
	return place_kept(load, &load->config->snapshot_file, "cache.snapshot");
}

static enum mx_error place_policies(struct mx_load *load)
{
	return place_kept(load, &load->config->mta_sts_file, "mta-sts.cache");
}

/* Only what no start could mend: the folder may be there by then. */
static enum mx_error place_control(struct mx_load *load)
{
	struct mx_config *c = load->config;
	struct mx_place place = mx_load_place(load, MX_OPTION_control_socket, 0);
	enum mx_error err;

	if (strcmp(c->control_socket, "auto") == 0 ||
	    strcmp(c->control_socket, "no") == 0)
		return MX_OK;
	if (strcmp(c->control_socket, "yes") == 0)
		return mx_load_fail(load, place,
				    "\"yes\" for \"control-socket\" says not where; write \"auto\", or a path");
	err = make_absolute(load, &c->control_socket);
	if (err == MX_OK && strlen(c->control_socket) >= MX_CONTROL_PATH_MAX)
		return mx_load_fail(load, place,
				    "\"%s\" for \"control-socket\" is longer than the %zu octets that a socket's path may have; choose a shorter one",
				    mx_excerpt(c->control_socket).text,
				    MX_CONTROL_PATH_MAX - 1);
	for (const char *at = c->control_socket; err == MX_OK && *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return mx_load_fail(load, place,
					    "a control character in \"%s\" for \"control-socket\"; choose another path",
					    mx_excerpt(c->control_socket).text);
	return err;
}

/* One line of a zone file with its comment gone, in words. Parentheses only
 * join lines, so they are blanks here. */
static void zone_line_clean(char *line)
{
	line[strcspn(line, ";\r\n")] = '\0';
	for (; *line != '\0'; line++)
		if (*line == '(' || *line == ')' || *line == '\t')
			*line = ' ';
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(word, *words) == 0)
			return true;
	return false;
}

/* What is counted in a file: of zone files how often each type stands where an
 * RR's type may stand, after owner, TTL and class, and with data behind it. */
struct census {
	void (*read_line)(struct census *census, char *line);
	const char *const *types;
	unsigned count[4];
};

static void zone_line(struct census *census, char *line)
{
	static const char *const classes[] = { "IN", NULL };
	const char *rest = line;
	char word[64];

	zone_line_clean(line);
	/* A line that starts with a blank has the owner of the one before. */
	unsigned at = *line == ' ' ? 1 : 0;
	for (; mx_word_next(&rest, word, sizeof(word)) && at < 4; at++) {
		for (unsigned t = 0; at > 0 && census->types[t] != NULL; t++) {
			if (strcasecmp(word, census->types[t]) != 0)
				continue;
			rest += strspn(rest, " ");
			census->count[t] += *rest != '\0';
			return;
		}
		/* Owner at first, then only TTL and class come before a type. */
		if (at > 0 && !is_one_of(word, classes) &&
		    strspn(word, "0123456789") == 0)
			return;
	}
}

static void certificate_line(struct census *census, char *line)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";

	census->count[0] += strncmp(line, begin, sizeof(begin) - 1) == 0;
}

static enum mx_error census_file(struct mx_load *load, struct mx_place place,
				 const struct mx_option *o, const char *path,
				 struct census *census)
{
	struct mx_excerpt shown = mx_excerpt(path);
	struct stat st;
	char *line = NULL;
	size_t room = 0;
	FILE *in = fopen(path, "re");

	if (in == NULL)
		return mx_load_fail(load, place,
				    "cannot open \"%s\" for \"%s\": %s; name a file that can be read",
				    shown.text, o->key, strerror(errno));
	if (fstat(fileno(in), &st) == 0 && !S_ISREG(st.st_mode)) {
		fclose(in);
		return mx_load_fail(load, place,
				    "\"%s\" for \"%s\" is no plain file; name one",
				    shown.text, o->key);
	}
	while (getline(&line, &room, in) >= 0)
		census->read_line(census, line);
	free(line);
	bool failed = ferror(in) != 0;
	int kept_errno = errno;
	fclose(in);
	if (failed)
		return mx_load_fail(load, place,
				    "cannot read \"%s\" for \"%s\": %s; try to read it with cat",
				    shown.text, o->key, strerror(kept_errno));
	return MX_OK;
}

static enum mx_error check_root_hints(struct mx_load *load)
{
	static const char *const types[] = { "NS", "A", "AAAA", NULL };
	struct mx_place place = mx_load_place(load, MX_OPTION_root_hints, 0);
	const char *path = load->config->root_hints;
	struct census census = { .read_line = zone_line, .types = types };

	if (*path == '\0')
		return MX_OK;
	enum mx_error err = census_file(load, place,
					&mx_options[MX_OPTION_root_hints],
					path, &census);
	if (err != MX_OK)
		return err;
	if (census.count[0] == 0 || census.count[1] + census.count[2] == 0)
		return mx_load_fail(load, place,
				    "\"%s\" has %s; root hints are lines as in \". 3600000 NS a.root-servers.net.\" and \"a.root-servers.net. 3600000 A 198.41.0.4\"",
				    mx_excerpt(path).text,
				    census.count[0] == 0 ? "no NS record" : "no address record");
	return MX_OK;
}

static enum mx_error check_trust_anchor(struct mx_load *load)
{
	static const char *const types[] = { "DS", "DNSKEY", NULL };
	struct mx_place place = mx_load_place(load, MX_OPTION_trust_anchor_file, 0);
	const char *path = load->config->trust_anchor_file;
	struct census census = { .read_line = zone_line, .types = types };

	if (*path == '\0')
		return MX_OK;
	enum mx_error err = census_file(load, place,
					&mx_options[MX_OPTION_trust_anchor_file],
					path, &census);
	if (err != MX_OK)
		return err;
	if (census.count[0] + census.count[1] == 0)
		return mx_load_fail(load, place,
				    "\"%s\" has no DS or DNSKEY record; a trust anchor is a line as in \". IN DS 20326 8 2 E06D...\"",
				    mx_excerpt(path).text);
	return MX_OK;
}

static enum mx_error check_ca_file(struct mx_load *load)
{
	struct mx_place place = mx_load_place(load, MX_OPTION_mta_sts_ca_file, 0);
	const char *path = load->config->mta_sts_ca_file;
	struct census census = { .read_line = certificate_line };

	if (*path == '\0')
		return MX_OK;
	enum mx_error err = census_file(load, place,
					&mx_options[MX_OPTION_mta_sts_ca_file],
					path, &census);
	if (err != MX_OK)
		return err;
	if (census.count[0] == 0)
		return mx_load_fail(load, place,
				    "\"%s\" has no line \"-----BEGIN CERTIFICATE-----\"; name a file of certificates in PEM format, or leave \"mta-sts-ca-file\" out",
				    mx_excerpt(path).text);
	return MX_OK;
}

static bool in_group(const char *account, gid_t gid, gid_t group)
{
	gid_t groups[256];
	int count = 256;

	if (account == NULL || getgrouplist(account, gid, groups, &count) < 0)
		return gid == group;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* A user namespace may lack an id; mxbound then stays what it is. */
static bool uid_exists_here(uid_t uid)
{
	unsigned long first, outside, count;
	bool found = false;
	FILE *map = fopen("/proc/self/uid_map", "re");

	if (map == NULL)
		return true;
	while (!found && fscanf(map, "%lu %lu %lu", &first, &outside, &count) == 3)
		found = uid >= first && uid - first < count;
	fclose(map);
	return found;
}

/* Whether the account that mxbound will work as can make files in a folder.
 * As root access(2) says yes to everything, so the mode is read. */
static bool folder_writable(const struct mx_config *c, const char *path,
			    const struct stat *st, uid_t *ret_uid)
{
	gid_t gid;

	*ret_uid = geteuid();
	if (*ret_uid != 0 || mx_privilege_ids(c, ret_uid, &gid) != MX_OK ||
	    *ret_uid == 0 || !uid_exists_here(*ret_uid))
		return access(path, W_OK | X_OK) == 0;
	const struct passwd *account = getpwuid(*ret_uid);
	unsigned shift = st->st_uid == *ret_uid ? 6 :
		in_group(account != NULL ? account->pw_name : NULL, gid,
			 st->st_gid) ? 3 : 0;
	return ((st->st_mode >> shift) & 3) == 3;
}

static enum mx_error check_state_dir(struct mx_load *load)
{
	struct mx_place place = mx_load_place(load, MX_OPTION_state_dir, 0);
	const char *path = load->config->state_dir;
	struct mx_excerpt shown = mx_excerpt(path);
	struct stat st;
	uid_t uid;

	if (*path == '\0')
		return MX_OK;
	if (stat(path, &st) != 0)
		return mx_load_fail(load, place,
				    "cannot use \"%s\" as \"state-dir\": %s; make the folder first",
				    shown.text, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return mx_load_fail(load, place,
				    "\"%s\" for \"state-dir\" is no folder; name one",
				    shown.text);
	if (!folder_writable(load->config, path, &st, &uid))
		return mx_load_fail(load, place,
				    "the account that mxbound works as (uid %u) cannot make files in \"%s\"; chown the folder to it",
				    (unsigned)uid, shown.text);
	return MX_OK;
}

static enum mx_error check_user(struct mx_load *load)
{
	const char *name = load->config->user;

	errno = 0;
	if (*name == '\0' || getpwnam(name) != NULL)
		return MX_OK;
	return mx_load_fail(load, mx_load_place(load, MX_OPTION_user, 0),
			    "there is no account \"%s\"; make it with \"adduser --system --group\", or leave \"user\" out",
			    mx_excerpt(name).text);
}

static enum mx_error check_cookie_secrets(struct mx_load *load)
{
	const char *path = load->config->cookie_secret_file;
	struct mx_cookie_secrets secrets;
	char why[MX_COOKIE_WHY_MAX];

	if (*path == '\0')
		return MX_OK;
	if (!mx_cookie_secrets_read(path, &secrets, why))
		return mx_load_fail(load,
				    mx_load_place(load, MX_OPTION_cookie_secret_file, 0),
				    "\"%s\" for \"cookie-secret-file\": %s",
				    mx_excerpt(path).text, why);
	explicit_bzero(&secrets, sizeof(secrets));
	return MX_OK;
}

enum mx_error mx_load_check(struct mx_load *load)
{
	enum mx_error (*const checks[])(struct mx_load *) = {
		check_failure_ttl, check_listen, check_policy_listen,
		check_http_listen,
		check_access_control,
		check_zones, check_user, check_root_hints, check_trust_anchor,
		check_ca_file, check_state_dir, check_cookie_secrets,
		check_open,
	};
	char **paths[] = { &load->config->root_hints,
			   &load->config->trust_anchor_file,
			   &load->config->mta_sts_ca_file,
			   &load->config->state_dir,
			   &load->config->cookie_secret_file };
	enum mx_error err = MX_OK;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && err == MX_OK; i++)
		err = make_absolute(load, paths[i]);
	if (err == MX_OK)
		err = place_snapshot(load);
	if (err == MX_OK)
		err = place_policies(load);
	if (err == MX_OK)
		err = place_control(load);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks) && err == MX_OK; i++)
		err = checks[i](load);
	return err;
}
