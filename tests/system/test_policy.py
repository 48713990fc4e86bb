"""What mxbound tells Postfix over policy-listen, over all mail domains of the
lab: asked by a client of our own, which says what it likes, and by Postfix's
own postmap where there is one.

What is expected is worked out from the lab's table by RFC 7672 told once more.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.domains import ROWS
from lab.table import absolute
from mxbound import PATIENCE, Mxbound, free_port, wait_until
from test_ctl import POLICY_VALIDATOR, ctl
from test_route_library import MAIL, addresses, expected, rrs, zone_of

POSTMAP = shutil.which("postmap") or shutil.which("postmap", path="/usr/sbin")
ANSWER_S = 40 * PATIENCE

OK, NOTFOUND, TEMP, PERM = "OK", "NOTFOUND", "TEMP", "PERM"


# ---- what is expected ----

def told(name, rrtype):
    """The state that the table gives this question, or None."""
    for row in ROWS:
        for e in row.expects:
            if e.owner.lower() == name.lower() and e.type == rrtype:
                return e.state
    return None


def state(name, rrtype):
    """secure, insecure, or of what fails bogus or dead: from the table's
    expectations, else from which zones above are signed and have a DS."""
    known = told(name, rrtype)
    if known:
        return known
    zone = zone_of(name)
    above = [r for r in ROWS if zone.name.endswith("." + r.name) or r.name in (".", zone.name)]
    return "secure" if all(r.signed and r.ds in ("match", None) for r in above) else "insecure"


def usable(words):
    """RFC 7672 section 3.1: usage 2 or 3, and a digest that fits."""
    usage, selector, matching, data = *map(int, words[:3]), "".join(words[3:])
    return usage in (2, 3) and selector in (0, 1) and \
        len(data) == {1: 64, 2: 128}.get(matching, -1)


def level(host, mx_secure):
    """dane-only, dane, encrypt, may; fails if its TLSA do; None: not used."""
    found = [t for t in ("A", "AAAA")
             if addresses(host, t) and state(host, t) in ("secure", "insecure")]
    if not found:
        return None
    if not any(state(host, t) == "secure" for t in found):
        return "may"
    owner = f"_25._tcp.{host}"
    if state(owner, "TLSA") in ("bogus", "dead"):
        return "fails"
    tlsa = rrs(zone_of(owner), "TLSA", owner)
    if not tlsa or state(owner, "TLSA") != "secure":
        return "may"
    if not any(usable(words) for words in tlsa):
        return "encrypt"
    return "dane-only" if mx_secure else "dane"


# What cannot be seen from the text of a zone.
SPECIAL = {
    # The first alias is secure, so TLSA at the host's own name count.
    "mx-tail.lab.": f"{OK} dane-only",
    # Its TLSA are an alias to another zone's.
    "tlsa-alias.lab.": f"{OK} dane-only",
}


def policy(row):
    """The reply, or None where the table does not say."""
    if row.name in SPECIAL:
        return SPECIAL[row.name]
    outcome = expected(row)
    if outcome != "deliver":
        return {None: None, "try-again": TEMP}.get(outcome, NOTFOUND)
    mx = [(int(pref), absolute(name, row.name)) for pref, name in rrs(row, "MX", row.name)]
    hosts = [name for _, name in sorted(mx) if name != "."] if mx else [row.name]
    if len(hosts) > 10:
        return None
    levels = {level(h, state(row.name, "MX") == "secure") for h in hosts} - {None}
    if levels - {"fails"} == {"dane-only"}:
        return f"{OK} dane-only"
    if levels == {"encrypt"}:
        return f"{OK} encrypt"
    return NOTFOUND if levels == {"may"} else f"{OK} dane"


# ---- a client ----

def netstring(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return b"%d:%s," % (len(octets), octets)


class Client:
    """A connection, as Postfix has one or as somebody who is not Postfix."""

    def __init__(self, where):
        self.s = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.s.settimeout(ANSWER_S)
        self.s.connect(where)
        self.file = self.s.makefile("rb")

    def send(self, *requests, name="QUERY"):
        self.s.sendall(b"".join(netstring(f"{name} {key}") for key in requests))

    def receive(self):
        """The next reply as text, or None at end of file."""
        digits = b""
        while (octet := self.file.read(1)).isdigit():
            digits += octet
        if octet == b"" and digits == b"":
            return None
        assert octet == b":", (digits, octet)
        text = self.file.read(int(digits)).decode("ascii")
        assert self.file.read(1) == b","
        return text

    def ask(self, key, name="QUERY"):
        self.send(key, name=name)
        return self.receive()

    def closed(self):
        return self.receive() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.s.close()


class Server(Mxbound):
    """With a policy service over TCP and at a path."""

    def __init__(self, *options, **more):
        self.policy_port = free_port()
        self.where = ("127.0.0.1", self.policy_port)
        super().__init__("ipv6-upstream: yes", f"policy-listen: 127.0.0.1@{self.policy_port}",
                         *options, **more)

    def client(self):
        return Client(self.where)


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


def short(reply):
    """Without the reason of a temporary failure."""
    word, _, text = reply.partition(" ")
    return f"{word} {text}" if word == OK else word


# ---- policies ----

def test_each_mail_domain(server):
    """Over one connection each, as Postfix's processes ask. Temporary means
    that: what came late is in the cache at the next time."""
    def ask(row):
        for _ in range(4):
            with server.client() as client:
                reply = client.ask(row.name.rstrip("."))
            if short(reply) != TEMP or policy(row) in (None, TEMP):
                break
            time.sleep(2)
        return reply

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(ask, MAIL))
    wrong = [f"{row.name} ({row.why}): want {policy(row)}, is {reply}"
             for row, reply in zip(MAIL, replies)
             if policy(row) is not None and short(reply) != policy(row)]
    assert not wrong, "\n".join(wrong)
    seen = {short(reply) for reply in replies}
    assert seen >= {f"{OK} dane-only", f"{OK} dane", f"{OK} encrypt", NOTFOUND, TEMP}, seen
    for reply in replies:
        assert reply.split()[0] != TEMP or len(reply.split()) > 3, reply
    assert sum(policy(row) is not None for row in MAIL) > 80


@pytest.mark.parametrize("key, reply", (
    ("healthy.lab", "OK dane-only"),
    ("HEALTHY.Lab", "OK dane-only"),
    ("healthy.lab.", "OK dane-only"),
    ("[mx1.healthy.lab]", "OK dane-only"),
    ("[mx1.healthy.lab]:25", "OK dane-only"),
    ("[mx1.healthy.lab]:smtp", "OK dane-only"),
    ("healthy.lab:25", "OK dane-only"),
    # TLSA are a port's.
    ("[mx1.healthy.lab]:587", "NOTFOUND"),
    ("healthy.lab:submission", "NOTFOUND"),
    ("secure.alias-unsigned.lab", "OK dane"),
    ("null.alias.lab", "NOTFOUND"),
    ("nosuch.lab", "NOTFOUND"),
    ("bogus-tlsa.lab", "TEMP"),
    ("bogus.alias.lab", "TEMP"),
))
def test_keys(server, key, reply):
    with server.client() as client:
        assert short(client.ask(key)) == reply
        assert short(client.ask(key, name="QUERYwithTLSRPT")) == reply


def test_reason(server):
    """Postfix logs it, so it names the host."""
    with server.client() as client:
        reply = client.ask("bogus-tlsa.lab")
    assert reply.startswith("TEMP ") and "mx.bogus-tlsa.lab" in reply, reply


def test_keys_without_a_question():
    """Parents, addresses and what is no next hop: no resolver hears of them."""
    keys = (".healthy.lab", ".lab", ".", "", "192.0.2.1", "192.0.2.1:25", "[192.0.2.1]",
            "[192.0.2.1]:25", "[IPv6:2001:db8::1]", "2001:db8::1", "a b", "a..b",
            "m\xfcller.lab", "x" * 9000)
    counts = []
    for asked in ((), keys):
        # Of two workers each may ask for itself what mxbound asks at its start.
        with Server("workers: 1") as server, server.client() as client:
            server.ask(".", "NS")
            for key in asked:
                assert client.ask(key) == "NOTFOUND ", key
            if asked:
                client.s.sendall(netstring("QUERY"))
                assert client.receive() == "NOTFOUND "
        counts.append(server.counters["upstream_answers"])
    assert counts[0] == counts[1]


@pytest.mark.skipif(not POSTMAP, reason="no postmap")
def test_postmap(server, tmp_path):
    """Postfix's own client, which asks all keys over one connection."""
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    keys = ["healthy.lab", "HEALTHY.lab", ".lab", "nosuch.lab", "[mx1.healthy.lab]",
            "secure.alias-unsigned.lab"]

    def postmap(name, *keys):
        return subprocess.run(
            [POSTMAP, "-c", tmp_path, "-q", "-",
             f"socketmap:inet:127.0.0.1:{server.policy_port}:{name}"],
            input="\n".join(keys) + "\n", text=True, capture_output=True, timeout=ANSWER_S)

    for name in ("QUERY", "QUERYwithTLSRPT"):
        done = postmap(name, *keys)
        assert done.stdout.splitlines() == [
            "healthy.lab\tdane-only", "HEALTHY.lab\tdane-only", "[mx1.healthy.lab]\tdane-only",
            "secure.alias-unsigned.lab\tdane"], done
    done = postmap("QUERY", "bogus-tlsa.lab")
    assert done.returncode != 0 and "mx.bogus-tlsa.lab" in done.stderr, done
    done = postmap("NOSUCH", "healthy.lab")
    assert done.returncode != 0 and "no such map" in done.stderr, done


