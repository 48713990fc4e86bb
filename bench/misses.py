#!/usr/bin/python3
"""How many cold signed names a second there can be, and what they cost whom.

    make bench-misses ARGS="--rounds 9"

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import hits
from cold import Cold
from hits_servers import cpu_by_program, processes
from machine import describe, halves, pin

BUILD, OUT = hits.BUILD, hits.OUT
OUTSTANDING = 100
SIGNATURES = 3               # that must be checked for one of the names, see cold.py
UNBOUND_MIN = 0.9            # to be held: our names a second by Unbound's
PROFILE_HZ = 1999
BUSY_MIN = 0.9               # else others had the processor, and names/s says little
# Libraries whose time is that of signatures.
CRYPTO = ("libhogweed", "libnettle", "libgmp", "libcrypto")


# ---- servers, placed ----

class Variant:
    """One way to run a server. apart: programs that get the other processor.
    library: folder of another libunbound."""

    def __init__(self, label, make, apart=(), library=None):
        self.label, self.make, self.apart, self.library = label, make, apart, library


def variants(cold, options):
    found = [Variant("mxbound", cold.ours), Variant("Unbound", cold.unbound),
             Variant("mxbound, front apart", cold.ours, ("mxbound-front",))]
    if options.library:
        found.append(Variant("mxbound, --library", cold.ours, library=options.library))
    return found


def move(server, programs, cpus):
    for pid in processes(server.process.pid):
        if Path(f"/proc/{pid}/comm").read_text().strip() in programs:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cpus)


def started(variant, cold, servers_cpu, generator_cpu):
    """A new one, so that it knows nothing but the way to cold."""
    server = variant.make()
    pin(servers_cpu)
    if variant.library:
        os.environ["LD_LIBRARY_PATH"] = variant.library
    try:
        server.start({})
    finally:
        os.environ.pop("LD_LIBRARY_PATH", None)
        pin(generator_cpu)
    move(server, variant.apart, generator_cpu)
    cold.introduce(server)
    return server


# ---- one round ----

def slice_of(cold, number, options):
    """The file of that round's names."""
    path = cold.questions.with_name("cold-slice")
    lines = cold.questions.read_text().splitlines(True)
    path.write_text("".join(lines[number * options.names:(number + 1) * options.names]))
    return path


def ask(server, path):
    return hits.dnsperf(server.port, ["-d", str(path), "-n", "1", "-q", str(OUTSTANDING),
                                      "-t", "5", "-e", "-D"])


def measure(server, path, cold):
    before, nsd = cpu_by_program(server.process.pid), cold.cpu_s()
    found = ask(server, path)
    after, nsd = cpu_by_program(server.process.pid), cold.cpu_s() - nsd
    used = {name: after[name] - before.get(name, 0) for name in after}
    return {"names_s": found["good"] / found["seconds"], "good": found["good"],
            "lost": found["lost"], "seconds": found["seconds"],
            "cpu_us": {name: s / found["good"] * 1e6 for name, s in used.items()},
            "total_us": sum(used.values()) / found["good"] * 1e6,
            "nsd_us": nsd / found["good"] * 1e6,
            "busy": sum(used.values()) / found["seconds"]}


def all_rounds(cold, servers_cpu, generator_cpu, options):
    runs = {}
    for number in range(options.rounds):
        path = slice_of(cold, number, options)
        order = variants(cold, options)[::-1 if number % 2 else 1]
        for variant in order:
            if not variant.make().there():
                print(f"{variant.label}: left out", file=sys.stderr)
                continue
            server = started(variant, cold, servers_cpu, generator_cpu)
            try:
                runs.setdefault(variant.label, []).append(measure(server, path, cold))
            finally:
                server.stop()
        print(f"misses: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return runs


# ---- where the time goes ----

def worker_of(server):
    """The process that validates: the resolver, or the daemon itself."""
    return next((pid for pid in processes(server.process.pid)
                 if Path(f"/proc/{pid}/comm").read_text().startswith("mxbound-resolve")),
                server.process.pid)


def perf_report(data, keys):
    done = subprocess.run(["perf", "report", "-i", data, "--stdio", "-q", "--percent-limit",
                           "0.3", "--sort", keys], capture_output=True, text=True, timeout=60)
    rows = re.findall(r"^\s*([\d.]+)%\s+(\S+)(?:\s+\[[.k]\]\s+(.+?))?\s*$", done.stdout, re.M)
    return [(float(share), dso, symbol) for share, dso, symbol in rows]


def profile(variant, cold, servers_cpu, generator_cpu, options):
    """Shares of the validating process's time in user space, by library."""
    data = str(cold.questions.with_name("perf.data"))
    server = started(variant, cold, servers_cpu, generator_cpu)
    try:
        perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock:u", "-F",
                                 str(PROFILE_HZ), "-o", data, "-p", str(worker_of(server))],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        ask(server, slice_of(cold, 0, options))
        perf.send_signal(2)
        _, said = perf.communicate(timeout=20)
    finally:
        server.stop()
    libraries = [(share, dso) for share, dso, _ in perf_report(data, "dso")]
    if not libraries:
        print(f"profile: perf says nothing: {said.strip()[:200]}", file=sys.stderr)
        return None
    return {"libraries": {dso: share for share, dso in libraries},
            "signatures_percent": round(sum(share for share, dso in libraries
                                            if dso.startswith(CRYPTO)), 1),
            "functions": [f"{share:.1f}% {dso} {symbol}"
                          for share, dso, symbol in perf_report(data, "dso,symbol")[:12]]}


