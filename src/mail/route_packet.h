/* route_packet.h - working memory to read responses in. */
#ifndef MAIL_ROUTE_PACKET_H
#define MAIL_ROUTE_PACKET_H

struct route_room;
void route_room_free(struct route_room *room); /* NULL is fine */

#endif
