/* forget.c - resolvers are told to forget what they know, before the cache
 * forgets it: else the next question would bring it back. */
#include "lookups.h"

/* Later, from the loop. */
static void end_soon(struct mx_forget *f)
{
	struct timeval now = { 0 };

	evtimer_add(f->timer, &now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mx_forget *f = arg;
	unsigned left = (unsigned)__builtin_popcount(f->waits);

	(void)fd;
	(void)what;
	mx_forget_cancel(f);
	f->done(f->arg, f->asked - left, left);
}

static void ask(struct mx_forget *f, unsigned resolver)
{
	struct upstream *up = f->lookups->upstream[resolver];

	/* One that is just being started knows nothing. */
	if (!upstream_there(up))
		return;
	f->asked++;
	f->waits |= 1u << resolver;
	upstream_ask_to_forget(up, f->id);
}

bool mx_forget_begin(struct mx_lookups *l, const struct mx_key *key, bool below,
		    mx_instant patience, struct mx_forget *f,
		    mx_forget_done *done, void *arg)
{
	static uint32_t id; /* one thread has a control socket */

	*f = (struct mx_forget){ .lookups = l, .id = ++id, .done = done,
				      .arg = arg };
	f->timer = evtimer_new(l->base, on_timer, f);
	if (!f->timer)
		return false;
	TAILQ_INSERT_TAIL(&l->forgets, f, link);
	/* What is below a name of one label or none may be with any of them. */
	for (unsigned i = 0; i < l->resolver_count; i++)
		if ((below && mx_name_labels(key->qname) < 2) ||
		    question_resolver(l, key) == i)
			ask(f, i);
	if (f->waits)
		timer_start(f->timer, patience);
	else
		end_soon(f);
	return true;
}

void mx_forget_cancel(struct mx_forget *f)
{
	if (!f->timer)
		return;
	TAILQ_REMOVE(&f->lookups->forgets, f, link);
	event_free(f->timer);
	f->timer = NULL;
}

static void forgotten(struct mx_forget *f, unsigned resolver)
{
	if (!(f->waits & 1u << resolver))
		return;
	f->waits &= ~(1u << resolver);
	if (!f->waits)
		end_soon(f);
}

void forget_heard(struct mx_lookups *l, unsigned resolver, uint32_t id)
{
	struct mx_forget *f;

	TAILQ_FOREACH(f, &l->forgets, link)
		if (f->id == id)
			forgotten(f, resolver);
}

void forget_resolver_came(struct mx_lookups *l, unsigned resolver)
{
	struct mx_forget *f;

	TAILQ_FOREACH(f, &l->forgets, link)
		forgotten(f, resolver);
}
