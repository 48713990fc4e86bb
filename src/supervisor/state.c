/* state.c - what one program image leaves to the next. */
#include "state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mx_log.h"

#define FORMAT "mxbound-takeover 1"
#define LINE_MAX_OCTETS 160
/* Far more than any process may open; keeps the arithmetic small. */
#define FD_MAX (1 << 20)

const char *const role_name[ROLE_COUNT] = { "front", "resolver", "fetcher" };

bool state_write(const struct state *state, FILE *out)
{
	char where[MX_ADDRESS_TEXT_MAX];

	fprintf(out, FORMAT "\npid %d\ngeneration %u\nipv6 %d\nconfig %d\nfolder %d\n",
		(int)state->self, state->generation, state->ipv6,
		state->config, state->folder);
	for (int role = 0; role < ROLE_FETCHER; role++)
		fprintf(out, "program %s %d\n", role_name[role],
			state->program[role]);
	for (size_t i = 0; i < state->listeners.count; i++) {
		const struct listener *one = &state->listeners.at[i];
		mx_address_text((const struct sockaddr *)&one->addr, where);
		fprintf(out, "socket %s %d %s\n", one->tcp ? "tcp" : "udp",
			one->fd, where);
	}
	if (state->control.fd >= 0)
		fprintf(out, "control %s %d %s\n",
			state->control.by_default ? "auto" : "set",
			state->control.fd, state->control.path);
	for (size_t i = 0; i < state->services.count; i++)
		fprintf(out, "%s %d %s\n",
			service_word(state->services.at[i].kind),
			state->services.at[i].fd, state->services.at[i].where);
	for (size_t i = 0; i < state->child_count; i++) {
		const struct state_child *c = &state->child[i];
		if (c->role == ROLE_FETCHER)
			fprintf(out, "fetcher %d %d %d\n", (int)c->pid,
				c->control, c->ready);
		else
			fprintf(out, "child %s %u %d %d %d\n",
				role_name[c->role], c->index, (int)c->pid,
				c->control, c->ready);
	}
	if (state->program[ROLE_FETCHER] >= 0)
		fprintf(out, "fetcher-program %d\n",
			state->program[ROLE_FETCHER]);
	fprintf(out, "end\n");
	return !ferror(out);
}

/* ---- reading ---- */

struct reader {
	char *at;	   /* rest of the line in hand */
	const char *wrong; /* first thing that was */
	struct state *state;
	bool seen_pid, seen_generation, seen_ipv6, seen_config, seen_folder,
		seen_program[ROLE_COUNT], seen_control, seen_end;
};

static void fail(struct reader *r, const char *wrong)
{
	if (!r->wrong)
		r->wrong = wrong;
}

static const char *word(struct reader *r)
{
	char *start = r->at;
	size_t len = strcspn(start, " ");

	r->at = start + len + (start[len] == ' ');
	start[len] = '\0';
	if (len == 0)
		fail(r, "a word is missing");
	return start;
}

static int64_t number(struct reader *r, int64_t min, int64_t max)
{
	const char *text = word(r);
	size_t digits = strspn(text + (*text == '-'), "0123456789");

	if (digits == 0 || digits > 10 || text[digits + (*text == '-')] != '\0') {
		fail(r, "not a number");
		return min;
	}
	int64_t value = strtoll(text, NULL, 10);
	if (value < min || value > max) {
		fail(r, "number out of range");
		return min;
	}
	return value;
}

static enum role read_role(struct reader *r)
{
	const char *text = word(r);

	for (int role = 0; role < ROLE_FETCHER; role++)
		if (strcmp(text, role_name[role]) == 0)
			return role;
	fail(r, "neither front nor resolver");
	return ROLE_FRONT;
}

static void once(struct reader *r, bool *seen)
{
	if (*seen)
		fail(r, "said twice");
	*seen = true;
}

static void read_socket(struct reader *r)
{
	struct listener one = { .tcp = false };
	socklen_t len;
	const char *kind = word(r);

	one.tcp = strcmp(kind, "tcp") == 0;
	if (!one.tcp && strcmp(kind, "udp") != 0)
		fail(r, "neither udp nor tcp");
	one.fd = (int)number(r, 3, FD_MAX);
	if (!mx_address_parse(word(r), 0, &one.addr, &len))
		fail(r, "not an address");
	if (r->state->listeners.count == STATE_SOCKETS_MAX)
		fail(r, "too many sockets");
	if (!r->wrong && !listeners_add(&r->state->listeners, &one))
		fail(r, "out of memory");
}

