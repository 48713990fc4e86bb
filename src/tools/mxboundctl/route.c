/* route.c - asks the daemon for routes or policies, many at a time, and prints them in the
 * order of the input.
 *
 *   input --> items: wanted --> sent --> known --> printed
 *
 * Items are in a ring by their number, which is also the id of the request.
 * At most WINDOW of them are there at a time, and MX_CONTROL_IN_FLIGHT_MAX are
 * sent; so memory is bounded, however long the input is, and one slow domain
 * holds up others only once it is WINDOW behind.
 *
 * A connection that is cut (a front that was replaced) is made anew, and what
 * was sent is sent again: to ask for a route twice does no harm. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define WINDOW 2048u
/* Replies that wait for an earlier one; then nothing more is asked. */
#define HELD_OCTETS_MAX (16u << 20)
#define DESTINATION_MAX 1100u
/* Without a reply for so long the daemon is taken for gone: it gives one
 * within 30 s. */
#define SILENCE_MS 60000
/* A daemon that was there is waited for so long, and asked again so often,
 * without a reply in between. */
#define AWAY_MS 5000
#define AWAY_LOOK_MS 100
#define TRIES_MAX 8u
#define PROGRESS_MS 200

enum item_state { ITEM_WANTED, ITEM_SENT, ITEM_KNOWN };

struct item {
	enum item_state state;
	char *destination;
	unsigned long line; /* 0: it was an argument */
	json_t *route, *error; /* of ITEM_KNOWN: one of them */
	size_t octets; /* of its reply */
};

struct batch {
	const struct route_command *command;
	struct link link;
	struct input input;
	struct item items[WINDOW];
	/* Numbers of the oldest that is not printed, of the next to be sent
	 * at the earliest, and of the next to come from input. */
	unsigned long first, unsent, next;
	unsigned sent;
	size_t held_octets;
	unsigned tries; /* connections since the last reply */
	int64_t heard_ms, shown_ms;
	bool many, colour, progress, input_ended, no_memory;
	unsigned long counts[4]; /* printed: by status, malformed last */
	enum ctl_status worst;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct item *item_at(struct batch *b, unsigned long number)
{
	return &b->items[number % WINDOW];
}

/* ---- from the input ---- */

static void know(struct batch *b, struct item *item, json_t *route,
		 json_t *error, size_t octets)
{
	item->state = ITEM_KNOWN;
	item->route = json_incref(route);
	item->error = json_incref(error);
	item->octets = octets;
	b->held_octets += octets;
}

/* What cannot even be sent; the daemon judges all else. */
static const char *unsendable(const char *text)
{
	if (strlen(text) > DESTINATION_MAX)
		return "too long for a destination";
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			return "a destination is ASCII without control characters; names with other letters are written in their xn-- form";
	return NULL;
}

static void add_item(struct batch *b, const char *text)
{
	struct item *item = item_at(b, b->next);
	const char *why = unsendable(text);

	*item = (struct item){ .state = ITEM_WANTED,
			       .destination = strdup(text),
			       .line = b->command->destinations[0] ?
				       0 : b->input.line };
	b->no_memory = b->no_memory || !item->destination;
	b->next++;
	if (why) {
		json_t *error = json_pack("{s:s, s:s}", "code", "destination",
					  "text", why);

		know(b, item, NULL, error, 0);
		b->no_memory = b->no_memory || !error;
		json_decref(error);
	}
}

static bool has_room(const struct batch *b)
{
	return !b->input_ended && b->next - b->first < WINDOW &&
	       b->held_octets < HELD_OCTETS_MAX;
}

static void take_input(struct batch *b)
{
	const char *text;

	while (has_room(b)) {
		switch (input_next(&b->input, &text)) {
		case INPUT_LINE:
			add_item(b, text);
			break;
		case INPUT_NOT_YET:
			return;
		case INPUT_END:
			b->input_ended = true;
			break;
		}
	}
}

/* ---- to the daemon and back ---- */

static bool send_item(struct batch *b, struct item *item, unsigned long number)
{
	json_t *request = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)number,
				    "command", b->command->policy ?
				    "policy" : "route", "destination",
				    item->destination);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	bool ok = text && octets_add(&b->link.out, text, strlen(text)) &&
		  octets_add(&b->link.out, "\n", 1);

	free(text);
	json_decref(request);
	item->state = ITEM_SENT;
	b->sent++;
	b->no_memory = b->no_memory || !ok;
	return ok;
}

static void send_wanted(struct batch *b)
{
	for (; b->unsent < b->next && b->sent < MX_CONTROL_IN_FLIGHT_MAX;
	     b->unsent++) {
		struct item *item = item_at(b, b->unsent);

		if (item->state == ITEM_WANTED &&
		    !send_item(b, item, b->unsent))
			return;
	}
}