# ---- the protocol ----

def test_pipelined_in_order(server):
    """What takes long holds up what comes after it, and nothing is mixed up."""
    keys = ["bogus-tlsa.lab", "healthy.lab", ".lab", "nosuch.lab"] * 50
    want = ["TEMP", "OK dane-only", "NOTFOUND", "NOTFOUND"] * 50
    with server.client() as client:
        client.send(*keys)
        assert [short(client.receive()) for _ in keys] == want


def test_octet_by_octet(server):
    with server.client() as client:
        for octet in netstring("QUERY healthy.lab") * 2:
            client.s.sendall(bytes([octet]))
        assert client.receive() == client.receive() == "OK dane-only"


def test_half_closed(server):
    with server.client() as client:
        client.send("healthy.lab", "nosuch.lab")
        client.s.shutdown(socket.SHUT_WR)
        assert client.receive() == "OK dane-only"
        assert client.receive() == "NOTFOUND "
        assert client.closed()


@pytest.mark.parametrize("octets", (
    b"QUERY healthy.lab\n", b"GET /metrics HTTP/1.1\r\n\r\n", b"07:QUERY a,", b"10001:",
    b"99999999999999999999:", b"-1:,", b":", b"5:QUERY;", b"3:QUERY a,", b"\x16\x03\x01\x02\x00",
    b"\0" * 100000))
