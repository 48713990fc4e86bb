"""The table: every zone of the lab, what it shows, and the right answers.

A row is   row(NAME, KIND, WHY, zone text, expectations, ...)

The zone text is a zone file below $ORIGIN NAME. SOA, NS, glue, DS and the
addresses of name servers are added by zones.py. An expectation is a line

           OWNER  TYPE  RESULT  STATE  [number of RRs of that type]

RESULT   NOERROR, NODATA, NXDOMAIN, SERVFAIL
STATE    secure, insecure, bogus (with CD=1 there is an answer), or dead
         (nothing to be had: no server that answers, or a chain without end)

What else a row may say (ns=, sign=, ds=, spoil=, ...) is in table.Row.

Mail hosts have addresses in 198.18.0.0/15 and 2001:2::/48, the benchmarking
networks: not among the zones of RFC 6303, so their PTR is asked upstream.
Nobody listens there.
"""

import os

from . import sts
from .mail_key import CA_DIGEST as CA, DIGEST as CERT
from .table import ROWS, by_name, of_kind, row   # noqa: F401 (for importers)

OTHER = "c0ffee" + "0123456789" * 5 + "abcdef00"    # SHA-256 of what nobody has
LABEL63 = "l" * 63
MANY = int(os.environ.get("LAB_MANY", 200))         # domains of the last section


def many(i):
    """d000.lab signed, d001.lab not, d002.post signed, d003.post not, ..."""
    return f"d{i:03}.{'lab' if i % 4 < 2 else 'post'}"


def lines(template, numbers):
    """The template once for each number, as {i}."""
    return "\n".join(template.format(i=i) for i in numbers)


# --- the tree above the mail domains -----------------------------------------

row(".", "tree", "the root; the second server is deaf over IPv6", ns="root",
    expect="""
        @               NS    NOERROR   secure  3
        @               SOA   NOERROR   secure  1
        nosuchtld.      A     NXDOMAIN  secure
    """)
row("lab", "tree", "a TLD with NSEC", ns="lab",
    expect="""
        @               SOA   NOERROR   secure  1
        healthy         DS    NOERROR   secure  1
        unsigned        DS    NODATA    secure
        nosuch          MX    NXDOMAIN  secure
    """)
row("post", "tree", "a TLD with NSEC3 and opt-out, as most have", ns="post",
    sign="optout",
    expect="""
        @               SOA   NOERROR   secure  1
        nosuch          MX    NXDOMAIN  insecure   # RFC 5155 9.2: no AD
    """)
row("in-addr.arpa", "tree", "the reverse tree, IPv4", ns="rir")
row("ip6.arpa", "tree", "the reverse tree, IPv6", ns="rir")
row("rir.lab", "tree", "where the reverse tree's servers have their names")
row("alpha.lab", "tree", "hosting provider of most of .lab",
    expect="ns1  A  NOERROR  secure  1")
row("beta.post", "tree", "hosting provider of most of .post",
    expect="ns1  A  NOERROR  secure  1")

# --- healthy ------------------------------------------------------------------

row("healthy.lab", "healthy", "all that a good mail domain has",
    f"""
    @                 MX    10 mx1
    @                 MX    20 mx2
    @                 TXT   "v=spf1 mx -all"
    _dmarc            TXT   "v=DMARC1; p=reject; rua=mailto:dmarc@healthy.lab"
    s2048._domainkey  TXT   "v=DKIM1; k=rsa; p={'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A' * 7}" "{'tail' * 40}"
    _mta-sts          TXT   "v=STSv1; id=20260101T000000"
    _smtp._tls        TXT   "v=TLSRPTv1; rua=mailto:tls@healthy.lab"
    mta-sts           A     198.18.0.9
    mx1               A     198.18.0.1
    mx1               AAAA  2001:2::1
    mx2               A     198.18.0.2
    _25._tcp.mx1      TLSA  3 1 1 {CERT}
    _25._tcp.mx2      TLSA  3 1 1 {CERT}
    """,
    """
    @                 MX    NOERROR   secure  2
    @                 TXT   NOERROR   secure  1
    @                 A     NODATA    secure
    _dmarc            TXT   NOERROR   secure  1
    s2048._domainkey  TXT   NOERROR   secure  1
    _mta-sts          TXT   NOERROR   secure  1
    _smtp._tls        TXT   NOERROR   secure  1
    mta-sts           A     NOERROR   secure  1
    mx1               A     NOERROR   secure  1
    mx1               AAAA  NOERROR   secure  1
    mx2               AAAA  NODATA    secure
    _25._tcp.mx1      TLSA  NOERROR   secure  1
    nosuch            A     NXDOMAIN  secure
    """)
row("unsigned.lab", "healthy", "without DNSSEC: the parent proves there is no DS",
    """
    @      MX   10 mx
    @      TXT  "v=spf1 mx -all"
    mx     A    198.18.0.3
    """,
    """
    @            MX    NOERROR   insecure  1
    @            A     NODATA    insecure
    mx           A     NOERROR   insecure  1
    _25._tcp.mx  TLSA  NXDOMAIN  insecure
    """, sign="no")
row("rsa.lab", "healthy", "signed with RSA/SHA-256, as half the signed domains are",
    """
    @      MX   10 mx
    mx     A    198.18.0.4
    """,
    """
    @      MX   NOERROR   secure  1
    mx     A    NOERROR   secure  1
    nosuch A    NXDOMAIN  secure
    """, algorithm="RSASHA256")
row("xn--mller-kva.lab", "healthy", "an A-label (IDN)",
    """
    @             MX  10 xn--mlhost-yxa
    xn--mlhost-yxa A  198.18.0.5
    """,
    """
    @              MX   NOERROR  secure  1
    xn--mlhost-yxa A    NOERROR  secure  1
    """)

# --- which exchangers -----------------------------------------------------------

row("five.lab", "exchangers", "equal and different preferences (RFC 5321 5.1)",
    lines("@ MX 10 mx{i}", (1, 2)) + "\n" + lines("@ MX 20 mx{i}", (3, 4)) + """
    @  MX  30 mx5
    """ + lines("mx{i} A 198.18.1.{i}", range(1, 6)),
    """
    @    MX  NOERROR  secure  5
    mx5  A   NOERROR  secure  1
    """)
row("implicit.lab", "implicit", "no MX: the domain itself is the exchanger (RFC 5321 5.1)",
    f"""
    @         A     198.18.1.10
    @         AAAA  2001:2::1:10
    _25._tcp  TLSA  3 1 1 {CERT}
    """,
    """
    @         MX    NODATA   secure
    @         A     NOERROR  secure  1
    @         AAAA  NOERROR  secure  1
    _25._tcp  TLSA  NOERROR  secure  1
    """)
