"""From question to answer: joining, deadlines, failures, bounds, lifetimes,
order. An authority of our own answers for own.example as each test wants."""

import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from authority import Authority, reply_to, soa
from mxbound import ANSWER_S, PATIENCE, Mxbound, ede, read_message, wait_until
from octets import DO, framed, opt, query

ZONE = "own.example."
DEADLINE_S = 4.5                 # promised
GLIBC_S = 5                      # what it is promised for; the slack is between them


def in_own(handler, *options):
    """(authority, mxbound) for handler(name, type, query) -> lines of answer,
    a message, or None for silence."""
    def handle(asked, transport):
        question = asked.question[0]
        found = handler(question.name.to_text().lower(),
                        dns.rdatatype.to_text(question.rdtype), asked)
        if isinstance(found, (list, tuple)):
            return reply_to(asked, *found, authority=() if found else [soa(ZONE)])
        return found
    authority = Authority(handle)
    return authority, Mxbound(*authority.options(ZONE), *options)


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


# --- one question -----------------------------------------------------------------

def test_100_clients_one_question():
    """The same cold name from 100 clients at once goes upstream once; each gets
    a reply with its own ID, case, EDNS and transport."""
    def slowly(name, rrtype, asked):
        time.sleep(0.2)          # less than any resolver waits before it asks again
        return [f"{name} 60 {rrtype} 10 mx.{ZONE}"] if rrtype == "MX" else []

    rng = random.Random(1)
    authority, server = in_own(slowly)
    with authority, server:
        clients = []
        for i in range(100):
            tcp, edns, do = i % 10 == 0, i % 3 != 0, i % 6 == 1
            spelt = "".join(rng.choice((c.lower(), c.upper())) for c in f"busy.{ZONE}")
            octets = query(spelt, id=1000 + i, additional=[opt(flags=DO if do else 0)] * edns)
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
            s.settimeout(ANSWER_S)
            s.connect(("127.0.0.1", server.port))
            clients.append((s, tcp, edns, do, octets))
        for s, tcp, _, _, octets in clients:
            s.sendall(framed(octets) if tcp else octets)
        for s, tcp, edns, do, octets in clients:
            got = read_message(s) if tcp else s.recv(65535)
            s.close()
            length = len(query(f"busy.{ZONE}"))
            assert got[:2] == octets[:2]
            assert got[12:length] == octets[12:length], "question in its case"
            reply = dns.message.from_wire(got)
            assert len(reply.answer) == 1 and rcode(reply) == "NOERROR"
            assert (reply.edns == 0) == edns
            assert bool(reply.ednsflags & dns.flags.DO) == do
        assert authority.count(f"busy.{ZONE}", "MX") == 1
        counters = server.stop()
    assert counters["misses"] + counters["joined"] + counters["hits"] == 100
    assert counters["misses"] <= 16, "one for each worker at most"


def test_case_is_no_other_question():
    authority, server = in_own(lambda name, rrtype, asked: [f"{name} 60 {rrtype} 192.0.2.1"]
                               if rrtype == "A" else [])
    with authority, server:
        for spelt in ("mx.own.example.", "MX.OWN.EXAMPLE.", "mX.oWn.ExAmPlE."):
            reply = server.ask(spelt, "A")
            assert reply.question[0].name.to_text() == spelt
            assert reply.answer[0].name.to_text() == spelt
        assert authority.count(f"mx.{ZONE}", "A") == 1


# --- deadlines ----------------------------------------------------------------------

def test_nobody_waits_past_the_deadline():
    """Silence upstream: SERVFAIL with EDE 22 before glibc gives up, to those
    who asked first and those who joined later, by either transport."""
    authority, server = in_own(lambda *_: None)
    with authority, server, ThreadPoolExecutor(8) as pool:
        def client(i):
            time.sleep(0.1 * i)
            begin = time.monotonic()
            reply = server.ask(f"silent.{ZONE}", "MX", tcp=i % 2 == 1)
            return reply, time.monotonic() - begin
        for reply, seconds in pool.map(client, range(8)):
            assert rcode(reply) == "SERVFAIL" and set(ede(reply)) & {13, 22, 23}
            assert seconds < DEADLINE_S + 0.4 * PATIENCE
            assert seconds < GLIBC_S * PATIENCE


def test_deadline_is_the_operators():
    authority, server = in_own(lambda *_: None, "query-deadline: 300ms")
    with authority, server:
        begin = time.monotonic()
        assert rcode(server.ask(f"silent.{ZONE}", "MX")) == "SERVFAIL"
        assert time.monotonic() - begin < 2 * PATIENCE


