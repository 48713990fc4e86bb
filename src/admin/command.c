/* command.c - what is asked for, done. See command.h.
 *
 *   route, policy --> policy_ask.c --> route_json.c, policy_json.c
 *   lookup ---------> mx_lookup() --> lookup_json.c
 *   flush ----------> mx_forget_begin(), then the cache
 *   status, stats, dump: at once */
#include "command.h"

#include <stdlib.h>
#include <string.h>

#include "lookup_json.h"
#include "policy_json.h"
#include "route_json.h"

struct command {
	struct commands *commands;
	const struct request *request;
	command_done *done;
	void *arg;
	/* One of these is under way. */
	struct policy_ask *route;
	struct mx_lookup lookup;
	bool looking_up;
	struct event *busy; /* there were too many: to say so soon */
	struct mx_forget forget;
};

static void command_free(struct command *c)
{
	if (c->looking_up)
		c->commands->lookups_now--;
	if (c->busy)
		event_free(c->busy);
	free(c);
}

/* The end: c is gone. */
static void end(struct command *c, enum request_error err, const char *why,
		json_t *result)
{
	command_done *done = c->done;
	void *arg = c->arg;

	command_free(c);
	done(arg, err, why, result);
}

static struct mx_key key_of(const struct request *request)
{
	return (struct mx_key){
		.qname = request->name.octets, .qname_len = request->name.len,
		.qtype = request->qtype, .qclass = MX_CLASS_IN,
	};
}

/* ---- routes and policies ---- */

static json_t *to_json(const struct request *r,
		       const struct mx_route_result *result,
		       const struct mx_sts_answer *sts)
{
	struct json_time time = { mx_clock_now(), mx_clock_wall_ms() };

	return r->command == REQUEST_POLICY ?
		       policy_json(r->destination_text, &r->destination, result,
				   sts, time) :
		       route_json(r->destination_text, &r->destination, result,
				  sts, time);
}

static void on_answer(void *arg, enum mx_error err,
		      const struct mx_route_result *result,
		      const struct mx_sts_answer *sts)
{
	struct command *c = arg;

	c->route = NULL;
	if (err == MX_E_OVERLOAD)
		end(c, REQUEST_E_BUSY,
		    "too many routes are being worked out; try again later",
		    NULL);
	else if (err != MX_OK)
		end(c, REQUEST_E_MEMORY, mx_error_text(err), NULL);
	else
		end(c, REQUEST_OK, "", to_json(c->request, result, sts));
}

static bool begin_route(struct command *c)
{
	const struct policy_ask_options options = {
		.all = true, .patience = COMMAND_MS,
		.sts_patience = COMMAND_STS_MS,
	};

	c->route = policy_ask_start(c->commands->asks, c->commands->sts,
				    &c->request->destination, &options,
				    on_answer, c);
	return c->route != NULL;
}

/* ---- lookup ---- */

static void on_lookup(void *arg, const struct mx_lookup_result *result)
{
	struct command *c = arg;
	struct mx_key key = key_of(c->request);

	end(c, REQUEST_OK, "", lookup_json(&key, result, mx_clock_now()));
}

static void on_busy(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, REQUEST_E_BUSY,
	    "too many lookups at the same time; try again later", NULL);
}

static bool begin_lookup(struct command *c)
{
	struct mx_key key = key_of(c->request);

	if (c->commands->lookups_now >= COMMAND_LOOKUPS_MAX) {
		c->busy = event_new(c->commands->base, -1, 0, on_busy, c);
		if (c->busy)
			event_active(c->busy, 0, 0);
		return c->busy != NULL;
	}
	c->commands->lookups_now++;
	c->looking_up = true;
	mx_lookup(c->commands->lookups, &key, true, MX_LOOKUP_INTERNAL,
		  &c->lookup, on_lookup, c);
	return true;
}

/* ---- flush ---- */

/* The resolvers first, which would else give back what the cache forgets. What
 * one of them has not forgotten yet is said; it will be. */
static void on_forgotten(void *arg, unsigned forgotten, unsigned left)
{
	struct command *c = arg;
	const struct request *r = c->request;
	struct mx_cache *cache = status_sources(c->commands->status)->cache;
	struct mx_key key = key_of(r);
	size_t flushed = r->qtype ? mx_cache_flush_type(cache, &key) :
				    mx_cache_flush(cache, key.qname,
						   key.qname_len, r->zone);
	char name[MX_NAME_TEXT_MAX];

	mx_name_to_text(key.qname, name);
	end(c, REQUEST_OK, "",
	    json_pack("{s:s, s:b, s:I, s:i, s:i}", "name", name, "zone",
		      r->zone, "flushed", (json_int_t)flushed,
		      "resolvers_forgot", (int)forgotten,
		      "resolvers_left", (int)left));
}

static bool begin_flush(struct command *c)
{
	struct mx_key key = key_of(c->request);

	return mx_forget_begin(c->commands->lookups, &key, c->request->zone,
			       COMMAND_FLUSH_MS, &c->forget, on_forgotten, c);
}

/* ---- dump ---- */

static json_t *item_json(const struct mx_cache_item *item)
{
	static const char *const kinds[] = { "positive", "nodata", "nxdomain",
					     "failure" };
	char name[MX_NAME_TEXT_MAX], type[16];

	mx_name_to_text(item->qname.octets, name);
	return json_pack("[s, I, s, s, s, I]", name,
			 (json_int_t)item->ttl_left_s,
			 item->qtype ? mx_type_text(item->qtype, type) : "*",
			 kinds[item->kind],
			 validation_word(item->state),
			 (json_int_t)item->octets);
}

static json_t *dump_json(struct commands *commands, uint64_t from)
{
	struct mx_cache_item *items = calloc(COMMAND_PAGE, sizeof(*items));
	json_t *entries = json_array(), *next = NULL;
	size_t count = 0;

	if (items)
		count = mx_cache_list(status_sources(commands->status)->cache,
				      &from, mx_clock_now(), items,
				      COMMAND_PAGE);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(entries, item_json(&items[i]));
	next = from == MX_CACHE_LIST_END ? json_null() :
					   json_integer((json_int_t)from);
	if (!items) {
		json_decref(entries);
		json_decref(next);
		return NULL;
	}
	free(items);
	return json_pack("{s:o, s:o}", "entries", entries, "next", next);
}

/* ---- begin and end ---- */

bool command_at_once(struct commands *commands, const struct request *request,
		     json_t **ret_result)
{
	switch (request->command) {
	case REQUEST_STATUS:
		*ret_result = status_json(commands->status);
		return true;
	case REQUEST_STATS:
		*ret_result = status_stats_json(commands->status);
		return true;
	case REQUEST_DUMP:
		*ret_result = dump_json(commands, request->from);
		return true;
	default:
		return false;
	}
}

static bool begin(struct command *c)
{
	switch (c->request->command) {
	case REQUEST_LOOKUP:
		return begin_lookup(c);
	case REQUEST_FLUSH:
		return begin_flush(c);
	default:
		return begin_route(c);
	}
}

struct command *command_begin(struct commands *commands,
			      const struct request *request, command_done *done,
			      void *arg)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->commands = commands;
	c->request = request;
	c->done = done;
	c->arg = arg;
	if (begin(c))
		return c;
	command_free(c);
	return NULL;
}

void command_cancel(struct command *c)
{
	if (c->route)
		policy_ask_cancel(c->route);
	if (c->looking_up)
		mx_lookup_cancel(c->commands->lookups, &c->lookup);
	mx_forget_cancel(&c->forget);
	command_free(c);
}
