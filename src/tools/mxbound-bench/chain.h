/* chain.h - all that mail asks DNS about one domain, one answer after another.
 *
 *   route      MX → A, AAAA of the first exchanges → TLSA, where they are
 *              secure. What comes after what is mx_mail.h's; all that is
 *              known to be needed is asked at once
 *   policy     TXT of _mta-sts.DOMAIN (RFC 8461), once the route is known
 *   receiving  as if mail came from there: TXT of DOMAIN (SPF, RFC 7208) and
 *              of _dmarc.DOMAIN (RFC 7489), PTR of an address of the
 *              exchanges (of the first of them, and of IPv4, where there is
 *              such a one), and that address in each DNSBL (RFC 5782)
 *
 * The route is known as soon as the exchange of the least preference has an
 * address and nothing about it is open, its TLSA included; if it has none, once
 * nothing about any exchange is open. That a domain takes no mail is known too:
 * a bounce waits for it as mail does.
 *
 * Pure: answers go in, questions come out. One chain, one thread.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "mx_ingest.h"
#include "mx_mail.h"

#define CHAIN_HOSTS_MAX MX_MAIL_EXCHANGES_MAX
#define CHAIN_DNSBLS_MAX 4u
/* MX, of each host A, AAAA, CNAME, TLSA at two names; the five others. */
#define CHAIN_QUESTIONS_MAX (1u + 5u * CHAIN_HOSTS_MAX + 4u + CHAIN_DNSBLS_MAX)

/* What a question is for, where its type does not say. */
#define CHAIN_PURPOSES(X) \
	X(PLAIN, "") \
	X(STS, "MTA-STS") \
	X(SPF, "SPF") \
	X(DMARC, "DMARC") \
	X(DNSBL, "DNSBL")
enum chain_purpose {
#define X(name, text) CHAIN_##name,
	CHAIN_PURPOSES(X)
#undef X
};
const char *chain_purpose_text(enum chain_purpose purpose);

/*   what is known of the route in the end */
#define CHAIN_OUTCOMES(X) \
	X(ROUTED, "routed") \
	X(NO_MAIL, "takes no mail") \
	X(FAILED, "failed")
enum chain_outcome {
#define X(name, text) CHAIN_##name,
	CHAIN_OUTCOMES(X)
#undef X
	CHAIN_OUTCOME_COUNT
};
const char *chain_outcome_text(enum chain_outcome outcome);

struct chain_options {
	unsigned hosts; /* exchanges looked at, 1 to CHAIN_HOSTS_MAX */
	bool receiving;
	unsigned dnsbl_count; /* at most CHAIN_DNSBLS_MAX */
	struct mx_name dnsbls[CHAIN_DNSBLS_MAX];
};

struct chain_question {
	struct mx_name qname; /* lower case */
	uint16_t qtype;
	enum chain_purpose purpose;
	bool first; /* about MX, or the exchange of the least preference */
};

struct chain {
	const struct chain_options *options;
	struct mx_name domain;
	enum { CHAIN_ROUTE, CHAIN_POLICY, CHAIN_RECEIVING, CHAIN_OVER } phase;
	unsigned count, taken; /* questions, and those handed out */
	unsigned open, open_first; /* without an answer */
	bool failed, found, found_first; /* an answer; an address */
	uint8_t address[16];
	uint8_t address_len; /* 0: none */
	bool address_first; /* of the first exchange */
	struct chain_question at[CHAIN_QUESTIONS_MAX];
};

/* options are borrowed for the life of the chain. */
void chain_begin(struct chain *c, const struct mx_name *domain,
		 const struct chain_options *options);

/* The next question that can be asked now. False: none for now. */
bool chain_next(struct chain *c, unsigned *ret_question);

/* The answer to a question that was handed out, once: answer is as mx_ingest()
 * gives it; NULL: there is none that is of any use. secure: it came with AD. */
void chain_answer(struct chain *c, unsigned question,
		  const struct mx_answer *answer, bool secure,
		  struct mx_mail_room *room);

bool chain_route_known(const struct chain *c);
/* Of a route that is known. */
enum chain_outcome chain_outcome(const struct chain *c);
bool chain_done(const struct chain *c);

#endif