def test_hits_do_not_wait_behind_silence():
    authority, server = in_own(lambda name, rrtype, asked: None if name.startswith("silent")
                               else [f"{name} 60 A 192.0.2.1"])
    with authority, server:
        server.ask(f"mx.{ZONE}", "A")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(ANSWER_S)
            s.connect(("127.0.0.1", server.port))
            for i in range(200):
                s.send(query(f"silent{i}.{ZONE}", id=i))
            begin = time.monotonic()
            s.send(query(f"mx.{ZONE}", 1, id=999))
            assert s.recv(512)[:2] == struct.pack("!H", 999)
            assert time.monotonic() - begin < 1 * PATIENCE


def test_late_answer_fills_the_cache():
    """An answer that comes after the deadline is too late for who asked, but
    not lost: who asks later has it, and nobody upstream is asked again."""
    def late(name, rrtype, asked):
        time.sleep(0.9)          # in time for a resolver that has tried twice
        return [f"{name} 60 MX 10 mx.{ZONE}"]
    authority, server = in_own(late, "query-deadline: 500ms", "workers: 1")
    with authority, server:
        reply = server.ask(f"late.{ZONE}", "MX")
        assert rcode(reply) == "SERVFAIL" and 22 in ede(reply)

        def answered():
            time.sleep(0.05)
            return server.ask(f"late.{ZONE}", "MX").answer
        wait_until(answered, 10, "the late answer")
        before = authority.count()
        assert server.ask(f"late.{ZONE}", "MX").answer
        assert authority.count() == before
        counters = server.stop()
    assert counters["misses"] == 1, "one question, still in flight when asked again"


# --- failures -----------------------------------------------------------------------

def refused(name, rrtype, asked):
    return reply_to(asked, rcode=dns.rcode.REFUSED)


@pytest.mark.parametrize("upstream", ("REFUSED", "SERVFAIL", "NOTIMP", "FORMERR", "NOTAUTH"))
def test_upstream_trouble_is_servfail(upstream):
    """Some MTAs take REFUSED and the like as permanent and bounce: whatever a
    name server says, a client hears SERVFAIL."""
    def trouble(name, rrtype, asked):
        return reply_to(asked, rcode=dns.rcode.from_text(upstream))
    authority, server = in_own(trouble)
    with authority, server:
        reply = server.ask(f"x.{ZONE}", "MX")
        assert rcode(reply) == "SERVFAIL" and ede(reply)
        assert not reply.answer and not reply.authority


def test_failure_is_kept(relay):
    """RFC 9520 3.2: for a second at least nobody upstream is asked again."""
    with Mxbound() as server:
        assert rcode(server.ask("refused.lab.", "MX")) == "SERVFAIL"
        asked = relay.count(name="refused.lab.", type="MX")
        for _ in range(50):
            reply = server.ask("refused.lab.", "MX")
            assert rcode(reply) == "SERVFAIL"
            assert 13 in ede(reply)
        assert relay.count(name="refused.lab.", type="MX") == asked
        counters = server.stop()
    assert counters["misses"] == 1 and counters["hits_failure"] == 50


def test_failure_backs_off():
    """Asked all the time for 4 s, the resolver is asked after 1, then 2 s more
    (RFC 9520 3.2)."""
    authority, server = in_own(refused, "workers: 1")
    with authority, server:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            reply = server.ask(f"x.{ZONE}", "MX")
            assert rcode(reply) == "SERVFAIL"
            assert set(ede(reply)) <= {13, 22}, "the reason stays the same"
            time.sleep(0.02)
        counters = server.stop()
    assert counters["upstream_rejected"] == 0
    assert 2 <= counters["misses"] <= 4
    assert counters["hits_failure"] > 20


def test_failure_is_of_one_question():
    """Of the name and type that failed, not of others there."""
    def only_a(name, rrtype, asked):
        if rrtype == "A":
            return [f"{name} 60 A 192.0.2.1"]
        return reply_to(asked, rcode=dns.rcode.SERVFAIL)
    authority, server = in_own(only_a)
    with authority, server:
        assert rcode(server.ask(f"mx.{ZONE}", "AAAA")) == "SERVFAIL"
        assert server.ask(f"mx.{ZONE}", "A").answer


