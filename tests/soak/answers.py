"""Questions with one right answer, and what became of those that were asked.

    questions = Questions(random.Random(1))
    question = questions.next()
    tally.add("kept", question, verdict(question, reply))

What the answer is comes from the lab's table (lab.domains), and for names that
nobody has asked before from what the table says of wildcards and denials.
"""

import threading
import time
from collections import Counter, namedtuple

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from lab.domains import MANY, ROWS, many
from lab.questions import SLOW_KINDS

# may_fail: SERVFAIL is no fault, as where servers are slow, or the state bogus.
Question = namedtuple("Question", "owner type result state count may_fail")

# Its TLSA come after the deadline: SERVFAIL at first, and later the data.
LATE = "slow-tlsa.lab."

RIGHT, FAILED, WRONG, LOST = "right", "failed", "wrong", "lost"


def of_the_table():
    """Without chains of aliases near libunbound's limit, which fail while cold."""
    return [Question(e.owner, e.type, e.result, e.state, e.count,
                     row.kind in SLOW_KINDS or e.result == "SERVFAIL" or e.state == "dead")
            for row in ROWS for e in row.expects
            if not e.unbound and not e.owner.startswith("far") and row.name != LATE]


def fresh(number):
    """The nth question that nobody has asked: missing everywhere."""
    name = f"soak{number}"
    domain = many(number % MANY)
    state = "secure" if number % 2 == 0 else "insecure"
    denied = "insecure" if domain.endswith("post") and state == "insecure" else state
    return (Question(f"{name}.wild.lab.", "MX", "NOERROR", "secure", 1, False),
            Question(f"{name}.{domain}.", "A", "NXDOMAIN", denied, 0, False),
            Question(f"{name}.wild-unsigned.lab.", "MX", "NOERROR", "insecure", 1, False),
            Question(f"{name}.healthy.lab.", "TXT", "NXDOMAIN", "secure", 0, False))[number // 7 % 4]


class Questions:
    """Of four, one is fresh, one from a few that everybody asks, the others any
    of the table. Any thread."""

    HOT = 40
    _lock = threading.Lock()
    _number = 0                  # of fresh ones, over all clients

    def __init__(self, random):
        self.random = random
        self.table = of_the_table()
        self.good = [q for q in self.table if not q.may_fail]
        self.hot = self.good[::max(1, len(self.good) // self.HOT)]
        self.large = [q for q in self.good if q.owner.endswith(
            ("bigtxt.lab.", "bigkey.lab.", "manytlsa.lab."))]

    def next(self):
        which = self.random.randrange(4)
        if which == 0:
            with Questions._lock:
                Questions._number += 1
                return fresh(Questions._number)
        return self.random.choice(self.hot if which == 1 else self.table)


def query(question, cd=False, payload=1232):
    message = dns.message.make_query(question.owner, question.type, want_dnssec=True,
                                     payload=payload)
    message.flags = dns.flags.RD | (dns.flags.CD if cd else 0)
    return message.to_wire()


def verdict(question, octets, cd=False):
    """(RIGHT | FAILED | WRONG | LOST, what was heard)."""
    if octets is None:
        return LOST, "no reply"
    try:
        reply = dns.message.from_wire(octets, raise_on_truncation=False)
    except dns.exception.DNSException as e:
        return WRONG, f"{e!r}"
    asked = (question.owner, question.type)
    if [(q.name.to_text().lower(), dns.rdatatype.to_text(q.rdtype)) for q in reply.question] != \
            [(question.owner.lower(), question.type)] or not reply.flags & dns.flags.QR:
        return WRONG, f"{asked}: a reply to {reply.question}"
    rcode = dns.rcode.to_text(reply.rcode())
    if rcode == "SERVFAIL":
        fits = question.may_fail and not (cd and question.state == "bogus")
        return (RIGHT if fits else FAILED), f"{asked} SERVFAIL {reply.options}"
    if reply.flags & dns.flags.TC:
        return (RIGHT if not reply.answer else WRONG), f"{asked} cut, with an answer"
    if cd and question.state == "bogus":
        return RIGHT, ""             # the data as they are, for who asks for them
    count = sum(len(s) for s in reply.answer
                if s.rdtype == dns.rdatatype.from_text(question.type))
    result = "NODATA" if rcode == "NOERROR" and not count else rcode
    ad = bool(reply.flags & dns.flags.AD)
    if result != question.result or ad != (question.state == "secure") or \
            question.count not in (None, count) and question.result == "NOERROR":
        return WRONG, f"{question}: {rcode} {'AD ' if ad else ''}{count}, cd={cd}"
    return RIGHT, ""


class Tally:
    """What became of everything that was asked; any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = Counter()      # (daemon, client, RIGHT...)
        self.failed = []             # (time, daemon, text)
        self.shown = Counter()       # texts of what was wrong or lost
        self.retries = Counter()     # by daemon: a reply came, but not at once

    def add(self, daemon, client, one):
        what, text = one
        with self.lock:
            self.counts[daemon, client, what] += 1
            if what == FAILED:
                self.failed.append((time.monotonic(), daemon, text))
            elif what in (WRONG, LOST):
                self.shown[f"{what}, {daemon} {client}: {text}"] += 1

    def retried(self, daemon):
        with self.lock:
            self.retries[daemon] += 1

    def of(self, what, daemon=None):
        with self.lock:
            return sum(n for (d, _, w), n in self.counts.items()
                       if w == what and daemon in (None, d))

    def answers(self):
        with self.lock:
            return sum(self.counts.values())
