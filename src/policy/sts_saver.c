/* sts_saver.c - writes the file of MTA-STS policies. See sts_saver.h. */
#include "sts_saver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../front/front.h"
#include "mx_log.h"
#include "mx_snapshot.h"
#include "sts_file.h"

#define NICE 10

struct sts_saver {
	const char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	uint8_t *octets; /* to be written next; NULL: nothing */
	size_t len;
	bool writing, ending;
	/* The thread's: an error is told once, until it changes. */
	int told;
};

static void save(struct sts_saver *s, const uint8_t *octets, size_t len)
{
	int error = sts_file_write(s->path, octets, len);

	if (error != 0 && error != s->told)
		mx_log(MX_LOG_WARNING,
		       "MTA-STS: cannot write %s: %s; %s, or name another with mta-sts-file",
		       s->path, strerror(error), snapshot_remedy(error));
	else if (error == 0 && s->told != 0)
		mx_log(MX_LOG_NOTICE, "MTA-STS: %s is written again", s->path);
	s->told = error;
}

static void *run(void *arg)
{
	struct sts_saver *s = arg;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	mx_snapshot_clean(s->path);
	pthread_mutex_lock(&s->lock);
	while (s->octets || !s->ending) {
		uint8_t *octets = s->octets;
		size_t len = s->len;

		if (!octets) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		s->octets = NULL;
		s->writing = true;
		pthread_mutex_unlock(&s->lock);
		save(s, octets, len);
		free(octets);
		pthread_mutex_lock(&s->lock);
		s->writing = false;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void sts_saver_give(struct sts_saver *s, uint8_t *octets, size_t len)
{
	pthread_mutex_lock(&s->lock);
	free(s->octets);
	s->octets = octets;
	s->len = len;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

bool sts_saver_busy(struct sts_saver *s)
{
	bool busy;

	pthread_mutex_lock(&s->lock);
	busy = s->writing || s->octets;
	pthread_mutex_unlock(&s->lock);
	return busy;
}

struct sts_saver *sts_saver_new(const char *path)
{
	struct sts_saver *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->path = path;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (pthread_create(&s->thread, NULL, run, s) == 0)
		return s;
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
	return NULL;
}

void sts_saver_free(struct sts_saver *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}
