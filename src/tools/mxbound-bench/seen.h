/* seen.h - what each server has been asked before, and when that runs out.
 *
 *   cold     this run asks this server for the first time, or again before the
 *            first answer was there
 *   warm     again, within the TTL that the server gave with its last answer
 *   expired  again, after that TTL had run out; after a TTL of 0 at once
 *   again    after a failure
 *
 * This is what a client can know. A server may have had the answer of somebody
 * else (then cold is warm), keep it for less than its TTL (then warm is cold),
 * ask again in time by itself, or be one of several behind one address.
 *
 * Units    TTL: seconds. Time: ns of whatever clock the caller has.
 * Bounds   SEEN_MAX questions; those past it are "again".
 * Threads  one at a time.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_CLASSES(X) \
	X(COLD, "cold") \
	X(WARM, "warm") \
	X(EXPIRED, "expired") \
	X(AGAIN, "again")
enum seen_class {
#define X(name, text) SEEN_##name,
	SEEN_CLASSES(X)
#undef X
	SEEN_CLASS_COUNT
};
const char *seen_class_text(enum seen_class class);

#define SEEN_MAX 1000000u
#define SERVERS_MAX 8u

struct seen;
struct seen_question;

struct seen *seen_new(void); /* NULL: no memory */
void seen_free(struct seen *s); /* NULL is fine */

/* The question (QNAME, QTYPE, QCLASS as in a message) is about to be asked.
 * *ret_question is for seen_answered(), and may be NULL, which that takes;
 * it lives as long as s. */
enum seen_class seen_ask(struct seen *s, unsigned server,
			 const uint8_t *question, uint16_t len, int64_t now_ns,
			 struct seen_question **ret_question);
void seen_answered(struct seen_question *q, unsigned server, uint32_t ttl_s,
		   int64_t now_ns);
void seen_failed(struct seen_question *q, unsigned server);

#endif
