"""The program mxbound-fetcher against policy hosts of every kind: the test is its
supervisor and its front.
"""

import os
import resource
import subprocess

import pytest

import https_policies
from fetcher_process import HEARTBEAT, PROGRAM, Fetcher, pack_request
from https_policies import PolicyHosts, policy, reply
from lab.sts import ADDRESSES, CLOSES, GOOD, GOOD6, NAMES, OLD, PLAIN, REFUSES, addresses
from mxbound import PATIENCE, SANITIZED, wait_until

GOOD_TEXT = policy()
SHORT_S = 4 if SANITIZED else 2 # mta-sts-timeout where it is what ends a fetch,
LONG_S = 20                     # and where it is not, though the machine is busy
MAY_TAKE_S = 60
AT_ONCE = 8

# What becomes of each domain of the lab, and a word of the detail. All others: ok.
EXPECTED = {
    "over": ("too-big", "file size"),
    "huge": ("too-big", "file size"),
    "over-unsaid": ("too-big", "65536"),
    "unsaid-cut": ("broken", "cut off"),
    "endless": ("too-big", "65536"),
    "endless-chunks": ("too-big", "65536"),
    "endless-headers": ("broken", "header fields"),
    "endless-header": ("broken", "header field without end"),
    "endless-interim": ("broken", "header fields"),
    "endless-trailers": ("broken", "header fields"),
    "endless-extension": ("broken", "far more octets"),
    "slow": ("timeout", "timed out"),
    "slow-headers": ("timeout", "timed out"),
    "silent": ("timeout", "timed out"),
    "redirect": ("redirect", "301, to https://mta-sts.enforce.sts.lab/"),
    "redirect-302": ("redirect", "302"),
    "redirect-307": ("redirect", "307"),
    "choices": ("redirect", "300"),
    "not-modified": ("redirect", "304"),
    "created": ("http-status", "201"),
    "no-content": ("http-status", "204"),
    "partial": ("http-status", "206"),
    "unauthorised": ("http-status", "401"),
    "not-found": ("http-status", "404"),
    "error": ("http-status", "500"),
    "wrong-type": ("content-type", "text/html"),
    "longer-type": ("content-type", "text/plainer"),
    "no-type": ("content-type", "no Content-Type"),
    "gzip": ("content-type", "gzip"),
    "bomb": ("content-type", "gzip"),
    "closes": ("broken", "Empty reply"),
    "closes-in-headers": ("broken", "header fields"),
    "closes-in-body": ("broken", "10 bytes remaining"),
    "closes-in-chunk": ("broken", "closed"),
    "no-http": ("broken", "HTTP/0.9"),
    "http09": ("broken", "HTTP/0.9"),
    "wrong-name": ("certificate", "hostname mismatch"),
    "parent-name": ("certificate", "hostname mismatch"),
    "no-san": ("certificate", "hostname mismatch"),
    "expired": ("certificate", "expired"),
    "self-signed": ("certificate", "self-signed"),
    "unknown-ca": ("certificate", "issuer"),
    "refuses": ("connect", "onnect"),
    "drops": ("connect", "timed out"),
    "mute": ("tls", "timed out"),
    "plain": ("tls", "SSL"),
    "closed": ("tls", ""),
    "old-tls": ("tls", "SSL"),
    "no-address": ("no-address", ""),
    "loopback": ("connect", "onnect"),
}
# These take all the time there is.
WAITING = ["slow", "slow-headers", "silent", "drops", "mute", "first-drops", "first-mute"]
SAID = {
    "testing": policy("testing"), "none": policy("none", mx=()),
    "wildcard": policy(mx=["*.sts.lab"]), "mismatch": policy(mx=["other.sts.lab"]),
    "short-lived": policy(max_age=3), "invalid": b"this is no policy\r\n", "empty": b"",
    "binary": bytes(range(256)), "longest": https_policies.of_length(65536),
    "two-lengths": GOOD_TEXT[:7],
}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    with PolicyHosts(tmp_path_factory.mktemp("hosts")) as running:
        yield running


def config(hosts, **more):
    return {"mta-sts-ca-file": hosts.ca_file, "mta-sts-timeout": f"{SHORT_S}s",
            **{k.replace("_", "-"): v for k, v in more.items()}}


