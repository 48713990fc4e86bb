/* control_path.c - where the control socket is. See mx_control.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mx_control.h"

#define ROOT_FOLDER "/run/mxbound"
#define ROOT_PATH ROOT_FOLDER "/control.sock"
#define OWN_FOLDER "/tmp/mxbound-%lu"

static bool runtime_path(char ret[MX_CONTROL_PATH_MAX])
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	int len;

	if (folder == NULL || *folder != '/')
		return false;
	len = snprintf(ret, MX_CONTROL_PATH_MAX, "%s/mxbound/control.sock",
		       folder);
	return len > 0 && (size_t)len < MX_CONTROL_PATH_MAX;
}

static bool owns_root_folder(void)
{
	struct stat st;

	return lstat(ROOT_FOLDER, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

bool mx_control_path(unsigned i, char ret[MX_CONTROL_PATH_MAX])
{
	char own[MX_CONTROL_PATH_MAX], runtime[MX_CONTROL_PATH_MAX];
	const char *places[3];
	unsigned count = 0;
	bool is_root = geteuid() == 0 || owns_root_folder();

	if (!is_root && runtime_path(runtime))
		places[count++] = runtime;
	if (!is_root) {
		snprintf(own, sizeof(own), OWN_FOLDER "/control.sock",
			 (unsigned long)geteuid());
		places[count++] = own;
	}
	places[count++] = ROOT_PATH;
	if (i >= count)
		return false;
	strcpy(ret, places[i]);
	return true;
}

bool mx_control_path_trusted(const char *path)
{
	char folder[MX_CONTROL_PATH_MAX];
	size_t len = (size_t)snprintf(folder, sizeof(folder), OWN_FOLDER,
				      (unsigned long)geteuid());
	struct stat st;

	if (strncmp(path, folder, len) != 0 || path[len] != '/')
		return true;
	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

socklen_t mx_control_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, strnlen(path, sizeof(ret->sun_path) - 1));
	return sizeof(*ret);
}
