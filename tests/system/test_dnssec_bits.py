"""DO, AD and CD (RFC 4035 3.2, 6840 5.7 to 5.9): every combination of them, in
both cases of letters, over UDP and TCP, for every kind of answer."""

import itertools

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from mxbound import Mxbound, ede

DNSSEC_TYPES = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3}
BOGUS_EDE = {6, 7, 8, 9, 10, 12}
FLAGS = list(itertools.product((False, True), repeat=3))       # DO, AD, CD

# name, type, RCODE, state, is there an answer
GOOD = [
    ("healthy.lab.", "MX", "NOERROR", "secure", True),
    ("healthy.lab.", "A", "NOERROR", "secure", False),
    ("nosuch.healthy.lab.", "A", "NXDOMAIN", "secure", False),
    ("_25._tcp.mx1.healthy.lab.", "TLSA", "NOERROR", "secure", True),
    ("_25._tcp.mx9.healthy.lab.", "TLSA", "NXDOMAIN", "secure", False),
    ("any.wild.lab.", "MX", "NOERROR", "secure", True),
    ("any.wild.lab.", "A", "NOERROR", "secure", False),
    ("any.wild3.lab.", "MX", "NOERROR", "secure", True),
    ("any.mx.wild3.lab.", "MX", "NXDOMAIN", "secure", False),
    ("nosuch.nsec3.lab.", "A", "NXDOMAIN", "secure", False),
    ("secure.alias.lab.", "MX", "NOERROR", "secure", True),
    ("insecure.alias.lab.", "MX", "NOERROR", "insecure", True),
    ("secure.alias-unsigned.lab.", "MX", "NOERROR", "insecure", True),
    ("nosuch.optout.lab.", "A", "NXDOMAIN", "insecure", False),
    ("unsigned.lab.", "MX", "NOERROR", "insecure", True),
    ("unsigned.lab.", "A", "NOERROR", "insecure", False),
    ("nosuch.unsigned.lab.", "A", "NXDOMAIN", "insecure", False),
    ("any.wild-unsigned.lab.", "MX", "NOERROR", "insecure", True),
    ("island.lab.", "MX", "NOERROR", "insecure", True),
    ("localhost.", "A", "NOERROR", "insecure", True),
    ("x.invalid.", "A", "NXDOMAIN", "insecure", False),
]
# name, type, RCODE with CD, is there an answer then
BOGUS = [
    ("bogus.lab.", "MX", "NOERROR", True),
    ("stripped.lab.", "MX", "NOERROR", True),
    ("expired.lab.", "MX", "NOERROR", True),
    ("ds-leftover.lab.", "MX", "NOERROR", True),
    ("bogus-nodata.lab.", "MX", "NOERROR", False),
    ("mx.bogus-aaaa.lab.", "AAAA", "NOERROR", False),
    ("nosuch.bogus-nxdomain.lab.", "A", "NXDOMAIN", False),
    ("nosuch.bogus-nxdomain3.lab.", "A", "NXDOMAIN", False),
    ("any.bogus-wildcard.lab.", "MX", "NOERROR", True),
    ("bogus.alias.lab.", "MX", "NOERROR", True),
    ("_25._tcp.mx.bogus-tlsa.lab.", "TLSA", "NOERROR", True),
]


def ids(cases):
    return [f"{name}-{rrtype}" for name, rrtype, *_ in cases]


def mixed_case(name):
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(name))


def asked_every_way(server, name, rrtype):
    """(DO, AD, CD, reply) for all flags, cases, transports, twice around."""
    for spelt, tcp in itertools.product((name, mixed_case(name)), (False, True)):
        for do, ad, cd in FLAGS:
            reply = server.ask(spelt, rrtype, do=do, ad=ad, cd=cd, tcp=tcp)
            assert bool(reply.flags & dns.flags.CD) == cd
            assert bool(reply.ednsflags & dns.flags.DO) == do
            assert reply.question[0].name.to_text() == spelt
            yield do, ad, cd, reply


def types_in(reply):
    return {s.rdtype for s in reply.answer + reply.authority}


@pytest.mark.parametrize("name, rrtype, rcode, state, answer", GOOD, ids=ids(GOOD))
def test_good(server, name, rrtype, rcode, state, answer):
    """AD if and only if the answer is secure and the asker wants to know.
    Without DO no DNSSEC RRs, but the SOA of a denial; with DO all of them."""
    signed = state == "secure" and not name.startswith("localhost")
    for do, ad, _, reply in asked_every_way(server, name, rrtype):
        assert dns.rcode.to_text(reply.rcode()) == rcode
        assert bool(reply.flags & dns.flags.AD) == (state == "secure" and (do or ad))
        assert bool(reply.answer) == answer
        if not answer:
            assert dns.rdatatype.SOA in {s.rdtype for s in reply.authority}
        if not do:
            assert not types_in(reply) & DNSSEC_TYPES
        elif signed:
            covered = {s.covers for s in reply.answer + reply.authority
                       if s.rdtype == dns.rdatatype.RRSIG}
            plain = types_in(reply) - {dns.rdatatype.RRSIG}
            assert plain <= covered, "every RRset comes with its signature"
            if not answer:
                assert types_in(reply) & {dns.rdatatype.NSEC, dns.rdatatype.NSEC3}
        assert not ede(reply)


@pytest.mark.parametrize("name, rrtype, rcode, answer", BOGUS, ids=ids(BOGUS))
def test_bogus(server, name, rrtype, rcode, answer):
    """SERVFAIL with the reason and nothing else; the data only for those who
    check it themselves (CD); AD for nobody."""
    for do, _, cd, reply in asked_every_way(server, name, rrtype):
        assert not reply.flags & dns.flags.AD
        if cd:
            assert dns.rcode.to_text(reply.rcode()) == rcode
            assert bool(reply.answer) == answer
            if not do:
                assert not types_in(reply) & DNSSEC_TYPES
        else:
            assert reply.rcode() == dns.rcode.SERVFAIL
            assert not reply.answer and not reply.authority
            assert set(ede(reply)) & BOGUS_EDE


