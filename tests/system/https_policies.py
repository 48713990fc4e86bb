"""The policy hosts of the lab: HTTPS servers for MTA-STS, good ones and others.

    with PolicyHosts(folder) as hosts:            # inside the lab
        ... mta-sts-ca-file: {hosts.ca_file}, mta-sts-private: yes ...
        hosts.serve("enforce.sts.lab", reply(policy("testing")))
        assert hosts.count("enforce.sts.lab") == 1

Each mail domain is NAME.sts.lab (tests/lab/sts.py has them), with mx.sts.lab,
198.18.44.25, as its mail host; BEHAVIOURS says what its policy host does. All
others, healthy.lab among them, have a good policy for *.DOMAIN. That a policy's
id changes is for the relay: relay.set("ns1.sts.lab.", rewrite="sts-id-2").

Addresses, none of them public, and with 198.18.44.0/24 local meanwhile:

    198.18.44.1, 2001:2:0:44::1    all that speak TLS, told apart by SNI
    198.18.44.2                    refuses connections
    198.18.44.3                    drops them: it never answers a SYN
    198.18.44.4                    accepts, and says nothing
    198.18.44.5                    speaks HTTP without TLS
    198.18.44.6                    accepts, and closes
    198.18.44.7                    has no TLS above 1.1
    198.18.0.9                     as 44.1, for healthy.lab

Certificates are of a CA made for the occasion, with the openssl command. What is
asked and what is connected to is kept: `requests`, `connections`.
"""

import gzip
import socket
import ssl
import subprocess
import threading
import warnings
from collections import namedtuple
from pathlib import Path

from lab.sts import ADDRESSES, CLOSES, DROPS, GOOD, GOOD6, MUTE, NAMES, OLD, PLAIN

HEALTHY = "198.18.0.9"
NETWORKS = (("-4", "198.18.44.0/24"), ("-4", f"{HEALTHY}/32"), ("-6", "2001:2:0:44::/64"))
PORT = 443
IP_FREEBIND = 15                   # Python does not name it
TEXT_MAX = 65536                   # RFC 8461 section 3.3
WAIT_S = 60                        # no connection lasts longer

Request = namedtuple("Request", "domain address line headers")


# ---- what is said ----

def policy(mode="enforce", mx=("mx.sts.lab",), max_age=86400):
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {m}" for m in mx), f"max_age: {max_age}"]
    return "".join(line + "\r\n" for line in lines).encode()


