/* options.c - the command line. See bench.h and options.h. */
#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/address.h"
#include "../../base/text.h"
#include "bench.h"
#include "mx_config.h"

#define HELP_COLUMN 25
#define LINE_END 79
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_LINE_MAX 256

enum kind { KIND_FLAG, KIND_FILE, KIND_NUMBER, KIND_ZONE, KIND_OTHER };

static const struct row {
	enum kind kind;
	const char *name, *help;
	char letter;
	size_t member;
	uint64_t least, most, preset;
} rows[] = {
#define FLAG(member, letter, name, help) \
	{ KIND_FLAG, name, help, letter, \
	  offsetof(struct bench_options, member), 0, 0, 0 },
#define PATH(member, letter, name, help) \
	{ KIND_FILE, name, help, letter, \
	  offsetof(struct bench_options, member), 0, 0, 0 },
#define NUMBER(member, letter, name, least, most, preset, help) \
	{ KIND_NUMBER, name, help, letter, \
	  offsetof(struct bench_options, member), least, most, preset },
#define ZONE(member, letter, name, help) \
	{ KIND_ZONE, name, help, letter, \
	  offsetof(struct bench_options, member), 0, 0, 0 },
	BENCH_OPTIONS(FLAG, PATH, NUMBER, ZONE)
#undef FLAG
#undef PATH
#undef NUMBER
#undef ZONE
	{ KIND_OTHER, "list-domains", "print the domains that are built in",
	  0, 0, 0, 0, 0 },
	{ KIND_OTHER, "help", "this text", 'h', 0, 0, 0, 0 },
	{ KIND_OTHER, "version", "the version", 'V', 0, 0, 0, 0 },
};
#define ROWS (sizeof rows / sizeof *rows)

static const char *const arguments[] = {
	[KIND_FLAG] = "", [KIND_FILE] = " FILE", [KIND_NUMBER] = " N",
	[KIND_ZONE] = " ZONE", [KIND_OTHER] = "",
};

void bench_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("mxbound-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int wrong(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
static int wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("mxbound-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputs("; see mxbound-bench --help\n", stderr);
	va_end(args);
	return BENCH_USAGE;
}

/* ---- help ---- */

/* Words from column on, into lines. */
static void print_words(const char *words, int at)
{
	while (*words != '\0') {
		int len = (int)strcspn(words, " ");

		if (at + 1 + len > LINE_END) {
			printf("\n%*s", HELP_COLUMN - 1, "");
			at = HELP_COLUMN - 1;
		}
		printf(" %.*s", len, words);
		at += 1 + len;
		words += len;
		words += *words == ' ';
	}
}

static void print_row(const struct row *r)
{
	char range[64] = "";
	int at;

	if (r->letter != 0)
		at = printf("  -%c, ", r->letter);
	else
		at = printf("      ");
	at += printf("--%s%s", r->name, arguments[r->kind]);
	if (at >= HELP_COLUMN) {
		putchar('\n');
		at = 0;
	}
	printf("%*s", HELP_COLUMN - 1 - at, "");
	print_words(r->help, HELP_COLUMN - 1);
	if (r->kind == KIND_NUMBER && r->preset > 0)
		snprintf(range, sizeof range, "(%llu; %llu to %llu)",
			 (unsigned long long)r->preset,
			 (unsigned long long)r->least,
			 (unsigned long long)r->most);
	if (*range != '\0') {
		if (strlen(r->help) % (LINE_END - HELP_COLUMN) >
		    LINE_END - HELP_COLUMN - 24)
			printf("\n%*s", HELP_COLUMN - 1, "");
		printf(" %s", range);
	}
	putchar('\n');
}

static int print_help(void)
{
	fputs("usage: mxbound-bench [OPTION...] [SERVER...]\n"
	      "\n"
	      "Measures how long mail waits for DNS: of any server, ours or not, and of several\n"
	      "in one run, asked the same at the same time, with how sure a difference is.\n"
	      "SERVER is [NAME=]ADDRESS[@PORT][/tcp]; without any, those of /etc/resolv.conf.\n"
	      "Without -n, -d or -l: the mail chains (MX, addresses, TLSA, MTA-STS, SPF, DMARC,\n"
	      "PTR) of 50 large mail domains, twice.\n\n", stdout);
	for (size_t i = 0; i < ROWS; i++)
		print_row(&rows[i]);
	fputs("\n"
	      "Exit status: 0 measured, 1 a server does not answer, 2 a file or a socket is not\n"
	      "to be had, 3 measured but this host was the limit, so figures say little,\n"
	      "64 wrong usage, 130 interrupted (what there is, is told).\n"
	      "Colours on a terminal only, and not with NO_COLOR set.\n"
	      "\n"
	      "  mxbound-bench 127.0.0.1 9.9.9.9\n"
	      "  mxbound-bench ours=127.0.0.1@5335 unbound=127.0.0.1@5300 1.1.1.1/tcp\n"
	      "  mxbound-bench -l /var/log/mail.log -o report.html 127.0.0.1 9.9.9.9\n"
	      "  mxbound-bench -n names.txt -r 2000 -s 30 -p 1000 127.0.0.1\n"
	      "  mxbound-bench -d domains.txt -j - 127.0.0.1 | jq .servers[0].all.p99_ms\n"
	      "\n"
	      "mxbound-bench(1) has the method: what cold, warm and expired mean, and when not\n"
	      "to trust a figure.\n", stdout);
	return fflush(stdout) == 0 ? BENCH_OK : BENCH_FAILED;
}

static void print_roff(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
}

/* The rows as in a manual page, for docs/mxbound-bench.1. */
static int print_man(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];

		printf(".TP\n.B ");
		if (r->letter != 0)
			printf("\\-%c, ", r->letter);
		printf("\\-\\-");
		print_roff(r->name);
		printf("%s\n", arguments[r->kind]);
		print_roff(r->help);
		if (r->kind == KIND_NUMBER && r->preset > 0)
			printf(" (%llu; %llu to %llu)",
			       (unsigned long long)r->preset,
			       (unsigned long long)r->least,
			       (unsigned long long)r->most);
		printf(".\n");
	}
	return fflush(stdout) == 0 ? BENCH_OK : BENCH_FAILED;
}

