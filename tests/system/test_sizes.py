"""How long a reply may be (RFC 1035 4.2.1, 2181 9, 6891 6.2, 9715), and from
which address it comes.

An authority of our own gives TXT sets that make a reply exactly as long as
the name says, without EDNS: s512.own.example. An OPT is 11 octets more.
"""

import socket
import struct
import subprocess
from pathlib import Path

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from authority import Authority, reply_to, soa
from mxbound import ANSWER_S, Mxbound, ede, free_port
from octets import CD, DO, RD, name, opt, query

ZONE = "own.example."
OPT_LEN = 11
TXT = 16


def txt_rdata(length):
    """Strings that fill so many octets."""
    octets = b""
    while length:
        part = min(length, 256)
        octets += bytes([part - 1]) + b"x" * (part - 1)
        length -= part
    return octets


def sized(asked, transport):
    qname = asked.question[0].name
    first = qname[0].decode()
    if not first.startswith("s") or asked.question[0].rdtype != TXT:
        return reply_to(asked, authority=[soa(ZONE)])
    head = 12 + len(qname.to_wire()) + 4
    rdata = txt_rdata(int(first[1:]) - head - 12)
    flags = 0x8400 | (0x0200 if transport == "udp" else 0)
    wire = struct.pack("!HHHHHH", asked.id, flags, 1, transport == "tcp", 0, 0) \
        + qname.to_wire() + struct.pack("!HH", TXT, 1)
    if transport == "tcp":
        wire += struct.pack("!HHHIH", 0xc00c, TXT, 1, 3600, len(rdata)) + rdata
    return wire


@pytest.fixture(scope="module")
def authority():
    with Authority(sized) as running:
        yield running


@pytest.fixture(scope="module")
def sizes(authority):
    with Mxbound(*authority.options(ZONE)) as running:
        yield running


@pytest.fixture(scope="module")
def sizes4096(authority):
    with Mxbound(*authority.options(ZONE), "udp-size-max: 4096") as running:
        yield running


def txt_query(size, payload=None, flags=RD):
    additional = [] if payload is None else [opt(size=payload)]
    return query(f"s{size}.{ZONE}", TXT, flags=flags, additional=additional)


def check_truncated(sent, got):
    """TC, the question and an OPT if asked with one; nothing else, so that
    nobody can take a part for the whole."""
    reply = dns.message.from_wire(got, raise_on_truncation=False)
    assert reply.flags & dns.flags.TC
    counts = struct.unpack("!HHHH", got[4:12])
    assert counts == (1, 0, 0, 1 if sent[11] else 0)
    assert got[12:12 + len(reply.question[0].name.to_wire())] == \
        sent[12:12 + len(reply.question[0].name.to_wire())]


def check_whole(got, length):
    reply = dns.message.from_wire(got)
    assert len(got) == length
    assert not reply.flags & dns.flags.TC
    assert len(reply.answer) == 1


@pytest.mark.parametrize("cached", (False, True), ids=("cold", "cached"))
@pytest.mark.parametrize("size", (100, 511, 512, 513, 1232, 4096))
def test_udp_without_edns(sizes, size, cached):
    """512 octets and not one more (RFC 1035 2.3.4)."""
    if cached:
        sizes.exchange(txt_query(size), tcp=True)
    sent = txt_query(size)
    got = sizes.exchange(sent)
    if size <= 512:
        check_whole(got, size)
    else:
        check_truncated(sent, got)
    check_whole(sizes.exchange(sent, tcp=True), size)


@pytest.mark.parametrize("v6", (False, True), ids=("v4", "v6"))
@pytest.mark.parametrize("payload, limit", (
    (0, 512), (1, 512), (511, 512), (512, 512), (513, 513), (1000, 1000), (1231, 1231),
    (1232, 1232), (1233, 1232), (1400, 1232), (4096, 1232), (65535, 1232)))
def test_udp_with_edns(sizes, payload, limit, v6):
    """As long as the client says, at least 512 (RFC 6891 6.2.3) and by default
    at most 1232, which no path has to fragment (RFC 9715)."""
    for length in (limit - 1, limit):
        check_whole(sizes.exchange(txt_query(length - OPT_LEN, payload), v6=v6), length)
    for length in (limit + 1, limit + OPT_LEN):
        sent = txt_query(length - OPT_LEN, payload)
        check_truncated(sent, sizes.exchange(sent, v6=v6))
        check_whole(sizes.exchange(sent, tcp=True, v6=v6), length)