def test_failure_ends():
    """Once the name servers work again, so do we, soon."""
    broken = threading.Event()
    broken.set()

    def handler(name, rrtype, asked):
        if broken.is_set():
            return reply_to(asked, rcode=dns.rcode.SERVFAIL)
        return [f"{name} 60 {rrtype} 10 mx.{ZONE}"] if rrtype == "MX" else []
    authority, server = in_own(handler)
    with authority, server:
        assert rcode(server.ask(f"x.{ZONE}", "MX")) == "SERVFAIL"
        broken.clear()

        def works():
            time.sleep(0.1)
            return server.ask(f"x.{ZONE}", "MX").answer
        wait_until(works, 15, "answered again")


# --- bounds -------------------------------------------------------------------------

def ask_many(server, octets, source="127.0.0.1", until=None):
    """Replies to all of these, over UDP, by ID, each with its time; to those
    that come before `until` seconds are over."""
    replies = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.bind((source, 0))
        s.connect(("127.0.0.1", server.port))
        begin = time.monotonic()
        for message in octets:
            s.send(message)
        while len(replies) < len(octets):
            left = (until or ANSWER_S) - (time.monotonic() - begin)
            if left <= 0:
                break
            s.settimeout(left)
            try:
                got = dns.message.from_wire(s.recv(65535))
            except socket.timeout:
                break
            assert got.id not in replies, "two replies to one query"
            replies[got.id] = got, time.monotonic() - begin
    return replies


def silent_names(count, prefix="s"):
    return [query(f"{prefix}{i}.silent.{ZONE}", id=i, additional=[opt()]) for i in range(count)]


def silent_below(name, rrtype, asked):
    return None if ".silent." in name else [f"{name} 60 A 192.0.2.1"] if rrtype == "A" else []


def test_in_flight_bound():
    """Past in-flight-max new questions hear SERVFAIL at once; hits go on, and
    what nobody waits for any more gives its place away."""
    authority, server = in_own(silent_below, "in-flight-max: 16", "query-deadline: 1500ms")
    with authority, server:
        assert server.ask(f"mx.{ZONE}", "A").answer
        assert server.ask(".", "NS").answer
        replies = ask_many(server, silent_names(60) + [query(f"mx.{ZONE}", 1, id=999)])
        assert set(replies) == {*range(60), 999}
        hit, seconds = replies.pop(999)
        assert hit.answer and seconds < 1 * PATIENCE
        at_once = [r for r, seconds in replies.values() if seconds < 1.2]
        assert 60 - 16 <= len(at_once) <= 60 - 14
        for reply, seconds in replies.values():
            assert rcode(reply) == "SERVFAIL" and ede(reply)
            assert seconds < 3 * PATIENCE
        # All places are taken by questions nobody waits for now.
        for i in range(5):
            assert server.ask(f"new{i}.{ZONE}", "A").answer
        counters = server.stop()
    assert counters["overloads"] == len(at_once)


def test_in_flight_client_bound():
    """in-flight-client-max is for one address; another does not feel it."""
    authority, server = in_own(silent_below, "in-flight-client-max: 4", "query-deadline: 1500ms")
    with authority, server:
        assert server.ask(".", "NS").answer
        done = []
        greedy = threading.Thread(target=lambda: done.append(ask_many(server, silent_names(40))))
        greedy.start()
        wait_until(lambda: len(authority.asked) >= 4, 5, "the greedy one has its share")
        other = ask_many(server, [query(f"mx{i}.{ZONE}", 1, id=i) for i in range(20)][:4],
                         source="127.0.0.2")
        assert all(reply.answer for reply, _ in other.values()) and len(other) == 4
        greedy.join(10)
        replies, = done
        assert len(replies) == 40
        at_once = [r for r, seconds in replies.values() if seconds < 1.2]
        assert len(at_once) == 36
        assert all(rcode(r) == "SERVFAIL" and ede(r) for r in at_once)


# --- lifetimes -----------------------------------------------------------------------

def ttls(server, name, rrtype, section="answer", **how):
    """The TTL of every single RR, as sent."""
    octets = server.exchange(dns.message.make_query(name, rrtype, **how).to_wire(), tcp=True)
    reply = dns.message.from_wire(octets, one_rr_per_rrset=True)
    return [s.ttl for s in getattr(reply, section)]


