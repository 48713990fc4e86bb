/* authorities.c - which certificates are believed. Loaded once, for all
 * connections: the system's some 140 take tens of milliseconds to read. */
#include <openssl/err.h>
#include <stdio.h>

#include "fetcher.h"

/* Where libcurl was built to look. */
static const char *system_file(char *room, size_t len)
{
	CURL *easy = curl_easy_init();
	char *path = NULL;

	if (!easy)
		return NULL;
	if (curl_easy_getinfo(easy, CURLINFO_CAINFO, &path) == CURLE_OK && path)
		snprintf(room, len, "%s", path);
	curl_easy_cleanup(easy);
	return path ? room : NULL;
}

static enum mx_error fail(char error[AUTHORITIES_ERROR_MAX], const char *path,
			  const char *remedy)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(error, AUTHORITIES_ERROR_MAX, "%.200s: %s; %s", path,
		 why ? why : "no certificates", remedy);
	ERR_clear_error();
	return MX_E_CONFIG;
}

enum mx_error authorities_load(const char *path, X509_STORE **ret,
			       char error[AUTHORITIES_ERROR_MAX])
{
	const char *remedy = "is it a file of certificates in PEM format?";
	X509_STORE *store = X509_STORE_new();
	char room[256];

	if (!store)
		return MX_E_NO_MEMORY;
	*ret = store; /* empty, it believes nobody */
	if (*path == '\0') {
		path = system_file(room, sizeof room);
		remedy = "install ca-certificates, or set mta-sts-ca-file";
	}
	if (!path)
		path = "the system's certificates";
	else if (X509_STORE_load_file(store, path) == 1)
		return MX_OK;
	return fail(error, path, remedy);
}
