#!/usr/bin/python3
"""make demo: mail domains of the lab asked of the real mxbound, as a table.

    tests/lab/lab run --delay 20 -- tests/demo.py           the table
    tests/lab/lab run --delay 20 -- tests/demo.py --shell   then a shell beside it

What is asked is chosen below; what it shows and what is right stands in the
lab's own table (lab/domains.py), and every answer is compared with it.
Exit status: 0 all as it must be, 1 not so, 130 after Ctrl-C.
"""

import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "system")]

if "LAB_CONTROL" not in os.environ:
    sys.exit("demo: works inside the lab only: make demo")

import dns.flags                                      # noqa: E402 (the path comes first)
import dns.message                                    # noqa: E402
import dns.rcode                                      # noqa: E402
import dns.rdatatype                                  # noqa: E402

from lab.control import Control                       # noqa: E402
from lab.domains import ROWS                          # noqa: E402
from mxbound import ANSWER_S, Mxbound, ede, read_message    # noqa: E402

# A title, then questions, each an expectation of lab/domains.py.
CHOICE = """
Secure: proven by DNSSEC
    healthy.lab                   MX
    five.lab                      MX
    implicit.lab                  MX
    nullmx.lab                    MX
    any.wild.lab                  MX
    secure.alias.lab              MX
    gone.mx-nothing.lab           A
    _25._tcp.mx1.bigmail.post     TLSA
    mx100.lab                     MX
    bigtxt.lab                    TXT
Insecure: no chain of signatures reaches them
    unsigned.lab                  MX
    island.lab                    MX
    1.66.18.198.dnsbl.lab         A
    9.9.18.198.dnsbl.lab          A
Refused: signed, but the signatures do not hold
    bogus.lab                     MX
    expired.lab                   MX
    stripped.lab                  MX
    bogus-nodata.lab              MX
    _25._tcp.mx.bogus-tlsa.lab    TLSA
Name servers in trouble
    half-lame.lab                 MX
    half-dead.lab                 MX
    tcponly.lab                   MX
    refused.lab                   MX
    _25._tcp.mx.drops-tlsa.lab    TLSA
    silent.lab                    MX
"""

# Rows whose answer waits for a server, not for us: asked at the same time.
WAITING_KINDS = {"dead", "lame", "slow", "drops"}
CACHED_ASKS = 9
LEAST_COLUMNS, MOST_COLUMNS = 79, 100
SHELL_PORT = 5335

# EDE codes that say that validation failed (RFC 8914 4.7 to 4.13).
REFUSED_CODES = range(6, 13)
SPELLED = {"DNSSEC", "DNSKEY", "NSEC", "RRSIGS"}

SHELL_HINT = """\
A shell in the lab, with mxbound on port {port}. Ctrl-D leaves, and all is gone.
    dig @127.0.0.1 -p {port} +dnssec healthy.lab MX
    tests/lab/lab list          all domains; tests/lab/lab counts: what their servers were asked
"""


# ---- what is asked ----------------------------------------------------------

@dataclass
class Question:
    """One line of the table."""
    title: str            # of the section it opens, or ""
    row: object           # lab.table.Row
    expect: object        # lab.table.Expect
    reply: object = None  # dns.message.Message
    cold_s: float = 0
    cached_s: float = 0

    @property
    def text(self):
        return f"{self.expect.owner.rstrip('.')} {self.expect.type}"

    @property
    def waits(self):
        return self.row.kind in WAITING_KINDS


def chosen():
    expectations = {(e.owner, e.type): (row, e) for row in ROWS for e in row.expects}
    title, questions = "", []
    for line in CHOICE.strip().splitlines():
        if not line.startswith(" "):
            title = line
            continue
        owner, rrtype = line.split()
        questions.append(Question(title, *expectations[owner + ".", rrtype]))
        title = ""
    return questions


# ---- asking -----------------------------------------------------------------

