/* Plays what is in tests/scenario/route: the answers to a route's questions, in
 * many orders, and the clock. tests/scenario/route/README.md has the language.
 *
 *   test_mail_scenario [FILE]...       the files named, or all */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>

#include "front_zone.h"
#include "route_world.h"

#define ORDERS 24u /* of the answers of a block, each told in two ways */
#define STEPS_MAX 800u
#define BELOW_MAX 64u
#define TEXT_MAX 40000u

/* As mx_route_response() has them, so that both ways say the same. */
static const struct mx_ingest_limits limits = {
	.ttl_max_s = 86400, .negative_ttl_max_s = 10800, .bogus_ttl_max_s = 5,
};
#define FAILURE_MS 5000

/* ---- what went wrong, and where ---- */

static struct {
	jmp_buf out;
	unsigned line;
	char text[4 * TEXT_MAX];
} trouble;

static _Noreturn void wrong(unsigned line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static _Noreturn void wrong(unsigned line, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(trouble.text, sizeof trouble.text, format, ap);
	va_end(ap);
	trouble.line = line;
	longjmp(trouble.out, 1);
}

/* ---- a file: lines, and the indented ones that belong to them ---- */

struct line {
	unsigned number;
	char *text; /* taken apart as it is read */
	unsigned below_count;
	struct { unsigned number; char *text; } below[BELOW_MAX];
};

static char *next_word(char **at)
{
	char *word;

	*at += strspn(*at, " \t");
	word = *at;
	*at += strcspn(*at, " \t");
	if (**at != '\0')
		*(*at)++ = '\0';
	*at += strspn(*at, " \t");
	return *word == '\0' ? NULL : word;
}

static char *need_word(struct line *l, char **at, const char *what)
{
	char *word = next_word(at);

	if (word == NULL)
		wrong(l->number, "%s is missing", what);
	return word;
}

static void no_more(struct line *l, char *at)
{
	if (*at != '\0')
		wrong(l->number, "\"%s\" is too much", at);
	if (l->below_count > 0)
		wrong(l->below[0].number, "nothing belongs below \"%s\"",
		      l->text);
}

/* "again" at the beginning, and at moves behind it. */
static bool maybe(char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0 ||
	    ((*at)[len] != '\0' && (*at)[len] != ' '))
		return false;
	*at += len;
	*at += strspn(*at, " \t");
	return true;
}

static unsigned long number_of(struct line *l, const char *word,
			       unsigned long max)
{
	unsigned long value;

	if (!zone_number(word, max, &value))
		wrong(l->number, "\"%s\" is no number up to %lu", word, max);
	return value;
}

/* "5 s", "20 ms" */
static int64_t time_of(struct line *l, char **at)
{
	char *amount = need_word(l, at, "a time");
	char *unit = need_word(l, at, "ms or s");
	int64_t value = (int64_t)number_of(l, amount, 1000000000);

	if (strcmp(unit, "s") == 0)
		return 1000 * value;
	if (strcmp(unit, "ms") != 0)
		wrong(l->number, "\"%s\" is neither ms nor s", unit);
	return value;
}

static struct mx_name name_of(unsigned number, const char *word)
{
	struct mx_name name;

	if (mx_name_from_text(word, &name) != MX_OK)
		wrong(number, "\"%s\" is no name", word);
	mx_name_lower(name.octets, name.len);
	return name;
}

static uint16_t type_of(unsigned number, const char *word)
{
	uint16_t type;

	if (!mx_type_from_text(word, &type))
		wrong(number, "\"%s\" is no type", word);
	return type;
}

/* ---- {A-B}: the numbers from A to B ---- */

static char *find_range(char *text, unsigned *ret_first, unsigned *ret_last,
			size_t *ret_len)
{
	unsigned first, last;
	int len = 0;

	/* {32:aa} is no range, but octets: front_zone.h. */
	for (; (text = strchr(text, '{')) != NULL; text++)
		if (sscanf(text, "{%u-%u}%n", &first, &last, &len) == 2 &&
		    len > 0) {
			*ret_first = first;
			*ret_last = last;
			*ret_len = (size_t)len;
			return text;
		}
	return NULL;
}

/* text with n in place of each range. */
static void put_number(char *text, unsigned n, char *ret, size_t room)
{
	struct zone_text t = { ret, room };
	unsigned first, last;
	size_t len;
	char *at;

	*ret = '\0';
	while ((at = find_range(text, &first, &last, &len)) != NULL) {
		zone_say(&t, "%.*s%u", (int)(at - text), text, n);
		text = at + len;
	}
	zone_say(&t, "%s", text);
}

