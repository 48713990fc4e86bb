/* seen.c - see seen.h. */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

/* Without memory a question is not remembered, which seen_ask() sees. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "measure.h"
#include "mx_wire.h"

struct seen_question {
	UT_hash_handle hh;
	int64_t expires_ns[SERVERS_MAX];
	enum { NEVER, ASKED, ANSWERED, FAILED } state[SERVERS_MAX];
	uint16_t len;
	uint8_t question[];
};

struct seen {
	struct seen_question *by_question;
};

const char *seen_class_text(enum seen_class class)
{
	static const char *const texts[] = {
#define X(name, text) text,
		SEEN_CLASSES(X)
#undef X
	};

	return texts[class];
}

struct seen *seen_new(void)
{
	return calloc(1, sizeof(struct seen));
}

void seen_free(struct seen *s)
{
	struct seen_question *q, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->by_question, q, next) {
		HASH_DEL(s->by_question, q);
		free(q);
	}
	free(s);
}

static struct seen_question *add(struct seen *s, const uint8_t *question,
				 uint16_t len)
{
	struct seen_question *q;

	if (HASH_COUNT(s->by_question) >= SEEN_MAX)
		return NULL;
	q = calloc(1, sizeof *q + len);
	if (q == NULL)
		return NULL;
	q->len = len;
	memcpy(q->question, question, len);
	HASH_ADD_KEYPTR(hh, s->by_question, q->question, len, q);
	if (q->hh.tbl == NULL) {
		free(q);
		return NULL;
	}
	return q;
}

enum seen_class seen_ask(struct seen *s, unsigned server,
			 const uint8_t *question, uint16_t len, int64_t now_ns,
			 struct seen_question **ret_question)
{
	uint8_t lower[MX_NAME_MAX + 4];
	struct seen_question *q = NULL;

	memcpy(lower, question, len);
	mx_name_lower(lower, len - 4u); /* the type is no name */
	HASH_FIND(hh, s->by_question, lower, len, q);
	if (q == NULL)
		q = add(s, lower, len);
	*ret_question = q;
	if (q == NULL)
		return SEEN_AGAIN;
	switch (q->state[server]) {
	case NEVER:
		q->state[server] = ASKED;
		return SEEN_COLD;
	case ASKED:
		return SEEN_COLD;
	case ANSWERED:
		return now_ns < q->expires_ns[server] ? SEEN_WARM : SEEN_EXPIRED;
	case FAILED:
		break;
	}
	return SEEN_AGAIN;
}

void seen_answered(struct seen_question *q, unsigned server, uint32_t ttl_s,
		   int64_t now_ns)
{
	if (q == NULL)
		return;
	q->state[server] = ANSWERED;
	q->expires_ns[server] = now_ns + ttl_s * SECOND_NS;
}

void seen_failed(struct seen_question *q, unsigned server)
{
	if (q != NULL)
		q->state[server] = FAILED;
}
