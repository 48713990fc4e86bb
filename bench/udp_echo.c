/* udp_echo - the floor: what the kernel's sockets alone cost.
 *
 *   udp_echo PORT
 *
 * One thread on 127.0.0.1 that sends every datagram back as it came, but for
 * the bit that makes a query a reply. It takes up to 64 in one call and sends
 * them in one, as the front does; nothing here is less than a server needs.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define OCTETS 512

static struct sockaddr_in peers[BATCH];
static uint8_t octets[BATCH][OCTETS];
static struct iovec iov[BATCH];
static struct mmsghdr messages[BATCH];

static int listen_on(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		perror("udp_echo");
		exit(1);
	}
	return fd;
}

static void prepare(void)
{
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ octets[i], OCTETS };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &peers[i], .msg_namelen = sizeof peers[i],
			.msg_iov = &iov[i], .msg_iovlen = 1 };
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: udp_echo PORT\n");
		return 2;
	}
	int fd = listen_on((uint16_t)atoi(argv[1]));

	prepare();
	for (;;) {
		int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);

		for (int i = 0; i < got; i++) {
			iov[i].iov_len = messages[i].msg_len;
			octets[i][2] |= 0x80;
		}
		for (int sent = 0; sent < got;) {
			int n = sendmmsg(fd, messages + sent,
					 (unsigned)(got - sent), 0);

			sent += n > 0 ? n : 1; /* who is gone misses nothing */
		}
		for (int i = 0; i < got; i++)
			iov[i].iov_len = OCTETS;
	}
}