/* The range in text, or 0 to 0 if there is none. */
static void range_of(unsigned number, char *text, unsigned *ret_first,
		     unsigned *ret_last)
{
	size_t len;

	*ret_first = *ret_last = 0;
	if (find_range(text, ret_first, ret_last, &len) != NULL &&
	    (*ret_last < *ret_first || *ret_last - *ret_first >= STEPS_MAX))
		wrong(number, "{%u-%u} is no range", *ret_first, *ret_last);
}

/* ---- steps ---- */

struct answer {
	struct mx_route_question q;
	bool again;	/* to a question that is not open */
	bool failed;	/* no answer came */
	int64_t retry_ms;
	bool truncated; /* over UDP */
	bool referral;
	enum mx_validation state;
	uint8_t *packet;
	size_t len;
	bool given;	/* in this order */
};

enum step_kind { STEP_ANSWER, STEP_AT, STEP_EXPECT };

struct step {
	enum step_kind kind;
	unsigned line;
	int64_t at_ms;
	struct answer answer;
	char *expect;
};

/* One route: from its "route" to the next. */
static struct block {
	unsigned line;
	bool begun;
	struct mx_route_destination destination;
	struct mx_route_options options;
	struct mx_name own[8];
	bool no_ad;
	bool has_policy;
	struct mx_route_policy policy;
	/* A packet does not tell bogus from failed, nor indeterminate from
	 * insecure. */
	bool no_packets;
	bool expects;
	unsigned count;
	struct step steps[STEPS_MAX];
	/* While it is played. */
	struct mx_route *route;
	struct mx_ingest_room *ingest;
	int64_t now_ms;
	unsigned open_count;
	struct open {
		struct mx_route_question q;
		bool answered;
	} open[MX_ROUTE_QUESTIONS_MAX];
	unsigned order;
	bool packets;
	uint32_t random;
} block;

static void block_end_play(void)
{
	mx_route_free(block.route);
	mx_ingest_room_free(block.ingest);
	block.route = NULL;
	block.ingest = NULL;
}

static void block_clear(void)
{
	block_end_play();
	for (unsigned i = 0; i < block.count; i++) {
		free(block.steps[i].answer.packet);
		free(block.steps[i].expect);
	}
	memset(&block, 0, sizeof block);
}

static struct step *add_step(unsigned line, enum step_kind kind)
{
	struct step *step = &block.steps[block.count];

	if (!block.begun)
		wrong(line, "there is no route yet");
	if (block.count == STEPS_MAX)
		wrong(line, "more than %u steps", STEPS_MAX);
	block.count++;
	memset(step, 0, sizeof *step);
	step->kind = kind;
	step->line = line;
	return step;
}

/* ---- answers ---- */

struct packet {
	struct mx_out out;
	uint16_t counts[2]; /* answer, authority */
	uint8_t octets[MX_MESSAGE_MAX];
};
static struct packet packet;

static void packet_begin(const struct answer *a, unsigned rcode)
{
	unsigned flags = 0x8100 | rcode; /* QR RD */

	if (!a->referral)
		flags |= 0x80; /* RA */
	if (a->state == MX_SECURE)
		flags |= 0x20; /* AD */
	memset(packet.counts, 0, sizeof packet.counts);
	mx_out_init(&packet.out, packet.octets, sizeof packet.octets);
	mx_out_u16(&packet.out, 0);
	mx_out_u16(&packet.out, (uint16_t)flags);
	mx_out_u16(&packet.out, 1);
	mx_out_u32(&packet.out, 0);
	mx_out_u16(&packet.out, 0);
	mx_out_octets(&packet.out, a->q.qname.octets, a->q.qname.len);
	mx_out_u16(&packet.out, a->q.qtype);
	mx_out_u16(&packet.out, MX_CLASS_IN);
}