class Asker:
    """A client on its own sockets: UDP, and TCP for what is too long."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.settimeout(ANSWER_S)
        self.udp.connect(self.to)

    def ask(self, question):
        """(seconds, octets): until the whole answer was there."""
        query = dns.message.make_query(question.expect.owner, question.expect.type,
                                       use_edns=0, payload=1232)
        query.flags |= dns.flags.AD
        octets = query.to_wire()
        began = time.perf_counter()
        self.udp.send(octets)
        reply = self.udp.recv(65535)
        while reply[:2] != octets[:2]:
            reply = self.udp.recv(65535)
        if reply[2] & dns.flags.TC >> 8:
            with socket.create_connection(self.to, ANSWER_S) as tcp:
                tcp.sendall(struct.pack("!H", len(octets)) + octets)
                reply = read_message(tcp)
        return time.perf_counter() - began, reply

    def ask_cold_and_cached(self, question):
        question.cold_s, octets = self.ask(question)
        question.cached_s = statistics.median(
            self.ask(question)[0] for _ in range(CACHED_ASKS))
        question.reply = dns.message.from_wire(octets)

    def close(self):
        self.udp.close()


def ask_all(questions, port, on_answer):
    """Those that wait for a server side by side, the others one by one, so
    that none is slow because of another. on_answer after each; the first
    failure of any is raised here."""
    failures = []

    def work(part):
        asker = Asker(port)
        try:
            for question in part:
                asker.ask_cold_and_cached(question)
        except Exception as error:                    # noqa: BLE001 (raised below)
            failures.append(error)
        finally:
            asker.close()

    parts = [[q for q in questions if not q.waits]] + [[q] for q in questions if q.waits]
    threads = [threading.Thread(target=work, args=(part,), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        on_answer()
        time.sleep(0.1)
    if failures:
        raise failures[0]
    on_answer()


# ---- saying what was answered -----------------------------------------------

def reason(code):
    words = code.name.split("_")
    return " ".join(w.replace("RRSIGS", "RRSIGs") if w in SPELLED else w.capitalize()
                    for w in words)


def result(question):
    """As in the lab's table: RCODE, or NODATA."""
    rcode = dns.rcode.to_text(question.reply.rcode())
    wanted = dns.rdatatype.from_text(question.expect.type)
    if rcode == "NOERROR" and not any(s.rdtype == wanted for s in question.reply.answer):
        return "NODATA"
    return rcode


def rrs_text(rrset):
    """The RRs in few words; exchangers in order, named as the zone file would."""
    if rrset.rdtype == dns.rdatatype.MX:
        mxs = sorted(rrset, key=lambda mx: (mx.preference, mx.exchange))
        names = [mx.exchange.to_text().removesuffix("." + rrset.name.to_text()) for mx in mxs]
        return ". (null MX)" if names == ["."] else ", ".join(names)
    if rrset.rdtype == dns.rdatatype.TXT:
        return f"{sum(len(s) for txt in rrset for s in txt.strings)} octets"
    return ", ".join(sorted(rr.to_text() for rr in rrset))


def answer_text(question):
    """"2 MX: mx1, mx2", "NODATA", "SERVFAIL: Signature Expired"."""
    what = result(question)
    if what == "SERVFAIL":
        codes = [code for code in ede(question.reply) if code.name != "CACHED_ERROR"]
        return f"SERVFAIL: {reason(codes[0])}" if codes else what
    if what != "NOERROR":
        return what
    wanted = dns.rdatatype.from_text(question.expect.type)
    rrset = next(s for s in question.reply.answer if s.rdtype == wanted)
    text = f"{len(rrset)} {question.expect.type}: {rrs_text(rrset)}"
    if any(s.rdtype == dns.rdatatype.CNAME for s in question.reply.answer):
        text = f"-> {rrset.name.to_text().rstrip('.')}, {text}"
    return text


def state(question):
    """secure (AD), insecure, refused (by validation), or none: no answer."""
    if question.reply.flags & dns.flags.AD:
        return "secure"
    if result(question) != "SERVFAIL":
        return "insecure"
    return "refused" if any(c in REFUSED_CODES for c in ede(question.reply)) else "no answer"


def is_right(question):
    right = {"bogus": "refused", "dead": "no answer"}
    e = question.expect
    return result(question) == e.result and state(question) == right.get(e.state, e.state)


def duration(seconds):
    """Two digits that mean something: 0.084 ms, 8.4 ms, 84 ms, 4003 ms."""
    ms = seconds * 1000
    return f"{ms:.2f} ms" if ms < 1 else f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"


# ---- the table --------------------------------------------------------------

