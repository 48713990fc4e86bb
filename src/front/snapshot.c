/* snapshot.c - the cache's file: loaded at the start, written every few
 * minutes, on command and at the end.
 *
 * One thread does all of it, so that no worker ever waits for a disk. It
 * loads as fast as it can, since until then clients wait for what is in the
 * file. It writes with low priority, and while workers serve it rests after
 * each MiB as long as that took: so it takes half a core at most, and one that
 * is idle. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "mx_handover.h"
#include "mx_log.h"

#define NICE 10
#define FINISH_BEAT_MS 100

struct snapshot {
	const struct mx_config *config;
	const char *file;
	struct mx_cache *cache;
	struct stale_rules *rules;
	struct mx_check_room room;
	struct mx_snapshot what;
	mx_instant part_began; /* of the MiB under way */
	bool rests;	       /* between parts */
	bool last;	       /* no worker is left to be in the way */
	bool given_up;	       /* what was under way, since it is to end */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	bool ceased, finishing, ended;
	bool asked;
	uint32_t number; /* of the last request */
};

/* ---- time ---- */

/* Which boot it is; if the system does not tell, one like no other. */
static void read_boot(uint8_t ret[MX_SNAPSHOT_BOOT_LEN])
{
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (fd >= 0)
		close(fd);
	if (len >= 36)
		crypto_generichash(ret, MX_SNAPSHOT_BOOT_LEN,
				   (const uint8_t *)text, 36, NULL, 0);
	else
		randombytes_buf(ret, MX_SNAPSHOT_BOOT_LEN);
}

static void set_time(struct snapshot *s)
{
	s->what.now = s->part_began = mx_clock_now();
	s->what.wall_ms = mx_clock_wall_ms();
}

/* With the lock. Not so any more when it is to end. */
static bool is_wanted(const struct snapshot *s)
{
	return !s->ceased && !s->finishing;
}

