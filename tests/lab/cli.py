"""A little Internet of mail domains, on loopback.

  lab run [options] -- COMMAND [ARGS]   run COMMAND in the lab, end with its status
  lab shell [options]                   a shell in the lab
  lab check [options] [ZONE...]         the lab's own test: Unbound is asked every row
  lab list                              print the table
  lab queries                           every quick question, a line each, for dnsperf -d

Inside a lab (in lab shell, say):
  lab relay SERVER [KEY=VALUE...]       how a server behaves; change it. SERVER * is all
  lab counts [forget]                   the queries each server has seen
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

from . import domains, labdir, namespace, sign
from .control import Control

HINT = """\
In the lab. Ask a root server, a TLD's, a provider's:
    dig @127.53.1.1 . NS +dnssec
    dig @127.53.2.1 healthy.lab DS +dnssec
    dig @127.53.10.1 healthy.lab MX +dnssec
The servers are in tests/lab/servers.py, the domains in tests/lab/domains.py.
LAB_ROOT_HINTS and LAB_TRUST_ANCHOR are for a resolver, $LAB_DIR holds the logs.
Ctrl-D leaves, and the lab is gone.
"""


def arguments():
    parser = argparse.ArgumentParser(prog="lab", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="do", required=True, metavar="COMMAND")
    for name in ("run", "shell", "check"):
        sub = commands.add_parser(name)
        sub.add_argument("--delay", type=float, default=0, metavar="MS",
                         help="of every round trip to every server")
        sub.add_argument("--loss", type=float, default=0, metavar="F",
                         help="fraction of UDP queries that get lost, 0 to 1")
        sub.add_argument("--ipv6", choices=("works", "silent", "none"), default="works",
                         help="silent: all IPv6 is a black hole; none: the host has no IPv6")
        if name != "check":
            sub.add_argument("--accounts", action="store_true",
                             help="with all accounts of the machine, not root alone; as root")
        if name == "run":
            sub.add_argument("command", nargs="+")
        if name == "check":
            sub.add_argument("zones", nargs="*")
    commands.add_parser("list")
    commands.add_parser("queries")
    relay = commands.add_parser("relay")
    relay.add_argument("server")
    relay.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    commands.add_parser("counts").add_argument("forget", nargs="?", choices=("forget",))
    return parser.parse_args()


def missing_packages():
    """Debian packages that the lab needs and cannot find."""
    path = os.environ.get("PATH", "") + namespace.SBIN
    needed = {"nsd": "nsd", "ldns-signzone": "ldnsutils", "ip": "iproute2",
              "unshare": "util-linux"}
    missing = [package for tool, package in needed.items() if not shutil.which(tool, path=path)]
    if not importlib.util.find_spec("dns"):
        missing.append("python3-dnspython")
    return missing


def run(options, command):
    """Sign outside, where the terminal is; then live and end with the lab."""
    if missing := missing_packages():
        print("lab: needs packages: apt-get install", *missing, file=sys.stderr)
        return namespace.CANNOT
    zone_files = {zone: str(path) for zone, path in sign.all_zones().items()}
    common = {"delay_ms": options.delay, "loss": options.loss, "ipv6": options.ipv6}
    lab_dir = labdir.make()
    (lab_dir / "zones.json").write_text(json.dumps(zone_files))
    here = str(Path(__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (here, os.environ.get("PYTHONPATH"))))
    try:
        return namespace.enter([sys.executable, "-m", "lab.inside", str(lab_dir),
                                json.dumps(common), *command],
                               accounts=getattr(options, "accounts", False))
    finally:
        shutil.rmtree(lab_dir, ignore_errors=True)


def print_table():
    for row in domains.ROWS:
        print(f"{row.name:28} {row.kind:11} {row.why}")
        if row.generated:
            continue
        for e in row.expects:
            count = "" if e.count is None else e.count
            owner = e.owner if len(e.owner) < 60 else e.owner[:57] + "..."
            print(f"    {owner:40} {e.type:7} {e.result:9} {e.state:9} {count}".rstrip())


def print_queries():
    """Without names that dnsperf cannot spell."""
    from .questions import quick         # it needs dnspython, of which list has no need
    for _, owner, rrtype in quick():
        if "\\" not in owner:
            print(owner, rrtype)


def value_of(text):
    """JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def relay(server, changes):
    with Control() as control:
        if changes:
            control.set(server, **{k: value_of(v) for k, v in
                                   (c.split("=", 1) for c in changes)})
        if server != "*":
            for key, value in control.get(server).items():
                print(f"{key}={json.dumps(value)}")


def counts(forget):
    with Control() as control:
        for server, name, rrtype, transport, n in sorted(control.counts()):
            print(f"{n:6}  {server:24} {transport}  {name} {rrtype}")
        if forget:
            control.forget()


def main():
    options = arguments()
    if options.do == "list":
        return print_table()
    if options.do == "queries":
        return print_queries()
    if options.do == "run":
        return run(options, options.command)
    if options.do == "shell":
        print(HINT, end="")
        return run(options, [os.environ.get("SHELL", "/bin/sh")])
    if options.do == "check":
        return run(options, [sys.executable, "-m", "lab.check", *options.zones])
    if "LAB_CONTROL" not in os.environ:
        sys.exit(f"lab: {options.do} works inside a lab only: lab shell")
    return relay(options.server, options.changes) if options.do == "relay" \
        else counts(options.forget)