class Screen:
    """Lines of the table; on a terminal coloured, with progress below."""
    COLOURS = {"secure": "32", "insecure": "33", "refused": "31", "no answer": "35",
               "title": "1", "why": "2", "WRONG": "1;31"}

    def __init__(self, out=sys.stdout):
        self.out = out
        self.tty = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colour = self.tty and not os.environ.get("NO_COLOR")
        # One less than the terminal has, so that no line wraps.
        columns = shutil.get_terminal_size().columns - 1 if self.tty else MOST_COLUMNS
        self.columns = min(max(columns, LEAST_COLUMNS), MOST_COLUMNS)
        self.question_width = self.answer_width = 0
        room = self.columns - len(self.cells(*5 * [""]))
        # Narrow: long questions get a line of their own, answers stay whole.
        self.question_width = 33 if self.columns > 90 else 20
        self.answer_width = room - self.question_width
        self.has_progress = False

    def paint(self, text, what):
        code = self.COLOURS.get(what)
        return f"\033[{code}m{text}\033[0m" if self.colour and code else text

    def line(self, text=""):
        self.progress("")
        print(text, file=self.out, flush=True)

    def progress(self, text):
        """What is going on, in the last line; "" takes it away."""
        if self.tty and (text or self.has_progress):
            print(f"\r\033[K{text[:self.columns]}", end="", file=self.out, flush=True)
            self.has_progress = bool(text)

    def fit(self, text, width):
        return text if len(text) <= width else text[:width - 3] + "..."

    def cells(self, asked, answered, validated, cold, cached):
        return (f"{asked:{self.question_width}} {answered:{self.answer_width}} "
                f"{self.paint(f'{validated:9}', validated)} {cold:>7} {cached:>7}")

    def header(self):
        self.line(self.paint(self.cells("  asked", "answered", "validated", "cold", "cached"),
                             "title"))

    def row(self, question):
        if question.title:
            self.line()
            self.line(self.paint(question.title, "title"))
        asked = "  " + question.text
        if len(asked) > self.question_width:
            self.line(asked)
            asked = ""
        text = self.fit(answer_text(question), self.answer_width)
        self.line(self.cells(asked, text, state(question),
                             duration(question.cold_s), duration(question.cached_s)))
        self.line(self.paint(f"    {question.row.why}", "why"))
        if not is_right(question):
            e = question.expect
            self.line("    " + self.paint(f"WRONG: must be {e.result}, {e.state}", "WRONG"))


def show(screen, questions, port):
    """Every row as soon as it and all before it are there."""
    shown, began = 0, time.monotonic()

    def on_answer():
        nonlocal shown
        while shown < len(questions) and questions[shown].reply:
            screen.row(questions[shown])
            shown += 1
        if shown < len(questions):
            answered = sum(1 for q in questions if q.reply)
            screen.progress(f"  {answered} of {len(questions)} answered after "
                            f"{time.monotonic() - began:.0f} s; dead servers take 4")

    screen.header()
    ask_all(questions, port, on_answer)
    screen.progress("")


def introduction():
    with Control() as relay:
        delay_ms = relay.get("a.root.")["delay_ms"]
    far = f", with servers {delay_ms:.0f} ms away" if delay_ms else ""
    return f"mxbound in a little signed Internet of mail domains{far}\n"


def conclusion(questions, columns):
    states = [state(q) for q in questions]
    wrong = sum(not is_right(q) for q in questions)
    cached = duration(statistics.median(q.cached_s for q in questions))
    longest = max(q.cold_s for q in questions)
    verdict = f"{wrong} of {len(questions)} answers are not what they must be, see above." \
        if wrong else f"All {len(questions)} answers are what they must be."
    seen = (f"{verdict} {states.count('secure')} are proven by DNSSEC (AD); {states.count('refused')} "
            f"that are signed wrong were refused, with the reason. Asked again, an answer took "
            f"{cached}. No dead server made anybody wait longer than {longest:.1f} s.")
    return textwrap.fill(seen, columns) + f"""

To go on:
    make demo ARGS=--shell   a shell in this Internet, with mxbound:
                             dig @127.0.0.1 -p {SHELL_PORT} five.lab MX
    tests/lab/lab shell      the same without mxbound; what it has: tests/lab/lab list
    make run                 mxbound on the real Internet"""


def shell(server):
    print(SHELL_HINT.format(port=server.port))
    return subprocess.call([os.environ.get("SHELL", "/bin/sh")])


def demo(server, screen, with_shell):
    """Exit status. server is new, and stopped by the caller."""
    screen.progress("  mxbound starts")
    server.start()
    screen.line(introduction())
    questions = chosen()
    show(screen, questions, server.port)
    screen.line()
    screen.line(conclusion(questions, screen.columns))
    if with_shell:
        shell(server)
    return 0 if all(is_right(q) for q in questions) else 1


def on_signal(number, _):
    sys.exit(128 + number)


def main(arguments):
    if arguments not in ([], ["--shell"]):
        sys.exit("usage: demo.py [--shell]")
    with_shell = bool(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    server = Mxbound("log-level: notice", port=SHELL_PORT if with_shell else None)
    screen = Screen()
    try:
        return demo(server, screen, with_shell)
    except AssertionError as error:
        screen.line(f"demo: {error}")
        return 1
    finally:
        screen.progress("")
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
