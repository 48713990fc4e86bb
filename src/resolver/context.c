/* context.c - the boundary to libunbound's event API.
 *
 * Its rules, which nobody outside this file needs to know:
 *  - Options are checked as they are set, but zones, hints and anchors only
 *    when the first question comes (context_finalize, libworker_setup).
 *  - The callback may run before ub_resolve_event() returns: always, when its
 *    own cache has the answer. The packet is borrowed until it returns.
 *  - A context must not be deleted from inside a callback. Deleting does not
 *    run the callbacks of what is outstanding.
 *  - rcode 0 with sec 1 is bogus data. rcode 0 covers NXDOMAIN and NODATA;
 *    rcode != 0 means that there is no packet to look at.
 *  - sec 0 with a why_bogus text is the failed trust anchor sentinel of
 *    RFC 8509: to be treated as bogus.
 *  - Each question it rejects (UB_SYNTAX, UB_NOMEM) leaks: names are checked
 *    before, and written so that sldns_str2wire_dname reads them back.
 *  - ub_cancel() only silences the callback.
 *  - Its log is global and lost with any deleted context (library_log.h);
 *    cache-max-ttl and its like are global too, and the same for all of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>

#include "library_log.h"
#include "mx_log.h"
#include "mx_wire.h"
#include "resolver.h"

TAILQ_HEAD(asks, mx_ask);

struct mx_context {
	struct ub_ctx *ctx;
	struct mx_families families;
	struct asks asks;
};

static struct mx_context *attached; /* has libunbound's log */

/* ---- building ---- */

static enum mx_error refused(char *error, const char *what, const char *value,
			     int code)
{
	snprintf(error, MX_RESOLVER_ERROR_MAX, "libunbound %s: %s%.200s: %s",
		 ub_version(), what, value, ub_strerror(code));
	return MX_E_CONFIG;
}

static enum mx_error apply_table(struct ub_ctx *ctx,
				 const struct mx_settings_input *input,
				 char *error)
{
	for (size_t i = 0; i < mx_setting_count; i++) {
		const struct mx_setting *s = &mx_settings[i];
		char buf[MX_SETTING_VALUE_MAX];
		const char *value = mx_setting_value(s, input, buf);
		int r = ub_ctx_set_option(ctx, s->key, value);

		if (r)
			return refused(error, s->key, value, r);
	}
	return MX_OK;
}

/* Lines of an unbound.conf, for what ub_ctx_set_option does not know.
 * libunbound writes what is wrong with them to standard error itself. */
static int apply_text(struct ub_ctx *ctx, const char *text)
{
	struct mx_memory_file file;
	int r;

	if (mx_memory_file_open("unbound.conf", text, strlen(text), &file) !=
	    MX_OK)
		return UB_READFILE;
	r = ub_ctx_config(ctx, file.path);
	mx_memory_file_close(&file);
	return r;
}

/* "KEY: VALUE" of resolver-option. */
static enum mx_error apply_line(struct ub_ctx *ctx, const char *line,
				char *error)
{
	char key[64], text[1024];
	const char *colon = strchr(line, ':');
	const char *value;
	size_t n;
	int r;

	if (!colon || (n = (size_t)(colon + 1 - line)) >= sizeof key ||
	    strpbrk(line, "\"\\\r\n"))
		return refused(error, "resolver-option: ", line, UB_SYNTAX);
	memcpy(key, line, n);
	key[n] = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	r = ub_ctx_set_option(ctx, key, value);
	if (r == 0)
		return MX_OK;
	n = (size_t)snprintf(text, sizeof text, "server:\n  %s \"%s\"\n", key,
			     value);
	if (n >= sizeof text || apply_text(ctx, text) != 0)
		return refused(error, "resolver-option: ", line, r);
	return MX_OK;
}

static enum mx_error apply_zones(struct ub_ctx *ctx,
				 const struct mx_config *config, char *error)
{
	char *text;
	enum mx_error err = mx_settings_zones(config, &text, error);
	int r;

	if (err != MX_OK)
		return err;
	r = apply_text(ctx, text);
	free(text);
	return r ? refused(error, "forward-zone, stub-zone", "", r) : MX_OK;
}

static enum mx_error apply_anchors(struct ub_ctx *ctx,
				   const struct mx_context_plan *plan,
				   char *error)
{
	int r = 0;

	if (plan->anchors_path)
		r = ub_ctx_add_ta_file(ctx, plan->anchors_path);
	else if (plan->state_path)
		r = ub_ctx_add_ta_autr(ctx, plan->state_path);
	else
		for (size_t i = 0; !r && mx_root_anchors[i][0]; i++)
			r = ub_ctx_add_ta(ctx, mx_root_anchors[i]);
	return r ? refused(error, "trust anchors", "", r) : MX_OK;
}

static enum mx_error apply_all(struct ub_ctx *ctx,
			       const struct mx_context_plan *plan,
			       struct mx_families families, char *error)
{
	struct mx_settings_input input = {
		.config = plan->config,
		.families = families,
		.outgoing_range = plan->outgoing_range,
	};
	const struct mx_texts *lines = &plan->config->resolver_option;
	enum mx_error err = apply_table(ctx, &input, error);
	int r;