def test_malformed(server, octets):
    """An answer, after those to what was well-formed, and the end."""
    with server.client() as client:
        client.s.sendall(netstring("QUERY healthy.lab") + octets)
        assert client.receive() == "OK dane-only"
        assert short(client.receive()) == "TEMP"
        assert client.closed()


def test_unknown_map(server):
    with server.client() as client:
        client.send("healthy.lab")
        client.send("healthy.lab", name="query")
        client.send("healthy.lab")
        assert client.receive() == "OK dane-only"
        assert short(client.receive()) == "PERM"
        assert client.closed()


def test_longest_request(server):
    with server.client() as client:
        client.send("x" * (10000 - len("QUERY ")))
        assert client.receive() == "NOTFOUND "
        client.send("x" * (10001 - len("QUERY ")))
        assert short(client.receive()) == "TEMP"
        assert client.closed()


def test_slow_writer_is_closed(server):
    """Half a request, for ever; one that only waits stays, as Postfix wants."""
    with server.client() as idle, server.client() as slow:
        assert idle.ask("healthy.lab") == "OK dane-only"
        slow.s.sendall(b"17:QUERY exam")
        assert slow.closed()
        assert idle.ask("healthy.lab") == "OK dane-only"


def test_deaf_reader_is_bounded(server):
    """Who sends and never reads is read no further, and goes; nobody else
    notices."""
    with server.client() as deaf, server.client() as other:
        deaf.s.setblocking(False)
        octets = netstring("QUERY .lab") * 2000
        sent = 0
        end = time.monotonic() + 60 * PATIENCE
        gone = False
        while not gone and time.monotonic() < end:
            select.select([], [deaf.s], [], 1)
            try:
                sent += deaf.s.send(octets)
            except BlockingIOError:
                pass
            except ConnectionError:
                gone = True
        assert gone and sent < 64 << 20
        assert other.ask("healthy.lab") == "OK dane-only"


