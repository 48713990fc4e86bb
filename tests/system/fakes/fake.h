/* fake.h - what all fake children share: the supervisor's end of things.
 *
 * The fakes stand where mxbound-front and the others do, so that tests can make
 * them fail in every way. How they start is read from the file front.mode,
 * resolver.mode or fetcher.mode beside the program:
 *   ok | crash | mute (never ready) | late (ready after a second)
 */
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "mx_clock.h"
#include "mx_config.h"
#include "mx_handover.h"

#define FAKE_CHANNELS_MAX 4096

struct fake {
	const char *role;
	int control;
	bool go, ready, drain, quiet, slow; /* slow: never SAVED */
	bool listens_control; /* was handed the control socket */
	int ipv6; /* what the supervisor said; -1: nothing */
	struct mx_config config;
	int *udp, *tcp; /* by number of arrival */
	unsigned udp_count, tcp_count;
	int pair; /* of front and fetcher; -1 */
	int channel[FAKE_CHANNELS_MAX]; /* by worker * 16 + resolver; -1 */
	mx_instant started, beat_at;
};

void fake_begin(struct fake *f, const char *role);
/* All messages that are there; exits when the supervisor is gone. */
void fake_control(struct fake *f);
/* READY and HEARTBEAT when they are due. */
void fake_tick(struct fake *f);
void fake_say_ipv6(struct fake *f, bool works);
/* "exit 3", "stop", "spin", "hang", "segv", "quiet" (no heartbeat), "deaf" (to
 * SIGTERM), "saving" (says so), "slow" (no snapshot gets done): obeyed; false:
 * another word. */
bool fake_obey(struct fake *f, const char *word);

#endif
