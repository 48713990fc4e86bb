"""Cold mail routes behind a delay: a root, a TLD and domains of their own.

The domains are cold_zones' children as "cold_zones -r" makes them, each a signed
zone with three exchangers inside it. Three NSDs answer, for the root, cold. and
the children; before them is the lab's relay, on the addresses that delegations
name, which delays, loses and counts what is asked.
"""

import ipaddress
import os
import subprocess
from pathlib import Path

import dns.flags
import dns.message
import dns.query

import cold
import hits_servers
from lab import nsd
from machine import pin

AHEAD = 8                # domains by which a server learns the way to cold.
EXCHANGERS = 3
# As cold_zones.c has them: name server i of network n is at 127.55.n.i. The NSD
# behind is at 127.55.n.100, which nobody names.
NETS = {"root": (1, "root."), "parent": (2, "nic.cold."), "child": (3, "child.cold.")}
SERVERS = 2


def addresses(net, i):
    return f"127.55.{net}.{i}", f"fd00:55::{net}:{i}"


def behind(net):
    return f"127.55.{net}.100"


def host(domain, i=1):
    return f"mx{i}.{domain}"


def tlsa(domain, i=1):
    return f"_25._tcp.{host(domain, i)}"


def add_ipv6():
    """The relay can only be where there is an address."""
    lines = [f"address add {addresses(net, i)[1]}/128 dev lo nodad"
             for net, _ in NETS.values() for i in range(1, SERVERS + 1)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                   check=True, timeout=10)


class ColdRoutes:
    """with ColdRoutes(build, 1000, cpus, relay) as routes: NSDs and relay run on
    these processors, and servers that are started find this root and no other.
    relay: a lab.control.Control."""

    def __init__(self, build, count, cpus, relay):
        self.build, self.count, self.cpus, self.relay = build, count, cpus, relay
        self.nsds = []

    def __enter__(self):
        total = self.count + AHEAD
        folder = cold.make_zones(self.build, total, "cold-routes", "-r")
        zones = {"root": {".": folder / "root"}, "parent": {"cold": folder / "parent"},
                 "child": {cold.name(i): folder / f"child/{i}" for i in range(total)}}
        pin(self.cpus)
        os.sched_setaffinity(self.relay.pid(), self.cpus)
        add_ipv6()
        for which, (net, below) in NETS.items():
            lab_dir = Path(os.environ["LAB_DIR"])
            self.nsds.append(nsd.start(lab_dir / f"routes-{which}", behind(net), zones[which]))
            cold.wait_answer(self.nsds[-1], behind(net), list(zones[which])[-1])
            for i in range(1, SERVERS + 1):
                self.relay.add(f"ns{i}.{below}", *addresses(net, i), behind(net))
        hints = Path(os.environ["LAB_DIR"]) / "routes-hints"
        hints.write_text("".join(self.hints()))
        os.environ["LAB_ROOT_HINTS"] = str(hints)
        os.environ["LAB_TRUST_ANCHOR"] = str(folder / "anchor")
        return self

    def __exit__(self, *exc):
        cold.stop(self.nsds)

    @staticmethod
    def hints():
        net, below = NETS["root"]
        for i in range(1, SERVERS + 1):
            yield f". 3600000 NS ns{i}.{below}\n"
            for address in addresses(net, i):
                rrtype = "AAAA" if ipaddress.ip_address(address).version == 6 else "A"
                yield f"ns{i}.{below} 3600000 {rrtype} {address}\n"

    def ours(self, *options):
        server = hits_servers.Ours(self.build)
        server.more = ("ipv6-upstream: yes", *options)
        return server

    def unbound(self, label, minimisation):
        server = hits_servers.UnboundDaemon(self.build)
        server.name = label
        server.more = (f"    qname-minimisation: {minimisation}",)
        return server

    def introduce(self, server):
        """So that root and cold. are known, their keys and how fast their servers
        are, as after a day's work. The last domains, which nobody measures, are
        asked for. They must be answered, and be secure."""
        for i in range(self.count, self.count + AHEAD):
            domain = cold.name(i)
            for name, rrtype in ((domain, "MX"), (host(domain), "A"), (host(domain), "AAAA"),
                                 (tlsa(domain), "TLSA")):
                query = dns.message.make_query(name, rrtype, want_dnssec=True)
                reply = dns.query.udp(query, "127.0.0.1", port=server.port, timeout=10)
                if not reply.answer or not reply.flags & dns.flags.AD:
                    raise SystemExit(f"{server.name}: {name} {rrtype} is not secure")