static void put_rr(unsigned line, unsigned section, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void put_rr(unsigned line, unsigned section, const char *format, ...)
{
	static char rr[TEXT_MAX], copy[TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(rr, sizeof rr, format, ap);
	va_end(ap);
	if (section < 1 && packet.counts[1] > 0)
		wrong(line, "the answer section comes before authority");
	memcpy(copy, rr, sizeof copy);
	if (!zone_put_rr(&packet.out, copy))
		wrong(line, "\"%s\" is no RR", rr);
	packet.counts[section]++;
}

static void packet_end(unsigned line, struct answer *a)
{
	mx_out_patch_u16(&packet.out, 6, packet.counts[0]);
	mx_out_patch_u16(&packet.out, 8, packet.counts[1]);
	if (packet.out.full)
		wrong(line, "the answer is too large");
	a->len = mx_out_len(&packet.out);
	a->packet = malloc(a->len);
	assert_non_null(a->packet);
	memcpy(a->packet, packet.octets, a->len);
}

static void put_data(struct line *l, const char *owner, unsigned long ttl_s,
		     uint16_t type, char *rdata)
{
	static char one[TEXT_MAX];
	char type_text[16];
	unsigned first, last;

	range_of(l->number, rdata, &first, &last);
	for (unsigned n = first; n <= last; n++) {
		put_number(rdata, n, one, sizeof one);
		put_rr(l->number, 0, "%s %lu %s %s", owner, ttl_s,
		       mx_type_text(type, type_text), one);
	}
}

/* TTL [>ALIAS]... nodata | nxdomain | RDATA [| RDATA]... */
static void answer_short(struct line *l, struct answer *a, char *owner, char *at)
{
	unsigned long ttl_s = number_of(l, need_word(l, &at, "TTL"), UINT32_MAX);
	size_t len = strlen(at);
	bool nxdomain = len >= 8 && strcmp(at + len - 8, "nxdomain") == 0;

	packet_begin(a, nxdomain ? 3 : 0);
	while (*at == '>') {
		char *alias = next_word(&at) + 1;

		put_rr(l->number, 0, "%s %lu CNAME %s", owner, ttl_s, alias);
		owner = alias;
	}
	if (*at == '\0')
		wrong(l->number, "what the answer says is missing");
	if (nxdomain || strcmp(at, "nodata") == 0) {
		put_rr(l->number, 1, ". %lu SOA ns. h. 1 2 3 4 %lu", ttl_s,
		       ttl_s);
	} else {
		for (char *end; at != NULL; at = end) {
			if ((end = strstr(at, " | ")) != NULL) {
				*end = '\0';
				end += 3;
			}
			put_data(l, owner, ttl_s, a->q.qtype, at);
		}
	}
	packet_end(l->number, a);
}

/* The RRs below. */
static void answer_long(struct line *l, struct answer *a, bool nxdomain)
{
	packet_begin(a, nxdomain ? 3 : 0);
	for (unsigned i = 0; i < l->below_count; i++) {
		char *at = l->below[i].text;
		unsigned section = maybe(&at, "authority");

		put_rr(l->below[i].number, section, "%s", at);
	}
	packet_end(l->number, a);
}

static const struct { const char *word; enum mx_validation state; } states[] = {
	{ "secure", MX_SECURE }, { "insecure", MX_INSECURE },
	{ "bogus", MX_BOGUS }, { "indeterminate", MX_INDETERMINATE },
};

static enum mx_validation state_of(struct line *l, const char *word)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(states[i].word, word) == 0)
			return states[i].state;
	wrong(l->number, "\"%s\" is no state", word);
}

static void read_answer(struct line *l, bool again, char *owner, char *at)
{
	struct step *step = add_step(l->number, STEP_ANSWER);
	struct answer *a = &step->answer;
	bool nxdomain;
	char *word;

	a->q.qname = name_of(l->number, owner);
	a->q.qtype = type_of(l->number, need_word(l, &at, "type"));
	a->again = again;
	a->retry_ms = FAILURE_MS;
	word = need_word(l, &at, "state");
	if (strcmp(word, "failed") == 0) {
		a->failed = true;
		if (*at != '\0')
			a->retry_ms = time_of(l, &at);
		no_more(l, at);
		return;
	}
	if (strcmp(word, "rcode") == 0) {
		word = need_word(l, &at, "RCODE");
		packet_begin(a, (unsigned)number_of(l, word, 15));
		packet_end(l->number, a);
		no_more(l, at);
		return;
	}
	a->state = state_of(l, word);
	block.no_packets |= a->state == MX_BOGUS ||
			    a->state == MX_INDETERMINATE;
	a->truncated = maybe(&at, "truncated");
	a->referral = maybe(&at, "referral");
	if (l->below_count == 0) {
		answer_short(l, a, owner, at);
		return;
	}
	nxdomain = maybe(&at, "nxdomain");
	if (*at != '\0')
		wrong(l->number, "\"%s\" is too much", at);
	answer_long(l, a, nxdomain);
}

/* A range in the name: a line for each. */
static void read_answers(struct line *l, char *at)
{
	static char owner[TEXT_MAX], rest[TEXT_MAX];
	bool again = maybe(&at, "again");
	char *name = need_word(l, &at, "name");
	unsigned first, last;
	bool each;
	size_t len;

	range_of(l->number, name, &first, &last);
	each = find_range(name, &first, &last, &len) != NULL;
	for (unsigned n = first; n <= last; n++) {
		put_number(name, n, owner, sizeof owner);
		if (each)
			put_number(at, n, rest, sizeof rest);
		else
			snprintf(rest, sizeof rest, "%s", at);
		read_answer(l, again, owner, rest);
	}
}

/* ---- the other lines ---- */

static void play_block(void);

