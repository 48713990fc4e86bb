"""Postfix and the route engine agree on every mail domain of the lab.

posttls-finger looks up MX, addresses and TLSA with Postfix's own code, the
route is that of src/mail, and both ask the same mxbound. Nobody listens at the
lab's mail hosts, so posttls-finger goes through all of them: which ones, in
which order, at which addresses, with TLSA of which name. With servers there, it
stops at the first; then its verdict on TLS is compared with the route's level.

Where they differ on purpose stands in DIFFERS, with the reason.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mxbound import Mxbound
from posttls_finger import PROGRAM, PosttlsFinger
from route_example import MAIL, route
from smtp_hosts import SmtpHosts

FAMILY_MAX = 8      # MX_ROUTE_FAMILY_MAX: addresses of a host and family in a route
HOSTS_MAX = 10      # MX_ROUTE_HOSTS_MAX
AT_ONCE = 12        # most of the time they wait for servers that are silent

# Names that have no row of their own: aliases, wildcards, what is not there.
BESIDE = """
    secure.alias.lab insecure.alias.lab bogus.alias.lab dead.alias.lab null.alias.lab
    other.alias.lab secure.alias-unsigned.lab u.old.dname.lab nosuch.old.dname.lab
    loop1.chains.lab self.chains.lab to-nx.chains.lab to-nodata.chains.lab
    any.wild.lab a.b.wild.lab any.mx.wild.lab any.wild3.lab any.wild-unsigned.lab
    nosuch.lab nosuch.post nosuch.healthy.lab sub.optout.lab nosuch.nosuchtld
""".split()
DOMAINS = [row.name[:-1] for row in MAIL] + BESIDE

# What differs, and why that is right. A row that no longer holds fails.
DIFFERS = {
    "nullmx-mixed.lab": ({"outcome", "hosts"}, "RFC 7505 forbids the mix, and has no rule for "
                         "it: Postfix bounces, we use the hosts"),
    "tendot.lab": ({"outcome"}, "'10 .' is no null MX, and no host: permanent either way"),
    "mx-address.lab": ({"outcome", "hosts"}, "an address for a name: Postfix tries it, RFC 5321 "
                       "5.1 wants a name, and no TLD is all digits"),
    "mx-localhost.lab": ({"outcome", "hosts"}, "posttls-finger tries its own host; Postfix's "
                         "smtp(8) would call it a loop, as we call it no host"),
}
# Postfix takes the first 100 RRs of an answer, whichever those are: the best ten
# of all may be among them, or not.
FARMS = {"mx500.lab", "mx500-chatty.lab"}
# Domains whose name servers are the point of them: no more to be learnt about TLS.
ODD_SERVERS = {row.name[:-1] for row in MAIL if row.kind in
               ("lame", "dead", "ipv6", "glueless", "drops", "slow", "transport", "forged")}
# Exchangers with TLSA of a key that they do not have.
OTHER_KEY = {"mx.tlsa-other.lab", "mx.tlsa-ca.lab", "mx.tlsa-ca-name.lab"}


@pytest.fixture(scope="module")
def server():
    with Mxbound("ipv6-upstream: yes", listen=["127.0.0.1@53"], port=53) as running:
        yield running


@pytest.fixture(scope="module")
def finger(tmp_path_factory, server):
    if PROGRAM is None:
        pytest.skip("no posttls-finger (package postfix)")
    with PosttlsFinger(tmp_path_factory.mktemp("postfix")) as it:
        if it.why_not:
            pytest.skip(f"no private /etc/resolv.conf here: {it.why_not}")
        yield it


# ---- what to compare ----

def preference_classes(ours, names):
    """The names in sets, one for each preference of ours and a last one for
    those that we do not have; sets, since equals are shuffled."""
    left = list(names)
    classes = []
    for preference in sorted({host.preference for host in ours}):
        size = sum(host.preference == preference for host in ours)
        classes.append(set(left[:size]))
        del left[:size]
    return classes + [set(left)]


def same_addresses(ours, theirs):
    """All of them, but those past our bound; in any order, as Postfix mixes
    families and shuffles."""
    ours, theirs = set(ours), set(theirs)
    if ours == theirs:
        return True
    return any(sum((":" in a) == v6 for a in ours) == FAMILY_MAX for v6 in (False, True)) \
        and ours < theirs


def differences(domain, ours, theirs):
    found = set()
    if ours.outcome != theirs.outcome:
        found.add("outcome")
    hosts = [h for h in ours.hosts if h.state in ("usable", "tlsa-failed", "tlsa-bogus")]
    tried = theirs.hosts[:HOSTS_MAX]
    if domain not in FARMS and preference_classes(hosts, [h.name for h in hosts]) != \
            preference_classes(hosts, [h.name for h in tried]):
        found.add("hosts")
    by_name = {h.name: h for h in tried}
    for host in hosts:
        other = by_name.get(host.name)
        if other is None:
            continue
        if (host.state != "usable") != other.tlsa_failed:
            found.add("tlsa-failed")
        if host.state == "usable" and not same_addresses(host.addresses, other.addresses):
            found.add("addresses")
        if (host.tlsa_base, host.tlsa_count) != (other.tlsa_base, other.tlsa_count):
            found.add("tlsa")
    return found


def compare(server, finger, domain, expected):
    """Try again means that: what came late is in the cache then."""
    for _ in range(4):
        ours, theirs = route(server, domain), finger.probe(domain)
        found = differences(domain, ours, theirs)
        if found == expected or "try-again" not in (ours.outcome, theirs.outcome):
            break
        time.sleep(2)
    return found, ours, theirs


def brief(probe):
    return "\n".join(line[:200] for line in probe.text.splitlines()
                     if "dns_query" in line or "connect_addr" in line or "TLSA" in line
                     or "ail" in line)


@pytest.fixture(scope="module")
def said(server, finger):
    """Of each domain: differences, the route, what posttls-finger did."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(DOMAINS, pool.map(lambda domain: compare(
            server, finger, domain, DIFFERS.get(domain, (set(), ""))[0]), DOMAINS)))