static int print_domains(void)
{
	for (const char *const *d = workload_domains; *d != NULL; d++)
		puts(*d);
	return fflush(stdout) == 0 ? BENCH_OK : BENCH_FAILED;
}

/* ---- servers ---- */

/* A name before '=' is for people: plain characters, and no markup of ours. */
static bool read_label(const char *text, size_t len, char *ret)
{
	if (len == 0 || len > 24)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]))
			return false;
	snprintf(ret, BENCH_LABEL_MAX, "%.*s", (int)len, text);
	return true;
}

static void make_label(struct bench_target *t)
{
	char text[MX_ADDRESS_TEXT_MAX], *at;

	mx_address_text((const struct sockaddr *)&t->address, text);
	at = strrchr(text, '@');
	if (at != NULL && mx_address_port(&t->address) == BENCH_PORT)
		*at = '\0';
	snprintf(t->label, sizeof t->label, "%.50s%s", text,
		 t->tcp ? "/tcp" : "");
}

static int add_target(struct bench_options *o, const char *text)
{
	struct bench_target *t = &o->targets[o->target_count];
	const char *equals = strchr(text, '='), *slash;
	char address[128], why[MX_WHY_TEXT_MAX];

	if (o->target_count == SERVERS_MAX)
		return wrong("at most %u servers in one run", SERVERS_MAX);
	if (equals != NULL &&
	    !read_label(text, (size_t)(equals - text), t->label))
		return wrong("\"%s\": the name before = is 1 to 24 plain characters",
			     mx_excerpt(text).text);
	snprintf(address, sizeof address, "%s",
		 equals != NULL ? equals + 1 : text);
	slash = strchr(address, '/');
	if (slash != NULL && (strcmp(slash, "/tcp") == 0 ||
			      strcmp(slash, "/udp") == 0)) {
		t->tcp = slash[1] == 't';
		address[slash - address] = '\0';
	}
	if (!mx_address_read(address, BENCH_PORT, &t->address, &t->address_len,
			     why)) {
		bench_say("%s", why);
		return BENCH_USAGE;
	}
	t->loopback = mx_address_loopback(&t->address);
	if (*t->label == '\0')
		make_label(t);
	o->target_count++;
	return -1;
}

static int targets_of_host(struct bench_options *o)
{
	char line[RESOLV_LINE_MAX], address[RESOLV_LINE_MAX];
	FILE *f = fopen(RESOLV_CONF, "r");
	int status = -1;

	while (f != NULL && status < 0 && o->target_count < SERVERS_MAX &&
	       fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, " nameserver %255s", address) == 1)
			status = add_target(o, address);
	if (f != NULL)
		fclose(f);
	if (status < 0 && o->target_count == 0)
		return wrong("name a server, as in mxbound-bench 127.0.0.1 9.9.9.9; " RESOLV_CONF " has none");
	return status;
}

/* ---- options ---- */

static const char *row_name(const struct row *r)
{
	static char name[32];

	snprintf(name, sizeof name, "--%s", r->name);
	return name;
}

