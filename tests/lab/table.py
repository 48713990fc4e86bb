"""What a row of the table in domains.py is."""

from dataclasses import dataclass

from .servers import GROUPS

SIGNED_HOW = ("nsec", "nsec3", "optout", "no")
RESULTS = ("NOERROR", "NODATA", "NXDOMAIN", "SERVFAIL")
STATES = ("secure", "insecure", "bogus", "dead")


@dataclass(frozen=True)
class Expect:
    """What a correct validating resolver answers to one question.

    result  RCODE, with NODATA for a NOERROR that has no RR of that type
    state   secure, insecure, bogus; dead when no server can be asked
    count   RRs of the asked type in the answer, None: not looked at
    unbound why Unbound 1.17.1 answers otherwise, "" where it does not
    """
    owner: str
    type: str
    result: str
    state: str
    count: int | None = None
    unbound: str = ""

    @property
    def rcode(self):
        return "NOERROR" if self.result == "NODATA" else self.result


@dataclass(frozen=True)
class Row:
    """One zone of the lab: how it is served and signed, and what it shows."""
    name: str                    # absolute, with the final dot
    kind: str                    # what it is an example of, one word
    why: str                     # one line, with the RFC where there is one
    zone: str | None             # RRs below $ORIGIN name; None: delegation only
    expects: tuple               # of Expect
    ns: tuple = ()               # absolute names of the servers
    ns_child: tuple | None = None    # NS RRset in the zone, where it differs
    sign: str = "nsec"           # one of SIGNED_HOW
    sign_options: tuple = ()     # more for ldns-signzone
    validity_days: tuple = (-1, 30)  # of the signatures, counted from now
    also_at: tuple = ()          # instances that have it beside those of ns
    algorithm: str = "ECDSAP256SHA256"   # for ldns-keygen
    ds: str = "match"            # what the parent says, see zones.ds_rrs()
    spoil: tuple = ()            # "OWNER TYPE": signatures made wrong
    strip: tuple = ()            # "OWNER TYPE": signatures left out
    ttl: int = 3600
    soa_minimum: int = 300
    extra_keys: int = 0          # further zone keys that sign nothing
    generated: bool = False      # one of a series: demos show the first only

    @property
    def signed(self):
        return self.sign != "no"


ROWS = []


def absolute(name, origin):
    if name == "@":
        return origin
    if name.endswith(".") and not name.endswith("\\."):
        return name
    return f"{name}." if origin == "." else f"{name}.{origin}"


def parse_expect(text, origin):
    """Lines of "OWNER TYPE RESULT STATE [COUNT]"; '#' starts a comment, and
    "# Unbound: WHY" says that it differs, and why."""
    for line in text.splitlines():
        line, _, comment = line.partition("#")
        words = line.split()
        if not words:
            continue
        owner, rrtype, result, state, *count = words
        assert result in RESULTS and state in STATES, line
        yield Expect(absolute(owner, origin), rrtype, result, state,
                     int(count[0]) if count else None,
                     comment.partition("Unbound:")[2].strip())


def row(name, kind, why, zone="", expect="", ns=None, **more):
    """Add one domain to the lab. ns: a group of servers.py or a list of
    names; without it .post domains live at beta and all others at alpha."""
    origin = name if name.endswith(".") else name + "."
    if ns is None:
        ns = "beta" if origin.endswith(".post.") else "alpha"
    names = GROUPS[ns] if isinstance(ns, str) else ns
    text = None if zone is None else \
        "\n".join(line.strip() for line in zone.splitlines() if line.strip())
    assert more.get("sign", "nsec") in SIGNED_HOW, name
    ROWS.append(Row(origin, kind, why, text,
                    tuple(parse_expect(expect, origin)), tuple(names), **more))


def by_name(name):
    """The row of that zone, for tests: by_name("healthy.lab")."""
    name = name if name.endswith(".") else name + "."
    return next(r for r in ROWS if r.name == name)


def of_kind(kind):
    return [r for r in ROWS if r.kind == kind]