static void read_route(struct line *l, char *at)
{
	play_block();
	block_clear();
	block.line = l->number;
	block.begun = true;
	if (!mx_route_destination_read(at, &block.destination))
		wrong(l->number, "\"%s\" is no destination", at);
}

static void read_no_route(struct line *l, char *at)
{
	struct mx_route_destination d;

	play_block();
	block_clear();
	if (mx_route_destination_read(at, &d))
		wrong(l->number, "\"%s\" is a destination", at);
}

static void read_own(struct line *l, char *at)
{
	for (char *word; (word = next_word(&at)) != NULL;) {
		if (block.options.own_count == 8)
			wrong(l->number, "more than 8 names");
		block.own[block.options.own_count++] =
			name_of(l->number, word);
	}
	block.options.own = block.own;
}

static void read_policy(struct line *l, char *at, bool want)
{
	static char text[2 * MX_ROUTE_POLICY_TEXT_MAX];
	struct zone_text t = { text, sizeof text };
	struct mx_route_policy policy;
	unsigned times = 1;

	if (*at != '\0')
		times = (unsigned)number_of(l, next_word(&at), 100000);
	if (l->below_count == 0)
		wrong(l->number, "there is no policy");
	*text = '\0';
	for (unsigned i = 0; i < l->below_count; i++)
		for (unsigned n = i + 1 < l->below_count ? 1 : times; n > 0; n--)
			zone_say(&t, "%s\n", l->below[i].text);
	if (mx_route_policy_read(text, strlen(text), &policy) != want)
		wrong(l->number, "it is %s policy", want ? "no" : "a");
	if (!want)
		return;
	block.has_policy = true;
	block.policy = policy;
}

static void read_option(struct line *l, const char *word, char *at)
{
	if (!block.begun || block.count > 0)
		wrong(l->number, "\"%s\" belongs right after route", word);
	if (strcmp(word, "policy") == 0) {
		read_policy(l, at, true);
		return;
	}
	if (strcmp(word, "seed") == 0)
		block.options.seed = number_of(
			l, need_word(l, &at, "a number"), UINT32_MAX);
	else if (strcmp(word, "own") == 0) {
		read_own(l, at);
		return;
	} else if (strcmp(word, "sts") == 0)
		block.options.want_sts = true;
	else if (strcmp(word, "early") == 0)
		block.options.ask_early = true;
	else
		block.no_ad = true;
	no_more(l, at);
}

static void read_expect(struct line *l, char *at)
{
	struct step *step = add_step(l->number, STEP_EXPECT);
	static char text[TEXT_MAX];
	struct zone_text t = { text, sizeof text };

	if (*at == '\0')
		wrong(l->number, "what is expected is missing");
	zone_say(&t, "%s", at);
	for (unsigned i = 0; i < l->below_count; i++)
		zone_say(&t, " | %s", l->below[i].text);
	step->expect = strdup(text);
	assert_non_null(step->expect);
	block.expects = true;
}

static void read_at(struct line *l, char *at)
{
	struct step *step = add_step(l->number, STEP_AT);

	step->at_ms = time_of(l, &at);
	if (step->at_ms < block.now_ms)
		wrong(l->number, "time does not run back");
	block.now_ms = step->at_ms;
	no_more(l, at);
}

static void read_line(struct line *l)
{
	static const char *const options[] = { "seed", "own", "sts", "early",
					       "no-ad", "policy" };
	char *at = l->text;

	if (maybe(&at, "route")) {
		read_route(l, at);
	} else if (maybe(&at, "no-route")) {
		read_no_route(l, at);
	} else if (maybe(&at, "no-policy")) {
		read_policy(l, at, false);
	} else if (maybe(&at, "at")) {
		read_at(l, at);
	} else if (maybe(&at, "expect")) {
		read_expect(l, at);
	} else {
		for (size_t i = 0; i < sizeof options / sizeof *options; i++)
			if (maybe(&at, options[i])) {
				read_option(l, options[i], at);
				return;
			}
		read_answers(l, at);
	}
}

/* ---- play: tell ---- */

static uint32_t pick(uint32_t below)
{
	/* Numerical Recipes' generator: the same on every machine. */
	block.random = block.random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)block.random * below >> 32);
}

static const char *question_text(const struct mx_route_question *q)
{
	static char text[MX_ROUTE_NAME_TEXT_MAX + 20];
	char name[MX_ROUTE_NAME_TEXT_MAX], type[16];

	snprintf(text, sizeof text, "%s %s", mx_route_name_text(&q->qname, name),
		 mx_type_text(q->qtype, type));
	return text;
}