/* One that was sent and waits for its reply, or NULL. */
static struct item *item_of(struct batch *b, json_t *reply)
{
	json_t *id = json_object_get(reply, "id");
	json_int_t number = json_integer_value(id);

	if (!json_is_integer(id) || number < 0 ||
	    (unsigned long)number < b->first || (unsigned long)number >= b->next)
		return NULL;
	struct item *item = item_at(b, (unsigned long)number);
	return item->state == ITEM_SENT ? item : NULL;
}

/* There is no point in trying again, unless it said that there is. */
static bool complain(struct batch *b, const char *what, bool hopeless)
{
	b->link.hopeless = hopeless;
	snprintf(b->link.error, sizeof(b->link.error), "mxbound at %s says: %s",
		 b->link.path, what);
	return false;
}

static bool take_reply(struct batch *b, const char *line, size_t len)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	json_t *route = json_object_get(reply, "result");
	json_t *error = json_object_get(reply, "error");
	struct item *item = item_of(b, reply);
	const char *why = json_string_value(json_object_get(error, "text"));
	bool ok = item && (json_is_object(route) || why);

	if (ok) {
		know(b, item, route, error, len);
		b->sent--;
		b->tries = 0;
		b->heard_ms = now_ms();
	} else {
		complain(b, why ? why : "what is no reply to any question",
			 !why);
	}
	json_decref(reply);
	return ok;
}

static bool take_replies(struct batch *b)
{
	bool open = link_read(&b->link);
	char *line;
	size_t len;

	while ((line = link_line(&b->link, &len)))
		if (!take_reply(b, line, len))
			return false;
	return open;
}

/* ---- losing and finding it ---- */

static void take_back(struct batch *b)
{
	for (unsigned long i = b->first; i < b->next; i++)
		if (item_at(b, i)->state == ITEM_SENT)
			item_at(b, i)->state = ITEM_WANTED;
	b->unsent = b->first;
	b->sent = 0;
}

/* False: it stays away; link.error says how. */
static bool reconnect(struct batch *b)
{
	int64_t end = now_ms() + AWAY_MS;

	/* It may close what is idle as often as it likes. */
	if (b->link.hopeless || (b->sent > 0 && ++b->tries > TRIES_MAX))
		return false;
	link_close(&b->link);
	take_back(b);
	do {
		/* Not in a hurry: it may be busy. */
		poll(NULL, 0, AWAY_LOOK_MS << b->tries / 2);
		if (link_connect(&b->link)) {
			b->heard_ms = now_ms();
			return true;
		}
	} while (now_ms() < end);
	return false;
}

/* ---- to standard output ---- */

static enum ctl_status status_of(const struct item *item)
{
	const char *code = json_string_value(json_object_get(item->error,
							     "code"));
	json_int_t status = json_integer_value(json_object_get(item->route,
							       "status"));

	if (code)
		return strcmp(code, "destination") == 0 ? CTL_USAGE
							: CTL_TEMPORARY;
	return status == 0 || status == 1 ? (enum ctl_status)status
					  : CTL_TEMPORARY;
}

static void say_error(const struct item *item)
{
	const char *why = json_string_value(json_object_get(item->error,
							    "text"));
	char shown[64];

	if (!why)
		why = "no reason given";
	snprintf(shown, sizeof(shown), "\"%.60s\"", item->destination);
	if (strlen(item->destination) > 60)
		strcpy(shown + sizeof(shown) - 5, "...\"");
	/* It may say itself what it is about. */
	const char *sep = strncmp(why, shown, strlen(shown)) == 0 ? "" : ": ";
	const char *what = *sep ? shown : "";
	if (item->line > 0)
		ctl_say("line %lu: %s%s%s", item->line, what, sep, why);
	else
		ctl_say("%s%s%s", what, sep, why);
}

