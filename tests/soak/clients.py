"""Those who ask: each a thread that asks, waits as mail software does, and has
every answer checked.

A query is lost when none of TRIES brought a reply, each after TRY_S: what a
front that is killed had read goes with it, and clients ask again.
"""

import json
import random
import select
import socket
import struct
import threading
import time

from answers import FAILED, LATE, LOST, RIGHT, WRONG, Questions, query, verdict
from mxbound import read_message
from test_ctl import Raw
from test_policy import MAIL, TEMP, policy, short
from test_route_library import expected

TRIES = 5
TRY_S = 5
BURST_SOCKETS, BURST_EACH = 20, 100
GARBAGE = 5000


class Client(threading.Thread):
    """ask() is called until the soak is over, with a pause of pause_s."""

    pause_s = 0.01

    def __init__(self, name, server, tally, over, seed):
        super().__init__(daemon=True)
        self.daemon_name, self.server, self.tally, self.over = name, server, tally, over
        self.random = random.Random(seed)
        self.questions = Questions(self.random)
        self.error = None

    def run(self):
        try:
            while not self.over.wait(self.pause_s * self.random.random() * 2):
                self.ask()
        except Exception as e:       # a client of ours that fails fails the soak
            self.error = e

    def heard(self, one):
        self.tally.add(self.daemon_name, type(self).__name__, one)

    def retrying(self, attempt):
        """attempt() -> None for no reply; the reply, or None after all TRIES."""
        for i in range(TRIES):
            began = time.monotonic()
            try:
                reply = attempt()
            except OSError:
                reply = None
            if reply is not None:
                return reply
            self.tally.retried(self.daemon_name)
            # A daemon that is just being started refuses at once.
            time.sleep(max(0, 1 - (time.monotonic() - began)))
        return None

    @property
    def to(self):
        return "127.0.0.1", self.server.port

    def connect(self):
        return socket.create_connection(self.to, TRY_S)


class Udp(Client):
    def ask(self):
        question, cd = self.questions.next(), self.random.random() < 0.1
        octets = query(question, cd)
        self.heard(verdict(question, self.retrying(
            lambda: self.server.exchange(octets, timeout=TRY_S)), cd))


class Udp6(Udp):
    def ask(self):
        question = self.questions.next()
        octets = query(question, payload=4096)
        self.heard(verdict(question, self.retrying(
            lambda: self.server.exchange(octets, v6=True, timeout=TRY_S))))


class Pipeline(Client):
    """Many questions at once over one connection; what the end of the
    connection leaves without a reply is asked again over another."""

    pause_s = 0.1

    def exchange(self, wanted):
        """Replies by ID, of those in wanted that got one."""
        replies = {}
        try:
            with self.connect() as s:
                s.sendall(b"".join(struct.pack("!HH", len(octets), i) + octets[2:]
                                   for i, octets in wanted.items()))
                s.settimeout(TRY_S)
                while len(replies) < len(wanted) and (reply := read_message(s)):
                    replies[struct.unpack("!H", reply[:2])[0]] = reply
        except OSError:
            time.sleep(1)
        return replies

    def ask(self):
        asked = {i: self.questions.next() for i in range(self.random.randrange(1, 20))}
        wanted = {i: query(question) for i, question in asked.items()}
        replies = {}
        for _ in range(TRIES):
            replies |= self.exchange(wanted)
            wanted = {i: octets for i, octets in wanted.items() if i not in replies}
            if not wanted:
                break
            self.tally.retried(self.daemon_name)
        for i, question in asked.items():
            self.heard(verdict(question, replies.get(i)))


class Slow(Client):
    """Writes octet by octet, and reads the same way, answers of several KiB."""

    pause_s = 0.2

    def exchange(self, octets):
        with self.connect() as s:
            for octet in struct.pack("!H", len(octets)) + octets:
                s.send(bytes([octet]))
                time.sleep(0.01)
            s.settimeout(TRY_S)
            return read_message(s)

    def ask(self):
        question = self.random.choice(self.questions.large)
        octets = query(question)
        self.heard(verdict(question, self.retrying(lambda: self.exchange(octets))))


class Deaf(Client):
    """Asks for much and reads nothing, leaves in the middle of a message, or
    has nothing to say; what it would hear is nobody's business."""

    pause_s = 0.5

    def ask(self):
        try:
            with self.connect() as s:
                s.settimeout(1)
                for _ in range(self.random.randrange(60)):
                    octets = query(self.random.choice(self.questions.large))
                    s.sendall(struct.pack("!H", len(octets)) + octets)
                s.send(bytes(self.random.randrange(10)))
                self.over.wait(self.random.random() * 3)
        except OSError:
            pass


