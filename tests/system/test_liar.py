"""A resolver that somebody has broken into: it says whatever it likes
(fakes/liar.py), and the real front gives none of it to a client.

What a lie cannot be told from the truth, other data of the same name and type,
is the resolver's to say; everything else the front checks itself.
"""

import os
import random
import re
import selectors
import shutil
import socket
import struct
import time
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from mxbound import BUILD, SANITIZED, Mxbound, wait_until

HERE = Path(__file__).resolve().parent
QUESTIONS = 1500 if SANITIZED else 6000
WINDOW = 100
TXT, IN = 16, 1


class Liar(Mxbound):
    """With the liar beside the real programs."""

    def __init__(self, folder):
        for program in ("mxbound", "mxbound-front"):
            shutil.copy(BUILD / program, folder)
        shutil.copy(HERE / "fakes" / "liar.py", folder / "mxbound-resolver")
        super().__init__("query-deadline: 400ms", "failure-ttl-max: 1s", "resolvers: 1",
                         "workers: 2", "log-level: error", "in-flight-client-max: 8192",
                         "policy-listen: " + str(folder / "policy.sock"),
                         expect_ready=False, build=folder)


@pytest.fixture(scope="module")
def liar(tmp_path_factory):
    os.environ.setdefault("MX_SEED", str(random.randrange(1 << 30)))
    print("MX_SEED", os.environ["MX_SEED"])
    with Liar(tmp_path_factory.mktemp("liar")) as server:
        wait_until(lambda: truth_comes(server), 20, "an answer")
        yield server


def truth_comes(server):
    if not server.fronts():
        return False
    octets = server.exchange(dns.message.make_query("honest.start.example.", "TXT").to_wire(),
                             timeout=1)
    return octets is not None and b"right honest.start.example" in octets


def read_name(octets, at):
    """The name there, and where the next thing begins."""
    labels, after = [], None
    while octets[at]:
        if octets[at] >= 0xc0:
            after = after or at + 2
            there = int.from_bytes(octets[at:at + 2], "big") & 0x3fff
            assert there < at, "a pointer that is none"
            at = there
        else:
            labels.append(octets[at + 1:at + 1 + octets[at]].lower())
            at += 1 + octets[at]
    return labels, after or at + 1


def read_rrs(octets, at, count):
    """Owner, type and class of each; where the next section begins. RDATA is
    not looked into: of a TXT it is the resolver's to say what it is."""
    found = []
    for _ in range(count):
        owner, at = read_name(octets, at)
        rdtype, rdclass, _, length = struct.unpack_from("!HHIH", octets, at)
        at += 10 + length
        assert at <= len(octets), "RDATA past the end"
        found.append((owner, rdtype, rdclass))
    return found, at


def check(query, octets):
    """A whole message, to this question, and nothing in it that is wrong; the
    RCODE."""
    asked = query.to_wire()
    number, flags, qd, an, ns, ar = struct.unpack_from("!6H", octets)
    where = octets.hex(" ")
    assert number == query.id and flags & 0x8000 and qd == 1, where
    qname, at = read_name(octets, 12)
    at += 4
    assert octets[12:at] == asked[12:at], where
    answers, at = read_rrs(octets, at, an)
    others, at = read_rrs(octets, at, ns + ar)
    assert at == len(octets), where
    assert b"wrong" not in octets, where
    # None of the lies that hold has an alias.
    for owner, rdtype, rdclass in answers:
        assert owner == qname and (rdtype, rdclass) == (TXT, IN), where
    return flags & 15


def ask_all(server, queries):
    """All of them over UDP, WINDOW at a time; RCODEs of those that came."""
    rcodes, waiting = [], {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
            selectors.DefaultSelector() as selector:
        s.connect(("127.0.0.1", server.port))
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
        todo = iter(queries)
        end = time.monotonic() + 100
        more = True
        while more or waiting:
            while more and len(waiting) < WINDOW:
                query = next(todo, None)
                if query is None:
                    more = False
                    break
                waiting[query.id] = (query, time.monotonic())
                s.send(query.to_wire())
            if selector.select(0.1):
                octets = s.recv(65535)
                query, _ = waiting.pop(int.from_bytes(octets[:2], "big"))
                rcodes.append(check(query, octets))
            now = time.monotonic()
            assert now < end
            # Lost on the way, as UDP may.
            for number in [n for n, (_, sent) in waiting.items() if now - sent > 5]:
                waiting.pop(number)
    return rcodes


def query_of(name, number):
    query = dns.message.make_query(name, "TXT", use_edns=0, want_dnssec=number % 2 == 0)
    query.id = number & 0xffff
    return query


def test_no_lie_arrives(liar):
    (front,) = liar.fronts()
    names = [f"n{i % (QUESTIONS * 2 // 3)}.liar.example." for i in range(QUESTIONS)]
    rcodes = ask_all(liar, [query_of(name, i) for i, name in enumerate(names)])
    # All hear something; and what is right among it arrives.
    assert len(rcodes) >= QUESTIONS * 0.99
    assert rcodes.count(dns.rcode.NOERROR) > QUESTIONS * 0.1
    assert rcodes.count(dns.rcode.SERVFAIL) > QUESTIONS * 0.1
    assert liar.fronts() == [front], liar.log()


def test_nobody_was_poisoned(liar):
    """What came along with answers to others is not there."""
    for name in ("victim.example.", "other.example.", "c."):
        query = query_of(name, 1)
        octets = liar.exchange(query.to_wire(), timeout=3)
        assert octets is not None
        check(query, octets)


def test_honest_answers_still_arrive(liar):
    rcodes = ask_all(liar, [query_of(f"honest.n{i}.example.", i) for i in range(200)])
    assert rcodes.count(dns.rcode.NOERROR) >= 198


def test_its_words_do_not_steer_a_terminal(liar):
    assert "\x1b" not in liar.log()
    assert not re.search(r"mxbound-front \(pid \d+\)", liar.log()), liar.log()
