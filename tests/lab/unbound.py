"""An Unbound daemon inside the lab, to compare with.

    with Unbound(port=5300) as unbound:
        dns.query.udp(message, unbound.address, port=unbound.port)
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import dns.exception
import dns.message
import dns.query

READY_S = 10
END_S = 5

CONFIG = """\
server:
    interface: {address}@{port}
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: "{folder}/log"
    num-threads: {threads}
    module-config: "validator iterator"
    root-hints: "{hints}"
    trust-anchor-file: "{anchor}"
    do-not-query-localhost: no
    minimal-responses: yes
    qname-minimisation: no
    rrset-roundrobin: no
    ede: yes
    edns-buffer-size: 1232
    outgoing-range: 4096
    num-queries-per-thread: 2048
    outgoing-num-tcp: 64
    incoming-num-tcp: 64
    msg-cache-size: 64m
    rrset-cache-size: 128m
    unblock-lan-zones: no
    val-log-level: 2
    discard-timeout: 0
    wait-limit: 0
{extra}
remote-control:
    control-enable: no
"""


class Unbound:
    """extra: more lines for the server: clause of its configuration."""

    def __init__(self, port=5300, address="127.0.0.1", extra="", threads=1):
        self.port, self.address, self.extra, self.threads = port, address, extra, threads

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="unbound-", dir=os.environ["LAB_DIR"]))
        config = self.folder / "unbound.conf"
        config.write_text(CONFIG.format(
            address=self.address, port=self.port, folder=self.folder, threads=self.threads,
            hints=os.environ["LAB_ROOT_HINTS"], anchor=os.environ["LAB_TRUST_ANCHOR"],
            extra=self.extra))
        self.process = subprocess.Popen(
            ["unbound", "-d", "-c", str(config)], stdin=subprocess.DEVNULL,
            stdout=open(self.folder / "output", "w"), stderr=subprocess.STDOUT)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                dns.query.udp(dns.message.make_query("localhost.", "A"), self.address,
                              port=self.port, timeout=0.2)
                return
            except (OSError, dns.exception.DNSException):
                time.sleep(0.02)
        self.stop()
        raise RuntimeError("unbound did not start:\n" + self.log())

    def log(self):
        return "".join((self.folder / name).read_text()[-4000:]
                       for name in ("output", "log") if (self.folder / name).exists())

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(END_S)
