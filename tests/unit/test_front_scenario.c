/* Plays what is in tests/scenario: clients, resolvers and the clock are scripted,
 * the front between them is real. tests/scenario/README.md has the language.
 *
 *   test_front_scenario [FILE]...       the files named, or all */
#include <errno.h>
#include <glob.h>
#include <stdio.h>

#include "front_world.h"
#include "front_zone.h"

#define CLIENTS 32
#define ASKED_MAX 2048
#define WORDS_MAX 64

/* What a client has asked and not heard yet. */
struct asked {
	uint8_t octets[512];
	size_t len;
	struct mx_query q;
	bool tcp;
};

struct client {
	int udp, tcp; /* -1: not open */
	struct asked *asked[ASKED_MAX];
	unsigned count, seq;
	uint8_t in[2 + MX_MESSAGE_MAX]; /* of a reply over TCP */
	size_t in_len;
};

/* What a resolver was asked. */
struct got {
	struct mx_name qname;
	uint16_t qtype;
	unsigned resolver;
	uint32_t id;
};

struct scene {
	const char *file;
	unsigned line;
	struct world world;
	struct client client[CLIENTS];
	struct got got[8192];
	unsigned got_count;
	char *sets[60];
	size_t set_count;
	bool begun;
};

/* One step: its words, and the RRs in the indented lines below it. */
struct step {
	char *word[WORDS_MAX];
	unsigned count, at;
	char *rr[64];
	unsigned rr_count;
};

static struct scene *scene;

#define wrong(...) \
	do { \
		print_error("%s:%u: ", scene->file, scene->line); \
		print_error(__VA_ARGS__); \
		print_error("\n"); \
		fail(); \
	} while (0)

/* ---- words ---- */

static char *next(struct step *step)
{
	return step->at < step->count ? step->word[step->at++] : NULL;
}

static char *need(struct step *step, const char *what)
{
	char *word = next(step);

	if (!word)
		wrong("%s is missing", what);
	return word;
}

static bool maybe(struct step *step, const char *word)
{
	if (step->at < step->count && strcmp(step->word[step->at], word) == 0) {
		step->at++;
		return true;
	}
	return false;
}

static const char *value(const char *word, const char *key)
{
	size_t len = strlen(key);

	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1
								: NULL;
}

static struct mx_name name_of(const char *text)
{
	struct mx_name name;

	if (mx_name_from_text(text, &name) != MX_OK)
		wrong("%s is no name", text);
	return name;
}

static uint16_t type_of(const char *text)
{
	uint16_t type;

	if (!mx_type_from_text(text, &type))
		wrong("%s is no type", text);
	return type;
}

static const char *question_text(const struct mx_name *name, uint16_t type)
{
	static char text[MX_NAME_TEXT_MAX + 20];
	char name_text[MX_NAME_TEXT_MAX], type_text[16];

	mx_name_to_text(name->octets, name_text);
	snprintf(text, sizeof text, "%s %s", name_text,
		 mx_type_text(type, type_text));
	return text;
}

/* ---- clients ---- */

static struct client *client_of(struct step *step, unsigned *ret_number)
{
	unsigned n = (unsigned)atoi(need(step, "number of the client"));

	if (n < 1 || n >= CLIENTS)
		wrong("clients are 1 to %d", CLIENTS - 1);
	*ret_number = n;
	return &scene->client[n];
}

static int socket_of(struct client *client, unsigned n, bool tcp)
{
	int *fd = tcp ? &client->tcp : &client->udp;

	if (*fd < 0)
		*fd = world_client(&scene->world, n, tcp);
	return *fd;
}

static void send_query(struct client *client, unsigned n, struct asked *asked)
{
	uint8_t framed[2 + MX_MESSAGE_MAX];
	size_t head = asked->tcp ? 2 : 0;

	framed[0] = (uint8_t)(asked->len >> 8);
	framed[1] = (uint8_t)asked->len;
	memcpy(framed + 2, asked->octets, asked->len);
	assert_int_equal(send(socket_of(client, n, asked->tcp),
			      framed + 2 - head, head + asked->len,
			      MSG_NOSIGNAL),
			 head + asked->len);
}

struct flags {
	bool cd, ad, rd, edns, dnssec_ok, tcp, unread;
	unsigned size, id;
};

static struct flags read_flags(struct step *step)
{
	struct flags f = { .rd = true, .size = 1232, .id = 0x10000 };
	char *word;

