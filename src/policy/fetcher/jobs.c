/* jobs.c - fetches of policies, RFC 8461 section 3.3.
 *
 *   address ─► connect ─► TLS ─► request ─► status, headers ─► text ─► answer
 *      ▲          │        │        │
 *      └── next ──┴────────┴────────┘  while no status has come
 *
 * A host that has sent a status has been reached, and what it says counts; so
 * another address is tried only before that. Each address is tried once. What is
 * answered in the end is what came farthest, and the last of these.
 *
 * The host is the domain's, and a stranger's: whatever it sends is counted while
 * it comes, and what cannot end well is ended at once.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetcher.h"

#define PORT 443
#define HOST_MAX (sizeof("mta-sts.") + MX_FETCH_DOMAIN_MAX)
#define URL_MAX (HOST_MAX + 64)
#define CONNECT_MS 15000 /* TCP and TLS; less while there are other addresses */
#define LATE_MS 500 /* after which libcurl is not waited for any longer */
#define HEAD_MAX 32768u	 /* octets of all header fields, trailers included */
/* Of a connection: what HEAD_MAX and MX_FETCH_TEXT_MAX do not count is TLS and
 * what stands between chunks. */
#define RECEIVED_MAX (1u << 20)
/* So that what is received is not much more than what has been looked at. */
#define RECEIVE_BUFFER 65536

struct job {
	TAILQ_ENTRY(job) next;
	struct jobs *jobs;
	uint32_t id;
	char host[HOST_MAX];
	struct mx_fetch_address address[MX_FETCH_ADDRESSES_MAX];
	unsigned count, tried;
	mx_instant until;
	/* The best so far. */
	enum mx_fetch_result result;
	char detail[MX_FETCH_DETAIL_MAX];

	/* The address in hand. */
	CURL *easy;
	struct curl_slist *connect_to;
	const struct mx_fetch_address *at;
	curl_socket_t socket;
	char error[CURL_ERROR_SIZE];
	size_t head_len;
	bool head_done;
	bool connected;
	bool closed_well; /* the host said that it closes */
	/* Why it was ended here, or OK: libcurl says. */
	enum mx_fetch_result verdict;
	char why[MX_FETCH_DETAIL_MAX / 2];
	char *text;
	size_t text_len;
};
TAILQ_HEAD(job_list, job);

struct jobs {
	struct jobs_config config;
	struct transfers *transfers;
	struct job_list list;
	unsigned count;
};

/* ---- the end of a job ---- */

static void drop_transfer(struct job *job)
{
	if (job->easy) {
		transfers_remove(job->jobs->transfers, job->easy);
		curl_easy_cleanup(job->easy);
	}
	curl_slist_free_all(job->connect_to);
	job->easy = NULL;
	job->connect_to = NULL;
	job->socket = CURL_SOCKET_BAD;
}

static void job_free(struct job *job)
{
	drop_transfer(job);
	TAILQ_REMOVE(&job->jobs->list, job, next);
	job->jobs->count--;
	free(job->text);
	free(job);
}

static void answer(struct jobs *jobs, uint32_t id, enum mx_fetch_result result,
		   const char *detail, const char *text, size_t text_len)
{
	const struct mx_fetch_answer a = {
		.result = result,
		.detail = detail,
		.detail_len = (uint16_t)strlen(detail),
		.text = text,
		.text_len = (uint32_t)text_len,
	};

	jobs->config.answer(jobs->config.arg, id, &a);
}

static void finish(struct job *job)
{
	answer(job->jobs, job->id, job->result, job->detail, job->text,
	       job->result == MX_FETCH_OK ? job->text_len : 0);
	job_free(job);
}

/* What became of an address. The results of the table stand in the order in
 * which a fetch goes on. */
static void note(struct job *job, enum mx_fetch_result result, const char *why)
{
	char at[ADDRESS_TEXT_MAX];

	if (result != MX_FETCH_OK && result < job->result)
		return;
	address_text(job->at, at);
	job->result = result;
	if (*why)
		snprintf(job->detail, sizeof job->detail, "%s: %s", at, why);
	else
		snprintf(job->detail, sizeof job->detail, "%s", at);
}

/* ---- what libcurl asks and tells ---- */