row("implicit-unsigned.lab", "implicit", "no MX, and the denial is insecure",
    "@ A 198.18.1.11",
    """
    @  MX  NODATA   insecure
    @  A   NOERROR  insecure  1
    """, sign="no")
row("nothing.lab", "implicit", "neither MX nor address",
    '@ TXT "no mail here"',
    """
    @  MX    NODATA  secure
    @  A     NODATA  secure
    @  AAAA  NODATA  secure
    """)
row("aaaaonly.lab", "exchangers", "the exchanger has IPv6 only",
    """
    @   MX    10 mx
    mx  AAAA  2001:2::2:1
    """,
    """
    @   MX    NOERROR  secure  1
    mx  A     NODATA   secure
    mx  AAAA  NOERROR  secure  1
    """)
row("nullmx.lab", "null-mx", "takes no mail (RFC 7505 3)",
    """
    @   MX  0 .
    @   A   198.18.1.12
    """,
    "@  MX  NOERROR  secure  1")
row("nullmx-mixed.lab", "null-mx", "null MX beside a real one, which RFC 7505 3 forbids",
    """
    @   MX  0 .
    @   MX  10 mx
    mx  A   198.18.1.13
    """,
    """
    @   MX  NOERROR  secure  2
    mx  A   NOERROR  secure  1
    """)
row("tendot.lab", "null-mx", "'10 .' is no null MX: the preference is not 0",
    "@  MX  10 .",
    "@  MX  NOERROR  secure  1")
row("mx-cname.lab", "mx-target", "the exchanger is an alias (RFC 2181 10.3 forbids)",
    f"""
    @              MX     10 mx
    mx             CNAME  host
    host           A      198.18.1.14
    _25._tcp.mx    TLSA   3 1 1 {CERT}
    _25._tcp.host  TLSA   3 1 1 {CERT}
    """,
    """
    @              MX     NOERROR  secure  1
    mx             A      NOERROR  secure  1
    mx             CNAME  NOERROR  secure  1
    mx             AAAA   NODATA   secure
    _25._tcp.host  TLSA   NOERROR  secure  1
    _25._tcp.mx    TLSA   NOERROR  secure  1
    """)
row("mx-nothing.lab", "mx-target", "the only exchanger does not exist",
    "@  MX  10 gone",
    """
    @     MX  NOERROR   secure  1
    gone  A   NXDOMAIN  secure
    """)
row("mx-noaddress.lab", "mx-target", "one exchanger has no address, the next has",
    """
    @    MX   10 empty
    @    MX   20 mx
    empty TXT "no address"
    mx   A    198.18.1.15
    """,
    """
    @      MX    NOERROR  secure  2
    empty  A     NODATA   secure
    empty  AAAA  NODATA   secure
    mx     A     NOERROR  secure  1
    """)
row("mx-address.lab", "mx-target", "an address where a name belongs",
    "@  MX  10 198.18.1.16.",
    """
    @             MX  NOERROR   secure  1
    198.18.1.16.  A   NXDOMAIN  secure
    """)
row("mx-self.lab", "mx-target", "the exchanger is the domain",
    """
    @  MX  10 @
    @  A   198.18.1.17
    """,
    """
    @  MX  NOERROR  secure  1
    @  A   NOERROR  secure  1
    """)
row("mx-localhost.lab", "mx-target", "exchangers that would be ourselves",
    """
    @      MX    10 localhost.
    @      MX    20 lo4
    @      MX    30 lo6
    @      MX    40 zero
    lo4    A     127.0.0.1
    lo6    AAAA  ::1
    zero   A     0.0.0.0
    """,
    """
    @      MX    NOERROR  secure  4
    lo4    A     NOERROR  secure  1
    lo6    AAAA  NOERROR  secure  1
    zero   A     NOERROR  secure  1
    """)
row("mx-oddnames.lab", "mx-target", "exchangers with names no host has, and one good",
    r"""
    @        MX  10 under_score
    @        MX  20 with\032space
    @        MX  30 dot\.ted
    @        MX  40 mx
    under_score     A  198.18.1.18
    with\032space   A  198.18.1.19
    dot\.ted        A  198.18.1.20
    mx              A  198.18.1.21
    """,
    r"""
    @               MX  NOERROR  secure  4
    under_score     A   NOERROR  secure  1
    with\032space   A   NOERROR  secure  1
    dot\.ted        A   NOERROR  secure  1
    """)

# --- shared providers -----------------------------------------------------------

row("bigmail.post", "provider", "exchangers of many domains, signed, with TLSA",
    lines("mx{i} A 198.18.2.{i}\nmx{i} AAAA 2001:2::2:{i}\n_25._tcp.mx{i} TLSA 3 1 1 "
          + CERT, range(1, 6)),
    """
    mx1           A     NOERROR  secure  1
    _25._tcp.mx1  TLSA  NOERROR  secure  1
    """)
row("outmail.lab", "provider", "a name for each customer, in an unsigned zone",
    lines("o{i:03}-lab.mail A 198.18.3.{i}", range(40)),
    """
    o000-lab.mail           A     NOERROR   insecure  1
    _25._tcp.o000-lab.mail  TLSA  NXDOMAIN  insecure
    """, sign="no")
for i in range(40):
    row(f"g{i:03}.{'lab' if i % 2 else 'post'}", "shared", "hosted at bigmail.post: DANE holds",
        lines("@ MX {i}0 mx{i}.bigmail.post.", range(1, 6)) + """
        @  TXT  "v=spf1 include:_spf.bigmail.post -all"
        """,
        "@  MX  NOERROR  secure  5", generated=i > 0)
    row(f"o{i:03}.lab", "shared", "signed, at outmail.lab: insecure addresses end DANE "
        "(RFC 7672 2.2.2)",
        f"""
        @  MX   0 o{i:03}-lab.mail.outmail.lab.
        @  TXT  "v=spf1 include:spf.outmail.lab -all"
        """,
        "@  MX  NOERROR  secure  1", generated=i > 0)

# --- denial and wildcards ---------------------------------------------------------

row("nsec3.lab", "denial", "NSEC3, and an empty non-terminal above TLSA",
    f"""
    @            MX    10 mx
    mx           A     198.18.4.1
    _25._tcp.mx  TLSA  3 1 1 {CERT}
    """,
    """
    @            MX    NOERROR   secure  1
    @            A     NODATA    secure
    nosuch       A     NXDOMAIN  secure
    _tcp.mx      TLSA  NODATA    secure
    _25._tcp.mx  TLSA  NOERROR   secure  1
    _26._tcp.mx  TLSA  NXDOMAIN  secure
    """, sign="nsec3")
row("nsec3-salt.lab", "denial", "NSEC3 with ten iterations and salt",
    "@ MX 10 mx\nmx A 198.18.4.2",
    """
    @       A  NODATA    secure
    nosuch  A  NXDOMAIN  secure
    """, sign="nsec3", sign_options=("-t", "10", "-s", "c0ffee"))
