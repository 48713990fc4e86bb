"""MTA-STS policies as Postfix and an operator hear of them: fetched from the lab's
policy hosts, kept, and still there when nothing else is.

Each test has mail domains of its own (tests/lab/sts.py); what fetches can meet is
seen by one of each kind, since mxbound-fetcher has tests of its own.
"""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from https_policies import PolicyHosts, policy, reply
from mxbound import wait_until
from test_ctl import POLICY_VALIDATOR, ctl
from test_policy import NOTFOUND, Server

SECURE = "OK secure match=mx.sts.lab servername=hostname"
GONE = reply(b"no\r\n", "503 Service Unavailable")
ID_2 = {"server": "ns1.sts.lab.", "rewrite": "sts-id-2"}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    with PolicyHosts(tmp_path_factory.mktemp("hosts")) as running:
        yield running


def new_server(hosts, *options):
    return Server(f"mta-sts-ca-file: {hosts.ca_file}", "mta-sts-private: yes", *options)


@pytest.fixture(scope="module")
def server(hosts):
    with new_server(hosts) as running:
        yield running


def ask(server, domain, **more):
    with server.client() as client:
        return client.ask(domain, **more)


def told(server, domain):
    """What an operator is told."""
    one = json.loads(ctl(server, "policy", "--json", domain).stdout)
    POLICY_VALIDATOR.validate(one)
    return one


def sts(server, domain):
    return told(server, domain)["route"]["mta_sts"]


# ---- what is said ----

@pytest.mark.parametrize("domain, said", (
    ("enforce.sts.lab", SECURE),
    ("ENFORCE.sts.lab:25", SECURE),
    ("wildcard.sts.lab", "OK secure match=.sts.lab servername=hostname"),
    ("mismatch.sts.lab", "OK secure match=other.sts.lab servername=hostname"),
    ("alias.sts.lab", SECURE),
    ("six.sts.lab", SECURE),
    ("first-dead.sts.lab", SECURE),
    ("longest.sts.lab", SECURE),
    ("testing.sts.lab", NOTFOUND),
    ("none.sts.lab", NOTFOUND),
    # DANE goes first, though there is a policy too.
    ("healthy.lab", "OK dane-only"),
    # A host that the configuration names, and a parent: no policy.
    ("[mx.sts.lab]", NOTFOUND),
    ("x.enforce.sts.lab", NOTFOUND),
    (".enforce.sts.lab", NOTFOUND),
))
def test_policy(server, domain, said):
    assert ask(server, domain).rstrip() == said


def test_tlsrpt(server):
    """What Postfix 3.10 and later report from."""
    assert ask(server, "wildcard.sts.lab", name="QUERYwithTLSRPT") == (
        "OK secure match=.sts.lab servername=hostname policy_type=sts"
        " policy_domain=wildcard.sts.lab mx_host_pattern=*.sts.lab"
        " { policy_string = version: STSv1 } { policy_string = mode: enforce }"
        " { policy_string = mx: *.sts.lab } { policy_string = max_age: 86400 }")
    assert ask(server, "testing.sts.lab", name="QUERYwithTLSRPT").rstrip() == NOTFOUND


@pytest.mark.parametrize("domain, code", (
    ("expired.sts.lab", "certificate"),
    ("wrong-name.sts.lab", "certificate"),
    ("old-tls.sts.lab", "tls"),
    ("redirect.sts.lab", "redirect"),
    ("not-found.sts.lab", "http-status"),
    ("wrong-type.sts.lab", "content-type"),
    ("over.sts.lab", "too-big"),
    ("closes-in-body.sts.lab", "broken"),
    ("refuses.sts.lab", "connect"),
    ("no-address.sts.lab", "no-address"),
    ("invalid.sts.lab", "invalid-policy"),
))
def test_no_policy_to_be_had(server, hosts, domain, code):
    """As if there were none (RFC 8461 section 3.3), and the host is left alone."""
    assert ask(server, domain).rstrip() == NOTFOUND
    asked = hosts.count(domain)
    assert ask(server, domain).rstrip() == NOTFOUND
    one = sts(server, domain)
    assert one["record"] == "one" and one["policy"] is None
    assert one["failure"]["code"] == code, one
    assert code == "no-address" or one["failure"]["retry_s"] > 200
    assert hosts.count(domain) == asked