/* libcurl was told where to connect; this is to be sure of it. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose,
				 struct curl_sockaddr *to)
{
	struct job *job = arg;
	struct sockaddr_storage wanted;
	socklen_t len = address_socket(job->at, PORT, &wanted);
	int room = RECEIVE_BUFFER;

	if (purpose != CURLSOCKTYPE_IPCXN || to->addrlen != len ||
	    memcmp(&to->addr, &wanted, len) != 0)
		return CURL_SOCKET_BAD;
	job->socket = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (job->socket >= 0)
		setsockopt(job->socket, SOL_SOCKET, SO_RCVBUF, &room,
			   sizeof room);
	return job->socket;
}

static int close_socket(void *arg, curl_socket_t fd)
{
	struct job *job = arg;

	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (job->socket == fd) {
		job->socket = CURL_SOCKET_BAD;
		job->connected =
			getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
	}
	return close(fd);
}

static void on_tls(const SSL *ssl, int where, int value)
{
	struct job *job = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (where == SSL_CB_READ_ALERT &&
	    (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
		job->closed_well = true;
}

static CURLcode set_up_tls(CURL *easy, void *ssl, void *arg)
{
	struct job *job = arg;
	SSL_CTX *context = ssl;
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

	(void)easy;
	SSL_CTX_set1_cert_store(context, job->jobs->config.authorities);
	/* Beside libcurl's own check, which takes the subject's common name
	 * where there is no DNS-ID (RFC 6125 section 6.4.4). */
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
			       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_host(param, job->host, 0) != 1)
		return CURLE_OUT_OF_MEMORY;
	SSL_CTX_set_app_data(context, job);
	SSL_CTX_set_info_callback(context, on_tls);
	return CURLE_OK;
}

static __attribute__((format(printf, 3, 4))) size_t
end_here(struct job *job, enum mx_fetch_result verdict, const char *format, ...)
{
	va_list args;

	if (job->verdict == MX_FETCH_OK) {
		job->verdict = verdict;
		va_start(args, format);
		vsnprintf(job->why, sizeof job->why, format, args);
		va_end(args);
	}
	return 0; /* to libcurl: not taken, stop */
}

static bool is_text_plain(const char *type)
{
	static const char wanted[] = "text/plain";

	if (!type || strncasecmp(type, wanted, sizeof wanted - 1) != 0)
		return false;
	type += sizeof wanted - 1;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

/* Of the last answer: of those before it, 1xx, nothing is kept. */
static const char *header(CURL *easy, const char *name)
{
	struct curl_header *found;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) ==
			       CURLHE_OK ?
		found->value : NULL;
}

/* The header fields are there: what they say is looked at before the text is
 * waited for. */
static bool head_is_good(struct job *job, long status)
{
	const char *value;

	if (status >= 300 && status <= 399) {
		value = header(job->easy, "Location");
		end_here(job, MX_FETCH_REDIRECT, "%ld, to %.150s", status,
			 value ? value : "nowhere");
		return false;
	}
	if (status != 200) {
		end_here(job, MX_FETCH_STATUS, "status %ld", status);
		return false;
	}
	value = header(job->easy, "Content-Type");
	if (!is_text_plain(value)) {
		end_here(job, MX_FETCH_TYPE, "%.150s",
			 value ? value : "no Content-Type");
		return false;
	}
	value = header(job->easy, "Content-Encoding");
	if (value && strcasecmp(value, "identity") != 0) {
		end_here(job, MX_FETCH_TYPE, "Content-Encoding: %.150s", value);
		return false;
	}
	return true;
}

static size_t take_header(char *line, size_t size, size_t len, void *arg)
{
	struct job *job = arg;
	long status = 0;

	(void)size; /* always 1 */
	job->head_len += len;
	if (job->head_len > HEAD_MAX)
		return end_here(job, MX_FETCH_BROKEN,
				"more than %u octets of header fields",
				HEAD_MAX);
	if (job->head_done || (len > 0 && line[0] != '\r' && line[0] != '\n'))
		return len;
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return len;
	job->head_done = true;
	return head_is_good(job, status) ? len : 0;
}

static size_t take_text(char *octets, size_t size, size_t len, void *arg)
{
	struct job *job = arg;

	(void)size;
	if (len > MX_FETCH_TEXT_MAX - job->text_len)
		return end_here(job, MX_FETCH_TOO_BIG, "more than %u octets",
				MX_FETCH_TEXT_MAX);
	if (!job->text)
		job->text = malloc(MX_FETCH_TEXT_MAX);
	if (!job->text)
		return end_here(job, MX_FETCH_OVERLOAD, "out of memory");
	memcpy(job->text + job->text_len, octets, len);
	job->text_len += len;
	return len;
}

/* ---- one address ---- */

static uint64_t left_ms(const struct job *job)
{
	mx_instant now = mx_clock_now();

	return now < job->until ? (uint64_t)(job->until - now) : 0;
}

static long connect_ms(const struct job *job)
{
	uint64_t ms = left_ms(job) / (job->count - job->tried + 1);

	return (long)(ms < CONNECT_MS ? ms + 1 : CONNECT_MS);
}

