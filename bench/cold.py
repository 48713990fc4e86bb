"""Cold signed names, and servers that have never heard of them.

The names are the MX of cold_zones' children: each is the apex of a signed zone
of its own below cold. and costs a server that is asked for the first time
a referral, a DNSKEY and an MX, and three ECDSA P-256 signatures to be checked.

Two NSDs answer, parent and children apart, on 127.55.0.1 and .2, without the
lab's relay, whose own work would be measured. Servers get a stub zone
and a trust anchor for cold.; all else they know from the lab.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query

import hits_servers
from lab import nsd
from machine import pin

PARENT, CHILDREN = "127.55.0.1", "127.55.0.2"
FRESH_S = 3 * 86400
READY_S = 60
AHEAD = 16               # names that a server is asked before it is measured


def name(i):
    return f"c{i:07d}.cold"


def make_zones(build, count, kind="cold", *options):
    """Their folder; made anew when there are too few or they are days old."""
    folder, program = build / "bench" / kind, build / "bench/cold_zones"
    stamp = folder / "made"
    try:
        age = time.time() - stamp.stat().st_mtime
        if 0 <= age < FRESH_S and stamp.stat().st_mtime > program.stat().st_mtime \
                and json.loads(stamp.read_text()) >= count:
            return folder
    except (OSError, ValueError):
        pass
    stamp.unlink(missing_ok=True)
    subprocess.run([program, *options, str(count), folder], check=True, timeout=300)
    stamp.write_text(json.dumps(count))
    return folder


def wait_answer(process, address, zone):
    deadline = time.monotonic() + READY_S
    query = dns.message.make_query(zone, "SOA")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if dns.query.udp(query, address, timeout=0.5).answer:
                return
        except (OSError, dns.exception.DNSException):
            time.sleep(0.05)
    raise SystemExit(f"cold: the NSD of {zone} does not answer")


def stop(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Cold:
    """with Cold(build, 10000, cpus) as cold: its NSDs run, on these processors."""

    def __init__(self, build, count, cpus):
        self.build, self.count, self.cpus = build, count, cpus

    def __enter__(self):
        folder = make_zones(self.build, self.count + AHEAD)
        self.anchor = folder / "anchor"
        self.questions = Path(os.environ["LAB_DIR"]) / "cold-questions"
        self.questions.write_text("".join(f"{name(i)} MX\n"
                                          for i in range(self.count + AHEAD)))
        pin(self.cpus)
        children = {name(i): folder / f"child/{i}" for i in range(self.count + AHEAD)}
        lab_dir = Path(os.environ["LAB_DIR"])
        self.nsds = [nsd.start(lab_dir / "cold-parent", PARENT, {"cold": folder / "parent"}),
                     nsd.start(lab_dir / "cold-children", CHILDREN, children)]
        wait_answer(self.nsds[0], PARENT, "cold")
        wait_answer(self.nsds[1], CHILDREN, name(self.count - 1))
        return self

    def __exit__(self, *exc):
        stop(self.nsds)

    def cpu_s(self):
        return sum(sum(hits_servers.cpu_by_program(one.pid).values()) for one in self.nsds)

    def ours(self):
        both = Path(os.environ["LAB_DIR"]) / "cold-anchors"
        both.write_text(Path(os.environ["LAB_TRUST_ANCHOR"]).read_text()
                        + self.anchor.read_text())
        server = hits_servers.Ours(self.build)
        # Only the questions that the clients ask, as the others do.
        server.more = (f"stub-zone: cold. {PARENT}", f"trust-anchor-file: {both}",
                       "mail-prefetch: no")
        return server

    def unbound(self):
        server = hits_servers.UnboundDaemon(self.build)
        server.more = (f'    trust-anchor-file: "{self.anchor}"',
                       "stub-zone:", '    name: "cold."', f"    stub-addr: {PARENT}")
        return server

    def introduce(self, server):
        """So that the keys of cold. and its servers are known: the last names,
        which nobody measures, are asked. They must be answered, and be secure."""
        for i in range(self.count, self.count + AHEAD):
            query = dns.message.make_query(name(i), "MX", want_dnssec=True)
            reply = dns.query.udp(query, "127.0.0.1", port=server.port, timeout=5)
            if not reply.answer or not reply.flags & dns.flags.AD:
                raise SystemExit(f"{server.name}: {name(i)} MX is not secure")
