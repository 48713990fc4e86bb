"""Answers past their TTL, and questions asked again when it runs out: the real
programs, with the lab's servers silenced or an authority of our own. What the
clock must show is waited for, never measured."""

import time

import dns.flags
import dns.rcode
import pytest

from authority import reply_to, soa
from mxbound import PATIENCE, Mxbound, ede, wait_until
from test_lookup import ZONE, in_own

TTL_S = 2
PAST_S = TTL_S + 1.2             # libunbound's own copy is gone by then too
STALE = 3


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


def ttls(reply):
    return {rrset.ttl for rrset in reply.answer}


def zone(silent, rdata):
    """Answers with a short TTL while silent is empty; rdata: type -> text."""
    def handle(name, rrtype, asked):
        if silent:
            return None
        return [f"{name} {TTL_S} {rrtype} {rdata[rrtype]}"] if rrtype in rdata else []
    return handle


@pytest.mark.slow
def test_the_lab_goes_silent(relay):
    """Every server there is falls silent: what was asked before is still
    answered, secure and insecure, without longer waits than anybody bears; and
    fresh again as soon as they are back."""
    names = [("d000.lab.", "MX"), ("d001.lab.", "MX"), ("mx1.d000.lab.", "A")]
    with Mxbound("ttl-max: 2s", "stale-after: 300ms") as server:
        before = {n: server.ask(*n, do=True) for n in names}
        before = {n: r for n, r in before.items() if r.answer}
        assert any(r.flags & dns.flags.AD for r in before.values())
        assert not all(r.flags & dns.flags.AD for r in before.values())
        time.sleep(PAST_S)
        relay.set("*", silent=True)
        for n, fresh in before.items():
            reply = server.ask(*n, do=True)
            assert rcode(reply) == "NOERROR" and STALE in ede(reply), n
            assert {(r.name, r.rdtype) for r in reply.answer} == \
                {(r.name, r.rdtype) for r in fresh.answer}
            assert reply.flags & dns.flags.AD == fresh.flags & dns.flags.AD
            assert max(ttls(reply)) <= 30
            # From now on at once, by either transport.
            assert STALE in ede(server.ask(*n, tcp=True))
        assert rcode(server.ask("never-asked.d000.lab.", "A")) == "SERVFAIL"
        relay.reset()
        for n in before:
            wait_until(lambda n=n: STALE not in ede(server.ask(*n)) and
                       rcode(server.ask(*n)) == "NOERROR", 60 * PATIENCE, "fresh again")
        counters = server.stop()
    if counters:
        assert counters["stale_after_wait"] >= 1 and counters["hits_stale"] >= 1


@pytest.mark.parametrize("name, rrtype, rdata", [
    ("_25._tcp.mx.", "TLSA", "3 1 1 " + 64 * "a"),
    ("_mta-sts.", "TXT", '"v=STSv1; id=1;"'),
    ("2.0.0.127.bl.", "A", "127.0.0.2"),
    ("named.", "A", "192.0.2.1"),
    ("missing.", "AAAA", None),
])
def test_never_stale(name, rrtype, rdata):
    silent = []
    authority, server = in_own(zone(silent, {rrtype: rdata} if rdata else {}),
                               "stale-after: 0ms", "query-deadline: 1s",
                               "negative-ttl-max: 2s",
                               f"stale-never: named.{ZONE}")
    with authority, server:
        wait_until(lambda: rcode(server.ask(name + ZONE, rrtype)) == "NOERROR", 20, "there")
        silent.append(True)
        time.sleep(PAST_S)
        reply = server.ask(name + ZONE, rrtype)
        assert rcode(reply) == "SERVFAIL" and STALE not in ede(reply)


def test_off():
    silent = []
    authority, server = in_own(zone(silent, {"MX": f"10 mx.{ZONE}"}),
                               "serve-stale: no", "query-deadline: 1s")
    with authority, server:
        assert rcode(server.ask(f"off.{ZONE}")) == "NOERROR"
        silent.append(True)
        time.sleep(PAST_S)
        assert rcode(server.ask(f"off.{ZONE}")) == "SERVFAIL"


def test_asked_to_the_end_and_then_stale():
    """Asked all the time, also in the last second, in which libunbound gives
    what it has with TTL 0; nothing of that may cost the stale answer."""
    silent = []
    authority, server = in_own(zone(silent, {"MX": f"10 mx.{ZONE}"}),
                               "stale-after: 100ms", "refresh: no")
    with authority, server:
        assert rcode(server.ask(f"busy.{ZONE}")) == "NOERROR"
        silent.append(True)
        wait_until(lambda: STALE in ede(checked(server)), 20, "stale")


def checked(server):
    reply = server.ask(f"busy.{ZONE}")
    assert rcode(reply) == "NOERROR" and reply.answer, reply
    return reply


def test_denied_at_once():
    """A fresh NXDOMAIN ends what is stale."""
    gone = []

    def handle(name, rrtype, asked):
        if gone:
            return gone[0](asked)
        return [f"{name} {TTL_S} {rrtype} 10 mx.{ZONE}"] if rrtype == "MX" else []

    def nxdomain(asked):
        return reply_to(asked, rcode=dns.rcode.NXDOMAIN, authority=[soa(ZONE)])
    authority, server = in_own(handle)
    with authority, server:
        assert rcode(server.ask(f"leaves.{ZONE}")) == "NOERROR"
        gone.append(nxdomain)
        wait_until(lambda: rcode(server.ask(f"leaves.{ZONE}")) == "NXDOMAIN",
                   20 * PATIENCE, "NXDOMAIN")
        assert rcode(server.ask(f"leaves.{ZONE}")) == "NXDOMAIN"


# --- asking again -----------------------------------------------------------------

def test_what_was_asked_twice_is_asked_again():
    """Without any client; but not what was asked once, nor a second time
    without hits."""
    authority, server = in_own(zone([], {"MX": f"10 mx.{ZONE}"}), "workers: 1")
    with authority, server:
        server.ask(f"once.{ZONE}")
        for _ in range(2):
            server.ask(f"twice.{ZONE}")
        wait_until(lambda: authority.count(f"twice.{ZONE}", "MX") == 2,
                   20 * PATIENCE, "asked again")
        time.sleep(2 * PAST_S)
        assert authority.count(f"twice.{ZONE}", "MX") == 2
        assert authority.count(f"once.{ZONE}", "MX") == 1
        counters = server.stop()
    if counters:
        assert counters["refreshes"] == 1 and counters["misses"] == 2


def test_no_refresh():
    authority, server = in_own(zone([], {"MX": f"10 mx.{ZONE}"}), "refresh: no")
    with authority, server:
        for _ in range(5):
            server.ask(f"twice.{ZONE}")
        time.sleep(2 * PAST_S)
        assert authority.count(f"twice.{ZONE}", "MX") == 1