static bool set_where(struct job *job)
{
	char at[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX + 16], url[URL_MAX];

	address_text(job->at, at);
	snprintf(text, sizeof text, job->at->family == 4 ? "::%s:%u" :
							  "::[%s]:%u",
		 at, PORT);
	job->connect_to = curl_slist_append(NULL, text);
	snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt",
		 job->host);
	return job->connect_to &&
	       curl_easy_setopt(job->easy, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(job->easy, CURLOPT_CONNECT_TO,
				job->connect_to) == CURLE_OK;
}

#define SET(easy, option, value) \
	(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* What is not said here and matters is off by default: redirects, cookies,
 * caches of any kind, netrc, authentication, decoding. */
static bool set_rules(struct job *job)
{
	CURL *easy = job->easy;

	return SET(easy, CURLOPT_PROTOCOLS_STR, "https") &&
	       SET(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(easy, CURLOPT_PROXY, "") && /* nor the environment's */
	       SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(easy, CURLOPT_NOSIGNAL, 1L) &&
	       SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L) &&
	       SET(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       SET(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       SET(easy, CURLOPT_USERAGENT, "mxbound/" MX_VERSION) &&
	       SET(easy, CURLOPT_MAXFILESIZE, (long)MX_FETCH_TEXT_MAX);
}

static bool set_tls(struct job *job)
{
	CURL *easy = job->easy;

	return SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
	       SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
	       SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	       /* No files: the authorities are there already. */
	       SET(easy, CURLOPT_CAINFO, NULL) &&
	       SET(easy, CURLOPT_CAPATH, NULL) &&
	       SET(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_tls) &&
	       SET(easy, CURLOPT_SSL_CTX_DATA, job);
}

static bool set_callbacks(struct job *job)
{
	CURL *easy = job->easy;

	return SET(easy, CURLOPT_PRIVATE, job) &&
	       SET(easy, CURLOPT_ERRORBUFFER, job->error) &&
	       SET(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       SET(easy, CURLOPT_OPENSOCKETDATA, job) &&
	       SET(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) &&
	       SET(easy, CURLOPT_CLOSESOCKETDATA, job) &&
	       SET(easy, CURLOPT_HEADERFUNCTION, take_header) &&
	       SET(easy, CURLOPT_HEADERDATA, job) &&
	       SET(easy, CURLOPT_WRITEFUNCTION, take_text) &&
	       SET(easy, CURLOPT_WRITEDATA, job);
}

static bool try_address(struct job *job)
{
	job->head_len = job->text_len = 0;
	job->head_done = job->connected = job->closed_well = false;
	job->verdict = MX_FETCH_OK;
	job->why[0] = job->error[0] = '\0';
	job->easy = curl_easy_init();
	if (job->easy && set_where(job) && set_rules(job) && set_tls(job) &&
	    set_callbacks(job) &&
	    SET(job->easy, CURLOPT_TIMEOUT_MS, (long)left_ms(job) + 1) &&
	    SET(job->easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms(job)) &&
	    transfers_add(job->jobs->transfers, job->easy))
		return true;
	drop_transfer(job);
	return false;
}

static const char *refused(const struct job *job)
{
	const char *why;

	if (job->jobs->config.private)
		return NULL;
	why = address_not_public(job->at);
	if (!why && address_is_ours(job->at))
		why = "of this host";
	return why;
}

static void next_address(struct job *job)
{
	while (job->tried < job->count && left_ms(job) > 0) {
		const char *why;
		char text[128];

		job->at = &job->address[job->tried++];
		why = refused(job);
		if (why) {
			snprintf(text, sizeof text,
				 "not asked, it is %s (mta-sts-private)", why);
			note(job, MX_FETCH_NO_ADDRESS, text);
			continue;
		}
		if (try_address(job))
			return;
		note(job, MX_FETCH_OVERLOAD, "out of memory");
	}
	finish(job);
}

/* ---- what became of it ---- */

/* TLS was there. */
static bool spoke(const struct job *job)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(job->easy, CURLINFO_APPCONNECT_TIME_T, &us) ==
		       CURLE_OK &&
	       us > 0;
}

/* A text that ends with the connection is whole only if the host has said that
 * it closes: who cuts a connection must not cut a policy (RFC 9112 section 9.8).
 */
static bool is_whole(const struct job *job)
{
	curl_off_t len = -1;

	curl_easy_getinfo(job->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
	return len >= 0 || job->closed_well ||
	       header(job->easy, "Transfer-Encoding");
}

struct verdict {
	enum mx_fetch_result result;
	const char *why;
};

static struct verdict of_failure(const struct job *job, CURLcode error)
{
	const char *why = *job->error ? job->error : curl_easy_strerror(error);

	switch (error) {
	case CURLE_OPERATION_TIMEDOUT:
		if (spoke(job))
			return (struct verdict){ MX_FETCH_TIMEOUT, why };
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		return (struct verdict){ MX_FETCH_CERTIFICATE, why };
	case CURLE_FILESIZE_EXCEEDED:
		return (struct verdict){ MX_FETCH_TOO_BIG, why };
	case CURLE_OUT_OF_MEMORY:
		why = "a header field without end, or out of memory";
		break;
	case CURLE_SSL_CONNECT_ERROR:
		return (struct verdict){ MX_FETCH_TLS, why };
	default:
		break;
	}
	if (spoke(job))
		return (struct verdict){ MX_FETCH_BROKEN, why };
	return (struct verdict){
		job->connected ? MX_FETCH_TLS : MX_FETCH_CONNECT, why
	};
}

static struct verdict judge(const struct job *job, CURLcode error)
{
	if (job->verdict != MX_FETCH_OK)
		return (struct verdict){ job->verdict, job->why };
	if (error != CURLE_OK)
		return of_failure(job, error);
	if (!job->head_done)
		return (struct verdict){ MX_FETCH_BROKEN,
					 "closed in the header fields" };
	if (!is_whole(job))
		return (struct verdict){ MX_FETCH_BROKEN, "cut off" };
	return (struct verdict){ MX_FETCH_OK, "" };
}

static void settle(struct job *job, enum mx_fetch_result result,
		   const char *why)
{
	bool reached = job->head_len > 0;

	note(job, result, why);
	drop_transfer(job);
	if (reached || result == MX_FETCH_OK)
		finish(job);
	else
		next_address(job);
}

static void on_done(void *arg, CURL *easy, CURLcode error)
{
	struct job *job = arg;
	struct verdict verdict = judge(job, error);

	(void)easy; /* the job's */
	settle(job, verdict.result, verdict.why);
}

/* ---- all of them ---- */

struct jobs *jobs_new(const struct jobs_config *config)
{
	struct jobs *jobs = calloc(1, sizeof *jobs);

	if (!jobs)
		return NULL;
	jobs->config = *config;
	TAILQ_INIT(&jobs->list);
	jobs->transfers = transfers_new(config->base, on_done);
	if (!jobs->transfers) {
		free(jobs);
		return NULL;
	}
	return jobs;
}

void jobs_clear(struct jobs *jobs)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&jobs->list)))
		job_free(job);
}

void jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return;
	jobs_clear(jobs);
	transfers_free(jobs->transfers);
	free(jobs);
}

/* What takes long ends where another has no room. */
static void make_way(struct jobs *jobs)
{
	struct job *oldest = TAILQ_FIRST(&jobs->list);
	uint64_t timeout_ms = jobs->config.timeout_ms;

	if (jobs->count < JOBS_MAX ||
	    timeout_ms - left_ms(oldest) < MX_FETCH_YOUNG_MS(timeout_ms))
		return;
	note(oldest, MX_FETCH_TIMEOUT, "it took long, and others waited");
	finish(oldest);
}

void jobs_start(struct jobs *jobs, const struct mx_fetch_request *request)
{
	struct job *job = NULL;

	make_way(jobs);
	if (jobs->count < JOBS_MAX)
		job = calloc(1, sizeof *job);
	if (!job) {
		answer(jobs, request->id, MX_FETCH_OVERLOAD,
		       jobs->count < JOBS_MAX ? "out of memory" :
						"no room in mxbound-fetcher",
		       NULL, 0);
		return;
	}
	job->jobs = jobs;
	job->id = request->id;
	snprintf(job->host, sizeof job->host, "mta-sts.%.*s",
		 (int)request->domain_len, request->domain);
	job->count = request->count;
	memcpy(job->address, request->address, sizeof job->address);
	job->until = mx_clock_now() + (mx_instant)jobs->config.timeout_ms;
	job->result = MX_FETCH_NO_ADDRESS;
	job->socket = CURL_SOCKET_BAD;
	TAILQ_INSERT_TAIL(&jobs->list, job, next);
	jobs->count++;
	next_address(job);
}

static bool gets_too_much(const struct job *job)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	return job->socket != CURL_SOCKET_BAD &&
	       getsockopt(job->socket, IPPROTO_TCP, TCP_INFO, &info, &len) ==
		       0 &&
	       len >= offsetof(struct tcp_info, tcpi_bytes_received) +
			       sizeof info.tcpi_bytes_received &&
	       info.tcpi_bytes_received > RECEIVED_MAX;
}

void jobs_look(struct jobs *jobs)
{
	struct job *job, *following;

	for (job = TAILQ_FIRST(&jobs->list); job; job = following) {
		following = TAILQ_NEXT(job, next);
		if (gets_too_much(job))
			settle(job, MX_FETCH_BROKEN,
			       "far more octets than a policy has");
		else if (mx_clock_now() >= job->until + LATE_MS)
			settle(job, MX_FETCH_TIMEOUT, "timed out");
	}
}