row("nsec3-many.lab", "denial", "more iterations than anyone should do (RFC 9276): insecure",
    "@ MX 10 mx\nmx A 198.18.4.3",
    """
    @       MX  NOERROR   secure  1
    nosuch  A   NXDOMAIN  insecure
    """, sign="nsec3", sign_options=("-t", "200"))
row("optout.lab", "denial", "NSEC3 with opt-out: what is not there may be delegated",
    "@ MX 10 mx\nmx A 198.18.4.4",
    """
    @       MX  NOERROR   secure    1
    nosuch  A   NXDOMAIN  insecure
    """, sign="optout")
row("sub.optout.lab", "insecure", "unsigned child in the opt-out span",
    "@ MX 10 mx\nmx A 198.18.4.5",
    "@  MX  NOERROR  insecure  1", ns="beta", sign="no")
row("ent.lab", "denial", "empty non-terminals exist (RFC 8020)",
    f"""
    @                MX    10 a.b.c
    a.b.c            A     198.18.4.6
    _25._tcp.a.b.c   TLSA  3 1 1 {CERT}
    """,
    """
    c                A     NODATA    secure
    b.c              MX    NODATA    secure
    _tcp.a.b.c       TLSA  NODATA    secure
    x.b.c            A     NXDOMAIN  secure
    """)
row("wild.lab", "wildcard", "a mail domain for every name, NSEC",
    """
    *       MX     10 mx
    *.x     CNAME  mx
    mx      A      198.18.4.7
    """,
    """
    any     MX     NOERROR   secure  1
    a.b     MX     NOERROR   secure  1
    any     A      NODATA    secure
    any.x   A      NOERROR   secure  1
    any.mx  MX     NXDOMAIN  secure      # mx exists, so * does not reach below it
    """)
row("wild3.lab", "wildcard", "the same with NSEC3",
    """
    *       MX     10 mx
    *.x     CNAME  mx
    mx      A      198.18.4.8
    """,
    """
    any     MX     NOERROR   secure  1
    any     A      NODATA    secure
    any.x   A      NOERROR   secure  1
    any.mx  MX     NXDOMAIN  secure
    """, sign="nsec3")
row("wild-unsigned.lab", "wildcard", "the same unsigned",
    "* MX 10 mx\nmx A 198.18.4.9",
    """
    any     MX  NOERROR   insecure  1
    any.mx  MX  NXDOMAIN  insecure
    """, sign="no")
row("wild-tlsa.lab", "wildcard", "a wildcard CNAME answers for TLSA too",
    """
    @         MX     10 mx
    mx        A      198.18.4.10
    *.mx      CNAME  nothing
    nothing   TXT    "not a TLSA"
    """,
    """
    @            MX    NOERROR  secure  1
    _25._tcp.mx  TLSA  NODATA   secure
    """)

# --- DNSSEC that does not hold ------------------------------------------------------

row("bogus.lab", "bogus", "the signature over MX is wrong",
    "@ MX 10 mx\nmx A 198.18.5.1",
    """
    @       MX    SERVFAIL  bogus
    @       TXT   NODATA    secure
    mx      A     NOERROR   secure  1
    """, spoil=["@ MX"])
row("bogus-address.lab", "bogus", "MX holds, its address does not",
    "@ MX 10 mx\nmx A 198.18.5.2",
    """
    @       MX    NOERROR   secure  1
    mx      A     SERVFAIL  bogus
    """, spoil=["mx A"])
row("bogus-tlsa.lab", "bogus", "MX and address hold, TLSA does not: not to be passed by",
    f"@ MX 10 mx\nmx A 198.18.5.3\n_25._tcp.mx TLSA 3 1 1 {CERT}",
    """
    @            MX    NOERROR   secure  1
    mx           A     NOERROR   secure  1
    _25._tcp.mx  TLSA  SERVFAIL  bogus
    """, spoil=["_25._tcp.mx TLSA"])
row("bogus-nodata.lab", "bogus", "the denial of MX is forged: no implicit MX",
    "@ A 198.18.5.4",
    """
    @       A     NOERROR   secure  1
    @       MX    SERVFAIL  bogus
    """, spoil=["@ NSEC"])
row("bogus-nxdomain.lab", "bogus", "every NSEC has a wrong signature",
    "@ MX 10 mx\nmx A 198.18.5.5",
    """
    @       MX    NOERROR   secure  1
    nosuch  A     SERVFAIL  bogus
    """, spoil=["* NSEC"])
row("bogus-nxdomain3.lab", "bogus", "every NSEC3 has a wrong signature",
    "@ MX 10 mx\nmx A 198.18.5.6",
    """
    @       MX    NOERROR   secure  1
    @       A     SERVFAIL  bogus
    nosuch  A     SERVFAIL  bogus
    """, spoil=["* NSEC3"], sign="nsec3")
row("bogus-wildcard.lab", "bogus", "the proof that no closer name exists is wrong",
    "@ TXT x\n* MX 10 mx\nmx A 198.18.5.7",
    """
    any     MX    SERVFAIL  bogus
    mx      A     NOERROR   secure  1
    """, spoil=["* NSEC"])
row("bogus-aaaa.lab", "bogus", "A holds, the denial of AAAA does not: IPv4 can deliver",
    "@ MX 10 mx\nmx A 198.18.5.8",
    """
    @       MX    NOERROR   secure  1
    mx      A     NOERROR   secure  1
    mx      AAAA  SERVFAIL  bogus
    """, spoil=["mx NSEC"])
row("bogus-key.lab", "bogus", "the DNSKEY RRset's own signature is wrong",
    "@ MX 10 mx\nmx A 198.18.5.9",
    """
    @       MX    SERVFAIL  bogus
    mx      A     SERVFAIL  bogus
    nosuch  A     SERVFAIL  bogus
    """, spoil=["@ DNSKEY"])
row("stripped.lab", "bogus", "MX has lost its signature",
    "@ MX 10 mx\nmx A 198.18.5.10",
    """
    @       MX    SERVFAIL  bogus
    mx      A     NOERROR   secure  1
    """, strip=["@ MX"])
row("stripped-denial.lab", "bogus", "denials have lost their signatures",
    "@ A 198.18.5.11",
    """
    @       MX    SERVFAIL  bogus
    nosuch  A     SERVFAIL  bogus
    """, strip=["* NSEC"])
row("expired.lab", "bogus", "all signatures ended yesterday",
    "@ MX 10 mx\nmx A 198.18.5.12",
    """
    @       MX    SERVFAIL  bogus
    @       A     SERVFAIL  bogus
    nosuch  A     SERVFAIL  bogus
    """, validity_days=(-30, -1))
