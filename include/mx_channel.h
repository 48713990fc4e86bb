/* mx_channel.h - questions to a resolver process and answers back.
 *
 * One SOCK_SEQPACKET pair for each worker and resolver. One message is one
 * datagram; both sides check every length, and the front checks the packet
 * again (mx_ingest.h): the resolver is not trusted.
 *
 *   question   u32 id | u16 qtype | u16 qclass | QNAME in wire format
 *   forget     a question for QTYPE 0, class 0 and the root: forget all that
 *              you know, and say so with status FORGOTTEN and this id
 *   answers    one or more of: u32 len | answer
 *   answer     u32 id | u8 status | u8 sec | u16 why_len | why | packet
 *
 * One question a datagram, but as many answers as were there at the same time:
 * a resolver that is busy would else wake the front for each.
 *
 * Numbers are in network order, like everything mx_wire.h reads and writes.
 * The codecs are in src/wire/channel_message.c, since both ends use them.
 */
#ifndef MX_CHANNEL_H
#define MX_CHANNEL_H

#include "mx_answer.h"
#include "mx_error.h"

enum mx_channel_status {
	MX_CHANNEL_ANSWER = 0,	/* packet holds the answer; sec says how good */
	MX_CHANNEL_FAILED = 1,	/* no packet: SERVFAIL and the like */
	MX_CHANNEL_REFUSED = 2, /* the resolver is full or could not ask */
	MX_CHANNEL_FORGOTTEN = 3, /* it knows nothing any more, as told */
};

#define MX_CHANNEL_QUESTION_MAX (8 + MX_NAME_MAX)
#define MX_CHANNEL_WHY_MAX 1024u
#define MX_CHANNEL_ANSWER_MAX (8 + MX_CHANNEL_WHY_MAX + MX_MESSAGE_MAX)
#define MX_CHANNEL_LEN 4u /* octets that say how long an answer is */
#define MX_CHANNEL_DATAGRAM_MAX (MX_CHANNEL_LEN + MX_CHANNEL_ANSWER_MAX)

struct mx_channel_question {
	uint32_t id;
	struct mx_key key; /* received: qname points into the buffer */
};

struct mx_channel_answer {
	uint32_t id;
	enum mx_channel_status status;
	enum mx_validation state; /* insecure, bogus or secure */
	const char *why;  /* not terminated; why_len octets */
	uint16_t why_len;
	const uint8_t *packet;
	uint32_t packet_len;
};

/* Pure codecs. pack returns the length; buf has room for the _MAX above. A
 * why longer than MX_CHANNEL_WHY_MAX is cut.
 * unpack borrows from buf; *ret is untouched on error: MX_E_SHORT,
 * MX_E_TRAILING, MX_E_LABEL.. as found; MX_E_TOO_BIG for a why or packet over
 * its bound; MX_E_MALFORMED for a status or state that is none, and for an
 * ANSWER whose state is indeterminate. An ANSWER has a packet, the others
 * have none; what is in the packet is mx_ingest's to judge. */
size_t mx_channel_pack_question(const struct mx_channel_question *q,
				uint8_t *buf);
/* id: of the caller's choice, in a space of its own. */
size_t mx_channel_pack_forget(uint32_t id, uint8_t *buf);
bool mx_channel_is_forget(const struct mx_channel_question *q);
enum mx_error mx_channel_unpack_question(const uint8_t *buf, size_t len,
					 struct mx_channel_question *ret);
size_t mx_channel_pack_answer_head(const struct mx_channel_answer *a,
				   uint8_t *buf); /* all but packet */
/* What stands before an answer of that length. */
void mx_channel_pack_len(size_t answer_len, uint8_t buf[MX_CHANNEL_LEN]);
/* Take the first answer's octets from a datagram's rest, which shrinks to what
 * is after it. False: nothing is left, or a length that is longer than what is
 * (*rest_len is not 0 then). */
bool mx_channel_split(const uint8_t **rest, size_t *rest_len,
		      const uint8_t **answer, size_t *answer_len);
enum mx_error mx_channel_unpack_answer(const uint8_t *buf, size_t len,
				       struct mx_channel_answer *ret);

#endif