static struct open *find_open(const struct mx_route_question *q)
{
	for (unsigned i = 0; i < block.open_count; i++)
		if (block.open[i].q.qtype == q->qtype &&
		    mx_name_equal(&block.open[i].q.qname, &q->qname))
			return &block.open[i];
	return NULL;
}

static bool is_open(const struct mx_route_question *q)
{
	const struct open *open = find_open(q);

	return open != NULL && !open->answered;
}

/* Take the questions that are handed out, a few or many at a time. */
static void take_questions(unsigned line)
{
	struct mx_route_question q[5];
	unsigned max, count;

	do {
		max = 1 + pick(5);
		count = mx_route_next(block.route, q, max);
		for (unsigned i = 0; i < count; i++) {
			if (find_open(&q[i]) != NULL)
				wrong(line, "%s is asked twice",
				      question_text(&q[i]));
			if (block.open_count == MX_ROUTE_QUESTIONS_MAX)
				wrong(line, "more questions than there may be");
			block.open[block.open_count++] =
				(struct open){ .q = q[i] };
		}
	} while (count > 0);
}

static void tell_packet(unsigned line, const struct answer *a)
{
	enum mx_route_heard heard;
	const bool trust = !block.no_ad;

	if (a->truncated) {
		a->packet[2] |= 2; /* TC */
		heard = mx_route_response(block.route, a->packet, a->len, trust,
					  block.now_ms);
		a->packet[2] &= (uint8_t)~2;
		if (heard != MX_ROUTE_TRUNCATED)
			wrong(line, "TC was not seen");
	}
	heard = mx_route_response(block.route, a->packet, a->len, trust,
				  block.now_ms);
	if (heard != MX_ROUTE_HEARD &&
	    !(a->again && heard == MX_ROUTE_NOT_HEARD))
		wrong(line, "the answer was not taken");
}

/* As the front does: taken apart already. */
static void tell_answer(const struct answer *a)
{
	static struct mx_mail_room room;
	const struct mx_key key = { a->q.qname.octets, a->q.qname.len,
				    a->q.qtype, MX_CLASS_IN };
	struct mx_route_answer told = { .kind = MX_ANSWER_FAILURE,
					.expires_ms = block.now_ms + FAILURE_MS };
	enum mx_validation state = a->state;
	struct mx_answer kept;

	if (block.no_ad && state == MX_SECURE)
		state = MX_INSECURE;
	if (!a->referral && mx_ingest(a->packet, a->len, &key, state, &limits,
				      block.ingest, &kept) == MX_OK) {
		told.kind = kept.kind;
		told.state = kept.state;
		told.form = &kept.full;
		told.expires_ms = block.now_ms + (int64_t)kept.ttl_s * 1000;
	}
	mx_route_answer(block.route, &key, &told, &room);
}

static void tell(struct step *step)
{
	struct answer *a = &step->answer;
	struct open *open = find_open(&a->q);

	if (a->failed)
		mx_route_failed(block.route, &a->q, block.now_ms + a->retry_ms);
	else if (block.packets)
		tell_packet(step->line, a);
	else
		tell_answer(a);
	a->given = true;
	if (open != NULL)
		open->answered = true;
	/* To look changes nothing. */
	if (pick(2) == 0)
		mx_route_result(block.route);
}

static char *result_text(void)
{
	static char text[TEXT_MAX];

	route_text(mx_route_result(block.route), text);
	return text;
}

/* To a question that is not open: nothing changes. */
static void tell_again(struct step *step)
{
	static char before[TEXT_MAX];
	int64_t expires_ms = mx_route_result(block.route)->expires_ms;
	unsigned asked = block.open_count;

	if (is_open(&step->answer.q))
		wrong(step->line, "this is still waited for");
	snprintf(before, sizeof before, "%s", result_text());
	tell(step);
	take_questions(step->line);
	if (strcmp(before, result_text()) != 0 || block.open_count != asked ||
	    expires_ms != mx_route_result(block.route)->expires_ms)
		wrong(step->line, "it changed the route to\n  %s\nfrom\n  %s",
		      result_text(), before);
}

/* Of the steps that can be told now, by the order that is played; NULL: none. */
static struct step *choose(struct step *from, struct step *to)
{
	static struct step *ready[STEPS_MAX];
	unsigned count = 0;

	for (struct step *s = from; s < to; s++)
		if (!s->answer.given && !s->answer.again &&
		    is_open(&s->answer.q))
			ready[count++] = s;
	if (count == 0)
		return NULL;
	return ready[block.order == 0 ? 0 : block.order == 1 ? count - 1 :
		     pick(count)];
}