row("future.lab", "bogus", "all signatures begin in two weeks",
    "@ MX 10 mx\nmx A 198.18.5.13",
    "@      MX    SERVFAIL  bogus", validity_days=(14, 44))
row("ds-nokey.lab", "bogus", "DS names a key that is not there",
    "@ MX 10 mx\nmx A 198.18.5.14",
    "@      MX    SERVFAIL  bogus", ds="no-such-key")
row("ds-leftover.lab", "bogus", "moved to a hoster without DNSSEC, DS forgotten",
    "@ MX 10 mx\nmx A 198.18.5.15",
    """
    @       MX    SERVFAIL  bogus
    @       A     SERVFAIL  bogus
    """, sign="no", ds="leftover")
row("bogus-child.lab", "bogus", "a good zone whose exchanger is in a bad one",
    "@ MX 10 mx.expired.lab.",
    "@      MX    NOERROR   secure  1")

# --- insecure, though not for want of signatures ------------------------------------

row("ds-algorithm.lab", "insecure", "DS with an algorithm nobody knows (RFC 4035 5.2)",
    "@ MX 10 mx\nmx A 198.18.6.1",
    "@      MX    NOERROR   insecure  1", ds="unknown-algorithm")
row("ds-digest.lab", "insecure", "DS with a digest nobody knows",
    "@ MX 10 mx\nmx A 198.18.6.2",
    "@      MX    NOERROR   insecure  1", ds="unknown-digest")
row("island.lab", "insecure", "signed, but the parent has no DS",
    "@ MX 10 mx\nmx A 198.18.6.3",
    """
    @       MX      NOERROR   insecure  1
    @       DNSKEY  NOERROR   insecure  1
    """, ds="none")
row("parent.lab", "insecure", "a signed zone with an unsigned child",
    "@ MX 10 mx.child",
    """
    @         MX  NOERROR  secure    1
    child     DS  NODATA   secure
    """)
row("child.parent.lab", "insecure", "its exchanger's addresses are insecure",
    "mx A 198.18.6.4",
    "mx     A     NOERROR   insecure  1", ns="beta", sign="no")

# --- servers ------------------------------------------------------------------------

row("refused.lab", "lame", "both servers refuse", "",
    "@  MX  SERVFAIL  dead", ns=["ns1.refused.lab.", "ns2.refused.lab."])
row("half-lame.lab", "lame", "one of two servers refuses",
    "@ MX 10 mx\nmx A 198.18.7.1",
    "@  MX  NOERROR  secure  1", ns=["ns1.refused.lab.", "ns1.alpha.lab."])
row("servfail.lab", "lame", "both servers fail", "",
    "@  MX  SERVFAIL  dead", ns=["ns1.servfail.lab.", "ns2.servfail.lab."])
row("silent.lab", "dead", "neither server ever answers", "",
    "@  MX  SERVFAIL  dead", ns=["ns1.silent.lab.", "ns2.silent.lab."])
row("half-dead.lab", "dead", "one of two servers never answers",
    "@ MX 10 mx\nmx A 198.18.7.2",
    """
    @   MX  NOERROR  secure  1
    mx  A   NOERROR  secure  1
    """, ns=["ns1.silent.lab.", "ns1.alpha.lab."])
row("closed.lab", "dead", "no process on the port: ICMP says so", "",
    "@  MX  SERVFAIL  dead", ns=["ns1.closed.lab."])
row("ns-noaddress.lab", "dead", "the name server's name does not exist", None,
    "@  MX  SERVFAIL  dead", ns=["ns.nowhere.lab.", "ns.nowhere.post."])
row("v6only.lab", "ipv6", "the name server has IPv6 only",
    "@ MX 10 mx\nmx A 198.18.7.3",
    "@  MX  NOERROR  secure  1", ns=["ns1.v6only.lab."])
row("v6dead.lab", "ipv6", "two servers: IPv4 works, IPv6 is a black hole",
    "@ MX 10 mx\nmx A 198.18.7.4",
    "@  MX  NOERROR  secure  1", ns=["ns1.v6dead.lab.", "ns2.v6dead.lab."])
row("v6only-dead.lab", "ipv6", "IPv6 only, and that is a black hole",  "",
    "@  MX  SERVFAIL  dead", ns=["ns1.v6only-dead.lab."])
row("two-views.lab", "lame", "parent and child name different servers, all good",
    "@ MX 10 mx\nmx A 198.18.7.5",
    "@  MX  NOERROR  secure  1", ns=["ns1.alpha.lab."],
    ns_child=["ns2.alpha.lab.", "ns1.beta.post."], also_at=["beta"])
row("glueless.lab", "glueless", "its servers are in the other TLD: no glue can help",
    "@ MX 10 mx\nmx A 198.18.7.6",
    "@  MX  NOERROR  secure  1", ns="beta")
row("glueless2.lab", "glueless", "its server is named in a glueless zone",
    "@ MX 10 mx\nmx A 198.18.7.7",
    "@  MX  NOERROR  secure  1", ns=["ns1.glueless.lab."])
row("selfglue.lab", "dead", "its server's address is in itself, and there is no glue",
    "@ MX 10 mx\nmx A 198.18.7.8",
    "@  MX  SERVFAIL  dead", ns=["ns1.selfglue.lab."])
row("cycle-a.lab", "cycle", "delegated to cycle-b.post, which is delegated back (TsuNAME)",
    None, "@  MX  SERVFAIL  dead", ns=["ns1.cycle-b.post.", "ns2.cycle-b.post."])
row("cycle-b.post", "cycle", "delegated to cycle-a.lab, which is delegated back",
    None, "@  MX  SERVFAIL  dead", ns=["ns1.cycle-a.lab.", "ns2.cycle-a.lab."])
row("nxns.lab", "cycle", "40 servers that do not exist (NXNSAttack): count the queries",
    None, "@  MX  SERVFAIL  dead", ns=[f"ns{i}.victim{i % 4}.lab." for i in range(40)])
row("drops-tlsa.lab", "drops", "answers all but TLSA (RFC 7672 2.1.1: no fallback)",
    f"@ MX 10 mx\nmx A 198.18.7.9\n_25._tcp.mx TLSA 3 1 1 {CERT}",
    """
    @            MX    NOERROR   secure  1
    mx           A     NOERROR   secure  1
    _25._tcp.mx  TLSA  SERVFAIL  dead
    """, ns=["ns1.drops-tlsa.lab."])
row("drops-aaaa.lab", "drops", "answers all but AAAA",
    "@ MX 10 mx\nmx A 198.18.7.10",
    """
    @            MX    NOERROR   insecure  1
    mx           A     NOERROR   insecure  1
    mx           AAAA  SERVFAIL  dead
    """, ns=["ns1.drops-aaaa.lab."], sign="no")
