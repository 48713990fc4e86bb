/* privilege.c - becoming the account that `user` names. */
#include "mx_privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mx_log.h"

static const char *const default_accounts[] = { "mxbound", "nobody" };

struct account {
	const char *name;
	uid_t uid;
	gid_t gid;
	bool change;   /* false: stay what we are */
	bool optional; /* nobody asked for it by name */
};

static enum mx_error find_named(const char *name, struct account *ret)
{
	errno = 0;
	const struct passwd *entry = getpwnam(name);
	if (!entry) {
		mx_log(MX_LOG_ERROR, "user: no account \"%s\"%s%s", name,
		       errno ? ": " : "", errno ? strerror(errno) : "");
		return MX_E_CONFIG;
	}
	*ret = (struct account){ .name = name, .uid = entry->pw_uid,
				 .gid = entry->pw_gid };
	return MX_OK;
}

static enum mx_error find_account(const struct mx_config *config,
				  struct account *ret)
{
	bool named = config->user && config->user[0];
	struct account present = { .name = "", .uid = geteuid(),
				   .gid = getegid() };

	if (named) {
		enum mx_error err = find_named(config->user, ret);
		if (err != MX_OK)
			return err;
		if (ret->uid == present.uid) {
			ret->gid = present.gid;
			return MX_OK;
		}
		if (present.uid != 0) {
			mx_log(MX_LOG_ERROR,
			       "user: cannot become \"%s\" (uid %u) from uid %u; start as root, or leave user unset",
			       config->user, (unsigned)ret->uid,
			       (unsigned)present.uid);
			return MX_E_CONFIG;
		}
		ret->change = true;
		return MX_OK;
	}

	*ret = present;
	if (present.uid != 0)
		return MX_OK;
	for (size_t i = 0; i < sizeof default_accounts / sizeof *default_accounts; i++) {
		const struct passwd *entry = getpwnam(default_accounts[i]);
		if (!entry || entry->pw_uid == 0)
			continue;
		*ret = (struct account){ default_accounts[i], entry->pw_uid,
					 entry->pw_gid, true, true };
		return MX_OK;
	}
	mx_log(MX_LOG_INFO,
	       "user: neither an account mxbound nor nobody here; staying root");
	return MX_OK;
}

#define BIT(capability) (1u << (capability))

/* Capabilities below 32, which all of ours are; none above. */
static bool set_capabilities(uint32_t permitted, uint32_t inheritable)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .permitted = permitted, .effective = permitted,
		  .inheritable = inheritable },
	};

	return syscall(SYS_capset, &head, data) == 0;
}

static bool get_permitted(uint32_t *ret)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) != 0)
		return false;
	*ret = data[0].permitted;
	return true;
}

/* No capability is to be had again by executing anything, whoever owns it and
 * whatever its file says. For this it takes CAP_SETPCAP; who lacks it has
 * no-new-privs all the same. */
static void close_sources(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0;
	     capability++)
		(void)prctl(PR_CAPBSET_DROP, capability);
	(void)prctl(PR_SET_SECUREBITS,
		    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
		    SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
		    SECBIT_KEEP_CAPS_LOCKED);
}

/* Keep only CAP_NET_BIND_SERVICE, or nothing. Inheritable and ambient, so
 * that it is still there after execve of a program without capabilities. */
static bool reduce_capabilities(bool keep_bind)
{
	uint32_t permitted;

	if (!get_permitted(&permitted))
		return false;
	uint32_t bind = keep_bind ? permitted & BIT(CAP_NET_BIND_SERVICE) : 0;
	uint32_t close = permitted & BIT(CAP_SETPCAP);

	if (!set_capabilities(bind | close, bind))
		return false;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	close_sources();
	/* Without ambient capabilities (before Linux 4.3) only a later bind
	 * after an upgrade fails, with its own message. */
	if (bind)
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
			    CAP_NET_BIND_SERVICE, 0, 0);
	return !close || set_capabilities(bind, bind);
}