static void read_control(struct reader *r)
{
	struct control_socket *control = &r->state->control;
	const char *how = word(r);

	control->by_default = strcmp(how, "auto") == 0;
	if (!control->by_default && strcmp(how, "set") != 0)
		fail(r, "neither auto nor set");
	control->fd = (int)number(r, 3, FD_MAX);
	/* The rest of the line: a path may have blanks. */
	if (*r->at != '/' || strlen(r->at) >= sizeof control->path)
		fail(r, "not a path");
	else
		strcpy(control->path, r->at);
	r->at += strlen(r->at);
}

static void read_service(struct reader *r, enum service_kind kind)
{
	struct service_sockets *services = &r->state->services;
	struct service_socket one = { .kind = kind };
	struct sockaddr_storage addr;
	const char *path;
	socklen_t len;

	one.fd = (int)number(r, 3, FD_MAX);
	/* The rest of the line: a path may have blanks. */
	if (strlen(r->at) >= sizeof one.where ||
	    !service_parse(kind, r->at, &path, &addr, &len))
		fail(r, "neither an address nor a path");
	else
		strcpy(one.where, r->at);
	r->at += strlen(r->at);
	if (services->count == SERVICE_SOCKETS_MAX)
		fail(r, "too many sockets");
	else if (!r->wrong)
		services->at[services->count++] = one;
}

/* What is the same of all. */
static void read_process(struct reader *r, struct state_child c)
{
	c.pid = (pid_t)number(r, 0, INT32_MAX);
	c.control = (int)number(r, -1, FD_MAX);
	c.ready = number(r, 0, 1) != 0;
	if (c.pid == 1 || (c.control >= 0 && c.control < 3))
		fail(r, "number out of range");
	if (r->state->child_count == CHILDREN_MAX)
		fail(r, "too many children");
	for (size_t i = 0; i < r->state->child_count; i++) {
		const struct state_child *other = &r->state->child[i];
		if ((other->role == c.role && other->index == c.index) ||
		    (other->pid == c.pid && c.pid != 0))
			fail(r, "said twice");
	}
	if (!r->wrong)
		r->state->child[r->state->child_count++] = c;
}

static void read_child(struct reader *r)
{
	struct state_child c = { .role = read_role(r) };

	c.index = (unsigned)number(r, 0, c.role == ROLE_FRONT ? 0 : RESOLVERS_MAX - 1);
	read_process(r, c);
}

