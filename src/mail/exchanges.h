/* exchanges.h - the best of an MX RRset, whatever its order and size. */
#ifndef MAIL_EXCHANGES_H
#define MAIL_EXCHANGES_H

#include "mx_wire.h"

#define EXCHANGES_MAX 10u

struct exchange {
	uint16_t preference;
	uint64_t rank; /* among those of the same preference; equal ranks stay
			  in the order in which they came */
	struct mx_name name;
};

/* Ascending by preference, then rank. None is there twice: of an exchange
 * that is named again the better preference holds. */
struct exchanges {
	unsigned max; /* at most EXCHANGES_MAX */
	unsigned count;
	unsigned left_out; /* > 0: there are more than max different ones */
	struct exchange at[EXCHANGES_MAX];
};

/* Into its place; past the bound the last one goes. */
void exchanges_keep(struct exchanges *e, const struct exchange *exchange);

/* False: malformed, ret is untouched. ret->rank is 0. */
bool exchange_read(struct mx_in rdata, struct exchange *ret);

#endif
