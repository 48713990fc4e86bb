/* Which MTA-STS policy holds: every step that may fail, who waits how long,
 * what is fetched when and how often, and what is left after a restart. */
#include "sts_world.h"

#include <sys/stat.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- the way to a policy ---- */

static void fetched_then_from_the_store(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 0);
	assert_int_equal(sts_fetch_count, 1);
	assert_string_equal(sts_fetches[0].domain, "a.example.");
	assert_int_equal(sts_fetches[0].count, 1);
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.source, MX_STS_FROM_FETCHED);
	assert_int_equal(call.answer.record, MX_ROUTE_STS_ONE);
	assert_string_equal(call.answer.record_id, "1");
	assert_string_equal(call.answer.policy_id, "1");
	assert_int_equal(call.mode, MX_ROUTE_MODE_ENFORCE);
	assert_string_equal(call.mx, "mx.a.example");
	assert_int_equal(call.answer.fetched_ms, mx_clock_wall_ms());
	assert_int_equal(call.answer.expires_ms,
			 mx_clock_wall_ms() + 10ll * DAY);
	assert_int_equal(call.answer.failure, 0);
	assert_false(call.answer.fetching);

	world_pass(&s.w, HOUR);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.source, MX_STS_FROM_CACHE);
	assert_int_equal(call.mode, MX_ROUTE_MODE_ENFORCE);
	assert_int_equal(sts_fetch_count, 1);
	assert_int_equal(world_count(&s.w, "sts_fetched"), 1);
	assert_int_equal(world_count(&s.w, "sts_cached"), 1);
	sts_world_end(&s);
}

/* IPv4 and IPv6 in turn, behind an alias. Which may be asked the fetcher says. */
static void addresses_of_the_policy_host(void **state)
{
	struct sts_world s;
	struct call call;
	struct said *said;

	(void)state;
	sts_world_begin(&s, NULL);
	said = dns_say("mta-sts.a.example.", MX_TYPE_A, SAY_RR,
			"mta-sts.a.example. 10 CNAME h.example.");
	said->rrs[1] = "h.example. 10 A 198.18.0.1";
	said->rrs[2] = "h.example. 10 A 127.0.0.1";
	said->rrs[3] = "h.example. 10 A 198.18.0.2";
	said = dns_say("mta-sts.a.example.", MX_TYPE_AAAA, SAY_RR,
			"mta-sts.a.example. 10 CNAME h.example.");
	said->rrs[1] = "h.example. 10 AAAA 2001:2::1";
	call_ask(&s, &call);
	assert_int_equal(sts_fetch_count, 1);
	assert_int_equal(sts_fetches[0].count, 4);
	assert_int_equal(sts_fetches[0].addresses[0].ss_family, AF_INET);
	assert_int_equal(sts_fetches[0].addresses[1].ss_family, AF_INET6);
	assert_int_equal(sts_fetches[0].addresses[2].ss_family, AF_INET);
	const struct sockaddr_in *in =
		(struct sockaddr_in *)&sts_fetches[0].addresses[3];
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0xc6120002);
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	sts_world_end(&s);
}

/* Records that are none, and what DNS says in their place. */
static void no_record_no_policy(void **state)
{
	static const struct {
		const char *why;
		enum say say;
		const char *rr[2];
		enum mx_route_sts_record want;
	} cases[] = {
		{ "no name", SAY_NXDOMAIN, { NULL }, MX_ROUTE_STS_NONE },
		{ "SERVFAIL", SAY_FAILED, { NULL }, MX_ROUTE_STS_FAILED },
		{ "bogus", SAY_BOGUS, { RECORD("1") }, MX_ROUTE_STS_FAILED },
		{ "other TXT", SAY_RR,
		  { "_mta-sts.a.example. 10 TXT \"v=spf1\"" },
		  MX_ROUTE_STS_NONE },
		{ "two", SAY_RR, { RECORD("1"), RECORD("2") },
		  MX_ROUTE_STS_SEVERAL },
		{ "no id", SAY_RR,
		  { "_mta-sts.a.example. 10 TXT \"v=STSv1;\"" },
		  MX_ROUTE_STS_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sts_world s;
		struct call call;
		struct said *said;

		print_message("%s\n", cases[i].why);
		sts_world_begin(&s, NULL);
		said = dns_say("_mta-sts.a.example.", MX_TYPE_TXT,
				cases[i].say, cases[i].rr[0]);
		said->rrs[1] = cases[i].rr[1];
		call_ask(&s, &call);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.record, cases[i].want);
		assert_false(call.has_policy);
		assert_int_equal(sts_fetch_count, 0);

		/* With a policy that holds, it does. */
		world_pass(&s.w, MINUTE);
		record_is(RECORD("1"));
		call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
		world_pass(&s.w, MINUTE);
		said = dns_say("_mta-sts.a.example.", MX_TYPE_TXT,
				cases[i].say, cases[i].rr[0]);
		said->rrs[1] = cases[i].rr[1];
		call_ask(&s, &call);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.record, cases[i].want);
		assert_true(call.has_policy);
		assert_int_equal(call.answer.source, MX_STS_FROM_CACHE);
		assert_int_equal(sts_fetch_count, 1);
		sts_world_end(&s);
	}
}

