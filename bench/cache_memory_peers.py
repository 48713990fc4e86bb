#!/usr/bin/python3
"""What a million plain MX and A answers take in Unbound, and in all of mxbound.

    cache_memory_peers.py [--answers N] [--build DIRECTORY]

In a network namespace of its own: an NSD answers a wildcard, each server is
asked for N names once, MX and A in turn, and forwards to it. Taken is the growth
of RSS (Pss of all its processes) from ready to full. Then NSD is ended and a
sample of 2,000 names is asked again: what is not answered was not kept. The names and
answers are those of cache_memory.c. Results in JSON, one line each.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from lab import nsd                                  # noqa: E402

AUTHORITY = 5301
PORT = 5302
SAMPLE = 2000
UNSHARE = ["unshare", "--map-root-user", "--net", "--pid", "--fork",
           "--kill-child", "--mount-proc"]

ZONE = """\
$TTL 86400
@   SOA ns hostmaster 1 7200 3600 1209600 3600
@   NS  ns
ns  A   127.0.0.1
*   MX  10 mx1
*   MX  20 mx2
*   A   192.0.2.1
mx1 A   192.0.2.1
mx2 A   192.0.2.2
"""

# Caches so large that nothing is evicted; the rest is Debian's default. No
# trust anchor: the answers are plain.
UNBOUND = """\
server:
    interface: 127.0.0.1@{port}
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: "{folder}/unbound.log"
    num-threads: 1
    module-config: "validator iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
    minimal-responses: yes
    outgoing-range: 4096
    num-queries-per-thread: 2048
    msg-cache-size: 2g
    rrset-cache-size: 2g
remote-control:
    control-enable: no
forward-zone:
    name: "mail.test."
    forward-addr: 127.0.0.1@{authority}
"""


def children_of(pid):
    """pid and all that it started, however far down."""
    found = [pid]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def memory(process):
    """Octets of each program; a page that several share is shared out."""
    total = {}
    for pid in children_of(process.pid):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        octets = int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1)) * 1024
        total[name_of(pid)] = total.get(name_of(pid), 0) + octets
    return total


def write_questions(path, numbers):
    with open(path, "w") as out:
        for n in numbers:
            out.write(f"n{n:07d}.mail.test {'A' if n % 2 else 'MX'}\n")


def ask(path, outstanding, timeout_s, port=PORT):
    """How many dnsperf says were answered with NOERROR."""
    done = subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(path), "-n", "1",
         "-q", str(outstanding), "-t", str(timeout_s)],
        capture_output=True, text=True, check=True)
    answered = re.search(r"NOERROR (\d+)", done.stdout)
    return int(answered.group(1)) if answered else 0


def wait_ready(folder, port, process):
    write_questions(folder / "one", [0])
    for _ in range(50):
        if process.poll() is not None:
            break
        if ask(folder / "one", 1, 0.2, port) == 1:
            return
        time.sleep(0.1)
    raise SystemExit(f"{process.args[0]} is not ready, see {folder}")


def start(folder, command, port):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=open(folder / "output", "a"),
                               stderr=subprocess.STDOUT)
    wait_ready(folder, port, process)
    return process


def stop(process):
    process.terminate()
    process.wait(30)


def start_nsd(folder):
    (folder / "zone").write_text(ZONE)
    process = nsd.start(folder / "nsd", f"127.0.0.1@{AUTHORITY}", {"mail.test": folder / "zone"})
    wait_ready(folder, AUTHORITY, process)
    return process


def unbound(folder, build):
    (folder / "unbound.conf").write_text(
        UNBOUND.format(folder=folder, port=PORT, authority=AUTHORITY))
    return ["unbound", "-d", "-c", str(folder / "unbound.conf")]


def mxbound(folder, build):
    settings = [f"listen=127.0.0.1@{PORT}", f"forward-zone=mail.test. 127.0.0.1@{AUTHORITY}",
                "resolver-option=do-not-query-localhost: no",
                "resolver-option=domain-insecure: mail.test.",
                "cache-size=256m", "workers=1", "resolvers=1", "control-socket=no"]
    return [str(build / "mxbound")] + [w for s in settings for w in ("--set", s)]


def measure(what, make_command, folder, build, answers):
    authority = start_nsd(folder)
    server = start(folder, make_command(folder, build), PORT)
    before = memory(server)
    begin = time.monotonic()
    write_questions(folder / "all", range(answers))
    answered = ask(folder / "all", 200, 5)
    took_s = time.monotonic() - begin
    after = memory(server)
    stop(authority)
    write_questions(folder / "sample", range(1, answers, max(1, answers // SAMPLE)))
    sampled = sum(1 for _ in open(folder / "sample"))
    kept = ask(folder / "sample", 50, 1)
    stop(server)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    print(json.dumps({
        "what": what, "answers": answered, "seconds": round(took_s, 1),
        "kept_share": round(kept / sampled, 4),
        "grown_mib": {n: round(g / 2**20, 1) for n, g in grown.items()},
        "octets_each": {n: round(g / answers, 1) for n, g in grown.items()},
    }), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--answers", type=int, default=1000000)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--only", choices=["unbound", "mxbound"])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        os.execvp("unshare", [*UNSHARE, sys.executable, *sys.argv, "--inside"])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # dnsperf asks for an address that is not loopback's before it believes
    # that there is IPv4.
    subprocess.run(["ip", "-batch", "-"], check=True, text=True,
                   input="link set lo up\naddress add 198.18.255.53/32 dev lo\n")
    for what, command in [("unbound", unbound), ("mxbound", mxbound)]:
        if options.only in (None, what):
            with tempfile.TemporaryDirectory(prefix="memory-") as folder:
                measure(what, command, Path(folder), options.build.resolve(),
                        options.answers)


if __name__ == "__main__":
    main()
