"""From the table to zone files: SOA, NS, server addresses, delegations."""

from .servers import INSTANCES, SERVERS
from .domains import ROWS


def is_under(name, origin):
    """Is name at or below origin? Both absolute."""
    return origin == "." or name == origin or name.endswith("." + origin)


def labels(name):
    return 0 if name == "." else name.replace("\\.", "").count(".")


def parent_of(row):
    above = [r for r in ROWS if r.name != row.name and is_under(row.name, r.name)]
    return max(above, key=lambda r: labels(r.name), default=None)


def zone_of(name):
    """The row whose zone holds that name."""
    return max((r for r in ROWS if is_under(name, r.name)),
               key=lambda r: labels(r.name))


def children():
    """{row name: [rows delegated from it]}"""
    below = {r.name: [] for r in ROWS}
    for r in ROWS:
        parent = parent_of(r)
        if parent:
            below[parent.name].append(r)
    return below


def instances_of(row):
    """The NSD instances that have the zone."""
    if row.zone is None:
        return set()
    behind = {SERVERS[n].instance for n in row.ns if n in SERVERS}
    return behind - {None, "empty"}


def address_rrs(server):
    if server.v4:
        yield f"{server.name} A {server.v4}"
    if server.v6:
        yield f"{server.name} AAAA {server.v6}"


def ds_rrs(row, ds):
    """The parent's DS for a child. ds is "TAG ALGORITHM DIGESTTYPE DIGEST" of
    the key that really signs."""
    tag, algorithm, digest_type, digest = ds.split()
    if row.ds == "none" or not row.signed:
        return []
    if row.ds == "no-such-key":
        tag, digest = str((int(tag) + 1) % 65536), digest[::-1]
    elif row.ds == "unknown-algorithm":
        algorithm = "200"
    elif row.ds == "unknown-digest":
        digest_type = "200"
    else:
        assert row.ds == "match", row.ds
    return [f"{row.name} DS {tag} {algorithm} {digest_type} {digest}"]


def delegation_rrs(parent, child, ds):
    for name in child.ns:
        yield f"{child.name} NS {name}"
        server = SERVERS.get(name)
        if server and server.glue and is_under(name, parent.name):
            yield from address_rrs(server)
    if ds:
        yield from ds_rrs(child, ds)


def zone_text(row, below, ds_of):
    """The unsigned zone file of one row. ds_of: {zone: DS RDATA}."""
    lines = [f"$ORIGIN {row.name}", f"$TTL {row.ttl}",
             f"@ SOA {row.ns[0]} hostmaster.alpha.lab. 1 3600 600 604800 {row.soa_minimum}"]
    lines += [f"@ NS {name}" for name in row.ns_child or row.ns]
    for server in SERVERS.values():
        if zone_of(server.name) is row:
            lines += address_rrs(server)
    for child in below[row.name]:
        lines += delegation_rrs(row, child, ds_of.get(child.name))
    lines = list(dict.fromkeys(lines))       # shared glue only once
    return "\n".join(lines) + "\n" + row.zone + "\n"


def check_table():
    """The mistakes that would make the lab show something else than it says."""
    names = [r.name for r in ROWS]
    assert len(names) == len(set(names)), "a zone is in the table twice"
    for r in ROWS:
        parent = parent_of(r)
        if parent:
            both = instances_of(r) & instances_of(parent)
            assert not both, f"{both} would serve {r.name} and its parent"
    for s in SERVERS.values():
        assert s.instance in INSTANCES or s.instance is None, s
