"""The program mxbound-resolver, end to end: the test is supervisor and front.

Run inside the lab:  tests/lab/lab run -- python3 -m pytest tests/system/test_resolver.py
"""

import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import dns.name
import dns.rdatatype
import pytest

from resolver_process import (ANSWER, BOGUS, BUILD, FAILED, INSECURE, PROGRAM, REFUSED,
                              SECURE, Resolver, pack_question, wire)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

pytestmark = [
    pytest.mark.skipif("LAB_CONTROL" not in os.environ, reason="needs the lab"),
    pytest.mark.timeout(180),
]

SANITIZED = "address" in str(BUILD) or "undefined" in str(BUILD)
SLOW = 4 if SANITIZED else 1
# Without a heartbeat for longer is dead. The resolver itself stays under 0.2 s;
# the rest is for a busy machine and this Python.
SILENCE_S = 2 * SLOW
# The lab's servers with a dead IPv6 address make cold questions slow.
V4 = {"ipv6-upstream": "no"}


@pytest.fixture
def relay():
    from lab.control import Control
    with Control() as control:
        control.reset()
        control.forget()
        yield control
        control.reset()


@pytest.fixture(scope="module")
def shared():
    """A resolver for questions that leave nothing behind."""
    with Resolver(V4).wait_ready() as r:
        yield r


# ---- the program ----

def test_by_hand_says_what_it_is():
    done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "mxbound" in done.stderr and done.stdout == ""


def start_with_descriptor_3(sock):
    parked = os.dup2(sock.fileno(), 100)
    try:
        return subprocess.Popen([PROGRAM], stderr=subprocess.DEVNULL, pass_fds=(3,),
                                preexec_fn=lambda: os.dup2(parked, 3))
    finally:
        os.close(parked)


def test_fd_3_of_another_kind_is_not_taken():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    process = start_with_descriptor_3(pair[0])
    assert process.wait(10) == 2


def test_version_names_the_libraries():
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0
    assert "libunbound 1." in done.stdout and "libevent 2." in done.stdout


def test_starts_soon_and_beats():
    with Resolver(V4).wait_ready() as r:
        assert r.ready_s < 1 * SLOW
        since = time.monotonic()
        r.wait_for(lambda: len(r.beats) >= 6, "six heartbeats")
        assert r.longest_silence(since, r.beats[5]) < 0.5
        assert r.verdicts() == []


def test_sigterm_ends_it_with_0():
    with Resolver(V4).wait_ready() as r:
        r.channels[0].send("silent.lab.", "MX")
        r.process.send_signal(signal.SIGTERM)
        assert r.wait_end(2) == 0


def test_sigint_and_sigpipe_are_not_its_business():
    with Resolver(V4).wait_ready() as r:
        r.process.send_signal(signal.SIGINT)
        r.process.send_signal(signal.SIGPIPE)
        assert r.ask("lab.", "SOA").secure


def test_end_of_file_ends_it():
    with Resolver(V4).wait_ready() as r:
        r.channels[0].send("silent.lab.", "MX")
        assert r.stop() == 0


def test_dies_with_its_supervisor_before_go():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = start_with_descriptor_3(pair[0])
    pair[0].close()
    pair[1].close()
    assert process.wait(10) == 0


def test_listens_nowhere(shared):
    shared.ask("healthy.lab.", "MX")
    inodes = {os.readlink(f"/proc/{shared.process.pid}/fd/{fd}")
              for fd in os.listdir(f"/proc/{shared.process.pid}/fd")}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            assert not (fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes)


# ---- what it answers ----

