"""DNS over TCP (RFC 7766, 9210): framing, pipelining, and what bounds it."""

import os
import resource
import socket
import struct
import threading
import time
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from mxbound import ANSWER_S, PATIENCE, SANITIZED, Mxbound, read_message, wait_until
from octets import framed, query

LOCAL = query("localhost", 1)


@pytest.fixture(scope="module")
def hot(server):
    """healthy.lab MX and bigtxt.lab TXT are in the cache."""
    server.ask("healthy.lab.", "MX")
    server.ask("bigtxt.lab.", "TXT", tcp=True)
    return server


@pytest.fixture(scope="module")
def hasty():
    """A server that waits for nobody, so that tests need not wait long."""
    with Mxbound("tcp-idle-timeout: 400ms", "tcp-message-timeout: 600ms") as running:
        yield running


def connect(server, source=None, timeout=ANSWER_S, receive_buffer=None):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        s.bind((source, 0))
    s.settimeout(timeout)
    s.connect(("127.0.0.1", server.port))
    return s


def number(i, octets=LOCAL):
    return struct.pack("!H", i & 0xffff) + octets[2:]


def id_of(message):
    return struct.unpack("!H", message[:2])[0]


def is_closed(s, within=ANSWER_S):
    """True once the peer has closed; whatever comes before is thrown away."""
    s.settimeout(within)
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


def works(s):
    s.sendall(framed(number(77)))
    return id_of(read_message(s)) == 77


def resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def connections_of(pid):
    """Sockets of TCP connections that a process has."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    established = {"01", "04", "05", "08", "09"}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(f[9] in inodes and f[3] in established for f in lines)


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- framing ------------------------------------------------------------------------

def test_octet_by_octet(hot):
    with connect(hot) as s:
        for octet in framed(query()):
            s.sendall(bytes([octet]))
        assert dns.message.from_wire(read_message(s)).answer


@pytest.mark.parametrize("at", (1, 2, 3, 14, 20))
def test_split(hot, at):
    """In two segments, inside the length and elsewhere."""
    octets = framed(query())
    with connect(hot) as s:
        s.sendall(octets[:at])
        # Only to see to it that they arrive apart: correct either way.
        time.sleep(0.01)
        s.sendall(octets[at:])
        assert dns.message.from_wire(read_message(s)).answer


def test_two_in_one_segment(hot):
    with connect(hot) as s:
        s.sendall(framed(number(1)) + framed(number(2, query())))
        assert {id_of(read_message(s)) for _ in range(2)} == {1, 2}


def test_one_and_a_half(hot):
    octets = framed(number(1)) + framed(number(2))
    with connect(hot) as s:
        s.sendall(octets[:-7])
        assert id_of(read_message(s)) == 1
        s.sendall(octets[-7:])
        assert id_of(read_message(s)) == 2


@pytest.mark.parametrize("count", (1, 3, 200))
def test_half_close(hot, count):
    """Queries, then FIN: all are answered, then the connection ends."""
    with connect(hot) as s:
        s.sendall(b"".join(framed(number(i)) for i in range(count)))
        s.shutdown(socket.SHUT_WR)
        assert {id_of(read_message(s)) for _ in range(count)} == set(range(count))
        assert read_message(s) is None


def test_half_close_while_asking(relay):
    """What must be asked first is answered too."""
    with Mxbound() as server, connect(server) as s:
        s.sendall(framed(number(5, query("slow.lab"))))
        s.shutdown(socket.SHUT_WR)
        reply = dns.message.from_wire(read_message(s))
        # On a busy machine the deadline may come first.
        assert reply.id == 5 and (reply.answer or reply.rcode() == dns.rcode.SERVFAIL)
        assert read_message(s) is None


@pytest.mark.parametrize("octets", (b"\0\0", framed(b""), framed(b"x"), framed(LOCAL[:11])),
                         ids=("length-0", "empty", "1-octet", "11-octets"))
def test_too_short_closes(hot, octets):
    """Less than a header: who sends that does not speak DNS."""
    with connect(hot) as s:
        s.sendall(octets)
        assert is_closed(s)


def test_garbage_after_a_query(hot):
    """The query before it is answered; other connections do not notice."""
    with connect(hot) as good, connect(hot) as s:
        assert works(good)
        s.sendall(framed(number(9)) + b"\0\x20" + b"\xff" * 32 + b"\0\1")
        assert id_of(read_message(s)) == 9
        assert is_closed(s)
        assert works(good)


def test_longest_message(hot):
    """65,535 octets of a query, most of them one unknown option."""
    from octets import opt, option
    padding = 65535 - len(query()) - 11 - 4
    octets = query(additional=[opt(option(65001, bytes(padding)))])
    assert len(octets) == 65535
    with connect(hot) as s:
        s.sendall(framed(octets))
        assert dns.message.from_wire(read_message(s)).answer
        assert works(s)


def test_length_and_message_in_one_segment(hot):
    """RFC 7766 8: some clients read once and take that for the message."""
    with connect(hot) as s:
        s.sendall(framed(query()))
        octets = s.recv(65536)
        assert len(octets) == 2 + struct.unpack("!H", octets[:2])[0]


# --- order ----------------------------------------------------------------------------

def test_hit_overtakes_miss(relay):
    """RFC 7766 6.2.1.1: what takes long does not hold up the rest."""
    with Mxbound() as server:
        server.ask("healthy.lab.", "MX")
        with connect(server) as s:
            s.sendall(framed(number(1, query("slow.lab"))) + framed(number(2, query())))
            first, second = read_message(s), read_message(s)
        assert id_of(first) == 2 and b"\x07healthy" in first
        assert id_of(second) == 1 and b"\x04slow" in second
        assert dns.message.from_wire(second).answer


def test_same_id_twice(hot):
    """Two queries in flight with one ID: two replies, each with its question."""
    with Mxbound() as server, connect(server) as s:
        s.sendall(framed(query("d010.post")) + framed(query("d012.lab")))
        replies = [dns.message.from_wire(read_message(s)) for _ in range(2)]
        assert {r.question[0].name.to_text() for r in replies} == {"d010.post.", "d012.lab."}
        for reply in replies:
            assert reply.answer[0].name == reply.question[0].name


def test_same_question_many_times():
    """One question in flight, a reply for each that asked it."""
    with Mxbound() as server, connect(server) as s:
        s.sendall(b"".join(framed(number(i, query("slow.lab"))) for i in range(50)))
        assert sorted(id_of(read_message(s)) for _ in range(50)) == list(range(50))


def test_more_in_flight_than_allowed():
    """tcp-in-flight-max makes the client wait, it loses nothing."""
    with Mxbound("tcp-in-flight-max: 4") as server, connect(server) as s:
        names = [f"d{i:03}.{'lab' if i % 4 < 2 else 'post'}" for i in range(100)]
        s.sendall(b"".join(framed(number(i, query(n))) for i, n in enumerate(names)))
        replies = {}
        for _ in names:
            reply = dns.message.from_wire(read_message(s))
            assert reply.answer
            replies[reply.id] = reply.question[0].name.to_text()
        assert replies == {i: n + "." for i, n in enumerate(names)}


@pytest.mark.slow
def test_one_connection_100000_queries(hot):
    """Constant memory, no recursion, none lost, IDs used over and over."""
    total, step = 100_000, 500
    front, = hot.fronts()
    with connect(hot) as s:
        replies = s.makefile("rb", buffering=1 << 20)

        def some(count):
            batch = b"".join(framed(number(i, query())) for i in range(step))
            for _ in range(count // step):
                s.sendall(batch)
                seen = set()
                for _ in range(step):
                    length, = struct.unpack("!H", replies.read(2))
                    seen.add(id_of(replies.read(length)))
                assert len(seen) == step
        some(5_000)
        before = resident_kb(front)
        some(total - 5_000)
        after = resident_kb(front)
    if not SANITIZED:
        assert after - before < 4096, (before, after)


# --- bounds in time --------------------------------------------------------------------

def test_idle_is_closed(hasty):
    with connect(hasty) as s:
        assert works(s)
        begin = time.monotonic()
        assert is_closed(s)
        assert time.monotonic() - begin < 3 * PATIENCE


def test_never_used_is_closed(hasty):
    with connect(hasty) as s:
        assert is_closed(s)


def test_used_is_kept(hasty):
    """Queries now and then keep a connection past the idle time-out."""
    with connect(hasty) as s:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert works(s)
            time.sleep(0.05)


def test_not_idle_while_asking():
    """The time-out is for who waits for nothing: a slow answer still comes."""
    with Mxbound("tcp-idle-timeout: 200ms") as server, connect(server) as s:
        s.sendall(framed(query("slow.lab")))
        assert dns.message.from_wire(read_message(s)).answer


@pytest.mark.parametrize("head", (b"\0", framed(LOCAL)[:2], framed(LOCAL)[:20]),
                         ids=("half-a-length", "length", "most"))
def test_silence_inside_a_message(hasty, head):
    with connect(hasty) as s:
        s.sendall(head)
        assert is_closed(s)


def test_slow_loris(hasty):
    """The bound is on the whole message: an octet now and then buys no time."""
    with connect(hasty, timeout=0.05) as s:
        begin = time.monotonic()
        closed = False
        s.sendall(b"\xff\xff")
        while not closed:
            assert time.monotonic() - begin < 5 * PATIENCE, "held open octet by octet"
            try:
                s.send(b"x")
                closed = not s.recv(1)
            except socket.timeout:
                pass
            except ConnectionError:
                closed = True
        assert time.monotonic() - begin > 0.3


def test_slow_loris_after_queries(hasty):
    """Nor do queries before the slow one."""
    with connect(hasty) as s:
        assert works(s)
        s.sendall(framed(number(3)) + b"\0")
        assert id_of(read_message(s)) == 3
        assert is_closed(s)


def test_peer_never_reads(hasty):
    """Replies pile up to a bound, then nothing more is read, then it ends."""
    hasty.ask("mx100.lab.", "MX", do=True, tcp=True)
    front, = hasty.fronts()
    with connect(hasty, receive_buffer=4096, timeout=0.2) as s:
        before = resident_kb(front)
        batch = framed(query("mx100.lab")) * 200
        begin = time.monotonic()
        sent, closed = 0, False
        while not closed:
            assert time.monotonic() - begin < 15 * PATIENCE, "still taken or held"
            try:
                sent += s.send(batch)
            except socket.timeout:
                pass               # it reads no more: now it must give up
            except ConnectionError:
                closed = True
        assert sent < 64 << 20
        if not SANITIZED:
            assert resident_kb(front) - before < 16 << 10
    assert hasty.fronts() == [front]
    assert hasty.ask("healthy.lab.", "MX").answer


def test_peer_reads_slowly(hasty):
    """An octet now and then does not keep replies waiting: they must be taken
    in time, not just some of them."""
    hasty.ask("mx100.lab.", "MX", do=True, tcp=True)
    front, = hasty.fronts()
    wait_until(lambda: connections_of(front) == 0, 5, "others gone")
    with connect(hasty, receive_buffer=4096) as s:
        s.settimeout(0.1)
        try:
            while True:
                s.send(framed(query("mx100.lab")) * 10)
        except socket.timeout:
            pass
        s.settimeout(ANSWER_S)
        assert connections_of(front) == 1

        def closed_while_reading():
            s.recv(1)
            return connections_of(front) == 0
        wait_until(closed_while_reading, 10, "closed though it reads on")


def test_reset_while_writing(hot):
    """RST with replies under way: a broken pipe is not our end."""
    front = hot.fronts()
    for _ in range(20):
        with connect(hot, receive_buffer=4096) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(framed(query("bigtxt.lab", 16)) * 50)
    assert hot.ask("healthy.lab.", "MX", tcp=True).answer
    assert hot.fronts() == front


def test_reset_while_asking(relay):
    """Gone before the answer came: it fills the cache all the same."""
    with Mxbound("workers: 1") as server:
        with connect(server) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(framed(query("slow.lab")))
            wait_until(lambda: relay.count(name="slow.lab.", type="MX"), 5, "asked upstream")
        assert server.ask("slow.lab.", "MX").answer
        counters = server.stop()
        assert (counters["misses"], counters["joined"] + counters["hits"]) == (1, 1)


def test_urgent_data(hot):
    """Out of band octets are no part of the stream."""
    with connect(hot) as s:
        s.sendall(framed(LOCAL)[:10])
        s.send(b"!", socket.MSG_OOB)
        s.sendall(framed(LOCAL)[10:])
        # What the kernel does with the mark is its own; we must survive it.
        s.settimeout(0.5)
        try:
            s.recv(512)
        except (socket.timeout, ConnectionError):
            pass
    assert hot.ask("localhost.", "A", tcp=True).answer


# --- bounds in number --------------------------------------------------------------------

def test_total_bound_evicts_the_idle():
    """Past tcp-connections-max the one that is idle longest makes room."""
    with Mxbound("workers: 1", "tcp-connections-max: 8") as server:
        connections = [connect(server) for _ in range(8)]
        assert all(works(s) for s in connections)
        assert works(connections[0])             # now number 1 is idle longest
        with connect(server) as late:
            assert works(late)
            assert is_closed(connections[1])
            assert works(connections[0])
            assert all(works(s) for s in connections[2:])
        for s in connections:
            s.close()


def test_total_bound_is_over_all_workers():
    """Whichever worker holds the idle ones: a new client gets in."""
    with Mxbound("workers: 8", "tcp-connections-max: 8") as server:
        held = [connect(server) for _ in range(8)]
        assert all(works(s) for s in held)
        refused = 0
        for _ in range(24):
            s = connect(server)
            held.append(s)
            try:
                refused += not works(s)
            except (TypeError, ConnectionError):
                refused += 1
        for s in held:
            s.close()
        assert refused == 0


def test_total_bound_with_nobody_idle(relay):
    """All are busy: the newcomer has to wait or go, the busy are served."""
    with Mxbound("workers: 1", "tcp-connections-max: 8") as server:
        busy = [connect(server) for _ in range(8)]
        for i, s in enumerate(busy):
            s.sendall(framed(number(i, query("slow.lab"))))
        wait_until(lambda: relay.count(name="slow.lab.", type="MX"), 5, "asked upstream")
        with connect(server) as late:
            assert is_closed(late)
        for i, s in enumerate(busy):
            assert id_of(read_message(s)) == i
            s.close()
        with connect(server) as s:
            assert works(s)


def test_client_bound():
    """tcp-connections-client-max is for one address: the one idle longest
    makes room for the newcomer, and others do not feel it."""
    with Mxbound("workers: 1", "tcp-connections-client-max: 4") as server:
        mine = [connect(server, source="127.0.0.1") for _ in range(4)]
        assert all(works(s) for s in mine)
        with connect(server, source="127.0.0.2") as other:
            assert works(other)
            with connect(server, source="127.0.0.1") as fifth:
                assert works(fifth)
                assert is_closed(mine[0])
                assert all(works(s) for s in mine[1:])
            assert works(other)
        for s in mine:
            s.close()


def test_client_bound_with_nobody_idle(relay):
    """All of mine are busy: my newcomer has to go, others come in."""
    with Mxbound("workers: 1", "tcp-connections-client-max: 4") as server:
        busy = [connect(server, source="127.0.0.1") for _ in range(4)]
        for i, s in enumerate(busy):
            s.sendall(framed(number(i, query("slow.lab"))))
        wait_until(lambda: relay.count(name="slow.lab.", type="MX"), 5, "asked upstream")
        with connect(server, source="127.0.0.1") as fifth:
            assert is_closed(fifth)
        with connect(server, source="127.0.0.2") as other:
            assert works(other)
        for i, s in enumerate(busy):
            assert id_of(read_message(s)) == i
        busy.pop().close()

        def again():
            with connect(server, source="127.0.0.1") as s:
                try:
                    return works(s)
                except (TypeError, ConnectionError):
                    return False
        wait_until(again, 5, "a place that became free is given again")
        for s in busy:
            s.close()


def test_time_out_is_shorter_under_pressure():
    """Over half of the places taken: idle connections go sooner, until it is
    half of them, also those that were idle before it got crowded."""
    with Mxbound("workers: 1", "tcp-connections-max: 8", "tcp-idle-timeout: 8s") as server:
        front, = server.fronts()
        held = [connect(server) for _ in range(4)]
        assert all(works(s) for s in held)
        wait_until(lambda: connections_of(front) == 4, 5, "all are in")
        held += [connect(server) for _ in range(2)]
        for s in held[4:]:
            s.sendall(b"\0")                     # these are not idle
        wait_until(lambda: connections_of(front) <= 4, 6, "idle ones gone")
        for s in held:
            s.close()


def test_no_descriptors_left():
    """accept() fails with EMFILE: no spin, UDP goes on, and afterwards TCP
    does too."""
    with Mxbound() as server:
        front, = server.fronts()
        server.ask("healthy.lab.", "MX")
        limits = resource.prlimit(front, resource.RLIMIT_NOFILE)
        highest = max(int(fd) for fd in os.listdir(f"/proc/{front}/fd"))
        resource.prlimit(front, resource.RLIMIT_NOFILE, (highest + 5, limits[1]))
        held = []

        def one_more():
            if len(held) < 400:
                s = connect(server)
                s.sendall(b"\0")                 # not idle, so not to be evicted
                held.append(s)
            return "cannot accept" in server.log()

        wait_until(one_more, 20, "all in use")
        begin = processor_s(front)
        time.sleep(1)
        assert processor_s(front) - begin < 0.4 * PATIENCE, "it spins"
        assert server.ask("healthy.lab.", "MX").answer
        resource.prlimit(front, resource.RLIMIT_NOFILE, limits)
        for s in held:
            s.close()
        assert server.ask("healthy.lab.", "MX", tcp=True).answer
        assert server.fronts() == [front]


def test_thousand_connections():
    """Far more than a mail host has, from several addresses, all served."""
    with Mxbound("tcp-connections-client-max: 1000") as server:
        server.ask("healthy.lab.", "MX")
        held = [connect(server, source=f"127.0.3.{1 + i % 4}") for i in range(500)]
        for i, s in enumerate(held):
            s.sendall(framed(number(i, query())))
        for i, s in enumerate(held):
            assert id_of(read_message(s)) == i
            s.close()


def test_clients_that_come_and_go(hot):
    """Descriptors are given back, however the client leaves."""
    front, = hot.fronts()

    def descriptors():
        return len(os.listdir(f"/proc/{front}/fd"))

    before = descriptors()

    def client(how):
        for i in range(50):
            with connect(hot) as s:
                if how == "asks":
                    assert works(s)
                elif how == "resets":
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.sendall(framed(LOCAL))
                elif how == "cuts":
                    s.sendall(framed(LOCAL)[:5])
    threads = [threading.Thread(target=client, args=(how,))
               for how in ("asks", "resets", "cuts", "nothing")]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    wait_until(lambda: descriptors() <= before, 5, "descriptors given back")
    assert hot.ask("localhost.", "A", tcp=True).rcode() == dns.rcode.NOERROR
