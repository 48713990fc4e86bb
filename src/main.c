/* main.c - the program mxbound: the command line, then the supervisor.
 *
 * All that can be wrong with the command line and the configuration is said
 * here, before a socket is bound or a process started.
 *
 * Exit status: 0 done or stopped as told, 1 trouble while running, 2 wrong
 * usage or configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mx_config.h"
#include "mx_log.h"
#include "mx_supervisor.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

enum task { RUN, CHECK, HELP, VERSION, MARKDOWN, MAN_CONF, MAN_PROGRAM };

struct command {
	enum task task;
	const char *file;
	char **sets;
	size_t set_count;
};

enum { OPT_SET = 256, OPT_CHECK, OPT_HELP, OPT_VERSION, OPT_MARKDOWN,
       OPT_MAN_CONF, OPT_MAN_PROGRAM };

/* One row an option: the parser's table, --help and mxbound(8) are made of it.
 *    short, long, value (NULL: takes none), code, what it does */
#define OPTIONS(X) \
	X('c', "config", "FILE", 'c', "read settings from FILE, lines of \"KEY: VALUE\"") \
	X(0, "set", "KEY=VALUE", OPT_SET, "set one; it replaces what FILE says. Repeatable") \
	X(0, "check-config", NULL, OPT_CHECK, "say whether the settings are right, start nothing") \
	X('h', "help", NULL, OPT_HELP, "this text") \
	X('V', "version", NULL, OPT_VERSION, "version and how it was built")

static const struct row {
	char letter;
	const char *name, *value, *help;
} rows[] = {
#define X(letter, name, value, code, help) { letter, name, value, help },
	OPTIONS(X)
#undef X
};

static const struct option long_options[] = {
#define X(letter, name, value, code, help) \
	{ name, (value) != NULL ? required_argument : no_argument, NULL, code },
	OPTIONS(X)
#undef X
	/* Not in --help: `make docs` writes README's table, and parts of the
	 * manual pages, with these. */
	{ "options-markdown", no_argument, NULL, OPT_MARKDOWN },
	{ "options-man", no_argument, NULL, OPT_MAN_CONF },
	{ "usage-man", no_argument, NULL, OPT_MAN_PROGRAM },
	{ 0 },
};

static const char usage[] =
	"usage: mxbound [-c FILE] [--set KEY=VALUE]...\n"
	"       mxbound [-c FILE] [--set KEY=VALUE]... --check-config\n"
	"       mxbound --help | --version\n"
	"\n"
	"A validating, caching DNS resolver for mail hosts. It works in the foreground,\n"
	"logs to standard error, and needs no file: without one it answers on\n"
	"127.0.0.1 and ::1, port 5335.\n"
	"\n";

static const char usage_end[] =
	"\n"
	"  mxbound                                     # dig -p 5335 @127.0.0.1 . NS\n"
	"  mxbound --set listen=192.0.2.1@53 --set \"access-control=192.0.2.0/24 allow\"\n"
	"  mxbound -c /etc/mxbound.conf --check-config\n"
	"\n"
	"SIGTERM and SIGINT stop it, SIGUSR2 puts a new version in its place, SIGUSR1\n"
	"writes snapshot-file now.\n"
	"\n"
	"Settings, as they are written in FILE:\n"
	"\n";

static void print_help(void)
{
	char form[64];

	fputs(usage, stdout);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *o = &rows[i];
		char letter[] = { '-', o->letter, ',', ' ', '\0' };

		snprintf(form, sizeof form, "%s--%s%s%s",
			 o->letter != 0 ? letter : "    ", o->name,
			 o->value != NULL ? " " : "",
			 o->value != NULL ? o->value : "");
		printf("  %-19s  %s\n", form, o->help);
	}
	fputs(usage_end, stdout);
	mx_config_help(stdout);
}

/* No word of the table needs more than its hyphens escaped. */
static void print_man(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *o = &rows[i];

		fputs(".TP\n.B ", stdout);
		if (o->letter != 0)
			printf("\\-%c, ", o->letter);
		fputs("\\-\\-", stdout);
		for (const char *at = o->name; *at != '\0'; at++)
			printf("%s%c", *at == '-' ? "\\" : "", *at);
		if (o->value != NULL)
			printf(" \\fI%s\\fP", o->value);
		printf("\n%s.\n", o->help);
	}
}

static int usage_error(const char *before, const char *what, const char *after)
{
	mx_log(MX_LOG_ERROR, "%s\"%.200s\"%s; see mxbound --help", before, what,
	       after);
	return EXIT_USAGE;
}

/* What getopt_long() did not like: a long option is the argument it just
 * took, a short one is only a letter of it. optopt is the code of an option
 * that exists but was given a value it does not take. */