/* The answers from one line to another, in any order. */
static void tell_all(struct step *from, struct step *to)
{
	struct step *step;

	take_questions(from->line);
	while ((step = choose(from, to)) != NULL) {
		tell(step);
		take_questions(step->line);
	}
	for (step = from; step < to; step++)
		if (step->answer.again)
			tell_again(step);
		else if (!step->answer.given)
			wrong(step->line, "%s is not asked for",
			      question_text(&step->answer.q));
}

/* ---- play: look ---- */

static void open_text(char *ret, size_t room)
{
	struct zone_text t = { ret, room };

	*ret = '\0';
	for (unsigned i = 0; i < block.open_count; i++)
		if (!block.open[i].answered)
			zone_say(&t, "%s%s", *ret ? ", " : "",
				 question_text(&block.open[i].q));
	if (*ret == '\0')
		zone_say(&t, "nothing");
}

/* "NAME TYPE, NAME TYPE", or "nothing": just these are open, and unanswered. */
static void look_asks(struct line *l, char *at)
{
	static char all[TEXT_MAX];
	unsigned want = 0, have = 0;
	char *save;

	open_text(all, sizeof all);
	for (unsigned i = 0; i < block.open_count; i++)
		have += !block.open[i].answered;
	if (strcmp(at, "nothing") == 0)
		*at = '\0';
	for (char *one = strtok_r(at, ",", &save); one != NULL;
	     one = strtok_r(NULL, ",", &save), want++) {
		struct mx_route_question q = {
			.qname = name_of(l->number,
					 need_word(l, &one, "name")),
			.qtype = type_of(l->number,
					 need_word(l, &one, "type")),
		};

		if (!is_open(&q))
			wrong(l->number, "%s is not asked; but %s",
			      question_text(&q), all);
	}
	if (want != have)
		wrong(l->number, "asks %s", all);
}

static void look_expires(struct line *l, char *at)
{
	int64_t is = mx_route_result(block.route)->expires_ms;
	int64_t want = strcmp(at, "never") == 0 ? INT64_MAX : time_of(l, &at);

	if (is != want)
		wrong(l->number, "expires at %lld ms", (long long)is);
}

static void look_final(struct line *l, char *at)
{
	const struct mx_route_result *r = mx_route_result(block.route);
	struct mx_name host = name_of(l->number, need_word(l, &at, "host"));
	struct mx_name want = name_of(l->number, need_word(l, &at, "name"));
	char text[MX_ROUTE_NAME_TEXT_MAX];

	for (unsigned i = 0; i < r->host_count; i++)
		if (mx_name_equal(&r->hosts[i].name, &host)) {
			if (!mx_name_equal(&r->hosts[i].final, &want))
				wrong(l->number, "it leads to %s",
				      mx_route_name_text(&r->hosts[i].final,
							 text));
			return;
		}
	wrong(l->number, "there is no such host");
}

static void look_owner(struct line *l, char *at)
{
	const struct mx_route_result *r = mx_route_result(block.route);
	struct mx_name want = name_of(l->number, need_word(l, &at, "name"));
	char text[MX_ROUTE_NAME_TEXT_MAX];

	if (!mx_name_equal(&r->mx_owner, &want))
		wrong(l->number, "the owner is %s",
		      mx_route_name_text(&r->mx_owner, text));
}

static void look(struct step *step)
{
	struct line l = { .number = step->line };
	static char copy[TEXT_MAX];
	char *at = copy;

	snprintf(copy, sizeof copy, "%s", step->expect);
	if (maybe(&at, "asks")) {
		look_asks(&l, at);
	} else if (maybe(&at, "expires")) {
		look_expires(&l, at);
	} else if (maybe(&at, "final")) {
		look_final(&l, at);
	} else if (maybe(&at, "owner")) {
		look_owner(&l, at);
	} else if (maybe(&at, "questions")) {
		uint64_t is = mx_route_result(block.route)->questions;

		if (is != number_of(&l, at, 1000))
			wrong(step->line, "%u questions", (unsigned)is);
	} else if (maybe(&at, "done") || maybe(&at, "waiting")) {
		if (mx_route_done(block.route) != (copy[0] == 'd'))
			wrong(step->line, "it is not");
	} else if (strcmp(at, result_text()) != 0) {
		wrong(step->line, "the route is\n  %s\nand not\n  %s",
		      result_text(), at);
	}
}

/* ---- play ---- */

static void play_order(unsigned order, bool packets)
{
	struct step *end = block.steps + block.count, *to;

	block.order = order;
	block.packets = packets;
	block.random = order;
	block.now_ms = 0;
	block.open_count = 0;
	block.route = mx_route_new(&block.destination, &block.options);
	block.ingest = mx_ingest_room_new();
	assert_non_null(block.route);
	assert_non_null(block.ingest);
	if (block.has_policy)
		mx_route_set_policy(block.route, &block.policy);
	for (struct step *s = block.steps; s < end; s++)
		s->answer.given = false;
	for (struct step *s = block.steps; s < end; s = to) {
		to = s + 1;
		if (s->kind == STEP_AT) {
			block.now_ms = s->at_ms;
		} else if (s->kind == STEP_EXPECT) {
			take_questions(s->line);
			look(s);
		} else {
			while (to < end && to->kind == STEP_ANSWER)
				to++;
			tell_all(s, to);
		}
	}
	block_end_play();
}

