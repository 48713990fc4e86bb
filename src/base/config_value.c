/* config_value.c - one value: text to member and back. See config_parts.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"
#include "text.h"

/* Largest first, so that the first that divides a number shortens it most. */
struct suffix {
	const char *text;
	uint64_t factor;
};
static const struct suffix sizes[] = {
	{ "g", 1ull << 30 }, { "m", 1ull << 20 }, { "k", 1ull << 10 },
	{ "", 1 }, { NULL, 0 },
};
static const struct suffix seconds[] = {
	{ "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "", 1 },
	{ NULL, 0 },
};
static const struct suffix milliseconds[] = {
	{ "s", 1000 }, { "ms", 1 }, { "", 1 }, { NULL, 0 },
};
static const struct suffix plain[] = { { "", 1 }, { NULL, 0 } };

static const struct suffix *suffixes(enum mx_option_kind kind)
{
	return kind == MX_KIND_SIZE ? sizes :
	       kind == MX_KIND_SECS ? seconds :
	       kind == MX_KIND_MSEC ? milliseconds : plain;
}

bool mx_value_number_read(enum mx_option_kind kind, const char *text,
			  uint64_t *ret)
{
	const char *rest;
	uint64_t number;

	if (!mx_text_number(text, &number, &rest))
		return false;
	for (const struct suffix *s = suffixes(kind); s->text != NULL; s++) {
		if (strcasecmp(rest, s->text) != 0)
			continue;
		if (number > UINT64_MAX / s->factor)
			return false;
		*ret = number * s->factor;
		return true;
	}
	return false;
}

void mx_value_number(enum mx_option_kind kind, uint64_t number,
		     char out[MX_VALUE_TEXT_MAX])
{
	const struct suffix *s = suffixes(kind);

	while (s->factor > 1 && (number == 0 || number % s->factor != 0))
		s++;
	snprintf(out, MX_VALUE_TEXT_MAX, "%llu%s",
		 (unsigned long long)(number / s->factor), s->text);
}

const char *mx_value_word(const char *words, unsigned i, size_t *ret_len)
{
	for (; i > 0; i--) {
		words = strchr(words, '|');
		if (words == NULL)
			return NULL;
		words++;
	}
	*ret_len = strcspn(words, "|");
	return words;
}

static void accepted_words(const char *words, char *out, size_t room)
{
	size_t len, at = 0;
	const char *word, *next;

	for (unsigned i = 0; (word = mx_value_word(words, i, &len)) != NULL;
	     i++) {
		size_t next_len;
		next = mx_value_word(words, i + 1, &next_len);
		at += (size_t)snprintf(out + at, room - at, "%s%.*s",
				       i == 0 ? "" : next == NULL ? " or " : ", ",
				       (int)len, word);
	}
}

/* How a number of each kind is written. */
static const char *number_form(const struct mx_option *o)
{
	return o->kind == MX_KIND_SIZE ? "octets, or with k, m or g" :
	       o->kind == MX_KIND_SECS ? "seconds, or with s, m, h or d" :
	       o->kind == MX_KIND_MSEC ? "milliseconds, or with ms or s" :
	       o->unit;
}

void mx_value_accepted(const struct mx_option *o, char out[MX_WHY_TEXT_MAX])
{
	char least[MX_VALUE_TEXT_MAX], most[MX_VALUE_TEXT_MAX], words[200];

	switch (o->kind) {
	case MX_KIND_BOOL:
	case MX_KIND_CHOICE:
		accepted_words(o->unit, words, sizeof(words));
		snprintf(out, MX_WHY_TEXT_MAX, "%s, default %s", words,
			 o->fallback);
		break;
	case MX_KIND_TEXT:
	case MX_KIND_LIST:
		snprintf(out, MX_WHY_TEXT_MAX, "%s", o->unit);
		break;
	default:
		mx_value_number(o->kind, o->min, least);
		mx_value_number(o->kind, o->max, most);
		snprintf(out, MX_WHY_TEXT_MAX,
			 "a number from %s to %s (%s), default %s", least, most,
			 number_form(o), o->fallback);
	}
}

static enum mx_error refuse(const struct mx_option *o, const char *text,
			    const char *what, char why[MX_WHY_TEXT_MAX])
{
	char accepted[MX_WHY_TEXT_MAX];

	mx_value_accepted(o, accepted);
	snprintf(why, MX_WHY_TEXT_MAX, "\"%s\" %s for \"%s\"; accepted: %.300s",
		 mx_excerpt(text).text, what, o->key, accepted);
	return MX_E_CONFIG;
}

static enum mx_error read_number(const struct mx_option *o, const char *text,
				 uint64_t *ret, char why[MX_WHY_TEXT_MAX])
{
	uint64_t number;

	if (!mx_value_number_read(o->kind, text, &number)) {
		/* A number too large for 64 bits is one all the same. */
		size_t digits = strspn(text, "0123456789");
		bool large = digits >= 10 && strlen(text) - digits <= 2;
		return refuse(o, text, large ? "is too large" : "is no value",
			      why);
	}
	if (number < o->min)
		return refuse(o, text, "is too small", why);
	if (number > o->max)
		return refuse(o, text, "is too large", why);
	*ret = number;
	return MX_OK;
}

static enum mx_error read_word(const struct mx_option *o, const char *text,
			       unsigned *ret, char why[MX_WHY_TEXT_MAX])
{
	const char *word;
	size_t len;

	for (unsigned i = 0; (word = mx_value_word(o->unit, i, &len)) != NULL;
	     i++) {
		if (strlen(text) == len && memcmp(text, word, len) == 0) {
			*ret = i;
			return MX_OK;
		}
	}
	return refuse(o, text, "is no value", why);
}

static enum mx_error read_text(const struct mx_option *o, const char *text,
			       char **ret, char why[MX_WHY_TEXT_MAX])
{
	if (strlen(text) > o->max) {
		snprintf(why, MX_WHY_TEXT_MAX,
			 "the value of \"%s\" has %zu octets; at most %llu are taken",
			 o->key, strlen(text), (unsigned long long)o->max);
		return MX_E_CONFIG;
	}
	char *copy = strdup(text);
	if (copy == NULL)
		return MX_E_NO_MEMORY;
	free(*ret);
	*ret = copy;
	return MX_OK;
}

enum mx_error mx_value_read(const struct mx_option *o, const char *text,
			    void *member, char why[MX_WHY_TEXT_MAX])
{
	unsigned word;
	enum mx_error err;

	switch (o->kind) {
	case MX_KIND_BOOL: /* its words are "yes|no" */
		err = read_word(o, text, &word, why);
		if (err == MX_OK)
			*(bool *)member = word == 0;
		return err;
	case MX_KIND_CHOICE:
		return read_word(o, text, member, why);
	case MX_KIND_TEXT:
		return read_text(o, text, member, why);
	case MX_KIND_LIST:
		break; /* entries are added one by one, in config.c */
	default:
		return read_number(o, text, member, why);
	}
	return MX_E_CONFIG;
}