row("fails-aaaa.lab", "drops", "SERVFAIL for AAAA, A is fine: IPv4 can deliver",
    "@ MX 10 mx\nmx A 198.18.7.11",
    """
    @            MX    NOERROR   insecure  1
    mx           A     NOERROR   insecure  1
    mx           AAAA  SERVFAIL  dead
    """, ns=["ns1.fails-aaaa.lab."], sign="no")
row("slow-tlsa.lab", "slow", "TLSA takes 6 s, longer than anyone waits; all else is quick",
    f"@ MX 10 mx\nmx A 198.18.7.12\n_25._tcp.mx TLSA 3 1 1 {CERT}",
    """
    @            MX    NOERROR   secure  1
    mx           A     NOERROR   secure  1
    _25._tcp.mx  TLSA  SERVFAIL  dead
    """, ns=["ns1.slow-tlsa.lab."])
row("slow.lab", "slow", "every answer takes 0.9 s",
    "@ MX 10 mx\nmx A 198.18.7.13",
    "@  MX  NOERROR  insecure  1", ns=["ns1.slow.lab."], sign="no")
row("lossy.lab", "slow", "one packet in three is lost",
    "@ MX 10 mx\nmx A 198.18.7.14",
    "@  MX  NOERROR  insecure  1", ns=["ns1.lossy.lab.", "ns2.lossy.lab."], sign="no")
row("tcponly.lab", "transport", "over UDP only TC, as some do against spoofing",
    "@ MX 10 mx\nmx A 198.18.7.15",
    """
    @       MX  NOERROR   secure  1
    mx      A   NOERROR   secure  1
    nosuch  A   NXDOMAIN  secure
    """, ns=["ns1.tcponly.lab."])
row("udponly.lab", "transport", "refuses TCP; small answers need none",
    "@ MX 10 mx\nmx A 198.18.7.16\nbig TXT " + " ".join(['"' + "x" * 250 + '"'] * 8),
    """
    @       MX   NOERROR   insecure  1
    big     TXT  SERVFAIL  dead
    """, ns=["ns1.udponly.lab."], sign="no")
row("no-edns.lab", "transport", "FORMERR to EDNS, as before 1999",
    "@ MX 10 mx\nmx A 198.18.7.17",
    "@  MX  NOERROR  insecure  1", ns=["ns1.no-edns.lab."], sign="no")

# --- servers that lie, and who lies for them ------------------------------------------

row("wrong-id.lab", "forged", "answers with a wrong ID come first",
    "@ MX 10 mx\nmx A 198.18.8.1",
    "@  MX  NOERROR  insecure  1", ns=["ns1.wrong-id.lab."], sign="no")
row("wrong-question.lab", "forged", "one of two servers: first an answer to another question, ID right",
    "@ MX 10 mx\nmx A 198.18.8.2",
    "@  MX  NOERROR  insecure  1", ns=["ns1.wrong-question.lab.", "ns1.alpha.lab."], sign="no")
row("malformed.lab", "forged", "one of two servers: first a broken answer, ID and question right (TuDoor)",
    "@ MX 10 mx\nmx A 198.18.8.3",
    "@  MX  NOERROR  insecure  1", ns=["ns1.malformed.lab.", "ns1.alpha.lab."], sign="no")
row("no-soa.lab", "forged", "negative answers without SOA are not to be kept (RFC 2308 5)",
    "@ A 198.18.8.4",
    """
    @       MX  NODATA    insecure
    nosuch  A   NXDOMAIN  insecure
    """, ns=["ns1.no-soa.lab."], sign="no")
row("ent-denied.lab", "forged", "NXDOMAIN for names with names below them (RFC 8020)",
    f"@ MX 10 mx\nmx A 198.18.8.5\n_25._tcp.mx TLSA 3 1 1 {CERT}",
    """
    _25._tcp.mx  TLSA  NOERROR   insecure  1
    _tcp.mx      A     NXDOMAIN  insecure
    """, ns=["ns1.ent-denied.lab."], sign="no")
row("two-cnames.lab", "forged", "two CNAMEs at one owner",
    "www CNAME one\none A 198.18.8.6\nother A 198.18.8.7",
    "www  A  NOERROR  insecure  1", ns=["ns1.two-cnames.lab."], sign="no")
row("poison.lab", "forged", "adds RRs about victim.lab to every answer",
    "@ MX 10 mx\nmx A 198.18.8.8",
    "@  MX  NOERROR  insecure  1", ns=["ns1.poison.lab."], sign="no")
row("victim.lab", "forged", "whose exchanger poison.lab would move to 198.18.66.66",
    "@ MX 10 mx\nmx A 198.18.8.9",
    """
    @   MX  NOERROR  insecure  1
    mx  A   NOERROR  insecure  1
    """, sign="no")

# --- TLSA (RFC 7672, 7671) ------------------------------------------------------------

row("tlsa-other.lab", "tlsa", "TLSA of a key that the exchanger does not have",
    f"@ MX 10 mx\nmx A 198.18.13.1\n_25._tcp.mx TLSA 3 1 1 {OTHER}",
    "_25._tcp.mx  TLSA  NOERROR  secure  1")
row("tlsa-some.lab", "tlsa", "one usable TLSA among others",
    f"""
    @            MX    10 mx
    mx           A     198.18.13.2
    _25._tcp.mx  TLSA  1 1 1 {CERT}
    _25._tcp.mx  TLSA  3 1 255 {CERT}
    _25._tcp.mx  TLSA  3 1 1 {CERT}
    """,
    "_25._tcp.mx  TLSA  NOERROR  secure  3")
row("tlsa-unusable.lab", "tlsa", "no usable TLSA: TLS all the same (RFC 7672 2.2)",
    f"""
    @            MX    10 mx
    mx           A     198.18.13.3
    _25._tcp.mx  TLSA  0 1 1 {CERT}
    _25._tcp.mx  TLSA  1 0 1 {CERT}
    _25._tcp.mx  TLSA  4 1 1 {CERT}
    _25._tcp.mx  TLSA  3 2 1 {CERT}
    _25._tcp.mx  TLSA  3 1 3 {CERT}
    _25._tcp.mx  TLSA  3 1 1 {CERT[2:]}
    _25._tcp.mx  TLSA  3 1 2 {CERT}
    _25._tcp.mx  TLSA  3 0 0 c0ffee
    """,
    "_25._tcp.mx  TLSA  NOERROR  secure  8")
row("tlsa-own.lab", "tlsa", "the exchanger is an alias, and TLSA only at its own name",
    f"""
    @            MX     10 mx
    mx           CNAME  host
    host         A      198.18.13.4
    _25._tcp.mx  TLSA   3 1 1 {CERT}
    """,
    """
    _25._tcp.host  TLSA  NXDOMAIN  secure
    _25._tcp.mx    TLSA  NOERROR   secure  1
    """)