static void read_line(struct reader *r)
{
	struct state *state = r->state;
	const char *key = word(r);

	if (r->seen_end) {
		fail(r, "something after the end");
	} else if (strcmp(key, "pid") == 0) {
		once(r, &r->seen_pid);
		state->self = (pid_t)number(r, 1, INT32_MAX);
	} else if (strcmp(key, "generation") == 0) {
		once(r, &r->seen_generation);
		state->generation = (unsigned)number(r, 1, UINT32_MAX);
	} else if (strcmp(key, "ipv6") == 0) {
		once(r, &r->seen_ipv6);
		state->ipv6 = (int)number(r, -1, 1);
	} else if (strcmp(key, "config") == 0) {
		once(r, &r->seen_config);
		state->config = (int)number(r, 3, FD_MAX);
	} else if (strcmp(key, "folder") == 0) {
		once(r, &r->seen_folder);
		state->folder = (int)number(r, -1, FD_MAX);
	} else if (strcmp(key, "program") == 0) {
		enum role role = read_role(r);
		once(r, &r->seen_program[role]);
		state->program[role] = (int)number(r, 3, FD_MAX);
	} else if (strcmp(key, "socket") == 0) {
		read_socket(r);
	} else if (strcmp(key, "control") == 0) {
		once(r, &r->seen_control);
		read_control(r);
	} else if (strcmp(key, "policy") == 0) {
		read_service(r, SERVICE_POLICY);
	} else if (strcmp(key, "http") == 0) {
		read_service(r, SERVICE_HTTP);
	} else if (strcmp(key, "child") == 0) {
		read_child(r);
	} else if (strcmp(key, "fetcher-program") == 0) {
		once(r, &r->seen_program[ROLE_FETCHER]);
		state->program[ROLE_FETCHER] = (int)number(r, 3, FD_MAX);
	} else if (strcmp(key, "fetcher") == 0) {
		read_process(r, (struct state_child){ .role = ROLE_FETCHER });
	} else if (strcmp(key, "end") == 0) {
		r->seen_end = true;
	} else {
		return;
	}
	if (*r->at != '\0')
		fail(r, "more than is expected");
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

/* Each descriptor has one owner, who closes it. */
static void check_descriptors(struct reader *r)
{
	const struct state *s = r->state;
	size_t count = 0, room = s->listeners.count + s->services.count +
		s->child_count + 3 + ROLE_COUNT;
	int *all = calloc(room, sizeof *all);

	if (!all) {
		fail(r, "out of memory");
		return;
	}
	for (size_t i = 0; i < s->listeners.count; i++)
		all[count++] = s->listeners.at[i].fd;
	for (size_t i = 0; i < s->services.count; i++)
		all[count++] = s->services.at[i].fd;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->child[i].control >= 0)
			all[count++] = s->child[i].control;
	for (int role = 0; role < ROLE_COUNT; role++)
		if (s->program[role] >= 0)
			all[count++] = s->program[role];
	all[count++] = s->config;
	if (s->control.fd >= 0)
		all[count++] = s->control.fd;
	if (s->folder >= 0)
		all[count++] = s->folder;
	qsort(all, count, sizeof *all, compare);
	for (size_t i = 1; i < count; i++)
		if (all[i] == all[i - 1])
			fail(r, "a descriptor is named twice");
	free(all);
}

static void check_whole(struct reader *r)
{
	const struct state *s = r->state;
	unsigned count[ROLE_COUNT] = { 0 };

	if (!r->seen_end || !r->seen_pid || !r->seen_generation ||
	    !r->seen_ipv6 || !r->seen_config || !r->seen_folder ||
	    !r->seen_program[ROLE_FRONT] || !r->seen_program[ROLE_RESOLVER]) {
		fail(r, "something is missing");
		return;
	}
	if (s->folder >= 0 && s->folder < 3)
		fail(r, "number out of range");
	for (size_t i = 0; i < s->child_count; i++)
		count[s->child[i].role]++;
	if (count[ROLE_FRONT] != 1 || count[ROLE_RESOLVER] == 0 ||
	    s->listeners.count == 0 ||
	    (count[ROLE_FETCHER] > 0 && s->program[ROLE_FETCHER] < 0))
		fail(r, "something is missing");
	/* Resolvers are numbered without gaps. */
	for (size_t i = 0; i < s->child_count; i++)
		if (s->child[i].role == ROLE_RESOLVER &&
		    s->child[i].index >= count[ROLE_RESOLVER])
			fail(r, "a resolver is missing");
	if (!r->wrong)
		check_descriptors(r);
}

enum mx_error state_read(const char *text, size_t len, struct state *ret,
			 char error[STATE_ERROR_MAX])
{
	struct state state = { .control.fd = -1,
			       .program[ROLE_FETCHER] = -1 };
	struct reader r = { .state = &state };
	char line[LINE_MAX_OCTETS];
	unsigned line_number = 0;

	for (const char *end = text + len; text < end && !r.wrong;) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = stop ? (size_t)(stop - text) : 0;
		line_number++;
		if (!stop || line_len >= sizeof line || memchr(text, '\0', line_len)) {
			fail(&r, "not a line");
			break;
		}
		memcpy(line, text, line_len);
		line[line_len] = '\0';
		text = stop + 1;
		r.at = line;
		if (line_number > 1)
			read_line(&r);
		else if (strcmp(line, FORMAT) != 0)
			fail(&r, "another format than " FORMAT);
	}
	if (!r.wrong)
		check_whole(&r);
	if (r.wrong) {
		snprintf(error, STATE_ERROR_MAX, "line %u: %s", line_number, r.wrong);
		state_free(&state);
		return MX_E_CONFIG;
	}
	*ret = state;
	return MX_OK;
}

void state_free(struct state *state)
{
	free(state->listeners.at);
	state->listeners = (struct listeners){ .at = NULL };
}
