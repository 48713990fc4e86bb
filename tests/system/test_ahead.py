"""Asking ahead: the real programs and the lab, whose relay says what was asked.
A client asks for MX; what a mail server asks next must be there, or on its
way, and go upstream once. One worker: with two, a client of the other one asks
the resolver again, which joins the two."""

from concurrent.futures import ThreadPoolExecutor

import dns.flags
import dns.rcode
import pytest

from mxbound import PATIENCE, Mxbound, wait_until

PROVIDERS = (".alpha.lab.", ".beta.post.")

HEALTHY = ("healthy.lab.", [
    ("mx1.healthy.lab.", "A"), ("mx1.healthy.lab.", "AAAA"),
    ("_25._tcp.mx1.healthy.lab.", "TLSA"), ("mx2.healthy.lab.", "A"),
    ("mx2.healthy.lab.", "AAAA"), ("_25._tcp.mx2.healthy.lab.", "TLSA")])
IMPLICIT = ("implicit.lab.", [
    ("implicit.lab.", "A"), ("implicit.lab.", "AAAA"), ("_25._tcp.implicit.lab.", "TLSA")])
ALIAS = ("mx-cname.lab.", [
    ("mx.mx-cname.lab.", "A"), ("mx.mx-cname.lab.", "AAAA"),
    ("_25._tcp.mx.mx-cname.lab.", "TLSA"), ("_25._tcp.host.mx-cname.lab.", "TLSA")])


def one_worker(*options):
    return Mxbound("workers: 1", *options)


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


def upstream(relay, below):
    """{(name, type): queries} of what is at or below a domain. What root and TLD
    were asked to find its servers is not counted."""
    seen = {}
    for server, name, rrtype, _, count in relay.counts():
        if ("." + name).endswith("." + below) and server.endswith(PROVIDERS):
            seen[name, rrtype] = seen.get((name, rrtype), 0) + count
    return seen


def secure_mx(server, domain):
    reply = server.ask(domain, "MX", do=True)
    assert rcode(reply) == "NOERROR" and reply.flags & dns.flags.AD


def all_asked(relay, names):
    wait_until(lambda: all(relay.count(name=n, type=t) for n, t in names), 20, names)


def ask_all(server, names):
    for name, rrtype in names:
        reply = server.ask(name, rrtype, do=True)
        assert rcode(reply) in ("NOERROR", "NXDOMAIN") and reply.flags & dns.flags.AD, name


@pytest.mark.parametrize("domain, names", [HEALTHY, IMPLICIT, ALIAS], ids=lambda v: str(v)[:12])
def test_there_when_asked_for(relay, domain, names):
    with one_worker() as server:
        secure_mx(server, domain)
        all_asked(relay, names)
        ask_all(server, names)
        seen = upstream(relay, domain)
        # libunbound asks for the end of an alias anew, whoever wants it.
        ends = [(f"host.{domain}", t) for t in ("A", "AAAA") if (domain, names) == ALIAS]
        assert seen == {n: 1 for n in [(domain, "MX"), (domain, "DNSKEY"), *names, *ends]}
        # And again: not one query.
        relay.forget()
        secure_mx(server, domain)
        ask_all(server, names)
        assert relay.count() == 0
        counters = server.stop()
    if counters:
        assert counters["misses"] == 1 and counters["ahead"] == len(names)
        assert counters["hits"] + counters["joined"] == 2 * len(names) + 1
        assert counters["ahead_over_rate"] == counters["ahead_no_room"] == 0


def test_who_asks_meanwhile_joins(relay):
    """Answers on their way: nobody asks twice, in whatever order."""
    domain, names = HEALTHY
    for name_server in ("ns1.alpha.lab.", "ns2.alpha.lab."):
        relay.set(name_server, delay_ms=200)
    with one_worker() as server:
        secure_mx(server, domain)
        with ThreadPoolExecutor(len(names)) as pool:
            replies = list(pool.map(lambda n: server.ask(*n), names[::-1]))
        assert all(rcode(r) == "NOERROR" for r in replies)
        assert all(upstream(relay, domain)[n] == 1 for n in names)
        counters = server.stop()
    if counters:
        assert counters["misses"] == 1
        assert counters["ahead_joined"] <= counters["joined"] <= len(names)


@pytest.mark.parametrize("domain, expected", [
    ("nullmx.lab.", "NOERROR"), ("nosuch.lab.", "NXDOMAIN"), ("bogus.lab.", "SERVFAIL"),
    ("servfail.lab.", "SERVFAIL")])
def test_nothing_to_ask(relay, domain, expected):
    with one_worker() as server:
        assert rcode(server.ask(domain, "MX")) == expected
        # Another question after it, so that what follows it would be seen.
        secure_mx(server, "healthy.lab.")
        all_asked(relay, HEALTHY[1])
        assert not relay.count(name=domain, type="A") and not relay.count(name=domain, type="AAAA")
        counters = server.stop()
    if counters:
        assert counters["ahead"] == len(HEALTHY[1])


