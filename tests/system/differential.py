"""mxbound and an Unbound daemon side by side, asked the same of everything.

Every name and type of the lab's table, with all of DO, AD and CD, over UDP and
TCP. RCODE, flags and the set of RRs must agree, or the difference must be one
of DIFFERENCES, each of which names what justifies it.

Run in the lab, by itself or as tests/system/test_differential.py:

    tests/lab/lab run -- /usr/bin/python3 tests/system/differential.py
"""

import itertools
import os
import random
import socket
import struct
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

sys.path[:0] = [str(Path(__file__).resolve().parent),
                str(Path(__file__).resolve().parents[1])]

from lab.domains import ROWS            # noqa: E402
from lab.questions import quick         # noqa: E402
from lab.unbound import Unbound         # noqa: E402
from mxbound import Mxbound, read_message   # noqa: E402

TYPES = ("A", "AAAA", "MX", "TXT", "TLSA", "NS", "SOA", "CNAME", "DS",
         "DNSKEY", "PTR", "NSEC", "ANY", "TYPE65280")
GENERATED_IN_FULL = 4           # of a series; the rest is asked its own types
WAIT_S = 15
THREADS = 16

# Of a sample, so many names are taken, all of their types.
SAMPLE = int(os.environ.get("MX_SAMPLE", "0"))


# --- what may differ, and why ---------------------------------------------------

class Asked:
    """One question and both replies, for the rules below."""

    def __init__(self, question, ours, theirs):
        self.name, self.type, self.do, self.ad, self.cd, self.tcp = question
        self.ours, self.theirs = ours, theirs


def rule_any(asked):
    """RFC 8482 section 4.2: ANY gets one synthesized HINFO from us; Unbound
    gathers what it has."""
    return asked.type == "ANY"


def rule_truncated(asked):
    """RFC 2181 section 9: an answer that does not fit is cut to nothing, with
    TC; what is left before it is cut may differ, TCP has it all."""
    return not asked.tcp and bool(asked.ours.flags & dns.flags.TC) \
        and bool(asked.theirs.flags & dns.flags.TC)


def rule_truncated_one(asked):
    """RFC 2181 section 9, RFC 6891 section 6.2.5: near the limit compression
    and the room taken by EDE decide who must cut; TCP has it all."""
    one = (asked.ours.flags ^ asked.theirs.flags) & dns.flags.TC
    return not asked.tcp and bool(one)


def rule_additional(asked):
    """RFC 1034 section 3.7: additional RRs are a help that may be left out. A
    mail server asks for addresses itself, with their own validation state;
    Unbound adds them to NS, and to MX where it has expanded a wildcard."""
    return agree(asked, ("answer", "authority")) \
        and not asked.ours.additional and bool(asked.theirs.additional)


def rule_checked_all_the_same(asked):
    """RFC 6840 section 5.7, RFC 4035 section 3.2.3: AD says that all was
    validated. With CD=1 Unbound says it only if some earlier query made it
    validate; one fetch of ours is validated for all who ask."""
    only_ad = asked.ours.flags ^ asked.theirs.flags == dns.flags.AD
    asked.theirs.flags ^= dns.flags.AD if only_ad else 0
    return asked.cd and only_ad and bool(asked.ours.flags & dns.flags.AD) \
        and (agree(asked) or rule_additional(asked))


DIFFERENCES = [rule_any, rule_truncated, rule_truncated_one, rule_additional,
               rule_checked_all_the_same]


# --- asking -----------------------------------------------------------------------

class Peer:
    """A server asked over one UDP socket and one TCP connection."""

    def __init__(self, address, port):
        self.to = (address, port)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect(self.to)
        self.udp.settimeout(WAIT_S)
        self.tcp = None

    def ask(self, octets, tcp):
        return self.ask_tcp(octets) if tcp else self.ask_udp(octets)

    def ask_udp(self, octets):
        self.udp.send(octets)
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            reply = self.udp.recv(65535)
            if reply[:2] == octets[:2]:
                return reply
        raise socket.timeout

    def ask_tcp(self, octets):
        for fresh in (False, True):
            if not self.tcp:
                self.tcp = socket.create_connection(self.to, WAIT_S)
            try:
                self.tcp.sendall(struct.pack("!H", len(octets)) + octets)
                reply = read_message(self.tcp)
                if reply:
                    return reply
            except ConnectionError:
                pass
            self.tcp.close()        # it was idle too long; a new one
            self.tcp = None
        raise socket.timeout


def message(question):
    name, rdtype, do, ad, cd, _ = question
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232,
                                   want_dnssec=do)
    query.flags = dns.flags.RD | (dns.flags.AD if ad else 0) | \
        (dns.flags.CD if cd else 0)
    return query


