"""What mail needs of its resolver, a test for each rule.

MX sets, DANE and lifetimes as RFC 5321, 7505, 7672, 2308, 9520 and others
want them. What is for the MTA to decide (which exchanger, which TLS) is not
here; that it gets everything it decides by, unchanged and in time, is.
"""

import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest

from authority import Authority, reply_to, soa
from mxbound import PATIENCE, Mxbound, ede, wait_until

ZONE = "own.example."


def rdata(reply, rrtype):
    wanted = dns.rdatatype.from_text(rrtype)
    return sorted(rr.to_text() for s in reply.answer if s.rdtype == wanted for rr in s)


def is_secure(reply):
    return bool(reply.flags & dns.flags.AD)


def soa_of(reply):
    return next(s for s in reply.authority if s.rdtype == dns.rdatatype.SOA)


@pytest.fixture(scope="module")
def server():
    """IPv6 upstream, since some servers of the lab have nothing else."""
    with Mxbound("ipv6-upstream: yes") as running:
        yield running


# --- MX (RFC 5321 5.1, 7505, 2181 10.3) ------------------------------------------------

@pytest.mark.parametrize("domain, secure", (("implicit.lab.", True),
                                            ("implicit-unsigned.lab.", False)))
def test_no_mx_is_nodata(server, domain, secure):
    """A domain without MX is its own exchanger (RFC 5321 5.1): MX is NODATA,
    not NXDOMAIN, and the address is there."""
    reply = server.ask(domain, "MX", ad=True)
    assert reply.rcode() == dns.rcode.NOERROR and not reply.answer
    assert is_secure(reply) == secure and soa_of(reply)
    assert server.ask(domain, "A").answer


def test_no_domain_is_nxdomain(server):
    """A domain that is not there makes mail bounce (RFC 5321 5.1): only for
    names that really are not there."""
    for domain in ("nosuch.lab.", "nosuch.post.", "nosuch.healthy.lab."):
        assert server.ask(domain, "MX").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("domain", ("refused.lab.", "servfail.lab.", "silent.lab.", "bogus.lab.",
                                    "bogus-nodata.lab.", "expired.lab.", "ns-noaddress.lab.",
                                    "cycle-a.lab.", "selfglue.lab.", "closed.lab."))
def test_mx_that_cannot_be_had(server, domain):
    """Mail is to wait (RFC 5321 5.1): SERVFAIL, with no RR that could be
    taken for a denial or an answer, in time."""
    begin = time.monotonic()
    reply = server.ask(domain, "MX")
    assert time.monotonic() - begin < 4.9 * PATIENCE
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert not reply.answer and not reply.authority and ede(reply)


def test_all_exchangers_all_preferences(server):
    """The whole set with its preferences, however often it is asked, so that
    the MTA can sort it (RFC 5321 5.1)."""
    wanted = ["10 mx1.five.lab.", "10 mx2.five.lab.", "20 mx3.five.lab.", "20 mx4.five.lab.",
              "30 mx5.five.lab."]
    for _ in range(10):
        assert rdata(server.ask("five.lab.", "MX"), "MX") == wanted


@pytest.mark.parametrize("name, exchangers, secure", (
    ("secure.alias.lab.", 2, True), ("insecure.alias.lab.", 1, False),
    ("other.alias.lab.", 5, True), ("secure.alias-unsigned.lab.", 2, False),
    ("u.old.dname.lab.", 1, True)))
def test_domain_is_an_alias(server, name, exchangers, secure):
    """The MX of what the alias leads to (RFC 5321 5.1), the chain with it;
    secure only if all of it is."""
    reply = server.ask(name, "MX", ad=True)
    assert len(rdata(reply, "MX")) == exchangers
    assert reply.answer[0].rdtype in (dns.rdatatype.CNAME, dns.rdatatype.DNAME)
    assert is_secure(reply) == secure


def test_alias_to_trouble_is_trouble(server):
    for name in ("bogus.alias.lab.", "dead.alias.lab.", "loop1.chains.lab.", "self.chains.lab."):
        reply = server.ask(name, "MX")
        assert reply.rcode() == dns.rcode.SERVFAIL and not reply.answer


def test_two_cnames_at_one_owner(server):
    """Forbidden (RFC 2181 10.1) and met: one of them, or trouble; not both."""
    reply = server.ask("www.two-cnames.lab.", "A")
    assert len(rdata(reply, "CNAME")) <= 1


