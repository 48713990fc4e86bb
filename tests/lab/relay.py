"""The relay: sits on every public address and forwards to the NSD behind it.

It counts what it sees, adds delay and loss, and misbehaves where it is told
to (class Behaviour): by the table in servers.py, and while the lab runs over
the control socket, whose other end is control.py.

Run as   python3 -m lab.relay SOCKET BEHAVIOUR     (JSON, for every server)

UDP goes through plain sockets, one callback for a batch of packets, because
it has to keep up with load tests. TCP is rare and uses asyncio's streams.
"""

import asyncio
import dataclasses
import gc
import json
import random
import select
import selectors
import socket
import struct
import sys
from collections import Counter, deque
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdatatype

from .rewrites import REWRITES, TC, empty_answer, question_end
from .servers import SERVERS, Server, instance_address

BATCH = 64               # packets read before other sockets get their turn
WATCHED_MAX = 100000     # queries remembered for do_watched(); the oldest go
TCP_IDLE_S = 20
NSD_WAIT_S = 5
BUFFER = 4 << 20         # the kernel lowers it to what it allows


def type_octets(rrtype):
    return struct.pack(">H", dns.rdatatype.from_text(rrtype))


@dataclass
class Behaviour:
    """How a server treats its queries. The defaults forward faithfully."""
    delay_ms: float = 0       # of a round trip; TCP pays it once more to connect
    loss: float = 0           # fraction of UDP queries never answered
    silent: bool = False      # nothing is ever answered
    rcode: str = ""           # this RCODE is the answer to all, e.g. "REFUSED"
    truncate: bool = False    # UDP answers are empty and have TC set
    udp: str = "works"        # or "silent"; in the table also "closed": ICMP says so
    tcp: str = "works"        # or "silent", or "refused": nobody listens
    ipv6: str = "works"       # or "silent", or from the start "none": not even bound
    drop_types: list = field(default_factory=list)   # QTYPEs never answered
    slow_types: dict = field(default_factory=dict)   # {QTYPE: ms more}
    rewrite: str = ""         # a name in rewrites.REWRITES

    def __post_init__(self):
        """Refuse nonsense; prepare what is looked at for every packet."""
        if self.tcp not in ("works", "silent", "refused"):
            raise ValueError(f"tcp: {self.tcp}")
        if self.udp not in ("works", "silent", "closed"):
            raise ValueError(f"udp: {self.udp}")
        if self.ipv6 not in ("works", "silent", "none"):
            raise ValueError(f"ipv6: {self.ipv6}")
        if self.rewrite and self.rewrite not in REWRITES:
            raise ValueError(f"rewrite: one of {', '.join(REWRITES)}")
        self.fixed_rcode = dns.rcode.from_text(self.rcode) if self.rcode else 0
        self.dropped = {type_octets(t) for t in self.drop_types}
        self.slow_s = {type_octets(t): ms / 1000 for t, ms in self.slow_types.items()}
        self.rewriter = REWRITES.get(self.rewrite)

    def ignores(self, qtype):
        return self.silent or qtype in self.dropped

    def delay_s(self, qtype):
        return self.delay_ms / 1000 + self.slow_s.get(qtype, 0)


class Upstream:
    """One UDP socket to an NSD. Queries get IDs of its own, by which their
    answers find back; an ID is reused after 65,536 queries, answered or not."""

    def __init__(self, loop, address):
        self.address = address
        self.waiting = [None] * 65536
        self.last_id = 0
        self.sock = udp_socket(socket.AF_INET)
        self.sock.connect((self.address, 53))
        loop.add_reader(self.sock, self.read)

    def ask(self, query, on_reply):
        number = self.last_id = (self.last_id + 1) & 0xFFFF
        self.waiting[number] = (query[:2], on_reply)
        try:
            self.sock.send(number.to_bytes(2, "big") + query[2:])
        except OSError:
            pass                             # as lost as any packet

    def read(self):
        for _ in range(BATCH):
            try:
                reply = self.sock.recv(65535)
            except OSError:
                return
            number = int.from_bytes(reply[:2], "big")
            waiting, self.waiting[number] = self.waiting[number], None
            if waiting:
                original_id, on_reply = waiting
                on_reply(original_id + reply[2:])

    async def ask_tcp(self, query):
        reader, writer = await asyncio.open_connection(self.address, 53)
        try:
            writer.write(struct.pack(">H", len(query)) + query)
            return await read_framed(reader)
        finally:
            writer.close()