def test_what_an_operator_is_told(server):
    ask(server, "mismatch.sts.lab")
    one = told(server, "mismatch.sts.lab")
    assert one["policy"] == "secure" and one["reason"] == "mta-sts"
    assert one["postfix"] == "secure match=other.sts.lab servername=hostname"
    held = one["route"]["mta_sts"]
    assert held["id"] == held["policy"]["id"] == "1" and not held["failure"]
    assert held["policy"]["source"] == "cache" and held["policy"]["mode"] == "enforce"
    assert held["policy"]["mx"] == ["other.sts.lab"] and held["policy"]["max_age_s"] == 86400
    assert 86000 < held["policy"]["expires_s"] <= 86400
    host = one["route"]["hosts"][0]
    assert host["mta_sts_match"] == "no"
    assert [w["code"] for w in host["warnings"]] == ["sts-mx"]
    assert told(server, "enforce.sts.lab")["route"]["hosts"][0]["mta_sts_match"] == "yes"

    text = ctl(server, "policy", "mismatch.sts.lab").stdout
    for words in ("mismatch.sts.lab: secure", "enforce: deliver only to hosts that match",
                  "id 1, fetched", "mx other.sts.lab", "no mx of the MTA-STS policy matches"):
        assert words in text, text
    text = ctl(server, "route", "refuses.sts.lab").stdout
    assert "the policy host cannot be reached" in text and "not tried again for" in text, text


def test_off(hosts):
    with new_server(hosts, "mta-sts: no") as server:
        assert ask(server, "enforce.sts.lab").rstrip() == NOTFOUND
        one = sts(server, "enforce.sts.lab")
        assert one["record"] == "one" and one["policy"] is None
        assert server.children("mxbound-fetcher") == []


# ---- over time ----

def test_all_wait_for_one_fetch(server, hosts):
    """Many mails to one domain, whose policy host takes its time."""
    go = threading.Event()

    def slowly(talk):
        go.wait(20)
        talk.send(reply(policy()))

    hosts.serve("chunked.sts.lab", slowly)
    with ThreadPoolExecutor(20) as pool:
        replies = [pool.submit(ask, server, "chunked.sts.lab") for _ in range(20)]
        hosts.wait_for(lambda: hosts.count("chunked.sts.lab") > 0, "the fetch")
        # Others do not wait for it.
        assert ask(server, "enforce.sts.lab") == SECURE
        go.set()
        assert {r.result() for r in replies} == {SECURE}
    assert hosts.count("chunked.sts.lab") == 1


def test_another_id(server, hosts, relay):
    """It is fetched again once the record says so; and where that fails what was
    fetched before holds."""
    for domain in ("changing.sts.lab", "cookie.sts.lab"):
        assert ask(server, domain) == SECURE
    hosts.serve("changing.sts.lab", reply(policy("testing")))
    hosts.serve("cookie.sts.lab", GONE)
    assert ask(server, "changing.sts.lab") == SECURE
    relay.set(**ID_2)
    wait_until(lambda: ask(server, "changing.sts.lab").rstrip() == NOTFOUND, 20, "the new policy")
    one = sts(server, "changing.sts.lab")
    assert one["id"] == one["policy"]["id"] == "2" and one["policy"]["mode"] == "testing"
    assert hosts.count("changing.sts.lab") == 2

    wait_until(lambda: sts(server, "cookie.sts.lab")["failure"], 20, "the failure")
    assert ask(server, "cookie.sts.lab") == SECURE
    one = sts(server, "cookie.sts.lab")
    assert one["id"] == "2" and one["policy"]["id"] == "1"
    assert one["failure"]["code"] == "http-status"
    assert "MTA-STS: no new policy of cookie.sts.lab" in server.log()
    assert "the one from before holds" in server.log()