/* The block that has been read, in all orders. */
static void play_block(void)
{
	if (!block.begun)
		return;
	if (!block.expects)
		wrong(block.line, "nothing is expected of this route");
	if (block.steps[block.count - 1].kind != STEP_EXPECT)
		wrong(block.steps[block.count - 1].line,
		      "nothing is expected after this");
	for (unsigned order = 0; order < ORDERS; order++) {
		play_order(order, false);
		if (!block.no_packets)
			play_order(order, true);
	}
}

/* ---- files ---- */

static void play_lines(char *text)
{
	static struct line l;
	unsigned number = 0;
	char *next;

	l.text = NULL;
	for (; text != NULL; text = next) {
		size_t blanks;

		if ((next = strchr(text, '\n')) != NULL)
			*next++ = '\0';
		number++;
		blanks = strspn(text, " \t");
		if (text[blanks] == '\0' || text[blanks] == '#')
			continue;
		if (blanks > 0) {
			if (l.text == NULL)
				wrong(number, "what does this belong to?");
			if (l.below_count == BELOW_MAX)
				wrong(number, "too many lines below one");
			l.below[l.below_count].number = number;
			l.below[l.below_count++].text = text + blanks;
			continue;
		}
		if (l.text != NULL)
			read_line(&l);
		l = (struct line){ .number = number, .text = text };
	}
	if (l.text != NULL)
		read_line(&l);
	play_block();
}

/* False: trouble says what is wrong. text is taken apart. */
static bool play_text(char *text)
{
	if (setjmp(trouble.out) == 0) {
		play_lines(text);
		block_clear();
		return true;
	}
	/* While a block was played. */
	if (block.route != NULL) {
		size_t len = strlen(trouble.text);

		snprintf(trouble.text + len, sizeof trouble.text - len,
			 "\n(order %u%s)", block.order,
			 block.packets ? ", as packets" : "");
	}
	block_clear();
	return false;
}

static void scenario(void **state)
{
	static char text[1000000];
	const char *file = *state;
	FILE *in = fopen(file, "r");

	if (in == NULL)
		fail_msg("%s: cannot be read", file);
	size_t len = fread(text, 1, sizeof text - 1, in);

	text[len] = '\0';
	fclose(in);
	if (len == sizeof text - 1)
		fail_msg("%s: too large", file);
	if (!play_text(text))
		fail_msg("%s:%u: %s", file, trouble.line, trouble.text);
}

/* ---- the language itself: what is wrong is seen, and where ---- */

#define MX_LINE "a.test MX insecure 300 10 mx.test\n"
#define ADDRESS_LINES "mx.test A insecure 300 192.0.2.1\n" \
	"mx.test AAAA insecure 300 nodata\n"
#define DELIVER_LINES "expect deliver insecure may..may\n" \
	"\t10 mx.test usable may address-insecure 192.0.2.1\n"