class Seen:
    """The queries that arrived: how many of a kind, and in watched, while that
    is not None, each with the time of CLOCK_MONOTONIC."""

    def __init__(self):
        self.counts, self.watched = Counter(), None

    def add(self, kind, now):
        self.counts[kind] += 1
        if self.watched is not None:
            self.watched.append((now, kind))


class Relayed:
    """One server, of the table or added, on all its addresses."""

    def __init__(self, loop, server, upstream, seen, common):
        self.loop, self.server, self.upstream, self.seen = loop, server, upstream, seen
        self.at_start = Behaviour(**{**common, **server.behaviour})
        self.behaviour = self.at_start
        self.tcp_servers = {}

    def is_deaf(self, address):
        """Packets to it vanish: always, or while IPv6 is told to be silent."""
        if ":" in address and (self.behaviour.ipv6 == "silent" or not self.server.v6_works):
            return True
        return self.upstream is None

    async def open(self):
        self.addresses = [a for a in self.server.addresses
                          if ":" not in a or self.at_start.ipv6 != "none"]
        if self.at_start.udp != "closed":
            for address in self.addresses:
                sock = udp_socket(family(address))
                sock.bind((address, 53))
                self.loop.add_reader(sock, self.read, sock, address)
        await self.apply(self.at_start)

    async def apply(self, behaviour):
        self.behaviour = behaviour
        listening = behaviour.tcp != "refused"
        for address in self.addresses:
            if listening and address not in self.tcp_servers:
                self.tcp_servers[address] = await asyncio.start_server(
                    self.serve_tcp, address, 53, backlog=512)
            if not listening and address in self.tcp_servers:
                self.tcp_servers.pop(address).close()

    def count(self, query, transport):
        """Returns the QTYPE's octets. IndexError: not a query."""
        end = question_end(query)
        name, qtype = query[12:end - 4], query[end - 4:end - 2]
        self.seen.add((self.server.name, name.lower(), qtype, transport), self.loop.time())
        return qtype

    # --- UDP

    def read(self, sock, address):
        deaf = self.is_deaf(address)
        for _ in range(BATCH):
            try:
                query, client = sock.recvfrom(65535)
                qtype = self.count(query, "udp")
            except BlockingIOError:
                return
            except IndexError:
                continue
            if not deaf:
                self.answer_udp(sock, client, query, qtype)

    def answer_udp(self, sock, client, query, qtype):
        b = self.behaviour
        if b.ignores(qtype) or b.udp == "silent" or (b.loss and random.random() < b.loss):
            return
        due = self.loop.time() + b.delay_s(qtype)
        if b.truncate or b.fixed_rcode:
            self.send(sock, client, due, empty_answer(query, b.fixed_rcode,
                                                      TC if b.truncate else 0))
        elif b.rewriter:
            def rewritten(reply):
                for packet in b.rewriter(query, reply):
                    self.send(sock, client, due, packet)
            self.upstream.ask(query, rewritten)
        else:
            self.upstream.ask(query, lambda reply: self.send(sock, client, due, reply))

    def send(self, sock, client, due, packet):
        if due > self.loop.time():
            self.loop.call_at(due, self.send_now, sock, client, packet)
        else:
            self.send_now(sock, client, packet)

    def send_now(self, sock, client, packet):
        try:
            sock.sendto(packet, client)
        except OSError:
            pass                             # the client is gone, or its buffer full

    # --- TCP

    async def serve_tcp(self, reader, writer):
        address = writer.get_extra_info("sockname")[0]
        tasks, round_trips = set(), 2        # the handshake costs one
        try:
            while True:
                query = await asyncio.wait_for(read_framed(reader), TCP_IDLE_S)
                qtype = self.count(query, "tcp")
                b = self.behaviour
                if self.is_deaf(address) or b.ignores(qtype) or b.tcp == "silent":
                    continue
                due = self.loop.time() + b.delay_s(qtype) + (round_trips - 1) * b.delay_ms / 1000
                round_trips = 1
                tasks.add(self.loop.create_task(self.answer_tcp(writer, query, due)))
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError, IndexError):
            pass
        finally:
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()

    async def answer_tcp(self, writer, query, due):
        b = self.behaviour
        if b.fixed_rcode:
            reply = empty_answer(query, b.fixed_rcode)
        else:
            reply = await asyncio.wait_for(self.upstream.ask_tcp(query), NSD_WAIT_S)
            if b.rewriter:
                reply = b.rewriter(query, reply)[-1]
        await asyncio.sleep(max(0, due - self.loop.time()))
        writer.write(struct.pack(">H", len(reply)) + reply)