@pytest.mark.parametrize("payload, limit", (
    (512, 512), (1232, 1232), (1233, 1233), (1400, 1400), (4095, 4095), (4096, 4096),
    (4097, 4096), (65535, 4096)))
def test_udp_size_max(sizes4096, payload, limit):
    """The operator may allow more."""
    check_whole(sizes4096.exchange(txt_query(limit - OPT_LEN, payload)), limit)
    sent = txt_query(limit + 1 - OPT_LEN, payload)
    check_truncated(sent, sizes4096.exchange(sent))


@pytest.mark.parametrize("cached", (False, True), ids=("cold", "cached"))
@pytest.mark.parametrize("size", (16384, 40000, 65500))
def test_tcp_takes_what_there_is(sizes, size, cached):
    """Up to what the length before a message can say."""
    check_whole(sizes.exchange(txt_query(size), tcp=True), size)
    check_whole(sizes.exchange(txt_query(size, 512), tcp=True), size + OPT_LEN)


def test_truncated_signed_answer(sizes):
    """DO makes an answer longer than UDP takes: cut for DO=1, whole for DO=0,
    and what was cut is no answer to anybody else."""
    name_text = "many.bigtxt.lab."
    cut = sizes.ask(name_text, "TXT", do=True, retry_tcp=False)
    assert cut.flags & dns.flags.TC and not cut.answer and not cut.authority
    assert not cut.flags & dns.flags.AD
    whole = sizes.ask(name_text, "TXT", do=True)
    assert len(whole.answer[0]) == 40 and whole.flags & dns.flags.AD


@pytest.mark.parametrize("rrname, rrtype, count", (
    ("mx100.lab.", "MX", 100), ("mx500.lab.", "MX", 500), ("mx.manyaddresses.lab.", "A", 300),
    ("_25._tcp.mx.manytlsa.lab.", "TLSA", 30), ("bigtxt.lab.", "TXT", 2)))
def test_no_part_of_a_large_set(sizes, rrname, rrtype, count):
    """All or nothing over UDP; all over TCP."""
    for do in (False, True):
        cut = sizes.ask(rrname, rrtype, do=do, retry_tcp=False)
        rdtype = dns.rdatatype.from_text(rrtype)
        if cut.flags & dns.flags.TC:
            assert not cut.answer and not cut.authority
        else:
            assert [len(s) for s in cut.answer if s.rdtype == rdtype] == [count]
        whole = sizes.ask(rrname, rrtype, do=do, tcp=True)
        assert [len(s) for s in whole.answer if s.rdtype == rdtype] == [count]


@pytest.fixture
def narrow_loopback():
    """A path that takes 1500 octets in one piece."""
    def mtu(octets):
        subprocess.run(["ip", "link", "set", "dev", "lo", "mtu", str(octets)], check=True,
                       timeout=10)
    before = int(Path("/sys/class/net/lo/mtu").read_text()) if \
        Path("/sys/class/net/lo/mtu").exists() else 65536
    mtu(1500)
    yield
    mtu(before)


@pytest.mark.parametrize("cached", (False, True), ids=("cold", "cached"))
@pytest.mark.parametrize("v6", (False, True), ids=("v4", "v6"))
def test_never_fragmented(authority, narrow_loopback, cached, v6):
    """Fragments get lost and can be forged (RFC 9715): what the path does not
    take in one piece is cut, and comes over TCP."""
    with Mxbound(*authority.options(ZONE), "udp-size-max: 4096") as server:
        size = 3000 + cached + 2 * v6
        sent = txt_query(size, 4096)
        if cached:
            check_whole(server.exchange(sent, tcp=True, v6=v6), size + OPT_LEN)
        check_truncated(sent, server.exchange(sent, v6=v6))
        check_whole(server.exchange(sent, tcp=True, v6=v6), size + OPT_LEN)
        small = txt_query(1300 + cached + 2 * v6, 4096)
        check_whole(server.exchange(small, v6=v6), 1300 + cached + 2 * v6 + OPT_LEN)
        assert server.stop()["send_errors"] == 0