@pytest.mark.parametrize("rrtype", ("A", "AAAA"))
def test_exchanger_is_an_alias(server, rrtype):
    """Against RFC 2181 10.3 and common: the whole chain is told."""
    reply = server.ask("mx.mx-cname.lab.", rrtype, ad=True)
    assert rdata(reply, "CNAME") == ["host.mx-cname.lab."]
    assert bool(rdata(reply, rrtype)) == (rrtype == "A")
    assert is_secure(reply)


def test_exchanger_is_an_address(server):
    """Passed on as it stands: it is for the MTA to refuse or to try."""
    assert rdata(server.ask("mx-address.lab.", "MX"), "MX") == ["10 198.18.1.16."]
    assert server.ask("198.18.1.16.", "A").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("domain, wanted", (
    ("nullmx.lab.", ["0 ."]), ("tendot.lab.", ["10 ."]),
    ("nullmx-mixed.lab.", ["0 .", "10 mx.nullmx-mixed.lab."]),
    ("null.alias.lab.", ["0 ."])))
def test_null_mx(server, domain, wanted):
    """RFC 7505: the root as exchanger arrives as such, alone or, forbidden,
    among others, so that the MTA sees which."""
    assert rdata(server.ask(domain, "MX"), "MX") == wanted


def test_exchangers_that_are_this_host(server):
    """Names and addresses of loopback are not taken out: the MTA looks for
    itself among the exchangers, and must find itself."""
    assert rdata(server.ask("mx-localhost.lab.", "MX"), "MX")[0] == "10 localhost."
    assert rdata(server.ask("localhost.", "A"), "A") == ["127.0.0.1"]
    assert rdata(server.ask("lo4.mx-localhost.lab.", "A"), "A") == ["127.0.0.1"]
    assert rdata(server.ask("lo6.mx-localhost.lab.", "AAAA"), "AAAA") == ["::1"]
    assert rdata(server.ask("zero.mx-localhost.lab.", "A"), "A") == ["0.0.0.0"]


@pytest.mark.parametrize("name, rcode", (("empty.mx-noaddress.lab.", "NOERROR"),
                                         ("gone.mx-nothing.lab.", "NXDOMAIN")))
def test_exchanger_without_address(server, name, rcode):
    """NODATA or NXDOMAIN, so that the next exchanger is tried; no trouble."""
    for rrtype in ("A", "AAAA"):
        reply = server.ask(name, rrtype)
        assert dns.rcode.to_text(reply.rcode()) == rcode and not reply.answer


@pytest.mark.parametrize("domain, count", (("mx100.lab.", 100), ("mx500.lab.", 500)))
def test_many_exchangers(server, domain, count):
    """Whole, by TCP, for those who ask with EDNS and without."""
    for edns in (False, True):
        assert len(rdata(server.ask(domain, "MX", edns=edns), "MX")) == count


def test_one_family_is_enough(server):
    """A is there while AAAA fails, is bogus, or is not there: mail goes over
    IPv4; and the other way around."""
    for domain, rcode in (("fails-aaaa.lab.", "SERVFAIL"), ("bogus-aaaa.lab.", "SERVFAIL"),
                          ("drops-aaaa.lab.", "SERVFAIL"), ("rsa.lab.", "NOERROR")):
        assert rdata(server.ask(f"mx.{domain}", "A"), "A")
        reply = server.ask(f"mx.{domain}", "AAAA")
        assert dns.rcode.to_text(reply.rcode()) == rcode and not reply.answer
        assert rdata(server.ask(f"mx.{domain}", "A"), "A")
    assert rdata(server.ask("mx.aaaaonly.lab.", "AAAA"), "AAAA")
    assert not server.ask("mx.aaaaonly.lab.", "A").answer


def test_letter_case_and_idn(server):
    """Domains are the same in any case (RFC 5321 2.3.5); an IDN is asked as
    A-labels (RFC 5890)."""
    for asked, wanted in (("HEALTHY.Lab.", "10 mx1.healthy.lab."),
                          ("XN--MLLER-KVA.lab.", "10 xn--mlhost-yxa.xn--mller-kva.lab.")):
        reply = server.ask(asked, "MX")
        assert reply.question[0].name.to_text() == asked
        assert rdata(reply, "MX")[0].lower() == wanted


def test_exchangers_with_odd_names(server):
    """Underscores, blanks and dots in labels arrive unchanged, beside the
    good one: one odd name does not cost the others."""
    assert rdata(server.ask("mx-oddnames.lab.", "MX"), "MX") == [
        r"10 under_score.mx-oddnames.lab.", r"20 with\032space.mx-oddnames.lab.",
        r"30 dot\.ted.mx-oddnames.lab.", "40 mx.mx-oddnames.lab."]


