"""Names that never leave this host: RFC 6761, 6303, 7686, 8375, 9476, 7793."""

import dns.flags
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest

from authority import Authority, reply_to
from mxbound import Mxbound

HALF6 = ".".join("0" * 31)
ZONES = ["localhost.", "invalid.", "test.", "onion.", "alt.", "home.arpa.",
         "10.in-addr.arpa.", "168.192.in-addr.arpa.",
         "0.in-addr.arpa.", "127.in-addr.arpa.", "254.169.in-addr.arpa.",
         "2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.",
         "255.255.255.255.in-addr.arpa.",
         f"0.{HALF6}.ip6.arpa.", f"1.{HALF6}.ip6.arpa.",
         "d.f.ip6.arpa.", "8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.",
         "b.e.f.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."] + \
    [f"{i}.172.in-addr.arpa." for i in range(16, 32)] + \
    [f"{i}.100.in-addr.arpa." for i in (64, 100, 127)]
NEIGHBOURS = ["9.in-addr.arpa.", "11.in-addr.arpa.", "15.172.in-addr.arpa.",
              "32.172.in-addr.arpa.", "167.192.in-addr.arpa.", "63.100.in-addr.arpa.",
              "128.100.in-addr.arpa.", "128.in-addr.arpa.", "1.0.192.in-addr.arpa.",
              "c.e.f.ip6.arpa.", "7.e.f.ip6.arpa.", "example.", "local.",
              "xlocalhost.", "arpa.", "in-addr.arpa."]
ROOT = [f"{letter}.root." for letter in "abc"]


def soa_of(reply):
    soas = [s for s in reply.authority if s.rdtype == dns.rdatatype.SOA]
    assert len(soas) == 1
    return soas[0]


def rrs_of(reply):
    return [rr.to_text() for s in reply.answer for rr in s]


@pytest.mark.parametrize("zone", ZONES)
def test_zone(server, relay, zone):
    """SOA and NS at the top, nothing below, denials with the SOA and so with
    a lifetime (RFC 2308); not one question leaves the host."""
    wait_quiet(server, relay)
    for spelt in (zone, zone.upper()):
        soa = server.ask(spelt, "SOA")
        assert len(soa.answer) == 1 and soa.answer[0].name == soa.question[0].name
        assert server.ask(spelt, "NS").answer
        nodata = server.ask(spelt, "MX")
        assert nodata.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and not nodata.answer
        assert soa_of(nodata).name == soa.question[0].name
    if zone != "localhost.":
        for name in (f"x.{zone}", f"a.b.c.d.x.{zone}"):
            for rrtype in ("A", "AAAA", "MX", "TXT", "PTR", "TYPE65280"):
                reply = server.ask(name, rrtype, do=True)
                assert reply.rcode() == dns.rcode.NXDOMAIN and not reply.answer
                assert soa_of(reply).name.to_text() == zone
                assert 0 < soa_of(reply).ttl <= 86400
                assert not reply.flags & (dns.flags.AD | dns.flags.AA)
    assert relay.count() == 0


def wait_quiet(server, relay):
    """Whatever else was on its way has been asked: the self-test."""
    server.ask(".", "NS")
    relay.forget()


@pytest.mark.parametrize("name", ("localhost.", "LocalHost.", "a.localhost.", "mail.x.localhost."))
def test_localhost(server, relay, name):
    """Addresses of this host for the name and all below (RFC 6761 6.3)."""
    wait_quiet(server, relay)
    assert rrs_of(server.ask(name, "A")) == ["127.0.0.1"]
    assert rrs_of(server.ask(name, "AAAA")) == ["::1"]
    assert server.ask(name, "A").answer[0].name == server.ask(name, "A").question[0].name
    nodata = server.ask(name, "MX")
    assert nodata.rcode() == dns.rcode.NOERROR and not nodata.answer and soa_of(nodata)
    assert relay.count() == 0


@pytest.mark.parametrize("address", ("127.0.0.1", "::1"))
def test_reverse_of_localhost(server, relay, address):
    wait_quiet(server, relay)
    name = dns.reversename.from_address(address).to_text()
    assert rrs_of(server.ask(name, "PTR")) == ["localhost."]
    assert not server.ask(name, "A").answer
    assert server.ask(name, "A").rcode() == dns.rcode.NOERROR
    assert relay.count() == 0