# ---- without mail hosts ----

def test_each_domain(said):
    wrong = []
    for domain, (found, ours, theirs) in said.items():
        expected, reason = DIFFERS.get(domain, (set(), ""))
        if found != expected:
            wrong.append(f"{domain}: differ in {sorted(found)}, expected {sorted(expected)} "
                         f"{reason}\nours:\n{ours.text}theirs: {theirs.outcome}\n{brief(theirs)}")
    assert not wrong, "\n\n".join(wrong)
    assert DIFFERS.keys() <= set(DOMAINS)


def test_the_lab_has_all_kinds(said):
    """So that agreement means something."""
    routes = [ours for _, ours, _ in said.values()]
    assert {r.outcome for r in routes} == {"deliver", "try-again", "no-such-domain", "null-mx",
                                           "no-mail-host"}
    hosts = [h for r in routes for h in r.hosts if h.state == "usable"]
    assert {h.level for h in hosts} == {"may", "encrypt", "dane", "dane-only"}
    assert any(h.tlsa_base not in ("", h.name) for h in hosts)
    assert len(hosts) > 100


# ---- with mail hosts ----

def verdict(host):
    """What Postfix is to make of a host by its level. "Trusted" is its word for
    a certificate that matches, of a host that an insecure MX has named."""
    if host.name in OTHER_KEY:
        return "Untrusted"
    return {"dane-only": "Verified", "dane": "Trusted"}.get(host.level, "Untrusted")


def tls_differs(ours, theirs):
    host = next((h for h in ours.hosts if h.name == theirs.session_host), None)
    if host is None or host.state != "usable":
        return f"session with {theirs.session_host or 'nobody'}"
    if theirs.session != verdict(host):
        return f"{theirs.session} at level {host.level}"
    if ("all TLSA records unusable" in theirs.text) != (host.level == "encrypt") or \
            ("no TLSA records found" in theirs.text) != (host.level == "may"):
        return f"{host.level}"
    if host.tlsa_count - theirs.tlsa_unusable != host.tlsa_usable:
        return f"{host.tlsa_usable} usable"
    return ""


def test_tls(server, finger, said, tmp_path):
    """Domains that take mail, by their first host; and each of their hosts by
    itself, where MX has no say."""
    good = {domain: ours for domain, (found, ours, _) in said.items()
            if not found and ours.outcome == "deliver" and domain not in ODD_SERVERS | FARMS}
    names = {h.name for ours in good.values() for h in ours.hosts[:3] if h.state == "usable"}
    hosts = [f"[{name}]" for name in sorted(names)]
    with SmtpHosts(tmp_path), ThreadPoolExecutor(AT_ONCE) as pool:
        theirs = list(pool.map(finger.probe, [*good, *hosts]))
        ours = [*good.values(), *pool.map(lambda host: route(server, host), hosts)]
    wrong = []
    for name, our, their in zip([*good, *hosts], ours, theirs):
        if why := tls_differs(our, their):
            wrong.append(f"{name}: {why}\nours:\n{our.text}theirs:\n{brief(their)}")
    assert not wrong, "\n\n".join(wrong)
    assert {their.session for their in theirs} == {"Verified", "Trusted", "Untrusted"}
