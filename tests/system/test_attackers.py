"""Name servers that attack: what is asked upstream for one question of a client
is bounded, lies are not believed, and hits go on all the time.

The attacks are in attacks.py. All that want work done are begun at the same
time, so that each is the others' load; a client asks for cached names from the
beginning to the end. `make attack-table` prints what was sent for each.
"""

import collections
import threading
from dataclasses import dataclass, field

import dns.flags
import dns.rcode
import pytest

from attacks import (EVIL, FORWARDER, GARBAGE, HOT_NAMES, KEYS, NS_FAN, NS_MANY, NS_NXNS,
                     NSEC3_MOST, OURS, PARENT, SIGNATURES, TRUE, Attacker, Hits, Wire, ask_many,
                     hot_names, options)
from mxbound import SANITIZED, Mxbound, ede, free_port, wait_until

pytestmark = pytest.mark.skipif(SANITIZED, reason="what it is about is counted, not memory: "
                                                  "the gcc and clang runs do that")

QUIET_S = 1.5            # more than the longest wait for a server, see options()


@dataclass
class Attack:
    """most: packets that one question of a client may cost upstream, at most;
    about twice what libunbound 1.17.1 was seen to send."""
    name: str
    what: str
    most: int
    questions: list
    rrtype: str = "A"
    sent: int = 0
    replies: dict = field(default_factory=dict)


ATTACKS = {attack.name: attack for attack in [
    Attack("nxns", f"referral to {NS_NXNS} names in a victim's zone", 20, ["x.z1.nxns.att."]),
    Attack("nr", f"referral to {NS_MANY} servers of a dead zone", 60, ["x.z1.nr.att."]),
    Attack("chain", "aliases without end", 24, ["1.chain.att."]),
    Attack("camp", f"each zone's servers in {NS_FAN} zones more", 60, ["x.a.camp.att."]),
    Attack("maze", f"aliases, {NS_FAN} servers without address for each", 130,
           ["www.1-a.maze.att."]),
    Attack("tsuname", "two zones served by each other", 16, ["www.one.tsuname.att."]),
    Attack("silent", "a server that never answers", 16, ["x.silent.att."]),
    Attack("zero", "servers at 0.0.0.0 and ::", 20, ["x.z.zero.att."]),
    Attack("trickle", "over TCP an octet every 200 ms", 20, ["x.trickle.att."], "TXT"),
    Attack("cut", "TC over TCP as well", 10, ["x.cut.att."]),
    Attack("keytrap", f"{KEYS} keys of one tag, {SIGNATURES} signatures", 30, ["x.keytrap.att."]),
    Attack("nsec3", f"NSEC3 with {NSEC3_MOST} iterations, and with one more", 20,
           [f"{'a.' * 60}nsec3-many.att.", f"{'a.' * 60}nsec3-too-many.att."]),
]}


class Field:
    """All there is in the field, for the module."""

    def __init__(self, attacker, wire, server, hits):
        self.attacker, self.wire, self.server, self.hits = attacker, wire, server, hits

    def ask(self, name, rrtype="A"):
        return self.server.ask(name, rrtype)

    def strike(self, attack):
        attack.replies = ask_many(self.server.port, attack.questions, attack.rrtype)

    def strike_all(self):
        threads = [threading.Thread(target=self.strike, args=(attack,))
                   for attack in ATTACKS.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for attack in ATTACKS.values():
            self.settle(attack.name)
            attack.sent = self.wire.count(attack.name)

    def settle(self, name):
        wait_until(lambda: self.wire.quiet_s(name) > QUIET_S, 60, f"nothing more for {name}")


def table(field):
    lines = ["", f"{'attack':10}{'questions':>10}{'packets':>9}{'each':>7}{'most':>6}"]
    for a in ATTACKS.values():
        asked = len(a.questions)
        lines.append(f"{a.name:10}{asked:>10}{a.sent:>9}{a.sent / asked:>7.1f}{a.most:>6}  "
                     f"{a.what}")
    lines.append(f"hits meanwhile: {field.hits.asked}, right: {field.hits.right}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    with Attacker() as attacker, Wire() as wire, \
            Mxbound(*options(attacker, tmp_path_factory.mktemp("attackers"),
                             # A failure lasts longer than the tests.
                             "failure-ttl-min: 120s", "failure-ttl-max: 120s",
                             "bogus-ttl-max: 120s")) as server:
        assert len(ask_many(server.port, hot_names())) == HOT_NAMES
        resolvers = server.resolvers()
        with Hits(server.port) as hits:
            field = Field(attacker, wire, server, hits)
            field.strike_all()
            yield field
        print(table(field))
        assert hits.wrong == []
        assert hits.right == hits.asked
        # A resolver that is busy is not taken for one that spins.
        assert server.resolvers() == resolvers