@pytest.mark.parametrize("name, rrtype, code", (
    ("bogus.lab.", "MX", 6), ("nosuch.bogus-nxdomain.lab.", "A", 6),
    ("expired.lab.", "MX", 7), ("future.lab.", "MX", 8), ("ds-nokey.lab.", "MX", 9),
    ("ds-leftover.lab.", "MX", 9), ("stripped.lab.", "MX", 10)))
def test_reason(server, name, rrtype, code):
    """The INFO-CODE of RFC 8914 that fits, with words for people."""
    reply = server.ask(name, rrtype)
    assert ede(reply) == [code]
    assert reply.options[0].text
    assert not server.ask(name, rrtype, edns=False).options


def test_reason_is_not_chosen_by_the_name(server):
    """The validator's words hold names, which anybody may register."""
    for name in ("nsec.expired.lab.", "rrsig.expired.lab.", "dnskey.expired.lab.",
                 "no\\032signatures.expired.lab."):
        assert ede(server.ask(name, "MX")) == [7]


@pytest.mark.parametrize("first_cd", (False, True), ids=("cd0-first", "cd1-first"))
@pytest.mark.parametrize("name, rrtype, rcode, answer", BOGUS, ids=ids(BOGUS))
def test_bogus_in_both_orders(relay, name, rrtype, rcode, answer, first_cd):
    """Who asks first does not matter, and one fetch serves both."""
    with Mxbound() as fresh:
        asked = None
        for cd in (first_cd, not first_cd, first_cd):
            reply = fresh.ask(name, rrtype, cd=cd)
            wanted = rcode if cd else "SERVFAIL"
            assert dns.rcode.to_text(reply.rcode()) == wanted
            assert bool(reply.answer) == (cd and answer)
            assert not reply.flags & dns.flags.AD
            assert asked in (None, relay.count()), "asked upstream again"
            asked = relay.count()


@pytest.mark.parametrize("name, rrtype", (
    ("healthy.lab.", "MX"), ("healthy.lab.", "A"), ("nosuch.healthy.lab.", "A"),
    ("unsigned.lab.", "MX"), ("any.wild.lab.", "MX")))
def test_one_fetch_serves_all_flags(relay, name, rrtype):
    with Mxbound("mail-prefetch: no") as fresh:
        fresh.ask(name, rrtype)
        relay.forget()
        for _ in asked_every_way(fresh, name, rrtype):
            pass
        assert relay.count() == 0


def test_root_ns_is_secure(server):
    """What Postfix asks to see whether its resolver validates."""
    reply = server.ask(".", "NS", ad=True)
    assert reply.flags & dns.flags.AD and len(reply.answer[0]) == 3


@pytest.mark.parametrize("name, rrtype, count", (
    ("healthy.lab.", "DNSKEY", 1), ("healthy.lab.", "DS", 1), ("healthy.lab.", "NSEC", 1),
    ("nsec3.lab.", "NSEC3PARAM", 1), ("healthy.lab.", "RRSIG", None)))
def test_asked_for_by_type(server, name, rrtype, count):
    """DNSSEC RRs that are the question are the answer, with DO and without
    (RFC 4035 3.2.1)."""
    for do in (False, True):
        reply = server.ask(name, rrtype, do=do, tcp=True)
        wanted = [s for s in reply.answer if s.rdtype == dns.rdatatype.from_text(rrtype)]
        assert wanted
        if count is not None:
            assert sum(len(s) for s in wanted) >= count
        if not do:
            assert types_in(reply) == {dns.rdatatype.from_text(rrtype)}


def test_ds_comes_from_the_parent(server):
    """A DS is the parent's (RFC 4035 3.1.4.1), its denial too."""
    secure = server.ask("healthy.lab.", "DS", do=True)
    assert secure.flags & dns.flags.AD
    assert {s[0].signer.to_text() for s in secure.answer if s.rdtype == dns.rdatatype.RRSIG} == \
        {"lab."}
    denied = server.ask("unsigned.lab.", "DS", do=True)
    assert denied.flags & dns.flags.AD and not denied.answer
    assert {s.name.to_text() for s in denied.authority if s.rdtype == dns.rdatatype.SOA} == {"lab."}


def test_secure_head_insecure_tail(server):
    """DANE needs to know of the first alias alone (RFC 7672 2.2.2): asked by
    type it is secure, what it leads to is not."""
    assert server.ask("mx.mx-tail.lab.", "CNAME", ad=True).flags & dns.flags.AD
    assert not server.ask("mx.mx-tail.lab.", "A", ad=True).flags & dns.flags.AD


def test_denial_of_tlsa_is_never_made_up(server):
    """Secure denial, insecure denial and no answer at all differ: only the
    first may lead to mail without DANE (RFC 7672 2.1.1)."""
    secure = server.ask("_25._tcp.mx2.five.lab.", "TLSA", ad=True)
    assert secure.rcode() == dns.rcode.NXDOMAIN and secure.flags & dns.flags.AD
    insecure = server.ask("_25._tcp.mx.unsigned.lab.", "TLSA", ad=True)
    assert insecure.rcode() == dns.rcode.NXDOMAIN and not insecure.flags & dns.flags.AD
    for name in ("_25._tcp.mx.bogus-tlsa.lab.", "_25._tcp.mx.drops-tlsa.lab."):
        assert server.ask(name, "TLSA", ad=True).rcode() == dns.rcode.SERVFAIL