CASES = [
    ("healthy.lab.", "MX", "secure", "NOERROR", "positive"),
    ("_25._tcp.mx1.healthy.lab.", "TLSA", "secure", "NOERROR", "TLSA"),
    ("unsigned.lab.", "MX", "insecure", "NOERROR", "proven insecure"),
    ("healthy.lab.", "A", "secure", "NOERROR", "NODATA"),
    ("nosuch.healthy.lab.", "A", "secure", "NXDOMAIN", "NXDOMAIN, NSEC"),
    ("nosuch.wild3.lab.", "A", "secure", "NOERROR", "NODATA at a wildcard, NSEC3"),
    ("nosuch.post.", "MX", "insecure", "NXDOMAIN", "NXDOMAIN, opt-out span"),
    ("any.mx.wild-unsigned.lab.", "MX", "insecure", "NXDOMAIN", "NXDOMAIN, unsigned"),
    ("any.wild.lab.", "MX", "secure", "NOERROR", "wildcard"),
    ("bogus.lab.", "MX", "bogus", "NOERROR", "wrong signature"),
    ("bogus-nodata.lab.", "MX", "bogus", "NOERROR", "forged NODATA"),
    ("nosuch.bogus-nxdomain.lab.", "A", "bogus", "NXDOMAIN", "forged NXDOMAIN, NSEC"),
    ("nosuch.bogus-nxdomain3.lab.", "A", "bogus", "NXDOMAIN", "forged NXDOMAIN, NSEC3"),
    ("stripped.lab.", "MX", "bogus", "NOERROR", "signature removed"),
    ("expired.lab.", "MX", "bogus", "NOERROR", "signature expired"),
    ("ds-nokey.lab.", "MX", "bogus", "NOERROR", "DS without key"),
    ("ds-algorithm.lab.", "MX", "insecure", "NOERROR", "unknown algorithm"),
    ("island.lab.", "MX", "insecure", "NOERROR", "no DS"),
]


@pytest.mark.parametrize("name,rdtype,state,rcode,why", CASES, ids=[c[4] for c in CASES])
def test_states(shared, name, rdtype, state, rcode, why):
    for again in range(2):             # from the network, then from its cache
        a = shared.ask(name, rdtype)
        assert a.status == ANSWER, (a, again)
        assert {"secure": SECURE, "insecure": INSECURE, "bogus": BOGUS}[state] == a.state
        assert a.rcode == rcode
        assert a.ad == (state == "secure")
        assert bool(a.why) == (state == "bogus")
        if state == "bogus":
            assert "validation failure" in a.why or "signature" in a.why


def test_packet_carries_proof_and_no_extras(shared):
    message = shared.ask("healthy.lab.", "MX").message
    assert message.id == 0 and message.edns == 0
    types = {rrset.rdtype for rrset in message.answer}
    assert types == {dns.rdatatype.MX, dns.rdatatype.RRSIG}
    assert message.additional == []


@pytest.mark.parametrize("domain, exchangers", [("mx100.lab.", 100), ("mx500-chatty.lab.", 500)])
def test_long_answer_is_whole(shared, domain, exchangers):
    """And soon: the signatures of the addresses that come with it are nobody's
    business yet. To check them takes the library seconds."""
    began = time.monotonic()
    a = shared.ask(domain, "MX")
    assert a.secure and len(a.rrset("MX")) == exchangers
    assert time.monotonic() - began < 1 * SLOW


def test_address_that_came_along_is_checked_when_asked(shared):
    """The MX answer carries it, with the wrong signature."""
    assert shared.ask("bogus-address.lab.", "MX").secure
    a = shared.ask("mx.bogus-address.lab.", "A")
    assert a.state == BOGUS and a.why


def test_lame_servers_are_a_failure_with_a_reason(shared):
    a = shared.ask("refused.lab.", "MX", timeout=30)
    assert a.status == FAILED and a.packet == b"" and a.why


@pytest.mark.parametrize("rdtype,rdclass", [
    ("ANY", 1), ("AXFR", 1), ("IXFR", 1), ("TSIG", 1), ("OPT", 1), (0, 1), (128, 1),
    ("A", 3), ("A", 255), ("A", 0)])