	while ((word = next(step))) {
		if (strcmp(word, "cd") == 0)
			f.cd = true;
		else if (strcmp(word, "ad") == 0)
			f.ad = true;
		else if (strcmp(word, "edns") == 0)
			f.edns = true;
		else if (strcmp(word, "do") == 0)
			f.edns = f.dnssec_ok = true;
		else if (strcmp(word, "no-rd") == 0)
			f.rd = false;
		else if (strcmp(word, "tcp") == 0)
			f.tcp = true;
		else if (strcmp(word, "unread") == 0)
			f.unread = true;
		else if (value(word, "size")) {
			f.edns = true;
			f.size = (unsigned)atoi(value(word, "size"));
		} else if (value(word, "id"))
			f.id = (unsigned)atoi(value(word, "id"));
		else
			wrong("%s is not known here", word);
	}
	return f;
}

static void remember(struct client *client, struct asked *asked)
{
	enum mx_error err;

	assert_int_equal(mx_query_read(asked->octets, asked->len, &asked->q,
				       &err) == MX_QUERY_DROP, false);
	if (client->count == ASKED_MAX)
		wrong("asked too much without hearing anything");
	client->asked[client->count++] = asked;
}

static void asks(struct step *step, struct client *client, unsigned n)
{
	struct mx_name qname = name_of(need(step, "QNAME"));
	uint16_t qtype = type_of(need(step, "QTYPE"));
	struct flags f = read_flags(step);
	struct asked *asked = calloc(1, sizeof *asked);
	uint64_t before = world_count(&scene->world, "queries");
	struct mx_out out;

	assert_non_null(asked);
	asked->tcp = f.tcp;
	mx_out_init(&out, asked->octets, sizeof asked->octets);
	mx_out_u16(&out, f.id < 0x10000 ? (uint16_t)f.id
					: (uint16_t)(n * 2029 + client->seq++));
	mx_out_u16(&out, (uint16_t)((f.rd ? 0x100 : 0) | (f.ad ? 0x20 : 0) |
				    (f.cd ? 0x10 : 0)));
	mx_out_u16(&out, 1);
	mx_out_u32(&out, 0);
	mx_out_u16(&out, f.edns);
	mx_out_octets(&out, qname.octets, qname.len);
	mx_out_u16(&out, qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	if (f.edns) {
		mx_out_u8(&out, 0);
		mx_out_u16(&out, MX_TYPE_OPT);
		mx_out_u16(&out, (uint16_t)f.size);
		mx_out_u32(&out, f.dnssec_ok ? 0x8000 : 0);
		mx_out_u16(&out, 0);
	}
	asked->len = mx_out_len(&out);
	remember(client, asked);
	send_query(client, n, asked);
	if (f.unread)
		world_turn(&scene->world);
	else if (!world_counts(&scene->world, "queries", before + 1))
		wrong("the query was not read");
}

/* Octets as they are; over TCP a stream, with lengths or without. */
static void sends(struct step *step, struct client *client, unsigned n)
{
	uint8_t octets[MX_MESSAGE_MAX];
	bool tcp = maybe(step, "tcp");
	char *text;

	while ((text = next(step))) {
		size_t len = hex_read(text, octets, sizeof octets);

		assert_int_equal(send(socket_of(client, n, tcp), octets, len,
				      MSG_NOSIGNAL), len);
		world_turn(&scene->world);
	}
}

/* The next reply over either transport; 0: none, -1: end of the stream. */
static ssize_t receive(struct client *client, uint8_t *reply, bool *ret_tcp)
{
	ssize_t got;

	*ret_tcp = false;
	if (client->udp >= 0) {
		got = recv(client->udp, reply, MX_MESSAGE_MAX, MSG_DONTWAIT);
		if (got > 0)
			return got;
	}
	if (client->tcp < 0)
		return 0;
	*ret_tcp = true;
	for (;;) {
		size_t want = 2;

		if (client->in_len >= 2) {
			want += (size_t)(client->in[0] << 8 | client->in[1]);
			if (client->in_len == want)
				break;
		}
		got = recv(client->tcp, client->in + client->in_len,
			   want - client->in_len, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got <= 0)
			return -1;
		client->in_len += (size_t)got;
	}
	got = (ssize_t)client->in_len - 2;
	memcpy(reply, client->in + 2, (size_t)got);
	client->in_len = 0;
	return got;
}

static ssize_t await(struct client *client, uint8_t *reply, bool *ret_tcp)
{
	time_t end = time(NULL) + 10;
	ssize_t got;

	do {
		world_turn(&scene->world);
		got = receive(client, reply, ret_tcp);
	} while (got == 0 && time(NULL) < end);
	return got;
}

/* The query that a reply is to: same transport, ID and question. */
static struct asked *asked_for(struct client *client, const uint8_t *reply,
			       size_t len, bool tcp)
{
	for (unsigned i = 0; i < client->count; i++) {
		struct asked *asked = client->asked[i];

		if (asked->tcp != tcp || len < MX_HEADER_LEN ||
		    memcmp(asked->octets, reply, 2) != 0 ||
		    len - MX_HEADER_LEN < asked->q.question_len ||
		    (asked->q.question_len &&
		     memcmp(asked->q.question, reply + MX_HEADER_LEN,
			    asked->q.question_len) != 0))
			continue;
		client->count--;
		memmove(client->asked + i, client->asked + i + 1,
			(client->count - i) * sizeof client->asked[0]);
		return asked;
	}
	return NULL;
}

static const char *const rcodes[] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	[16] = "BADVERS",
};

