/* form.c - an answer's body written for one client.
 *
 * The hot path: a hit costs one copy, a subtraction for each TTL, and for a
 * turned RRset three more calls of memcpy. Nothing is parsed: RR boundaries
 * follow from ttl_at, because the owners of the RRs that turn are two octets.
 */
#include "mx_answer.h"

#include <endian.h>
#include <string.h>

#include "mx_cold.h"

#define OWNER_TO_TTL 6u /* pointer, TYPE, CLASS */

static void lower_ttls(uint8_t *out, const uint16_t *at, unsigned count,
		       ptrdiff_t moved, uint32_t age_s)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t *field = out + at[i] + moved;
		uint32_t ttl;

		memcpy(&ttl, field, sizeof ttl);
		ttl = be32toh(ttl);
		ttl = htobe32(ttl > age_s ? ttl - age_s : 0);
		memcpy(field, &ttl, sizeof ttl);
	}
}

/* Index in ttl_at of the first RR that turns. */
static unsigned turn_index(const struct mx_form *form)
{
	unsigned low = 0, high = form->ttl_count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (form->ttl_at[middle] < form->turn_at + OWNER_TO_TTL)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* End of the RR whose TTL field is at ttl_at: TTL, RDLENGTH, RDATA. */
static size_t rr_end(const struct mx_form *form, size_t ttl_at)
{
	const uint8_t *rdlength = form->octets + ttl_at + 4;

	return ttl_at + 6 + ((size_t)rdlength[0] << 8 | rdlength[1]);
}

/*   start     split        end            the RRs that turn: A B | C D E
 *     |  A  B   |  C  D  E  |  ...        become             C D E A B   */
static void write_turned(const struct mx_form *form, unsigned by,
			 uint32_t age_s, uint8_t *out)
{
	const uint16_t *ttl_at = form->ttl_at;
	unsigned first = turn_index(form), after = first + form->turn_count;
	size_t start = form->turn_at;
	size_t split = ttl_at[first + by] - OWNER_TO_TTL;
	size_t end = rr_end(form, ttl_at[after - 1]);

	if (start > 0) /* mostly there is nothing else */
		memcpy(out, form->octets, start);
	memcpy(out + start, form->octets + split, end - split);
	memcpy(out + start + (end - split), form->octets + start,
	       split - start);
	if (end < form->len)
		memcpy(out + end, form->octets + end, form->len - end);
	if (age_s == 0)
		return;
	lower_ttls(out, ttl_at, first, 0, age_s);
	lower_ttls(out, ttl_at + first, by, (ptrdiff_t)(end - split), age_s);
	lower_ttls(out, ttl_at + first + by, form->turn_count - by,
		   -(ptrdiff_t)(split - start), age_s);
	lower_ttls(out, ttl_at + after, form->ttl_count - after, 0, age_s);
}

void mx_form_write(const struct mx_form *form, uint32_t age_s, uint32_t turn,
		   uint8_t *out)
{
	unsigned by = form->turn_count > 1 ? turn % form->turn_count : 0;

	if (form->len == 0) /* octets may be NULL */
		return;
	if (by != 0) {
		write_turned(form, by, age_s, out);
		return;
	}
	memcpy(out, form->octets, form->len);
	if (age_s != 0)
		lower_ttls(out, form->ttl_at, form->ttl_count, 0, age_s);
}

MX_COLD void mx_form_write_stale(const struct mx_form *form, uint32_t ttl_max_s,
			 uint8_t *out)
{
	if (form->len == 0) /* octets may be NULL */
		return;
	memcpy(out, form->octets, form->len);
	for (unsigned i = 0; i < form->ttl_count; i++) {
		uint8_t *field = out + form->ttl_at[i];
		uint32_t ttl;

		memcpy(&ttl, field, sizeof ttl);
		if (be32toh(ttl) > ttl_max_s)
			ttl = htobe32(ttl_max_s);
		memcpy(field, &ttl, sizeof ttl);
	}
}