def test_what_cannot_be_asked(shared, relay, rdtype, rdclass):
    a = shared.ask("strange.healthy.lab.", rdtype, rdclass=rdclass)
    assert a.status == REFUSED and a.why
    assert relay.count(name="strange.healthy.lab.") == 0


@pytest.mark.parametrize("octets", [bytes(range(i, i + 32)) for i in range(0, 256, 32)],
                         ids=lambda o: f"{o[0]:02x}")
def test_any_octet_in_a_name(shared, relay, octets):
    # Unsigned, so that no proof of another name answers for this one.
    name = bytes([len(octets)]) + octets + wire("wild-unsigned.lab.")
    a = shared.ask(name, "MX")
    assert a.insecure and a.packet[12:12 + len(name)].lower() == name.lower()
    # The servers got that very name.
    sent = dns.name.from_wire(name, 0)[0].to_text().lower()
    assert relay.count(name=sent, type="MX") >= 1


def test_every_single_octet_in_a_name(shared):
    ids = {}
    for octet in range(256):
        name = bytes([3, 0x61, octet, 0x62]) + wire("wild.lab.")
        ids[shared.channels[0].send(name, "MX")] = name
    while ids:
        a = shared.channels[0].any()
        name = ids.pop(a.id)
        assert a.secure and a.packet[12:12 + len(name)].lower() == name.lower(), name


def test_longest_name(shared):
    base = wire("wild.lab.")
    name = b""
    while len(name) + len(base) < 254:
        room = min(63, 255 - len(name) - len(base) - 1)
        name += bytes([room]) + b"\xff" * room
    name += base
    a = shared.ask(name, "MX")
    assert len(name) == 255 and a.status == ANSWER and a.packet[12:12 + 255] == name


# ---- failing servers, load ----

def test_dead_server_does_not_stop_the_heart(shared):
    since = time.monotonic()
    silent = shared.channels[0].send("silent.lab.", "MX")
    assert shared.ask("d000.lab.", "MX").status == ANSWER
    a = shared.channels[0].wait(silent, 4)
    assert a is None or a.status == FAILED
    assert shared.longest_silence(since) < SILENCE_S


def test_old_questions_are_given_up():
    with Resolver({**V4, "question-lifetime": "5"}).wait_ready() as r:
        begin = time.monotonic()
        a = r.ask("silent.lab.", "MX", timeout=10)
        assert (a.status, a.why) == (FAILED, "gave up")
        assert 4.9 < time.monotonic() - begin < 6 * SLOW
        assert r.ask("healthy.lab.", "MX").secure


def test_ten_thousand_questions_at_once():
    with Resolver(V4).wait_ready() as r:
        r.ask("wild-unsigned.lab.", "MX")
        since = time.monotonic()
        channel = r.channels[0]

        for i in range(10000):
            channel.send(f"n{i}.wild-unsigned.lab.", "MX")
        seen, status = set(), {ANSWER: 0, FAILED: 0, REFUSED: 0}
        while len(seen) < 10000:
            a = channel.any(60)
            assert a is not None, f"{len(seen)} answers, log: {r.log_lines}"
            assert a.id not in seen
            seen.add(a.id)
            status[a.status] += 1
        took = time.monotonic() - since
        print(f"10,000 questions in {took:.2f} s: {status}, {r.memory_kib()}")
        # in-flight-max and slack: 9,216 at a time; more may be refused
        assert status[ANSWER] + status[FAILED] >= 9216
        assert r.longest_silence(since) < SILENCE_S
        assert r.ask("healthy.lab.", "MX").secure


def ask_until_secure(r):
    """libunbound leaves servers alone for a while after so much silence."""
    for _ in range(6):
        if r.ask("healthy.lab.", "MX", timeout=30).secure:
            return
    assert False, "the servers are back, and there is no answer"


