/* holder.c - which process holds an address that cannot be bound. */
#include "holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTENING 0x0au

/* An address of either family in 16 octets, IPv4 mapped into IPv6. */
struct endpoint {
	uint8_t address[16];
	uint16_t port;
};

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static struct endpoint endpoint_of(const struct sockaddr *addr)
{
	struct endpoint e = { .port = 0 };

	if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)addr;
		memcpy(e.address, &v6->sin6_addr, 16);
		e.port = ntohs(v6->sin6_port);
	} else {
		const struct sockaddr_in *v4 = (const void *)addr;
		memcpy(e.address, v4_prefix, 12);
		memcpy(e.address + 12, &v4->sin_addr, 4);
		e.port = ntohs(v4->sin_port);
	}
	return e;
}

/* The table shows addresses as 32-bit numbers in host order of what lies in
 * memory in network order, so a number read back lies there as it did. */
static bool read_endpoint(const char *text, int family, struct endpoint *ret)
{
	unsigned words = family == AF_INET6 ? 4 : 1;
	uint8_t *to = ret->address + (family == AF_INET6 ? 0 : 12);
	uint32_t word;
	uint16_t port;

	if (family == AF_INET)
		memcpy(ret->address, v4_prefix, 12);
	for (unsigned i = 0; i < words; i++, text += 8) {
		if (sscanf(text, "%8" SCNx32, &word) != 1 || strnlen(text, 8) != 8)
			return false;
		memcpy(to + 4 * i, &word, 4);
	}
	if (sscanf(text, ":%4" SCNx16, &port) != 1)
		return false;
	ret->port = port;
	return true;
}

static bool is_any(const struct endpoint *e)
{
	static const uint8_t none[16];

	if (memcmp(e->address, v4_prefix, 12) == 0)
		return memcmp(e->address + 12, none, 4) == 0;
	return memcmp(e->address, none, 16) == 0;
}

static bool is_v4(const struct endpoint *e)
{
	return memcmp(e->address, v4_prefix, 12) == 0;
}

static bool in_the_way(const struct endpoint *held, const struct endpoint *wanted)
{
	if (held->port != wanted->port)
		return false;
	if (memcmp(held->address, wanted->address, 16) == 0)
		return true;
	if (is_any(held)) /* [::] takes IPv4 too, unless it is V6ONLY */
		return is_v4(wanted) || !is_v4(held);
	return is_any(wanted) && is_v4(held) == is_v4(wanted);
}

uint64_t holder_inode(FILE *table, int family, bool tcp,
		      const struct sockaddr *addr)
{
	struct endpoint wanted = endpoint_of(addr), held;
	char line[512], local[64];
	unsigned state;
	uint64_t inode;

	while (fgets(line, sizeof line, table)) {
		/*  sl local rem st tx:rx tr:when retrnsmt uid timeout inode */
		if (sscanf(line, " %*[0-9]: %63s %*s %x %*s %*s %*s %*s %*s %" SCNu64,
			   local, &state, &inode) != 3)
			continue;
		if (tcp && state != TCP_LISTENING)
			continue;
		if (read_endpoint(local, family, &held) &&
		    in_the_way(&held, &wanted) && inode != 0)
			return inode;
	}
	return 0;
}

static uint64_t inode_of(const struct sockaddr *addr, bool tcp)
{
	static const struct {
		int family;
		const char *path[2]; /* UDP, TCP */
	} tables[] = {
		{ AF_INET, { "/proc/net/udp", "/proc/net/tcp" } },
		{ AF_INET6, { "/proc/net/udp6", "/proc/net/tcp6" } },
	};
	uint64_t inode = 0;

	for (size_t i = 0; i < 2 && inode == 0; i++) {
		FILE *table = fopen(tables[i].path[tcp], "re");
		if (!table)
			continue;
		inode = holder_inode(table, tables[i].family, tcp, addr);
		fclose(table);
	}
	return inode;
}

static bool has_descriptor(int proc, const char *pid, const char *link)
{
	char path[64], found[64];
	bool has = false;

	snprintf(path, sizeof path, "%.20s/fd", pid);
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *e; !has && (e = readdir(folder)) != NULL;) {
		ssize_t len = readlinkat(fd, e->d_name, found, sizeof found - 1);
		if (len <= 0)
			continue;
		found[len] = '\0';
		has = strcmp(found, link) == 0;
	}
	closedir(folder);
	return has;
}

static void describe(int proc, const char *pid, char ret[HOLDER_TEXT_MAX])
{
	char path[64], name[32] = "";

	snprintf(path, sizeof path, "%.20s/comm", pid);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t len = read(fd, name, sizeof name - 1);
		name[len > 0 ? len : 0] = '\0';
		name[strcspn(name, "\n")] = '\0';
		close(fd);
	}
	snprintf(ret, HOLDER_TEXT_MAX, "%s (pid %.20s)",
		 name[0] ? name : "a process", pid);
}

void holder_name(pid_t pid, char ret[HOLDER_TEXT_MAX])
{
	char number[16];
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	snprintf(number, sizeof number, "%d", (int)pid);
	snprintf(ret, HOLDER_TEXT_MAX, "another process");
	if (proc < 0)
		return;
	if (pid > 0) /* 0: it is of another namespace */
		describe(proc, number, ret);
	close(proc);
}

bool holder_find(const struct sockaddr *addr, bool tcp,
		 char ret[HOLDER_TEXT_MAX])
{
	char link[64];
	bool found = false;
	uint64_t inode = inode_of(addr, tcp);

	if (inode == 0)
		return false;
	snprintf(link, sizeof link, "socket:[%" PRIu64 "]", inode);

	DIR *proc = opendir("/proc");
	if (!proc)
		return false;
	for (struct dirent *e; !found && (e = readdir(proc)) != NULL;) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		found = has_descriptor(dirfd(proc), e->d_name, link);
		if (found)
			describe(dirfd(proc), e->d_name, ret);
	}
	closedir(proc);
	return found;
}
