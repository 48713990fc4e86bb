/* mx_supervisor.h - the program that binds, starts, watches and hands over.
 *
 * Owns     the listening sockets, the channel pairs until they are handed
 *          over, and the child processes. Single-threaded; parses nothing
 *          that came from the network.
 *
 * What a child program finds when it starts:
 *   descriptors   0, 1, 2 as the supervisor has them, and MX_HANDOVER_FD (3),
 *                 blocking; no other
 *   arguments     its own name only
 *   signals       none blocked. Ignored: HUP, INT, PIPE, TSTP, TTIN, TTOU,
 *                 USR1, USR2, since a terminal sends Ctrl-C and Ctrl-Z to all
 *                 processes at once and it is the supervisor's to act on it.
 *                 All others have their default action
 *   death         SIGKILL when the supervisor dies; no new privileges
 *
 * What it does:
 *   - receive from descriptor 3 until GO. CONFIG comes first: read it, then
 *     call mx_drop_privileges(). `workers` and `resolvers` in it are never 0.
 *     For a resolver IPV6 may follow. CHANNEL messages may come before GO
 *     and at any time after it, and replace an earlier channel of the same
 *     worker and resolver; a channel may be missing at GO if the process at
 *     its other end is just being started
 *   - send READY once when it can work, HEARTBEAT every MX_HEARTBEAT_MS from
 *     then on, from the loop that does the work, so that a stuck loop shows
 *   - exit with status 0 on SIGTERM, and at end of file on descriptor 3
 *   - the front: on DRAIN take nothing more from the listening sockets,
 *     finish what is in hand, exit with status 0 by itself. On SAVE write the
 *     snapshot and say SAVED. On SIGTERM, if it has a snapshot to write, say
 *     SAVING and write it
 *
 * When it is killed and started again:
 *   - not READY within MX_START_GRACE_MS
 *   - no HEARTBEAT for MX_SPIN_MS, in which it used as much processor time
 *     (so a process that only waits for its turn is left alone)
 *   - no HEARTBEAT for MX_SILENT_MS
 *   - stopped by a signal
 */
#ifndef MX_SUPERVISOR_H
#define MX_SUPERVISOR_H

#include <stdbool.h>

#include "mx_config.h"

/* Sanitizers slow a program down by as much. */
#ifdef MX_SANITIZED
#define MX_SLOWDOWN_START 10
#define MX_SLOWDOWN_RUN 3
#else
#define MX_SLOWDOWN_START 1
#define MX_SLOWDOWN_RUN 1
#endif

#define MX_START_GRACE_MS (10000 * MX_SLOWDOWN_START)
#define MX_SPIN_MS (600 * MX_SLOWDOWN_RUN)
#define MX_SILENT_MS 5000
#define MX_DRAIN_MAX_MS 15000 /* for the old front to finish */
#define MX_STOP_MAX_MS 2000   /* between SIGTERM and SIGKILL */
/* The same for a front that said SAVING: gigabytes to a slow disk. Below what
 * init systems wait for (systemd: 90 s). */
#define MX_STOP_SAVING_MAX_MS 60000
/* Before a new version takes over, for the snapshot it is to start with. After
 * that it starts with the one before. */
#define MX_TAKEOVER_SAVE_MAX_MS 15000

/* Serve until SIGTERM or SIGINT; returns the exit status. Takes over the
 * contents of config, which is left cleared. argv is what main() got: a new
 * version is started with the same arguments on SIGUSR2. */
int mx_supervisor_run(struct mx_config *config, int argc, char **argv);

/* This process was running already and has just replaced its program
 * (SIGUSR2): children serve meanwhile, under the former configuration. main
 * asks this when the configuration that it loaded is wrong, and goes on with
 * the former one rather than exit, which would end the service. */
bool mx_supervisor_takeover_pending(void);
enum mx_error mx_supervisor_old_config(struct mx_config *ret,
				       char error[MX_CONFIG_ERROR_MAX]);

#endif
