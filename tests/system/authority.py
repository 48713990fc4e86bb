"""An authoritative server of the test's own, for what no zone file can say.

    with Authority(lambda query: answer) as authority, \\
            Mxbound(*authority.options("own.example.")) as server:

The handler gets the query (a dns.message.Message) and its transport ("udp" or
"tcp") and returns a message, octets, or None for silence. It may sleep: every
query has a thread. What was asked is in `asked`, as (name, type, transport).
"""

import select
import socket
import threading

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mxbound import read_message
from octets import framed

ADDRESS = "127.0.0.1"
WAIT_S = 20


def reply_to(query, *answer, rcode=0, authority=()):
    """answer, authority: lines of a zone file, with absolute names; lines in
    a row with the same owner and type are one RRset. Recursion is said to be
    available, for a forward-zone."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.flags |= dns.flags.AA
    reply.set_rcode(rcode)
    for section, lines in ((reply.answer, answer), (reply.authority, authority)):
        for line in lines:
            owner, ttl, rrtype, rdata = line.split(None, 3)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", rrtype, rdata))
    return reply


def soa(zone, ttl=60, minimum=60):
    return f"{zone} {ttl} SOA ns.{zone} hostmaster.{zone} 1 3600 600 604800 {minimum}"


def both_sockets(port, tries=20):
    """UDP and TCP on one port, any that is free for both if port is 0."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((ADDRESS, port))
        udp.bind(tcp.getsockname())
        return udp, tcp
    except OSError:
        udp.close()
        tcp.close()
        if port or not tries:
            raise
        return both_sockets(port, tries - 1)


class Authority:
    def __init__(self, handler, port=0):
        self.handler = handler
        self.asked = []
        self.udp, self.tcp = both_sockets(port)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.port = self.udp.getsockname()[1]
        self.tcp.listen(128)
        self.ended, self.end = socket.socketpair()

    def options(self, zone, kind="stub"):
        """What makes mxbound ask this server for names in the zone, and take
        them unsigned."""
        return (f"{kind}-zone: {zone} {ADDRESS}@{self.port}",
                f'resolver-option: "domain-insecure: {zone}"')

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.end.close()
        self.thread.join(WAIT_S)
        for s in (self.udp, self.tcp, self.ended):
            s.close()

    def count(self, name=None, rrtype=None):
        """Queries so far for that name, in any case."""
        return sum(name in (None, n.lower()) and rrtype in (None, t) for n, t, _ in self.asked)

    def serve(self):
        while True:
            ready = select.select([self.udp, self.tcp, self.ended], [], [])[0]
            if self.ended in ready:
                return
            if self.udp in ready:
                octets, peer = self.udp.recvfrom(65535)
                self.in_thread(self.answer, octets, "udp",
                               lambda reply, to=peer: self.udp.sendto(reply, to))
            if self.tcp in ready:
                self.in_thread(self.serve_connection, self.tcp.accept()[0])

    def in_thread(self, function, *arguments):
        def run():
            try:
                function(*arguments)
            except OSError:
                pass               # the asker or the test has gone
        threading.Thread(target=run, daemon=True).start()

    def answer(self, octets, transport, send):
        query = dns.message.from_wire(octets)
        asked = query.question[0]
        self.asked.append((asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype), transport))
        reply = self.handler(query, transport)
        if reply is None:
            return
        if isinstance(reply, dns.message.Message):
            wire = reply.to_wire(max_size=65535)
            if transport == "udp" and len(wire) > 1232:
                cut = dns.message.make_response(query)
                cut.flags |= dns.flags.TC | dns.flags.AA
                wire = cut.to_wire()
            reply = wire
        send(reply)

    def serve_connection(self, connection):
        with connection:
            connection.settimeout(WAIT_S)
            while octets := read_message(connection):
                self.in_thread(self.answer, octets, "tcp",
                               lambda reply: connection.sendall(framed(reply)))
