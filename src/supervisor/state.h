/* state.h - what one program image leaves to the next in the same process.
 *
 * Text, one fact a line, since the two may be of different versions; the
 * first line names the version of the format, and lines that begin with an
 * unknown word are passed over.
 *
 *   mxbound-takeover 1
 *   pid 4711                       of this process: not somebody's child
 *   generation 3
 *   ipv6 -1 | 0 | 1                what a resolver found, -1 nothing yet
 *   config 9                       descriptor of the configuration's text
 *   folder 5                       where the programs are, -1 unknown
 *   program front|resolver 6       O_PATH descriptor of the file
 *   socket udp|tcp 12 127.0.0.1@53
 *   control auto|set 14 /run/mxbound/control.sock    if there is one
 *   policy 15 127.0.0.1@8642       for each of policy-listen
 *   http 17 127.0.0.1@8053         for each of http-listen
 *   child front|resolver INDEX PID CONTROL READY
 *   fetcher-program 7              if there is one
 *   fetcher PID CONTROL READY      likewise
 *   end
 *
 * The fetcher has words of its own, so that a version without one passes them
 * over. It then leaves that process alone, until it ends itself.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "control_socket.h"
#include "listeners.h"
#include "service_sockets.h"

enum role { ROLE_FRONT, ROLE_RESOLVER, ROLE_FETCHER };
#define ROLE_COUNT 3
extern const char *const role_name[ROLE_COUNT]; /* "front", ... */

/* The front, as many resolvers as `resolvers` allows, and the fetcher. */
#define RESOLVERS_MAX 16
#define CHILDREN_MAX (1 + RESOLVERS_MAX + 1)
#define STATE_SOCKETS_MAX 65536
#define STATE_OCTETS_MAX (8u << 20)
#define STATE_ERROR_MAX 128

struct state_child {
	enum role role;
	unsigned index; /* of a resolver, else 0 */
	pid_t pid;	/* 0: not running just now */
	int control;	/* -1: closed */
	bool ready;
};

struct state {
	pid_t self;
	unsigned generation;
	int ipv6;
	int config, folder, program[ROLE_COUNT]; /* the fetcher's may be -1 */
	struct listeners listeners; /* owned; its descriptors are not until
				       the state has been verified */
	struct control_socket control; /* likewise */
	struct service_sockets services; /* likewise */
	struct state_child child[CHILDREN_MAX];
	size_t child_count;
};

bool state_write(const struct state *state, FILE *out);

/* Pure. Every number is checked for its range, what must be there once is
 * there once, no descriptor or process occurs twice. On error *ret is not
 * touched and error says which line. */
enum mx_error state_read(const char *text, size_t len, struct state *ret,
			 char error[STATE_ERROR_MAX]);
/* Frees the list of sockets, closes nothing. */
void state_free(struct state *state);

#endif
