/* generation.h - one configuration, with the sockets and children that serve
 * it. There are two of them only while one takes over from the other.
 *
 * Owns     its sockets, descriptors, configuration, and the children's
 *          control sockets. Closing a socket here does not close it in other
 *          generations, which have duplicates.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include "mx_clock.h"
#include "mx_config.h"
#include "mx_handover.h"
#include "spawn.h"
#include "state.h"
#include "watch.h"

/* Messages that wait for room in the child's socket: a front gets thousands
 * with many addresses and workers, and the supervisor never blocks. */
struct outbox {
	struct mx_handover *at; /* descriptors are ours until they are sent */
	size_t first, count, room;
	bool blocked; /* wait until the socket can take more */
};

struct child {
	enum role role;
	unsigned index;
	pid_t pid;	       /* 0: not running */
	int control;	       /* -1: none */
	bool fresh;	       /* started just now, not connected yet */
	const char *condemned; /* why we killed it, or NULL */
	struct pulse pulse;
	struct backoff backoff;
	mx_instant start_at;   /* if not running */
	mx_instant died_at;    /* 0: never */
	unsigned failed_starts; /* in a row, without getting ready */
	bool saving;	       /* a front that writes its last snapshot */
	bool save_owed;	       /* it has not said SAVED to the last SAVE, */
	unsigned save_number;  /* which was this one */
	struct outbox outbox;
};

enum phase {
	PHASE_STARTING, /* until all children have been ready once */
	PHASE_SERVING,
	PHASE_DRAINING, /* the front finishes what it has in hand */
	PHASE_ENDING,	/* everything is to exit */
};

struct generation {
	unsigned number;
	enum phase phase;
	mx_instant phase_until; /* STARTING (0: no limit), DRAINING, ENDING */
	struct mx_config config;
	int config_fd;
	int program[ROLE_COUNT];
	struct listeners listeners;
	struct control_socket control;
	struct service_sockets services;
	unsigned workers;
	struct child child[CHILDREN_MAX]; /* [0] is the front, the fetcher, if
					     there is one, the last */
	size_t child_count;
};

/* Bind, read programs, write the configuration for the children; starts
 * nothing. Takes config's contents, also on failure. old: NULL, or whose
 * sockets are taken over. Failures are logged. */
struct generation *generation_new(struct mx_config *config,
				  const struct programs *programs,
				  const struct generation *old);
/* From what a former program image left; NULL if something of it is not what
 * it is said to be (logged). Owns all descriptors of the state on success. */
struct generation *generation_adopt(const struct state *state, mx_instant now);
/* Kills what still runs. */
void generation_free(struct generation *g);

/* Start what is due, connect it, hand everything over. ipv6 as in state.h. */
void generation_start_due(struct generation *g, int ipv6, mx_instant now);
/* Kill what is taken for dead. */
void generation_judge(struct generation *g, mx_instant now);
/* All that the kernel said about pid (from waitpid); false: none of ours. */
bool generation_reaped(struct generation *g, pid_t pid, int status, mx_instant now);
/* Read a child's messages; a verdict about IPv6 goes to *ipv6. */
void generation_receive(struct child *c, int *ipv6, mx_instant now);
void generation_flush(struct generation *g);

/* DNS is served: whether the fetcher is there too does not matter. */
bool generation_ready(const struct generation *g);
/* A child failed so often at its start that there is no point in going on. Not
 * so of the fetcher, without which there is no MTA-STS, but DNS. */
const struct child *generation_hopeless(const struct generation *g);
unsigned generation_running(const struct generation *g);
bool generation_outboxes_empty(const struct generation *g);
/* When the next child is to be started; INT64_MAX: none waits. */
mx_instant generation_next_start(const struct generation *g);
void generation_signal(struct generation *g, int number);
void generation_drain(struct generation *g);
/* Ask the front for a snapshot. False: there is none, or no snapshot-file. */
bool generation_save(struct generation *g, unsigned number);
/* It has not said yet that this is done. A front that was started since owes
 * nothing. */
bool generation_saves(const struct generation *g);
/* Its front writes a snapshot before it ends. */
bool generation_saves_last(const struct generation *g);
/* Forgive silence: it was the supervisor that was away. */
void generation_excuse(struct generation *g, mx_instant now);

/* "mxbound-resolver 1". */
#define CHILD_NAME_MAX 32
void child_name(const struct child *c, char ret[CHILD_NAME_MAX]);

#endif
