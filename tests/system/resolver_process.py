"""mxbound-resolver, played with: the test is its supervisor and its front.

    with Resolver({"root-hints": ..., "resolver-option": [...]}) as r:
        r.wait_ready()
        answer = r.ask("healthy.lab.", "MX")
        assert answer.secure and answer.message.answer

Every wait ends; what is waited for and missing is an error that says so.
"""

import array
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rdatatype

BUILD = Path(os.environ.get("MX_BUILD", "build")).resolve()
PROGRAM = BUILD / "mxbound-resolver"

CONFIG, CHANNEL, GO, READY, HEARTBEAT, IPV6 = 1, 4, 5, 7, 8, 9
ANSWER, FAILED, REFUSED = 0, 1, 2
INDETERMINATE, INSECURE, BOGUS, SECURE = range(4)
NONE = 0xffffffff
WAIT_S = 20


@dataclass
class Answer:
    id: int
    status: int
    state: int
    why: str
    packet: bytes

    @property
    def message(self):
        return dns.message.from_wire(self.packet)

    @property
    def secure(self):
        return self.status == ANSWER and self.state == SECURE

    @property
    def bogus(self):
        return self.status == ANSWER and self.state == BOGUS

    @property
    def insecure(self):
        return self.status == ANSWER and self.state == INSECURE

    @property
    def rcode(self):
        return dns.rcode.to_text(self.message.rcode())

    @property
    def ad(self):
        return bool(self.message.flags & dns.flags.AD)

    def rrset(self, rdtype):
        rdtype = dns.rdatatype.from_text(rdtype)
        return [rr.to_text() for rrset in self.message.answer
                if rrset.rdtype == rdtype for rr in rrset]


def wire(name):
    return name if isinstance(name, bytes) else dns.name.from_text(name).to_wire()


def pack_question(ident, name, rdtype, rdclass=1):
    rdtype = rdtype if isinstance(rdtype, int) else dns.rdatatype.from_text(rdtype)
    return struct.pack("!IHH", ident, rdtype, rdclass) + wire(name)


def unpack_answer(octets):
    ident, status, state, why_len = struct.unpack_from("!IBBH", octets)
    why = octets[8:8 + why_len].decode("ascii", "backslashreplace")
    return Answer(ident, status, state, why, octets[8 + why_len:])


def split(octets):
    """The answers in a datagram."""
    while octets:
        length, = struct.unpack_from("!I", octets)
        assert 4 + length <= len(octets)
        yield unpack_answer(octets[4:4 + length])
        octets = octets[4 + length:]