def section_set(section):
    return {(s.name.canonicalize(), s.rdtype, rr) for s in section for rr in s}


FLAGS = (dns.flags.QR | dns.flags.AA | dns.flags.TC | dns.flags.RD |
         dns.flags.RA | dns.flags.AD | dns.flags.CD)
SECTIONS = ("answer", "authority", "additional")


def agree(asked, sections=SECTIONS):
    a, b = asked.ours, asked.theirs
    return a.rcode() == b.rcode() and a.flags & FLAGS == b.flags & FLAGS \
        and all(section_set(getattr(a, s)) == section_set(getattr(b, s))
                for s in sections)


def show(reply):
    sections = [f"{rr}" for section in (reply.answer, reply.authority,
                                        reply.additional) for rr in section]
    return f"{dns.rcode.to_text(reply.rcode())} " \
        f"{dns.flags.to_text(reply.flags)} {sections[:8]}"


def compare(peers, question):
    """("same" | name of a rule | "DIFFERS", text)."""
    octets = message(question).to_wire()
    try:
        ours, theirs = (dns.message.from_wire(
            peer.ask(octets, question[-1]), raise_on_truncation=False)
            for peer in peers)
    except socket.timeout:
        return "DIFFERS", f"{question}: no reply"
    asked = Asked(question, ours, theirs)
    if agree(asked):
        return "same", ""
    for rule in DIFFERENCES:
        if rule(asked):
            return rule.__name__, ""
    return "DIFFERS", f"{question}\n  ours   {show(ours)}\n  theirs {show(theirs)}"


def run_share(ports, questions):
    """A process's share, in threads, one question's variants in sequence."""
    def run(part):
        peers = [Peer("127.0.0.1", port) for port in ports]
        return [compare(peers, q) for q in part]

    parts = [questions[i::THREADS] for i in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(itertools.chain.from_iterable(pool.map(run, parts)))


# --- what is asked ----------------------------------------------------------------

def asked_pairs():
    """(name, type): all that the lab can answer soon, and at each name all of
    TYPES; of a series of alike domains only the first few get these. Not what
    the lab's table says that Unbound fails at: whether it does depends on how
    busy the machine is. Nor a chain of aliases near libunbound's limit: it
    fails while it is cold and succeeds when a part of it is known."""
    asked, series = set(), defaultdict(dict)
    fails = {(e.owner, e.type) for row in ROWS for e in row.expects if e.unbound}
    for row, owner, rdtype in quick():
        asked.add((owner, rdtype))
        place = series[row.kind].setdefault(row.name, len(series[row.kind]))
        if not row.generated or place < GENERATED_IN_FULL:
            asked.update((owner, t) for t in TYPES)
    return sorted((name, rdtype) for name, rdtype in asked - fails
                  if not name.startswith("far"))


def variants(pairs):
    return [(name, rdtype, do, ad, cd, tcp) for name, rdtype in pairs
            for do, ad, cd, tcp in itertools.product((False, True), repeat=4)]


def run(ports, report=print):
    """Everything; the number of differences that nothing justifies."""
    pairs = asked_pairs()
    if SAMPLE:
        names = sorted({name for name, _ in pairs})
        seed = int(os.environ.get("MX_SEED", time.time()))
        report(f"a sample of {SAMPLE} of {len(names)} names, MX_SEED={seed}")
        chosen = set(random.Random(seed).sample(names, min(SAMPLE, len(names))))
        pairs = [p for p in pairs if p[0] in chosen]
    every = variants(pairs)
    shares = os.cpu_count() or 1
    # A pair's variants stay together, so that each is asked in each order
    # of DO and CD somewhere, and each process warms its own names.
    share = [every[i * len(every) // shares:(i + 1) * len(every) // shares]
             for i in range(shares)]
    with ProcessPoolExecutor(shares) as pool:
        results = list(itertools.chain.from_iterable(
            pool.map(run_share, [ports] * shares, share)))
    kinds = Counter(kind for kind, _ in results)
    report(f"{len(pairs)} names and types, {len(results)} questions: "
           f"{kinds.pop('same', 0)} answered alike")
    for rule in DIFFERENCES:
        if kinds[rule.__name__]:
            why = " ".join(rule.__doc__.split())
            report(f"{kinds[rule.__name__]:8} differ: {why}")
    wrong = [text for kind, text in results if kind == "DIFFERS"]
    for text in wrong[:int(os.environ.get("MX_SHOW", "40"))]:
        report(text)
    report(f"{len(wrong)} differ without a reason")
    return len(wrong)


def main():
    with Unbound(port=5300, extra="    rrset-roundrobin: no") as unbound, \
            Mxbound("cache-size: 64m") as server:
        return 1 if run((server.port, unbound.port)) else 0


if __name__ == "__main__":
    sys.exit(main())
