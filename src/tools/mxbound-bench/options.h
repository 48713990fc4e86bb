/* options.h - every option of mxbound-bench, one row of one table.
 *
 * From it come the parser, --help and the list in the manual page (`make docs`).
 * Units are in the names of the members and in the sentences.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#define BENCH_TIMEOUT_MS 5000
#define BENCH_PASSES 2
#define BENCH_SECONDS 600
#define BENCH_SOCKETS 4
#define BENCH_HOSTS 2

/* FLAG(member, letter, name, sentence)
 * FILE(member, letter, name, sentence)
 * NUMBER(member, letter, name, least, most, default, sentence)
 * ZONE(member, letter, name, sentence): repeatable
 * letter 0: there is only the long name */
#define BENCH_OPTIONS(FLAG, FILE, NUMBER, ZONE) \
	FILE(names, 'n', "names", \
	  "ask what FILE says, a question \"NAME TYPE\" a line, as dnsperf reads them") \
	FILE(domains, 'd', "domains", \
	  "ask the mail chains of the domains in FILE, one a line") \
	FILE(log, 'l', "postfix-log", \
	  "the same of the domains that this Postfix log delivered to, in its order") \
	NUMBER(rate, 'r', "rate", 1, 1000000, 0, \
	  "questions, or chains, a second to each server, whatever comes back. " \
	  "Default: 1000 or 20 where all servers are on loopback, else 25 or 2, " \
	  "which no server will mind; more only to servers of your own") \
	NUMBER(passes, 'p', "passes", 1, 1000000, BENCH_PASSES, \
	  "how often all is asked; from the second on, answers are warm or expired") \
	NUMBER(seconds, 's', "seconds", 1, 86400, BENCH_SECONDS, \
	  "ask no longer than this") \
	NUMBER(count, 'c', "count", 1, 1000000000, 0, \
	  "ask each server no more than this many questions, or chains") \
	NUMBER(timeout_ms, 't', "timeout", 10, 60000, BENCH_TIMEOUT_MS, \
	  "milliseconds after which a question is lost; it counts as that long") \
	NUMBER(hosts, 0, "hosts", 1, 8, BENCH_HOSTS, \
	  "exchanges of each domain to ask about, the most preferred first") \
	FLAG(no_receiving, 0, "no-receiving", \
	  "leave out what a receiving host asks: SPF, DMARC, PTR, DNSBL") \
	ZONE(chain.dnsbls, 0, "dnsbl", \
	  "look mail hosts up in this DNS blocklist, up to 4; none by default, " \
	  "since most refuse questions that come by way of public resolvers") \
	FLAG(dnssec, 'D', "dnssec", \
	  "set DO: answers with DNSSEC RRs") \
	FLAG(plain, 0, "no-edns", \
	  "no EDNS, so answers of more than 512 octets go over TCP") \
	NUMBER(sockets, 0, "sockets", 1, 16, BENCH_SOCKETS, \
	  "ports, or TCP connections, to ask each server from") \
	FILE(json, 'j', "json", \
	  "write all figures to FILE as JSON; - is standard output, in place of the table") \
	FILE(html, 'o', "html", \
	  "write a report with plots to FILE, one page without anything from elsewhere") \
	FLAG(quiet, 'q', "quiet", \
	  "no progress, which else is shown where standard error is a terminal")

#endif