class Channel:
    """The front's end of a pair."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.setblocking(False)
        self.next_id = 1
        self.early = {}
        self.read = []                 # of the last datagram, not taken yet

    def send(self, name, rdtype, rdclass=1, wait=True):
        """Ask. While the socket is full answers are read, as a front does:
        the resolver takes no question as long as its answers are not taken."""
        ident, self.next_id = self.next_id, self.next_id + 1
        question = pack_question(ident, name, rdtype, rdclass)
        while True:
            try:
                self.sock.send(question)
                return ident
            except BlockingIOError:
                if not wait:
                    self.next_id = ident
                    raise
                readable, writable, _ = select.select([self.sock], [self.sock], [], WAIT_S)
                assert readable or writable, "neither answers nor takes questions"
                if readable:
                    answer = self.receive()
                    self.early[answer.id] = answer

    def any(self, timeout=WAIT_S):
        """An answer, whichever; None after the timeout."""
        return self.early.popitem()[1] if self.early else self.receive(timeout)

    def receive(self, timeout=WAIT_S):
        """The next answer from the socket; None after the timeout."""
        if self.read:
            return self.read.pop(0)
        if not select.select([self.sock], [], [], max(timeout, 0))[0]:
            return None
        octets = self.sock.recv(70000)
        if not octets:
            raise EOFError("the resolver closed the channel")
        self.read = list(split(octets))
        return self.read.pop(0)

    def wait(self, ident, timeout=WAIT_S):
        """The answer to a question; None after the timeout."""
        deadline = time.monotonic() + timeout
        while ident not in self.early:
            left = deadline - time.monotonic()
            answer = self.receive(left) if left > 0 else None
            if answer is None:
                return None
            self.early[answer.id] = answer
        return self.early.pop(ident)

    def ask(self, name, rdtype, timeout=WAIT_S, rdclass=1):
        answer = self.wait(self.send(name, rdtype, rdclass), timeout)
        assert answer is not None, f"no answer to {name} {rdtype} in {timeout} s"
        return answer

    def close(self):
        self.sock.close()


class Resolver:
    """A running resolver. config: key to value, or list of values."""

    def __init__(self, config=(), workers=1, index=0, ipv6=None, lab=True,
                 env=None, limits=None):
        self.index = index
        self.seen = []                 # (seconds, type, a) from the resolver
        self.beats = []
        self.changed = threading.Condition()
        self.config = self._config(dict(config), lab)
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = here
        self.started = time.monotonic()
        self.process = self._start(there, env, limits)
        there.close()
        self.log_lines = []
        self.log_reader = threading.Thread(target=self._read_log, daemon=True)
        self.log_reader.start()
        self._hand_over(ipv6, workers)
        threading.Thread(target=self._listen, daemon=True).start()

    @staticmethod
    def _config(config, lab):
        config.setdefault("user", "root")      # of the lab's user namespace
        if lab:
            config.setdefault("root-hints", os.environ["LAB_ROOT_HINTS"])
            config.setdefault("trust-anchor-file", os.environ["LAB_TRUST_ANCHOR"])
            config["resolver-option"] = (["do-not-query-localhost: no"] +
                                         list(config.get("resolver-option", [])))
        lines = []
        for key, value in config.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{key}: {one}\n")
        return "".join(lines).encode()

    def _start(self, there, env, limits):
        # Descriptor 3 of the child, wherever the pair is here.
        parked = os.dup2(there.fileno(), 100)

        def in_child():
            os.dup2(parked, 3)
            os.set_inheritable(3, True)
            if limits:
                limits()

        try:
            return subprocess.Popen([PROGRAM], stdin=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, pass_fds=(3,),
                                    preexec_fn=in_child, env=env)
        finally:
            os.close(parked)

    def _send(self, kind, a=0, b=0, fd=None):
        ancillary = [] if fd is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.control.sendmsg([struct.pack("=III", kind, a, b)], ancillary)

    def _hand_over(self, ipv6, workers):
        memory = os.memfd_create("config")
        os.write(memory, self.config)
        os.lseek(memory, 0, os.SEEK_SET)
        try:
            self._send(CONFIG, fd=memory)
            if ipv6 is not None:
                self._send(IPV6, a=int(ipv6))
            self.channels = [self.new_channel(w) for w in range(workers)]
            self._send(GO)
        except (BrokenPipeError, ConnectionResetError):
            self.channels = []         # it refused; the test looks why
        finally:
            os.close(memory)

    def new_channel(self, worker=0):
        front, resolver = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._send(CHANNEL, worker, self.index, resolver.fileno())
        resolver.close()
        return Channel(front)

    def _read_log(self):
        for line in self.process.stderr:
            self.log_lines.append(line.decode(errors="backslashreplace").rstrip())

    def _listen(self):
        while True:
            try:
                octets = self.control.recv(64)
            except OSError:
                octets = b""
            if not octets:
                self.process.wait(WAIT_S)
                with self.changed:
                    self.changed.notify_all()
                return
            kind, a, _ = struct.unpack("=III", octets)
            now = time.monotonic()
            with self.changed:
                if kind == HEARTBEAT:
                    self.beats.append(now)
                else:
                    self.seen.append((now - self.started, kind, a))
                self.changed.notify_all()

    def wait_for(self, test, what, timeout=WAIT_S):
        with self.changed:
            if not self.changed.wait_for(test, timeout):
                raise AssertionError(f"no {what} in {timeout} s; log: {self.log_lines}")

    def wait_ready(self):
        self.wait_for(lambda: any(k == READY for _, k, _ in self.seen), "READY")
        return self

    @property
    def ready_s(self):
        return next(t for t, k, _ in self.seen if k == READY)

    def verdicts(self):
        return [a for _, k, a in self.seen if k == IPV6]

    def wait_verdict(self, value, timeout=WAIT_S):
        self.wait_for(lambda: self.verdicts()[-1:] == [value], f"verdict {value}", timeout)

    def longest_silence(self, since, until=None):
        """The longest time without a heartbeat, in seconds."""
        until = until or time.monotonic()
        marks = [since] + [b for b in self.beats if since < b < until] + [until]
        return max(b - a for a, b in zip(marks, marks[1:]))

    def wait_log(self, text, timeout=WAIT_S):
        deadline = time.monotonic() + timeout
        while not any(text in line for line in self.log_lines):
            assert time.monotonic() < deadline, f"no {text!r} in log: {self.log_lines}"
            select.select([], [], [], 0.02)

    def ask(self, name, rdtype, timeout=WAIT_S, rdclass=1):
        return self.channels[0].ask(name, rdtype, timeout, rdclass)

    def memory_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines()
                if line.startswith(("VmRSS", "VmHWM"))}

    def let_beat(self, count):
        """Wait for so many heartbeats more: time in which nothing else came."""
        target = len(self.beats) + count
        self.wait_for(lambda: len(self.beats) >= target, f"{count} heartbeats")

    def wait_end(self, timeout=WAIT_S):
        """The exit status; the log is complete then."""
        status = self.process.wait(timeout)
        self.log_reader.join(timeout)
        return status

    def stop(self):
        """End it the way a dead supervisor does; returns the status."""
        self.control.shutdown(socket.SHUT_RDWR)
        return self.wait_end()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.control.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            self.control.close()
            for channel in self.channels:
                channel.close()
        if exc[0] is None:
            # A sanitizer's report, or libunbound's exit(1).
            assert self.process.returncode == 0, self.log_lines