@pytest.fixture(autouse=True)
def hits_go_on(field):
    """During each test, from the cache, and none without an answer. A server of
    the test's own may have asked for them once."""
    before, upstream = field.hits.right, field.wire.count("hot")
    yield
    wait_until(lambda: field.hits.right > before, 10, "a hit")
    assert field.hits.wrong == []
    assert field.wire.count("hot") - upstream in (0, HOT_NAMES)


# ---- work that is not done ----

@pytest.mark.parametrize("name", ATTACKS)
def test_packets_are_bounded(field, name):
    assert 0 < ATTACKS[name].sent <= ATTACKS[name].most * len(ATTACKS[name].questions)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "nsec3"])
def test_they_end_in_servfail(field, name):
    for question in ATTACKS[name].questions:
        reply = ATTACKS[name].replies[question]
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert ede(reply)
        assert not reply.answer


def test_nsec3_iterations(field):
    """Up to NSEC3_MOST are computed, and prove nothing here; more count as
    unsigned (RFC 9276 section 3.2), whatever they would prove."""
    validated, too_many = (ATTACKS["nsec3"].replies[q] for q in ATTACKS["nsec3"].questions)
    assert validated.rcode() == dns.rcode.SERVFAIL
    assert too_many.rcode() == dns.rcode.NXDOMAIN
    assert not too_many.flags & dns.flags.AD


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "nsec3"])
def test_failures_are_not_asked_again(field, name):
    """RFC 9520 section 3.2; and of two zones that go in circles no client that
    tries again makes a storm (TsuNAME)."""
    attack, sent = ATTACKS[name], field.wire.count(name)
    for _ in range(3):
        replies = ask_many(field.server.port, attack.questions * 100, attack.rrtype)
        assert {r.rcode() for r in replies.values()} == {dns.rcode.SERVFAIL}
    assert field.wire.count(name) == sent


def test_no_question_to_address_zero(field):
    """It is this host: what listens here would be asked, perhaps we."""
    assert field.wire.count("zero", to="127.0.0.1") == 0
    assert field.wire.count("zero", to="0.0.0.0") == 0


def test_many_slow_connections(field):
    """More than libunbound has for TCP: they are given up, and others have their
    turn."""
    names = [f"t{i}.trickle.att." for i in range(100)]
    replies = ask_many(field.server.port, names, "TXT")
    assert {r.rcode() for r in replies.values()} == {dns.rcode.SERVFAIL}
    wait_until(lambda: ask_many(field.server.port, ["honest.tcp.att."]).get("honest.tcp.att.")
               .rcode() == dns.rcode.NOERROR, 30, "TCP for an honest server")


# ---- lies that are not believed ----

def addresses(reply):
    return [rr.to_text() for rrset in reply.answer for rr in rrset]


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_with_the_right_id(field, kind):
    """TuDoor: it costs a try, not the answer, as long as there is a server whose
    answers come alone."""
    for i in range(5):
        assert addresses(field.ask(f"{kind}.z{kind}{i}.garbage.att.")) == [TRUE]


@pytest.mark.parametrize("kind", GARBAGE)
def test_nothing_but_garbage(field, kind):
    """It knows each ID, and comes before each answer: the truth, or nothing."""
    reply = field.ask(f"{kind}.z{kind}.garbage-only.att.")
    assert addresses(reply) in ([], [TRUE])
    assert reply.answer or reply.rcode() == dns.rcode.SERVFAIL


def test_wrong_ids(field):
    assert addresses(field.ask("x.ids.att.")) == [TRUE]


def test_unsolicited_records(field):
    """What came beside an answer is nobody's answer: the victim is asked."""
    assert field.ask("x.unsolicited.att.", "MX").answer
    for name in "mx.victim.att.", "www.victim.att.":
        assert addresses(field.ask(name)) == [TRUE]
    assert field.attacker.count("victim", "mx", PARENT) > 0
    assert field.attacker.count("victim", at=EVIL) == 0


def test_answer_to_another_question(field):
    assert field.ask("x.other.att.").rcode() == dns.rcode.SERVFAIL
    assert addresses(field.ask("other-victim.att.")) == [TRUE]
    assert field.attacker.count("other", "other-victim") > 0


def test_denial_with_a_foreign_soa(field):
    """It denies what it was asked for and nothing else."""
    assert field.ask("x.liar.att.").rcode() == dns.rcode.NXDOMAIN
    assert addresses(field.ask("after-liar.victim.att.")) == [TRUE]