def test_without_a_record(server, hosts, relay):
    """The policy outlives its record, and the servers that have it."""
    assert ask(server, "http10.sts.lab") == SECURE
    relay.set("ns1.sts.lab.", drop_types=["TXT"])
    wait_until(lambda: sts(server, "http10.sts.lab")["record"] == "failed", 20, "no record")
    assert ask(server, "http10.sts.lab") == SECURE


def test_it_runs_out(server, hosts):
    assert ask(server, "short-lived.sts.lab") == SECURE
    hosts.serve("short-lived.sts.lab", GONE)
    wait_until(lambda: ask(server, "short-lived.sts.lab").rstrip() == NOTFOUND, 20, "its end")
    one = sts(server, "short-lived.sts.lab")
    assert one["policy"] is None and one["failure"]["code"] == "http-status"


# ---- what dies ----

def kept(file, domain):
    """The file has that domain's policy."""
    labels = b"".join(bytes([len(p)]) + p.encode() for p in domain.split("."))
    return file.exists() and labels in file.read_bytes()


def killed(server, name):
    """One of its processes is killed, and there is another."""
    (pid,) = server.children(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.children(name) not in ([], [pid]), 10, f"another {name}")


def test_it_survives(hosts, tmp_path):
    """The policy host is gone meanwhile: whoever forgot it would send in the
    clear."""
    file = tmp_path / "policies"
    options = (f"mta-sts-file: {file}",)
    domain, other = "interim.sts.lab", "type-parameter.sts.lab"
    with new_server(hosts, *options) as server:
        assert ask(server, domain) == SECURE
        wait_until(lambda: kept(file, domain), 10, "the file")
        assert file.stat().st_mode & 0o777 == 0o600
        hosts.serve(domain, GONE)

        killed(server, "mxbound-front")
        wait_until(lambda: server.log().count("MTA-STS: 1 policies from") == 1, 10, "its policies")
        assert ask(server, domain) == SECURE

        killed(server, "mxbound-fetcher")
        assert ask(server, domain) == SECURE
        # And a new one fetches.
        wait_until(lambda: ask(server, other) == SECURE, 20, "a fetch")

        # A new version has them too, and the old one does not write once more.
        (front,) = server.fronts()
        wait_until(lambda: kept(file, other), 10, "the file")
        server.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: server.fronts() and front not in server.fronts(), 30, "a new version")
        assert ask(server, domain) == ask(server, other) == SECURE
        assert "MTA-STS: 2 policies from" in server.log()
    assert kept(file, domain) and kept(file, other)
    with new_server(hosts, *options) as server:
        assert ask(server, domain) == SECURE
        assert ask(server, other) == SECURE
        assert sts(server, domain)["policy"]["source"] == "cache"
    assert hosts.count(domain) == hosts.count(other) == 1

    # Damage costs one of them, and is told.
    octets = bytearray(file.read_bytes())
    octets[-1] ^= 1
    file.write_bytes(octets)
    hosts.serve(other, GONE)
    with new_server(hosts, *options) as server:
        assert "1 policies from" in server.log() and "1 damaged" in server.log()
        said = sorted(ask(server, d).rstrip() for d in (domain, other))
        assert said == sorted([SECURE, NOTFOUND])

    file.write_bytes(b"no policies")
    with new_server(hosts, *options) as server:
        assert "is not used: it holds no MTA-STS policies" in server.log()
        assert ask(server, domain).rstrip() == NOTFOUND


def test_the_fetcher_dies_with_a_fetch(server, hosts):
    """The next one begins it once more, and who waits does not notice."""
    domain = "unsaid.sts.lab"

    def silently(talk):
        hosts.serve(domain, reply(policy()))
        hosts.ending.wait(20)

    hosts.serve(domain, silently)
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(ask, server, domain)
        hosts.wait_for(lambda: hosts.count(domain) == 1, "the fetch")
        killed(server, "mxbound-fetcher")
        assert said.result() == SECURE
    assert hosts.count(domain) == 2