@pytest.mark.parametrize("domain", ("half-lame.lab.", "half-dead.lab.", "two-views.lab.",
                                    "glueless.lab.", "glueless2.lab.", "v6only.lab.",
                                    "tcponly.lab.", "no-edns.lab.", "wrong-id.lab."))
def test_delegations_with_faults(server, domain):
    """One good way to one good server is enough. It may take longer than a
    client waits; then it asks again."""
    wait_until(lambda: server.ask(domain, "MX").answer or time.sleep(0.3), 15, domain)


def test_server_that_keeps_silent_about_tlsa(server):
    """TLSA that gets no answer is trouble, not absence (RFC 7672 2.1.1); the
    other types of that server go on."""
    assert server.ask("drops-tlsa.lab.", "MX").answer
    assert server.ask("mx.drops-tlsa.lab.", "A").answer
    assert server.ask("_25._tcp.mx.drops-tlsa.lab.", "TLSA").rcode() == dns.rcode.SERVFAIL
    assert server.ask("mx.drops-tlsa.lab.", "A").answer


@pytest.mark.parametrize("zone, secure", (("dnsbl.lab.", False), ("dnsbl-signed.post.", True)))
def test_block_list(server, zone, secure):
    """RFC 5782: listed is 127/8 and passes; not listed is NXDOMAIN with the
    SOA, whose lifetime postscreen uses, counted down like any."""
    assert rdata(server.ask(f"2.0.0.127.{zone}", "A"), "A") == ["127.0.0.2"]
    assert len(rdata(server.ask(f"1.66.18.198.{zone}", "A"), "A")) == 2
    assert rdata(server.ask(f"2.0.0.127.{zone}", "TXT"), "TXT")
    absent = server.ask(f"1.0.0.127.{zone}", "A", ad=True)
    assert absent.rcode() == dns.rcode.NXDOMAIN and is_secure(absent) == secure
    assert 0 < soa_of(absent).ttl <= 15
    wait_until(lambda: soa_of(server.ask(f"1.0.0.127.{zone}", "A")).ttl < soa_of(absent).ttl,
               4, "counted down")


# --- TXT and PTR -------------------------------------------------------------------------

@pytest.mark.parametrize("name, length", (
    ("s2048._domainkey.healthy.lab.", 400), ("k4096._domainkey.dkim4096.lab.", 650),
    ("bigtxt.lab.", 5000)))
def test_long_txt(server, name, length):
    """DKIM and SPF in several strings (RFC 7208 3.3, 6376 3.6.2.2): all of
    them, in order, to be joined by who reads them."""
    for edns in (False, True):
        reply = server.ask(name, "TXT", edns=edns)
        assert max(len(b"".join(rr.strings)) for rr in reply.answer[0]) >= length
        if "dkim4096" in name:
            joined = b"".join(reply.answer[0][0].strings)
            assert joined.endswith(b"A" * 230 + b"B" * 255 + b"C" * 200)


@pytest.mark.parametrize("name, count", (
    ("_dmarc.healthy.lab.", 1), ("_mta-sts.healthy.lab.", 1), ("_smtp._tls.healthy.lab.", 1),
    ("_mta-sts.sts-two.lab.", 2), ("_mta-sts.sts-beside.lab.", 2), ("_mta-sts.sts-alias.lab.", 1)))
def test_policy_txt(server, name, count):
    """DMARC, MTA-STS, TLSRPT: by alias too, and every RR of the set, since
    two policies are none (RFC 8461 3.1)."""
    assert len(rdata(server.ask(name, "TXT"), "TXT")) == count


def test_no_policy(server):
    """None there is a denial, and kept like one."""
    reply = server.ask("_dmarc.five.lab.", "TXT", ad=True)
    assert reply.rcode() == dns.rcode.NXDOMAIN and is_secure(reply)


@pytest.mark.parametrize("address, wanted", (
    ("198.18.0.1", ["mx1.healthy.lab."]), ("198.18.200.9", ["one.many.lab.", "two.many.lab."]),
    ("2001:2::1", ["mx1.healthy.lab."]), ("198.18.201.5", ["host5.customer.lab."])))
def test_reverse(server, address, wanted):
    """Also several, and through a classless delegation (RFC 2317)."""
    reply = server.ask(dns.reversename.from_address(address), "PTR")
    assert rdata(reply, "PTR") == wanted


# --- DANE (RFC 7672) -----------------------------------------------------------------------

