/* spin.c - preloaded into mxbound's processes by test_processes.py: on
 * SIGUSR1 the resolver spins for ever, as libunbound has been seen to do. */
#include <errno.h>
#include <signal.h>
#include <string.h>

static void spin(int number)
{
	(void)number;
	for (;;)
		;
}

__attribute__((constructor)) static void prepare(void)
{
	struct sigaction action = { .sa_handler = spin };

	if (strcmp(program_invocation_short_name, "mxbound-resolver") == 0)
		sigaction(SIGUSR1, &action, NULL);
}