row("tlsa-final.lab", "tlsa", "the exchanger is an alias, and TLSA differ: the alias's end counts",
    f"""
    @              MX     10 mx
    mx             CNAME  host
    host           A      198.18.13.5
    _25._tcp.host  TLSA   3 1 1 {CERT}
    _25._tcp.mx    TLSA   3 1 1 {OTHER}
    """,
    "_25._tcp.host  TLSA  NOERROR   secure  1")
row("tlsa-mixed.lab", "tlsa", "exchangers with TLSA, without, and with insecure addresses",
    f"""
    @             MX    10 mx1
    @             MX    10 mx2
    @             MX    20 mx.unsigned.lab.
    mx1           A     198.18.13.6
    mx2           A     198.18.13.7
    _25._tcp.mx1  TLSA  3 1 1 {CERT}
    """,
    "_25._tcp.mx2  TLSA  NXDOMAIN  secure")
row("tlsa-elsewhere.lab", "tlsa", "MX insecure, its exchanger's TLSA secure (RFC 7672 2.2.1)",
    "@ MX 10 mx1.healthy.lab.",
    "@  MX  NOERROR  insecure  1", sign="no")

# --- large ------------------------------------------------------------------------------

def farm(n):
    return lines("@ MX {i} mx{i}\nmx{i} A 198.18.10.{i}", range(250)) + "\n" + "\n".join(
        f"@ MX {i} mx{i}\nmx{i} A 198.18.11.{i - 250}" for i in range(250, n))


row("mx100.lab", "large", "100 exchangers, addresses come along: only TCP can carry it",
    lines("@ MX {i} mx{i}\nmx{i} A 198.18.12.{i}", range(100)),
    """
    @      MX  NOERROR  secure  100
    mx99   A   NOERROR  secure  1
    """)
row("mx500.lab", "large", "500 exchangers, no addresses with them",
    farm(500),
    """
    @      MX  NOERROR  secure  500
    mx499  A   NOERROR  secure  1
    """, ns="beta")
row("mx500-chatty.lab", "large", "500 exchangers and as many addresses as 64 KB hold",
    farm(500),
    """
    @      MX  NOERROR  secure  500    # Unbound: SERVFAIL when cold, it does not check so many signatures for one answer
    mx499  A   NOERROR  secure  1
    """)
row("manyaddresses.lab", "large", "300 addresses of one exchanger",
    "@ MX 10 mx\n" + "\n".join(f"mx A 198.18.{16 + i // 200}.{i % 200}" for i in range(300)),
    "mx  A  NOERROR  secure  300")
row("manytlsa.lab", "large", "30 TLSA RRs: more than 1232 octets",
    "@ MX 10 mx\nmx A 198.18.9.1\n"
    + "\n".join(f"_25._tcp.mx TLSA 3 1 1 {i:02x}{OTHER[2:]}" for i in range(29))
    + f"\n_25._tcp.mx TLSA 3 1 1 {CERT}",
    "_25._tcp.mx  TLSA  NOERROR  secure  30")
row("bigtxt.lab", "large", "5 KB in one TXT, and many TXT at one name",
    "@ TXT " + " ".join(['"' + "v" * 250 + '"'] * 20) + '\n@ TXT "v=spf1 -all"\n'
    + lines('many TXT "verification-{i}-0123456789abcdef0123456789abcdef"', range(40)),
    """
    @     TXT  NOERROR  secure  2
    many  TXT  NOERROR  secure  40
    """)
row("dkim4096.lab", "large", "a DKIM key in three strings of one TXT (RFC 6376 3.6.2.2)",
    'k4096._domainkey TXT "v=DKIM1; k=rsa; p=' + "A" * 230 + '" "' + "B" * 255 + '" "'
    + "C" * 200 + '"',
    "k4096._domainkey  TXT  NOERROR  secure  1")
row("bigkey.lab", "large", "DNSKEY RRset larger than 1232 octets",
    "@ MX 10 mx\nmx A 198.18.9.2",
    """
    @  MX      NOERROR  secure  1
    @  DNSKEY  NOERROR  secure  21
    """, extra_keys=20)

# --- TTLs -------------------------------------------------------------------------------

row("ttl0.lab", "ttl", "TTL 0: only for who is waiting (RFC 1035 3.2.1)",
    "@ 0 MX 10 mx\nmx 0 A 198.18.9.10",
    """
    @   MX  NOERROR  secure  1
    mx  A   NOERROR  secure  1
    """)
row("ttl1.lab", "ttl", "TTL 1",
    "@ 1 MX 10 mx\nmx 1 A 198.18.9.11",
    "@   MX  NOERROR  secure  1")
row("ttl-huge.lab", "ttl", "TTL 2^31 counts as 0 (RFC 2181 8)",
    "@ MX 10 mx\nmx A 198.18.9.12",
    "@   MX  NOERROR  insecure  1", ns=["ns1.ttl-huge.lab."], sign="no")
row("ttl-long.lab", "ttl", "TTL 2^31-1: allowed, but nobody keeps it that long",
    "@ 2147483647 MX 10 mx\nmx 2147483647 A 198.18.9.13",
    "@   MX  NOERROR  secure  1")
row("ttl-mixed.lab", "ttl", "two TTLs in one RRset: the least counts (RFC 2181 5.2)",
    "@ MX 10 mx\n@ MX 20 mx\nmx A 198.18.9.14",
    "@   MX  NOERROR  insecure  2", ns=["ns1.ttl-mixed.lab."], sign="no")
row("ttl-chain.lab", "ttl", "the alias lives 5 s, its target an hour",
    "mx 5 CNAME host\nhost 3600 A 198.18.9.15",
    "mx  A   NOERROR  secure  1")
row("ttl-key.lab", "ttl", "the zone's keys live 2 s, its delegation an hour",
    """
    @   3600  TXT  "there before"
    @   2     MX   10 mx
    mx  3600  A    198.18.4.31
    """,
    "@   MX  NOERROR  secure  1", ttl=2)
row("ttl-negative.lab", "ttl", "negative answers live 2 s: the SOA's minimum (RFC 2308 5)",
    "@ A 198.18.9.16",
    """
    @       MX  NODATA    secure
    nosuch  A   NXDOMAIN  secure
    """, soa_minimum=2)

# --- aliases --------------------------------------------------------------------------------

row("chains.lab", "alias", "CNAME chains of 1, 5 and 20, a loop, and a self-loop",
    """
    one    CNAME  mx
    mx     A      198.18.9.20
    @      MX     10 mx
    loop1  CNAME  loop2
    loop2  CNAME  loop3
    loop3  CNAME  loop1
    self   CNAME  self
    to-nx  CNAME  gone
    to-nodata CNAME @
    five1 CNAME five2
    five2 CNAME five3
    five3 CNAME five4
    five4 CNAME five5
    five5 CNAME mx
    """ + "\n".join(f"far{i} CNAME far{i + 1}" for i in range(1, 20)) + "\nfar20 CNAME mx",
    """
    one        A   NOERROR   secure  1
    five1      A   NOERROR   secure  1
    far1       A   SERVFAIL  dead        # a limit there must be; Unbound's is 11
    loop1      A   SERVFAIL  dead
    self       A   SERVFAIL  dead
    to-nx      A   NXDOMAIN  secure
    to-nodata  A   NODATA    secure
    """)