@pytest.mark.parametrize("name, rrtype, rcode, secure", (
    ("_25._tcp.mx1.healthy.lab.", "TLSA", "NOERROR", True),
    ("_25._tcp.mx9.healthy.lab.", "TLSA", "NXDOMAIN", True),
    ("_tcp.mx.nsec3.lab.", "TLSA", "NOERROR", True),
    ("_26._tcp.mx.nsec3.lab.", "TLSA", "NXDOMAIN", True),
    ("_25._tcp.mx.unsigned.lab.", "TLSA", "NXDOMAIN", False),
    ("_25._tcp.o000-lab.mail.outmail.lab.", "TLSA", "NXDOMAIN", False),
    ("_25._tcp.mx.sub.optout.lab.", "TLSA", "NXDOMAIN", False),
    ("_25._tcp.mx.wild-tlsa.lab.", "TLSA", "NOERROR", True),
    ("_25._tcp.mx.tlsa-alias.lab.", "TLSA", "NOERROR", True),
    ("_25._tcp.mx.bogus-tlsa.lab.", "TLSA", "SERVFAIL", False)))
def test_tlsa(server, name, rrtype, rcode, secure):
    """RFC 7672 2.1.1: insecure is no error, bogus is one; each is told apart
    from a secure denial, on which mail goes without DANE."""
    for _ in range(2):
        reply = server.ask(name, rrtype, ad=True)
        assert dns.rcode.to_text(reply.rcode()) == rcode and is_secure(reply) == secure


def test_trouble_of_one_exchanger_only(server):
    """TLSA of one exchanger fails: what is known of the domain stays, so that
    the MTA can skip that one (RFC 7672 2.1.2)."""
    for _ in range(2):
        assert server.ask("_25._tcp.mx.bogus-tlsa.lab.", "TLSA").rcode() == dns.rcode.SERVFAIL
        assert is_secure(server.ask("bogus-tlsa.lab.", "MX", ad=True))
        assert is_secure(server.ask("mx.bogus-tlsa.lab.", "A", ad=True))


def test_mx_and_its_hosts_apart(server):
    """Each RRset has its own security: a secure MX with insecure addresses
    (RFC 7672 2.2.2), and an insecure MX with secure ones."""
    assert is_secure(server.ask("o000.lab.", "MX", ad=True))
    assert not is_secure(server.ask("o000-lab.mail.outmail.lab.", "A", ad=True))
    assert not is_secure(server.ask("alias-unsigned.lab.", "MX", ad=True))
    assert is_secure(server.ask("mx1.healthy.lab.", "A", ad=True))


def test_exchanger_by_alias(server):
    """RFC 7672 2.2.2: secure first alias, insecure tail. The address is
    insecure, the CNAME asked by itself is secure, and so is the TLSA at the
    name the alias has."""
    assert not is_secure(server.ask("mx.mx-tail.lab.", "A", ad=True))
    assert is_secure(server.ask("mx.mx-tail.lab.", "CNAME", ad=True))
    assert is_secure(server.ask("_25._tcp.mx.mx-tail.lab.", "TLSA", ad=True))


def test_tlsa_by_alias(server):
    """RFC 7672 2.2.3: the TLSA name may be an alias; all of the chain."""
    reply = server.ask("_25._tcp.mx.tlsa-alias.lab.", "TLSA", ad=True)
    assert rdata(reply, "CNAME") == ["_25._tcp.mx1.bigmail.post."] and rdata(reply, "TLSA")


def test_implicit_mx_is_proven(server):
    """No MX, proven: then the domain itself is a secure destination; not
    proven: it is not (RFC 7672 2.2)."""
    assert is_secure(server.ask("implicit.lab.", "MX", ad=True))
    assert is_secure(server.ask("_25._tcp.implicit.lab.", "TLSA", ad=True))
    assert not is_secure(server.ask("implicit-unsigned.lab.", "MX", ad=True))


def test_unusable_tlsa_arrive(server):
    """RFC 7672 3.1: which are usable is for the MTA to say, and secure ones
    that are not still mean TLS: none may be left out, however odd."""
    odd = ["3 1 1 " + "ab" * 32, "0 0 1 " + "cd" * 32, "3 1 255 00", "255 255 255 ff"]

    def handler(query, transport):
        asked = query.question[0]
        if asked.rdtype == dns.rdatatype.TLSA:
            return reply_to(query, *(f"{asked.name} 60 TLSA {o}" for o in odd))
        return reply_to(query, authority=[soa(ZONE)])
    with Authority(handler) as authority, Mxbound(*authority.options(ZONE)) as own:
        for _ in range(2):
            assert rdata(own.ask(f"_25._tcp.mx.{ZONE}", "TLSA"), "TLSA") == sorted(odd)


