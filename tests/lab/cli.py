"""tests/lab/lab: a little Internet of mail domains, on loopback.

  lab run [--delay MS] [--loss F] -- COMMAND [ARGS]   run COMMAND in the lab
  lab shell [--delay MS] [--loss F]                   a shell in the lab
  lab list                                            print the table
  lab check                                           ask Unbound every row
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from . import domains, namespace, sign

HINT = """\
In the lab. Ask the root, a TLD, a provider:
    dig @127.53.1.1 . NS +dnssec        dig @127.53.2.1 healthy.lab DS
    dig @127.53.10.1 healthy.lab MX +dnssec
All servers: tests/lab/servers.py. What is in LAB_DIR: {names}
Ctrl-D leaves, and the lab is gone.
"""


def arguments():
    parser = argparse.ArgumentParser(prog="lab", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="do", required=True)
    for name, text in (("run", "run a command in the lab"), ("shell", "a shell in the lab"),
                       ("check", "ask Unbound every row of the table")):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("--delay", type=float, default=0, metavar="MS",
                         help="added to every round trip to every server")
        sub.add_argument("--loss", type=float, default=0, metavar="F",
                         help="fraction of UDP queries that get lost, 0 to 1")
        if name == "run":
            sub.add_argument("command", nargs="+")
    commands.add_parser("list", help="print the table")
    return parser.parse_args()


def run(options, command):
    """Sign outside, where the terminal is; then live and end with the lab."""
    sign.all_zones()
    common = {"delay_ms": options.delay, "loss": options.loss}
    lab_dir = Path(tempfile.mkdtemp(prefix="lab-"))
    here = str(Path(__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = here + os.pathsep + os.environ.get("PYTHONPATH", "")
    try:
        return namespace.enter([sys.executable, "-m", "lab.inside", str(lab_dir),
                                json.dumps(common), *command])
    finally:
        shutil.rmtree(lab_dir, ignore_errors=True)


def print_table():
    for row in domains.ROWS:
        print(f"{row.name:24} {row.kind:12} {row.why}")
        if row.generated:
            continue
        for e in row.expects:
            count = "" if e.count is None else e.count
            print(f"{'':24} {'':12}   {e.owner} {e.type} {e.result} {e.state} {count}")


def main():
    options = arguments()
    if options.do == "list":
        return print_table()
    if options.do == "run":
        return run(options, options.command)
    if options.do == "shell":
        print(HINT.format(names="root.hints, trust-anchor, control.sock"), end="")
        return run(options, [os.environ.get("SHELL", "/bin/sh")])
    return run(options, [sys.executable, "-m", "lab.check"])
