/* reason.c - why a resolver's answer is no good, in words and as a number. */
#include <string.h>

#include "front.h"

/* libunbound tells why validation failed only in words; RFC 8914 has numbers
 * for the commonest reasons. The first that fits is used. All have a blank:
 * the words have names in them too, in which a blank is \032, and nobody is to
 * choose the reason by choosing a name. */
static const struct { const char *words; uint16_t ede; } bogus_reasons[] = {
	{ "signature expired", MX_EDE_SIGNATURE_EXPIRED },
	{ "signature before inception", MX_EDE_SIGNATURE_NOT_YET },
	{ "no signatures", MX_EDE_RRSIGS_MISSING },
	{ "signature missing", MX_EDE_RRSIGS_MISSING },
	{ "no DNSKEY", MX_EDE_DNSKEY_MISSING },
	{ "no keys have a DS", MX_EDE_DNSKEY_MISSING },
	{ "no NSEC", MX_EDE_NSEC_MISSING },
	{ "no DNSSEC records", MX_EDE_NSEC_MISSING },
	{ "no proof", MX_EDE_NSEC_MISSING },
	{ "proof failed", MX_EDE_NSEC_MISSING },
};

uint16_t reason_ede(const char *why)
{
	for (size_t i = 0; i < sizeof(bogus_reasons) / sizeof(bogus_reasons[0]);
	     i++)
		if (strcasestr(why, bogus_reasons[i].words))
			return bogus_reasons[i].ede;
	return MX_EDE_BOGUS;
}

/* EXTRA-TEXT is UTF-8 for people (RFC 8914 section 2): from the resolver's
 * words only printable ASCII is passed on. They begin with the question, which
 * everybody has who reads them, and which may leave no room for the reason. */
void reason_text(const struct mx_channel_answer *answer,
		 char ret[MX_WHY_MAX + 1])
{
	static const char head[] = "validation failure <", head_end[] = ">: ";
	const char *why = answer->why, *reason;
	size_t len = answer->why_len;

	if (len >= sizeof(head) - 1 && !memcmp(why, head, sizeof(head) - 1) &&
	    (reason = memmem(why, len, head_end, sizeof(head_end) - 1))) {
		reason += sizeof(head_end) - 1;
		len -= (size_t)(reason - why);
		why = reason;
	}
	if (len > MX_WHY_MAX)
		len = MX_WHY_MAX;
	for (size_t i = 0; i < len; i++)
		ret[i] = why[i] >= 0x20 && why[i] < 0x7f ? why[i] : ' ';
	ret[len] = 0;
}