def test_64_connections_at_once(server):
    """As many as a busy Postfix has, each with its own domain."""
    rows = [row for row in MAIL if policy(row) not in (None, TEMP)][:64]
    clients = [server.client() for _ in rows]
    for _ in range(3):
        for client, row in zip(clients, rows):
            client.send(row.name.rstrip("."))
        replies = [short(client.receive()) for client in clients]
    assert replies == [policy(row) for row in rows]
    for client in clients:
        client.__exit__()


def test_the_one_idle_longest_goes(server):
    """512 connections are kept; one more costs the first."""
    with server.client() as first, server.client() as second:
        assert first.ask(".lab") == second.ask(".lab") == "NOTFOUND "
        others = [server.client() for _ in range(511)]
        for client in others:
            assert client.ask(".lab") == "NOTFOUND "
        assert first.closed()
        assert second.ask(".lab") == "NOTFOUND "
        for client in others:
            client.__exit__()


# ---- mxboundctl policy ----

def test_ctl_says_the_same(server):
    """What an operator is told is what Postfix hears, and the route explains it."""
    rows = [row for row in MAIL if policy(row) not in (None, TEMP)]
    names = [row.name.rstrip(".") for row in rows]
    done = ctl(server, "policy", "--json", stdin="\n".join(names))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["destination"] for one in found] == names and not done.stderr
    for row, one in zip(rows, found):
        POLICY_VALIDATOR.validate(one)
        said = f"OK {one['postfix']}" if one["postfix"] else NOTFOUND
        assert said == policy(row), one
        assert one["policy"] == (one["postfix"] or "none") and one["status"] == 0
        assert one["text"] and one["reason"] and one["reason_text"]
        assert one["route"]["mta_sts"]["record"] not in ("", "failed")
    assert done.returncode == 0


@pytest.mark.parametrize("domain, first, status", (
    ("healthy.lab", "healthy.lab: dane-only", 0),
    ("unsigned.lab", "unsigned.lab: none", 0),
    ("[192.0.2.1]", "[192.0.2.1]: none", 0),
    ("bogus-tlsa.lab", "bogus-tlsa.lab: temp", 2),
))
def test_ctl_for_people(server, domain, first, status):
    done = ctl(server, "policy", domain)
    lines = done.stdout.splitlines()
    assert lines[0] == first and lines[2].startswith("  since "), done
    assert done.returncode == status and not done.stderr
    many = ctl(server, "policy", domain, "nosuch.lab")
    assert many.stdout.splitlines()[0].startswith(first.replace(":", "") + " "), many
    assert many.stdout.splitlines()[1] == "nosuch.lab none no-such-domain", many
    assert many.returncode == status