def reply(body, status="200 OK", kind="text/plain", headers=(), version="HTTP/1.1"):
    """Octets of an answer; kind None: without Content-Type."""
    lines = [f"{version} {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def of_length(octets):
    """A policy that long, with a key that nobody knows."""
    text = policy() + b"filler: "
    return text + b"x" * (octets - len(text) - 2) + b"\r\n"


def chunked(body, size=7):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def head(*lines):
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/plain", *lines, ""]).encode()


# Functions of a conversation: they end when the client goes, or the server.

def slowly(talk):
    """An octet at a time, and never the last one."""
    talk.send(head("Content-Length: 60000") + b"\r\n")
    while not talk.over(0.1):
        talk.send(b"x")


def slow_headers(talk):
    talk.send(b"HTTP/1.1 200 OK\r\nX: ")
    while not talk.over(0.1):
        talk.send(b"x")


def silent(talk):
    """Not a word after the request."""
    talk.wait_for_end()


def endless(talk):
    """A body without length or end, as fast as it is taken."""
    talk.send(head() + b"\r\n")
    while not talk.over(0):
        talk.send(b"x" * 16384)


def endless_chunks(talk):
    talk.send(head("Transfer-Encoding: chunked") + b"\r\n")
    while not talk.over(0):
        talk.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def endless_headers(talk):
    talk.send(head())
    while not talk.over(0):
        talk.send(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_header(talk):
    talk.send(head() + b"X-Long: ")
    while not talk.over(0):
        talk.send(b"x" * 16384)


def endless_interim(talk):
    while not talk.over(0):
        talk.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


def endless_extension(talk):
    """Of a chunk, whose octets no client counts (RFC 9112 section 7.1.1)."""
    talk.send(head("Transfer-Encoding: chunked") + b"\r\n3;")
    while not talk.over(0):
        talk.send(b"x" * 16384)


def trailers_without_end(talk):
    talk.send(chunked(policy())[:-2])
    while not talk.over(0):
        talk.send(b"X-More: " + b"x" * 1000 + b"\r\n")


def redirected(code):
    # To where a good policy is: a client that follows gets one.
    where = "https://mta-sts.enforce.sts.lab/.well-known/mta-sts.txt"
    return reply(policy(), f"{code} There", headers=[f"Location: {where}"])


BOMB = gzip.compress(b"x" * 50_000_000)

# Of the mail domain NAME.sts.lab, after TLS: octets or a function. Those that are
# not here have a good policy, which may be hard to get.
BEHAVIOURS = {
    "enforce": reply(policy()),
    "testing": reply(policy("testing")),
    "none": reply(policy("none", mx=())),
    "wildcard": reply(policy(mx=["*.sts.lab"])),
    "mismatch": reply(policy(mx=["other.sts.lab"])),
    "short-lived": reply(policy(max_age=3)),
    "changing": reply(policy()),             # the zone's id changes: see domains.py
    "invalid": reply(b"this is no policy\r\n"),
    "empty": reply(b""),
    "binary": reply(bytes(range(256))),
    "longest": reply(of_length(TEXT_MAX)),
    "over": reply(of_length(TEXT_MAX + 1)),
    "huge": reply(of_length(10_000_000)),
    "over-unsaid": head("Connection: close") + b"\r\n" + of_length(TEXT_MAX + 1),
    "unsaid": head("Connection: close") + b"\r\n" + policy(),
    "unsaid-cut": head("Connection: close") + b"\r\n" + policy(),
    "endless": endless,
    "endless-chunks": endless_chunks,
    "endless-headers": endless_headers,
    "endless-header": endless_header,
    "endless-interim": endless_interim,
    "endless-extension": endless_extension,
    "endless-trailers": trailers_without_end,
    "slow": slowly,
    "slow-headers": slow_headers,
    "silent": silent,
    "redirect": redirected(301),
    "redirect-302": redirected(302),
    "redirect-307": redirected(307),
    "choices": redirected(300),
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
    "created": reply(policy(), "201 Created"),
    "no-content": b"HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n",
    "partial": reply(policy(), "206 Partial Content", headers=["Content-Range: bytes 0-5/6"]),
    "unauthorised": reply(policy(), "401 Unauthorized",
                          headers=['WWW-Authenticate: Basic realm="x"', "Set-Cookie: a=b"]),
    "not-found": reply(b"no\r\n", "404 Not Found"),
    "error": reply(b"no\r\n", "500 Internal Server Error"),
    "wrong-type": reply(policy(), kind="text/html; charset=utf-8"),
    "longer-type": reply(policy(), kind="text/plainer"),
    "no-type": reply(policy(), kind=None),
    "type-parameter": reply(policy(), kind="Text/PLAIN ; charset=utf-8"),
    "chunked": chunked(policy()),
    "http10": reply(policy(), version="HTTP/1.0"),
    "interim": b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n" + reply(policy()),
    "gzip": reply(gzip.compress(policy()), headers=["Content-Encoding: gzip"]),
    "bomb": reply(BOMB, headers=["Content-Encoding: gzip"]),
    "cookie": reply(policy(), headers=["Set-Cookie: a=b; Domain=sts.lab; Path=/",
                                       "Strict-Transport-Security: max-age=1000",
                                       'Alt-Svc: h2="198.18.44.2:443"; ma=1000']),
    "closes": b"",
    "closes-in-headers": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "closes-in-body": reply(policy())[:-10],
    "closes-in-chunk": chunked(policy())[:-20],
    "no-http": b"220 mx.sts.lab ESMTP\r\n",
    "http09": policy(),
    "two-lengths": head("Content-Length: 5", "Content-Length: 7") + b"\r\n" + policy(),
}
GOOD_POLICY = reply(policy())

# After which the connection ends without TLS having been told so.
ABRUPT = {"unsaid-cut", "closes", "closes-in-chunk"}
assert set(BEHAVIOURS) <= set(NAMES)


# ---- certificates ----

class Authority:
    """A CA, and what it says about names."""

    def __init__(self, folder, name):
        self.folder = Path(folder)
        self.key = self.folder / f"{name}.key"
        self.file = self.folder / f"{name}.pem"
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        self.openssl("req", "-x509", "-key", self.key, "-subj", f"/CN={name}", "-days", "2",
                     "-out", self.file)

    @staticmethod
    def openssl(*command):
        subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=30)

    def issue(self, name, dns, days=2):
        """File of a certificate, and its key, for those host names; name is its
        subject's."""
        names_file, request = self.folder / f"{name}.ext", self.folder / f"{name}.csr"
        certificate, both = self.folder / f"{name}.crt", self.folder / f"{name}.both"
        names_file.write_text("subjectAltName=" + ",".join(f"DNS:{d}" for d in dns) + "\n")
        self.openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name}", "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                     "-CAcreateserial", "-days", str(days),
                     *(["-extfile", names_file] if dns else []), "-out", certificate)
        both.write_text(self.key.read_text() + certificate.read_text())
        return both


