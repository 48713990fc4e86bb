/* name.c - domain names: read, compared, taken apart (RFC 1035, 4343). */
#include "mx_wire.h"

#include <string.h>

static bool name_append(struct mx_name *name, const uint8_t *label,
			uint8_t len)
{
	/* A label other than the root needs the root's octet after it. */
	size_t after = (size_t)name->len + 1 + len + (len != 0);

	if (after > MX_NAME_MAX)
		return false;
	name->octets[name->len] = len;
	memcpy(name->octets + name->len + 1, label, len);
	name->len = (uint8_t)(name->len + 1 + len);
	return true;
}

/* Where the pointer whose first octet was `high` points. limit is the offset
 * of the labels that end in it: going strictly back each time, no pointer can
 * be met twice (RFC 9267 section 2). */
static size_t read_target(struct mx_in *in, uint8_t high, size_t limit)
{
	size_t target = (size_t)(high & 0x3f) << 8 | mx_in_u8(in);

	if (in->err == MX_OK && (target < MX_HEADER_LEN || target >= limit))
		mx_in_fail(in, MX_E_POINTER);
	return target;
}

static void follow(struct mx_in *labels, uint8_t high, size_t *limit)
{
	size_t target = read_target(labels, high, *limit);
	struct mx_in there;

	if (labels->err != MX_OK)
		return;
	mx_in_init(&there, labels->msg, (size_t)(labels->end - labels->msg));
	mx_in_octets(&there, target);
	*labels = there;
	*limit = target;
}

static void read_name(struct mx_in *in, unsigned pointers_max,
		      struct mx_name *ret)
{
	struct mx_in labels = *in; /* jumps, while `in` stays where it is */
	size_t limit = (size_t)(in->at - in->msg);
	unsigned pointers = 0;

	ret->len = 0;
	while (labels.err == MX_OK) {
		uint8_t len = mx_in_u8(&labels);

		if (len >= 0xc0) {
			if (pointers++ == pointers_max) {
				mx_in_fail(&labels, MX_E_POINTER);
				break;
			}
			if (pointers == 1) /* the name ends here for `in` */
				mx_in_octets(in, ret->len + 2u);
			follow(&labels, len, &limit);
			continue;
		}
		if (len >= 0x40) {
			mx_in_fail(&labels, MX_E_LABEL);
			break;
		}
		const uint8_t *label = mx_in_octets(&labels, len);

		if (label == NULL)
			break;
		if (!name_append(ret, label, len)) {
			mx_in_fail(&labels, MX_E_NAME_LONG);
			break;
		}
		if (len == 0) {
			if (pointers == 0)
				*in = labels;
			return;
		}
	}
	mx_in_fail(in, labels.err);
	ret->len = 1;
	ret->octets[0] = 0;
}

void mx_in_name(struct mx_in *in, struct mx_name *ret)
{
	read_name(in, MX_NAME_POINTERS_MAX, ret);
}

void mx_in_name_plain(struct mx_in *in, struct mx_name *ret)
{
	read_name(in, 0, ret);
}

uint8_t mx_in_name_span(struct mx_in *in)
{
	size_t octets = 0;

	for (;;) {
		uint8_t len = mx_in_u8(in);

		if (len >= 0xc0)
			mx_in_fail(in, MX_E_POINTER);
		else if (len >= 0x40)
			mx_in_fail(in, MX_E_LABEL);
		if (mx_in_octets(in, len) == NULL)
			return 0;
		octets += 1u + len;
		if (len == 0 && octets <= MX_NAME_MAX)
			return (uint8_t)octets;
		/* A label other than the root needs the root's octet too. */
		if (octets >= MX_NAME_MAX) {
			mx_in_fail(in, MX_E_NAME_LONG);
			return 0;
		}
	}
}

void mx_in_name_skip(struct mx_in *in)
{
	size_t limit = (size_t)(in->at - in->msg);
	unsigned octets = 0;

	while (in->err == MX_OK) {
		uint8_t len = mx_in_u8(in);

		octets += 1u + len;
		if (len >= 0xc0) {
			read_target(in, len, limit);
			return;
		}
		if (len >= 0x40)
			mx_in_fail(in, MX_E_LABEL);
		else if (octets > MX_NAME_MAX)
			mx_in_fail(in, MX_E_NAME_LONG);
		mx_in_octets(in, len);
		if (len == 0)
			return;
	}
}

static uint8_t lower(uint8_t c)
{
	return (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 'a' - 'A' : 0));
}

/* Eight octets at once. The sums cannot reach into the next octet, since the
 * top bits are taken away before; what had one is no letter. */
static void lower_eight(const uint8_t *octets, uint8_t *ret)
{
	const uint64_t each = 0x0101010101010101u;
	uint64_t v;

	memcpy(&v, octets, sizeof v);
	uint64_t low = v & 0x7f * each;
	uint64_t from_a = low + (0x80 - 'A') * each;
	uint64_t past_z = low + (0x7f - 'Z') * each;
	uint64_t letters = from_a & ~past_z & ~v & 0x80 * each;

	v += letters >> 2; /* 'a' - 'A' is 0x20 */
	memcpy(ret, &v, sizeof v);
}

void mx_name_lower_to(const uint8_t *octets, size_t len, uint8_t *ret)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		lower_eight(octets + i, ret + i);
	if (i > 0 && i < len) /* some of them once more: nothing changes */
		lower_eight(octets + len - 8, ret + len - 8);
	else
		for (; i < len; i++)
			ret[i] = lower(octets[i]);
}

void mx_name_lower(uint8_t *octets, size_t len)
{
	mx_name_lower_to(octets, len, octets);
}

/* Length octets are below 64, where lower() changes nothing: two names may
 * be compared without taking their labels apart. */
static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool mx_name_equal(const struct mx_name *a, const struct mx_name *b)
{
	return a->len == b->len && same(a->octets, b->octets, a->len);
}

bool mx_name_below(const uint8_t *name, size_t name_len,
		   const uint8_t *ancestor, size_t ancestor_len)
{
	/* Only where a label starts: notexample. is not below example. */
	while (name_len > ancestor_len) {
		size_t label = name[0] + (size_t)1;

		if (label > name_len)
			return false;
		name += label;
		name_len -= label;
	}
	return name_len == ancestor_len && same(name, ancestor, name_len);
}

unsigned mx_name_labels(const uint8_t *name)
{
	unsigned labels = 0;

	for (; name[0] != 0; name += name[0] + 1)
		labels++;
	return labels;
}

const uint8_t *mx_name_tail(const uint8_t *name, unsigned labels)
{
	for (unsigned have = mx_name_labels(name); have > labels; have--)
		name += name[0] + 1;
	return name;
}