/* Each way in which there is no new policy: none without one from before, and
 * else that. */
static void failures_leave_what_is_there(void **state)
{
	static const struct {
		const char *why;
		enum say a, aaaa;
		enum mx_fetch_result result;
		const char *text;
		unsigned want;
	} cases[] = {
		{ "A fails", SAY_FAILED, SAY_NXDOMAIN, MX_FETCH_OK, NULL,
		  MX_STS_FAILED_ADDRESS },
		{ "A is bogus", SAY_BOGUS, SAY_NXDOMAIN, MX_FETCH_OK, NULL,
		  MX_STS_FAILED_ADDRESS },
		{ "AAAA fails", SAY_NXDOMAIN, SAY_FAILED, MX_FETCH_OK, NULL,
		  MX_STS_FAILED_ADDRESS },
		{ "no address", SAY_NXDOMAIN, SAY_NXDOMAIN, MX_FETCH_OK, NULL,
		  MX_FETCH_NO_ADDRESS },
#define X(name, word, text) \
		{ word, SAY_RR, SAY_FAILED, MX_FETCH_##name, "", \
		  MX_FETCH_##name },
		MX_FETCH_RESULTS(X)
#undef X
		{ "no policy in it", SAY_RR, SAY_NXDOMAIN, MX_FETCH_OK,
		  "<html>", MX_STS_FAILED_INVALID },
		{ "enforce without mx", SAY_RR, SAY_NXDOMAIN, MX_FETCH_OK,
		  "version: STSv1\nmode: enforce\nmax_age: 1\n",
		  MX_STS_FAILED_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int before = 0; before < 2; before++) {
			static const char a[] =
				"mta-sts.a.example. 10 A 198.18.0.9";
			static const char aaaa[] =
				"mta-sts.a.example. 10 AAAA 2001:2::9";
			struct sts_world s;
			struct call call;
			bool ok = cases[i].want == MX_FETCH_OK;

			if (ok)
				continue;
			print_message("%s\n", cases[i].why);
			sts_world_begin(&s, NULL);
			if (before) {
				call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
				world_pass(&s.w, MINUTE);
				record_is(RECORD("2"));
			}
			dns_say("mta-sts.a.example.", MX_TYPE_A, cases[i].a,
				 cases[i].a == SAY_RR || cases[i].a == SAY_BOGUS ?
					 a : NULL);
			dns_say("mta-sts.a.example.", MX_TYPE_AAAA,
				 cases[i].aaaa,
				 cases[i].aaaa == SAY_RR ? aaaa : NULL);
			call_ask(&s, &call);
			assert_int_equal(sts_fetch_live, cases[i].text != NULL);
			if (cases[i].result == MX_FETCH_FETCHER_GONE)
				fetch_ends(sts_fetch_count - 1, cases[i].result,
					   "");
			if (cases[i].text)
				fetch_ends(sts_fetch_count - 1, cases[i].result,
					   cases[i].text);
			assert_int_equal(call.heard, 1);
			assert_int_equal(call.answer.failure, cases[i].want);
			assert_int_equal(call.has_policy, before);
			assert_int_equal(call.answer.failed_ms,
					 mx_clock_wall_ms());
			assert_true(call.answer.retry_ms > mx_clock_wall_ms());
			if (before)
				assert_string_equal(call.answer.policy_id, "1");
			assert_int_equal(world_count(&s.w, "sts_failed"), 1);
			sts_world_end(&s);
		}
}

static void domains_that_can_have_none(void **state)
{
	static const char *const names[] = { ".", "a_b.example", "a\\.b.example",
					     "-a.example", "b\\032.example" };
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct call call = { .heard = 0 };

		call_start(&s.source, &call, names[i], 90000);
		world_turn(&s.w);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.record, MX_ROUTE_STS_NOT_ASKED);
		assert_false(call.has_policy);
	}
	dns_answers(&s.w);
	assert_int_equal(sts_asked, 0);
	sts_world_end(&s);
}