static int bad_option(int code, char **argv)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	bool is_long = strncmp(argv[optind - 1], "--", 2) == 0;
	const char *what = is_long ? argv[optind - 1] : letter;

	if (code == ':')
		return usage_error("option ", what, " needs a value");
	if (optopt >= OPT_SET || (is_long && optopt != 0))
		return usage_error("option ", what, " takes no value");
	return usage_error("there is no option ", what, "");
}

/* 0, or an exit status. */
static int read_command(struct command *c, int argc, char **argv)
{
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":c:hV", long_options, NULL)) != -1) {
		switch (code) {
		case 'c':
			if (c->file != NULL)
				return usage_error("option ", "-c", " is given twice");
			c->file = optarg;
			break;
		case OPT_SET:
			c->sets[c->set_count++] = optarg;
			break;
		case OPT_CHECK:
			c->task = CHECK;
			break;
		case 'h':
		case OPT_HELP:
			c->task = HELP;
			break;
		case 'V':
		case OPT_VERSION:
			c->task = VERSION;
			break;
		case OPT_MARKDOWN:
			c->task = MARKDOWN;
			break;
		case OPT_MAN_CONF:
			c->task = MAN_CONF;
			break;
		case OPT_MAN_PROGRAM:
			c->task = MAN_PROGRAM;
			break;
		default:
			return bad_option(code, argv);
		}
	}
	if (optind < argc)
		return usage_error("", argv[optind],
				   " is left over, a file is given with -c");
	return 0;
}

static void print_version(void)
{
	printf("mxbound " MX_VERSION "\n"
	       "built with %s " __VERSION__ " for %s%s\n",
#ifdef __clang__
	       "clang",
#else
	       "gcc",
#endif
#if defined(__x86_64__)
	       "x86_64",
#elif defined(__aarch64__)
	       "aarch64",
#else
	       "this machine",
#endif
#ifdef MX_SANITIZED
	       ", with sanitizers"
#else
	       ""
#endif
	);
}

/* A full disk behind `mxbound --help > file` is no success. */
static int printed(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return EXIT_SUCCESS;
	mx_log(MX_LOG_ERROR, "cannot write to standard output: %s",
	       strerror(errno));
	return EXIT_RUNTIME;
}

static int print_check(const struct command *c, const struct mx_config *config)
{
	printf("%s: ok\n", c->file != NULL ? c->file : "configuration");
	mx_config_changes(config, stdout);
	return printed();
}

/* Load, and after a change of program fall back to the former settings: then
 * children serve already, and to exit would end the service. */
static enum mx_error load(const struct command *c, struct mx_config *config)
{
	char error[MX_CONFIG_ERROR_MAX];
	enum mx_error err = mx_config_load(config, c->file, c->sets,
					   c->set_count, error);

	if (err == MX_OK)
		return MX_OK;
	mx_log(MX_LOG_ERROR, "%s", error);
	if (c->task == CHECK || !mx_supervisor_takeover_pending())
		return err;
	mx_log(MX_LOG_ERROR, "going on with the former settings");
	err = mx_supervisor_old_config(config, error);
	if (err != MX_OK)
		mx_log(MX_LOG_ERROR, "%s", error);
	return err;
}

static int run(const struct command *c, int argc, char **argv)
{
	struct mx_config config;
	int status;

	if (load(c, &config) != MX_OK)
		return EXIT_USAGE;
	mx_log_init("mxbound", (enum mx_log_level)config.log_level);
	if (c->task == CHECK)
		status = print_check(c, &config);
	else
		status = mx_supervisor_run(&config, argc, argv);
	mx_config_clear(&config);
	return status;
}

int main(int argc, char **argv)
{
	struct command c = { 0 };
	int status;

	mx_log_init("mxbound", MX_LOG_NOTICE);
	c.sets = calloc((size_t)argc + 1, sizeof(*c.sets));
	if (c.sets == NULL) {
		mx_log(MX_LOG_ERROR, "out of memory");
		return EXIT_RUNTIME;
	}
	status = read_command(&c, argc, argv);
	if (status == 0) {
		switch (c.task) {
		case HELP:
			print_help();
			status = printed();
			break;
		case VERSION:
			print_version();
			status = printed();
			break;
		case MARKDOWN:
			mx_config_markdown(stdout);
			status = printed();
			break;
		case MAN_CONF:
			mx_config_man(stdout);
			status = printed();
			break;
		case MAN_PROGRAM:
			print_man();
			status = printed();
			break;
		default:
			status = run(&c, argc, argv);
		}
	}
	free(c.sets);
	return status;
}
