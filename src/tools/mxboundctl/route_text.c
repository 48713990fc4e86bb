/* route_text.c - a route as a person reads it. See ctl.h.
 *
 *   healthy.lab: mail can be delivered
 *
 *     PREF  HOST             ADDRESS     VALIDATION  TLS        DANE
 *       10  mx1.healthy.lab  198.18.0.1  secure      dane-only  1 of 1 TLSA usable
 *                            2001:2::1   secure
 *
 *     MX       secure: validated by DNSSEC
 *     ...
 *
 *   To fix:
 *     ... */
#include <string.h>

#include "ctl.h"

enum colour { PLAIN, BOLD, GREEN, YELLOW, RED };
static const char *const codes[] = { "", "\033[1m", "\033[32m", "\033[33m",
				     "\033[31m" };

struct page {
	FILE *out;
	bool colour;
	int host_width, address_width, validation_width, level_width;
};

/* ---- JSON, where all that is missing is empty ---- */

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool is(json_t *object, const char *key, const char *word)
{
	return strcmp(text_of(object, key), word) == 0;
}

/* ---- cells ---- */

static int coloured(struct page *page, enum colour colour, const char *text)
{
	bool on = page->colour && colour != PLAIN && *text;
	int columns;

	if (on)
		fputs(codes[colour], page->out);
	columns = ctl_print(page->out, text);
	if (on)
		fputs("\033[0m", page->out);
	return columns;
}

static void cell(struct page *page, enum colour colour, const char *text,
		 int width)
{
	int columns = coloured(page, colour, text);

	fprintf(page->out, "%*s", columns < width ? width - columns + 2 : 2, "");
}

static void widen(int *width, const char *text)
{
	int columns = ctl_columns(text);

	if (columns > *width)
		*width = columns;
}

/* ---- what words mean ---- */

static enum colour of_validation(const char *word)
{
	return strcmp(word, "secure") == 0 ? GREEN :
	       strcmp(word, "bogus") == 0 ? RED : PLAIN;
}

static enum colour of_level(const char *word)
{
	return strncmp(word, "dane", 4) == 0 ? GREEN :
	       strcmp(word, "encrypt") == 0 ? YELLOW : PLAIN;
}

static enum colour of_class(const char *word)
{
	return strcmp(word, "deliverable") == 0 ? GREEN :
	       strcmp(word, "permanent") == 0 ? RED : YELLOW;
}

static const char *meaning_of_validation(const char *word)
{
	if (strcmp(word, "secure") == 0)
		return "validated by DNSSEC";
	if (strcmp(word, "insecure") == 0)
		return "not signed all the way";
	if (strcmp(word, "bogus") == 0)
		return "DNSSEC validation failed";
	return "not known";
}

/* ---- the table ---- */

/* An address that mail goes to has no name. */
static const char *host_name(json_t *host)
{
	const char *name = text_of(host, "name");

	return *name ? name : "-";
}

static const char *host_name_or_address(json_t *host)
{
	const char *name = text_of(host, "name");

	return *name ? name :
	       text_of(json_array_get(json_object_get(host, "addresses"), 0),
		       "address");
}

static void measure(struct page *page, json_t *hosts)
{
	json_t *host, *address;
	size_t i, k;

	json_array_foreach(hosts, i, host) {
		widen(&page->host_width, host_name(host));
		widen(&page->level_width, text_of(host, "tls"));
		json_array_foreach(json_object_get(host, "addresses"), k,
				   address) {
			widen(&page->address_width, text_of(address, "address"));
			widen(&page->validation_width,
			      text_of(address, "validation"));
		}
	}
}

static void print_address(struct page *page, json_t *address)
{
	const char *validation = text_of(address, "validation");

	cell(page, PLAIN, text_of(address, "address"), page->address_width);
	cell(page, of_validation(validation), validation,
	     page->validation_width);
}

/* "2 of 3 TLSA usable", or why there is none. */
static void print_dane(struct page *page, json_t *host)
{
	json_int_t count = number_of(host, "tlsa_count");
	json_int_t usable = number_of(host, "tlsa_usable");
	char text[80];

	if (count == 0) {
		coloured(page, PLAIN, text_of(host, "dane_text"));
		return;
	}
	snprintf(text, sizeof(text), "%lld of %lld TLSA usable",
		 (long long)usable, (long long)count);
	coloured(page, usable == count ? GREEN : YELLOW, text);
}

static void print_verdict(struct page *page, json_t *host)
{
	const char *level = text_of(host, "tls");

	if (json_is_true(json_object_get(host, "usable"))) {
		cell(page, of_level(level), level, page->level_width);
		print_dane(page, host);
	} else {
		coloured(page, RED, "not used: ");
		coloured(page, RED, text_of(host, "text"));
	}
}