def test_long_answers(field):
    """Cut, cut in the middle of an RR, longer than was allowed: the whole comes
    over TCP."""
    for name in "x.big.att.", "half.x.big.att.", "uncut.x.big.att.":
        reply = field.ask(name, "TXT")
        assert sum(len(rrset) for rrset in reply.answer) == (1 if name[:5] == "uncut" else 16)


def test_ghost(field):
    """A zone that its parent denies is gone, whatever its own server says of its
    lifetime; and does not come back."""
    assert addresses(field.ask("x.ghost.att.")) == [TRUE]
    assert field.ask("ghost.att.", "NS").answer
    field.attacker.ghost.removed = True

    def gone():
        field.ask("ghost.att.", "NS")
        return field.ask("x.ghost.att.").rcode() == dns.rcode.NXDOMAIN

    wait_until(gone, 10, "gone")
    before = field.attacker.count("ghost", at=EVIL)
    for i in range(20):
        assert field.ask(f"y{i}.ghost.att.").rcode() == dns.rcode.NXDOMAIN
    assert field.attacker.count("ghost", at=EVIL) == before


def test_forwarder_says_more_than_it_was_asked(field):
    """MaginotDNS: nothing of a forwarder's answer is used outside of its zone."""
    assert addresses(field.ask("x.maginot-fwd.att.")) == [TRUE]
    assert field.server.ask("healthy.lab.", "MX", do=True).flags & dns.flags.AD
    assert addresses(field.ask("after-maginot.victim.att.")) == [TRUE]
    with field.wire.lock:
        asked = {name for name, host in field.wire.counts if host == FORWARDER}
    assert asked <= {"maginot"}


# ---- servers of their own ----

def test_our_own_address_as_a_server(field, tmp_path):
    """What comes back to us is asked once and not for ever."""
    port = free_port()
    names = [f"x{i}.z.loop.att." for i in range(10)]
    with Mxbound(*options(field.attacker, tmp_path), port=port,
                 listen=[f"{OURS}@53", f"127.0.0.1@{port}"]) as server:
        replies = ask_many(server.port, names)
        field.settle("loop")
        counters = server.stop()
    assert {r.rcode() for r in replies.values()} == {dns.rcode.SERVFAIL}
    assert len(replies) == len(names)
    assert 0 < field.wire.count("loop", to=OURS) <= 6 * len(names)
    assert counters["misses"] <= 2 * len(names)


def test_thousands_of_slow_misses(field, tmp_path):
    most, asked = 64, 2000
    with Mxbound(*options(field.attacker, tmp_path, f"in-flight-max: {most}")) as server:
        assert len(ask_many(server.port, hot_names())) == HOT_NAMES
        before = field.wire.count("silent")
        with Hits(server.port) as hits:
            replies = ask_many(server.port, [f"n{i}.silent.att." for i in range(asked)])
            field.settle("silent")
        assert hits.wrong == [] and hits.right == hits.asked > 0
        assert len(replies) == asked
        assert {r.rcode() for r in replies.values()} == {dns.rcode.SERVFAIL}
        assert all(ede(r) for r in replies.values())
        assert field.wire.count("silent") - before <= most * 16
        counters = server.stop()
    assert counters["overloads"] >= asked - 2 * most
    assert counters["misses"] <= HOT_NAMES + 2 * most


# ---- what an attacker would have to guess ----

def chi_square(values, buckets):
    counts = collections.Counter(values)
    expected = len(values) / buckets
    return sum((counts[b] - expected) ** 2 / expected for b in range(buckets))


def far_from_even(buckets):
    """Seven standard deviations above what even values have."""
    return buckets + 7 * (2 * buckets) ** 0.5


def test_ports_and_ids(field):
    """Both are new for each question and evenly spread (RFC 5452)."""
    count = 10000
    field.wire.packets.clear()
    field.wire.keep = True
    for start in range(0, count, 500):
        replies = ask_many(field.server.port, [f"e{i}.ent.att." for i in range(start, start + 500)])
        assert len(replies) == 500
    field.wire.keep = False
    sent = [p for p in field.wire.packets if p.attack == "ent"]
    assert len(sent) >= count
    ports, ids = [p.source_port for p in sent], [p.id for p in sent]
    # Of 60,000 ports, drawn anew each time.
    assert len(set(ports)) > 0.8 * count
    assert min(ports) > 1023
    # Below, some are left out that are registered for something.
    high = [port - 49152 for port in ports if port >= 49152]
    assert chi_square([port * 64 // 16384 for port in high], 64) < far_from_even(64)
    assert chi_square([i >> 8 for i in ids], 256) < far_from_even(256)
    assert chi_square([i & 255 for i in ids], 256) < far_from_even(256)
    steps = [(b - a) & 0xFFFF for a, b in zip(ids, ids[1:])]
    assert chi_square([s >> 8 for s in steps], 256) < far_from_even(256)