	for (size_t i = 0; err == MX_OK && i < lines->count; i++)
		err = apply_line(ctx, lines->at[i], error);
	if (err == MX_OK)
		err = apply_zones(ctx, plan->config, error);
	if (err == MX_OK)
		err = apply_anchors(ctx, plan, error);
	if (err != MX_OK)
		return err;
	r = ub_ctx_set_option(ctx, "root-hints:", plan->hints_path);
	return r ? refused(error, "root-hints", "", r) : MX_OK;
}

static void ready_answered(struct mx_ask *ask, const struct mx_result *result)
{
	(void)ask;
	(void)result;
}

/* Makes libunbound read everything it was given. */
static enum mx_error prove(struct mx_context *context, char *error)
{
	struct mx_ask ask = { 0 };
	struct mx_name name;

	if (mx_name_from_text(MX_READY_NAME, &name) == MX_OK &&
	    mx_context_ask(context, name.octets, MX_TYPE_TXT, MX_CLASS_IN,
			   ready_answered, &ask) == MX_OK &&
	    ask.context == NULL)
		return MX_OK;
	if (ask.context)
		mx_context_forget(&ask);
	snprintf(error, MX_RESOLVER_ERROR_MAX,
		 "libunbound %s did not start with these trust anchors, root "
		 "hints, zones and options: %s", ub_version(),
		 mx_library_last_error()[0] ? mx_library_last_error()
					    : "it does not say why");
	return MX_E_CONFIG;
}

enum mx_error mx_context_new(const struct mx_context_plan *plan,
			     struct mx_families families,
			     struct mx_context **ret,
			     char error[MX_RESOLVER_ERROR_MAX])
{
	struct mx_context *context = calloc(1, sizeof *context);
	enum mx_error err;

	if (!context) {
		snprintf(error, MX_RESOLVER_ERROR_MAX, "out of memory");
		return MX_E_NO_MEMORY;
	}
	TAILQ_INIT(&context->asks);
	context->families = families;
	context->ctx = ub_ctx_create_event(plan->base);
	if (!context->ctx) {
		snprintf(error, MX_RESOLVER_ERROR_MAX,
			 "libunbound %s was built without libevent, or is out "
			 "of memory", ub_version());
		free(context);
		return MX_E_SYSTEM;
	}
	mx_library_log_attach(context->ctx);
	attached = context;
	ub_ctx_debuglevel(context->ctx, mx_library_verbosity());
	err = apply_all(context->ctx, plan, families, error);
	if (err == MX_OK)
		err = prove(context, error);
	if (err != MX_OK) {
		mx_context_free(context);
		return err;
	}
	*ret = context;
	return MX_OK;
}

void mx_context_free(struct mx_context *context)
{
	struct mx_ask *ask;

	if (!context)
		return;
	while ((ask = TAILQ_FIRST(&context->asks)))
		mx_context_forget(ask);
	ub_ctx_delete(context->ctx);
	if (attached == context)
		attached = NULL;
	else if (attached)
		mx_library_log_attach(attached->ctx);
	free(context);
}

bool mx_context_idle(const struct mx_context *context)
{
	return TAILQ_EMPTY(&context->asks);
}

struct mx_families mx_context_families(const struct mx_context *context)
{
	return context->families;
}

/* ---- asking ---- */

static const char *failure_text(int rcode, bool limited)
{
	if (limited)
		return "rate limit for this domain reached";
	switch (rcode) {
	case MX_RCODE_SERVFAIL:
		return "no name server gave a usable answer";
	case MX_RCODE_REFUSED:
		return "refused by all name servers";
	default:
		return "resolution failed";
	}
}

static void library_answered(void *arg, int rcode, void *packet, int len,
			     int sec, char *why_bogus, int was_ratelimited)
{
	struct mx_ask *ask = arg;
	struct mx_result result = { .why = why_bogus ? why_bogus : "" };

	TAILQ_REMOVE(&ask->context->asks, ask, in_context);
	ask->context = NULL;
	if (rcode != 0 || !packet || len <= 0) {
		result.failed = true;
		result.state = MX_INDETERMINATE;
		result.why = failure_text(rcode, was_ratelimited);
	} else {
		result.state = sec == 1 || (sec == 0 && why_bogus)
				       ? MX_BOGUS
			       : sec == 2 ? MX_SECURE
					  : MX_INSECURE;
		result.packet = packet;
		result.packet_len = (size_t)len;
	}
	ask->answered(ask, &result);
}

enum mx_error mx_context_ask(struct mx_context *context, const uint8_t *qname,
			     uint16_t qtype, uint16_t qclass,
			     mx_context_answered *answered, struct mx_ask *ask)
{
	char name[MX_NAME_TEXT_MAX];
	int r;

	mx_name_to_text(qname, name);
	ask->context = context;
	ask->answered = answered;
	TAILQ_INSERT_TAIL(&context->asks, ask, in_context);
	r = ub_resolve_event(context->ctx, name, qtype, qclass, ask,
			     library_answered, &ask->async_id);
	if (r == 0)
		return MX_OK;
	TAILQ_REMOVE(&context->asks, ask, in_context);
	ask->context = NULL;
	return MX_E_UPSTREAM;
}

void mx_context_forget(struct mx_ask *ask)
{
	struct mx_context *context = ask->context;

	if (!context)
		return;
	ub_cancel(context->ctx, ask->async_id);
	TAILQ_REMOVE(&context->asks, ask, in_context);
	ask->context = NULL;
}