static void print_host(struct page *page, json_t *host)
{
	json_t *addresses = json_object_get(host, "addresses");
	char preference[24];

	snprintf(preference, sizeof(preference), "%6lld  ",
		 (long long)number_of(host, "preference"));
	fputs(preference, page->out);
	cell(page, PLAIN, host_name(host), page->host_width);
	if (json_array_size(addresses) > 0)
		print_address(page, json_array_get(addresses, 0));
	else
		fprintf(page->out, "%-*s  %-*s  ", page->address_width, "-",
			page->validation_width, "-");
	print_verdict(page, host);
	fputc('\n', page->out);
	for (size_t i = 1; i < json_array_size(addresses); i++) {
		json_t *address = json_array_get(addresses, i);
		const char *validation = text_of(address, "validation");

		fprintf(page->out, "%8s%-*s  ", "", page->host_width, "");
		cell(page, PLAIN, text_of(address, "address"),
		     page->address_width);
		coloured(page, of_validation(validation), validation);
		fputc('\n', page->out);
	}
}

static void print_table(struct page *page, json_t *hosts)
{
	json_t *host;
	size_t i;

	if (json_array_size(hosts) == 0)
		return;
	measure(page, hosts);
	fputs("\n  ", page->out);
	cell(page, BOLD, "PREF", 4);
	cell(page, BOLD, "HOST", page->host_width);
	cell(page, BOLD, "ADDRESS", page->address_width);
	cell(page, BOLD, "VALIDATION", page->validation_width);
	cell(page, BOLD, "TLS", page->level_width);
	coloured(page, BOLD, "DANE");
	fputc('\n', page->out);
	json_array_foreach(hosts, i, host)
		print_host(page, host);
}

/* ---- what is said beside it ---- */

static void fact(struct page *page, const char *name)
{
	fprintf(page->out, "  %-9s", name);
}

static void print_mx(struct page *page, json_t *route)
{
	const char *validation = text_of(route, "mx_validation");
	const char *owner = text_of(route, "mx_owner");

	if (*validation == '\0') /* in brackets */
		return;
	fact(page, "MX");
	coloured(page, of_validation(validation), validation);
	fprintf(page->out, ": %s", meaning_of_validation(validation));
	if (json_is_true(json_object_get(route, "implicit_mx")))
		fputs("; there is none, so the domain is its own mail host",
		      page->out);
	if (*owner && !is(route, "domain", owner)) {
		fputs("; the domain is an alias of ", page->out);
		ctl_print(page->out, owner);
	}
	fputc('\n', page->out);
}

/* The sentence that some host has for that level. */
static const char *level_text(json_t *route, const char *level)
{
	json_t *host;
	size_t i;

	json_array_foreach(json_object_get(route, "hosts"), i, host)
		if (is(host, "tls", level))
			return text_of(host, "tls_text");
	return "";
}

static void print_level(struct page *page, json_t *route)
{
	const char *least = text_of(route, "tls_least");
	const char *most = text_of(route, "tls_most");

	if (!is(route, "class", "deliverable"))
		return;
	fact(page, "TLS");
	coloured(page, of_level(least), least);
	fputs(": ", page->out);
	ctl_print(page->out, level_text(route, least));
	if (strcmp(least, most) != 0) {
		fputs("; at some hosts ", page->out);
		coloured(page, of_level(most), most);
	}
	fputc('\n', page->out);
}

/* ---- MTA-STS ---- */

static void print_sts_policy(struct page *page, json_t *policy)
{
	json_t *mx;
	size_t i;

	if (!json_is_object(policy))
		return;
	fact(page, "");
	coloured(page, is(policy, "mode", "enforce") ? GREEN : PLAIN,
		 text_of(policy, "mode"));
	fputs(": ", page->out);
	ctl_print(page->out, text_of(policy, "mode_text"));
	fputs("; id ", page->out);
	ctl_print(page->out, text_of(policy, "id"));
	fputs(", fetched ", page->out);
	ctl_print_span(page->out, number_of(policy, "fetched_s"));
	fputs(" ago, holds ", page->out);
	ctl_print_span(page->out, number_of(policy, "expires_s"));
	fputc('\n', page->out);
	if (json_array_size(json_object_get(policy, "mx")) == 0)
		return;
	fact(page, "");
	fputs("mx", page->out);
	json_array_foreach(json_object_get(policy, "mx"), i, mx) {
		fputc(' ', page->out);
		ctl_print(page->out, json_string_value(mx));
	}
	fputc('\n', page->out);
}

static void print_sts_failure(struct page *page, json_t *failure)
{
	json_int_t retry = number_of(failure, "retry_s");

	if (!json_is_object(failure))
		return;
	fact(page, "");
	coloured(page, YELLOW, text_of(failure, "text"));
	if (*text_of(failure, "detail")) {
		fputs(" (", page->out);
		ctl_print(page->out, text_of(failure, "detail"));
		fputc(')', page->out);
	}
	fputs(", ", page->out);
	ctl_print_span(page->out, number_of(failure, "ago_s"));
	fputs(" ago; not tried again ", page->out);
	if (retry > 0) {
		fputs("for ", page->out);
		ctl_print_span(page->out, retry);
	} else {
		fputs("yet", page->out);
	}
	fputc('\n', page->out);
}

