/* config.c - the table; files, lines and --set; loading. See mx_config.h. */
#include "mx_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_parts.h"
#include "text.h"

#define FILE_OCTETS_MAX (16u << 20)
#define LINE_OCTETS_MAX 8192u

const struct mx_option mx_options[MX_OPTION_COUNT] = {
#define X(member, key, kind, def, min, max, unit, help) \
	{ key, def, unit, help, MX_KIND_##kind, min, max, \
	  offsetof(struct mx_config, member) },
	MX_OPTIONS(X)
#undef X
};

void *mx_option_member(const struct mx_option *o, struct mx_config *config)
{
	return (char *)config + o->offset;
}

const void *mx_option_value(const struct mx_option *o,
			    const struct mx_config *config)
{
	return (const char *)config + o->offset;
}

static void texts_clear(struct mx_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->at[i]);
	free(texts->at);
	*texts = (struct mx_texts){ 0 };
}

void mx_config_clear(struct mx_config *config)
{
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++) {
		const struct mx_option *o = &mx_options[i];
		void *member = mx_option_member(o, config);

		if (o->kind == MX_KIND_TEXT)
			free(*(char **)member);
		else if (o->kind == MX_KIND_LIST)
			texts_clear(member);
	}
	memset(config, 0, sizeof(*config));
}

/* ---- places and errors ---- */

static void place_head(const struct mx_load *load, struct mx_place place,
		       char *out, size_t room)
{
	char file[420];

	if (place.set != NULL) {
		snprintf(out, room, "--set %s: ", mx_excerpt(place.set).text);
		return;
	}
	if (load->file == NULL) {
		*out = '\0'; /* a default, or something with no place */
		return;
	}
	mx_text_clean(file, sizeof(file), load->file, strlen(load->file));
	if (place.line > 0)
		snprintf(out, room, "%s:%u: ", file, place.line);
	else
		snprintf(out, room, "%s: ", file);
}

enum mx_error mx_load_fail(struct mx_load *load, struct mx_place place,
			   const char *format, ...)
{
	char text[MX_CONFIG_ERROR_MAX], head[480];
	va_list list;

	place_head(load, place, head, sizeof(head));
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);

	size_t at = (size_t)snprintf(load->error, MX_CONFIG_ERROR_MAX, "%s",
				     head);
	mx_text_clean(load->error + at, MX_CONFIG_ERROR_MAX - at, text,
		      strlen(text));
	return MX_E_CONFIG;
}

enum mx_error mx_load_no_memory(struct mx_load *load)
{
	snprintf(load->error, MX_CONFIG_ERROR_MAX,
		 "out of memory while reading the configuration");
	return MX_E_NO_MEMORY;
}

struct mx_place mx_load_place(const struct mx_load *load,
			      enum mx_option_index option, size_t i)
{
	const struct mx_places *places = &load->places[option];

	return i < places->count ? places->at[i] : (struct mx_place){ 0 };
}

void mx_place_text(struct mx_place place, char out[80])
{
	if (place.set != NULL)
		snprintf(out, 80, "by --set %s", mx_excerpt(place.set).text);
	else if (place.line > 0)
		snprintf(out, 80, "in line %u", place.line);
	else
		snprintf(out, 80, "by default");
}

static bool place_add(struct mx_places *places, struct mx_place place)
{
	struct mx_place *more = reallocarray(places->at, places->count + 1,
					     sizeof(*more));

	if (more == NULL)
		return false;
	places->at = more;
	places->at[places->count++] = place;
	return true;
}

static void places_clear(struct mx_places *places)
{
	free(places->at);
	*places = (struct mx_places){ 0 };
}

/* ---- keys ---- */

/* Names that people bring along from other resolvers' files. */
static const struct {
	const char *key, *advice;
} foreign_keys[] = {
	{ "server", "there are no sections here; leave the line out" },
	{ "remote-control", "there are no sections here; leave the line out" },
	{ "interface", "write \"listen: ADDR@PORT\"" },
	{ "port", "write \"listen: ADDR@PORT\"" },
	{ "num-threads", "write \"workers: NUMBER\"" },
	{ "verbosity", "write \"log-level: WORD\"" },
	{ "username", "write \"user: NAME\"" },
	{ "do-ip6", "write \"ipv6-upstream: auto\", yes or no" },
	{ "auto-trust-anchor-file", "write \"trust-anchor-file: FILE\" and \"state-dir: FOLDER\"" },
	{ "forward-addr", "write \"forward-zone: ZONE ADDR[@PORT]...\"" },
	{ "stub-addr", "write \"stub-zone: ZONE ADDR[@PORT]...\"" },
	{ "include", "all settings stand in one file" },
	{ "cache-max-ttl", "write \"ttl-max: SECONDS\"" },
	{ "cache-max-negative-ttl", "write \"negative-ttl-max: SECONDS\"" },
	{ "max-udp-size", "write \"udp-size-max: OCTETS\"" },
};