def test_above_the_reverse_of_localhost(server):
    """0.0.127.in-addr.arpa has a name below it, so it exists (RFC 8020)."""
    for name in ("0.0.127.in-addr.arpa.", "0.127.in-addr.arpa."):
        reply = server.ask(name, "PTR")
        assert reply.rcode() == dns.rcode.NOERROR and not reply.answer
    assert server.ask("2.0.0.127.in-addr.arpa.", "PTR").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_are_asked(server, relay, name):
    """What is next to a special name is not special: the root hears of it, or
    has proven already that there is nothing."""
    reply = server.ask(f"mxbound.{name}", "A", do=True)
    assert reply.flags & dns.flags.AD, "an answer from the tree, secure there"
    owners = {s.name.to_text() for s in reply.authority if s.rdtype == dns.rdatatype.SOA}
    assert owners <= {".", "in-addr.arpa.", "ip6.arpa."}


def test_block_list_answers_pass(server):
    """127.0.0.x is an answer like any other (RFC 5782)."""
    for zone in ("dnsbl.lab.", "dnsbl-signed.post."):
        assert rrs_of(server.ask(f"2.0.0.127.{zone}", "A")) == ["127.0.0.2"]
        assert sorted(rrs_of(server.ask(f"1.66.18.198.{zone}", "A"))) == ["127.0.0.2", "127.0.0.4"]
        assert rrs_of(server.ask(f"254.66.18.198.{zone}", "A")) == ["127.255.255.254"]


def test_private_addresses_pass(server):
    """An exchanger may have a loopback address; it is for the MTA to object."""
    assert rrs_of(server.ask("lo4.mx-localhost.lab.", "A")) == ["127.0.0.1"]
    assert rrs_of(server.ask("lo6.mx-localhost.lab.", "AAAA")) == ["::1"]
    assert rrs_of(server.ask("zero.mx-localhost.lab.", "A")) == ["0.0.0.0"]


@pytest.mark.parametrize("kind", ("forward", "stub"))
@pytest.mark.parametrize("zone, name, rrtype, rdata", (
    ("10.in-addr.arpa.", "1.2.3.10.in-addr.arpa.", "PTR", "mx.inside.home.arpa."),
    ("home.arpa.", "mx.home.arpa.", "A", "10.3.2.1"),
    ("test.", "mx.test.", "A", "10.3.2.2"),
    ("mail.test.", "mx.mail.test.", "A", "10.3.2.3"),
    ("64.100.in-addr.arpa.", "1.1.64.100.in-addr.arpa.", "PTR", "cgn.example."),
))
def test_zone_of_the_site(kind, zone, name, rrtype, rdata):
    """A forward-zone or stub-zone at or below a special zone is asked: that
    is how a site serves its own."""
    def handler(query, transport):
        asked = query.question[0]
        if asked.name.to_text().lower() == name and \
                asked.rdtype == dns.rdatatype.from_text(rrtype):
            return reply_to(query, f"{name} 60 {rrtype} {rdata}")
        return reply_to(query)

    with Authority(handler) as authority, Mxbound(*authority.options(zone, kind)) as server:
        assert rrs_of(server.ask(name, rrtype)) == [rdata]
        assert authority.count(name, rrtype) == 1
        # What is beside it in the special zone stays here.
        if zone == "mail.test.":
            assert server.ask("mx.other.test.", "A").rcode() == dns.rcode.NXDOMAIN
            assert not authority.count("mx.other.test.", "A")


def test_localhost_within_a_forwarded_root():
    """Forwarding everything does not forward what is special."""
    with Authority(lambda query, transport: reply_to(query)) as authority, \
            Mxbound(*authority.options(".", "forward")) as server:
        assert rrs_of(server.ask("localhost.", "A")) == ["127.0.0.1"]
        assert server.ask("x.invalid.", "A").rcode() == dns.rcode.NXDOMAIN
        assert server.ask("1.2.3.10.in-addr.arpa.", "PTR").rcode() == dns.rcode.NXDOMAIN
        names = {name.lower() for name, _, _ in authority.asked}
        assert not {n for n in names if n.endswith(("localhost.", "invalid.", "10.in-addr.arpa."))}