struct told {
	unsigned rcode;
	bool tc, ad, opt;
	char ede[64];
	char *rr[512];
	unsigned rr_count;
};

static void read_opt(struct mx_in *in, struct told *told, bool dnssec_ok)
{
	mx_in_u8(in);
	mx_in_u16(in);
	assert_int_equal(mx_in_u16(in), 1232);
	told->rcode |= (unsigned)mx_in_u8(in) << 4;
	assert_int_equal(mx_in_u8(in), 0);
	assert_int_equal(mx_in_u16(in), dnssec_ok ? 0x8000 : 0);
	told->opt = true;

	struct mx_in options = mx_in_sub(in, mx_in_u16(in));
	while (options.err == MX_OK && mx_in_left(&options)) {
		assert_int_equal(mx_in_u16(&options), 15);

		struct mx_in ede = mx_in_sub(&options, mx_in_u16(&options));
		size_t used = strlen(told->ede);
		snprintf(told->ede + used, sizeof told->ede - used, "%s%u",
			 used ? "," : "", mx_in_u16(&ede));
	}
	assert_int_equal(mx_in_end(&options), MX_OK);
}

/* Take a reply apart, and check of it what holds for every reply. */
static void read_reply(const uint8_t *reply, size_t len,
		       const struct asked *asked, struct told *told)
{
	static const char *const sections[] = { "", "authority ", "additional " };
	static char text[200000];
	const struct mx_query *q = &asked->q;
	uint16_t flags, counts[4];
	struct mx_in in;

	memset(told, 0, sizeof *told);
	mx_in_init(&in, reply, len);
	mx_in_u16(&in);
	flags = mx_in_u16(&in);
	for (int i = 0; i < 4; i++)
		counts[i] = mx_in_u16(&in);
	told->rcode = flags & 15;
	told->tc = flags & 0x200;
	told->ad = flags & 0x20;
	/* QR and RA set, AA and Z clear, RD, CD and opcode copied. */
	if ((flags & ~0x22fu) != (0x8080u | (q->rd ? 0x100u : 0) |
				  (q->cd ? 0x10u : 0) |
				  (unsigned)q->opcode << 11))
		wrong("flags %04x", flags);
	assert_int_equal(counts[0], q->question ? 1 : 0);
	mx_in_octets(&in, q->question_len);
	for (int section = 0; section < 3; section++)
		for (unsigned i = 0; i < counts[1 + section]; i++) {
			uint16_t type = 0;
			size_t prefix = strlen(sections[section]);
			struct mx_in at = in;

			memcpy(text, sections[section], prefix);
			if (!zone_read_rr(&in, &type, text + prefix,
					  sizeof text - prefix))
				wrong("malformed RR in the reply: %s", text);
			if (type == MX_TYPE_OPT) {
				assert_false(told->opt);
				read_opt(&at, told, q->dnssec_ok);
			} else {
				assert_true(told->rr_count < 512);
				told->rr[told->rr_count++] = strdup(text);
			}
		}
	if (mx_in_end(&in) != MX_OK)
		wrong("the reply has octets left over or missing");
	assert_int_equal(told->opt, q->has_opt);

	size_t most = q->udp_size < MX_UDP_PLAIN_MAX ? MX_UDP_PLAIN_MAX
						     : q->udp_size;
	if (asked->tcp)
		most = MX_MESSAGE_MAX;
	if (len > most)
		wrong("reply of %zu octets to a client that takes %zu", len,
		      most);
}

