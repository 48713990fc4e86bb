/* listeners.c - the listening sockets. */
#include "listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holder.h"
#include "mx_log.h"

/* Queries wait here while a front is started again: at 1,200 octets of
 * kernel memory each, some hundred milliseconds' worth of a busy host's. */
#define RECEIVE_BUFFER (1 << 20)
#define TCP_BACKLOG 512
#define DNS_PORT 53

static bool is_wildcard(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(
			&((const struct sockaddr_in6 *)addr)->sin6_addr);
	return ((const struct sockaddr_in *)addr)->sin_addr.s_addr ==
		htonl(INADDR_ANY);
}

static uint16_t port_of(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

static socklen_t len_of(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in);
}

static bool same_address(const struct sockaddr_storage *a,
			 const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family || port_of(a) != port_of(b))
		return false;
	if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
		return IN6_ARE_ADDR_EQUAL(&x->sin6_addr, &y->sin6_addr) &&
			x->sin6_scope_id == y->sin6_scope_id;
	}
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* ---- one socket ---- */

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static bool set_udp(int fd, const struct sockaddr_storage *addr)
{
	bool v6 = addr->ss_family == AF_INET6, ok = true;

	/* A reply must leave from the address the query came to; on any other
	 * than a wildcard it does so by itself. */
	if (is_wildcard(addr))
		ok = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) :
			  set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	/* Replies are never fragmented (RFC 9715: forged fragments poison
	 * caches behind us), and what ICMP says about path MTUs is not looked
	 * at, since anybody can forge that too. */
	ok = ok && (v6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) :
			 set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE));
	/* As much as is allowed will do. */
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return ok;
}

/* Open and bind; returns -1 with errno. shared: with SO_REUSEPORT, as all
 * sockets that serve; without it the kernel refuses an address that anybody
 * else has, even one who shares it. */
static int open_socket(const struct sockaddr_storage *addr, bool tcp, bool shared)
{
	int kind = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(addr->ss_family, kind, 0);

	if (fd < 0)
		return -1;
	bool ok = addr->ss_family != AF_INET6 ||
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	/* For TCP only: connections in TIME-WAIT must not keep us from
	 * starting. For UDP it would mean sharing. */
	if (ok && tcp)
		ok = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ok && shared)
		ok = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (ok && shared && !tcp)
		ok = set_udp(fd, addr);
	ok = ok && bind(fd, (const struct sockaddr *)addr, len_of(addr)) == 0;
	if (ok && shared && tcp)
		ok = listen(fd, TCP_BACKLOG) == 0;
	if (!ok) {
		int cause = errno;
		close(fd);
		errno = cause;
		return -1;
	}
	return fd;
}

/* ---- what went wrong ---- */

static void explain_in_use(const char *where, const struct sockaddr_storage *addr,
			   bool tcp, char *error)
{
	char holder[HOLDER_TEXT_MAX];

	if (holder_find((const struct sockaddr *)addr, tcp, holder))
		snprintf(error, LISTENERS_ERROR_MAX,
			 "listen: %s: already in use (%s) by %s; stop it, or listen elsewhere",
			 where, tcp ? "TCP" : "UDP", holder);
	else
		snprintf(error, LISTENERS_ERROR_MAX,
			 "listen: %s: already in use (%s); this shows by whom, as root: ss -l%cnp 'sport = :%u'",
			 where, tcp ? "TCP" : "UDP", tcp ? 't' : 'u', port_of(addr));
}

static void explain(int cause, const struct sockaddr_storage *addr, bool tcp,
		    char *error)
{
	char where[MX_ADDRESS_TEXT_MAX], program[256] = "mxbound";

	mx_address_text((const struct sockaddr *)addr, where);
	switch (cause) {
	case EADDRINUSE:
		explain_in_use(where, addr, tcp, error);
		break;
	case EACCES: {
		ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
		if (len > 0)
			program[len] = '\0';
		snprintf(error, LISTENERS_ERROR_MAX,
			 "listen: %s: not allowed to use port %u; start as root, or once as root: setcap cap_net_bind_service+ep %s",
			 where, port_of(addr), program);
		break;
	}
	case EADDRNOTAVAIL:
		snprintf(error, LISTENERS_ERROR_MAX,
			 "listen: %s: this machine does not have that address; `ip address` shows those it has",
			 where);
		break;
	case EAFNOSUPPORT:
		snprintf(error, LISTENERS_ERROR_MAX,
			 "listen: %s: this machine has no %s", where,
			 addr->ss_family == AF_INET6 ? "IPv6" : "IPv4");
		break;
	default:
		snprintf(error, LISTENERS_ERROR_MAX, "listen: %s (%s): %s",
			 where, tcp ? "TCP" : "UDP", strerror(cause));
	}
}