/* ---- who waits, and how long ---- */

static void all_join_one_fetch(void **state)
{
	struct sts_world s;
	struct call calls[3];

	(void)state;
	sts_world_begin(&s, NULL);
	memset(calls, 0, sizeof calls);
	call_start(&s.source, &calls[0], "a.example", 90000);
	call_start(&s.source, &calls[1], "a.example", 90000);
	dns_answers(&s.w);
	call_start(&s.source, &calls[2], "a.example", 90000);
	dns_answers(&s.w);
	assert_int_equal(sts_asked, 3); /* TXT, A, AAAA */
	assert_int_equal(sts_fetch_count, 1);
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(calls[i].heard, 1);
		assert_true(calls[i].has_policy);
	}
	world_pass(&s.w, 2 * STS_WAIT_MS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(calls[i].heard, 1);
	sts_world_end(&s);
}

/* A callback may cancel another of the same fetch, and ask again. */
static void callbacks_cancel_and_ask(void **state)
{
	struct sts_world s;
	struct call first = { .heard = 0 }, second = first, again = first;

	(void)state;
	sts_world_begin(&s, NULL);
	call_start(&s.source, &first, "a.example", 90000);
	call_start(&s.source, &second, "a.example", 90000);
	first.cancels = &second;
	first.starts = &again;
	dns_answers(&s.w);
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	assert_int_equal(first.heard, 1);
	assert_int_equal(again.heard, 0);
	dns_answers(&s.w);
	assert_int_equal(again.heard, 1);
	assert_int_equal(again.answer.source, MX_STS_FROM_CACHE);
	world_pass(&s.w, 2 * STS_WAIT_MS);
	assert_int_equal(second.heard, 0);
	assert_int_equal(sts_fetch_count, 1);
	sts_world_end(&s);
}

static void without_a_policy_one_waits(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_ask(&s, &call);
	world_pass(&s.w, STS_WAIT_MS - 1);
	assert_int_equal(call.heard, 0);
	world_pass(&s.w, 1);
	assert_int_equal(call.heard, 1);
	assert_false(call.has_policy);
	assert_true(call.answer.fetching);
	assert_int_equal(call.answer.record, MX_ROUTE_STS_ONE);
	/* And his own patience may be less. */
	memset(&call, 0, sizeof call);
	call_start(&s.source, &call, "a.example", 500);
	world_pass(&s.w, 500);
	assert_int_equal(call.heard, 1);
	assert_true(call.answer.fetching);
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	sts_world_end(&s);
}

/* The record may not come at all. */
static void a_silent_record(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	dns_say("_mta-sts.a.example.", MX_TYPE_TXT, SAY_NOTHING, NULL);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 0);
	world_pass(&s.w, 4500);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.record, MX_ROUTE_STS_FAILED);
	assert_false(call.has_policy);
	sts_world_end(&s);
}

/* Who has a policy waits a little for the newer one, which comes all the
 * same. */
static void a_slow_refetch(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	world_pass(&s.w, MINUTE);
	record_is(RECORD("2"));
	call_ask(&s, &call);
	assert_int_equal(sts_fetch_live, 1);
	assert_int_equal(call.heard, 0);
	world_pass(&s.w, STS_REFETCH_WAIT_MS - 1);
	assert_int_equal(call.heard, 0);
	world_pass(&s.w, 1);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.source, MX_STS_FROM_CACHE);
	assert_string_equal(call.answer.policy_id, "1");
	assert_string_equal(call.answer.record_id, "2");
	assert_true(call.answer.fetching);
	fetch_ends(1, MX_FETCH_OK, POLICY_OF("testing", "864000"));
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_string_equal(call.answer.policy_id, "2");
	assert_int_equal(call.mode, MX_ROUTE_MODE_TESTING);
	assert_int_equal(sts_fetch_count, 2);
	sts_world_end(&s);
}

/* ---- how often ---- */

static void a_new_id_is_fetched(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	world_pass(&s.w, 11000);
	record_is(RECORD("2"));
	call_fetch(&s, &call, MX_FETCH_OK, POLICY_OF("none", "864000"));
	assert_int_equal(call.mode, MX_ROUTE_MODE_NONE);
	assert_string_equal(call.answer.policy_id, "2");
	/* Mode none is kept as any other. */
	world_pass(&s.w, 5ll * HOUR);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.mode, MX_ROUTE_MODE_NONE);
	assert_int_equal(sts_fetch_count, 2);
	sts_world_end(&s);
}

