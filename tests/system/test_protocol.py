"""Every row of query_table.py over UDP and TCP, IPv4 and IPv6.

After each row a second query goes over the same socket: what came must not
have disturbed what follows, and its reply shows that none was to come before.
"""

import socket
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from mxbound import ANSWER_S, Mxbound, ede, free_port, read_message
from octets import CD, DO, OPCODE, QR, RA, RD, framed, name, opt, query
from query_table import ROWS, Drop

OPT = dns.rdatatype.OPT
NEXT_ID = 0x5e47
NEXT = query("localhost", 1, id=NEXT_ID)     # answered without asking anyone


@pytest.fixture(scope="module")
def warm(server):
    """Nothing of the table has to be resolved first."""
    for row in ROWS:
        if not isinstance(row.expect, Drop):
            server.exchange(row.octets, tcp=True)
    return server


def connect(server, tcp, v6):
    s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                      socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(ANSWER_S)
    s.connect(("::1" if v6 else "127.0.0.1", server.port))
    return s


def send(s, octets, tcp):
    s.sendall(framed(octets)) if tcp else s.send(octets)


def receive(s, tcp):
    """A message; None when the connection is closed."""
    try:
        return read_message(s) if tcp else s.recv(65535)
    except ConnectionResetError:
        return None


def id_of(octets):
    return struct.unpack("!H", octets[:2])[0]


def question_of(octets):
    """The octets of the only question, b"" if there is none."""
    qdcount = struct.unpack("!H", octets[4:6])[0]
    if qdcount == 0:
        return b""
    assert qdcount == 1
    at = 12
    while octets[at]:
        at += octets[at] + 1
    return octets[12:at + 5]


def check_header(sent, got):
    asked = struct.unpack("!H", sent[2:4])[0]
    flags = struct.unpack("!H", got[2:4])[0]
    assert got[:2] == sent[:2], "ID"
    assert flags & QR
    assert flags & 15 << OPCODE == asked & 15 << OPCODE
    assert not flags & dns.flags.AA
    assert flags & RA
    assert flags & RD == asked & RD
    assert flags & CD == asked & CD
    assert not flags & 0x40, "Z"
    assert not flags & dns.flags.TC


def check_opt(sent, reply, wanted):
    """dnspython refuses a message with two, or one not owned by the root."""
    if reply.opt is None:
        assert wanted is not True
        return
    assert wanted is not False
    assert reply.payload == 1232
    assert reply.edns == 0
    known = sent[-11:-9] == b"\0\0" and len(sent) > 11    # an OPT without options ends it
    if known:
        assert reply.ednsflags & 0xffff == struct.unpack("!I", sent[-6:-2])[0] & DO
    assert not reply.ednsflags & 0x7fff
    for o in reply.options:          # EDE, COOKIE, KEEPALIVE
        assert isinstance(o, dns.edns.EDEOption) or o.otype in (10, 11), o


def check_reply(row, got):
    """Returns the reply read."""
    check_header(row.octets, got)
    # As a reply to QUERY: dnspython reads other opcodes by other rules.
    as_query = got[:2] + bytes([got[2] & ~0x78]) + got[3:]
    reply = dns.message.from_wire(as_query, one_rr_per_rrset=True)
    wanted = row.expect.rcode if isinstance(row.expect.rcode, tuple) else (row.expect.rcode,)
    assert dns.rcode.to_text(reply.rcode()) in wanted
    echoed = question_of(got)
    assert echoed in (b"", row.octets[12:12 + len(echoed)]), "echoed octet for octet"
    assert row.expect.question in (None, bool(echoed))
    check_opt(row.octets, reply, row.expect.opt)
    if row.expect.answers is not None:
        assert len(reply.answer) == row.expect.answers
    assert not reply.flags & dns.flags.AD or reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    if row.expect.ede is not None:
        assert row.expect.ede in ede(reply)
    return reply


def params():
    for row in ROWS:
        for tcp in (False, True):
            for v6 in (False, True):
                yield pytest.param(row, tcp, v6, id=f"{row.id}-{'tcp' if tcp else 'udp'}"
                                                    f"{'6' if v6 else '4'}")


@pytest.mark.parametrize("row, tcp, v6", params())
def test_row(warm, row, tcp, v6):
    with connect(warm, tcp, v6) as s:
        send(s, row.octets, tcp)
        if isinstance(row.expect, Drop) and row.expect.closes_tcp and tcp:
            assert receive(s, tcp) is None
            return
        if not isinstance(row.expect, Drop):
            got = receive(s, tcp)
            assert got is not None
            check_reply(row, got)
            if not tcp:
                assert len(got) <= 1232
        send(s, NEXT, tcp)
        got = receive(s, tcp)
        assert got is not None and id_of(got) == NEXT_ID, "a reply where none was to come"


def test_every_row_at_once(warm):
    """All rows down one connection: replies are complete and belong to their
    queries, none is missing. Rows that close it are left out."""
    rows = [r for r in ROWS if not isinstance(r.expect, Drop)]
    ids = {}
    with connect(warm, tcp=True, v6=False) as s:
        for i, row in enumerate(rows):
            ids[i] = row
            send(s, struct.pack("!H", i) + row.octets[2:], tcp=True)
        for _ in rows:
            got = receive(s, tcp=True)
            row = ids.pop(id_of(got))
            check_reply(row, row.octets[:2] + got[2:])
    assert not ids


