"""libmxroute: docs/example-route.c, which asks the running mxbound, says of
each mail domain of the lab what the lab's table implies.

What is expected is worked out from the table's zones (MX, A, AAAA as text) and
its expectations (which lookups fail), in Python and by RFC 5321 section 5.1
told once more, so that a mistake of src/mail is not repeated by what checks
it. Rows from whose zone text that cannot be seen stand in SPECIAL.
"""

import ipaddress
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.domains import ROWS
from lab.table import absolute
from mxbound import BUILD, ROOT, Mxbound
from route_example import MAIL, run_example

SPECIAL = {
    # Its exchanger is in a zone whose signatures have ended.
    "bogus-child.lab.": "try-again",
    # The host's A is good, but no denial is: so its TLSA cannot be had.
    "bogus-nxdomain.lab.": "try-again",
    "bogus-nxdomain3.lab.": "try-again",
    "bogus-aaaa.lab.": "try-again",
    # A wildcard, and the domain itself: its denial of MX is bogus too.
    "bogus-wildcard.lab.": "try-again",
    # Some of them are answered in time on one machine and not on another.
    "lossy.lab.": None, "slow.lab.": None, "mx500-chatty.lab.": None,
    # 500 hosts, of which only the first ten are looked at: these are good.
    "mx500.lab.": "deliver",
    # '.' with another preference than 0 is no null MX.
    "tendot.lab.": "no-mail-host",
}


def rrs(row, rrtype, owner):
    """RDATA words of the RRs of that type at owner in the row's zone text."""
    found = []
    for line in (row.zone or "").splitlines():
        words = line.split()
        if words and words[1].isdigit():
            del words[1]
        if len(words) > 2 and words[1] == rrtype and \
                absolute(words[0], row.name).lower() == owner.lower():
            found.append(words[2:])
    return found


def zone_of(name):
    return max((r for r in ROWS if name.lower().endswith("." + r.name) or
                name.lower() == r.name or r.name == "."), key=lambda r: len(r.name))


def fails(name, rrtype):
    """The table says that this lookup ends in SERVFAIL."""
    return any(e.owner.lower() == name.lower() and e.type == rrtype and e.result == "SERVFAIL"
               for row in ROWS for e in row.expects)


def addresses(name, rrtype, depth=0):
    row = zone_of(name)
    cname = rrs(row, "CNAME", name)
    if cname and depth < 10:
        return addresses(absolute(cname[0][0], row.name), rrtype, depth + 1)
    found = [ipaddress.ip_address(words[0]) for words in rrs(row, rrtype, name)]
    return [a for a in found if not a.is_loopback and not a.is_unspecified]


def host_outcome(name):
    """deliver, try-again or no-mail-host, for this exchanger alone."""
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
    if not re.fullmatch(rf"({label}\.)+", name) or re.search(r"(^|\.)\d+\.$", name):
        return "no-mail-host"
    if any(addresses(name, t) and not fails(name, t) for t in ("A", "AAAA")):
        return "try-again" if fails(f"_25._tcp.{name}", "TLSA") else "deliver"
    if fails(name, "A") or fails(name, "AAAA"):
        return "try-again"
    return "no-mail-host"


def expected(row):
    """By RFC 5321 section 5.1; None: the table does not say."""
    if row.name in SPECIAL:
        return SPECIAL[row.name]
    if row.zone is None or fails(row.name, "MX"):
        return "try-again"
    mx = [(int(pref), absolute(name, row.name)) for pref, name in rrs(row, "MX", row.name)]
    if mx == [(0, ".")]:
        return "null-mx"
    hosts = [name for _, name in sorted(mx) if name != "."][:10] if mx else [row.name]
    outcomes = {host_outcome(name) for name in hosts}
    return next(o for o in ("deliver", "try-again", "no-mail-host") if o in outcomes)


@pytest.fixture(scope="module")
def server():
    """IPv6 upstream, since some servers of the lab have nothing else."""
    with Mxbound("ipv6-upstream: yes") as running:
        yield running


def example(server, domain):
    """Outcome, exit status, lines of hosts without those of TLSA, and all of it."""
    done = run_example(server, domain)
    outcome, _, rest = done.stdout.partition(":")
    hosts = [line for line in rest.splitlines()[1:] if not line.startswith(" ")]
    return outcome, done.returncode, hosts, done.stdout