/* With the lock. Until something has changed, or for so long. */
static void wait_ms(struct snapshot *s, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

/* ---- what the cache asks ---- */

/* After each MiB. What is under way is given up if nobody wants it any more. */
static bool go_on(void *arg)
{
	struct snapshot *s = arg;
	mx_instant now = mx_clock_now(), until = now + (now - s->part_began);
	bool on;

	if (s->last)
		return true;
	pthread_mutex_lock(&s->lock);
	while (s->rests && is_wanted(s) && now < until) {
		wait_ms(s, until - now);
		now = mx_clock_now();
	}
	on = is_wanted(s);
	pthread_mutex_unlock(&s->lock);
	s->given_up = !on;
	s->part_began = now;
	return on;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* Today's settings hold for yesterday's answers too. */
static bool check(void *arg, const struct mx_key *key, struct mx_answer *answer)
{
	struct snapshot *s = arg;
	const struct mx_config *c = s->config;
	uint64_t most_s = answer->state == MX_BOGUS ? c->bogus_ttl_max :
		answer->kind != MX_ANSWER_POSITIVE ? c->negative_ttl_max :
						     c->ttl_max;

	answer->may_stale = answer->may_stale && stale_allowed(s->rules, key);
	return key->qtype != MX_TYPE_ANY && answer->ttl_s <= most_s &&
	       mx_answer_check(key, answer, least(c->ttl_max, UINT32_MAX),
			       &s->room) == MX_OK;
}

/* ---- loading ---- */

static void tell_loaded(const struct snapshot *s,
			const struct mx_snapshot_loaded *l, int64_t ms)
{
	char dropped[300] = "";
	size_t used = 0;
	const struct {
		size_t count;
		const char *text;
	} fates[] = {
#define X(name, text) { l->name, text },
		MX_SNAPSHOT_FATES(X)
#undef X
	};

	for (size_t i = 1; i < sizeof(fates) / sizeof(*fates); i++)
		if (fates[i].count > 0)
			used += (size_t)snprintf(dropped + used,
						 sizeof(dropped) - used,
						 "%s%zu %s",
						 used > 0 ? ", " : "; dropped: ",
						 fates[i].count, fates[i].text);
	mx_log(MX_LOG_NOTICE, "snapshot: %zu answers from %s in %d ms%s",
	       l->loaded, s->file, (int)ms, dropped);
}

static void tell_not_loaded(const struct snapshot *s,
			    enum mx_snapshot_verdict verdict,
			    const struct mx_snapshot_loaded *l)
{
	const char *text = mx_snapshot_verdict_text(verdict);

	if (verdict == MX_SNAPSHOT_MISSING)
		mx_log(MX_LOG_INFO, "snapshot: %s %s yet", s->file, text);
	else if (verdict == MX_SNAPSHOT_UNREADABLE)
		mx_log(MX_LOG_WARNING,
		       "snapshot: %s %s: %s; let the account that mxbound works as read it, or name another with snapshot-file",
		       s->file, text, strerror(l->error));
	else if (verdict == MX_SNAPSHOT_OWNER)
		mx_log(MX_LOG_WARNING,
		       "snapshot: %s is not used: it %s; chown it, or remove it",
		       s->file, text);
	else
		mx_log(MX_LOG_NOTICE,
		       "snapshot: %s is not used: it %s; the next one replaces it",
		       s->file, text);
}

/* False: it was to end before that was done. */
static bool load(struct snapshot *s)
{
	struct mx_snapshot_loaded loaded;
	enum mx_snapshot_verdict verdict;

	set_time(s);
	verdict = mx_snapshot_load(s->cache, &s->what, &loaded);
	if (verdict == MX_SNAPSHOT_READ || loaded.loaded > 0)
		tell_loaded(s, &loaded, mx_clock_now() - s->what.now);
	if (s->given_up)
		return false;
	if (verdict != MX_SNAPSHOT_READ)
		tell_not_loaded(s, verdict, &loaded);
	return true;
}

/* ---- writing ---- */

const char *snapshot_remedy(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "make room there";
	case EACCES:
	case EPERM:
	case EROFS:
		return "let the account that mxbound works as make files in its folder";
	case ENOENT:
	case ENOTDIR:
		return "make its folder";
	case EISDIR:
		return "name a file in it";
	}
	return "see to its disk";
}

/* Whether there is a new file. */
static bool save(struct snapshot *s, enum mx_log_level level)
{
	struct mx_snapshot_saved saved;
	enum mx_error err;

	set_time(s);
	err = mx_snapshot_save(s->cache, &s->what, &saved);
	if (err == MX_OK)
		mx_log(level,
		       "snapshot: %zu answers, %llu octets, to %s in %d ms",
		       saved.records, (unsigned long long)saved.octets, s->file,
		       (int)(mx_clock_now() - s->what.now));
	else if (err == MX_E_NO_MEMORY || errno != ECANCELED)
		mx_log(MX_LOG_WARNING,
		       "snapshot: cannot write %s: %s; %s, or name another with snapshot-file",
		       s->file,
		       err == MX_E_NO_MEMORY ? mx_error_text(err) :
					       strerror(errno),
		       err == MX_E_NO_MEMORY ? "lower cache-size" :
					       snapshot_remedy(errno));
	return err == MX_OK;
}

static void tell_supervisor(uint32_t number, bool written)
{
	struct mx_handover m = { .type = MX_HANDOVER_SAVED, .a = number,
				 .b = written, .fd = -1 };

	mx_handover_send(MX_HANDOVER_FD, &m);
}

/* ---- the thread ---- */

/* With the lock. False: the end. */
static bool wait_for_work(struct snapshot *s, mx_instant due)
{
	while (is_wanted(s) && !s->asked) {
		mx_instant now = mx_clock_now();

		if (due <= now)
			return true;
		wait_ms(s, due - now < 3600000 ? due - now : 3600000);
	}
	return is_wanted(s);
}

static mx_instant next_due(const struct snapshot *s)
{
	uint64_t interval_s = s->config->snapshot_interval;

	return interval_s > 0 ? mx_clock_now() + (int64_t)interval_s * 1000 :
				INT64_MAX;
}

static void serve(struct snapshot *s)
{
	mx_instant due = next_due(s);

	s->rests = true;
	pthread_mutex_lock(&s->lock);
	while (wait_for_work(s, due)) {
		bool asked = s->asked;
		uint32_t number = s->number;

		s->asked = false;
		pthread_mutex_unlock(&s->lock);
		bool written = save(s, asked ? MX_LOG_NOTICE : MX_LOG_INFO);
		if (asked)
			tell_supervisor(number, written);
		due = next_due(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
	struct snapshot *s = arg;

	mx_snapshot_clean(s->file);
	/* Half of a cache would replace a whole one. */
	if (load(s)) {
		setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
		serve(s);
		pthread_mutex_lock(&s->lock);
		s->last = !s->ceased;
		pthread_mutex_unlock(&s->lock);
		if (s->last)
			save(s, MX_LOG_NOTICE);
	}
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- from the main thread ---- */

struct snapshot *snapshot_new(const struct mx_config *config)
{
	const char *file = mx_config_snapshot_file(config);
	pthread_condattr_t monotonic;
	struct snapshot *s;
	uint8_t realm[MX_SNAPSHOT_REALM_LEN];

	if (!file || !realm_of(config, realm))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s)
		s->rules = stale_rules_new(config);
	if (!s || !s->rules) {
		mx_log(MX_LOG_WARNING, "snapshot: none is kept: out of memory");
		free(s);
		return NULL;
	}
	s->config = config;
	s->file = file;
	s->what = (struct mx_snapshot){ .file = file, .go_on = go_on,
					.check = check, .arg = s };
	memcpy(s->what.realm, realm, sizeof(realm));
	read_boot(s->what.boot);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return s;
}

void snapshot_start(struct snapshot *s, struct mx_cache *cache)
{
	if (!s)
		return;
	s->cache = cache;
	s->running = pthread_create(&s->thread, NULL, run, s) == 0;
	if (!s->running)
		mx_log(MX_LOG_WARNING,
		       "snapshot: none is kept: no thread to be had");
}

void snapshot_save(struct snapshot *s, uint32_t number)
{
	bool ok = s && s->running;

	if (ok) {
		pthread_mutex_lock(&s->lock);
		ok = is_wanted(s);
		s->asked = true;
		s->number = number;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	}
	if (!ok)
		tell_supervisor(number, false);
}

void snapshot_cease(struct snapshot *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->ceased = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void snapshot_finish(struct snapshot *s, void (*beat)(void))
{
	struct mx_handover saving = { .type = MX_HANDOVER_SAVING, .fd = -1 };

	if (!s || !s->running)
		return;
	pthread_mutex_lock(&s->lock);
	s->finishing = true;
	pthread_cond_broadcast(&s->changed);
	if (!s->ceased)
		mx_handover_send(MX_HANDOVER_FD, &saving);
	while (!s->ended) {
		wait_ms(s, FINISH_BEAT_MS);
		beat();
	}
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->running = false;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	stale_rules_free(s->rules);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}
