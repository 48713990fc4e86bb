/* exchanges.c - the best of an MX RRset. See exchanges.h. */
#include "exchanges.h"

#include <string.h>

static bool before(const struct exchange *a, const struct exchange *b)
{
	if (a->preference != b->preference)
		return a->preference < b->preference;
	return a->rank < b->rank;
}

static void take_out(struct exchanges *e, unsigned i)
{
	e->count--;
	memmove(&e->at[i], &e->at[i + 1], (e->count - i) * sizeof(e->at[0]));
}

/* False: it is there already with a preference as good. */
static bool replace(struct exchanges *e, const struct exchange *exchange)
{
	for (unsigned i = 0; i < e->count; i++) {
		if (!mx_name_equal(&e->at[i].name, &exchange->name))
			continue;
		if (e->at[i].preference <= exchange->preference)
			return false;
		take_out(e, i);
		break;
	}
	return true;
}

void exchanges_keep(struct exchanges *e, const struct exchange *exchange)
{
	unsigned i = 0;

	if (!replace(e, exchange))
		return;
	while (i < e->count && !before(exchange, &e->at[i]))
		i++;
	if (e->count == e->max) {
		e->left_out++;
		if (i == e->max)
			return;
		e->count--;
	}
	memmove(&e->at[i + 1], &e->at[i], (e->count - i) * sizeof(e->at[0]));
	e->at[i] = *exchange;
	e->count++;
}

bool exchange_read(struct mx_in rdata, struct exchange *ret)
{
	struct exchange exchange = { 0 };

	exchange.preference = mx_in_u16(&rdata);
	mx_in_name(&rdata, &exchange.name);
	if (mx_in_end(&rdata) != MX_OK)
		return false;
	*ret = exchange;
	return true;
}