def patient_example(server, row):
    """Try again means that: what came late is in the cache then."""
    for _ in range(3):
        said = example(server, row.name)
        if said[0] != "try-again" or expected(row) in (None, "try-again"):
            break
        time.sleep(2)
    return said


def test_each_mail_domain(server):
    """All rows at once: those whose servers are silent take their time."""
    status = {"deliver": 0, "try-again": 2}
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda row: patient_example(server, row), MAIL))
    wrong = []
    compared = 0
    for row, (outcome, code, _, text) in zip(MAIL, said):
        assert code == status.get(outcome, 1), text
        want = expected(row)
        compared += want is not None
        if want is not None and outcome != want:
            wrong.append(f"{row.name} ({row.why}): want {want}, is {text}")
    assert not wrong, "\n".join(wrong)
    assert compared > 90


@pytest.mark.parametrize("domain, outcome, hosts", (
    ("healthy.lab", "deliver", ["10 mx1.healthy.lab usable dane-only 198.18.0.1 2001:2::1",
                                "20 mx2.healthy.lab usable dane-only 198.18.0.2"]),
    ("o000.lab", "deliver", ["0 o000-lab.mail.outmail.lab usable may 198.18.3.0"]),
    ("implicit.lab", "deliver", ["0 implicit.lab usable dane-only 198.18.1.10 2001:2::1:10"]),
    ("mx-tail.lab", "deliver", ["10 mx.mx-tail.lab usable dane-only 198.18.0.3"]),
    ("mx-cname.lab", "deliver", ["10 mx.mx-cname.lab usable dane-only 198.18.1.14"]),
    ("tlsa-alias.lab", "deliver", ["10 mx.tlsa-alias.lab usable dane-only 198.18.9.21"]),
    ("bogus-tlsa.lab", "try-again", ["10 mx.bogus-tlsa.lab tlsa-failed may 198.18.5.3"]),
    ("secure.alias-unsigned.lab", "deliver",
     ["10 mx1.healthy.lab usable dane 198.18.0.1 2001:2::1",
      "20 mx2.healthy.lab usable dane 198.18.0.2"]),
    ("null.alias.lab", "null-mx", []),
    ("bogus.alias.lab", "try-again", []),
    ("nosuch.lab", "no-such-domain", []),
    ("nosuch.post", "no-such-domain", []),
    ("any.wild.lab", "deliver", ["10 mx.wild.lab usable may 198.18.4.7"]),
    ("wild-tlsa.lab", "deliver", ["10 mx.wild-tlsa.lab usable may 198.18.4.10"]),
    ("tlsa-some.lab", "deliver", ["10 mx.tlsa-some.lab usable dane-only 198.18.13.2"]),
    ("tlsa-unusable.lab", "deliver", ["10 mx.tlsa-unusable.lab usable encrypt 198.18.13.3"]),
    ("manytlsa.lab", "deliver", ["10 mx.manytlsa.lab usable dane-only 198.18.9.1"]),
    ("[mx1.healthy.lab]", "deliver",
     ["0 mx1.healthy.lab usable dane-only 198.18.0.1 2001:2::1"]),
))
def test_route(server, domain, outcome, hosts):
    said, _, lines, text = example(server, domain)
    assert said == outcome, text
    if hosts is not None:
        assert lines == hosts


def test_no_destination(server):
    assert example(server, "not a domain")[1] == 64


def test_manual_page():
    """No warnings of groff, where there is one."""
    if not shutil.which("groff"):
        pytest.skip("no groff")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", ROOT / "docs/libmxroute.3"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_visible_names():
    """Neither library may clash with what else a program links."""
    for file, option in (("libmxroute.so", "-D"), ("libmxroute.a", "-g")):
        done = subprocess.run(["nm", option, "--defined-only", BUILD / file],
                              capture_output=True, text=True, timeout=60, check=True)
        names = {line.split()[2] for line in done.stdout.splitlines() if len(line.split()) == 3}
        ours = {n for n in names if n.startswith("mx_route_")}
        others = {n for n in names - ours if not n.startswith(("LIBMXROUTE", "__asan", "__odr_asan",
                                                               "__start", "__stop", "asan."))}
        assert ours and not others, others