def test_switched_off(relay):
    with one_worker("mail-prefetch: no") as server:
        secure_mx(server, "healthy.lab.")
        secure_mx(server, "implicit.lab.")
        for domain in ("healthy.lab.", "implicit.lab."):
            assert set(upstream(relay, domain)) == {(domain, "MX"), (domain, "DNSKEY")}
        counters = server.stop()
    if counters:
        assert counters["ahead"] == 0 and counters["misses"] == 2


def test_insecure_needs_no_tlsa(relay):
    names = [("mx.unsigned.lab.", "A"), ("mx.unsigned.lab.", "AAAA")]
    with one_worker() as server:
        assert rcode(server.ask("unsigned.lab.", "MX")) == "NOERROR"
        all_asked(relay, names)
        for name in names:
            assert rcode(server.ask(*name)) == "NOERROR"
        assert relay.count(type="TLSA") == 0
        assert relay.count(name="unsigned.lab.", type="DNSKEY") == 0


def test_secure_mx_insecure_addresses(relay):
    """TLSA is asked once, before the addresses are known to be insecure (RFC
    7672, section 2.1.2), and not again for another domain with the same."""
    exchange = "o003-lab.mail.outmail.lab."
    names = [(exchange, "A"), (exchange, "AAAA"), (f"_25._tcp.{exchange}", "TLSA")]
    with one_worker() as server:
        secure_mx(server, "o003.lab.")
        all_asked(relay, names)
        for name in names[:2]:
            assert rcode(server.ask(*name)) == "NOERROR"
        assert all(upstream(relay, exchange)[n] == 1 for n in names)


def test_500_exchanges_cost_no_more_than_8(relay):
    with one_worker() as server:
        secure_mx(server, "mx500.lab.")
        for rrtype in ("A", "AAAA", "TLSA"):
            wait_until(lambda t=rrtype: relay.count(type=t) >= 8, 20, rrtype)
        # The best eight, of which each was asked for once.
        names = [(f"{b}mx{i}.mx500.lab.", t) for i in range(8)
                 for b, t in (("", "A"), ("", "AAAA"), ("_25._tcp.", "TLSA"))]
        ask_all(server, names)
        seen = upstream(relay, "mx500.lab.")
        asked = {n: count for n, count in seen.items() if n[1] in ("A", "AAAA", "TLSA")}
        assert set(asked) <= set(names), asked
        counters = server.stop()
    if counters:
        assert counters["ahead"] == 24 and counters["misses"] == 1


def test_budget(relay):
    """Three a second: the best exchange's. What was dropped is asked when it is
    wanted."""
    domain, names = HEALTHY
    with one_worker("mail-prefetch-rate: 3") as server:
        secure_mx(server, domain)
        all_asked(relay, names[:3])
        ask_all(server, names)
        counters = server.stop()
    if counters:
        assert counters["ahead"] == counters["ahead_over_rate"] == 3
        assert counters["misses"] == 4


def test_many_random_subdomains(relay):
    """A wildcard MX: every name is a miss, and all of them together cost what
    one costs, since they name the same exchange."""
    with one_worker() as server:
        for i in range(20):
            assert rcode(server.ask(f"random{i}.wild.lab.", "MX")) == "NOERROR"
        wait_until(lambda: relay.count(type="AAAA"), 20, "asked")
        counters = server.stop()
    if counters:
        assert counters["misses"] == 20 and 0 < counters["ahead"] <= 3


def test_keys_go_out_beside_the_question(relay):
    """libunbound's prefetch-key, on which it rests that DNSKEY is not asked
    ahead: the keys are asked for while nobody answers for MX."""
    for name_server in ("ns1.alpha.lab.", "ns2.alpha.lab."):
        relay.set(name_server, drop_types=["MX"])
    with one_worker() as server:
        server.ask("ttl-key.lab.", "MX")
        assert relay.count(name="ttl-key.lab.", type="MX")
        assert relay.count(name="ttl-key.lab.", type="DNSKEY")


def test_keys_again_when_the_delegation_is_known(relay):
    """The same when its keys have run out and its servers are still known."""
    with one_worker() as server:
        secure_mx(server, "ttl-key.lab.")

        def again():
            relay.forget()
            secure_mx(server, "ttl-key.lab.")
            return relay.count(name="ttl-key.lab.", type="DNSKEY")
        wait_until(again, 10 * PATIENCE, "keys asked for again")
        seen = upstream(relay, "ttl-key.lab.")
        assert seen["ttl-key.lab.", "DNSKEY"] == 1
        assert not relay.count(server="ns1.nic.lab.", name="ttl-key.lab.")


def test_ends_with_questions_in_flight(relay):
    """Nothing that was asked ahead keeps a front from ending."""
    with one_worker() as server:
        for name_server in ("ns1.alpha.lab.", "ns2.alpha.lab."):
            relay.set(name_server, drop_types=["A", "AAAA", "TLSA"])
        secure_mx(server, "healthy.lab.")
        all_asked(relay, HEALTHY[1][:3])
        counters = server.stop()
    if counters:
        assert counters["ahead"] == 6 and counters["deadlines"] == 0