static const struct mx_option *option_find(const char *key)
{
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++)
		if (strcmp(mx_options[i].key, key) == 0)
			return &mx_options[i];
	return NULL;
}

/* A third of the letters wrong is still a slip; more is another word. */
static const struct mx_option *option_near(const char *key)
{
	const struct mx_option *best = NULL;
	unsigned best_distance = (unsigned)(strlen(key) / 3) + 1;

	for (unsigned i = 0; i < MX_OPTION_COUNT; i++) {
		unsigned d = mx_text_distance(key, mx_options[i].key);
		if (d < best_distance) {
			best_distance = d;
			best = &mx_options[i];
		}
	}
	return best;
}

static enum mx_error unknown_key(struct mx_load *load, struct mx_place place,
				 const char *key)
{
	struct mx_excerpt shown = mx_excerpt(key);
	const struct mx_option *near = option_near(key);

	for (size_t i = 0; i < sizeof(foreign_keys) / sizeof(*foreign_keys); i++)
		if (strcmp(key, foreign_keys[i].key) == 0)
			return mx_load_fail(load, place, "unknown key \"%s\"; %s",
					    shown.text, foreign_keys[i].advice);
	if (mx_resolver_option_allowed(key))
		return mx_load_fail(load, place,
				    "unknown key \"%s\"; as an option of the resolver it is written \"resolver-option: %s: VALUE\"",
				    shown.text, shown.text);
	if (near != NULL)
		return mx_load_fail(load, place,
				    "unknown key \"%s\"; did you mean \"%s\"?",
				    shown.text, near->key);
	return mx_load_fail(load, place,
			    "unknown key \"%s\"; \"mxbound --help\" lists all keys",
			    shown.text);
}

/* ---- values ---- */