def profiles(cold, servers_cpu, generator_cpu, options):
    if options.no_profile:
        return {}
    if not shutil.which("perf"):
        print("profile: left out, no perf (make bench-deps)", file=sys.stderr)
        return {}
    found = {}
    for variant in variants(cold, options)[:2]:
        if variant.make().there():
            found[variant.label] = profile(variant, cold, servers_cpu, generator_cpu, options)
    return {label: one for label, one in found.items() if one}


# ---- the results ----

def middle(values):
    return statistics.median(values)


def summary(rounds):
    programs = rounds[0]["cpu_us"]
    rates = [one["names_s"] for one in rounds]
    return {"names_s": round(middle(rates)), "names_s_min": round(min(rates)),
            "names_s_max": round(max(rates)), "lost": sum(one["lost"] for one in rounds),
            "cpu_us": {name: round(middle([one["cpu_us"].get(name, 0) for one in rounds]), 1)
                       for name in programs},
            "total_us": round(middle([one["total_us"] for one in rounds]), 1),
            "nsd_us": round(middle([one["nsd_us"] for one in rounds]), 1),
            "busy": round(middle([one["busy"] for one in rounds]), 2)}


def ratio(runs, label, key="names_s"):
    if label not in runs or "Unbound" not in runs:
        return None
    return round(middle([a[key] / b[key] for a, b in zip(runs[label], runs["Unbound"])]), 3)


def disturbed(servers):
    """Of the two that are compared, those that had not all of their processor."""
    return [name for name in ("mxbound", "Unbound")
            if name in servers and servers[name]["busy"] < BUSY_MIN]


def with_openssl(servers, cost):
    """What a libunbound linked with OpenSSL would give: every signature of a name
    that much cheaper, all else as measured."""
    ours, saved = servers["mxbound"]["total_us"], \
        SIGNATURES * (cost["nettle_us"] - cost["openssl_us"])
    found = {"total_us": round(ours - saved, 1),
             "names_s": round(servers["mxbound"]["names_s"] * ours / (ours - saved))}
    if "Unbound" in servers:
        found["cpu_to_unbound"] = round((ours - saved) / servers["Unbound"]["total_us"], 3)
        found["ratio"] = round(servers["Unbound"]["total_us"] / (ours - saved), 3)
    return found