def test_bound_on_questions(relay):
    with Resolver({**V4, "in-flight-max": "16", "question-lifetime": "5"}).wait_ready() as r:
        relay.set("*", silent=True)
        channel = r.channels[0]
        for i in range(1100):          # 16 + 1024 fit
            channel.send(f"n{i}.d001.lab.", "MX")
        early = [channel.any(5) for _ in range(60)]
        assert all(a and a.status == REFUSED for a in early)
        assert channel.any(0.3) is None
        late = [channel.any(10) for _ in range(1040)]
        assert all(a and a.status == FAILED for a in late)
        relay.reset()
        ask_until_secure(r)


# ---- channels ----

def test_channel_replaced_while_questions_are_out(relay):
    with Resolver({**V4, "question-lifetime": "5"}).wait_ready() as r:
        old = r.channels[0]
        for i in range(50):
            old.send(f"n{i}.slow.lab.", "MX")
            old.send(f"n{i}.silent.lab.", "MX")
        r.channels[0] = r.new_channel(0)
        with pytest.raises((EOFError, ConnectionResetError)):
            while old.receive(5):
                pass
        old.close()
        assert r.ask("healthy.lab.", "MX").secure
        # What the old channel asked is answered from libunbound's cache.
        a = r.ask("n1.slow.lab.", "MX", timeout=15)
        assert a.status == ANSWER
        a = r.ask("silent.lab.", "MX", timeout=10)
        assert a.status == FAILED and r.process.poll() is None


def test_front_that_dies_mid_air():
    with Resolver({**V4, "question-lifetime": "5"}, workers=3).wait_ready() as r:
        for channel in r.channels:
            for i in range(100):
                channel.send(f"n{i}.slow.lab.", "MX")
        for channel in r.channels[:2]:
            channel.close()
        assert r.channels[2].wait(1, 20) is not None
        r.channels[2].close()
        r.channels = [r.new_channel(0)]
        assert r.ask("healthy.lab.", "MX").secure


def test_channels_do_not_mix():
    with Resolver(V4, workers=4).wait_ready() as r:
        for n, channel in enumerate(r.channels):
            channel.next_id = 1000 * n + 1
            for i in range(20):
                channel.send(f"w{n}i{i}.wild.lab.", "MX")
        for n, channel in enumerate(r.channels):
            ids = {channel.any().id for _ in range(20)}
            assert ids == set(range(1000 * n + 1, 1000 * n + 21))
            assert channel.receive(0.05) is None


def test_garbage_on_a_channel():
    with Resolver(V4, workers=2).wait_ready() as r:
        rng = random.Random(4711)
        sock = r.channels[0].sock
        sock.setblocking(True)
        for _ in range(2000):
            sock.send(rng.randbytes(rng.randrange(1, 300)))
        good = pack_question(7, "lab.", "SOA")
        for cut in range(1, len(good)):
            sock.send(good[:cut])
        sock.send(good + b"\0")
        sock.send(struct.pack("!IHH", 8, 1, 1) + b"\xc0\x0c")
        sock.send(struct.pack("!IHH", 9, 1, 1) + b"\x01a" * 200 + b"\0")
        sock.send(rng.randbytes(60000))
        sock.setblocking(False)
        r.channels[0].next_id = 70000
        assert r.ask("lab.", "SOA").secure
        r.wait_log("is no question")
        assert len([line for line in r.log_lines if "is no question" in line]) < 10
        # An empty datagram cannot be told from the end: that channel closes.
        r.channels[0].sock.send(b"")
        with pytest.raises(EOFError):
            while r.channels[0].receive(5):
                pass
        assert r.channels[1].ask("lab.", "SOA").secure


def test_front_that_does_not_read():
    with Resolver(V4).wait_ready() as r:
        r.ask("mx500.lab.", "MX")
        since = time.monotonic()
        channel = r.channels[0]
        sent = []
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                sent.append(channel.send("mx500.lab.", "MX", wait=False))
            except BlockingIOError:
                select.select([], [], [], 0.05)
        assert r.longest_silence(since) < SILENCE_S
        assert r.memory_kib()["VmRSS"] < 200000 * SLOW
        for ident in sent:
            a = channel.receive()
            assert a.id == ident and a.secure


