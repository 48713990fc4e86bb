/* example-route.c - print the route of a domain, asking any DNS server.
 *
 *   cc example-route.c $(pkg-config --cflags --libs libmxroute)
 *   ./a.out DOMAIN [SERVER [PORT]]
 *
 * The server's AD is believed, as it may be of one on this host. Exit status:
 * 0 deliverable, 1 permanent failure, 2 temporary. */
#include <arpa/inet.h>
#include <mx_route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ---- the socket function: a query out, its response in, or 0 ---- */

static size_t ask(const struct sockaddr_in *server, int type, uint8_t *query,
		  size_t len, uint8_t *response)
{
	int s = socket(AF_INET, type, 0);
	struct timeval patience = { 6, 0 };
	uint8_t frame[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	ssize_t got = 0;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(s, (const struct sockaddr *)server, sizeof(*server)) == 0) {
		if (type == SOCK_STREAM)
			send(s, frame, 2, MSG_MORE);
		send(s, query, len, MSG_NOSIGNAL);
		if (type == SOCK_DGRAM)
			got = recv(s, response, 65535, 0);
		else if (recv(s, frame, 2, MSG_WAITALL) == 2)
			got = recv(s, response, frame[0] << 8 | frame[1],
				   MSG_WAITALL);
	}
	close(s);
	return got > 2 && memcmp(query, response, 2) == 0 ? (size_t)got : 0;
}

/* ---- the thirty lines ---- */

static void answer(struct mx_route *route, struct mx_route_question *q,
		   const struct sockaddr_in *server)
{
	static uint8_t query[MX_ROUTE_QUERY_MAX], response[65535];
	static uint16_t id;
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	size_t len = mx_route_query(q, ++id, query);
	size_t got = ask(server, SOCK_DGRAM, query, len, response);
	enum mx_route_heard heard =
		mx_route_response(route, response, got, true, now_ms);

	if (heard == MX_ROUTE_TRUNCATED) {
		got = ask(server, SOCK_STREAM, query, len, response);
		heard = mx_route_response(route, response, got, true, now_ms);
	}
	if (heard != MX_ROUTE_HEARD)
		mx_route_failed(route, q, now_ms + 5000);
}

static void print(const struct mx_route_result *r)
{
	char name[MX_ROUTE_NAME_TEXT_MAX], a[MX_ROUTE_ADDRESS_TEXT_MAX];

	printf("%s: %s%s%s\n", mx_route_outcome_word(r->outcome),
	       mx_route_outcome_text(r->outcome), *mx_route_reason_text(r->reason) ?
	       ": " : "", mx_route_reason_text(r->reason));
	for (unsigned i = 0; i < r->host_count; i++) {
		const struct mx_route_host *h = &r->hosts[i];

		printf("%u %s %s %s", h->preference,
		       mx_route_name_text(&h->name, name),
		       mx_route_host_state_word(h->state),
		       mx_route_level_word(h->level));
		for (unsigned k = 0; k < h->address_count; k++)
			printf(" %s", mx_route_address_text(&h->addresses[k], a));
		printf("\n");
		if (h->tlsa_base.len > 0)
			printf("  TLSA at %s: %u of %u usable\n",
			       mx_route_name_text(&h->tlsa_base, name),
			       h->tlsa_usable, h->tlsa_count);
	}
}

int main(int argc, char **argv)
{
	struct mx_route_options options = { .seed = (uint64_t)getpid() };
	struct sockaddr_in server = { .sin_family = AF_INET };
	struct mx_route_destination to;
	struct mx_route_question q;

	server.sin_port = htons((uint16_t)(argc > 3 ? atoi(argv[3]) : 53));
	inet_pton(AF_INET, argc > 2 ? argv[2] : "127.0.0.1", &server.sin_addr);
	if (argc < 2 || !mx_route_destination_read(argv[1], &to))
		return 64;
	struct mx_route *route = mx_route_new(&to, &options);

	while (route != NULL && mx_route_next(route, &q, 1) == 1)
		answer(route, &q, &server);
	if (route == NULL)
		return 2;
	const struct mx_route_result *result = mx_route_result(route);
	int status = (int)mx_route_outcome_class(result->outcome);

	print(result);
	mx_route_free(route);
	return status;
}