@pytest.fixture(scope="module")
def running(hosts):
    with Fetcher(config(hosts, mta_sts_timeout=f"{LONG_S}s")) as fetcher:
        yield fetcher


@pytest.fixture
def fetcher(running, hosts):
    hosts.forget()
    yield running
    hosts.served.clear()


# ---- each kind of host ----

def wrong_answers(fetcher, names):
    """Of these, asked at once, all that is not as it should be."""
    asked = {name: fetcher.send(f"{name}.sts.lab", *addresses(name)) for name in names}
    wrong = []
    for name, ident in asked.items():
        answer = fetcher.wait(ident, MAY_TAKE_S)
        word, detail = EXPECTED.get(name, ("ok", ""))
        text = SAID.get(name, GOOD_TEXT) if word == "ok" else b""
        if (answer.word, answer.text) != (word, text) or detail not in answer.detail:
            wrong.append((name, answer.word, answer.detail, answer.text[:40]))
        if addresses(name) and not any(a in answer.detail for a in addresses(name)):
            wrong.append((name, "the detail names no address", answer.detail))
    return wrong


def test_every_host(fetcher, hosts):
    """What becomes of it is told right, none gets more memory than it may have,
    and none is asked twice."""
    names = [name for name in (*NAMES, *ADDRESSES) if name not in WAITING]
    wrong = []
    for start in range(0, len(names), AT_ONCE):
        wrong += wrong_answers(fetcher, names[start:start + AT_ONCE])
    assert not wrong, "\n".join(map(str, wrong))
    assert set(EXPECTED) <= {*names, *WAITING}
    assert all(hosts.count(f"{name}.sts.lab") <= 1 for name in names)
    assert fetcher.memory_kib() < (600_000 if SANITIZED else 60_000)
    # Connections are closed, those of the slow ones too.
    wait_until(lambda: fetcher.descriptors() < 15, 10, "descriptors closed")


def test_hosts_that_take_their_time(hosts):
    """They get what is set, and hold up nobody else."""
    with Fetcher(config(hosts)) as fetcher:
        hosts.forget()
        waiting = {name: fetcher.send(f"{name}.sts.lab", *addresses(name))
                   for name in ("silent", "drops", "slow")}
        hosts.wait_for(lambda: hosts.count("silent.sts.lab") == 1, "asked")
        ident = fetcher.send("enforce.sts.lab", GOOD)
        assert fetcher.receive().id == ident
        for name, ident in waiting.items():
            assert fetcher.wait(ident, MAY_TAKE_S).word == EXPECTED[name][0]
        wrong = wrong_answers(fetcher, WAITING)
    assert not wrong, "\n".join(map(str, wrong))


def test_what_is_asked(fetcher, hosts):
    """The path and name of RFC 8461, no cookie that was set before, nothing that
    asks for encodings, and no connection used again."""
    for _ in range(2):
        assert fetcher.fetch("cookie.sts.lab", GOOD).word == "ok"
    first, second = hosts.requests
    assert first == second
    assert first.line == "GET /.well-known/mta-sts.txt HTTP/1.1"
    fields = dict(line.lower().split(": ", 1) for line in first.headers)
    assert fields.pop("host") == "mta-sts.cookie.sts.lab"
    assert fields.pop("user-agent").startswith("mxbound/")
    assert fields == {"accept": "*/*"}
    assert hosts.connections == [(GOOD, "mta-sts.cookie.sts.lab")] * 2


def test_redirects_lead_nowhere(fetcher, hosts):
    assert fetcher.fetch("redirect.sts.lab", GOOD, GOOD6).word == "redirect"
    assert [r.domain for r in hosts.requests] == ["redirect.sts.lab"]


def test_policy_that_changes(fetcher, hosts):
    """Nothing is kept from one fetch to the next."""
    assert fetcher.fetch("changing.sts.lab", GOOD).text == GOOD_TEXT
    hosts.serve("changing.sts.lab", reply(policy("testing"), headers=["Cache-Control: max-age=9"]))
    assert fetcher.fetch("changing.sts.lab", GOOD).text == policy("testing")


def test_longest_domain(fetcher):
    """A name as long as there may be: it is asked for, and no certificate has it."""
    domain = ".".join(["a" * 60] * 4)[:241] + ".lab"
    assert len(domain) == 245
    assert fetcher.fetch(domain, GOOD).word == "certificate"


