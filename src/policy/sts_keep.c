/* sts_keep.c - keeps the file of MTA-STS policies current. See sts_keep.h. */
#include "sts_keep.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "mx_handover.h"
#include "mx_log.h"
#include "sts.h"
#include "sts_file.h"
#include "sts_saver.h"

#define FINISH_LOOK_MS 20

struct sts_keep {
	const char *file;
	struct sts_store *store;
	struct sts_saver *saver; /* NULL: there is none, or no more */
	struct event *timer;
	uint64_t saved; /* the store's changes by then */
	mx_instant saved_at;
};

/* ---- reading ---- */

static void tell_loaded(const char *file, const struct sts_file_loaded *l)
{
	char lost[160] = "";

	if (l->expired + l->refused + l->damaged > 0)
		snprintf(lost, sizeof(lost),
			 "; dropped: %zu run out, %zu not acceptable, %zu damaged",
			 l->expired, l->refused, l->damaged);
	mx_log(l->refused + l->damaged > 0 ? MX_LOG_WARNING : MX_LOG_NOTICE,
	       "MTA-STS: %zu policies from %s%s", l->loaded, file, lost);
}

static void load(const char *file, struct sts_store *store)
{
	struct sts_file_loaded loaded;
	enum sts_file_verdict verdict =
		sts_file_read(file, store, sts_time_now(), &loaded);
	const char *text = sts_file_verdict_text(verdict);

	switch (verdict) {
	case STS_FILE_READ:
		tell_loaded(file, &loaded);
		break;
	case STS_FILE_MISSING:
		mx_log(MX_LOG_INFO, "MTA-STS: %s %s yet", file, text);
		break;
	case STS_FILE_UNREADABLE:
		mx_log(MX_LOG_WARNING,
		       "MTA-STS: %s %s: %s; let the account that mxbound works as read it, or name another with mta-sts-file",
		       file, text, strerror(loaded.error));
		break;
	case STS_FILE_OWNER:
		mx_log(MX_LOG_WARNING,
		       "MTA-STS: %s is not used: it %s; chown it, or remove it",
		       file, text);
		break;
	default:
		mx_log(MX_LOG_WARNING,
		       "MTA-STS: %s is not used: it %s; the next one replaces it, and policies are fetched anew",
		       file, text);
	}
}

/* ---- writing ---- */

static void save(struct sts_keep *keep)
{
	uint64_t changes = sts_store_changes(keep->store);
	uint8_t *octets;
	size_t len;

	if (changes == keep->saved)
		return;
	octets = sts_file_make(keep->store, &len);
	if (!octets) {
		mx_log(MX_LOG_WARNING, "MTA-STS: cannot write %s: out of memory",
		       keep->file);
		return;
	}
	sts_saver_give(keep->saver, octets, len);
	keep->saved = changes;
	keep->saved_at = mx_clock_now();
}

void sts_keep_changed(struct sts_keep *keep)
{
	mx_instant since, wait = STS_SAVE_SOON_MS;

	if (!keep || !keep->saver || evtimer_pending(keep->timer, NULL) ||
	    sts_store_changes(keep->store) == keep->saved)
		return;
	since = mx_clock_now() - keep->saved_at;
	if (since < STS_SAVE_AGAIN_MS - STS_SAVE_SOON_MS)
		wait = STS_SAVE_AGAIN_MS - since;
	timer_start(keep->timer, wait);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sts_keep *keep = arg;

	(void)fd;
	(void)what;
	if (sts_saver_busy(keep->saver))
		timer_start(keep->timer, STS_SAVE_SOON_MS);
	else
		save(keep);
}

void sts_keep_cease(struct sts_keep *keep)
{
	if (!keep || !keep->saver)
		return;
	event_del(keep->timer);
	save(keep);
	sts_saver_free(keep->saver);
	keep->saver = NULL;
}

void sts_keep_finish(struct sts_keep *keep, void (*beat)(void))
{
	struct mx_handover saving = { .type = MX_HANDOVER_SAVING, .fd = -1 };

	if (!keep || !keep->saver)
		return;
	save(keep);
	if (!sts_saver_busy(keep->saver))
		return;
	mx_handover_send(MX_HANDOVER_FD, &saving);
	while (sts_saver_busy(keep->saver)) {
		poll(NULL, 0, FINISH_LOOK_MS);
		beat();
	}
}

struct sts_keep *sts_keep_new(struct event_base *base, const char *file,
			      struct sts_store *store)
{
	struct sts_keep *keep = calloc(1, sizeof(*keep));

	if (!keep)
		return NULL;
	keep->file = file;
	keep->store = store;
	keep->saved_at = mx_clock_now() - STS_SAVE_AGAIN_MS;
	load(file, store);
	keep->saved = sts_store_changes(store);
	keep->timer = evtimer_new(base, on_timer, keep);
	keep->saver = sts_saver_new(file);
	if (keep->timer && keep->saver)
		return keep;
	sts_keep_free(keep);
	return NULL;
}

void sts_keep_free(struct sts_keep *keep)
{
	if (!keep)
		return;
	sts_keep_cease(keep);
	if (keep->timer)
		event_free(keep->timer);
	free(keep);
}