def test_any_is_kept_under_no_type(server):
    """The HINFO of an ANY reply is not an answer to HINFO (RFC 8482)."""
    any_reply = server.ask("rsa.lab.", "ANY")
    assert [r.rdtype for r in any_reply.answer] == [dns.rdatatype.HINFO]
    assert b"RFC8482" == any_reply.answer[0][0].cpu
    assert not server.ask("rsa.lab.", "HINFO").answer
    assert [r.rdtype for r in server.ask("rsa.lab.", "ANY").answer] == [dns.rdatatype.HINFO]


def test_version_0_in_badvers(server):
    """RFC 6891 6.1.3: BADVERS tells the highest version we know, which is 0."""
    got = dns.message.from_wire(server.exchange(query(additional=[opt(version=1)])))
    assert got.rcode() == dns.rcode.BADVERS
    assert got.edns == 0 and not got.answer and not got.authority


def test_many_options_take_linear_time(warm):
    """16,000 options, 64 KB, cost no more than a hundred or so plain
    queries: nothing in them is compared with each of the others."""
    def seconds(octets, times):
        with connect(warm, tcp=True, v6=False) as s:
            begin = time.monotonic()
            for _ in range(times):
                send(s, octets, tcp=True)
                assert receive(s, tcp=True)
            return time.monotonic() - begin
    long = next(r for r in ROWS if r.id == "D3.25-16000-options").octets
    plain = seconds(query(), 200) / 200
    assert seconds(long, 20) / 20 < max(200 * plain, 0.05)


@pytest.mark.parametrize("port", (7, 19))
def test_source_port_of_an_echo_service(server, port):
    """A datagram from the echo or chargen port is forged: the reply would be
    answered for ever (D1.12)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        s.bind(("127.0.0.1", port))
        s.sendto(NEXT, ("127.0.0.1", server.port))
        other.settimeout(ANSWER_S)
        for _ in range(20):       # by now any worker has had its turn
            other.sendto(NEXT, ("127.0.0.1", server.port))
            other.recv(512)
        s.settimeout(0.2)
        with pytest.raises(socket.timeout):
            s.recv(512)


class TestAccess:
    """access-control (D1.11): the longest prefix decides."""

    @pytest.fixture(scope="class")
    def guarded(self):
        with Mxbound("access-control: 127.0.0.0/8 allow",
                     "access-control: 127.0.0.2/32 refuse",
                     "access-control: 127.0.0.3/32 drop",
                     "access-control: 127.0.1.0/24 refuse",
                     "access-control: 127.0.1.1/32 allow") as running:
            yield running

    def exchange(self, running, source, tcp, octets=NEXT, timeout=ANSWER_S):
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as s:
            s.settimeout(timeout)
            s.bind((source, 0))
            try:
                s.connect(("127.0.0.1", running.port))
                send(s, octets, tcp)
                return receive(s, tcp)
            except (ConnectionError, socket.timeout):
                return None

    @pytest.mark.parametrize("tcp", (False, True), ids=("udp", "tcp"))
    @pytest.mark.parametrize("source", ("127.0.0.1", "127.0.1.1", "127.9.9.9"))
    def test_allowed(self, guarded, source, tcp):
        got = dns.message.from_wire(self.exchange(guarded, source, tcp))
        assert got.rcode() == dns.rcode.NOERROR and got.answer

    @pytest.mark.parametrize("tcp", (False, True), ids=("udp", "tcp"))
    @pytest.mark.parametrize("source", ("127.0.0.2", "127.0.1.2"))
    def test_refused(self, guarded, source, tcp):
        """REFUSED with EDE 18, so that a forgotten network is found soon."""
        asked = query("localhost", 1, additional=[opt()])
        got = dns.message.from_wire(self.exchange(guarded, source, tcp, asked))
        assert got.rcode() == dns.rcode.REFUSED
        assert 18 in ede(got) and not got.answer

    @pytest.mark.parametrize("tcp", (False, True), ids=("udp", "tcp"))
    def test_dropped(self, guarded, tcp):
        assert self.exchange(guarded, "127.0.0.3", tcp, timeout=0.3) is None

    def test_others_are_refused(self, guarded):
        """What no rule allows is refused: here IPv6."""
        got = dns.message.from_wire(guarded.exchange(
            query("localhost", 1, additional=[opt()]), v6=True))
        assert got.rcode() == dns.rcode.REFUSED and 18 in ede(got)


def test_only_the_loopback_by_default():
    """A resolver for everyone is a weapon: it does not listen where others can
    ask before a rule says who may."""
    port = free_port()
    server = Mxbound(f"listen: 127.0.0.1@{port}", f"listen: fd00:53::10:1@{port}",
                     expect_ready=False)
    server.start()
    assert server.process.wait(ANSWER_S) != 0
    assert "access-control" in server.log() and "fd00:53::10:1" in server.log()
    server.process = None


def test_who_has_no_rule_is_refused():
    port = free_port()
    with Mxbound(f"listen: 127.0.0.1@{port}", f"listen: fd00:53::10:1@{port}",
                 "access-control: 127.0.0.0/8 allow",
                 "access-control: 192.0.2.0/24 allow") as running:
        assert dns.message.from_wire(ask_from(running, "127.0.0.1", port)).rcode() == 0
        got = dns.message.from_wire(ask_from(running, "fd00:53::10:1", port))
        assert got.rcode() == dns.rcode.REFUSED


def ask_from(running, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(ANSWER_S)
        s.connect((address, port))
        s.send(NEXT)
        return s.recv(512)


def test_name_is_never_longer_than_asked(server):
    """Nothing but the question's own octets is echoed: a name that ends
    early does not drag octets of an earlier query along."""
    server.exchange(query("a-name-to-be-remembered.healthy.lab"))
    got = server.exchange(query(b"\x07short" + name(""))[:18])
    assert got is not None and b"remembered" not in got and len(got) == 12
