/* mxboundctl - asks a running mxbound. This file: the command line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static const char usage[] =
	"usage: mxboundctl [-s SOCKET] route|policy [--json] DOMAIN...\n"
	"       mxboundctl [-s SOCKET] route|policy [--json] < FILE\n"
	"       mxboundctl --help | --version\n"
	"\n"
	"Asks a running mxbound, over its control socket.\n"
	"\n"
	"  route       where mail for DOMAIN goes: hosts, addresses, TLS by DANE, and\n"
	"              what is wrong at the domain. DOMAIN is a next hop as Postfix has\n"
	"              it: example.com, example.com:587, [mx.example.com], [192.0.2.1].\n"
	"              Several of them, or a line each in FILE: a line each is printed,\n"
	"              in the same order\n"
	"  policy      which TLS Postfix hears that it must have for DOMAIN, why, and the\n"
	"              route that this is from; see policy-listen of mxbound\n"
	"  -j, --json           a JSON object a line, see docs/route.schema.json\n"
	"  -s, --socket SOCKET  control-socket of mxbound, if it is none of the usual:\n"
	"                       /run/mxbound/control.sock; not as root, first\n"
	"                       $XDG_RUNTIME_DIR/mxbound/control.sock and\n"
	"                       /tmp/mxbound-UID/control.sock\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n"
	"\n"
	"Exit status, the greatest of all domains: 0 mail can be delivered, 1 it never\n"
	"can, 2 not known now or mxbound cannot be asked, 64 wrong usage or no DOMAIN.\n"
	"Of policies 0: known, also that there is none.\n"
	"Colours on a terminal only, and not with NO_COLOR set.\n"
	"\n"
	"  mxboundctl route example.com\n"
	"  mxboundctl route example.com example.net:587 '[mx.example.org]'\n"
	"  mxboundctl route --json example.com | jq .hosts[0].tls\n"
	"  mxboundctl policy example.com\n"
	"  mxboundctl route < domains.txt | grep -v ' deliver '\n"
	"  mxboundctl route example.com >/dev/null || echo example.com: no route\n";

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
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

static int print_and_end(const char *text)
{
	fputs(text, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	ctl_say("cannot write to standard output");
	return CTL_TEMPORARY;
}

static int run(const char *socket, bool json, char **arguments)
{
	struct route_command command = { .socket = socket, .json = json };

	if (!arguments[0])
		return usage_error("a command is missing, as in ",
				   "mxboundctl route example.com", "");
	command.policy = strcmp(arguments[0], "policy") == 0;
	if (!command.policy && strcmp(arguments[0], "route") != 0)
		return usage_error("there is no command \"", arguments[0],
				   "\"; there are: route, policy");
	command.destinations = arguments + 1;
	if (!arguments[1] && isatty(STDIN_FILENO))
		return usage_error("name a domain, as in ",
				   "mxboundctl route example.com",
				   ", or give a list on standard input");
	return route_run(&command);
}

int main(int argc, char **argv)
{
	const char *socket = NULL;
	bool json = false;
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":s:jhV", long_options, NULL)) != -1) {
		switch (code) {
		case 's':
			socket = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return print_and_end(usage);
		case 'V':
			return print_and_end("mxboundctl " MX_VERSION "\n");
		default:
			return bad_option(code, argv);
		}
	}
	return run(socket, json, argv + optind);
}
