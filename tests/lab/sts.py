"""Mail domains with an MTA-STS policy, all below sts.lab: names and addresses.

What their policy hosts say is in tests/system/https_policies.py, which a test
has to start; without it nobody listens.
"""

GOOD, GOOD6 = "198.18.44.1", "2001:2:0:44::1"
REFUSES, DROPS, MUTE, PLAIN, CLOSES, OLD = (f"198.18.44.{i}" for i in range(2, 8))
MX = "198.18.44.25"

# Their hosts speak TLS at GOOD.
NAMES = """
    enforce testing none wildcard mismatch short-lived changing
    invalid empty binary longest over huge over-unsaid unsaid unsaid-cut
    endless endless-chunks endless-headers endless-header endless-interim
    endless-trailers endless-extension
    slow slow-headers silent
    redirect redirect-302 redirect-307 choices not-modified created no-content partial
    unauthorised not-found error
    wrong-type longer-type no-type type-parameter
    chunked http10 interim gzip bomb cookie
    closes closes-in-headers closes-in-body closes-in-chunk no-http http09 two-lengths
    wrong-name parent-name no-san expired self-signed unknown-ca
""".split()

# Their hosts have these addresses.
ADDRESSES = {
    "first-dead": [REFUSES, GOOD],
    "first-drops": [DROPS, GOOD],
    "first-mute": [MUTE, GOOD],
    "first-closes": [CLOSES, GOOD],
    "refuses": [REFUSES],
    "drops": [DROPS],
    "mute": [MUTE],
    "plain": [PLAIN],
    "closed": [CLOSES],
    "old-tls": [OLD],
    "six": [GOOD6],
    "both": [GOOD, GOOD6],
    "no-address": [],
    "loopback": ["127.0.0.1"],
}


def addresses(name):
    return ADDRESSES.get(name, [GOOD])


def zone():
    """Zone text. A provider's host by CNAME, as most have it, is there too."""
    lines = ["@ MX 10 mx", f"mx A {MX}", f"policies A {GOOD}",
             "alias MX 10 mx", '_mta-sts.alias TXT "v=STSv1; id=1"', "mta-sts.alias CNAME policies"]
    for name in [*NAMES, *ADDRESSES]:
        lines += [f"{name} MX 10 mx", f'_mta-sts.{name} TXT "v=STSv1; id=1"']
        lines += [f"mta-sts.{name} {'AAAA' if ':' in a else 'A'} {a}" for a in addresses(name)]
    return "\n".join(lines)