# ---- IPv6 ----

def test_ipv6_that_works_is_used(relay):
    with Resolver().wait_ready() as r:
        r.wait_verdict(1)
        assert r.ask("v6only.lab.", "MX", timeout=30).secure


def test_ipv6_black_hole_is_left_alone_and_found_again(relay):
    relay.set("*", ipv6="silent")
    with Resolver({"ipv6-probe-interval": "1"}).wait_ready() as r:
        r.wait_verdict(0)
        assert r.ask("v6only.lab.", "MX", timeout=30).status == FAILED
        begin = time.monotonic()
        assert r.ask("v6dead.lab.", "MX").secure
        assert time.monotonic() - begin < 1 * SLOW
        relay.reset()
        r.wait_verdict(1)
        r.wait_log("IPv4 and IPv6")
        assert r.ask("v6only.lab.", "MX", timeout=30).secure
        relay.set("*", ipv6="silent")
        r.wait_verdict(0)
        r.wait_log("IPv4 alone")
        assert r.verdicts() == [0, 1, 0]


def test_questions_live_through_a_change(relay):
    relay.set("*", ipv6="silent")
    with Resolver({"ipv6-probe-interval": "1",
                   "resolver-option": ["outbound-msg-retry: 5"]}).wait_ready() as r:
        r.wait_verdict(0)
        relay.set("ns1.slow.lab.", delay_ms=2500)   # about 5 s, with retries
        slow = [r.channels[0].send(f"n{i}.slow.lab.", "MX") for i in range(20)]
        assert r.ask("healthy.lab.", "MX").secure
        relay.reset("a.root.")
        r.wait_verdict(1)
        r.wait_log("IPv4 and IPv6")
        assert r.ask("d002.post.", "MX", timeout=30).status == ANSWER
        assert r.channels[0].early == {} and r.channels[0].receive(0.01) is None
        for ident in slow:
            assert r.channels[0].wait(ident, 30).status == ANSWER


def hints(tmp_path, *servers):
    path = tmp_path / "hints"
    path.write_text("".join(
        f". 3600 IN NS {name}\n{name} 3600 IN {'AAAA' if ':' in a else 'A'} {a}\n"
        for name, a in servers))
    return str(path)


def test_no_ipv6_route_is_known_at_once(tmp_path):
    path = hints(tmp_path, ("a.root.", "127.53.1.1"), ("b.root.", "2001:db8::1"))
    with Resolver({"root-hints": path}).wait_ready() as r:
        r.wait_verdict(0, timeout=1 * SLOW)
        assert r.ask("healthy.lab.", "MX").secure


def test_no_ipv6_target_at_all(tmp_path):
    path = hints(tmp_path, ("a.root.", "127.53.1.1"))
    with Resolver({"root-hints": path}).wait_ready() as r:
        r.wait_verdict(0, timeout=1 * SLOW)


def test_ipv6_alone(tmp_path, relay):
    """No route for IPv4: IPv6 from the start, and no IPv4 address is tried."""
    path = hints(tmp_path, ("a.root.", "192.0.2.1"), ("a.root.", "fd00:53::1:1"))
    with Resolver({"root-hints": path}).wait_ready() as r:
        r.wait_verdict(1)
        assert r.ask("v6only.lab.", "MX", timeout=30).secure
        assert not any("IPv4" in line for line in r.log_lines)
        # two servers, IPv6 of both dead, IPv4 would work: not to be had here
        assert r.ask("unsigned.lab.", "MX", timeout=30).insecure
        assert relay.count(server="ns1.beta.post.", name="unsigned.lab.") == 0


def test_earlier_verdict_is_used_at_once():
    with Resolver(ipv6=True).wait_ready() as r:
        assert r.ask("v6only.lab.", "MX", timeout=30).secure
        r.let_beat(3)
        assert r.verdicts() == []      # nothing new to say