row("alias.lab", "alias", "mail for names that are aliases of mail domains (RFC 5321 5.1)",
    """
    secure    CNAME  healthy.lab.
    insecure  CNAME  unsigned.lab.
    bogus     CNAME  bogus.lab.
    dead      CNAME  refused.lab.
    null      CNAME  nullmx.lab.
    other     CNAME  g000.post.
    """,
    """
    secure    MX  NOERROR   secure    2
    insecure  MX  NOERROR   insecure  1     # secure head, insecure tail
    bogus     MX  SERVFAIL  bogus
    dead      MX  SERVFAIL  dead
    null      MX  NOERROR   secure    1
    other     MX  NOERROR   secure    5
    insecure  CNAME NOERROR secure    1     # RFC 7672 2.2.2 asks for this
    """)
row("alias-unsigned.lab", "alias", "unsigned aliases of signed names",
    """
    secure    CNAME  healthy.lab.
    mx        CNAME  mx1.healthy.lab.
    @         MX     10 mx
    """,
    """
    secure    MX    NOERROR  insecure  2    # insecure head, secure tail
    mx        A     NOERROR  insecure  1
    """, sign="no")
row("mx-tail.lab", "alias", "exchanger with a secure first alias and an insecure address",
    f"""
    @            MX     10 mx
    mx           CNAME  mx.unsigned.lab.
    _25._tcp.mx  TLSA   3 1 1 {CERT}
    """,
    """
    @            MX     NOERROR  secure    1
    mx           A      NOERROR  insecure  1
    mx           CNAME  NOERROR  secure    1
    _25._tcp.mx  TLSA   NOERROR  secure    1
    """)
row("tlsa-alias.lab", "alias", "TLSA by CNAME to the provider's (RFC 7671 7)",
    """
    @            MX     10 mx
    mx           A      198.18.9.21
    _25._tcp.mx  CNAME  _25._tcp.mx1.bigmail.post.
    """,
    "_25._tcp.mx  TLSA  NOERROR  secure  1")
row("dname.lab", "alias", "DNAME: a tree of mail domains renamed (RFC 6672)",
    """
    old     DNAME  new
    away    DNAME  healthy.lab.
    u.new   MX     10 mx
    mx      A      198.18.9.22
    """,
    """
    u.old     MX     NOERROR   secure  1
    u.old     CNAME  NOERROR   secure  1   # Unbound: a synthesised CNAME, asked for as such, is bogus to it
    nosuch.old MX    NXDOMAIN  secure
    mx1.away  A      NOERROR   secure  1
    old       DNAME  NOERROR   secure  1
    """)
row("sts-alias.lab", "sts", "_mta-sts by CNAME to the provider (RFC 8461 8.2)",
    """
    @         MX     10 mx1.bigmail.post.
    _mta-sts  CNAME  _mta-sts.healthy.lab.
    """,
    "_mta-sts  TXT  NOERROR  secure  1")
row("sts-two.lab", "sts", "two STS records, so none counts (RFC 8461 3.1)",
    """
    @         MX     10 mx1.bigmail.post.
    _mta-sts  TXT    "v=STSv1; id=1"
    _mta-sts  TXT    "v=STSv1; id=2"
    """,
    "_mta-sts  TXT  NOERROR  secure  2")
row("sts-beside.lab", "sts", "other TXT beside the STS record is passed over",
    """
    @         MX     10 mx1.bigmail.post.
    _mta-sts  TXT    "v=ST" "Sv1; id=1"
    _mta-sts  TXT    "verification=0123456789"
    """,
    "_mta-sts  TXT  NOERROR  secure  2")
row("sts.lab", "sts", "policy hosts that misbehave: sts.py, and https_policies.py of the system tests",
    sts.zone(),
    """
    enforce              MX    NOERROR  insecure  1
    _mta-sts.enforce     TXT   NOERROR  insecure  1
    mta-sts.first-dead   A     NOERROR  insecure  2
    mta-sts.alias        A     NOERROR  insecure  1
    mta-sts.six          AAAA  NOERROR  insecure  1
    mta-sts.no-address   A     NXDOMAIN insecure
    """, ns=["ns1.sts.lab."], sign="no", ttl=2)

# --- block lists ----------------------------------------------------------------------------

LISTED = """
    2.0.0.127       A    127.0.0.2
    2.0.0.127       TXT  "https://dnsbl.lab/?127.0.0.2"
    1.66.18.198     A    127.0.0.2
    1.66.18.198     A    127.0.0.4
    254.66.18.198   A    127.255.255.254
    """ + lines("{i}.67.18.198 A 127.0.0.10", range(1, 251))
LISTED_EXPECT = """
    2.0.0.127       A    NOERROR   {state}  1
    2.0.0.127       TXT  NOERROR   {state}  1
    1.66.18.198     A    NOERROR   {state}  2
    254.66.18.198   A    NOERROR   {state}  1     # "you may not ask", says the list
    1.0.0.127       A    NXDOMAIN  {state}
    9.9.18.198      A    NXDOMAIN  {state}
    """
row("dnsbl.lab", "dnsbl", "a block list; not listed is NXDOMAIN for 15 s (RFC 5782)",
    LISTED, LISTED_EXPECT.format(state="insecure"),
    ns="lists", sign="no", ttl=60, soa_minimum=15)
row("dnsbl-signed.post", "dnsbl", "a signed block list, NSEC3",
    LISTED, LISTED_EXPECT.format(state="secure"),
    ns="lists", sign="nsec3", ttl=60, soa_minimum=15)

# --- reverse ----------------------------------------------------------------------------------

row("18.198.in-addr.arpa", "reverse", "PTR of the mail hosts, and classless delegation",
    """
    1.0      PTR    mx1.healthy.lab.
    2.0      PTR    mx2.healthy.lab.
    9.200    PTR    one.many.lab.
    9.200    PTR    two.many.lab.
    """ + lines("{i}.201 CNAME {i}.0/25.201.18.198.in-addr.arpa.", range(1, 128)),
    """
    1.0      PTR    NOERROR   secure  1
    9.200    PTR    NOERROR   secure  2
    99.0     PTR    NXDOMAIN  secure
    5.201    PTR    NOERROR   secure  1      # RFC 2317
    """)