/* An id that is another each time is not fetched each time. */
static void ids_that_change_all_the_time(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	record_is("_mta-sts.a.example. 0 TXT \"v=STSv1;id=1;\"");
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	record_is("_mta-sts.a.example. 0 TXT \"v=STSv1;id=2;\"");
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_string_equal(call.answer.policy_id, "1");
	assert_int_equal(sts_fetch_count, 1);
	world_pass(&s.w, STS_SOON_MS);
	call_fetch(&s, &call, MX_FETCH_TLS, NULL);
	record_is("_mta-sts.a.example. 0 TXT \"v=STSv1;id=3;\"");
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	world_pass(&s.w, STS_SOON_MS);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	assert_int_equal(sts_fetch_count, 3);
	assert_string_equal(call.answer.policy_id, "3");
	sts_world_end(&s);
}

/* Five minutes, ten, ... an hour, an hour; and for ever so if it is so. */
static void failures_back_off(void **state)
{
	static const int minutes[] = { 5, 10, 20, 40, 60, 60, 60 };
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	for (unsigned i = 0; i < sizeof minutes / sizeof *minutes; i++) {
		call_fetch(&s, &call, MX_FETCH_CERTIFICATE, NULL);
		assert_string_equal(call.detail, "what was seen");
		assert_int_equal(call.answer.retry_ms, mx_clock_wall_ms() +
				 minutes[i] * MINUTE);
		world_pass(&s.w, minutes[i] * MINUTE - 1);
		call_ask(&s, &call);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.failure, MX_FETCH_CERTIFICATE);
		assert_false(call.has_policy);
		assert_int_equal(sts_fetch_count, i + 1);
		world_pass(&s.w, 1);
	}
	/* A fetch that succeeds ends it. */
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	assert_int_equal(call.answer.failure, 0);
	world_pass(&s.w, 11000);
	record_is(RECORD("2"));
	call_fetch(&s, &call, MX_FETCH_TLS, NULL);
	assert_int_equal(call.answer.retry_ms, mx_clock_wall_ms() + 5 * MINUTE);
	sts_world_end(&s);
}

/* What is no fault of the policy host is tried again soon. */
static void our_own_failures(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	sts_no_fetcher = true;
	for (int i = 0; i < 3; i++) {
		call_ask(&s, &call);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.failure,
				 MX_STS_FAILED_NO_FETCHER);
		assert_int_equal(call.answer.retry_ms,
				 mx_clock_wall_ms() + (STS_SOON_MS << i));
		world_pass(&s.w, STS_SOON_MS << i);
	}
	sts_no_fetcher = false;
	call_fetch(&s, &call, MX_FETCH_OVERLOAD, NULL);
	world_pass(&s.w, STS_SOON_MOST_MS);
	/* And is not counted to the host. */
	call_fetch(&s, &call, MX_FETCH_TLS, NULL);
	assert_int_equal(call.answer.retry_ms,
			 mx_clock_wall_ms() + STS_RETRY_FIRST_MS);
	world_pass(&s.w, STS_RETRY_FIRST_MS);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	sts_world_end(&s);
}

/* It is begun once more with the next fetcher, and not with a third. */
static void a_fetcher_dies(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	for (int deaths = 1; deaths <= 2; deaths++) {
		call_ask(&s, &call);
		assert_int_equal(sts_fetch_live, 1);
		sts_fetch_max = 0; /* there is none */
		fetch_ends(sts_fetch_count - 1, MX_FETCH_FETCHER_GONE, NULL);
		assert_int_equal(sts_fetch_live, 0);
		assert_int_equal(call.heard, 0);
		sts_fetch_max = FETCHES_MAX;
		sts_connect(s.sts, dup(0));
		assert_int_equal(sts_fetch_live, 1);
		fetch_ends(sts_fetch_count - 1, deaths == 1 ?
			   MX_FETCH_FETCHER_GONE : MX_FETCH_OK, ENFORCE);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.has_policy, deaths == 2);
		world_pass(&s.w, STS_SOON_MS);
	}
	assert_int_equal(sts_fetch_count, 4);
	/* And if none comes it has an end. */
	world_pass(&s.w, 11000);
	record_is(RECORD("2"));
	call_ask(&s, &call);
	sts_fetch_max = 0;
	fetch_ends(sts_fetch_count - 1, MX_FETCH_FETCHER_GONE, NULL);
	world_pass(&s.w, STS_ROOM_WAIT_MS);
	assert_int_equal(call.heard, 1);
	assert_string_equal(call.answer.policy_id, "1");
	sts_world_end(&s);
}