# ---- addresses ----

@pytest.mark.parametrize("order, word, asked", (
    ([REFUSES, GOOD], "ok", GOOD),
    ([CLOSES, PLAIN, OLD, GOOD6], "ok", GOOD6),
    # What came farthest is what is told.
    ([PLAIN, REFUSES], "tls", PLAIN),
    ([REFUSES, CLOSES, REFUSES], "tls", CLOSES),
    ([REFUSES] * 8, "connect", REFUSES),
))
def test_one_after_another(fetcher, hosts, order, word, asked):
    answer = fetcher.fetch("enforce.sts.lab", *order)
    assert (answer.word, asked in answer.detail) == (word, True), answer
    tried = [address for address, _ in hosts.connections]
    assert len(tried) <= len(order) and set(tried) <= set(order)
    assert hosts.count("enforce.sts.lab") == (word == "ok")


def test_certificate_that_is_wrong_at_one_address(fetcher, hosts):
    """The next is tried, and where none is good that is what is told."""
    answer = fetcher.fetch("expired.sts.lab", GOOD, REFUSES)
    assert answer.word == "certificate" and "expired" in answer.detail


def test_answer_is_final(fetcher, hosts):
    """Who has sent a status has been reached: no other address is asked."""
    assert fetcher.fetch("not-found.sts.lab", GOOD, GOOD6).word == "http-status"
    assert [address for address, _ in hosts.connections] == [GOOD]


def test_no_other_address(hosts):
    """What is not public is not asked, this host's own address neither, unless it
    is allowed; the environment leads nowhere else."""
    env = {**os.environ, "https_proxy": f"http://{GOOD}:443", "ALL_PROXY": f"socks5://{GOOD}:443",
           "HTTPS_PROXY": f"https://{GOOD}:443"}
    with Fetcher(config(hosts, mta_sts_private="no"), env=env) as strict:
        hosts.forget()
        for address in ("127.0.0.1", "::1", "10.0.0.1", GOOD, GOOD6, "::ffff:198.18.44.1"):
            answer = strict.fetch("enforce.sts.lab", address)
            assert answer.word == "no-address" and "mta-sts-private" in answer.detail, answer
        assert not hosts.connections
        # A public address that is this host's.
        subprocess.run(["ip", "address", "add", "8.8.8.8/32", "dev", "lo"], check=True)
        try:
            answer = strict.fetch("enforce.sts.lab", "8.8.8.8")
        finally:
            subprocess.run(["ip", "address", "del", "8.8.8.8/32", "dev", "lo"], check=True)
        assert answer.word == "no-address" and "of this host" in answer.detail
        # One that is tried, and cannot be reached from the lab.
        answer = strict.fetch("enforce.sts.lab", "8.8.8.8", "10.0.0.1")
        assert answer.word == "connect" and "8.8.8.8" in answer.detail
    with Fetcher(config(hosts), env=env) as open_one:
        assert open_one.fetch("enforce.sts.lab", GOOD).word == "ok"
    assert {address for address, _ in hosts.connections} == {GOOD}


# ---- who is believed ----

def test_system_authorities_do_not_know_the_lab(hosts):
    with Fetcher({"mta-sts-timeout": "5s"}) as fetcher:
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "certificate"


def test_no_authorities_at_all(hosts, tmp_path):
    """The file has gone since it was checked: it is said, and nobody is believed."""
    with Fetcher(config(hosts, mta_sts_ca_file=tmp_path / "gone.pem")) as fetcher:
        assert "no MTA-STS policy can be fetched" in fetcher.log()
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "certificate"


# ---- bounds ----

def test_more_than_there_is_room_for(hosts):
    """64 at a time; those over it hear so at once."""
    with Fetcher(config(hosts, mta_sts_timeout="60s")) as fetcher:
        for _ in range(64):
            fetcher.send("silent.sts.lab", GOOD)
        over = [fetcher.send("enforce.sts.lab", GOOD) for _ in range(5)]
        assert {fetcher.wait(ident).word for ident in over} == {"overload"}


