/* commands.c - the table of commands: --help, the shells' completion and who
 * runs what come from it. docs/mxboundctl.1 tells the same at length. */
#include <string.h>

#include "ctl.h"

static int routes_run(const struct ctl_command *command,
		      const struct ctl_options *options, char **arguments)
{
	const struct route_command route = {
		.policy = strcmp(command->name, "policy") == 0,
		.socket = options->socket, .json = options->json,
		.destinations = arguments,
	};

	return route_run(&route);
}

static const struct ctl_command commands[] = {
	{ .name = "status", .arguments = "", .options = "j", .run = status_run,
	  .help = "how it does: resolvers, cache, hit ratio, how long clients wait,\n"
		  "and which names failed or were slow lately\n",
	  .examples = "mxboundctl status\n"
		      "mxboundctl status --json | jq .hit_ratio.five_minutes\n" },
	{ .name = "stats", .arguments = "", .options = "j", .run = stats_run,
	  .help = "all counters, a name and a number a line\n",
	  .examples = "mxboundctl stats | grep ^latency_hit_MX\n" },
	{ .name = "route", .arguments = "[DOMAIN...]", .options = "j",
	  .most = UINT32_MAX, .run = routes_run,
	  .help = "where mail for DOMAIN goes: hosts, addresses, TLS by DANE, and\n"
		  "what is wrong at the domain. DOMAIN is a next hop as Postfix has\n"
		  "it: example.com, example.com:587, [mx.example.com], [192.0.2.1].\n"
		  "Several of them, or a line each on standard input: a line each is\n"
		  "printed, in the same order\n",
	  .examples = "mxboundctl route example.com\n"
		      "mxboundctl route example.com example.net:587 '[mx.example.org]'\n"
		      "mxboundctl route --json example.com | jq .hosts[0].tls\n"
		      "mxboundctl route < domains.txt | grep -v ' deliver '\n" },
	{ .name = "policy", .arguments = "[DOMAIN...]", .options = "j",
	  .most = UINT32_MAX, .run = routes_run,
	  .help = "which TLS Postfix hears that it must have for DOMAIN, why, and the\n"
		  "route that this is from; see policy-listen of mxbound\n",
	  .examples = "mxboundctl policy example.com\n" },
	{ .name = "lookup", .arguments = "NAME [TYPE]", .options = "j",
	  .least = 1, .most = 2, .run = lookup_run,
	  .help = "the answer to one question, A if no TYPE is given: whether DNSSEC\n"
		  "validates it, from the cache or not, and if not why\n",
	  .examples = "mxboundctl lookup example.com MX\n"
		      "mxboundctl lookup _25._tcp.mx.example.com TLSA\n" },
	{ .name = "flush", .arguments = "[--zone] NAME [TYPE]", .options = "jz",
	  .least = 1, .most = 2, .run = flush_run,
	  .help = "forget what is known of NAME, or of its TYPE alone, or with --zone\n"
		  "of all below it; the resolvers in charge forget all they know\n",
	  .examples = "mxboundctl flush example.com\n"
		      "mxboundctl flush example.com MX\n"
		      "mxboundctl flush --zone example.com\n" },
	{ .name = "dump", .arguments = "", .options = "j", .run = dump_run,
	  .help = "the names in the cache, a line each: NAME TTL IN TYPE, what kind of\n"
		  "answer, how validated, octets. A TTL below 0: run out so long ago\n",
	  .examples = "mxboundctl dump > names.txt\n"
		      "mxboundctl dump | awk '$5 == \"failure\"'\n" },
	{ .name = "load", .arguments = "", .options = "", .run = load_run,
	  .help = "look up each NAME TYPE, or each line of a dump, of standard input:\n"
		  "so a new host has in its cache what another has\n",
	  .examples = "mxboundctl load < names.txt\n"
		      "echo example.com MX | mxboundctl load\n" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

const struct ctl_command *ctl_command_at(unsigned i)
{
	return i < COMMANDS ? &commands[i] : NULL;
}

const struct ctl_command *ctl_command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void ctl_command_names(FILE *out, const char *separator)
{
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "%s%s", i > 0 ? separator : "", commands[i].name);
}

/* ---- completion ---- */

static void print_types(FILE *out)
{
	fputs("A AAAA CNAME DNSKEY DS MX NS PTR SOA SRV TLSA TXT", out);
}

static void print_bash(FILE *out)
{
	fputs("# bash completion for mxboundctl; made by mxboundctl --completion bash\n"
	      "_mxboundctl()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word command=\n"
	      "\n"
	      "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	      "\t\tcase $word in\n\t\t", out);
	ctl_command_names(out, "|");
	fputs(") command=$word; break;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $prev in\n"
	      "\t-s|--socket) COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n"
	      "\tesac\n"
	      "\tcase $cur in\n"
	      "\t-*) COMPREPLY=($(compgen -W '--socket --json --zone --help --version' -- \"$cur\")); return;;\n"
	      "\tesac\n"
	      "\tcase $command in\n"
	      "\t'') COMPREPLY=($(compgen -W '", out);
	ctl_command_names(out, " ");
	fputs(" help' -- \"$cur\"));;\n"
	      "\tlookup|flush) [[ $prev != \"$command\" && $prev != -* ]] && COMPREPLY=($(compgen -W '", out);
	print_types(out);
	fputs("' -- \"${cur^^}\"));;\n"
	      "\tesac\n"
	      "}\n"
	      "complete -F _mxboundctl mxboundctl\n", out);
}

/* The first line of a help text, without its end. */
static int first_line(const char *text)
{
	return (int)strcspn(text, "\n:,;");
}

static void print_zsh(FILE *out)
{
	fputs("#compdef mxboundctl\n"
	      "# made by mxboundctl --completion zsh\n"
	      "local -a commands=(\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "\t'%s:%.*s'\n", commands[i].name,
			first_line(commands[i].help), commands[i].help);
	fputs("\t'help:how a command is used'\n"
	      ")\n"
	      "_arguments -C \\\n"
	      "\t'(-s --socket)'{-s,--socket}'[the control socket]:socket:_files' \\\n"
	      "\t'(-j --json)'{-j,--json}'[print JSON]' \\\n"
	      "\t'(-z --zone)'{-z,--zone}'[flush all below the name too]' \\\n"
	      "\t'(-h --help)'{-h,--help}'[how to use it]' \\\n"
	      "\t'(-V --version)'{-V,--version}'[the version]' \\\n"
	      "\t'1:command:{_describe command commands}' \\\n"
	      "\t'2:name:' \\\n"
	      "\t'3:type:(", out);
	print_types(out);
	fputs(")'\n", out);
}

bool ctl_print_completion(FILE *out, const char *shell)
{
	if (strcmp(shell, "bash") == 0)
		print_bash(out);
	else if (strcmp(shell, "zsh") == 0)
		print_zsh(out);
	else
		return false;
	return true;
}