def context_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


# ---- the servers ----

class Talk:
    """One connection after TLS."""

    def __init__(self, hosts, sock, address):
        self.hosts, self.sock, self.address = hosts, sock, address

    def request(self):
        data = b""
        while b"\r\n\r\n" not in data and len(data) < 65536:
            more = self.sock.recv(4096)
            if not more:
                return None
            data += more
        line, *headers = data.decode("latin-1").split("\r\n")
        return Request(self.sock.domain, self.address, line, headers[:-2])

    def send(self, octets):
        self.sock.sendall(octets)

    def over(self, seconds):
        """Whether the server ends, after so long."""
        return self.hosts.ending.wait(seconds)

    def wait_for_end(self):
        try:
            while self.sock.recv(4096):
                pass
        except OSError:
            pass


class PolicyHosts:
    """with PolicyHosts(folder): the policy hosts of the lab are there. more:
    mail domains beside those below sts.lab whose host has a certificate."""

    def __init__(self, folder, more=("healthy.lab",)):
        self.folder = Path(folder)
        self.domains = [f"{name}.sts.lab" for name in (*NAMES, *ADDRESSES, "alias")] + list(more)
        self.ending = threading.Event()
        self.changed = threading.Condition()
        self.requests = []          # of Request
        self.connections = []       # (address, SNI or None), when TLS begins
        self.served = {}
        self.listeners = []
        self._certify()

    def _certify(self):
        mine = Authority(self.folder, "lab-ca")
        other = Authority(self.folder, "other-ca")
        self.ca_file = mine.file
        self.context = context_of(mine.issue("good", [f"mta-sts.{d}" for d in self.domains]))
        self.context.sni_callback = self._choose

        def name(which):
            return f"mta-sts.{which}.sts.lab"

        self.contexts = {
            "wrong-name": context_of(mine.issue("wrong", [name("enforce"), "wrong-name.sts.lab"])),
            "parent-name": context_of(mine.issue("parent", ["*.sts.lab"])),
            "no-san": context_of(mine.issue(name("no-san"), [])),
            "expired": context_of(mine.issue("expired", [name("expired")], days=-1)),
            "unknown-ca": context_of(other.issue("unknown", [name("unknown-ca")])),
        }
        own = Authority(self.folder, name("self-signed"))
        both = self.folder / "self.both"
        both.write_text(own.key.read_text() + own.file.read_text())
        self.contexts["self-signed"] = context_of(both)
        self.old_context = context_of(self.folder / "good.both")
        with warnings.catch_warnings(action="ignore"):     # that nobody should use it
            self.old_context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.old_context.set_ciphers("DEFAULT@SECLEVEL=0")
        self.old_context.sni_callback = self._choose

    # -- for tests --

    def serve(self, domain, behaviour):
        """Octets or a function in place of what the host of this mail domain
        says; None: as before."""
        self.served[domain] = behaviour

    def count(self, domain):
        with self.changed:
            return sum(r.domain == domain for r in self.requests)

    def forget(self):
        with self.changed:
            self.requests.clear()
            self.connections.clear()

    def wait_for(self, test, what, seconds=20):
        """Until test() is true, looked at when something is asked."""
        with self.changed:
            assert self.changed.wait_for(test, seconds), f"not within {seconds} s: {what}"

    # -- inside --

    def _choose(self, sock, server_name, _):
        name = server_name or ""
        sock.domain = name[len("mta-sts."):] if name.startswith("mta-sts.") else name
        with self.changed:
            self.connections.append((sock.getsockname()[0], server_name))
            self.changed.notify_all()
        which = sock.domain.removesuffix(".sts.lab")
        if which in self.contexts:
            sock.context = self.contexts[which]

    def _behaviour(self, domain):
        served = self.served.get(domain)
        if served is not None:
            return served
        if domain.endswith(".sts.lab"):
            return BEHAVIOURS.get(domain.removesuffix(".sts.lab"), GOOD_POLICY)
        return reply(policy(mx=[f"*.{domain}"]))

    def _speak(self, sock, address):
        context = self.old_context if address == OLD else self.context
        with context.wrap_socket(sock, server_side=True) as tls:
            talk = Talk(self, tls, address)
            request = talk.request()
            if request is None:
                return
            with self.changed:
                self.requests.append(request)
                self.changed.notify_all()
            behaviour = self._behaviour(tls.domain)
            if callable(behaviour):
                behaviour(talk)
            else:
                talk.send(behaviour)
            if tls.domain.removesuffix(".sts.lab") not in ABRUPT:
                tls.unwrap()

    def _serve(self, sock, address):
        sock.settimeout(WAIT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if address in (GOOD, GOOD6, HEALTHY, OLD):
                self._speak(sock, address)
                return
            with self.changed:
                self.connections.append((address, None))
                self.changed.notify_all()
            if address == PLAIN:
                sock.sendall(GOOD_POLICY)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(4096)
            elif address == MUTE:
                while sock.recv(4096):
                    pass
        except OSError:
            pass        # the client has gone, as it does when it has seen enough
        finally:
            sock.close()

    def _accept(self, listener, address):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, address), daemon=True).start()

    def _listen(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A local network is enough for IPv4; IPv6 wants to be told.
        listener.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        listener.bind((address, PORT))
        listener.listen(64 if address != DROPS else 0)
        self.listeners.append(listener)
        return listener

    def _fill(self, address):
        """Its queue is full for good, so that the kernel drops what comes."""
        self._listen(address)
        for _ in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((address, PORT))
            self.listeners.append(waiting)

    @staticmethod
    def _route(what, check):
        for family, network in NETWORKS:
            subprocess.run(["ip", family, "route", what, "local", network, "dev", "lo"],
                           check=check, timeout=10, capture_output=not check)

    def __enter__(self):
        self._route("replace", True)
        for address in (GOOD, GOOD6, HEALTHY, MUTE, PLAIN, CLOSES, OLD):
            threading.Thread(target=self._accept, args=(self._listen(address), address),
                             daemon=True).start()
        self._fill(DROPS)
        return self

    def __exit__(self, *_):
        self.ending.set()
        for listener in self.listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)     # wakes who accepts
            except OSError:
                pass
            listener.close()
        self._route("delete", False)
