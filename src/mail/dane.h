/* dane.h - which names a sender looks for TLSA at, RFC 7672 section 2.2. */
#ifndef MAIL_DANE_H
#define MAIL_DANE_H

#include "mx_wire.h"

/* What an address RRset of a host says (section 2.2.2). */
enum dane_base {
	DANE_BASE_NONE,	 /* no DANE by this one */
	DANE_BASE_ALIAS, /* only if the host's own CNAME, asked for by itself,
			    is secure: then TLSA of the host */
	DANE_BASE_FINAL, /* TLSA of where aliases lead, then of the host */
};

/* Of a positive answer. Indeterminate counts as insecure: nobody says that
 * the name is in a signed zone. */
enum dane_base dane_base(enum mx_validation state, unsigned alias_count);

/* _port._tcp.base (RFC 6698 section 3). False: base is an address written as
 * a name, which DANE is not for (RFC 7672 section 2.2), or leaves no room. */
bool dane_name(const struct mx_name *base, uint16_t port, struct mx_name *ret);

/* No TLD is all digits: an address written where a name should be, as in
 * 192.0.2.1.; the root too. */
bool dane_numeric(const struct mx_name *name);

#endif