static void print_json(const struct item *item)
{
	json_t *object = item->route ? json_incref(item->route) :
		json_pack("{s:s*, s:O}", "destination", item->destination,
			  "error", item->error);
	if (!item->route && item->line > 0)
		json_object_set_new(object, "line",
				    json_integer((json_int_t)item->line));
	/* What is no UTF-8 is no JSON string: then the line must do. */
	if (json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
		putchar('\n');
	json_decref(object);
}

static void print_text(const struct batch *b, json_t *result)
{
	if (b->command->policy && b->many)
		policy_print_short(stdout, result);
	else if (b->command->policy)
		policy_print_long(stdout, result, b->colour);
	else if (b->many)
		route_print_short(stdout, result);
	else
		route_print_long(stdout, result, b->colour);
}

static void print_item(struct batch *b, struct item *item)
{
	enum ctl_status status = status_of(item);

	if (b->command->json)
		print_json(item);
	else if (item->error)
		say_error(item);
	else
		print_text(b, item->route);
	b->counts[status == CTL_USAGE ? 3 : status]++;
	if (status > b->worst)
		b->worst = status;
}

static void item_clear(struct batch *b, struct item *item)
{
	b->held_octets -= item->octets;
	json_decref(item->route);
	json_decref(item->error);
	free(item->destination);
	*item = (struct item){ .state = ITEM_WANTED };
}

static void show_progress(struct batch *b, bool end)
{
	int64_t now = now_ms();

	if (!b->progress || (!end && now - b->shown_ms < PROGRESS_MS))
		return;
	b->shown_ms = now;
	if (b->command->policy)
		fprintf(stderr, "\r%lu policies: %lu known, %lu temporary",
			b->first, b->counts[0], b->counts[2]);
	else
		fprintf(stderr, "\r%lu routes: %lu deliverable, %lu permanent, %lu temporary",
			b->first, b->counts[0], b->counts[1], b->counts[2]);
	fputs(end ? "\n" : "\033[K", stderr);
}

static void print_known(struct batch *b)
{
	while (b->first < b->next && item_at(b, b->first)->state == ITEM_KNOWN) {
		print_item(b, item_at(b, b->first));
		item_clear(b, item_at(b, b->first));
		b->first++;
	}
	if (b->unsent < b->first)
		b->unsent = b->first;
	fflush(stdout);
	show_progress(b, false);
}

/* ---- the loop ---- */

/* False: the connection is broken, or the daemon silent. */
static bool wait_round(struct batch *b)
{
	struct pollfd at[2] = {
		{ .fd = b->link.fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};

	if (b->link.out.len > 0)
		at[0].events |= POLLOUT;
	if (has_room(b) && input_waits(&b->input))
		at[1].fd = STDIN_FILENO;
	if (poll(at, 2, 1000) < 0)
		return errno == EINTR;
	if (at[1].revents)
		input_fill(&b->input);
	if ((at[0].revents & POLLOUT) && !link_write(&b->link))
		return false;
	if ((at[0].revents & ~POLLOUT) && !take_replies(b))
		return false;
	if (b->sent > 0 && now_ms() - b->heard_ms > SILENCE_MS)
		return complain(b, "nothing for a minute", true);
	return true;
}

static bool at_end(const struct batch *b)
{
	return b->input_ended && b->first == b->next;
}

/* False: not all could be asked; link.error says why. */
static bool work(struct batch *b)
{
	while (!b->no_memory) {
		bool idle = b->sent == 0;

		take_input(b);
		print_known(b);
		if (at_end(b))
			return true;
		send_wanted(b);
		if (idle)
			b->heard_ms = now_ms();
		if (b->no_memory)
			break;
		if (!wait_round(b) && !reconnect(b)) {
			print_known(b);
			return at_end(b);
		}
	}
	snprintf(b->link.error, sizeof(b->link.error), "out of memory");
	return false;
}

static void give_up(struct batch *b)
{
	unsigned long left = b->next - b->first;

	if (b->many && left > 0)
		ctl_say("%s; not answered: %lu%s, the first of them %s",
			b->link.error, left,
			b->input_ended ? "" : " and all that follow",
			item_at(b, b->first)->destination);
	else
		ctl_say("%s", b->link.error);
	if (b->worst < CTL_TEMPORARY)
		b->worst = CTL_TEMPORARY;
}

int route_run(const struct route_command *command)
{
	struct batch *b = calloc(1, sizeof(*b));
	enum ctl_status worst;

	if (!b) {
		ctl_say("out of memory");
		return CTL_TEMPORARY;
	}
	b->command = command;
	b->link = (struct link){ .socket = command->socket, .fd = -1 };
	if (command->destinations[0])
		b->input.arguments = command->destinations;
	b->many = !command->destinations[0] || command->destinations[1];
	b->colour = ctl_colours_wanted();
	b->progress = b->many && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	if (!link_connect(&b->link) || !work(b))
		give_up(b);
	show_progress(b, true);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_say("standard output: %s", strerror(errno));
		b->worst = b->worst < CTL_TEMPORARY ? CTL_TEMPORARY : b->worst;
	}

	for (unsigned long i = b->first; i < b->next; i++)
		item_clear(b, item_at(b, i));
	link_close(&b->link);
	input_free(&b->input);
	worst = b->worst;
	free(b);
	return worst;
}