def table(report):
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"{report['names']} cold signed names a round, other names each round; "
             f"{report['rounds']} rounds, {OUTSTANDING} outstanding, servers new each time", "",
             f"{'':22}{'names/s':>9}{'min-max':>14}{'/ Unbound':>11}{'CPU us/name':>13}"
             f"{'busy':>6}{'NSD us':>8}{'lost':>6}  of these"]
    for label, r in report["servers"].items():
        parts = ", ".join(f"{name} {us:.0f}" for name, us in r["cpu_us"].items() if us >= 0.5)
        to_unbound = report["ratios"].get(label)
        lines.append(f"{label:22}{r['names_s']:>9}"
                     f"{r['names_s_min']:>8}-{r['names_s_max']:<5}"
                     + (f"{to_unbound:>11.2f}" if to_unbound else f"{'-':>11}")
                     + f"{r['total_us']:>13.0f}{r['busy']:>6.2f}{r['nsd_us']:>8.0f}"
                       f"{r['lost']:>6.0f}  {parts}")
    cost = report["verify_cost"]
    lines += ["", f"one P-256 signature checked: nettle {cost['nettle_us']:.1f} us, OpenSSL "
                  f"{cost['openssl_us']:.1f} us; {SIGNATURES} a name"]
    for label, one in report["profile"].items():
        lines.append(f"profile of {label}: {one['signatures_percent']:.0f} % of its time in user "
                     "space in " + ", ".join(f"{dso} {share:.0f} %" for dso, share
                                             in one["libraries"].items()
                                             if dso.startswith(CRYPTO)))
    if "with_openssl" in report:
        w = report["with_openssl"]
        lines.append(f"linked with OpenSSL, computed: {w['total_us']:.0f} us a name, "
                     f"{w['names_s']} names/s"
                     + (f", {w['ratio']:.2f} of Unbound" if "ratio" in w else ""))
    for name in disturbed(report["servers"]):
        lines.append(f"{name} had {report['servers'][name]['busy']:.0%} of its processor: names a "
                     "second are no measure, CPU us/name is")
    found = report["ratios"].get("mxbound")
    if found:
        held = "held" if found >= UNBOUND_MIN else "missed"
        lines.append(f"mxbound: names a second to Unbound's {found:.2f}, "
                     f"at least {UNBOUND_MIN:.2f}: {held}")
    return "\n".join(lines)


def chart(report):
    """A bar for each server, of what its programs and NSD use for a name."""
    servers = report["servers"]
    most = max(r["total_us"] + r["nsd_us"] for r in servers.values())
    colours = {"mxbound-resolve": "#d55e00", "mxbound-front": "#e69f00", "unbound": "#0072b2",
               "NSD": "#bbbbbb"}
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 {110 + 34 * len(servers)}'"
             " font-family='sans-serif' font-size='12'>",
             "<rect width='100%' height='100%' fill='white'/>",
             "<text x='10' y='24' font-size='16'>CPU for one cold signed name, in "
             "microseconds</text>",
             f"<text x='10' y='44' fill='#555'>{escape(report['machine'])}, "
             f"{report['date']}</text>"]
    for i, (label, r) in enumerate(servers.items()):
        x, y = 160.0, 64 + 34 * i
        parts.append(f"<text x='152' y='{y + 16}' text-anchor='end'>{escape(label)}</text>")
        for name, us in [*r["cpu_us"].items(), ("NSD", r["nsd_us"])]:
            width = 520 * us / most
            parts.append(f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='24' "
                         f"fill='{colours.get(name, '#777777')}'/>")
            if width > 30:
                parts.append(f"<text x='{x + 4:.1f}' y='{y + 16}'>{us:.0f}</text>")
            x += width
    for i, (name, colour) in enumerate(colours.items()):
        y = 84 + 34 * len(servers)
        parts += [f"<rect x='{160 + 140 * i}' y='{y}' width='12' height='12' fill='{colour}'/>",
                  f"<text x='{178 + 140 * i}' y='{y + 11}'>{name}</text>"]
    return "\n".join(parts + ["</svg>", ""])


def verify_cost():
    done = subprocess.run([BUILD / "bench/verify_cost"], capture_output=True, text=True,
                          check=True, timeout=60)
    return json.loads(done.stdout)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--names", type=int, default=3700)
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--library", type=os.path.abspath, metavar="FOLDER",
                        help="a fourth server: ours with the libunbound.so.8 of FOLDER")
    return parser.parse_args()


def main():
    options = parse()
    report = {**describe(), "rounds": options.rounds, "names": options.names,
              "outstanding": OUTSTANDING, "signatures": SIGNATURES}
    servers_cpu, generator_cpu = halves()
    OUT.mkdir(parents=True, exist_ok=True)
    with Cold(BUILD, options.rounds * options.names, generator_cpu) as cold:
        runs = all_rounds(cold, servers_cpu, generator_cpu, options)
        report["profile"] = profiles(cold, servers_cpu, generator_cpu, options)
    pin(servers_cpu)
    report["verify_cost"] = verify_cost()
    report["servers"] = {label: summary(rounds) for label, rounds in runs.items()}
    report["ratios"] = {label: ratio(runs, label) for label in runs if label != "Unbound"}
    if "mxbound" in runs:
        report["with_openssl"] = with_openssl(report["servers"], report["verify_cost"])
    report["runs"] = runs
    (OUT / "misses.json").write_text(json.dumps(report, indent=1) + "\n")
    (OUT / "misses.svg").write_text(chart(report))
    print(table(report))


if __name__ == "__main__":
    main()
