"""docs/example-route.c, the route engine's own example, as the tests run it."""

import re
import subprocess
from dataclasses import dataclass

from lab.domains import ROWS
from mxbound import BUILD, PATIENCE

TREE = {"tree", "reverse", "dnsbl"}     # no mail domains
MAIL = [row for row in ROWS if row.kind not in TREE and not row.generated]

HOST = re.compile(r"(\d+) (\S+) (\S+) (\S+)(.*)")
TLSA = re.compile(r"  TLSA at (\S+): (\d+) of (\d+) usable")


def run_example(server, domain):
    """It asks that server; the finished process."""
    done = subprocess.run([BUILD / "example-route", domain, "127.0.0.1", str(server.port)],
                          capture_output=True, text=True, timeout=100 * PATIENCE)
    assert not done.stderr, done.stderr
    return done


@dataclass
class Host:
    preference: int
    name: str
    state: str
    level: str
    addresses: list
    tlsa_base: str = ""
    tlsa_usable: int = 0
    tlsa_count: int = 0


@dataclass
class Route:
    outcome: str
    hosts: list
    text: str


def route(server, domain):
    """What it says, taken apart; every line is understood."""
    text = run_example(server, domain).stdout
    first, *lines = text.splitlines()
    hosts = []
    for line in lines:
        if tlsa := TLSA.fullmatch(line):
            hosts[-1].tlsa_base = tlsa[1]
            hosts[-1].tlsa_usable, hosts[-1].tlsa_count = int(tlsa[2]), int(tlsa[3])
        else:
            preference, name, state, level, addresses = HOST.fullmatch(line).groups()
            hosts.append(Host(int(preference), name, state, level, addresses.split()))
    return Route(first.partition(":")[0], hosts, text)