static void it_runs_out(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, POLICY_OF("enforce", "3600"));
	world_pass(&s.w, HOUR - 1);
	record_is(RECORD("2"));
	call_fetch(&s, &call, MX_FETCH_TIMEOUT, NULL);
	assert_true(call.has_policy);
	world_pass(&s.w, 1);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_false(call.has_policy);
	assert_int_equal(call.answer.failure, MX_FETCH_TIMEOUT);
	sts_world_end(&s);
}

/* ---- the log ---- */

/* Standard error, while f runs; how often word is in it. */
static unsigned logged(void (*f)(struct sts_world *s), struct sts_world *s,
		       const char *word)
{
	static char text[65536];
	FILE *out = tmpfile();
	int kept = dup(2);
	unsigned count = 0;

	assert_non_null(out);
	dup2(fileno(out), 2);
	f(s);
	dup2(kept, 2);
	close(kept);
	rewind(out);
	text[fread(text, 1, sizeof text - 1, out)] = '\0';
	fclose(out);
	for (const char *at = text; (at = strstr(at, word)); at++)
		count++;
	return count;
}

static void fetch_fails(struct sts_world *s)
{
	struct call call;

	world_pass(&s->w, 11000);
	call_fetch(s, &call, MX_FETCH_TLS, NULL);
}