/* An expected RR as a reply would show it. */
static char *canonical(char *text, uint16_t *ret_section)
{
	static uint8_t octets[MX_MESSAGE_MAX];
	static char shown[200000];
	static const char *const sections[] = { "answer", "authority",
						"additional" };
	struct mx_out out;
	struct mx_in in;
	uint16_t type;
	size_t used = 0;

	*ret_section = 0;
	for (uint16_t i = 0; i < 3; i++) {
		size_t len = strlen(sections[i]);

		if (strncmp(text, sections[i], len) == 0 && text[len] == ' ') {
			text += len + 1;
			*ret_section = i;
		}
	}
	if (*ret_section)
		used = (size_t)snprintf(shown, sizeof shown, "%s ",
					sections[*ret_section]);
	mx_out_init(&out, octets, sizeof octets);
	if (!zone_put_rr(&out, text))
		wrong("not an RR: %s", text);
	mx_in_init(&in, octets, mx_out_len(&out));
	assert_true(zone_read_rr(&in, &type, shown + used,
				 sizeof shown - used));
	return strdup(shown);
}

static void compare_rrs(struct step *step, struct told *told)
{
	for (unsigned i = 0; i < step->rr_count || i < told->rr_count; i++) {
		uint16_t section;
		char *want = i < step->rr_count
				     ? canonical(step->rr[i], &section)
				     : strdup("nothing more");
		const char *got = i < told->rr_count ? told->rr[i]
						     : "nothing more";

		if (strcmp(want, got) != 0)
			wrong("expected %.300s\n  but heard %.300s", want, got);
		free(want);
	}
}

static void hears(struct step *step, struct client *client)
{
	static uint8_t reply[MX_MESSAGE_MAX];
	const char *rcode = need(step, "RCODE"), *ede = "", *word;
	bool ad = false, tc = false, tcp;
	struct told told;
	ssize_t got;

	if (strcmp(rcode, "nothing") == 0) {
		world_turn(&scene->world);
		got = receive(client, reply, &tcp);
		if (got)
			wrong("heard something (%zd octets)", got);
		return;
	}

	char wanted[MX_NAME_TEXT_MAX + 20] = "";
	while ((word = next(step))) {
		if (strcmp(word, "ad") == 0)
			ad = true;
		else if (strcmp(word, "tc") == 0)
			tc = true;
		else if (value(word, "ede"))
			ede = value(word, "ede");
		else if (strcmp(word, "to") == 0) {
			struct mx_name name = name_of(need(step, "QNAME"));

			strcpy(wanted, question_text(
				&name, type_of(need(step, "QTYPE"))));
		} else
			wrong("%s is not known here", word);
	}
	got = await(client, reply, &tcp);
	if (got <= 0)
		wrong(got ? "the connection was closed" : "nothing was heard");

	struct asked *asked = asked_for(client, reply, (size_t)got, tcp);
	if (!asked)
		wrong("a reply to nothing that was asked, or asked by another");
	read_reply(reply, (size_t)got, asked, &told);

	if (*wanted) {
		struct mx_in in;
		struct mx_name name;

		mx_in_init(&in, asked->octets, asked->len);
		mx_in_octets(&in, MX_HEADER_LEN);
		mx_in_name(&in, &name);
		if (strcmp(question_text(&name, asked->q.qtype), wanted) != 0)
			wrong("heard about %s",
			      question_text(&name, asked->q.qtype));
	}
	if (told.rcode > 16 || !rcodes[told.rcode] ||
	    strcmp(rcodes[told.rcode], rcode) != 0)
		wrong("RCODE %s%u", told.rcode <= 16 && rcodes[told.rcode]
					    ? rcodes[told.rcode]
					    : "", told.rcode);
	if (told.ad != ad || told.tc != tc)
		wrong("flags:%s%s", told.ad ? " ad" : "", told.tc ? " tc" : "");
	if (strcmp(told.ede, ede) != 0)
		wrong("EDE %s", told.ede);
	compare_rrs(step, &told);
	for (unsigned i = 0; i < told.rr_count; i++)
		free(told.rr[i]);
	free(asked);
}

static void forget_asked(struct client *client, bool tcp)
{
	unsigned left = 0;

	for (unsigned i = 0; i < client->count; i++)
		if (client->asked[i]->tcp == tcp)
			free(client->asked[i]);
		else
			client->asked[left++] = client->asked[i];
	client->count = left;
}