# ---- where, and who ----

def test_unix_socket(tmp_path):
    path = str(tmp_path / "policy.sock")
    with Server(f"policy-listen: unix:{path}") as server:
        with Client(path) as client, server.client() as other:
            assert client.ask("healthy.lab") == other.ask("healthy.lab") == "OK dane-only"
        assert os.stat(path).st_mode & 0o777 == 0o666
    assert not os.path.exists(path)


def test_without_control_socket():
    with Server("control-socket: no") as server, server.client() as client:
        assert client.ask("healthy.lab") == "OK dane-only"


def test_access_control(tmp_path):
    """It is that of DNS; a path is open to whom its file lets in."""
    for action, want in (("refuse", "PERM"), ("drop", None)):
        with Server(f"access-control: 127.0.0.0/8 {action}", "access-control: ::1/128 allow",
                    f"policy-listen: {tmp_path}/p.sock") as server:
            with server.client() as client:
                try:
                    reply = client.receive()
                except ConnectionError:
                    reply = None
                assert (reply and short(reply)) == want
            with Client(f"{tmp_path}/p.sock") as client:
                assert client.ask("healthy.lab") == "OK dane-only"


def test_address_in_use():
    """The start fails, and says why."""
    with Server() as server:
        other = Mxbound(f"policy-listen: 127.0.0.1@{server.policy_port}", expect_ready=False)
        other.start()
        assert other.process.wait(ANSWER_S) != 0
        assert f"policy-listen: 127.0.0.1@{server.policy_port}" in other.log()
        assert "in use" in other.log()


# ---- restarts ----

def asked_again(server, client, key):
    """As Postfix does: at the end of a connection once more over a new one."""
    try:
        reply = client.ask(key)
    except ConnectionError:
        reply = None
    if reply is not None:
        return client, reply
    client.__exit__()
    client = server.client()
    return client, client.ask(key)


def test_front_restarted():
    """Whoever comes meanwhile waits in the socket."""
    with Server() as server:
        client = server.client()
        assert client.ask("healthy.lab") == "OK dane-only"
        [front] = server.fronts()
        os.kill(front, signal.SIGKILL)
        client, reply = asked_again(server, client, "healthy.lab")
        assert reply == "OK dane-only"
        client.__exit__()


def test_takeover():
    """A new version takes over while connections are there, idle and asking:
    no answer is lost but for one that is asked again."""
    with Server() as server:
        path = str(server.folder / "policy.sock")
        server.write(("ipv6-upstream: yes", f"policy-listen: 127.0.0.1@{server.policy_port}",
                      f"policy-listen: {path}"))
        clients = [server.client() for _ in range(8)]
        for client in clients:
            assert client.ask("healthy.lab") == "OK dane-only"
        [front] = server.fronts()
        busy = server.client()
        busy.send("bogus-tlsa.lab", "healthy.lab", "nosuch.lab")
        server.process.send_signal(signal.SIGUSR2)
        assert [short(busy.receive()) for _ in range(3)] == ["TEMP", "OK dane-only", "NOTFOUND"]
        for _ in range(30 * PATIENCE):
            for i, client in enumerate(clients):
                clients[i], reply = asked_again(server, client, "healthy.lab")
                assert reply == "OK dane-only"
            if front not in server.fronts():
                break
            time.sleep(0.5)
        wait_until(lambda: front not in server.fronts(), 30, "the old front is gone")
        with Client(path) as client:
            assert client.ask("healthy.lab") == "OK dane-only"
        for client in [*clients, busy]:
            client.__exit__()
    assert not os.path.exists(path)


def test_counters():
    with Server() as server, server.client() as client:
        for key in ("healthy.lab", "nosuch.lab", "bogus-tlsa.lab", ".lab"):
            client.ask(key)
    assert (server.counters["policies"], server.counters["policies_found"],
            server.counters["policies_failed"]) == (4, 1, 1)