/* RFC 8461 section 3.3: unless the mode is none. */
static void failures_are_logged(void **state)
{
	static const struct {
		const char *policy, *word;
		unsigned times;
	} cases[] = {
		{ NULL, "a.example: no TLS with the policy host (what was seen);"
		  " it counts as none; tried again in 300 s", 1 },
		{ ENFORCE, "the one from before holds", 1 },
		{ POLICY_OF("testing", "864000"), "the one from before holds", 1 },
		{ POLICY_OF("none", "864000"), "MTA-STS", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sts_world s;
		struct call call;

		sts_world_begin(&s, NULL);
		mx_log_init("test", MX_LOG_NOTICE);
		if (cases[i].policy) {
			call_fetch(&s, &call, MX_FETCH_OK, cases[i].policy);
			record_is(RECORD("2"));
		}
		assert_int_equal(logged(fetch_fails, &s, cases[i].word),
				 cases[i].times);
		mx_log_init("test", MX_LOG_ERROR);
		sts_world_end(&s);
	}
}

/* Thirty different domains in a minute, and one more in the next. */
static void thirty_fail(struct sts_world *s)
{
	sts_no_fetcher = true;
	for (unsigned i = 0; i < 31; i++) {
		char rr[128], name[64], domain[32];
		struct call call = { .heard = 0 };

		snprintf(domain, sizeof domain, "d%u.example", i);
		snprintf(name, sizeof name, "_mta-sts.%s.", domain);
		snprintf(rr, sizeof rr, "%s 10 TXT \"v=STSv1;id=1;\"", name);
		dns_say(name, MX_TYPE_TXT, SAY_RR, rr);
		if (i == 30)
			world_pass(&s->w, MINUTE);
		call_start(&s->source, &call, domain, 90000);
		dns_answers(&s->w);
		assert_int_equal(call.heard, 1);
		assert_int_equal(call.answer.failure, MX_FETCH_NO_ADDRESS);
		sts_zone_count--;
	}
}

static void the_log_is_not_flooded(void **state)
{
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	mx_log_init("test", MX_LOG_NOTICE);
	assert_int_equal(logged(thirty_fail, &s, "no new policy of"), 21);
	sts_world_end(&s);
	sts_world_begin(&s, NULL);
	mx_log_init("test", MX_LOG_NOTICE);
	assert_int_equal(logged(thirty_fail, &s, "10 more fetches failed"), 1);
	mx_log_init("test", MX_LOG_ERROR);
	sts_world_end(&s);
}

/* ---- room ---- */

static void start_many(struct sts_world *s, struct call *calls, unsigned count)
{
	memset(calls, 0, count * sizeof *calls);
	for (unsigned i = 0; i < count; i++) {
		char rr[128], name[64], domain[32];

		snprintf(domain, sizeof domain, "d%u.example", i);
		snprintf(name, sizeof name, "_mta-sts.%s.", domain);
		snprintf(rr, sizeof rr, "%s 10 TXT \"v=STSv1;id=1;\"", name);
		dns_say(name, MX_TYPE_TXT, SAY_RR, rr);
		snprintf(name, sizeof name, "mta-sts.%s.", domain);
		char host[128];

		snprintf(host, sizeof host, "%s 10 A 198.18.0.9", name);
		dns_say(name, MX_TYPE_A, SAY_RR, host);
		call_start(&s->source, &calls[i], domain, 90000);
		dns_answers(&s->w);
		sts_zone_count -= 2; /* their RRs are gone */
	}
}

static void fetches_are_bounded(void **state)
{
	static struct call calls[6];
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	sts_fetch_max = 2;
	start_many(&s, calls, 6);
	assert_int_equal(sts_fetch_count, 2);
	/* One ends: the one that waits longest is next. */
	fetch_ends(1, MX_FETCH_OK, ENFORCE);
	assert_int_equal(sts_fetch_count, 3);
	assert_string_equal(sts_fetches[2].domain, "d2.example.");
	world_pass(&s.w, STS_ROOM_WAIT_MS - 1);
	fetch_ends(0, MX_FETCH_TLS, NULL);
	assert_string_equal(sts_fetches[3].domain, "d3.example.");
	assert_int_equal(calls[4].heard, 0);
	world_pass(&s.w, 1);
	for (int i = 4; i < 6; i++) {
		assert_int_equal(calls[i].heard, 1);
		assert_false(calls[i].has_policy);
		assert_int_equal(calls[i].answer.failure,
				 MX_STS_FAILED_NO_FETCHER);
	}
	fetch_ends(2, MX_FETCH_OK, ENFORCE);
	fetch_ends(3, MX_FETCH_OK, ENFORCE);
	for (int i = 0; i < 6; i++)
		assert_int_equal(calls[i].heard, 1);
	sts_world_end(&s);
}

/* Room comes without a fetch's end, too: where one has taken long. Who comes
 * then does not go before those that wait. */
static void room_is_looked_for(void **state)
{
	static struct call calls[2], late;
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	sts_fetch_max = 1;
	start_many(&s, calls, 2);
	assert_int_equal(sts_fetch_count, 1);
	sts_fetch_max = 2;
	call_ask(&s, &late);
	assert_int_equal(sts_fetch_count, 1);
	world_pass(&s.w, STS_ROOM_LOOK_MS);
	assert_int_equal(sts_fetch_count, 2);
	assert_string_equal(sts_fetches[1].domain, "d1.example.");
	fetch_ends(0, MX_FETCH_OK, ENFORCE);
	assert_string_equal(sts_fetches[2].domain, "a.example.");
	fetch_ends(1, MX_FETCH_OK, ENFORCE);
	fetch_ends(2, MX_FETCH_OK, ENFORCE);
	assert_true(calls[0].has_policy && calls[1].has_policy &&
		    late.has_policy);
	sts_world_end(&s);
}

static void domains_are_bounded(void **state)
{
	static struct call calls[STS_DOMAINS_MAX + 1];
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	memset(calls, 0, sizeof calls);
	for (unsigned i = 0; i <= STS_DOMAINS_MAX; i++) {
		char domain[32];

		snprintf(domain, sizeof domain, "d%u.example", i);
		call_start(&s.source, &calls[i], domain, 90000);
	}
	world_turn(&s.w);
	assert_int_equal(calls[STS_DOMAINS_MAX].heard, 1);
	assert_int_equal(calls[STS_DOMAINS_MAX].answer.record,
			 MX_ROUTE_STS_NOT_ASKED);
	assert_int_equal(calls[0].heard, 0);
	dns_answers(&s.w);
	for (unsigned i = 0; i <= STS_DOMAINS_MAX; i++)
		assert_int_equal(calls[i].heard, 1);
	sts_world_end(&s);
}

/* What is asked and in flight goes with it. */
static void it_ends_at_any_step(void **state)
{
	struct sts_world s;
	struct call call = { .heard = 0 };
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	(void)state;
	for (int step = 0; step < 4; step++) {
		sts_world_begin(&s, NULL);
		sts_fetch_max = step == 2 ? 0 : FETCHES_MAX;
		call_start(&s.source, &call, "a.example", 90000);
		world_turn(&s.w);
		if (step == 1) { /* the record only */
			assert_true(world_question(&s.w, 0, &q, buf));
			dns_answer(&s.w, &q);
			world_turn(&s.w);
		} else if (step > 1) {
			dns_answers(&s.w);
		}
		assert_int_equal(sts_fetch_live, step == 3);
		sts_world_end(&s);
		assert_int_equal(call.heard, 0);
	}
}

/* ---- refresh ---- */

static void used_policies_are_refreshed(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	/* The one that it was fetched for has used it. */
	world_pass(&s.w, DAY - 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 1);
	world_pass(&s.w, 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 2);
	fetch_ends(1, MX_FETCH_OK, ENFORCE);
	/* Nobody has asked since: it runs out. */
	for (int i = 0; i < 10; i++) {
		world_pass(&s.w, DAY);
		dns_answers(&s.w);
	}
	assert_int_equal(sts_fetch_count, 2);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	assert_int_equal(call.answer.source, MX_STS_FROM_FETCHED);
	sts_world_end(&s);
}

static void half_of_max_age(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, POLICY_OF("enforce", "7200"));
	world_pass(&s.w, HOUR - 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 1);
	world_pass(&s.w, 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 2);
	/* Who asks meanwhile joins, and need not wait for it. */
	call_ask(&s, &call);
	assert_int_equal(call.heard, 0);
	world_pass(&s.w, STS_REFETCH_WAIT_MS);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.source, MX_STS_FROM_CACHE);
	/* It fails: after five minutes once more, and the old one holds. */
	fetch_ends(1, MX_FETCH_STATUS, NULL);
	world_pass(&s.w, 5 * MINUTE - 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 2);
	world_pass(&s.w, 1);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 3);
	fetch_ends(2, MX_FETCH_OK, ENFORCE);
	call_ask(&s, &call);
	assert_int_equal(call.answer.failure, 0);
	assert_int_equal(call.answer.expires_ms, mx_clock_wall_ms() + 10ll * DAY);
	sts_world_end(&s);
}