def test_ttl_counts_down(server):
    """By the time spent in the cache, the same for all RRs of a set."""
    before = ttls(server, "five.lab.", "MX")
    begin = time.monotonic()
    assert len(set(before)) == 1
    after = wait_until(lambda: (t := ttls(server, "five.lab.", "MX")) != before and t, 4,
                       "a second has gone")
    assert len(set(after)) == 1
    assert 0 < before[0] - after[0] <= time.monotonic() - begin + 2


def test_ttl_counts_down_in_every_section(server):
    """Signatures and denials too."""
    name, how = "nosuch.five.lab.", {"want_dnssec": True}
    before = ttls(server, name, "A", "authority", **how)
    assert len(before) >= 4
    wait_until(lambda: all(a < b for a, b in
                           zip(ttls(server, name, "A", "authority", **how), before)), 4, "less")


def test_expires():
    """A TTL of 1 s: from the cache for a second, then asked again."""
    authority, server = in_own(lambda name, rrtype, asked: [f"{name} 1 A 192.0.2.1"]
                               if rrtype == "A" else [])
    with authority, server:
        assert ttls(server, f"mx.{ZONE}", "A") in ([1], [0])
        wait_until(lambda: server.ask(f"mx.{ZONE}", "A").answer and
                   authority.count(f"mx.{ZONE}", "A") > 1, 5, "asked again")


def test_chain_lives_as_long_as_its_shortest():
    """The alias lives 1 s, its target an hour: the whole is asked again."""
    def chain(name, rrtype, asked):
        if name == f"www.{ZONE}":
            return [f"{name} 1 CNAME mx.{ZONE}", f"mx.{ZONE} 3600 A 192.0.2.1"]
        return [f"{name} 3600 A 192.0.2.1"] if rrtype == "A" else []
    authority, server = in_own(chain)
    with authority, server:
        first = server.ask(f"www.{ZONE}", "A")
        assert [s.ttl for s in first.answer][0] <= 1
        wait_until(lambda: server.ask(f"www.{ZONE}", "A").answer and
                   authority.count(f"www.{ZONE}", "A") > 1, 5, "asked again")


def test_ttl_0_is_not_kept():
    """RFC 1035 3.2.1: only for those who wait now."""
    authority, server = in_own(lambda name, rrtype, asked: [f"{name} 0 A 192.0.2.1"]
                               if rrtype == "A" else [])
    with authority, server:
        for times in range(1, 5):
            assert ttls(server, f"mx.{ZONE}", "A") == [0]
            assert authority.count(f"mx.{ZONE}", "A") == times


def test_ttl_of_2_to_the_31_is_0(relay, server):
    """RFC 2181 8: the top bit set is zero, not 68 years."""
    for _ in range(3):
        relay.forget()
        assert ttls(server, "ttl-huge.lab.", "MX") == [0]
        assert relay.count(name="ttl-huge.lab.", type="MX") >= 1


def test_ttls_of_a_set_are_one(server):
    """Two TTLs in one RRset: the least (RFC 2181 5.2)."""
    assert set(ttls(server, "ttl-mixed.lab.", "MX")) in ({7}, {6})


def test_longest_ttl(server):
    """68 years are allowed to say, a day is kept."""
    assert ttls(server, "ttl-long.lab.", "MX") == [86400]


def test_ttl_max_is_the_operators():
    with Mxbound("ttl-max: 7s") as server:
        assert max(ttls(server, "healthy.lab.", "MX")) <= 7
        assert max(ttls(server, "healthy.lab.", "MX")) <= 7


@pytest.mark.parametrize("name, rrtype", (("ttl-negative.lab.", "MX"),
                                          ("nosuch.ttl-negative.lab.", "A")))
def test_negative_ttl_is_the_soa_minimum(server, relay, name, rrtype):
    """RFC 2308 5: the lesser of the SOA's TTL (3600) and MINIMUM (2); kept
    that long, then asked again."""
    first = ttls(server, name, rrtype, "authority")
    assert 1 <= first[0] <= 2
    relay.forget()
    wait_until(lambda: ttls(server, name, rrtype, "authority") and
               relay.count(name=name, type=rrtype), 6, "asked again")


def test_negative_ttl_max():
    """A domain that says "nothing here, for a day" is believed for less, so
    that a new MX is seen."""
    authority, server = in_own(
        lambda name, rrtype, asked: reply_to(asked, authority=[soa(ZONE, 86400, 86400)]))
    with authority, server:
        assert ttls(server, f"x.{ZONE}", "MX", "authority") == [900]


