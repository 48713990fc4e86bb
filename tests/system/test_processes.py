"""The real processes: what dies is replaced, and nobody is left waiting.

The supervisor's own cases, with children that fail in every way, are in
test_supervisor.py; here the promises are looked at from a client's side.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest

from lab.control import Control
from lab.domains import ROWS
from mxbound import (Mxbound, PATIENCE, SANITIZED, ede, read_message,
                     wait_until)

HERE = Path(__file__).resolve().parent
# Signed domains of one provider, none of them asked before.
FRESH = [row.name for row in ROWS if row.generated and row.signed
         and row.name.endswith(".lab.")]
SERVERS_OF_FRESH = ("ns1.alpha.lab.", "ns2.alpha.lab.")
# "Within a second", on a machine that may be busy with other things.
REPLACED_S = 3 * PATIENCE


def alive(pid):
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


class Hits:
    """A client that asks the same cached name all the time."""

    def __init__(self, server, name="healthy.lab."):
        self.server = server
        self.query = dns.message.make_query(name, "MX", want_dnssec=True)
        self.asked = self.lost = self.wrong = 0
        self.slowest = 0.0
        self.going = True
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.server.port))
            s.settimeout(5)
            number = 0
            while self.going:
                number = number % 65535 + 1
                self.query.id = number
                began = time.monotonic()
                try:
                    s.send(self.query.to_wire())
                    reply = dns.message.from_wire(s.recv(65535))
                    self.wrong += reply.id != number or len(reply.answer) != 2
                except (socket.timeout, ConnectionError):
                    self.lost += 1
                self.asked += 1
                self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.going = False
        self.thread.join()


@pytest.fixture(scope="module")
def spin_library(tmp_path_factory):
    path = tmp_path_factory.mktemp("spin") / "spin.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path,
                    HERE / "spin.c"], check=True, timeout=60)
    return path


def harm(pid, how):
    os.kill(pid, {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP,
                  "crashed": signal.SIGABRT, "spinning": signal.SIGUSR1}[how])


@pytest.mark.parametrize("how", ["killed", "stopped", "crashed", "spinning"])
def test_resolver_lost(how, spin_library, monkeypatch):
    """Hits go on untouched, a new resolver is there within a second, and what
    was in flight is asked again and answered, within the deadline."""
    if how == "spinning":
        if SANITIZED:
            pytest.skip("sanitizers do not go together with a preloaded library")
        monkeypatch.setenv("LD_PRELOAD", str(spin_library))
    with Mxbound("resolvers: 1") as server, Control() as relay:
        server.ask("healthy.lab.", "MX", do=True)
        server.ask("unsigned.lab.", "MX")       # the servers are known now
        relay.forget()
        for name in SERVERS_OF_FRESH:
            relay.set(name, delay_ms=250)
        try:
            (old,) = server.resolvers()
            waiting = threading.Thread(target=lambda: results.append(
                server.ask(FRESH[1], "MX", do=True, timeout=5)))
            results = []
            with Hits(server) as hits:
                waiting.start()
                wait_until(lambda: relay.count(name=FRESH[1]), 5,
                           "the question is at a name server")
                harm(old, how)
                began = time.monotonic()
                wait_until(lambda: not alive(old) and server.resolvers() and
                           server.resolvers() != [old], REPLACED_S, "replaced")
                took = time.monotonic() - began
                waiting.join(10)
            assert results and results[0].rcode() in (
                dns.rcode.NOERROR, dns.rcode.SERVFAIL), results
            # Deaths cost time, but one is well inside the deadline.
            if how != "spinning" and not SANITIZED:
                assert results[0].rcode() == dns.rcode.NOERROR, results[0]
            assert hits.lost == hits.wrong == 0 and hits.asked > 10
            assert hits.slowest < 0.5 * PATIENCE, hits.slowest
            print(f"{how}: replaced after {took:.3f} s, "
                  f"slowest of {hits.asked} hits {hits.slowest * 1000:.1f} ms")
        finally:
            relay.reset()
        reply = server.ask(FRESH[2], "MX", do=True)
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.flags & dns.flags.AD
    assert server.counters["resent"] >= 1


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_fetcher_lost(how):
    """Nobody who asks for DNS sees anything of it."""
    with Mxbound("resolvers: 1") as server:
        (old,) = wait_until(server.fetchers, 10, "there is one")
        server.ask("healthy.lab.", "MX", do=True)
        (front,) = server.fronts()
        wait_until(lambda: "mxbound-fetcher is ready" in server.log(), 10, "ready")
        before = len(os.listdir(f"/proc/{front}/fd"))
        with Hits(server) as hits:
            others = server.fronts() + server.resolvers()
            harm(old, how)
            wait_until(lambda: server.fetchers() not in ([], [old]), REPLACED_S, "replaced")
            wait_until(lambda: "mxbound-fetcher is back" in server.log(), 10, "ready")
        assert hits.lost == hits.wrong == 0 and hits.asked
        assert server.fronts() + server.resolvers() == others
        wait_until(lambda: len(os.listdir(f"/proc/{front}/fd")) == before, 10,
                   "the front has one pair, not two")


def test_no_fetcher_where_nobody_asks_for_policies():
    with Mxbound("resolvers: 1", "control-socket: no") as server:
        assert server.ask("healthy.lab.", "MX").answer and not server.fetchers()
    with Mxbound("resolvers: 1", "mta-sts: no") as server:
        assert server.ask("healthy.lab.", "MX").answer and not server.fetchers()


def test_resolver_dies_over_and_over():
    """A question that is there at three deaths is given up with SERVFAIL."""
    with Mxbound("resolvers: 1") as server, Control() as relay:
        server.ask("unsigned.lab.", "MX")
        for name in SERVERS_OF_FRESH:
            relay.set(name, silent=True)
        try:
            results = []
            waiting = threading.Thread(target=lambda: results.append(
                server.ask(FRESH[3], "MX", timeout=6)))
            waiting.start()
            for _ in range(3):
                relay.forget()
                wait_until(lambda: relay.count(name=FRESH[3]), 5, "asked")
                (old,) = wait_until(server.resolvers, REPLACED_S, "there")
                os.kill(old, signal.SIGKILL)
                wait_until(lambda: server.resolvers() not in ([], [old]),
                           REPLACED_S, "replaced")
            waiting.join(10)
            assert results[0].rcode() == dns.rcode.SERVFAIL
            assert ede(results[0])
        finally:
            relay.reset()


@pytest.mark.parametrize("how", ["killed", "stopped", "crashed"])
def test_front_lost(how):
    """A front that dies is up again at once, on the same sockets: nothing is
    refused, and what arrives meanwhile waits in the sockets."""
    with Mxbound() as server:
        server.ask("healthy.lab.", "MX")
        (old,) = server.fronts()
        query = dns.message.make_query("localhost.", "A")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", server.port))
            s.settimeout(5 * PATIENCE)
            harm(old, how)
            wait_until(lambda: not alive(old), 5, "dead")
            s.send(query.to_wire())             # ECONNREFUSED would be ours
            reply = dns.message.from_wire(s.recv(65535))
        assert reply.answer
        tcp = dns.message.from_wire(server.exchange(query.to_wire(), tcp=True))
        assert tcp.answer
        wait_until(lambda: server.fronts() not in ([], [old]), REPLACED_S,
                   "replaced")
        assert server.ask(FRESH[4], "MX").rcode() == dns.rcode.NOERROR


class Stream:
    """Queries all the time, UDP and a new TCP connection each, all of which
    must be answered at the first try: nothing may be refused or lost."""

    def __init__(self, server, tcp):
        self.server, self.tcp = server, tcp
        self.answered, self.failed = 0, []
        self.going = True
        self.thread = threading.Thread(target=self.run)

    def run(self):
        query = dns.message.make_query("localhost.", "A").to_wire()
        while self.going:
            try:
                reply = self.server.exchange(query, tcp=self.tcp,
                                             timeout=4 * PATIENCE)
                if reply:
                    self.answered += 1
                else:
                    self.failed.append("no reply")
            except OSError as error:
                self.failed.append(str(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.going = False
        self.thread.join()


def test_takeover_loses_nothing():
    """SIGUSR2: the program is replaced by (what could be) a new version, with
    the same process id, and no query is refused or lost, nor one in flight."""
    with Mxbound() as server, Control() as relay:
        server.ask("unsigned.lab.", "MX")
        (old_front,) = server.fronts()
        old_resolvers = server.resolvers()
        relay.forget()
        for name in SERVERS_OF_FRESH:
            relay.set(name, delay_ms=300)
        try:
            results = []
            waiting = threading.Thread(target=lambda: results.append(
                server.ask(FRESH[5], "MX", timeout=5)))
            waiting.start()
            wait_until(lambda: relay.count(name=FRESH[5]), 5, "in flight")
            with Stream(server, False) as udp, Stream(server, True) as tcp:
                server.process.send_signal(signal.SIGUSR2)
                wait_until(lambda: server.fronts() and
                           old_front not in server.fronts() and
                           not alive(old_front) and
                           not any(alive(p) for p in old_resolvers),
                           20 * PATIENCE, "the old generation is gone")
            waiting.join(10)
        finally:
            relay.reset()
        assert not udp.failed and udp.answered > 10, udp.failed[:5]
        assert not tcp.failed and tcp.answered > 10, tcp.failed[:5]
        assert results and results[0].rcode() == dns.rcode.NOERROR
        assert server.ask(FRESH[6], "MX").rcode() == dns.rcode.NOERROR


def test_takeover_lets_connections_finish():
    """A client with a connection open gets its answer, then an orderly end."""
    with Mxbound() as server, Control() as relay:
        server.ask("unsigned.lab.", "MX")
        (old,) = server.fronts()
        query = dns.message.make_query(FRESH[7], "MX").to_wire()
        relay.forget()
        for name in SERVERS_OF_FRESH:
            relay.set(name, delay_ms=300)
        try:
            with socket.create_connection(("127.0.0.1", server.port), 5) as s:
                s.settimeout(10 * PATIENCE)
                s.sendall(len(query).to_bytes(2, "big") + query)
                wait_until(lambda: relay.count(name=FRESH[7]), 5, "asked")
                server.process.send_signal(signal.SIGUSR2)
                reply = dns.message.from_wire(read_message(s))
                assert reply.rcode() == dns.rcode.NOERROR
                assert s.recv(1) == b""
        finally:
            relay.reset()
        wait_until(lambda: not alive(old), 20, "old front gone")


def test_end_leaves_nothing(tmp_path):
    """SIGINT and SIGTERM end every process; so does the supervisor's death."""
    for how in (signal.SIGINT, signal.SIGTERM):
        with Mxbound() as server:
            children = server.fronts() + server.resolvers()
            assert len(children) >= 2
            server.stop(how)
            assert not any(alive(p) for p in children)
    server = Mxbound().start()
    children = server.fronts() + server.resolvers()
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not any(alive(p) for p in children), 5, "all ended")