/* Nothing to go by: it is looked for again, later, and not all the time. */
static void no_record_at_refresh(void **state)
{
	static const struct {
		enum say say;
		mx_instant again;
	} cases[] = {
		{ SAY_NXDOMAIN, STS_REFRESH_AGAIN_MS },
		{ SAY_FAILED, STS_RETRY_FIRST_MS },
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sts_world s;
		struct call call;
		unsigned asked;

		sts_world_begin(&s, NULL);
		call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
		dns_say("_mta-sts.a.example.", MX_TYPE_TXT, cases[i].say, NULL);
		world_pass(&s.w, DAY);
		asked = sts_asked;
		dns_answers(&s.w);
		assert_int_equal(sts_asked, asked + 1);
		world_pass(&s.w, cases[i].again - 1);
		dns_answers(&s.w);
		assert_int_equal(sts_asked, asked + 1);
		record_is(RECORD("1"));
		world_pass(&s.w, 1);
		dns_answers(&s.w);
		assert_int_equal(sts_fetch_count, 2);
		fetch_ends(1, MX_FETCH_OK, ENFORCE);
		sts_world_end(&s);
	}
}

/* Nobody asked the policy host: it need not be left alone once the record is
 * back. */
static void a_lost_record_comes_back(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, POLICY_OF("enforce", "3600"));
	dns_say("_mta-sts.a.example.", MX_TYPE_TXT, SAY_FAILED, NULL);
	world_pass(&s.w, 30 * MINUTE);
	dns_answers(&s.w);
	world_pass(&s.w, 29 * MINUTE); /* and again */
	dns_answers(&s.w);
	assert_int_equal(world_count(&s.w, "sts_failed"), 2);
	world_pass(&s.w, MINUTE); /* it has run out */
	record_is(RECORD("1"));
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	assert_int_equal(call.answer.source, MX_STS_FROM_FETCHED);
	sts_world_end(&s);
}

/* A policy from what is now the future: how old it is nobody knows. */
static void a_clock_set_back_refreshes(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	world_wall_ahead_ms -= 5 * DAY;
	world_pass(&s.w, STS_LOOK_MS);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 1); /* it is only just there */
	world_pass(&s.w, MINUTE);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 2);
	fetch_ends(1, MX_FETCH_OK, ENFORCE);
	call_ask(&s, &call);
	assert_int_equal(call.answer.expires_ms, mx_clock_wall_ms() + 10ll * DAY);
	sts_world_end(&s);
}

/* The front that comes next does it. */
static void no_refresh_once_stopped(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, NULL);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	sts_stop(s.sts);
	world_pass(&s.w, DAY);
	dns_answers(&s.w);
	assert_int_equal(sts_fetch_count, 1);
	sts_world_end(&s);
}

static void refreshes_are_bounded(void **state)
{
	static struct call calls[14];
	struct sts_world s;

	(void)state;
	sts_world_begin(&s, NULL);
	start_many(&s, calls, 14);
	for (unsigned i = 0; i < 14; i++)
		fetch_ends(i, MX_FETCH_OK, ENFORCE);
	world_pass(&s.w, DAY);
	/* One in each look; their records are silent now. */
	dns_say("_mta-sts.d0.example.", MX_TYPE_TXT, SAY_NOTHING, NULL);
	unsigned most = 0, before = sts_asked;
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;

	for (int i = 0; i < 12; i++) {
		unsigned now = 0;

		while (world_question(&s.w, 0, &q, buf))
			now++;
		assert_in_range(now, 0, 1);
		most += now;
		world_pass(&s.w, STS_LOOK_MS);
	}
	assert_int_equal(most, STS_REFRESHES_MAX);
	assert_int_equal(sts_asked, before);
	sts_world_end(&s);
}