def test_old_ones_make_way(hosts):
    """Of 64 that take long the oldest goes when another comes, and no more than that."""
    with Fetcher(config(hosts, mta_sts_timeout="60s")) as fetcher:
        waiting = [fetcher.send("silent.sts.lab", GOOD) for _ in range(64)]
        wait_until(lambda: fetcher.fetch("enforce.sts.lab", GOOD).word == "ok", 30,
                   "one makes way")
        assert "others waited" in fetcher.wait(waiting[0]).detail
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"
        assert not fetcher.early.keys() & set(waiting)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is more")
def test_memory(hosts):
    """64 hosts that send without end cost no more than 64 texts."""
    with Fetcher(config(hosts)) as fetcher:
        for name in ("endless", "endless-extension", "longest"):
            asked = [fetcher.send(f"{name}.sts.lab", GOOD) for _ in range(64)]
            words = {fetcher.wait(ident, MAY_TAKE_S).word for ident in asked}
            # So many may get no further than that in the time.
            assert words - {"timeout", "tls"} <= {EXPECTED.get(name, ("ok",))[0]}, name
        assert fetcher.memory_kib() < 80_000


def test_front_that_reads_nothing(hosts):
    """Answers wait, and nothing more is taken on; then all come."""
    with Fetcher(config(hosts, mta_sts_timeout="60s")) as fetcher:
        asked = [fetcher.send("longest.sts.lab", GOOD) for _ in range(64)]
        hosts.wait_for(lambda: sum(r.domain == "longest.sts.lab" for r in hosts.requests) >= 64,
                       "all are asked")
        assert {fetcher.wait(ident, MAY_TAKE_S).word for ident in asked} == {"ok"}
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"


def test_few_descriptors(hosts):
    """Where there are not enough, fetches fail, and it goes on."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

    with Fetcher(config(hosts), limits=few) as fetcher:
        words = {fetcher.wait(ident, MAY_TAKE_S).word for ident in
                 [fetcher.send("enforce.sts.lab", GOOD) for _ in range(40)]}
        assert "ok" in words and words <= {"ok", "connect", "overload", "broken"}, words
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"


# ---- the pair ----

GARBAGE = {
    "an octet": b"x",
    "no address family": pack_request(1, "a.lab", [])[:-1] + b"\x01\x05\x01\x02\x03\x04",
    "upper case": pack_request(1, "A.lab", [GOOD]),
    "a path": pack_request(1, "a.lab/x", [GOOD]),
    "another host": pack_request(1, "a.lab:80", [GOOD]),
    "a user": pack_request(1, "a@b.lab", [GOOD]),
    "a line feed": pack_request(1, "a\nb.lab", [GOOD]),
    "nine addresses": pack_request(1, "a.lab", [GOOD] * 9),
    "far too long": b"x" * 60000,
}


def test_garbage_is_passed_over(fetcher, hosts):
    for octets in GARBAGE.values():
        fetcher.pair.send(octets)
    assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"
    assert {sni for _, sni in hosts.connections} == {"mta-sts.enforce.sts.lab"}
    assert "is no request" in fetcher.log()


def test_new_pair_replaces_the_old(hosts):
    """What the old front had asked for is given up."""
    with Fetcher(config(hosts, mta_sts_timeout="60s")) as fetcher:
        fetcher.send("silent.sts.lab", GOOD)
        hosts.wait_for(lambda: any(r.domain == "silent.sts.lab" for r in hosts.requests), "asked")
        old, fetcher.pair = fetcher.pair, fetcher.new_pair()
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"
        assert old.recv(100) == b""
        old.close()
        # A front that goes, and the next one.
        before = fetcher.descriptors()
        fetcher.send("silent.sts.lab", GOOD)
        fetcher.pair.close()
        fetcher.pair = fetcher.new_pair()
        assert fetcher.fetch("enforce.sts.lab", GOOD).word == "ok"
        wait_until(lambda: fetcher.descriptors() == before, 10, "no descriptor is lost")


def test_it_beats_under_load(hosts):
    """Heartbeats come from the loop that works."""
    with Fetcher(config(hosts)) as fetcher:
        for _ in range(AT_ONCE):
            fetcher.send("endless-extension.sts.lab", GOOD)
        for _ in range(5):
            fetcher.wait_control(HEARTBEAT)


def test_alone():
    done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "which starts it" in done.stderr
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "libcurl" in done.stdout and "OpenSSL" in done.stdout