@pytest.mark.parametrize("setting,works", [("yes", True), ("no", False)])
def test_ipv6_by_configuration(relay, setting, works):
    with Resolver({"ipv6-upstream": setting}).wait_ready() as r:
        a = r.ask("v6only.lab.", "MX", timeout=30)
        assert a.secure if works else a.status == FAILED
        assert r.verdicts() == []
        # The probe is the only one that asks `. NS` of a server's IPv6.
        assert not any("asking name servers" in line for line in r.log_lines)


# ---- zones of the operator ----

@pytest.fixture
def unbound():
    from lab.unbound import Unbound
    extra = "\n".join([
        '    local-zone: "corp." static', '    local-data: "mail.corp. A 192.0.2.25"',
        '    local-zone: "10.in-addr.arpa." static',
        '    local-data: "1.2.3.10.in-addr.arpa. PTR host.corp."',
        '    local-zone: "home.arpa." static', '    local-data: "nas.home.arpa. A 192.0.2.7"',
        '    local-zone: "odd\\034zone." static', '    local-data: "x.odd\\034zone. A 192.0.2.8"'])
    with Unbound(port=5300, extra=extra) as server:
        yield server


def test_forward_everything(unbound, relay):
    with Resolver({**V4, "forward-zone": ". 127.0.0.1@5300"}).wait_ready() as r:
        assert r.ask("healthy.lab.", "MX").secure
        assert r.ask("unsigned.lab.", "MX").insecure
        a = r.ask("bogus.lab.", "MX")
        # The forwarder validates too and will not hand it over.
        assert a.bogus or a.status == FAILED


def test_forward_zone_without_chain(unbound):
    config = {**V4,
              "forward-zone": ["corp. 127.0.0.1@5300", "10.in-addr.arpa. 127.0.0.1@5300",
                               "home.arpa. 127.0.0.1@5300"],
              "resolver-option": ["domain-insecure: corp.", "domain-insecure: home.arpa.",
                                  "domain-insecure: 10.in-addr.arpa."]}
    with Resolver(config).wait_ready() as r:
        assert r.ask("mail.corp.", "A").rrset("A") == ["192.0.2.25"]
        assert r.ask("1.2.3.10.in-addr.arpa.", "PTR").rrset("PTR") == ["host.corp."]
        assert r.ask("nas.home.arpa.", "A").rrset("A") == ["192.0.2.7"]
        assert r.ask("healthy.lab.", "MX").secure


def test_forward_address_that_is_dead_and_one_that_lives(unbound):
    with Resolver({**V4, "forward-zone": ". 127.0.0.1@5399 127.0.0.1@5300"}).wait_ready() as r:
        assert r.ask("healthy.lab.", "MX").secure


def test_stub_zone(relay):
    """Straight to the domain's servers: the TLD is not asked for a referral."""
    with Resolver({**V4, "stub-zone": "healthy.lab. 127.53.10.1 127.53.10.2@53"}).wait_ready() as r:
        assert r.ask("healthy.lab.", "MX").secure
        assert relay.count(server="ns1.nic.lab.", name="healthy.lab.", type="MX") == 0
        assert relay.count(server="ns2.nic.lab.", name="healthy.lab.", type="MX") == 0


# ---- configuration that cannot work ----

def refused(config, **arguments):
    with Resolver(config, **arguments) as r:
        assert r.wait_end() == 2
        log = "\n".join(r.log_lines)
        r.process.returncode = 0       # as expected
        return log


def test_what_the_library_cannot_do_is_said():
    """Debian's libunbound is built with nettle and has no TLS."""
    with Resolver({**V4, "resolver-option": ["tls-upstream: yes"]}) as r:
        r.wait_for(lambda: r.seen or r.process.poll() is not None, "READY or end")
        if r.process.poll() is None:
            pytest.skip("this libunbound has TLS")
        assert r.wait_end() == 2 and any("did not start" in x for x in r.log_lines)
        r.process.returncode = 0


