"""What http-listen answers, to whom, and what it bears."""

import http.client
import json
import re
import signal
import socket

import pytest

from mxbound import Mxbound, free_port, wait_until
from test_ctl import VALIDATOR, ctl
from test_status import result, stats

CONNECTIONS_MAX = 64


@pytest.fixture(scope="module")
def server():
    port = free_port()
    with Mxbound("mail-prefetch: no", f"http-listen: 127.0.0.1@{port}", "http-host: mail.example.com",
                 "access-control: 127.0.0.1/32 allow", "access-control: ::1/128 allow") as running:
        running.http = port
        running.ask("healthy.lab", "MX")
        running.ask("healthy.lab", "MX")
        running.ask("healthy.lab", "MX", tcp=True)
        running.ask("bogus.alias.lab", "MX")
        yield running


def get(server, path, method="GET", source=None, **headers):
    """Status, headers and text."""
    conn = http.client.HTTPConnection("127.0.0.1", server.http, timeout=40,
                                      source_address=source and (source, 0))
    conn.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    reply = conn.getresponse()
    text = reply.read().decode("ascii")
    conn.close()
    return reply.status, reply.headers, text


# ---- the metrics ----

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def metrics(text):
    """Samples by name and labels, of a text that is held against the rules of the
    format and of what promtool calls good names."""
    assert text.endswith("\n")
    samples, kinds, helped, group = {}, {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert words and name not in helped, line
            helped.add(name)
            continue
        if line.startswith("# TYPE "):
            group, kind = line[7:].split(" ")
            assert group in helped and group not in kinds, line
            assert kind in ("counter", "gauge", "histogram"), line
            assert re.fullmatch(r"mxbound_[a-z_]+", group) and "__" not in group
            assert (kind == "counter") == group.endswith("_total"), line
            kinds[group] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        base = re.sub("_(bucket|sum|count)$", "", name) if kinds[group] == "histogram" else name
        assert base == group, line          # all samples of a metric stand together
        found = dict(LABEL.findall(labels or ""))
        assert LABEL.sub("", labels or "") == "", line
        key = name, frozenset(found.items())
        assert key not in samples, line
        samples[key] = float(value)
    for group, kind in kinds.items():
        if kind == "histogram":
            check_histogram(group, samples)
    return samples


def check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            labels = dict(labels)
            bound = float(labels.pop("le"))
            series.setdefault(frozenset(labels.items()), []).append((bound, value))
    assert series
    for labels, buckets in series.items():
        values = [value for _, value in buckets]
        assert buckets == sorted(buckets) and values == sorted(values)
        assert buckets[-1][0] == float("inf")
        assert samples[f"{name}_count", labels] == values[-1]
        assert samples[f"{name}_sum", labels] >= 0


def test_metrics(server):
    status, headers, text = get(server, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = metrics(text)
    said = stats(server)
    for name, value in said.items():
        if (f"mxbound_{name}_total", frozenset()) in found:
            assert found[f"mxbound_{name}_total", frozenset()] == value, name
    assert found["mxbound_queries_total", frozenset()] == said["queries"] >= 4
    assert found["mxbound_transport_queries_total", frozenset({("transport", "tcp")})] == 1
    assert found["mxbound_validations_total", frozenset({("state", "bogus")})] >= 1
    assert sum(v for (name, _), v in found.items() if name == "mxbound_ede_sent_total") >= 1
    hits = frozenset({("class", "hit"), ("type", "MX")})
    assert found["mxbound_answer_duration_seconds_count", hits] == said["latency_hit_MX_count"] >= 2
    assert 0 < found["mxbound_cache_bytes", frozenset()] \
        < found["mxbound_cache_limit_bytes", frozenset()]
    assert found["mxbound_resolver_up", frozenset({("resolver", "0")})] == 1
    assert found["mxbound_self_test", frozenset({("result", "secure")})] == 1


def test_names_make_no_series(server):
    """Whatever is asked for, there are as many series as before."""
    before = set(metrics(get(server, "/metrics")[2]))
    for number in range(20):
        server.ask(f'evil{number}\\"\\010.lab', "MX")
    after = set(metrics(get(server, "/metrics")[2]))
    assert {name for name, _ in after} == {name for name, _ in before}
    assert len(after) <= len(before) + 5 * 7 * 24


# ---- the other pages ----

def test_health(server):
    assert get(server, "/healthz")[::2] == (200, "ok\n")
    assert get(server, "/readyz")[::2] == (200, "ready\n")
    assert get(server, "/nothing")[0] == get(server, "/")[0] == 404
    assert json.loads(get(server, "/status")[2])["ready"] is True


@pytest.mark.parametrize("path, destination", (
    ("healthy.lab", "healthy.lab"), ("%5bmx1.healthy.lab%5d:587", "[mx1.healthy.lab]:587"),
    ("nosuch.lab", "nosuch.lab"),
))
def test_route_and_policy(server, path, destination):
    status, headers, text = get(server, f"/route/{path}")
    assert status == 200 and headers["Content-Type"] == "application/json"
    route = json.loads(text)
    VALIDATOR.validate(route)
    same = json.loads(ctl(server, "route", "--json", destination).stdout)
    assert (route["outcome"], route["tls_least"]) == (same["outcome"], same["tls_least"])
    policy = json.loads(get(server, f"/policy/{path}")[2])
    assert policy["destination"] == destination
    assert policy["policy"] == result(server, "policy", destination)["policy"]


@pytest.mark.parametrize("path", ("", "a%20b", "%00", "%ff", "a..b", "x" * 2000, "%1b%5b2J"))
def test_what_is_no_destination(server, path):
    status, headers, text = get(server, f"/route/{path}")
    assert status == 400 and json.loads(text)["error"]["code"]
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_names_are_sent_as_json(server):
    """A name may have such characters; no browser takes it for anything else."""
    status, headers, text = get(server, "/route/%3cscript%3ealert(1)%3c%2fscript%3e")
    assert status in (200, 400) and headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff" and json.loads(text)


# ---- who may ask, and how ----

@pytest.mark.parametrize("host, status", (
    ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1", 200), ("[::1]:8053", 200),
    ("mail.example.com:9", 200), ("mail.example.com.", 200), ("evil.example", 421), ("", 421),
    ("localhost.evil.example", 421), ("[::1", 421), ("127.0.0.1.evil.example", 421),
))
def test_host(server, host, status):
    assert get(server, "/healthz", Host=host)[0] == status


def test_no_host(server):
    assert raw(server, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 421 ")


def test_other_sites(server):
    assert get(server, "/metrics", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")[0] == 403
    assert get(server, "/healthz", Sec_Fetch_Site="same-origin")[0] == 200
    assert get(server, "/healthz", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200
    assert "Access-Control-Allow-Origin" not in get(server, "/metrics")[1]


def test_methods(server):
    whole = get(server, "/healthz")
    status, headers, text = get(server, "/healthz", "HEAD")
    assert (status, text) == (200, "") and headers["Content-Length"] == str(len(whole[2]))
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert get(server, "/healthz", method)[0] in (405, 501), method


def test_access_control(server):
    assert get(server, "/healthz", source="127.0.0.1")[0] == 200
    assert get(server, "/healthz", source="127.0.0.2")[0] == 403


def raw(server, octets):
    """All that is said to it before the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.http), timeout=40) as s:
        s.sendall(octets)
        s.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while more := s.recv(65536):
                said += more
        except ConnectionResetError:
            pass
        return said


@pytest.mark.parametrize("octets", (
    b"", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\1\0\1\xfc",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 100000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    b"GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
))
def test_garbage(server, octets):
    said = raw(server, octets)
    assert b" 200 " not in said[:20], said[:200]
    assert get(server, "/healthz")[0] == 200


def test_many_connections(server):
    """Past the bound they wait; those who hold them do not keep DNS from being
    answered; and when they go, who waited is served."""
    held = [socket.create_connection(("127.0.0.1", server.http), timeout=30)
            for _ in range(CONNECTIONS_MAX + 20)]
    held[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    held[-1].settimeout(0.5)
    with pytest.raises(TimeoutError):
        held[-1].recv(100)
    server.ask("healthy.lab", "MX")
    for s in held[:-1]:
        s.close()
    held[-1].settimeout(30)
    assert held[-1].recv(100).startswith(b"HTTP/1.1 200 ")
    held[-1].close()
    assert get(server, "/healthz")[0] == 200


def test_who_goes_away(server):
    """While a route is worked out whose name servers never answer."""
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", server.http), timeout=30) as s:
            s.sendall(b"GET /route/dead.lab HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert get(server, "/route/healthy.lab")[0] == 200


def test_unix_socket_and_takeover(tmp_path):
    """Its file's mode decides; and a new version goes on at the same file."""
    path = tmp_path / "http.sock"

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(path))
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said = b""
            while more := s.recv(4096):
                said += more
            return said

    with Mxbound(f"http-listen: {path}") as running:
        assert ask().startswith(b"HTTP/1.1 200 ")
        assert path.stat().st_mode & 0o7 == 0
        front = running.fronts()
        running.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: "taken over by" in running.log() and
                   set(running.fronts()).isdisjoint(front), 30, "taken over")
        assert ask().startswith(b"HTTP/1.1 200 ")
    assert not path.exists()


