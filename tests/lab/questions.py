"""Every question the lab has an answer to, for differential and load tests.

Not only what the table expects: each RRset of each zone, what mail would ask
at each name and not find, and a name in each zone that does not exist.
"""

import dns.rdatatype
import dns.zone

from .domains import ROWS
from .zones import children, servers_in, zone_of, zone_text

MAIL_TYPES = ("MX", "A", "AAAA", "TXT", "TLSA")


def of_row(row, below, inside):
    """[(owner, type)] of one zone, most of them from its text."""
    found = {(e.owner, e.type) for e in row.expects}
    if row.zone is not None:
        zone = dns.zone.from_text(zone_text(row, below, inside, {}), row.name,
                                  relativize=False, check_origin=False)
        for owner, node in zone.items():
            if zone_of(owner.to_text().lower()) is not row:
                continue                     # a delegation, or glue
            types = {dns.rdatatype.to_text(s.rdtype) for s in node}
            found |= {(owner.to_text(), t) for t in types.union(MAIL_TYPES)}
        found.add((f"nosuch-name.{row.name}".replace("..", "."), "MX"))
    if row.signed:
        found.add((row.name, "DNSKEY"))
    if row.name != ".":
        found.add((row.name, "DS"))
    return sorted(found)


def everything():
    """[(row, owner, type)] in the table's order."""
    tree = children(), servers_in()
    return [(row, owner, rrtype) for row in ROWS for owner, rrtype in of_row(row, *tree)]


SLOW_KINDS = ("dead", "lame", "slow", "drops", "cycle", "ipv6")


def quick():
    """The same without what takes a resolver seconds to answer or give up."""
    for row, owner, rrtype in everything():
        dead = {e.owner for e in row.expects if e.state == "dead"}
        if row.kind not in SLOW_KINDS and owner not in dead:
            yield row, owner, rrtype
