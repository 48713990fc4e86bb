/* selftest.c - asks what Postfix asks to see whether DNSSEC works: `. NS`.
 *
 * It says in plain words what it found, soon, and again when that changes. A
 * resolver without the Internet goes on serving: it may be there later. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "mx_log.h"

/* The operator is told within a second of the start. */
#define FIRST_WORD_MS 800
#define AGAIN_FIRST_S 2
#define AGAIN_MOST_S 60

struct selftest {
	struct worker *worker;
	struct mx_lookup lookup;
	struct event *first_word, *again;
	const char *asked; /* which servers know about the root */
	enum selftest_verdict told;
	unsigned wait_s;
};

static void tell(struct selftest *test, enum selftest_verdict verdict, const char *why)
{
	if (test->told == verdict)
		return;
	test->told = verdict;
	atomic_store_explicit(&test->worker->selftest_says, (int)verdict,
			      memory_order_relaxed);
	switch (verdict) {
	case SELFTEST_SECURE:
		mx_log(MX_LOG_NOTICE,
		       "self-test: `. NS` answered and validated (AD): DNSSEC works");
		break;
	case SELFTEST_NOT_SECURE:
		mx_log(MX_LOG_WARNING,
		       "self-test: `. NS` is answered but does not validate (%s): without DNSSEC there is no DANE; see trust-anchor-file, and the clock",
		       why);
		break;
	case SELFTEST_SILENT:
		mx_log(MX_LOG_WARNING,
		       "self-test: no %s server answers from here (%s): serving all the same, asking again",
		       test->asked, why);
		break;
	case SELFTEST_UNKNOWN:
		break;
	}
}

static void ask(struct selftest *test);

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask(arg);
}

static void on_first_word(evutil_socket_t fd, short what, void *arg)
{
	struct selftest *test = arg;

	(void)fd;
	(void)what;
	if (test->told == SELFTEST_UNKNOWN)
		tell(test, SELFTEST_SILENT, "nothing heard yet");
}

static void on_result(void *arg, const struct mx_lookup_result *result)
{
	struct selftest *test = arg;
	struct timeval tv = { .tv_sec = test->wait_s };

	if (result->err == MX_OK && result->state == MX_SECURE) {
		tell(test, SELFTEST_SECURE, "");
		return;
	}
	if (result->err == MX_OK)
		tell(test, SELFTEST_NOT_SECURE,
		     *result->why ? result->why : "no chain of trust");
	else
		tell(test, SELFTEST_SILENT,
		     *result->why ? result->why : mx_error_text(result->err));
	evtimer_add(test->again, &tv);
	test->wait_s = test->wait_s * 2 < AGAIN_MOST_S ? test->wait_s * 2
						       : AGAIN_MOST_S;
}

static void ask(struct selftest *test)
{
	static const uint8_t root[] = { 0 };
	struct mx_key key = { .qname = root, .qname_len = 1,
			      .qtype = MX_TYPE_NS, .qclass = MX_CLASS_IN };

	mx_lookup(test->worker->lookups, &key, true, MX_LOOKUP_INTERNAL,
		  &test->lookup, on_result, test);
}

static const char *asked_for_root(const struct mx_config *config)
{
	for (size_t i = 0; i < config->forward_zone.count; i++)
		if (strncmp(config->forward_zone.at[i], ". ", 2) == 0)
			return "forward";
	return "root";
}

struct selftest *selftest_start(struct worker *worker)
{
	struct selftest *test = calloc(1, sizeof(*test));
	struct timeval tv = { .tv_usec = FIRST_WORD_MS * 1000 };

	if (!test)
		return NULL;
	test->worker = worker;
	test->asked = asked_for_root(worker->config);
	test->wait_s = AGAIN_FIRST_S;
	test->first_word = evtimer_new(worker->base, on_first_word, test);
	test->again = evtimer_new(worker->base, on_again, test);
	if (!test->first_word || !test->again) {
		selftest_free(test);
		return NULL;
	}
	evtimer_add(test->first_word, &tv);
	ask(test);
	return test;
}

void selftest_free(struct selftest *test)
{
	if (!test)
		return;
	mx_lookup_cancel(test->worker->lookups, &test->lookup);
	if (test->first_word)
		event_free(test->first_word);
	if (test->again)
		event_free(test->again);
	free(test);
}