/* ---- the file ---- */

static char folder[] = "/tmp/mxbound-sts-XXXXXX";
static char file[64];

static int folder_begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof file, "%s/sts", folder);
	return 0;
}

static int folder_end(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static void a_restart_keeps_it(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	sts_world_begin(&s, file);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	sts_free(s.sts);
	world_pass(&s.w, MINUTE);
	sts_world_restart(&s, file);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 1);
	assert_int_equal(call.answer.source, MX_STS_FROM_CACHE);
	assert_string_equal(call.answer.policy_id, "1");
	assert_int_equal(call.answer.fetched_ms, mx_clock_wall_ms() - MINUTE);
	assert_int_equal(sts_fetch_count, 1);
	/* Still as old as it is. */
	sts_free(s.sts);
	world_pass(&s.w, 10ll * DAY);
	sts_world_restart(&s, file);
	call_ask(&s, &call);
	assert_int_equal(call.heard, 0);
	fetch_ends(1, MX_FETCH_OK, ENFORCE);
	sts_world_end(&s);
}

static off_t file_size(void)
{
	struct stat st;

	return stat(file, &st) == 0 ? st.st_size : -1;
}

static bool file_appears(struct sts_world *s)
{
	time_t end = time(NULL) + 10;

	while (file_size() < 0 && time(NULL) < end)
		world_turn(&s->w);
	return file_size() >= 0;
}

/* Soon after a change, without an end; and after that not all the time. */
static void it_is_written_soon(void **state)
{
	struct sts_world s;
	struct call call;

	(void)state;
	unlink(file);
	sts_world_begin(&s, file);
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	assert_int_equal(file_size(), -1);
	world_pass(&s.w, STS_SAVE_SOON_MS);
	assert_true(file_appears(&s));
	/* Another front has it: this one writes what it has, and no more. */
	world_pass(&s.w, 11000);
	record_is(RECORD("2"));
	call_fetch(&s, &call, MX_FETCH_OK, POLICY_OF("none", "864000"));
	unlink(file);
	sts_stop(s.sts);
	assert_true(file_size() > 0);
	unlink(file);
	world_pass(&s.w, 11000);
	record_is(RECORD("3"));
	call_fetch(&s, &call, MX_FETCH_OK, ENFORCE);
	world_pass(&s.w, 2 * STS_SAVE_AGAIN_MS);
	sts_world_end(&s);
	assert_int_equal(file_size(), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetched_then_from_the_store),
		cmocka_unit_test(addresses_of_the_policy_host),
		cmocka_unit_test(no_record_no_policy),
		cmocka_unit_test(failures_leave_what_is_there),
		cmocka_unit_test(domains_that_can_have_none),
		cmocka_unit_test(all_join_one_fetch),
		cmocka_unit_test(callbacks_cancel_and_ask),
		cmocka_unit_test(without_a_policy_one_waits),
		cmocka_unit_test(a_silent_record),
		cmocka_unit_test(a_slow_refetch),
		cmocka_unit_test(a_new_id_is_fetched),
		cmocka_unit_test(ids_that_change_all_the_time),
		cmocka_unit_test(failures_back_off),
		cmocka_unit_test(our_own_failures),
		cmocka_unit_test(a_fetcher_dies),
		cmocka_unit_test(it_runs_out),
		cmocka_unit_test(failures_are_logged),
		cmocka_unit_test(the_log_is_not_flooded),
		cmocka_unit_test(fetches_are_bounded),
		cmocka_unit_test(room_is_looked_for),
		cmocka_unit_test(domains_are_bounded),
		cmocka_unit_test(it_ends_at_any_step),
		cmocka_unit_test(used_policies_are_refreshed),
		cmocka_unit_test(half_of_max_age),
		cmocka_unit_test(no_record_at_refresh),
		cmocka_unit_test(a_lost_record_comes_back),
		cmocka_unit_test(a_clock_set_back_refreshes),
		cmocka_unit_test(no_refresh_once_stopped),
		cmocka_unit_test(refreshes_are_bounded),
		cmocka_unit_test(a_restart_keeps_it),
		cmocka_unit_test(it_is_written_soon),
	};

	return cmocka_run_group_tests(tests, folder_begin, folder_end);
}
