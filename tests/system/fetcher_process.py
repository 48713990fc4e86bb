"""mxbound-fetcher, played with: the test is its supervisor and its front.

    with Fetcher({"mta-sts-ca-file": ...}) as fetcher:
        answer = fetcher.fetch("enforce.sts.lab", "198.18.44.1")
        assert answer.word == "ok" and answer.text == ...

Every wait ends; what is waited for and missing is an error that says so.
"""

import array
import ipaddress
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from mxbound import BUILD, PATIENCE, REPORTS, ROOT

PROGRAM = BUILD / "mxbound-fetcher"
CONFIG, GO, READY, HEARTBEAT, FETCHER = 1, 5, 7, 8, 15
WAIT_S = 20 * PATIENCE

# The table in include/mx_fetch.h, in its order.
WORDS = re.findall(r'^\tX\([A-Z_]+, "([a-z-]+)"', (ROOT / "include/mx_fetch.h").read_text(), re.M)

Answer = namedtuple("Answer", "id word detail text")


def pack_request(ident, domain, addresses):
    parts = [struct.pack("!IB", ident, len(domain)), domain.encode(),
             bytes([len(addresses)])]
    for address in map(ipaddress.ip_address, addresses):
        parts += [bytes([address.version]), address.packed]
    return b"".join(parts)


def unpack_answer(octets):
    ident, result, detail_len = struct.unpack_from("!IBH", octets)
    detail = octets[7:7 + detail_len].decode("ascii")
    return Answer(ident, WORDS[result], detail, octets[7 + detail_len:])


class Fetcher:
    """A running fetcher. config: key to value. It is waited for until it is ready."""

    def __init__(self, config=(), env=None, limits=None):
        lines = {"user": "root", "mta-sts-private": "yes", "log-level": "info", **dict(config)}
        self.config = "".join(f"{k}: {v}\n" for k, v in lines.items()).encode()
        self.control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(WAIT_S)
        self.log_file = tempfile.TemporaryFile()
        self.next_id = 1
        self.early = {}
        self.beats = 0
        self.process = self._start(there, env, limits)
        there.close()
        self._hand_over()

    def _start(self, there, env, limits):
        # Descriptor 3 of the child, wherever the pair is here.
        parked = os.dup2(there.fileno(), 100)

        def in_child():
            os.dup2(parked, 3)
            os.set_inheritable(3, True)
            if limits:
                limits()

        try:
            return subprocess.Popen([PROGRAM], stdin=subprocess.DEVNULL, stderr=self.log_file,
                                    pass_fds=(3,), preexec_fn=in_child, env=env)
        finally:
            os.close(parked)

    def _send(self, kind, fd=None):
        ancillary = [] if fd is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.control.sendmsg([struct.pack("=III", kind, 0, 0)], ancillary)

    def _hand_over(self):
        memory = os.memfd_create("config")
        os.write(memory, self.config)
        self._send(CONFIG, memory)
        os.close(memory)
        self.pair = self.new_pair()
        self._send(GO)
        self.wait_control(READY)

    def new_pair(self):
        """The front's end of a pair that replaces the one before."""
        front, fetcher = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._send(FETCHER, fetcher.fileno())
        fetcher.close()
        return front

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode(errors="replace")

    def wait_control(self, kind):
        """The next message of that kind."""
        while True:
            octets = self.control.recv(64)
            assert octets, "it has ended:\n" + self.log()
            got, _, _ = struct.unpack("=III", octets)
            self.beats += got == HEARTBEAT
            if got == kind:
                return

    # -- asking --

    def send(self, domain, *addresses):
        ident, self.next_id = self.next_id, self.next_id + 1
        self.pair.send(pack_request(ident, domain, addresses))
        return ident

    def receive(self, timeout=WAIT_S):
        """The next answer, whichever; None after the timeout."""
        if not select.select([self.pair], [], [], timeout)[0]:
            return None
        octets = self.pair.recv(70000)
        assert octets, "it has closed the pair:\n" + self.log()
        return unpack_answer(octets)

    def wait(self, ident, timeout=WAIT_S):
        deadline = time.monotonic() + timeout
        while ident not in self.early:
            answer = self.receive(max(0, deadline - time.monotonic()))
            assert answer, f"no answer in {timeout} s:\n{self.log()}"
            self.early[answer.id] = answer
        return self.early.pop(ident)

    def fetch(self, domain, *addresses, timeout=WAIT_S):
        return self.wait(self.send(domain, *addresses), timeout)

    # -- what it has --

    def memory_kib(self):
        """The most it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor_s(self):
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.control.shutdown(socket.SHUT_RDWR)
        try:
            status = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise
        self.control.close()
        self.pair.close()
        if exc[0] is None:
            assert status == 0 and not REPORTS.search(self.log()), self.log()
        else:
            print(self.log()[-5000:])