def test_hints_without_server(tmp_path):
    path = tmp_path / "hints"
    path.write_text("; nothing\n")
    assert f"root-hints: {path}" in refused({"root-hints": str(path)})


def test_anchor_file_without_key(tmp_path):
    path = tmp_path / "anchors"
    path.write_text("; nothing\n")
    assert f"trust-anchor-file: {path}" in refused({"trust-anchor-file": str(path)})


def test_anchor_file_with_nonsense(tmp_path):
    path = tmp_path / "anchors"
    path.write_text(". IN DS nonsense\n")
    assert "did not start" in refused({"trust-anchor-file": str(path)})


def test_missing_files(tmp_path):
    assert "No such file" in refused({"root-hints": str(tmp_path / "none")})


def test_files_are_read_once(tmp_path):
    """Also for the context that replaces the first."""
    path = tmp_path / "hints"
    path.write_text(Path(os.environ["LAB_ROOT_HINTS"]).read_text())
    with Resolver({"root-hints": str(path)}).wait_ready() as r:
        path.unlink()
        r.wait_verdict(1)
        assert r.ask("healthy.lab.", "MX", timeout=30).secure


def test_few_descriptors():
    """A small limit makes fewer sockets, not errors."""
    def limits():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))

    with Resolver(V4, limits=limits).wait_ready() as r:
        r.wait_log("descriptors allowed")
        ids = [r.channels[0].send(f"n{i}.wild-unsigned.lab.", "MX") for i in range(500)]
        for ident in ids:
            assert r.channels[0].wait(ident, 30).status == ANSWER
        assert not any("Too many open files" in line for line in r.log_lines)


# ---- the state folder, RFC 5011 ----

def state_config(folder):
    return {**V4, "state-dir": str(folder), "trust-anchor-file": '""'}


def test_state_is_seeded(tmp_path):
    with Resolver(state_config(tmp_path), index=3).wait_ready():
        text = (tmp_path / "root-anchor-3.key").read_text()
    assert "20326" in text and "38696" in text or "autotrust" in text


def test_state_is_kept_and_read_again(tmp_path):
    """The lab's root is not the world's: hand the state over as an earlier
    process would have left it."""
    path = tmp_path / "root-anchor-0.key"
    path.write_text(Path(os.environ["LAB_TRUST_ANCHOR"]).read_text())
    with Resolver(state_config(tmp_path)).wait_ready() as r:
        assert r.ask("healthy.lab.", "MX").secure
        assert not any("warning" in line.lower() for line in r.log_lines)
        text = path.read_text()
        # libunbound has asked the root for its keys and written them down
        assert "autotrust" in text and "DNSKEY" in text and "VALID" in text
    with Resolver(state_config(tmp_path)).wait_ready() as r:
        assert r.ask("healthy.lab.", "MX").secure
        assert r.ask("bogus.lab.", "MX").bogus
        assert "VALID" in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["root-anchor-0.key"]


@pytest.mark.parametrize("text,why", [
    ("nonsense\n", "no key in it"),
    (". IN DS nonsense\n", "not usable"),
    (";;REVOKED\n. IN DNSKEY 257 3 8 AwEAAaaa\n", "revoked")])
def test_broken_state_is_a_warning(tmp_path, text, why):
    path = tmp_path / "root-anchor-0.key"
    path.write_text(text)
    with Resolver(state_config(tmp_path)).wait_ready() as r:
        r.wait_log(why)
        r.wait_log("built-in trust anchors")
        # The real root's keys do not fit the lab's root: everything is bogus,
        # nothing is taken for insecure.
        assert r.ask("healthy.lab.", "MX").status != ANSWER or r.ask("healthy.lab.", "MX").bogus


def test_state_folder_not_writable(tmp_path):
    folder = tmp_path / "gone"
    with Resolver(state_config(folder)).wait_ready() as r:
        r.wait_log("state-dir")
        assert r.ask("lab.", "SOA", timeout=30).status in (ANSWER, FAILED)
