"""The table: every zone of the lab, what it shows, and the right answers.

A row is   row(NAME, KIND, WHY, zone text, expectations)
The zone text is a zone file below $ORIGIN NAME; SOA, NS, glue, DS and server
addresses are added by zones.py. An expectation is a line
           OWNER  TYPE  RESULT  STATE  [number of RRs]
with RESULT NOERROR, NODATA, NXDOMAIN, SERVFAIL and STATE secure, insecure,
bogus, or dead (no server that can be asked).

Mail hosts have addresses in 198.18.0.0/15 and 2001:2::/48, the benchmarking
networks: not among the zones of RFC 6303, so their PTR is asked upstream.
Nobody listens there.
"""

from .table import ROWS, by_name, of_kind, row   # noqa: F401 (for importers)

CERT_HASH = "c0ffee" + "0123456789" * 5 + "abcdef00"     # 32 octets in hex

# --- the tree above the mail domains ----------------------------------------

row(".", "tree", "the root: three servers, the second deaf over IPv6",
    ns="root",
    expect="""
        @              NS    NOERROR   secure  3
        @              SOA   NOERROR   secure  1
        nosuchtld.     A     NXDOMAIN  secure
    """)
row("lab", "tree", "a TLD", ns="lab",
    expect="""
        @              SOA   NOERROR   secure  1
        healthy.lab.   DS    NOERROR   secure  1
        unsigned.lab.  DS    NODATA    secure
        nosuch.lab.    MX    NXDOMAIN  secure
    """)
row("post", "tree", "another TLD, NSEC3 with opt-out as most are", ns="post",
    sign="optout",
    expect="""
        @              SOA   NOERROR   secure  1
        nosuch.post.   MX    NXDOMAIN  insecure   # RFC 5155 9.2: no AD
    """)
row("in-addr.arpa", "tree", "reverse tree, IPv4", ns="rir")
row("ip6.arpa", "tree", "reverse tree, IPv6", ns="rir")
row("rir.lab", "tree", "where the reverse tree's servers have their names")
row("alpha.lab", "tree", "hosting provider, serves most of .lab")
row("beta.post", "tree", "hosting provider, serves most of .post", ns="beta")

# --- healthy ----------------------------------------------------------------

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
    _25._tcp.mx1      TLSA  3 1 1 {CERT_HASH}
    _25._tcp.mx2      TLSA  3 1 1 {CERT_HASH}
    """,
    """
    @                 MX    NOERROR   secure  2
    @                 TXT   NOERROR   secure  1
    @                 A     NODATA    secure
    _dmarc            TXT   NOERROR   secure  1
    s2048._domainkey  TXT   NOERROR   secure  1
    _mta-sts          TXT   NOERROR   secure  1
    _smtp._tls        TXT   NOERROR   secure  1
    mx1               A     NOERROR   secure  1
    mx1               AAAA  NOERROR   secure  1
    mx2               AAAA  NODATA    secure
    _25._tcp.mx1      TLSA  NOERROR   secure  1
    _tcp.mx1          TLSA  NODATA    secure      # empty non-terminal
    nosuch            A     NXDOMAIN  secure
    """)

row("unsigned.lab", "healthy", "the same without DNSSEC: the parent proves there is no DS",
    """
    @      MX   10 mx
    @      TXT  "v=spf1 mx -all"
    mx     A    198.18.0.3
    """,
    """
    @            MX    NOERROR   insecure  1
    mx           A     NOERROR   insecure  1
    _25._tcp.mx  TLSA  NXDOMAIN  insecure
    """, sign="no")

# --- DNSSEC that does not hold ------------------------------------------------

row("bogus.lab", "bogus", "the signature over MX is wrong",
    """
    @      MX   10 mx
    mx     A    198.18.0.4
    """,
    """
    @      MX   SERVFAIL  bogus
    mx     A    NOERROR   secure  1
    """, spoil=("@ MX",))

# --- servers ------------------------------------------------------------------

row("silent.lab", "dead", "both servers never answer", "",
    "@  MX  SERVFAIL  dead",
    ns=["ns1.silent.lab.", "ns2.silent.lab."])
row("refused.lab", "lame", "both servers refuse", "",
    "@  MX  SERVFAIL  dead",
    ns=["ns1.refused.lab.", "ns2.refused.lab."])

# --- many -----------------------------------------------------------------------

for i in range(200):
    signed = i % 2 == 0
    tld = "lab" if i % 4 < 2 else "post"
    row(f"d{i:03}.{tld}", "many", "one of many, " + ("signed" if signed else "unsigned"),
        f"""
        @            MX    10 mx
        @            TXT   "v=spf1 mx -all"
        _dmarc       TXT   "v=DMARC1; p=none"
        mx           A     198.18.100.{i}
        mx           AAAA  2001:2::100:{i}
        """ + (f"_25._tcp.mx  TLSA  3 1 1 {CERT_HASH}" if signed else ""),
        f"""
        @            MX    NOERROR  {"secure" if signed else "insecure"}  1
        mx           A     NOERROR  {"secure" if signed else "insecure"}  1
        """, sign="nsec" if signed else "no", generated=i > 0)