/* Blanks at the ends go, blanks between words become one space. */
static void single_blanks(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		bool blank = *from == ' ' || *from == '\t';
		if (blank && (to == text || to[-1] == ' '))
			continue;
		*to++ = blank ? ' ' : *from;
	}
	if (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

static enum mx_error texts_add(struct mx_texts *texts, const char *text)
{
	char **more = reallocarray(texts->at, texts->count + 1, sizeof(*more));

	if (more == NULL)
		return MX_E_NO_MEMORY;
	texts->at = more;
	texts->at[texts->count] = strdup(text);
	if (texts->at[texts->count] == NULL)
		return MX_E_NO_MEMORY;
	texts->count++;
	return MX_OK;
}

/* Whether a value written at `place` takes the place of what `places` has
 * from before: the file replaces the default, --set replaces the file. */
static bool replaces(const struct mx_places *places, struct mx_place place)
{
	return places->count == 0 ||
	       (place.set != NULL && places->at[0].set == NULL);
}

static enum mx_error add_entry(struct mx_load *load, const struct mx_option *o,
			       char *text, struct mx_place place)
{
	enum mx_option_index index = (enum mx_option_index)(o - mx_options);
	struct mx_places *places = &load->places[index];
	struct mx_texts *texts = mx_option_member(o, load->config);
	char why[MX_WHY_TEXT_MAX], before[80];

	single_blanks(text);
	if (replaces(places, place)) {
		texts_clear(texts);
		places_clear(places);
	}
	/* An empty value has a place but no entry. */
	bool empty_before = places->count > texts->count;
	if (places->count > 0 && (*text == '\0' || empty_before)) {
		mx_place_text(places->at[0], before);
		return mx_load_fail(load, place,
				    "an empty value means no \"%s\" at all, and there is another %s; keep one of them",
				    o->key, before);
	}
	if (*text == '\0' && o->min > 0)
		return mx_load_fail(load, place,
				    "\"%s\" cannot be empty; write %s", o->key,
				    o->unit);
	if (texts->count == o->max)
		return mx_load_fail(load, place,
				    "more than %llu lines \"%s\"; that is the most",
				    (unsigned long long)o->max, o->key);
	if (!place_add(places, place))
		return mx_load_no_memory(load);
	if (*text == '\0')
		return MX_OK;
	if (!mx_list_entry_check(index, text, why))
		return mx_load_fail(load, place, "%s", why);
	return texts_add(texts, text) == MX_OK ? MX_OK : mx_load_no_memory(load);
}

static enum mx_error set_scalar(struct mx_load *load, const struct mx_option *o,
				const char *text, struct mx_place place)
{
	struct mx_places *places = &load->places[o - mx_options];
	char why[MX_WHY_TEXT_MAX], before[80];

	if (!replaces(places, place)) {
		mx_place_text(places->at[0], before);
		return mx_load_fail(load, place,
				    "\"%s\" was already set %s; keep one of them",
				    o->key, before);
	}
	enum mx_error err = mx_value_read(o, text,
					  mx_option_member(o, load->config),
					  why);
	if (err == MX_E_NO_MEMORY)
		return mx_load_no_memory(load);
	if (err != MX_OK)
		return mx_load_fail(load, place, "%s", why);
	places_clear(places);
	return place_add(places, place) ? MX_OK : mx_load_no_memory(load);
}

static enum mx_error set_value(struct mx_load *load, const char *key,
			       char *value, struct mx_place place)
{
	const struct mx_option *o = option_find(key);

	if (o == NULL)
		return unknown_key(load, place, key);
	return o->kind == MX_KIND_LIST ? add_entry(load, o, value, place)
				       : set_scalar(load, o, value, place);
}

static enum mx_error set_default(struct mx_load *load,
				 const struct mx_option *o)
{
	char why[MX_WHY_TEXT_MAX], entry[256];
	const char *word;
	size_t len;

	if (o->kind != MX_KIND_LIST)
		return mx_value_read(o, o->fallback,
				     mx_option_member(o, load->config), why);
	for (unsigned i = 0; *o->fallback != '\0' &&
	     (word = mx_value_word(o->fallback, i, &len)) != NULL; i++) {
		snprintf(entry, sizeof(entry), "%.*s", (int)len, word);
		if (texts_add(mx_option_member(o, load->config), entry) != MX_OK)
			return MX_E_NO_MEMORY;
	}
	return MX_OK;
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What no text may hold, wherever it comes from. end is one past the last
 * octet to look at. */
static enum mx_error check_octets(struct mx_load *load, struct mx_place place,
				  const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t octets = mx_utf8_length(text + i, len - i);
		unsigned c = (unsigned char)text[i];

		if (c == 0)
			return mx_load_fail(load, place,
					    "NUL octet in column %zu; the file must be plain text in UTF-8", i + 1);
		if (octets == 0)
			return mx_load_fail(load, place,
					    "octet \\x%02x in column %zu is not UTF-8; save the text as UTF-8", c, i + 1);
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return mx_load_fail(load, place,
					    "control character \\x%02x in column %zu; take it out", c, i + 1);
		i += octets;
	}
	return MX_OK;
}

/* A value in double quotes starts at *from; it is unquoted in place. */
static enum mx_error read_quoted(struct mx_load *load, struct mx_place place,
				 char *from)
{
	char *to = from, *at = from + 1;

	for (; *at != '"'; at++) {
		if (*at == '\\') {
			at++;
			if (*at != '"' && *at != '\\')
				return mx_load_fail(load, place,
						    "only \\\" and \\\\ may follow a backslash in quotes; write \\\\ for a backslash");
		}
		if (*at == '\0')
			return mx_load_fail(load, place,
					    "the closing \" is missing; put it after the value");
		*to++ = *at;
	}
	at++;
	at += strspn(at, " \t");
	if (*at != '\0' && *at != '#')
		return mx_load_fail(load, place,
				    "\"%s\" follows the quoted value; put the whole value in quotes",
				    mx_excerpt(at).text);
	*to = '\0';
	return MX_OK;
}

/* A value without quotes: up to a comment, without blanks at the end. */
static enum mx_error read_unquoted(struct mx_load *load, struct mx_place place,
				   const char *key, char *value)
{
	char *end = value;

	for (; *end != '\0'; end++) {
		if (*end == '#' && (end == value || is_blank(end[-1])))
			break;
		if (*end == '"')
			return mx_load_fail(load, place,
					    "quotes must stand around the whole value; write %s: \"...\"",
					    mx_excerpt(key).text);
	}
	while (end > value && is_blank(end[-1]))
		end--;
	*end = '\0';
	if (end == value)
		return mx_load_fail(load, place,
				    "\"%s\" has no value; write \"%s: VALUE\", or \"\" for an empty one",
				    mx_excerpt(key).text, mx_excerpt(key).text);
	return MX_OK;
}

/* Length of what stands before a comment. */
static size_t before_comment(const char *line, size_t len)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\\' && quoted)
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
		else if (line[i] == '#' && !quoted &&
			 (i == 0 || is_blank(line[i - 1])))
			return i;
	}
	return len;
}