class Storm(Client):
    """Two thousand questions at once, then garbage. Whoever sends so many in
    one go may lose some in the socket; each reply there is has to be right."""

    pause_s = 5

    def ask(self):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(BURST_SOCKETS)]
        try:
            self.storm(sockets)
        finally:
            for s in sockets:
                s.close()

    def storm(self, sockets):
        asked = {}
        for place, s in enumerate(sockets):
            s.setblocking(False)
            s.connect(self.to)
            for i in range(BURST_EACH):
                question = asked[place, i] = self.questions.next()
                self.send(s, struct.pack("!H", i) + query(question)[2:])
        end = time.monotonic() + TRY_S + 1
        while asked and (left := end - time.monotonic()) > 0 and not self.over.is_set():
            for s in select.select(sockets, [], [], left)[0]:
                self.take(s, sockets.index(s), asked)
        for _ in range(GARBAGE // len(sockets)):
            for s in sockets:
                self.send(s, self.random.randbytes(self.random.randrange(1, 200)))

    def take(self, s, place, asked):
        try:
            reply = s.recv(65535)
        except OSError:
            return
        question = asked.pop((place, struct.unpack("!H", reply[:2])[0]), None)
        if question:
            what, text = verdict(question, reply)
            # Past a bound it says SERVFAIL, which is as it should be.
            self.heard((RIGHT if what == FAILED else what, text))

    @staticmethod
    def send(s, octets):
        try:
            s.send(octets)
        except OSError:
            pass


def domains(expectation):
    return [(row.name.rstrip("."), want) for row in MAIL
            if row.name != LATE and (want := expectation(row)) is not None]


class Policy(Client):
    """Postfix, over a connection that is kept while it can be."""

    pause_s = 0.2
    wanted = domains(policy)
    client = None

    def attempt(self, domain):
        try:
            self.client = self.client or self.server.client()
            reply = self.client.ask(domain)
        except (OSError, AssertionError):
            reply = None
        if reply is None:
            if self.client:
                self.client.__exit__()
            self.client = None
        return reply

    def ask(self):
        domain, want = self.random.choice(self.wanted)
        reply = self.retrying(lambda: self.attempt(domain))
        what = LOST if reply is None else RIGHT if short(reply) == want else \
            FAILED if short(reply) == TEMP else WRONG
        self.heard((what, f"policy of {domain}: {reply}, not {want}"))


class Sts(Policy):
    """Of domains with a policy, which the fetcher has to get first: until it
    has, none is known."""

    wanted = (("enforce.sts.lab", "OK secure match=mx.sts.lab servername=hostname"),
              ("alias.sts.lab", "OK secure match=mx.sts.lab servername=hostname"),
              ("wildcard.sts.lab", "OK secure match=.sts.lab servername=hostname"),
              ("short-lived.sts.lab", "OK secure match=mx.sts.lab servername=hostname"),
              ("none.sts.lab", "NOTFOUND"), ("testing.sts.lab", "NOTFOUND"))

    def ask(self):
        domain, want = self.random.choice(self.wanted)
        reply = self.retrying(lambda: self.attempt(domain))
        what = LOST if reply is None else RIGHT if reply.rstrip() == want else \
            FAILED if short(reply) in (TEMP, "NOTFOUND") else WRONG
        self.heard((what, f"policy of {domain}: {reply}, not {want}"))


class Route(Client):
    """An operator, over the control socket."""

    pause_s = 0.2
    wanted = domains(expected)

    def attempt(self, domain):
        try:
            with Raw(self.server) as raw:
                return raw.ask({"id": 1, "command": "route", "destination": domain})
        except json.JSONDecodeError:
            return None              # it was killed in the middle of a line

    def ask(self):
        domain, want = self.random.choice(self.wanted)
        reply = self.retrying(lambda: self.attempt(domain))
        outcome = reply and reply.get("result", reply).get("outcome")
        what = LOST if reply is None else RIGHT if outcome == want else \
            FAILED if outcome == "try-again" else WRONG
        self.heard((what, f"route to {domain}: {outcome}, not {want}"))


ALL = (Udp, Udp, Udp6, Pipeline, Slow, Deaf, Storm, Policy, Sts, Route)