row("0/25.201.18.198.in-addr.arpa", "reverse", "a customer's half of a /24 (RFC 2317)",
    lines("{i} PTR host{i}.customer.lab.", range(1, 128)),
    "5        PTR    NOERROR   secure  1", ns="beta")
row("202.18.198.in-addr.arpa", "reverse", "an unsigned /24",
    "1        PTR    mx.unsigned.lab.",
    """
    1        PTR    NOERROR   insecure  1
    2        PTR    NXDOMAIN  insecure
    """, ns="beta", sign="no")
row("19.198.in-addr.arpa", "reverse", "PTR of the many domains' hosts",
    "\n".join(f"{i % 250}.{i // 250} PTR mx.{many(i)}." for i in range(MANY)),
    """
    1.0      PTR    NOERROR   secure  1
    255.0    PTR    NXDOMAIN  secure
    """)
row("2.0.0.0.1.0.0.2.ip6.arpa", "reverse", "PTR of 2001:2::/48",
    "1" + ".0" * 23 + "  PTR  mx1.healthy.lab.",
    f"""
    {"1" + ".0" * 23}  PTR  NOERROR   secure  1
    {"2" + ".0" * 23}  PTR  NXDOMAIN  secure
    """)

# --- odd names and types ----------------------------------------------------------------------

LONG = f"{LABEL63}.{LABEL63}.{LABEL63}.{'l' * 53}"      # with odd.lab: 255 octets
row("odd.lab", "odd", "every octet may be in a label (RFC 2181 11); types nobody knows (RFC 3597)",
    rf"""
    under_score     TXT  "_"
    sla/sh          TXT  "/"
    dot\.ted        TXT  "one label"
    back\\slash     TXT  "\\"
    sp\032ace       TXT  " "
    \000\001\255    TXT  "binary"
    se\;mi          TXT  ";"
    at\@sign        TXT  "@"
    {LABEL63}       TXT  "63 octets"
    {LONG}          TXT  "255 octets"
    type            TYPE65280  \# 4 01020304
    type            TYPE666    \# 0
    hinfo           HINFO  "RFC8482" ""
    spf             SPF  "v=spf1 -all"
    caa             CAA  0 issue "ca.lab"
    _25._tcp.svc    SRV  0 0 25 mx1.healthy.lab.
    smimea          SMIMEA 3 0 0 30
    openpgp         OPENPGPKEY AQID
    https           HTTPS  1 . alpn=h2
    mail\.box       RP   a\.b.odd.lab. .
    """,
    rf"""
    under_score     TXT  NOERROR  secure  1
    sla/sh          TXT  NOERROR  secure  1
    dot\.ted        TXT  NOERROR  secure  1
    back\\slash     TXT  NOERROR  secure  1
    sp\032ace       TXT  NOERROR  secure  1
    \000\001\255    TXT  NOERROR  secure  1
    at\@sign        TXT  NOERROR  secure  1
    {LABEL63}       TXT  NOERROR  secure  1
    {LONG}          TXT  NOERROR  secure  1
    type            TYPE65280  NOERROR  secure  1
    type            TYPE666    NOERROR  secure  1
    type            TYPE667    NODATA   secure
    spf             SPF  NOERROR  secure  1
    caa             CAA  NOERROR  secure  1
    _25._tcp.svc    SRV  NOERROR  secure  1
    smimea          SMIMEA  NOERROR  secure  1
    openpgp         OPENPGPKEY  NOERROR  secure  1
    https           HTTPS   NOERROR  secure  1
    mail\.box       RP   NOERROR  secure  1
    dot.ted         TXT  NXDOMAIN secure      # not the same name
    """)

# --- many -------------------------------------------------------------------------------------

for i in range(MANY):
    signed = i % 2 == 0
    row(many(i), "many", "one of many, " + ("signed" if signed else "unsigned"),
        f"""
        @            MX    10 mx
        @            TXT   "v=spf1 mx -all"
        _dmarc       TXT   "v=DMARC1; p=none"
        mx           A     198.19.{i // 250}.{i % 250}
        mx           AAAA  2001:2::19:{i}
        """ + (f"_25._tcp.mx  TLSA  3 1 1 {CERT}" if signed else ""),
        """
        @            MX    NOERROR  {0}  1
        mx           A     NOERROR  {0}  1
        """.format("secure" if signed else "insecure"),
        sign="nsec" if signed else "no", generated=i > 0)

# --- mail hosts with TLS, for tests that deliver (tests/system/test_postfix.py) ---------------

row("tlsa-ca.lab", "tlsa", "TLSA of a CA (RFC 7672 3.1.2)",
    f"@ MX 10 mx\nmx A 198.18.45.1\n_25._tcp.mx TLSA 2 1 1 {CA}",
    "_25._tcp.mx  TLSA  NOERROR  secure  1")
row("tlsa-ca-name.lab", "tlsa", "the same, and the CA says that the host is another's",
    f"@ MX 10 mx\nmx A 198.18.45.2\n_25._tcp.mx TLSA 2 1 1 {CA}",
    "_25._tcp.mx  TLSA  NOERROR  secure  1")
row("three.lab", "exchangers", "three exchangers with TLSA; at two of them nobody listens",
    lines("@ MX {i}0 mx{i}\nmx{i} A 198.18.45.1{i}\n_25._tcp.mx{i} TLSA 3 1 1 " + CERT, range(1, 4)),
    "@            MX    NOERROR  secure  3")
row("tlsa-spoilt-one.lab", "tlsa", "the first exchanger's TLSA are bogus, the second's are good",
    f"""
    @             MX    10 mx1
    @             MX    20 mx2
    mx1           A     198.18.45.21
    mx2           A     198.18.45.22
    _25._tcp.mx1  TLSA  3 1 1 {CERT}
    _25._tcp.mx2  TLSA  3 1 1 {CERT}
    """,
    """
    _25._tcp.mx1  TLSA  SERVFAIL  bogus
    _25._tcp.mx2  TLSA  NOERROR   secure  1
    """, spoil=["_25._tcp.mx1 TLSA"])

# Policy hosts are at sts.GOOD, where https_policies.py of the system tests has servers; but
# that of `dead` refuses connections.
row("sts-mail.lab", "sts", "domains with MTA-STS policies, and mail hosts with good and bad certificates",
    "\n".join(f"""
    {name}           MX   10 mx.{name}
    mx.{name}        A    198.18.45.{31 + i}
    _mta-sts.{name}  TXT  "v=STSv1; id=1"
    mta-sts.{name}   A    {sts.REFUSES if name == "dead" else sts.GOOD}
    """ for i, name in enumerate(("enforce", "wrong", "self", "elsewhere", "testing", "none", "dead"))),
    """
    enforce           MX   NOERROR  insecure  1
    _mta-sts.enforce  TXT  NOERROR  insecure  1
    mta-sts.enforce   A    NOERROR  insecure  1
    """, sign="no")