/* line is NUL-terminated, without its end of line, and is overwritten. */
static enum mx_error read_line(struct mx_load *load, struct mx_place place,
			       char *line, size_t len)
{
	/* A comment may be in any encoding; NUL shows UTF-16 even there. */
	const char *nul = memchr(line, '\0', len);
	size_t checked = nul != NULL ? len : before_comment(line, len);
	enum mx_error err = check_octets(load, place, line, checked);

	if (err != MX_OK)
		return err;
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return MX_OK;

	size_t key_len = strcspn(line, ":# \t\"=");
	char *colon = line + key_len + strspn(line + key_len, " \t");
	if (*colon != ':' || key_len == 0)
		return mx_load_fail(load, place,
				    "\"%s\" is not \"KEY: VALUE\"; write it as in \"cache-size: 64m\"",
				    mx_excerpt(line).text);
	line[key_len] = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	/* Sections have no value, so look at the key first. */
	if (option_find(line) == NULL)
		return unknown_key(load, place, line);
	err = *value == '"' ? read_quoted(load, place, value)
			    : read_unquoted(load, place, line, value);
	return err == MX_OK ? set_value(load, line, value, place) : err;
}

static enum mx_error read_lines(struct mx_load *load, char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf"; /* some editors' first octets */
	char *end = text + len;
	struct mx_place place = { 0 };

	if (len >= 3 && memcmp(text, bom, 3) == 0)
		text += 3;
	while (text < end) {
		char *next = memchr(text, '\n', (size_t)(end - text));
		char *stop = next != NULL ? next : end;
		size_t octets = (size_t)(stop - text);

		place.line++;
		if (octets > 0 && text[octets - 1] == '\r')
			octets--;
		if (octets > LINE_OCTETS_MAX)
			return mx_load_fail(load, place,
					    "the line has %zu octets; at most %u are taken",
					    octets, LINE_OCTETS_MAX);
		text[octets] = '\0';
		enum mx_error err = read_line(load, place, text, octets);
		if (err != MX_OK)
			return err;
		text = stop + 1;
	}
	return MX_OK;
}

/* ---- files ---- */

static enum mx_error fail_errno(struct mx_load *load, const char *what)
{
	const char *remedy =
		errno == ENOENT || errno == ENOTDIR ? "check the path" :
		errno == EACCES ? "let the account that starts mxbound read it" :
		errno == EISDIR ? "name a file in it" : "try to read it with cat";

	return mx_load_fail(load, (struct mx_place){ 0 }, "%s: %s; %s", what,
			    strerror(errno), remedy);
}

/* How a descriptor is read. A pipe has no positions; a descriptor handed to
 * several children has one position, which they would take from each other. */
enum reading { READ_ON, READ_FROM_START };

/* All of fd, in memory with a NUL after it. */
static enum mx_error read_all(struct mx_load *load, int fd, enum reading how,
			      char **ret, size_t *ret_len)
{
	size_t room = 0, len = 0;
	char *text = NULL;
	ssize_t got;

	do {
		if (room - len < 2) {
			room = room == 0 ? 16384 : room * 2;
			char *more = realloc(text, room);
			if (more == NULL) {
				free(text);
				return mx_load_no_memory(load);
			}
			text = more;
		}
		got = how == READ_ON
			      ? read(fd, text + len, room - len - 1)
			      : pread(fd, text + len, room - len - 1, (off_t)len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			enum mx_error err = fail_errno(load, "cannot read the file");
			free(text);
			return err;
		}
		len += (size_t)got;
		if (len > FILE_OCTETS_MAX) {
			free(text);
			return mx_load_fail(load, (struct mx_place){ 0 },
					    "longer than %u octets; this is not a configuration file",
					    FILE_OCTETS_MAX);
		}
	} while (got != 0);
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return MX_OK;
}

static enum mx_error read_fd(struct mx_load *load, int fd, enum reading how)
{
	size_t len = 0;
	char *text = NULL;
	enum mx_error err = read_all(load, fd, how, &text, &len);

	if (err == MX_OK) {
		err = read_lines(load, text, len);
		free(text);
	}
	return err;
}