def test_many_tlsa(server):
    """More than UDP takes: TC, then all by TCP."""
    assert server.ask("_25._tcp.mx.manytlsa.lab.", "TLSA", retry_tcp=False).flags & dns.flags.TC
    reply = server.ask("_25._tcp.mx.manytlsa.lab.", "TLSA", ad=True)
    assert len(rdata(reply, "TLSA")) == 30 and is_secure(reply)


def test_large_keys(server):
    """A DNSKEY set larger than UDP takes does not stop validation."""
    assert is_secure(server.ask("bigkey.lab.", "MX", ad=True))
    assert len(rdata(server.ask("bigkey.lab.", "DNSKEY"), "DNSKEY")) >= 21


def test_ad_for_those_who_ask(server):
    """RFC 6840 5.7, 5.8: AD for a query with AD or DO, not for others; `. NS`
    is what Postfix looks at."""
    for name, rrtype in (("healthy.lab.", "MX"), (".", "NS")):
        assert is_secure(server.ask(name, rrtype, ad=True))
        assert is_secure(server.ask(name, rrtype, do=True))
        assert is_secure(server.ask(name, rrtype, ad=True, edns=False))
        assert not is_secure(server.ask(name, rrtype))


# --- the cache ---------------------------------------------------------------------------

def test_negative_lifetime(server):
    """RFC 2308 5: the lesser of the SOA's TTL and MINIMUM, here 300, and never
    longer than 15 minutes."""
    assert soa_of(server.ask("nothing.lab.", "MX")).ttl <= 300
    assert soa_of(server.ask("gone.nothing.lab.", "MX")).ttl <= 300


def test_negative_without_soa(relay):
    """RFC 2308 5: it is told, and not kept: asked again soon."""
    with Mxbound() as own:
        reply = own.ask("no-soa.lab.", "MX")
        assert reply.rcode() == dns.rcode.NOERROR and not reply.answer
        first = relay.count(name="no-soa.lab.", type="MX")
        wait_until(lambda: own.ask("no-soa.lab.", "MX") and
                   relay.count(name="no-soa.lab.", type="MX") > first, 10, "asked again")


def test_failure_is_kept_a_while(relay):
    """RFC 9520 3.2: a domain whose servers fail is not asked for each of the
    hundred mails in the queue."""
    with Mxbound() as own:
        own.ask("servfail.lab.", "MX")
        asked = relay.count(name="servfail.lab.")
        for _ in range(20):
            assert own.ask("servfail.lab.", "MX").rcode() == dns.rcode.SERVFAIL
        assert relay.count(name="servfail.lab.") == asked


@pytest.mark.parametrize("domain, most", (
    ("refused.lab.", 60), ("servfail.lab.", 60), ("cycle-a.lab.", 60), ("nxns.lab.", 120)))
def test_failed_servers_are_not_stormed(relay, domain, most):
    """One client's question has a bounded cost, also where delegations lead
    nowhere or in circles (TsuNAME, NXNSAttack)."""
    with Mxbound("workers: 1") as own:
        own.ask("healthy.lab.", "MX")
        relay.forget()
        assert own.ask(domain, "MX").rcode() == dns.rcode.SERVFAIL
        assert relay.count() <= most


@pytest.mark.parametrize("domain", ("refused.lab.", "servfail.lab."))
def test_two_retries(relay, domain):
    """RFC 9520 3.1: no server hears the same question more than three times
    over one transport."""
    with Mxbound("workers: 1") as own:
        own.ask(domain, "MX")
        often = [count for count in relay.counts() if count[-1] > 3]
        assert not often


def test_empty_non_terminals_exist(server):
    """RFC 8020: a name with names below it is NODATA, at every level, and a
    TLSA below is found whichever was asked first."""
    for name in ("c.ent.lab.", "b.c.ent.lab.", "_tcp.a.b.c.ent.lab."):
        reply = server.ask(name, "TLSA", ad=True)
        assert reply.rcode() == dns.rcode.NOERROR and is_secure(reply)
    assert server.ask("_25._tcp.a.b.c.ent.lab.", "TLSA").answer
    assert server.ask("x.b.c.ent.lab.", "A").rcode() == dns.rcode.NXDOMAIN


def test_wrong_denial_above_is_not_believed():
    """A server that denies empty non-terminals, unsigned: asked for one, its
    TLSA below must still be found (RFC 8020 wants signed proof for the cut)."""
    with Mxbound() as own:
        assert own.ask("_tcp.mx.ent-denied.lab.", "A").rcode() == dns.rcode.NXDOMAIN
        assert own.ask("_25._tcp.mx.ent-denied.lab.", "TLSA").answer