static void wrong_scenarios(void **state)
{
	static const struct { const char *text; unsigned line; const char *why; }
	cases[] = {
		/* Not to be read. */
		{ MX_LINE, 1, "there is no route yet" },
		{ "\tbelow\n", 1, "belong to" },
		{ "route a..test\n", 1, "no destination" },
		{ "no-route a.test\n", 1, "is a destination" },
		{ "route a.test\n\n# x\na.test MX sure 300 nodata\n", 4, "no state" },
		{ "route a.test\na.test MY secure 300 nodata\n", 2, "no type" },
		{ "route a.test\na..test MX secure 300 nodata\n", 2, "no name" },
		{ "route a.test\na.test MX secure x nodata\n", 2, "no number" },
		{ "route a.test\na.test MX secure 300\n", 2, "missing" },
		{ "route a.test\na.test MX secure\n", 2, "TTL is missing" },
		{ "route a.test\na.test MX\n", 2, "state is missing" },
		{ "route a.test\na.test\n", 2, "type is missing" },
		{ "route a.test\na.test MX secure 300 mx.test\n", 2, "no RR" },
		{ "route a.test\na.test MX secure 300 70000 mx.test\n", 2, "no RR" },
		{ "route a.test\na.test A secure 300 192.0.2\n", 2, "no RR" },
		{ "route a.test\na.test TLSA secure 300 3 1 1 xy\n", 2, "no RR" },
		{ "route a.test\na.test MX secure 300 {9-1} mx.test\n", 2, "no range" },
		{ "route a.test\na.test MX secure\n\ta.test. 1 MX 1\n", 3, "no RR" },
		{ "route a.test\na.test MX secure\n\tauthority a.test. 1 MX 1 b.\n"
		  "\ta.test. 1 MX 1 b.\n", 4, "before authority" },
		{ "route a.test\na.test MX secure 300 nodata\n\ta.test. 1 MX 1 b.\n",
		  2, "too much" },
		{ "route a.test\na.test MX failed 5\n", 2, "ms or s is missing" },
		{ "route a.test\na.test MX failed 5 h\n", 2, "neither" },
		{ "route a.test\na.test MX rcode 16\n", 2, "no number" },
		{ "route a.test\nat 5 s\nat 4 s\n", 3, "run back" },
		{ "route a.test\nat 5 s\n\tbelow\n", 3, "nothing belongs" },
		{ "route a.test\nexpect\n", 2, "missing" },
		{ "route a.test\n" MX_LINE "seed 1\n", 3, "right after" },
		{ "route a.test\nseed -1\n", 2, "no number" },
		{ "route a.test\npolicy\n", 2, "no policy" },
		{ "route a.test\npolicy\n\tversion: STSv2\n", 2, "it is no policy" },
		/* Nothing to be seen by it. */
		{ "route a.test\n", 1, "nothing is expected" },
		{ "route a.test\n" MX_LINE "route b.test\n", 1, "nothing is expected" },
		{ "route a.test\nexpect waiting\n" MX_LINE, 3, "after this" },
		/* Not so. */
		{ "route a.test\n" MX_LINE "expect done\n", 3, "it is not" },
		{ "route a.test\nb.test MX failed\nexpect done\n", 2, "not asked for" },
		{ "route a.test\n" MX_LINE ADDRESS_LINES MX_LINE DELIVER_LINES, 5,
		  "not asked for" },
		{ "route a.test\nagain " MX_LINE "expect done\n", 2, "still waited" },
		{ "route a.test\n" MX_LINE ADDRESS_LINES "expect null-mx\n", 5,
		  "the route is\n  deliver" },
		{ "route a.test\n" MX_LINE ADDRESS_LINES "expect deliver insecure "
		  "may..may\n", 5, "192.0.2.1" },
		{ "route a.test\n" MX_LINE "expect asks mx.test A\n", 3, "asks mx.test" },
		{ "route a.test\n" MX_LINE "expect asks nothing\n", 3, "asks mx.test" },
		{ "route a.test\nexpect asks a.test MX, b.test MX\n", 2, "not asked" },
		{ "route a.test\n" MX_LINE "expect expires 301 s\n", 3, "300000" },
		{ "route a.test\n" MX_LINE "expect questions 2\n", 3, "3 questions" },
		{ "route a.test\n" MX_LINE "expect owner b.test\n", 3, "a.test" },
		{ "route a.test\n" MX_LINE "expect final mx.test b.test\n", 3, "to mx" },
		{ "route a.test\n" MX_LINE "expect final b.test b.test\n", 3, "no such" },
	};
	static char text[4000];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "%s", cases[i].text);
		if (play_text(text))
			fail_msg("nothing is wrong with\n%s", cases[i].text);
		if (trouble.line != cases[i].line ||
		    strstr(trouble.text, cases[i].why) == NULL)
			fail_msg("%u: %s\nof\n%s", trouble.line, trouble.text,
				 cases[i].text);
	}
}

static void right_scenario(void **state)
{
	char text[] = "route a.test\nexpect asks a.test MX\n" MX_LINE
		"expect waiting\n" ADDRESS_LINES "again " MX_LINE DELIVER_LINES
		"expect asks nothing\nexpect expires 300 s\n";

	(void)state;
	if (!play_text(text))
		fail_msg("%u: %s", trouble.line, trouble.text);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[256] = { cmocka_unit_test(wrong_scenarios),
					 cmocka_unit_test(right_scenario) };
	size_t count = 2;
	glob_t found = { 0 };

	if (argc == 1 &&
	    glob("tests/scenario/route/*.txt", 0, NULL, &found) != 0) {
		fprintf(stderr, "no tests/scenario/route/*.txt here\n");
		return 2;
	}
	char **files = argc > 1 ? argv + 1 : found.gl_pathv;

	for (size_t i = 0; files[i] != NULL && count < 256; i++)
		tests[count++] = (struct CMUnitTest){
			.name = files[i], .test_func = scenario,
			.initial_state = files[i],
		};
	int failed = _cmocka_run_group_tests("route scenarios", tests, count,
					     NULL, NULL);
	globfree(&found);
	return failed;
}
