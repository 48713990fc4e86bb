#!/usr/bin/python3
"""What an answer from the cache costs: ours, the bare sockets, other resolvers.

    make bench-hits ARGS="--rounds 9"

Runs in the lab. METHOD.md says what each figure is.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import hits_servers
from machine import describe, halves, pin

DOMAINS = int(os.environ.get("LAB_MANY", 200))
BUILD = Path(os.environ.get("MX_BUILD", "build")).resolve()
OUT = BUILD / "bench"
MODES = {"plain": [], "DO": ["-e", "-D"]}
WARM_TRIES = 8
# Figures to be held, as ratios of CPU an answer.
FLOOR_MAX, UNBOUND_MAX = 1.15, 0.70
INSTRUCTIONS_MAX = 1000


# ---- the generator ----

def write_questions():
    from lab.domains import many
    path = Path(os.environ["LAB_DIR"]) / "questions"
    with open(path, "w") as out:
        for i in range(DOMAINS):
            out.write(f"{many(i)} MX\nmx.{many(i)} A\n")
    return path


def dnsperf(port, arguments):
    """Answers with NOERROR, all answers, lost, seconds."""
    done = subprocess.run(
        ["dnsperf", "-f", "inet", "-s", "127.0.0.1", "-p", str(port), *arguments],
        capture_output=True, text=True, timeout=120)
    out = done.stdout
    found = {key: float(m[1]) if (m := re.search(pattern, out)) else 0.0
             for key, pattern in (("good", r"NOERROR (\d+)"),
                                  ("answers", r"Queries completed:\s+(\d+)"),
                                  ("lost", r"Queries lost:\s+(\d+)"),
                                  ("seconds", r"Run time \(s\):\s+([\d.]+)"))}
    return found


def warm(server, questions):
    """Ask until all is answered, with and without DO. Or say why not."""
    for _ in range(WARM_TRIES):
        all_good = True
        for flags in MODES.values():
            found = dnsperf(server.port, ["-d", str(questions), "-n", "1", "-q", "40",
                                          "-t", "5", *flags])
            all_good = all_good and found["good"] == 2 * DOMAINS
        if all_good:
            return True
    print(f"{server.name}: left out, answers only {found['good']:.0f} of "
          f"{2 * DOMAINS} questions", file=sys.stderr)
    return False


def generator_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(server, questions, mode, options):
    cpu, generator = server.cpu_s(), generator_cpu_s()
    found = dnsperf(server.port, ["-d", str(questions), "-l", str(options.seconds),
                                  "-q", str(options.outstanding), *MODES[mode]])
    cpu = server.cpu_s() - cpu
    generator = generator_cpu_s() - generator
    return {"us": cpu / found["answers"] * 1e6,
            "qps": found["answers"] / found["seconds"],
            "lost": found["lost"],
            "busy": cpu / found["seconds"],
            "generator_busy": generator / found["seconds"]}


# ---- starting all ----

def start_all(servers_cpu, generator_cpu, questions):
    """Those that run and answer, in order."""
    started = {}
    for kind in hits_servers.ALL:
        server = kind(BUILD)
        if not server.there():
            print(f"{server.name}: left out, no {server.needs} (make bench-deps)",
                  file=sys.stderr)
            continue
        if server.needs == "dnsdist" and "Unbound" not in started:
            print("dnsdist: left out, there is no Unbound for it to ask", file=sys.stderr)
            continue
        pin(servers_cpu)
        server.start(started)
        pin(generator_cpu)
        if server.resolves and not warm(server, questions):
            server.stop()
            continue
        started[server.name] = server
    return started


# ---- the results ----

def middle(runs, key):
    values = [run[key] for run in runs]
    return statistics.median(values), min(values), max(values)


def ratios(rounds, name, other, mode):
    """Medians of what each round says: what else the machine does then, both
    have felt."""
    if name not in rounds or other not in rounds:
        return None
    return statistics.median(
        a["us"] / b["us"] for a, b in zip(rounds[name][mode], rounds[other][mode]))


def summarize(rounds):
    result = {}
    for name in rounds:
        result[name] = {}
        for mode in MODES:
            runs = rounds[name][mode]
            us, us_min, us_max = middle(runs, "us")
            busy, generator = middle(runs, "busy")[0], middle(runs, "generator_busy")[0]
            result[name][mode] = {
                "cpu_us": round(us, 3), "cpu_us_min": round(us_min, 3),
                "cpu_us_max": round(us_max, 3), "answers_s": round(middle(runs, "qps")[0]),
                "lost": int(sum(run["lost"] for run in runs)),
                "to_floor": ratios(rounds, name, "UDP echo", mode),
                "to_unbound": ratios(rounds, name, "Unbound", mode),
                "busy": round(busy, 2), "generator_busy": round(generator, 2),
                "limit": "generator" if generator > busy else "server"}
    return result


def instructions():
    """In user space, an answer, for batches of 64 and of one."""
    if not shutil.which("valgrind"):
        print("instructions: left out, no valgrind (make bench-deps)", file=sys.stderr)
        return {}
    found = {}
    for batch in (64, 1):
        for do in (0, 1):
            done = subprocess.run(
                ["valgrind", "--tool=callgrind", "--collect-atstart=no",
                 "--toggle-collect=answer", "--callgrind-out-file=/dev/null",
                 BUILD / "bench/hits_instructions", str(batch), str(do)],
                capture_output=True, text=True, timeout=120)
            answers = int(re.match(r"(\d+) answers", done.stdout)[1])
            count = int(re.search(r"Collected : (\d+)", done.stderr)[1])
            found[f"batch {batch}, DO={do}"] = round(count / answers)
    return found


def cell(ratio):
    return f"{ratio:.2f}" if ratio else "-"


def table(report):
    lines = [f"{report['machine']}, kernel {report['kernel']}, {report['date']}; "
             f"load before {report['load']:.1f}",
             f"{2 * DOMAINS} questions (MX, A) in the caches; {report['rounds']} rounds of "
             f"{report['seconds']} s each, interleaved; {report['outstanding']} outstanding",
             "",
             f"{'':20}{'':6}{'CPU us/answer':>14}{'min-max':>14}{'/ echo':>8}"
             f"{'/ Unbound':>10}{'answers/s':>11}{'lost':>6}  limit"]
    for mode in MODES:
        for name, modes in report["servers"].items():
            r = modes[mode]
            spread = f"{r['cpu_us_min']:.2f}-{r['cpu_us_max']:.2f}"
            lines.append(f"{name:20}{mode:6}{r['cpu_us']:>14.2f}{spread:>14}"
                         f"{cell(r['to_floor']):>8}{cell(r['to_unbound']):>10}"
                         f"{r['answers_s']:>11}{r['lost']:>6}  {r['limit']}")
    lines.append("")
    for what, limit in (("to_floor", FLOOR_MAX), ("to_unbound", UNBOUND_MAX)):
        for mode in MODES:
            ratio = report["servers"]["mxbound"][mode][what]
            if ratio:
                held = "held" if ratio <= limit else "missed"
                lines.append(f"mxbound {mode}: {what.replace('_', ' ')} {ratio:.2f}, "
                             f"at most {limit:.2f}: {held}")
    for what, count in report["instructions"].items():
        held = "" if not what.startswith("batch 64") else \
            ": held" if count <= INSTRUCTIONS_MAX else ": missed"
        lines.append(f"instructions in user space an answer, {what}: {count}"
                     + (f", at most {INSTRUCTIONS_MAX}{held}" if held else ""))
    return "\n".join(lines)


def chart(report):
    """Bars of CPU an answer, with lines from least to most."""
    bars = [(f"{name}, {mode}", modes[mode]) for name, modes in report["servers"].items()
            for mode in MODES]
    most = max(bar["cpu_us_max"] for _, bar in bars)
    height = 24
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 "
             f"{70 + height * len(bars)}' font-family='sans-serif' font-size='12'>",
             "<rect width='100%' height='100%' fill='white'/>",
             "<text x='10' y='24' font-size='16'>CPU of the server for one cached answer, "
             "in microseconds</text>",
             f"<text x='10' y='44' fill='#555'>{escape(report['machine'])}, "
             f"{report['date']}; median, least and most of {report['rounds']} rounds</text>"]
    for i, (name, bar) in enumerate(bars):
        y = 60 + i * height
        x, least, greatest = (180 + 500 * bar[k] / most
                              for k in ("cpu_us", "cpu_us_min", "cpu_us_max"))
        colour = "#d55e00" if name.startswith("mxbound") else "#0072b2"
        parts += [f"<text x='172' y='{y + 13}' text-anchor='end'>{escape(name)}</text>",
                  f"<rect x='180' y='{y}' width='{x - 180:.1f}' height='18' fill='{colour}'/>",
                  f"<path d='M{least:.1f} {y + 9}H{greatest:.1f}' stroke='#111'/>",
                  f"<text x='{greatest + 6:.1f}' y='{y + 13}'>{bar['cpu_us']:.2f}</text>"]
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--outstanding", type=int, default=200)
    parser.add_argument("--no-instructions", action="store_true")
    parser.add_argument("--only-instructions", action="store_true",
                        help="print them as JSON; needs no lab")
    options = parser.parse_args()
    if options.only_instructions:
        return print(json.dumps(instructions()))
    report = {**describe(), "rounds": options.rounds, "seconds": options.seconds,
              "outstanding": options.outstanding}

    questions = write_questions()
    started = start_all(*halves(), questions)
    rounds = {name: {mode: [] for mode in MODES} for name in started}
    try:
        for _ in range(options.rounds):
            for mode in MODES:
                for name, server in started.items():
                    rounds[name][mode].append(measure(server, questions, mode, options))
    finally:
        for server in reversed(started.values()):
            server.stop()
    report["servers"] = summarize(rounds)
    report["instructions"] = {} if options.no_instructions else instructions()
    report["runs"] = rounds

    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "hits.json").write_text(json.dumps(report, indent=1) + "\n")
    (OUT / "hits.svg").write_text(chart(report))
    print(table(report))


if __name__ == "__main__":
    main()