static int take_number(const struct row *r, const char *text, uint64_t *ret)
{
	uint64_t number;

	if (!mx_text_number(text, &number, NULL) || number < r->least ||
	    number > r->most)
		return wrong("%s: \"%s\" is not a whole number from %llu to %llu",
			     row_name(r), mx_excerpt(text).text,
			     (unsigned long long)r->least,
			     (unsigned long long)r->most);
	*ret = number;
	return -1;
}

static int take_zone(const struct row *r, const char *text,
		     struct bench_options *o)
{
	struct mx_name *zone = &o->chain.dnsbls[o->chain.dnsbl_count];

	if (o->chain.dnsbl_count == CHAIN_DNSBLS_MAX)
		return wrong("%s: at most %u", row_name(r), CHAIN_DNSBLS_MAX);
	if (mx_name_from_text(text, zone) != MX_OK || zone->len > 128)
		return wrong("%s: \"%s\" is not a zone", row_name(r),
			     mx_excerpt(text).text);
	mx_name_lower(zone->octets, zone->len);
	o->chain.dnsbl_count++;
	return -1;
}

static int take(const struct row *r, struct bench_options *o)
{
	void *member = (char *)o + r->member;

	switch (r->kind) {
	case KIND_FLAG:
		*(bool *)member = true;
		return -1;
	case KIND_FILE:
		*(const char **)member = optarg;
		return -1;
	case KIND_NUMBER:
		return take_number(r, optarg, member);
	case KIND_ZONE:
		return take_zone(r, optarg, o);
	case KIND_OTHER:
		break;
	}
	if (strcmp(r->name, "list-domains") == 0)
		return print_domains();
	if (r->letter == 'h')
		return print_help();
	puts("mxbound-bench " MX_VERSION);
	return fflush(stdout) == 0 ? BENCH_OK : BENCH_FAILED;
}

static int unknown(int code, char **argv)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	const char *what = strncmp(argv[optind - 1], "--", 2) == 0
				   ? argv[optind - 1] : letter;

	if (code == ':')
		return wrong("option %s needs a value", mx_excerpt(what).text);
	return wrong("there is no option %s, or it takes no value",
		     mx_excerpt(what).text);
}

/* getopt_long() gives a row's index, plus this: letters are below. */
#define LONG_BASE 1000
static int read_options(int argc, char **argv, struct bench_options *o)
{
	struct option longs[ROWS + 1] = { 0 };
	char shorts[2 * ROWS + 2] = ":", *at = shorts + 1;
	int code, status = -1;

	for (size_t i = 0; i < ROWS; i++) {
		bool value = rows[i].kind != KIND_FLAG &&
			     rows[i].kind != KIND_OTHER;

		longs[i] = (struct option){ rows[i].name, value, NULL,
					    LONG_BASE + (int)i };
		if (rows[i].letter == 0)
			continue;
		*at++ = rows[i].letter;
		if (value)
			*at++ = ':';
	}
	opterr = 0;
	while (status < 0 &&
	       (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		size_t i = 0;

		if (code >= LONG_BASE)
			i = (size_t)(code - LONG_BASE);
		else
			while (i < ROWS && rows[i].letter != code)
				i++;
		status = i < ROWS && code != '?' && code != ':'
				 ? take(&rows[i], o) : unknown(code, argv);
	}
	return status;
}

static int check(const struct bench_options *o)
{
	if ((o->names != NULL) + (o->domains != NULL) + (o->log != NULL) > 1)
		return wrong("one of --names, --domains and --postfix-log at a time");
	if (o->json != NULL && o->html != NULL && strcmp(o->json, "-") == 0 &&
	    strcmp(o->html, "-") == 0)
		return wrong("one of --json and --html can go to standard output");
	return -1;
}

int bench_options_read(int argc, char **argv, struct bench_options *ret)
{
	int status;

	*ret = (struct bench_options){ 0 };
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == KIND_NUMBER)
			*(uint64_t *)((char *)ret + rows[i].member) =
				rows[i].preset;
	/* For `make docs`; no option that anybody else needs. */
	if (argc == 2 && strcmp(argv[1], "--options-man") == 0)
		return print_man();
	status = read_options(argc, argv, ret);
	if (status < 0)
		status = check(ret);
	for (int i = optind; status < 0 && i < argc; i++)
		status = add_target(ret, argv[i]);
	if (status < 0 && ret->target_count == 0)
		status = targets_of_host(ret);
	ret->chain.hosts = (unsigned)ret->hosts;
	ret->chain.receiving = !ret->no_receiving;
	return status;
}
