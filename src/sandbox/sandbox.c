/* sandbox.c - see mx_sandbox.h. */
#include "mx_sandbox.h"

#include <errno.h>
#include <string.h>

#include "mx_log.h"
#include "walls.h"

/* Each process has its own, the supervisor says it for all. */
static enum mx_log_level level(const struct mx_sandbox *sandbox)
{
	return sandbox->role == MX_SANDBOX_SUPERVISOR ? MX_LOG_NOTICE :
							MX_LOG_INFO;
}

static void tell_files(const struct mx_sandbox *sandbox, int abi)
{
	if (abi == 0)
		mx_log(level(sandbox),
		       "sandbox: no Landlock (%s): the account alone decides which files can be opened",
		       strerror(errno));
}

void mx_sandbox_enter(const struct mx_config *config,
		      const struct mx_sandbox *sandbox)
{
	if (!config->sandbox) {
		mx_log(level(sandbox), "sandbox: no, by the configuration");
		return;
	}
	/* Files first: a child's filter does not know Landlock's calls. */
	tell_files(sandbox, sandbox->role == MX_SANDBOX_SUPERVISOR ?
				    landlock_abi() : landlock_enter(sandbox));
	if (!filter_enter(sandbox))
		mx_log(level(sandbox),
		       "sandbox: no filter of system calls (%s); going on without",
		       strerror(errno));
}