/* ---- the list ---- */

bool listeners_add(struct listeners *listeners, const struct listener *one)
{
	struct listener *more = realloc(listeners->at,
					(listeners->count + 1) * sizeof *more);
	if (!more)
		return false;
	listeners->at = more;
	listeners->at[listeners->count++] = *one;
	return true;
}

void listeners_clear(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (listeners->at[i].fd >= 0)
			close(listeners->at[i].fd);
	free(listeners->at);
	*listeners = (struct listeners){ .at = NULL };
}

unsigned listeners_worker(const struct listeners *listeners, size_t at,
			  unsigned workers)
{
	const struct listener *one = &listeners->at[at];
	unsigned before = 0;

	for (size_t i = 0; i < at; i++)
		before += listeners->at[i].tcp == one->tcp &&
			same_address(&listeners->at[i].addr, &one->addr);
	return before % workers;
}

void listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (fchown(listeners->at[i].fd, uid, gid) != 0)
			return;
}

void listeners_prune(const struct listeners *listeners, struct mx_config *config)
{
	struct sockaddr_storage addr;
	socklen_t len;
	size_t kept = 0;

	for (size_t i = 0; i < config->listen.count; i++) {
		char *text = config->listen.at[i];
		bool bound = false;
		for (size_t j = 0; j < listeners->count && !bound; j++)
			bound = mx_address_parse(text, DNS_PORT, &addr, &len) &&
				same_address(&listeners->at[j].addr, &addr);
		if (bound)
			config->listen.at[kept++] = text;
		else
			free(text);
	}
	config->listen.count = kept;
}

/* Duplicates of one descriptor are one socket. */
static bool same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
		x.st_ino == y.st_ino;
}

size_t listeners_take_shared(struct listeners *to, struct listeners *from)
{
	size_t own = to->count, taken = 0;

	for (size_t i = 0; i < from->count; i++) {
		struct listener *one = &from->at[i];
		bool known = one->fd < 0, served = false;
		for (size_t j = 0; j < own; j++) {
			if (to->at[j].tcp != one->tcp ||
			    !same_address(&to->at[j].addr, &one->addr))
				continue;
			served = true;
			known = known || same_socket(to->at[j].fd, one->fd);
		}
		if (!served || known || !listeners_add(to, one))
			continue;
		one->fd = -1;
		taken++;
	}
	return taken;
}

/* ---- binding ---- */

struct wanted {
	struct sockaddr_storage at[64];
	size_t count;
};

/* mx_config_load has refused what is no address, twice there or too much. */
static void read_wanted(const struct mx_config *config, struct wanted *ret)
{
	struct sockaddr_storage addr;
	socklen_t len;

	ret->count = 0;
	for (size_t i = 0; i < config->listen.count; i++) {
		if (ret->count == sizeof ret->at / sizeof *ret->at ||
		    !mx_address_parse(config->listen.at[i], DNS_PORT, &addr, &len))
			continue;
		ret->at[ret->count++] = addr;
	}
}

/* Nobody wrote the addresses: a machine without IPv6 serves IPv4. */
static bool is_default_list(const struct mx_config *config)
{
	struct mx_config defaults;
	char error[MX_CONFIG_ERROR_MAX];

	if (mx_config_load(&defaults, NULL, NULL, 0, error) != MX_OK)
		return false;
	bool same = config->listen.count == defaults.listen.count;
	for (size_t i = 0; same && i < config->listen.count; i++)
		same = strcmp(config->listen.at[i], defaults.listen.at[i]) == 0;
	mx_config_clear(&defaults);
	return same;
}

static bool may_miss(const struct mx_config *config,
		     const struct sockaddr_storage *addr, int cause)
{
	return is_default_list(config) && addr->ss_family == AF_INET6 &&
		(cause == EADDRNOTAVAIL || cause == EAFNOSUPPORT);
}

/* A socket of ours would be in the way of a probe, and shows as well as the
 * probe would that nobody else has the port: all of it, with an address or a
 * wildcard. */
