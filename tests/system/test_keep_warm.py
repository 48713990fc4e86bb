"""keep-warm: the real programs, with an authority of our own and with the lab.
What the clock must show is waited for, never measured. Where no client may miss
there is one worker: with two, a client of the other one asks beside it while
the answer is on its way, which goes upstream once all the same."""

import dns.flags
import dns.rcode
import pytest

from mxbound import PATIENCE, SANITIZED, Mxbound, wait_until
from test_lookup import ZONE, in_own

TTL_S = 6                        # longer than the least interval of five seconds
TLSA = "3 1 1 " + 64 * "a"


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


def zone(rdata, silent=()):
    """rdata: (name, type) -> list of texts, which a test may change."""
    def handle(name, rrtype, asked):
        if name in silent:
            return None
        return [f"{name} {TTL_S} {rrtype} {text}" for text in rdata.get((name, rrtype), [])]
    return handle


def after_next(authority, name, rrtype):
    """Wait until mxbound has asked it once more, of its own accord."""
    before = authority.count(name, rrtype)
    wait_until(lambda: authority.count(name, rrtype) > before,
               (TTL_S + 10) * PATIENCE, f"{name} {rrtype} asked again")


def test_kept_without_any_client():
    """Long after the first TTL a client's first query is a hit, and causes none
    upstream."""
    mail, mx = f"warm.{ZONE}", f"mx.warm.{ZONE}"
    names = [(mail, "MX"), (mx, "A"), (mx, "AAAA")]
    authority, server = in_own(zone({(mail, "MX"): [f"10 {mx}"], (mx, "A"): ["192.0.2.1"],
                                     (mx, "AAAA"): ["2001:db8::1"]}),
                               "workers: 1", f"keep-warm: {mail.upper()}")
    with authority, server:
        for _ in range(2):
            after_next(authority, *names[0])
        wait_until(lambda: all(authority.count(*n) >= 2 for n in names),
                   (TTL_S + 10) * PATIENCE, "all asked twice")
        # Right after it was asked again, each has seconds to live.
        for name in names:
            after_next(authority, *name)
            asked = authority.count(*name)
            reply = server.ask(*name)
            assert rcode(reply) == "NOERROR" and reply.answer
            assert authority.count(*name) == asked
        # It is not signed: no TLSA is wanted.
        assert authority.count(rrtype="TLSA") == 0
        counters = server.stop()
    if counters:
        assert counters["misses"] == 0 and counters["hits"] + counters["joined"] == 3
        # Three times three, but for what libunbound sent twice.
        assert counters["warmed"] >= 6


# Half a minute of waiting for TTLs; sanitizers see the same code in the others
# and in tests/unit.
slow = pytest.mark.skipif(SANITIZED, reason="waits long, and no longer for a sanitizer")


@slow
def test_follows_a_new_mx():
    mail = f"moves.{ZONE}"
    rdata = {(mail, "MX"): [f"10 old.{ZONE}"]}
    authority, server = in_own(zone(rdata), f"keep-warm: {mail}")
    with authority, server:
        wait_until(lambda: authority.count(f"old.{ZONE}", "AAAA"), 20 * PATIENCE, "old")
        rdata[mail, "MX"] = [f"10 new.{ZONE}"]
        wait_until(lambda: authority.count(f"new.{ZONE}", "AAAA"),
                   (TTL_S + 10) * PATIENCE, "new")
        old = authority.count(f"old.{ZONE}")
        for _ in range(2):
            after_next(authority, mail, "MX")
        assert authority.count(f"old.{ZONE}") <= old + 1   # perhaps on its way


@slow
def test_a_dead_domain_costs_little():
    """One that answers is kept while another is silent; nothing is counted or
    kept as a client's failure."""
    dead, alive = f"dead.{ZONE}", f"alive.{ZONE}"
    authority, server = in_own(zone({(alive, "MX"): ["0 ."]}, silent=[dead]),
                               f"keep-warm: {dead}", f"keep-warm: {alive}")
    with authority, server:
        wait_until(lambda: authority.count(dead, "MX"), 20 * PATIENCE, "dead asked")
        for _ in range(3):
            after_next(authority, alive, "MX")
        assert authority.count(dead, "MX") <= 12    # libunbound's own retries
        counters = server.stop()
    if counters:
        assert counters["deadlines"] == 0 and counters["queries"] == 0


HEALTHY = [("healthy.lab.", "MX"), ("mx1.healthy.lab.", "A"), ("mx1.healthy.lab.", "AAAA"),
           ("mx2.healthy.lab.", "A"), ("_25._tcp.mx1.healthy.lab.", "TLSA"),
           ("_25._tcp.mx2.healthy.lab.", "TLSA")]
IMPLICIT = [("implicit.lab.", "A"), ("implicit.lab.", "AAAA"),
            ("_25._tcp.implicit.lab.", "TLSA")]
ALIAS = [("mx-cname.lab.", "MX"), ("mx.mx-cname.lab.", "A"),
         ("_25._tcp.host.mx-cname.lab.", "TLSA"), ("_25._tcp.mx.mx-cname.lab.", "TLSA")]


@pytest.mark.parametrize("names", [HEALTHY, IMPLICIT, ALIAS], ids=lambda n: n[0][0])
def test_signed(relay, names):
    """All that DANE needs is there with AD for a client's first query."""
    domain = names[0][0]
    with Mxbound("workers: 1", f"keep-warm: {domain}") as server:
        wait_until(lambda: all(relay.count(name=n, type=t) for n, t in names),
                   20 * PATIENCE, "asked")
        for name, rrtype in names:
            reply = server.ask(name, rrtype, do=True)
            assert rcode(reply) == "NOERROR" and reply.answer, (name, rrtype)
            assert reply.flags & dns.flags.AD, (name, rrtype)
        counters = server.stop()
    if counters:
        assert counters["misses"] == 0 and counters["warmed"] >= len(names)


def test_insecure_addresses_end_dane(relay):
    """RFC 7672, section 2.2.2: MX is secure, the addresses are not, and nobody
    would ask for TLSA."""
    exchange = "o003-lab.mail.outmail.lab."
    with Mxbound("workers: 1", "keep-warm: o003.lab") as server:
        wait_until(lambda: all(relay.count(name=exchange, type=t) for t in ("A", "AAAA")),
                   20 * PATIENCE, "asked")
        for name, rrtype in (("o003.lab.", "MX"), (exchange, "A"), (exchange, "AAAA")):
            assert rcode(server.ask(name, rrtype)) == "NOERROR"
        assert relay.count(type="TLSA") == 0
        counters = server.stop()
    if counters:
        assert counters["misses"] == 0 and counters["warmed"] == 3


def test_special_names_stay_here(relay):
    with Mxbound("keep-warm: localhost", "keep-warm: mail.onion",
                 "keep-warm: healthy.lab") as server:
        wait_until(lambda: relay.count(name="healthy.lab.", type="MX"), 20 * PATIENCE, "asked")
        counters = server.stop()
    seen = {name for _, name, *_ in relay.counts()}
    assert not any(name.endswith(("localhost.", "onion.")) for name in seen), seen
    if counters:
        assert counters["upstream_failures"] == 0
