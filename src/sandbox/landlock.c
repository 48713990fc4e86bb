/* landlock.c - no file, port or process but one's own (landlock(7)).
 *
 * By system calls and numbers of our own: the C library has no functions, and
 * headers are older than kernels. Each ABI adds kinds of access; what a kernel
 * does not know is not asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mx_log.h"
#include "walls.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_VERSION 1u /* flag: tell the ABI */

enum rule_type { RULE_PATH = 1, RULE_PORT = 2 };

enum file_access {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_REG = 1 << 8,
	TRUNCATE = 1 << 14, /* ABI 3 */
};
/* All kinds, by ABI: 1; REFER; TRUNCATE; IOCTL_DEV. */
#define FILES_ABI_1 0x1fffu
#define FILES_ABI_2 0x3fffu
#define FILES_ABI_3 0x7fffu
#define FILES_ABI_5 0xffffu

#define HTTPS 443

enum port_access { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };
enum scope { SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
	uint64_t files, ports /* ABI 4 */, scopes /* ABI 6 */;
};
struct path_rule {
	uint64_t allowed;
	int32_t folder;
} __attribute__((packed));
struct port_rule {
	uint64_t allowed, port;
};

#define SIZE_ABI_1 8u
#define SIZE_ABI_4 16u
#define SIZE_ABI_6 24u

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static struct ruleset handled(int abi, enum mx_sandbox_role role)
{
	struct ruleset all = {
		.files = abi >= 5 ? FILES_ABI_5 : abi >= 3 ? FILES_ABI_3 :
			 abi >= 2 ? FILES_ABI_2 : FILES_ABI_1,
		/* A forwarder of a resolver may have any port. */
		.ports = BIND_TCP |
			 (role == MX_SANDBOX_RESOLVER ? 0 : CONNECT_TCP),
		.scopes = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL,
	};

	if (abi < 4)
		all.ports = 0;
	if (abi < 6)
		all.scopes = 0;
	return all;
}

static int make(const struct ruleset *all, int abi)
{
	size_t size = abi >= 6 ? SIZE_ABI_6 : abi >= 4 ? SIZE_ABI_4 : SIZE_ABI_1;

	return (int)syscall(SYS_landlock_create_ruleset, all, size, 0);
}

static bool allow_path(int ruleset, const struct ruleset *all, const char *path,
		       uint64_t kinds)
{
	struct path_rule rule = { .allowed = kinds & all->files };
	bool ok;

	rule.folder = open(path, O_PATH | O_CLOEXEC);
	if (rule.folder < 0)
		return false;
	ok = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) == 0;
	int cause = errno;
	close(rule.folder);
	errno = cause;
	return ok;
}

/* Where it is not there, nothing below it can be used later either. */
static void allow_or_tell(int ruleset, const struct ruleset *all,
			  const char *path, uint64_t kinds)
{
	if (path && !allow_path(ruleset, all, path, kinds))
		mx_log(MX_LOG_INFO,
		       "sandbox: %s: %s; what is there later can be used after SIGUSR2",
		       path, strerror(errno));
}

static void allow_port(int ruleset, const struct ruleset *all, uint64_t kind,
		       uint64_t port)
{
	struct port_rule rule = { .allowed = kind, .port = port };

	if (all->ports & kind)
		(void)syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0);
}

static void allow(int ruleset, const struct ruleset *all,
		  const struct mx_sandbox *sandbox)
{
	/* REMOVE_DIR: else to rename over a folder would be said to want rights
	 * rather than another name. */
	for (int i = 0; i < 2; i++)
		allow_or_tell(ruleset, all, sandbox->folders[i],
			      READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE |
				      MAKE_REG | REMOVE_FILE | REMOVE_DIR);
	allow_or_tell(ruleset, all, sandbox->file, READ_FILE);
	/* 0 is any that is free: for connections from outgoing-interface. */
	if (sandbox->role == MX_SANDBOX_RESOLVER)
		allow_port(ruleset, all, BIND_TCP, 0);
	if (sandbox->role == MX_SANDBOX_FETCHER)
		allow_port(ruleset, all, CONNECT_TCP, HTTPS);
#ifdef MX_SANITIZED
	/* They read /proc/self/maps, and start who knows the names of lines. */
	(void)allow_path(ruleset, all, "/", EXECUTE | READ_FILE | READ_DIR);
#endif
}

int landlock_enter(const struct mx_sandbox *sandbox)
{
	int abi = landlock_abi();
	struct ruleset all = handled(abi, sandbox->role);
	int ruleset = abi > 0 ? make(&all, abi) : -1;
	bool ok = false;

	if (ruleset < 0)
		return 0;
	allow(ruleset, &all, sandbox);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		ok = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	int cause = errno;
	close(ruleset);
	errno = cause;
	return ok ? abi : 0;
}