static bool held_by_us(const struct listeners *old,
		       const struct sockaddr_storage *addr, bool tcp)
{
	for (size_t i = 0; old && i < old->count; i++)
		if (old->at[i].tcp == tcp &&
		    port_of(&old->at[i].addr) == port_of(addr))
			return true;
	return false;
}

/* Drop from wanted what is not there and need not be. All are probed before
 * the first is bound, so that a wildcard of ours is not in the way of another
 * address of ours. */
static enum mx_error probe(const struct mx_config *config, struct wanted *wanted,
			   const struct listeners *old, char *error)
{
	char where[MX_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < wanted->count; i++) {
		struct sockaddr_storage *addr = &wanted->at[i];
		for (int tcp = 0; tcp <= 1; tcp++) {
			if (held_by_us(old, addr, tcp))
				continue;
			int fd = open_socket(addr, tcp, false);
			if (fd >= 0) {
				close(fd);
				continue;
			}
			int cause = errno;
			if (!may_miss(config, addr, cause)) {
				explain(cause, addr, tcp, error);
				return MX_E_SYSTEM;
			}
			mx_address_text((struct sockaddr *)addr, where);
			mx_log(MX_LOG_NOTICE,
			       "no IPv6 on this machine: not listening on %s",
			       where);
			memmove(addr, addr + 1,
				(--wanted->count - i) * sizeof *addr);
			i--;
			break;
		}
	}
	return MX_OK;
}

static enum mx_error add_socket(struct listeners *to, int fd,
				const struct sockaddr_storage *addr, bool tcp,
				char *error)
{
	struct listener one = { .fd = fd, .tcp = tcp, .addr = *addr };

	if (fd < 0) {
		explain(errno, addr, tcp, error);
		return MX_E_SYSTEM;
	}
	if (!listeners_add(to, &one)) {
		close(fd);
		snprintf(error, LISTENERS_ERROR_MAX, "out of memory");
		return MX_E_NO_MEMORY;
	}
	return MX_OK;
}

/* Which of the UDP sockets of an address gets a datagram. By itself the kernel
 * goes by the client's address and port, and a mail server that asks from one
 * socket would have one worker do everything while the others sleep. So: any
 * of them, by chance. A socket more or less does no harm, then the kernel goes
 * by its own rule; so it does where this is not to be had. */
static void spread(int fd, unsigned sockets)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog code = {
		.len = sizeof program / sizeof *program, .filter = program,
	};

	if (sockets > 1)
		(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
				 &code, sizeof code);
}

static enum mx_error bind_one(struct listeners *to, const struct sockaddr_storage *addr,
			      bool tcp, unsigned workers,
			      const struct listeners *old, char *error)
{
	enum mx_error err = MX_OK;
	unsigned have = 0;

	for (size_t i = 0; err == MX_OK && old && i < old->count; i++) {
		const struct listener *one = &old->at[i];
		if (one->tcp != tcp || !same_address(&one->addr, addr))
			continue;
		err = add_socket(to, fcntl(one->fd, F_DUPFD_CLOEXEC, 0), addr,
				 tcp, error);
		have++;
	}
	for (; err == MX_OK && have < workers; have++)
		err = add_socket(to, open_socket(addr, tcp, true), addr, tcp,
				 error);
	if (err == MX_OK && !tcp)
		spread(to->at[to->count - 1].fd, have);
	return err;
}

enum mx_error listeners_bind(struct listeners *ret,
			     const struct mx_config *config,
			     const struct listeners *old,
			     char error[LISTENERS_ERROR_MAX])
{
	struct listeners made = { .at = NULL };
	struct wanted wanted;
	unsigned workers = mx_config_workers(config);

	read_wanted(config, &wanted);
	enum mx_error err = probe(config, &wanted, old, error);
	if (err == MX_OK && wanted.count == 0) {
		snprintf(error, LISTENERS_ERROR_MAX, "listen: no address left to listen on");
		err = MX_E_CONFIG;
	}
	for (size_t i = 0; err == MX_OK && i < wanted.count; i++)
		for (int tcp = 0; err == MX_OK && tcp <= 1; tcp++)
			err = bind_one(&made, &wanted.at[i], tcp, workers, old,
				       error);
	if (err == MX_OK)
		*ret = made;
	else
		listeners_clear(&made);
	return err;
}
