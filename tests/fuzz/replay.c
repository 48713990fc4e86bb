/* replay.c - a fuzz target's main() where there is no libFuzzer.
 *
 *   replay FOLDER-OR-FILE...
 *
 * Each file is handed over in a block of its own size, so that a sanitizer or
 * valgrind sees the first octet read too many. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static unsigned replayed;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *octets;
	size_t len;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		perror(path);
		exit(1);
	}
	len = (size_t)st.st_size;
	octets = malloc(len + (len == 0));
	if (octets == NULL || fread(octets, 1, len, file) != len) {
		perror(path);
		exit(1);
	}
	fclose(file);
	/* The last one named is the one that failed. */
	if (getenv("VERBOSE") != NULL)
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(octets, len);
	replayed++;
	free(octets);
}

static void replay_folder(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof file, "%s/%s", path,
			 entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replay_file(file);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) != 0) {
			perror(argv[i]);
			return 1;
		}
		if (S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("%u inputs replayed\n", replayed);
	/* An empty corpus tests nothing: that is a mistake in the build. */
	return replayed == 0;
}
