#!/usr/bin/python3
"""All that is measured, one part after another, in one table.

    make bench
    make bench ARGS="--patience 3"     on a machine that has other work
    bench/bench.py [--patience N] [PART...]
    bench/bench.py --readme            the table of the last run, into README.md

Parts that fail, have no time left, or lack a peer are named; the others still
run. Exit status 0: all parts ran and every target was held; 1: not so.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import machine
import parts

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("MX_BUILD", "build")
OUT = BUILD / "bench"
LIMIT_S = 880
DOMAINS = 2000
GRACE_S = 8                    # for a part to end by itself when its time is over
PACKAGES = ("libunbound8", "libhogweed6", "libssl3", "libevent-2.1-7", "libjemalloc2",
            "unbound", "nsd", "pdns-recursor", "dnsdist", "knot-resolver", "dnsperf",
            "postfix-mta-sts-resolver", "gcc")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


# ---- running one part ----

class Screen:
    """One line that says what runs and for how long; on a terminal only."""

    def __init__(self, patience):
        self.patience, self.limit = patience, LIMIT_S * patience
        self.start, self.tty = time.monotonic(), sys.stderr.isatty()

    def used(self):
        return time.monotonic() - self.start

    def left(self):
        return self.limit - self.used()

    def show(self, part, since, log):
        if not self.tty:
            return
        last = (log.read_text(errors="replace").rstrip().splitlines() or [""])[-1]
        line = f"bench: {part.name}, {time.monotonic() - since:.0f} of at most " \
               f"{part.seconds * self.patience:.0f} s; {self.used():.0f} of " \
               f"{self.limit:.0f} s in all | {last}"
        print(f"\r\x1b[K{line[:118]}", end="", file=sys.stderr, flush=True)

    def say(self, words):
        print(("\r\x1b[K" if self.tty else "") + words, file=sys.stderr, flush=True)


def command_of(part):
    words = [word.format(bench=OUT) for word in part.command]
    return ["tests/lab/lab", "run", "--", *words] if part.in_lab else words


def end(process):
    """The lab ends what is in it when it is told to; else it is killed whole."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(part, screen):
    """None and what it printed, or why it failed."""
    since, most = time.monotonic(), min(part.seconds * screen.patience,
                                     screen.left() - GRACE_S)
    log, printed = OUT / "logs" / f"{part.name}.log", OUT / "logs" / f"{part.name}.out"
    unbuilt = [program for program in part.needs if not (OUT / program).exists()]
    if unbuilt:
        return f"has not been built: {', '.join(unbuilt)}", ""
    if most < 5:
        return "no time left", ""
    if part.result:
        (OUT / part.result).unlink(missing_ok=True)
    with open(log, "w") as err, open(printed, "w") as out:
        process = subprocess.Popen(command_of(part), cwd=ROOT, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err, start_new_session=True,
                                   env={**os.environ, "LAB_MANY": str(DOMAINS)})
        try:
            while process.poll() is None and time.monotonic() - since < most:
                screen.show(part, since, log)
                time.sleep(0.2)
        finally:
            late = process.poll() is None
            if late:
                end(process)
    if late:
        return f"not done after {most:.0f} s", ""
    if process.returncode != 0:
        return f"status {process.returncode}: " \
            + " ".join(log.read_text(errors="replace").split())[-300:], ""
    return None, printed.read_text()


def measure(part, screen, results, problems):
    """Its results into results, what was wrong into problems."""
    since = time.monotonic()
    why, printed = run(part, screen)
    if not why:
        try:
            results[part.name] = parts.read(part, printed, OUT)
            problems += [f"{part.name}: without {peer}"
                         for peer in part.missing(results[part.name])]
        except (OSError, ValueError, LookupError, TypeError) as error:
            why = f"cannot read what it found: {type(error).__name__}: {error}"
            results.pop(part.name, None)
    if why:
        problems.append(f"{part.name}: {why}")
    took = time.monotonic() - since
    screen.say(f"bench: {part.name}: {why or 'done'}, {took:.0f} s")
    return {"status": why or "done", "took_s": round(took, 1)}


# ---- the table ----

def rows_of(part, results, problems):
    if part.name not in results:
        return []
    everything = {**results, "cpus": len(os.sched_getaffinity(0))}
    try:
        return [vars(row) for row in part.rows(results[part.name], everything)]
    except (LookupError, TypeError, ZeroDivisionError) as error:
        problems.append(f"{part.name}: no row: {type(error).__name__}: {error}")
        return []


def number(value, unit=""):
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


HEAD = ("figure", "ours", "floor or peer", "ratio", "target", "")


def cells(row):
    held = {True: "held", False: "MISSED", None: ""}[row["held"]]
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
    return (row["figure"], number(row["ours"], row["unit"]), row["peer"], ratio,
            row["target"], held)


def text_table(rows):
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def markdown_table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(cells(row)) + " |" for row in rows])


def caption(report):
    versions = report["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("unbound", "libunbound8")
                      if name in versions)
    return f"{report['machine']}, kernel {report['kernel']}, {report['date']}" \
        + (f"; {named}" if named else "") + f"; load before {report['load']}"


# ---- all ----

def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT,
                          capture_output=True, text=True)
    return done.stdout.strip()


def run_all(chosen, patience):
    (OUT / "logs").mkdir(parents=True, exist_ok=True)
    report = {**machine.describe(), "commit": commit(), "versions": machine.versions(PACKAGES)}
    screen, results, problems, states = Screen(patience), {}, [], {}
    for i, part in enumerate(chosen):
        screen.say(f"bench: {i + 1} of {len(chosen)}: {part.name}, {part.why}")
        states[part.name] = measure(part, screen, results, problems)
    rows = [row for part in chosen for row in rows_of(part, results, problems)]
    return {**report, "took_s": round(screen.used()), "rows": rows, "problems": problems,
            "parts": {name: {**state, "found": results.get(name)}
                      for name, state in states.items()}}


def readme():
    report = json.loads((OUT / "bench.json").read_text())
    text = (ROOT / "README.md").read_text()
    before, _, rest = text.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        sys.exit(f"bench: README.md has no {BEGIN} ... {END}")
    body = f"\n{caption(report)}, commit {report['commit']}\n\n{markdown_table(report['rows'])}\n"
    if report["problems"]:
        body += "\nNot measured: " + "; ".join(report["problems"]) + "\n"
    (ROOT / "README.md").write_text(before + BEGIN + "\n" + body + "\n" + END + after)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--patience", type=float, default=1, metavar="N",
                        help="every limit of time so many times as long")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("part", nargs="*", help=", ".join(p.name for p in parts.PARTS))
    options = parser.parse_args()
    unknown = [name for name in options.part if not parts.by_name(name)]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}")
    return options


def main():
    options = parse()
    if options.readme:
        return readme()
    chosen = [p for p in parts.PARTS if not options.part or p.name in options.part]
    report = run_all(chosen, options.patience)
    # A part alone does not take the place of all.
    name = "bench.json" if not options.part else "bench-part.json"
    (OUT / name).write_text(json.dumps(report, indent=1) + "\n")
    print(caption(report) + "\n\n" + text_table(report["rows"]))
    missed = sum(row["held"] is False for row in report["rows"])
    print(f"\n{sum(row['held'] is True for row in report['rows'])} held, {missed} missed; "
          f"{report['took_s']} s; {OUT.relative_to(ROOT) if OUT.is_relative_to(ROOT) else OUT}/{name}")
    for problem in report["problems"]:
        print(f"not measured: {problem}", file=sys.stderr)
    return 1 if missed or report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
