/* policy_ask.c - a route and the MTA-STS policy of its domain. See
 * policy_ask.h. */
#include "policy_ask.h"

#include <stdlib.h>
#include <string.h>

#include "mx_policy.h"

struct policy_ask {
	struct route_asks *asks;
	const struct sts_source *source; /* NULL: it is not asked */
	struct mx_route_destination destination;
	struct policy_ask_options options;
	policy_ask_done *done;
	void *arg;
	struct route_ask *route; /* NULL: it is not being asked */
	struct sts_ask *sts;	 /* likewise */
	/* Once it is there; what it points to is below. */
	struct mx_sts_answer answer;
	struct mx_route_policy *policy; /* NULL: there is none */
	char detail[MX_FETCH_DETAIL_MAX + 1];
};

static void release(struct policy_ask *ask)
{
	free(ask->policy);
	free(ask);
}

static void detach(struct policy_ask *ask)
{
	if (ask->route)
		route_ask_cancel(ask->route);
	if (ask->sts)
		ask->source->cancel(ask->sts);
	ask->route = NULL;
	ask->sts = NULL;
}

void policy_ask_cancel(struct policy_ask *ask)
{
	detach(ask);
	release(ask);
}

static void finish(struct policy_ask *ask, enum mx_error err,
		   const struct mx_route_result *result,
		   const struct mx_sts_answer *sts)
{
	detach(ask);
	ask->done(ask->arg, err, result, sts);
	release(ask);
}

static void on_route(void *arg, enum mx_error err,
		     const struct mx_route_result *result)
{
	struct policy_ask *ask = arg;

	ask->route = NULL;
	if (err != MX_OK || !ask->source)
		finish(ask, err, result, NULL);
	else if (!ask->sts)
		finish(ask, MX_OK, result, &ask->answer);
	else if (!ask->options.all && !mx_policy_needs_sts(result))
		finish(ask, MX_OK, result, NULL);
	/* Else the policy begins it anew. */
}

static bool ask_route(struct policy_ask *ask)
{
	const struct route_ask_options options = {
		.want_sts = ask->options.all,
		.patience = ask->options.patience,
		.policy = &ask->policy,
	};

	ask->route = route_ask_start(ask->asks, &ask->destination, &options,
				     on_route, ask);
	return ask->route != NULL;
}

/* False: no memory, and without its policy it is another answer. */
static bool keep(struct policy_ask *ask, const struct mx_sts_answer *answer)
{
	ask->answer = *answer;
	snprintf(ask->detail, sizeof(ask->detail), "%s",
		 answer->failure_detail);
	ask->answer.failure_detail = ask->detail;
	if (!answer->policy)
		return true;
	ask->policy = malloc(sizeof(*ask->policy));
	if (!ask->policy)
		return false;
	*ask->policy = *answer->policy;
	ask->answer.policy = ask->policy;
	return true;
}

static void on_sts(void *arg, const struct mx_sts_answer *answer)
{
	struct policy_ask *ask = arg;

	ask->sts = NULL;
	if (!keep(ask, answer) || (!ask->route && !ask_route(ask)))
		finish(ask, MX_E_NO_MEMORY, NULL, NULL);
}

/* Of a domain, not of a host that the configuration names: RFC 8461 section
 * 3.4. */
static bool has_domain(const struct mx_route_destination *destination)
{
	return !destination->is_host && !destination->is_address;
}

struct policy_ask *
policy_ask_start(struct route_asks *asks, const struct sts_source *sts,
		 const struct mx_route_destination *destination,
		 const struct policy_ask_options *options,
		 policy_ask_done *done, void *arg)
{
	struct policy_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->asks = asks;
	ask->destination = *destination;
	ask->options = *options;
	ask->done = done;
	ask->arg = arg;
	if (sts && has_domain(destination))
		ask->source = sts;
	if (ask->source)
		ask->sts = sts->ask(sts->arg, &destination->name,
				    options->sts_patience, on_sts, ask);
	if ((!ask->source || ask->sts) && ask_route(ask))
		return ask;
	policy_ask_cancel(ask);
	return NULL;
}
