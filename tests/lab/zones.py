"""From the table to zone files: SOA, NS, server addresses, delegations."""

from .servers import INSTANCES, SERVERS
from .domains import ROWS


ZONES = {r.name: r for r in ROWS}


def is_under(name, origin):
    """Is name at or below origin? Both absolute."""
    return origin == "." or name == origin or name.endswith("." + origin)


def above(name):
    """"a.b." gives "b." and ".". No zone of the lab has an escaped dot."""
    while name != ".":
        name = name.partition(".")[2] or "."
        yield name


def parent_of(row):
    return next((ZONES[n] for n in above(row.name) if n in ZONES), None)


def zone_of(name):
    """The row whose zone holds that name."""
    return ZONES.get(name) or next(ZONES[n] for n in above(name) if n in ZONES)


def children():
    """{zone: [rows delegated from it]}"""
    below = {r.name: [] for r in ROWS}
    for r in ROWS:
        parent = parent_of(r)
        if parent:
            below[parent.name].append(r)
    return below


def servers_in():
    """{zone: [servers whose addresses it holds]}"""
    inside = {r.name: [] for r in ROWS}
    for server in SERVERS.values():
        inside[zone_of(server.name).name].append(server)
    return inside


def instances_of(row):
    """The NSD instances that have the zone."""
    if row.zone is None:
        return set()
    behind = {SERVERS[n].instance for n in row.ns if n in SERVERS}
    return (behind | set(row.also_at)) - {None, "empty"}


def address_rrs(server):
    if server.v4:
        yield f"{server.name} A {server.v4}"
    if server.v6:
        yield f"{server.name} AAAA {server.v6}"


def ds_rrs(row, ds):
    """The parent's DS for a child. ds is "TAG ALGORITHM DIGESTTYPE DIGEST" of
    the key that really signs, None when there is none."""
    if row.ds == "leftover":
        return [f"{row.name} DS 4711 13 2 {'5f' * 32}"]
    if row.ds == "none" or not ds:
        return []
    tag, algorithm, digest_type, digest = ds.split()
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
    yield from ds_rrs(child, ds)


def zone_text(row, below, inside, ds_of):
    """The unsigned zone file of one row. ds_of: {zone: DS RDATA}."""
    lines = [f"$ORIGIN {row.name}", f"$TTL {row.ttl}",
             f"@ SOA {row.ns[0]} hostmaster.alpha.lab. 1 3600 600 604800 {row.soa_minimum}"]
    lines += [f"@ NS {name}" for name in row.ns_child or row.ns]
    for server in inside[row.name]:
        lines += address_rrs(server)
    for child in below[row.name]:
        lines += delegation_rrs(row, child, ds_of.get(child.name))
    lines = list(dict.fromkeys(lines))       # shared glue only once
    return "\n".join(lines) + "\n" + row.zone + "\n"


def check_table():
    """The mistakes that would make the lab show something else than it says."""
    assert len(ROWS) == len(ZONES), "a zone is in the table twice"
    for r in ROWS:
        parent = parent_of(r)
        if parent:
            both = instances_of(r) & instances_of(parent)
            assert not both, f"{both} would serve {r.name} and its parent"
    for s in SERVERS.values():
        assert s.instance in INSTANCES or s.instance is None, s
