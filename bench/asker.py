"""Asks chains of questions, many at the same time, over one UDP socket.

A chain is asked step by step: all questions of a step at once, the next step
when all of them are answered. Messages are made before the clock starts, and of
an answer no more is read than its header, so that asking takes some hundredths
of a millisecond where tens of milliseconds are to be measured.
"""

import select
import socket
import time

import dns.flags
import dns.message

WAIT_S = 10                  # for an answer; each question is asked once
SECURE = dns.flags.QR | dns.flags.AD
LOOKED_AT = SECURE | dns.flags.TC | 0x000F


def wire(name, rrtype):
    """As a mail server that wants DANE asks: DO and AD, and CD not set."""
    query = dns.message.make_query(name, rrtype, want_dnssec=True, payload=1232)
    query.flags |= dns.flags.AD
    return query.to_wire()


def is_secure(reply):
    """NOERROR, whole, with an answer, and AD."""
    flags = int.from_bytes(reply[2:4], "big")
    return flags & LOOKED_AT == SECURE and reply[6:8] != b"\0\0"


class Chain:
    """steps: [[(name, type) asked at the same time], ...]. seconds is None until
    all is answered; secure: all that was answered is. events: a list that gets
    (time, name, type, "asked" or "answered"); times are time.monotonic()'s."""

    def __init__(self, steps, events=None):
        self.steps = [[(question, wire(*question)) for question in step] for step in steps]
        self.events, self.seconds = events, None
        self.step, self.open, self.secure = 0, 0, True

    def ms(self):
        return None if self.seconds is None else round(self.seconds * 1000, 2)

    def note(self, question, what):
        if self.events is not None:
            self.events.append((time.monotonic(), *question, what))


class Asker:
    """with Asker(address, port) as asker: asker.run([Chain(...), ...], 0.025)"""

    def __init__(self, address, port):
        self.at = (address, port)

    def __enter__(self):
        family = socket.AF_INET6 if ":" in self.at[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.connect(self.at)
        self.sock.setblocking(False)
        self.asked, self.last_id = {}, 0     # {id: (chain, question)}
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def run(self, chains, every_s=None):
        """One begins every so often, however many are on the way; without every_s,
        when the one before is done. Ends when all are, or nothing came for WAIT_S."""
        self.on_the_way, start = 0, time.monotonic()
        for number, chain in enumerate(chains):
            if every_s is not None:
                self.read_until(start + number * every_s)
            self.begin(chain)
            if every_s is None:
                self.finish()
        self.finish()

    def read_until(self, due):
        while (left := due - time.monotonic()) > 0:
            # select() takes less than a millisecond, poll() does not.
            if select.select([self.sock], [], [], left)[0]:
                self.read()

    def finish(self):
        while self.on_the_way and select.select([self.sock], [], [], WAIT_S)[0]:
            self.read()
        self.asked.clear()                   # what comes still is nobody's
        self.on_the_way = 0

    def begin(self, chain):
        self.on_the_way += 1
        chain.began = time.monotonic()
        self.ask_step(chain)

    def ask_step(self, chain):
        step = chain.steps[chain.step]
        chain.open = len(step)
        for question, query in step:
            self.last_id = (self.last_id + 1) & 0xFFFF
            key = self.last_id.to_bytes(2, "big")
            self.asked[key] = chain, question
            chain.note(question, "asked")
            self.sock.send(key + query[2:])

    def read(self):
        while True:
            try:
                reply = self.sock.recv(65535)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue                     # as if it had been lost
            if reply[:2] in self.asked:
                self.answered(*self.asked.pop(reply[:2]), reply)

    def answered(self, chain, question, reply):
        chain.note(question, "answered")
        chain.secure = chain.secure and is_secure(reply)
        chain.open -= 1
        if chain.open:
            return
        chain.step += 1
        if chain.step < len(chain.steps):
            self.ask_step(chain)
            return
        chain.seconds = time.monotonic() - chain.began
        self.on_the_way -= 1
