"""mxbound as the tests see it: started in the lab, asked, stopped.

    with Mxbound("cache-size: 16m") as server:
        reply = server.ask("d000.lab.", "MX", do=True)

Every wait is bounded. Leaving the block stops the server and fails if it did
not end cleanly, if a sanitizer reported anything, or if its counters do not
add up.
"""

import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rdatatype

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MX_BUILD", "build")
SANITIZED = "address" in str(BUILD) or "thread" in str(BUILD)
# Sanitizers slow everything down; so do busy machines.
PATIENCE = 4 if SANITIZED else 1

READY_S = 10 * PATIENCE
END_S = 10 * PATIENCE
ANSWER_S = 6

REPORTS = re.compile(
    r"(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:)")

# Which counters partition the queries (include/mx_counters.h, class rows).
CLASSES = ("hits", "hits_stale", "hits_failure", "local", "joined", "misses", "rejected",
           "dropped", "rate_limited", "overloads")

LAB_OPTIONS = """\
root-hints: {hints}
trust-anchor-file: {anchor}
resolver-option: "do-not-query-localhost: no"
ipv6-upstream: no
user: root
log-level: info
control-socket: {control}
"""


def wait_until(condition, seconds, what):
    """Poll until condition() is true; its value. Who waits in vain waits as
    long as a busy machine may take; how fast something is, bench/ measures."""
    seconds = max(seconds, 10) * PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def free_port(address="127.0.0.1"):
    """Free for TCP and UDP, and below the ports that the kernel gives to
    clients: none of these may take it meanwhile."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        with socket.socket(socket.AF_INET) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((address, port))
                udp.bind((address, port))
                return port
            except OSError:
                pass
    raise OSError("no port is free")


class Mxbound:
    """options: lines of configuration, which replace those of LAB_OPTIONS."""

    def __init__(self, *options, listen=None, lab=True, expect_ready=True,
                 build=BUILD, port=None):
        self.port = port or free_port()
        self.listen = listen or [f"127.0.0.1@{self.port}",
                                 f"::1@{self.port}"]
        self.build = Path(build)
        self.holder = tempfile.TemporaryDirectory(prefix="mxbound-")  # goes with us
        self.folder = Path(self.holder.name)
        self.file = self.folder / "mxbound.conf"
        self.control = self.folder / "control.sock"
        self.log_file = self.folder / "log"
        self.process = None
        self.counters = None
        self.expect_ready = expect_ready
        self.lab = lab
        self.write(options)

    def write(self, options):
        keys = {line.split(":", 1)[0] for line in options}
        lines = [] if "listen" in keys else [f"listen: {a}" for a in self.listen]
        if self.lab:
            text = LAB_OPTIONS.format(hints=os.environ["LAB_ROOT_HINTS"],
                                      anchor=os.environ["LAB_TRUST_ANCHOR"],
                                      control=self.control)
            if "MX_SANDBOX" in os.environ:
                text += f"sandbox: {os.environ['MX_SANDBOX']}\n"
            lines += [line for line in text.splitlines()
                      if line.split(":", 1)[0] not in keys
                      or line.startswith("resolver-option")]
        self.file.write_text("\n".join(lines + list(options)) + "\n")

    # -- life --

    def start(self):
        before = len(self.log()) if self.log_file.exists() else 0     # of another start
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [self.build / "mxbound", "-c", self.file], stderr=log,
                stdout=log, stdin=subprocess.DEVNULL)
        if self.expect_ready:
            wait_until(lambda: "ready on" in self.log()[before:] or self.ended(),
                       READY_S, "ready")
            assert not self.ended(), self.log()
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def ended(self):
        return self.process.poll() is not None

    def stop(self, how=signal.SIGTERM):
        """Stop it and check what it leaves behind; the counters."""
        if not self.process:
            return None
        if not self.ended():
            self.process.send_signal(how)
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("did not end:\n" + self.log())
        log = self.log()
        self.process = None
        assert not REPORTS.search(log), log
        assert status == 0, f"ended with {status}\n{log}"
        found = re.findall(r"counters:(.*)", log)
        if found:
            self.counters = {k: int(v) for k, v in
                             re.findall(r"(\w+)=(\d+)", found[-1])}
            assert self.counters["queries"] == sum(
                self.counters[c] for c in CLASSES), self.counters
        return self.counters

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            try:
                self.stop()
            except AssertionError:
                pass
            print(self.log()[-20000:])

    # -- processes --

    def children(self, name):
        """Ids of its children whose program is called name."""
        pid = self.process.pid
        found = []
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                comm = Path(f"/proc/{child}/comm").read_text().strip()
            except OSError:
                continue
            if comm == name[:15]:
                found.append(int(child))
        return found

    def fronts(self):
        return self.children("mxbound-front")

    def resolvers(self):
        return self.children("mxbound-resolver")

    def fetchers(self):
        return self.children("mxbound-fetcher")

    # -- asking --

    def exchange(self, octets, tcp=False, v6=False, timeout=ANSWER_S):
        """Octets in, octets out; None if nothing came or the peer closed."""
        family = socket.AF_INET6 if v6 else socket.AF_INET
        to = ("::1" if v6 else "127.0.0.1", self.port)
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(family, kind) as s:
            s.settimeout(timeout)
            s.connect(to)
            try:
                if not tcp:
                    s.send(octets)
                    return s.recv(65535)
                s.sendall(struct.pack("!H", len(octets)) + octets)
                return read_message(s)
            except (socket.timeout, ConnectionError):
                return None

    def ask(self, name, rdtype="MX", do=False, ad=False, cd=False, rd=True,
            edns=True, payload=1232, tcp=False, v6=False, retry_tcp=True,
            timeout=ANSWER_S):
        """A query made and its reply read by dnspython, which checks both.
        Over UDP a truncated reply is asked again over TCP, as clients do."""
        query = dns.message.make_query(
            name, rdtype, use_edns=0 if edns or do else -1,
            want_dnssec=do, payload=payload)
        query.flags = dns.flags.Flag(0)
        for wanted, flag in ((rd, dns.flags.RD), (ad, dns.flags.AD),
                             (cd, dns.flags.CD)):
            if wanted:
                query.flags |= flag
        octets = self.exchange(query.to_wire(), tcp, v6, timeout)
        assert octets is not None, f"no reply to {name} {rdtype}"
        reply = dns.message.from_wire(octets, raise_on_truncation=False)
        assert query.is_response(reply), (query, reply)
        if reply.flags & dns.flags.TC and not tcp and retry_tcp:
            return self.ask(name, rdtype, do, ad, cd, rd, edns, payload, True,
                            v6, timeout=timeout)
        return reply


def read_message(s):
    """One TCP message, or None at end of file."""
    def octets(count):
        data = b""
        while len(data) < count:
            more = s.recv(count - len(data))
            if not more:
                return None
            data += more
        return data

    length = octets(2)
    return length and octets(struct.unpack("!H", length)[0])


def ede(reply):
    """INFO-CODEs of a reply's Extended DNS Errors."""
    return [option.code for option in reply.options
            if isinstance(option, dns.edns.EDEOption)]


def rrs(section):
    """A section as a set of RRs, without TTLs: what must be equal."""
    return {(rrset.name.canonicalize().to_text(), rrset.rdtype, rr.to_text())
            for rrset in section for rr in rrset}