class TestErrorText:
    """An extended error is dropped before the answer is (RFC 8914 3): its
    text first, then all of it."""

    LONG = "x" * 63

    def ask(self, server, text, payload, flags, do=True):
        sent = query(text, 15, flags=flags, additional=[opt(size=payload, flags=DO if do else 0)])
        return server.exchange(sent)

    def test_dropped_before_the_answer(self, server):
        """The data of a bogus name, with CD: shrink until it is cut."""
        text = f"{self.LONG}.{self.LONG}.{self.LONG}.bogus-wildcard.lab."
        got = self.ask(server, text, 1232, RD | CD)
        full = dns.message.from_wire(got)
        assert full.answer and ede(full)
        option = next(o for o in full.options if o.otype == 15)
        bare = len(got) - 4 - len(option.to_wire())
        assert bare > 512
        for payload in range(bare, len(got) + 1):
            reply = dns.message.from_wire(self.ask(server, text, payload, RD | CD))
            assert reply.answer, payload
            assert bool(ede(reply)) == (payload >= bare + 6), payload
        sent = self.ask(server, text, bare - 1, RD | CD)
        assert dns.message.from_wire(sent).flags & dns.flags.TC

    def test_text_dropped_before_the_code(self, server):
        """SERVFAIL for a long name in 512 octets."""
        text = f"{self.LONG}.{self.LONG}.{self.LONG}.{'y' * 40}.expired.lab."
        reply = dns.message.from_wire(self.ask(server, text, 1232, RD))
        assert ede(reply) == [7]
        got = self.ask(server, text, 512, RD)
        assert len(got) <= 512
        assert ede(dns.message.from_wire(got)) == [7]


# --- from where -------------------------------------------------------------------

def from_where(server_port, address, sent=None):
    """Address a reply to a datagram came from; the socket is not connected,
    so it takes a reply from anywhere."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(ANSWER_S)
        s.sendto(sent or query("localhost", 1), (address, server_port))
        octets, peer = s.recvfrom(65535)
        assert octets[:2] == (sent or query())[:2]
        assert peer[1] == server_port
        return peer[0]


@pytest.fixture(scope="module")
def everywhere():
    port = free_port()
    with Mxbound(f"listen: 0.0.0.0@{port}", f"listen: ::@{port}",
                 "access-control: 0.0.0.0/0 allow", "access-control: ::/0 allow") as running:
        running.port = port
        yield running


ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254",
             "::1", "fd00:53::10:1", "fd00:53::1:1")


@pytest.mark.parametrize("address", ADDRESSES)
def test_replies_from_the_address_asked(everywhere, address):
    """Listening on all addresses: at once, after a miss, and cut. A client
    throws away what comes from elsewhere."""
    port = everywhere.port
    number = ADDRESSES.index(address)
    assert from_where(port, address) == address
    cold = query(f"mx.d{number:03}.lab", 1)
    assert from_where(port, address, cold) == address
    assert from_where(port, address, cold) == address
    assert from_where(port, address, query("bigtxt.lab", TXT)) == address


def test_many_addresses_at_once(everywhere):
    """A batch of datagrams to many addresses: each reply from its own."""
    port = everywhere.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(ANSWER_S)
        for i in range(200):
            s.sendto(query("localhost", 1, id=i), (f"127.7.{i}.1", port))
        seen = {}
        while len(seen) < 200:
            octets, peer = s.recvfrom(512)
            seen[struct.unpack("!H", octets[:2])[0]] = peer[0]
    assert seen == {i: f"127.7.{i}.1" for i in range(200)}


def test_several_listen_addresses():
    """Named one by one, the reply comes from the one asked; no other address
    answers."""
    port = free_port()
    with Mxbound(*(f"listen: {a}@{port}" for a in ("127.0.0.1", "127.0.0.2", "fd00:53::10:1")),
                 "access-control: ::/0 allow", "access-control: 127.0.0.0/8 allow"):
        for address in ("127.0.0.1", "127.0.0.2", "fd00:53::10:1"):
            assert from_where(port, address) == address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(ANSWER_S)
            s.connect(("127.0.0.3", port))
            s.send(query(name("localhost"), 1))
            with pytest.raises(ConnectionRefusedError):
                s.recv(512)
