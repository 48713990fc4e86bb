"""Clients that mean no good: the others are served all the while, and what one
can make grow has an end. Said by answers and counters, not by the clock."""

import resource
import socket
import struct

import dns.message
import pytest

from mxbound import ANSWER_S, SANITIZED, Mxbound, read_message, wait_until
from octets import framed, query
from test_tcp import connect, is_closed, resident_kb, works

HIT = framed(query())


@pytest.fixture(scope="module")
def busy():
    """Hot, and with place for many."""
    with Mxbound("tcp-connections-max: 20000", "tcp-connections-client-max: 20000",
                 "tcp-idle-timeout: 60s") as running:
        running.ask("healthy.lab.", "MX")
        yield running


def served(server):
    """Others are: over UDP and TCP, from the cache, each with its own ID."""
    for tcp in (False, True):
        for i in (1, 65535):
            reply = dns.message.from_wire(server.exchange(query(id=i), tcp))
            assert reply.id == i and len(reply.answer[0]) == 2


def test_pipelining_without_reading(busy):
    """10^5 queries down a connection of which no reply is ever taken, though
    they would be 300 MB. Some of the queries the kernel keeps."""
    busy.ask("mx100.lab.", "MX", do=True, tcp=True)
    front, = busy.fronts()
    before = resident_kb(front)
    with connect(busy, receive_buffer=4096, timeout=0.3) as s:
        left = framed(query("mx100.lab")) * 100_000
        try:
            while left:
                left = left[s.send(left[:1 << 16]):]
        except (socket.timeout, ConnectionError):
            pass                       # it reads no further, as it should
        served(busy)
        if not SANITIZED:
            assert resident_kb(front) - before < 8 << 10
    served(busy)
    assert busy.fronts() == [front]


def test_many_that_write_octet_by_octet(busy):
    """200 connections, each a different octet further; then all go on."""
    writers = [connect(busy) for _ in range(200)]
    try:
        for at in range(len(HIT)):
            for i, s in enumerate(writers):
                if at < (i % len(HIT)) or i % 2:
                    s.sendall(HIT[at:at + 1])
            if at % 16 == 0:
                served(busy)
        for i, s in enumerate(writers):
            if i % 2 == 0:
                s.sendall(HIT[i % len(HIT):])
            assert dns.message.from_wire(read_message(s)).answer
    finally:
        for s in writers:
            s.close()


def test_many_that_never_read(busy):
    """50 connections full of replies at the same time."""
    front, = busy.fronts()
    before = resident_kb(front)
    busy.ask("mx100.lab.", "MX", do=True, tcp=True)
    peers = [connect(busy, receive_buffer=4096, timeout=0.02) for _ in range(50)]
    try:
        for s in peers:
            try:
                for _ in range(40):
                    s.send(framed(query("mx100.lab")) * 100)
            except (socket.timeout, ConnectionError):
                pass
        served(busy)
        if not SANITIZED:              # OUTPUT_MAX each, and what is in a chunk
            assert resident_kb(front) - before < 50 * 1024
    finally:
        for s in peers:
            s.close()
    served(busy)


@pytest.fixture
def descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1] if before[1] != resource.RLIM_INFINITY else 1 << 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 30000), before[1]))
    yield min(hard, 30000)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_10000_idle_connections(busy, descriptors):
    if descriptors < 11000:
        pytest.skip("no more than %d descriptors here" % descriptors)
    front, = busy.fronts()
    before = resident_kb(front)
    idle = []
    try:
        for i in range(10_000):
            # Ports of one address are not enough beside those of others.
            idle.append(connect(busy, source=f"127.0.1.{1 + i % 5}"))
        served(busy)
        for s in idle[::500]:
            assert works(s)
        if not SANITIZED:
            assert resident_kb(front) - before < 10_000 * 4
    finally:
        for s in idle:
            s.close()
    served(busy)


def test_idle_connections_past_the_bound():
    """The bound holds, and a new client still gets in."""
    with Mxbound("tcp-connections-max: 64", "tcp-connections-client-max: 64") as server:
        server.ask("healthy.lab.", "MX")
        idle = [connect(server) for _ in range(300)]
        served(server)
        open_still = sum(not is_closed(s, 0.01) for s in idle)
        assert open_still < 2 * 64
        for s in idle:
            s.close()
        assert server.stop()["tcp_accepted"] >= 64


def test_misses_without_end(relay):
    """One client has more questions in flight than it may: it hears SERVFAIL,
    what is in the cache goes to everyone, and so do others' questions."""
    with Mxbound("in-flight-client-max: 50", "workers: 1") as server:
        server.ask("healthy.lab.", "MX")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            s.bind(("127.0.0.9", 0))
            for one in (s, other):
                one.settimeout(ANSWER_S)
                one.connect(("127.0.0.1", server.port))
            for i in range(300):
                s.send(query(f"n{i}.slow.lab", id=i))
            s.send(query(id=999))
            other.send(query("d041.lab", id=5))
            reply = dns.message.from_wire(other.recv(65535))
            assert reply.id == 5 and reply.answer
            ids = set()
            while 999 not in ids:
                ids.add(struct.unpack("!H", s.recv(65535)[:2])[0])
        wait_until(lambda: server.ask("healthy.lab.", "MX").answer, 5, "served")
        assert server.stop()["overloads"] >= 200