/* What could be undone was not done: ask the kernel rather than trust it. */
static bool is_final(const struct account *account)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) != 0 ||
	    getresgid(&rgid, &egid, &sgid) != 0)
		return false;
	return ruid == account->uid && euid == account->uid &&
	       suid == account->uid && rgid == account->gid &&
	       egid == account->gid && sgid == account->gid &&
	       setresuid((uid_t)-1, 0, (uid_t)-1) != 0;
}

/* As who we are. Root's supervisor keeps what a later configuration, and making
 * files for other accounts, take; a child needs nothing. */
static enum mx_error stay(bool keep_bind)
{
	if ((keep_bind && geteuid() == 0) || reduce_capabilities(keep_bind))
		return MX_OK;
	mx_log(MX_LOG_ERROR, "user: cannot give up capabilities: %s",
	       strerror(errno));
	return MX_E_SYSTEM;
}

static enum mx_error become(const struct account *account, bool keep_bind)
{
	int death_signal = 0;
	pid_t parent = getppid();
	const char *step = NULL;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	(void)prctl(PR_SET_KEEPCAPS, 1); /* until all is closed */

	/* The list of groups first: it is what fails in a user namespace, and
	 * then nothing has been changed yet. All of the account's, since a
	 * folder or a key may be its group's to use. */
	if (initgroups(account->name, account->gid) != 0)
		step = "initgroups";
	else if (setresgid(account->gid, account->gid, account->gid) != 0)
		step = "setresgid";
	if (step && account->optional && (errno == EPERM || errno == EINVAL)) {
		/* Once, not by each process: the supervisor is the first. */
		mx_log(keep_bind ? MX_LOG_NOTICE : MX_LOG_INFO,
		       "user: cannot become \"%s\" here (%s: %s); staying root",
		       account->name, step, strerror(errno));
		return stay(keep_bind);
	}
	if (!step && setresuid(account->uid, account->uid, account->uid) != 0)
		step = "setresuid";
	if (!step && !reduce_capabilities(keep_bind))
		step = "capset";
	if (step) {
		mx_log(MX_LOG_ERROR, "user: cannot become \"%s\": %s: %s",
		       account->name, step, strerror(errno));
		return MX_E_SYSTEM;
	}
	if (!is_final(account)) {
		mx_log(MX_LOG_ERROR,
		       "user: became \"%s\", but could become root again",
		       account->name);
		return MX_E_SYSTEM;
	}

	if (death_signal != 0) {
		(void)prctl(PR_SET_PDEATHSIG, death_signal);
		/* The parent may have died while the signal was off. */
		if (getppid() != parent)
			raise(death_signal);
	}
	mx_log(MX_LOG_DEBUG, "working as \"%s\" (uid %u)", account->name,
	       (unsigned)account->uid);
	return MX_OK;
}

static enum mx_error drop(const struct mx_config *config, bool keep_bind)
{
	struct account account;
	enum mx_error err = find_account(config, &account);

	if (err != MX_OK)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		mx_log(MX_LOG_ERROR, "user: no-new-privs: %s", strerror(errno));
		return MX_E_SYSTEM;
	}
	return account.change ? become(&account, keep_bind) : stay(keep_bind);
}

enum mx_error mx_drop_privileges(const struct mx_config *config)
{
	return drop(config, false);
}

enum mx_error mx_drop_privileges_keep_bind(const struct mx_config *config)
{
	return drop(config, true);
}

void mx_privilege_forget(void)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Root keeps what it needs to drop privileges itself. */
	if (geteuid() != 0)
		(void)reduce_capabilities(false);
}

enum mx_error mx_privilege_ids(const struct mx_config *config, uid_t *ret_uid,
			       gid_t *ret_gid)
{
	struct account account;
	enum mx_error err = find_account(config, &account);

	if (err != MX_OK)
		return err;
	*ret_uid = account.uid;
	*ret_gid = account.gid;
	return MX_OK;
}

bool mx_privilege_own_account(const struct mx_config *config)
{
	struct account account;

	return find_account(config, &account) == MX_OK && account.change &&
	       strcmp(account.name, "nobody") != 0;
}
