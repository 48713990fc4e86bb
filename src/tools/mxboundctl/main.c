/* mxboundctl - asks a running mxbound. This file: the command line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static const char usage_head[] =
	"usage: mxboundctl [-s SOCKET] COMMAND [ARGUMENT...]\n"
	"       mxboundctl help COMMAND | --help | --version\n"
	"\n"
	"Asks a running mxbound, over its control socket.\n"
	"\n";

static const char usage_tail[] =
	"  -j, --json           JSON, an object a line: docs/control.md, and of routes\n"
	"                       docs/route.schema.json\n"
	"  -z, --zone           with flush: all names below NAME too\n"
	"  -s, --socket SOCKET  control-socket of mxbound, if it is none of the usual:\n"
	"                       /run/mxbound/control.sock; not as root, first\n"
	"                       $XDG_RUNTIME_DIR/mxbound/control.sock and\n"
	"                       /tmp/mxbound-UID/control.sock\n"
	"      --completion bash|zsh  a script for that shell to complete with\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n"
	"\n"
	"Exit status, the greatest of all: 0 mail can be delivered, or there is data;\n"
	"1 it never can, or there is none; 2 not known now, or mxbound cannot be asked;\n"
	"64 wrong usage, or no domain or name. Of policies 0: known, also that there is\n"
	"none. Of status 0: clients are served.\n"
	"Colours on a terminal only, and not with NO_COLOR set.\n"
	"\n";

enum { OPTION_COMPLETION = 256 };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "zone", no_argument, NULL, 'z' },
	{ "completion", required_argument, NULL, OPTION_COMPLETION },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int usage_error(const char *before, const char *what, const char *after)
{
	ctl_say("%s%s%s; see mxboundctl --help", before, what, after);
	return CTL_USAGE;
}

/* What getopt_long() did not like: a short option is a letter of an argument. */
static int bad_option(int code, char **argv)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	const char *what = strncmp(argv[optind - 1], "--", 2) == 0
				   ? argv[optind - 1] : letter;

	if (code == ':')
		return usage_error("option ", what, " needs a value");
	return usage_error("there is no option ", what,
			   ", or it takes no value");
}

static int end_of_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	ctl_say("cannot write to standard output");
	return CTL_TEMPORARY;
}

/* Lines of text, each behind the same blanks. */
static void print_lines(const char *text, const char *before)
{
	while (*text) {
		size_t len = strcspn(text, "\n") + 1;

		printf("%s%.*s", before, (int)len, text);
		text += len;
	}
}

static int print_usage(void)
{
	const struct ctl_command *command;

	fputs(usage_head, stdout);
	for (unsigned i = 0; (command = ctl_command_at(i)); i++) {
		printf("  %s %s\n", command->name, command->arguments);
		print_lines(command->help, "        ");
	}
	putchar('\n');
	fputs(usage_tail, stdout);
	for (unsigned i = 0; (command = ctl_command_at(i)); i++)
		print_lines(command->examples, "  ");
	return end_of_output();
}

static int no_such_command(const char *name)
{
	char *names = NULL;
	size_t len;
	FILE *out = open_memstream(&names, &len);

	if (out) {
		ctl_command_names(out, ", ");
		fclose(out);
	}
	ctl_say("there is no command \"%s\"; there are: %s; see mxboundctl --help",
		name, names ? names : "");
	free(names);
	return CTL_USAGE;
}

static int print_help_of(const char *name)
{
	const struct ctl_command *command = name ? ctl_command_find(name) : NULL;

	if (!name)
		return print_usage();
	if (!command)
		return no_such_command(name);
	printf("usage: mxboundctl %s %s\n\n", command->name, command->arguments);
	print_lines(command->help, "  ");
	putchar('\n');
	print_lines(command->examples, "  ");
	return end_of_output();
}

static int print_completion(const char *shell)
{
	if (!ctl_print_completion(stdout, shell))
		return usage_error("there is no completion for ", shell,
				   "; there is for bash and zsh");
	return end_of_output();
}

static int print_version(void)
{
	puts("mxboundctl " MX_VERSION);
	return end_of_output();
}

/* Only a command that takes destinations without a bound reads them from
 * standard input if there are none. */
static int check_arguments(const struct ctl_command *command,
			   const struct ctl_options *options, char **arguments)
{
	unsigned count = 0;

	while (arguments[count])
		count++;
	if (options->json && !strchr(command->options, 'j'))
		return usage_error("", command->name, " takes no --json");
	if (options->zone && !strchr(command->options, 'z'))
		return usage_error("", command->name, " takes no --zone");
	if (command->most == UINT32_MAX && count == 0 && isatty(STDIN_FILENO))
		return usage_error("name a domain, as in ",
				   "mxboundctl route example.com",
				   ", or give a list on standard input");
	if (count < command->least)
		return usage_error("", command->name, " needs a name");
	if (count > command->most)
		return usage_error("", command->name,
				   " does not take so many arguments");
	return 0;
}

static int run(const struct ctl_options *options, char **arguments)
{
	const struct ctl_command *command;
	int status;

	if (!arguments[0])
		return usage_error("a command is missing, as in ",
				   "mxboundctl route example.com", "");
	if (strcmp(arguments[0], "help") == 0)
		return print_help_of(arguments[1]);
	command = ctl_command_find(arguments[0]);
	if (!command)
		return no_such_command(arguments[0]);
	status = check_arguments(command, options, arguments + 1);
	return status ? status : command->run(command, options, arguments + 1);
}

int main(int argc, char **argv)
{
	struct ctl_options options = { .socket = NULL };
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":s:jzhV", long_options, NULL)) != -1) {
		switch (code) {
		case 's':
			options.socket = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'z':
			options.zone = true;
			break;
		case OPTION_COMPLETION:
			return print_completion(optarg);
		case 'h':
			return print_usage();
		case 'V':
			return print_version();
		default:
			return bad_option(code, argv);
		}
	}
	return run(&options, argv + optind);
}
