"""DNS cookies (RFC 7873, 9018), NSID and keepalive, and what a client must do to
be believed: rate-limit, discard-timeout, cookie-required.

Clients at 127.0.0.1 are this host itself, which is exempt; the lab's other
addresses stand for other hosts.
"""

import os
import socket
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from mxbound import ANSWER_S, Mxbound, free_port, read_message
from octets import framed, header, opt, option, query

COOKIE, NSID, KEEPALIVE = 10, 3, 11
CLIENT = b"client01"
OTHER, OTHER_CLIENT = "fd00:53::10:1", "fd00:53::1:1"


def options(octets):
    return {o.otype: bytes(o.data) for o in dns.message.from_wire(octets).options
            if o.otype in (COOKIE, NSID, KEEPALIVE)}


def asking(*opts, **more):
    return query(additional=[opt(b"".join(option(*o) for o in opts))], **more)


class Elsewhere:
    """A server that others can ask, and one of them: an address to ask from."""

    def __init__(self, *lines):
        self.port = free_port()
        self.server = Mxbound(f"listen: 127.0.0.1@{self.port}", f"listen: {OTHER}@{self.port}",
                              "access-control: 127.0.0.0/8 allow",
                              "access-control: ::/0 allow", *lines, port=self.port)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *why):
        self.server.__exit__(*why)

    def client(self, tcp=False, source=OTHER_CLIENT):
        s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        s.bind((source, 0))
        s.settimeout(ANSWER_S)
        s.connect((OTHER, self.port))
        return s

    def exchange(self, octets, tcp=False, source=OTHER_CLIENT):
        with self.client(tcp, source) as s:
            s.sendall(framed(octets) if tcp else octets)
            return read_message(s) if tcp else s.recv(65535)


@pytest.fixture(scope="module")
def named():
    with Mxbound("nsid: mail1.example", "tcp-idle-timeout: 7s") as running:
        running.ask("healthy.lab.", "MX")
        yield running


@pytest.mark.parametrize("v6", (False, True), ids=("v4", "v6"))
@pytest.mark.parametrize("tcp", (False, True), ids=("udp", "tcp"))
class TestCookies:
    def cookie(self, server, sent, tcp, v6):
        reply = server.exchange(asking((COOKIE, sent)), tcp, v6)
        assert dns.message.from_wire(reply).answer
        return options(reply)[COOKIE]

    def test_a_cookie_is_kept_while_it_is_young(self, named, tcp, v6):
        first = self.cookie(named, CLIENT, tcp, v6)
        assert first[:8] == CLIENT and len(first) == 24
        assert first[8:12] == b"\1\0\0\0"
        stamp, = struct.unpack("!I", first[12:16])
        assert abs(stamp - time.time()) < 60
        assert self.cookie(named, first, tcp, v6) == first

    def test_a_wrong_one_is_replaced(self, named, tcp, v6):
        first = self.cookie(named, CLIENT, tcp, v6)
        wrong = first[:-1] + bytes([first[-1] ^ 1])
        again = self.cookie(named, wrong, tcp, v6)
        assert again[:8] == CLIENT and again != wrong

    def test_of_another_client(self, named, tcp, v6):
        first = self.cookie(named, CLIENT, tcp, v6)
        assert self.cookie(named, b"client02", tcp, v6)[16:] != first[16:]

    def test_while_asking(self, named, tcp, v6):
        """A question that is not in the cache has its cookie too."""
        name = f"d{20 + 2 * tcp + v6:03}.lab"
        reply = named.exchange(asking((COOKIE, CLIENT), (NSID,), qname=name), tcp, v6)
        got = options(reply)
        assert got[COOKIE][:8] == CLIENT and got[NSID] == b"mail1.example"

    def test_no_question(self, named, tcp, v6):
        reply = named.exchange(header(ar=1) + opt(option(COOKIE, CLIENT)), tcp, v6)
        cookie = options(reply)[COOKIE]
        assert reply[3] & 15 == 0 and len(cookie) == 24
        reply = named.exchange(header(ar=1) + opt(option(COOKIE, cookie)), tcp, v6)
        assert dns.message.from_wire(reply).rcode() == dns.rcode.NOERROR
        assert options(reply)[COOKIE] == cookie

    def test_in_errors(self, named, tcp, v6):
        for octets in (asking((COOKIE, CLIENT), qclass=3), asking((COOKIE, CLIENT), flags=0)):
            assert len(options(named.exchange(octets, tcp, v6))[COOKIE]) == 24

    def test_only_who_asks_gets_options(self, named, tcp, v6):
        assert options(named.exchange(asking(), tcp, v6)) == {}
        assert options(named.exchange(asking((COOKIE, CLIENT)), tcp, v6)).keys() == {COOKIE}
        assert options(named.exchange(asking((NSID,)), tcp, v6)) == {NSID: b"mail1.example"}

    def test_repeated(self, named, tcp, v6):
        octets = asking(*[(COOKIE, CLIENT), (NSID,), (KEEPALIVE,)] * 300)
        reply = dns.message.from_wire(named.exchange(octets, tcp, v6))
        codes = [o.otype for o in reply.options]
        assert sorted(codes) == sorted([COOKIE, NSID] + [KEEPALIVE] * tcp)

    def test_keepalive(self, named, tcp, v6):
        """In units of 100 ms, and over TCP only."""
        got = options(named.exchange(asking((KEEPALIVE,)), tcp, v6))
        assert got == ({KEEPALIVE: struct.pack("!H", 70)} if tcp else {})

    def test_keepalive_with_a_time(self, named, tcp, v6):
        reply = dns.message.from_wire(named.exchange(asking((KEEPALIVE, b"\0\1")), tcp, v6))
        assert reply.rcode() == (dns.rcode.FORMERR if tcp else dns.rcode.NOERROR)


