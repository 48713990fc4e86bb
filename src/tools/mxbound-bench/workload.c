/* workload.c - what is asked. See bench.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/text.h"
#include "bench.h"
#include "postfix_log.h"

/* Where much of the world's mail goes, of many countries and many ways to run
 * a zone. For people who measure; no test asks for any of them. */
const char *const workload_domains[] = {
	"gmail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com",
	"icloud.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de",
	"freenet.de", "posteo.de", "mailbox.org", "proton.me", "tuta.com",
	"fastmail.com", "zoho.com", "mail.com", "comcast.net", "att.net",
	"orange.fr", "free.fr", "laposte.net", "libero.it", "tiscali.it",
	"btinternet.com", "sky.com", "ziggo.nl", "kpnmail.nl", "telenet.be",
	"bluewin.ch", "seznam.cz", "wp.pl", "o2.pl", "onet.pl", "abv.bg",
	"mail.ru", "yandex.ru", "qq.com", "163.com", "naver.com", "daum.net",
	"rediffmail.com", "uol.com.br", "terra.com.br", "bigpond.com",
	"debian.org", "ietf.org", "isc.org", NULL,
};

/* ---- domains, one after another ---- */

static bool add_domain(struct workload *w, size_t *room,
		       const struct mx_name *domain)
{
	if (w->count == *room) {
		size_t more = *room > 0 ? 2 * *room : 64;
		struct mx_name *bigger = realloc(w->domains,
						 more * sizeof *bigger);

		if (bigger == NULL) {
			bench_say("no memory");
			return false;
		}
		w->domains = bigger;
		*room = more;
	}
	w->domains[w->count++] = *domain;
	return true;
}

/* A line without its end. False: the end of the file. What is longer than any
 * line of ours is read to its end and given as empty. */
static bool next_line(FILE *f, char line[POSTFIX_LINE_MAX])
{
	size_t len;
	int c;

	if (fgets(line, POSTFIX_LINE_MAX, f) == NULL)
		return false;
	len = strcspn(line, "\n");
	if (line[len] != '\n' && len == POSTFIX_LINE_MAX - 1) {
		while ((c = getc(f)) != EOF && c != '\n')
			;
		len = 0;
	}
	line[len] = '\0';
	return true;
}

static bool read_domains(FILE *f, const char *path, struct workload *w)
{
	static char line[POSTFIX_LINE_MAX];
	size_t room = 0, number = 0;
	struct mx_name domain;

	while (w->count < WORKLOAD_DOMAINS_MAX && next_line(f, line)) {
		char *rest, *text = strtok_r(line, " \t\r", &rest);

		number++;
		if (text == NULL || *text == '#')
			continue;
		if (mx_name_from_text(text, &domain) != MX_OK) {
			bench_say("%s: line %zu: \"%s\" is no domain",
				  mx_excerpt(path).text, number,
				  mx_excerpt(text).text);
			return false;
		}
		mx_name_lower(domain.octets, domain.len);
		if (!add_domain(w, &room, &domain))
			return false;
	}
	return true;
}

static bool read_log(FILE *f, const char *path, struct workload *w)
{
	static char line[POSTFIX_LINE_MAX];
	struct postfix_delivery now, before = { 0 };
	size_t room = 0;

	(void)path;
	while (w->count < WORKLOAD_DOMAINS_MAX && next_line(f, line)) {
		if (!postfix_line_read(line, &now))
			continue;
		if (strcmp(now.queue_id, before.queue_id) == 0 &&
		    mx_name_equal(&now.domain, &before.domain))
			continue;
		before = now;
		if (!add_domain(w, &room, &now.domain))
			return false;
	}
	return true;
}

static bool read_file(const char *path, struct workload *w,
		      bool (*read)(FILE *, const char *, struct workload *),
		      const char *what, const char *none)
{
	FILE *f = fopen(path, "r");
	bool good;

	if (f == NULL) {
		bench_say("%s: %s", mx_excerpt(path).text, strerror(errno));
		return false;
	}
	good = read(f, path, w);
	fclose(f);
	if (good && w->count == 0) {
		bench_say("%s: %s", mx_excerpt(path).text, none);
		return false;
	}
	snprintf(w->what, sizeof w->what, "%s %s", what, mx_excerpt(path).text);
	return good;
}

static bool built_in(struct workload *w)
{
	size_t room = 0;

	for (const char *const *d = workload_domains; *d != NULL; d++) {
		struct mx_name domain;

		if (mx_name_from_text(*d, &domain) != MX_OK ||
		    !add_domain(w, &room, &domain))
			return false;
	}
	snprintf(w->what, sizeof w->what, "the list that is built in");
	return true;
}

static bool read_names(const struct bench_options *o, struct workload *w)
{
	const struct queries_options options = { .edns = !o->plain,
						 .dnssec_ok = o->dnssec };

	if (!queries_read(o->names, &options, &w->queries))
		return false;
	w->count = w->queries.count;
	snprintf(w->what, sizeof w->what, "%s", mx_excerpt(o->names).text);
	return true;
}

bool workload_read(const struct bench_options *o, struct workload *ret)
{
	*ret = (struct workload){ 0 };
	if (o->names != NULL)
		return read_names(o, ret);
	if (o->domains != NULL)
		return read_file(o->domains, ret, read_domains, "the list",
				 "no domains; write one a line");
	if (o->log != NULL)
		return read_file(o->log, ret, read_log, "the Postfix log",
				 "no deliveries of postfix/smtp; its lines have to=<user@domain> and relay=");
	return built_in(ret);
}

void workload_clear(struct workload *w)
{
	queries_clear(&w->queries);
	free(w->domains);
	*w = (struct workload){ 0 };
}
