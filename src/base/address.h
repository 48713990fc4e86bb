/* address.h - addresses with the reason why a text is none. */
#ifndef MX_BASE_ADDRESS_H
#define MX_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "text.h"

/* mx_address_parse(); on false why is filled. */
bool mx_address_read(const char *text, uint16_t default_port,
		     struct sockaddr_storage *ret, socklen_t *ret_len,
		     char why[MX_WHY_TEXT_MAX]);

/* "192.0.2.0/24"; without a length it is one address. Bits after the prefix
 * must be 0. octets: 4 or 16 used, the rest 0. */
struct mx_network {
	int family;
	uint8_t octets[16];
	uint8_t bits;
};
bool mx_network_read(const char *text, struct mx_network *ret,
		     char why[MX_WHY_TEXT_MAX]);
/* Whether the two have an address in common. */
bool mx_network_overlap(const struct mx_network *a,
			const struct mx_network *b);

/* Same family, address, port and scope. */
bool mx_address_equal(const struct sockaddr_storage *a,
		      const struct sockaddr_storage *b);
bool mx_address_wildcard(const struct sockaddr_storage *a);
bool mx_address_loopback(const struct sockaddr_storage *a);
bool mx_address_multicast(const struct sockaddr_storage *a);
uint16_t mx_address_port(const struct sockaddr_storage *a);

#endif