/* With a reset the front learns at once that nobody is there any more. */
static void goes(struct client *client, bool reset)
{
	struct linger linger = { .l_onoff = reset };

	if (client->tcp < 0)
		wrong("not connected");
	setsockopt(client->tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(client->tcp);
	client->tcp = -1;
	client->in_len = 0;
	forget_asked(client, true);
	world_turn(&scene->world);
}

static void is_closed(struct client *client)
{
	uint8_t octet;

	if (!world_readable(&scene->world, client->tcp) ||
	    recv(client->tcp, &octet, 1, MSG_DONTWAIT) > 0)
		wrong("the connection is still open");
	goes(client, false);
}

static void is_open(struct client *client)
{
	uint8_t octet;

	world_turn(&scene->world);
	if (recv(client->tcp, &octet, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
		wrong("the connection is closed");
}

/* Replies that it did not take are lost with the connection. */
static void is_cut_off(struct client *client)
{
	static uint8_t octets[MX_MESSAGE_MAX];
	ssize_t got;

	do
		if (!world_readable(&scene->world, client->tcp))
			wrong("the connection is still open");
	while ((got = recv(client->tcp, octets, sizeof octets,
			   MSG_DONTWAIT)) > 0);
	goes(client, false);
}

/* client N connects [from M]: with the address of client M. */
static void connects(struct step *step, struct client *client, unsigned n)
{
	if (maybe(step, "from"))
		n = (unsigned)atoi(need(step, "number of a client"));
	socket_of(client, n, true);
	world_turn(&scene->world);
}

/* client N hears raw HEX...: a reply to octets that it sent as they are. */
static void hears_raw(struct step *step, struct client *client)
{
	static uint8_t reply[MX_MESSAGE_MAX], want[MX_MESSAGE_MAX];
	size_t len = 0;
	const char *word;
	bool tcp;

	while ((word = next(step)))
		len += hex_read(word, want + len, sizeof want - len);

	ssize_t got = await(client, reply, &tcp);
	if (got < 0 || (size_t)got != len || memcmp(reply, want, len) != 0) {
		for (ssize_t i = 0; i < got; i++)
			print_error("%02x", reply[i]);
		wrong(" is what was heard");
	}
}

static void do_client(struct step *step)
{
	unsigned n;
	struct client *client = client_of(step, &n);
	const char *verb = need(step, "what the client does");

	if (strcmp(verb, "asks") == 0)
		asks(step, client, n);
	else if (strcmp(verb, "sends") == 0)
		sends(step, client, n);
	else if (strcmp(verb, "hears") == 0 && maybe(step, "raw"))
		hears_raw(step, client);
	else if (strcmp(verb, "hears") == 0)
		hears(step, client);
	else if (strcmp(verb, "connects") == 0)
		connects(step, client, n);
	else if (strcmp(verb, "finishes") == 0) {
		assert_int_equal(shutdown(client->tcp, SHUT_WR), 0);
		world_turn(&scene->world);
	} else if (strcmp(verb, "closes") == 0)
		goes(client, false);
	else if (strcmp(verb, "resets") == 0)
		goes(client, true);
	else if (strcmp(verb, "is") == 0 && maybe(step, "closed"))
		is_closed(client);
	else if (strcmp(verb, "is") == 0 && maybe(step, "open"))
		is_open(client);
	else if (strcmp(verb, "is") == 0 && maybe(step, "cut-off"))
		is_cut_off(client);
	else
		wrong("a client does not know how to %s", verb);
}

/* ---- resolvers ---- */

static void gets(struct step *step, unsigned resolver)
{
	uint8_t buf[MX_CHANNEL_QUESTION_MAX];
	struct mx_channel_question q;
	const char *word = need(step, "QNAME");

	if (strcmp(word, "nothing") == 0) {
		world_turn(&scene->world);
		if (world_question(&scene->world, resolver, &q, buf)) {
			struct mx_name name = { .len = q.key.qname_len };

			memcpy(name.octets, q.key.qname, name.len);
			wrong("got %s", question_text(&name, q.key.qtype));
		}
		return;
	}

	bool any = strcmp(word, "any") == 0;
	struct mx_name want = name_of(word);
	uint16_t qtype = any ? 0 : type_of(need(step, "QTYPE"));
	if (!world_readable(&scene->world, scene->world.resolver[resolver]) ||
	    !world_question(&scene->world, resolver, &q, buf))
		wrong("got nothing");

	struct got *got = &scene->got[scene->got_count];
	assert_true(scene->got_count < sizeof scene->got / sizeof scene->got[0]);
	got->qname.len = q.key.qname_len;
	memcpy(got->qname.octets, q.key.qname, q.key.qname_len);
	if (!any && (q.key.qname_len != want.len || q.key.qtype != qtype ||
		     q.key.qclass != MX_CLASS_IN ||
		     memcmp(q.key.qname, want.octets, want.len) != 0))
		wrong("got %s", question_text(&got->qname, q.key.qtype));
	got->qtype = q.key.qtype;
	got->resolver = resolver;
	got->id = q.id;
	scene->got_count++;
}

/* The latest question of this name and type that any resolver got. */
static const struct got *got_of(const struct mx_name *name, uint16_t type)
{
	for (unsigned i = scene->got_count; i-- > 0;)
		if (scene->got[i].qtype == type &&
		    mx_name_equal(&scene->got[i].qname, name))
			return &scene->got[i];
	wrong("no resolver got %s", question_text(name, type));
	return NULL;
}

static bool is_state(const char *word, enum mx_validation *ret)
{
	static const char *const states[] = { "indeterminate", "insecure",
					      "bogus", "secure" };

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(word, states[i]) == 0) {
			*ret = (enum mx_validation)i;
			return true;
		}
	return false;
}

static size_t build(struct step *step, const struct mx_name *qname,
		    uint16_t qtype, unsigned rcode, uint8_t *packet)
{
	struct mx_out out;
	unsigned counts[3] = { 0 };

	mx_out_init(&out, packet, MX_MESSAGE_MAX);
	mx_out_u16(&out, 0);
	mx_out_u16(&out, (uint16_t)(0x8180 | rcode));
	mx_out_u16(&out, 1);
	mx_out_u16(&out, 0);
	mx_out_u32(&out, 0);
	mx_out_octets(&out, qname->octets, qname->len);
	mx_out_u16(&out, qtype);
	mx_out_u16(&out, MX_CLASS_IN);
	for (unsigned i = 0; i < step->rr_count; i++) {
		unsigned section = 0;
		char *text = step->rr[i];

		if (strncmp(text, "authority ", 10) == 0) {
			section = 1;
			text += 10;
		} else if (strncmp(text, "additional ", 11) == 0) {
			section = 2;
			text += 11;
		}
		if (!zone_put_rr(&out, text))
			wrong("not an RR: %s", text);
		counts[section]++;
	}
	for (unsigned i = 0; i < 3; i++)
		mx_out_patch_u16(&out, 6 + 2 * i, (uint16_t)counts[i]);
	return mx_out_len(&out);
}

/* answers NAME TYPE STATE [RCODE] [why=TEXT] [about NAME TYPE] [packet HEX]
 * fails NAME TYPE [why=TEXT]    refuses NAME TYPE
 * '_' in a TEXT is a blank. */
static void answers(struct step *step, unsigned resolver,
		    enum mx_channel_status status)
{
	static uint8_t packet[MX_MESSAGE_MAX];
	struct mx_name name = name_of(need(step, "QNAME")), about = name;
	uint16_t type = type_of(need(step, "QTYPE")), about_type = type;
	const struct got *got = got_of(&name, type);
	struct mx_channel_answer a = { .id = got->id, .status = status,
				       .state = MX_INSECURE, .why = "" };
	unsigned rcode = 0;
	bool raw = false;
	char *word;

	while ((word = next(step))) {
		if (is_state(word, &a.state))
			continue;
		if (value(word, "why")) {
			a.why = value(word, "why");
			a.why_len = (uint16_t)strlen(a.why);
			for (char *at = word; *at; at++)
				*at = *at == '_' ? ' ' : *at;
		} else if (strcmp(word, "about") == 0) {
			about = name_of(need(step, "QNAME"));
			about_type = type_of(need(step, "QTYPE"));
		} else if (strcmp(word, "packet") == 0) {
			a.packet_len = (uint32_t)hex_read(need(step, "octets"),
							  packet, sizeof packet);
			raw = true;
		} else {
			while (rcode < 16 &&
			       (!rcodes[rcode] || strcmp(rcodes[rcode], word)))
				rcode++;
			if (rcode == 16)
				wrong("%s is not known here", word);
		}
	}
	if (status == MX_CHANNEL_ANSWER && !raw)
		a.packet_len = (uint32_t)build(step, &about, about_type, rcode,
					       packet);
	a.packet = packet;
	world_answer(&scene->world, resolver, &a);
}

static void do_resolver(struct step *step)
{
	unsigned resolver = 0;
	const char *verb = need(step, "what the resolver does");

	if (verb[0] >= '0' && verb[0] <= '9') {
		resolver = (unsigned)atoi(verb);
		verb = need(step, "what the resolver does");
	}
	if (resolver >= WORLD_RESOLVERS)
		wrong("resolvers are 0 to %d", WORLD_RESOLVERS - 1);
	if (strcmp(verb, "gets") == 0)
		gets(step, resolver);
	else if (strcmp(verb, "answers") == 0)
		answers(step, resolver, MX_CHANNEL_ANSWER);
	else if (strcmp(verb, "fails") == 0)
		answers(step, resolver, MX_CHANNEL_FAILED);
	else if (strcmp(verb, "refuses") == 0)
		answers(step, resolver, MX_CHANNEL_REFUSED);
	else if (strcmp(verb, "sends") == 0) {
		uint8_t octets[4096];
		size_t len = hex_read(need(step, "octets"), octets,
				      sizeof octets);

		world_send(&scene->world, resolver, octets, len);
	} else if (strcmp(verb, "dies") == 0)
		world_resolver_dies(&scene->world, resolver);
	else if ((strcmp(verb, "is") == 0 && maybe(step, "back")) ||
		 strcmp(verb, "comes") == 0 ||
		 (strcmp(verb, "is") == 0 && maybe(step, "replaced")))
		world_resolver_comes(&scene->world, resolver);
	else
		wrong("a resolver does not know how to %s", verb);
}

/* ---- the rest ---- */

static long milliseconds(struct step *step)
{
	char *end;
	long n = strtol(need(step, "how long"), &end, 10);
	const char *unit = *end ? end : need(step, "unit");

	return n * (strcmp(unit, "ms") == 0  ? 1
		    : strcmp(unit, "s") == 0 ? 1000
					     : 60000);
}

static void do_time(struct step *step)
{
	need(step, "passes");
	world_pass(&scene->world, milliseconds(step));
}

static void do_wall_clock(struct step *step)
{
	need(step, "jumps");
	world_wall_ahead_ms += milliseconds(step);
}

static void do_counters(struct step *step)
{
	char *word;

	world_turn(&scene->world);
	while ((word = next(step))) {
		char *equal = strchr(word, '=');

		if (!equal)
			wrong("%s: expected NAME=VALUE", word);
		*equal = 0;
		uint64_t is = world_count(&scene->world, word);
		if (is != strtoull(equal + 1, NULL, 10))
			wrong("%s is %llu, not %s", word, (unsigned long long)is,
			      equal + 1);
	}
}

static void do_worker(struct step *step)
{
	const char *verb = need(step, "what the worker does");

	if (strcmp(verb, "drains") == 0)
		world_tell(&scene->world, WORKER_DRAIN, 0, -1);
	else if (strcmp(verb, "serves") == 0)
		assert_false(scene->world.ended);
	else if (strcmp(verb, "ends") == 0) {
		world_turn(&scene->world);
		if (!scene->world.ended)
			wrong("the worker goes on");
	} else
		wrong("a worker does not know how to %s", verb);
}

static void begin(void)
{
	if (scene->begun)
		return;
	scene->begun = true;

	int channel = scene->world.channel_octets;
	world_begin(&scene->world, scene->sets, scene->set_count);
	scene->world.channel_octets = channel;
	for (unsigned i = 0; i < scene->world.config.resolvers; i++)
		world_resolver_comes(&scene->world, i);
	for (unsigned n = 0; n < CLIENTS; n++)
		scene->client[n].udp = scene->client[n].tcp = -1;
}

static void play(struct step *step)
{
	const char *what = need(step, "a step");

	if (strcmp(what, "set") == 0) {
		if (scene->begun)
			wrong("settings come first");
		char *set = need(step, "KEY=VALUE");
		if (value(set, "channel-octets"))
			scene->world.channel_octets =
				atoi(value(set, "channel-octets"));
		else {
			/* '_' in a value is a blank */
			for (char *at = strchr(set, '='); at && *at; at++)
				*at = *at == '_' ? ' ' : *at;
			scene->sets[scene->set_count++] = strdup(set);
		}
		return;
	}
	begin();
	if (strcmp(what, "client") == 0)
		do_client(step);
	else if (strcmp(what, "resolver") == 0)
		do_resolver(step);
	else if (strcmp(what, "time") == 0)
		do_time(step);
	else if (strcmp(what, "wall-clock") == 0)
		do_wall_clock(step);
	else if (strcmp(what, "counters") == 0)
		do_counters(step);
	else if (strcmp(what, "worker") == 0)
		do_worker(step);
	else
		wrong("%s: not known", what);
	if (next(step))
		wrong("too many words");
}

/* ---- files ---- */

static void split(char *line, struct step *step)
{
	char *save;

	step->count = step->at = 0;
	for (char *word = strtok_r(line, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (step->count == WORDS_MAX)
			wrong("too many words");
		step->word[step->count++] = word;
	}
}

/* text with each '#' that follows a letter replaced by number. */
static char *numbered(const char *text, unsigned number)
{
	char *ret = malloc(strlen(text) * 8 + 1), *to = ret;

	for (const char *at = text; *at; at++)
		if (*at == '#' && at > text && at[-1] != '\\')
			to += sprintf(to, "%u", number);
		else
			*to++ = *at;
	*to = 0;
	return ret;
}

/* repeat N STEP: with 1 to N for each '#', also in its RRs. */
static void play_lines(char **lines, unsigned count)
{
	unsigned times = 1;
	char *first = lines[0];

	if (strncmp(first, "repeat ", 7) == 0)
		times = (unsigned)strtoul(first + 7, &first, 10);
	for (unsigned n = 1; n <= times; n++) {
		struct step step = { .rr_count = count - 1 };
		char *copy = numbered(first, n);

		split(copy, &step);
		for (unsigned i = 1; i < count; i++)
			step.rr[i - 1] = numbered(lines[i], n);
		play(&step);
		for (unsigned i = 1; i < count; i++)
			free(step.rr[i - 1]);
		free(copy);
	}
}

static void end(void)
{
	for (unsigned n = 1; n < CLIENTS; n++) {
		static uint8_t reply[MX_MESSAGE_MAX];
		struct client *client = &scene->client[n];
		bool tcp;

		world_turn(&scene->world);
		if (receive(client, reply, &tcp) > 0)
			wrong("client %u has a reply that it did not expect", n);
		if (client->count)
			wrong("client %u still waits for %u replies", n,
			      client->count);
		if (client->udp >= 0)
			close(client->udp);
		if (client->tcp >= 0)
			close(client->tcp);
	}
	for (unsigned i = 0; i < WORLD_RESOLVERS; i++) {
		struct step nothing = { .word = { (char[]){ "nothing" } },
					.count = 1 };

		if (scene->world.resolver[i] >= 0)
			gets(&nothing, i);
	}
	world_end(&scene->world);
}

static void scenario(void **state)
{
	char *lines[65], *line = NULL;
	unsigned count = 0, number = 0;
	size_t room = 0;
	ssize_t len;

	scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	scene->file = *state;
	FILE *in = fopen(scene->file, "r");
	if (!in)
		wrong("cannot be read");
	while ((len = getline(&line, &room, in)) >= 0 || count) {
		if (len >= 0) {
			number++;
			line[strcspn(line, "\n")] = 0;
			size_t blanks = strspn(line, " \t");
			if (!line[blanks] || line[blanks] == '#')
				continue;
			if (blanks && count) {
				assert_true(count < 65);
				lines[count++] = strdup(line + blanks);
				continue;
			}
		}
		if (count)
			play_lines(lines, count);
		while (count > 0)
			free(lines[--count]);
		if (len >= 0) {
			scene->line = number;
			lines[count++] = strdup(line);
		}
	}
	free(line);
	fclose(in);
	end();
	for (size_t i = 0; i < scene->set_count; i++)
		free(scene->sets[i]);
	free(scene);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[256] = { 0 };
	size_t count = 0;
	glob_t found = { 0 };

	if (argc == 1 && glob("tests/scenario/*.txt", 0, NULL, &found) != 0) {
		fprintf(stderr, "no tests/scenario/*.txt here\n");
		return 2;
	}
	char **files = argc > 1 ? argv + 1 : found.gl_pathv;
	for (; files[count] && count < 256; count++)
		tests[count] = (struct CMUnitTest){
			.name = files[count], .test_func = scenario,
			.initial_state = files[count],
		};
	int failed = _cmocka_run_group_tests("scenarios", tests, count, NULL,
					     NULL);
	globfree(&found);
	return failed;
}