def in_text(kind):
    server, name, qtype, transport = kind
    return [server, dns.name.from_wire(name, 0)[0].to_text(),
            dns.rdatatype.to_text(int.from_bytes(qtype, "big")), transport]


class Control:
    """The control socket: one JSON object a line each way."""

    def __init__(self, loop, relayed, seen, common):
        self.loop, self.relayed, self.seen, self.common = loop, relayed, seen, common

    async def serve(self, reader, writer):
        while line := await reader.readline():
            try:
                request = json.loads(line)
                answer = await getattr(self, "do_" + request.pop("do"))(**request)
            except Exception as error:       # whatever it is, the asker made it
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def chosen(self, server):
        return list(self.relayed.values()) if server == "*" else [self.relayed[server]]

    async def do_set(self, server, **changes):
        for relayed in self.chosen(server):
            await relayed.apply(dataclasses.replace(relayed.behaviour, **changes))
        return {}

    async def do_reset(self, server="*"):
        for relayed in self.chosen(server):
            await relayed.apply(relayed.at_start)
        return {}

    async def do_get(self, server):
        return dataclasses.asdict(self.relayed[server].behaviour)

    async def do_counts(self):
        return {"counts": [[*in_text(kind), n] for kind, n in self.seen.counts.items()]}

    async def do_forget(self):
        self.seen.counts.clear()
        return {}

    async def do_add(self, server, v4, v6, behind):
        if server in self.relayed:
            raise ValueError(f"there is a {server}")
        added = Relayed(self.loop, Server(server, v4, v6, v6_works=True, instance=behind),
                        Upstream(self.loop, behind), self.seen, self.common)
        await added.open()
        self.relayed[server] = added
        return {}

    async def do_watch(self):
        self.seen.watched = deque(maxlen=WATCHED_MAX)
        return {}

    async def do_watched(self):
        watched, self.seen.watched = self.seen.watched or (), None
        return {"watched": [[when, *in_text(kind)] for when, kind in watched]}


class PreciseSelector(selectors.EpollSelector):
    """epoll's timeout is in whole milliseconds; select()'s, on the epoll
    descriptor, is not. Delays come out exact to some 0.1 ms."""

    def select(self, timeout=None):
        if timeout is not None and timeout > 0:
            select.select([self], [], [], timeout)
            timeout = 0
        return super().select(timeout)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_socket(address_family):
    sock = socket.socket(address_family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    return sock


async def read_framed(reader):
    length = struct.unpack(">H", await reader.readexactly(2))[0]
    return await reader.readexactly(length)


async def main(control_path, common):
    loop = asyncio.get_running_loop()
    seen = Seen()
    instances = {s.instance for s in SERVERS.values()} - {None}
    upstreams = {i: Upstream(loop, instance_address(i)) for i in instances}
    relayed = {s.name: Relayed(loop, s, upstreams.get(s.instance), seen, common)
               for s in SERVERS.values()}
    for r in relayed.values():
        await r.open()
    control = Control(loop, relayed, seen, common)
    await asyncio.start_unix_server(control.serve, control_path)
    gc.freeze()                              # collecting start-up's objects takes ms
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.SelectorEventLoop(PreciseSelector()))
    asyncio.get_event_loop().run_until_complete(main(sys.argv[1], json.loads(sys.argv[2])))