static void print_sts(struct page *page, json_t *route)
{
	json_t *sts = json_object_get(route, "mta_sts");
	json_t *policy = json_object_get(sts, "policy");
	const char *id = text_of(sts, "id");

	if (*text_of(sts, "record") == '\0') /* there is no domain */
		return;
	fact(page, "MTA-STS");
	ctl_print(page->out, text_of(sts, "text"));
	if (*id) {
		fputs(", id ", page->out);
		ctl_print(page->out, id);
	}
	if (json_is_true(json_object_get(sts, "fetching")))
		fputs("; the policy is being fetched", page->out);
	else if (json_is_object(policy) && !is(sts, "record", "one"))
		fputs("; an earlier policy holds", page->out);
	fputc('\n', page->out);
	print_sts_policy(page, policy);
	print_sts_failure(page, json_object_get(sts, "failure"));
}

static void print_holds(struct page *page, json_t *route)
{
	json_t *holds = json_object_get(route, "holds_s");

	if (!json_is_integer(holds))
		return;
	fact(page, "Holds");
	ctl_print_span(page->out, json_integer_value(holds));
	fputs(", until the first answer runs out\n", page->out);
}

/* ---- what an administrator of the domain should see ---- */

static void heading(struct page *page, bool *done)
{
	if (*done)
		return;
	*done = true;
	fputc('\n', page->out);
	coloured(page, BOLD, "To fix:");
	fputc('\n', page->out);
}

static void print_warnings(struct page *page, const char *where,
			   json_t *warnings, bool *done)
{
	json_t *warning;
	size_t i;

	json_array_foreach(warnings, i, warning) {
		heading(page, done);
		fputs("  ", page->out);
		ctl_print(page->out, where);
		fputs(": ", page->out);
		coloured(page, YELLOW, text_of(warning, "text"));
		fputs("; ", page->out);
		ctl_print(page->out, text_of(warning, "fix"));
		fputc('\n', page->out);
	}
}

static void print_unusable(struct page *page, json_t *host, bool *done)
{
	json_t *tlsa;
	size_t i;

	json_array_foreach(json_object_get(host, "tlsa"), i, tlsa) {
		if (json_is_true(json_object_get(tlsa, "usable")))
			continue;
		heading(page, done);
		fputs("  ", page->out);
		ctl_print(page->out, host_name(host));
		fprintf(page->out, ": TLSA %lld %lld %lld ",
			(long long)number_of(tlsa, "usage"),
			(long long)number_of(tlsa, "selector"),
			(long long)number_of(tlsa, "matching"));
		fprintf(page->out, "(%lld octets) is unusable: ",
			(long long)number_of(tlsa, "octets"));
		coloured(page, YELLOW, text_of(tlsa, "text"));
		fputc('\n', page->out);
	}
}

static void print_to_fix(struct page *page, json_t *route)
{
	json_t *host;
	bool done = false;
	size_t i;

	print_warnings(page, text_of(route, "destination"),
		       json_object_get(route, "warnings"), &done);
	json_array_foreach(json_object_get(route, "hosts"), i, host) {
		print_warnings(page, host_name(host),
			       json_object_get(host, "warnings"), &done);
		print_unusable(page, host, &done);
	}
}

void route_print_long(FILE *out, json_t *route, bool colour)
{
	struct page page = { .out = out, .colour = colour, .host_width = 4,
			     .address_width = 7, .validation_width = 10,
			     .level_width = 3 };
	const char *reason = text_of(route, "reason_text");

	coloured(&page, BOLD, text_of(route, "destination"));
	fputs(": ", out);
	coloured(&page, of_class(text_of(route, "class")),
		 text_of(route, "text"));
	if (*reason) {
		fputs(": ", out);
		ctl_print(out, reason);
	}
	fputc('\n', out);
	print_table(&page, json_object_get(route, "hosts"));
	fputc('\n', out);
	print_mx(&page, route);
	print_level(&page, route);
	print_sts(&page, route);
	print_holds(&page, route);
	print_to_fix(&page, route);
}

/* ---- one line ---- */

void route_print_short(FILE *out, json_t *route)
{
	const char *why = text_of(route, "reason_text");
	bool good = is(route, "class", "deliverable"), first = true;
	json_t *host;
	size_t i;
	struct page page = { .out = out };

	cell(&page, PLAIN, text_of(route, "destination"), 32);
	cell(&page, PLAIN, text_of(route, "outcome"), 14);
	cell(&page, PLAIN, good ? text_of(route, "tls_least") : "-", 9);
	if (!good)
		ctl_print(out, *why ? why : text_of(route, "text"));
	json_array_foreach(json_object_get(route, "hosts"), i, host) {
		if (!good || !json_is_true(json_object_get(host, "usable")))
			continue;
		if (!first)
			fputc(' ', out);
		ctl_print(out, host_name_or_address(host));
		first = false;
	}
	fputc('\n', out);
}