def test_nxdomain_is_of_all_types(relay):
    """Of the name, whatever type was asked (RFC 2308 5); proven, that is."""
    with Mxbound() as server:
        assert rcode(server.ask("nosuch.healthy.lab.", "A")) == "NXDOMAIN"
        relay.forget()
        for rrtype in ("AAAA", "MX", "TXT", "TLSA"):
            reply = server.ask("nosuch.healthy.lab.", rrtype, ad=True)
            assert rcode(reply) == "NXDOMAIN" and reply.flags & dns.flags.AD
        assert relay.count() == 0


def test_nodata_is_of_one_type(server):
    assert not server.ask("implicit.lab.", "MX").answer
    assert server.ask("implicit.lab.", "A").answer
    assert server.ask("implicit.lab.", "AAAA").answer


# --- order ---------------------------------------------------------------------------

def test_equal_preference_turns(server):
    """RFC 5321 5.1 wants equal exchangers in random order: one that caches an
    order for all its clients would send all mail to the first."""
    orders = set()
    for _ in range(64):
        reply = server.ask("five.lab.", "MX")
        orders.add(tuple(rr.exchange.to_text() for rr in reply.answer[0]))
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1
    assert len({order[0] for order in orders}) > 1


@pytest.mark.parametrize("do", (False, True), ids=("plain", "do"))
def test_chain_in_order(server, do):
    """Each alias before what it leads to, at every turn: simple resolvers
    read from the top."""
    wanted = [f"five{i}.chains.lab." for i in range(1, 6)] + ["mx.chains.lab."]
    for _ in range(10):
        reply = server.ask("five1.chains.lab.", "A", do=do, tcp=True)
        owners = [s.name.to_text() for s in reply.answer if s.rdtype != dns.rdatatype.RRSIG]
        assert owners == wanted
        assert reply.question[0].name.to_text() == wanted[0]


def test_dname_before_its_cname(server):
    """RFC 6672 3.1: the DNAME, then the CNAME made of it."""
    reply = server.ask("u.old.dname.lab.", "MX")
    assert [s.rdtype for s in reply.answer] == \
        [dns.rdatatype.DNAME, dns.rdatatype.CNAME, dns.rdatatype.MX]


@pytest.mark.parametrize("name", ("loop1.chains.lab.", "self.chains.lab.", "far1.chains.lab."))
def test_chain_without_end(server, name):
    """Loops end in SERVFAIL, as does a chain longer than anyone means."""
    begin = time.monotonic()
    reply = server.ask(name, "A")
    assert time.monotonic() - begin < DEADLINE_S + 0.4 * PATIENCE
    assert rcode(reply) == "SERVFAIL" and ede(reply)


@pytest.mark.parametrize("name, owners, result", (
    ("to-nx.chains.lab.", ["to-nx.chains.lab."], "NXDOMAIN"),
    ("to-nodata.chains.lab.", ["to-nodata.chains.lab."], "NOERROR")))
def test_chain_to_nothing(server, name, owners, result):
    """The alias is told, with the denial of its target (RFC 2308 2.1)."""
    reply = server.ask(name, "A")
    assert rcode(reply) == result
    assert [s.name.to_text() for s in reply.answer] == owners
    assert [s.rdtype for s in reply.authority] == [dns.rdatatype.SOA]


# --- believing -----------------------------------------------------------------------

def test_unasked_rrs_are_not_believed(relay):
    """poison.lab's server tells about victim.lab in every answer."""
    with Mxbound() as server:
        assert server.ask("poison.lab.", "MX").answer
        reply = server.ask("mx.victim.lab.", "A")
        assert [rr.to_text() for rr in reply.answer[0]] == ["198.18.8.9"]
        assert [rr.exchange.to_text() for rr in server.ask("victim.lab.", "MX").answer[0]] == \
            ["mx.victim.lab."]


@pytest.mark.parametrize("zone", ("wrong-id.lab.", "wrong-question.lab.", "malformed.lab."))
def test_forged_answers_come_first(zone):
    """An attacker's packet with a mistake in it is not the answer, and does
    not stop the search for it."""
    with Mxbound() as server:
        reply = server.ask(zone, "MX")
        assert [rr.exchange.to_text() for rr in reply.answer[0]] == [f"mx.{zone}"]


def test_minimal(server):
    """Nothing that was not asked for: no authority, no additional."""
    for name, rrtype in (("healthy.lab.", "MX"), ("mx1.healthy.lab.", "A"), (".", "NS")):
        reply = server.ask(name, rrtype, edns=False)
        assert not reply.authority and not reply.additional