def test_room_for_options(named):
    """The cookie has its place; NSID and EDE are left out before the answer
    is; and what is cut keeps its cookie."""
    named.ask("mx100.lab.", "MX", tcp=True)
    reply = named.exchange(query("mx100.lab", additional=[
        opt(option(COOKIE, CLIENT) + option(NSID), size=512)]))
    got = dns.message.from_wire(reply, raise_on_truncation=False)
    assert got.flags & dns.flags.TC and len(reply) <= 512
    assert options_of(got)[COOKIE][:8] == CLIENT


def options_of(message):
    return {o.otype: bytes(o.data) for o in message.options if o.otype != 15}


def test_cookies_are_not_in_the_key():
    with Mxbound() as server:
        for cookie in (CLIENT, b"client02", CLIENT * 3):
            assert server.exchange(asking((COOKIE, cookie), qname="d030.lab"))
        counters = server.stop()
        assert (counters["misses"], counters["hits"]) == (1, 2)
        assert (counters["cookies_good"], counters["cookies_bad"]) == (0, 1)


def test_secrets_shared_by_hosts(tmp_path):
    """The cookie of one is good at the other; and after a restart."""
    file = tmp_path / "secrets"
    file.write_text("445536bcd2513298075a5d379663c962\ndd3bdf9344b678b185a6f5cb60fca715\n")
    file.chmod(0o640)
    os.chmod(tmp_path, 0o755)
    with Mxbound(f"cookie-secret-file: {file}") as one, \
            Mxbound(f"cookie-secret-file: {file}") as two:
        cookie = options(one.exchange(asking((COOKIE, CLIENT))))[COOKIE]
        assert options(two.exchange(asking((COOKIE, cookie))))[COOKIE] == cookie
        assert two.stop()["cookies_good"] == 1


class TestRequired:
    @pytest.fixture(scope="class")
    def strict(self):
        with Elsewhere("cookie-required: yes") as running:
            yield running

    def test_without_one(self, strict):
        """TC, so that the client comes over TCP; nothing that would amplify."""
        sent = query(additional=[opt()])
        reply = strict.exchange(sent)
        got = dns.message.from_wire(reply, raise_on_truncation=False)
        assert got.flags & dns.flags.TC and not got.answer and len(reply) <= len(sent)
        assert dns.message.from_wire(strict.exchange(sent, tcp=True)).answer

    def test_with_one(self, strict):
        reply = strict.exchange(asking((COOKIE, CLIENT)))
        assert dns.message.from_wire(reply).rcode() == dns.rcode.BADCOOKIE
        cookie = options(reply)[COOKIE]
        assert dns.message.from_wire(strict.exchange(asking((COOKIE, cookie)))).answer

    def test_forged(self, strict):
        cookie = options(strict.exchange(asking((COOKIE, CLIENT))))[COOKIE]
        stolen = strict.exchange(asking((COOKIE, cookie)), source=OTHER)
        assert dns.message.from_wire(stolen).rcode() == dns.rcode.BADCOOKIE

    def test_malformed(self, strict):
        reply = dns.message.from_wire(strict.exchange(asking((COOKIE, b"x"))))
        assert reply.rcode() == dns.rcode.FORMERR

    def test_this_host_needs_none(self, strict):
        assert dns.message.from_wire(strict.server.exchange(query())).answer


class TestRate:
    """Bursts beyond rate-limit: nothing or TC for those who may be forged."""

    def flood(self, running, octets, count):
        """Replies whole, and cut; what is lost is not waited for."""
        whole = cut = 0
        with running.client() as s:
            for _ in range(count):
                s.send(octets)
            # A query that is sure of its reply, over TCP of the same worker or
            # another, tells nothing of order: silence ends it.
            s.settimeout(0.5)
            try:
                while True:
                    flags, = struct.unpack("!H", s.recv(65535)[2:4])
                    cut += bool(flags & dns.flags.TC)
                    whole += not flags & dns.flags.TC
            except socket.timeout:
                return whole, cut

    def test_a_flood(self):
        with Elsewhere("rate-limit: 10", "rate-limit-slip: 4") as running:
            running.server.ask("healthy.lab.", "MX")
            cookie = options(running.exchange(asking((COOKIE, CLIENT))))[COOKIE]
            begin = time.monotonic()
            whole, cut = self.flood(running, query(), 200)
            most = 10 * (time.monotonic() - begin + 1)
            assert 1 <= whole <= most
            assert cut == pytest.approx((200 - whole) / 4, abs=1)
            # Who has shown that it is there is not held back, nor over TCP, nor here.
            assert self.flood(running, asking((COOKIE, cookie)), 50) == (50, 0)
            assert dns.message.from_wire(running.exchange(query(), tcp=True)).answer
            for _ in range(50):
                assert running.server.exchange(query())
            counters = running.server.stop()
            assert counters["rate_limited"] == 200 - whole


def test_discarded(relay):
    """A reply that was held back too long is kept, and not sent: what others can
    make wait would come all at once (DNSBomb)."""
    relay.set("*", delay_ms=40)
    with Elsewhere("discard-timeout: 1ms") as running:
        with running.client() as s, running.client(tcp=True) as t:
            s.settimeout(0.5)
            s.send(query("healthy.lab"))
            t.sendall(framed(query("healthy.lab")))
            assert dns.message.from_wire(read_message(t)).answer
            with pytest.raises(socket.timeout):
                s.recv(512)
            s.settimeout(ANSWER_S)
            s.send(query("healthy.lab"))
            assert dns.message.from_wire(s.recv(512)).answer
        assert running.server.stop()["discarded"] == 1