static enum mx_error read_file(struct mx_load *load, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail_errno(load, "cannot open the file");
	enum mx_error err = read_fd(load, fd, READ_ON);
	close(fd);
	return err;
}

static enum mx_error read_set(struct mx_load *load, const char *set)
{
	struct mx_place place = { .set = set };
	const char *equals = strchr(set, '=');

	if (equals == NULL || equals == set)
		return mx_load_fail(load, place,
				    "not KEY=VALUE; write it as in --set cache-size=64m");
	enum mx_error err = check_octets(load, place, set, strlen(set));
	if (err != MX_OK)
		return err;
	if (strlen(set) > LINE_OCTETS_MAX)
		return mx_load_fail(load, place,
				    "%zu octets long; at most %u are taken",
				    strlen(set), LINE_OCTETS_MAX);

	char *text = strdup(set);
	if (text == NULL)
		return mx_load_no_memory(load);
	char *value = text + (equals - set);
	*value++ = '\0';
	value += strspn(value, " \t");
	size_t len = strlen(value);
	while (len > 0 && is_blank(value[len - 1]))
		value[--len] = '\0';
	err = set_value(load, text, value, place);
	free(text);
	return err;
}

/* ---- loading ---- */

static enum mx_error load_defaults(struct mx_load *load)
{
	memset(load->config, 0, sizeof(*load->config));
	*load->error = '\0';
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++)
		if (set_default(load, &mx_options[i]) != MX_OK)
			return mx_load_no_memory(load);
	return MX_OK;
}

static enum mx_error load_end(struct mx_load *load, enum mx_error err)
{
	for (unsigned i = 0; i < MX_OPTION_COUNT; i++)
		places_clear(&load->places[i]);
	if (err != MX_OK)
		mx_config_clear(load->config);
	return err;
}

enum mx_error mx_config_load(struct mx_config *ret, const char *file,
			     char *const *sets, size_t set_count,
			     char error[MX_CONFIG_ERROR_MAX])
{
	struct mx_load load = { .config = ret, .file = file, .error = error };
	enum mx_error err = load_defaults(&load);

	if (err == MX_OK && file != NULL)
		err = read_file(&load, file);
	for (size_t i = 0; i < set_count && err == MX_OK; i++)
		err = read_set(&load, sets[i]);
	if (err == MX_OK)
		err = mx_load_check(&load);
	return load_end(&load, err);
}

enum mx_error mx_config_read(struct mx_config *ret, int fd,
			     char error[MX_CONFIG_ERROR_MAX])
{
	struct mx_load load = { .config = ret, .error = error,
				.file = "configuration handed over" };
	enum mx_error err = load_defaults(&load);

	if (err == MX_OK)
		err = read_fd(&load, fd, READ_FROM_START);
	return load_end(&load, err);
}

/* ---- counts that depend on the machine ---- */

static unsigned cores(void)
{
	cpu_set_t set;

	/* More than 1,024 cores make it fail; 64 are the most used anyway. */
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 64;
	int count = CPU_COUNT(&set);
	return count < 1 ? 1 : count > 64 ? 64 : (unsigned)count;
}

unsigned mx_config_workers(const struct mx_config *config)
{
	return config->workers > 0 ? (unsigned)config->workers : cores();
}

static const char *none_is_null(const char *file)
{
	return *file == '\0' || strcmp(file, "none") == 0 ? NULL : file;
}

const char *mx_config_snapshot_file(const struct mx_config *config)
{
	return none_is_null(config->snapshot_file);
}

const char *mx_config_sts_file(const struct mx_config *config)
{
	return none_is_null(config->mta_sts_file);
}

const char *mx_config_control_socket(const struct mx_config *config)
{
	const char *path = config->control_socket;

	return *path == '/' ? path : NULL;
}

static bool has_services(const struct mx_config *config)
{
	return mx_config_control_socket(config) != NULL ||
	       config->policy_listen.count > 0 ||
	       config->http_listen.count > 0;
}

unsigned mx_config_threads(const struct mx_config *config)
{
	return mx_config_workers(config) + has_services(config);
}

bool mx_config_fetcher(const struct mx_config *config)
{
	return config->mta_sts && has_services(config);
}

unsigned mx_config_resolvers(const struct mx_config *config)
{
	unsigned most = (unsigned)mx_options[MX_OPTION_resolvers].max;
	unsigned half = (cores() + 1) / 2;

	if (config->resolvers > 0)
		return (unsigned)config->resolvers;
	return half < most ? half : most;
}
